/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The block device through its registers, on real files: each test says what a guest would lose.
 */
#include "engine/dev/virtio-devices.h"
#include "virtio-driver.h"

#include "common/fd.h"
#include "engine/block/block.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <linux/virtio_blk.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define IMAGE_SIZE (UINT64_C (16) << 20)
#define ALL_FEATURES UINT64_MAX

static int
image_new (uint64_t size)
{
  int fd = memfd_create ("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  return fd;
}

/* A driver with a started disk as @config has it, whose descriptor is taken over. */
static TestVirtio *
disk_new_with (CopDiskConfig config, uint64_t features)
{
  TestVirtio *t = test_virtio_new ();
  g_autoptr (GError) error = NULL;

  config.label = (char *)"test.img";

  test_virtio_attach (
    t, cop_virtio_blk_new ("virtio-blk0", t->ram, t->context, TEST_MMIO, &config, &error));
  g_assert_no_error (error);
  g_assert_cmpint (config.fd, ==, -1);
  test_virtio_start (t, features, 1, 256);
  return t;
}

static TestVirtio *
disk_new (int fd, bool readonly, uint64_t features)
{
  return disk_new_with (
    (CopDiskConfig){ .fd = fd, .readonly = readonly, .serial = (char *)"S3R14L" }, features);
}

/* Adds a request: header, data in segments of @piece bytes, status. Returns: gpa of the status */
static uint64_t
request_add (TestVirtio *t, uint32_t type, uint64_t sector, uint64_t data_gpa, uint32_t length,
             uint32_t piece)
{
  g_autofree TestSegment *segments = g_new0 (TestSegment, 3 + (piece == 0 ? 0 : length / piece));
  uint64_t header_gpa = test_virtio_alloc (t, sizeof (struct virtio_blk_outhdr));
  uint64_t status_gpa = test_virtio_alloc (t, 1);
  struct virtio_blk_outhdr *header = test_virtio_at (t, header_gpa);
  bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
  unsigned n = 0;

  *header = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
  segments[n++] = (TestSegment){ header_gpa, sizeof *header, false };
  for (uint32_t done = 0; done < length; done += piece)
    segments[n++] = (TestSegment){ data_gpa + done, MIN (piece, length - done), in };
  segments[n++] = (TestSegment){ status_gpa, 1, true };
  *(uint8_t *)test_virtio_at (t, status_gpa) = 0xff;
  test_virtio_add (t, 0, segments, n);
  return status_gpa;
}

/* Does a request and returns its status. */
static uint8_t
request (TestVirtio *t, uint32_t type, uint64_t sector, uint64_t data_gpa, uint32_t length,
         uint32_t *written)
{
  uint64_t status_gpa = request_add (t, type, sector, data_gpa, length, MAX (length / 3, 1));
  uint32_t used;

  test_virtio_notify (t, 0);
  used = test_virtio_wait (t, 0, NULL);
  if (written != NULL)
    *written = used;
  return *(uint8_t *)test_virtio_at (t, status_gpa);
}

static void
fill_random (uint8_t *bytes, size_t length, uint32_t seed)
{
  for (size_t i = 0; i < length; i++)
    {
      seed = seed * 1664525 + 1013904223;
      bytes[i] = seed >> 24;
    }
}

static char *
checksum (const void *bytes, size_t length)
{
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, bytes, length);
}

typedef struct
{
  const char *name;
  uint64_t    features;
  bool        indirect;
} Variant;

static const Variant variants[] = {
  { "plain", 0, false },
  { "flush", 1 << VIRTIO_BLK_F_FLUSH, false },
  { "event-index", 1 << VIRTIO_BLK_F_FLUSH | 1 << VIRTIO_RING_F_EVENT_IDX, false },
  { "indirect", 1 << VIRTIO_RING_F_INDIRECT_DESC, true },
  { "all", ALL_FEATURES, true },
};

static void
test_copy (gconstpointer data)
{
  const Variant *variant = data;
  g_autoptr (TestVirtio) t = NULL;
  int fd = image_new (IMAGE_SIZE);
  int image = dup (fd);
  uint64_t from, to;
  uint32_t sizes[] = { 512, 4096, 65536, 1 << 20, 1536, 300 * 512 };
  uint64_t sector = 0;
  g_autofree char *sum_written = NULL, *sum_read = NULL, *sum_file = NULL;
  g_autofree uint8_t *file = NULL;
  uint64_t total = 0;

  g_test_summary ("What is written is in the file and is read back, in every ring format");
  t = disk_new (fd, false, variant->features);
  t->use_indirect = variant->indirect;
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
    total += sizes[i];
  from = test_virtio_alloc (t, total);
  to = test_virtio_alloc (t, total);
  fill_random (test_virtio_at (t, from), total, 1);

  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      uint32_t used;

      g_assert_cmpuint (request (t, VIRTIO_BLK_T_OUT, sector, from + sector * 512, sizes[i], &used),
                        ==, VIRTIO_BLK_S_OK);
      g_assert_cmpuint (used, ==, 1);
      sector += sizes[i] / 512;
    }
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL), ==, VIRTIO_BLK_S_OK);
  sector = 0;
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      uint32_t used;

      g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, sector, to + sector * 512, sizes[i], &used),
                        ==, VIRTIO_BLK_S_OK);
      g_assert_cmpuint (used, ==, sizes[i] + 1);
      sector += sizes[i] / 512;
    }

  file = g_malloc (total);
  g_assert_cmpint (pread (image, file, total, 0), ==, total);
  close (image);
  sum_written = checksum (test_virtio_at (t, from), total);
  sum_read = checksum (test_virtio_at (t, to), total);
  sum_file = checksum (file, total);
  g_assert_cmpstr (sum_written, ==, sum_read);
  g_assert_cmpstr (sum_written, ==, sum_file);
}

static void
test_many (void)
{
  g_autoptr (TestVirtio) t = disk_new (image_new (IMAGE_SIZE), false, ALL_FEATURES);
  uint64_t data[80], status[80];

  g_test_summary ("A full queue of requests comes back whole, in whatever order");
  t->use_indirect = true;
  for (unsigned round = 0; round < 2; round++)
    {
      for (unsigned i = 0; i < 80; i++)
        {
          if (round == 0)
            {
              data[i] = test_virtio_alloc (t, 131072);
              fill_random (test_virtio_at (t, data[i]), 131072, i);
            }
          else
            memset (test_virtio_at (t, data[i]), 0, 131072);
          status[i] = request_add (t, round == 0 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, i * 256,
                                   data[i], 131072, 65536);
        }
      test_virtio_notify (t, 0);
      for (unsigned i = 0; i < 80; i++)
        test_virtio_wait (t, 0, NULL);
      for (unsigned i = 0; i < 80; i++)
        g_assert_cmpuint (*(uint8_t *)test_virtio_at (t, status[i]), ==, VIRTIO_BLK_S_OK);
    }
  for (unsigned i = 0; i < 80; i++)
    {
      g_autofree uint8_t *expected = g_malloc (131072);

      fill_random (expected, 131072, i);
      g_assert_cmpmem (expected, 131072, test_virtio_at (t, data[i]), 131072);
    }
}

static void
test_identity (void)
{
  g_autoptr (TestVirtio) t = disk_new (image_new (IMAGE_SIZE), false, ALL_FEATURES);
  uint64_t gpa = test_virtio_alloc (t, 20);
  uint32_t used;

  g_test_summary ("Capacity and serial number are the configuration's");
  g_assert_cmpuint (test_virtio_read (t, VIRTIO_MMIO_CONFIG), ==, IMAGE_SIZE / 512);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_GET_ID, 0, gpa, 20, &used), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpstr (test_virtio_at (t, gpa), ==, "S3R14L");
  g_assert_cmpuint (used, ==, 21);
}

static uint8_t
range_request (TestVirtio *t, uint32_t type, uint64_t sector, uint32_t n, uint32_t flags)
{
  uint64_t gpa = test_virtio_alloc (t, sizeof (struct virtio_blk_discard_write_zeroes));
  struct virtio_blk_discard_write_zeroes *range = test_virtio_at (t, gpa);

  *range =
    (struct virtio_blk_discard_write_zeroes){ .sector = sector, .num_sectors = n, .flags = flags };
  return request (t, type, 0, gpa, sizeof *range, NULL);
}

static void
test_zeroes (void)
{
  int fd = image_new (IMAGE_SIZE);
  cop_autofd int image = dup (fd);
  g_autoptr (TestVirtio) t = disk_new (fd, false, ALL_FEATURES);
  uint64_t gpa = test_virtio_alloc (t, 1 << 20);
  g_autofree uint8_t *file = g_malloc (1 << 20);
  struct stat before, after;

  g_test_summary ("Write zeroes clears exactly its range, with and without unmap; discard frees");
  memset (test_virtio_at (t, gpa), 0xaa, 1 << 20);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_OUT, 0, gpa, 1 << 20, NULL), ==, VIRTIO_BLK_S_OK);

  g_assert_cmpuint (range_request (t, VIRTIO_BLK_T_WRITE_ZEROES, 3, 5, 0), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (
    range_request (t, VIRTIO_BLK_T_WRITE_ZEROES, 16, 16, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP), ==,
    VIRTIO_BLK_S_OK);
  g_assert_cmpint (pread (image, file, 1 << 20, 0), ==, 1 << 20);
  for (unsigned i = 0; i < 1 << 20; i++)
    {
      bool zero = (i / 512 >= 3 && i / 512 < 8) || (i / 512 >= 16 && i / 512 < 32);

      g_assert_cmpuint (file[i], ==, zero ? 0 : 0xaa);
    }

  fstat (image, &before);
  g_assert_cmpuint (range_request (t, VIRTIO_BLK_T_DISCARD, 1024, 1024, 0), ==, VIRTIO_BLK_S_OK);
  fstat (image, &after);
  g_assert_cmpint (after.st_blocks, <, before.st_blocks);
  g_assert_cmpint (after.st_size, ==, IMAGE_SIZE);

  g_assert_cmpuint (range_request (t, VIRTIO_BLK_T_DISCARD, 0, 8, 1), ==, VIRTIO_BLK_S_UNSUPP);
  g_assert_cmpuint (range_request (t, VIRTIO_BLK_T_DISCARD, IMAGE_SIZE / 512 - 1, 2, 0), ==,
                    VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (range_request (t, VIRTIO_BLK_T_WRITE_ZEROES, UINT64_MAX, 2, 0), ==,
                    VIRTIO_BLK_S_IOERR);
}

static void
test_readonly (void)
{
  g_autoptr (TestVirtio) t = disk_new (image_new (IMAGE_SIZE), true, ALL_FEATURES);
  uint64_t gpa = test_virtio_alloc (t, 512);

  g_test_summary ("A read-only disk says so, reads, and refuses every kind of write");
  g_assert_true ((t->features & (1 << VIRTIO_BLK_F_RO)) != 0);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, 0, gpa, 512, NULL), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_OUT, 0, gpa, 512, NULL), ==, VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (range_request (t, VIRTIO_BLK_T_DISCARD, 0, 8, 0), ==, VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (range_request (t, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), ==, VIRTIO_BLK_S_IOERR);
}

static void
test_bad_requests (void)
{
  g_autoptr (TestVirtio) t = disk_new (image_new (IMAGE_SIZE), false, ALL_FEATURES);
  uint64_t gpa = test_virtio_alloc (t, 1024);

  g_test_summary ("What lies outside the disk or is no whole sector is an error of that request");
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, IMAGE_SIZE / 512, gpa, 512, NULL), ==,
                    VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, UINT64_MAX, gpa, 1024, NULL), ==,
                    VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_OUT, UINT64_MAX / 512 + 1, gpa, 512, NULL), ==,
                    VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, 0, gpa, 100, NULL), ==, VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (request (t, 77, 0, gpa, 512, NULL), ==, VIRTIO_BLK_S_UNSUPP);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, 0, gpa, 1024, NULL), ==, VIRTIO_BLK_S_OK);
}

static void
test_odd_size (void)
{
  int fd = image_new (1000);
  cop_autofd int image = dup (fd);
  g_autoptr (TestVirtio) t = NULL;
  uint64_t gpa;
  uint8_t *bytes;

  g_test_summary ("The last sector of a file of odd size reads as the file's bytes, then zeroes");
  g_assert_cmpint (pwrite (image, "x", 1, 999), ==, 1);
  t = disk_new (fd, false, ALL_FEATURES);
  gpa = test_virtio_alloc (t, 1024);
  bytes = test_virtio_at (t, gpa);
  memset (bytes, 0xee, 1024);
  g_assert_cmpuint (test_virtio_read (t, VIRTIO_MMIO_CONFIG), ==, 2);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, 0, gpa, 1024, NULL), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (bytes[998], ==, 0);
  g_assert_cmpuint (bytes[999], ==, 'x');
  for (unsigned i = 1000; i < 1024; i++)
    g_assert_cmpuint (bytes[i], ==, 0);
}

static void
test_truncated (void)
{
  int fd = image_new (IMAGE_SIZE);
  cop_autofd int image = dup (fd);
  g_autoptr (TestVirtio) t = disk_new (fd, false, ALL_FEATURES);
  uint64_t gpa = test_virtio_alloc (t, 8192);

  g_test_summary (
    "A file cut short under a running guest: I/O errors, and a message with its name");
  g_assert_cmpint (ftruncate (image, 4096), ==, 0);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, 0, gpa, 4096, NULL), ==, VIRTIO_BLK_S_OK);
  g_test_expect_message ("coppice", G_LOG_LEVEL_MESSAGE,
                         "disk test.img: read of 8192 bytes at 0: the image is shorter*");
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, 0, gpa, 8192, NULL), ==, VIRTIO_BLK_S_IOERR);
  g_test_assert_expected_messages ();
  /* A file that can grow again does. */
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_OUT, 8, gpa, 4096, NULL), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, 0, gpa, 8192, NULL), ==, VIRTIO_BLK_S_OK);
}

static void
test_sealed (void)
{
  int fd = image_new (IMAGE_SIZE);
  cop_autofd int image = dup (fd);
  g_autoptr (TestVirtio) t = disk_new (fd, false, ALL_FEATURES);
  uint64_t gpa = test_virtio_alloc (t, 4096);

  g_test_summary ("A file that refuses writes from now on: an I/O error, logged a few times only");
  g_assert_cmpint (fcntl (image, F_ADD_SEALS, F_SEAL_WRITE), ==, 0);
  for (unsigned i = 0; i < COP_RATE_LIMIT_BURST; i++)
    g_test_expect_message ("coppice", G_LOG_LEVEL_MESSAGE, "disk test.img: write of 4096 bytes*");
  for (unsigned i = 0; i < 4 * COP_RATE_LIMIT_BURST; i++)
    g_assert_cmpuint (request (t, VIRTIO_BLK_T_OUT, 0, gpa, 4096, NULL), ==, VIRTIO_BLK_S_IOERR);
  g_test_assert_expected_messages ();
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, 0, gpa, 4096, NULL), ==, VIRTIO_BLK_S_OK);
}

/* A file on a file system of 1 MiB that nobody else sees; -1 where that is not allowed. */
static int
small_file_system (void)
{
  g_autofree char *dir = g_dir_make_tmp ("coppice-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "image", NULL);
  int fd = -1;

  if (mount ("none", dir, "tmpfs", 0, "size=1m") == 0)
    {
      fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      umount2 (dir, MNT_DETACH);
    }
  rmdir (dir);
  return fd;
}

static void
test_full (void)
{
  g_autoptr (TestVirtio) t = NULL;
  uint64_t gpa;
  uint8_t status = VIRTIO_BLK_S_OK;
  int fd = small_file_system ();

  g_test_summary (
    "A host without space: an I/O error for the guest, a message with the disk's name");
  if (fd < 0)
    {
      g_test_skip ("no file system of our own can be mounted here");
      return;
    }
  g_assert_cmpint (ftruncate (fd, IMAGE_SIZE), ==, 0);
  t = disk_new (fd, false, ALL_FEATURES);
  gpa = test_virtio_alloc (t, 1 << 20);
  memset (test_virtio_at (t, gpa), 1, 1 << 20);
  g_test_expect_message ("coppice", G_LOG_LEVEL_MESSAGE,
                         "disk test.img: write of 1048576 bytes at *"
                         "No space left on device*");
  for (unsigned i = 0; i < 8 && status == VIRTIO_BLK_S_OK; i++)
    status = request (t, VIRTIO_BLK_T_OUT, 2048 * i, gpa, 1 << 20, NULL);
  g_assert_cmpuint (status, ==, VIRTIO_BLK_S_IOERR);
  g_test_assert_expected_messages ();
  /* What was there is still there. */
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, 0, gpa, 4096, NULL), ==, VIRTIO_BLK_S_OK);
}

static void
test_settings (void)
{
  static const CopDiskConfig rows[] = {
    { .write_through = true },
    { .no_discard = true },
    { .choice = COP_BLOCK_CHOICE_THREADS },
  };

  g_test_summary ("A disk written through has no cache to flush, one may keep what is discarded, "
                  "and all copy data");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      CopDiskConfig config = rows[i];
      g_autoptr (TestVirtio) t = NULL;
      uint64_t gpa;

      config.fd = image_new (IMAGE_SIZE);
      t = disk_new_with (config, ALL_FEATURES);
      gpa = test_virtio_alloc (t, 512);
      g_assert_cmpint ((t->features & (1 << VIRTIO_BLK_F_FLUSH)) != 0, ==, !config.write_through);
      g_assert_cmpint ((t->features & (1 << VIRTIO_BLK_F_DISCARD)) != 0, ==, !config.no_discard);
      g_assert_cmpuint (request (t, VIRTIO_BLK_T_OUT, 0, gpa, 512, NULL), ==, VIRTIO_BLK_S_OK);
      g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, 0, gpa, 512, NULL), ==, VIRTIO_BLK_S_OK);
    }
}

static void
test_not_a_file (void)
{
  g_autoptr (TestVirtio) t = test_virtio_new ();
  CopDiskConfig config = { .fd = open ("/dev/full", O_RDWR), .label = (char *)"/dev/full" };
  g_autoptr (GError) error = NULL;

  g_test_summary ("A descriptor that is no disk is refused with its name and left to its owner");
  g_assert_null (
    cop_virtio_blk_new ("virtio-blk0", t->ram, t->context, TEST_MMIO, &config, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "disk /dev/full: neither a regular file nor"));
  g_assert_cmpint (close (config.fd), ==, 0);
}

static void
test_reset_in_flight (void)
{
  g_autoptr (TestVirtio) t = disk_new (image_new (IMAGE_SIZE), false, ALL_FEATURES);
  uint64_t gpa = test_virtio_alloc (t, 1 << 20);

  g_test_summary ("After a reset with reads in flight the device leaves guest memory alone");
  for (unsigned round = 0; round < 20; round++)
    {
      g_autofree uint8_t *before = NULL;

      t->next_gpa = gpa + (1 << 20);
      test_virtio_start (t, ALL_FEATURES, 1, 256);
      for (unsigned i = 0; i < 16; i++)
        request_add (t, VIRTIO_BLK_T_IN, 0, gpa, 1 << 20, 262144);
      test_virtio_notify (t, 0);
      test_virtio_write (t, VIRTIO_MMIO_STATUS, 0);
      g_assert_cmpuint (test_virtio_read (t, VIRTIO_MMIO_STATUS), ==, 0);
      g_assert_cmpuint (test_virtio_read (t, VIRTIO_MMIO_INTERRUPT_STATUS), ==, 0);
      memset (test_virtio_at (t, gpa), 0x55, 1 << 20);
      before = g_memdup2 (test_virtio_at (t, gpa), 1 << 20);
      g_thread_yield ();
      g_assert_cmpmem (before, 1 << 20, test_virtio_at (t, gpa), 1 << 20);
    }
}

static void
test_save_in_flight (void)
{
  g_autoptr (TestVirtio) t = disk_new (image_new (IMAGE_SIZE), false, ALL_FEATURES);
  uint64_t gpa = test_virtio_alloc (t, 64 << 16);
  g_autofree void *state = NULL, *again = NULL;
  g_autoptr (GString) report = g_string_new (NULL);
  uint64_t status[64];
  void *live = cop_device_state (t->device);

  g_test_summary ("A snapshot in the middle of I/O loses nothing: what was asked for is answered");
  t->use_indirect = true;
  for (unsigned i = 0; i < 64; i++)
    {
      memset (test_virtio_at (t, gpa + (i << 16)), i, 1 << 16);
      status[i] = request_add (t, VIRTIO_BLK_T_OUT, i * 128, gpa + (i << 16), 1 << 16, 4096);
      if (i == 40)
        test_virtio_notify (t, 0);
    }
  state = test_virtio_save (t);
  g_assert_true (cop_state_diff (t->device->type->state, "disk", state, live, report));

  /* A fresh device, as in another process, with the same memory. */
  cop_device_reset (t->device);
  test_virtio_load (t, state);
  for (unsigned i = 0; i < 64; i++)
    test_virtio_wait (t, 0, NULL);
  for (unsigned i = 0; i < 64; i++)
    g_assert_cmpuint (*(uint8_t *)test_virtio_at (t, status[i]), ==, VIRTIO_BLK_S_OK);
  again = test_virtio_save (t);
  test_virtio_load (t, again);
  g_assert_cmpuint (request (t, VIRTIO_BLK_T_IN, 63 * 128, gpa, 1 << 16, NULL), ==,
                    VIRTIO_BLK_S_OK);
  g_assert_cmpuint (*(uint8_t *)test_virtio_at (t, gpa), ==, 63);
}

static void
test_resize (void)
{
  int fd = image_new (IMAGE_SIZE);
  g_autoptr (TestVirtio) t = disk_new (fd, false, ALL_FEATURES);
  const uint64_t last = 2 * IMAGE_SIZE / 512 - 1;
  uint64_t data = test_virtio_alloc (t, 512);
  g_autoptr (GError) error = NULL;
  uint64_t status_gpa;
  struct stat status;

  g_test_summary ("A disk that grows is longer for the guest, which is told, and on the host");
  g_assert_true (cop_virtio_blk_resize (t->device, 2 * IMAGE_SIZE, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (test_virtio_read (t, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG, ==,
                    VIRTIO_MMIO_INT_CONFIG);
  g_assert_cmpuint (test_virtio_read (t, VIRTIO_MMIO_CONFIG), ==, last + 1);
  g_assert_cmpint (fstat (fd, &status), ==, 0);
  g_assert_cmpint (status.st_size, ==, 2 * IMAGE_SIZE);
  status_gpa = request_add (t, VIRTIO_BLK_T_OUT, last, data, 512, 512);
  test_virtio_notify (t, 0);
  test_virtio_wait (t, 0, NULL);
  g_assert_cmpuint (*(uint8_t *) test_virtio_at (t, status_gpa), ==, VIRTIO_BLK_S_OK);

  /* Smaller again: what lies behind is no more, and sizes that cannot be change nothing. */
  g_assert_true (cop_virtio_blk_resize (t->device, IMAGE_SIZE, &error));
  status_gpa = request_add (t, VIRTIO_BLK_T_IN, last, data, 512, 512);
  test_virtio_notify (t, 0);
  test_virtio_wait (t, 0, NULL);
  g_assert_cmpuint (*(uint8_t *) test_virtio_at (t, status_gpa), ==, VIRTIO_BLK_S_IOERR);
  g_assert_false (cop_virtio_blk_resize (t->device, IMAGE_SIZE + 1, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_false (cop_virtio_blk_resize (t->device, 0, NULL));
  g_assert_cmpuint (test_virtio_read (t, VIRTIO_MMIO_CONFIG), ==, IMAGE_SIZE / 512);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (variants); i++)
    {
      g_autofree char *path = g_strdup_printf ("/virtio-blk/copy/%s", variants[i].name);

      g_test_add_data_func (path, &variants[i], test_copy);
    }
  g_test_add_func ("/virtio-blk/many", test_many);
  g_test_add_func ("/virtio-blk/identity", test_identity);
  g_test_add_func ("/virtio-blk/zeroes", test_zeroes);
  g_test_add_func ("/virtio-blk/readonly", test_readonly);
  g_test_add_func ("/virtio-blk/resize", test_resize);
  g_test_add_func ("/virtio-blk/bad-requests", test_bad_requests);
  g_test_add_func ("/virtio-blk/odd-size", test_odd_size);
  g_test_add_func ("/virtio-blk/truncated", test_truncated);
  g_test_add_func ("/virtio-blk/sealed", test_sealed);
  g_test_add_func ("/virtio-blk/full", test_full);
  g_test_add_func ("/virtio-blk/settings", test_settings);
  g_test_add_func ("/virtio-blk/not-a-file", test_not_a_file);
  g_test_add_func ("/virtio-blk/reset-in-flight", test_reset_in_flight);
  g_test_add_func ("/virtio-blk/save-in-flight", test_save_in_flight);
  return g_test_run ();
}
