/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guest memory: what is inside, what is told, what it costs.
 */
#include "engine/ram.h"
#include "common/fd.h"
#include "common/units.h"

#include <string.h>
#include <sys/mman.h>

#define DRAM UINT64_C (0x80000000)

static CopRam *
ram_new (uint64_t size)
{
  g_autoptr (GError) error = NULL;
  CopRam *ram = cop_ram_new (DRAM, size, -1, &error);

  g_assert_no_error (error);
  return ram;
}

static const struct
{
  uint64_t gpa, length;
  bool     inside;
} spans[] = {
  /* clang-format off */
  { DRAM,               1,                true },
  { DRAM,               COP_MIB,          true },
  { DRAM,               COP_MIB + 1,      false },
  { DRAM + COP_MIB - 1, 1,                true },
  { DRAM + COP_MIB - 1, 2,                false },
  { DRAM + COP_MIB,     0,                true },
  { DRAM + COP_MIB + 1, 0,                false },
  { DRAM + COP_MIB,     1,                false },
  { DRAM - 1,           2,                false },
  { 0,                  1,                false },
  { UINT64_MAX,         1,                false },
  { UINT64_MAX,         UINT64_MAX,       false },
  { DRAM + 16,          UINT64_MAX,       false },
  { DRAM,               UINT64_MAX - 16,  false },
  { 0x1000,             16,               false },      /* ROM is not for devices */
  /* clang-format on */
};

static void
test_span (void)
{
  g_autoptr (CopRam) ram = ram_new (COP_MIB);

  g_test_summary ("No address or length, however large, gets a pointer beyond DRAM");
  for (size_t i = 0; i < G_N_ELEMENTS (spans); i++)
    {
      uint8_t byte = 0;

      g_test_message ("row %zu", i);
      g_assert_true ((cop_ram_span (ram, spans[i].gpa, spans[i].length) != NULL) ==
                     spans[i].inside);
      if (!spans[i].inside)
        {
          g_assert_false (cop_ram_read (ram, spans[i].gpa, &byte, spans[i].length));
          g_assert_false (cop_ram_write (ram, spans[i].gpa, &byte, spans[i].length));
        }
    }

  g_assert_true (cop_ram_block (ram, 0x1000, 0xf000) == &ram->rom);
  g_assert_null (cop_ram_block (ram, 0x1000, 0xf001));
  g_assert_true (cop_ram_block (ram, DRAM, COP_MIB) == &ram->dram);
}

typedef struct
{
  unsigned calls;
  uint64_t gpa, length;
} Told;

static void
tell (gpointer data, uint64_t gpa, uint64_t length)
{
  Told *told = data;

  told->calls++;
  told->gpa = gpa;
  told->length = length;
}

static void
test_code_written (void)
{
  g_autoptr (CopRam) ram = ram_new (COP_MIB);
  Told told = { 0 };
  uint8_t bytes[3 * COP_PAGE_SIZE] = { 0 };

  g_test_summary ("Writes to lines with code are told, page by page; writes beside them are not");
  ram->code_written = tell;
  ram->code_written_data = &told;
  cop_ram_page (ram, DRAM + COP_PAGE_SIZE)->code = UINT64_C (1) << 2 | UINT64_C (1) << 63;

  cop_ram_write (ram, DRAM + COP_PAGE_SIZE, bytes, 128);
  cop_ram_write (ram, DRAM + COP_PAGE_SIZE + 192, bytes, 64);
  cop_ram_write (ram, DRAM + 2 * COP_PAGE_SIZE, bytes, 64);
  cop_ram_written (ram, DRAM + COP_PAGE_SIZE + 128, 0);
  cop_ram_written (ram, 0, 64);
  g_assert_cmpuint (told.calls, ==, 0);

  cop_ram_write (ram, DRAM + COP_PAGE_SIZE + 127, bytes, 2);
  g_assert_cmpuint (told.calls, ==, 1);
  g_assert_cmphex (told.gpa, ==, DRAM + COP_PAGE_SIZE + 127);
  g_assert_cmpuint (told.length, ==, 2);

  cop_ram_write (ram, DRAM + 2 * COP_PAGE_SIZE - 1, bytes, 2);
  g_assert_cmpuint (told.calls, ==, 2);
  g_assert_cmpuint (told.length, ==, 1);

  cop_ram_write (ram, DRAM, bytes, sizeof (bytes));
  g_assert_cmpuint (told.calls, ==, 3);
  g_assert_cmphex (told.gpa, ==, DRAM + COP_PAGE_SIZE);
  g_assert_cmpuint (told.length, ==, COP_PAGE_SIZE);

  g_assert_true (cop_ram_clear (ram, NULL));
  g_assert_cmpuint (told.calls, ==, 4);
}

static void
test_huge (void)
{
  g_autoptr (CopRam) ram = ram_new (COP_GIB << 9);
  uint64_t last = DRAM + (COP_GIB << 9) - 8;
  uint64_t value = 42;

  g_test_summary ("Half a tebibyte is only address space until it is touched");
  g_assert_true (cop_ram_write (ram, last, &value, sizeof (value)));
  value = 0;
  g_assert_true (cop_ram_read (ram, last, &value, sizeof (value)));
  g_assert_cmpuint (value, ==, 42);
}

static void
test_file (void)
{
  cop_autofd int fd = memfd_create ("ram", MFD_CLOEXEC);
  g_autoptr (GError) error = NULL;
  g_autoptr (CopRam) ram = NULL;
  char text[6] = "";

  g_test_summary ("DRAM backed by a file is that file, and clearing it makes it zero");
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (ftruncate (fd, COP_MIB), ==, 0);
  ram = cop_ram_new (DRAM, COP_MIB, fd, &error);
  g_assert_no_error (error);

  cop_ram_write (ram, DRAM + 4096, "guest", 6);
  g_assert_cmpint (pread (fd, text, sizeof (text), 4096), ==, 6);
  g_assert_cmpstr (text, ==, "guest");

  g_assert_true (cop_ram_clear (ram, &error));
  g_assert_no_error (error);
  g_assert_cmpint (pread (fd, text, sizeof (text), 4096), ==, 6);
  g_assert_cmpstr (text, ==, "");
}

static void
test_clear (void)
{
  g_autoptr (CopRam) ram = ram_new (COP_MIB);

  memset (cop_ram_span (ram, DRAM, COP_MIB), 0xff, COP_MIB);
  g_assert_true (cop_ram_clear (ram, NULL));
  for (uint64_t i = 0; i < COP_MIB; i++)
    g_assert_cmpuint (ram->dram.hva[i], ==, 0);
}

static void
test_pinned (void)
{
  g_autoptr (CopRam) ram = ram_new (COP_MIB);
  uint8_t *before = cop_ram_span (ram, DRAM, COP_MIB);

  g_test_summary ("Who still reaches into memory that is cleared reaches into nobody else's");
  memset (before, 0x11, COP_MIB);
  cop_ram_pin (ram);
  cop_ram_pin (ram);
  g_assert_true (cop_ram_clear (ram, NULL));
  g_assert_cmpuint (*cop_ram_span (ram, DRAM, 1), ==, 0);
  g_assert_cmpuint (before[COP_MIB - 1], ==, 0x11);
  memset (before, 0x22, COP_MIB);
  g_assert_cmpuint (*cop_ram_span (ram, DRAM + COP_MIB - 1, 1), ==, 0);

  /* Once more with them still there, and then without. */
  g_assert_true (cop_ram_clear (ram, NULL));
  cop_ram_unpin (ram);
  g_assert_cmpuint (before[0], ==, 0x22);
  cop_ram_unpin (ram);
  before = cop_ram_span (ram, DRAM, 1);
  *before = 1;
  g_assert_true (cop_ram_clear (ram, NULL));
  g_assert_true (cop_ram_span (ram, DRAM, 1) == before);
  g_assert_cmpuint (*before, ==, 0);
}

static void
test_refused (void)
{
  static const uint64_t bad[][2] = {
    { DRAM, 0 }, { DRAM, 4097 }, { DRAM + 1, 4096 }, { DRAM, ~UINT64_C (0xfff) },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (cop_ram_new (bad[i][0], bad[i][1], -1, &error));
      g_assert_nonnull (error);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/ram/span", test_span);
  g_test_add_func ("/engine/ram/code-written", test_code_written);
  g_test_add_func ("/engine/ram/huge", test_huge);
  g_test_add_func ("/engine/ram/file", test_file);
  g_test_add_func ("/engine/ram/clear", test_clear);
  g_test_add_func ("/engine/ram/pinned", test_pinned);
  g_test_add_func ("/engine/ram/refused", test_refused);
  return g_test_run ();
}
