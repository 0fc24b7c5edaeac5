/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The power button, as Linux's virtio_input drives it.
 */
#include "engine/dev/power-button.h"
#include "virtio-driver.h"

#include <linux/input-event-codes.h>
#include <linux/virtio_input.h>
#include <string.h>

static const struct virtio_input_event expected[] = {
  { EV_KEY, KEY_POWER, 1 },
  { EV_SYN, SYN_REPORT, 0 },
  { EV_KEY, KEY_POWER, 0 },
  { EV_SYN, SYN_REPORT, 0 },
};

static TestVirtio *
button_new (void)
{
  TestVirtio *t = test_virtio_new ();

  test_virtio_attach (t, cop_power_button_new ("power-button0", t->ram, t->context, TEST_MMIO));
  return t;
}

static uint64_t
add_buffer (TestVirtio *t)
{
  TestSegment segment = { test_virtio_alloc (t, sizeof (struct virtio_input_event)),
                          sizeof (struct virtio_input_event), true };

  test_virtio_add (t, 0, &segment, 1);
  return segment.gpa;
}

static void
expect_event (TestVirtio *t, uint64_t gpa, unsigned index)
{
  g_assert_cmpuint (test_virtio_wait (t, 0, NULL), ==, sizeof expected[0]);
  g_assert_cmpmem (test_virtio_at (t, gpa), sizeof expected[0], &expected[index],
                   sizeof expected[0]);
}

static void
test_press (void)
{
  g_autoptr (TestVirtio) t = button_new ();
  uint64_t buffers[G_N_ELEMENTS (expected)];
  uint16_t head;
  uint32_t length;

  g_test_summary ("A press is the key down and up, each with a report; a second one comes again");
  test_virtio_start (t, UINT64_MAX, 2, 8);
  for (unsigned turn = 0; turn < 2; turn++)
    {
      for (unsigned i = 0; i < G_N_ELEMENTS (expected); i++)
        buffers[i] = add_buffer (t);
      test_virtio_notify (t, 0);
      g_assert_false (test_virtio_take (t, 0, &head, &length));
      cop_power_button_press (t->device);
      for (unsigned i = 0; i < G_N_ELEMENTS (expected); i++)
        expect_event (t, buffers[i], i);
      g_assert_false (test_virtio_take (t, 0, &head, &length));
    }
}

static void
test_early (void)
{
  g_autoptr (TestVirtio) t = button_new ();
  uint64_t gpa;

  g_test_summary ("A press before the driver is there, or has room, is told later");
  cop_power_button_press (t->device);
  test_virtio_start (t, UINT64_MAX, 2, 8);
  for (unsigned i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      gpa = add_buffer (t);
      test_virtio_notify (t, 0);
      expect_event (t, gpa, i);
    }
}

static void
test_save (void)
{
  g_autoptr (TestVirtio) t = button_new ();
  g_autofree void *state = NULL;
  uint64_t gpa;

  g_test_summary ("A press that was half told when the machine was saved is told to its end");
  test_virtio_start (t, UINT64_MAX, 2, 8);
  gpa = add_buffer (t);
  cop_power_button_press (t->device);
  expect_event (t, gpa, 0);
  test_virtio_quiesce (t);
  state = test_virtio_save (t);
  cop_device_reset (t->device);
  test_virtio_load (t, state);
  for (unsigned i = 1; i < G_N_ELEMENTS (expected); i++)
    {
      gpa = add_buffer (t);
      test_virtio_notify (t, 0);
      expect_event (t, gpa, i);
    }
}

#define CONFIG 0x100u

/* Selects and returns how many bytes are shown, copied to @bytes, which has room for 128. */
static unsigned
select_config (TestVirtio *t, uint8_t select, uint8_t subsel, uint8_t *bytes)
{
  CopDevice *device = t->device;
  unsigned size;

  device->type->write (device, CONFIG + 0, 1, select);
  device->type->write (device, CONFIG + 1, 1, subsel);
  size = device->type->read (device, CONFIG + 2, 1);
  for (unsigned i = 0; i < size; i++)
    bytes[i] = device->type->read (device, CONFIG + 8 + i, 1);
  return size;
}

static void
test_config (void)
{
  g_autoptr (TestVirtio) t = button_new ();
  uint8_t bytes[128] = { 0 };

  g_test_summary ("The driver finds a name and one key, and nothing else");
  g_assert_cmpuint (select_config (t, VIRTIO_INPUT_CFG_ID_NAME, 0, bytes), ==, 12);
  g_assert_cmpmem (bytes, 12, "Power Button", 12);
  g_assert_cmpuint (select_config (t, VIRTIO_INPUT_CFG_EV_BITS, EV_KEY, bytes), ==, 15);
  for (unsigned i = 0; i < 14; i++)
    g_assert_cmphex (bytes[i], ==, 0);
  g_assert_cmphex (bytes[14], ==, 0x10);
  g_assert_cmpuint (select_config (t, VIRTIO_INPUT_CFG_EV_BITS, EV_ABS, bytes), ==, 0);
  g_assert_cmpuint (select_config (t, VIRTIO_INPUT_CFG_UNSET, 0, bytes), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/dev/power-button/press", test_press);
  g_test_add_func ("/engine/dev/power-button/early", test_early);
  g_test_add_func ("/engine/dev/power-button/save", test_save);
  g_test_add_func ("/engine/dev/power-button/config", test_config);
  return g_test_run ();
}
