/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Accesses by ranges (riscv/tlb-ranges.h): what comes before the TLB.
 *
 *   lea rcx, [base + offset]
 *   sub rcx, gs:[start + 8 n]
 *   cmp rcx, gs:[length + 8 n]; jae stub
 *   mov rcx, gs:[addend + 8 n]
 *   mov reg, [base + rcx + offset]
 *
 * Nothing of the last two waits for the comparison, which the host predicts: an access takes as long
 * as the host's own. The stub takes the page from the TLB into the range, and goes on:
 *
 *   mov edx, site and range; call fill; jc C; jmp found
 *   given up:  call find; je found
 *   C:
 *
 * An access that gives its range up has the sub replaced by a jump to the second line.
 */
#include "engine/jit/x86/lower-private.h"

G_STATIC_ASSERT (sizeof (CopTlbEntry) == 32);

#define TABLE_MASK ((COP_TLB_SIZE - 1) * (int32_t) sizeof (CopTlbEntry))

#define SP 2

/* Ranges of registers that the block got from elsewhere; the others are of what it sets itself. */
#define FIRST_LOCAL 32

static size_t
ranges_at (CopAccess access)
{
  return access == COP_ACCESS_STORE ? offsetof (CopTlb, stores) : offsetof (CopTlb, loads);
}

#define RANGE_FIELD(access, member) (ranges_at (access) + offsetof (CopTlbRanges, member))

static CopMem
range_field (unsigned range, size_t member)
{
  return lower_view_field (NO_REG, member + 8 * range);
}

/* Code that runs through once finds in the range what other code left there: real programs ran at
   two thirds of the speed with ranges everywhere. Frames are near to each other. */
bool
lower_uses_range (const CopJitBackend *b, CopIrRef gva)
{
  unsigned reg;
  int64_t offset;

  return b->host.fsgsbase && b->host.lookups && !(b->unit->mode & COP_MODE_APART) &&
         (b->in_loop || (cop_ir_split_address (b->unit, gva, &reg, &offset) && reg == SP));
}

unsigned
lower_choose_range (const CopJitBackend *b, CopIrRef gva)
{
  const CopIrStatement *statements = (const CopIrStatement *) (void *) b->unit->statements->data;
  unsigned reg, at = (unsigned) (b->statement - statements) + 1;
  int64_t offset;

  if (cop_ir_split_address (b->unit, gva, &reg, &offset))
    {
      if (b->set_at[reg] == 0)
        return reg;
      at = b->set_at[reg];
    }
  return FIRST_LOCAL + (uint16_t) statements[at - 1].offset / 2 % (COP_TLB_RANGES - FIRST_LOCAL);
}

/* @entry = where the entry of the address in rcx is among `entries`, as cop_tlb_slot() has it */
static void
write_find_entry (CopAsm *a, CopReg entry)
{
  asm_rr (a, 0x8b, true, entry, RCX);
  asm_shift_ri (a, SHIFT_SHR, true, entry, COP_TLB_MIX);
  asm_alu_rr (a, ALU_XOR, false, entry, RCX);
  asm_shift_ri (a, SHIFT_SHR, false, entry, COP_PAGE_SHIFT - 5);
  asm_alu_ri (a, ALU_AND, false, entry, TABLE_MASK);
}

static CopMem
entry_addend (CopReg entry)
{
  return lower_view_field (entry, offsetof (CopTlb, entries) + offsetof (CopTlbEntry, addend));
}

static CopMem
entry_tag (CopReg entry, CopAccess access)
{
  return lower_view_field (entry,
                           offsetof (CopTlb, entries) + offsetof (CopTlbEntry, tag) + 8 * access);
}

static void
load_base (CopJitBackend *b, CopReg base, int32_t offset)
{
  if (offset != 0)
    asm_lea (&b->a, true, RCX, mem (base, offset));
  else
    asm_mov_rr (&b->a, true, RCX, base);
}

/* On to @miss if rcx is not within. */
static void
compare (CopJitBackend *b, CopAccess access, unsigned range, size_t length, CopLabel miss)
{
  asm_alu_rm (&b->a, ALU_SUB, true, RCX, range_field (range, RANGE_FIELD (access, start)));
  asm_alu_rm (&b->a, ALU_CMP, true, RCX, range_field (range, length));
  asm_jcc (&b->a, CC_AE, miss);
}

/* Both ends, for any length. */
static void
compare_ends (CopJitBackend *b, CopReg base, int32_t offset, unsigned size, CopAccess access,
              unsigned range, CopLabel miss)
{
  size_t length = RANGE_FIELD (access, length);

  load_base (b, base, offset);
  compare (b, access, range, length, miss);
  if (size <= COP_TLB_RANGE_SHORT)
    return;
  load_base (b, base, offset + (int32_t) size - COP_TLB_RANGE_SHORT);
  compare (b, access, range, length, miss);
}

static bool
is_frame (unsigned size)
{
  return size > COP_TLB_RANGE_LONG && size <= COP_TLB_RANGE_FRAME;
}

uint32_t
lower_look_into_range (CopJitBackend *b, CopReg base, int32_t offset, unsigned size,
                       CopAccess access, unsigned range, CopLabel miss)
{
  uint32_t site = 0;

  if (size <= COP_TLB_RANGE_LONG)
    {
      load_base (b, base, offset);
      asm_align_jump (&b->a);
      site = b->a.size;
      compare (b, access, range,
               size <= COP_TLB_RANGE_SHORT ? RANGE_FIELD (access, length)
                                           : RANGE_FIELD (access, long_length), miss);
    }
  else if (is_frame (size))
    {
      load_base (b, base, offset);
      compare (b, access, range, RANGE_FIELD (access, frame_length), miss);
    }
  else
    compare_ends (b, base, offset, size, access, range, miss);
  asm_load (&b->a, RCX, range_field (range, RANGE_FIELD (access, addend)));
  return site;
}

/* What edx tells the thunk: 8 times the range, and how far behind the site it returns to. */
#define SITE_SHIFT 9
G_STATIC_ASSERT (8 * COP_TLB_RANGES <= 1 << SITE_SHIFT);
/* From where the thunk returns to, to the line of those that gave up. */
#define GIVEN_UP_AT 11
/* A `mov edx, imm32` and a call. */
#define CALL_BYTES 10

static void
call_fill (CopJitBackend *b, const CopStub *stub, CopAccess access)
{
  uint32_t distance = stub->site != 0 ? b->a.size + CALL_BYTES - stub->site : 0;

  if (distance >= 1u << (32 - SITE_SHIFT))
    distance = 0;
  emit8 (&b->a, 0xb8 + RDX);
  emit32 (&b->a, 8u * stub->range | distance << SITE_SHIFT);
  asm_call_to (&b->a, access == COP_ACCESS_STORE ? b->fill_stores : b->fill_loads);
}

void
lower_look_behind (CopJitBackend *b, const CopStub *stub, unsigned size, CopAccess access,
                   bool natural)
{
  unsigned find = natural ? g_bit_nth_lsf (size, -1) : 0;
  CopLabel miss;

  load_base (b, stub->address, stub->offset);
  asm_call_to (&b->a, b->find[access == COP_ACCESS_STORE][find]);
  if (natural)
    {
      asm_jcc (&b->a, CC_E, stub->found);
      return;
    }
  miss = asm_new_label (&b->a);
  asm_jcc (&b->a, CC_NE, miss);
  asm_lea (&b->a, false, RDX, mem (stub->address, stub->offset));
  asm_alu_ri (&b->a, ALU_AND, false, RDX, COP_PAGE_SIZE - 1);
  asm_alu_ri (&b->a, ALU_CMP, false, RDX, (int32_t) (COP_PAGE_SIZE - size));
  asm_jcc (&b->a, CC_BE, stub->found);
  asm_bind (&b->a, miss);
}

/* A frame that is shorter than the longest may lie nearer to the page's end: the page is in the range
   all the same, and the function may be called many times there. */
static void
look_at_ends (CopJitBackend *b, const CopStub *stub, unsigned size, CopAccess access)
{
  CopLabel elsewhere = asm_new_label (&b->a);

  compare_ends (b, stub->address, stub->offset, size, access, stub->range, elsewhere);
  asm_load (&b->a, RCX, range_field (stub->range, RANGE_FIELD (access, addend)));
  asm_jmp (&b->a, stub->found);
  asm_bind (&b->a, elsewhere);
}

void
lower_fill_range (CopJitBackend *b, const CopStub *stub, unsigned size, CopAccess access,
                  bool natural)
{
  CopLabel miss = asm_new_label (&b->a), filled = asm_new_label (&b->a),
           behind = asm_new_label (&b->a);
  uint32_t returns;

  if (is_frame (size))
    look_at_ends (b, stub, size, access);
  load_base (b, stub->address, stub->offset);
  call_fill (b, stub, access);
  returns = b->a.size;
  asm_jcc (&b->a, CC_B, miss);
  asm_jmp (&b->a, filled);
  g_assert (b->a.size == returns + GIVEN_UP_AT);
  /* In line where it runs often. */
  if (stub->in_loop)
    {
      lower_look_up (b, stub->address, stub->offset, size, access, behind);
      asm_jmp (&b->a, stub->found);
      asm_bind (&b->a, behind);
    }
  lower_look_behind (b, stub, size, access, natural);
  asm_jmp (&b->a, miss);
  asm_bind (&b->a, filled);
  if (size > COP_TLB_RANGE_SHORT)
    {
      compare_ends (b, stub->address, stub->offset, size, access, stub->range, miss);
      asm_load (&b->a, RCX, range_field (stub->range, RANGE_FIELD (access, addend)));
    }
  asm_jmp (&b->a, stub->found);
  asm_bind (&b->a, miss);
}

/* --- thunks ------------------------------------------------------------------------------------ */

/* @at: where the thunk would have returned to. */
static void
lose_patience (CopHart *hart, const uint8_t *at, uint64_t what, uint64_t is_store)
{
  CopTlbRanges *ranges = is_store ? &hart->tlb->stores : &hart->tlb->loads;
  uint64_t distance = what >> SITE_SHIFT;
  unsigned range = (what & ((1u << SITE_SHIFT) - 1)) / 8;
  uint64_t instret = hart->jit.fuel_end - (uint64_t) hart->jit.fuel;

  if (cop_tlb_lose_patience (ranges, range, instret) && distance != 0)
    hart->jit.divert (hart, at - distance, at + GIVEN_UP_AT, false);
}

/* What C may clobber, but for rax and rsi, which are saved already; an odd number, so that with these
   and the return address C finds the stack as it wants it. */
static const CopReg clobbered[] = { RCX, RDX, RDI, R8, R9, R10, R11 };
#define SAVED_BYTES (8 * ((int32_t) G_N_ELEMENTS (clobbered) + 2))
#define N_XMM 16

static void
push_pop (CopAsm *a, uint8_t opcode, CopReg reg)
{
  if (reg >= R8)
    emit8 (a, 0x41);
  emit8 (a, opcode + (reg & 7));
}

static void
write_lose_patience (CopAsm *a, CopAccess access)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (clobbered); i++)
    push_pop (a, 0x50, clobbered[i]);
  asm_alu_ri (a, ALU_SUB, true, RSP, 16 * N_XMM);
  for (unsigned i = 0; i < N_XMM; i++)
    asm_rm (a, 0x0f11, false, (CopReg) i, mem (RSP, (int32_t) (16 * i))); /* movups */
  asm_store (a, HART_FIELD (jit.fuel), FUEL);
  asm_lea (a, true, RDI, mem (HART, -HART_BIAS));
  asm_rr (a, 0x8b, false, RDX, RSI);
  asm_load (a, RSI, mem (RSP, 16 * N_XMM + SAVED_BYTES));
  asm_mov_ri (a, RCX, access == COP_ACCESS_STORE);
  asm_mov_ri (a, RAX, (uint64_t) (uintptr_t) lose_patience);
  asm_rr (a, 0xff, false, (CopReg) 2, RAX);     /* call rax */
  for (unsigned i = 0; i < N_XMM; i++)
    asm_rm (a, 0x0f10, false, (CopReg) i, mem (RSP, (int32_t) (16 * i)));
  asm_alu_ri (a, ALU_ADD, true, RSP, 16 * N_XMM);
  for (unsigned i = G_N_ELEMENTS (clobbered); i-- > 0;)
    push_pop (a, 0x58, clobbered[i]);
}

/* The range at rdx becomes what the view's wide one is, with rcx its addend. */
static void
write_take_wide (CopAsm *a, CopLabel done)
{
  static const struct
  {
    size_t from, to;
  } moves[] = {
#define MOVE(member) { offsetof (CopTlbRange, member), offsetof (CopTlbRanges, member) }
    MOVE (start), MOVE (length), MOVE (long_length), MOVE (frame_length),
  };
  const size_t wide = offsetof (CopTlb, wide), loads = offsetof (CopTlb, loads);

  for (unsigned i = 0; i < G_N_ELEMENTS (moves); i++)
    {
      asm_load (a, RAX, lower_view_field (NO_REG, wide + moves[i].from));
      asm_store (a, lower_view_field (RDX, loads + moves[i].to), RAX);
    }
  asm_load (a, RCX, lower_view_field (NO_REG, wide + offsetof (CopTlbRange, addend)));
  asm_jmp (a, done);
}

/* fill: takes the page of the address in rcx into a range, which edx names with the site. rcx = its
   addend; carry: it is not in the TLB, or the access may reach over the page's end. */
void
cop_x86_write_fill (CopAsm *a, CopAccess access)
{
  CopLabel page = asm_new_label (a), fail = asm_new_label (a), done = asm_new_label (a),
           patient = asm_new_label (a);

  push_pop (a, 0x50, RAX);
  push_pop (a, 0x50, RSI);
  asm_rr (a, 0x8b, false, RSI, RDX);
  asm_alu_ri (a, ALU_AND, false, RDX, (1 << SITE_SHIFT) - 1);
  asm_alu_mi (a, ALU_SUB, true, lower_view_field (RDX, RANGE_FIELD (access, patience)), 1);
  asm_jcc (a, CC_GE, patient);
  write_lose_patience (a, access);
  asm_bind (a, patient);
  if (access == COP_ACCESS_LOAD)
    {
      asm_mov_rr (a, true, RAX, RCX);
      asm_alu_rm (a, ALU_SUB, true, RAX,
                  lower_view_field (NO_REG, offsetof (CopTlb, wide.start)));
      asm_alu_rm (a, ALU_CMP, true, RAX,
                  lower_view_field (NO_REG, offsetof (CopTlb, wide.length)));
      asm_jcc (a, CC_AE, page);
      write_take_wide (a, done);
    }
  asm_bind (a, page);
  asm_rr (a, 0x8b, false, RAX, RCX);
  asm_alu_ri (a, ALU_AND, false, RAX, COP_PAGE_SIZE - 1);
  asm_alu_ri (a, ALU_CMP, false, RAX, COP_PAGE_SIZE - COP_TLB_RANGE_SHORT);
  asm_jcc (a, CC_A, fail);
  write_find_entry (a, RSI);
  asm_mov_rr (a, true, RAX, RCX);
  asm_alu_ri (a, ALU_AND, true, RAX, -(int32_t) COP_PAGE_SIZE);
  asm_alu_rm (a, ALU_CMP, true, RAX, entry_tag (RSI, access));
  asm_jcc (a, CC_NE, fail);
  asm_load (a, RCX, entry_addend (RSI));
  asm_store (a, lower_view_field (RDX, RANGE_FIELD (access, start)), RAX);
  asm_store_i (a, 8, lower_view_field (RDX, RANGE_FIELD (access, length)),
               COP_PAGE_SIZE - (COP_TLB_RANGE_SHORT - 1));
  asm_store_i (a, 8, lower_view_field (RDX, RANGE_FIELD (access, long_length)),
               COP_PAGE_SIZE - (COP_TLB_RANGE_LONG - 1));
  asm_store_i (a, 8, lower_view_field (RDX, RANGE_FIELD (access, frame_length)),
               COP_PAGE_SIZE - (COP_TLB_RANGE_FRAME - 1));
  asm_bind (a, done);
  asm_store (a, lower_view_field (RDX, RANGE_FIELD (access, addend)), RCX);
  asm_store_i (a, 1, lower_view_field (NO_REG, RANGE_FIELD (access, used)), 1);
  push_pop (a, 0x58, RSI);
  push_pop (a, 0x58, RAX);
  emit8 (a, 0xf8);              /* clc */
  emit8 (a, 0xc3);              /* ret */
  asm_bind (a, fail);
  push_pop (a, 0x58, RSI);
  push_pop (a, 0x58, RAX);
  emit8 (a, 0xf9);              /* stc */
  emit8 (a, 0xc3);
}

/* Copies the entry at rdx, of the page in rcx, to the front. rcx = its addend. Clobbers rax. That
   the slot is used is noted since the entry was filled. The first slot and the last are left alone:
   there, front says otherwise what it does not allow (cop_tlb_front_no_tag()). */
static void
write_bring_to_front (CopAsm *a)
{
  const int32_t mask = (COP_TLB_FRONT_SIZE - 1) * (int32_t) sizeof (CopTlbEntry);
  CopLabel stays = asm_new_label (a), done = asm_new_label (a);

  asm_rr (a, 0x8b, false, RAX, RCX);
  asm_shift_ri (a, SHIFT_SHR, false, RAX, COP_PAGE_SHIFT - 5);
  asm_alu_ri (a, ALU_AND, false, RAX, mask);
  asm_lea (a, false, RCX, mem (RAX, sizeof (CopTlbEntry)));
  asm_alu_ri (a, ALU_AND, false, RCX, mask & ~(int32_t) sizeof (CopTlbEntry));
  asm_jcc (a, CC_E, stays);
  G_STATIC_ASSERT (offsetof (CopTlbEntry, addend) == sizeof (CopTlbEntry) - 8);
  for (size_t at = 0; at < sizeof (CopTlbEntry); at += 8)
    {
      asm_load (a, RCX, lower_view_field (RDX, offsetof (CopTlb, entries) + at));
      asm_store (a, lower_view_field (RAX, offsetof (CopTlb, front) + at), RCX);
    }
  asm_jmp (a, done);
  asm_bind (a, stays);
  asm_load (a, RCX, entry_addend (RDX));
  asm_bind (a, done);
}

/* find: rcx = the addend for @size aligned bytes at the address in rcx, whose page is in front from
   now on; not equal: it is not in the TLB. Clobbers rdx. */
void
cop_x86_write_find (CopAsm *a, CopAccess access, unsigned size)
{
  CopLabel miss = asm_new_label (a);

  write_find_entry (a, RDX);
  asm_alu_ri (a, ALU_AND, true, RCX, -(int32_t) COP_PAGE_SIZE | (int32_t) (size - 1));
  asm_alu_rm (a, ALU_CMP, true, RCX, entry_tag (RDX, access));
  asm_jcc (a, CC_NE, miss);
  asm_push (a, RAX);
  write_bring_to_front (a);
  asm_alu_rr (a, ALU_CMP, false, RDX, RDX);
  asm_pop (a, RAX);
  asm_bind (a, miss);
  asm_ret (a);
}
