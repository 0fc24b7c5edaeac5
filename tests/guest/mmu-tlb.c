/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the TLB may remember and what fences make it forget: address spaces, global pages, each form
 * of sfence.vma, Svinval's three instructions, changes of satp.
 *
 * Source: RISC-V Privileged Spec 20240411 §10.2.1, ch. 13
 */
#include "guest.h"

#define VA 0x3000000000ul
#define VA2 (VA + 5 * 1024 * 1024)

static uint64_t roots[3][512] __attribute__ ((aligned (4096)));
static uint8_t  pages[4][PAGE] __attribute__ ((aligned (4096)));

static void
map (int space, uint64_t va, int page, uint64_t flags)
{
  *pt_slot (roots[space], SV39, va, 0) = pte (pages[page], flags);
}

static void
use (int space, uint64_t asid)
{
  csr_write (satp, make_satp (SV39, asid, roots[space]));
}

static uint64_t
load (uint64_t va)
{
  CHECK_EQ (probe (S, LOAD, va), ECALL_S);
  return this_hart->x[10];
}

static uint64_t
load_user (uint64_t va)
{
  CHECK_EQ (probe (U, LOAD, va), ECALL_U);
  return this_hart->x[10];
}

/* Two spaces with their own ASIDs, switched without any fence. */
static void
test_spaces (void)
{
  map (0, VA, 0, PTE_RW);
  map (1, VA, 1, PTE_RW);
  map (0, VA2, 2, PTE_RW | PTE_U);
  map (1, VA2, 3, PTE_RW | PTE_U);
  sfence_all ();
  for (int round = 0; round < 3; round++)
    {
      use (0, 1);
      CHECK_EQ (load (VA), 0x50);
      CHECK_EQ (load_user (VA2), 0x52);
      use (1, 2);
      CHECK_EQ (load (VA), 0x51);
      CHECK_EQ (load_user (VA2), 0x53);
    }
  /* More spaces than any cache of them has. */
  for (int round = 0; round < 2; round++)
    for (uint64_t asid = 1; asid < 40; asid++)
      {
        use (asid & 1, asid);
        CHECK_EQ (load (VA), 0x50 + (asid & 1));
      }
  sfence_all ();
}

/* A changed entry is seen after each form of the fence that names it. */
static void
test_forms (void)
{
  use (0, 1);
  for (int form = 0; form < 6; form++)
    {
      map (0, VA, 0, PTE_RW);
      sfence_all ();
      CHECK_EQ (load (VA), 0x50);
      map (0, VA, 1, PTE_RW);
      switch (form)
        {
        case 0:
          __asm__ volatile ("sfence.vma zero, zero" : : : "memory");
          break;
        case 1:
          __asm__ volatile ("sfence.vma %0, zero" : : "r"(VA) : "memory");
          break;
        case 2:
          __asm__ volatile ("sfence.vma zero, %0" : : "r"(1ul) : "memory");
          break;
        case 3:
          __asm__ volatile ("sfence.vma %0, %1" : : "r"(VA + 0x123), "r"(1ul) : "memory");
          break;
        case 4:
          __asm__ volatile ("sfence.w.inval\n sinval.vma %0, %1\n sfence.inval.ir"
                            :
                            : "r"(VA), "r"(1ul)
                            : "memory");
          break;
        default:
          __asm__ volatile ("sfence.w.inval\n sinval.vma zero, zero\n sfence.inval.ir" : : : "memory");
          break;
        }
      CHECK_EQ (load (VA), 0x51);
    }
}

/* Fences that name other spaces may do anything but harm: the right answer stays right. A fence by
   ASID spares global pages, one without drops them. */
static void
test_global (void)
{
  for (int space = 0; space < 2; space++)
    map (space, VA, 2, PTE_RW | PTE_G);
  sfence_all ();
  use (0, 1);
  CHECK_EQ (load (VA), 0x52);
  use (1, 2);
  CHECK_EQ (load (VA), 0x52);
  for (int space = 0; space < 2; space++)
    map (space, VA, 3, PTE_RW | PTE_G);
  __asm__ volatile ("sfence.vma %0, zero" : : "r"(VA) : "memory");
  CHECK_EQ (load (VA), 0x53);
  use (0, 1);
  CHECK_EQ (load (VA), 0x53);
  /* A large global page, dropped through an address in its middle. */
  *pt_slot (roots[0], SV39, 7ul << 30, 2) = pte ((void *) 0x80000000ul, PTE_RW | PTE_G);
  sfence_all ();
  CHECK_EQ (probe (S, LOAD, (7ul << 30) + 0x4000), ECALL_S);
  CHECK_EQ (probe (S, LOAD, (7ul << 30) + 0x204000), ECALL_S);
  *pt_slot (roots[0], SV39, 7ul << 30, 2) = 0;
  __asm__ volatile ("sfence.vma %0, zero" : : "r"((7ul << 30) + 0x5000) : "memory");
  CHECK_EQ (probe (S, LOAD, (7ul << 30) + 0x4000), LOAD_PAGE);
  CHECK_EQ (probe (S, LOAD, (7ul << 30) + 0x204000), LOAD_PAGE);
}

/* Translations changed from bare to paged and back need no fence on this hart's own view. */
static void
test_bare (void)
{
  uint64_t bare = (uintptr_t) pages[0];

  map (0, VA, 0, PTE_RW);
  sfence_all ();
  for (int round = 0; round < 3; round++)
    {
      csr_write (satp, 0);
      CHECK_EQ (load (bare), 0x50);
      CHECK_EQ (probe (S, LOAD, VA), LOAD_ACCESS);
      use (0, 1);
      CHECK_EQ (load (VA), 0x50);
    }
}

/* Less permission, and a table taken away, seen after the fence by loads, stores and fetches. */
static void
test_tightened (void)
{
  use (0, 1);
  ((uint32_t *) pages[0])[0] = 0x00000073;
  map (0, VA, 0, PTE_RWX);
  sfence_all ();
  CHECK_EQ (probe (S, STORE, VA + 64), ECALL_S);
  CHECK_EQ (probe (S, FETCH, VA), ECALL_S);
  map (0, VA, 0, PTE_V | PTE_R | PTE_A | PTE_D);
  __asm__ volatile ("sfence.vma %0, %1" : : "r"(VA), "r"(1ul) : "memory");
  CHECK_EQ (probe (S, LOAD, VA), ECALL_S);
  CHECK_EQ (probe (S, STORE, VA + 64), STORE_PAGE);
  CHECK_EQ (probe (S, FETCH, VA), INSN_PAGE);
  {
    uint64_t *pointer = pt_slot (roots[0], SV39, VA, 2), saved = *pointer;

    *pointer = 0;
    __asm__ volatile ("sfence.vma %0, zero" : : "r"(VA) : "memory");
    CHECK_EQ (probe (S, LOAD, VA), LOAD_PAGE);
    *pointer = saved;
    sfence_all ();
    CHECK_EQ (probe (S, LOAD, VA), ECALL_S);
  }
  pages[0][0] = 0x50;
}

/* Addresses that share low bits fight for the same places in most caches. */
static void
test_aliases (void)
{
  use (0, 1);
  for (int i = 0; i < 64; i++)
    map (0, VA + ((uint64_t) i << 24), i & 3, PTE_RW);
  sfence_all ();
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < 64; i++)
      CHECK_EQ (load (VA + ((uint64_t) i << 24)), 0x50 + (i & 3));
}

void
test (void)
{
  for (int i = 0; i < 4; i++)
    pages[i][0] = 0x50 + i;
  for (int i = 0; i < 2; i++)
    pt_map_image (roots[i], SV39);
  /* At least the ASIDs used here must exist. */
  use (0, 0xffff);
  CHECK ((csr_read (satp) >> 44 & 0xffff) >= 40);
  test_spaces ();
  test_forms ();
  test_global ();
  test_bare ();
  test_tightened ();
  test_aliases ();
  csr_write (satp, 0);
}
