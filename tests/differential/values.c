/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Operands: half of them at edges where instructions tend to be wrong.
 */
#include "generate.h"

#define BOX32 UINT64_C (0xffffffff00000000)
#define BOX16 UINT64_C (0xffffffffffff0000)

uint64_t
random_integer (uint64_t *state)
{
  static const uint64_t edges[] = {
    0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
    0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0x100000000,
    UINT64_C (0x7fffffffffffffff), UINT64_C (0x8000000000000000), UINT64_C (0x8000000000000001),
    UINT64_C (0xffffffff7fffffff), UINT64_C (0xffffffff80000000), UINT64_C (0xfffffffffffffffe),
    UINT64_MAX, UINT64_C (0x5555555555555555), UINT64_C (0xaaaaaaaaaaaaaaaa),
    UINT64_C (0x0123456789abcdef), UINT64_C (0xfffff80000000000), UINT64_C (0x0020000000000001),
  };
  uint64_t random = random_next (state);

  switch (random & 7)
    {
    case 0:
    case 1:
    case 2:
      return edges[(random >> 8) % G_N_ELEMENTS (edges)];
    case 3:
      return UINT64_C (1) << (random >> 8 & 63);
    case 4:
      return edges[(random >> 8) % G_N_ELEMENTS (edges)] + (random >> 32) % 9 - 4;
    case 5:
      return (uint64_t) (int64_t) (int32_t) (random >> 32);
    case 6:
      return random >> (random >> 8 & 63);
    default:
      return random_next (state);
    }
}

static uint64_t
random_f64 (uint64_t *state)
{
  static const uint64_t edges[] = {
    UINT64_C (0x0000000000000000), UINT64_C (0x0000000000000001), /* smallest subnormal */
    UINT64_C (0x000fffffffffffff), UINT64_C (0x0010000000000000), /* largest, smallest normal */
    UINT64_C (0x0010000000000001), UINT64_C (0x7fefffffffffffff), UINT64_C (0x7ff0000000000000),
    UINT64_C (0x7ff0000000000001), UINT64_C (0x7ff7ffffffffffff), UINT64_C (0x7ff8000000000000),
    UINT64_C (0x7ff8000000000001), UINT64_C (0x7fffffffffffffff), UINT64_C (0x3ff0000000000000),
    UINT64_C (0x3ff0000000000001), UINT64_C (0x3fefffffffffffff), UINT64_C (0x3fe0000000000000),
    UINT64_C (0x4000000000000000), UINT64_C (0x3ff8000000000000), UINT64_C (0x43e0000000000000),
    UINT64_C (0x43f0000000000000), UINT64_C (0x41dfffffffc00000), UINT64_C (0x41e0000000000000),
    UINT64_C (0x41efffffffe00000), UINT64_C (0x41f0000000000000), UINT64_C (0x47efffffe0000000),
    UINT64_C (0x36a0000000000000), UINT64_C (0x3810000000000000), UINT64_C (0x40effc0000000000),
    UINT64_C (0x3f10000000000000), UINT64_C (0x4330000000000000), UINT64_C (0x4340000000000000),
  };
  uint64_t random = random_next (state);
  uint64_t value = edges[(random >> 8) % G_N_ELEMENTS (edges)];

  switch (random & 3)
    {
    case 0:
      return value ^ (random & (UINT64_C (1) << 63));
    case 1:
      /* Near an edge. */
      return (value + (random >> 32) % 5 - 2) ^ (random & (UINT64_C (1) << 63));
    case 2:
      /* Any mantissa with a middling exponent, so that sums and products round. */
      return (random_next (state) & UINT64_C (0x800fffffffffffff)) |
             (uint64_t) (1023 - 40 + (random >> 8) % 80) << 52;
    default:
      return random_next (state);
    }
}

static uint32_t
random_f32 (uint64_t *state)
{
  static const uint32_t edges[] = {
    0x00000000, 0x00000001, 0x007fffff, 0x00800000, 0x00800001, 0x7f7fffff, 0x7f800000, 0x7f800001,
    0x7fbfffff, 0x7fc00000, 0x7fc00001, 0x7fffffff, 0x3f800000, 0x3f800001, 0x3f7fffff, 0x3f000000,
    0x40000000, 0x3fc00000, 0x4f000000, 0x4effffff, 0x4f800000, 0x5f000000, 0x5f800000, 0x4b000000,
    0x477fe000, 0x477ff000, 0x33000000, 0x33000001, 0x387fc000, 0x38800000,
  };
  uint64_t random = random_next (state);
  uint32_t value = edges[(random >> 8) % G_N_ELEMENTS (edges)];
  uint32_t sign = (uint32_t) (random >> 63) << 31;

  switch (random & 3)
    {
    case 0:
      return value ^ sign;
    case 1:
      return (value + (uint32_t) (random >> 32) % 5 - 2) ^ sign;
    case 2:
      return (uint32_t) (random >> 32 & 0x7fffff) | (uint32_t) (127 - 20 + (random >> 8) % 40) << 23 | sign;
    default:
      return (uint32_t) (random >> 32);
    }
}

uint64_t
random_float (uint64_t *state)
{
  uint64_t random = random_next (state);

  switch (random & 15)
    {
    case 0:
      /* A single that is not boxed, or boxed by all bits but one. */
      return random_f32 (state) | (random & 16 ? 0 : BOX32 ^ UINT64_C (1) << (32 + (random >> 8 & 31)));
    case 1:
    case 2:
      return BOX16 | (random >> 32 & 0xffff);
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
      return BOX32 | random_f32 (state);
    default:
      return random_f64 (state);
    }
}
