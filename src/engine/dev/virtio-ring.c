/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Split virtqueues, the device's side: see virtio-ring.h for the picture.
 *
 * Order of memory accesses, against drivers on other harts:
 *
 *   driver                                   device
 *   write desc, avail.ring                   load-acquire avail.idx
 *   store-release avail.idx                  read avail.ring, desc, buffers
 *   fence; read avail_event                  write avail_event; fence; read avail.idx again
 *
 *                                            write buffers, used.ring
 *   load-acquire used.idx                    store-release used.idx
 *   write used_event; fence; read used.idx   fence; read used_event
 */
#include "engine/dev/virtio-ring.h"

#include "engine/dev/virtio.h"

#include <string.h>

static const CopStateRow virtqueue_rows[] = {
  COP_STATE (CopVirtqueueState, desc_gpa),
  COP_STATE (CopVirtqueueState, driver_gpa),
  COP_STATE (CopVirtqueueState, device_gpa),
  COP_STATE (CopVirtqueueState, size, .max = COP_VIRTQUEUE_MAX_SIZE),
  COP_STATE (CopVirtqueueState, next_avail),
  COP_STATE (CopVirtqueueState, next_used),
  COP_STATE (CopVirtqueueState, ready),
  COP_STATE (CopVirtqueueState, reserved),
};
const CopStateTable cop_virtqueue_state_table = {
  "virtqueue", 1, COP_STATE_ROWS (CopVirtqueueState, virtqueue_rows)
};

/* Guest words are little-endian. */
static uint16_t
load16 (const uint16_t *word, int order)
{
  return GUINT16_FROM_LE (__atomic_load_n (word, order));
}

static void
store16 (uint16_t *word, uint16_t value, int order)
{
  __atomic_store_n (word, GUINT16_TO_LE (value), order);
}

/* The 16-bit words that end the rings when event indices are negotiated. */
static uint16_t *
used_event (const CopVirtqueue *vq)
{
  return &vq->avail->ring[vq->s->size];
}

static uint16_t *
avail_event (const CopVirtqueue *vq)
{
  return (uint16_t *)&vq->used->ring[vq->s->size];
}

/* The guest may have put its rings where somebody runs code. */
static void
device_area_written (const CopVirtqueue *vq, const void *at, size_t length)
{
  cop_ram_written (vq->virtio->device.ram,
                   vq->s->device_gpa + (uint64_t)((const uint8_t *)at - (uint8_t *)vq->used),
                   length);
}

static void
store_device_word (const CopVirtqueue *vq, uint16_t *word, uint16_t value, int order)
{
  store16 (word, value, order);
  device_area_written (vq, word, sizeof *word);
}

bool
cop_virtqueue_map (CopVirtqueue *vq)
{
  const CopVirtqueueState *s = vq->s;
  const CopRam *ram = vq->virtio->device.ram;
  uint64_t driver_bytes = sizeof (struct vring_avail) + (s->size + 1u) * sizeof (uint16_t);
  uint64_t device_bytes =
    sizeof (struct vring_used) + s->size * sizeof (struct vring_used_elem) + sizeof (uint16_t);
  uint8_t *desc, *avail, *used;

  cop_virtqueue_unmap (vq);
  if (!s->ready)
    return true;
  if (s->size == 0 || s->size > vq->max_size || (s->size & (s->size - 1)) != 0)
    return false;
  if (s->desc_gpa % VRING_DESC_ALIGN_SIZE != 0 || s->driver_gpa % VRING_AVAIL_ALIGN_SIZE != 0 ||
      s->device_gpa % VRING_USED_ALIGN_SIZE != 0)
    return false;

  desc = cop_ram_span (ram, s->desc_gpa, (uint64_t)s->size * sizeof (struct vring_desc));
  avail = cop_ram_span (ram, s->driver_gpa, driver_bytes);
  used = cop_ram_span (ram, s->device_gpa, device_bytes);
  if (desc == NULL || avail == NULL || used == NULL)
    return false;

  vq->desc = desc;
  vq->avail = (struct vring_avail *)avail;
  vq->used = (struct vring_used *)used;
  vq->published = vq->signalled = s->next_used;
  vq->event_idx = cop_virtio_has_feature (vq->virtio, VIRTIO_RING_F_EVENT_IDX);
  vq->indirect = cop_virtio_has_feature (vq->virtio, VIRTIO_RING_F_INDIRECT_DESC);
  return true;
}

void
cop_virtqueue_unmap (CopVirtqueue *vq)
{
  vq->desc = NULL;
  vq->avail = NULL;
  vq->used = NULL;
}

/* A copy of entry @index of a descriptor table, in host byte order. */
static struct vring_desc
read_desc (const uint8_t *table, unsigned index)
{
  const uint8_t *at = table + index * sizeof (struct vring_desc);
  struct vring_desc desc;

  if ((uintptr_t)at % sizeof (uint64_t) == 0)
    {
      uint64_t words[2];

      words[0] = __atomic_load_n ((const uint64_t *)at, __ATOMIC_RELAXED);
      words[1] = __atomic_load_n ((const uint64_t *)at + 1, __ATOMIC_RELAXED);
      memcpy (&desc, words, sizeof desc);
    }
  else
    {
      memcpy (&desc, at, sizeof desc);
      __atomic_signal_fence (__ATOMIC_SEQ_CST); /* no second look later */
    }
  desc.addr = GUINT64_FROM_LE (desc.addr);
  desc.len = GUINT32_FROM_LE (desc.len);
  desc.flags = GUINT16_FROM_LE (desc.flags);
  desc.next = GUINT16_FROM_LE (desc.next);
  return desc;
}

/* Adds the buffer of @desc. Returns what is wrong with it, or NULL. */
static const char *
add_segment (const CopVirtqueue *vq, const struct vring_desc *desc, CopVirtqueueChain *chain)
{
  bool in = (desc->flags & VRING_DESC_F_WRITE) != 0;
  unsigned n = chain->n_out + chain->n_in;
  uint8_t *hva;

  if (!in && chain->n_in > 0)
    return "has a readable buffer behind a writable one";
  if (desc->len == 0)
    return NULL;
  if (n == COP_VIRTQUEUE_MAX_SIZE)
    return "is too long";
  hva = cop_ram_span (vq->virtio->device.ram, desc->addr, desc->len);
  if (hva == NULL)
    return "has a buffer outside memory";

  chain->iov[n] = (struct iovec){ .iov_base = hva, .iov_len = desc->len };
  if (in)
    {
      chain->n_in++;
      chain->in_length += desc->len;
    }
  else
    {
      chain->n_out++;
      chain->out_length += desc->len;
    }
  return NULL;
}

/* Follows the chain from chain->head. Returns what is wrong with it, or NULL. */
static const char *
walk (const CopVirtqueue *vq, CopVirtqueueChain *chain)
{
  const uint8_t *table = vq->desc;
  unsigned size = vq->s->size, index = chain->head, steps = 0;
  bool nested = false;

  for (;;)
    {
      struct vring_desc desc;
      const char *problem;

      if (index >= size)
        return "names a descriptor outside its table";
      if (steps++ == size)
        return "is a loop";
      desc = read_desc (table, index);

      if ((desc.flags & VRING_DESC_F_INDIRECT) != 0)
        {
          /* It ends the chain, but need not begin it. */
          if (!vq->indirect || nested || (desc.flags & VRING_DESC_F_NEXT) != 0)
            return "has an indirect descriptor where none may be";
          if (desc.len == 0 || desc.len % sizeof desc != 0 ||
              desc.len / sizeof desc > COP_VIRTQUEUE_MAX_SIZE)
            return "has an indirect table of a size that is not allowed";
          table = cop_ram_span (vq->virtio->device.ram, desc.addr, desc.len);
          if (table == NULL)
            return "has an indirect table outside memory";
          size = desc.len / sizeof desc;
          index = steps = 0;
          nested = true;
          continue;
        }

      problem = add_segment (vq, &desc, chain);
      if (problem != NULL)
        return problem;
      if ((desc.flags & VRING_DESC_F_NEXT) == 0)
        return NULL;
      index = desc.next;
    }
}

bool
cop_virtqueue_pending (CopVirtqueue *vq)
{
  uint16_t count;

  if (!cop_virtqueue_live (vq))
    return false;
  count = load16 (&vq->avail->idx, __ATOMIC_ACQUIRE) - vq->s->next_avail;
  if (count > vq->s->size)
    {
      cop_virtio_broken (vq->virtio, "queue %u has %u entries available, and %u places", vq->index,
                         count, vq->s->size);
      return false;
    }
  return count > 0;
}

bool
cop_virtqueue_pop (CopVirtqueue *vq, CopVirtqueueChain *chain)
{
  const char *problem;

  if (!cop_virtqueue_pending (vq))
    return false;

  chain->head = load16 (&vq->avail->ring[vq->s->next_avail & (vq->s->size - 1)], __ATOMIC_RELAXED);
  chain->n_out = chain->n_in = 0;
  chain->out_length = chain->in_length = 0;
  problem = walk (vq, chain);
  if (problem != NULL)
    {
      cop_virtio_broken (vq->virtio, "chain %u of queue %u %s", chain->head, vq->index, problem);
      return false;
    }
  vq->s->next_avail++;
  return true;
}

void
cop_virtqueue_unpop (CopVirtqueue *vq)
{
  vq->s->next_avail--;
}

void
cop_virtqueue_push (CopVirtqueue *vq, uint16_t head, uint32_t written)
{
  struct vring_used_elem *elem;

  if (!cop_virtqueue_live (vq))
    return;
  elem = &vq->used->ring[vq->s->next_used & (vq->s->size - 1)];
  __atomic_store_n (&elem->id, GUINT32_TO_LE ((uint32_t)head), __ATOMIC_RELAXED);
  __atomic_store_n (&elem->len, GUINT32_TO_LE (written), __ATOMIC_RELAXED);
  device_area_written (vq, elem, sizeof *elem);
  vq->s->next_used++;
}

/* Whether the driver wants to hear of used entries [old, new). Source: VIRTIO 1.2 §2.7.7.2 */
static bool
driver_wants (const CopVirtqueue *vq, uint16_t old, uint16_t new)
{
  if (vq->event_idx)
    return vring_need_event (load16 (used_event (vq), __ATOMIC_RELAXED), new, old);
  return (load16 (&vq->avail->flags, __ATOMIC_RELAXED) & VRING_AVAIL_F_NO_INTERRUPT) == 0;
}

void
cop_virtqueue_publish (CopVirtqueue *vq)
{
  if (!cop_virtqueue_live (vq) || vq->published == vq->s->next_used)
    return;

  vq->published = vq->s->next_used;
  store_device_word (vq, &vq->used->idx, vq->published, __ATOMIC_RELEASE);
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  if (driver_wants (vq, vq->signalled, vq->published))
    cop_virtio_notify_used (vq->virtio);
  vq->signalled = vq->published;
}

void
cop_virtqueue_suppress (CopVirtqueue *vq)
{
  /* With event indices it is enough not to move the event. */
  if (cop_virtqueue_live (vq) && !vq->event_idx)
    store_device_word (vq, &vq->used->flags, VRING_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
}

bool
cop_virtqueue_arm (CopVirtqueue *vq)
{
  if (!cop_virtqueue_live (vq))
    return false;
  if (vq->event_idx)
    store_device_word (vq, avail_event (vq), vq->s->next_avail, __ATOMIC_RELAXED);
  else
    store_device_word (vq, &vq->used->flags, 0, __ATOMIC_RELAXED);
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  return cop_virtqueue_pending (vq);
}
