/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between the files of the monitor's commands.
 */
#pragma once

#include "vmtool/run-monitor.h"

/* Stops the machine for the time that a look at it takes. */
typedef struct
{
  CopMachine *machine;
  bool was_running;
} VmtQuiet;

bool vmt_quiet_begin (VmtQuiet *quiet, CopMachine *machine, GError **error);

/* Lets it go on. Returns: @result, or VMT_MONITOR_FAILED */
VmtMonitorResult vmt_quiet_end (VmtQuiet *quiet, VmtMonitorResult result, GError **error);

bool vmt_monitor_parse_number (const char *text, uint64_t *number, GError **error);

/* Takes the words of @arguments into @values; those that are not there stay as they are. */
bool vmt_monitor_take_arguments (const char *const *arguments, unsigned required, unsigned allowed,
                                 const char **values, GError **error);

/* The hart called @text; NULL is hart 0. */
bool vmt_monitor_take_hart (CopMachine *machine, const char *text, CopHart **hart, GError **error);

/* @text as a number, or as the name of a symbol. */
bool vmt_monitor_parse_address (VmtMonitor *monitor, const char *text, uint64_t *gva,
                                GError **error);

/* Prints the instruction at @gva in a line. Returns: its bytes; 0 when it cannot be fetched */
unsigned vmt_monitor_print_insn (VmtMonitor *monitor, CopHart *hart, uint64_t gva);

/* Commands of run-monitor-debug.c; each is a row of vmt_monitor_commands. */
VmtMonitorResult vmt_monitor_break (VmtMonitor *monitor, const char *const *arguments,
                                    GError **error);
VmtMonitorResult vmt_monitor_delete (VmtMonitor *monitor, const char *const *arguments,
                                     GError **error);
VmtMonitorResult vmt_monitor_step (VmtMonitor *monitor, const char *const *arguments,
                                   GError **error);
