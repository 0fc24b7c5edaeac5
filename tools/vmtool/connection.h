/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The daemon that commands talk to.
 *
 * A process has one connection at a time: opened when a command first needs it, kept for the next
 * command of the shell, opened again when it broke or when another URI is asked for.
 *
 *   vmtool -c URI ...        vmt_connection_set_base()   before the command, or `connect` in the shell
 *   vmtool list -c URI       vmt_connection_select()     for this command
 *   COPPICE_DEFAULT_URI      when neither is given
 *   LIBVIRT_DEFAULT_URI      the same, if it names one of ours
 *   coppice:///session       when nothing is said at all
 */
#pragma once

#include "vmtool/vmtool.h"

#include "driver/wire/client.h"

/* @uri: (nullable): NULL: what the environment says */
void vmt_connection_set_base (const char *uri, bool readonly);

/**
 * vmt_connection_select:
 * @uri: (nullable): NULL: the base
 *
 * Says which daemon the next vmt_connection_get() means.
 *
 * Errors: %VMT_ERROR_USAGE for what is no URI
 */
bool vmt_connection_select (const char *uri, bool readonly, GError **error);

/**
 * vmt_connection_get:
 *
 * Connects if need be; for the local session this starts the daemon.
 *
 * Returns: (transfer none): NULL on failure
 */
CopClient *vmt_connection_get (GError **error);

/* The same for completion: starts nothing and says nothing. Returns: (transfer none) (nullable) */
CopClient *vmt_connection_peek (void);

/* The URI that leads to the daemon of the open connection: what was asked for, else what the daemon
   calls itself. Returns: (nullable): NULL when there is no connection */
const char *vmt_connection_uri (void);

/* Ends the connection, so that a daemon may leave. */
void vmt_connection_close (void);
