/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Slots: the page that an access of a loop went to last, so that one comparison replaces a look-up
 * in the TLB.
 *
 *   [rsp + 16 n]        the page's address, or NO_PAGE
 *   [rsp + 16 n + 8]    its addend
 *
 * They live from the way into an outermost loop to the way out. Whatever may take entries from the
 * TLB happens behind a call or outside, and calls forget all slots of the loop. One more is for
 * accesses off sp, of all units: thunks forget it on every way into translated code. It has pages
 * that may be written, for a frame is.
 *
 * Only accesses get one that are likely to stay on a page for a while: off a register that the loop
 * leaves alone or counts in small steps, or one computed from such, not from what was loaded. Where
 * that is wrong a slot costs more than it saves.
 */
#include "engine/jit/x86/lower-private.h"

#define SMALL_STEP 256

#define SP 2

/* What accesses share a slot by. */
typedef struct
{
  int      loop;
  uint8_t  base;
  bool     writes;
  uint16_t block;               /* where the base was set, and by which statement; */
  uint16_t statement;           /* 0: before the block */
} Key;

/* Whether a value moves too fast, or nobody knows where. Sums of what moves slowly do not. */
static bool
is_wild_tree (const CopIrUnit *unit, CopIrRef ref, uint32_t wild)
{
  const CopIrNode *node = cop_ir_node (unit, ref);
  uint64_t value;

  switch (node->op)
    {
    case IR_CONST:
    case IR_PC:
      return false;
    case IR_GETX:
      return wild >> (node->imm & 31) & 1;
    case IR_ADD:
    case IR_SUB:
      return is_wild_tree (unit, node->a, wild) || is_wild_tree (unit, node->b, wild);
    case IR_SLL:
    case IR_SLL32:
    case IR_SRL:
    case IR_SRL32:
    case IR_SRA:
    case IR_SRA32:
      return !cop_ir_is_const (unit, node->b, &value) || is_wild_tree (unit, node->a, wild);
    case IR_SEXT32:
    case IR_ZEXT32:
      return is_wild_tree (unit, node->a, wild);
    default:
      return true;
    }
}

/* A register set from itself must take small steps. */
static bool
is_wild_set (const CopIrUnit *unit, const CopIrStatement *statement, uint32_t wild)
{
  const CopIrNode *node = cop_ir_node (unit, statement->a);
  uint64_t value;

  if (!cop_ir_reads_x (unit, statement->a, statement->reg))
    return is_wild_tree (unit, statement->a, wild);
  if (node->op == IR_SEXT32)
    node = cop_ir_node (unit, node->a);
  return node->op != IR_ADD || cop_ir_node (unit, node->a)->op != IR_GETX ||
         !cop_ir_is_const (unit, node->b, &value) ||
         value + SMALL_STEP > UINT64_C (2) * SMALL_STEP || (wild >> statement->reg & 1);
}

/* Registers that hold anything at all behind @statement, given those before it. */
static uint32_t
step (const CopIrUnit *unit, const CopIrStatement *statement, uint32_t wild)
{
  if (statement->kind != IR_SETX)
    return wild;
  return is_wild_set (unit, statement, wild) ? wild | 1u << statement->reg
                                                 : wild & ~(1u << statement->reg);
}

static const CopIrStatement *
statement_at (const CopIrUnit *unit, unsigned i)
{
  return &g_array_index (unit->statements, CopIrStatement, i);
}

/* Registers that hold anything at all where blocks of the loop begin. */
static uint32_t
find_wild (const CopGraph *graph, const CopLoop *loop)
{
  uint32_t before, wild = 0;

  do
    {
      before = wild;
      for (unsigned i = 0; i < graph->n; i++)
        if (loop->blocks >> i & 1)
          {
            const CopIrBlock *block = &g_array_index (graph->unit->blocks, CopIrBlock, i);
            uint32_t now = wild;

            for (unsigned j = 0; j < block->n; j++)
              now = step (graph->unit, statement_at (graph->unit, block->first + j), now);
            wild |= now & graph->writes[i];
          }
    }
  while (wild != before);
  return wild;
}

static unsigned
find_slot (GArray *keys, const Key *key)
{
  for (unsigned i = 0; i < keys->len; i++)
    {
      const Key *other = &g_array_index (keys, Key, i);

      if (other->loop == key->loop && other->base == key->base && other->writes == key->writes &&
          other->block == key->block && other->statement == key->statement)
        return FIRST_LOOP_SLOT + i;
    }
  if (keys->len == MAX_SLOTS - FIRST_LOOP_SLOT)
    return NO_SLOT;
  g_array_append_val (keys, *key);
  return FIRST_LOOP_SLOT + keys->len - 1;
}

static void
give_slots (CopJitBackend *b, const CopGraph *graph, unsigned number, uint32_t wild, GArray *keys)
{
  const CopIrBlock *block = &g_array_index (graph->unit->blocks, CopIrBlock, number);
  uint16_t set_by[32] = { 0 };

  for (unsigned i = 0; i < block->n; i++)
    {
      const CopIrStatement *statement = statement_at (graph->unit, block->first + i);
      CopIrRef gva;
      unsigned base, size;
      int64_t offset;
      bool writes;

      if (cop_ir_find_plain_access (graph->unit, statement, &gva, &size, &writes) &&
          cop_ir_split_address (graph->unit, gva, &base, &offset) && offset >= -2048 &&
          offset < 2048 && base != SP && !(wild >> base & 1))
        {
          Key key = { .loop = graph->loop[number], .base = base, .writes = writes };

          if (statement->span != IR_NO_SPAN)
            key.writes = g_array_index (graph->unit->spans, CopIrSpan, statement->span).writes;
          if (set_by[base] != 0)
            {
              key.block = number;
              key.statement = set_by[base];
            }
          b->slots->data[block->first + i] = find_slot (keys, &key);
        }
      wild = step (graph->unit, statement, wild);
      if (statement->kind == IR_SETX)
        set_by[statement->reg] = i + 1;
    }
}

/* Frames are wherever sp is: all units look into one slot for them. */
static void
give_stack_slots (CopJitBackend *b, const CopIrUnit *unit)
{
  for (unsigned i = 0; i < unit->statements->len; i++)
    {
      CopIrRef gva;
      unsigned base, size;
      int64_t offset;
      bool writes;

      if (cop_ir_find_plain_access (unit, statement_at (unit, i), &gva, &size, &writes) &&
          cop_ir_split_address (unit, gva, &base, &offset) && base == SP && offset >= -2048 &&
          offset < 2048)
        b->slots->data[i] = STACK_SLOT;
    }
}

void
lower_choose_slots (CopJitBackend *b, const CopGraph *graph)
{
  g_autoptr (GArray) keys = g_array_new (FALSE, FALSE, sizeof (Key));

  g_byte_array_set_size (b->slots, graph->unit->statements->len);
  memset (b->slots->data, NO_SLOT, b->slots->len);
  memset (b->nests, NO_NEST, sizeof b->nests);
  give_stack_slots (b, graph->unit);
  b->n_nests = 1;
  for (unsigned i = 0; i < graph->n_loops; i++)
    {
      const CopLoop *outermost = &graph->loops[i];
      CopNest *nest = &b->nests_known[b->n_nests];

      if (outermost->parent >= 0)
        continue;
      g_array_set_size (keys, 0);
      for (unsigned j = i; j < graph->n_loops; j++)
        if ((graph->loops[j].blocks & ~outermost->blocks) == 0)
          {
            uint32_t wild = find_wild (graph, &graph->loops[j]);

            for (unsigned k = 0; k < graph->n; k++)
              if (graph->loop[k] == (int) j)
                give_slots (b, graph, k, wild, keys);
          }
      if (keys->len == 0)
        continue;
      for (unsigned k = 0; k < graph->n; k++)
        if (outermost->blocks >> k & 1)
          b->nests[k] = b->n_nests;
      *nest = (CopNest){ .n_slots = keys->len, .forget = LABEL_UNBOUND };
      b->n_nests++;
    }
}

static void
forget (CopJitBackend *b, const CopNest *nest, int32_t pushed)
{
  for (unsigned i = 0; i < nest->n_slots; i++)
    {
      CopMem m = lower_slot_page (FIRST_LOOP_SLOT + i);

      m.disp += pushed;
      asm_store_i (&b->a, 8, m, NO_PAGE);
    }
}

void
lower_forget_slots (CopJitBackend *b, unsigned nest)
{
  forget (b, &b->nests_known[nest], 0);
}

void
lower_call_forget_slots (CopJitBackend *b)
{
  CopNest *nest = &b->nests_known[b->nest];

  if (nest->n_slots == 0)
    return;
  if (nest->forget == LABEL_UNBOUND)
    nest->forget = asm_new_label (&b->a);
  asm_call (&b->a, nest->forget);
}

void
lower_slot_subroutines (CopJitBackend *b)
{
  for (unsigned i = 1; i < b->n_nests; i++)
    if (b->nests_known[i].forget != LABEL_UNBOUND)
      {
        asm_bind (&b->a, b->nests_known[i].forget);
        forget (b, &b->nests_known[i], 8);
        emit8 (&b->a, 0xc3);
      }
}
