/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CSR instructions and registers: set and clear without side effects, read-only and missing ones,
 * WARL fields, shadows of each other.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 6; Privileged Spec 20240411 §2.1, §3.1
 */
#include "guest.h"

static void
test_instructions (void)
{
  uint64_t a, b;

  csr_write (mscratch, 0xf0);
  __asm__ volatile ("csrrw %0, mscratch, %2\n csrrs %1, mscratch, %3" : "=&r"(a), "=&r"(b) : "r"(0x3ul), "r"(0xcul));
  CHECK_EQ (a, 0xf0);
  CHECK_EQ (b, 3);
  __asm__ volatile ("csrrc %0, mscratch, %2\n csrrwi %1, mscratch, 31" : "=&r"(a), "=&r"(b) : "r"(1ul));
  CHECK_EQ (a, 15);
  CHECK_EQ (b, 14);
  __asm__ volatile ("csrrsi %0, mscratch, 0\n csrrci %1, mscratch, 16" : "=&r"(a), "=&r"(b));
  CHECK_EQ (a, 31);
  CHECK_EQ (b, 31);
  CHECK_EQ (csr_read (mscratch), 15);
  /* Source and destination the same. */
  a = 5;
  __asm__ volatile ("csrrw %0, mscratch, %0" : "+r"(a));
  CHECK_EQ (a, 15);
  CHECK_EQ (csr_read (mscratch), 5);
  csr_write (mscratch, 0);
}

static void
test_existence (void)
{
  /* Read-only: writes are illegal, csrrs with x0 is no write. */
  EXPECT_NO_TRAP ("csrrs t0, mhartid, zero", [a] "r"(0));
  EXPECT_TRAP (ILLEGAL, 0xf1401073, ".word 0xf1401073", [a] "r"(0));    /* csrw mhartid, x0 */
  EXPECT_TRAP (ILLEGAL, 0xf140e073, ".word 0xf140e073", [a] "r"(0));    /* csrsi mhartid, 1 */
  /* Numbers nobody has. */
  EXPECT_TRAP (ILLEGAL, 0x800022f3, ".word 0x800022f3", [a] "r"(0));
  EXPECT_TRAP (ILLEGAL, 0x5c0022f3, ".word 0x5c0022f3", [a] "r"(0));
  EXPECT_TRAP (ILLEGAL, 0xbc0022f3, ".word 0xbc0022f3", [a] "r"(0));
}

static void
test_fields (void)
{
  /* satp: a mode that does not exist leaves the register alone. */
  csr_write (satp, 0);
  csr_write (satp, 5ul << 60 | 0x1234);
  CHECK_EQ (csr_read (satp), 0);
  /* mstatus.MPP: the reserved value is not kept. */
  csr_clear (mstatus, MSTATUS_MPP);
  csr_set (mstatus, 2ul << 11);
  CHECK (csr_read (mstatus) >> 11 != 2);
  csr_set (mstatus, MSTATUS_MPP);
  CHECK_EQ (csr_read (mstatus) >> 11 & 3, M);
  /* sstatus is a view of mstatus: SUM can be seen, MPRV cannot. */
  csr_set (mstatus, MSTATUS_SUM | MSTATUS_MPRV);
  CHECK_EQ (csr_read (sstatus) & (MSTATUS_SUM | MSTATUS_MPRV), MSTATUS_SUM);
  csr_clear (sstatus, MSTATUS_SUM | MSTATUS_MPRV);
  CHECK_EQ (csr_read (mstatus) & (MSTATUS_SUM | MSTATUS_MPRV), MSTATUS_MPRV);
  csr_clear (mstatus, MSTATUS_MPRV);
  /* UXL and SXL say 64 bits. */
  CHECK_EQ (csr_read (mstatus) >> 32 & 15, 10);
  CHECK_EQ (csr_read (sstatus) >> 32 & 3, 2);
  /* sie shows what is delegated. */
  csr_write (mideleg, 1 << SSI);
  csr_write (mie, 1 << SSI | 1 << STI | 1 << MTI);
  CHECK_EQ (csr_read (sie), 1 << SSI);
  csr_write (sie, 0);
  CHECK_EQ (csr_read (mie), 1 << STI | 1 << MTI);
  csr_write (mie, 0);
  csr_write (mideleg, 0);
  /* misa: 64 bits, I M A F D C S U. */
  CHECK_EQ (csr_read (misa) >> 62, 2);
  CHECK_EQ (csr_read (misa) & 0x14112d, 0x14112d);
  /* stvec: the base keeps its bits. */
  csr_write (stvec, 0x80001234ul);
  CHECK_EQ (csr_read (stvec), 0x80001234ul);
}

void
test (void)
{
  test_instructions ();
  test_existence ();
  test_fields ();
}
