/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Zba, Zbb, Zbc, Zbs and Zicond.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 28, 10
 */
#include "guest.h"

#define MIN (1ul << 63)
#define MIN32 0xffffffff80000000ul

#define RR(insn, a, b, expected)                                                                   \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_;                                                                                 \
      __asm__ volatile (#insn " %0, %1, %2" : "=r"(d_) : "r"((uint64_t) (a)), "r"((uint64_t) (b))); \
      CHECK_EQ (d_, expected);                                                                     \
    }                                                                                              \
  while (0)
#define R1(insn, a, expected)                                                                      \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_;                                                                                 \
      __asm__ volatile (#insn " %0, %1" : "=r"(d_) : "r"((uint64_t) (a)));                         \
      CHECK_EQ (d_, expected);                                                                     \
    }                                                                                              \
  while (0)
#define RI(insn, a, imm, expected)                                                                 \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_;                                                                                 \
      __asm__ volatile (#insn " %0, %1, " #imm : "=r"(d_) : "r"((uint64_t) (a)));                  \
      CHECK_EQ (d_, expected);                                                                     \
    }                                                                                              \
  while (0)

/* czero.eqz and czero.nez, which the assembler does not know yet. */
#define CZERO(funct3, a, b, expected)                                                              \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_;                                                                                 \
      __asm__ volatile (".insn r 0x33, " #funct3 ", 7, %0, %1, %2"                                 \
                        : "=r"(d_)                                                                 \
                        : "r"((uint64_t) (a)), "r"((uint64_t) (b)));                               \
      CHECK_EQ (d_, expected);                                                                     \
    }                                                                                              \
  while (0)

void
test (void)
{
  /* Zba */
  RR (add.uw, 0xffffffff80000001ul, 1, 0x80000002ul);
  RR (sh1add, MIN | 3, 1, 7);
  RR (sh2add, 3, 1, 13);
  RR (sh3add, 3, 1, 25);
  RR (sh1add.uw, 0xffffffff80000000ul, 1, 0x100000001ul);
  RR (sh2add.uw, 0xffffffff80000000ul, 1, 0x200000001ul);
  RR (sh3add.uw, 0xffffffff80000000ul, 1, 0x400000001ul);
  RI (slli.uw, 0xffffffff80000001ul, 32, 0x8000000100000000ul);
  /* Zbb */
  RR (andn, 0xff, 0x0f, 0xf0);
  RR (orn, 0, 0x0f, ~0x0ful);
  RR (xnor, 0xff, 0x0f, ~0xf0ul);
  R1 (clz, 0, 64);
  R1 (clz, 1, 63);
  R1 (clzw, 0, 32);
  R1 (clzw, 0xffffffff00000001ul, 31);
  R1 (ctz, 0, 64);
  R1 (ctz, MIN, 63);
  R1 (ctzw, 0xffffffff00000000ul, 32);
  R1 (cpop, ~0ul, 64);
  R1 (cpopw, 0xffffffff00000003ul, 2);
  RR (max, MIN, 1, 1);
  RR (maxu, MIN, 1, MIN);
  RR (min, MIN, 1, MIN);
  RR (minu, MIN, 1, 1);
  R1 (sext.b, 0x180, -128ul);
  R1 (sext.h, 0x18000, -32768ul);
  R1 (zext.h, ~0ul, 0xffff);
  RR (rol, MIN | 1, 1, 3);
  RR (ror, 3, 1, MIN | 1);
  RR (ror, 3, 64, 3);
  RR (rolw, 0x80000001ul, 1, 3);
  RR (rolw, 0x40000000ul, 1, MIN32);
  RR (rorw, 3, 1, 0xffffffff80000001ul);
  RI (rori, 3, 63, 6);
  RI (roriw, 3, 1, 0xffffffff80000001ul);
  R1 (orc.b, 0x0100800000400001ul, 0xff00ff0000ff00fful);
  R1 (rev8, 0x0102030405060708ul, 0x0807060504030201ul);
  /* Zbc */
  RR (clmul, 7, 7, 0x15);
  RR (clmul, ~0ul, ~0ul, 0x5555555555555555ul);
  RR (clmulh, ~0ul, ~0ul, 0x5555555555555555ul);
  RR (clmulh, MIN, 2, 1);
  RR (clmulr, MIN, 2, 2);
  RR (clmulr, ~0ul, ~0ul, 0xaaaaaaaaaaaaaaaaul);
  /* Zbs */
  RR (bclr, ~0ul, 63, MIN - 1);
  RR (bext, MIN, 127, 1);
  RR (binv, 0, 64, 1);
  RR (bset, 0, 63, MIN);
  RI (bclri, ~0ul, 0, ~1ul);
  RI (bexti, MIN, 63, 1);
  RI (binvi, ~0ul, 63, MIN - 1);
  RI (bseti, 0, 32, 0x100000000ul);
  /* Zicond */
  CZERO (5, 42, 0, 0);
  CZERO (5, 42, MIN, 42);
  CZERO (7, 42, 0, 42);
  CZERO (7, 42, 1, 0);
}
