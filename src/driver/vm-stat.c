/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the kernel knows of a machine's process.
 *
 * Source: proc(5): /proc/PID/stat, statm; Linux Documentation/scheduler/sched-stats.rst: schedstat
 */
#include "driver/vm-private.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND UINT64_C (1000000000)

/* Fields of /proc/PID/stat behind the name in brackets, counted from 0. */
#define STAT_UTIME 11
#define STAT_STIME 12

/* Reads a small file below /proc. Returns: (transfer full) (nullable) */
static char *
read_proc (const char *path)
{
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? text : NULL;
}

static uint64_t
ticks_to_ns (uint64_t ticks)
{
  static long per_second;

  if (per_second == 0)
    per_second = MAX (sysconf (_SC_CLK_TCK), 1);
  return ticks * (NS_PER_SECOND / (uint64_t) per_second);
}

/* Fills user and system time from a stat file. */
static bool
read_stat (const char *path, CopVmTimes *times)
{
  g_autofree char *text = read_proc (path);
  const char *behind_name = text != NULL ? strrchr (text, ')') : NULL;
  g_auto (GStrv) fields = NULL;

  if (behind_name == NULL || behind_name[1] != ' ')
    return false;
  fields = g_strsplit (behind_name + 2, " ", STAT_STIME + 2);
  if (g_strv_length (fields) <= STAT_STIME)
    return false;
  times->user_ns = ticks_to_ns (g_ascii_strtoull (fields[STAT_UTIME], NULL, 10));
  times->system_ns = ticks_to_ns (g_ascii_strtoull (fields[STAT_STIME], NULL, 10));
  times->total_ns = times->user_ns + times->system_ns;
  return true;
}

uint64_t
cop_vm_total_ns (CopVm *vm)
{
  struct timespec now;
  clockid_t clock;

  if (cop_vm_status (vm) == COP_VM_GONE || clock_getcpuclockid (vm->pid, &clock) != 0 ||
      clock_gettime (clock, &now) != 0)
    return 0;
  return (uint64_t) now.tv_sec * NS_PER_SECOND + (uint64_t) now.tv_nsec;
}

bool
cop_vm_times (CopVm *vm, CopVmTimes *times)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) vm->pid);
  uint64_t total;

  *times = (CopVmTimes){ 0 };
  if (cop_vm_status (vm) == COP_VM_GONE || !read_stat (path, times))
    return false;
  /* Finer than ticks. */
  total = cop_vm_total_ns (vm);
  if (total != 0)
    times->total_ns = total;
  return true;
}

bool
cop_vm_hart_times (CopVm *vm, unsigned hart, CopVmTimes *times)
{
  uint64_t thread = hart < COP_MAX_HARTS && vm->counters != NULL
                      ? COP_COUNTER (vm->counters->harts[hart].thread)
                      : 0;
  g_autofree char *folder = NULL, *stat = NULL, *schedstat = NULL, *text = NULL;
  unsigned long long run, wait;

  *times = (CopVmTimes){ 0 };
  if (cop_vm_status (vm) == COP_VM_GONE)
    return false;
  /* A hart that was never let run. */
  if (thread == 0)
    return true;
  folder = g_strdup_printf ("/proc/%d/task/%" G_GUINT64_FORMAT, (int) vm->pid, thread);
  stat = g_build_filename (folder, "stat", NULL);
  schedstat = g_build_filename (folder, "schedstat", NULL);
  if (!read_stat (stat, times))
    return false;
  text = read_proc (schedstat);
  if (text != NULL && sscanf (text, "%llu %llu", &run, &wait) == 2)
    {
      times->total_ns = run;
      times->wait_ns = wait;
    }
  return true;
}

uint64_t
cop_vm_resident (CopVm *vm)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/statm", (int) vm->pid);
  g_autofree char *text = cop_vm_status (vm) != COP_VM_GONE ? read_proc (path) : NULL;
  unsigned long long size, resident;

  if (text == NULL || sscanf (text, "%llu %llu", &size, &resident) != 2)
    return 0;
  return (uint64_t) resident * (uint64_t) sysconf (_SC_PAGESIZE);
}
