/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Breakpoints: addresses where a debugger wants the harts of a machine to stop.
 *
 *   set of gva --> bit per halfword of a page --> decoder and translator: an instruction at such an
 *                                                 offset begins a block of the interpreter's
 *                                             --> there, pc is looked up in the set
 *
 * Code is kept by physical address, so only the offset in the page can be known when it is decoded;
 * the rest is asked when it runs. All other code is as fast as ever. Who changes the set has the
 * engine forget its code first: see cop_machine_add_breakpoint().
 */
#pragma once

#include "engine/ram.h"

#include <stdbool.h>
#include <stdint.h>

#define COP_MAX_BREAKPOINTS 256

typedef struct
{
  uint64_t offsets[COP_PAGE_SIZE / 2 / 64];     /* a bit for each halfword of a page */
  uint64_t gva[COP_MAX_BREAKPOINTS];
  unsigned n;
} CopBreakpoints;

/* Returns: false when it is there already, or there are too many */
bool cop_breakpoints_add (CopBreakpoints *breakpoints, uint64_t gva);

/* Returns: false when there is none at @gva */
bool cop_breakpoints_remove (CopBreakpoints *breakpoints, uint64_t gva);

bool cop_breakpoints_contain (const CopBreakpoints *breakpoints, uint64_t gva);

/* Whether an instruction at @offset of a page may have one. */
static inline bool
cop_breakpoints_may_be_at (const CopBreakpoints *breakpoints, uint64_t offset)
{
  unsigned half = (unsigned) (offset & (COP_PAGE_SIZE - 1)) / 2;

  return breakpoints != NULL && (breakpoints->offsets[half / 64] >> half % 64 & 1) != 0;
}
