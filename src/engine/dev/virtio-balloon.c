/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtio memory balloon.
 *
 *   inflate queue   <-- page numbers: the host has their memory back
 *   deflate queue   <-- page numbers: the guest uses them again, and they are there when it does
 *   stats queue     <-- a buffer with figures; it is given back when new ones are wanted
 *   config space    num_pages: how many pages are wanted; actual: how many the guest has given
 *
 * Source: VIRTIO 1.2 §5.5
 */
#include "engine/dev/virtio-balloon.h"
#include "engine/dev/virtio.h"

#include <linux/virtio_balloon.h>
#include <stdlib.h>
#include <string.h>

enum
{
  INFLATE,
  DEFLATE,
  STATS,
  N_QUEUES,
};

/* Page numbers looked at together. */
#define BATCH 1024
/* How often at most is told how far the balloon has come. */
#define TELL_US (200 * 1000)

COP_STATE_BEGIN
typedef struct
{
  COP_VIRTIO_STATE_MEMBERS (N_QUEUES);
  uint32_t num_pages; /* wanted */
  uint32_t actual; /* given */
  bool stats_read; /* the chain at the head of the stats queue has been looked at */
  uint8_t reserved[7];
} BalloonState;
COP_STATE_END

typedef struct
{
  CopVirtio virtio;
  BalloonState s;
  struct virtio_balloon_config config; /* follows num_pages and actual */
  CopCounters *counters; /* (unowned) (nullable) */
  CopBalloonFunc func; /* (nullable) */
  gpointer data;
  uint32_t told; /* what func was told last; pages */
  int64_t tell_at; /* when it may be told again; monotonic us */
  GSource *timer; /* (owned): what is due at a time */
  int64_t stats_at; /* when new statistics are due; -1: never */
  unsigned period; /* seconds; 0: never */
} Balloon;

static const CopStateRow balloon_rows[] = {
  COP_VIRTIO_STATE_ROWS (BalloonState),
  COP_STATE (BalloonState, num_pages, .survives_reset = true),
  COP_STATE (BalloonState, actual),
  COP_STATE (BalloonState, stats_read),
  COP_STATE_ARRAY (BalloonState, reserved),
};
static const CopStateTable balloon_state = {
  "virtio-balloon",
  1,
  COP_STATE_ROWS (BalloonState, balloon_rows),
  .may_lack = true,
};

static uint64_t
pages_to_bytes (uint32_t pages)
{
  return (uint64_t) pages << VIRTIO_BALLOON_PFN_SHIFT;
}

/* ---- what is told ---- */

/* Has the timer fire for whatever is due first. */
static void
set_timer (Balloon *balloon)
{
  int64_t ready = balloon->stats_at;

  if (balloon->told != balloon->s.actual && (ready < 0 || balloon->tell_at < ready))
    ready = balloon->tell_at;
  g_source_set_ready_time (balloon->timer, ready);
}

/* Says how many pages the guest has given, now or a little later. */
static void
tell_machine (Balloon *balloon)
{
  int64_t now = g_get_monotonic_time ();

  if (balloon->counters != NULL)
    __atomic_store_n (&balloon->counters->balloon, pages_to_bytes (balloon->s.actual),
                      __ATOMIC_RELAXED);
  if (balloon->told != balloon->s.actual && now >= balloon->tell_at)
    {
      balloon->told = balloon->s.actual;
      balloon->tell_at = now + TELL_US;
      if (balloon->func != NULL)
        balloon->func (balloon->data, pages_to_bytes (balloon->told));
    }
  set_timer (balloon);
}

/* ---- pages ---- */

static int
by_number (const void *a, const void *b)
{
  uint32_t page_a = *(const uint32_t *) a, page_b = *(const uint32_t *) b;

  return page_a < page_b ? -1 : page_a > page_b;
}

/* Gives @n pages back to the host, a run of them at a time. */
static void
discard (CopRam *ram, uint32_t *pages, unsigned n)
{
  qsort (pages, n, sizeof *pages, by_number);
  for (unsigned i = 0, end; i < n; i = end)
    {
      for (end = i + 1; end < n && pages[end] - pages[end - 1] <= 1; end++)
        ;
      cop_ram_discard (ram, pages_to_bytes (pages[i]),
                       pages_to_bytes (pages[end - 1] - pages[i] + 1));
    }
}

static void
inflate (Balloon *balloon, const CopVirtqueueChain *chain)
{
  uint32_t pages[BATCH];
  uint64_t offset = 0;
  size_t got;

  while ((got = cop_iov_read (chain->iov, chain->n_out, offset, pages, sizeof pages)) >=
         sizeof *pages)
    {
      unsigned n = got / sizeof *pages;

      for (unsigned i = 0; i < n; i++)
        pages[i] = GUINT32_FROM_LE (pages[i]);
      discard (balloon->virtio.device.ram, pages, n);
      offset += got;
    }
}

/* Returns: whether to come back soon */
static bool
take_pages (Balloon *balloon, unsigned index)
{
  CopVirtio *virtio = &balloon->virtio;
  CopVirtqueue *vq = &virtio->queues[index];
  unsigned budget = 16; /* chains: so many that others are not kept waiting for long */

  while (cop_virtio_running (virtio) && budget-- > 0 && cop_virtqueue_pop (vq, &virtio->chain))
    {
      if (index == INFLATE)
        inflate (balloon, &virtio->chain);
      cop_virtqueue_push (vq, virtio->chain.head, 0);
    }
  cop_virtqueue_publish (vq);
  return cop_virtqueue_arm (vq);
}

/* ---- statistics ---- */

static void
count_stats (CopCounters *counters, const CopVirtqueueChain *chain)
{
  struct virtio_balloon_stat stat;
  uint64_t known = 0;

  for (uint64_t offset = 0;
       cop_iov_read (chain->iov, chain->n_out, offset, &stat, sizeof stat) == sizeof stat;
       offset += sizeof stat)
    {
      uint16_t tag = GUINT16_FROM_LE (stat.tag);

      if (tag >= COP_BALLOON_STATS)
        continue;
      known |= UINT64_C (1) << tag;
      __atomic_store_n (&counters->balloon_stats[tag], GUINT64_FROM_LE (stat.val),
                        __ATOMIC_RELAXED);
    }
  __atomic_store_n (&counters->balloon_known, known, __ATOMIC_RELAXED);
  __atomic_store_n (&counters->balloon_updated, g_get_real_time () / G_USEC_PER_SEC,
                    __ATOMIC_RELEASE);
}

/* Reads the buffer at the head of the queue, and leaves it there. */
static void
read_stats (Balloon *balloon)
{
  CopVirtqueue *vq = &balloon->virtio.queues[STATS];

  if (balloon->s.stats_read || !cop_virtqueue_pop (vq, &balloon->virtio.chain))
    return;
  if (balloon->counters != NULL)
    count_stats (balloon->counters, &balloon->virtio.chain);
  cop_virtqueue_unpop (vq);
  balloon->s.stats_read = true;
}

/* Gives the buffer back, whereupon the driver brings it again with new figures. */
static void
ask_stats (Balloon *balloon)
{
  CopVirtqueue *vq = &balloon->virtio.queues[STATS];

  if (!cop_virtio_running (&balloon->virtio) || !balloon->s.stats_read ||
      !cop_virtqueue_pop (vq, &balloon->virtio.chain))
    return;
  balloon->s.stats_read = false;
  cop_virtqueue_push (vq, balloon->virtio.chain.head, 0);
  cop_virtqueue_publish (vq);
  if (cop_virtqueue_arm (vq))
    cop_virtio_schedule (&balloon->virtio);
}

static gboolean
timer_fired (gpointer data)
{
  Balloon *balloon = data;
  int64_t now = g_get_monotonic_time ();

  g_mutex_lock (&balloon->virtio.device.lock);
  if (balloon->stats_at >= 0 && now >= balloon->stats_at)
    {
      balloon->stats_at = now + balloon->period * G_USEC_PER_SEC;
      ask_stats (balloon);
    }
  tell_machine (balloon);
  g_mutex_unlock (&balloon->virtio.device.lock);
  return G_SOURCE_CONTINUE;
}

static gboolean
timer_dispatch (G_GNUC_UNUSED GSource *source, GSourceFunc callback, gpointer data)
{
  return callback (data);
}

static GSourceFuncs timer_funcs = { .dispatch = timer_dispatch };

/* ---- from outside ---- */

void
cop_virtio_balloon_set_target (CopDevice *device, uint64_t bytes)
{
  Balloon *balloon = (Balloon *) device;
  uint32_t pages = (uint32_t) MIN (bytes >> VIRTIO_BALLOON_PFN_SHIFT, UINT32_MAX);

  g_mutex_lock (&device->lock);
  if (balloon->s.num_pages != pages)
    {
      balloon->s.num_pages = pages;
      balloon->config.num_pages = GUINT32_TO_LE (pages);
      cop_virtio_config_changed (&balloon->virtio);
    }
  g_mutex_unlock (&device->lock);
}

void
cop_virtio_balloon_set_period (CopDevice *device, unsigned seconds)
{
  Balloon *balloon = (Balloon *) device;

  g_mutex_lock (&device->lock);
  balloon->period = seconds;
  balloon->stats_at = seconds > 0 ? g_get_monotonic_time () : -1;
  set_timer (balloon);
  g_mutex_unlock (&device->lock);
}

/* ---- the device ---- */

/* On the I/O thread. */
static void
work (CopVirtio *virtio)
{
  Balloon *balloon = (Balloon *) virtio;
  bool again = false;

  g_mutex_lock (&virtio->device.lock);
  if (cop_virtio_running (virtio))
    {
      again = take_pages (balloon, INFLATE);
      again = take_pages (balloon, DEFLATE) || again;
      read_stats (balloon);
    }
  tell_machine (balloon);
  g_mutex_unlock (&virtio->device.lock);
  if (again)
    cop_virtio_schedule (virtio);
}

static void
notify (CopVirtio *virtio, CopVirtqueue *vq)
{
  (void) vq;
  cop_virtio_schedule (virtio);
}

static void
fill_config (Balloon *balloon)
{
  balloon->config.num_pages = GUINT32_TO_LE (balloon->s.num_pages);
  balloon->config.actual = GUINT32_TO_LE (balloon->s.actual);
}

static void
config_write (CopVirtio *virtio, unsigned offset, unsigned size, uint64_t value)
{
  Balloon *balloon = (Balloon *) virtio;

  if (offset != offsetof (struct virtio_balloon_config, actual) || size != sizeof (uint32_t))
    return;
  balloon->s.actual = value;
  fill_config (balloon);
  cop_virtio_schedule (virtio);
}

static bool
stop (CopVirtio *virtio, unsigned patience_ms G_GNUC_UNUSED)
{
  /* A driver that has reset the device has all its memory again: seen once the state is reset. */
  cop_virtio_schedule (virtio);
  return true;
}

static void
balloon_reset (CopDevice *device)
{
  cop_virtio_reset (device);
  fill_config ((Balloon *) device);
  tell_machine ((Balloon *) device);
}

static void
balloon_resume (CopDevice *device)
{
  g_mutex_lock (&device->lock);
  fill_config ((Balloon *) device);
  tell_machine ((Balloon *) device);
  g_mutex_unlock (&device->lock);
  cop_virtio_resume (device);
}

static void
start (CopVirtio *virtio)
{
  fill_config ((Balloon *) virtio);
  cop_virtio_schedule (virtio);
}

static void
finalize (CopDevice *device)
{
  Balloon *balloon = (Balloon *) device;

  g_source_destroy (balloon->timer);
  g_clear_pointer (&balloon->timer, g_source_unref);
  cop_virtio_finalize (device);
}

static const CopVirtioClass balloon_class = {
  .device_id = VIRTIO_ID_BALLOON,
  .queue_size = 64,
  .n_queues = N_QUEUES,
  .start = start,
  .stop = stop,
  .notify = notify,
  .work = work,
  .config_write = config_write,
};

const CopDeviceType cop_virtio_balloon_type = {
  .name = "virtio-balloon",
  .instance_size = sizeof (Balloon),
  .state = &balloon_state,
  .state_offset = offsetof (Balloon, s),
  .finalize = finalize,
  COP_VIRTIO_MMIO_TYPE_WITH (balloon_reset, balloon_resume),
};

CopDevice *
cop_virtio_balloon_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa,
                        CopCounters *counters, CopBalloonFunc func, gpointer data)
{
  Balloon *balloon = cop_device_new (&cop_virtio_balloon_type, id, ram, context, gpa);
  CopVirtio *virtio = &balloon->virtio;

  cop_virtio_init (virtio, &balloon_class, balloon->s.mmio, balloon->s.virtio, balloon->s.queues);
  virtio->features |= COP_VIRTIO_FEATURE (VIRTIO_BALLOON_F_STATS_VQ);
  virtio->config = &balloon->config;
  /* What follows is of features that are not offered. */
  virtio->config_size = offsetof (struct virtio_balloon_config, actual) + sizeof (uint32_t);
  balloon->counters = counters;
  balloon->func = func;
  balloon->data = data;
  balloon->stats_at = -1;
  balloon->timer = g_source_new (&timer_funcs, sizeof (GSource));
  g_source_set_callback (balloon->timer, timer_fired, balloon, NULL);
  g_source_set_static_name (balloon->timer, "balloon");
  g_source_set_ready_time (balloon->timer, -1);
  g_source_attach (balloon->timer, context);
  return &virtio->device;
}
