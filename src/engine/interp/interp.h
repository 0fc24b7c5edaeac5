/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The interpreter's insides, for the hybrid engine.
 */
#pragma once

#include "engine/engine.h"
#include "engine/interp/block.h"

typedef enum
{
  COP_INTERP_RESULT,            /* run() is over: *result says how */
  COP_INTERP_HOT,               /* a block's heat ran out: s.pc is at its start, nothing of it ran */
} CopInterpExit;

/**
 * cop_interp_execute:
 * @cache: of @hart
 * @limit: as in CopEngineOps.run
 * @hot: (out): the block, with COP_INTERP_HOT
 *
 * cop_fpu_enter() has been called; the caller calls cop_fpu_leave().
 */
CopInterpExit cop_interp_execute (CopHart *hart, CopBlockCache *cache, uint64_t limit,
                                  CopRunResult *result, CopBlock **hot);

/**
 * cop_interp_execute_part:
 * @insns: 1 to COP_BLOCK_MAX_INSNS
 *
 * Runs one block of at most @insns instructions at s.pc, or takes its exception. The caller has seen
 * to it that neither the limit nor hart->instret_event is nearer.
 *
 * Returns: COP_RUN_LIMIT when run() may go on, COP_RUN_WFI or COP_RUN_STOP otherwise
 */
CopRunResult cop_interp_execute_part (CopHart *hart, CopBlockCache *cache, unsigned insns);

/* Labels of all operations, for cop_block_cache_new(). */
const void *const *cop_interp_labels (void);
