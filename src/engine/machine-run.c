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
#include "engine/machine-private.h"
#include "engine/riscv/sbi-private.h"

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

  if (machine->trace != NULL)
    {
      machine->trace->before (machine->trace_data, hart);
      result = machine->engine->ops->run (machine->engine, hart, hart->s.instret + 1);
      machine->trace->after (machine->trace_data, hart);
    }
  else
    result = machine->engine->ops->run (machine->engine, hart, limit);

  if (machine->budgeted && hart->s.instret < limit)
    __atomic_fetch_add (&machine->budget, limit - hart->s.instret, __ATOMIC_RELAXED);
  /* At a difference the engine has told its story, and the machine is about to end. */
  (void)result;
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

gpointer
cop_machine_hart_thread (gpointer data)
{
  CopMachineHart *slot = data;
  CopMachine *machine = slot->machine;
  CopHart *hart = slot->hart;

  machine->engine->ops->attach (machine->engine, hart);
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
          cop_hart_sleep (hart);
          continue;
        }
      cop_hart_unpark (hart);
      run_hart (machine, hart);
      cop_hart_park (hart);
    }
  machine->engine->ops->detach (machine->engine, hart);
  return NULL;
}
