/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The set of breakpoints.
 */
#include "engine/riscv/breakpoints.h"

static void
note_offsets (CopBreakpoints *breakpoints)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (breakpoints->offsets); i++)
    breakpoints->offsets[i] = 0;
  for (unsigned i = 0; i < breakpoints->n; i++)
    {
      unsigned half = (unsigned) (breakpoints->gva[i] & (COP_PAGE_SIZE - 1)) / 2;

      breakpoints->offsets[half / 64] |= UINT64_C (1) << half % 64;
    }
}

bool
cop_breakpoints_contain (const CopBreakpoints *breakpoints, uint64_t gva)
{
  for (unsigned i = 0; i < breakpoints->n; i++)
    if (breakpoints->gva[i] == gva)
      return true;
  return false;
}

bool
cop_breakpoints_add (CopBreakpoints *breakpoints, uint64_t gva)
{
  if (breakpoints->n == COP_MAX_BREAKPOINTS || cop_breakpoints_contain (breakpoints, gva))
    return false;
  breakpoints->gva[breakpoints->n++] = gva;
  note_offsets (breakpoints);
  return true;
}

bool
cop_breakpoints_remove (CopBreakpoints *breakpoints, uint64_t gva)
{
  for (unsigned i = 0; i < breakpoints->n; i++)
    if (breakpoints->gva[i] == gva)
      {
        breakpoints->gva[i] = breakpoints->gva[--breakpoints->n];
        note_offsets (breakpoints);
        return true;
      }
  return false;
}
