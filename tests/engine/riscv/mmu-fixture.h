/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A hart in S mode with page tables that the test builds, and no machine around it.
 *
 *   RAM   | root | root | ... tables ... |          | data ............. |
 *         0                              next_table   TEST_DATA
 */
#pragma once

#include "engine/riscv/mmu.h"

#define TEST_RAM UINT64_C (0x80000000)
#define TEST_SIZE (UINT64_C (64) << 20)
#define TEST_DATA (TEST_RAM + (UINT64_C (4) << 20))
#define TEST_PAGE COP_PAGE_SIZE

#define PTE_V 0x01u
#define PTE_R 0x02u
#define PTE_W 0x04u
#define PTE_X 0x08u
#define PTE_U 0x10u
#define PTE_G 0x20u
#define PTE_A 0x40u
#define PTE_D 0x80u
#define PTE_N (UINT64_C (1) << 63)
#define PTE_PBMT_SHIFT 61
#define PTE_RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define PTE_RWX (PTE_RW | PTE_X)
#define PTE_USER (PTE_RWX | PTE_U)

#define SV39 8
#define SV48 9
#define SV57 10

#define ALL UINT64_MAX          /* of an sfence.vma: addresses, address spaces */

typedef struct
{
  CopRam  *ram;
  CopHart *hart;
  uint64_t next_table;          /* gpa */
  uint64_t root;                /* gpa */
  unsigned mode;                /* of satp */
} Mmu;

static inline uint64_t *
mmu_word (Mmu *mmu, uint64_t gpa)
{
  return (uint64_t *) (void *) cop_ram_span (mmu->ram, gpa, sizeof (uint64_t));
}

static inline uint64_t
mmu_new_table (Mmu *mmu)
{
  uint64_t table = mmu->next_table;

  mmu->next_table += TEST_PAGE;
  g_assert_cmphex (mmu->next_table, <=, TEST_DATA);
  return table;
}

/* Makes @root, with @asid, the current address space. */
static inline void
mmu_switch (Mmu *mmu, uint64_t root, uint64_t asid)
{
  mmu->hart->s.satp = (uint64_t) mmu->mode << 60 | asid << 44 | root >> COP_PAGE_SHIFT;
  cop_hart_update_view (mmu->hart);
}

static inline void
mmu_set_priv (Mmu *mmu, CopPriv priv)
{
  mmu->hart->s.priv = priv;
  cop_hart_update_view (mmu->hart);
}

static inline void
mmu_set_status (Mmu *mmu, uint64_t bits, bool on)
{
  mmu->hart->s.mstatus = on ? mmu->hart->s.mstatus | bits : mmu->hart->s.mstatus & ~bits;
  cop_hart_update_view (mmu->hart);
}

static inline void
mmu_init (Mmu *mmu, unsigned mode)
{
  g_autoptr (GError) error = NULL;

  mmu->ram = cop_ram_new (TEST_RAM, TEST_SIZE, -1, &error);
  g_assert_no_error (error);
  mmu->hart = cop_hart_new (NULL, mmu->ram, 0, cop_isa_default ());
  cop_hart_reset (mmu->hart, TEST_RAM, COP_PRIV_S, 0);
  mmu->next_table = TEST_RAM;
  mmu->mode = mode;
  mmu->root = mmu_new_table (mmu);
  mmu_switch (mmu, mmu->root, 1);
}

static inline void
mmu_clear (Mmu *mmu)
{
  cop_hart_free (mmu->hart);
  cop_ram_free (mmu->ram);
}

static inline unsigned
mmu_levels (const Mmu *mmu)
{
  return mmu->mode - SV39 + 3;
}

/* The entry for @gva at @level (0: of 4 KiB pages) below @root, with the tables on the way to it. */
static inline uint64_t *
mmu_entry (Mmu *mmu, uint64_t root, uint64_t gva, unsigned level)
{
  uint64_t table = root;

  for (unsigned at = mmu_levels (mmu) - 1;; at--)
    {
      uint64_t *entry = mmu_word (mmu, table + (gva >> (12 + 9 * at) & 511) * 8);

      if (at == level)
        return entry;
      if (!(*entry & PTE_V))
        *entry = mmu_new_table (mmu) >> 2 | PTE_V;
      table = (*entry >> 10 & ((UINT64_C (1) << 44) - 1)) << COP_PAGE_SHIFT;
    }
}

/* Maps the page at @gva, of @level, to @gpa. Returns: its entry */
static inline uint64_t *
mmu_map_in (Mmu *mmu, uint64_t root, uint64_t gva, uint64_t gpa, unsigned level, uint64_t flags)
{
  uint64_t *entry = mmu_entry (mmu, root, gva, level);

  *entry = gpa >> 2 | flags;
  return entry;
}

static inline uint64_t *
mmu_map (Mmu *mmu, uint64_t gva, uint64_t gpa, uint64_t flags)
{
  return mmu_map_in (mmu, mmu->root, gva, gpa, 0, flags);
}

/* The accesses below give the trap they ended in; its tval must be @gva, or what they say. */

static inline CopTrapCause
mmu_cause (Mmu *mmu, bool good, uint64_t tval)
{
  if (good)
    return COP_TRAP_NONE;
  g_assert_cmphex (mmu->hart->trap_tval, ==, tval);
  return mmu->hart->trap_cause;
}

static inline CopTrapCause
mmu_load (Mmu *mmu, uint64_t gva, uint64_t *value)
{
  return mmu_cause (mmu, cop_mmu_load_slow (mmu->hart, gva, 8, value), gva);
}

static inline CopTrapCause
mmu_store (Mmu *mmu, uint64_t gva, uint64_t value)
{
  return mmu_cause (mmu, cop_mmu_store_slow (mmu->hart, gva, 8, value), gva);
}

static inline CopTrapCause
mmu_fetch (Mmu *mmu, uint64_t gva, uint64_t *gpa)
{
  return mmu_cause (mmu, cop_mmu_fetch (mmu->hart, gva, gpa) != NULL, gva);
}

static inline CopTrapCause
mmu_access (Mmu *mmu, uint64_t gva, CopAccess access)
{
  uint64_t ignored;

  switch (access)
    {
    case COP_ACCESS_LOAD:
      return mmu_load (mmu, gva, &ignored);
    case COP_ACCESS_STORE:
      return mmu_store (mmu, gva, 0);
    default:
      return mmu_fetch (mmu, gva, &ignored);
    }
}

static inline CopTrapCause
mmu_page_fault (CopAccess access)
{
  return access == COP_ACCESS_LOAD    ? COP_TRAP_LOAD_PAGE_FAULT
         : access == COP_ACCESS_STORE ? COP_TRAP_STORE_PAGE_FAULT
                                      : COP_TRAP_INSN_PAGE_FAULT;
}

/* What a load of @gva reads; it must not trap. */
static inline uint64_t
mmu_read (Mmu *mmu, uint64_t gva)
{
  uint64_t value;

  g_assert_cmpint (mmu_load (mmu, gva, &value), ==, COP_TRAP_NONE);
  return value;
}
