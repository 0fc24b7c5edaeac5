/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What happens to domains, told to one listener, in the order in which it happened.
 */
#pragma once

#include "driver/wire/params.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Numbers are libvirt's event ids. */
typedef enum
{
  COP_DOMAIN_EVENT_LIFECYCLE = 0,
  COP_DOMAIN_EVENT_REBOOT = 1,
  COP_DOMAIN_EVENT_BALLOON_CHANGE = 13,
  COP_DOMAIN_EVENT_TUNABLE = 17,
  COP_DOMAIN_EVENT_AGENT_LIFECYCLE = 18,
  COP_DOMAIN_EVENT_DEVICE_ADDED = 19,
  COP_DOMAIN_EVENT_JOB_COMPLETED = 21,
  COP_DOMAIN_EVENT_METADATA_CHANGE = 23,
  COP_DOMAIN_EVENT_LAST = 27, /* ids that a client may register for are below */
} CopDomainEventKind;

/* Of COP_DOMAIN_EVENT_LIFECYCLE; details are libvirt's numbers. */
typedef enum
{
  COP_LIFECYCLE_DEFINED,
  COP_LIFECYCLE_UNDEFINED,
  COP_LIFECYCLE_STARTED,
  COP_LIFECYCLE_SUSPENDED,
  COP_LIFECYCLE_RESUMED,
  COP_LIFECYCLE_STOPPED,
  COP_LIFECYCLE_SHUTDOWN,
  COP_LIFECYCLE_PMSUSPENDED,
  COP_LIFECYCLE_CRASHED,
} CopLifecycle;

/* Of COP_DOMAIN_EVENT_AGENT_LIFECYCLE; libvirt's numbers. */
enum
{
  COP_AGENT_CONNECTED = 1,
  COP_AGENT_DISCONNECTED = 2,

  COP_AGENT_BY_CHANNEL = 2, /* why: the guest has opened or closed it */
};

/* A value, on the stack of who tells. */
typedef struct
{
  CopDomainEventKind kind;
  const uint8_t *uuid;
  const char *name;
  int id; /* -1: not running */
  int event, detail; /* LIFECYCLE: what and why; AGENT_LIFECYCLE: state and reason;
                        METADATA_CHANGE: event is the type */
  const char *text; /* (nullable): METADATA_CHANGE: the URI */
  uint64_t value; /* BALLOON_CHANGE: memory that the guest has now, in KiB */
  CopParams *params; /* (nullable): of JOB_COMPLETED and TUNABLE */
} CopDomainEvent;

/* Called on any thread, with locks held: must neither block nor ask the driver. */
typedef void (*CopDomainEventFunc) (const CopDomainEvent *event, gpointer data);
