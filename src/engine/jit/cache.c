/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The code cache.
 */
#include "engine/jit/cache.h"

#include "common/units.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>

#define DEFAULT_SIZE (256 * COP_MIB)
#define MINIMUM_SIZE (1 * COP_MIB)
#define SETTLE_BYTES (256 * 1024)
#define MAX_MOVED 4096
/* How often a jump to another page may be to lead elsewhere. */
#define MAX_FAR_MISSES 32

/* --- memory ------------------------------------------------------------------------------------ */

static bool
map_code (CopJitCache *cache, GError **error)
{
  /* Shared and of no file: perf looks names up in its map of a process for such memory only. */
  cache->rw = mmap (NULL, cache->size, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (cache->rw != MAP_FAILED)
    {
      /* mremap(2): of nothing, it maps the same pages once more. */
      cache->exec = mremap (cache->rw, 0, cache->size, MREMAP_MAYMOVE);
      if (cache->exec != MAP_FAILED &&
          mprotect (cache->exec, cache->size, PROT_READ | PROT_EXEC) == 0)
        return true;
    }
  {
    int saved = errno;
    g_autofree char *size = cop_size_format (cache->size);

    if (cache->rw == MAP_FAILED)
      cache->rw = NULL;
    if (cache->exec == MAP_FAILED)
      cache->exec = NULL;
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved),
                 "no executable memory of %s for translated code: %s; use --engine interp", size,
                 g_strerror (saved));
  }
  return false;
}

CopJitCache *
cop_jit_cache_new (size_t size, GError **error)
{
  CopJitCache *cache;

  if (cop_jit_backend () == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "there is no JIT for this host's architecture; use --engine interp");
      return NULL;
    }
  cache = g_new0 (CopJitCache, 1);
  cache->ops = cop_jit_backend ();
  g_mutex_init (&cache->lock);
  cache->size = (MAX (size == 0 ? DEFAULT_SIZE : size, MINIMUM_SIZE) + 65535) & ~(size_t) 65535;
  cache->links = g_array_new (FALSE, FALSE, sizeof (CopJitLink));
  cache->free_links = g_array_new (FALSE, FALSE, sizeof (uint32_t));
  cache->fars = g_new0 (uint32_t, COP_JIT_FARS);
  cache->free_fars = g_array_new (FALSE, FALSE, sizeof (uint32_t));
  cache->n_fars = 1;
  cache->moved = g_array_new (FALSE, FALSE, sizeof (CopJitMove));
  cop_jit_index_init (&cache->index);
  cache->pages = g_new0 (CopJitUse *, COP_JIT_PAGES);
  cache->page_changes = g_new0 (uint32_t, COP_JIT_PAGES);
  for (unsigned i = 0; i < COP_JIT_SEGMENTS; i++)
    cache->units[i] = g_ptr_array_new ();
  if (!map_code (cache, error))
    {
      cop_jit_cache_free (cache);
      return NULL;
    }
  cache->backend = cache->ops->create (NULL);
  cache->thunks = cache->ops->write_thunks (cache->backend, cache->rw, cache->exec, cache->size);
  cache->thunks = (cache->thunks + 4095) & ~(size_t) 4095;
  cache->segment_size = (cache->size - cache->thunks) / COP_JIT_SEGMENTS & ~(size_t) 63;
  return cache;
}

static void
free_unit (CopJitUnit *unit)
{
  g_clear_pointer (&unit->incoming, g_array_unref);
  g_free (unit->blocks);
  g_free (unit->links);
  g_free (unit);
}

void
cop_jit_cache_free (CopJitCache *cache)
{
  for (unsigned i = 0; i < COP_JIT_SEGMENTS; i++)
    {
      for (unsigned j = 0; j < cache->units[i]->len; j++)
        free_unit (g_ptr_array_index (cache->units[i], j));
      g_ptr_array_unref (cache->units[i]);
    }
  if (cache->backend != NULL)
    cache->ops->destroy (cache->backend);
  if (cache->rw != NULL)
    munmap (cache->rw, cache->size);
  if (cache->exec != NULL)
    munmap (cache->exec, cache->size);
  cop_jit_record_free (cache->record);
  g_array_unref (cache->links);
  g_array_unref (cache->free_links);
  g_free (cache->fars);
  g_array_unref (cache->free_fars);
  g_array_unref (cache->moved);
  cop_jit_index_clear (&cache->index);
  g_free (cache->pages);
  g_free (cache->page_changes);
  g_mutex_clear (&cache->lock);
  g_free (cache);
}

/* --- look-up ----------------------------------------------------------------------------------- */

static unsigned
page_slot (uint64_t gpa)
{
  return (gpa >> COP_PAGE_SHIFT ^ gpa >> 26) % COP_JIT_PAGES;
}

bool
cop_jit_cache_is_optimised (const CopJitCache *cache, uint64_t gpa, uint32_t mode)
{
  const CopJitUnit *unit = cop_jit_index_unit (&cache->index, gpa, mode);

  return unit != NULL && unit->optimised;
}

bool
cop_jit_cache_keep (CopJitCache *cache, const CopIrUnit *ir)
{
  CopJitUnit *unit = NULL;

  for (unsigned i = 0; i < ir->blocks->len; i++)
    {
      const CopIrBlock *block = &g_array_index (ir->blocks, CopIrBlock, i);
      int offset = block->offset;
      CopJitUnit *other = NULL;

      /* These are lowered otherwise when they are hot. */
      if (cop_ir_block_dispatches (ir, block))
        return false;
      if (cop_ir_page_of (offset) == 0)
        other = cop_jit_index_unit (&cache->index, cop_ir_gpa (ir, offset), ir->mode);
      if (other == NULL || (i > 0 && other != unit))
        return false;
      unit = other;
    }
  unit->optimised = true;
  return true;
}

/* --- links ------------------------------------------------------------------------------------- */

static CopJitLink *
link_at (CopJitCache *cache, uint32_t number)
{
  return &g_array_index (cache->links, CopJitLink, number);
}

static void
set_link (CopJitCache *cache, const CopJitLink *link, const void *target)
{
  cache->ops->set_link (cache->rw + link->site, cache->exec + link->site, target);
}

static void
unlink_jump (CopJitCache *cache, CopJitLink *link)
{
  if (link->to == NULL)
    return;
  set_link (cache, link, cache->exec + link->stub);
  link->to = NULL;
}

/* Lets jump @number lead to the block of @unit that the index has for it. */
static void
link_jump (CopJitCache *cache, uint32_t number, CopJitUnit *unit)
{
  CopJitLink *link = link_at (cache, number);

  link->to = unit;
  if (unit->incoming == NULL)
    unit->incoming = g_array_new (FALSE, FALSE, sizeof (uint32_t));
  g_array_append_val (unit->incoming, number);
  set_link (cache, link, cop_jit_cache_find (cache, link->gpa, unit->mode));
  cache->n_linked++;
}

static void
give_far_up (CopJitCache *cache, const CopJitLink *link)
{
  cache->ops->give_far_up (cache->backend, cache->rw + link->miss, cache->exec + link->miss);
  cache->n_fars_given_up++;
}

void
cop_jit_cache_link (CopJitCache *cache, uint32_t number)
{
  const CopJitLink *link;
  CopJitUnit *unit;

  g_mutex_lock (&cache->lock);
  link = number < cache->links->len ? link_at (cache, number) : NULL;
  if (link != NULL && link->from != NULL && !link->from->closed && link->to == NULL)
    {
      unit = cop_jit_index_unit (&cache->index, link->gpa, link->from->mode & ~COP_MODE_APART);
      if (unit != NULL)
        link_jump (cache, number, unit);
    }
  g_mutex_unlock (&cache->lock);
}

bool
cop_jit_cache_link_far (CopJitCache *cache, uint32_t far, uint64_t gpa)
{
  bool leads_there = false;
  CopJitLink *link;

  /* Nothing depends on it: a hart does not wait while a unit is installed. */
  if (!g_mutex_trylock (&cache->lock))
    return false;
  link = link_at (cache, cache->fars[far]);
  if (link->far == far && link->from != NULL && !link->from->closed)
    {
      if (link->gpa == COP_JIT_NO_GPA)
        link->gpa = gpa;
      if (link->gpa == gpa)
        {
          CopJitUnit *unit =
            cop_jit_index_unit (&cache->index, gpa, link->from->mode & ~COP_MODE_APART);

          if (link->to == NULL && unit != NULL)
            {
              link_jump (cache, cache->fars[far], unit);
              cache->n_fars_linked++;
            }
          leads_there = link->to != NULL;
        }
      else if (++link->n_misses == MAX_FAR_MISSES)
        give_far_up (cache, link);
    }
  g_mutex_unlock (&cache->lock);
  return leads_there;
}

/* --- installation ------------------------------------------------------------------------------ */

/* Whoever enters @block of @unit is led to @target. */
static void
close_block (CopJitCache *cache, const CopJitUnit *unit, const CopJitBlockCode *block,
             const void *target)
{
  size_t entry = unit->code + block->entry;

  cache->ops->close_entry (cache->rw + entry, cache->exec + entry, target);
}

static void
note_move (CopJitCache *cache, const void *from, const void *to)
{
  CopJitMove move = { from, to };

  if (cache->moved->len == MAX_MOVED)
    g_array_set_size (cache->moved, 0);
  g_array_append_val (cache->moved, move);
  __atomic_fetch_add (&cache->n_moved, 1, __ATOMIC_RELEASE);
}

GArray *
cop_jit_cache_moves (CopJitCache *cache, uint32_t *seen)
{
  GArray *moves = NULL;
  uint32_t n;

  g_mutex_lock (&cache->lock);
  n = cache->n_moved - *seen;
  if (n <= cache->moved->len)
    {
      moves = g_array_sized_new (FALSE, FALSE, sizeof (CopJitMove), n);
      if (n > 0)
        g_array_append_vals (
          moves, &g_array_index (cache->moved, CopJitMove, cache->moved->len - n), n);
    }
  *seen = cache->n_moved;
  g_mutex_unlock (&cache->lock);
  return moves;
}

/* The block at @gpa of @old is @unit's from now on. Harts that come to it, from within @old too, go on
   in @unit without leaving code. That may be closed before @old is, but its memory is not used again:
   what is older is evicted no later. */
static void
supersede (CopJitCache *cache, const CopJitUnit *old, uint64_t gpa, CopJitUnit *unit)
{
  const void *code = cop_jit_cache_find (cache, gpa, unit->mode);

  for (unsigned i = 0; i < old->n_blocks; i++)
    if (old->gpa + (uint64_t) old->blocks[i].offset == gpa)
      {
        close_block (cache, old, &old->blocks[i], code);
        note_move (cache, cache->exec + old->code + old->blocks[i].entry, code);
      }
  for (unsigned i = 0; old->incoming != NULL && i < old->incoming->len; i++)
    {
      uint32_t number = g_array_index (old->incoming, uint32_t, i);

      if (link_at (cache, number)->to == old && link_at (cache, number)->gpa == gpa)
        link_jump (cache, number, unit);
    }
  cache->n_superseded++;
}

static void
add_blocks (CopJitCache *cache, const CopJitCode *code, CopJitUnit *unit)
{
  unit->n_blocks = code->blocks->len;
  unit->blocks = g_memdup2 (code->blocks->data, unit->n_blocks * sizeof (CopJitBlockCode));
  for (unsigned i = 0; i < unit->n_blocks; i++)
    {
      const CopJitBlockCode *block = &unit->blocks[i];
      uint64_t gpa = unit->gpa + block->offset;
      CopJitUnit *old = cop_jit_index_unit (&cache->index, gpa, unit->mode);

      /* Whoever translated it meanwhile. */
      if (old != NULL && (old->optimised || !unit->optimised))
        continue;
      cop_jit_index_set (&cache->index, gpa, unit->mode, cache->exec + unit->code + block->entry,
                         unit);
      if (old != NULL)
        supersede (cache, old, gpa, unit);
    }
}

static uint32_t
new_link (CopJitCache *cache, const CopJitLink *link)
{
  uint32_t number = cache->links->len;

  if (cache->free_links->len == 0)
    {
      g_array_append_val (cache->links, *link);
      return number;
    }
  number = g_array_index (cache->free_links, uint32_t, cache->free_links->len - 1);
  g_array_set_size (cache->free_links, cache->free_links->len - 1);
  *link_at (cache, number) = *link;
  return number;
}

/* Returns: 0: all are in use */
static uint32_t
new_far (CopJitCache *cache)
{
  uint32_t far;

  if (cache->free_fars->len == 0)
    return cache->n_fars < COP_JIT_FARS ? __atomic_fetch_add (&cache->n_fars, 1, __ATOMIC_RELAXED)
                                        : 0;
  far = g_array_index (cache->free_fars, uint32_t, cache->free_fars->len - 1);
  g_array_set_size (cache->free_fars, cache->free_fars->len - 1);
  return far;
}

static void
add_links (CopJitCache *cache, const CopJitCode *lowered, const CopIrUnit *ir, CopJitUnit *unit)
{
  unit->n_links = lowered->links->len;
  unit->links = g_new (uint32_t, unit->n_links);
  for (unsigned i = 0; i < unit->n_links; i++)
    {
      const CopJitLinkCode *code = &g_array_index (lowered->links, CopJitLinkCode, i);
      CopJitLink link = {
        .from = unit,
        .site = unit->code + code->site,
        .stub = unit->code + code->stub,
        .gpa = code->is_far ? COP_JIT_NO_GPA : cop_ir_gpa (ir, code->offset),
      };

      if (code->is_far)
        {
          link.far = new_far (cache);
          link.miss = unit->code + code->miss_at;
          cache->ops->set_far (cache->rw + unit->code, code, link.far);
          if (link.far == 0)
            give_far_up (cache, &link);
        }
      unit->links[i] = new_link (cache, &link);
      cache->fars[link.far] = unit->links[i];
      memcpy (cache->rw + unit->code + code->number_at, &unit->links[i], sizeof (uint32_t));
    }
}

CopJitLowerer *
cop_jit_lowerer_new (const CopJitCache *cache)
{
  CopJitLowerer *lowerer = g_new0 (CopJitLowerer, 1);

  lowerer->backend = cache->ops->create (cache->backend);
  lowerer->code.blocks = g_array_new (FALSE, FALSE, sizeof (CopJitBlockCode));
  lowerer->code.links = g_array_new (FALSE, FALSE, sizeof (CopJitLinkCode));
  lowerer->ops = cache->ops;
  return lowerer;
}

void
cop_jit_lowerer_free (CopJitLowerer *lowerer)
{
  if (lowerer == NULL)
    return;
  lowerer->ops->destroy (lowerer->backend);
  g_array_unref (lowerer->code.blocks);
  g_array_unref (lowerer->code.links);
  g_free (lowerer);
}

bool
cop_jit_lower (CopJitLowerer *lowerer, const CopIrUnit *unit)
{
  lowerer->size = lowerer->ops->lower (lowerer->backend, unit, &lowerer->code);
  return lowerer->size > 0;
}

/* Whoever writes what @ir was made from finds @unit. */
static void
add_uses (CopJitCache *cache, const CopIrUnit *ir, CopJitUnit *unit)
{
  CopIrExtent extents[COP_IR_EXTENTS];

  unit->n_uses = cop_ir_extents (ir, extents);
  for (unsigned i = 0; i < unit->n_uses; i++)
    {
      CopJitUse **first = &cache->pages[page_slot (extents[i].gpa)];

      unit->uses[i] = (CopJitUse){ .extent = extents[i], .unit = unit, .next = *first };
      *first = &unit->uses[i];
    }
}

/* Lets go of the pages that code was written through, a few at a time: they are the same as those it
   executes from, but both count as memory of the process. A jump that is linked later brings one back. */
static void
settle (CopJitCache *cache)
{
  size_t start = cache->thunks + cache->segment * cache->segment_size;
  size_t from = (start + cache->settled + 4095) & ~(size_t) 4095;
  size_t to = (start + cache->used) & ~(size_t) 4095;

  if (cache->used < cache->settled)
    cache->settled = 0;         /* another segment */
  else if (cache->used - cache->settled >= SETTLE_BYTES && from < to)
    {
      madvise (cache->rw + from, to - from, MADV_DONTNEED);
      cache->settled = cache->used;
    }
}

bool
cop_jit_cache_add (CopJitCache *cache, CopJitLowerer *lowerer, const CopIrUnit *ir)
{
  size_t size = lowerer->size;
  CopJitUnit *unit;

  if (size > cache->segment_size - cache->used)
    return false;
  unit = g_new0 (CopJitUnit, 1);
  unit->gpa = ir->gpa;
  unit->mode = ir->mode;
  unit->optimised = ir->optimised;
  unit->segment = cache->segment;
  unit->code = cache->thunks + cache->segment * cache->segment_size + cache->used;
  unit->size = size;
  cache->used = (cache->used + size + 63) & ~(size_t) 63;
  cache->used = MIN (cache->used, cache->segment_size);

  cache->ops->install (lowerer->backend, cache->rw + unit->code, cache->exec + unit->code);
  add_links (cache, &lowerer->code, ir, unit);
  settle (cache);
  add_blocks (cache, &lowerer->code, unit);
  add_uses (cache, ir, unit);
  g_ptr_array_add (cache->units[cache->segment], unit);

  if (cache->record != NULL)
    cop_jit_record_add (cache->record, ir, unit->code, cache->rw + unit->code, size);
  cache->n_units++;
  cache->n_optimised += ir->optimised;
  cache->n_blocks += unit->n_blocks;
  cache->n_bytes += size;
  cache->n_loops += lowerer->code.n_strips;
  for (unsigned i = 0; i < ir->blocks->len; i++)
    cache->n_insns += g_array_index (ir->blocks, CopIrBlock, i).n_insns;
  return true;
}

void
cop_jit_cache_dump (CopJitCache *cache, uint64_t gpa, uint32_t mode, GString *text)
{
  const CopJitUnit *unit;

  g_mutex_lock (&cache->lock);
  unit = cop_jit_index_unit (&cache->index, gpa, mode);
  if (unit != NULL)
    {
      const uint8_t *code = cache->rw + unit->code;
      const uint8_t *entry = cop_jit_cache_find (cache, gpa, mode);

      g_string_append_printf (text, "\nhost code at %p, the block's entry at +0x%x:\n",
                              (const void *) (cache->exec + unit->code),
                              (unsigned) (entry - cache->exec - unit->code));
      for (uint32_t i = 0; i < unit->size; i++)
        g_string_append_printf (text, "%02x%s", code[i], i % 32 == 31 ? "\n" : " ");
      g_string_append_c (text, '\n');
    }
  g_mutex_unlock (&cache->lock);
}

/* --- closing ----------------------------------------------------------------------------------- */

static void
close_unit (CopJitCache *cache, CopJitUnit *unit)
{
  if (unit->closed)
    return;
  unit->closed = true;
  cache->n_closed++;
  for (unsigned i = 0; i < unit->n_uses; i++)
    {
      CopJitUse **place = &cache->pages[page_slot (unit->uses[i].extent.gpa)];

      while (*place != &unit->uses[i])
        place = &(*place)->next;
      *place = unit->uses[i].next;
    }

  for (unsigned i = 0; i < unit->n_blocks; i++)
    {
      const CopJitBlockCode *block = &unit->blocks[i];

      cop_jit_index_unset (&cache->index, unit->gpa + block->offset, unit->mode, unit);
      close_block (cache, unit, block, cache->exec + unit->code + block->bounce);
    }
  for (unsigned i = 0; unit->incoming != NULL && i < unit->incoming->len; i++)
    {
      CopJitLink *link = link_at (cache, g_array_index (unit->incoming, uint32_t, i));

      if (link->to == unit)
        unlink_jump (cache, link);
    }
}

void
cop_jit_cache_divert (CopJitCache *cache, const uint8_t *site, const uint8_t *target,
                      bool is_loop)
{
  g_mutex_lock (&cache->lock);
  cache->ops->set_jump (cache->rw + (site - cache->exec), site, target);
  if (is_loop)
    cache->n_loops_given_up++;
  else
    cache->n_ranges_given_up++;
  g_mutex_unlock (&cache->lock);
}

CopJitChanges
cop_jit_cache_changes (const CopJitCache *cache, uint64_t gpa, const uint64_t near_gpa[2])
{
  CopJitChanges changes = {
    .gpa = { gpa & ~(COP_PAGE_SIZE - 1), near_gpa[0], near_gpa[1] },
    .all = __atomic_load_n (&cache->changes, __ATOMIC_ACQUIRE),
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (changes.gpa); i++)
    changes.page[i] = __atomic_load_n (&cache->page_changes[page_slot (changes.gpa[i])],
                                       __ATOMIC_ACQUIRE);
  return changes;
}

/* Whether nothing of the page at @gpa was invalidated since. */
static bool
is_page_current (const CopJitCache *cache, uint64_t gpa, const CopJitChanges *before)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (before->gpa); i++)
    if (before->gpa[i] == gpa)
      return before->page[i] ==
             __atomic_load_n (&cache->page_changes[page_slot (gpa)], __ATOMIC_ACQUIRE);
  return before->all == __atomic_load_n (&cache->changes, __ATOMIC_ACQUIRE);
}

bool
cop_jit_cache_is_current (const CopJitCache *cache, const CopIrUnit *unit,
                          const CopJitChanges *before)
{
  CopIrExtent extents[COP_IR_EXTENTS];
  unsigned n = cop_ir_extents (unit, extents);

  for (unsigned i = 0; i < n; i++)
    if (!is_page_current (cache, extents[i].gpa, before))
      return false;
  return true;
}

void
cop_jit_cache_invalidate (CopJitCache *cache, uint64_t gpa, uint64_t length)
{
  uint64_t end = gpa + length;

  g_mutex_lock (&cache->lock);
  __atomic_fetch_add (&cache->changes, 1, __ATOMIC_RELEASE);
  for (uint64_t at = gpa; at < end; at = (at & ~(COP_PAGE_SIZE - 1)) + COP_PAGE_SIZE)
    {
      uint64_t page = at & ~(COP_PAGE_SIZE - 1);
      unsigned first = (at - page) >> COP_CODE_LINE_SHIFT;
      unsigned last = (MIN (end - page, COP_PAGE_SIZE) - 1) >> COP_CODE_LINE_SHIFT;
      uint64_t lines = (UINT64_MAX >> (63 - last)) & (UINT64_MAX << first);
      CopJitUse **list = &cache->pages[page_slot (page)], *use = *list;

      __atomic_fetch_add (&cache->page_changes[page_slot (page)], 1, __ATOMIC_RELEASE);
      while (use != NULL)
        if (use->extent.gpa == page && (use->extent.lines & lines) != 0)
          {
            /* It may have been on the list more than once. */
            close_unit (cache, use->unit);
            use = *list;
          }
        else
          use = use->next;
    }
  g_mutex_unlock (&cache->lock);
}

static void
close_segment (CopJitCache *cache, unsigned segment)
{
  for (unsigned i = 0; i < cache->units[segment]->len; i++)
    {
      CopJitUnit *unit = g_ptr_array_index (cache->units[segment], i);

      close_unit (cache, unit);
      /* Its own jumps end with it: whoever they lead to must not touch them any more. */
      for (unsigned j = 0; j < unit->n_links; j++)
        {
          CopJitLink *link = link_at (cache, unit->links[j]);

          *link = (CopJitLink){ .far = link->far };
        }
    }
}

static void
free_segment (CopJitCache *cache, unsigned segment)
{
  for (unsigned i = 0; i < cache->units[segment]->len; i++)
    {
      CopJitUnit *unit = g_ptr_array_index (cache->units[segment], i);

      /* All harts have forgotten what they knew of these. */
      for (unsigned j = 0; j < unit->n_links; j++)
        if (link_at (cache, unit->links[j])->far != 0)
          g_array_append_val (cache->free_fars, link_at (cache, unit->links[j])->far);
      g_array_append_vals (cache->free_links, unit->links, unit->n_links);
      free_unit (unit);
    }
  g_ptr_array_set_size (cache->units[segment], 0);
}

bool
cop_jit_cache_begin_eviction (CopJitCache *cache)
{
  bool mine;

  g_mutex_lock (&cache->lock);
  mine = !cache->evicting;
  if (mine)
    {
      cache->evicting = true;
      cop_jit_index_seal (&cache->index);
      /* Other code will be where these entries were. */
      g_array_set_size (cache->moved, 0);
      close_segment (cache, (cache->segment + 1) % COP_JIT_SEGMENTS);
    }
  g_mutex_unlock (&cache->lock);
  return mine;
}

void
cop_jit_cache_end_eviction (CopJitCache *cache)
{
  g_mutex_lock (&cache->lock);
  cache->segment = (cache->segment + 1) % COP_JIT_SEGMENTS;
  cache->used = 0;
  free_segment (cache, cache->segment);
  cop_jit_index_reap (&cache->index);
  cache->evicting = false;
  cache->n_evictions++;
  g_mutex_unlock (&cache->lock);
}

void
cop_jit_cache_flush (CopJitCache *cache)
{
  g_mutex_lock (&cache->lock);
  for (unsigned i = 0; i < COP_JIT_SEGMENTS; i++)
    {
      close_segment (cache, i);
      free_segment (cache, i);
    }
  cop_jit_index_seal (&cache->index);
  cop_jit_index_reap (&cache->index);
  g_array_set_size (cache->moved, 0);
  cache->segment = 0;
  cache->used = 0;
  g_mutex_unlock (&cache->lock);
}
