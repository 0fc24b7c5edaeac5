/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The monitor: what one may ask of a running machine after pressing the escape key.
 *
 *   guest's console  --escape key-->  (coppice) pause
 *                    <--empty line--  (coppice)
 *                    <--the key, sent on to the guest-- the escape key again
 */
#pragma once

#include "vmtool/run-console.h"
#include "vmtool/symbols.h"

#include "engine/machine.h"

typedef struct
{
  CopMachine *machine;          /* (unowned) */
  VmtConsole *console;          /* (unowned) */
  int         escape;           /* byte of the escape key */
  gpointer    editor;           /* (owned) (nullable): made when first used */
  /* Whether the monitor must end now: the machine did, or a signal came. */
  bool      (*interrupted) (gpointer data);
  gpointer    data;
  bool        quit;             /* out: the program is to end */
  VmtSymbols *symbols;          /* (owned): names of guest addresses */
  GArray     *breakpoints;      /* (owned): of run-monitor-debug.c */
  unsigned    last_breakpoint;  /* number of the one made last */
} VmtMonitor;

void vmt_monitor_init (VmtMonitor *monitor);

/* Tells of a breakpoint that @hart came to. */
void vmt_monitor_tell_stop (VmtMonitor *monitor, unsigned hart, uint64_t gva);

/* Talks to the user on the terminal, which is as it was found, until they go back to the guest. */
void vmt_monitor_run (VmtMonitor *monitor);

/* Frees what the line editor keeps between visits, and gives the terminal back. */
void vmt_monitor_close_editor (VmtMonitor *monitor);

/* Frees all. */
void vmt_monitor_clear (VmtMonitor *monitor);

/* What a command does after it is done. */
typedef enum
{
  VMT_MONITOR_FAILED,           /* @error says why */
  VMT_MONITOR_STAY,
  VMT_MONITOR_LEAVE,            /* back to the guest */
} VmtMonitorResult;

typedef struct
{
  const char *name;             /* any beginning of it that no other has will do */
  const char *arguments;        /* for help; "" when it has none */
  const char *summary;          /* N_() */
  VmtMonitorResult (*run) (VmtMonitor *monitor, const char *const *arguments, GError **error);
} VmtMonitorCommand;

/* Ends with a row without name. */
extern const VmtMonitorCommand vmt_monitor_commands[];

/**
 * vmt_monitor_execute:
 * @line: words apart by white space, quoted as in a shell
 */
VmtMonitorResult vmt_monitor_execute (VmtMonitor *monitor, const char *line, GError **error);
