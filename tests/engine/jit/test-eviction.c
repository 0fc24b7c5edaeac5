/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * More code than the cache holds: it is made room for again and again, under the feet of harts that
 * run it, and nobody notices.
 */
#include "../boot-files.h"
#include "common/units.h"
#include "engine/dev/platform.h"
#include "engine/machine.h"

#include <string.h>

#define KERNEL (COP_DRAM_GPA + 2 * COP_MIB)
#define HARTS 3
#define LOOP (4096 - 8) /* it runs over the end of its page */
#define GROUPS (256 * 1024 / 3) /* of three instructions: a MiB of guest code */

enum
{
  T0 = 5,
  T1 = 6,
  T2 = 7,
};

/* Three times down through calls and, at the bottom, through a hot loop and a MiB of code without one,
   then to sleep for good: much is evicted that calls have yet to return to. */
static GBytes *
make_program (void)
{
  g_autoptr (GArray) code = g_array_new (FALSE, FALSE, sizeof (uint32_t));
  static const uint32_t start[] = {
    0x00300493, /*         addi   s1, zero, 3 */
    0x03c00913, /* again:  addi   s2, zero, 60 */
    0x00400117, /*         auipc  sp, 4 MiB */
    0x00c51e13, /*         slli   t3, a0, 12 */
    0x01c10133, /*         add    sp, sp, t3: each hart has its own */
    0x014000ef, /*         jal    ra, down */
    0xfff48493, /*         addi   s1, s1, -1 */
    0xfe0494e3, /*         bne    s1, zero, again */
    0x10500073, /* sleep:  wfi */
    0xffdff06f, /*         jal    zero, sleep */
    0xff010113, /* down:   addi   sp, sp, -16 */
    0x00113023, /*         sd     ra, 0(sp) */
    0xfff90913, /*         addi   s2, s2, -1 */
    0x00090e63, /*         beq    s2, zero, bottom */
    0xff1ff0ef, /*         jal    ra, down */
    0x00138393, /*         addi   t2, t2, 1 */
    0x0072c2b3, /*         xor    t0, t0, t2 */
    0x00013083, /* up:     ld     ra, 0(sp) */
    0x01010113, /*         addi   sp, sp, 16 */
    0x00008067, /*         jalr   zero, 0(ra) */
    0x008000ef, /* bottom: jal    ra, bulk */
    0xff1ff06f, /*         jal    zero, up */
    0x0001e9b7, /* bulk:   lui    s3, 30 */
    0x79d0006f, /*         jal    zero, LOOP */
  };
  static const uint32_t loop[] = {
    0x013282b3, /* add    t0, t0, s3 */
    0x00534333, /* xor    t1, t1, t0 */
    0xfff98993, /* addi   s3, s3, -1    on the next page */
    0xfe099ae3, /* bne    s3, zero, -12 */
  };
  static const uint32_t nop = 0x00000013;
  static const uint32_t end[] = {
    0x00008067, /* jalr   zero, 0(ra) */
  };
  TestSegment segment = { .gpa = KERNEL };

  g_array_append_vals (code, start, G_N_ELEMENTS (start));
  while (code->len < LOOP / sizeof (uint32_t))
    g_array_append_val (code, nop);
  g_array_append_vals (code, loop, G_N_ELEMENTS (loop));
  for (uint32_t i = 0; i < GROUPS; i++)
    {
      const uint32_t group[] = {
        (i % 2000) << 20 | 0x00028293, /* addi   t0, t0, i % 2000 */
        0x00534333,                    /* xor    t1, t1, t0 */
        0x006383b3,                    /* add    t2, t2, t1 */
      };

      g_array_append_vals (code, group, G_N_ELEMENTS (group));
    }
  g_array_append_vals (code, end, G_N_ELEMENTS (end));
  segment.bytes = code->data;
  segment.file_size = segment.memory_size = code->len * sizeof (uint32_t);
  return test_elf_new (KERNEL, 0, &segment, 1, NULL);
}

typedef struct
{
  uint64_t evictions, optimised, superseded;
} Figures;

static void
note_figure (gpointer data, const char *name, uint64_t value)
{
  Figures *figures = data;

  if (strcmp (name, "jit.evictions") == 0)
    figures->evictions = value;
  if (strcmp (name, "jit.units-optimised") == 0)
    figures->optimised = value;
  if (strcmp (name, "jit.blocks-superseded") == 0)
    figures->superseded = value;
}

static CopMachine *
run (const char *engine)
{
  CopMachineConfig *config = test_config_new (COP_BOOT_BARE, make_program ());
  g_autoptr (GError) error = NULL;
  CopMachine *machine;

  config->harts = HARTS;
  config->engine = engine;
  config->engine_config.jit_cache_size = COP_MIB;
  /* Some of it is optimised, in the place of what is evicted, too. */
  config->engine_config.hot_samples = 1;
  machine = cop_machine_new (config, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (cop_machine_resume (machine, &error));
  g_assert_no_error (error);
  g_assert_cmpint (cop_machine_wait (machine).reason, ==, COP_END_HALTED);
  return machine;
}

static void
test_harts (gconstpointer data)
{
  g_autoptr (CopMachine) machine = run (data);
  g_autoptr (CopMachine) expected = run ("interp");
  const CopHartState *right = &cop_machine_hart (expected, 0)->s;
  Figures figures = { 0 };

  g_test_summary ("Harts that share a cache too small for their code compute what they should");
  for (unsigned i = 0; i < HARTS; i++)
    {
      const CopHartState *s = &cop_machine_hart (machine, i)->s;

      g_assert_cmphex (s->x[T0], ==, right->x[T0]);
      g_assert_cmphex (s->x[T1], ==, right->x[T1]);
      g_assert_cmphex (s->x[T2], ==, right->x[T2]);
      g_assert_cmpuint (s->instret, ==, right->instret);
    }
  cop_machine_stats (machine, note_figure, &figures);
  g_test_message ("%" G_GUINT64_FORMAT " evictions, %" G_GUINT64_FORMAT
                  " units optimised, %" G_GUINT64_FORMAT " blocks superseded",
                  figures.evictions, figures.optimised, figures.superseded);
  if (strcmp (data, "jit") == 0)
    {
      g_assert_cmpuint (figures.evictions, >, 8);
      g_assert_cmpuint (figures.superseded, >, 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/jit/eviction/jit", "jit", test_harts);
  g_test_add_data_func ("/jit/eviction/hybrid", "hybrid", test_harts);
  return g_test_run ();
}
