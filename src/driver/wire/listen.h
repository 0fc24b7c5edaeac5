/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Listening sockets: made by us, or by the service manager before we were started.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * cop_listen_unix:
 * @path: of the socket; its folder exists
 * @mode: permissions of the socket file
 *
 * A socket file that nobody listens on any more is replaced: a daemon leaves it there when it goes,
 * because clients start a new one only if there is one.
 *
 * Errors: %G_IO_ERROR_ADDRESS_IN_USE when somebody listens there; other %G_IO_ERROR
 *
 * Returns: a listening socket, or -1
 */
int cop_listen_unix (const char *path, mode_t mode, GError **error);

/* A socket that was handed over. */
typedef struct
{
  int fd;
  char *name; /* (owned): of the socket unit's FileDescriptorName=, or "" */
  char *path; /* (owned): where it listens, or "" */
} CopInheritedSocket;

/**
 * cop_listen_inherited:
 * Takes the sockets of socket activation, as LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES say, and
 * those variables away. To be called before there are threads.
 *
 * Source: sd_listen_fds(3)
 *
 * Returns: (transfer full) (element-type CopInheritedSocket): those that listen; others are closed
 */
GArray *cop_listen_inherited (void);
