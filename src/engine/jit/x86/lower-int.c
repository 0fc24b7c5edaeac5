/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Integer trees to x86-64: each operation as the few instructions the host has for it. Here are sums,
 * logic, comparisons and extensions; lower-muldiv.c and lower-bits.c have the rest.
 */
#include "engine/jit/x86/lower-private.h"

#include "engine/jit/forward.h"

static const CopReg scratch[] = { RAX, RCX, RDX };

/* By comparison: what its outcome is called. */
static const CopCond conditions[] = {
  [IR_EQ - IR_EQ] = CC_E,  [IR_NE - IR_EQ] = CC_NE,  [IR_LT - IR_EQ] = CC_L,
  [IR_GE - IR_EQ] = CC_GE, [IR_LTU - IR_EQ] = CC_B,  [IR_GEU - IR_EQ] = CC_AE,
};

static bool
is_scratch (CopReg reg)
{
  return reg <= RDX;
}

CopReg
lower_pick_scratch (CopJitBackend *b, CopReg not, uint32_t keep)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (scratch); i++)
    if (scratch[i] != not && !(keep & BIT (scratch[i])))
      return scratch[i];
  b->is_crowded = true;
  return scratch[0];
}

bool
lower_is_imm32 (const CopJitBackend *b, CopIrRef ref, int32_t *value)
{
  const CopIrNode *node = node_of (b, ref);

  if (node->op != IR_CONST || (uint64_t) (int32_t) node->imm != node->imm)
    return false;
  *value = node->imm;
  return true;
}

static bool
is_leaf (const CopJitBackend *b, CopIrRef ref)
{
  CopIrOp op = node_of (b, ref)->op;

  return op == IR_CONST || op == IR_GETX || op == IR_PC;
}

/* Whether evaluating @ref reads host register @reg as a guest register. */
static bool
reads_host (const CopJitBackend *b, CopIrRef ref, CopReg reg)
{
  if (is_scratch (reg))
    return false;
  return b->r.guest[reg] != 0 && cop_ir_reads_x (b->unit, ref, b->r.guest[reg]);
}

CopReg
lower_to_some_reg (CopJitBackend *b, CopIrRef ref, CopReg into, uint32_t keep)
{
  CopReg reg = in_register (b, ref);

  if (reg != NO_REG)
    return reg;
  lower_value (b, ref, into, keep);
  return into;
}

/* dst = dst op ref */
static void
alu_with (CopJitBackend *b, CopAlu op, bool w, CopReg dst, CopIrRef ref, uint32_t keep)
{
  CopReg reg = in_register (b, ref);
  int32_t value;
  CopMem m;

  if (lower_is_imm32 (b, ref, &value))
    asm_alu_ri (&b->a, op, w, dst, value);
  else if (reg != NO_REG)
    asm_alu_rr (&b->a, op, w, dst, reg);
  else if (in_memory (b, ref, &m))
    asm_alu_rm (&b->a, op, w, dst, m);
  else
    {
      CopReg other = lower_pick_scratch (b, dst, keep);

      lower_value (b, ref, other, keep | BIT (dst));
      asm_alu_rr (&b->a, op, w, dst, other);
    }
}

CopReg
lower_begin_binary (CopJitBackend *b, CopIrRef left, CopIrRef right, CopReg dst, uint32_t keep)
{
  CopReg work = dst;

  if (reads_host (b, right, dst))
    work = lower_pick_scratch (b, NO_REG, keep);
  lower_value (b, left, work, keep);
  return work;
}

/* Whether alu_with() takes @ref without a scratch register. */
static bool
is_operand (const CopJitBackend *b, CopIrRef ref)
{
  int32_t value;
  CopMem m;

  return lower_is_imm32 (b, ref, &value) || in_register (b, ref) != NO_REG ||
         in_memory (b, ref, &m);
}

/* Whether @right is better worked out first. */
static bool
is_larger (const CopJitBackend *b, CopIrRef left, CopIrRef right)
{
  return !is_operand (b, right) &&
         (is_operand (b, left) ||
          (cop_ir_is_cheap (b->unit, left) && cop_ir_is_cheap (b->unit, right) &&
           cop_ir_count_scratch (b->unit, left) < cop_ir_count_scratch (b->unit, right)));
}

/* @w false: the low half, the upper one is anything */
static void
binary (CopJitBackend *b, CopAlu op, bool w, const CopIrNode *node, CopReg dst, uint32_t keep)
{
  bool commutes = op != ALU_SUB;
  CopIrRef left = node->a, right = node->b;
  CopReg work;

  if (commutes && is_larger (b, left, right))
    {
      CopIrRef other = left;

      left = right;
      right = other;
    }
  /* The result's own register as the right operand. */
  else if (commutes && in_register (b, right) == dst)
    {
      CopIrRef other = left;

      left = right;
      right = other;
    }
  work = reads_host (b, right, dst) ? lower_pick_scratch (b, NO_REG, keep) : dst;
  (w ? lower_value : lower_low_half) (b, left, work, keep);
  alu_with (b, op, w, work, right, keep);
  asm_mov_rr (&b->a, true, dst, work);
}

static bool
has_two_scratch (uint32_t keep)
{
  return __builtin_popcount (~keep & (BIT (RAX) | BIT (RCX) | BIT (RDX))) >= 2;
}

static bool
fits_lea_shift (const CopJitBackend *b, CopIrRef ref, unsigned *scale, CopIrRef *index)
{
  const CopIrNode *node = node_of (b, ref);
  int32_t amount;

  if (node->op != IR_SLL || !lower_is_imm32 (b, node->b, &amount) || amount < 0 || amount > 3)
    return false;
  *scale = amount;
  *index = node->a;
  return true;
}

/* dst = a + b in one lea, where both are in registers. @w false: 32 bits. */
static bool
try_lea (CopJitBackend *b, const CopIrNode *node, bool w, CopReg dst, uint32_t keep)
{
  CopReg left = in_register (b, node->a), right = in_register (b, node->b);
  unsigned scale;
  CopIrRef index;
  int32_t value;

  if (left != NO_REG && lower_is_imm32 (b, node->b, &value))
    {
      if (left == dst)
        asm_alu_ri (&b->a, ALU_ADD, w, dst, value);
      else
        asm_lea (&b->a, w, dst, mem (left, value));
      return true;
    }
  if (left != NO_REG && right != NO_REG && left != dst && right != dst)
    {
      asm_lea (&b->a, w, dst, mem_index (left, right, 0, 0));
      return true;
    }
  if (fits_lea_shift (b, node->a, &scale, &index) &&
      (right != NO_REG || (is_leaf (b, node->b) && has_two_scratch (keep))))
    {
      CopReg base = right, shifted;

      shifted = lower_to_some_reg (b, index, lower_pick_scratch (b, NO_REG, keep), keep);
      if (base == NO_REG)
        {
          base = lower_pick_scratch (b, shifted, keep);
          lower_value (b, node->b, base, keep | BIT (shifted));
        }
      asm_lea (&b->a, w, dst, mem_index (base, shifted, scale, 0));
      return true;
    }
  return false;
}

bool
lower_find_alu (CopIrOp ir, CopAlu *op)
{
  switch (ir)
    {
    case IR_ADD:
      *op = ALU_ADD;
      return true;
    case IR_SUB:
      *op = ALU_SUB;
      return true;
    case IR_AND:
      *op = ALU_AND;
      return true;
    case IR_OR:
      *op = ALU_OR;
      return true;
    case IR_XOR:
      *op = ALU_XOR;
      return true;
    default:
      return false;
    }
}

/* Sums and differences of words: 32-bit arithmetic, then sign extension. */
static bool
try_word_arithmetic (CopJitBackend *b, const CopIrNode *inner, CopReg dst, uint32_t keep)
{
  CopReg work = lower_pick_scratch (b, NO_REG, keep);
  CopAlu op;

  if (!lower_find_alu (inner->op, &op))
    return false;
  /* A constant that is no operand takes a scratch register, which there may not be. */
  if (!is_operand (b, inner->b))
    return false;
  if (inner->op == IR_ADD && try_lea (b, inner, false, work, keep))
    {
      sign_extend_32 (b, dst, work);
      return true;
    }
  lower_value (b, inner->a, work, keep);
  alu_with (b, op, false, work, inner->b, keep);
  sign_extend_32 (b, dst, work);
  return true;
}

/* --- comparisons ------------------------------------------------------------------------------- */

static bool
is_comparison (CopIrOp op)
{
  return op >= IR_EQ && op <= IR_GEU;
}

/* Whether @ref is a register of which the low half stands in its place. */
static bool
is_low_x (const CopJitBackend *b, CopIrRef ref)
{
  const CopIrNode *node = node_of (b, ref);

  return node->op == IR_GETX && is_low (b, node->imm & 31);
}

/* Where an operand of a comparison stands, or is put: in @into. @w false: its low half. */
static CopReg
compared (CopJitBackend *b, CopIrRef ref, bool w, CopReg into)
{
  CopReg reg = in_register (b, ref);

  if (reg != NO_REG && !(w && is_low_x (b, ref)))
    return reg;
  if (reg != NO_REG)
    sign_extend_32 (b, into, reg);
  else if (w)
    lower_value (b, ref, into, 0);
  else
    lower_low_half (b, ref, into, 0);
  return into;
}

CopCond
lower_condition (CopJitBackend *b, CopIrRef ref)
{
  static const CopCond mirrored[] = {
    [IR_EQ - IR_EQ] = CC_E,  [IR_NE - IR_EQ] = CC_NE,  [IR_LT - IR_EQ] = CC_G,
    [IR_GE - IR_EQ] = CC_LE, [IR_LTU - IR_EQ] = CC_A,  [IR_GEU - IR_EQ] = CC_BE,
  };
  CopIrNode node = *node_of (b, ref);
  bool swapped = false, w;
  CopReg left, right;
  int32_t value;
  CopMem m;

  if (!is_comparison (node.op))
    {
      left = lower_to_some_reg (b, ref, RAX, 0);
      asm_rr (&b->a, 0x85, !is_low_x (b, ref), left, left);
      return CC_NE;
    }
  if (node_of (b, node.a)->op == IR_CONST)
    {
      CopIrRef other = node.a;

      node.a = node.b;
      node.b = other;
      swapped = true;
    }
  /* The order of words, signed or not, is that of their low halves. */
  w = !lower_is_word (b, node.a) || !lower_is_word (b, node.b);
  if (lower_is_imm32 (b, node.b, &value) && in_memory (b, node.a, &m))
    asm_alu_mi (&b->a, ALU_CMP, w, m, value);
  else
    {
      left = compared (b, node.a, w, RAX);
      if (lower_is_imm32 (b, node.b, &value) && value == 0)
        asm_rr (&b->a, 0x85, w, left, left);
      else if (w && is_low_x (b, node.b))
        {
          right = compared (b, node.b, w, RDX);
          asm_alu_rr (&b->a, ALU_CMP, w, left, right);
        }
      else
        alu_with (b, ALU_CMP, w, left, node.b, is_scratch (left) ? BIT (left) : 0);
    }
  return swapped ? mirrored[node.op - IR_EQ] : conditions[node.op - IR_EQ];
}

static void
set_condition (CopJitBackend *b, CopIrRef ref, CopReg dst)
{
  CopCond cc = lower_condition (b, ref);

  asm_setcc (&b->a, cc, RAX);
  asm_rr8 (&b->a, 0x0fb6, dst, RAX);
}

static void
select_value (CopJitBackend *b, const CopIrNode *node, CopReg dst)
{
  const CopIrNode condition = *node_of (b, node->a);
  CopCond cc = CC_NE;

  lower_value (b, node->b, RCX, 0);
  if (is_comparison (condition.op) && !is_operand (b, condition.b))
    {
      /* Too few registers to compare last: its outcome waits in rax. */
      CopReg left = lower_to_some_reg (b, condition.a, RAX, BIT (RCX));

      lower_value (b, condition.b, RDX, BIT (RCX) | (is_scratch (left) ? BIT (left) : 0));
      asm_alu_rr (&b->a, ALU_CMP, true, left, RDX);
      asm_setcc (&b->a, conditions[condition.op - IR_EQ], RAX);
      asm_rr8 (&b->a, 0x0fb6, RAX, RAX);
      lower_value (b, node->c, RDX, BIT (RCX) | BIT (RAX));
      asm_rr (&b->a, 0x85, true, RAX, RAX);
    }
  else
    {
      /* The condition last, for what it reads must not be overwritten, and moves keep flags. */
      lower_value (b, node->c, RDX, BIT (RCX));
      if (is_comparison (condition.op))
        {
          CopReg left = lower_to_some_reg (b, condition.a, RAX, BIT (RCX) | BIT (RDX));

          alu_with (b, ALU_CMP, true, left, condition.b, BIT (RCX) | BIT (RDX));
          cc = conditions[condition.op - IR_EQ];
        }
      else
        {
          CopReg value = lower_to_some_reg (b, node->a, RAX, BIT (RCX) | BIT (RDX));

          asm_rr (&b->a, 0x85, true, value, value);
        }
    }
  asm_cmov (&b->a, cc, RDX, RCX);
  asm_mov_rr (&b->a, true, dst, RDX);
}

bool
lower_is_word (const CopJitBackend *b, CopIrRef ref)
{
  return cop_words_is_word (b->unit, ref, b->words);
}

/* --- the tree ---------------------------------------------------------------------------------- */

static void
extend (CopJitBackend *b, uint32_t opcode, bool w, bool byte, CopIrRef ref, CopReg dst,
        uint32_t keep)
{
  CopReg into = is_scratch (dst) ? dst : lower_pick_scratch (b, NO_REG, keep);
  CopReg reg = lower_to_some_reg (b, ref, into, keep);

  if (byte && !w)
    asm_rr8 (&b->a, opcode, dst, reg);
  else if (byte)
    {
      /* REX.W makes all byte registers reachable. */
      asm_rr (&b->a, opcode, true, dst, reg);
    }
  else
    asm_rr (&b->a, opcode, w, dst, reg);
}

void
lower_value (CopJitBackend *b, CopIrRef ref, CopReg dst, uint32_t keep)
{
  CopIrNode node = *node_of (b, ref);
  CopMem m;

  switch ((CopIrOp) node.op)
    {
    case IR_CONST:
      asm_mov_ri (&b->a, dst, node.imm);
      break;
    case IR_PC:
      if (node.imm == 0)
        asm_load (&b->a, dst, HART_FIELD (jit.page));
      else
        {
          asm_mov_ri (&b->a, dst, node.imm);
          asm_alu_rm (&b->a, ALU_ADD, true, dst, HART_FIELD (jit.page));
        }
      break;
    case IR_GETX:
      if (in_memory (b, ref, &m))
        asm_load (&b->a, dst, m);
      else
        asm_mov_rr (&b->a, true, dst, home (b, node.imm & 31));
      break;
    case IR_GETF:
      if (b->r.fhost[node.imm] != NO_REG)
        asm_rr (&b->a, 0x66000f7e, true, (CopReg) b->r.fhost[node.imm], dst);   /* movq */
      else
        asm_load (&b->a, dst, f_mem (node.imm));
      break;
    case IR_ADD:
      if (!try_lea (b, &node, true, dst, keep))
        binary (b, ALU_ADD, true, &node, dst, keep);
      break;
    case IR_SUB:
      binary (b, ALU_SUB, true, &node, dst, keep);
      break;
    case IR_AND:
      binary (b, ALU_AND, true, &node, dst, keep);
      break;
    case IR_OR:
      binary (b, ALU_OR, true, &node, dst, keep);
      break;
    case IR_XOR:
      binary (b, ALU_XOR, true, &node, dst, keep);
      break;
    case IR_ANDN:
      /* dst = ~b & a */
      if (b->host.bmi1 && in_register (b, node.a) != NO_REG && cop_ir_is_cheap (b->unit, node.b))
        {
          CopReg other = lower_to_some_reg (b, node.b, lower_pick_scratch (b, NO_REG, keep), keep);

          asm_vex (&b->a, 0, 2, 0xf2, true, dst, other, in_register (b, node.a));
        }
      else
        {
          CopReg work = lower_pick_scratch (b, NO_REG, keep);

          lower_value (b, node.b, work, keep);
          asm_rr (&b->a, 0xf7, true, (CopReg) 2, work);
          alu_with (b, ALU_AND, true, work, node.a, keep);
          asm_mov_rr (&b->a, true, dst, work);
        }
      break;
    case IR_NOT:
      lower_value (b, node.a, dst, keep);
      asm_rr (&b->a, 0xf7, true, (CopReg) 2, dst);
      break;
    case IR_EQ:
    case IR_NE:
    case IR_LT:
    case IR_GE:
    case IR_LTU:
    case IR_GEU:
      set_condition (b, ref, dst);
      break;
    case IR_SELECT:
      select_value (b, &node, dst);
      break;
    case IR_SEXT8:
      extend (b, 0x0fbe, true, true, node.a, dst, keep);
      break;
    case IR_SEXT16:
      extend (b, 0x0fbf, true, false, node.a, dst, keep);
      break;
    case IR_SEXT32:
      {
        CopIrNode inner = *node_of (b, node.a);

        if (inner.op == IR_MUL)
          {
            lower_multiply (b, false, &inner, dst, keep);
            sign_extend_32 (b, dst, dst);
          }
        else if (in_memory (b, node.a, &m))
          asm_rm (&b->a, 0x63, true, dst, m);
        else if (!try_word_arithmetic (b, &inner, dst, keep))
          extend (b, 0x63, true, false, node.a, dst, keep);
      }
      break;
    case IR_ZEXT16:
      extend (b, 0x0fb7, false, false, node.a, dst, keep);
      break;
    case IR_ZEXT32:
      if (in_memory (b, node.a, &m))
        asm_rm (&b->a, 0x8b, false, dst, m);
      else
        extend (b, 0x8b, false, false, node.a, dst, keep);
      break;
    case IR_MUL:
    case IR_MULH:
    case IR_MULHU:
    case IR_MULHSU:
    case IR_DIV:
    case IR_DIVU:
    case IR_REM:
    case IR_REMU:
    case IR_DIV32:
    case IR_DIVU32:
    case IR_REM32:
    case IR_REMU32:
      lower_muldiv (b, &node, dst, keep);
      break;
    case IR_SLL:
    case IR_SRL:
    case IR_SRA:
    case IR_SLL32:
    case IR_SRL32:
    case IR_SRA32:
    case IR_ROL:
    case IR_ROR:
    case IR_ROL32:
    case IR_ROR32:
    case IR_CLZ:
    case IR_CTZ:
    case IR_POPCOUNT:
    case IR_BSWAP:
    case IR_ORC_B:
    case IR_CLMUL:
    case IR_CLMULH:
    case IR_CLMULR:
      lower_bits (b, &node, dst, keep);
      break;
    case IR_LOAD:
      lower_load (b, &node, dst);
      break;
    case IR_AMO:
      lower_amo (b, &node, dst);
      break;
    case IR_LR:
      lower_lr (b, &node, dst);
      break;
    case IR_SC:
      lower_sc (b, &node, dst);
      break;
    case IR_UNBOX16:
    case IR_UNBOX32:
    case IR_BOX32:
    case IR_BOX16:
    case IR_FNEG32:
    case IR_FNEG64:
    case IR_FP:
      lower_fp_to_int (b, ref, dst);
      break;
    case IR_FFLAGS:
      lower_get_fflags (b, dst);
      break;
    case IR_LAST:
      g_assert_not_reached ();
    }
}

void
lower_low_half (CopJitBackend *b, CopIrRef ref, CopReg dst, uint32_t keep)
{
  CopIrNode node = *node_of (b, ref);
  CopMem m;
  CopAlu op;

  switch ((CopIrOp) node.op)
    {
    case IR_SEXT32:
    case IR_ZEXT32:
      lower_low_half (b, node.a, dst, keep);
      break;
    case IR_GETX:
      if (in_memory (b, ref, &m))
        asm_rm (&b->a, 0x8b, false, dst, m);
      else
        asm_mov_rr (&b->a, true, dst, home (b, node.imm & 31));
      break;
    case IR_ADD:
      if (try_lea (b, &node, false, dst, keep))
        break;
      /* fall through */
    case IR_SUB:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
      if (!lower_find_alu (node.op, &op))
        g_assert_not_reached ();
      binary (b, op, false, &node, dst, keep);
      break;
    case IR_MUL:
      lower_multiply (b, false, &node, dst, keep);
      break;
    case IR_SLL32:
    case IR_SRL32:
    case IR_SRA32:
      lower_shift_low (b, &node, dst, keep);
      break;
    default:
      lower_value (b, ref, dst, keep);
    }
}
