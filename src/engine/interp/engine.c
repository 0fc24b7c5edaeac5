/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The interpreter behind the engines' door.
 */
#include "engine/interp/interp.h"

#include "engine/machine.h"
#include "engine/riscv/fpu-host.h"
#include "engine/riscv/mmu.h"

typedef struct
{
  CopEngine  parent;
  GMutex     lock;
  GPtrArray *harts;             /* (element-type CopHart) (owned array); guarded by lock */
} CopInterp;

/* The hart this thread is running, so that its own stores to code need no request. */
static __thread CopHart *running;

static void
interp_code_written (gpointer data, uint64_t gpa, uint64_t length)
{
  CopEngine *engine = data;

  engine->ops->invalidate (engine, gpa, length);
}

static CopEngine *
interp_create (CopMachine *machine, CopRam *ram, const CopEngineConfig *config, GError **error)
{
  CopInterp *interp = g_new0 (CopInterp, 1);

  (void) config;
  (void) error;
  interp->parent.ops = &cop_interp_ops;
  interp->parent.machine = machine;
  interp->parent.ram = ram;
  interp->harts = g_ptr_array_new ();
  g_mutex_init (&interp->lock);
  ram->code_written = interp_code_written;
  ram->code_written_data = interp;
  return &interp->parent;
}

static void
interp_destroy (CopEngine *engine)
{
  CopInterp *interp = (CopInterp *) engine;

  engine->ram->code_written = NULL;
  g_ptr_array_unref (interp->harts);
  g_mutex_clear (&interp->lock);
  g_free (interp);
}

static void
interp_attach (CopEngine *engine, CopHart *hart)
{
  CopInterp *interp = (CopInterp *) engine;

  hart->engine = engine;
  hart->engine_data = cop_block_cache_new (hart, cop_interp_labels ());
  g_mutex_lock (&interp->lock);
  g_ptr_array_add (interp->harts, hart);
  g_mutex_unlock (&interp->lock);
}

static void
interp_detach (CopEngine *engine, CopHart *hart)
{
  CopInterp *interp = (CopInterp *) engine;

  g_mutex_lock (&interp->lock);
  g_ptr_array_remove (interp->harts, hart);
  g_mutex_unlock (&interp->lock);
  g_clear_pointer ((CopBlockCache **) &hart->engine_data, cop_block_cache_free);
  hart->engine = NULL;
}

static CopRunResult
interp_run (CopEngine *engine, CopHart *hart, uint64_t limit)
{
  CopRunResult result = COP_RUN_STOP;
  CopBlock *hot;

  (void) engine;
  running = hart;
  cop_fpu_enter (hart);
  /* Heat is for the hybrid engine: here a block that ran out of it just gets more. */
  while (cop_interp_execute (hart, hart->engine_data, limit, &result, &hot) == COP_INTERP_HOT)
    hot->heat = INT32_MAX;
  cop_fpu_leave (hart);
  running = NULL;
  return result;
}

static void
interp_get_vcpu_state (CopEngine *engine, CopHart *hart, CopHartState *state)
{
  (void) engine;
  *state = hart->s;
}

static void
interp_set_vcpu_state (CopEngine *engine, CopHart *hart, const CopHartState *state)
{
  (void) engine;
  hart->s = *state;
  cop_hart_state_changed (hart);
}

static void
interp_invalidate (CopEngine *engine, uint64_t gpa, uint64_t length)
{
  CopInterp *interp = (CopInterp *) engine;

  g_mutex_lock (&interp->lock);
  cop_block_code_changed (engine->ram, interp->harts, running, &gpa, &length);
  g_mutex_unlock (&interp->lock);
}

static void
interp_flush (CopEngine *engine)
{
  CopInterp *interp = (CopInterp *) engine;

  for (unsigned i = 0; i < interp->harts->len; i++)
    {
      CopHart *hart = g_ptr_array_index (interp->harts, i);

      cop_block_cache_flush (hart->engine_data);
    }
}

static void
interp_drop_code (CopEngine *engine, CopHart *hart, uint64_t gpa, uint64_t length)
{
  (void) engine;
  cop_block_cache_drop (hart->engine_data, gpa, length);
}

static void
interp_stats (CopEngine *engine, CopStatsFunc func, gpointer data)
{
  CopInterp *interp = (CopInterp *) engine;
  uint64_t built = 0, dropped = 0, flushes = 0, bytes = 0;

  g_mutex_lock (&interp->lock);
  for (unsigned i = 0; i < interp->harts->len; i++)
    {
      const CopHart *hart = g_ptr_array_index (interp->harts, i);
      const CopBlockCache *cache = hart->engine_data;

      built += cache->n_built;
      dropped += cache->n_dropped;
      flushes += cache->n_flushes;
      bytes += cache->arena_used;
    }
  g_mutex_unlock (&interp->lock);
  func (data, "interp.blocks-decoded", built);
  func (data, "interp.blocks-dropped", dropped);
  func (data, "interp.cache-flushes", flushes);
  func (data, "interp.cache-bytes", bytes);
}

const CopEngineOps cop_interp_ops = {
  .name = "interp",
  .create = interp_create,
  .destroy = interp_destroy,
  .attach = interp_attach,
  .detach = interp_detach,
  .run = interp_run,
  .get_vcpu_state = interp_get_vcpu_state,
  .set_vcpu_state = interp_set_vcpu_state,
  .invalidate = interp_invalidate,
  .flush = interp_flush,
  .drop_code = interp_drop_code,
  .stats = interp_stats,
};
