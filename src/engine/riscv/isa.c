/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table of extensions, and how people and device trees write a set of them.
 *
 *   rv64gc_zicntr , zba=on , sv57=off
 *   base            changes              (without a base: the default)
 */
#include "engine/riscv/isa.h"

#include <gio/gio.h>
#include <string.h>

#define BASE_PREFIX "rv64"

/* What "g" stands for. Source: RISC-V Unprivileged Spec 20240411 ch. 34 */
#define ISA_G                                                                           \
  (COP_ISA (I) | COP_ISA (M) | COP_ISA (A) | COP_ISA (F) | COP_ISA (D) | COP_ISA (ZICSR) | \
   COP_ISA (ZIFENCEI))

const CopIsaRow cop_isa_table[COP_ISA_LAST] = {
#define EXT(id, text, string, on, needed) [COP_ISA_##id] = { text, string, on, needed },
  COP_ISA_TABLE (EXT)
#undef EXT
};

static CopIsa
bit (unsigned extension)
{
  return UINT64_C (1) << extension;
}

CopIsa
cop_isa_default (void)
{
  CopIsa isa = 0;

  for (unsigned i = 0; i < COP_ISA_LAST; i++)
    if (cop_isa_table[i].by_default)
      isa |= bit (i);
  return isa;
}

/* Returns: the extension called by the @length bytes at @name, or COP_ISA_LAST */
static unsigned
find (const char *name, size_t length)
{
  unsigned i = 0;

  while (i < COP_ISA_LAST && (strlen (cop_isa_table[i].name) != length ||
                              g_ascii_strncasecmp (cop_isa_table[i].name, name, length) != 0))
    i++;
  return i;
}

static bool
fail_unknown (GError **error, const char *name, int length)
{
  GString *known = g_string_new (NULL);

  for (unsigned i = 0; i < COP_ISA_LAST; i++)
    g_string_append_printf (known, "%s%s", i == 0 ? "" : ", ", cop_isa_table[i].name);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "cpu: there is no extension '%.*s'; there are %s", length, name, known->str);
  g_string_free (known, TRUE);
  return false;
}

/* An ISA string: letters, then names after underscores. Modes and widths of addresses, which such a
   string does not mention, are those of the default. */
static bool
parse_base (const char *text, CopIsa *isa, GError **error)
{
  const char *p = text + strlen (BASE_PREFIX);
  CopIsa set = 0;

  for (unsigned i = 0; i < COP_ISA_LAST; i++)
    if (!cop_isa_table[i].in_string && cop_isa_table[i].by_default)
      set |= bit (i);

  while (*p != '\0')
    {
      size_t length = *p == '_' ? strcspn (p + 1, "_") : 1;
      const char *name = *p == '_' ? p + 1 : p;
      unsigned extension = find (name, length);

      if (length == 1 && g_ascii_tolower (*name) == 'g')
        set |= ISA_G;
      else if (extension < COP_ISA_LAST && cop_isa_table[extension].in_string)
        set |= bit (extension);
      else
        return fail_unknown (error, name, (int) length);
      p = name + length;
    }
  *isa = set;
  return true;
}

static bool
parse_change (const char *text, CopIsa *isa, GError **error)
{
  const char *equals = strchr (text, '=');
  size_t length = equals == NULL ? strlen (text) : (size_t) (equals - text);
  unsigned extension = find (text, length);

  if (extension == COP_ISA_LAST)
    return fail_unknown (error, text, (int) length);
  if (equals != NULL && strcmp (equals, "=on") == 0)
    *isa |= bit (extension);
  else if (equals != NULL && strcmp (equals, "=off") == 0)
    *isa &= ~bit (extension);
  else
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "cpu: '%s' says neither on nor off; write %.*s=on or %.*s=off", text,
                   (int) length, text, (int) length, text);
      return false;
    }
  return true;
}

static bool
check_needs (CopIsa isa, GError **error)
{
  if (!(isa & COP_ISA (I)))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "cpu: extension 'i' is the base of all others and must be on");
      return false;
    }
  for (unsigned i = 0; i < COP_ISA_LAST; i++)
    for (unsigned needed = 0; needed < COP_ISA_LAST; needed++)
      if ((isa & bit (i)) && (cop_isa_table[i].needs & ~isa & bit (needed)))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       "cpu: extension '%s' needs '%s'; add %s=on or %s=off", cop_isa_table[i].name,
                       cop_isa_table[needed].name, cop_isa_table[needed].name,
                       cop_isa_table[i].name);
          return false;
        }
  return true;
}

bool
cop_isa_parse (const char *text, CopIsa *isa, GError **error)
{
  g_auto (GStrv) items = g_strsplit (text, ",", -1);
  CopIsa set = cop_isa_default ();

  for (unsigned i = 0; items[i] != NULL; i++)
    {
      bool is_base = i == 0 && g_ascii_strncasecmp (items[i], BASE_PREFIX, strlen (BASE_PREFIX)) == 0;

      if (is_base ? !parse_base (items[i], &set, error) : !parse_change (items[i], &set, error))
        return false;
    }
  if (!check_needs (set, error))
    return false;
  *isa = set;
  return true;
}

char *
cop_isa_string (CopIsa isa)
{
  GString *string = g_string_new (BASE_PREFIX);

  for (unsigned i = 0; i < COP_ISA_LAST; i++)
    if ((isa & bit (i)) && cop_isa_table[i].in_string)
      g_string_append_printf (string, "%s%s", strlen (cop_isa_table[i].name) > 1 ? "_" : "",
                              cop_isa_table[i].name);
  return g_string_free (string, FALSE);
}
