/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A coppice-vm process, seen from the daemon.
 *
 *   cop_vm_start --> PAUSED <--> RUNNING --> ENDED      the machine in the process
 *                      |            |          |
 *   cop_vm_find -------+------------+----------+--> GONE  the process itself
 *
 * A process outlives the daemon that started it. It listens on RUN-DIR/vm/UUID.sock, where the next
 * daemon finds it again. Its end is noticed at once, by a pidfd.
 *
 * A connection that breaks while the process lives is made again by itself: see vm-reconnect.c.
 *
 * Every function may be called on any thread and, where it says that it waits, waits for the
 * process; calls of several threads run beside each other. When the process dies meanwhile they
 * fail with %COP_VM_ERROR_GONE.
 */
#pragma once

#include "engine/counters.h"
#include "engine/machine.h"
#include "engine/page-set.h"

#include <gio/gio.h>

struct CopDomainConfig;

#define COP_VM_ERROR (cop_vm_error_quark ())
GQuark cop_vm_error_quark (void);

typedef enum
{
  COP_VM_ERROR_CONFIG, /* the configuration cannot be a machine: file, value, way out */
  COP_VM_ERROR_HOST, /* the host lacks something: memory, descriptors, the program */
  COP_VM_ERROR_STATE, /* not possible in the machine's present state */
  COP_VM_ERROR_GONE, /* the process is gone */
  COP_VM_ERROR_CANCELLED,
  COP_VM_ERROR_PROTOCOL, /* the process says what it should not: another version? */
  COP_VM_ERROR_NOT_SUPPORTED, /* the guest or this build cannot do it */
} CopVmError;

typedef enum
{
  COP_VM_PAUSED,
  COP_VM_RUNNING,
  COP_VM_ENDED, /* the guest is off or failed; the process waits to be destroyed */
  COP_VM_GONE, /* there is no process */
} CopVmStatus;

/* What the process does when its guest says so; otherwise the machine ends and the daemon decides.
 */
typedef struct
{
  bool restart_on_poweroff;
  bool restart_on_reboot; /* true is what everybody expects */
  bool restart_on_crash; /* the guest reports a failure by SRST or the finisher */
} CopVmActions;

typedef enum
{
  COP_VM_EVENT_RESET, /* the guest rebooted, and the machine began anew */
  COP_VM_EVENT_ENDED, /* see CopVmEvent.end */
  COP_VM_EVENT_GONE, /* the process died, asked for or not; see .wait_status */
  COP_VM_EVENT_CHANNEL, /* the guest opened or closed a channel; see .channel, .open */
  COP_VM_EVENT_FOUND, /* the connection had broken, and is there again: events may be missing */
  COP_VM_EVENT_BALLOON, /* the guest has given memory back, or taken it again; see .balloon */
  COP_VM_EVENT_LAST,
} CopVmEventKind;

typedef struct
{
  CopVmEventKind kind;
  CopEnd end; /* of ENDED; COP_END_RESET when restart_on_reboot is off */
  int wait_status; /* of GONE: as waitpid() gives it; -1 when it was no child of ours */
  bool asked; /* of GONE: cop_vm_destroy() was called before */
  unsigned channel; /* of CHANNEL: which of the configuration's */
  bool open; /* of CHANNEL */
  uint64_t balloon; /* of BALLOON: bytes that the guest has given back */
} CopVmEvent;

#define COP_TYPE_VM (cop_vm_get_type ())
G_DECLARE_FINAL_TYPE (CopVm, cop_vm, COP, VM, GObject)

/**
 * CopVmEventFunc:
 * Called on the supervisor's thread, for each process in the order in which things happened. It
 * must not wait for the process: nothing below that says "waits" may be called in it.
 */
typedef void (*CopVmEventFunc) (CopVm *vm, const CopVmEvent *event, gpointer data);

/* What a process is started with. Nothing is taken over. */
typedef struct
{
  const struct CopDomainConfig *config; /* complete: after defaults and validation */
  int id; /* of the domain: positive */
  const char *run_dir; /* sockets go to its folder vm, which is made with mode 0700 */
  const char *log_path; /* (nullable): what the process says is appended there */
  const char *program; /* (nullable): of coppice-vm; NULL: cop_vm_executable() */
  CopVmActions actions;

  /* Restoring: both or none. */
  int memory_fd; /* raw memory, as cop_vm_save_memory() wrote; -1: a fresh start */
  const CopMachineState *state; /* (nullable) */
} CopVmLaunch;

/* The program of coppice-vm: COPPICE_VM, else beside us, else where it is installed. Any thread.
   Returns: (transfer none): its path */
const char *cop_vm_executable (void);

/* What became known by starting: to be shown in the domain's live XML. */
typedef struct
{
  char *serial_tty; /* (owned) (nullable): path of the pseudo-terminal */
  char *console_tty; /* (owned) (nullable): of the virtio console */
  char *channel_ttys[COP_MAX_CHANNELS]; /* (owned) (nullable): of each channel */
  char *taps[COP_MAX_NICS]; /* (owned) (nullable): of each interface that has one, its name */
} CopVmLive;
void cop_vm_live_clear (CopVmLive *live);

/**
 * cop_vm_start:
 * @func: told of events from now on; NULL: nobody is
 * @data: for @func; let go with @destroy when no more events can come
 * @live: (out) (optional): filled on success
 *
 * Opens what @launch->config names, starts a process, hands all over, and waits until the machine
 * is there: paused, nothing run yet. On failure nothing is left behind.
 *
 * Errors: %COP_VM_ERROR or %G_IO_ERROR; the message names file and way out.
 */
CopVm *cop_vm_start (const CopVmLaunch *launch, CopVmEventFunc func, gpointer data,
                     GDestroyNotify destroy, CopVmLive *live, GError **error);

/**
 * cop_vm_find:
 * @uuid: as text
 * @token: (nullable): cop_vm_token() of the process meant; NULL: any process of that domain
 *
 * Waits for the process of domain @uuid, started by an earlier daemon, to prove that it is it: same
 * user, same UUID, same token. What happened since is told by cop_vm_status() and cop_vm_end(), not
 * by events.
 *
 * Errors: %COP_VM_ERROR_GONE when there is none: its socket is removed; %COP_VM_ERROR_PROTOCOL when
 * somebody else answers.
 */
CopVm *cop_vm_find (const char *run_dir, const char *uuid, const char *token, CopVmEventFunc func,
                    gpointer data, GDestroyNotify destroy, GError **error);

/* Text that tells this process from any other of the same domain; to be kept with the domain's
   run-time state. */
const char *cop_vm_token (CopVm *vm);

int cop_vm_id (CopVm *vm); /* the domain's */
pid_t cop_vm_pid (CopVm *vm);
CopVmStatus cop_vm_status (CopVm *vm); /* never waits */
CopEnd cop_vm_end (CopVm *vm); /* of COP_VM_ENDED */

/* What follows waits. Each is done when it returns. */
bool cop_vm_resume (CopVm *vm, GError **error);
bool cop_vm_pause (CopVm *vm, GError **error);
bool cop_vm_reset (CopVm *vm, GError **error);
bool cop_vm_set_actions (CopVm *vm, const CopVmActions *actions, GError **error);

/* Presses the guest's power button. Errors: none when the guest does not listen: that shows by its
   not ending. */
bool cop_vm_press_power_button (CopVm *vm, GError **error);

/**
 * cop_vm_destroy:
 * @graceful: disks are flushed first, for at most 10 seconds; otherwise the process is killed
 *
 * Waits until there is no process any more, and removes its socket. COP_VM_EVENT_GONE comes, too.
 */
void cop_vm_destroy (CopVm *vm, bool graceful);

/* Lets go of the process without ending it: no event comes any more. As at the daemon's end. */
void cop_vm_detach (CopVm *vm);

/**
 * cop_vm_save_state:
 * Paused machines only. The state of every hart and device, for cop_xml_state_format().
 */
CopMachineState *cop_vm_save_state (CopVm *vm, GError **error);

/**
 * cop_vm_state_template:
 * Returns: (transfer full): the sections of a machine of @config, for cop_xml_state_parse(), with
 * no machine there
 */
CopMachineState *cop_vm_state_template (const struct CopDomainConfig *config, GError **error);

/* Told now and then, on the waiting thread, how many bytes of @total are behind. */
typedef void (*CopVmProgressFunc) (gpointer data, uint64_t done, uint64_t total);

/**
 * cop_vm_save_memory:
 * @fd: an empty regular file, open for reading and writing; not taken over
 * @cancellable: (nullable): stops it, with %COP_VM_ERROR_CANCELLED
 * @owned: (out): the pages that the file holds; the others are zero
 *
 * Paused machines only. Writes the guest's memory to @fd, byte N of memory at offset N, holes for
 * what is zero; does not sync.
 */
bool cop_vm_save_memory (CopVm *vm, int fd, GCancellable *cancellable, CopVmProgressFunc progress,
                         gpointer data, CopPageSet **owned, GError **error);

/**
 * cop_vm_dump_memory:
 * @fd: a regular file, open for writing, with nothing from @offset on; not taken over
 * @offset: bytes, whole pages
 *
 * Writes the guest's memory as cop_vm_save_memory() does, from @offset on. The guest may run: then
 * each page is as it is when it is written.
 */
bool cop_vm_dump_memory (CopVm *vm, int fd, uint64_t offset, GCancellable *cancellable,
                         CopVmProgressFunc progress, gpointer data, GError **error);

/* Makes disk @disk, counted from 0, @size bytes long, whole sectors; the guest is told. */
bool cop_vm_resize_disk (CopVm *vm, unsigned disk, uint64_t size, GError **error);

/**
 * cop_vm_counters:
 * What the process counts, read without asking it; stays readable after its end.
 *
 * Returns: (transfer none): changes all the time; each figure is whole, not all are of one moment
 */
const CopCounters *cop_vm_counters (CopVm *vm);

/* Processor time of the whole process and of one hart, from the kernel; false when it is gone. */
typedef struct
{
  uint64_t total_ns, user_ns, system_ns;
  uint64_t wait_ns; /* runnable, but not running; 0 when the kernel does not say */
} CopVmTimes;
bool cop_vm_times (CopVm *vm, CopVmTimes *times);
/* Only the sum of user and system time, without reading a file; 0 when the process is gone. */
uint64_t cop_vm_total_ns (CopVm *vm);
/* Of a hart's thread; the sum may not be told apart into user and system time. */
bool cop_vm_hart_times (CopVm *vm, unsigned hart, CopVmTimes *times);

/* Bytes of the process that are in the host's memory; 0 when it is gone. */
uint64_t cop_vm_resident (CopVm *vm);

/* Plugs or unplugs the cable of network interface @nic, counted from 0. */
bool cop_vm_set_link (CopVm *vm, unsigned nic, bool up, GError **error);

/* Asks the guest to make do with @memory bytes, and to say each @seconds (0: no more) how it uses
   them. That it does shows in the counters and by COP_VM_EVENT_BALLOON. */
bool cop_vm_set_balloon (CopVm *vm, uint64_t memory, GError **error);
bool cop_vm_set_balloon_period (CopVm *vm, unsigned seconds, GError **error);
