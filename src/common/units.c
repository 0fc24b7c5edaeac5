/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sizes in bytes, as people write them.
 */
#include "common/units.h"
#include "common/checked.h"

#include <string.h>

static const char suffixes[] = "KMGT";

bool
cop_size_parse (const char *text, uint64_t *bytes, GError **error)
{
  g_autofree char *digits = NULL;
  const char *end = text;
  const char *suffix;
  uint64_t number;
  unsigned shift = 0;

  while (g_ascii_isdigit (*end))
    end++;
  if (end == text)
    {
      g_set_error (error, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_INVALID,
                   "'%s' is not a size; write a number with K, M, G or T, such as 512M", text);
      return false;
    }
  digits = g_strndup (text, end - text);

  if (*end != '\0')
    {
      suffix = strchr (suffixes, g_ascii_toupper (*end));
      if (suffix == NULL ||
          (end[1] != '\0' && g_ascii_strcasecmp (end + 1, "iB") != 0))
        {
          g_set_error (error, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_INVALID,
                       "'%s' is not a size; the suffixes are K, M, G and T", text);
          return false;
        }
      shift = 10 * (unsigned) (suffix - suffixes + 1);
    }

  if (!g_ascii_string_to_unsigned (digits, 10, 0, UINT64_MAX >> shift, &number, NULL))
    {
      g_set_error (error, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_OUT_OF_BOUNDS,
                   "'%s' is too large for a size", text);
      return false;
    }
  *bytes = number << shift;
  return true;
}

char *
cop_size_format (uint64_t bytes)
{
  unsigned unit = 0;

  while (unit < strlen (suffixes) && bytes != 0 && bytes % 1024 == 0)
    {
      bytes /= 1024;
      unit++;
    }
  if (unit == 0)
    return g_strdup_printf ("%" G_GUINT64_FORMAT " bytes", bytes);
  return g_strdup_printf ("%" G_GUINT64_FORMAT " %ciB", bytes, suffixes[unit - 1]);
}
