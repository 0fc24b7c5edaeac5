/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A domain as libvirt's clients see it: a definition, or what runs, or both.
 *
 *               define                 start
 *   (nothing) ----------> shut off <------------> running <--> paused
 *       ^                    |  stop, destroy       |
 *       |      undefine      |                      | stop, when there is no definition (transient)
 *       +--------------------+----------------------+
 *
 * Two locks: a job (job.h) is held for as long as a change takes; the mutex only to read or set
 * members, never while waiting.
 */
#pragma once

#include "driver/job.h"

/* libvirt's numbers of states */
typedef enum
{
  COP_DOMAIN_NOSTATE, COP_DOMAIN_RUNNING, COP_DOMAIN_BLOCKED, COP_DOMAIN_PAUSED,
  COP_DOMAIN_SHUTDOWN, COP_DOMAIN_SHUTOFF, COP_DOMAIN_CRASHED, COP_DOMAIN_PMSUSPENDED,
} CopDomainState;

#define COP_TYPE_DOMAIN (cop_domain_get_type ())
G_DECLARE_FINAL_TYPE (CopDomain, cop_domain, COP, DOMAIN, GObject)

/* What a client's handle says: taken at one moment. */
typedef struct
{
  char    name[256];
  uint8_t uuid[16];
  int     id;                   /* -1: not running */
} CopDomainRef;

void cop_domain_ref_get (CopDomain *domain, CopDomainRef *ref);
