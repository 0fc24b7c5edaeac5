/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The intermediate form: what a guest block means, before any host is thought of.
 *
 *   CopIrUnit | block | block | ...        a unit: blocks of a guest page, translated together
 *               statements                 in guest order; each belongs to one instruction
 *                 node trees               values: pure but for loads and atomics
 *
 * Blocks of a unit lie on one page, and where it is known what is beside that page, on the one before
 * and the one behind too: those are entered from within the unit only. All offsets are from the start
 * of the one, be they on another or not.
 *
 * Guest registers are variables: IR_GETX reads one, a SETX statement writes one, and after every
 * statement they hold what the specification says, so that an exception at any instruction finds an
 * exact state. Virtual addresses never appear: pc values are offsets from the page the unit lies on
 * (IR_PC), so that one translation serves every address space that maps the page.
 *
 * A node's type says its width and bank; vectors get types of their own when there are vectors.
 */
#pragma once

#include "engine/ram.h"
#include "engine/riscv/insn.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define IR_OPS(OP) \
  /*  name       operands  what */                                                            \
  OP (CONST,     0)     /* imm */                                                              \
  OP (PC,        0)     /* virtual address of the unit's page, plus imm */                     \
  OP (GETX,      0)     /* x register imm & 31; with IR_X_SEXT32 a known property */           \
  OP (GETF,      0)     /* all 64 bits of f register imm */                                    \
  OP (ADD,       2)                                                                            \
  OP (SUB,       2)                                                                            \
  OP (AND,       2)                                                                            \
  OP (ANDN,      2)     /* a & ~b */                                                           \
  OP (OR,        2)                                                                            \
  OP (XOR,       2)                                                                            \
  OP (NOT,       1)                                                                            \
  OP (SLL,       2)     /* by b modulo 64, as the next two */                                  \
  OP (SRL,       2)                                                                            \
  OP (SRA,       2)                                                                            \
  OP (SLL32,     2)     /* a << (b & 31), sign-extended from 32 bits, as the next two */       \
  OP (SRL32,     2)                                                                            \
  OP (SRA32,     2)                                                                            \
  OP (ROL,       2)                                                                            \
  OP (ROR,       2)                                                                            \
  OP (ROL32,     2)     /* zero-extended */                                                    \
  OP (ROR32,     2)                                                                            \
  OP (EQ,        2)     /* 0 or 1, as the next five */                                         \
  OP (NE,        2)                                                                            \
  OP (LT,        2)                                                                            \
  OP (GE,        2)                                                                            \
  OP (LTU,       2)                                                                            \
  OP (GEU,       2)                                                                            \
  OP (SELECT,    3)     /* a ? b : c */                                                        \
  OP (SEXT8,     1)                                                                            \
  OP (SEXT16,    1)                                                                            \
  OP (SEXT32,    1)                                                                            \
  OP (ZEXT16,    1)                                                                            \
  OP (ZEXT32,    1)                                                                            \
  OP (MUL,       2)                                                                            \
  OP (MULH,      2)                                                                            \
  OP (MULHU,     2)                                                                            \
  OP (MULHSU,    2)                                                                            \
  OP (DIV,       2)                                                                            \
  OP (DIVU,      2)                                                                            \
  OP (REM,       2)                                                                            \
  OP (REMU,      2)                                                                            \
  OP (DIV32,     2)                                                                            \
  OP (DIVU32,    2)                                                                            \
  OP (REM32,     2)                                                                            \
  OP (REMU32,    2)                                                                            \
  OP (CLZ,       1)                                                                            \
  OP (CTZ,       1)                                                                            \
  OP (POPCOUNT,  1)                                                                            \
  OP (BSWAP,     1)                                                                            \
  OP (ORC_B,     1)                                                                            \
  OP (CLMUL,     2)                                                                            \
  OP (CLMULH,    2)                                                                            \
  OP (CLMULR,    2)                                                                            \
  OP (LOAD,      1)     /* imm: CopIrLoad; a: gva */                                           \
  OP (AMO,       2)     /* imm: CopAmo << 8 | bits; a: gva, b: operand */                      \
  OP (LR,        1)     /* imm: bits; a: gva */                                                \
  OP (SC,        2)     /* imm: bits; a: gva, b: value */                                      \
  OP (UNBOX32,   1)     /* the f32 in a boxed a, or the canonical NaN; zero-extended */        \
  OP (UNBOX16,   1)                                                                            \
  OP (BOX32,     1)                                                                            \
  OP (BOX16,     1)                                                                            \
  OP (FNEG32,    1)     /* of an f32, by its sign bit */                                       \
  OP (FNEG64,    1)                                                                            \
  OP (FP,        3)     /* imm: CopIrFp << 8 | rounding mode; as many operands as it has */  \
  OP (FFLAGS,    0)     /* flags gathered so far, as in the CSR of that name */

typedef enum
{
#define OP(name, operands) IR_##name,
  IR_OPS (OP)
#undef OP
  IR_LAST,
} CopIrOp;

/* Floating point: operands and results are bits. Named as in fpu-host.h. */
#define IR_FP_OPS(FP) \
  /*  name        operands  rounds  */ \
  FP (f32_add,    2,        true)      \
  FP (f32_sub,    2,        true)      \
  FP (f32_mul,    2,        true)      \
  FP (f32_div,    2,        true)      \
  FP (f32_sqrt,   1,        true)      \
  FP (f32_fma,    3,        true)      \
  FP (f64_add,    2,        true)      \
  FP (f64_sub,    2,        true)      \
  FP (f64_mul,    2,        true)      \
  FP (f64_div,    2,        true)      \
  FP (f64_sqrt,   1,        true)      \
  FP (f64_fma,    3,        true)      \
  FP (f64_to_f32, 1,        true)      \
  FP (f64_to_f16, 1,        true)      \
  FP (f32_to_f16, 1,        true)      \
  FP (i32_to_f32, 1,        true)      \
  FP (u32_to_f32, 1,        true)      \
  FP (i64_to_f32, 1,        true)      \
  FP (u64_to_f32, 1,        true)      \
  FP (i32_to_f64, 1,        true)      \
  FP (u32_to_f64, 1,        true)      \
  FP (i64_to_f64, 1,        true)      \
  FP (u64_to_f64, 1,        true)      \
  FP (f32_to_i32, 1,        true)      \
  FP (f32_to_u32, 1,        true)      \
  FP (f32_to_i64, 1,        true)      \
  FP (f32_to_u64, 1,        true)      \
  FP (f64_to_i32, 1,        true)      \
  FP (f64_to_u32, 1,        true)      \
  FP (f64_to_i64, 1,        true)      \
  FP (f64_to_u64, 1,        true)      \
  FP (f32_to_f64, 1,        false)     \
  FP (f16_to_f64, 1,        false)     \
  FP (f16_to_f32, 1,        false)     \
  FP (f32_min,    2,        false)     \
  FP (f32_max,    2,        false)     \
  FP (f64_min,    2,        false)     \
  FP (f64_max,    2,        false)     \
  FP (f32_eq,     2,        false)     \
  FP (f32_lt,     2,        false)     \
  FP (f32_le,     2,        false)     \
  FP (f64_eq,     2,        false)     \
  FP (f64_lt,     2,        false)     \
  FP (f64_le,     2,        false)     \
  FP (f32_class,  1,        false)     \
  FP (f64_class,  1,        false)
/* clang-format on */

typedef enum
{
#define FP(name, ...) IR_FP_##name,
  IR_FP_OPS (FP)
#undef FP
  IR_FP_LAST,
} CopIrFp;

/* Rounding mode of an IR_FP node that is the host's at run time; others are CopRoundingMode. */
#define IR_RM_NATIVE 8

typedef enum
{
  IR_S8,
  IR_U8,
  IR_S16,
  IR_U16,
  IR_S32,
  IR_U32,
  IR_U64,
} CopIrLoad;

static inline unsigned
cop_ir_load_size (CopIrLoad kind)
{
  return kind == IR_U64 ? 8 : 1u << kind / 2;
}

/* Of IR_GETX: the register's value is the sign extension of its low 32 bits. */
#define IR_X_SEXT32 0x100u

/* Index of a node in its unit. */
typedef uint16_t CopIrRef;
#define IR_NONE UINT16_MAX

typedef struct
{
  uint8_t  op;                  /* CopIrOp */
  CopIrRef a, b, c;
  uint64_t imm;
} CopIrNode;

typedef enum
{
  IR_SETX,                      /* reg = a */
  IR_SETF,                      /* f reg = all 64 bits of a */
  IR_STORE,                     /* imm bits of b to gva a */
  IR_EFFECT,                    /* a for its effect only: a load, AMO or sc to x0 */
  IR_BRANCH,                    /* if a: go to offset imm; otherwise to the next block */
  IR_JUMP,                      /* to offset imm; reg != 0: a call, whose link is written already */
  IR_JUMP_REG,                  /* to gva a, then x reg is the link; imm: IR_JUMP_* */
  IR_SYSTEM,                    /* cop_system_execute(): imm the bits, and CopInsnOp << 32 */
  IR_INTERPRET,                 /* this one instruction is the interpreter's; ends the block */
  IR_FENCE,                     /* a full one */
  IR_RELAX,                     /* pause */
  IR_CBO_ZERO,                  /* of the block at gva a; imm: the bits */
  IR_SET_FFLAGS,                /* fflags = a */
  IR_MAKE_DIRTY,                /* mstatus.FS becomes Dirty */
  IR_CHECK_NEXT_PAGE,           /* fetches of the next page lead to host address imm; else the
                                   instruction is the interpreter's */
  IR_CHECK_TARGET,              /* a must be a multiple of 4, else a misaligned-instruction trap */
  IR_LATE,                      /* reg = a, where an access up to statement imm leaves translated code:
                                   else nothing reads reg before it is set anew */
  IR_NOP,                       /* removed */
} CopIrStatementKind;

/* Of IR_JUMP_REG. */
#define IR_JUMP_CALLS 1
#define IR_JUMP_RETURNS 2

typedef struct
{
  uint8_t  kind;
  uint8_t  reg;
  uint8_t  insn;                /* its number in the block */
  bool     is_last;             /* of accesses: cannot go on in line once late registers are set */
  int16_t  offset;              /* of its instruction from the page's start, in bytes */
  CopIrRef a, b;
  uint64_t imm;
  /* Of memory accesses: the span they share a look-up with, or IR_NO_SPAN. */
  uint16_t span;
} CopIrStatement;

#define IR_NO_SPAN UINT16_MAX

/* Accesses of one block off one base value, in one page: checked once, at the first of them. */
typedef struct
{
  uint8_t base;                 /* x register */
  bool    writes;
  int32_t low, high;            /* bytes touched: [base + low, base + high) */
  uint16_t n_accesses;
} CopIrSpan;

typedef struct
{
  uint16_t first, n;            /* its statements */
  int16_t  offset;              /* of its start from the page's, in bytes */
  int16_t  end;                 /* behind its last instruction */
  uint8_t  n_insns;
  bool     falls_through;       /* goes on at `end` when its last statement does not leave */
} CopIrBlock;

typedef struct CopIrUnit CopIrUnit;
/* Where offsets may be: the page before, the unit's, the one behind. */
#define COP_IR_FIRST (-(int) COP_PAGE_SIZE)
#define COP_IR_END (2 * (int) COP_PAGE_SIZE)
#define COP_IR_WINDOW (COP_IR_END - COP_IR_FIRST)

/* The page that an offset is on: -1, 0 or 1 within the window. */
static inline int
cop_ir_page_of (int64_t offset)
{
  return (int) (offset >> COP_PAGE_SHIFT);
}

struct CopIrUnit
{
  uint64_t gpa;                 /* of the page */
  uint64_t near_gpa[2];         /* of the pages before and behind; 0: not known */
  uint64_t gva;                 /* of the page when it was translated: for people only */
  uint64_t next_gpa;            /* of the page that its last instruction reaches into; 0: none */
  uint32_t mode;                /* CopHart.mode it is made for */
  bool     optimised;           /* of hot code, and in place of what there was */
  GArray  *nodes;               /* (element-type CopIrNode) */
  GArray  *statements;          /* (element-type CopIrStatement) */
  GArray  *blocks;              /* (element-type CopIrBlock): [0] is where it was asked for */
  GArray  *spans;               /* (element-type CopIrSpan) */
};

static inline CopIrNode *
cop_ir_node (const CopIrUnit *unit, CopIrRef ref)
{
  return &g_array_index (unit->nodes, CopIrNode, ref);
}

/* Whether a block ends in a jump through a register that is no call and no return: each part of an
   interpreter that leads to the next does. Such a block is in a loop, though nobody sees of what. */
bool cop_ir_block_dispatches (const CopIrUnit *unit, const CopIrBlock *block);

/* Guest physical address of what is at an offset in the window, on a page that is known. */
static inline uint64_t
cop_ir_gpa (const CopIrUnit *unit, int offset)
{
  int page = cop_ir_page_of (offset);
  uint64_t gpa = page == 0 ? unit->gpa : unit->near_gpa[page > 0];

  return gpa + ((unsigned) offset & (COP_PAGE_SIZE - 1));
}

/* Part of a page that a unit was made from. */
typedef struct
{
  uint64_t gpa;                 /* of the page */
  uint64_t lines;               /* a bit each */
} CopIrExtent;

#define COP_IR_EXTENTS 4

/* What the unit was made from: its own page is the first. Returns: how many there are */
unsigned cop_ir_extents (const CopIrUnit *unit, CopIrExtent extents[COP_IR_EXTENTS]);

CopIrUnit *cop_ir_unit_new (void);
void cop_ir_unit_free (CopIrUnit *unit);
void cop_ir_unit_clear (CopIrUnit *unit);

/* Adds a node, simplified: constants fold, what changes nothing vanishes. */
CopIrRef cop_ir_add (CopIrUnit *unit, CopIrOp op, CopIrRef a, CopIrRef b, CopIrRef c, uint64_t imm);
CopIrRef cop_ir_const (CopIrUnit *unit, uint64_t value);

/* Whether @ref is a constant; @value: (out) (optional) */
bool cop_ir_is_const (const CopIrUnit *unit, CopIrRef ref, uint64_t *value);

/* Returns: a tree with the low 32 bits of @ref, which may be cheaper; the others may differ */
CopIrRef cop_ir_low_half (CopIrUnit *unit, CopIrRef ref);

/* Returns: the x registers that evaluating the tree at @ref reads, a bit each */
uint32_t cop_ir_reads (const CopIrUnit *unit, CopIrRef ref);
/* Whether @reg is one of them. */
bool cop_ir_reads_x (const CopIrUnit *unit, CopIrRef ref, unsigned reg);

/* Whether the value is the same sign-extended from 32 bits. */
bool cop_ir_is_sext32 (const CopIrUnit *unit, CopIrRef ref);

/* The load, AMO, LR or SC in the tree: a tree has one at most. Returns: IR_NONE without one */
CopIrRef cop_ir_find_access (const CopIrUnit *unit, CopIrRef ref);

/* The plain load or store of a statement: its address, bytes, and whether it stores. */
bool cop_ir_find_plain_access (const CopIrUnit *unit, const CopIrStatement *statement,
                               CopIrRef *gva, unsigned *size, bool *writes);

/* The base register and offset of an address that is a register plus a constant. */
bool cop_ir_split_address (const CopIrUnit *unit, CopIrRef gva, unsigned *base, int64_t *offset);

/* Levels of operations above the leaves. */
unsigned cop_ir_depth (const CopIrUnit *unit, CopIrRef ref);

static inline bool
cop_ir_is_access_op (CopIrOp op)
{
  return op == IR_LOAD || op == IR_AMO || op == IR_LR || op == IR_SC;
}

/* Loads, atomics and FP that raises flags are more than a value. */
static inline bool
cop_ir_op_has_effect (CopIrOp op)
{
  return cop_ir_is_access_op (op) || op == IR_FP || op == IR_FFLAGS;
}

/* Whether the tree has any of these. */
bool cop_ir_has_effect (const CopIrUnit *unit, CopIrRef ref);

/* Returns: (transfer full): the unit, a statement a line, for vmtool jit-dump */
char *cop_ir_dump (const CopIrUnit *unit);
