/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls and returns, for engines that guess where a return leads: recursion deeper than they keep
 * track of, returns to elsewhere, stacks that are left or switched, and callers that are rewritten or
 * mapped elsewhere before the callee returns; and for those that remember where a call to another page
 * leads: another address space, another address of the caller, another page at the same address, other
 * code on it. All of it often enough to be translated.
 *
 * Source: RISC-V Unprivileged Spec 20240411 §2.5.1
 */
#include "guest.h"

#define VA 0x3000000000ul
#define ROUNDS 10000

static uint64_t roots[2][512] __attribute__ ((aligned (4096)));
static uint32_t pages[3][PAGE / 4] __attribute__ ((aligned (4096)));

/* Sum of 1 to n, the depth of n calls; every call is left by its own return. */
__asm__ (".text\n"
         ".balign 64\n"
         "sum: beqz a0, 1f\n"
         "  addi sp, sp, -16\n"
         "  sd ra, 0(sp)\n"
         "  sd a0, 8(sp)\n"
         "  addi a0, a0, -1\n"
         "  call sum\n"
         "  ld a1, 8(sp)\n"
         "  ld ra, 0(sp)\n"
         "  addi sp, sp, 16\n"
         "  add a0, a0, a1\n"
         "1: ret\n");
extern uint64_t sum (uint64_t n);

static uint64_t deep_stack[2 * 40000] __attribute__ ((aligned (16)));

/* @function (@argument) on a stack that ends at @stack. */
extern uint64_t call_on (uint64_t (*function) (uint64_t), uint64_t argument, void *stack);
__asm__ (".text\n"
         "call_on: addi a2, a2, -16\n"
         "  sd ra, 0(a2)\n"
         "  sd sp, 8(a2)\n"
         "  mv sp, a2\n"
         "  mv a5, a0\n"
         "  mv a0, a1\n"
         "  jalr a5\n"
         "  ld ra, 0(sp)\n"
         "  ld sp, 8(sp)\n"
         "  ret\n");

static void
test_deep (void)
{
  static const uint64_t depths[] = { 0, 1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 1000, 9000, 39000 };
  void *stack = deep_stack + 2 * 40000;

  for (unsigned i = 0; i < sizeof depths / sizeof *depths; i++)
    for (unsigned k = 0; k < (depths[i] < 100 ? ROUNDS : 5); k++)
      CHECK_EQ (call_on (sum, depths[i], stack), depths[i] * (depths[i] + 1) / 2);
}

/* Comes back not behind the call, but two instructions further on, or to an odd address, whose lowest
   bit does not count; or by the other link register. */
__asm__ (".text\n"
         ".balign 64\n"
         ".option push\n"
         ".option norvc\n"
         "skip: addi ra, ra, 8\n"
         "  ret\n"
         "odd: ori ra, ra, 1\n"
         "  ret\n"
         "other: jr t0\n"
         "swap: jalr t0, t0\n"
         "  addi a0, a0, 32\n"
         "  jr t0\n"
         "elsewhere: mv s1, ra\n"             /* as a caller of sum that returns to its own caller */
         "  mv a1, a0\n"
         "  li a0, 3\n"
         "  call sum\n"
         "  add a0, a0, a1\n"
         "  jr s1\n"
         "returns: mv a7, ra\n"
         "  mv a6, s1\n"
         "  li a0, 0\n"
         "  call skip\n"
         "  addi a0, a0, 1\n"
         "  addi a0, a0, 1\n"
         "  addi a0, a0, 2\n"
         "  call odd\n"
         "  addi a0, a0, 4\n"
         "  jal t0, other\n"
         "  addi a0, a0, 8\n"
         "  jal t0, swap\n"
         "  addi a0, a0, 16\n"
         "  jalr t0, t0\n"
         "  addi a0, a0, 64\n"
         "  la ra, 1f\n"                      /* a return that no call belongs to */
         "  ret\n"
         "  addi a0, a0, 1\n"
         "1: addi a0, a0, 128\n"
         "  mv s1, a6\n"
         "  jr a7\n"
         ".option pop\n");
extern uint64_t returns (void);

static void
test_returns_elsewhere (void)
{
  for (unsigned i = 0; i < ROUNDS; i++)
    CHECK_EQ (returns (), 2 + 4 + 8 + 16 + 32 + 64 + 128);
}

/* setjmp and longjmp, with what a compiler expects to be kept. */
typedef struct
{
  uint64_t s[12], ra, sp;
} Place;

extern uint64_t note_place (Place *place) __attribute__ ((returns_twice));
extern void go_back (Place *place, uint64_t value);      /* does not return here */
#define EACH_SAVED(op)                                                                             \
  op " s0, 0(a0)\n" op " s1, 8(a0)\n" op " s2, 16(a0)\n" op " s3, 24(a0)\n" op " s4, 32(a0)\n" op  \
     " s5, 40(a0)\n" op " s6, 48(a0)\n" op " s7, 56(a0)\n" op " s8, 64(a0)\n" op " s9, 72(a0)\n"  \
  op " s10, 80(a0)\n" op " s11, 88(a0)\n" op " ra, 96(a0)\n" op " sp, 104(a0)\n"
__asm__ (".text\n"
         "note_place:" EACH_SAVED ("sd") "  li a0, 0\n"
         "  ret\n"
         "go_back:" EACH_SAVED ("ld") "  mv a0, a1\n"
         "  ret\n");

static Place place;

static __attribute__ ((noinline)) uint64_t
dive (uint64_t depth)
{
  volatile uint64_t left = depth;

  if (depth == 0)
    {
      go_back (&place, 7);
      return 0;
    }
  return dive (depth - 1) + left;
}

static __attribute__ ((noinline)) uint64_t
catch_one (uint64_t depth)
{
  uint64_t value = note_place (&place);

  return value != 0 ? value + depth : dive (depth);
}

static void
test_long_jumps (void)
{
  for (unsigned i = 0; i < ROUNDS; i++)
    CHECK_EQ (catch_one (i % 40), 7 + i % 40);
}

/* Two stacks that hand control to each other from within calls of different depth. */
static Place    sides[2];
static uint64_t hand_overs, other_stack[1024] __attribute__ ((aligned (16)));

static __attribute__ ((noinline)) void
hand_over (unsigned from)
{
  hand_overs++;
  if (note_place (&sides[from]) == 0)
    go_back (&sides[1 - from], 1);
}

static __attribute__ ((noinline)) uint64_t
hand_over_deep (unsigned from, uint64_t depth)
{
  volatile uint64_t left = depth;

  if (depth == 0)
    {
      hand_over (from);
      return 0;
    }
  return hand_over_deep (from, depth - 1) + left;
}

static uint64_t
other_side (uint64_t rounds)
{
  hand_over (1);
  for (uint64_t i = 0; i < rounds; i++)
    CHECK_EQ (hand_over_deep (1, i % 13), (i % 13) * (i % 13 + 1) / 2);
  go_back (&sides[0], 1);
  return 0;
}

static void
test_coroutines (void)
{
  if (note_place (&sides[0]) == 0)
    call_on (other_side, ROUNDS, other_stack + 1024);
  for (uint64_t i = 0; i < ROUNDS; i++)
    CHECK_EQ (hand_over_deep (0, i % 7), (i % 7) * (i % 7 + 1) / 2);
  CHECK_EQ (hand_overs, 2 * ROUNDS + 1);
}

/* A caller of a2 that comes back with @n in a0; by an ecall, where it has no stack. */
#define LI_A0(n) ((uint32_t) (n) << 20 | 0x00000513)

static const uint32_t caller[] = {
  0xff010113,                   /* addi sp, sp, -16 */
  0x00113023,                   /* sd   ra, 0(sp) */
  0x000600e7,                   /* jalr a2 */
  LI_A0 (0),
  0x00013083,                   /* ld   ra, 0(sp) */
  0x01010113,                   /* addi sp, sp, 16 */
  0x00008067,                   /* ret */
};

static void
write_caller (uint32_t *at, unsigned n, bool has_stack)
{
  for (unsigned i = 0; i < sizeof caller / sizeof *caller; i++)
    at[i] = caller[i];
  at[3] = LI_A0 (n);
  if (!has_stack)
    {
      at[0] = at[1] = 0x00000013;
      at[4] = 0x00000073;
    }
  __asm__ volatile ("fence.i" : : : "memory");
}

/* Callees that put a1 to a0, and what makes it hold. */
__asm__ (".text\n"
         ".balign 64\n"
         "rewrite: sw a1, 0(a0)\n"
         "  fence.i\n"
         "  ret\n"
         "remap: sd a1, 0(a0)\n"
         "  sfence.vma\n"
         "  ret\n"
         "remap_one: sd a1, 0(a0)\n"
         "  sfence.vma ra\n"
         "  ret\n"
         "change_space: csrw satp, a1\n"
         "  ret\n");
extern uint64_t rewrite (void), remap (void), remap_one (void), change_space (void);

static void
test_rewritten_caller (void)
{
  uint64_t (*call) (uint32_t *, uint64_t, uint64_t (*) (void)) = (void *) (uintptr_t) pages[0];

  write_caller (pages[0], 0, true);
  for (unsigned i = 0; i < ROUNDS; i++)
    CHECK_EQ (call (&pages[0][3], LI_A0 (i & 0x7ff), rewrite), i & 0x7ff);
}

/* Control returns to the address that the call came from, and to what is there by then. */
static void
test_moved_caller (void)
{
  uint64_t *slots[2], ptes[2], satps[2];

  for (unsigned i = 0; i < 2; i++)
    {
      write_caller (pages[i], 1 + i, false);
      pt_map_image (roots[i], SV39);
      slots[i] = pt_slot (roots[i], SV39, VA, 0);
      ptes[i] = pte (pages[i], PTE_RWX);
      satps[i] = make_satp (SV39, 1 + i, roots[i]);
    }
  set_satp (satps[0]);
  for (unsigned i = 0; i < ROUNDS; i++)
    {
      *slots[0] = ptes[i & 1];
      sfence_all ();
      enter (S, VA, (uintptr_t) slots[0], ptes[~i & 1],
             i % 3 == 0 ? (uintptr_t) remap_one : (uintptr_t) remap);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->x[10], 1 + (~i & 1));
    }
  *slots[0] = ptes[0];
  *slots[1] = ptes[1];
  sfence_all ();
  for (unsigned i = 0; i < ROUNDS; i++)
    {
      csr_write (satp, satps[i & 1]);
      enter (S, VA, 0, satps[~i & 1], (uintptr_t) change_space);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->x[10], 1 + (~i & 1));
    }
  csr_write (satp, 0);
}

/* --- calls to the page behind ------------------------------------------------------------------- */

#define RET 0x00008067
#define ECALL 0x00000073
#define NEXT_PAGE 0x000010ef    /* jal ra, PAGE */
#define ADDI_A0(n) ((uint32_t) (n) << 20 | 0x00050513)
#define ADDI_A3(n) ((uint32_t) (n) << 20 | 0x00068693)

static void
write_words (uint32_t *at, const uint32_t *words, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    at[i] = words[i];
  __asm__ volatile ("fence.i" : : : "memory");
}

#define WRITE_WORDS(at, words) write_words (at, words, sizeof (words) / sizeof *(words))

/* Lets pages[0] stand at @va of a space, and pages[@callee] behind it. */
static void
map_pair (uint64_t *root, uint64_t va, unsigned callee)
{
  *pt_slot (root, SV39, va, 0) = pte (pages[0], PTE_RWX);
  *pt_slot (root, SV39, va + PAGE, 0) = pte (pages[callee], PTE_RWX);
}

/* One caller, at one address in two spaces, and at two in one of them: each time another callee. */
static void
test_callers_shared (void)
{
  static const uint32_t calls[] = {
    NEXT_PAGE,
    0xfff58593,                 /* addi a1, a1, -1 */
    0xfe059ce3,                 /* bnez a1, -8 */
    ECALL,
  };
  static const uint32_t callees[2][2] = { { ADDI_A0 (1), RET }, { ADDI_A0 (100), RET } };
  static const struct
  {
    uint64_t va;
    unsigned space, adds;
  } rows[] = {
    { VA, 0, 1 },
    { VA, 1, 100 },
    { VA + 16 * PAGE, 0, 100 },
    { VA + 32 * PAGE, 1, 1 },
  };
  uint64_t satps[2];

  WRITE_WORDS (pages[0], calls);
  for (unsigned i = 0; i < 2; i++)
    {
      WRITE_WORDS (pages[1 + i], callees[i]);
      pt_map_image (roots[i], SV39);
      satps[i] = make_satp (SV39, 1 + i, roots[i]);
    }
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
    map_pair (roots[rows[i].space], rows[i].va, rows[i].adds == 1 ? 1 : 2);
  set_satp (satps[0]);
  for (unsigned i = 0; i < ROUNDS; i++)
    {
      /* Each for some time, then in turns. */
      unsigned row = (i < ROUNDS / 2 ? i / 500 : i) % (sizeof rows / sizeof *rows);

      csr_write (satp, satps[rows[row].space]);
      enter (S, rows[row].va, 5, 1 + i % 7, 0);
      CHECK_EQ (this_hart->cause, ECALL_S);
      CHECK_EQ (this_hart->x[10], 5 + (1 + i % 7) * rows[row].adds);
    }
  csr_write (satp, 0);
}

/* Each call has the next one find something else: other code, or another page, where it leads. */
static void
test_callees_changed (void)
{
  static const uint32_t remapped_calls[] = {
    0x06400713,                 /* li   a4, 100 */
    0x00000693,                 /* li   a3, 0 */
    NEXT_PAGE,
    0x00c5c5b3,                 /* xor  a1, a1, a2 */
    0xfff70713,                 /* addi a4, a4, -1 */
    0xfe071ae3,                 /* bnez a4, -12 */
    ECALL,
  };
  static const uint32_t remaps[2][4] = {
    { ADDI_A3 (1), 0x00b53023 /* sd a1, 0(a0) */, 0x12000073 /* sfence.vma */, RET },
    { ADDI_A3 (1000), 0x00b53023, 0x12000073, RET },
  };
  static const uint32_t rewriting_calls[] = {
    0x06400713,
    0x00000693,
    0x00b52023,                 /* sw   a1, 0(a0) */
    0x0000100f,                 /* fence.i */
    NEXT_PAGE,
    0x00c5c5b3,
    0xfff70713,
    0xfe0716e3,                 /* bnez a4, -20 */
    ECALL,
  };
  uint64_t ptes[2] = { pte (pages[1], PTE_RWX), pte (pages[2], PTE_RWX) };
  uint64_t *slot;

  pt_map_image (roots[0], SV39);
  map_pair (roots[0], VA, 1);
  slot = pt_slot (roots[0], SV39, VA + PAGE, 0);
  set_satp (make_satp (SV39, 1, roots[0]));
  for (unsigned i = 0; i < 200; i++)
    {
      WRITE_WORDS (pages[0], remapped_calls);
      WRITE_WORDS (pages[1] + 2, remaps[0]);
      WRITE_WORDS (pages[2] + 2, remaps[1]);
      for (unsigned k = 0; k < 4; k++)
        {
          enter (S, VA, (uintptr_t) slot, ptes[1], ptes[0] ^ ptes[1]);
          CHECK_EQ (this_hart->cause, ECALL_S);
          CHECK_EQ (this_hart->x[13], 50 * 1001);
        }
      WRITE_WORDS (pages[0], rewriting_calls);
      pages[1][5] = RET;
      for (unsigned k = 0; k < 4; k++)
        {
          enter (S, VA, (uintptr_t) &pages[1][4], ADDI_A3 (1), ADDI_A3 (1) ^ ADDI_A3 (1000));
          CHECK_EQ (this_hart->cause, ECALL_S);
          CHECK_EQ (this_hart->x[13], 50 * 1001);
        }
    }
  csr_write (satp, 0);
}

void
test (void)
{
  test_deep ();
  test_returns_elsewhere ();
  test_long_jumps ();
  test_coroutines ();
  test_rewritten_caller ();
  test_moved_caller ();
  test_callers_shared ();
  test_callees_changed ();
}
