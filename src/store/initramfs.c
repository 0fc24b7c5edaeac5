/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The initramfs writer over libarchive. Source: the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst
 */
#include "store/initramfs.h"

#include <archive.h>
#include <archive_entry.h>

struct CopInitramfs
{
  struct archive *archive; /* (owned) */
  GByteArray *bytes; /* (owned) */
  char *mistake; /* (owned) (nullable): the first thing that went wrong */
};

static la_ssize_t
append (struct archive *archive G_GNUC_UNUSED, void *data, const void *buffer, size_t length)
{
  CopInitramfs *initramfs = data;

  g_byte_array_append (initramfs->bytes, buffer, length);
  return length;
}

CopInitramfs *
cop_initramfs_new (void)
{
  CopInitramfs *initramfs = g_new0 (CopInitramfs, 1);

  initramfs->bytes = g_byte_array_new ();
  initramfs->archive = archive_write_new ();
  archive_write_set_format_cpio_newc (initramfs->archive);
  archive_write_set_bytes_in_last_block (initramfs->archive, 1);
  archive_write_open (initramfs->archive, initramfs, NULL, append, NULL);
  return initramfs;
}

void
cop_initramfs_free (CopInitramfs *initramfs)
{
  archive_write_free (initramfs->archive);
  g_byte_array_unref (initramfs->bytes);
  g_free (initramfs->mistake);
  g_free (initramfs);
}

static struct archive_entry *
entry_new (const char *path, unsigned type, unsigned permissions)
{
  struct archive_entry *entry = archive_entry_new ();

  archive_entry_set_pathname (entry, path);
  archive_entry_set_filetype (entry, type);
  archive_entry_set_perm (entry, permissions);
  archive_entry_set_mtime (entry, 0, 0);
  archive_entry_set_nlink (entry, 1);
  archive_entry_set_size (entry, 0);
  return entry;
}

/* Writes and frees @entry. */
static void
add (CopInitramfs *initramfs, struct archive_entry *entry, GBytes *bytes)
{
  gsize size = 0;
  const void *data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  archive_entry_set_size (entry, size);
  if (initramfs->mistake == NULL &&
      (archive_write_header (initramfs->archive, entry) != ARCHIVE_OK ||
       (size > 0 && archive_write_data (initramfs->archive, data, size) != (la_ssize_t) size)))
    initramfs->mistake = g_strdup_printf ("%s: %s", archive_entry_pathname (entry),
                                          archive_error_string (initramfs->archive));
  archive_entry_free (entry);
}

void
cop_initramfs_add_folder (CopInitramfs *initramfs, const char *path)
{
  add (initramfs, entry_new (path, AE_IFDIR, 0755), NULL);
}

void
cop_initramfs_add_file (CopInitramfs *initramfs, const char *path, GBytes *bytes, bool executable)
{
  add (initramfs, entry_new (path, AE_IFREG, executable ? 0755 : 0644), bytes);
}

void
cop_initramfs_add_link (CopInitramfs *initramfs, const char *path, const char *target)
{
  struct archive_entry *entry = entry_new (path, AE_IFLNK, 0777);

  archive_entry_set_symlink (entry, target);
  add (initramfs, entry, NULL);
}

void
cop_initramfs_add_device (CopInitramfs *initramfs, const char *path, unsigned major_number,
                          unsigned minor_number)
{
  struct archive_entry *entry = entry_new (path, AE_IFCHR, 0600);

  archive_entry_set_rdevmajor (entry, major_number);
  archive_entry_set_rdevminor (entry, minor_number);
  add (initramfs, entry, NULL);
}

GBytes *
cop_initramfs_finish (CopInitramfs *initramfs, GError **error)
{
  if (initramfs->mistake == NULL && archive_write_close (initramfs->archive) != ARCHIVE_OK)
    initramfs->mistake = g_strdup (archive_error_string (initramfs->archive));
  if (initramfs->mistake != NULL)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                   "the initramfs cannot be written: %s", initramfs->mistake);
      return NULL;
    }
  return g_bytes_new (initramfs->bytes->data, initramfs->bytes->len);
}
