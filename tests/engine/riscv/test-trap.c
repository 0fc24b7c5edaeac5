/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Exceptions and interrupts: where they go, what they leave behind, and the way back.
 */
#include "engine/riscv/csr.h"
#include "hart-fixture.h"

#define PC UINT64_C (0x80000124)
#define STVEC UINT64_C (0x80001000)
#define MTVEC UINT64_C (0x80002000)

static TestHart
new_hart (CopPriv priv)
{
  TestHart test = test_hart_new (cop_isa_default ());

  test.hart->s.pc = PC;
  test.hart->s.priv = priv;
  test.hart->s.stvec = STVEC;
  test.hart->s.mtvec = MTVEC;
  cop_hart_state_changed (test.hart);
  return test;
}

static void
test_exceptions (void)
{
  static const CopPriv modes[] = { COP_PRIV_U, COP_PRIV_S, COP_PRIV_M };

  g_test_summary ("a delegated exception of S or U goes to S, every other one to M");
  for (unsigned i = 0; i < G_N_ELEMENTS (modes); i++)
    for (unsigned cause = 0; cause < 16; cause++)
      for (unsigned delegated = 0; delegated < 2; delegated++)
        for (unsigned enabled = 0; enabled < 2; enabled++)
          {
            TestHart test = new_hart (modes[i]);
            CopHartState *s = &test.hart->s;
            bool to_s = delegated && modes[i] != COP_PRIV_M;

            /* Vectored mode spreads interrupts only. */
            s->stvec |= 1;
            s->mtvec |= 1;
            s->medeleg = delegated ? UINT64_C (1) << cause : ~(UINT64_C (1) << cause);
            s->mstatus = enabled ? COP_MSTATUS_SIE | COP_MSTATUS_MIE : 0;
            cop_hart_raise (test.hart, (CopTrapCause) cause, 0x1234);
            cop_hart_take_trap (test.hart);

            g_assert_cmphex (s->pc, ==, to_s ? STVEC : MTVEC);
            g_assert_cmpuint (s->priv, ==, to_s ? COP_PRIV_S : COP_PRIV_M);
            g_assert_cmphex (to_s ? s->sepc : s->mepc, ==, PC);
            g_assert_cmphex (to_s ? s->scause : s->mcause, ==, cause);
            g_assert_cmphex (to_s ? s->stval : s->mtval, ==, 0x1234);
            g_assert_cmphex (to_s ? s->mepc : s->sepc, ==, 0);
            if (to_s)
              g_assert_cmphex (s->mstatus, ==,
                               (modes[i] == COP_PRIV_S ? COP_MSTATUS_SPP : 0) |
                               (enabled ? COP_MSTATUS_SPIE | COP_MSTATUS_MIE : 0));
            else
              g_assert_cmphex (s->mstatus, ==,
                               (uint64_t) modes[i] << 11 |
                               (enabled ? COP_MSTATUS_MPIE | COP_MSTATUS_SIE : 0));
            test_hart_free (&test);
          }
}

static const CopIrq irqs[] = {
  COP_IRQ_MEI, COP_IRQ_MSI, COP_IRQ_MTI, COP_IRQ_SEI, COP_IRQ_SSI, COP_IRQ_STI, COP_IRQ_LCOFI,
};

static void
test_priorities (void)
{
  g_test_summary ("of any set of pending interrupts, the first by the specification's order is taken");
  for (unsigned set = 0; set < 1u << G_N_ELEMENTS (irqs); set++)
    {
      TestHart test = new_hart (COP_PRIV_U);
      CopHartState *s = &test.hart->s;
      unsigned first = 0;

      s->mie = 0x2aaa;
      cop_hart_update_irq (test.hart);
      for (unsigned i = 0; i < G_N_ELEMENTS (irqs); i++)
        cop_hart_set_irq (test.hart, irqs[i], set >> i & 1);
      g_assert_true (cop_hart_poll (test.hart));
      if (set == 0)
        g_assert_cmphex (s->pc, ==, PC);
      else
        {
          while (!(set >> first & 1))
            first++;
          g_assert_cmphex (s->mcause, ==, COP_CAUSE_INTERRUPT | irqs[first]);
          g_assert_cmphex (s->mtval, ==, 0);
        }
      test_hart_free (&test);
    }
}

static void
test_delivery (void)
{
  static const CopPriv modes[] = { COP_PRIV_U, COP_PRIV_S, COP_PRIV_M };

  g_test_summary ("an interrupt is taken if enabled in mie, and by mode, xIE and delegation");
  for (unsigned i = 0; i < G_N_ELEMENTS (irqs); i++)
    for (unsigned m = 0; m < G_N_ELEMENTS (modes); m++)
      for (unsigned bits = 0; bits < 16; bits++)
        {
          TestHart test = new_hart (modes[m]);
          CopHartState *s = &test.hart->s;
          bool can_delegate = irqs[i] != COP_IRQ_MEI && irqs[i] != COP_IRQ_MSI &&
                              irqs[i] != COP_IRQ_MTI;
          bool delegated = (bits & 8) && can_delegate;
          bool taken;

          s->mie = bits & 1 ? COP_IRQ_BIT (irqs[i]) : ~COP_IRQ_BIT (irqs[i]) & 0x2aaa;
          s->mstatus = (bits & 2 ? COP_MSTATUS_SIE : 0) | (bits & 4 ? COP_MSTATUS_MIE : 0);
          s->mideleg = delegated ? COP_IRQ_BIT (irqs[i]) : 0;
          cop_hart_update_irq (test.hart);
          cop_hart_set_irq (test.hart, irqs[i], true);
          g_assert_true (cop_hart_irq_waiting (test.hart) == (bits & 1));

          if (delegated)
            taken = modes[m] == COP_PRIV_U || (modes[m] == COP_PRIV_S && (bits & 2));
          else
            taken = modes[m] != COP_PRIV_M || (bits & 4);
          taken &= bits & 1;

          g_assert_true (cop_hart_poll (test.hart));
          g_assert_cmphex (s->pc, ==, !taken ? PC : delegated ? STVEC : MTVEC);
          if (taken)
            g_assert_cmpuint (s->priv, ==, delegated ? COP_PRIV_S : COP_PRIV_M);
          test_hart_free (&test);
        }
}

static void
test_vectored (void)
{
  TestHart test = new_hart (COP_PRIV_S);
  CopHartState *s = &test.hart->s;

  s->stvec |= 1;
  s->mtvec |= 1;
  s->mie = 0x2aaa;
  s->mideleg = 0x2222;
  s->mstatus = COP_MSTATUS_SIE;
  cop_hart_set_irq (test.hart, COP_IRQ_SEI, true);
  g_assert_true (cop_hart_poll (test.hart));
  g_assert_cmphex (s->pc, ==, STVEC + 4 * COP_IRQ_SEI);
  cop_hart_set_irq (test.hart, COP_IRQ_MTI, true);
  g_assert_true (cop_hart_poll (test.hart));
  g_assert_cmphex (s->pc, ==, MTVEC + 4 * COP_IRQ_MTI);
  g_assert_cmphex (s->mepc, ==, STVEC + 4 * COP_IRQ_SEI);
  test_hart_free (&test);
}

static void
test_nothing_lost (void)
{
  TestHart test = new_hart (COP_PRIV_S);
  CopHart *hart = test.hart;

  g_test_summary ("an interrupt that waits is looked at again when a CSR write lets it through");
  hart->s.mideleg = 0x2222;
  hart->s.mie = COP_IRQ_BIT (COP_IRQ_SEI);
  cop_hart_set_irq (hart, COP_IRQ_SEI, true);
  g_assert_true (cop_hart_poll (hart));
  g_assert_cmphex (hart->s.pc, ==, PC);
  g_assert_cmphex (hart->pending, ==, 0);
  g_assert_true (cop_csr_write (hart, 0x100, COP_MSTATUS_SIE));
  g_assert_cmphex (hart->pending, ==, COP_PENDING_IRQ);

  /* A stop comes first and leaves the interrupt for later. */
  cop_hart_kick (hart, COP_PENDING_STOP);
  g_assert_false (cop_hart_poll (hart));
  g_assert_cmphex (hart->s.pc, ==, PC);
  cop_hart_clear_pending (hart, COP_PENDING_STOP);
  g_assert_true (cop_hart_poll (hart));
  g_assert_cmphex (hart->s.pc, ==, STVEC);
  test_hart_free (&test);
}

static void
test_sret (void)
{
  static const CopPriv modes[] = { COP_PRIV_S, COP_PRIV_M };

  for (unsigned i = 0; i < G_N_ELEMENTS (modes); i++)
    for (unsigned spp = 0; spp < 2; spp++)
      for (unsigned spie = 0; spie < 2; spie++)
        {
          TestHart test = new_hart (modes[i]);
          CopHartState *s = &test.hart->s;

          s->sepc = PC + 0x100;
          s->reservation_size = 8;
          s->mstatus = (spp ? COP_MSTATUS_SPP : 0) | (spie ? COP_MSTATUS_SPIE : COP_MSTATUS_SIE) |
                       COP_MSTATUS_MPRV | COP_MSTATUS_MIE;
          g_assert_true (cop_csr_sret (test.hart));
          g_assert_cmphex (s->pc, ==, PC + 0x100);
          g_assert_cmpuint (s->priv, ==, spp);
          g_assert_cmphex (s->mstatus, ==,
                           COP_MSTATUS_SPIE | COP_MSTATUS_MIE | (spie ? COP_MSTATUS_SIE : 0));
          g_assert_cmpuint (s->reservation_size, ==, 0);
          test_hart_free (&test);
        }
}

static void
test_mret (void)
{
  static const CopPriv modes[] = { COP_PRIV_U, COP_PRIV_S, COP_PRIV_M };

  for (unsigned i = 0; i < G_N_ELEMENTS (modes); i++)
    for (unsigned mpie = 0; mpie < 2; mpie++)
      {
        TestHart test = new_hart (COP_PRIV_M);
        CopHartState *s = &test.hart->s;

        s->mepc = PC + 0x100;
        s->mstatus = (uint64_t) modes[i] << 11 | (mpie ? COP_MSTATUS_MPIE : COP_MSTATUS_MIE) |
                     COP_MSTATUS_MPRV | COP_MSTATUS_SIE;
        g_assert_true (cop_csr_mret (test.hart));
        g_assert_cmphex (s->pc, ==, PC + 0x100);
        g_assert_cmpuint (s->priv, ==, modes[i]);
        g_assert_cmphex (s->mstatus, ==,
                         COP_MSTATUS_MPIE | COP_MSTATUS_SIE | (mpie ? COP_MSTATUS_MIE : 0) |
                         (modes[i] == COP_PRIV_M ? COP_MSTATUS_MPRV : 0));
        test_hart_free (&test);
      }
}

static void
test_illegal_returns (void)
{
  TestHart test = new_hart (COP_PRIV_U);

  g_test_summary ("no mode returns from a higher one's trap, and TSR keeps S mode out");
  g_assert_false (cop_csr_sret (test.hart));
  g_assert_cmpint (test.hart->trap_cause, ==, COP_TRAP_ILLEGAL_INSN);
  g_assert_false (cop_csr_mret (test.hart));
  test.hart->s.priv = COP_PRIV_S;
  g_assert_false (cop_csr_mret (test.hart));
  test.hart->s.mstatus = COP_MSTATUS_TSR;
  g_assert_false (cop_csr_sret (test.hart));
  g_assert_cmphex (test.hart->s.pc, ==, PC);
  test.hart->s.priv = COP_PRIV_M;
  g_assert_true (cop_csr_sret (test.hart));
  test_hart_free (&test);
}

static void
test_reset_to_supervisor (void)
{
  TestHart test = new_hart (COP_PRIV_M);
  CopHart *hart = test.hart;
  uint64_t value = 0;

  g_test_summary ("a hart that is reset to S mode never needs M mode");
  cop_hart_reset (hart, PC, COP_PRIV_S, 0x87000000);
  g_assert_cmphex (hart->s.x[10], ==, hart->id);
  g_assert_cmphex (hart->s.x[11], ==, 0x87000000);
  g_assert_true (cop_csr_read (hart, 0xc01, &value));
  g_assert_true (cop_csr_write (hart, 0x14d, UINT64_MAX));
  g_assert_true (cop_csr_cbo_allowed (hart, COP_CBO_ZERO));
  for (unsigned cause = 0; cause < 16; cause++)
    if (cause != COP_TRAP_ECALL_M && cause != 10 && cause != 14)
      g_assert_true (hart->s.medeleg >> cause & 1);
  g_assert_cmphex (hart->s.mideleg, ==, 0x2222);
  test_hart_free (&test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/riscv/trap/exceptions", test_exceptions);
  g_test_add_func ("/engine/riscv/trap/priorities", test_priorities);
  g_test_add_func ("/engine/riscv/trap/delivery", test_delivery);
  g_test_add_func ("/engine/riscv/trap/vectored", test_vectored);
  g_test_add_func ("/engine/riscv/trap/nothing-lost", test_nothing_lost);
  g_test_add_func ("/engine/riscv/trap/sret", test_sret);
  g_test_add_func ("/engine/riscv/trap/mret", test_mret);
  g_test_add_func ("/engine/riscv/trap/illegal-returns", test_illegal_returns);
  g_test_add_func ("/engine/riscv/trap/reset-to-supervisor", test_reset_to_supervisor);
  return g_test_run ();
}
