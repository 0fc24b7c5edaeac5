/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which name a mistyped word meant.
 */
#include "vmtool/vmtool-private.h"

static const struct
{
  const char *a, *b;
  unsigned distance;
} pairs[] = {
  /* clang-format off */
  { "",       "",        0 },
  { "image",  "image",   0 },
  { "imgae",  "image",   1 },           /* two letters swapped */
  { "imge",   "image",   1 },
  { "images", "image",   1 },
  { "imbge",  "image",   1 },
  { "",       "run",     3 },
  { "run",    "help",    4 },
  /* clang-format on */
};

static void
test_distance (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      g_assert_cmpuint (vmt_edit_distance (pairs[i].a, pairs[i].b), ==, pairs[i].distance);
      g_assert_cmpuint (vmt_edit_distance (pairs[i].b, pairs[i].a), ==, pairs[i].distance);
    }
}

static void
test_long_words (void)
{
  g_autofree char *word = g_strnfill (100000, 'x');

  g_test_summary ("a word of any length is compared without a table of its square");
  g_assert_cmpuint (vmt_edit_distance (word, "run"), ==, 100000);
}

static void
test_suggest (void)
{
  static const char *const names[] = { "image", "run", "help", NULL };

  g_assert_cmpstr (vmt_suggest ("rnu", names), ==, "run");
  g_assert_cmpstr (vmt_suggest ("im", names), ==, "image");
  g_assert_cmpstr (vmt_suggest ("hlep", names), ==, "help");
  g_assert_cmpstr (vmt_suggest ("snapshot", names), ==, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tools/suggest/distance", test_distance);
  g_test_add_func ("/tools/suggest/long-words", test_long_words);
  g_test_add_func ("/tools/suggest/suggest", test_suggest);
  return g_test_run ();
}
