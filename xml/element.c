/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Structs as rows describe them: members as text, and new, free, copy, equal, check and diff.
 */
#include "xml/element.h"
#include "common/checked.h"
#include "xml/domain-config.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

#define QUOTED_MAX 40 /* bytes of outside text that a message repeats */
#define SPACE " \t\r\n"

#define MEMBER(data, row) ((void *) ((uint8_t *) (data) + (row)->offset))
#define CONST_MEMBER(data, row) ((const void *) ((const uint8_t *) (data) + (row)->offset))
#define LIST_OF(data, row) (*(GPtrArray *const *) CONST_MEMBER (data, row))
#define TEXT_OF(data, row) (*(char *const *) CONST_MEMBER (data, row))

/* clang-format off */
G_DEFINE_QUARK (cop-xml-error-quark, cop_xml_error)

/* libvirt's words for units, and bytes in each. */
static const struct
{
  const char *name;
  uint64_t    bytes;
} units[] = {
  { "KiB", UINT64_C (1) << 10 },
  { "b", 1 }, { "bytes", 1 },
  { "k", UINT64_C (1) << 10 }, { "KB", UINT64_C (1000) },
  { "M", UINT64_C (1) << 20 }, { "MiB", UINT64_C (1) << 20 }, { "MB", UINT64_C (1000000) },
  { "G", UINT64_C (1) << 30 }, { "GiB", UINT64_C (1) << 30 }, { "GB", UINT64_C (1000000000) },
  { "T", UINT64_C (1) << 40 }, { "TiB", UINT64_C (1) << 40 }, { "TB", UINT64_C (1000000000000) },
};
/* clang-format on */

#define UNITS "a unit: b, bytes, KB, k, KiB, MB, M, MiB, GB, G, GiB, TB, T, TiB"

char *
cop_xml_quoted (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, strnlen (text, QUOTED_MAX + 1));
  GString *quoted = g_string_new (NULL);
  bool cut = false;

  for (const char *next = valid; *next != '\0' && !cut; next = g_utf8_next_char (next))
    {
      gunichar character = g_utf8_get_char (next);

      cut = quoted->len > QUOTED_MAX - 4;
      if (cut)
        g_string_append (quoted, "...");
      else if (g_unichar_isprint (character))
        g_string_append_unichar (quoted, character);
      else
        g_string_append_printf (quoted, "\\x%x", character);
    }
  return g_string_free (quoted, FALSE);
}

bool
cop_xml_always_live (G_GNUC_UNUSED const char *text)
{
  return true;
}

bool
cop_xml_row_applies (const CopXmlRow *row, gconstpointer data)
{
  unsigned value;

  if (row->when_mask == 0)
    return true;
  value = *(const unsigned *) (const void *) ((const uint8_t *) data + row->when_offset);
  return value < 32 && (row->when_mask >> value & 1) != 0;
}

bool
cop_xml_row_has_value (const CopXmlRow *row)
{
  return row->kind != COP_XML_KIND_NO_EFFECT && row->kind != COP_XML_KIND_REFUSED;
}

bool
cop_xml_row_is_attribute (const CopXmlRow *row)
{
  const char *slash = strrchr (row->path, '/');

  return (slash != NULL ? slash[1] : row->path[0]) == '@';
}

const char *
cop_xml_row_leaf (const CopXmlRow *row, gsize *length)
{
  const char *bracket = strchr (row->path, '[');
  const char *end = bracket != NULL ? bracket : row->path + strlen (row->path);
  const char *leaf = end;

  while (leaf > row->path && leaf[-1] != '/')
    leaf--;
  if (*leaf == '@')
    leaf++;
  *length = end - leaf;
  return leaf;
}

static bool
is_zero (const void *bytes, gsize length)
{
  uint8_t any = 0;

  for (gsize i = 0; i < length; i++)
    any |= ((const uint8_t *) bytes)[i];
  return any == 0;
}

char *
cop_xml_row_get (const CopXmlRow *row, gconstpointer data)
{
  const void *member = CONST_MEMBER (data, row);

  switch (row->kind)
    {
    case COP_XML_KIND_TEXT:
      return g_strdup (TEXT_OF (data, row));
    case COP_XML_KIND_ENUM:
      return g_strdup (cop_names_to_string (row->names, *(const unsigned *) member));
    case COP_XML_KIND_FLAG:
      return *(const bool *) member ? g_strdup ("") : NULL;
    case COP_XML_KIND_UINT:
      return *(const unsigned *) member == 0 ? NULL
                                             : g_strdup_printf ("%u", *(const unsigned *) member);
    case COP_XML_KIND_INDEX:
      return *(const int *) member < 0 ? NULL : g_strdup_printf ("%d", *(const int *) member);
    case COP_XML_KIND_SIZE:
      if (*(const uint64_t *) member == 0)
        return NULL;
      return g_strdup_printf ("%" PRIu64, *(const uint64_t *) member >> 10);
    case COP_XML_KIND_UUID:
      {
        char text[37];

        if (is_zero (member, 16))
          return NULL;
        cop_uuid_format (member, text);
        return g_strdup (text);
      }
    case COP_XML_KIND_MAC:
      {
        const uint8_t *mac = member;

        if (is_zero (mac, 6))
          return NULL;
        return g_strdup_printf ("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                                mac[4], mac[5]);
      }
    case COP_XML_KIND_LIST:
    case COP_XML_KIND_FOREIGN:
    case COP_XML_KIND_NO_EFFECT:
    case COP_XML_KIND_REFUSED:
      break;
    }
  return NULL;
}

static bool
fail_value (GError **error, int code, const char *text, const char *wanted)
{
  g_autofree char *quoted = cop_xml_quoted (text);

  g_set_error (error, COP_XML_ERROR, code, "'%s' is not %s", quoted, wanted);
  return false;
}

/* A row's pattern, compiled once for all threads. The table is never emptied: there is one entry
   for each pattern of the program. */
static GRegex *
compiled (const char *pattern)
{
  static GMutex lock;
  static GHashTable *all; /* guarded by lock */
  GRegex *regex;

  g_mutex_lock (&lock);
  if (all == NULL)
    all = g_hash_table_new (g_direct_hash, g_direct_equal);
  regex = g_hash_table_lookup (all, pattern);
  if (regex == NULL)
    {
      g_autofree char *whole = g_strdup_printf ("\\A(?:%s)\\z", pattern);

      regex = g_regex_new (whole, G_REGEX_OPTIMIZE, 0, NULL);
      g_assert (regex != NULL);
      g_hash_table_insert (all, (gpointer) pattern, regex);
    }
  g_mutex_unlock (&lock);
  return regex;
}

/* Characters that XML 1.0 can carry (§2.2). */
static bool
is_xml_text (const char *text)
{
  if (!g_utf8_validate (text, -1, NULL))
    return false;
  for (const char *next = text; *next != '\0'; next = g_utf8_next_char (next))
    {
      gunichar character = g_utf8_get_char (next);

      if ((character < 0x20 && strchr (SPACE, (int) character) == NULL) || character == 0xfffe ||
          character == 0xffff)
        return false;
    }
  return true;
}

static bool
check_text (const CopXmlRow *row, const char *text, GError **error)
{
  if (!is_xml_text (text))
    return fail_value (error, COP_XML_ERROR_VALUE, text, _ ("text that XML can carry"));
  /* An empty text and none are the same. */
  if (*text == '\0')
    {
      if (row->required)
        g_set_error_literal (error, COP_XML_ERROR, COP_XML_ERROR_VALUE, _ ("must not be empty"));
      return !row->required;
    }
  if (row->max != 0 && strlen (text) > row->max)
    {
      g_autofree char *quoted = cop_xml_quoted (text);

      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_VALUE,
                   _ ("'%s' is too long: at most %" PRIu64 " bytes"), quoted, row->max);
      return false;
    }
  if (row->pattern != NULL && !g_regex_match (compiled (row->pattern), text, 0, NULL))
    {
      g_autofree char *example = g_strndup (row->examples, strcspn (row->examples, "|"));
      g_autofree char *quoted = cop_xml_quoted (text);

      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_VALUE,
                   _ ("'%s' cannot stand here; an example is '%s'"), quoted, example);
      return false;
    }
  return true;
}

static bool
check_number (const CopXmlRow *row, const char *text, uint64_t *number, GError **error)
{
  uint64_t limit = row->kind == COP_XML_KIND_INDEX  ? G_MAXINT
                   : row->kind == COP_XML_KIND_UINT ? G_MAXUINT
                                                    : G_MAXUINT64;
  uint64_t max = row->max != 0 && row->kind != COP_XML_KIND_SIZE ? row->max : limit;
  uint64_t min = row->kind == COP_XML_KIND_SIZE ? 0 : row->min;
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, min, max, &value, NULL))
    {
      g_autofree char *wanted =
        g_strdup_printf (_ ("a whole number from %" PRIu64 " to %" PRIu64), min, max);

      return fail_value (error, COP_XML_ERROR_VALUE, text, wanted);
    }
  *number = value;
  return true;
}

static bool
check_size (const CopXmlRow *row, const char *text, const char *unit, uint64_t *bytes,
            GError **error)
{
  uint64_t number, factor = 0;

  if (!check_number (row, text, &number, error))
    return false;

  for (unsigned i = 0; i < G_N_ELEMENTS (units); i++)
    if (unit == NULL || g_ascii_strcasecmp (unit, units[i].name) == 0)
      {
        factor = units[i].bytes;
        break;
      }
  if (factor == 0)
    return fail_value (error, COP_XML_ERROR_VALUE, unit, UNITS);

  if (!cop_checked_mul (number, factor, bytes) || !cop_checked_add (*bytes, 1023, bytes))
    *bytes = G_MAXUINT64;
  *bytes &= ~UINT64_C (1023);
  if (*bytes < row->min || (row->max != 0 && *bytes > row->max))
    {
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_VALUE,
                   _ ("%" PRIu64 " KiB are not from %" PRIu64 " to %" PRIu64 " KiB"), *bytes >> 10,
                   row->min >> 10, row->max >> 10);
      return false;
    }
  return true;
}

static bool
check_enum (const CopXmlRow *row, const char *text, unsigned *value, GError **error)
{
  g_autofree char *names = NULL;
  g_autofree char *quoted = NULL;

  if (cop_names_from_string (row->names, text, value))
    return true;
  if (row->alias != NULL && strcmp (text, row->alias) == 0)
    {
      *value = 0;
      return true;
    }
  names = cop_names_list (row->names);
  quoted = cop_xml_quoted (text);
  g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_UNSUPPORTED,
               strchr (names, ',') != NULL ? _ ("'%s' is not supported; use one of: %s")
                                           : _ ("'%s' is not supported; use %s"),
               quoted, names);
  return false;
}

static bool
check_mac (const char *text, uint8_t mac[6], GError **error)
{
  bool good = strlen (text) == 17;

  for (unsigned i = 0; good && i < 17; i++)
    if (i % 3 == 2)
      good = text[i] == ':';
    else
      {
        int digit = g_ascii_xdigit_value (text[i]);

        good = digit >= 0;
        if (good)
          mac[i / 3] = i % 3 == 0 ? digit << 4 : mac[i / 3] | digit;
      }
  if (!good || (mac[0] & 1) != 0 || is_zero (mac, 6))
    return fail_value (error, COP_XML_ERROR_VALUE, text,
                       _ ("a unicast MAC address such as 52:54:00:12:34:56"));
  return true;
}

/* White space around words and numbers means nothing. */
static char *
stripped (const CopXmlRow *row, const char *text)
{
  gsize length;

  if (row->kind == COP_XML_KIND_TEXT)
    return g_strdup (text);
  text += strspn (text, SPACE);
  for (length = strlen (text); length > 0 && strchr (SPACE, text[length - 1]) != NULL;)
    length--;
  return g_strndup (text, length);
}

bool
cop_xml_row_set (const CopXmlRow *row, gpointer data, const char *text, const char *unit,
                 GError **error)
{
  g_autofree char *word = stripped (row, text);
  void *member = MEMBER (data, row);
  uint64_t number = 0;
  unsigned value;
  uint8_t bytes[16];

  switch (row->kind)
    {
    case COP_XML_KIND_TEXT:
      if (!check_text (row, word, error))
        return false;
      g_free (TEXT_OF (data, row));
      /* An empty text and none are the same. */
      *(char **) member = *word != '\0' ? g_steal_pointer (&word) : NULL;
      return true;
    case COP_XML_KIND_ENUM:
      if (!check_enum (row, word, &value, error))
        return false;
      *(unsigned *) member = value;
      return true;
    case COP_XML_KIND_FLAG:
      *(bool *) member = true;
      return true;
    case COP_XML_KIND_UINT:
    case COP_XML_KIND_INDEX:
      if (!check_number (row, word, &number, error))
        return false;
      *(unsigned *) member = number;
      return true;
    case COP_XML_KIND_SIZE:
      if (!check_size (row, word, unit, &number, error))
        return false;
      *(uint64_t *) member = number;
      return true;
    case COP_XML_KIND_UUID:
      if (row->generated && *word == '\0')
        cop_uuid_generate (bytes);
      else if (!cop_uuid_parse (word, bytes) || is_zero (bytes, 16))
        return fail_value (error, COP_XML_ERROR_VALUE, word,
                           _ ("a UUID such as 8b3e5a0c-1f4d-4c9e-9d3a-6f2b7c1e0d55"));
      memcpy (member, bytes, 16);
      return true;
    case COP_XML_KIND_MAC:
      if (!check_mac (word, bytes, error))
        return false;
      memcpy (member, bytes, 6);
      return true;
    case COP_XML_KIND_LIST:
    case COP_XML_KIND_FOREIGN:
    case COP_XML_KIND_NO_EFFECT:
    case COP_XML_KIND_REFUSED:
      break;
    }
  g_assert_not_reached ();
}

gpointer
cop_xml_new (const CopXmlElement *element)
{
  gpointer data = g_malloc0 (element->size);

  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];

      /* Elements are freed by the walk over the rows, which knows what they are. */
      if ((row->kind == COP_XML_KIND_LIST || row->kind == COP_XML_KIND_FOREIGN) && !row->shares)
        *(GPtrArray **) MEMBER (data, row) = g_ptr_array_new ();
      else if (row->kind == COP_XML_KIND_INDEX)
        *(int *) MEMBER (data, row) = -1;
    }
  if (element->init != NULL)
    element->init (data);
  return data;
}

static void
free_item (const CopXmlRow *row, gpointer item)
{
  if (row->kind == COP_XML_KIND_LIST)
    cop_xml_free (row->element, item);
  else
    row->foreign->free (item);
}

void
cop_xml_free (const CopXmlElement *element, gpointer data)
{
  if (data == NULL)
    return;

  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];

      if (row->shares)
        continue;
      if (row->kind == COP_XML_KIND_TEXT)
        g_free (TEXT_OF (data, row));
      else if (row->kind == COP_XML_KIND_LIST || row->kind == COP_XML_KIND_FOREIGN)
        {
          GPtrArray *list = LIST_OF (data, row);

          for (guint item = 0; item < list->len; item++)
            free_item (row, list->pdata[item]);
          g_ptr_array_unref (list);
        }
    }
  g_free (data);
}

gpointer
cop_xml_copy (const CopXmlElement *element, gconstpointer data)
{
  gpointer copy = g_memdup2 (data, element->size);

  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];

      if (row->shares)
        continue;
      if (row->kind == COP_XML_KIND_TEXT)
        *(char **) MEMBER (copy, row) = g_strdup (TEXT_OF (data, row));
      else if (row->kind == COP_XML_KIND_LIST || row->kind == COP_XML_KIND_FOREIGN)
        {
          GPtrArray *list = LIST_OF (data, row);
          GPtrArray *copies = g_ptr_array_sized_new (list->len);

          for (guint item = 0; item < list->len; item++)
            g_ptr_array_add (copies, row->kind == COP_XML_KIND_LIST
                                       ? cop_xml_copy (row->element, list->pdata[item])
                                       : row->foreign->copy (list->pdata[item]));
          *(GPtrArray **) MEMBER (copy, row) = copies;
        }
    }
  return copy;
}

bool
cop_xml_equal (const CopXmlElement *element, gconstpointer a, gconstpointer b)
{
  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];
      bool same = true;

      if (row->shares || !cop_xml_row_has_value (row))
        continue;
      if (row->kind == COP_XML_KIND_TEXT)
        same = g_strcmp0 (TEXT_OF (a, row), TEXT_OF (b, row)) == 0;
      else if (row->kind == COP_XML_KIND_LIST || row->kind == COP_XML_KIND_FOREIGN)
        {
          GPtrArray *one = LIST_OF (a, row), *other = LIST_OF (b, row);

          same = one->len == other->len;
          for (guint item = 0; same && item < one->len; item++)
            same = row->kind == COP_XML_KIND_LIST
                     ? cop_xml_equal (row->element, one->pdata[item], other->pdata[item])
                     : row->foreign->equal (one->pdata[item], other->pdata[item]);
        }
      else
        same = memcmp (CONST_MEMBER (a, row), CONST_MEMBER (b, row), row->size) == 0;
      if (!same)
        return false;
    }
  return true;
}

static char *
item_path (const CopXmlRow *row, const char *path, guint item)
{
  return g_strdup_printf ("%s%s%s[%u]", path, *path != '\0' ? "/" : "", row->path, item + 1);
}

static bool
check_list (const CopXmlRow *row, GPtrArray *list, const char *path, GError **error)
{
  if (list->len < row->min || (row->max != 0 && list->len > row->max))
    {
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_UNSUPPORTED,
                   _ ("%s: %u of them; there can be %" PRIu64 " to %" PRIu64), row->path, list->len,
                   row->min, row->max);
      return false;
    }
  for (guint item = 0; row->kind == COP_XML_KIND_LIST && item < list->len; item++)
    {
      g_autofree char *inner = item_path (row, path, item);

      if (!cop_xml_check (row->element, list->pdata[item], inner, error))
        return false;
    }
  return true;
}

/* @scratch: a struct of the same kind: what the parser would refuse to put there is refused here */
static bool
check_member (const CopXmlRow *row, gconstpointer data, gpointer scratch, GError **error)
{
  g_autofree char *text = cop_xml_row_get (row, data);

  if (text != NULL)
    return cop_xml_row_set (row, scratch, text, NULL, error);

  if (row->kind == COP_XML_KIND_ENUM && *(const unsigned *) CONST_MEMBER (data, row) != 0)
    {
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_VALUE, _ ("%u has no name"),
                   *(const unsigned *) CONST_MEMBER (data, row));
      return false;
    }
  if (row->required)
    g_set_error_literal (error, COP_XML_ERROR, COP_XML_ERROR_MISSING, _ ("is missing"));
  return !row->required;
}

static bool
check_rows (const CopXmlElement *element, gconstpointer data, gpointer scratch, const char *path,
            GError **error)
{
  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];

      if (!cop_xml_row_has_value (row) || !cop_xml_row_applies (row, data))
        continue;
      if (row->kind == COP_XML_KIND_LIST || row->kind == COP_XML_KIND_FOREIGN)
        {
          if (!check_list (row, LIST_OF (data, row), path, error))
            return false;
        }
      else if (!check_member (row, data, scratch, error))
        {
          g_prefix_error (error, "%s%s%s: ", path, *path != '\0' ? "/" : "", row->path);
          return false;
        }
    }
  return true;
}

bool
cop_xml_check (const CopXmlElement *element, gconstpointer data, const char *path, GError **error)
{
  gpointer scratch = cop_xml_new (element);
  bool good = check_rows (element, data, scratch, path, error);

  cop_xml_free (element, scratch);
  return good;
}

void
cop_xml_clear_live (const CopXmlElement *element, gpointer data)
{
  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];

      if (row->kind == COP_XML_KIND_LIST)
        for (guint item = 0; item < LIST_OF (data, row)->len; item++)
          cop_xml_clear_live (row->element, LIST_OF (data, row)->pdata[item]);
      else if (row->live != NULL && cop_xml_row_applies (row, data))
        {
          g_autofree char *text = cop_xml_row_get (row, data);

          if (text == NULL || !row->live (text))
            continue;
          if (row->kind == COP_XML_KIND_TEXT)
            g_free (TEXT_OF (data, row));
          memset (MEMBER (data, row), 0, row->size);
        }
    }
}

void
cop_xml_copy_live (const CopXmlElement *element, gpointer to, gconstpointer from)
{
  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];
      g_autofree char *text = NULL;

      if (row->live == NULL || !cop_xml_row_applies (row, from) || !cop_xml_row_applies (row, to))
        continue;
      text = cop_xml_row_get (row, from);
      if (text != NULL && row->live (text))
        cop_xml_row_set (row, to, text, NULL, NULL);
    }
}

/* The member for a comparison: absent when it does not apply or is of a running domain only. */
static char *
get_defined (const CopXmlRow *row, gconstpointer data)
{
  g_autofree char *text = NULL;

  if (!cop_xml_row_applies (row, data))
    return NULL;
  text = cop_xml_row_get (row, data);
  if (text != NULL && row->live != NULL && row->live (text))
    return NULL;
  return g_steal_pointer (&text);
}

static char *
item_text (const CopXmlRow *row, GPtrArray *list, guint item)
{
  GString *text;

  if (item >= list->len)
    return NULL;
  if (row->kind == COP_XML_KIND_FOREIGN)
    return row->foreign->format (list->pdata[item]);
  text = g_string_new (NULL);
  cop_xml_format (row->element, list->pdata[item], true, 0, text);
  return g_string_free (text, FALSE);
}

void
cop_xml_diff (const CopXmlElement *element, gconstpointer before, gconstpointer after,
              const char *path, CopXmlDiffFunc func, gpointer user)
{
  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];

      if (!cop_xml_row_has_value (row))
        continue;
      if (row->kind == COP_XML_KIND_LIST || row->kind == COP_XML_KIND_FOREIGN)
        {
          GPtrArray *one = LIST_OF (before, row), *other = LIST_OF (after, row);

          for (guint item = 0; item < MAX (one->len, other->len); item++)
            {
              g_autofree char *inner = item_path (row, path, item);
              g_autofree char *old = NULL;
              g_autofree char *new = NULL;

              if (row->kind == COP_XML_KIND_LIST && item < MIN (one->len, other->len))
                {
                  cop_xml_diff (row->element, one->pdata[item], other->pdata[item], inner, func,
                                user);
                  continue;
                }
              old = item_text (row, one, item);
              new = item_text (row, other, item);
              if (g_strcmp0 (old, new) != 0)
                func (user, row, inner, old, new);
            }
        }
      else
        {
          g_autofree char *old = get_defined (row, before);
          g_autofree char *new = get_defined (row, after);

          if (g_strcmp0 (old, new) != 0)
            {
              g_autofree char *inner =
                g_strconcat (path, *path != '\0' ? "/" : "", row->path, NULL);

              func (user, row, inner, old, new);
            }
        }
    }
}
