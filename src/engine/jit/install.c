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

#include "engine/riscv/mmu.h"

/* How often a unit is made anew because its bytes change all the time. */
#define TRIES 3

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
is_watched (const CopRam *ram, const CopIrUnit *unit)
{
  uint64_t lines = cop_jit_lines_of (unit);

  if (cop_ram_span (ram, unit->gpa, COP_PAGE_SIZE) == NULL)
    return true; /* ROM */
  if ((__atomic_load_n (&cop_ram_page (ram, unit->gpa)->code, __ATOMIC_SEQ_CST) & lines) != lines)
    return false;
  return unit->next_gpa == 0 || cop_ram_span (ram, unit->next_gpa, 1) == NULL ||
         (__atomic_load_n (&cop_ram_page (ram, unit->next_gpa)->code, __ATOMIC_SEQ_CST) & 1) != 0;
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
  if (cop_jit_cache_find (jit->cache, gpa, unit->mode) != NULL)
    outcome = INSTALLED;
  else if (cop_jit_cache_is_current (jit->cache, unit, before) &&
           is_watched (jit->parent.ram, unit))
    outcome = cop_jit_cache_add (jit->cache, lowerer, unit) ? INSTALLED : FULL;
  g_mutex_unlock (&jit->cache->lock);
  return outcome;
}

static void
make_unit (CopJit *jit, const CopTranslateSource *source, CopIrUnit *unit)
{
  cop_translate_unit (unit, source);
  if (G_UNLIKELY (jit->config.translated != NULL))
    jit->config.translated (unit);
}

/* --- on a hart's thread --------------------------------------------------------------------- */

static bool
is_translated (gpointer data, uint64_t gpa)
{
  return cop_jit_has_code (data, gpa);
}

const void *
cop_jit_translate (CopJit *jit, CopHart *hart, uint64_t pc, uint32_t mode)
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
      CopTranslateSource source;
      CopJitChanges before;
      Outcome outcome;
      uint64_t gpa;
      const uint8_t *bytes = cop_mmu_fetch (hart, pc, &gpa);

      if (bytes == NULL || cop_tlb_lookup (hart->fetch_tlb, pc, 1, COP_ACCESS_FETCH) == NULL)
        break;
      before = cop_jit_cache_changes (jit->cache, gpa);
      source = cop_translate_source_of_hart (hart, pc, gpa, bytes);
      source.mode = mode;
      /* Without it, a unit is one block. */
      source.is_translated = mode & COP_MODE_APART ? NULL : is_translated;
      make_unit (jit, &source, own->unit);
      if (__atomic_load_n (&hart->unanswered, __ATOMIC_ACQUIRE) != 0)
        {
          cop_hart_wait_answers (hart, &hart->unanswered);
          continue;
        }
      cop_jit_lower (own->lowerer, own->unit);
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
  own->translation_ns += cop_clock_host_ns () - start;
  return code;
}

/* --- in the background ---------------------------------------------------------------------- */

bool
cop_jit_translate_later (CopJit *jit, CopHart *hart, uint64_t pc)
{
  CopJitJob job = {
    .kind = COP_JIT_JOB_TRANSLATE, .isa = hart->isa, .mode = hart->mode, .gva = pc
  };
  uint64_t next = (pc & ~(COP_PAGE_SIZE - 1)) + COP_PAGE_SIZE;
  const uint8_t *bytes;
  uint16_t last;

  /* Breakpoints are set and cleared on other threads. Then, where the hart has found code a moment
     ago: nothing is walked for it. */
  if (hart->breakpoints != NULL ||
      cop_tlb_lookup (hart->fetch_tlb, pc, 1, COP_ACCESS_FETCH) == NULL)
    return false;
  bytes = cop_mmu_fetch (hart, pc, &job.gpa);
  memcpy (&last, bytes + (next - pc) - sizeof last, sizeof last);
  if ((last & 3) == 3)
    {
      /* Perhaps the first half of an instruction: only the hart knows which page follows. */
      if (cop_tlb_lookup (hart->fetch_tlb, next, 1, COP_ACCESS_FETCH) == NULL)
        return false;
      cop_mmu_fetch (hart, next, &job.next_gpa);
    }
  return cop_jit_background_push (jit->background, &job);
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
  const CopRamBlock *block = cop_ram_block (work->jit->parent.ram, work->job->next_gpa, 2);

  (void) gva;
  work->abandoned |= block == NULL;
  if (block == NULL)
    return NULL;
  *gpa = work->job->next_gpa;
  return block->hva + (*gpa - block->gpa);
}

/* Under the lock: a hart that evicts does not wait for this thread to be out of the index. */
static bool
is_translated_now (gpointer data, uint64_t gpa)
{
  const Work *work = data;
  CopJitCache *cache = work->jit->cache;
  bool found;

  g_mutex_lock (&cache->lock);
  found = cop_jit_cache_find (cache, gpa, work->job->mode) != NULL;
  g_mutex_unlock (&cache->lock);
  return found;
}

void
cop_jit_work (gpointer data, const CopJitJob *job)
{
  CopJit *jit = data;
  Work work = { .jit = jit, .job = job };
  const CopRamBlock *block = cop_ram_block (jit->parent.ram, job->gpa, 2);
  CopTranslateSource source = {
    .isa = job->isa,
    .mode = job->mode,
    .pc = job->gva,
    .gpa = job->gpa,
    .watch = watch_for_all,
    .next_page = next_page_of_job,
    .is_translated = is_translated_now,
    .data = &work,
  };
  uint64_t start = cop_clock_host_ns ();
  Outcome outcome = CHANGED;

  if (block == NULL || is_translated_now (&work, job->gpa))
    return;
  source.page = block->hva + ((job->gpa & ~(COP_PAGE_SIZE - 1)) - block->gpa);
  if (jit->unit == NULL)
    {
      jit->unit = cop_ir_unit_new ();
      jit->lowerer = cop_jit_lowerer_new (jit->cache);
    }
  for (unsigned tries = 0; tries < TRIES && outcome == CHANGED && !work.abandoned; tries++)
    {
      CopJitChanges before = cop_jit_cache_changes (jit->cache, job->gpa);

      make_unit (jit, &source, jit->unit);
      cop_jit_lower (jit->lowerer, jit->unit);
      cop_requests_wait (&work.unanswered);
      if (!work.abandoned)
        outcome = install (jit, jit->lowerer, jit->unit, job->gpa, &before);
    }
  if (outcome == FULL)
    evict (jit, NULL);
  __atomic_fetch_add (&jit->translation_ns, cop_clock_host_ns () - start, __ATOMIC_RELAXED);
}
