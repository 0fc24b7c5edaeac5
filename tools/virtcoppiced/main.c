/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtcoppiced: the daemon. Puts the driver behind libvirt's wire protocol, and leaves when it is
 * told to or has had nothing to do for a while. Running machines go on without it.
 */
#include "common/fd.h"
#include "common/log.h"
#include "driver/driver.h"
#include "driver/error.h"
#include "driver/remote.h"
#include "driver/vm.h"
#include "driver/wire/listen.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <locale.h>
#include <malloc.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Heaps that threads share. With one for each thread, memory that a worker has freed helps nobody
 * else. */
#define ARENAS_MAX 2

typedef struct
{
  /* from the command line */
  char *socket, *root, *log_file, *log_level;
  int timeout; /* seconds; 0: stay */
  gboolean system, session, version;

  CopPaths *paths;
  CopDriver *driver;
  CopServer *server;
  CopRemote remote;
  GArray *inherited; /* of CopInheritedSocket: we listen on these if there are any */
  GMainLoop *loop;
  guint idle_timer;
} Daemon;

/* Leaving when idle ---------------------------------------------------------------------------- */

static gboolean
leave (gpointer data)
{
  Daemon *self = data;

  self->idle_timer = 0;
  g_info ("nothing to do for %d seconds", self->timeout);
  g_main_loop_quit (self->loop);
  return G_SOURCE_REMOVE;
}

static gboolean
update_idle (gpointer data)
{
  Daemon *self = data;
  bool idle = self->timeout > 0 && cop_server_count_connections (self->server) == 0 &&
              cop_driver_is_idle (self->driver);

  if (idle && self->idle_timer == 0)
    self->idle_timer = g_timeout_add_seconds ((guint) self->timeout, leave, self);
  else if (!idle && self->idle_timer != 0)
    {
      g_source_remove (self->idle_timer);
      self->idle_timer = 0;
    }
  return G_SOURCE_REMOVE;
}

static void
driver_idle_changed (gpointer data)
{
  g_idle_add (update_idle, data);
}

static void
connection_opened (G_GNUC_UNUSED CopServerConn *conn, gpointer data)
{
  update_idle (data);
}

static void
connection_closed (CopServerConn *conn, gpointer data)
{
  Daemon *self = data;

  cop_driver_connection_closed (self->driver, conn);
  update_idle (self);
}

static gboolean
stop (gpointer data)
{
  Daemon *self = data;

  g_main_loop_quit (self->loop);
  return G_SOURCE_CONTINUE;
}

/* Listening ------------------------------------------------------------------------------------ */

/* Whether users other than ours may knock: at the system's own sockets. */
static bool
is_public (const Daemon *self)
{
  return self->paths->system && self->root == NULL && self->socket == NULL;
}

/* How clients of a socket are let in: a session has one user; the system's changing socket asks
 * polkit, which lets root through. */
static CopServerSocketFlags
socket_flags (const Daemon *self, bool read_only)
{
  if (!is_public (self))
    return COP_SERVER_SOCKET_SAME_USER | (read_only ? COP_SERVER_SOCKET_READ_ONLY : 0);
  return read_only ? COP_SERVER_SOCKET_READ_ONLY : COP_SERVER_SOCKET_POLKIT;
}

static bool
listen_inherited (Daemon *self, GError **error)
{
  for (guint i = 0; i < self->inherited->len; i++)
    {
      CopInheritedSocket *inherited = &g_array_index (self->inherited, CopInheritedSocket, i);
      bool read_only =
        g_str_has_suffix (inherited->path, "-ro") || strcmp (inherited->name, "read-only") == 0;

      g_info ("listening on %s, handed over", inherited->path);
      if (!cop_server_listen (self->server, cop_fd_steal (&inherited->fd),
                              socket_flags (self, read_only), error))
        return false;
    }
  return true;
}

static bool
listen_at (Daemon *self, const char *path, bool read_only, GError **error)
{
  mode_t mode = is_public (self) ? 0666 : 0600;
  int fd = cop_listen_unix (path, mode, error);

  if (fd < 0)
    return false;
  g_info ("listening on %s", path);
  return cop_server_listen (self->server, fd, socket_flags (self, read_only), error);
}

static bool
start_listening (Daemon *self, GError **error)
{
  if (self->inherited->len > 0)
    return listen_inherited (self, error);
  return listen_at (self, self->paths->socket, false, error) &&
         (self->paths->socket_ro == NULL || listen_at (self, self->paths->socket_ro, true, error));
}

/* Starting ------------------------------------------------------------------------------------- */

static bool
parse_options (Daemon *self, int argc, char **argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "socket", 0, 0, G_OPTION_ARG_FILENAME, &self->socket, N_ ("Listen on PATH"), N_ ("PATH") },
    { "root", 0, 0, G_OPTION_ARG_FILENAME, &self->root, N_ ("Keep everything in DIR"), N_ ("DIR") },
    { "timeout", 't', 0, G_OPTION_ARG_INT, &self->timeout,
      N_ ("Leave after SECONDS without client and running domain"), N_ ("SECONDS") },
    { "system", 0, 0, G_OPTION_ARG_NONE, &self->system,
      N_ ("Serve coppice:///system (what root does by default)"), NULL },
    { "session", 0, 0, G_OPTION_ARG_NONE, &self->session,
      N_ ("Serve coppice:///session, also as root"), NULL },
    { "log-file", 0, 0, G_OPTION_ARG_FILENAME, &self->log_file, N_ ("Write messages to FILE"),
      N_ ("FILE") },
    { "log-level", 0, 0, G_OPTION_ARG_STRING, &self->log_level,
      N_ ("Write messages of LEVEL and worse: debug, info, message, warning, error"),
      N_ ("LEVEL") },
    { "version", 0, 0, G_OPTION_ARG_NONE, &self->version, N_ ("Print the version and leave"),
      NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  g_option_context_set_summary (
    context, _ ("Manages RISC-V machines for the clients of libvirt: virsh -c coppice:///session"));
  if (!g_option_context_parse (context, &argc, &argv, error))
    return false;
  if (argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, _ ("what is '%s'? see --help"),
                   argv[1]);
      return false;
    }
  if (self->timeout < 0 || (self->system && self->session))
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                           self->timeout < 0
                             ? _ ("--timeout takes a number of seconds that is not negative")
                             : _ ("--system and --session exclude each other"));
      return false;
    }
  return true;
}

/* Whether messages would be lost: clients of libvirt start us with everything on /dev/null. */
static bool
is_mute (void)
{
  struct stat info;

  return fstat (STDERR_FILENO, &info) != 0 ||
         (S_ISCHR (info.st_mode) && info.st_rdev == makedev (1, 3));
}

static bool
start_log (Daemon *self, GError **error)
{
  g_autofree char *path = g_strdup (self->log_file);
  CopLogLevel level = COP_LOG_MESSAGE;

  if (self->log_level != NULL && !cop_log_level_from_string (self->log_level, &level))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   _ ("'%s' is no level; there are: debug, info, message, warning, error"),
                   self->log_level);
      return false;
    }
  if (path == NULL && is_mute ())
    {
      g_autofree char *file = g_build_filename (self->paths->log_dir, "virtcoppiced.log", NULL);

      /* In a home that cannot be written to there is no log, but still a daemon. */
      g_mkdir_with_parents (self->paths->log_dir, 0700);
      if (cop_log_init (level, file, NULL))
        return true;
    }
  return cop_log_init (level, path, error);
}

/* Each client is a descriptor, and each machine several. */
static void
raise_limits (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      setrlimit (RLIMIT_NOFILE, &limit);
    }
}

static bool
start (Daemon *self, GError **error)
{
  static const CopServerHooks hooks = { .opened = connection_opened, .closed = connection_closed };
  bool privileged = geteuid () == 0;
  bool system = self->system || (privileged && !self->session);

  self->paths = cop_paths_new (system, self->root, self->socket, error);
  if (self->paths == NULL || !cop_paths_make (self->paths, error) || !start_log (self, error))
    return false;

  self->driver = cop_driver_new (self->paths, error);
  if (self->driver == NULL)
    return false;
  self->server = cop_server_new (NULL, self->driver);
  cop_host_read (&self->remote.host);
  self->remote.system = system;
  self->remote.privileged = privileged;
  self->remote.emulator = cop_vm_executable ();
  cop_remote_add_all (self->server, &self->remote);
  cop_server_set_hooks (self->server, &hooks, self);
  cop_driver_set_idle_func (self->driver, driver_idle_changed, self);
  cop_remote_send_events (self->server, self->driver);
  if (!start_listening (self, error))
    return false;
  cop_driver_begin (self->driver);
  update_idle (self);
  return true;
}

static void
finish (Daemon *self)
{
  if (self->server != NULL)
    cop_server_stop (self->server);
  if (self->driver != NULL)
    {
      cop_driver_set_idle_func (self->driver, NULL, NULL);
      cop_driver_close (self->driver);
    }
  g_clear_object (&self->server);
  g_clear_object (&self->driver);
  g_clear_pointer (&self->paths, cop_paths_free);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_clear_pointer (&self->inherited, g_array_unref);
  g_free (self->socket);
  g_free (self->root);
  g_free (self->log_file);
  g_free (self->log_level);
}

int
main (int argc, char **argv)
{
  Daemon self = { 0 };
  g_autoptr (GError) error = NULL;
  int status = 0;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, COPPICE_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  mallopt (M_ARENA_MAX, ARENAS_MAX);
  raise_limits ();
  self.inherited = cop_listen_inherited ();

  if (!parse_options (&self, argc, argv, &error))
    {
      g_printerr ("virtcoppiced: %s\n", error->message);
      finish (&self);
      return 2;
    }
  if (self.version)
    g_print ("virtcoppiced %s\n", COPPICE_VERSION);
  else
    {
      self.loop = g_main_loop_new (NULL, FALSE);
      g_unix_signal_add (SIGTERM, stop, &self);
      g_unix_signal_add (SIGINT, stop, &self);
      if (start (&self, &error))
        g_main_loop_run (self.loop);
      else
        {
          g_printerr ("virtcoppiced: %s\n", error->message);
          status = 1;
        }
    }
  finish (&self);
  return status;
}
