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

/* xmm registers, by number, where a CopReg is expected. */
#define XMM(n) ((CopReg) (n))

#define UCOMIS64 0x66000f2eu
#define COMIS64 0x66000f2fu
#define UCOMIS32 0x0f2eu
#define COMIS32 0x0f2fu

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
  FORM_FROM_U64,                /* of AVX-512, as the next */
  FORM_TO_UNSIGNED,
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
  [IR_FP_u64_to_f32] = { FORM_FROM_U64,    false, 0x7b, true },
  [IR_FP_u64_to_f64] = { FORM_FROM_U64,    true,  0x7b, true },
  [IR_FP_f32_to_u32] = { FORM_TO_UNSIGNED, false, 0x79 },
  [IR_FP_f32_to_u64] = { FORM_TO_UNSIGNED, false, 0x79, true },
  [IR_FP_f64_to_u32] = { FORM_TO_UNSIGNED, true,  0x79 },
  [IR_FP_f64_to_u64] = { FORM_TO_UNSIGNED, true,  0x79, true },
};
/* clang-format on */

static bool
is_to_integer (Form form)
{
  return form == FORM_TO_INT || form == FORM_TO_UNSIGNED;
}

/* Whether the host does the node in line as it is. */
static bool
is_inline (const CopJitBackend *b, const CopIrNode *node)
{
  const FpRow *row = &rows[fp_op (node)];

  if (row->form == FORM_CALL || (row->form == FORM_FMA && !b->host.fma) ||
      (row->form >= FORM_FROM_U64 && !b->host.avx512f))
    return false;
  /* Towards zero has conversions of its own. */
  return is_native (node) || (is_to_integer (row->form) && (node->imm & 0xff) == COP_RM_RTZ);
}

/* The prefix that says f32 or f64 in an EVEX instruction. */
static unsigned
evex_pp (const FpRow *row)
{
  return row->is_double ? 3 : 2;
}

/* --- copies in xmm registers ------------------------------------------------------------------- */

/* xmm0 to 2 are scratch. */
#define FIRST_COPY 3

void
lower_forget_copies (CopJitBackend *b)
{
  memset (b->f.kind, F_COPY_NONE, sizeof b->f.kind);
}

uint32_t
lower_note_copies (CopJitBackend *b)
{
  for (unsigned i = FIRST_COPY; i < 16; i++)
    if (b->f.kind[i] != F_COPY_NONE)
      {
        g_array_append_val (b->copies, b->f);
        return b->copies->len - 1;
      }
  return NO_COPIES;
}

static void
load_copy (CopJitBackend *b, CopReg xmm, unsigned reg, CopFCopyKind kind)
{
  asm_rm (&b->a, kind == F_COPY_64 ? 0xf2000f10 : 0xf3000f10, false, xmm, f_mem (reg));
}

void
lower_restore_copies (CopJitBackend *b, uint32_t copies)
{
  CopFCopies f;

  if (copies == NO_COPIES)
    return;
  f = g_array_index (b->copies, CopFCopies, copies);
  for (unsigned i = FIRST_COPY; i < 16; i++)
    if (f.kind[i] != F_COPY_NONE)
      load_copy (b, XMM (i), f.reg[i], f.kind[i]);
}

/* A register for a new copy or result, none of those in @keep (a bit each). */
static CopReg
new_copy (CopJitBackend *b, uint32_t keep)
{
  do
    b->next_copy = b->next_copy == 15 ? FIRST_COPY : b->next_copy + 1;
  while (b->next_copy < FIRST_COPY || (keep & BIT (b->next_copy)) ||
         b->r.fguest[b->next_copy] != NO_REG);
  b->f.kind[b->next_copy] = F_COPY_NONE;
  return XMM (b->next_copy);
}

static void
drop_copies_of (CopJitBackend *b, unsigned reg)
{
  for (unsigned i = FIRST_COPY; i < 16; i++)
    if (b->f.reg[i] == reg)
      b->f.kind[i] = F_COPY_NONE;
}

/* @xmm holds f register @reg from now on. */
static void
set_copy (CopJitBackend *b, CopReg xmm, unsigned reg, CopFCopyKind kind)
{
  drop_copies_of (b, reg);
  b->f.reg[xmm] = reg;
  b->f.kind[xmm] = kind;
}

static bool
is_boxed (const CopJitBackend *b, unsigned reg)
{
  return b->boxed >> reg & 1;
}

static CopReg
find_copy (const CopJitBackend *b, unsigned reg, bool is_double)
{
  if (b->r.fhost[reg] != NO_REG)
    return is_double || is_boxed (b, reg) ? XMM (b->r.fhost[reg]) : NO_REG;
  for (unsigned i = FIRST_COPY; i < 16; i++)
    if (b->f.reg[i] == reg && b->f.kind[i] != F_COPY_NONE &&
        (is_double ? b->f.kind[i] == F_COPY_64 : b->f.kind[i] == F_COPY_32 || is_boxed (b, reg)))
      return XMM (i);
  return NO_REG;
}

CopReg
lower_find_f (const CopJitBackend *b, unsigned reg, unsigned bits)
{
  if (b->r.fhost[reg] != NO_REG)
    return XMM (b->r.fhost[reg]);
  for (unsigned i = FIRST_COPY; i < 16; i++)
    if (b->f.reg[i] == reg && (b->f.kind[i] == F_COPY_64 || (b->f.kind[i] == F_COPY_32 && bits == 32)))
      return XMM (i);
  return NO_REG;
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

static void
move (CopJitBackend *b, CopReg to, CopReg from)
{
  asm_rr (&b->a, 0x0f28, false, to, from);      /* movaps */
}

void
lower_f_word (CopJitBackend *b, unsigned reg, CopReg dst)
{
  if (b->r.fhost[reg] != NO_REG)
    xmm_to_gpr (b, false, dst, XMM (b->r.fhost[reg]));
  else
    asm_rm (&b->a, 0x8b, false, dst, f_mem (reg));
}

/* Checks that an f register holds a boxed f32, else takes the canonical NaN in xmm instead. */
static void
load_unboxed (CopJitBackend *b, unsigned reg, CopReg xmm)
{
  CopStub *stub;
  CopLabel label, back;

  if (b->r.fhost[reg] != NO_REG)
    move (b, xmm, XMM (b->r.fhost[reg]));
  else
    load_copy (b, xmm, reg, F_COPY_32);
  stub = add_stub (b, STUB_UNBOX);
  label = stub->label;
  back = stub->back;
  stub->value = xmm;
  asm_alu_mi (&b->a, ALU_CMP, false, lower_f_high (reg), -1);
  asm_jcc (&b->a, CC_NE, label);
  asm_bind (&b->a, back);
}

/* An operand of the given width: the register it stands in, by a copy, or @scratch. */
static CopReg
operand (CopJitBackend *b, bool is_double, CopIrRef ref, CopReg scratch, uint32_t keep)
{
  const CopIrNode *node = node_of (b, ref);
  CopReg xmm;

  if (is_double && node->op == IR_GETF)
    {
      xmm = find_copy (b, node->imm, true);
      if (xmm != NO_REG)
        return xmm;
      xmm = new_copy (b, keep);
      load_copy (b, xmm, node->imm, F_COPY_64);
      set_copy (b, xmm, node->imm, F_COPY_64);
      return xmm;
    }
  if (!is_double && node->op == IR_UNBOX32 && node_of (b, node->a)->op == IR_GETF)
    {
      unsigned reg = node_of (b, node->a)->imm;

      xmm = find_copy (b, reg, false);
      if (xmm != NO_REG)
        return xmm;
      if (!is_boxed (b, reg))
        {
          load_unboxed (b, reg, scratch);
          return scratch;
        }
      xmm = new_copy (b, keep);
      load_copy (b, xmm, reg, F_COPY_32);
      set_copy (b, xmm, reg, F_COPY_32);
      return xmm;
    }
  lower_value (b, ref, RAX, 0);
  gpr_to_xmm (b, is_double, scratch, RAX);
  return scratch;
}

/* --- results ----------------------------------------------------------------------------------- */

/* Makes a NaN in @xmm canonical. */
static void
canonicalise (CopJitBackend *b, bool is_double, CopReg xmm)
{
  CopStub *stub = add_stub (b, is_double ? STUB_NAN64 : STUB_NAN32);
  CopLabel label = stub->label, back = stub->back;

  stub->value = xmm;
  asm_rr (&b->a, is_double ? UCOMIS64 : UCOMIS32, false, xmm, xmm);
  asm_jcc (&b->a, CC_P, label);
  asm_bind (&b->a, back);
}

/* Out of line, the node is done again in C, into @value: rax, or an xmm register of @bits. @saved: what
   was in that before and is an operand; or NO_REG */
static void
add_redo (CopJitBackend *b, CopIrRef ref, CopCond cc, CopReg value, unsigned bits, CopReg saved)
{
  CopStub *stub = add_stub (b, STUB_CONVERT);
  CopLabel label = stub->label, back = stub->back;

  stub->imm = ref;
  stub->value = value;
  stub->address = saved;
  stub->detail = bits;
  stub->copies = lower_note_copies (b);
  asm_jcc (&b->a, cc, label);
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
  lower_save_all_f (b);
  asm_mov_ri (&b->a, RCX, node->imm);
  asm_call_to (&b->a, b->fp);
  lower_load_all_f (b);
}

/* The operand of an FMA with its sign changed or not, as a shape of the instruction does. */
static CopReg
signed_operand (CopJitBackend *b, bool is_double, CopIrRef ref, CopReg scratch, uint32_t keep,
                bool *negated)
{
  const CopIrNode *node = node_of (b, ref);
  CopIrOp inner = node->a != IR_NONE ? node_of (b, node->a)->op : IR_CONST;

  *negated = is_double ? node->op == IR_FNEG64 && inner == IR_GETF
                       : node->op == IR_FNEG32 && inner == IR_UNBOX32;
  return operand (b, is_double, *negated ? node->a : ref, scratch, keep);
}

/* vfmadd213 and its kin, which put the sum in the place of a factor. */
#define FMA_213 0xa9
/* The same in the place of what is added. */
#define FMA_231 0xb9

static CopReg
fused (CopJitBackend *b, CopIrRef ref, CopReg home)
{
  CopIrNode node = *node_of (b, ref);
  bool is_double = rows[fp_op (&node)].is_double, minus_x, minus_z;
  CopReg x = signed_operand (b, is_double, node.a, XMM (0), 0, &minus_x);
  CopReg y = operand (b, is_double, node.b, XMM (1), BIT (x));
  CopReg z = signed_operand (b, is_double, node.c, XMM (2), BIT (x) | BIT (y), &minus_z);
  unsigned signs = (minus_x ? 4 : 0) + (minus_z ? 2 : 0);
  CopReg result = home, saved = NO_REG;

  if (home == NO_REG || (home != x && home != y && home != z))
    {
      if (home == NO_REG)
        result = new_copy (b, BIT (x) | BIT (y) | BIT (z));
      move (b, result, x);
      asm_vex (&b->a, 1, 2, FMA_213 + signs, is_double, result, y, z);
    }
  else
    {
      /* The operand may be needed once more. Its scratch register is free. */
      saved = XMM (home == z ? 2 : home == x ? 0 : 1);
      move (b, saved, home);
      if (home == z)
        asm_vex (&b->a, 1, 2, FMA_231 + signs, is_double, home, x, y);
      else
        asm_vex (&b->a, 1, 2, FMA_213 + signs, is_double, home, home == x ? y : x, z);
    }
  /* Infinity times zero plus NaN is invalid to RISC-V, not to the host. */
  asm_rr (&b->a, is_double ? UCOMIS64 : UCOMIS32, false, result, result);
  add_redo (b, ref, CC_P, result, is_double ? 64 : 32, saved);
  return result;
}

/* Evaluates an FP node whose result is an f32 or f64. @home: an xmm register that the result is
   wanted in, or NO_REG. Returns: the xmm register it is in: @home, or one that is no copy of
   anything yet */
static CopReg
fp_to_xmm (CopJitBackend *b, CopIrRef ref, CopReg home)
{
  CopIrNode node = *node_of (b, ref);
  const FpRow *row = &rows[fp_op (&node)];
  bool is_double = row->is_double;
  CopReg x, y, result;

  switch ((Form) row->form)
    {
    case FORM_BINARY:
      x = operand (b, is_double, node.a, XMM (0), 0);
      y = operand (b, is_double, node.b, XMM (1), BIT (x));
      result = home != NO_REG ? home : new_copy (b, BIT (x) | BIT (y));
      if (b->host.avx)
        asm_vex (&b->a, is_double ? 3 : 2, 1, row->opcode & 0xff, false, result, x, y);
      else
        {
          CopReg work = result == y ? XMM (2) : result;

          move (b, work, x);
          asm_rr (&b->a, row->opcode, false, work, y);
          if (work != result)
            move (b, result, work);
        }
      canonicalise (b, is_double, result);
      return result;
    case FORM_SQRT:
    case FORM_NARROW:
    case FORM_WIDEN:
      x = operand (b, is_double, node.a, XMM (0), 0);
      result = home != NO_REG && (home != x || b->host.avx) ? home : new_copy (b, BIT (x));
      /* The upper half of the result comes from its old value, which need not be waited for; with AVX
         it comes from the operand. */
      if (!b->host.avx)
        asm_rr (&b->a, 0x0f57, false, result, result);
      asm_rr (&b->a, row->opcode, false, result, x);
      canonicalise (b, row->form == FORM_SQRT ? is_double : !is_double, result);
      return result;
    case FORM_FMA:
      return fused (b, ref, home);
    case FORM_FROM_INT:
      lower_value (b, node.a, RAX, 0);
      if (row->is_unsigned)
        asm_rr (&b->a, 0x8b, false, RAX, RAX);
      result = home != NO_REG ? home : new_copy (b, 0);
      asm_rr (&b->a, 0x0f57, false, result, result);
      asm_rr (&b->a, row->opcode, row->wide, result, RAX);
      return result;
    case FORM_FROM_U64:
      lower_value (b, node.a, RAX, 0);
      result = home != NO_REG ? home : new_copy (b, 0);
      asm_rr (&b->a, 0x0f57, false, result, result);
      asm_evex (&b->a, evex_pp (row), row->opcode, true, result, result, RAX);
      return result;
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
  CopReg left, right;

  /* Above is false when unordered, so that a < b is asked as b > a. */
  left = operand (b, row->is_double, equal ? node->a : node->b, XMM (0), 0);
  right = operand (b, row->is_double, equal ? node->b : node->a, XMM (1), BIT (left));
  asm_rr (&b->a, row->opcode, false, left, right);
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

/* vcvt(t)sd2usi and kin; all ones is what is out of range, or the largest. */
static void
to_unsigned (CopJitBackend *b, CopIrRef ref, const CopIrNode *node, CopReg dst)
{
  const FpRow *row = &rows[fp_op (node)];
  bool truncates = (node->imm & 0xff) == COP_RM_RTZ;
  CopReg xmm = operand (b, row->is_double, node->a, XMM (0), 0);

  asm_evex (&b->a, evex_pp (row), truncates ? row->opcode - 1 : row->opcode, row->wide, RAX, RAX, xmm);
  asm_alu_ri (&b->a, ALU_CMP, row->wide, RAX, -1);
  add_redo (b, ref, CC_E, RAX, 0, NO_REG);
  asm_mov_rr (&b->a, true, dst, RAX);
}

/* cvt(t)sd2si and kin; the indefinite integer may be a saturated one. */
static void
to_integer (CopJitBackend *b, CopIrRef ref, const CopIrNode *node, CopReg dst)
{
  const FpRow *row = &rows[fp_op (node)];
  bool truncates = (node->imm & 0xff) == COP_RM_RTZ;
  CopReg xmm = operand (b, row->is_double, node->a, XMM (0), 0);

  asm_rr (&b->a, truncates ? row->opcode - 1 : row->opcode, row->wide, RAX, xmm);
  /* a - 1 overflows for the indefinite value alone */
  asm_alu_ri (&b->a, ALU_CMP, row->wide, RAX, 1);
  add_redo (b, ref, CC_O, RAX, 0, NO_REG);
  asm_mov_rr (&b->a, true, dst, RAX);
}

void
lower_fp_to_int (CopJitBackend *b, CopIrRef ref, CopReg dst)
{
  CopIrNode node = *node_of (b, ref);

  switch (node.op)
    {
    case IR_UNBOX32:
      lower_f_word (b, node_of (b, node.a)->imm, dst);
      if (!is_boxed (b, node_of (b, node.a)->imm))
        {
          CopStub *stub = add_stub (b, STUB_UNBOX);
          CopLabel label = stub->label, back = stub->back;

          stub->value = dst;
          stub->detail = 1;
          asm_alu_mi (&b->a, ALU_CMP, false, lower_f_high (node_of (b, node.a)->imm), -1);
          asm_jcc (&b->a, CC_NE, label);
          asm_bind (&b->a, back);
        }
      return;
    case IR_UNBOX16:
      lower_value (b, node.a, RAX, 0);
      asm_mov_rr (&b->a, true, RCX, RAX);
      asm_shift_ri (&b->a, SHIFT_SAR, true, RCX, 16);
      asm_alu_ri (&b->a, ALU_CMP, true, RCX, -1);
      asm_mov_ri (&b->a, RCX, COP_F16_NAN);
      asm_rr (&b->a, 0x0fb7, false, RAX, RAX);
      asm_cmov (&b->a, CC_NE, RAX, RCX);
      asm_mov_rr (&b->a, true, dst, RAX);
      return;
    case IR_BOX16:
      lower_value (b, node.a, dst, 0);
      asm_alu_ri (&b->a, ALU_OR, true, dst, -65536);
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
      lower_forget_copies (b);
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
    case FORM_TO_UNSIGNED:
      to_unsigned (b, ref, &node, dst);
      break;
    default:
      xmm_to_gpr (b, true, dst, fp_to_xmm (b, ref, NO_REG));
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
  return form != FORM_COMPARE && !is_to_integer (form);
}

static void
set_boxed (CopJitBackend *b, unsigned reg, bool is_f32)
{
  b->boxed = (b->boxed & ~BIT (reg)) | (uint32_t) is_f32 << reg;
}

void
lower_setf (CopJitBackend *b, const CopIrStatement *statement)
{
  unsigned reg = statement->reg;
  CopMem m = f_mem (reg);
  bool is_f32 = node_of (b, statement->a)->op == IR_BOX32;
  CopIrRef ref = is_f32 ? node_of (b, statement->a)->a : statement->a;
  const CopIrNode value = *node_of (b, ref);
  CopReg home = (CopReg) b->r.fhost[reg], xmm, copy = NO_REG;

  if (value.op == IR_GETF && !is_f32)
    copy = find_copy (b, value.imm, true);
  if (value.op == IR_UNBOX32 && is_f32)
    copy = find_copy (b, node_of (b, value.a)->imm, false);
  if (home != NO_REG)
    {
      if (copy != NO_REG)
        move (b, home, copy);
      else if (goes_to_xmm (b, &value))
        {
          xmm = fp_to_xmm (b, ref, home);
          if (xmm != home)
            move (b, home, xmm);
        }
      else if (value.op == IR_LOAD)
        lower_load_f (b, &value, home);
      else
        {
          lower_value (b, ref, RAX, 0);
          gpr_to_xmm (b, !is_f32, home, RAX);
        }
      if (is_f32 && !is_boxed (b, reg))
        asm_store_i (&b->a, 4, lower_f_high (reg), -1);
      set_boxed (b, reg, is_f32);
      return;
    }
  if (copy != NO_REG)
    {
      xmm = new_copy (b, BIT (copy));
      move (b, xmm, copy);
      asm_rm (&b->a, is_f32 ? 0xf3000f11 : 0xf2000f11, false, xmm, m);
    }
  else if (goes_to_xmm (b, &value))
    {
      xmm = fp_to_xmm (b, ref, NO_REG);
      asm_rm (&b->a, is_f32 ? 0xf3000f11 : 0xf2000f11, false, xmm, m);
    }
  else if (value.op == IR_LOAD)
    {
      /* Not one that a stub would give back. */
      xmm = new_copy (b, 0);
      lower_load_f (b, &value, xmm);
      asm_rm (&b->a, is_f32 ? 0xf3000f11 : 0xf2000f11, false, xmm, m);
    }
  else
    {
      lower_value (b, ref, RAX, 0);
      asm_rm (&b->a, 0x89, !is_f32, RAX, m);
      /* A loaded value is worth a copy: it was loaded to be computed with. */
      xmm = new_copy (b, 0);
      gpr_to_xmm (b, !is_f32, xmm, RAX);
    }
  if (is_f32 && !is_boxed (b, reg))
    asm_store_i (&b->a, 4, lower_f_high (reg), -1);
  set_boxed (b, reg, is_f32);
  set_copy (b, xmm, reg, is_f32 ? F_COPY_32 : F_COPY_64);
}

/* --- flags ------------------------------------------------------------------------------------- */

/* COP_FFLAG_* for each value of the flags in MXCSR: PE UE OE ZE DE IE. */
#define FLAGS_OF(m)                                                                              \
  (((m) & 0x01) << 4 | ((m) & 0x04) << 1 | ((m) & 0x08) >> 1 | ((m) & 0x10) >> 3 |               \
   ((m) & 0x20) >> 5)
#define FLAGS_4(m) FLAGS_OF (m), FLAGS_OF ((m) + 1), FLAGS_OF ((m) + 2), FLAGS_OF ((m) + 3)
#define FLAGS_16(m) FLAGS_4 (m), FLAGS_4 ((m) + 4), FLAGS_4 ((m) + 8), FLAGS_4 ((m) + 12)
static const uint8_t flags_of_mxcsr[64] = { FLAGS_16 (0), FLAGS_16 (16), FLAGS_16 (32),
                                            FLAGS_16 (48) };

#define FLAGS_MASK 0x1f
#define MXCSR_FLAGS 0x3f

/* eax = the flags in MXCSR, which is in jit.args[0]. Clobbers rcx. */
static void
load_host_flags (CopJitBackend *b)
{
  asm_rm (&b->a, 0x0fae, false, (CopReg) 3, HART_FIELD (jit.args[0]));
  asm_rm (&b->a, 0x8b, false, RAX, HART_FIELD (jit.args[0]));
  asm_alu_ri (&b->a, ALU_AND, false, RAX, MXCSR_FLAGS);
  asm_mov_ri (&b->a, RCX, (uint64_t) (uintptr_t) flags_of_mxcsr);
  asm_rm (&b->a, 0x0fb6, false, RAX, mem_index (RCX, RAX, 0, 0));
}

void
lower_get_fflags (CopJitBackend *b, CopReg dst)
{
  load_host_flags (b);
  asm_rm (&b->a, 0x0fb6, false, RCX, HART_FIELD (s.fcsr));
  asm_alu_ri (&b->a, ALU_AND, false, RCX, FLAGS_MASK);
  asm_alu_rr (&b->a, ALU_OR, false, RAX, RCX);
  asm_mov_rr (&b->a, true, dst, RAX);
}

/* Flags wait in fcsr; the host's are cleared, which is slow, only when there are others. So what
   compilers put around quiet comparisons, to read and to write back, leaves them alone. */
void
lower_set_fflags (CopJitBackend *b, CopIrRef value)
{
  CopLabel clear = asm_new_label (&b->a);

  lower_value (b, value, RDX, 0);
  asm_rm (&b->a, 0x0fb6, false, RCX, HART_FIELD (s.fcsr));
  asm_alu_ri (&b->a, ALU_AND, false, RDX, FLAGS_MASK);
  asm_alu_ri (&b->a, ALU_AND, false, RCX, ~FLAGS_MASK);
  asm_alu_rr (&b->a, ALU_OR, false, RCX, RDX);
  asm_rm8 (&b->a, 0x88, RCX, HART_FIELD (s.fcsr));
  load_host_flags (b);
  asm_rr (&b->a, 0xf7, false, (CopReg) 2, RDX); /* not */
  asm_rr (&b->a, 0x85, false, RAX, RDX);
  asm_jcc (&b->a, CC_E, clear);
  asm_rm (&b->a, 0x8b, false, RAX, HART_FIELD (jit.args[0]));
  asm_alu_ri (&b->a, ALU_AND, false, RAX, ~MXCSR_FLAGS);
  asm_rm (&b->a, 0x89, false, RAX, HART_FIELD (jit.args[0]));
  asm_rm (&b->a, 0x0fae, false, (CopReg) 2, HART_FIELD (jit.args[0]));
  asm_bind (&b->a, clear);
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
      gpr_to_xmm (b, false, stub->value, RAX);
      break;
    case STUB_NAN64:
      asm_mov_ri (&b->a, RAX, COP_F64_NAN);
      gpr_to_xmm (b, true, stub->value, RAX);
      break;
    default:
      {
        CopIrNode node = *node_of (b, stub->imm);

        if (stub->detail != 0 && stub->address != NO_REG)
          move (b, stub->value, stub->address);
        call_fp (b, &node);
        lower_restore_copies (b, stub->copies);
        if (stub->detail != 0)
          gpr_to_xmm (b, stub->detail == 64, stub->value, RAX);
      }
    }
  asm_jmp (&b->a, stub->back);
}
