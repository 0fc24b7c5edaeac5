/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sets of pages: their text, and that making it shorter never loses a page.
 */
#include "engine/page-set.h"

#include <gio/gio.h>

static void
test_round_trip (void)
{
  g_autoptr (CopPageSet) set = cop_page_set_new ();
  g_autoptr (CopPageSet) again = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  g_autofree char *text_again = NULL;

  g_test_summary ("What is written is read back, and adjoining runs are one");
  cop_page_set_append (set, 0, 0x1ff);
  cop_page_set_append (set, 0x200, 0x2ff);
  cop_page_set_append (set, 0x400, 0x400);
  cop_page_set_append (set, 0x7f0, 0x7ff);
  text = cop_page_set_format (set);
  g_assert_cmpstr (text, ==, "0-2ff 400 7f0-7ff");
  g_assert_cmpuint (cop_page_set_count (set), ==, 0x300 + 1 + 0x10);

  again = cop_page_set_parse (text, 0x800, &error);
  g_assert_no_error (error);
  text_again = cop_page_set_format (again);
  g_assert_cmpstr (text, ==, text_again);
  for (uint64_t page = 0; page < 0x900; page++)
    g_assert_true (cop_page_set_contains (again, page) ==
                   (page <= 0x2ff || page == 0x400 || (page >= 0x7f0 && page <= 0x7ff)));
}

static void
test_damaged (void)
{
  /* clang-format off */
  static const char *const damaged[] = {
    " ", "x", "-1", "1-", "2-1", "5 4", "4 4", "0-10", "10", "1,2", "1--2", "1 -2", "0x1",
    "ffffffffffffffffffff", "1\n",
  };
  /* clang-format on */

  g_test_summary ("No text that is not such a list, or leaves the memory, is taken for one");
  for (unsigned i = 0; i < G_N_ELEMENTS (damaged); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("'%s'", damaged[i]);
      g_assert_null (cop_page_set_parse (damaged[i], 0x10, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
}

static void
test_simplify (void)
{
  g_test_summary ("Fewer runs are asked for, and no page is lost");
  for (unsigned round = 0; round < 200; round++)
    {
      g_autoptr (CopPageSet) set = cop_page_set_new ();
      g_autoptr (CopPageSet) before = cop_page_set_new ();
      unsigned n = (unsigned) g_test_rand_int_range (1, 60);
      unsigned limit = (unsigned) g_test_rand_int_range (1, 60);
      uint64_t at = 0;

      for (unsigned i = 0; i < n; i++)
        {
          uint64_t first = at + (uint64_t) g_test_rand_int_range (1, 5);
          uint64_t last = first + (uint64_t) g_test_rand_int_range (0, 3);

          cop_page_set_append (set, first, last);
          cop_page_set_append (before, first, last);
          at = last + 1;
        }
      cop_page_set_simplify (set, limit);
      g_assert_cmpuint (set->runs->len, <=, MAX (limit, 1));
      g_assert_cmpuint (set->runs->len, ==, MIN (limit, before->runs->len));
      for (uint64_t page = 0; page < at; page++)
        if (cop_page_set_contains (before, page))
          g_assert_true (cop_page_set_contains (set, page));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/page-set/round-trip", test_round_trip);
  g_test_add_func ("/engine/page-set/damaged", test_damaged);
  g_test_add_func ("/engine/page-set/simplify", test_simplify);
  return g_test_run ();
}
