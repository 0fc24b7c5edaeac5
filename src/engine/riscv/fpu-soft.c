/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Arithmetic on integers only: add, subtract, multiply, divide, square root, fused multiply-add.
 * Each is written once, for operands taken apart, and instantiated for f32 and f64.
 *
 * Source: RISC-V Unprivileged Spec 20240411 §21.6, §22.4; IEEE 754-2019 §5.4.1, §6, §7
 */
#include "engine/riscv/fpu-soft-private.h"

/* The result of an operation that has none. */
COP_SOFT_INLINE uint64_t
invalid (const CopFormat *format, uint8_t *flags)
{
  *flags |= COP_FFLAG_NV;
  return format->nan;
}

/* The result when an operand is a NaN: payloads are not handed on. */
COP_SOFT_INLINE uint64_t
nan_result (const CopFormat *format, bool signaling, uint8_t *flags)
{
  return signaling ? invalid (format, flags) : format->nan;
}

COP_SOFT_INLINE uint64_t
infinity (const CopFormat *format, bool negative)
{
  return (negative ? format->sign : 0) | format->infinity;
}

COP_SOFT_INLINE uint64_t
zero (const CopFormat *format, bool negative)
{
  return negative ? format->sign : 0;
}

/* Leading one to bit 126: one bit of room for a carry. No operand or product has more than 106
   bits, so shifting right loses nothing. */
COP_SOFT_INLINE CopExact
make_room (CopExact exact)
{
  int shift = cop_wide_clz (exact.significand) - 1;

  if (shift < 0)
    exact.significand >>= 1;
  else
    exact.significand <<= shift;
  exact.exponent -= shift;
  return exact;
}

/* The sticky bit is exact enough: when many leading bits cancel, the exponents differed by one at
   most, and that shift lost nothing. */
COP_SOFT_INLINE CopExact
exact_sum (CopExact a, CopExact b, CopRoundingMode rm)
{
  bool zero_sign = a.negative == b.negative ? a.negative : rm == COP_RM_RDN;
  CopExact sum;

  if (a.significand == 0 && b.significand == 0)
    return (CopExact) { .negative = zero_sign };
  if (a.significand == 0)
    return b;
  if (b.significand == 0)
    return a;

  a = make_room (a);
  b = make_room (b);
  if (a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand))
    {
      CopExact smaller = a;

      a = b;
      b = smaller;
    }
  sum = a;
  b.significand = cop_wide_shift_right (b.significand, a.exponent - b.exponent);
  if (a.negative == b.negative)
    sum.significand += b.significand;
  else
    sum.significand -= b.significand;
  if (sum.significand == 0)
    sum.negative = zero_sign;
  return sum;
}

COP_SOFT_INLINE CopExact
exact_product (CopReal a, CopReal b)
{
  return (CopExact) {
    .negative = a.negative != b.negative,
    .exponent = a.exponent + b.exponent,
    .significand = (CopWide) a.significand * b.significand,
  };
}

COP_SOFT_INLINE uint64_t
soft_add (const CopFormat *format, uint64_t a_bits, uint64_t b_bits, CopRoundingMode rm,
          uint8_t *flags)
{
  CopReal a = cop_real_unpack (format, a_bits);
  CopReal b = cop_real_unpack (format, b_bits);

  if (cop_real_is_nan (a) || cop_real_is_nan (b))
    return nan_result (format, a.kind == COP_REAL_SIGNALING || b.kind == COP_REAL_SIGNALING, flags);
  if (a.kind == COP_REAL_INFINITE && b.kind == COP_REAL_INFINITE && a.negative != b.negative)
    return invalid (format, flags);
  if (a.kind == COP_REAL_INFINITE)
    return a_bits;
  if (b.kind == COP_REAL_INFINITE)
    return b_bits;
  return cop_exact_round (format, exact_sum (cop_real_exact (a), cop_real_exact (b), rm), rm,
                          flags);
}

/* Flipping a NaN's sign changes nothing: results are canonical. */
COP_SOFT_INLINE uint64_t
soft_sub (const CopFormat *format, uint64_t a, uint64_t b, CopRoundingMode rm, uint8_t *flags)
{
  return soft_add (format, a, b ^ format->sign, rm, flags);
}

COP_SOFT_INLINE uint64_t
soft_mul (const CopFormat *format, uint64_t a_bits, uint64_t b_bits, CopRoundingMode rm,
          uint8_t *flags)
{
  CopReal a = cop_real_unpack (format, a_bits);
  CopReal b = cop_real_unpack (format, b_bits);
  bool negative = a.negative != b.negative;

  if (cop_real_is_nan (a) || cop_real_is_nan (b))
    return nan_result (format, a.kind == COP_REAL_SIGNALING || b.kind == COP_REAL_SIGNALING, flags);
  if (a.kind == COP_REAL_INFINITE || b.kind == COP_REAL_INFINITE)
    {
      if (a.kind == COP_REAL_ZERO || b.kind == COP_REAL_ZERO)
        return invalid (format, flags);
      return infinity (format, negative);
    }
  return cop_exact_round (format, exact_product (a, b), rm, flags);
}

COP_SOFT_INLINE uint64_t
soft_div (const CopFormat *format, uint64_t a_bits, uint64_t b_bits, CopRoundingMode rm,
          uint8_t *flags)
{
  CopReal a = cop_real_unpack (format, a_bits);
  CopReal b = cop_real_unpack (format, b_bits);
  bool negative = a.negative != b.negative;
  CopWide dividend, quotient;

  if (cop_real_is_nan (a) || cop_real_is_nan (b))
    return nan_result (format, a.kind == COP_REAL_SIGNALING || b.kind == COP_REAL_SIGNALING, flags);
  if (a.kind == b.kind && a.kind != COP_REAL_FINITE)
    return invalid (format, flags);
  if (a.kind == COP_REAL_INFINITE)
    return infinity (format, negative);
  if (a.kind == COP_REAL_ZERO || b.kind == COP_REAL_INFINITE)
    return zero (format, negative);
  if (b.kind == COP_REAL_ZERO)
    {
      *flags |= COP_FFLAG_DZ;
      return infinity (format, negative);
    }

  /* Both significands are in [2^63, 2^64): the quotient has 63 or 64 bits. */
  dividend = (CopWide) a.significand << 63;
  quotient = dividend / b.significand;
  return cop_exact_round (format,
                          (CopExact) {
                            .negative = negative,
                            .exponent = a.exponent - b.exponent - 64,
                            .significand = quotient << 1 | (quotient * b.significand != dividend),
                          },
                          rm, flags);
}

/* Largest root with root * root <= @square, whose top two bits are not both clear: one bit a step,
   from the top. */
static uint64_t
integer_root (CopWide square)
{
  uint64_t root = 0;

  for (uint64_t bit = UINT64_C (1) << 63; bit != 0; bit >>= 1)
    {
      uint64_t larger = root | bit;

      if ((CopWide) larger * larger <= square)
        root = larger;
    }
  return root;
}

COP_SOFT_INLINE uint64_t
soft_sqrt (const CopFormat *format, uint64_t a_bits, CopRoundingMode rm, uint8_t *flags)
{
  CopReal a = cop_real_unpack (format, a_bits);
  CopWide square;
  uint64_t root;
  int shift;

  if (cop_real_is_nan (a))
    return nan_result (format, a.kind == COP_REAL_SIGNALING, flags);
  if (a.kind == COP_REAL_ZERO)
    return a_bits;
  if (a.negative)
    return invalid (format, flags);
  if (a.kind == COP_REAL_INFINITE)
    return a_bits;

  /* An even exponent, and a square of 127 or 128 bits for a root of 64. */
  shift = a.exponent % 2 == 0 ? 64 : 63;
  square = (CopWide) a.significand << shift;
  root = integer_root (square);
  return cop_exact_round (format,
                          (CopExact) {
                            .exponent = (a.exponent - shift) / 2 - 1,
                            .significand = (CopWide) root << 1 | ((CopWide) root * root != square),
                          },
                          rm, flags);
}

/* Infinity times zero is invalid even when a quiet NaN is added to it. */
COP_SOFT_INLINE uint64_t
soft_fma (const CopFormat *format, uint64_t a_bits, uint64_t b_bits, uint64_t c_bits,
          CopRoundingMode rm, uint8_t *flags)
{
  CopReal a = cop_real_unpack (format, a_bits);
  CopReal b = cop_real_unpack (format, b_bits);
  CopReal c = cop_real_unpack (format, c_bits);
  bool negative = a.negative != b.negative;

  if ((a.kind == COP_REAL_INFINITE && b.kind == COP_REAL_ZERO) ||
      (a.kind == COP_REAL_ZERO && b.kind == COP_REAL_INFINITE))
    return invalid (format, flags);
  if (cop_real_is_nan (a) || cop_real_is_nan (b) || cop_real_is_nan (c))
    return nan_result (format,
                       a.kind == COP_REAL_SIGNALING || b.kind == COP_REAL_SIGNALING ||
                         c.kind == COP_REAL_SIGNALING,
                       flags);
  if (a.kind == COP_REAL_INFINITE || b.kind == COP_REAL_INFINITE)
    {
      if (c.kind == COP_REAL_INFINITE && c.negative != negative)
        return invalid (format, flags);
      return infinity (format, negative);
    }
  if (c.kind == COP_REAL_INFINITE)
    return c_bits;
  return cop_exact_round (format, exact_sum (exact_product (a, b), cop_real_exact (c), rm), rm,
                          flags);
}

#define INSTANTIATE(name, bits)                                                                   \
  bits cop_soft_##name##_add (bits a, bits b, CopRoundingMode rm, uint8_t *flags)                 \
  {                                                                                               \
    return (bits) soft_add (&cop_format_##name, a, b, rm, flags);                                 \
  }                                                                                               \
                                                                                                  \
  bits cop_soft_##name##_sub (bits a, bits b, CopRoundingMode rm, uint8_t *flags)                 \
  {                                                                                               \
    return (bits) soft_sub (&cop_format_##name, a, b, rm, flags);                                 \
  }                                                                                               \
                                                                                                  \
  bits cop_soft_##name##_mul (bits a, bits b, CopRoundingMode rm, uint8_t *flags)                 \
  {                                                                                               \
    return (bits) soft_mul (&cop_format_##name, a, b, rm, flags);                                 \
  }                                                                                               \
                                                                                                  \
  bits cop_soft_##name##_div (bits a, bits b, CopRoundingMode rm, uint8_t *flags)                 \
  {                                                                                               \
    return (bits) soft_div (&cop_format_##name, a, b, rm, flags);                                 \
  }                                                                                               \
                                                                                                  \
  bits cop_soft_##name##_sqrt (bits a, CopRoundingMode rm, uint8_t *flags)                        \
  {                                                                                               \
    return (bits) soft_sqrt (&cop_format_##name, a, rm, flags);                                   \
  }                                                                                               \
                                                                                                  \
  bits cop_soft_##name##_fma (bits a, bits b, bits c, CopRoundingMode rm, uint8_t *flags)         \
  {                                                                                               \
    return (bits) soft_fma (&cop_format_##name, a, b, c, rm, flags);                              \
  }

INSTANTIATE (f32, uint32_t)
INSTANTIATE (f64, uint64_t)
