/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Giving back memory that a guest has only zeroed.
 */
#include "engine/ram-trim.h"

#include "engine/page-zero.h"

#include <string.h>
#include <sys/mman.h>

/* Pages looked at together, after as many others have been noted: by then who zeroed a page to use
   it has written to it. */
#define BATCH 64
/* Fewer pages in a row are not worth a system call. */
#define LEAST 8

struct CopRamTrim
{
  uint64_t pages[2 * BATCH]; /* gpa, in the order they were noted */
  unsigned n;
};

void
cop_ram_set_sole_writer (CopRam *ram, gconstpointer writer)
{
  /* Of a file, or an image, there is nothing to give back. */
  if (ram->shared || ram->image)
    writer = NULL;
  if (writer != NULL && ram->trim == NULL)
    ram->trim = g_new0 (CopRamTrim, 1);
  if (writer == NULL)
    g_clear_pointer (&ram->trim, g_free);
  ram->sole_writer = writer;
}

/* Large pages, which were asked for where the loader writes, would fall apart. */
static bool
may_go (const CopRam *ram, uint64_t gpa)
{
  return (gpa < ram->filled_first || gpa >= ram->filled_end) &&
         cop_page_is_zero (ram->dram.hva + (gpa - ram->dram.gpa));
}

/* Gives zero pages of the older half back. */
static void
trim (CopRam *ram, CopRamTrim *trim)
{
  for (unsigned i = 0; i < BATCH;)
    {
      unsigned n = 0;

      while (i + n < BATCH && trim->pages[i + n] == trim->pages[i] + n * COP_PAGE_SIZE &&
             may_go (ram, trim->pages[i + n]))
        n++;
      if (n >= LEAST)
        madvise (ram->dram.hva + (trim->pages[i] - ram->dram.gpa), n * COP_PAGE_SIZE,
                 MADV_DONTNEED);
      i += MAX (n, 1);
    }
}

void
cop_ram_trim_note (CopRam *ram, uint64_t gpa)
{
  CopRamTrim *noted = ram->trim;

  noted->pages[noted->n++] = gpa & ~(COP_PAGE_SIZE - 1);
  if (noted->n < 2 * BATCH)
    return;
  trim (ram, noted);
  memcpy (noted->pages, noted->pages + BATCH, BATCH * sizeof *noted->pages);
  noted->n = BATCH;
}
