/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A virtio driver in miniature, for tests: it knows nothing of the device but its registers, its
 * interrupt line and guest memory.
 */
#pragma once

#include "engine/dev/bus.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define TEST_VIRTIO_QUEUES 20
#define TEST_GPA UINT64_C (0x80000000)
#define TEST_RAM_SIZE (UINT64_C (64) << 20)
#define TEST_MMIO UINT64_C (0x10001000)

typedef struct
{
  unsigned            size;
  uint64_t            desc_gpa, avail_gpa, used_gpa;
  struct vring_desc  *desc;
  struct vring_avail *avail;
  struct vring_used  *used;
  uint16_t            last_used;
  uint16_t            next_desc;        /* the next free one, round and round */
} TestQueue;

typedef struct
{
  CopRam       *ram;
  GMainContext *context;
  GMainLoop    *loop;
  GThread      *thread;         /* the I/O thread */
  CopBus        bus;
  CopDevice    *device;         /* (unowned) */
  TestQueue     queues[TEST_VIRTIO_QUEUES];
  uint64_t      next_gpa;       /* free guest memory begins here */
  uint64_t      features;       /* accepted */
  bool          use_indirect;
  GMutex        lock;
  GCond         irq_changed;
  bool          irq;            /* guarded by lock */
  unsigned      irqs;           /* rising edges; guarded by lock */
} TestVirtio;

/* A buffer of a chain. */
typedef struct
{
  uint64_t gpa;
  uint32_t length;
  bool     in;                  /* the device writes it */
} TestSegment;

/* RAM; then the device (transfer full) at TEST_MMIO, and an I/O thread. */
TestVirtio *test_virtio_new (void);
void test_virtio_attach (TestVirtio *t, CopDevice *device);
void test_virtio_free (TestVirtio *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestVirtio, test_virtio_free)

uint32_t test_virtio_read (TestVirtio *t, uint64_t offset);
void test_virtio_write (TestVirtio *t, uint64_t offset, uint32_t value);

/* Guest memory, zeroed and aligned to 16 bytes; its host address with test_virtio_at(). */
uint64_t test_virtio_alloc (TestVirtio *t, uint64_t length);
void *test_virtio_at (TestVirtio *t, uint64_t gpa);

/* Resets the device and goes through initialisation with the features of @wanted that it offers and
   @n_queues queues of @size. */
void test_virtio_start (TestVirtio *t, uint64_t wanted, unsigned n_queues, unsigned size);

/* Makes a chain available. Returns: its head */
uint16_t test_virtio_add (TestVirtio *t, unsigned queue, const TestSegment *segments, unsigned n);
void test_virtio_notify (TestVirtio *t, unsigned queue);

/* Whether a chain came back: head and length. */
bool test_virtio_take (TestVirtio *t, unsigned queue, uint16_t *head, uint32_t *length);

/* Waits for one, by interrupt; fails the test after a long time. Returns: its length */
uint32_t test_virtio_wait (TestVirtio *t, unsigned queue, uint16_t *head);

/* Runs @func on the I/O thread and waits for it. */
void test_virtio_on_io_thread (TestVirtio *t, void (*func) (gpointer), gpointer data);

/* quiesce, save into a copy, and what a machine does to load one. */
void *test_virtio_save (TestVirtio *t);
void test_virtio_load (TestVirtio *t, const void *state);
void test_virtio_quiesce (TestVirtio *t);
void test_virtio_resume (TestVirtio *t);
