/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Floating point on integers: known answers, and what must hold between rounding modes. The
 * operations meet an implementation in hardware in test-fpu-host.c.
 */
#include "fpu-operations.h"

#define NX COP_FFLAG_NX
#define UF COP_FFLAG_UF
#define OF COP_FFLAG_OF
#define DZ COP_FFLAG_DZ
#define NV COP_FFLAG_NV
#define RNE COP_RM_RNE
#define RTZ COP_RM_RTZ
#define RDN COP_RM_RDN
#define RUP COP_RM_RUP
#define RMM COP_RM_RMM

#define F32_SIGN UINT64_C (0x80000000)
#define F32_ONE UINT64_C (0x3f800000)
#define F32_MAX UINT64_C (0x7f7fffff)
#define F32_INF UINT64_C (0x7f800000)
#define F32_NORMAL UINT64_C (0x00800000)        /* smallest */

#define F64_SIGN UINT64_C (0x8000000000000000)
#define F64_HALF UINT64_C (0x3fe0000000000000)
#define F64_ONE UINT64_C (0x3ff0000000000000)
#define F64_TWO UINT64_C (0x4000000000000000)
#define F64_MAX UINT64_C (0x7fefffffffffffff)
#define F64_INF UINT64_C (0x7ff0000000000000)
#define F64_SNAN UINT64_C (0x7ff0000000000001)
#define F64_QNAN UINT64_C (0xfff80000deadbeef)  /* with sign and payload */
#define F64_2_M53 UINT64_C (0x3ca0000000000000) /* half a unit in the last place of 1 */
#define F64_2_M200 UINT64_C (0x3370000000000000)

static const struct
{
  const char     *name;
  CopRoundingMode rm;
  uint64_t        in[3];
  uint64_t        result;
  uint8_t         flags;
} answers[] = {
  /* clang-format off */
  /* Ties: to even, or away from zero. */
  { "f64_add",    RNE, { F64_ONE, F64_2_M53 },                        F64_ONE,              NX },
  { "f64_add",    RMM, { F64_ONE, F64_2_M53 },                        F64_ONE + 1,          NX },
  { "f64_add",    RNE, { F64_ONE + 1, F64_2_M53 },                    F64_ONE + 2,          NX },
  { "f64_add",    RMM, { F64_ONE + 1, F64_2_M53 },                    F64_ONE + 2,          NX },
  { "f64_sub",    RMM, { F64_SIGN | F64_ONE, F64_2_M53 },             F64_SIGN | (F64_ONE + 1), NX },
  { "f64_add",    RMM, { F64_ONE, F64_2_M53 - 1 },                    F64_ONE,              NX },
  { "f64_add",    RUP, { F64_ONE, 1 },                                F64_ONE + 1,          NX },
  { "f64_sub",    RDN, { F64_ONE, 1 },                                F64_ONE - 1,          NX },
  { "f64_sub",    RTZ, { F64_ONE, 1 },                                F64_ONE - 1,          NX },
  { "f64_sub",    RUP, { F64_ONE, 1 },                                F64_ONE,              NX },
  { "i32_to_f32", RNE, { 0x01000001 },                                0x4b800000,           NX },
  { "i32_to_f32", RMM, { 0x01000001 },                                0x4b800001,           NX },
  { "i32_to_f32", RMM, { -UINT64_C (0x01000001) },                    0xcb800001,           NX },
  { "i64_to_f64", RTZ, { INT64_MAX },                                 0x43dfffffffffffff,   NX },
  { "i64_to_f64", RNE, { (uint64_t) INT64_MIN },                      0xc3e0000000000000,   0 },
  { "u64_to_f64", RUP, { UINT64_MAX },                                0x43f0000000000000,   NX },
  { "u64_to_f32", RDN, { UINT64_MAX },                                0x5f7fffff,           NX },

  /* Zeros: the sign of an exact one, and of operands. */
  { "f64_sub",    RNE, { F64_ONE, F64_ONE },                          0,                    0 },
  { "f64_sub",    RDN, { F64_ONE, F64_ONE },                          F64_SIGN,             0 },
  { "f64_add",    RMM, { F64_SIGN, 0 },                               0,                    0 },
  { "f64_add",    RDN, { F64_SIGN, 0 },                               F64_SIGN,             0 },
  { "f64_add",    RUP, { F64_SIGN, F64_SIGN },                        F64_SIGN,             0 },
  { "f64_mul",    RNE, { F64_SIGN, F64_ONE },                         F64_SIGN,             0 },
  { "f64_sqrt",   RNE, { F64_SIGN },                                  F64_SIGN,             0 },
  { "f64_to_f32", RDN, { F64_SIGN },                                  F32_SIGN,             0 },
  { "i32_to_f64", RDN, { 0 },                                         0,                    0 },
  { "f64_fma",    RNE, { F64_ONE, F64_ONE, F64_SIGN | F64_ONE },      0,                    0 },
  { "f64_fma",    RDN, { F64_ONE, F64_ONE, F64_SIGN | F64_ONE },      F64_SIGN,             0 },
  { "f64_fma",    RUP, { F64_SIGN, F64_ONE, F64_SIGN },               F64_SIGN,             0 },
  { "f64_fma",    RDN, { F64_SIGN, F64_ONE, 0 },                      F64_SIGN,             0 },

  /* Overflow: infinity, or the largest finite number. */
  { "f32_mul",    RNE, { F32_MAX, 0x40000000 },                       F32_INF,              OF | NX },
  { "f32_mul",    RTZ, { F32_MAX, 0x40000000 },                       F32_MAX,              OF | NX },
  { "f32_mul",    RDN, { F32_MAX, 0x40000000 },                       F32_MAX,              OF | NX },
  { "f32_mul",    RUP, { F32_MAX, 0x40000000 },                       F32_INF,              OF | NX },
  { "f32_mul",    RMM, { F32_MAX, 0x40000000 },                       F32_INF,              OF | NX },
  { "f32_mul",    RDN, { F32_MAX, 0xc0000000 },                       F32_SIGN | F32_INF,   OF | NX },
  { "f32_mul",    RUP, { F32_MAX, 0xc0000000 },                       F32_SIGN | F32_MAX,   OF | NX },
  { "f64_add",    RNE, { F64_MAX, 0x7c90000000000000 },               F64_INF,              OF | NX },
  { "f64_add",    RNE, { F64_MAX, 0x7c8fffffffffffff },               F64_MAX,              NX },
  { "f64_add",    RUP, { F64_MAX, 1 },                                F64_INF,              OF | NX },
  { "f64_to_f32", RNE, { 0x47efffffefffffff },                        F32_MAX,              NX },
  { "f64_to_f32", RNE, { 0x47effffff0000000 },                        F32_INF,              OF | NX },
  { "f64_to_f32", RTZ, { F64_MAX },                                   F32_MAX,              OF | NX },
  { "f32_to_f16", RNE, { 0x477fefff },                                0x7bff,               NX },
  { "f32_to_f16", RNE, { 0x477ff000 },                                0x7c00,               OF | NX },
  { "f32_to_f16", RTZ, { 0x477ff000 },                                0x7bff,               NX },
  { "f32_to_f16", RTZ, { 0x47800000 },                                0x7bff,               OF | NX },

  /* Underflow: to zero or to the smallest subnormal number; exact results raise nothing. */
  { "f64_mul",    RNE, { 1, F64_HALF },                               0,                    UF | NX },
  { "f64_mul",    RMM, { 1, F64_HALF },                               1,                    UF | NX },
  { "f64_mul",    RUP, { 1, F64_HALF },                               1,                    UF | NX },
  { "f64_mul",    RDN, { 1, F64_SIGN | F64_HALF },                    F64_SIGN | 1,         UF | NX },
  { "f64_mul",    RTZ, { 1, F64_SIGN | F64_HALF },                    F64_SIGN,             UF | NX },
  { "f64_mul",    RUP, { 1, 1 },                                      1,                    UF | NX },
  { "f64_mul",    RNE, { 2, F64_HALF },                               1,                    0 },
  { "f64_add",    RNE, { 0x000fffffffffffff, 1 },                     0x0010000000000000,   0 },
  { "f64_sub",    RNE, { 0x0010000000000000, 1 },                     0x000fffffffffffff,   0 },
  { "f64_div",    RNE, { 0x0010000000000000, F64_TWO },               0x0008000000000000,   0 },
  { "f64_to_f32", RNE, { 0x3690000000000000 },                        0,                    UF | NX },
  { "f64_to_f32", RMM, { 0x3690000000000000 },                        1,                    UF | NX },
  { "f64_to_f32", RNE, { 0x3690000000000001 },                        1,                    UF | NX },
  { "f64_to_f32", RNE, { 0x36a0000000000000 },                        1,                    0 },

  /* Tininess after rounding. Just below the smallest normal number 2^-126, as 2^-126 minus:
     2^-150, which 24 bits can hold; 2^-151, a tie at 24 bits; 2^-175. */
  { "f32_mul",    RNE, { F32_NORMAL, F32_ONE - 1 },                   F32_NORMAL,           UF | NX },
  { "f32_mul",    RUP, { F32_NORMAL, F32_ONE - 1 },                   F32_NORMAL,           UF | NX },
  { "f32_mul",    RTZ, { F32_NORMAL, F32_ONE - 1 },                   F32_NORMAL - 1,       UF | NX },
  { "f32_fma",    RNE, { 0x0d800000, 0xa6000000, F32_NORMAL },        F32_NORMAL,           NX },
  { "f32_fma",    RMM, { 0x0d800000, 0xa6000000, F32_NORMAL },        F32_NORMAL,           NX },
  { "f32_fma",    RTZ, { 0x0d800000, 0xa6000000, F32_NORMAL },        F32_NORMAL - 1,       UF | NX },
  { "f32_fma",    RNE, { 0x0d800000, 0x9a000000, F32_NORMAL },        F32_NORMAL,           NX },
  { "f32_fma",    RUP, { 0x0d800000, 0x9a000000, F32_NORMAL },        F32_NORMAL,           NX },
  { "f32_fma",    RDN, { 0x0d800000, 0x9a000000, F32_NORMAL },        F32_NORMAL - 1,       UF | NX },
  { "f64_to_f16", RNE, { 0x3f0ffdffffffffff },                        0x0400,               UF | NX },
  { "f64_to_f16", RNE, { 0x3f0ffe0000000000 },                        0x0400,               NX },

  /* Operations that have no result, and NaNs. */
  { "f64_sub",    RNE, { F64_INF, F64_INF },                          COP_F64_NAN,          NV },
  { "f64_sub",    RNE, { F64_INF, F64_SIGN | F64_INF },               F64_INF,              0 },
  { "f64_mul",    RNE, { F64_INF, F64_SIGN },                         COP_F64_NAN,          NV },
  { "f64_div",    RNE, { 0, F64_SIGN },                               COP_F64_NAN,          NV },
  { "f64_div",    RNE, { F64_INF, F64_INF },                          COP_F64_NAN,          NV },
  { "f64_div",    RNE, { F64_ONE, F64_SIGN },                         F64_SIGN | F64_INF,   DZ },
  { "f64_div",    RNE, { F64_INF, 0 },                                F64_INF,              0 },
  { "f64_div",    RNE, { F64_ONE, F64_SIGN | F64_INF },               F64_SIGN,             0 },
  { "f64_sqrt",   RNE, { F64_SIGN | 1 },                              COP_F64_NAN,          NV },
  { "f64_sqrt",   RNE, { F64_SIGN | F64_INF },                        COP_F64_NAN,          NV },
  { "f64_sqrt",   RNE, { F64_INF },                                   F64_INF,              0 },
  { "f64_sqrt",   RNE, { F64_QNAN },                                  COP_F64_NAN,          0 },
  { "f64_add",    RNE, { F64_QNAN, F64_INF },                         COP_F64_NAN,          0 },
  { "f64_add",    RNE, { F64_QNAN, F64_SNAN },                        COP_F64_NAN,          NV },
  { "f64_sub",    RNE, { F64_ONE, F64_QNAN },                         COP_F64_NAN,          0 },
  { "f64_div",    RNE, { F64_QNAN, 0 },                               COP_F64_NAN,          0 },
  { "f64_to_f32", RNE, { F64_QNAN },                                  COP_F32_NAN,          0 },
  { "f64_to_f32", RNE, { F64_SNAN },                                  COP_F32_NAN,          NV },
  { "f64_to_f16", RNE, { F64_SIGN | F64_INF },                        0xfc00,               0 },
  { "f32_to_f64", RNE, { 0xff800001 },                                COP_F64_NAN,          NV },
  { "f16_to_f32", RNE, { 0x7d00 },                                    COP_F32_NAN,          NV },
  { "f16_to_f64", RNE, { 0xfe00 },                                    COP_F64_NAN,          0 },

  /* One rounding, where two would give another result. */
  { "f64_to_f16", RNE, { 0x3ff0020000001000 },                        0x3c01,               NX },
  { "f64_fma",    RNE, { F64_ONE + 1, F64_ONE + 1, F64_SIGN | (F64_ONE + 2) }, 0x3970000000000000, 0 },
  { "f64_fma",    RNE, { F64_MAX, F64_TWO, F64_SIGN | F64_MAX },      F64_MAX,              0 },
  { "f64_fma",    RNE, { F64_ONE, F64_ONE, F64_2_M200 },              F64_ONE,              NX },
  { "f64_fma",    RUP, { F64_ONE, F64_ONE, F64_2_M200 },              F64_ONE + 1,          NX },
  { "f64_fma",    RDN, { F64_ONE, F64_ONE, F64_SIGN | F64_2_M200 },   F64_ONE - 1,          NX },
  { "f64_fma",    RNE, { 1, 1, F64_SIGN | F64_ONE },                  F64_SIGN | F64_ONE,   NX },
  { "f64_fma",    RTZ, { 1, 1, F64_SIGN | F64_ONE },                  F64_SIGN | (F64_ONE - 1), NX },
  { "f64_fma",    RNE, { 1, F64_HALF, 1 },                            2,                    UF | NX },
  { "f64_fma",    RNE, { F64_INF, 0, F64_QNAN },                      COP_F64_NAN,          NV },
  { "f64_fma",    RNE, { F64_INF, F64_ONE, F64_QNAN },                COP_F64_NAN,          0 },
  { "f64_fma",    RNE, { F64_ONE, F64_ONE, F64_SNAN },                COP_F64_NAN,          NV },
  { "f64_fma",    RNE, { F64_INF, F64_ONE, F64_SIGN | F64_INF },      COP_F64_NAN,          NV },
  { "f64_fma",    RNE, { F64_MAX, F64_MAX, F64_SIGN | F64_INF },      F64_SIGN | F64_INF,   0 },

  /* Roots and quotients. */
  { "f64_sqrt",   RNE, { F64_TWO },                                   0x3ff6a09e667f3bcd,   NX },
  { "f64_sqrt",   RDN, { F64_TWO },                                   0x3ff6a09e667f3bcc,   NX },
  { "f64_sqrt",   RUP, { F64_ONE - 1 },                               F64_ONE,              NX },
  { "f64_sqrt",   RNE, { F64_ONE - 1 },                               F64_ONE - 1,          NX },
  { "f64_sqrt",   RNE, { 1 },                                         0x1e60000000000000,   0 },
  { "f32_sqrt",   RNE, { 0x41100000 },                                0x40400000,           0 },
  { "f64_div",    RNE, { F64_ONE, 0x4008000000000000 },               0x3fd5555555555555,   NX },
  { "f64_div",    RUP, { F64_ONE, 0x4008000000000000 },               0x3fd5555555555556,   NX },
  { "f64_div",    RNE, { 1, 2 },                                      F64_HALF,             0 },
  /* 1 - 2^-52 + 2^-104 - ...: the remainder alone says that it is not exact. */
  { "f64_div",    RDN, { F64_ONE, F64_ONE + 1 },                      F64_ONE - 2,          NX },
  { "f64_div",    RUP, { F64_ONE, F64_ONE + 1 },                      F64_ONE - 1,          NX },

  /* To integers: rounding, then saturation with NV alone. */
  { "f64_to_i32", RNE, { 0x4004000000000000 },                        2,                    NX },
  { "f64_to_i32", RMM, { 0x4004000000000000 },                        3,                    NX },
  { "f64_to_i32", RMM, { 0xc004000000000000 },                        (uint64_t) -3,        NX },
  { "f64_to_i32", RUP, { 1 },                                         1,                    NX },
  { "f64_to_i32", RDN, { F64_SIGN | 1 },                              (uint64_t) -1,        NX },
  { "f64_to_i32", RNE, { F64_SIGN },                                  0,                    0 },
  { "f64_to_i32", RTZ, { 0x41dfffffffe00000 },                        INT32_MAX,            NX },
  { "f64_to_i32", RNE, { 0x41dfffffffe00000 },                        INT32_MAX,            NV },
  { "f64_to_i32", RTZ, { 0xc1e00000001fffff },                        (uint64_t) INT32_MIN, NX },
  { "f64_to_i32", RDN, { 0xc1e0000000000001 },                        (uint64_t) INT32_MIN, NV },
  { "f64_to_i32", RNE, { F64_SNAN },                                  INT32_MAX,            NV },
  { "f64_to_i32", RNE, { F64_QNAN },                                  INT32_MAX,            NV },
  { "f64_to_i32", RNE, { F64_SIGN | F64_INF },                        (uint64_t) INT32_MIN, NV },
  { "f64_to_u32", RNE, { 0x41efffffffe00000 },                        UINT32_MAX,           0 },
  { "f64_to_u32", RUP, { 0x41efffffffe00001 },                        UINT32_MAX,           NV },
  { "f64_to_u32", RTZ, { 0xbfefffffffffffff },                        0,                    NX },
  { "f64_to_u32", RNE, { F64_SIGN | F64_HALF },                       0,                    NX },
  { "f64_to_u32", RMM, { F64_SIGN | F64_HALF },                       0,                    NV },
  { "f64_to_u32", RDN, { F64_SIGN | 1 },                              0,                    NV },
  { "f64_to_u32", RNE, { F64_QNAN },                                  UINT32_MAX,           NV },
  { "f64_to_i64", RNE, { 0xc3e0000000000000 },                        (uint64_t) INT64_MIN, 0 },
  { "f64_to_i64", RNE, { 0xc3e0000000000001 },                        (uint64_t) INT64_MIN, NV },
  { "f64_to_i64", RNE, { 0x43dfffffffffffff },                        0x7ffffffffffffc00,   0 },
  { "f64_to_i64", RNE, { 0x43e0000000000000 },                        INT64_MAX,            NV },
  { "f64_to_u64", RNE, { 0x43efffffffffffff },                        0xfffffffffffff800,   0 },
  { "f64_to_u64", RNE, { 0x43f0000000000000 },                        UINT64_MAX,           NV },
  { "f64_to_u64", RNE, { F64_SIGN | F64_INF },                        0,                    NV },
  { "f64_to_i64", RNE, { F64_MAX },                                   INT64_MAX,            NV },
  { "f32_to_i64", RNE, { F32_SIGN | F32_INF },                        (uint64_t) INT64_MIN, NV },

  /* f16 has subnormal numbers too. */
  { "f16_to_f32", RNE, { 0x0001 },                                    0x33800000,           0 },
  { "f16_to_f64", RNE, { 0x83ff },                                    0xbf0ff80000000000,   0 },
  { "f32_to_f16", RNE, { 0x33000000 },                                0,                    UF | NX },
  { "f32_to_f16", RNE, { 0x33000001 },                                1,                    UF | NX },
  /* clang-format on */
};

static void
test_answers (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      uint8_t flags = 0;

      g_test_message ("%s, row %" G_GSIZE_FORMAT, answers[i].name, i);
      g_assert_cmphex (fpu_operation (answers[i].name)->soft (answers[i].in, answers[i].rm, &flags),
                       ==, answers[i].result);
      g_assert_cmphex (flags, ==, answers[i].flags);
    }
}

static void
test_flags_accumulate (void)
{
  uint8_t flags = DZ;

  g_test_summary ("what was raised before stays raised");
  cop_soft_f64_add (F64_ONE, F64_ONE, RNE, &flags);
  g_assert_cmphex (flags, ==, DZ);
  cop_soft_f64_add (F64_ONE, F64_2_M53, RNE, &flags);
  g_assert_cmphex (flags, ==, DZ | NX);
}

static void
test_f16_round_trip (void)
{
  g_test_summary ("every f16 survives f32 and f64, NaNs as the canonical one");
  for (uint32_t a = 0; a <= UINT16_MAX; a++)
    {
      uint8_t flags = 0;
      bool nan = (a & 0x7fff) > 0x7c00;
      uint32_t single = cop_soft_f16_to_f32 ((uint16_t) a, &flags);
      uint64_t wide = cop_soft_f16_to_f64 ((uint16_t) a, &flags);

      g_assert_cmphex (cop_soft_f32_to_f64 (single, &flags), ==, wide);
      g_assert_cmphex (cop_soft_f32_to_f16 (single, RTZ, &flags), ==, nan ? COP_F16_NAN : a);
      g_assert_cmphex (cop_soft_f64_to_f16 (wide, RTZ, &flags), ==, nan ? COP_F16_NAN : a);
      g_assert_cmphex (flags, ==, nan && (a & 0x200) == 0 ? NV : 0);
    }
}

/* The five results of one operation hold each other: RTZ, RDN and RUP are neighbours of the exact
   value, RNE is one of them, and RMM differs from RNE in ties alone, where RNE is even and lies
   below. Inexact is what modes disagree about. */
static void
test_modes (gconstpointer data)
{
  const FpuOperation *operation = data;
  const unsigned rounds = g_test_slow () ? 2000000 : 20000;

  for (unsigned i = 0; i < rounds; i++)
    {
      uint64_t in[3], results[5];
      uint8_t flags[5] = { 0 };
      bool differ;

      fpu_random_operands (operation, in);
      for (CopRoundingMode rm = RNE; rm <= RMM; rm++)
        results[rm] = operation->soft (in, rm, &flags[rm]);

      /* A zero's sign depends on the mode when operands cancel; out of range, on saturation. */
      if ((flags[RNE] | flags[RDN] | flags[RUP] | flags[RMM]) & NV ||
          (results[RNE] == 0 && flags[RNE] == 0))
        continue;
      differ = results[RDN] != results[RUP];
      for (CopRoundingMode rm = RNE; rm <= RMM; rm++)
        {
          g_assert_true (results[rm] == results[RDN] || results[rm] == results[RUP]);
          g_assert_true (((flags[rm] & NX) != 0) == differ);
        }
      g_assert_true (results[RTZ] != results[RMM] || results[RTZ] == results[RNE]);
      if (results[RNE] != results[RMM])
        {
          g_assert_cmphex (results[RNE], ==, results[RTZ]);
          g_assert_cmphex (results[RNE] & 1, ==, 0);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/riscv/fpu-soft/answers", test_answers);
  g_test_add_func ("/engine/riscv/fpu-soft/flags-accumulate", test_flags_accumulate);
  g_test_add_func ("/engine/riscv/fpu-soft/f16-round-trip", test_f16_round_trip);
  for (size_t i = 0; i < G_N_ELEMENTS (fpu_operations); i++)
    {
      g_autofree char *path =
        g_strdup_printf ("/engine/riscv/fpu-soft/modes/%s", fpu_operations[i].name);

      if (fpu_operations[i].rounds)
        g_test_add_data_func (path, &fpu_operations[i], test_modes);
    }
  return g_test_run ();
}
