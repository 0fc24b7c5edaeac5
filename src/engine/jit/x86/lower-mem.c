/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory accesses: spans, plain accesses, atomics, and what is left out of line. Those of loops and
 * frames look into a range first (lower-ranges.c); the others, atomics, and all on hosts without
 * ranges look into the front of the TLB in line:
 *
 *   lea rdx, [base + offset]
 *   rorx ecx, edx, 7; and ecx, mask        slot of the gva, times the size of an entry
 *   sub rdx, gs:[rcx + tag]                offset in the page, if it is that page
 *   cmp rdx, page - size; ja stub
 *   mov rcx, gs:[rcx + addend]
 *   mov reg, [base + rcx + offset]
 *
 * One comparison finds the page and that all bytes are on it, for any size and alignment. Without
 * wrgsbase, the address of the table is added to rcx. The stub looks into the rest of the TLB, and then
 * asks C.
 */
#include "engine/jit/x86/lower-private.h"

#include "engine/riscv/arith.h"

/* What the look-up computes with. */
G_STATIC_ASSERT (sizeof (CopTlbEntry) == 32);
G_STATIC_ASSERT (offsetof (CopTlb, front) == 0);
#define SLOT_MASK ((COP_TLB_FRONT_SIZE - 1) * (int32_t) sizeof (CopTlbEntry))
#define SLOT_SHIFT (COP_PAGE_SHIFT - 5)

/* rcx = where the slot of @gva is in the front of a table: an offset. */
static void
find_slot (CopJitBackend *b, CopReg gva)
{
  if (b->host.bmi2)
    {
      asm_vex (&b->a, 3, 3, 0xf0, false, RCX, RAX, gva);
      emit8 (&b->a, SLOT_SHIFT);
    }
  else
    {
      asm_rr (&b->a, 0x8b, false, RCX, gva);
      asm_shift_ri (&b->a, SHIFT_SHR, false, RCX, SLOT_SHIFT);
    }
  asm_alu_ri (&b->a, ALU_AND, false, RCX, SLOT_MASK);
}

void
lower_find_entry (CopJitBackend *b, CopReg gva, CopMem table)
{
  find_slot (b, gva);
  asm_alu_rm (&b->a, ALU_ADD, true, RCX, table);
}

/* Finds the slot of @gva in the view; its entry is what entry_field() names. */
static void
find_in_view (CopJitBackend *b, CopReg gva)
{
  if (b->host.fsgsbase)
    find_slot (b, gva);
  else
    lower_find_entry (b, gva, HART_FIELD (tlb));
}

static CopMem
entry_field (const CopJitBackend *b, size_t member)
{
  return b->host.fsgsbase ? lower_view_field (RCX, member) : mem (RCX, (int32_t) member);
}

static CopMem
tag_field (const CopJitBackend *b, CopAccess access)
{
  return entry_field (b, offsetof (CopTlbEntry, tag) + 8 * access);
}

static void
load_addend (CopJitBackend *b)
{
  asm_load (&b->a, RCX, entry_field (b, offsetof (CopTlbEntry, addend)));
}

void
lower_look_up (CopJitBackend *b, CopReg base, int32_t offset, unsigned size, CopAccess access,
               CopLabel miss)
{
  if (!b->host.lookups)
    {
      asm_jmp (&b->a, miss);
      return;
    }
  if (offset != 0)
    {
      asm_lea (&b->a, true, RDX, mem (base, offset));
      find_in_view (b, RDX);
    }
  else
    {
      find_in_view (b, base);
      asm_mov_rr (&b->a, true, RDX, base);
    }
  asm_alu_rm (&b->a, ALU_SUB, true, RDX, tag_field (b, access));
  asm_alu_ri (&b->a, ALU_CMP, true, RDX, (int32_t) (COP_PAGE_SIZE - size));
  asm_jcc (&b->a, CC_A, miss);
  load_addend (b);
}

/* Adds a stub that is reached with the address in @address; the code goes on at its `back`. */
static CopStub *
add_access_stub (CopJitBackend *b, uint8_t kind, CopReg address, int32_t offset)
{
  CopStub *stub = lower_add_stub (b, kind);

  stub->address = address;
  stub->offset = offset;
  stub->back = asm_new_label (&b->a);
  stub->found = asm_new_label (&b->a);
  stub->place = lower_place (b);
  stub->block_first = b->block->first;
  stub->statement = (uint32_t) (b->statement - (const CopIrStatement *) (const void *)
                                                 b->unit->statements->data);
  stub->in_loop = b->in_loop;
  stub->copies = lower_note_copies (b);
  return stub;
}

/* --- spans ------------------------------------------------------------------------------------- */

/* rcx = addend for the whole span, the first byte of which is at @offset from @base; else to @miss.
   Returns: as lower_look_into_range() */
static uint32_t
check_span (CopJitBackend *b, const CopIrSpan *span, CopReg base, int32_t offset, bool ranged,
            unsigned range, CopLabel miss)
{
  unsigned size = (unsigned) (span->high - span->low);
  CopAccess access = span->writes ? COP_ACCESS_STORE : COP_ACCESS_LOAD;

  if (ranged)
    return lower_look_into_range (b, base, offset, size, access, range, miss);
  lower_look_up (b, base, offset, size, access, miss);
  return 0;
}

void
lower_keep_addend (CopJitBackend *b, uint32_t before)
{
  if (b->addend_at == before)
    b->addend_at = b->a.size;
}

/* Whether the statement is an access and nothing else, which leaves rcx alone behind it. */
static bool
is_bare_access (const CopJitBackend *b, const CopIrStatement *statement)
{
  CopIrOp op;

  if (statement->kind != IR_STORE && statement->kind != IR_SETX)
    return false;
  op = cop_ir_node (b->unit, statement->kind == IR_STORE ? statement->b : statement->a)->op;
  return statement->kind == IR_STORE ? op == IR_GETX || op == IR_CONST : op == IR_LOAD;
}

/* Whether the accesses of span @index behind the one in work follow it one after the other. */
static bool
is_run_of_accesses (const CopJitBackend *b, unsigned index)
{
  const CopIrSpan *span = &g_array_index (b->unit->spans, CopIrSpan, index);
  const CopIrStatement *all = (const CopIrStatement *) (void *) b->unit->statements->data;
  const CopIrStatement *end = all + b->block->first + b->block->n;
  unsigned left = span->n_accesses;

  for (const CopIrStatement *at = b->statement; at < end && left > 0; at++)
    if (at->kind != IR_NOP && at->kind != IR_LATE)
      {
        if (at->span != index || !is_bare_access (b, at))
          return false;
        left--;
      }
  return left == 0;
}

/* Where an access of a span goes, with rcx its addend. At the first, the whole span is checked. */
static CopMem
span_access (CopJitBackend *b, CopIrRef gva, bool is_store)
{
  unsigned index = b->statement->span;
  unsigned slot = index - b->first_span;
  const CopIrSpan *span = &g_array_index (b->unit->spans, CopIrSpan, index);
  const CopIrNode *address = cop_ir_node (b->unit, gva);
  int32_t offset = address->op == IR_ADD ? (int32_t) cop_ir_node (b->unit, address->b)->imm : 0;
  CopReg base = home (b, span->base);
  int32_t low = span->low;
  CopMem place = mem (HART, (int32_t) (offsetof (CopHart, jit.spans) + 8 * slot) - HART_BIAS);
  bool ranged = lower_uses_range (b, gva);
  bool is_kept = b->addend_at == b->a.size && b->addend_slot == slot;
  CopStub *stub;
  CopLabel label, found;

  if (base == NO_REG)
    {
      asm_load (&b->a, RAX, x_mem (span->base));
      base = RAX;
    }
  if (b->spans[slot] == SPAN_IN_FRAME || (b->spans[slot] == SPAN_IN_RCX && is_kept))
    {
      if (!is_kept)
        asm_load (&b->a, RCX, place);
      return mem_index (base, RCX, 0, offset);
    }

  stub = add_access_stub (b, STUB_SPAN, base, low);
  stub->detail = (uint32_t) (span->high - span->low) | (span->writes ? SPAN_WRITES : 0) |
                 (is_store ? SPAN_STORES_FIRST : 0);
  stub->ranged = ranged;
  stub->range = lower_choose_range (b, gva);
  label = stub->label;
  found = stub->found;
  stub->site = check_span (b, span, base, low, ranged, stub->range, label);
  asm_bind (&b->a, found);
  b->spans[slot] = SPAN_IN_RCX;
  if (!is_run_of_accesses (b, index))
    {
      asm_store (&b->a, place, RCX);
      b->spans[slot] = SPAN_IN_FRAME;
    }
  return mem_index (base, RCX, 0, offset);
}

static bool
in_span (const CopJitBackend *b)
{
  return b->statement->span != IR_NO_SPAN && b->statement->span - b->first_span < MAX_SPANS;
}

/* Behind an access of the span. */
static void
note_addend (CopJitBackend *b)
{
  b->addend_at = b->a.size;
  b->addend_slot = b->statement->span - b->first_span;
}

/* --- loads and stores -------------------------------------------------------------------------- */

static void
load_host (CopJitBackend *b, CopIrLoad kind, CopReg dst, bool to_xmm, CopMem m)
{
  /* clang-format off */
  static const struct { uint16_t opcode; bool w; } forms[] = {
    [IR_S8]  = { 0x0fbe, true },  [IR_U8]  = { 0x0fb6, false },
    [IR_S16] = { 0x0fbf, true },  [IR_U16] = { 0x0fb7, false },
    [IR_S32] = { 0x63,   true },  [IR_U32] = { 0x8b,   false },
    [IR_U64] = { 0x8b,   true },
  };
  /* clang-format on */

  if (to_xmm)
    asm_rm (&b->a, kind == IR_U64 ? 0xf2000f10 : 0xf3000f10, false, dst, m);    /* movsd, movss */
  else
    asm_rm (&b->a, forms[kind].opcode, forms[kind].w, dst, m);
}

/* rcx = the addend of a single access, in the form "found". Returns: where the access goes; @stub is
   complete but for what the access is */
static CopMem
find_place (CopJitBackend *b, uint8_t kind, CopIrRef gva, unsigned size, CopStub **stub)
{
  CopAccess access = kind == STUB_STORE ? COP_ACCESS_STORE : COP_ACCESS_LOAD;
  CopReg base = NO_REG;
  int64_t offset = 0;
  unsigned reg = 0;
  bool ranged = lower_uses_range (b, gva);
  CopLabel label, found;

  if (cop_ir_split_address (b->unit, gva, &reg, &offset) && offset >= INT32_MIN / 2 &&
      offset <= INT32_MAX / 2)
    {
      base = home (b, reg);
      if (base == NO_REG)
        {
          base = RAX;
          asm_load (&b->a, base, x_mem (reg));
        }
    }
  else
    {
      base = lower_to_some_reg (b, gva, RAX, 0);
      offset = 0;
    }
  *stub = add_access_stub (b, kind, base, (int32_t) offset);
  (*stub)->ranged = ranged;
  (*stub)->range = lower_choose_range (b, gva);
  label = (*stub)->label;
  found = (*stub)->found;
  if (ranged)
    (*stub)->site = lower_look_into_range (b, base, (int32_t) offset, size, access,
                                           (*stub)->range, label);
  else
    lower_look_up (b, base, (int32_t) offset, size, access, label);
  asm_bind (&b->a, found);
  return mem_index (base, RCX, 0, (int32_t) offset);
}

/* @to_xmm: of 64 or 32 bits, @dst is an xmm register */
static void
load (CopJitBackend *b, const CopIrNode *node, CopReg dst, bool to_xmm)
{
  CopStub *stub;
  CopLabel back;
  CopMem m;

  if (lower_strip_access (b, node->a, &m))
    {
      load_host (b, node->imm, dst, to_xmm, m);
      return;
    }
  if (in_span (b))
    {
      load_host (b, node->imm, dst, to_xmm, span_access (b, node->a, false));
      if (to_xmm || dst != RCX)
        note_addend (b);
      return;
    }
  m = find_place (b, STUB_LOAD, node->a, cop_ir_load_size (node->imm), &stub);
  stub->value = dst;
  stub->to_xmm = to_xmm;
  stub->detail = node->imm;
  back = stub->back;
  load_host (b, node->imm, dst, to_xmm, m);
  asm_bind (&b->a, back);
}

void
lower_load (CopJitBackend *b, const CopIrNode *node, CopReg dst)
{
  load (b, node, dst, false);
}

void
lower_load_f (CopJitBackend *b, const CopIrNode *node, CopReg xmm)
{
  load (b, node, xmm, true);
}

/* The register to store from: its home, or rdx. */
static CopReg
store_value (CopJitBackend *b, unsigned bits, CopIrRef value)
{
  const CopIrNode *node = cop_ir_node (b->unit, value);

  /* An f32 was stored by halves: a load of the whole would wait for both. */
  if (node->op == IR_GETF && bits <= 32 && b->r.fhost[node->imm] == NO_REG)
    {
      asm_rm (&b->a, 0x8b, false, RDX, f_mem (node->imm));
      return RDX;
    }
  return lower_to_some_reg (b, value, RDX, BIT (RAX) | BIT (RCX));
}

static void
store_host (CopJitBackend *b, unsigned bits, CopMem m, CopIrRef value)
{
  uint64_t constant;
  CopReg reg;

  if (cop_ir_is_const (b->unit, value, &constant) && (uint64_t) (int32_t) constant == constant)
    {
      asm_store_i (&b->a, bits / 8, m, (int32_t) constant);
      return;
    }
  if (cop_ir_node (b->unit, value)->op == IR_GETF && bits >= 32)
    {
      reg = lower_find_f (b, cop_ir_node (b->unit, value)->imm, bits);
      if (reg != NO_REG)
        {
          asm_rm (&b->a, bits == 64 ? 0xf2000f11 : 0xf3000f11, false, reg, m);
          return;
        }
    }
  reg = store_value (b, bits, value);
  if (bits == 8)
    asm_rm8 (&b->a, 0x88, reg, m);
  else if (bits == 16)
    asm_rm (&b->a, 0x66000089, false, reg, m);
  else
    asm_rm (&b->a, 0x89, bits == 64, reg, m);
}

void
lower_store (CopJitBackend *b, const CopIrStatement *statement)
{
  unsigned bits = statement->imm;
  CopStub *stub;
  CopLabel back;
  CopMem m;

  if (lower_strip_access (b, statement->a, &m))
    {
      store_host (b, bits, m, statement->b);
      return;
    }
  if (in_span (b))
    {
      store_host (b, bits, span_access (b, statement->a, true), statement->b);
      note_addend (b);
      return;
    }
  m = find_place (b, STUB_STORE, statement->a, bits / 8, &stub);
  stub->imm = statement->b;
  stub->detail = bits;
  back = stub->back;
  store_host (b, bits, m, statement->b);
  asm_bind (&b->a, back);
}

/* --- atomics ----------------------------------------------------------------------------------- */

/* rcx = addend for an atomic access; the address is in the register that is returned. */
static CopReg
look_up_atomic (CopJitBackend *b, CopIrRef address, unsigned bits, CopAccess access)
{
  CopReg gva = lower_to_some_reg (b, address, RAX, 0);
  CopStub *stub = add_access_stub (b, STUB_ATOMIC, gva, 0);
  CopLabel label = stub->label, back = stub->back;

  stub->detail = bits / 8;
  stub->imm = access;
  if (!b->host.lookups)
    asm_jmp (&b->a, label);
  find_in_view (b, gva);
  asm_mov_rr (&b->a, true, RDX, gva);
  asm_alu_ri (&b->a, ALU_AND, true, RDX, -(int32_t) COP_PAGE_SIZE | (int32_t) (bits / 8 - 1));
  asm_alu_rm (&b->a, ALU_CMP, true, RDX, tag_field (b, access));
  asm_jcc (&b->a, CC_NE, label);
  load_addend (b);
  asm_bind (&b->a, back);
  return gva;
}

#define DEFINE_AMO(kind, bits)                                                                   \
  static uint64_t amo_##kind##_##bits (uint64_t hva, uint64_t value)                             \
  {                                                                                              \
    return cop_amo##bits ((void *) (uintptr_t) hva, value, COP_AMO_##kind);                      \
  }
#define DEFINE_AMOS(kind) DEFINE_AMO (kind, 32) DEFINE_AMO (kind, 64)
DEFINE_AMOS (XOR)
DEFINE_AMOS (AND)
DEFINE_AMOS (OR)
DEFINE_AMOS (MIN)
DEFINE_AMOS (MAX)
DEFINE_AMOS (MINU)
DEFINE_AMOS (MAXU)

/* Those the host has no instruction for that gives the old value. */
static const CopJitCallee amo_callees[][2] = {
#define CALLEES(kind) [COP_AMO_##kind] = { amo_##kind##_32, amo_##kind##_64 }
  CALLEES (XOR), CALLEES (AND), CALLEES (OR),   CALLEES (MIN),
  CALLEES (MAX), CALLEES (MINU), CALLEES (MAXU),
#undef CALLEES
};

void
lower_amo (CopJitBackend *b, const CopIrNode *node, CopReg dst)
{
  unsigned bits = node->imm & 0xff;
  CopAmo kind = node->imm >> 8;
  bool w = bits == 64;
  CopReg gva = look_up_atomic (b, node->a, bits, COP_ACCESS_STORE);

  asm_lea (&b->a, true, RAX, mem_index (gva, RCX, 0, 0));
  lower_value (b, node->b, RDX, BIT (RAX));
  if (kind == COP_AMO_SWAP)
    asm_rm (&b->a, 0x87, w, RDX, mem (RAX, 0));
  else if (kind == COP_AMO_ADD)
    {
      emit8 (&b->a, 0xf0);
      asm_rm (&b->a, 0x0fc1, w, RDX, mem (RAX, 0));
    }
  else if (b->statement->kind == IR_EFFECT &&
           (kind == COP_AMO_AND || kind == COP_AMO_OR || kind == COP_AMO_XOR))
    {
      static const CopAlu alus[] = {
        [COP_AMO_AND] = ALU_AND, [COP_AMO_OR] = ALU_OR, [COP_AMO_XOR] = ALU_XOR
      };

      emit8 (&b->a, 0xf0);
      asm_rm (&b->a, 8 * alus[kind] + 1, w, RDX, mem (RAX, 0));
    }
  else
    {
      asm_mov_ri (&b->a, RCX, (uint64_t) (uintptr_t) amo_callees[kind][w]);
      lower_save_all_f (b);
      asm_call_to (&b->a, b->call);
      lower_load_all_f (b);
      lower_forget_copies (b);
      asm_mov_rr (&b->a, true, RDX, RAX);
    }
  if (w)
    asm_mov_rr (&b->a, true, dst, RDX);
  else
    asm_rr (&b->a, 0x63, true, dst, RDX);
}

void
lower_lr (CopJitBackend *b, const CopIrNode *node, CopReg dst)
{
  unsigned bits = node->imm;
  CopReg gva = look_up_atomic (b, node->a, bits, COP_ACCESS_LOAD);

  asm_rm (&b->a, 0x8b, bits == 64, RDX, mem_index (gva, RCX, 0, 0));
  asm_store (&b->a, HART_FIELD (s.reservation), gva);
  asm_store (&b->a, HART_FIELD (s.reservation_value), RDX);
  asm_store_i (&b->a, 1, HART_FIELD (s.reservation_size), bits / 8);
  if (bits == 64)
    asm_mov_rr (&b->a, true, dst, RDX);
  else
    asm_rr (&b->a, 0x63, true, dst, RDX);
}

void
lower_sc (CopJitBackend *b, const CopIrNode *node, CopReg dst)
{
  unsigned bits = node->imm;
  CopReg gva = look_up_atomic (b, node->a, bits, COP_ACCESS_STORE);
  CopLabel fail = asm_new_label (&b->a), done = asm_new_label (&b->a);

  asm_cmp8_mi (&b->a, HART_FIELD (s.reservation_size), bits / 8);
  asm_jcc (&b->a, CC_NE, fail);
  asm_alu_rm (&b->a, ALU_CMP, true, gva, HART_FIELD (s.reservation));
  asm_jcc (&b->a, CC_NE, fail);
  asm_store_i (&b->a, 1, HART_FIELD (s.reservation_size), 0);
  asm_lea (&b->a, true, RCX, mem_index (gva, RCX, 0, 0));
  lower_value (b, node->b, RDX, BIT (RCX));
  asm_load (&b->a, RAX, HART_FIELD (s.reservation_value));
  emit8 (&b->a, 0xf0);
  asm_rm (&b->a, 0x0fb1, bits == 64, RDX, mem (RCX, 0));
  asm_setcc (&b->a, CC_NE, RAX);
  asm_rr8 (&b->a, 0x0fb6, dst, RAX);
  asm_jmp (&b->a, done);
  asm_bind (&b->a, fail);
  asm_store_i (&b->a, 1, HART_FIELD (s.reservation_size), 0);
  asm_mov_ri (&b->a, dst, 1);
  asm_bind (&b->a, done);
}

/* --- out of line ------------------------------------------------------------------------------- */

/* rax = the address */
static void
load_address (CopJitBackend *b, const CopStub *stub)
{
  if (stub->offset != 0)
    asm_lea (&b->a, true, RAX, mem (stub->address, stub->offset));
  else
    asm_mov_rr (&b->a, true, RAX, stub->address);
}

/* Looks for the page elsewhere before C is asked. */
static void
look_further (CopJitBackend *b, const CopStub *stub, unsigned size, bool writes)
{
  CopAccess access = writes ? COP_ACCESS_STORE : COP_ACCESS_LOAD;

  if (stub->ranged)
    lower_fill_range (b, stub, size, access, stub->kind != STUB_SPAN);
  else if (b->host.fsgsbase && b->host.lookups)
    lower_look_behind (b, stub, size, access, stub->kind != STUB_SPAN);
}

/* Out of a strip: C may drop mappings, so the rest of the block is done elsewhere. */
static void
leave_strip (CopJitBackend *b, const CopStub *stub)
{
  lower_late_sets (b, stub);
  lower_strip_leave (b, stub->strip);
  lower_call_to_standard (b, lower_note_map (b));
  asm_mov_ri (&b->a, RCX, stub->place);
  asm_jmp_to (&b->a, b->rest);
}

static void
lower_load_stub (CopJitBackend *b, const CopStub *stub)
{
  look_further (b, stub, cop_ir_load_size (stub->detail), false);
  if (stub->strip != NULL)
    {
      leave_strip (b, stub);
      return;
    }
  load_address (b, stub);
  lower_late_sets (b, stub);
  lower_call_to_standard (b, lower_note_map (b));
  asm_mov_ri (&b->a, RCX, stub->place);
  asm_call_to (&b->a, b->load[stub->detail]);
  lower_call_from_standard (b, stub->map);
  if (stub->to_xmm)
    asm_rr (&b->a, 0x66000f6e, true, stub->value, RAX); /* movq */
  else
    asm_mov_rr (&b->a, true, stub->value, RAX);
}

static void
lower_store_stub (CopJitBackend *b, const CopStub *stub)
{
  static const uint8_t log2_bytes[] = { [1] = 0, [2] = 1, [4] = 2, [8] = 3 };

  look_further (b, stub, stub->detail / 8, true);
  if (stub->strip != NULL)
    {
      leave_strip (b, stub);
      return;
    }
  load_address (b, stub);
  lower_value (b, stub->imm, RDX, BIT (RAX));
  lower_late_sets (b, stub);
  lower_call_to_standard (b, lower_note_map (b));
  asm_mov_ri (&b->a, RCX, stub->place);
  asm_call_to (&b->a, b->store[log2_bytes[stub->detail / 8]]);
  lower_call_from_standard (b, stub->map);
}

/* C looks at the whole span; rax is used as the base again where it was, and else left alone. */
static void
lower_span_stub (CopJitBackend *b, const CopStub *stub)
{
  look_further (b, stub, stub->detail & SPAN_LENGTH, stub->detail & SPAN_WRITES);
  if (stub->strip != NULL)
    {
      leave_strip (b, stub);
      return;
    }
  if (stub->address == RAX && stub->offset != 0)
    asm_alu_ri (&b->a, ALU_ADD, true, RAX, stub->offset);
  else
    load_address (b, stub);
  lower_late_sets (b, stub);
  lower_call_to_standard (b, lower_note_map (b));
  asm_mov_ri (&b->a, RDX, stub->detail);
  asm_mov_ri (&b->a, RCX, stub->place);
  asm_call_to (&b->a, b->span);
  lower_call_from_standard (b, stub->map);
  if (stub->address == RAX && stub->offset != 0)
    asm_alu_ri (&b->a, ALU_SUB, true, RAX, stub->offset);
}

static void
lower_atomic_stub (CopJitBackend *b, const CopStub *stub)
{
  load_address (b, stub);
  lower_call_to_standard (b, stub->map);
  asm_mov_ri (&b->a, RDX, stub->detail);
  asm_mov_ri (&b->a, RCX, stub->place);
  asm_call_to (&b->a, stub->imm == COP_ACCESS_LOAD ? b->atomic_load : b->atomic_store);
  lower_call_from_standard (b, stub->map);
}

void
lower_memory_stub (CopJitBackend *b, const CopStub *stub)
{
  asm_bind (&b->a, stub->label);
  switch (stub->kind)
    {
    case STUB_LOAD:
      lower_load_stub (b, stub);
      break;
    case STUB_STORE:
      lower_store_stub (b, stub);
      break;
    case STUB_SPAN:
      lower_span_stub (b, stub);
      break;
    default:
      lower_atomic_stub (b, stub);
    }
  lower_restore_copies (b, stub->copies);
  /* What is loaded or stored has been done for these two. */
  asm_jmp (&b->a, stub->kind == STUB_SPAN ? stub->found : stub->back);
}
