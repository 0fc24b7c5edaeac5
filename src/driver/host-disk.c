/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Disk images and block devices.
 */
#include "driver/host-open.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>

/* @text with the path where it says %s: the texts are a caller's, not formats. */
static char *
name_path (const char *text, const char *path)
{
  g_auto (GStrv) parts = g_strsplit (text, "%s", -1);

  return g_strjoinv (path, parts);
}

static int
open_image (const char *path, bool readonly, const CopHostDiskWords *words, GError **error)
{
  cop_autofd int fd = open (path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
  int code = errno;
  struct stat status;

  if (fd < 0 && code == ENOENT)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   _ ("disk '%s': no such file; 'truncate -s 4G %s' makes an empty one"), path,
                   path);
      return -1;
    }
  if (fd < 0 && !readonly && (code == EACCES || code == EPERM || code == EROFS) &&
      access (path, R_OK) == 0)
    {
      g_autofree char *way_out = NULL;

      if (words->readonly != NULL)
        way_out = name_path (_ (words->readonly), path);
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                   _ ("disk '%s': it can be read but not written; %s"), path,
                   way_out != NULL ? way_out : _ ("check the file's owner and mode"));
      return -1;
    }
  if (fd < 0 || fstat (fd, &status) < 0)
    {
      cop_host_set_file_error (error, _ ("disk"), path, fd < 0 ? code : errno);
      return -1;
    }
  if (S_ISDIR (status.st_mode))
    {
      cop_host_set_file_error (error, _ ("disk"), path, EISDIR);
      return -1;
    }
  if (!S_ISREG (status.st_mode) && !S_ISBLK (status.st_mode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _ ("disk '%s': this is neither a file nor a block device"), path);
      return -1;
    }
  if (S_ISREG (status.st_mode) && status.st_size < 512)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   _ ("disk '%s': smaller than a sector; 'truncate -s 4G %s' makes it larger"),
                   path, path);
      return -1;
    }
  return cop_fd_steal (&fd);
}

/* Two writers would destroy the file system on a disk. The lock goes with the descriptor. */
static bool
lock_image (int fd, const char *path, bool shared, const CopHostDiskWords *words, GError **error)
{
  struct flock lock = { .l_type = shared ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

  if (fcntl (fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES))
    return true; /* some file systems have no locks */
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
               _ ("disk '%s': another machine uses it; end that one, or %s"), path,
               _ (words->shared));
  return false;
}

int
cop_host_open_disk (const char *path, bool readonly, bool shared, const CopHostDiskWords *words,
                    GError **error)
{
  cop_autofd int fd = open_image (path, readonly, words, error);

  /* Two readers are in nobody's way. */
  if (fd < 0 || !lock_image (fd, path, readonly || shared, words, error))
    return -1;
  return cop_fd_steal (&fd);
}
