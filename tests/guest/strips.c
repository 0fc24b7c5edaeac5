/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Loops that walk over pages that lie anywhere, up, down and on the spot, often enough for engines to look
 * their pages up ahead of them; then over pages that end in one that is missing, may not be written, or
 * has code: what was accessed before is done, what comes behind is not, and registers are exact.
 */
#include "guest.h"

#define VA 0x3000000000ul
#define PAGES 6
#define BYTES (PAGES * PAGE)
#define ROUNDS 24                /* rounds until an engine has long found out what is hot */

static uint64_t root[512] __attribute__ ((aligned (4096)));
/* Mapped in another order than they lie, the even ones at VA, the odd ones at VA + BYTES. */
static uint8_t pool[2 * BYTES] __attribute__ ((aligned (4096)));
static uint8_t code[PAGE] __attribute__ ((aligned (4096)));

/* All in S: a0 and a1 pointers, a2 rounds. */
__asm__ (".text\n"
         ".balign 4\n"
         /* Bytes up, the second pointer moved before it is used. */
         "copy_up: lbu a3, 0(a0)\n"
         "  addi a0, a0, 1\n"
         "  addi a1, a1, 1\n"
         "  sb a3, -1(a1)\n"
         "  addi a2, a2, -1\n"
         "  bnez a2, copy_up\n"
         "  ecall\n"
         /* Words down, two at a time, the upper first. */
         "copy_down: addi a0, a0, -16\n"
         "  ld a3, 8(a0)\n"
         "  ld a4, 0(a0)\n"
         "  addi a1, a1, -16\n"
         "  sd a3, 8(a1)\n"
         "  sd a4, 0(a1)\n"
         "  addi a2, a2, -1\n"
         "  bnez a2, copy_down\n"
         "  ecall\n"
         /* A sum that stands in memory, of what is odd; in steps that pages are no multiples of. */
         "sum: lhu a3, 2(a0)\n"
         "  andi a4, a3, 1\n"
         "  beqz a4, 1f\n"
         "  ld a5, 0(a1)\n"
         "  add a5, a5, a3\n"
         "  sd a5, 0(a1)\n"
         "1: addi a0, a0, 6\n"
         "  addi a2, a2, -1\n"
         "  bnez a2, sum\n"
         "  ecall\n"
         /* f64: y += 3 x */
         "daxpy: li a3, 3\n"
         "  fcvt.d.l fa3, a3\n"
         "1: fld fa4, 0(a0)\n"
         "  fld fa5, 0(a1)\n"
         "  fmadd.d fa5, fa3, fa4, fa5\n"
         "  fsd fa5, 0(a1)\n"
         "  addi a0, a0, 8\n"
         "  addi a1, a1, 8\n"
         "  addi a2, a2, -1\n"
         "  bnez a2, 1b\n"
         "  ecall\n"
         /* a1 to words, and then on to what has just been written. */
         "fill: sw a1, 0(a0)\n"
         "  addi a0, a0, 4\n"
         "  addi a2, a2, -1\n"
         "  bnez a2, fill\n"
         "  ecall\n"
         /* Every a1-th byte is marked. */
         "mark: sb a0, 0(a0)\n"
         "  add a0, a0, a1\n"
         "  addi a2, a2, -1\n"
         "  bnez a2, mark\n"
         "  ecall\n"
         /* Words by their number, up from what a3 is made of. */
         "add_up: li a3, 0\n"
         "1: slli a4, a3, 3\n"
         "  add a4, a4, a0\n"
         "  ld a5, 0(a4)\n"
         "  add a6, a1, a3\n"
         "  lbu a7, 0(a6)\n"
         "  add a5, a5, a7\n"
         "  sd a5, 0(a4)\n"
         "  addi a3, a3, 1\n"
         "  bne a3, a2, 1b\n"
         "  ecall\n"
         /* Returns, in S, from what is called. */
         "call: jalr a1\n"
         "  ecall\n");
extern const uint8_t copy_up[], copy_down[], sum[], daxpy[], fill[], mark[], add_up[], call[];

/* The byte that @va leads to. */
static uint8_t *
at (uint64_t va)
{
  uint64_t page = (va - VA) / PAGE;
  uint64_t half = page / PAGES, n = page % PAGES;

  return &pool[(2 * ((n * 5 + 2) % PAGES) + half) * PAGE + va % PAGE];
}

static uint16_t
half_at (uint64_t va)
{
  return (uint16_t) (*at (va) | *at (va + 1) << 8);
}

static void
map (uint64_t va, uint64_t flags)
{
  *pt_slot (root, SV39, va, 0) = pte (at (va & -PAGE), flags);
}

static void
fill_with (uint64_t seed)
{
  for (uint64_t i = 0; i < sizeof pool; i++)
    {
      seed = seed * 6364136223846793005ul + 1442695040888963407ul;
      pool[i] = (uint8_t) (seed >> 56);
    }
}

static void
test_copy_up (void)
{
  for (uint64_t round = 0; round < ROUNDS; round++)
    {
      uint64_t from = VA + round, to = VA + BYTES + 3 * round, n = BYTES - 3 * ROUNDS;

      fill_with (round);
      enter (S, (uintptr_t) copy_up, from, to, n);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->x[10], from + n);
      CHECK_EQ (this_hart->x[11], to + n);
      for (uint64_t i = 0; i < n; i += 7)
        CHECK_EQ (*at (to + i), *at (from + i));
    }
}

static void
test_copy_down (void)
{
  for (uint64_t round = 0; round < ROUNDS; round++)
    {
      /* Also where words lie across page ends. */
      uint64_t from = VA + BYTES - round % 16, to = VA + 2 * BYTES - round % 24, n = BYTES / 16 - 4;

      fill_with (round);
      enter (S, (uintptr_t) copy_down, from, to, n);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->x[10], from - 16 * n);
      CHECK_EQ (this_hart->x[11], to - 16 * n);
      for (uint64_t i = 1; i <= 16 * n; i += 5)
        CHECK_EQ (*at (to - i), *at (from - i));
    }
}

static void
test_sum (void)
{
  uint64_t n = BYTES / 6 - 2;

  for (uint64_t round = 0; round < ROUNDS; round++)
    {
      uint64_t expected = 0, total = VA + BYTES + 8 * round;

      fill_with (round);
      for (uint64_t i = 0; i < 8; i++)
        *at (total + i) = 0;
      for (uint64_t i = 0; i < n; i++)
        if (half_at (VA + 2 + 6 * i) & 1)
          expected += half_at (VA + 2 + 6 * i);
      enter (S, (uintptr_t) sum, VA, total, n);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (*(uint64_t *) (void *) at (total), expected);
    }
}

static void
test_daxpy (void)
{
  uint64_t n = BYTES / 8;

  for (uint64_t i = 0; i < n; i++)
    {
      *(double *) (void *) at (VA + 8 * i) = (double) i;
      *(double *) (void *) at (VA + BYTES + 8 * i) = 1;
    }
  for (uint64_t round = 1; round <= ROUNDS; round++)
    {
      enter (S, (uintptr_t) daxpy, VA, VA + BYTES, n);
      CHECK_EQ (this_hart->cause, ECALL_S);
      for (uint64_t i = 0; i < n; i += 11)
        CHECK_EQ (*(double *) (void *) at (VA + BYTES + 8 * i) == (double) (3 * round * i + 1), 1);
    }
}

/* In steps that a register has, of all lengths: down and on the spot too. */
static void
test_mark (void)
{
  static const int64_t steps[] = { 1, 2, 3, 7, 64, 100, 500, 513, 1000, 4096, 0, -1, -24 };

  for (uint64_t round = 0; round < 4 * sizeof steps / sizeof *steps; round++)
    {
      int64_t step = steps[round / 4];
      uint64_t n = step == 0 ? 5000 : (BYTES - 8) / (uint64_t) (step > 0 ? step : -step);
      uint64_t from = step < 0 ? VA + BYTES - 1 : VA + 3, expected = 0, marked = 0;

      for (uint64_t i = 0; i < sizeof pool; i++)
        pool[i] = 0;
      enter (S, (uintptr_t) mark, from, (uint64_t) step, n);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->x[10], from + n * (uint64_t) step);
      for (uint64_t i = 0; i < n; i++)
        {
          uint64_t va = from + i * (uint64_t) step;

          if (step != 0 || i == 0)
            expected += (uint8_t) va;
          if (i % 5 == 0)
            CHECK_EQ (*at (va), (uint8_t) va);
        }
      for (uint64_t i = 0; i < sizeof pool; i++)
        marked += pool[i];
      CHECK_EQ (marked, expected);
    }
}

static void
test_add_up (void)
{
  uint64_t n = BYTES / 8;

  for (uint64_t i = 0; i < n; i++)
    {
      *(uint64_t *) (void *) at (VA + 8 * i) = i;
      *at (VA + BYTES + i) = (uint8_t) (i * 3);
    }
  for (uint64_t round = 1; round <= 2 * ROUNDS; round++)
    {
      enter (S, (uintptr_t) add_up, VA, VA + BYTES, n);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->x[13], n);
      for (uint64_t i = 0; i < n; i += 11)
        CHECK_EQ (*(uint64_t *) (void *) at (VA + 8 * i), i + round * (uint8_t) (i * 3));
    }
}

/* A copy that comes to a page which does not let it: where it stops, to the byte. */
static void
test_fault (uint64_t page, uint64_t flags, uint64_t cause)
{
  uint64_t bad = VA + page * PAGE;

  map (bad, flags);
  sfence_all ();
  for (uint64_t round = 0; round < ROUNDS / 2; round++)
    {
      bool loads = page < PAGES;
      uint64_t n = PAGE + 5 * round, from = VA + 9, to = VA + BYTES + 17;

      if (loads)
        from = bad - n;
      else
        to = bad - n;
      fill_with (round);
      enter (S, (uintptr_t) copy_up, from, to, 2 * PAGE);
      CHECK_EQ (this_hart->cause, cause);
      CHECK_EQ (this_hart->tval, bad);
      /* By then both pointers have moved, unless it is the first that failed. */
      CHECK_EQ (this_hart->x[10], from + n + (loads ? 0 : 1));
      CHECK_EQ (this_hart->x[11], to + n + (loads ? 0 : 1));
      CHECK_EQ (this_hart->x[12], 2 * PAGE - n);
      for (uint64_t i = 0; i < n; i += 3)
        CHECK_EQ (*at (to + i), *at (from + i));
    }
  map (bad, PTE_RW);
  sfence_all ();
}

/* Words are written over code that has run, the same way as over data just before. */
static void
test_code (void)
{
  const uint32_t add = 0x00150513, ret = 0x00008067;    /* addi a0, a0, 1 */
  uint64_t va = VA + 2 * BYTES;
  uint32_t *words = (uint32_t *) (void *) code;

  *pt_slot (root, SV39, va, 0) = pte (code, PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D);
  *pt_slot (root, SV39, va - PAGE, 0) = pte (at (va - PAGE), PTE_RW);
  sfence_all ();
  for (uint64_t round = 0; round < ROUNDS; round++)
    {
      uint64_t n = 100 + round % 8;

      for (uint64_t i = 0; i < n; i++)
        words[i] = i % 2 == 0 ? 0x00000013 : add;
      words[n] = ret;
      __asm__ volatile ("fence.i" ::: "memory");
      enter (S, (uintptr_t) call, 0, va, 0);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->x[10], n / 2);
      enter (S, (uintptr_t) fill, va - 4 * 300, add + (uint32_t) (round << 20 & 0x700000), 300 + n);
      CHECK_EQ (this_hart->cause, ECALL_S);
      __asm__ volatile ("fence.i" ::: "memory");
      enter (S, (uintptr_t) call, 0, va, 0);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->x[10], n * (1 + (round & 7)));
    }
}

void
test (void)
{
  pt_map_image (root, SV39);
  for (uint64_t page = 0; page < 2 * PAGES; page++)
    map (VA + page * PAGE, PTE_RW);
  set_satp (make_satp (SV39, 0, root));
  test_copy_up ();
  test_copy_down ();
  test_sum ();
  test_daxpy ();
  test_mark ();
  test_add_up ();
  test_fault (3, 0, LOAD_PAGE);
  test_fault (PAGES + 4, PTE_V | PTE_R | PTE_A | PTE_D, STORE_PAGE);
  test_fault (PAGES + 2, 0, STORE_PAGE);
  test_copy_up ();
  test_code ();
  csr_write (satp, 0);
}
