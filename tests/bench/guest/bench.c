/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The multi-call benchmark program.
 *
 *   bench list                       names and units
 *   bench suite [--runs N] [NAME...] measure; prints `name value unit`, one line per run
 *   bench true                       exits: what the fork+exec benchmark starts
 *   bench disk|net|programs ...      see the files of these names
 *
 * As process 1 it is the guest's init: the words after `--` on the kernel command line are its
 * arguments, and it powers the machine off at the end. See init.c.
 */
#include "bench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A measurement must take this long to count: long against a timer tick at a hundredth of the
   native speed, short enough for a suite of forty. */
#define LONG_ENOUGH_S 0.5

/* In this order they run: cold code on a machine that has done little else, fork before the tables
   that make the process large. */
static const Bench *const tables[] = {
  code_benches,  system_benches,  atomic_benches, integer_benches,
  float_benches, control_benches, memory_benches,
};
#define N_TABLES (sizeof (tables) / sizeof (tables[0]))

double
bench_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

bool
bench_pin (int cpu)
{
  cpu_set_t set;

  CPU_ZERO (&set);
  for (int i = 0; i < CPU_SETSIZE; i++)
    if (cpu < 0 || i == cpu)
      CPU_SET (i, &set);
  return sched_setaffinity (0, sizeof (set), &set) == 0;
}

void
bench_print (const char *name, double value, const char *unit)
{
  printf ("%s %.6g %s\n", name, value, unit);
  fflush (stdout);
}

/* Doubles the iterations until they take long enough. Negative on failure. */
static double
measure (const Bench *bench)
{
  for (uint64_t iterations = 1;;)
    {
      double start = bench_now ();
      double seconds;

      if (!bench->run (iterations))
        return -1;
      seconds = bench_now () - start;
      if (seconds >= LONG_ENOUGH_S)
        return bench->unit_seconds > 0 ? seconds / (iterations * bench->work) / bench->unit_seconds
                                       : iterations * bench->work / seconds;
      /* Once the clock says something, aim at the target and a bit; until then double. */
      if (seconds > LONG_ENOUGH_S / 20)
        iterations = iterations * (LONG_ENOUGH_S * 1.15 / seconds) + 1;
      else
        iterations *= seconds > LONG_ENOUGH_S / 500 ? 8 : 16;
    }
}

static bool
is_named (const Bench *bench, int n_names, char **names)
{
  for (int i = 0; i < n_names; i++)
    if (strcmp (names[i], bench->name) == 0)
      return true;
  return n_names == 0;
}

int
bench_suite (int runs, int n_names, char **names)
{
  int failures = 0;

  for (size_t t = 0; t < N_TABLES; t++)
    for (const Bench *bench = tables[t]; bench->name != NULL; bench++)
      {
        if (!is_named (bench, n_names, names))
          continue;
        bench_pin (bench->any_cpu ? -1 : 0);
        if (bench->prepare != NULL && !bench->prepare ())
          {
            printf ("# %s: cannot be run here\n", bench->name);
            continue;
          }
        for (int run = 0; run < runs; run++)
          {
            double value = bench->measure != NULL ? bench->measure () : measure (bench);

            if (value < 0)
              {
                printf ("# %s: WRONG RESULT\n", bench->name);
                failures++;
                break;
              }
            bench_print (bench->name, value, bench->unit);
          }
      }
  return failures > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
list (void)
{
  for (size_t t = 0; t < N_TABLES; t++)
    for (const Bench *bench = tables[t]; bench->name != NULL; bench++)
      printf ("%s %s\n", bench->name, bench->unit);
  return EXIT_SUCCESS;
}

static int
suite_main (int argc, char **argv)
{
  int runs = 1;

  if (argc >= 2 && strcmp (argv[0], "--runs") == 0)
    {
      runs = atoi (argv[1]);
      argc -= 2;
      argv += 2;
    }
  return bench_suite (runs, argc, argv);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    int       (*main) (int argc, char **argv);
  } calls[] = {
    { "suite", suite_main },
    { "disk", bench_disk },
    { "net", bench_net },
    { "programs", bench_programs },
  };

  if (argc >= 2 && strcmp (argv[1], "true") == 0)
    return EXIT_SUCCESS;
  setvbuf (stdout, NULL, _IOLBF, 0);
  if (getpid () == 1)
    return guest_init (argc, argv);
  if (argc >= 2 && strcmp (argv[1], "list") == 0)
    return list ();
  for (size_t i = 0; argc >= 2 && i < sizeof (calls) / sizeof (calls[0]); i++)
    if (strcmp (argv[1], calls[i].name) == 0)
      return calls[i].main (argc - 2, argv + 2);
  fprintf (stderr, "usage: bench list | suite [--runs N] [NAME...] | disk | net | programs\n");
  return 2;
}
