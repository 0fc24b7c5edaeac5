/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Loops that are hot and run over the end of a page, while what is on either page changes under them:
 * other code by fence.i, another page or none by sfence.vma. Each must see it in the round that
 * follows the fence, and not before.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 5, Privileged Spec 20240411 §10.2.1
 */
#include "guest.h"

#define VA 0x3000000000ul
#define ROUNDS 0x60000ul
#define MASK 0xfffful           /* something changes when these bits of the rounds left are clear */

/* What a loop is told: where it changes what, and what to fence. */
typedef struct
{
  uint64_t *at;
  uint64_t  flip, va, mask;
} Change;

/* a0: rounds left, a1: sum, a2: Change. Each adds 1 on its first page and 16 on its second; it changes
   something at the start of a round, on the first page, or at its end, on the second. */
__asm__ (".text\n"
         ".option push\n"
         ".option norvc\n"
         ".balign 4096\n"
         "first_changes:\n"
         "  ld a3, 8(a2)\n"
         "  ld a4, 16(a2)\n"
         "  ld a5, 24(a2)\n"
         "  ld a2, 0(a2)\n"
         "  j 1f\n"
         "  .skip 4096 - 14 * 4\n"
         "1: and t0, a0, a5\n"
         "  bnez t0, 2f\n"
         "  ld t1, 0(a2)\n"
         "  xor t1, t1, a3\n"
         "  sd t1, 0(a2)\n"
         "  sfence.vma a4, zero\n"
         "  fence.i\n"
         "2: addi a0, a0, -1\n"
         "  addi a1, a1, 1\n"
         "  addi a1, a1, 16\n"          /* the second page */
         "  bnez a0, 1b\n"
         "  ecall\n"
         ".balign 4096\n"
         "second_changes:\n"
         "  ld a3, 8(a2)\n"
         "  ld a4, 16(a2)\n"
         "  ld a5, 24(a2)\n"
         "  ld a2, 0(a2)\n"
         "  j 1f\n"
         "  .skip 4096 - 7 * 4\n"
         "1: addi a0, a0, -1\n"
         "  addi a1, a1, 1\n"
         "  addi a1, a1, 16\n"
         "  and t0, a0, a5\n"
         "  bnez t0, 2f\n"
         "  ld t1, 0(a2)\n"
         "  xor t1, t1, a3\n"
         "  sd t1, 0(a2)\n"
         "  sfence.vma a4, zero\n"
         "  fence.i\n"
         "2: bnez a0, 1b\n"
         "  ecall\n"
         ".balign 4096\n"
         ".option pop\n");
extern const uint64_t first_changes[2][PAGE / 8], second_changes[2][PAGE / 8];

static uint64_t root[512] __attribute__ ((aligned (4096)));
/* The loop's pages, and another one in the place of each. */
static uint64_t code[4][PAGE / 8] __attribute__ ((aligned (4096)));

/* The instruction at the end of the first page, and that at the start of the second, add 256 more. */
#define FIRST_ADD (&code[0][PAGE / 8 - 1])
#define FIRST_FLIP (1ul << 60)
#define SECOND_ADD (&code[1][0])
#define SECOND_FLIP (1ul << 28)

static void
put_code (const uint64_t loop[2][PAGE / 8])
{
  for (unsigned i = 0; i < PAGE / 8; i++)
    {
      code[0][i] = code[2][i] = loop[0][i];
      code[1][i] = code[3][i] = loop[1][i];
    }
  code[2][PAGE / 8 - 1] ^= FIRST_FLIP;
  code[3][0] ^= SECOND_FLIP;
  *pt_slot (root, SV39, VA, 0) = pte (code[0], PTE_V | PTE_R | PTE_X | PTE_A);
  *pt_slot (root, SV39, VA + PAGE, 0) = pte (code[1], PTE_V | PTE_R | PTE_X | PTE_A);
  sfence_all ();
  __asm__ volatile ("fence.i" : : : "memory");
}

/* The sum, when each change adds 256 to every round or takes it away again. */
static uint64_t
expect (bool at_start)
{
  uint64_t sum = 0;
  bool     more = false;

  for (uint64_t left = ROUNDS; left > 0; left--)
    {
      more ^= at_start && (left & MASK) == 0;
      sum += 17 + (more ? 256 : 0);
      more ^= !at_start && ((left - 1) & MASK) == 0;
    }
  return sum;
}

static void
run (const uint64_t loop[2][PAGE / 8], uint64_t rounds, uint64_t *at, uint64_t flip, uint64_t va)
{
  Change change = { at, flip, va, MASK };

  put_code (loop);
  enter (S, VA, rounds, 0, (uintptr_t) &change);
}

static void
test_change (uint64_t *at, uint64_t flip, uint64_t va)
{
  run (first_changes, ROUNDS, at, flip, va);
  CHECK_EQ (this_hart->cause, ECALL_S);
  CHECK_EQ (this_hart->x[11], expect (true));
  run (second_changes, ROUNDS, at, flip, va);
  CHECK_EQ (this_hart->cause, ECALL_S);
  CHECK_EQ (this_hart->x[11], expect (false));
}

/* Takes a page away with so many rounds left: the next instruction on it is not executed any more. */
static void
test_fault (const uint64_t loop[2][PAGE / 8], uint64_t va, uint64_t left, uint64_t epc)
{
  run (loop, 2 * MASK + 1, pt_slot (root, SV39, va, 0), PTE_X, va);
  CHECK_EQ (this_hart->cause, INSN_PAGE);
  CHECK_EQ (this_hart->epc, epc);
  CHECK_EQ (this_hart->tval, epc);
  CHECK_EQ (this_hart->x[10], left);
}

void
test (void)
{
  uint64_t first = pte (code[0], 0) ^ pte (code[2], 0), second = pte (code[1], 0) ^ pte (code[3], 0);

  pt_map_image (root, SV39);
  set_satp (make_satp (SV39, 0, root));
  test_change (FIRST_ADD, FIRST_FLIP, VA);
  test_change (SECOND_ADD, SECOND_FLIP, VA);
  test_change (pt_slot (root, SV39, VA, 0), first, VA);
  test_change (pt_slot (root, SV39, VA + PAGE, 0), second, VA + PAGE);
  test_fault (first_changes, VA + PAGE, MASK, VA + PAGE);
  test_fault (second_changes, VA, MASK + 1, VA + PAGE - 8);
  csr_write (satp, 0);
}
