/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the cache of decoded blocks and what decodes them share.
 */
#pragma once

#include "engine/interp/block.h"

#define COP_BLOCK_MAX_SIZE                                                                         \
  (sizeof (CopBlock) + COP_BLOCK_MAX_OPS * (sizeof (CopOp) + sizeof (CopOpPlace)))

/* What x0 is as a destination: x and f registers, and this, are one array to an operation. */
#define COP_BLOCK_SINK (offsetof (CopHart, sink) / sizeof (uint64_t))
G_STATIC_ASSERT (COP_BLOCK_SINK < 256);

/* What decoding wants to know of each operation, so that it need not ask in many switches for each
   instruction. */
enum
{
  COP_SHAPE_FD = 1 << 0, /* rd, rs1, rs2 are f registers: numbered behind the x registers */
  COP_SHAPE_FS1 = 1 << 1,
  COP_SHAPE_FS2 = 1 << 2,
  COP_SHAPE_FS3 = 1 << 3, /* imm is a fourth register */
  COP_SHAPE_WRITES_RD = 1 << 4,
  COP_SHAPE_SYMMETRIC = 1 << 5, /* rs1 and rs2 may change places */
  COP_SHAPE_PLAIN = 1 << 6, /* no more to it than its operands, all of them x registers */
  COP_SHAPE_PURE = 1 << 7, /* does nothing but write rd */
};

extern uint8_t cop_block_shapes[COP_INSN_LAST + 1]; /* the last is that of illegal ones */

/**
 * cop_block_add_once:
 * @block: one that is run once
 * @bytes: where the block begins
 * @at, @left: bytes from there to the next instruction, and to the page's end
 *
 * Adds the plain instructions from @at on that the decoder's short way knows, up to @max_insns in the
 * block.
 *
 * Returns: @at behind them
 */
unsigned cop_block_add_once (CopBlockCache *cache, CopBlock *block, const uint8_t *bytes,
                             unsigned at, unsigned left, unsigned max_insns);

/* Sets up a header, without operations. */
void cop_block_start (CopBlockCache *cache, CopBlock *block, uint64_t gpa);

/**
 * cop_block_build:
 * @block: (out): with room for COP_BLOCK_MAX_SIZE; cache->scratch for one that is run once
 * @pc: virtual address of @gpa, where @bytes are, up to the page's end
 * @divided: PMP divides the page: what may be fetched depends on where on it that is
 *
 * Returns: false with a fault raised
 */
bool cop_block_build (CopBlockCache *cache, CopBlock *block, uint64_t pc, uint64_t gpa,
                      const uint8_t *bytes, unsigned max_insns, bool divided);
