/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counters: what they count, when they stand still, and overflow interrupts.
 */
#include "engine/riscv/csr.h"
#include "engine/riscv/mmu.h"
#include "hart-fixture.h"

#define MCYCLE 0xb00
#define MINSTRET 0xb02
#define MHPMCOUNTER3 0xb03
#define MCOUNTINHIBIT 0x320
#define MHPMEVENT3 0x323
#define SCOUNTOVF 0xda0

#define OF (UINT64_C (1) << 63)
#define MINH (UINT64_C (1) << 62)
#define SINH (UINT64_C (1) << 61)
#define UINH (UINT64_C (1) << 60)

/* As the csrr and csrw instructions: each retires after its access. */
static uint64_t
csrr (CopHart *hart, unsigned number)
{
  uint64_t value = 0;

  g_assert_true (cop_csr_read (hart, number, &value));
  hart->s.instret++;
  return value;
}

static void
csrw (CopHart *hart, unsigned number, uint64_t value)
{
  g_assert_true (cop_csr_write (hart, number, value));
  hart->s.instret++;
}

/* As an engine that runs @n instructions and polls where it must. */
static void
retire (CopHart *hart, uint64_t n)
{
  while (n > 0)
    {
      uint64_t step = MIN (n, hart->instret_event - hart->s.instret);

      hart->s.instret += step;
      n -= step;
      if (hart->s.instret >= hart->instret_event)
        g_assert_true (cop_hart_poll (hart));
    }
}

static void
test_instructions (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  g_test_summary ("what is written is read by the next instruction, and counts up from there");
  retire (hart, 1000);
  g_assert_cmpuint (csrr (hart, MINSTRET), ==, 1000);
  csrw (hart, MINSTRET, 5);
  g_assert_cmpuint (csrr (hart, MINSTRET), ==, 5);
  g_assert_cmpuint (csrr (hart, MINSTRET), ==, 6);
  g_assert_cmpuint (csrr (hart, MCYCLE), ==, 1004);
  csrw (hart, MCYCLE, UINT64_MAX);
  g_assert_cmphex (csrr (hart, MCYCLE), ==, UINT64_MAX);
  g_assert_cmphex (csrr (hart, MCYCLE), ==, 0);
  g_assert_cmpuint (csrr (hart, 0xc00), ==, 1);
  test_hart_free (&test);
}

static void
test_inhibit (void)
{
  static const unsigned counters[] = { 0, 2, 3, 17, 31 };
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  for (unsigned i = 0; i < G_N_ELEMENTS (counters); i++)
    {
      unsigned number = MCYCLE + counters[i];

      if (counters[i] >= 3)
        csrw (hart, 0x320 + counters[i], cop_hpm_selectors[COP_HPM_EVENT_INSTRUCTIONS]);
      csrw (hart, MCOUNTINHIBIT, UINT64_C (1) << counters[i]);
      csrw (hart, number, 100);
      retire (hart, 50);
      g_assert_cmpuint (csrr (hart, number), ==, 100);
      csrw (hart, MCOUNTINHIBIT, 0);
      g_assert_cmpuint (csrr (hart, number), ==, 100);
      retire (hart, 50);
      g_assert_cmpuint (csrr (hart, number), ==, 151);
      csrw (hart, MCOUNTINHIBIT, UINT64_C (1) << counters[i]);
      g_assert_cmpuint (csrr (hart, number), ==, 153);
      csrw (hart, MCOUNTINHIBIT, 0);
    }
  test_hart_free (&test);
}

static void
test_modes (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  g_test_summary ("mode filters stop a counter across traps and returns");
  hart->s.medeleg = UINT64_C (1) << COP_TRAP_ECALL_U;
  csrw (hart, MHPMEVENT3, MINH | SINH | cop_hpm_selectors[COP_HPM_EVENT_INSTRUCTIONS]);
  csrw (hart, MHPMEVENT3 + 1, MINH | UINH | cop_hpm_selectors[COP_HPM_EVENT_CYCLES]);
  csrw (hart, MHPMEVENT3 + 2, SINH | UINH | cop_hpm_selectors[COP_HPM_EVENT_CYCLES]);
  csrw (hart, MHPMCOUNTER3 + 2, 0);
  /* To U by mret, which retires in M mode. */
  g_assert_true (cop_csr_mret (hart));
  hart->s.instret++;
  g_assert_cmpuint (hart->s.priv, ==, COP_PRIV_U);
  retire (hart, 7);
  /* To S by a trap; the instruction does not retire. */
  cop_hart_raise (hart, COP_TRAP_ECALL_U, 0);
  cop_hart_take_trap (hart);
  g_assert_cmpuint (hart->s.priv, ==, COP_PRIV_S);
  retire (hart, 11);
  cop_hart_raise (hart, COP_TRAP_ECALL_S, 0);
  cop_hart_take_trap (hart);
  g_assert_cmpuint (hart->s.priv, ==, COP_PRIV_M);
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3), ==, 7);
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3 + 1), ==, 11);
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3 + 2), ==, 3);
  test_hart_free (&test);
}

static void
test_events (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  g_test_summary ("events are counted by the counters that select them, in the modes they select");
  csrw (hart, MHPMEVENT3, cop_hpm_selectors[COP_HPM_EVENT_DTLB_READ_MISS]);
  csrw (hart, MHPMEVENT3 + 28, MINH | cop_hpm_selectors[COP_HPM_EVENT_DTLB_READ_MISS]);
  csrw (hart, MHPMEVENT3 + 1, cop_hpm_selectors[COP_HPM_EVENT_ITLB_MISS]);
  cop_hpm_count (hart, COP_HPM_EVENT_DTLB_READ_MISS);
  hart->s.priv = COP_PRIV_S;
  cop_hpm_count (hart, COP_HPM_EVENT_DTLB_READ_MISS);
  cop_hpm_count (hart, COP_HPM_EVENT_DTLB_WRITE_MISS);
  hart->s.priv = COP_PRIV_M;
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3), ==, 2);
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3 + 28), ==, 1);
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3 + 1), ==, 0);
  /* An event that there is not is no event; the flags stay. */
  csrw (hart, MHPMEVENT3, SINH | 0x77);
  g_assert_cmphex (csrr (hart, MHPMEVENT3), ==, SINH);
  test_hart_free (&test);
}

static void
test_tlb_misses (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;
  uint64_t value = 0, gpa = 0;

  g_test_summary ("the MMU counts its misses, one for each page that is touched first");
  for (unsigned i = 0; i < 3; i++)
    csrw (hart, MHPMEVENT3 + i, cop_hpm_selectors[COP_HPM_EVENT_DTLB_READ_MISS + i]);
  cop_hart_unpark (hart);
  for (unsigned page = 0; page < 8; page++)
    {
      uint64_t gva = TEST_RAM_GPA + page * COP_PAGE_SIZE;

      g_assert_true (cop_mmu_load_slow (hart, gva, 8, &value));
      g_assert_true (cop_mmu_load_slow (hart, gva + 8, 8, &value));
    }
  for (unsigned page = 8; page < 13; page++)
    g_assert_true (cop_mmu_store_slow (hart, TEST_RAM_GPA + page * COP_PAGE_SIZE, 8, 1));
  g_assert_nonnull (cop_mmu_fetch (hart, TEST_RAM_GPA + 15 * COP_PAGE_SIZE, &gpa));
  g_assert_nonnull (cop_mmu_fetch (hart, TEST_RAM_GPA + 15 * COP_PAGE_SIZE + 4, &gpa));
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3), ==, 8);
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3 + 1), ==, 5);
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3 + 2), ==, 1);
  cop_hart_park (hart);
  test_hart_free (&test);
}

static void
test_overflow (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  g_test_summary ("LCOFI comes with the very instruction that wraps the counter, once");
  hart->s.mie = COP_IRQ_BIT (COP_IRQ_LCOFI);
  csrw (hart, MHPMEVENT3 + 5, cop_hpm_selectors[COP_HPM_EVENT_CYCLES]);
  csrw (hart, MHPMCOUNTER3 + 5, -UINT64_C (100));
  g_assert_cmpuint (hart->instret_event, ==, hart->s.instret + 100);
  retire (hart, 99);
  g_assert_cmphex (hart->s.mip, ==, 0);
  retire (hart, 1);
  g_assert_cmphex (hart->s.mip, ==, COP_IRQ_BIT (COP_IRQ_LCOFI));
  g_assert_cmphex (csrr (hart, SCOUNTOVF), ==, 1u << 8);
  g_assert_cmphex (csrr (hart, MHPMEVENT3 + 5), ==,
                   OF | cop_hpm_selectors[COP_HPM_EVENT_CYCLES]);
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3 + 5), ==, 2);

  /* While OF is set, wraps are silent. */
  g_assert_true (cop_csr_write (hart, 0x344, 0));
  csrw (hart, MHPMCOUNTER3 + 5, -UINT64_C (10));
  g_assert_cmpuint (hart->instret_event, ==, UINT64_MAX);
  retire (hart, 20);
  g_assert_cmphex (hart->s.mip, ==, 0);

  /* S mode sees the bits that mcounteren lets through. */
  hart->s.priv = COP_PRIV_S;
  g_assert_cmphex (csrr (hart, SCOUNTOVF), ==, 0);
  hart->s.mcounteren = 1u << 8;
  g_assert_cmphex (csrr (hart, SCOUNTOVF), ==, 1u << 8);
  test_hart_free (&test);
}

static void
test_overflow_by_event (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  csrw (hart, MHPMEVENT3, cop_hpm_selectors[COP_HPM_EVENT_ITLB_MISS]);
  csrw (hart, MHPMCOUNTER3, UINT64_MAX);
  cop_hpm_count (hart, COP_HPM_EVENT_ITLB_MISS);
  g_assert_cmphex (hart->s.mip, ==, COP_IRQ_BIT (COP_IRQ_LCOFI));
  g_assert_cmphex (csrr (hart, SCOUNTOVF), ==, 8);
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3), ==, 0);
  test_hart_free (&test);
}

static void
test_without_sscofpmf (void)
{
  TestHart test = test_hart_new (cop_isa_default () & ~COP_ISA (SSCOFPMF));
  CopHart *hart = test.hart;
  uint64_t value = 0;

  csrw (hart, MHPMEVENT3, UINT64_MAX << 60 | cop_hpm_selectors[COP_HPM_EVENT_CYCLES]);
  g_assert_cmphex (csrr (hart, MHPMEVENT3), ==, cop_hpm_selectors[COP_HPM_EVENT_CYCLES]);
  csrw (hart, MHPMCOUNTER3, UINT64_MAX);
  retire (hart, 5);
  g_assert_cmphex (hart->s.mip, ==, 0);
  g_assert_cmpuint (csrr (hart, MHPMCOUNTER3), ==, 4);
  g_assert_false (cop_csr_read (hart, SCOUNTOVF, &value));
  test_hart_free (&test);
}

static void
test_loaded_state (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  TestHart other = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  g_test_summary ("a hart that takes over another's state overflows at the same instruction");
  csrw (hart, MHPMEVENT3, MINH | cop_hpm_selectors[COP_HPM_EVENT_CYCLES]);
  csrw (hart, MHPMEVENT3 + 1, cop_hpm_selectors[COP_HPM_EVENT_CYCLES]);
  csrw (hart, MHPMCOUNTER3, -UINT64_C (9));
  csrw (hart, MHPMCOUNTER3 + 1, -UINT64_C (50));
  retire (hart, 20);
  other.hart->s = hart->s;
  cop_hart_state_changed (other.hart);
  g_assert_cmpuint (other.hart->instret_event, ==, hart->instret_event);
  g_assert_true (other.hart->hpm_by_mode);
  retire (other.hart, 30);
  g_assert_cmphex (other.hart->s.mip, ==, COP_IRQ_BIT (COP_IRQ_LCOFI));
  test_hart_free (&test);
  test_hart_free (&other);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/riscv/hpm/instructions", test_instructions);
  g_test_add_func ("/engine/riscv/hpm/inhibit", test_inhibit);
  g_test_add_func ("/engine/riscv/hpm/modes", test_modes);
  g_test_add_func ("/engine/riscv/hpm/events", test_events);
  g_test_add_func ("/engine/riscv/hpm/tlb-misses", test_tlb_misses);
  g_test_add_func ("/engine/riscv/hpm/overflow", test_overflow);
  g_test_add_func ("/engine/riscv/hpm/overflow-by-event", test_overflow_by_event);
  g_test_add_func ("/engine/riscv/hpm/without-sscofpmf", test_without_sscofpmf);
  g_test_add_func ("/engine/riscv/hpm/loaded-state", test_loaded_state);
  return g_test_run ();
}
