/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a run ended. One row says all about a way to end: its name in JSON, its exit status, what is
 * told to people.
 */
#include "vmtool/run-report.h"
#include "vmtool/printer.h"
#include "vmtool/vmtool.h"

#include <glib/gi18n.h>
#include <inttypes.h>

typedef struct
{
  const char *name; /* in JSON */
  int status; /* GUEST_CODE: the guest's own code */
  void (*tell) (const VmtReport *report); /* NULL: there is nothing to say */
} EndRow;

#define GUEST_CODE (-1)

static void
tell_failure (const VmtReport *report)
{
  g_printerr (_ ("vmtool: the guest reported failure %" PRIu32 "\n"), report->end.code);
}

static void
tell_tohost (const VmtReport *report)
{
  if (report->end.code != 0)
    g_printerr (_ ("vmtool: the guest failed: tohost says %" PRIu32 "\n"), report->end.code);
}

static void
tell_instructions (const VmtReport *report)
{
  g_printerr (_ ("vmtool: stopped by --max-instructions %" PRIu64 ", hart 0 at 0x%" PRIx64 "\n"),
              report->max_instructions, report->pc);
}

static void
tell_halted (const VmtReport *report)
{
  g_printerr (_ ("vmtool: every hart waits for an interrupt that cannot come, hart 0 at 0x%" PRIx64
                 "; nothing more can happen\n"),
              report->pc);
}

static void
tell_different (const VmtReport *report)
{
  g_printerr (_ ("vmtool: --verify: %s"), report->difference);
}

static void
tell_timeout (const VmtReport *report)
{
  g_printerr (_ ("vmtool: stopped by --timeout %g, hart 0 at 0x%" PRIx64 "\n"), report->timeout,
              report->pc);
}

static const EndRow end_rows[] = {
  /* clang-format off */
  [COP_END_NONE]         = { "stopped",          VMT_EXIT_OK },
  [COP_END_POWEROFF]     = { "poweroff",         VMT_EXIT_OK },
  [COP_END_FAILURE]      = { "failure",          GUEST_CODE,                tell_failure },
  [COP_END_TOHOST]       = { "tohost",           GUEST_CODE,                tell_tohost },
  [COP_END_INSTRUCTIONS] = { "max-instructions", VMT_EXIT_MAX_INSTRUCTIONS, tell_instructions },
  [COP_END_HALTED]       = { "halted",           VMT_EXIT_HALTED,           tell_halted },
  [COP_END_DIFFERENT]    = { "different",        VMT_EXIT_DIFFERENT,        tell_different },
  /* clang-format on */
};

static const EndRow stop_rows[] = {
  /* clang-format off */
  [VMT_STOP_TIMEOUT] = { "timeout",       VMT_EXIT_TIMEOUT, tell_timeout },
  [VMT_STOP_MONITOR] = { "monitor",       VMT_EXIT_OK },
  [VMT_STOP_SIGNAL]  = { "signal",        VMT_EXIT_FAILED },
  [VMT_STOP_OUTPUT]  = { "output-closed", VMT_EXIT_FAILED },
  /* clang-format on */
};

static const EndRow *
find_row (const VmtReport *report)
{
  return report->stop != VMT_STOP_NONE ? &stop_rows[report->stop] : &end_rows[report->end.reason];
}

int
vmt_report_status (const VmtReport *report)
{
  const EndRow *row = find_row (report);

  if (row->status != GUEST_CODE)
    return row->status;
  if (report->end.code == 0)
    return report->end.reason == COP_END_TOHOST ? VMT_EXIT_OK : VMT_EXIT_FAILED;
  return (int)MIN (report->end.code, VMT_EXIT_GUEST_LAST);
}

/* ---- statistics ---- */

static void
collect (gpointer data, const char *name, uint64_t value)
{
  VmtStatistic statistic = { .value = value };

  g_strlcpy (statistic.name, name, sizeof statistic.name);
  g_array_append_val (data, statistic);
}

GArray *
vmt_statistics_collect (CopMachine *machine)
{
  GArray *statistics = g_array_new (FALSE, FALSE, sizeof (VmtStatistic));

  cop_machine_stats (machine, collect, statistics);
  return statistics;
}

/* JSON numbers and the printer's are signed. */
static int64_t
figure (const VmtStatistic *statistic)
{
  return (int64_t)MIN (statistic->value, (uint64_t)G_MAXINT64);
}

void
vmt_statistics_print (const GArray *statistics, FILE *out)
{
  static const VmtColumn columns[] = {
    { "name", N_ ("STATISTIC"), VMT_SHOW_TEXT },
    { "value", N_ ("VALUE"), VMT_SHOW_NUMBER },
    { NULL },
  };
  g_autoptr (VmtPrinter) printer = vmt_printer_new (out, false);

  vmt_printer_table (printer, columns);
  for (guint i = 0; i < statistics->len; i++)
    {
      const VmtStatistic *statistic = &g_array_index (statistics, VmtStatistic, i);
      VmtCell cells[] = { { .text = statistic->name }, { .number = figure (statistic) } };

      vmt_printer_row (printer, cells);
    }
  vmt_printer_table_end (printer);
  vmt_printer_finish (printer);
}

/* ---- the report ---- */

static void
print_json (const VmtReport *report, const GArray *statistics)
{
  g_autoptr (VmtPrinter) printer = vmt_printer_new (stderr, true);

  vmt_printer_begin (printer, NULL);
  vmt_printer_text (printer, "end", find_row (report)->name);
  vmt_printer_number (printer, "code", report->end.code);
  vmt_printer_number (printer, "status", vmt_report_status (report));
  vmt_printer_real (printer, "seconds", report->seconds);
  vmt_printer_number (printer, "instructions", (int64_t) report->instructions);
  vmt_printer_size (printer, "resident", report->resident);
  if (report->difference != NULL)
    vmt_printer_text (printer, "difference", report->difference);
  if (statistics != NULL)
    {
      vmt_printer_begin (printer, "statistics");
      for (guint i = 0; i < statistics->len; i++)
        {
          const VmtStatistic *statistic = &g_array_index (statistics, VmtStatistic, i);

          vmt_printer_number (printer, statistic->name, figure (statistic));
        }
      vmt_printer_end (printer);
    }
  vmt_printer_end (printer);
  vmt_printer_finish (printer);
}

void
vmt_report_print (const VmtReport *report, const GArray *statistics, bool json)
{
  const EndRow *row = find_row (report);

  if (json)
    {
      print_json (report, statistics);
      return;
    }
  if (row->tell != NULL)
    row->tell (report);
  if (statistics == NULL)
    return;
  vmt_statistics_print (statistics, stderr);
  fprintf (stderr,
           _ ("%.3f s, %" PRIu64 " instructions, %.1f million a second, %.1f MiB resident\n"),
           report->seconds, report->instructions,
           report->seconds > 0 ? (double)report->instructions / report->seconds / 1e6 : 0,
           (double)report->resident / (1 << 20));
}
