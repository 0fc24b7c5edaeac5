/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every synchronous cause, with mepc and mtval to the bit, and what mstatus says in the handler.
 *
 * Source: RISC-V Privileged Spec 20240411 §3.1.6.1, §3.1.14 to §3.1.16
 */
#include "guest.h"

#define NOWHERE 0x50ul          /* neither memory nor a device */

static void
test_illegal (void)
{
  EXPECT_TRAP (ILLEGAL, 0, ".2byte 0", [a] "r"(0));
  EXPECT_TRAP (ILLEGAL, 0xffffffff, ".word 0xffffffff", [a] "r"(0));
  EXPECT_TRAP (ILLEGAL, 0x7b200073, ".word 0x7b200073", [a] "r"(0));    /* dret */
  EXPECT_TRAP (ILLEGAL, 0x0000007b, ".word 0x0000007b", [a] "r"(0));    /* custom-3 */
  EXPECT_TRAP (ILLEGAL, 0x00007003 | 5 << 7, ".word 0x00007003 | 5 << 7", [a] "r"(0)); /* load, width 7 */
  EXPECT_TRAP (ILLEGAL, 0x80000033, ".word 0x80000033", [a] "r"(0));    /* op, unknown funct7 */
  EXPECT_TRAP (ILLEGAL, 0xc0001073, ".word 0xc0001073", [a] "r"(0));    /* csrw cycle, x0 */
}

static void
test_breakpoint (void)
{
  EXPECT_TRAP (BREAKPOINT, this_hart->epc, ".4byte 0x00100073", [a] "r"(0));
  EXPECT_TRAP (BREAKPOINT, this_hart->epc, ".2byte 0x9002", [a] "r"(0));
}

static void
test_ecall (void)
{
  static const uint64_t causes[] = { ECALL_U, ECALL_S };

  EXPECT_TRAP (ECALL_M, 0, "ecall", [a] "r"(0));
  for (uint64_t priv = U; priv <= S; priv++)
    {
      static const uint32_t ecall = 0x00000073;

      enter (priv, (uintptr_t) &ecall, 1, 2, 3);
      CHECK_EQ (this_hart->cause, causes[priv]);
      CHECK_EQ (this_hart->epc, (uintptr_t) &ecall);
      CHECK_EQ (this_hart->tval, 0);
      CHECK_EQ (this_hart->x[10], 1);
      CHECK_EQ (this_hart->x[12], 3);
      CHECK_EQ (this_hart->status >> 11 & 3, priv);
    }
}

static void
test_access (void)
{
  EXPECT_TRAP (LOAD_ACCESS, NOWHERE, "lb t0, 0(%[a])", [a] "r"(NOWHERE));
  EXPECT_TRAP (LOAD_ACCESS, NOWHERE + 8, "ld t0, 8(%[a])", [a] "r"(NOWHERE));
  EXPECT_TRAP (STORE_ACCESS, NOWHERE, "sw t0, 0(%[a])", [a] "r"(NOWHERE));
  EXPECT_TRAP (LOAD_ACCESS, NOWHERE, "fld ft0, 0(%[a])", [a] "r"(NOWHERE));
  EXPECT_TRAP (STORE_ACCESS, NOWHERE, "fsw ft0, 0(%[a])", [a] "r"(NOWHERE));
  /* Above any memory, and where the address has more bits than a physical one. */
  EXPECT_TRAP (LOAD_ACCESS, 1ul << 55, "ld t0, 0(%[a])", [a] "r"(1ul << 55));
  EXPECT_TRAP (STORE_ACCESS, -8ul, "sd t0, 0(%[a])", [a] "r"(-8ul));
}

static void
test_fetch (void)
{
  static const uint64_t places[] = { NOWHERE, 1ul << 55 };

  for (int i = 0; i < 2; i++)
    {
      trap_clear ();
      __asm__ volatile ("jalr ra, 0(%0)" : : "r"(places[i]) : "ra", "memory");
      CHECK_EQ (this_hart->count, 1);
      CHECK_EQ (this_hart->cause, INSN_ACCESS);
      CHECK_EQ (this_hart->epc, places[i]);
      CHECK_EQ (this_hart->tval, places[i]);
    }
}

/* A faulting load changes nothing, and the instructions before it all count. */
static void
test_precise (void)
{
  uint64_t a, b, c;

  trap_clear ();
  __asm__ volatile ("li t0, 1\n li t1, 2\n addi t0, t0, 10\n ld t1, 0(%3)\n addi t0, t0, 100\n"
                    "mv %0, t0\n mv %1, t1\n li %2, 9"
                    : "=&r"(a), "=&r"(b), "=&r"(c)
                    : "r"(NOWHERE)
                    : "t0", "t1", "memory");
  CHECK_EQ (this_hart->count, 1);
  CHECK_EQ (this_hart->x[5], 11);
  CHECK_EQ (this_hart->x[6], 2);
  CHECK_EQ (a, 111);
  CHECK_EQ (b, 2);
  /* Also with the base register as the destination. */
  trap_clear ();
  __asm__ volatile ("mv t0, %1\n ld t0, 0(t0)\n mv %0, t0" : "=r"(a) : "r"(NOWHERE) : "t0", "memory");
  CHECK_EQ (a, NOWHERE);
}

static void
test_status (void)
{
  csr_set (mstatus, MSTATUS_MIE);
  EXPECT_TRAP (ILLEGAL, 0, ".2byte 0", [a] "r"(0));
  CHECK_EQ (this_hart->status & MSTATUS_MPIE, MSTATUS_MPIE);
  CHECK_EQ (this_hart->status & MSTATUS_MIE, 0);
  CHECK_EQ (this_hart->status >> 11 & 3, M);
  CHECK_EQ (csr_read (mstatus) & MSTATUS_MIE, MSTATUS_MIE);
  /* mret left MPP at the least privileged mode. */
  CHECK_EQ (csr_read (mstatus) >> 11 & 3, U);
  csr_clear (mstatus, MSTATUS_MIE);
}

void
test (void)
{
  test_illegal ();
  test_breakpoint ();
  test_ecall ();
  test_access ();
  test_fetch ();
  test_precise ();
  test_status ();
}
