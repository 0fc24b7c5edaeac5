/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deadlines of guest time. A line that never rises shows as a test that does not end.
 */
#include "engine/dev/timers.h"
#include "test-device.h"

#define HOUR (3600 * COP_CLOCK_HZ)
#define MS (COP_CLOCK_HZ / 1000)

typedef struct
{
  TestLines  lines;
  CopClock   clock;
  CopTimers *timers;
} Fixture;

static void
set_up (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  CopHartLines sink = test_lines_sink (&f->lines);

  cop_clock_init (&f->clock);
  f->timers = cop_timers_new (&f->clock, 4, &sink);
}

static void
tear_down (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  cop_timers_free (f->timers);
}

static void
test_level (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("The line is high exactly while time >= deadline, by the time arm returns");
  cop_timers_set_time (f->timers, 1000);

  cop_timers_arm (f->timers, 1, COP_TIMER_MACHINE, 1000);
  g_assert_true (test_lines_get (&f->lines, 1, COP_IRQ_MTI));
  g_assert_false (test_lines_get (&f->lines, 1, COP_IRQ_STI));
  g_assert_false (test_lines_get (&f->lines, 0, COP_IRQ_MTI));

  cop_timers_arm (f->timers, 1, COP_TIMER_MACHINE, 1001);
  g_assert_false (test_lines_get (&f->lines, 1, COP_IRQ_MTI));
  cop_timers_arm (f->timers, 1, COP_TIMER_SUPERVISOR, 0);
  g_assert_true (test_lines_get (&f->lines, 1, COP_IRQ_STI));
  cop_timers_arm (f->timers, 1, COP_TIMER_SUPERVISOR, COP_CLOCK_NEVER);
  g_assert_false (test_lines_get (&f->lines, 1, COP_IRQ_STI));

  cop_timers_set_time (f->timers, 1001);
  g_assert_true (test_lines_get (&f->lines, 1, COP_IRQ_MTI));
  cop_timers_set_time (f->timers, 0);
  g_assert_false (test_lines_get (&f->lines, 1, COP_IRQ_MTI));
  cop_timers_set_time (f->timers, UINT64_MAX);
  g_assert_true (test_lines_get (&f->lines, 1, COP_IRQ_MTI));
  g_assert_false (test_lines_get (&f->lines, 1, COP_IRQ_STI));
}

static void
test_rises (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  uint64_t deadline;

  g_test_summary ("A deadline ahead is met, also one that is earlier than the wake-up armed so far");
  cop_timers_start (f->timers);
  cop_timers_arm (f->timers, 0, COP_TIMER_SUPERVISOR, cop_timers_time (f->timers) + HOUR);
  for (unsigned i = 0; i < 5; i++)
    {
      deadline = cop_timers_time (f->timers) + MS;
      cop_timers_arm (f->timers, 3, COP_TIMER_MACHINE, deadline);
      test_lines_wait (&f->lines, 3, COP_IRQ_MTI, true);
      g_assert_cmpuint (cop_timers_time (f->timers), >=, deadline);
      cop_timers_arm (f->timers, 3, COP_TIMER_MACHINE, cop_timers_time (f->timers) + HOUR);
      g_assert_false (test_lines_get (&f->lines, 3, COP_IRQ_MTI));
    }
  g_assert_false (test_lines_get (&f->lines, 0, COP_IRQ_STI));
}

static void
test_later (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  uint64_t deadline;

  g_test_summary ("A deadline moved later is met late, not at the old wake-up");
  cop_timers_start (f->timers);
  for (unsigned i = 0; i < 20; i++)
    cop_timers_arm (f->timers, 0, COP_TIMER_SUPERVISOR,
                    deadline = cop_timers_time (f->timers) + MS + i * MS / 10);
  test_lines_wait (&f->lines, 0, COP_IRQ_STI, true);
  g_assert_cmpuint (cop_timers_time (f->timers), >=, deadline);
}

static void
test_stopped (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  uint64_t before, ticks;

  g_test_summary ("Stopped time stands still, raises nothing, and runs on without a jump");
  cop_timers_start (f->timers);
  cop_timers_stop (f->timers);
  before = cop_timers_time (f->timers);
  cop_timers_arm (f->timers, 2, COP_TIMER_MACHINE, before + 10);
  g_usleep (2000);              /* 20000 ticks */
  g_assert_cmpuint (cop_timers_time (f->timers), ==, before);
  g_assert_false (test_lines_get (&f->lines, 2, COP_IRQ_MTI));

  cop_timers_set_time (f->timers, 5 * HOUR);
  cop_timers_arm (f->timers, 2, COP_TIMER_MACHINE, 5 * HOUR + MS);
  cop_timers_start (f->timers);
  ticks = cop_timers_time (f->timers);
  g_assert_cmpuint (ticks, >=, 5 * HOUR);
  g_assert_cmpuint (ticks, <, 6 * HOUR);
  test_lines_wait (&f->lines, 2, COP_IRQ_MTI, true);
}

static void
test_replay (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("After a reset of the hart its lines are driven again, high or low");
  cop_timers_arm (f->timers, 0, COP_TIMER_MACHINE, 0);
  f->lines.level[0] = COP_IRQ_BIT (COP_IRQ_STI);
  cop_timers_replay (f->timers);
  g_assert_true (test_lines_get (&f->lines, 0, COP_IRQ_MTI));
  g_assert_false (test_lines_get (&f->lines, 0, COP_IRQ_STI));
}

/* Arms at random, as four busy harts and a firmware that sets other harts' timers do. */
static gpointer
arm_at_random (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());

  for (unsigned i = 0; i < 3000; i++)
    {
      uint64_t now = cop_timers_time (f->timers);
      unsigned hart = g_rand_int_range (random, 0, 4);
      CopTimerKind kind = g_rand_int_range (random, 0, COP_TIMER_LAST);

      switch (g_rand_int_range (random, 0, 4))
        {
        case 0:
          cop_timers_arm (f->timers, hart, kind, now);
          break;
        case 1:
          cop_timers_arm (f->timers, hart, kind, COP_CLOCK_NEVER);
          break;
        default:
          cop_timers_arm (f->timers, hart, kind, now + g_rand_int_range (random, 0, 5000));
          break;
        }
    }
  return NULL;
}

static void
test_race (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  GThread *threads[4];

  g_test_summary ("However arming, firing, stopping and starting fall, no deadline is lost and no "
                  "line stays up");
  cop_timers_start (f->timers);
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("arm", arm_at_random, f);
  for (unsigned i = 0; i < 50; i++)
    {
      cop_timers_stop (f->timers);
      cop_timers_start (f->timers);
      g_thread_yield ();
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);

  for (unsigned round = 0; round < 20; round++)
    {
      for (unsigned hart = 0; hart < 4; hart++)
        {
          uint64_t now = cop_timers_time (f->timers);

          cop_timers_arm (f->timers, hart, COP_TIMER_MACHINE, now + MS);
          cop_timers_arm (f->timers, hart, COP_TIMER_SUPERVISOR, now + HOUR);
          g_assert_false (test_lines_get (&f->lines, hart, COP_IRQ_STI));
        }
      for (unsigned hart = 0; hart < 4; hart++)
        test_lines_wait (&f->lines, hart, COP_IRQ_MTI, true);
      for (unsigned hart = 0; hart < 4; hart++)
        g_assert_false (test_lines_get (&f->lines, hart, COP_IRQ_STI));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function) \
  g_test_add ("/engine/dev/timers/" name, Fixture, NULL, set_up, function, tear_down)
  TEST ("level", test_level);
  TEST ("rises", test_rises);
  TEST ("later", test_later);
  TEST ("stopped", test_stopped);
  TEST ("replay", test_replay);
  TEST ("race", test_race);
#undef TEST
  return g_test_run ();
}
