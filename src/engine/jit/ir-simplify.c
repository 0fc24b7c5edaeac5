/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Adding nodes to the intermediate form. Each is simplified as it is added, by what its operands
 * are: constants fold, what changes nothing vanishes, and several operations become one.
 */
#include "engine/jit/ir.h"

#include "engine/riscv/arith.h"

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

/* Bits that a shift of a word to the right takes from the word alone: how it is extended is all the
   same. */
static CopIrRef
simplify_masked_shift (CopIrUnit *unit, CopIrRef a, uint64_t mask)
{
  const CopIrNode shift = *cop_ir_node (unit, a);
  uint64_t by;

  if ((shift.op != IR_SRA32 && shift.op != IR_SRL32) || !cop_ir_is_const (unit, shift.b, &by) ||
      by >= 32 || mask > UINT32_MAX >> by)
    return IR_NONE;
  return cop_ir_add (unit, IR_AND, cop_ir_add (unit, IR_SRL, shift.a, shift.b, IR_NONE, 0),
                     cop_ir_const (unit, mask), IR_NONE, 0);
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
    case IR_ROL:
    case IR_ROR:
      if (b == 0)
        return a;
      break;
    case IR_AND:
      if (b == UINT64_MAX)
        return a;
      /* The page has no bits within itself. */
      if (left->op == IR_PC && ~b < COP_PAGE_SIZE)
        return add_node (unit, IR_PC, IR_NONE, IR_NONE, IR_NONE, left->imm & b);
      return simplify_masked_shift (unit, a, b);
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

/* The bits of the second operand that count in a shift or rotation; 0: it is something else */
static uint64_t
amount_mask (CopIrOp op)
{
  switch (op)
    {
    case IR_SLL:
    case IR_SRL:
    case IR_SRA:
    case IR_ROL:
    case IR_ROR:
      return 63;
    case IR_SLL32:
    case IR_SRL32:
    case IR_SRA32:
    case IR_ROL32:
    case IR_ROR32:
      return 31;
    default:
      return 0;
    }
}

CopIrRef
cop_ir_add (CopIrUnit *unit, CopIrOp op, CopIrRef a, CopIrRef b, CopIrRef c, uint64_t imm)
{
  uint64_t left = 0, right = 0, result;
  bool left_const = a != IR_NONE && cop_ir_is_const (unit, a, &left);
  bool right_const = b != IR_NONE && cop_ir_is_const (unit, b, &right);
  CopIrRef simpler = IR_NONE;

  /* A constant amount always fits into the instruction: no register is taken for it. */
  if (right_const && amount_mask (op) != 0 && right > amount_mask (op))
    return cop_ir_add (unit, op, a, cop_ir_const (unit, right & amount_mask (op)), c, imm);

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
