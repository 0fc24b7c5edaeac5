/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Values that only serve to make others: the halves of a rotation, shifts on the way to an address.
 *
 *   t2 = SRL32 (a2, 19)                 nop
 *   a0 = SLL32 (a2, 13)                 nop
 *   a0 = OR (a0, t2)                    a0 = SEXT32 (ROR32 (a2, 19))
 *   t2 = SRL32 (a2, 10)                 t2 = SRL32 (a2, 10)
 *
 * Registers are exact wherever control may leave, so a value may only go when its register is set
 * anew before that.
 */
#include "engine/jit/forward.h"

/* Levels and scratch registers of what comes out. */
#define MAX_DEPTH 4
#define MAX_SCRATCH 2
/* Nodes are counted in 16 bits, and each forwarding makes some. */
#define MAX_NODES 50000

static bool
is_shift (CopIrOp op)
{
  switch (op)
    {
    case IR_SLL:
    case IR_SRL:
    case IR_SRA:
    case IR_SLL32:
    case IR_SRL32:
    case IR_SRA32:
    case IR_ROR:
    case IR_ROR32:
      return true;
    default:
      return false;
    }
}

/* What takes its operands from anywhere and works in one register. */
static bool
is_cheap_op (CopIrOp op)
{
  switch (op)
    {
    case IR_ADD:
    case IR_SUB:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_SEXT8:
    case IR_SEXT16:
    case IR_SEXT32:
    case IR_ZEXT16:
    case IR_ZEXT32:
    case IR_NOT:
    case IR_CONST:
    case IR_PC:
    case IR_GETX:
      return true;
    default:
      return false;
    }
}

bool
cop_ir_is_cheap (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node;

  if (ref == IR_NONE)
    return true;
  node = cop_ir_node (unit, ref);
  if (is_shift (node->op))
    return cop_ir_is_const (unit, node->b, NULL) && cop_ir_is_cheap (unit, node->a);
  return is_cheap_op (node->op) && cop_ir_is_cheap (unit, node->a) &&
         cop_ir_is_cheap (unit, node->b) && cop_ir_is_cheap (unit, node->c);
}

/* Registers that it takes to work the tree out, as Sethi and Ullman count them; what is an operand of
   an instruction as it stands takes none. */
static unsigned
count_scratch (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node = cop_ir_node (unit, ref);
  unsigned left, right;

  switch (node->op)
    {
    case IR_GETX:
      return 0;
    case IR_CONST:
      return (uint64_t) (int32_t) node->imm == node->imm ? 0 : 1;
    case IR_PC:
      return 1;
    default:
      break;
    }
  left = count_scratch (unit, node->a);
  if (node->b == IR_NONE || is_shift (node->op))
    return MAX (left, 1);
  right = count_scratch (unit, node->b);
  if (right == 0 || (left == 0 && node->op != IR_SUB))
    return MAX (MAX (left, right), 1);
  return left == right ? left + 1 : MAX (left, right) + (node->op == IR_SUB);
}

static bool
is_small (const CopIrUnit *unit, CopIrRef ref)
{
  return cop_ir_is_cheap (unit, ref) && cop_ir_depth (unit, ref) <= MAX_DEPTH &&
         count_scratch (unit, ref) <= MAX_SCRATCH;
}

/* How often the tree reads @reg. */
static unsigned
count_uses (const CopIrUnit *unit, CopIrRef ref, unsigned reg)
{
  const CopIrNode *node;

  if (ref == IR_NONE)
    return 0;
  node = cop_ir_node (unit, ref);
  if (node->op == IR_GETX)
    return (node->imm & 31) == reg;
  return count_uses (unit, node->a, reg) + count_uses (unit, node->b, reg) +
         count_uses (unit, node->c, reg);
}

/* The tree at @ref with @value for x register @reg, simplified. */
static CopIrRef
substitute (CopIrUnit *unit, CopIrRef ref, unsigned reg, CopIrRef value)
{
  CopIrNode node;

  if (ref == IR_NONE)
    return IR_NONE;
  node = *cop_ir_node (unit, ref);
  if (node.op == IR_GETX)
    return (node.imm & 31) == reg ? value : ref;
  if (node.a == IR_NONE)
    return ref;
  return cop_ir_add (unit, node.op, substitute (unit, node.a, reg, value),
                     substitute (unit, node.b, reg, value),
                     substitute (unit, node.c, reg, value), node.imm);
}

/* Sets a register and cannot do anything else. */
static bool
only_sets (const CopIrUnit *unit, const CopIrStatement *statement)
{
  return statement->kind == IR_SETX && !cop_ir_has_effect (unit, statement->a);
}

/* Whether the value that statement @first of @block sets is gone before anything could see it.
   @use: (out): the statement that uses it, or @first: none does; false also when there are more */
static bool
find_use (const CopIrUnit *unit, const CopIrStatement *statements, unsigned first, unsigned end,
          unsigned *use)
{
  unsigned reg = statements[first].reg;
  bool is_stale = false;        /* an operand of the value has changed */

  *use = first;
  for (unsigned i = first + 1; i < end; i++)
    {
      const CopIrStatement *statement = &statements[i];
      unsigned uses;

      if (statement->kind == IR_NOP || statement->kind == IR_MAKE_DIRTY)
        continue;
      if (!only_sets (unit, statement))
        return false;
      uses = count_uses (unit, statement->a, reg);
      if (uses > 0 && (uses > 1 || *use != first || is_stale))
        return false;
      if (uses > 0)
        *use = i;
      if (statement->reg == reg)
        return true;
      is_stale |= cop_ir_reads_x (unit, statements[first].a, statement->reg);
    }
  return false;
}

void
cop_forward_values (CopIrUnit *unit, const CopIrBlock *block)
{
  CopIrStatement *statements = &g_array_index (unit->statements, CopIrStatement, block->first);

  for (unsigned i = 0; i < block->n && unit->nodes->len < MAX_NODES; i++)
    {
      CopIrRef value = statements[i].a, tree;
      unsigned use;

      if (!only_sets (unit, &statements[i]) ||
          !find_use (unit, statements, i, block->n, &use))
        continue;
      if (use != i)
        {
          if (!is_small (unit, value) || !is_small (unit, statements[use].a))
            continue;
          tree = substitute (unit, statements[use].a, statements[i].reg, value);
          if (!is_small (unit, tree))
            continue;
          statements[use].a = tree;
        }
      statements[i].kind = IR_NOP;
    }
}
