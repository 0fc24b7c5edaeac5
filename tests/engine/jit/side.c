/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A hart and its engine, without a machine around them.
 */
#include "side.h"

#include "common/units.h"

#include <string.h>

void
side_init (Side *side, const CopEngineOps *ops, CopEngineConfig config)
{
  g_autoptr (GError) error = NULL;

  *side = (Side){ .ops = ops, .config = config };
  side->ram = cop_ram_new (SIDE_DRAM, COP_MIB, -1, NULL);
  side->hart = cop_hart_new (NULL, side->ram, 0, cop_isa_default ());
  side->engine = ops->create (NULL, side->ram, &side->config, &error);
  g_assert_no_error (error);
  ops->attach (side->engine, side->hart);
  cop_hart_unpark (side->hart);
}

void
side_clear (Side *side)
{
  cop_hart_park (side->hart);
  side->ops->detach (side->engine, side->hart);
  side->ops->destroy (side->engine);
  cop_hart_free (side->hart);
  cop_ram_free (side->ram);
}

void
side_run (Side *side, uint64_t pc, uint64_t n)
{
  CopHartState state;

  side->ops->get_vcpu_state (side->engine, side->hart, &state);
  state.pc = pc;
  side->ops->set_vcpu_state (side->engine, side->hart, &state);
  g_assert_cmpint (side->ops->run (side->engine, side->hart, state.instret + n), ==,
                   COP_RUN_LIMIT);
}

static void
note_figure (gpointer data, const char *name, uint64_t value)
{
  g_hash_table_insert (data, (gpointer) name, GSIZE_TO_POINTER (value));
}

uint64_t
side_figure (Side *side, const char *name)
{
  g_autoptr (GHashTable) figures = g_hash_table_new (g_str_hash, g_str_equal);

  side->ops->stats (side->engine, note_figure, figures);
  g_assert_true (g_hash_table_contains (figures, name));
  return GPOINTER_TO_SIZE (g_hash_table_lookup (figures, name));
}

void
side_check_same (Side *expected, Side *side)
{
  g_autoptr (GString) report = g_string_new (NULL);

  if (memcmp (&expected->hart->s, &side->hart->s, sizeof (CopHartState)) != 0)
    {
      cop_state_diff (&cop_hart_state_table, "hart", &expected->hart->s, &side->hart->s, report);
      g_error ("%s differs from the interpreter: %s", side->ops->name, report->str);
    }
}
