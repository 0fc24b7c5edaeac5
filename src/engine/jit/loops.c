/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The blocks of a unit as a graph, and its loops.
 */
#include "engine/jit/loops.h"

#include "engine/ram.h"

#include <string.h>

#define MAX_DEPTH 4

/* Its bit, or 0. */
static uint64_t
find_block (const CopGraph *graph, int64_t offset)
{
  for (unsigned i = 0; i < graph->n; i++)
    if (cop_graph_block (graph, i)->offset == offset)
      return UINT64_C (1) << i;
  return 0;
}

static void
count_tree (CopGraph *graph, unsigned block, CopIrRef ref)
{
  const CopIrNode *node;

  if (ref == IR_NONE)
    return;
  node = cop_ir_node (graph->unit, ref);
  if (node->op == IR_GETX)
    graph->uses[block][node->imm & 31]++;
  if (node->op == IR_GETF)
    {
      graph->f_uses[block][node->imm]++;
      graph->f_wide[block] |= 1u << node->imm;
    }
  if ((node->op == IR_UNBOX32 || node->op == IR_UNBOX16) &&
      cop_ir_node (graph->unit, node->a)->op == IR_GETF)
    graph->f_narrow[block] |= 1u << cop_ir_node (graph->unit, node->a)->imm;
  if ((node->op == IR_UNBOX32 || node->op == IR_SEXT32) &&
      cop_ir_node (graph->unit, node->a)->op == IR_GETF)
    {
      graph->f_uses[block][cop_ir_node (graph->unit, node->a)->imm]++;
      return;
    }
  count_tree (graph, block, node->a);
  count_tree (graph, block, node->b);
  count_tree (graph, block, node->c);
}

/* The blocks that control may go on to; calls do not count, for they come back by another way. */
static void
add_block (CopGraph *graph, unsigned i)
{
  const CopIrBlock *block = cop_graph_block (graph, i);

  for (unsigned j = 0; j < block->n; j++)
    {
      const CopIrStatement *statement =
        &g_array_index (graph->unit->statements, CopIrStatement, block->first + j);

      if (statement->kind == IR_NOP)
        continue;
      if (statement->kind == IR_LATE)
        {
          graph->writes[i] |= 1u << statement->reg;
          continue;
        }
      count_tree (graph, i, statement->a);
      if (statement->kind == IR_STORE && statement->imm == 32 &&
          cop_ir_node (graph->unit, statement->b)->op == IR_GETF)
        graph->f_uses[i][cop_ir_node (graph->unit, statement->b)->imm]++;
      else
        count_tree (graph, i, statement->b);
      if (statement->kind == IR_SETX)
        {
          graph->uses[i][statement->reg]++;
          graph->writes[i] |= 1u << statement->reg;
        }
      if (statement->kind == IR_SETF)
        {
          CopIrOp op = cop_ir_node (graph->unit, statement->a)->op;

          graph->f_uses[i][statement->reg]++;
          graph->f_writes[i] |= 1u << statement->reg;
          if (op == IR_BOX32 || op == IR_BOX16)
            graph->f_narrow[i] |= 1u << statement->reg;
          if (op != IR_BOX32)
            graph->f_wide[i] |= 1u << statement->reg;
        }
      if (statement->kind == IR_BRANCH || (statement->kind == IR_JUMP && statement->reg == 0))
        graph->successors[i] |= find_block (graph, (int64_t) statement->imm);
      /* What goes on behind these does so by another entry. */
      if (statement->kind == IR_JUMP || statement->kind == IR_JUMP_REG ||
          statement->kind == IR_SYSTEM || statement->kind == IR_INTERPRET)
        return;
    }
  graph->successors[i] |= find_block (graph, block->end);
}

/* Where control comes into @blocks. */
static unsigned
find_header (const CopGraph *graph, uint64_t blocks)
{
  for (unsigned i = 0; i < graph->n; i++)
    if (!(blocks >> i & 1) && (graph->successors[i] & blocks) != 0)
      return g_bit_nth_lsf (graph->successors[i] & blocks, -1);
  return g_bit_nth_lsf (blocks, -1);
}

/* Adds the loops among @blocks, leaving edges to @cut out. */
static void
find_loops (CopGraph *graph, uint64_t blocks, uint64_t cut, unsigned depth, int parent)
{
  uint64_t reach[COP_GRAPH_BLOCKS], left = blocks;

  for (unsigned i = 0; i < graph->n; i++)
    reach[i] = blocks >> i & 1 ? graph->successors[i] & blocks & ~cut : 0;
  for (uint64_t via = blocks; via != 0; via &= via - 1)
    {
      unsigned k = (unsigned) __builtin_ctzll (via);

      for (unsigned i = 0; i < graph->n; i++)
        if (reach[i] >> k & 1)
          reach[i] |= reach[k];
    }

  for (unsigned i = 0; i < graph->n; i++)
    {
      uint64_t loop = 0;
      unsigned number = graph->n_loops;

      if (!(left >> i & 1) || !(reach[i] >> i & 1) || number == COP_GRAPH_LOOPS)
        continue;
      for (unsigned j = 0; j < graph->n; j++)
        if ((reach[i] >> j & 1) && (reach[j] >> i & 1))
          {
            loop |= UINT64_C (1) << j;
            graph->depth[j] = depth;
            graph->loop[j] = (int8_t) number;
          }
      left &= ~loop;
      graph->loops[graph->n_loops++] = (CopLoop){ .blocks = loop, .depth = depth, .parent = parent };
      if (depth < MAX_DEPTH)
        find_loops (graph, loop, cut | UINT64_C (1) << find_header (graph, loop), depth + 1,
                    (int) number);
    }
}

/* Whether any jump leads back: every loop has one. */
static bool
leads_back (const CopGraph *graph)
{
  for (unsigned i = 0; i < graph->n; i++)
    for (uint64_t left = graph->successors[i]; left != 0; left &= left - 1)
      if (cop_graph_block (graph, (unsigned) __builtin_ctzll (left))->offset <=
          cop_graph_block (graph, i)->offset)
        return true;
  return false;
}

/* Empties @array of a graph: what stands for blocks that there are, as most units have few. */
#define CLEAR(graph, array) memset ((graph)->array, 0, (graph)->n * sizeof (graph)->array[0])

void
cop_graph_make (CopGraph *graph, const CopIrUnit *unit)
{
  graph->unit = unit;
  graph->n = unit->blocks->len;
  graph->n_loops = 0;
  memset (graph->loop, -1, sizeof graph->loop);
  CLEAR (graph, successors);
  CLEAR (graph, depth);
  CLEAR (graph, uses);
  CLEAR (graph, writes);
  CLEAR (graph, f_uses);
  CLEAR (graph, f_writes);
  CLEAR (graph, f_narrow);
  CLEAR (graph, f_wide);
  for (unsigned i = 0; i < graph->n; i++)
    add_block (graph, i);
  if (leads_back (graph))
    find_loops (graph, UINT64_MAX >> (COP_GRAPH_BLOCKS - graph->n), 0, 1, -1);
}
