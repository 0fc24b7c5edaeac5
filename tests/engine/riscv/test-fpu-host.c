/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Floating point on the host's FPU against the integer-only functions, and the environment between
 * s.fcsr and MXCSR. Built a second time over the portable functions (test-fpu-host-portable).
 */
#include "fpu-operations.h"

#define F32_ONE UINT64_C (0x3f800000)
#define F32_INFINITY UINT64_C (0x7f800000)
#define F64_ONE UINT64_C (0x3ff0000000000000)
#define F64_THREE UINT64_C (0x4008000000000000)
#define F64_INFINITY UINT64_C (0x7ff0000000000000)
#define F64_SIGNALING UINT64_C (0x7ff0000000000001)

static void
check (const char *form, const FpuOperation *operation, const uint64_t *in, CopRoundingMode rm,
       CopHart *hart, uint64_t result)
{
  uint8_t flags = 0;
  uint64_t expected = operation->soft (in, rm, &flags);
  uint8_t raised = cop_fpu_flags (hart);

  if (result != expected || raised != flags)
    g_error ("%s %s, mode %d, of 0x%" G_GINT64_MODIFIER "x 0x%" G_GINT64_MODIFIER
             "x 0x%" G_GINT64_MODIFIER "x: 0x%" G_GINT64_MODIFIER "x flags 0x%x, not 0x%"
             G_GINT64_MODIFIER "x flags 0x%x",
             form, operation->name, rm, in[0], in[1], in[2], result, raised, expected, flags);
  g_assert_cmpint (cop_host_rounding (), ==, cop_fpu_host_mode (hart->s.fcsr >> 5));
}

/* All forms of one operation, on random operands, with every frm and every rm. */
static void
test_operation (gconstpointer data)
{
  const FpuOperation *operation = data;
  const unsigned rounds = g_test_slow () ? 5000000 : 60000;
  g_autofree CopHart *hart = g_new0 (CopHart, 1);

  cop_fpu_enter (hart);
  for (unsigned i = 0; i < rounds; i++)
    {
      const uint8_t fcsr = (uint8_t) (i % 8 << 5);
      CopRoundingMode rm = (CopRoundingMode) (i / 8 % 6);
      CopRoundingMode in_force = cop_fpu_host_mode (i % 8);
      uint64_t in[3];

      fpu_random_operands (operation, in);
      cop_fpu_set_fcsr (hart, fcsr);
      check ("host", operation, in, in_force, hart, operation->host (in));
      if (operation->truncating != NULL)
        {
          cop_fpu_set_fcsr (hart, fcsr);
          check ("truncating", operation, in, COP_RM_RTZ, hart, operation->truncating (in));
        }
      if (operation->any_mode != NULL)
        {
          if (rm > COP_RM_RMM)
            rm = COP_RM_DYN;
          cop_fpu_set_fcsr (hart, fcsr);
          check ("any-mode", operation, in, cop_fpu_static_mode (hart, rm), hart,
                 operation->any_mode (hart, in, rm));
        }
    }
  cop_fpu_leave (hart);
}

/* Each row: where x86 differs from RISC-V, or could be thought to. */
static const struct
{
  const char *name;
  uint64_t    in[3];
  uint64_t    result;
  uint8_t     flags;
} answers[] = {
  /* clang-format off */
  /* A NaN's payload and sign are not handed on; quiet ones raise nothing. */
  { "f64_add",    { 0xfff8000000000123, F64_ONE },               COP_F64_NAN, 0 },
  { "f64_add",    { F64_SIGNALING, F64_ONE },                    COP_F64_NAN, COP_FFLAG_NV },
  { "f64_sqrt",   { 0xfff8000000000123 },                        COP_F64_NAN, 0 },
  { "f32_mul",    { 0xffc00001, F32_ONE },                       COP_F32_NAN, 0 },
  { "f32_to_f64", { 0xffc00001 },                                COP_F64_NAN, 0 },
  { "f64_to_f32", { 0xfff8000000000123 },                        COP_F32_NAN, 0 },
  { "f16_to_f32", { 0xfe01 },                                    COP_F32_NAN, 0 },
  { "f32_to_f16", { 0xffc00001 },                                COP_F16_NAN, 0 },
  /* The host's own invalid results have the sign set. */
  { "f64_sub",    { F64_INFINITY, F64_INFINITY },                COP_F64_NAN, COP_FFLAG_NV },
  { "f32_sqrt",   { 0xbf800000 },                                COP_F32_NAN, COP_FFLAG_NV },
  /* Infinity times zero raises NV also beside a quiet NaN. */
  { "f64_fma",    { F64_INFINITY, 0, COP_F64_NAN },              COP_F64_NAN, COP_FFLAG_NV },
  { "f64_fma",    { 1ull << 63, F64_INFINITY, COP_F64_NAN },     COP_F64_NAN, COP_FFLAG_NV },
  { "f32_fma",    { F32_INFINITY, 0x80000000, COP_F32_NAN },     COP_F32_NAN, COP_FFLAG_NV },
  { "f64_fma",    { F64_INFINITY, F64_ONE, COP_F64_NAN },        COP_F64_NAN, 0 },
  /* Conversions saturate, NaN to the largest, and raise NV alone. */
  { "f64_to_i32", { COP_F64_NAN },                               INT32_MAX, COP_FFLAG_NV },
  { "f64_to_i32", { 0xfff8000000000000 },                        INT32_MAX, COP_FFLAG_NV },
  { "f64_to_i32", { 0xc1e0000000000000 },                        (uint64_t) INT32_MIN, 0 },
  { "f64_to_i32", { 0xc1e0000000200000 },                        (uint64_t) INT32_MIN, COP_FFLAG_NV },
  { "f64_to_i32", { 0xc1e0000000080000 },                        (uint64_t) INT32_MIN, COP_FFLAG_NX },
  { "f64_to_i64", { 0xc3e0000000000000 },                        (uint64_t) INT64_MIN, 0 },
  { "f64_to_i64", { 0x43e0000000000000 },                        INT64_MAX, COP_FFLAG_NV },
  { "f64_to_u32", { 0xbff8000000000000 },                        0, COP_FFLAG_NV },
  { "f64_to_u32", { 0xbfd0000000000000 },                        0, COP_FFLAG_NX },
  { "f64_to_u64", { 0x43e0000000000000 },                        1ull << 63, 0 },
  { "f64_to_u64", { 0x43f0000000000000 },                        UINT64_MAX, COP_FFLAG_NV },
  { "f32_to_u64", { F32_INFINITY | 1ull << 31 },                 0, COP_FFLAG_NV },
  { "u64_to_f64", { UINT64_MAX },                                0x43f0000000000000, COP_FFLAG_NX },
  { "u64_to_f32", { 0x8000008000000001 },                        0x5f000001, COP_FFLAG_NX },
  /* -0 is below +0; one NaN gives the number. */
  { "f64_min",    { 0, 1ull << 63 },                             1ull << 63, 0 },
  { "f64_max",    { 1ull << 63, 0 },                             0, 0 },
  { "f64_min",    { COP_F64_NAN, F64_ONE },                      F64_ONE, 0 },
  { "f64_max",    { F64_ONE, F64_SIGNALING },                    F64_ONE, COP_FFLAG_NV },
  { "f64_max",    { 0xfff8000000000123, 0xfff8000000000123 },    COP_F64_NAN, 0 },
  /* feq is quiet, flt and fle are not. */
  { "f64_eq",     { COP_F64_NAN, COP_F64_NAN },                  0, 0 },
  { "f64_eq",     { F64_SIGNALING, F64_ONE },                    0, COP_FFLAG_NV },
  { "f64_lt",     { COP_F64_NAN, F64_ONE },                      0, COP_FFLAG_NV },
  { "f64_le",     { F64_ONE, COP_F64_NAN },                      0, COP_FFLAG_NV },
  { "f64_le",     { 0, 1ull << 63 },                             1, 0 },
  /* Subnormal operands raise nothing, and are not flushed. */
  { "f64_add",    { 1, 1 },                                      2, 0 },
  { "f32_add",    { 1, 0x80000001 },                             0, 0 },
  /* Tininess after rounding: just below the smallest normal number, rounded up to it. */
  { "f64_mul",    { 0x3fefffffffffffff, 0x0010000000000000 },    0x0010000000000000, COP_FFLAG_NX | COP_FFLAG_UF },
  { "f64_mul",    { 0x3fffffffffffffff, 0x0008000000000000 },    0x0010000000000000, COP_FFLAG_NX | COP_FFLAG_UF },
  { "f64_to_f32", { 0x380fffffe8000000 },                        0x00800000, COP_FFLAG_NX | COP_FFLAG_UF },
  { "f64_to_f32", { 0x380ffffff8000000 },                        0x00800000, COP_FFLAG_NX },
  { "f32_to_f16", { 0x387fe800 },                                0x0400, COP_FFLAG_NX | COP_FFLAG_UF },
  { "f32_to_f16", { 0x387ff800 },                                0x0400, COP_FFLAG_NX },
  /* clang-format on */
};

static void
test_answers (void)
{
  g_autofree CopHart *hart = g_new0 (CopHart, 1);

  g_test_summary ("the host's results and flags are RISC-V's where x86 has others");
  cop_fpu_enter (hart);
  for (size_t i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      const FpuOperation *operation = fpu_operation (answers[i].name);

      g_test_message ("%s, row %" G_GSIZE_FORMAT, answers[i].name, i);
      cop_fpu_set_fcsr (hart, 0);
      g_assert_cmphex (operation->host (answers[i].in), ==, answers[i].result);
      g_assert_cmphex (cop_fpu_flags (hart), ==, answers[i].flags);
    }
  cop_fpu_leave (hart);
}

static void
test_leave_merges (void)
{
  g_autofree CopHart *hart = g_new0 (CopHart, 1);

  g_test_summary ("flags gather on the host, and reach fcsr in the end");
  hart->s.fcsr = COP_RM_RUP << 5 | COP_FFLAG_DZ;
  cop_fpu_enter (hart);
  g_assert_cmphex (cop_host_f64_div (F64_ONE, F64_THREE), ==, 0x3fd5555555555556);
  g_assert_cmphex (hart->s.fcsr, ==, COP_RM_RUP << 5 | COP_FFLAG_DZ);
  g_assert_cmphex (cop_fpu_flags (hart), ==, COP_FFLAG_DZ | COP_FFLAG_NX);
  cop_fpu_leave (hart);
  g_assert_cmphex (hart->s.fcsr, ==, COP_RM_RUP << 5 | COP_FFLAG_DZ | COP_FFLAG_NX);
}

static void
test_leave_restores (void)
{
  g_autofree CopHart *hart = g_new0 (CopHart, 1);

  g_test_summary ("mode and flags of guest and program do not reach each other");
  hart->s.fcsr = COP_RM_RUP << 5;
  cop_fpu_enter (hart);
  cop_fpu_leave (hart);
  g_assert_cmpint (cop_host_rounding (), ==, COP_RM_RNE);
  g_assert_cmphex (cop_host_f64_div (F64_ONE, F64_THREE), ==, 0x3fd5555555555555);

  /* That division was the program's, whatever is asked of the hart now. */
  g_assert_cmphex (cop_fpu_flags (hart), ==, 0);
  cop_fpu_sync (hart);
  cop_fpu_leave (hart);
  g_assert_cmphex (hart->s.fcsr, ==, COP_RM_RUP << 5);
  cop_fpu_set_fcsr (hart, COP_RM_RDN << 5);
  g_assert_cmpint (cop_host_rounding (), ==, COP_RM_RNE);
  g_assert_cmphex (hart->s.fcsr, ==, COP_RM_RDN << 5);
  cop_fpu_enter (hart);
  g_assert_cmphex (cop_fpu_flags (hart), ==, 0);
  cop_fpu_leave (hart);
}

static void
test_sync (void)
{
  g_autofree CopHart *hart = g_new0 (CopHart, 1);

  g_test_summary ("fcsr can be made true without leaving, and nothing is counted twice");
  hart->s.fcsr = COP_RM_RUP << 5;
  cop_fpu_enter (hart);
  cop_host_f64_div (F64_ONE, F64_THREE);
  cop_fpu_sync (hart);
  g_assert_cmphex (hart->s.fcsr, ==, COP_RM_RUP << 5 | COP_FFLAG_NX);
  g_assert_cmpint (cop_host_rounding (), ==, COP_RM_RUP);
  hart->s.fcsr = COP_RM_RUP << 5;
  cop_fpu_leave (hart);
  g_assert_cmphex (hart->s.fcsr, ==, COP_RM_RUP << 5);
}

/* frm, rm, and whether cop_host_* may be used. */
static const struct
{
  unsigned frm, rm;
  bool     native;
} modes[] = {
  /* clang-format off */
  { COP_RM_RNE, COP_RM_DYN, true  },
  { COP_RM_RUP, COP_RM_DYN, true  },
  { COP_RM_RMM, COP_RM_DYN, false },
  { COP_RM_RMM, COP_RM_RMM, false },
  { COP_RM_RMM, COP_RM_RNE, true  },
  { COP_RM_RTZ, COP_RM_RTZ, true  },
  { COP_RM_RTZ, COP_RM_RNE, false },
  { COP_RM_RDN, COP_RM_RMM, false },
  /* clang-format on */
};

static void
test_native (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (modes); i++)
    g_assert_true (cop_fpu_is_native (modes[i].frm, modes[i].rm) == modes[i].native);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/riscv/fpu-host/answers", test_answers);
  g_test_add_func ("/engine/riscv/fpu-host/leave-merges", test_leave_merges);
  g_test_add_func ("/engine/riscv/fpu-host/leave-restores", test_leave_restores);
  g_test_add_func ("/engine/riscv/fpu-host/sync", test_sync);
  g_test_add_func ("/engine/riscv/fpu-host/native", test_native);
  for (size_t i = 0; i < G_N_ELEMENTS (fpu_operations); i++)
    {
      g_autofree char *path =
        g_strdup_printf ("/engine/riscv/fpu-host/against-soft/%s", fpu_operations[i].name);

      g_test_add_data_func (path, &fpu_operations[i], test_operation);
    }
  return g_test_run ();
}
