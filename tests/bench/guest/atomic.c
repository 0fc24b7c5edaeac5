/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Atomic additions: one hart alone, and two that fight for one word.
 */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>

#define BATCH 1000

static uint64_t counter __attribute__ ((aligned (64)));

static void
add_atomically (uint64_t times)
{
  for (uint64_t i = 0; i < times; i++)
    __atomic_fetch_add (&counter, 1, __ATOMIC_RELAXED);
}

static bool
run_one (uint64_t iterations)
{
  counter = 0;
  add_atomically (iterations * BATCH);
  return counter == iterations * BATCH;
}

typedef struct
{
  int      cpu;
  uint64_t times;
} Fighter;

static int fighters_ready;

static void *
fight (void *data)
{
  const Fighter *fighter = data;

  bench_pin (fighter->cpu);
  __atomic_fetch_add (&fighters_ready, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n (&fighters_ready, __ATOMIC_SEQ_CST) < 2)
    ;
  add_atomically (fighter->times);
  return NULL;
}

static bool
prepare_two (void)
{
  bool has_two = bench_pin (1);

  bench_pin (0);
  return has_two;
}

static bool
run_two (uint64_t iterations)
{
  uint64_t  each = iterations * BATCH;
  Fighter   first = { 0, each }, second = { 1, each };
  pthread_t thread;

  counter = 0;
  fighters_ready = 0;
  if (pthread_create (&thread, NULL, fight, &second) != 0)
    return false;
  fight (&first);
  pthread_join (thread, NULL);
  return counter == each * 2;
}

const Bench atomic_benches[] = {
  { "atomics_one", "M/s", BATCH * 1e-6, .run = run_one },
  { "atomics_two", "M/s", 2 * BATCH * 1e-6, .run = run_two, .prepare = prepare_two },
  BENCH_END,
};
