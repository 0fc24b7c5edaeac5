/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The software TLB: the one door for every access of a hart to memory.
 *
 *   gva --> slot --> tag[access] == page of last byte? --yes--> host address = gva + addend
 *                                                     --no---> cop_mmu_*_slow: walk, check, refill
 *
 * A hart has one table for each kind of view: machine mode, bare, supervisor, and for the last few
 * address spaces one for user mode and one for the supervisor with SUM set. Changing the view
 * changes a pointer and flushes nothing.
 *
 * Emitted code looks into it too: slot and tag computation are part of the contract between this
 * file and the back ends.
 */
#pragma once

#include "engine/ram.h"
#include "engine/riscv/trap.h"

#include <stdint.h>

#define COP_TLB_BITS 10
#define COP_TLB_SIZE (1u << COP_TLB_BITS)
/* Slots mix in the bits above, so that buffers a power of two apart do not evict each other. */
#define COP_TLB_MIX COP_TLB_BITS

/* Never equals a page's address. */
#define COP_TLB_NO_TAG UINT64_MAX

typedef struct
{
  uint64_t tag[3];              /* by CopAccess: page address of the gva, or COP_TLB_NO_TAG */
  uint64_t addend;              /* host address minus gva */
} CopTlbEntry;

typedef struct
{
  CopTlbEntry entries[COP_TLB_SIZE];
  /* What sfence.vma needs to find an entry again. */
  uint8_t     order[COP_TLB_SIZE];      /* log2 of the guest page's size; 12 for 4 KiB */
  bool        global[COP_TLB_SIZE];
  uint32_t    n_large;                  /* upper bound of entries with order above 12 */
  uint32_t    n_private;                /* upper bound of entries that are not global */
} CopTlb;

static inline unsigned
cop_tlb_slot (uint64_t gva)
{
  return ((gva ^ (gva >> COP_TLB_MIX)) >> COP_PAGE_SHIFT) & (COP_TLB_SIZE - 1);
}

/**
 * cop_tlb_lookup:
 * @size: bytes of the access, at most a page
 *
 * Returns: (nullable): host address of @gva, when all @size bytes are on one page that may be
 *   accessed so without being asked
 */
static inline void *
cop_tlb_lookup (const CopTlb *tlb, uint64_t gva, unsigned size, CopAccess access)
{
  const CopTlbEntry *entry = &tlb->entries[cop_tlb_slot (gva)];

  if (__builtin_expect (entry->tag[access] != ((gva + size - 1) & ~(COP_PAGE_SIZE - 1)), 0))
    return NULL;
  return (void *) (uintptr_t) (gva + entry->addend);
}
