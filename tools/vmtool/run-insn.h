/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading the instructions of a hart that does not run, for the monitor and the trace.
 */
#pragma once

#include "engine/riscv/hart.h"

/**
 * vmt_insn_read:
 * @pc: virtual address, in the hart's present address space
 * @bits: (out): the instruction, upper half 0 when it is compressed
 *
 * Leaves the guest's page tables as they are.
 *
 * Returns: its length in bytes, 2 or 4; 0 when nothing can be fetched there
 */
unsigned vmt_insn_read (CopHart *hart, uint64_t pc, uint32_t *bits);

/**
 * vmt_insn_format:
 * Returns: (transfer full): "00000297  auipc   t0, 0x0"
 */
char *vmt_insn_format (const CopHart *hart, uint64_t pc, uint32_t bits);
