/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the monitor can do: one row and one function each.
 */
#include "vmtool/escape.h"
#include "vmtool/run-monitor-private.h"
#include "vmtool/run-report.h"
#include "vmtool/vmtool-private.h"

#include "common/units.h"
#include "driver/host-open.h"
#include "engine/riscv/insn.h"
#include "xml/state-xml.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DISASSEMBLE_DEFAULT 10
#define DISASSEMBLE_MAX 1000

bool
vmt_quiet_begin (VmtQuiet *quiet, CopMachine *machine, GError **error)
{
  quiet->machine = machine;
  quiet->was_running = cop_machine_status (machine) == COP_MACHINE_RUNNING;
  return !quiet->was_running || cop_machine_pause (machine, error);
}

VmtMonitorResult
vmt_quiet_end (VmtQuiet *quiet, VmtMonitorResult result, GError **error)
{
  if (!quiet->was_running)
    return result;
  /* An error on the way out must not hide the first one. */
  if (!cop_machine_resume (quiet->machine, result == VMT_MONITOR_FAILED ? NULL : error))
    return VMT_MONITOR_FAILED;
  return result;
}

bool
vmt_monitor_parse_number (const char *text, uint64_t *number, GError **error)
{
  bool hex = g_str_has_prefix (text, "0x");
  guint64 value;

  if (!g_ascii_string_to_unsigned (hex ? text + 2 : text, hex ? 16 : 10, 0, G_MAXUINT64, &value,
                                   NULL))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("'%s' is not a number; hexadecimal ones begin with 0x"), text);
      return false;
    }
  *number = value;
  return true;
}

bool
vmt_monitor_take_arguments (const char *const *arguments, unsigned required, unsigned allowed,
                const char **values, GError **error)
{
  unsigned count = g_strv_length ((char **)arguments);

  if (count < required || count > allowed)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   count < required ? _ ("an argument is missing; see 'help'")
                                    : _ ("too many arguments; see 'help'"));
      return false;
    }
  for (unsigned i = 0; i < count; i++)
    values[i] = arguments[i];
  return true;
}

bool
vmt_monitor_take_hart (CopMachine *machine, const char *text, CopHart **hart, GError **error)
{
  uint64_t id = 0;

  if (text != NULL && !vmt_monitor_parse_number (text, &id, error))
    return false;
  if (id >= cop_machine_n_harts (machine))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("there is no hart %s; there are %u, from 0"), text,
                   cop_machine_n_harts (machine));
      return false;
    }
  *hart = cop_machine_hart (machine, (unsigned)id);
  return true;
}

/* ---- life ---- */

static VmtMonitorResult
run_pause (VmtMonitor *monitor, const char *const *arguments G_GNUC_UNUSED, GError **error)
{
  if (!cop_machine_pause (monitor->machine, error))
    return VMT_MONITOR_FAILED;
  puts (_ ("the machine is paused"));
  return VMT_MONITOR_STAY;
}

static VmtMonitorResult
run_resume (VmtMonitor *monitor, const char *const *arguments G_GNUC_UNUSED, GError **error)
{
  return cop_machine_resume (monitor->machine, error) ? VMT_MONITOR_LEAVE : VMT_MONITOR_FAILED;
}

static VmtMonitorResult
run_reset (VmtMonitor *monitor, const char *const *arguments G_GNUC_UNUSED, GError **error)
{
  return cop_machine_reset (monitor->machine, error) ? VMT_MONITOR_LEAVE : VMT_MONITOR_FAILED;
}

static VmtMonitorResult
run_poweroff (VmtMonitor *monitor, const char *const *arguments G_GNUC_UNUSED,
              GError **error G_GNUC_UNUSED)
{
  monitor->quit = true;
  return VMT_MONITOR_LEAVE;
}

static VmtMonitorResult
run_send (VmtMonitor *monitor, const char *const *arguments G_GNUC_UNUSED,
          GError **error G_GNUC_UNUSED)
{
  const char key = (char)monitor->escape;

  vmt_console_send (monitor->console, &key, 1);
  return VMT_MONITOR_LEAVE;
}

/* ---- looking ---- */

static VmtMonitorResult
run_status (VmtMonitor *monitor, const char *const *arguments G_GNUC_UNUSED,
            GError **error G_GNUC_UNUSED)
{
  static const char *const names[] = {
    [COP_MACHINE_PAUSED] = N_ ("paused"),
    [COP_MACHINE_RUNNING] = N_ ("running"),
    [COP_MACHINE_ENDED] = N_ ("ended"),
  };
  const CopMachineConfig *config = cop_machine_config (monitor->machine);
  g_autofree char *memory = cop_size_format (config->memory);
  g_autofree char *isa = cop_isa_string (config->isa);

  printf (_ ("the machine is %s\n"), _ (names[cop_machine_status (monitor->machine)]));
  printf (_ ("harts: %u, memory: %s, disks: %u, network interfaces: %u\n"), config->harts, memory,
          config->n_disks, config->n_nics);
  printf (_ ("engine: %s, instructions: %s\n"), cop_engine_find (config->engine)->name, isa);
  return VMT_MONITOR_STAY;
}

static void
print_x_registers (const CopHartState *s)
{
  static const char privileges[] = { [COP_PRIV_U] = 'U', [COP_PRIV_S] = 'S', [COP_PRIV_M] = 'M' };

  printf ("pc   %016" PRIx64 "  %c mode%s\n", s->pc,
          s->priv < sizeof privileges ? privileges[s->priv] : '?',
          s->waiting ? _ (", waits for an interrupt") : "");
  for (unsigned i = 0; i < 32; i++)
    printf ("%-4s %016" PRIx64 "%s", cop_x_names[i], s->x[i], i % 4 == 3 ? "\n" : "  ");
}

static void
print_csrs (const CopHartState *s)
{
  const struct
  {
    const char *name;
    uint64_t value;
  } csrs[] = {
    { "mstatus", s->mstatus }, { "mie", s->mie },         { "mip", s->mip },
    { "mepc", s->mepc },       { "mcause", s->mcause },   { "mtval", s->mtval },
    { "mtvec", s->mtvec },     { "mideleg", s->mideleg }, { "medeleg", s->medeleg },
    { "sepc", s->sepc },       { "scause", s->scause },   { "stval", s->stval },
    { "stvec", s->stvec },     { "satp", s->satp },       { "sscratch", s->sscratch },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (csrs); i++)
    printf ("%-8s %016" PRIx64 "%s", csrs[i].name, csrs[i].value, i % 3 == 2 ? "\n" : "  ");
}

/* Every member of the hart's state, by its table. */
static void
print_all_members (const CopHart *hart)
{
  const CopStateTable *table = &cop_hart_state_table;

  for (uint32_t i = 0; i < table->n_rows; i++)
    for (uint32_t element = 0; element < table->rows[i].count; element++)
      {
        const CopStateRow *row = &table->rows[i];
        g_autofree char *name =
          row->count > 1 ? g_strdup_printf ("%s[%u]", row->name, element) : g_strdup (row->name);

        printf ("%-20s 0x%" PRIx64 "\n", name, cop_state_get (row, &hart->s, element));
      }
}

static VmtMonitorResult
run_registers (VmtMonitor *monitor, const char *const *arguments, GError **error)
{
  const char *words[2] = { NULL, NULL };
  CopHart *hart;
  VmtQuiet quiet;

  if (!vmt_monitor_take_arguments (arguments, 0, 2, words, error) ||
      !vmt_monitor_take_hart (monitor->machine, words[0], &hart, error))
    return VMT_MONITOR_FAILED;
  if (words[1] != NULL && strcmp (words[1], "all") != 0)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("'%s' is unknown here; there is 'all'"),
                   words[1]);
      return VMT_MONITOR_FAILED;
    }
  if (!vmt_quiet_begin (&quiet, monitor->machine, error))
    return VMT_MONITOR_FAILED;
  if (words[1] != NULL)
    print_all_members (hart);
  else
    {
      print_x_registers (&hart->s);
      print_csrs (&hart->s);
    }
  return vmt_quiet_end (&quiet, VMT_MONITOR_STAY, error);
}

static VmtMonitorResult
run_disassemble (VmtMonitor *monitor, const char *const *arguments, GError **error)
{
  const char *words[2] = { NULL, NULL };
  uint64_t pc = 0, count = DISASSEMBLE_DEFAULT;
  CopHart *hart;
  VmtQuiet quiet;

  if (!vmt_monitor_take_arguments (arguments, 0, 2, words, error) ||
      (words[1] != NULL && !vmt_monitor_parse_number (words[1], &count, error)) ||
      !vmt_quiet_begin (&quiet, monitor->machine, error))
    return VMT_MONITOR_FAILED;

  hart = cop_machine_hart (monitor->machine, 0);
  if (words[0] == NULL)
    pc = hart->s.pc;
  else if (!vmt_monitor_parse_address (monitor, words[0], &pc, error))
    return vmt_quiet_end (&quiet, VMT_MONITOR_FAILED, error);
  for (uint64_t i = 0; i < MIN (count, DISASSEMBLE_MAX); i++)
    {
      unsigned length = vmt_monitor_print_insn (monitor, hart, pc);

      if (length == 0)
        {
          g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
                       _ ("nothing can be fetched from 0x%" PRIx64), pc);
          return vmt_quiet_end (&quiet, VMT_MONITOR_FAILED, error);
        }
      pc += length;
    }
  return vmt_quiet_end (&quiet, VMT_MONITOR_STAY, error);
}

static VmtMonitorResult
run_stats (VmtMonitor *monitor, const char *const *arguments G_GNUC_UNUSED,
           GError **error G_GNUC_UNUSED)
{
  g_autoptr (GArray) statistics = vmt_statistics_collect (monitor->machine);

  vmt_statistics_print (statistics, stdout);
  return VMT_MONITOR_STAY;
}

/* ---- saving ---- */

static bool
save (CopMachine *machine, const char *path, GError **error)
{
  g_autoptr (CopMachineState) state = cop_machine_save_state (machine, error);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *xml = NULL;

  if (state == NULL)
    return false;
  /* Said of the file that was named: the one that is written and renamed has a name of its own. */
  if (g_file_test (path, G_FILE_TEST_IS_DIR) || access (folder, W_OK) != 0)
    {
      cop_host_set_file_error (error, _ ("state"), path,
                               g_file_test (path, G_FILE_TEST_IS_DIR) ? EISDIR : errno);
      return false;
    }
  xml = cop_xml_state_format (state);
  return g_file_set_contents_full (
    path, xml, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0666, error);
}

static VmtMonitorResult
run_save (VmtMonitor *monitor, const char *const *arguments, GError **error)
{
  VmtMonitorResult result = VMT_MONITOR_STAY;
  const char *path = NULL;
  VmtQuiet quiet;

  if (!vmt_monitor_take_arguments (arguments, 1, 1, &path, error) ||
      !vmt_quiet_begin (&quiet, monitor->machine, error))
    return VMT_MONITOR_FAILED;
  if (!save (monitor->machine, path, error))
    {
      g_prefix_error (error, _ ("the state is not saved: "));
      result = VMT_MONITOR_FAILED;
    }
  else
    printf (_ ("the state is in '%s'\n"), path);
  return vmt_quiet_end (&quiet, result, error);
}

/* ---- the table ---- */

static VmtMonitorResult
run_help (VmtMonitor *monitor, const char *const *arguments G_GNUC_UNUSED,
          GError **error G_GNUC_UNUSED)
{
  g_autofree char *key = vmt_escape_name (monitor->escape);

  for (const VmtMonitorCommand *command = vmt_monitor_commands; command->name != NULL; command++)
    {
      g_autofree char *usage = g_strdup_printf ("%s %s", command->name, command->arguments);

      printf ("  %-32s %s\n", usage, _ (command->summary));
    }
  printf (_ ("Any clear beginning of a name will do. An empty line leads back to the guest;\n"
             "%s sends that key to it.\n"),
          key);
  return VMT_MONITOR_STAY;
}

const VmtMonitorCommand vmt_monitor_commands[] = {
  /* clang-format off */
  { "help",        "",                  N_ ("list the commands"),                          run_help },
  { "status",      "",                  N_ ("say what the machine is and does"),           run_status },
  { "pause",       "",                  N_ ("stop the machine between two instructions"),  run_pause },
  { "resume",      "",                  N_ ("let it go on, and go back to it"),            run_resume },
  { "continue",    "",                  N_ ("the same as resume"),                         run_resume },
  { "step",        "[COUNT] [HART]",    N_ ("run one instruction, or so many, with the machine paused"), vmt_monitor_step },
  { "break",       "[ADDRESS|SYMBOL]",  N_ ("stop the machine before this instruction; or list where it stops"), vmt_monitor_break },
  { "delete",      "NUMBER|all",        N_ ("remove a breakpoint"),                        vmt_monitor_delete },
  { "reset",       "",                  N_ ("start it anew, as its reset button would"),   run_reset },
  { "poweroff",    "",                  N_ ("end it at once, as pulling the plug would"),  run_poweroff },
  { "registers",   "[HART] [all]",      N_ ("show the registers of a hart"),               run_registers },
  { "disassemble", "[ADDRESS|SYMBOL] [COUNT]", N_ ("show instructions, from the pc of hart 0"),   run_disassemble },
  { "save",        "FILE",              N_ ("write the state of harts and devices as XML"), run_save },
  { "stats",       "",                  N_ ("show statistics"),                            run_stats },
  { "send",        "",                  N_ ("send the escape key to the guest"),           run_send },
  { "quit",        "",                  N_ ("the same as poweroff"),                       run_poweroff },
  { NULL },
  /* clang-format on */
};

static const VmtMonitorCommand *
find_command (const char *word, GError **error)
{
  g_autoptr (GPtrArray) matches = g_ptr_array_new ();
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const VmtMonitorCommand *found = NULL;
  const char *nearest;

  for (const VmtMonitorCommand *command = vmt_monitor_commands; command->name != NULL; command++)
    {
      g_ptr_array_add (names, (gpointer)command->name);
      if (strcmp (command->name, word) == 0)
        return command;
      if (!g_str_has_prefix (command->name, word))
        continue;
      g_ptr_array_add (matches, (gpointer)command->name);
      found = command;
    }
  g_ptr_array_add (matches, NULL);
  g_ptr_array_add (names, NULL);

  if (matches->len == 2)
    return found;
  if (matches->len > 2)
    {
      g_autofree char *list = g_strjoinv (", ", (char **)matches->pdata);

      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("'%s' can be %s"), word, list);
      return NULL;
    }
  nearest = vmt_suggest (word, (const char *const *)names->pdata);
  if (nearest != NULL)
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("unknown command '%s'; did you mean '%s'?"),
                 word, nearest);
  else
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("unknown command '%s'; 'help' lists what there is"), word);
  return NULL;
}

VmtMonitorResult
vmt_monitor_execute (VmtMonitor *monitor, const char *line, GError **error)
{
  g_auto (GStrv) words = NULL;
  g_autoptr (GError) unquoted = NULL;
  const VmtMonitorCommand *command;

  if (!g_shell_parse_argv (line, NULL, &words, &unquoted))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("a quotation mark has no end"));
      return VMT_MONITOR_FAILED;
    }
  command = find_command (words[0], error);
  if (command == NULL)
    return VMT_MONITOR_FAILED;
  if (*command->arguments == '\0' && words[1] != NULL)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("'%s' takes no arguments"), command->name);
      return VMT_MONITOR_FAILED;
    }
  return command->run (monitor, (const char *const *)words + 1, error);
}
