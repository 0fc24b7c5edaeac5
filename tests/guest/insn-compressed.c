/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * C: each encoding by its number (an assembler that compresses differently tests nothing), jumps to
 * odd halfwords, instructions across page ends, reserved encodings.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 26
 */
#include "guest.h"

/* One 16-bit instruction with a0 = a and a1 = b; value: a0 afterwards. */
#define C1(hex, a, b)                                                                              \
  ({                                                                                               \
    register uint64_t a0_ __asm__ ("a0") = (a);                                                    \
    register uint64_t a1_ __asm__ ("a1") = (b);                                                    \
    __asm__ volatile (".2byte " #hex : "+r"(a0_), "+r"(a1_) : : "memory");                         \
    a0_;                                                                                           \
  })

#define MIN32 0xffffffff80000000ul

static void
test_arithmetic (void)
{
  CHECK_EQ (C1 (0x0505, 5, 0), 6);                              /* c.addi a0, 1 */
  CHECK_EQ (C1 (0x1501, 5, 0), -27ul);                          /* c.addi a0, -32 */
  CHECK_EQ (C1 (0x2505, 0x7fffffff, 0), MIN32);                 /* c.addiw a0, 1 */
  CHECK_EQ (C1 (0x557d, 5, 0), ~0ul);                           /* c.li a0, -1 */
  CHECK_EQ (C1 (0x757d, 5, 0), -4096ul);                        /* c.lui a0, -1 */
  CHECK_EQ (C1 (0x9101, MIN32, 0), 0xffffffff);                 /* c.srli a0, 32 */
  CHECK_EQ (C1 (0x957d, 1ul << 63, 0), ~0ul);                   /* c.srai a0, 63 */
  CHECK_EQ (C1 (0x9905, 3, 0), 1);                              /* c.andi a0, -31 */
  CHECK_EQ (C1 (0x8d0d, 1, 2), ~0ul);                           /* c.sub a0, a1 */
  CHECK_EQ (C1 (0x8d2d, 3, 5), 6);                              /* c.xor a0, a1 */
  CHECK_EQ (C1 (0x8d4d, 3, 5), 7);                              /* c.or a0, a1 */
  CHECK_EQ (C1 (0x8d6d, 3, 5), 1);                              /* c.and a0, a1 */
  CHECK_EQ (C1 (0x9d0d, 0, 0x80000000), MIN32);                 /* c.subw a0, a1 */
  CHECK_EQ (C1 (0x9d2d, 0x7fffffff, 1), MIN32);                 /* c.addw a0, a1 */
  CHECK_EQ (C1 (0x151e, 1, 0), 1ul << 39);                      /* c.slli a0, 39 */
  CHECK_EQ (C1 (0x852e, 1, 9), 9);                              /* c.mv a0, a1 */
  CHECK_EQ (C1 (0x952e, 1, 9), 10);                             /* c.add a0, a1 */
  CHECK_EQ (C1 (0x0001, 1, 9), 1);                              /* c.nop */
}

static void
test_stack (void)
{
  uint64_t  a, b;
  uint64_t  area[64];
  uint64_t *saved;

  /* c.addi16sp -16 and 16, c.addi4spn, c.sdsp, c.ldsp, c.swsp, c.lwsp */
  __asm__ volatile ("mv %2, sp\n mv sp, %3\n"
                    ".2byte 0x717d\n"           /* c.addi16sp -16 */
                    "mv %0, sp\n"
                    ".2byte 0x6161\n"           /* c.addi16sp 80 */
                    "mv %1, sp\n"
                    "mv sp, %3\n"
                    "li a0, -5\n"
                    ".2byte 0xe42a\n"           /* c.sdsp a0, 8(sp) */
                    ".2byte 0xca2a\n"           /* c.swsp a0, 20(sp) */
                    "mv sp, %2"
                    : "=&r"(a), "=&r"(b), "=&r"(saved)
                    : "r"(area)
                    : "a0", "memory");
  CHECK_EQ (a, (uintptr_t) area - 16);
  CHECK_EQ (b, (uintptr_t) area - 16 + 80);
  CHECK_EQ (area[1], -5ul);
  CHECK_EQ (((uint32_t *) area)[5], (uint32_t) -5);
  area[2] = 0x8000000180000002ul;
  __asm__ volatile ("mv %2, sp\n mv sp, %3\n"
                    ".2byte 0x6542\n"           /* c.ldsp a0, 16(sp) */
                    "mv %0, a0\n"
                    ".2byte 0x4552\n"           /* c.lwsp a0, 20(sp) */
                    "mv %1, a0\n"
                    ".2byte 0x0068\n"           /* c.addi4spn a0, 12 */
                    "mv sp, %2\n mv %2, a0"
                    : "=&r"(a), "=&r"(b), "=&r"(saved)
                    : "r"(area)
                    : "a0", "memory");
  CHECK_EQ (a, area[2]);
  CHECK_EQ (b, 0xffffffff80000001ul);
  CHECK_EQ ((uintptr_t) saved, (uintptr_t) area + 12);
}

static void
test_memory (void)
{
  uint64_t area[4] = { 0, 0x8000000180000002ul, 0, 0 };
  uint64_t out;

  CHECK_EQ (C1 (0x6588, 0, (uintptr_t) area), area[1]);         /* c.ld a0, 8(a1) */
  CHECK_EQ (C1 (0x45c8, 0, (uintptr_t) area), 0xffffffff80000001ul);    /* c.lw a0, 12(a1) */
  C1 (0xe988, 77, (uintptr_t) area);                            /* c.sd a0, 16(a1) */
  CHECK_EQ (area[2], 77);
  C1 (0xcdc8, 78, (uintptr_t) area);                            /* c.sw a0, 28(a1) */
  CHECK_EQ (area[3] >> 32, 78);
  /* c.fsd fa0, 0(a1); c.fld fa0, 16(a1) */
  __asm__ volatile ("mv a1, %1\n fmv.d.x fa0, %2\n .2byte 0xa188\n .2byte 0x2988\n fmv.x.d %0, fa0"
                    : "=r"(out)
                    : "r"(area), "r"(123ul)
                    : "a1", "fa0", "memory");
  CHECK_EQ (area[0], 123);
  CHECK_EQ (out, 77);
}

static void
test_jumps (void)
{
  uint64_t a, b;

  __asm__ volatile ("li %0, 1\n .2byte 0xa011\n li %0, 2\n nop\n" /* c.j over one c.li */
                    : "=&r"(a));
  CHECK_EQ (a, 1);
  /* c.jalr a0: the link is two bytes on. */
  __asm__ volatile ("lla a0, 2f\n lla %1, 1f\n .2byte 0x9502\n1: nop\n2: mv %0, ra"
                    : "=r"(a), "=&r"(b)
                    :
                    : "a0", "ra");
  CHECK_EQ (a, b);
  /* c.beqz, c.bnez */
  CHECK_EQ (C1 (0xc111; .2byte 0x4515, 0, 0), 0);               /* beqz a0, +4; li a0, 5 */
  CHECK_EQ (C1 (0xc111; .2byte 0x4515, 1, 0), 5);
  CHECK_EQ (C1 (0xe111; .2byte 0x4515, 1, 0), 1);
  CHECK_EQ (C1 (0xe111; .2byte 0x4515, 0, 0), 5);
}

static void
test_reserved (void)
{
  EXPECT_TRAP (ILLEGAL, 0, ".2byte 0", [a] "r"(0));             /* all zero */
  EXPECT_TRAP (ILLEGAL, 0x2001, ".2byte 0x2001", [a] "r"(0));   /* c.addiw with rd 0 */
  EXPECT_TRAP (ILLEGAL, 0x6101, ".2byte 0x6101", [a] "r"(0));   /* c.addi16sp 0 */
  EXPECT_TRAP (ILLEGAL, 0x4002, ".2byte 0x4002", [a] "r"(0));   /* c.lwsp to x0 */
  EXPECT_TRAP (ILLEGAL, 0x8002, ".2byte 0x8002", [a] "r"(0));   /* c.jr x0 */
  EXPECT_TRAP (ILLEGAL, 0x0004, ".2byte 0x0004", [a] "r"(0));   /* c.addi4spn 0 */
  EXPECT_TRAP (ILLEGAL, 0x9c7d, ".2byte 0x9c7d", [a] "r"(0));   /* reserved in the arithmetic block */
  EXPECT_TRAP (ILLEGAL, 0x9c00, ".2byte 0x9c00", [a] "r"(0));   /* quadrant 0, funct3 4 */
  /* Hints execute. */
  EXPECT_NO_TRAP (".2byte 0x4015", [a] "r"(0));                 /* c.li x0, 5 */
  EXPECT_NO_TRAP (".2byte 0x0505 & 0xf07f", [a] "r"(0));        /* c.addi x0, 1 */
}

/* A four-byte instruction whose halves lie in two pages. */
static void
test_page_end (void)
{
  static uint16_t code[2 * PAGE / 2 + 8] __attribute__ ((aligned (4096)));
  uint16_t       *at = &code[PAGE / 2 - 1];
  uint64_t (*function) (void) = (uint64_t (*) (void)) at;

  at[0] = 0x0513;               /* addi a0, zero, 1365 */
  at[1] = 0x5550;
  at[2] = 0x8082;               /* c.jr ra */
  __asm__ volatile ("fence.i" : : : "memory");
  CHECK_EQ (function (), 0x555);
  at[1] = 0x2220;
  __asm__ volatile ("fence.i" : : : "memory");
  CHECK_EQ (function (), 0x222);
}

void
test (void)
{
  test_arithmetic ();
  test_stack ();
  test_memory ();
  test_jumps ();
  test_reserved ();
  test_page_end ();
}
