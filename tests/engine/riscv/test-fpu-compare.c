/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Comparisons, minimum, maximum and classes: every pair of a list of values in ascending order.
 */
#include "engine/riscv/fpu.h"

#include <glib.h>

/* In order; the two zeros are equal for comparisons, and ordered for minimum and maximum. */
static const struct
{
  uint64_t f64;
  uint32_t f32;
  unsigned class_bit;
} numbers[] = {
  /* clang-format off */
  { 0xfff0000000000000, 0xff800000, 0 },
  { 0xffefffffffffffff, 0xff7fffff, 1 },
  { 0xbff0000000000001, 0xbf800001, 1 },
  { 0xbff0000000000000, 0xbf800000, 1 },
  { 0x8010000000000000, 0x80800000, 1 },
  { 0x800fffffffffffff, 0x807fffff, 2 },
  { 0x8000000000000001, 0x80000001, 2 },
  { 0x8000000000000000, 0x80000000, 3 },
  { 0x0000000000000000, 0x00000000, 4 },
  { 0x0000000000000001, 0x00000001, 5 },
  { 0x000fffffffffffff, 0x007fffff, 5 },
  { 0x0010000000000000, 0x00800000, 6 },
  { 0x3ff0000000000000, 0x3f800000, 6 },
  { 0x7fefffffffffffff, 0x7f7fffff, 6 },
  { 0x7ff0000000000000, 0x7f800000, 7 },
  /* clang-format on */
};

static const struct
{
  uint64_t f64;
  uint32_t f32;
  bool     signaling;
} nans[] = {
  /* clang-format off */
  { 0x7ff0000000000001, 0x7f800001, true  },
  { 0xfff7ffffffffffff, 0xffbfffff, true  },
  { 0x7ff8000000000000, 0x7fc00000, false },
  { 0xffffffffffffffff, 0xffffffff, false },
  /* clang-format on */
};

/* All five operations of one format on one pair; NaN results must be canonical. */
#define CHECK(format, a, b, equal, less, minimum, maximum, quiet_nv, signaling_nv)                \
  G_STMT_START                                                                                    \
  {                                                                                               \
    uint8_t quiet = 0, loud = 0;                                                                  \
                                                                                                  \
    g_assert_true (cop_##format##_eq (a, b, &quiet) == (equal));                                  \
    g_assert_cmphex (cop_##format##_min (a, b, &quiet), ==, minimum);                             \
    g_assert_cmphex (cop_##format##_max (a, b, &quiet), ==, maximum);                             \
    g_assert_cmphex (quiet, ==, (quiet_nv) ? COP_FFLAG_NV : 0);                                   \
    g_assert_true (cop_##format##_lt (a, b, &loud) == (less));                                    \
    g_assert_cmphex (loud, ==, (signaling_nv) ? COP_FFLAG_NV : 0);                                \
    loud = 0;                                                                                     \
    g_assert_true (cop_##format##_le (a, b, &loud) == ((equal) || (less)));                       \
    g_assert_cmphex (loud, ==, (signaling_nv) ? COP_FFLAG_NV : 0);                                \
  }                                                                                               \
  G_STMT_END

static void
test_numbers (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (numbers); i++)
    for (size_t j = 0; j < G_N_ELEMENTS (numbers); j++)
      {
        bool zeros = (numbers[i].f32 | numbers[j].f32) << 1 == 0;
        bool equal = i == j || zeros;
        bool less = i < j && !zeros;
        size_t low = MIN (i, j), high = MAX (i, j);

        CHECK (f64, numbers[i].f64, numbers[j].f64, equal, less, numbers[low].f64,
               numbers[high].f64, false, false);
        CHECK (f32, numbers[i].f32, numbers[j].f32, equal, less, numbers[low].f32,
               numbers[high].f32, false, false);
      }
}

static void
test_nans (void)
{
  g_test_summary ("NaNs are unordered; minimum and maximum give the other operand");
  for (size_t i = 0; i < G_N_ELEMENTS (nans); i++)
    {
      for (size_t j = 0; j < G_N_ELEMENTS (numbers); j++)
        {
          uint64_t wide = numbers[j].f64;
          uint32_t single = numbers[j].f32;

          CHECK (f64, nans[i].f64, wide, false, false, wide, wide, nans[i].signaling, true);
          CHECK (f64, wide, nans[i].f64, false, false, wide, wide, nans[i].signaling, true);
          CHECK (f32, nans[i].f32, single, false, false, single, single, nans[i].signaling, true);
          CHECK (f32, single, nans[i].f32, false, false, single, single, nans[i].signaling, true);
        }
      for (size_t j = 0; j < G_N_ELEMENTS (nans); j++)
        {
          bool signaling = nans[i].signaling || nans[j].signaling;

          CHECK (f64, nans[i].f64, nans[j].f64, false, false, COP_F64_NAN, COP_F64_NAN, signaling,
                 true);
          CHECK (f32, nans[i].f32, nans[j].f32, false, false, COP_F32_NAN, COP_F32_NAN, signaling,
                 true);
        }
    }
}

static void
test_classes (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_assert_cmphex (cop_f64_class (numbers[i].f64), ==, 1u << numbers[i].class_bit);
      g_assert_cmphex (cop_f32_class (numbers[i].f32), ==, 1u << numbers[i].class_bit);
    }
  for (size_t i = 0; i < G_N_ELEMENTS (nans); i++)
    {
      g_assert_cmphex (cop_f64_class (nans[i].f64), ==, nans[i].signaling ? 1 << 8 : 1 << 9);
      g_assert_cmphex (cop_f32_class (nans[i].f32), ==, nans[i].signaling ? 1 << 8 : 1 << 9);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/riscv/fpu-compare/numbers", test_numbers);
  g_test_add_func ("/engine/riscv/fpu-compare/nans", test_nans);
  g_test_add_func ("/engine/riscv/fpu-compare/classes", test_classes);
  return g_test_run ();
}
