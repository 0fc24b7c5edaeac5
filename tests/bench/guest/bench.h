/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the benchmark programs share. The same sources are built natively and for the guest, so that
 * a figure divided by the native one is the share of the host's speed that a guest gets.
 *
 * A benchmark is a row of one of the tables below. Its run() does a number of iterations; the
 * number is doubled until a measurement takes long enough, so that the same binary is usable
 * natively and at a hundredth of that speed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct
{
  const char *name;
  const char *unit;             /* of the figure; a unit of time means lower is better */
  /* Work units of one iteration, scaled to the unit: 1e-6 for millions. For a unit of time: units
     of work that the time is divided by, and the unit in seconds is in `unit_seconds`. */
  double      work;
  double      unit_seconds;     /* 0: the figure is a rate */
  /* Does the work @iterations times. False when the result is wrong. */
  bool      (*run) (uint64_t iterations);
  /* Allocates and fills, outside the measurement; called once. */
  bool      (*prepare) (void);
  /* Instead of run: measures by itself; returns the figure, negative on failure. */
  double    (*measure) (void);
  bool        any_cpu;          /* not pinned to the first CPU */
} Bench;

#define BENCH_END { NULL }

/* Each ends with BENCH_END. */
extern const Bench integer_benches[];
extern const Bench control_benches[];
extern const Bench float_benches[];
extern const Bench memory_benches[];
extern const Bench code_benches[];
extern const Bench system_benches[];
extern const Bench atomic_benches[];

/* Seconds of the monotonic clock. */
double bench_now (void);

/* Binds the caller to one CPU, or with -1 to all. False when there is no such CPU. */
bool bench_pin (int cpu);

/* A value the compiler cannot see through. */
static inline uint64_t
bench_opaque (uint64_t value)
{
  __asm__ volatile ("" : "+r" (value));
  return value;
}

/* Makes the compiler believe that memory is read. */
static inline void
bench_use (const void *memory)
{
  __asm__ volatile ("" : : "r" (memory) : "memory");
}

/* A small deterministic generator, so that all builds work on the same data. */
static inline uint64_t
bench_random (uint64_t *state)
{
  uint64_t z = (*state += UINT64_C (0x9e3779b97f4a7c15));

  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* The other faces of the program, when it is the guest's init. See init.c. */
int guest_init (int argc, char **argv);
/* All benchmarks that @names name (all when there are none), @runs times each. */
int bench_suite (int runs, int n_names, char **names);
/* See disk.c, net.c and programs.c. Each prints figures in the form of the suite. */
int bench_disk (int argc, char **argv);
int bench_net (int argc, char **argv);
int bench_programs (int argc, char **argv);
void bench_print (const char *name, double value, const char *unit);
