/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtio entropy device: fills buffers from the host's generator.
 *
 * Source: VIRTIO 1.2 §5.4
 */
#include "engine/dev/virtio-devices.h"
#include "engine/dev/virtio.h"

#include <errno.h>
#include <sys/random.h>

/* Bytes per buffer at most: the device may give fewer than asked, and drivers ask again. */
#define MAX_BYTES 256

COP_STATE_BEGIN
typedef struct
{
  COP_VIRTIO_STATE_MEMBERS (1);
} CopVirtioRngState;
COP_STATE_END

typedef struct
{
  CopVirtio         virtio;
  CopVirtioRngState s;
} CopVirtioRng;

static const CopStateRow rng_rows[] = { COP_VIRTIO_STATE_ROWS (CopVirtioRngState) };
static const CopStateTable rng_state = { "virtio-rng", 1,
                                         COP_STATE_ROWS (CopVirtioRngState, rng_rows) };

/* Serves one buffer. Returns: whether there was one and entropy for it */
static bool
serve (CopVirtio *virtio, CopVirtqueue *vq)
{
  CopVirtqueueChain *chain = &virtio->chain;
  uint8_t bytes[MAX_BYTES];
  ssize_t got;

  if (!cop_virtqueue_pop (vq, chain))
    return false;

  /* At most 256 bytes are never cut short; only a host that has just booted has none at all. */
  got = getrandom (bytes, MIN (sizeof bytes, chain->in_length), GRND_NONBLOCK);
  if (got < 0)
    {
      cop_virtqueue_unpop (vq);
      return false;
    }
  cop_iov_write (chain->iov + chain->n_out, chain->n_in, 0, bytes, got);
  cop_iov_written (virtio->device.ram, chain->iov + chain->n_out, chain->n_in, got);
  cop_virtqueue_push (vq, chain->head, got);
  return true;
}

/* On the I/O thread; a hart's notify() only asks for it. */
static void
work (CopVirtio *virtio)
{
  CopVirtqueue *vq = &virtio->queues[0];

  g_mutex_lock (&virtio->device.lock);
  if (cop_virtio_running (virtio))
    {
      unsigned budget = COP_VIRTQUEUE_MAX_SIZE;

      while (budget-- > 0 && serve (virtio, vq))
        ;
      cop_virtqueue_publish (vq);
      if (cop_virtqueue_arm (vq))
        cop_virtio_schedule (virtio);
    }
  g_mutex_unlock (&virtio->device.lock);
}

static void
notify (CopVirtio *virtio, CopVirtqueue *vq)
{
  (void)vq;
  cop_virtio_schedule (virtio);
}

static const CopVirtioClass rng_class = {
  .device_id = VIRTIO_ID_RNG,
  .queue_size = 8,
  .n_queues = 1,
  .notify = notify,
  .work = work,
};

const CopDeviceType cop_virtio_rng_type = {
  .name = "virtio-rng",
  .instance_size = sizeof (CopVirtioRng),
  .state = &rng_state,
  .state_offset = offsetof (CopVirtioRng, s),
  .finalize = cop_virtio_finalize,
  COP_VIRTIO_MMIO_TYPE,
};

CopDevice *
cop_virtio_rng_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa)
{
  CopVirtioRng *rng = cop_device_new (&cop_virtio_rng_type, id, ram, context, gpa);

  cop_virtio_init (&rng->virtio, &rng_class, rng->s.mmio, rng->s.virtio, rng->s.queues);
  return &rng->virtio.device;
}
