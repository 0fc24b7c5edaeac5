/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where consoles lead: terminals and sockets.
 */
#include "driver/host-open.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <netdb.h>
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CONNECT_TIMEOUT_MS 10000
#define LOCK_TRIES 2000
#define LOCK_PAUSE_US 1000

int
cop_host_open_pty (char **path, GError **error)
{
  struct termios raw = { 0 };
  char name[PATH_MAX];
  int master, slave;

  cfmakeraw (&raw);
  raw.c_cflag |= CREAD | CS8;
  if (openpty (&master, &slave, name, &raw, NULL) < 0)
    {
      cop_host_set_file_error (error, _ ("console"), "/dev/ptmx", errno);
      return -1;
    }
  /* With our side of it closed, the machine can tell whether somebody is there. */
  close (slave);
  fcntl (master, F_SETFD, FD_CLOEXEC);
  *path = g_strdup (name);
  return master;
}

static bool
make_address (struct sockaddr_un *address, const char *what, const char *path, GError **error)
{
  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  if (strlen (path) < sizeof address->sun_path)
    {
      strcpy (address->sun_path, path);
      return true;
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
               _ ("%s '%s': the path is too long for a socket; it can have %zu bytes"), what, path,
               sizeof address->sun_path - 1);
  return false;
}

/* A name that nobody uses, for a socket on its way to its own. */
static char *
private_name (void)
{
  return g_strdup_printf (".coppice-%08x%08x", g_random_int (), g_random_int ());
}

/* However long the folder's path is. */
static struct sockaddr_un
address_in (int folder, const char *name)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_snprintf (address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
  return address;
}

/* Whether the socket at @address was left behind by a process that is gone. */
static bool
is_stale_socket (const struct sockaddr_un *address)
{
  cop_autofd int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct stat status;

  return fd >= 0 && lstat (address->sun_path, &status) == 0 && S_ISSOCK (status.st_mode) &&
         connect (fd, (const struct sockaddr *) address, sizeof *address) < 0 &&
         errno == ECONNREFUSED;
}

/* Lets the socket at @aside have @address, unless a living one has it. Returns: 0, or an errno */
static int
publish_socket (const struct sockaddr_un *aside, const struct sockaddr_un *address)
{
  if (is_stale_socket (address))
    unlink (address->sun_path);
  return link (aside->sun_path, address->sun_path) < 0 ? errno : 0;
}

/* Two that find a stale socket at once must not both replace it. Others may hold the lock for reasons
   of their own, on a folder that is not ours: then we do without. */
static void
lock_folder (int folder)
{
  for (unsigned tries = 0; tries < LOCK_TRIES; tries++)
    {
      if (flock (folder, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && errno != EINTR))
        return;
      g_usleep (LOCK_PAUSE_US);
    }
}

/* A socket that was bound but does not listen yet looks like one left behind. So it gets its name
   only when it listens. Returns: 0, or an errno */
static int
listen_in (int folder, const struct sockaddr_un *address, int fd)
{
  g_autofree char *name = private_name ();
  struct sockaddr_un aside = address_in (folder, name);
  int code;

  /* A console is as good as a login: nobody else may connect. The mode of an unbound socket is what
     the file gets; the process's umask is not ours to change, with other threads about. */
  fchmod (fd, 0700);
  if (bind (fd, (const struct sockaddr *) &aside, sizeof aside) < 0)
    return errno;
  lock_folder (folder);
  code = listen (fd, 1) < 0 ? errno : publish_socket (&aside, address);
  unlink (aside.sun_path);
  return code;
}

int
cop_host_listen_unix (const char *what, const char *path, GError **error)
{
  g_autofree char *folder_path = g_path_get_dirname (path);
  struct sockaddr_un address;
  cop_autofd int folder = -1;
  cop_autofd int fd = -1;
  int code;

  if (!make_address (&address, what, path, error))
    return -1;
  folder = open (folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 && errno == EACCES)
    folder = open (folder_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0)
    fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  code = fd < 0 ? errno : listen_in (folder, &address, fd);
  if (code == 0)
    return cop_fd_steal (&fd);
  if (code == EEXIST)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                 _ ("%s '%s': the path is in use; end what uses it or choose another"), what, path);
  else
    cop_host_set_file_error (error, what, path, code);
  return -1;
}

int
cop_host_connect_unix (const char *what, const char *path, GError **error)
{
  struct sockaddr_un address;
  cop_autofd int fd = -1;

  if (!make_address (&address, what, path, error))
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect (fd, (const struct sockaddr *) &address, sizeof address) == 0)
    return cop_fd_steal (&fd);
  if (errno == ECONNREFUSED)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED,
                 _ ("%s '%s': nobody listens there; start what is to listen first"), what, path);
  else
    cop_host_set_file_error (error, what, path, errno);
  return -1;
}

/* connect() that gives up in time. Returns: 0, or an errno */
static int
connect_in_time (int fd, const struct addrinfo *address)
{
  struct pollfd ready = { .fd = fd, .events = POLLOUT };
  socklen_t size = sizeof (int);
  int code = 0;

  if (connect (fd, address->ai_addr, address->ai_addrlen) == 0)
    return 0;
  if (errno != EINPROGRESS)
    return errno;
  if (poll (&ready, 1, CONNECT_TIMEOUT_MS) != 1)
    return ETIMEDOUT;
  return getsockopt (fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 ? errno : code;
}

/* Returns: 0, or an errno */
static int
listen_at (int fd, const struct addrinfo *address)
{
  const int on = 1;

  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return bind (fd, address->ai_addr, address->ai_addrlen) < 0 || listen (fd, 1) < 0 ? errno : 0;
}

int
cop_host_open_tcp (const char *what, const char *host, const char *service, bool listening,
                   GError **error)
{
  const struct addrinfo hints = {
    .ai_socktype = SOCK_STREAM,
    .ai_flags = AI_ADDRCONFIG | (listening ? AI_PASSIVE : 0),
  };
  struct addrinfo *addresses = NULL;
  int code = getaddrinfo (host, service, &hints, &addresses);
  cop_autofd int fd = -1;

  if (code != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_NOT_FOUND,
                   _ ("%s '%s:%s': %s; check host and port"), what, host, service,
                   gai_strerror (code));
      return -1;
    }
  for (const struct addrinfo *address = addresses; address != NULL; address = address->ai_next)
    {
      cop_fd_clear (&fd);
      fd = socket (address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      code = fd < 0 ? errno : listening ? listen_at (fd, address) : connect_in_time (fd, address);
      if (code == 0)
        break;
    }
  freeaddrinfo (addresses);
  if (code == 0)
    return cop_fd_steal (&fd);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s '%s:%s': %s; %s", what, host,
               service, g_strerror (code),
               listening ? _ ("choose another port") : _ ("start what is to listen there first"));
  return -1;
}
