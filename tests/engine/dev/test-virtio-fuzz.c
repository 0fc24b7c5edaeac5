/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A driver gone mad: random and half-right rings, registers and resets against each type of device,
 * its I/O thread working all the while. Nothing may crash, hang, or reach outside memory, and after
 * a reset the device must be as good as new.
 */
#include "engine/dev/power-button.h"
#include "engine/dev/virtio-balloon.h"
#include "engine/dev/virtio-devices.h"
#include "engine/dev/virtio-serial.h"
#include "virtio-driver.h"

#include "common/fd.h"

#include <linux/virtio_blk.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* Guests may race with devices over memory: that is for devices to bear, not a race of ours. */
#define GUEST __attribute__ ((no_sanitize ("thread")))

#define STEPS 10000
#define SEEDS 8

typedef struct
{
  uint64_t    state;            /* xorshift */
  TestVirtio *t;
  unsigned    n_queues;
} Fuzz;

typedef struct
{
  const char *name;
  unsigned    n_queues;
  CopDevice *(*make) (TestVirtio *t);
} Target;

static uint64_t
next (Fuzz *f)
{
  f->state ^= f->state << 13;
  f->state ^= f->state >> 7;
  f->state ^= f->state << 17;
  return f->state;
}

static unsigned
below (Fuzz *f, unsigned limit)
{
  return next (f) % limit;
}

static uint64_t
some_gpa (Fuzz *f)
{
  static const uint64_t edges[] = { 0,
                                    TEST_GPA - 1,
                                    TEST_GPA,
                                    TEST_GPA + TEST_RAM_SIZE - 1,
                                    TEST_GPA + TEST_RAM_SIZE,
                                    UINT64_MAX,
                                    UINT64_MAX - 4095,
                                    TEST_MMIO,
                                    INT64_MAX };

  switch (below (f, 8))
    {
    case 0:
      return next (f);
    case 1:
      return edges[below (f, G_N_ELEMENTS (edges))];
    case 2: /* onto the rings */
      return f->t->queues[below (f, f->n_queues)].desc_gpa + below (f, 8192);
    default:
      return TEST_GPA + below (f, TEST_RAM_SIZE);
    }
}

static uint32_t
some_length (Fuzz *f)
{
  static const uint32_t edges[] = { 0,
                                    1,
                                    11,
                                    12,
                                    15,
                                    16,
                                    17,
                                    512,
                                    4096,
                                    65536,
                                    1 << 20,
                                    UINT32_MAX,
                                    UINT32_MAX - 15,
                                    INT32_MAX,
                                    16 * 256,
                                    16 * 257 };

  switch (below (f, 4))
    {
    case 0:
      return next (f);
    case 1:
      return below (f, 4096);
    default:
      return edges[below (f, G_N_ELEMENTS (edges))];
    }
}

static struct vring_desc
some_desc (Fuzz *f, unsigned size)
{
  struct vring_desc desc = { .addr = some_gpa (f), .len = some_length (f) };

  desc.flags = below (f, 16) == 0 ? next (f) : below (f, 8);
  if (below (f, 3) != 0)
    desc.flags &= ~VRING_DESC_F_INDIRECT;
  desc.next = below (f, 16) == 0 ? next (f) : below (f, size);
  return desc;
}

/* As a hart would, whole words at a time. */
static GUEST void
put_desc (struct vring_desc *at, struct vring_desc desc)
{
  uint64_t words[2];

  memcpy (words, &desc, sizeof words);
  __atomic_store_n ((uint64_t *)at, words[0], __ATOMIC_RELAXED);
  __atomic_store_n ((uint64_t *)at + 1, words[1], __ATOMIC_RELAXED);
}

/* A request that the device might like: header, data, status, as the block device wants it. */
static GUEST void
plausible_chain (Fuzz *f, TestQueue *q, unsigned head)
{
  unsigned n = 1 + below (f, 6);
  unsigned n_out = below (f, n + 1);

  for (unsigned i = 0; i < n; i++)
    {
      struct vring_desc desc = { .addr = TEST_GPA + (TEST_RAM_SIZE >> 1) + below (f, 1 << 20),
                                 .len = 1 + below (f, 2048),
                                 .flags = i >= n_out ? VRING_DESC_F_WRITE : 0,
                                 .next = (head + i + 1) % q->size };

      if (i == 0 && n_out > 0)
        {
          struct virtio_blk_outhdr *header = test_virtio_at (f->t, desc.addr & ~UINT64_C (7));

          desc.addr &= ~UINT64_C (7);
          desc.len = sizeof *header;
          *header = (struct virtio_blk_outhdr){ .type = below (f, 16), .sector = below (f, 4096) };
        }
      if (i + 1 < n)
        desc.flags |= VRING_DESC_F_NEXT;
      put_desc (&q->desc[(head + i) % q->size], desc);
    }
}

static GUEST void
make_available (Fuzz *f, TestQueue *q, unsigned head, unsigned count)
{
  uint16_t idx = q->avail->idx;

  for (unsigned i = 0; i < count; i++)
    __atomic_store_n (&q->avail->ring[(idx + i) % q->size], head + i, __ATOMIC_RELAXED);
  __atomic_store_n (&q->avail->idx, idx + count, __ATOMIC_RELEASE);
  (void)f;
}

static void
poke_register (Fuzz *f)
{
  static const unsigned sizes[] = { 1, 2, 4, 4, 4, 8 };
  unsigned size = sizes[below (f, G_N_ELEMENTS (sizes))];
  uint64_t offset = below (f, 0x200 / size) * size;
  uint64_t value = below (f, 2) == 0 ? next (f) : below (f, 16);

  if (below (f, 3) == 0)
    cop_bus_read (&f->t->bus, TEST_MMIO + offset, size, &value);
  else
    cop_bus_write (&f->t->bus, TEST_MMIO + offset, size, value);
}

static GUEST void
step (Fuzz *f)
{
  TestVirtio *t = f->t;
  unsigned index = below (f, f->n_queues);
  TestQueue *q = &t->queues[index];
  unsigned head = below (f, q->size);

  switch (below (f, 20))
    {
    case 0:
      poke_register (f);
      break;
    case 1: /* a table entry */
      put_desc (&q->desc[head], some_desc (f, q->size));
      break;
    case 2: /* an indirect table, somewhere */
      {
        unsigned n = 1 + below (f, 8);
        uint64_t gpa = TEST_GPA + (TEST_RAM_SIZE >> 2) + below (f, 4096) * 16;

        for (unsigned i = 0; i < n; i++)
          put_desc ((struct vring_desc *)test_virtio_at (t, gpa) + i, some_desc (f, n));
        put_desc (&q->desc[head], (struct vring_desc){ .addr = gpa + (below (f, 8) == 0),
                                                       .len = n * 16,
                                                       .flags = VRING_DESC_F_INDIRECT });
        make_available (f, q, head, 1);
        test_virtio_notify (t, index);
      }
      break;
    case 3:
      make_available (f, q, next (f), 1 + below (f, 3));
      test_virtio_notify (t, index);
      break;
    case 4: /* an index that makes no sense */
      if (below (f, 4) == 0)
        __atomic_store_n (&q->avail->idx, next (f), __ATOMIC_RELEASE);
      test_virtio_notify (t, index);
      break;
    case 5:
      __atomic_store_n (&q->avail->flags, below (f, 2), __ATOMIC_RELAXED);
      __atomic_store_n (&q->avail->ring[q->size], next (f), __ATOMIC_RELAXED);
      break;
    case 6:
      test_virtio_write (t, VIRTIO_MMIO_QUEUE_SEL, below (f, f->n_queues + 2));
      test_virtio_write (t, VIRTIO_MMIO_QUEUE_READY, below (f, 2));
      break;
    case 7:
      if (below (f, 4) == 0)
        test_virtio_write (t, VIRTIO_MMIO_STATUS, 0);
      break;
    case 8: /* a snapshot at a bad moment */
      if (below (f, 8) == 0)
        {
          g_autofree void *state = test_virtio_save (t);

          test_virtio_load (t, state);
        }
      break;
    default:
      plausible_chain (f, q, head);
      make_available (f, q, head, 1);
      if (below (f, 2) == 0)
        test_virtio_notify (t, index);
      break;
    }
}

static void
restart (Fuzz *f)
{
  f->t->next_gpa = TEST_GPA;
  test_virtio_start (f->t, next (f), f->n_queues, 1u << (2 + below (f, 7)));
}

static bool
needs_restart (Fuzz *f)
{
  uint32_t status = test_virtio_read (f->t, VIRTIO_MMIO_STATUS);

  return (status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0 || (status & VIRTIO_CONFIG_S_DRIVER_OK) == 0;
}

static int peer = -1; /* of the target that has one */

/* The other end talks too, and takes what comes. */
static void
stir_peer (Fuzz *f)
{
  uint8_t bytes[4096];

  if (peer < 0)
    return;
  memset (bytes, f->state, sizeof bytes);
  if (below (f, 4) == 0)
    send (peer, bytes, 1 + below (f, sizeof bytes), MSG_DONTWAIT);
  while (recv (peer, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
    ;
}

static CopDevice *
make_blk (TestVirtio *t)
{
  CopDiskConfig config = { .fd = memfd_create ("image", MFD_CLOEXEC), .label = (char *)"fuzz.img" };

  g_assert_cmpint (ftruncate (config.fd, 1 << 20), ==, 0);
  return cop_virtio_blk_new ("disk0", t->ram, t->context, TEST_MMIO, &config, NULL);
}

static CopDevice *
make_net (TestVirtio *t)
{
  CopNicConfig config = { .kind = COP_NET_TAP };
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  config.fd = fds[0];
  peer = fds[1];
  return cop_virtio_net_new ("net0", t->ram, t->context, TEST_MMIO, &config, NULL);
}

static CopDevice *
make_console (TestVirtio *t)
{
  CopConsoleConfig config = COP_CONSOLE_NOWHERE;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  config.in_fd = config.out_fd = fds[0];
  peer = fds[1];
  return cop_virtio_console_new ("console0", t->ram, t->context, TEST_MMIO, &config);
}

static CopDevice *
make_rng (TestVirtio *t)
{
  return cop_virtio_rng_new ("rng0", t->ram, t->context, TEST_MMIO);
}

static CopDevice *
make_power_button (TestVirtio *t)
{
  CopDevice *device = cop_power_button_new ("button0", t->ram, t->context, TEST_MMIO);

  cop_power_button_press (device);
  return device;
}

static CopDevice *
make_balloon (TestVirtio *t)
{
  CopDevice *device =
    cop_virtio_balloon_new ("balloon0", t->ram, t->context, TEST_MMIO, NULL, NULL, NULL);

  cop_virtio_balloon_set_target (device, 1 << 20);
  return device;
}

static CopDevice *
make_serial (TestVirtio *t)
{
  char name[] = "org.example.0";
  CopChannelConfig channels[2] = { { name, COP_CONSOLE_NOWHERE }, { name, COP_CONSOLE_NOWHERE } };
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  channels[0].console.in_fd = channels[0].console.out_fd = fds[0];
  peer = fds[1];
  return cop_virtio_serial_new ("serial0", t->ram, t->context, TEST_MMIO, channels, 2, NULL, NULL);
}

static const Target targets[] = {
  { "blk", 1, make_blk },
  { "net", 2, make_net },
  { "console", 2, make_console },
  { "rng", 1, make_rng },
  { "power-button", 2, make_power_button },
  { "balloon", 3, make_balloon },
  { "serial", 8, make_serial },
};

/* What is logged about a bad driver is no failure here. */
static void
drop_message (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  (void)domain;
  (void)level;
  (void)message;
  (void)data;
}

static void
test_fuzz (gconstpointer data)
{
  const Target *target = data;

  g_test_summary ("No driver, however wrong, harms more than itself");
  for (unsigned round = 0; round < SEEDS; round++)
    {
      g_autoptr (TestVirtio) t = test_virtio_new ();
      Fuzz f = { .t = t, .n_queues = target->n_queues };
      uint32_t seed = g_test_rand_int ();

      g_test_message ("seed 0x%08x", seed);
      f.state = seed | UINT64_C (1) << 32;
      test_virtio_attach (t, target->make (t));
      restart (&f);
      for (unsigned i = 0; i < STEPS; i++)
        {
          step (&f);
          if (i % 16 == 0)
            stir_peer (&f);
          if (needs_restart (&f) && below (&f, 4) == 0)
            restart (&f);
        }

      /* As good as new: the used ring moves for a buffer that any of them can take. */
      restart (&f);
      if (target->make == make_rng)
        {
          TestSegment segment = { test_virtio_alloc (t, 64), 64, true };

          test_virtio_add (t, 0, &segment, 1);
          test_virtio_notify (t, 0);
          g_assert_cmpuint (test_virtio_wait (t, 0, NULL), ==, 64);
        }
      if (target->make == make_blk)
        {
          TestSegment segments[2] = { { test_virtio_alloc (t, 16), 16, false },
                                      { test_virtio_alloc (t, 513), 513, true } };

          test_virtio_add (t, 0, segments, 2);
          test_virtio_notify (t, 0);
          g_assert_cmpuint (test_virtio_wait (t, 0, NULL), ==, 513);
        }
      if (target->n_queues != 1)
        {
          TestSegment segment = { test_virtio_alloc (t, 100), 100, false };

          test_virtio_add (t, 1, &segment, 1);
          test_virtio_notify (t, 1);
          test_virtio_wait (t, 1, NULL);
        }
      cop_fd_clear (&peer);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_handler ("coppice", G_LOG_LEVEL_MESSAGE, drop_message, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autofree char *path = g_strdup_printf ("/virtio-fuzz/%s", targets[i].name);

      g_test_add_data_func (path, &targets[i], test_fuzz);
    }
  return g_test_run ();
}
