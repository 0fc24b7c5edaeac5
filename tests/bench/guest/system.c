/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the kernel does for programs: system calls, page faults, processes, signals, pipes.
 */
#include "bench.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool
run_syscalls (uint64_t iterations)
{
  long parent = getppid ();

  for (uint64_t i = 0; i < iterations * 100; i++)
    if (syscall (SYS_getppid) != parent)
      return false;
  return true;
}

#define FAULT_PAGES 1024

static bool
run_faults (uint64_t iterations)
{
  for (uint64_t i = 0; i < iterations; i++)
    {
      volatile uint8_t *memory = mmap (NULL, FAULT_PAGES * 4096, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

      if (memory == MAP_FAILED)
        return false;
      madvise ((void *) memory, FAULT_PAGES * 4096, MADV_NOHUGEPAGE);
      for (int page = 0; page < FAULT_PAGES; page++)
        memory[page * 4096] = 1;
      munmap ((void *) memory, FAULT_PAGES * 4096);
    }
  return true;
}

static bool
run_forks (uint64_t iterations)
{
  for (uint64_t i = 0; i < iterations; i++)
    {
      int   status = 0;
      pid_t child = fork ();

      if (child < 0)
        return false;
      if (child == 0)
        _exit (7);
      if (waitpid (child, &status, 0) != child || WEXITSTATUS (status) != 7)
        return false;
    }
  return true;
}

static bool
run_execs (uint64_t iterations)
{
  for (uint64_t i = 0; i < iterations; i++)
    {
      int   status = 0;
      pid_t child = fork ();

      if (child < 0)
        return false;
      if (child == 0)
        {
          execl ("/proc/self/exe", "bench", "true", NULL);
          _exit (1);
        }
      if (waitpid (child, &status, 0) != child || status != 0)
        return false;
    }
  return true;
}

static volatile sig_atomic_t signals_seen;

static void
count_signal (int number)
{
  (void) number;
  signals_seen++;
}

static bool
prepare_signals (void)
{
  struct sigaction action = { .sa_handler = count_signal };

  return sigaction (SIGUSR1, &action, NULL) == 0;
}

static bool
run_signals (uint64_t iterations)
{
  pid_t self = getpid ();

  signals_seen = 0;
  for (uint64_t i = 0; i < iterations * 10; i++)
    kill (self, SIGUSR1);
  return (uint64_t) signals_seen == iterations * 10;
}

/* One byte to a child and back, @iterations times 10. */
static bool
run_pipes (uint64_t iterations)
{
  int   there[2], back[2], status;
  char  byte = 'x';
  bool  ok = true;
  pid_t child;

  if (pipe (there) != 0 || pipe (back) != 0)
    return false;
  child = fork ();
  if (child < 0)
    return false;
  if (child == 0)
    {
      close (there[1]);
      close (back[0]);
      while (read (there[0], &byte, 1) == 1)
        if (write (back[1], &byte, 1) != 1)
          _exit (1);
      _exit (0);
    }
  close (there[0]);
  close (back[1]);
  for (uint64_t i = 0; ok && i < iterations * 10; i++)
    ok = write (there[1], &byte, 1) == 1 && read (back[0], &byte, 1) == 1;
  close (there[1]);
  close (back[0]);
  waitpid (child, &status, 0);
  return ok && status == 0;
}

const Bench system_benches[] = {
  { "syscalls", "k/s", 0.1, .run = run_syscalls },
  { "faults", "k/s", FAULT_PAGES * 1e-3, .run = run_faults },
  { "forks", "/s", 1, .run = run_forks },
  { "execs", "/s", 1, .run = run_execs },
  { "signals", "k/s", 0.01, .run = run_signals, .prepare = prepare_signals },
  { "pipes", "k/s", 0.01, .run = run_pipes },
  { "pipes_any_cpu", "k/s", 0.01, .run = run_pipes, .any_cpu = true },
  BENCH_END,
};
