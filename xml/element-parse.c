/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Documents to structs, driven by rows.
 *
 *   read_document -> parse_element: for each row, find its nodes, store them, mark them
 *                         |         then sweep: what nobody marked is unknown
 *                         +-> parse_element, for each item of a list
 *
 * The depth of the recursion is that of the tables, whatever the document does.
 */
#include "xml/document.h"
#include "xml/domain-config.h"
#include "xml/element.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Elements of libvirt's own extensions, such as <qemu:commandline>. */
#define LIBVIRT_NAMESPACE "http://libvirt.org/schemas/"

/* More say nothing new. */
#define MAX_NOTES 100

#define LIST_OF(data, row) (*(GPtrArray **) (void *) ((uint8_t *) (data) + (row)->offset))

typedef struct
{
  const char *label;
  unsigned flags;
  GPtrArray *notes; /* (unowned) (nullable) */
} Parser;

/* What a node was recognised as; kept in its _private. */
static char seen_inside; /* an element on the way to a row, or an attribute */
static char seen_text; /* an element whose text is a value */
static char seen_whole; /* somebody else looked at all that is in it */
static char seen_again; /* as one before it of which there can be one */

static bool fail_at (const Parser *parser, xmlNodePtr node, GError **error, int code,
                     const char *format, ...) G_GNUC_PRINTF (5, 6);

static bool
fail_at (const Parser *parser, xmlNodePtr node, GError **error, int code, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, COP_XML_ERROR, code, "%s:%ld: %s", parser->label, xmlGetLineNo (node),
               message);
  return false;
}

static bool
takes_notes (const Parser *parser)
{
  return parser->notes != NULL && parser->notes->len < MAX_NOTES;
}

static void note (const Parser *parser, xmlNodePtr node, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

static void
note (const Parser *parser, xmlNodePtr node, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  if (!takes_notes (parser))
    return;
  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_ptr_array_add (parser->notes,
                   g_strdup_printf ("%s:%ld: %s", parser->label, xmlGetLineNo (node), message));
}

static char *
join (const char *path, const char *name)
{
  return g_strconcat (path, *path != '\0' ? "/" : "", name, NULL);
}

static bool
in_namespace (xmlNodePtr node, bool ours)
{
  if (ours)
    return node->ns != NULL && strcmp ((const char *) node->ns->href, COP_DOMAIN_NAMESPACE) == 0;
  return node->ns == NULL;
}

static bool
has_name (const xmlChar *name, const char *wanted, gsize length)
{
  return strncmp ((const char *) name, wanted, length) == 0 && name[length] == '\0';
}

/* The first child called @name, from @child on; one that was taken whole is passed over. */
static xmlNodePtr
next_named (xmlNodePtr child, const char *name, gsize length, bool ours)
{
  for (; child != NULL; child = child->next)
    if (child->type == XML_ELEMENT_NODE && child->_private != &seen_whole &&
        has_name (child->name, name, length) && in_namespace (child, ours))
      return child;
  return NULL;
}

static xmlAttrPtr
attribute_named (xmlNodePtr node, const char *name, gsize length)
{
  for (xmlAttrPtr attribute = node->properties; attribute != NULL; attribute = attribute->next)
    if (attribute->ns == NULL && has_name (attribute->name, name, length))
      return attribute;
  return NULL;
}

/* Marks @node as seen, and others of its name after it, which can only be too many: here, where it
   is done once for each row, and not when they are met. */
static void
claim (xmlNodePtr node, void *mark)
{
  if (node->_private == NULL)
    for (xmlNodePtr other = node->next; other != NULL; other = other->next)
      if (other->type == XML_ELEMENT_NODE && other->_private == NULL &&
          xmlStrEqual (other->name, node->name) && other->ns == node->ns)
        other->_private = &seen_again;
  node->_private = mark;
}

/* Goes down @row's path to the element that holds its leaf. */
static xmlNodePtr
find_holder (xmlNodePtr node, const CopXmlRow *row)
{
  const char *part = row->path;
  const char *slash;

  while (node != NULL && (slash = strchr (part, '/')) != NULL)
    {
      node = next_named (node->children, part, slash - part, row->ours);
      if (node != NULL && node->_private == NULL)
        claim (node, &seen_inside);
      part = slash + 1;
    }
  return node;
}

/* Whether @node meets the row's condition: "[@type='usb']", or "[]": that it is empty. */
static bool
meets_condition (xmlNodePtr node, const CopXmlRow *row)
{
  const char *condition = strchr (row->path, '[');
  const char *name, *value;
  gsize length;
  xmlAttrPtr attribute;
  xmlChar *content;
  bool same;

  if (condition == NULL)
    return true;
  if (condition[1] == ']')
    return node->properties == NULL && xmlFirstElementChild (node) == NULL;
  name = condition + strlen ("[@");
  length = strcspn (name, "=");
  attribute = attribute_named (node, name, length);
  if (attribute == NULL)
    return false;
  value = name + length + strlen ("='");
  content = xmlNodeGetContent ((xmlNodePtr) attribute);
  same = content != NULL && has_name (content, value, strcspn (value, "'"));
  xmlFree (content);
  return same;
}

static bool
store (const Parser *parser, const CopXmlRow *row, xmlNodePtr holder, xmlNodePtr node,
       gpointer data, const char *path, GError **error)
{
  xmlChar *text = xmlNodeGetContent (node);
  xmlChar *unit =
    row->kind == COP_XML_KIND_SIZE ? xmlGetNoNsProp (node, (const xmlChar *) "unit") : NULL;
  g_autoptr (GError) refused = NULL;
  bool good;

  if (row->live != NULL && (parser->flags & COP_XML_PARSE_LIVE) == 0 && text != NULL &&
      row->live ((const char *) text))
    good = true;
  else
    good = cop_xml_row_set (row, data, text != NULL ? (const char *) text : "", (const char *) unit,
                            &refused);
  if (good && row->alias_says != NULL && g_strcmp0 ((const char *) text, row->alias) == 0)
    {
      g_autofree char *place = join (path, row->path);

      note (parser, holder, _ ("%s: '%s' is read as '%s': %s"), place, row->alias, row->otherwise,
            _ (row->alias_says));
    }
  xmlFree (text);
  xmlFree (unit);
  if (!good)
    {
      g_autofree char *place = join (path, row->path);

      return fail_at (parser, holder, error, refused->code, "%s: %s", place, refused->message);
    }
  return true;
}

/* What a row asks for is not there. */
static bool
absent (const Parser *parser, const CopXmlRow *row, xmlNodePtr node, const char *path,
        GError **error)
{
  g_autofree char *place = NULL;

  if (!row->required && (row->kind != COP_XML_KIND_LIST || row->min == 0))
    return true;
  place = join (path, row->path);
  return fail_at (parser, node, error, COP_XML_ERROR_MISSING, _ ("%s is missing"), place);
}

static gpointer parse_element (const Parser *parser, const CopXmlElement *element, xmlNodePtr node,
                               const char *path, GError **error);

static bool
parse_item (const Parser *parser, const CopXmlRow *row, xmlNodePtr node, GPtrArray *list,
            const char *path, GError **error)
{
  g_autofree char *place = NULL;
  gpointer item;

  if (row->max != 0 && list->len >= row->max)
    {
      g_autofree char *whole = join (path, row->path);

      return fail_at (parser, node, error, COP_XML_ERROR_UNSUPPORTED,
                      _ ("%s: there can be %" PRIu64 " at most"), whole, row->max);
    }
  place = g_strdup_printf ("%s%s%s[%u]", path, *path != '\0' ? "/" : "", row->path, list->len + 1);
  item = parse_element (parser, row->element, node, place, error);
  if (item == NULL)
    return false;
  g_ptr_array_add (list, item);
  return true;
}

static bool
parse_list (const Parser *parser, const CopXmlRow *row, xmlNodePtr holder, gpointer data,
            const char *path, GError **error)
{
  GPtrArray *list = LIST_OF (data, row);
  gsize length;
  const char *name = cop_xml_row_leaf (row, &length);

  for (xmlNodePtr node = next_named (holder->children, name, length, row->ours); node != NULL;
       node = next_named (node->next, name, length, row->ours))
    {
      node->_private = &seen_whole;
      if (!parse_item (parser, row, node, list, path, error))
        return false;
    }
  return list->len > 0 || absent (parser, row, holder, path, error);
}

static bool
parse_foreign (const Parser *parser, const CopXmlRow *row, xmlNodePtr holder, gpointer data,
               GError **error)
{
  xmlNodePtr node = next_named (holder->children, row->path, strlen (row->path), false);
  g_autoptr (GError) refused = NULL;

  if (node == NULL)
    return true;
  node->_private = &seen_whole;
  if (row->foreign->parse (node, LIST_OF (data, row), &refused))
    return true;
  return fail_at (parser, node, error, refused->code, "%s: %s", row->path, refused->message);
}

/* Tells of a NO_EFFECT or REFUSED row that found something. */
static bool
tell (const Parser *parser, const CopXmlRow *row, xmlNodePtr node, const char *path, GError **error)
{
  g_autofree char *place = join (path, row->path);

  if (row->kind == COP_XML_KIND_REFUSED)
    return fail_at (parser, node, error, COP_XML_ERROR_UNSUPPORTED, _ ("%s is not supported: %s"),
                    place, _ (row->says));
  note (parser, node, _ ("%s has no effect: %s"), place, _ (row->says));
  return true;
}

/* A NO_EFFECT or REFUSED row. */
static bool
parse_without_value (const Parser *parser, const CopXmlRow *row, xmlNodePtr holder,
                     const char *path, GError **error)
{
  gsize length;
  const char *name = cop_xml_row_leaf (row, &length);
  bool told = false;

  if (cop_xml_row_is_attribute (row))
    {
      xmlAttrPtr attribute = attribute_named (holder, name, length);

      if (attribute == NULL)
        return true;
      attribute->_private = &seen_inside;
      return tell (parser, row, holder, path, error);
    }

  for (xmlNodePtr node = next_named (holder->children, name, length, row->ours); node != NULL;
       node = next_named (node->next, name, length, row->ours))
    {
      if (!meets_condition (node, row))
        continue;
      node->_private = &seen_whole;
      if (!told && !tell (parser, row, node, path, error))
        return false;
      told = true;
    }
  return true;
}

static bool
parse_row (const Parser *parser, const CopXmlRow *row, xmlNodePtr element_node, gpointer data,
           const char *path, GError **error)
{
  xmlNodePtr holder = find_holder (element_node, row);
  xmlNodePtr node;
  gsize length;
  const char *name;

  if (holder == NULL)
    return absent (parser, row, element_node, path, error);
  if (row->kind == COP_XML_KIND_FOREIGN)
    return parse_foreign (parser, row, holder, data, error);
  if (row->kind == COP_XML_KIND_LIST)
    return parse_list (parser, row, holder, data, path, error);
  if (!cop_xml_row_has_value (row))
    return parse_without_value (parser, row, holder, path, error);

  name = cop_xml_row_leaf (row, &length);
  if (cop_xml_row_is_attribute (row))
    {
      xmlAttrPtr attribute = attribute_named (holder, name, length);

      if (attribute == NULL)
        return absent (parser, row, holder, path, error);
      attribute->_private = &seen_inside;
      return store (parser, row, holder, (xmlNodePtr) attribute, data, path, error);
    }

  node =
    strcmp (row->path, ".") == 0 ? holder : next_named (holder->children, name, length, row->ours);
  if (node == NULL)
    return absent (parser, row, holder, path, error);
  if (row->kind == COP_XML_KIND_FLAG)
    claim (node, &seen_inside);
  else
    claim (node, &seen_text);
  if (row->kind == COP_XML_KIND_SIZE)
    {
      xmlAttrPtr unit = attribute_named (node, "unit", strlen ("unit"));

      if (unit != NULL)
        unit->_private = &seen_inside;
    }
  return store (parser, row, node, node, data, path, error);
}

/* The path of @node, at or below the element @top that messages call @path. */
static char *
place_of (xmlNodePtr node, xmlNodePtr top, const char *path)
{
  g_autofree char *above = NULL;
  g_autofree char *name = NULL;

  if (node == top)
    return g_strdup (path);
  above = place_of (node->parent, top, path);
  if (node->type != XML_ELEMENT_NODE)
    return join (above, _ ("text"));
  if (node->ns == NULL || node->ns->prefix == NULL)
    return join (above, (const char *) node->name);
  name = g_strdup_printf ("%s:%s", (const char *) node->ns->prefix, (const char *) node->name);
  return join (above, name);
}

static bool
has_words (xmlNodePtr text)
{
  const char *content = (const char *) text->content;

  return content != NULL && content[strspn (content, " \t\r\n")] != '\0';
}

static bool
unknown (const Parser *parser, xmlNodePtr node, const char *place, GError **error)
{
  g_autofree char *quoted = cop_xml_quoted (place);

  if ((parser->flags & COP_XML_PARSE_STRICT) != 0)
    return fail_at (parser, node, error, COP_XML_ERROR_UNKNOWN, _ ("%s is not known here"), quoted);
  note (parser, node, _ ("%s is not known here, and dropped"), quoted);
  return true;
}

/* An element or text that no row took. */
static bool
sweep_stranger (const Parser *parser, xmlNodePtr node, xmlNodePtr top, const char *path,
                GError **error)
{
  bool told = takes_notes (parser) || (parser->flags & COP_XML_PARSE_STRICT) != 0 ||
              node->_private == &seen_again || (node->type == XML_ELEMENT_NODE && node->ns != NULL);
  g_autofree char *place = NULL;
  g_autofree char *quoted = NULL;

  /* There may be hundreds of thousands. */
  if (!told)
    return true;
  place = place_of (node, top, path);
  quoted = cop_xml_quoted (place);
  if (node->type != XML_ELEMENT_NODE)
    return unknown (parser, node, place, error);
  if (node->ns != NULL && g_str_has_prefix ((const char *) node->ns->href, LIBVIRT_NAMESPACE))
    return fail_at (parser, node, error, COP_XML_ERROR_UNSUPPORTED,
                    _ ("%s is not supported: it is for another hypervisor; remove it"), quoted);
  if (node->_private == &seen_again)
    return fail_at (parser, node, error, COP_XML_ERROR_CONFLICT, _ ("%s stands there twice"),
                    quoted);
  return unknown (parser, node, place, error);
}

static bool
sweep_attributes (const Parser *parser, xmlNodePtr node, xmlNodePtr top, const char *path,
                  GError **error)
{
  for (xmlAttrPtr attribute = node->properties; attribute != NULL; attribute = attribute->next)
    if (attribute->_private == NULL)
      {
        g_autofree char *holder = place_of (node, top, path);
        g_autofree char *name = g_strconcat ("@", (const char *) attribute->name, NULL);
        g_autofree char *place = join (holder, name);

        if (!unknown (parser, node, place, error))
          return false;
      }
  return true;
}

/* Looks for what no row of the element @top has taken, in @node and what lies inside, but for items
   of lists. The tables bound how deep that is. */
static bool
sweep (const Parser *parser, xmlNodePtr node, xmlNodePtr top, const char *path, GError **error)
{
  if (!sweep_attributes (parser, node, top, path, error))
    return false;

  for (xmlNodePtr child = node->children; child != NULL; child = child->next)
    switch (child->type)
      {
      case XML_ELEMENT_NODE:
        if (child->_private == &seen_whole)
          break;
        if (child->_private == NULL || child->_private == &seen_again
              ? !sweep_stranger (parser, child, top, path, error)
              : !sweep (parser, child, top, path, error))
          return false;
        break;
      case XML_TEXT_NODE:
      case XML_CDATA_SECTION_NODE:
        if (node->_private != &seen_text && has_words (child) &&
            !sweep_stranger (parser, child, top, path, error))
          return false;
        break;
      default:
        /* Comments, and instructions to processors, which we are not. */
        break;
      }
  return true;
}

static gpointer
parse_element (const Parser *parser, const CopXmlElement *element, xmlNodePtr node,
               const char *path, GError **error)
{
  gpointer data = cop_xml_new (element);
  bool good = true;
  /* What is taken as a whole by the row of a list is not so for the element itself. */
  void *mark = node->_private;

  node->_private = NULL;
  for (unsigned i = 0; i < element->n_rows && good; i++)
    if (cop_xml_row_applies (&element->rows[i], data))
      good = parse_row (parser, &element->rows[i], node, data, path, error);
  good = good && sweep (parser, node, node, path, error);
  node->_private = mark;
  if (!good)
    {
      cop_xml_free (element, data);
      return NULL;
    }
  return data;
}

gpointer
cop_xml_parse (const CopXmlElement *const *elements, const char *text, gsize length,
               const char *label, unsigned flags, GPtrArray *notes, const CopXmlElement **which,
               GError **error)
{
  Parser parser = { .label = label, .flags = flags, .notes = notes };
  g_autoptr (xmlDoc) document =
    cop_xml_read_document (text, length, COP_DOMAIN_XML_MAX, label, error);
  xmlNodePtr root;
  g_autoptr (GString) wanted = g_string_new (NULL);
  g_autofree char *name = NULL;

  if (document == NULL)
    return NULL;

  root = xmlDocGetRootElement (document);
  for (; *elements != NULL; elements++)
    {
      if (root->ns == NULL && strcmp ((const char *) root->name, (*elements)->name) == 0)
        {
          if (which != NULL)
            *which = *elements;
          return parse_element (&parser, *elements, root, "", error);
        }
      g_string_append_printf (wanted, "%s<%s>", wanted->len > 0 ? ", " : "", (*elements)->name);
    }
  name = cop_xml_quoted ((const char *) root->name);
  fail_at (&parser, root, error, COP_XML_ERROR_SYNTAX,
           root->ns == NULL ? _ ("this is a <%s> document; wanted is %s")
                            : _ ("<%s> is in a namespace; wanted is %s in none"),
           name, wanted->str);
  return NULL;
}
