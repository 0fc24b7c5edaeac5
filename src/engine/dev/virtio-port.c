/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The bytes of a virtio console's port.
 */
#include "engine/dev/virtio-port.h"

/* Bytes written before other sources of the I/O thread get their turn. */
#define BURST_BYTES 65536

/* Writes at most @budget bytes of the chain, from byte *sent on. Returns: how many the chardev took
 */
static uint64_t
write_chain (CopVirtioPort *port, const CopVirtqueueChain *chain, uint64_t budget)
{
  struct iovec iov[COP_VIRTQUEUE_MAX_SIZE];
  unsigned n = cop_iov_slice (chain->iov, chain->n_out, *port->sent, budget, iov);
  uint64_t done = 0;

  for (unsigned i = 0; i < n; i++)
    {
      size_t taken = cop_chardev_write (port->chardev, iov[i].iov_base, iov[i].iov_len);

      done += taken;
      if (taken < iov[i].iov_len)
        break; /* writable() comes when there is room */
    }
  return done;
}

static bool
transmit (CopVirtioPort *port, CopVirtqueue *vq)
{
  CopVirtqueueChain *chain = &port->virtio->chain;
  uint64_t budget = BURST_BYTES;
  unsigned chains = COP_VIRTQUEUE_MAX_SIZE;

  while (cop_virtqueue_pop (vq, chain))
    {
      uint64_t done = write_chain (port, chain, budget);

      *port->sent += done;
      budget -= done;
      if (*port->sent < chain->out_length)
        {
          cop_virtqueue_unpop (vq);
          return budget == 0;
        }
      *port->sent = 0;
      cop_virtqueue_push (vq, chain->head, 0);
      if (budget == 0 || --chains == 0)
        return true;
    }
  return cop_virtqueue_arm (vq);
}

bool
cop_virtio_port_transmit (CopVirtioPort *port)
{
  CopVirtqueue *vq = &port->virtio->queues[port->transmit];
  bool again;

  if (!cop_virtio_running (port->virtio))
    return false;
  again = transmit (port, vq);
  cop_virtqueue_publish (vq);
  return again;
}

void
cop_virtio_port_finish (CopVirtioPort *port)
{
  CopVirtqueue *vq = &port->virtio->queues[port->transmit];
  unsigned bursts = COP_VIRTQUEUE_MAX_SIZE;

  if (!cop_virtqueue_live (vq) || (port->virtio->s->status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0)
    return;
  while (bursts-- > 0 && transmit (port, vq))
    continue;
}

void
cop_virtio_port_notify (CopVirtioPort *port, CopVirtqueue *vq)
{
  cop_virtqueue_suppress (vq);
  if (vq->index == port->receive)
    cop_chardev_accept_input (port->chardev);
  else
    cop_virtio_schedule (port->virtio);
}

/* Takes the next receive buffer that can hold anything. */
static bool
take_buffer (CopVirtioPort *port)
{
  CopVirtio *virtio = port->virtio;
  CopVirtqueue *vq = &virtio->queues[port->receive];
  unsigned chains = COP_VIRTQUEUE_MAX_SIZE;

  if (!cop_virtio_running (virtio) || (port->guest_open != NULL && !*port->guest_open))
    return false;
  while (chains-- > 0 && cop_virtqueue_pop (vq, &virtio->chain))
    {
      if (virtio->chain.in_length > 0)
        return true;
      cop_virtqueue_push (vq, virtio->chain.head, 0);
    }
  return false;
}

/* ---- from the chardev, on the I/O thread; the lock is free ---- */

static size_t
can_receive (gpointer data)
{
  CopVirtioPort *port = data;
  CopVirtio *virtio = port->virtio;
  CopVirtqueue *vq = &virtio->queues[port->receive];
  size_t room = 0;

  g_mutex_lock (&virtio->device.lock);
  if (take_buffer (port) || (cop_virtqueue_arm (vq) && take_buffer (port)))
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
  CopVirtioPort *port = data;
  CopVirtio *virtio = port->virtio;
  CopVirtqueue *vq = &virtio->queues[port->receive];
  const CopVirtqueueChain *chain = &virtio->chain;

  g_mutex_lock (&virtio->device.lock);
  while (length > 0 && take_buffer (port))
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
  cop_virtio_schedule (((CopVirtioPort *) data)->virtio);
}

static void
opened (gpointer data, bool open)
{
  CopVirtioPort *port = data;

  if (port->opened != NULL)
    port->opened (port, open);
}

static const CopChardevOps chardev_ops = { can_receive, receive, writable, opened };

void
cop_virtio_port_init (CopVirtioPort *port, CopConsoleConfig *console)
{
  port->chardev = cop_chardev_new (console, port->virtio->device.context);
  cop_chardev_connect (port->chardev, &chardev_ops, port);
}

void
cop_virtio_port_clear (CopVirtioPort *port)
{
  g_clear_pointer (&port->chardev, cop_chardev_free);
}
