/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guest memory to and from a file.
 */
#include "engine/ram-image.h"

#include "engine/page-zero.h"
#include "common/fd.h"
#include "common/units.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Pages looked at together: 2 MiB. */
#define BATCH 512

/* In /proc/PID/pagemap. Source: Linux Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (UINT64_C (1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C (1) << 62)

/* Where saving stands. */
typedef struct
{
  const CopRam *ram;
  int fd;
  uint64_t offset; /* of byte 0 of DRAM in the file */
  int pagemap_fd; /* (owned): -1: any page may have been touched */
  uint64_t n_pages;
  uint64_t n_touched; /* what progress is measured by */
  uint64_t n_done;
  CopPageSet *saved; /* (owned) */
  CopRamProgress progress;
  gpointer data;
} Save;

static bool
set_errno (GError **error, const char *what)
{
  int saved = errno;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved), "cannot %s: %s", what,
               g_strerror (saved));
  return false;
}

/* Sets touched[i] for each of @n pages from @first that may be other than zero. */
static void
find_touched (const Save *save, uint64_t first, unsigned n, bool touched[BATCH])
{
  const CopRamBlock *dram = &save->ram->dram;
  uint64_t entries[BATCH];
  off_t at = (off_t) (((uintptr_t) dram->hva >> COP_PAGE_SHIFT) + first) * (off_t) sizeof *entries;

  /* Of a file's pages the page table knows only those that were used: the rest are looked at. */
  if (save->pagemap_fd < 0 || save->ram->shared || save->ram->image ||
      pread (save->pagemap_fd, entries, n * sizeof *entries, at) != (ssize_t) (n * sizeof *entries))
    {
      memset (touched, true, n);
      return;
    }
  for (unsigned i = 0; i < n; i++)
    touched[i] = (entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) != 0;
}

static bool
write_pages (Save *save, uint64_t first, unsigned n, GError **error)
{
  const uint8_t *from = save->ram->dram.hva + (first << COP_PAGE_SHIFT);
  size_t left = (size_t) n << COP_PAGE_SHIFT;
  off_t offset = (off_t) (save->offset + (first << COP_PAGE_SHIFT));

  while (left > 0)
    {
      ssize_t written = pwrite (save->fd, from, left, offset);

      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        return set_errno (error, "write guest memory to its file");
      from += written;
      offset += written;
      left -= (size_t) written;
    }
  cop_page_set_append (save->saved, first, first + n - 1);
  return true;
}

/* Writes those of @n pages from @first that are not zero. */
static bool
save_batch (Save *save, uint64_t first, unsigned n, GError **error)
{
  bool wanted[BATCH];
  unsigned i = 0, touched = 0;

  find_touched (save, first, n, wanted);
  for (unsigned j = 0; j < n; j++)
    {
      touched += wanted[j];
      wanted[j] = wanted[j] && !cop_page_is_zero (save->ram->dram.hva + ((first + j) << COP_PAGE_SHIFT));
    }
  while (i < n)
    {
      unsigned end = i;

      while (end < n && wanted[end])
        end++;
      if (end > i && !write_pages (save, first + i, end - i, error))
        return false;
      i = end + 1;
    }

  save->n_done += touched;
  if (touched > 0 && save->progress != NULL &&
      !save->progress (save->data, save->n_done << COP_PAGE_SHIFT,
                       save->n_touched << COP_PAGE_SHIFT))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                           "saving the memory was cancelled");
      return false;
    }
  return true;
}

static void
count_touched (Save *save)
{
  for (uint64_t first = 0; first < save->n_pages; first += BATCH)
    {
      unsigned n = (unsigned) MIN (BATCH, save->n_pages - first);
      bool touched[BATCH];

      find_touched (save, first, n, touched);
      for (unsigned i = 0; i < n; i++)
        save->n_touched += touched[i];
    }
}

static bool
save_all (Save *save, GError **error)
{
  if (ftruncate (save->fd, (off_t) (save->offset + save->ram->dram.size)) < 0)
    return set_errno (error, "make the file as long as guest memory");
  count_touched (save);
  for (uint64_t first = 0; first < save->n_pages; first += BATCH)
    if (!save_batch (save, first, (unsigned) MIN (BATCH, save->n_pages - first), error))
      return false;
  return true;
}

/* Returns: (transfer full): the pages that were saved */
static CopPageSet *
save_to (CopRam *ram, int fd, uint64_t offset, CopRamProgress progress, gpointer data,
         GError **error)
{
  Save save = {
    .ram = ram,
    .fd = fd,
    .offset = offset,
    .pagemap_fd = open ("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
    .n_pages = ram->dram.size >> COP_PAGE_SHIFT,
    .saved = cop_page_set_new (),
    .progress = progress,
    .data = data,
  };

  if (!save_all (&save, error))
    g_clear_pointer (&save.saved, cop_page_set_free);
  cop_fd_clear (&save.pagemap_fd);
  return save.saved;
}

CopPageSet *
cop_ram_save (CopRam *ram, int fd, CopRamProgress progress, gpointer data, GError **error)
{
  CopPageSet *saved = save_to (ram, fd, 0, progress, data, error);

  if (saved != NULL)
    cop_page_set_simplify (saved, COP_PAGE_SET_RUNS_MAX);
  return saved;
}

bool
cop_ram_dump (CopRam *ram, int fd, uint64_t offset, CopRamProgress progress, gpointer data,
              GError **error)
{
  CopPageSet *saved = save_to (ram, fd, offset, progress, data, error);
  bool ok = saved != NULL;

  cop_page_set_free (saved);
  return ok;
}

bool
cop_ram_map_image (CopRam *ram, int fd, GError **error)
{
  CopRamBlock *dram = &ram->dram;
  struct stat status;

  if (ram->shared)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                           "memory that is shared cannot be restored from a file");
      return false;
    }
  if (fstat (fd, &status) < 0)
    return set_errno (error, "look at the file of the saved memory");
  /* Shorter, the guest would end in SIGBUS; longer, it is of another machine. */
  if (!S_ISREG (status.st_mode) || (uint64_t) status.st_size != dram->size)
    {
      g_autofree char *wanted = cop_size_format (dram->size);

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "the saved memory has %" G_GINT64_FORMAT " bytes, but the machine's has %s: the "
                   "file is damaged or of another machine; restore another one",
                   (int64_t) status.st_size, wanted);
      return false;
    }
  if (mmap (dram->hva, dram->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
            fd, 0) == MAP_FAILED)
    return set_errno (error, "map the saved memory");
  madvise (dram->hva, dram->size, MADV_DONTDUMP);
  ram->image = true;
  cop_ram_written (ram, dram->gpa, dram->size);
  return true;
}
