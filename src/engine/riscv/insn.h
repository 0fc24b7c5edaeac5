/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Decoded instructions.
 */
#pragma once

#include "engine/riscv/insn-table.h"
#include "engine/riscv/isa.h"

#include <glib.h>
#include <stdint.h>

typedef enum
{
#define INSN(name, ...) COP_INSN_##name,
  INSN_TABLE (INSN)
#undef INSN
  COP_INSN_LAST,
  COP_INSN_ILLEGAL = COP_INSN_LAST,     /* no row matches, or its extension is off */
} CopInsnOp;

typedef enum
{
#define FORMAT(name, text) COP_OPERANDS_##name,
  OPERAND_FORMATS (FORMAT)
#undef FORMAT
  COP_OPERANDS_LAST,
} CopOperands;

typedef struct
{
  const char *name;             /* as in assembly: "amoadd.w" */
  uint32_t    match, mask;
  uint8_t     extension;        /* CopIsaExtension */
  uint8_t     operands;         /* CopOperands */
  uint16_t    effects;
} CopInsnRow;

/* Indexed by CopInsnOp. */
extern const CopInsnRow cop_insn_table[COP_INSN_LAST];

/* A compressed instruction, by the row it expands to. */
typedef struct
{
  const char *name;
  uint16_t    match, mask;
  uint8_t     extension;
  uint8_t     form;
  uint16_t    op;
} CopCInsnRow;

extern const CopCInsnRow cop_cinsn_table[];
extern const unsigned cop_cinsn_count;

/* Decoded form: 16 bytes. Registers are numbers, whether x or f. */
typedef struct
{
  uint16_t op;                  /* CopInsnOp; compressed ones are expanded */
  uint8_t  length;              /* bytes: 2 or 4 */
  uint8_t  rd, rs1, rs2, rs3;
  uint8_t  rm;                  /* CopRoundingMode of FP_RM rows */
  int32_t  imm;                 /* immediate, shift amount, or CSR number */
  uint32_t bits;                /* as fetched; the upper half is 0 when compressed */
} CopInsn;

/**
 * cop_insn_decode:
 * @bits: the 32 bits at pc; the upper 16 do not matter to a compressed instruction
 * @isa: what the hart has; other rows decode as illegal
 *
 * Returns: length in bytes, 2 or 4, as the low bits say, also of illegal ones
 */
unsigned cop_insn_decode (uint32_t bits, CopIsa isa, CopInsn *insn);

/**
 * cop_insn_disassemble:
 * @pc: for branch and jump targets
 *
 * Returns: (transfer full): such as "addi    a0, sp, 16"
 */
char *cop_insn_disassemble (const CopInsn *insn, uint64_t pc);

/* ABI names: "a0", "ft3". */
extern const char *const cop_x_names[32];
extern const char *const cop_f_names[32];
