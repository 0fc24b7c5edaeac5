/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * State tables to XML. The picture is in state-xml.h.
 */
#include "xml/state-xml.h"

#include <inttypes.h>

/* Arrays are wrapped so that lines stay readable in a diff. */
#define LINE_WIDTH 96

static void
append_indent (GString *out, unsigned depth)
{
  for (unsigned i = 0; i < depth; i++)
    g_string_append (out, "  ");
}

static void
append_value (GString *out, const CopStateRow *row, uint64_t value)
{
  if (row->kind == COP_STATE_BOOL)
    g_string_append (out, value != 0 ? "true" : "false");
  else
    g_string_append_printf (out, "0x%" PRIx64, value);
}

/* <member>value value ...</member>; one that does not fit a line gets lines of its own. */
static void
append_values (GString *out, const CopStateRow *row, const void *data, unsigned depth)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  gsize line_start = 0;
  bool wrapped = false;

  for (uint32_t i = 0; i < row->count; i++)
    {
      gsize before = lines->len;

      if (i > 0)
        g_string_append_c (lines, ' ');
      append_value (lines, row, cop_state_get (row, data, i));
      if (lines->len - line_start > LINE_WIDTH - 2 * depth && i > 0)
        {
          lines->str[before] = '\n';
          line_start = before + 1;
          wrapped = true;
        }
    }

  append_indent (out, depth);
  g_string_append_printf (out, "<%s>", row->name);
  if (!wrapped)
    g_string_append (out, lines->str);
  else
    {
      g_auto (GStrv) each = g_strsplit (lines->str, "\n", -1);

      for (char **line = each; *line != NULL; line++)
        {
          g_string_append_c (out, '\n');
          append_indent (out, depth + 1);
          g_string_append (out, *line);
        }
      g_string_append_c (out, '\n');
      append_indent (out, depth);
    }
  g_string_append_printf (out, "</%s>\n", row->name);
}

/* The depth of tables in tables is bounded by the program itself. */
static void
append_members (GString *out, const CopStateTable *table, const void *data, unsigned depth)
{
  for (uint32_t i = 0; i < table->n_rows; i++)
    {
      const CopStateRow *row = &table->rows[i];

      if (row->kind != COP_STATE_STRUCT)
        {
          append_values (out, row, data, depth);
          continue;
        }

      append_indent (out, depth);
      g_string_append_printf (out, "<%s version='%u'>\n", row->name, row->table->version);
      for (uint32_t item = 0; item < row->count; item++)
        {
          append_indent (out, depth + 1);
          g_string_append_printf (out, "<item index='%u'>\n", item);
          append_members (out, row->table,
                          (const uint8_t *)data + row->offset + (gsize)item * row->size, depth + 2);
          append_indent (out, depth + 1);
          g_string_append (out, "</item>\n");
        }
      append_indent (out, depth);
      g_string_append_printf (out, "</%s>\n", row->name);
    }
}

char *
cop_xml_state_format (const CopMachineState *state)
{
  GString *out = g_string_new ("<machinestate version='1'>\n");

  for (guint i = 0; i < state->sections->len; i++)
    {
      const CopStateSection *section = state->sections->pdata[i];
      g_autofree char *id = g_markup_escape_text (section->id, -1);

      g_string_append_printf (out, "  <section id='%s' type='%s' version='%u'>\n", id,
                              section->table->name, section->table->version);
      append_members (out, section->table, section->data, 2);
      g_string_append (out, "  </section>\n");
    }
  g_string_append (out, "</machinestate>\n");
  return g_string_free (out, FALSE);
}
