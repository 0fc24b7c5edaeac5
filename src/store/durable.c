/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small files that are there as a whole or not at all: see durable.h.
 */
#include "store/durable.h"

#include "common/fd.h"
#include "store/step.h"

#include <glib/gi18n-lib.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void (*cop_store_step_hook) (CopStoreStep step);

bool
cop_store_fail (GError **error, int saved_errno, const char *what, const char *path)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved_errno), "%s %s: %s%s", what,
               path, g_strerror (saved_errno),
               saved_errno == ENOSPC || saved_errno == EDQUOT ? _ ("; make room and try again")
                                                              : "");
  return false;
}

char *
cop_durable_beside (const char *name)
{
  return g_strdup_printf (".%s.new", name);
}

bool
cop_durable_is_leftover (const char *name)
{
  return name[0] == '.' && g_str_has_suffix (name, ".new");
}

static bool
sync_folder_fd (int fd, const char *folder, GError **error)
{
  if (fsync (fd) < 0)
    return cop_store_fail (error, errno, _ ("cannot sync"), folder);
  cop_store_step (COP_STORE_STEP_FOLDER_SYNCED);
  return true;
}

bool
cop_durable_sync_folder (const char *folder, GError **error)
{
  cop_autofd int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return cop_store_fail (error, errno, _ ("cannot open"), folder);
  return sync_folder_fd (fd, folder, error);
}

static bool
write_all (int fd, const char *text, gsize length)
{
  while (length > 0)
    {
      ssize_t n = write (fd, text, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return false;
      text += n;
      length -= n;
    }
  return true;
}

/* In two parts, so that a test can end the process between them. */
static bool
fill (int fd, const char *text, gsize length, bool durable)
{
  gsize half = length / 2;

  cop_store_step (COP_STORE_STEP_CREATED);
  if (cop_store_step_hook != NULL)
    {
      if (!write_all (fd, text, half))
        return false;
      cop_store_step (COP_STORE_STEP_HALF_WRITTEN);
      text += half;
      length -= half;
    }
  if (!write_all (fd, text, length))
    return false;
  cop_store_step (COP_STORE_STEP_WRITTEN);
  if (durable && fdatasync (fd) < 0)
    return false;
  cop_store_step (COP_STORE_STEP_SYNCED);
  return true;
}

int
cop_durable_stage (const char *folder, const char *name, const char *text, gsize length,
                   bool durable, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *beside = cop_durable_beside (name);
  cop_autofd int folder_fd = -1;
  cop_autofd int fd = -1;

  folder_fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0 && errno == ENOENT && g_mkdir_with_parents (folder, 0700) == 0)
    folder_fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0)
    {
      cop_store_fail (error, errno, _ ("cannot open"), folder);
      return -1;
    }
  fd = openat (folder_fd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || !fill (fd, text, length, durable))
    {
      cop_store_fail (error, errno, _ ("cannot write"), path);
      cop_durable_drop (folder_fd, name);
      return -1;
    }
  return cop_fd_steal (&folder_fd);
}

bool
cop_durable_publish (int folder_fd, const char *name)
{
  g_autofree char *beside = cop_durable_beside (name);

  if (renameat (folder_fd, beside, folder_fd, name) < 0)
    return false;
  cop_store_step (COP_STORE_STEP_RENAMED);
  return true;
}

void
cop_durable_drop (int folder_fd, const char *name)
{
  g_autofree char *beside = cop_durable_beside (name);

  unlinkat (folder_fd, beside, 0);
}

bool
cop_durable_write (const char *folder, const char *name, const char *text, gsize length,
                   bool durable, GError **error)
{
  cop_autofd int folder_fd = cop_durable_stage (folder, name, text, length, durable, error);

  if (folder_fd < 0)
    return false;
  if (!cop_durable_publish (folder_fd, name))
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      cop_store_fail (error, errno, _ ("cannot write"), path);
      cop_durable_drop (folder_fd, name);
      return false;
    }
  return !durable || sync_folder_fd (folder_fd, folder, error);
}
