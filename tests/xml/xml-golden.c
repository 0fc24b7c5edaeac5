/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Golden files of XML; see xml-golden.h.
 */
#include "xml-golden.h"

#include <glib/gstdio.h>
#include <string.h>

static void
golden_free (gpointer data)
{
  XmlGolden *golden = data;

  g_free (golden->name);
  g_free (golden->label);
  g_free (golden->path);
  g_free (golden->text);
  g_free (golden);
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  const XmlGolden *const *one = a, *const *other = b;

  return strcmp ((*one)->name, (*other)->name);
}

static GPtrArray *
list (const char *folder)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, folder, NULL);
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  GPtrArray *all = g_ptr_array_new ();
  const char *name;

  g_assert_nonnull (directory);
  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      XmlGolden *golden;

      if (!g_str_has_suffix (name, ".xml") || g_str_has_suffix (name, ".out.xml"))
        continue;
      golden = g_new0 (XmlGolden, 1);
      golden->label = g_strdup (name);
      golden->name = g_strndup (name, strlen (name) - strlen (".xml"));
      golden->path = g_build_filename (path, golden->name, NULL);
      g_assert_true (g_file_get_contents (file, &golden->text, &golden->length, NULL));
      g_ptr_array_add (all, golden);
    }
  g_assert_cmpuint (all->len, >, 0);
  g_ptr_array_sort (all, by_name);
  return all;
}

void
xml_golden_add (const char *folder, GTestDataFunc func)
{
  g_autoptr (GPtrArray) all = list (folder);

  for (guint i = 0; i < all->len; i++)
    {
      XmlGolden *golden = all->pdata[i];
      g_autofree char *path = g_strdup_printf ("/xml/%s/%s", folder, golden->name);

      g_test_add_data_func_full (path, golden, func, golden_free);
    }
}

void
xml_golden_foreach (const char *folder, XmlGoldenFunc func, gpointer data)
{
  g_autoptr (GPtrArray) all = list (folder);

  g_ptr_array_set_free_func (all, golden_free);
  for (guint i = 0; i < all->len; i++)
    func (all->pdata[i], data);
}

static char *
path_of (const XmlGolden *golden, const char *suffix)
{
  return g_strdup_printf ("%s.%s", golden->path, suffix);
}

bool
xml_golden_has (const XmlGolden *golden, const char *suffix)
{
  g_autofree char *path = path_of (golden, suffix);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

void
xml_golden_compare (const XmlGolden *golden, const char *suffix, const char *actual)
{
  g_autofree char *path = path_of (golden, suffix);
  bool is_input = strcmp (suffix, "out.xml") == 0 && g_strcmp0 (actual, golden->text) == 0;
  g_autofree char *expected = NULL;

  if (g_getenv ("COPPICE_WRITE_GOLDEN") != NULL)
    {
      g_remove (path);
      if (actual != NULL && !is_input)
        g_assert_true (g_file_set_contents (path, actual, -1, NULL));
      return;
    }
  g_file_get_contents (path, &expected, NULL, NULL);
  if (expected == NULL && is_input)
    return;
  g_assert_cmpstr (actual, ==, expected);
}
