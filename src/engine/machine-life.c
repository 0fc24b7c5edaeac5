/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The life of a machine: resume, pause, reset, end. See machine-private.h for the way that every
 * change takes.
 */
#include "engine/machine-private.h"

/* How long the host's storage may take to answer before a reset or the end goes on without it, and
   a pause is given up: a disk that is merely slow does better. */
#define PATIENCE_MS 10000

/* How often a pause that waits for storage looks whether it is still wanted. */
#define LOOK_UP_MS 100

static unsigned
patience_ms (const CopMachine *machine)
{
  return machine->config->patience_ms > 0 ? machine->config->patience_ms : PATIENCE_MS;
}

/* Lets harts that wait in a device for the host do so for as long as it takes, or not much longer.
   The lock is held. */
static void
limit_patience (CopMachine *machine, bool limited)
{
  int64_t at =
    limited ? g_get_monotonic_time () + patience_ms (machine) * G_TIME_SPAN_MILLISECOND : 0;

  for (unsigned i = 0; i < machine->bus.devices->len; i++)
    {
      CopDevice *device = g_ptr_array_index (machine->bus.devices, i);

      if (!limited || device->give_up_at == 0)
        __atomic_store_n (&device->give_up_at, at, __ATOMIC_RELEASE);
    }
}

/* Harts park at their next instruction. The lock is held. */
static void
hold_harts (CopMachine *machine)
{
  __atomic_store_n (&machine->hold, true, __ATOMIC_SEQ_CST);
  for (unsigned i = 0; i < machine->n_harts; i++)
    cop_hart_kick (machine->harts[i].hart, COP_PENDING_STOP);
}

/* Returns: whether all are quiet; if not, @machine->unquiet is one whose host does not answer */
static bool
quiesce_devices (CopMachine *machine, unsigned wait_ms)
{
  const CopDevice *unquiet = NULL;

  if (machine->quiet)
    return true;
  for (unsigned i = 0; i < machine->bus.devices->len; i++)
    {
      CopDevice *device = g_ptr_array_index (machine->bus.devices, i);

      if (device->type->quiesce != NULL && !device->type->quiesce (device, wait_ms))
        unquiet = device;
    }
  __atomic_store_n (&machine->unquiet, unquiet, __ATOMIC_RELEASE);
  machine->disturbed = true;
  machine->quiet = unquiet == NULL;
  return machine->quiet;
}

static void
resume_devices (CopMachine *machine)
{
  if (!machine->disturbed)
    return;
  for (unsigned i = 0; i < machine->bus.devices->len; i++)
    {
      CopDevice *device = g_ptr_array_index (machine->bus.devices, i);

      if (device->type->resume != NULL)
        device->type->resume (device);
    }
  machine->quiet = machine->disturbed = false;
}

/* Everything to its values after power-on. No hart runs, devices are quiet. */
static bool
reset_all (CopMachine *machine, GError **error)
{
  if (!cop_boot_files_check (machine->config, error))
    return false;
  cop_timers_set_time (machine->timers, 0);
  for (unsigned i = 0; i < machine->bus.devices->len; i++)
    cop_device_reset (g_ptr_array_index (machine->bus.devices, i));
  if (!cop_ram_clear (machine->ram, error))
    return false;
  machine->engine->ops->flush (machine->engine);
  return cop_machine_boot (machine, true, error);
}

/* Does a wanted reset. The lock is held, and let go meanwhile. */
static void
settle_reset (CopMachine *machine)
{
  bool by_guest = machine->reset_by_guest;
  GError *error = NULL;
  bool done;

  machine->want_reset = false;
  machine->reset_by_guest = false;
  g_mutex_unlock (&machine->lock);

  /* One that does not become quiet is reset all the same. */
  quiesce_devices (machine, patience_ms (machine));
  done = reset_all (machine, &error);
  machine->quiet = done || machine->quiet;
  if (machine->config->counters != NULL)
    COP_COUNT (machine->config->counters->resets, 1);
  if (done && by_guest && machine->events.reset != NULL)
    machine->events.reset (machine->events_data);

  g_mutex_lock (&machine->lock);
  g_clear_error (&machine->reset_error);
  machine->reset_error = error;
  /* Half of it is gone already. */
  if (!done && by_guest)
    g_warning ("the machine cannot be reset and ends: %s", error->message);
  if (!done && machine->want_end.reason == COP_END_NONE)
    machine->want_end = (CopEnd){ COP_END_FAILURE, 1 };
}

static void
settle_end (CopMachine *machine)
{
  CopEnd end = machine->want_end;

  g_mutex_unlock (&machine->lock);
  cop_timers_stop (machine->timers);
  quiesce_devices (machine, patience_ms (machine));
  cop_machine_count (machine, false);
  g_mutex_lock (&machine->lock);
  machine->end = end;
  machine->status = COP_MACHINE_ENDED;
  g_cond_broadcast (&machine->changed);
  g_mutex_unlock (&machine->lock);

  if (machine->events.ended != NULL)
    machine->events.ended (machine->events_data, end);
  g_mutex_lock (&machine->lock);
}

static void
settle_running (CopMachine *machine)
{
  g_mutex_unlock (&machine->lock);
  resume_devices (machine);
  cop_timers_start (machine->timers);
  cop_machine_count (machine, true);
  g_mutex_lock (&machine->lock);

  machine->status = COP_MACHINE_RUNNING;
  /* Wanted meanwhile: settle() looks again, with the harts still held. */
  if (!machine->want_running || machine->want_reset || machine->want_end.reason != COP_END_NONE)
    return;
  limit_patience (machine, false);
  __atomic_store_n (&machine->hold, false, __ATOMIC_SEQ_CST);
}

/* Unless storage keeps it from that: then settle() looks again, and the pause may be given up. */
static void
settle_paused (CopMachine *machine)
{
  bool quiet;

  g_mutex_unlock (&machine->lock);
  cop_timers_stop (machine->timers);
  quiet = quiesce_devices (machine, LOOK_UP_MS);
  cop_machine_count (machine, false);
  g_mutex_lock (&machine->lock);
  if (quiet)
    machine->status = COP_MACHINE_PAUSED;
}

/* Brings the machine to what is wanted of it, one step after the other, once all harts are parked.
   On the I/O thread, or on any while there is none. The lock is held. */
static void
settle (CopMachine *machine)
{
  if (machine->settling)
    return;
  machine->settling = true;
  while (machine->hold && machine->n_active == 0 && machine->status != COP_MACHINE_ENDED)
    {
      if (machine->want_end.reason != COP_END_NONE)
        settle_end (machine);
      else if (machine->want_reset)
        settle_reset (machine);
      else if (machine->want_running)
        settle_running (machine);
      else if (machine->status != COP_MACHINE_PAUSED)
        settle_paused (machine);
      else
        break;
      g_cond_broadcast (&machine->changed);
    }
  machine->settling = false;
  g_cond_broadcast (&machine->changed);
}

static gboolean
settle_source (gpointer data)
{
  CopMachine *machine = data;

  g_mutex_lock (&machine->lock);
  settle (machine);
  g_mutex_unlock (&machine->lock);
  return G_SOURCE_REMOVE;
}

void
cop_machine_settle_soon (CopMachine *machine)
{
  g_autoptr (GSource) source = NULL;

  /* Without an I/O thread there is no hart either, and nothing to wait for. */
  if (machine->io_thread == NULL)
    {
      settle (machine);
      return;
    }
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, settle_source, machine, NULL);
  g_source_attach (source, machine->context);
}

/* After a want has changed. The lock is held. */
static void
change (CopMachine *machine)
{
  hold_harts (machine);
  if (machine->n_active == 0)
    cop_machine_settle_soon (machine);
}

static gpointer
io_thread (gpointer data)
{
  CopMachine *machine = data;

  g_main_context_push_thread_default (machine->context);
  g_main_loop_run (machine->loop);
  g_main_context_pop_thread_default (machine->context);
  cop_machine_thread_gone (machine);
  return NULL;
}

/* Threads that were started stay for cop_machine_stop_threads() on failure. */
bool
cop_machine_start_threads (CopMachine *machine, GError **error)
{
  if (machine->io_thread == NULL)
    machine->io_thread = g_thread_try_new ("cop-io", io_thread, machine, error);
  if (machine->io_thread == NULL)
    return false;

  for (unsigned i = 0; i < machine->n_harts; i++)
    {
      CopMachineHart *slot = &machine->harts[i];
      g_autofree char *name = g_strdup_printf ("cop-hart%u", i);

      if (slot->thread != NULL)
        continue;
      slot->thread = g_thread_try_new (name, cop_machine_hart_thread, slot, error);
      if (slot->thread == NULL)
        return false;
      machine->n_active++;
    }
  return true;
}

static bool
refuse_ended (GError **error)
{
  g_set_error_literal (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE,
                       "the machine has ended; start it anew");
  return false;
}

bool
cop_machine_resume (CopMachine *machine, GError **error)
{
  bool going = false;

  g_mutex_lock (&machine->lock);
  if (machine->status == COP_MACHINE_ENDED)
    refuse_ended (error);
  else if (machine->status == COP_MACHINE_RUNNING && machine->want_running)
    going = true;
  else if (cop_machine_start_threads (machine, error))
    {
      machine->want_running = true;
      change (machine);
      while (machine->want_running && machine->status == COP_MACHINE_PAUSED)
        g_cond_wait (&machine->changed, &machine->lock);
      going = true;
    }
  g_mutex_unlock (&machine->lock);
  return going;
}

void
cop_machine_want_pause (CopMachine *machine)
{
  machine->want_running = false;
  change (machine);
}

/* Has the machine go on that could not be paused. The lock is held. */
static bool
give_up_pause (CopMachine *machine, GError **error)
{
  const CopDevice *unquiet = __atomic_load_n (&machine->unquiet, __ATOMIC_ACQUIRE);

  machine->want_running = true;
  change (machine);
  g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_HOST,
               "the machine cannot be paused and goes on: the storage of %s does not answer; try "
               "again later, or reset or end the machine, which waits for it only %u s",
               unquiet != NULL ? unquiet->id : "a disk",
               (patience_ms (machine) + 999) / 1000);
  return false;
}

bool
cop_machine_pause (CopMachine *machine, GError **error)
{
  int64_t until = g_get_monotonic_time () + patience_ms (machine) * G_TIME_SPAN_MILLISECOND;
  bool in_time = true, paused = false;

  g_mutex_lock (&machine->lock);
  if (machine->status == COP_MACHINE_RUNNING)
    {
      cop_machine_want_pause (machine);
      while (!machine->want_running && machine->status == COP_MACHINE_RUNNING && in_time)
        in_time = g_cond_wait_until (&machine->changed, &machine->lock, until);
    }
  if (machine->status == COP_MACHINE_ENDED)
    refuse_ended (error);
  else if (!in_time && !machine->want_running && machine->status == COP_MACHINE_RUNNING)
    give_up_pause (machine, error);
  else
    paused = true;
  g_mutex_unlock (&machine->lock);
  return paused;
}

bool
cop_machine_reset (CopMachine *machine, GError **error)
{
  bool done = false;

  g_mutex_lock (&machine->lock);
  machine->want_reset = machine->status != COP_MACHINE_ENDED;
  if (machine->want_reset)
    {
      limit_patience (machine, true);
      change (machine);
    }
  /* want_reset falls when the reset begins, settling when it is done. */
  while ((machine->want_reset || machine->settling) && machine->status != COP_MACHINE_ENDED)
    g_cond_wait (&machine->changed, &machine->lock);
  if (machine->reset_error != NULL)
    g_propagate_error (error, g_steal_pointer (&machine->reset_error));
  else if (machine->status == COP_MACHINE_ENDED)
    refuse_ended (error);
  else
    done = true;
  g_mutex_unlock (&machine->lock);
  return done;
}

/* The lock is held. */
static void
want_end (CopMachine *machine, CopEndReason reason, uint32_t code)
{
  if (machine->status == COP_MACHINE_ENDED || machine->want_end.reason != COP_END_NONE)
    return;
  machine->want_end = (CopEnd){ reason, code };
  limit_patience (machine, true);
  change (machine);
}

/* The lock is held. */
static void
want_reset_by_guest (CopMachine *machine)
{
  if (machine->status == COP_MACHINE_ENDED)
    return;
  machine->want_reset = true;
  machine->reset_by_guest = true;
  limit_patience (machine, true);
  change (machine);
}

void
cop_machine_end (CopMachine *machine, CopEndReason reason, uint32_t code)
{
  g_mutex_lock (&machine->lock);
  want_end (machine, reason, code);
  g_mutex_unlock (&machine->lock);
}

void
cop_machine_guest_reset (CopMachine *machine)
{
  g_mutex_lock (&machine->lock);
  if (machine->actions.restart_on_reboot)
    want_reset_by_guest (machine);
  else
    want_end (machine, COP_END_RESET, 0);
  g_mutex_unlock (&machine->lock);
}

void
cop_machine_guest_end (CopMachine *machine, CopEndReason reason, uint32_t code)
{
  g_mutex_lock (&machine->lock);
  if (reason == COP_END_POWEROFF ? machine->actions.restart_on_poweroff
                                 : machine->actions.restart_on_crash)
    want_reset_by_guest (machine);
  else
    want_end (machine, reason, code);
  g_mutex_unlock (&machine->lock);
}

void
cop_machine_set_actions (CopMachine *machine, const CopMachineActions *actions)
{
  g_mutex_lock (&machine->lock);
  machine->actions = *actions;
  g_mutex_unlock (&machine->lock);
}

void
cop_machine_power_off (CopMachine *machine)
{
  cop_machine_end (machine, COP_END_POWEROFF, 0);
}

CopMachineStatus
cop_machine_status (CopMachine *machine)
{
  CopMachineStatus status;

  g_mutex_lock (&machine->lock);
  status = machine->status;
  g_mutex_unlock (&machine->lock);
  return status;
}

CopEnd
cop_machine_wait (CopMachine *machine)
{
  CopEnd end;

  g_mutex_lock (&machine->lock);
  while (machine->status != COP_MACHINE_ENDED)
    g_cond_wait (&machine->changed, &machine->lock);
  end = machine->end;
  g_mutex_unlock (&machine->lock);
  return end;
}

void
cop_machine_thread_gone (CopMachine *machine)
{
  g_mutex_lock (&machine->lock);
  machine->n_gone++;
  g_cond_broadcast (&machine->changed);
  g_mutex_unlock (&machine->lock);
}

/* Waits for @n of our threads to be through. */
static void
wait_for_gone (CopMachine *machine, unsigned n)
{
  g_mutex_lock (&machine->lock);
  while (machine->n_gone < n)
    g_cond_wait (&machine->changed, &machine->lock);
  g_mutex_unlock (&machine->lock);
}

/* The kernel does not let a thread end before the requests that it gave to io_uring have: where
   storage does not answer, those that are through with the machine are left to themselves. */
static void
end_thread (CopMachine *machine, GThread *thread)
{
  if (__atomic_load_n (&machine->unquiet, __ATOMIC_ACQUIRE) != NULL ||
      cop_ram_is_pinned (machine->ram))
    g_thread_unref (thread);
  else
    g_thread_join (thread);
}

void
cop_machine_stop_threads (CopMachine *machine)
{
  unsigned n_threads = 0;

  if (machine->io_thread != NULL)
    {
      cop_machine_power_off (machine);
      cop_machine_wait (machine);
    }

  g_mutex_lock (&machine->lock);
  machine->quit = true;
  g_cond_broadcast (&machine->changed);
  g_mutex_unlock (&machine->lock);
  for (unsigned i = 0; i < machine->n_harts; i++)
    n_threads += machine->harts[i].thread != NULL;
  wait_for_gone (machine, n_threads);
  for (unsigned i = 0; i < machine->n_harts; i++)
    if (machine->harts[i].thread != NULL)
      end_thread (machine, g_steal_pointer (&machine->harts[i].thread));

  if (machine->io_thread != NULL)
    {
      g_main_loop_quit (machine->loop);
      wait_for_gone (machine, n_threads + 1);
      end_thread (machine, g_steal_pointer (&machine->io_thread));
    }
}
