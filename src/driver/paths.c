/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where everything is: see paths.h.
 *
 *              session                              system             --root DIR
 *   config     $XDG_CONFIG_HOME/coppice             /etc/coppice       DIR/config
 *   state      $XDG_STATE_HOME/coppice              /var/lib/coppice   DIR/state
 *   logs       $XDG_STATE_HOME/coppice/log          /var/log/coppice   DIR/log
 *   run        $XDG_RUNTIME_DIR/coppice             /run/coppice       DIR/run
 *   clients    $XDG_RUNTIME_DIR/libvirt/ + socket   /run/libvirt/ + .  DIR/run/ + socket
 */
#include "driver/paths.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET "virtcoppiced-sock"
#define SOCKET_RO "virtcoppiced-sock-ro"

/* Without XDG_RUNTIME_DIR libvirt's clients look below ~/.cache, and so must we. */
static char *
session_run_dir (const char *name)
{
  const char *runtime = g_getenv ("XDG_RUNTIME_DIR");

  if (runtime != NULL && g_path_is_absolute (runtime))
    return g_build_filename (runtime, name, NULL);
  return g_build_filename (g_get_user_cache_dir (), name, NULL);
}

static void
session_paths (CopPaths *paths)
{
  g_autofree char *clients = NULL;

  paths->config_dir = g_build_filename (g_get_user_config_dir (), "coppice", NULL);
  paths->state_dir = g_build_filename (g_get_user_state_dir (), "coppice", NULL);
  paths->log_dir = g_build_filename (paths->state_dir, "log", NULL);
  paths->run_dir = session_run_dir ("coppice");
  clients = geteuid () == 0 ? g_strdup ("/run/libvirt") : session_run_dir ("libvirt");
  paths->socket = g_build_filename (clients, SOCKET, NULL);
}

static void
system_paths (CopPaths *paths)
{
  paths->config_dir = g_strdup ("/etc/coppice");
  paths->state_dir = g_strdup ("/var/lib/coppice");
  paths->log_dir = g_strdup ("/var/log/coppice");
  paths->run_dir = g_strdup ("/run/coppice");
  paths->socket = g_strdup ("/run/libvirt/" SOCKET);
  paths->socket_ro = g_strdup ("/run/libvirt/" SOCKET_RO);
}

static void
root_paths (CopPaths *paths, const char *root)
{
  g_autofree char *absolute = g_canonicalize_filename (root, NULL);

  paths->config_dir = g_build_filename (absolute, "config", NULL);
  paths->state_dir = g_build_filename (absolute, "state", NULL);
  paths->log_dir = g_build_filename (absolute, "log", NULL);
  paths->run_dir = g_build_filename (absolute, "run", NULL);
  paths->socket = g_build_filename (paths->run_dir, SOCKET, NULL);
  if (paths->system)
    paths->socket_ro = g_build_filename (paths->run_dir, SOCKET_RO, NULL);
}

static bool
check_length (const char *path, gsize more, GError **error)
{
  const gsize max = sizeof ((struct sockaddr_un *) NULL)->sun_path - 1;

  if (strlen (path) + more <= max)
    return true;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
               _ ("sockets at %s would have names of more than %zu"
                  " bytes, which the kernel does not take; choose a shorter path"),
               path, max);
  return false;
}

CopPaths *
cop_paths_new (bool system, const char *root, const char *socket, GError **error)
{
  g_autoptr (CopPaths) paths = g_new0 (CopPaths, 1);

  paths->system = system;
  if (root != NULL)
    root_paths (paths, root);
  else if (system)
    system_paths (paths);
  else
    session_paths (paths);
  if (socket != NULL)
    {
      g_free (paths->socket);
      paths->socket = g_canonicalize_filename (socket, NULL);
      g_clear_pointer (&paths->socket_ro, g_free);
    }
  /* Machines listen on run/vm/UUID.sock. */
  if (!check_length (paths->socket, 0, error) ||
      !check_length (paths->run_dir, strlen ("/vm/.sock") + 36, error))
    return NULL;
  return g_steal_pointer (&paths);
}

void
cop_paths_free (CopPaths *paths)
{
  if (paths == NULL)
    return;
  g_free (paths->config_dir);
  g_free (paths->state_dir);
  g_free (paths->log_dir);
  g_free (paths->run_dir);
  g_free (paths->socket);
  g_free (paths->socket_ro);
  g_free (paths);
}

CopPaths *
cop_paths_copy (const CopPaths *paths)
{
  CopPaths *copy = g_new0 (CopPaths, 1);

  copy->system = paths->system;
  copy->config_dir = g_strdup (paths->config_dir);
  copy->state_dir = g_strdup (paths->state_dir);
  copy->log_dir = g_strdup (paths->log_dir);
  copy->run_dir = g_strdup (paths->run_dir);
  copy->socket = g_strdup (paths->socket);
  copy->socket_ro = g_strdup (paths->socket_ro);
  return copy;
}

static bool
make_folder (const char *path, int mode, GError **error)
{
  if (g_mkdir_with_parents (path, mode) == 0)
    return true;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
               _ ("cannot make folder %s: %s"), path, g_strerror (errno));
  return false;
}

bool
cop_paths_make (const CopPaths *paths, GError **error)
{
  g_autofree char *clients = g_path_get_dirname (paths->socket);

  /* Configuration and state are made when first written to: a daemon that cannot can still show. */
  return make_folder (paths->run_dir, 0700, error) &&
         make_folder (clients, paths->system ? 0755 : 0700, error);
}

char *
cop_paths_log (const CopPaths *paths, const char *name)
{
  g_autofree char *file = g_strconcat (name, ".log", NULL);

  return g_build_filename (paths->log_dir, file, NULL);
}
