/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the specifications leave to the platform and ours has decided, and rules of theirs that QEMU,
 * on which all other guest tests were checked too, does not follow.
 */
#include "guest.h"

static uint64_t word __attribute__ ((aligned (64)));

static void
test_misaligned (void)
{
  uint64_t address = (uintptr_t) &word + 1;

  CHECK_EQ (TRY ("amoadd.w t0, t1, (%[a])", [a] "r"(address)), 1);
  CHECK (this_hart->cause == STORE_MISALIGNED || this_hart->cause == STORE_ACCESS);
  CHECK_EQ (this_hart->tval, address);
  CHECK_EQ (TRY ("lr.d t0, (%[a])", [a] "r"(address)), 1);
  CHECK (this_hart->cause == LOAD_MISALIGNED || this_hart->cause == LOAD_ACCESS);
  CHECK_EQ (this_hart->tval, address);
  CHECK_EQ (TRY ("sc.d t0, t1, (%[a])", [a] "r"(address)), 1);
  CHECK (this_hart->cause == STORE_MISALIGNED || this_hart->cause == STORE_ACCESS);
}

/* Devices hold no code. */
static void
test_device_fetch (void)
{
  trap_clear ();
  __asm__ volatile ("jalr ra, 0(%0)" : : "r"(UART) : "ra", "memory");
  CHECK_EQ (this_hart->count, 1);
  CHECK_EQ (this_hart->cause, INSN_ACCESS);
  CHECK_EQ (this_hart->tval, UART);
}

/* ecall from M cannot be delegated. Source: Privileged Spec 20240411 §3.1.8 */
static void
test_medeleg (void)
{
  csr_write (medeleg, ~0ul);
  CHECK_EQ (csr_read (medeleg) >> ECALL_M & 1, 0);
  csr_write (medeleg, 0);
}

/* The lowest bit of xepc is always zero. Source: Privileged Spec 20240411 §3.1.14 */
static void
test_epc (void)
{
  csr_write (mepc, 0x80000003ul);
  CHECK_EQ (csr_read (mepc), 0x80000002ul);
  csr_write (sepc, 0x80000001ul);
  CHECK_EQ (csr_read (sepc), 0x80000000ul);
}

/* Memory type 3 is reserved. Source: Privileged Spec 20240411 ch. 12 */
static void
test_pbmt (void)
{
  static uint64_t root[512] __attribute__ ((aligned (4096)));
  uint64_t       *slot = pt_slot (root, SV39, 0x3000000000ul, 0);

  pt_map_image (root, SV39);
  csr_set (menvcfg, MENVCFG_PBMTE);
  set_satp (make_satp (SV39, 0, root));
  *slot = pte (root, PTE_RW) | PTE_PBMT (3);
  sfence_all ();
  CHECK_EQ (probe (S, LOAD, 0x3000000000ul), LOAD_PAGE);
  csr_write (satp, 0);
}

/* A table outside memory: an access fault of the kind of the access. Source: Privileged Spec 20240411
   §10.3.2 step 2 */
static void
test_walk_outside (void)
{
  static uint64_t root[512] __attribute__ ((aligned (4096)));
  uint64_t        va = 0x3000000000ul;

  pt_map_image (root, SV39);
  *pt_slot (root, SV39, va, 2) = pte ((void *) (1ul << 40), PTE_V);
  set_satp (make_satp (SV39, 0, root));
  CHECK_EQ (probe (S, LOAD, va), LOAD_ACCESS);
  CHECK_EQ (probe (S, STORE, va), STORE_ACCESS);
  CHECK_EQ (probe (S, FETCH, va), INSN_ACCESS);
  csr_write (satp, 0);
}

/* A block operation's tval is its address as given. Source: Unprivileged Spec 20240411 §19.4.1 */
static void
test_block_tval (void)
{
  EXPECT_TRAP (STORE_ACCESS, 0x50, "cbo.zero (%[a])", [a] "r"(0x50ul));
}

void
test (void)
{
  test_walk_outside ();
  test_block_tval ();
  test_epc ();
  test_pbmt ();
  test_misaligned ();
  test_device_fetch ();
  test_medeleg ();
}
