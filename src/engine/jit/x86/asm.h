/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An assembler for the part of x86-64 that the back end emits.
 *
 * Code is written to a buffer of its own, position-independent but for what CopAsmFixup lists, and
 * moved to its place afterwards.
 *
 * Source: Intel 64 and IA-32 Architectures SDM vol. 2 ch. 2 (instruction format)
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef enum
{
  RAX,
  RCX,
  RDX,
  RBX,
  RSP,
  RBP,
  RSI,
  RDI,
  R8,
  R9,
  R10,
  R11,
  R12,
  R13,
  R14,
  R15,
  NO_REG = 0xff,
} CopReg;

/* Condition codes, as in jcc, setcc and cmovcc. */
typedef enum
{
  CC_O = 0,
  CC_B = 2,
  CC_AE = 3,
  CC_E = 4,
  CC_NE = 5,
  CC_BE = 6,
  CC_A = 7,
  CC_S = 8,
  CC_P = 10,
  CC_NP = 11,
  CC_L = 12,
  CC_GE = 13,
  CC_LE = 14,
  CC_G = 15,
} CopCond;

/* The eight two-operand arithmetic instructions share a form: opcode = 8 * n. */
typedef enum
{
  ALU_ADD = 0,
  ALU_OR = 1,
  ALU_AND = 4,
  ALU_SUB = 5,
  ALU_XOR = 6,
  ALU_CMP = 7,
} CopAlu;

typedef enum
{
  SHIFT_ROL = 0,
  SHIFT_ROR = 1,
  SHIFT_SHL = 4,
  SHIFT_SHR = 5,
  SHIFT_SAR = 7,
} CopShift;

/* A memory operand: base + index * 2^scale + disp, from the start of a segment. */
typedef struct
{
  CopReg  base, index;          /* no base only with @gs */
  uint8_t scale;
  int32_t disp;
  bool    gs;                   /* of the segment that gs names */
} CopMem;

typedef uint32_t CopLabel;
#define LABEL_UNBOUND UINT32_MAX

/* A rel32 to be filled in when its target or the code's own place is known. */
typedef struct
{
  uint32_t at;                  /* of the four bytes in the buffer */
  CopLabel label;               /* or, with LABEL_UNBOUND, */
  const void *target;           /* an absolute address */
} CopAsmFixup;

typedef struct
{
  uint8_t *code;                /* (owned) */
  uint32_t size, capacity;
  bool     avx;                 /* SSE instructions in their VEX form */
  GArray  *labels;              /* (element-type uint32_t): offsets, or LABEL_UNBOUND */
  GArray  *fixups;              /* (element-type CopAsmFixup) */
} CopAsm;

static inline CopMem
mem (CopReg base, int32_t disp)
{
  return (CopMem){ base, NO_REG, 0, disp, false };
}

static inline CopMem
mem_index (CopReg base, CopReg index, unsigned scale, int32_t disp)
{
  return (CopMem){ base, index, scale, disp, false };
}

/* @base: or NO_REG */
static inline CopMem
mem_gs (CopReg base, int32_t disp)
{
  return (CopMem){ base, NO_REG, 0, disp, true };
}

void cop_asm_init (CopAsm *a);
void cop_asm_clear (CopAsm *a);
void cop_asm_reset (CopAsm *a);
void cop_asm_grow (CopAsm *a);

static inline void
emit8 (CopAsm *a, uint8_t byte)
{
  if (a->size + 16 > a->capacity)
    cop_asm_grow (a);
  a->code[a->size++] = byte;
}

static inline void
emit32 (CopAsm *a, uint32_t word)
{
  if (a->size + 16 > a->capacity)
    cop_asm_grow (a);
  memcpy (a->code + a->size, &word, sizeof word);
  a->size += 4;
}

static inline void
emit64 (CopAsm *a, uint64_t word)
{
  emit32 (a, word);
  emit32 (a, word >> 32);
}

/* Pads to a multiple of eight bytes with one instruction that does nothing. */
void asm_align8 (CopAsm *a);

/* Pads so that a jump written over the next instruction does not cross an eight-byte boundary. */
void asm_align_jump (CopAsm *a);

CopLabel asm_new_label (CopAsm *a);
void asm_bind (CopAsm *a, CopLabel label);
/* The same at an offset in the code. */
void asm_bind_at (CopAsm *a, CopLabel label, uint32_t at);

/* Forms. @opcode: one to three bytes, most significant first, 0x0f and a mandatory prefix (0x66, 0xf2,
   0xf3 in bits 24-31) included; @w: 64-bit operands. byte: the registers are byte registers. */
void asm_rr (CopAsm *a, uint32_t opcode, bool w, CopReg reg, CopReg rm);
void asm_rr8 (CopAsm *a, uint32_t opcode, CopReg reg, CopReg rm);
void asm_rm (CopAsm *a, uint32_t opcode, bool w, CopReg reg, CopMem m);
void asm_rm8 (CopAsm *a, uint32_t opcode, CopReg reg, CopMem m);

/* VEX forms of BMI: reg, vvvv, rm. @pp: 0 none, 1 66, 2 f3, 3 f2; @map: 1 0f, 2 0f38, 3 0f3a. */
void asm_vex (CopAsm *a, unsigned pp, unsigned map, uint8_t opcode, bool w, CopReg reg, CopReg vvvv,
              CopReg rm);
/* An instruction of AVX-512 between registers, @vvvv the second operand; RAX where it has none. */
void asm_evex (CopAsm *a, unsigned pp, uint8_t opcode, bool w, CopReg reg, CopReg vvvv, CopReg rm);

void asm_mov_ri (CopAsm *a, CopReg reg, uint64_t value);
void asm_alu_ri (CopAsm *a, CopAlu op, bool w, CopReg reg, int32_t value);
void asm_alu_ri32 (CopAsm *a, CopAlu op, bool w, CopReg reg, int32_t value);  /* never shorter */
void asm_alu_mi (CopAsm *a, CopAlu op, bool w, CopMem m, int32_t value);
void asm_cmp8_mi (CopAsm *a, CopMem m, uint8_t value);
void asm_shift_ri (CopAsm *a, CopShift op, bool w, CopReg reg, unsigned count);
void asm_store_i (CopAsm *a, unsigned size, CopMem m, int32_t value);

void asm_jcc (CopAsm *a, CopCond cc, CopLabel label);
void asm_jmp (CopAsm *a, CopLabel label);
void asm_call (CopAsm *a, CopLabel label);
void asm_jmp_to (CopAsm *a, const void *target);
void asm_jcc_to (CopAsm *a, CopCond cc, const void *target);
void asm_call_to (CopAsm *a, const void *target);

/* jmp and call rel32 whose displacement may be patched while harts run through them: it does not
   cross an eight-byte boundary. Return: offset of the displacement */
uint32_t asm_jmp_patchable (CopAsm *a, CopLabel label);
uint32_t asm_call_patchable (CopAsm *a, CopLabel label);
uint32_t asm_jmp_patchable_to (CopAsm *a, const void *target);
uint32_t asm_call_patchable_to (CopAsm *a, const void *target);
void asm_push (CopAsm *a, CopReg reg);
void asm_push_m (CopAsm *a, CopMem m);
void asm_pop (CopAsm *a, CopReg reg);
void asm_ret (CopAsm *a);
void asm_lea_label (CopAsm *a, CopReg reg, CopLabel label);

static inline void
asm_alu_rr (CopAsm *a, CopAlu op, bool w, CopReg reg, CopReg rm)
{
  asm_rr (a, 8 * op + 3, w, reg, rm);
}

static inline void
asm_alu_rm (CopAsm *a, CopAlu op, bool w, CopReg reg, CopMem m)
{
  asm_rm (a, 8 * op + 3, w, reg, m);
}

static inline void
asm_mov_rr (CopAsm *a, bool w, CopReg to, CopReg from)
{
  if (to != from || !w)
    asm_rr (a, 0x8b, w, to, from);
}

static inline void
asm_load (CopAsm *a, CopReg reg, CopMem m)
{
  asm_rm (a, 0x8b, true, reg, m);
}

static inline void
asm_store (CopAsm *a, CopMem m, CopReg reg)
{
  asm_rm (a, 0x89, true, reg, m);
}

static inline void
asm_lea (CopAsm *a, bool w, CopReg reg, CopMem m)
{
  asm_rm (a, 0x8d, w, reg, m);
}

static inline void
asm_setcc (CopAsm *a, CopCond cc, CopReg reg)
{
  asm_rr8 (a, 0x0f90 + cc, RAX, reg);
}

static inline void
asm_cmov (CopAsm *a, CopCond cc, CopReg reg, CopReg rm)
{
  asm_rr (a, 0x0f40 + cc, true, reg, rm);
}

/* Fills in fixups for the code standing at @place, executable at @exec. All labels are bound. */
void cop_asm_install (const CopAsm *a, uint8_t *place, const uint8_t *exec);
