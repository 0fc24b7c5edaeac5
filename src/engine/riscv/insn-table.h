/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one list of instructions. Decoder, interpreter, translator, disassembler and the generated
 * tests walk it; insn-sem.h gives the meaning of each row under the same name.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 35 (instruction listings) and the chapters of the
 * extensions; Privileged Spec 20240411 §3.3, §10.2
 */
#pragma once

/* Major opcodes, with the two low bits. */
#define OP_LOAD      0x03
#define OP_LOAD_FP   0x07
#define OP_MISC_MEM  0x0f
#define OP_OP_IMM    0x13
#define OP_AUIPC     0x17
#define OP_OP_IMM_32 0x1b
#define OP_STORE     0x23
#define OP_STORE_FP  0x27
#define OP_AMO       0x2f
#define OP_OP        0x33
#define OP_LUI       0x37
#define OP_OP_32     0x3b
#define OP_MADD      0x43
#define OP_MSUB      0x47
#define OP_NMSUB     0x4b
#define OP_NMADD     0x4f
#define OP_OP_FP     0x53
#define OP_BRANCH    0x63
#define OP_JALR      0x67
#define OP_JAL       0x6f
#define OP_SYSTEM    0x73

/* Encodings: the fixed bits, then the mask of fixed bits. Named by what is fixed. */
#define ENC_U(op)              (op), 0x7fu
#define ENC_I(f3, op)          ((uint32_t) (f3) << 12 | (op)), 0x707fu
#define ENC_B(f3, op)          ENC_I (f3, op)
#define ENC_S(f3, op)          ENC_I (f3, op)
#define ENC_R(f7, f3, op)      ((uint32_t) (f7) << 25 | (uint32_t) (f3) << 12 | (op)), 0xfe00707fu
#define ENC_SH6(f6, f3, op)    ((uint32_t) (f6) << 26 | (uint32_t) (f3) << 12 | (op)), 0xfc00707fu
#define ENC_UNARY(f12, f3, op) ((uint32_t) (f12) << 20 | (uint32_t) (f3) << 12 | (op)), 0xfff0707fu
#define ENC_A(f5, f3)          ((uint32_t) (f5) << 27 | (uint32_t) (f3) << 12 | OP_AMO), 0xf800707fu
#define ENC_LR(f5, f3)         ((uint32_t) (f5) << 27 | (uint32_t) (f3) << 12 | OP_AMO), 0xf9f0707fu
#define ENC_FR(f7)             ((uint32_t) (f7) << 25 | OP_OP_FP), 0xfe00007fu        /* rm free */
#define ENC_F1(f7, rs2)        ((uint32_t) (f7) << 25 | (uint32_t) (rs2) << 20 | OP_OP_FP), 0xfff0007fu
#define ENC_F1X(f7, rs2, f3)   ((uint32_t) (f7) << 25 | (uint32_t) (rs2) << 20 | (uint32_t) (f3) << 12 | OP_OP_FP), 0xfff0707fu
#define ENC_R4(fmt, op)        ((uint32_t) (fmt) << 25 | (op)), 0x0600007fu
#define ENC_ALL(bits)          (bits), 0xffffffffu
#define ENC_CBO(n)             ((uint32_t) (n) << 20 | 2u << 12 | OP_MISC_MEM), 0xfff07fffu
#define ENC_PREFETCH(n)        ((uint32_t) (n) << 20 | 6u << 12 | OP_OP_IMM), 0x01f07fffu
#define ENC_SFENCE(f7)         ((uint32_t) (f7) << 25 | OP_SYSTEM), 0xfe007fffu

/* What a row does besides computing rd. */
enum
{
  PURE = 0,
  MEM_READ = 1 << 0,
  MEM_WRITE = 1 << 1,
  MAY_TRAP = 1 << 2,            /* leaves at its own pc when it fails */
  ENDS_BLOCK = 1 << 3,          /* control does not simply go on behind it */
  FP = 1 << 4,                  /* illegal while mstatus.FS is Off */
  FP_DIRTY = 1 << 5,            /* makes mstatus.FS Dirty: f registers or flags may change */
  FP_RM = 1 << 6,               /* has a rounding mode operand: reserved values are illegal */
  ATOMIC = 1 << 7,
  IN_SYSTEM_C = 1 << 8,         /* executed by cop_system_execute() */
  SYSTEM = MAY_TRAP | ENDS_BLOCK | IN_SYSTEM_C,
  SYSTEM_MEM = SYSTEM | MEM_WRITE,
  FP_WRITE = FP | FP_DIRTY,
  FP_ROUND = FP | FP_DIRTY | FP_RM,
};

/* Operands, in the letters of the disassembler: d s t rd rs1 rs2; D S T R the same (and rs3) as f
   registers; j I-immediate; o offset of a load; q of a store; p of a branch; a of jal; u upper; > and
   < shift amounts of 6 and 5 bits; E csr; Z 5-bit immediate; m rounding mode; P Q fence sets. */
#define OPERAND_FORMATS(FORMAT) \
  FORMAT (NONE,     "")         \
  FORMAT (D_S_T,    "d,s,t")    \
  FORMAT (D_S,      "d,s")      \
  FORMAT (D_S_J,    "d,s,j")    \
  FORMAT (D_S_SH6,  "d,s,>")    \
  FORMAT (D_S_SH5,  "d,s,<")    \
  FORMAT (D_U,      "d,u")      \
  FORMAT (D_A,      "d,a")      \
  FORMAT (D_O,      "d,o(s)")   \
  FORMAT (FD_O,     "D,o(s)")   \
  FORMAT (T_Q,      "t,q(s)")   \
  FORMAT (FT_Q,     "T,q(s)")   \
  FORMAT (S_T_P,    "s,t,p")    \
  FORMAT (D_E_S,    "d,E,s")    \
  FORMAT (D_E_Z,    "d,E,Z")    \
  FORMAT (FENCE,    "P,Q")      \
  FORMAT (S_T,      "s,t")      \
  FORMAT (S0,       "(s)")      \
  FORMAT (PF,       "q(s)")     \
  FORMAT (D_T_S0,   "d,t,(s)")  \
  FORMAT (D_S0,     "d,(s)")    \
  FORMAT (FD_FS_FT_FR_M, "D,S,T,R,m") \
  FORMAT (FD_FS_FT_M, "D,S,T,m") \
  FORMAT (FD_FS_FT, "D,S,T")    \
  FORMAT (FD_FS_M,  "D,S,m")    \
  FORMAT (FD_FS,    "D,S")      \
  FORMAT (D_FS_FT,  "d,S,T")    \
  FORMAT (D_FS_M,   "d,S,m")    \
  FORMAT (D_FS,     "d,S")      \
  FORMAT (FD_S_M,   "D,s,m")    \
  FORMAT (FD_S,     "D,s")

/* clang-format off */
#define INSN_TABLE(INSN) \
  /*    name          encoding                            extension    operands       effects      */ \
  INSN (lui,          ENC_U (OP_LUI),                     I,           D_U,           PURE)           \
  INSN (auipc,        ENC_U (OP_AUIPC),                   I,           D_U,           PURE)           \
  INSN (jal,          ENC_U (OP_JAL),                     I,           D_A,           ENDS_BLOCK)     \
  INSN (jalr,         ENC_I (0, OP_JALR),                 I,           D_O,           ENDS_BLOCK)     \
  INSN (beq,          ENC_B (0, OP_BRANCH),               I,           S_T_P,         ENDS_BLOCK)     \
  INSN (bne,          ENC_B (1, OP_BRANCH),               I,           S_T_P,         ENDS_BLOCK)     \
  INSN (blt,          ENC_B (4, OP_BRANCH),               I,           S_T_P,         ENDS_BLOCK)     \
  INSN (bge,          ENC_B (5, OP_BRANCH),               I,           S_T_P,         ENDS_BLOCK)     \
  INSN (bltu,         ENC_B (6, OP_BRANCH),               I,           S_T_P,         ENDS_BLOCK)     \
  INSN (bgeu,         ENC_B (7, OP_BRANCH),               I,           S_T_P,         ENDS_BLOCK)     \
  INSN (lb,           ENC_I (0, OP_LOAD),                 I,           D_O,           MEM_READ | MAY_TRAP) \
  INSN (lh,           ENC_I (1, OP_LOAD),                 I,           D_O,           MEM_READ | MAY_TRAP) \
  INSN (lw,           ENC_I (2, OP_LOAD),                 I,           D_O,           MEM_READ | MAY_TRAP) \
  INSN (ld,           ENC_I (3, OP_LOAD),                 I,           D_O,           MEM_READ | MAY_TRAP) \
  INSN (lbu,          ENC_I (4, OP_LOAD),                 I,           D_O,           MEM_READ | MAY_TRAP) \
  INSN (lhu,          ENC_I (5, OP_LOAD),                 I,           D_O,           MEM_READ | MAY_TRAP) \
  INSN (lwu,          ENC_I (6, OP_LOAD),                 I,           D_O,           MEM_READ | MAY_TRAP) \
  INSN (sb,           ENC_S (0, OP_STORE),                I,           T_Q,           MEM_WRITE | MAY_TRAP) \
  INSN (sh,           ENC_S (1, OP_STORE),                I,           T_Q,           MEM_WRITE | MAY_TRAP) \
  INSN (sw,           ENC_S (2, OP_STORE),                I,           T_Q,           MEM_WRITE | MAY_TRAP) \
  INSN (sd,           ENC_S (3, OP_STORE),                I,           T_Q,           MEM_WRITE | MAY_TRAP) \
  INSN (addi,         ENC_I (0, OP_OP_IMM),               I,           D_S_J,         PURE)           \
  INSN (slti,         ENC_I (2, OP_OP_IMM),               I,           D_S_J,         PURE)           \
  INSN (sltiu,        ENC_I (3, OP_OP_IMM),               I,           D_S_J,         PURE)           \
  INSN (xori,         ENC_I (4, OP_OP_IMM),               I,           D_S_J,         PURE)           \
  INSN (prefetch_i,   ENC_PREFETCH (0),                   ZICBOP,      PF,            PURE)           \
  INSN (prefetch_r,   ENC_PREFETCH (1),                   ZICBOP,      PF,            PURE)           \
  INSN (prefetch_w,   ENC_PREFETCH (3),                   ZICBOP,      PF,            PURE)           \
  INSN (ori,          ENC_I (6, OP_OP_IMM),               I,           D_S_J,         PURE)           \
  INSN (andi,         ENC_I (7, OP_OP_IMM),               I,           D_S_J,         PURE)           \
  INSN (slli,         ENC_SH6 (0x00, 1, OP_OP_IMM),       I,           D_S_SH6,       PURE)           \
  INSN (srli,         ENC_SH6 (0x00, 5, OP_OP_IMM),       I,           D_S_SH6,       PURE)           \
  INSN (srai,         ENC_SH6 (0x10, 5, OP_OP_IMM),       I,           D_S_SH6,       PURE)           \
  INSN (add,          ENC_R (0x00, 0, OP_OP),             I,           D_S_T,         PURE)           \
  INSN (sub,          ENC_R (0x20, 0, OP_OP),             I,           D_S_T,         PURE)           \
  INSN (sll,          ENC_R (0x00, 1, OP_OP),             I,           D_S_T,         PURE)           \
  INSN (slt,          ENC_R (0x00, 2, OP_OP),             I,           D_S_T,         PURE)           \
  INSN (sltu,         ENC_R (0x00, 3, OP_OP),             I,           D_S_T,         PURE)           \
  INSN (xor,          ENC_R (0x00, 4, OP_OP),             I,           D_S_T,         PURE)           \
  INSN (srl,          ENC_R (0x00, 5, OP_OP),             I,           D_S_T,         PURE)           \
  INSN (sra,          ENC_R (0x20, 5, OP_OP),             I,           D_S_T,         PURE)           \
  INSN (or,           ENC_R (0x00, 6, OP_OP),             I,           D_S_T,         PURE)           \
  INSN (and,          ENC_R (0x00, 7, OP_OP),             I,           D_S_T,         PURE)           \
  INSN (addiw,        ENC_I (0, OP_OP_IMM_32),            I,           D_S_J,         PURE)           \
  INSN (slliw,        ENC_R (0x00, 1, OP_OP_IMM_32),      I,           D_S_SH5,       PURE)           \
  INSN (srliw,        ENC_R (0x00, 5, OP_OP_IMM_32),      I,           D_S_SH5,       PURE)           \
  INSN (sraiw,        ENC_R (0x20, 5, OP_OP_IMM_32),      I,           D_S_SH5,       PURE)           \
  INSN (addw,         ENC_R (0x00, 0, OP_OP_32),          I,           D_S_T,         PURE)           \
  INSN (subw,         ENC_R (0x20, 0, OP_OP_32),          I,           D_S_T,         PURE)           \
  INSN (sllw,         ENC_R (0x00, 1, OP_OP_32),          I,           D_S_T,         PURE)           \
  INSN (srlw,         ENC_R (0x00, 5, OP_OP_32),          I,           D_S_T,         PURE)           \
  INSN (sraw,         ENC_R (0x20, 5, OP_OP_32),          I,           D_S_T,         PURE)           \
  INSN (pause,        ENC_ALL (0x0100000f),               ZIHINTPAUSE, NONE,          PURE)           \
  INSN (fence,        ENC_I (0, OP_MISC_MEM),             I,           FENCE,         ATOMIC)         \
  INSN (fence_i,      ENC_I (1, OP_MISC_MEM),             ZIFENCEI,    NONE,          SYSTEM)       \
  INSN (ecall,        ENC_ALL (0x00000073),               I,           NONE,          SYSTEM)       \
  INSN (ebreak,       ENC_ALL (0x00100073),               I,           NONE,          MAY_TRAP | ENDS_BLOCK) \
  INSN (csrrw,        ENC_I (1, OP_SYSTEM),               ZICSR,       D_E_S,         SYSTEM)       \
  INSN (csrrs,        ENC_I (2, OP_SYSTEM),               ZICSR,       D_E_S,         SYSTEM)       \
  INSN (csrrc,        ENC_I (3, OP_SYSTEM),               ZICSR,       D_E_S,         SYSTEM)       \
  INSN (csrrwi,       ENC_I (5, OP_SYSTEM),               ZICSR,       D_E_Z,         SYSTEM)       \
  INSN (csrrsi,       ENC_I (6, OP_SYSTEM),               ZICSR,       D_E_Z,         SYSTEM)       \
  INSN (csrrci,       ENC_I (7, OP_SYSTEM),               ZICSR,       D_E_Z,         SYSTEM)       \
  INSN (sret,         ENC_ALL (0x10200073),               S,           NONE,          SYSTEM)       \
  INSN (mret,         ENC_ALL (0x30200073),               I,           NONE,          SYSTEM)       \
  INSN (wfi,          ENC_ALL (0x10500073),               I,           NONE,          SYSTEM)       \
  INSN (wrs_nto,      ENC_ALL (0x00d00073),               ZAWRS,       NONE,          SYSTEM)       \
  INSN (wrs_sto,      ENC_ALL (0x01d00073),               ZAWRS,       NONE,          SYSTEM)       \
  INSN (sfence_vma,   ENC_SFENCE (0x09),                  S,           S_T,           SYSTEM)       \
  INSN (sinval_vma,   ENC_SFENCE (0x0b),                  SVINVAL,     S_T,           SYSTEM)       \
  INSN (sfence_w_inval,  ENC_ALL (0x18000073),            SVINVAL,     NONE,          SYSTEM)       \
  INSN (sfence_inval_ir, ENC_ALL (0x18100073),            SVINVAL,     NONE,          SYSTEM)       \
  INSN (cbo_inval,    ENC_CBO (0),                        ZICBOM,      S0,            SYSTEM_MEM)       \
  INSN (cbo_clean,    ENC_CBO (1),                        ZICBOM,      S0,            SYSTEM_MEM)       \
  INSN (cbo_flush,    ENC_CBO (2),                        ZICBOM,      S0,            SYSTEM_MEM)       \
  INSN (cbo_zero,     ENC_CBO (4),                        ZICBOZ,      S0,            MEM_WRITE | MAY_TRAP) \
  INSN (mul,          ENC_R (0x01, 0, OP_OP),             M,           D_S_T,         PURE)           \
  INSN (mulh,         ENC_R (0x01, 1, OP_OP),             M,           D_S_T,         PURE)           \
  INSN (mulhsu,       ENC_R (0x01, 2, OP_OP),             M,           D_S_T,         PURE)           \
  INSN (mulhu,        ENC_R (0x01, 3, OP_OP),             M,           D_S_T,         PURE)           \
  INSN (div,          ENC_R (0x01, 4, OP_OP),             M,           D_S_T,         PURE)           \
  INSN (divu,         ENC_R (0x01, 5, OP_OP),             M,           D_S_T,         PURE)           \
  INSN (rem,          ENC_R (0x01, 6, OP_OP),             M,           D_S_T,         PURE)           \
  INSN (remu,         ENC_R (0x01, 7, OP_OP),             M,           D_S_T,         PURE)           \
  INSN (mulw,         ENC_R (0x01, 0, OP_OP_32),          M,           D_S_T,         PURE)           \
  INSN (divw,         ENC_R (0x01, 4, OP_OP_32),          M,           D_S_T,         PURE)           \
  INSN (divuw,        ENC_R (0x01, 5, OP_OP_32),          M,           D_S_T,         PURE)           \
  INSN (remw,         ENC_R (0x01, 6, OP_OP_32),          M,           D_S_T,         PURE)           \
  INSN (remuw,        ENC_R (0x01, 7, OP_OP_32),          M,           D_S_T,         PURE)           \
  INSN (lr_w,         ENC_LR (0x02, 2),                   A,           D_S0,          MEM_READ | MAY_TRAP | ATOMIC) \
  INSN (sc_w,         ENC_A (0x03, 2),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amoswap_w,    ENC_A (0x01, 2),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amoadd_w,     ENC_A (0x00, 2),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amoxor_w,     ENC_A (0x04, 2),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amoand_w,     ENC_A (0x0c, 2),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amoor_w,      ENC_A (0x08, 2),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amomin_w,     ENC_A (0x10, 2),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amomax_w,     ENC_A (0x14, 2),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amominu_w,    ENC_A (0x18, 2),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amomaxu_w,    ENC_A (0x1c, 2),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (lr_d,         ENC_LR (0x02, 3),                   A,           D_S0,          MEM_READ | MAY_TRAP | ATOMIC) \
  INSN (sc_d,         ENC_A (0x03, 3),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amoswap_d,    ENC_A (0x01, 3),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amoadd_d,     ENC_A (0x00, 3),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amoxor_d,     ENC_A (0x04, 3),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amoand_d,     ENC_A (0x0c, 3),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amoor_d,      ENC_A (0x08, 3),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amomin_d,     ENC_A (0x10, 3),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amomax_d,     ENC_A (0x14, 3),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amominu_d,    ENC_A (0x18, 3),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (amomaxu_d,    ENC_A (0x1c, 3),                    A,           D_T_S0,        MEM_WRITE | MAY_TRAP | ATOMIC) \
  INSN (flw,          ENC_I (2, OP_LOAD_FP),              F,           FD_O,          MEM_READ | MAY_TRAP | FP_WRITE) \
  INSN (fsw,          ENC_S (2, OP_STORE_FP),             F,           FT_Q,          MEM_WRITE | MAY_TRAP | FP) \
  INSN (fmadd_s,      ENC_R4 (0, OP_MADD),                F,           FD_FS_FT_FR_M, FP_ROUND)       \
  INSN (fmsub_s,      ENC_R4 (0, OP_MSUB),                F,           FD_FS_FT_FR_M, FP_ROUND)       \
  INSN (fnmsub_s,     ENC_R4 (0, OP_NMSUB),               F,           FD_FS_FT_FR_M, FP_ROUND)       \
  INSN (fnmadd_s,     ENC_R4 (0, OP_NMADD),               F,           FD_FS_FT_FR_M, FP_ROUND)       \
  INSN (fadd_s,       ENC_FR (0x00),                      F,           FD_FS_FT_M,    FP_ROUND)       \
  INSN (fsub_s,       ENC_FR (0x04),                      F,           FD_FS_FT_M,    FP_ROUND)       \
  INSN (fmul_s,       ENC_FR (0x08),                      F,           FD_FS_FT_M,    FP_ROUND)       \
  INSN (fdiv_s,       ENC_FR (0x0c),                      F,           FD_FS_FT_M,    FP_ROUND)       \
  INSN (fsqrt_s,      ENC_F1 (0x2c, 0),                   F,           FD_FS_M,       FP_ROUND)       \
  INSN (fsgnj_s,      ENC_R (0x10, 0, OP_OP_FP),          F,           FD_FS_FT,      FP_WRITE)       \
  INSN (fsgnjn_s,     ENC_R (0x10, 1, OP_OP_FP),          F,           FD_FS_FT,      FP_WRITE)       \
  INSN (fsgnjx_s,     ENC_R (0x10, 2, OP_OP_FP),          F,           FD_FS_FT,      FP_WRITE)       \
  INSN (fmin_s,       ENC_R (0x14, 0, OP_OP_FP),          F,           FD_FS_FT,      FP_WRITE)       \
  INSN (fmax_s,       ENC_R (0x14, 1, OP_OP_FP),          F,           FD_FS_FT,      FP_WRITE)       \
  INSN (fcvt_w_s,     ENC_F1 (0x60, 0),                   F,           D_FS_M,        FP_ROUND)       \
  INSN (fcvt_wu_s,    ENC_F1 (0x60, 1),                   F,           D_FS_M,        FP_ROUND)       \
  INSN (fcvt_l_s,     ENC_F1 (0x60, 2),                   F,           D_FS_M,        FP_ROUND)       \
  INSN (fcvt_lu_s,    ENC_F1 (0x60, 3),                   F,           D_FS_M,        FP_ROUND)       \
  INSN (fmv_x_w,      ENC_F1X (0x70, 0, 0),               F,           D_FS,          FP)             \
  INSN (feq_s,        ENC_R (0x50, 2, OP_OP_FP),          F,           D_FS_FT,       FP_WRITE)       \
  INSN (flt_s,        ENC_R (0x50, 1, OP_OP_FP),          F,           D_FS_FT,       FP_WRITE)       \
  INSN (fle_s,        ENC_R (0x50, 0, OP_OP_FP),          F,           D_FS_FT,       FP_WRITE)       \
  INSN (fclass_s,     ENC_F1X (0x70, 0, 1),               F,           D_FS,          FP)             \
  INSN (fcvt_s_w,     ENC_F1 (0x68, 0),                   F,           FD_S_M,        FP_ROUND)       \
  INSN (fcvt_s_wu,    ENC_F1 (0x68, 1),                   F,           FD_S_M,        FP_ROUND)       \
  INSN (fcvt_s_l,     ENC_F1 (0x68, 2),                   F,           FD_S_M,        FP_ROUND)       \
  INSN (fcvt_s_lu,    ENC_F1 (0x68, 3),                   F,           FD_S_M,        FP_ROUND)       \
  INSN (fmv_w_x,      ENC_F1X (0x78, 0, 0),               F,           FD_S,          FP_WRITE)       \
  INSN (fld,          ENC_I (3, OP_LOAD_FP),              D,           FD_O,          MEM_READ | MAY_TRAP | FP_WRITE) \
  INSN (fsd,          ENC_S (3, OP_STORE_FP),             D,           FT_Q,          MEM_WRITE | MAY_TRAP | FP) \
  INSN (fmadd_d,      ENC_R4 (1, OP_MADD),                D,           FD_FS_FT_FR_M, FP_ROUND)       \
  INSN (fmsub_d,      ENC_R4 (1, OP_MSUB),                D,           FD_FS_FT_FR_M, FP_ROUND)       \
  INSN (fnmsub_d,     ENC_R4 (1, OP_NMSUB),               D,           FD_FS_FT_FR_M, FP_ROUND)       \
  INSN (fnmadd_d,     ENC_R4 (1, OP_NMADD),               D,           FD_FS_FT_FR_M, FP_ROUND)       \
  INSN (fadd_d,       ENC_FR (0x01),                      D,           FD_FS_FT_M,    FP_ROUND)       \
  INSN (fsub_d,       ENC_FR (0x05),                      D,           FD_FS_FT_M,    FP_ROUND)       \
  INSN (fmul_d,       ENC_FR (0x09),                      D,           FD_FS_FT_M,    FP_ROUND)       \
  INSN (fdiv_d,       ENC_FR (0x0d),                      D,           FD_FS_FT_M,    FP_ROUND)       \
  INSN (fsqrt_d,      ENC_F1 (0x2d, 0),                   D,           FD_FS_M,       FP_ROUND)       \
  INSN (fsgnj_d,      ENC_R (0x11, 0, OP_OP_FP),          D,           FD_FS_FT,      FP_WRITE)       \
  INSN (fsgnjn_d,     ENC_R (0x11, 1, OP_OP_FP),          D,           FD_FS_FT,      FP_WRITE)       \
  INSN (fsgnjx_d,     ENC_R (0x11, 2, OP_OP_FP),          D,           FD_FS_FT,      FP_WRITE)       \
  INSN (fmin_d,       ENC_R (0x15, 0, OP_OP_FP),          D,           FD_FS_FT,      FP_WRITE)       \
  INSN (fmax_d,       ENC_R (0x15, 1, OP_OP_FP),          D,           FD_FS_FT,      FP_WRITE)       \
  INSN (fcvt_s_d,     ENC_F1 (0x20, 1),                   D,           FD_FS_M,       FP_ROUND)       \
  INSN (fcvt_d_s,     ENC_F1 (0x21, 0),                   D,           FD_FS_M,       FP_ROUND)       \
  INSN (feq_d,        ENC_R (0x51, 2, OP_OP_FP),          D,           D_FS_FT,       FP_WRITE)       \
  INSN (flt_d,        ENC_R (0x51, 1, OP_OP_FP),          D,           D_FS_FT,       FP_WRITE)       \
  INSN (fle_d,        ENC_R (0x51, 0, OP_OP_FP),          D,           D_FS_FT,       FP_WRITE)       \
  INSN (fclass_d,     ENC_F1X (0x71, 0, 1),               D,           D_FS,          FP)             \
  INSN (fcvt_w_d,     ENC_F1 (0x61, 0),                   D,           D_FS_M,        FP_ROUND)       \
  INSN (fcvt_wu_d,    ENC_F1 (0x61, 1),                   D,           D_FS_M,        FP_ROUND)       \
  INSN (fcvt_l_d,     ENC_F1 (0x61, 2),                   D,           D_FS_M,        FP_ROUND)       \
  INSN (fcvt_lu_d,    ENC_F1 (0x61, 3),                   D,           D_FS_M,        FP_ROUND)       \
  INSN (fmv_x_d,      ENC_F1X (0x71, 0, 0),               D,           D_FS,          FP)             \
  INSN (fcvt_d_w,     ENC_F1 (0x69, 0),                   D,           FD_S_M,        FP_ROUND)       \
  INSN (fcvt_d_wu,    ENC_F1 (0x69, 1),                   D,           FD_S_M,        FP_ROUND)       \
  INSN (fcvt_d_l,     ENC_F1 (0x69, 2),                   D,           FD_S_M,        FP_ROUND)       \
  INSN (fcvt_d_lu,    ENC_F1 (0x69, 3),                   D,           FD_S_M,        FP_ROUND)       \
  INSN (fmv_d_x,      ENC_F1X (0x79, 0, 0),               D,           FD_S,          FP_WRITE)       \
  INSN (flh,          ENC_I (1, OP_LOAD_FP),              ZFHMIN,      FD_O,          MEM_READ | MAY_TRAP | FP_WRITE) \
  INSN (fsh,          ENC_S (1, OP_STORE_FP),             ZFHMIN,      FT_Q,          MEM_WRITE | MAY_TRAP | FP) \
  INSN (fmv_x_h,      ENC_F1X (0x72, 0, 0),               ZFHMIN,      D_FS,          FP)             \
  INSN (fmv_h_x,      ENC_F1X (0x7a, 0, 0),               ZFHMIN,      FD_S,          FP_WRITE)       \
  INSN (fcvt_s_h,     ENC_F1 (0x20, 2),                   ZFHMIN,      FD_FS_M,       FP_ROUND)       \
  INSN (fcvt_h_s,     ENC_F1 (0x22, 0),                   ZFHMIN,      FD_FS_M,       FP_ROUND)       \
  INSN (fcvt_d_h,     ENC_F1 (0x21, 2),                   ZFHMIN,      FD_FS_M,       FP_ROUND)       \
  INSN (fcvt_h_d,     ENC_F1 (0x22, 1),                   ZFHMIN,      FD_FS_M,       FP_ROUND)       \
  INSN (add_uw,       ENC_R (0x04, 0, OP_OP_32),          ZBA,         D_S_T,         PURE)           \
  INSN (sh1add,       ENC_R (0x10, 2, OP_OP),             ZBA,         D_S_T,         PURE)           \
  INSN (sh2add,       ENC_R (0x10, 4, OP_OP),             ZBA,         D_S_T,         PURE)           \
  INSN (sh3add,       ENC_R (0x10, 6, OP_OP),             ZBA,         D_S_T,         PURE)           \
  INSN (sh1add_uw,    ENC_R (0x10, 2, OP_OP_32),          ZBA,         D_S_T,         PURE)           \
  INSN (sh2add_uw,    ENC_R (0x10, 4, OP_OP_32),          ZBA,         D_S_T,         PURE)           \
  INSN (sh3add_uw,    ENC_R (0x10, 6, OP_OP_32),          ZBA,         D_S_T,         PURE)           \
  INSN (slli_uw,      ENC_SH6 (0x02, 1, OP_OP_IMM_32),    ZBA,         D_S_SH6,       PURE)           \
  INSN (andn,         ENC_R (0x20, 7, OP_OP),             ZBB,         D_S_T,         PURE)           \
  INSN (orn,          ENC_R (0x20, 6, OP_OP),             ZBB,         D_S_T,         PURE)           \
  INSN (xnor,         ENC_R (0x20, 4, OP_OP),             ZBB,         D_S_T,         PURE)           \
  INSN (clz,          ENC_UNARY (0x600, 1, OP_OP_IMM),    ZBB,         D_S,           PURE)           \
  INSN (ctz,          ENC_UNARY (0x601, 1, OP_OP_IMM),    ZBB,         D_S,           PURE)           \
  INSN (cpop,         ENC_UNARY (0x602, 1, OP_OP_IMM),    ZBB,         D_S,           PURE)           \
  INSN (sext_b,       ENC_UNARY (0x604, 1, OP_OP_IMM),    ZBB,         D_S,           PURE)           \
  INSN (sext_h,       ENC_UNARY (0x605, 1, OP_OP_IMM),    ZBB,         D_S,           PURE)           \
  INSN (clzw,         ENC_UNARY (0x600, 1, OP_OP_IMM_32), ZBB,         D_S,           PURE)           \
  INSN (ctzw,         ENC_UNARY (0x601, 1, OP_OP_IMM_32), ZBB,         D_S,           PURE)           \
  INSN (cpopw,        ENC_UNARY (0x602, 1, OP_OP_IMM_32), ZBB,         D_S,           PURE)           \
  INSN (max,          ENC_R (0x05, 6, OP_OP),             ZBB,         D_S_T,         PURE)           \
  INSN (maxu,         ENC_R (0x05, 7, OP_OP),             ZBB,         D_S_T,         PURE)           \
  INSN (min,          ENC_R (0x05, 4, OP_OP),             ZBB,         D_S_T,         PURE)           \
  INSN (minu,         ENC_R (0x05, 5, OP_OP),             ZBB,         D_S_T,         PURE)           \
  INSN (zext_h,       ENC_UNARY (0x080, 4, OP_OP_32),     ZBB,         D_S,           PURE)           \
  INSN (rol,          ENC_R (0x30, 1, OP_OP),             ZBB,         D_S_T,         PURE)           \
  INSN (ror,          ENC_R (0x30, 5, OP_OP),             ZBB,         D_S_T,         PURE)           \
  INSN (rori,         ENC_SH6 (0x18, 5, OP_OP_IMM),       ZBB,         D_S_SH6,       PURE)           \
  INSN (rolw,         ENC_R (0x30, 1, OP_OP_32),          ZBB,         D_S_T,         PURE)           \
  INSN (rorw,         ENC_R (0x30, 5, OP_OP_32),          ZBB,         D_S_T,         PURE)           \
  INSN (roriw,        ENC_R (0x30, 5, OP_OP_IMM_32),      ZBB,         D_S_SH5,       PURE)           \
  INSN (orc_b,        ENC_UNARY (0x287, 5, OP_OP_IMM),    ZBB,         D_S,           PURE)           \
  INSN (rev8,         ENC_UNARY (0x6b8, 5, OP_OP_IMM),    ZBB,         D_S,           PURE)           \
  INSN (clmul,        ENC_R (0x05, 1, OP_OP),             ZBC,         D_S_T,         PURE)           \
  INSN (clmulh,       ENC_R (0x05, 3, OP_OP),             ZBC,         D_S_T,         PURE)           \
  INSN (clmulr,       ENC_R (0x05, 2, OP_OP),             ZBC,         D_S_T,         PURE)           \
  INSN (bclr,         ENC_R (0x24, 1, OP_OP),             ZBS,         D_S_T,         PURE)           \
  INSN (bclri,        ENC_SH6 (0x12, 1, OP_OP_IMM),       ZBS,         D_S_SH6,       PURE)           \
  INSN (bext,         ENC_R (0x24, 5, OP_OP),             ZBS,         D_S_T,         PURE)           \
  INSN (bexti,        ENC_SH6 (0x12, 5, OP_OP_IMM),       ZBS,         D_S_SH6,       PURE)           \
  INSN (binv,         ENC_R (0x34, 1, OP_OP),             ZBS,         D_S_T,         PURE)           \
  INSN (binvi,        ENC_SH6 (0x1a, 1, OP_OP_IMM),       ZBS,         D_S_SH6,       PURE)           \
  INSN (bset,         ENC_R (0x14, 1, OP_OP),             ZBS,         D_S_T,         PURE)           \
  INSN (bseti,        ENC_SH6 (0x0a, 1, OP_OP_IMM),       ZBS,         D_S_SH6,       PURE)           \
  INSN (czero_eqz,    ENC_R (0x07, 5, OP_OP),             ZICOND,      D_S_T,         PURE)           \
  INSN (czero_nez,    ENC_R (0x07, 7, OP_OP),             ZICOND,      D_S_T,         PURE)

/* How a compressed instruction names its operands; see insn-decode.c. Letters as above, with '
   for the eight registers x8 to x15. */
#define CINSN_TABLE(CINSN) \
  /*     name         match    mask     extension  form       expands to  */ \
  CINSN (c_addi4spn,  0x0000,  0xe003,  C,         ADDI4SPN,  addi)          \
  CINSN (c_fld,       0x2000,  0xe003,  D,         LD,        fld)           \
  CINSN (c_lw,        0x4000,  0xe003,  C,         LW,        lw)            \
  CINSN (c_ld,        0x6000,  0xe003,  C,         LD,        ld)            \
  CINSN (c_fsd,       0xa000,  0xe003,  D,         SD,        fsd)           \
  CINSN (c_sw,        0xc000,  0xe003,  C,         SW,        sw)            \
  CINSN (c_sd,        0xe000,  0xe003,  C,         SD,        sd)            \
  CINSN (c_nop,       0x0001,  0xef83,  C,         ADDI,      addi)          \
  CINSN (c_addi,      0x0001,  0xe003,  C,         ADDI,      addi)          \
  CINSN (c_addiw,     0x2001,  0xe003,  C,         ADDIW,     addiw)         \
  CINSN (c_li,        0x4001,  0xe003,  C,         LI,        addi)          \
  CINSN (c_addi16sp,  0x6101,  0xef83,  C,         ADDI16SP,  addi)          \
  CINSN (c_lui,       0x6001,  0xe003,  C,         LUI,       lui)           \
  CINSN (c_srli,      0x8001,  0xec03,  C,         SHIFT,     srli)          \
  CINSN (c_srai,      0x8401,  0xec03,  C,         SHIFT,     srai)          \
  CINSN (c_andi,      0x8801,  0xec03,  C,         ANDI,      andi)          \
  CINSN (c_sub,       0x8c01,  0xfc63,  C,         ALU,       sub)           \
  CINSN (c_xor,       0x8c21,  0xfc63,  C,         ALU,       xor)           \
  CINSN (c_or,        0x8c41,  0xfc63,  C,         ALU,       or)            \
  CINSN (c_and,       0x8c61,  0xfc63,  C,         ALU,       and)           \
  CINSN (c_subw,      0x9c01,  0xfc63,  C,         ALU,       subw)          \
  CINSN (c_addw,      0x9c21,  0xfc63,  C,         ALU,       addw)          \
  CINSN (c_j,         0xa001,  0xe003,  C,         J,         jal)           \
  CINSN (c_beqz,      0xc001,  0xe003,  C,         BRANCH,    beq)           \
  CINSN (c_bnez,      0xe001,  0xe003,  C,         BRANCH,    bne)           \
  CINSN (c_slli,      0x0002,  0xe003,  C,         SLLI,      slli)          \
  CINSN (c_fldsp,     0x2002,  0xe003,  D,         LDSP,      fld)           \
  CINSN (c_lwsp,      0x4002,  0xe003,  C,         LWSP,      lw)            \
  CINSN (c_ldsp,      0x6002,  0xe003,  C,         LDSP,      ld)            \
  CINSN (c_ebreak,    0x9002,  0xffff,  C,         NONE,      ebreak)        \
  CINSN (c_jr,        0x8002,  0xf07f,  C,         JR,        jalr)          \
  CINSN (c_jalr,      0x9002,  0xf07f,  C,         JALR,      jalr)          \
  CINSN (c_mv,        0x8002,  0xf003,  C,         MV,        add)           \
  CINSN (c_add,       0x9002,  0xf003,  C,         ADD,       add)           \
  CINSN (c_fsdsp,     0xa002,  0xe003,  D,         SDSP,      fsd)           \
  CINSN (c_swsp,      0xc002,  0xe003,  C,         SWSP,      sw)            \
  CINSN (c_sdsp,      0xe002,  0xe003,  C,         SDSP,      sd)
/* clang-format on */
