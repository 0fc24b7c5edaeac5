/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The intermediate form as text, for people.
 */
#include "engine/jit/ir.h"

static const struct
{
  const char *name;
  unsigned    operands;
} ops[IR_LAST] = {
#define OP(name, operands) { #name, operands },
  IR_OPS (OP)
#undef OP
};

static const struct
{
  const char *name;
  unsigned    operands;
} fp_ops[IR_FP_LAST] = {
#define FP(name, operands, rounds) { #name, operands },
  IR_FP_OPS (FP)
#undef FP
};

static void
dump_node (const CopIrUnit *unit, CopIrRef ref, GString *text)
{
  const CopIrNode *node = cop_ir_node (unit, ref);
  const CopIrRef operands[] = { node->a, node->b, node->c };
  unsigned n = ops[node->op].operands;

  switch (node->op)
    {
    case IR_CONST:
      g_string_append_printf (text, "%" G_GINT64_FORMAT, (int64_t) node->imm);
      return;
    case IR_PC:
      g_string_append_printf (text, "page+0x%" G_GINT64_MODIFIER "x", node->imm);
      return;
    case IR_GETX:
      g_string_append (text, cop_x_names[node->imm & 31]);
      return;
    case IR_GETF:
      g_string_append (text, cop_f_names[node->imm]);
      return;
    case IR_FP:
      g_string_append_printf (text, "%s.%u (", fp_ops[node->imm >> 8].name,
                              (unsigned) node->imm & 0xff);
      n = fp_ops[node->imm >> 8].operands;
      break;
    case IR_LOAD:
      g_string_append_printf (text, "LOAD.%c%u (", "susususu"[node->imm],
                              8 * cop_ir_load_size (node->imm));
      break;
    default:
      g_string_append_printf (text, "%s (", ops[node->op].name);
    }
  for (unsigned i = 0; i < n; i++)
    {
      if (i > 0)
        g_string_append (text, ", ");
      dump_node (unit, operands[i], text);
    }
  g_string_append_c (text, ')');
}

static void
dump_statement (const CopIrUnit *unit, const CopIrStatement *statement, GString *text)
{
  static const char *const kinds[] = { "",       "",    "store", "effect", "branch if", "jump",
                                       "jump to", "system", "interpret", "fence", "relax",
                                       "zero block", "fflags =", "dirty", "check next page",
                                       "check target", "late", "nop" };

  g_string_append_printf (text, "  %03x  ", statement->offset & 0xffff);
  if (statement->kind == IR_LATE)
    g_string_append (text, "(late) ");
  if (statement->kind == IR_SETX || statement->kind == IR_LATE)
    g_string_append_printf (text, "%s = ", cop_x_names[statement->reg]);
  else if (statement->kind == IR_SETF)
    g_string_append_printf (text, "%s = ", cop_f_names[statement->reg]);
  else
    g_string_append_printf (text, "%s ", kinds[statement->kind]);
  if (statement->a != IR_NONE)
    dump_node (unit, statement->a, text);
  if (statement->b != IR_NONE)
    {
      g_string_append (text, " <- ");
      dump_node (unit, statement->b, text);
    }
  if (statement->kind == IR_BRANCH || statement->kind == IR_JUMP)
    g_string_append_printf (text, " to page%+" G_GINT64_FORMAT, (int64_t) statement->imm);
  if (statement->span != IR_NO_SPAN)
    g_string_append_printf (text, "   ; span %u", statement->span);
  g_string_append_c (text, '\n');
}

char *
cop_ir_dump (const CopIrUnit *unit)
{
  GString *text = g_string_new (NULL);

  for (unsigned i = 0; i < unit->blocks->len; i++)
    {
      const CopIrBlock *block = &g_array_index (unit->blocks, CopIrBlock, i);

      g_string_append_printf (text, "block %u: page%+d to %+d, %u instructions\n", i, block->offset,
                              block->end, block->n_insns);
      for (unsigned j = 0; j < block->n; j++)
        {
          const CopIrStatement *statement =
            &g_array_index (unit->statements, CopIrStatement, block->first + j);

          if (statement->kind != IR_NOP)
            dump_statement (unit, statement, text);
        }
    }
  return g_string_free (text, FALSE);
}
