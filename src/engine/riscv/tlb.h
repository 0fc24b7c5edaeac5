/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The software TLB: the one door for every access of a hart to memory.
 *
 *   gva --> slot --> tag[access] == gva, but for the page offset's aligned bits? --yes--> gva + addend
 *                                                     --no---> cop_mmu_*_slow: walk, check, refill
 *
 * A hart has one table for each kind of view: machine mode, bare, supervisor, and for the last few
 * address spaces one for user mode and one for the supervisor with SUM set. Changing the view
 * changes a pointer and flushes nothing.
 *
 * A table has two levels. Accesses look into `front`, the slot of which is cheap to compute, and which
 * so aliases pages a power of two apart; `entries`, whose slots are mixed, has all that is in front and
 * more. What was found behind is copied to the front, what is dropped behind goes from the front.
 *
 * Emitted code looks into both: slot and tag computation are part of the contract between this file
 * and the back ends.
 */
#pragma once

#include "engine/ram.h"
#include "engine/riscv/tlb-ranges.h"
#include "engine/riscv/trap.h"

#include <stdint.h>

#define COP_TLB_BITS 12
#define COP_TLB_SIZE (1u << COP_TLB_BITS)
/* Slots of entries mix in the bits above, so that buffers a power of two apart do not evict each other. */
#define COP_TLB_MIX COP_TLB_BITS
#define COP_TLB_FRONT_BITS 10
#define COP_TLB_FRONT_SIZE (1u << COP_TLB_FRONT_BITS)

#define COP_TLB_GROUP (COP_TLB_SIZE / 64)

/* Pages that code was entered on are noted in a hashed set of this many bits. */
#define COP_TLB_EXECUTED_BITS 14

/* Never equals a page's address. */
#define COP_TLB_NO_TAG UINT64_MAX

typedef struct
{
  uint64_t tag[3];              /* by CopAccess: page address of the gva, or COP_TLB_NO_TAG; in front,
                                   what cop_tlb_front_no_tag() says */
  uint64_t addend;              /* host address minus gva */
} CopTlbEntry;

/* The 2 MiB regions that larger pages lie in, as a hashed set, and one range of addresses around all
   pages that are larger than a region: both may say yes for another place. Each half of the addresses
   has its own: a kernel maps all memory in large pages above, and processes seldom any below. */
typedef struct
{
  uint64_t bits[8];
  uint64_t first, last;         /* of the range; an empty one is 0 to 0 */
} CopTlbRegionSet;

typedef CopTlbRegionSet CopTlbRegions[2];

typedef struct
{
  CopTlbEntry front[COP_TLB_FRONT_SIZE];
  CopTlbEntry entries[COP_TLB_SIZE];
  /* What was filled since all was cleared, in groups of COP_TLB_GROUP, a bit each: most processes are
     small, and each begins with tables that are empty. */
  uint64_t    used_front;
  uint64_t    used;
  /* What sfence.vma needs to find an entry again. */
  uint8_t     order[COP_TLB_SIZE];      /* log2 of the guest page's size; 12 for 4 KiB */
  bool        global[COP_TLB_SIZE];
  /* Pages that code was entered on since `generation` was drawn: see CopHart.code_tag. Finer than
     slots: a data page that is mapped must not pass for one with code. */
  uint64_t    executed[(1u << COP_TLB_EXECUTED_BITS) / 64];
  uint64_t    generation;
  uint32_t    epoch;                    /* drawn with it: see CopHart.code_epoch */
  CopTlbRegions large;                  /* where there may be entries with order above 12 */
  bool        has_private;              /* there may be entries that are not global */
  CopTlbRegions large_executed;         /* executed pages that were part of larger ones */
  CopTlbRanges loads, stores;
  CopTlbRange wide;                     /* that loads may go to */
} CopTlb;

static inline unsigned
cop_tlb_slot (uint64_t gva)
{
  return ((gva ^ (gva >> COP_TLB_MIX)) >> COP_PAGE_SHIFT) & (COP_TLB_SIZE - 1);
}

static inline unsigned
cop_tlb_front_slot (uint64_t gva)
{
  return (gva >> COP_PAGE_SHIFT) & (COP_TLB_FRONT_SIZE - 1);
}

/* No address of the slot is less than a page behind it, for emitted code looks whether gva - tag is.
   All bits set, as it happens, is right for all slots but those of the first page and the last. */
static inline uint64_t
cop_tlb_front_no_tag (unsigned slot)
{
  return ((slot + 1) & (COP_TLB_FRONT_SIZE - 1)) < 2 ? COP_PAGE_SIZE * (COP_TLB_FRONT_SIZE / 2)
                                                     : COP_TLB_NO_TAG;
}

/* What a tag is compared with: an access that is not aligned to its size never matches, so one that
   crosses a page never does. */
static inline uint64_t
cop_tlb_tag (uint64_t gva, unsigned size)
{
  return gva & (~(COP_PAGE_SIZE - 1) | (size - 1));
}

/* Whether @entry, of @gva's slot in front, lets an access of @size bytes (1, 2, 4 or 8) go by without being
   asked: @gva must be aligned to it. */
static inline bool
cop_tlb_hits (const CopTlbEntry *entry, uint64_t gva, unsigned size, CopAccess access)
{
  return __builtin_expect (entry->tag[access] == cop_tlb_tag (gva, size), 1);
}

static inline void *
cop_tlb_hva (const CopTlbEntry *entry, uint64_t gva)
{
  return (void *) (uintptr_t) (gva + entry->addend);
}

/* Where the page of @gva is if it is in front. */
static inline const CopTlbEntry *
cop_tlb_front (const CopTlb *tlb, uint64_t gva)
{
  return &tlb->front[cop_tlb_front_slot (gva)];
}

/**
 * cop_tlb_lookup:
 * @size: bytes of the access: 1, 2, 4 or 8
 *
 * Returns: (nullable): host address of @gva, when it is aligned to @size and its page is in front and
 *   may be accessed so without being asked
 */
static inline void *
cop_tlb_lookup (const CopTlb *tlb, uint64_t gva, unsigned size, CopAccess access)
{
  const CopTlbEntry *entry = cop_tlb_front (tlb, gva);

  return cop_tlb_hits (entry, gva, size, access) ? cop_tlb_hva (entry, gva) : NULL;
}

/**
 * cop_tlb_find:
 * The same for the page of @gva, by both levels; brings what it finds to the front.
 */
void *cop_tlb_find (CopTlb *tlb, uint64_t gva, CopAccess access);

struct CopHart;

/**
 * cop_tlb_fill:
 * @access: what is allowed from now on; entries for other accesses of the same page stay
 * @hva: host address of the page @gva lies on
 * @order: log2 of the guest page's size
 */
void cop_tlb_fill (struct CopHart *hart, CopTlb *tlb, uint64_t gva, CopAccess access,
                   uint8_t *hva, unsigned order, bool global);

/**
 * cop_tlb_widen:
 * Says that loads from all of [@gva, @gva + @length) may go to the host address @hva and behind.
 */
void cop_tlb_widen (CopTlb *tlb, uint64_t gva, uint64_t length, const uint8_t *hva);

/* Notes that code of @gva's page is entered through @tlb, a view of @hart's fetches. */
void cop_tlb_note_executed (CopTlb *tlb, uint64_t gva);

/* Drops what sfence.vma names from one table: a page, or all (@length UINT64_MAX). */
void cop_tlb_drop (struct CopHart *hart, CopTlb *tlb, uint64_t gva, uint64_t length,
                   bool keep_global);

/* Drops the write entries through which @hart may write the page at @hva. */
void cop_tlb_revoke_write (struct CopHart *hart, const uint8_t *hva);

/* Frees all tables of @hart. */
void cop_tlb_free_all (struct CopHart *hart);
