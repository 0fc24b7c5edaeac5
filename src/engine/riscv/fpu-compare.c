/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What rounds nothing: comparisons, minimum, maximum, classification.
 *
 * Numbers are compared as integers. With the lower bits of negative ones inverted, the order of
 * the bits as a signed integer is the order of the values, -0 just below +0.
 *
 * Source: RISC-V Unprivileged Spec 20240411 §21.6, §21.8, §21.9, §22.6, §22.7;
 * IEEE 754-2019 §9.6
 */
#include "engine/riscv/fpu-soft-private.h"

COP_SOFT_INLINE int64_t
order (const CopFormat *format, uint64_t bits)
{
  int64_t magnitude = (int64_t) (bits & ~format->sign);

  return (bits & format->sign) != 0 ? ~magnitude : magnitude;
}

COP_SOFT_INLINE bool
both_zero (const CopFormat *format, uint64_t a, uint64_t b)
{
  return ((a | b) & ~format->sign) == 0;
}

/* Whether the operands have an order; NV is raised for signaling NaNs, or for all. */
COP_SOFT_INLINE bool
ordered (const CopFormat *format, uint64_t a, uint64_t b, bool quiet, uint8_t *flags)
{
  if (!cop_bits_is_nan (format, a) && !cop_bits_is_nan (format, b))
    return true;
  if (!quiet || cop_bits_is_signaling (format, a) || cop_bits_is_signaling (format, b))
    *flags |= COP_FFLAG_NV;
  return false;
}

COP_SOFT_INLINE uint64_t
minimum_or_maximum (const CopFormat *format, uint64_t a, uint64_t b, bool maximum, uint8_t *flags)
{
  if (!ordered (format, a, b, true, flags))
    {
      if (!cop_bits_is_nan (format, a))
        return a;
      return cop_bits_is_nan (format, b) ? format->nan : b;
    }
  return (order (format, a) < order (format, b)) != maximum ? a : b;
}

COP_SOFT_INLINE bool
is_equal (const CopFormat *format, uint64_t a, uint64_t b, uint8_t *flags)
{
  return ordered (format, a, b, true, flags) && (a == b || both_zero (format, a, b));
}

COP_SOFT_INLINE bool
is_less (const CopFormat *format, uint64_t a, uint64_t b, uint8_t *flags)
{
  return ordered (format, a, b, false, flags) && !both_zero (format, a, b) &&
         order (format, a) < order (format, b);
}

COP_SOFT_INLINE bool
is_less_or_equal (const CopFormat *format, uint64_t a, uint64_t b, uint8_t *flags)
{
  return ordered (format, a, b, false, flags) &&
         (both_zero (format, a, b) || order (format, a) <= order (format, b));
}

/*   bit   0     1        2          3   4   5          6       7     8     9
 *        -inf  -normal  -subnormal  -0  +0  +subnormal +normal  +inf  sNaN  qNaN   */
COP_SOFT_INLINE uint64_t
classify (const CopFormat *format, uint64_t bits)
{
  uint64_t magnitude = bits & ~format->sign;
  unsigned from_zero; /* bits away from that of its zero */

  if (cop_bits_is_nan (format, bits))
    return cop_bits_is_signaling (format, bits) ? 1 << 8 : 1 << 9;
  if (magnitude == 0)
    from_zero = 0;
  else if (magnitude == format->infinity)
    from_zero = 3;
  else
    from_zero = magnitude >> format->fraction_bits == 0 ? 1 : 2;
  return (bits & format->sign) != 0 ? 1u << (3 - from_zero) : 1u << (4 + from_zero);
}

#define INSTANTIATE(name, bits)                                                                   \
  bits cop_##name##_min (bits a, bits b, uint8_t *flags)                                          \
  {                                                                                               \
    return (bits) minimum_or_maximum (&cop_format_##name, a, b, false, flags);                    \
  }                                                                                               \
                                                                                                  \
  bits cop_##name##_max (bits a, bits b, uint8_t *flags)                                          \
  {                                                                                               \
    return (bits) minimum_or_maximum (&cop_format_##name, a, b, true, flags);                     \
  }                                                                                               \
                                                                                                  \
  bool cop_##name##_eq (bits a, bits b, uint8_t *flags)                                           \
  {                                                                                               \
    return is_equal (&cop_format_##name, a, b, flags);                                            \
  }                                                                                               \
                                                                                                  \
  bool cop_##name##_lt (bits a, bits b, uint8_t *flags)                                           \
  {                                                                                               \
    return is_less (&cop_format_##name, a, b, flags);                                             \
  }                                                                                               \
                                                                                                  \
  bool cop_##name##_le (bits a, bits b, uint8_t *flags)                                           \
  {                                                                                               \
    return is_less_or_equal (&cop_format_##name, a, b, flags);                                    \
  }                                                                                               \
                                                                                                  \
  uint64_t cop_##name##_class (bits a)                                                            \
  {                                                                                               \
    return classify (&cop_format_##name, a);                                                      \
  }

INSTANTIATE (f32, uint32_t)
INSTANTIATE (f64, uint64_t)
