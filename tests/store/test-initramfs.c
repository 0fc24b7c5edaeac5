/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The initramfs as the kernel reads it: headers of 110 letters, each part padded to 4 bytes.
 */
#include "store/initramfs.h"

#include <stdint.h>
#include <string.h>

#define HEADER 110

/* Fields of the header, by place: 8 hexadecimal digits each, after the 6 letters of the magic. */
enum
{
  FIELD_MODE = 1,
  FIELD_MTIME = 5,
  FIELD_SIZE = 6,
  FIELD_RDEV_MAJOR = 9,
  FIELD_RDEV_MINOR = 10,
  FIELD_NAME_SIZE = 11,
};

static uint32_t
field (const char *header, unsigned index)
{
  g_autofree char *digits = g_strndup (header + 6 + 8 * index, 8);

  return g_ascii_strtoull (digits, NULL, 16);
}

static size_t
padded (size_t offset)
{
  return (offset + 3) & ~(size_t) 3;
}

static GBytes *
build (void)
{
  g_autoptr (CopInitramfs) initramfs = cop_initramfs_new ();
  g_autoptr (GBytes) contents = g_bytes_new_static ("hello", 5);
  g_autoptr (GError) error = NULL;
  GBytes *archive;

  cop_initramfs_add_folder (initramfs, "dev");
  cop_initramfs_add_device (initramfs, "dev/console", 5, 1);
  cop_initramfs_add_file (initramfs, "init", contents, true);
  cop_initramfs_add_file (initramfs, "text", contents, false);
  cop_initramfs_add_link (initramfs, "sh", "busybox");
  archive = cop_initramfs_finish (initramfs, &error);
  g_assert_no_error (error);
  return archive;
}

static void
test_entries (void)
{
  static const struct
  {
    const char *name;
    uint32_t mode;
    const char *data;
    uint32_t major_number, minor_number;
  } expected[] = {
    { "dev", 040755, "" },        { "dev/console", 020600, "", 5, 1 }, { "init", 0100755, "hello" },
    { "text", 0100644, "hello" }, { "sh", 0120777, "busybox" },        { "TRAILER!!!", 0, "" },
  };
  g_autoptr (GBytes) archive = build ();
  gsize size;
  const char *data = g_bytes_get_data (archive, &size);
  size_t offset = 0;

  for (size_t i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      const char *header = data + offset;
      size_t length;

      g_assert_cmpuint (offset + HEADER, <=, size);
      g_assert_cmpmem (header, 6, "070701", 6);
      g_assert_cmpstr (header + HEADER, ==, expected[i].name);
      g_assert_cmpuint (field (header, FIELD_NAME_SIZE), ==, strlen (expected[i].name) + 1);
      g_assert_cmphex (field (header, FIELD_MODE), ==, expected[i].mode);
      g_assert_cmpuint (field (header, FIELD_MTIME), ==, 0);
      g_assert_cmpuint (field (header, FIELD_RDEV_MAJOR), ==, expected[i].major_number);
      g_assert_cmpuint (field (header, FIELD_RDEV_MINOR), ==, expected[i].minor_number);
      length = field (header, FIELD_SIZE);
      offset = padded (offset + HEADER + strlen (expected[i].name) + 1);
      g_assert_cmpmem (data + offset, length, expected[i].data, strlen (expected[i].data));
      offset = padded (offset + length);
    }
}

static void
test_same_bytes (void)
{
  g_autoptr (GBytes) one = build ();
  g_autoptr (GBytes) two = build ();

  g_test_summary ("the same contents give the same bytes, so that images can be compared");
  g_assert_true (g_bytes_equal (one, two));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/initramfs/entries", test_entries);
  g_test_add_func ("/store/initramfs/same-bytes", test_same_bytes);
  return g_test_run ();
}
