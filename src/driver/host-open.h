/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Opening what a machine uses of the host, for the daemon and `vmtool run` alike: disks, taps,
 * terminals, sockets. Every descriptor is closed on exec; errors name the path and the way out.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Sets an error such as "kernel 'x': no such file" from errno value @code. */
void cop_host_set_file_error (GError **error, const char *what, const char *path, int code);

/**
 * cop_host_open_file:
 * @what: "kernel", "initrd", for messages
 *
 * Opens a regular file to be read.
 *
 * Returns: the descriptor, or -1
 */
int cop_host_open_file (const char *what, const char *path, GError **error);

/* How those who use a disk say that it is read-only: "use --disk FILE,readonly". */
typedef struct
{
  const char *readonly; /* (nullable): "use --disk %s,readonly": the way out when it cannot be
                           written; %s is the path */
  const char *shared; /* the way out when others use it, without the path */
} CopHostDiskWords;

/**
 * cop_host_open_disk:
 * @shared: others may use it at the same time
 *
 * Opens and locks an image or block device; the lock goes with the descriptor.
 *
 * Returns: the descriptor, or -1
 */
int cop_host_open_disk (const char *path, bool readonly, bool shared, const CopHostDiskWords *words,
                        GError **error);

/**
 * cop_host_open_tap:
 * @name: of the interface; "vnet%d": the kernel puts a number there
 * @real: (out) (optional) (transfer full): what it is called
 *
 * Returns: the descriptor, or -1
 */
int cop_host_open_tap (const char *name, char **real, GError **error);

/* Puts interface @name into bridge @bridge, if that is not NULL, and switches it on. */
bool cop_host_plug_tap (const char *name, const char *bridge, GError **error);

/**
 * cop_host_open_pty:
 * @path: (out) (transfer full): of the side for users
 *
 * Returns: the descriptor of the machine's side, or -1
 */
int cop_host_open_pty (char **path, GError **error);

/* Opens a file for a console's output or log. Returns: the descriptor, or -1 */
int cop_host_open_output (const char *what, const char *path, bool append, GError **error);

/* Listens on a UNIX socket that only our user may connect to; replaces one that was left behind.
   Returns: the descriptor, or -1 */
int cop_host_listen_unix (const char *what, const char *path, GError **error);

/* Returns: a connected socket, or -1 */
int cop_host_connect_unix (const char *what, const char *path, GError **error);

/**
 * cop_host_open_tcp:
 * @service: a port number or name
 * @listening: listen there, instead of connecting to it
 *
 * Waits at most ten seconds for each of the host's addresses.
 *
 * Returns: the socket, or -1
 */
int cop_host_open_tcp (const char *what, const char *host, const char *service, bool listening,
                       GError **error);
