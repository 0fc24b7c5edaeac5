/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Units of the intermediate form, and what can be asked about their trees. Nodes are added in
 * ir-simplify.c.
 */
#include "engine/jit/ir.h"

#include "engine/ram.h"

/* How many each operation has. */
static const uint8_t operands[IR_LAST] = {
#define OP(name, operands) [IR_##name] = operands,
  IR_OPS (OP)
#undef OP
};

CopIrUnit *
cop_ir_unit_new (void)
{
  CopIrUnit *unit = g_new0 (CopIrUnit, 1);

  unit->nodes = g_array_sized_new (FALSE, FALSE, sizeof (CopIrNode), 1024);
  unit->statements = g_array_sized_new (FALSE, FALSE, sizeof (CopIrStatement), 512);
  unit->blocks = g_array_sized_new (FALSE, FALSE, sizeof (CopIrBlock), 64);
  unit->spans = g_array_sized_new (FALSE, FALSE, sizeof (CopIrSpan), 64);
  return unit;
}

void
cop_ir_unit_free (CopIrUnit *unit)
{
  g_array_unref (unit->nodes);
  g_array_unref (unit->statements);
  g_array_unref (unit->blocks);
  g_array_unref (unit->spans);
  g_free (unit);
}

void
cop_ir_unit_clear (CopIrUnit *unit)
{
  g_array_set_size (unit->nodes, 0);
  g_array_set_size (unit->statements, 0);
  g_array_set_size (unit->blocks, 0);
  g_array_set_size (unit->spans, 0);
}

bool
cop_ir_is_const (const CopIrUnit *unit, CopIrRef ref, uint64_t *value)
{
  const CopIrNode *node = cop_ir_node (unit, ref);

  if (node->op != IR_CONST)
    return false;
  if (value != NULL)
    *value = node->imm;
  return true;
}

bool
cop_ir_is_sext32 (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node = cop_ir_node (unit, ref);
  uint64_t mask;

  switch (node->op)
    {
    case IR_CONST:
      return (uint64_t) (int32_t) node->imm == node->imm;
    case IR_GETX:
      return node->imm & IR_X_SEXT32;
    case IR_SEXT8:
    case IR_SEXT16:
    case IR_SEXT32:
    case IR_ZEXT16:
    case IR_SLL32:
    case IR_SRL32:
    case IR_SRA32:
    case IR_DIV32:
    case IR_DIVU32:
    case IR_REM32:
    case IR_REMU32:
    case IR_EQ:
    case IR_NE:
    case IR_LT:
    case IR_GE:
    case IR_LTU:
    case IR_GEU:
    case IR_CLZ:
    case IR_CTZ:
    case IR_POPCOUNT:
      return true;
    case IR_LOAD:
      return node->imm != IR_U32 && node->imm != IR_U64;
    case IR_AMO:
    case IR_LR:
      return (node->imm & 0xff) == 32;
    case IR_AND:
      if (cop_ir_is_const (unit, node->b, &mask) && mask <= INT32_MAX)
        return true;
      /* fall through */
    case IR_ANDN:
    case IR_OR:
    case IR_XOR:
      return cop_ir_is_sext32 (unit, node->a) && cop_ir_is_sext32 (unit, node->b);
    case IR_NOT:
      return cop_ir_is_sext32 (unit, node->a);
    case IR_SRA:
    case IR_SRL:
      {
        const CopIrNode *by = cop_ir_node (unit, node->b);

        return by->op == IR_CONST && by->imm < 64 && by->imm >= (node->op == IR_SRA ? 32 : 33);
      }
    default:
      return false;
    }
}

uint32_t
cop_ir_reads (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node;

  if (ref == IR_NONE)
    return 0;
  node = cop_ir_node (unit, ref);
  if (node->op == IR_GETX)
    return 1u << (node->imm & 31);
  return cop_ir_reads (unit, node->a) | cop_ir_reads (unit, node->b) |
         cop_ir_reads (unit, node->c);
}

bool
cop_ir_reads_x (const CopIrUnit *unit, CopIrRef ref, unsigned reg)
{
  return cop_ir_reads (unit, ref) >> reg & 1;
}

bool
cop_ir_has_effect (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node;

  if (ref == IR_NONE)
    return false;
  node = cop_ir_node (unit, ref);
  return cop_ir_op_has_effect (node->op) || cop_ir_has_effect (unit, node->a) ||
         cop_ir_has_effect (unit, node->b) || cop_ir_has_effect (unit, node->c);
}

CopIrRef
cop_ir_find_access (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node;
  CopIrRef found;

  if (ref == IR_NONE)
    return IR_NONE;
  node = cop_ir_node (unit, ref);
  if (cop_ir_is_access_op (node->op))
    return ref;
  found = cop_ir_find_access (unit, node->a);
  if (found == IR_NONE)
    found = cop_ir_find_access (unit, node->b);
  return found != IR_NONE ? found : cop_ir_find_access (unit, node->c);
}

bool
cop_ir_split_address (const CopIrUnit *unit, CopIrRef gva, unsigned *base, int64_t *offset)
{
  const CopIrNode *node = cop_ir_node (unit, gva);
  uint64_t value = 0;

  if (node->op == IR_ADD && cop_ir_is_const (unit, node->b, &value))
    node = cop_ir_node (unit, node->a);
  if (node->op != IR_GETX)
    return false;
  *base = node->imm & 31;
  *offset = (int64_t) value;
  return true;
}

bool
cop_ir_find_plain_access (const CopIrUnit *unit, const CopIrStatement *statement, CopIrRef *gva,
                          unsigned *size, bool *writes)
{
  CopIrRef access;

  if (statement->kind == IR_STORE)
    {
      *gva = statement->a;
      *size = statement->imm / 8;
      *writes = true;
      return true;
    }
  if (statement->kind != IR_SETX && statement->kind != IR_SETF)
    return false;
  access = cop_ir_find_access (unit, statement->a);
  if (access == IR_NONE || cop_ir_node (unit, access)->op != IR_LOAD)
    return false;
  *gva = cop_ir_node (unit, access)->a;
  *size = cop_ir_load_size (cop_ir_node (unit, access)->imm);
  *writes = false;
  return true;
}

unsigned
cop_ir_depth (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node;
  unsigned a, b, c;

  if (ref == IR_NONE)
    return 0;
  node = cop_ir_node (unit, ref);
  if (operands[node->op] == 0)
    return 0;
  a = cop_ir_depth (unit, node->a);
  b = cop_ir_depth (unit, node->b);
  c = cop_ir_depth (unit, node->c);
  return 1 + MAX (a, MAX (b, c));
}

static void
add_extent (CopIrExtent extents[COP_IR_EXTENTS], unsigned *n, uint64_t gpa, unsigned first,
            unsigned last)
{
  uint64_t lines = (UINT64_MAX >> (63 - (last >> COP_CODE_LINE_SHIFT))) &
                   (UINT64_MAX << (first >> COP_CODE_LINE_SHIFT));
  unsigned i = 0;

  while (i < *n && extents[i].gpa != gpa)
    i++;
  if (i == *n)
    extents[(*n)++] = (CopIrExtent){ .gpa = gpa };
  extents[i].lines |= lines;
}

unsigned
cop_ir_extents (const CopIrUnit *unit, CopIrExtent extents[COP_IR_EXTENTS])
{
  unsigned n = 1;

  extents[0] = (CopIrExtent){ .gpa = unit->gpa };
  for (unsigned i = 0; i < unit->blocks->len; i++)
    {
      const CopIrBlock *block = &g_array_index (unit->blocks, CopIrBlock, i);
      int page = cop_ir_page_of (block->offset), last_page = cop_ir_page_of (block->end - 1);
      unsigned first = block->offset & (COP_PAGE_SIZE - 1);
      unsigned last = (block->end - 1) & (COP_PAGE_SIZE - 1);
      uint64_t start = cop_ir_gpa (unit, block->offset) - first;

      add_extent (extents, &n, start, first, last_page == page ? last : COP_PAGE_SIZE - 1);
      /* Its last instruction reaches into the page behind. */
      if (last_page != page)
        add_extent (extents, &n, page == 0 ? unit->next_gpa : unit->gpa, 0, last);
    }
  return n;
}

bool
cop_ir_block_dispatches (const CopIrUnit *unit, const CopIrBlock *block)
{
  const CopIrStatement *last;

  if (block->n == 0)
    return false;
  last = &g_array_index (unit->statements, CopIrStatement, block->first + block->n - 1);
  return last->kind == IR_JUMP_REG && last->reg == 0 && !(last->imm & IR_JUMP_RETURNS);
}
