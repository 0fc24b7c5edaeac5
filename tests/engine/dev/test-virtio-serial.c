/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Channels through the registers of their device, as a driver and programs on the host see them:
 * channel 0 ends in a socket pair, channel 1 in a socket that is listened on.
 */
#include "engine/dev/virtio-serial.h"
#include "virtio-driver.h"

#include "common/fd.h"

#include <linux/virtio_console.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CONTROL_RX 2
#define CONTROL_TX 3
#define RX(channel) (4 + 2 * (channel))
#define TX(channel) (5 + 2 * (channel))
#define N_QUEUES 8
#define BUFFER 256

typedef struct
{
  TestVirtio *t; /* (owned) */
  int peer; /* (owned): of channel 0 */
  struct sockaddr_un address; /* of channel 1 */
  socklen_t address_length;
  GMutex lock;
  GCond changed;
  int open[2]; /* guarded by lock: what was told; -1: nothing yet */
  uint64_t buffers; /* guest memory for what comes in, one a queue */
} Fixture;

static void
note_open (gpointer data, unsigned channel, bool open)
{
  Fixture *f = data;

  g_assert_cmpuint (channel, <, 2);
  g_mutex_lock (&f->lock);
  f->open[channel] = open;
  g_cond_broadcast (&f->changed);
  g_mutex_unlock (&f->lock);
}

static void
await_open (Fixture *f, unsigned channel, bool open)
{
  g_mutex_lock (&f->lock);
  while (f->open[channel] != open)
    g_cond_wait (&f->changed, &f->lock);
  g_mutex_unlock (&f->lock);
}

static void
set_up (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  char first[] = "org.qemu.guest_agent.0", second[] = "org.example.second";
  CopChannelConfig channels[2] = { { first, COP_CONSOLE_NOWHERE },
                                   { second, COP_CONSOLE_NOWHERE } };
  int fds[2];

  f->t = test_virtio_new ();
  g_mutex_init (&f->lock);
  g_cond_init (&f->changed);
  f->open[0] = f->open[1] = -1;
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  channels[0].console.in_fd = channels[0].console.out_fd = fds[0];
  f->peer = fds[1];
  channels[1].console.listen_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* A name that the kernel chooses, in no folder. */
  f->address.sun_family = AF_UNIX;
  g_assert_cmpint (
    bind (channels[1].console.listen_fd, (struct sockaddr *) &f->address, sizeof (sa_family_t)), ==,
    0);
  f->address_length = sizeof f->address;
  getsockname (channels[1].console.listen_fd, (struct sockaddr *) &f->address, &f->address_length);
  g_assert_cmpint (listen (channels[1].console.listen_fd, 1), ==, 0);
  test_virtio_attach (f->t, cop_virtio_serial_new ("serial0", f->t->ram, f->t->context, TEST_MMIO,
                                                   channels, 2, note_open, f));
  g_assert_cmpint (channels[0].console.in_fd, ==, -1);
  test_virtio_start (f->t, UINT64_MAX, N_QUEUES, 64);
  f->buffers = test_virtio_alloc (f->t, N_QUEUES * BUFFER);
}

static void
tear_down (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  test_virtio_free (f->t);
  cop_fd_clear (&f->peer);
  g_mutex_clear (&f->lock);
  g_cond_clear (&f->changed);
}

/* Sends @length bytes on a queue and waits until they are taken. */
static void
say (Fixture *f, unsigned queue, const void *bytes, size_t length)
{
  TestSegment segment = { test_virtio_alloc (f->t, length), length, false };

  memcpy (test_virtio_at (f->t, segment.gpa), bytes, length);
  test_virtio_add (f->t, queue, &segment, 1);
  test_virtio_notify (f->t, queue);
  test_virtio_wait (f->t, queue, NULL);
}

static void
control (Fixture *f, uint32_t id, uint16_t event, uint16_t value)
{
  const struct virtio_console_control message = {
    GUINT32_TO_LE (id),
    GUINT16_TO_LE (event),
    GUINT16_TO_LE (value),
  };

  say (f, CONTROL_TX, &message, sizeof message);
}

static void
give_buffer (Fixture *f, unsigned queue)
{
  TestSegment segment = { f->buffers + queue * BUFFER, BUFFER, true };

  test_virtio_add (f->t, queue, &segment, 1);
  test_virtio_notify (f->t, queue);
}

/* Waits for what comes into a buffer that was given. Returns: its bytes, with a zero behind */
static const char *
hear (Fixture *f, unsigned queue, uint32_t *length)
{
  char *bytes = test_virtio_at (f->t, f->buffers + queue * BUFFER);

  *length = test_virtio_wait (f->t, queue, NULL);
  g_assert_cmpuint (*length, <, BUFFER);
  bytes[*length] = '\0';
  return bytes;
}

/* Waits for the next control message. */
static void
expect_control (Fixture *f, uint32_t id, uint16_t event, uint16_t value, const char *name)
{
  struct virtio_console_control message;
  const char *bytes;
  uint32_t length;

  give_buffer (f, CONTROL_RX);
  bytes = hear (f, CONTROL_RX, &length);
  g_assert_cmpuint (length, ==, sizeof message + (name != NULL ? strlen (name) + 1 : 0));
  memcpy (&message, bytes, sizeof message);
  g_assert_cmpuint (GUINT32_FROM_LE (message.id), ==, id);
  g_assert_cmpuint (GUINT16_FROM_LE (message.event), ==, event);
  g_assert_cmpuint (GUINT16_FROM_LE (message.value), ==, value);
  if (name != NULL)
    g_assert_cmpstr (bytes + sizeof message, ==, name);
}

/* What a driver and a program in the guest do with both ports. */
static void
open_ports (Fixture *f)
{
  control (f, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
  expect_control (f, 1, VIRTIO_CONSOLE_PORT_ADD, 1, NULL);
  expect_control (f, 2, VIRTIO_CONSOLE_PORT_ADD, 1, NULL);
  control (f, 1, VIRTIO_CONSOLE_PORT_READY, 1);
  expect_control (f, 1, VIRTIO_CONSOLE_PORT_NAME, 1, "org.qemu.guest_agent.0");
  expect_control (f, 1, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL);
  control (f, 2, VIRTIO_CONSOLE_PORT_READY, 1);
  expect_control (f, 2, VIRTIO_CONSOLE_PORT_NAME, 1, "org.example.second");
  expect_control (f, 2, VIRTIO_CONSOLE_PORT_OPEN, 0, NULL);
  control (f, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
  await_open (f, 0, true);
}

static void
read_exactly (int fd, char *bytes, size_t length)
{
  for (size_t done = 0; done < length;)
    {
      ssize_t got = recv (fd, bytes + done, length - done, 0);

      g_assert_cmpint (got, >, 0);
      done += got;
    }
}

static void
test_ports (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_test_summary ("A driver learns of each port, its name, and whether somebody is there");
  open_ports (f);
  /* max_nr_ports: port 0 is there, but never added */
  g_assert_cmpuint (test_virtio_read (f->t, VIRTIO_MMIO_CONFIG + 4), ==, 3);
  control (f, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
  await_open (f, 0, false);
}

static void
test_bytes (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  char text[6] = "";
  uint32_t length;

  g_test_summary ("Bytes go both ways on each port, apart from those of others");
  open_ports (f);
  say (f, TX (0), "hello", 5);
  read_exactly (f->peer, text, 5);
  g_assert_cmpstr (text, ==, "hello");
  g_assert_cmpint (send (f->peer, "back", 4, 0), ==, 4);
  give_buffer (f, RX (0));
  g_assert_cmpstr (hear (f, RX (0), &length), ==, "back");
}

static void
test_held_back (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  uint32_t length;

  g_test_summary ("What the host says before a program opens the port is there when it does");
  open_ports (f);
  control (f, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
  await_open (f, 0, false);
  give_buffer (f, RX (0));
  g_assert_cmpint (send (f->peer, "early", 5, 0), ==, 5);
  /* The device has looked at its input when it answers to this. */
  say (f, TX (0), "x", 1);
  g_assert_false (test_virtio_take (f->t, RX (0), NULL, &length));
  control (f, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
  g_assert_cmpstr (hear (f, RX (0), &length), ==, "early");
}

static int
connect_peer (Fixture *f)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (connect (fd, (struct sockaddr *) &f->address, f->address_length), ==, 0);
  return fd;
}

static void
test_host_side (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  cop_autofd int client = -1;
  uint32_t length;

  g_test_summary ("A driver hears when a program on the host comes and goes");
  open_ports (f);
  control (f, 2, VIRTIO_CONSOLE_PORT_OPEN, 1);
  client = connect_peer (f);
  expect_control (f, 2, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL);
  g_assert_cmpint (send (client, "one", 3, 0), ==, 3);
  give_buffer (f, RX (1));
  g_assert_cmpstr (hear (f, RX (1), &length), ==, "one");
  cop_fd_clear (&client);
  expect_control (f, 2, VIRTIO_CONSOLE_PORT_OPEN, 0, NULL);
  client = connect_peer (f);
  expect_control (f, 2, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL);
  cop_fd_clear (&f->peer);
  expect_control (f, 1, VIRTIO_CONSOLE_PORT_OPEN, 0, NULL);
}

static void
test_reset (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_test_summary (
    "A driver that resets the device, and a machine that is reset, have no port open");
  open_ports (f);
  test_virtio_write (f->t, VIRTIO_MMIO_STATUS, 0);
  await_open (f, 0, false);
  f->t->next_gpa = TEST_GPA;
  test_virtio_start (f->t, UINT64_MAX, N_QUEUES, 64);
  f->buffers = test_virtio_alloc (f->t, N_QUEUES * BUFFER);
  open_ports (f);
  cop_device_reset (f->t->device);
  await_open (f, 0, false);
}

static void
test_save (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autofree void *state = NULL;
  char text[4] = "";

  g_test_summary ("A machine that goes on has its ports open, and hears who is there now");
  open_ports (f);
  state = test_virtio_save (f->t);
  cop_device_reset (f->t->device);
  await_open (f, 0, false);
  test_virtio_load (f->t, state);
  await_open (f, 0, true);
  expect_control (f, 1, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL);
  expect_control (f, 2, VIRTIO_CONSOLE_PORT_OPEN, 0, NULL);
  say (f, TX (0), "on", 2);
  read_exactly (f->peer, text, 2);
  g_assert_cmpstr (text, ==, "on");
}

static void
test_nonsense (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_test_summary (
    "Messages of ports that there are not, short ones and unknown ones change nothing");
  open_ports (f);
  control (f, 0, VIRTIO_CONSOLE_PORT_OPEN, 0);
  control (f, 3, VIRTIO_CONSOLE_PORT_READY, 1);
  control (f, UINT32_MAX, VIRTIO_CONSOLE_PORT_OPEN, 0);
  control (f, 1, 999, 1);
  say (f, CONTROL_TX, "abc", 3);
  say (f, 1, "to port 0", 9);
  g_assert_cmpuint (test_virtio_read (f->t, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET, ==,
                    0);
  await_open (f, 0, true);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/virtio-serial/ports", Fixture, NULL, set_up, test_ports, tear_down);
  g_test_add ("/virtio-serial/bytes", Fixture, NULL, set_up, test_bytes, tear_down);
  g_test_add ("/virtio-serial/held-back", Fixture, NULL, set_up, test_held_back, tear_down);
  g_test_add ("/virtio-serial/host-side", Fixture, NULL, set_up, test_host_side, tear_down);
  g_test_add ("/virtio-serial/reset", Fixture, NULL, set_up, test_reset, tear_down);
  g_test_add ("/virtio-serial/save", Fixture, NULL, set_up, test_save, tear_down);
  g_test_add ("/virtio-serial/nonsense", Fixture, NULL, set_up, test_nonsense, tear_down);
  return g_test_run ();
}
