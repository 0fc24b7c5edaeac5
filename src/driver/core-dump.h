/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A machine as an ELF core file, for gdb and crash:
 *
 *   ELF header, 2 program headers
 *   notes: of each hart CORE/NT_PRSTATUS with x1 to x31 and pc, the number of the hart plus 1 as
 * pid; last Coppice/0x434f5001 with the whole state as the XML of snapshots: CSRs, devices (up to a
 * whole page) memory: one segment, at its guest physical address; holes are zero
 *
 * Source: ELF-64 Object File Format 1.5; Linux elfcore.h, struct elf_prstatus of riscv64
 */
#pragma once

#include "engine/state.h"

/**
 * cop_core_dump_header:
 * @memory: bytes of guest memory
 *
 * Returns: (transfer full): all that stands before the memory, whole pages
 */
GBytes *cop_core_dump_header (const CopMachineState *state, uint64_t memory);
