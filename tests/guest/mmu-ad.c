/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Accessed and dirty bits: faults with Svade, set by the hart with menvcfg.ADUE (Svadu).
 *
 * Source: RISC-V Privileged Spec 20240411 §10.3.1, §3.1.18, ch. 14
 */
#include "guest.h"

static uint64_t root[512] __attribute__ ((aligned (4096)));
static uint32_t page[PAGE / 4] __attribute__ ((aligned (4096))) = { 0x00000073 };

#define VA 0x3000000000ul
#define AD (PTE_A | PTE_D)

static uint64_t *slot;

/* The cause of an access to a page with these A and D, and afterwards what they are. */
static void
expect (uint64_t before, Access access, uint64_t cause, uint64_t after)
{
  *slot = pte (page, PTE_V | PTE_R | PTE_W | PTE_X | before);
  sfence_all ();
  CHECK_EQ (probe (S, access, access == FETCH ? VA : VA + 64), cause);
  CHECK_EQ (*slot & AD, after);
}

static void
test_svade (void)
{
  csr_clear (menvcfg, MENVCFG_ADUE);
  expect (0, LOAD, LOAD_PAGE, 0);
  expect (0, STORE, STORE_PAGE, 0);
  expect (0, FETCH, INSN_PAGE, 0);
  expect (PTE_A, LOAD, ECALL_S, PTE_A);
  expect (PTE_A, FETCH, ECALL_S, PTE_A);
  expect (PTE_A, STORE, STORE_PAGE, PTE_A);
  expect (PTE_D, LOAD, LOAD_PAGE, PTE_D);
  expect (AD, STORE, ECALL_S, AD);
}

static void
test_svadu (void)
{
  csr_set (menvcfg, MENVCFG_ADUE);
  CHECK (csr_read (menvcfg) & MENVCFG_ADUE);
  sfence_all ();
  expect (0, LOAD, ECALL_S, PTE_A);
  expect (0, STORE, ECALL_S, AD);
  expect (0, FETCH, ECALL_S, PTE_A);
  expect (PTE_A, STORE, ECALL_S, AD);
  expect (PTE_D, LOAD, ECALL_S, AD);
  /* Read first, then written without a fence: the write still marks the page. */
  expect (0, LOAD, ECALL_S, PTE_A);
  CHECK_EQ (probe (S, STORE, VA + 64), ECALL_S);
  CHECK_EQ (*slot & AD, AD);
  /* An access that is not allowed marks nothing. */
  *slot = pte (page, PTE_V | PTE_R);
  sfence_all ();
  CHECK_EQ (probe (S, STORE, VA), STORE_PAGE);
  CHECK_EQ (*slot & AD, 0);
  CHECK_EQ (probe (U, LOAD, VA), LOAD_PAGE);
  CHECK_EQ (*slot & AD, 0);
  csr_clear (menvcfg, MENVCFG_ADUE);
}

void
test (void)
{
  slot = pt_slot (root, SV39, VA, 0);
  pt_map_image (root, SV39);
  set_satp (make_satp (SV39, 0, root));
  test_svade ();
  test_svadu ();
  csr_write (satp, 0);
}
