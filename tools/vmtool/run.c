/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool run: a machine in this process, in the foreground.
 *
 *   start --> loop: console, signals, timeout, escape key --> monitor
 *               `--> over: stop, report, give the terminal back
 *
 * The main thread serves the user, in its default GMainContext; the machine has threads of its own.
 */
#include "vmtool/commands.h"
#include "vmtool/escape.h"
#include "vmtool/run-code.h"
#include "vmtool/run-monitor.h"
#include "vmtool/run-private.h"
#include "vmtool/run-report.h"
#include "vmtool/run-trace.h"
#include "vmtool/terminal.h"

#include "common/units.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct
{
  CopMachine *machine; /* (owned) (nullable) */
  VmtConsole *console; /* (owned) (nullable): of the UART */
  VmtConsole *virtio_console; /* (owned) (nullable) */
  VmtTrace *trace; /* (owned) (nullable) */
  FILE *perf_map; /* (owned) (nullable) */
  VmtMonitor monitor;
  int64_t started_at; /* monotonic us */
  bool monitor_wanted;
  unsigned stopped_hart; /* by a breakpoint, to be told of in the monitor */
  uint64_t stopped_at;
  bool has_stopped, in_monitor;
  bool over; /* the machine ended, or we end it */
  VmtStop stop;
  char *difference; /* (owned) (nullable): of --verify; set before the machine ends */
} Run;

static void
run_clear (Run *run)
{
  /* Until it is gone, its threads tell us about code. */
  cop_machine_free (run->machine);
  run->machine = NULL;
  vmt_monitor_clear (&run->monitor);
  g_clear_pointer (&run->console, vmt_console_free);
  g_clear_pointer (&run->virtio_console, vmt_console_free);
  g_clear_pointer (&run->difference, g_free);
  if (run->trace != NULL)
    vmt_trace_close (run->trace, NULL);
  g_clear_pointer (&run->perf_map, fclose);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

/* ---- what ends the loop ---- */

static void
stop (Run *run, VmtStop reason)
{
  if (!run->over)
    run->stop = reason;
  run->over = true;
}

static gboolean
heard_end (gpointer data)
{
  Run *run = data;

  run->over = true;
  return G_SOURCE_REMOVE;
}

/* On a thread of the machine. */
static void
machine_ended (gpointer data, CopEnd end G_GNUC_UNUSED)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, heard_end, data, NULL);
  g_source_attach (source, NULL);
}

/* On the hart's thread, before the machine ends. */
static void
machine_differs (gpointer data, const char *report)
{
  Run *run = data;

  g_free (run->difference);
  run->difference = g_strdup (report);
}

typedef struct
{
  Run *run;
  unsigned hart;
  uint64_t gva;
} StopNote;

static gboolean
heard_stop (gpointer data)
{
  const StopNote *note = data;
  Run *run = note->run;

  run->has_stopped = true;
  run->stopped_hart = note->hart;
  run->stopped_at = note->gva;
  if (!run->in_monitor)
    {
      run->monitor_wanted = true;
      vmt_console_hold (run->monitor.console, true);
    }
  return G_SOURCE_REMOVE;
}

/* On a hart's thread. */
static void
machine_stopped (gpointer data, unsigned hart, uint64_t gva)
{
  StopNote *note = g_new (StopNote, 1);
  g_autoptr (GSource) source = g_idle_source_new ();

  *note = (StopNote){ data, hart, gva };
  g_source_set_callback (source, heard_stop, note, g_free);
  g_source_attach (source, NULL);
}

static const CopMachineEvents machine_events = {
  .ended = machine_ended,
  .differs = machine_differs,
  .stopped = machine_stopped,
};

static gboolean
heard_signal (gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
  stop (data, VMT_STOP_SIGNAL);
  return G_SOURCE_REMOVE;
}

static gboolean
heard_timeout (gpointer data)
{
  stop (data, VMT_STOP_TIMEOUT);
  return G_SOURCE_REMOVE;
}

static bool
is_over (gpointer data)
{
  return ((const Run *)data)->over;
}

/* ---- the console ---- */

/* From inside the console's source, which cannot be called again before it returns: so the monitor
   waits for the loop. */
static void
escape_pressed (gpointer data)
{
  Run *run = data;

  run->monitor_wanted = true;
  vmt_console_hold (run->monitor.console, true);
}

static void
output_closed (gpointer data)
{
  stop (data, VMT_STOP_OUTPUT);
}

static const VmtConsoleEvents console_events = { escape_pressed, output_closed };

static void
visit_monitor (Run *run)
{
  run->monitor_wanted = false;
  vmt_terminal_set_mode (VMT_TERMINAL_LENT);
  run->in_monitor = true;
  if (run->has_stopped)
    {
      /* The hart that came there parks before it is looked at. */
      cop_machine_pause (run->machine, NULL);
      putchar ('\n');
      vmt_monitor_tell_stop (&run->monitor, run->stopped_hart, run->stopped_at);
    }
  run->has_stopped = false;
  vmt_monitor_run (&run->monitor);
  run->in_monitor = false;
  fflush (stdout);
  if (run->monitor.quit)
    stop (run, VMT_STOP_MONITOR);
  vmt_terminal_set_mode (VMT_TERMINAL_RAW);
  vmt_console_hold (run->monitor.console, false);
}

static bool
open_consoles (Run *run, const VmtCall *call, CopMachineConfig *config, GError **error)
{
  const char *virtio = vmt_call_string (call, "virtio-console");
  int escape;

  if (!vmt_escape_parse (vmt_call_string (call, "escape"), &escape, error))
    return false;

  run->console =
    vmt_console_new ("console", vmt_call_string (call, "console"), escape, &config->console, error);
  if (run->console == NULL)
    return false;
  if (virtio != NULL)
    {
      config->has_virtio_console = true;
      run->virtio_console =
        vmt_console_new ("virtio-console", virtio, escape, &config->virtio_console, error);
      if (run->virtio_console == NULL)
        return false;
      if (vmt_console_kind (run->virtio_console) == VMT_CONSOLE_STDIO &&
          vmt_console_kind (run->console) == VMT_CONSOLE_STDIO)
        {
          g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                       _ ("--virtio-console: only one console can be on stdio; add '--console "
                          "none' or give this one 'pty'"));
          return false;
        }
    }

  run->monitor.console =
    run->virtio_console != NULL && vmt_console_kind (run->virtio_console) == VMT_CONSOLE_STDIO
      ? run->virtio_console
      : run->console;
  run->monitor.escape = escape;
  run->monitor.interrupted = is_over;
  run->monitor.data = run;
  return true;
}

/* Where to look, for those who look. */
static void
tell_where (const Run *run, bool quiet)
{
  const VmtConsole *const consoles[] = { run->console, run->virtio_console };

  for (unsigned i = 0; i < G_N_ELEMENTS (consoles); i++)
    if (consoles[i] != NULL && vmt_console_kind (consoles[i]) == VMT_CONSOLE_PTY)
      g_printerr (_ ("vmtool: the console is at %s\n"), vmt_console_path (consoles[i]));

  if (!quiet && vmt_console_is_interactive (run->monitor.console) &&
      run->monitor.escape != VMT_ESCAPE_NONE)
    {
      g_autofree char *key = vmt_escape_name (run->monitor.escape);

      g_printerr (_ ("vmtool: the escape key is %s\n"), key);
    }
}

/* ---- start and end ---- */

static bool
write_dtb (CopMachine *machine, const char *path, GError **error)
{
  g_autoptr (GBytes) dtb = cop_machine_dtb (machine);
  g_autoptr (GError) failed = NULL;
  gsize length;
  const char *bytes = g_bytes_get_data (dtb, &length);

  if (g_file_set_contents (path, bytes, (gssize)length, &failed))
    return true;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("device tree '%s' cannot be written: %s"),
               path, failed->message);
  return false;
}

/* What --symbols names, and what an ELF kernel brings along. */
static bool
add_symbols (Run *run, const VmtCall *call, GError **error)
{
  const CopMachineConfig *config = cop_machine_config (run->machine);
  const char *const *paths = vmt_call_strings (call, "symbols");

  vmt_monitor_init (&run->monitor);
  if (config->kernel != NULL && *paths == NULL)
    vmt_symbols_add (run->monitor.symbols, config->kernel);
  for (; *paths != NULL; paths++)
    {
      g_autoptr (GBytes) bytes = vmt_run_read_file (_ ("symbols"), *paths, COP_GIB, error);

      if (bytes == NULL)
        return false;
      if (vmt_symbols_add (run->monitor.symbols, bytes) > 0)
        continue;
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
                   _ ("symbols '%s': the file has none; give an ELF file that is not stripped, or "
                      "a System.map"),
                   *paths);
      return false;
    }
  return true;
}

/* On a hart's thread, or the translator's. */
static void
code_installed (gpointer data, const CopCodeUnit *unit)
{
  Run *run = data;
  const CopHart *hart = cop_machine_hart (run->machine, 0);

  vmt_symbols_set_slide (run->monitor.symbols,
                         __atomic_load_n (&hart->s.stvec, __ATOMIC_RELAXED));
  vmt_perf_map_add (run->perf_map, run->monitor.symbols, unit);
}

static bool
prepare (Run *run, const VmtCall *call, GError **error)
{
  g_autoptr (CopMachineConfig) config = vmt_run_config_new (call, error);

  if (config == NULL || !open_consoles (run, call, config, error))
    return false;

  if (vmt_call_flag (call, "trace"))
    {
      run->trace = vmt_trace_new (vmt_call_string (call, "trace"), error);
      if (run->trace == NULL)
        return false;
    }

  if (vmt_call_flag (call, "perf-map"))
    {
      run->perf_map = vmt_perf_map_open (error);
      if (run->perf_map == NULL)
        return false;
      config->engine_config.installed = code_installed;
      config->engine_config.installed_data = run;
    }

  run->machine = cop_machine_new (g_steal_pointer (&config), &machine_events, run, error);
  if (run->machine == NULL)
    return false;
  vmt_run_files_loaded ();
  run->monitor.machine = run->machine;
  if (!add_symbols (run, call, error))
    return false;
  cop_machine_set_max_instructions (run->machine,
                                    (uint64_t)vmt_call_int (call, "max-instructions"));
  if (run->trace != NULL)
    vmt_trace_attach (run->trace, run->machine);
  return true;
}

static bool
run_until_over (Run *run, const VmtCall *call, GError **error)
{
  uint64_t timeout_ms = vmt_call_ms (call, "timeout");
  bool interactive = vmt_console_is_interactive (run->monitor.console);

  if (vmt_call_flag (call, "monitor") && !interactive)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--monitor needs a terminal, and a console that is on it"));
      return false;
    }

  vmt_terminal_open (interactive ? STDIN_FILENO : -1);
  g_unix_fd_add (vmt_terminal_signal_fd (), G_IO_IN, heard_signal, run);
  tell_where (run, vmt_call_flag (call, "json"));
  vmt_terminal_set_mode (interactive ? VMT_TERMINAL_RAW : VMT_TERMINAL_FOUND);
  if (timeout_ms > 0)
    g_timeout_add ((guint)MIN (timeout_ms, G_MAXUINT), heard_timeout, run);

  run->started_at = g_get_monotonic_time ();
  run->monitor_wanted = vmt_call_flag (call, "monitor");
  if (!run->monitor_wanted && !cop_machine_resume (run->machine, error))
    return false;
  vmt_console_start (run->monitor.console, &console_events, run);
  if (run->monitor_wanted)
    vmt_console_hold (run->monitor.console, true);
  while (!run->over)
    {
      if (run->monitor_wanted)
        visit_monitor (run);
      else
        g_main_context_iteration (NULL, TRUE);
    }
  return true;
}

static uint64_t
resident_memory (void)
{
  struct rusage usage;

  return getrusage (RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * COP_KIB : 0;
}

/* Stops the machine, and writes down all there is to say before it is freed. */
static void
take_report (Run *run, const VmtCall *call, VmtReport *report)
{
  *report = (VmtReport){
    .stop = run->stop,
    .timeout = (double)vmt_call_ms (call, "timeout") / 1000,
    .max_instructions = (uint64_t)vmt_call_int (call, "max-instructions"),
  };

  cop_machine_power_off (run->machine);
  report->end = cop_machine_wait (run->machine);
  report->difference = run->difference;
  report->seconds = (double)(g_get_monotonic_time () - run->started_at) / 1e6;
  for (unsigned i = 0; i < cop_machine_n_harts (run->machine); i++)
    report->instructions += cop_machine_hart (run->machine, i)->s.instret;
  report->pc = cop_machine_hart (run->machine, 0)->s.pc;
  report->resident = resident_memory ();
}

/* A test that did not come to its end has no signature. */
static bool
write_signature (const Run *run, const VmtCall *call, const VmtReport *report, GError **error)
{
  const char *path = vmt_call_string (call, "signature");

  if (path == NULL || report->stop != VMT_STOP_NONE || report->end.reason == COP_END_INSTRUCTIONS ||
      report->end.reason == COP_END_DIFFERENT)
    return true;
  return vmt_run_write_signature (run->machine, path,
                                  4u << vmt_call_enum (call, "signature-granularity"), error);
}

static bool
finish (Run *run, VmtCall *call, GError **error)
{
  bool json = vmt_call_flag (call, "json");
  g_autoptr (GArray) statistics = NULL;
  VmtReport report;
  bool good;

  take_report (run, call, &report);
  good = write_signature (run, call, &report, error);
  if (vmt_call_flag (call, "stats"))
    statistics = vmt_statistics_collect (run->machine);
  if (good && vmt_call_has (call, "jit-dump"))
    {
      vmt_symbols_set_slide (run->monitor.symbols,
                             cop_machine_hart (run->machine, 0)->s.stvec);
      good = vmt_code_dump (run->machine, run->monitor.symbols,
                            vmt_call_string (call, "jit-dump"), error);
    }

  vmt_console_drain (run->monitor.console);
  g_clear_pointer (&run->machine, cop_machine_free);
  vmt_console_finish (run->monitor.console);
  /* The editor, too, sets the terminal to what it found when it goes. */
  vmt_monitor_close_editor (&run->monitor);
  vmt_terminal_set_mode (VMT_TERMINAL_FOUND);

  vmt_report_print (&report, statistics, json);
  if (run->trace != NULL && !vmt_trace_close (g_steal_pointer (&run->trace), good ? error : NULL))
    good = false;
  vmt_call_set_exit (call, vmt_report_status (&report));
  return good;
}

static bool
run_machine (VmtCall *call, GError **error)
{
  const char *dump_dtb = vmt_call_string (call, "dump-dtb");
  g_auto (Run) run = { 0 };
  bool good;

  if (!prepare (&run, call, error))
    return false;
  if (dump_dtb != NULL)
    return write_dtb (run.machine, dump_dtb, error);
  if (!run_until_over (&run, call, error))
    {
      vmt_terminal_set_mode (VMT_TERMINAL_FOUND);
      return false;
    }
  good = finish (&run, call, error);

  /* Who waits for us sees what ended us. */
  if (run.stop == VMT_STOP_SIGNAL || run.stop == VMT_STOP_OUTPUT)
    {
      int number = run.stop == VMT_STOP_SIGNAL ? vmt_terminal_signal () : SIGPIPE;

      run_clear (&run);
      vmt_terminal_die (number);
    }
  return good;
}

/* ---- the command ---- */

COP_NAMES (granularity_names, 3, "4", "8", "16");

static const VmtOption options[] = {
  /* clang-format off */
  { "image",          VMT_STRING, N_ ("boot this image; 'vmtool image list' shows them"), "NAME",
    .complete = vmt_complete_images },
  { "kernel",         VMT_PATH,   N_ ("boot this kernel: Image, Image.gz, EFI stub or ELF") },
  { "initrd",         VMT_PATH,   N_ ("give the kernel this initial file system") },
  { "append",         VMT_STRING, N_ ("add to the kernel's command line"), .repeated = true },
  { "cmdline",        VMT_STRING, N_ ("replace the kernel's whole default command line") },
  { "bios",           VMT_PATH,   N_ ("run this firmware in M mode instead of the built-in SBI; 'none': start the kernel itself in M mode"), "FILE|none" },
  { "dtb",            VMT_PATH,   N_ ("give the guest this device tree instead of our own") },
  { "memory",         VMT_SIZE,   N_ ("size of the guest's memory"), .otherwise = VMT_RUN_DEFAULT_MEMORY, .min = COP_MIB, .max = 1024 * COP_GIB },
  { "harts",          VMT_INT,    N_ ("number of harts, each on a thread of its own"), .otherwise = "1", .min = 1, .max = COP_MAX_HARTS },
  { "cpu",            VMT_STRING, N_ ("switch extensions, as in zba=off,sv57=off"), "LIST" },
  { "engine",         VMT_STRING, N_ ("how instructions are executed: hybrid, jit or interp; the first that there is"), "NAME", .complete = vmt_complete_engines },
  { "jit-cache",      VMT_SIZE,   N_ ("room for translated code"), .otherwise = "256M", .min = COP_MIB, .max = COP_GIB },
  { "verify",         VMT_FLAG,   N_ ("run the interpreter in step with translated code, and stop where they differ; for one hart, slow") },
  { "disk",           VMT_PATH,   N_ ("attach a raw disk"), "FILE[,readonly][,serial=TEXT][,format=raw]", .repeated = true },
  { "net",            VMT_STRING, N_ ("attach a network interface; one of kind 'user' is there unless you say otherwise"), "user[,forward=tcp:2222:22]|tap,ifname=NAME|none", .repeated = true },
  { "console",        VMT_STRING, N_ ("where the serial console leads"), "stdio|pty|unix:PATH|file:PATH[,append]|none", .otherwise = "stdio" },
  { "virtio-console", VMT_STRING, N_ ("add a virtio console, hvc0 to Linux"), "stdio|pty|unix:PATH|file:PATH[,append]|none" },
  { "escape",         VMT_STRING, N_ ("the key that opens the monitor"), "KEY|none", .otherwise = "ctrl-]" },
  { "symbols",        VMT_PATH,   N_ ("names of guest addresses, for the monitor and profiles: an ELF file or System.map; an ELF kernel has its own"), .repeated = true },
  { "monitor",        VMT_FLAG,   N_ ("open the monitor before the first instruction") },
  { "timeout",        VMT_SECONDS, N_ ("stop the machine after this time") },
  { "max-instructions", VMT_INT,  N_ ("stop the machine after as many instructions, of all harts together"), .min = 0 },
  { "trace",          VMT_FLAG_PATH, N_ ("write a line for every instruction, to standard error or a file") },
  { "jit-dump",       VMT_PATH,   N_ ("write all translated code to a file at the end, the hottest first; see 'vmtool jit-dump'") },
  { "perf-map",       VMT_FLAG,   N_ ("keep /tmp/perf-PID.map, so that perf shows guest symbols") },
  { "stats",          VMT_FLAG,   N_ ("print statistics at the end, to standard error") },
  { "dump-dtb",       VMT_PATH,   N_ ("write the device tree to a file, and do not run") },
  { "signature",      VMT_PATH,   N_ ("write memory from begin_signature to end_signature to a file at the end") },
  { "signature-granularity", VMT_ENUM, N_ ("bytes in a line of the signature"), .otherwise = "4", .names = &granularity_names },
  { "deterministic",  VMT_FLAG,   N_ ("give the guest no random seed, for runs that can be compared") },
  { NULL },
  /* clang-format on */
};

static const VmtExample examples[] = {
  { "vmtool run --image debian", N_ ("A Debian kernel and a shell") },
  { "vmtool run --image debian --harts 4 --memory 2G --net user,forward=tcp:2222:22",
    N_ ("The same with four harts, and the guest's port 22 on port 2222 of this host") },
  { "vmtool run --kernel Image --initrd initrd.cpio.gz --disk root.img --append root=/dev/vda",
    N_ ("A kernel and a disk of your own") },
  { "vmtool run --bios none --kernel rv64ui-p-add.elf --timeout 10 --signature add.sig",
    N_ ("A conformance test") },
  { NULL },
};

const VmtCommand vmt_run = {
  "run",
  N_ ("Run a machine in the foreground"),
  options,
  run_machine,
  VMT_GROUP_MACHINE,
  N_ ("On a terminal every key goes to the guest, but for the escape key: it opens a monitor that "
      "pauses, resets, ends and inspects the machine, and lists its commands with 'help'. Typed "
      "twice, it goes to the guest. Input that is no terminal is passed on as it is; its end does "
      "not end the machine.\n\n"
      "The kernel is told 'console=ttyS0 earlycon=sbi', or what an image says, then the size of "
      "the terminal, as systemd reads it, and what --append adds. When the window's size changes "
      "later, type 'resize' in the guest.\n\n"
      "With --bios none every hart starts in M mode at the entry of the kernel, an ELF file, with "
      "no network unless one is asked for. If the file has the symbols tohost and fromhost they "
      "are served, and the exit status is 0 only when the program reports a pass. The signature is "
      "written when the program came to its end.\n\n"
      "With --json the report at the end is a JSON object on standard error, with statistics when "
      "--stats is given. A comma in a file's name is written twice in --disk and --console."),
  examples,
};
