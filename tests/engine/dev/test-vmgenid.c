/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The VM generation ID: read in any size, not written, and told when it changes.
 */
#include "engine/dev/plic.h"
#include "engine/dev/vmgenid.h"
#include "test-device.h"

static const uint8_t first[COP_VMGENID_SIZE] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const uint8_t second[COP_VMGENID_SIZE] = { 0xff, 0xfe };

static void
assert_id (TestDevice *test, const uint8_t *expected)
{
  for (unsigned size = 1; size <= 8; size *= 2)
    for (unsigned offset = 0; offset < COP_VMGENID_SIZE; offset += size)
      {
        uint64_t value = test_device_read (test, offset, size);

        for (unsigned i = 0; i < size; i++)
          g_assert_cmphex (value >> (8 * i) & 0xff, ==, expected[offset + i]);
      }
  g_assert_cmphex (test_device_read (test, COP_VMGENID_SIZE, 8), ==, 0);
  g_assert_cmphex (test_device_read (test, 0xff8, 8), ==, 0);
}

static void
test_read (void)
{
  TestDevice test;

  test_device_init (&test, cop_vmgenid_new ("vmgenid0", 0x10200000, first));
  assert_id (&test, first);
  test_device_write (&test, 0, 8, 0);
  cop_device_reset (test.device);
  assert_id (&test, first);
  test_device_clear (&test);
}

static void
test_change (void)
{
  TestLines lines = { 0 };
  CopHartLines sink = test_lines_sink (&lines);
  CopDevice *plic = cop_plic_new ("plic0", 0xc000000, 1, &sink);
  TestDevice test;
  uint64_t source;

  g_test_summary ("One change is one interrupt: completed, it does not come again");
  test_device_init (&test, cop_vmgenid_new ("vmgenid0", 0x10200000, first));
  cop_bus_add (&test.bus, plic);
  cop_device_connect_irq (test.device, 12, cop_plic_sink (plic));
  g_assert_true (cop_bus_write (&test.bus, 0xc000000 + 4 * 12, 4, 1));
  g_assert_true (cop_bus_write (&test.bus, 0xc002080, 4, 1 << 12));

  cop_vmgenid_set (test.device, second);
  assert_id (&test, second);
  g_assert_true (test_lines_get (&lines, 0, COP_IRQ_SEI));
  g_assert_true (cop_bus_read (&test.bus, 0xc201004, 4, &source));
  g_assert_cmpuint (source, ==, 12);
  g_assert_true (cop_bus_write (&test.bus, 0xc201004, 4, 12));
  g_assert_false (test_lines_get (&lines, 0, COP_IRQ_SEI));
  test_device_clear (&test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/dev/vmgenid/read", test_read);
  g_test_add_func ("/engine/dev/vmgenid/change", test_change);
  return g_test_run ();
}
