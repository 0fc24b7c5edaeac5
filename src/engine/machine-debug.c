/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Breakpoints and single steps.
 *
 *   breakpoint   a hart comes to it --> says so, wants the machine paused; one that meets another
 *                breakpoint on the way to the pause will meet it again when it goes on
 *   step         the caller's thread runs one hart of a paused machine; guest time stands still,
 *                the other harts stay where they are, devices stay quiet until it goes on
 */
#include "engine/machine-private.h"
#include "engine/riscv/sbi-private.h"

static bool
check_paused (CopMachine *machine, GError **error)
{
  if (machine->status == COP_MACHINE_PAUSED)
    return true;
  g_set_error_literal (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE,
                       machine->status == COP_MACHINE_ENDED
                         ? "the machine has ended; start it anew"
                         : "the machine is running; pause it first");
  return false;
}

/* Code that was decoded before knows nothing of what has changed. The lock is held, no hart runs. */
static void
breakpoints_changed (CopMachine *machine)
{
  machine->engine->ops->flush (machine->engine);
  for (unsigned i = 0; i < machine->n_harts; i++)
    {
      CopHart *hart = machine->harts[i].hart;

      hart->breakpoints = machine->breakpoints.n > 0 ? &machine->breakpoints : NULL;
    }
}

bool
cop_machine_add_breakpoint (CopMachine *machine, uint64_t gva, GError **error)
{
  bool added = false;

  g_mutex_lock (&machine->lock);
  if (!check_paused (machine, error))
    ;
  else if (gva & 1)
    g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE,
                 "no instruction can be at the odd address 0x%" G_GINT64_MODIFIER "x", gva);
  else if (machine->breakpoints.n == COP_MAX_BREAKPOINTS)
    g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE,
                 "there are %u breakpoints, which is the most there can be; delete some",
                 machine->breakpoints.n);
  else if (!cop_breakpoints_add (&machine->breakpoints, gva))
    g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE,
                 "there is a breakpoint at 0x%" G_GINT64_MODIFIER "x already", gva);
  else
    {
      breakpoints_changed (machine);
      added = true;
    }
  g_mutex_unlock (&machine->lock);
  return added;
}

bool
cop_machine_remove_breakpoint (CopMachine *machine, uint64_t gva, GError **error)
{
  bool removed = false;

  g_mutex_lock (&machine->lock);
  if (!check_paused (machine, error))
    ;
  else if (!cop_breakpoints_remove (&machine->breakpoints, gva))
    g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE,
                 "there is no breakpoint at 0x%" G_GINT64_MODIFIER "x", gva);
  else
    {
      breakpoints_changed (machine);
      removed = true;
    }
  g_mutex_unlock (&machine->lock);
  return removed;
}

void
cop_machine_stop_at_breakpoint (CopMachine *machine, CopHart *hart)
{
  bool first;

  g_mutex_lock (&machine->lock);
  first = machine->want_running && machine->want_end.reason == COP_END_NONE;
  if (first)
    cop_machine_want_pause (machine);
  else
    hart->breakpoint_passed_at = UINT64_MAX;
  g_mutex_unlock (&machine->lock);
  if (first && machine->events.stopped != NULL)
    machine->events.stopped (machine->events_data, hart->id, hart->s.pc);
}

/* Runs one instruction of @hart, or takes one interrupt or exception. False when it can do neither:
   it waits, or is stopped. */
static bool
step_once (CopMachine *machine, CopHart *hart)
{
  uint64_t pc = hart->s.pc, instret = hart->s.instret;
  CopRunResult result;

  if (!cop_sbi_hart_ready (hart))
    return false;
  if (hart->s.waiting)
    {
      if (!cop_hart_irq_waiting (hart))
        return false;
      hart->s.waiting = false;
    }
  cop_hart_update_irq (hart);
  cop_hart_poll (hart);
  if (hart->s.pc != pc)
    return true;

  hart->trap_cause = COP_TRAP_NONE;
  hart->trap_stops = true;
  result = machine->engine->ops->run (machine->engine, hart, instret + 1);
  hart->trap_stops = false;
  if (result == COP_RUN_STOP && hart->s.instret == instret && hart->trap_cause != COP_TRAP_NONE)
    cop_hart_take_trap (hart);
  if (machine->htif != NULL)
    cop_htif_poll (machine->htif, hart);
  return true;
}

/* Whether the guest asked for its end or a reset. */
static bool
is_wanted (CopMachine *machine)
{
  bool wanted;

  g_mutex_lock (&machine->lock);
  wanted = machine->want_reset || machine->want_end.reason != COP_END_NONE;
  g_mutex_unlock (&machine->lock);
  return wanted;
}

static CopStep
step (CopMachine *machine, CopHart *hart, uint64_t n)
{
  for (uint64_t i = 0; i < n; i++)
    {
      if (i > 0 && cop_breakpoints_contain (&machine->breakpoints, hart->s.pc))
        return COP_STEP_BREAKPOINT;
      /* What is stood upon was met before. */
      hart->breakpoint_passed = hart->s.pc;
      hart->breakpoint_passed_at = hart->s.instret;
      cop_hart_clear_pending (hart, COP_PENDING_STOP);
      if (!step_once (machine, hart))
        return COP_STEP_WAITS;
      if (is_wanted (machine))
        return COP_STEP_ENDED;
    }
  return COP_STEP_DONE;
}

bool
cop_machine_step (CopMachine *machine, unsigned id, uint64_t n, CopStep *how, GError **error)
{
  CopHart *hart = cop_machine_hart (machine, id);

  g_mutex_lock (&machine->lock);
  if (!check_paused (machine, error) || !cop_machine_start_threads (machine, error))
    {
      g_mutex_unlock (&machine->lock);
      return false;
    }
  while (machine->n_active > 0 || machine->settling)
    g_cond_wait (&machine->changed, &machine->lock);
  /* As if it were a hart's thread: nothing is settled meanwhile. */
  machine->n_active++;
  g_mutex_unlock (&machine->lock);

  cop_hart_unpark (hart);
  *how = step (machine, hart, n);
  cop_hart_park (hart);

  g_mutex_lock (&machine->lock);
  if (--machine->n_active == 0)
    cop_machine_settle_soon (machine);
  while (machine->settling || machine->want_reset ||
         (machine->want_end.reason != COP_END_NONE && machine->status != COP_MACHINE_ENDED))
    g_cond_wait (&machine->changed, &machine->lock);
  g_mutex_unlock (&machine->lock);
  return true;
}
