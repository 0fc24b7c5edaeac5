/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Structs to documents, driven by rows. Rows whose paths begin alike share elements, so a small
 * tree is made first and then written, in libvirt's own manner: two spaces a level, single quotes.
 */
#include "xml/element.h"

#include "xml/domain-config.h"

#include <string.h>

typedef struct Node Node;

struct Node
{
  char *name; /* (owned) */
  GString *attributes; /* (owned): " a='b' c='d'" */
  char *text; /* (owned) (nullable): unescaped */
  char *raw; /* (owned) (nullable): stands there as it is */
  GPtrArray *children; /* (owned) (element-type Node) */
  bool item; /* of a list: not to be shared */
};

static void
node_free (gpointer data)
{
  Node *node = data;

  g_free (node->name);
  g_string_free (node->attributes, TRUE);
  g_free (node->text);
  g_free (node->raw);
  g_ptr_array_unref (node->children);
  g_free (node);
}

static Node *
node_new (const char *name, gsize length, bool ours)
{
  Node *node = g_new0 (Node, 1);

  node->name = g_strdup_printf ("%s%.*s", ours ? "coppice:" : "", (int) length, name);
  node->attributes = g_string_new (NULL);
  node->children = g_ptr_array_new_with_free_func (node_free);
  return node;
}

/* The child of that name that rows share; a new one if there is none yet. */
static Node *
shared_child (Node *node, const char *name, gsize length, bool ours)
{
  Node *child = node_new (name, length, ours);

  for (guint i = 0; i < node->children->len; i++)
    {
      Node *there = node->children->pdata[i];

      if (!there->item && strcmp (there->name, child->name) == 0)
        {
          node_free (child);
          return there;
        }
    }
  g_ptr_array_add (node->children, child);
  return child;
}

void
cop_xml_escape (GString *out, const char *text)
{
  for (; *text != '\0'; text++)
    switch (*text)
      {
      case '&':
        g_string_append (out, "&amp;");
        break;
      case '<':
        g_string_append (out, "&lt;");
        break;
      case '>':
        g_string_append (out, "&gt;");
        break;
      case '\'':
        g_string_append (out, "&apos;");
        break;
      case '"':
        g_string_append (out, "&quot;");
        break;
      case '\r':
        g_string_append (out, "&#13;");
        break;
      default:
        g_string_append_c (out, *text);
      }
}

/* A parser makes a blank of a tab or line feed in an attribute. */
static void
append_attribute (Node *node, const char *name, gsize length, const char *value)
{
  g_string_append_printf (node->attributes, " %.*s='", (int) length, name);
  for (gsize plain; *value != '\0'; value += plain)
    {
      plain = strcspn (value, "\t\n");
      if (plain > 0)
        {
          g_autofree char *part = g_strndup (value, plain);

          cop_xml_escape (node->attributes, part);
        }
      else
        {
          g_string_append_printf (node->attributes, "&#%d;", *value);
          plain = 1;
        }
    }
  g_string_append_c (node->attributes, '\'');
}

static Node *
make_holder (Node *node, const CopXmlRow *row)
{
  const char *part = row->path;
  const char *slash;

  for (; (slash = strchr (part, '/')) != NULL; part = slash + 1)
    node = shared_child (node, part, slash - part, row->ours);
  return node;
}

static void fill (Node *node, const CopXmlElement *element, gconstpointer data, bool without_live);

static void
add_list (Node *node, const CopXmlRow *row, gconstpointer data, bool without_live)
{
  GPtrArray *list = *(GPtrArray *const *) (const void *) ((const uint8_t *) data + row->offset);
  Node *holder;
  gsize length;
  const char *name = cop_xml_row_leaf (row, &length);

  if (list->len == 0)
    return;
  holder = make_holder (node, row);
  if (row->kind == COP_XML_KIND_FOREIGN)
    holder = shared_child (holder, name, length, row->ours);
  for (guint i = 0; i < list->len; i++)
    {
      Node *child = node_new (name, length, row->ours);

      child->item = true;
      g_ptr_array_add (holder->children, child);
      if (row->kind == COP_XML_KIND_FOREIGN)
        child->raw = row->foreign->format (list->pdata[i]);
      else
        fill (child, row->element, list->pdata[i], without_live);
    }
}

static void
add_value (Node *node, const CopXmlRow *row, gconstpointer data, bool without_live)
{
  g_autofree char *text = cop_xml_row_get (row, data);
  Node *holder;
  gsize length;
  const char *name = cop_xml_row_leaf (row, &length);

  if (text == NULL || (without_live && row->live != NULL && row->live (text)))
    return;
  holder = make_holder (node, row);
  if (cop_xml_row_is_attribute (row))
    append_attribute (holder, name, length, text);
  else
    {
      if (strcmp (row->path, ".") != 0)
        holder = shared_child (holder, name, length, row->ours);
      if (row->kind == COP_XML_KIND_SIZE)
        append_attribute (holder, "unit", strlen ("unit"), "KiB");
      if (*text != '\0')
        holder->text = g_steal_pointer (&text);
    }
}

static void
fill (Node *node, const CopXmlElement *element, gconstpointer data, bool without_live)
{
  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];

      if (!cop_xml_row_has_value (row) || !cop_xml_row_applies (row, data))
        continue;
      if (row->kind == COP_XML_KIND_LIST || row->kind == COP_XML_KIND_FOREIGN)
        add_list (node, row, data, without_live);
      else
        add_value (node, row, data, without_live);
    }
}

static bool
uses_ours (const Node *node)
{
  for (guint i = 0; i < node->children->len; i++)
    if (g_str_has_prefix (((Node *) node->children->pdata[i])->name, "coppice:"))
      return true;
  return false;
}

static void
write_node (GString *out, const Node *node, unsigned depth)
{
  g_string_append_printf (out, "%*s", (int) (2 * depth), "");
  if (node->raw != NULL)
    {
      g_string_append_printf (out, "%s\n", node->raw);
      return;
    }
  g_string_append_printf (out, "<%s%s", node->name, node->attributes->str);
  if (node->text == NULL && node->children->len == 0)
    {
      g_string_append (out, "/>\n");
      return;
    }
  g_string_append_c (out, '>');
  if (node->text != NULL)
    cop_xml_escape (out, node->text);
  if (node->children->len > 0)
    {
      /* No row table has elements beside text, so white space between them means nothing. */
      g_string_append_c (out, '\n');
      for (guint i = 0; i < node->children->len; i++)
        write_node (out, node->children->pdata[i], depth + 1);
      g_string_append_printf (out, "%*s", (int) (2 * depth), "");
    }
  g_string_append_printf (out, "</%s>\n", node->name);
}

void
cop_xml_format (const CopXmlElement *element, gconstpointer data, bool without_live, unsigned depth,
                GString *out)
{
  Node *root = node_new (element->name, strlen (element->name), false);

  fill (root, element, data, without_live);
  if (uses_ours (root))
    append_attribute (root, "xmlns:coppice", strlen ("xmlns:coppice"), COP_DOMAIN_NAMESPACE);
  write_node (out, root, depth);
  node_free (root);
}
