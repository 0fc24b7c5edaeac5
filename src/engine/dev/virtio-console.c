/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtio console with one port.
 *
 *   transmitq --> cop_chardev_write; a chain that did not fit whole stays at the head of the
 *                 queue, `sent` bytes of it gone
 *   receiveq  <-- as many bytes as the next buffer holds <-- chardev
 *
 * Source: VIRTIO 1.2 §5.3
 */
#include "engine/dev/chardev.h"
#include "engine/dev/virtio-devices.h"
#include "engine/dev/virtio.h"

#include <linux/virtio_console.h>

enum
{
  RECEIVE,
  TRANSMIT,
  N_QUEUES,
};

/* Bytes written before other sources of the I/O thread get their turn. */
#define BURST_BYTES 65536

COP_STATE_BEGIN
typedef struct
{
  COP_VIRTIO_STATE_MEMBERS (N_QUEUES);
  uint64_t sent;                /* bytes written of the chain at the head of the transmit queue */
} CopVirtioConsoleState;
COP_STATE_END

typedef struct
{
  CopVirtio                    virtio;
  CopVirtioConsoleState        s;
  struct virtio_console_config config;
  CopChardev                  *chardev; /* (owned) */
} CopVirtioConsole;

static const CopStateRow console_rows[] = {
  COP_VIRTIO_STATE_ROWS (CopVirtioConsoleState),
  COP_STATE (CopVirtioConsoleState, sent),
};
static const CopStateTable console_state = { "virtio-console", 1,
                                             COP_STATE_ROWS (CopVirtioConsoleState, console_rows) };

/* Writes at most @budget bytes of the chain, from byte s.sent on. Returns: how many the chardev
   took */
static uint64_t
write_chain (CopVirtioConsole *console, const CopVirtqueueChain *chain, uint64_t budget)
{
  struct iovec iov[COP_VIRTQUEUE_MAX_SIZE];
  unsigned n = cop_iov_slice (chain->iov, chain->n_out, console->s.sent, budget, iov);
  uint64_t done = 0;

  for (unsigned i = 0; i < n; i++)
    {
      size_t taken = cop_chardev_write (console->chardev, iov[i].iov_base, iov[i].iov_len);

      done += taken;
      if (taken < iov[i].iov_len)
        break; /* writable() comes when there is room */
    }
  return done;
}

/* Writes what the driver has for us. The lock is held. Returns: whether to come back soon */
static bool
transmit (CopVirtioConsole *console)
{
  CopVirtio *virtio = &console->virtio;
  CopVirtqueue *vq = &virtio->queues[TRANSMIT];
  CopVirtqueueChain *chain = &virtio->chain;
  uint64_t budget = BURST_BYTES;
  unsigned chains = COP_VIRTQUEUE_MAX_SIZE;

  while (cop_virtqueue_pop (vq, chain))
    {
      uint64_t done = write_chain (console, chain, budget);

      console->s.sent += done;
      budget -= done;
      if (console->s.sent < chain->out_length)
        {
          cop_virtqueue_unpop (vq);
          return budget == 0;
        }
      console->s.sent = 0;
      cop_virtqueue_push (vq, chain->head, 0);
      if (budget == 0 || --chains == 0)
        return true;
    }
  return cop_virtqueue_arm (vq);
}

static void
work (CopVirtio *virtio)
{
  CopVirtioConsole *console = (CopVirtioConsole *)virtio;
  bool again = false;

  g_mutex_lock (&virtio->device.lock);
  if (cop_virtio_running (virtio))
    {
      again = transmit (console);
      cop_virtqueue_publish (&virtio->queues[TRANSMIT]);
    }
  g_mutex_unlock (&virtio->device.lock);
  if (again)
    cop_virtio_schedule (virtio);
}

static void
notify (CopVirtio *virtio, CopVirtqueue *vq)
{
  cop_virtqueue_suppress (vq);
  if (vq->index == RECEIVE)
    cop_chardev_accept_input (((CopVirtioConsole *)virtio)->chardev);
  else
    cop_virtio_schedule (virtio);
}

/* Takes the next receive buffer that can hold anything. The lock is held. */
static bool
take_buffer (CopVirtio *virtio)
{
  CopVirtqueue *vq = &virtio->queues[RECEIVE];
  unsigned chains = COP_VIRTQUEUE_MAX_SIZE;

  if (!cop_virtio_running (virtio))
    return false;
  while (chains-- > 0 && cop_virtqueue_pop (vq, &virtio->chain))
    {
      if (virtio->chain.in_length > 0)
        return true;
      cop_virtqueue_push (vq, virtio->chain.head, 0);
    }
  return false;
}

static size_t
can_receive (gpointer data)
{
  CopVirtio *virtio = data;
  CopVirtqueue *vq = &virtio->queues[RECEIVE];
  size_t room = 0;

  g_mutex_lock (&virtio->device.lock);
  if (take_buffer (virtio) || (cop_virtqueue_arm (vq) && take_buffer (virtio)))
    {
      room = MIN (virtio->chain.in_length, BURST_BYTES);
      cop_virtqueue_unpop (vq);
    }
  g_mutex_unlock (&virtio->device.lock);
  return room;
}

static void
receive (gpointer data, const uint8_t *bytes, size_t length)
{
  CopVirtio *virtio = data;
  CopVirtqueue *vq = &virtio->queues[RECEIVE];
  const CopVirtqueueChain *chain = &virtio->chain;

  g_mutex_lock (&virtio->device.lock);
  while (length > 0 && take_buffer (virtio))
    {
      size_t done = cop_iov_write (chain->iov + chain->n_out, chain->n_in, 0, bytes, length);

      cop_iov_written (virtio->device.ram, chain->iov + chain->n_out, chain->n_in, done);
      cop_virtqueue_push (vq, chain->head, done);
      bytes += done;
      length -= done;
    }
  /* What is left has no reader any more: the driver was reset since can_receive(). */
  cop_virtqueue_publish (vq);
  g_mutex_unlock (&virtio->device.lock);
}

static void
writable (gpointer data)
{
  cop_virtio_schedule (data);
}

static const CopChardevOps chardev_ops = { can_receive, receive, writable };

/* One byte for a driver that has no queues yet. */
static void
config_write (CopVirtio *virtio, unsigned offset, unsigned size, uint64_t value)
{
  uint8_t byte = value;

  if (offset == offsetof (struct virtio_console_config, emerg_wr) && size == 4)
    cop_chardev_write (((CopVirtioConsole *)virtio)->chardev, &byte, 1);
}

static void
finalize (CopDevice *device)
{
  g_clear_pointer (&((CopVirtioConsole *)device)->chardev, cop_chardev_free);
  cop_virtio_finalize (device);
}

static const CopVirtioClass console_class = {
  .device_id = VIRTIO_ID_CONSOLE,
  .queue_size = 64,
  .n_queues = N_QUEUES,
  .notify = notify,
  .work = work,
  .config_write = config_write,
};

const CopDeviceType cop_virtio_console_type = {
  .name = "virtio-console",
  .instance_size = sizeof (CopVirtioConsole),
  .state = &console_state,
  .state_offset = offsetof (CopVirtioConsole, s),
  .finalize = finalize,
  COP_VIRTIO_MMIO_TYPE,
};

CopDevice *
cop_virtio_console_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa,
                        CopConsoleConfig *config)
{
  CopVirtioConsole *console = cop_device_new (&cop_virtio_console_type, id, ram, context, gpa);
  CopVirtio *virtio = &console->virtio;

  cop_virtio_init (virtio, &console_class, console->s.mmio, console->s.virtio, console->s.queues);
  virtio->features |=
    COP_VIRTIO_FEATURE (VIRTIO_CONSOLE_F_SIZE) | COP_VIRTIO_FEATURE (VIRTIO_CONSOLE_F_EMERG_WRITE);
  console->config.cols = GUINT16_TO_LE (80);
  console->config.rows = GUINT16_TO_LE (25);
  console->config.max_nr_ports = GUINT32_TO_LE (1);
  virtio->config = &console->config;
  virtio->config_size = sizeof console->config;
  console->chardev = cop_chardev_new (config, context);
  cop_chardev_connect (console->chardev, &chardev_ops, console);
  return &virtio->device;
}

void
cop_virtio_console_resize (CopDevice *device, uint16_t columns, uint16_t rows)
{
  CopVirtioConsole *console = (CopVirtioConsole *)device;

  g_mutex_lock (&device->lock);
  if (console->config.cols != GUINT16_TO_LE (columns) ||
      console->config.rows != GUINT16_TO_LE (rows))
    {
      console->config.cols = GUINT16_TO_LE (columns);
      console->config.rows = GUINT16_TO_LE (rows);
      cop_virtio_config_changed (&console->virtio);
    }
  g_mutex_unlock (&device->lock);
}
