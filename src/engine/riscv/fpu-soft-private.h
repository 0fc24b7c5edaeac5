/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the integer-only floating point files share: operands taken apart, and the one place where
 * results are rounded.
 *
 *   bits --cop_real_unpack--> CopReal    kind, sign, leading one at bit 63
 *                               |        arithmetic, never losing more than a sticky bit
 *                               v
 *                            CopExact    sign, 128 bits, bit 0 set also for "a little more"
 *                               |
 *   bits <--cop_exact_round-----+        rounding, overflow, underflow, flags
 *
 * Everything takes its format as a constant and is inlined, so that each public function is
 * compiled for its own.
 *
 * Source: RISC-V Unprivileged Spec 20240411 §21.2-21.4; IEEE 754-2019 §4.3, §7
 */
#pragma once

#include "engine/riscv/fpu.h"

#define COP_SOFT_INLINE static inline __attribute__ ((always_inline))

__extension__ typedef unsigned __int128 CopWide;

typedef struct
{
  unsigned fraction_bits;       /* stored; the leading one is not */
  int      bias;                /* also the largest exponent */
  uint64_t sign;
  uint64_t infinity;            /* all larger magnitudes are NaNs */
  uint64_t nan;                 /* canonical */
} CopFormat;

/* clang-format off */
static const CopFormat cop_format_f16 = { 10,   15, 1ull << 15, 0x1full  << 10, COP_F16_NAN };
static const CopFormat cop_format_f32 = { 23,  127, 1ull << 31, 0xffull  << 23, COP_F32_NAN };
static const CopFormat cop_format_f64 = { 52, 1023, 1ull << 63, 0x7ffull << 52, COP_F64_NAN };
/* clang-format on */

typedef enum
{
  COP_REAL_ZERO,
  COP_REAL_FINITE,
  COP_REAL_INFINITE,
  COP_REAL_QUIET,
  COP_REAL_SIGNALING,
} CopRealKind;

/* An operand. When finite: significand * 2^exponent, bit 63 of the significand set. */
typedef struct
{
  CopRealKind kind;
  bool        negative;
  int         exponent;
  uint64_t    significand;
} CopReal;

/* A result before rounding: significand * 2^exponent. A significand that was cut off has bit 0 set,
   and enough bits that bit 0 lies below the first bit to be rounded away. */
typedef struct
{
  bool    negative;
  int     exponent;
  CopWide significand;
} CopExact;

COP_SOFT_INLINE bool
cop_bits_is_nan (const CopFormat *format, uint64_t bits)
{
  return (bits & ~format->sign) > format->infinity;
}

COP_SOFT_INLINE bool
cop_bits_is_signaling (const CopFormat *format, uint64_t bits)
{
  uint64_t quiet = UINT64_C (1) << (format->fraction_bits - 1);

  return cop_bits_is_nan (format, bits) && (bits & quiet) == 0;
}

COP_SOFT_INLINE CopReal
cop_real_unpack (const CopFormat *format, uint64_t bits)
{
  uint64_t magnitude = bits & ~format->sign;
  uint64_t fraction = magnitude & ((UINT64_C (1) << format->fraction_bits) - 1);
  int exponent = (int) (magnitude >> format->fraction_bits);
  CopReal real = { .kind = COP_REAL_FINITE, .negative = (bits & format->sign) != 0 };
  int shift;

  if (magnitude >= format->infinity)
    {
      real.kind = magnitude == format->infinity ? COP_REAL_INFINITE
                  : cop_bits_is_signaling (format, bits) ? COP_REAL_SIGNALING
                  : COP_REAL_QUIET;
      return real;
    }
  if (magnitude == 0)
    {
      real.kind = COP_REAL_ZERO;
      return real;
    }

  /* Subnormals have the exponent of the smallest normal numbers, and no leading one. */
  if (exponent == 0)
    exponent = 1;
  else
    fraction |= UINT64_C (1) << format->fraction_bits;
  shift = __builtin_clzll (fraction);
  real.significand = fraction << shift;
  real.exponent = exponent - format->bias - (int) format->fraction_bits - shift;
  return real;
}

COP_SOFT_INLINE bool
cop_real_is_nan (CopReal real)
{
  return real.kind >= COP_REAL_QUIET;
}

/* Zero counts as a finite value of significand 0. */
COP_SOFT_INLINE CopExact
cop_real_exact (CopReal real)
{
  return (CopExact) { real.negative, real.exponent, real.significand };
}

COP_SOFT_INLINE int
cop_wide_clz (CopWide wide)
{
  uint64_t high = (uint64_t) (wide >> 64);

  return high != 0 ? __builtin_clzll (high) : 64 + __builtin_clzll ((uint64_t) wide);
}

/* Shifts right by any distance; what is lost leaves its trace in bit 0. */
COP_SOFT_INLINE CopWide
cop_wide_shift_right (CopWide wide, int distance)
{
  if (distance == 0)
    return wide;
  if (distance > 127)
    return wide != 0;
  return wide >> distance | ((wide << (128 - distance)) != 0);
}

/* Whether the magnitude goes up by one unit in the last place; @rest is what is cut off, in
   fractions of that unit: 1 << 127 is a half. */
COP_SOFT_INLINE bool
cop_rounds_up (CopRoundingMode rm, bool negative, bool odd, CopWide rest)
{
  const CopWide half = (CopWide) 1 << 127;

  switch (rm)
    {
    case COP_RM_RTZ:
      return false;
    case COP_RM_RDN:
      return negative && rest != 0;
    case COP_RM_RUP:
      return !negative && rest != 0;
    case COP_RM_RMM:
      return rest >= half;
    case COP_RM_RNE:
    case COP_RM_DYN:
    default:
      return rest > half || (rest == half && odd);
    }
}

/* Overflow gives the largest finite number where the mode rounds towards zero. */
COP_SOFT_INLINE uint64_t
cop_overflow (const CopFormat *format, bool negative, CopRoundingMode rm, uint8_t *flags)
{
  bool finite = rm == COP_RM_RTZ || rm == (negative ? COP_RM_RUP : COP_RM_RDN);

  *flags |= COP_FFLAG_OF | COP_FFLAG_NX;
  return (negative ? format->sign : 0) | (format->infinity - (finite ? 1 : 0));
}

/* Rounds to @format. Tininess is detected after rounding: a result is tiny when it would be below
   the smallest normal number even if rounded with an unbounded exponent. */
COP_SOFT_INLINE uint64_t
cop_exact_round (const CopFormat *format, CopExact exact, CopRoundingMode rm, uint8_t *flags)
{
  const int precision = (int) format->fraction_bits + 1;
  const int minimum = 1 - format->bias;
  CopWide significand = exact.significand;
  CopWide rest;
  uint64_t bits;
  bool tiny = false;
  int exponent;

  if (significand == 0)
    return exact.negative ? format->sign : 0;

  significand <<= cop_wide_clz (significand);
  exponent = exact.exponent + 127 - cop_wide_clz (exact.significand);
  if (exponent > format->bias)
    return cop_overflow (format, exact.negative, rm, flags);

  if (exponent < minimum)
    {
      uint64_t normal = (uint64_t) (significand >> (128 - precision));
      bool carries = normal + 1 == UINT64_C (1) << precision &&
                     cop_rounds_up (rm, exact.negative, normal & 1, significand << precision);

      tiny = !(carries && exponent == minimum - 1);
      significand = cop_wide_shift_right (significand, minimum - exponent);
      exponent = minimum;
    }

  /* The leading one, when there is one, adds to the exponent's field, as does a carry. */
  bits = (uint64_t) (exponent - minimum) << format->fraction_bits;
  bits += (uint64_t) (significand >> (128 - precision));
  rest = significand << precision;
  bits += cop_rounds_up (rm, exact.negative, bits & 1, rest);
  if (bits >= format->infinity)
    return cop_overflow (format, exact.negative, rm, flags);
  if (rest != 0)
    *flags |= COP_FFLAG_NX | (tiny ? COP_FFLAG_UF : 0);
  return (exact.negative ? format->sign : 0) | bits;
}
