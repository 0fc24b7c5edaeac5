/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where control goes at the end of a block.
 *
 *   in the unit       a jump
 *   beside the page   a jump, when the page is found to be mapped as the unit has it
 *   in the page       a jump that is linked when its target exists
 *   on another page   the same, when the hart knows that it leads there; else through its jump table
 *   in a register     through the hart's jump table
 *
 * Calls of the guest are calls of the host, so that the host predicts their returns:
 *
 *   call:     push what the guest puts into ra; call
 *   back:     pop, and the page that this is on is the hart's again
 *   return:   cmp ra, [rsp + 8]; jne missed; ret
 *
 *   rsp -->   where in the code      \ of the call that is made last
 *             what the guest returns to  /
 *             ...
 *   stack --> return_missed          \ of no call: nothing returns to an odd address
 *             1                          /
 *
 * The stack may be wrong, and then it is emptied: a return to anywhere else goes through the table.
 * It is empty whenever code is entered, and emptied by whatever code calls that may change the
 * mapping of fetches or close code. So all calls on it were made under this code_tag, and lead to
 * code that was there since. It cannot overflow: each call takes fuel, of which there is little.
 */
#include "engine/jit/x86/lower-private.h"

/* Slots are indexed by twice their number, by eight bytes: the low half of a pc's low word. */
G_STATIC_ASSERT (sizeof (CopJitJump) == 16);
G_STATIC_ASSERT (COP_JIT_JUMP_BITS == 15);

/* A member of the entry that rcx says. */
#define ENTRY(member)                                                                            \
  mem_index (HART, RCX, 3, (int32_t) offsetof (CopHart, jumps[0].member) - HART_BIAS)

/* rcx = the entry of the jump table for the pc in rax; the page of that is the hart's. Clobbers rdx. */
static void
look_into_table (CopAsm *a, CopLabel miss)
{
  asm_rr (a, 0x0fb7, false, RCX, RAX);  /* movzx ecx, ax */
  asm_load (a, RDX, HART_FIELD (code_epoch));
  asm_alu_rr (a, ALU_XOR, true, RDX, RAX);
  asm_alu_rm (a, ALU_CMP, true, RDX, ENTRY (key));
  asm_jcc (a, CC_NE, miss);
  asm_alu_ri (a, ALU_AND, true, RAX, -(int32_t) COP_PAGE_SIZE);
  asm_store (a, HART_FIELD (jit.page), RAX);
}

/* Goes on at the pc in rax, through the hart's jump table. What that does not have, C looks for. */
static void
jump_through_table (CopJitBackend *b, bool calls)
{
  CopStub *stub = lower_add_stub (b, STUB_MISS);
  CopLabel back = asm_new_label (&b->a);

  stub->back = calls ? back : LABEL_UNBOUND;
  look_into_table (&b->a, stub->label);
  if (calls)
    {
      asm_load (&b->a, RCX, ENTRY (code));
      asm_bind (&b->a, back);
      asm_rr (&b->a, 0xff, false, (CopReg) 2, RCX);     /* call rcx */
    }
  else
    asm_rm (&b->a, 0xff, false, (CopReg) 4, ENTRY (code));  /* jmp */
}

/* Whether a block at @offset is in the unit; its number. */
static bool
is_here (CopJitBackend *b, int64_t offset, unsigned *block)
{
  if (offset < COP_IR_FIRST || offset >= COP_IR_END || *lower_index_of (b, offset) == NO_BLOCK)
    return false;
  *block = *lower_index_of (b, offset);
  return true;
}

/* Whether the way from the block in work to @offset leads onto a page that is not known to be mapped
   as the unit has it. That its own page is, is known everywhere: it says what jit.page means. */
static bool
needs_check (const CopJitBackend *b, int64_t offset)
{
  int page = cop_ir_page_of (offset);

  return page != 0 && page != cop_ir_page_of (b->block->offset);
}

static CopMem
page_fact (unsigned slot, size_t member)
{
  return mem (HART, (int32_t) (offsetof (CopHart, jit.facts) + slot * sizeof (CopPageFact) + member) -
                      HART_BIAS);
}

/* Sees to it that the page of @offset is mapped as the unit has it; else goes there by the table.
   What has been found out for an address and a code_tag holds as long as both are the same: a hart
   remembers that for a number of pages. Clobbers rax. */
static void
check_page (CopJitBackend *b, int64_t offset)
{
  uint64_t gpa = cop_ir_gpa (b->unit, (int) offset) & ~(COP_PAGE_SIZE - 1);
  bool behind = offset > 0;
  unsigned slot = cop_page_fact_slot (gpa, behind);
  CopStub *stub = lower_add_stub (b, STUB_NEAR);
  CopLabel miss = stub->label, good = asm_new_label (&b->a);

  stub->back = good;
  stub->imm = gpa | behind;
  stub->place = (uint32_t) offset;
  asm_load (&b->a, RAX, HART_FIELD (jit.page));
  asm_alu_rm (&b->a, ALU_CMP, true, RAX, page_fact (slot, offsetof (CopPageFact, from)));
  asm_jcc (&b->a, CC_NE, miss);
  asm_load (&b->a, RAX, HART_FIELD (code_tag));
  asm_alu_rm (&b->a, ALU_CMP, true, RAX, page_fact (slot, offsetof (CopPageFact, tag)));
  asm_jcc (&b->a, CC_NE, miss);
  asm_alu_mi (&b->a, ALU_CMP, false, page_fact (slot, offsetof (CopPageFact, number)),
              (int32_t) cop_page_fact_number (gpa));
  asm_jcc (&b->a, CC_NE, miss);
  asm_bind (&b->a, good);
}

/* What check_page() has not found is looked up in C. */
static void
lower_near_stub (CopJitBackend *b, const CopStub *stub)
{
  CopLabel elsewhere = asm_new_label (&b->a);

  lower_call_to_standard (b, stub->map);
  asm_mov_ri (&b->a, RAX, stub->imm);
  asm_call_to (&b->a, b->check_page);
  asm_rr (&b->a, 0x85, false, RAX, RAX);
  asm_jcc (&b->a, CC_E, elsewhere);
  lower_call_from_standard (b, stub->map);
  asm_jmp (&b->a, stub->back);
  asm_bind (&b->a, elsewhere);
  b->r = g_array_index (b->maps, CopNotedMap, STANDARD_MAP).map;
  asm_load (&b->a, RAX, HART_FIELD (jit.page));
  asm_alu_ri (&b->a, ALU_ADD, true, RAX, (int32_t) stub->place);
  jump_through_table (b, false);
}

/* What the guest returns to. The statement before has put it into @reg, by way of rax if that is not
   in a host register: to load it again would make whoever pops it wait for a store. */
static void
push_link (CopJitBackend *b, unsigned reg)
{
  const CopIrStatement *first = &g_array_index (b->unit->statements, CopIrStatement, b->block->first);
  const CopIrStatement *before = b->statement - 1;

  if (home (b, reg) == NO_REG && b->statement != first && before->kind == IR_SETX &&
      before->reg == reg)
    asm_push (&b->a, RAX);
  else if (home (b, reg) != NO_REG)
    asm_push (&b->a, home (b, reg));
  else
    asm_push_m (&b->a, x_mem (reg));
}

/* An operand that set_far() lets be a member of hart.fars: the last four bytes of the instruction. */
static CopMem
far_field (void)
{
  return mem (HART, INT32_MAX);
}

/* To an offset on another page, by a jump that is linked when the hart knows that it leads there:

     mov rdx, [page]; xor rdx, [epoch]; cmp rdx, [far.key]; jne stub
     mov rax, [far.page]; mov [page], rax
     jmp target                                                            or call

   Nothing waits for the page to come back from memory but the comparison, which the host predicts. */
static void
far_jump (CopJitBackend *b, int64_t offset, bool calls)
{
  CopStub *stub = lower_add_stub (b, STUB_FAR);
  CopJitLinkCode link = { .is_far = true };
  CopLabel unlinked = asm_new_label (&b->a);
  CopAsm *a = &b->a;

  asm_load (a, RDX, HART_FIELD (jit.page));
  asm_alu_rm (a, ALU_XOR, true, RDX, HART_FIELD (code_epoch));
  asm_alu_rm (a, ALU_CMP, true, RDX, far_field ());
  link.key_at = a->size - 4;
  asm_jcc (a, CC_NE, stub->label);
  asm_load (a, RAX, far_field ());
  link.page_at = a->size - 4;
  asm_store (a, HART_FIELD (jit.page), RAX);
  link.site = calls ? asm_call_patchable (a, unlinked) : asm_jmp_patchable (a, unlinked);
  stub->detail = b->code->links->len;
  stub->imm = (uint64_t) offset;
  stub->found = unlinked;
  stub->back = LABEL_UNBOUND;
  if (calls)
    {
      stub->back = asm_new_label (a);
      asm_bind (a, stub->back);
    }
  g_array_append_val (b->code->links, link);
}

/* Leaves with the number of @link, to be linked. The page is that of the target, at @offset. */
static void
leave_to_link (CopJitBackend *b, CopJitLinkCode *link, int64_t offset)
{
  link->stub = b->a.size;
  asm_mov_ri (&b->a, RCX, (uint64_t) offset & (COP_PAGE_SIZE - 1));
  emit8 (&b->a, 0xb8 + RDX);
  link->number_at = b->a.size;
  emit32 (&b->a, 0);
  asm_jmp_to (&b->a, b->exit_link);
}

/* The hart does not know it: goes by the table, which the hart may know it by from then on. */
static void
lower_far_stub (CopJitBackend *b, const CopStub *stub)
{
  CopJitLinkCode *link = &g_array_index (b->code->links, CopJitLinkCode, stub->detail);
  CopAsm *a = &b->a;
  CopLabel site = asm_new_label (a);

  asm_load (a, RAX, HART_FIELD (jit.page));
  asm_alu_ri (a, ALU_ADD, true, RAX, (int32_t) stub->imm);
  emit8 (a, 0xb8 + RCX);
  link->far_at = a->size;
  emit32 (a, 0);
  asm_bind_at (a, site, link->site);
  asm_lea_label (a, RDX, site);
  if (stub->back == LABEL_UNBOUND)
    link->miss_at = asm_jmp_patchable_to (a, b->jump_far);
  else
    {
      link->miss_at = asm_call_patchable_to (a, b->jump_far);
      asm_jmp (a, stub->back);
    }
  asm_bind (a, stub->found);
  leave_to_link (b, link, (int64_t) stub->imm);
}

void
cop_x86_set_far (uint8_t *unit, const CopJitLinkCode *link, uint32_t far)
{
  uint32_t at = offsetof (CopHart, fars) + far * sizeof (CopJitFar) - HART_BIAS;
  uint32_t key = at + offsetof (CopJitFar, key), page = at + offsetof (CopJitFar, page);

  memcpy (unit + link->key_at, &key, sizeof key);
  memcpy (unit + link->page_at, &page, sizeof page);
  memcpy (unit + link->far_at, &at, sizeof at);
}

/* Where a far jump goes to the pc in rax that the hart does not know it to lead to. ecx: where what it
   knows is, from rbp; rdx: the jump's displacement. When the table has what the jump is linked to, the
   hart knows it from now on. @differs: it has something else or nothing; pc and ecx are as they came. */
void
cop_x86_write_jump_far (CopJitBackend *b, CopLabel differs)
{
  CopAsm *a = &b->a;
  CopLabel missed = asm_new_label (a), other = asm_new_label (a);

  asm_push (a, RCX);
  asm_push (a, RDX);
  asm_rr (a, 0x0fb7, false, RCX, RAX);
  asm_load (a, RDX, HART_FIELD (code_epoch));
  asm_alu_rr (a, ALU_XOR, true, RDX, RAX);
  asm_alu_rm (a, ALU_CMP, true, RDX, ENTRY (key));
  asm_jcc (a, CC_NE, missed);
  asm_load (a, RCX, ENTRY (code));
  asm_pop (a, RDX);
  asm_push (a, RAX);
  asm_rm (a, 0x63, true, RAX, mem (RDX, 0)); /* movsxd */
  asm_lea (a, true, RAX, mem_index (RDX, RAX, 0, 4));
  asm_alu_rr (a, ALU_CMP, true, RAX, RCX);
  asm_jcc (a, CC_NE, other);
  asm_pop (a, RAX);
  asm_pop (a, RDX);
  asm_push (a, RAX);
  asm_load (a, RAX, HART_FIELD (jit.page));
  asm_alu_rm (a, ALU_XOR, true, RAX, HART_FIELD (code_epoch));
  asm_store (a, mem_index (HART, RDX, 0, offsetof (CopJitFar, key)), RAX);
  asm_pop (a, RAX);
  asm_alu_ri (a, ALU_AND, true, RAX, -(int32_t) COP_PAGE_SIZE);
  asm_store (a, HART_FIELD (jit.page), RAX);
  asm_store (a, mem_index (HART, RDX, 0, offsetof (CopJitFar, page)), RAX);
  asm_rr (a, 0xff, false, (CopReg) 4, RCX); /* jmp rcx */

  asm_bind (a, missed);
  asm_pop (a, RDX);
  asm_push (a, RAX);
  asm_bind (a, other);
  asm_pop (a, RAX);
  asm_pop (a, RCX);
  asm_jmp (a, differs);
}

/* What those do that gave up: expects the pc in rax. */
void
cop_x86_write_jump_by_table (CopJitBackend *b, CopLabel miss)
{
  look_into_table (&b->a, miss);
  asm_rm (&b->a, 0xff, false, (CopReg) 4, ENTRY (code));
}

/* @link: x register that the call has put its link into; 0: not a call */
static void
go_to (CopJitBackend *b, int64_t offset, unsigned link)
{
  int page = cop_ir_page_of (offset);
  unsigned block = NO_BLOCK;
  bool here = is_here (b, offset, &block);

  if (lower_leaves_strip (b, block))
    {
      lower_strip_leave (b, b->strip);
      b->strip = NULL;
    }
  /* Calls to another page have the table find what is there. */
  if (here && !(link != 0 && needs_check (b, offset)))
    {
      if (needs_check (b, offset))
        check_page (b, offset);
      lower_enter_block (b, block);
      if (link != 0)
        {
          push_link (b, link);
          asm_call (&b->a, lower_block_label (b, block));
        }
      else
        asm_jmp (&b->a, lower_block_label (b, block));
      return;
    }
  lower_move_to (b, STANDARD_MAP);
  if (link != 0)
    push_link (b, link);
  if (needs_check (b, offset))
    far_jump (b, offset, link != 0);
  else
    {
      CopStub *stub = lower_add_stub (b, STUB_LINK);
      CopLabel to = stub->label;

      stub->detail = (uint32_t) offset;
      /* Whoever goes on there stands on that page. */
      if (page != 0)
        asm_alu_mi (&b->a, ALU_ADD, true, HART_FIELD (jit.page), page * (int32_t) COP_PAGE_SIZE);
      stub->imm = link != 0 ? asm_call_patchable (&b->a, to) : asm_jmp_patchable (&b->a, to);
    }
}

void
lower_go_to (CopJitBackend *b, int64_t offset)
{
  go_to (b, offset, 0);
}

void
lower_fall_to (CopJitBackend *b, int64_t offset)
{
  if (needs_check (b, offset))
    check_page (b, offset);
  lower_enter_block (b, *lower_index_of (b, offset));
}

void
lower_prepare_branch (CopJitBackend *b, int64_t offset)
{
  unsigned here = *lower_index_of (b, b->block->offset), to;

  if (b->in_loop && is_here (b, offset, &to) && b->graph.depth[to] >= b->graph.depth[here])
    lower_extend (b, ~g_array_index (b->maps, CopNotedMap, b->block_maps[to]).map.low);
}

void
lower_branch_to (CopJitBackend *b, CopCond cc, int64_t offset)
{
  CopRegMap before = b->r;
  CopLabel skip;
  unsigned block = NO_BLOCK;
  bool here = is_here (b, offset, &block);

  if (here && !needs_check (b, offset) && !lower_leaves_strip (b, block) &&
      !lower_enters_loop (b, block) && !lower_needs_moves (b, lower_block_map (b, block)) &&
      !lower_lacks_facts (b, block))
    asm_jcc (&b->a, cc, lower_block_label (b, block));
  else if (here || !lower_is_standard (b) || lower_leaves_strip (b, block))
    {
      /* A way out of a loop, or into one. */
      CopStub *stub = lower_add_stub (b, STUB_EDGE);

      stub->imm = (uint64_t) offset;
      stub->dirty = b->dirty;
      stub->boxed = b->boxed;
      stub->words = b->words;
      asm_jcc (&b->a, cc, stub->label);
    }
  else
    {
      skip = asm_new_label (&b->a);
      asm_jcc (&b->a, (CopCond) (cc ^ 1), skip);
      lower_go_to (b, offset);
      asm_bind (&b->a, skip);
    }
  b->r = before;
}

/* Where the host's return of a call comes to. The page is that of the call again. Whoever was called
   on it most likely returned from it: then it is not stored, for what needs it behind the call need
   not wait until what was pushed has come back. */
static void
come_back (CopJitBackend *b, bool on_page)
{
  b->r = g_array_index (b->maps, CopNotedMap, STANDARD_MAP).map;
  b->dirty = false;
  b->boxed = 0;
  b->words = 0;
  asm_pop (&b->a, RCX);
  asm_alu_ri (&b->a, ALU_SUB, true, RCX, b->block->end);
  if (on_page)
    {
      CopStub *stub = lower_add_stub (b, STUB_PAGE);

      stub->back = asm_new_label (&b->a);
      asm_alu_rm (&b->a, ALU_CMP, true, RCX, HART_FIELD (jit.page));
      asm_jcc (&b->a, CC_NE, stub->label);
      asm_bind (&b->a, stub->back);
    }
  else
    asm_store (&b->a, HART_FIELD (jit.page), RCX);
}

/* Whether what is put into @reg is what a return comes back to. Source: RISC-V Unprivileged Spec
   20240411 §2.5.1 */
static bool
is_link (unsigned reg)
{
  return reg == 1 || reg == 5;
}

bool
lower_jump (CopJitBackend *b, const CopIrStatement *statement)
{
  bool calls = is_link (statement->reg);

  go_to (b, (int64_t) statement->imm, calls ? statement->reg : 0);
  if (calls)
    come_back (b, statement->imm < COP_PAGE_SIZE);
  return calls;
}

/* To the pc in rax, whose lowest bit may be set. */
static void
lower_return (CopJitBackend *b)
{
  CopStub *stub = lower_add_stub (b, STUB_RETURN);

  asm_alu_rm (&b->a, ALU_CMP, true, RAX, mem (RSP, 8));
  asm_jcc (&b->a, CC_NE, stub->label);
  asm_ret (&b->a);
}

/* Expects the pc in rax, whose lowest bit may be set. @miss: goes to it, without the table. */
void
cop_x86_write_return_missed (CopJitBackend *b, CopLabel miss)
{
  CopAsm *a = &b->a;

  asm_alu_ri (a, ALU_AND, true, RAX, -2);
  asm_load (a, RSP, HART_FIELD (jit.stack));
  cop_x86_write_jump_by_table (b, miss);
}

bool
lower_jump_reg (CopJitBackend *b, const CopIrStatement *statement)
{
  bool calls = is_link (statement->reg);
  bool returns = statement->reg == 0 && (statement->imm & IR_JUMP_RETURNS);
  const CopIrNode *target = cop_ir_node (b->unit, statement->a);
  uint64_t mask;

  if (returns && target->op == IR_AND && cop_ir_is_const (b->unit, target->b, &mask) &&
      mask == ~UINT64_C (1))
    lower_value (b, target->a, RAX, 0);
  else
    lower_value (b, statement->a, RAX, 0);
  lower_move_to (b, STANDARD_MAP);
  if (returns)
    {
      lower_return (b);
      return false;
    }
  if (statement->reg != 0)
    {
      CopReg link = home (b, statement->reg);
      CopReg work = link != NO_REG ? link : RCX;

      asm_load (&b->a, work, HART_FIELD (jit.page));
      asm_alu_ri (&b->a, ALU_ADD, true, work, b->block->end);
      if (link == NO_REG)
        asm_store (&b->a, x_mem (statement->reg), work);
      if (calls)
        asm_push (&b->a, work);
    }
  jump_through_table (b, calls);
  if (calls)
    come_back (b, false);
  return calls;
}

void
lower_jump_stub (CopJitBackend *b, const CopStub *stub)
{
  CopAsm *a = &b->a;

  asm_bind (a, stub->label);
  switch (stub->kind)
    {
    case STUB_EDGE:
      b->dirty = stub->dirty;
      b->boxed = stub->boxed;
      b->words = stub->words;
      b->strip = stub->strip;
      lower_go_to (b, (int64_t) stub->imm);
      break;
    case STUB_LINK:
      {
        CopJitLinkCode link = { .offset = (int16_t) stub->detail, .site = stub->imm };

        leave_to_link (b, &link, link.offset);
        g_array_append_val (b->code->links, link);
      }
      break;
    case STUB_FAR:
      lower_far_stub (b, stub);
      break;
    case STUB_PAGE:
      asm_store (a, HART_FIELD (jit.page), RCX);
      asm_jmp (a, stub->back);
      break;
    case STUB_NEAR:
      lower_near_stub (b, stub);
      break;
    case STUB_MISS:
      if (stub->back == LABEL_UNBOUND)
        asm_jmp_to (a, b->find_and_jump);
      else
        {
          asm_call_to (a, b->find_code);
          asm_jmp (a, stub->back);
        }
      break;
    case STUB_RETURN:
      asm_jmp_to (a, b->return_missed);
      break;
    }
}
