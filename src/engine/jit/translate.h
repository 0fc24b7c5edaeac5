/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From guest bytes to the intermediate form.
 */
#pragma once

#include "engine/jit/ir.h"
#include "engine/riscv/hart.h"

/* Bounds of a unit: what is beyond is another unit's. */
#define COP_UNIT_MAX_BLOCKS 64
#define COP_UNIT_MAX_INSNS 512
#define COP_UNIT_BLOCK_INSNS 64

/* Whether the block at @gpa has a translation already, so that a unit need not include it. */
typedef bool (*CopIsTranslated) (gpointer data, uint64_t gpa);

/**
 * cop_translate_unit:
 * @unit: (out): cleared and filled; blocks reachable from @gpa by jumps within its page, and what
 *   calls return to
 * @pc: of the first instruction, @gpa: the same in physical memory, DRAM or ROM
 * @page: host address of the page's start
 * @is_translated: (nullable): NULL: all are, so that the unit has one block
 *
 * The page's lines are watched before they are read.
 */
void cop_translate_unit (CopIrUnit *unit, CopHart *hart, uint64_t pc, uint64_t gpa,
                         const uint8_t *page, CopIsTranslated is_translated, gpointer data);
