/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domains on disk: opening, listing and reading them, and managed saves: see domains.h. Definitions
 * change in domains-change.c.
 */
#include "store/domains-private.h"

#include "common/fd.h"
#include "store/durable.h"
#include "store/headed.h"
#include "store/step.h"

#include <glib/gi18n-lib.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define SUFFIX ".xml"
/* The definition as it came from a client, our line, and room. */
#define FILE_MAX (5u << 20)

char *
cop_domain_store_file (const char *uuid)
{
  return g_strconcat (uuid, SUFFIX, NULL);
}

/* Whether @name is UUID.xml; fills @uuid, which holds 37 bytes. */
static bool
uuid_of_file (const char *name, char *uuid)
{
  if (strlen (name) != 36 + strlen (SUFFIX) || strcmp (name + 36, SUFFIX) != 0)
    return false;
  memcpy (uuid, name, 36);
  uuid[36] = '\0';
  return g_uuid_string_is_valid (uuid);
}

bool
cop_domain_store_each (CopDomainStore *store, const char *folder, CopDomainFileFunc func,
                       gpointer data, GError **error)
{
  DIR *dir = opendir (folder);
  struct dirent *entry;
  bool ok = true;

  if (dir == NULL)
    return errno == ENOENT || cop_store_fail (error, errno, _ ("cannot read"), folder);
  while (ok && (entry = readdir (dir)) != NULL)
    {
      char uuid[37];

      if (uuid_of_file (entry->d_name, uuid))
        ok = func (store, uuid, data, error);
    }
  closedir (dir);
  return ok;
}

char *
cop_domain_store_load (const char *folder, const char *uuid, GError **error)
{
  g_autofree char *path = g_strconcat (folder, "/", uuid, SUFFIX, NULL);
  cop_autofd int fd = open (path, O_RDONLY | O_CLOEXEC);
  g_autofree char *text = NULL;
  struct stat stat;
  gsize length = 0;

  if (fd < 0 && errno == ENOENT)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_MISSING, _ ("there is no %s"), path);
      return NULL;
    }
  if (fd < 0 || fstat (fd, &stat) < 0)
    {
      cop_store_fail (error, errno, _ ("cannot read"), path);
      return NULL;
    }
  if (!S_ISREG (stat.st_mode) || stat.st_size > FILE_MAX)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                   _ ("%s is not a document of at most %u bytes; remove it"), path, FILE_MAX);
      return NULL;
    }
  text = g_malloc (stat.st_size + 1);
  while (length < (gsize) stat.st_size)
    {
      ssize_t n = read (fd, text + length, stat.st_size - length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          cop_store_fail (error, errno, _ ("cannot read"), path);
          return NULL;
        }
      if (n == 0)
        break;
      length += n;
    }
  text[length] = '\0';
  return g_steal_pointer (&text);
}

/* Removes what a write left beside, in any of our folders. */
static void
remove_leftovers (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (cop_durable_is_leftover (name))
      {
        g_autofree char *path = g_build_filename (folder, name, NULL);

        if (unlink (path) < 0)
          g_message ("cannot remove leftover %s: %s", path, g_strerror (errno));
      }
}

/* Autostart links whose definition is gone: the process ended between the two. */
static bool
remove_dangling (CopDomainStore *store, const char *uuid, G_GNUC_UNUSED gpointer data,
                 G_GNUC_UNUSED GError **error)
{
  g_autofree char *link = g_strconcat (store->autostart, "/", uuid, SUFFIX, NULL);
  struct stat stat_buffer;

  if (stat (link, &stat_buffer) < 0 && errno == ENOENT)
    unlink (link);
  return true;
}

/* Memory of managed saves that no document names: "UUID.xml.memory" without "UUID.xml". */
static void
remove_lost_memory (CopDomainStore *store)
{
  g_autoptr (GDir) dir = g_dir_open (store->save, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      const char *suffix = strstr (name, SUFFIX ".memory");
      char uuid[37];

      if (suffix != name + 36)
        continue;
      g_strlcpy (uuid, name, sizeof uuid);
      if (g_uuid_string_is_valid (uuid) && !cop_domain_store_has_save (store, uuid))
        {
          g_autofree char *path = g_build_filename (store->save, name, NULL);

          unlink (path);
        }
    }
}

static int
take_lock (const char *run_dir, GError **error)
{
  g_autofree char *path = g_build_filename (run_dir, "daemon.lock", NULL);
  cop_autofd int fd = -1;

  if (g_mkdir_with_parents (run_dir, 0700) < 0)
    return cop_store_fail (error, errno, _ ("cannot make"), run_dir), -1;
  fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return cop_store_fail (error, errno, _ ("cannot open"), path), -1;
  if (flock (fd, LOCK_EX | LOCK_NB) < 0)
    {
      if (errno != EWOULDBLOCK)
        return cop_store_fail (error, errno, _ ("cannot lock"), path), -1;
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_BUSY,
                   _ ("another virtcoppiced uses %s; end it first, or give --root"), run_dir);
      return -1;
    }
  return cop_fd_steal (&fd);
}

CopDomainStore *
cop_domain_store_open (const char *config_dir, const char *state_dir, const char *run_dir,
                       GError **error)
{
  CopDomainStore *store;
  int lock = take_lock (run_dir, error);

  if (lock < 0)
    return NULL;
  store = g_new0 (CopDomainStore, 1);
  store->lock = lock;
  store->config_dir = g_strdup (config_dir);
  store->state_dir = g_strdup (state_dir);
  store->run_dir = g_strdup (run_dir);
  store->domains = g_build_filename (config_dir, "domains", NULL);
  store->autostart = g_build_filename (config_dir, "autostart", NULL);
  store->save = g_build_filename (state_dir, "save", NULL);
  store->running = g_build_filename (run_dir, "domains", NULL);
  /* A folder that cannot be made now is tried again when something is to be written there: what is
     there can be used although nothing can be added. */
  if (g_mkdir_with_parents (store->domains, 0700) < 0 ||
      g_mkdir_with_parents (store->save, 0700) < 0)
    g_message ("nothing can be defined or saved for now: cannot make folders in %s and %s: %s",
               config_dir, state_dir, g_strerror (errno));
  remove_leftovers (store->config_dir);
  remove_leftovers (store->domains);
  remove_leftovers (store->autostart);
  remove_leftovers (store->save);
  remove_leftovers (store->running);
  if (!cop_domain_store_open_journal (store, error))
    {
      cop_domain_store_close (store);
      return NULL;
    }
  cop_domain_store_each (store, store->autostart, remove_dangling, NULL, NULL);
  remove_lost_memory (store);
  return store;
}

void
cop_domain_store_close (CopDomainStore *store)
{
  g_clear_pointer (&store->journal, cop_journal_close);
  cop_fd_clear (&store->lock);
  g_free (store->config_dir);
  g_free (store->state_dir);
  g_free (store->run_dir);
  g_free (store->domains);
  g_free (store->autostart);
  g_free (store->save);
  g_free (store->running);
  g_free (store);
}

static void
store_domain_free (gpointer data)
{
  CopStoreDomain *domain = data;

  g_free (domain->name);
  g_free (domain);
}

static bool
list_one (CopDomainStore *store, const char *uuid, gpointer data, G_GNUC_UNUSED GError **error)
{
  g_autoptr (GError) unreadable = NULL;
  g_autofree char *text = cop_domain_store_load (store->domains, uuid, &unreadable);
  g_autoptr (GHashTable) values = NULL;
  g_autofree char *link = NULL;
  CopStoreDomain *domain;
  const char *document;
  struct stat stat_buffer;

  if (text == NULL)
    {
      g_message ("a definition is left out: %s", unreadable->message);
      return true;
    }
  domain = g_new0 (CopStoreDomain, 1);
  memcpy (domain->uuid, uuid, sizeof domain->uuid);
  if (cop_headed_parse (text, COP_DOMAIN_KIND, &values, &document))
    domain->name = g_strdup (g_hash_table_lookup (values, "name"));
  link = g_strconcat (store->autostart, "/", uuid, SUFFIX, NULL);
  domain->autostart = lstat (link, &stat_buffer) == 0;
  domain->managed_save = cop_domain_store_has_save (store, uuid);
  g_ptr_array_add (data, domain);
  return true;
}

GPtrArray *
cop_domain_store_list (CopDomainStore *store, GError **error)
{
  g_autoptr (GPtrArray) domains = g_ptr_array_new_with_free_func (store_domain_free);

  if (!cop_domain_store_each (store, store->domains, list_one, domains, error))
    return NULL;
  return g_steal_pointer (&domains);
}

char *
cop_domain_store_read (CopDomainStore *store, const char *uuid, GError **error)
{
  g_autofree char *text = cop_domain_store_load (store->domains, uuid, error);
  g_autoptr (GHashTable) values = NULL;
  const char *document;

  if (text == NULL)
    return NULL;
  if (!cop_headed_parse (text, COP_DOMAIN_KIND, &values, &document))
    g_message ("%s/%s" SUFFIX " was not written as it is by coppice: it is damaged, or was edited",
               store->domains, uuid);
  return g_strdup (document);
}

/* Removes @folder/UUID.xml. @there: (out): whether it was there */
static bool
unlink_file (const char *folder, const char *uuid, CopStoreStep step, bool *there, GError **error)
{
  g_autofree char *path = g_strconcat (folder, "/", uuid, SUFFIX, NULL);

  *there = unlink (path) == 0;
  if (!*there && errno != ENOENT)
    return cop_store_fail (error, errno, _ ("cannot remove"), path);
  cop_store_step (step);
  return true;
}

char *
cop_domain_store_save_path (CopDomainStore *store, const char *uuid)
{
  return g_strconcat (store->save, "/", uuid, SUFFIX, NULL);
}

bool
cop_domain_store_has_save (CopDomainStore *store, const char *uuid)
{
  g_autofree char *path = cop_domain_store_save_path (store, uuid);

  return access (path, F_OK) == 0;
}

/* The document goes first: memory that none names is a leftover. */
bool
cop_domain_store_remove_save (CopDomainStore *store, const char *uuid, GError **error)
{
  bool there;

  if (!unlink_file (store->save, uuid, COP_STORE_STEP_UNLINKED, &there, error) ||
      (there && !cop_durable_sync_folder (store->save, error)))
    return false;
  if (there)
    remove_lost_memory (store);
  cop_store_step (COP_STORE_STEP_MEMORY_UNLINKED);
  return true;
}
