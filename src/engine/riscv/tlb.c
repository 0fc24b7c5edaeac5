/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tables of the software TLB: filling, dropping, and finding a page's write entries again.
 *
 * A page that gets code must lose its write entries. They are found by a hash of the host address:
 *
 *   hart->writers[hash (hva)] = 0            no write entry of such a page
 *                             = table, slot  the only one
 *                             = MANY         look everywhere
 *
 * An entry that was dropped or overwritten since leaves its note behind; it is overwritten when the
 * slot it names no longer leads to a page with that hash. Looking everywhere makes the note anew.
 */
#include "engine/riscv/tlb.h"
#include "engine/riscv/hart.h"

#include <string.h>
#include <sys/mman.h>

#define WRITERS_MANY UINT32_MAX

/* Tables in a fixed order: four of their own, then two for each space. */
enum
{
  TABLE_MACHINE,
  TABLE_BARE,
  TABLE_SUPERVISOR,
  TABLE_MXR,
  TABLE_SPACES,
  N_TABLES = TABLE_SPACES + 2 * COP_TLB_SPACES,
};

static CopTlb **
table_at (CopHart *hart, unsigned index)
{
  CopTlbSpace *space;

  switch (index)
    {
    case TABLE_MACHINE:
      return &hart->machine_tlb;
    case TABLE_BARE:
      return &hart->bare_tlb;
    case TABLE_SUPERVISOR:
      return &hart->supervisor_tlb;
    case TABLE_MXR:
      return &hart->mxr_tlb;
    default:
      space = &hart->spaces[(index - TABLE_SPACES) / 2];
      return (index - TABLE_SPACES) % 2 == 0 ? &space->user : &space->sum;
    }
}

static unsigned
index_of (CopHart *hart, const CopTlb *tlb)
{
  for (unsigned i = 0; i < N_TABLES; i++)
    if (*table_at (hart, i) == tlb)
      return i;
  g_assert_not_reached ();
}

static uint32_t *
writers_note (CopHart *hart, uint64_t hva)
{
  uint64_t page = hva >> COP_PAGE_SHIFT;

  return &hart->writers[(page ^ (page >> 14)) % COP_WRITER_SLOTS];
}

static uint64_t
entry_hva (const CopTlbEntry *entry)
{
  return entry->tag[COP_ACCESS_STORE] + entry->addend;
}

static uint32_t
note_of (unsigned table, unsigned slot)
{
  return table * COP_TLB_SIZE + slot + 1;
}

static void
note_writer (CopHart *hart, CopTlb *tlb, unsigned slot, uint64_t hva)
{
  uint32_t *note = writers_note (hart, hva);
  uint32_t mine = note_of (index_of (hart, tlb), slot);
  const CopTlb *other;
  const CopTlbEntry *entry;

  if (*note == 0 || *note == mine)
    {
      *note = mine;
      return;
    }
  if (*note == WRITERS_MANY)
    return;
  other = *table_at (hart, (*note - 1) / COP_TLB_SIZE);
  entry = &other->entries[(*note - 1) % COP_TLB_SIZE];
  if (entry->tag[COP_ACCESS_STORE] == COP_TLB_NO_TAG ||
      writers_note (hart, entry_hva (entry)) != note)
    *note = mine;
  else
    *note = WRITERS_MANY;
}

#define REGION_SHIFT 21

static unsigned
region_bit (uint64_t gva)
{
  uint64_t region = gva >> REGION_SHIFT;

  return (region ^ region >> 9) & 511;
}

static void
add_region (CopTlbRegions halves, uint64_t gva, unsigned order)
{
  CopTlbRegionSet *set = &halves[gva >> 63];
  uint64_t size = UINT64_C (1) << order;
  uint64_t first = gva & -size, last = first + (size - 1);
  unsigned bit = region_bit (gva);

  if (order <= REGION_SHIFT)
    set->bits[bit / 64] |= UINT64_C (1) << bit % 64;
  else if (set->last == 0)
    {
      set->first = first;
      set->last = last;
    }
  else
    {
      set->first = MIN (set->first, first);
      set->last = MAX (set->last, last);
    }
}

static bool
may_have_region (const CopTlbRegions halves, uint64_t gva)
{
  const CopTlbRegionSet *set = &halves[gva >> 63];
  unsigned bit = region_bit (gva);

  return (set->bits[bit / 64] >> bit % 64 & 1) ||
         (set->last != 0 && gva >= set->first && gva <= set->last);
}

/* --- the front --------------------------------------------------------------------------------- */

static void
set_front (CopTlb *tlb, unsigned slot, const CopTlbEntry *entry)
{
  CopTlbEntry *front = &tlb->front[slot];

  tlb->used_front |= UINT64_C (1) << slot / COP_TLB_GROUP;
  for (unsigned i = 0; i < G_N_ELEMENTS (front->tag); i++)
    front->tag[i] =
      entry->tag[i] == COP_TLB_NO_TAG ? cop_tlb_front_no_tag (slot) : entry->tag[i];
  front->addend = entry->addend;
}

/* Clears the groups of @entries that @used says. */
static void
clear_groups (CopTlbEntry *entries, uint64_t *used)
{
  for (; *used != 0; *used &= *used - 1)
    memset (entries + __builtin_ctzll (*used) * COP_TLB_GROUP, 0xff,
            COP_TLB_GROUP * sizeof *entries);
}

/* The first slot from @slot on that something may have been filled into; COP_TLB_SIZE: there is none */
static unsigned
used_slot (const CopTlb *tlb, unsigned slot)
{
  uint64_t groups = slot < COP_TLB_SIZE ? tlb->used >> slot / COP_TLB_GROUP : 0;

  if (groups & 1)
    return slot;
  return groups == 0 ? COP_TLB_SIZE
                     : (slot / COP_TLB_GROUP + __builtin_ctzll (groups)) * COP_TLB_GROUP;
}

static void
clear_front (CopTlb *tlb)
{
  const CopTlbEntry none = { .tag = { COP_TLB_NO_TAG, COP_TLB_NO_TAG, COP_TLB_NO_TAG } };

  clear_groups (tlb->front, &tlb->used_front);
  set_front (tlb, 0, &none);
  set_front (tlb, COP_TLB_FRONT_SIZE - 1, &none);
}

/* The page of an entry; COP_TLB_NO_TAG: it has none */
static uint64_t
page_of (const CopTlbEntry *entry)
{
  return entry->tag[0] & entry->tag[1] & entry->tag[2];
}

/* Has the front, where it has the page of @entry, say what the entry says. */
static void
update_front (CopTlb *tlb, uint64_t page, const CopTlbEntry *entry)
{
  unsigned slot = cop_tlb_front_slot (page);
  const uint64_t *tags = tlb->front[slot].tag;

  if (tags[0] == page || tags[1] == page || tags[2] == page)
    set_front (tlb, slot, entry);
}

void *
cop_tlb_find (CopTlb *tlb, uint64_t gva, CopAccess access)
{
  const CopTlbEntry *entry = cop_tlb_front (tlb, gva);

  if (cop_tlb_hits (entry, gva, 1, access))
    return cop_tlb_hva (entry, gva);
  entry = &tlb->entries[cop_tlb_slot (gva)];
  if (!cop_tlb_hits (entry, gva, 1, access))
    return NULL;
  set_front (tlb, cop_tlb_front_slot (gva), entry);
  return cop_tlb_hva (entry, gva);
}

/* --- filling and dropping ------------------------------------------------------------------------ */

static void
clear_entry (CopTlb *tlb, CopTlbEntry *entry)
{
  uint64_t page = page_of (entry);

  entry->tag[COP_ACCESS_LOAD] = COP_TLB_NO_TAG;
  entry->tag[COP_ACCESS_STORE] = COP_TLB_NO_TAG;
  entry->tag[COP_ACCESS_FETCH] = COP_TLB_NO_TAG;
  if (page != COP_TLB_NO_TAG)
    update_front (tlb, page, entry);
}

static void
revoke_entry (CopTlb *tlb, CopTlbEntry *entry)
{
  uint64_t page = entry->tag[COP_ACCESS_STORE];

  entry->tag[COP_ACCESS_STORE] = COP_TLB_NO_TAG;
  update_front (tlb, page, entry);
}

#define EPOCHS (1u << (COP_EPOCH_BITS - COP_EPOCH_MODE_BITS))
G_STATIC_ASSERT ((COP_MODE_FRM_MASK | COP_MODE_FS_OFF) < 1u << COP_EPOCH_MODE_BITS);

static void
name_code (CopHart *hart)
{
  hart->code_tag = hart->fetch_tlb->generation << 8 | hart->mode;
  hart->code_epoch =
    COP_EPOCH_MARK | hart->fetch_tlb->epoch << COP_EPOCH_MODE_BITS | hart->mode;
}

static void
draw_generation (CopHart *hart, CopTlb *tlb)
{
  tlb->generation = ++hart->generation_clock;
  tlb->epoch = ++hart->epoch_clock;
  memset (tlb->executed, 0, sizeof tlb->executed);
  memset (&tlb->large_executed, 0, sizeof tlb->large_executed);
}

/* From now on no (pc, code_tag) pair made under this view is valid. */
static void
new_generation (CopHart *hart, CopTlb *tlb)
{
  if (hart->epoch_clock == EPOCHS - 1)
    {
      hart->epoch_clock = 0;
      for (unsigned i = 0; i < N_TABLES; i++)
        if (*table_at (hart, i) != NULL)
          draw_generation (hart, *table_at (hart, i));
      if (hart->epochs_over != NULL)
        hart->epochs_over (hart);
    }
  draw_generation (hart, tlb);
  if (hart->fetch_tlb != NULL)
    name_code (hart);
}

static void
forget_ranges (CopTlb *tlb)
{
  cop_tlb_forget_ranges (&tlb->loads);
  cop_tlb_forget_ranges (&tlb->stores);
  tlb->wide = (CopTlbRange){ 0 };
}

static void
clear_table (CopHart *hart, CopTlb *tlb)
{
  forget_ranges (tlb);
  clear_front (tlb);
  clear_groups (tlb->entries, &tlb->used);
  memset (&tlb->large, 0, sizeof tlb->large);
  tlb->has_private = false;
  new_generation (hart, tlb);
}

static CopTlb *
new_table (CopHart *hart)
{
  CopTlb *tlb = mmap (NULL, sizeof *tlb, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (tlb == MAP_FAILED)
    g_error ("no memory for a TLB of %zu bytes", sizeof *tlb);
  tlb->used_front = UINT64_MAX >> (64 - COP_TLB_FRONT_SIZE / COP_TLB_GROUP);
  tlb->used = UINT64_MAX;
  clear_table (hart, tlb);
  return tlb;
}

void
cop_tlb_fill (CopHart *hart, CopTlb *tlb, uint64_t gva, CopAccess access, uint8_t *hva,
              unsigned order, bool global)
{
  unsigned slot = cop_tlb_slot (gva);
  CopTlbEntry *entry = &tlb->entries[slot];
  uint64_t page = gva & ~(COP_PAGE_SIZE - 1);
  uint64_t addend = ((uint64_t) (uintptr_t) hva & ~(COP_PAGE_SIZE - 1)) - page;

  if (entry->addend != addend || tlb->order[slot] != order || tlb->global[slot] != global ||
      page_of (entry) != page)
    {
      clear_entry (tlb, entry);
      entry->addend = addend;
      tlb->order[slot] = order;
      tlb->global[slot] = global;
      if (order > COP_PAGE_SHIFT)
        add_region (tlb->large, page, order);
      tlb->has_private |= !global;
    }
  if (access == COP_ACCESS_STORE)
    note_writer (hart, tlb, slot, page + addend);
  tlb->used |= UINT64_C (1) << slot / COP_TLB_GROUP;
  entry->tag[access] = page;
  set_front (tlb, cop_tlb_front_slot (gva), entry);
}

void
cop_tlb_widen (CopTlb *tlb, uint64_t gva, uint64_t length, const uint8_t *hva)
{
  CopTlbRange *wide = &tlb->wide;
  uint64_t addend = (uint64_t) (uintptr_t) hva - gva;
  uint64_t end = gva + length, wide_end = wide->start + wide->length + COP_TLB_RANGE_SHORT - 1;

  /* What goes on where the last one ended, or leads up to it, makes it wider. */
  if (wide->length != 0 && wide->addend == addend && gva <= wide_end && end >= wide->start)
    {
      gva = MIN (gva, wide->start);
      end = MAX (end, wide_end);
    }
  *wide = (CopTlbRange){
    .start = gva,
    .length = end - gva - (COP_TLB_RANGE_SHORT - 1),
    .long_length = end - gva - (COP_TLB_RANGE_LONG - 1),
    .frame_length = end - gva - (COP_TLB_RANGE_FRAME - 1),
    .addend = addend,
  };
}

static unsigned
executed_bit (uint64_t gva)
{
  uint64_t page = gva >> COP_PAGE_SHIFT;

  return (page ^ page >> COP_TLB_EXECUTED_BITS) & ((1u << COP_TLB_EXECUTED_BITS) - 1);
}

void
cop_tlb_note_executed (CopTlb *tlb, uint64_t gva)
{
  unsigned slot = cop_tlb_slot (gva), bit = executed_bit (gva);

  tlb->executed[bit / 64] |= UINT64_C (1) << bit % 64;
  if (tlb->order[slot] > COP_PAGE_SHIFT)
    add_region (tlb->large_executed, gva, tlb->order[slot]);
}

/* One page: its slot, and those of the larger page that @gva may be part of. */
static void
drop_page (CopHart *hart, CopTlb *tlb, uint64_t gva, bool keep_global)
{
  unsigned slot = cop_tlb_slot (gva), bit = executed_bit (gva);
  uint64_t page = gva & ~(COP_PAGE_SIZE - 1);
  CopTlbEntry *entry = &tlb->entries[slot];

  if ((tlb->executed[bit / 64] & (UINT64_C (1) << bit % 64)) ||
      may_have_region (tlb->large_executed, gva))
    new_generation (hart, tlb);
  forget_ranges (tlb);
  if (!(keep_global && tlb->global[slot]) && page_of (entry) == page)
    clear_entry (tlb, entry);
  if (!may_have_region (tlb->large, gva))
    return;
  for (unsigned i = 0; i < COP_TLB_SIZE; i++)
    {
      uint64_t tag;

      if (tlb->order[i] <= COP_PAGE_SHIFT)
        continue;
      entry = &tlb->entries[i];
      tag = page_of (entry);
      if (tag != COP_TLB_NO_TAG && !(keep_global && tlb->global[i]) &&
          (tag ^ gva) >> tlb->order[i] == 0)
        clear_entry (tlb, entry);
    }
}

/* Everything but global entries. */
static void
drop_private (CopHart *hart, CopTlb *tlb)
{
  if (!tlb->has_private)
    return;
  forget_ranges (tlb);
  for (unsigned i = used_slot (tlb, 0); i < COP_TLB_SIZE; i = used_slot (tlb, i + 1))
    if (!tlb->global[i])
      clear_entry (tlb, &tlb->entries[i]);
  tlb->has_private = false;
  new_generation (hart, tlb);
}

void
cop_tlb_drop (CopHart *hart, CopTlb *tlb, uint64_t gva, uint64_t length, bool keep_global)
{
  /* Beyond this many pages, dropping all is cheaper than looking for each. */
  static const uint64_t most = 64 * COP_PAGE_SIZE;

  if (tlb == NULL)
    return;
  if (length > most)
    {
      if (keep_global)
        drop_private (hart, tlb);
      else
        clear_table (hart, tlb);
      return;
    }
  /* Counted, for the last page ends where addresses start again. */
  for (uint64_t left = (gva % COP_PAGE_SIZE + length + COP_PAGE_SIZE - 1) / COP_PAGE_SIZE; left > 0;
       left--, gva += COP_PAGE_SIZE)
    drop_page (hart, tlb, gva, keep_global);
}

void
cop_tlb_revoke_write (CopHart *hart, const uint8_t *hva)
{
  uint64_t page = (uint64_t) (uintptr_t) hva & ~(COP_PAGE_SIZE - 1);
  uint32_t *note = writers_note (hart, page);

  /* They outlast entries, so that no note need be left of the page. */
  for (unsigned i = 0; i < N_TABLES; i++)
    if (*table_at (hart, i) != NULL)
      cop_tlb_forget_ranges (&(*table_at (hart, i))->stores);
  if (*note == 0)
    return;
  if (*note != WRITERS_MANY)
    {
      CopTlb *tlb = *table_at (hart, (*note - 1) / COP_TLB_SIZE);
      CopTlbEntry *entry = &tlb->entries[(*note - 1) % COP_TLB_SIZE];

      if (entry->tag[COP_ACCESS_STORE] != COP_TLB_NO_TAG && entry_hva (entry) == page)
        revoke_entry (tlb, entry);
      return;
    }

  *note = 0;
  for (unsigned i = 0; i < N_TABLES; i++)
    {
      CopTlb *tlb = *table_at (hart, i);

      if (tlb == NULL)
        continue;
      for (unsigned slot = used_slot (tlb, 0); slot < COP_TLB_SIZE;
           slot = used_slot (tlb, slot + 1))
        {
          CopTlbEntry *entry = &tlb->entries[slot];

          if (entry->tag[COP_ACCESS_STORE] == COP_TLB_NO_TAG)
            continue;
          if (entry_hva (entry) == page)
            revoke_entry (tlb, entry);
          else if (writers_note (hart, entry_hva (entry)) == note)
            *note = *note == 0 ? note_of (i, slot) : WRITERS_MANY;
        }
    }
}

void
cop_tlb_free_all (CopHart *hart)
{
  for (unsigned i = 0; i < N_TABLES; i++)
    {
      CopTlb **tlb = table_at (hart, i);

      if (*tlb != NULL)
        munmap (*tlb, sizeof **tlb);
      *tlb = NULL;
    }
}

static CopTlb *
need_table (CopHart *hart, CopTlb **tlb)
{
  if (*tlb == NULL)
    *tlb = new_table (hart);
  return *tlb;
}

/* The space of the current satp: found, or the one unused for longest, emptied. */
static CopTlbSpace *
find_space (CopHart *hart)
{
  CopTlbSpace *oldest = &hart->spaces[0];

  for (unsigned i = 0; i < COP_TLB_SPACES; i++)
    {
      CopTlbSpace *space = &hart->spaces[i];

      if (space->satp == hart->s.satp)
        {
          space->last_used = ++hart->space_clock;
          return space;
        }
      if (space->last_used < oldest->last_used)
        oldest = space;
    }

  if (oldest->user != NULL)
    clear_table (hart, oldest->user);
  if (oldest->sum != NULL)
    clear_table (hart, oldest->sum);
  memset (oldest->walk, 0xff, sizeof oldest->walk);
  oldest->satp = hart->s.satp;
  oldest->last_used = ++hart->space_clock;
  return oldest;
}

static CopTlb *
choose_view (CopHart *hart, CopPriv priv, bool sum, bool mxr)
{
  if (priv == COP_PRIV_M)
    return need_table (hart, &hart->machine_tlb);
  if (hart->s.satp >> 60 == 0)
    return need_table (hart, &hart->bare_tlb);
  if (mxr)
    {
      need_table (hart, &hart->mxr_tlb);
      clear_table (hart, hart->mxr_tlb);
      return hart->mxr_tlb;
    }
  if (priv == COP_PRIV_U)
    return need_table (hart, &hart->space->user);
  return need_table (hart, sum ? &hart->space->sum : &hart->supervisor_tlb);
}

static uint32_t
choose_mode (const CopHart *hart)
{
  uint32_t mode = hart->s.fcsr >> 5;

  /* Whether FS is Clean or Dirty makes no difference: after each switch of processes the same code
     would be another's. What writes to the unit's state makes FS Dirty, be it so or not. */
  return hart->s.mstatus & COP_MSTATUS_FS ? mode : mode | COP_MODE_FS_OFF;
}

void
cop_hart_update_view (CopHart *hart)
{
  CopPriv priv = hart->s.priv;
  CopPriv data_priv = priv;
  uint64_t mstatus = hart->s.mstatus;

  if (priv == COP_PRIV_M && (mstatus & COP_MSTATUS_MPRV))
    data_priv = (mstatus & COP_MSTATUS_MPP) >> 11;

  if (hart->s.satp >> 60 == 0)
    hart->space = NULL;
  else if (hart->space == NULL || hart->space->satp != hart->s.satp)
    {
      hart->space = find_space (hart);
      /* The supervisor's view is shared by all spaces: only global entries may stay. */
      if (hart->supervisor_tlb != NULL)
        drop_private (hart, hart->supervisor_tlb);
    }

  hart->tlb = choose_view (hart, data_priv, mstatus & COP_MSTATUS_SUM, mstatus & COP_MSTATUS_MXR);
  hart->fetch_tlb = choose_view (hart, priv, false, false);
  hart->mode = choose_mode (hart);
  name_code (hart);
}
