/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The page-table walk.
 *
 *   satp.PPN --> table --vpn[4]--> ... --vpn[1]--> table --vpn[0]--> leaf
 *                                                    ^
 *                  walk cache of the space: gva >> 21 +   (most walks are this one load)
 *
 * A walk is made at the hart's own pace while other harts change tables: each entry is read once,
 * atomically, and A and D are set by compare-and-exchange, so that no update is lost.
 */
#include "engine/riscv/mmu.h"

#include "common/checked.h"

enum
{
  PTE_V = 1 << 0,
  PTE_R = 1 << 1,
  PTE_W = 1 << 2,
  PTE_X = 1 << 3,
  PTE_U = 1 << 4,
  PTE_G = 1 << 5,
  PTE_A = 1 << 6,
  PTE_D = 1 << 7,
};
#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK UINT64_C (0x003ffffffffffc00)
#define PTE_RESERVED UINT64_C (0x1fc0000000000000)
#define PTE_PBMT UINT64_C (0x6000000000000000)
#define PTE_N UINT64_C (0x8000000000000000)

#define MENVCFG_PBMTE (UINT64_C (1) << 62)
#define MENVCFG_ADUE (UINT64_C (1) << 61)

#define LEAF_TABLE_SHIFT 21     /* gva bits a last-level table covers */

static bool
page_fault (CopHart *hart, uint64_t gva, CopAccess access)
{
  static const CopTrapCause causes[] = {
    [COP_ACCESS_LOAD] = COP_TRAP_LOAD_PAGE_FAULT,
    [COP_ACCESS_STORE] = COP_TRAP_STORE_PAGE_FAULT,
    [COP_ACCESS_FETCH] = COP_TRAP_INSN_PAGE_FAULT,
  };

  return cop_hart_raise (hart, causes[access], gva);
}

static bool
access_fault (CopHart *hart, uint64_t gva, CopAccess access)
{
  static const CopTrapCause causes[] = {
    [COP_ACCESS_LOAD] = COP_TRAP_LOAD_ACCESS_FAULT,
    [COP_ACCESS_STORE] = COP_TRAP_STORE_ACCESS_FAULT,
    [COP_ACCESS_FETCH] = COP_TRAP_INSN_ACCESS_FAULT,
  };

  return cop_hart_raise (hart, causes[access], gva);
}

CopPriv
cop_mmu_priv (const CopHart *hart, CopAccess access)
{
  if (access != COP_ACCESS_FETCH && hart->s.priv == COP_PRIV_M &&
      (hart->s.mstatus & COP_MSTATUS_MPRV))
    return (hart->s.mstatus & COP_MSTATUS_MPP) >> 11;
  return hart->s.priv;
}

static bool
reserved_bits_set (const CopHart *hart, uint64_t pte, bool leaf)
{
  if (pte & PTE_RESERVED)
    return true;
  if (pte & PTE_N)
    if (!leaf || !(hart->isa & COP_ISA (SVNAPOT)))
      return true;
  if (pte & PTE_PBMT)
    if (!leaf || (pte & PTE_PBMT) == PTE_PBMT || !(hart->isa & COP_ISA (SVPBMT)) ||
        !(hart->s.menvcfg & MENVCFG_PBMTE))
      return true;
  return false;
}

/* Whether the leaf's permissions let @access through. */
static bool
leaf_allows (const CopHart *hart, uint64_t pte, CopAccess access, CopPriv priv)
{
  if (pte & PTE_U)
    {
      if (priv == COP_PRIV_S &&
          (access == COP_ACCESS_FETCH || !(hart->s.mstatus & COP_MSTATUS_SUM)))
        return false;
    }
  else if (priv == COP_PRIV_U)
    return false;

  switch (access)
    {
    case COP_ACCESS_LOAD:
      return (pte & PTE_R) || ((pte & PTE_X) && (hart->s.mstatus & COP_MSTATUS_MXR));
    case COP_ACCESS_STORE:
      return pte & PTE_W;
    default:
      return pte & PTE_X;
    }
}

static CopWalkEntry *
walk_entry (CopTlbSpace *space, uint64_t gva)
{
  uint64_t region = gva >> LEAF_TABLE_SHIFT;

  return &space->walk[(region ^ (region >> 9)) % COP_WALK_CACHE_SIZE];
}

/* Where the entry at @gpa stands on the host, when the walk may read (or write) it. */
static uint64_t *
pte_pointer (CopHart *hart, uint64_t gpa, CopAccess access)
{
  uint64_t offset = gpa - hart->ram->dram.gpa;

  if (!cop_range_within (offset, sizeof (uint64_t), hart->ram->dram.size))
    return NULL;
  if (!cop_pmp_allows (hart, gpa, sizeof (uint64_t), access, COP_PRIV_S, NULL))
    return NULL;
  return (uint64_t *) (void *) (hart->ram->dram.hva + offset);
}

/* Sets A, and D for a store, as hardware does with ADUE. False with a fault raised; *changed when
   the entry is not what was read and the walk must start over. */
static bool
update_accessed (CopHart *hart, uint64_t pte_gpa, uint64_t *pte, uint64_t gva, CopAccess access,
                 bool *changed)
{
  uint64_t wanted = *pte | PTE_A | (access == COP_ACCESS_STORE ? PTE_D : 0);
  uint64_t *pointer;

  *changed = false;
  if (wanted == *pte)
    return true;
  if (!(hart->s.menvcfg & MENVCFG_ADUE))
    return page_fault (hart, gva, access);

  pointer = pte_pointer (hart, pte_gpa, COP_ACCESS_STORE);
  if (pointer == NULL)
    return access_fault (hart, gva, access);
  *changed = !__atomic_compare_exchange_n (pointer, pte, wanted, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
  if (*changed)
    return true;
  *pte = wanted;
  cop_ram_written (hart->ram, pte_gpa, sizeof wanted);
  return true;
}

/* Fills @out from a leaf that was found valid. */
static bool
use_leaf (CopHart *hart, uint64_t pte, unsigned level, bool global, uint64_t gva, CopAccess access,
          CopTranslation *out)
{
  uint64_t base = (pte & PTE_PPN_MASK) >> PTE_PPN_SHIFT << COP_PAGE_SHIFT;
  unsigned order = COP_PAGE_SHIFT + 9 * level;
  uint64_t offset_mask;

  if (pte & PTE_N)
    {
      /* Source: Privileged Spec 20240411 ch. 11: 64 KiB is the only size so far */
      if (level != 0 || ((pte >> PTE_PPN_SHIFT) & 0xf) != 8)
        return page_fault (hart, gva, access);
      order = 16;
      base &= ~((UINT64_C (1) << order) - 1);
    }
  offset_mask = (UINT64_C (1) << order) - 1;
  if (base & offset_mask)
    return page_fault (hart, gva, access);

  out->gpa = base | (gva & offset_mask);
  out->order = order;
  out->global = global || (pte & PTE_G);
  out->readable = (pte & PTE_R) || ((pte & PTE_X) && (hart->s.mstatus & COP_MSTATUS_MXR));
  out->writable = (pte & PTE_W) && (pte & PTE_D);
  out->executable = pte & PTE_X;
  return true;
}

/* Source: RISC-V Privileged Spec 20240411 §10.3.2 */
static bool
walk (CopHart *hart, uint64_t gva, CopAccess access, CopPriv priv, CopTranslation *out)
{
  unsigned levels = (hart->s.satp >> 60) - 8 + 3;
  unsigned top_bit = 12 + 9 * levels - 1;
  CopWalkEntry *cached = walk_entry (hart->space, gva);
  uint64_t table;
  unsigned level;
  bool global = false;

  if ((uint64_t) ((int64_t) (gva << (63 - top_bit)) >> (63 - top_bit)) != gva)
    return page_fault (hart, gva, access);

  hart->stats.walks++;
  if (cached->tag == gva >> LEAF_TABLE_SHIFT)
    {
      table = cached->table;
      global = cached->global;
      level = 0;
    }
  else
    {
      table = (hart->s.satp & ((UINT64_C (1) << 44) - 1)) << COP_PAGE_SHIFT;
      level = levels - 1;
    }

  for (;;)
    {
      uint64_t pte_gpa = table + ((gva >> (COP_PAGE_SHIFT + 9 * level)) & 511) * sizeof (uint64_t);
      uint64_t *pointer = pte_pointer (hart, pte_gpa, COP_ACCESS_LOAD);
      uint64_t pte;
      bool leaf, changed;

      if (pointer == NULL)
        return access_fault (hart, gva, access);
      pte = __atomic_load_n (pointer, __ATOMIC_ACQUIRE);
    again:
      leaf = pte & (PTE_R | PTE_X);
      if (!(pte & PTE_V) || (!(pte & PTE_R) && (pte & PTE_W)) ||
          reserved_bits_set (hart, pte, leaf))
        return page_fault (hart, gva, access);

      if (leaf)
        {
          if (!leaf_allows (hart, pte, access, priv) ||
              !use_leaf (hart, pte, level, global, gva, access, out))
            return page_fault (hart, gva, access);
          if (!update_accessed (hart, pte_gpa, &pte, gva, access, &changed))
            return false;
          if (changed)
            goto again;
          if (access == COP_ACCESS_STORE)
            out->writable = true;
          return true;
        }

      if (level == 0 || (pte & (PTE_A | PTE_D | PTE_U)))
        return page_fault (hart, gva, access);
      global |= (pte & PTE_G) != 0;
      table = (pte & PTE_PPN_MASK) >> PTE_PPN_SHIFT << COP_PAGE_SHIFT;
      if (--level == 0)
        *cached = (CopWalkEntry){ gva >> LEAF_TABLE_SHIFT, table, global };
    }
}

bool
cop_mmu_translate (CopHart *hart, uint64_t gva, CopAccess access, CopTranslation *out)
{
  CopPriv priv = cop_mmu_priv (hart, access);

  if (priv != COP_PRIV_M && hart->s.satp >> 60 != 0)
    {
      if (!walk (hart, gva, access, priv, out))
        return false;
    }
  else
    *out = (CopTranslation){
      .gpa = gva,
      .order = COP_PAGE_SHIFT,
      .global = true,
      .writable = true,
      .readable = true,
      .executable = true,
    };

  if (!cop_pmp_allows (hart, out->gpa, 1, access, priv, &out->uniform))
    return access_fault (hart, gva, access);
  return true;
}

void
cop_mmu_drop_walks (CopTlbSpace *space, uint64_t gva, uint64_t length)
{
  /* Beyond this many regions, each of what one table covers, it is as quick to drop all. */
  static const uint64_t most = 8;
  uint64_t first = gva >> LEAF_TABLE_SHIFT, regions;

  if (length > most << LEAF_TABLE_SHIFT)
    {
      for (unsigned i = 0; i < COP_WALK_CACHE_SIZE; i++)
        space->walk[i].tag = COP_TLB_NO_TAG;
      return;
    }
  regions = ((gva + length - 1) >> LEAF_TABLE_SHIFT) - first;
  for (uint64_t i = 0; i <= MIN (regions, most); i++)
    {
      CopWalkEntry *entry = walk_entry (space, (first + i) << LEAF_TABLE_SHIFT);

      if (entry->tag == first + i)
        entry->tag = COP_TLB_NO_TAG;
    }
}
