/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Physical memory protection: the kinds of regions, priority, partial matches, locks, what M may do,
 * page-table walks.
 *
 * Source: RISC-V Privileged Spec 20240411 §3.7
 */
#include "guest.h"

enum { R = 1, W = 2, X = 4, TOR = 1 << 3, NA4 = 2 << 3, NAPOT = 3 << 3, L = 0x80 };

static uint8_t  area[4 * PAGE] __attribute__ ((aligned (16384)));
static uint64_t root[512] __attribute__ ((aligned (4096)));

/* Entries 0 to 2; entry 3 opens everything else. */
static void
set (uint64_t c0, uint64_t a0, uint64_t c1, uint64_t a1, uint64_t c2, uint64_t a2)
{
  csr_write (pmpcfg0, 0);
  csr_write (pmpaddr0, a0);
  csr_write (pmpaddr1, a1);
  csr_write (pmpaddr2, a2);
  csr_write (pmpaddr3, -1ul);
  csr_write (pmpcfg0, c0 | c1 << 8 | c2 << 16 | (uint64_t) (NAPOT | R | W | X) << 24);
  sfence_all ();
}

#define AT(offset) ((uintptr_t) area + (offset))
#define ADDR(offset) (AT (offset) >> 2)
#define NAPOT_ADDR(offset, size) (ADDR (offset) | ((size) / 8 - 1))

static void
test_napot (void)
{
  set (NAPOT | R, NAPOT_ADDR (PAGE, PAGE), 0, 0, 0, 0);
  CHECK_EQ (csr_read (pmpcfg0) & 0xff, NAPOT | R);
  for (uint64_t priv = U; priv <= S; priv++)
    {
      CHECK_EQ (probe (priv, LOAD, AT (PAGE)), ECALL_U + priv);
      CHECK_EQ (probe (priv, STORE, AT (PAGE)), STORE_ACCESS);
      CHECK_EQ (probe (priv, FETCH, AT (PAGE)), INSN_ACCESS);
      CHECK_EQ (probe (priv, STORE, AT (PAGE) - 1), ECALL_U + priv);
      CHECK_EQ (probe (priv, STORE, AT (2 * PAGE)), ECALL_U + priv);
      CHECK_EQ (probe (priv, STORE, AT (2 * PAGE) - 1), STORE_ACCESS);
    }
  /* M is not bound by it. */
  EXPECT_NO_TRAP ("sd zero, 0(%[a])", [a] "r"(AT (PAGE)));
}

static void
test_small (void)
{
  /* Smaller than a page: both sides of its ends. */
  set (NA4, ADDR (64), 0, 0, 0, 0);
  CHECK_EQ (probe (S, LOAD, AT (63)), ECALL_S);
  CHECK_EQ (probe (S, LOAD, AT (64)), LOAD_ACCESS);
  CHECK_EQ (probe (S, LOAD, AT (67)), LOAD_ACCESS);
  CHECK_EQ (probe (S, LOAD, AT (68)), ECALL_S);
  set (NAPOT | R | W, NAPOT_ADDR (128, 32), 0, 0, 0, 0);
  CHECK_EQ (probe (S, STORE, AT (159)), ECALL_S);
}

static void
test_tor (void)
{
  /* Entry 1 from entry 0's address to its own. */
  set (0, ADDR (PAGE), TOR | W | R, ADDR (PAGE + 256), TOR, ADDR (2 * PAGE));
  CHECK_EQ (probe (S, STORE, AT (PAGE)), ECALL_S);
  CHECK_EQ (probe (S, STORE, AT (PAGE + 255)), ECALL_S);
  CHECK_EQ (probe (S, STORE, AT (PAGE + 256)), STORE_ACCESS);
  CHECK_EQ (probe (S, LOAD, AT (2 * PAGE) - 1), LOAD_ACCESS);
  CHECK_EQ (probe (S, LOAD, AT (2 * PAGE)), ECALL_S);
  /* Entry 0 alone: from zero. */
  set (TOR, ADDR (0) >> 20 << 20, 0, 0, 0, 0);
  CHECK_EQ (probe (S, LOAD, 0x1000), LOAD_ACCESS);
  CHECK_EQ (probe (S, LOAD, AT (0)), ECALL_S);
}

static void
test_priority (void)
{
  /* The lowest entry that matches decides, also for the worse. */
  set (NAPOT | R | W, NAPOT_ADDR (PAGE, 64), NAPOT, NAPOT_ADDR (PAGE, PAGE), 0, 0);
  CHECK_EQ (probe (S, LOAD, AT (PAGE + 63)), ECALL_S);
  CHECK_EQ (probe (S, LOAD, AT (PAGE + 64)), LOAD_ACCESS);
  set (NAPOT, NAPOT_ADDR (PAGE, 64), NAPOT | R | W, NAPOT_ADDR (PAGE, PAGE), 0, 0);
  CHECK_EQ (probe (S, LOAD, AT (PAGE + 63)), LOAD_ACCESS);
  CHECK_EQ (probe (S, LOAD, AT (PAGE + 64)), ECALL_S);
  /* An access that only partly lies in the matching entry fails, whatever the permissions. */
  set (NA4 | R | W | X, ADDR (PAGE + 64), 0, 0, 0, 0);
  csr_set (mstatus, 1 << 11);
  {
    static const uint32_t code[] = { 0x00053503, 0x00000073 };  /* ld a0, 0(a0); ecall */

    __asm__ volatile ("fence.i" : : : "memory");
    enter (S, (uintptr_t) code, AT (PAGE + 64), 0, 0);
    CHECK_EQ (this_hart->cause, LOAD_ACCESS);
    CHECK_EQ (this_hart->tval, AT (PAGE + 64));
    enter (S, (uintptr_t) code, AT (PAGE + 72), 0, 0);
    CHECK_EQ (this_hart->cause, ECALL_S);
  }
}

static void
test_none (void)
{
  /* Nothing matches: S and U may nothing. (The probe's own code must stay reachable.) */
  csr_write (pmpcfg0, 0);
  csr_write (pmpaddr0, 0x80000000ul >> 2 | ((1ul << 17) - 1));  /* 1 MiB: the image */
  csr_write (pmpcfg0, NAPOT | R | W | X);
  sfence_all ();
  CHECK_EQ (probe (S, LOAD, 0x80200000ul), LOAD_ACCESS);
  CHECK_EQ (probe (U, STORE, UART), STORE_ACCESS);
  CHECK_EQ (probe (S, LOAD, AT (0)), ECALL_S);
}

/* The walk reads page tables as S would. */
static void
test_walk (void)
{
  uint64_t *slot = pt_slot (root, SV39, 0x3000000000ul, 0);

  set (0, 0, 0, 0, 0, 0);
  pt_map_image (root, SV39);
  *slot = pte (area, PTE_RW);
  set_satp (make_satp (SV39, 0, root));
  CHECK_EQ (probe (S, LOAD, 0x3000000000ul), ECALL_S);
  set (NA4, (uintptr_t) slot >> 2, 0, 0, 0, 0);
  CHECK_EQ (probe (S, LOAD, 0x3000000000ul), LOAD_ACCESS);
  CHECK_EQ (probe (S, STORE, 0x3000000000ul), STORE_ACCESS);
  set (0, 0, 0, 0, 0, 0);
  CHECK_EQ (probe (S, LOAD, 0x3000000000ul), ECALL_S);
  csr_write (satp, 0);
}

static void
test_lock (void)
{
  /* Locked: M is bound too, and the entry stays until reset. */
  set (0, 0, 0, 0, 0, 0);
  csr_write (pmpaddr0, NAPOT_ADDR (3 * PAGE, PAGE));
  csr_write (pmpcfg0, csr_read (pmpcfg0) | L | NAPOT | R);
  EXPECT_NO_TRAP ("ld t0, 0(%[a])", [a] "r"(AT (3 * PAGE)));
  EXPECT_TRAP (STORE_ACCESS, AT (3 * PAGE), "sd t0, 0(%[a])", [a] "r"(AT (3 * PAGE)));
  csr_write (pmpcfg0, 0);
  csr_write (pmpaddr0, 0);
  CHECK_EQ (csr_read (pmpcfg0), L | NAPOT | R);
  CHECK_EQ (csr_read (pmpaddr0), NAPOT_ADDR (3 * PAGE, PAGE));
  /* A locked TOR entry locks the address below it as well. */
  csr_write (pmpaddr1, 5);
  csr_write (pmpaddr2, 6);
  csr_write (pmpcfg0, csr_read (pmpcfg0) | (uint64_t) (L | TOR) << 16);
  csr_write (pmpaddr1, 7);
  CHECK_EQ (csr_read (pmpaddr1), 5);
  /* Odd configuration registers do not exist on RV64. */
  EXPECT_TRAP (ILLEGAL, 0x3a1022f3, ".word 0x3a1022f3", [a] "r"(0));
}

void
test (void)
{
  test_napot ();
  test_small ();
  test_tor ();
  test_priority ();
  test_none ();
  test_walk ();
  test_lock ();
}
