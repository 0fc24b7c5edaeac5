/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What each instruction of insn-table.h means, written once.
 *
 * The words below are defined by who includes this file: numbers for the interpreter, nodes of the
 * intermediate form for the translator. It is included with SEM (name) expanding to whatever
 * introduces a body, and has no include guard on purpose.
 *
 *   values       RS1 RS2 IMM CONST (n) PC NEXT_PC (all 64 bits), FS1_S .. FS3_D (f registers)
 *   results      SET_RD (v), SET_FD_H/S/D (v): x0 stays 0, narrow f values are NaN-boxed
 *   arithmetic   ADD SUB MUL ... on 64 bits, modulo 2^64; shifts take the amount modulo 64
 *   comparisons  EQ NE LT LTU GE GEU give 0 or 1; SELECT (c, a, b) is c ? a : b, without branching
 *   memory       LOAD (kind, address), STORE (bits, address, value), AMO, LR, SC: leave on a fault
 *   control      BRANCH_IF (c): to PC + IMM; JUMP: to PC + IMM; JUMP_REG (target); RAISE (cause, tval)
 *   system       SYSTEM: what changes more than registers and memory, in system.c; PAUSE, FENCE
 *   F32_ .. F64_ floating point in the rounding mode of the instruction, flags gathered
 *
 * Source: RISC-V Unprivileged Spec 20240411, the chapter of each extension
 */

/* clang-format off */

/* RV64I */
SEM (lui)        { SET_RD (IMM); }
SEM (auipc)      { SET_RD (ADD (PC, IMM)); }
SEM (jal)        { SET_RD (NEXT_PC); JUMP; }
SEM (jalr)       { VALUE target = AND (ADD (RS1, IMM), CONST (~UINT64_C (1))); CHECK_TARGET (target); SET_RD (NEXT_PC); JUMP_REG (target); }
SEM (beq)        { BRANCH_IF (EQ (RS1, RS2)); }
SEM (bne)        { BRANCH_IF (NE (RS1, RS2)); }
SEM (blt)        { BRANCH_IF (LT (RS1, RS2)); }
SEM (bge)        { BRANCH_IF (GE (RS1, RS2)); }
SEM (bltu)       { BRANCH_IF (LTU (RS1, RS2)); }
SEM (bgeu)       { BRANCH_IF (GEU (RS1, RS2)); }
SEM (lb)         { SET_RD (LOAD (S8, ADD (RS1, IMM))); }
SEM (lh)         { SET_RD (LOAD (S16, ADD (RS1, IMM))); }
SEM (lw)         { SET_RD (LOAD (S32, ADD (RS1, IMM))); }
SEM (ld)         { SET_RD (LOAD (U64, ADD (RS1, IMM))); }
SEM (lbu)        { SET_RD (LOAD (U8, ADD (RS1, IMM))); }
SEM (lhu)        { SET_RD (LOAD (U16, ADD (RS1, IMM))); }
SEM (lwu)        { SET_RD (LOAD (U32, ADD (RS1, IMM))); }
SEM (sb)         { STORE (8, ADD (RS1, IMM), RS2); }
SEM (sh)         { STORE (16, ADD (RS1, IMM), RS2); }
SEM (sw)         { STORE (32, ADD (RS1, IMM), RS2); }
SEM (sd)         { STORE (64, ADD (RS1, IMM), RS2); }
SEM (addi)       { SET_RD (ADD (RS1, IMM)); }
SEM (slti)       { SET_RD (LT (RS1, IMM)); }
SEM (sltiu)      { SET_RD (LTU (RS1, IMM)); }
SEM (xori)       { SET_RD (XOR (RS1, IMM)); }
SEM (ori)        { SET_RD (OR (RS1, IMM)); }
SEM (andi)       { SET_RD (AND (RS1, IMM)); }
SEM (slli)       { SET_RD (SLL (RS1, IMM)); }
SEM (srli)       { SET_RD (SRL (RS1, IMM)); }
SEM (srai)       { SET_RD (SRA (RS1, IMM)); }
SEM (add)        { SET_RD (ADD (RS1, RS2)); }
SEM (sub)        { SET_RD (SUB (RS1, RS2)); }
SEM (sll)        { SET_RD (SLL (RS1, RS2)); }
SEM (slt)        { SET_RD (LT (RS1, RS2)); }
SEM (sltu)       { SET_RD (LTU (RS1, RS2)); }
SEM (xor)        { SET_RD (XOR (RS1, RS2)); }
SEM (srl)        { SET_RD (SRL (RS1, RS2)); }
SEM (sra)        { SET_RD (SRA (RS1, RS2)); }
SEM (or)         { SET_RD (OR (RS1, RS2)); }
SEM (and)        { SET_RD (AND (RS1, RS2)); }
SEM (addiw)      { SET_RD (SEXT32 (ADD (RS1, IMM))); }
SEM (slliw)      { SET_RD (SEXT32 (SLL (RS1, IMM))); }
SEM (srliw)      { SET_RD (SEXT32 (SRL (ZEXT32 (RS1), IMM))); }
SEM (sraiw)      { SET_RD (SRA (SEXT32 (RS1), IMM)); }
SEM (addw)       { SET_RD (SEXT32 (ADD (RS1, RS2))); }
SEM (subw)       { SET_RD (SEXT32 (SUB (RS1, RS2))); }
SEM (sllw)       { SET_RD (SEXT32 (SLL (RS1, AND (RS2, CONST (31))))); }
SEM (srlw)       { SET_RD (SEXT32 (SRL (ZEXT32 (RS1), AND (RS2, CONST (31))))); }
SEM (sraw)       { SET_RD (SRA (SEXT32 (RS1), AND (RS2, CONST (31)))); }
SEM (pause)      { PAUSE; }
SEM (fence)      { FENCE; }
SEM (fence_i)    { SYSTEM; }
SEM (ecall)      { SYSTEM; }
SEM (ebreak)     { RAISE (COP_TRAP_BREAKPOINT, PC); }

/* Zicsr */
SEM (csrrw)      { SYSTEM; }
SEM (csrrs)      { SYSTEM; }
SEM (csrrc)      { SYSTEM; }
SEM (csrrwi)     { SYSTEM; }
SEM (csrrsi)     { SYSTEM; }
SEM (csrrci)     { SYSTEM; }

/* Privileged */
SEM (sret)       { SYSTEM; }
SEM (mret)       { SYSTEM; }
SEM (wfi)        { SYSTEM; }
SEM (wrs_nto)    { SYSTEM; }
SEM (wrs_sto)    { SYSTEM; }
SEM (sfence_vma) { SYSTEM; }
SEM (sinval_vma) { SYSTEM; }
SEM (sfence_w_inval)  { SYSTEM; }
SEM (sfence_inval_ir) { SYSTEM; }
SEM (cbo_inval)  { SYSTEM; }
SEM (cbo_clean)  { SYSTEM; }
SEM (cbo_flush)  { SYSTEM; }
SEM (cbo_zero)   { CBO_ZERO (RS1); }
SEM (prefetch_i) { PREFETCH; }
SEM (prefetch_r) { PREFETCH; }
SEM (prefetch_w) { PREFETCH; }

/* M. In 64 bits the 32-bit divisions have the results that the specification asks for. */
SEM (mul)        { SET_RD (MUL (RS1, RS2)); }
SEM (mulh)       { SET_RD (MULH (RS1, RS2)); }
SEM (mulhsu)     { SET_RD (MULHSU (RS1, RS2)); }
SEM (mulhu)      { SET_RD (MULHU (RS1, RS2)); }
SEM (div)        { SET_RD (DIV (RS1, RS2)); }
SEM (divu)       { SET_RD (DIVU (RS1, RS2)); }
SEM (rem)        { SET_RD (REM (RS1, RS2)); }
SEM (remu)       { SET_RD (REMU (RS1, RS2)); }
SEM (mulw)       { SET_RD (SEXT32 (MUL (RS1, RS2))); }
SEM (divw)       { SET_RD (DIV32 (RS1, RS2)); }
SEM (divuw)      { SET_RD (DIVU32 (RS1, RS2)); }
SEM (remw)       { SET_RD (REM32 (RS1, RS2)); }
SEM (remuw)      { SET_RD (REMU32 (RS1, RS2)); }

/* A */
SEM (lr_w)       { SET_RD (LR (32, RS1)); }
SEM (sc_w)       { SET_RD (SC (32, RS1, RS2)); }
SEM (amoswap_w)  { SET_RD (AMO (SWAP, 32, RS1, RS2)); }
SEM (amoadd_w)   { SET_RD (AMO (ADD, 32, RS1, RS2)); }
SEM (amoxor_w)   { SET_RD (AMO (XOR, 32, RS1, RS2)); }
SEM (amoand_w)   { SET_RD (AMO (AND, 32, RS1, RS2)); }
SEM (amoor_w)    { SET_RD (AMO (OR, 32, RS1, RS2)); }
SEM (amomin_w)   { SET_RD (AMO (MIN, 32, RS1, RS2)); }
SEM (amomax_w)   { SET_RD (AMO (MAX, 32, RS1, RS2)); }
SEM (amominu_w)  { SET_RD (AMO (MINU, 32, RS1, RS2)); }
SEM (amomaxu_w)  { SET_RD (AMO (MAXU, 32, RS1, RS2)); }
SEM (lr_d)       { SET_RD (LR (64, RS1)); }
SEM (sc_d)       { SET_RD (SC (64, RS1, RS2)); }
SEM (amoswap_d)  { SET_RD (AMO (SWAP, 64, RS1, RS2)); }
SEM (amoadd_d)   { SET_RD (AMO (ADD, 64, RS1, RS2)); }
SEM (amoxor_d)   { SET_RD (AMO (XOR, 64, RS1, RS2)); }
SEM (amoand_d)   { SET_RD (AMO (AND, 64, RS1, RS2)); }
SEM (amoor_d)    { SET_RD (AMO (OR, 64, RS1, RS2)); }
SEM (amomin_d)   { SET_RD (AMO (MIN, 64, RS1, RS2)); }
SEM (amomax_d)   { SET_RD (AMO (MAX, 64, RS1, RS2)); }
SEM (amominu_d)  { SET_RD (AMO (MINU, 64, RS1, RS2)); }
SEM (amomaxu_d)  { SET_RD (AMO (MAXU, 64, RS1, RS2)); }

/* F */
SEM (flw)        { SET_FD_S (LOAD (U32, ADD (RS1, IMM))); }
SEM (fsw)        { STORE (32, ADD (RS1, IMM), FS2_BITS); }
SEM (fmadd_s)    { SET_FD_S (F32_FMA (FS1_S, FS2_S, FS3_S)); }
SEM (fmsub_s)    { SET_FD_S (F32_FMA (FS1_S, FS2_S, F32_NEG (FS3_S))); }
SEM (fnmsub_s)   { SET_FD_S (F32_FMA (F32_NEG (FS1_S), FS2_S, FS3_S)); }
SEM (fnmadd_s)   { SET_FD_S (F32_FMA (F32_NEG (FS1_S), FS2_S, F32_NEG (FS3_S))); }
SEM (fadd_s)     { SET_FD_S (F32_ADD (FS1_S, FS2_S)); }
SEM (fsub_s)     { SET_FD_S (F32_SUB (FS1_S, FS2_S)); }
SEM (fmul_s)     { SET_FD_S (F32_MUL (FS1_S, FS2_S)); }
SEM (fdiv_s)     { SET_FD_S (F32_DIV (FS1_S, FS2_S)); }
SEM (fsqrt_s)    { SET_FD_S (F32_SQRT (FS1_S)); }
SEM (fsgnj_s)    { SET_FD_S (OR (AND (FS1_S, CONST (0x7fffffff)), AND (FS2_S, CONST (0x80000000)))); }
SEM (fsgnjn_s)   { SET_FD_S (OR (AND (FS1_S, CONST (0x7fffffff)), AND (XOR (FS2_S, CONST (0x80000000)), CONST (0x80000000)))); }
SEM (fsgnjx_s)   { SET_FD_S (XOR (FS1_S, AND (FS2_S, CONST (0x80000000)))); }
SEM (fmin_s)     { SET_FD_S (F32_MIN (FS1_S, FS2_S)); }
SEM (fmax_s)     { SET_FD_S (F32_MAX (FS1_S, FS2_S)); }
SEM (fcvt_w_s)   { SET_RD (SEXT32 (F32_TO_I32 (FS1_S))); }
SEM (fcvt_wu_s)  { SET_RD (SEXT32 (F32_TO_U32 (FS1_S))); }
SEM (fcvt_l_s)   { SET_RD (F32_TO_I64 (FS1_S)); }
SEM (fcvt_lu_s)  { SET_RD (F32_TO_U64 (FS1_S)); }
SEM (fmv_x_w)    { SET_RD (SEXT32 (FS1_BITS)); }
SEM (feq_s)      { SET_RD (F32_EQ (FS1_S, FS2_S)); }
SEM (flt_s)      { SET_RD (F32_LT (FS1_S, FS2_S)); }
SEM (fle_s)      { SET_RD (F32_LE (FS1_S, FS2_S)); }
SEM (fclass_s)   { SET_RD (F32_CLASS (FS1_S)); }
SEM (fcvt_s_w)   { SET_FD_S (I32_TO_F32 (RS1)); }
SEM (fcvt_s_wu)  { SET_FD_S (U32_TO_F32 (RS1)); }
SEM (fcvt_s_l)   { SET_FD_S (I64_TO_F32 (RS1)); }
SEM (fcvt_s_lu)  { SET_FD_S (U64_TO_F32 (RS1)); }
SEM (fmv_w_x)    { SET_FD_S (ZEXT32 (RS1)); }

/* D */
SEM (fld)        { SET_FD_D (LOAD (U64, ADD (RS1, IMM))); }
SEM (fsd)        { STORE (64, ADD (RS1, IMM), FS2_BITS); }
SEM (fmadd_d)    { SET_FD_D (F64_FMA (FS1_D, FS2_D, FS3_D)); }
SEM (fmsub_d)    { SET_FD_D (F64_FMA (FS1_D, FS2_D, F64_NEG (FS3_D))); }
SEM (fnmsub_d)   { SET_FD_D (F64_FMA (F64_NEG (FS1_D), FS2_D, FS3_D)); }
SEM (fnmadd_d)   { SET_FD_D (F64_FMA (F64_NEG (FS1_D), FS2_D, F64_NEG (FS3_D))); }
SEM (fadd_d)     { SET_FD_D (F64_ADD (FS1_D, FS2_D)); }
SEM (fsub_d)     { SET_FD_D (F64_SUB (FS1_D, FS2_D)); }
SEM (fmul_d)     { SET_FD_D (F64_MUL (FS1_D, FS2_D)); }
SEM (fdiv_d)     { SET_FD_D (F64_DIV (FS1_D, FS2_D)); }
SEM (fsqrt_d)    { SET_FD_D (F64_SQRT (FS1_D)); }
SEM (fsgnj_d)    { SET_FD_D (OR (AND (FS1_D, CONST (INT64_MAX)), AND (FS2_D, CONST (INT64_MIN)))); }
SEM (fsgnjn_d)   { SET_FD_D (OR (AND (FS1_D, CONST (INT64_MAX)), AND (XOR (FS2_D, CONST (INT64_MIN)), CONST (INT64_MIN)))); }
SEM (fsgnjx_d)   { SET_FD_D (XOR (FS1_D, AND (FS2_D, CONST (INT64_MIN)))); }
SEM (fmin_d)     { SET_FD_D (F64_MIN (FS1_D, FS2_D)); }
SEM (fmax_d)     { SET_FD_D (F64_MAX (FS1_D, FS2_D)); }
SEM (fcvt_s_d)   { SET_FD_S (F64_TO_F32 (FS1_D)); }
SEM (fcvt_d_s)   { SET_FD_D (F32_TO_F64 (FS1_S)); }
SEM (feq_d)      { SET_RD (F64_EQ (FS1_D, FS2_D)); }
SEM (flt_d)      { SET_RD (F64_LT (FS1_D, FS2_D)); }
SEM (fle_d)      { SET_RD (F64_LE (FS1_D, FS2_D)); }
SEM (fclass_d)   { SET_RD (F64_CLASS (FS1_D)); }
SEM (fcvt_w_d)   { SET_RD (SEXT32 (F64_TO_I32 (FS1_D))); }
SEM (fcvt_wu_d)  { SET_RD (SEXT32 (F64_TO_U32 (FS1_D))); }
SEM (fcvt_l_d)   { SET_RD (F64_TO_I64 (FS1_D)); }
SEM (fcvt_lu_d)  { SET_RD (F64_TO_U64 (FS1_D)); }
SEM (fmv_x_d)    { SET_RD (FS1_D); }
SEM (fcvt_d_w)   { SET_FD_D (I32_TO_F64 (RS1)); }
SEM (fcvt_d_wu)  { SET_FD_D (U32_TO_F64 (RS1)); }
SEM (fcvt_d_l)   { SET_FD_D (I64_TO_F64 (RS1)); }
SEM (fcvt_d_lu)  { SET_FD_D (U64_TO_F64 (RS1)); }
SEM (fmv_d_x)    { SET_FD_D (RS1); }

/* Zfhmin */
SEM (flh)        { SET_FD_H (LOAD (U16, ADD (RS1, IMM))); }
SEM (fsh)        { STORE (16, ADD (RS1, IMM), FS2_BITS); }
SEM (fmv_x_h)    { SET_RD (SEXT16 (FS1_BITS)); }
SEM (fmv_h_x)    { SET_FD_H (ZEXT16 (RS1)); }
SEM (fcvt_s_h)   { SET_FD_S (F16_TO_F32 (FS1_H)); }
SEM (fcvt_h_s)   { SET_FD_H (F32_TO_F16 (FS1_S)); }
SEM (fcvt_d_h)   { SET_FD_D (F16_TO_F64 (FS1_H)); }
SEM (fcvt_h_d)   { SET_FD_H (F64_TO_F16 (FS1_D)); }

/* Zba */
SEM (add_uw)     { SET_RD (ADD (ZEXT32 (RS1), RS2)); }
SEM (sh1add)     { SET_RD (ADD (SLL (RS1, CONST (1)), RS2)); }
SEM (sh2add)     { SET_RD (ADD (SLL (RS1, CONST (2)), RS2)); }
SEM (sh3add)     { SET_RD (ADD (SLL (RS1, CONST (3)), RS2)); }
SEM (sh1add_uw)  { SET_RD (ADD (SLL (ZEXT32 (RS1), CONST (1)), RS2)); }
SEM (sh2add_uw)  { SET_RD (ADD (SLL (ZEXT32 (RS1), CONST (2)), RS2)); }
SEM (sh3add_uw)  { SET_RD (ADD (SLL (ZEXT32 (RS1), CONST (3)), RS2)); }
SEM (slli_uw)    { SET_RD (SLL (ZEXT32 (RS1), IMM)); }

/* Zbb */
SEM (andn)       { SET_RD (ANDN (RS1, RS2)); }
SEM (orn)        { SET_RD (OR (RS1, NOT (RS2))); }
SEM (xnor)       { SET_RD (NOT (XOR (RS1, RS2))); }
SEM (clz)        { SET_RD (CLZ (RS1)); }
SEM (ctz)        { SET_RD (CTZ (RS1)); }
SEM (cpop)       { SET_RD (POPCOUNT (RS1)); }
SEM (sext_b)     { SET_RD (SEXT8 (RS1)); }
SEM (sext_h)     { SET_RD (SEXT16 (RS1)); }
SEM (clzw)       { SET_RD (SUB (CLZ (ZEXT32 (RS1)), CONST (32))); }
SEM (ctzw)       { SET_RD (CTZ (OR (RS1, CONST (UINT64_C (1) << 32)))); }
SEM (cpopw)      { SET_RD (POPCOUNT (ZEXT32 (RS1))); }
SEM (max)        { SET_RD (SELECT (LT (RS1, RS2), RS2, RS1)); }
SEM (maxu)       { SET_RD (SELECT (LTU (RS1, RS2), RS2, RS1)); }
SEM (min)        { SET_RD (SELECT (LT (RS1, RS2), RS1, RS2)); }
SEM (minu)       { SET_RD (SELECT (LTU (RS1, RS2), RS1, RS2)); }
SEM (zext_h)     { SET_RD (ZEXT16 (RS1)); }
SEM (rol)        { SET_RD (ROL (RS1, RS2)); }
SEM (ror)        { SET_RD (ROR (RS1, RS2)); }
SEM (rori)       { SET_RD (ROR (RS1, IMM)); }
SEM (rolw)       { SET_RD (SEXT32 (ROL32 (RS1, RS2))); }
SEM (rorw)       { SET_RD (SEXT32 (ROR32 (RS1, RS2))); }
SEM (roriw)      { SET_RD (SEXT32 (ROR32 (RS1, IMM))); }
SEM (orc_b)      { SET_RD (ORC_B (RS1)); }
SEM (rev8)       { SET_RD (BSWAP (RS1)); }

/* Zbc */
SEM (clmul)      { SET_RD (CLMUL (RS1, RS2)); }
SEM (clmulh)     { SET_RD (CLMULH (RS1, RS2)); }
SEM (clmulr)     { SET_RD (CLMULR (RS1, RS2)); }

/* Zbs */
SEM (bclr)       { SET_RD (ANDN (RS1, SLL (CONST (1), RS2))); }
SEM (bclri)      { SET_RD (ANDN (RS1, SLL (CONST (1), IMM))); }
SEM (bext)       { SET_RD (AND (SRL (RS1, RS2), CONST (1))); }
SEM (bexti)      { SET_RD (AND (SRL (RS1, IMM), CONST (1))); }
SEM (binv)       { SET_RD (XOR (RS1, SLL (CONST (1), RS2))); }
SEM (binvi)      { SET_RD (XOR (RS1, SLL (CONST (1), IMM))); }
SEM (bset)       { SET_RD (OR (RS1, SLL (CONST (1), RS2))); }
SEM (bseti)      { SET_RD (OR (RS1, SLL (CONST (1), IMM))); }

/* Zicond */
SEM (czero_eqz)  { SET_RD (SELECT (EQ (RS2, CONST (0)), CONST (0), RS1)); }
SEM (czero_nez)  { SET_RD (SELECT (EQ (RS2, CONST (0)), RS1, CONST (0))); }

/* clang-format on */
