/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The code cache.
 */
#include "engine/jit/cache.h"

#include "common/fd.h"
#include "common/units.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>

#define DEFAULT_SIZE (256 * COP_MIB)
#define MINIMUM_SIZE (1 * COP_MIB)
#define SETTLE_BYTES (256 * 1024)

/* --- memory ------------------------------------------------------------------------------------ */

static bool
map_code (CopJitCache *cache, GError **error)
{
  cop_autofd int fd = memfd_create ("coppice-jit", MFD_CLOEXEC);

  if (fd >= 0 && ftruncate (fd, (off_t) cache->size) == 0)
    {
      cache->rw = mmap (NULL, cache->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      cache->exec = mmap (NULL, cache->size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
      if (cache->rw != MAP_FAILED && cache->exec != MAP_FAILED)
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
  cop_jit_index_init (&cache->index);
  cache->pages = g_new0 (CopJitUnit *, COP_JIT_PAGES);
  cache->next_pages = g_new0 (CopJitUnit *, COP_JIT_PAGES);
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
  cop_jit_index_clear (&cache->index);
  g_free (cache->pages);
  g_free (cache->next_pages);
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

void
cop_jit_cache_link (CopJitCache *cache, uint32_t number)
{
  CopJitLink *link;
  uint64_t gpa;

  g_mutex_lock (&cache->lock);
  link = number < cache->links->len ? link_at (cache, number) : NULL;
  if (link != NULL && link->from != NULL && !link->from->closed && link->to == NULL)
    {
      uint32_t mode = link->from->mode & ~COP_MODE_APART;

      gpa = link->from->gpa + link->offset;
      link->to = cop_jit_index_unit (&cache->index, gpa, mode);
      if (link->to != NULL)
        {
          if (link->to->incoming == NULL)
            link->to->incoming = g_array_new (FALSE, FALSE, sizeof (uint32_t));
          g_array_append_val (link->to->incoming, number);
          set_link (cache, link, cop_jit_cache_find (cache, gpa, mode));
          cache->n_linked++;
        }
    }
  g_mutex_unlock (&cache->lock);
}

/* --- installation ------------------------------------------------------------------------------ */

uint64_t
cop_jit_lines_of (const CopIrUnit *unit)
{
  uint64_t lines = 0;

  for (unsigned i = 0; i < unit->blocks->len; i++)
    {
      const CopIrBlock *block = &g_array_index (unit->blocks, CopIrBlock, i);
      unsigned first = block->offset >> COP_CODE_LINE_SHIFT;
      unsigned last = MIN (block->end - 1u, COP_PAGE_SIZE - 1) >> COP_CODE_LINE_SHIFT;

      lines |= (UINT64_MAX >> (63 - last)) & (UINT64_MAX << first);
    }
  return lines;
}

static void
add_blocks (CopJitCache *cache, const CopJitCode *code, CopJitUnit *unit)
{
  unit->n_blocks = code->blocks->len;
  unit->blocks = g_memdup2 (code->blocks->data, unit->n_blocks * sizeof (CopJitBlockCode));
  for (unsigned i = 0; i < unit->n_blocks; i++)
    {
      const CopJitBlockCode *block = &unit->blocks[i];

      cop_jit_index_set (&cache->index, unit->gpa + block->offset, unit->mode,
                         cache->exec + unit->code + block->entry, unit);
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

static void
add_links (CopJitCache *cache, const CopJitCode *lowered, CopJitUnit *unit)
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
        .offset = code->offset,
      };

      unit->links[i] = new_link (cache, &link);
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

void
cop_jit_lower (CopJitLowerer *lowerer, const CopIrUnit *unit)
{
  lowerer->size = lowerer->ops->lower (lowerer->backend, unit, &lowerer->code);
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
  unit->lines = cop_jit_lines_of (ir);
  unit->segment = cache->segment;
  unit->code = cache->thunks + cache->segment * cache->segment_size + cache->used;
  unit->size = size;
  cache->used = (cache->used + size + 63) & ~(size_t) 63;
  cache->used = MIN (cache->used, cache->segment_size);

  cache->ops->install (lowerer->backend, cache->rw + unit->code, cache->exec + unit->code);
  add_links (cache, &lowerer->code, unit);
  settle (cache);
  add_blocks (cache, &lowerer->code, unit);
  unit->page_next = cache->pages[page_slot (unit->gpa)];
  cache->pages[page_slot (unit->gpa)] = unit;
  unit->next_gpa = ir->next_gpa;
  if (unit->next_gpa != 0)
    {
      unit->next_page_next = cache->next_pages[page_slot (unit->next_gpa)];
      cache->next_pages[page_slot (unit->next_gpa)] = unit;
    }
  g_ptr_array_add (cache->units[cache->segment], unit);

  if (cache->record != NULL)
    cop_jit_record_add (cache->record, ir, unit->code, cache->rw + unit->code, size);
  cache->n_units++;
  cache->n_blocks += unit->n_blocks;
  cache->n_bytes += size;
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
  CopJitUnit **place;

  if (unit->closed)
    return;
  unit->closed = true;
  cache->n_closed++;
  for (place = &cache->pages[page_slot (unit->gpa)]; *place != unit; place = &(*place)->page_next)
    ;
  *place = unit->page_next;
  if (unit->next_gpa != 0)
    {
      for (place = &cache->next_pages[page_slot (unit->next_gpa)]; *place != unit;
           place = &(*place)->next_page_next)
        ;
      *place = unit->next_page_next;
    }

  for (unsigned i = 0; i < unit->n_blocks; i++)
    {
      const CopJitBlockCode *block = &unit->blocks[i];
      size_t entry = unit->code + block->entry;

      cop_jit_index_unset (&cache->index, unit->gpa + block->offset, unit->mode, unit);
      cache->ops->close_entry (cache->rw + entry, cache->exec + entry,
                               cache->exec + unit->code + block->bounce);
    }
  for (unsigned i = 0; unit->incoming != NULL && i < unit->incoming->len; i++)
    {
      CopJitLink *link = link_at (cache, g_array_index (unit->incoming, uint32_t, i));

      if (link->to == unit)
        unlink_jump (cache, link);
    }
}

void
cop_jit_cache_divert (CopJitCache *cache, const uint8_t *site, const uint8_t *target)
{
  g_mutex_lock (&cache->lock);
  cache->ops->set_jump (cache->rw + (site - cache->exec), site, target);
  cache->n_diverted++;
  g_mutex_unlock (&cache->lock);
}

CopJitChanges
cop_jit_cache_changes (const CopJitCache *cache, uint64_t gpa)
{
  return (CopJitChanges){
    .page = __atomic_load_n (&cache->page_changes[page_slot (gpa)], __ATOMIC_ACQUIRE),
    .all = __atomic_load_n (&cache->changes, __ATOMIC_ACQUIRE),
  };
}

bool
cop_jit_cache_is_current (const CopJitCache *cache, const CopIrUnit *unit,
                          const CopJitChanges *before)
{
  CopJitChanges now = cop_jit_cache_changes (cache, unit->gpa);

  return now.page == before->page && (unit->next_gpa == 0 || now.all == before->all);
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
      CopJitUnit *unit, *next;

      __atomic_fetch_add (&cache->page_changes[page_slot (page)], 1, __ATOMIC_RELEASE);
      for (unit = cache->pages[page_slot (page)]; unit != NULL; unit = next)
        {
          next = unit->page_next;
          if (unit->gpa == page && (unit->lines & lines) != 0)
            close_unit (cache, unit);
        }
      for (unit = cache->next_pages[page_slot (page)]; unit != NULL && (lines & 1); unit = next)
        {
          next = unit->next_page_next;
          if (unit->next_gpa == page)
            close_unit (cache, unit);
        }
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
        *link_at (cache, unit->links[j]) = (CopJitLink){ NULL };
    }
}

static void
free_segment (CopJitCache *cache, unsigned segment)
{
  for (unsigned i = 0; i < cache->units[segment]->len; i++)
    {
      CopJitUnit *unit = g_ptr_array_index (cache->units[segment], i);

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
  cache->segment = 0;
  cache->used = 0;
  g_mutex_unlock (&cache->lock);
}
