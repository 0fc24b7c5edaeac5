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
 * anew before that. Loads and stores leave out of line, though, and there is time to make it after all:
 *
 *   a5 = SLL (a5, 3)                    nop
 *   a5 = ADD (a5, a4)                   late: a5 = ADD (SLL (a5, 3), a4), if the load leaves
 *   a5 = LOAD (a5)                      a5 = LOAD (ADD (SLL (a5, 3), a4))
 */
#include "engine/jit/forward.h"

/* Levels and scratch registers of what comes out. */
#define MAX_DEPTH 6
#define MAX_SCRATCH 2
/* Places out of line that set a late register. */
#define MAX_ACCESSES 6
#define MAX_USES 4
/* Longer blocks are left as they are: there are none. */
#define MAX_STATEMENTS 256
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
    case IR_ANDN:
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

unsigned
cop_ir_count_scratch (const CopIrUnit *unit, CopIrRef ref)
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
  left = cop_ir_count_scratch (unit, node->a);
  if (node->b == IR_NONE || is_shift (node->op))
    return MAX (left, 1);
  right = cop_ir_count_scratch (unit, node->b);
  if (node->op == IR_ANDN)      /* the right one first */
    return right == 0 && left == 0 ? 1 : MAX (right, left + 1);
  if (right == 0 || (left == 0 && node->op != IR_SUB))
    return MAX (MAX (left, right), 1);
  return left == right ? left + 1 : MAX (left, right) + (node->op == IR_SUB);
}

static bool
is_small (const CopIrUnit *unit, CopIrRef ref)
{
  return cop_ir_is_cheap (unit, ref) && cop_ir_depth (unit, ref) <= MAX_DEPTH &&
         cop_ir_count_scratch (unit, ref) <= MAX_SCRATCH;
}

/* What the host takes as an operand where it stands. */
static bool
is_operand (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node = cop_ir_node (unit, ref);

  return node->op == IR_GETX ||
         (node->op == IR_CONST && (uint64_t) (int32_t) node->imm == node->imm);
}

/* Whether a cheap tree is worked out in the register that it goes to alone. */
static bool
takes_one_scratch (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node = cop_ir_node (unit, ref);

  if (node->a == IR_NONE)
    return true;
  if (node->b != IR_NONE && !is_shift (node->op))
    {
      /* lea would take one operand after the other. */
      if (node->op == IR_ADD && cop_ir_node (unit, node->a)->op == IR_SLL)
        return false;
      if (node->op == IR_ANDN)
        return is_operand (unit, node->a) && takes_one_scratch (unit, node->b);
      if (!is_operand (unit, node->b) && (node->op == IR_SUB || !is_operand (unit, node->a)))
        return false;
      if (!is_operand (unit, node->b))
        return takes_one_scratch (unit, node->b);
    }
  return takes_one_scratch (unit, node->a);
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

/* What a statement is to values that might pass it. */
typedef enum
{
  PASSES,                       /* nothing */
  IS_LATE,
  ONLY_SETS,                    /* a register, and cannot do anything else */
  IS_ACCESS,                    /* a plain one: it may trap, or leave the rest of the block to the
                                   interpreter */
  STOPS,                        /* sees all registers, or may */
} Role;

/* Of each statement of a block, so that trees are not walked for each value that might pass. */
typedef struct
{
  uint8_t  role;                /* Role */
  uint32_t reads;               /* x registers */
} Look;

typedef struct
{
  CopIrUnit      *unit;
  CopIrStatement *statements;
  unsigned        first;        /* the block's, in the unit */
  unsigned        n;
  Look            looks[MAX_STATEMENTS];
} Passage;

#define HAS_ACCESS 1u
#define HAS_EFFECT 2u

/* The x registers that the tree reads; @has: HAS_* are added. */
static uint32_t
look_at_tree (const CopIrUnit *unit, CopIrRef ref, unsigned *has)
{
  const CopIrNode *node;

  if (ref == IR_NONE)
    return 0;
  node = cop_ir_node (unit, ref);
  if (node->op == IR_GETX)
    return 1u << (node->imm & 31);
  if (node->op == IR_LOAD)
    *has |= HAS_ACCESS;
  if (cop_ir_op_has_effect (node->op))
    *has |= HAS_EFFECT;
  return look_at_tree (unit, node->a, has) | look_at_tree (unit, node->b, has) |
         look_at_tree (unit, node->c, has);
}

static Role
find_role (const CopIrStatement *statement, unsigned has)
{
  switch (statement->kind)
    {
    case IR_NOP:
    case IR_MAKE_DIRTY:
      return PASSES;
    case IR_LATE:
      return IS_LATE;
    case IR_STORE:
      return IS_ACCESS;
    case IR_SETF:
      return has & HAS_ACCESS ? IS_ACCESS : ONLY_SETS;
    case IR_SETX:
      return has & HAS_ACCESS ? IS_ACCESS : has & HAS_EFFECT ? STOPS : ONLY_SETS;
    default:
      return STOPS;
    }
}

static void
look_at (Passage *passage, unsigned i)
{
  const CopIrStatement *statement = &passage->statements[i];
  unsigned has = 0;
  uint32_t reads = look_at_tree (passage->unit, statement->a, &has) |
                   look_at_tree (passage->unit, statement->b, &has);

  passage->looks[i] = (Look){ .role = find_role (statement, has), .reads = reads };
}

/* What becomes of the value that a statement sets. */
typedef struct
{
  unsigned end;                 /* the statement that sets its register anew */
  unsigned last_access;         /* where it could be seen before; 0: nowhere */
  unsigned n_uses;
} Fate;

/* The access that leaves a register changed that the value of statement @first reads: it is set late
   there, to what is made of itself. UINT_MAX: there is none */
static unsigned
find_late_change (const Passage *passage, unsigned first)
{
  unsigned change = UINT_MAX;

  for (unsigned i = 0; i < first; i++)
    {
      const CopIrStatement *statement = &passage->statements[i];

      if (passage->looks[i].role == IS_LATE && statement->imm >= passage->first + first &&
          (passage->looks[first].reads >> statement->reg & 1))
        change = MIN (change, (unsigned) statement->imm - passage->first);
    }
  return change;
}

/* Whether nothing needs the value of statement @first in its register before that is set anew, if it
   moves into its uses: one, or more of a value that stands somewhere as it is. */
static bool
find_fate (const Passage *passage, unsigned first, Fate *fate)
{
  const CopIrUnit *unit = passage->unit;
  CopIrRef value = passage->statements[first].a;
  unsigned reg = passage->statements[first].reg;
  uint32_t bit = 1u << reg;
  uint32_t operands = passage->looks[first].reads;
  bool is_leaf = is_operand (unit, value);
  /* Once it has been set late, it cannot be worked out again: the access is not of a span. */
  bool reads_itself = operands & bit;
  bool is_stale = false;        /* an operand of the value has changed */
  unsigned late_change = find_late_change (passage, first);
  unsigned n_accesses = 0;

  *fate = (Fate){ 0 };
  for (unsigned i = first + 1; i < passage->n; i++)
    {
      const CopIrStatement *statement = &passage->statements[i];
      const Look *look = &passage->looks[i];

      is_stale |= i > late_change;
      if (look->role == STOPS)
        return false;
      if (look->role == PASSES)
        continue;
      if (look->role == IS_LATE)
        {
          if (look->reads & bit)
            return false;
          fate->end = i;
          if (statement->reg == reg)
            return true;
          is_stale |= operands >> statement->reg & 1;
          continue;
        }
      if (look->role == IS_ACCESS)
        {
          if (is_stale || ++n_accesses > (reads_itself ? 1 : MAX_ACCESSES) ||
              (n_accesses == 1 && !is_small (unit, value)))
            return false;
          fate->last_access = i;
        }
      if (look->reads & bit)
        {
          fate->n_uses +=
            count_uses (unit, statement->a, reg) + count_uses (unit, statement->b, reg);
          if (is_stale || (fate->n_uses > 1 && !is_leaf) ||
              (reads_itself && fate->last_access != 0 && fate->last_access != i))
            return false;
        }
      if (statement->kind != IR_SETX)
        continue;
      fate->end = i;
      if (statement->reg == reg)
        return true;
      is_stale |= operands >> statement->reg & 1;
    }
  return false;
}

/* Whether lowering does with the trees of a statement that a value has moved into. */
static bool
is_still_small (const CopIrUnit *unit, const CopIrStatement *statement)
{
  CopIrRef gva;
  unsigned size;
  bool writes;

  if (!cop_ir_find_plain_access (unit, statement, &gva, &size, &writes))
    return statement->kind == IR_SETX && is_small (unit, statement->a);
  /* What is stored is worked out beside address and addend. */
  return is_small (unit, gva) &&
         (!writes || (is_small (unit, statement->b) && takes_one_scratch (unit, statement->b)));
}

/* Moves the value of statement @first into its uses. False: nothing has been done. */
static bool
move_value (Passage *passage, unsigned first, const Fate *fate)
{
  CopIrUnit *unit = passage->unit;
  CopIrStatement changed[MAX_USES];
  unsigned places[MAX_USES], n = 0;
  unsigned reg = passage->statements[first].reg;
  CopIrRef value = passage->statements[first].a;

  for (unsigned i = first + 1; i <= fate->end; i++)
    {
      CopIrStatement statement = passage->statements[i];

      if (statement.kind == IR_NOP || !(passage->looks[i].reads >> reg & 1))
        continue;
      if (n == MAX_USES || !is_still_small (unit, &statement))
        return false;
      statement.a = substitute (unit, statement.a, reg, value);
      statement.b = substitute (unit, statement.b, reg, value);
      if (statement.kind == IR_STORE && statement.imm <= 32)
        statement.b = cop_ir_low_half (unit, statement.b);
      if (!is_still_small (unit, &statement))
        return false;
      changed[n] = statement;
      places[n++] = i;
    }
  for (unsigned i = 0; i < n; i++)
    {
      passage->statements[places[i]] = changed[i];
      look_at (passage, places[i]);
    }
  return true;
}

/* Shifts that are halves of a rotation and stay for other uses need not be waited for. */
static void
find_rotations (Passage *passage)
{
  CopIrUnit *unit = passage->unit;
  CopIrRef shifts[32];
  uint32_t reads[32], held = 0; /* registers that hold such a shift */

  for (unsigned i = 0; i < passage->n; i++)
    {
      CopIrStatement *statement = &passage->statements[i];
      uint32_t bit = 1u << statement->reg;
      CopIrOp op;

      if (statement->kind != IR_SETX)
        continue;
      op = cop_ir_node (unit, statement->a)->op;
      if (op == IR_OR && (passage->looks[i].reads & held) != 0)
        {
          CopIrRef tree = statement->a;

          for (unsigned reg = 1; reg < G_N_ELEMENTS (shifts); reg++)
            if ((held >> reg & 1) && cop_ir_reads_x (unit, tree, reg))
              tree = substitute (unit, tree, reg, shifts[reg]);
          op = cop_ir_node (unit, tree)->op;
          if (op == IR_ROR || op == IR_SEXT32)
            {
              statement->a = tree;
              look_at (passage, i);
            }
        }
      for (uint32_t left = held; left != 0; left &= left - 1)
        {
          unsigned reg = (unsigned) __builtin_ctz (left);

          if (reads[reg] & bit)
            held &= ~(1u << reg);
        }
      op = cop_ir_node (unit, statement->a)->op;
      held &= ~bit;
      if ((op == IR_SLL || op == IR_SRL || op == IR_SLL32 || op == IR_SRL32) &&
          is_small (unit, statement->a) && !(passage->looks[i].reads & bit))
        {
          shifts[statement->reg] = statement->a;
          reads[statement->reg] = passage->looks[i].reads;
          held |= bit;
        }
    }
}

/* Returns whether anything moved. */
static bool
forward (Passage *passage)
{
  CopIrUnit *unit = passage->unit;
  bool any = false;

  for (unsigned i = 0; i < passage->n && unit->nodes->len < MAX_NODES; i++)
    {
      CopIrStatement *statement = &passage->statements[i];
      Fate fate;

      if (passage->looks[i].role != ONLY_SETS || statement->kind != IR_SETX ||
          !find_fate (passage, i, &fate))
        continue;
      if (fate.n_uses > 0 &&
          (!is_small (unit, statement->a) || !move_value (passage, i, &fate)))
        continue;
      statement->kind = fate.last_access != 0 ? IR_LATE : IR_NOP;
      statement->imm = passage->first + fate.last_access;
      if (fate.last_access != 0 && (passage->looks[i].reads >> statement->reg & 1))
        passage->statements[fate.last_access].is_last = true;
      look_at (passage, i);
      any = true;
    }
  return any;
}

void
cop_forward_values (CopIrUnit *unit, const CopIrBlock *block)
{
  Passage passage;

  if (block->n == 0 || block->n > MAX_STATEMENTS)
    return;
  passage.unit = unit;
  passage.first = block->first;
  passage.n = block->n;
  passage.statements = &g_array_index (unit->statements, CopIrStatement, block->first);
  for (unsigned i = 0; i < passage.n; i++)
    look_at (&passage, i);
  find_rotations (&passage);
  /* What has moved out of the way lets others move. */
  if (forward (&passage))
    forward (&passage);
}
