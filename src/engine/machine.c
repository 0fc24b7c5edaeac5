/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Building a machine from its configuration, and what it tells of itself.
 */
#include "common/fd.h"
#include "common/units.h"
#include "engine/boot-rom.h"
#include "engine/dev/platform.h"
#include "engine/device-tree.h"
#include "engine/machine-private.h"
#include "engine/ram-trim.h"

#include <sys/random.h>

#define MIN_MEMORY (4 * COP_MIB)
#define MAX_MEMORY (UINT64_C (1) << 46)

/* clang-format off */
G_DEFINE_QUARK (cop-machine-error-quark, cop_machine_error)
/* clang-format on */

static bool
check_config (const CopMachineConfig *config, GError **error)
{
  if (config->harts < 1 || config->harts > COP_MAX_HARTS)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
                   "a machine has 1 to %u harts, not %u; choose with --harts", COP_MAX_HARTS,
                   config->harts);
      return false;
    }
  if (config->memory < MIN_MEMORY || config->memory > MAX_MEMORY ||
      config->memory % COP_PAGE_SIZE != 0)
    {
      g_autofree char *size = cop_size_format (config->memory);

      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
                   "a machine cannot have %s of memory: it must be from 4 MiB to 64 TiB, in "
                   "multiples of 4 KiB; choose with --memory",
                   size);
      return false;
    }
  if (config->boot == COP_BOOT_SBI && !(config->isa & COP_ISA (S)))
    {
      g_set_error_literal (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
                           "a kernel that is started by the built-in SBI needs supervisor mode; "
                           "leave extension 's' on, or boot with --bios none");
      return false;
    }
  if (config->engine_config.verify && config->harts != 1)
    {
      g_set_error (
        error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
        "translated code can be verified on one hart, not %u: others would change memory "
        "in between; choose --harts 1",
        config->harts);
      return false;
    }
  return true;
}

/* Stores to code go to the engine, and to whoever waits for tohost. */
static void
code_written (gpointer data, uint64_t gpa, uint64_t length)
{
  CopMachine *machine = data;

  machine->engine->ops->invalidate (machine->engine, gpa, length);
  if (machine->htif != NULL && cop_htif_concerns (machine->htif, gpa, length))
    for (unsigned i = 0; i < machine->n_harts; i++)
      cop_hart_kick (machine->harts[i].hart, COP_PENDING_STOP);
}

static void
tohost_exit (gpointer data, uint32_t code)
{
  cop_machine_end (data, COP_END_TOHOST, code);
}

static void
tohost_write (gpointer data, const uint8_t *bytes, size_t length)
{
  cop_machine_console_write (data, bytes, length);
}

static const CopHtifOps htif_ops = { tohost_exit, tohost_write };

/* On the hart's thread: translated code went wrong. */
static void
engine_differs (gpointer data, const char *report)
{
  CopMachine *machine = data;

  if (machine->events.differs != NULL)
    machine->events.differs (machine->events_data, report);
  cop_machine_end (machine, COP_END_DIFFERENT, 0);
}

static bool
build_engine (CopMachine *machine, GError **error)
{
  CopMachineConfig *config = machine->config;
  const CopEngineOps *ops = cop_engine_find (config->engine);

  if (ops == NULL)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
                   "there is no engine '%s'; choose one with --engine, or none for the best",
                   config->engine);
      return false;
    }
  config->engine_config.differs = engine_differs;
  config->engine_config.differs_data = machine;
  machine->engine = ops->create (machine, machine->ram, &config->engine_config, error);
  if (machine->engine == NULL)
    return false;
  machine->ram->code_written = code_written;
  machine->ram->code_written_data = machine;
  return true;
}

static void
build_harts (CopMachine *machine)
{
  machine->harts = g_new0 (CopMachineHart, machine->config->harts);
  for (unsigned i = 0; i < machine->config->harts; i++)
    {
      CopHart *hart = cop_hart_new (machine, machine->ram, i, machine->config->isa);

      hart->clock = &machine->clock;
      hart->timers = machine->timers;
      hart->bus = &machine->bus;
      hart->engine = machine->engine;
      machine->harts[i] = (CopMachineHart){
        .machine = machine,
        .hart = hart,
        .counters = machine->config->counters != NULL ? &machine->config->counters->harts[i] : NULL,
      };
      machine->n_harts++;
    }
}

static void
build_htif (CopMachine *machine)
{
  uint64_t tohost, fromhost;

  if (machine->config->boot == COP_BOOT_BARE && cop_machine_symbol (machine, "tohost", &tohost) &&
      cop_machine_symbol (machine, "fromhost", &fromhost))
    machine->htif = cop_htif_new (machine->ram, tohost, fromhost, &htif_ops, machine);
}

CopMachine *
cop_machine_new (CopMachineConfig *config, const CopMachineEvents *events, gpointer data,
                 GError **error)
{
  g_autoptr (CopMachine) machine = g_new0 (CopMachine, 1);
  bool restoring = config->image_fd >= 0;

  machine->config = config;
  machine->actions = config->actions;
  if (events != NULL)
    machine->events = *events;
  machine->events_data = data;
  machine->context = g_main_context_new ();
  machine->loop = g_main_loop_new (machine->context, FALSE);
  g_mutex_init (&machine->lock);
  g_cond_init (&machine->changed);
  machine->status = COP_MACHINE_PAUSED;
  machine->hold = true;
  machine->quiet = machine->disturbed = true;
  cop_clock_init (&machine->clock);
  cop_bus_init (&machine->bus);
  cop_machine_prepare_lines (machine);

  if (!check_config (config, error))
    return NULL;
  machine->plan = cop_boot_plan_new (config, error);
  if (machine->plan == NULL)
    return NULL;
  machine->ram = cop_ram_new (COP_DRAM_GPA, config->memory, config->memory_fd, error);
  if (machine->ram == NULL || !build_engine (machine, error))
    return NULL;
  machine->timers = cop_timers_new (&machine->clock, config->harts, &machine->lines);
  build_harts (machine);
  if (!cop_machine_build_board (machine, error))
    return NULL;
  build_htif (machine);
  if (restoring && !cop_ram_map_image (machine->ram, config->image_fd, error))
    return NULL;
  cop_fd_clear (&config->image_fd);
  if (!cop_machine_boot (machine, !restoring, error))
    return NULL;
  return g_steal_pointer (&machine);
}

void
cop_machine_free (CopMachine *machine)
{
  if (machine == NULL)
    return;
  cop_machine_stop_threads (machine);
  /* A translation in work may ask things of harts yet. */
  if (machine->engine != NULL)
    machine->engine->ops->flush (machine->engine);

  /* Devices first: they reach into all the rest. */
  cop_bus_clear (&machine->bus);
  g_clear_pointer (&machine->timers, cop_timers_free);
  for (unsigned i = 0; i < machine->n_harts; i++)
    cop_hart_free (machine->harts[i].hart);
  g_free (machine->harts);
  if (machine->ram != NULL)
    machine->ram->code_written = NULL;
  if (machine->engine != NULL)
    machine->engine->ops->destroy (machine->engine);
  cop_htif_free (machine->htif);
  g_clear_pointer (&machine->ram, cop_ram_free);
  cop_boot_plan_free (machine->plan);
  g_clear_pointer (&machine->dtb, g_bytes_unref);
  g_clear_error (&machine->reset_error);
  g_main_loop_unref (machine->loop);
  g_main_context_unref (machine->context);
  g_mutex_clear (&machine->lock);
  g_cond_clear (&machine->changed);
  cop_machine_config_free (machine->config);
  g_free (machine);
}

/* Fresh randomness for each boot, or the same for each test. */
static bool
fill_seeds (const CopMachineConfig *config, CopFdtChosen *chosen, GError **error)
{
  struct
  {
    uint8_t  rng[sizeof chosen->rng_seed];
    uint64_t kaslr;
  } seeds;

  if (config->deterministic_seed)
    {
      g_autoptr (GRand) numbers = g_rand_new_with_seed (0);

      for (size_t i = 0; i < sizeof seeds; i++)
        ((uint8_t *)&seeds)[i] = (uint8_t)g_rand_int (numbers);
    }
  else if (getrandom (&seeds, sizeof seeds, 0) != (ssize_t)sizeof seeds)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_HOST,
                   "cannot get random numbers for the guest's seed: %s", g_strerror (errno));
      return false;
    }
  memcpy (chosen->rng_seed, seeds.rng, sizeof seeds.rng);
  chosen->kaslr_seed = seeds.kaslr;
  return true;
}

static GBytes *
make_dtb (const CopMachine *machine, GError **error)
{
  const CopMachineConfig *config = machine->config;
  CopFdtChosen chosen = {
    .append = config->append,
    .initrd_gpa = machine->plan->initrd_gpa,
    .initrd_size = machine->plan->initrd_size,
  };

  if (!fill_seeds (config, &chosen, error))
    return NULL;
  if (config->dtb != NULL)
    return cop_fdt_adopt (config, &chosen, error);
  return cop_fdt_build (config, &machine->bus, &chosen, error);
}

static void
reset_hart (const CopMachine *machine, CopHart *hart)
{
  const CopBootPlan *plan = machine->plan;

  switch (machine->config->boot)
    {
    case COP_BOOT_SBI:
      cop_hart_reset (hart, plan->entry, COP_PRIV_S, plan->dtb_gpa);
      if (hart->id != 0)
        hart->s.hsm_status = COP_HART_STOPPED;
      break;
    case COP_BOOT_FIRMWARE:
      cop_hart_reset (hart, COP_BOOT_ROM_ENTRY, COP_PRIV_M, 0);
      break;
    case COP_BOOT_BARE:
      cop_hart_reset (hart, plan->entry, COP_PRIV_M, plan->dtb_gpa);
      break;
    }
}

bool
cop_machine_boot (CopMachine *machine, bool load, GError **error)
{
  const CopBootPlan *plan = machine->plan;
  g_autoptr (GBytes) dtb = make_dtb (machine, error);

  if (dtb == NULL)
    return false;
  if (!load)
    cop_boot_rom_write (machine->ram, plan->entry, plan->dtb_gpa, plan->kernel_entry);
  else if (!cop_boot_plan_load (plan, machine->ram, dtb, error))
    return false;
  for (unsigned i = 0; i < machine->n_harts; i++)
    reset_hart (machine, machine->harts[i].hart);
  /* Of several harts, only under our SBI does one start alone. */
  cop_ram_set_sole_writer (machine->ram,
                           load && (machine->n_harts == 1 || machine->config->boot == COP_BOOT_SBI)
                             ? machine->harts[0].hart
                             : NULL);
  if (machine->htif != NULL)
    cop_htif_watch (machine->htif, machine->harts[0].hart);

  g_mutex_lock (&machine->lock);
  g_clear_pointer (&machine->dtb, g_bytes_unref);
  machine->dtb = g_steal_pointer (&dtb);
  g_mutex_unlock (&machine->lock);
  return true;
}

void
cop_machine_set_max_instructions (CopMachine *machine, uint64_t instructions)
{
  machine->budgeted = instructions != 0;
  machine->budget = instructions;
}

void
cop_machine_set_trace (CopMachine *machine, const CopTrace *trace, gpointer data)
{
  machine->trace = trace;
  machine->trace_data = data;
}

size_t
cop_machine_console_write (CopMachine *machine, const uint8_t *data, size_t size)
{
  return cop_chardev_write (machine->console, data, size);
}

CopRam *
cop_machine_ram (CopMachine *machine)
{
  return machine->ram;
}

unsigned
cop_machine_n_harts (const CopMachine *machine)
{
  return machine->n_harts;
}

CopHart *
cop_machine_hart (CopMachine *machine, unsigned id)
{
  return id < machine->n_harts ? machine->harts[id].hart : NULL;
}

const CopMachineConfig *
cop_machine_config (const CopMachine *machine)
{
  return machine->config;
}

GBytes *
cop_machine_dtb (CopMachine *machine)
{
  GBytes *dtb;

  g_mutex_lock (&machine->lock);
  dtb = g_bytes_ref (machine->dtb);
  g_mutex_unlock (&machine->lock);
  return dtb;
}

bool
cop_machine_symbol (CopMachine *machine, const char *name, uint64_t *gpa)
{
  const uint64_t *found = g_hash_table_lookup (machine->plan->symbols, name);

  if (found != NULL)
    *gpa = *found;
  return found != NULL;
}
