/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * --trace: a line for every instruction.
 *
 *   0 0000000080000004 M 0080091b  addiw   s2, ra, 8            s2=0000000080000008
 *   |         |        |     |       |                           `- registers it changed
 *   hart      pc       mode  bits    disassembly
 */
#pragma once

#include "engine/machine.h"

typedef struct VmtTrace VmtTrace;

/**
 * vmt_trace_new:
 * @path: (nullable): file to write, replaced; NULL: standard error
 */
VmtTrace *vmt_trace_new (const char *path, GError **error);

/* Has @machine, before its first resume, report its instructions. */
void vmt_trace_attach (VmtTrace *trace, CopMachine *machine);

/**
 * vmt_trace_close:
 * Writes what is pending; the machine has ended.
 *
 * Errors: %G_IO_ERROR when not all lines were written.
 */
bool vmt_trace_close (VmtTrace *trace, GError **error);
