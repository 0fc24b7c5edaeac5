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
#include "driver/wire/listen.h"
#include "driver/wire/remote.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Source: sd_listen_fds(3) */
#define FIRST_INHERITED 3
#define LISTEN_PID "LISTEN_PID="
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

/* Where the child writes its number into its environment. */
typedef struct
{
  char pid[sizeof LISTEN_PID + 20];
} Child;

/* In the child, between fork and exec: only what a signal handler may do. Nothing of the caller's
   terminal or folder stays with the daemon, and the sockets are for it. */
static void
become_daemon (gpointer data)
{
  Child *child = data;
  char digits[20];
  size_t n = 0, length = strlen (LISTEN_PID);

  for (pid_t pid = getpid (); pid > 0; pid /= 10)
    digits[n++] = (char) ('0' + pid % 10);
  while (n > 0)
    child->pid[length++] = digits[--n];
  child->pid[length] = '\0';
  setsid ();
  if (chdir ("/") != 0)
    _exit (1);
}

/* Starts the daemon with the listening @sockets, as a service manager would: who connects is heard
   as soon as it is ready, and nobody has to ask again and again whether it is. */
static bool
spawn_daemon (const int *sockets, unsigned n_sockets, GError **error)
{
  g_autofree char *program = find_daemon ();
  const char *const argv[] = { program, "--timeout=" DAEMON_TIMEOUT, NULL };
  const int targets[] = { FIRST_INHERITED, FIRST_INHERITED + 1 };
  g_autofree char *count = g_strdup_printf ("%u", n_sockets);
  g_auto (GStrv) environment = g_environ_setenv (g_get_environ (), "LISTEN_FDS", count, TRUE);
  g_autofree const char **variables = NULL;
  guint n_variables = g_strv_length (environment), n = 0;
  Child child = { .pid = LISTEN_PID };

  variables = g_new0 (const char *, n_variables + 2);
  for (guint i = 0; i < n_variables; i++)
    if (!g_str_has_prefix (environment[i], LISTEN_PID))
      variables[n++] = environment[i];
  variables[n] = child.pid;
  if (g_spawn_async_with_pipes_and_fds (
        NULL, argv, variables,
        G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
        become_daemon, &child, -1, -1, -1, sockets, targets, n_sockets, NULL, NULL, NULL, NULL,
        error))
    return true;
  g_prefix_error (error, _ ("cannot start the session's daemon: "));
  return false;
}

/* Starts the daemon unless it runs meanwhile, and connects to it. Returns: a socket or -1 */
static int
start_daemon (const CopPaths *paths, const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *lock_path = g_build_filename (folder, "virtcoppiced.lock", NULL);
  mode_t mode = paths->system ? 0666 : 0600;
  cop_autofd int lock = -1;
  cop_autofd int changing = -1;
  cop_autofd int reading = -1;
  int fd;

  g_mkdir_with_parents (folder, paths->system ? 0755 : 0700);
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
  changing = cop_listen_unix (paths->socket, mode, error);
  if (changing < 0)
    return -1;
  if (paths->socket_ro != NULL)
    {
      reading = cop_listen_unix (paths->socket_ro, mode, error);
      if (reading < 0)
        return -1;
    }
  if (!spawn_daemon ((const int[]){ changing, reading }, reading < 0 ? 1 : 2, error))
    return -1;
  fd = connect_to (path);
  if (fd < 0)
    cop_driver_error_set_errno (error, errno, _ ("cannot connect to '%s'"), path);
  return fd;
}

/* @log: (out) (transfer full) (nullable): set if a daemon was started: where it says why it fails */
static int
open_socket (const CopClientUri *uri, CopClientFlags flags, char **log, GError **error)
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
    {
      *log = g_build_filename (paths->log_dir, "virtcoppiced.log", NULL);
      return start_daemon (paths, path, error);
    }
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
  g_autofree char *log = NULL;
  g_autoptr (GError) failed = NULL;
  int fd;

  if (uri == NULL)
    return NULL;
  fd = uri->transport == COP_TRANSPORT_UNIX ? open_socket (uri, flags, &log, error)
                                            : open_program (uri, error);
  if (fd < 0)
    return NULL;
  client = cop_client_new_for_fd (fd);
  if (open_connection (client, uri, flags, &failed))
    return g_steal_pointer (&client);

  /* A daemon that ends at its start takes the connection with it. */
  if (log != NULL && g_error_matches (failed, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC))
    g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_CONNECT,
                 _ ("the session's daemon was started, but ended at once; '%s' may say why, or run "
                    "virtcoppiced by hand"),
                 log);
  else
    g_propagate_error (error, g_steal_pointer (&failed));
  return NULL;
}
