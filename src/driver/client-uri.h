/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Connection URIs, as libvirt's clients write them, taken apart.
 *
 *   coppice[+TRANSPORT]://[USER@][HOST[:PORT]]/{session,system}[?PARAMETER=VALUE&...]
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum
{
  COP_TRANSPORT_UNIX,
  COP_TRANSPORT_SSH,
  COP_TRANSPORT_EXT,
  COP_TRANSPORT_LAST,
} CopTransport;

typedef struct
{
  CopTransport transport;
  char *name; /* (owned): for CONNECT_OPEN: without transport, host, parameters */
  bool session; /* the path is /session */
  char *user, *host; /* (owned) (nullable) */
  int port; /* -1: none said */
  char *socket; /* (owned) (nullable): ?socket= */
  char *command; /* (owned) (nullable): ?command=: instead of ssh, or what ext runs */
  char *netcat; /* (owned) (nullable): ?netcat=: instead of nc */
  char *keyfile; /* (owned) (nullable): ?keyfile=: for ssh -i */
  char *known_hosts; /* (owned) (nullable): ?known_hosts= */
  bool no_tty; /* ?no_tty=1: ask for nothing */
  bool no_verify; /* ?no_verify=1: take any host key */
} CopClientUri;

/**
 * cop_client_uri_parse:
 * @text: (nullable): NULL: COPPICE_DEFAULT_URI, else coppice:///session
 *
 * Errors: %COP_DRIVER_ERROR_INVALID_ARG, naming what is wrong and what there is
 */
CopClientUri *cop_client_uri_parse (const char *text, GError **error);
void cop_client_uri_free (CopClientUri *uri);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopClientUri, cop_client_uri_free)

/**
 * cop_client_uri_argv:
 * Returns: (transfer full) (nullable): the program that carries the connection on its standard
 *   input and output; NULL for sockets
 */
char **cop_client_uri_argv (const CopClientUri *uri);
