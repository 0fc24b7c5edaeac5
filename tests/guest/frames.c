/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames that lie across a page end, the second page elsewhere: accesses off one register, many times
 * over, so that engines which look such accesses up together have to do without; then with a second
 * page that may not be written or is missing, where every store before the fault has been done and
 * none behind it.
 */
#include "guest.h"

#define VA 0x3000000000ul
#define ROUNDS 200

static uint64_t root[512] __attribute__ ((aligned (4096)));
static uint64_t first[PAGE / 8] __attribute__ ((aligned (4096)));
static uint64_t gap[PAGE / 8] __attribute__ ((aligned (4096)));
static uint64_t second[PAGE / 8] __attribute__ ((aligned (4096)));

/* In S: a2 rounds over four words at a0; the sum of what is loaded in a0. */
__asm__ (".text\n"
         ".balign 4\n"
         "do_frame: mv t0, a2\n"
         "  li a3, 0\n"
         "1: sd a1, 0(a0)\n"
         "  sd t0, 8(a0)\n"
         "  sd a1, 16(a0)\n"
         "  sd t0, 24(a0)\n"
         "  ld t1, 8(a0)\n"
         "  ld t2, 24(a0)\n"
         "  add a3, a3, t1\n"
         "  add a3, a3, t2\n"
         "  addi a1, a1, 1\n"
         "  addi t0, t0, -1\n"
         "  bnez t0, 1b\n"
         "  mv a0, a3\n"
         "  ecall\n");
extern const uint8_t do_frame[];

/* Of word @n of the two pages. */
static uint64_t *
word_at (uint64_t n)
{
  return n < PAGE / 8 ? &first[n] : &second[n - PAGE / 8];
}

static void
test_across (void)
{
  /* From on the first page to on the second, and two in between over and over. */
  for (uint64_t round = 0; round < 12; round++)
    {
      uint64_t word = PAGE / 8 - 5 + round % 6;

      enter (S, (uintptr_t) do_frame, VA + 8 * word, 1000, ROUNDS);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->x[10], ROUNDS * (ROUNDS + 1ul));
      CHECK_EQ (*word_at (word), 1000 + ROUNDS - 1);
      CHECK_EQ (*word_at (word + 1), 1);
      CHECK_EQ (*word_at (word + 2), 1000 + ROUNDS - 1);
      CHECK_EQ (*word_at (word + 3), 1);
    }
}

static void
test_fault (uint64_t flags)
{
  *pt_slot (root, SV39, VA + PAGE, 0) = pte (second, flags);
  sfence_all ();
  /* How many of the four stores go to the first page. */
  for (uint64_t n = 1; n <= 3; n++)
    for (uint64_t again = 0; again < 12; again++)
      {
        uint64_t word = PAGE / 8 - n;

        for (uint64_t i = 0; i < 4; i++)
          *word_at (word + i) = 7 + i;
        enter (S, (uintptr_t) do_frame, VA + 8 * word, 1000, ROUNDS);
        CHECK_EQ (this_hart->cause, STORE_PAGE);
        CHECK_EQ (this_hart->tval, VA + PAGE);
        CHECK_EQ (this_hart->x[5], ROUNDS);
        CHECK_EQ (this_hart->x[11], 1000);
        for (uint64_t i = 0; i < 4; i++)
          CHECK_EQ (*word_at (word + i), i >= n ? 7 + i : i % 2 == 0 ? 1000 : ROUNDS);
      }
  *pt_slot (root, SV39, VA + PAGE, 0) = pte (second, PTE_RW);
  sfence_all ();
}

void
test (void)
{
  pt_map_image (root, SV39);
  *pt_slot (root, SV39, VA, 0) = pte (first, PTE_RW);
  *pt_slot (root, SV39, VA + PAGE, 0) = pte (second, PTE_RW);
  set_satp (make_satp (SV39, 0, root));
  gap[0] = 1;
  test_across ();
  test_fault (PTE_V | PTE_R | PTE_A | PTE_D);
  test_fault (0);
  test_across ();
  csr_write (satp, 0);
}
