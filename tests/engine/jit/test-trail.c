/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What has never run is not translated, and is when it has.
 *
 *    0   addi a0, a0, 1          <--.
 *    4   bne  a1, zero, 10  --.     |
 *    8   addi a2, a2, 1       |     |
 *    c   addi a2, a2, 1       |     |
 *   10   addi a3, a3, 1    <--'     |
 *   14   jal  zero, 0            ---'
 */
#include "common/units.h"
#include "engine/engine.h"
#include "engine/jit/engine.h"

#include <string.h>

#define DRAM UINT64_C (0x80000000)
#define A1 11
#define STEP 3000

static const uint32_t code[] = { 0x00150513, 0x00059663, 0x00160613,
                                 0x00160613, 0x00168693, 0xfedff06f };

typedef struct
{
  const CopEngineOps *ops;
  CopEngineConfig config;
  CopRam *ram;
  CopHart *hart;
  CopEngine *engine;
} Side;

static void
side_init (Side *side, const CopEngineOps *ops)
{
  g_autoptr (GError) error = NULL;
  CopHartState state;

  /* No thread of its own: all is translated when it is warm. */
  *side = (Side){ .ops = ops };
  side->ram = cop_ram_new (DRAM, COP_MIB, -1, NULL);
  side->hart = cop_hart_new (NULL, side->ram, 0, cop_isa_default ());
  side->engine = ops->create (NULL, side->ram, &side->config, &error);
  g_assert_no_error (error);
  ops->attach (side->engine, side->hart);
  cop_hart_unpark (side->hart);
  cop_ram_write (side->ram, DRAM, code, sizeof code);
  ops->get_vcpu_state (side->engine, side->hart, &state);
  state.pc = DRAM;
  ops->set_vcpu_state (side->engine, side->hart, &state);
}

static void
side_clear (Side *side)
{
  cop_hart_park (side->hart);
  side->ops->detach (side->engine, side->hart);
  side->ops->destroy (side->engine);
  cop_hart_free (side->hart);
  cop_ram_free (side->ram);
}

static void
run (Side *side, bool jumps)
{
  CopHartState state;

  side->ops->get_vcpu_state (side->engine, side->hart, &state);
  state.x[A1] = jumps;
  side->ops->set_vcpu_state (side->engine, side->hart, &state);
  g_assert_cmpint (side->ops->run (side->engine, side->hart, state.instret + STEP), ==,
                   COP_RUN_LIMIT);
}

static void
note_insns (gpointer data, const char *name, uint64_t value)
{
  if (strcmp (name, "jit.instructions-translated") == 0)
    *(uint64_t *) data = value;
}

static uint64_t
count_insns (Side *side)
{
  uint64_t n = 0;

  side->ops->stats (side->engine, note_insns, &n);
  return n;
}

static void
check (bool jumps_first, uint64_t expected)
{
  Side side, plain;

  side_init (&side, &cop_hybrid_ops);
  side_init (&plain, &cop_interp_ops);
  run (&side, jumps_first);
  g_assert_cmpuint (count_insns (&side), ==, expected);
  run (&plain, jumps_first);
  for (unsigned i = 0; i < 4; i++)
    {
      run (&side, jumps_first == (i & 1));
      run (&plain, jumps_first == (i & 1));
      g_assert_cmpmem (&side.hart->s.x, sizeof side.hart->s.x, &plain.hart->s.x,
                       sizeof plain.hart->s.x);
      g_assert_cmphex (side.hart->s.pc, ==, plain.hart->s.pc);
    }
  g_assert_cmpuint (count_insns (&side), >, expected);
  side_clear (&plain);
  side_clear (&side);
}

static void
test_behind_branch (void)
{
  g_test_summary ("what a branch has always jumped over is left out, and translated when it runs");
  check (true, 4);
}

static void
test_target (void)
{
  g_test_summary ("the same of where a branch has never led");
  check (false, 6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/trail/behind-branch", test_behind_branch);
  g_test_add_func ("/jit/trail/target", test_target);
  return g_test_run ();
}
