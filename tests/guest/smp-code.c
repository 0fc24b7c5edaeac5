/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Several harts: one changes code and tells the others, who run it after their own fence.i; between
 * that they may see the old or the new instruction and nothing else.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 5
 */
#include "guest.h"

#define ROUNDS 60
#define HARTS 4
#define RET 0x00008067
#define LI_A0(n) ((uint32_t) (n) << 20 | 0x00000513)

static uint32_t          code[PAGE / 4] __attribute__ ((aligned (4096)));
static volatile unsigned round_no, done[HARTS], stopped;

static uint64_t
call (void)
{
  return ((uint64_t (*) (void)) code) ();
}

void
hart_main (uint64_t id)
{
  trap_clear ();
  if (id >= HARTS)
    for (;;)
      __asm__ volatile ("wfi");
  for (unsigned seen = 0; !stopped;)
    {
      unsigned now = __atomic_load_n (&round_no, __ATOMIC_ACQUIRE);

      if (now == seen)
        {
          /* Keep the old code warm meanwhile: no torn or foreign instruction may run. */
          if (seen > 0)
            {
              uint64_t result = call ();

              CHECK (result == seen || result == seen + 1);
            }
          relax ();
          continue;
        }
      seen = now;
      __asm__ volatile ("fence.i" : : : "memory");
      CHECK_EQ (call (), seen);
      __atomic_store_n (&done[id], seen, __ATOMIC_RELEASE);
    }
  for (;;)
    __asm__ volatile ("wfi");
}

void
test (void)
{
  code[1] = RET;
  for (unsigned i = 1; i <= ROUNDS; i++)
    {
      uint64_t deadline = csr_read (time) + 600000000;

      __atomic_store_n (&code[0], LI_A0 (i), __ATOMIC_RELAXED);
      __atomic_store_n (&round_no, i, __ATOMIC_RELEASE);
      __asm__ volatile ("fence.i" : : : "memory");
      CHECK_EQ (call (), i);
      for (unsigned hart = 1; hart < HARTS; hart++)
        while (__atomic_load_n (&done[hart], __ATOMIC_ACQUIRE) != i)
          {
            CHECK (csr_read (time) < deadline);
            relax ();
          }
    }
  stopped = 1;
}
