/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the guest's console leads.
 *
 *   stdio   keys --> [escape key?] --> to_guest --> pipe --> UART
 *           screen <-- to_user <------------------- pipe <-- UART
 *   pty     a pseudo-terminal, whose path is printed
 *   unix    a socket that listens, for one client at a time
 *   file    output only; what the file held is replaced, or kept with ",append"
 *   none
 *
 * Only stdio passes through this process; the others are descriptors that the machine serves.
 * Everything here runs on the main thread, in its default GMainContext.
 */
#pragma once

#include "engine/config.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct VmtConsole VmtConsole;

typedef enum
{
  VMT_CONSOLE_STDIO,
  VMT_CONSOLE_PTY,
  VMT_CONSOLE_UNIX,
  VMT_CONSOLE_FILE,
  VMT_CONSOLE_NONE,
} VmtConsoleKind;

/* What the program does about the user's side. */
typedef struct
{
  void (*escape) (gpointer data);       /* the escape key was pressed */
  void (*closed) (gpointer data);       /* nobody reads standard output any more */
} VmtConsoleEvents;

/**
 * vmt_console_new:
 * @option: name of the option, for messages
 * @text: its value, as in the picture: "stdio", "pty", "unix:PATH", "file:PATH[,append]", "none"
 * @escape: the byte of the escape key, or %VMT_ESCAPE_NONE
 * @machine_side: (out): the descriptors for the machine's config
 *
 * Errors: %VMT_ERROR_USAGE, or one that names the path and the fix.
 */
VmtConsole *vmt_console_new (const char *option, const char *text, int escape,
                             CopConsoleConfig *machine_side, GError **error);

/* Removes the socket's path, too. */
void vmt_console_free (VmtConsole *console);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmtConsole, vmt_console_free)

VmtConsoleKind vmt_console_kind (const VmtConsole *console);

/* Returns: (nullable): what a user connects to: the path of the pty or socket */
const char *vmt_console_path (const VmtConsole *console);

/* Whether keys come from a terminal, so that the escape key works. */
bool vmt_console_is_interactive (const VmtConsole *console);

/* Begins to pass bytes. @events must live as long as the console. */
void vmt_console_start (VmtConsole *console, const VmtConsoleEvents *events, gpointer data);

/**
 * vmt_console_hold:
 * @hold: keys are kept for vmt_console_take_key(), the guest's output waits; or both flow again
 */
void vmt_console_hold (VmtConsole *console, bool hold);

/* While held: the next byte typed; false when none has come. */
bool vmt_console_take_key (VmtConsole *console, char *key);

/* Whether the keyboard is gone: a hang-up, or the end of a file. */
bool vmt_console_input_ended (const VmtConsole *console);

/* Passes bytes to the guest as if they had been typed. */
void vmt_console_send (VmtConsole *console, const void *bytes, size_t length);

/* Takes what the guest has printed so far out of the pipe, so that the machine has room to flush
   the rest. Never blocks. */
void vmt_console_drain (VmtConsole *console);

/**
 * vmt_console_finish:
 * Writes what the guest printed and is not written yet, and on a terminal ends its last line. The
 * machine is freed, so the pipe ends. Gives up when a signal asks the program to end.
 */
void vmt_console_finish (VmtConsole *console);
