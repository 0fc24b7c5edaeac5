/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Words: x registers that hold the sign extension of their low half.
 *
 *   i = SEXT32 (ADD (i, 1))       an instruction that extends, whether anybody needs it or not
 *   s = SEXT32 (ADD (s, x))
 *   branch if LT (i, n)
 *
 * Where a register is known to be a word, the back end may keep its low half alone and extend it
 * when somebody needs the whole: for an address, for a sum of 64 bits, or on the way out of the
 * loop. That takes the extension out of the chain of operations from one round to the next, and
 * often away.
 */
#pragma once

#include "engine/jit/facts.h"

/* Whether @ref is a word, if the x registers in @words are. */
bool cop_words_is_word (const CopIrUnit *unit, CopIrRef ref, uint32_t words);

/* x registers of which more than the low half is needed for the tree at @ref. @low: of which the
   low half is needed alone. Operands of comparisons do not count where they are registers as they
   are. */
uint32_t cop_words_wide_reads (const CopIrUnit *unit, CopIrRef ref, bool low);

/* Whether the low half of the operation's result is made of nothing but the low halves of its
   operands, and the operation of words is a word. */
static inline bool
cop_words_is_logic (CopIrOp op)
{
  return op == IR_AND || op == IR_ANDN || op == IR_OR || op == IR_XOR || op == IR_NOT;
}

/* Of which registers the low half is what is needed next, behind each statement of @block. @at_end:
   the same behind it; @wants: (out) (optional) (array): by statement
   Returns: the same at its start */
uint32_t cop_words_wants (const CopIrUnit *unit, const CopIrBlock *block, uint32_t at_end,
                          uint32_t *wants);

/* Fills in which registers are words where blocks of loops begin, and of which the low half is
   needed there and where they end. */
void cop_words_find (CopFacts *facts, const CopGraph *graph);
