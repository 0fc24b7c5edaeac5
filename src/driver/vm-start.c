/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A new coppice-vm process, and one found again.
 *
 *   start   [files opened] --> spawn --> CREATE with all descriptors --> machine, paused
 *   find    RUN-DIR/vm/UUID.sock --> the kernel's word for user and pid --> HELLO: UUID and token
 *
 * The process leads a session of its own, holds none of our descriptors but those it is given, and
 * is told nothing by the environment: it goes on when we are killed.
 */
#include "common/fd.h"
#include "driver/error.h"
#include "driver/host-open.h"
#include "driver/vm-private.h"
#include "engine/state-pack.h"
#include "xml/domain-config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A machine with much to unpack, on a busy host. */
#define CREATE_TIMEOUT_MS 120000
#define HELLO_TIMEOUT_MS 10000

/* ---- paths ---- */

/* The folder of the sockets, made if it is missing. Returns: (transfer full) */
static char *
socket_folder (const char *run_dir)
{
  return g_build_filename (run_dir, "vm", NULL);
}

char *
cop_vm_socket_path (const char *folder, const char *uuid, bool make, int *folder_fd, GError **error)
{
  if (make && g_mkdir_with_parents (folder, 0700) < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot make folder '%s'"), folder);
      return NULL;
    }
  *folder_fd = open (folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (*folder_fd < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot open folder '%s'"), folder);
      return NULL;
    }
  /* A socket's address has 108 bytes, a path 4096. */
  return g_strdup_printf ("/proc/self/fd/%d/%s.sock", *folder_fd, uuid);
}

const char *
cop_vm_executable (void)
{
  const char *named = g_getenv ("COPPICE_VM");
  static gsize found; /* a char *, once it is not 0 */

  if (named != NULL)
    return named;
  if (g_once_init_enter (&found))
    {
      g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
      g_autofree char *folder = self != NULL ? g_path_get_dirname (self) : g_strdup (".");
      char *beside = g_build_filename (folder, "coppice-vm", NULL);

      if (!g_file_test (beside, G_FILE_TEST_IS_EXECUTABLE))
        {
          g_free (beside);
          beside = g_strdup (COPPICE_LIBEXECDIR "/coppice-vm");
        }
      g_once_init_leave (&found, (gsize) beside);
    }
  return (const char *) found;
}

/* ---- spawning ---- */

/* A copy of @fd above those that the child's end up at. */
static int
move_up (int fd)
{
  return fcntl (fd, F_DUPFD_CLOEXEC, 10);
}

/* Returns: the child's descriptor for what it says: its log, else our own standard error */
static int
open_log (const char *path)
{
  int fd =
    path != NULL ? open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600) : -1;

  return fd >= 0 ? fd : fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
}

/* Returns: 0, or an errno */
static int
spawn (const char *program, int control_fd, int log_fd, pid_t *pid)
{
  cop_autofd int control = move_up (control_fd);
  cop_autofd int log = log_fd >= 0 ? move_up (log_fd) : -1;
  char *const argv[] = { (char *) "coppice-vm", NULL };
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t signals;
  int code;

  if (control < 0)
    return errno;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen (&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  if (log >= 0)
    posix_spawn_file_actions_adddup2 (&actions, log, STDERR_FILENO);
  else
    posix_spawn_file_actions_addopen (&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2 (&actions, control, COP_VM_CONTROL_FD);
  posix_spawn_file_actions_addclosefrom_np (&actions, COP_VM_CONTROL_FD + 1);

  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes,
                            POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  sigemptyset (&signals);
  posix_spawnattr_setsigmask (&attributes, &signals);
  sigfillset (&signals);
  posix_spawnattr_setsigdefault (&attributes, &signals);

  code = posix_spawn (pid, program, &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  return code;
}

/* Ends and forgets a child that nobody watches yet. Returns: as waitpid() gives it */
static int
reap (CopVm *vm, bool kill_it)
{
  int status = 0;

  if (kill_it)
    syscall (SYS_pidfd_send_signal, vm->pidfd, SIGKILL, NULL, 0);
  while (waitpid (vm->pid, &status, 0) < 0 && errno == EINTR)
    ;
  return status;
}

/* Returns: (transfer full) (nullable): a process that waits to be told what it is */
static CopVm *
spawn_process (const CopVmLaunch *launch, const char *folder, const char *uuid, GError **error)
{
  const char *program = launch->program != NULL ? launch->program : cop_vm_executable ();
  cop_autofd int log = open_log (launch->log_path);
  cop_autofd int ours = -1;
  cop_autofd int theirs = -1;
  int ends[2], pidfd, code;
  pid_t pid;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot make a socket pair"));
      return NULL;
    }
  ours = ends[0];
  theirs = ends[1];
  code = spawn (program, theirs, log, &pid);
  if (code != 0)
    {
      g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_HOST,
                   _ ("cannot run '%s': %s; install coppice-vm, or name it by COPPICE_VM"), program,
                   g_strerror (code));
      return NULL;
    }
  /* Nobody has waited for it: the number is its own. */
  pidfd = (int) syscall (SYS_pidfd_open, pid, 0);
  if (pidfd < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot watch a process"));
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      return NULL;
    }
  return cop_vm_new (folder, uuid, cop_client_new_for_fd (cop_fd_steal (&ours)), pid, pidfd);
}

/* ---- what it is given ---- */

/* Returns: a socket bound to where a later daemon looks, not yet listening; or -1 */
static int
bind_socket (const char *folder, const char *uuid, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  cop_autofd int folder_fd = -1;
  g_autofree char *path = cop_vm_socket_path (folder, uuid, true, &folder_fd, error);
  cop_autofd int fd = -1;

  if (path == NULL)
    return -1;
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot make a socket"));
      return -1;
    }
  /* The domain does not run: one that is there was left behind. */
  unlink (path);
  fchmod (fd, 0600);
  if (bind (fd, (const struct sockaddr *) &address, sizeof address) < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot make socket '%s/%s.sock'"), folder,
                                  uuid);
      return -1;
    }
  return cop_fd_steal (&fd);
}

static int
make_counters (GError **error)
{
  cop_autofd int fd = memfd_create ("coppice-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd >= 0 && ftruncate (fd, sizeof (CopCounters)) == 0 &&
      fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    return cop_fd_steal (&fd);
  cop_driver_error_set_errno (error, errno, _ ("cannot make the memory for counters"));
  return -1;
}

static char *
make_token (void)
{
  uint8_t bytes[16];
  GString *text = g_string_new (NULL);

  if (getrandom (bytes, sizeof bytes, 0) != (ssize_t) sizeof bytes)
    for (unsigned i = 0; i < sizeof bytes; i++)
      bytes[i] = (uint8_t) g_random_int ();
  for (unsigned i = 0; i < sizeof bytes; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
  return g_string_free (text, FALSE);
}

/* The parts of the package that are no matter of the configuration. */
static bool
complete_package (CopVm *vm, CopVmPackage *package, const CopVmLaunch *launch, GError **error)
{
  CopVmRpcCreateArgs *args = &package->args;
  cop_autofd int socket_fd = bind_socket (vm->folder, vm->uuid, error);
  cop_autofd int counters = socket_fd >= 0 ? make_counters (error) : -1;

  if (counters < 0 || !cop_vm_map_counters (vm, fcntl (counters, F_DUPFD_CLOEXEC, 0), error))
    return false;
  args->listen_fd = cop_vm_package_add_fd (package, cop_fd_steal (&socket_fd));
  args->counters_fd = cop_vm_package_add_fd (package, cop_fd_steal (&counters));
  args->token = g_strdup (vm->token);
  if (launch->memory_fd >= 0)
    args->image_fd = cop_vm_package_add_fd (package, fcntl (launch->memory_fd, F_DUPFD_CLOEXEC, 0));
  if (package->n_fds > COP_PACKET_FDS_MAX)
    {
      g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_CONFIG,
                   _ ("domain '%s' has %u files and sockets, but at most %d can be handed to its "
                      "process; leave out the logs of some channels"),
                   launch->config->name, package->n_fds, COP_PACKET_FDS_MAX);
      return false;
    }
  if (launch->state != NULL)
    {
      g_autoptr (GBytes) packed = cop_machine_state_pack (launch->state);
      gsize length;
      const void *data = g_bytes_get_data (packed, &length);

      args->state.data = g_memdup2 (data, length);
      args->state.length = (uint32_t) length;
    }
  return true;
}

/* ---- start ---- */

static void
set_died (GError **error, int status, const char *log_path)
{
  g_autofree char *log =
    log_path != NULL ? g_strdup_printf (_ ("; see '%s'"), log_path) : g_strdup ("");

  if (WIFSIGNALED (status))
    g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_GONE,
                 _ ("coppice-vm was ended by signal %d (%s) while it started%s"), WTERMSIG (status),
                 g_strsignal (WTERMSIG (status)), log);
  else
    g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_GONE,
                 _ ("coppice-vm ended with status %d while it started%s"), WEXITSTATUS (status),
                 log);
}

/* Lets go of a process that did not become a machine, and says why if it knows better. */
static void
give_up (CopVm *vm, const CopVmLaunch *launch, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s.sock", vm->uuid);
  g_autofree char *path = g_build_filename (vm->folder, name, NULL);
  bool died = error != NULL && *error != NULL &&
              g_error_matches (*error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC);
  int status;

  cop_client_close (vm->client);
  status = reap (vm, !died || cop_vm_status (vm) != COP_VM_GONE);
  if (died)
    {
      g_clear_error (error);
      set_died (error, status, launch->log_path);
    }
  unlink (path);
  g_object_unref (vm);
}

CopVm *
cop_vm_start (const CopVmLaunch *launch, CopVmEventFunc func, gpointer data, GDestroyNotify destroy,
              CopVmLive *live, GError **error)
{
  g_autofree char *folder = socket_folder (launch->run_dir);
  char uuid[37];
  CopVmPackage package;
  CopVmLive found = { NULL };
  CopClientOptions options = { .timeout_ms = CREATE_TIMEOUT_MS };
  GError *failed = NULL;
  CopVm *vm = NULL;

  cop_uuid_format (launch->config->uuid, uuid);
  /* While it is linked and gets ready, we open what it needs. */
  vm = spawn_process (launch, folder, uuid, &failed);
  if (vm != NULL)
    {
      vm->id = launch->id;
      vm->token = make_token ();
      if (cop_vm_package_fill (&package, launch, &found, &failed) &&
          complete_package (vm, &package, launch, &failed))
        {
          options.fds = package.fds;
          options.n_fds = package.n_fds;
          cop_client_call_full (vm->client, &cop_vm_program, COP_VM_RPC_CREATE, &package.args, NULL,
                                &options, &failed);
        }
      cop_vm_package_clear (&package);
      if (failed != NULL)
        {
          give_up (vm, launch, &failed);
          vm = NULL;
        }
    }
  if (vm == NULL)
    {
      cop_vm_live_clear (&found);
      if (destroy != NULL)
        destroy (data);
      g_propagate_error (error, failed);
      return NULL;
    }
  cop_vm_watch (vm, func, data, destroy);
  if (live != NULL)
    *live = found;
  else
    cop_vm_live_clear (&found);
  return vm;
}

/* ---- find ---- */

/* Returns: a socket connected to the process of domain @uuid, or -1 */
static int
connect_to (const char *folder, const char *uuid, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  cop_autofd int folder_fd = -1;
  g_autofree char *path = cop_vm_socket_path (folder, uuid, false, &folder_fd, NULL);
  cop_autofd int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (path != NULL && fd >= 0)
    {
      g_strlcpy (address.sun_path, path, sizeof address.sun_path);
      if (connect (fd, (const struct sockaddr *) &address, sizeof address) == 0)
        return cop_fd_steal (&fd);
      if (errno == ECONNREFUSED)
        unlink (path);
    }
  g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_GONE, _ ("no process of domain %s runs"), uuid);
  return -1;
}

/* Who listens at the other end of @fd, by the kernel's word. Returns: its pidfd, or -1 */
static int
identify (int fd, pid_t *pid, GError **error)
{
  struct ucred peer;
  socklen_t size = sizeof peer;
  int pidfd;

  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
      (peer.uid != geteuid () && peer.uid != 0))
    {
      g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_PROTOCOL,
                   _ ("a process of another user answers for the domain's; see who has written to "
                      "the run-time folder"));
      return -1;
    }
  /* It answers afterwards: so it was alive when this was opened, and is meant by it. */
  pidfd = (int) syscall (SYS_pidfd_open, peer.pid, 0);
  if (pidfd < 0)
    g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_GONE, _ ("the domain's process is gone"));
  *pid = peer.pid;
  return pidfd;
}

static bool
check_hello (const CopVmRpcHelloRet *hello, const char *uuid, const char *token, unsigned n_fds,
             GError **error)
{
  char text[37];

  cop_uuid_format (hello->uuid, text);
  if (strcmp (text, uuid) == 0 && (token == NULL || g_strcmp0 (hello->token, token) == 0) &&
      hello->protocol == COP_VM_PROTOCOL && n_fds == 1)
    return true;
  g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_PROTOCOL,
               _ ("another process than the one that was started answers for domain %s: it says it "
                  "is %s, version %s"),
               uuid, text, hello->version != NULL ? hello->version : "?");
  return false;
}

static bool
greet (CopVm *vm, const char *token, GError **error)
{
  CopVmRpcHelloRet hello;
  int fd = -1;
  CopClientOptions options = {
    .timeout_ms = HELLO_TIMEOUT_MS,
    .ret_fds = &fd,
    .n_ret_fds = 1,
  };
  bool good;

  if (!cop_client_call_full (vm->client, &cop_vm_program, COP_VM_RPC_HELLO, NULL, &hello, &options,
                             error))
    return false;
  good = check_hello (&hello, vm->uuid, token, options.n_ret_fds, error);
  if (good)
    {
      vm->id = hello.id;
      vm->token = g_strdup (hello.token);
      cop_vm_set_status (vm, &hello.status);
      good = cop_vm_map_counters (vm, fd, error);
    }
  else if (options.n_ret_fds == 1)
    close (fd);
  cop_client_clear_ret (&cop_vm_program, COP_VM_RPC_HELLO, &hello);
  return good;
}

CopVm *
cop_vm_find (const char *run_dir, const char *uuid, const char *token, CopVmEventFunc func,
             gpointer data, GDestroyNotify destroy, GError **error)
{
  g_autofree char *folder = socket_folder (run_dir);
  g_autoptr (CopVm) vm = NULL;
  cop_autofd int fd = connect_to (folder, uuid, error);
  int pidfd = -1;
  pid_t pid = 0;

  if (fd >= 0)
    pidfd = identify (fd, &pid, error);
  if (pidfd >= 0)
    {
      vm = cop_vm_new (folder, uuid, cop_client_new_for_fd (cop_fd_steal (&fd)), pid, pidfd);
      if (!greet (vm, token, error))
        g_clear_object (&vm);
    }
  if (vm == NULL)
    {
      if (destroy != NULL)
        destroy (data);
      return NULL;
    }
  cop_vm_watch (vm, func, data, destroy);
  return g_steal_pointer (&vm);
}

CopClient *
cop_vm_connect_again (CopVm *vm, CopVmRpcStatus *status, GError **error)
{
  cop_autofd int fd = connect_to (vm->folder, vm->uuid, error);
  g_autoptr (CopClient) client = NULL;
  CopVmRpcHelloRet hello;
  int counters = -1;
  CopClientOptions options = {
    .timeout_ms = HELLO_TIMEOUT_MS,
    .ret_fds = &counters,
    .n_ret_fds = 1,
  };
  bool good;

  if (fd < 0)
    return NULL;
  client = cop_client_new_for_fd (cop_fd_steal (&fd));
  if (!cop_client_call_full (client, &cop_vm_program, COP_VM_RPC_HELLO, NULL, &hello, &options,
                             error))
    return NULL;
  good = check_hello (&hello, vm->uuid, vm->token, options.n_ret_fds, error);
  *status = hello.status;
  cop_fd_clear (&counters);
  cop_client_clear_ret (&cop_vm_program, COP_VM_RPC_HELLO, &hello);
  return good ? g_steal_pointer (&client) : NULL;
}
