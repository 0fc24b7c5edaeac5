/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What all virtio devices share: status, features, queues, config space; and the door between
 * them and their transport. See docs/virtio.md.
 *
 *   CopDeviceType          virtio-mmio.c            virtio.c, virtio-ring.c      virtio-*.c
 *   read, write      -->   registers          -->   status, queues         -->   CopVirtioClass
 *   irq_level        <--   interrupt status   <--   CopVirtioTransport     <--   push, publish
 *
 * Everything here is called with the device's lock held, unless it says otherwise.
 *
 * Source: VIRTIO 1.2 §2, §3
 */
#pragma once

#include "common/ratelimit.h"
#include "engine/dev/device.h"
#include "engine/dev/virtio-ring.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#define COP_VIRTIO_MAX_QUEUES 20 /* of a virtio-serial device with eight channels */
#define COP_VIRTIO_FEATURE(bit) (UINT64_C (1) << (bit))

/* Offered by every device. */
#define COP_VIRTIO_CORE_FEATURES                                                                  \
  (COP_VIRTIO_FEATURE (VIRTIO_F_VERSION_1) | COP_VIRTIO_FEATURE (VIRTIO_RING_F_INDIRECT_DESC)     \
   | COP_VIRTIO_FEATURE (VIRTIO_RING_F_EVENT_IDX))

COP_STATE_BEGIN
typedef struct
{
  uint64_t driver_features;
  uint32_t config_generation;
  uint8_t  status;
  uint8_t  reserved[3];
} CopVirtioState;

/* Of the virtio-mmio transport. */
typedef struct
{
  uint32_t device_features_sel;
  uint32_t driver_features_sel;
  uint32_t queue_sel;
  uint32_t interrupt_status;
} CopVirtioMmioState;
COP_STATE_END

extern const CopStateTable cop_virtio_state_table;
extern const CopStateTable cop_virtio_mmio_state_table;

/* What the state struct of every virtio device on virtio-mmio begins with; rows for it. */
#define COP_VIRTIO_STATE_MEMBERS(n_queues)                                                        \
  CopVirtioMmioState mmio[1];                                                                     \
  CopVirtioState     virtio[1];                                                                   \
  CopVirtqueueState  queues[n_queues]
#define COP_VIRTIO_STATE_ROWS(type)                                                               \
  COP_STATE_STRUCTS (type, mmio, &cop_virtio_mmio_state_table),                                   \
  COP_STATE_STRUCTS (type, virtio, &cop_virtio_state_table),                                      \
  COP_STATE_STRUCTS (type, queues, &cop_virtqueue_state_table)

/* How a device reaches its driver. */
typedef struct
{
  void (*notify_used)   (CopVirtio *virtio);
  void (*notify_config) (CopVirtio *virtio);
} CopVirtioTransport;

extern const CopVirtioTransport cop_virtio_mmio_transport;

/* A kind of device. */
typedef struct
{
  uint16_t device_id;           /* VIRTIO 1.2 §5 */
  uint16_t queue_size;          /* at most COP_VIRTQUEUE_MAX_SIZE */
  uint8_t  n_queues;

  /* The driver is ready: from now on queues may be served. (nullable) */
  void (*start)        (CopVirtio *virtio);
  /* Finishes or drops what is in flight, waiting up to @patience_ms for each answer of the host.
     Returns: whether guest memory is left alone from now on. (nullable) */
  bool (*stop)         (CopVirtio *virtio, unsigned patience_ms);
  /* stop() failed and the device is reset nevertheless: what is in flight may reach into guest
     memory, but no driver hears of it any more. (nullable, with stop) */
  void (*abandon)      (CopVirtio *virtio);
  /* Chains may be available on @vq. On a hart's thread: must not block. */
  void (*notify)       (CopVirtio *virtio, CopVirtqueue *vq);
  /* What cop_virtio_schedule() asked for, on the I/O thread. The lock is NOT held. (nullable) */
  void (*work)         (CopVirtio *virtio);
  /* The driver wrote to the config space, bytes [offset, offset + size). (nullable) */
  void (*config_write) (CopVirtio *virtio, unsigned offset, unsigned size, uint64_t value);
} CopVirtioClass;

struct CopVirtio
{
  CopDevice                 device;
  const CopVirtioClass     *class;
  const CopVirtioTransport *transport;
  CopVirtioMmioState       *mmio;       /* (unowned): in the device's state, as the next two */
  CopVirtioState           *s;
  uint64_t                  features;   /* offered */
  const void               *config;     /* (unowned): device-specific, little-endian */
  size_t                    config_size;
  CopVirtqueue              queues[COP_VIRTIO_MAX_QUEUES];
  GSource                  *source;     /* (owned): runs class->work */
  bool                      paused;     /* between quiesce and resume */
  CopRateLimit              log_limit;
  CopVirtqueueChain         chain;      /* room for the one being looked at */
};

/**
 * cop_virtio_init:
 * @mmio, @state, @queues: in the state struct of the device that embeds @virtio
 *
 * Second step of every constructor, after cop_device_new(). Features and config are the caller's
 * to set.
 */
void cop_virtio_init (CopVirtio *virtio, const CopVirtioClass *class, CopVirtioMmioState *mmio,
                      CopVirtioState *state, CopVirtqueueState *queues);

/* For CopDeviceType: finalize (the last step of a device's own), reset, quiesce and resume. */
void cop_virtio_finalize (CopDevice *device);
void cop_virtio_reset (CopDevice *device);
bool cop_virtio_quiesce (CopDevice *device, unsigned patience_ms);
void cop_virtio_resume (CopDevice *device);

/* For CopDeviceType: the registers of virtio-mmio, version 2. */
#define COP_VIRTIO_MMIO_SIZE 0x200
#define COP_VIRTIO_MMIO_COMPATIBLE "virtio,mmio"
#define COP_VIRTIO_MMIO_FDT_NAME "virtio_mmio"
uint64_t cop_virtio_mmio_read (CopDevice *device, uint64_t offset, unsigned size);
void cop_virtio_mmio_write (CopDevice *device, uint64_t offset, unsigned size, uint64_t value);
bool cop_virtio_mmio_irq_level (const CopDevice *device);

/* The columns of a virtio-mmio device's type that are always the same; the second for one that has
   more to do when it is reset and when it goes on. */
#define COP_VIRTIO_MMIO_TYPE COP_VIRTIO_MMIO_TYPE_WITH (cop_virtio_reset, cop_virtio_resume)
#define COP_VIRTIO_MMIO_TYPE_WITH(own_reset, own_resume)                                           \
  .fdt_name = COP_VIRTIO_MMIO_FDT_NAME, .compatible = COP_VIRTIO_MMIO_COMPATIBLE,                  \
  .mmio_size = COP_VIRTIO_MMIO_SIZE, .read = cop_virtio_mmio_read, .write = cop_virtio_mmio_write, \
  .irq_level = cop_virtio_mmio_irq_level, .reset = own_reset, .quiesce = cop_virtio_quiesce,       \
  .resume = own_resume

static inline bool
cop_virtio_has_feature (const CopVirtio *virtio, unsigned bit)
{
  return (virtio->s->driver_features >> bit) & 1;
}

/* Whether queues may be served now. */
static inline bool
cop_virtio_running (const CopVirtio *virtio)
{
  return !virtio->paused
         && (virtio->s->status & (VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET))
              == VIRTIO_CONFIG_S_DRIVER_OK;
}

/* From the transport: the driver writes the status, makes queue @index live or dead, notifies. */
void cop_virtio_set_status (CopVirtio *virtio, uint8_t status);
void cop_virtio_set_queue_ready (CopVirtio *virtio, unsigned index, bool ready);
void cop_virtio_notify (CopVirtio *virtio, unsigned index);

/* From the transport: @size bytes of the config space; what is not there reads as zero. */
uint64_t cop_virtio_config_read (const CopVirtio *virtio, uint64_t offset, unsigned size);

/* To the driver: there are used chains; the config space changed. */
void cop_virtio_notify_used (CopVirtio *virtio);
void cop_virtio_config_changed (CopVirtio *virtio);

/* The driver broke the rules: nothing is served until it resets the device. Logged, not often. */
void cop_virtio_broken (CopVirtio *virtio, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Has class->work called on the I/O thread, soon and once. With or without the lock. */
void cop_virtio_schedule (CopVirtio *virtio);
