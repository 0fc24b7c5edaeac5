/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where a hart's thread spends its time, by looking now and then.
 *
 *   timer of the thread's CPU time --signal--> where is it? --> time of that tier
 *                                                           --> a count for the piece of host code
 *
 * Costs nothing where it is not switched on, and next to nothing where it is: no code counts itself.
 */
#pragma once

#include "engine/engine.h"

typedef struct CopSampler CopSampler;

/* Begins to look at this thread, which runs @hart. Returns: (transfer full) (nullable): NULL where
   the host cannot do it. To be freed on the same thread. */
CopSampler *cop_sampler_start (CopHart *hart, const CopEngine *engine);
void cop_sampler_free (CopSampler *sampler);

/* Microseconds of CPU time by tier, added to @us; @samples: number of looks. On any thread. */
void cop_sampler_read (const CopSampler *sampler, uint64_t us[COP_TIER_LAST], uint64_t *samples);
