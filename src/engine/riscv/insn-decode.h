/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The decoder's short way, in line: for who decodes code that runs once, and so decodes as much as
 * it runs. One branch is hard to predict, that between 16 and 32 bits. Without it, by doing both
 * and taking one, each instruction took 12 ns instead of 7; with a switch of the immediate's
 * format, 11.
 *
 *   32 bits: opcode, funct3, funct7 --> `guesses`: the first row that these bits fit; right for
 * nearly all --> every form of immediate is computed, and the row's taken --> word 16 bits: all of
 * them --> `expanded` --> word
 *
 *   word   | imm 63:32 | ... | known 27 | needs D 26 | rs2 25:21 | rs1 20:16 | rd 15:11 | op 10:0 |
 *
 * Both tables are filled as instructions are met, by any thread, and hold whatever the extensions
 * are: those are asked each time. What the short way does not know, insn-decode.c does.
 */
#pragma once

#include "engine/riscv/insn.h"

#define COP_WORD_KNOWN (UINT64_C (1) << 27)
#define COP_WORD_NEEDS_D (UINT64_C (1) << 26)
#define COP_WORD_OP_MASK 0x7ffu

G_STATIC_ASSERT (COP_INSN_LAST <= COP_WORD_OP_MASK);

/* Which immediate an instruction has. Where one is a special case of another, as shift amounts of
   five bits are of those of six when the sixth is fixed, it is that one. */
typedef enum
{
  COP_IMMEDIATE_NONE,
  COP_IMMEDIATE_I,
  COP_IMMEDIATE_SHIFT,
  COP_IMMEDIATE_U,
  COP_IMMEDIATE_J,
  COP_IMMEDIATE_S,
  COP_IMMEDIATE_B,
  COP_IMMEDIATE_CSR,
  COP_IMMEDIATE_LAST,
} CopImmediate;

extern const uint8_t cop_insn_immediates[COP_OPERANDS_LAST]; /* CopImmediate */

extern uint8_t cop_insn_guess_mask[256]; /* by bucket: bits of funct7 that some row cares for */
extern uint16_t cop_insn_guesses[256 << 7]; /* atomic: a row plus 1; 0: none, or not known */
extern uint64_t cop_insn_expanded[1u << 16]; /* atomic: a word; 0: not known */

/* opcode[6:2], funct3 */
static inline unsigned
cop_insn_bucket (uint32_t bits)
{
  return ((bits >> 2) & 31) << 3 | ((bits >> 12) & 7);
}

/* Every form is computed, and one taken. */
static inline int32_t
cop_insn_immediate (uint32_t bits, CopOperands operands)
{
  int32_t high = (int32_t) bits >> 20;
  int32_t rd = (bits >> 7) & 31;
  int32_t of[COP_IMMEDIATE_LAST];

  of[COP_IMMEDIATE_NONE] = 0;
  of[COP_IMMEDIATE_I] = high;
  of[COP_IMMEDIATE_SHIFT] = high & 63;
  of[COP_IMMEDIATE_U] = (int32_t) (bits & 0xfffff000);
  of[COP_IMMEDIATE_J] =
    (high & ~0xfffff) | (int32_t) (bits & 0xff000) | (high & 1) << 11 | (high & 0x7fe);
  of[COP_IMMEDIATE_S] = (high & ~31) | rd;
  of[COP_IMMEDIATE_B] = (high & ~0xfff) | (rd & 1) << 11 | (high & 0x7e0) | (rd & 30);
  of[COP_IMMEDIATE_CSR] = high & 0xfff;
  return of[cop_insn_immediates[operands]];
}

/* What the short way does not do. By value, so that the caller may keep its own in registers. */
CopInsn cop_insn_decode_slowly (uint32_t bits, CopIsa isa);

/* As cop_insn_decode(). */
static inline void
cop_insn_decode_fast (uint32_t bits, CopIsa isa, CopInsn *insn)
{
  if ((bits & 3) != 3)
    {
      uint64_t word;

      bits &= 0xffff;
      word = __atomic_load_n (&cop_insn_expanded[bits], __ATOMIC_RELAXED);
      insn->length = 2;
      insn->bits = bits;
      insn->rs3 = 0;
      insn->rm = 0;
      insn->op = word & COP_WORD_OP_MASK;
      insn->rd = word >> 11 & 31;
      insn->rs1 = word >> 16 & 31;
      insn->rs2 = word >> 21 & 31;
      insn->imm = (int32_t) (word >> 32);
      if (G_UNLIKELY (word == 0 || !(isa & COP_ISA (C)) ||
                      ((word & COP_WORD_NEEDS_D) && !(isa & COP_ISA (D)))))
        *insn = cop_insn_decode_slowly (bits, isa);
    }
  else
    {
      unsigned bucket = cop_insn_bucket (bits);
      unsigned key = bucket << 7 | (bits >> 25 & cop_insn_guess_mask[bucket]);
      uint16_t guess = __atomic_load_n (&cop_insn_guesses[key], __ATOMIC_RELAXED);
      /* By arithmetic, without a branch; there is no row before the first. */
      unsigned op = guess - (unsigned) (guess != 0);
      const CopInsnRow *row = &cop_insn_table[op];

      insn->op = op;
      insn->length = 4;
      insn->bits = bits;
      insn->rd = bits >> 7 & 31;
      insn->rs1 = bits >> 15 & 31;
      insn->rs2 = bits >> 20 & 31;
      insn->rs3 = bits >> 27;
      insn->rm = bits >> 12 & 7;
      if (G_UNLIKELY (guess == 0 || ((bits ^ row->match) & row->mask) != 0 ||
                      !(isa >> row->extension & 1) ||
                      ((row->effects & FP_RM) && (insn->rm == 5 || insn->rm == 6))))
        *insn = cop_insn_decode_slowly (bits, isa);
      else
        insn->imm = cop_insn_immediate (bits, row->operands);
    }
}
