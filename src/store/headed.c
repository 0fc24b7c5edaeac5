/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Documents with a first line of our own: see headed.h.
 */
#include "store/headed.h"

#include <string.h>
#include <xxhash.h>

#define CHECKSUM "checksum"

/* '-' is left alone by URIs, but two of them end a comment. */
static char *
escape (const char *value)
{
  g_autofree char *uri = g_uri_escape_string (value, NULL, false);
  GString *string = g_string_new (uri);

  g_string_replace (string, "--", "%2D%2D", 0);
  return g_string_free (string, false);
}

static char *
checksum_of (const char *line, gsize length, const char *text)
{
  XXH64_hash_t hash = XXH3_64bits_withSeed (text, strlen (text), XXH3_64bits (line, length));

  return g_strdup_printf ("%016" G_GINT64_MODIFIER "x", (guint64) hash);
}

char *
cop_headed_format (const char *kind, const CopHeadedPair *pairs, unsigned n_pairs, const char *text)
{
  GString *out = g_string_sized_new (strlen (text) + 256);
  g_autofree char *checksum = NULL;

  g_string_printf (out, "<!-- coppice:%s ", kind);
  for (unsigned i = 0; i < n_pairs; i++)
    {
      g_autofree char *value = escape (pairs[i].value);

      g_string_append_printf (out, "%s='%s' ", pairs[i].key, value);
    }
  checksum = checksum_of (out->str, out->len, text);
  g_string_append_printf (out, CHECKSUM "='%s' -->\n%s", checksum, text);
  return g_string_free (out, false);
}

/* Reads key='value' pairs up to @end; stops at the first that is none. */
static void
read_pairs (const char *at, const char *end, GHashTable *values)
{
  while (at < end)
    {
      const char *equals = memchr (at, '=', end - at);
      const char *quote;
      g_autofree char *key = NULL;
      char *value;

      if (equals == NULL || equals + 1 >= end || equals[1] != '\'')
        return;
      quote = memchr (equals + 2, '\'', end - equals - 2);
      if (quote == NULL)
        return;
      key = g_strndup (at, equals - at);
      value = g_uri_unescape_segment (equals + 2, quote, NULL);
      if (value == NULL)
        return;
      g_hash_table_insert (values, g_steal_pointer (&key), value);
      at = quote + 1;
      while (at < end && *at == ' ')
        at++;
    }
}

bool
cop_headed_parse (const char *document, const char *kind, GHashTable **values, const char **text)
{
  g_autofree char *start = g_strdup_printf ("<!-- coppice:%s ", kind);
  const char *end = strchr (document, '\n');
  const char *sum;

  *values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  *text = document;
  if (end == NULL || !g_str_has_prefix (document, start))
    return false;
  *text = end + 1;
  read_pairs (document + strlen (start), end, *values);
  sum = g_strstr_len (document, end - document, CHECKSUM "='");
  if (sum != NULL && g_hash_table_contains (*values, CHECKSUM))
    {
      g_autofree char *expected = checksum_of (document, sum - document, *text);

      if (strcmp (expected, g_hash_table_lookup (*values, CHECKSUM)) == 0)
        return true;
    }
  return false;
}
