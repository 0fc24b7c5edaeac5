/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Both back ends of disk images, on real files: the same requests have the same ends.
 */
#include "engine/block/block.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#define IMAGE_SIZE (UINT64_C (8) << 20)

static const CopBlockBackendOps *const backends[] = { &cop_block_uring_ops,
                                                      &cop_block_threads_ops };

typedef struct
{
  CopBlock *block;
  int image; /* the same file */
  unsigned done;
  int last; /* result */
} Disk;

static void
on_done (CopBlockRequest *request, int result)
{
  Disk *disk = request->data;

  disk->done++;
  disk->last = result;
}

/* Returns: false when the host does not have this back end */
static bool
disk_open (Disk *disk, const CopBlockBackendOps *ops, uint64_t size)
{
  int fd = memfd_create ("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  *disk = (Disk){ .image = dup (fd) };
  disk->block = cop_block_new (fd, false, "test.img", ops, &error);
  if (disk->block != NULL)
    {
      g_assert_true (disk->block->ops == ops);
      return true;
    }
  close (fd);
  close (disk->image);
  g_test_skip ("the host does not allow it");
  return false;
}

static void
disk_close (Disk *disk)
{
  g_assert_true (cop_block_free (disk->block));
  close (disk->image);
}

/* Waits as the I/O thread does: for the event descriptor, when reap() finds nothing. */
static void
wait_for (Disk *disk, unsigned done)
{
  struct pollfd poll_fd = { .fd = disk->block->event_fd, .events = POLLIN };
  uint64_t count;

  cop_block_kick (disk->block);
  cop_block_reap (disk->block);
  while (disk->done < done)
    {
      g_assert_cmpint (poll (&poll_fd, 1, 60000), ==, 1);
      g_assert_cmpint (read (poll_fd.fd, &count, sizeof count), ==, sizeof count);
      cop_block_reap (disk->block);
    }
}

/* Does one request. Returns: its result */
static int
perform (Disk *disk, CopBlockRequest request)
{
  request.done = on_done;
  request.data = disk;
  cop_block_submit (disk->block, &request);
  wait_for (disk, disk->done + 1);
  return disk->last;
}

static int
transfer (Disk *disk, CopBlockOp op, uint64_t offset, uint8_t *bytes, uint64_t length)
{
  struct iovec iov[3] = { { bytes, length / 4 },
                          { bytes + length / 4, length / 2 },
                          { bytes + length / 4 + length / 2, length - length / 4 - length / 2 } };

  return perform (disk, (CopBlockRequest){
                          .op = op, .offset = offset, .length = length, .iov = iov, .n_iov = 3 });
}

static void
test_ends (gconstpointer data)
{
  static const uint64_t lengths[] = { 512, 32768, 65536, 1 << 20 };
  g_autofree uint8_t *bytes = g_malloc (1 << 20), *back = g_malloc (1 << 20);
  Disk disk;

  g_test_summary ("Writes are in the file, reads see them, large and small");
  if (!disk_open (&disk, data, IMAGE_SIZE))
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      memset (bytes, 0x11 + i, lengths[i]);
      g_assert_cmpint (transfer (&disk, COP_BLOCK_WRITE, 512 * i, bytes, lengths[i]), ==, 0);
      g_assert_cmpint (pread (disk.image, back, lengths[i], 512 * i), ==, lengths[i]);
      g_assert_cmpmem (bytes, lengths[i], back, lengths[i]);
      memset (back, 0, lengths[i]);
      g_assert_cmpint (transfer (&disk, COP_BLOCK_READ, 512 * i, back, lengths[i]), ==, 0);
      g_assert_cmpmem (bytes, lengths[i], back, lengths[i]);
    }
  g_assert_cmpint (perform (&disk, (CopBlockRequest){ .op = COP_BLOCK_FLUSH }), ==, 0);
  disk_close (&disk);
}

static void
test_durable (gconstpointer data)
{
  uint8_t bytes[4096] = "durable", back[4096];
  struct iovec iov = { bytes, sizeof bytes };
  Disk disk;

  g_test_summary ("A write that must be durable is a write like others");
  if (!disk_open (&disk, data, IMAGE_SIZE))
    return;
  g_assert_cmpint (perform (&disk, (CopBlockRequest){ .op = COP_BLOCK_WRITE,
                                                      .durable = true,
                                                      .length = sizeof bytes,
                                                      .iov = &iov,
                                                      .n_iov = 1 }),
                   ==, 0);
  g_assert_cmpint (pread (disk.image, back, sizeof back, 0), ==, sizeof back);
  g_assert_cmpmem (bytes, sizeof bytes, back, sizeof back);
  disk_close (&disk);
}

static void
test_zeroes (gconstpointer data)
{
  g_autofree uint8_t *bytes = g_malloc (IMAGE_SIZE);
  Disk disk;

  g_test_summary ("Zeroes are written where they belong, also when the file system cannot help");
  if (!disk_open (&disk, data, IMAGE_SIZE))
    return;
  memset (bytes, 0xff, IMAGE_SIZE);
  for (unsigned unmap = 0; unmap < 2; unmap++)
    {
      g_assert_cmpint (pwrite (disk.image, bytes, IMAGE_SIZE, 0), ==, IMAGE_SIZE);
      g_assert_cmpint (perform (&disk, (CopBlockRequest){ .op = COP_BLOCK_WRITE_ZEROES,
                                                          .unmap = unmap != 0,
                                                          .offset = 512,
                                                          .length = IMAGE_SIZE - 1024 }),
                       ==, 0);
      g_assert_cmpint (pread (disk.image, bytes, IMAGE_SIZE, 0), ==, IMAGE_SIZE);
      for (uint64_t i = 0; i < IMAGE_SIZE; i++)
        if (bytes[i] != (i < 512 || i >= IMAGE_SIZE - 512 ? 0xff : 0))
          g_error ("byte %" G_GUINT64_FORMAT " is 0x%02x", i, bytes[i]);
      memset (bytes, 0xff, IMAGE_SIZE);
    }
  disk_close (&disk);
}

static void
test_many (gconstpointer data)
{
  static CopBlockRequest requests[COP_BLOCK_MAX_IN_FLIGHT];
  static struct iovec iov[COP_BLOCK_MAX_IN_FLIGHT];
  g_autofree uint8_t *bytes = g_malloc (IMAGE_SIZE), *back = g_malloc (IMAGE_SIZE);
  const uint64_t piece = IMAGE_SIZE / COP_BLOCK_MAX_IN_FLIGHT;
  Disk disk;

  g_test_summary ("As many requests as may be in flight all come back, by event or by drain");
  if (!disk_open (&disk, data, IMAGE_SIZE))
    return;
  for (uint64_t i = 0; i < IMAGE_SIZE; i++)
    bytes[i] = i >> 9 ^ i;
  for (unsigned round = 0; round < 4; round++)
    {
      bool read = round % 2 != 0;

      for (unsigned i = 0; i < COP_BLOCK_MAX_IN_FLIGHT; i++)
        {
          iov[i] = (struct iovec){ (read ? back : bytes) + i * piece, piece };
          requests[i] = (CopBlockRequest){ .op = read ? COP_BLOCK_READ : COP_BLOCK_WRITE,
                                           .offset = i * piece,
                                           .length = piece,
                                           .iov = &iov[i],
                                           .n_iov = 1,
                                           .done = on_done,
                                           .data = &disk };
          cop_block_submit (disk.block, &requests[i]);
        }
      if (round < 2)
        wait_for (&disk, (round + 1) * COP_BLOCK_MAX_IN_FLIGHT);
      else
        g_assert_true (cop_block_drain (disk.block, 60000));
      g_assert_cmpuint (disk.done, ==, (round + 1) * COP_BLOCK_MAX_IN_FLIGHT);
      g_assert_cmpuint (disk.block->in_flight, ==, 0);
      g_assert_cmpint (disk.last, ==, 0);
    }
  g_assert_cmpmem (bytes, IMAGE_SIZE, back, IMAGE_SIZE);
  disk_close (&disk);
}

static void
test_failures (gconstpointer data)
{
  uint8_t bytes[8192] = { 0 };
  Disk disk;

  g_test_summary ("A file that shrinks or refuses writes: an error and a message, for each size");
  if (!disk_open (&disk, data, IMAGE_SIZE))
    return;
  g_assert_cmpint (ftruncate (disk.image, 4096), ==, 0);
  g_test_expect_message ("coppice", G_LOG_LEVEL_MESSAGE, "disk test.img: read of 8192*shorter*");
  g_assert_cmpint (transfer (&disk, COP_BLOCK_READ, 0, bytes, 8192), ==, -ENODATA);
  g_test_assert_expected_messages ();

  g_assert_cmpint (fcntl (disk.image, F_ADD_SEALS, F_SEAL_WRITE), ==, 0);
  g_test_expect_message ("coppice", G_LOG_LEVEL_MESSAGE, "disk test.img: write of 8192*");
  g_assert_cmpint (transfer (&disk, COP_BLOCK_WRITE, 0, bytes, 8192), ==, -EPERM);
  g_test_assert_expected_messages ();
  disk_close (&disk);
}

/* clang-format off */
static const struct { const char *name; GTestDataFunc func; } tests[] = {
  { "ends",     test_ends },
  { "durable",  test_durable },
  { "zeroes",   test_zeroes },
  { "many",     test_many },
  { "failures", test_failures },
};
/* clang-format on */

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (backends); i++)
    for (unsigned j = 0; j < G_N_ELEMENTS (tests); j++)
      {
        g_autofree char *path = g_strdup_printf ("/block/%s/%s", backends[i]->name, tests[j].name);

        g_test_add_data_func (path, backends[i], tests[j].func);
      }
  return g_test_run ();
}
