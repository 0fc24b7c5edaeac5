/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The index of translated code: what is set is found, what is closed is not, through every growth.
 */
#include "engine/jit/index.h"

#define N 100000
#define GPA(i) (UINT64_C (0x80000000) + 6 * (uint64_t) (i))

/* Never dereferenced: the index only hands them on. */
static char units[2], code[N];

static void
test_many (void)
{
  CopJitIndex index;

  g_test_summary ("Every block is found by its address and mode, and by no other");
  cop_jit_index_init (&index);
  for (unsigned i = 0; i < N; i++)
    cop_jit_index_set (&index, GPA (i), i % 3, &code[i], (CopJitUnit *) &units[i % 2]);
  for (unsigned i = 0; i < N; i++)
    {
      g_assert_true (cop_jit_index_find (&index, GPA (i), i % 3) == &code[i]);
      g_assert_null (cop_jit_index_find (&index, GPA (i), i % 3 + 1));
      g_assert_null (cop_jit_index_find (&index, GPA (i) + 2, i % 3));
      g_assert_true (cop_jit_index_unit (&index, GPA (i), i % 3) == (CopJitUnit *) &units[i % 2]);
    }
  cop_jit_index_clear (&index);
}

static void
test_closed (void)
{
  CopJitIndex index;

  g_test_summary ("A closed unit takes away what leads to it, not what took its place");
  cop_jit_index_init (&index);
  cop_jit_index_set (&index, 0, 0, &code[0], (CopJitUnit *) &units[0]);
  g_assert_true (cop_jit_index_find (&index, 0, 0) == &code[0]);
  cop_jit_index_set (&index, 0, 0, &code[1], (CopJitUnit *) &units[1]);
  cop_jit_index_unset (&index, 0, 0, (CopJitUnit *) &units[0]);
  g_assert_true (cop_jit_index_find (&index, 0, 0) == &code[1]);
  cop_jit_index_unset (&index, 0, 0, (CopJitUnit *) &units[1]);
  g_assert_null (cop_jit_index_find (&index, 0, 0));
  g_assert_null (cop_jit_index_unit (&index, 0, 0));
  cop_jit_index_unset (&index, 2, 0, (CopJitUnit *) &units[1]);
  cop_jit_index_clear (&index);
}

static void
test_rewritten (void)
{
  CopJitIndex index;
  unsigned bits;

  g_test_summary ("Code that is rewritten over and over, or moves on, takes no more room");
  cop_jit_index_init (&index);
  bits = index.table->bits;
  for (unsigned i = 0; i < N; i++)
    {
      cop_jit_index_set (&index, GPA (0), 0, &code[i], (CopJitUnit *) &units[0]);
      g_assert_true (cop_jit_index_find (&index, GPA (0), 0) == &code[i]);
      cop_jit_index_unset (&index, GPA (0), 0, (CopJitUnit *) &units[0]);
    }
  g_assert_cmpuint (index.retired->len, ==, 0);
  for (unsigned i = 0; i < N; i++)
    {
      cop_jit_index_set (&index, GPA (i), 0, &code[i], (CopJitUnit *) &units[0]);
      cop_jit_index_unset (&index, GPA (i), 0, (CopJitUnit *) &units[0]);
    }
  g_assert_cmpuint (index.table->bits, ==, bits);
  g_assert_cmpuint (index.retired->len, >, 0);
  cop_jit_index_seal (&index);
  cop_jit_index_reap (&index);
  g_assert_cmpuint (index.retired->len, ==, 0);
  cop_jit_index_clear (&index);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/index/many", test_many);
  g_test_add_func ("/jit/index/closed", test_closed);
  g_test_add_func ("/jit/index/rewritten", test_rewritten);
  return g_test_run ();
}
