/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Units to x86-64: blocks, control flow, and exits.
 *
 *   block:   sub r15, n; jl bounce           eight-byte aligned, so that it can be closed
 *            statements
 *            jump to a block of the unit, by a link within the page, or through the jump table
 *   bounce:  out of line: leaves at the block's start
 */
#include "engine/jit/x86/lower-private.h"

#include "engine/riscv/system.h"

#include <sys/auxv.h>

G_STATIC_ASSERT (offsetof (CopHart, s.x) == 0);
/* Of AT_HWCAP2: the kernel keeps what wrgsbase sets. */
#define HWCAP2_FSGSBASE (1ul << 1)

/* What the host has, less what COPPICE_JIT_WITHOUT lists, such as "bmi2,fma": tests show that way
   that code for older hosts is right too. */
static void
find_features (CopHostFeatures *host)
{
  const char *without = g_getenv ("COPPICE_JIT_WITHOUT");
  g_auto (GStrv) list = g_strsplit (without != NULL ? without : "", ",", -1);
#define FIND(member, feature)                                                                    \
  host->member = __builtin_cpu_supports (feature) &&                                             \
                 !g_strv_contains ((const char *const *) list, #member)

  __builtin_cpu_init ();
  FIND (bmi1, "bmi");
  FIND (bmi2, "bmi2");
  FIND (lzcnt, "lzcnt");
  FIND (popcnt, "popcnt");
  FIND (avx, "avx");
  FIND (fma, "fma");
  FIND (avx512f, "avx512f");
#undef FIND
  host->strips = !g_strv_contains ((const char *const *) list, "strips");
  host->fsgsbase = (getauxval (AT_HWCAP2) & HWCAP2_FSGSBASE) != 0 &&
                   !g_strv_contains ((const char *const *) list, "fsgsbase");
  host->lookups = !g_strv_contains ((const char *const *) list, "lookups");
}

static CopJitBackend *
x86_create (const CopJitBackend *like)
{
  CopJitBackend *b = like == NULL ? g_new0 (CopJitBackend, 1) : g_memdup2 (like, sizeof *like);

  cop_asm_init (&b->a);
  memset (b->block_index, NO_BLOCK, sizeof b->block_index);
  b->stubs = g_array_new (FALSE, TRUE, sizeof (CopStub));
  b->copies = g_array_new (FALSE, FALSE, sizeof (CopFCopies));
  b->maps = g_array_new (FALSE, FALSE, sizeof (CopNotedMap));
  b->wants = g_array_new (FALSE, FALSE, sizeof (uint32_t));
  cop_strips_init (&b->strips);
  if (like == NULL)
    find_features (&b->host);
  b->a.avx = b->host.avx;
  return b;
}

static void
x86_destroy (CopJitBackend *b)
{
  cop_asm_clear (&b->a);
  g_array_unref (b->stubs);
  g_array_unref (b->copies);
  g_array_unref (b->maps);
  g_array_unref (b->wants);
  cop_strips_clear (&b->strips);
  g_free (b);
}

uint32_t
lower_place (const CopJitBackend *b)
{
  return COP_JIT_PLACE (b->statement->offset, b->block->n_insns - b->statement->insn);
}

CopStub *
lower_add_stub (CopJitBackend *b, uint8_t kind)
{
  CopStub stub = {
    .kind = kind,
    .map = lower_note_map (b),
    .block = b->block,
    .strip = b->strip,
    .label = asm_new_label (&b->a),
    .copies = NO_COPIES,
  };

  g_array_append_val (b->stubs, stub);
  return &g_array_index (b->stubs, CopStub, b->stubs->len - 1);
}

/* --- statements -------------------------------------------------------------------------------- */

/* x = x op y for a register in the hart, in one instruction. */
static bool
set_in_place (CopJitBackend *b, const CopIrStatement *statement)
{
  CopIrNode node = *cop_ir_node (b->unit, statement->a);
  const CopIrNode *left, *right;
  CopAlu op;

  if (!lower_find_alu (node.op, &op))
    return false;
  left = cop_ir_node (b->unit, node.a);
  right = cop_ir_node (b->unit, node.b);
  if (op != ALU_SUB && right->op == IR_GETX && (right->imm & 31) == statement->reg)
    {
      const CopIrNode *other = left;

      left = right;
      right = other;
    }
  if (left->op != IR_GETX || (left->imm & 31) != statement->reg)
    return false;
  if (right->op == IR_CONST && (uint64_t) (int32_t) right->imm == right->imm)
    asm_alu_mi (&b->a, op, true, x_mem (statement->reg), (int32_t) right->imm);
  else if (right->op == IR_GETX && home (b, right->imm & 31) != NO_REG)
    asm_rm (&b->a, 8 * op + 1, true, home (b, right->imm & 31), x_mem (statement->reg));
  else
    return false;
  return true;
}

/* Whether the low half of what the statement sets is all that needs to be made for now. */
static bool
may_stay_low (const CopJitBackend *b, const CopIrStatement *statement)
{
  const CopIrNode *node = cop_ir_node (b->unit, statement->a);
  unsigned at = (unsigned) (statement - &g_array_index (b->unit->statements, CopIrStatement,
                                                        b->block->first));
  CopMem m;

  if (!b->in_loop || home (b, statement->reg) == NO_REG ||
      !(g_array_index (b->wants, uint32_t, at) & 1u << statement->reg))
    return false;
  switch (node->op)
    {
    case IR_SLL32:
    case IR_SRL32:
    case IR_SRA32:
      return true;
    case IR_SEXT32:
      return !in_memory (b, node->a, &m);
    case IR_GETX:
      return is_low (b, node->imm & 31);
    default:
      return cop_words_is_logic (node->op) && lower_is_word (b, statement->a) &&
             (cop_words_wide_reads (b->unit, statement->a, false) & b->r.low) != 0;
    }
}

/* Sets the whole register. */
static void
set_x (CopJitBackend *b, const CopIrStatement *statement)
{
  CopReg reg = home (b, statement->reg);
  const CopIrNode *node = cop_ir_node (b->unit, statement->a);
  bool extends = reg != NO_REG && node->op == IR_GETX && is_low (b, node->imm & 31);
  uint64_t value;

  if (!extends && b->r.low != 0)
    lower_extend (b, cop_words_wide_reads (b->unit, statement->a, false));
  if (extends)
    sign_extend_32 (b, reg, home (b, node->imm & 31));
  else if (reg != NO_REG)
    lower_value (b, statement->a, reg, 0);
  else if (set_in_place (b, statement))
    return;
  else if (cop_ir_is_const (b->unit, statement->a, &value) &&
           (uint64_t) (int32_t) value == value)
    asm_store_i (&b->a, 8, x_mem (statement->reg), (int32_t) value);
  else
    {
      CopReg from = lower_to_some_reg (b, statement->a, RAX, 0);
      uint32_t before = b->a.size;

      asm_store (&b->a, x_mem (statement->reg), from);
      lower_keep_addend (b, before);
    }
  b->r.low &= ~(1u << statement->reg);
}

/* What is known of the register behind the statement. */
static void
note_word (CopJitBackend *b, const CopIrStatement *statement, bool is_word)
{
  b->words &= ~(1u << statement->reg);
  if (is_word)
    b->words |= 1u << statement->reg;
}

static void
set_x_or_low (CopJitBackend *b, const CopIrStatement *statement)
{
  bool is_word = lower_is_word (b, statement->a);

  if (may_stay_low (b, statement))
    {
      lower_extend (b, cop_words_wide_reads (b->unit, statement->a, true));
      lower_low_half (b, statement->a, home (b, statement->reg), 0);
      b->r.low |= 1u << statement->reg;
    }
  else
    set_x (b, statement);
  note_word (b, statement, is_word);
}

void
lower_late_sets (CopJitBackend *b, const CopStub *stub)
{
  bool any = false;

  /* The last first: it may be made of what the one before it is made of. */
  for (unsigned i = stub->statement; i-- > stub->block_first;)
    {
      const CopIrStatement *statement =
        &g_array_index (b->unit->statements, CopIrStatement, i);

      if (statement->kind != IR_LATE || statement->imm < stub->statement)
        continue;
      if (!any)
        {
          emit8 (&b->a, 0x50 + RAX);    /* push */
          emit8 (&b->a, 0x50 + RDX);
        }
      any = true;
      set_x (b, statement);
    }
  if (any)
    {
      emit8 (&b->a, 0x58 + RDX);        /* pop */
      emit8 (&b->a, 0x58 + RAX);
    }
}

static void
exit_with (CopJitBackend *b, const void *thunk)
{
  lower_call_to_standard (b, lower_note_map (b));
  asm_mov_ri (&b->a, RCX, lower_place (b));
  asm_jmp_to (&b->a, thunk);
}

/* A stub that leaves the statement's instruction to the interpreter. */
static CopLabel
interpret_stub (CopJitBackend *b)
{
  CopStub *stub = lower_add_stub (b, STUB_INTERPRET);

  stub->place = lower_place (b);
  return stub->label;
}

static void
check_next_page (CopJitBackend *b, const CopIrStatement *statement)
{
  CopLabel miss = interpret_stub (b);

  asm_load (&b->a, RAX, HART_FIELD (jit.page));
  asm_alu_ri (&b->a, ALU_ADD, true, RAX, COP_PAGE_SIZE);
  lower_find_entry (b, RAX, HART_FIELD (fetch_tlb));
  asm_alu_rm (&b->a, ALU_CMP, true, RAX,
              mem (RCX, offsetof (CopTlbEntry, tag) + 8 * COP_ACCESS_FETCH));
  asm_jcc (&b->a, CC_NE, miss);
  asm_alu_rm (&b->a, ALU_ADD, true, RAX, mem (RCX, offsetof (CopTlbEntry, addend)));
  asm_mov_ri (&b->a, RDX, statement->imm);
  asm_alu_rr (&b->a, ALU_CMP, true, RAX, RDX);
  asm_jcc (&b->a, CC_NE, miss);
}

/* Extends what a statement that sets no x register needs the whole of. */
static void
extend_operands (CopJitBackend *b, const CopIrStatement *statement)
{
  bool tests = statement->kind == IR_BRANCH && node_of (b, statement->a)->op == IR_GETX;
  bool stores_half = statement->kind == IR_STORE && statement->imm <= 32;

  lower_extend (b, cop_words_wide_reads (b->unit, statement->a, tests) |
                     cop_words_wide_reads (b->unit, statement->b, stores_half));
}

/* Returns whether control may go on behind the statement. */
static bool
lower_statement (CopJitBackend *b, const CopIrStatement *statement)
{
  CopCond cc;

  b->statement = statement;
  if (b->r.low != 0 && statement->kind != IR_SETX && statement->kind != IR_LATE &&
      statement->kind != IR_NOP)
    extend_operands (b, statement);
  switch ((CopIrStatementKind) statement->kind)
    {
    case IR_SETX:
      set_x_or_low (b, statement);
      return true;
    case IR_SETF:
      lower_setf (b, statement);
      return true;
    case IR_STORE:
      lower_store (b, statement);
      return true;
    case IR_EFFECT:
      lower_value (b, statement->a, RAX, 0);
      return true;
    case IR_BRANCH:
      lower_prepare_branch (b, (int64_t) statement->imm);
      cc = lower_condition (b, statement->a);
      lower_branch_to (b, cc, (int64_t) statement->imm);
      return true;
    case IR_JUMP:
      return lower_jump (b, statement);
    case IR_JUMP_REG:
      return lower_jump_reg (b, statement);
    case IR_SYSTEM:
      asm_mov_ri (&b->a, RAX, statement->imm >> 32);
      asm_mov_ri (&b->a, RDX, (uint32_t) statement->imm);
      exit_with (b, b->exit_system);
      return false;
    case IR_INTERPRET:
      exit_with (b, b->exit_interpret);
      return false;
    case IR_FENCE:
      /* A locked operation on the stack orders as mfence does, and is faster. */
      emit8 (&b->a, 0xf0);
      asm_alu_mi (&b->a, ALU_OR, false, mem (RSP, 0), 0);
      return true;
    case IR_RELAX:
      lower_call_to_standard (b, lower_note_map (b));
      asm_call_to (&b->a, b->relax);
      lower_call_from_standard (b, lower_note_map (b));
      lower_forget_copies (b);
      return true;
    case IR_CBO_ZERO:
      lower_value (b, statement->a, RAX, 0);
      lower_call_to_standard (b, lower_note_map (b));
      asm_mov_ri (&b->a, RDX, statement->imm);
      asm_mov_ri (&b->a, RCX, lower_place (b));
      asm_call_to (&b->a, b->cbo_zero);
      lower_call_from_standard (b, lower_note_map (b));
      lower_forget_copies (b);
      return true;
    case IR_SET_FFLAGS:
      lower_set_fflags (b, statement->a);
      return true;
    case IR_MAKE_DIRTY:
      if (!b->dirty)
        asm_alu_mi (&b->a, ALU_OR, false, HART_FIELD (s.mstatus), COP_MSTATUS_FS);
      b->dirty = true;
      return true;
    case IR_CHECK_NEXT_PAGE:
      check_next_page (b, statement);
      return true;
    case IR_CHECK_TARGET:
      {
        CopLabel label = interpret_stub (b);    /* it takes the trap */

        lower_value (b, statement->a, RAX, 0);
        asm_rr (&b->a, 0xf7, false, (CopReg) 0, RAX); /* test eax, imm32 */
        emit32 (&b->a, 3);
        asm_jcc (&b->a, CC_NE, label);
      }
      return true;
    case IR_LATE:
    case IR_NOP:
      return true;
    }
  return true;
}

/* The next statement of the block from @i that there is code for. Returns: (nullable) */
static const CopIrStatement *
find_next (const CopJitBackend *b, unsigned i)
{
  for (; i < b->block->n; i++)
    {
      const CopIrStatement *statement =
        &g_array_index (b->unit->statements, CopIrStatement, b->block->first + i);

      if (statement->kind != IR_NOP && statement->kind != IR_LATE)
        return statement;
    }
  return NULL;
}

/* What holds where a block begins. */
static void
begin_block (CopJitBackend *b, unsigned number, const CopIrBlock *block)
{
  uint32_t map = lower_block_map (b, number);   /* which may move the maps in memory */

  b->block = block;
  b->in_loop = b->graph.depth[number] > 0 ||
               (b->unit->optimised && cop_ir_block_dispatches (b->unit, block));
  b->r = g_array_index (b->maps, CopNotedMap, map).map;
  memset (b->spans, SPAN_UNCHECKED, sizeof b->spans);
  b->addend_at = 0;
  memset (b->set_at, 0, sizeof b->set_at);
  b->dirty = b->facts.dirty[number];
  b->boxed = b->facts.boxed[number];
  b->words = b->facts.words[number];
  if (b->in_loop)
    {
      g_array_set_size (b->wants, block->n);
      cop_words_wants (b->unit, block, b->facts.low_at_end[number],
                       (uint32_t *) (void *) b->wants->data);
    }
  lower_forget_copies (b);
  b->first_span = UINT16_MAX;
  for (unsigned i = 0; i < block->n; i++)
    {
      const CopIrStatement *statement =
        &g_array_index (b->unit->statements, CopIrStatement, block->first + i);

      b->first_span = MIN (b->first_span, statement->span);
    }
}

/* Returns whether control may go on behind the block's last statement. */
static bool
lower_statements (CopJitBackend *b, const CopIrBlock *block)
{
  bool goes_on = true;

  for (unsigned i = 0; i < block->n && goes_on; i++)
    {
      const CopIrStatement *statement =
        &g_array_index (b->unit->statements, CopIrStatement, block->first + i);

      const CopIrStatement *pair = statement->kind == IR_SETX ? find_next (b, i + 1) : NULL;

      b->statement = statement;
      if (pair != NULL && pair->kind == IR_SETX && lower_divisions (b, statement, pair))
        {
          note_word (b, statement, cop_ir_is_sext32 (b->unit, statement->a));
          note_word (b, pair, cop_ir_is_sext32 (b->unit, pair->a));
          b->set_at[statement->reg] = block->first + i + 1;
          statement = pair;
          i = (unsigned) (pair - &g_array_index (b->unit->statements, CopIrStatement, block->first));
        }
      else
        goes_on = lower_statement (b, statement);
      if (statement->kind == IR_SETX)
        b->set_at[statement->reg] = block->first + i + 1;
    }
  return goes_on;
}

/* @fallen_into: control comes here from the block before. Returns the same for the next one. */
static bool
lower_block (CopJitBackend *b, unsigned number, const CopIrBlock *block, const CopIrBlock *next,
             bool fallen_into)
{
  CopJitBlockCode entry = { .offset = block->offset };
  /* What is on another page is entered from within only. */
  bool is_near = cop_ir_page_of (block->offset) != 0;
  const CopStrip *strip = lower_headed_strip (b, number);
  bool has_own_way =
    fallen_into || is_near || strip != NULL || b->block_maps[number] != STANDARD_MAP ||
    b->facts.dirty[number] || b->facts.boxed[number] != 0 || b->facts.words[number] != 0;
  CopLabel bounce;
  CopStub *budget;

  begin_block (b, number, block);
  if (strip != NULL)
    lower_strip_entry (b, strip);
  budget = lower_add_stub (b, STUB_BUDGET);
  budget->detail = (uint32_t) block->offset;
  budget->place = block->n_insns;
  budget->imm = is_near ? NO_BLOCK : b->code->blocks->len;
  bounce = budget->label;
  /* No padding where control falls through: who comes from elsewhere does so by a way of its own. */
  if (!has_own_way)
    asm_align8 (&b->a);
  asm_bind (&b->a, b->block_labels[number]);
  entry.entry = b->a.size;
  if (!is_near)
    g_array_append_val (b->code->blocks, entry);
  if (has_own_way && !is_near)
    {
      CopStub *stub = lower_add_stub (b, STUB_ENTRY);

      stub->detail = number;
      stub->imm = b->code->blocks->len - 1;
    }
  if (has_own_way)
    asm_alu_ri (&b->a, ALU_SUB, true, FUEL, block->n_insns);
  else
    /* Seven bytes, so that a jump over them leaves the next instruction to a hart that is there. */
    asm_alu_ri32 (&b->a, ALU_SUB, true, FUEL, block->n_insns);
  asm_jcc (&b->a, CC_L, bounce);

  if (!lower_statements (b, block))
    return false;
  if (next == NULL || next->offset != block->end)
    {
      lower_go_to (b, block->end);
      return false;
    }
  lower_fall_to (b, next->offset);
  return true;
}

/* The blocks of @strip once more, without the checks that its guard makes, and that. @order: all of the
   unit */
static void
lower_strip_blocks (CopJitBackend *b, const CopStrip *strip, const GPtrArray *order)
{
  begin_block (b, strip->header, &g_array_index (b->unit->blocks, CopIrBlock, strip->header));
  lower_strip_guard (b, strip);
  for (unsigned i = 0; i < order->len; i++)
    {
      const CopIrBlock *block = g_ptr_array_index (order, i);
      const CopIrBlock *next = i + 1 < order->len ? g_ptr_array_index (order, i + 1) : NULL;
      unsigned number = *lower_index_of (b, block->offset);
      CopStub *end;

      if (!(strip->blocks >> number & 1))
        continue;
      b->strip = strip;
      begin_block (b, number, block);
      end = lower_add_stub (b, STUB_STRIP_END);
      end->detail = number;
      end->place = block->n_insns;
      asm_bind (&b->a, b->strip_labels[number]);
      asm_alu_ri (&b->a, ALU_SUB, true, FUEL, block->n_insns);
      asm_jcc (&b->a, CC_L, end->label);
      if (!lower_statements (b, block))
        continue;
      if (next != NULL && next->offset == block->end &&
          (strip->blocks >> *lower_index_of (b, next->offset) & 1))
        lower_fall_to (b, next->offset);
      else
        lower_go_to (b, block->end);
    }
  b->strip = NULL;
}

/* --- out of line ------------------------------------------------------------------------------- */

static void
lower_stub (CopJitBackend *b, const CopStub *stub)
{
  switch (stub->kind)
    {
    case STUB_BUDGET:
      asm_bind (&b->a, stub->label);
      asm_alu_ri (&b->a, ALU_ADD, true, FUEL, (int32_t) stub->place);
      lower_call_to_standard (b, stub->map);
      if (stub->imm != NO_BLOCK)
        g_array_index (b->code->blocks, CopJitBlockCode, stub->imm).bounce = b->a.size;
      asm_mov_ri (&b->a, RCX, (uint64_t) (int32_t) stub->detail);
      asm_jmp_to (&b->a, b->exit_at);
      break;
    case STUB_ENTRY:
      asm_align8 (&b->a);
      g_array_index (b->code->blocks, CopJitBlockCode, stub->imm).entry = b->a.size;
      /* What a jump is written over, when the entry is closed: nop [rax + disp32]. */
      asm_rm (&b->a, 0x0f1f, false, (CopReg) 0, mem (RAX, INT32_MAX));
      b->r = g_array_index (b->maps, CopNotedMap, STANDARD_MAP).map;
      lower_enter_block (b, stub->detail);
      asm_jmp (&b->a, lower_block_label (b, stub->detail));
      break;
    case STUB_INTERPRET:
      asm_bind (&b->a, stub->label);
      lower_call_to_standard (b, stub->map);
      asm_mov_ri (&b->a, RCX, stub->place);
      asm_jmp_to (&b->a, b->exit_interpret);
      break;
    case STUB_NO_FACTS:
      lower_no_facts (b, stub);
      break;
    case STUB_EDGE:
    case STUB_LINK:
    case STUB_FAR:
    case STUB_MISS:
    case STUB_PAGE:
    case STUB_NEAR:
    case STUB_RETURN:
      lower_jump_stub (b, stub);
      break;
    case STUB_LOAD:
    case STUB_STORE:
    case STUB_SPAN:
    case STUB_ATOMIC:
      lower_memory_stub (b, stub);
      break;
    case STUB_STRIP_END:
    case STUB_STRIP_MISS:
    case STUB_STRIP_LOST:
      lower_strip_stub (b, stub);
      break;
    default:
      lower_fp_stub (b, stub);
    }
}

/* What a block knew of f registers may not hold where its stubs run. Stubs may add stubs. */
static void
lower_stubs (CopJitBackend *b)
{
  lower_forget_copies (b);
  for (unsigned i = 0; i < b->stubs->len; i++)
    {
      CopStub stub = g_array_index (b->stubs, CopStub, i);

      b->dirty = false;
      b->boxed = 0;
      b->words = 0;
      b->strip = NULL;
      b->r = g_array_index (b->maps, CopNotedMap, stub.map).map;
      b->block = stub.block;
      lower_stub (b, &stub);
    }
  lower_map_subroutines (b);
}

/* Blocks in the order of the guest, so that what falls through there does here. */
static int
compare_blocks (gconstpointer a, gconstpointer b)
{
  const CopIrBlock *const *left = a, *const *right = b;

  return (int) (*left)->offset - (int) (*right)->offset;
}

static size_t
x86_lower (CopJitBackend *b, const CopIrUnit *unit, CopJitCode *code)
{
  g_autoptr (GPtrArray) order = g_ptr_array_new ();
  bool falls = false;

  cop_asm_reset (&b->a);
  g_array_set_size (code->blocks, 0);
  g_array_set_size (code->links, 0);
  b->unit = unit;
  b->code = code;
  b->is_crowded = false;
  for (unsigned i = 0; i < unit->blocks->len; i++)
    {
      CopIrBlock *block = &g_array_index (unit->blocks, CopIrBlock, i);

      *lower_index_of (b, block->offset) = i;
      b->block_labels[i] = asm_new_label (&b->a);
      g_ptr_array_add (order, block);
    }
  cop_graph_make (&b->graph, unit);
  cop_facts_find (&b->facts, &b->graph);
  cop_words_find (&b->facts, &b->graph);
  lower_choose_maps (b, &b->graph);
  lower_find_strips (b);
  g_ptr_array_sort (order, compare_blocks);

  g_array_set_size (b->stubs, 0);
  g_array_set_size (b->copies, 0);
  b->strip = NULL;
  for (unsigned i = 0; i < order->len; i++)
    {
      const CopIrBlock *block = g_ptr_array_index (order, i);

      falls = lower_block (b, *lower_index_of (b, block->offset), block,
                           i + 1 < order->len ? g_ptr_array_index (order, i + 1) : NULL, falls);
    }
  for (unsigned i = 0; i < b->strips.n; i++)
    lower_strip_blocks (b, &b->strips.strips[i], order);
  lower_stubs (b);
  for (unsigned i = 0; i < unit->blocks->len; i++)
    *lower_index_of (b, g_array_index (unit->blocks, CopIrBlock, i).offset) = NO_BLOCK;
  return b->is_crowded ? 0 : b->a.size;
}

static void
x86_install (CopJitBackend *b, uint8_t *place, const uint8_t *exec)
{
  cop_asm_install (&b->a, place, exec);
}

static CopJitExit
x86_enter (CopJitBackend *b, CopHart *hart, const void *code)
{
  unsigned (*enter) (CopHart *, const void *) =
    (unsigned (*) (CopHart *, const void *)) (uintptr_t) b->enter;

  return enter (hart, code);
}

/* An aligned four-byte store is seen whole by cores that fetch. */
static void
x86_set_link (uint8_t *site, const uint8_t *site_exec, const void *target)
{
  int32_t rel = (int32_t) ((const uint8_t *) target - (site_exec + 4));

  __atomic_store_n ((int32_t *) (void *) site, rel, __ATOMIC_RELEASE);
}

static void
x86_give_far_up (CopJitBackend *b, uint8_t *miss, const uint8_t *miss_exec)
{
  x86_set_link (miss, miss_exec, b->jump_by_table);
}

/* The site is where asm_align_jump() lets it be: within eight aligned bytes. */
static void
x86_set_jump (uint8_t *site, const uint8_t *site_exec, const void *target)
{
  uint64_t *place = (uint64_t *) (void *) ((uintptr_t) site & ~(uintptr_t) 7);
  uint8_t bytes[8];
  uint64_t word;
  int32_t rel = (int32_t) ((const uint8_t *) target - (site_exec + 5));
  unsigned at = (uintptr_t) site & 7;
  static const uint8_t nop[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

  memcpy (bytes, place, sizeof bytes);
  if (rel == 0)
    memcpy (bytes + at, nop, sizeof nop);
  else
    {
      bytes[at] = 0xe9;
      memcpy (bytes + at + 1, &rel, sizeof rel);
    }
  memcpy (&word, bytes, sizeof word);
  __atomic_store_n (place, word, __ATOMIC_RELEASE);
}

static void
x86_close_entry (uint8_t *entry, const uint8_t *entry_exec, const void *bounce)
{
  union
  {
    uint8_t  bytes[8];
    uint64_t word;
  } jump;
  int32_t rel = (int32_t) ((const uint8_t *) bounce - (entry_exec + 5));

  memcpy (jump.bytes, entry, sizeof jump);
  jump.bytes[0] = 0xe9;
  memcpy (jump.bytes + 1, &rel, sizeof rel);
  __atomic_store_n ((uint64_t *) (void *) entry, jump.word, __ATOMIC_RELEASE);
}

static const CopJitBackendOps x86_backend = {
  .name = "x86-64",
  .write_thunks = cop_x86_write_thunks,
  .create = x86_create,
  .destroy = x86_destroy,
  .lower = x86_lower,
  .install = x86_install,
  .enter = x86_enter,
  .set_far = cop_x86_set_far,
  .give_far_up = x86_give_far_up,
  .set_link = x86_set_link,
  .set_jump = x86_set_jump,
  .close_entry = x86_close_entry,
};

const CopJitBackendOps *
cop_jit_backend (void)
{
  return &x86_backend;
}
