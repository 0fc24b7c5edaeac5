/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Floating point on SSE2 and FMA: the operations programs are made of in line, the rest by way of
 * fpu-host.h in C.
 *
 * While translated code runs, MXCSR has the guest's rounding mode and gathers its flags. What SSE
 * does otherwise than RISC-V: NaN results are made canonical out of line, and conversions that the
 * host calls indefinite are done again in C, for saturation.
 */
#include "engine/jit/x86/lower-private.h"

#include "engine/riscv/fpu.h"

#define BIT(reg) (1u << (reg))

/* xmm registers, by number, where a CopReg is expected. */
#define XMM(n) ((CopReg) (n))

#define UCOMIS64 0x66000f2eu
#define COMIS64 0x66000f2fu
#define UCOMIS32 0x0f2eu
#define COMIS32 0x0f2fu

static const CopIrNode *
node_of (const CopJitBackend *b, CopIrRef ref)
{
  return cop_ir_node (b->unit, ref);
}

static CopIrFp
fp_op (const CopIrNode *node)
{
  return node->imm >> 8;
}

static bool
is_native (const CopIrNode *node)
{
  return (node->imm & 0xff) == IR_RM_NATIVE;
}

/* How an operation is done in line. */
typedef enum
{
  FORM_CALL,                    /* it is not */
  FORM_BINARY,
  FORM_SQRT,
  FORM_FMA,
  FORM_COMPARE,
  FORM_NARROW,                  /* f64 to f32 */
  FORM_WIDEN,
  FORM_FROM_INT,
  FORM_TO_INT,
} Form;

typedef struct
{
  uint8_t  form;
  bool     is_double;           /* of the operands; of FROM_INT, the result */
  uint32_t opcode;
  bool     wide;                /* the integer is of 64 bits */
  bool     is_unsigned;         /* of FROM_INT: a u32, as an i64 */
} FpRow;

/* clang-format off */
static const FpRow rows[IR_FP_LAST] = {
  [IR_FP_f32_add]    = { FORM_BINARY,   false, 0xf3000f58 },
  [IR_FP_f32_sub]    = { FORM_BINARY,   false, 0xf3000f5c },
  [IR_FP_f32_mul]    = { FORM_BINARY,   false, 0xf3000f59 },
  [IR_FP_f32_div]    = { FORM_BINARY,   false, 0xf3000f5e },
  [IR_FP_f32_sqrt]   = { FORM_SQRT,     false, 0xf3000f51 },
  [IR_FP_f32_fma]    = { FORM_FMA,      false },
  [IR_FP_f64_add]    = { FORM_BINARY,   true,  0xf2000f58 },
  [IR_FP_f64_sub]    = { FORM_BINARY,   true,  0xf2000f5c },
  [IR_FP_f64_mul]    = { FORM_BINARY,   true,  0xf2000f59 },
  [IR_FP_f64_div]    = { FORM_BINARY,   true,  0xf2000f5e },
  [IR_FP_f64_sqrt]   = { FORM_SQRT,     true,  0xf2000f51 },
  [IR_FP_f64_fma]    = { FORM_FMA,      true },
  [IR_FP_f64_to_f32] = { FORM_NARROW,   true,  0xf2000f5a },
  [IR_FP_f32_to_f64] = { FORM_WIDEN,    false, 0xf3000f5a },
  [IR_FP_f32_eq]     = { FORM_COMPARE,  false, UCOMIS32 },
  [IR_FP_f32_lt]     = { FORM_COMPARE,  false, COMIS32 },
  [IR_FP_f32_le]     = { FORM_COMPARE,  false, COMIS32 },
  [IR_FP_f64_eq]     = { FORM_COMPARE,  true,  UCOMIS64 },
  [IR_FP_f64_lt]     = { FORM_COMPARE,  true,  COMIS64 },
  [IR_FP_f64_le]     = { FORM_COMPARE,  true,  COMIS64 },
  [IR_FP_i32_to_f32] = { FORM_FROM_INT, false, 0xf3000f2a },
  [IR_FP_u32_to_f32] = { FORM_FROM_INT, false, 0xf3000f2a, true, true },
  [IR_FP_i64_to_f32] = { FORM_FROM_INT, false, 0xf3000f2a, true },
  [IR_FP_i32_to_f64] = { FORM_FROM_INT, true,  0xf2000f2a },
  [IR_FP_u32_to_f64] = { FORM_FROM_INT, true,  0xf2000f2a, true, true },
  [IR_FP_i64_to_f64] = { FORM_FROM_INT, true,  0xf2000f2a, true },
  [IR_FP_f32_to_i32] = { FORM_TO_INT,   false, 0xf3000f2d },
  [IR_FP_f32_to_i64] = { FORM_TO_INT,   false, 0xf3000f2d, true },
  [IR_FP_f64_to_i32] = { FORM_TO_INT,   true,  0xf2000f2d },
  [IR_FP_f64_to_i64] = { FORM_TO_INT,   true,  0xf2000f2d, true },
};
/* clang-format on */

/* Whether the host does the node in line as it is. */
static bool
is_inline (const CopJitBackend *b, const CopIrNode *node)
{
  const FpRow *row = &rows[fp_op (node)];

  if (row->form == FORM_CALL || (row->form == FORM_FMA && !b->host.fma))
    return false;
  /* Towards zero has conversions of its own. */
  return is_native (node) || (row->form == FORM_TO_INT && (node->imm & 0xff) == COP_RM_RTZ);
}

/* --- operands ---------------------------------------------------------------------------------- */

static CopStub *
add_stub (CopJitBackend *b, uint8_t kind)
{
  CopStub *stub = lower_add_stub (b, kind);

  stub->back = asm_new_label (&b->a);
  return stub;
}

static void
gpr_to_xmm (CopJitBackend *b, bool is_double, CopReg xmm, CopReg gpr)
{
  asm_rr (&b->a, 0x66000f6e, is_double, xmm, gpr);
}

static void
xmm_to_gpr (CopJitBackend *b, bool is_double, CopReg gpr, CopReg xmm)
{
  asm_rr (&b->a, 0x66000f7e, is_double, xmm, gpr);
}

/* Checks that an f register holds a boxed f32, else takes the canonical NaN in xmm instead. */
static void
load_unboxed (CopJitBackend *b, unsigned reg, CopReg xmm)
{
  CopMem m = f_mem (reg), high = m;

  asm_rm (&b->a, 0xf3000f10, false, xmm, m);
  if (b->boxed[reg])
    return;
  high.disp += 4;
  {
    CopStub *stub = add_stub (b, STUB_UNBOX);
    CopLabel label = stub->label, back = stub->back;

    stub->value = xmm;
    asm_alu_mi (&b->a, ALU_CMP, false, high, -1);
    asm_jcc (&b->a, CC_NE, label);
    asm_bind (&b->a, back);
  }
}

static void fp_to_xmm (CopJitBackend *b, CopIrRef ref, CopReg xmm);

/* An operand of the given width into @xmm. */
static void
operand (CopJitBackend *b, bool is_double, CopIrRef ref, CopReg xmm)
{
  const CopIrNode *node = node_of (b, ref);

  if (is_double && node->op == IR_GETF)
    asm_rm (&b->a, 0xf2000f10, false, xmm, f_mem (node->imm));
  else if (!is_double && node->op == IR_UNBOX32 && node_of (b, node->a)->op == IR_GETF)
    load_unboxed (b, node_of (b, node->a)->imm, xmm);
  else
    {
      lower_value (b, ref, RAX, 0);
      gpr_to_xmm (b, is_double, xmm, RAX);
    }
}

/* xmm0 op= operand, from memory where it may. */
static void
op_with (CopJitBackend *b, uint32_t opcode, bool is_double, CopIrRef ref)
{
  const CopIrNode *node = node_of (b, ref);

  if (is_double && node->op == IR_GETF)
    asm_rm (&b->a, opcode, false, XMM (0), f_mem (node->imm));
  else
    {
      operand (b, is_double, ref, XMM (1));
      asm_rr (&b->a, opcode, false, XMM (0), XMM (1));
    }
}

/* --- results ----------------------------------------------------------------------------------- */

/* Makes a NaN in xmm0 canonical. */
static void
canonicalise (CopJitBackend *b, bool is_double)
{
  CopStub *stub = add_stub (b, is_double ? STUB_NAN64 : STUB_NAN32);
  CopLabel label = stub->label, back = stub->back;

  asm_rr (&b->a, is_double ? UCOMIS64 : UCOMIS32, false, XMM (0), XMM (0));
  asm_jcc (&b->a, CC_P, label);
  asm_bind (&b->a, back);
}

/* A NaN out of a fused operation is made in C, which knows when infinity times zero is invalid. */
static void
redo_nan (CopJitBackend *b, bool is_double, CopIrRef ref)
{
  CopStub *stub = add_stub (b, STUB_CONVERT);
  CopLabel label = stub->label, back = stub->back;

  stub->imm = ref;
  stub->detail = is_double ? 2 : 1;
  asm_rr (&b->a, is_double ? UCOMIS64 : UCOMIS32, false, XMM (0), XMM (0));
  asm_jcc (&b->a, CC_P, label);
  asm_bind (&b->a, back);
}

static void
call_fp (CopJitBackend *b, const CopIrNode *node)
{
  const CopIrRef operands[] = { node->a, node->b, node->c };

  for (unsigned i = 0; i < G_N_ELEMENTS (operands); i++)
    if (operands[i] != IR_NONE)
      {
        lower_value (b, operands[i], RAX, 0);
        asm_store (&b->a, HART_FIELD (jit.args[i]), RAX);
      }
  asm_mov_ri (&b->a, RCX, node->imm);
  asm_call_to (&b->a, b->fp);
}

/* Evaluates an FP node whose result is an f32 or f64 into xmm0. */
static void
fp_to_xmm (CopJitBackend *b, CopIrRef ref, CopReg xmm)
{
  CopIrNode node = *node_of (b, ref);
  const FpRow *row = &rows[fp_op (&node)];
  bool is_double = row->is_double;

  g_assert (xmm == XMM (0));
  switch ((Form) row->form)
    {
    case FORM_BINARY:
      operand (b, is_double, node.a, XMM (0));
      op_with (b, row->opcode, is_double, node.b);
      canonicalise (b, is_double);
      break;
    case FORM_SQRT:
      operand (b, is_double, node.a, XMM (1));
      asm_rr (&b->a, row->opcode, false, XMM (0), XMM (1));
      canonicalise (b, is_double);
      break;
    case FORM_FMA:
      operand (b, is_double, node.a, XMM (0));
      operand (b, is_double, node.b, XMM (1));
      operand (b, is_double, node.c, XMM (2));
      asm_vex (&b->a, 1, 2, 0xa9, is_double, XMM (0), XMM (1), XMM (2));
      redo_nan (b, is_double, ref);
      break;
    case FORM_NARROW:
    case FORM_WIDEN:
      operand (b, is_double, node.a, XMM (1));
      asm_rr (&b->a, row->opcode, false, XMM (0), XMM (1));
      canonicalise (b, !is_double);
      break;
    case FORM_FROM_INT:
      lower_value (b, node.a, RAX, 0);
      if (row->is_unsigned)
        asm_rr (&b->a, 0x8b, false, RAX, RAX);
      asm_rr (&b->a, 0x0f57, false, XMM (0), XMM (0));
      asm_rr (&b->a, row->opcode, row->wide, XMM (0), RAX);
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
compare (CopJitBackend *b, const CopIrNode *node, CopReg dst)
{
  const FpRow *row = &rows[fp_op (node)];
  CopIrFp op = fp_op (node);
  bool equal = op == IR_FP_f32_eq || op == IR_FP_f64_eq;

  /* Above is false when unordered, so that a < b is asked as b > a. */
  operand (b, row->is_double, equal ? node->a : node->b, XMM (0));
  operand (b, row->is_double, equal ? node->b : node->a, XMM (1));
  asm_rr (&b->a, row->opcode, false, XMM (0), XMM (1));
  if (equal)
    {
      asm_setcc (&b->a, CC_NP, RAX);
      asm_setcc (&b->a, CC_E, RCX);
      asm_alu_rr (&b->a, ALU_AND, false, RAX, RCX);
    }
  else
    asm_setcc (&b->a, op == IR_FP_f32_lt || op == IR_FP_f64_lt ? CC_A : CC_AE, RAX);
  asm_rr8 (&b->a, 0x0fb6, dst, RAX);
}

/* cvt(t)sd2si and kin; the indefinite integer may be a saturated one. */
static void
to_integer (CopJitBackend *b, CopIrRef ref, const CopIrNode *node, CopReg dst)
{
  const FpRow *row = &rows[fp_op (node)];
  bool truncates = (node->imm & 0xff) == COP_RM_RTZ;
  CopStub *stub = add_stub (b, STUB_CONVERT);
  CopLabel label = stub->label, back = stub->back;

  stub->imm = ref;
  stub->detail = 0;
  operand (b, row->is_double, node->a, XMM (0));
  asm_rr (&b->a, truncates ? row->opcode - 1 : row->opcode, row->wide, RAX, XMM (0));
  /* a - 1 overflows for the indefinite value alone */
  asm_alu_ri (&b->a, ALU_CMP, row->wide, RAX, 1);
  asm_jcc (&b->a, CC_O, label);
  asm_bind (&b->a, back);
  asm_mov_rr (&b->a, true, dst, RAX);
}

void
lower_fp_to_int (CopJitBackend *b, CopIrRef ref, CopReg dst)
{
  CopIrNode node = *node_of (b, ref);
  CopMem m;

  switch (node.op)
    {
    case IR_UNBOX32:
      m = f_mem (node_of (b, node.a)->imm);
      asm_rm (&b->a, 0x8b, false, dst, m);
      if (!b->boxed[node_of (b, node.a)->imm])
        {
          CopStub *stub = add_stub (b, STUB_UNBOX);
          CopLabel label = stub->label, back = stub->back;

          stub->value = dst;
          stub->detail = 1;
          m.disp += 4;
          asm_alu_mi (&b->a, ALU_CMP, false, m, -1);
          asm_jcc (&b->a, CC_NE, label);
          asm_bind (&b->a, back);
        }
      return;
    case IR_FNEG32:
      lower_value (b, node.a, dst, 0);
      asm_alu_ri (&b->a, ALU_XOR, false, dst, INT32_MIN);
      return;
    case IR_FNEG64:
      lower_value (b, node.a, dst, 0);
      /* btc dst, 63 */
      asm_rr (&b->a, 0x0fba, true, (CopReg) 7, dst);
      emit8 (&b->a, 63);
      return;
    case IR_FP:
      break;
    default:
      g_assert_not_reached ();
    }

  if (!is_inline (b, &node))
    {
      call_fp (b, &node);
      asm_mov_rr (&b->a, true, dst, RAX);
      return;
    }
  switch ((Form) rows[fp_op (&node)].form)
    {
    case FORM_COMPARE:
      compare (b, &node, dst);
      break;
    case FORM_TO_INT:
      to_integer (b, ref, &node, dst);
      break;
    default:
      fp_to_xmm (b, ref, XMM (0));
      xmm_to_gpr (b, true, dst, XMM (0));
    }
}

/* Whether the node is done in line and leaves an f32 or f64. */
static bool
goes_to_xmm (const CopJitBackend *b, const CopIrNode *node)
{
  Form form;

  if (node->op != IR_FP || !is_inline (b, node))
    return false;
  form = rows[fp_op (node)].form;
  return form != FORM_COMPARE && form != FORM_TO_INT;
}

void
lower_setf (CopJitBackend *b, const CopIrStatement *statement)
{
  CopMem m = f_mem (statement->reg), high = m;
  CopIrNode node = *node_of (b, statement->a);

  high.disp += 4;
  if (node.op == IR_BOX32)
    {
      if (goes_to_xmm (b, node_of (b, node.a)))
        {
          fp_to_xmm (b, node.a, XMM (0));
          asm_rm (&b->a, 0xf3000f11, false, XMM (0), m);
        }
      else
        {
          lower_value (b, node.a, RAX, 0);
          asm_rm (&b->a, 0x89, false, RAX, m);
        }
      asm_store_i (&b->a, 4, high, -1);
      b->boxed[statement->reg] = true;
      return;
    }

  b->boxed[statement->reg] = false;
  if (node.op == IR_BOX16)
    {
      lower_value (b, node.a, RAX, 0);
      asm_alu_ri (&b->a, ALU_OR, true, RAX, -65536);
      asm_store (&b->a, m, RAX);
    }
  else if (goes_to_xmm (b, &node))
    {
      fp_to_xmm (b, statement->a, XMM (0));
      asm_rm (&b->a, 0xf2000f11, false, XMM (0), m);
    }
  else
    {
      lower_value (b, statement->a, RAX, 0);
      asm_store (&b->a, m, RAX);
    }
}

void
lower_fp_stub (CopJitBackend *b, const CopStub *stub)
{
  asm_bind (&b->a, stub->label);
  switch (stub->kind)
    {
    case STUB_UNBOX:
      if (stub->detail == 1)
        asm_mov_ri (&b->a, stub->value, COP_F32_NAN);
      else
        {
          asm_mov_ri (&b->a, RAX, COP_F32_NAN);
          gpr_to_xmm (b, false, stub->value, RAX);
        }
      break;
    case STUB_NAN32:
      asm_mov_ri (&b->a, RAX, COP_F32_NAN);
      gpr_to_xmm (b, false, XMM (0), RAX);
      break;
    case STUB_NAN64:
      asm_mov_ri (&b->a, RAX, COP_F64_NAN);
      gpr_to_xmm (b, true, XMM (0), RAX);
      break;
    default:
      {
        CopIrNode node = *node_of (b, stub->imm);

        call_fp (b, &node);
        if (stub->detail != 0)
          gpr_to_xmm (b, stub->detail == 2, XMM (0), RAX);
      }
    }
  asm_jmp (&b->a, stub->back);
}
