/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Building, simplifying and printing the intermediate form.
 */
#include "engine/jit/ir.h"

#include "engine/ram.h"
#include "engine/riscv/arith.h"

static const struct
{
  const char *name;
  unsigned    operands;
} ops[IR_LAST] = {
#define OP(name, operands) { #name, operands },
  IR_OPS (OP)
#undef OP
};

static const struct
{
  const char *name;
  unsigned    operands;
} fp_ops[IR_FP_LAST] = {
#define FP(name, operands, rounds) { #name, operands },
  IR_FP_OPS (FP)
#undef FP
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

static CopIrRef
add_node (CopIrUnit *unit, CopIrOp op, CopIrRef a, CopIrRef b, CopIrRef c, uint64_t imm)
{
  CopIrNode node = { .op = op, .a = a, .b = b, .c = c, .imm = imm };

  g_array_append_val (unit->nodes, node);
  return unit->nodes->len - 1;
}

CopIrRef
cop_ir_const (CopIrUnit *unit, uint64_t value)
{
  return add_node (unit, IR_CONST, IR_NONE, IR_NONE, IR_NONE, value);
}

/* The value of an operation on constants; false for those that are left to the host. */
static bool
fold (CopIrOp op, uint64_t a, uint64_t b, uint64_t *result)
{
  switch (op)
    {
    /* clang-format off */
    case IR_ADD:    *result = a + b; return true;
    case IR_SUB:    *result = a - b; return true;
    case IR_AND:    *result = a & b; return true;
    case IR_ANDN:   *result = a & ~b; return true;
    case IR_OR:     *result = a | b; return true;
    case IR_XOR:    *result = a ^ b; return true;
    case IR_SLL:    *result = a << (b & 63); return true;
    case IR_SRL:    *result = a >> (b & 63); return true;
    case IR_SRA:    *result = (uint64_t) ((int64_t) a >> (b & 63)); return true;
    case IR_SLL32:  *result = (uint64_t) (int32_t) ((uint32_t) a << (b & 31)); return true;
    case IR_SRL32:  *result = (uint64_t) (int32_t) ((uint32_t) a >> (b & 31)); return true;
    case IR_SRA32:  *result = (uint64_t) (int64_t) ((int32_t) a >> (b & 31)); return true;
    case IR_EQ:     *result = a == b; return true;
    case IR_NE:     *result = a != b; return true;
    case IR_LT:     *result = (int64_t) a < (int64_t) b; return true;
    case IR_GE:     *result = (int64_t) a >= (int64_t) b; return true;
    case IR_LTU:    *result = a < b; return true;
    case IR_GEU:    *result = a >= b; return true;
    case IR_MUL:    *result = a * b; return true;
    case IR_NOT:    *result = ~a; return true;
    case IR_SEXT8:  *result = (uint64_t) (int8_t) a; return true;
    case IR_SEXT16: *result = (uint64_t) (int16_t) a; return true;
    case IR_SEXT32: *result = (uint64_t) (int32_t) a; return true;
    case IR_ZEXT16: *result = (uint16_t) a; return true;
    case IR_ZEXT32: *result = (uint32_t) a; return true;
    case IR_CLZ:    *result = cop_clz (a); return true;
    case IR_CTZ:    *result = cop_ctz (a); return true;
    case IR_BSWAP:  *result = __builtin_bswap64 (a); return true;
    /* clang-format on */
    default:
      return false;
    }
}

bool
cop_ir_is_sext32 (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node = cop_ir_node (unit, ref);

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

static CopIrRef
simplify_const_right (CopIrUnit *unit, CopIrOp op, CopIrRef a, uint64_t b)
{
  const CopIrNode *left = cop_ir_node (unit, a);
  uint64_t inner;

  switch (op)
    {
    case IR_ADD:
      if (b == 0)
        return a;
      if (left->op == IR_PC)
        return add_node (unit, IR_PC, IR_NONE, IR_NONE, IR_NONE, left->imm + b);
      if (left->op == IR_ADD && cop_ir_is_const (unit, left->b, &inner))
        {
          CopIrRef base = left->a;

          return cop_ir_add (unit, IR_ADD, base, cop_ir_const (unit, inner + b), IR_NONE, 0);
        }
      break;
    case IR_SUB:
    case IR_OR:
    case IR_SLL:
    case IR_SRA:
      if (b == 0)
        return a;
      break;
    case IR_AND:
      if (b == UINT64_MAX)
        return a;
      /* The page has no bits within itself. */
      if (left->op == IR_PC && ~b < COP_PAGE_SIZE)
        return add_node (unit, IR_PC, IR_NONE, IR_NONE, IR_NONE, left->imm & b);
      break;
    case IR_XOR:
      if (b == UINT64_MAX)
        return cop_ir_add (unit, IR_NOT, a, IR_NONE, IR_NONE, 0);
      return b == 0 ? a : IR_NONE;
    case IR_SRL:
      if (b == 0)
        return a;
      /* (a << 32) >> n: zero extension, with or without a shift. */
      if (left->op == IR_SLL && cop_ir_is_const (unit, left->b, &inner) && inner == 32 && b <= 32)
        {
          CopIrRef low = cop_ir_add (unit, IR_ZEXT32, left->a, IR_NONE, IR_NONE, 0);

          return cop_ir_add (unit, IR_SLL, low, cop_ir_const (unit, 32 - b), IR_NONE, 0);
        }
      if (left->op == IR_SLL && cop_ir_is_const (unit, left->b, &inner) && inner == 48 && b == 48)
        return cop_ir_add (unit, IR_ZEXT16, left->a, IR_NONE, IR_NONE, 0);
      break;
    default:
      break;
    }
  return IR_NONE;
}

/* A shift of a register by @amount, @left or to the right. */
static bool
is_shift_of_x (const CopIrUnit *unit, CopIrRef ref, bool left, unsigned *reg, uint64_t *amount)
{
  const CopIrNode *node = cop_ir_node (unit, ref), *value;

  if (left ? node->op != IR_SLL && node->op != IR_SLL32 : node->op != IR_SRL32)
    return false;
  value = cop_ir_node (unit, node->a);
  *reg = value->imm & 31;
  return value->op == IR_GETX && cop_ir_is_const (unit, node->b, amount);
}

/* The low half of a | b as a rotation. */
static CopIrRef
rotate_low_half (CopIrUnit *unit, CopIrRef a, CopIrRef b)
{
  unsigned up_reg, down_reg;
  uint64_t up, down;

  if (!is_shift_of_x (unit, a, true, &up_reg, &up) ||
      !is_shift_of_x (unit, b, false, &down_reg, &down) || up_reg != down_reg || down == 0 ||
      down >= 32 || up + down != 32)
    return IR_NONE;
  return add_node (unit, IR_ROR32, cop_ir_node (unit, b)->a, cop_ir_node (unit, b)->b, IR_NONE, 0);
}

CopIrRef
cop_ir_low_half (CopIrUnit *unit, CopIrRef ref)
{
  CopIrNode node = *cop_ir_node (unit, ref);
  CopIrRef a, b;
  uint64_t amount;

  switch (node.op)
    {
    case IR_SEXT32:
    case IR_ZEXT32:
      return cop_ir_low_half (unit, node.a);
    case IR_SLL32:
      if (!cop_ir_is_const (unit, node.b, &amount) || amount >= 32)
        return ref;
      return cop_ir_add (unit, IR_SLL, cop_ir_low_half (unit, node.a), node.b, IR_NONE, 0);
    case IR_SLL:
      if (!cop_ir_is_const (unit, node.b, NULL))
        return ref;
      a = cop_ir_low_half (unit, node.a);
      return a == node.a ? ref : cop_ir_add (unit, IR_SLL, a, node.b, IR_NONE, 0);
    case IR_OR:
      a = rotate_low_half (unit, node.a, node.b);
      if (a == IR_NONE)
        a = rotate_low_half (unit, node.b, node.a);
      if (a != IR_NONE)
        return a;
      break;
    case IR_ADD:
    case IR_SUB:
    case IR_AND:
    case IR_ANDN:
    case IR_XOR:
    case IR_MUL:
      break;
    case IR_NOT:
      a = cop_ir_low_half (unit, node.a);
      return a == node.a ? ref : cop_ir_add (unit, IR_NOT, a, IR_NONE, IR_NONE, 0);
    default:
      return ref;
    }
  a = cop_ir_low_half (unit, node.a);
  b = cop_ir_low_half (unit, node.b);
  return a == node.a && b == node.b ? ref : cop_ir_add (unit, node.op, a, b, IR_NONE, 0);
}

/* The operation on words that the low half of a shift is, whether it is by a constant or masked. */
static CopIrRef
shift_word (CopIrUnit *unit, CopIrOp op, CopIrRef value, CopIrRef by)
{
  uint64_t amount;

  if (cop_ir_is_const (unit, by, &amount) && amount < 32)
    return cop_ir_add (unit, op, value, by, IR_NONE, 0);
  if (cop_ir_node (unit, by)->op == IR_AND &&
      cop_ir_is_const (unit, cop_ir_node (unit, by)->b, &amount) && amount == 31)
    return cop_ir_add (unit, op, value, cop_ir_node (unit, by)->a, IR_NONE, 0);
  return IR_NONE;
}

static CopIrRef
simplify_sext32 (CopIrUnit *unit, CopIrRef a)
{
  CopIrNode node = *cop_ir_node (unit, a);
  CopIrRef simpler = IR_NONE;

  if (cop_ir_is_sext32 (unit, a))
    return a;
  if (node.op == IR_SLL)
    simpler = shift_word (unit, IR_SLL32, node.a, node.b);
  if (node.op == IR_SRL && cop_ir_node (unit, node.a)->op == IR_ZEXT32)
    simpler = shift_word (unit, IR_SRL32, cop_ir_node (unit, node.a)->a, node.b);
  if (simpler != IR_NONE)
    return simpler;
  simpler = cop_ir_low_half (unit, a);
  return simpler != a ? cop_ir_add (unit, IR_SEXT32, simpler, IR_NONE, IR_NONE, 0) : IR_NONE;
}

/* An f register as it is or as an f32. */
static bool
is_same_f (const CopIrUnit *unit, CopIrRef a, CopIrRef b)
{
  const CopIrNode *left = cop_ir_node (unit, a), *right = cop_ir_node (unit, b);

  if (left->op != right->op)
    return false;
  if (left->op == IR_UNBOX32)
    return is_same_f (unit, left->a, right->a);
  return left->op == IR_GETF && left->imm == right->imm;
}

/* Sign injection from the same register: a move, negation, or absolute value. */
static CopIrRef
simplify_sign (CopIrUnit *unit, CopIrOp op, CopIrRef a, CopIrRef b)
{
  const CopIrNode left = *cop_ir_node (unit, a), right = *cop_ir_node (unit, b);
  CopIrRef value = op == IR_OR ? left.a : a, from = right.a;
  bool is_word, negates = false;
  uint64_t mask, sign, flip;

  if (right.op != IR_AND || (op == IR_OR && left.op != IR_AND) ||
      !cop_ir_is_const (unit, right.b, &sign))
    return IR_NONE;
  is_word = cop_ir_node (unit, value)->op == IR_UNBOX32;
  if (sign != (is_word ? 1u << 31 : UINT64_C (1) << 63))
    return IR_NONE;
  if (op == IR_OR && (!cop_ir_is_const (unit, left.b, &mask) || mask != sign - 1))
    return IR_NONE;
  if (op == IR_OR && cop_ir_node (unit, from)->op == IR_XOR &&
      cop_ir_is_const (unit, cop_ir_node (unit, from)->b, &flip) && flip == sign)
    {
      negates = true;
      from = cop_ir_node (unit, from)->a;
    }
  if (!is_same_f (unit, value, from))
    return IR_NONE;
  if (op == IR_XOR)
    return cop_ir_add (unit, IR_AND, value, cop_ir_const (unit, sign - 1), IR_NONE, 0);
  return negates ? add_node (unit, is_word ? IR_FNEG32 : IR_FNEG64, value, IR_NONE, IR_NONE, 0)
                 : value;
}

/* a & ~b */
static CopIrRef
simplify_and (CopIrUnit *unit, CopIrRef a, CopIrRef b)
{
  if (cop_ir_node (unit, b)->op == IR_NOT)
    return cop_ir_add (unit, IR_ANDN, a, cop_ir_node (unit, b)->a, IR_NONE, 0);
  if (cop_ir_node (unit, a)->op == IR_NOT && cop_ir_node (unit, b)->op != IR_CONST)
    return cop_ir_add (unit, IR_ANDN, b, cop_ir_node (unit, a)->a, IR_NONE, 0);
  return IR_NONE;
}

/* Words that are extended and then combined may be combined and then extended. */
static CopIrRef
extend_late (CopIrUnit *unit, CopIrOp op, CopIrRef a, CopIrRef b)
{
  CopIrNode left = *cop_ir_node (unit, a), right = *cop_ir_node (unit, b);

  if ((left.op != IR_SEXT32 && right.op != IR_SEXT32) || !cop_ir_is_sext32 (unit, a) ||
      !cop_ir_is_sext32 (unit, b))
    return IR_NONE;
  return cop_ir_add (unit, IR_SEXT32,
                     cop_ir_add (unit, op, left.op == IR_SEXT32 ? left.a : a,
                                 right.op == IR_SEXT32 ? right.a : b, IR_NONE, 0),
                     IR_NONE, IR_NONE, 0);
}

/* Operands of which only the low half counts. */
static CopIrRef
narrow_operand (CopIrUnit *unit, CopIrOp op, CopIrRef a, CopIrRef b)
{
  CopIrRef low = a;
  uint64_t mask;

  if (op == IR_SLL32 || op == IR_SRL32 || op == IR_SRA32 || op == IR_ROR32 || op == IR_ROL32 ||
      op == IR_ZEXT32 || op == IR_ZEXT16 || op == IR_SEXT16 || op == IR_SEXT8 ||
      (op == IR_AND && cop_ir_is_const (unit, b, &mask) && mask <= UINT32_MAX))
    low = cop_ir_low_half (unit, a);
  return low != a ? cop_ir_add (unit, op, low, b, IR_NONE, 0) : IR_NONE;
}

static CopIrRef
simplify_sra (CopIrUnit *unit, CopIrRef a, CopIrRef b)
{
  CopIrNode left = *cop_ir_node (unit, a);
  CopIrNode right = *cop_ir_node (unit, b);
  uint64_t amount;

  if (left.op != IR_SEXT32)
    return IR_NONE;
  if (cop_ir_is_const (unit, b, &amount) && amount < 32)
    return add_node (unit, IR_SRA32, left.a, b, IR_NONE, 0);
  if (right.op == IR_AND && cop_ir_is_const (unit, right.b, &amount) && amount == 31)
    return add_node (unit, IR_SRA32, left.a, right.a, IR_NONE, 0);
  return IR_NONE;
}

/* x << n | x >> (width - n), where x is a register. */
static CopIrRef
simplify_or (CopIrUnit *unit, CopIrRef a, CopIrRef b)
{
  CopIrNode left = *cop_ir_node (unit, a), right = *cop_ir_node (unit, b);
  bool is_word = left.op == IR_SLL32 || left.op == IR_SRL32;
  const CopIrNode *value, *other;
  uint64_t up, down;
  CopIrRef turned;

  if (left.op == IR_SRL || left.op == IR_SRL32)
    {
      CopIrNode swap = left;

      left = right;
      right = swap;
    }
  if (left.op != (is_word ? IR_SLL32 : IR_SLL) || right.op != (is_word ? IR_SRL32 : IR_SRL) ||
      !cop_ir_is_const (unit, left.b, &up) || !cop_ir_is_const (unit, right.b, &down) ||
      up == 0 || down == 0 || up + down != (is_word ? 32 : 64))
    return IR_NONE;
  value = cop_ir_node (unit, left.a);
  other = cop_ir_node (unit, right.a);
  if (value->op != IR_GETX || other->op != IR_GETX || (value->imm & 31) != (other->imm & 31))
    return IR_NONE;
  turned = add_node (unit, is_word ? IR_ROR32 : IR_ROR, left.a, right.b, IR_NONE, 0);
  return is_word ? cop_ir_add (unit, IR_SEXT32, turned, IR_NONE, IR_NONE, 0) : turned;
}

CopIrRef
cop_ir_add (CopIrUnit *unit, CopIrOp op, CopIrRef a, CopIrRef b, CopIrRef c, uint64_t imm)
{
  uint64_t left = 0, right = 0, result;
  bool left_const = a != IR_NONE && cop_ir_is_const (unit, a, &left);
  bool right_const = b != IR_NONE && cop_ir_is_const (unit, b, &right);
  CopIrRef simpler = IR_NONE;

  if (left_const && (right_const || b == IR_NONE) && fold (op, left, right, &result))
    return cop_ir_const (unit, result);

  if (left_const && !right_const &&
      (op == IR_ADD || op == IR_AND || op == IR_OR || op == IR_XOR || op == IR_MUL))
    return cop_ir_add (unit, op, b, a, c, imm);

  if (right_const)
    simpler = simplify_const_right (unit, op, a, right);
  if (simpler == IR_NONE && op == IR_SEXT32)
    simpler = simplify_sext32 (unit, a);
  if (simpler == IR_NONE && op == IR_SRA)
    simpler = simplify_sra (unit, a, b);
  if (simpler == IR_NONE && op == IR_OR)
    simpler = simplify_or (unit, a, b);
  if (simpler == IR_NONE && (op == IR_OR || op == IR_XOR))
    simpler = simplify_sign (unit, op, a, b);
  if (simpler == IR_NONE && op == IR_AND)
    simpler = simplify_and (unit, a, b);
  if (simpler == IR_NONE && (op == IR_AND || op == IR_ANDN || op == IR_OR || op == IR_XOR))
    simpler = extend_late (unit, op, a, b);
  if (simpler == IR_NONE)
    simpler = narrow_operand (unit, op, a, b);
  if (simpler == IR_NONE && op == IR_SELECT && left_const)
    simpler = left != 0 ? b : c;
  if (simpler != IR_NONE)
    return simpler;
  return add_node (unit, op, a, b, c, imm);
}

bool
cop_ir_reads_x (const CopIrUnit *unit, CopIrRef ref, unsigned reg)
{
  const CopIrNode *node;

  if (ref == IR_NONE)
    return false;
  node = cop_ir_node (unit, ref);
  if (node->op == IR_GETX)
    return (node->imm & 31) == reg;
  return cop_ir_reads_x (unit, node->a, reg) || cop_ir_reads_x (unit, node->b, reg) ||
         cop_ir_reads_x (unit, node->c, reg);
}

bool
cop_ir_has_effect (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node;

  if (ref == IR_NONE)
    return false;
  node = cop_ir_node (unit, ref);
  switch (node->op)
    {
    case IR_LOAD:
    case IR_AMO:
    case IR_LR:
    case IR_SC:
    case IR_FP:
    case IR_FFLAGS:
      return true;
    default:
      return cop_ir_has_effect (unit, node->a) || cop_ir_has_effect (unit, node->b) ||
             cop_ir_has_effect (unit, node->c);
    }
}

CopIrRef
cop_ir_find_access (const CopIrUnit *unit, CopIrRef ref)
{
  const CopIrNode *node;
  CopIrRef found;

  if (ref == IR_NONE)
    return IR_NONE;
  node = cop_ir_node (unit, ref);
  if (node->op == IR_LOAD || node->op == IR_AMO || node->op == IR_LR || node->op == IR_SC)
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
  if (ops[node->op].operands == 0)
    return 0;
  a = cop_ir_depth (unit, node->a);
  b = cop_ir_depth (unit, node->b);
  c = cop_ir_depth (unit, node->c);
  return 1 + MAX (a, MAX (b, c));
}

static void
dump_node (const CopIrUnit *unit, CopIrRef ref, GString *text)
{
  const CopIrNode *node = cop_ir_node (unit, ref);
  const CopIrRef operands[] = { node->a, node->b, node->c };
  unsigned n = ops[node->op].operands;

  switch (node->op)
    {
    case IR_CONST:
      g_string_append_printf (text, "%" G_GINT64_FORMAT, (int64_t) node->imm);
      return;
    case IR_PC:
      g_string_append_printf (text, "page+0x%" G_GINT64_MODIFIER "x", node->imm);
      return;
    case IR_GETX:
      g_string_append (text, cop_x_names[node->imm & 31]);
      return;
    case IR_GETF:
      g_string_append (text, cop_f_names[node->imm]);
      return;
    case IR_FP:
      g_string_append_printf (text, "%s.%u (", fp_ops[node->imm >> 8].name,
                              (unsigned) node->imm & 0xff);
      n = fp_ops[node->imm >> 8].operands;
      break;
    case IR_LOAD:
      g_string_append_printf (text, "LOAD.%c%u (", "susususu"[node->imm],
                              8 * cop_ir_load_size (node->imm));
      break;
    default:
      g_string_append_printf (text, "%s (", ops[node->op].name);
    }
  for (unsigned i = 0; i < n; i++)
    {
      if (i > 0)
        g_string_append (text, ", ");
      dump_node (unit, operands[i], text);
    }
  g_string_append_c (text, ')');
}

static void
dump_statement (const CopIrUnit *unit, const CopIrStatement *statement, GString *text)
{
  static const char *const kinds[] = { "",       "",    "store", "effect", "branch if", "jump",
                                       "jump to", "system", "interpret", "fence", "relax",
                                       "zero block", "fflags =", "dirty", "check next page",
                                       "check target", "late", "nop" };

  g_string_append_printf (text, "  %03x  ", statement->offset & 0xffff);
  if (statement->kind == IR_LATE)
    g_string_append (text, "(late) ");
  if (statement->kind == IR_SETX || statement->kind == IR_LATE)
    g_string_append_printf (text, "%s = ", cop_x_names[statement->reg]);
  else if (statement->kind == IR_SETF)
    g_string_append_printf (text, "%s = ", cop_f_names[statement->reg]);
  else
    g_string_append_printf (text, "%s ", kinds[statement->kind]);
  if (statement->a != IR_NONE)
    dump_node (unit, statement->a, text);
  if (statement->b != IR_NONE)
    {
      g_string_append (text, " <- ");
      dump_node (unit, statement->b, text);
    }
  if (statement->kind == IR_BRANCH || statement->kind == IR_JUMP)
    g_string_append_printf (text, " to page%+" G_GINT64_FORMAT, (int64_t) statement->imm);
  if (statement->span != IR_NO_SPAN)
    g_string_append_printf (text, "   ; span %u", statement->span);
  g_string_append_c (text, '\n');
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

char *
cop_ir_dump (const CopIrUnit *unit)
{
  GString *text = g_string_new (NULL);

  for (unsigned i = 0; i < unit->blocks->len; i++)
    {
      const CopIrBlock *block = &g_array_index (unit->blocks, CopIrBlock, i);

      g_string_append_printf (text, "block %u: page%+d to %+d, %u instructions\n", i, block->offset,
                              block->end, block->n_insns);
      for (unsigned j = 0; j < block->n; j++)
        {
          const CopIrStatement *statement =
            &g_array_index (unit->statements, CopIrStatement, block->first + j);

          if (statement->kind != IR_NOP)
            dump_statement (unit, statement, text);
        }
    }
  return g_string_free (text, FALSE);
}
