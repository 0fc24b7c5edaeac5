/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Several harts on the same words: AMOs of each kind and width, LR/SC loops, a lock made of them, and a
 * mix of AMO, LR/SC and plain stores to one line; no update may be lost.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 13
 */
#include "guest.h"

#define HARTS 4
#define TURNS 20000

static uint64_t counter_amo, counter_lrsc, counter_mixed, protected_count, lock;
static uint32_t halves[2] __attribute__ ((aligned (8)));
static uint64_t bits, low = -1ul, high, swapped, swap_sum;
static volatile unsigned ready, finished;

static void
add_lrsc (uint64_t *word, uint64_t by)
{
  __asm__ volatile ("1: lr.d t0, (%0)\n add t0, t0, %1\n sc.d t1, t0, (%0)\n bnez t1, 1b"
                    :
                    : "r"(word), "r"(by)
                    : "t0", "t1", "memory");
}

static void
add_lrsc_word (uint32_t *word, uint32_t by)
{
  __asm__ volatile ("1: lr.w t0, (%0)\n addw t0, t0, %1\n sc.w t1, t0, (%0)\n bnez t1, 1b"
                    :
                    : "r"(word), "r"((uint64_t) by)
                    : "t0", "t1", "memory");
}

static void
work (uint64_t id)
{
  uint64_t sum = 0;

  __atomic_fetch_add (&ready, 1, __ATOMIC_SEQ_CST);
  while (ready < HARTS)
    relax ();
  for (uint64_t i = 0; i < TURNS; i++)
    {
      uint64_t old;

      __asm__ volatile ("amoadd.d zero, %1, (%0)" : : "r"(&counter_amo), "r"(1ul) : "memory");
      add_lrsc (&counter_lrsc, 1);
      if ((i ^ id) & 1)
        add_lrsc (&counter_mixed, 1);
      else
        __asm__ volatile ("amoadd.d zero, %1, (%0)" : : "r"(&counter_mixed), "r"(1ul) : "memory");
      /* Neighbouring words of one doubleword, one by AMO and one by LR/SC. */
      __asm__ volatile ("amoadd.w zero, %1, (%0)" : : "r"(&halves[0]), "r"(3ul) : "memory");
      add_lrsc_word (&halves[1], 5);
      if (i % 16 == 0)
        {
          /* A lock: acquire, change something plain, release. */
          __asm__ volatile ("li t0, 1\n1: amoswap.d.aq t1, t0, (%0)\n bnez t1, 1b"
                            :
                            : "r"(&lock)
                            : "t0", "t1", "memory");
          protected_count++;
          __asm__ volatile ("amoswap.d.rl zero, zero, (%0)" : : "r"(&lock) : "memory");
        }
      __asm__ volatile ("amomin.d zero, %1, (%0)" : : "r"(&low), "r"(i * 2 + id - 100) : "memory");
      __asm__ volatile ("amomaxu.d zero, %1, (%0)" : : "r"(&high), "r"(i * HARTS + id) : "memory");
      /* What is swapped in comes out exactly once. */
      __asm__ volatile ("amoswap.d %0, %2, (%1)"
                        : "=r"(old)
                        : "r"(&swapped), "r"(i * HARTS + id + 1)
                        : "memory");
      sum += old;
    }
  __asm__ volatile ("amoor.d zero, %1, (%0)" : : "r"(&bits), "r"(1ul << id) : "memory");
  __atomic_fetch_add (&swap_sum, sum, __ATOMIC_SEQ_CST);
  __atomic_fetch_add (&finished, 1, __ATOMIC_SEQ_CST);
}

void
hart_main (uint64_t id)
{
  if (id < HARTS)
    work (id);
  for (;;)
    __asm__ volatile ("wfi");
}

void
test (void)
{
  uint64_t total = (uint64_t) TURNS * HARTS;

  work (0);
  while (finished < HARTS)
    relax ();
  CHECK_EQ (counter_amo, total);
  CHECK_EQ (counter_lrsc, total);
  CHECK_EQ (counter_mixed, total);
  CHECK_EQ (halves[0], (uint32_t) (total * 3));
  CHECK_EQ (halves[1], (uint32_t) (total * 5));
  CHECK_EQ (protected_count, (TURNS + 15) / 16 * HARTS);
  CHECK_EQ (low, -100ul);
  CHECK_EQ (high, total - 1);
  CHECK_EQ (bits, (1 << HARTS) - 1);
  CHECK_EQ (swap_sum + swapped, total * (total + 1) / 2);
}
