/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The virtio-mmio transport, version 2: 32-bit registers, then the config space at 0x100.
 *
 * Source: VIRTIO 1.2 §4.2.2
 */
#include "engine/dev/virtio.h"

#include "engine/ram-trim.h"

#include <linux/virtio_mmio.h>

#define MAGIC 0x74726976 /* "virt" */
#define VERSION 2
#define VENDOR 0x554d4551 /* as QEMU's, for drivers that look */

static const CopStateRow mmio_rows[] = {
  COP_STATE (CopVirtioMmioState, device_features_sel),
  COP_STATE (CopVirtioMmioState, driver_features_sel),
  COP_STATE (CopVirtioMmioState, queue_sel),
  COP_STATE (CopVirtioMmioState, interrupt_status,
             .mask = VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG),
};
const CopStateTable cop_virtio_mmio_state_table = {
  "virtio-mmio", 1, COP_STATE_ROWS (CopVirtioMmioState, mmio_rows)
};

static void
raise_interrupt (CopVirtio *virtio, uint32_t cause)
{
  virtio->mmio->interrupt_status |= cause;
  cop_device_update_irq (&virtio->device);
}

static void
notify_used (CopVirtio *virtio)
{
  raise_interrupt (virtio, VIRTIO_MMIO_INT_VRING);
}

static void
notify_config (CopVirtio *virtio)
{
  raise_interrupt (virtio, VIRTIO_MMIO_INT_CONFIG);
}

const CopVirtioTransport cop_virtio_mmio_transport = {
  .notify_used = notify_used,
  .notify_config = notify_config,
};

bool
cop_virtio_mmio_irq_level (const CopDevice *device)
{
  return ((const CopVirtio *)device)->mmio->interrupt_status != 0;
}

/* Half @select of a 64-bit set; there is nothing beyond the second. */
static uint32_t
half_of (uint64_t value, uint32_t select)
{
  return select > 1 ? 0 : value >> (32 * select);
}

static uint64_t
with_half (uint64_t value, uint32_t select, uint32_t half)
{
  unsigned shift = 32 * select;

  return (value & ~(UINT64_C (0xffffffff) << shift)) | ((uint64_t)half << shift);
}

/* The queue that the driver selected, or NULL. */
static CopVirtqueue *
selected_queue (CopVirtio *virtio)
{
  return virtio->mmio->queue_sel < virtio->class->n_queues
           ? &virtio->queues[virtio->mmio->queue_sel]
           : NULL;
}

uint64_t
cop_virtio_mmio_read (CopDevice *device, uint64_t offset, unsigned size)
{
  CopVirtio *virtio = (CopVirtio *)device;
  const CopVirtqueue *vq = selected_queue (virtio);

  if (offset >= VIRTIO_MMIO_CONFIG)
    return cop_virtio_config_read (virtio, offset - VIRTIO_MMIO_CONFIG, size);
  if (size != 4)
    return 0;

  switch (offset)
    {
    case VIRTIO_MMIO_MAGIC_VALUE:
      return MAGIC;
    case VIRTIO_MMIO_VERSION:
      return VERSION;
    case VIRTIO_MMIO_DEVICE_ID:
      return virtio->class->device_id;
    case VIRTIO_MMIO_VENDOR_ID:
      return VENDOR;
    case VIRTIO_MMIO_DEVICE_FEATURES:
      return half_of (virtio->features, virtio->mmio->device_features_sel);
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
      return vq == NULL ? 0 : vq->max_size;
    case VIRTIO_MMIO_QUEUE_READY:
      return vq != NULL && vq->s->ready;
    case VIRTIO_MMIO_INTERRUPT_STATUS:
      return virtio->mmio->interrupt_status;
    case VIRTIO_MMIO_STATUS:
      return virtio->s->status;
    case VIRTIO_MMIO_SHM_LEN_LOW:
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH:
      return UINT32_MAX; /* no such region */
    case VIRTIO_MMIO_CONFIG_GENERATION:
      return virtio->s->config_generation;
    default:
      return 0;
    }
}

/* Registers of the selected queue; fixed while it is live. */
static void
write_queue (CopVirtqueue *vq, uint64_t offset, uint32_t value)
{
  CopVirtqueueState *s = vq->s;

  if (s->ready)
    return;
  switch (offset)
    {
    case VIRTIO_MMIO_QUEUE_NUM:
      /* Too large is as wrong as 0, and found when the queue is made ready. */
      s->size = value <= vq->max_size ? value : 0;
      break;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
      s->desc_gpa = with_half (s->desc_gpa, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
      break;
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
      s->driver_gpa = with_half (s->driver_gpa, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
      break;
    case VIRTIO_MMIO_QUEUE_USED_LOW:
    case VIRTIO_MMIO_QUEUE_USED_HIGH:
      s->device_gpa = with_half (s->device_gpa, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
      break;
    default:
      break;
    }
}

void
cop_virtio_mmio_write (CopDevice *device, uint64_t offset, unsigned size, uint64_t value)
{
  CopVirtio *virtio = (CopVirtio *)device;
  CopVirtioMmioState *s = virtio->mmio;
  CopVirtqueue *vq = selected_queue (virtio);

  if (offset >= VIRTIO_MMIO_CONFIG)
    {
      if (virtio->class->config_write != NULL)
        virtio->class->config_write (virtio, offset - VIRTIO_MMIO_CONFIG, size, value);
      return;
    }
  if (size != 4)
    return;

  switch (offset)
    {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
      s->device_features_sel = value;
      break;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
      s->driver_features_sel = value;
      break;
    case VIRTIO_MMIO_DRIVER_FEATURES:
      if (s->driver_features_sel <= 1 && (virtio->s->status & VIRTIO_CONFIG_S_FEATURES_OK) == 0)
        virtio->s->driver_features =
          with_half (virtio->s->driver_features, s->driver_features_sel, value);
      break;
    case VIRTIO_MMIO_QUEUE_SEL:
      s->queue_sel = value;
      break;
    case VIRTIO_MMIO_QUEUE_READY:
      /* From now on the device may write to memory. */
      cop_ram_set_sole_writer (device->ram, NULL);
      if (vq != NULL)
        cop_virtio_set_queue_ready (virtio, vq->index, (value & 1) != 0);
      break;
    case VIRTIO_MMIO_QUEUE_NOTIFY:
      cop_virtio_notify (virtio, value & 0xffff);
      break;
    case VIRTIO_MMIO_INTERRUPT_ACK:
      s->interrupt_status &= ~value;
      break;
    case VIRTIO_MMIO_STATUS:
      cop_virtio_set_status (virtio, value & 0xff);
      break;
    default:
      if (vq != NULL)
        write_queue (vq, offset, value);
      break;
    }
}
