/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Decoding what is run once, as far as it is plain: most of a large program.
 *
 *   bits --> guessed row, or word of all 16-bit ones --> label | imm, rd, rs1, rs2 in one store
 *
 * It costs what it takes to find out what the instruction is, and no more: nothing is known of the
 * other instructions of the block, and an operation is written without a CopInsn in between. What
 * it does not know, block-build.c does.
 *
 * Tried: finding the lengths of 64 bytes of code by arithmetic and decoding long and short ones in
 * loops of their own, so that the host need not guess each length. Blocks are too short for that:
 * it guesses as often where the loops end.
 */
#include "engine/interp/block-private.h"

#include "engine/riscv/insn-decode.h"

/* The immediate of a plain instruction of 32 bits, none of which is a jump: bits of the upper part,
   shifted down, and perhaps the lower ones of a store. */
static inline int32_t
plain_immediate (uint32_t bits, CopOperands operands)
{
  static const struct
  {
    uint32_t high;
    uint8_t shift, low;
  } forms[COP_IMMEDIATE_LAST] = {
    [COP_IMMEDIATE_I] = { 0xfff00000, 20, 0 },
    [COP_IMMEDIATE_SHIFT] = { 0x03f00000, 20, 0 },
    [COP_IMMEDIATE_U] = { 0xfffff000, 0, 0 },
    [COP_IMMEDIATE_S] = { 0xfe000000, 20, 31 },
  };
  unsigned form = cop_insn_immediates[operands];

  return ((int32_t) (bits & forms[form].high) >> forms[form].shift) | (bits >> 7 & forms[form].low);
}

static uint64_t
pack (int32_t imm, unsigned rd, unsigned rs1, unsigned rs2)
{
  CopOp op = { .imm = imm, .rd = rd == 0 ? COP_BLOCK_SINK : rd, .rs1 = rs1, .rs2 = rs2 };

  return op.operands;
}

/* Makes @op the instruction @bits, of 32 of them. False: it is not known to be plain. */
static inline bool
set_long (CopOp *op, const void *const *labels, uint32_t bits, CopIsa isa)
{
  unsigned bucket = cop_insn_bucket (bits);
  unsigned key = bucket << 7 | (bits >> 25 & cop_insn_guess_mask[bucket]);
  uint16_t guess = __atomic_load_n (&cop_insn_guesses[key], __ATOMIC_RELAXED);
  unsigned insn = guess - (unsigned) (guess != 0);
  const CopInsnRow *row = &cop_insn_table[insn];

  if (G_UNLIKELY (guess == 0 || ((bits ^ row->match) & row->mask) != 0 ||
                  !(isa >> row->extension & 1) || !(cop_block_shapes[insn] & COP_SHAPE_PLAIN)))
    return false;
  op->label = labels[insn];
  op->operands = pack (plain_immediate (bits, row->operands), bits >> 7 & 31, bits >> 15 & 31,
                       bits >> 20 & 31);
  return true;
}

/* The same of 16. */
static inline bool
set_short (CopOp *op, const void *const *labels, uint32_t bits, CopIsa isa)
{
  uint64_t word = __atomic_load_n (&cop_insn_expanded[bits & 0xffff], __ATOMIC_RELAXED);
  unsigned insn = word & COP_WORD_OP_MASK;

  if (G_UNLIKELY (word == 0 || !(isa & COP_ISA (C)) ||
                  !(cop_block_shapes[insn] & COP_SHAPE_PLAIN)))
    return false;
  op->label = labels[insn];
  op->operands = pack ((int32_t) (word >> 32), word >> 11 & 31, word >> 16 & 31, word >> 21 & 31);
  return true;
}

unsigned
cop_block_add_once (CopBlockCache *cache, CopBlock *block, const uint8_t *bytes, unsigned at,
                    unsigned left, unsigned max_insns)
{
  const void *const *const labels = cache->labels;
  const CopIsa isa = cache->hart->isa;
  CopOpPlace *place = &cop_block_places (block)[block->n_ops];
  CopOp *op = &block->ops[block->n_ops];
  unsigned n_insns = block->n_insns, first = n_insns;

  for (; n_insns < max_insns && at + 4 <= left; n_insns++)
    {
      uint32_t bits = cop_ram_code32_at (bytes + at);
      bool is_long = (bits & 3) == 3;

      *place++ = (CopOpPlace){ at / 2, n_insns };
      if (is_long)
        {
          if (!set_long (op, labels, bits, isa))
            break;
          at += 4;
        }
      else
        {
          if (!set_short (op, labels, bits, isa))
            break;
          at += 2;
        }
      op++;
    }
  block->n_ops += n_insns - first;
  block->n_insns = n_insns;
  return at;
}
