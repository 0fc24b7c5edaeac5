/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Changes to definitions and autostart links. Each goes into the journal, which makes it durable,
 * and then into its files, which the journal's thread syncs later:
 *
 *   put UUID            UUID.xml is what follows the line, as a whole
 *   remove UUID         neither UUID.xml nor its autostart link is there
 *   autostart UUID      the link is there
 *   no-autostart UUID   the link is not there
 */
#include "store/domains-private.h"

#include "common/fd.h"
#include "common/names.h"
#include "store/durable.h"
#include "store/headed.h"
#include "store/step.h"

#include <glib/gi18n-lib.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Up to so many files are synced one by one; more of them with the whole file system, which is one
   wait for the disk instead of one for each. */
#define SYNC_EACH_MAX 8

typedef enum
{
  CHANGE_PUT,
  CHANGE_REMOVE,
  CHANGE_AUTOSTART,
  CHANGE_NO_AUTOSTART,
  CHANGE_LAST
} Change;

COP_NAMES (change_names, CHANGE_LAST, "put", "remove", "autostart", "no-autostart");

static char *
path_of (const char *folder, const char *uuid)
{
  g_autofree char *file = cop_domain_store_file (uuid);

  return g_build_filename (folder, file, NULL);
}

static bool
is_there (const char *path)
{
  struct stat info;

  return lstat (path, &info) == 0;
}

/* Making changes ----------------------------------------------------------------------------- */

/* Removes @path, which need not be there. */
static bool
remove_file (const char *path, CopStoreStep step)
{
  if (unlink (path) < 0 && errno != ENOENT)
    return false;
  cop_store_step (step);
  return true;
}

/* The definition goes first: a link without one is a leftover, a definition without its link would
   be a domain that has forgotten to start. */
static bool
make_remove (CopDomainStore *store, const char *uuid)
{
  g_autofree char *path = path_of (store->domains, uuid);
  g_autofree char *link = path_of (store->autostart, uuid);

  return remove_file (path, COP_STORE_STEP_UNLINKED) &&
         remove_file (link, COP_STORE_STEP_LINK_REMOVED);
}

static bool
make_autostart (CopDomainStore *store, const char *uuid, bool autostart)
{
  g_autofree char *link = path_of (store->autostart, uuid);
  g_autofree char *file = cop_domain_store_file (uuid);
  g_autofree char *target = g_build_filename ("..", "domains", file, NULL);

  if (!autostart)
    return remove_file (link, COP_STORE_STEP_LINK_REMOVED);
  if (g_mkdir_with_parents (store->autostart, 0700) < 0 ||
      (symlink (target, link) < 0 && errno != EEXIST))
    return false;
  cop_store_step (COP_STORE_STEP_LINKED);
  return true;
}

/* The journal's functions -------------------------------------------------------------------- */

/* @sync: fsync() or syncfs(). What is not there needs none. */
static bool
sync_path (const char *path, int (*sync) (int fd), GError **error)
{
  cop_autofd int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

  if (fd < 0)
    return errno == ENOENT || cop_store_fail (error, errno, _ ("cannot open"), path);
  return sync (fd) == 0 || cop_store_fail (error, errno, _ ("cannot sync"), path);
}

static bool
sync_changes (GHashTable *names, gpointer data, GError **error)
{
  CopDomainStore *store = data;
  GHashTableIter iter;
  gpointer uuid;

  if (g_hash_table_size (names) > SYNC_EACH_MAX)
    return sync_path (store->domains, syncfs, error) && sync_path (store->autostart, syncfs, error);
  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &uuid, NULL))
    {
      g_autofree char *path = path_of (store->domains, uuid);

      if (!sync_path (path, fsync, error))
        return false;
    }
  return sync_path (store->domains, fsync, error) && sync_path (store->autostart, fsync, error);
}

/* What records make of a domain. */
typedef struct
{
  char *text; /* (owned) (nullable) */
  bool removed;
  bool linked, unlinked;
} Outcome;

static void
outcome_free (gpointer data)
{
  Outcome *outcome = data;

  g_free (outcome->text);
  g_free (outcome);
}

static bool
add_to_outcome (Outcome *outcome, const char *verb, const char *text)
{
  unsigned change;

  if (!cop_names_from_string (&change_names, verb, &change))
    return false;
  switch ((Change) change)
    {
    case CHANGE_PUT:
      g_free (outcome->text);
      outcome->text = g_strdup (text);
      break;

    case CHANGE_REMOVE:
      g_clear_pointer (&outcome->text, g_free);
      outcome->removed = outcome->unlinked = true;
      outcome->linked = false;
      break;

    case CHANGE_AUTOSTART:
    case CHANGE_NO_AUTOSTART:
      outcome->linked = change == CHANGE_AUTOSTART;
      outcome->unlinked = !outcome->linked;
      break;

    case CHANGE_LAST:
      return false;
    }
  return true;
}

/* Returns: whether @record is one of those above */
static bool
read_record (GBytes *record, GHashTable *outcomes)
{
  gsize length;
  const char *data = g_bytes_get_data (record, &length);
  g_autofree char *line = g_strndup (data, length);
  char *text = strchr (line, '\n');
  char *uuid = strchr (line, ' ');
  Outcome *outcome;

  if (text == NULL || uuid == NULL || uuid > text)
    return false;
  *text++ = '\0';
  *uuid++ = '\0';
  if (!g_uuid_string_is_valid (uuid))
    return false;
  outcome = g_hash_table_lookup (outcomes, uuid);
  if (outcome == NULL)
    {
      outcome = g_new0 (Outcome, 1);
      g_hash_table_insert (outcomes, g_strdup (uuid), outcome);
    }
  return add_to_outcome (outcome, line, text);
}

/* Makes what is not so yet: on a file system that cannot be written to, nothing is touched. */
static bool
make_outcome (CopDomainStore *store, const char *uuid, const Outcome *outcome, GError **error)
{
  g_autofree char *file = cop_domain_store_file (uuid);
  g_autofree char *path = path_of (store->domains, uuid);
  g_autofree char *link = path_of (store->autostart, uuid);
  g_autofree char *there = cop_domain_store_load (store->domains, uuid, NULL);

  if (outcome->text != NULL && g_strcmp0 (there, outcome->text) != 0 &&
      !cop_durable_write (store->domains, file, outcome->text, strlen (outcome->text), false,
                          error))
    return false;
  if (outcome->text == NULL && outcome->removed && is_there (path) &&
      !remove_file (path, COP_STORE_STEP_UNLINKED))
    return cop_store_fail (error, errno, _ ("cannot remove"), path);
  if ((outcome->linked || outcome->unlinked) && outcome->linked != is_there (link) &&
      !make_autostart (store, uuid, outcome->linked))
    return cop_store_fail (error, errno, _ ("cannot change"), link);
  return true;
}

static bool
replay (GPtrArray *records, gpointer data, GError **error)
{
  CopDomainStore *store = data;
  g_autoptr (GHashTable) outcomes =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, outcome_free);
  GHashTableIter iter;
  gpointer uuid, outcome;

  for (guint i = 0; i < records->len; i++)
    if (!read_record (records->pdata[i], outcomes))
      g_warning ("record %u of the journal of %s is not known: a newer coppice wrote it", i,
                 store->config_dir);
  g_hash_table_iter_init (&iter, outcomes);
  while (g_hash_table_iter_next (&iter, &uuid, &outcome))
    if (!make_outcome (store, uuid, outcome, error))
      return false;
  return sync_changes (outcomes, store, error);
}

bool
cop_domain_store_open_journal (CopDomainStore *store, GError **error)
{
  static const CopJournalFuncs funcs = { replay, sync_changes };
  g_autofree char *path = g_build_filename (store->config_dir, "domains.journal", NULL);

  store->journal = cop_journal_open (path, &funcs, store, error);
  return store->journal != NULL;
}

bool
cop_domain_store_settle (CopDomainStore *store, GError **error)
{
  return cop_journal_settle (store->journal, error);
}

/* Changes ------------------------------------------------------------------------------------ */

static bool
begin (CopDomainStore *store, Change change, const char *uuid, const char *text, unsigned *half,
       GError **error)
{
  g_autofree char *record =
    g_strconcat (cop_names_to_string (&change_names, change), " ", uuid, "\n", text, NULL);

  return cop_journal_begin (store->journal, uuid, record, strlen (record), half, error);
}

/* The change holds, whatever happened to its files: the journal sees to them. */
static void
end (CopDomainStore *store, Change change, const char *uuid, unsigned half, bool made)
{
  if (!made)
    g_warning ("%s %s: the change is in the journal, but not in its files: %s",
               cop_names_to_string (&change_names, change), uuid, g_strerror (errno));
  cop_journal_end (store->journal, half, made);
}

bool
cop_domain_store_put (CopDomainStore *store, const char *uuid, const char *name, const char *xml,
                      GError **error)
{
  const CopHeadedPair pairs[] = { { "name", name } };
  g_autofree char *text = cop_headed_format (COP_DOMAIN_KIND, pairs, G_N_ELEMENTS (pairs), xml);
  g_autofree char *file = cop_domain_store_file (uuid);
  cop_autofd int folder_fd = -1;
  unsigned half;

  if (!cop_journal_takes (strlen (text) + 64))
    return cop_journal_settle (store->journal, error) &&
           cop_durable_write (store->domains, file, text, strlen (text), true, error);
  /* What can fail is done first: there is room for the file, and the folder can be written to. */
  folder_fd = cop_durable_stage (store->domains, file, text, strlen (text), false, error);
  if (folder_fd < 0)
    return false;
  if (!begin (store, CHANGE_PUT, uuid, text, &half, error))
    {
      cop_durable_drop (folder_fd, file);
      return false;
    }
  end (store, CHANGE_PUT, uuid, half, cop_durable_publish (folder_fd, file));
  return true;
}

/* Whether entries of @folder can be removed; what for is in the error. */
static bool
check_folder (const char *folder, const char *path, GError **error)
{
  return faccessat (AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 || errno == ENOENT ||
         cop_store_fail (error, errno, _ ("cannot change"), path);
}

bool
cop_domain_store_remove (CopDomainStore *store, const char *uuid, GError **error)
{
  g_autofree char *path = path_of (store->domains, uuid);
  g_autofree char *link = path_of (store->autostart, uuid);
  unsigned half;

  if (!is_there (path) && !is_there (link))
    return true;
  if (!check_folder (store->domains, path, error) ||
      !begin (store, CHANGE_REMOVE, uuid, NULL, &half, error))
    return false;
  end (store, CHANGE_REMOVE, uuid, half, make_remove (store, uuid));
  return true;
}

bool
cop_domain_store_set_autostart (CopDomainStore *store, const char *uuid, bool autostart,
                                GError **error)
{
  const Change change = autostart ? CHANGE_AUTOSTART : CHANGE_NO_AUTOSTART;
  g_autofree char *link = path_of (store->autostart, uuid);
  unsigned half;

  if (is_there (link) == autostart)
    return true;
  if (autostart && g_mkdir_with_parents (store->autostart, 0700) < 0)
    return cop_store_fail (error, errno, _ ("cannot make"), store->autostart);
  if (!check_folder (store->autostart, link, error) ||
      !begin (store, change, uuid, NULL, &half, error))
    return false;
  end (store, change, uuid, half, make_autostart (store, uuid, autostart));
  return true;
}
