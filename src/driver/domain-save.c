/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Machines saved to disk and going on from there.
 *
 *   FILE           the document (xml/saved-machine.h): configuration, state, checksum, name of ...
 *   FILE.memory    ... the raw memory. When FILE is there already, the new memory has another name,
 *                  so that the old pair stays whole until the rename of FILE, which is the commit.
 *
 * Notes for the next daemon, should this one be killed (see driver-recover.c):
 *   save:FILE, save-paused:FILE, restore
 */
#include "driver/domain-private.h"

#include "common/fd.h"
#include "engine/page-set.h"
#include "store/durable.h"
#include "store/headed.h"
#include "store/step.h"
#include "xml/domain-device.h"
#include "xml/saved-machine.h"
#include "xml/state-xml.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#define KIND "saved"
#define PAGE 4096
#define CHUNK (1u << 20)

G_DEFINE_AUTOPTR_CLEANUP_FUNC (XXH3_state_t, XXH3_freeState)

/* Files -------------------------------------------------------------------------------------- */

static bool
hash_run (int fd, const CopPageRun *run, uint8_t *buffer, XXH3_state_t *hash, const char *path,
          GError **error)
{
  uint64_t offset = run->first * PAGE, end = (run->last + 1) * PAGE;

  while (offset < end)
    {
      ssize_t n = pread (fd, buffer, MIN (CHUNK, end - offset), offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return cop_store_fail (error, errno, _ ("cannot read"), path);
      if (n == 0)
        {
          g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                       _ ("%s is cut short; the saved machine cannot go on"), path);
          return false;
        }
      XXH3_64bits_update (hash, buffer, n);
      offset += n;
    }
  return true;
}

/* Returns: (transfer full) (nullable): of the pages that @fd holds */
static char *
checksum_of (int fd, const CopPageSet *pages, const char *path, GError **error)
{
  g_autoptr (XXH3_state_t) hash = XXH3_createState ();
  g_autofree uint8_t *buffer = g_malloc (CHUNK);

  XXH3_64bits_reset (hash);
  for (guint i = 0; i < pages->runs->len; i++)
    if (!hash_run (fd, &g_array_index (pages->runs, CopPageRun, i), buffer, hash, path, error))
      return NULL;
  return g_strdup_printf ("xxh3-64:%016" G_GINT64_MODIFIER "x",
                          (guint64) XXH3_64bits_digest (hash));
}

/* Reads the document at @path. Returns: (transfer full) */
static CopSavedMachine *
load_saved (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GHashTable) values = NULL;
  struct stat stat_buffer;
  const char *document;

  if (stat (path, &stat_buffer) < 0)
    {
      cop_store_fail (error, errno, _ ("cannot open"), path);
      return NULL;
    }
  if (!S_ISREG (stat_buffer.st_mode) || stat_buffer.st_size > COP_SAVED_MACHINE_MAX)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_FAILED,
                       _ ("%s is not a saved machine: not a file of at most %u bytes"), path,
                       COP_SAVED_MACHINE_MAX);
      return NULL;
    }
  if (!g_file_get_contents (path, &text, NULL, error))
    return NULL;
  if (!cop_headed_parse (text, KIND, &values, &document) && document != text)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                   _ ("%s is damaged: its checksum is wrong"), path);
      return NULL;
    }
  return cop_saved_machine_parse (document, strlen (document), path, error);
}

static bool
write_saved (const char *path, const CopSavedMachine *saved, GError **error)
{
  g_autofree char *document = cop_saved_machine_format (saved);
  g_autofree char *text = cop_headed_format (KIND, NULL, 0, document);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);

  return cop_durable_write (folder, name, text, strlen (text), true, error);
}

/* Saving ------------------------------------------------------------------------------------- */

typedef struct
{
  CopDomain *domain;
  const char *path;
  unsigned flags;
  bool was_running;
  char *folder, *beside; /* (owned): where memory is written before it has its name */
} Saving;

static void
saving_clear (Saving *saving)
{
  g_free (saving->folder);
  g_free (saving->beside);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Saving, saving_clear)

/* The configuration that goes into the document. Returns: (transfer full) */
static CopDomainConfig *
saved_config (CopDomain *domain, const char *xml, GError **error)
{
  g_autoptr (CopDomainConfig) config = NULL;
  g_autoptr (CopDomainConfig) wanted = NULL;

  g_mutex_lock (&domain->lock);
  config = cop_domain_config_copy (domain->running);
  g_mutex_unlock (&domain->lock);
  cop_domain_config_clear_live (config);
  if (xml == NULL)
    return g_steal_pointer (&config);
  wanted = cop_driver_parse (xml, 0, error);
  if (wanted == NULL || !cop_domain_config_check_compatible (config, wanted, error))
    return NULL;
  return g_steal_pointer (&wanted);
}

static void
on_progress (gpointer data, uint64_t done, uint64_t total)
{
  cop_domain_set_job_progress (data, done, total);
}

/* Writes memory beside, and fills in what the document says of it. */
static bool
save_memory (Saving *saving, CopSavedMachine *saved, GError **error)
{
  CopDomain *domain = saving->domain;
  g_autoptr (CopPageSet) pages = NULL;
  cop_autofd int fd =
    open (saving->beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat stat_buffer;

  if (fd < 0)
    return cop_store_fail (error, errno, _ ("cannot write"), saving->beside);
  if (!cop_vm_save_memory (domain->vm, fd, cop_domain_job_cancellable (domain), on_progress, domain,
                           &pages, error))
    return false;
  saved->checksum = checksum_of (fd, pages, saving->beside, error);
  if (saved->checksum == NULL)
    return false;
  if (fstat (fd, &stat_buffer) < 0 || fdatasync (fd) < 0)
    return cop_store_fail (error, errno, _ ("cannot write"), saving->beside);
  if ((saving->flags & COP_SAVE_BYPASS_CACHE) != 0)
    posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  saved->memory_size = stat_buffer.st_size;
  saved->pages = cop_page_set_format (pages);
  return true;
}

/* A name that no other saved machine uses. Returns: (transfer full) */
static char *
choose_memory_name (const Saving *saving)
{
  g_autofree char *base = g_path_get_basename (saving->path);

  for (unsigned i = 0;; i++)
    {
      g_autofree char *name =
        i == 0 ? g_strconcat (base, ".memory", NULL) : g_strdup_printf ("%s.memory.%u", base, i);
      g_autofree char *path = g_build_filename (saving->folder, name, NULL);

      if (access (path, F_OK) < 0)
        return g_steal_pointer (&name);
    }
}

static void
remove_memory (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  unlink (path);
}

/* Gives both files their names, the document last. */
static bool
commit (Saving *saving, CopSavedMachine *saved, GError **error)
{
  g_autoptr (CopSavedMachine) before = load_saved (saving->path, NULL);
  g_autofree char *memory = NULL;

  saved->memory = choose_memory_name (saving);
  memory = g_build_filename (saving->folder, saved->memory, NULL);
  if (rename (saving->beside, memory) < 0)
    return cop_store_fail (error, errno, _ ("cannot write"), memory);
  cop_store_step (COP_STORE_STEP_MEMORY_RENAMED);
  if (!write_saved (saving->path, saved, error))
    {
      unlink (memory);
      return false;
    }
  if (before != NULL)
    remove_memory (saving->folder, before->memory);
  return true;
}

/* With the machine paused: writes all. */
static bool
write_machine (Saving *saving, const CopDomainConfig *config, GError **error)
{
  CopDomain *domain = saving->domain;
  g_autoptr (CopSavedMachine) saved = g_new0 (CopSavedMachine, 1);
  CopMachineState *state;

  saved->running = (saving->flags & COP_SAVE_RUNNING) != 0  ? true
                   : (saving->flags & COP_SAVE_PAUSED) != 0 ? false
                                                            : saving->was_running;
  saved->domain =
    cop_domain_config_format (config, COP_DOMAIN_FORMAT_INACTIVE | COP_DOMAIN_FORMAT_SECURE);
  if (!save_memory (saving, saved, error))
    return false;
  state = cop_vm_save_state (domain->vm, error);
  if (state == NULL)
    return false;
  saved->state = cop_xml_state_format (state);
  cop_machine_state_free (state);
  if (g_cancellable_is_cancelled (cop_domain_job_cancellable (domain)))
    {
      g_set_error_literal (error, COP_VM_ERROR, COP_VM_ERROR_CANCELLED, "");
      return false;
    }
  return commit (saving, saved, error);
}

/* After a failure: the guest goes on as before. */
static void
go_on (Saving *saving)
{
  CopDomain *domain = saving->domain;
  g_autoptr (GError) error = NULL;
  bool resumed = saving->was_running && cop_vm_resume (domain->vm, &error);

  if (error != NULL && cop_vm_status (domain->vm) != COP_VM_GONE)
    g_warning ("domain '%s' stays paused: %s", domain->name, error->message);
  g_mutex_lock (&domain->lock);
  if (resumed)
    cop_domain_set_state (domain, COP_DOMAIN_RUNNING, COP_RUNNING_SAVE_CANCELED);
  else if (saving->was_running)
    cop_domain_set_state (domain, COP_DOMAIN_PAUSED, COP_PAUSED_SAVE);
  g_mutex_unlock (&domain->lock);
  cop_domain_save_status (domain, NULL);
  if (resumed)
    cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_RESUMED, 0);
}

static bool
pause_for_save (Saving *saving, GError **error)
{
  CopDomain *domain = saving->domain;
  g_autofree char *note =
    g_strconcat (saving->was_running ? "save:" : "save-paused:", saving->path, NULL);

  cop_domain_save_status (domain, note);
  if (!saving->was_running)
    return true;
  if (!cop_vm_pause (domain->vm, error))
    {
      cop_domain_save_status (domain, NULL);
      return false;
    }
  g_mutex_lock (&domain->lock);
  cop_domain_set_state (domain, COP_DOMAIN_PAUSED, COP_PAUSED_SAVE);
  g_mutex_unlock (&domain->lock);
  cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_SUSPENDED, 0);
  return true;
}

/* The job is held and the domain active. */
static bool
save_with_job (CopDomain *domain, const char *path, const char *xml, unsigned flags, GError **error)
{
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *memory = g_strconcat (name, ".memory", NULL);
  g_autofree char *beside = cop_durable_beside (memory);
  g_auto (Saving) saving = { .domain = domain, .path = path, .flags = flags };
  g_autoptr (CopDomainConfig) config = NULL;

  if (domain->state != COP_DOMAIN_RUNNING &&
      (domain->state != COP_DOMAIN_PAUSED || domain->reason == COP_PAUSED_SHUTTING_DOWN))
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID, _ ("domain is not running"));
  saving.folder = g_path_get_dirname (path);
  saving.beside = g_build_filename (saving.folder, beside, NULL);
  saving.was_running = domain->state == COP_DOMAIN_RUNNING;
  config = saved_config (domain, xml, error);
  if (config == NULL || !pause_for_save (&saving, error))
    return false;
  if (write_machine (&saving, config, error))
    {
      cop_domain_set_job_result (domain, COP_JOB_TYPE_COMPLETED);
      cop_domain_stop (domain, false, COP_SHUTOFF_SAVED, 4);
      return true;
    }
  unlink (saving.beside);
  go_on (&saving);
  if (error != NULL && g_error_matches (*error, COP_VM_ERROR, COP_VM_ERROR_CANCELLED))
    {
      cop_domain_set_job_result (domain, COP_JOB_TYPE_CANCELLED);
      g_clear_error (error);
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_ABORTED,
                       _ ("save job: canceled by client"));
    }
  return false;
}

/* @managed: what is saved is found again at the next start: then the domain must have one */
static bool
save (CopDomain *domain, const char *path, const char *xml, unsigned flags, bool managed,
      GError **error)
{
  bool active, ok;

  if ((flags & COP_SAVE_RUNNING) != 0 && (flags & COP_SAVE_PAUSED) != 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("Flags 'VIR_DOMAIN_SAVE_RUNNING' and 'VIR_DOMAIN_SAVE_PAUSED' are "
                               "mutually exclusive"));
  if (!g_path_is_absolute (path))
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("'%s' is not an absolute path"),
                            path);
  if (!cop_domain_begin_job (domain, COP_JOB_SAVE, error))
    return false;
  g_mutex_lock (&domain->lock);
  active = cop_domain_need_active (domain, error);
  if (active && managed && !domain->defined)
    active = cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                              _ ("cannot do managed save for transient domain"));
  g_mutex_unlock (&domain->lock);
  ok = active && save_with_job (domain, path, xml, flags, error);
  cop_domain_end_job (domain);
  return ok;
}

bool
cop_domain_save (CopDomain *domain, const char *path, const char *xml, unsigned flags,
                 GError **error)
{
  return save (domain, path, xml, flags, false, error);
}

bool
cop_domain_managed_save (CopDomain *domain, unsigned flags, GError **error)
{
  g_autofree char *path = cop_domain_store_save_path (domain->driver->store, domain->uuid_text);
  g_autofree char *folder = g_path_get_dirname (path);

  if (g_mkdir_with_parents (folder, 0700) < 0)
    return cop_store_fail (error, errno, _ ("cannot make"), folder);
  return save (domain, path, NULL, flags, true, error);
}

bool
cop_domain_has_managed_save (CopDomain *domain)
{
  return cop_domain_store_has_save (domain->driver->store, domain->uuid_text);
}

bool
cop_domain_remove_managed_save (CopDomain *domain, GError **error)
{
  return cop_domain_store_remove_save (domain->driver->store, domain->uuid_text, error);
}

char *
cop_domain_managed_save_path (CopDomain *domain, GError **error)
{
  if (cop_domain_has_managed_save (domain))
    return cop_domain_store_save_path (domain->driver->store, domain->uuid_text);
  cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                   _ ("domain does not have managed save image"));
  return NULL;
}

/* Restoring ---------------------------------------------------------------------------------- */

/* What is found in the files of a saved machine, checked. */
typedef struct
{
  CopDomainConfig *config; /* (owned) (nullable) */
  CopMachineState *state; /* (owned) (nullable) */
  int memory_fd;
  bool running;
} Found;

static void
found_clear (Found *found)
{
  g_clear_pointer (&found->config, cop_domain_config_free);
  g_clear_pointer (&found->state, cop_machine_state_free);
  cop_fd_clear (&found->memory_fd);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Found, found_clear)

static int
open_memory (const char *path, const CopSavedMachine *saved, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *memory = g_build_filename (folder, saved->memory, NULL);
  g_autoptr (CopPageSet) pages =
    cop_page_set_parse (saved->pages, saved->memory_size / PAGE, error);
  g_autofree char *checksum = NULL;
  cop_autofd int fd = -1;
  struct stat stat_buffer;

  if (pages == NULL)
    {
      g_prefix_error (error, "%s: ", path);
      return -1;
    }
  fd = open (memory, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat (fd, &stat_buffer) < 0)
    return cop_store_fail (error, errno, _ ("cannot open"), memory), -1;
  if (!S_ISREG (stat_buffer.st_mode) || (uint64_t) stat_buffer.st_size != saved->memory_size)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                   _ ("%s is not the memory that %s names: it has %" PRId64
                      " bytes, not %" PRIu64),
                   memory, path, (gint64) stat_buffer.st_size, (guint64) saved->memory_size);
      return -1;
    }
  checksum = checksum_of (fd, pages, memory, error);
  if (checksum == NULL)
    return -1;
  if (strcmp (checksum, saved->checksum) != 0)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                   _ ("%s is damaged: its checksum is %s, not %s"), memory, checksum,
                   saved->checksum);
      return -1;
    }
  return cop_fd_steal (&fd);
}

/* @xml: (nullable): a configuration to go on with */
static bool
find_saved (const char *path, const char *xml, Found *found, GError **error)
{
  g_autoptr (CopSavedMachine) saved = load_saved (path, error);
  g_autoptr (CopDomainConfig) config = NULL;
  CopMachineState *template;

  if (saved == NULL)
    return false;
  config = cop_domain_config_parse (saved->domain, strlen (saved->domain), path,
                                    COP_DOMAIN_PARSE_DEFAULT, NULL, error);
  if (config == NULL)
    return false;
  if (xml != NULL)
    {
      g_autoptr (CopDomainConfig) wanted = cop_driver_parse (xml, 0, error);

      if (wanted == NULL || !cop_domain_config_check_compatible (config, wanted, error))
        return false;
      cop_domain_config_free (config);
      config = g_steal_pointer (&wanted);
    }
  template = cop_vm_state_template (config, error);
  if (template == NULL)
    return false;
  found->state = cop_xml_state_parse (template, saved->state, strlen (saved->state), path, error);
  cop_machine_state_free (template);
  if (found->state == NULL)
    return false;
  found->memory_fd = open_memory (path, saved, error);
  if (found->memory_fd < 0)
    return false;
  found->config = g_steal_pointer (&config);
  found->running = saved->running;
  return true;
}

bool
cop_domain_restore_managed (CopDomain *domain, unsigned flags, GError **error)
{
  bool paused = (flags & COP_START_PAUSED) != 0;
  g_autofree char *path = cop_domain_store_save_path (domain->driver->store, domain->uuid_text);
  g_auto (Found) found = { .memory_fd = -1 };

  if (!find_saved (path, NULL, &found, error))
    {
      g_prefix_error (error, _ ("the managed save image cannot be used (start with --force-boot to "
                                "do without it): "));
      return false;
    }
  if (!cop_domain_launch (domain, g_steal_pointer (&found.config), found.memory_fd, found.state,
                          error))
    return false;
  if ((flags & COP_START_BYPASS_CACHE) != 0)
    posix_fadvise (found.memory_fd, 0, 0, POSIX_FADV_DONTNEED);
  /* From here on the machine is what counts: its memory must not be used a second time. */
  cop_domain_save_status (domain, "restore");
  if (!cop_domain_store_remove_save (domain->driver->store, domain->uuid_text, error))
    {
      cop_domain_stop (domain, false, COP_SHUTOFF_SAVED, 5);
      return false;
    }
  return cop_domain_let_run (domain, paused || !found.running, COP_RUNNING_RESTORED, 2, error);
}

static bool
restore_with_job (CopDomain *domain, Found *found, unsigned flags, GError **error)
{
  bool active;
  bool paused =
    (flags & COP_SAVE_PAUSED) != 0 || (!found->running && (flags & COP_SAVE_RUNNING) == 0);

  g_mutex_lock (&domain->lock);
  active = cop_domain_is_active (domain);
  if (active)
    cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                     _ ("domain is already active as '%s'"), domain->name);
  g_mutex_unlock (&domain->lock);
  return !active &&
         cop_domain_launch (domain, g_steal_pointer (&found->config), found->memory_fd,
                            found->state, error) &&
         cop_domain_let_run (domain, paused, COP_RUNNING_RESTORED, 2, error);
}

bool
cop_driver_restore (CopDriver *driver, const char *path, const char *xml, unsigned flags,
                    GError **error)
{
  g_auto (Found) found = { .memory_fd = -1 };
  g_autoptr (CopDomain) domain = NULL;
  bool ok;

  if (!find_saved (path, xml, &found, error))
    return false;
  domain = cop_driver_find_or_add (driver, found.config, error);
  if (domain == NULL || !cop_domain_begin_job (domain, COP_JOB_RESTORE, error))
    return false;
  ok = restore_with_job (domain, &found, flags, error);
  if (ok)
    cop_domain_set_job_result (domain, COP_JOB_TYPE_COMPLETED);
  if (ok && (flags & COP_SAVE_BYPASS_CACHE) != 0)
    posix_fadvise (found.memory_fd, 0, 0, POSIX_FADV_DONTNEED);
  cop_domain_end_job (domain);
  if (!ok)
    cop_driver_forget_if_gone (driver, domain);
  return ok;
}

char *
cop_saved_get_xml (const char *path, GError **error)
{
  g_autoptr (CopSavedMachine) saved = load_saved (path, error);
  g_autoptr (CopDomainConfig) config = NULL;

  if (saved == NULL)
    return NULL;
  config = cop_domain_config_parse (saved->domain, strlen (saved->domain), path,
                                    COP_DOMAIN_PARSE_DEFAULT, NULL, error);
  return config != NULL ? cop_domain_config_format (config, COP_DOMAIN_FORMAT_INACTIVE) : NULL;
}

bool
cop_saved_define_xml (const char *path, const char *xml, unsigned flags, GError **error)
{
  g_autoptr (CopSavedMachine) saved = load_saved (path, error);
  g_autoptr (CopDomainConfig) config = NULL;
  g_autoptr (CopDomainConfig) wanted = NULL;

  if (saved == NULL)
    return false;
  config = cop_domain_config_parse (saved->domain, strlen (saved->domain), path,
                                    COP_DOMAIN_PARSE_DEFAULT, NULL, error);
  wanted = config != NULL ? cop_driver_parse (xml, 0, error) : NULL;
  if (wanted == NULL || !cop_domain_config_check_compatible (config, wanted, error))
    return false;
  g_free (saved->domain);
  saved->domain =
    cop_domain_config_format (wanted, COP_DOMAIN_FORMAT_INACTIVE | COP_DOMAIN_FORMAT_SECURE);
  if ((flags & (COP_SAVE_RUNNING | COP_SAVE_PAUSED)) != 0)
    saved->running = (flags & COP_SAVE_RUNNING) != 0;
  return write_saved (path, saved, error);
}
