/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What happens to domains, told to whoever listens: in the order in which it happened, on a thread
 * of its own, so that who tells never waits for who listens.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Numbers are libvirt's event ids. */
typedef enum
{
  COP_DOMAIN_EVENT_LIFECYCLE         = 0,
  COP_DOMAIN_EVENT_REBOOT            = 1,
  COP_DOMAIN_EVENT_RTC_CHANGE        = 2,
  COP_DOMAIN_EVENT_IO_ERROR          = 4,
  COP_DOMAIN_EVENT_CONTROL_ERROR     = 7,
  COP_DOMAIN_EVENT_TUNABLE           = 17,
  COP_DOMAIN_EVENT_AGENT_LIFECYCLE   = 18,
  COP_DOMAIN_EVENT_JOB_COMPLETED     = 21,
  COP_DOMAIN_EVENT_METADATA_CHANGE   = 23,
  COP_DOMAIN_EVENT_LAST              = 27       /* ids a client may ask for are below */
} CopDomainEventKind;

typedef enum
{
  COP_LIFECYCLE_DEFINED, COP_LIFECYCLE_UNDEFINED, COP_LIFECYCLE_STARTED, COP_LIFECYCLE_SUSPENDED,
  COP_LIFECYCLE_RESUMED, COP_LIFECYCLE_STOPPED, COP_LIFECYCLE_SHUTDOWN, COP_LIFECYCLE_PMSUSPENDED,
  COP_LIFECYCLE_CRASHED,
} CopLifecycle;

/* A value: what the domain was called when it happened, and what happened. */
typedef struct
{
  CopDomainEventKind kind;
  uint8_t uuid[16];
  char   *name;                 /* (owned) */
  int     id;                   /* -1: not running */
  int     event, detail;        /* LIFECYCLE: what and why, libvirt's numbers; AGENT_LIFECYCLE: state
                                   and reason; METADATA_CHANGE: event is the type */
  char   *text;                 /* (owned) (nullable): METADATA_CHANGE: the URI */
  GPtrArray *params;            /* (owned) (nullable): JOB_COMPLETED, TUNABLE: CopParam */
} CopDomainEvent;

typedef struct CopDomainEvents CopDomainEvents;
typedef void (*CopDomainEventFunc) (const CopDomainEvent *event, gpointer data);

CopDomainEvents *cop_domain_events_new (void);

/* Tells what is waiting, then ends the thread. */
void cop_domain_events_free (CopDomainEvents *events);

/* Takes @event (transfer full) and returns at once. */
void cop_domain_events_tell (CopDomainEvents *events, CopDomainEvent *event);

/* Returns: a number for cop_domain_events_forget() */
unsigned cop_domain_events_listen (CopDomainEvents *events, CopDomainEventFunc func, gpointer data);

/* When it returns, the listener is not called any more. Not to be called by a listener. */
void cop_domain_events_forget (CopDomainEvents *events, unsigned listener);

void cop_domain_event_free (CopDomainEvent *event);
