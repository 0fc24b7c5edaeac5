/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Code that is not loops: a large program each instruction of which runs once (made by
 * generate-cold), and code that is rewritten before each call.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* ---- cold code ---- */

/* In the generated file. */
extern uint64_t       cold_run (uint64_t *buffer);
extern const uint64_t cold_instructions, cold_expected;
extern const uint8_t  cold_start[], cold_end[];

/* Of this process: a kernel that has just come up is busy with itself (its cryptography tests itself on
   a thread of the kernel's), for as long as all of this takes. */
static double
processor_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

/* Has a meaning only the first time that the machine sees the program's pages. */
static double
measure_cold (void)
{
  static bool done;
  static uint64_t buffer[512];
  double start, seconds;
  uint64_t result;
  unsigned sum = 0;

  if (done)
    return cold_instructions / 1e6 / 1e9;       /* an absurd figure rather than a warm one */
  done = true;
  /* Page the text in first: this is about code, not about page faults. */
  for (const uint8_t *page = cold_start; page < cold_end; page += 4096)
    sum += *(const volatile uint8_t *) page;
  bench_opaque (sum);
  for (int i = 0; i < 512; i++)
    buffer[i] = i * UINT64_C (0x0123456789abcdef);
  start = processor_seconds ();
  result = cold_run (buffer);
  seconds = processor_seconds () - start;
  return result == cold_expected ? cold_instructions / 1e6 / seconds : -1;
}

/* ---- code that rewrites itself ---- */

static uint8_t *patch_area;

static bool
prepare_patch (void)
{
  if (patch_area == NULL)
    {
      void *memory = mmap (NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

      if (memory == MAP_FAILED)
        return false;
      patch_area = memory;
    }
  return true;
}

#if defined(__riscv)
/* addi a0, a0, IMM; ret */
static void
patch (unsigned value)
{
  volatile uint32_t *code = (volatile uint32_t *) patch_area;

  code[0] = value << 20 | 0x00050513;
  code[1] = 0x00008067;
  /* The thread is bound to one CPU, where the plain instruction is enough. */
  __asm__ volatile ("fence.i" : : : "memory");
}
#elif defined(__x86_64__)
/* lea rax, [rdi + IMM]; ret */
static void
patch (unsigned value)
{
  volatile uint32_t *immediate = (volatile uint32_t *) (patch_area + 4);

  patch_area[1] = 0x48;
  patch_area[2] = 0x8d;
  patch_area[3] = 0x87;
  *immediate = value;
  patch_area[8] = 0xc3;
  __asm__ volatile ("" : : : "memory");
}
#else
#error "add the patched function for this architecture"
#endif

static bool
run_patch (uint64_t iterations)
{
#if defined(__x86_64__)
  uint64_t (*function) (uint64_t) = (uint64_t (*) (uint64_t)) (void *) (patch_area + 1);
#else
  uint64_t (*function) (uint64_t) = (uint64_t (*) (uint64_t)) (void *) patch_area;
#endif
  uint64_t sum = 0, expected = 0;

  for (uint64_t i = 0; i < iterations * 100; i++)
    {
      patch (i & 1023);
      sum = function (sum);
      expected += i & 1023;
    }
  return sum == expected;
}

const Bench code_benches[] = {
  { "cold", "M insns/s", 1, .measure = measure_cold },
  { "patch", "k/s", 0.1, .run = run_patch, .prepare = prepare_patch },
  BENCH_END,
};
