/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Blocks whose accesses share no checks.
 *
 * Accesses off one register share a check as long as they are on one page, or on pages that lie side
 * by side in the host too. A frame that lies across the end of a page fails it for as long as the
 * function's caller runs, and the interpreter, which does the rest of the block then, is ten times
 * slower. So what leaves that way often gets a translation of its own from that place to the end of
 * the block, in which each access is looked up for itself:
 *
 *   unit, span not on one page --> jit.rest() --> apart, if there is code --> on to units by links
 *                                            \'-> interpreter, and translated when it is warm
 *
 * It is found by the mode COP_MODE_APART, and is closed and evicted like any unit.
 */
#include "engine/jit/jit-private.h"

#include "engine/riscv/mmu.h"

/* Times a place is left for the interpreter first: objects lie across pages now and then. */
#define APART_HEAT 8

static unsigned
heat_slot (uint64_t pc)
{
  return (pc >> 1 ^ pc >> 9) % COP_JIT_APART_SLOTS;
}

const void *
cop_jit_rest_in_code (CopHart *hart)
{
  CopJit *jit = (CopJit *) hart->engine;
  CopJitHart *own = cop_jit_hart (hart);
  uint64_t pc = hart->jit.page + COP_JIT_PLACE_OFFSET (hart->jit.exit_info), gpa;
  uint8_t *heat = &own->apart_heat[heat_slot (pc)];
  const void *code;

  /* Stretches that are compared end here. */
  if (own->verify != NULL || cop_mmu_fetch (hart, pc, &gpa) == NULL)
    return NULL;
  code = cop_jit_cache_find (jit->cache, gpa, hart->mode | COP_MODE_APART);
  if (code != NULL)
    {
      /* It counts its instructions itself. */
      hart->jit.page = pc & ~(COP_PAGE_SIZE - 1);
      hart->jit.fuel += COP_JIT_PLACE_LEFT (hart->jit.exit_info);
      hart->jit.keeps_calls = true;
      own->rests_in_code++;
    }
  else if (++*heat >= APART_HEAT)
    {
      *heat = 0;
      own->apart_pc = pc;
    }
  return code;
}
