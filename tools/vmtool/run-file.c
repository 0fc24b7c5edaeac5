/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files that a machine boots from.
 */
#include "vmtool/run-private.h"

#include "common/fd.h"
#include "common/units.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <sys/mman.h>
#include <sys/stat.h>

typedef struct
{
  void *start;
  gsize length;
} Mapping;

/* All there are; on the main thread only. */
static GSList *mappings; /* (element-type Mapping) (unowned) */

static void
unmap (gpointer data)
{
  Mapping *mapping = data;

  mappings = g_slist_remove (mappings, mapping);
  munmap (mapping->start, mapping->length);
  g_free (mapping);
}

void
vmt_run_files_loaded (void)
{
  for (GSList *link = mappings; link != NULL; link = link->next)
    {
      const Mapping *mapping = link->data;

      madvise (mapping->start, mapping->length, MADV_DONTNEED);
    }
}

static GBytes *
map_regular (const char *what, const char *path, int fd, gsize length, GError **error)
{
  Mapping *mapping;
  void *start;

  if (length == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("%s '%s': the file is empty"),
                   what, path);
      return NULL;
    }
  start = mmap (NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
  if (start == MAP_FAILED)
    {
      cop_host_set_file_error (error, what, path, errno);
      return NULL;
    }
  mapping = g_new (Mapping, 1);
  *mapping = (Mapping){ start, length };
  mappings = g_slist_prepend (mappings, mapping);
  return g_bytes_new_with_free_func (start, length, unmap, mapping);
}

static GBytes *
read_stream (const char *what, const char *path, int fd, uint64_t limit, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  static const guint chunk = 1 << 20;

  for (;;)
    {
      guint length = bytes->len;
      ssize_t got;

      /* A GByteArray counts in 32 bits. */
      if (length >= limit || length > G_MAXUINT32 / 2)
        {
          g_autofree char *size = cop_size_format (MIN (limit, G_MAXUINT32 / 2));

          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                       _ ("%s '%s': no end after %s; give more --memory or a regular file"), what,
                       path, size);
          return NULL;
        }
      g_byte_array_set_size (bytes, length + chunk);
      got = read (fd, bytes->data + length, chunk);
      g_byte_array_set_size (bytes, length + (guint)MAX (got, 0));
      if (got < 0 && errno != EINTR)
        {
          cop_host_set_file_error (error, what, path, errno);
          return NULL;
        }
      if (got == 0)
        break;
    }

  if (bytes->len == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("%s '%s': the file is empty"),
                   what, path);
      return NULL;
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

GBytes *
vmt_run_read_file (const char *what, const char *path, uint64_t limit, GError **error)
{
  cop_autofd int fd = open (path, O_RDONLY | O_CLOEXEC);
  struct stat status;

  if (fd < 0 || fstat (fd, &status) < 0)
    {
      cop_host_set_file_error (error, what, path, errno);
      return NULL;
    }
  if (S_ISDIR (status.st_mode))
    {
      cop_host_set_file_error (error, what, path, EISDIR);
      return NULL;
    }
  return S_ISREG (status.st_mode) ? map_regular (what, path, fd, (gsize)status.st_size, error)
                                  : read_stream (what, path, fd, limit, error);
}
