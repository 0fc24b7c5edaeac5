/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A machine's figures, for people and programs.
 */
#include "engine/machine-private.h"

/* clang-format off */
#define HART_FIGURE(figure, member) { figure, offsetof (CopHart, member) }
static const struct
{
  const char *name;
  size_t           offset;      /* of a uint64_t in CopHart */
} hart_figures[] = {
  HART_FIGURE ("instructions",     s.instret),
  HART_FIGURE ("tlb-load-misses",  stats.tlb_misses[COP_ACCESS_LOAD]),
  HART_FIGURE ("tlb-store-misses", stats.tlb_misses[COP_ACCESS_STORE]),
  HART_FIGURE ("tlb-fetch-misses", stats.tlb_misses[COP_ACCESS_FETCH]),
  HART_FIGURE ("page-walks",       stats.walks),
  HART_FIGURE ("tlb-flushes",      stats.tlb_flushes),
  HART_FIGURE ("code-generations", generation_clock),
  HART_FIGURE ("traps",            stats.traps),
  HART_FIGURE ("interrupts",       stats.interrupts),
  HART_FIGURE ("mmio",             stats.mmio),
  HART_FIGURE ("code-writes",      stats.code_writes),
  HART_FIGURE ("wfi-ns",           stats.wfi_ns),
};
/* clang-format on */

void
cop_machine_each_unit (CopMachine *machine, CopCodeUnitFunc func, gpointer data)
{
  if (machine->engine->ops->each_unit != NULL)
    machine->engine->ops->each_unit (machine->engine, func, data);
}

typedef struct
{
  uint64_t samples;
  double accesses; /* per instruction, times samples */
} Accesses;

static void
add_accesses (gpointer data, const CopCodeUnit *unit)
{
  Accesses *accesses = data;

  if (unit->n_insns == 0)
    return;
  accesses->samples += unit->samples;
  accesses->accesses += (double) unit->samples * unit->n_accesses / unit->n_insns;
}

/* Hits of the TLB are counted by nobody, so that they cost nothing. What code was found running has so
   many loads and stores per instruction; so many of all instructions were some. */
static void
estimate_hits (CopMachine *machine, CopStatsFunc func, gpointer data)
{
  Accesses accesses = { 0 };
  double instructions = 0, misses = 0, hits;

  cop_machine_each_unit (machine, add_accesses, &accesses);
  if (accesses.samples == 0)
    return;
  for (unsigned i = 0; i < machine->n_harts; i++)
    {
      const CopHart *hart = machine->harts[i].hart;

      instructions += (double) COP_COUNTER (hart->s.instret);
      misses += (double) COP_COUNTER (hart->stats.tlb_misses[COP_ACCESS_LOAD]) +
                (double) COP_COUNTER (hart->stats.tlb_misses[COP_ACCESS_STORE]);
    }
  hits = instructions * accesses.accesses / (double) accesses.samples - misses;
  func (data, "tlb-hits-estimated", hits > 0 ? (uint64_t) hits : 0);
}

static void
tell_times (CopMachine *machine, CopStatsFunc func, gpointer data)
{
  static const char *const names[COP_TIER_LAST] = {
    [COP_TIER_OTHER] = "time.other-us",
    [COP_TIER_INTERPRETER] = "time.interpreter-us",
    [COP_TIER_TRANSLATOR] = "time.translator-us",
    [COP_TIER_HELPER] = "time.helpers-us",
    [COP_TIER_CODE] = "time.translated-us",
  };
  uint64_t us[COP_TIER_LAST] = { 0 }, samples = 0;

  if (!machine->config->engine_config.sample)
    return;
  for (unsigned i = 0; i < machine->n_harts; i++)
    if (machine->harts[i].sampler != NULL)
      cop_sampler_read (machine->harts[i].sampler, us, &samples);
  for (unsigned i = 0; i < COP_TIER_LAST; i++)
    func (data, names[i], us[i]);
  func (data, "time.samples", samples);
}

void
cop_machine_stats (CopMachine *machine, CopStatsFunc func, gpointer data)
{
  func (data, "guest-ticks", cop_clock_ticks (&machine->clock));
  for (unsigned i = 0; i < machine->n_harts; i++)
    for (unsigned j = 0; j < G_N_ELEMENTS (hart_figures); j++)
      {
        const uint8_t *hart = (const uint8_t *) machine->harts[i].hart;
        g_autofree char *name = g_strdup_printf ("hart%u.%s", i, hart_figures[j].name);

        /* The hart's thread counts on meanwhile: each figure is whole, not all of one moment. */
        func (
          data, name,
          __atomic_load_n ((const uint64_t *) (hart + hart_figures[j].offset), __ATOMIC_RELAXED));
      }
  estimate_hits (machine, func, data);
  machine->engine->ops->stats (machine->engine, func, data);
  tell_times (machine, func, data);
}

static void
count_hart (const CopMachineHart *slot)
{
  const CopHart *hart = slot->hart;
  CopHartCounters *counters = slot->counters;

  /* A hart that rests adds to wfi_ns when it wakes: until then an hour of rest shows as none. */
  __atomic_store_n (&counters->instructions, COP_COUNTER (hart->s.instret), __ATOMIC_RELAXED);
  __atomic_store_n (&counters->halted_ns, COP_COUNTER (hart->stats.wfi_ns), __ATOMIC_RELAXED);
  __atomic_store_n (&counters->halted, __atomic_load_n (&hart->asleep, __ATOMIC_RELAXED) ? 1 : 0,
                    __ATOMIC_RELAXED);
}

static gboolean
count_harts (gpointer data)
{
  CopMachine *machine = data;

  for (unsigned i = 0; i < machine->n_harts; i++)
    count_hart (&machine->harts[i]);
  return G_SOURCE_CONTINUE;
}

void
cop_machine_count (CopMachine *machine, bool on)
{
  if (machine->config->counters == NULL)
    return;
  count_harts (machine);
  if (on && machine->count_source == NULL)
    {
      machine->count_source = g_timeout_source_new_seconds (1);
      g_source_set_callback (machine->count_source, count_harts, machine, NULL);
      g_source_set_static_name (machine->count_source, "counters");
      g_source_attach (machine->count_source, machine->context);
    }
  else if (!on && machine->count_source != NULL)
    {
      g_source_destroy (machine->count_source);
      g_clear_pointer (&machine->count_source, g_source_unref);
    }
}
