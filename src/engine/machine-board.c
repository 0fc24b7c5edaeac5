/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The devices of a machine, at the addresses and interrupts of QEMU's virt machine.
 */
#include "engine/dev/aclint.h"
#include "engine/dev/finisher.h"
#include "engine/dev/platform.h"
#include "engine/dev/plic.h"
#include "engine/dev/power-button.h"
#include "engine/dev/rtc.h"
#include "engine/dev/uart.h"
#include "engine/dev/virtio-balloon.h"
#include "engine/dev/virtio-devices.h"
#include "engine/dev/virtio-serial.h"
#include "engine/dev/vmgenid.h"
#include "engine/machine-private.h"

static void
set_hart_line (gpointer data, unsigned hart, CopIrq irq, bool level)
{
  CopMachine *machine = data;

  if (hart < machine->n_harts)
    cop_hart_set_irq (machine->harts[hart].hart, irq, level);
}

static void
finish (gpointer data, CopFinish finish, uint32_t code)
{
  CopMachine *machine = data;

  switch (finish)
    {
    case COP_FINISH_PASS:
      cop_machine_guest_end (machine, COP_END_POWEROFF, 0);
      break;
    case COP_FINISH_FAIL:
      cop_machine_guest_end (machine, COP_END_FAILURE, code);
      break;
    case COP_FINISH_RESET:
      cop_machine_guest_reset (machine);
      break;
    }
}

void
cop_machine_prepare_lines (CopMachine *machine)
{
  machine->lines = (CopHartLines){ .set = set_hart_line, .data = machine };
}

/* Puts a device with an interrupt on the bus. */
static void
add (CopMachine *machine, CopDevice *device, unsigned irq)
{
  cop_device_connect_irq (device, irq, cop_plic_sink (machine->plic));
  cop_bus_add (&machine->bus, device);
}

static void
add_platform_devices (CopMachine *machine)
{
  CopMachineConfig *config = machine->config;
  const CopHartLines *lines = &machine->lines;
  CopBus *bus = &machine->bus;
  unsigned n = machine->n_harts;

  machine->plic = cop_plic_new ("plic0", COP_PLIC_GPA, n, lines);
  cop_bus_add (bus, machine->plic);
  cop_bus_add (bus, cop_mswi_new ("mswi0", COP_MSWI_GPA, n, lines));
  cop_bus_add (bus, cop_mtimer_new ("mtimer0", COP_MTIMER_GPA, n, machine->timers));
  cop_bus_add (bus, cop_sswi_new ("sswi0", COP_SSWI_GPA, n, lines));
  cop_bus_add (bus, cop_finisher_new ("finisher0", COP_FINISHER_GPA, finish, machine));

  machine->console = cop_chardev_new (&config->console, machine->context);
  add (machine, cop_uart_new ("uart0", COP_UART_GPA, machine->context, machine->console),
       COP_UART_IRQ);
  add (machine, cop_rtc_new ("rtc0", COP_RTC_GPA, machine->context), COP_RTC_IRQ);
  add (machine, cop_vmgenid_new ("vmgenid0", COP_VMGENID_GPA, config->generation_id),
       COP_VMGENID_IRQ);
  machine->power_button =
    cop_power_button_new ("power-button0", machine->ram, machine->context, COP_POWER_BUTTON_GPA);
  add (machine, machine->power_button, COP_POWER_BUTTON_IRQ);
}

static void
channel_changed (gpointer data, unsigned channel, bool open)
{
  CopMachine *machine = data;
  CopCounters *counters = machine->config->counters;

  if (counters != NULL && open)
    __atomic_fetch_or (&counters->channels, UINT64_C (1) << channel, __ATOMIC_RELAXED);
  else if (counters != NULL)
    __atomic_fetch_and (&counters->channels, ~(UINT64_C (1) << channel), __ATOMIC_RELAXED);
  if (machine->events.channel != NULL)
    machine->events.channel (machine->events_data, channel, open);
}

static void
balloon_changed (gpointer data, uint64_t bytes)
{
  CopMachine *machine = data;

  if (machine->events.balloon != NULL)
    machine->events.balloon (machine->events_data, bytes);
}

/* What has a place of its own, beyond the slots of QEMU's machine. */
static void
add_optional_devices (CopMachine *machine)
{
  CopMachineConfig *config = machine->config;

  if (config->balloon)
    {
      machine->balloon =
        cop_virtio_balloon_new ("balloon0", machine->ram, machine->context, COP_BALLOON_GPA,
                                config->counters, balloon_changed, machine);
      cop_virtio_balloon_set_target (machine->balloon, config->balloon_target);
      cop_virtio_balloon_set_period (machine->balloon, config->balloon_period);
      add (machine, machine->balloon, COP_BALLOON_IRQ);
    }
  if (config->n_channels > 0)
    add (machine,
         cop_virtio_serial_new ("serial0", machine->ram, machine->context, COP_SERIAL_GPA,
                                config->channels, config->n_channels, channel_changed, machine),
         COP_SERIAL_IRQ);
}

void
cop_machine_press_power_button (CopMachine *machine)
{
  cop_power_button_press (machine->power_button);
}

static bool
check_balloon (const CopMachine *machine, GError **error)
{
  if (machine->balloon != NULL)
    return true;
  g_set_error_literal (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
                       "the machine has no memory balloon");
  return false;
}

bool
cop_machine_set_balloon (CopMachine *machine, uint64_t memory, GError **error)
{
  if (!check_balloon (machine, error))
    return false;
  if (memory > machine->config->memory)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
                   "the machine has %" G_GUINT64_FORMAT " bytes of memory, not %" G_GUINT64_FORMAT,
                   (guint64) machine->config->memory, (guint64) memory);
      return false;
    }
  cop_virtio_balloon_set_target (machine->balloon, machine->config->memory - memory);
  return true;
}

bool
cop_machine_set_balloon_period (CopMachine *machine, unsigned seconds, GError **error)
{
  if (!check_balloon (machine, error))
    return false;
  cop_virtio_balloon_set_period (machine->balloon, seconds);
  return true;
}

/* Returns: (transfer none) (nullable): device @number of @type */
static CopDevice *
find_device (CopMachine *machine, const CopDeviceType *type, const char *name, unsigned number)
{
  g_autofree char *id = g_strdup_printf ("%s%u", name, number);

  for (unsigned i = 0; i < machine->bus.devices->len; i++)
    {
      CopDevice *device = g_ptr_array_index (machine->bus.devices, i);

      if (device->type == type && strcmp (device->id, id) == 0)
        return device;
    }
  return NULL;
}

bool
cop_machine_set_link (CopMachine *machine, unsigned nic, bool up, GError **error)
{
  CopDevice *device = find_device (machine, &cop_virtio_net_type, "net", nic);

  if (device != NULL)
    cop_virtio_net_set_link (device, up);
  else
    g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
                 "the machine has no network interface %u, only %u of them", nic,
                 machine->config->n_nics);
  return device != NULL;
}

bool
cop_machine_resize_disk (CopMachine *machine, unsigned disk, uint64_t size, GError **error)
{
  CopDevice *device = find_device (machine, &cop_virtio_blk_type, "disk", disk);

  if (device != NULL)
    return cop_virtio_blk_resize (device, size, error);
  g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
               "the machine has no disk %u, only %u of them", disk, machine->config->n_disks);
  return false;
}

/* Where each device counts. */
static void
place_counters (CopMachineConfig *config)
{
  CopCounters *counters = config->counters;

  if (counters == NULL)
    return;
  counters->version = COP_COUNTERS_VERSION;
  config->console.counters = counters;
  for (unsigned i = 0; i < config->n_disks; i++)
    config->disks[i].counters = &counters->disks[i];
  for (unsigned i = 0; i < config->n_nics; i++)
    config->nics[i].counters = &counters->nics[i];
}

/* The virtio devices fill the slots from the first on, as far as there are any. */
static bool
add_virtio (CopMachine *machine, unsigned *slot, CopDevice *device)
{
  if (device == NULL)
    return false;
  add (machine, device, COP_VIRTIO_IRQ (*slot));
  (*slot)++;
  return true;
}

bool
cop_machine_build_board (CopMachine *machine, GError **error)
{
  CopMachineConfig *config = machine->config;
  CopRam *ram = machine->ram;
  GMainContext *context = machine->context;
  unsigned slot = 0;

  place_counters (config);
  add_platform_devices (machine);
  add_optional_devices (machine);
  for (unsigned i = 0; i < config->n_disks; i++)
    {
      g_autofree char *id = g_strdup_printf ("disk%u", i);

      if (!add_virtio (
            machine, &slot,
            cop_virtio_blk_new (id, ram, context, COP_VIRTIO_GPA (slot), &config->disks[i], error)))
        return false;
    }
  for (unsigned i = 0; i < config->n_nics; i++)
    {
      g_autofree char *id = g_strdup_printf ("net%u", i);

      if (!add_virtio (
            machine, &slot,
            cop_virtio_net_new (id, ram, context, COP_VIRTIO_GPA (slot), &config->nics[i], error)))
        return false;
    }
  if (config->has_virtio_console)
    add_virtio (machine, &slot,
                cop_virtio_console_new ("console0", ram, context, COP_VIRTIO_GPA (slot),
                                        &config->virtio_console));
  if (config->rng)
    add_virtio (machine, &slot, cop_virtio_rng_new ("rng0", ram, context, COP_VIRTIO_GPA (slot)));
  return true;
}

/* What cop_machine_build_board() puts on the bus and has a state, in the order of addresses: but
   for virtio, each once. */
static const struct
{
  const CopDeviceType *type;
  const char *id;
} board_states[] = {
  /* clang-format off */
  { &cop_rtc_type,          "rtc0" },
  { &cop_mswi_type,         "mswi0" },
  { &cop_mtimer_type,       "mtimer0" },
  { &cop_sswi_type,         "sswi0" },
  { &cop_plic_type,         "plic0" },
  { &cop_uart_type,         "uart0" },
  { NULL,                   "virtio" },
  { &cop_vmgenid_type,      "vmgenid0" },
  { &cop_power_button_type, "power-button0" },
  /* clang-format on */
};

static void
add_state (CopMachineState *state, const CopDeviceType *type, const char *name, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    {
      g_autofree char *id = g_strdup_printf ("%s%u", name, i);

      cop_machine_state_add (state, id, type->state, NULL);
    }
}

CopMachineState *
cop_machine_config_state_template (const CopMachineConfig *config)
{
  CopMachineState *state = cop_machine_state_new ();

  cop_machine_state_add (state, "clock", &cop_clock_state_table, NULL);
  for (unsigned i = 0; i < config->harts; i++)
    {
      g_autofree char *id = g_strdup_printf ("hart%u", i);

      cop_machine_state_add (state, id, &cop_hart_state_table, NULL);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (board_states); i++)
    if (board_states[i].type != NULL)
      {
        if (board_states[i].type->state != NULL)
          cop_machine_state_add (state, board_states[i].id, board_states[i].type->state, NULL);
      }
    else
      {
        add_state (state, &cop_virtio_blk_type, "disk", config->n_disks);
        add_state (state, &cop_virtio_net_type, "net", config->n_nics);
        add_state (state, &cop_virtio_console_type, "console", config->has_virtio_console);
        add_state (state, &cop_virtio_rng_type, "rng", config->rng);
      }
  add_state (state, &cop_virtio_balloon_type, "balloon", config->balloon);
  add_state (state, &cop_virtio_serial_type, "serial", config->n_channels > 0);
  return state;
}
