/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The decoder's short ways give what the tables say: the first row whose fixed bits match and whose
 * extension is there, and that row's operands.
 */
#include "engine/riscv/insn.h"

#include <string.h>

/* Sets of extensions that make other rows match, or none. */
static CopIsa isas[5];

static void
fill_isas (void)
{
  isas[0] = cop_isa_default ();
  isas[1] = isas[0] & ~COP_ISA (C);
  isas[2] = isas[0] & ~(COP_ISA (D) | COP_ISA (ZBA) | COP_ISA (ZBB));
  isas[3] = isas[0] & ~(COP_ISA (ZICBOP) | COP_ISA (ZIHINTPAUSE) | COP_ISA (M));
  isas[4] = COP_ISA (I) | COP_ISA (C);
}

/* By the table alone. */
static unsigned
expected_row (uint32_t bits, CopIsa isa)
{
  for (unsigned row = 0; row < COP_INSN_LAST; row++)
    {
      const CopInsnRow *at = &cop_insn_table[row];

      if ((bits & at->mask) != at->match || !(isa >> at->extension & 1))
        continue;
      if ((at->effects & FP_RM) && ((bits >> 12 & 7) == 5 || (bits >> 12 & 7) == 6))
        return COP_INSN_ILLEGAL;
      return row;
    }
  return COP_INSN_ILLEGAL;
}

/* Bits [high:low] of the instruction, moved to @at of the immediate. */
static uint32_t
piece (uint32_t bits, unsigned high, unsigned low, unsigned at)
{
  return (bits >> low & (UINT32_MAX >> (31 - (high - low)))) << at;
}

/* As the figures of the specification draw them. Source: Unprivileged Spec 20240411 §2.3 */
static int32_t
expected_immediate (uint32_t bits, CopOperands operands)
{
  switch (operands)
    {
    case COP_OPERANDS_D_S_J:
    case COP_OPERANDS_D_O:
    case COP_OPERANDS_FD_O:
      return (int32_t) piece (bits, 31, 20, 20) >> 20;
    case COP_OPERANDS_D_S_SH6:
      return piece (bits, 25, 20, 0);
    case COP_OPERANDS_D_S_SH5:
      return piece (bits, 24, 20, 0);
    case COP_OPERANDS_D_U:
      return piece (bits, 31, 12, 12);
    case COP_OPERANDS_D_A:
      return (int32_t) (piece (bits, 31, 31, 31) | piece (bits, 19, 12, 23) |
                        piece (bits, 20, 20, 22) | piece (bits, 30, 21, 12)) >>
             11;
    case COP_OPERANDS_T_Q:
    case COP_OPERANDS_FT_Q:
    case COP_OPERANDS_PF:
      return (int32_t) (piece (bits, 31, 25, 25) | piece (bits, 11, 7, 20)) >> 20;
    case COP_OPERANDS_S_T_P:
      return (int32_t) (piece (bits, 31, 31, 31) | piece (bits, 7, 7, 30) |
                        piece (bits, 30, 25, 24) | piece (bits, 11, 8, 20)) >>
             19;
    case COP_OPERANDS_D_E_S:
    case COP_OPERANDS_D_E_Z:
    case COP_OPERANDS_FENCE:
      return piece (bits, 31, 20, 0);
    default:
      return 0;
    }
}

static void
check_wide (uint32_t bits, CopIsa isa)
{
  unsigned row = expected_row (bits, isa);
  CopInsn insn;

  g_assert_cmpuint (cop_insn_decode (bits, isa, &insn), ==, 4);
  if (insn.op != row)
    g_error ("0x%08x is decoded as row %u, and is %u", bits, insn.op, row);
  g_assert_cmpuint (insn.length, ==, 4);
  g_assert_cmphex (insn.bits, ==, bits);
  if (row == COP_INSN_ILLEGAL)
    return;
  g_assert_cmpuint (insn.rd, ==, piece (bits, 11, 7, 0));
  g_assert_cmpuint (insn.rs1, ==, piece (bits, 19, 15, 0));
  g_assert_cmpuint (insn.rs2, ==, piece (bits, 24, 20, 0));
  g_assert_cmpuint (insn.rs3, ==, piece (bits, 31, 27, 0));
  g_assert_cmpuint (insn.rm, ==, piece (bits, 14, 12, 0));
  g_assert_cmpint (insn.imm, ==, expected_immediate (bits, cop_insn_table[row].operands));
}

static void
test_wide (void)
{
  g_test_summary ("32-bit instructions are the first row that fits, whatever was decoded before");
  for (unsigned i = 0; i < 200000; i++)
    {
      const CopInsnRow *row = &cop_insn_table[g_test_rand_int_range (0, COP_INSN_LAST)];
      uint32_t bits = (uint32_t) g_test_rand_int ();
      unsigned flip = g_test_rand_int_range (0, 64);

      bits = (bits & ~row->mask) | row->match;
      /* Half of them one bit away from a row. */
      if (flip >= 2 && flip < 32)
        bits ^= UINT32_C (1) << flip;
      check_wide (bits, isas[g_test_rand_int_range (0, G_N_ELEMENTS (isas))]);
    }
  for (unsigned i = 0; i < 200000; i++)
    check_wide (g_test_rand_int () | 3, isas[i % G_N_ELEMENTS (isas)]);
}

static unsigned
expected_compressed_row (uint32_t bits)
{
  for (unsigned i = 0; i < cop_cinsn_count; i++)
    if ((bits & cop_cinsn_table[i].mask) == cop_cinsn_table[i].match)
      return i;
  return cop_cinsn_count;
}

static void
test_compressed (void)
{
  g_test_summary ("16-bit instructions expand alike the first time and later, with any extensions");
  for (unsigned pass = 0; pass < 2; pass++)
    for (uint32_t bits = 0; bits < 65536; bits++)
      for (unsigned i = 0; i < G_N_ELEMENTS (isas); i++)
        {
          unsigned row = expected_compressed_row (bits);
          bool there = row < cop_cinsn_count && (isas[i] & COP_ISA (C)) &&
                       (isas[i] >> cop_cinsn_table[row].extension & 1);
          CopInsn insn, again;

          if ((bits & 3) == 3)
            continue;
          memset (&insn, 0xa5, sizeof insn);
          memset (&again, 0x5a, sizeof again);
          g_assert_cmpuint (cop_insn_decode (bits, isas[i], &insn), ==, 2);
          g_assert_cmpuint (cop_insn_decode (bits | 0xabcd0000, isas[i], &again), ==, 2);
          g_assert_cmpmem (&insn, sizeof insn, &again, sizeof again);
          g_assert_cmpuint (insn.length, ==, 2);
          g_assert_cmphex (insn.bits, ==, bits);
          if (!there)
            g_assert_cmpuint (insn.op, ==, COP_INSN_ILLEGAL);
          else if (insn.op != COP_INSN_ILLEGAL)
            g_assert_cmpuint (insn.op, ==, cop_cinsn_table[row].op);
        }
}

/* One of each form, with operands at the ends of their ranges. */
static void
test_operands (void)
{
  static const struct
  {
    uint16_t bits;
    const char *text;
  } rows[] = {
    { 0x1ffc, "addi    a5, sp, 1020" }, { 0x5ffc, "lw      a5, 124(a5)" },
    { 0x7ffc, "ld      a5, 248(a5)" },  { 0xdffc, "sw      a5, 124(a5)" },
    { 0xfffc, "sd      a5, 248(a5)" },  { 0x1081, "addi    ra, ra, -32" },
    { 0x2ffd, "addiw   t6, t6, 31" },   { 0x5fd9, "addi    t6, zero, -10" },
    { 0x7101, "addi    sp, sp, -512" }, { 0x7f81, "lui     t6, 0xfffe0" },
    { 0x93fd, "srli    a5, a5, 63" },   { 0x9bfd, "andi    a5, a5, -1" },
    { 0x8f99, "sub     a5, a5, a4" },   { 0x1ffe, "slli    t6, t6, 63" },
    { 0x5ffe, "lw      t6, 252(sp)" },  { 0x7ffe, "ld      t6, 504(sp)" },
    { 0x8f82, "jalr    zero, 0(t6)" },  { 0x9f82, "jalr    ra, 0(t6)" },
    { 0x8ffe, "add     t6, zero, t6" }, { 0x9ffe, "add     t6, t6, t6" },
    { 0xdffe, "sw      t6, 252(sp)" },  { 0xfffe, "sd      t6, 504(sp)" },
    { 0x8f82, "jalr    zero, 0(t6)" },  { 0x9002, "ebreak" },
  };

  g_test_summary (
    "Operands of compressed instructions come out of the packed form as they went in");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = NULL;
      CopInsn insn;

      cop_insn_decode (rows[i].bits, isas[0], &insn);
      text = cop_insn_disassemble (&insn, 0);
      g_assert_cmpstr (text, ==, rows[i].text);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fill_isas ();
  g_test_add_func ("/riscv/insn-decode/wide", test_wide);
  g_test_add_func ("/riscv/insn-decode/compressed", test_compressed);
  g_test_add_func ("/riscv/insn-decode/operands", test_operands);
  return g_test_run ();
}
