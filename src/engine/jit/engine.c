/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The hybrid engine and the JIT behind the engines' door.
 *
 *        +--> translated? --yes--> enter it ----> exit: pc, link, fault, system, ...
 *   pc --+                                                 |
 *        +--no--> interpret blocks until one is hot --> translate its unit
 *
 * Translated code runs for at most a quantum of instructions before it comes back here to look at
 * `pending`: that costs one subtraction per block and no load.
 */
#include "engine/jit/engine.h"

#include "engine/interp/interp.h"
#include "engine/jit/jit-private.h"
#include "engine/machine.h"
#include "engine/riscv/fpu-host.h"
#include "engine/riscv/mmu.h"
#include "engine/riscv/system.h"

#include <string.h>

/* Instructions between two looks at `pending`: a few microseconds. */
#define QUANTUM 8192
/* Bytes of calls that translated code may keep on the host's stack from one quantum to the next. In
   one, it makes as many calls as there are instructions at most. */
#define STACK_KEPT (64 * 1024)
/* What is left before a limit that is not worth entering translated code for. */
#define NEAR 128
/* Instructions compared at once when translated code is verified. */
#define VERIFY_STRETCH 1024

/* Runs of a block before its unit is translated. */
#define HYBRID_HEAT 24
/* How many times as many, while the background thread has other things to do, before a hart
   translates for itself: about what that costs. */
#define PATIENCE 24

/* The hart this thread is running, so that its own stores to code need no request. */
static __thread CopHart *running;

/* --- life -------------------------------------------------------------------------------------- */

static void
jit_code_written (gpointer data, uint64_t gpa, uint64_t length)
{
  CopEngine *engine = data;

  engine->ops->invalidate (engine, gpa, length);
}

static CopEngine *
create (const CopEngineOps *ops, int32_t heat, CopMachine *machine, CopRam *ram,
        const CopEngineConfig *config, GError **error)
{
  CopJitCache *cache = cop_jit_cache_new (config->jit_cache_size, error);
  CopJit *jit;

  if (cache == NULL)
    return NULL;
  jit = g_new0 (CopJit, 1);
  jit->parent.ops = ops;
  jit->parent.machine = machine;
  jit->parent.ram = ram;
  jit->cache = cache;
  jit->heat = heat;
  jit->config = *config;
  /* Whoever compares wants to know what runs; with one core there is nothing to be had. */
  if (heat > 0 && config->background && !config->verify && g_get_num_processors () > 1)
    jit->background = cop_jit_background_new (cop_jit_work, jit);
  if (heat > 0)
    jit->trail = g_new0 (CopTrail, 1);
  jit->harts = g_ptr_array_new ();
  g_mutex_init (&jit->lock);
  cache->record = cop_jit_record_new (
    config, ram, machine != NULL ? cop_machine_config (machine)->isa : cop_isa_default (),
    cache->exec, cache->size);
  jit->parent.code = cache->exec;
  jit->parent.code_size = cache->size;
  if (cache->record != NULL)
    jit->parent.samples = cop_jit_record_samples (cache->record);
  ram->code_written = jit_code_written;
  ram->code_written_data = jit;
  return &jit->parent;
}

static CopEngine *
jit_create (CopMachine *machine, CopRam *ram, const CopEngineConfig *config, GError **error)
{
  return create (&cop_jit_ops, 0, machine, ram, config, error);
}

static CopEngine *
hybrid_create (CopMachine *machine, CopRam *ram, const CopEngineConfig *config, GError **error)
{
  return create (&cop_hybrid_ops, HYBRID_HEAT, machine, ram, config, error);
}

static void
jit_destroy (CopEngine *engine)
{
  CopJit *jit = (CopJit *) engine;

  cop_jit_background_free (jit->background);
  engine->ram->code_written = NULL;
  g_clear_pointer (&jit->unit, cop_ir_unit_free);
  cop_jit_lowerer_free (jit->lowerer);
  cop_jit_cache_free (jit->cache);
  g_ptr_array_unref (jit->harts);
  g_free (jit->trail);
  g_mutex_clear (&jit->lock);
  g_free (jit);
}

static const void *system_in_code (CopHart *hart);
static const void *find_for_code (CopHart *hart, uint64_t pc);
static const void *refuel (CopHart *hart, const void *stack);
static const void *link_far (CopHart *hart, uint64_t pc, uint32_t far);

static void
divert (CopHart *hart, const uint8_t *site, const uint8_t *target, bool is_loop)
{
  cop_jit_cache_divert (((CopJit *) hart->engine)->cache, site, target, is_loop);
}

static void
jit_attach (CopEngine *engine, CopHart *hart)
{
  CopJit *jit = (CopJit *) engine;
  CopJitHart *own = g_new0 (CopJitHart, 1);

  own->blocks = cop_block_cache_new (hart, cop_interp_labels ());
  own->blocks->heat = jit->heat;
  own->blocks->trail = jit->trail;
  own->blocks->has_better = cop_jit_has_code;
  hart->engine = engine;
  hart->engine_data = own;
  cop_jit_clear_jumps (hart);
  hart->epochs_over = cop_jit_clear_jumps;
  hart->jit.system = system_in_code;
  hart->jit.rest = cop_jit_rest_in_code;
  hart->jit.find = find_for_code;
  hart->jit.refuel = refuel;
  hart->jit.divert = divert;
  hart->jit.link_far = link_far;
  for (unsigned i = 0; i < COP_JIT_CREDITS; i++)
    hart->jit.strip_credit[i] = COP_JIT_CREDIT;
  if (jit->config.verify)
    own->verify = cop_jit_verify_new (hart);
  g_mutex_lock (&jit->lock);
  g_ptr_array_add (jit->harts, hart);
  g_mutex_unlock (&jit->lock);
}

static void
jit_detach (CopEngine *engine, CopHart *hart)
{
  CopJit *jit = (CopJit *) engine;
  CopJitHart *own = cop_jit_hart (hart);

  g_mutex_lock (&jit->lock);
  g_ptr_array_remove (jit->harts, hart);
  g_mutex_unlock (&jit->lock);
  /* What it knows of jumps is about the code of this engine. */
  cop_jit_clear_jumps (hart);
  g_clear_pointer (&own->verify, cop_jit_verify_free);
  cop_block_cache_free (own->blocks);
  g_clear_pointer (&own->unit, cop_ir_unit_free);
  cop_jit_lowerer_free (own->lowerer);
  g_free (own);
  hart->engine_data = NULL;
  hart->epochs_over = NULL;
  hart->engine = NULL;
}

/* --- running ----------------------------------------------------------------------------------- */

/* Translated code for s.pc: by the hart's jump table, or the cache. */
static const void *
find_code (CopJit *jit, CopHart *hart)
{
  uint64_t pc = hart->s.pc;
  CopJitJump *jump = &hart->jumps[cop_jit_jump_slot (pc)];
  const void *code;
  uint64_t gpa;

  if (jump->key == (pc ^ hart->code_epoch))
    return jump->code;
  if (cop_mmu_fetch (hart, pc, &gpa) == NULL)
    return NULL;
  code = cop_jit_cache_find (jit->cache, gpa, hart->mode);
  if (code != NULL)
    *jump = (CopJitJump){ .key = pc ^ hart->code_epoch, .code = code };
  return code;
}

/* Lets the jump table lead nowhere from s.pc. */
static void
forget_jump (CopHart *hart)
{
  unsigned slot = cop_jit_jump_slot (hart->s.pc);

  hart->jumps[slot].key = cop_jit_no_jump (slot);
}

/* Interprets until s.instret is @limit or run() is over; false in the latter case. */
static bool
interpret_to (CopHart *hart, uint64_t limit, CopRunResult *result)
{
  CopBlockCache *blocks = cop_jit_hart (hart)->blocks;
  CopBlock *hot;

  blocks->has_better = NULL;
  while (cop_interp_execute (hart, blocks, limit, result, &hot) == COP_INTERP_HOT)
    hot->heat = 1;
  blocks->has_better = cop_jit_has_code;
  return *result == COP_RUN_LIMIT;
}

/* The instruction that code left at, or the rest of its block; false when run() is over. What code
   had fuel for, no limit is before. */
static bool
interpret_part (CopHart *hart, unsigned insns, CopRunResult *result)
{
  *result = cop_interp_execute_part (hart, cop_jit_hart (hart)->blocks, insns);
  return *result == COP_RUN_LIMIT;
}

/* s.pc and s.instret at the place that code left from. */
static void
settle_place (CopHart *hart)
{
  hart->s.pc = hart->jit.page + COP_JIT_PLACE_OFFSET (hart->jit.exit_info);
  hart->s.instret -= COP_JIT_PLACE_LEFT (hart->jit.exit_info);
}

/* jit.exit_op when the instruction was done: jit.exit_bits is the CopSystemResult. */
#define SYSTEM_DONE UINT32_MAX

/* Called by translated code that got to a SYSTEM instruction, with s.x whole: does it, and takes the
   trap that it raises. Most of the kernel's entries and exits never leave translated code that way.

   Returns: (nullable): where to go on; NULL when run() has to look: what there is to do is noted in
     exit_op */
static const void *
system_in_code (CopHart *hart)
{
  CopHartJit *at = &hart->jit;
  uint64_t code_tag = hart->code_tag;
  CopInsnOp op = (CopInsnOp) at->exit_op;
  CopSystemResult done;
  const void *code;

  /* Both hands of a comparison do it for themselves. */
  if (cop_jit_hart (hart)->verify != NULL)
    return NULL;
  hart->s.pc = at->page + COP_JIT_PLACE_OFFSET (at->exit_info);
  hart->s.instret = at->fuel_end - (uint64_t) at->fuel - COP_JIT_PLACE_LEFT (at->exit_info);
  done = cop_system_execute (hart, at->exit_op, at->exit_bits);
  if (done == COP_SYSTEM_TRAP)
    cop_hart_take_trap (hart);
  at->exit_op = SYSTEM_DONE;
  at->exit_bits = done;
  at->fuel = (int64_t) (at->fuel_end - hart->s.instret);
  if (done == COP_SYSTEM_WAIT || __atomic_load_n (&hart->pending, __ATOMIC_RELAXED) != 0 ||
      hart->instret_event < at->fuel_end)
    return NULL;
  code = find_code ((CopJit *) hart->engine, hart);
  at->page = hart->s.pc & ~(COP_PAGE_SIZE - 1);
  /* Others may fence, or wait, and then answer whoever wants code dropped. */
  at->keeps_calls = op >= COP_INSN_csrrw && op <= COP_INSN_csrrci && hart->code_tag == code_tag;
  return code;
}

/* Called by translated code that jumps to what its table does not have. */
static const void *
find_for_code (CopHart *hart, uint64_t pc)
{
  const void *code;

  hart->s.pc = pc;
  code = find_code ((CopJit *) hart->engine, hart);
  if (code != NULL)
    hart->jit.page = pc & ~(COP_PAGE_SIZE - 1);
  return code;
}

/* Called by translated code that jumps to another page, where its table does not find what the jump is
   linked to. What it finds may be an entry that moved: the table gets what there is now. */
static const void *
link_far (CopHart *hart, uint64_t pc, uint32_t far)
{
  CopJit *jit = (CopJit *) hart->engine;
  uint64_t from = hart->jit.page, gpa;
  const void *code;

  hart->s.pc = pc;
  forget_jump (hart);
  code = find_code (jit, hart);
  if (code == NULL)
    return NULL;
  hart->jit.page = pc & ~(COP_PAGE_SIZE - 1);
  cop_mmu_fetch (hart, pc, &gpa);
  if (cop_jit_cache_link_far (jit->cache, far, gpa))
    hart->fars[far] = (CopJitFar){ .key = from ^ hart->code_epoch, .page = hart->jit.page };
  return code;
}

static void
count_insns (CopJitHart *own, CopHart *hart)
{
  hart->s.instret = hart->jit.fuel_end - (uint64_t) hart->jit.fuel;
  own->insns_translated += hart->s.instret - own->counted_to;
  own->counted_to = hart->s.instret;
}

/* Called by translated code that is out of fuel: gives it another quantum, unless run() has to look
   at something. So the calls on its stack outlast quanta. */
static const void *
refuel (CopHart *hart, const void *stack)
{
  CopJitHart *own = cop_jit_hart (hart);
  CopHartJit *at = &hart->jit;
  uint64_t stop_at = MIN (at->limit, hart->instret_event), fuel;
  const void *code;

  hart->s.pc = at->exit_pc;
  cop_jit_sample ((CopJit *) hart->engine, hart);
  if (own->verify != NULL || own->is_hot || __atomic_load_n (&hart->pending, __ATOMIC_RELAXED) != 0)
    return NULL;
  count_insns (own, hart);
  if (hart->s.instret >= stop_at || stop_at - hart->s.instret < NEAR)
    return NULL;
  code = find_code ((CopJit *) hart->engine, hart);
  if (code == NULL)
    return NULL;
  /* It may be beside the page that code stood on. */
  at->page = hart->s.pc & ~(COP_PAGE_SIZE - 1);
  fuel = MIN (stop_at - hart->s.instret, QUANTUM);
  at->fuel = (int64_t) fuel;
  at->fuel_end = hart->s.instret + fuel;
  at->keeps_calls = (const char *) at->stack - (const char *) stack < STACK_KEPT;
  return code;
}

/* Enters @code at s.pc; s.pc and s.instret are where it left. */
static CopJitExit
enter_code (CopJit *jit, CopHart *hart, const void *code, uint64_t fuel)
{
  CopJitHart *own = cop_jit_hart (hart);
  uint64_t before = hart->s.instret;
  CopJitExit exit;

  hart->jit.page = hart->s.pc & ~(COP_PAGE_SIZE - 1);
  hart->jit.fuel = (int64_t) fuel;
  hart->jit.fuel_end = before + fuel;
  own->counted_to = before;
  hart->tier = COP_TIER_HELPER;
  exit = jit->cache->ops->enter (jit->cache->backend, hart, code);
  hart->tier = COP_TIER_INTERPRETER;
  count_insns (own, hart);
  own->exits[exit]++;

  switch (exit)
    {
    case COP_JIT_EXIT_PC:
      /* Code that was closed since bounces: the table leads there no more. */
      if (hart->s.instret == before)
        forget_jump (hart);
      hart->s.pc = hart->jit.exit_pc;
      break;
    case COP_JIT_EXIT_LINK:
      hart->s.pc = hart->jit.exit_pc;
      break;
    case COP_JIT_EXIT_SYSTEM:
      if (hart->jit.exit_op != SYSTEM_DONE)
        settle_place (hart);
      break;
    default:
      settle_place (hart);
    }
  return exit;
}

static bool
verify_enter (gpointer data, CopHart *hart, uint64_t fuel)
{
  CopJit *jit = data;
  CopJitHart *own = cop_jit_hart (hart);
  const void *code = find_code (jit, hart);

  own->exit = COP_JIT_EXIT_PC;
  if (code != NULL)
    own->exit = enter_code (jit, hart, code, fuel);
  return own->exit == COP_JIT_EXIT_FAULT;
}

/* What is known of the unit at @pc: its first block in the intermediate form, and host code. */
static void
verify_describe (gpointer data, CopHart *hart, uint64_t pc, GString *report)
{
  CopJit *jit = data;
  CopIrUnit *unit = cop_jit_hart (hart)->unit;
  g_autofree char *text = NULL;
  CopTranslateSource source;
  uint64_t gpa;
  const uint8_t *bytes = cop_mmu_fetch (hart, pc, &gpa);

  if (bytes == NULL || unit == NULL)
    return;
  source = cop_translate_source_of_hart (hart, pc, gpa, bytes);
  cop_translate_unit (unit, &source);
  text = cop_ir_dump (unit);
  g_string_append_printf (report, "\nintermediate form:\n%s", text);
  cop_jit_cache_dump (jit->cache, gpa, hart->mode, report);
}

/* Enters @code and compares what it does. False at a difference. */
static bool
verify_code (CopJit *jit, CopHart *hart, uint64_t fuel, CopJitExit *exit)
{
  CopJitHart *own = cop_jit_hart (hart);
  g_autofree char *report = NULL;
  bool faulted;

  report = cop_jit_verify_run (own->verify, hart, MIN (fuel, VERIFY_STRETCH), verify_enter,
                               verify_describe, jit, &faulted);
  *exit = own->exit;
  if (report == NULL)
    return true;
  if (jit->config.differs != NULL)
    jit->config.differs (jit->config.differs_data, report);
  return false;
}

/* Enters @code at s.pc, and does what it left for. Returns false when run() is over. */
static bool
run_code (CopJit *jit, CopHart *hart, const void *code, uint64_t fuel, CopRunResult *result)
{
  CopJitExit exit;

  if (G_LIKELY (cop_jit_hart (hart)->verify == NULL))
    exit = enter_code (jit, hart, code, fuel);
  else if (!verify_code (jit, hart, fuel, &exit))
    {
      *result = COP_RUN_DIFFERENT;
      return false;
    }

  switch (exit)
    {
    case COP_JIT_EXIT_PC:
      if (cop_jit_hart (hart)->is_hot)
        cop_jit_optimise (jit, hart);
      cop_jit_hart (hart)->is_hot = false;
      break;
    case COP_JIT_EXIT_LINK:
      cop_jit_cache_link (jit->cache, hart->jit.exit_info);
      break;
    case COP_JIT_EXIT_FAULT:
      cop_hart_take_trap (hart);
      break;
    case COP_JIT_EXIT_SYSTEM:
      if (hart->jit.exit_op == SYSTEM_DONE)
        {
          *result = COP_RUN_WFI;
          return hart->jit.exit_bits != COP_SYSTEM_WAIT;
        }
      switch (cop_system_execute (hart, hart->jit.exit_op, hart->jit.exit_bits))
        {
        case COP_SYSTEM_DONE:
          break;
        case COP_SYSTEM_TRAP:
          cop_hart_take_trap (hart);
          break;
        case COP_SYSTEM_WAIT:
          *result = COP_RUN_WFI;
          return false;
        }
      break;
    case COP_JIT_EXIT_INTERPRET:
      return interpret_part (hart, 1, result);
    case COP_JIT_EXIT_BLOCK:
      if (cop_jit_hart (hart)->apart_pc == hart->s.pc)
        cop_jit_translate (jit, hart, hart->s.pc, hart->mode | COP_MODE_APART,
                           COP_JIT_JOB_TRANSLATE);
      cop_jit_hart (hart)->apart_pc = 0;
      return interpret_part (hart, COP_JIT_PLACE_LEFT (hart->jit.exit_info), result);
    }
  return true;
}

/* What to do about a block that has become hot, and has no translation.

   Returns: (nullable): code for s.pc; NULL: the block is interpreted some more */
static const void *
need_code (CopJit *jit, CopHart *hart, CopBlock *hot)
{
  const void *code;

  if (jit->background != NULL && hot->n_asked < PATIENCE)
    {
      hot->heat = jit->heat;
      if (hot->n_asked++ > 0 || cop_jit_translate_later (jit, hart, hart->s.pc))
        return NULL;
    }
  code = cop_jit_translate (jit, hart, hart->s.pc, hart->mode, COP_JIT_JOB_TRANSLATE);
  if (code == NULL)
    hot->heat = jit->heat + 1;
  return code;
}

static CopRunResult
run (CopJit *jit, CopHart *hart, uint64_t limit)
{
  CopRunResult result;

  hart->jit.limit = limit;
  for (;;)
    {
      uint64_t stop_at = MIN (limit, hart->instret_event);
      const void *code = NULL;
      CopBlock *hot;

      if (hart->s.instret >= limit)
        return COP_RUN_LIMIT;
      if (__atomic_load_n (&hart->pending, __ATOMIC_RELAXED) != 0 || hart->s.instret >= stop_at)
        {
          if (!cop_hart_poll (hart))
            return COP_RUN_STOP;
          continue;
        }
      if (stop_at - hart->s.instret < NEAR)
        {
          if (!interpret_to (hart, stop_at, &result))
            return result;
          continue;
        }

      code = find_code (jit, hart);
      if (code == NULL)
        {
          if (cop_interp_execute (hart, cop_jit_hart (hart)->blocks, limit, &result, &hot) ==
              COP_INTERP_RESULT)
            return result;
          code = find_code (jit, hart);
          if (code == NULL)
            code = need_code (jit, hart, hot);
          if (code == NULL)
            continue;
          if (stop_at - hart->s.instret < NEAR || hart->s.instret >= stop_at)
            continue;
        }
      if (!run_code (jit, hart, code, MIN (stop_at - hart->s.instret, QUANTUM), &result))
        return result;
    }
}

static CopRunResult
jit_run (CopEngine *engine, CopHart *hart, uint64_t limit)
{
  CopRunResult result;

  running = hart;
  cop_fpu_enter (hart);
  result = run ((CopJit *) engine, hart, limit);
  cop_fpu_leave (hart);
  running = NULL;
  return result;
}

/* --- the rest of the door ------------------------------------------------------------------------ */

static void
jit_get_vcpu_state (CopEngine *engine, CopHart *hart, CopHartState *state)
{
  (void) engine;
  *state = hart->s;
}

static void
jit_set_vcpu_state (CopEngine *engine, CopHart *hart, const CopHartState *state)
{
  (void) engine;
  hart->s = *state;
  cop_hart_state_changed (hart);
}

static void
jit_drop_code (CopEngine *engine, CopHart *hart, uint64_t gpa, uint64_t length)
{
  CopJitHart *own = cop_jit_hart (hart);

  (void) engine;
  cop_block_cache_drop (own->blocks, gpa, length);
  if (own->verify != NULL)
    cop_jit_verify_drop_code (own->verify, gpa, length);
  if (length == UINT64_MAX)
    cop_jit_clear_jumps (hart);
}

static void
jit_invalidate (CopEngine *engine, uint64_t gpa, uint64_t length)
{
  CopJit *jit = (CopJit *) engine;

  g_mutex_lock (&jit->lock);
  cop_block_code_changed (engine->ram, jit->harts, running, &gpa, &length);
  g_mutex_unlock (&jit->lock);
  cop_jit_cache_invalidate (jit->cache, gpa, length);
}

static void
jit_flush (CopEngine *engine)
{
  CopJit *jit = (CopJit *) engine;

  if (jit->background != NULL)
    cop_jit_background_drain (jit->background);
  cop_jit_cache_flush (jit->cache);
  for (unsigned i = 0; i < jit->harts->len; i++)
    {
      CopHart *hart = g_ptr_array_index (jit->harts, i);

      jit_drop_code (engine, hart, 0, UINT64_MAX);
      cop_jit_clear_jumps (hart);
    }
}

static void
jit_stats (CopEngine *engine, CopStatsFunc func, gpointer data)
{
  static const char *const exits[] = {
    [COP_JIT_EXIT_PC] = "jit.exits.pc",
    [COP_JIT_EXIT_LINK] = "jit.exits.link",
    [COP_JIT_EXIT_FAULT] = "jit.exits.fault",
    [COP_JIT_EXIT_SYSTEM] = "jit.exits.system",
    [COP_JIT_EXIT_INTERPRET] = "jit.exits.interpret",
    [COP_JIT_EXIT_BLOCK] = "jit.exits.block",
  };
  CopJit *jit = (CopJit *) engine;
  CopJitCache *cache = jit->cache;
  uint64_t sums[G_N_ELEMENTS (exits)] = { 0 };
  uint64_t translated = 0, all = 0, ns = 0, optimising_ns = 0, rests = 0, compared = 0, skipped = 0;
  uint64_t built = 0, flushes = 0;

  g_mutex_lock (&jit->lock);
  for (unsigned i = 0; i < jit->harts->len; i++)
    {
      const CopHart *hart = g_ptr_array_index (jit->harts, i);
      const CopJitHart *own = cop_jit_hart (hart);

      for (unsigned j = 0; j < G_N_ELEMENTS (exits); j++)
        sums[j] += own->exits[j];
      translated += own->insns_translated;
      rests += own->rests_in_code;
      all += hart->s.instret;
      ns += own->translation_ns;
      optimising_ns += own->optimising_ns;
      built += own->blocks->n_built;
      flushes += own->blocks->n_flushes;
      if (own->verify != NULL)
        cop_jit_verify_stats (own->verify, &compared, &skipped);
    }
  g_mutex_unlock (&jit->lock);
  ns += __atomic_load_n (&jit->translation_ns, __ATOMIC_RELAXED);
  optimising_ns += __atomic_load_n (&jit->optimising_ns, __ATOMIC_RELAXED);
  func (data, "jit.instructions", translated);
  func (data, "interp.instructions", all - translated);
  func (data, "interp.blocks-decoded", built);
  func (data, "interp.cache-flushes", flushes);
  for (unsigned j = 0; j < G_N_ELEMENTS (exits); j++)
    func (data, exits[j], sums[j]);
  func (data, "jit.blocks-apart", rests);
  g_mutex_lock (&cache->lock);
  func (data, "jit.units", cache->n_units);
  func (data, "jit.blocks", cache->n_blocks);
  func (data, "jit.instructions-translated", cache->n_insns);
  func (data, "jit.code-bytes", cache->n_bytes);
  func (data, "jit.units-closed", cache->n_closed);
  func (data, "jit.units-optimised", cache->n_optimised);
  func (data, "jit.blocks-superseded", cache->n_superseded);
  func (data, "jit.links", cache->n_linked);
  func (data, "jit.evictions", cache->n_evictions);
  func (data, "jit.ranges-given-up", cache->n_ranges_given_up);
  func (data, "jit.loops-hoisted", cache->n_loops);
  func (data, "jit.loops-given-up", cache->n_loops_given_up);
  func (data, "jit.far-jumps-linked", cache->n_fars_linked);
  func (data, "jit.far-jumps-given-up", cache->n_fars_given_up);
  g_mutex_unlock (&cache->lock);
  func (data, "jit.translation-us", ns / 1000);
  func (data, "jit.optimising-us", optimising_ns / 1000);
  if (jit->config.verify)
    {
      func (data, "verify.instructions-compared", compared);
      func (data, "verify.instructions-skipped", skipped);
    }
}

static void
jit_each_unit (CopEngine *engine, CopCodeUnitFunc func, gpointer data)
{
  CopJit *jit = (CopJit *) engine;

  g_mutex_lock (&jit->cache->lock);
  if (jit->cache->record != NULL)
    cop_jit_record_each (jit->cache->record, func, data);
  g_mutex_unlock (&jit->cache->lock);
}

const CopEngineOps cop_jit_ops = {
  .name = "jit",
  .create = jit_create,
  .destroy = jit_destroy,
  .attach = jit_attach,
  .detach = jit_detach,
  .run = jit_run,
  .get_vcpu_state = jit_get_vcpu_state,
  .set_vcpu_state = jit_set_vcpu_state,
  .invalidate = jit_invalidate,
  .flush = jit_flush,
  .drop_code = jit_drop_code,
  .stats = jit_stats,
  .each_unit = jit_each_unit,
};

const CopEngineOps cop_hybrid_ops = {
  .name = "hybrid",
  .create = hybrid_create,
  .destroy = jit_destroy,
  .attach = jit_attach,
  .detach = jit_detach,
  .run = jit_run,
  .get_vcpu_state = jit_get_vcpu_state,
  .set_vcpu_state = jit_set_vcpu_state,
  .invalidate = jit_invalidate,
  .flush = jit_flush,
  .drop_code = jit_drop_code,
  .stats = jit_stats,
  .each_unit = jit_each_unit,
};
