/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Hot loops that run over page ends are translated once more, as one; and what becomes of that when
 * one of its pages is written, or all code is dropped, at any time.
 *
 *   page 0   ... fence.i; then, from HEAD to its end, the head of the loop
 *   page 1   start: what is added, a loop in the loop, then a jump to the end: what is added
 *   page 2   start: what is added, and back to the head
 */
#include "engine/jit/engine.h"
#include "engine/riscv/mmu.h"
#include "side.h"

#define CODE (SIDE_DRAM + 0x10000)
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

static void
put (Side *side, unsigned offset, uint32_t word)
{
  cop_ram_write (side->ram, CODE + offset, &word, sizeof word);
}

static void
begin (Side *side, const CopEngineOps *ops, bool background)
{
  side_init (side, ops, (CopEngineConfig){ .background = background, .hot_samples = 2 });
  for (unsigned i = 0; i < G_N_ELEMENTS (code); i++)
    put (side, code[i].offset, code[i].word);
}

/* From the fence at the start. */
static void
run_from_start (Side *side)
{
  side_run (side, CODE, STEP);
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
  uint64_t before = side_figure (side, "jit.units-optimised");

  do
    {
      run_from_start (expected);
      run_from_start (side);
      side_check_same (expected, side);
    }
  while (side_figure (side, "jit.units-optimised") == before && g_get_monotonic_time () < end);
  g_assert_cmpuint (side_figure (side, "jit.units-optimised"), >, before);
}

static void
test_supersede (gconstpointer data)
{
  const unsigned row = GPOINTER_TO_UINT (data);
  Side expected, side;
  uint64_t pc_exits;

  g_test_summary ("What is hot becomes one unit, which is where control goes from then on");
  begin (&expected, &cop_interp_ops, false);
  begin (&side, rows[row].ops, rows[row].background);
  heat (&expected, &side);
  g_assert_cmpuint (side_figure (&side, "jit.blocks-superseded"), >, 0);

  /* Nobody has to leave it for the way over a page's end, or bounces off what it superseded. */
  for (unsigned i = 0; i < 4; i++)
    {
      run_from_start (&expected);
      run_from_start (&side);
    }
  pc_exits = side_figure (&side, "jit.exits.pc");
  run_from_start (&expected);
  run_from_start (&side);
  side_check_same (&expected, &side);
  g_assert_cmpuint (side_figure (&side, "jit.exits.pc") - pc_exits, <, 40);
  side_clear (&side);
  side_clear (&expected);
}

static void
put_dispatch (Side *side)
{
  put (side, 0x004, 0x7fc0006f); /* jal    zero, +0x7fc */
  put (side, 0x800, 0x00000817); /* auipc  a6, 0 */
  put (side, 0x804, 0x00082883); /* lw     a7, 0(a6) */
  put (side, 0x808, 0x00150513); /* addi   a0, a0, 1 */
  put (side, 0x80c, 0x00480067); /* jalr   zero, 4(a6) */
}

static void
test_dispatch (gconstpointer data)
{
  const unsigned row = GPOINTER_TO_UINT (data);
  Side expected, side;

  g_test_summary ("What leads on through a register is made anew when it is hot, though it is one unit");
  begin (&expected, &cop_interp_ops, false);
  begin (&side, rows[row].ops, rows[row].background);
  put_dispatch (&expected);
  put_dispatch (&side);
  heat (&expected, &side);
  g_assert_cmpuint (side_figure (&side, "jit.blocks-superseded"), >, 0);
  run_from_start (&expected);
  run_from_start (&side);
  side_check_same (&expected, &side);
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
  begin (&expected, &cop_interp_ops, false);
  begin (&side, rows[row].ops, rows[row].background);
  for (unsigned i = 0; i < 3 * G_N_ELEMENTS (changed); i++)
    {
      unsigned offset = changed[i % G_N_ELEMENTS (changed)];

      heat (&expected, &side);
      closed = side_figure (&side, "jit.units-closed");
      put (&expected, offset, ADDI_A1 (i + 10));
      put (&side, offset, ADDI_A1 (i + 10));
      g_assert_cmpuint (side_figure (&side, "jit.units-closed"), >, closed);
      run_from_start (&expected);
      run_from_start (&side);
      side_check_same (&expected, &side);
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
  begin (&expected, &cop_interp_ops, false);
  begin (&side, rows[row].ops, rows[row].background);
  for (unsigned i = 0; i < 200; i++)
    {
      unsigned offset = changed[i % G_N_ELEMENTS (changed)];

      run_from_start (&expected);
      run_from_start (&side);
      side_check_same (&expected, &side);
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
  add_test ("dispatch", test_dispatch);
  add_test ("write", test_write);
  add_test ("flush", test_flush);
  return g_test_run ();
}
