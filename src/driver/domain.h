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
 * Three locks, taken in this order:
 *
 *   job      held for as long as a change takes: start, save, suspend. One at a time; the next waits
 *            up to a limit. Destroy cancels a save and does not wait for long.
 *   store    held while the definition is written; what writes it needs no job
 *   mutex    only to read or set members, never while waiting for a process, a disk or a guest. What
 *            only asks (info, state, XML, statistics) takes nothing else.
 */
#pragma once

#include "common/names.h"
#include "driver/vm.h"
#include "driver/wire/params.h"
#include "xml/domain-config.h"

#include <gio/gio.h>

typedef struct _CopDriver CopDriver;

/* libvirt's numbers of states */
typedef enum
{
  COP_DOMAIN_NOSTATE,
  COP_DOMAIN_RUNNING,
  COP_DOMAIN_BLOCKED,
  COP_DOMAIN_PAUSED,
  COP_DOMAIN_SHUTDOWN,
  COP_DOMAIN_SHUTOFF,
  COP_DOMAIN_CRASHED,
  COP_DOMAIN_PMSUSPENDED,
} CopDomainState;

/* libvirt's numbers of reasons, of each state */
typedef enum
{
  COP_RUNNING_BOOTED = 1,
  COP_RUNNING_RESTORED = 3,
  COP_RUNNING_UNPAUSED = 5,
  COP_RUNNING_SAVE_CANCELED = 7,
  COP_RUNNING_CRASHED = 9,

  COP_PAUSED_USER = 1,
  COP_PAUSED_SAVE = 3,
  COP_PAUSED_DUMP = 4,
  COP_PAUSED_SHUTTING_DOWN = 8,
  COP_PAUSED_STARTING_UP = 11,

  COP_SHUTDOWN_USER = 1,

  COP_SHUTOFF_UNKNOWN = 0,
  COP_SHUTOFF_SHUTDOWN = 1,
  COP_SHUTOFF_DESTROYED = 2,
  COP_SHUTOFF_CRASHED = 3,
  COP_SHUTOFF_SAVED = 5,
  COP_SHUTOFF_FAILED = 6,

  COP_CRASHED_PANICKED = 1,
} CopDomainReason;

/* What holds a domain. */
typedef enum
{
  COP_JOB_NONE,
  COP_JOB_MODIFY, /* suspend, resume, attach, rename, ... */
  COP_JOB_START,
  COP_JOB_STOP, /* destroy, and what follows when a guest ends */
  COP_JOB_SAVE, /* has progress and can be cancelled, as the ones below */
  COP_JOB_RESTORE,
  COP_JOB_DUMP,
  COP_JOB_LAST
} CopJobKind;

extern const CopNames cop_job_names;

/* libvirt's numbers of job types */
typedef enum
{
  COP_JOB_TYPE_NONE,
  COP_JOB_TYPE_BOUNDED,
  COP_JOB_TYPE_UNBOUNDED,
  COP_JOB_TYPE_COMPLETED,
  COP_JOB_TYPE_FAILED,
  COP_JOB_TYPE_CANCELLED,
} CopJobType;

/* How far the job with progress is, or how the last one ended. */
typedef struct
{
  CopJobKind kind;
  CopJobType type;
  gint64 started, ended; /* g_get_monotonic_time(); ended 0: not yet */
  guint64 total, done; /* bytes */
} CopJobInfo;

#define COP_TYPE_DOMAIN (cop_domain_get_type ())
G_DECLARE_FINAL_TYPE (CopDomain, cop_domain, COP, DOMAIN, GObject)

/**
 * cop_domain_begin_job:
 *
 * Waits until no other job holds @domain, at most 30 seconds; COP_JOB_STOP cancels one that can be
 * cancelled and kills the machine under one that does not end.
 *
 * Errors: %COP_DRIVER_ERROR_OPERATION_TIMEOUT, naming what holds it; %COP_DRIVER_ERROR_NO_DOMAIN when
 * it is gone meanwhile
 */
bool cop_domain_begin_job (CopDomain *domain, CopJobKind kind, GError **error);
void cop_domain_end_job (CopDomain *domain);

/* The cancellable of the job with progress. Returns: (transfer none): valid until the job's end */
GCancellable *cop_domain_job_cancellable (CopDomain *domain);
void cop_domain_set_job_progress (CopDomain *domain, guint64 done, guint64 total);

/* How the job with progress ended; told to listeners by cop_domain_end_job(). */
void cop_domain_set_job_result (CopDomain *domain, CopJobType type);

/* Cancels the job with progress. Errors: %COP_DRIVER_ERROR_OPERATION_INVALID when there is none */
bool cop_domain_abort_job (CopDomain *domain, GError **error);

/* @completed: the last one that ended, not the one under way */
CopJobInfo cop_domain_job_info (CopDomain *domain, bool completed);

/* Appends libvirt's description of @job. */
void cop_job_info_describe (const CopJobInfo *job, CopParams *params);
