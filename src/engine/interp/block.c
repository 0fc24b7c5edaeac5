/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The cache of decoded blocks: look-up, links, and dropping what was overwritten.
 *
 *   pc, code_tag --> jumps (direct) --miss--> fetch view --> gpa, mode --> buckets --miss--> decode
 *
 * Blocks are carved from an arena and never freed one by one: a dropped block stays readable,
 * marked dead, until the arena is full and all are forgotten.
 */
#include "engine/interp/block-private.h"

#include "engine/engine.h"
#include "engine/riscv/mmu.h"

#include <string.h>
#include <sys/mman.h>

#define ARENA_SIZE (8u << 20)
#define PAGE_MASK (~(COP_PAGE_SIZE - 1))

CopBlockCache *
cop_block_cache_new (CopHart *hart, const void *const *labels)
{
  CopBlockCache *cache = g_new0 (CopBlockCache, 1);

  cache->hart = hart;
  cache->labels = labels;
  cache->heat = INT32_MAX;
  cache->scratch = g_malloc0 (COP_BLOCK_MAX_SIZE);
  cache->arena = mmap (NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (cache->arena == MAP_FAILED)
    g_error ("no address space for decoded blocks");
  return cache;
}

void
cop_block_cache_free (CopBlockCache *cache)
{
  munmap (cache->arena, ARENA_SIZE);
  g_free (cache->scratch);
  g_free (cache);
}

void
cop_block_cache_flush (CopBlockCache *cache)
{
  memset (cache->jumps, 0, sizeof cache->jumps);
  memset (cache->parts, 0, sizeof cache->parts);
  memset (cache->buckets, 0, sizeof cache->buckets);
  memset (cache->pages, 0, sizeof cache->pages);
  memset (cache->crossing, 0, sizeof cache->crossing);
  cache->arena_used = 0;
  cache->n_flushes++;
}

static CopBlock **
bucket_of (CopBlockCache *cache, uint64_t gpa, uint32_t mode)
{
  uint64_t mixed = gpa >> 1 ^ gpa >> 15 ^ (uint64_t) mode << 7;

  return &cache->buckets[mixed % COP_BLOCK_BUCKETS];
}

static CopBlock **
page_of (CopBlockCache *cache, uint64_t gpa)
{
  uint64_t page = gpa >> COP_PAGE_SHIFT;

  return &cache->pages[(page ^ page >> 12) % COP_BLOCK_PAGES];
}

/* Blocks whose last instruction reaches into the page of @gpa2. */
static CopBlock **
crossing_of (CopBlockCache *cache, uint64_t gpa2)
{
  return &cache->crossing[(gpa2 >> COP_PAGE_SHIFT) % COP_BLOCK_CROSSING];
}

/* --- links and dropping --------------------------------------------------------------------- */

void
cop_block_link (CopBlock *from, CopBlockLink *link, CopBlock *to)
{
  if (!from->lasting || !to->lasting || from->gpa == COP_BLOCK_DEAD || to->gpa2 != 0 ||
      (from->gpa ^ to->gpa) >> COP_PAGE_SHIFT != 0)
    return;
  link->to = to;
  link->incoming_next = to->incoming;
  to->incoming = link;
}

static void
remove_from_list (CopBlock **place, CopBlock *block, size_t next_offset)
{
  while (*place != block)
    place = (CopBlock **) (void *) ((uint8_t *) *place + next_offset);
  *place = *(CopBlock **) (void *) ((uint8_t *) block + next_offset);
}

/* Takes @block out of everything. Its own links stay: it may be running, and they hold until what
   they lead to is dropped. */
static void
kill_block (CopBlockCache *cache, CopBlock *block)
{
  for (CopBlockLink *link = block->incoming; link != NULL; link = link->incoming_next)
    link->to = NULL;
  block->incoming = NULL;
  remove_from_list (bucket_of (cache, block->gpa, block->mode), block,
                    offsetof (CopBlock, bucket_next));
  remove_from_list (page_of (cache, block->gpa), block, offsetof (CopBlock, page_next));
  if (block->gpa2 != 0)
    remove_from_list (crossing_of (cache, block->gpa2), block, offsetof (CopBlock, crossing_next));
  block->gpa = COP_BLOCK_DEAD;
  cache->n_dropped++;
}

static void
drop_on_page (CopBlockCache *cache, uint64_t gpa, uint64_t length)
{
  CopBlock *next;

  for (CopBlock *block = *page_of (cache, gpa); block != NULL; block = next)
    {
      next = block->page_next;
      if (block->gpa < gpa + length && gpa < block->gpa + block->n_bytes)
        kill_block (cache, block);
    }
  /* A block that begins on the page before may end in an instruction that reaches into this one. */
  if ((gpa & ~PAGE_MASK) >= 2)
    return;
  for (CopBlock *block = *crossing_of (cache, gpa); block != NULL; block = next)
    {
      next = block->crossing_next;
      if (block->gpa2 < gpa + length && gpa < block->gpa2 + 2)
        kill_block (cache, block);
    }
}

void
cop_block_cache_drop (CopBlockCache *cache, uint64_t gpa, uint64_t length)
{
  if (length / COP_PAGE_SIZE > COP_BLOCK_PAGES)
    {
      cop_block_cache_flush (cache);
      return;
    }
  for (uint64_t at = gpa; at < gpa + length; at = (at & PAGE_MASK) + COP_PAGE_SIZE)
    drop_on_page (cache, at, MIN (gpa + length, (at & PAGE_MASK) + COP_PAGE_SIZE) - at);
}

/* --- look-up --------------------------------------------------------------------------------- */

/* Decodes into the scratch block, which is run once. NULL with a fault raised. */
static CopBlock *
build_scratch (CopBlockCache *cache, uint64_t pc, uint64_t gpa, const uint8_t *bytes,
               unsigned max_insns, bool divided)
{
  return cop_block_build (cache, cache->scratch, pc, gpa, bytes, max_insns, divided)
           ? cache->scratch
           : NULL;
}

CopBlock *
cop_block_cache_get_short (CopBlockCache *cache, uint64_t pc, unsigned max_insns)
{
  uint64_t gpa;
  const uint8_t *bytes = cop_mmu_fetch (cache->hart, pc, &gpa);
  bool divided;

  if (bytes == NULL)
    return NULL;
  /* Where PMP divides the page, each instruction is checked on its own. */
  divided = cop_tlb_lookup (cache->hart->fetch_tlb, pc, 1, COP_ACCESS_FETCH) == NULL;
  max_insns = divided ? 1 : MIN (max_insns, COP_BLOCK_MAX_INSNS);
  return build_scratch (cache, pc, gpa, bytes, max_insns, divided);
}

/* Whether there may be a block or a translation at @gpa: what either was made of is watched. Where
   most of the code is new, this spares it looks into tables that the host's caches do not hold. */
static bool
may_be_kept (const CopRam *ram, uint64_t gpa)
{
  uint64_t lines;

  if (gpa - ram->dram.gpa >= ram->dram.size)
    return true;                /* ROM is not watched */
  lines = __atomic_load_n (&cop_ram_page (ram, gpa)->code, __ATOMIC_RELAXED);
  return lines >> ((gpa & ~PAGE_MASK) >> COP_CODE_LINE_SHIFT) & 1;
}

/* Whether somebody asked for the block at @gpa before, as far as is remembered: two places with one
   hash do not forget each other, however often they take turns. */
static bool
is_known (CopBlockCache *cache, uint64_t gpa)
{
  uint64_t mixed = (gpa ^ (uint64_t) cache->hart->mode << 56) * UINT64_C (0x9e3779b97f4a7c15);
  uint16_t *seen = cache->seen[mixed >> (64 - COP_BLOCK_SEEN_BITS)];
  uint16_t tag = (uint16_t) (mixed >> 24) | 1;

  if (seen[0] == tag || seen[1] == tag)
    return true;
  seen[1] = seen[0];
  seen[0] = tag;
  return false;
}

static void
note_start (CopBlockCache *cache, uint64_t gpa, unsigned part)
{
  if (part == 0 && cache->trail != NULL)
    cop_trail_note (cache->trail, gpa);
}

/* Of what is asked for the first time. */
static CopBlock *
build_first (CopBlockCache *cache, uint64_t pc, uint64_t gpa, const uint8_t *bytes)
{
  note_start (cache, gpa, 0);
  return build_scratch (cache, pc, gpa, bytes, COP_BLOCK_MAX_INSNS, false);
}

/* Puts the block at *@place first in its bucket: most of the others have been translated since, and are
   not asked for any more. */
static CopBlock *
put_first (CopBlock **bucket, CopBlock **place)
{
  CopBlock *block = *place;

  *place = block->bucket_next;
  block->bucket_next = *bucket;
  *bucket = block;
  return block;
}

/* The block at @gpa, in the bucket or built there. @part: as in CopBlock.

   Code that is asked for the first time is decoded into the scratch block: most of a large program
   runs once, and costs least when it leaves nothing behind. */
static CopBlock *
find_or_build (CopBlockCache *cache, uint64_t pc, uint64_t gpa, const uint8_t *bytes,
               unsigned part)
{
  bool run_once = part == 0 && cache->heat > 0; /* without heat it is not to be run at all */
  CopBlock **bucket, *block;

  if (run_once && !may_be_kept (cache->hart->ram, gpa) && !is_known (cache, gpa))
    return build_first (cache, pc, gpa, bytes);

  bucket = bucket_of (cache, gpa, cache->hart->mode);
  for (CopBlock **place = bucket; *place != NULL; place = &(*place)->bucket_next)
    {
      uint64_t gpa2;

      block = *place;
      if (block->gpa != gpa || block->mode != cache->hart->mode || block->part != part)
        continue;
      if (block->gpa2 == 0)
        return put_first (bucket, place);
      if (cop_mmu_fetch (cache->hart, pc + 2, &gpa2) == NULL)
        return NULL;
      if (gpa2 == block->gpa2)
        return put_first (bucket, place);
    }

  if (part == 0 && cache->has_better != NULL && cache->has_better (cache->hart, gpa))
    {
      cop_block_start (cache, cache->scratch, gpa);
      cache->scratch->heat = 0;
      return cache->scratch;
    }
  if (run_once && !is_known (cache, gpa))
    return build_first (cache, pc, gpa, bytes);

  if (cache->arena_used + COP_BLOCK_MAX_SIZE > ARENA_SIZE)
    {
      cop_block_cache_flush (cache);
      bucket = bucket_of (cache, gpa, cache->hart->mode);
    }
  block = (CopBlock *) (void *) (cache->arena + cache->arena_used);
  note_start (cache, gpa, part);
  if (!cop_block_build (cache, block, pc, gpa, bytes, part == 0 ? COP_BLOCK_MAX_INSNS : part,
                        false))
    return NULL;

  cache->arena_used += sizeof *block + block->n_ops * (sizeof (CopOp) + sizeof (CopOpPlace));
  cache->arena_used = (cache->arena_used + 15) & ~(size_t) 15;
  cache->n_built++;
  block->part = part;
  if (part != 0)
    block->heat = INT32_MAX;
  block->bucket_next = *bucket;
  *bucket = block;
  block->page_next = *page_of (cache, gpa);
  *page_of (cache, gpa) = block;
  if (block->gpa2 != 0)
    {
      block->crossing_next = *crossing_of (cache, block->gpa2);
      *crossing_of (cache, block->gpa2) = block;
    }
  return block;
}

CopBlock *
cop_block_cache_get (CopBlockCache *cache, uint64_t pc)
{
  CopHart *hart = cache->hart;
  uint64_t gpa;
  const uint8_t *bytes = cop_mmu_fetch (hart, pc, &gpa);
  CopBlock *block;
  CopJump *jump;

  if (bytes == NULL)
    return NULL;
  if (cop_tlb_lookup (hart->fetch_tlb, pc, 1, COP_ACCESS_FETCH) == NULL)
    return cop_block_cache_get_short (cache, pc, 1);

  /* Both pages of an instruction across pages are noted as executed by now: when either is mapped
     otherwise, code_tag changes. */
  block = find_or_build (cache, pc, gpa, bytes, 0);
  if (block != NULL && block->lasting)
    {
      jump = cop_jump_slot (cache, pc);
      *jump = (CopJump){ pc, hart->code_tag, block };
    }
  return block;
}

static CopJump *
part_slot (CopBlockCache *cache, uint64_t pc, unsigned insns)
{
  return &cache->parts[((pc >> 1) ^ (pc >> (1 + COP_PART_BITS)) ^ insns << 4) &
                       ((1u << COP_PART_BITS) - 1)];
}

CopBlock *
cop_block_cache_get_part (CopBlockCache *cache, uint64_t pc, unsigned max_insns)
{
  unsigned insns = MIN (max_insns, COP_BLOCK_MAX_INSNS);
  CopJump *known = part_slot (cache, pc, insns);
  const uint8_t *bytes;
  CopBlock *block;
  uint64_t gpa;

  if (known->pc == pc && known->tag == cache->hart->code_tag && known->block->part == insns &&
      known->block->gpa != COP_BLOCK_DEAD)
    return known->block;
  bytes = cop_mmu_fetch (cache->hart, pc, &gpa);
  if (bytes == NULL)
    return NULL;
  if (cop_tlb_lookup (cache->hart->fetch_tlb, pc, 1, COP_ACCESS_FETCH) == NULL)
    return cop_block_cache_get_short (cache, pc, 1);
  block = find_or_build (cache, pc, gpa, bytes, insns);
  if (block != NULL)
    *known = (CopJump){ pc, cache->hart->code_tag, block };
  return block;
}

void
cop_block_code_changed (CopRam *ram, GPtrArray *harts, CopHart *running, uint64_t *gpa,
                        uint64_t *length)
{
  uint64_t line = UINT64_C (1) << COP_CODE_LINE_SHIFT;
  uint64_t start = *gpa & ~(line - 1), end = (*gpa + *length + line - 1) & ~(line - 1);
  CopRequest request = { .kind = COP_REQUEST_DROP_CODE, .address = start, .length = end - start };
  uint64_t readers = 0;

  for (uint64_t at = start; at < end; at = (at & PAGE_MASK) + COP_PAGE_SIZE)
    readers |= cop_mmu_unwatch_code (ram, at, MIN (end, (at & PAGE_MASK) + COP_PAGE_SIZE) - at);
  for (unsigned i = 0; i < harts->len; i++)
    {
      CopHart *hart = g_ptr_array_index (harts, i);

      if (hart == running)
        hart->engine->ops->drop_code (hart->engine, hart, start, end - start);
      else if (readers >> hart->id & 1)
        cop_hart_request (hart, &request);
    }
  *gpa = start;
  *length = end - start;
}
