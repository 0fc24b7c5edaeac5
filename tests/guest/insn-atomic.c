/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A: each AMO in both widths, LR/SC with and without the reservation, faults.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 13
 */
#include "guest.h"

static uint64_t word __attribute__ ((aligned (64)));

#define AMO(insn, before, operand, after)                                                          \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_;                                                                                 \
      word = before;                                                                               \
      __asm__ volatile (#insn " %0, %1, (%2)"                                                      \
                        : "=r"(d_)                                                                 \
                        : "r"((uint64_t) (operand)), "r"(&word)                                    \
                        : "memory");                                                               \
      CHECK_EQ (d_, before);                                                                       \
      CHECK_EQ (word, after);                                                                      \
    }                                                                                              \
  while (0)
/* The old word comes back sign-extended; the upper half of memory stays. */
#define AMOW(insn, before, operand, after)                                                         \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_;                                                                                 \
      word = 0x5555555500000000ul | (uint32_t) (before);                                           \
      __asm__ volatile (#insn " %0, %1, (%2)"                                                      \
                        : "=r"(d_)                                                                 \
                        : "r"(0xaaaaaaaa00000000ul | (operand)), "r"(&word)                        \
                        : "memory");                                                               \
      CHECK_EQ (d_, (int64_t) (int32_t) (before));                                                 \
      CHECK_EQ (word, 0x5555555500000000ul | (uint32_t) (after));                                  \
    }                                                                                              \
  while (0)

#define MIN (1ul << 63)

static void
test_amo (void)
{
  AMO (amoswap.d, 5, 6, 6);
  AMO (amoadd.d, ~0ul, 1, 0);
  AMO (amoxor.d, 0xff, 0x0f, 0xf0);
  AMO (amoand.d, 0xff, 0x0f, 0x0f);
  AMO (amoor.d, 0xf0, 0x0f, 0xff);
  AMO (amomin.d, MIN, 1, MIN);
  AMO (amomin.d, 1, MIN, MIN);
  AMO (amomax.d, MIN, 1, 1);
  AMO (amominu.d, MIN, 1, 1);
  AMO (amomaxu.d, MIN, 1, MIN);
  AMO (amoadd.d.aqrl, 1, 2, 3);
  AMOW (amoswap.w, 0x80000000, 0x7fffffff, 0x7fffffff);
  AMOW (amoadd.w, 0xffffffff, 1, 0);
  AMOW (amoxor.w, 0xff, 0x0f, 0xf0);
  AMOW (amoand.w, 0xff, 0x0f, 0x0f);
  AMOW (amoor.w, 0xf0, 0x0f, 0xff);
  AMOW (amomin.w, 0x80000000, 1, 0x80000000);
  AMOW (amomax.w, 0x80000000, 1, 1);
  AMOW (amominu.w, 0x80000000, 1, 1);
  AMOW (amomaxu.w, 0x80000000, 1, 0x80000000);
}

static void
test_same_registers (void)
{
  uint64_t a;

  word = 7;
  a = 5;
  __asm__ volatile ("amoadd.d %0, %0, (%1)" : "+r"(a) : "r"(&word) : "memory");
  CHECK_EQ (a, 7);
  CHECK_EQ (word, 12);
  /* Without a destination it still happens. */
  __asm__ volatile ("amoswap.d zero, %0, (%1)" : : "r"(3ul), "r"(&word) : "memory");
  CHECK_EQ (word, 3);
}

static void
test_lrsc (void)
{
  static uint64_t other __attribute__ ((aligned (4096)));
  uint64_t        value, failed;

  word = 0x1111111180000000ul;
  __asm__ volatile ("lr.w %0, (%2)\n sc.w %1, %3, (%2)"
                    : "=&r"(value), "=&r"(failed)
                    : "r"(&word), "r"(9ul)
                    : "memory");
  CHECK_EQ (value, 0xffffffff80000000ul);
  CHECK_EQ (failed, 0);
  CHECK_EQ (word, 0x1111111100000009ul);
  /* Used up: the second sc fails and stores nothing. */
  __asm__ volatile ("sc.w %0, %2, (%1)" : "=&r"(failed) : "r"(&word), "r"(1ul) : "memory");
  CHECK (failed != 0);
  CHECK_EQ (word, 0x1111111100000009ul);
  /* Another address. */
  __asm__ volatile ("lr.d zero, (%1)\n sc.d %0, %3, (%2)"
                    : "=&r"(failed)
                    : "r"(&word), "r"(&other), "r"(1ul)
                    : "memory");
  CHECK (failed != 0);
  CHECK_EQ (other, 0);
  /* A failed sc ends the reservation too. */
  __asm__ volatile ("sc.d %0, %2, (%1)" : "=&r"(failed) : "r"(&word), "r"(1ul) : "memory");
  CHECK (failed != 0);
  /* A loop as compilers write it. */
  word = 0;
  for (int i = 0; i < 1000; i++)
    __asm__ volatile ("1: lr.d t0, (%0)\n addi t0, t0, 1\n sc.d t1, t0, (%0)\n bnez t1, 1b"
                      :
                      : "r"(&word)
                      : "memory", "t0", "t1");
  CHECK_EQ (word, 1000);
}

static void
test_faults (void)
{
  /* Of an AMO's two accesses the store's causes are reported. */
  EXPECT_TRAP (STORE_ACCESS, 0x50, "amoadd.d t0, t1, (%[a])", [a] "r"(0x50ul));
  EXPECT_TRAP (LOAD_ACCESS, 0x50, "lr.w t0, (%[a])", [a] "r"(0x50ul));
}

void
test (void)
{
  test_amo ();
  test_same_registers ();
  test_lrsc ();
  test_faults ();
}
