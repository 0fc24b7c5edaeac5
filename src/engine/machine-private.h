/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A machine from inside.
 *
 * Every change of its life goes the same way. Somebody says what is wanted, under the lock, sets
 * `hold` and kicks the harts; each parks itself between two instructions; the last one has the I/O
 * thread settle what was wanted, which ends with the machine paused, ended, or harts let go:
 *
 *   any thread    want ... --> hold, kick ----.
 *   harts         run ... stop, park ---------+--> n_active == 0
 *   I/O thread                                      settle: quiesce, reset, end --> let go
 *
 * So nothing that touches a device's insides or a hart's state from outside runs beside a hart.
 */
#pragma once

#include "engine/counters.h"
#include "engine/dev/chardev.h"
#include "engine/dev/hart-lines.h"
#include "engine/dev/timers.h"
#include "engine/htif.h"
#include "engine/loader.h"
#include "engine/machine.h"
#include "engine/sampler.h"

typedef struct
{
  CopMachine *machine;
  CopHart    *hart;             /* (owned) */
  CopHartCounters *counters;    /* (unowned) (nullable) */
  GThread    *thread;           /* (owned) (nullable) */
  CopSampler *sampler;          /* (owned) (nullable): made and freed by the thread */
} CopMachineHart;

struct CopMachine
{
  CopMachineConfig *config;     /* (owned) */
  CopMachineEvents  events;
  gpointer          events_data;

  CopRam         *ram;          /* (owned) */
  CopClock        clock;
  CopTimers      *timers;       /* (owned) */
  CopHartLines    lines;
  CopBus          bus;
  CopEngine      *engine;       /* (owned) */
  CopMachineHart *harts;        /* (owned) (array length=n_harts) */
  unsigned        n_harts;
  CopDevice      *plic;         /* (unowned): on the bus */
  CopDevice      *power_button; /* (unowned): on the bus */
  CopDevice *balloon; /* (unowned) (nullable): on the bus */
  CopChardev     *console;      /* (unowned): of the UART; where SBI and tohost print */

  CopBootPlan *plan;            /* (owned) */
  GBytes      *dtb;             /* (owned): guarded by lock */
  CopHtif     *htif;            /* (owned) (nullable): no tohost in the kernel */

  GMainContext *context;        /* (owned): the devices' */
  GMainLoop    *loop;           /* (owned) */
  GThread      *io_thread;      /* (owned) (nullable): before the first resume */
  GSource      *count_source;   /* (owned) (nullable): I/O thread: brings counters up to date */

  GMutex           lock;
  GCond            changed;     /* status, hold, wants, n_active */
  CopMachineStatus status;      /* guarded by lock */
  bool             hold;        /* atomic, changed under lock: harts are to park */
  bool             quit;        /* guarded by lock: hart threads are to return */
  unsigned         n_gone;      /* guarded by lock: threads that need nothing of the machine any more */
  unsigned         n_active;    /* guarded by lock: harts that have not parked for `hold` */
  unsigned         n_dormant;   /* guarded by lock: harts asleep that only another hart can wake */
  bool             settling;    /* guarded by lock: somebody is at work in settle() */

  /* What is wanted; guarded by lock. */
  bool    want_running;
  bool    want_reset;
  bool    reset_by_guest;
  CopMachineActions actions;
  CopEnd  want_end;             /* the first reason stays */
  CopEnd  end;                  /* valid when status is COP_MACHINE_ENDED */
  GError *reset_error;          /* (owned) (nullable): of the last reset */
  const CopDevice *unquiet;     /* (unowned) (nullable) atomic: whose host does not answer */

  bool quiet;                   /* settle()'s: devices are quiesced */
  bool disturbed;               /* settle()'s: some are, and all have to be resumed */

  CopBreakpoints  breakpoints;  /* changed while paused, under lock */
  const CopTrace *trace;        /* (unowned) (nullable) */
  gpointer        trace_data;

  /* Instructions still to run before COP_END_INSTRUCTIONS. */
  bool     budgeted;
  uint64_t budget;              /* atomic */
};

/* machine-board.c */

/* Fills machine->lines. */
void cop_machine_prepare_lines (CopMachine *machine);

/**
 * cop_machine_build_board:
 * Creates the devices and puts them on the bus.
 */
bool cop_machine_build_board (CopMachine *machine, GError **error);

/* machine-run.c */

/* The last word of a thread of the machine. */
void cop_machine_thread_gone (CopMachine *machine);

/* A hart's thread. */
gpointer cop_machine_hart_thread (gpointer data);

/* machine-stats.c */

/* Brings the counters of all harts up to date, now and each second from now on, or no more. On the
   I/O thread, or with it not running. */
void cop_machine_count (CopMachine *machine, bool on);

/* machine-life.c */

/* Asks for the end; the first reason stays. On any thread, also with a device's lock held. */
void cop_machine_end (CopMachine *machine, CopEndReason reason, uint32_t code);

/* On behalf of the guest: asks for a reset, or for the end if that is what is done then. On any
   thread, also with a device's lock held. */
void cop_machine_guest_reset (CopMachine *machine);

/* On behalf of the guest: asks for the end, or for a reset if that is what is done then. On any
   thread, also with a device's lock held. */
void cop_machine_guest_end (CopMachine *machine, CopEndReason reason, uint32_t code);

/* Wants the machine paused; does not wait for it. The lock is held. */
void cop_machine_want_pause (CopMachine *machine);

/* Starts the threads that are not there yet. The lock is held. */
bool cop_machine_start_threads (CopMachine *machine, GError **error);

/* Part of freeing: ends the machine and joins its threads. */
void cop_machine_stop_threads (CopMachine *machine);

/* Has settle() look. The lock is held. */
void cop_machine_settle_soon (CopMachine *machine);

/* machine-debug.c */

/* On @hart's thread, which came to a breakpoint. */
void cop_machine_stop_at_breakpoint (CopMachine *machine, CopHart *hart);

/* machine.c */

/**
 * cop_machine_boot:
 * @load: put kernel and device tree into RAM, which reads as zero; otherwise a saved memory is there
 *
 * Puts harts and RAM to where booting begins: at creation and reset. No hart runs.
 */
bool cop_machine_boot (CopMachine *machine, bool load, GError **error);

/* Writes to the console that SBI and tohost offer. Returns: bytes taken. */
size_t cop_machine_console_write (CopMachine *machine, const uint8_t *data, size_t size);
