/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A machine: RAM, harts, devices and engine, put together from a config, and its life.
 *
 *   new --> start --> running <--> paused
 *                        |            |
 *                        +--> ended <-+      (poweroff, failure, limits; reset goes on running)
 *
 * Threads: one per hart, one for I/O (a GMainContext of its own). Public functions may be called on
 * any other thread; they wait for the machine where they say so.
 */
#pragma once

#include "engine/config.h"
#include "engine/dev/bus.h"
#include "engine/ram-image.h"
#include "engine/state.h"

#define COP_MACHINE_ERROR (cop_machine_error_quark ())
GQuark cop_machine_error_quark (void);

typedef enum
{
  COP_MACHINE_ERROR_CONFIG,     /* the configuration cannot be built */
  COP_MACHINE_ERROR_IMAGE,      /* kernel, firmware, initrd or device tree is unusable */
  COP_MACHINE_ERROR_HOST,       /* memory, threads, descriptors */
  COP_MACHINE_ERROR_STATE,      /* not possible in the machine's present state */
} CopMachineError;

typedef enum
{
  COP_MACHINE_PAUSED,           /* new, paused, or loaded */
  COP_MACHINE_RUNNING,
  COP_MACHINE_ENDED,
} CopMachineStatus;

typedef enum
{
  COP_END_NONE,
  COP_END_POWEROFF,             /* by the guest, or cop_machine_power_off() */
  COP_END_FAILURE,              /* sifive,test FAIL, or SRST with a failure reason */
  COP_END_TOHOST,               /* tohost was written; code is its exit code */
  COP_END_INSTRUCTIONS,         /* max_instructions reached */
  COP_END_HALTED,               /* every hart waits for what can never come */
  COP_END_DIFFERENT,            /* engine_config.verify found a difference: see CopMachineEvents */
  COP_END_RESET,                /* the guest asked for a reset, and was not to have one */
} CopEndReason;

typedef struct
{
  CopEndReason reason;
  uint32_t     code;            /* exit code of FAILURE and TOHOST */
} CopEnd;

/* Called on some machine thread; must not call back into the machine, only post to other threads. */
typedef struct
{
  void (*ended) (gpointer data, CopEnd end);
  void (*reset) (gpointer data);        /* the guest asked for a reset and it was done */
  /* Before the machine ends because translated code did something else than the interpreter. */
  void (*differs) (gpointer data, const char *report);
  /* @hart came to the breakpoint at @gva, and the machine is about to be paused. */
  void (*stopped) (gpointer data, unsigned hart, uint64_t gva);
  /* The guest has opened channel @channel, or closed it. */
  void (*channel) (gpointer data, unsigned channel, bool open);
  /* The guest has given back @bytes of its memory, of those it was asked for. */
  void (*balloon) (gpointer data, uint64_t bytes);
} CopMachineEvents;

/**
 * cop_machine_new:
 * @config: (transfer full)
 *
 * Builds RAM, harts and devices, loads what @config boots. No thread runs yet.
 *
 * Errors: %COP_MACHINE_ERROR, naming the label of the file, what is wrong and the way out.
 */
CopMachine *cop_machine_new (CopMachineConfig *config, const CopMachineEvents *events,
                             gpointer data, GError **error);
void cop_machine_free (CopMachine *machine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopMachine, cop_machine_free)

/* Starts a paused machine or lets it go on. */
bool cop_machine_resume (CopMachine *machine, GError **error);

/* Stops all harts between instructions, brings devices to a quiet point; returns when that is so.
   COP_MACHINE_ERROR_HOST: the storage of a disk does not answer, and the machine goes on. */
bool cop_machine_pause (CopMachine *machine, GError **error);

/* Resets harts and devices and loads the boot images again; paused stays paused. When that fails, as
   with a damaged image, the machine ends with COP_END_FAILURE. */
bool cop_machine_reset (CopMachine *machine, GError **error);

/* From now on, whatever the configuration said. On any thread. */
void cop_machine_set_actions (CopMachine *machine, const CopMachineActions *actions);

/* Presses the power button: the guest is asked to shut itself down. Whether it listens is its own
   affair. On any thread. */
void cop_machine_press_power_button (CopMachine *machine);

/* Plugs in or pulls the cable of a network interface. Errors: there is no such one. */
bool cop_machine_set_link (CopMachine *machine, unsigned nic, bool up, GError **error);

/* Asks the guest to make do with @memory bytes of what it was given. Errors: there is no balloon;
   more than there is. On any thread. */
bool cop_machine_set_balloon (CopMachine *machine, uint64_t memory, GError **error);

/* Asks the guest for statistics of its memory each @seconds, 0: no more. Errors: there is no
   balloon. On any thread. */
bool cop_machine_set_balloon_period (CopMachine *machine, unsigned seconds, GError **error);

/* Ends the machine at once. */
void cop_machine_power_off (CopMachine *machine);

CopMachineStatus cop_machine_status (CopMachine *machine);

/* Waits for the end. */
CopEnd cop_machine_wait (CopMachine *machine);

/* To be set before the first resume; 0 means none. Counted over all harts. */
void cop_machine_set_max_instructions (CopMachine *machine, uint64_t instructions);

/* Called on a hart's thread, before and after it runs one instruction. When that traps or an
   interrupt comes first, the first instruction of the handler belongs to the same step. */
typedef struct
{
  void (*before) (gpointer data, CopHart *hart);
  void (*after)  (gpointer data, CopHart *hart);
} CopTrace;

/* To be set before the first resume: harts go step by step. @trace lives as long as the machine. */
void cop_machine_set_trace (CopMachine *machine, const CopTrace *trace, gpointer data);

/**
 * cop_machine_add_breakpoint:
 * cop_machine_remove_breakpoint:
 * @gva: address of an instruction, in whatever address space
 *
 * Paused machines only. A hart that comes to a breakpoint stops before its instruction; the machine
 * pauses. They stay through a reset.
 *
 * Errors: %COP_MACHINE_ERROR_STATE: running, odd, twice, too many; or none there.
 */
bool cop_machine_add_breakpoint (CopMachine *machine, uint64_t gva, GError **error);
bool cop_machine_remove_breakpoint (CopMachine *machine, uint64_t gva, GError **error);

/* How steps came to an end. */
typedef enum
{
  COP_STEP_DONE,
  COP_STEP_BREAKPOINT,          /* before an instruction with one */
  COP_STEP_WAITS,               /* the hart sleeps or is stopped, and nothing is pending */
  COP_STEP_ENDED,               /* the guest ended or reset the machine */
} CopStep;

/**
 * cop_machine_step:
 * @n: how many times; each runs one instruction, or takes one interrupt or exception and stops
 *   before the handler's first instruction
 *
 * Runs hart @id of a paused machine, the others not, on the calling thread. Guest time stands still.
 */
bool cop_machine_step (CopMachine *machine, unsigned id, uint64_t n, CopStep *how, GError **error);

/**
 * cop_machine_save_state:
 * Paused machines only: the state of every hart and device.
 */
CopMachineState *cop_machine_save_state (CopMachine *machine, GError **error);

/**
 * cop_machine_load_state:
 * Checks all of @state against this machine's configuration, then assigns all; changes nothing on
 * failure. RAM contents are the caller's business: see cop_machine_ram().
 */
bool cop_machine_load_state (CopMachine *machine, const CopMachineState *state, GError **error);

/* Returns: (transfer full): an empty document of this machine, all sections at reset values: what a
   reader fills */
CopMachineState *cop_machine_state_template (CopMachine *machine);

/* The same of the machine that would be built from @config, without building it. */
CopMachineState *cop_machine_config_state_template (const CopMachineConfig *config);

/**
 * cop_machine_save_memory:
 * Paused machines only: see cop_ram_save().
 */
CopPageSet *cop_machine_save_memory (CopMachine *machine, int fd, CopRamProgress progress,
                                     gpointer data, GError **error);

/* The same from byte @offset of the file on; the machine may run: see cop_ram_dump(). */
bool cop_machine_dump_memory (CopMachine *machine, int fd, uint64_t offset, CopRamProgress progress,
                              gpointer data, GError **error);

/**
 * cop_machine_resize_disk:
 * @size: bytes, whole sectors
 *
 * Makes disk @disk longer or shorter, and the file that it is on; tells the guest. On any thread.
 *
 * Errors: no such disk, a size that cannot be, a block device of another size.
 */
bool cop_machine_resize_disk (CopMachine *machine, unsigned disk, uint64_t size, GError **error);

/* Calls @func for each piece of code that was translated: see CopEngineOps.each_unit. */
void cop_machine_each_unit (CopMachine *machine, CopCodeUnitFunc func, gpointer data);

CopRam *cop_machine_ram (CopMachine *machine);
unsigned cop_machine_n_harts (const CopMachine *machine);
CopHart *cop_machine_hart (CopMachine *machine, unsigned id);
const CopMachineConfig *cop_machine_config (const CopMachine *machine);

/* The device tree handed to the guest. Returns: (transfer full) */
GBytes *cop_machine_dtb (CopMachine *machine);

/* Guest address of an ELF symbol of the kernel; false when it has none. */
bool cop_machine_symbol (CopMachine *machine, const char *name, uint64_t *gpa);

/* All statistics: engine, harts, devices. On any thread, also while running. */
void cop_machine_stats (CopMachine *machine, CopStatsFunc func, gpointer data);
