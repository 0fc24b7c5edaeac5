/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which registers are words, and of which the low half is all that is needed.
 */
#include "unit-blocks.h"

#include "engine/jit/words.h"

#include <glib.h>

enum
{
  S0 = 8,
  A0 = 10,
  A1 = 11,
  A2 = 12,
};

#define BIT(reg) (1u << (reg))

static CopIrRef
word (CopIrUnit *unit, CopIrRef a)
{
  return cop_ir_add (unit, IR_SEXT32, a, IR_NONE, IR_NONE, 0);
}

static void
find (CopFacts *facts, CopIrUnit *unit)
{
  g_autofree CopGraph *graph = g_new (CopGraph, 1);

  cop_graph_make (graph, unit);
  cop_words_find (facts, graph);
  cop_ir_unit_free (unit);
}

static void
test_reads (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopIrRef a = x (unit, A0), b = x (unit, A1);

  g_test_summary ("what an operation needs of its operands");
  g_assert_cmphex (cop_words_wide_reads (unit, both (unit, IR_ADD, a, b), false), ==,
                   BIT (A0) | BIT (A1));
  g_assert_cmphex (cop_words_wide_reads (unit, both (unit, IR_ADD, a, b), true), ==, 0);
  g_assert_cmphex (cop_words_wide_reads (unit, word (unit, both (unit, IR_SUB, a, b)), false), ==, 0);
  /* The low half of what is shifted to the right is made of the upper one too. */
  g_assert_cmphex (cop_words_wide_reads (unit, word (unit, both (unit, IR_SRL, a, b)), false), ==,
                   BIT (A0));
  g_assert_cmphex (cop_words_wide_reads (unit, with (unit, IR_SLL, a, 32), false), ==, 0);
  g_assert_cmphex (cop_words_wide_reads (unit, with (unit, IR_SLL, a, 31), false), ==, BIT (A0));
  g_assert_cmphex (cop_words_wide_reads (unit, with (unit, IR_AND, a, 0xff), false), ==, 0);
  g_assert_cmphex (cop_words_wide_reads (unit, with (unit, IR_AND, a, UINT64_MAX - 1), false), ==,
                   BIT (A0));
  g_assert_cmphex (
    cop_words_wide_reads (unit, with (unit, IR_AND, with (unit, IR_SRA, a, 5), 0x7f), false), ==, 0);
  g_assert_cmphex (
    cop_words_wide_reads (unit, with (unit, IR_AND, with (unit, IR_SRA, a, 26), 0x7f), false), ==,
    BIT (A0));
  /* An address is always whole. */
  g_assert_cmphex (
    cop_words_wide_reads (
      unit, word (unit, cop_ir_add (unit, IR_LOAD, a, IR_NONE, IR_NONE, IR_U32)), false),
    ==, BIT (A0));
  g_assert_cmphex (cop_words_wide_reads (unit, both (unit, IR_LT, a, b), false), ==, 0);
  cop_ir_unit_free (unit);
}

static void
test_is_word (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopIrRef a = x (unit, A0), b = x (unit, A1);

  g_test_summary ("logic of words is a word, a sum of words is none");
  g_assert_true (cop_words_is_word (unit, both (unit, IR_XOR, a, b), BIT (A0) | BIT (A1)));
  g_assert_false (cop_words_is_word (unit, both (unit, IR_XOR, a, b), BIT (A0)));
  g_assert_false (cop_words_is_word (unit, both (unit, IR_ADD, a, b), BIT (A0) | BIT (A1)));
  g_assert_true (cop_words_is_word (unit, both (unit, IR_EQ, a, b), 0));
  cop_ir_unit_free (unit);
}

/* for (s0 = ...; s0 < a0; s0++) a1 += s0, in words */
static void
test_counter (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopFacts facts;

  g_test_summary ("what a loop counts and sums up is words, and its low half is enough");
  set (unit, S0, cop_ir_const (unit, 0));
  end_block (unit, 0);
  set (unit, A1, word (unit, both (unit, IR_ADD, x (unit, A1), x (unit, S0))));
  set (unit, S0, word (unit, with (unit, IR_ADD, x (unit, S0), 1)));
  add (unit, IR_BRANCH, 0, both (unit, IR_LT, x (unit, S0), x (unit, A0)), IR_NONE, 4);
  end_block (unit, 4);
  end_block (unit, 8);
  find (&facts, unit);
  /* a0 is not told to be one: nothing makes it one if it is none. */
  g_assert_cmphex (facts.words[1], ==, BIT (S0) | BIT (A1));
  g_assert_cmphex (facts.low[1] & facts.words[1], ==, BIT (S0) | BIT (A1));
  g_assert_cmphex (facts.words[0] | facts.words[2], ==, 0);
  g_assert_cmphex (facts.low[0] | facts.low[2], ==, 0);
}

static void
test_one_way (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopFacts facts;

  g_test_summary ("what one way round sets to more is no word");
  set (unit, A1, word (unit, with (unit, IR_ADD, x (unit, A1), 1)));
  add (unit, IR_BRANCH, 0, x (unit, A0), IR_NONE, 0);
  end_block (unit, 0);
  set (unit, A1, with (unit, IR_ADD, x (unit, A1), 1));
  add (unit, IR_BRANCH, 0, x (unit, A0), IR_NONE, 0);
  end_block (unit, 4);
  find (&facts, unit);
  g_assert_cmphex (facts.words[0], ==, 0);
}

static void
test_wants (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopIrBlock block;
  uint32_t wants[4], at_start;

  g_test_summary ("a register is wanted as it is needed next");
  set (unit, A0, word (unit, with (unit, IR_ADD, x (unit, A1), 1)));
  set (unit, A1, word (unit, x (unit, A0)));
  add (unit, IR_STORE, 0, x (unit, A0), x (unit, A1), 32);
  add (unit, IR_STORE, 0, x (unit, A2), x (unit, A1), 64);
  block = (CopIrBlock){ .n = unit->statements->len };
  at_start = cop_words_wants (unit, &block, 0, wants);
  g_assert_cmphex (wants[0], ==, BIT (A0) | BIT (A1));
  g_assert_cmphex (wants[1], ==, BIT (A1));
  g_assert_cmphex (wants[2], ==, 0);
  g_assert_cmphex (wants[3], ==, 0);
  g_assert_cmphex (at_start, ==, BIT (A0) | BIT (A1));
  cop_ir_unit_free (unit);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/words/reads", test_reads);
  g_test_add_func ("/jit/words/is-word", test_is_word);
  g_test_add_func ("/jit/words/counter", test_counter);
  g_test_add_func ("/jit/words/one-way", test_one_way);
  g_test_add_func ("/jit/words/wants", test_wants);
  return g_test_run ();
}
