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
  HART_FIGURE ("traps",            stats.traps),
  HART_FIGURE ("interrupts",       stats.interrupts),
  HART_FIGURE ("mmio",             stats.mmio),
  HART_FIGURE ("code-writes",      stats.code_writes),
  HART_FIGURE ("wfi-ns",           stats.wfi_ns),
};
/* clang-format on */

void
cop_machine_stats (CopMachine *machine, CopStatsFunc func, gpointer data)
{
  func (data, "guest-ticks", cop_clock_ticks (&machine->clock));
  for (unsigned i = 0; i < machine->n_harts; i++)
    for (unsigned j = 0; j < G_N_ELEMENTS (hart_figures); j++)
      {
        const uint8_t *hart = (const uint8_t *)machine->harts[i].hart;
        g_autofree char *name = g_strdup_printf ("hart%u.%s", i, hart_figures[j].name);

        /* The hart's thread counts on meanwhile: each figure is whole, not all of one moment. */
        func (
          data, name,
          __atomic_load_n ((const uint64_t *)(hart + hart_figures[j].offset), __ATOMIC_RELAXED));
      }
  machine->engine->ops->stats (machine->engine, func, data);
}
