/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Units for tests, a block after the other.
 */
#pragma once

#include "engine/jit/ir.h"

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
