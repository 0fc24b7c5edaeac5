/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random guest programs for comparing engines.
 */
#include "region.h"

#include "engine/riscv/insn.h"

#include <string.h>

#define HANDLER 0x0000u
#define POINTERS 0x0600u /* what the pointer registers are set to after a trap */
#define RESTARTS 0x0700u /* offsets of four bytes each */
#define LENGTHS 0x4000u
#define TABLES 0x30000u
#define N_RESTARTS 64

/* In the patch page: functions of eight words, and words to write over them. */
#define SLOT_SIZE 32u
#define N_SLOTS 32u
#define WORDS 0x400u
#define N_WORDS 256u

/* Registers with a purpose; random code writes the others only. */
enum
{
  RA = 1,
  SP,
  GP,
  TP,
  T0,
  S0 = 8,
  S1,
  COUNTER = 21,
  HANDLER_PAGE = 22, /* physical: read in machine mode only */
  CODE_SIZE = 23,
  CODE_START = 24,
  PATCH_PAGE = 25, /* where it is written; it is executed elsewhere */
  TABLE_PAGE = 26, /* page table of the data */
  WORK = 27,
  WORK2 = 28,
  RESTART = 29,
  TEMP = 30,
  TEMP2 = 31,
};

static const uint8_t pointers[] = { SP, GP, TP, S0, S1 };
static const uint8_t results[] = {
  0, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, TEMP, TEMP2
};

uint64_t
region_random (RegionRandom *random)
{
  uint64_t z = random->state += UINT64_C (0x9e3779b97f4a7c15);

  z = (z ^ z >> 30) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C (0x94d049bb133111eb);
  return z ^ z >> 31;
}

/* --- encoding ----------------------------------------------------------------------------------
 */

typedef struct
{
  unsigned rd, rs1, rs2, rs3, rm;
  int32_t imm;
} Fields;

static uint32_t
encode (CopInsnOp op, Fields f)
{
  const CopInsnRow *row = &cop_insn_table[op];
  uint32_t imm = f.imm, bits = row->match;

  switch ((CopOperands) row->operands)
    {
    case COP_OPERANDS_D_S_T:
    case COP_OPERANDS_FD_FS_FT:
    case COP_OPERANDS_D_FS_FT:
    case COP_OPERANDS_D_T_S0:
      return bits | f.rd << 7 | f.rs1 << 15 | f.rs2 << 20;
    case COP_OPERANDS_S_T:
      return bits | f.rs1 << 15 | f.rs2 << 20;
    case COP_OPERANDS_D_S:
    case COP_OPERANDS_D_S0:
    case COP_OPERANDS_FD_FS:
    case COP_OPERANDS_D_FS:
    case COP_OPERANDS_FD_S:
      return bits | f.rd << 7 | f.rs1 << 15;
    case COP_OPERANDS_D_S_J:
    case COP_OPERANDS_D_O:
    case COP_OPERANDS_FD_O:
    case COP_OPERANDS_D_E_S:
    case COP_OPERANDS_D_E_Z:
      return bits | f.rd << 7 | f.rs1 << 15 | imm << 20;
    case COP_OPERANDS_D_S_SH6:
      return bits | f.rd << 7 | f.rs1 << 15 | (imm & 63) << 20;
    case COP_OPERANDS_D_S_SH5:
      return bits | f.rd << 7 | f.rs1 << 15 | (imm & 31) << 20;
    case COP_OPERANDS_D_U:
      return bits | f.rd << 7 | (imm & 0xfffff000u);
    case COP_OPERANDS_D_A:
      return bits | f.rd << 7 | (imm >> 20 & 1) << 31 | (imm >> 1 & 0x3ff) << 21 |
             (imm >> 11 & 1) << 20 | (imm & 0xff000);
    case COP_OPERANDS_T_Q:
    case COP_OPERANDS_FT_Q:
      return bits | (imm & 31) << 7 | f.rs1 << 15 | f.rs2 << 20 | imm >> 5 << 25;
    case COP_OPERANDS_PF:
      return bits | f.rs1 << 15 | imm >> 5 << 25;
    case COP_OPERANDS_S_T_P:
      return bits | (imm >> 11 & 1) << 7 | (imm >> 1 & 15) << 8 | f.rs1 << 15 | f.rs2 << 20 |
             (imm >> 5 & 63) << 25 | (imm >> 12 & 1) << 31;
    case COP_OPERANDS_FENCE:
      return bits | imm << 20;
    case COP_OPERANDS_S0:
      return bits | f.rs1 << 15;
    case COP_OPERANDS_FD_FS_FT_FR_M:
      return bits | f.rd << 7 | f.rm << 12 | f.rs1 << 15 | f.rs2 << 20 | f.rs3 << 27;
    case COP_OPERANDS_FD_FS_FT_M:
      return bits | f.rd << 7 | f.rm << 12 | f.rs1 << 15 | f.rs2 << 20;
    case COP_OPERANDS_FD_FS_M:
    case COP_OPERANDS_D_FS_M:
    case COP_OPERANDS_FD_S_M:
      return bits | f.rd << 7 | f.rm << 12 | f.rs1 << 15;
    case COP_OPERANDS_NONE:
    case COP_OPERANDS_LAST:
      break;
    }
  return bits;
}

#define I(op, ...) encode (COP_INSN_##op, (Fields){ __VA_ARGS__ })

/* --- the code being made -------------------------------------------------------------------------
 */

typedef struct
{
  Region *region;
  RegionRandom random;
  unsigned at; /* in the code */
  /* How often out of 64, besides plain arithmetic. */
  unsigned memory, fp, control, special, compressed;
  bool paged, supervisor, wild;
} Maker;

static unsigned
below (Maker *m, unsigned n)
{
  return region_below (&m->random, n);
}

static bool
one_in (Maker *m, unsigned n)
{
  return region_one_in (&m->random, n);
}

#define PICK(m, array) ((array)[below (m, G_N_ELEMENTS (array))])

static uint8_t *
code_at (Maker *m, unsigned at)
{
  return m->region->low + REGION_CODE + at;
}

static unsigned
room (const Maker *m)
{
  return REGION_CODE_SIZE - m->at;
}

/* Adds an instruction. @first: control may come here from elsewhere. */
static void
emit (Maker *m, uint32_t bits, bool first)
{
  unsigned length = (bits & 3) == 3 ? 4 : 2;

  if (room (m) < length)
    return;
  memcpy (code_at (m, m->at), &bits, length);
  m->region->low[LENGTHS + m->at] = first ? length : 0;
  m->at += length;
}

static int32_t
random_imm (Maker *m)
{
  switch (below (m, 5))
    {
    case 0:
      return (int32_t) below (m, 16) - 8;
    case 1:
      return PICK (m, ((const int32_t[]){ -1, 0, 1, 31, 32, 63, 64, 255, -256, 2047, -2048 }));
    default:
      return (int32_t) below (m, 4096) - 2048;
    }
}

/* An offset that stays on a page mostly. */
static int32_t
random_offset (Maker *m)
{
  switch (below (m, 8))
    {
    case 0:
      return random_imm (m);
    case 1:
      return (int32_t) below (m, 256) - 128;
    default:
      return (int32_t) (below (m, 64) - 16) * 8;
    }
}

static unsigned
any_register (Maker *m)
{
  return one_in (m, 4) ? below (m, 32) : PICK (m, results);
}

static unsigned
base_register (Maker *m, bool may_be_wild)
{
  return may_be_wild && m->wild && one_in (m, 24) ? PICK (m, results) : PICK (m, pointers);
}

/* Any row that only computes, loads or stores. */
static uint32_t
random_row (Maker *m, CopInsnOp op)
{
  const CopInsnRow *row = &cop_insn_table[op];
  Fields f = {
    .rd = PICK (m, results),
    .rs1 = any_register (m),
    .rs2 = any_register (m),
    .rs3 = below (m, 32),
    .rm = one_in (m, 3)    ? below (m, 5)
          : one_in (m, 40) ? below (m, 8)
                           : 7,
    .imm = random_imm (m),
  };
  uint32_t bits;

  /* Few f registers, so that results meet. */
  if (row->effects & FP)
    {
      bool from_x = row->operands == COP_OPERANDS_FD_S || row->operands == COP_OPERANDS_FD_S_M;
      bool to_x = row->operands == COP_OPERANDS_D_FS || row->operands == COP_OPERANDS_D_FS_M ||
                  row->operands == COP_OPERANDS_D_FS_FT;

      f.rd = to_x ? f.rd : below (m, 8);
      f.rs1 = from_x ? f.rs1 : below (m, one_in (m, 4) ? 32 : 8);
      f.rs2 = below (m, one_in (m, 4) ? 32 : 8);
    }
  if (row->effects & (MEM_READ | MEM_WRITE))
    {
      f.rs1 = base_register (m, !(row->effects & MEM_WRITE));
      f.imm = random_offset (m);
    }
  if (row->operands == COP_OPERANDS_D_U)
    f.imm = (int32_t) (uint32_t) region_random (&m->random);
  bits = encode (op, f);
  if ((row->effects & ATOMIC) && op != COP_INSN_fence)
    bits |= below (m, 4) << 25;
  if (op == COP_INSN_fence)
    bits = 0x0000000f | below (m, 256) << 20;
  return bits;
}

static bool
is_plain (CopInsnOp op)
{
  return !(cop_insn_table[op].effects & (ENDS_BLOCK | IN_SYSTEM_C)) &&
         cop_insn_table[op].operands != COP_OPERANDS_S_T;
}

static CopInsnOp
pick_op (Maker *m, uint16_t any_of, uint16_t none_of)
{
  for (;;)
    {
      CopInsnOp op = below (m, COP_INSN_LAST);
      uint16_t effects = cop_insn_table[op].effects;

      if (is_plain (op) && (any_of == 0 || (effects & any_of)) && !(effects & none_of))
        return op;
    }
}

static bool
is_result (unsigned reg)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (results); i++)
    if (results[i] == reg)
      return true;
  return false;
}

static bool
is_pointer (unsigned reg)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (pointers); i++)
    if (pointers[i] == reg)
      return true;
  return false;
}

/* A compressed instruction that does what random_row() would do. */
static void
emit_compressed (Maker *m)
{
  for (;;)
    {
      const CopCInsnRow *row = &cop_cinsn_table[below (m, cop_cinsn_count)];
      uint16_t bits = row->match | (region_random (&m->random) & ~row->mask);
      uint16_t effects;
      CopInsn insn;

      cop_insn_decode (bits, cop_isa_default (), &insn);
      if (insn.op == COP_INSN_ILLEGAL || insn.length != 2 || !is_plain (insn.op))
        continue;
      effects = cop_insn_table[insn.op].effects;
      if ((effects & MEM_WRITE) ? !is_pointer (insn.rs1) : !(effects & FP) && !is_result (insn.rd))
        continue;
      emit (m, bits, true);
      return;
    }
}

/* --- what random code does besides
 * ------------------------------------------------------------------ */

/* A large constant, known to a translator. */
static void
emit_constant (Maker *m)
{
  unsigned reg = PICK (m, results);

  switch (below (m, 3))
    {
    case 0:
      emit (m, I (lui, .rd = reg, .imm = (int32_t) region_random (&m->random)), true);
      break;
    case 1:
      emit (m, I (auipc, .rd = reg, .imm = (int32_t) region_random (&m->random)), true);
      break;
    default:
      emit (m, I (addi, .rd = reg, .imm = random_imm (m)), true);
    }
  if (!one_in (m, 3))
    emit (m, I (addiw, .rd = reg, .rs1 = reg, .imm = random_imm (m)), true);
  if (one_in (m, 2))
    emit (m, I (slli, .rd = reg, .rs1 = reg, .imm = below (m, 64)), true);
  if (one_in (m, 2))
    emit (m, I (addi, .rd = reg, .rs1 = reg, .imm = random_imm (m)), true);
}

/* Runs that compute one register again and again: what is merged. */
static void
emit_chain (Maker *m)
{
  static const CopInsnOp ops[] = {
    COP_INSN_addi,   COP_INSN_addiw,     COP_INSN_add,    COP_INSN_addw,   COP_INSN_sub,
    COP_INSN_subw,   COP_INSN_and,       COP_INSN_andi,   COP_INSN_or,     COP_INSN_ori,
    COP_INSN_xor,    COP_INSN_xori,      COP_INSN_slli,   COP_INSN_srli,   COP_INSN_srai,
    COP_INSN_slliw,  COP_INSN_srliw,     COP_INSN_sraiw,  COP_INSN_sext_b, COP_INSN_sext_h,
    COP_INSN_zext_h, COP_INSN_add_uw,    COP_INSN_sh1add, COP_INSN_sh2add, COP_INSN_sh3add,
    COP_INSN_sll,    COP_INSN_srl,       COP_INSN_sra,    COP_INSN_sllw,   COP_INSN_mul,
    COP_INSN_max,    COP_INSN_czero_eqz, COP_INSN_andn,   COP_INSN_bext,   COP_INSN_slli_uw,
    COP_INSN_sltu,   COP_INSN_slti,      COP_INSN_rol,    COP_INSN_ror,    COP_INSN_xnor,
  };
  unsigned reg = PICK (m, results), other = any_register (m), n = 2 + below (m, 4);

  for (unsigned i = 0; i < n; i++)
    {
      Fields f = {
        .rd = reg,
        .rs1 = one_in (m, 4) ? other : reg,
        .rs2 = one_in (m, 4)   ? reg
               : one_in (m, 3) ? any_register (m)
                               : other,
        .imm = one_in (m, 2) ? 32 : random_imm (m),
      };

      emit (m, encode (PICK (m, ops), f), true);
    }
}

/* Moves a pointer a little, or to a page's end. */
static void
emit_pointer (Maker *m)
{
  unsigned reg = PICK (m, pointers);

  if (one_in (m, 3))
    {
      emit (m, I (andi, .rd = TEMP, .rs1 = any_register (m), .imm = 0x7f8), true);
      emit (m, I (add, .rd = reg, .rs1 = PICK (m, pointers), .rs2 = TEMP), false);
    }
  else
    emit (m, I (addi, .rd = reg, .rs1 = PICK (m, pointers), .imm = random_offset (m)), true);
}

/* Several accesses off one base, as of a stack frame. */
static void
emit_frame (Maker *m)
{
  unsigned base = base_register (m, false), n = 2 + below (m, 6);

  for (unsigned i = 0; i < n; i++)
    {
      CopInsnOp op = pick_op (m, MEM_READ | MEM_WRITE, ATOMIC);
      const CopInsnRow *row = &cop_insn_table[op];
      Fields f = { .rd = PICK (m, results), .rs1 = base, .rs2 = any_register (m) };

      f.imm = one_in (m, 6) ? random_imm (m) : (int32_t) below (m, 40) * 8;
      if (row->effects & FP)
        f.rd = f.rs2 = below (m, 8);
      emit (m, encode (op, f), true);
      if (one_in (m, 5))
        emit (m, random_row (m, pick_op (m, 0, MEM_READ | MEM_WRITE | FP)), true);
    }
}

/* lr, a few instructions, sc. */
static void
emit_reservation (Maker *m)
{
  bool wide = one_in (m, 2);
  unsigned base = base_register (m, false);

  emit (m, wide ? I (lr_d, .rd = TEMP, .rs1 = base) : I (lr_w, .rd = TEMP, .rs1 = base), true);
  if (one_in (m, 3))
    emit (m,
          I (sw, .rs1 = one_in (m, 2) ? base : base_register (m, false), .rs2 = any_register (m)),
          true);
  if (one_in (m, 2))
    emit (m, I (addi, .rd = TEMP, .rs1 = TEMP, .imm = 1), true);
  if (one_in (m, 6))
    wide = !wide;
  emit (m,
        wide ? I (sc_d, .rd = TEMP2, .rs1 = base, .rs2 = TEMP)
             : I (sc_w, .rd = TEMP2, .rs1 = base, .rs2 = TEMP),
        true);
}

static const uint16_t csrs[] = { 0x001, 0x002, 0x003, 0xc00, 0xc02, 0x140, 0x340, 0xc03 };

static void
emit_csr (Maker *m)
{
  static const CopInsnOp ops[] = {
    COP_INSN_csrrw,  COP_INSN_csrrs,  COP_INSN_csrrc,
    COP_INSN_csrrwi, COP_INSN_csrrsi, COP_INSN_csrrci,
  };
  bool immediate = one_in (m, 2);
  CopInsnOp op = ops[below (m, 3) + (immediate ? 3 : 0)];
  Fields f = {
    .rd = PICK (m, results),
    .rs1 = one_in (m, 3) ? 0
           : immediate   ? below (m, 32)
                         : any_register (m),
    .imm = PICK (m, csrs),
  };

  emit (m, encode (op, f), true);
}

/* Switches floating point to another state: FS is bits 13 and 14 of xstatus. */
static void
emit_fs (Maker *m)
{
  unsigned csr = m->supervisor ? 0x100 : 0x300;

  emit (m, I (lui, .rd = TEMP, .imm = (int32_t) (2 + 2 * below (m, 3)) << 12), true);
  emit (m, one_in (m, 3) ? I (csrrc, .rs1 = TEMP, .imm = csr) : I (csrrs, .rs1 = TEMP, .imm = csr),
        false);
}

/* Changes a page table entry of the data and fences; everything between must follow the fence. */
static void
emit_table_change (Maker *m)
{
  int32_t offset = (int32_t) below (m, 64) * 8;

  emit (m, I (ld, .rd = WORK2, .rs1 = TABLE_PAGE, .imm = offset), true);
  emit (m,
        I (xori, .rd = WORK2, .rs1 = WORK2,
           .imm = PICK (m, ((const int32_t[]){ 1, 4, 0x40, 0x80, 0xc0, 6, 0x20 }))),
        false);
  emit (m, I (sd, .rs1 = TABLE_PAGE, .rs2 = WORK2, .imm = offset), false);
  emit (m, I (sfence_vma, .rs1 = 0, .rs2 = 0), false);
}

/* Calls a patch function, by a constant address. */
static void
emit_patch_call (Maker *m, unsigned slot)
{
  int32_t distance = (int32_t) (REGION_PATCH + slot * SLOT_SIZE) - (int32_t) (REGION_CODE + m->at);
  int32_t high = (distance + 0x800) & ~0xfff;

  emit (m, I (auipc, .rd = TEMP2, .imm = high), true);
  emit (m, I (jalr, .rd = RA, .rs1 = TEMP2, .imm = distance - high), false);
}

/* Writes a word over a patch function, fences, and perhaps calls it. The word is one of the
   table's, picked by COUNTER. */
static void
emit_patch (Maker *m)
{
  unsigned slot = below (m, N_SLOTS);

  emit (m, I (slli, .rd = WORK2, .rs1 = COUNTER, .imm = 2), true);
  emit (m, I (andi, .rd = WORK2, .rs1 = WORK2, .imm = 0x3fc), false);
  emit (m, I (add, .rd = WORK2, .rs1 = WORK2, .rs2 = PATCH_PAGE), false);
  emit (m, I (lw, .rd = WORK2, .rs1 = WORK2, .imm = WORDS), false);
  if (one_in (m, 4))
    emit (m, I (amoswap_w, .rd = 0, .rs1 = PATCH_PAGE, .rs2 = WORK2), false);
  else
    emit (m, I (sw, .rs1 = PATCH_PAGE, .rs2 = WORK2, .imm = slot * SLOT_SIZE + 4 * below (m, 6)),
          false);
  emit (m, I (fence_i, 0), false);
  emit (m, I (addi, .rd = COUNTER, .rs1 = COUNTER, .imm = 1 + below (m, 7)), false);
  if (!one_in (m, 4))
    emit_patch_call (m, slot);
}

static void emit_random (Maker *m, unsigned n);

/* A counted loop; random code inside may leave it, or change the count. */
static void
emit_loop (Maker *m)
{
  unsigned counter = PICK (m, results), start, n = 1 + below (m, 12);

  if (counter == 0 || room (m) < 512)
    return;
  emit (m, I (addi, .rd = counter, .imm = 1 + below (m, 200)), true);
  start = m->at;
  emit_random (m, n);
  emit (m, I (addi, .rd = counter, .rs1 = counter, .imm = -1), true);
  if (m->at - start < 4000)
    emit (m, I (bne, .rs1 = counter, .rs2 = 0, .imm = (int32_t) (start - m->at)), true);
}

/* A counted loop that nothing leaves but a trap or a branch or two: a pointer walks in small steps,
   and doubles are computed with. What a loop keeps in host registers. */
static void
emit_stream (Maker *m)
{
  static const CopInsnOp doubles[] = {
    COP_INSN_fadd_d,   COP_INSN_fsub_d,   COP_INSN_fmul_d,   COP_INSN_fdiv_d,   COP_INSN_fsqrt_d,
    COP_INSN_fmadd_d,  COP_INSN_fmsub_d,  COP_INSN_fnmadd_d, COP_INSN_fnmsub_d, COP_INSN_fsgnj_d,
    COP_INSN_fsgnjn_d, COP_INSN_fmin_d,   COP_INSN_fcvt_d_l, COP_INSN_fcvt_w_d, COP_INSN_flt_d,
    COP_INSN_fmv_x_d,  COP_INSN_fcvt_l_d, COP_INSN_feq_d,    COP_INSN_fmv_d_x,
  };
  static const CopInsnOp accesses[] = {
    COP_INSN_fld, COP_INSN_fsd, COP_INSN_fld, COP_INSN_fsd, COP_INSN_ld,
    COP_INSN_sd,  COP_INSN_lw,  COP_INSN_sb,  COP_INSN_lbu, COP_INSN_fsw,
  };
  static const int8_t steps[] = { 8, 16, 24, -8, 1, 40, 0 };
  unsigned counter = PICK (m, results), pointer = PICK (m, pointers), n = 2 + below (m, 10);
  int32_t step = PICK (m, steps);
  unsigned start;

  if (counter == 0 || room (m) < 512)
    return;
  emit (m, I (addi, .rd = counter, .imm = 1 + below (m, 200)), true);
  start = m->at;
  for (unsigned i = 0; i < n; i++)
    {
      unsigned what = below (m, 8);
      CopInsnOp op = what < 4 ? PICK (m, doubles) : PICK (m, accesses);
      bool to_x = op == COP_INSN_fcvt_w_d || op == COP_INSN_fcvt_l_d || op == COP_INSN_flt_d ||
                  op == COP_INSN_feq_d || op == COP_INSN_fmv_x_d || op == COP_INSN_ld ||
                  op == COP_INSN_lw || op == COP_INSN_lbu;
      Fields f = {
        .rd = to_x ? PICK (m, results) : below (m, 12),
        .rs1 = what >= 4 ? pointer : below (m, 12),
        .rs2 = below (m, 12),
        .rs3 = below (m, 12),
        .rm = one_in (m, 8) ? below (m, 5) : 7,
        .imm = (int32_t) below (m, 8) * (one_in (m, 8) ? 7 : 8),
      };

      if (to_x && f.rd == counter)
        f.rd = 0;
      if (what == 7)
        emit (m,
              I (add, .rd = counter == TEMP ? TEMP2 : TEMP, .rs1 = any_register (m),
                 .rs2 = any_register (m)),
              true);
      else
        emit (m, encode (op, f), true);
      if (one_in (m, 12))
        emit (m, I (beq, .rs1 = any_register (m), .rs2 = any_register (m), .imm = 8), true);
    }
  emit (m, I (addi, .rd = pointer, .rs1 = pointer, .imm = step), true);
  emit (m, I (addi, .rd = counter, .rs1 = counter, .imm = -1), true);
  emit (m, I (bne, .rs1 = counter, .rs2 = 0, .imm = (int32_t) (start - m->at)), true);
}

/* Branches and jumps lead to where an instruction starts; fixed in a second pass. */
static void
emit_control (Maker *m)
{
  static const CopInsnOp branches[] = {
    COP_INSN_beq, COP_INSN_bne, COP_INSN_blt, COP_INSN_bge, COP_INSN_bltu, COP_INSN_bgeu,
  };

  switch (below (m, 8))
    {
    case 0:
      emit (m, I (jal, .rd = PICK (m, ((const uint8_t[]){ 0, RA, T0, RA }))), true);
      break;
    case 1:
      emit (m, I (jalr, .rs1 = one_in (m, 4) ? T0 : RA, .rd = one_in (m, 4) ? T0 : 0), true);
      break;
    case 2:
      emit_patch_call (m, below (m, N_SLOTS));
      break;
    case 3:
      if (one_in (m, 2))
        emit_loop (m);
      else
        emit_stream (m);
      break;
    default:
      emit (m,
            encode (PICK (m, branches), (Fields){ .rs1 = any_register (m),
                                                  .rs2 = one_in (m, 3) ? 0 : any_register (m) }),
            true);
    }
}

static void
emit_special (Maker *m)
{
  switch (below (m, 16))
    {
    case 0:
    case 1:
      emit_csr (m);
      break;
    case 2:
      emit_fs (m);
      break;
    case 3:
    case 4:
    case 5:
      emit_patch (m);
      break;
    case 6:
    case 7:
      if (m->paged && m->supervisor)
        emit_table_change (m);
      break;
    case 8:
      emit (m, (uint32_t) region_random (&m->random) | 0x7f, true); /* illegal */
      break;
    case 9:
      emit (
        m, PICK (m, ((const uint32_t[]){ 0x00000073, 0x00100073, 0x9002, 0x0000100f, 0x00d00073 })),
        true);
      break;
    case 10:
      emit (m,
            encode (PICK (m, ((const CopInsnOp[]){ COP_INSN_cbo_inval, COP_INSN_cbo_clean,
                                                   COP_INSN_cbo_flush, COP_INSN_sfence_vma })),
                    (Fields){ .rs1 = base_register (m, false) }),
            true);
      break;
    case 11:
      if (m->wild && m->paged)
        emit (m, I (jalr, .rd = T0, .rs1 = PICK (m, results), .imm = random_imm (m)), true);
      break;
    default:
      emit_reservation (m);
    }
}

static void
emit_random (Maker *m, unsigned n)
{
  while (n-- > 0)
    {
      unsigned what = below (m, 64);

      if (what < m->memory)
        {
          if (one_in (m, 3))
            emit_frame (m);
          else if (one_in (m, 5))
            emit_pointer (m);
          else
            emit (m, random_row (m, pick_op (m, MEM_READ | MEM_WRITE, 0)), true);
        }
      else if ((what -= m->memory) < m->fp)
        emit (m, random_row (m, pick_op (m, FP, MEM_READ | MEM_WRITE)), true);
      else if ((what -= m->fp) < m->control)
        emit_control (m);
      else if ((what -= m->control) < m->special)
        emit_special (m);
      else if ((what -= m->special) < m->compressed)
        emit_compressed (m);
      else if (one_in (m, 6))
        emit_constant (m);
      else if (one_in (m, 3))
        emit_chain (m);
      else
        emit (m, random_row (m, pick_op (m, 0, MEM_READ | MEM_WRITE | FP)), true);
    }
}

/* --- second pass ---------------------------------------------------------------------------------
 */

static unsigned
pick_start (Maker *m, unsigned from, unsigned reach)
{
  unsigned low = from > reach ? from - reach : 0;
  unsigned high = MIN (from + reach, m->at - 2);

  for (unsigned tries = 0; tries < 1000; tries++)
    {
      unsigned to = (low + below (m, high - low)) & ~1u;

      if (m->region->low[LENGTHS + to] != 0)
        return to;
    }
  return 0;
}

/* Gives branches without a target one. */
static void
aim_branches (Maker *m)
{
  for (unsigned at = 0; at + 4 <= m->at;)
    {
      uint32_t bits;
      CopInsn insn;

      memcpy (&bits, code_at (m, at), sizeof bits);
      cop_insn_decode (bits, cop_isa_default (), &insn);
      if (insn.length == 4 && insn.imm == 0 &&
          (insn.op == COP_INSN_jal || (insn.op >= COP_INSN_beq && insn.op <= COP_INSN_bgeu)))
        {
          unsigned reach = one_in (m, 3) ? 3000 : 120;
          int32_t to = (int32_t) pick_start (m, at, reach) - (int32_t) at;

          if (to >= -4096 && to < 4096)
            {
              bits = encode (insn.op, (Fields){ insn.rd, insn.rs1, insn.rs2, .imm = to });
              memcpy (code_at (m, at), &bits, sizeof bits);
            }
        }
      at += insn.length;
    }
}

/* --- patches, handler, tables, data
 * ---------------------------------------------------------------- */

static uint32_t
patch_word (RegionRandom *random)
{
  Maker m = { .random = *random };
  uint32_t bits;

  if (region_one_in (&m.random, 4))
    bits = random_row (&m, pick_op (&m, MEM_READ, FP | ATOMIC));
  else if (region_one_in (&m.random, 12))
    bits = I (jalr, .rs1 = RA);
  else
    bits = random_row (&m, pick_op (&m, 0, MEM_READ | MEM_WRITE | FP));
  *random = m.random;
  return bits;
}

uint32_t
region_patch (RegionRandom *random, unsigned *offset)
{
  *offset = region_below (random, N_SLOTS) * SLOT_SIZE + 4 * region_below (random, 6);
  return patch_word (random);
}

static void
make_patches (Maker *m)
{
  uint32_t *page = (uint32_t *) (void *) (m->region->low + REGION_PATCH);

  for (unsigned i = 0; i < N_SLOTS * SLOT_SIZE / 4; i++)
    page[i] = patch_word (&m->random);
  for (unsigned i = 0; i < N_SLOTS; i++)
    {
      uint32_t *slot = page + i * SLOT_SIZE / 4;

      slot[7] = I (jalr, .rs1 = RA);
      /* One that writes over itself. */
      if (one_in (m, 8))
        {
          slot[2] = I (lw, .rd = WORK2, .rs1 = PATCH_PAGE, .imm = WORDS + 4 * below (m, N_WORDS));
          slot[3] = I (sw, .rs1 = PATCH_PAGE, .rs2 = WORK2, .imm = i * SLOT_SIZE + 20);
          slot[4] = I (fence_i, 0);
        }
    }
  for (unsigned i = 0; i < N_WORDS; i++)
    page[WORDS / 4 + i] = patch_word (&m->random);
}

static void
make_handler (Maker *m)
{
  uint32_t *code = (uint32_t *) (void *) (m->region->low + HANDLER);
  uint32_t *restarts = (uint32_t *) (void *) (m->region->low + RESTARTS);
  unsigned n = 0, interrupt, restart, restart2, on;

  code[n++] = I (csrrs, .rd = WORK, .imm = 0x342); /* mcause */
  interrupt = n++;
  code[n++] = I (csrrs, .rd = WORK, .imm = 0x341); /* mepc */
  code[n++] = I (sub, .rd = WORK, .rs1 = WORK, .rs2 = CODE_START);
  restart = n++;
  code[n++] = I (add, .rd = WORK2, .rs1 = WORK, .rs2 = HANDLER_PAGE);
  code[n++] = I (lui, .rd = TEMP, .imm = LENGTHS);
  code[n++] = I (add, .rd = WORK2, .rs1 = WORK2, .rs2 = TEMP);
  code[n++] = I (lbu, .rd = WORK2, .rs1 = WORK2);
  restart2 = n++;
  code[n++] = I (add, .rd = WORK, .rs1 = WORK, .rs2 = WORK2);
  on = n;
  code[n++] = I (add, .rd = WORK, .rs1 = WORK, .rs2 = CODE_START);
  code[n++] = I (csrrw, .rs1 = WORK, .imm = 0x341);
  for (unsigned i = 0; i < G_N_ELEMENTS (pointers); i++)
    code[n++] = I (ld, .rd = pointers[i], .rs1 = HANDLER_PAGE, .imm = (int32_t) (POINTERS + 8 * i));
  code[n++] = I (mret, 0);

  /* An interrupt: the fences that it may have kept the program from, then elsewhere. */
  code[interrupt] = I (blt, .rs1 = WORK, .imm = (int32_t) (4 * (n - interrupt)));
  code[n++] = I (csrrci, .rs1 = 2, .imm = 0x344); /* mip.SSIP */
  code[n++] = I (sfence_vma, .rs1 = 0, .rs2 = 0);
  code[n++] = I (fence_i, 0);
  code[restart] = I (bgeu, .rs1 = WORK, .rs2 = CODE_SIZE, .imm = (int32_t) (4 * (n - restart)));
  code[restart2] = I (beq, .rs1 = WORK2, .imm = (int32_t) (4 * (n - restart2)));
  code[n++] = I (addi, .rd = RESTART, .rs1 = RESTART, .imm = 4);
  code[n++] = I (andi, .rd = RESTART, .rs1 = RESTART, .imm = 4 * N_RESTARTS - 1);
  code[n++] = I (add, .rd = WORK, .rs1 = HANDLER_PAGE, .rs2 = RESTART);
  code[n++] = I (lwu, .rd = WORK, .rs1 = WORK, .imm = RESTARTS);
  code[n] = I (jal, .imm = 4 * ((int32_t) on - (int32_t) n));
  n++;

  for (unsigned i = 0; i < N_RESTARTS; i++)
    restarts[i] = pick_start (m, m->at / 2, m->at / 2);
}

#define PTE(gpa, flags) ((REGION_DRAM + (gpa)) >> 12 << 10 | (flags))
enum
{
  V = 1,
  R = 2,
  W = 4,
  X = 8,
  U = 16,
  G = 32,
  A = 64,
  D = 128
};

/* Maps the first 2 MiB of DRAM at @va in small pages, and again behind as one large page. */
static void
make_tables (Maker *m, unsigned levels, uint64_t va, unsigned user)
{
  uint64_t *leaf = (uint64_t *) (void *) (m->region->low + TABLES);
  unsigned table = TABLES + 0x1000;

  for (unsigned i = 0; i < 512; i++)
    {
      unsigned gpa = i << 12;
      unsigned flags = V | R | A | D | user;

      if (gpa >= REGION_DATA && gpa < REGION_DATA + REGION_DATA_SIZE)
        {
          flags |= W;
          switch (below (m, 12))
            {
            case 0:
              flags &= ~W;
              break;
            case 1:
              flags &= ~D;
              break;
            case 2:
              flags &= ~(A | D);
              break;
            case 3:
              flags = below (m, 256) & ~X;
              break;
            case 4:
              gpa = REGION_DATA + below (m, 64) * 0x1000; /* one page twice */
              break;
            case 5:
              flags |= G;
              break;
            }
        }
      else
        flags |= X;
      leaf[i] = PTE (gpa, flags);
    }
  /* From the table above the leaves up to the root, which comes last. */
  for (unsigned level = 1; level < levels; level++, table += 0x1000)
    {
      uint64_t *entries = (uint64_t *) (void *) (m->region->low + table);
      unsigned index = va >> (12 + 9 * level) & 511;

      entries[index] = PTE (table - 0x1000, V);
      if (level == 1)
        entries[index + 1] = PTE (0, V | R | W | A | D | user);
    }
}

static uint64_t
random_value (Maker *m)
{
  static const uint64_t some[] = {
    0,
    1,
    UINT64_MAX,
    INT64_MAX,
    (uint64_t) INT64_MIN,
    INT32_MAX,
    (uint64_t) INT32_MIN,
    UINT32_MAX,
    UINT64_C (0x3ff0000000000000),
    UINT64_C (0x7ff0000000000000),
    UINT64_C (0xfff0000000000000),
    UINT64_C (0x7ff8000000000000),
    UINT64_C (0x7ff0000000000001),
    UINT64_C (0x8000000000000000),
    UINT64_C (0x0010000000000000),
    UINT64_C (0x000fffffffffffff),
    UINT64_C (0x41dfffffffc00000),
    UINT64_C (0xc1e0000000000000),
    UINT64_C (0x43e0000000000000),
    UINT64_C (0xffffffff3f800000),
    UINT64_C (0xffffffff7fc00000),
    UINT64_C (0xffffffff7f800001),
    UINT64_C (0xffffffff7f800000),
    UINT64_C (0xffffffff00000001),
    UINT64_C (0xffffffff807fffff),
    UINT64_C (0xffffffff4f000000),
    UINT64_C (0xffffffffcf000000),
    UINT64_C (0xffffffff5f000000),
    UINT64_C (0xfffffffffffffc00),
    UINT64_C (0xffffffffffff3c00),
    UINT64_C (0xffffffffffff7e00),
    UINT64_C (0x000000003f800000),
  };
  uint64_t value = region_random (&m->random);

  switch (below (m, 6))
    {
    case 0:
    case 1:
      return PICK (m, some);
    case 2:
      return value | UINT64_C (0xffffffff00000000);
    case 3:
      return value >> below (m, 64);
    case 4:
      /* a float or double near 1 */
      return one_in (m, 2) ? (value & UINT64_C (0x807fffffffffffff)) | UINT64_C (0x3f80000000000000)
                           : (value & 0x80ffffff) | UINT64_C (0xffffffff3f000000);
    default:
      return value;
    }
}

static void
make_state (Maker *m)
{
  Region *region = m->region;
  CopHartState *s = &region->start;
  unsigned levels = 3 + below (m, 3);
  uint64_t va = one_in (m, 2) ? UINT64_C (0x40000000) : -(UINT64_C (1) << 38);
  uint64_t here = REGION_DRAM, alias = REGION_DRAM;
  uint64_t *values = (uint64_t *) (void *) (region->low + POINTERS);
  unsigned user = m->supervisor ? 0 : U;

  s->mtvec = REGION_DRAM + HANDLER;
  s->mie = COP_IRQ_BIT (COP_IRQ_SSI);
  s->mstatus = COP_MSTATUS_MIE | (uint64_t) below (m, 4) << 13;
  s->priv = COP_PRIV_M;
  s->mcounteren = s->scounteren = UINT32_MAX;
  s->menvcfg = (one_in (m, 2) ? UINT64_C (1) << 61 : 0) | (one_in (m, 4) ? 0 : 0xf0);
  s->senvcfg = s->menvcfg & 0xf0;
  s->pmpcfg[0] = 0x1f;
  s->pmpaddr[0] = (UINT64_C (1) << 54) - 1;
  s->fcsr = one_in (m, 2) ? 0 : below (m, 5) << 5;
  if (m->paged)
    {
      here = va;
      alias = va + 0x200000;
      make_tables (m, levels, va, user);
      s->satp = (uint64_t) (levels + 5) << 60 | (uint64_t) below (m, 4) << 44 |
                PTE (TABLES + (levels - 1) * 0x1000, 0) >> 10;
      s->priv = m->supervisor ? COP_PRIV_S : COP_PRIV_U;
      if (one_in (m, 2))
        s->mstatus |= COP_MSTATUS_SUM;
      if (one_in (m, 8))
        s->mstatus |= COP_MSTATUS_MXR;
    }
  else if (one_in (m, 3))
    {
      m->supervisor = one_in (m, 2);
      s->priv = m->supervisor ? COP_PRIV_S : COP_PRIV_U;
    }

  for (unsigned i = 1; i < 32; i++)
    s->x[i] = random_value (m);
  for (unsigned i = 0; i < 32; i++)
    s->f[i] = random_value (m);
  for (unsigned i = 0; i < G_N_ELEMENTS (pointers); i++)
    {
      static const unsigned offsets[] = { 0x800, 0x10, 0xfc0, 0xffd, 0x123, 0x400 };
      uint64_t base = m->paged && one_in (m, 4) ? alias : here;

      values[i] = base + REGION_DATA + 0x10000 + (below (m, 16) << 12) + PICK (m, offsets);
      s->x[pointers[i]] = values[i];
    }
  s->x[HANDLER_PAGE] = REGION_DRAM;
  s->x[CODE_SIZE] = REGION_CODE_SIZE;
  s->x[CODE_START] = s->x[RA] = s->x[T0] = s->pc = here + REGION_CODE;
  s->x[PATCH_PAGE] = alias + REGION_PATCH;
  s->x[TABLE_PAGE] = alias + TABLES + (REGION_DATA >> 12) * 8;
  s->x[RESTART] = 0;
  s->x[COUNTER] = below (m, 1000);
}

void
region_make (Region *region, uint64_t seed)
{
  static const uint8_t mixes[][5] = {
    /* memory, fp, control, special, compressed */
    { 14, 10, 8, 4, 10 }, { 30, 2, 8, 4, 8 },   { 8, 34, 6, 2, 4 }, { 4, 2, 24, 6, 10 },
    { 2, 0, 6, 1, 6 },    { 12, 4, 10, 24, 4 }, { 0, 0, 2, 0, 0 },  { 6, 50, 2, 2, 0 },
  };
  Maker m = { .region = region, .random = { seed * 2 + 1 } };
  const uint8_t *mix = PICK (&m, mixes);

  memset (region, 0, sizeof *region);
  region->seed = seed;
  region->isa = cop_isa_default ();
  if (one_in (&m, 10))
    region->isa &= ~(PICK (&m, ((const CopIsa[]){ COP_ISA (ZBB), COP_ISA (ZFHMIN), COP_ISA (ZBA),
                                                  COP_ISA (ZICBOZ), COP_ISA (SVADU) })));
  m.memory = mix[0];
  m.fp = mix[1];
  m.control = mix[2];
  m.special = mix[3];
  m.compressed = mix[4];
  m.paged = !one_in (&m, 3);
  m.supervisor = m.paged && !one_in (&m, 3);
  m.wild = one_in (&m, 2);

  while (room (&m) >= 4)
    emit_random (&m, 1);
  if (room (&m) == 2)
    emit (&m, 0x0001, true);
  aim_branches (&m);
  make_state (&m);
  make_patches (&m);
  make_handler (&m);
  for (unsigned i = 0; i < REGION_DATA_SIZE / 8; i++)
    ((uint64_t *) (void *) region->data)[i] = random_value (&m);
}

char *
region_listing (const Region *region)
{
  GString *text = g_string_new (NULL);

  for (unsigned at = 0; at + 4 <= REGION_CODE_SIZE;)
    {
      uint64_t pc = region->start.x[CODE_START] + at;
      g_autofree char *line = NULL;
      uint32_t bits;
      CopInsn insn;

      memcpy (&bits, region->low + REGION_CODE + at, sizeof bits);
      cop_insn_decode (bits, region->isa, &insn);
      line = cop_insn_disassemble (&insn, pc);
      g_string_append_printf (text, "%" G_GINT64_MODIFIER "x: %08x %s\n", pc, bits, line);
      at += insn.length;
    }
  return g_string_free (text, FALSE);
}
