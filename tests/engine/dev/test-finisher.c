/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The test finisher: which values do what.
 */
#include "engine/dev/finisher.h"
#include "test-device.h"

typedef struct
{
  unsigned  calls;
  CopFinish finish;
  uint32_t  code;
} Finished;

static void
finished (gpointer data, CopFinish finish, uint32_t code)
{
  Finished *last = data;

  last->calls++;
  last->finish = finish;
  last->code = code;
}

static const struct
{
  uint64_t  offset;
  unsigned  size;
  uint32_t  value;
  bool      acts;
  CopFinish finish;
  uint32_t  code;
} writes[] = {
  /* clang-format off */
  { 0, 4, 0x00005555, true,  COP_FINISH_PASS,  0 },
  { 0, 2, 0x00005555, true,  COP_FINISH_PASS,  0 },
  { 0, 4, 0x00007777, true,  COP_FINISH_RESET, 0 },
  { 0, 4, 0x00003333, true,  COP_FINISH_FAIL,  0 },
  { 0, 4, 0x00013333, true,  COP_FINISH_FAIL,  1 },
  { 0, 4, 0xffff3333, true,  COP_FINISH_FAIL,  0xffff },
  { 0, 4, 0x00000000, false },
  { 0, 4, 0x55550000, false },
  { 0, 4, 0x00005556, false },
  { 4, 4, 0x00005555, false },
  /* clang-format on */
};

static void
test_writes (void)
{
  TestDevice test;
  Finished last = { 0 };

  test_device_init (&test, cop_finisher_new ("finisher0", 0x100000, finished, &last));
  for (size_t i = 0; i < G_N_ELEMENTS (writes); i++)
    {
      g_test_message ("row %zu", i);
      last = (Finished) { 0 };
      test_device_write (&test, writes[i].offset, writes[i].size, writes[i].value);
      g_assert_cmpuint (last.calls, ==, writes[i].acts);
      if (writes[i].acts)
        {
          g_assert_cmpint (last.finish, ==, writes[i].finish);
          g_assert_cmpuint (last.code, ==, writes[i].code);
        }
    }
  g_assert_cmpuint (test_device_read (&test, 0, 4), ==, 0);
  test_device_clear (&test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/dev/finisher/writes", test_writes);
  return g_test_run ();
}
