/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Integer trees to x86-64: each operation as the few instructions the host has for it.
 */
#include "engine/jit/x86/lower-private.h"

#include "engine/jit/forward.h"
#include "engine/riscv/arith.h"

#define BIT(reg) (1u << (reg))

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

/* A scratch register that is neither @not nor in @keep. */
static CopReg
pick_scratch (CopReg not, uint32_t keep)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (scratch); i++)
    if (scratch[i] != not && !(keep & BIT (scratch[i])))
      return scratch[i];
  g_assert_not_reached ();
}

static const CopIrNode *
node_of (const CopJitBackend *b, CopIrRef ref)
{
  return cop_ir_node (b->unit, ref);
}

static bool
is_imm32 (const CopJitBackend *b, CopIrRef ref, int32_t *value)
{
  const CopIrNode *node = node_of (b, ref);

  if (node->op != IR_CONST || (uint64_t) (int32_t) node->imm != node->imm)
    return false;
  *value = node->imm;
  return true;
}

/* The register that @ref is read from as it is, or NO_REG. */
static CopReg
in_register (const CopJitBackend *b, CopIrRef ref)
{
  const CopIrNode *node = node_of (b, ref);

  return node->op == IR_GETX ? home (b, node->imm & 31) : NO_REG;
}

static bool
in_memory (const CopJitBackend *b, CopIrRef ref, CopMem *m)
{
  const CopIrNode *node = node_of (b, ref);

  if (node->op != IR_GETX || home (b, node->imm & 31) != NO_REG)
    return false;
  *m = x_mem (node->imm & 31);
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

  if (is_imm32 (b, ref, &value))
    asm_alu_ri (&b->a, op, w, dst, value);
  else if (reg != NO_REG)
    asm_alu_rr (&b->a, op, w, dst, reg);
  else if (in_memory (b, ref, &m))
    asm_alu_rm (&b->a, op, w, dst, m);
  else
    {
      CopReg other = pick_scratch (dst, keep);

      lower_value (b, ref, other, keep | BIT (dst));
      asm_alu_rr (&b->a, op, w, dst, other);
    }
}

/* Evaluates a into dst so that b can still be read: returns the register to work in, which the
   caller moves to dst at the end. */
static CopReg
begin_binary (CopJitBackend *b, CopIrRef left, CopIrRef right, CopReg dst, uint32_t keep)
{
  CopReg work = dst;

  if (reads_host (b, right, dst))
    work = pick_scratch (NO_REG, keep);
  lower_value (b, left, work, keep);
  return work;
}

static void
end_binary (CopJitBackend *b, CopReg dst, CopReg work)
{
  asm_mov_rr (&b->a, true, dst, work);
}

/* Whether alu_with() takes @ref without a scratch register. */
static bool
is_operand (const CopJitBackend *b, CopIrRef ref)
{
  int32_t value;
  CopMem m;

  return is_imm32 (b, ref, &value) || in_register (b, ref) != NO_REG || in_memory (b, ref, &m);
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

static void
binary (CopJitBackend *b, CopAlu op, bool commutes, const CopIrNode *node, CopReg dst,
        uint32_t keep)
{
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
  work = begin_binary (b, left, right, dst, keep);
  alu_with (b, op, true, work, right, keep);
  end_binary (b, dst, work);
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

  if (node->op != IR_SLL || !is_imm32 (b, node->b, &amount) || amount < 0 || amount > 3)
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

  if (left != NO_REG && is_imm32 (b, node->b, &value))
    {
      if (left == dst && w)
        asm_alu_ri (&b->a, ALU_ADD, w, dst, value);
      else
        asm_lea (&b->a, w, dst, mem (left, value));
      return true;
    }
  if (left != NO_REG && right != NO_REG && (left != dst || !w) && (right != dst || !w))
    {
      asm_lea (&b->a, w, dst, mem_index (left, right, 0, 0));
      return true;
    }
  if (fits_lea_shift (b, node->a, &scale, &index) &&
      (right != NO_REG || (is_leaf (b, node->b) && has_two_scratch (keep))))
    {
      CopReg base = right, shifted;

      shifted = lower_to_some_reg (b, index, pick_scratch (NO_REG, keep), keep);
      if (base == NO_REG)
        {
          base = pick_scratch (shifted, keep);
          lower_value (b, node->b, base, keep | BIT (shifted));
        }
      asm_lea (&b->a, w, dst, mem_index (base, shifted, scale, 0));
      return true;
    }
  return false;
}

/* dst = the sign extension of the low half of reg. */
static void
sign_extend_32 (CopJitBackend *b, CopReg dst, CopReg reg)
{
  asm_rr (&b->a, 0x63, true, dst, reg);
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
  CopReg work = pick_scratch (NO_REG, keep);
  CopAlu op;

  if (!lower_find_alu (inner->op, &op))
    return false;
  if (!is_leaf (b, inner->b))
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

/* --- shifts ------------------------------------------------------------------------------------ */

static void
shift (CopJitBackend *b, CopShift op, bool w, const CopIrNode *node, CopReg dst, uint32_t keep)
{
  /* shlx, sarx, shrx by prefix */
  static const uint8_t vex_pp[] = { [SHIFT_SHL] = 1, [SHIFT_SAR] = 2, [SHIFT_SHR] = 3 };
  bool rotates = op == SHIFT_ROL || op == SHIFT_ROR;
  int32_t amount;

  if (is_imm32 (b, node->b, &amount))
    {
      amount &= w ? 63 : 31;
      if (w && !rotates && op == SHIFT_SHL && amount <= 3 && in_register (b, node->a) != NO_REG &&
          in_register (b, node->a) != dst)
        {
          if (amount == 1)
            asm_lea (&b->a, true, dst,
                     mem_index (in_register (b, node->a), in_register (b, node->a), 0, 0));
          else
            {
              asm_mov_rr (&b->a, true, dst, in_register (b, node->a));
              asm_shift_ri (&b->a, op, true, dst, amount);
            }
          return;
        }
      if (rotates && b->host.bmi2 && amount != 0)
        {
          CopReg value = lower_to_some_reg (b, node->a, dst, keep);
          unsigned width = w ? 64 : 32;

          /* rorx */
          asm_vex (&b->a, 3, 3, 0xf0, w, dst, RAX, value);
          emit8 (&b->a, op == SHIFT_ROR ? (unsigned) amount : width - (unsigned) amount);
          return;
        }
      lower_value (b, node->a, dst, keep);
      if (amount != 0)
        asm_shift_ri (&b->a, op, w, dst, amount);
      else if (!w)
        asm_rr (&b->a, 0x8b, false, dst, dst);
      return;
    }

  if (b->host.bmi2 && !rotates)
    {
      CopReg value = in_register (b, node->a), count;

      if (value == NO_REG)
        {
          value = pick_scratch (NO_REG, keep);
          lower_value (b, node->a, value, keep);
        }
      count = lower_to_some_reg (b, node->b, pick_scratch (value, keep), keep | BIT (value));
      asm_vex (&b->a, vex_pp[op], 2, 0xf7, w, dst, count, value);
      return;
    }

  /* By cl. The value is worked on in rax or rdx. */
  {
    CopReg work = keep & BIT (RAX) ? RDX : RAX;

    lower_value (b, node->a, work, keep);
    lower_value (b, node->b, RCX, keep | BIT (work));
    asm_rr (&b->a, 0xd3, w, (CopReg) op, work);
    asm_mov_rr (&b->a, true, dst, work);
  }
}

/* --- multiplication and division --------------------------------------------------------------- */

static void
multiply (CopJitBackend *b, bool w, const CopIrNode *node, CopReg dst, uint32_t keep)
{
  CopReg work, right;
  int32_t value;
  CopMem m;

  if (is_imm32 (b, node->b, &value))
    {
      CopReg left = lower_to_some_reg (b, node->a, pick_scratch (NO_REG, keep), keep);

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
  work = begin_binary (b, node->a, node->b, dst, keep);
  right = in_register (b, node->b);
  if (right != NO_REG)
    asm_rr (&b->a, 0x0faf, w, work, right);
  else if (in_memory (b, node->b, &m))
    asm_rm (&b->a, 0x0faf, w, work, m);
  else
    {
      right = pick_scratch (work, keep);
      lower_value (b, node->b, right, keep | BIT (work));
      asm_rr (&b->a, 0x0faf, w, work, right);
    }
  end_binary (b, dst, work);
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
  divide_into (b, &node, true, true);
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

/* --- what the host may lack -------------------------------------------------------------------- */

static uint64_t
call_popcount (uint64_t a, uint64_t unused)
{
  (void) unused;
  return (uint64_t) __builtin_popcountll (a);
}

static uint64_t
call_clz (uint64_t a, uint64_t unused)
{
  (void) unused;
  return cop_clz (a);
}

static uint64_t
call_ctz (uint64_t a, uint64_t unused)
{
  (void) unused;
  return cop_ctz (a);
}

static uint64_t
call_orc_b (uint64_t a, uint64_t unused)
{
  (void) unused;
  return cop_orc_b (a);
}

static uint64_t
call_clmul (uint64_t a, uint64_t b)
{
  return cop_clmul (a, b);
}

static uint64_t
call_clmulh (uint64_t a, uint64_t b)
{
  return cop_clmulh (a, b);
}

static uint64_t
call_clmulr (uint64_t a, uint64_t b)
{
  return cop_clmulr (a, b);
}

static void
call_c (CopJitBackend *b, CopJitCallee callee, const CopIrNode *node, CopReg dst)
{
  lower_value (b, node->a, RAX, 0);
  if (node->b != IR_NONE)
    lower_value (b, node->b, RDX, BIT (RAX));
  asm_mov_ri (&b->a, RCX, (uint64_t) (uintptr_t) callee);
  lower_save_all_f (b);
  asm_call_to (&b->a, b->call);
  lower_load_all_f (b);
  lower_forget_copies (b);
  asm_mov_rr (&b->a, true, dst, RAX);
}

/* f3 0f ...: popcnt, lzcnt, tzcnt. */
static void
count_bits (CopJitBackend *b, bool native, uint8_t opcode, CopJitCallee callee, const CopIrNode *node,
            CopReg dst, uint32_t keep)
{
  CopReg reg;

  if (!native)
    {
      call_c (b, callee, node, dst);
      return;
    }
  reg = lower_to_some_reg (b, node->a, pick_scratch (NO_REG, keep), keep);
  asm_rr (&b->a, 0xf3000f00u | opcode, true, dst, reg);
}

/* --- comparisons ------------------------------------------------------------------------------- */

static bool
is_comparison (CopIrOp op)
{
  return op >= IR_EQ && op <= IR_GEU;
}

CopCond
lower_condition (CopJitBackend *b, CopIrRef ref)
{
  static const CopCond mirrored[] = {
    [IR_EQ - IR_EQ] = CC_E,  [IR_NE - IR_EQ] = CC_NE,  [IR_LT - IR_EQ] = CC_G,
    [IR_GE - IR_EQ] = CC_LE, [IR_LTU - IR_EQ] = CC_A,  [IR_GEU - IR_EQ] = CC_BE,
  };
  CopIrNode node = *node_of (b, ref);
  bool swapped = false;
  CopReg left;
  int32_t value;
  CopMem m;

  if (!is_comparison (node.op))
    {
      left = lower_to_some_reg (b, ref, RAX, 0);
      asm_rr (&b->a, 0x85, true, left, left);
      return CC_NE;
    }
  if (node_of (b, node.a)->op == IR_CONST)
    {
      CopIrRef other = node.a;

      node.a = node.b;
      node.b = other;
      swapped = true;
    }
  if (is_imm32 (b, node.b, &value) && in_memory (b, node.a, &m))
    asm_alu_mi (&b->a, ALU_CMP, true, m, value);
  else
    {
      left = lower_to_some_reg (b, node.a, RAX, 0);
      if (is_imm32 (b, node.b, &value) && value == 0)
        asm_rr (&b->a, 0x85, true, left, left);
      else
        alu_with (b, ALU_CMP, true, left, node.b, is_scratch (left) ? BIT (left) : 0);
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

/* --- the tree ---------------------------------------------------------------------------------- */

static void
extend (CopJitBackend *b, uint32_t opcode, bool w, bool byte, CopIrRef ref, CopReg dst,
        uint32_t keep)
{
  CopReg reg = lower_to_some_reg (b, ref, is_scratch (dst) ? dst : pick_scratch (NO_REG, keep), keep);

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
      binary (b, ALU_SUB, false, &node, dst, keep);
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
          CopReg other = lower_to_some_reg (b, node.b, pick_scratch (NO_REG, keep), keep);

          asm_vex (&b->a, 0, 2, 0xf2, true, dst, other, in_register (b, node.a));
        }
      else
        {
          CopReg work = pick_scratch (NO_REG, keep);

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
    case IR_SLL:
      shift (b, SHIFT_SHL, true, &node, dst, keep);
      break;
    case IR_SRL:
      shift (b, SHIFT_SHR, true, &node, dst, keep);
      break;
    case IR_SRA:
      shift (b, SHIFT_SAR, true, &node, dst, keep);
      break;
    case IR_SLL32:
      shift (b, SHIFT_SHL, false, &node, dst, keep);
      sign_extend_32 (b, dst, dst);
      break;
    case IR_SRL32:
      {
        int32_t amount;

        shift (b, SHIFT_SHR, false, &node, dst, keep);
        /* Zeros that come in at the top are the sign. */
        if (!is_imm32 (b, node.b, &amount) || (amount & 31) == 0)
          sign_extend_32 (b, dst, dst);
      }
      break;
    case IR_SRA32:
      shift (b, SHIFT_SAR, false, &node, dst, keep);
      sign_extend_32 (b, dst, dst);
      break;
    case IR_ROL:
      shift (b, SHIFT_ROL, true, &node, dst, keep);
      break;
    case IR_ROR:
      shift (b, SHIFT_ROR, true, &node, dst, keep);
      break;
    case IR_ROL32:
      shift (b, SHIFT_ROL, false, &node, dst, keep);
      break;
    case IR_ROR32:
      shift (b, SHIFT_ROR, false, &node, dst, keep);
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
            multiply (b, false, &inner, dst, keep);
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
      multiply (b, true, &node, dst, keep);
      break;
    case IR_MULH:
    case IR_MULHU:
    case IR_MULHSU:
      multiply_high (b, &node, dst);
      break;
    case IR_DIV:
    case IR_DIVU:
    case IR_REM:
    case IR_REMU:
    case IR_DIV32:
    case IR_DIVU32:
    case IR_REM32:
    case IR_REMU32:
      divide (b, &node, dst);
      break;
    case IR_CLZ:
      count_bits (b, b->host.lzcnt, 0xbd, call_clz, &node, dst, keep);
      break;
    case IR_CTZ:
      count_bits (b, b->host.bmi1, 0xbc, call_ctz, &node, dst, keep);
      break;
    case IR_POPCOUNT:
      count_bits (b, b->host.popcnt, 0xb8, call_popcount, &node, dst, keep);
      break;
    case IR_BSWAP:
      lower_value (b, node.a, dst, keep);
      emit8 (&b->a, 0x48 | (dst >> 3));
      emit8 (&b->a, 0x0f);
      emit8 (&b->a, 0xc8 + (dst & 7));
      break;
    case IR_ORC_B:
      call_c (b, call_orc_b, &node, dst);
      break;
    case IR_CLMUL:
      call_c (b, call_clmul, &node, dst);
      break;
    case IR_CLMULH:
      call_c (b, call_clmulh, &node, dst);
      break;
    case IR_CLMULR:
      call_c (b, call_clmulr, &node, dst);
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
