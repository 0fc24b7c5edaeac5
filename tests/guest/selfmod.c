/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Code that changes: rewritten and run after fence.i again and again, on a page that is also written as
 * data, by another virtual address, across lines and pages, in a loop that patches itself.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 5
 */
#include "guest.h"

#define VA 0x3000000000ul
#define RET 0x00008067
#define LI_A0(n) ((uint32_t) (n) << 20 | 0x00000513)

static uint64_t root[512] __attribute__ ((aligned (4096)));
static uint32_t code[2 * PAGE / 4] __attribute__ ((aligned (4096)));

static inline void
fence_i (void)
{
  __asm__ volatile ("fence.i" : : : "memory");
}

static uint64_t
call (const void *function)
{
  return ((uint64_t (*) (void)) function) ();
}

static void
test_rewrite (void)
{
  for (unsigned i = 0; i < 2000; i++)
    {
      code[0] = LI_A0 (i & 0x7ff);
      code[1] = RET;
      fence_i ();
      CHECK_EQ (call (code), i & 0x7ff);
      /* Warm enough for any engine to have made something of it. */
      if (i % 500 == 0)
        for (int k = 0; k < 2000; k++)
          CHECK_EQ (call (code), i & 0x7ff);
    }
}

/* Only one byte, one halfword; the instruction at the end of a line; data beside it. */
static void
test_partial (void)
{
  uint32_t *at = &code[15];

  at[0] = LI_A0 (1);
  at[1] = RET;
  fence_i ();
  CHECK_EQ (call (at), 1);
  ((volatile uint8_t *) at)[3] = 0x10;          /* immediate 0x100 + ... */
  fence_i ();
  CHECK_EQ (call (at), 0x101);
  ((volatile uint16_t *) at)[1] = 0x0050;
  fence_i ();
  CHECK_EQ (call (at), 5);
  for (int i = 0; i < 1000; i++)
    {
      *(volatile uint32_t *) &code[64] = i;     /* same page, another line */
      *(volatile uint32_t *) &code[17] = i;     /* same line */
      CHECK_EQ (call (at), 5);
    }
}

/* A function that runs over the end of a page; the second page is changed. */
static void
test_pages (void)
{
  uint32_t *at = &code[PAGE / 4 - 2];

  for (unsigned i = 0; i < 100; i++)
    {
      at[0] = 0x00000013;
      at[1] = LI_A0 (7);
      at[2] = 0x00050513 | i << 20;             /* addi a0, a0, i */
      at[3] = RET;
      fence_i ();
      CHECK_EQ (call (at), 7 + i);
    }
}

/* Written through one address, run through another. */
static void
test_alias (void)
{
  *pt_slot (root, SV39, VA, 0) = pte (code, PTE_RWX);
  pt_map_image (root, SV39);
  set_satp (make_satp (SV39, 0, root));
  for (unsigned i = 0; i < 100; i++)
    {
      code[0] = LI_A0 (i);
      code[1] = 0x00000073;
      fence_i ();
      enter (S, VA, 0, 0, 0);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->epc, VA + 4);
      CHECK_EQ (this_hart->x[10], i);
    }
  /* The address now leads to another page: sfence.vma is what is needed, and fence.i for code. */
  code[PAGE / 4] = LI_A0 (99);
  code[PAGE / 4 + 1] = 0x00000073;
  *pt_slot (root, SV39, VA, 0) = pte (&code[PAGE / 4], PTE_RWX);
  sfence_all ();
  fence_i ();
  enter (S, VA, 0, 0, 0);
  CHECK_EQ (this_hart->x[10], 99);
  csr_write (satp, 0);
}

/* The loop rewrites an instruction of its own body, which the same round reaches after fence.i. */
__asm__ (".text\n"
         ".balign 64\n"
         ".option push\n"
         ".option norvc\n"
         "patch_loop: li a2, 0\n"
         "1: lla t0, 2f\n"
         "  slli t1, a0, 20\n"
         "  li t2, 0x00060613\n"                /* addi a2, a2, 0 */
         "  or t1, t1, t2\n"
         "  sw t1, 0(t0)\n"
         "  fence.i\n"
         "2: addi a2, a2, 0\n"
         "  addi a0, a0, -1\n"
         "  bnez a0, 1b\n"
         "  mv a0, a2\n"
         "  ret\n"
         ".option pop\n");
extern uint64_t patch_loop (uint64_t rounds);

void
test (void)
{
  test_rewrite ();
  test_partial ();
  test_pages ();
  test_alias ();
  CHECK_EQ (patch_loop (1000), 1000 * 1001 / 2);
}
