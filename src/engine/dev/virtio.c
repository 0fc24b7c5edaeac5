/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The life of a virtio device, whatever it is and whatever transport carries it.
 *
 *   reset --> ACKNOWLEDGE, DRIVER --> FEATURES_OK --> DRIVER_OK --> (NEEDS_RESET)
 *     ^                               features fixed   queues served          |
 *     +------------------------------ status 0 -------------------------------+
 *
 * Source: VIRTIO 1.2 §2.1, §2.2, §2.4, §3.1
 */
#include "engine/dev/virtio.h"

#include <string.h>

/* How often a hart that waits for the host looks whether it still should. */
#define LOOK_UP_MS 100

#define STATUS_MASK                                                                              \
  (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK |              \
   VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED)

static const CopStateRow virtio_rows[] = {
  COP_STATE (CopVirtioState, driver_features),
  COP_STATE (CopVirtioState, config_generation, .survives_reset = true),
  COP_STATE (CopVirtioState, status, .mask = STATUS_MASK),
  COP_STATE_ARRAY (CopVirtioState, reserved),
};
const CopStateTable cop_virtio_state_table = { "virtio", 1,
                                               COP_STATE_ROWS (CopVirtioState, virtio_rows) };

static gboolean
dispatch_work (gpointer data)
{
  CopVirtio *virtio = data;

  /* Before the work, so that what is asked for meanwhile is not lost. */
  g_source_set_ready_time (virtio->source, -1);
  virtio->class->work (virtio);
  return G_SOURCE_CONTINUE;
}

/* A source that only its ready time makes ready. */
static gboolean
source_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  (void)source;
  return callback (data);
}

static GSourceFuncs source_funcs = { .dispatch = source_dispatch };

void
cop_virtio_init (CopVirtio *virtio, const CopVirtioClass *class, CopVirtioMmioState *mmio,
                 CopVirtioState *state, CopVirtqueueState *queues)
{
  g_assert (class->n_queues <= COP_VIRTIO_MAX_QUEUES &&
            class->queue_size <= COP_VIRTQUEUE_MAX_SIZE);

  virtio->class = class;
  virtio->transport = &cop_virtio_mmio_transport;
  virtio->mmio = mmio;
  virtio->s = state;
  virtio->features = COP_VIRTIO_CORE_FEATURES;
  for (unsigned i = 0; i < class->n_queues; i++)
    virtio->queues[i] = (CopVirtqueue){
      .s = &queues[i],
      .virtio = virtio,
      .index = i,
      .max_size = class->queue_size,
    };
  if (class->work != NULL)
    {
      virtio->source = g_source_new (&source_funcs, sizeof (GSource));
      g_source_set_callback (virtio->source, dispatch_work, virtio, NULL);
      g_source_set_static_name (virtio->source, "virtio");
      g_source_attach (virtio->source, virtio->device.context);
    }
}

void
cop_virtio_finalize (CopDevice *device)
{
  CopVirtio *virtio = (CopVirtio *)device;

  if (virtio->source != NULL)
    {
      g_source_destroy (virtio->source);
      g_clear_pointer (&virtio->source, g_source_unref);
    }
}

void
cop_virtio_schedule (CopVirtio *virtio)
{
  g_source_set_ready_time (virtio->source, 0);
}

static bool
stop (CopVirtio *virtio, unsigned patience_ms)
{
  return virtio->class->stop == NULL || virtio->class->stop (virtio, patience_ms);
}

static void
unmap_queues (CopVirtio *virtio)
{
  for (unsigned i = 0; i < virtio->class->n_queues; i++)
    cop_virtqueue_unmap (&virtio->queues[i]);
}

void
cop_virtio_reset (CopDevice *device)
{
  CopVirtio *virtio = (CopVirtio *)device;

  unmap_queues (virtio);
  if (!stop (virtio, 0))
    virtio->class->abandon (virtio);
}

/* Before the write of a driver is done, after which it may use its memory for something else. So
   the hart waits for as long as the host takes, unless the machine is about to lose all of it. */
static void
stop_for_driver (CopVirtio *virtio)
{
  while (!stop (virtio, LOOK_UP_MS))
    if (cop_device_gives_up (&virtio->device))
      {
        virtio->class->abandon (virtio);
        return;
      }
}

/* Serves what was made available before anybody listened. */
static void
notify_all (CopVirtio *virtio)
{
  for (unsigned i = 0; i < virtio->class->n_queues && cop_virtio_running (virtio); i++)
    if (cop_virtqueue_live (&virtio->queues[i]))
      virtio->class->notify (virtio, &virtio->queues[i]);
}

static bool
map_queues (CopVirtio *virtio)
{
  bool good = true;

  for (unsigned i = 0; i < virtio->class->n_queues; i++)
    good &= cop_virtqueue_map (&virtio->queues[i]);
  return good;
}

bool
cop_virtio_quiesce (CopDevice *device, unsigned patience_ms)
{
  CopVirtio *virtio = (CopVirtio *)device;
  bool stopped;

  g_mutex_lock (&device->lock);
  virtio->paused = true;
  stopped = stop (virtio, patience_ms);
  for (unsigned i = 0; i < virtio->class->n_queues; i++)
    cop_virtqueue_publish (&virtio->queues[i]);
  /* Dead until resume(): the state may be exchanged meanwhile. */
  if (stopped)
    unmap_queues (virtio);
  cop_device_update_irq (device);
  g_mutex_unlock (&device->lock);
  return stopped;
}

void
cop_virtio_resume (CopDevice *device)
{
  CopVirtio *virtio = (CopVirtio *)device;

  g_mutex_lock (&device->lock);
  virtio->paused = false;
  if ((virtio->s->driver_features & ~virtio->features) != 0)
    cop_virtio_broken (
      virtio, "the driver has features that this host does not offer: 0x%" G_GINT64_MODIFIER "x",
      virtio->s->driver_features & ~virtio->features);
  if (!map_queues (virtio))
    cop_virtio_broken (virtio, "a queue lies outside memory");
  if (cop_virtio_running (virtio))
    {
      if (virtio->class->start != NULL)
        virtio->class->start (virtio);
      notify_all (virtio);
    }
  cop_device_update_irq (device);
  g_mutex_unlock (&device->lock);
}

/* Source: VIRTIO 1.2 §2.4.1: all there was is gone; what is in flight must not reach memory. */
static void
reset_by_driver (CopVirtio *virtio)
{
  unmap_queues (virtio);
  stop_for_driver (virtio);
  cop_state_reset (virtio->device.type->state, cop_device_state (&virtio->device));
}

void
cop_virtio_set_status (CopVirtio *virtio, uint8_t status)
{
  CopVirtioState *s = virtio->s;
  uint8_t added;

  if (status == 0)
    {
      reset_by_driver (virtio);
      return;
    }

  /* A driver never takes a bit back; NEEDS_RESET is ours. */
  added = status & STATUS_MASK & ~VIRTIO_CONFIG_S_NEEDS_RESET & ~s->status;
  if ((added & VIRTIO_CONFIG_S_FEATURES_OK) != 0 &&
      ((s->driver_features & ~virtio->features) != 0 ||
       !cop_virtio_has_feature (virtio, VIRTIO_F_VERSION_1)))
    added &= ~(VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
  s->status |= added;

  if ((added & VIRTIO_CONFIG_S_DRIVER_OK) == 0)
    return;
  if ((s->status & VIRTIO_CONFIG_S_FEATURES_OK) == 0)
    {
      cop_virtio_broken (virtio, "the driver began before its features were accepted");
      return;
    }
  if (virtio->class->start != NULL)
    virtio->class->start (virtio);
  notify_all (virtio);
}

void
cop_virtio_set_queue_ready (CopVirtio *virtio, unsigned index, bool ready)
{
  CopVirtqueue *vq = &virtio->queues[index];

  if (ready == vq->s->ready)
    return;
  if (!ready)
    {
      cop_virtqueue_unmap (vq);
      stop_for_driver (virtio);
      vq->s->ready = false;
      return;
    }

  vq->s->ready = true;
  vq->s->next_avail = vq->s->next_used = 0;
  if (!cop_virtqueue_map (vq))
    {
      vq->s->ready = false;
      cop_virtio_broken (virtio, "queue %u has rings that are misplaced or of a size not allowed",
                         index);
    }
}

void
cop_virtio_notify (CopVirtio *virtio, unsigned index)
{
  if (index < virtio->class->n_queues && cop_virtio_running (virtio) &&
      cop_virtqueue_live (&virtio->queues[index]))
    virtio->class->notify (virtio, &virtio->queues[index]);
}

uint64_t
cop_virtio_config_read (const CopVirtio *virtio, uint64_t offset, unsigned size)
{
  uint64_t value = 0;

  if (offset < virtio->config_size)
    memcpy (&value, (const uint8_t *)virtio->config + offset,
            MIN (size, virtio->config_size - offset));
  return GUINT64_FROM_LE (value);
}

void
cop_virtio_notify_used (CopVirtio *virtio)
{
  virtio->transport->notify_used (virtio);
}

void
cop_virtio_config_changed (CopVirtio *virtio)
{
  virtio->s->config_generation++;
  if ((virtio->s->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0)
    virtio->transport->notify_config (virtio);
}

void
cop_virtio_broken (CopVirtio *virtio, const char *format, ...)
{
  g_autofree char *what = NULL;
  g_autofree char *tail = NULL;
  unsigned suppressed;
  va_list args;

  if ((virtio->s->status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0)
    return;
  virtio->s->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
  if ((virtio->s->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0)
    virtio->transport->notify_config (virtio);

  if (!cop_rate_limit_allow (&virtio->log_limit, g_get_monotonic_time (), &suppressed))
    return;
  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  tail = cop_rate_limit_tail (suppressed);
  g_message ("%s: %s; the device stops until its driver resets it%s", virtio->device.id, what,
             tail);
}
