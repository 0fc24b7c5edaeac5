/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random cases from the instruction table.
 */
#pragma once

#include "program.h"

/* A case of @seed: the same one on every machine. */
void generate_case (Case *one, uint64_t seed);

/* A row of the instruction table that no sequence contains, and why. */
typedef struct
{
  CopInsnOp   op;
  const char *reason;
} Exclusion;

extern const Exclusion exclusions[];
extern const unsigned n_exclusions;

/* Values at and around the edges, and any. */
uint64_t random_integer (uint64_t *state);
uint64_t random_float (uint64_t *state);

static inline uint64_t
random_next (uint64_t *state)
{
  uint64_t z = (*state += UINT64_C (0x9e3779b97f4a7c15));

  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline unsigned
random_below (uint64_t *state, unsigned limit)
{
  return (unsigned) (random_next (state) % limit);
}
