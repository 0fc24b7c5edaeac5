/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The PLIC: by hand where the specification is subtle, and against a plain model for the rest.
 */
#include "engine/dev/plic.h"
#include "test-device.h"

#define HARTS 3
#define CONTEXTS (2 * HARTS)
#define SOURCES COP_PLIC_SOURCES

typedef struct
{
  TestLines  lines;
  TestDevice test;
  CopIrqSink sink;
} Fixture;

static void
set_up (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  CopHartLines lines = test_lines_sink (&f->lines);
  CopDevice *plic = cop_plic_new ("plic0", 0xc000000, HARTS, &lines);

  test_device_init (&f->test, plic);
  f->sink = cop_plic_sink (plic);
}

static void
tear_down (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  test_device_clear (&f->test);
}

static void
set_source (Fixture *f, unsigned source, bool level)
{
  f->sink.set (f->sink.controller, source, level);
}

static uint32_t
pending (Fixture *f, unsigned word)
{
  return test_device_read (&f->test, 0x1000 + 4 * word, 4);
}

static void
set_priority (Fixture *f, unsigned source, uint32_t priority)
{
  test_device_write (&f->test, 4 * source, 4, priority);
}

static void
set_enable (Fixture *f, unsigned context, unsigned word, uint32_t value)
{
  test_device_write (&f->test, 0x2000 + 0x80 * context + 4 * word, 4, value);
}

static void
set_threshold (Fixture *f, unsigned context, uint32_t value)
{
  test_device_write (&f->test, 0x200000 + 0x1000 * context, 4, value);
}

static uint32_t
claim (Fixture *f, unsigned context)
{
  return test_device_read (&f->test, 0x200004 + 0x1000 * context, 4);
}

static void
complete (Fixture *f, unsigned context, uint32_t source)
{
  test_device_write (&f->test, 0x200004 + 0x1000 * context, 4, source);
}

static bool
raised (Fixture *f, unsigned context)
{
  return test_lines_get (&f->lines, context / 2, context % 2 == 0 ? COP_IRQ_MEI : COP_IRQ_SEI);
}

static void
test_life (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("A level raises the context, is claimed once, and comes again after completion "
                  "for as long as it lasts");
  set_priority (f, 10, 1);
  set_enable (f, 1, 0, 1 << 10);
  set_source (f, 10, true);
  g_assert_cmphex (pending (f, 0), ==, 1 << 10);
  g_assert_true (raised (f, 1));
  g_assert_false (raised (f, 0));
  g_assert_cmpuint (claim (f, 0), ==, 0);

  g_assert_cmpuint (claim (f, 1), ==, 10);
  g_assert_false (raised (f, 1));
  g_assert_cmpuint (claim (f, 1), ==, 0);
  g_assert_cmphex (pending (f, 0), ==, 0);

  complete (f, 1, 10);
  g_assert_true (raised (f, 1));
  g_assert_cmpuint (claim (f, 1), ==, 10);
  set_source (f, 10, false);
  complete (f, 1, 10);
  g_assert_false (raised (f, 1));
}

static void
test_latched (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("A request that was forwarded outlives its level: pulses are not lost");
  set_priority (f, 12, 1);
  set_enable (f, 0, 0, 1 << 12);
  set_source (f, 12, true);
  set_source (f, 12, false);
  g_assert_true (raised (f, 0));
  g_assert_cmpuint (claim (f, 0), ==, 12);
  complete (f, 0, 12);
  g_assert_false (raised (f, 0));
}

static void
test_order (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("Highest priority first, lowest number among equals; the threshold masks the "
                  "line but not the claim; priority 0 is never");
  set_enable (f, 2, 0, UINT32_MAX);
  set_enable (f, 2, 2, UINT32_MAX);
  set_priority (f, 3, 2);
  set_priority (f, 5, 2);
  set_priority (f, 70, 6);
  set_priority (f, 8, 0);
  for (unsigned source = 1; source < SOURCES; source++)
    set_source (f, source, true);

  set_threshold (f, 2, 6);
  g_assert_false (raised (f, 2));
  set_threshold (f, 2, 5);
  g_assert_true (raised (f, 2));
  set_threshold (f, 2, 7);
  g_assert_cmpuint (claim (f, 2), ==, 70);
  g_assert_cmpuint (claim (f, 2), ==, 3);
  g_assert_cmpuint (claim (f, 2), ==, 5);
  g_assert_cmpuint (claim (f, 2), ==, 0);
}

static void
test_completion_ignored (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("Completing what is not enabled, or does not exist, does nothing");
  set_priority (f, 4, 1);
  set_enable (f, 0, 0, 1 << 4);
  set_source (f, 4, true);
  g_assert_cmpuint (claim (f, 0), ==, 4);
  complete (f, 1, 4);
  complete (f, 0, 5);
  complete (f, 0, 0);
  complete (f, 0, UINT32_MAX);
  complete (f, 0, 96);
  g_assert_false (raised (f, 0));
  set_enable (f, 0, 0, 0);
  complete (f, 0, 4);
  set_enable (f, 0, 0, 1 << 4);
  g_assert_false (raised (f, 0));
  complete (f, 0, 4);
  g_assert_true (raised (f, 0));
}

static void
test_registers (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("Source 0 and contexts of harts that are not there hold nothing");
  set_priority (f, 0, 7);
  g_assert_cmphex (test_device_read (&f->test, 0, 4), ==, 0);
  set_priority (f, 95, 0xff);
  g_assert_cmphex (test_device_read (&f->test, 4 * 95, 4), ==, 7);
  set_enable (f, 0, 0, UINT32_MAX);
  g_assert_cmphex (test_device_read (&f->test, 0x2000, 4), ==, UINT32_MAX - 1);
  set_enable (f, CONTEXTS, 0, UINT32_MAX);
  g_assert_cmphex (test_device_read (&f->test, 0x2000 + 0x80 * CONTEXTS, 4), ==, 0);
  set_threshold (f, CONTEXTS, 7);
  g_assert_cmphex (test_device_read (&f->test, 0x200000 + 0x1000 * CONTEXTS, 4), ==, 0);
  set_source (f, 0, true);
  set_source (f, SOURCES, true);
  set_source (f, UINT32_MAX, true);
  g_assert_cmphex (pending (f, 0), ==, 0);
}

static void
test_resume (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("After a load the harts' lines are what the state says; after a reset all down");
  set_priority (f, 1, 1);
  set_enable (f, 5, 0, 2);
  set_source (f, 1, true);
  memset (f->lines.level, 0xff, sizeof (f->lines.level));
  f->test.device->type->resume (f->test.device);
  for (unsigned i = 0; i < CONTEXTS; i++)
    g_assert_true (raised (f, i) == (i == 5));

  cop_device_reset (f->test.device);
  for (unsigned i = 0; i < CONTEXTS; i++)
    g_assert_false (raised (f, i));
}

/* The specification, as plainly as it can be written. */
typedef struct
{
  bool     level[SOURCES], pending[SOURCES], claimed[SOURCES];
  uint32_t priority[SOURCES];
  bool     enable[CONTEXTS][SOURCES];
  uint32_t threshold[CONTEXTS];
} Model;

static void
model_gateways (Model *model)
{
  for (unsigned i = 1; i < SOURCES; i++)
    if (model->level[i] && !model->claimed[i])
      model->pending[i] = true;
}

static unsigned
model_best (const Model *model, unsigned context, uint32_t threshold)
{
  unsigned best = 0;

  for (unsigned i = SOURCES - 1; i > 0; i--)
    if (model->pending[i] && model->enable[context][i] && model->priority[i] > threshold &&
        (best == 0 || model->priority[i] >= model->priority[best]))
      best = i;
  return best;
}

static void
assert_matches (Fixture *f, const Model *model)
{
  for (unsigned i = 0; i < CONTEXTS; i++)
    g_assert_true (raised (f, i) == (model_best (model, i, model->threshold[i]) != 0));
  for (unsigned i = 1; i < SOURCES; i++)
    g_assert_true ((pending (f, i / 32) >> (i % 32) & 1) == model->pending[i]);
}

static void
test_model (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_autofree Model *model = g_new0 (Model, 1);

  g_test_summary ("Twenty thousand random operations agree with the model");
  for (unsigned round = 0; round < 20000; round++)
    {
      unsigned source = g_test_rand_int_range (1, SOURCES);
      unsigned context = g_test_rand_int_range (0, CONTEXTS);
      uint32_t value = g_test_rand_int ();
      unsigned expected;

      switch (g_test_rand_int_range (0, 7))
        {
        case 0:
          model->level[source] = !model->level[source];
          set_source (f, source, model->level[source]);
          break;
        case 1:
          model->priority[source] = value & 7;
          set_priority (f, source, value);
          break;
        case 2:
          set_enable (f, context, source / 32, value);
          for (unsigned i = source & ~31u; i < (source | 31) + 1; i++)
            model->enable[context][i] = i != 0 && (value >> (i % 32) & 1) != 0;
          break;
        case 3:
          model->threshold[context] = value & 3;
          set_threshold (f, context, value & 3);
          break;
        case 4:
        case 5:
          expected = model_best (model, context, 0);
          g_assert_cmpuint (claim (f, context), ==, expected);
          model->pending[expected] = false;
          model->claimed[expected] = expected != 0;
          break;
        default:
          complete (f, context, source);
          if (model->enable[context][source])
            model->claimed[source] = false;
          break;
        }
      model_gateways (model);
      assert_matches (f, model);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function) \
  g_test_add ("/engine/dev/plic/" name, Fixture, NULL, set_up, function, tear_down)
  TEST ("life", test_life);
  TEST ("latched", test_latched);
  TEST ("order", test_order);
  TEST ("completion-ignored", test_completion_ignored);
  TEST ("registers", test_registers);
  TEST ("resume", test_resume);
  TEST ("model", test_model);
#undef TEST
  return g_test_run ();
}
