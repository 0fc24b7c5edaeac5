/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Several harts: interrupts between them wake from wfi and none is lost; each has its own mhartid and
 * CSRs; a translation that one hart takes away is gone on the others once they have fenced.
 *
 * Source: RISC-V Privileged Spec 20240411 §3.1.9, §10.2.1; ACLINT 1.0 §3
 */
#include "guest.h"

#define HARTS 4
#define ROUNDS 200
#define VA 0x3000000000ul

static volatile unsigned received[HARTS], ready, phase, faulted[HARTS], loaded[HARTS];
static uint64_t          root[512] __attribute__ ((aligned (4096)));
static uint8_t           page[PAGE] __attribute__ ((aligned (4096)));

static void
send (unsigned hart)
{
  __asm__ volatile ("fence" : : : "memory");
  write32 (CLINT + 4 * hart, 1);
}

/* Sleeps until this hart's software interrupt, and acknowledges it. */
static void
receive (unsigned hart)
{
  csr_set (mie, 1 << MSI);
  while ((csr_read (mip) >> MSI & 1) == 0)
    __asm__ volatile ("wfi" : : : "memory");
  write32 (CLINT + 4 * hart, 0);
  __asm__ volatile ("fence" : : : "memory");
}

static void
wait_for (volatile unsigned *value, unsigned expected)
{
  uint64_t deadline = csr_read (time) + 600000000;

  while (__atomic_load_n (value, __ATOMIC_ACQUIRE) != expected)
    {
      CHECK (csr_read (time) < deadline);
      relax ();
    }
}

void
hart_main (uint64_t id)
{
  if (id >= HARTS)
    for (;;)
      __asm__ volatile ("wfi");
  CHECK_EQ (csr_read (mhartid), id);
  csr_write (mscratch, 0);
  csr_write (sscratch, id);
  __atomic_fetch_add (&ready, 1, __ATOMIC_RELEASE);
  for (unsigned i = 0; i < ROUNDS; i++)
    {
      receive (id);
      __atomic_store_n (&received[id], i + 1, __ATOMIC_RELEASE);
      /* Round the ring. */
      if (id + 1 < HARTS)
        send (id + 1);
    }
  CHECK_EQ (csr_read (sscratch), id);
  /* Translations: load until told that the mapping changes, fence, and expect the fault. */
  set_satp (make_satp (SV39, 0, root));
  for (unsigned i = 0; i < 20; i++)
    {
      receive (id);
      sfence_all ();
      CHECK_EQ (probe (S, LOAD, VA), ECALL_S);
      CHECK_EQ (this_hart->x[10], i);
      __atomic_store_n (&loaded[id], i + 1, __ATOMIC_RELEASE);
      receive (id);
      __asm__ volatile ("sfence.vma %0, zero" : : "r"(VA) : "memory");
      CHECK_EQ (probe (S, LOAD, VA), LOAD_PAGE);
      __atomic_store_n (&faulted[id], i + 1, __ATOMIC_RELEASE);
    }
  for (;;)
    __asm__ volatile ("wfi");
}

void
test (void)
{
  CHECK_EQ (csr_read (mhartid), 0);
  pt_map_image (root, SV39);
  wait_for (&ready, HARTS - 1);
  for (unsigned i = 0; i < ROUNDS; i++)
    {
      send (1);
      wait_for (&received[HARTS - 1], i + 1);
    }
  for (unsigned i = 0; i < 20; i++)
    {
      page[0] = i;
      *pt_slot (root, SV39, VA, 0) = pte (page, PTE_RW);
      for (unsigned hart = 1; hart < HARTS; hart++)
        send (hart);
      for (unsigned hart = 1; hart < HARTS; hart++)
        wait_for (&loaded[hart], i + 1);
      *pt_slot (root, SV39, VA, 0) = 0;
      for (unsigned hart = 1; hart < HARTS; hart++)
        send (hart);
      for (unsigned hart = 1; hart < HARTS; hart++)
        wait_for (&faulted[hart], i + 1);
    }
}
