/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the kernel knows of a machine's process.
 *
 * Source: proc(5): /proc/PID/stat, statm; Linux Documentation/scheduler/sched-stats.rst: schedstat
 */
#include "driver/vm-private.h"

#include "common/fd.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND UINT64_C (1000000000)

/* Fields of /proc/PID/stat behind the name in brackets, counted from 0. */
#define STAT_UTIME 11
#define STAT_STIME 12

/* The longest of the files is stat, with 52 numbers and a name. */
#define PROC_SIZE 1536

/* How long what the kernel counts in ticks, or page by page, is told again without being read. Many
   clients that poll many machines then cost little more than one. */
#define FRESH_US (50 * G_TIME_SPAN_MILLISECOND)

/* Reads a small file below /proc, whole and with one read: it is made when it is read, and clients
   that poll many machines have that done thousands of times a second. */
static bool
read_proc (const char *path, char text[PROC_SIZE])
{
  cop_autofd int fd = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t length;

  if (fd < 0)
    return false;
  do
    length = read (fd, text, PROC_SIZE - 1);
  while (length < 0 && errno == EINTR);
  text[MAX (length, 0)] = '\0';
  return length > 0;
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
  char text[PROC_SIZE];
  const char *at;
  uint64_t ticks[2];

  if (!read_proc (path, text) || (at = strrchr (text, ')')) == NULL)
    return false;
  at++;
  for (int field = 0; field <= STAT_STIME && at != NULL; field++)
    {
      if (field == STAT_UTIME || field == STAT_STIME)
        ticks[field - STAT_UTIME] = g_ascii_strtoull (at + 1, NULL, 10);
      at = strchr (at + 1, ' ');
    }
  if (at == NULL)
    return false;
  times->user_ns = ticks_to_ns (ticks[0]);
  times->system_ns = ticks_to_ns (ticks[1]);
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
  int64_t now = g_get_monotonic_time ();
  uint64_t total = cop_vm_total_ns (vm);
  char path[32];
  bool fresh;

  g_mutex_lock (&vm->lock);
  *times = vm->ticks;
  fresh = vm->ticks_at != 0 && now - vm->ticks_at < FRESH_US;
  g_mutex_unlock (&vm->lock);
  if (!fresh)
    {
      g_snprintf (path, sizeof path, "/proc/%d/stat", (int) vm->pid);
      if (!read_stat (path, times))
        *times = (CopVmTimes){ 0 };
      g_mutex_lock (&vm->lock);
      vm->ticks = *times;
      vm->ticks_at = now;
      g_mutex_unlock (&vm->lock);
    }
  /* The clock is finer than ticks, and says whether the process is there. */
  if (total != 0)
    times->total_ns = total;
  else
    *times = (CopVmTimes){ 0 };
  return total != 0;
}

bool
cop_vm_hart_times (CopVm *vm, unsigned hart, CopVmTimes *times)
{
  uint64_t thread = hart < COP_MAX_HARTS && vm->counters != NULL
                      ? COP_COUNTER (vm->counters->harts[hart].thread)
                      : 0;
  char path[64], text[PROC_SIZE], *end;

  *times = (CopVmTimes){ 0 };
  if (cop_vm_status (vm) == COP_VM_GONE)
    return false;
  /* A hart that was never let run. */
  if (thread == 0)
    return true;
  g_snprintf (path, sizeof path, "/proc/%d/task/%" G_GUINT64_FORMAT "/schedstat", (int) vm->pid,
              thread);
  if (read_proc (path, text))
    {
      times->total_ns = g_ascii_strtoull (text, &end, 10);
      times->wait_ns = g_ascii_strtoull (end, NULL, 10);
      return true;
    }
  /* A kernel without it counts in ticks. */
  g_snprintf (path, sizeof path, "/proc/%d/task/%" G_GUINT64_FORMAT "/stat", (int) vm->pid, thread);
  return read_stat (path, times);
}

uint64_t
cop_vm_resident (CopVm *vm)
{
  int64_t now = g_get_monotonic_time ();
  uint64_t resident;
  char path[32], text[PROC_SIZE];
  const char *pages;
  bool fresh;

  if (cop_vm_status (vm) == COP_VM_GONE)
    return 0;
  g_mutex_lock (&vm->lock);
  resident = vm->resident;
  fresh = vm->resident_at != 0 && now - vm->resident_at < FRESH_US;
  g_mutex_unlock (&vm->lock);
  if (fresh)
    return resident;
  g_snprintf (path, sizeof path, "/proc/%d/statm", (int) vm->pid);
  pages = read_proc (path, text) ? strchr (text, ' ') : NULL;
  resident =
    pages != NULL ? g_ascii_strtoull (pages + 1, NULL, 10) * (uint64_t) sysconf (_SC_PAGESIZE) : 0;
  g_mutex_lock (&vm->lock);
  vm->resident = resident;
  vm->resident_at = now;
  g_mutex_unlock (&vm->lock);
  return resident;
}
