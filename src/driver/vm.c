/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The daemon's view of a coppice-vm process.
 *
 *   any thread          calls, which wait
 *   supervisor thread   one for all processes: their events, their ends
 */
#include "driver/vm-private.h"
#include "common/fd.h"
#include "driver/error.h"
#include "engine/state-pack.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long a graceful end may take before it is no longer graceful. */
#define QUIT_TIMEOUT_MS 10000
/* How long a process may take for what it has only to say. */
#define ANSWER_TIMEOUT_MS 30000
/* How long a call waits for a connection that broke to be there again. */
#define RECONNECT_US (5 * G_USEC_PER_SEC)
/* How often progress is told. */
#define PROGRESS_US (100 * 1000)

G_DEFINE_FINAL_TYPE (CopVm, cop_vm, G_TYPE_OBJECT)

/* clang-format off */
G_DEFINE_QUARK (cop-vm-error-quark, cop_vm_error)
/* clang-format on */

/* ---- the supervisor ---- */

static gpointer
supervise (gpointer data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (data, FALSE);

  g_main_loop_run (loop);
  return NULL;
}

static gpointer
start_supervisor (gpointer data G_GNUC_UNUSED)
{
  GMainContext *context = g_main_context_new ();

  g_thread_unref (g_thread_new ("cop-vm", supervise, context));
  return context;
}

GMainContext *
cop_vm_supervisor (void)
{
  static GOnce once = G_ONCE_INIT;

  return g_once (&once, start_supervisor, NULL);
}

/* ---- the object ---- */

static void
cop_vm_finalize (GObject *object)
{
  CopVm *vm = COP_VM (object);

  g_clear_object (&vm->client);
  g_clear_pointer (&vm->death, g_source_unref);
  if (vm->counters != NULL)
    munmap (vm->counters, sizeof *vm->counters);
  cop_fd_clear (&vm->pidfd);
  g_free (vm->uuid);
  g_free (vm->token);
  g_free (vm->folder);
  g_mutex_clear (&vm->lock);
  g_cond_clear (&vm->changed);
  G_OBJECT_CLASS (cop_vm_parent_class)->finalize (object);
}

static void
cop_vm_class_init (CopVmClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = cop_vm_finalize;
}

static void
cop_vm_init (CopVm *vm)
{
  g_mutex_init (&vm->lock);
  g_cond_init (&vm->changed);
  vm->pidfd = -1;
}

CopVm *
cop_vm_new (const char *folder, const char *uuid, CopClient *client, pid_t pid, int pidfd)
{
  CopVm *vm = g_object_new (COP_TYPE_VM, NULL);

  vm->folder = g_strdup (folder);
  vm->uuid = g_strdup (uuid);
  vm->client = client;
  vm->pid = pid;
  vm->pidfd = pidfd;
  return vm;
}

bool
cop_vm_map_counters (CopVm *vm, int fd, GError **error)
{
  void *counters = mmap (NULL, sizeof *vm->counters, PROT_READ, MAP_SHARED, fd, 0);

  if (counters == MAP_FAILED)
    cop_driver_error_set_errno (error, errno, _ ("cannot map the counters of a machine"));
  else
    vm->counters = counters;
  close (fd);
  return counters != MAP_FAILED;
}

void
cop_vm_set_status (CopVm *vm, const CopVmRpcStatus *status)
{
  static const CopVmStatus statuses[] = {
    [COP_MACHINE_PAUSED] = COP_VM_PAUSED,
    [COP_MACHINE_RUNNING] = COP_VM_RUNNING,
    [COP_MACHINE_ENDED] = COP_VM_ENDED,
  };

  g_mutex_lock (&vm->lock);
  /* An end that was heard of is not taken back by an answer that was sent before it. */
  if (vm->status < COP_VM_ENDED && status->status < G_N_ELEMENTS (statuses))
    vm->status = statuses[status->status];
  if (status->status == COP_MACHINE_ENDED)
    vm->end = (CopEnd){ (CopEndReason) status->end_reason, status->end_code };
  g_cond_broadcast (&vm->changed);
  g_mutex_unlock (&vm->lock);
}

/* ---- events: on the supervisor's thread ---- */

void
cop_vm_tell (CopVm *vm, const CopVmEvent *event)
{
  bool detached;

  g_mutex_lock (&vm->lock);
  detached = vm->detached;
  g_mutex_unlock (&vm->lock);
  if (!detached && vm->func != NULL)
    vm->func (vm, event, vm->data);
}

static void
heard_event (CopClient *client G_GNUC_UNUSED, const CopProgram *program G_GNUC_UNUSED,
             int32_t procedure, const void *payload, gpointer data)
{
  CopVm *vm = data;
  CopVmEvent event = { .kind = COP_VM_EVENT_RESET };

  if (procedure == COP_VM_RPC_EVENT_ENDED)
    {
      cop_vm_set_status (vm, &((const CopVmRpcEventEnded *) payload)->status);
      event.kind = COP_VM_EVENT_ENDED;
      event.end = cop_vm_end (vm);
    }
  else if (procedure == COP_VM_RPC_EVENT_CHANNEL)
    {
      const CopVmRpcEventChannel *change = payload;

      event.kind = COP_VM_EVENT_CHANNEL;
      event.channel = change->channel;
      event.open = change->open != 0;
    }
  else if (procedure == COP_VM_RPC_EVENT_BALLOON)
    {
      event.kind = COP_VM_EVENT_BALLOON;
      event.balloon = ((const CopVmRpcEventBalloon *) payload)->bytes;
    }
  else if (procedure != COP_VM_RPC_EVENT_RESET)
    return; /* of a newer process */
  cop_vm_tell (vm, &event);
}

/* As waitpid() would give it. */
static int
wait_status_of (const siginfo_t *info)
{
  switch (info->si_code)
    {
    case CLD_EXITED:
      return (info->si_status & 0xff) << 8;
    case CLD_DUMPED:
      return (info->si_status & 0x7f) | 0x80;
    default:
      return info->si_status & 0x7f;
    }
}

static void
remove_socket (CopVm *vm)
{
  g_autofree char *name = g_strdup_printf ("%s.sock", vm->uuid);
  g_autofree char *path = g_build_filename (vm->folder, name, NULL);

  unlink (path);
}

static gboolean
heard_death (gint fd, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
  CopVm *vm = data;
  CopVmEvent event = { .kind = COP_VM_EVENT_GONE, .wait_status = -1 };
  g_autoptr (CopClient) client = NULL;
  siginfo_t info = { 0 };

  /* Not a child of ours if another daemon started it: nothing comes then. */
  if (waitid ((idtype_t) P_PIDFD, (id_t) fd, &info, WEXITED) == 0)
    event.wait_status = wait_status_of (&info);
  remove_socket (vm);

  g_mutex_lock (&vm->lock);
  vm->status = COP_VM_GONE;
  event.asked = vm->asked;
  client = g_steal_pointer (&vm->client);
  g_cond_broadcast (&vm->changed);
  g_mutex_unlock (&vm->lock);
  if (client != NULL)
    cop_client_close (client);
  cop_vm_tell (vm, &event);
  return G_SOURCE_REMOVE;
}

/* The last thing of a watched process: nothing comes after it. */
static void
watch_ended (gpointer data)
{
  CopVm *vm = data;

  if (vm->destroy != NULL)
    vm->destroy (vm->data);
  g_object_unref (vm);
}

void
cop_vm_listen_to (CopVm *vm, CopClient *client)
{
  cop_client_attach (client, cop_vm_supervisor (), &cop_vm_program, heard_event,
                     cop_vm_connection_lost, g_object_ref (vm), g_object_unref);
}

void
cop_vm_watch (CopVm *vm, CopVmEventFunc func, gpointer data, GDestroyNotify destroy)
{
  vm->func = func;
  vm->data = data;
  vm->destroy = destroy;
  cop_vm_listen_to (vm, vm->client);
  vm->death = g_unix_fd_source_new (vm->pidfd, G_IO_IN);
  g_source_set_callback (vm->death, G_SOURCE_FUNC (heard_death), g_object_ref (vm), watch_ended);
  g_source_set_static_name (vm->death, "coppice-vm");
  /* What it said before it died is told first. */
  g_source_set_priority (vm->death, G_PRIORITY_LOW);
  g_source_attach (vm->death, cop_vm_supervisor ());
}

/* ---- calls ---- */

static bool
set_gone (GError **error)
{
  g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_GONE,
               _ ("the domain's process is gone; its log says why"));
  return false;
}

bool
cop_vm_has_died (CopVm *vm)
{
  return cop_vm_status (vm) == COP_VM_GONE ||
         syscall (SYS_pidfd_send_signal, vm->pidfd, 0, NULL, 0) < 0;
}

/* After a call over @broken has failed: waits until the process is connected again, or known to be
   gone. Returns: (transfer full) (nullable): the new connection */
static CopClient *
await_connection (CopVm *vm, CopClient *broken)
{
  int64_t until = g_get_monotonic_time () + RECONNECT_US;
  CopClient *client = NULL;

  g_mutex_lock (&vm->lock);
  while (vm->client == broken && !vm->detached &&
         g_cond_wait_until (&vm->changed, &vm->lock, until))
    ;
  if (vm->client != NULL && vm->client != broken)
    client = g_object_ref (vm->client);
  g_mutex_unlock (&vm->lock);
  return client;
}

/* A call whose connection breaks is made once more over the next one: each does the same when it is
   made twice. */
static bool
call_full (CopVm *vm, int32_t procedure, const void *args, void *ret, CopClientOptions *options,
           GError **error)
{
  g_autoptr (CopClient) client = NULL;
  g_autoptr (CopClient) again = NULL;
  g_autoptr (GError) failed = NULL;

  g_mutex_lock (&vm->lock);
  if (vm->client != NULL)
    client = g_object_ref (vm->client);
  g_mutex_unlock (&vm->lock);
  if (client == NULL)
    return set_gone (error);
  if (cop_client_call_full (client, &cop_vm_program, procedure, args, ret, options, &failed))
    return true;
  /* A connection breaks a moment before the kernel tells of the process's end. */
  if (g_error_matches (failed, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC))
    {
      again = await_connection (vm, client);
      if (again != NULL)
        return cop_client_call_full (again, &cop_vm_program, procedure, args, ret, options, error);
      if (cop_vm_has_died (vm))
        return set_gone (error);
    }
  g_propagate_error (error, g_steal_pointer (&failed));
  return false;
}

static bool
call (CopVm *vm, int32_t procedure, const void *args, void *ret, GError **error)
{
  CopClientOptions options = { .timeout_ms = ANSWER_TIMEOUT_MS };

  return call_full (vm, procedure, args, ret, &options, error);
}

bool
cop_vm_resume (CopVm *vm, GError **error)
{
  const CopVmRpcStatus status = { .status = COP_MACHINE_RUNNING };

  if (!call (vm, COP_VM_RPC_RESUME, NULL, NULL, error))
    return false;
  cop_vm_set_status (vm, &status);
  return true;
}

bool
cop_vm_pause (CopVm *vm, GError **error)
{
  const CopVmRpcStatus status = { .status = COP_MACHINE_PAUSED };

  if (!call (vm, COP_VM_RPC_PAUSE, NULL, NULL, error))
    return false;
  cop_vm_set_status (vm, &status);
  return true;
}

bool
cop_vm_reset (CopVm *vm, GError **error)
{
  return call (vm, COP_VM_RPC_RESET, NULL, NULL, error);
}

bool
cop_vm_set_actions (CopVm *vm, const CopVmActions *actions, GError **error)
{
  const CopVmRpcSetActionsArgs args = {
    .actions = { actions->restart_on_poweroff, actions->restart_on_reboot,
                 actions->restart_on_crash },
  };

  return call (vm, COP_VM_RPC_SET_ACTIONS, &args, NULL, error);
}

bool
cop_vm_press_power_button (CopVm *vm, GError **error)
{
  return call (vm, COP_VM_RPC_PRESS_POWER_BUTTON, NULL, NULL, error);
}

bool
cop_vm_set_link (CopVm *vm, unsigned nic, bool up, GError **error)
{
  const CopVmRpcSetLinkArgs args = { nic, up };

  return call (vm, COP_VM_RPC_SET_LINK, &args, NULL, error);
}

bool
cop_vm_set_balloon (CopVm *vm, uint64_t memory, GError **error)
{
  const CopVmRpcSetBalloonArgs args = { memory };

  return call (vm, COP_VM_RPC_SET_BALLOON, &args, NULL, error);
}

bool
cop_vm_set_balloon_period (CopVm *vm, unsigned seconds, GError **error)
{
  const CopVmRpcSetBalloonPeriodArgs args = { seconds };

  return call (vm, COP_VM_RPC_SET_BALLOON_PERIOD, &args, NULL, error);
}

bool
cop_vm_resize_disk (CopVm *vm, unsigned disk, uint64_t size, GError **error)
{
  const CopVmRpcResizeDiskArgs args = { disk, size };

  return call (vm, COP_VM_RPC_RESIZE_DISK, &args, NULL, error);
}

void
cop_vm_destroy (CopVm *vm, bool graceful)
{
  CopClientOptions options = { .timeout_ms = QUIT_TIMEOUT_MS };
  int64_t deadline = g_get_monotonic_time () + QUIT_TIMEOUT_MS * 1000;
  bool gone;

  g_mutex_lock (&vm->lock);
  vm->asked = true;
  g_mutex_unlock (&vm->lock);
  if (!graceful || !call_full (vm, COP_VM_RPC_QUIT, NULL, NULL, &options, NULL))
    syscall (SYS_pidfd_send_signal, vm->pidfd, SIGKILL, NULL, 0);

  g_mutex_lock (&vm->lock);
  while (vm->status != COP_VM_GONE && g_cond_wait_until (&vm->changed, &vm->lock, deadline))
    ;
  gone = vm->status == COP_VM_GONE;
  g_mutex_unlock (&vm->lock);
  if (gone)
    return;

  syscall (SYS_pidfd_send_signal, vm->pidfd, SIGKILL, NULL, 0);
  g_mutex_lock (&vm->lock);
  while (vm->status != COP_VM_GONE)
    g_cond_wait (&vm->changed, &vm->lock);
  g_mutex_unlock (&vm->lock);
}

void
cop_vm_detach (CopVm *vm)
{
  g_autoptr (CopClient) client = NULL;

  g_mutex_lock (&vm->lock);
  vm->detached = true;
  client = g_steal_pointer (&vm->client);
  g_mutex_unlock (&vm->lock);
  if (vm->death != NULL)
    {
      g_source_destroy (vm->death);
      g_clear_pointer (&vm->death, g_source_unref);
    }
  if (client != NULL)
    cop_client_close (client);
}

/* ---- saving ---- */

CopMachineState *
cop_vm_save_state (CopVm *vm, GError **error)
{
  CopVmRpcSaveStateRet ret;
  g_autoptr (GBytes) packed = NULL;

  if (!call (vm, COP_VM_RPC_SAVE_STATE, NULL, &ret, error))
    return NULL;
  packed = g_bytes_new (ret.state.data, ret.state.length);
  cop_client_clear_ret (&cop_vm_program, COP_VM_RPC_SAVE_STATE, &ret);
  return cop_machine_state_unpack (NULL, packed, error);
}

/* A call that goes on while its progress is told. */
typedef struct
{
  CopVm *vm;
  int fd;
  int32_t procedure;
  const void *args;
  void *ret; /* (nullable) */
  GMutex lock;
  GCond changed;
  bool done; /* guarded by lock */
  GError *error; /* (owned) (nullable) */
} Save;

static gpointer
save_thread (gpointer data)
{
  Save *save = data;
  CopClientOptions options = { .fds = &save->fd, .n_fds = 1 };

  call_full (save->vm, save->procedure, save->args, save->ret, &options, &save->error);
  g_mutex_lock (&save->lock);
  save->done = true;
  g_cond_broadcast (&save->changed);
  g_mutex_unlock (&save->lock);
  return NULL;
}

/* Waits for the end of @save, tells how far it is, and has it end early. Returns: whether it was
   cancelled */
static bool
watch_save (Save *save, GCancellable *cancellable, CopVmProgressFunc progress, gpointer data)
{
  const CopCounters *counters = save->vm->counters;
  bool cancelled = false;

  g_mutex_lock (&save->lock);
  while (!save->done)
    {
      g_cond_wait_until (&save->changed, &save->lock, g_get_monotonic_time () + PROGRESS_US);
      g_mutex_unlock (&save->lock);
      if (progress != NULL && counters != NULL)
        progress (data, COP_COUNTER (counters->save_done), COP_COUNTER (counters->save_total));
      /* Again each time: the first may have come before the saving began. */
      if (g_cancellable_is_cancelled (cancellable))
        cancelled = call (save->vm, COP_VM_RPC_CANCEL_SAVE, NULL, NULL, NULL) || cancelled;
      g_mutex_lock (&save->lock);
    }
  g_mutex_unlock (&save->lock);
  return cancelled;
}

/* Makes the call that @save says, and tells how far it is. */
static bool
run_save (Save *save, GCancellable *cancellable, CopVmProgressFunc progress, gpointer data,
          GError **error)
{
  GThread *thread;
  bool cancelled;

  g_mutex_init (&save->lock);
  g_cond_init (&save->changed);
  thread = g_thread_new ("save", save_thread, save);
  cancelled = watch_save (save, cancellable, progress, data);
  g_thread_join (thread);
  g_mutex_clear (&save->lock);
  g_cond_clear (&save->changed);
  if (save->error == NULL)
    return true;
  if (cancelled)
    {
      g_clear_error (&save->error);
      g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_CANCELLED, _ ("saving was cancelled"));
    }
  else
    g_propagate_error (error, save->error);
  return false;
}

bool
cop_vm_save_memory (CopVm *vm, int fd, GCancellable *cancellable, CopVmProgressFunc progress,
                    gpointer data, CopPageSet **owned, GError **error)
{
  const CopVmRpcSaveMemoryArgs args = { .fd = 0 };
  CopVmRpcSaveMemoryRet ret;
  Save save = {
    .vm = vm,
    .fd = fd,
    .procedure = COP_VM_RPC_SAVE_MEMORY,
    .args = &args,
    .ret = &ret,
  };

  if (!run_save (&save, cancellable, progress, data, error))
    return false;
  *owned = cop_page_set_parse (ret.pages, UINT64_MAX, error);
  cop_client_clear_ret (&cop_vm_program, COP_VM_RPC_SAVE_MEMORY, &ret);
  return *owned != NULL;
}

bool
cop_vm_dump_memory (CopVm *vm, int fd, uint64_t offset, GCancellable *cancellable,
                    CopVmProgressFunc progress, gpointer data, GError **error)
{
  const CopVmRpcDumpMemoryArgs args = { .fd = 0, .offset = offset };
  Save save = { .vm = vm, .fd = fd, .procedure = COP_VM_RPC_DUMP_MEMORY, .args = &args };

  return run_save (&save, cancellable, progress, data, error);
}

/* ---- what is known without asking ---- */

const char *
cop_vm_token (CopVm *vm)
{
  return vm->token;
}

int
cop_vm_id (CopVm *vm)
{
  return vm->id;
}

pid_t
cop_vm_pid (CopVm *vm)
{
  return vm->pid;
}

CopVmStatus
cop_vm_status (CopVm *vm)
{
  CopVmStatus status;

  g_mutex_lock (&vm->lock);
  status = vm->status;
  g_mutex_unlock (&vm->lock);
  return status;
}

CopEnd
cop_vm_end (CopVm *vm)
{
  CopEnd end;

  g_mutex_lock (&vm->lock);
  end = vm->end;
  g_mutex_unlock (&vm->lock);
  return end;
}

const CopCounters *
cop_vm_counters (CopVm *vm)
{
  return vm->counters;
}

void
cop_vm_live_clear (CopVmLive *live)
{
  g_clear_pointer (&live->serial_tty, g_free);
  g_clear_pointer (&live->console_tty, g_free);
  for (unsigned i = 0; i < G_N_ELEMENTS (live->channel_ttys); i++)
    g_clear_pointer (&live->channel_ttys[i], g_free);
  for (unsigned i = 0; i < G_N_ELEMENTS (live->taps); i++)
    g_clear_pointer (&live->taps[i], g_free);
}
