/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the hybrid engine and the JIT share.
 */
#pragma once

#include "engine/interp/block.h"
#include "engine/jit/background.h"
#include "engine/jit/cache.h"
#include "engine/jit/translate.h"
#include "engine/jit/verify.h"

#include <string.h>

typedef struct
{
  CopEngine parent;
  CopJitCache *cache; /* (owned) */
  CopJitBackground *background; /* (owned) (nullable): harts translate for themselves */
  CopIrUnit *unit; /* (owned) (nullable): the background thread's */
  CopJitLowerer *lowerer; /* (owned) (nullable): the background thread's */
  uint64_t translation_ns; /* of the background thread */
  uint64_t optimising_ns; /* part of it */
  CopTrail *trail; /* (owned) (nullable) */
  int32_t heat;
  CopEngineConfig config;
  GMutex lock;
  GPtrArray *harts; /* (element-type CopHart) (owned array); guarded by lock */
} CopJit;

#define COP_JIT_APART_SLOTS 256
/* How often a block was found running: see hot.c. */
typedef struct
{
  uint64_t key; /* as in index.h; 0: unused */
  int32_t count;
} CopJitHot;

#define COP_JIT_HOT_BITS 8

/* What the engine keeps for a hart. */
typedef struct
{
  CopBlockCache *blocks; /* (owned): what the interpreter runs */
  CopIrUnit *unit; /* (owned) (nullable): translations are built here */
  CopJitLowerer *lowerer; /* (owned) (nullable): and here */
  uint64_t exits[COP_JIT_EXIT_BLOCK + 1];
  uint64_t insns_translated; /* retired in translated code */
  uint64_t rests_in_code; /* blocks that went on apart */
  uint64_t counted_to; /* s.instret up to which these are counted, while code runs */
  uint64_t translation_ns;
  uint64_t optimising_ns; /* part of it */
  bool is_hot; /* what is at s.pc, and it is for this hart to optimise it */
  uint32_t n_samples;
  uint32_t moves_seen; /* of the cache's n_moved */
  CopJitHot hot[1 << COP_JIT_HOT_BITS];
  CopJitVerify *verify; /* (owned) (nullable) */
  CopJitExit exit; /* of the stretch that is verified */
  uint8_t apart_heat[COP_JIT_APART_SLOTS]; /* by a hash of the place; see apart.c */
  uint64_t apart_pc; /* where a block is to be translated that leaves there often; 0: nowhere */
} CopJitHart;

static inline CopJitHart *
cop_jit_hart (const CopHart *hart)
{
  return hart->engine_data;
}

static inline void
cop_jit_clear_jumps (CopHart *hart)
{
  const CopJitCache *cache = ((CopJit *) hart->engine)->cache;

  memset (hart->fars, 0,
          __atomic_load_n (&cache->n_fars, __ATOMIC_RELAXED) * sizeof (CopJitFar));
  for (unsigned i = 0; i < G_N_ELEMENTS (hart->jumps); i++)
    hart->jumps[i] = (CopJitJump){ .key = cop_jit_no_jump (i) };
}

/* Whether the interpreter need not run what is at @gpa. */
bool cop_jit_has_code (CopHart *hart, uint64_t gpa);

/* Whether what is at @gpa is part of an optimised unit. */
bool cop_jit_is_optimised (CopHart *hart, uint64_t gpa);

/**
 * cop_jit_translate:
 * @mode: the hart's, or that and COP_MODE_APART
 * @kind: whether it is warm, or hot, which takes the place of what there is
 *
 * Translates the unit at @pc on the hart's own thread, in parallel with others.
 *
 * Returns: (nullable): its entry; NULL when it is left to the interpreter
 */
const void *cop_jit_translate (CopJit *jit, CopHart *hart, uint64_t pc, uint32_t mode,
                               CopJitJobKind kind);

/* hart.jit.rest: code for the rest of a block, without shared checks. See apart.c. */
const void *cop_jit_rest_in_code (CopHart *hart);

/* Has the background thread translate the unit at @pc. False when it cannot. */
bool cop_jit_translate_later (CopJit *jit, CopHart *hart, uint64_t pc);

/* Notes that @hart, which ran out of fuel, was found at s.pc. Called by translated code. */
void cop_jit_sample (CopJit *jit, CopHart *hart);

/* Has what is hot at s.pc translated once more in the background. False when that is to be tried
   again. */
bool cop_jit_optimise_later (CopJit *jit, CopHart *hart);

/* The same on the hart's own thread, outside of translated code. */
void cop_jit_optimise (CopJit *jit, CopHart *hart);

/* What the background thread does. */
void cop_jit_work (gpointer jit, const CopJitJob *job);
