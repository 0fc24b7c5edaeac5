/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Listening: a stale socket is replaced, a living one is not, nor is what is no socket.
 */
#include "driver/wire/listen.h"

#include "common/fd.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static void
test_stale (void)
{
  g_autofree char *folder = g_dir_make_tmp ("cop-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "sock", NULL);
  g_autofree char *lock = g_strconcat (path, ".lock", NULL);
  g_autoptr (GError) error = NULL;
  struct stat info;
  int first = cop_listen_unix (path, 0600, &error);

  g_assert_no_error (error);
  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);
  g_assert_cmpint (cop_listen_unix (path, 0600, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_clear_error (&error);

  close (first);
  first = cop_listen_unix (path, 0666, &error);
  g_assert_no_error (error);
  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0666);
  close (first);

  g_unlink (path);
  g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
  g_assert_cmpint (cop_listen_unix (path, 0600, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_REGULAR));
  g_unlink (path);
  g_unlink (lock);
  g_rmdir (folder);
}

static void
test_long_path (void)
{
  g_autofree char *name = g_strnfill (200, 'x');
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), name, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (cop_listen_unix (path, 0600, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/listen/stale", test_stale);
  g_test_add_func ("/wire/listen/long-path", test_long_path);
  return g_test_run ();
}
