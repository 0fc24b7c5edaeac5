/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Connecting to a daemon by URI: its socket, or a program that leads there; starting the session's
 * daemon if there is none; authentication; opening.
 */
#include "driver/wire/client-private.h"

#include "common/fd.h"
#include "driver/client-uri.h"
#include "driver/error.h"
#include "driver/paths.h"
#include "driver/wire/remote.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

/* How long a daemon that we started may take until it listens. */
#define START_TRIES 500
#define START_INTERVAL_US 10000
/* Seconds without work after which a daemon that we started leaves. */
#define DAEMON_TIMEOUT "120"

#define OPEN_READ_ONLY 1
#define AUTH_POLKIT 2

/* Sockets -------------------------------------------------------------------------------------- */

/* Returns: a connected socket, or -1 with errno */
static int
connect_to (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  cop_autofd int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (strlen (path) >= sizeof address.sun_path)
    {
      errno = ENAMETOOLONG;
      return -1;
    }
  strcpy (address.sun_path, path);
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    return -1;
  return cop_fd_steal (&fd);
}

static char *
find_daemon (void)
{
  const char *named = g_getenv ("COPPICE_DAEMON");
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self != NULL ? g_path_get_dirname (self) : NULL;
  /* Beside us: as installed in one folder, in sbin beside bin, or as built. */
  static const char *const places[] = { "virtcoppiced", "../sbin/virtcoppiced" };

  if (named != NULL)
    return g_strdup (named);
  for (size_t i = 0; folder != NULL && i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *path = g_build_filename (folder, places[i], NULL);

      if (g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer (&path);
    }
  return g_strdup ("virtcoppiced");
}

/* In the child: nothing of the caller's terminal or folder stays with the daemon. */
static void
become_daemon (G_GNUC_UNUSED gpointer data)
{
  setsid ();
  if (chdir ("/") != 0)
    _exit (1);
}

static bool
spawn_daemon (GError **error)
{
  g_autofree char *program = find_daemon ();
  const char *const argv[] = { program, "--timeout=" DAEMON_TIMEOUT, NULL };

  if (g_spawn_async (NULL, (char **) argv, NULL,
                     G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                     become_daemon, NULL, NULL, error))
    return true;
  g_prefix_error (error, _ ("cannot start the session's daemon: "));
  return false;
}

/* Starts the daemon unless it runs meanwhile, and connects to it. Returns: a socket or -1 */
static int
start_daemon (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *lock_path = g_build_filename (folder, "virtcoppiced.lock", NULL);
  cop_autofd int lock = -1;
  int fd;

  g_mkdir_with_parents (folder, 0700);
  /* One of several clients that come at once starts it; libvirt's clients take the same lock. */
  lock = open (lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0 || fcntl (lock, F_SETLKW, &(struct flock){ .l_type = F_WRLCK }) != 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot lock '%s'"), lock_path);
      return -1;
    }
  fd = connect_to (path);
  if (fd >= 0)
    return fd;
  if (!spawn_daemon (error))
    return -1;
  for (int i = 0; i < START_TRIES; i++)
    {
      fd = connect_to (path);
      if (fd >= 0)
        return fd;
      g_usleep (START_INTERVAL_US);
    }
  g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_CONNECT,
               _ ("the session's daemon was started, but does not listen on '%s'; run virtcoppiced "
                  "by hand to see why"),
               path);
  return -1;
}

static int
open_socket (const CopClientUri *uri, CopClientFlags flags, GError **error)
{
  g_autoptr (CopPaths) paths = NULL;
  const char *path = uri->socket;
  int fd, errnum;

  if (path == NULL)
    {
      bool read_only = (flags & COP_CLIENT_READ_ONLY) != 0;

      paths = cop_paths_new (!uri->session || geteuid () == 0, NULL, NULL, error);
      if (paths == NULL)
        return -1;
      path = read_only && paths->socket_ro != NULL ? paths->socket_ro : paths->socket;
    }
  fd = connect_to (path);
  errnum = errno;
  if (fd < 0 && (errnum == ENOENT || errnum == ECONNREFUSED) && uri->session &&
      uri->socket == NULL && (flags & COP_CLIENT_NO_AUTOSTART) == 0)
    return start_daemon (path, error);
  if (fd < 0)
    g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_CONNECT,
                 _ ("cannot reach a daemon at '%s': %s; is virtcoppiced running?"), path,
                 g_strerror (errnum));
  return fd;
}

/* Programs ------------------------------------------------------------------------------------- */

static int
open_program (const CopClientUri *uri, GError **error)
{
  g_auto (GStrv) argv = cop_client_uri_argv (uri);
  cop_autofd int ours = -1;
  cop_autofd int theirs = -1;
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot make a socket"));
      return -1;
    }
  ours = ends[0];
  theirs = ends[1];
  if (!g_spawn_async_with_fds (NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, theirs,
                               theirs, -1, error))
    {
      g_prefix_error (error, _ ("cannot connect through %s: "), argv[0]);
      return -1;
    }
  return cop_fd_steal (&ours);
}

/* Opening -------------------------------------------------------------------------------------- */

static bool
authenticate (CopClient *client, GError **error)
{
  CopRemoteAuthListRet list;
  CopRemoteAuthPolkitRet polkit;
  int32_t kind;

  if (!COP_REMOTE_CALL (client, AUTH_LIST, NULL, &list, error))
    return false;
  kind = list.n_types > 0 ? list.types[0] : 0;
  COP_REMOTE_CLEAR (AUTH_LIST, &list);
  if (kind == 0)
    return true;
  if (kind == AUTH_POLKIT)
    return COP_REMOTE_CALL (client, AUTH_POLKIT, NULL, &polkit, error);
  g_set_error (
    error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_AUTH_UNAVAILABLE,
    _ ("the daemon asks for authentication of kind %d, of which this client knows nothing"), kind);
  return false;
}

static bool
open_connection (CopClient *client, const CopClientUri *uri, CopClientFlags flags, GError **error)
{
  CopRemoteConnectOpenArgs open = {
    .name = uri->name,
    .flags = (flags & COP_CLIENT_READ_ONLY) != 0 ? OPEN_READ_ONLY : 0,
  };
  CopRemoteConnectGetUriRet real;

  if (!authenticate (client, error) ||
      !COP_REMOTE_CALL (client, CONNECT_OPEN, &open, NULL, error) ||
      !COP_REMOTE_CALL (client, CONNECT_GET_URI, NULL, &real, error))
    return false;
  cop_client_set_uri (client, real.uri);
  COP_REMOTE_CLEAR (CONNECT_GET_URI, &real);
  return true;
}

CopClient *
cop_client_open (const char *text, CopClientFlags flags, GError **error)
{
  g_autoptr (CopClientUri) uri = cop_client_uri_parse (text, error);
  g_autoptr (CopClient) client = NULL;
  int fd;

  if (uri == NULL)
    return NULL;
  fd = uri->transport == COP_TRANSPORT_UNIX ? open_socket (uri, flags, error)
                                            : open_program (uri, error);
  if (fd < 0)
    return NULL;
  client = cop_client_new_for_fd (fd);
  if (!open_connection (client, uri, flags, error))
    return NULL;
  return g_steal_pointer (&client);
}
