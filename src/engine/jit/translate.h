/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From guest bytes to the intermediate form.
 */
#pragma once

#include "engine/interp/trail.h"
#include "engine/jit/ir.h"
#include "engine/riscv/hart.h"

/* Bounds of a unit: what is beyond is another unit's. */
#define COP_UNIT_MAX_BLOCKS 64
#define COP_UNIT_MAX_INSNS 512
#define COP_UNIT_BLOCK_INSNS 64

/* What a unit is made from, and for which harts. */
typedef struct
{
  CopIsa         isa;
  uint32_t       mode;          /* COP_MODE_* */
  const CopBreakpoints *breakpoints;    /* (nullable) */
  uint64_t       pc, gpa;       /* of the first instruction; gpa in DRAM or ROM */
  const uint8_t *page;          /* host address of the page's start */
  /* The pages before and behind that blocks may be on too; gpa 0: none. */
  struct
  {
    uint64_t       gpa;
    const uint8_t *page;
  } near[2];

  /* Watches [gpa, gpa + length), on one page, before it is read. */
  void         (*watch) (gpointer data, uint64_t gpa, uint64_t length);
  /* Returns: (nullable): host address of the page at @gva, the one behind the unit's, and its @gpa;
     NULL: it cannot be had now, and an instruction that reaches into it is the interpreter's */
  const uint8_t *(*next_page) (gpointer data, uint64_t gva, uint64_t *gpa);
  bool           optimised;     /* it is for hot code */
  bool           plain;         /* each instruction is made for itself, in small trees */
  /* (nullable): whether the block at @gpa has a translation already that is good enough, so that the
     unit need not include it; NULL: all have, so that the unit has one block */
  bool         (*is_translated) (gpointer data, uint64_t gpa);
  CopTrail      *trail;         /* (unowned) (nullable): what is not on it is left out */
  gpointer       data;
} CopTranslateSource;

/**
 * cop_translate_source_of_hart:
 * @pc: of the first instruction, @gpa: the same in physical memory
 * @bytes: (unowned): what cop_mmu_fetch() said is there
 *
 * Returns: what @hart sees, on its own thread; is_translated is left to the caller, and is told @hart
 */
CopTranslateSource cop_translate_source_of_hart (CopHart *hart, uint64_t pc, uint64_t gpa,
                                                 const uint8_t *bytes);

/**
 * cop_translate_unit:
 * @unit: (out): cleared and filled; blocks reachable from source->gpa by jumps within its page and to
 *   those beside it that are known, and what calls return to
 */
void cop_translate_unit (CopIrUnit *unit, const CopTranslateSource *source);
