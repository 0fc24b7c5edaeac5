/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Packages through dpkg-deb, which knows their format, and libarchive, which reads the tar stream
 * that comes out. Source: deb(5)
 */
#include "store/deb.h"

#include <archive.h>
#include <archive_entry.h>
#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <string.h>

#define BLOCK (256 * 1024)
/* Above any file that an image takes; what is larger is damage. */
#define MAX_FILE (UINT64_C (1) << 30)

typedef struct archive CopArchive;

static void
archive_close_and_free (CopArchive *archive)
{
  archive_read_free (archive);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopArchive, archive_close_and_free)

/* The data of the entry that @archive stands at. */
static GBytes *
read_entry (CopArchive *archive, uint64_t limit, const char *label, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree uint8_t *block = g_malloc (BLOCK);
  ssize_t got;

  while ((got = archive_read_data (archive, block, BLOCK)) > 0)
    {
      if (bytes->len + (uint64_t) got > limit)
        {
          g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                       "%s has more than %" G_GUINT64_FORMAT " bytes in it", label, limit);
          return NULL;
        }
      g_byte_array_append (bytes, block, got);
    }
  if (got < 0)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT, "%s cannot be unpacked: %s",
                   label, archive_error_string (archive));
      return NULL;
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

GBytes *
cop_decompress (GBytes *bytes, uint64_t limit, const char *label, GError **error)
{
  g_autoptr (CopArchive) archive = archive_read_new ();
  struct archive_entry *entry;
  gsize size;
  const void *data = g_bytes_get_data (bytes, &size);

  archive_read_support_format_raw (archive);
  archive_read_support_filter_all (archive);
  if (archive_read_open_memory (archive, data, size) != ARCHIVE_OK ||
      archive_read_next_header (archive, &entry) != ARCHIVE_OK)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT, "%s cannot be unpacked: %s",
                   label, archive_error_string (archive));
      return NULL;
    }
  return read_entry (archive, limit, label, error);
}

static bool
read_tar (CopArchive *archive, const char *label, GHashTable *files, CopDebWant want,
          CopDebProgress progress, gpointer data, GError **error)
{
  struct archive_entry *entry;
  int status;

  while ((status = archive_read_next_header (archive, &entry)) == ARCHIVE_OK)
    {
      const char *path = archive_entry_pathname (entry);
      GBytes *bytes;

      if (progress != NULL)
        progress (archive_filter_bytes (archive, 0), data);
      if (path == NULL || archive_entry_filetype (entry) != AE_IFREG)
        continue;
      if (g_str_has_prefix (path, "./"))
        path += 2;
      if (!want (path))
        continue;
      bytes = read_entry (archive, MAX_FILE, label, error);
      if (bytes == NULL)
        return false;
      g_hash_table_insert (files, g_strdup (path), bytes);
    }
  if (status == ARCHIVE_EOF)
    return true;
  g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT, "%s cannot be unpacked: %s", label,
               archive_error_string (archive));
  return false;
}

GHashTable *
cop_deb_read (const char *path, CopDebWant want, CopDebProgress progress, gpointer data,
              GError **error)
{
  g_autoptr (GHashTable) files =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  g_autoptr (CopArchive) archive = archive_read_new ();
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) reason = NULL;
  GInputStream *tar;

  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                              &reason, "dpkg-deb", "--fsys-tarfile", path, NULL);
  if (process == NULL)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_TOOL,
                   "dpkg-deb cannot be run: %s; install the package dpkg", reason->message);
      return NULL;
    }
  tar = g_subprocess_get_stdout_pipe (process);
  archive_read_support_format_tar (archive);
  if (archive_read_open_fd (archive, g_unix_input_stream_get_fd (G_UNIX_INPUT_STREAM (tar)),
                            BLOCK) != ARCHIVE_OK)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT, "%s cannot be unpacked: %s",
                   path, archive_error_string (archive));
      return NULL;
    }
  if (!read_tar (archive, path, files, want, progress, data, error))
    return NULL;
  g_input_stream_close (tar, NULL, NULL);
  if (!g_subprocess_wait (process, NULL, error))
    return NULL;
  return g_steal_pointer (&files);
}
