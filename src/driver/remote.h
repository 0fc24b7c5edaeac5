/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The handlers of libvirt's procedures: decoded arguments in, a call of the driver, a result out.
 * Each file has one list; cop_remote_add_all() gives all to a server.
 */
#pragma once

#include "driver/host.h"
#include "driver/wire/remote.h"
#include "driver/wire/server.h"

/* What handlers need to know of the daemon besides the driver. Lives as long as the server. */
typedef struct
{
  bool system; /* serves coppice:///system, else coppice:///session */
  bool privileged; /* runs as root, and then serves both */
  CopHost host;
  const char *emulator; /* (unowned): path of coppice-vm */
} CopRemote;

typedef struct _CopDriver CopDriver;

/* remote-event.c: what happens to @driver's domains goes to the clients of @server that registered. */
void cop_remote_send_events (CopServer *server, CopDriver *driver);

/* remote-auth.c: authentication by socket and polkit */
extern const CopHandler cop_remote_auth_handlers[];
/* remote-capabilities.c: what there can be */
extern const CopHandler cop_remote_capabilities_handlers[];
/* remote-connect.c: opening, features, versions, events of what there is none of */
extern const CopHandler cop_remote_connect_handlers[];
/* remote-node.c: the host */
extern const CopHandler cop_remote_node_handlers[];

/**
 * cop_remote_add_all:
 * @remote: stays the caller's
 *
 * Makes libvirt's three programs, and all their handlers, known to @server.
 */
void cop_remote_add_all (CopServer *server, CopRemote *remote);

/* Returns: (transfer none): what cop_remote_add_all() was given */
CopRemote *cop_remote_of_call (CopServerCall *call);

/**
 * cop_remote_check_flags:
 * @flags: as the client sent them
 * @known: bits that the call takes
 *
 * Errors: %COP_DRIVER_ERROR_INVALID_ARG with the bits that are not known, in hex
 */
bool cop_remote_check_flags (uint32_t flags, uint32_t known, GError **error);
