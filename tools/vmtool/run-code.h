/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Translated code for people: --jit-dump and --perf-map.
 *
 *   unit 1: 0xffffffff80a1b2c4 memcpy+0x14, ...       hottest first; `vmtool jit-dump` picks some
 *   guest code:
 *   intermediate form:
 *   host code:
 */
#pragma once

#include "vmtool/symbols.h"

#include "engine/machine.h"

#include <stdio.h>

/* How the line that begins a unit begins. */
#define VMT_DUMP_UNIT "unit "

/**
 * vmt_code_dump:
 * Writes all that was translated to @path.
 */
bool vmt_code_dump (CopMachine *machine, VmtSymbols *symbols, const char *path, GError **error);

/* Opens /tmp/perf-PID.map, where perf looks for names of code that is in no file. Returns: (transfer
   full) (nullable) */
FILE *vmt_perf_map_open (GError **error);

/* Adds a line for @unit. On any thread, one at a time. */
void vmt_perf_map_add (FILE *map, VmtSymbols *symbols, const CopCodeUnit *unit);
