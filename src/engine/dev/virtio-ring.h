/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Split virtqueues, the device's side.
 *
 *   driver area          descriptor table            device area
 *   avail.ring[next] --> desc[head] -> desc -> ...   used.ring[next] = { head, bytes written }
 *   avail.idx            (or one indirect table)     used.idx
 *
 * The guest shares every byte of it with us and may change it at any time: each word is read once,
 * checked, and used from the copy. Whatever breaks the rules stops the device (NEEDS_RESET) until
 * the driver resets it.
 *
 * The owner's device lock guards everything here.
 *
 * Source: VIRTIO 1.2 §2.6, §2.7
 */
#pragma once

#include "engine/iov.h"
#include "engine/ram.h"
#include "engine/state.h"

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

/* The largest queue, hence the longest chain. */
#define COP_VIRTQUEUE_MAX_SIZE 256

COP_STATE_BEGIN
typedef struct
{
  uint64_t desc_gpa;
  uint64_t driver_gpa;          /* avail ring */
  uint64_t device_gpa;          /* used ring */
  uint16_t size;                /* entries */
  uint16_t next_avail;          /* next entry of the avail ring to take */
  uint16_t next_used;           /* next entry of the used ring to fill */
  bool     ready;
  uint8_t  reserved;
} CopVirtqueueState;
COP_STATE_END

extern const CopStateTable cop_virtqueue_state_table;

typedef struct CopVirtio CopVirtio;

typedef struct
{
  CopVirtqueueState  *s;        /* (unowned) */
  CopVirtio          *virtio;   /* (unowned) */
  uint16_t            index;
  uint16_t            max_size;
  /* Derived from s; NULL unless the queue is live. */
  const uint8_t      *desc;
  struct vring_avail *avail;
  struct vring_used  *used;
  uint16_t            published;        /* used.idx as the driver sees it */
  uint16_t            signalled;        /* used.idx when the driver was last considered */
  bool                event_idx;
  bool                indirect;
} CopVirtqueue;

/* A chain, taken apart: what the device reads, then what it writes. */
typedef struct
{
  uint16_t     head;
  uint16_t     n_out, n_in;     /* segments */
  uint64_t     out_length, in_length;   /* bytes */
  struct iovec iov[COP_VIRTQUEUE_MAX_SIZE];     /* n_out, then n_in; all inside DRAM */
} CopVirtqueueChain;

/**
 * cop_virtqueue_map:
 * Makes the queue live as its state says, if that is ready.
 *
 * Returns: false when size, alignment or place of a ring are not allowed; the queue is dead then
 */
bool cop_virtqueue_map (CopVirtqueue *vq);
void cop_virtqueue_unmap (CopVirtqueue *vq);

static inline bool
cop_virtqueue_live (const CopVirtqueue *vq)
{
  return vq->desc != NULL;
}

/**
 * cop_virtqueue_pop:
 * Takes the next available chain. A chain that breaks the rules stops the device.
 *
 * Returns: false when there is none
 */
bool cop_virtqueue_pop (CopVirtqueue *vq, CopVirtqueueChain *chain);

/* Puts back the chain that was popped last and not pushed. */
void cop_virtqueue_unpop (CopVirtqueue *vq);

/* Whether the driver has made more chains available than were popped. */
bool cop_virtqueue_pending (CopVirtqueue *vq);

/**
 * cop_virtqueue_push:
 * @written: bytes that the device wrote, from the start of the chain's in segments
 *
 * Returns the chain at @head to the driver, with the next cop_virtqueue_publish().
 */
void cop_virtqueue_push (CopVirtqueue *vq, uint16_t head, uint32_t written);

/* Lets the driver see what was pushed, and interrupts it if it wants to be. */
void cop_virtqueue_publish (CopVirtqueue *vq);

/* Asks the driver not to notify: somebody is looking at the queue already. */
void cop_virtqueue_suppress (CopVirtqueue *vq);

/**
 * cop_virtqueue_arm:
 * Asks the driver to notify of the next chain.
 *
 * Returns: whether there is one already, that the driver may not notify of
 */
bool cop_virtqueue_arm (CopVirtqueue *vq);
