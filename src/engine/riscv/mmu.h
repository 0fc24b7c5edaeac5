/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Address translation, the slow side of the TLB, and the watch on code pages.
 */
#pragma once

#include "engine/riscv/hart.h"

typedef struct
{
  uint64_t gpa;
  unsigned order;               /* log2 of the page's size */
  bool     global;
  bool     writable;            /* a store would succeed too, with no change to the page table */
  bool     readable, executable;
  bool     uniform;             /* what PMP says of it holds for the whole 4 KiB page */
} CopTranslation;

/**
 * cop_mmu_translate:
 * @hart: the accessing hart
 * @gva: guest virtual address, canonical or not
 * @access: fetch, load or store, with the effective privilege of the hart's state
 * @out: (out): where it leads; set on success only
 *
 * Walks the page table, checks PMP, sets A and D as menvcfg.ADUE says. Never blocks.
 *
 * Source: RISC-V Privileged Spec 20240411 §10.3.2, §10.4.1, §10.5.1, §3.7
 * Returns: false with the page or access fault raised on @hart, @gva as its tval
 */
bool cop_mmu_translate (CopHart *hart, uint64_t gva, CopAccess access, CopTranslation *out);

/* The privilege an access is checked with now: that of MPP where MPRV says so. */
CopPriv cop_mmu_priv (const CopHart *hart, CopAccess access);

/**
 * cop_mmu_load_slow:
 * cop_mmu_store_slow:
 * @size: 1, 2, 4 or 8 bytes, any alignment; the value is zero-extended
 *
 * What a load or store does when the TLB did not have it: refills, reaches devices, splits at page
 * ends, reports code that is written.
 *
 * Returns: false with a fault raised; nothing was stored then
 */
bool cop_mmu_load_slow (CopHart *hart, uint64_t gva, unsigned size, uint64_t *value);
bool cop_mmu_store_slow (CopHart *hart, uint64_t gva, unsigned size, uint64_t value);

/**
 * cop_mmu_prepare:
 * @writes: whether stores to the page are to come, @writes_now: and the first access is one
 *
 * Refills the TLB for the page of @gva without accessing it.
 *
 * Returns: (nullable): host address of @gva; NULL when accesses must go one by one, for whatever
 *   reason: no exception is raised
 */
void *cop_mmu_prepare (CopHart *hart, uint64_t gva, bool writes, bool writes_now);

/**
 * cop_mmu_atomic_slow:
 * Host address for an AMO, LR or SC at @gva (naturally aligned, @size 4 or 8), after refill and
 * faults. What stores there must call cop_mmu_atomic_done() afterwards.
 *
 * Returns: (nullable): NULL with a fault raised
 */
void *cop_mmu_atomic_slow (CopHart *hart, uint64_t gva, unsigned size, CopAccess access);

/**
 * cop_mmu_atomic_done:
 * @hva: what cop_mmu_atomic_slow() returned; the store to it has been done
 *
 * Reports code that was written. Not before the store: another hart would decode the old bytes again
 * in between.
 */
void cop_mmu_atomic_done (CopHart *hart, const void *hva, unsigned size);

/**
 * cop_mmu_fetch:
 * @gpa: (out): physical address of @pc
 *
 * Returns: (nullable): host address of the instruction bytes from @pc to the end of its page; NULL
 *   with a fault raised
 */
const uint8_t *cop_mmu_fetch (CopHart *hart, uint64_t pc, uint64_t *gpa);

/**
 * cop_mmu_watch_code:
 * Marks [gpa, gpa + length), in one page, as decoded or translated: from now on every store to it,
 * by hart or device, is reported. Call it before reading the bytes; a store that slips through on
 * another hart is reported late but before this hart's next fence.i ends.
 */
void cop_mmu_watch_code (CopHart *hart, uint64_t gpa, uint64_t length);

/**
 * cop_mmu_watch_code_for_all:
 * @harts: (element-type CopHart): all that may write to @ram
 * @unanswered: (inout): the caller's, who waits until it is 0 before code is used that was made of the
 *   bytes: until then a store may slip through, which is reported when its hart answers
 *
 * The same on a thread that drives no hart, and keeps nothing of its own that is made of the bytes.
 */
void cop_mmu_watch_code_for_all (CopRam *ram, GPtrArray *harts, uint64_t gpa, uint64_t length,
                                 int *unanswered);

/* Takes lines off the watch again: no engine holds code of them. Returns the harts that may hold some
   yet, a bit each. */
uint64_t cop_mmu_unwatch_code (CopRam *ram, uint64_t gpa, uint64_t length);

/**
 * cop_mmu_sfence:
 * sfence.vma on this hart. @asid UINT64_MAX: all address spaces and global entries; @length
 * UINT64_MAX: all addresses.
 */
void cop_mmu_sfence (CopHart *hart, uint64_t gva, uint64_t length, uint64_t asid);

/* fence.i: answers requests, waits for other harts' answers to revocations. */
void cop_mmu_fence_i (CopHart *hart);

/* Drops every view and walk entry: after PMP, PBMTE, ADUE or MODE changes, load and reset. */
void cop_mmu_flush_all (CopHart *hart);

/* Frees all that the MMU allocated for @hart; part of cop_hart_free(). */
void cop_mmu_free (CopHart *hart);

/* This hart's answer to COP_REQUEST_REVOKE_WRITE: drops its write entries of the page at @gpa. With
   @may_have_written, the hart has run since the request was made: the page is reported as written. */
void cop_mmu_revoke_write (CopHart *hart, uint64_t gpa, bool may_have_written);

/* Drops a space's pointers to page tables that [gva, gva + length) is reached through. */
void cop_mmu_drop_walks (CopTlbSpace *space, uint64_t gva, uint64_t length);

/* Whether PMP lets @priv access [gpa, gpa + length) so; @uniform: (out) (optional): whether the
   same holds for the whole 4 KiB page. */
bool cop_pmp_allows (const CopHart *hart, uint64_t gpa, uint64_t length, CopAccess access,
                     CopPriv priv, bool *uniform);
