/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JSON that others wrote: what is right is read, what is wrong is refused and harms nobody.
 */
#include "common/json.h"

#include <string.h>

static CopJson *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  CopJson *json = cop_json_parse (text, strlen (text), &error);

  g_assert_no_error (error);
  return json;
}

static void
test_values (void)
{
  g_autoptr (CopJson) json = parse (" {\"a\": [1, -2.5e3, true, false, null, \"x\"], \"b\": {}, "
                                    "\"n\": 18446744073709551615}\n");
  const CopJson *list = cop_json_member (json, "a");
  int64_t number = 0;
  uint64_t large = 0;

  g_test_summary ("Each kind of value is found, and is what it is");
  g_assert_cmpuint (cop_json_length (list), ==, 6);
  g_assert_true (cop_json_int64 (cop_json_element (list, 0), &number));
  g_assert_cmpint (number, ==, 1);
  g_assert_false (cop_json_int64 (cop_json_element (list, 1), &number));
  g_assert_cmpint (cop_json_element (list, 2)->type, ==, COP_JSON_BOOL);
  g_assert_true (cop_json_element (list, 2)->truth);
  g_assert_false (cop_json_element (list, 3)->truth);
  g_assert_cmpint (cop_json_element (list, 4)->type, ==, COP_JSON_NULL);
  g_assert_cmpstr (cop_json_string (cop_json_element (list, 5)), ==, "x");
  g_assert_cmpint (cop_json_member (json, "b")->type, ==, COP_JSON_OBJECT);
  g_assert_true (cop_json_uint64 (cop_json_member (json, "n"), &large));
  g_assert_cmpuint (large, ==, UINT64_MAX);
  g_assert_false (cop_json_int64 (cop_json_member (json, "n"), &number));
}

static void
test_nothing (void)
{
  g_autoptr (CopJson) json = parse ("[]");
  int64_t number;

  g_test_summary ("What is not there, or of another kind, is asked in vain but without harm");
  g_assert_null (cop_json_member (json, "a"));
  g_assert_null (cop_json_member (NULL, "a"));
  g_assert_cmpuint (cop_json_length (NULL), ==, 0);
  g_assert_null (cop_json_string (json));
  g_assert_false (cop_json_int64 (NULL, &number));
}

static void
test_strings (void)
{
  static const struct
  {
    const char *json, *text;
  } rows[] = {
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
    { "\"\\u00e9\\u20AC\"", "\xc3\xa9\xe2\x82\xac" },
    { "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80" },
    { "\"\\ud83dx\\u0000\"", "\xef\xbf\xbdx\xef\xbf\xbd" },
    { "\"a\xff\"", "a\xef\xbf\xbd" },
  };

  g_test_summary ("Escapes mean what they mean; what no text can hold becomes a sign of its own");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (CopJson) json = parse (rows[i].json);

      g_assert_cmpstr (cop_json_string (json), ==, rows[i].text);
    }
}

static void
test_bad (void)
{
  static const char *const rows[] = {
    "",           " ",         "{",
    "[",          "[1",        "[1,",
    "[1,]",       "{\"a\"}",   "{\"a\":}",
    "{\"a\":1,}", "{a:1}",     "\"",
    "\"\\",       "\"\\u12\"", "\"\\q\"",
    "\"\n\"",     "tru",       "nul",
    "01",         "-",         "1.",
    "1e",         "+1",        "1 2",
    "[1}",        "{1:2}",     "\"\\ud83d\\u12\"",
    "'a'",
  };

  g_test_summary ("What is no JSON is refused, wherever it goes wrong");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *exact = g_memdup2 (rows[i], strlen (rows[i]));

      /* Not a byte behind the text is looked at. */
      g_assert_null (cop_json_parse (exact, strlen (rows[i]), &error));
      g_assert_error (error, COP_JSON_ERROR, COP_JSON_ERROR_INVALID);
    }
}

static void
test_bounds (void)
{
  g_autoptr (GString) deep = g_string_new (NULL);
  g_autoptr (GString) wide = g_string_new ("[0");
  g_autoptr (GError) error = NULL;

  g_test_summary ("Neither depth nor number is the sender's choice");
  for (unsigned i = 0; i < 100000; i++)
    g_string_append_c (deep, '[');
  g_assert_null (cop_json_parse (deep->str, deep->len, &error));
  g_assert_error (error, COP_JSON_ERROR, COP_JSON_ERROR_INVALID);
  g_clear_error (&error);
  for (unsigned i = 0; i < 100000; i++)
    g_string_append (wide, ",0");
  g_string_append_c (wide, ']');
  g_assert_null (cop_json_parse (wide->str, wide->len, &error));
  g_assert_error (error, COP_JSON_ERROR, COP_JSON_ERROR_INVALID);
}

static void
test_random (void)
{
  static const char letters[] = "[]{}\",:\\u0019.e-+truefalsnd \n\xff";

  g_test_summary ("No text, however wrong, is read beyond its end");
  for (unsigned round = 0; round < 20000; round++)
    {
      gsize length = (gsize) g_test_rand_int_range (0, 40);
      g_autofree char *text = g_malloc (length + 1);

      for (gsize i = 0; i < length; i++)
        text[i] = letters[g_test_rand_int_range (0, sizeof letters)];
      cop_json_free (cop_json_parse (text, length, NULL));
    }
}

static void
test_append (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (CopJson) json = NULL;

  g_test_summary ("What is written as a string is read as the same");
  cop_json_append_string (text, "a\"b\\c\n\t\x01\x7f\xc3\xa9");
  json = parse (text->str);
  g_assert_cmpstr (cop_json_string (json), ==, "a\"b\\c\n\t\x01\x7f\xc3\xa9");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/common/json/values", test_values);
  g_test_add_func ("/common/json/nothing", test_nothing);
  g_test_add_func ("/common/json/strings", test_strings);
  g_test_add_func ("/common/json/bad", test_bad);
  g_test_add_func ("/common/json/bounds", test_bounds);
  g_test_add_func ("/common/json/random", test_random);
  g_test_add_func ("/common/json/append", test_append);
  return g_test_run ();
}
