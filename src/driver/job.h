/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A job is a change to one domain that takes several steps: start, save, suspend. One runs at a time
 * and the next one waits, up to a limit; domains do not know of each other's jobs.
 *
 *   COP_JOB_MODIFY    waits for any other job
 *   COP_JOB_SAVE ...  the same; has progress, can be aborted, and lets destroy pass
 *   COP_JOB_DESTROY   aborts what can be aborted, does not wait for it to agree
 *
 * What only asks (info, state, XML, statistics) needs no job: it takes the domain's lock, which
 * nobody holds while waiting for a process or a disk.
 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum
{
  COP_JOB_NONE,
  COP_JOB_MODIFY,
  COP_JOB_START,
  COP_JOB_SAVE,
  COP_JOB_RESTORE,
  COP_JOB_DUMP,
  COP_JOB_DESTROY,
  COP_JOB_LAST
} CopJobKind;

/* How far the job with progress is, or how the last one ended. Bytes, us. */
typedef struct
{
  CopJobKind kind;
  unsigned   type;              /* libvirt's: 0 none, 1 bounded, 2 unbounded, 3 completed, 4 failed, 5 cancelled */
  int64_t    started, ended;    /* g_get_monotonic_time() */
  uint64_t   total, done;
  char      *message;           /* (owned) (nullable): why it failed */
} CopJobInfo;
