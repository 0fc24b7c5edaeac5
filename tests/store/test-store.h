/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What tests of the store share.
 */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <stdbool.h>

/* Returns: (transfer full): a new empty folder */
static inline char *
test_folder_new (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("coppice-test-XXXXXX", &error);

  g_assert_no_error (error);
  return folder;
}

/* Skips a test whose program is missing; under ./check nothing may be missing. */
static inline bool
test_need_program (const char *name)
{
  g_autofree char *path = g_find_program_in_path (name);

  if (path != NULL)
    return true;
  if (g_getenv ("COPPICE_CHECK") != NULL)
    g_test_fail_printf ("%s is not installed", name);
  else
    g_test_skip_printf ("%s is not installed", name);
  return false;
}

/* Removes @folder and all that is in it; a folder that cannot be read is made readable first. */
static inline void
test_remove_tree (const char *folder)
{
  g_autoptr (GDir) dir = NULL;
  const char *name;

  if (!g_file_test (folder, G_FILE_TEST_IS_SYMLINK) && g_file_test (folder, G_FILE_TEST_IS_DIR))
    {
      g_chmod (folder, 0700);
      dir = g_dir_open (folder, 0, NULL);
    }
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      test_remove_tree (path);
    }
  g_remove (folder);
}
