/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Delegation to S, sret, the vectored mode, and the traps that keep S and U out: TVM, TW, TSR, CSR
 * privilege.
 *
 * Source: RISC-V Privileged Spec 20240411 §3.1.6, §3.1.8, §10.1
 */
#include "guest.h"

/* An S handler that hands what it saw to machine mode by registers; 64 bytes a vector. */
__asm__ (".text\n"
         ".balign 256\n"
         "s_vector:\n"
         "  csrr a0, scause\n"
         "  csrr a1, sepc\n"
         "  csrr a2, stval\n"
         "  csrr a3, sstatus\n"
         "  li a4, 0\n"
         "  ecall\n"
         "  ecall\n"
         ".balign 256\n"
         "s_vectors:\n"
         ".rept 16\n"
         "  j s_vectored\n"
         "  .balign 4\n"
         ".endr\n"
         "s_vectored: auipc a4, 0\n"
         "  csrr a0, scause\n"
         "  ecall\n"
         ".balign 4\n"
         "code_illegal: .word 0xffffffff\n"
         "code_ecall: ecall\n"
         "code_load: li t0, 0x50\n  ld t0, 0(t0)\n"
         "code_nops: nop\n  nop\n  nop\n  nop\n  ecall\n"
         "code_wfi: wfi\n  ecall\n"
         ".balign 4\n"
         "code_sret: sret\n  ecall\n"
         ".balign 4\n"
         "code_mret: mret\n"
         ".balign 4\n"
         "code_satp: csrr a0, satp\n  ecall\n"
         ".balign 4\n"
         "code_sfence: sfence.vma\n  ecall\n"
         ".balign 4\n"
         "code_mscratch: csrr a0, mscratch\n  ecall\n"
         ".balign 4\n"
         "code_sscratch: csrr a0, sscratch\n  ecall\n");
extern const uint32_t s_vector[], s_vectors[], code_illegal[], code_ecall[], code_load[], code_nops[],
  code_wfi[], code_sret[], code_mret[], code_satp[], code_sfence[], code_mscratch[], code_sscratch[];

#define PC(code) ((uintptr_t) (code))

static void
test_exceptions (void)
{
  csr_write (stvec, PC (s_vector));
  csr_write (medeleg, 1 << ILLEGAL | 1 << ECALL_U | 1 << LOAD_ACCESS);
  CHECK_EQ (csr_read (medeleg), 1 << ILLEGAL | 1 << ECALL_U | 1 << LOAD_ACCESS);
  for (uint64_t priv = U; priv <= S; priv++)
    {
      csr_set (mstatus, MSTATUS_SIE);
      enter (priv, PC (code_illegal), 0, 0, 0);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->x[10], ILLEGAL);
      CHECK_EQ (this_hart->x[11], PC (code_illegal));
      CHECK_EQ (this_hart->x[12], 0xffffffff);
      CHECK_EQ (this_hart->x[13] & MSTATUS_SPP, priv == S ? MSTATUS_SPP : 0);
      CHECK_EQ (this_hart->x[13] & MSTATUS_SPIE, MSTATUS_SPIE);
      CHECK_EQ (this_hart->x[13] & MSTATUS_SIE, 0);
    }
  enter (U, PC (code_ecall), 0, 0, 0);
  CHECK_EQ (this_hart->x[10], ECALL_U);
  CHECK_EQ (this_hart->x[12], 0);
  enter (U, PC (code_load), 0, 0, 0);
  CHECK_EQ (this_hart->x[10], LOAD_ACCESS);
  CHECK_EQ (this_hart->x[12], 0x50);
  /* From machine mode nothing is delegated. */
  EXPECT_TRAP (ILLEGAL, 0xffffffff, ".word 0xffffffff", [a] "r"(0));
  /* The S mode's own ecall cannot be missed in M when not delegated. */
  enter (S, PC (code_ecall), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ECALL_S);
  CHECK_EQ (this_hart->epc, PC (code_ecall));
  csr_write (medeleg, 0);
}

static void
test_interrupts (void)
{
  csr_write (mideleg, 1 << SSI | 1 << STI | 1 << SEI);
  csr_write (stvec, PC (s_vector));
  csr_write (mie, 1 << SSI);
  csr_set (mip, 1 << SSI);
  /* U: taken whatever SIE says. */
  csr_clear (mstatus, MSTATUS_SIE);
  enter (U, PC (code_nops), 0, 0, 0);
  CHECK_EQ (this_hart->x[10], INTERRUPT | SSI);
  CHECK_EQ (this_hart->x[11], PC (code_nops));
  /* S: only with SIE. */
  enter (S, PC (code_nops), 7, 0, 0);
  CHECK_EQ (this_hart->x[10], 7);
  csr_set (mstatus, MSTATUS_SIE);
  enter (S, PC (code_nops), 7, 0, 0);
  CHECK_EQ (this_hart->x[10], INTERRUPT | SSI);
  /* M: never. */
  csr_set (mstatus, MSTATUS_SIE | MSTATUS_MIE);
  trap_clear ();
  __asm__ volatile ("nop\n nop");
  CHECK_EQ (this_hart->count, 0);
  csr_clear (mstatus, MSTATUS_MIE);
  /* Vectored: interrupts go to base + 4 * cause, exceptions to the base. */
  csr_write (stvec, PC (s_vectors) | 1);
  csr_set (mip, 1 << SEI);
  csr_write (mie, 1 << SEI | 1 << SSI);
  csr_set (mstatus, MSTATUS_SIE);
  enter (S, PC (code_nops), 0, 0, 0);
  CHECK_EQ (this_hart->x[10], INTERRUPT | SEI);         /* external before software */
  csr_clear (mip, 1 << SEI | 1 << SSI);
  csr_write (mie, 0);
  /* Not delegated: the same interrupt goes to machine mode. */
  csr_write (mideleg, 0);
  csr_write (mie, 1 << SSI);
  csr_set (mip, 1 << SSI);
  enter (S, PC (code_nops), 0, 0, 0);
  CHECK_EQ (this_hart->cause, INTERRUPT | SSI);
  CHECK_EQ (this_hart->epc, PC (code_nops));
  csr_clear (mip, 1 << SSI);
  csr_write (mie, 0);
}

static void
test_sret (void)
{
  csr_write (sepc, PC (code_ecall));
  csr_clear (mstatus, MSTATUS_SPP);
  csr_set (mstatus, MSTATUS_SPIE);
  enter (S, PC (code_sret), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ECALL_U);
  CHECK_EQ (this_hart->status & MSTATUS_SIE, MSTATUS_SIE);
  CHECK_EQ (this_hart->status & MSTATUS_SPIE, MSTATUS_SPIE);
  csr_set (mstatus, MSTATUS_SPP);
  enter (S, PC (code_sret), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ECALL_S);
  CHECK_EQ (this_hart->status & MSTATUS_SPP, 0);
  enter (U, PC (code_sret), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ILLEGAL);
  CHECK_EQ (this_hart->tval, 0x10200073);
  enter (S, PC (code_mret), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ILLEGAL);
  csr_set (mstatus, MSTATUS_TSR);
  enter (S, PC (code_sret), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ILLEGAL);
  csr_clear (mstatus, MSTATUS_TSR | MSTATUS_SIE);
}

static void
test_virtual (void)
{
  static const uint32_t *const codes[] = { code_satp, code_sfence };

  for (int i = 0; i < 2; i++)
    {
      enter (S, PC (codes[i]), 0, 0, 0);
      CHECK_EQ (this_hart->cause, ECALL_S);
      enter (U, PC (codes[i]), 0, 0, 0);
      CHECK_EQ (this_hart->cause, ILLEGAL);
      csr_set (mstatus, MSTATUS_TVM);
      enter (S, PC (codes[i]), 0, 0, 0);
      CHECK_EQ (this_hart->cause, ILLEGAL);
      csr_clear (mstatus, MSTATUS_TVM);
    }
}

static void
test_wfi (void)
{
  /* With something pending and enabled, wfi is over at once, in S without being delivered. */
  csr_write (mideleg, 1 << SSI);
  csr_write (mie, 1 << SSI);
  csr_set (mip, 1 << SSI);
  csr_clear (mstatus, MSTATUS_SIE);
  enter (S, PC (code_wfi), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ECALL_S);
  __asm__ volatile ("wfi");
  csr_clear (mip, 1 << SSI);
  csr_write (mie, 0);
  csr_write (mideleg, 0);
  csr_set (mstatus, MSTATUS_TW);
  enter (S, PC (code_wfi), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ILLEGAL);
  csr_clear (mstatus, MSTATUS_TW);
  /* In U with nothing pending the wait would be without end: illegal. */
  enter (U, PC (code_wfi), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ILLEGAL);
}

static void
test_csr_privilege (void)
{
  enter (S, PC (code_mscratch), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ILLEGAL);
  enter (S, PC (code_sscratch), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ECALL_S);
  enter (U, PC (code_sscratch), 0, 0, 0);
  CHECK_EQ (this_hart->cause, ILLEGAL);
}

void
test (void)
{
  test_exceptions ();
  test_interrupts ();
  test_sret ();
  test_virtual ();
  test_wfi ();
  test_csr_privilege ();
}
