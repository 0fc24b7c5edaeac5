/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where everything is: the one place that knows folders and sockets of the session's and the
 * system's daemon. See docs/driver.md for the picture.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct
{
  bool  system;
  char *config_dir;             /* domains/UUID.xml, autostart/UUID.xml */
  char *state_dir;              /* save/UUID.xml, save/UUID.xml.memory */
  char *log_dir;                /* NAME.log of each domain */
  char *run_dir;                /* domains/UUID.xml of running ones, vm/UUID.sock, daemon.lock */
  char *socket;                 /* where clients call */
  char *socket_ro;              /* (nullable): read-only clients; the system daemon only */
} CopPaths;

/**
 * cop_paths_new:
 * @system: the system's places, not those of this user's session
 * @root: (nullable): a folder that holds everything instead, for tests and several daemons on a host
 * @socket: (nullable): where clients call instead
 *
 * Makes no folder. Session: the XDG folders, each with its fallback. As libvirt's clients look there,
 * root's session socket is the system's.
 *
 * Errors: a socket's path is longer than the kernel takes (%G_IO_ERROR_FILENAME_TOO_LONG)
 */
CopPaths *cop_paths_new (bool system, const char *root, const char *socket, GError **error);
CopPaths *cop_paths_copy (const CopPaths *paths);
void cop_paths_free (CopPaths *paths);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopPaths, cop_paths_free)

/* Makes the folders that sockets need, with mode 0700 (the system's clients' folder: 0755). */
bool cop_paths_make (const CopPaths *paths, GError **error);

/* Returns: (transfer full): the log of the domain called @name */
char *cop_paths_log (const CopPaths *paths, const char *name);
