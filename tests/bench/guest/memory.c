/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory: copies and a triad between buffers a power of two apart (as they come from mmap, and
 * where a TLB indexed by plain low bits has them evict each other), and chains of dependent loads.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define KIB UINT64_C (1024)
#define MIB (1024 * KIB)
#define ARENA (64 * MIB)

static uint8_t *arena;

static bool
prepare_arena (void)
{
  if (arena == NULL)
    {
      uint8_t *memory = mmap (NULL, 2 * ARENA, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

      if (memory == MAP_FAILED)
        return false;
      /* Small pages: what a guest gets for most of its memory. */
      madvise (memory, 2 * ARENA, MADV_NOHUGEPAGE);
      arena = (uint8_t *) (((uintptr_t) memory + ARENA - 1) & ~(uintptr_t) (ARENA - 1));
    }
  return true;
}

static void
touch (uint64_t bytes)
{
  memset (arena, 1, bytes);
}

static __attribute__ ((noinline)) void
copy_words (uint64_t *restrict to, const uint64_t *restrict from, uint64_t bytes)
{
  for (uint64_t i = 0; i < bytes / 8; i += 4)
    {
      uint64_t a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];

      to[i] = a;
      to[i + 1] = b;
      to[i + 2] = c;
      to[i + 3] = d;
    }
}

static bool
copy (uint64_t iterations, uint64_t bytes)
{
  for (uint64_t i = 0; i < iterations; i++)
    {
      copy_words ((uint64_t *) (arena + bytes), (uint64_t *) arena, bytes);
      bench_use (arena);
    }
  return arena[bytes * 2 - 1] == arena[bytes - 1];
}

static bool
prepare_copy_64k (void)
{
  if (prepare_arena ())
    touch (128 * KIB);
  return arena != NULL;
}

static bool
run_copy_64k (uint64_t iterations)
{
  return copy (iterations, 64 * KIB);
}

static bool
prepare_copy_16m (void)
{
  if (prepare_arena ())
    touch (32 * MIB);
  return arena != NULL;
}

static bool
run_copy_16m (uint64_t iterations)
{
  return copy (iterations, 16 * MIB);
}

#define TRIAD_COUNT (16 * MIB / sizeof (double))

static bool
prepare_triad (void)
{
  if (prepare_arena ())
    {
      double *values = (double *) arena;

      for (uint64_t i = 0; i < 3 * TRIAD_COUNT; i++)
        values[i] = (double) (i & 1023);
    }
  return arena != NULL;
}

static bool
run_triad (uint64_t iterations)
{
  double *a = (double *) arena, *b = a + TRIAD_COUNT, *c = b + TRIAD_COUNT;

  for (uint64_t n = 0; n < iterations; n++)
    {
      double factor = 3.0;

      __asm__ volatile ("" : "+m" (factor));
      for (uint64_t i = 0; i < TRIAD_COUNT; i++)
        a[i] = b[i] + factor * c[i];
      bench_use (a);
    }
  return a[5] == b[5] + 3.0 * c[5];
}

/* ---- chases: one load after another, each telling the place of the next ---- */

#define LINE 64
#define CHASE_STEPS 4096

static void **chase_at;

/* Links all lines of @bytes into one ring: the full-period sequence of a linear congruence modulo a
   power of two, whose neighbours are far apart. */
static bool
link_ring (uint64_t bytes)
{
  uint64_t lines = bytes / LINE;
  uint64_t at = 0;

  if (!prepare_arena ())
    return false;
  for (uint64_t i = 0; i < lines; i++)
    {
      uint64_t next = (at * 1664525 + 1013904223) & (lines - 1);

      *(void **) (arena + at * LINE) = arena + next * LINE;
      at = next;
    }
  chase_at = (void **) arena;
  return at == 0;
}

static bool
prepare_chase_32k (void)
{
  return link_ring (32 * KIB);
}

static bool
prepare_chase_1m (void)
{
  return link_ring (1 * MIB);
}

static bool
prepare_chase_64m (void)
{
  return link_ring (64 * MIB);
}

static bool
run_chase (uint64_t iterations)
{
  void **at = chase_at;

  for (uint64_t i = 0; i < iterations * (CHASE_STEPS / 8); i++)
    {
      at = *at;
      at = *at;
      at = *at;
      at = *at;
      at = *at;
      at = *at;
      at = *at;
      at = *at;
    }
  chase_at = at;
  return at != NULL;
}

const Bench memory_benches[] = {
  { "copy_64k", "MB/s", 64 * KIB / 1e6, .run = run_copy_64k, .prepare = prepare_copy_64k },
  { "copy_16m", "MB/s", 16 * MIB / 1e6, .run = run_copy_16m, .prepare = prepare_copy_16m },
  { "triad_16m", "MB/s", 48 * MIB / 1e6, .run = run_triad, .prepare = prepare_triad },
  { "chase_32k", "ns", CHASE_STEPS, 1e-9, .run = run_chase, .prepare = prepare_chase_32k },
  { "chase_1m", "ns", CHASE_STEPS, 1e-9, .run = run_chase, .prepare = prepare_chase_1m },
  { "chase_64m", "ns", CHASE_STEPS, 1e-9, .run = run_chase, .prepare = prepare_chase_64m },
  BENCH_END,
};
