/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MXCSR, and hosts that have less than this one.
 */
#include "fpu-operations.h"

static void
test_without_extensions (void)
{
  static const char *const names[] = { "f32_fma", "f64_fma", "f32_to_f16", "f16_to_f32",
                                       "f16_to_f64" };
  const CopHostCpu cpu = cop_host_cpu;
  g_autofree CopHart *hart = g_new0 (CopHart, 1);

  g_test_summary ("hosts without FMA3 and F16C compute the same");
  cop_host_cpu = (CopHostCpu) { 0 };
  cop_fpu_enter (hart);
  for (unsigned i = 0; i < 100000; i++)
    {
      const FpuOperation *operation = fpu_operation (names[i % G_N_ELEMENTS (names)]);
      CopRoundingMode rm = (CopRoundingMode) (i / G_N_ELEMENTS (names) % COP_RM_RMM);
      uint64_t in[3], result;
      uint8_t flags = 0;

      fpu_random_operands (operation, in);
      cop_fpu_set_fcsr (hart, (uint8_t) (rm << 5));
      result = operation->host (in);
      g_assert_cmphex (result, ==, operation->soft (in, rm, &flags));
      g_assert_cmphex (cop_fpu_flags (hart), ==, flags);
    }
  cop_fpu_leave (hart);
  cop_host_cpu = cpu;
}

static void
test_mxcsr (void)
{
  /* Exceptions masked, FTZ and DAZ off. Source: Intel 64 and IA-32 SDM vol. 1 §10.2.3 */
  static const uint32_t entered[8] = { 0x1f80, 0x7f80, 0x3f80, 0x5f80,
                                       0x1f80, 0x1f80, 0x1f80, 0x1f80 };
  g_autofree CopHart *hart = g_new0 (CopHart, 1);

  g_test_summary ("each frm has its control word, and each flag its bit");
  for (unsigned frm = 0; frm < G_N_ELEMENTS (entered); frm++)
    {
      hart->s.fcsr = (uint8_t) (frm << 5);
      cop_host_set_mxcsr (0xffc0);
      cop_fpu_enter (hart);
      g_assert_cmphex (cop_host_mxcsr (), ==, entered[frm]);
      cop_fpu_leave (hart);
      g_assert_cmphex (cop_host_mxcsr (), ==, COP_MXCSR_DEFAULT);
    }

  for (uint8_t flag = COP_FFLAG_NX; flag <= COP_FFLAG_NV; flag <<= 1)
    {
      static const uint32_t bits[] = { [COP_FFLAG_NX] = 0x20, [COP_FFLAG_UF] = 0x10,
                                       [COP_FFLAG_OF] = 0x08, [COP_FFLAG_DZ] = 0x04,
                                       [COP_FFLAG_NV] = 0x01 };

      cop_host_set_mxcsr (COP_MXCSR_DEFAULT);
      cop_host_raise (flag);
      g_assert_cmphex (cop_host_mxcsr (), ==, COP_MXCSR_DEFAULT | bits[flag]);
      g_assert_cmphex (cop_host_flags (), ==, flag);
    }
  cop_host_set_mxcsr (COP_MXCSR_DEFAULT | 0x02);
  g_assert_cmphex (cop_host_flags (), ==, 0);
  cop_host_set_mxcsr (COP_MXCSR_DEFAULT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/riscv/fpu-host-x86/without-extensions", test_without_extensions);
  g_test_add_func ("/engine/riscv/fpu-host-x86/mxcsr", test_mxcsr);
  return g_test_run ();
}
