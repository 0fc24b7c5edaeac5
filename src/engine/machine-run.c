/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The thread of a hart: run, sleep, park, until the machine is freed.
 *
 *        .--------------------------------------------------.
 *        v                                                  |
 *   held? --yes--> park, wait on `changed`                  |
 *        | no                                               |
 *   HSM: started? --no--> sleep, parked (SBI start, irq) ---+
 *        | yes                                              |
 *   waiting? --yes--> sleep until an interrupt -------------+
 *        | no                                               |
 *   engine->run () -----------------------------------------'
 */
#include "engine/dev/plic.h"
#include "engine/machine-private.h"
#include "engine/riscv/sbi-private.h"

#include <unistd.h>

/* Instructions that a hart takes out of the budget at once when several share it. */
#define BUDGET_SLICE 10000

/* Takes instructions out of the budget. Returns: 0 when none are left. */
static uint64_t
take_budget (CopMachine *machine)
{
  uint64_t left = __atomic_load_n (&machine->budget, __ATOMIC_RELAXED);
  uint64_t slice;

  do
    slice = machine->n_harts == 1 ? left : MIN (left, BUDGET_SLICE);
  while (!__atomic_compare_exchange_n (&machine->budget, &left, left - slice, false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return slice;
}

static void
run_hart (CopMachine *machine, CopHart *hart)
{
  uint64_t limit = UINT64_MAX;
  CopRunResult result;

  if (machine->budgeted)
    {
      uint64_t slice = take_budget (machine);

      if (slice == 0)
        {
          cop_machine_end (machine, COP_END_INSTRUCTIONS, 0);
          return;
        }
      limit = slice > UINT64_MAX - hart->s.instret ? UINT64_MAX : hart->s.instret + slice;
    }

  hart->tier = COP_TIER_INTERPRETER;
  if (machine->trace != NULL)
    {
      machine->trace->before (machine->trace_data, hart);
      result = machine->engine->ops->run (machine->engine, hart, hart->s.instret + 1);
      machine->trace->after (machine->trace_data, hart);
    }
  else
    result = machine->engine->ops->run (machine->engine, hart, limit);
  hart->tier = COP_TIER_OTHER;

  if (machine->budgeted && hart->s.instret < limit)
    __atomic_fetch_add (&machine->budget, limit - hart->s.instret, __ATOMIC_RELAXED);
  if (result == COP_RUN_BREAKPOINT)
    cop_machine_stop_at_breakpoint (machine, hart);
}

/* Waits while the machine is held. Returns: false when the thread is to return. */
static bool
wait_while_held (CopMachine *machine)
{
  bool go;

  g_mutex_lock (&machine->lock);
  if (machine->hold)
    {
      if (--machine->n_active == 0)
        cop_machine_settle_soon (machine);
      while (machine->hold && !machine->quit)
        g_cond_wait (&machine->changed, &machine->lock);
      machine->n_active++;
    }
  go = !machine->quit;
  if (!go)
    machine->n_active--;
  g_mutex_unlock (&machine->lock);
  return go;
}

/* Whether a timer or a device may wake @hart out of wfi, stop or suspend; other harts aside. */
static bool
may_wake_up (CopMachine *machine, const CopHart *hart)
{
  uint64_t enabled = hart->s.mie;

  if (hart->s.hsm_status == COP_HART_STOPPED)
    return false;
  return ((enabled & COP_IRQ_BIT (COP_IRQ_MTI)) &&
          cop_timers_is_armed (machine->timers, hart->id, COP_TIMER_MACHINE)) ||
         ((enabled & COP_IRQ_BIT (COP_IRQ_STI)) &&
          cop_timers_is_armed (machine->timers, hart->id, COP_TIMER_SUPERVISOR)) ||
         ((enabled & COP_IRQ_BIT (COP_IRQ_MEI)) &&
          cop_plic_is_listening (machine->plic, hart->id, true)) ||
         ((enabled & COP_IRQ_BIT (COP_IRQ_SEI)) &&
          cop_plic_is_listening (machine->plic, hart->id, false));
}

/* Whether something has come for @hart that it has not seen yet. */
static bool
has_news (const CopHart *hart)
{
  uint8_t status = __atomic_load_n (&hart->s.hsm_status, __ATOMIC_ACQUIRE);

  return cop_hart_irq_waiting (hart) || status == COP_HART_START_PENDING ||
         (__atomic_load_n (&hart->pending, __ATOMIC_SEQ_CST) & COP_PENDING_STOP) != 0;
}

/* When the last hart falls asleep for good: those before it can be woken by none, unless one that
   was awake left them something to wake up for. The lock is held. */
static bool
is_halted (const CopMachine *machine)
{
  if (machine->n_dormant < machine->n_harts)
    return false;
  for (unsigned i = 0; i < machine->n_harts; i++)
    if (has_news (machine->harts[i].hart))
      return false;
  return true;
}

static void
count_dormant (CopMachine *machine, bool dormant)
{
  bool halted;

  g_mutex_lock (&machine->lock);
  if (dormant)
    machine->n_dormant++;
  else
    machine->n_dormant--;
  halted = dormant && is_halted (machine);
  g_mutex_unlock (&machine->lock);
  if (halted)
    cop_machine_end (machine, COP_END_HALTED, 0);
}

static void
sleep_hart (CopMachine *machine, CopHart *hart)
{
  bool dormant = !may_wake_up (machine, hart);

  if (dormant)
    count_dormant (machine, true);
  cop_hart_sleep (hart);
  if (dormant)
    count_dormant (machine, false);
}

gpointer
cop_machine_hart_thread (gpointer data)
{
  CopMachineHart *slot = data;
  CopMachine *machine = slot->machine;
  CopHart *hart = slot->hart;

  if (slot->counters != NULL)
    __atomic_store_n (&slot->counters->thread, (uint64_t)gettid (), __ATOMIC_RELAXED);
  machine->engine->ops->attach (machine->engine, hart);
  if (machine->config->engine_config.sample)
    slot->sampler = cop_sampler_start (hart, machine->engine);
  for (;;)
    {
      /* Taken back before `hold` is looked at: a kick that comes later is seen by run(). */
      cop_hart_clear_pending (hart, COP_PENDING_STOP);
      if (__atomic_load_n (&machine->hold, __ATOMIC_SEQ_CST) && !wait_while_held (machine))
        break;
      if (machine->htif != NULL)
        cop_htif_poll (machine->htif, hart);

      if (!cop_sbi_hart_ready (hart) || hart->s.waiting)
        {
          sleep_hart (machine, hart);
          continue;
        }
      cop_hart_unpark (hart);
      run_hart (machine, hart);
      cop_hart_park (hart);
    }
  g_clear_pointer (&slot->sampler, cop_sampler_free);
  machine->engine->ops->detach (machine->engine, hart);
  cop_machine_thread_gone (machine);
  return NULL;
}
