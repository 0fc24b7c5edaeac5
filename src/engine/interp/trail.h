/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where code was begun to be executed: a bit for each halfword of guest memory.
 *
 * About half of what can be reached from code that runs never is, and who translates leaves that out.
 * Pages share bits with others that have their hash, and bits outlast the code that they were set for:
 * nothing but the size of translations depends on it. All harts of an engine share a trail.
 */
#pragma once

#include "engine/ram.h"

#include <stdbool.h>
#include <stdint.h>

/* log2 of the pages that have bits of their own. */
#define COP_TRAIL_PAGE_BITS 12
#define COP_TRAIL_PAGE_WORDS (COP_PAGE_SIZE / 2 / 64)

typedef struct
{
  uint64_t words[1u << COP_TRAIL_PAGE_BITS][COP_TRAIL_PAGE_WORDS];      /* atomic */
} CopTrail;

static inline uint64_t *
cop_trail_word (CopTrail *trail, uint64_t gpa, uint64_t *bit)
{
  uint64_t page = (gpa >> COP_PAGE_SHIFT) * UINT64_C (0x9e3779b97f4a7c15);
  unsigned halfword = (gpa & (COP_PAGE_SIZE - 1)) / 2;

  *bit = UINT64_C (1) << halfword % 64;
  return &trail->words[page >> (64 - COP_TRAIL_PAGE_BITS)][halfword / 64];
}

static inline void
cop_trail_note (CopTrail *trail, uint64_t gpa)
{
  uint64_t bit, *word = cop_trail_word (trail, gpa, &bit);

  uint64_t bits = __atomic_load_n (word, __ATOMIC_RELAXED);

  /* Another hart's bit may get lost: to lock the word would take as long as decoding an instruction. */
  if ((bits & bit) == 0)
    __atomic_store_n (word, bits | bit, __ATOMIC_RELAXED);
}

/* Whether somebody may have begun at @gpa. */
static inline bool
cop_trail_has (CopTrail *trail, uint64_t gpa)
{
  uint64_t bit, *word = cop_trail_word (trail, gpa, &bit);

  return (__atomic_load_n (word, __ATOMIC_RELAXED) & bit) != 0;
}
