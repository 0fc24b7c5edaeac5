/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench disk DEVICE: sequential reads and writes and random 4 KiB reads of a block device, past the
 * page cache. Its contents are lost.
 */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <unistd.h>

#define CHUNK (1024 * 1024)
#define BLOCK 4096
#define SECONDS 1.5

static bool
sequential (int fd, uint64_t size, bool writes, void *buffer, const char *name)
{
  double   start = bench_now (), seconds;
  uint64_t done = 0;

  do
    {
      off_t   at = done % (size / CHUNK * CHUNK);
      ssize_t moved = writes ? pwrite (fd, buffer, CHUNK, at) : pread (fd, buffer, CHUNK, at);

      if (moved != CHUNK)
        return false;
      done += CHUNK;
    }
  while (bench_now () - start < SECONDS);
  if (writes)
    fdatasync (fd);
  seconds = bench_now () - start;
  bench_print (name, done / seconds / 1e6, "MB/s");
  return true;
}

static bool
random_reads (int fd, uint64_t size, void *buffer)
{
  double   start = bench_now (), seconds;
  uint64_t seed = 3, count = 0;

  do
    {
      if (pread (fd, buffer, BLOCK, bench_random (&seed) % (size / BLOCK) * BLOCK) != BLOCK)
        return false;
      count++;
      seconds = bench_now () - start;
    }
  while (seconds < SECONDS);
  bench_print ("disk_random_4k", count / seconds, "/s");
  return true;
}

int
bench_disk (int argc, char **argv)
{
  const char *path = argc > 0 ? argv[0] : "/dev/vda";
  void       *buffer;
  uint64_t    size = 0;
  int         fd = open (path, O_RDWR | O_DIRECT | O_CLOEXEC);

  if (fd < 0 || ioctl (fd, BLKGETSIZE64, &size) != 0 || size < CHUNK ||
      posix_memalign (&buffer, BLOCK, CHUNK) != 0)
    {
      printf ("# %s: not a disk that can be measured: %m\n", path);
      return EXIT_FAILURE;
    }
  /* Written first, so that reads find data and not holes. */
  if (!sequential (fd, size, true, buffer, "disk_write") ||
      !sequential (fd, size, false, buffer, "disk_read") || !random_reads (fd, size, buffer))
    {
      printf ("# %s: input/output failed: %m\n", path);
      return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}
