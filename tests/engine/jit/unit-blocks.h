/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Units for tests: trees, statements that have them, and blocks of these, one after the other.
 */
#pragma once

#include "engine/jit/ir.h"

static inline CopIrRef
x (CopIrUnit *unit, unsigned reg)
{
  return cop_ir_add (unit, IR_GETX, IR_NONE, IR_NONE, IR_NONE, reg);
}

static inline CopIrRef
both (CopIrUnit *unit, CopIrOp op, CopIrRef a, CopIrRef b)
{
  return cop_ir_add (unit, op, a, b, IR_NONE, 0);
}

static inline CopIrRef
with (CopIrUnit *unit, CopIrOp op, CopIrRef a, uint64_t n)
{
  return both (unit, op, a, cop_ir_const (unit, n));
}

static inline void
add (CopIrUnit *unit, CopIrStatementKind kind, unsigned reg, CopIrRef a, CopIrRef b, uint64_t imm)
{
  CopIrStatement statement = { .kind = kind, .reg = reg, .a = a, .b = b, .imm = imm,
                               .span = IR_NO_SPAN };

  g_array_append_val (unit->statements, statement);
}

static inline void
set (CopIrUnit *unit, unsigned reg, CopIrRef value)
{
  add (unit, IR_SETX, reg, value, IR_NONE, 0);
}

/* The statements since the last block become one at @offset, four bytes long. */
static inline void
end_block (CopIrUnit *unit, unsigned offset)
{
  unsigned first = 0;
  CopIrBlock block;

  if (unit->blocks->len > 0)
    {
      const CopIrBlock *last = &g_array_index (unit->blocks, CopIrBlock, unit->blocks->len - 1);

      first = last->first + last->n;
    }
  block = (CopIrBlock){ .first = first, .n = unit->statements->len - first, .offset = offset,
                        .end = offset + 4, .n_insns = 1, .falls_through = true };
  g_array_append_val (unit->blocks, block);
}
