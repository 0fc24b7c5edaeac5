/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The console device through its registers, its other end a socket pair.
 */
#include "engine/dev/virtio-devices.h"
#include "virtio-driver.h"

#include "common/fd.h"

#include <linux/virtio_console.h>
#include <string.h>
#include <sys/socket.h>

#define RX 0
#define TX 1

static TestVirtio *
console_new (int *peer)
{
  TestVirtio *t = test_virtio_new ();
  CopConsoleConfig config = COP_CONSOLE_NOWHERE;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  config.in_fd = config.out_fd = fds[0];
  *peer = fds[1];
  test_virtio_attach (t,
                      cop_virtio_console_new ("console0", t->ram, t->context, TEST_MMIO, &config));
  g_assert_cmpint (config.in_fd, ==, -1);
  test_virtio_start (t, UINT64_MAX, 2, 64);
  return t;
}

static void
read_all (int fd, uint8_t *bytes, size_t length)
{
  while (length > 0)
    {
      ssize_t got = recv (fd, bytes, length, 0);

      g_assert_cmpint (got, >, 0);
      bytes += got;
      length -= got;
    }
}

static void
test_output (void)
{
  cop_autofd int peer = -1;
  g_autoptr (TestVirtio) t = console_new (&peer);
  TestSegment segments[2] = { { test_virtio_alloc (t, 5), 5, false },
                              { test_virtio_alloc (t, 7), 7, false } };
  char text[13] = "";

  g_test_summary ("What the guest writes comes out, in order, however it is cut up");
  memcpy (test_virtio_at (t, segments[0].gpa), "hello", 5);
  memcpy (test_virtio_at (t, segments[1].gpa), ", world", 7);
  test_virtio_add (t, TX, segments, 2);
  test_virtio_notify (t, TX);
  test_virtio_wait (t, TX, NULL);
  read_all (peer, (uint8_t *)text, 12);
  g_assert_cmpstr (text, ==, "hello, world");
}

static gpointer
read_slowly (gpointer data)
{
  uint8_t *bytes = g_malloc (1 << 20);
  int fd = GPOINTER_TO_INT (data);

  read_all (fd, bytes, 1 << 20);
  return bytes;
}

static void
test_long_output (void)
{
  cop_autofd int peer = -1;
  g_autoptr (TestVirtio) t = console_new (&peer);
  TestSegment segment = { test_virtio_alloc (t, 1 << 20), 1 << 20, false };
  uint8_t *bytes = test_virtio_at (t, segment.gpa);
  g_autofree uint8_t *got = NULL;
  GThread *reader;

  g_test_summary ("One chain larger than every buffer on the way arrives whole");
  for (unsigned i = 0; i < 1 << 20; i++)
    bytes[i] = i ^ (i >> 8);
  reader = g_thread_new ("reader", read_slowly, GINT_TO_POINTER (peer));
  test_virtio_add (t, TX, &segment, 1);
  test_virtio_notify (t, TX);
  test_virtio_wait (t, TX, NULL);
  got = g_thread_join (reader);
  g_assert_cmpmem (got, 1 << 20, bytes, 1 << 20);
}

static void
test_input (void)
{
  cop_autofd int peer = -1;
  g_autoptr (TestVirtio) t = console_new (&peer);
  char sent[400], got[401] = "";
  size_t done = 0;
  unsigned given = 0;
  uint64_t gpa = test_virtio_alloc (t, 64 * 16);

  g_test_summary (
    "Input that came before there were buffers arrives, in order, into each as it fits");
  for (unsigned i = 0; i < sizeof sent; i++)
    sent[i] = 'a' + i % 26;
  g_assert_cmpint (send (peer, sent, sizeof sent, 0), ==, sizeof sent);
  while (done < sizeof sent)
    {
      TestSegment segment = { gpa + given++ % 64 * 16, 16, true };
      uint32_t length;

      test_virtio_add (t, RX, &segment, 1);
      test_virtio_notify (t, RX);
      length = test_virtio_wait (t, RX, NULL);
      g_assert_cmpuint (length, >, 0);
      g_assert_cmpuint (done + length, <=, sizeof sent);
      memcpy (got + done, test_virtio_at (t, segment.gpa), length);
      done += length;
    }
  g_assert_cmpmem (got, done, sent, sizeof sent);
}

static void
test_size (void)
{
  cop_autofd int peer = -1;
  g_autoptr (TestVirtio) t = console_new (&peer);
  uint32_t generation = test_virtio_read (t, VIRTIO_MMIO_CONFIG_GENERATION);

  g_test_summary ("A new terminal size reaches the driver as a change of the configuration");
  cop_virtio_console_resize (t->device, 132, 43);
  g_assert_cmpuint (test_virtio_read (t, VIRTIO_MMIO_INTERRUPT_STATUS), ==, VIRTIO_MMIO_INT_CONFIG);
  g_assert_true (t->irq);
  test_virtio_write (t, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
  g_assert_false (t->irq);
  g_assert_cmpuint (test_virtio_read (t, VIRTIO_MMIO_CONFIG_GENERATION), !=, generation);
  g_assert_cmphex (test_virtio_read (t, VIRTIO_MMIO_CONFIG), ==, 43u << 16 | 132);
}

static void
test_save (void)
{
  cop_autofd int peer = -1;
  g_autoptr (TestVirtio) t = console_new (&peer);
  TestSegment out = { test_virtio_alloc (t, 1 << 20), 1 << 20, false };
  uint8_t *bytes = test_virtio_at (t, out.gpa);
  g_autofree uint8_t *got = g_malloc (1 << 20);
  g_autofree void *state = NULL;

  g_test_summary ("A snapshot in the middle of a long line neither loses nor repeats a byte");
  for (unsigned i = 0; i < 1 << 20; i++)
    bytes[i] = i ^ (i >> 8);
  test_virtio_add (t, TX, &out, 1);
  test_virtio_notify (t, TX);
  read_all (peer, got, 100000);
  state = test_virtio_save (t);
  cop_device_reset (t->device);
  test_virtio_load (t, state);
  read_all (peer, got + 100000, (1 << 20) - 100000);
  g_assert_cmpmem (got, 1 << 20, bytes, 1 << 20);
  test_virtio_wait (t, TX, NULL);
}

static void
test_last_words (void)
{
  cop_autofd int peer = -1;
  g_autoptr (TestVirtio) t = console_new (&peer);
  TestSegment out = { test_virtio_alloc (t, 5), 5, false };
  char got[6] = "";

  g_test_summary ("What the driver made available before the machine ends is output all the same");
  memcpy (test_virtio_at (t, out.gpa), "bye!\n", 5);
  test_virtio_add (t, TX, &out, 1);
  test_virtio_quiesce (t);
  read_all (peer, (uint8_t *) got, 5);
  g_assert_cmpstr (got, ==, "bye!\n");
}

static void
test_emergency (void)
{
  cop_autofd int peer = -1;
  g_autoptr (TestVirtio) t = console_new (&peer);
  uint8_t byte = 0;

  g_test_summary ("A driver without queues can still say a byte");
  test_virtio_write (t, VIRTIO_MMIO_STATUS, 0);
  test_virtio_write (t, VIRTIO_MMIO_CONFIG + offsetof (struct virtio_console_config, emerg_wr),
                     '!');
  read_all (peer, &byte, 1);
  g_assert_cmpuint (byte, ==, '!');
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-console/output", test_output);
  g_test_add_func ("/virtio-console/long-output", test_long_output);
  g_test_add_func ("/virtio-console/input", test_input);
  g_test_add_func ("/virtio-console/size", test_size);
  g_test_add_func ("/virtio-console/save", test_save);
  g_test_add_func ("/virtio-console/last-words", test_last_words);
  g_test_add_func ("/virtio-console/emergency", test_emergency);
  return g_test_run ();
}
