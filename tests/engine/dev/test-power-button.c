/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The power button, as Linux's gpio-sifive and gpio-keys drive it.
 */
#include "engine/dev/power-button.h"
#include "test-device.h"

enum
{
  INPUT_VAL = 0x00,
  INPUT_EN = 0x04,
  RISE_IE = 0x18,
  RISE_IP = 0x1c,
  FALL_IE = 0x20,
  FALL_IP = 0x24,
  HIGH_IP = 0x2c,
  LOW_IP = 0x34,
};

static void
clear_pending (TestDevice *test)
{
  static const unsigned pending[] = { RISE_IP, FALL_IP, HIGH_IP, LOW_IP };

  for (unsigned i = 0; i < G_N_ELEMENTS (pending); i++)
    test_device_write (test, pending[i], 4, 1);
}

static void
test_press (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  TestDevice test;

  g_test_summary ("A press is one rise and one fall, each an interrupt until it is confirmed");
  test_device_init (&test, cop_power_button_new ("b0", context, 0x10201000));
  /* A guest that sorts its interrupts out only later: nothing bothers it before. */
  cop_power_button_press (test.device);
  g_assert_false (test.irq);
  while (((const uint8_t *) cop_device_state (test.device))[0] != 0)
    g_main_context_iteration (context, TRUE);

  test_device_write (&test, INPUT_EN, 4, 1);
  clear_pending (&test);
  test_device_write (&test, RISE_IE, 4, 1);
  test_device_write (&test, FALL_IE, 4, 1);
  g_assert_false (test.irq);
  g_assert_cmpuint (test_device_read (&test, INPUT_VAL, 4), ==, 0);

  cop_power_button_press (test.device);
  g_assert_true (test.irq);
  g_assert_cmpuint (test_device_read (&test, INPUT_VAL, 4), ==, 1);
  g_assert_cmpuint (test_device_read (&test, RISE_IP, 4), ==, 1);
  clear_pending (&test);
  g_assert_false (test.irq);

  while (!test.irq)
    g_main_context_iteration (context, TRUE);
  g_assert_cmpuint (test_device_read (&test, INPUT_VAL, 4), ==, 0);
  g_assert_cmpuint (test_device_read (&test, FALL_IP, 4), ==, 1);
  clear_pending (&test);
  g_assert_false (test.irq);
  test_device_clear (&test);
}

static void
test_saved_pressed (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  TestDevice test;

  g_test_summary ("A machine that is saved with the finger on the button lets go of it later");
  test_device_init (&test, cop_power_button_new ("b0", context, 0x10201000));
  test_device_write (&test, INPUT_EN, 4, 1);
  cop_power_button_press (test.device);
  test.device->type->quiesce (test.device);
  g_assert_false (g_main_context_pending (context));
  g_assert_cmpuint (test_device_read (&test, INPUT_VAL, 4), ==, 1);
  test.device->type->resume (test.device);
  while (test_device_read (&test, INPUT_VAL, 4) != 0)
    g_main_context_iteration (context, TRUE);
  test_device_clear (&test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/dev/power-button/press", test_press);
  g_test_add_func ("/engine/dev/power-button/saved-pressed", test_saved_pressed);
  return g_test_run ();
}
