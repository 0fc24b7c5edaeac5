/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which loops can do without checks of memory, and what their guards have to look up.
 */
#include "unit-blocks.h"

#include "engine/jit/strips.h"

#include <glib.h>

enum
{
  A0 = 10,
  A1 = 11,
  A2 = 12,
  A3 = 13,
  A4 = 14,
};

static CopIrRef
sum (CopIrUnit *unit, CopIrRef a, CopIrRef b)
{
  return cop_ir_add (unit, IR_ADD, a, b, IR_NONE, 0);
}

/* Register @reg plus @n. */
static CopIrRef
plus (CopIrUnit *unit, unsigned reg, int64_t n)
{
  return sum (unit, x (unit, reg), cop_ir_const (unit, (uint64_t) n));
}

static void
move (CopIrUnit *unit, unsigned reg, int64_t n)
{
  set (unit, reg, plus (unit, reg, n));
}

static void
load (CopIrUnit *unit, CopIrRef gva)
{
  add (unit, IR_SETX, A3, cop_ir_add (unit, IR_LOAD, gva, IR_NONE, IR_NONE, IR_U64), IR_NONE, 0);
}

static void
store (CopIrUnit *unit, CopIrRef gva)
{
  add (unit, IR_STORE, 0, gva, x (unit, A3), 64);
}

/* Back to @offset while a2 is not 0. */
static void
branch_back (CopIrUnit *unit, uint64_t offset)
{
  move (unit, A2, -1);
  add (unit, IR_BRANCH, 0, x (unit, A2), IR_NONE, offset);
}

static void
find (CopStrips *strips, CopIrUnit *unit)
{
  g_autofree CopGraph *graph = g_new (CopGraph, 1);

  cop_graph_make (graph, unit);
  cop_strips_init (strips);
  cop_strips_find (strips, graph);
  g_assert_cmpint (strips->n > 0, ==, cop_strips_any (unit));
}

static void
done (CopStrips *strips, CopIrUnit *unit)
{
  cop_strips_clear (strips);
  cop_ir_unit_free (unit);
}

static void
test_copy (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  const CopStripPointer *from, *to;
  CopStrips strips;

  g_test_summary ("Places are told from where pointers are at the header, before they move or behind");
  load (unit, plus (unit, A0, 8));
  move (unit, A0, 16);
  move (unit, A1, -8);
  load (unit, plus (unit, A0, -24));
  store (unit, plus (unit, A1, 4));
  branch_back (unit, 0);
  end_block (unit, 0);
  find (&strips, unit);
  g_assert_cmpuint (strips.n, ==, 1);
  g_assert_cmpuint (strips.strips[0].n_pointers, ==, 2);
  from = &strips.strips[0].pointers[0];
  to = &strips.strips[0].pointers[1];
  g_assert_cmpuint (from->base, ==, A0);
  g_assert_cmpint (from->step, ==, 16);
  g_assert_cmpint (from->low, ==, -8);
  g_assert_cmpint (from->high, ==, 16);
  g_assert_false (from->writes);
  g_assert_cmpuint (to->base, ==, A1);
  g_assert_cmpint (to->step, ==, -8);
  g_assert_cmpint (to->low, ==, -4);
  g_assert_cmpint (to->high, ==, 4);
  g_assert_true (to->writes);
  done (&strips, unit);
}

static void
test_numbers (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  const CopStripPointer *pointer;
  CopStrips strips;

  g_test_summary ("An address may be of two registers, or move by what a register has");
  load (unit, sum (unit, x (unit, A0),
                   cop_ir_add (unit, IR_SLL, x (unit, A2), cop_ir_const (unit, 3), IR_NONE, 0)));
  store (unit, x (unit, A1));
  add (unit, IR_SETX, A1, sum (unit, x (unit, A1), x (unit, A4)), IR_NONE, 0);
  branch_back (unit, 0);
  end_block (unit, 0);
  find (&strips, unit);
  g_assert_cmpuint (strips.n, ==, 1);
  g_assert_cmpuint (strips.strips[0].n_pointers, ==, 2);
  pointer = &strips.strips[0].pointers[0];
  g_assert_cmpuint (pointer->base, ==, A0);
  g_assert_cmpuint (pointer->index, ==, A2);
  g_assert_cmpuint (pointer->shift, ==, 3);
  g_assert_cmpint (pointer->step, ==, -8);
  pointer = &strips.strips[0].pointers[1];
  g_assert_cmpuint (pointer->base, ==, A1);
  g_assert_cmpuint (pointer->by, ==, A4);
  done (&strips, unit);
}

/* How many strips a loop with two ways round has. @moves_twice: its pointer does on one of them;
   @atomic: there is more than loads and stores on it */
static unsigned
count_in_two_ways (bool moves_twice, bool atomic)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopStrips strips;
  unsigned n;

  load (unit, x (unit, A0));
  add (unit, IR_BRANCH, 0, x (unit, A3), IR_NONE, 8);
  end_block (unit, 0);
  if (moves_twice)
    move (unit, A0, 8);
  if (atomic)
    add (unit, IR_EFFECT, 0, cop_ir_add (unit, IR_LR, x (unit, A1), IR_NONE, IR_NONE, 64), IR_NONE,
         0);
  end_block (unit, 4);
  move (unit, A0, 8);
  branch_back (unit, 0);
  end_block (unit, 8);
  find (&strips, unit);
  n = strips.n;
  if (n > 0)
    {
      /* The way over the block in the middle is the shortest. */
      g_assert_cmpuint (strips.strips[0].n_insns, ==, 2);
      g_assert_cmpuint (strips.strips[0].blocks, ==, 7);
    }
  done (&strips, unit);
  return n;
}

static void
test_ways (void)
{
  g_test_summary ("All ways round must move a pointer alike, and do nothing that C may have to do");
  g_assert_cmpuint (count_in_two_ways (false, false), ==, 1);
  g_assert_cmpuint (count_in_two_ways (true, false), ==, 0);
  g_assert_cmpuint (count_in_two_ways (false, true), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/strips/copy", test_copy);
  g_test_add_func ("/jit/strips/numbers", test_numbers);
  g_test_add_func ("/jit/strips/ways", test_ways);
  return g_test_run ();
}
