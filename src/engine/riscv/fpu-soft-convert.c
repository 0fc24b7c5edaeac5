/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Conversions on integers only: between formats, to integers and from them.
 *
 * To an integer, saturating. After rounding, what does not fit raises NV and nothing else:
 *
 *              NaN, +inf, too large    -inf, too small
 *   fcvt.w     2^31 - 1                -2^31
 *   fcvt.wu    2^32 - 1                0
 *   fcvt.l     2^63 - 1                -2^63
 *   fcvt.lu    2^64 - 1                0
 *
 * Source: RISC-V Unprivileged Spec 20240411 §21.7 with table 29, §22.5, ch. 28
 */
#include "engine/riscv/fpu-soft-private.h"

COP_SOFT_INLINE uint64_t
soft_convert (const CopFormat *from, const CopFormat *to, uint64_t bits, CopRoundingMode rm,
              uint8_t *flags)
{
  CopReal real = cop_real_unpack (from, bits);

  if (cop_real_is_nan (real))
    {
      if (real.kind == COP_REAL_SIGNALING)
        *flags |= COP_FFLAG_NV;
      return to->nan;
    }
  if (real.kind == COP_REAL_INFINITE)
    return (real.negative ? to->sign : 0) | to->infinity;
  return cop_exact_round (to, cop_real_exact (real), rm, flags);
}

/* @most and @least are the magnitudes of the type's ends. Returns the value modulo 2^64. */
COP_SOFT_INLINE uint64_t
soft_to_integer (const CopFormat *format, uint64_t bits, uint64_t most, uint64_t least,
                 CopRoundingMode rm, uint8_t *flags)
{
  CopReal real = cop_real_unpack (format, bits);
  bool negative = real.negative && !cop_real_is_nan (real);
  CopWide wide, rest, magnitude;

  if (real.kind == COP_REAL_ZERO)
    return 0;
  if (real.kind == COP_REAL_FINITE && real.exponent <= 0)
    {
      wide = cop_wide_shift_right ((CopWide) real.significand << 64, -real.exponent);
      rest = wide << 64;
      magnitude = wide >> 64;
      magnitude += cop_rounds_up (rm, negative, magnitude & 1, rest);
      if (magnitude <= (negative ? least : most))
        {
          *flags |= rest != 0 ? COP_FFLAG_NX : 0;
          return negative ? -(uint64_t) magnitude : (uint64_t) magnitude;
        }
    }
  *flags |= COP_FFLAG_NV;
  return negative ? -least : most;
}

COP_SOFT_INLINE uint64_t
soft_from_integer (const CopFormat *format, bool negative, uint64_t magnitude, CopRoundingMode rm,
                   uint8_t *flags)
{
  return cop_exact_round (format, (CopExact) { .negative = negative, .significand = magnitude }, rm,
                          flags);
}

uint32_t
cop_soft_f64_to_f32 (uint64_t a, CopRoundingMode rm, uint8_t *flags)
{
  return (uint32_t) soft_convert (&cop_format_f64, &cop_format_f32, a, rm, flags);
}

uint16_t
cop_soft_f64_to_f16 (uint64_t a, CopRoundingMode rm, uint8_t *flags)
{
  return (uint16_t) soft_convert (&cop_format_f64, &cop_format_f16, a, rm, flags);
}

uint16_t
cop_soft_f32_to_f16 (uint32_t a, CopRoundingMode rm, uint8_t *flags)
{
  return (uint16_t) soft_convert (&cop_format_f32, &cop_format_f16, a, rm, flags);
}

/* Widening is exact: any mode will do. */

uint64_t
cop_soft_f32_to_f64 (uint32_t a, uint8_t *flags)
{
  return soft_convert (&cop_format_f32, &cop_format_f64, a, COP_RM_RNE, flags);
}

uint64_t
cop_soft_f16_to_f64 (uint16_t a, uint8_t *flags)
{
  return soft_convert (&cop_format_f16, &cop_format_f64, a, COP_RM_RNE, flags);
}

uint32_t
cop_soft_f16_to_f32 (uint16_t a, uint8_t *flags)
{
  return (uint32_t) soft_convert (&cop_format_f16, &cop_format_f32, a, COP_RM_RNE, flags);
}

#define INSTANTIATE_TO(name, bits, type, result, most, least)                                     \
  result cop_soft_##name##_to_##type (bits a, CopRoundingMode rm, uint8_t *flags)                 \
  {                                                                                               \
    return (result) soft_to_integer (&cop_format_##name, a, most, least, rm, flags);              \
  }

/* The negation wraps for the least integer alone, to the magnitude that is meant. */
#define INSTANTIATE_FROM(name, bits, type, operand, negative)                                     \
  bits cop_soft_##type##_to_##name (operand a, CopRoundingMode rm, uint8_t *flags)                \
  {                                                                                               \
    uint64_t magnitude = (negative) ? -(uint64_t) a : (uint64_t) a;                               \
                                                                                                  \
    return (bits) soft_from_integer (&cop_format_##name, negative, magnitude, rm, flags);         \
  }

#define INSTANTIATE(name, bits)                                                                   \
  INSTANTIATE_TO (name, bits, i32, int32_t, INT32_MAX, UINT64_C (1) << 31)                        \
  INSTANTIATE_TO (name, bits, u32, uint32_t, UINT32_MAX, 0)                                       \
  INSTANTIATE_TO (name, bits, i64, int64_t, INT64_MAX, UINT64_C (1) << 63)                        \
  INSTANTIATE_TO (name, bits, u64, uint64_t, UINT64_MAX, 0)                                       \
  INSTANTIATE_FROM (name, bits, i32, int32_t, a < 0)                                             \
  INSTANTIATE_FROM (name, bits, u32, uint32_t, false)                                             \
  INSTANTIATE_FROM (name, bits, i64, int64_t, a < 0)                                             \
  INSTANTIATE_FROM (name, bits, u64, uint64_t, false)

INSTANTIATE (f32, uint32_t)
INSTANTIATE (f64, uint64_t)
