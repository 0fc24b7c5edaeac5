/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whether the architecture says what a random program does.
 *
 * Engines keep code and translations for as long as they may, and each for another time: without
 * the fence, old and new are both right. A program that engines are compared with must not get to
 * such a place, and this is who tells: it takes one instruction after the other, and knows what
 * memory was when the hart last fenced.
 */
#pragma once

#include "region.h"

typedef struct RegionJudge RegionJudge;

/**
 * region_judge_new:
 * @ram, @hart: (unowned): of @region (unowned), before its first instruction
 * @executed: (unowned): counts what is executed, by CopInsnOp
 */
RegionJudge *region_judge_new (const Region *region, CopRam *ram, CopHart *hart,
                               uint64_t *executed);
void region_judge_free (RegionJudge *judge);

/**
 * region_judge_run:
 * Runs the hart on its engine to @limit, an instruction at a time.
 *
 * Returns: (nullable) (transfer full): what is undefined about the program, if it got to that
 */
char *region_judge_run (RegionJudge *judge, uint64_t limit);
