/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random code.
 */
#include "region-private.h"

#include <string.h>

const uint8_t region_pointers[REGION_N_POINTERS] = { SP, GP, TP, S0, S1 };
const uint8_t region_results[REGION_N_RESULTS] = { 0,  6,  7,  10, 11, 12, 13,   14,
                                                   15, 16, 17, 18, 19, 20, TEMP, TEMP2 };

static uint8_t *
code_at (RegionMaker *m, unsigned at)
{
  return m->region->low + REGION_CODE + at;
}

/* Room at the end that no sequence of instructions is begun in: none is to be cut short. */
#define TAIL 256
/* Room at a page's end that most loops which begin there run over. */
#define ACROSS 64

static unsigned
room (const RegionMaker *m)
{
  return REGION_CODE_SIZE - m->at;
}

/* Adds an instruction. @first: control may come here from elsewhere. */
static void
emit (RegionMaker *m, uint32_t bits, bool first)
{
  unsigned length = (bits & 3) == 3 ? 4 : 2;

  if (room (m) < length)
    return;
  memcpy (code_at (m, m->at), &bits, length);
  m->region->low[LENGTHS + m->at] = first ? length : 0;
  m->at += length;
}

static int32_t
random_imm (RegionMaker *m)
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
random_offset (RegionMaker *m)
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
any_register (RegionMaker *m)
{
  return one_in (m, 4) ? below (m, 32) : PICK (m, region_results);
}

static unsigned
base_register (RegionMaker *m, bool may_be_wild)
{
  return may_be_wild && m->wild && one_in (m, 24) ? PICK (m, region_results)
                                                  : PICK (m, region_pointers);
}

uint32_t
region_random_row (RegionMaker *m, CopInsnOp op)
{
  const CopInsnRow *row = &cop_insn_table[op];
  RegionFields f = {
    .rd = PICK (m, region_results),
    .rs1 = any_register (m),
    .rs2 = any_register (m),
    .rs3 = below (m, 32),
    .rm = one_in (m, 3)    ? below (m, 5)
          : one_in (m, 40) ? below (m, 8)
                           : 7,
    .imm = random_imm (m),
  };
  uint32_t bits;

  /* Few f registers, so that region_results meet. */
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
  bits = region_encode (op, f);
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

CopInsnOp
region_pick_op (RegionMaker *m, uint16_t any_of, uint16_t none_of)
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
  for (unsigned i = 0; i < G_N_ELEMENTS (region_results); i++)
    if (region_results[i] == reg)
      return true;
  return false;
}

static bool
is_pointer (unsigned reg)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (region_pointers); i++)
    if (region_pointers[i] == reg)
      return true;
  return false;
}

/* A compressed instruction that does what random_row() would do. */
static void
emit_compressed (RegionMaker *m)
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
emit_constant (RegionMaker *m)
{
  unsigned reg = PICK (m, region_results);

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
emit_chain (RegionMaker *m)
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
  unsigned reg = PICK (m, region_results), other = any_register (m), n = 2 + below (m, 4);

  for (unsigned i = 0; i < n; i++)
    {
      RegionFields f = {
        .rd = reg,
        .rs1 = one_in (m, 4) ? other : reg,
        .rs2 = one_in (m, 4)   ? reg
               : one_in (m, 3) ? any_register (m)
                               : other,
        .imm = one_in (m, 2) ? 32 : random_imm (m),
      };

      emit (m, region_encode (PICK (m, ops), f), true);
    }
}

/* Values in a few registers that serve to make one another, among accesses, and are all gone in the
   end: what moves into its use, or is set late. */
static void
emit_scraps (RegionMaker *m)
{
  static const CopInsnOp ops[] = { COP_INSN_add,  COP_INSN_sub,  COP_INSN_xor, COP_INSN_and,
                                   COP_INSN_slli, COP_INSN_srli, COP_INSN_addi, COP_INSN_addw };
  unsigned regs[3], n = 5 + below (m, 8);

  for (unsigned i = 0; i < G_N_ELEMENTS (regs); i++)
    regs[i] = PICK (m, region_results);
  for (unsigned i = 0; i < n; i++)
    {
      RegionFields f = { .rd = PICK (m, regs), .rs1 = PICK (m, regs), .rs2 = PICK (m, regs) };

      f.imm = (int32_t) below (m, 64);
      if (one_in (m, 3))
        {
          f.rs1 = base_register (m, false);
          f.imm *= 8;
          emit (m, region_encode (one_in (m, 2) ? COP_INSN_ld : COP_INSN_sd, f), true);
        }
      else if (one_in (m, 6))
        emit (m, I (lui, .rd = f.rd, .imm = (int32_t) region_random (&m->random)), true);
      else
        emit (m, region_encode (PICK (m, ops), f), true);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (regs); i++)
    emit (m, I (addi, .rd = regs[i], .rs1 = any_register (m), .imm = random_imm (m)), true);
}

/* Moves a pointer a little, or to a page's end. Without paging it starts from where it was at
   first, or moves would add up until it is at code. */
static void
emit_pointer (RegionMaker *m)
{
  unsigned reg = PICK (m, region_pointers);

  if (!m->paged)
    {
      int32_t start = POINTERS + 8 * (int32_t) below (m, REGION_N_POINTERS);

      emit (m, I (andi, .rd = TEMP, .rs1 = any_register (m), .imm = 0x7f8), true);
      emit (m, I (ld, .rd = reg, .rs1 = HANDLER_PAGE, .imm = start), false);
      if (one_in (m, 3))
        emit (m, I (add, .rd = reg, .rs1 = reg, .rs2 = TEMP), false);
      else
        emit (m, I (addi, .rd = reg, .rs1 = reg, .imm = random_offset (m)), false);
      return;
    }
  if (one_in (m, 3))
    {
      emit (m, I (andi, .rd = TEMP, .rs1 = any_register (m), .imm = 0x7f8), true);
      emit (m, I (add, .rd = reg, .rs1 = PICK (m, region_pointers), .rs2 = TEMP), false);
    }
  else
    emit (m, I (addi, .rd = reg, .rs1 = PICK (m, region_pointers), .imm = random_offset (m)), true);
}

/* Several accesses off one base, as of a stack frame. */
static void
emit_frame (RegionMaker *m)
{
  unsigned base = base_register (m, false), n = 2 + below (m, 6);

  for (unsigned i = 0; i < n; i++)
    {
      CopInsnOp op = region_pick_op (m, MEM_READ | MEM_WRITE, ATOMIC);
      const CopInsnRow *row = &cop_insn_table[op];
      RegionFields f = { .rd = PICK (m, region_results), .rs1 = base, .rs2 = any_register (m) };

      f.imm = one_in (m, 6) ? random_imm (m) : (int32_t) below (m, 40) * 8;
      if (row->effects & FP)
        f.rd = f.rs2 = below (m, 8);
      emit (m, region_encode (op, f), true);
      if (one_in (m, 5))
        emit (m, region_random_row (m, region_pick_op (m, 0, MEM_READ | MEM_WRITE | FP)), true);
    }
}

/* lr, a few instructions, sc. */
static void
emit_reservation (RegionMaker *m)
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

static const uint16_t csrs[] = {
  0x001, 0x002, 0x003, 0xc00, 0xc02, 0x140, 0x340, 0xc03, 0x106, 0x144,
};

static void
emit_csr (RegionMaker *m)
{
  static const CopInsnOp ops[] = {
    COP_INSN_csrrw,  COP_INSN_csrrs,  COP_INSN_csrrc,
    COP_INSN_csrrwi, COP_INSN_csrrsi, COP_INSN_csrrci,
  };
  bool immediate = one_in (m, 2);
  CopInsnOp op = ops[below (m, 3) + (immediate ? 3 : 0)];
  RegionFields f = {
    .rd = PICK (m, region_results),
    .rs1 = one_in (m, 3) ? 0
           : immediate   ? below (m, 32)
                         : any_register (m),
    .imm = PICK (m, csrs),
  };

  emit (m, region_encode (op, f), true);
}

/* Switches floating point to another state: FS is bits 13 and 14 of xstatus. */
static void
emit_fs (RegionMaker *m)
{
  unsigned csr = m->supervisor ? 0x100 : 0x300;

  emit (m, I (lui, .rd = TEMP, .imm = (int32_t) (2 + 2 * below (m, 3)) << 12), true);
  emit (m, one_in (m, 3) ? I (csrrc, .rs1 = TEMP, .imm = csr) : I (csrrs, .rs1 = TEMP, .imm = csr),
        false);
}

/* Changes a page table entry of the data and fences, all or the one page; everything between must
   follow the fence. Entries that make one larger page must not differ, and are left alone. */
static void
emit_table_change (RegionMaker *m)
{
  unsigned page = below (m, REGION_NAPOT);
  int32_t offset = (int32_t) page * 8;

  emit (m, I (ld, .rd = WORK2, .rs1 = TABLE_PAGE, .imm = offset), true);
  emit (m,
        I (xori, .rd = WORK2, .rs1 = WORK2,
           .imm = PICK (m, ((const int32_t[]){ 1, 4, 0x40, 0x80, 0xc0, 6, 0x20 }))),
        false);
  emit (m, I (sd, .rs1 = TABLE_PAGE, .rs2 = WORK2, .imm = offset), false);
  if (one_in (m, 2))
    {
      unsigned here = (REGION_CODE + m->at) & ~0xfffu;

      /* Somewhere on the page: both are mapped at va as they lie in DRAM. */
      emit (m, I (auipc, .rd = WORK2, .imm = (int32_t) (REGION_DATA + page * 0x1000 - here)),
            false);
      if (one_in (m, 2))
        emit (m, I (sfence_vma, .rs1 = WORK2), false);
      else
        {
          emit (m, I (sfence_w_inval, 0), false);
          emit (m, I (sinval_vma, .rs1 = WORK2), false);
          emit (m, I (sfence_inval_ir, 0), false);
        }
    }
  else
    emit (m, I (sfence_vma, .rs1 = 0, .rs2 = 0), false);
}

/* Another number for the address space. The tables are the same, and fences are for all numbers. */
static void
emit_space_change (RegionMaker *m)
{
  emit (m, I (addi, .rd = TEMP, .imm = 1 + (int32_t) below (m, 15)), true);
  emit (m, I (slli, .rd = TEMP, .rs1 = TEMP, .imm = 44), false);
  emit (m,
        one_in (m, 2) ? I (csrrs, .rs1 = TEMP, .imm = 0x180) : I (csrrc, .rs1 = TEMP, .imm = 0x180),
        false);
}

/* Data on the page that patches are on. */
static void
emit_beside (RegionMaker *m)
{
  static const CopInsnOp ops[] = {
    COP_INSN_ld, COP_INSN_sd, COP_INSN_sw, COP_INSN_lw, COP_INSN_fsd, COP_INSN_sb,
  };

  for (unsigned n = 1 + below (m, 3); n > 0; n--)
    {
      RegionFields f = { .rd = PICK (m, region_results),
                         .rs1 = PATCH_PAGE,
                         .rs2 = any_register (m),
                         .imm = BESIDE + (int32_t) below (m, 64) * 8 };

      emit (m, region_encode (PICK (m, ops), f), true);
    }
}

/* An instruction with another one in its upper half, which may be entered too. */
static void
emit_overlap (RegionMaker *m)
{
  static const uint16_t inner[] = {
    0x0505 /* c.addi a0, 1 */, 0x157d /* c.addi a0, -1 */, 0x8d2d /* c.xor a0, a1 */,
    0x862a /* c.mv a2, a0 */,  0x9532 /* c.add a0, a2 */,
  };
  int32_t imm = (int32_t) ((uint32_t) PICK (m, inner) << 16);
  unsigned at = m->at;

  emit (m, I (lui, .rd = PICK (m, region_results), .imm = imm), true);
  m->region->low[LENGTHS + at + 2] = 2;
}

/* Calls a patch function, by a constant address. */
static void
emit_patch_call (RegionMaker *m, unsigned slot)
{
  int32_t distance = (int32_t) (REGION_PATCH + slot * SLOT_SIZE) - (int32_t) (REGION_CODE + m->at);
  int32_t high = (distance + 0x800) & ~0xfff;

  emit (m, I (auipc, .rd = TEMP2, .imm = high), true);
  emit (m, I (jalr, .rd = RA, .rs1 = TEMP2, .imm = distance - high), false);
}

/* Writes a word over a patch function, fences, and perhaps calls it. The word is one of the
   table's, picked by COUNTER. */
static void
emit_patch (RegionMaker *m)
{
  unsigned slot = below (m, N_SLOTS);

  emit (m, I (slli, .rd = WORK2, .rs1 = COUNTER, .imm = 2), true);
  emit (m, I (andi, .rd = WORK2, .rs1 = WORK2, .imm = 4 * (N_WORDS - 1)), false);
  emit (m, I (add, .rd = WORK2, .rs1 = WORK2, .rs2 = PATCH_PAGE), false);
  emit (m, I (lw, .rd = WORK2, .rs1 = WORK2, .imm = WORDS), false);
  if (one_in (m, 4))
    emit (m, I (amoswap_w, .rd = 0, .rs1 = PATCH_PAGE, .rs2 = WORK2), false);
  else
    emit (m,
          I (sw, .rs1 = PATCH_PAGE, .rs2 = WORK2,
             .imm = (int32_t) region_pick_patch (&m->random, slot)),
          false);
  emit (m, I (fence_i, 0), false);
  emit (m, I (addi, .rd = COUNTER, .rs1 = COUNTER, .imm = 1 + below (m, 7)), false);
  if (!one_in (m, 4))
    emit_patch_call (m, slot);
}

static void emit_random (RegionMaker *m, unsigned n);

/* A counted loop; random code inside may leave it, or change the count. */
static void
emit_loop (RegionMaker *m)
{
  unsigned counter = PICK (m, region_results), start, n = 1 + below (m, 12);

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
emit_stream (RegionMaker *m)
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
  unsigned counter = PICK (m, region_results), pointer = PICK (m, region_pointers),
           n = 2 + below (m, 10);
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
      RegionFields f = {
        .rd = to_x ? PICK (m, region_results) : below (m, 12),
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
        emit (m, region_encode (op, f), true);
      if (one_in (m, 12))
        emit (m, I (beq, .rs1 = any_register (m), .rs2 = any_register (m), .imm = 8), true);
    }
  emit (m, I (addi, .rd = pointer, .rs1 = pointer, .imm = step), true);
  emit (m, I (addi, .rd = counter, .rs1 = counter, .imm = -1), true);
  emit (m, I (bne, .rs1 = counter, .rs2 = 0, .imm = (int32_t) (start - m->at)), true);
}

/* A counted loop of operations on words, in registers that hold words most of the time. */
static void
emit_words (RegionMaker *m)
{
  static const CopInsnOp ops[] = {
    COP_INSN_addw,   COP_INSN_subw,  COP_INSN_addw,  COP_INSN_mulw,   COP_INSN_sllw,   COP_INSN_sraw,
    COP_INSN_slliw,  COP_INSN_srliw, COP_INSN_sraiw, COP_INSN_addiw,  COP_INSN_addiw,  COP_INSN_xor,
    COP_INSN_or,     COP_INSN_and,   COP_INSN_andn,  COP_INSN_xnor,   COP_INSN_rorw,   COP_INSN_roriw,
    COP_INSN_divw,   COP_INSN_remuw, COP_INSN_xori,  COP_INSN_andi,   COP_INSN_sext_b, COP_INSN_zext_h,
  };
  static const CopInsnOp wide_ops[] = {
    COP_INSN_add,    COP_INSN_add_uw, COP_INSN_sh2add, COP_INSN_slli,      COP_INSN_srli, COP_INSN_srai,
    COP_INSN_slt,    COP_INSN_sltu,   COP_INSN_mulhu,  COP_INSN_czero_eqz, COP_INSN_max,  COP_INSN_clz,
    COP_INSN_fmv_d_x, COP_INSN_div,
  };
  static const CopInsnOp accesses[] = { COP_INSN_sw, COP_INSN_sd, COP_INSN_lw, COP_INSN_lwu,
                                        COP_INSN_sb, COP_INSN_ld };
  static const CopInsnOp branches[] = {
    COP_INSN_beq, COP_INSN_bne, COP_INSN_blt, COP_INSN_bge, COP_INSN_bltu, COP_INSN_bgeu,
  };
  unsigned counter = PICK (m, region_results), pointer = PICK (m, region_pointers),
           n = 3 + below (m, 12), regs[4], start;

  if (counter == 0 || room (m) < 512)
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (regs); i++)
    {
      regs[i] = PICK (m, region_results);
      if (!one_in (m, 4))
        emit (m, I (addiw, .rd = regs[i], .rs1 = regs[i], .imm = random_imm (m)), true);
    }
  emit (m, I (addi, .rd = counter, .imm = 1 + below (m, 200)), true);
  start = m->at;
  for (unsigned i = 0; i < n; i++)
    {
      unsigned what = below (m, 12);
      RegionFields f = {
        .rd = PICK (m, regs),
        .rs1 = PICK (m, regs),
        .rs2 = PICK (m, regs),
        .imm = one_in (m, 3) ? random_imm (m) : (int32_t) below (m, 64),
      };

      if (f.rd == counter)
        f.rd = counter == TEMP ? TEMP2 : TEMP;
      if (what == 0)
        {
          f.rs1 = pointer;
          f.imm = (int32_t) below (m, 8) * 8;
          emit (m, region_encode (PICK (m, accesses), f), true);
        }
      else if (what == 1)
        emit (m, I (addi, .rd = f.rd, .rs1 = f.rs1), true);
      else if (what == 2)
        emit (m,
              region_encode (PICK (m, branches), (RegionFields){ .rs1 = f.rs1,
                                                                 .rs2 = one_in (m, 3) ? 0 : f.rs2,
                                                                 .imm = 8 }),
              true);
      else if (what < 5)
        emit (m, region_encode (PICK (m, wide_ops), f), true);
      else
        emit (m, region_encode (PICK (m, ops), f), true);
    }
  emit (m, I (addiw, .rd = counter, .rs1 = counter, .imm = -1), true);
  emit (m, I (bne, .rs1 = counter, .rs2 = 0, .imm = (int32_t) (start - m->at)), true);
}

/* A counted loop with accesses off pointers that move by a constant in each round, or stand still, and
   perhaps off one that moves in some rounds only: up or down over pages, until a trap or the count
   ends it. */
static void
emit_strip (RegionMaker *m)
{
  static const CopInsnOp accesses[] = {
    COP_INSN_ld, COP_INSN_sd,  COP_INSN_lw,  COP_INSN_sw,  COP_INSN_lbu,
    COP_INSN_sb, COP_INSN_lhu, COP_INSN_fld, COP_INSN_fsd,
  };
  static const int8_t steps[] = { 8, 16, 1, 4, -8, -16, -1, 0, 24, 72, 100 };
  unsigned counter = PICK (m, region_results), base = below (m, REGION_N_POINTERS),
           n_pointers = 1 + below (m, 3), n = 2 + below (m, 6), start;
  unsigned stride = one_in (m, 3) ? PICK (m, region_results) : 0;
  unsigned index = one_in (m, 3) ? PICK (m, region_results) : 0, shift = below (m, 4);
  unsigned sum = PICK (m, region_results);
  int32_t step[3];
  bool first;

  if (counter == 0 || room (m) < 512)
    return;
  for (unsigned i = 0; i < n_pointers; i++)
    {
      unsigned reg = region_pointers[(base + i) % REGION_N_POINTERS];

      step[i] = PICK (m, steps);
      if (!m->paged)
        emit (m,
              I (ld, .rd = reg, .rs1 = HANDLER_PAGE,
                 .imm = POINTERS + 8 * (int32_t) below (m, REGION_N_POINTERS)),
              true);
    }
  emit (m, I (addi, .rd = counter, .imm = 1 + below (m, 1000)), true);
  /* One may move by what a register has, or have a number added to it. */
  if (stride == counter || stride == index || stride == sum)
    stride = 0;
  if (index == counter || index == sum || sum == counter || sum == 0)
    index = 0;
  /* Who came in the middle would go anywhere with those. */
  first = stride == 0 && index == 0;
  if (stride != 0)
    emit (m, I (addi, .rd = stride, .imm = PICK (m, steps)), false);
  if (index != 0)
    emit (m, I (addi, .rd = index, .imm = 0), false);
  start = m->at;
  for (unsigned i = 0; i < n; i++)
    {
      unsigned which = below (m, n_pointers),
               pointer = region_pointers[(base + which) % REGION_N_POINTERS];
      RegionFields f = { .rd = PICK (m, region_results),
                         .rs1 = pointer,
                         .rs2 = any_register (m),
                         .imm = (int32_t) below (m, 6) * (one_in (m, 4) ? 7 : 8) };
      CopInsnOp op = PICK (m, accesses);

      if (f.rd == counter || op == COP_INSN_fld || op == COP_INSN_fsd)
        f.rd = f.rs2 = op == COP_INSN_fld || op == COP_INSN_fsd ? below (m, 8) : 0;
      /* Over what comes next, or what comes behind that. */
      if (index == 0 && one_in (m, 6))
        emit (m,
              I (bltu, .rs1 = any_register (m), .rs2 = any_register (m),
                 .imm = i + 1 == n || one_in (m, 2) ? 8 : 12),
              first);
      if ((stride != 0 && f.rd == stride) || (index != 0 && f.rd == index))
        f.rd = 0;
      if (index != 0 && one_in (m, 2))
        {
          emit (m, I (slli, .rd = sum, .rs1 = index, .imm = (int32_t) shift), false);
          emit (m, I (add, .rd = sum, .rs1 = sum, .rs2 = pointer), false);
          f.rs1 = sum;
        }
      emit (m, region_encode (op, f), first);
      if (one_in (m, 3))
        {
          emit (m, I (addi, .rd = pointer, .rs1 = pointer, .imm = step[which]), first);
          step[which] = 0;
        }
    }
  for (unsigned i = 0; i < n_pointers; i++)
    {
      unsigned reg = region_pointers[(base + i) % REGION_N_POINTERS];

      if (stride != 0 && i == 0)
        emit (m, I (add, .rd = reg, .rs1 = reg, .rs2 = stride), first);
      else if (step[i] != 0)
        emit (m, I (addi, .rd = reg, .rs1 = reg, .imm = step[i]), first);
    }
  if (index != 0)
    emit (m, I (addi, .rd = index, .rs1 = index, .imm = 1), first);
  emit (m, I (addi, .rd = counter, .rs1 = counter, .imm = -1), first);
  emit (m, I (bne, .rs1 = counter, .rs2 = 0, .imm = (int32_t) (start - m->at)), first);
}

/* Branches and jumps lead to where an instruction starts; fixed in a second pass. */
static void
emit_control (RegionMaker *m)
{
  static const CopInsnOp branches[] = {
    COP_INSN_beq, COP_INSN_bne, COP_INSN_blt, COP_INSN_bge, COP_INSN_bltu, COP_INSN_bgeu,
  };

  switch (below (m, 8))
    {
    case 0:
      /* Calls in calls: the one link register keeps what the other had. */
      if (one_in (m, 4))
        emit (m, I (addi, .rd = T0, .rs1 = RA), true);
      emit (m, I (jal, .rd = PICK (m, ((const uint8_t[]){ 0, RA, T0, RA }))), true);
      if (one_in (m, 4))
        emit (m, I (addi, .rd = RA, .rs1 = T0), true);
      break;
    case 1:
      emit (m,
            I (jalr, .rs1 = one_in (m, 4) ? T0 : RA,
               .rd = PICK (m, ((const uint8_t[]){ 0, 0, 0, 0, T0, T0, RA, TEMP2 }))),
            true);
      break;
    case 2:
      emit_patch_call (m, below (m, N_SLOTS));
      break;
    case 3:
      if (one_in (m, 2))
        emit_loop (m);
      else if (one_in (m, 3))
        emit_stream (m);
      else if (one_in (m, 2))
        emit_words (m);
      else
        emit_strip (m);
      break;
    default:
      emit (m,
            region_encode (PICK (m, branches),
                           (RegionFields){ .rs1 = any_register (m),
                                           .rs2 = one_in (m, 3) ? 0 : any_register (m) }),
            true);
    }
}

/* A jump to nowhere: to the data, or where nothing is mapped, for that is what bits 40 and up say.
 */
static void
emit_wild_jump (RegionMaker *m)
{
  unsigned from = PICK (m, region_results);

  if (one_in (m, 2))
    {
      emit (m, I (slli, .rd = TEMP, .rs1 = from, .imm = 40), true);
      emit (m, I (jalr, .rd = T0, .rs1 = TEMP, .imm = random_imm (m)), false);
    }
  else
    emit (m, I (jalr, .rd = T0, .rs1 = PICK (m, region_pointers), .imm = random_imm (m)), true);
}

/* What waits, and without paging what goes back to a lower mode; where it may not, it traps. */
static void
emit_wait (RegionMaker *m)
{
  static const CopInsnOp waits[] = {
    COP_INSN_wfi, COP_INSN_wrs_sto, COP_INSN_wrs_nto, COP_INSN_pause, COP_INSN_sfence_inval_ir,
  };
  static const CopInsnOp returns[] = { COP_INSN_mret, COP_INSN_sret };
  CopInsnOp op = !m->paged && one_in (m, 6) ? PICK (m, returns) : PICK (m, waits);

  emit (m, region_encode (op, (RegionFields){ 0 }), true);
}

static void
emit_special (RegionMaker *m)
{
  switch (below (m, 20))
    {
    case 0:
    case 1:
      emit_csr (m);
      break;
    case 16:
      emit_beside (m);
      break;
    case 17:
      emit_overlap (m);
      break;
    case 18:
      if (m->paged && m->supervisor)
        emit_space_change (m);
      break;
    case 19:
      emit_wait (m);
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
            region_encode (PICK (m, ((const CopInsnOp[]){ COP_INSN_cbo_inval, COP_INSN_cbo_clean,
                                                          COP_INSN_cbo_flush, COP_INSN_sfence_vma,
                                                          COP_INSN_sinval_vma })),
                           (RegionFields){ .rs1 = base_register (m, false),
                                           .rs2 = one_in (m, 2) ? 0 : any_register (m) }),
            true);
      break;
    case 11:
      if (m->wild && m->paged)
        emit_wild_jump (m);
      break;
    default:
      emit_reservation (m);
    }
}

static void
emit_random (RegionMaker *m, unsigned n)
{
  while (n-- > 0 && room (m) >= TAIL)
    {
      unsigned what = below (m, 64);

      if (what < m->memory)
        {
          if (one_in (m, 3))
            emit_frame (m);
          else if (one_in (m, 5))
            emit_pointer (m);
          else
            emit (m, region_random_row (m, region_pick_op (m, MEM_READ | MEM_WRITE, 0)), true);
        }
      else if ((what -= m->memory) < m->fp)
        emit (m, region_random_row (m, region_pick_op (m, FP, MEM_READ | MEM_WRITE)), true);
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
      else if (one_in (m, 8))
        emit_scraps (m);
      else
        emit (m, region_random_row (m, region_pick_op (m, 0, MEM_READ | MEM_WRITE | FP)), true);
    }
}

/* --- second pass ---------------------------------------------------------------------------------
 */

unsigned
region_pick_start (RegionMaker *m, unsigned from, unsigned reach)
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
aim_branches (RegionMaker *m)
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
          int32_t to = (int32_t) region_pick_start (m, at, reach) - (int32_t) at;

          if (to >= -4096 && to < 4096)
            {
              bits =
                region_encode (insn.op, (RegionFields){ insn.rd, insn.rs1, insn.rs2, .imm = to });
              memcpy (code_at (m, at), &bits, sizeof bits);
            }
        }
      at += insn.length;
    }
}

void
region_make_code (RegionMaker *m)
{
  while (room (m) >= TAIL)
    {
      /* Loops that run over a page's end. */
      if ((m->at & 0xfff) > 0x1000 - ACROSS && one_in (m, 4))
        emit_stream (m);
      else if ((m->at & 0xfff) > 0x1000 - ACROSS && one_in (m, 4))
        emit_loop (m);
      else
        emit_random (m, 1);
    }
  while (room (m) >= 4)
    emit (m, region_random_row (m, region_pick_op (m, 0, MEM_READ | MEM_WRITE | FP)), true);
  if (room (m) == 2)
    emit (m, 0x0001, true);
  aim_branches (m);
}
