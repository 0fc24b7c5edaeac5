/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Machine processes from the daemon's side: their life, their death, and machines that are saved
 * and restored in other processes. Called with the guest's Image: vm-guest.S.
 */
#include "common/fd.h"
#include "driver/vm.h"
#include "xml/domain-config.h"
#include "xml/state-xml.h"

#include <dirent.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define UUID "6f1e2a58-8f0c-4a3d-9f5e-0d6f4c1b2a90"

static const char *kernel;

typedef struct
{
  char *folder; /* (owned) */
  GMutex lock;
  GCond changed;
  unsigned n[COP_VM_EVENT_LAST]; /* guarded by lock: events so far */
  CopVmEvent last[COP_VM_EVENT_LAST];
  unsigned watched; /* guarded by lock: machines whose events may come */
} Fixture;

static void
note_event (CopVm *vm G_GNUC_UNUSED, const CopVmEvent *event, gpointer data)
{
  Fixture *f = data;

  g_mutex_lock (&f->lock);
  f->n[event->kind]++;
  f->last[event->kind] = *event;
  g_cond_broadcast (&f->changed);
  g_mutex_unlock (&f->lock);
}

static void
note_let_go (gpointer data)
{
  Fixture *f = data;

  g_mutex_lock (&f->lock);
  f->watched--;
  g_cond_broadcast (&f->changed);
  g_mutex_unlock (&f->lock);
}

static void
wait_event (Fixture *f, CopVmEventKind kind)
{
  g_mutex_lock (&f->lock);
  while (f->n[kind] == 0)
    g_cond_wait (&f->changed, &f->lock);
  f->n[kind]--;
  g_mutex_unlock (&f->lock);
}

static void
watch (Fixture *f)
{
  g_mutex_lock (&f->lock);
  f->watched++;
  g_mutex_unlock (&f->lock);
}

static void
wait_let_go (Fixture *f)
{
  g_mutex_lock (&f->lock);
  while (f->watched > 0)
    g_cond_wait (&f->changed, &f->lock);
  g_mutex_unlock (&f->lock);
}

static void
set_up (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr (GError) error = NULL;

  f->folder = g_dir_make_tmp ("test-vm-XXXXXX", &error);
  g_assert_no_error (error);
  g_mutex_init (&f->lock);
  g_cond_init (&f->changed);
}

static void
remove_in (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

static void
tear_down (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autofree char *sockets = g_build_filename (f->folder, "vm", NULL);

  /* The supervisor's thread may be telling us yet. */
  wait_let_go (f);
  remove_in (sockets);
  remove_in (f->folder);
  g_free (f->folder);
  g_mutex_clear (&f->lock);
  g_cond_clear (&f->changed);
}

static CopDomainConfig *
config_new (const char *engine, const char *devices)
{
  g_autofree char *engine_element =
    engine == NULL
      ? g_strdup ("")
      : g_strdup_printf ("<coppice:engine xmlns:coppice='" COP_DOMAIN_NAMESPACE "' name='%s'/>",
                         engine);
  g_autofree char *xml = g_strdup_printf (
    "<domain type='coppice'><name>test</name><uuid>" UUID "</uuid><memory unit='MiB'>16</memory>"
    "<vcpu>1</vcpu><os><type arch='riscv64' machine='virt'>hvm</type><kernel>%s</kernel></os>"
    "<devices>%s</devices>%s</domain>",
    kernel, devices, engine_element);
  g_autoptr (GError) error = NULL;
  CopDomainConfig *config =
    cop_domain_config_parse (xml, strlen (xml), NULL, COP_DOMAIN_PARSE_DEFAULT, NULL, &error);

  g_assert_no_error (error);
  return config;
}

#define PTY "<serial type='pty'/>"

/* A process with its console, which a thread of the machine and we share a terminal for. */
typedef struct
{
  CopVm *vm;
  int tty;
} Running;

static CopVm *
launch (Fixture *f, const CopDomainConfig *config, int memory_fd, const CopMachineState *state,
        CopVmLive *live, GError **error)
{
  g_autofree char *log = g_build_filename (f->folder, "log", NULL);
  const CopVmLaunch launch = {
    .config = config,
    .id = 7,
    .run_dir = f->folder,
    .log_path = log,
    .actions = { .restart_on_reboot = true },
    .memory_fd = memory_fd,
    .state = state,
  };

  watch (f);
  return cop_vm_start (&launch, note_event, f, note_let_go, live, error);
}

static Running
start (Fixture *f, const char *engine)
{
  g_autoptr (CopDomainConfig) config = config_new (engine, PTY);
  g_autoptr (GError) error = NULL;
  CopVmLive live = { NULL };
  Running running;

  running.vm = launch (f, config, -1, NULL, &live, &error);
  g_assert_no_error (error);
  running.tty = open (live.serial_tty, O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (running.tty, >=, 0);
  cop_vm_live_clear (&live);
  return running;
}

static void
stop (Fixture *f, Running *running)
{
  cop_vm_destroy (running->vm, false);
  wait_event (f, COP_VM_EVENT_GONE);
  wait_let_go (f);
  cop_fd_clear (&running->tty);
  g_clear_object (&running->vm);
}

/* Reads the console until @text has come. */
static void
expect (int tty, const char *text)
{
  g_autoptr (GString) got = g_string_new (NULL);

  while (strstr (got->str, text) == NULL)
    {
      char byte;

      g_assert_cmpint (read (tty, &byte, 1), ==, 1);
      g_string_append_c (got, byte);
    }
}

static void
type (int tty, const char *keys)
{
  g_assert_cmpint (write (tty, keys, strlen (keys)), ==, (gssize) strlen (keys));
}

static void
resume (const Running *running)
{
  g_autoptr (GError) error = NULL;

  cop_vm_resume (running->vm, &error);
  g_assert_no_error (error);
}

static void
test_life (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  Running running = start (f, NULL);
  g_autoptr (GError) error = NULL;
  CopVmTimes times;

  g_test_summary ("A process starts paused, runs, pauses, reboots by the guest's wish, and ends");
  g_assert_cmpint (cop_vm_status (running.vm), ==, COP_VM_PAUSED);
  resume (&running);
  g_assert_cmpint (cop_vm_status (running.vm), ==, COP_VM_RUNNING);
  expect (running.tty, "ready");
  type (running.tty, "c");
  expect (running.tty, "+");

  g_assert_true (cop_vm_pause (running.vm, &error));
  g_assert_cmpint (cop_vm_status (running.vm), ==, COP_VM_PAUSED);
  resume (&running);
  type (running.tty, "r");
  wait_event (f, COP_VM_EVENT_RESET);
  expect (running.tty, "ready");

  g_assert_cmpuint (COP_COUNTER (cop_vm_counters (running.vm)->resets), ==, 1);
  g_assert_cmpuint (COP_COUNTER (cop_vm_counters (running.vm)->console_written), >, 6);
  g_assert_true (cop_vm_times (running.vm, &times));
  g_assert_cmpuint (times.total_ns, >, 0);
  g_assert_true (cop_vm_hart_times (running.vm, 0, &times));
  g_assert_cmpuint (times.total_ns, >, 0);
  g_assert_cmpuint (cop_vm_resident (running.vm), >, 0);

  type (running.tty, "p");
  wait_event (f, COP_VM_EVENT_ENDED);
  g_assert_cmpint (cop_vm_status (running.vm), ==, COP_VM_ENDED);
  g_assert_cmpint (cop_vm_end (running.vm).reason, ==, COP_END_POWEROFF);
  g_assert_false (cop_vm_resume (running.vm, NULL));
  stop (f, &running);
  g_assert_true (f->last[COP_VM_EVENT_GONE].asked);
}

static void
test_actions (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  Running running = start (f, NULL);
  const CopVmActions actions = { .restart_on_poweroff = true, .restart_on_crash = true };

  g_test_summary ("What a guest's power-off, failure and reboot lead to can be chosen meanwhile");
  g_assert_true (cop_vm_set_actions (running.vm, &actions, NULL));
  resume (&running);
  expect (running.tty, "ready");
  type (running.tty, "p");
  wait_event (f, COP_VM_EVENT_RESET);
  expect (running.tty, "ready");
  type (running.tty, "f");
  wait_event (f, COP_VM_EVENT_RESET);
  expect (running.tty, "ready");
  type (running.tty, "r");
  wait_event (f, COP_VM_EVENT_ENDED);
  g_assert_cmpint (f->last[COP_VM_EVENT_ENDED].end.reason, ==, COP_END_RESET);
  stop (f, &running);
}

static void
test_killed (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  Running running = start (f, NULL);
  g_autofree char *socket = g_build_filename (f->folder, "vm", UUID ".sock", NULL);
  g_autoptr (GError) error = NULL;

  g_test_summary ("A process that is killed is noticed, with the signal, and leaves no socket");
  resume (&running);
  g_assert_true (g_file_test (socket, G_FILE_TEST_EXISTS));
  kill (cop_vm_pid (running.vm), SIGKILL);
  wait_event (f, COP_VM_EVENT_GONE);
  g_assert_false (f->last[COP_VM_EVENT_GONE].asked);
  g_assert_true (WIFSIGNALED (f->last[COP_VM_EVENT_GONE].wait_status));
  g_assert_cmpint (WTERMSIG (f->last[COP_VM_EVENT_GONE].wait_status), ==, SIGKILL);
  g_assert_false (g_file_test (socket, G_FILE_TEST_EXISTS));
  g_assert_false (cop_vm_pause (running.vm, &error));
  g_assert_error (error, COP_VM_ERROR, COP_VM_ERROR_GONE);
  /* Destroying what is gone is no mistake. */
  cop_vm_destroy (running.vm, true);
  cop_fd_clear (&running.tty);
  g_clear_object (&running.vm);
}

static gpointer
kill_soon (gpointer data)
{
  g_usleep ((gulong) g_random_int_range (0, 20000));
  kill (GPOINTER_TO_INT (data), SIGKILL);
  return NULL;
}

static void
test_killed_any_time (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_test_summary ("Whatever is asked of a process when it is killed, an answer or an error comes");
  for (unsigned round = 0; round < 25; round++)
    {
      Running running = start (f, NULL);
      GThread *thread =
        g_thread_new ("killer", kill_soon, GINT_TO_POINTER (cop_vm_pid (running.vm)));
      bool alive = true;

      while (alive)
        {
          cop_autofd int fd = memfd_create ("memory", MFD_CLOEXEC);
          g_autoptr (CopPageSet) pages = NULL;
          g_autoptr (CopMachineState) state = NULL;

          alive = cop_vm_resume (running.vm, NULL) && cop_vm_pause (running.vm, NULL) &&
                  cop_vm_save_memory (running.vm, fd, NULL, NULL, NULL, &pages, NULL) &&
                  (state = cop_vm_save_state (running.vm, NULL)) != NULL;
        }
      g_thread_join (thread);
      wait_event (f, COP_VM_EVENT_GONE);
      cop_fd_clear (&running.tty);
      g_clear_object (&running.vm);
    }
}

static void
test_found_again (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  Running running = start (f, NULL);
  g_autofree char *token = g_strdup (cop_vm_token (running.vm));
  g_autoptr (GError) error = NULL;
  pid_t pid = cop_vm_pid (running.vm);

  g_test_summary ("A process that its daemon let go of is found, if it is the one that is meant");
  resume (&running);
  expect (running.tty, "ready");
  cop_vm_detach (running.vm);
  g_clear_object (&running.vm);

  g_assert_null (cop_vm_find (f->folder, UUID, "another", NULL, NULL, NULL, &error));
  g_assert_error (error, COP_VM_ERROR, COP_VM_ERROR_PROTOCOL);
  g_clear_error (&error);
  watch (f);
  running.vm = cop_vm_find (f->folder, UUID, token, note_event, f, note_let_go, &error);
  g_assert_no_error (error);
  g_assert_cmpint (cop_vm_pid (running.vm), ==, pid);
  g_assert_cmpint (cop_vm_id (running.vm), ==, 7);
  g_assert_cmpstr (cop_vm_token (running.vm), ==, token);
  g_assert_cmpint (cop_vm_status (running.vm), ==, COP_VM_RUNNING);
  g_assert_cmpuint (COP_COUNTER (cop_vm_counters (running.vm)->console_written), >=, 6);
  type (running.tty, "r");
  wait_event (f, COP_VM_EVENT_RESET);
  stop (f, &running);

  g_assert_null (cop_vm_find (f->folder, UUID, token, NULL, NULL, NULL, &error));
  g_assert_error (error, COP_VM_ERROR, COP_VM_ERROR_GONE);
}

/* ---- saving and restoring ---- */

typedef struct
{
  int fd;
  char *xml;
  CopMachineState *state;
} Saved;

static Saved
save (CopVm *vm)
{
  Saved saved = { .fd = memfd_create ("memory", MFD_CLOEXEC) };
  g_autoptr (CopPageSet) pages = NULL;
  g_autoptr (GError) error = NULL;

  cop_vm_save_memory (vm, saved.fd, NULL, NULL, NULL, &pages, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (cop_page_set_count (pages), >, 0);
  saved.state = cop_vm_save_state (vm, &error);
  g_assert_no_error (error);
  saved.xml = cop_xml_state_format (saved.state);
  return saved;
}

static void
saved_clear (Saved *saved)
{
  cop_fd_clear (&saved->fd);
  g_free (saved->xml);
  cop_machine_state_free (saved->state);
}

static void
assert_same_memory (int a, int b)
{
  struct stat left, right;
  const void *first, *second;

  g_assert_cmpint (fstat (a, &left), ==, 0);
  g_assert_cmpint (fstat (b, &right), ==, 0);
  g_assert_cmpint (left.st_size, ==, right.st_size);
  first = mmap (NULL, (size_t) left.st_size, PROT_READ, MAP_SHARED, a, 0);
  second = mmap (NULL, (size_t) left.st_size, PROT_READ, MAP_SHARED, b, 0);
  g_assert_cmpint (memcmp (first, second, (size_t) left.st_size), ==, 0);
}

static void
test_save_restore (Fixture *f, gconstpointer data)
{
  const CopEngineOps *engine = data;
  Running running = start (f, engine->name);
  g_autoptr (CopDomainConfig) config = config_new (engine->name, PTY);
  g_autoptr (CopMachineState) template = NULL, parsed = NULL;
  g_autoptr (GError) error = NULL;
  CopVmLive live = { NULL };
  Saved first, second;

  g_test_summary ("A machine goes on in another process: memory and state are equal");
  resume (&running);
  expect (running.tty, "ready");
  g_assert_true (cop_vm_pause (running.vm, NULL));
  first = save (running.vm);
  stop (f, &running);

  template = cop_vm_state_template (config, &error);
  g_assert_no_error (error);
  parsed = cop_xml_state_parse (template, first.xml, strlen (first.xml), "saved.xml", &error);
  g_assert_no_error (error);
  running.vm = launch (f, config, first.fd, parsed, &live, &error);
  g_assert_no_error (error);
  running.tty = open (live.serial_tty, O_RDWR | O_NOCTTY | O_CLOEXEC);
  cop_vm_live_clear (&live);
  second = save (running.vm);
  g_assert_cmpstr (first.xml, ==, second.xml);
  assert_same_memory (first.fd, second.fd);

  resume (&running);
  type (running.tty, "c");
  expect (running.tty, "+");
  type (running.tty, "r");
  expect (running.tty, "ready");
  stop (f, &running);
  saved_clear (&first);
  saved_clear (&second);
}

static void
test_save_cancelled (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  Running running = start (f, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  cop_autofd int fd = memfd_create ("memory", MFD_CLOEXEC);
  g_autoptr (CopPageSet) pages = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("What is cancelled may be done already, but never hangs, and can be done again");
  g_cancellable_cancel (cancellable);
  if (!cop_vm_save_memory (running.vm, fd, cancellable, NULL, NULL, &pages, &error))
    g_assert_error (error, COP_VM_ERROR, COP_VM_ERROR_CANCELLED);
  g_clear_pointer (&pages, cop_page_set_free);
  g_clear_error (&error);
  cop_vm_save_memory (running.vm, fd, NULL, NULL, NULL, &pages, &error);
  g_assert_no_error (error);
  stop (f, &running);
}

static void
test_log (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autofree char *log = g_build_filename (f->folder, "console.log", NULL);
  g_autofree char *devices = g_strdup_printf ("<serial type='null'><log file='%s'/></serial>", log);
  g_autoptr (CopDomainConfig) config = config_new (NULL, devices);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  CopVm *vm = launch (f, config, -1, NULL, NULL, &error);
  Saved saved;

  g_test_summary ("Output is kept in the log, which a machine that goes on continues");
  g_assert_no_error (error);
  g_assert_true (cop_vm_resume (vm, NULL));
  while (COP_COUNTER (cop_vm_counters (vm)->console_written) < 6)
    g_usleep (1000);
  g_assert_true (cop_vm_pause (vm, NULL));
  saved = save (vm);
  cop_vm_destroy (vm, true);
  g_object_unref (vm);

  vm = launch (f, config, saved.fd, saved.state, NULL, &error);
  g_assert_no_error (error);
  cop_vm_destroy (vm, true);
  g_object_unref (vm);
  g_assert_true (g_file_get_contents (log, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "ready\n");
  saved_clear (&saved);
}

/* ---- what goes wrong ---- */

static const struct
{
  const char *devices;
  const char *says; /* part of the message */
} wrong[] = {
  /* clang-format off */
  { "<disk type='file' device='disk'><source file='/nonexistent/x'/><target dev='vda' bus='virtio'/></disk>",
    "disk '/nonexistent/x': no such file" },
  { "<disk type='file' device='disk'><source file='/'/><target dev='vda' bus='virtio'/></disk>",
    "disk '/': this is a folder" },
  { "<serial type='file'><source path='/nonexistent/log'/></serial>", "console '/nonexistent/log'" },
  { "<serial type='unix'><source mode='connect' path='/nonexistent/s'/></serial>", "console '/nonexistent/s'" },
  { "<serial type='pty'><log file='/nonexistent/log'/></serial>", "console log '/nonexistent/log'" },
  /* clang-format on */
};

static unsigned
count_fds (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  unsigned n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
test_wrong (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autofree char *socket = g_build_filename (f->folder, "vm", UUID ".sock", NULL);
  unsigned fds = 0;

  g_test_summary ("What cannot be opened is named, and nothing of the try is left");
  for (unsigned i = 0; i < 2 * G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (CopDomainConfig) config =
        config_new (NULL, wrong[i % G_N_ELEMENTS (wrong)].devices);
      g_autoptr (GError) error = NULL;

      g_assert_null (launch (f, config, -1, NULL, NULL, &error));
      g_assert_nonnull (error);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, wrong[i % G_N_ELEMENTS (wrong)].says));
      g_assert_false (g_file_test (socket, G_FILE_TEST_EXISTS));
      wait_let_go (f);
      g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
      if (i == 0)
        fds = count_fds ();
    }
  g_assert_cmpuint (count_fds (), ==, fds);
}

static void
test_no_program (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  static const char *const programs[] = { "/nonexistent/coppice-vm", "/bin/false" };

  g_test_summary ("A program that is missing, or is another, is an error that names it");
  for (unsigned i = 0; i < G_N_ELEMENTS (programs); i++)
    {
      g_autoptr (CopDomainConfig) config = config_new (NULL, "");
      g_autoptr (GError) error = NULL;
      const CopVmLaunch launch = {
        .config = config,
        .id = 1,
        .run_dir = f->folder,
        .program = programs[i],
        .memory_fd = -1,
      };

      g_assert_null (cop_vm_start (&launch, NULL, NULL, NULL, NULL, &error));
      g_test_message ("%s", error->message);
      g_assert_true (error->domain == COP_VM_ERROR);
      g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
    }
}

static void
test_cycles (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  const char *wanted = g_getenv ("COPPICE_TEST_CYCLES");
  unsigned cycles = wanted != NULL ? (unsigned) g_ascii_strtoull (wanted, NULL, 10) : 30;
  g_autofree char *folder = g_build_filename (f->folder, "vm", NULL);
  g_autoptr (GDir) sockets = NULL;
  unsigned fds = 0;

  g_test_summary ("Starting and destroying leaves no process, descriptor or file behind");
  for (unsigned i = 0; i < cycles; i++)
    {
      Running running = start (f, NULL);

      resume (&running);
      stop (f, &running);
      if (i == 2)
        fds = count_fds ();
    }
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
  /* Fewer than at first: the supervisor lets go of a process's last one when it gets to it. */
  g_assert_cmpuint (count_fds (), <=, fds);
  sockets = g_dir_open (folder, 0, NULL);
  g_assert_null (g_dir_read_name (sockets));
}

/* Ends every connection of ours, as if the kernel had. */
static void
break_connections (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  unsigned n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      struct sockaddr_storage peer;
      socklen_t size = sizeof peer;
      int fd = atoi (name);

      if (getpeername (fd, (struct sockaddr *) &peer, &size) == 0 && peer.ss_family == AF_UNIX &&
          shutdown (fd, SHUT_RDWR) == 0)
        n++;
    }
  g_assert_cmpuint (n, >, 0);
}

static void
test_connection_lost (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  Running running = start (f, NULL);
  g_autoptr (GError) error = NULL;

  g_test_summary (
    "A connection that breaks is made again: calls and events go on, and the machine does");
  resume (&running);
  expect (running.tty, "ready");
  break_connections ();
  wait_event (f, COP_VM_EVENT_FOUND);
  g_assert_cmpint (cop_vm_status (running.vm), ==, COP_VM_RUNNING);
  cop_vm_pause (running.vm, &error);
  g_assert_no_error (error);
  /* A call that meets the break itself waits for the next connection. */
  break_connections ();
  cop_vm_resume (running.vm, &error);
  g_assert_no_error (error);
  wait_event (f, COP_VM_EVENT_FOUND);
  type (running.tty, "c");
  expect (running.tty, "+");
  type (running.tty, "r");
  wait_event (f, COP_VM_EVENT_RESET);
  expect (running.tty, "ready");
  type (running.tty, "p");
  wait_event (f, COP_VM_EVENT_ENDED);
  stop (f, &running);
}

#define TEST(name, func) g_test_add ("/driver/vm/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  kernel = g_canonicalize_filename (argv[1], NULL);
  TEST ("life", test_life);
  TEST ("actions", test_actions);
  TEST ("found-again", test_found_again);
  TEST ("connection-lost", test_connection_lost);
  TEST ("save-cancelled", test_save_cancelled);
  TEST ("log", test_log);
  TEST ("wrong", test_wrong);
  TEST ("no-program", test_no_program);
  TEST ("cycles", test_cycles);
  TEST ("killed", test_killed);
  TEST ("killed-any-time", test_killed_any_time);
  for (const CopEngineOps *const *engine = cop_engines; *engine != NULL; engine++)
    {
      g_autofree char *path = g_strdup_printf ("/driver/vm/save-restore/%s", (*engine)->name);

      g_test_add (path, Fixture, *engine, set_up, test_save_restore, tear_down);
    }
  return g_test_run ();
}
