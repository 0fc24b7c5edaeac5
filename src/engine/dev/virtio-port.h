/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A port of a virtio console: a pair of queues at one end, a chardev at the other.
 *
 *   transmit queue --> cop_chardev_write; a chain that did not fit whole stays at the head of the
 *                      queue, `sent` bytes of it gone
 *   receive queue  <-- as many bytes as the next buffer holds <-- chardev
 *
 * Everything here is called with the device's lock held, unless it says otherwise.
 *
 * Source: VIRTIO 1.2 §5.3.6
 */
#pragma once

#include "engine/dev/chardev.h"
#include "engine/dev/virtio.h"

typedef struct CopVirtioPort CopVirtioPort;

struct CopVirtioPort
{
  CopVirtio *virtio; /* (unowned) */
  unsigned receive, transmit; /* numbers of its queues */
  uint64_t *sent; /* (unowned): in the state: bytes written of the chain at the head of
                     the transmit queue */
  const bool *guest_open; /* (unowned) (nullable): in the state: nothing is received while false */
  CopChardev *chardev; /* (owned) */
  /* The other end is there or not: on the I/O thread, the lock is NOT held. (nullable) */
  void (*opened) (CopVirtioPort *port, bool open);
};

/**
 * cop_virtio_port_init:
 * @port: with all members set but @chardev
 * @console: its descriptors are taken over and become -1
 */
void cop_virtio_port_init (CopVirtioPort *port, CopConsoleConfig *console);

/* With the lock free, on the I/O thread or with it not running. */
void cop_virtio_port_clear (CopVirtioPort *port);

/* For CopVirtioClass.notify: chains may be available on @vq, one of the port's. */
void cop_virtio_port_notify (CopVirtioPort *port, CopVirtqueue *vq);

/* For CopVirtioClass.work: writes what the driver has for us. Returns: whether to come back soon */
bool cop_virtio_port_transmit (CopVirtioPort *port);

/* For CopVirtioClass.stop: what the driver had made available before it stopped, or powered off, is
   output all the same, as much of it as the reader takes at once. */
void cop_virtio_port_finish (CopVirtioPort *port);
