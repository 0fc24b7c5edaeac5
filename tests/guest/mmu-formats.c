/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Svnapot (64 KiB of pages as one) and Svpbmt (memory types, which change nothing here but whether the
 * entry is well-formed).
 *
 * Source: RISC-V Privileged Spec 20240411 ch. 11, 12
 */
#include "guest.h"

#define NAPOT (64 * 1024ul)
#define VA 0x3000000000ul

static uint64_t root[512] __attribute__ ((aligned (4096)));
static uint8_t  area[NAPOT] __attribute__ ((aligned (65536)));

static void
test_napot (void)
{
  /* All sixteen entries are alike: the place is in the address, not in the entry. */
  for (int i = 0; i < 16; i++)
    {
      *pt_slot (root, SV39, VA + i * PAGE, 0) = (pte (area, PTE_RW) | PTE_N) + (8ul << 10);
      area[i * PAGE + 3] = 0x10 + i;
    }
  sfence_all ();
  for (int i = 15; i >= 0; i--)
    {
      CHECK_EQ (probe (S, LOAD, VA + i * PAGE + 3), ECALL_S);
      CHECK_EQ (this_hart->x[10], 0x10 + i);
    }
  /* Other sizes are reserved. */
  for (int bit = 0; bit < 4; bit++)
    {
      *pt_slot (root, SV39, VA, 0) = (pte (area, PTE_RW) | PTE_N) + (bit == 3 ? 0 : 1ul << (10 + bit));
      sfence_all ();
      CHECK_EQ (probe (S, LOAD, VA), LOAD_PAGE);
    }
  /* Dropping one page's address is enough for this page at least. */
  for (int i = 0; i < 16; i++)
    *pt_slot (root, SV39, VA + i * PAGE, 0) = (pte (area, PTE_RW) | PTE_N) + (8ul << 10);
  sfence_all ();
  CHECK_EQ (probe (S, LOAD, VA + 5 * PAGE), ECALL_S);
  for (int i = 0; i < 16; i++)
    *pt_slot (root, SV39, VA + i * PAGE, 0) = 0;
  __asm__ volatile ("sfence.vma %0, zero" : : "r"(VA + 5 * PAGE) : "memory");
  CHECK_EQ (probe (S, LOAD, VA + 5 * PAGE), LOAD_PAGE);
  sfence_all ();
}

static void
test_pbmt (void)
{
  uint64_t *slot = pt_slot (root, SV39, VA, 0);

  csr_set (menvcfg, MENVCFG_PBMTE);
  CHECK (csr_read (menvcfg) & MENVCFG_PBMTE);
  area[0] = 0x42;
  for (int type = 0; type < 3; type++)
    {
      *slot = pte (area, PTE_RW) | PTE_PBMT (type);
      sfence_all ();
      CHECK_EQ (probe (S, LOAD, VA), ECALL_S);
    }
  /* Reserved in pointers. */
  *slot = pte (area, PTE_RW);
  *pt_slot (root, SV39, VA, 1) |= PTE_PBMT (1);
  sfence_all ();
  CHECK_EQ (probe (S, LOAD, VA), LOAD_PAGE);
  *pt_slot (root, SV39, VA, 1) &= ~PTE_PBMT (3);
  csr_clear (menvcfg, MENVCFG_PBMTE);
  *slot = pte (area, PTE_RW) | PTE_PBMT (1);
  sfence_all ();
  CHECK_EQ (probe (S, LOAD, VA), LOAD_PAGE);
}

void
test (void)
{
  pt_map_image (root, SV39);
  set_satp (make_satp (SV39, 0, root));
  test_napot ();
  test_pbmt ();
  csr_write (satp, 0);
}
