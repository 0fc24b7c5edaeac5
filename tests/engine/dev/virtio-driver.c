/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A virtio driver in miniature, for tests.
 */
#include "virtio-driver.h"

#include <string.h>

/* How long to wait for what must come: only to end a test that hangs. */
#define PATIENCE_US (60 * G_TIME_SPAN_SECOND)

static gpointer
run_loop (gpointer data)
{
  TestVirtio *t = data;

  g_main_context_push_thread_default (t->context);
  g_main_loop_run (t->loop);
  g_main_context_pop_thread_default (t->context);
  return NULL;
}

static void
set_irq (gpointer controller, unsigned source, bool level)
{
  TestVirtio *t = controller;

  g_assert_cmpuint (source, ==, 1);
  g_mutex_lock (&t->lock);
  if (level && !t->irq)
    t->irqs++;
  t->irq = level;
  g_cond_broadcast (&t->irq_changed);
  g_mutex_unlock (&t->lock);
}

TestVirtio *
test_virtio_new (void)
{
  TestVirtio *t = g_new0 (TestVirtio, 1);
  g_autoptr (GError) error = NULL;

  t->ram = cop_ram_new (TEST_GPA, TEST_RAM_SIZE, -1, &error);
  g_assert_no_error (error);
  t->next_gpa = TEST_GPA;
  t->context = g_main_context_new ();
  t->loop = g_main_loop_new (t->context, FALSE);
  g_mutex_init (&t->lock);
  g_cond_init (&t->irq_changed);
  cop_bus_init (&t->bus);
  return t;
}

void
test_virtio_attach (TestVirtio *t, CopDevice *device)
{
  g_assert_nonnull (device);
  t->device = device;
  cop_device_connect_irq (device, 1, (CopIrqSink){ .set = set_irq, .controller = t });
  cop_bus_add (&t->bus, device);
  t->thread = g_thread_new ("io", run_loop, t);
}

static gboolean
quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

void
test_virtio_free (TestVirtio *t)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  if (t->thread != NULL)
    {
      g_source_set_callback (source, quit, t->loop, NULL);
      g_source_attach (source, t->context);
      g_thread_join (t->thread);
    }
  cop_bus_clear (&t->bus);
  g_main_loop_unref (t->loop);
  g_main_context_unref (t->context);
  cop_ram_free (t->ram);
  g_mutex_clear (&t->lock);
  g_cond_clear (&t->irq_changed);
  g_free (t);
}

uint32_t
test_virtio_read (TestVirtio *t, uint64_t offset)
{
  uint64_t value = 0;

  g_assert_true (cop_bus_read (&t->bus, TEST_MMIO + offset, 4, &value));
  return value;
}

void
test_virtio_write (TestVirtio *t, uint64_t offset, uint32_t value)
{
  g_assert_true (cop_bus_write (&t->bus, TEST_MMIO + offset, 4, value));
}

uint64_t
test_virtio_alloc (TestVirtio *t, uint64_t length)
{
  uint64_t gpa = t->next_gpa;

  t->next_gpa += (length + 15) & ~UINT64_C (15);
  g_assert_cmpuint (t->next_gpa, <=, TEST_GPA + TEST_RAM_SIZE);
  memset (test_virtio_at (t, gpa), 0, length);
  return gpa;
}

void *
test_virtio_at (TestVirtio *t, uint64_t gpa)
{
  uint8_t *hva = cop_ram_span (t->ram, gpa, 1);

  g_assert_nonnull (hva);
  return hva;
}

static void
write_gpa (TestVirtio *t, uint64_t offset, uint64_t gpa)
{
  test_virtio_write (t, offset, gpa);
  test_virtio_write (t, offset + 4, gpa >> 32);
}

static void
add_status (TestVirtio *t, uint32_t bits)
{
  uint32_t status = test_virtio_read (t, VIRTIO_MMIO_STATUS) | bits;

  test_virtio_write (t, VIRTIO_MMIO_STATUS, status);
  g_assert_cmphex (test_virtio_read (t, VIRTIO_MMIO_STATUS), ==, status);
}

static void
setup_queue (TestVirtio *t, unsigned index, unsigned size)
{
  TestQueue *q = &t->queues[index];

  test_virtio_write (t, VIRTIO_MMIO_QUEUE_SEL, index);
  g_assert_cmpuint (test_virtio_read (t, VIRTIO_MMIO_QUEUE_READY), ==, 0);
  size = MIN (size, test_virtio_read (t, VIRTIO_MMIO_QUEUE_NUM_MAX));
  g_assert_cmpuint (size, >, 0);

  *q = (TestQueue){ .size = size };
  q->desc_gpa = test_virtio_alloc (t, size * sizeof (struct vring_desc));
  q->avail_gpa = test_virtio_alloc (t, 6 + 2 * size);
  q->used_gpa = test_virtio_alloc (t, 6 + 8 * size);
  q->desc = test_virtio_at (t, q->desc_gpa);
  q->avail = test_virtio_at (t, q->avail_gpa);
  q->used = test_virtio_at (t, q->used_gpa);

  test_virtio_write (t, VIRTIO_MMIO_QUEUE_NUM, size);
  write_gpa (t, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc_gpa);
  write_gpa (t, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q->avail_gpa);
  write_gpa (t, VIRTIO_MMIO_QUEUE_USED_LOW, q->used_gpa);
  test_virtio_write (t, VIRTIO_MMIO_QUEUE_READY, 1);
  g_assert_cmpuint (test_virtio_read (t, VIRTIO_MMIO_QUEUE_READY), ==, 1);
}

void
test_virtio_start (TestVirtio *t, uint64_t wanted, unsigned n_queues, unsigned size)
{
  uint64_t offered;

  test_virtio_write (t, VIRTIO_MMIO_STATUS, 0);
  g_assert_cmphex (test_virtio_read (t, VIRTIO_MMIO_STATUS), ==, 0);
  add_status (t, VIRTIO_CONFIG_S_ACKNOWLEDGE);
  add_status (t, VIRTIO_CONFIG_S_DRIVER);

  test_virtio_write (t, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
  offered = test_virtio_read (t, VIRTIO_MMIO_DEVICE_FEATURES);
  test_virtio_write (t, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
  offered |= (uint64_t)test_virtio_read (t, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
  t->features = offered & (wanted | UINT64_C (1) << VIRTIO_F_VERSION_1);
  test_virtio_write (t, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
  test_virtio_write (t, VIRTIO_MMIO_DRIVER_FEATURES, t->features);
  test_virtio_write (t, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
  test_virtio_write (t, VIRTIO_MMIO_DRIVER_FEATURES, t->features >> 32);
  add_status (t, VIRTIO_CONFIG_S_FEATURES_OK);

  for (unsigned i = 0; i < n_queues; i++)
    setup_queue (t, i, size);
  add_status (t, VIRTIO_CONFIG_S_DRIVER_OK);
}

static void
fill_table (struct vring_desc *table, unsigned size, unsigned first, const TestSegment *segments,
            unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    table[(first + i) % size] = (struct vring_desc){
      .addr = segments[i].gpa,
      .len = segments[i].length,
      .flags = (segments[i].in ? VRING_DESC_F_WRITE : 0) | (i + 1 < n ? VRING_DESC_F_NEXT : 0),
      .next = i + 1 < n ? (first + i + 1) % size : 0,
    };
}

uint16_t
test_virtio_add (TestVirtio *t, unsigned queue, const TestSegment *segments, unsigned n)
{
  TestQueue *q = &t->queues[queue];
  uint16_t head = q->next_desc;
  uint16_t idx = q->avail->idx;

  if (t->use_indirect)
    {
      uint64_t gpa = test_virtio_alloc (t, n * sizeof (struct vring_desc));

      fill_table (test_virtio_at (t, gpa), n, 0, segments, n);
      q->desc[head] = (struct vring_desc){ .addr = gpa,
                                           .len = n * sizeof (struct vring_desc),
                                           .flags = VRING_DESC_F_INDIRECT };
      n = 1;
    }
  else
    fill_table (q->desc, q->size, head, segments, n);
  q->next_desc = (head + n) % q->size;

  __atomic_store_n (&q->avail->ring[idx % q->size], head, __ATOMIC_RELAXED);
  __atomic_store_n (&q->avail->idx, idx + 1, __ATOMIC_RELEASE);
  return head;
}

void
test_virtio_notify (TestVirtio *t, unsigned queue)
{
  test_virtio_write (t, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

bool
test_virtio_take (TestVirtio *t, unsigned queue, uint16_t *head, uint32_t *length)
{
  TestQueue *q = &t->queues[queue];
  struct vring_used_elem *elem;

  if (__atomic_load_n (&q->used->idx, __ATOMIC_ACQUIRE) == q->last_used)
    return false;
  elem = &q->used->ring[q->last_used % q->size];
  if (head != NULL)
    *head = __atomic_load_n (&elem->id, __ATOMIC_RELAXED);
  if (length != NULL)
    *length = __atomic_load_n (&elem->len, __ATOMIC_RELAXED);
  q->last_used++;
  /* The used event: interrupt for the very next one. */
  __atomic_store_n (&q->avail->ring[q->size], q->last_used, __ATOMIC_RELAXED);
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  return true;
}

uint32_t
test_virtio_wait (TestVirtio *t, unsigned queue, uint16_t *head)
{
  int64_t deadline = g_get_monotonic_time () + PATIENCE_US;
  uint32_t length = 0;

  while (!test_virtio_take (t, queue, head, &length))
    {
      bool raised;

      g_mutex_lock (&t->lock);
      while (!t->irq)
        if (!g_cond_wait_until (&t->irq_changed, &t->lock, deadline))
          g_error ("no interrupt came");
      raised = t->irq;
      g_mutex_unlock (&t->lock);
      if (raised)
        test_virtio_write (t, VIRTIO_MMIO_INTERRUPT_ACK,
                           test_virtio_read (t, VIRTIO_MMIO_INTERRUPT_STATUS));
    }
  return length;
}

typedef struct
{
  void (*func) (gpointer);
  gpointer data;
  bool     done;                /* guarded by lock */
  GMutex   lock;
  GCond    cond;
} Call;

static gboolean
make_call (gpointer data)
{
  Call *call = data;

  g_mutex_lock (&call->lock);
  call->func (call->data);
  call->done = true;
  g_cond_signal (&call->cond);
  g_mutex_unlock (&call->lock);
  return G_SOURCE_REMOVE;
}

void
test_virtio_on_io_thread (TestVirtio *t, void (*func) (gpointer), gpointer data)
{
  Call call = { .func = func, .data = data };
  g_autoptr (GSource) source = g_idle_source_new ();

  g_mutex_init (&call.lock);
  g_cond_init (&call.cond);
  g_source_set_callback (source, make_call, &call, NULL);
  g_mutex_lock (&call.lock);
  g_source_attach (source, t->context);
  while (!call.done)
    g_cond_wait (&call.cond, &call.lock);
  g_mutex_unlock (&call.lock);
  g_mutex_clear (&call.lock);
  g_cond_clear (&call.cond);
}

static void
quiesce (gpointer device)
{
  g_assert_true (((CopDevice *)device)->type->quiesce (device, 60000));
}

static void
resume (gpointer device)
{
  ((CopDevice *)device)->type->resume (device);
}

void
test_virtio_quiesce (TestVirtio *t)
{
  test_virtio_on_io_thread (t, quiesce, t->device);
}

void
test_virtio_resume (TestVirtio *t)
{
  test_virtio_on_io_thread (t, resume, t->device);
}

void *
test_virtio_save (TestVirtio *t)
{
  g_autoptr (GError) error = NULL;
  void *copy;

  test_virtio_quiesce (t);
  copy = g_memdup2 (cop_device_state (t->device), t->device->type->state->size);
  cop_state_check (t->device->type->state, copy, &error);
  g_assert_no_error (error);
  return copy;
}

void
test_virtio_load (TestVirtio *t, const void *state)
{
  memcpy (cop_device_state (t->device), state, t->device->type->state->size);
  cop_device_replay_irq (t->device);
  test_virtio_resume (t);
}
