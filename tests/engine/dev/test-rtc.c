/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The Goldfish RTC: reading, setting, and the alarm.
 */
#include "engine/dev/rtc.h"
#include "test-device.h"

enum
{
  TIME_LOW = 0x00,
  TIME_HIGH = 0x04,
  ALARM_LOW = 0x08,
  ALARM_HIGH = 0x0c,
  IRQ_ENABLED = 0x10,
  CLEAR_ALARM = 0x14,
  ALARM_STATUS = 0x18,
  CLEAR_INTERRUPT = 0x1c,
};

#define NS_PER_MS UINT64_C (1000000)
#define NS_PER_HOUR UINT64_C (3600000000000)

typedef struct
{
  GMainContext *context;
  TestDevice    test;
} Fixture;

static void
set_up (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  f->context = g_main_context_new ();
  test_device_init (&f->test, cop_rtc_new ("rtc0", 0x101000, f->context));
}

static void
tear_down (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  test_device_clear (&f->test);
  g_main_context_unref (f->context);
}

static uint64_t
read_time (Fixture *f)
{
  uint64_t low = test_device_read (&f->test, TIME_LOW, 4);

  return test_device_read (&f->test, TIME_HIGH, 4) << 32 | low;
}

static void
set_alarm (Fixture *f, uint64_t ns)
{
  test_device_write (&f->test, ALARM_HIGH, 4, ns >> 32);
  test_device_write (&f->test, ALARM_LOW, 4, (uint32_t) ns);
}

static void
test_time (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  uint64_t before = (uint64_t) g_get_real_time () * 1000;
  uint64_t time = read_time (f);
  uint64_t wanted = UINT64_C (0x123456789abcdef0);

  g_test_summary ("The host's time until it is set, and then the set one, across a reset");
  g_assert_cmpuint (time, >=, before);
  g_assert_cmpuint (time, <, before + NS_PER_HOUR);

  test_device_write (&f->test, TIME_HIGH, 4, wanted >> 32);
  test_device_write (&f->test, TIME_LOW, 4, (uint32_t) wanted);
  g_assert_cmpuint (read_time (f) - wanted, <, NS_PER_HOUR);
  cop_device_reset (f->test.device);
  g_assert_cmpuint (read_time (f) - wanted, <, NS_PER_HOUR);
}

static void
test_alarm (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  uint64_t alarm = read_time (f) + 2 * NS_PER_MS;

  g_test_summary ("An alarm ahead interrupts once its time has come, if enabled, until cleared");
  test_device_write (&f->test, IRQ_ENABLED, 4, 1);
  set_alarm (f, alarm);
  g_assert_cmphex (test_device_read (&f->test, ALARM_HIGH, 4), ==, alarm >> 32);
  g_assert_cmphex (test_device_read (&f->test, ALARM_LOW, 4), ==, (uint32_t) alarm);
  while (!f->test.irq)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmpuint (read_time (f), >=, alarm);
  g_assert_cmpuint (test_device_read (&f->test, ALARM_STATUS, 4), ==, 0);

  test_device_write (&f->test, IRQ_ENABLED, 4, 0);
  g_assert_false (f->test.irq);
  test_device_write (&f->test, IRQ_ENABLED, 4, 1);
  g_assert_true (f->test.irq);
  test_device_write (&f->test, CLEAR_INTERRUPT, 4, 1);
  g_assert_false (f->test.irq);
}

static void
test_alarm_past (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("An alarm in the past comes at once; one that is cleared does not come");
  test_device_write (&f->test, IRQ_ENABLED, 4, 1);
  set_alarm (f, read_time (f) + NS_PER_HOUR);
  g_assert_cmpuint (test_device_read (&f->test, ALARM_STATUS, 4), ==, 1);
  test_device_write (&f->test, CLEAR_ALARM, 4, 1);
  g_assert_cmpuint (test_device_read (&f->test, ALARM_STATUS, 4), ==, 0);
  g_assert_false (f->test.irq);
  set_alarm (f, 0);
  g_assert_true (f->test.irq);

  set_alarm (f, UINT64_MAX);    /* 584 years: no overflow anywhere */
  g_assert_cmpuint (test_device_read (&f->test, ALARM_STATUS, 4), ==, 1);
}

static void
test_resume (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  const CopDeviceType *type = f->test.device->type;

  g_test_summary ("An alarm whose time comes while the machine is saved rings when it goes on");
  test_device_write (&f->test, IRQ_ENABLED, 4, 1);
  g_assert_true (type->quiesce (f->test.device, 0));
  set_alarm (f, read_time (f));
  g_assert_false (f->test.irq);
  type->resume (f->test.device);
  g_assert_true (f->test.irq);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function) \
  g_test_add ("/engine/dev/rtc/" name, Fixture, NULL, set_up, function, tear_down)
  TEST ("time", test_time);
  TEST ("alarm", test_alarm);
  TEST ("alarm-past", test_alarm_past);
  TEST ("resume", test_resume);
#undef TEST
  return g_test_run ();
}
