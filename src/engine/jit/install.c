/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a place in the guest's code to an installed translation: on a hart's thread, or in the
 * background.
 *
 *   translate --> lower --> wait for the answers of harts that could write the page --> install
 *                                                       '-- something was written: once more
 *
 * Only installing is exclusive. All harts will run the unit, so every one must have lost its write
 * entries of the page before: a store that slipped through while the bytes were read takes them off
 * the watch, and the unit is made anew.
 */
#include "engine/jit/jit-private.h"
#include "engine/jit/strips.h"

#include "engine/riscv/mmu.h"

/* How often a unit is made anew because its bytes change all the time. */
#define TRIES 3

bool
cop_jit_is_optimised (CopHart *hart, uint64_t gpa)
{
  CopJitCache *cache = ((CopJit *) hart->engine)->cache;
  bool optimised;

  g_mutex_lock (&cache->lock);
  optimised = cop_jit_cache_is_optimised (cache, gpa, hart->mode);
  g_mutex_unlock (&cache->lock);
  return optimised;
}

bool
cop_jit_has_code (CopHart *hart, uint64_t gpa)
{
  CopJit *jit = (CopJit *) hart->engine;

  return cop_jit_cache_find (jit->cache, gpa, hart->mode) != NULL;
}

/* Makes room in the cache: no hart may be in what is closed when it is written over.
   @self: (nullable): the hart of this thread. */
static void
evict (CopJit *jit, CopHart *self)
{
  CopRequest request = { .kind = COP_REQUEST_DROP_CODE, .length = UINT64_MAX };
  int unanswered = 0;

  if (!cop_jit_cache_begin_eviction (jit->cache))
    return;
  request.unanswered = &unanswered;
  g_mutex_lock (&jit->lock);
  for (unsigned i = 0; i < jit->harts->len; i++)
    {
      CopHart *other = g_ptr_array_index (jit->harts, i);

      if (other == self)
        continue;
      __atomic_fetch_add (&unanswered, 1, __ATOMIC_SEQ_CST);
      cop_hart_request (other, &request);
    }
  g_mutex_unlock (&jit->lock);
  if (self == NULL)
    cop_requests_wait (&unanswered);
  else
    {
      cop_jit_clear_jumps (self);
      cop_hart_wait_answers (self, &unanswered);
    }
  cop_jit_cache_end_eviction (jit->cache);
}

/* Whether all that @unit was made from is still watched: nothing of it was written since. */
static bool
is_watched (CopRam *ram, const CopIrUnit *unit)
{
  CopIrExtent extents[COP_IR_EXTENTS];
  unsigned n = cop_ir_extents (unit, extents);

  for (unsigned i = 0; i < n; i++)
    if (cop_ram_span (ram, extents[i].gpa, COP_PAGE_SIZE) != NULL && /* not ROM */
        (~__atomic_load_n (&cop_ram_page (ram, extents[i].gpa)->code, __ATOMIC_SEQ_CST) &
         extents[i].lines) != 0)
      return false;
  return true;
}

/* Whether the block at @gpa need not be in a unit of @kind. The lock is held. */
static bool
is_done (const CopJitCache *cache, uint64_t gpa, uint32_t mode, CopJitJobKind kind)
{
  return kind == COP_JIT_JOB_OPTIMISE ? cop_jit_cache_is_optimised (cache, gpa, mode)
                                      : cop_jit_cache_find (cache, gpa, mode) != NULL;
}

typedef enum
{
  INSTALLED, /* by us, or somebody who was faster */
  CHANGED, /* the bytes are not what it was made of */
  FULL,
} Outcome;

static Outcome
install (CopJit *jit, CopJitLowerer *lowerer, const CopIrUnit *unit, uint64_t gpa,
         const CopJitChanges *before)
{
  Outcome outcome = CHANGED;

  g_mutex_lock (&jit->cache->lock);
  if (is_done (jit->cache, gpa, unit->mode,
               unit->optimised ? COP_JIT_JOB_OPTIMISE : COP_JIT_JOB_TRANSLATE))
    outcome = INSTALLED;
  else if (cop_jit_cache_is_current (jit->cache, unit, before) &&
           is_watched (jit->parent.ram, unit))
    outcome = cop_jit_cache_add (jit->cache, lowerer, unit) ? INSTALLED : FULL;
  g_mutex_unlock (&jit->cache->lock);
  return outcome;
}

/* False when what it would be is there already. */
static bool
make_unit (CopJit *jit, const CopTranslateSource *source, CopIrUnit *unit)
{
  bool is_there = false;

  cop_translate_unit (unit, source);
  /* As it was made at first, no loop does without checks. */
  if (unit->optimised && !cop_strips_any (unit))
    {
      g_mutex_lock (&jit->cache->lock);
      is_there = cop_jit_cache_keep (jit->cache, unit);
      g_mutex_unlock (&jit->cache->lock);
    }
  if (G_UNLIKELY (jit->config.translated != NULL))
    jit->config.translated (unit);
  return !is_there;
}

/* Makes host code of what make_unit() made of @source. */
static void
lower_unit (CopJitLowerer *lowerer, CopTranslateSource *source, CopIrUnit *unit)
{
  if (cop_jit_lower (lowerer, unit))
    return;
  source->plain = true;
  cop_translate_unit (unit, source);
  if (!cop_jit_lower (lowerer, unit))
    g_error ("the code at 0x%" G_GINT64_MODIFIER "x cannot be lowered", unit->gpa);
}

/* Where the page at @gpa, of memory or ROM, is in the host's. */
static const uint8_t *
page_of_ram (const CopRam *ram, uint64_t gpa)
{
  const CopRamBlock *block = cop_ram_block (ram, gpa, 2);

  return block != NULL ? block->hva + ((gpa & ~(COP_PAGE_SIZE - 1)) - block->gpa) : NULL;
}

/* Lets @source have the pages beside its own. */
static void
add_near (const CopJit *jit, CopTranslateSource *source, const uint64_t near_gpa[2])
{
  for (unsigned i = 0; i < 2; i++)
    {
      source->near[i].page = near_gpa[i] != 0 ? page_of_ram (jit->parent.ram, near_gpa[i]) : NULL;
      source->near[i].gpa = source->near[i].page != NULL ? near_gpa[i] : 0;
    }
}

/* The pages beside that of @pc, as far as @hart has executed there lately: nothing is walked for
   them. */
static void
find_near (CopHart *hart, uint64_t pc, uint64_t near_gpa[2])
{
  for (unsigned i = 0; i < 2; i++)
    {
      uint64_t gva = (pc & ~(COP_PAGE_SIZE - 1)) + (i == 0 ? -COP_PAGE_SIZE : COP_PAGE_SIZE);

      near_gpa[i] = 0;
      if (cop_tlb_find (hart->fetch_tlb, gva, COP_ACCESS_FETCH) != NULL)
        cop_mmu_fetch (hart, gva, &near_gpa[i]);
    }
}

/* --- on a hart's thread --------------------------------------------------------------------- */

static bool
is_translated (gpointer data, uint64_t gpa)
{
  return cop_jit_has_code (data, gpa);
}

static bool
is_optimised (gpointer data, uint64_t gpa)
{
  return cop_jit_is_optimised (data, gpa);
}

const void *
cop_jit_translate (CopJit *jit, CopHart *hart, uint64_t pc, uint32_t mode, CopJitJobKind kind)
{
  CopJitHart *own = cop_jit_hart (hart);
  uint64_t start = cop_clock_host_ns ();
  const void *code = NULL;

  hart->tier = COP_TIER_TRANSLATOR;
  if (own->unit == NULL)
    {
      own->unit = cop_ir_unit_new ();
      own->lowerer = cop_jit_lowerer_new (jit->cache);
    }
  for (unsigned tries = 0; tries < TRIES && code == NULL; tries++)
    {
      uint64_t near_gpa[2] = { 0 };
      CopTranslateSource source;
      CopJitChanges before;
      Outcome outcome;
      uint64_t gpa;
      const uint8_t *bytes = cop_mmu_fetch (hart, pc, &gpa);

      if (bytes == NULL || cop_tlb_lookup (hart->fetch_tlb, pc, 1, COP_ACCESS_FETCH) == NULL)
        break;
      if (kind == COP_JIT_JOB_OPTIMISE)
        find_near (hart, pc, near_gpa);
      before = cop_jit_cache_changes (jit->cache, gpa, near_gpa);
      source = cop_translate_source_of_hart (hart, pc, gpa, bytes);
      add_near (jit, &source, near_gpa);
      source.mode = mode;
      source.optimised = kind == COP_JIT_JOB_OPTIMISE;
      source.trail = source.optimised ? NULL : jit->trail;
      /* Without it, a unit is one block. */
      source.is_translated = mode & COP_MODE_APART ? NULL
                             : source.optimised    ? is_optimised
                                                   : is_translated;
      if (!make_unit (jit, &source, own->unit))
        {
          code = cop_jit_cache_find (jit->cache, gpa, mode);
          break;
        }
      if (__atomic_load_n (&hart->unanswered, __ATOMIC_ACQUIRE) != 0)
        {
          cop_hart_wait_answers (hart, &hart->unanswered);
          continue;
        }
      lower_unit (own->lowerer, &source, own->unit);
      outcome = install (jit, own->lowerer, own->unit, gpa, &before);
      if (outcome == FULL)
        {
          evict (jit, hart);
          break;
        }
      if (outcome == INSTALLED)
        code = cop_jit_cache_find (jit->cache, gpa, mode);
    }
  hart->tier = COP_TIER_INTERPRETER;
  start = cop_clock_host_ns () - start;
  own->translation_ns += start;
  if (kind == COP_JIT_JOB_OPTIMISE)
    own->optimising_ns += start;
  return code;
}

void
cop_jit_optimise (CopJit *jit, CopHart *hart)
{
  cop_jit_translate (jit, hart, hart->s.pc, hart->mode, COP_JIT_JOB_OPTIMISE);
}

/* --- in the background ---------------------------------------------------------------------- */

static bool
push (CopJit *jit, CopHart *hart, uint64_t pc, CopJitJobKind kind)
{
  CopJitJob job = { .kind = kind, .isa = hart->isa, .mode = hart->mode, .gva = pc };
  const uint8_t *bytes;
  uint16_t last;

  /* Breakpoints are set and cleared on other threads. Then, where the hart has found code a moment
     ago: nothing is walked for it. */
  if (hart->breakpoints != NULL ||
      cop_tlb_lookup (hart->fetch_tlb, pc, 1, COP_ACCESS_FETCH) == NULL)
    return false;
  bytes = cop_mmu_fetch (hart, pc, &job.gpa);
  find_near (hart, pc, job.near_gpa);
  memcpy (&last, bytes + (COP_PAGE_SIZE - sizeof last - (pc & (COP_PAGE_SIZE - 1))), sizeof last);
  /* Perhaps the first half of an instruction: only the hart knows which page follows. What is hot need
     not lead there, and if it does the job is abandoned. */
  if (kind == COP_JIT_JOB_TRANSLATE && (last & 3) == 3 && job.near_gpa[1] == 0)
    return false;
  return cop_jit_background_push (jit->background, &job);
}

bool
cop_jit_translate_later (CopJit *jit, CopHart *hart, uint64_t pc)
{
  return push (jit, hart, pc, COP_JIT_JOB_TRANSLATE);
}

bool
cop_jit_optimise_later (CopJit *jit, CopHart *hart)
{
  return push (jit, hart, hart->s.pc, COP_JIT_JOB_OPTIMISE);
}

/* What a job's unit is made from. */
typedef struct
{
  CopJit *jit;
  const CopJitJob *job;
  int unanswered; /* atomic: harts that may hold write entries yet */
  bool abandoned; /* it takes a hart to translate this */
} Work;

static void
watch_for_all (gpointer data, uint64_t gpa, uint64_t length)
{
  Work *work = data;
  CopJit *jit = work->jit;

  g_mutex_lock (&jit->lock);
  cop_mmu_watch_code_for_all (jit->parent.ram, jit->harts, gpa, length, &work->unanswered);
  g_mutex_unlock (&jit->lock);
}

static const uint8_t *
next_page_of_job (gpointer data, uint64_t gva, uint64_t *gpa)
{
  Work *work = data;
  const uint8_t *page = page_of_ram (work->jit->parent.ram, work->job->near_gpa[1]);

  (void) gva;
  work->abandoned |= page == NULL;
  *gpa = work->job->near_gpa[1];
  return page;
}

/* Under the lock: a hart that evicts does not wait for this thread to be out of the index. */
static bool
is_done_for_job (gpointer data, uint64_t gpa)
{
  const Work *work = data;
  CopJitCache *cache = work->jit->cache;
  bool done;

  g_mutex_lock (&cache->lock);
  done = is_done (cache, gpa, work->job->mode, work->job->kind);
  g_mutex_unlock (&cache->lock);
  return done;
}

void
cop_jit_work (gpointer data, const CopJitJob *job)
{
  CopJit *jit = data;
  Work work = { .jit = jit, .job = job };
  CopTranslateSource source = {
    .isa = job->isa,
    .mode = job->mode,
    .pc = job->gva,
    .gpa = job->gpa,
    .page = page_of_ram (jit->parent.ram, job->gpa),
    .watch = watch_for_all,
    .next_page = next_page_of_job,
    .optimised = job->kind == COP_JIT_JOB_OPTIMISE,
    .is_translated = is_done_for_job,
    .trail = job->kind == COP_JIT_JOB_OPTIMISE ? NULL : jit->trail,
    .data = &work,
  };
  uint64_t start = cop_clock_host_ns ();
  Outcome outcome = CHANGED;

  if (source.page == NULL || is_done_for_job (&work, job->gpa))
    return;
  if (job->kind == COP_JIT_JOB_OPTIMISE)
    add_near (jit, &source, job->near_gpa);
  if (jit->unit == NULL)
    {
      jit->unit = cop_ir_unit_new ();
      jit->lowerer = cop_jit_lowerer_new (jit->cache);
    }
  for (unsigned tries = 0; tries < TRIES && outcome == CHANGED && !work.abandoned; tries++)
    {
      /* Before the bytes are read. */
      CopJitChanges before = cop_jit_cache_changes (jit->cache, job->gpa, job->near_gpa);
      bool is_new = make_unit (jit, &source, jit->unit);

      if (is_new)
        lower_unit (jit->lowerer, &source, jit->unit);
      cop_requests_wait (&work.unanswered);
      if (!is_new)
        break;
      if (!work.abandoned)
        outcome = install (jit, jit->lowerer, jit->unit, job->gpa, &before);
    }
  if (outcome == FULL)
    evict (jit, NULL);
  start = cop_clock_host_ns () - start;
  __atomic_fetch_add (&jit->translation_ns, start, __ATOMIC_RELAXED);
  if (job->kind == COP_JIT_JOB_OPTIMISE)
    __atomic_fetch_add (&jit->optimising_ns, start, __ATOMIC_RELAXED);
}
