/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The entropy device through its registers.
 */
#include "engine/dev/virtio-devices.h"
#include "virtio-driver.h"

#include <string.h>

static TestVirtio *
rng_new (void)
{
  TestVirtio *t = test_virtio_new ();

  test_virtio_attach (t, cop_virtio_rng_new ("rng0", t->ram, t->context, TEST_MMIO));
  test_virtio_start (t, UINT64_MAX, 1, 8);
  return t;
}

static void
test_entropy (void)
{
  g_autoptr (TestVirtio) t = rng_new ();
  uint8_t seen[64] = { 0 };

  g_test_summary ("Buffers fill with bytes that differ each time, and only as far as it is said");
  for (unsigned i = 0; i < 100; i++)
    {
      TestSegment segment = { test_virtio_alloc (t, 64), 48, true };
      uint8_t *bytes = test_virtio_at (t, segment.gpa);

      test_virtio_add (t, 0, &segment, 1);
      test_virtio_notify (t, 0);
      g_assert_cmpuint (test_virtio_wait (t, 0, NULL), ==, 48);
      g_assert_cmpint (memcmp (bytes, seen, 48), !=, 0);
      memcpy (seen, bytes, 48);
      for (unsigned j = 48; j < 64; j++)
        g_assert_cmpuint (bytes[j], ==, 0);
    }
}

static void
test_large (void)
{
  g_autoptr (TestVirtio) t = rng_new ();
  TestSegment segments[2] = { { test_virtio_alloc (t, 100), 100, true },
                              { test_virtio_alloc (t, 16 << 20), 16 << 20, true } };
  uint32_t length;

  g_test_summary ("A request for megabytes gets a little: nobody is kept busy for long");
  test_virtio_add (t, 0, segments, 2);
  test_virtio_notify (t, 0);
  length = test_virtio_wait (t, 0, NULL);
  g_assert_cmpuint (length, >, 100);
  g_assert_cmpuint (length, <=, 4096);
}

static void
test_save (void)
{
  g_autoptr (TestVirtio) t = rng_new ();
  g_autofree void *state = NULL;
  TestSegment segment = { test_virtio_alloc (t, 32), 32, true };

  g_test_summary ("A request that a snapshot caught is served after loading");
  test_virtio_quiesce (t);
  test_virtio_add (t, 0, &segment, 1);
  test_virtio_notify (t, 0);
  state = test_virtio_save (t);
  cop_device_reset (t->device);
  test_virtio_load (t, state);
  g_assert_cmpuint (test_virtio_wait (t, 0, NULL), ==, 32);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-rng/entropy", test_entropy);
  g_test_add_func ("/virtio-rng/large", test_large);
  g_test_add_func ("/virtio-rng/save", test_save);
  return g_test_run ();
}
