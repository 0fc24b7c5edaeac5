/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtio network device.
 *
 *   hart:       notify --> schedule
 *   I/O thread: work: [lock: copy a frame out of transmitq] --> net->ops->send, without the lock
 *               receive (from net): [lock: copy a frame into as many buffers as it takes]
 *
 * The lock is held to copy one frame at a time, so that a hart that touches a register waits for
 * microseconds at most, and nothing of guest memory is in use without it: a reset has nothing to
 * wait for.
 *
 * Source: VIRTIO 1.2 §5.1
 */
#include "engine/counters.h"
#include "engine/dev/virtio-devices.h"
#include "engine/dev/virtio.h"
#include "engine/net/net.h"

#include <net/ethernet.h>
#include <string.h>

enum
{
  RECEIVE,
  TRANSMIT,
  N_QUEUES,
};

/* Frames sent before other sources of the I/O thread get their turn. */
#define BURST 64

COP_STATE_BEGIN
typedef struct
{
  COP_VIRTIO_STATE_MEMBERS (N_QUEUES);
} CopVirtioNetState;
COP_STATE_END

typedef struct
{
  CopVirtio                virtio;
  CopVirtioNetState        s;
  struct virtio_net_config config;
  CopNet                  *net;         /* (owned) */
  bool                     starved;     /* net waits for room; guarded by lock */
  CopNicCounters          *counters;    /* (unowned) (nullable) */
  struct virtio_net_hdr_v1 header;      /* of the frame being sent; I/O thread, as the next */
  uint8_t                  frame[COP_NET_MAX_FRAME];
} CopVirtioNet;

static const CopStateRow net_rows[] = { COP_VIRTIO_STATE_ROWS (CopVirtioNetState) };
static const CopStateTable net_state = { "virtio-net", 1,
                                         COP_STATE_ROWS (CopVirtioNetState, net_rows) };

static bool
link_is_up (const CopVirtioNet *nic)
{
  return (nic->config.status & GUINT16_TO_LE (VIRTIO_NET_S_LINK_UP)) != 0;
}

static void
count_frame (CopNicDirection *direction, size_t length)
{
  COP_COUNT (direction->packets, 1);
  COP_COUNT (direction->bytes, length);
}

/* Copies the next frame to send. Returns: its length, 0 when there is none */
static size_t
take_frame (CopVirtioNet *nic)
{
  CopVirtio *virtio = &nic->virtio;
  CopVirtqueue *vq = &virtio->queues[TRANSMIT];
  CopVirtqueueChain *chain = &virtio->chain;
  const size_t header = sizeof nic->header;

  while (cop_virtio_running (virtio) && cop_virtqueue_pop (vq, chain))
    {
      size_t length = chain->out_length > header ? chain->out_length - header : 0;

      cop_virtqueue_push (vq, chain->head, 0);
      if (length < sizeof (struct ether_header) || length > sizeof nic->frame)
        {
          if (nic->counters != NULL)
            COP_COUNT (nic->counters->tx.errors, 1);
          continue; /* no frame: dropped */
        }
      if (!link_is_up (nic))
        {
          if (nic->counters != NULL)
            COP_COUNT (nic->counters->tx.drops, 1);
          continue;
        }
      cop_iov_read (chain->iov, chain->n_out, 0, &nic->header, header);
      cop_iov_read (chain->iov, chain->n_out, header, nic->frame, length);
      if (nic->counters != NULL)
        count_frame (&nic->counters->tx, length);
      return length;
    }
  return 0;
}

/* Sends what the driver has for us. */
static void
transmit (CopVirtioNet *nic)
{
  GMutex *lock = &nic->virtio.device.lock;
  CopVirtqueue *vq = &nic->virtio.queues[TRANSMIT];
  unsigned budget = BURST;
  size_t length;
  bool more;

  do
    {
      g_mutex_lock (lock);
      length = take_frame (nic);
      cop_virtqueue_publish (vq);
      g_mutex_unlock (lock);
      if (length > 0)
        nic->net->ops->send (nic->net, &nic->header, nic->frame, length);
    }
  while (length > 0 && --budget > 0);

  g_mutex_lock (lock);
  more = cop_virtio_running (&nic->virtio) && (budget == 0 || cop_virtqueue_arm (vq));
  g_mutex_unlock (lock);
  if (more)
    cop_virtio_schedule (&nic->virtio);
}

static void
work (CopVirtio *virtio)
{
  CopVirtioNet *nic = (CopVirtioNet *)virtio;
  bool has_room;

  transmit (nic);
  g_mutex_lock (&virtio->device.lock);
  has_room = nic->starved && cop_virtio_running (virtio);
  if (has_room)
    nic->starved = false;
  g_mutex_unlock (&virtio->device.lock);
  if (has_room)
    nic->net->ops->ready (nic->net);
}

static void
notify (CopVirtio *virtio, CopVirtqueue *vq)
{
  if (vq->index == RECEIVE && !((CopVirtioNet *)virtio)->starved)
    return;
  cop_virtqueue_suppress (vq);
  cop_virtio_schedule (virtio);
}

typedef enum
{
  RECEIVED,
  NO_ROOM,
  DROPPED,
} Received;

/* Gives back the @n chains taken last. */
static void
untake (CopVirtqueue *vq, unsigned n)
{
  while (n-- > 0)
    cop_virtqueue_unpop (vq);
}

/* Copies header and frame into buffers of the driver; several for one frame if it allows that. */
static Received
place_frame (CopVirtioNet *nic, const struct virtio_net_hdr_v1 *from, const uint8_t *frame,
             size_t length)
{
  CopVirtio *virtio = &nic->virtio;
  CopVirtqueue *vq = &virtio->queues[RECEIVE];
  CopVirtqueueChain *chain = &virtio->chain;
  bool mergeable = cop_virtio_has_feature (virtio, VIRTIO_NET_F_MRG_RXBUF);
  struct virtio_net_hdr_v1 header = *from;
  struct
  {
    uint16_t head;
    uint32_t written;
  } taken[COP_VIRTQUEUE_MAX_SIZE];
  unsigned n = 0;
  size_t done = 0;
  struct iovec num_buffers[2];
  unsigned n_num_buffers = 0;

  if (!cop_virtio_has_feature (virtio, VIRTIO_NET_F_GUEST_CSUM))
    header.flags &= ~VIRTIO_NET_HDR_F_DATA_VALID;

  while (n == 0 || done < length)
    {
      size_t head_bytes = n == 0 ? sizeof header : 0;
      size_t piece;

      if (n == vq->s->size)
        {
          untake (vq, n);
          return DROPPED; /* more than all buffers there can be */
        }
      if (!cop_virtqueue_pop (vq, chain))
        {
          if (!cop_virtio_running (virtio))
            return DROPPED;
          /* Armed while those taken count as taken: the driver tells us of the next one only. */
          if (cop_virtqueue_arm (vq))
            continue;
          untake (vq, n);
          return NO_ROOM;
        }
      if (chain->n_in == 0 || chain->in_length < head_bytes ||
          (!mergeable && chain->in_length < head_bytes + length))
        {
          /* The driver's own fault; another frame may fit. */
          untake (vq, n + 1);
          return DROPPED;
        }

      piece = MIN (chain->in_length - head_bytes, length - done);
      if (n == 0)
        {
          cop_iov_write (chain->iov + chain->n_out, chain->n_in, 0, &header, sizeof header);
          n_num_buffers = cop_iov_slice (chain->iov + chain->n_out, chain->n_in,
                                         offsetof (struct virtio_net_hdr_v1, num_buffers),
                                         sizeof header.num_buffers, num_buffers);
        }
      cop_iov_write (chain->iov + chain->n_out, chain->n_in, head_bytes, frame + done, piece);
      cop_iov_written (virtio->device.ram, chain->iov + chain->n_out, chain->n_in,
                       head_bytes + piece);
      taken[n].head = chain->head;
      taken[n].written = head_bytes + piece;
      done += piece;
      n++;
    }

  header.num_buffers = GUINT16_TO_LE (n);
  cop_iov_write (num_buffers, n_num_buffers, 0, &header.num_buffers, sizeof header.num_buffers);
  cop_iov_written (virtio->device.ram, num_buffers, n_num_buffers, sizeof header.num_buffers);
  for (unsigned i = 0; i < n; i++)
    cop_virtqueue_push (vq, taken[i].head, taken[i].written);
  return RECEIVED;
}

/* From the network. */
static bool
receive (gpointer data, const struct virtio_net_hdr_v1 *header, const uint8_t *frame, size_t length)
{
  CopVirtioNet *nic = data;
  CopVirtio *virtio = &nic->virtio;
  CopVirtqueue *vq = &virtio->queues[RECEIVE];
  Received result = NO_ROOM;

  g_mutex_lock (&virtio->device.lock);
  if (!virtio->paused &&
      !(cop_virtio_running (virtio) && cop_virtqueue_live (vq) && link_is_up (nic)))
    result = DROPPED; /* no driver: the cable is in, nobody is home; or no cable */
  else if (!virtio->paused)
    result = place_frame (nic, header, frame, length);
  cop_virtqueue_publish (vq);
  nic->starved |= result == NO_ROOM;
  if (nic->counters != NULL && result == RECEIVED)
    count_frame (&nic->counters->rx, length);
  else if (nic->counters != NULL && result == DROPPED)
    COP_COUNT (nic->counters->rx.drops, 1);
  g_mutex_unlock (&virtio->device.lock);
  return result != NO_ROOM;
}

/* The driver has come, or come back from a pause: whoever waits may try. */
static void
start (CopVirtio *virtio)
{
  CopVirtioNet *nic = (CopVirtioNet *)virtio;

  if (nic->net->ops->set_features != NULL)
    nic->net->ops->set_features (nic->net, virtio->s->driver_features);
  nic->starved = true;
  cop_virtio_schedule (virtio);
}

static void
finalize (CopDevice *device)
{
  CopVirtioNet *nic = (CopVirtioNet *)device;

  g_clear_pointer (&nic->net, cop_net_free);
  cop_virtio_finalize (device);
}

static const CopVirtioClass net_class = {
  .device_id = VIRTIO_ID_NET,
  .queue_size = COP_VIRTQUEUE_MAX_SIZE,
  .n_queues = N_QUEUES,
  .start = start,
  .notify = notify,
  .work = work,
};

const CopDeviceType cop_virtio_net_type = {
  .name = "virtio-net",
  .instance_size = sizeof (CopVirtioNet),
  .state = &net_state,
  .state_offset = offsetof (CopVirtioNet, s),
  .finalize = finalize,
  COP_VIRTIO_MMIO_TYPE,
};

CopDevice *
cop_virtio_net_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa,
                    CopNicConfig *config, GError **error)
{
  CopVirtioNet *nic = cop_device_new (&cop_virtio_net_type, id, ram, context, gpa);
  CopVirtio *virtio = &nic->virtio;

  /* First: the network may have a frame for us at once. */
  cop_virtio_init (virtio, &net_class, nic->s.mmio, nic->s.virtio, nic->s.queues);
  nic->net = cop_net_new (config, context, receive, nic, error);
  if (nic->net == NULL)
    {
      cop_device_free (&virtio->device);
      return NULL;
    }
  virtio->features |= nic->net->features | COP_VIRTIO_FEATURE (VIRTIO_NET_F_MAC) |
                      COP_VIRTIO_FEATURE (VIRTIO_NET_F_STATUS) |
                      COP_VIRTIO_FEATURE (VIRTIO_NET_F_MRG_RXBUF);
  memcpy (nic->config.mac, config->mac, sizeof nic->config.mac);
  nic->config.status = GUINT16_TO_LE (config->link_down ? 0 : VIRTIO_NET_S_LINK_UP);
  nic->counters = config->counters;
  if (nic->counters != NULL)
    nic->counters->link_down = config->link_down;
  nic->config.max_virtqueue_pairs = GUINT16_TO_LE (1);
  nic->config.mtu = GUINT16_TO_LE (nic->net->mtu);
  virtio->config = &nic->config;
  virtio->config_size = sizeof nic->config;
  return &virtio->device;
}

void
cop_virtio_net_set_link (CopDevice *device, bool up)
{
  CopVirtioNet *nic = (CopVirtioNet *)device;
  uint16_t status = GUINT16_TO_LE (up ? VIRTIO_NET_S_LINK_UP : 0);

  g_mutex_lock (&device->lock);
  if (nic->config.status != status)
    {
      nic->config.status = status;
      if (nic->counters != NULL)
        __atomic_store_n (&nic->counters->link_down, up ? 0 : 1, __ATOMIC_RELAXED);
      cop_virtio_config_changed (&nic->virtio);
    }
  g_mutex_unlock (&device->lock);
}
