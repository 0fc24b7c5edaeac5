/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guest memory: mappings, the one way from guest physical to host address, and the word to the
 * engine when code is written.
 */
#include "engine/ram.h"
#include "common/checked.h"
#include "common/units.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>

/* The boot ROM of QEMU's virt machine. */
#define ROM_GPA UINT64_C (0x1000)
#define ROM_SIZE UINT64_C (0xf000)

/* Returns: (nullable): @size zeroed bytes at @fd, or anonymous ones for -1, that cost nothing yet
 */
static void *
reserve (uint64_t size, int fd, const char *what, GError **error)
{
  int flags = MAP_NORESERVE | (fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);
  void *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

  if (memory == MAP_FAILED)
    {
      int saved = errno;
      g_autofree char *text = cop_size_format (size);

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved),
                   "cannot map %s for %s: %s; give the machine less memory", text, what,
                   g_strerror (saved));
      return NULL;
    }
  /* A core dump is for finding our mistakes, and should not be as large as the guest. */
  madvise (memory, size, MADV_DONTDUMP);
  return memory;
}

CopRam *
cop_ram_new (uint64_t dram_gpa, uint64_t dram_size, int fd, GError **error)
{
  g_autoptr (CopRam) ram = g_new0 (CopRam, 1);
  uint64_t end;

  g_mutex_init (&ram->pin_lock);
  if (dram_size == 0 || dram_size % COP_PAGE_SIZE != 0 || dram_gpa % COP_PAGE_SIZE != 0 ||
      !cop_checked_add (dram_gpa, dram_size, &end) || dram_size > SIZE_MAX / 2)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "a memory of %" G_GUINT64_FORMAT " bytes is not possible; "
                   "its size must be a multiple of 4 KiB",
                   dram_size);
      return NULL;
    }

  ram->shared = fd >= 0;
  ram->rom.gpa = ROM_GPA;
  ram->rom.size = ROM_SIZE;
  ram->rom.readonly = true;
  ram->rom.hva = reserve (ROM_SIZE, -1, "the boot ROM", error);
  if (ram->rom.hva == NULL)
    return NULL;

  ram->dram.gpa = dram_gpa;
  ram->dram.size = dram_size;
  ram->dram.hva = reserve (dram_size, fd, "guest memory", error);
  if (ram->dram.hva == NULL)
    return NULL;

  ram->dram.pages = reserve ((dram_size >> COP_PAGE_SHIFT) * sizeof (CopPage), -1,
                             "the page table of guest memory", error);
  if (ram->dram.pages == NULL)
    return NULL;
  return g_steal_pointer (&ram);
}

void
cop_ram_free (CopRam *ram)
{
  if (ram == NULL)
    return;
  if (ram->rom.hva != NULL)
    munmap (ram->rom.hva, ram->rom.size);
  /* Pinned memory, and what was pinned before it, goes with the process. */
  if (ram->dram.hva != NULL && ram->n_pins == 0)
    munmap (ram->dram.hva, ram->dram.size);
  g_clear_pointer (&ram->pinned, g_ptr_array_unref);
  g_free (ram->trim);
  g_mutex_clear (&ram->pin_lock);
  if (ram->dram.pages != NULL)
    munmap (ram->dram.pages, (ram->dram.size >> COP_PAGE_SHIFT) * sizeof (CopPage));
  g_free (ram);
}

static bool
block_holds (const CopRamBlock *block, uint64_t gpa, uint64_t length)
{
  return gpa >= block->gpa && cop_range_within (gpa - block->gpa, length, block->size);
}

const CopRamBlock *
cop_ram_block (const CopRam *ram, uint64_t gpa, uint64_t length)
{
  if (block_holds (&ram->dram, gpa, length))
    return &ram->dram;
  if (block_holds (&ram->rom, gpa, length))
    return &ram->rom;
  return NULL;
}

uint8_t *
cop_ram_span (const CopRam *ram, uint64_t gpa, uint64_t length)
{
  return block_holds (&ram->dram, gpa, length) ? ram->dram.hva + (gpa - ram->dram.gpa) : NULL;
}

static __thread uint64_t written_here;

uint64_t
cop_ram_written_by_others (const CopRam *ram)
{
  return __atomic_load_n (&ram->n_written, __ATOMIC_SEQ_CST) - written_here;
}

void
cop_ram_written (CopRam *ram, uint64_t gpa, uint64_t length)
{
  uint64_t end = gpa + length;

  if (length == 0 || !block_holds (&ram->dram, gpa, length))
    return;

  /* Whoever decodes sets the page's bits and then reads its bytes; we wrote bytes and now read the
     bits. With a full barrier on both sides at least one of the two sees the other. */
  __atomic_fetch_add (&ram->n_written, 1, __ATOMIC_SEQ_CST);
  written_here++;

  while (gpa < end)
    {
      uint64_t page_end = MIN ((gpa | (COP_PAGE_SIZE - 1)) + 1, end);
      uint64_t code = __atomic_load_n (&cop_ram_page (ram, gpa)->code, __ATOMIC_RELAXED);

      if (code != 0)
        {
          unsigned first = (gpa & (COP_PAGE_SIZE - 1)) >> COP_CODE_LINE_SHIFT;
          unsigned last = ((page_end - 1) & (COP_PAGE_SIZE - 1)) >> COP_CODE_LINE_SHIFT;
          uint64_t lines = (UINT64_MAX << first) & (UINT64_MAX >> (63 - last));

          if ((code & lines) != 0 && ram->code_written != NULL)
            ram->code_written (ram->code_written_data, gpa, page_end - gpa);
        }
      gpa = page_end;
    }
}

bool
cop_ram_read (const CopRam *ram, uint64_t gpa, void *to, uint64_t length)
{
  const uint8_t *from = cop_ram_span (ram, gpa, length);

  if (from == NULL)
    return false;
  memcpy (to, from, length);
  return true;
}

bool
cop_ram_write (CopRam *ram, uint64_t gpa, const void *from, uint64_t length)
{
  uint8_t *to = cop_ram_span (ram, gpa, length);

  if (to == NULL)
    return false;
  memcpy (to, from, length);
  cop_ram_written (ram, gpa, length);
  return true;
}

void
cop_ram_will_fill (CopRam *ram, uint64_t gpa, uint64_t length)
{
  const uint64_t huge = 2 * COP_MIB;
  uintptr_t start = (uintptr_t) cop_ram_span (ram, gpa, length);
  uintptr_t end = start + length;

  if (start == 0 || ram->shared)
    return;
  ram->filled_first = ram->filled_end == 0 ? gpa : MIN (ram->filled_first, gpa);
  ram->filled_end = MAX (ram->filled_end, gpa + length);
  /* Whole large pages only: nothing around the range becomes resident. Halves the time from process
     start to the first instruction of a 30 MiB kernel. A host without them says no; no matter. */
  start = (start + huge - 1) & ~(huge - 1);
  end &= ~(huge - 1);
  if (start < end)
    madvise ((void *) start, end - start, MADV_HUGEPAGE);
}

void
cop_ram_discard (CopRam *ram, uint64_t gpa, uint64_t length)
{
  uint64_t start = MAX (gpa, ram->dram.gpa);
  uint64_t end = MIN (gpa + length, ram->dram.gpa + ram->dram.size);

  start = (start + COP_PAGE_SIZE - 1) & ~(COP_PAGE_SIZE - 1);
  end &= ~(COP_PAGE_SIZE - 1);
  if (gpa + length < gpa || start >= end)
    return;
  /* A file system that cannot punch holes keeps them: no harm but to the host's memory. */
  madvise (ram->dram.hva + (start - ram->dram.gpa), end - start,
           ram->shared ? MADV_REMOVE : MADV_DONTNEED);
  cop_ram_written (ram, start, end - start);
}

/* Puts fresh memory where a saved image was mapped: dropping pages would bring the image's back. */
static bool
drop_image (CopRam *ram, GError **error)
{
  const CopRamBlock *dram = &ram->dram;

  if (mmap (dram->hva, dram->size, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "cannot clear guest memory: %s", g_strerror (errno));
      return false;
    }
  madvise (dram->hva, dram->size, MADV_DONTDUMP);
  ram->image = false;
  return true;
}

void
cop_ram_pin (CopRam *ram)
{
  g_mutex_lock (&ram->pin_lock);
  ram->n_pins++;
  g_mutex_unlock (&ram->pin_lock);
}

bool
cop_ram_is_pinned (CopRam *ram)
{
  bool pinned;

  g_mutex_lock (&ram->pin_lock);
  pinned = ram->n_pins > 0;
  g_mutex_unlock (&ram->pin_lock);
  return pinned;
}

void
cop_ram_unpin (CopRam *ram)
{
  g_mutex_lock (&ram->pin_lock);
  if (--ram->n_pins == 0 && ram->pinned != NULL)
    {
      for (unsigned i = 0; i < ram->pinned->len; i++)
        munmap (g_ptr_array_index (ram->pinned, i), ram->dram.size);
      g_clear_pointer (&ram->pinned, g_ptr_array_unref);
    }
  g_mutex_unlock (&ram->pin_lock);
}

/* Puts DRAM at another host address and leaves what is there behind. The lock is held. */
static bool
replace (CopRam *ram, GError **error)
{
  CopRamBlock *dram = &ram->dram;
  uint8_t *fresh;

  if (ram->shared)
    {
      g_set_error_literal (
        error, G_IO_ERROR, G_IO_ERROR_BUSY,
        "cannot clear guest memory: the host may still write to the file that it "
        "is shared in");
      return false;
    }
  fresh = reserve (dram->size, -1, "guest memory", error);
  if (fresh == NULL)
    return false;
  if (ram->pinned == NULL)
    ram->pinned = g_ptr_array_new ();
  g_ptr_array_add (ram->pinned, dram->hva);
  dram->hva = fresh;
  ram->image = false;
  return true;
}

/* Drops the contents where they are. */
static bool
drop (CopRam *ram, GError **error)
{
  const CopRamBlock *dram = &ram->dram;

  if (ram->image)
    return drop_image (ram, error);
  if (madvise (dram->hva, dram->size, ram->shared ? MADV_REMOVE : MADV_DONTNEED) == 0)
    return true;
  if (!ram->shared || (errno != EOPNOTSUPP && errno != EINVAL))
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "cannot clear guest memory: %s", g_strerror (errno));
      return false;
    }
  /* A file system that cannot punch holes has no holes either: nothing new is allocated. */
  memset (dram->hva, 0, dram->size);
  return true;
}

bool
cop_ram_clear (CopRam *ram, GError **error)
{
  bool cleared;

  g_mutex_lock (&ram->pin_lock);
  cleared = ram->n_pins > 0 ? replace (ram, error) : drop (ram, error);
  g_mutex_unlock (&ram->pin_lock);
  if (cleared)
    cop_ram_written (ram, ram->dram.gpa, ram->dram.size);
  return cleared;
}
