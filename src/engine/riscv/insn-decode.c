/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bits to decoded instructions.
 *
 *   32 bits: opcode[6:2], funct3 --> bucket of rows --> first row whose fixed bits match -->
 * operands 16 bits: opcode[1:0], funct3 --> bucket of rows --> ... --> expanded operands
 *
 * The buckets are built once from the tables. Rows keep their order within a bucket, so that a
 * special case (pause, prefetch) stands before the general one in the table.
 * Most instructions are decoded by insn-decode.h, from what was found here before.
 */
#include "engine/riscv/insn-decode.h"

#include <string.h>

const CopInsnRow cop_insn_table[COP_INSN_LAST] = {
#define INSN(id, encoding, ext, format, flags) INSN_ROW (id, encoding, ext, format, flags)
#define INSN_ROW(id, fixed, fixed_mask, ext, format, flags)                                        \
  [COP_INSN_##id] = { #id, fixed, fixed_mask, COP_ISA_##ext, COP_OPERANDS_##format, flags },
  INSN_TABLE (INSN)
#undef INSN_ROW
#undef INSN
};

typedef enum
{
  FORM_NONE,
  FORM_ADDI4SPN,
  FORM_LW,
  FORM_LD,
  FORM_SW,
  FORM_SD,
  FORM_ADDI,
  FORM_ADDIW,
  FORM_LI,
  FORM_ADDI16SP,
  FORM_LUI,
  FORM_SHIFT,
  FORM_ANDI,
  FORM_ALU,
  FORM_J,
  FORM_BRANCH,
  FORM_SLLI,
  FORM_LWSP,
  FORM_LDSP,
  FORM_JR,
  FORM_JALR,
  FORM_MV,
  FORM_ADD,
  FORM_SWSP,
  FORM_SDSP,
} CForm;

const CopCInsnRow cop_cinsn_table[] = {
#define CINSN(id, fixed, fixed_mask, ext, operand_form, expansion)                                 \
  { #id, fixed, fixed_mask, COP_ISA_##ext, FORM_##operand_form, COP_INSN_##expansion },
  CINSN_TABLE (CINSN)
#undef CINSN
};
const unsigned cop_cinsn_count = G_N_ELEMENTS (cop_cinsn_table);

/* Rows in order, and for each bucket where its rows begin. */
typedef struct
{
  uint16_t first[257];
  uint16_t rows[2048];
} Buckets;

static Buckets wide, compressed;

uint8_t cop_insn_guess_mask[256];
uint16_t cop_insn_guesses[256 << 7];
uint64_t cop_insn_expanded[1u << 16];

static unsigned
compressed_bucket (uint32_t bits)
{
  return (bits & 3) << 3 | ((bits >> 13) & 7);
}

/* Whether some instruction of the bucket can match: the bucket's bits agree where fixed. */
static bool
wide_fits (unsigned row, unsigned bucket)
{
  uint32_t bits = (bucket >> 3) << 2 | 3u | (bucket & 7) << 12;

  return ((bits ^ cop_insn_table[row].match) & cop_insn_table[row].mask & 0x707f) == 0;
}

static bool
compressed_fits (unsigned row, unsigned bucket)
{
  uint32_t bits = bucket >> 3 | (bucket & 7) << 13;

  return ((bits ^ cop_cinsn_table[row].match) & cop_cinsn_table[row].mask & 0xe003) == 0;
}

static void
build (Buckets *buckets, unsigned n_buckets, unsigned n_rows, bool (*fits) (unsigned, unsigned))
{
  unsigned used = 0;

  for (unsigned bucket = 0; bucket < n_buckets; bucket++)
    {
      buckets->first[bucket] = used;
      for (unsigned row = 0; row < n_rows; row++)
        if (fits (row, bucket))
          {
            g_assert (used < G_N_ELEMENTS (buckets->rows));
            buckets->rows[used++] = row;
          }
    }
  buckets->first[n_buckets] = used;
}

const uint8_t cop_insn_immediates[COP_OPERANDS_LAST] = {
  [COP_OPERANDS_D_S_J] = COP_IMMEDIATE_I,       [COP_OPERANDS_D_O] = COP_IMMEDIATE_I,
  [COP_OPERANDS_FD_O] = COP_IMMEDIATE_I,        [COP_OPERANDS_D_S_SH6] = COP_IMMEDIATE_SHIFT,
  [COP_OPERANDS_D_S_SH5] = COP_IMMEDIATE_SHIFT, [COP_OPERANDS_D_U] = COP_IMMEDIATE_U,
  [COP_OPERANDS_D_A] = COP_IMMEDIATE_J,         [COP_OPERANDS_T_Q] = COP_IMMEDIATE_S,
  [COP_OPERANDS_FT_Q] = COP_IMMEDIATE_S,        [COP_OPERANDS_PF] = COP_IMMEDIATE_S,
  [COP_OPERANDS_S_T_P] = COP_IMMEDIATE_B,       [COP_OPERANDS_D_E_S] = COP_IMMEDIATE_CSR,
  [COP_OPERANDS_D_E_Z] = COP_IMMEDIATE_CSR,     [COP_OPERANDS_FENCE] = COP_IMMEDIATE_CSR,
};

#define FUNCT7 UINT32_C (0xfe000000)

static inline uint32_t
field (uint32_t bits, unsigned low, unsigned width)
{
  return (bits >> low) & ((1u << width) - 1);
}

static inline int32_t
sign_extend (uint32_t value, unsigned width)
{
  return (int32_t) (value << (32 - width)) >> (32 - width);
}

/* The immediates of compressed loads and stores, scaled by 4 and 8. */
static uint32_t
offset_w (uint32_t c)
{
  return field (c, 10, 3) << 3 | field (c, 6, 1) << 2 | field (c, 5, 1) << 6;
}

static uint32_t
offset_d (uint32_t c)
{
  return field (c, 10, 3) << 3 | field (c, 5, 2) << 6;
}

static int32_t
immediate_6 (uint32_t c)
{
  return sign_extend (field (c, 12, 1) << 5 | field (c, 2, 5), 6);
}

/* Fills operands of the expansion. False: this code point is reserved. */
static bool
expand_operands (CopInsn *insn, CForm form)
{
  uint32_t c = insn->bits;
  unsigned rd = field (c, 7, 5), rs2 = field (c, 2, 5);
  unsigned rd_short = 8 + field (c, 2, 3), rs1_short = 8 + field (c, 7, 3);

  switch (form)
    {
    case FORM_NONE:
      return true;
    case FORM_ADDI4SPN:
      insn->rd = rd_short;
      insn->rs1 = 2;
      insn->imm =
        field (c, 11, 2) << 4 | field (c, 7, 4) << 6 | field (c, 6, 1) << 2 | field (c, 5, 1) << 3;
      return insn->imm != 0;
    case FORM_LW:
    case FORM_LD:
      insn->rd = rd_short;
      insn->rs1 = rs1_short;
      insn->imm = form == FORM_LW ? offset_w (c) : offset_d (c);
      return true;
    case FORM_SW:
    case FORM_SD:
      insn->rs2 = rd_short;
      insn->rs1 = rs1_short;
      insn->imm = form == FORM_SW ? offset_w (c) : offset_d (c);
      return true;
    case FORM_ADDI:
      insn->rd = insn->rs1 = rd;
      insn->imm = immediate_6 (c);
      return true;
    case FORM_ADDIW:
      insn->rd = insn->rs1 = rd;
      insn->imm = immediate_6 (c);
      return rd != 0;
    case FORM_LI:
      insn->rd = rd;
      insn->imm = immediate_6 (c);
      return true;
    case FORM_ADDI16SP:
      insn->rd = insn->rs1 = 2;
      insn->imm = sign_extend (field (c, 12, 1) << 9 | field (c, 6, 1) << 4 | field (c, 5, 1) << 6 |
                                 field (c, 3, 2) << 7 | field (c, 2, 1) << 5,
                               10);
      return insn->imm != 0;
    case FORM_LUI:
      insn->rd = rd;
      insn->imm = immediate_6 (c) * 4096;
      return insn->imm != 0;
    case FORM_SHIFT:
      insn->rd = insn->rs1 = rs1_short;
      insn->imm = immediate_6 (c) & 63;
      return true;
    case FORM_ANDI:
      insn->rd = insn->rs1 = rs1_short;
      insn->imm = immediate_6 (c);
      return true;
    case FORM_ALU:
      insn->rd = insn->rs1 = rs1_short;
      insn->rs2 = rd_short;
      return true;
    case FORM_J:
      insn->imm =
        sign_extend (field (c, 12, 1) << 11 | field (c, 11, 1) << 4 | field (c, 9, 2) << 8 |
                       field (c, 8, 1) << 10 | field (c, 7, 1) << 6 | field (c, 6, 1) << 7 |
                       field (c, 3, 3) << 1 | field (c, 2, 1) << 5,
                     12);
      return true;
    case FORM_BRANCH:
      insn->rs1 = rs1_short;
      insn->imm = sign_extend (field (c, 12, 1) << 8 | field (c, 10, 2) << 3 |
                                 field (c, 5, 2) << 6 | field (c, 3, 2) << 1 | field (c, 2, 1) << 5,
                               9);
      return true;
    case FORM_SLLI:
      insn->rd = insn->rs1 = rd;
      insn->imm = immediate_6 (c) & 63;
      return true;
    case FORM_LWSP:
      insn->rd = rd;
      insn->rs1 = 2;
      insn->imm = field (c, 12, 1) << 5 | field (c, 4, 3) << 2 | field (c, 2, 2) << 6;
      return rd != 0;
    case FORM_LDSP:
      insn->rd = rd;
      insn->rs1 = 2;
      insn->imm = field (c, 12, 1) << 5 | field (c, 5, 2) << 3 | field (c, 2, 3) << 6;
      return rd != 0 || insn->op == COP_INSN_fld;
    case FORM_JR:
      insn->rs1 = rd;
      return rd != 0;
    case FORM_JALR:
      insn->rd = 1;
      insn->rs1 = rd;
      return true;
    case FORM_MV:
      insn->rd = rd;
      insn->rs2 = rs2;
      return true;
    case FORM_ADD:
      insn->rd = insn->rs1 = rd;
      insn->rs2 = rs2;
      return true;
    case FORM_SWSP:
      insn->rs1 = 2;
      insn->rs2 = rs2;
      insn->imm = field (c, 9, 4) << 2 | field (c, 7, 2) << 6;
      return true;
    case FORM_SDSP:
      insn->rs1 = 2;
      insn->rs2 = rs2;
      insn->imm = field (c, 10, 3) << 3 | field (c, 7, 3) << 6;
      return true;
    }
  return false;
}

static void
expand (CopInsn *insn, unsigned *extension)
{
  unsigned bucket = compressed_bucket (insn->bits);

  for (unsigned i = compressed.first[bucket]; i < compressed.first[bucket + 1]; i++)
    {
      const CopCInsnRow *row = &cop_cinsn_table[compressed.rows[i]];

      if ((insn->bits & row->mask) != row->match)
        continue;
      insn->op = row->op;
      *extension = row->extension;
      if (expand_operands (insn, row->form))
        return;
      break;
    }
  insn->op = COP_INSN_ILLEGAL;
  *extension = COP_ISA_C;
}

static uint64_t
expand_and_keep (uint32_t bits)
{
  CopInsn insn = { .bits = bits };
  unsigned extension;
  uint64_t word;

  expand (&insn, &extension);
  word = (uint64_t) (uint32_t) insn.imm << 32 | COP_WORD_KNOWN |
         (extension == COP_ISA_D ? COP_WORD_NEEDS_D : 0) | (uint64_t) insn.rs2 << 21 |
         (uint64_t) insn.rs1 << 16 | (uint64_t) insn.rd << 11 | insn.op;
  __atomic_store_n (&cop_insn_expanded[bits], word, __ATOMIC_RELAXED);
  return word;
}

static CopInsn
decode_compressed (uint32_t bits, CopIsa isa)
{
  uint64_t word = expand_and_keep (bits & 0xffff);
  CopInsn insn = {
    .op = word & COP_WORD_OP_MASK,
    .length = 2,
    .rd = word >> 11 & 31,
    .rs1 = word >> 16 & 31,
    .rs2 = word >> 21 & 31,
    .imm = (int32_t) (word >> 32),
    .bits = bits & 0xffff,
  };

  if (!(isa & COP_ISA (C)) || ((word & COP_WORD_NEEDS_D) && !(isa & COP_ISA (D))))
    insn.op = COP_INSN_ILLEGAL;
  return insn;
}

/* Notes the first row that the bucket and funct7 of @bits fit. */
static void
keep_guess (uint32_t bits, unsigned bucket)
{
  unsigned key = bucket << 7 | (bits >> 25 & cop_insn_guess_mask[bucket]);

  for (unsigned i = wide.first[bucket]; i < wide.first[bucket + 1]; i++)
    {
      const CopInsnRow *row = &cop_insn_table[wide.rows[i]];

      if (((bits ^ row->match) & row->mask & FUNCT7) != 0)
        continue;
      __atomic_store_n (&cop_insn_guesses[key], wide.rows[i] + 1, __ATOMIC_RELAXED);
      return;
    }
}

static CopInsn
decode_wide (uint32_t bits, CopIsa isa)
{
  unsigned bucket = cop_insn_bucket (bits);
  CopInsn insn = {
    .op = COP_INSN_ILLEGAL,
    .length = 4,
    .rd = field (bits, 7, 5),
    .rs1 = field (bits, 15, 5),
    .rs2 = field (bits, 20, 5),
    .rs3 = field (bits, 27, 5),
    .rm = field (bits, 12, 3),
    .bits = bits,
  };

  keep_guess (bits, bucket);
  for (unsigned i = wide.first[bucket]; i < wide.first[bucket + 1]; i++)
    {
      const CopInsnRow *row = &cop_insn_table[wide.rows[i]];

      if ((bits & row->mask) != row->match || !(isa >> row->extension & 1))
        continue;
      insn.imm = cop_insn_immediate (bits, row->operands);
      /* 5 and 6 are reserved; Source: Unprivileged Spec 20240411 §21.2 table 28 */
      if (!(row->effects & FP_RM) || (insn.rm != 5 && insn.rm != 6))
        insn.op = wide.rows[i];
      break;
    }
  return insn;
}

CopInsn
cop_insn_decode_slowly (uint32_t bits, CopIsa isa)
{
  return (bits & 3) == 3 ? decode_wide (bits, isa) : decode_compressed (bits, isa);
}

unsigned
cop_insn_decode (uint32_t bits, CopIsa isa, CopInsn *insn)
{
  cop_insn_decode_fast (bits, isa, insn);
  return insn->length;
}

__attribute__ ((constructor)) static void
build_tables (void)
{
  build (&wide, 256, COP_INSN_LAST, wide_fits);
  build (&compressed, 32, cop_cinsn_count, compressed_fits);
  for (unsigned bucket = 0; bucket < 256; bucket++)
    for (unsigned i = wide.first[bucket]; i < wide.first[bucket + 1]; i++)
      cop_insn_guess_mask[bucket] |= (cop_insn_table[wide.rows[i]].mask & FUNCT7) >> 25;
}
