/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What blocks of loops may rely on.
 */
#include "unit-blocks.h"

#include "engine/jit/facts.h"

enum
{
  FT0,
  FT1,
  FT2,
};

static CopIrRef
unboxed (CopIrUnit *unit, unsigned reg)
{
  CopIrRef bits = cop_ir_add (unit, IR_GETF, IR_NONE, IR_NONE, IR_NONE, reg);

  return cop_ir_add (unit, IR_UNBOX32, bits, IR_NONE, IR_NONE, 0);
}

/* reg = from, as an f32 */
static void
set_single (CopIrUnit *unit, unsigned reg, unsigned from)
{
  CopIrRef boxed = cop_ir_add (unit, IR_BOX32, unboxed (unit, from), IR_NONE, IR_NONE, 0);

  add (unit, IR_SETF, reg, boxed, IR_NONE, 0);
}

static void
set_double (CopIrUnit *unit, unsigned reg)
{
  add (unit, IR_SETF, reg, cop_ir_add (unit, IR_GETF, IR_NONE, IR_NONE, IR_NONE, FT2), IR_NONE, 0);
}

static void
branch (CopIrUnit *unit, uint64_t to)
{
  add (unit, IR_BRANCH, 0, x (unit, 10), IR_NONE, to);
}

static void
find (CopFacts *facts, CopIrUnit *unit)
{
  g_autofree CopGraph *graph = g_new (CopGraph, 1);

  cop_graph_make (graph, unit);
  cop_facts_find (facts, graph);
  cop_ir_unit_free (unit);
}

static void
test_loop (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopFacts facts;

  g_test_summary ("what every way round a loop leaves behind holds in it, and outside nothing does");
  set_single (unit, FT0, FT0);
  end_block (unit, 0);
  add (unit, IR_MAKE_DIRTY, 0, IR_NONE, IR_NONE, 0);
  set_single (unit, FT0, FT0);
  set_single (unit, FT1, FT2);
  branch (unit, 4);
  end_block (unit, 4);
  end_block (unit, 8);
  find (&facts, unit);
  g_assert_false (facts.dirty[0]);
  g_assert_cmphex (facts.boxed[0], ==, 0);
  g_assert_true (facts.dirty[1]);
  /* ft1 is not read before it is written; ft2 is not written, so that it stays what it was. */
  g_assert_cmphex (facts.boxed[1], ==, 1u << FT0 | 1u << FT2);
  g_assert_false (facts.dirty[2]);
}

static void
test_one_way (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopFacts facts;

  g_test_summary ("what one way round the loop does away with does not hold where it leads to");
  set_single (unit, FT1, FT0);
  branch (unit, 8);
  end_block (unit, 0);
  set_double (unit, FT0);
  end_block (unit, 4);
  set_single (unit, FT1, FT0);
  branch (unit, 0);
  end_block (unit, 8);
  find (&facts, unit);
  g_assert_cmphex (facts.boxed[0], ==, 0);
  g_assert_cmphex (facts.boxed[1], ==, 0);
  g_assert_cmphex (facts.boxed[2], ==, 0);
  g_assert_false (facts.dirty[0]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/facts/loop", test_loop);
  g_test_add_func ("/jit/facts/one-way", test_one_way);
  return g_test_run ();
}
