/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Multiplication and division to x86-64. The host divides into quotient and remainder at once, which
 * serves guests that want both:
 *
 *   test rcx, rcx; je zero            RISC-V has results for what traps on the host
 *   cmp rcx, -1; je minus_one         signed: the one overflow, and all others by -1
 *   cqo; idiv rcx                     rax: quotient, rdx: remainder
 */
#include "engine/jit/x86/lower-private.h"

void
lower_multiply (CopJitBackend *b, bool w, const CopIrNode *node, CopReg dst, uint32_t keep)
{
  CopReg work, right;
  int32_t value;
  CopMem m;

  if (lower_is_imm32 (b, node->b, &value))
    {
      CopReg left = lower_to_some_reg (b, node->a, lower_pick_scratch (b, NO_REG, keep), keep);

      asm_rr (&b->a, 0x69, w, dst, left);
      emit32 (&b->a, value);
      return;
    }
  /* dst * x is x * dst. */
  if (in_register (b, node->b) == dst && in_register (b, node->a) != NO_REG)
    {
      asm_rr (&b->a, 0x0faf, w, dst, in_register (b, node->a));
      return;
    }
  work = lower_begin_binary (b, node->a, node->b, dst, keep);
  right = in_register (b, node->b);
  if (right != NO_REG)
    asm_rr (&b->a, 0x0faf, w, work, right);
  else if (in_memory (b, node->b, &m))
    asm_rm (&b->a, 0x0faf, w, work, m);
  else
    {
      right = lower_pick_scratch (b, work, keep);
      lower_value (b, node->b, right, keep | BIT (work));
      asm_rr (&b->a, 0x0faf, w, work, right);
    }
  asm_mov_rr (&b->a, true, dst, work);
}

/* The one-operand forms leave the high half in rdx. Nothing is kept across these. */
static void
multiply_high (CopJitBackend *b, const CopIrNode *node, CopReg dst)
{
  bool is_signed = node->op == IR_MULH;
  CopReg right;

  lower_value (b, node->a, RAX, 0);
  right = lower_to_some_reg (b, node->b, RCX, BIT (RAX));
  if (node->op != IR_MULHSU)
    {
      asm_rr (&b->a, 0xf7, true, (CopReg) (is_signed ? 5 : 4), right);
      asm_mov_rr (&b->a, true, dst, RDX);
      return;
    }
  /* high (a * b) for signed a is the unsigned high half, less b where a is negative. */
  if (right != RCX)
    asm_mov_rr (&b->a, true, RCX, right);
  emit8 (&b->a, 0x50 + RAX);                   /* push rax */
  asm_rr (&b->a, 0xf7, true, (CopReg) 4, RCX); /* mul rcx */
  emit8 (&b->a, 0x58 + RAX);                   /* pop rax */
  asm_shift_ri (&b->a, SHIFT_SAR, true, RAX, 63);
  asm_alu_rr (&b->a, ALU_AND, true, RAX, RCX);
  asm_alu_rr (&b->a, ALU_SUB, true, RDX, RAX);
  asm_mov_rr (&b->a, true, dst, RDX);
}

static bool
is_remainder (CopIrOp op)
{
  return op == IR_REM || op == IR_REMU || op == IR_REM32 || op == IR_REMU32;
}

static bool
divides_words (CopIrOp op)
{
  return op >= IR_DIV32 && op <= IR_REMU32;
}

/* rax = the quotient, rdx = the remainder, whichever is wanted. Division by zero and the one overflow
   have results in RISC-V and trap on the host. */
static void
divide_into (CopJitBackend *b, const CopIrNode *node, bool quotient, bool remainder)
{
  bool w = !divides_words (node->op);
  bool is_signed = node->op == IR_DIV || node->op == IR_REM || node->op == IR_DIV32 ||
                   node->op == IR_REM32;
  CopLabel zero = asm_new_label (&b->a), minus_one = asm_new_label (&b->a),
           done = asm_new_label (&b->a);

  lower_value (b, node->a, RAX, 0);
  lower_value (b, node->b, RCX, BIT (RAX));
  asm_rr (&b->a, 0x85, w, RCX, RCX);
  asm_jcc (&b->a, CC_E, zero);
  if (is_signed)
    {
      asm_alu_ri (&b->a, ALU_CMP, w, RCX, -1);
      asm_jcc (&b->a, CC_E, minus_one);
      if (w)
        emit8 (&b->a, 0x48);
      emit8 (&b->a, 0x99);      /* cqo or cdq */
    }
  else
    asm_rr (&b->a, 0x33, false, RDX, RDX);
  asm_rr (&b->a, 0xf7, w, (CopReg) (is_signed ? 7 : 6), RCX);
  asm_jmp (&b->a, done);

  asm_bind (&b->a, zero);
  if (remainder)
    asm_mov_rr (&b->a, true, RDX, RAX);
  if (quotient)
    asm_mov_ri (&b->a, RAX, UINT64_MAX);
  if (is_signed)
    {
      asm_jmp (&b->a, done);
      asm_bind (&b->a, minus_one);
      if (remainder)
        asm_mov_ri (&b->a, RDX, 0);
      if (quotient)
        asm_rr (&b->a, 0xf7, w, (CopReg) 3, RAX); /* neg */
    }
  asm_bind (&b->a, done);
}

static void
divide (CopJitBackend *b, const CopIrNode *node, CopReg dst)
{
  bool remainder = is_remainder (node->op);
  CopReg result = remainder ? RDX : RAX;

  divide_into (b, node, !remainder, remainder);
  if (divides_words (node->op))
    sign_extend_32 (b, dst, result);
  else
    asm_mov_rr (&b->a, true, dst, result);
}

/* Registers and constants. */
static bool
is_same_leaf (const CopJitBackend *b, CopIrRef left, CopIrRef right)
{
  const CopIrNode *x = node_of (b, left), *y = node_of (b, right);

  if (x->op == IR_GETX && y->op == IR_GETX)
    return (x->imm & 31) == (y->imm & 31);
  return x->op == IR_CONST && y->op == IR_CONST && x->imm == y->imm;
}

static bool
is_division (CopIrOp op)
{
  return op >= IR_DIV && op <= IR_REMU32;
}

void
lower_muldiv (CopJitBackend *b, const CopIrNode *node, CopReg dst, uint32_t keep)
{
  if (node->op == IR_MUL)
    lower_multiply (b, true, node, dst, keep);
  else if (is_division (node->op))
    divide (b, node, dst);
  else
    multiply_high (b, node, dst);
}

bool
lower_divisions (CopJitBackend *b, const CopIrStatement *first, const CopIrStatement *second)
{
  /* By operation: the one that the host does with it. */
  static const uint8_t other[] = {
    [IR_DIV - IR_DIV] = IR_REM,       [IR_DIVU - IR_DIV] = IR_REMU,
    [IR_REM - IR_DIV] = IR_DIV,       [IR_REMU - IR_DIV] = IR_DIVU,
    [IR_DIV32 - IR_DIV] = IR_REM32,   [IR_DIVU32 - IR_DIV] = IR_REMU32,
    [IR_REM32 - IR_DIV] = IR_DIV32,   [IR_REMU32 - IR_DIV] = IR_DIVU32,
  };
  const CopIrStatement *both[] = { first, second };
  CopIrNode node = *node_of (b, first->a), next = *node_of (b, second->a);

  if (!is_division (node.op) || next.op != other[node.op - IR_DIV] ||
      !is_same_leaf (b, node.a, next.a) || !is_same_leaf (b, node.b, next.b) ||
      cop_ir_reads_x (b->unit, second->a, first->reg) || first->reg == second->reg)
    return false;
  lower_extend (b, cop_words_wide_reads (b->unit, first->a, false));
  divide_into (b, &node, true, true);
  b->r.low &= ~(1u << first->reg | 1u << second->reg);
  for (unsigned i = 0; i < 2; i++)
    {
      CopIrOp op = node_of (b, both[i]->a)->op;
      CopReg result = is_remainder (op) ? RDX : RAX, dst = home (b, both[i]->reg);

      if (divides_words (op))
        sign_extend_32 (b, dst != NO_REG ? dst : result, result);
      else if (dst != NO_REG)
        asm_mov_rr (&b->a, true, dst, result);
      if (dst == NO_REG)
        asm_store (&b->a, x_mem (both[i]->reg), result);
    }
  return true;
}
