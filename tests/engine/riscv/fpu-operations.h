/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All floating point operations in one shape, made from the tables of fpu-host.h, and operands for
 * them that look for trouble.
 */
#pragma once

#include "engine/riscv/fpu-host.h"

#include <glib.h>
#include <string.h>

typedef struct
{
  const char *name;
  unsigned    operands;
  bool        rounds;           /* takes a rounding mode */
  uint64_t (*soft) (const uint64_t *in, CopRoundingMode rm, uint8_t *flags);
  uint64_t (*host) (const uint64_t *in);
  uint64_t (*truncating) (const uint64_t *in);                               /* (nullable) */
  uint64_t (*any_mode) (CopHart *hart, const uint64_t *in, CopRoundingMode rm); /* (nullable) */
} FpuOperation;

/* Operands out of an array. */
#define IN_1(type) (type) in[0]
#define IN_2(type) (type) in[0], (type) in[1]
#define IN_3(type) (type) in[0], (type) in[1], (type) in[2]

#define ROUNDING(name, operands, result, type)                                                    \
  static uint64_t soft_##name (const uint64_t *in, CopRoundingMode rm, uint8_t *flags)            \
  {                                                                                               \
    return (uint64_t) cop_soft_##name (IN_##operands (type), rm, flags);                          \
  }                                                                                               \
                                                                                                  \
  static uint64_t host_##name (const uint64_t *in)                                                \
  {                                                                                               \
    return (uint64_t) cop_host_##name (IN_##operands (type));                                     \
  }                                                                                               \
                                                                                                  \
  static uint64_t any_mode_##name (CopHart *hart, const uint64_t *in, CopRoundingMode rm)         \
  {                                                                                               \
    return (uint64_t) cop_fpu_##name (hart, IN_##operands (type), rm);                            \
  }
#define TO_INTEGER(name, operands, result, type)                                                  \
  ROUNDING (name, operands, result, type)                                                         \
  static uint64_t truncating_##name (const uint64_t *in)                                          \
  {                                                                                               \
    return (uint64_t) cop_host_##name##_rtz (IN_1 (type));                                        \
  }
#define EXACT(name, operands, type, function)                                                     \
  static uint64_t soft_##name (const uint64_t *in, CopRoundingMode rm, uint8_t *flags)            \
  {                                                                                               \
    (void) rm;                                                                                    \
    return (uint64_t) function (IN_##operands (type), flags);                                     \
  }                                                                                               \
                                                                                                  \
  static uint64_t host_##name (const uint64_t *in)                                                \
  {                                                                                               \
    return (uint64_t) cop_host_##name (IN_##operands (type));                                     \
  }
#define WIDENING(name, operands, result, type) EXACT (name, operands, type, cop_soft_##name)
#define COMPARE(name, operands, result, type) EXACT (name, operands, type, cop_##name)

COP_FPU_ROUNDING_TABLE (ROUNDING)
COP_FPU_TO_INTEGER_TABLE (TO_INTEGER)
COP_FPU_WIDENING_TABLE (WIDENING)
COP_FPU_COMPARE_TABLE (COMPARE)

#undef ROUNDING
#undef TO_INTEGER
#undef EXACT
#undef WIDENING
#undef COMPARE

#define ROUNDING(name, operands, result, type)                                                    \
  { #name, operands, true, soft_##name, host_##name, NULL, any_mode_##name },
#define TO_INTEGER(name, operands, result, type)                                                  \
  { #name, operands, true, soft_##name, host_##name, truncating_##name, any_mode_##name },
#define EXACT(name, operands, result, type) { #name, operands, false, soft_##name, host_##name },

static const FpuOperation fpu_operations[] = {
  COP_FPU_ROUNDING_TABLE (ROUNDING)
  COP_FPU_TO_INTEGER_TABLE (TO_INTEGER)
  COP_FPU_WIDENING_TABLE (EXACT)
  COP_FPU_COMPARE_TABLE (EXACT)
};

#undef ROUNDING
#undef TO_INTEGER
#undef EXACT

static inline const FpuOperation *
fpu_operation (const char *name)
{
  for (size_t i = 0; i < G_N_ELEMENTS (fpu_operations); i++)
    if (strcmp (fpu_operations[i].name, name) == 0)
      return &fpu_operations[i];
  g_error ("no operation %s", name);
}

/* Formats, as far as operands need them. */
typedef struct
{
  unsigned fraction_bits, exponent_bits;
} FpuFormat;

static const FpuFormat fpu_f16 = { 10, 5 };
static const FpuFormat fpu_f32 = { 23, 8 };
static const FpuFormat fpu_f64 = { 52, 11 };

/* 64 bits that repeat with --seed. */
static inline uint64_t
fpu_random (void)
{
  return (uint64_t) (guint32) g_test_rand_int () << 32 | (guint32) g_test_rand_int ();
}

/* Runs of ones and zeros: where rounding is decided. */
static inline uint64_t
fpu_random_runs (void)
{
  uint64_t bits = 0;

  for (unsigned i = 0, n = fpu_random () % 3 + 1; i < n; i++)
    bits ^= UINT64_MAX >> (fpu_random () % 64);
  return fpu_random () % 4 == 0 ? bits | 1 : bits;
}

/* An operand of @format. @other is one drawn before, to lie close to. */
static inline uint64_t
fpu_random_operand (const FpuFormat *format, uint64_t other)
{
  const unsigned width = format->fraction_bits + format->exponent_bits + 1;
  const uint64_t one = UINT64_C (1) << format->fraction_bits;
  const uint64_t sign = UINT64_C (1) << (width - 1);
  const uint64_t infinity = (sign - 1) & ~(one - 1);
  const uint64_t bias = (UINT64_C (1) << (format->exponent_bits - 1)) - 1;
  const uint64_t edges[] = { 0, one, bias << format->fraction_bits, infinity, infinity | one / 2 };
  uint64_t random = fpu_random ();
  uint64_t fraction = (random & 0x10 ? fpu_random () : fpu_random_runs ()) & (one - 1);
  uint64_t negative = random & 0x20 ? sign : 0;
  uint64_t exponent;

  random >>= 6;
  switch (fpu_random () % 8)
    {
    case 0:
      return fpu_random () & (sign | (sign - 1));
    case 1: /* the ends of ranges, and up to two units away */
      return (edges[random % G_N_ELEMENTS (edges)] + (random >> 8) % 5 - 2) & (sign | (sign - 1));
    case 2:
      return (other ^ negative) + random % 5 - 2;
    case 3: /* integers of up to 66 bits and small fractions */
      exponent = bias - 2 + random % 68;
      break;
    case 4: /* close to underflow */
      exponent = random % (format->fraction_bits + 4);
      break;
    case 5: /* close to overflow */
      exponent = 2 * bias + 1 - random % 4;
      break;
    case 6: /* close enough to the other to meet in a sum */
      exponent = (other >> format->fraction_bits) + random % 128 - 64;
      break;
    default:
      exponent = bias - 4 + random % 8;
      break;
    }
  return negative | (exponent << format->fraction_bits & (sign - 1)) | fraction;
}

static inline uint64_t
fpu_random_integer (void)
{
  uint64_t magnitude = fpu_random () % 2 ? fpu_random () : fpu_random_runs ();

  magnitude >>= fpu_random () % 64;
  return fpu_random () % 2 ? magnitude : -magnitude;
}

/* A partner for @a whose product, or quotient, lies at the lower or upper end of the range. */
static inline uint64_t
fpu_random_factor (const FpuFormat *format, uint64_t a, bool quotient)
{
  const uint64_t bias = (UINT64_C (1) << (format->exponent_bits - 1)) - 1;
  const uint64_t mask = 2 * bias + 1;
  uint64_t exponent = a >> format->fraction_bits & mask;
  uint64_t target = fpu_random () % 2 ? 3 - fpu_random () % 6 : 2 * bias - 2 + fpu_random () % 4;
  uint64_t wanted = quotient ? exponent + bias - target : target + bias - exponent;
  uint64_t fraction = fpu_random () % 2 ? fpu_random () : fpu_random_runs ();

  return (wanted & mask) << format->fraction_bits |
         (fraction & ((UINT64_C (1) << format->fraction_bits) - 1)) |
         (fpu_random () % 2) << (format->fraction_bits + format->exponent_bits);
}

/* An f64 whose rounding to @narrow is hard. */
static inline uint64_t
fpu_random_wide (const FpuFormat *narrow)
{
  uint64_t operand = fpu_random_operand (narrow, 0);
  unsigned spare = fpu_f64.fraction_bits - narrow->fraction_bits;
  uint8_t flags = 0;
  uint64_t wide = narrow == &fpu_f16 ? cop_soft_f16_to_f64 ((uint16_t) operand, &flags)
                                     : cop_soft_f32_to_f64 ((uint32_t) operand, &flags);

  return wide + (fpu_random_runs () & ((UINT64_C (1) << (spare + 1)) - 1));
}

/* Draws operands for @operation. */
static inline void
fpu_random_operands (const FpuOperation *operation, uint64_t in[3])
{
  const char *name = operation->name;
  const FpuFormat *format = g_str_has_prefix (name, "f64")   ? &fpu_f64
                            : g_str_has_prefix (name, "f32") ? &fpu_f32
                                                             : &fpu_f16;
  uint8_t flags = 0;

  in[0] = in[1] = in[2] = 0;
  if (*name != 'f')
    {
      in[0] = fpu_random_integer ();
      return;
    }
  for (unsigned i = 0; i < operation->operands; i++)
    in[i] = fpu_random_operand (format, i > 0 ? in[i - 1] : 0);

  if ((g_str_has_suffix (name, "mul") || g_str_has_suffix (name, "fma")) && fpu_random () % 4 == 0)
    in[1] = fpu_random_factor (format, in[0], false);
  if (g_str_has_suffix (name, "div") && fpu_random () % 4 == 0)
    in[1] = fpu_random_factor (format, in[0], true);
  if (strcmp (name, "f64_to_f32") == 0 && fpu_random () % 2 == 0)
    in[0] = fpu_random_wide (&fpu_f32);
  if (strcmp (name, "f64_to_f16") == 0 && fpu_random () % 2 == 0)
    in[0] = fpu_random_wide (&fpu_f16);
  if (strcmp (name, "f32_to_f16") == 0 && fpu_random () % 2 == 0)
    in[0] = cop_soft_f64_to_f32 (fpu_random_wide (&fpu_f16), COP_RM_RTZ, &flags);

  /* Addends that cancel the product but for its lower half. */
  if (strcmp (name, "f32_fma") == 0 && fpu_random () % 4 == 0)
    in[2] = (cop_soft_f32_mul ((uint32_t) in[0], (uint32_t) in[1], COP_RM_RNE, &flags) ^
             UINT32_C (1) << 31) + fpu_random () % 3 - 1;
  if (strcmp (name, "f64_fma") == 0 && fpu_random () % 4 == 0)
    in[2] = (cop_soft_f64_mul (in[0], in[1], COP_RM_RNE, &flags) ^ UINT64_C (1) << 63) +
            fpu_random () % 3 - 1;
}
