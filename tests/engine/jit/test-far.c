/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Jumps to other pages: linked when it is known where they lead, each hart knows for itself whether
 * that is so, and one that is to lead to many places is not.
 *
 *   DRAM + 0x10000  CALLER    loop: jal ra, the page behind; jal zero, loop
 *          0x11000  CALLEES   each adds something else to a0, and returns
 *          0x20000  tables    of spaces, three pages each: the caller at VA, and a callee behind it
 *         0x100000  MANY      columns of jumps, each to the one on the page below it, the last to the first
 */
#include "common/units.h"
#include "engine/engine.h"
#include "engine/jit/engine.h"

#define DRAM UINT64_C (0x80000000)
#define CALLER (DRAM + 0x10000)
#define CALLEE(n) (DRAM + 0x11000 + 0x1000 * (uint64_t) (n))
#define TABLES(space) (DRAM + 0x20000 + 0x3000 * (uint64_t) (space))
#define VA UINT64_C (0x5000)
#define SPACES 2
#define A0 10

#define ITERATION 4 /* instructions */
#define STEP (ITERATION * 20000)

enum
{
  V = 1,
  R = 2,
  X = 8,
  A = 64
};

static const unsigned adds[SPACES] = { 1, 100 };

typedef struct
{
  const CopEngineOps *ops;
  CopEngineConfig config;
  CopRam *ram;
  CopHart *harts[2];
  CopEngine *engine;
} World;

static void
put_word (World *world, uint64_t gpa, uint32_t word)
{
  cop_ram_write (world->ram, gpa, &word, sizeof word);
}

static void
put_entry (World *world, uint64_t table, unsigned slot, uint64_t gpa, unsigned flags)
{
  uint64_t entry = gpa >> 12 << 10 | flags;

  cop_ram_write (world->ram, table + 8 * slot, &entry, sizeof entry);
}

static void
world_init (World *world, const CopEngineOps *ops)
{
  g_autoptr (GError) error = NULL;

  *world = (World){ .ops = ops };
  world->ram = cop_ram_new (DRAM, 4 * COP_MIB, -1, NULL);
  world->engine = ops->create (NULL, world->ram, &world->config, &error);
  g_assert_no_error (error);
  for (unsigned i = 0; i < G_N_ELEMENTS (world->harts); i++)
    {
      world->harts[i] = cop_hart_new (NULL, world->ram, i, cop_isa_default ());
      ops->attach (world->engine, world->harts[i]);
      cop_hart_reset (world->harts[i], VA, COP_PRIV_S, 0);
    }
  put_word (world, CALLER, 0x000010ef);         /* jal ra, 4096 */
  put_word (world, CALLER + 4, 0xffdff06f);     /* jal zero, -4 */
  for (unsigned i = 0; i < SPACES; i++)
    {
      put_word (world, CALLEE (i), adds[i] << 20 | 0x00050513); /* addi a0, a0, ... */
      put_word (world, CALLEE (i) + 4, 0x00008067);             /* ret */
      put_entry (world, TABLES (i), 0, TABLES (i) + 0x1000, V);
      put_entry (world, TABLES (i) + 0x1000, 0, TABLES (i) + 0x2000, V);
      put_entry (world, TABLES (i) + 0x2000, VA >> 12, CALLER, V | R | X | A);
      put_entry (world, TABLES (i) + 0x2000, (VA >> 12) + 1, CALLEE (i), V | R | X | A);
    }
}

static void
world_clear (World *world)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (world->harts); i++)
    world->ops->detach (world->engine, world->harts[i]);
  world->ops->destroy (world->engine);
  for (unsigned i = 0; i < G_N_ELEMENTS (world->harts); i++)
    cop_hart_free (world->harts[i]);
  cop_ram_free (world->ram);
}

/* Has a hart run the loop in a space for @instructions, and checks what it added. */
static void
run (World *world, unsigned number, unsigned space, unsigned instructions)
{
  CopHart *hart = world->harts[number];
  CopHartState state;

  cop_hart_unpark (hart);
  world->ops->get_vcpu_state (world->engine, hart, &state);
  state.priv = COP_PRIV_S;
  state.satp = UINT64_C (8) << 60 | (uint64_t) (1 + space) << 44 | TABLES (space) >> 12;
  state.pc = VA;
  state.x[A0] = 0;
  world->ops->set_vcpu_state (world->engine, hart, &state);
  g_assert_cmpint (world->ops->run (world->engine, hart, state.instret + instructions), ==,
                   COP_RUN_LIMIT);
  world->ops->get_vcpu_state (world->engine, hart, &state);
  g_assert_cmphex (state.pc, ==, VA);
  g_assert_cmpuint (state.x[A0], ==, adds[space] * (instructions / ITERATION));
  cop_hart_park (hart);
}

typedef struct
{
  uint64_t linked, given_up;
} Figures;

static void
note_figure (gpointer data, const char *name, uint64_t value)
{
  Figures *figures = data;

  if (g_str_equal (name, "jit.far-jumps-linked"))
    figures->linked = value;
  if (g_str_equal (name, "jit.far-jumps-given-up"))
    figures->given_up = value;
}

static Figures
figures_of (World *world)
{
  Figures figures = { 0 };

  world->ops->stats (world->engine, note_figure, &figures);
  return figures;
}

static const CopEngineOps *const engines[] = { &cop_jit_ops, &cop_hybrid_ops };

static void
test_link (gconstpointer data)
{
  World world;

  g_test_summary ("A call to another page is linked, and again when what it leads to is written");
  world_init (&world, data);
  run (&world, 0, 0, STEP);
  g_assert_cmpuint (figures_of (&world).linked, ==, 1);
  for (unsigned i = 0; i < 4; i++)
    {
      put_word (&world, CALLEE (0), adds[0] << 20 | 0x00050513);
      run (&world, 0, 0, STEP);
    }
  g_assert_cmpuint (figures_of (&world).given_up, ==, 0);
  world_clear (&world);
}

static void
test_harts (gconstpointer data)
{
  World world;

  g_test_summary ("Harts with the same code at the same address go where theirs leads");
  world_init (&world, data);
  for (unsigned i = 0; i < 100; i++)
    for (unsigned j = 0; j < G_N_ELEMENTS (world.harts); j++)
      run (&world, j, j, i == 0 ? STEP : ITERATION * 200);
  g_assert_cmpuint (figures_of (&world).linked, ==, 1);
  g_assert_cmpuint (figures_of (&world).given_up, ==, 1);
  world_clear (&world);
}

static void
test_spaces (gconstpointer data)
{
  World world;

  g_test_summary ("So do spaces that one hart switches between");
  world_init (&world, data);
  for (unsigned i = 0; i < 200; i++)
    run (&world, 0, i % SPACES, i < SPACES ? STEP : ITERATION * 200);
  g_assert_cmpuint (figures_of (&world).given_up, ==, 1);
  world_clear (&world);
}

/* What a hart knows is about one engine's code. */
static void
test_next_engine (gconstpointer data)
{
  World world;
  g_autoptr (GError) error = NULL;

  g_test_summary ("What is known of jumps is forgotten with the engine");
  world_init (&world, data);
  run (&world, 0, 0, STEP);
  world.ops->detach (world.engine, world.harts[0]);
  world.ops->detach (world.engine, world.harts[1]);
  world.ops->destroy (world.engine);
  world.engine = world.ops->create (NULL, world.ram, &world.config, &error);
  g_assert_no_error (error);
  world.ops->attach (world.engine, world.harts[0]);
  world.ops->attach (world.engine, world.harts[1]);
  run (&world, 1, 1, STEP);
  g_assert_cmpuint (figures_of (&world).linked, ==, 1);
  run (&world, 0, 0, STEP);
  world_clear (&world);
}

#define MANY (DRAM + 0x100000)
#define MANY_PAGES 250u
#define MANY_COLUMNS 270u
#define MANY_ROUNDS 10 /* enough for all to be linked */
#define MANY_JUMPS (MANY_PAGES * MANY_COLUMNS)
G_STATIC_ASSERT (MANY_JUMPS > COP_JIT_FARS);

/* jal zero, @distance */
static uint32_t
jump (int32_t distance)
{
  uint32_t d = (uint32_t) distance;

  return (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 | (d & 0xff000) | 0x6f;
}

static void
test_many (void)
{
  World world;
  CopHartState state;

  g_test_summary ("More jumps to other pages than there is room for are as good as those before");
  world_init (&world, &cop_jit_ops);
  for (unsigned column = 0; column < MANY_COLUMNS; column++)
    for (unsigned page = 0; page < MANY_PAGES; page++)
      {
        uint64_t at = MANY + 0x1000 * page + 8 * column;
        uint64_t to = page + 1 < MANY_PAGES ? at + 0x1000 : MANY + 8 * column;

        put_word (&world, at, 0x00150513); /* addi a0, a0, 1 */
        put_word (&world, at + 4, jump ((int32_t) (to - at - 4)));
      }
  cop_hart_unpark (world.harts[0]);
  for (unsigned column = 0; column < MANY_COLUMNS; column++)
    {
      world.ops->get_vcpu_state (world.engine, world.harts[0], &state);
      state.pc = MANY + 8 * column;
      state.x[A0] = 0;
      world.ops->set_vcpu_state (world.engine, world.harts[0], &state);
      g_assert_cmpint (world.ops->run (world.engine, world.harts[0],
                                       state.instret + 2 * MANY_PAGES * MANY_ROUNDS),
                       ==, COP_RUN_LIMIT);
      world.ops->get_vcpu_state (world.engine, world.harts[0], &state);
      g_assert_cmphex (state.pc, ==, MANY + 8 * column);
      g_assert_cmpuint (state.x[A0], ==, MANY_PAGES * MANY_ROUNDS);
    }
  g_assert_cmpuint (figures_of (&world).linked, >, COP_JIT_FARS / 2);
  g_assert_cmpuint (figures_of (&world).given_up, >=, MANY_JUMPS - COP_JIT_FARS);
  cop_hart_park (world.harts[0]);
  world_clear (&world);
}

static void
add_test (const char *name, GTestDataFunc test)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (engines); i++)
    {
      g_autofree char *path = g_strdup_printf ("/jit/far/%s/%s", name, engines[i]->name);

      g_test_add_data_func (path, engines[i], test);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_test ("link", test_link);
  add_test ("harts", test_harts);
  add_test ("spaces", test_spaces);
  add_test ("next-engine", test_next_engine);
  g_test_add_func ("/jit/far/many/jit", test_many);
  return g_test_run ();
}
