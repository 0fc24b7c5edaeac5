/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A coppice-vm process: one machine, served to the daemon.
 *
 *   start --> CREATE on the control socket --> serve it and RUN-DIR/vm/UUID.sock --> QUIT, SIGTERM
 *         `-> control socket closed: end
 *
 * Daemons come and go; the machine runs on. When it has ended, the process waits for a daemon to
 * take note.
 */
#include "driver/vm-process.h"
#include "common/fd.h"
#include "driver/error.h"
#include "driver/wire/server.h"
#include "engine/counters.h"
#include "engine/state-pack.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

typedef struct
{
  GMainLoop *loop;
  CopServer *server;

  GMutex lock; /* held while the machine is made */
  CopMachine *machine; /* (nullable): set once, atomic, under lock */
  uint8_t uuid[16];
  char *token; /* (owned) */
  int id;
  int counters_fd;
  CopCounters *counters; /* (nullable): mapped for good */
  int disk_fds[COP_MAX_DISKS]; /* (owned): to flush at the end; -1: none */
  bool cancel_save; /* atomic */
} Process;

/* ---- what the daemon is told ---- */

static CopVmRpcStatus
status_of (CopMachine *machine)
{
  CopVmRpcStatus status = { .status = cop_machine_status (machine) };

  if (status.status == COP_MACHINE_ENDED)
    {
      CopEnd end = cop_machine_wait (machine);

      status.end_reason = end.reason;
      status.end_code = end.code;
    }
  return status;
}

/* On a thread of the machine. */
static void
machine_ended (gpointer data, CopEnd end)
{
  Process *process = data;
  const CopVmRpcEventEnded event = {
    .status = { COP_MACHINE_ENDED, end.reason, end.code },
  };

  g_message ("the guest has ended: reason %d, code %u", end.reason, end.code);
  cop_server_broadcast (process->server, &cop_vm_program, COP_VM_RPC_EVENT_ENDED, &event);
}

/* On a thread of the machine. */
static void
machine_reset (gpointer data)
{
  Process *process = data;

  g_message ("the guest begins anew");
  cop_server_broadcast (process->server, &cop_vm_program, COP_VM_RPC_EVENT_RESET, NULL);
}

/* On the machine's I/O thread. */
static void
machine_channel (gpointer data, unsigned channel, bool open)
{
  Process *process = data;
  const CopVmRpcEventChannel event = { channel, open };

  cop_server_broadcast (process->server, &cop_vm_program, COP_VM_RPC_EVENT_CHANNEL, &event);
}

/* On the machine's I/O thread. */
static void
machine_balloon (gpointer data, uint64_t bytes)
{
  Process *process = data;
  const CopVmRpcEventBalloon event = { bytes };

  cop_server_broadcast (process->server, &cop_vm_program, COP_VM_RPC_EVENT_BALLOON, &event);
}

static const CopMachineEvents machine_events = {
  .ended = machine_ended,
  .reset = machine_reset,
  .channel = machine_channel,
  .balloon = machine_balloon,
};

/* ---- making the machine ---- */

static int
steal_fd (gpointer data, int index)
{
  return cop_server_call_steal_fd (data, (unsigned) index);
}

static bool
map_counters (Process *process, int fd, GError **error)
{
  void *counters = mmap (NULL, sizeof (CopCounters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  if (counters == MAP_FAILED)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   _ ("the counters cannot be mapped: %s"), g_strerror (errno));
      close (fd);
      return false;
    }
  process->counters = counters;
  process->counters_fd = fd;
  return true;
}

static bool
load_state (CopMachine *machine, const CopBytes *packed, GError **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (packed->data, packed->length);
  g_autoptr (CopMachineState) expected = NULL;
  g_autoptr (CopMachineState) state = NULL;

  if (packed->length == 0)
    return true;
  expected = cop_machine_state_template (machine);
  state = cop_machine_state_unpack (expected, bytes, error);
  return state != NULL && cop_machine_load_state (machine, state, error);
}

/* The pages of kernel and initrd in the page cache are nobody's memory; those of ours are given
   back at once. */
static void
drop_files (const CopMachineConfig *config)
{
  GBytes *const files[] = { config->bios, config->kernel, config->initrd, config->dtb };

  for (unsigned i = 0; i < G_N_ELEMENTS (files); i++)
    if (files[i] != NULL)
      {
        gsize length;
        const void *start = g_bytes_get_data (files[i], &length);

        madvise ((void *) start, length, MADV_DONTNEED);
      }
}

/* The lock is held. */
static bool
create_machine (Process *process, CopServerCall *call, const CopVmRpcCreateArgs *args,
                GError **error)
{
  g_autoptr (CopMachineConfig) config = cop_vm_process_config (args, steal_fd, call, error);
  int counters_fd = args->counters_fd >= 0 ? steal_fd (call, args->counters_fd) : -1;
  cop_autofd int listen_fd = args->listen_fd >= 0 ? steal_fd (call, args->listen_fd) : -1;
  g_autoptr (CopMachine) machine = NULL;

  if (counters_fd >= 0 && !map_counters (process, counters_fd, error))
    return false;
  if (config == NULL)
    return false;
  config->counters = process->counters;
  for (unsigned i = 0; i < config->n_disks; i++)
    if (!config->disks[i].readonly)
      process->disk_fds[i] = fcntl (config->disks[i].fd, F_DUPFD_CLOEXEC, 0);
  machine = cop_machine_new (g_steal_pointer (&config), &machine_events, process, error);
  if (machine == NULL || !load_state (machine, &args->state, error))
    return false;
  drop_files (cop_machine_config (machine));

  /* listen() here and not in the daemon: it is what the kernel tells of us to those who connect. */
  if (listen_fd >= 0)
    {
      if (listen (listen_fd, 16) < 0)
        {
          cop_driver_error_set_errno (error, errno, _ ("cannot listen"));
          return false;
        }
      if (!cop_server_listen (process->server, cop_fd_steal (&listen_fd),
                              COP_SERVER_SOCKET_SAME_USER | COP_SERVER_SOCKET_OPENED, error))
        return false;
    }
  memcpy (process->uuid, args->uuid, sizeof process->uuid);
  process->token = g_strdup (args->token);
  process->id = args->id;
  __atomic_store_n (&process->machine, g_steal_pointer (&machine), __ATOMIC_RELEASE);
  return true;
}

static bool
handle_create (CopServerCall *call, const CopVmRpcCreateArgs *args,
               CopVmRpcCreateRet *ret G_GNUC_UNUSED, GError **error)
{
  Process *process = cop_server_call_get_data (call);
  bool good = false;

  g_mutex_lock (&process->lock);
  if (process->machine != NULL)
    g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE,
                 _ ("this process has a machine already"));
  else
    good = create_machine (process, call, args, error);
  g_mutex_unlock (&process->lock);
  return good;
}

/* ---- the other calls ---- */

/* Returns: (nullable): the machine; NULL with an error before there is one */
static CopMachine *
machine_of (CopServerCall *call, GError **error)
{
  Process *process = cop_server_call_get_data (call);
  CopMachine *machine = __atomic_load_n (&process->machine, __ATOMIC_ACQUIRE);

  if (machine == NULL)
    g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE,
                 _ ("this process has no machine yet"));
  return machine;
}

static bool
handle_hello (CopServerCall *call, const CopVmRpcHelloArgs *args G_GNUC_UNUSED,
              CopVmRpcHelloRet *ret, GError **error)
{
  Process *process = cop_server_call_get_data (call);
  CopMachine *machine = machine_of (call, error);
  int fd;

  if (machine == NULL)
    return false;
  ret->protocol = COP_VM_PROTOCOL;
  memcpy (ret->uuid, process->uuid, sizeof ret->uuid);
  ret->token = g_strdup (process->token);
  ret->id = process->id;
  ret->version = g_strdup (COPPICE_VERSION);
  ret->status = status_of (machine);
  fd = fcntl (process->counters_fd, F_DUPFD_CLOEXEC, 0);
  if (fd >= 0)
    cop_server_call_add_fd (call, fd);
  return true;
}

/* Calls that do one thing to the machine, without arguments or result. */
#define PLAIN_HANDLER(name, Name, action)                                                          \
  static bool handle_##name (CopServerCall *call, const CopVmRpc##Name##Args *args G_GNUC_UNUSED,  \
                             CopVmRpc##Name##Ret *ret G_GNUC_UNUSED, GError **error)               \
  {                                                                                                \
    CopMachine *machine = machine_of (call, error);                                                \
                                                                                                   \
    return machine != NULL && action (machine, error);                                             \
  }

static bool
press_power_button (CopMachine *machine, GError **error G_GNUC_UNUSED)
{
  cop_machine_press_power_button (machine);
  return true;
}

PLAIN_HANDLER (resume, Resume, cop_machine_resume)
PLAIN_HANDLER (pause, Pause, cop_machine_pause)
PLAIN_HANDLER (reset, Reset, cop_machine_reset)
PLAIN_HANDLER (press_power_button, PressPowerButton, press_power_button)

static bool
handle_set_actions (CopServerCall *call, const CopVmRpcSetActionsArgs *args,
                    CopVmRpcSetActionsRet *ret G_GNUC_UNUSED, GError **error)
{
  CopMachine *machine = machine_of (call, error);
  const CopMachineActions actions = {
    .restart_on_poweroff = args->actions.restart_on_poweroff != 0,
    .restart_on_reboot = args->actions.restart_on_reboot != 0,
    .restart_on_crash = args->actions.restart_on_crash != 0,
  };

  if (machine == NULL)
    return false;
  cop_machine_set_actions (machine, &actions);
  return true;
}

static bool
handle_set_link (CopServerCall *call, const CopVmRpcSetLinkArgs *args,
                 CopVmRpcSetLinkRet *ret G_GNUC_UNUSED, GError **error)
{
  CopMachine *machine = machine_of (call, error);

  return machine != NULL && cop_machine_set_link (machine, args->nic, args->up != 0, error);
}

static bool
handle_set_balloon (CopServerCall *call, const CopVmRpcSetBalloonArgs *args,
                    CopVmRpcSetBalloonRet *ret G_GNUC_UNUSED, GError **error)
{
  CopMachine *machine = machine_of (call, error);

  return machine != NULL && cop_machine_set_balloon (machine, args->memory, error);
}

static bool
handle_set_balloon_period (CopServerCall *call, const CopVmRpcSetBalloonPeriodArgs *args,
                           CopVmRpcSetBalloonPeriodRet *ret G_GNUC_UNUSED, GError **error)
{
  CopMachine *machine = machine_of (call, error);

  return machine != NULL && cop_machine_set_balloon_period (machine, args->seconds, error);
}

static bool
handle_save_state (CopServerCall *call, const CopVmRpcSaveStateArgs *args G_GNUC_UNUSED,
                   CopVmRpcSaveStateRet *ret, GError **error)
{
  CopMachine *machine = machine_of (call, error);
  g_autoptr (CopMachineState) state =
    machine != NULL ? cop_machine_save_state (machine, error) : NULL;
  g_autoptr (GBytes) packed = NULL;
  gsize length;
  const void *data;

  if (state == NULL)
    return false;
  packed = cop_machine_state_pack (state);
  data = g_bytes_get_data (packed, &length);
  ret->state.data = g_memdup2 (data, length);
  ret->state.length = (uint32_t) length;
  return true;
}

static bool
save_progress (gpointer data, uint64_t done, uint64_t total)
{
  Process *process = data;

  if (process->counters != NULL)
    {
      __atomic_store_n (&process->counters->save_done, done, __ATOMIC_RELAXED);
      __atomic_store_n (&process->counters->save_total, total, __ATOMIC_RELAXED);
    }
  return !__atomic_load_n (&process->cancel_save, __ATOMIC_RELAXED);
}

static bool
handle_save_memory (CopServerCall *call, const CopVmRpcSaveMemoryArgs *args,
                    CopVmRpcSaveMemoryRet *ret, GError **error)
{
  Process *process = cop_server_call_get_data (call);
  CopMachine *machine = machine_of (call, error);
  cop_autofd int fd = args->fd >= 0 ? steal_fd (call, args->fd) : -1;
  g_autoptr (CopPageSet) pages = NULL;

  if (machine == NULL)
    return false;
  __atomic_store_n (&process->cancel_save, false, __ATOMIC_RELAXED);
  pages = cop_machine_save_memory (machine, fd, save_progress, process, error);
  if (pages == NULL)
    return false;
  ret->pages = cop_page_set_format (pages);
  return true;
}

static bool
handle_dump_memory (CopServerCall *call, const CopVmRpcDumpMemoryArgs *args,
                    CopVmRpcDumpMemoryRet *ret G_GNUC_UNUSED, GError **error)
{
  Process *process = cop_server_call_get_data (call);
  CopMachine *machine = machine_of (call, error);
  cop_autofd int fd = args->fd >= 0 ? steal_fd (call, args->fd) : -1;

  if (machine == NULL)
    return false;
  __atomic_store_n (&process->cancel_save, false, __ATOMIC_RELAXED);
  return cop_machine_dump_memory (machine, fd, args->offset, save_progress, process, error);
}

static bool
handle_resize_disk (CopServerCall *call, const CopVmRpcResizeDiskArgs *args,
                    CopVmRpcResizeDiskRet *ret G_GNUC_UNUSED, GError **error)
{
  CopMachine *machine = machine_of (call, error);

  return machine != NULL && cop_machine_resize_disk (machine, args->disk, args->size, error);
}

static bool
handle_cancel_save (CopServerCall *call, const CopVmRpcCancelSaveArgs *args G_GNUC_UNUSED,
                    CopVmRpcCancelSaveRet *ret G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
  Process *process = cop_server_call_get_data (call);

  __atomic_store_n (&process->cancel_save, true, __ATOMIC_RELAXED);
  return true;
}

/* ---- the end ---- */

static gboolean
quit_loop (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_REMOVE;
}

/* What the guest was told is on its disks is there also if the host goes down now. */
static void
flush_disks (Process *process)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (process->disk_fds); i++)
    if (process->disk_fds[i] >= 0 && fdatasync (process->disk_fds[i]) < 0 && errno != EINVAL)
      g_warning ("disk %u cannot be flushed: %s", i, g_strerror (errno));
}

static bool
handle_quit (CopServerCall *call, const CopVmRpcQuitArgs *args G_GNUC_UNUSED,
             CopVmRpcQuitRet *ret G_GNUC_UNUSED, GError **error)
{
  Process *process = cop_server_call_get_data (call);
  CopMachine *machine = machine_of (call, error);

  if (machine == NULL)
    return false;
  cop_machine_power_off (machine);
  cop_machine_wait (machine);
  flush_disks (process);
  g_idle_add (quit_loop, process->loop);
  return true;
}

static gboolean
heard_sigterm (gpointer data)
{
  Process *process = data;

  g_message ("ended by a signal");
  g_main_loop_quit (process->loop);
  return G_SOURCE_REMOVE;
}

/* A process whose daemon is gone before it has a machine is of no use to anybody. */
static void
connection_closed (CopServerConn *conn G_GNUC_UNUSED, gpointer data)
{
  Process *process = data;

  if (__atomic_load_n (&process->machine, __ATOMIC_ACQUIRE) == NULL)
    g_main_loop_quit (process->loop);
}

#define HANDLER(NAME, Name, func) COP_HANDLER (COP_VM_RPC_##NAME, CopVmRpc##Name, func)
static const CopHandler handlers[] = {
  /* clang-format off */
  HANDLER (CREATE,             Create,           handle_create),
  HANDLER (HELLO,              Hello,            handle_hello),
  HANDLER (RESUME,             Resume,           handle_resume),
  HANDLER (PAUSE,              Pause,            handle_pause),
  HANDLER (RESET,              Reset,            handle_reset),
  HANDLER (SET_ACTIONS,        SetActions,       handle_set_actions),
  HANDLER (PRESS_POWER_BUTTON, PressPowerButton, handle_press_power_button),
  HANDLER (SET_LINK,           SetLink,          handle_set_link),
  HANDLER (SET_BALLOON,        SetBalloon,       handle_set_balloon),
  HANDLER (SET_BALLOON_PERIOD, SetBalloonPeriod, handle_set_balloon_period),
  HANDLER (SAVE_STATE,         SaveState,        handle_save_state),
  HANDLER (SAVE_MEMORY,        SaveMemory,       handle_save_memory),
  HANDLER (DUMP_MEMORY,        DumpMemory,       handle_dump_memory),
  HANDLER (RESIZE_DISK,        ResizeDisk,       handle_resize_disk),
  HANDLER (CANCEL_SAVE,        CancelSave,       handle_cancel_save),
  HANDLER (QUIT,               Quit,             handle_quit),
  { 0 },
  /* clang-format on */
};

static const CopServerHooks hooks = { .closed = connection_closed };

int
cop_vm_process_run (int control_fd)
{
  Process process = { .counters_fd = -1 };
  g_autoptr (GError) error = NULL;
  g_autoptr (CopServerConn) conn = NULL;
  CopMachine *machine;

  g_mutex_init (&process.lock);
  memset (process.disk_fds, 0xff, sizeof process.disk_fds);
  process.loop = g_main_loop_new (NULL, FALSE);
  process.server = cop_server_new (NULL, &process);
  cop_server_set_hooks (process.server, &hooks, &process);
  cop_server_add_handlers (process.server, &cop_vm_program, handlers);
  g_unix_signal_add (SIGTERM, heard_sigterm, &process);

  conn = cop_server_add_connection (process.server, control_fd, COP_SERVER_SOCKET_OPENED, &error);
  if (conn != NULL)
    g_main_loop_run (process.loop);
  else
    g_warning ("cannot serve the daemon: %s", error->message);

  /* A worker may be making it yet, when the daemon has gone meanwhile. */
  machine = __atomic_load_n (&process.machine, __ATOMIC_ACQUIRE);
  if (machine != NULL)
    {
      cop_machine_power_off (machine);
      cop_machine_wait (machine);
      flush_disks (&process);
    }
  cop_server_stop (process.server);
  g_clear_pointer (&process.machine, cop_machine_free);
  g_object_unref (process.server);
  g_main_loop_unref (process.loop);
  for (unsigned i = 0; i < G_N_ELEMENTS (process.disk_fds); i++)
    cop_fd_clear (&process.disk_fds[i]);
  cop_fd_clear (&process.counters_fd);
  g_free (process.token);
  g_mutex_clear (&process.lock);
  return conn != NULL ? 0 : 1;
}
