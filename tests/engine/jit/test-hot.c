/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Hot loops that run over page ends are translated once more, as one; and what becomes of that when
 * one of its pages is written, or all code is dropped, at any time.
 *
 *   page 0   ... fence.i; then, from HEAD to its end, the head of the loop
 *   page 1   start: what is added, a loop in the loop, then a jump to the end: what is added
 *   page 2   start: what is added, and back to the head
 */
#include "common/units.h"
#include "engine/engine.h"
#include "engine/jit/engine.h"
#include "engine/riscv/mmu.h"

#include <string.h>

#define DRAM UINT64_C (0x80000000)
#define CODE (DRAM + 0x10000)
#define HEAD (0x1000 - 16)
#define STEP 60000 /* instructions between two things that happen */

#define ADDI_A1(n) (0x00058593u | (uint32_t) (n) << 20)

static const struct
{
  unsigned offset;
  uint32_t word;
} code[] = {
  { 0x000, 0x0000100f }, /* fence.i */
  { 0x004, 0x7ed0006f }, /* jal    zero, +0xfec */
  { HEAD + 0, 0x00150513 }, /* addi   a0, a0, 1 */
  { HEAD + 4, ADDI_A1 (1) }, /*        page 0 */
  { HEAD + 8, 0x00a5c633 }, /* xor    a2, a1, a0 */
  { HEAD + 12, 0x00157693 }, /* andi   a3, a0, 1 */
  { 0x1000, ADDI_A1 (2) }, /*        page 1 */
  { 0x1004, 0x03d00793 }, /* addi   a5, zero, 61 */
  { 0x1008, 0x00c70733 }, /* add    a4, a4, a2: most of the time it is here */
  { 0x100c, 0xfff78793 }, /* addi   a5, a5, -1 */
  { 0x1010, 0xfe079ce3 }, /* bne    a5, zero, -8 */
  { 0x1014, 0x7e90006f }, /* jal    zero, +0xfe8 */
  { 0x1ffc, ADDI_A1 (3) }, /*        the same */
  { 0x2000, ADDI_A1 (4) }, /*        page 2 */
  { 0x2004, 0xfedfe06f }, /* jal    zero, -0x1014 */
};

/* The words that a test changes: one on each page. */
static const unsigned changed[] = { HEAD + 4, 0x1000, 0x2000 };

typedef struct
{
  const CopEngineOps *ops;
  CopEngineConfig config;
  CopRam *ram;
  CopHart *hart;
  CopEngine *engine;
} Side;

static void
put (Side *side, unsigned offset, uint32_t word)
{
  cop_ram_write (side->ram, CODE + offset, &word, sizeof word);
}

static void
side_init (Side *side, const CopEngineOps *ops, bool background)
{
  g_autoptr (GError) error = NULL;

  *side = (Side){ .ops = ops, .config = { .background = background, .hot_samples = 2 } };
  side->ram = cop_ram_new (DRAM, COP_MIB, -1, NULL);
  side->hart = cop_hart_new (NULL, side->ram, 0, cop_isa_default ());
  side->engine = ops->create (NULL, side->ram, &side->config, &error);
  g_assert_no_error (error);
  ops->attach (side->engine, side->hart);
  cop_hart_unpark (side->hart);
  for (unsigned i = 0; i < G_N_ELEMENTS (code); i++)
    put (side, code[i].offset, code[i].word);
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

/* From the fence at the start; registers go on. */
static void
run_from_start (Side *side)
{
  CopHartState state;

  side->ops->get_vcpu_state (side->engine, side->hart, &state);
  state.pc = CODE;
  side->ops->set_vcpu_state (side->engine, side->hart, &state);
  g_assert_cmpint (side->ops->run (side->engine, side->hart, state.instret + STEP), ==,
                   COP_RUN_LIMIT);
}

static void
note_figure (gpointer data, const char *name, uint64_t value)
{
  g_hash_table_insert (data, (gpointer) name, GSIZE_TO_POINTER (value));
}

static uint64_t
figure (Side *side, const char *name)
{
  g_autoptr (GHashTable) figures = g_hash_table_new (g_str_hash, g_str_equal);

  side->ops->stats (side->engine, note_figure, figures);
  g_assert_true (g_hash_table_contains (figures, name));
  return GPOINTER_TO_SIZE (g_hash_table_lookup (figures, name));
}

static void
check_same (Side *expected, Side *side)
{
  g_autoptr (GString) report = g_string_new (NULL);

  if (memcmp (&expected->hart->s, &side->hart->s, sizeof (CopHartState)) != 0)
    {
      cop_state_diff (&cop_hart_state_table, "hart", &expected->hart->s, &side->hart->s, report);
      g_error ("%s differs from the interpreter: %s", side->ops->name, report->str);
    }
}

static const struct
{
  const char *name;
  const CopEngineOps *ops;
  bool background;
} rows[] = {
  { "jit", &cop_jit_ops, false },
  { "hybrid", &cop_hybrid_ops, false },
  { "background", &cop_hybrid_ops, true },
};

/* Until the loop is one unit: some steps where the hart sees to it itself. */
static void
heat (Side *expected, Side *side)
{
  gint64 end = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;
  uint64_t before = figure (side, "jit.units-optimised");

  do
    {
      run_from_start (expected);
      run_from_start (side);
      check_same (expected, side);
    }
  while (figure (side, "jit.units-optimised") == before && g_get_monotonic_time () < end);
  g_assert_cmpuint (figure (side, "jit.units-optimised"), >, before);
}

static void
test_supersede (gconstpointer data)
{
  const unsigned row = GPOINTER_TO_UINT (data);
  Side expected, side;
  uint64_t pc_exits;

  g_test_summary ("What is hot becomes one unit, which is where control goes from then on");
  side_init (&expected, &cop_interp_ops, false);
  side_init (&side, rows[row].ops, rows[row].background);
  heat (&expected, &side);
  g_assert_cmpuint (figure (&side, "jit.blocks-superseded"), >, 0);

  /* Nobody has to leave it for the way over a page's end, or bounces off what it superseded. */
  for (unsigned i = 0; i < 4; i++)
    {
      run_from_start (&expected);
      run_from_start (&side);
    }
  pc_exits = figure (&side, "jit.exits.pc");
  run_from_start (&expected);
  run_from_start (&side);
  check_same (&expected, &side);
  g_assert_cmpuint (figure (&side, "jit.exits.pc") - pc_exits, <, 40);
  side_clear (&side);
  side_clear (&expected);
}

static void
test_write (gconstpointer data)
{
  const unsigned row = GPOINTER_TO_UINT (data);
  Side expected, side;
  uint64_t closed;

  g_test_summary ("A unit is closed when any of its pages is written, and made anew");
  side_init (&expected, &cop_interp_ops, false);
  side_init (&side, rows[row].ops, rows[row].background);
  for (unsigned i = 0; i < 3 * G_N_ELEMENTS (changed); i++)
    {
      unsigned offset = changed[i % G_N_ELEMENTS (changed)];

      heat (&expected, &side);
      closed = figure (&side, "jit.units-closed");
      put (&expected, offset, ADDI_A1 (i + 10));
      put (&side, offset, ADDI_A1 (i + 10));
      g_assert_cmpuint (figure (&side, "jit.units-closed"), >, closed);
      run_from_start (&expected);
      run_from_start (&side);
      check_same (&expected, &side);
    }
  side_clear (&side);
  side_clear (&expected);
}

static void
test_flush (gconstpointer data)
{
  const unsigned row = GPOINTER_TO_UINT (data);
  Side expected, side;

  g_test_summary ("All code may be dropped at any time, with a job in work or without");
  side_init (&expected, &cop_interp_ops, false);
  side_init (&side, rows[row].ops, rows[row].background);
  for (unsigned i = 0; i < 200; i++)
    {
      unsigned offset = changed[i % G_N_ELEMENTS (changed)];

      run_from_start (&expected);
      run_from_start (&side);
      check_same (&expected, &side);
      cop_hart_park (side.hart);
      side.ops->flush (side.engine);
      /* With nothing told to the engine: flush() is for who does that. */
      memcpy (cop_ram_span (expected.ram, CODE + offset, 4), &(uint32_t){ ADDI_A1 (i) }, 4);
      memcpy (cop_ram_span (side.ram, CODE + offset, 4), &(uint32_t){ ADDI_A1 (i) }, 4);
      expected.ops->flush (expected.engine);
      cop_hart_unpark (side.hart);
    }
  side_clear (&side);
  side_clear (&expected);
}

static void
add_test (const char *name, GTestDataFunc test)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/jit/hot/%s/%s", name, rows[i].name);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_test ("supersede", test_supersede);
  add_test ("write", test_write);
  add_test ("flush", test_flush);
  return g_test_run ();
}
