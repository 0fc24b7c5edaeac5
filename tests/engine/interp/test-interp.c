/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small programs on every engine, without a machine around them.
 */
#include "engine/engine.h"

#include <string.h>

#define DRAM UINT64_C (0x80000000)
#define A0 10

typedef struct
{
  CopRam    *ram;
  CopHart   *hart;
  CopEngine *engine;
} Bench;

static void
bench_init (Bench *bench, const CopEngineOps *ops, const uint32_t *code, size_t n)
{
  CopEngineConfig config = { 0 };

  bench->ram = cop_ram_new (DRAM, 1 << 20, -1, NULL);
  g_assert_nonnull (bench->ram);
  g_assert_true (cop_ram_write (bench->ram, DRAM, code, n * sizeof *code));
  bench->hart = cop_hart_new (NULL, bench->ram, 0, cop_isa_default ());
  bench->engine = ops->create (NULL, bench->ram, &config, NULL);
  ops->attach (bench->engine, bench->hart);
  cop_hart_reset (bench->hart, DRAM, COP_PRIV_M, 0);
  cop_hart_unpark (bench->hart);
}

static void
bench_clear (Bench *bench)
{
  cop_hart_park (bench->hart);
  bench->engine->ops->detach (bench->engine, bench->hart);
  bench->engine->ops->destroy (bench->engine);
  cop_hart_free (bench->hart);
  cop_ram_free (bench->ram);
}

static CopRunResult
bench_run (Bench *bench, uint64_t limit)
{
  return bench->engine->ops->run (bench->engine, bench->hart, limit);
}

static void
test_addw_wraps (gconstpointer data)
{
  static const uint32_t code[] = {
    0x80000537,                         /* lui   a0, 0x80000 */
    0xfff5051b,                         /* addiw a0, a0, -1  */
    0x0015051b,                         /* addiw a0, a0, 1   */
    0x0000006f,                         /* j     .           */
  };
  Bench bench;

  g_test_summary ("32-bit results wrap, then sign-extend");
  bench_init (&bench, data, code, G_N_ELEMENTS (code));
  g_assert_cmpint (bench_run (&bench, 100), ==, COP_RUN_LIMIT);
  g_assert_cmphex (bench.hart->s.x[A0], ==, UINT64_C (0xffffffff80000000));
  g_assert_cmpuint (bench.hart->s.instret, ==, 100);
  bench_clear (&bench);
}

static void
test_limit_is_exact (gconstpointer data)
{
  static const uint32_t code[] = {
    0x00150513,                         /* addi a0, a0, 1 */
    0x00150513,                         /* addi a0, a0, 1 */
    0x00150513,                         /* addi a0, a0, 1 */
    0xff5ff06f,                         /* j    start     */
  };
  Bench bench;

  g_test_summary ("run() stops after exactly as many instructions as asked");
  bench_init (&bench, data, code, G_N_ELEMENTS (code));
  bench.hart->s.x[A0] = 0;
  for (uint64_t limit = 1; limit < 200; limit += limit % 3 + 1)
    {
      g_assert_cmpint (bench_run (&bench, limit), ==, COP_RUN_LIMIT);
      g_assert_cmpuint (bench.hart->s.instret, ==, limit);
      g_assert_cmpuint (bench.hart->s.x[A0], ==, limit / 4 * 3 + limit % 4);
      g_assert_cmphex (bench.hart->s.pc, ==, DRAM + limit % 4 * 4);
    }
  bench_clear (&bench);
}

/* An inner loop, a branch in the middle that is taken every other time, a store, and results used by
   the next instruction on either side, or by neither. */
static const uint32_t branchy[] = {
  0x00001297,                           /* start: auipc t0, 1         */
  0x00500313,                           /* li    t1, 5                */
  0x00157393,                           /* outer: andi t2, a0, 1      */
  0x00150513,                           /* addi  a0, a0, 1            */
  0x00038663,                           /* beqz  t2, even             */
  0x00a58633,                           /* add   a2, a1, a0           */
  0x40c585b3,                           /* sub   a1, a1, a2           */
  0x00a5c5b3,                           /* even: xor a1, a1, a0       */
  0x00b2b023,                           /* sd    a1, 0(t0)            */
  0x0002b683,                           /* ld    a3, 0(t0)            */
  0x00168693,                           /* addi  a3, a3, 1            */
  0x40b686b3,                           /* sub   a3, a3, a1           */
  0x00d70733,                           /* add   a4, a4, a3           */
  0xfff30313,                           /* addi  t1, t1, -1           */
  0xfc0318e3,                           /* bnez  t1, outer            */
  0xfc5ff06f,                           /* j     start                */
};

static void
test_branches_are_counted (gconstpointer data)
{
  Bench steps, strides;

  g_test_summary ("instruction counts and results hold wherever a block is left");
  bench_init (&steps, data, branchy, G_N_ELEMENTS (branchy));
  bench_init (&strides, data, branchy, G_N_ELEMENTS (branchy));
  for (uint64_t limit = 1; limit < 2000; limit += limit % 37 + 1)
    {
      while (steps.hart->s.instret < limit)
        g_assert_cmpint (bench_run (&steps, steps.hart->s.instret + 1), ==, COP_RUN_LIMIT);
      g_assert_cmpint (bench_run (&strides, limit), ==, COP_RUN_LIMIT);
      g_assert_cmpuint (strides.hart->s.instret, ==, limit);
      g_assert_cmpmem (&strides.hart->s, sizeof strides.hart->s, &steps.hart->s,
                       sizeof steps.hart->s);
    }
  /* Each time around the loop adds 1. */
  g_assert_cmpuint (steps.hart->s.x[14], >, 100);
  bench_clear (&steps);
  bench_clear (&strides);
}

static void
test_trap_behind_branch (gconstpointer data)
{
  static const uint32_t code[] = {
    0x00000297,                         /* auipc t0, 0            */
    0x02028293,                         /* addi  t0, t0, 32       */
    0x30529073,                         /* csrw  mtvec, t0        */
    0x00028463,                         /* beqz  t0, +8: not taken */
    0x00100513,                         /* li    a0, 1            */
    0x00a53023,                         /* sd    a0, 0(a0)        */
    0x00200513,                         /* li    a0, 2            */
    0x00000013,                         /* nop                    */
    0x0000006f,                         /* handler: j .           */
  };
  Bench bench;

  g_test_summary ("a fault behind a branch that was not taken is precise");
  bench_init (&bench, data, code, G_N_ELEMENTS (code));
  g_assert_cmpint (bench_run (&bench, 5), ==, COP_RUN_LIMIT);
  g_assert_cmpint (bench_run (&bench, 6), ==, COP_RUN_LIMIT);
  g_assert_cmphex (bench.hart->s.pc, ==, DRAM + 32);
  g_assert_cmphex (bench.hart->s.mepc, ==, DRAM + 20);
  g_assert_cmpuint (bench.hart->s.mcause, ==, COP_TRAP_STORE_ACCESS_FAULT);
  g_assert_cmphex (bench.hart->s.mtval, ==, 1);
  g_assert_cmpuint (bench.hart->s.x[A0], ==, 1);
  bench_clear (&bench);
}

static void
test_memory_and_loop (gconstpointer data)
{
  static const uint32_t code[] = {
    0x00001297,                         /* auipc t0, 1            */
    0x06400313,                         /* li    t1, 100          */
    0x00000513,                         /* li    a0, 0            */
    0x0062b023,                         /* sd    t1, 0(t0)        */
    0x0002b383,                         /* ld    t2, 0(t0)        */
    0x00750533,                         /* add   a0, a0, t2       */
    0x00828293,                         /* addi  t0, t0, 8        */
    0xfff30313,                         /* addi  t1, t1, -1       */
    0xfe0316e3,                         /* bnez  t1, sd           */
    0x0000006f,                         /* j     .                */
  };
  Bench bench;

  bench_init (&bench, data, code, G_N_ELEMENTS (code));
  g_assert_cmpint (bench_run (&bench, 1000), ==, COP_RUN_LIMIT);
  g_assert_cmpuint (bench.hart->s.x[A0], ==, 5050);
  bench_clear (&bench);
}

static void
test_trap_is_precise (gconstpointer data)
{
  static const uint32_t code[] = {
    0x00000297,                         /* auipc t0, 0            */
    0x02028293,                         /* addi  t0, t0, 32       */
    0x30529073,                         /* csrw  mtvec, t0        */
    0x00100513,                         /* li    a0, 1            */
    0x00003583,                         /* ld    a1, 0(zero)      */
    0x00200513,                         /* li    a0, 2            */
    0x0000006f,                         /* j     .                */
    0x00000013,                         /* nop                    */
    0x0000006f,                         /* handler: j .           */
  };
  Bench bench;

  bench_init (&bench, data, code, G_N_ELEMENTS (code));
  g_assert_cmpint (bench_run (&bench, 50), ==, COP_RUN_LIMIT);
  g_assert_cmphex (bench.hart->s.pc, ==, DRAM + 32);
  g_assert_cmphex (bench.hart->s.mepc, ==, DRAM + 16);
  g_assert_cmpuint (bench.hart->s.mcause, ==, COP_TRAP_LOAD_ACCESS_FAULT);
  g_assert_cmphex (bench.hart->s.mtval, ==, 0);
  g_assert_cmpuint (bench.hart->s.x[A0], ==, 1);
  bench_clear (&bench);
}

static void
test_modified_code_is_seen (gconstpointer data)
{
  static const uint32_t code[] = {
    0x00000297,                         /* auipc t0, 0            */
    0x00052303,                         /* lw    t1, 0(a0): unused, a0 = start   */
    0x0240006f,                         /* j     loop             */
    0x00150593,                         /* patch: addi a1, a0, 1  */
    0x00250593,                         /* other: addi a1, a0, 2  */
    0x00000013,
    0x00000013,
    0x00000013,
    0x00000013,
    0x00000013,
    0x00000013,
    0x00158613,                         /* loop: addi a2, a1, 1   */
    0x00160613,                         /* here: addi a2, a2, 1   */
    0x0102a303,                         /* lw    t1, 16(t0)       */
    0x0262a823,                         /* sw    t1, 48(t0): here */
    0x0000100f,                         /* fence.i                */
    0xff1ff06f,                         /* j     here             */
  };
  Bench bench;

  g_test_summary ("after fence.i a hart runs what it stored");
  bench_init (&bench, data, code, G_N_ELEMENTS (code));
  bench.hart->s.x[A0] = DRAM;
  g_assert_cmpint (bench_run (&bench, 40), ==, COP_RUN_LIMIT);
  g_assert_cmphex (bench.hart->s.x[11], ==, DRAM + 2);
  g_assert_cmphex (bench.hart->s.x[12], ==, 2);
  bench_clear (&bench);
}

static const struct
{
  const char   *name;
  GTestDataFunc func;
} tests[] = {
  { "addw-wraps", test_addw_wraps },
  { "limit-is-exact", test_limit_is_exact },
  { "branches-are-counted", test_branches_are_counted },
  { "trap-behind-branch", test_trap_behind_branch },
  { "memory-and-loop", test_memory_and_loop },
  { "trap-is-precise", test_trap_is_precise },
  { "modified-code-is-seen", test_modified_code_is_seen },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (const CopEngineOps *const *engine = cop_engines; *engine != NULL; engine++)
    for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path = g_strdup_printf ("/engine/%s/%s", (*engine)->name, tests[i].name);

        g_test_add_data_func (path, *engine, tests[i].func);
      }
  return g_test_run ();
}
