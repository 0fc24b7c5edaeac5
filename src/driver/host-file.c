/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files that a machine uses, and words for what is wrong with them.
 */
#include "driver/host-open.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <sys/stat.h>

typedef struct
{
  int code; /* of errno */
  const char *meaning; /* N_() */
} ErrnoRow;

/* What people run into, with the way out; for the rest the system's own words do. */
static const ErrnoRow errno_rows[] = {
  /* clang-format off */
  { ENOENT,  N_ ("no such file; check the path") },
  { ENOTDIR, N_ ("no such file; a part of the path is not a folder") },
  { EISDIR,  N_ ("this is a folder; name a file in it") },
  { EACCES,  N_ ("permission denied; check the file's owner and mode") },
  { EPERM,   N_ ("permission denied; check the file's owner and mode") },
  { EROFS,   N_ ("the file system is read-only") },
  { ETXTBSY, N_ ("the file is being executed") },
  { EMFILE,  N_ ("too many open files; raise the limit with ulimit -n") },
  /* clang-format on */
};

void
cop_host_set_file_error (GError **error, const char *what, const char *path, int code)
{
  const char *meaning = NULL;

  for (unsigned i = 0; i < G_N_ELEMENTS (errno_rows); i++)
    if (errno_rows[i].code == code)
      meaning = _ (errno_rows[i].meaning);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s '%s': %s", what, path,
               meaning != NULL ? meaning : g_strerror (code));
}

int
cop_host_open_file (const char *what, const char *path, GError **error)
{
  /* A FIFO would wait for its writer. */
  cop_autofd int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status;

  if (fd < 0 || fstat (fd, &status) < 0)
    {
      cop_host_set_file_error (error, what, path, errno);
      return -1;
    }
  if (S_ISDIR (status.st_mode))
    {
      cop_host_set_file_error (error, what, path, EISDIR);
      return -1;
    }
  if (!S_ISREG (status.st_mode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                   _ ("%s '%s': this is no regular file; copy it into one"), what, path);
      return -1;
    }
  if (status.st_size == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("%s '%s': the file is empty"),
                   what, path);
      return -1;
    }
  return cop_fd_steal (&fd);
}

int
cop_host_open_output (const char *what, const char *path, bool append, GError **error)
{
  int fd =
    open (path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (append ? O_APPEND : O_TRUNC), 0666);

  if (fd < 0)
    cop_host_set_file_error (error, what, path, errno);
  return fd;
}
