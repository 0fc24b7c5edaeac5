/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which registers are words, and who needs more of them than the low half.
 */
#include "engine/jit/words.h"

#include <string.h>

bool
cop_words_is_word (const CopIrUnit *unit, CopIrRef ref, uint32_t words)
{
  const CopIrNode *node = cop_ir_node (unit, ref);

  if (node->op == IR_GETX && (words & 1u << (node->imm & 31)))
    return true;
  if (cop_ir_is_sext32 (unit, ref))
    return true;
  return cop_words_is_logic (node->op) && cop_words_is_word (unit, node->a, words) &&
         (node->b == IR_NONE || cop_words_is_word (unit, node->b, words));
}

/* Operands of a comparison may be extended on the way to it. */
static uint32_t
compared_reads (const CopIrUnit *unit, CopIrRef ref)
{
  return cop_ir_node (unit, ref)->op == IR_GETX ? 0 : cop_words_wide_reads (unit, ref, false);
}

/* x >> n & mask where all bits come from the low half of x. */
static bool
takes_bits_of_low_half (const CopIrUnit *unit, const CopIrNode *node)
{
  const CopIrNode *shift = cop_ir_node (unit, node->a);
  uint64_t mask, by;

  return (shift->op == IR_SRL || shift->op == IR_SRA) && cop_ir_is_const (unit, node->b, &mask) &&
         cop_ir_is_const (unit, shift->b, &by) && by < 32 && mask <= UINT32_MAX >> by;
}

uint32_t
cop_words_wide_reads (const CopIrUnit *unit, CopIrRef ref, bool low)
{
  const CopIrNode *node;
  uint64_t value;

  if (ref == IR_NONE)
    return 0;
  node = cop_ir_node (unit, ref);
  switch (node->op)
    {
    case IR_GETX:
      return low ? 0 : 1u << (node->imm & 31);
    case IR_SEXT8:
    case IR_SEXT16:
    case IR_SEXT32:
    case IR_ZEXT16:
    case IR_ZEXT32:
      low = true;
      break;
    case IR_SLL32:
    case IR_SRL32:
    case IR_SRA32:
    case IR_ROL32:
    case IR_ROR32:
    case IR_DIV32:
    case IR_DIVU32:
    case IR_REM32:
    case IR_REMU32:
      low = true;
      break;
    case IR_SLL:
      low = low || (cop_ir_is_const (unit, node->b, &value) && (value & 63) >= 32);
      return cop_words_wide_reads (unit, node->a, low) | cop_words_wide_reads (unit, node->b, true);
    case IR_SRL:
    case IR_SRA:
      return cop_words_wide_reads (unit, node->a, false) |
             cop_words_wide_reads (unit, node->b, true);
    case IR_AND:
      if (takes_bits_of_low_half (unit, node))
        return cop_words_wide_reads (unit, cop_ir_node (unit, node->a)->a, true);
      low = low || (cop_ir_is_const (unit, node->b, &value) && value <= UINT32_MAX);
      break;
    case IR_ADD:
    case IR_SUB:
    case IR_ANDN:
    case IR_OR:
    case IR_XOR:
    case IR_NOT:
    case IR_MUL:
      break;
    case IR_EQ:
    case IR_NE:
    case IR_LT:
    case IR_GE:
    case IR_LTU:
    case IR_GEU:
      return compared_reads (unit, node->a) | compared_reads (unit, node->b);
    case IR_SELECT:
      {
        const CopIrNode *condition = cop_ir_node (unit, node->a);

        return cop_words_wide_reads (unit, node->b, false) |
               cop_words_wide_reads (unit, node->c, false) |
               (condition->op >= IR_EQ && condition->op <= IR_GEU
                  ? cop_words_wide_reads (unit, condition->a, false) |
                      cop_words_wide_reads (unit, condition->b, false)
                  : cop_words_wide_reads (unit, node->a, false));
      }
    default:
      low = false;
    }
  return cop_words_wide_reads (unit, node->a, low) | cop_words_wide_reads (unit, node->b, low) |
         cop_words_wide_reads (unit, node->c, low);
}

/* What a statement needs wide; its result may be a low half as well. */
static uint32_t
wide_reads_of (const CopIrUnit *unit, const CopIrStatement *statement)
{
  bool low = false;

  if (statement->kind == IR_SETX)
    {
      CopIrOp op = cop_ir_node (unit, statement->a)->op;

      low = op == IR_GETX || cop_words_is_logic (op);
    }
  if (statement->kind == IR_BRANCH && cop_ir_node (unit, statement->a)->op == IR_GETX)
    low = true;
  return cop_words_wide_reads (unit, statement->a, low) |
         cop_words_wide_reads (unit, statement->b,
                               statement->kind == IR_STORE && statement->imm <= 32);
}

static const CopIrStatement *
statement_at (const CopIrUnit *unit, const CopIrBlock *block, unsigned i)
{
  return &g_array_index (unit->statements, CopIrStatement, block->first + i);
}

uint32_t
cop_words_wants (const CopIrUnit *unit, const CopIrBlock *block, uint32_t at_end, uint32_t *wants)
{
  uint32_t now = at_end;

  for (unsigned i = block->n; i-- > 0;)
    {
      const CopIrStatement *statement = statement_at (unit, block, i);

      if (wants != NULL)
        wants[i] = now;
      if (statement->kind == IR_NOP || statement->kind == IR_LATE)
        continue;
      if (statement->kind == IR_SETX)
        now |= 1u << statement->reg;
      now |= cop_ir_reads (unit, statement->a) | cop_ir_reads (unit, statement->b);
      now &= ~wide_reads_of (unit, statement);
    }
  return now;
}

/* Words behind @block if those in @words are before it. */
static uint32_t
pass_on (const CopIrUnit *unit, const CopIrBlock *block, uint32_t words)
{
  for (unsigned i = 0; i < block->n; i++)
    {
      const CopIrStatement *statement = statement_at (unit, block, i);

      if (statement->kind == IR_SETX && cop_words_is_word (unit, statement->a, words))
        words |= 1u << statement->reg;
      else if (statement->kind == IR_SETX)
        words &= ~(1u << statement->reg);
    }
  return words;
}

/* x registers read before they are written. */
static uint32_t
read_first (const CopIrUnit *unit, const CopIrBlock *block)
{
  uint32_t reads = 0, written = 0;

  for (unsigned i = 0; i < block->n; i++)
    {
      const CopIrStatement *statement = statement_at (unit, block, i);

      if (statement->kind == IR_NOP || statement->kind == IR_LATE)
        continue;
      reads |= (cop_ir_reads (unit, statement->a) | cop_ir_reads (unit, statement->b)) & ~written;
      if (statement->kind == IR_SETX)
        written |= 1u << statement->reg;
    }
  return reads;
}

/* x registers that the block extends. */
static uint32_t
extended (const CopIrUnit *unit, const CopIrBlock *block)
{
  uint32_t regs = 0;

  for (unsigned i = 0; i < block->n; i++)
    {
      const CopIrStatement *statement = statement_at (unit, block, i);
      CopIrOp op;

      if (statement->kind != IR_SETX)
        continue;
      op = cop_ir_node (unit, statement->a)->op;
      if (op == IR_SEXT32 || op == IR_SLL32 || op == IR_SRL32 || op == IR_SRA32)
        regs |= 1u << statement->reg;
    }
  return regs;
}

static void
find_wants (CopFacts *facts, const CopGraph *graph)
{
  bool again = true;

  for (unsigned i = 0; i < graph->n; i++)
    facts->low[i] = graph->loop[i] >= 0 ? UINT32_MAX : 0;
  while (again)
    {
      again = false;
      for (unsigned i = graph->n; i-- > 0;)
        {
          uint32_t behind = UINT32_MAX, before;
          bool leads_on = false;

          if (graph->loop[i] < 0)
            continue;
          for (unsigned j = 0; j < graph->n; j++)
            if ((graph->successors[i] >> j & 1) && graph->loop[j] >= 0)
              {
                behind &= facts->low[j];
                leads_on = true;
              }
          facts->low_at_end[i] = leads_on ? behind : 0;
          before = facts->low[i] & cop_words_wants (graph->unit, cop_graph_block (graph, i),
                                                    facts->low_at_end[i], NULL);
          again |= before != facts->low[i];
          facts->low[i] = before;
        }
    }
}

/* Live registers that a loop around the block extends, and of which that needs a low half somewhere. */
static void
find_candidates (CopFacts *facts, const CopGraph *graph, const uint32_t *extends)
{
  uint32_t live[COP_GRAPH_BLOCKS] = { 0 }, reads[COP_GRAPH_BLOCKS];
  bool again = true;

  for (unsigned i = 0; i < graph->n; i++)
    reads[i] = read_first (graph->unit, cop_graph_block (graph, i));
  while (again)
    {
      again = false;
      for (unsigned i = graph->n; i-- > 0;)
        {
          uint32_t more = 0;

          for (unsigned j = 0; j < graph->n; j++)
            if ((graph->successors[i] >> j & 1) && graph->loop[j] >= 0)
              more |= live[j];
          more = reads[i] | (more & ~graph->writes[i]);
          again |= more != live[i];
          live[i] = more;
        }
    }
  for (unsigned l = 0; l < graph->n_loops; l++)
    {
      uint32_t candidates = 0, needed = 0;

      for (unsigned i = 0; i < graph->n; i++)
        if (graph->loops[l].blocks >> i & 1)
          {
            candidates |= extends[i];
            needed |= facts->low[i];
          }
      for (unsigned i = 0; i < graph->n; i++)
        if (graph->loops[l].blocks >> i & 1)
          facts->words[i] |= live[i] & candidates & needed;
    }
}

void
cop_words_find (CopFacts *facts, const CopGraph *graph)
{
  uint32_t extends[COP_GRAPH_BLOCKS] = { 0 }, any = 0;
  bool again = true;

  memset (facts->words, 0, sizeof facts->words);
  memset (facts->low, 0, sizeof facts->low);
  memset (facts->low_at_end, 0, sizeof facts->low_at_end);
  for (unsigned i = 0; i < graph->n; i++)
    if (graph->loop[i] >= 0)
      any |= extends[i] = extended (graph->unit, cop_graph_block (graph, i));
  if (any == 0)
    return;
  find_wants (facts, graph);
  find_candidates (facts, graph, extends);
  while (again)
    {
      again = false;
      for (unsigned j = 0; j < graph->n; j++)
        {
          uint32_t behind;

          if (graph->loop[j] < 0)
            continue;
          behind = pass_on (graph->unit, cop_graph_block (graph, j), facts->words[j]);
          for (unsigned i = 0; i < graph->n; i++)
            if ((graph->successors[j] >> i & 1) && graph->loop[i] >= 0 &&
                (graph->loops[graph->loop[i]].blocks >> j & 1) && (facts->words[i] & ~behind) != 0)
              {
                facts->words[i] &= behind;
                again = true;
              }
        }
    }
}
