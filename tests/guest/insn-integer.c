/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * RV64I: results at the edges, branches and jumps in all directions, loads and stores of each width.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 2, 4
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
#define RI(insn, a, imm, expected)                                                                 \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_;                                                                                 \
      __asm__ volatile (#insn " %0, %1, " #imm : "=r"(d_) : "r"((uint64_t) (a)));                  \
      CHECK_EQ (d_, expected);                                                                     \
    }                                                                                              \
  while (0)

static void
test_arithmetic (void)
{
  RR (add, ~0ul, 1, 0);
  RR (add, MIN, MIN, 0);
  RR (sub, 0, 1, ~0ul);
  RR (sub, MIN, 1, MIN - 1);
  RR (addw, 0x7fffffff, 1, MIN32);
  RR (addw, 0xdeadbeef00000001ul, 0xffffffff, 0);
  RR (subw, 0, 0x80000000ul, MIN32);
  RR (sll, 1, 63, MIN);
  RR (sll, 1, 64, 1);
  RR (sllw, 1, 31, MIN32);
  RR (sllw, 1, 32, 1);
  RR (srl, MIN, 63, 1);
  RR (sra, MIN, 63, ~0ul);
  RR (srlw, 0xffffffff80000000ul, 31, 1);
  RR (srlw, 0x80000000ul, 0, MIN32);
  RR (sraw, 0x80000000ul, 31, ~0ul);
  RR (slt, MIN, 0, 1);
  RR (slt, 0, MIN, 0);
  RR (sltu, MIN, 0, 0);
  RR (sltu, 0, 1, 1);
  RR (xor, 0xff00ff00ff00ff00ul, 0x0ff00ff00ff00ff0ul, 0xf0f0f0f0f0f0f0f0ul);
  RR (or, 0xff00, 0x00ff, 0xffff);
  RR (and, 0xff00, 0x0ff0, 0x0f00);
  RI (addi, 0, -2048, -2048ul);
  RI (addiw, 0x7fffffff, 1, MIN32);
  RI (addiw, 0xffffffff00000000ul, 0, 0);
  RI (slti, MIN, -1, 1);
  RI (sltiu, 5, -1, 1);
  RI (sltiu, ~0ul, -1, 0);
  RI (xori, 0, -1, ~0ul);
  RI (ori, 0, -2048, -2048ul);
  RI (andi, ~0ul, -2048, -2048ul);
  RI (slli, 3, 63, MIN);
  RI (srli, ~0ul, 63, 1);
  RI (srai, MIN, 63, ~0ul);
  RI (slliw, 1, 31, MIN32);
  RI (srliw, 0xf00000000ul, 0, 0);
  RI (sraiw, 0x80000000ul, 31, ~0ul);
}

static void
test_x0 (void)
{
  uint64_t a;

  __asm__ volatile ("addi zero, zero, 5\n lui zero, 1\n add %0, zero, zero" : "=r"(a));
  CHECK_EQ (a, 0);
  /* A load into x0 still loads: it faults where there is nothing. */
  EXPECT_TRAP (LOAD_ACCESS, 0x50, "ld zero, 0(%[a])", [a] "r"(0x50ul));
}

static void
test_upper (void)
{
  uint64_t a, b;

  __asm__ volatile ("lui %0, 0x80000" : "=r"(a));
  CHECK_EQ (a, MIN32);
  __asm__ volatile ("1: auipc %0, 0xfffff\n lla %1, 1b" : "=&r"(a), "=r"(b));
  CHECK_EQ (a, b - 0x1000);
}

/* Whether a branch is taken, by its own word. */
#define TAKEN(insn, a, b)                                                                          \
  ({                                                                                               \
    uint64_t t_;                                                                                   \
    __asm__ volatile ("li %0, 1\n " #insn " %1, %2, 1f\n li %0, 0\n1:"                             \
                      : "=&r"(t_)                                                                  \
                      : "r"((uint64_t) (a)), "r"((uint64_t) (b)));                                 \
    t_;                                                                                            \
  })

static void
test_branches (void)
{
  static const uint64_t values[] = { 0, 1, ~0ul, MIN, MIN - 1, 0x80000000ul };

  for (int i = 0; i < 6; i++)
    for (int j = 0; j < 6; j++)
      {
        uint64_t a = values[i], b = values[j];
        /* Signed order by flipping the top bit: not with the branch that is tested. */
        uint64_t sa = a ^ MIN, sb = b ^ MIN;

        CHECK_EQ (TAKEN (beq, a, b), i == j);
        CHECK_EQ (TAKEN (bne, a, b), i != j);
        CHECK_EQ (TAKEN (bltu, a, b), ({ uint64_t r; __asm__ ("sltu %0, %1, %2" : "=r"(r) : "r"(a), "r"(b)); r; }));
        CHECK_EQ (TAKEN (bgeu, a, b), !TAKEN (bltu, a, b));
        CHECK_EQ (TAKEN (blt, a, b), TAKEN (bltu, sa, sb));
        CHECK_EQ (TAKEN (bge, a, b), !TAKEN (blt, a, b));
      }
}

static void
test_jumps (void)
{
  uint64_t link, here;

  __asm__ volatile ("lla %1, 1f\n jal %0, 2f\n1: nop\n2:" : "=&r"(link), "=&r"(here));
  CHECK_EQ (link, here);
  /* rd equal to rs1: the old value is the target. The lowest bit of the sum is dropped. */
  __asm__ volatile ("lla t0, 2f + 1\n lla %1, 1f\n jalr t0, 0(t0)\n1: nop\n nop\n2: mv %0, t0"
                    : "=r"(link), "=&r"(here)
                    :
                    : "t0");
  CHECK_EQ (link, here);
  /* Backwards. */
  __asm__ volatile ("li %0, 3\n1: addi %0, %0, -1\n bnez %0, 1b" : "=&r"(link));
  CHECK_EQ (link, 0);
}

static void
test_memory (void)
{
  static uint64_t word = 0x8182838485868788ul;
  static uint8_t  bytes[16];

#define LOADS(insn, offset, expected)                                                              \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_;                                                                                 \
      __asm__ volatile (#insn " %0, " #offset "(%1)" : "=r"(d_) : "r"(&word) : "memory");          \
      CHECK_EQ (d_, expected);                                                                     \
    }                                                                                              \
  while (0)
  LOADS (lb, 0, 0xffffffffffffff88ul);
  LOADS (lbu, 7, 0x81);
  LOADS (lh, 2, 0xffffffffffff8586ul);
  LOADS (lhu, 6, 0x8182);
  LOADS (lw, 0, 0xffffffff85868788ul);
  LOADS (lwu, 4, 0x81828384);
  LOADS (ld, 0, 0x8182838485868788ul);
#undef LOADS
  __asm__ volatile ("sb %1, 0(%0)\n sh %1, 2(%0)\n sw %1, 4(%0)\n sd %1, 8(%0)"
                    :
                    : "r"(bytes), "r"(word)
                    : "memory");
  CHECK_EQ (*(uint64_t *) bytes, 0x8586878887880088ul);
  CHECK_EQ (*(uint64_t *) (bytes + 8), word);
  /* The largest offsets. */
  {
    uint64_t at = (uintptr_t) bytes + 8, d;

    __asm__ volatile ("ld %0, -2048(%1)" : "=r"(d) : "r"(at + 2048) : "memory");
    CHECK_EQ (d, word);
    __asm__ volatile ("lbu %0, 2047(%1)" : "=r"(d) : "r"(at - 2047) : "memory");
    CHECK_EQ (d, 0x88);
  }
}

static void
test_fences (void)
{
  EXPECT_NO_TRAP ("fence", [a] "r"(0));
  EXPECT_NO_TRAP ("fence.tso", [a] "r"(0));
  EXPECT_NO_TRAP (".word 0x0100000f", [a] "r"(0));      /* pause */
  /* Reserved fm, rd and rs1 are to be ignored. */
  EXPECT_NO_TRAP (".word 0x4330808f | 3 << 28", [a] "r"(0));
}

void
test (void)
{
  test_arithmetic ();
  test_x0 ();
  test_upper ();
  test_branches ();
  test_jumps ();
  test_memory ();
  test_fences ();
}
