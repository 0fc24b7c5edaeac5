/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MSWI, MTIMER and SSWI, register by register.
 */
#include "engine/dev/aclint.h"
#include "test-device.h"

#define MTIME 0x7ff8

typedef struct
{
  TestLines  lines;
  CopClock   clock;
  CopTimers *timers;
  TestDevice mswi, mtimer, sswi;
} Fixture;

static void
set_up (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  CopHartLines lines = test_lines_sink (&f->lines);

  cop_clock_init (&f->clock);
  f->timers = cop_timers_new (&f->clock, 2, &lines);
  test_device_init (&f->mswi, cop_mswi_new ("mswi0", 0x2000000, 2, &lines));
  test_device_init (&f->mtimer, cop_mtimer_new ("mtimer0", 0x2004000, 2, f->timers));
  test_device_init (&f->sswi, cop_sswi_new ("sswi0", 0x2f00000, 2, &lines));
}

static void
tear_down (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  test_device_clear (&f->mswi);
  test_device_clear (&f->mtimer);
  test_device_clear (&f->sswi);
  cop_timers_free (f->timers);
}

static void
test_mswi (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  test_device_write (&f->mswi, 4, 4, 0xffffffff);
  g_assert_cmphex (test_device_read (&f->mswi, 4, 4), ==, 1);
  g_assert_true (test_lines_get (&f->lines, 1, COP_IRQ_MSI));
  g_assert_false (test_lines_get (&f->lines, 0, COP_IRQ_MSI));
  test_device_write (&f->mswi, 4, 4, 2);
  g_assert_false (test_lines_get (&f->lines, 1, COP_IRQ_MSI));

  test_device_write (&f->mswi, 8, 4, 1);        /* no such hart */
  g_assert_cmphex (test_device_read (&f->mswi, 8, 4), ==, 0);
  test_device_write (&f->mswi, 0x3ffc, 4, 1);

  test_device_write (&f->mswi, 0, 4, 1);
  f->lines.level[0] = 0;
  f->mswi.device->type->resume (f->mswi.device);
  g_assert_true (test_lines_get (&f->lines, 0, COP_IRQ_MSI));
  cop_device_reset (f->mswi.device);
  g_assert_false (test_lines_get (&f->lines, 0, COP_IRQ_MSI));
}

static void
test_mtimecmp (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("mtimecmp is written whole or by halves, and MTIP follows");
  cop_timers_set_time (f->timers, UINT64_C (0x100000005));
  g_assert_cmphex (test_device_read (&f->mtimer, 8, 8), ==, UINT64_MAX);
  g_assert_false (test_lines_get (&f->lines, 1, COP_IRQ_MTI));

  test_device_write (&f->mtimer, 8, 4, 5);
  g_assert_cmphex (test_device_read (&f->mtimer, 8, 8), ==, UINT64_C (0xffffffff00000005));
  g_assert_false (test_lines_get (&f->lines, 1, COP_IRQ_MTI));
  test_device_write (&f->mtimer, 12, 4, 1);
  g_assert_cmphex (test_device_read (&f->mtimer, 12, 4), ==, 1);
  g_assert_true (test_lines_get (&f->lines, 1, COP_IRQ_MTI));
  test_device_write (&f->mtimer, 8, 8, UINT64_C (0x100000006));
  g_assert_false (test_lines_get (&f->lines, 1, COP_IRQ_MTI));

  test_device_write (&f->mtimer, 16, 8, 0);     /* no such hart */
  g_assert_cmphex (test_device_read (&f->mtimer, 16, 8), ==, 0);
}

static void
test_mtime (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("mtime is the clock; setting it moves all lines; a reset sets it to 0");
  test_device_write (&f->mtimer, 0, 8, 1000);
  test_device_write (&f->mtimer, MTIME, 8, UINT64_C (0x200000001));
  g_assert_cmphex (test_device_read (&f->mtimer, MTIME, 8), ==, UINT64_C (0x200000001));
  g_assert_cmphex (test_device_read (&f->mtimer, MTIME, 4), ==, 1);
  g_assert_cmphex (test_device_read (&f->mtimer, MTIME + 4, 4), ==, 2);
  g_assert_cmphex (cop_clock_ticks (&f->clock), ==, UINT64_C (0x200000001));
  g_assert_true (test_lines_get (&f->lines, 0, COP_IRQ_MTI));
  test_device_write (&f->mtimer, MTIME + 4, 4, 0);
  g_assert_false (test_lines_get (&f->lines, 0, COP_IRQ_MTI));
  g_assert_cmphex (test_device_read (&f->mtimer, MTIME, 8), ==, 1);

  cop_device_reset (f->mtimer.device);
  g_assert_cmphex (test_device_read (&f->mtimer, MTIME, 8), ==, 0);
  g_assert_cmphex (test_device_read (&f->mtimer, 0, 8), ==, UINT64_MAX);
}

static void
test_resume (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  uint64_t *mtimecmp = cop_device_state (f->mtimer.device);

  g_test_summary ("Deadlines that came with a loaded state are armed");
  cop_timers_set_time (f->timers, 500);
  mtimecmp[0] = 400;
  mtimecmp[1] = 501;
  f->lines.level[1] = COP_IRQ_BIT (COP_IRQ_MTI);
  f->mtimer.device->type->resume (f->mtimer.device);
  g_assert_true (test_lines_get (&f->lines, 0, COP_IRQ_MTI));
  g_assert_false (test_lines_get (&f->lines, 1, COP_IRQ_MTI));
}

static void
test_sswi (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("Writing 1 sets SSIP once; it reads as 0 and cannot clear it");
  test_device_write (&f->sswi, 4, 4, 0);
  g_assert_false (test_lines_get (&f->lines, 1, COP_IRQ_SSI));
  test_device_write (&f->sswi, 4, 4, 1);
  g_assert_true (test_lines_get (&f->lines, 1, COP_IRQ_SSI));
  g_assert_cmphex (test_device_read (&f->sswi, 4, 4), ==, 0);
  test_device_write (&f->sswi, 4, 4, 0);
  g_assert_true (test_lines_get (&f->lines, 1, COP_IRQ_SSI));
  test_device_write (&f->sswi, 8, 4, 1);        /* no such hart */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function) \
  g_test_add ("/engine/dev/aclint/" name, Fixture, NULL, set_up, function, tear_down)
  TEST ("mswi", test_mswi);
  TEST ("mtimecmp", test_mtimecmp);
  TEST ("mtime", test_mtime);
  TEST ("resume", test_resume);
  TEST ("sswi", test_sswi);
#undef TEST
  return g_test_run ();
}
