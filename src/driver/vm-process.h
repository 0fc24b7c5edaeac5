/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a coppice-vm process does: see docs/processes.md.
 *
 *   main thread      sockets, the end
 *   worker threads   calls of the daemon (wire/server.h)
 *   the machine's    harts and devices (engine/machine.h)
 */
#pragma once

#include "driver/vm-protocol.h"
#include "engine/machine.h"

/**
 * cop_vm_process_run:
 * @control_fd: (transfer full): connected to the daemon that started the process
 *
 * Makes the machine that the daemon describes, and serves it until it is told to quit.
 *
 * Returns: the process's exit status
 */
int cop_vm_process_run (int control_fd);

/* vm-process-config.c */

/* Takes descriptor number @index of those that came; -1 when there is none. */
typedef int (*CopVmStealFd) (gpointer data, int index);

/**
 * cop_vm_process_config:
 * @args: what the daemon says
 * @steal_fd: for the descriptors that @args names
 *
 * Errors: %COP_MACHINE_ERROR or %G_IO_ERROR: @args makes no sense, or a file cannot be mapped.
 *
 * Returns: (transfer full): a machine's configuration
 */
CopMachineConfig *cop_vm_process_config (const CopVmRpcCreateArgs *args, CopVmStealFd steal_fd,
                                         gpointer data, GError **error);
