/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a back end cannot lower, and says so.
 */
#include "unit-blocks.h"

#include "engine/jit/cache.h"

#include <glib.h>

enum
{
  A0 = 10,
  A1 = 11,
  A2 = 12,
};

/* (a0 * a1) ^ (a1 * a2), and two of these, and so on. */
static CopIrRef
make_tree (CopIrUnit *unit, unsigned depth)
{
  if (depth == 0)
    return both (unit, IR_XOR, both (unit, IR_MUL, x (unit, A0), x (unit, A1)),
                 both (unit, IR_MUL, x (unit, A1), x (unit, A2)));
  return both (unit, depth % 2 != 0 ? IR_SUB : IR_XOR, make_tree (unit, depth - 1),
               make_tree (unit, depth - 1));
}

static void
test_large (void)
{
  g_autoptr (GError) error = NULL;
  CopJitCache *cache = cop_jit_cache_new (1 << 20, &error);
  CopJitLowerer *lowerer;

  g_assert_no_error (error);
  lowerer = cop_jit_lowerer_new (cache);
  g_test_summary ("Trees that take more registers than there are make no code, and no more");
  for (unsigned pass = 0; pass < 2; pass++)
    for (unsigned depth = 0; depth < 6; depth += 5)
      {
        CopIrUnit *unit = cop_ir_unit_new ();
        CopIrRef value = depth == 0 ? both (unit, IR_ADD, x (unit, A0), x (unit, A1))
                                    : make_tree (unit, depth);

        add (unit, IR_STORE, 0, x (unit, A0), value, 64);
        end_block (unit, 0);
        g_assert_cmpint (cop_jit_lower (lowerer, unit), ==, depth == 0);
        cop_ir_unit_free (unit);
      }
  cop_jit_lowerer_free (lowerer);
  cop_jit_cache_free (cache);
}

static void
test_beside_an_access (void)
{
  g_autoptr (GError) error = NULL;
  CopJitCache *cache = cop_jit_cache_new (1 << 20, &error);
  CopIrUnit *unit = cop_ir_unit_new ();
  CopJitLowerer *lowerer;

  g_assert_no_error (error);
  lowerer = cop_jit_lowerer_new (cache);
  g_test_summary ("What needs a register that holds an address or its addend makes no code");
  add (unit, IR_STORE, 0, x (unit, A0), both (unit, IR_ROR, x (unit, A1), x (unit, A2)), 64);
  end_block (unit, 0);
  g_assert_false (cop_jit_lower (lowerer, unit));
  cop_ir_unit_free (unit);
  cop_jit_lowerer_free (lowerer);
  cop_jit_cache_free (cache);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/lower/large", test_large);
  g_test_add_func ("/jit/lower/beside-an-access", test_beside_an_access);
  return g_test_run ();
}
