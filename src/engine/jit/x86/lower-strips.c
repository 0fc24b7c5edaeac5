/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Loops that run a strip at a time without checks of memory (jit/strips.h). Hot code has such a loop
 * twice: as it is anywhere, and without the checks that its guard makes.
 *
 *   entry:   jmp guard
 *   ordinary: the loop with its checks, and back to the entry
 *
 *   guard:   pause? then ordinary
 *            credit -= cost; js give up
 *            reserve = fuel
 *            for each pointer: look up the page of what the first iteration accesses; else ordinary
 *                              addend in a register that the loop does not name, or in the hart
 *                              fuel = min (fuel, instructions until it may leave the page)
 *            fuel too little? ordinary
 *            reserve -= fuel; credit += fuel; go on in the strip
 *   strip:   the loop without; when fuel is out: fuel += reserve, and the same block of the ordinary
 *            loop, or its entry
 *
 * So an iteration takes no instruction more than it is made of, and fuel is given back on every way
 * out, so that it counts what it should. What calls C that may drop a mapping leaves the strip for
 * good, to do the rest of the block elsewhere. A hart answers what others ask only when it is out of
 * fuel, so nobody else drops one.
 *
 * A guard costs its loop credit, and what runs in a strip brings some in. A loop that runs out of it
 * has too few iterations each time, or data that the TLB cannot hold: it is ordinary for good, with
 * the jump to its guard written over.
 */
#include "engine/jit/x86/lower-private.h"

/* Iterations that are worth a strip. */
#define MIN_ITERATIONS 4
/* What a guard and a way out cost, in instructions of the host; a check is some. */
#define COST_GUARD 48
#define COST_POINTER 14
#define COST_DIVISION 24
#define SAVED_BY_ACCESS 4
/* Rounds without asking the guard again: where the next one may be on the next page, and where steps are
   too long all through the loop. */
#define PAUSE 1
#define LONG_PAUSE 255
/* Reciprocals of steps. */
#define FRACTION_BITS 16

G_STATIC_ASSERT (G_N_ELEMENTS (((CopHartStrip *) NULL)->addends) == COP_STRIP_POINTERS);

static CopMem
credit_field (const CopJitBackend *b, const CopStrip *strip)
{
  const CopIrBlock *header = &g_array_index (b->unit->blocks, CopIrBlock, strip->header);
  uint64_t gpa = cop_ir_gpa (b->unit, header->offset);
  unsigned slot = (unsigned) (gpa >> 1 ^ gpa >> 7 ^ gpa >> 13) % COP_JIT_CREDITS;

  return mem (HART, (int32_t) (offsetof (CopHart, jit.strip_credit) + 8 * slot) - HART_BIAS);
}

static CopMem
addend_field (unsigned pointer)
{
  return mem (HART,
              (int32_t) (offsetof (CopHart, jit.strip.addends) + 8 * pointer) - HART_BIAS);
}

static CopStripCode *
code_of (CopJitBackend *b, const CopStrip *strip)
{
  return &b->strip_code[strip - b->strips.strips];
}

/* --- where things are --------------------------------------------------------------------------- */

/* Whether the loop does without guest register @reg. */
static bool
is_unused (const CopGraph *graph, uint64_t blocks, unsigned reg)
{
  for (unsigned i = 0; i < graph->n; i++)
    if ((blocks >> i & 1) &&
        (graph->uses[i][reg] != 0 || (graph->writes[i] & 1u << reg) != 0))
      return false;
  return true;
}

/* A host register for an addend: one that holds nothing, or else what the loop does without, which had
   better be in the hart too. */
static CopReg
free_register (const CopJitBackend *b, const CopStrip *strip, const CopRegMap *map, uint32_t taken)
{
  CopReg best = NO_REG;
  unsigned best_cost = UINT_MAX;

  for (unsigned reg = 1; reg < 32; reg++)
    {
      CopReg host = (CopReg) cop_x86_home[reg];
      unsigned guest, cost;

      if (host == NO_REG || (taken & BIT (host)))
        continue;
      guest = map->guest[host];
      if (guest != 0 && !is_unused (&b->graph, strip->blocks, guest))
        continue;
      cost = guest == 0 ? 0 : map->dirty & 1u << guest ? 2 : 1;
      if (cost < best_cost)
        {
          best = host;
          best_cost = cost;
        }
    }
  return best;
}

/* Takes what stands in host registers @taken out of @map. */
static void
displace (CopRegMap *map, uint32_t taken)
{
  for (unsigned host = 0; host < 16; host++)
    if ((taken & BIT (host)) && map->guest[host] != 0)
      {
        unsigned guest = map->guest[host];

        map->host[guest] = NO_REG;
        map->dirty &= ~(1u << guest);
        map->low &= ~(1u << guest);
        map->guest[host] = 0;
      }
}

void
lower_find_strips (CopJitBackend *b)
{
  cop_strips_none (&b->strips);
  if (b->host.strips && b->unit->optimised)
    cop_strips_find (&b->strips, &b->graph);
  b->code->n_strips = b->strips.n;
  for (unsigned i = 0; i < b->strips.n; i++)
    {
      const CopStrip *strip = &b->strips.strips[i];
      CopStripCode *code = &b->strip_code[i];
      const CopRegMap *map =
        &g_array_index (b->maps, CopNotedMap, b->block_maps[strip->header]).map;

      code->taken = 0;
      for (unsigned j = 0; j < strip->n_pointers; j++)
        {
          code->addends[j] = free_register (b, strip, map, code->taken);
          if (code->addends[j] != NO_REG)
            code->taken |= BIT (code->addends[j]);
        }
      code->entry = asm_new_label (&b->a);
      code->guard = asm_new_label (&b->a);
      for (unsigned j = 0; j < b->graph.n; j++)
        if (strip->blocks >> j & 1)
          b->strip_labels[j] = asm_new_label (&b->a);
    }
}

static bool
in_strip (const CopJitBackend *b, unsigned block)
{
  return b->strip != NULL && block != NO_BLOCK && (b->strip->blocks >> block & 1);
}

const CopStrip *
lower_headed_strip (const CopJitBackend *b, unsigned block)
{
  unsigned strip = b->strips.of_block[block];

  return strip != COP_STRIP_NONE && b->strips.strips[strip].header == block
           ? &b->strips.strips[strip]
           : NULL;
}

CopLabel
lower_block_label (const CopJitBackend *b, unsigned block)
{
  if (in_strip (b, block))
    return b->strip_labels[block];
  if (lower_headed_strip (b, block) != NULL)
    return b->strip_code[b->strips.of_block[block]].entry;
  return b->block_labels[block];
}

uint32_t
lower_block_map (CopJitBackend *b, unsigned block)
{
  CopRegMap now = b->r;
  uint32_t map;

  if (!in_strip (b, block))
    return b->block_maps[block];
  b->r = g_array_index (b->maps, CopNotedMap, b->block_maps[block]).map;
  displace (&b->r, code_of (b, b->strip)->taken);
  map = lower_note_map (b);
  b->r = now;
  return map;
}

/* Whether the way from the block in work to @block leads into an ordinary loop that has a strip too. */
bool
lower_enters_loop (CopJitBackend *b, unsigned block)
{
  const CopStrip *strip = in_strip (b, block) ? NULL : lower_headed_strip (b, block);

  return strip != NULL && !(strip->blocks >> *lower_index_of (b, b->block->offset) & 1);
}

void
lower_enter_loop (CopJitBackend *b, unsigned block)
{
  if (lower_enters_loop (b, block))
    asm_store_i (&b->a, 4, HART_FIELD (jit.strip.pause), 0);
}

bool
lower_leaves_strip (const CopJitBackend *b, unsigned block)
{
  return b->strip != NULL && !in_strip (b, block);
}

/* --- the guard ---------------------------------------------------------------------------------- */

static void
load_x (CopJitBackend *b, CopReg dst, unsigned reg)
{
  if (home (b, reg) == NO_REG)
    asm_load (&b->a, dst, x_mem (reg));
  else if (is_low (b, reg))
    sign_extend_32 (b, dst, home (b, reg));
  else
    asm_mov_rr (&b->a, true, dst, home (b, reg));
}

/* The register that the pointer's place stands in: one that has it, or rax. Clobbers rcx. */
static CopReg
find_start (CopJitBackend *b, const CopStripPointer *pointer)
{
  unsigned first = pointer->index != 0 ? pointer->index : pointer->base;

  if (pointer->index == 0 && home (b, first) != NO_REG && !is_low (b, first))
    return home (b, first);
  load_x (b, RAX, first);
  if (pointer->shift != 0)
    asm_shift_ri (&b->a, SHIFT_SHL, true, RAX, pointer->shift);
  if (pointer->index != 0 && pointer->base != 0)
    {
      load_x (b, RCX, pointer->base);
      asm_alu_rr (&b->a, ALU_ADD, true, RAX, RCX);
    }
  return RAX;
}

/* rdx = how many instructions the steps take that go on over edx bytes, by a register's value; to
   @fail if those are not short ones upwards. */
static void
divide_by_register (CopJitBackend *b, const CopStrip *strip, unsigned by, CopLabel fail)
{
  load_x (b, RCX, by);
  asm_lea (&b->a, true, RAX, mem (RCX, -1));
  asm_alu_ri (&b->a, ALU_CMP, true, RAX, COP_STRIP_MAX_STEP);
  asm_jcc (&b->a, CC_AE, fail);
  asm_rr (&b->a, 0x69, false, RAX, RDX); /* imul eax, edx, imm32 */
  emit32 (&b->a, strip->n_insns);
  asm_alu_rr (&b->a, ALU_XOR, false, RDX, RDX);
  asm_rr (&b->a, 0xf7, false, (CopReg) 6, RCX); /* div ecx */
  asm_rr (&b->a, 0x8b, false, RDX, RAX);
}

/* Looks up what the first iteration accesses off @pointer, and lets fuel be no more than that of the
   iterations which stay on the page. */
static void
guard_pointer (CopJitBackend *b, const CopStrip *strip, unsigned number, CopLabel fail,
               CopLabel fail_long)
{
  const CopStripPointer *pointer = &strip->pointers[number];
  CopReg addend = code_of (b, strip)->addends[number], base = find_start (b, pointer);
  unsigned size = (unsigned) (pointer->high - pointer->low);
  CopStub *stub;
  CopLabel miss, found;

  stub = lower_add_stub (b, STUB_STRIP_MISS);
  stub->address = base;
  stub->offset = pointer->low;
  stub->detail = size;
  stub->imm = pointer->writes ? COP_ACCESS_STORE : COP_ACCESS_LOAD;
  miss = stub->label;
  found = stub->found = asm_new_label (&b->a);
  stub->back = fail;
  lower_look_up (b, base, pointer->low, size, (CopAccess) stub->imm, miss);
  asm_bind (&b->a, found);
  if (addend != NO_REG)
    asm_mov_rr (&b->a, true, addend, RCX);
  else
    asm_store (&b->a, addend_field (number), RCX);
  if (pointer->step == 0 && pointer->by == 0)
    return;

  /* edx = bytes that the pointer may move by yet; in so many instructions it does not move further. */
  if (pointer->step >= 0)
    {
      asm_rr (&b->a, 0xf7, false, (CopReg) 3, RDX);     /* neg */
      asm_alu_ri (&b->a, ALU_ADD, false, RDX, (int32_t) (COP_PAGE_SIZE - size));
    }
  if (pointer->by != 0)
    divide_by_register (b, strip, pointer->by, fail_long);
  else
    {
      asm_rr (&b->a, 0x69, true, RDX, RDX); /* imul rdx, rdx, imm32 */
      emit32 (&b->a, (strip->n_insns << FRACTION_BITS) / (unsigned) ABS (pointer->step));
      asm_shift_ri (&b->a, SHIFT_SHR, true, RDX, FRACTION_BITS);
    }
  asm_alu_ri (&b->a, ALU_ADD, true, RDX,
              g_array_index (b->unit->blocks, CopIrBlock, strip->header).n_insns);
  asm_alu_rr (&b->a, ALU_CMP, true, FUEL, RDX);
  asm_cmov (&b->a, CC_G, FUEL, RDX);
}

#define ENTRY_BYTES 5

void
lower_strip_entry (CopJitBackend *b, const CopStrip *strip)
{
  const CopStripCode *code = code_of (b, strip);
  uint32_t before;

  asm_align_jump (&b->a);
  asm_bind (&b->a, code->entry);
  before = b->a.size;
  asm_jmp (&b->a, code->guard);
  g_assert (b->a.size == before + ENTRY_BYTES);
}

/* In instructions of the guest in which as much is saved. */
static int32_t
cost_of (const CopStrip *strip)
{
  unsigned cost = COST_GUARD;

  for (unsigned i = 0; i < strip->n_pointers; i++)
    cost += COST_POINTER + (strip->pointers[i].by != 0 ? COST_DIVISION : 0);
  return (int32_t) (cost * strip->n_insns / (SAVED_BY_ACCESS * strip->n_accesses) + 1);
}

void
lower_strip_guard (CopJitBackend *b, const CopStrip *strip)
{
  const CopStripCode *code = code_of (b, strip);
  CopMem reserve = HART_FIELD (jit.strip.reserve), credit = credit_field (b, strip);
  uint32_t ordinary_map = lower_note_map (b);
  CopMem pause = HART_FIELD (jit.strip.pause);
  CopLabel fail = asm_new_label (&b->a), fail_long = asm_new_label (&b->a),
           failed = asm_new_label (&b->a), ready = asm_new_label (&b->a);
  CopStub *stub;

  asm_bind (&b->a, code->guard);
  asm_alu_mi (&b->a, ALU_CMP, false, pause, 0);
  asm_jcc (&b->a, CC_E, ready);
  asm_alu_mi (&b->a, ALU_SUB, false, pause, 1);
  asm_jmp (&b->a, b->block_labels[strip->header]);
  asm_bind (&b->a, ready);
  stub = lower_add_stub (b, STUB_STRIP_LOST);
  stub->detail = strip->header;
  asm_alu_mi (&b->a, ALU_SUB, true, credit, cost_of (strip));
  asm_jcc (&b->a, CC_S, stub->label);
  b->strip = strip;
  lower_move_to (b, lower_block_map (b, strip->header));
  b->strip = NULL;
  asm_store (&b->a, reserve, FUEL);
  for (unsigned i = 0; i < strip->n_pointers; i++)
    guard_pointer (b, strip, i, fail, fail_long);
  asm_alu_ri (&b->a, ALU_CMP, true, FUEL, MIN_ITERATIONS * (int32_t) strip->n_insns);
  asm_jcc (&b->a, CC_L, fail);
  asm_rm (&b->a, 8 * ALU_SUB + 1, true, FUEL, reserve);
  asm_rm (&b->a, 8 * ALU_ADD + 1, true, FUEL, credit);
  asm_jmp (&b->a, b->strip_labels[strip->header]);
  asm_bind (&b->a, fail_long);
  asm_store_i (&b->a, 4, pause, LONG_PAUSE);
  asm_jmp (&b->a, failed);
  asm_bind (&b->a, fail);
  asm_store_i (&b->a, 4, pause, PAUSE);
  asm_bind (&b->a, failed);
  asm_load (&b->a, FUEL, reserve);
  lower_move_to (b, ordinary_map);
  asm_jmp (&b->a, b->block_labels[strip->header]);
}

/* --- in it, and out of it ----------------------------------------------------------------------- */

bool
lower_strip_access (CopJitBackend *b, CopIrRef gva, CopMem *place)
{
  size_t number;
  uint8_t pointer;
  CopReg base, addend;
  unsigned reg;
  int64_t offset = 0;

  if (b->strip == NULL)
    return false;
  number = (size_t) (b->statement - (const CopIrStatement *) (const void *) b->unit->statements->data);
  pointer = g_array_index (b->strips.accesses, uint8_t, number);
  if (pointer == COP_STRIP_NONE)
    return false;
  if (!cop_ir_split_address (b->unit, gva, &reg, &offset))
    base = lower_to_some_reg (b, gva, RAX, 0);
  else if (home (b, reg) != NO_REG)
    base = home (b, reg);
  else
    {
      base = RAX;
      asm_load (&b->a, base, x_mem (reg));
    }
  addend = code_of (b, b->strip)->addends[pointer];
  if (addend == NO_REG)
    {
      addend = RCX;
      asm_load (&b->a, addend, addend_field (pointer));
    }
  *place = mem_index (base, addend, 0, (int32_t) offset);
  return true;
}

/* What was not run brings no credit. */
void
lower_strip_leave (CopJitBackend *b, const CopStrip *strip)
{
  asm_rm (&b->a, 8 * ALU_SUB + 1, true, FUEL, credit_field (b, strip));
  asm_alu_rm (&b->a, ALU_ADD, true, FUEL, HART_FIELD (jit.strip.reserve));
}

/* Called by code in which a loop has run out of credit. */
void
cop_x86_give_up_loop (CopHart *hart, const uint8_t *site, uint64_t length)
{
  for (unsigned i = 0; i < COP_JIT_CREDITS; i++)
    if (hart->jit.strip_credit[i] < 0)
      hart->jit.strip_credit[i] = COP_JIT_CREDIT;
  hart->jit.divert (hart, site, site + length, true);
}

void
lower_strip_stub (CopJitBackend *b, const CopStub *stub)
{
  asm_bind (&b->a, stub->label);
  switch (stub->kind)
    {
    case STUB_STRIP_END:
      asm_alu_ri (&b->a, ALU_ADD, true, FUEL, (int32_t) stub->place);
      asm_alu_rm (&b->a, ALU_ADD, true, FUEL, HART_FIELD (jit.strip.reserve));
      lower_move_to (b, b->block_maps[stub->detail]);
      asm_jmp (&b->a, lower_block_label (b, stub->detail));
      break;
    case STUB_STRIP_MISS:
      if (b->host.fsgsbase)
        lower_look_behind (b, stub, stub->detail, (CopAccess) stub->imm, false);
      asm_jmp (&b->a, stub->back);
      break;
    default:
      lower_save_all_f (b);
      asm_lea_label (&b->a, RAX, lower_block_label (b, stub->detail));
      asm_mov_ri (&b->a, RCX, ENTRY_BYTES);
      asm_call_to (&b->a, b->give_up);
      lower_load_all_f (b);
      asm_jmp (&b->a, b->block_labels[stub->detail]);
    }
}
