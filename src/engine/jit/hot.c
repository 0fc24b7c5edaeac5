/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finding what is hot.
 *
 * Code that has used its fuel up leaves at the block that would come next: where it is then says,
 * as a sample of instructions would, where they are executed. Nothing is counted in the code
 * itself. What is found often enough is translated once more, with all that it leads to: the first
 * time blocks were translated as they became warm, and a loop was many units.
 *
 *   (gpa, mode) --> times found, less those of others that want the same slot
 */
#include "engine/jit/jit-private.h"

#include "engine/riscv/mmu.h"

/* By measurement: with 4, a run of CoreMark has 56 units made, which takes 20 ms; with 32, 14 and 6
   ms; with 256, 12 and 3 ms; programs take as long with each. */
#define DEFAULT_SAMPLES 32
/* So many times as often must a block that needs no optimising be found before that is looked at
   again: it may have been written and translated anew. */
#define PAUSE 128
/* So many times as many samples pass before a hart looks for entries that moved. */
#define FOLLOW 32

static int
compare_moves (gconstpointer a, gconstpointer b)
{
  const CopJitMove *left = a, *right = b;

  return left->from < right->from ? -1 : left->from > right->from;
}

/* Leads jumps that go through superseded entries to where they lead. Nothing depends on it, but a
   return that is a jump to a jump takes twice as long. The hart's flags gather in the host's while
   this runs: no floating point here, or in what is called (GHashTable computes with it). */
static void
follow_moves (CopJit *jit, CopHart *hart)
{
  CopJitHart *own = cop_jit_hart (hart);
  g_autoptr (GArray) moves = cop_jit_cache_moves (jit->cache, &own->moves_seen);
  uint64_t some[64] = { 0 }; /* a bit for a hash of each */

  if (moves == NULL)
    {
      cop_jit_clear_jumps (hart);
      return;
    }
  for (unsigned i = 0; i < moves->len; i++)
    {
      unsigned bit = (uintptr_t) g_array_index (moves, CopJitMove, i).from >> 3 & 4095;

      some[bit / 64] |= UINT64_C (1) << bit % 64;
    }
  g_array_sort (moves, compare_moves);
  for (unsigned i = 0; i < 1u << COP_JIT_JUMP_BITS; i++)
    {
      CopJitMove move = { .from = hart->jumps[i].code };
      unsigned bit = (uintptr_t) move.from >> 3 & 4095, at;

      if ((some[bit / 64] >> bit % 64 & 1) &&
          g_array_binary_search (moves, &move, compare_moves, &at))
        hart->jumps[i].code = g_array_index (moves, CopJitMove, at).to;
    }
}

void
cop_jit_sample (CopJit *jit, CopHart *hart)
{
  CopJitHart *own = cop_jit_hart (hart);
  int32_t enough =
    jit->config.hot_samples != 0 ? (int32_t) jit->config.hot_samples : DEFAULT_SAMPLES;
  uint64_t gpa, key;
  CopJitHot *hot;

  if (++own->n_samples % (FOLLOW * (uint32_t) enough) == 0 &&
      __atomic_load_n (&jit->cache->n_moved, __ATOMIC_ACQUIRE) != own->moves_seen)
    follow_moves (jit, hart);
  /* Nothing is walked for it. */
  if (cop_tlb_find (hart->fetch_tlb, hart->s.pc, COP_ACCESS_FETCH) == NULL)
    return;
  cop_mmu_fetch (hart, hart->s.pc, &gpa);
  key = cop_jit_index_key (gpa, hart->mode);
  hot = &own->hot[key * UINT64_C (0x9e3779b97f4a7c15) >> (64 - COP_JIT_HOT_BITS)];
  if (hot->key != key)
    {
      if (--hot->count > 0)
        return;
      *hot = (CopJitHot){ .key = key };
    }
  if (++hot->count < enough)
    return;
  /* Calls may be under way: whatever closes code waits until they are forgotten. */
  own->is_hot = jit->background == NULL && !cop_jit_is_optimised (hart, gpa);
  if (jit->background == NULL || cop_jit_optimise_later (jit, hart))
    hot->count = -PAUSE * enough;
}
