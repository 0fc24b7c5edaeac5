/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random programs on all engines: whatever they do, and wherever they are stopped, interrupted or
 * handed from one engine to another, state and memory must be the same.
 *
 *   test-regions [--seed N] [--programs N] [--seconds N] [--cut N] [--list N]
 *
 * A failure names the seed; the same seed gives the same program and the same stops. Where the
 * program is to blame it says so: "undefined".
 */
#include "region-judge.h"

#include "engine/dev/bus.h"
#include "engine/engine.h"
#include "engine/jit/engine.h"
#include "engine/riscv/insn.h"

#include <stdlib.h>
#include <string.h>

#define STEPS 24

/* A device that notes what is done to it, and in which order. */
typedef struct
{
  CopDevice parent;
  uint64_t seen;
} TestDevice;

static uint64_t
device_read (CopDevice *device, uint64_t offset, unsigned size)
{
  TestDevice *test = (TestDevice *) device;
  RegionRandom mixed = { .state = test->seen ^ offset << 4 ^ size };

  return test->seen = region_random (&mixed);
}

static void
device_write (CopDevice *device, uint64_t offset, unsigned size, uint64_t value)
{
  device_read (device, offset ^ value << 16, size);
}

static const CopDeviceType device_type = {
  .name = "test",
  .instance_size = sizeof (TestDevice),
  .mmio_size = 0x1000,
  .read = device_read,
  .write = device_write,
};

typedef struct
{
  const char *name;
  const char *without; /* host features that the back end must do without */
  const CopEngineOps *ops;
  bool switches; /* changes the engine between steps */
  bool verifies;
  bool background; /* another thread translates */
  CopRam *ram;
  CopBus bus;
  TestDevice *device; /* on the bus */
  CopHart *hart;
  CopEngine *engine;
} Side;

static uint64_t only_seed;
static bool has_seed;
static uint64_t cut = UINT64_MAX; /* instructions after which a program ends */
static unsigned programs = 100000, seconds = 20;
static uint64_t optimised; /* units that there were */
static uint64_t far_jumps; /* to other pages, that were linked */
static uint64_t hoisted, given_up; /* loops that did without checks */

static void
print_report (gpointer data, const char *report)
{
  (void) data;
  g_printerr ("%s", report);
}

static void
engine_up (Side *side, const CopEngineOps *ops)
{
  CopEngineConfig config = { .jit_cache_size = 1 << 20,
                             .verify = side->verifies,
                             .hot_samples = 1,
                             .background = side->background,
                             .differs = print_report };
  g_autoptr (GError) error = NULL;

  /* Not while there is a thread of another side, which is the last one and asks for nothing. */
  if (side->without != NULL)
    setenv ("COPPICE_JIT_WITHOUT", side->without, true);
  else if (g_getenv ("COPPICE_JIT_WITHOUT") != NULL)
    unsetenv ("COPPICE_JIT_WITHOUT");
  side->engine = ops->create (NULL, side->ram, &config, &error);
  g_assert_no_error (error);
  ops->attach (side->engine, side->hart);
  cop_hart_unpark (side->hart);
}

static void
note_figures (gpointer data, const char *name, uint64_t value)
{
  (void) data;
  if (strcmp (name, "jit.units-optimised") == 0)
    optimised += value;
  if (strcmp (name, "jit.far-jumps-linked") == 0)
    far_jumps += value;
  if (strcmp (name, "jit.loops-hoisted") == 0)
    hoisted += value;
  if (strcmp (name, "jit.loops-given-up") == 0)
    given_up += value;
}

static void
engine_down (Side *side)
{
  if (side->ops == &cop_jit_ops)
    side->engine->ops->stats (side->engine, note_figures, NULL);
  cop_hart_park (side->hart);
  side->engine->ops->detach (side->engine, side->hart);
  side->engine->ops->destroy (side->engine);
}

static void
side_init (Side *side, const Region *region)
{
  side->ram = cop_ram_new (REGION_DRAM, REGION_RAM_SIZE, -1, NULL);
  g_assert_nonnull (side->ram);
  memcpy (cop_ram_span (side->ram, REGION_DRAM, REGION_LOW_SIZE), region->low, REGION_LOW_SIZE);
  memcpy (cop_ram_span (side->ram, REGION_DRAM + REGION_DATA, REGION_DATA_SIZE), region->data,
          REGION_DATA_SIZE);
  cop_bus_init (&side->bus);
  side->device = cop_device_new (&device_type, "test", side->ram, NULL, REGION_DEVICE);
  cop_bus_add (&side->bus, &side->device->parent);
  side->hart = cop_hart_new (NULL, side->ram, 0, region->isa);
  side->hart->bus = &side->bus;
  engine_up (side, side->ops);
  side->engine->ops->set_vcpu_state (side->engine, side->hart, &region->start);
}

static void
side_clear (Side *side)
{
  engine_down (side);
  cop_hart_free (side->hart);
  cop_bus_clear (&side->bus);
  cop_ram_free (side->ram);
}

/* What happens at one stop, to all sides alike. */
typedef struct
{
  uint64_t limit;
  bool interrupt;
  bool dma;
  unsigned dma_offset;
  uint32_t dma_word;
} Stop;

static Stop
next_stop (RegionRandom *random, uint64_t now)
{
  static const unsigned reach[] = { 8, 150, 1000, 6000, 30000 };
  Stop stop = { .limit = now + 1 + region_below (random, reach[region_below (random, 5)]) };

  stop.interrupt = region_one_in (random, 3);
  stop.dma = stop.interrupt && region_one_in (random, 3);
  stop.dma_word = region_patch (random, &stop.dma_offset);
  return stop;
}

/* False where a lockstep found a difference. */
static bool
run_to (Side *side, const Stop *stop)
{
  CopRunResult result;

  while ((result = side->engine->ops->run (side->engine, side->hart, stop->limit)) == COP_RUN_WFI)
    side->hart->s.waiting = false;
  return result == COP_RUN_LIMIT;
}

/* Interrupts; new code comes with one, for its handler fences. */
static void
interfere (Side *side, const Stop *stop)
{
  if (stop->dma)
    cop_ram_write (side->ram, REGION_DRAM + REGION_PATCH + stop->dma_offset, &stop->dma_word, 4);
  if (stop->interrupt)
    cop_hart_set_irq (side->hart, COP_IRQ_SSI, true);
}

static void
complain_of_memory (const Side *expected, const Side *side, uint64_t seed)
{
  const uint8_t *a = cop_ram_span (expected->ram, REGION_DRAM, REGION_RAM_SIZE);
  const uint8_t *b = cop_ram_span (side->ram, REGION_DRAM, REGION_RAM_SIZE);
  unsigned shown = 0;

  for (unsigned i = 0; i < REGION_RAM_SIZE && shown < 16; i += 8)
    if (memcmp (a + i, b + i, 8) != 0)
      {
        uint64_t left, right;

        memcpy (&left, a + i, 8);
        memcpy (&right, b + i, 8);
        g_printerr ("# DRAM+0x%x: 0x%016" G_GINT64_MODIFIER "x != 0x%016" G_GINT64_MODIFIER "x\n",
                    i, left, right);
        shown++;
      }
  g_printerr ("# seed %" G_GUINT64_FORMAT ": %s has other memory than %s\n", seed, side->name,
              expected->name);
}

static bool
same_memory (const Side *a, const Side *b)
{
  return memcmp (cop_ram_span (a->ram, REGION_DRAM, REGION_RAM_SIZE),
                 cop_ram_span (b->ram, REGION_DRAM, REGION_RAM_SIZE), REGION_RAM_SIZE) == 0;
}

/* Says what is undefined about the program of @seed within @limit instructions, if anything. */
static bool
judge_program (uint64_t seed, uint64_t limit, uint64_t *executed)
{
  static Region region;
  Side side = { .name = "judge", .ops = &cop_interp_ops };
  RegionRandom random = { .state = seed ^ UINT64_C (0x5eed) };
  g_autofree char *bad = NULL;
  RegionJudge *judge;

  region_make (&region, seed);
  side_init (&side, &region);
  judge = region_judge_new (&region, side.ram, side.hart, executed);
  for (unsigned step = 0; step < STEPS && bad == NULL && side.hart->s.instret < limit; step++)
    {
      Stop stop = next_stop (&random, side.hart->s.instret);

      region_below (&random, 6);
      bad = region_judge_run (judge, MIN (stop.limit, limit));
      interfere (&side, &stop);
    }
  region_judge_free (judge);
  side_clear (&side);
  if (bad != NULL)
    g_printerr ("# undefined: %s\n", bad);
  return bad == NULL;
}

/* Runs the program of @seed on all sides; whether they agree. */
static bool
run_program (uint64_t seed)
{
  static Region region;
  Side sides[] = {
    { .name = "interp", .ops = &cop_interp_ops },
    { .name = "lockstep", .ops = &cop_jit_ops, .verifies = true },
    { .name = "jit", .ops = &cop_jit_ops },
    { .name = "hybrid", .ops = &cop_hybrid_ops },
    { .name = "jit on a plain host",
      .ops = &cop_jit_ops,
      .without = "bmi1,bmi2,lzcnt,popcnt,avx,fma,avx512f,fsgsbase" },
    /* All that accesses do out of line is done each time. */
    { .name = "jit by way of C", .ops = &cop_jit_ops, .without = "lookups" },
    { .name = "switching", .ops = &cop_jit_ops, .switches = true },
    { .name = "in the background", .ops = &cop_hybrid_ops, .background = true },
  };
  RegionRandom random = { .state = seed ^ UINT64_C (0x5eed) };
  uint64_t from = 0;
  bool good = true;

  region_make (&region, seed);
  for (unsigned i = 0; i < G_N_ELEMENTS (sides); i++)
    side_init (&sides[i], &region);

  for (unsigned step = 0; step < STEPS && good && from < cut; step++)
    {
      Stop stop = next_stop (&random, from);
      unsigned engine = region_below (&random, 6);

      stop.limit = MIN (stop.limit, cut);

      for (unsigned i = 0; i < G_N_ELEMENTS (sides) && good; i++)
        {
          if (!run_to (&sides[i], &stop))
            {
              good = false;
              g_printerr ("# seed %" G_GUINT64_FORMAT ": %s found a difference\n", seed,
                          sides[i].name);
            }
          else if (memcmp (&sides[0].hart->s, &sides[i].hart->s, sizeof (CopHartState)) != 0)
            {
              g_autoptr (GString) report = g_string_new (NULL);

              good = false;
              cop_state_diff (&cop_hart_state_table, "hart", &sides[0].hart->s, &sides[i].hart->s,
                              report);
              g_printerr ("# %s\n# seed %" G_GUINT64_FORMAT ": %s differs from interp between "
                          "instructions %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT "\n",
                          report->str, seed, sides[i].name, from, stop.limit);
            }
          else if (sides[i].device->seen != sides[0].device->seen)
            {
              good = false;
              g_printerr ("# seed %" G_GUINT64_FORMAT ": %s accesses the device in other ways than "
                          "interp between instructions %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT
                          "\n",
                          seed, sides[i].name, from, stop.limit);
            }
          else if (i > 0 && has_seed && !same_memory (&sides[0], &sides[i]))
            {
              good = false;
              complain_of_memory (&sides[0], &sides[i], seed);
              g_printerr ("# by instruction %" G_GUINT64_FORMAT ", from %" G_GUINT64_FORMAT "\n",
                          stop.limit, from);
            }
        }
      for (unsigned i = 0; i < G_N_ELEMENTS (sides) && good; i++)
        {
          if (sides[i].switches && engine < 3)
            {
              engine_down (&sides[i]);
              engine_up (&sides[i], cop_engines[engine]);
            }
          interfere (&sides[i], &stop);
        }
      from = stop.limit;
    }
  for (unsigned i = 1; i < G_N_ELEMENTS (sides) && good; i++)
    if (!same_memory (&sides[0], &sides[i]))
      {
        good = false;
        complain_of_memory (&sides[0], &sides[i], seed);
      }
  for (unsigned i = 0; i < G_N_ELEMENTS (sides); i++)
    side_clear (&sides[i]);
  if (!good)
    {
      uint64_t executed[COP_INSN_LAST] = { 0 };

      judge_program (seed, cut, executed);
    }
  return good;
}

/* That the programs are fit to compare engines with; else it is they that are to be changed. */
static void
test_defined (void)
{
  gint64 end = g_get_monotonic_time () + seconds * G_USEC_PER_SEC / 5;
  uint64_t first = has_seed ? only_seed : (uint64_t) (uint32_t) g_test_rand_int () << 8;
  uint64_t executed[COP_INSN_LAST] = { 0 };
  unsigned n = 0, bad = 0;

  g_test_message ("seeds from %" G_GUINT64_FORMAT, first);
  while (n < programs && g_get_monotonic_time () < end)
    bad += !judge_program (first + n++, cut, executed);
  g_test_message ("%u programs", n);
  g_assert_cmpuint (bad, ==, 0);
}

/* That they get to every instruction there is: always the same programs. */
static void
test_reach (void)
{
  uint64_t executed[COP_INSN_LAST] = { 0 };
  unsigned missing = 0;

  for (uint64_t seed = 0; seed < 60; seed++)
    g_assert_true (judge_program (seed, cut, executed));
  for (unsigned op = 0; op < COP_INSN_LAST; op++)
    if (executed[op] == 0)
      {
        g_printerr ("# no program executes %s\n", cop_insn_table[op].name);
        missing++;
      }
  g_assert_cmpuint (missing, ==, 0);
}

static void
test_regions (void)
{
  gint64 end = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  uint64_t first = has_seed ? only_seed : (uint64_t) (uint32_t) g_test_rand_int () << 8;
  unsigned n = 0, bad = 0;

  g_test_message ("seeds from %" G_GUINT64_FORMAT, first);
  while (n < programs && g_get_monotonic_time () < end)
    if (!run_program (first + n++) && ++bad == 10)
      break;
  g_test_message ("%u programs, %" G_GUINT64_FORMAT " optimised units, %" G_GUINT64_FORMAT
                  " jumps to other pages, %" G_GUINT64_FORMAT
                  " loops without checks, %" G_GUINT64_FORMAT " of them given up",
                  n, optimised, far_jumps, hoisted, given_up);
  g_assert_cmpuint (bad, ==, 0);
  if (n > 50)
    {
      g_assert_cmpuint (optimised, >, n);
      g_assert_cmpuint (far_jumps, >, n);
      g_assert_cmpuint (hoisted, >, n / 8);
    }
}

/* Takes an option of ours and its number out of the arguments. */
static bool
take_option (int *argc, char **argv, const char *name, uint64_t *value)
{
  for (int i = 1; i + 1 < *argc; i++)
    if (strcmp (argv[i], name) == 0 && g_ascii_isdigit (argv[i + 1][0]))
      {
        *value = g_ascii_strtoull (argv[i + 1], NULL, 0);
        memmove (argv + i, argv + i + 2, sizeof *argv * (size_t) (*argc - i - 1));
        *argc -= 2;
        return true;
      }
  return false;
}

int
main (int argc, char **argv)
{
  uint64_t number;

  has_seed = take_option (&argc, argv, "--seed", &only_seed);
  if (has_seed)
    programs = 1;
  if (take_option (&argc, argv, "--programs", &number))
    programs = number;
  take_option (&argc, argv, "--cut", &cut);
  if (take_option (&argc, argv, "--seconds", &number))
    seconds = number;
  if (take_option (&argc, argv, "--list", &number))
    {
      static Region region;
      g_autofree char *listing = NULL;

      region_make (&region, number);
      listing = region_listing (&region);
      g_print ("%s", listing);
      return EXIT_SUCCESS;
    }
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/regions/defined", test_defined);
  g_test_add_func ("/jit/regions/reach", test_reach);
  g_test_add_func ("/jit/regions/engines", test_regions);
  return g_test_run ();
}
