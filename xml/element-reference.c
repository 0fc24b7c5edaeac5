/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows to the reference page: what there is, what is dropped without harm, what is refused.
 */
#include "xml/element.h"

#include <inttypes.h>
#include <string.h>

/* A table cell: what Markdown would read as its own is taken from it. */
static void
append_cell (GString *out, const char *text)
{
  for (; *text != '\0'; text++)
    if (*text == '|')
      g_string_append (out, "\\|");
    else if (*text == '\n')
      g_string_append_c (out, ' ');
    else if (*text == '<')
      g_string_append (out, "&lt;");
    else
      g_string_append_c (out, *text);
}

static void
append_size (GString *out, uint64_t bytes)
{
  static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
  unsigned unit = 0;

  while (unit + 1 < G_N_ELEMENTS (units) && bytes >= 1024 && bytes % 1024 == 0)
    {
      bytes /= 1024;
      unit++;
    }
  g_string_append_printf (out, "%" PRIu64 " %s", bytes, units[unit]);
}

static void
append_values (GString *out, const CopXmlRow *row)
{
  g_autofree char *names = NULL;
  g_autofree char *example = NULL;

  switch (row->kind)
    {
    case COP_XML_KIND_TEXT:
      example = g_strndup (row->examples, strcspn (row->examples, "|"));
      g_string_append (out, "text, such as `");
      append_cell (out, example);
      g_string_append_c (out, '`');
      if (row->max != 0)
        g_string_append_printf (out, ", at most %" PRIu64 " bytes", row->max);
      break;
    case COP_XML_KIND_ENUM:
      names = cop_names_list (row->names);
      g_string_append (out, names);
      break;
    case COP_XML_KIND_FLAG:
      g_string_append (out, "an empty element");
      break;
    case COP_XML_KIND_UINT:
    case COP_XML_KIND_INDEX:
      g_string_append_printf (out, "a number from %" PRIu64, row->min);
      if (row->max != 0)
        g_string_append_printf (out, " to %" PRIu64, row->max);
      break;
    case COP_XML_KIND_SIZE:
      g_string_append (out, "a number, in the unit that `unit` says (KiB)");
      if (row->min != 0)
        {
          g_string_append (out, ", from ");
          append_size (out, row->min);
        }
      g_string_append (out, ", at most ");
      append_size (out, row->max);
      break;
    case COP_XML_KIND_UUID:
      g_string_append (out, "a UUID");
      break;
    case COP_XML_KIND_MAC:
      g_string_append (out, "a unicast MAC address");
      break;
    case COP_XML_KIND_LIST:
      g_string_append_printf (out, "`<%s>` elements", row->element->name);
      if (row->max != 0)
        g_string_append_printf (out, ", at most %" PRIu64, row->max);
      break;
    case COP_XML_KIND_FOREIGN:
      g_string_append (out, "elements in namespaces");
      break;
    case COP_XML_KIND_NO_EFFECT:
    case COP_XML_KIND_REFUSED:
      break;
    }
}

static void
append_condition (GString *out, const CopXmlElement *element, const CopXmlRow *row)
{
  const CopXmlRow *selector = element->rows;
  bool first = true;

  if (row->when_mask == 0)
    return;
  while (!cop_xml_row_has_value (selector) || selector->offset != row->when_offset)
    selector++;
  g_string_append_printf (out, " (%s ", selector->path);
  for (unsigned i = 0; i < selector->names->count; i++)
    if ((row->when_mask >> i & 1) != 0)
      {
        g_string_append_printf (out, "%s%s", first ? "" : ", ", selector->names->names[i]);
        first = false;
      }
  g_string_append_c (out, ')');
}

static const char *
when_it_counts (const CopXmlRow *row)
{
  switch (row->change)
    {
    case COP_XML_CHANGE_LIVE:
      return "at once";
    case COP_XML_CHANGE_HOST:
      return "next start or restore";
    case COP_XML_CHANGE_GUEST:
      break;
    }
  return "next start";
}

static void
append_row (GString *out, const CopXmlElement *element, const CopXmlRow *row)
{
  g_string_append_printf (out, "| `%s%s`", row->ours ? "coppice:" : "", row->path);
  append_condition (out, element, row);
  g_string_append (out, " | ");
  append_values (out, row);
  g_string_append (out, " | ");
  if (row->required || (row->kind == COP_XML_KIND_LIST && row->min > 0))
    g_string_append (out, "required");
  else if (row->otherwise != NULL)
    append_cell (out, row->otherwise);
  g_string_append_printf (out, " | %s | ",
                          row->live == cop_xml_always_live ? "only while it runs"
                                                           : when_it_counts (row));
  append_cell (out, row->says != NULL ? row->says : row->element->says);
  g_string_append (out, " |\n");
}

static void
append_without_value (GString *out, const CopXmlElement *element, CopXmlKind kind,
                      const char *title)
{
  bool any = false;

  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];

      if (row->kind != kind)
        continue;
      if (!any)
        g_string_append_printf (out, "\n%s\n\n", title);
      any = true;
      g_string_append_printf (out, "- `%s`: ", row->path);
      append_cell (out, row->says);
      g_string_append_c (out, '\n');
    }
}

void
cop_xml_reference (const CopXmlElement *element, GString *out)
{
  g_string_append_printf (out, "\n## `<%s>`\n%s\n\n", element->name, element->says);
  g_string_append (out, "| where | values | otherwise | a change counts | meaning |\n"
                        "|---|---|---|---|---|\n");
  for (unsigned i = 0; i < element->n_rows; i++)
    if (cop_xml_row_has_value (&element->rows[i]))
      append_row (out, element, &element->rows[i]);
  append_without_value (out, element, COP_XML_KIND_NO_EFFECT, "Without effect, and dropped:");
  append_without_value (out, element, COP_XML_KIND_REFUSED, "Refused:");

  for (unsigned i = 0; i < element->n_rows; i++)
    if (element->rows[i].kind == COP_XML_KIND_LIST)
      cop_xml_reference (element->rows[i].element, out);
}
