/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Programs of the differential test: cases, each a sequence of instructions with the state it starts
 * from, and the image that all executors run from the same addresses.
 *
 *   image   | case 0: load state, sequence, store state | case 1 ... | end | page | data 0 | data 1 ...
 *   data    | x0 ... x31 | f0 ... f31 | fcsr | buffer .............. |   state before, then after
 *
 * A sequence is a list of steps. A step is one instruction, or a few that belong together (a jump by
 * register with the address it needs), and may jump to a later step or, at the end of a loop, back.
 * Cut after any step it is a program again, which finds the step where two executors part.
 */
#pragma once

#include "engine/riscv/insn.h"

#include <glib.h>

#define IMAGE_GPA UINT64_C (0x80000000)
#define IMAGE_MAX (UINT64_C (8) << 20)

#define MAX_STEPS 96
#define STEP_MAX_INSNS 4
#define BUFFER_SIZE 512

/* Registers with a purpose: never a destination in a sequence, except in a step that restores. */
#define REG_BUFFER 2            /* sp: start of the buffer */
#define REG_MIDDLE 8            /* s0: its middle, so that offsets go both ways */
#define REG_STATE 31            /* t6: the case's data */

typedef struct
{
  uint64_t x[32];
  uint64_t f[32];
  uint64_t fcsr;
  uint8_t  buffer[BUFFER_SIZE];
} CaseData;

typedef enum
{
  JUMP_NONE,
  JUMP_BRANCH,                  /* the step's last instruction is a branch */
  JUMP_JAL,
  JUMP_C_BRANCH,
  JUMP_C_J,
  JUMP_REGISTER,                /* auipc rd and then jalr or addi with the low part */
} JumpKind;

typedef struct
{
  uint32_t insns[STEP_MAX_INSNS];       /* 16-bit ones have the upper half clear */
  uint8_t  n_insns;
  uint8_t  jump_at;             /* which of them takes the distance */
  JumpKind jump;
  int      target;              /* number of the step it leads to */
} Step;

typedef struct
{
  Step     steps[MAX_STEPS];
  unsigned n_steps;
  CaseData start;
} Case;

typedef struct
{
  uint8_t  *image;              /* (owned): IMAGE_MAX bytes */
  uint64_t  size;               /* bytes used */
  uint64_t  end;                /* offset where execution ends */
  uint64_t  data;               /* offset of the cases' data */
  unsigned  n_cases;
} Program;

/* Bytes of an instruction, by its low bits. */
static inline unsigned
insn_size (uint32_t bits)
{
  return (bits & 3) == 3 ? 4 : 2;
}

/* An image of @cases, each cut to its first @n_steps[i] steps, or whole when @n_steps is NULL. */
void program_init (Program *program, const Case *const *cases, const unsigned *n_steps,
                   unsigned n_cases);
void program_clear (Program *program);

/* The data of case @index in some executor's copy of [data, size). */
static inline const CaseData *
program_case_data (const uint8_t *data, unsigned index)
{
  return (const CaseData *) (const void *) data + index;
}

/* Encoders that the generator needs too. */
uint32_t encode_i (uint32_t match, unsigned rd, unsigned rs1, int imm);
uint32_t encode_s (uint32_t match, unsigned rs1, unsigned rs2, int imm);
uint32_t encode_r (uint32_t match, unsigned rd, unsigned rs1, unsigned rs2);
