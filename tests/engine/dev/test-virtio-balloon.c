/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The memory balloon through its registers: the host gets its memory back, and figures.
 */
#include "engine/dev/virtio-balloon.h"
#include "virtio-driver.h"

#include <linux/virtio_balloon.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INFLATE 0
#define DEFLATE 1
#define STATS 2
#define PAGE 4096

typedef struct
{
  TestVirtio *t; /* (owned) */
  CopCounters counters;
  GMutex lock;
  GCond changed;
  uint64_t told; /* guarded by lock: bytes */
} Fixture;

static void
note_balloon (gpointer data, uint64_t bytes)
{
  Fixture *f = data;

  g_mutex_lock (&f->lock);
  f->told = bytes;
  g_cond_broadcast (&f->changed);
  g_mutex_unlock (&f->lock);
}

static void
await_balloon (Fixture *f, uint64_t bytes)
{
  g_mutex_lock (&f->lock);
  while (f->told != bytes)
    g_cond_wait (&f->changed, &f->lock);
  g_mutex_unlock (&f->lock);
  g_assert_cmpuint (COP_COUNTER (f->counters.balloon), ==, bytes);
}

static void
set_up (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  f->t = test_virtio_new ();
  g_mutex_init (&f->lock);
  g_cond_init (&f->changed);
  test_virtio_attach (f->t, cop_virtio_balloon_new ("balloon0", f->t->ram, f->t->context, TEST_MMIO,
                                                    &f->counters, note_balloon, f));
  test_virtio_start (f->t, UINT64_MAX, 3, 64);
}

static void
tear_down (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  test_virtio_free (f->t);
  g_mutex_clear (&f->lock);
  g_cond_clear (&f->changed);
}

static void
send_pages (Fixture *f, unsigned queue, const uint32_t *pages, unsigned n)
{
  TestSegment segment = { test_virtio_alloc (f->t, n * sizeof *pages), n * sizeof *pages, false };

  memcpy (test_virtio_at (f->t, segment.gpa), pages, n * sizeof *pages);
  test_virtio_add (f->t, queue, &segment, 1);
  test_virtio_notify (f->t, queue);
  test_virtio_wait (f->t, queue, NULL);
}

static unsigned
resident_pages (Fixture *f, uint64_t gpa, unsigned n)
{
  uint8_t in_core[1024];
  unsigned count = 0;

  g_assert_cmpuint (n, <=, sizeof in_core);
  g_assert_cmpint (mincore (test_virtio_at (f->t, gpa), (size_t) n * PAGE, in_core), ==, 0);
  for (unsigned i = 0; i < n; i++)
    count += in_core[i] & 1;
  return count;
}

static void
test_pages (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  const uint64_t gpa = TEST_GPA + TEST_RAM_SIZE / 2;
  uint32_t pages[256];

  g_test_summary ("Pages that the guest gives back cost the host nothing; those beside them stay");
  madvise (test_virtio_at (f->t, gpa), 512 * PAGE, MADV_NOHUGEPAGE);
  memset (test_virtio_at (f->t, gpa), 0x5a, 512 * PAGE);
  g_assert_cmpuint (resident_pages (f, gpa, 512), ==, 512);
  /* In no order, as a guest's allocator has them. */
  for (unsigned i = 0; i < G_N_ELEMENTS (pages); i++)
    pages[i] = gpa / PAGE + 100 + (i * 37) % G_N_ELEMENTS (pages);
  send_pages (f, INFLATE, pages, G_N_ELEMENTS (pages));
  g_assert_cmpuint (resident_pages (f, gpa, 512), ==, 512 - G_N_ELEMENTS (pages));
  g_assert_cmpuint (*(uint8_t *) test_virtio_at (f->t, gpa + 99 * PAGE), ==, 0x5a);
  g_assert_cmpuint (*(uint8_t *) test_virtio_at (f->t, gpa + 356 * PAGE), ==, 0x5a);
  send_pages (f, DEFLATE, pages, G_N_ELEMENTS (pages));
  memset (test_virtio_at (f->t, gpa + 100 * PAGE), 1, PAGE);
}

static void
test_code (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  const uint64_t gpa = TEST_GPA + TEST_RAM_SIZE / 2;
  uint32_t page = gpa / PAGE;
  uint64_t before = cop_ram_written_by_others (f->t->ram);

  g_test_summary ("Engines hear of pages that are given back: there may have been code in them");
  send_pages (f, INFLATE, &page, 1);
  g_assert_cmpuint (cop_ram_written_by_others (f->t->ram), >, before);
}

static void
test_wrong_pages (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  static const uint32_t pages[] = {
    0, 1, UINT32_MAX, UINT32_MAX - 1, TEST_GPA / PAGE - 1, (TEST_GPA + TEST_RAM_SIZE) / PAGE
  };

  g_test_summary ("Pages outside memory are nobody's");
  memset (test_virtio_at (f->t, TEST_GPA + TEST_RAM_SIZE - PAGE), 7, PAGE);
  send_pages (f, INFLATE, pages, G_N_ELEMENTS (pages));
  g_assert_cmpuint (*(uint8_t *) test_virtio_at (f->t, TEST_GPA + TEST_RAM_SIZE - PAGE), ==, 7);
}

static void
test_target (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_test_summary ("The driver hears what is wanted, and the machine how far it has come");
  cop_virtio_balloon_set_target (f->t->device, 16 << 20);
  g_assert_cmpuint (test_virtio_read (f->t, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG,
                    ==, VIRTIO_MMIO_INT_CONFIG);
  g_assert_cmpuint (test_virtio_read (f->t, VIRTIO_MMIO_CONFIG), ==, (16 << 20) / PAGE);
  for (unsigned i = 1; i <= 64; i++)
    test_virtio_write (f->t, VIRTIO_MMIO_CONFIG + 4, i * 64);
  await_balloon (f, 64 * 64 * PAGE);
  /* A guest that begins anew has all its memory, and is asked again. */
  cop_device_reset (f->t->device);
  await_balloon (f, 0);
  g_assert_cmpuint (test_virtio_read (f->t, VIRTIO_MMIO_CONFIG), ==, (16 << 20) / PAGE);
}

static void
put_stats (Fixture *f, uint64_t gpa, uint64_t unused)
{
  const struct virtio_balloon_stat stats[] = {
    { GUINT16_TO_LE (VIRTIO_BALLOON_S_MEMFREE), GUINT64_TO_LE (unused) },
    { GUINT16_TO_LE (999), GUINT64_TO_LE (1) },
    { GUINT16_TO_LE (VIRTIO_BALLOON_S_MEMTOT), GUINT64_TO_LE (64 << 20) },
  };
  TestSegment segment = { gpa, sizeof stats, false };

  memcpy (test_virtio_at (f->t, gpa), stats, sizeof stats);
  test_virtio_add (f->t, STATS, &segment, 1);
  test_virtio_notify (f->t, STATS);
}

static void
await_stats (Fixture *f, uint64_t unused)
{
  while (COP_COUNTER (f->counters.balloon_stats[VIRTIO_BALLOON_S_MEMFREE]) != unused)
    g_usleep (1000);
  while (COP_COUNTER (f->counters.balloon_updated) == 0)
    g_usleep (1000);
}

static void
test_stats (Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  uint64_t gpa = test_virtio_alloc (f->t, 64);
  g_autofree void *state = NULL;

  g_test_summary ("A buffer of figures is read when it comes, and kept until new ones are wanted");
  put_stats (f, gpa, 1000);
  await_stats (f, 1000);
  g_assert_cmphex (COP_COUNTER (f->counters.balloon_known), ==,
                   1 << VIRTIO_BALLOON_S_MEMFREE | 1 << VIRTIO_BALLOON_S_MEMTOT);
  g_assert_false (test_virtio_take (f->t, STATS, NULL, NULL));
  /* It is the device's across a snapshot, too. */
  state = test_virtio_save (f->t);
  cop_device_reset (f->t->device);
  test_virtio_load (f->t, state);
  g_assert_false (test_virtio_take (f->t, STATS, NULL, NULL));
  cop_virtio_balloon_set_period (f->t->device, 1);
  test_virtio_wait (f->t, STATS, NULL);
  put_stats (f, gpa, 2000);
  await_stats (f, 2000);
  test_virtio_wait (f->t, STATS, NULL);
  cop_virtio_balloon_set_period (f->t->device, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/virtio-balloon/pages", Fixture, NULL, set_up, test_pages, tear_down);
  g_test_add ("/virtio-balloon/code", Fixture, NULL, set_up, test_code, tear_down);
  g_test_add ("/virtio-balloon/wrong-pages", Fixture, NULL, set_up, test_wrong_pages, tear_down);
  g_test_add ("/virtio-balloon/target", Fixture, NULL, set_up, test_target, tear_down);
  g_test_add ("/virtio-balloon/stats", Fixture, NULL, set_up, test_stats, tear_down);
  return g_test_run ();
}
