/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * M: high products of all signs, division by zero and its overflow.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 12
 */
#include "guest.h"

#define MIN (1ul << 63)
#define MAX (MIN - 1)
#define MIN32 0xffffffff80000000ul

#define RR(insn, a, b, expected)                                                                   \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_;                                                                                 \
      __asm__ volatile (#insn " %0, %1, %2" : "=r"(d_) : "r"((uint64_t) (a)), "r"((uint64_t) (b))); \
      CHECK_EQ (d_, expected);                                                                     \
    }                                                                                              \
  while (0)

/* Quotient and remainder of the same: translators do them at once. The second writes over an operand. */
#define PAIR(div, rem, a, b, quotient, remainder)                                                  \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_, x_ = (a), y_ = (b);                                                             \
      __asm__ volatile (#div " %0, %1, %2; " #rem " %1, %1, %2"                                    \
                        : "=&r"(d_), "+r"(x_) : "r"(y_));                                          \
      CHECK_EQ (d_, quotient);                                                                     \
      CHECK_EQ (x_, remainder);                                                                    \
      x_ = (a);                                                                                    \
      __asm__ volatile (#rem " %0, %2, %1; " #div " %1, %2, %1"                                    \
                        : "=&r"(d_), "+r"(y_) : "r"(x_));                                          \
      CHECK_EQ (d_, remainder);                                                                    \
      CHECK_EQ (y_, quotient);                                                                     \
    }                                                                                              \
  while (0)

static void
test_pairs (void)
{
  PAIR (div, rem, -7ul, 2, -3ul, -1ul);
  PAIR (div, rem, -7ul, 0, -1ul, -7ul);
  PAIR (div, rem, MIN, -1ul, MIN, 0);
  PAIR (div, rem, 7, -1ul, -7ul, 0);
  PAIR (divu, remu, -7ul, 2, 0x7ffffffffffffffcul, 1);
  PAIR (divu, remu, -7ul, 0, -1ul, -7ul);
  PAIR (divu, remu, MIN, -1ul, 0, MIN);
  PAIR (divw, remw, 0x80000000ul, 0xffffffff, MIN32, 0);
  PAIR (divw, remw, 0x80000000ul, 0, -1ul, MIN32);
  PAIR (divw, remw, 0x1fffffff9ul, 2, -3ul, -1ul);
  PAIR (divuw, remuw, 0x80000000ul, 1, MIN32, 0);
  PAIR (divuw, remuw, 0xffffffff, 0, -1ul, -1ul);
  PAIR (divuw, remuw, 0xffffffff, 0x10, 0xfffffff, 15);
}

void
test (void)
{
  test_pairs ();
  RR (mul, MIN, -1ul, MIN);
  RR (mul, 0x123456789abcdef0ul, 0x10, 0x23456789abcdef00ul);
  RR (mulh, -1ul, -1ul, 0);
  RR (mulh, MIN, MIN, 1ul << 62);
  RR (mulh, MIN, -1ul, 0);
  RR (mulh, MAX, MIN, 0xc000000000000000ul);
  RR (mulhu, -1ul, -1ul, -2ul);
  RR (mulhu, MIN, 2, 1);
  RR (mulhsu, -1ul, -1ul, -1ul);
  RR (mulhsu, MIN, 2, -1ul);
  RR (mulhsu, 2, MIN, 1);
  RR (mulhsu, 1, -1ul, 0);
  RR (mulw, 0x80000000ul, 0xffffffff, MIN32);
  RR (mulw, 0x10000, 0x8000, MIN32);
  RR (div, -7ul, 2, -3ul);
  RR (div, 7, 0, -1ul);
  RR (div, MIN, -1ul, MIN);
  RR (divu, -7ul, 2, 0x7ffffffffffffffcul);
  RR (divu, 7, 0, -1ul);
  RR (divu, MIN, -1ul, 0);
  RR (rem, -7ul, 2, -1ul);
  RR (rem, 7, -2ul, 1);
  RR (rem, -7ul, 0, -7ul);
  RR (rem, MIN, -1ul, 0);
  RR (remu, -7ul, 0, -7ul);
  RR (remu, MIN, -1ul, MIN);
  RR (divw, 0x80000000ul, 0xffffffff, MIN32);
  RR (divw, 0x100000007ul, 0x200000000ul, -1ul);
  RR (divuw, 0x80000000ul, 1, MIN32);
  RR (divuw, 5, 0, -1ul);
  RR (remw, 0x80000000ul, 0xffffffff, 0);
  RR (remw, 0x80000000ul, 0, MIN32);
  RR (remuw, 0x80000000ul, 0, MIN32);
  RR (remuw, 0xffffffff, 0x10, 15);
}
