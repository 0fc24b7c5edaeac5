/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is left after a restart of the daemon: machines run on, and are found again by what their
 * domains' run-time documents say. A note in the document tells what the last daemon was about to
 * do when it ended:
 *
 *   note               machine       then
 *   start              paused        it is let run
 *   stop               there         it is destroyed, as was asked for
 *   save:FILE          paused        the save is given up, its leftovers go, it is let run; but if
 *                                    FILE is the managed save and there, the save is completed
 *   save-paused:FILE   paused        the same, but it stays paused
 *   restore            paused        image still there: the machine goes, the image stays;
 *                                    else it is let run
 *   any                ended         what its end leads to
 *   any                gone          as a crash; after "stop": as destroyed
 *
 * Finding is done before clients are listened to; what waits for machines is done after.
 */
#include "driver/domain-private.h"

#include "store/durable.h"

#include <string.h>
#include <unistd.h>

/* How many domains start beside each other with the daemon. */
#define AUTOSTARTS 4

static CopDomain *
domain_of (CopDriver *driver, const CopStoreRunning *running, CopDomainConfig **config,
           GError **error)
{
  uint8_t uuid[16];

  *config = cop_domain_config_parse (running->xml, strlen (running->xml), running->uuid,
                                     COP_DOMAIN_PARSE_LIVE, NULL, error);
  if (*config == NULL)
    return NULL;
  if (!cop_uuid_parse (running->uuid, uuid) || memcmp ((*config)->uuid, uuid, sizeof uuid) != 0)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_INTERNAL, _ ("the document's uuid is another one"));
      return NULL;
    }
  return cop_driver_find_or_add (driver, *config, error);
}

/* The state that the machine is in, which the document may not have caught up with. */
static void
true_state (CopDomain *domain, CopVmStatus status, const CopStoreRunning *running)
{
  CopDomainState state = running->state;
  CopDomainReason reason = running->reason;

  if (status == COP_VM_RUNNING && state != COP_DOMAIN_RUNNING)
    cop_domain_set_state (domain, COP_DOMAIN_RUNNING, COP_RUNNING_UNPAUSED);
  else if (status == COP_VM_PAUSED && state != COP_DOMAIN_PAUSED)
    cop_domain_set_state (domain, COP_DOMAIN_PAUSED, COP_PAUSED_USER);
  else
    cop_domain_set_state (domain, state, reason);
}

/* The machine is gone: what clients are told when they ask. */
static void
died_meanwhile (CopDomain *domain, const CopStoreRunning *running, const CopDomainConfig *config)
{
  bool stopped = g_strcmp0 (running->job, "stop") == 0;

  cop_domain_set_state (domain, COP_DOMAIN_SHUTOFF,
                        stopped ? COP_SHUTOFF_DESTROYED : COP_SHUTOFF_CRASHED);
  domain->restart_at_begin = !stopped && domain->defined && !running->autodestroy &&
                             config->on_crash == COP_DOMAIN_ACTION_RESTART;
  if (!cop_domain_store_remove_running (domain->driver->store, domain->uuid_text, NULL))
    g_warning ("the run-time document of '%s' cannot be removed", running->name);
}

static void
find_again (CopDriver *driver, const CopStoreRunning *running)
{
  g_autoptr (CopDomainConfig) config = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (CopDomain) domain = domain_of (driver, running, &config, &error);
  CopVm *vm;

  if (domain == NULL)
    {
      g_warning ("domain '%s' ran, but is not found again: %s", running->name, error->message);
      return;
    }
  driver->last_id = MAX (driver->last_id, running->id);
  vm = cop_vm_find (driver->paths->run_dir, running->uuid, running->token, cop_domain_on_vm_event,
                    g_object_ref (domain), g_object_unref, &error);
  if (vm == NULL)
    {
      g_message ("domain '%s' ended while no daemon was there: %s", running->name, error->message);
      died_meanwhile (domain, running, config);
      cop_driver_forget_if_gone (driver, domain);
      return;
    }
  g_mutex_lock (&domain->lock);
  domain->vm = vm;
  domain->id = running->id > 0 ? running->id : cop_vm_id (vm);
  domain->running = g_steal_pointer (&config);
  cop_domain_refresh_from_counters (domain);
  domain->started = running->started;
  domain->autodestroy = running->autodestroy;
  domain->job_note = g_strdup (running->job);
  true_state (domain, cop_vm_status (vm), running);
  g_mutex_unlock (&domain->lock);
  cop_driver_change_busy (driver, 1);
}

/* Machines that no document names: the daemon ended before it had written one. */
static void
end_strays (CopDriver *driver)
{
  g_autofree char *folder = g_build_filename (driver->paths->run_dir, "vm", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *uuid =
        g_str_has_suffix (name, ".sock") ? g_strndup (name, strlen (name) - 5) : NULL;
      g_autoptr (CopDomain) domain = NULL;
      g_autoptr (CopVm) vm = NULL;
      uint8_t bytes[16];

      if (uuid == NULL || !cop_uuid_parse (uuid, bytes))
        continue;
      domain = cop_driver_by_uuid (driver, bytes, NULL);
      if (domain != NULL && domain->vm != NULL)
        continue;
      vm = cop_vm_find (driver->paths->run_dir, uuid, NULL, NULL, NULL, NULL, NULL);
      if (vm == NULL)
        continue;
      g_message ("a machine of domain %s is ended: no daemon had begun to use it", uuid);
      cop_vm_destroy (vm, false);
    }
}

bool
cop_driver_recover (CopDriver *driver, GError **error)
{
  g_autoptr (GPtrArray) found = cop_domain_store_list_running (driver->store, error);

  if (found == NULL)
    return false;
  for (guint i = 0; i < found->len; i++)
    find_again (driver, found->pdata[i]);
  end_strays (driver);
  cop_driver_remove_stray_channels (driver);
  return true;
}

/* What FILE of a note left beside. */
static void
remove_beside (const char *path)
{
  static const char *const suffixes[] = { "", ".memory" };
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *base = g_path_get_basename (path);

  for (unsigned i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *name = g_strconcat (base, suffixes[i], NULL);
      g_autofree char *beside = cop_durable_beside (name);
      g_autofree char *full = g_build_filename (folder, beside, NULL);

      unlink (full);
    }
}

static void
let_go_on (CopDomain *domain, CopDomainReason reason)
{
  g_autoptr (GError) error = NULL;

  if (!cop_vm_resume (domain->vm, &error))
    {
      g_warning ("domain '%s' stays paused: %s", domain->name, error->message);
      return;
    }
  g_mutex_lock (&domain->lock);
  cop_domain_set_state (domain, COP_DOMAIN_RUNNING, reason);
  g_mutex_unlock (&domain->lock);
}

/* By the holder of the job: see the table above. */
static void
follow_note (CopDomain *domain, const char *note)
{
  bool paused = cop_vm_status (domain->vm) == COP_VM_PAUSED;
  const char *file = strchr (note, ':');
  bool image = cop_domain_has_managed_save (domain);

  if (strcmp (note, "stop") == 0)
    {
      cop_domain_stop (domain, false, COP_SHUTOFF_DESTROYED, 1);
      return;
    }
  if (image && (strcmp (note, "restore") == 0 || file != NULL))
    {
      g_autofree char *path = cop_domain_managed_save_path (domain, NULL);

      if (file == NULL || g_strcmp0 (path, file + 1) == 0)
        {
          cop_domain_stop (domain, false, COP_SHUTOFF_SAVED, 4);
          return;
        }
    }
  if (file != NULL)
    remove_beside (file + 1);
  if (paused && g_str_has_prefix (note, "save:"))
    let_go_on (domain, COP_RUNNING_SAVE_CANCELED);
  else if (paused && g_str_has_prefix (note, "dump:"))
    let_go_on (domain, COP_RUNNING_UNPAUSED);
  else if (paused && strcmp (note, "start") == 0)
    let_go_on (domain, COP_RUNNING_BOOTED);
  else if (paused && strcmp (note, "restore") == 0)
    let_go_on (domain, COP_RUNNING_RESTORED);
  cop_domain_save_status (domain, NULL);
}

void
cop_domain_go_on (CopDomain *domain)
{
  g_autofree char *note = NULL;

  if (!cop_domain_begin_job (domain, COP_JOB_MODIFY, NULL))
    return;
  note = g_strdup (domain->job_note);
  if (domain->vm != NULL && domain->autodestroy)
    cop_domain_stop (domain, false, COP_SHUTOFF_DESTROYED, 1);
  else if (domain->vm != NULL && note != NULL)
    follow_note (domain, note);
  /* A machine that was kept after its end is kept on. */
  if (domain->vm != NULL && cop_vm_status (domain->vm) == COP_VM_ENDED &&
      domain->state == COP_DOMAIN_RUNNING)
    {
      const CopVmEvent ended = { .kind = COP_VM_EVENT_ENDED, .end = cop_vm_end (domain->vm) };

      cop_domain_queue_vm_event (domain, domain->vm, &ended);
    }
  cop_domain_end_job (domain);
}

static void
autostart (gpointer data, G_GNUC_UNUSED gpointer user_data)
{
  g_autoptr (CopDomain) domain = data;
  g_autoptr (CopDriver) driver = domain->driver; /* the reference that was taken for us */
  g_autoptr (GError) error = NULL;
  bool active;

  g_mutex_lock (&domain->lock);
  active = cop_domain_is_active (domain) || driver->closing;
  g_mutex_unlock (&domain->lock);
  if (!active && !cop_domain_start (domain, 0, NULL, &error))
    g_warning ("domain '%s' does not start: %s", domain->name, error->message);
  cop_driver_change_busy (driver, -1);
}

void
cop_driver_begin (CopDriver *driver)
{
  g_autoptr (GPtrArray) domains = cop_driver_list (driver, 0);
  GThreadPool *pool = g_thread_pool_new (autostart, NULL, AUTOSTARTS, false, NULL);

  for (guint i = 0; i < domains->len; i++)
    {
      CopDomain *domain = domains->pdata[i];

      if (domain->vm != NULL)
        cop_domain_queue_go_on (domain);
      else if (domain->autostart || domain->restart_at_begin)
        {
          cop_driver_change_busy (driver, 1);
          g_object_ref (driver); /* it may be let go of while this waits for its turn */
          g_thread_pool_push (pool, g_object_ref (domain), NULL);
        }
    }
  g_thread_pool_free (pool, false, false);
}
