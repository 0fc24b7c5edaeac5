/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is done to a running domain, and what follows from what its machine does by itself.
 *
 *   the machine            libvirt's word   action            then
 *   guest is off           on_poweroff      destroy|preserve  stopped | paused, shutting down
 *   guest wants a reboot   on_reboot        destroy|preserve  stopped | paused, shutting down
 *   guest reports failure  on_crash         destroy|preserve  stopped, crashed | crashed
 *   the process is gone    on_crash         restart           started again, if it ran for a while
 *                                           others            stopped, crashed
 *
 * "restart" of the first three is done by the process itself: it is told so at its start.
 */
#include "driver/domain-private.h"

#include <sys/wait.h>

/* One that dies sooner would do so for ever. */
#define RESTART_AFTER_US (2 * G_USEC_PER_SEC)

typedef enum
{
  WORK_VM_EVENT,
  WORK_DESTROY,
  WORK_ACTIONS,
  WORK_GO_ON,
} WorkKind;

/* What is to be done on a thread that may wait. */
typedef struct
{
  WorkKind kind;
  CopDomain *domain; /* (owned) */
  CopVm *vm; /* (owned) (nullable) */
  CopVmEvent event;
} Work;

static void
queue (CopDomain *domain, WorkKind kind, CopVm *vm, const CopVmEvent *event)
{
  CopDriver *driver = domain->driver;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&driver->lock);
  Work *work;

  if (driver->closing)
    return;
  work = g_new0 (Work, 1);
  work->kind = kind;
  work->domain = g_object_ref (domain);
  work->vm = vm != NULL ? g_object_ref (vm) : NULL;
  if (event != NULL)
    work->event = *event;
  g_thread_pool_push (driver->pool, work, NULL);
}

void
cop_domain_queue_vm_event (CopDomain *domain, CopVm *vm, const CopVmEvent *event)
{
  queue (domain, WORK_VM_EVENT, vm, event);
}

void
cop_domain_queue_go_on (CopDomain *domain)
{
  queue (domain, WORK_GO_ON, NULL, NULL);
}

/* On the supervisor's thread, which must not wait. */
void
cop_domain_on_vm_event (CopVm *vm, const CopVmEvent *event, gpointer data)
{
  const CopDomainEvent reboot = { .kind = COP_DOMAIN_EVENT_REBOOT };
  CopDomain *domain = data;

  switch (event->kind)
    {
    case COP_VM_EVENT_RESET:
      cop_domain_tell (domain, &reboot);
      queue (domain, WORK_ACTIONS, vm, NULL);
      break;

    case COP_VM_EVENT_CHANNEL:
      cop_domain_channel_changed (domain, event->channel, event->open);
      break;

    case COP_VM_EVENT_FOUND:
      cop_domain_found_again (domain, vm);
      break;

    case COP_VM_EVENT_BALLOON:
      cop_domain_balloon_changed (domain, event->balloon);
      break;

    case COP_VM_EVENT_LAST:
      break;

    case COP_VM_EVENT_ENDED:
      queue (domain, WORK_VM_EVENT, vm, event);
      break;

    case COP_VM_EVENT_GONE:
      /* Who asked for it is waiting for it, and does what follows. */
      if (!event->asked)
        queue (domain, WORK_VM_EVENT, vm, event);
      break;
    }
}

typedef enum
{
  ENDED_OFF,
  ENDED_REBOOT,
  ENDED_CRASH,
} EndedHow;

static EndedHow
how_ended (const CopVmEvent *event)
{
  if (event->kind == COP_VM_EVENT_GONE)
    return ENDED_CRASH;
  switch (event->end.reason)
    {
    case COP_END_RESET:
      return ENDED_REBOOT;

    case COP_END_FAILURE:
    case COP_END_DIFFERENT:
      return ENDED_CRASH;

    case COP_END_TOHOST:
      return event->end.code == 0 ? ENDED_OFF : ENDED_CRASH;

    case COP_END_NONE:
    case COP_END_POWEROFF:
    case COP_END_INSTRUCTIONS:
    case COP_END_HALTED:
      break;
    }
  return ENDED_OFF;
}

static void
log_death (CopDomain *domain, const CopVmEvent *event)
{
  g_autofree char *log = cop_paths_log (domain->driver->paths, domain->name);

  if (event->kind != COP_VM_EVENT_GONE)
    return;
  if (event->wait_status != -1 && WIFSIGNALED (event->wait_status))
    g_warning ("the process of domain '%s' was ended by signal %d; see %s", domain->name,
               WTERMSIG (event->wait_status), log);
  else if (event->wait_status != -1)
    g_warning ("the process of domain '%s' ended with status %d; see %s", domain->name,
               WEXITSTATUS (event->wait_status), log);
  else
    g_warning ("the process of domain '%s' ended; see %s", domain->name, log);
}

/* Keeps the machine as it is, for who wants to look at it; until destroy. */
static void
preserve (CopDomain *domain, EndedHow how)
{
  g_mutex_lock (&domain->lock);
  if (how == ENDED_CRASH)
    cop_domain_set_state (domain, COP_DOMAIN_CRASHED, COP_CRASHED_PANICKED);
  else
    cop_domain_set_state (domain, COP_DOMAIN_PAUSED, COP_PAUSED_SHUTTING_DOWN);
  g_mutex_unlock (&domain->lock);
  cop_domain_save_status (domain, NULL);
  if (how == ENDED_CRASH)
    cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_CRASHED, 0);
  else
    cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_SUSPENDED, 0);
}

/* Starts a machine of the same configuration in place of the one that is gone. */
static bool
restart (CopDomain *domain, bool autodestroy, gconstpointer owner, CopDomainConfig *config)
{
  g_autoptr (GError) error = NULL;
  bool ok;

  g_mutex_lock (&domain->lock);
  domain->autodestroy = autodestroy;
  domain->owner = owner;
  g_mutex_unlock (&domain->lock);
  cop_domain_config_clear_live (config);
  ok = cop_domain_launch (domain, config, -1, NULL, &error) &&
       cop_domain_let_run (domain, false, COP_RUNNING_CRASHED, 0, &error);
  if (!ok)
    g_warning ("domain '%s' cannot be started again: %s", domain->name, error->message);
  return ok;
}

/* By the holder of the job. */
static void
follow_end (CopDomain *domain, const CopVmEvent *event)
{
  EndedHow how = how_ended (event);
  const CopDomainConfig *config = domain->running;
  const CopDomainAction action = how == ENDED_OFF      ? config->on_poweroff
                                 : how == ENDED_REBOOT ? config->on_reboot
                                                       : config->on_crash;
  bool gone = event->kind == COP_VM_EVENT_GONE;
  CopDomainReason reason = how == ENDED_CRASH ? COP_SHUTOFF_CRASHED : COP_SHUTOFF_SHUTDOWN;
  int detail = how == ENDED_CRASH ? 2 : 0;
  bool lived = g_get_real_time () - domain->started >= RESTART_AFTER_US;
  bool autodestroy = domain->autodestroy;
  gconstpointer owner = domain->owner;

  log_death (domain, event);
  if (action == COP_DOMAIN_ACTION_PRESERVE && !gone)
    {
      preserve (domain, how);
      return;
    }
  if (how != ENDED_CRASH)
    cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_SHUTDOWN, 1);
  if (action == COP_DOMAIN_ACTION_RESTART && lived)
    {
      CopDomainConfig *copy = cop_domain_config_copy (config);
      bool defined;

      /* A transient domain would be gone between the two machines. */
      g_mutex_lock (&domain->lock);
      defined = domain->defined;
      domain->defined = true;
      g_mutex_unlock (&domain->lock);
      cop_domain_stop (domain, !gone, reason, detail);
      restart (domain, autodestroy, owner, copy);
      g_mutex_lock (&domain->lock);
      domain->defined = defined;
      g_mutex_unlock (&domain->lock);
      cop_domain_refresh_status (domain);
      cop_driver_forget_if_gone (domain->driver, domain);
      return;
    }
  cop_domain_stop (domain, !gone, reason, detail);
}

/* Whether @vm is still the machine of @domain. */
static bool
is_current (CopDomain *domain, CopVm *vm)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  return domain->vm == vm && !domain->driver->closing;
}

static void
work_vm_event (CopDomain *domain, CopVm *vm, const CopVmEvent *event)
{
  /* Whatever holds the domain is about to notice that its machine has ended. */
  while (is_current (domain, vm))
    if (cop_domain_begin_job (domain, COP_JOB_MODIFY, NULL))
      {
        if (is_current (domain, vm))
          follow_end (domain, event);
        cop_domain_end_job (domain);
        return;
      }
    else
      g_usleep (G_USEC_PER_SEC / 10);
}

/* The guest began anew, as it was asked to: from now on power off means that again. */
static void
work_actions (CopDomain *domain, CopVm *vm)
{
  CopVmActions actions = { 0 };
  bool reset = false;

  g_mutex_lock (&domain->lock);
  if (domain->vm == vm && domain->rebooting)
    {
      domain->rebooting = false;
      actions = cop_domain_actions (domain->running);
      reset = true;
    }
  g_mutex_unlock (&domain->lock);
  if (reset)
    cop_vm_set_actions (vm, &actions, NULL);
}

void
cop_domain_work (gpointer data, G_GNUC_UNUSED gpointer driver)
{
  Work *work = data;

  switch (work->kind)
    {
    case WORK_VM_EVENT:
      work_vm_event (work->domain, work->vm, &work->event);
      break;

    case WORK_DESTROY:
      cop_domain_destroy (work->domain, false, NULL);
      break;

    case WORK_ACTIONS:
      work_actions (work->domain, work->vm);
      break;

    case WORK_GO_ON:
      cop_domain_go_on (work->domain);
      break;
    }
  g_clear_object (&work->vm);
  g_object_unref (work->domain);
  g_free (work);
}

void
cop_driver_connection_closed (CopDriver *driver, gconstpointer connection)
{
  g_autoptr (GPtrArray) domains = cop_driver_list (driver, COP_LIST_ACTIVE);

  for (guint i = 0; i < domains->len; i++)
    {
      CopDomain *domain = domains->pdata[i];
      bool mine;

      g_mutex_lock (&domain->lock);
      mine = domain->autodestroy && domain->owner == connection;
      g_mutex_unlock (&domain->lock);
      if (mine)
        queue (domain, WORK_DESTROY, NULL, NULL);
    }
}

/* Begins a job on a domain that must be active. */
static bool
begin_active (CopDomain *domain, CopJobKind kind, GError **error)
{
  bool active;

  if (!cop_domain_begin_job (domain, kind, error))
    return false;
  g_mutex_lock (&domain->lock);
  active = cop_domain_need_active (domain, error);
  g_mutex_unlock (&domain->lock);
  if (!active)
    cop_domain_end_job (domain);
  return active;
}

static void
set_state (CopDomain *domain, CopDomainState state, CopDomainReason reason, CopLifecycle event,
           int detail)
{
  g_mutex_lock (&domain->lock);
  cop_domain_set_state (domain, state, reason);
  g_mutex_unlock (&domain->lock);
  cop_domain_save_status (domain, NULL);
  cop_domain_tell_lifecycle (domain, event, detail);
}

bool
cop_domain_suspend (CopDomain *domain, GError **error)
{
  bool ok = true;

  if (!begin_active (domain, COP_JOB_MODIFY, error))
    return false;
  if (domain->state == COP_DOMAIN_RUNNING)
    {
      ok = cop_vm_pause (domain->vm, error);
      if (ok)
        set_state (domain, COP_DOMAIN_PAUSED, COP_PAUSED_USER, COP_LIFECYCLE_SUSPENDED, 0);
    }
  else if (domain->state != COP_DOMAIN_PAUSED)
    ok = cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID, _ ("domain is not running"));
  cop_domain_end_job (domain);
  return ok;
}

bool
cop_domain_resume (CopDomain *domain, GError **error)
{
  bool ok;

  if (!begin_active (domain, COP_JOB_MODIFY, error))
    return false;
  if (domain->state == COP_DOMAIN_RUNNING)
    ok =
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID, _ ("domain is already running"));
  else if (domain->state != COP_DOMAIN_PAUSED || domain->reason == COP_PAUSED_SHUTTING_DOWN)
    ok = cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                          _ ("the guest has ended; reset or destroy the domain"));
  else
    {
      ok = cop_vm_resume (domain->vm, error);
      if (ok)
        set_state (domain, COP_DOMAIN_RUNNING, COP_RUNNING_UNPAUSED, COP_LIFECYCLE_RESUMED, 0);
    }
  cop_domain_end_job (domain);
  return ok;
}

bool
cop_domain_reset (CopDomain *domain, GError **error)
{
  const CopDomainEvent reboot = { .kind = COP_DOMAIN_EVENT_REBOOT };
  bool ok;

  if (!begin_active (domain, COP_JOB_MODIFY, error))
    return false;
  ok = cop_vm_reset (domain->vm, error);
  if (ok)
    cop_domain_tell (domain, &reboot);
  cop_domain_end_job (domain);
  return ok;
}

/* @reboot: what follows the guest's power off is a new beginning, whatever on_poweroff says */
static bool
press_button (CopDomain *domain, bool reboot, GError **error)
{
  CopVmActions actions;

  g_mutex_lock (&domain->lock);
  actions = cop_domain_actions (domain->running);
  domain->rebooting = reboot;
  g_mutex_unlock (&domain->lock);
  if (reboot)
    actions.restart_on_poweroff = true;
  return cop_vm_set_actions (domain->vm, &actions, error) &&
         cop_vm_press_power_button (domain->vm, error);
}

bool
cop_domain_shutdown (CopDomain *domain, G_GNUC_UNUSED unsigned flags, GError **error)
{
  bool ok;

  if (!begin_active (domain, COP_JOB_MODIFY, error))
    return false;
  ok = press_button (domain, false, error);
  cop_domain_end_job (domain);
  return ok;
}

bool
cop_domain_reboot (CopDomain *domain, G_GNUC_UNUSED unsigned flags, GError **error)
{
  bool ok;

  if (!begin_active (domain, COP_JOB_MODIFY, error))
    return false;
  ok = press_button (domain, true, error);
  cop_domain_end_job (domain);
  return ok;
}

bool
cop_domain_destroy (CopDomain *domain, bool graceful, GError **error)
{
  if (!begin_active (domain, COP_JOB_STOP, error))
    return false;
  /* Should this daemon be killed now, the next one must not take it for a crash. */
  cop_domain_save_status (domain, "stop");
  cop_domain_stop (domain, graceful, COP_SHUTOFF_DESTROYED, 1);
  cop_domain_end_job (domain);
  return true;
}
