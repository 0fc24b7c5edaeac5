/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Instructions from their operands.
 */
#include "region-private.h"

uint32_t
region_encode (CopInsnOp op, RegionFields f)
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
