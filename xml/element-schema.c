/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows to RELAX NG. The rows of an element are gathered by the names of the elements in their
 * paths, then written:
 *
 *   "@type", "source/@file", "source/@dev"   ->  disk { @type, source { @file, @dev } }
 *
 * Rows that count under a condition only make the element a choice, one branch for each value of
 * the enum that the condition asks for.
 *
 * What a schema cannot say is left to the parser: numbers of items, sizes, what spans members.
 */
#include "xml/domain-config.h"
#include "xml/element.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Around words and numbers it means nothing; libxml2 matches patterns before it takes it away. */
#define SPACE "[ \\t\\r\\n]*"
#define HEX "[0-9a-fA-F]"
#define UUID_PATTERN HEX "{32}|" HEX "{8}-" HEX "{4}-" HEX "{4}-" HEX "{4}-" HEX "{12}"
#define MAC_PATTERN HEX "[02468aceACE](:" HEX "{2}){5}"

/* Elements of one name inside another, and all rows about them. */
typedef struct
{
  char *name; /* (owned) */
  bool ours;
  bool required;
  GPtrArray *attributes; /* (owned) (element-type CopXmlRow) */
  GPtrArray *children; /* (owned) (element-type Pattern) */
  const CopXmlRow *text; /* (nullable): also of FLAG */
  const CopXmlRow *list; /* (nullable): LIST or FOREIGN */
  GPtrArray *without; /* (owned) (element-type CopXmlRow): NO_EFFECT */
} Pattern;

typedef struct
{
  GString *out;
  unsigned depth;
  /* Of the element that is written: the enum that conditions ask for, and its value here. */
  const CopXmlRow *selector; /* (nullable) */
  unsigned value;
} Writer;

static void
pattern_free (gpointer data)
{
  Pattern *pattern = data;

  g_free (pattern->name);
  g_ptr_array_unref (pattern->attributes);
  g_ptr_array_unref (pattern->children);
  g_ptr_array_unref (pattern->without);
  g_free (pattern);
}

static Pattern *
pattern_new (const char *name, gsize length, bool ours)
{
  Pattern *pattern = g_new0 (Pattern, 1);

  pattern->name = g_strndup (name, length);
  pattern->ours = ours;
  pattern->attributes = g_ptr_array_new ();
  pattern->children = g_ptr_array_new_with_free_func (pattern_free);
  pattern->without = g_ptr_array_new ();
  return pattern;
}

static Pattern *
pattern_child (Pattern *pattern, const char *name, gsize length, bool ours)
{
  for (guint i = 0; i < pattern->children->len; i++)
    {
      Pattern *child = pattern->children->pdata[i];

      if (strlen (child->name) == length && memcmp (child->name, name, length) == 0)
        return child;
    }
  g_ptr_array_add (pattern->children, pattern_new (name, length, ours));
  return pattern->children->pdata[pattern->children->len - 1];
}

static void
pattern_add (Pattern *pattern, const CopXmlRow *row)
{
  bool required = row->required || (row->kind == COP_XML_KIND_LIST && row->min > 0);
  const char *part = row->path;
  const char *slash;
  gsize length;
  const char *leaf = cop_xml_row_leaf (row, &length);

  for (; (slash = strchr (part, '/')) != NULL; part = slash + 1)
    {
      pattern = pattern_child (pattern, part, slash - part, row->ours);
      pattern->required |= required;
    }
  if (cop_xml_row_is_attribute (row))
    {
      g_ptr_array_add (pattern->attributes, (gpointer) row);
      return;
    }
  if (strcmp (row->path, ".") != 0)
    pattern = pattern_child (pattern, leaf, length, row->ours);
  pattern->required |= required;
  if (row->kind == COP_XML_KIND_LIST || row->kind == COP_XML_KIND_FOREIGN)
    pattern->list = row;
  else if (row->kind == COP_XML_KIND_NO_EFFECT)
    g_ptr_array_add (pattern->without, (gpointer) row);
  else
    pattern->text = row;
}

static void write_line (Writer *writer, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
write_line (Writer *writer, const char *format, ...)
{
  va_list arguments;

  g_string_append_printf (writer->out, "%*s", (int) (2 * writer->depth), "");
  va_start (arguments, format);
  g_string_append_vprintf (writer->out, format, arguments);
  va_end (arguments);
  g_string_append_c (writer->out, '\n');
}

static void
open_tag (Writer *writer, const char *tag)
{
  write_line (writer, "<%s>", tag);
  writer->depth++;
}

static void
close_tag (Writer *writer, const char *tag)
{
  writer->depth--;
  write_line (writer, "</%s>", tag);
}

static void
write_param (Writer *writer, const char *name, const char *value)
{
  g_autoptr (GString) escaped = g_string_new (NULL);

  cop_xml_escape (escaped, value);
  write_line (writer, "<param name='%s'>%s</param>", name, escaped->str);
}

static void
write_pattern_data (Writer *writer, const char *type, const char *pattern, uint64_t max)
{
  write_line (writer, "<data type='%s'>", type);
  writer->depth++;
  if (pattern != NULL)
    write_param (writer, "pattern", pattern);
  if (max != 0)
    write_line (writer, "<param name='maxLength'>%" PRIu64 "</param>", max);
  close_tag (writer, "data");
}

static void
write_number (Writer *writer, const CopXmlRow *row)
{
  bool size = row->kind == COP_XML_KIND_SIZE;

  write_line (writer, "<data type='%s'>", size ? "unsignedLong" : "unsignedInt");
  writer->depth++;
  write_param (writer, "pattern", SPACE "[0-9]+" SPACE);
  if (!size)
    {
      write_line (writer, "<param name='minInclusive'>%" PRIu64 "</param>", row->min);
      write_line (writer, "<param name='maxInclusive'>%" PRIu64 "</param>",
                  row->max != 0 ? row->max : G_MAXINT);
    }
  close_tag (writer, "data");
}

static void
write_enum (Writer *writer, const CopXmlRow *row)
{
  if (row == writer->selector)
    {
      write_line (writer, "<value>%s</value>", row->names->names[writer->value]);
      return;
    }
  open_tag (writer, "choice");
  for (unsigned i = 0; i < row->names->count; i++)
    if (row->names->names[i] != NULL)
      write_line (writer, "<value>%s</value>", row->names->names[i]);
  if (row->alias != NULL)
    write_line (writer, "<value>%s</value>", row->alias);
  close_tag (writer, "choice");
}

/* What the text of @row may be. */
static void
write_data (Writer *writer, const CopXmlRow *row)
{
  g_autofree char *optional = NULL;

  switch (row->kind)
    {
    case COP_XML_KIND_TEXT:
      if (row->pattern == NULL && row->max == 0)
        {
          write_line (writer, "<text/>");
          break;
        }
      /* An empty text is as none. */
      optional = g_strdup_printf ("(%s)?", row->pattern);
      write_pattern_data (writer, "string",
                          row->pattern == NULL || row->required ? row->pattern : optional,
                          row->max);
      break;
    case COP_XML_KIND_ENUM:
      write_enum (writer, row);
      break;
    case COP_XML_KIND_FLAG:
      write_line (writer, "<empty/>");
      break;
    case COP_XML_KIND_UINT:
    case COP_XML_KIND_INDEX:
    case COP_XML_KIND_SIZE:
      write_number (writer, row);
      break;
    case COP_XML_KIND_UUID:
      write_pattern_data (
        writer, "string",
        row->generated ? SPACE "(" UUID_PATTERN ")?" SPACE : SPACE "(" UUID_PATTERN ")" SPACE, 0);
      break;
    case COP_XML_KIND_MAC:
      write_pattern_data (writer, "string", SPACE MAC_PATTERN SPACE, 0);
      break;
    case COP_XML_KIND_NO_EFFECT:
      write_line (writer, "<text/>");
      break;
    case COP_XML_KIND_LIST:
    case COP_XML_KIND_FOREIGN:
    case COP_XML_KIND_REFUSED:
      g_assert_not_reached ();
    }
}

static void
write_attribute (Writer *writer, const CopXmlRow *row)
{
  gsize length;
  const char *name = cop_xml_row_leaf (row, &length);
  /* The selector may be missing where that means the value of this branch. */
  bool required = row->required || (row == writer->selector && writer->value != 0);

  if (!required)
    open_tag (writer, "optional");
  write_line (writer, "<attribute name='%.*s'>", (int) length, name);
  writer->depth++;
  write_data (writer, row);
  close_tag (writer, "attribute");
  if (!required)
    close_tag (writer, "optional");
}

static void
write_unit (Writer *writer, const CopXmlRow *row)
{
  /* clang-format off */
  static const char *const units[] = {
    "b", "bytes", "KB", "k", "KiB", "MB", "M", "MiB", "GB", "G", "GiB", "TB", "T", "TiB", NULL
  };
  /* clang-format on */
  const CopNames names = { units, G_N_ELEMENTS (units) - 1 };
  const CopXmlRow unit = { .path = "@unit", .kind = COP_XML_KIND_ENUM, .names = &names };

  if (row != NULL && row->kind == COP_XML_KIND_SIZE)
    write_attribute (writer, &unit);
}

/* Dropped whatever is in it: all elements of the name, or those that meet the condition. */
static void
write_without_effect (Writer *writer, const CopXmlRow *row)
{
  const char *condition = strchr (row->path, '[');
  gsize length;
  const char *name = cop_xml_row_leaf (row, &length);

  write_line (writer, "<element name='%.*s'>", (int) length, name);
  writer->depth++;
  if (condition == NULL)
    write_line (writer, "<ref name='anything'/>");
  else if (condition[1] == ']')
    write_line (writer, "<empty/>");
  else
    {
      const char *attribute = condition + strlen ("[@");
      gsize attribute_length = strcspn (attribute, "=");
      const char *value = attribute + attribute_length + strlen ("='");

      write_line (writer, "<attribute name='%.*s'><value>%.*s</value></attribute>",
                  (int) attribute_length, attribute, (int) strcspn (value, "'"), value);
      write_line (writer,
                  "<zeroOrMore><attribute><anyName><except><name>%.*s</name></except></anyName>"
                  "</attribute></zeroOrMore>",
                  (int) attribute_length, attribute);
      write_line (writer, "<ref name='any-content'/>");
    }
  close_tag (writer, "element");
}

static void write_content (Writer *writer, const Pattern *pattern);

static void
write_element (Writer *writer, const Pattern *pattern)
{
  if (pattern->ours)
    write_line (writer, "<element name='%s' ns='" COP_DOMAIN_NAMESPACE "'>", pattern->name);
  else
    write_line (writer, "<element name='%s'>", pattern->name);
  writer->depth++;
  write_content (writer, pattern);
  close_tag (writer, "element");
}

static const char *
occurrence (const Pattern *pattern, bool own)
{
  if (pattern->without->len > 0)
    return "zeroOrMore";
  if (own || pattern->list->kind == COP_XML_KIND_FOREIGN)
    return pattern->required ? NULL : "optional";
  if (pattern->list->max == 1)
    return pattern->list->min > 0 ? NULL : "optional";
  return pattern->list->min > 0 ? "oneOrMore" : "zeroOrMore";
}

static void
write_child (Writer *writer, const Pattern *pattern)
{
  bool own = pattern->text != NULL || pattern->attributes->len > 0 || pattern->children->len > 0;
  const char *how_often = occurrence (pattern, own);
  bool choice = pattern->without->len + (pattern->list != NULL) + own > 1;

  if (how_often != NULL)
    open_tag (writer, how_often);
  if (choice)
    open_tag (writer, "choice");
  for (guint i = 0; i < pattern->without->len; i++)
    write_without_effect (writer, pattern->without->pdata[i]);
  if (pattern->list != NULL && pattern->list->kind == COP_XML_KIND_LIST)
    write_line (writer, "<ref name='%s'/>", pattern->list->element->name);
  else if (pattern->list != NULL)
    write_line (writer, "<element name='%s'><ref name='foreign'/></element>", pattern->name);
  if (own)
    write_element (writer, pattern);
  if (choice)
    close_tag (writer, "choice");
  if (how_often != NULL)
    close_tag (writer, how_often);
}

static void
write_content (Writer *writer, const Pattern *pattern)
{
  for (guint i = 0; i < pattern->attributes->len; i++)
    write_attribute (writer, pattern->attributes->pdata[i]);
  write_unit (writer, pattern->text);
  if (pattern->text != NULL)
    write_data (writer, pattern->text);
  if (pattern->children->len > 0)
    {
      open_tag (writer, "interleave");
      for (guint i = 0; i < pattern->children->len; i++)
        write_child (writer, pattern->children->pdata[i]);
      close_tag (writer, "interleave");
    }
  if (pattern->attributes->len == 0 && pattern->text == NULL && pattern->children->len == 0)
    write_line (writer, "<empty/>");
}

static void
write_branch (Writer *writer, const CopXmlElement *element)
{
  Pattern *pattern = pattern_new (element->name, strlen (element->name), false);

  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];

      if (row->kind != COP_XML_KIND_REFUSED &&
          (row->when_mask == 0 || (row->when_mask >> writer->value & 1) != 0))
        pattern_add (pattern, row);
    }
  write_element (writer, pattern);
  pattern_free (pattern);
}

/* The enum that conditions of @element ask for; no element has two. */
static const CopXmlRow *
find_selector (const CopXmlElement *element)
{
  const CopXmlRow *conditional = NULL;

  for (unsigned i = 0; i < element->n_rows; i++)
    if (element->rows[i].when_mask != 0)
      {
        g_assert (conditional == NULL || conditional->when_offset == element->rows[i].when_offset);
        conditional = &element->rows[i];
      }
  for (unsigned i = 0; conditional != NULL && i < element->n_rows; i++)
    if (cop_xml_row_has_value (&element->rows[i]) &&
        element->rows[i].offset == conditional->when_offset)
      return &element->rows[i];
  return NULL;
}

static void
write_define (Writer *writer, const CopXmlElement *element)
{
  writer->selector = find_selector (element);
  write_line (writer, "<define name='%s'>", element->name);
  writer->depth++;
  if (writer->selector == NULL)
    write_branch (writer, element);
  else
    {
      open_tag (writer, "choice");
      for (writer->value = 0; writer->value < writer->selector->names->count; writer->value++)
        write_branch (writer, element);
      close_tag (writer, "choice");
      writer->value = 0;
    }
  close_tag (writer, "define");

  for (unsigned i = 0; i < element->n_rows; i++)
    if (element->rows[i].kind == COP_XML_KIND_LIST)
      write_define (writer, element->rows[i].element);
}

/* clang-format off */
static const char foreign_defines[] =
  "  <!-- Elements of other programs, each in a namespace. -->\n"
  "  <define name='foreign'>\n"
  "    <zeroOrMore>\n"
  "      <element><anyName><except><nsName ns=''/></except></anyName>"
         "<ref name='anything'/></element>\n"
  "    </zeroOrMore>\n"
  "  </define>\n"
  "  <define name='anything'>\n"
  "    <zeroOrMore><attribute><anyName/></attribute></zeroOrMore>\n"
  "    <ref name='any-content'/>\n"
  "  </define>\n"
  "  <define name='any-content'>\n"
  "    <zeroOrMore>\n"
  "      <choice><text/><element><anyName/><ref name='anything'/></element></choice>\n"
  "    </zeroOrMore>\n"
  "  </define>\n";
/* clang-format on */

char *
cop_xml_schema (const CopXmlElement *element)
{
  Writer writer = { .out = g_string_new (NULL), .depth = 1 };

  g_string_append_printf (writer.out,
                          "<?xml version='1.0' encoding='UTF-8'?>\n"
                          "<!-- Made of the rows of xml/; not to be edited. -->\n"
                          "<grammar xmlns='http://relaxng.org/ns/structure/1.0'\n"
                          "         datatypeLibrary='http://www.w3.org/2001/XMLSchema-datatypes'>\n"
                          "  <start><ref name='%s'/></start>\n",
                          element->name);
  write_define (&writer, element);
  g_string_append (writer.out, foreign_defines);
  g_string_append (writer.out, "</grammar>\n");
  return g_string_free (writer.out, FALSE);
}
