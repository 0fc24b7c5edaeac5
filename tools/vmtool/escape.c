/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names of control keys.
 */
#include "vmtool/escape.h"
#include "vmtool/vmtool.h"

#include <glib/gi18n.h>
#include <string.h>

/* What may stand before the key's letter; letter case is ignored. */
static const char *const prefixes[] = { "^", "ctrl-", "ctrl+", "c-" };

bool
vmt_escape_parse (const char *text, int *key, GError **error)
{
  if (strcmp (text, "none") == 0)
    {
      *key = VMT_ESCAPE_NONE;
      return true;
    }

  for (unsigned i = 0; i < G_N_ELEMENTS (prefixes); i++)
    {
      size_t length = strlen (prefixes[i]);
      int letter;

      if (g_ascii_strncasecmp (text, prefixes[i], length) != 0 || strlen (text) != length + 1)
        continue;
      letter = g_ascii_toupper (text[length]);
      /* Tab, Enter and Esc are keys of their own. */
      if (letter < '@' || letter > '_' || strchr ("IJM[", letter) != NULL)
        break;
      *key = letter & 0x1f;
      return true;
    }

  g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
               _ ("--escape: '%s' is no control key; write one as '^]', 'ctrl-a' or 'none'"), text);
  return false;
}

char *
vmt_escape_name (int key)
{
  return key == VMT_ESCAPE_NONE ? g_strdup ("none") : g_strdup_printf ("Ctrl-%c", key | 0x40);
}
