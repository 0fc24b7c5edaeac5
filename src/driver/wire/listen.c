/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Listening sockets.
 */
#include "driver/wire/listen.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* The first descriptor that a service manager hands over. */
#define FIRST_INHERITED 3
#define BACKLOG SOMAXCONN

static void
set_errno (GError **error, const char *format, const char *path)
{
  int errnum = errno;
  g_autofree char *what = g_strdup_printf (g_dgettext (GETTEXT_PACKAGE, "%s '%s'"), format, path);

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errnum), "%s: %s", what,
               g_strerror (errnum));
}

static bool
make_address (const char *path, struct sockaddr_un *address, GError **error)
{
  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen (path) >= sizeof address->sun_path)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
                   _ ("the socket path '%s' is longer than %zu bytes; choose a shorter one"), path,
                   sizeof address->sun_path - 1);
      return false;
    }
  strcpy (address->sun_path, path);
  return true;
}

/* Whether somebody accepts connections at @address. */
static bool
is_alive (const struct sockaddr_un *address)
{
  cop_autofd int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd < 0)
    return true;
  /* A full backlog (EAGAIN) is alive, too. */
  return connect (fd, (const struct sockaddr *) address, sizeof *address) == 0 ||
         (errno != ECONNREFUSED && errno != ENOENT);
}

int
cop_listen_unix (const char *path, mode_t mode, GError **error)
{
  /* Two daemons that start at once must not both think that the file is stale. */
  g_autofree char *lock_path = g_strconcat (path, ".lock", NULL);
  cop_autofd int lock = -1;
  cop_autofd int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  struct sockaddr_un address;
  struct stat info;
  mode_t mask;
  int bound;

  if (!make_address (path, &address, error))
    return -1;
  lock = open (lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || lock < 0 || fcntl (lock, F_SETLKW, &whole) != 0)
    {
      set_errno (error, _ ("cannot make the socket"), path);
      return -1;
    }
  if (lstat (path, &info) == 0)
    {
      if (!S_ISSOCK (info.st_mode) || is_alive (&address))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                       S_ISSOCK (info.st_mode)
                         ? _ ("a daemon listens on '%s' already")
                         : _ ("'%s' is there already, and not a socket; remove it"),
                       path);
          return -1;
        }
      unlink (path);
    }
  /* Nobody may come in between bind() and chmod(). */
  mask = umask (0177);
  bound = bind (fd, (const struct sockaddr *) &address, sizeof address);
  umask (mask);
  if (bound != 0 || chmod (path, mode) != 0 || listen (fd, BACKLOG) != 0)
    {
      set_errno (error, _ ("cannot listen on"), path);
      return -1;
    }
  return cop_fd_steal (&fd);
}

/* Handed over ---------------------------------------------------------------------------------- */

static void
socket_clear (gpointer data)
{
  CopInheritedSocket *inherited = data;

  cop_fd_clear (&inherited->fd);
  g_free (inherited->name);
  g_free (inherited->path);
}

static bool
is_listening (int fd, char **path)
{
  struct sockaddr_un address = { 0 };
  socklen_t length = sizeof address - 1;
  int listening = 0;
  socklen_t size = sizeof listening;

  if (getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || !listening ||
      getsockname (fd, (struct sockaddr *) &address, &length) != 0 || address.sun_family != AF_UNIX)
    return false;
  *path = g_strdup (address.sun_path);
  return true;
}

GArray *
cop_listen_inherited (void)
{
  GArray *sockets = g_array_new (FALSE, FALSE, sizeof (CopInheritedSocket));
  const char *pid = g_getenv ("LISTEN_PID"), *count = g_getenv ("LISTEN_FDS");
  const char *names = g_getenv ("LISTEN_FDNAMES");
  g_auto (GStrv) name = g_strsplit (names != NULL ? names : "", ":", -1);
  guint n_names = g_strv_length (name);
  guint64 n = 0;

  g_array_set_clear_func (sockets, socket_clear);
  if (pid != NULL && count != NULL && g_ascii_strtoull (pid, NULL, 10) == (guint64) getpid ())
    n = MIN (g_ascii_strtoull (count, NULL, 10), 64);
  for (guint i = 0; i < n; i++)
    {
      CopInheritedSocket inherited = { .fd = FIRST_INHERITED + (int) i };

      fcntl (inherited.fd, F_SETFD, FD_CLOEXEC);
      if (!is_listening (inherited.fd, &inherited.path))
        {
          close (inherited.fd);
          continue;
        }
      inherited.name = g_strdup (i < n_names ? name[i] : "");
      g_array_append_val (sockets, inherited);
    }
  unsetenv ("LISTEN_PID");
  unsetenv ("LISTEN_FDS");
  unsetenv ("LISTEN_FDNAMES");
  return sockets;
}
