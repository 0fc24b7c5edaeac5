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
#include "engine/jit/engine.h"
#include "side.h"

#define A1 11
#define STEP 3000

static const uint32_t code[] = { 0x00150513, 0x00059663, 0x00160613,
                                 0x00160613, 0x00168693, 0xfedff06f };

/* From the start, for a while: the branch is always taken if it @jumps, or never. */
static void
run (Side *side, bool jumps)
{
  side->hart->s.x[A1] = jumps;
  side_run (side, SIDE_DRAM, STEP);
}

/* Without a thread of its own: all is translated when it is warm. */
static void
begin (Side *side, const CopEngineOps *ops)
{
  side_init (side, ops, (CopEngineConfig){ 0 });
  cop_ram_write (side->ram, SIDE_DRAM, code, sizeof code);
}

static uint64_t
count_insns (Side *side)
{
  return side_figure (side, "jit.instructions-translated");
}

static void
check (bool jumps_first, uint64_t expected)
{
  Side side, plain;

  begin (&side, &cop_hybrid_ops);
  begin (&plain, &cop_interp_ops);
  run (&side, jumps_first);
  g_assert_cmpuint (count_insns (&side), ==, expected);
  run (&plain, jumps_first);
  for (unsigned i = 0; i < 4; i++)
    {
      run (&side, jumps_first == (i & 1));
      run (&plain, jumps_first == (i & 1));
      side_check_same (&plain, &side);
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
