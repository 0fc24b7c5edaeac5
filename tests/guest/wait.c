/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Zawrs: waiting for a store to a reserved word, without and with the time limit.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 15
 */
#include "guest.h"

static uint64_t word;

__asm__ (".text\n"
         ".balign 4\n"
         "do_nto: lr.d a1, (a0)\n  .word 0x00d00073\n  ecall\n"
         "do_sto: lr.d a1, (a0)\n  .word 0x01d00073\n  ecall\n");
extern const uint32_t do_nto[], do_sto[];

void
test (void)
{
  /* Without a reservation, and with a pending enabled interrupt, there is no wait. */
  csr_write (mie, 1 << SSI);
  csr_set (mip, 1 << SSI);
  EXPECT_NO_TRAP (".word 0x00d00073", [a] "r"(0));      /* wrs.nto */
  EXPECT_NO_TRAP (".word 0x01d00073", [a] "r"(0));      /* wrs.sto */
  csr_write (mideleg, 1 << SSI);
  csr_clear (mstatus, MSTATUS_SIE);
  enter (S, (uintptr_t) do_nto, (uintptr_t) &word, 0, 0);
  CHECK_EQ (this_hart->cause, ECALL_S);
  csr_clear (mip, 1 << SSI);
  csr_write (mie, 0);
  /* The short wait ends by itself. */
  enter (U, (uintptr_t) do_sto, (uintptr_t) &word, 0, 0);
  CHECK_EQ (this_hart->cause, ECALL_U);
  enter (S, (uintptr_t) do_sto, (uintptr_t) &word, 0, 0);
  CHECK_EQ (this_hart->cause, ECALL_S);
}
