/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Decoded instructions as people read them.
 */
#include "engine/riscv/csr.h"
#include "engine/riscv/insn.h"

#include <string.h>

/* clang-format off */
const char *const cop_x_names[32] = {
  "zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
  "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};
const char *const cop_f_names[32] = {
  "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3",
  "fa4", "fa5", "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11",
  "ft8", "ft9", "ft10", "ft11",
};
static const char *const formats[] = {
#define FORMAT(name, text) text,
  OPERAND_FORMATS (FORMAT)
#undef FORMAT
};
static const char *const rounding[8] = { "rne", "rtz", "rdn", "rup", "rmm", "rm5", "rm6", "dyn" };
/* clang-format on */

static void
append_fence_set (GString *text, unsigned set)
{
  if (set == 0)
    g_string_append_c (text, '0');
  for (unsigned i = 0; i < 4; i++)
    if (set & (8u >> i))
      g_string_append_c (text, "iorw"[i]);
}

static void
append_operand (GString *text, char letter, const CopInsn *insn, uint64_t pc)
{
  const char *csr;

  switch (letter)
    {
    case 'd':
      g_string_append (text, cop_x_names[insn->rd]);
      break;
    case 's':
      g_string_append (text, cop_x_names[insn->rs1]);
      break;
    case 't':
      g_string_append (text, cop_x_names[insn->rs2]);
      break;
    case 'D':
      g_string_append (text, cop_f_names[insn->rd]);
      break;
    case 'S':
      g_string_append (text, cop_f_names[insn->rs1]);
      break;
    case 'T':
      g_string_append (text, cop_f_names[insn->rs2]);
      break;
    case 'R':
      g_string_append (text, cop_f_names[insn->rs3]);
      break;
    case 'j':
    case 'o':
    case 'q':
    case '>':
    case '<':
      g_string_append_printf (text, "%d", insn->imm);
      break;
    case 'u':
      g_string_append_printf (text, "0x%x", (uint32_t) insn->imm >> 12);
      break;
    case 'p':
    case 'a':
      g_string_append_printf (text, "0x%" G_GINT64_MODIFIER "x", pc + (int64_t) insn->imm);
      break;
    case 'E':
      csr = cop_csr_name (insn->imm);
      if (csr != NULL)
        g_string_append (text, csr);
      else
        g_string_append_printf (text, "0x%x", insn->imm);
      break;
    case 'Z':
      g_string_append_printf (text, "%u", insn->rs1);
      break;
    case 'm':
      g_string_append (text, rounding[insn->rm]);
      break;
    case 'P':
      append_fence_set (text, (insn->imm >> 4) & 15);
      break;
    case 'Q':
      append_fence_set (text, insn->imm & 15);
      break;
    case ',':
      g_string_append (text, ", ");
      break;
    default:
      g_string_append_c (text, letter);
    }
}

char *
cop_insn_disassemble (const CopInsn *insn, uint64_t pc)
{
  GString *text = g_string_new (NULL);
  const CopInsnRow *row;

  if (insn->op >= COP_INSN_LAST)
    {
      g_string_printf (text, insn->length == 2 ? ".half   0x%04x" : ".word   0x%08x", insn->bits);
      return g_string_free (text, FALSE);
    }

  row = &cop_insn_table[insn->op];
  g_string_append (text, row->name);
  for (char *c = text->str; *c != '\0'; c++)
    if (*c == '_')
      *c = '.';
  if (formats[row->operands][0] != '\0')
    {
      do
        g_string_append_c (text, ' ');
      while (text->len < 8);
      for (const char *letter = formats[row->operands]; *letter != '\0'; letter++)
        append_operand (text, *letter, insn, pc);
    }
  return g_string_free (text, FALSE);
}
