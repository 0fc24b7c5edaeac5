/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A machine's state as a document: one section for the clock, one per hart, one per device.
 *
 *   clock | hart0 .. hartN | devices in the order of their addresses
 */
#include "engine/machine-private.h"
#include "engine/ram-trim.h"

static bool
check_paused (CopMachine *machine, GError **error)
{
  if (cop_machine_status (machine) == COP_MACHINE_PAUSED)
    return true;
  g_set_error_literal (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE,
                       "state and memory can be saved and set only while the machine is paused");
  return false;
}

/* All sections, with their present values or those of reset. */
static CopMachineState *
collect (CopMachine *machine, bool present)
{
  g_autoptr (CopMachineState) state = cop_machine_state_new ();
  CopClockState clock = { cop_clock_ticks (&machine->clock) };

  cop_machine_state_add (state, "clock", &cop_clock_state_table, present ? &clock : NULL);
  for (unsigned i = 0; i < machine->n_harts; i++)
    {
      g_autofree char *id = g_strdup_printf ("hart%u", i);
      CopHartState values;

      if (present)
        machine->engine->ops->get_vcpu_state (machine->engine, machine->harts[i].hart, &values);
      cop_machine_state_add (state, id, &cop_hart_state_table, present ? &values : NULL);
    }
  for (unsigned i = 0; i < machine->bus.devices->len; i++)
    {
      CopDevice *device = g_ptr_array_index (machine->bus.devices, i);

      if (device->type->state == NULL)
        continue;
      g_mutex_lock (&device->lock);
      cop_machine_state_add (state, device->id, device->type->state,
                             present ? cop_device_state (device) : NULL);
      g_mutex_unlock (&device->lock);
    }
  return g_steal_pointer (&state);
}

CopMachineState *
cop_machine_save_state (CopMachine *machine, GError **error)
{
  return check_paused (machine, error) ? collect (machine, true) : NULL;
}

CopMachineState *
cop_machine_state_template (CopMachine *machine)
{
  return collect (machine, false);
}

/* Whether @state has the sections of this machine, no more and no fewer, with values in range. */
static bool
check_sections (const CopMachineState *mine, const CopMachineState *state, GError **error)
{
  for (unsigned i = 0; i < state->sections->len; i++)
    {
      const CopStateSection *section = g_ptr_array_index (state->sections, i);
      const CopStateSection *here = cop_machine_state_find (mine, section->id);

      if (here == NULL || here->table != section->table)
        {
          g_set_error (error, COP_STATE_ERROR, COP_STATE_ERROR_MISMATCH,
                       "the state has a section '%s' (%s) that this machine has not; "
                       "configure the machine as the saved one was",
                       section->id, section->table->name);
          return false;
        }
      if (cop_machine_state_find (state, section->id) != section)
        {
          g_set_error (error, COP_STATE_ERROR, COP_STATE_ERROR_MISMATCH,
                       "the state has two sections '%s'; save it anew", section->id);
          return false;
        }
      if (!cop_state_check (section->table, section->data, error))
        {
          g_prefix_error (error, "%s: ", section->id);
          return false;
        }
    }
  for (unsigned i = 0; i < mine->sections->len; i++)
    {
      const CopStateSection *here = g_ptr_array_index (mine->sections, i);

      if (cop_machine_state_find (state, here->id) == NULL)
        {
          g_set_error (error, COP_STATE_ERROR, COP_STATE_ERROR_MISMATCH,
                       "the state lacks section '%s', which this machine has; "
                       "configure the machine as the saved one was",
                       here->id);
          return false;
        }
    }
  return true;
}

static void
assign (CopMachine *machine, const CopMachineState *state)
{
  const CopStateSection *clock = cop_machine_state_find (state, "clock");

  /* Guest memory may have been replaced along with the state. */
  machine->engine->ops->flush (machine->engine);
  /* Devices may have queues. */
  cop_ram_set_sole_writer (machine->ram, NULL);
  for (unsigned i = 0; i < machine->bus.devices->len; i++)
    {
      CopDevice *device = g_ptr_array_index (machine->bus.devices, i);

      if (device->type->state == NULL)
        continue;
      g_mutex_lock (&device->lock);
      memcpy (cop_device_state (device), cop_machine_state_find (state, device->id)->data,
              device->type->state->size);
      g_mutex_unlock (&device->lock);
    }
  cop_timers_set_time (machine->timers, ((const CopClockState *) clock->data)->ticks);
  for (unsigned i = 0; i < machine->n_harts; i++)
    {
      g_autofree char *id = g_strdup_printf ("hart%u", i);

      machine->engine->ops->set_vcpu_state (machine->engine, machine->harts[i].hart,
                                            cop_machine_state_find (state, id)->data);
    }
  for (unsigned i = 0; i < machine->bus.devices->len; i++)
    cop_device_replay_irq (g_ptr_array_index (machine->bus.devices, i));
  cop_timers_replay (machine->timers);
}

bool
cop_machine_load_state (CopMachine *machine, const CopMachineState *state, GError **error)
{
  g_autoptr (CopMachineState) mine = NULL;

  if (!check_paused (machine, error))
    return false;
  mine = collect (machine, false);
  if (!check_sections (mine, state, error))
    return false;
  assign (machine, state);
  return true;
}

CopPageSet *
cop_machine_save_memory (CopMachine *machine, int fd, CopRamProgress progress, gpointer data,
                         GError **error)
{
  return check_paused (machine, error) ? cop_ram_save (machine->ram, fd, progress, data, error)
                                       : NULL;
}

bool
cop_machine_dump_memory (CopMachine *machine, int fd, uint64_t offset, CopRamProgress progress,
                         gpointer data, GError **error)
{
  return cop_ram_dump (machine->ram, fd, offset, progress, data, error);
}
