/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A reader of JSON: one function for each rule of the grammar.
 */
#include "common/json.h"

#include <string.h>

#define DEPTH_MAX 32
#define VALUES_MAX 65536

/* clang-format off */
G_DEFINE_QUARK (cop-json-error-quark, cop_json_error)
/* clang-format on */

typedef struct
{
  const char *start, *at, *end;
  unsigned depth, n_values;
} Reader;

static CopJson *read_value (Reader *reader, GError **error);

void
cop_json_free (CopJson *json)
{
  if (json == NULL)
    return;
  g_clear_pointer (&json->items, g_ptr_array_unref);
  g_clear_pointer (&json->names, g_ptr_array_unref);
  g_free (json->text);
  g_free (json);
}

static gpointer
fail (const Reader *reader, const char *what, GError **error)
{
  g_set_error (error, COP_JSON_ERROR, COP_JSON_ERROR_INVALID, "at byte %zu of JSON: %s",
               (size_t) (reader->at - reader->start), what);
  return NULL;
}

static void
skip_space (Reader *reader)
{
  while (reader->at < reader->end && strchr (" \t\r\n", *reader->at) != NULL && *reader->at != '\0')
    reader->at++;
}

static bool
next_is (Reader *reader, char c)
{
  skip_space (reader);
  if (reader->at == reader->end || *reader->at != c)
    return false;
  reader->at++;
  return true;
}

/* ---- strings ---- */

static bool
read_hex (Reader *reader, unsigned *code)
{
  *code = 0;
  if (reader->end - reader->at < 4)
    return false;
  for (unsigned i = 0; i < 4; i++)
    {
      int digit = g_ascii_xdigit_value (reader->at[i]);

      if (digit < 0)
        return false;
      *code = *code << 4 | (unsigned) digit;
    }
  reader->at += 4;
  return true;
}

/* After "\u". A pair of surrogates is one character; half a pair, and zero, become U+FFFD. */
static bool
read_unicode (Reader *reader, GString *text)
{
  unsigned code, low;

  if (!read_hex (reader, &code))
    return false;
  if (code >= 0xd800 && code < 0xdc00 && reader->end - reader->at >= 6 && reader->at[0] == '\\' &&
      reader->at[1] == 'u')
    {
      Reader ahead = *reader;

      ahead.at += 2;
      if (!read_hex (&ahead, &low))
        return false;
      if (low >= 0xdc00 && low < 0xe000)
        {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          reader->at = ahead.at;
        }
    }
  if (code == 0 || (code >= 0xd800 && code < 0xe000))
    code = 0xfffd;
  g_string_append_unichar (text, code);
  return true;
}

static bool
read_escape (Reader *reader, GString *text)
{
  static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  const char *letter;

  if (reader->at == reader->end)
    return false;
  if (*reader->at == 'u')
    {
      reader->at++;
      return read_unicode (reader, text);
    }
  letter = *reader->at != '\0' ? strchr (letters, *reader->at) : NULL;
  if (letter == NULL)
    return false;
  g_string_append_c (text, meanings[letter - letters]);
  reader->at++;
  return true;
}

/* After the quotation mark. Returns: (transfer full) */
static char *
read_string (Reader *reader, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  while (reader->at < reader->end)
    {
      char c = *reader->at;

      if ((guchar) c < 0x20)
        return fail (reader, "a control character in a string", error);
      reader->at++;
      if (c == '"')
        return g_utf8_make_valid (text->str, (gssize) text->len);
      if (c != '\\')
        g_string_append_c (text, c);
      else if (!read_escape (reader, text))
        return fail (reader, "an escape that there is not", error);
    }
  return fail (reader, "a string that does not end", error);
}

/* ---- values ---- */

static bool
skip_digits (Reader *reader)
{
  const char *first = reader->at;

  while (reader->at < reader->end && g_ascii_isdigit (*reader->at))
    reader->at++;
  return reader->at > first;
}

static bool
skip_number (Reader *reader)
{
  const char *first;

  if (*reader->at == '-')
    reader->at++;
  first = reader->at;
  if (!skip_digits (reader) || (*first == '0' && reader->at > first + 1))
    return false;
  if (reader->at < reader->end && *reader->at == '.')
    {
      reader->at++;
      if (!skip_digits (reader))
        return false;
    }
  if (reader->at < reader->end && (*reader->at == 'e' || *reader->at == 'E'))
    {
      reader->at++;
      if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
        reader->at++;
      if (!skip_digits (reader))
        return false;
    }
  return true;
}

static bool
read_word (Reader *reader, CopJson *json)
{
  /* clang-format off */
  static const struct { const char *word; CopJsonType type; bool truth; } words[] = {
    { "null",  COP_JSON_NULL, false },
    { "true",  COP_JSON_BOOL, true },
    { "false", COP_JSON_BOOL, false },
  };
  /* clang-format on */

  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
    {
      size_t length = strlen (words[i].word);

      if ((size_t) (reader->end - reader->at) < length ||
          memcmp (reader->at, words[i].word, length) != 0)
        continue;
      reader->at += length;
      json->type = words[i].type;
      json->truth = words[i].truth;
      return true;
    }
  return false;
}

/* After the bracket. */
static bool
read_items (Reader *reader, CopJson *json, GError **error)
{
  char close = json->type == COP_JSON_OBJECT ? '}' : ']';

  json->items = g_ptr_array_new_with_free_func ((GDestroyNotify) cop_json_free);
  if (json->type == COP_JSON_OBJECT)
    json->names = g_ptr_array_new_with_free_func (g_free);
  if (next_is (reader, close))
    return true;
  do
    {
      CopJson *item;

      if (json->type == COP_JSON_OBJECT)
        {
          char *name = next_is (reader, '"') ? read_string (reader, error)
                                             : fail (reader, "a member without a name", error);

          if (name == NULL)
            return false;
          g_ptr_array_add (json->names, name);
          if (!next_is (reader, ':'))
            return fail (reader, "no colon behind a name", error) != NULL;
        }
      item = read_value (reader, error);
      if (item == NULL)
        return false;
      g_ptr_array_add (json->items, item);
    }
  while (next_is (reader, ','));
  return next_is (reader, close) || fail (reader, "a list that does not end", error) != NULL;
}

static CopJson *
read_value (Reader *reader, GError **error)
{
  g_autoptr (CopJson) json = g_new0 (CopJson, 1);
  const char *first;
  bool ok;

  if (++reader->n_values > VALUES_MAX)
    return fail (reader, "too many values", error);
  if (next_is (reader, '"'))
    {
      json->type = COP_JSON_STRING;
      json->text = read_string (reader, error);
      return json->text != NULL ? g_steal_pointer (&json) : NULL;
    }
  if (next_is (reader, '[') || next_is (reader, '{'))
    {
      json->type = reader->at[-1] == '[' ? COP_JSON_ARRAY : COP_JSON_OBJECT;
      if (reader->depth == DEPTH_MAX)
        return fail (reader, "too deep", error);
      reader->depth++;
      ok = read_items (reader, json, error);
      reader->depth--;
      return ok ? g_steal_pointer (&json) : NULL;
    }
  if (reader->at == reader->end)
    return fail (reader, "a value is missing", error);
  if (read_word (reader, json))
    return g_steal_pointer (&json);
  first = reader->at;
  if ((*first != '-' && !g_ascii_isdigit (*first)) || !skip_number (reader))
    return fail (reader, "no value", error);
  json->type = COP_JSON_NUMBER;
  json->text = g_strndup (first, (gsize) (reader->at - first));
  return g_steal_pointer (&json);
}

CopJson *
cop_json_parse (const char *text, gsize length, GError **error)
{
  Reader reader = { text, text, text + length, 0, 0 };
  g_autoptr (CopJson) json = read_value (&reader, error);

  if (json == NULL)
    return NULL;
  skip_space (&reader);
  if (reader.at < reader.end)
    return fail (&reader, "something behind the value", error);
  return g_steal_pointer (&json);
}

/* ---- looking ---- */

const CopJson *
cop_json_member (const CopJson *json, const char *name)
{
  if (json == NULL || json->type != COP_JSON_OBJECT)
    return NULL;
  for (guint i = 0; i < json->items->len; i++)
    if (strcmp (json->names->pdata[i], name) == 0)
      return json->items->pdata[i];
  return NULL;
}

guint
cop_json_length (const CopJson *json)
{
  return json != NULL && json->type == COP_JSON_ARRAY ? json->items->len : 0;
}

const CopJson *
cop_json_element (const CopJson *json, guint index)
{
  return json->items->pdata[index];
}

const char *
cop_json_string (const CopJson *json)
{
  return json != NULL && json->type == COP_JSON_STRING ? json->text : NULL;
}

bool
cop_json_int64 (const CopJson *json, int64_t *number)
{
  return json != NULL && json->type == COP_JSON_NUMBER &&
         g_ascii_string_to_signed (json->text, 10, INT64_MIN, INT64_MAX, number, NULL);
}

bool
cop_json_uint64 (const CopJson *json, uint64_t *number)
{
  return json != NULL && json->type == COP_JSON_NUMBER &&
         g_ascii_string_to_unsigned (json->text, 10, 0, UINT64_MAX, number, NULL);
}

/* ---- writing ---- */

void
cop_json_append_string (GString *json, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  g_string_append_c (json, '"');
  for (const char *c = valid; *c != '\0'; c++)
    switch (*c)
      {
      case '"':
      case '\\':
        g_string_append_c (json, '\\');
        g_string_append_c (json, *c);
        break;
      case '\n':
        g_string_append (json, "\\n");
        break;
      case '\t':
        g_string_append (json, "\\t");
        break;
      default:
        if ((unsigned char) *c < 0x20 || *c == 0x7f)
          g_string_append_printf (json, "\\u%04x", *c);
        else
          g_string_append_c (json, *c);
      }
  g_string_append_c (json, '"');
}
