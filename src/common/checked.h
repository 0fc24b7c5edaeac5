/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Arithmetic on numbers that come from outside: false instead of a wrapped result.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline bool
cop_checked_add (uint64_t a, uint64_t b, uint64_t *sum)
{
  return !__builtin_add_overflow (a, b, sum);
}

static inline bool
cop_checked_mul (uint64_t a, uint64_t b, uint64_t *product)
{
  return !__builtin_mul_overflow (a, b, product);
}

/* Whether [start, start + length) lies within [0, limit). */
static inline bool
cop_range_within (uint64_t start, uint64_t length, uint64_t limit)
{
  return start <= limit && length <= limit - start;
}
