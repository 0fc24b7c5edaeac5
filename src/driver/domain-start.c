/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a configuration to a running machine, and the end of one.
 */
#include "driver/domain-private.h"

#include "common/fd.h"

CopVmActions
cop_domain_actions (const CopDomainConfig *config)
{
  return (CopVmActions){
    .restart_on_poweroff = config->on_poweroff == COP_DOMAIN_ACTION_RESTART,
    .restart_on_reboot = config->on_reboot == COP_DOMAIN_ACTION_RESTART,
    .restart_on_crash = config->on_crash == COP_DOMAIN_ACTION_RESTART,
  };
}

/* Shows the pseudo-terminals in the live document. */
static void
set_terminals (CopDomainConfig *config, const CopVmLive *live)
{
  for (guint i = 0; i < config->serials->len; i++)
    {
      CopDomainChardev *serial = config->serials->pdata[i];

      if (serial->source.type == COP_CHARDEV_PTY && live->serial_tty != NULL)
        {
          g_free (serial->source.path);
          serial->source.path = g_strdup (live->serial_tty);
        }
    }
  for (guint i = 0; i < config->consoles->len; i++)
    {
      CopDomainChardev *console = config->consoles->pdata[i];
      const char *tty =
        console->target == COP_CHARDEV_TARGET_VIRTIO ? live->console_tty : live->serial_tty;

      if (console->source.type != COP_CHARDEV_PTY || tty == NULL)
        continue;
      g_free (console->source.path);
      g_free (console->tty);
      console->source.path = g_strdup (tty);
      console->tty = g_strdup (tty);
    }
}

static void
set_channel_terminals (CopDomainConfig *config, const CopVmLive *live)
{
  for (guint i = 0; i < config->channels->len && i < G_N_ELEMENTS (live->channel_ttys); i++)
    {
      CopDomainChardev *channel = config->channels->pdata[i];

      if (live->channel_ttys[i] == NULL)
        continue;
      g_free (channel->source.path);
      channel->source.path = g_strdup (live->channel_ttys[i]);
    }
}

/* Shows what the kernel called the taps. */
static void
set_taps (CopDomainConfig *config, const CopVmLive *live)
{
  for (guint i = 0; i < config->interfaces->len && i < G_N_ELEMENTS (live->taps); i++)
    {
      CopDomainInterface *interface = config->interfaces->pdata[i];

      if (live->taps[i] == NULL)
        continue;
      g_free (interface->target);
      interface->target = g_strdup (live->taps[i]);
    }
}

bool
cop_domain_launch (CopDomain *domain, CopDomainConfig *config, int memory_fd,
                   const CopMachineState *state, GError **error)
{
  CopDriver *driver = domain->driver;
  g_autoptr (CopDomainConfig) owned = config;
  g_autofree char *log = cop_paths_log (driver->paths, config->name);
  g_autoptr (GMutexLocker) locker = NULL;
  CopVmLive live = { NULL };
  CopVmLaunch launch = {
    .config = config,
    .id = cop_driver_next_id (driver),
    .run_dir = driver->paths->run_dir,
    .log_path = log,
    .actions = cop_domain_actions (config),
    .memory_fd = memory_fd,
    .state = state,
  };
  const CopVmEvent gone = { .kind = COP_VM_EVENT_GONE, .wait_status = -1 };
  CopVm *vm;

  config->id = launch.id;
  cop_domain_config_assign_aliases (config);
  cop_domain_prepare_channels (domain, config);
  if (g_mkdir_with_parents (driver->paths->log_dir, 0700) < 0)
    launch.log_path = NULL; /* a machine without a log is better than none */
  vm = cop_vm_start (&launch, cop_domain_on_vm_event, g_object_ref (domain), g_object_unref, &live,
                     error);
  if (vm == NULL)
    {
      cop_domain_remove_channels (config);
      return false;
    }
  set_terminals (config, &live);
  set_channel_terminals (config, &live);
  set_taps (config, &live);
  cop_vm_live_clear (&live);
  cop_driver_change_busy (driver, 1);
  locker = g_mutex_locker_new (&domain->lock);
  g_clear_pointer (&domain->running, cop_domain_config_free);
  domain->running = g_steal_pointer (&owned);
  domain->vm = vm;
  domain->id = launch.id;
  cop_domain_refresh_from_counters (domain);
  domain->started = g_get_real_time ();
  domain->updated = false;
  domain->rebooting = false;
  cop_domain_set_state (domain, COP_DOMAIN_PAUSED, COP_PAUSED_STARTING_UP);
  /* Had it died before it was known here, its event found nobody. */
  if (cop_vm_status (vm) == COP_VM_GONE)
    cop_domain_queue_vm_event (domain, vm, &gone);
  return true;
}

bool
cop_domain_let_run (CopDomain *domain, bool paused, CopDomainReason reason, int detail,
                    GError **error)
{
  /* The next daemon, if this one is killed right here, lets the machine run, too. */
  cop_domain_save_status (domain, paused ? "start-paused" : "start");
  if (!paused && !cop_vm_resume (domain->vm, error))
    {
      cop_domain_stop (domain, false, COP_SHUTOFF_FAILED, 5);
      return false;
    }
  g_mutex_lock (&domain->lock);
  if (paused)
    cop_domain_set_state (domain, COP_DOMAIN_PAUSED, COP_PAUSED_USER);
  else
    cop_domain_set_state (domain, COP_DOMAIN_RUNNING, reason);
  g_mutex_unlock (&domain->lock);
  cop_domain_save_status (domain, NULL);
  cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_STARTED, detail);
  if (paused)
    cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_SUSPENDED, 0);
  return true;
}

void
cop_domain_stop (CopDomain *domain, bool graceful, CopDomainReason reason, int detail)
{
  g_autoptr (CopVm) vm = NULL;
  g_autoptr (GError) error = NULL;

  g_mutex_lock (&domain->lock);
  vm = domain->vm != NULL ? g_object_ref (domain->vm) : NULL;
  g_mutex_unlock (&domain->lock);
  if (vm != NULL)
    cop_vm_destroy (vm, graceful);

  g_mutex_lock (&domain->status_lock);
  g_mutex_lock (&domain->lock);
  g_clear_object (&domain->vm);
  if (domain->running != NULL)
    cop_domain_remove_channels (domain->running);
  g_clear_pointer (&domain->running, cop_domain_config_free);
  domain->id = -1;
  domain->autodestroy = false;
  domain->owner = NULL;
  domain->updated = false;
  domain->rebooting = false;
  cop_domain_set_state (domain, COP_DOMAIN_SHUTOFF, reason);
  g_mutex_unlock (&domain->lock);
  if (!cop_domain_store_remove_running (domain->driver->store, domain->uuid_text, &error))
    g_warning ("%s", error->message);
  g_mutex_unlock (&domain->status_lock);

  cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_STOPPED, detail);
  cop_driver_forget_if_gone (domain->driver, domain);
  cop_driver_change_busy (domain->driver, -1);
}

/* Starts from the definition, or from the managed save; the job is held. */
static bool
start_with_job (CopDomain *domain, unsigned flags, gconstpointer owner, GError **error)
{
  CopDomainConfig *config = NULL;

  g_mutex_lock (&domain->lock);
  if (cop_domain_is_active (domain))
    cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID, _ ("domain is already running"));
  else if (cop_domain_definition (domain, error) != NULL)
    config = cop_domain_config_copy (domain->config);
  if (config != NULL)
    {
      domain->autodestroy = (flags & COP_START_AUTODESTROY) != 0;
      domain->owner = domain->autodestroy ? owner : NULL;
    }
  g_mutex_unlock (&domain->lock);
  if (config == NULL)
    return false;
  if (cop_domain_has_managed_save (domain))
    {
      if ((flags & COP_START_FORCE_BOOT) == 0)
        {
          cop_domain_config_free (config);
          return cop_domain_restore_managed (domain, flags, error);
        }
      if (!cop_domain_store_remove_save (domain->driver->store, domain->uuid_text, error))
        {
          cop_domain_config_free (config);
          return false;
        }
    }
  return cop_domain_launch (domain, config, -1, NULL, error) &&
         cop_domain_let_run (domain, (flags & COP_START_PAUSED) != 0, COP_RUNNING_BOOTED, 0, error);
}

bool
cop_domain_start (CopDomain *domain, unsigned flags, gconstpointer owner, GError **error)
{
  bool ok;

  if (!cop_domain_begin_job (domain, COP_JOB_START, error))
    return false;
  ok = start_with_job (domain, flags, owner, error);
  cop_domain_end_job (domain);
  return ok;
}

CopDomain *
cop_driver_create (CopDriver *driver, const char *xml, unsigned flags, gconstpointer owner,
                   GError **error)
{
  g_autoptr (CopDomainConfig) config = cop_driver_parse (
    xml, (flags & COP_START_VALIDATE) != 0 ? COP_DOMAIN_PARSE_VALIDATE : 0, error);
  g_autoptr (CopDomain) domain = NULL;
  bool active, ok;

  if (config == NULL)
    return NULL;
  domain = cop_driver_find_or_add (driver, config, error);
  if (domain == NULL || !cop_domain_begin_job (domain, COP_JOB_START, error))
    return NULL;
  g_mutex_lock (&domain->lock);
  active = cop_domain_is_active (domain);
  if (!active)
    {
      domain->autodestroy = (flags & COP_START_AUTODESTROY) != 0;
      domain->owner = domain->autodestroy ? owner : NULL;
    }
  else
    cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                     _ ("domain is already active as '%s'"), domain->name);
  g_mutex_unlock (&domain->lock);
  ok = !active && cop_domain_launch (domain, g_steal_pointer (&config), -1, NULL, error) &&
       cop_domain_let_run (domain, (flags & COP_START_PAUSED) != 0, COP_RUNNING_BOOTED, 0, error);
  cop_domain_end_job (domain);
  if (!ok)
    cop_driver_forget_if_gone (driver, domain);
  return ok ? g_steal_pointer (&domain) : NULL;
}
