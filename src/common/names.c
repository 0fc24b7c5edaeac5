/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Look-ups in the name tables of enums.
 */
#include "common/names.h"

#include <string.h>

const char *
cop_names_to_string (const CopNames *names, unsigned value)
{
  return value < names->count ? names->names[value] : NULL;
}

bool
cop_names_from_string (const CopNames *names, const char *name, unsigned *value)
{
  for (unsigned i = 0; i < names->count; i++)
    if (names->names[i] != NULL && strcmp (names->names[i], name) == 0)
      {
        *value = i;
        return true;
      }
  return false;
}

char *
cop_names_list (const CopNames *names)
{
  GString *list = g_string_new (NULL);

  for (unsigned i = 0; i < names->count; i++)
    if (names->names[i] != NULL)
      g_string_append_printf (list, "%s%s", list->len > 0 ? ", " : "", names->names[i]);
  return g_string_free (list, FALSE);
}
