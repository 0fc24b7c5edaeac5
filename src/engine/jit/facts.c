/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What blocks of loops may rely on where they begin: facts that are passed on from block to block,
 * assumed to hold until a block is found that does not pass them on.
 */
#include "engine/jit/facts.h"

#include <string.h>

/* What a block does to facts, and needs. */
typedef struct
{
  bool     dirties;
  uint32_t written;             /* f registers */
  uint32_t boxes;               /* those that hold a boxed f32 at the end */
  uint32_t reads;               /* those read as f32 before they are written */
} Effects;

static uint32_t
find_reads (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node;

  if (ref == IR_NONE)
    return 0;
  node = cop_ir_node (unit, ref);
  if (node->op == IR_UNBOX32 && cop_ir_node (unit, node->a)->op == IR_GETF)
    return 1u << cop_ir_node (unit, node->a)->imm;
  return find_reads (unit, node->a) | find_reads (unit, node->b) | find_reads (unit, node->c);
}

static Effects
find_effects (const CopIrUnit *unit, const CopIrBlock *block)
{
  Effects effects = { 0 };

  for (unsigned i = 0; i < block->n; i++)
    {
      const CopIrStatement *statement =
        &g_array_index (unit->statements, CopIrStatement, block->first + i);

      if (statement->kind == IR_NOP || statement->kind == IR_LATE)
        continue;
      effects.dirties |= statement->kind == IR_MAKE_DIRTY;
      effects.reads |= (find_reads (unit, statement->a) | find_reads (unit, statement->b)) &
                       ~effects.written;
      if (statement->kind == IR_SETF)
        {
          uint32_t bit = 1u << statement->reg;

          effects.written |= bit;
          effects.boxes &= ~bit;
          if (cop_ir_node (unit, statement->a)->op == IR_BOX32)
            effects.boxes |= bit;
        }
    }
  return effects;
}

/* Which of @live are live where block @i begins. */
static uint32_t
find_live (const CopGraph *graph, const Effects *effects, const uint32_t *live, unsigned i)
{
  uint32_t behind = 0;

  for (unsigned j = 0; j < graph->n; j++)
    if (graph->successors[i] >> j & 1)
      behind |= live[j];
  return effects[i].reads | (behind & ~effects[i].written);
}

/* Takes from block @i's facts what not every block of its loop passes on. Returns whether any went. */
static bool
narrow (CopFacts *facts, const CopGraph *graph, const Effects *effects, unsigned i)
{
  uint64_t loop = graph->loops[graph->loop[i]].blocks;
  uint32_t boxed = facts->boxed[i];
  bool dirty = facts->dirty[i];

  for (unsigned j = 0; j < graph->n; j++)
    if ((loop >> j & 1) && (graph->successors[j] >> i & 1))
      {
        boxed &= effects[j].boxes | (facts->boxed[j] & ~effects[j].written);
        dirty &= effects[j].dirties || facts->dirty[j];
      }
  if (boxed == facts->boxed[i] && dirty == facts->dirty[i])
    return false;
  facts->boxed[i] = boxed;
  facts->dirty[i] = dirty;
  return true;
}

static bool
dirties (const Effects *effects, uint64_t blocks)
{
  for (unsigned i = 0; i < COP_GRAPH_BLOCKS; i++)
    if ((blocks >> i & 1) && effects[i].dirties)
      return true;
  return false;
}

void
cop_facts_find (CopFacts *facts, const CopGraph *graph)
{
  Effects effects[COP_GRAPH_BLOCKS];
  uint32_t live[COP_GRAPH_BLOCKS] = { 0 };
  bool uses_f = false, again = true;

  memset (facts, 0, sizeof *facts);
  if (graph->n_loops == 0)
    return;
  for (unsigned i = 0; i < graph->n; i++)
    {
      effects[i] = find_effects (graph->unit, cop_graph_block (graph, i));
      uses_f |= effects[i].dirties || effects[i].reads != 0;
    }
  while (uses_f && again)
    {
      again = false;
      for (unsigned i = graph->n; i-- > 0;)
        {
          uint32_t more = find_live (graph, effects, live, i);

          again |= more != live[i];
          live[i] = more;
        }
    }
  for (unsigned i = 0; i < graph->n; i++)
    if (graph->loop[i] >= 0)
      {
        facts->boxed[i] = live[i];
        for (unsigned j = 0; j < graph->n_loops; j++)
          facts->dirty[i] |= (graph->loops[j].blocks >> i & 1) &&
                             dirties (effects, graph->loops[j].blocks);
      }
  for (again = uses_f; again;)
    {
      again = false;
      for (unsigned i = 0; i < graph->n; i++)
        if (graph->loop[i] >= 0)
          again |= narrow (facts, graph, effects, i);
    }
}
