/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The slow side of the TLB: refill, devices, accesses that cross pages, and stores to code.
 */
#include "engine/riscv/mmu.h"

#include "engine/dev/bus.h"
#include "engine/machine.h"
#include "engine/ram-trim.h"
#include "engine/riscv/csr.h"

#include <string.h>

#define PAGE_MASK (~(COP_PAGE_SIZE - 1))

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

static void
count_miss (CopHart *hart, CopAccess access)
{
  static const CopHpmEvent events[] = {
    [COP_ACCESS_LOAD] = COP_HPM_EVENT_DTLB_READ_MISS,
    [COP_ACCESS_STORE] = COP_HPM_EVENT_DTLB_WRITE_MISS,
    [COP_ACCESS_FETCH] = COP_HPM_EVENT_ITLB_MISS,
  };

  hart->stats.tlb_misses[access]++;
  cop_hpm_count (hart, events[access]);
}

/* What harts do to one place at a time is for the guest to order. C has no name for such accesses when
   they are misaligned, and the thread sanitizer is not to ask for one. */
#if defined (__SANITIZE_THREAD__)
#define GUEST_RACES __attribute__ ((noinline, no_sanitize ("thread")))
#else
#define GUEST_RACES
#endif

/* By memcpy(), since addresses may be misaligned; aligned ones are still accessed in one piece. */
GUEST_RACES static uint64_t
load_host (const void *from, unsigned size)
{
  uint16_t half;
  uint32_t word;
  uint64_t doubleword;

  switch (size)
    {
    case 1:
      return *(const uint8_t *) from;
    case 2:
      memcpy (&half, from, sizeof half);
      return half;
    case 4:
      memcpy (&word, from, sizeof word);
      return word;
    default:
      memcpy (&doubleword, from, sizeof doubleword);
      return doubleword;
    }
}

GUEST_RACES static void
store_host (void *to, unsigned size, uint64_t value)
{
  switch (size)
    {
    case 1:
      *(uint8_t *) to = value;
      break;
    case 2:
      memcpy (to, &value, 2);
      break;
    case 4:
      memcpy (to, &value, 4);
      break;
    default:
      memcpy (to, &value, 8);
    }
}

/* Lets stores to the page at @gpa go by without being asked, unless code was made of it. The order
   (own bit first, then look) meets cop_mmu_watch_code()'s (code first, then look): one of the two
   sees the other. */
static bool
may_write_unasked (CopHart *hart, uint64_t gpa)
{
  CopPage *page = cop_ram_page (hart->ram, gpa);
  uint64_t mine = UINT64_C (1) << hart->id;

  if (__atomic_load_n (&page->code, __ATOMIC_RELAXED) != 0)
    return false;
  if (!(__atomic_load_n (&page->writers, __ATOMIC_RELAXED) & mine))
    __atomic_fetch_or (&page->writers, mine, __ATOMIC_SEQ_CST);
  return __atomic_load_n (&page->code, __ATOMIC_SEQ_CST) == 0;
}

/* Lets loads go to all of a large page, or to all memory where addresses are not translated, as far
   as @block goes and one PMP entry, or none, matches. */
static void
widen (CopHart *hart, CopTlb *tlb, uint64_t gva, const CopRamBlock *block,
       const CopTranslation *found)
{
  bool is_bare = tlb == hart->machine_tlb || tlb == hart->bare_tlb;
  uint64_t size = UINT64_C (1) << found->order, first = found->gpa & -size, last = first + size - 1;

  if (is_bare)
    {
      first = block->gpa;
      last = block->gpa + block->size - 1;
    }
  else if (found->order <= COP_PAGE_SHIFT)
    return;
  first = MAX (first, block->gpa);
  last = MIN (last, block->gpa + block->size - 1);
  if (gva - tlb->wide.start < tlb->wide.length ||
      !cop_pmp_allows (hart, first, last - first + 1, COP_ACCESS_LOAD,
                       cop_mmu_priv (hart, COP_ACCESS_LOAD), NULL))
    return;
  cop_tlb_widen (tlb, gva - (found->gpa - first), last - first + 1,
                 block->hva + (first - block->gpa));
}

/* Puts what the walk found into the view, where it may be used again without asking. */
static void
refill (CopHart *hart, CopTlb *tlb, uint64_t gva, CopAccess access, const CopTranslation *found)
{
  const CopRamBlock *block = cop_ram_block (hart->ram, found->gpa, 1);
  uint8_t *hva;

  if (block == NULL || !found->uniform)
    return;
  hva = block->hva + (found->gpa - block->gpa);
  if (access == COP_ACCESS_STORE)
    {
      if (block->readonly || !may_write_unasked (hart, found->gpa))
        return;
      cop_tlb_fill (hart, tlb, gva, COP_ACCESS_STORE, hva, found->order, found->global);
      if (G_UNLIKELY (hart->ram->sole_writer == hart))
        cop_ram_trim_note (hart->ram, found->gpa);
      if (!found->readable || !cop_pmp_allows (hart, found->gpa, 1, COP_ACCESS_LOAD,
                                               cop_mmu_priv (hart, COP_ACCESS_LOAD), NULL))
        return;
      access = COP_ACCESS_LOAD;
    }
  cop_tlb_fill (hart, tlb, gva, access, hva, found->order, found->global);
  if (access == COP_ACCESS_LOAD)
    widen (hart, tlb, gva, block, found);
}

/* Where a load on one page comes from: *@hva, or NULL for a device at *@gpa. */
static bool
find_load (CopHart *hart, uint64_t gva, unsigned size, uint8_t **hva, uint64_t *gpa)
{
  const CopRamBlock *block;
  CopTranslation found;

  *hva = cop_tlb_find (hart->tlb, gva, COP_ACCESS_LOAD);
  if (*hva != NULL)
    return true;

  count_miss (hart, COP_ACCESS_LOAD);
  if (!cop_mmu_translate (hart, gva, COP_ACCESS_LOAD, &found))
    return false;
  if (!found.uniform &&
      !cop_pmp_allows (hart, found.gpa, size, COP_ACCESS_LOAD,
                      cop_mmu_priv (hart, COP_ACCESS_LOAD), NULL))
    return access_fault (hart, gva, COP_ACCESS_LOAD);
  *gpa = found.gpa;
  *hva = NULL;
  block = cop_ram_block (hart->ram, found.gpa, size);
  if (block != NULL)
    {
      refill (hart, hart->tlb, gva, COP_ACCESS_LOAD, &found);
      *hva = block->hva + (found.gpa - block->gpa);
    }
  return true;
}

static bool
load_one (CopHart *hart, uint64_t gva, unsigned size, uint64_t *value)
{
  uint64_t gpa;
  uint8_t *hva;

  if (!find_load (hart, gva, size, &hva, &gpa))
    return false;
  if (hva != NULL)
    {
      *value = load_host (hva, size);
      return true;
    }
  hart->stats.mmio++;
  if (hart->bus == NULL || !cop_bus_read (hart->bus, gpa, size, value))
    return access_fault (hart, gva, COP_ACCESS_LOAD);
  return true;
}

/* Where a store on one page goes. */
typedef struct
{
  uint8_t *hva;                 /* NULL: to a device at gpa */
  uint64_t gpa;
  bool     watched;             /* nobody would hear of code that is written */
} StoreTarget;

static bool
find_store (CopHart *hart, uint64_t gva, unsigned size, StoreTarget *target)
{
  const CopRamBlock *block;
  CopTranslation found;
  void *hva = cop_tlb_find (hart->tlb, gva, COP_ACCESS_STORE);

  if (hva != NULL)
    {
      *target = (StoreTarget){ .hva = hva };
      return true;
    }

  count_miss (hart, COP_ACCESS_STORE);
  if (!cop_mmu_translate (hart, gva, COP_ACCESS_STORE, &found))
    return false;
  if (!found.uniform &&
      !cop_pmp_allows (hart, found.gpa, size, COP_ACCESS_STORE,
                      cop_mmu_priv (hart, COP_ACCESS_STORE), NULL))
    return access_fault (hart, gva, COP_ACCESS_STORE);
  block = cop_ram_block (hart->ram, found.gpa, size);
  if (block != NULL)
    {
      if (block->readonly)
        return access_fault (hart, gva, COP_ACCESS_STORE);
      if (G_UNLIKELY (hart->store_log != NULL))
        cop_store_log_note (hart->store_log, block->hva + (found.gpa - block->gpa));
      refill (hart, hart->tlb, gva, COP_ACCESS_STORE, &found);
      *target = (StoreTarget){
        .hva = block->hva + (found.gpa - block->gpa),
        .gpa = found.gpa,
        /* Who was not let to write unasked is asked after the store, whatever stands there now:
           others may begin to watch in between. */
        .watched = cop_tlb_find (hart->tlb, gva, COP_ACCESS_STORE) == NULL,
      };
      return true;
    }
  *target = (StoreTarget){ .gpa = found.gpa };
  if (hart->bus == NULL || cop_bus_find (hart->bus, found.gpa) == NULL)
    return access_fault (hart, gva, COP_ACCESS_STORE);
  return true;
}

static bool
store_to (CopHart *hart, uint64_t gva, unsigned size, uint64_t value, const StoreTarget *target)
{
  if (target->hva == NULL)
    {
      hart->stats.mmio++;
      if (!cop_bus_write (hart->bus, target->gpa, size, value))
        return access_fault (hart, gva, COP_ACCESS_STORE);
      return true;
    }
  store_host (target->hva, size, value);
  if (target->watched)
    {
      hart->stats.code_writes++;
      cop_ram_written (hart->ram, target->gpa, size);
    }
  return true;
}

static bool
crosses_page (uint64_t gva, unsigned size)
{
  return (gva & ~PAGE_MASK) + size > COP_PAGE_SIZE;
}

bool
cop_mmu_load_slow (CopHart *hart, uint64_t gva, unsigned size, uint64_t *value)
{
  uint64_t low, high;
  unsigned first;

  if (!crosses_page (gva, size))
    return load_one (hart, gva, size, value);

  /* Byte by byte: rare, and exact about which page faults. */
  first = COP_PAGE_SIZE - (gva & ~PAGE_MASK);
  low = high = 0;
  for (unsigned i = 0; i < size; i++)
    {
      uint64_t byte;

      if (!load_one (hart, gva + i, 1, &byte))
        return false;
      if (i < first)
        low |= byte << 8 * i;
      else
        high |= byte << 8 * i;
    }
  *value = low | high;
  return true;
}

bool
cop_mmu_store_slow (CopHart *hart, uint64_t gva, unsigned size, uint64_t value)
{
  StoreTarget target, second;
  unsigned first;

  if (!crosses_page (gva, size))
    return find_store (hart, gva, size, &target) && store_to (hart, gva, size, value, &target);

  /* Nothing is stored unless both pages take it. */
  first = COP_PAGE_SIZE - (gva & ~PAGE_MASK);
  if (!find_store (hart, gva, first, &target))
    return false;
  /* A hart without devices, as lockstep has one, finds the same fault. */
  if (target.hva == NULL)
    return access_fault (hart, gva, COP_ACCESS_STORE);
  if (!find_store (hart, gva + first, size - first, &second))
    return false;
  if (second.hva == NULL)
    return access_fault (hart, gva + first, COP_ACCESS_STORE);
  for (unsigned i = 0; i < size; i++)
    {
      StoreTarget *page = i < first ? &target : &second;
      unsigned at = i < first ? i : i - first;

      page->hva[at] = value >> 8 * i;
    }
  if (target.watched)
    cop_ram_written (hart->ram, target.gpa, first);
  if (second.watched)
    cop_ram_written (hart->ram, second.gpa, size - first);
  return true;
}

void *
cop_mmu_atomic_slow (CopHart *hart, uint64_t gva, unsigned size, CopAccess access)
{
  StoreTarget target = { NULL };
  uint64_t gpa;
  bool found;

  if (gva & (size - 1))
    {
      cop_hart_raise (hart, access == COP_ACCESS_LOAD ? COP_TRAP_LOAD_MISALIGNED
                                                      : COP_TRAP_STORE_MISALIGNED, gva);
      return NULL;
    }
  if (access == COP_ACCESS_STORE)
    found = find_store (hart, gva, size, &target);
  else
    found = find_load (hart, gva, size, &target.hva, &gpa);
  /* Devices take no atomic accesses. */
  if (found && target.hva == NULL)
    access_fault (hart, gva, access);
  return found ? target.hva : NULL;
}

/* The gpa of a host address that a fetch entry led to. */
static uint64_t
gpa_of (const CopRam *ram, const uint8_t *hva)
{
  const CopRamBlock *block = &ram->dram;

  if (hva < block->hva || hva >= block->hva + block->size)
    block = &ram->rom;
  return block->gpa + (uint64_t) (hva - block->hva);
}

void
cop_mmu_atomic_done (CopHart *hart, const void *hva, unsigned size)
{
  uint64_t gpa = gpa_of (hart->ram, hva);

  if (__atomic_load_n (&cop_ram_page (hart->ram, gpa)->code, __ATOMIC_RELAXED) != 0)
    hart->stats.code_writes++;
  cop_ram_written (hart->ram, gpa, size);
}

const uint8_t *
cop_mmu_fetch (CopHart *hart, uint64_t pc, uint64_t *gpa)
{
  const uint8_t *hva = cop_tlb_find (hart->fetch_tlb, pc, COP_ACCESS_FETCH);
  const CopRamBlock *block;
  CopTranslation found;

  if (hva == NULL)
    {
      count_miss (hart, COP_ACCESS_FETCH);
      if (!cop_mmu_translate (hart, pc, COP_ACCESS_FETCH, &found))
        return NULL;
      block = cop_ram_block (hart->ram, found.gpa, 2);
      if (block == NULL)
        {
          access_fault (hart, pc, COP_ACCESS_FETCH);
          return NULL;
        }
      refill (hart, hart->fetch_tlb, pc, COP_ACCESS_FETCH, &found);
      hva = block->hva + (found.gpa - block->gpa);
    }
  cop_tlb_note_executed (hart->fetch_tlb, pc);
  *gpa = gpa_of (hart->ram, hva);
  return hva;
}

static void
drop_writer (CopHart *hart, uint64_t gpa)
{
  CopPage *page = cop_ram_page (hart->ram, gpa);

  cop_tlb_revoke_write (hart, cop_ram_span (hart->ram, gpa & PAGE_MASK, COP_PAGE_SIZE));
  __atomic_fetch_and (&page->writers, ~(UINT64_C (1) << hart->id), __ATOMIC_SEQ_CST);
}

/* The lines of [gpa, gpa + length), on one page, a bit each. */
static uint64_t
lines_of (uint64_t gpa, uint64_t length)
{
  unsigned first = (gpa & ~PAGE_MASK) >> COP_CODE_LINE_SHIFT;
  unsigned last = ((gpa + length - 1) & ~PAGE_MASK) >> COP_CODE_LINE_SHIFT;

  return (UINT64_MAX >> (63 - last)) & (UINT64_MAX << first);
}

/* Puts lines on the watch; returns the harts that may hold write entries of the page. */
static uint64_t
watch_lines (CopPage *page, uint64_t lines)
{
  if ((__atomic_load_n (&page->code, __ATOMIC_RELAXED) & lines) != lines)
    __atomic_fetch_or (&page->code, lines, __ATOMIC_SEQ_CST);
  return __atomic_load_n (&page->writers, __ATOMIC_SEQ_CST);
}

static void
ask_to_revoke (CopHart *hart, uint64_t gpa, int *unanswered)
{
  CopRequest request = {
    .kind = COP_REQUEST_REVOKE_WRITE,
    .address = gpa & PAGE_MASK,
    .length = COP_PAGE_SIZE,
    .unanswered = unanswered,
  };

  __atomic_fetch_add (unanswered, 1, __ATOMIC_SEQ_CST);
  cop_hart_request (hart, &request);
}

void
cop_mmu_watch_code (CopHart *hart, uint64_t gpa, uint64_t length)
{
  uint64_t mine = UINT64_C (1) << hart->id;
  CopPage *page;
  uint64_t writers;

  if (cop_ram_span (hart->ram, gpa, length) == NULL)
    return;                     /* ROM: nobody writes it */
  page = cop_ram_page (hart->ram, gpa);
  /* Before the lines: who takes them off the watch afterwards knows whom to tell. */
  if (!(__atomic_load_n (&page->readers, __ATOMIC_RELAXED) & mine))
    __atomic_fetch_or (&page->readers, mine, __ATOMIC_SEQ_CST);
  writers = watch_lines (page, lines_of (gpa, length));
  if (writers == 0)
    return;
  if (writers & mine)
    drop_writer (hart, gpa);
  writers &= ~mine;
  for (unsigned id = 0; writers != 0; id++, writers >>= 1)
    if (writers & 1)
      ask_to_revoke (cop_machine_hart (hart->machine, id), gpa, &hart->unanswered);
}

void
cop_mmu_watch_code_for_all (CopRam *ram, GPtrArray *harts, uint64_t gpa, uint64_t length,
                            int *unanswered)
{
  uint64_t writers;

  if (cop_ram_span (ram, gpa, length) == NULL)
    return;
  writers = watch_lines (cop_ram_page (ram, gpa), lines_of (gpa, length));
  for (unsigned i = 0; writers != 0 && i < harts->len; i++)
    {
      CopHart *hart = g_ptr_array_index (harts, i);

      if (writers >> hart->id & 1)
        ask_to_revoke (hart, gpa, unanswered);
    }
}

uint64_t
cop_mmu_unwatch_code (CopRam *ram, uint64_t gpa, uint64_t length)
{
  CopPage *page;

  if (cop_ram_span (ram, gpa, length) == NULL)
    return 0;
  page = cop_ram_page (ram, gpa);
  __atomic_fetch_and (&page->code, ~lines_of (gpa, length), __ATOMIC_SEQ_CST);
  return __atomic_load_n (&page->readers, __ATOMIC_SEQ_CST);
}

void
cop_mmu_revoke_write (CopHart *hart, uint64_t gpa, bool may_have_written)
{
  uint64_t mine = UINT64_C (1) << hart->id;

  if (!(__atomic_load_n (&cop_ram_page (hart->ram, gpa)->writers, __ATOMIC_SEQ_CST) & mine))
    return;
  drop_writer (hart, gpa);
  if (may_have_written)
    cop_ram_written (hart->ram, gpa & PAGE_MASK, COP_PAGE_SIZE);
}

void
cop_mmu_sfence (CopHart *hart, uint64_t gva, uint64_t length, uint64_t asid)
{
  bool keep_global = asid != UINT64_MAX;

  hart->stats.tlb_flushes++;
  hart->s.reservation_size = 0;
  for (unsigned i = 0; i < COP_TLB_SPACES; i++)
    {
      CopTlbSpace *space = &hart->spaces[i];

      if (space->satp == 0 ||
          (asid != UINT64_MAX && ((space->satp >> 44) & 0xffff) != asid))
        continue;
      cop_tlb_drop (hart, space->user, gva, length, keep_global);
      cop_tlb_drop (hart, space->sum, gva, length, keep_global);
      cop_mmu_drop_walks (space, gva, length);
    }
  /* Its private entries belong to the current space. */
  if (hart->supervisor_tlb != NULL &&
      (asid == UINT64_MAX || ((hart->s.satp >> 44) & 0xffff) == asid))
    cop_tlb_drop (hart, hart->supervisor_tlb, gva, length, keep_global);
  if (hart->mxr_tlb != NULL)
    cop_tlb_drop (hart, hart->mxr_tlb, 0, UINT64_MAX, false);
}

void
cop_mmu_fence_i (CopHart *hart)
{
  cop_hart_answer_requests (hart);
  if (__atomic_load_n (&hart->unanswered, __ATOMIC_ACQUIRE) != 0)
    cop_hart_wait_answers (hart, &hart->unanswered);
}

void
cop_mmu_flush_all (CopHart *hart)
{
  cop_mmu_sfence (hart, 0, UINT64_MAX, UINT64_MAX);
  cop_tlb_drop (hart, hart->machine_tlb, 0, UINT64_MAX, false);
  cop_tlb_drop (hart, hart->bare_tlb, 0, UINT64_MAX, false);
}

void
cop_mmu_free (CopHart *hart)
{
  cop_tlb_free_all (hart);
}

void *
cop_mmu_prepare (CopHart *hart, uint64_t gva, bool writes, bool writes_now)
{
  CopAccess access = writes ? COP_ACCESS_STORE : COP_ACCESS_LOAD;
  CopTranslation found;
  void *hva = cop_tlb_find (hart->tlb, gva, access);

  if (hva != NULL)
    return hva;
  count_miss (hart, access);
  /* D is set for stores that happen, not for those that may. */
  if (!cop_mmu_translate (hart, gva, writes_now ? COP_ACCESS_STORE : COP_ACCESS_LOAD, &found))
    return NULL;
  if (writes && !writes_now &&
      !(found.writable && cop_pmp_allows (hart, found.gpa, 1, COP_ACCESS_STORE,
                                          cop_mmu_priv (hart, COP_ACCESS_STORE), NULL)))
    return NULL;
  refill (hart, hart->tlb, gva, access, &found);
  hva = cop_tlb_find (hart->tlb, gva, access);
  if (G_UNLIKELY (hart->store_log != NULL) && writes && hva != NULL)
    cop_store_log_note (hart->store_log, hva);
  return hva;
}
