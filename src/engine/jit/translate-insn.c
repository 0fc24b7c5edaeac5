/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What one instruction means: the words of insn-sem.h, which here make nodes and statements.
 *
 * What is known of registers within a block (constants, sign extension) goes into the nodes at once,
 * and two instructions in a row that compute one register (slli and srli, lui and addi, slli and add)
 * become one statement.
 */
#include "engine/jit/translate-private.h"

#include "engine/jit/forward.h"
#include "engine/riscv/arith.h"
#include "engine/riscv/fpu-host.h"
#include "engine/riscv/system.h"

/* --- statements ---------------------------------------------------------------------------- */

CopIrStatement *
cop_translator_add (CopTranslator *t, CopIrStatementKind kind, CopIrRef a, CopIrRef b, uint64_t imm)
{
  CopIrStatement statement = {
    .kind = kind,
    .insn = t->number,
    .offset = t->offset,
    .a = a,
    .b = b,
    .imm = imm,
    .span = IR_NO_SPAN,
  };

  g_array_append_val (t->unit->statements, statement);
  return &g_array_index (t->unit->statements, CopIrStatement, t->unit->statements->len - 1);
}

CopIrStatement *
cop_translator_last (CopTranslator *t)
{
  if (t->unit->statements->len == t->block.first)
    return NULL;
  return &g_array_index (t->unit->statements, CopIrStatement, t->unit->statements->len - 1);
}

static CopIrRef
get_x (CopTranslator *t, unsigned reg)
{
  if (reg == 0)
    return cop_ir_const (t->unit, 0);
  if (t->known[reg] != IR_NONE)
    return t->known[reg];
  if (t->merge != IR_NONE && reg == t->merge_reg)
    return t->merge;
  return cop_ir_add (t->unit, IR_GETX, IR_NONE, IR_NONE, IR_NONE,
                     reg | (t->sext32[reg] ? IR_X_SEXT32 : 0));
}

static void
set_x (CopTranslator *t, CopIrRef value)
{
  unsigned reg = t->insn.rd;
  const CopIrNode *node = cop_ir_node (t->unit, value);
  bool is_known = node->op == IR_CONST || node->op == IR_PC;

  if (reg == 0)
    {
      if (cop_ir_has_effect (t->unit, value))
        cop_translator_add (t, IR_EFFECT, value, IR_NONE, 0);
      return;
    }
  if (t->insn.op == COP_INSN_jalr)
    return;                     /* after the target is read: IR_JUMP_REG does it */
  t->known[reg] = is_known ? value : IR_NONE;
  t->sext32[reg] = cop_ir_is_sext32 (t->unit, value);
  if (node->op == IR_GETX && (node->imm & 31) == reg)
    return;                     /* such as sext.w of what is a word already */
  cop_translator_add (t, IR_SETX, value, IR_NONE, 0)->reg = reg;
}

static void
set_f (CopTranslator *t, CopIrRef value)
{
  cop_translator_add (t, IR_SETF, value, IR_NONE, 0)->reg = t->insn.rd;
}

static CopIrRef
get_f (CopTranslator *t, unsigned reg)
{
  return cop_ir_add (t->unit, IR_GETF, IR_NONE, IR_NONE, IR_NONE, reg);
}

static CopIrRef
unbox32 (CopTranslator *t, unsigned reg)
{
  return cop_ir_add (t->unit, IR_UNBOX32, get_f (t, reg), IR_NONE, IR_NONE, 0);
}

static CopIrRef
fp (CopTranslator *t, CopIrFp op, bool rounds, CopIrRef a, CopIrRef b, CopIrRef c)
{
  unsigned frm = t->source->mode & COP_MODE_FRM_MASK;
  unsigned rm = !rounds || cop_fpu_is_native (frm, t->insn.rm) ? IR_RM_NATIVE : t->insn.rm;

  return cop_ir_add (t->unit, IR_FP, a, b, c, (uint64_t) op << 8 | rm);
}

/* --- the words of insn-sem.h ----------------------------------------------------------------- */

/* clang-format off */

#define NODE0(op, imm)    cop_ir_add (t->unit, IR_##op, IR_NONE, IR_NONE, IR_NONE, imm)
#define NODE1(op, a)      cop_ir_add (t->unit, IR_##op, a, IR_NONE, IR_NONE, 0)
#define NODE2(op, a, b)   cop_ir_add (t->unit, IR_##op, a, b, IR_NONE, 0)

#define VALUE             CopIrRef
#define CONST(n)          cop_ir_const (t->unit, (uint64_t) (n))
#define RS1               get_x (t, t->insn.rs1)
#define RS2               get_x (t, t->insn.rs2)
#define IMM               cop_ir_const (t->unit, (uint64_t) (int64_t) t->insn.imm)
#define PC                NODE0 (PC, (uint64_t) (int64_t) t->offset)
#define NEXT_PC           NODE0 (PC, (uint64_t) (int64_t) (t->offset + t->insn.length))
#define SET_RD(value)     set_x (t, value)

#define ADD(a, b)         NODE2 (ADD, a, b)
#define SUB(a, b)         NODE2 (SUB, a, b)
#define AND(a, b)         NODE2 (AND, a, b)
#define ANDN(a, b)        NODE2 (ANDN, a, b)
#define OR(a, b)          NODE2 (OR, a, b)
#define XOR(a, b)         NODE2 (XOR, a, b)
#define NOT(a)            NODE1 (NOT, a)
#define SLL(a, b)         NODE2 (SLL, a, b)
#define SRL(a, b)         NODE2 (SRL, a, b)
#define SRA(a, b)         NODE2 (SRA, a, b)
#define EQ(a, b)          NODE2 (EQ, a, b)
#define NE(a, b)          NODE2 (NE, a, b)
#define LT(a, b)          NODE2 (LT, a, b)
#define GE(a, b)          NODE2 (GE, a, b)
#define LTU(a, b)         NODE2 (LTU, a, b)
#define GEU(a, b)         NODE2 (GEU, a, b)
#define SELECT(c, a, b)   cop_ir_add (t->unit, IR_SELECT, c, a, b, 0)
#define SEXT8(a)          NODE1 (SEXT8, a)
#define SEXT16(a)         NODE1 (SEXT16, a)
#define SEXT32(a)         NODE1 (SEXT32, a)
#define ZEXT16(a)         NODE1 (ZEXT16, a)
#define ZEXT32(a)         NODE1 (ZEXT32, a)
#define MUL(a, b)         NODE2 (MUL, a, b)
#define MULH(a, b)        NODE2 (MULH, a, b)
#define MULHU(a, b)       NODE2 (MULHU, a, b)
#define MULHSU(a, b)      NODE2 (MULHSU, a, b)
#define DIV(a, b)         NODE2 (DIV, a, b)
#define DIVU(a, b)        NODE2 (DIVU, a, b)
#define REM(a, b)         NODE2 (REM, a, b)
#define REMU(a, b)        NODE2 (REMU, a, b)
#define DIV32(a, b)       NODE2 (DIV32, a, b)
#define DIVU32(a, b)      NODE2 (DIVU32, a, b)
#define REM32(a, b)       NODE2 (REM32, a, b)
#define REMU32(a, b)      NODE2 (REMU32, a, b)
#define ROL(a, b)         NODE2 (ROL, a, b)
#define ROR(a, b)         NODE2 (ROR, a, b)
#define ROL32(a, b)       NODE2 (ROL32, a, b)
#define ROR32(a, b)       NODE2 (ROR32, a, b)
#define CLZ(a)            NODE1 (CLZ, a)
#define CTZ(a)            NODE1 (CTZ, a)
#define POPCOUNT(a)       NODE1 (POPCOUNT, a)
#define BSWAP(a)          NODE1 (BSWAP, a)
#define ORC_B(a)          NODE1 (ORC_B, a)
#define CLMUL(a, b)       NODE2 (CLMUL, a, b)
#define CLMULH(a, b)      NODE2 (CLMULH, a, b)
#define CLMULR(a, b)      NODE2 (CLMULR, a, b)

#define LOAD(kind, gva)        cop_ir_add (t->unit, IR_LOAD, gva, IR_NONE, IR_NONE, IR_##kind)
#define STORE(bits, gva, v)    add_store (t, bits, gva, v)
#define AMO(kind, bits, gva, v) cop_ir_add (t->unit, IR_AMO, gva, v, IR_NONE, (COP_AMO_##kind << 8) | (bits))
#define LR(bits, gva)          cop_ir_add (t->unit, IR_LR, gva, IR_NONE, IR_NONE, bits)
#define SC(bits, gva, v)       cop_ir_add (t->unit, IR_SC, gva, v, IR_NONE, bits)

#define TARGET            ((uint64_t) ((int64_t) t->offset + t->insn.imm))
#define BRANCH_IF(c)      add_branch (t, c)
#define JUMP              cop_translator_add (t, IR_JUMP, IR_NONE, IR_NONE, TARGET)->reg = t->insn.rd
#define JUMP_REG(target)  add_jump_reg (t, target)
#define CHECK_TARGET(target) add_check_target (t, target)
#define RAISE(cause, tval) cop_translator_add (t, IR_INTERPRET, IR_NONE, IR_NONE, 0)
#define SYSTEM            add_system (t)
#define PAUSE             cop_translator_add (t, IR_RELAX, IR_NONE, IR_NONE, 0)
#define PREFETCH          ((void) t)
#define FENCE             add_fence (t)
#define CBO_ZERO(gva)     cop_translator_add (t, IR_CBO_ZERO, gva, IR_NONE, t->insn.bits)

#define FS1_BITS          get_f (t, t->insn.rs1)
#define FS2_BITS          get_f (t, t->insn.rs2)
#define FS1_D             get_f (t, t->insn.rs1)
#define FS2_D             get_f (t, t->insn.rs2)
#define FS3_D             get_f (t, t->insn.rs3)
#define FS1_S             unbox32 (t, t->insn.rs1)
#define FS2_S             unbox32 (t, t->insn.rs2)
#define FS3_S             unbox32 (t, t->insn.rs3)
#define FS1_H             NODE1 (UNBOX16, get_f (t, t->insn.rs1))
#define SET_FD_D(value)   set_f (t, value)
#define SET_FD_S(value)   set_f (t, NODE1 (BOX32, value))
#define SET_FD_H(value)   set_f (t, NODE1 (BOX16, value))

#define ROUNDED(name, a, b, c) fp (t, IR_FP_##name, true, a, b, c)
#define EXACT(name, a, b)      fp (t, IR_FP_##name, false, a, b, IR_NONE)
#define F32_NEG(a)        NODE1 (FNEG32, a)
#define F32_ADD(a, b)     ROUNDED (f32_add, a, b, IR_NONE)
#define F32_SUB(a, b)     ROUNDED (f32_sub, a, b, IR_NONE)
#define F32_MUL(a, b)     ROUNDED (f32_mul, a, b, IR_NONE)
#define F32_DIV(a, b)     ROUNDED (f32_div, a, b, IR_NONE)
#define F32_SQRT(a)       ROUNDED (f32_sqrt, a, IR_NONE, IR_NONE)
#define F32_FMA(a, b, c)  ROUNDED (f32_fma, a, b, c)
#define F32_MIN(a, b)     EXACT (f32_min, a, b)
#define F32_MAX(a, b)     EXACT (f32_max, a, b)
#define F32_EQ(a, b)      EXACT (f32_eq, a, b)
#define F32_LT(a, b)      EXACT (f32_lt, a, b)
#define F32_LE(a, b)      EXACT (f32_le, a, b)
#define F32_CLASS(a)      EXACT (f32_class, a, IR_NONE)
#define F32_TO_I32(a)     ROUNDED (f32_to_i32, a, IR_NONE, IR_NONE)
#define F32_TO_U32(a)     ROUNDED (f32_to_u32, a, IR_NONE, IR_NONE)
#define F32_TO_I64(a)     ROUNDED (f32_to_i64, a, IR_NONE, IR_NONE)
#define F32_TO_U64(a)     ROUNDED (f32_to_u64, a, IR_NONE, IR_NONE)
#define F32_TO_F64(a)     EXACT (f32_to_f64, a, IR_NONE)
#define F32_TO_F16(a)     ROUNDED (f32_to_f16, a, IR_NONE, IR_NONE)
#define I32_TO_F32(a)     ROUNDED (i32_to_f32, a, IR_NONE, IR_NONE)
#define U32_TO_F32(a)     ROUNDED (u32_to_f32, a, IR_NONE, IR_NONE)
#define I64_TO_F32(a)     ROUNDED (i64_to_f32, a, IR_NONE, IR_NONE)
#define U64_TO_F32(a)     ROUNDED (u64_to_f32, a, IR_NONE, IR_NONE)
#define F64_NEG(a)        NODE1 (FNEG64, a)
#define F64_ADD(a, b)     ROUNDED (f64_add, a, b, IR_NONE)
#define F64_SUB(a, b)     ROUNDED (f64_sub, a, b, IR_NONE)
#define F64_MUL(a, b)     ROUNDED (f64_mul, a, b, IR_NONE)
#define F64_DIV(a, b)     ROUNDED (f64_div, a, b, IR_NONE)
#define F64_SQRT(a)       ROUNDED (f64_sqrt, a, IR_NONE, IR_NONE)
#define F64_FMA(a, b, c)  ROUNDED (f64_fma, a, b, c)
#define F64_MIN(a, b)     EXACT (f64_min, a, b)
#define F64_MAX(a, b)     EXACT (f64_max, a, b)
#define F64_EQ(a, b)      EXACT (f64_eq, a, b)
#define F64_LT(a, b)      EXACT (f64_lt, a, b)
#define F64_LE(a, b)      EXACT (f64_le, a, b)
#define F64_CLASS(a)      EXACT (f64_class, a, IR_NONE)
#define F64_TO_I32(a)     ROUNDED (f64_to_i32, a, IR_NONE, IR_NONE)
#define F64_TO_U32(a)     ROUNDED (f64_to_u32, a, IR_NONE, IR_NONE)
#define F64_TO_I64(a)     ROUNDED (f64_to_i64, a, IR_NONE, IR_NONE)
#define F64_TO_U64(a)     ROUNDED (f64_to_u64, a, IR_NONE, IR_NONE)
#define F64_TO_F32(a)     ROUNDED (f64_to_f32, a, IR_NONE, IR_NONE)
#define F64_TO_F16(a)     ROUNDED (f64_to_f16, a, IR_NONE, IR_NONE)
#define I32_TO_F64(a)     ROUNDED (i32_to_f64, a, IR_NONE, IR_NONE)
#define U32_TO_F64(a)     ROUNDED (u32_to_f64, a, IR_NONE, IR_NONE)
#define I64_TO_F64(a)     ROUNDED (i64_to_f64, a, IR_NONE, IR_NONE)
#define U64_TO_F64(a)     ROUNDED (u64_to_f64, a, IR_NONE, IR_NONE)
#define F16_TO_F32(a)     EXACT (f16_to_f32, a, IR_NONE)
#define F16_TO_F64(a)     EXACT (f16_to_f64, a, IR_NONE)

/* clang-format on */

static void
add_store (CopTranslator *t, unsigned bits, CopIrRef gva, CopIrRef value)
{
  cop_translator_add (t, IR_STORE, gva, bits <= 32 ? cop_ir_low_half (t->unit, value) : value,
                      bits);
}

static void
add_branch (CopTranslator *t, CopIrRef condition)
{
  uint64_t value;

  if (!cop_ir_is_const (t->unit, condition, &value))
    cop_translator_add (t, IR_BRANCH, condition, IR_NONE, TARGET);
  else if (value != 0)
    cop_translator_add (t, IR_JUMP, IR_NONE, IR_NONE, TARGET);
}

/* auipc and jalr: as jal, but further. Returns: false when the target is not known */
static bool
add_far_jump (CopTranslator *t, CopIrRef target)
{
  const CopIrNode *node = cop_ir_node (t->unit, target);
  uint64_t offset = node->imm;

  if (node->op != IR_PC || (int64_t) offset != (int32_t) offset)
    return false;
  if (t->insn.rd != 0)
    cop_translator_add (t, IR_SETX, NEXT_PC, IR_NONE, 0)->reg = t->insn.rd;
  cop_translator_add (t, IR_JUMP, IR_NONE, IR_NONE, offset)->reg = t->insn.rd;
  return true;
}

static void
add_jump_reg (CopTranslator *t, CopIrRef target)
{
  bool links = t->insn.rd == 1 || t->insn.rd == 5;
  bool returns = (t->insn.rs1 == 1 || t->insn.rs1 == 5) && t->insn.rs1 != t->insn.rd;

  if (add_far_jump (t, target))
    return;
  /* The link register is written after the target is read: see the lowering. */
  cop_translator_add (t, IR_JUMP_REG, target, IR_NONE,
                      (links ? IR_JUMP_CALLS : 0) | (returns ? IR_JUMP_RETURNS : 0))
    ->reg = t->insn.rd;
}

static void
add_check_target (CopTranslator *t, CopIrRef target)
{
  if (!(t->source->isa & COP_ISA (C)))
    cop_translator_add (t, IR_CHECK_TARGET, target, IR_NONE, 0);
}

#define CSR_FFLAGS 1

/* Reading fflags, and writing it, the other effects of which have been seen to: what compilers put
   around comparisons that raise nothing. */
static bool
is_plain_fflags (const CopTranslator *t)
{
  if (t->insn.bits >> 20 != CSR_FFLAGS || (t->source->mode & COP_MODE_FS_OFF) ||
      !(t->source->isa & COP_ISA (F)))
    return false;
  if (t->insn.op == COP_INSN_csrrs)
    return t->insn.rs1 == 0;
  return (t->insn.op == COP_INSN_csrrw || t->insn.op == COP_INSN_csrrwi) && t->insn.rd == 0;
}

/* Once a block, before the first instruction that needs it. */
static void
make_dirty (CopTranslator *t)
{
  if (!t->dirty)
    cop_translator_add (t, IR_MAKE_DIRTY, IR_NONE, IR_NONE, 0);
  t->dirty = true;
}

static void
add_system (CopTranslator *t)
{
  if (!is_plain_fflags (t))
    cop_translator_add (t, IR_SYSTEM, IR_NONE, IR_NONE, t->insn.bits | (uint64_t) t->insn.op << 32);
  else if (t->insn.op == COP_INSN_csrrs)
    set_x (t, cop_ir_add (t->unit, IR_FFLAGS, IR_NONE, IR_NONE, IR_NONE, 0));
  else
    {
      make_dirty (t);
      cop_translator_add (t, IR_SET_FFLAGS,
                          t->insn.op == COP_INSN_csrrw
                            ? get_x (t, t->insn.rs1)
                            : cop_ir_const (t->unit, t->insn.bits >> 15 & 31),
                          IR_NONE, 0);
    }
}

static void
add_fence (CopTranslator *t)
{
  if (cop_fence_is_full (t->insn.imm))
    cop_translator_add (t, IR_FENCE, IR_NONE, IR_NONE, 0);
}

typedef void (*Meaning) (CopTranslator *t);

#define SEM(name) static void mean_##name (CopTranslator *t)
#include "engine/riscv/insn-sem.h"
#undef SEM

static const Meaning meanings[COP_INSN_LAST] = {
#define INSN(name, ...) [COP_INSN_##name] = mean_##name,
  INSN_TABLE (INSN)
#undef INSN
};

/* --- one instruction ------------------------------------------------------------------------- */

/* Instructions whose operand may be a tree instead of a register. */
static bool
takes_tree (CopInsnOp op)
{
  switch (op)
    {
    case COP_INSN_addi:
    case COP_INSN_addiw:
    case COP_INSN_add:
    case COP_INSN_addw:
    case COP_INSN_sub:
    case COP_INSN_subw:
    case COP_INSN_and:
    case COP_INSN_andi:
    case COP_INSN_or:
    case COP_INSN_ori:
    case COP_INSN_xor:
    case COP_INSN_xori:
    case COP_INSN_slli:
    case COP_INSN_srli:
    case COP_INSN_srai:
    case COP_INSN_slliw:
    case COP_INSN_srliw:
    case COP_INSN_sraiw:
    case COP_INSN_sext_b:
    case COP_INSN_sext_h:
    case COP_INSN_zext_h:
    case COP_INSN_add_uw:
    case COP_INSN_sh1add:
    case COP_INSN_sh2add:
    case COP_INSN_sh3add:
      return true;
    default:
      return false;
    }
}

/* Looks whether the statement before only makes an operand of this one: then it becomes part of it.
   Nothing can be observed between the two. */
static void
prepare_merge (CopTranslator *t)
{
  CopIrStatement *last = cop_translator_last (t);
  bool two = cop_insn_table[t->insn.op].operands == COP_OPERANDS_D_S_T;
  unsigned rd = t->insn.rd;

  t->merge = IR_NONE;
  if (t->source->plain || t->effects != PURE || rd == 0 || last == NULL || last->kind != IR_SETX || last->reg != rd)
    return;
  if (t->known[rd] == IR_NONE &&
      (!takes_tree (t->insn.op) || !cop_ir_is_cheap (t->unit, last->a) ||
       cop_ir_depth (t->unit, last->a) > 2 || (two && t->insn.rs1 == rd && t->insn.rs2 == rd)))
    return;
  if (cop_ir_has_effect (t->unit, last->a))
    return;
  if (t->insn.rs1 != rd && !(two && t->insn.rs2 == rd) && t->known[rd] == IR_NONE)
    return;
  t->merge = last->a;
  t->merge_reg = rd;
}

bool
cop_translate_insn (CopTranslator *t)
{
  unsigned before = t->unit->statements->len;
  bool merged;

  t->effects = t->insn.op == COP_INSN_ILLEGAL ? 0 : cop_insn_table[t->insn.op].effects;
  if (t->insn.op == COP_INSN_ILLEGAL ||
      ((t->effects & FP) && (t->source->mode & COP_MODE_FS_OFF)) ||
      ((t->effects & FP_RM) && t->insn.rm == COP_RM_DYN &&
       (t->source->mode & COP_MODE_FRM_MASK) > COP_RM_RMM))
    {
      cop_translator_add (t, IR_INTERPRET, IR_NONE, IR_NONE, 0);
      return false;
    }

  if ((t->effects & FP_DIRTY) && !(t->effects & MEM_READ))
    make_dirty (t);
  prepare_merge (t);
  merged = t->merge != IR_NONE;
  meanings[t->insn.op](t);
  if (merged)
    g_array_index (t->unit->statements, CopIrStatement, before - 1).kind = IR_NOP;
  t->merge = IR_NONE;
  /* A load that traps has changed nothing. */
  if (t->effects & FP_DIRTY)
    make_dirty (t);
  if (t->insn.op == COP_INSN_ebreak)
    return false;
  if (t->insn.op >= COP_INSN_beq && t->insn.op <= COP_INSN_bgeu)
    {
      CopIrStatement *last = cop_translator_last (t);

      /* A branch on constants is a jump or nothing. */
      return last == NULL || t->unit->statements->len == before;
    }
  return !(t->effects & ENDS_BLOCK) || ((t->effects & IN_SYSTEM_C) && is_plain_fflags (t));
}
