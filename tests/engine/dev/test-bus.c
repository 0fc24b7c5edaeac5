/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The bus: who answers where, with which sizes; and the interrupt line that follows the state.
 */
#include "test-device.h"

COP_STATE_BEGIN
typedef struct
{
  uint64_t value;
} LatchState;
COP_STATE_END

/* A device that raises its line while its one register is not 0. */
typedef struct
{
  CopDevice  parent;
  LatchState s;
  unsigned   resets;
} Latch;

static const CopStateRow latch_rows[] = { COP_STATE (LatchState, value, .reset = 5) };
static const CopStateTable latch_state = { "latch", 1, COP_STATE_ROWS (LatchState, latch_rows) };

static uint64_t
latch_read (CopDevice *device, uint64_t offset, unsigned size)
{
  return ((Latch *) device)->s.value << 16 | offset << 8 | size;
}

static void
latch_write (CopDevice *device, G_GNUC_UNUSED uint64_t offset, G_GNUC_UNUSED unsigned size,
             uint64_t value)
{
  ((Latch *) device)->s.value = value;
}

static bool
latch_irq_level (const CopDevice *device)
{
  return ((const Latch *) device)->s.value != 0;
}

static void
latch_reset (CopDevice *device)
{
  ((Latch *) device)->resets++;
}

static const CopDeviceType latch_type = {
  .name = "latch",
  .instance_size = sizeof (Latch),
  .mmio_size = 0x100,
  .access_sizes = 4 | 8,
  .state = &latch_state,
  .state_offset = offsetof (Latch, s),
  .read = latch_read,
  .write = latch_write,
  .irq_level = latch_irq_level,
  .reset = latch_reset,
};

static const CopDeviceType any_size_type = {
  .name = "any",
  .instance_size = sizeof (Latch),
  .mmio_size = 7,
  .read = latch_read,
  .write = latch_write,
};

static void
test_find (void)
{
  static const uint64_t addresses[] = { 0x3000, 0x1000, 0x1100, 0xffffffffffffff00, 0 };
  CopBus bus;

  g_test_summary ("Each address leads to its device; holes, and the ends of space, to none");
  cop_bus_init (&bus);
  g_assert_null (cop_bus_find (&bus, 0));
  for (size_t i = 0; i < G_N_ELEMENTS (addresses); i++)
    cop_bus_add (&bus, cop_device_new (&latch_type, "latch", NULL, NULL, addresses[i]));

  for (size_t i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      g_assert_cmphex (cop_bus_find (&bus, addresses[i])->gpa, ==, addresses[i]);
      g_assert_cmphex (cop_bus_find (&bus, addresses[i] + 0xff)->gpa, ==, addresses[i]);
    }
  g_assert_null (cop_bus_find (&bus, 0x100));
  g_assert_null (cop_bus_find (&bus, 0xfff));
  g_assert_null (cop_bus_find (&bus, 0x1200));
  g_assert_null (cop_bus_find (&bus, 0x3100));
  cop_bus_clear (&bus);
}

static void
test_sizes (void)
{
  TestDevice test;
  uint64_t value = 77;
  CopBus *bus = &test.bus;

  g_test_summary ("Only sizes the device has, naturally aligned and wholly inside, reach it");
  test_device_init (&test, cop_device_new (&latch_type, "latch", NULL, NULL, 0x1000));
  cop_bus_add (bus, cop_device_new (&any_size_type, "any", NULL, NULL, 0x2000));

  g_assert_cmphex (test_device_read (&test, 0x10, 4), ==, 5 << 16 | 0x1004);
  g_assert_cmphex (test_device_read (&test, 0xf8, 8), ==, 5 << 16 | 0xf808);
  g_assert_false (cop_bus_read (bus, 0x1010, 1, &value));
  g_assert_false (cop_bus_read (bus, 0x1010, 2, &value));
  g_assert_false (cop_bus_read (bus, 0x1012, 4, &value));
  g_assert_false (cop_bus_read (bus, 0x1014, 8, &value));
  g_assert_false (cop_bus_read (bus, 0x1100, 4, &value));
  g_assert_false (cop_bus_write (bus, 0x1010, 1, 0));
  g_assert_false (cop_bus_write (bus, UINT64_MAX & ~UINT64_C (7), 8, 0));
  g_assert_cmpuint (value, ==, 77);

  for (unsigned size = 1; size <= 4; size *= 2)
    g_assert_true (cop_bus_read (bus, 0x2000, size, &value));
  g_assert_true (cop_bus_read (bus, 0x2006, 1, &value));
  g_assert_false (cop_bus_read (bus, 0x2006, 2, &value));
  g_assert_false (cop_bus_read (bus, 0x2000, 8, &value));
  test_device_clear (&test);
}

static void
test_written (void)
{
  TestDevice test;
  Latch *latch;

  g_test_summary ("A device sees the bytes that are written, and 0 above");
  test_device_init (&test, cop_device_new (&any_size_type, "any", NULL, NULL, 0x2000));
  latch = (Latch *) test.device;
  for (unsigned size = 1; size <= 4; size *= 2)
    {
      g_assert_true (cop_bus_write (&test.bus, 0x2000, size, UINT64_MAX));
      g_assert_cmphex (latch->s.value, ==, UINT64_MAX >> (64 - 8 * size));
    }
  test_device_clear (&test);
}

static void
test_irq (void)
{
  TestDevice test;
  Latch *latch;

  g_test_summary ("The line follows the state, is driven on changes only, and can be replayed");
  test_device_init (&test, cop_device_new (&latch_type, "latch", NULL, NULL, 0x1000));
  latch = (Latch *) test.device;

  test_device_write (&test, 0, 4, 1);
  test_device_write (&test, 0, 4, 2);
  g_assert_true (test.irq);
  g_assert_cmpuint (test.irq_changes, ==, 1);
  test_device_write (&test, 0, 4, 0);
  g_assert_false (test.irq);

  latch->s.value = 9;           /* as a load does */
  g_assert_false (test.irq);
  cop_device_replay_irq (test.device);
  g_assert_true (test.irq);

  latch->s.value = 0;
  cop_device_reset (test.device);
  g_assert_cmpuint (latch->s.value, ==, 5);
  g_assert_cmpuint (latch->resets, ==, 1);
  g_assert_true (test.irq);
  test_device_clear (&test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/dev/bus/find", test_find);
  g_test_add_func ("/engine/dev/bus/sizes", test_sizes);
  g_test_add_func ("/engine/dev/bus/written", test_written);
  g_test_add_func ("/engine/dev/bus/irq", test_irq);
  return g_test_run ();
}
