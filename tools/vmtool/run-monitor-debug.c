/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the monitor has for debugging: names of addresses, breakpoints, steps.
 */
#include "vmtool/run-monitor-private.h"
#include "vmtool/run-insn.h"
#include "vmtool/vmtool-private.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Steps at once: a few seconds' worth, since nothing can interrupt them. */
#define STEPS_MAX 10000000

typedef struct
{
  unsigned number;
  uint64_t gva;
} Breakpoint;

void
vmt_monitor_init (VmtMonitor *monitor)
{
  monitor->symbols = vmt_symbols_new ();
  monitor->breakpoints = g_array_new (FALSE, FALSE, sizeof (Breakpoint));
}

/* Where the kernel has moved to, so that names fit. */
static void
follow_kernel (VmtMonitor *monitor)
{
  vmt_symbols_set_slide (monitor->symbols, cop_machine_hart (monitor->machine, 0)->s.stvec);
}

bool
vmt_monitor_parse_address (VmtMonitor *monitor, const char *text, uint64_t *gva, GError **error)
{
  if (g_ascii_isdigit (text[0]))
    return vmt_monitor_parse_number (text, gva, error);
  follow_kernel (monitor);
  if (vmt_symbols_find (monitor->symbols, text, gva))
    return true;
  if (vmt_symbols_count (monitor->symbols) == 0)
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("'%s' is not a number, and no symbols are known; give some with --symbols"),
                 text);
  else
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("there is no symbol '%s'"), text);
  return false;
}

unsigned
vmt_monitor_print_insn (VmtMonitor *monitor, CopHart *hart, uint64_t gva)
{
  g_autofree char *name = vmt_symbols_format (monitor->symbols, gva);
  g_autofree char *text = NULL;
  uint32_t bits;
  unsigned length = vmt_insn_read (hart, gva, &bits);

  if (length == 0)
    return 0;
  text = vmt_insn_format (hart, gva, bits);
  printf ("%s %016" PRIx64 "  %s%s%s\n", gva == hart->s.pc ? ">" : " ", gva, text,
          *name != '\0' ? "    # " : "", name);
  return length;
}

/* ---- breakpoints ---- */

static Breakpoint *
breakpoint_at (const VmtMonitor *monitor, uint64_t gva)
{
  for (guint i = 0; i < monitor->breakpoints->len; i++)
    {
      Breakpoint *breakpoint = &g_array_index (monitor->breakpoints, Breakpoint, i);

      if (breakpoint->gva == gva)
        return breakpoint;
    }
  return NULL;
}

static void
print_breakpoint (VmtMonitor *monitor, const Breakpoint *breakpoint)
{
  g_autofree char *name = vmt_symbols_format (monitor->symbols, breakpoint->gva);

  printf (_ ("breakpoint %u at 0x%" PRIx64 "%s%s\n"), breakpoint->number, breakpoint->gva,
          *name != '\0' ? " " : "", name);
}

void
vmt_monitor_tell_stop (VmtMonitor *monitor, unsigned hart, uint64_t gva)
{
  const Breakpoint *breakpoint = breakpoint_at (monitor, gva);

  follow_kernel (monitor);
  printf (_ ("breakpoint %u, hart %u\n"), breakpoint != NULL ? breakpoint->number : 0, hart);
  vmt_monitor_print_insn (monitor, cop_machine_hart (monitor->machine, hart), gva);
}

VmtMonitorResult
vmt_monitor_break (VmtMonitor *monitor, const char *const *arguments, GError **error)
{
  const char *word = NULL;
  Breakpoint breakpoint;
  VmtQuiet quiet;
  bool good;

  if (!vmt_monitor_take_arguments (arguments, 0, 1, &word, error))
    return VMT_MONITOR_FAILED;
  if (word == NULL)
    {
      for (guint i = 0; i < monitor->breakpoints->len; i++)
        print_breakpoint (monitor, &g_array_index (monitor->breakpoints, Breakpoint, i));
      if (monitor->breakpoints->len == 0)
        puts (_ ("there are no breakpoints"));
      return VMT_MONITOR_STAY;
    }
  if (!vmt_quiet_begin (&quiet, monitor->machine, error))
    return VMT_MONITOR_FAILED;
  good = vmt_monitor_parse_address (monitor, word, &breakpoint.gva, error) &&
         cop_machine_add_breakpoint (monitor->machine, breakpoint.gva, error);
  if (good)
    {
      breakpoint.number = ++monitor->last_breakpoint;
      g_array_append_val (monitor->breakpoints, breakpoint);
      print_breakpoint (monitor, &breakpoint);
    }
  return vmt_quiet_end (&quiet, good ? VMT_MONITOR_STAY : VMT_MONITOR_FAILED, error);
}

/* Removes those that @number names; 0 is all. */
static bool
delete_breakpoints (VmtMonitor *monitor, uint64_t number, GError **error)
{
  bool found = number == 0;

  for (guint i = monitor->breakpoints->len; i-- > 0;)
    {
      const Breakpoint *breakpoint = &g_array_index (monitor->breakpoints, Breakpoint, i);

      if (number != 0 && breakpoint->number != number)
        continue;
      if (!cop_machine_remove_breakpoint (monitor->machine, breakpoint->gva, error))
        return false;
      g_array_remove_index (monitor->breakpoints, i);
      found = true;
    }
  if (!found)
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("there is no breakpoint %" PRIu64 "; 'break' lists them"), number);
  return found;
}

VmtMonitorResult
vmt_monitor_delete (VmtMonitor *monitor, const char *const *arguments, GError **error)
{
  const char *word = NULL;
  uint64_t number = 0;
  VmtQuiet quiet;
  bool good;

  if (!vmt_monitor_take_arguments (arguments, 1, 1, &word, error) ||
      (strcmp (word, "all") != 0 && !vmt_monitor_parse_number (word, &number, error)) ||
      !vmt_quiet_begin (&quiet, monitor->machine, error))
    return VMT_MONITOR_FAILED;
  if (number == 0 && strcmp (word, "all") != 0)
    number = UINT64_MAX;
  good = delete_breakpoints (monitor, number, error);
  return vmt_quiet_end (&quiet, good ? VMT_MONITOR_STAY : VMT_MONITOR_FAILED, error);
}

/* ---- steps ---- */

VmtMonitorResult
vmt_monitor_step (VmtMonitor *monitor, const char *const *arguments, GError **error)
{
  const char *words[2] = { NULL, NULL };
  uint64_t n = 1;
  CopHart *hart;
  CopStep how;

  if (!vmt_monitor_take_arguments (arguments, 0, 2, words, error) ||
      (words[0] != NULL && !vmt_monitor_parse_number (words[0], &n, error)) ||
      !vmt_monitor_take_hart (monitor->machine, words[1], &hart, error))
    return VMT_MONITOR_FAILED;
  if (n > STEPS_MAX)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("%" PRIu64 " steps are too many; at most %d"),
                   n, STEPS_MAX);
      return VMT_MONITOR_FAILED;
    }
  /* A step leaves the machine paused, whatever it was. */
  if (!cop_machine_pause (monitor->machine, error) ||
      !cop_machine_step (monitor->machine, hart->id, n, &how, error))
    return VMT_MONITOR_FAILED;
  follow_kernel (monitor);
  switch (how)
    {
    case COP_STEP_DONE:
      break;
    case COP_STEP_BREAKPOINT:
      vmt_monitor_tell_stop (monitor, hart->id, hart->s.pc);
      return VMT_MONITOR_STAY;
    case COP_STEP_WAITS:
      printf (_ ("hart %u waits for what does not come while time stands still; 'continue' lets "
                 "it go on\n"),
              hart->id);
      break;
    case COP_STEP_ENDED:
      if (cop_machine_status (monitor->machine) == COP_MACHINE_ENDED)
        {
          puts (_ ("the machine ended"));
          return VMT_MONITOR_LEAVE;
        }
      puts (_ ("the guest reset the machine"));
      break;
    }
  if (vmt_monitor_print_insn (monitor, hart, hart->s.pc) == 0)
    printf (_ ("nothing can be fetched from 0x%" PRIx64 "\n"), hart->s.pc);
  return VMT_MONITOR_STAY;
}
