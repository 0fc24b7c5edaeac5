/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Jobs: who holds a domain, for how long the next one waits, how far it is. See domain.h.
 */
#include "driver/domain-private.h"

/* As libvirt: what holds a domain longer is named in the error. */
#define WAIT_US (30 * G_USEC_PER_SEC)
/* How long a stop lets a cancelled job put things in order before it kills the machine under it. */
#define STOP_WAIT_US (2 * G_USEC_PER_SEC)
/* Callers beyond these are refused at once: each one holds a thread. */
#define WAITERS_MAX 64

COP_NAMES (cop_job_names, COP_JOB_LAST, "none", "modify", "start", "stop", "save", "restore",
           "dump");

static bool
has_progress (CopJobKind kind)
{
  return kind == COP_JOB_SAVE || kind == COP_JOB_RESTORE || kind == COP_JOB_DUMP;
}

/* With the mutex held. Returns: whether the domain is free now */
static bool
wait_free (CopDomain *domain, gint64 until)
{
  while (domain->job != COP_JOB_NONE)
    if (!g_cond_wait_until (&domain->job_done, &domain->lock, until))
      break;
  return domain->job == COP_JOB_NONE;
}

/* With the mutex held: nothing that a job does to a dead machine takes long. */
static void
kill_under_job (CopDomain *domain)
{
  g_autoptr (CopVm) vm = domain->vm != NULL ? g_object_ref (domain->vm) : NULL;

  if (vm == NULL)
    return;
  domain->killing = true;
  g_mutex_unlock (&domain->lock);
  cop_vm_destroy (vm, false);
  g_mutex_lock (&domain->lock);
}

bool
cop_domain_begin_job (CopDomain *domain, CopJobKind kind, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);
  gint64 start = g_get_monotonic_time ();
  bool free;

  if (domain->job_waiters >= WAITERS_MAX)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_FAILED,
                            _ ("too many calls wait for domain '%s', which is held by job '%s'"),
                            domain->name, cop_names_to_string (&cop_job_names, domain->job));
  domain->job_waiters++;
  if (kind == COP_JOB_STOP && domain->job != COP_JOB_NONE)
    {
      if (domain->cancellable != NULL)
        g_cancellable_cancel (domain->cancellable);
      if (!wait_free (domain, start + STOP_WAIT_US))
        kill_under_job (domain);
    }
  free = wait_free (domain, start + WAIT_US);
  domain->job_waiters--;
  if (!free)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_TIMEOUT,
                            _ ("cannot acquire state change lock (held by job '%s')"),
                            cop_names_to_string (&cop_job_names, domain->job));
  if (domain->removed)
    return cop_driver_fail (error, COP_DRIVER_ERROR_NO_DOMAIN,
                            _ ("no domain with matching uuid '%s' (%s)"), domain->uuid_text,
                            domain->name);
  domain->job = kind;
  if (has_progress (kind))
    {
      domain->cancellable = g_cancellable_new ();
      domain->progress = (CopJobInfo){ .kind = kind,
                                       .type = COP_JOB_TYPE_UNBOUNDED,
                                       .started = g_get_monotonic_time () };
    }
  cop_driver_change_busy (domain->driver, 1);
  return true;
}

void
cop_job_info_describe (const CopJobInfo *job, CopParams *params)
{
  /* libvirt's VIR_DOMAIN_JOB_OPERATION_* */
  static const int operations[COP_JOB_LAST] = {
    [COP_JOB_START] = 1,
    [COP_JOB_SAVE] = 2,
    [COP_JOB_RESTORE] = 3,
    [COP_JOB_DUMP] = 8,
  };
  gint64 end = job->ended != 0 ? job->ended : g_get_monotonic_time ();
  guint64 remaining = job->total - MIN (job->done, job->total);

  cop_params_add_int (params, "operation", operations[job->kind]);
  cop_params_add_ullong (params, "time_elapsed", (end - job->started) / 1000);
  cop_params_add_ullong (params, "data_total", job->total);
  cop_params_add_ullong (params, "data_processed", job->done);
  cop_params_add_ullong (params, "data_remaining", remaining);
  cop_params_add_ullong (params, "memory_total", job->total);
  cop_params_add_ullong (params, "memory_processed", job->done);
  cop_params_add_ullong (params, "memory_remaining", remaining);
  if (job->ended != 0)
    cop_params_add_boolean (params, "success", job->type == COP_JOB_TYPE_COMPLETED);
}

/* With the mutex held. */
static void
tell_completed (CopDomain *domain)
{
  g_auto (CopParams) params = COP_PARAMS_INIT;
  const CopDomainEvent event = { .kind = COP_DOMAIN_EVENT_JOB_COMPLETED, .params = &params };

  cop_job_info_describe (&domain->completed, &params);
  cop_domain_tell_locked (domain, &event);
}

void
cop_domain_end_job (CopDomain *domain)
{
  g_mutex_lock (&domain->lock);
  if (has_progress (domain->job))
    {
      g_clear_object (&domain->cancellable);
      domain->progress.ended = g_get_monotonic_time ();
      if (domain->progress.type == COP_JOB_TYPE_BOUNDED ||
          domain->progress.type == COP_JOB_TYPE_UNBOUNDED)
        domain->progress.type = COP_JOB_TYPE_FAILED;
      domain->completed = domain->progress;
      domain->progress = (CopJobInfo){ 0 };
      tell_completed (domain);
    }
  domain->job = COP_JOB_NONE;
  domain->killing = false;
  /* One that waits to stop the domain must not be passed over by others: all look who comes first.
   */
  g_cond_broadcast (&domain->job_done);
  g_mutex_unlock (&domain->lock);
  cop_driver_change_busy (domain->driver, -1);
}

GCancellable *
cop_domain_job_cancellable (CopDomain *domain)
{
  return domain->cancellable;
}

void
cop_domain_set_job_progress (CopDomain *domain, guint64 done, guint64 total)
{
  g_mutex_lock (&domain->lock);
  domain->progress.done = done;
  domain->progress.total = total;
  if (domain->progress.type == COP_JOB_TYPE_UNBOUNDED)
    domain->progress.type = COP_JOB_TYPE_BOUNDED;
  g_mutex_unlock (&domain->lock);
}

void
cop_domain_set_job_result (CopDomain *domain, CopJobType type)
{
  g_mutex_lock (&domain->lock);
  domain->progress.type = type;
  g_mutex_unlock (&domain->lock);
}

bool
cop_domain_abort_job (CopDomain *domain, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  if (!cop_domain_need_active (domain, error))
    return false;
  if (domain->cancellable == NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                            _ ("no job is active on the domain"));
  g_cancellable_cancel (domain->cancellable);
  return true;
}

CopJobInfo
cop_domain_job_info (CopDomain *domain, bool completed)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  return completed ? domain->completed : domain->progress;
}
