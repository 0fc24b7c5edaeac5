/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * <metadata>: elements of other programs, one for each namespace, kept as they are.
 */
#include "xml/document.h"
#include "xml/domain-device.h"
#include "xml/domain-rows.h"

#include <glib/gi18n.h>
#include <libxml/xmlsave.h>
#include <string.h>

#define METADATA_MAX (64u << 10) /* bytes of one element */
#define LABEL "metadata"

/* @node alone, with declarations of all namespaces in it. */
static char *
node_to_text (xmlNodePtr node)
{
  g_autoptr (xmlDoc) document = xmlNewDoc ((const xmlChar *) "1.0");
  xmlNodePtr copy = xmlDocCopyNode (node, document, 1);
  xmlOutputBufferPtr output = xmlAllocOutputBuffer (NULL);
  char *text;

  xmlDocSetRootElement (document, copy);
  xmlNodeDumpOutput (output, document, copy, 0, 0, "UTF-8");
  xmlOutputBufferFlush (output);
  text =
    g_strndup ((const char *) xmlOutputBufferGetContent (output), xmlOutputBufferGetSize (output));
  xmlOutputBufferClose (output);
  return text;
}

static CopDomainMetadata *
find (GPtrArray *list, const char *uri)
{
  for (guint i = 0; i < list->len; i++)
    if (strcmp (((CopDomainMetadata *) list->pdata[i])->uri, uri) == 0)
      return list->pdata[i];
  return NULL;
}

static bool
parse (xmlNodePtr node, GPtrArray *list, GError **error)
{
  for (xmlNodePtr child = node->children; child != NULL; child = child->next)
    {
      g_autofree char *quoted = NULL;
      CopDomainMetadata *item;

      if (child->type != XML_ELEMENT_NODE)
        continue;
      quoted = cop_xml_quoted ((const char *) child->name);
      if (child->ns == NULL)
        {
          g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_CONFLICT,
                       _ ("<%s> is in no namespace; give it one of the program's own"), quoted);
          return false;
        }
      if (find (list, (const char *) child->ns->href) != NULL)
        {
          g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_CONFLICT,
                       _ ("<%s> is the second element of its namespace; put one inside the other"),
                       quoted);
          return false;
        }
      item = g_new0 (CopDomainMetadata, 1);
      item->uri = g_strdup ((const char *) child->ns->href);
      item->xml = node_to_text (child);
      g_ptr_array_add (list, item);
    }
  return true;
}

static char *
format (gconstpointer data)
{
  return g_strdup (((const CopDomainMetadata *) data)->xml);
}

static gpointer
copy (gconstpointer data)
{
  const CopDomainMetadata *item = data;
  CopDomainMetadata *other = g_new0 (CopDomainMetadata, 1);

  other->uri = g_strdup (item->uri);
  other->xml = g_strdup (item->xml);
  return other;
}

static bool
equal (gconstpointer a, gconstpointer b)
{
  const CopDomainMetadata *one = a, *other = b;

  return strcmp (one->uri, other->uri) == 0 && strcmp (one->xml, other->xml) == 0;
}

static void
item_free (gpointer data)
{
  CopDomainMetadata *item = data;

  g_free (item->uri);
  g_free (item->xml);
  g_free (item);
}

const CopXmlForeign cop_domain_metadata_foreign = { parse, format, copy, equal, item_free };

/* The next element after @node in document order, inside @root. */
static xmlNodePtr
next_element (xmlNodePtr node, xmlNodePtr root)
{
  do
    {
      if (node->children != NULL && node->type == XML_ELEMENT_NODE)
        node = node->children;
      else
        {
          while (node != root && node->next == NULL)
            node = node->parent;
          if (node == root)
            return NULL;
          node = node->next;
        }
    }
  while (node->type != XML_ELEMENT_NODE);
  return node;
}

static void
drop_declaration (xmlNodePtr node, const char *uri)
{
  for (xmlNsPtr *link = &node->nsDef; *link != NULL;)
    {
      xmlNsPtr declaration = *link;

      if (strcmp ((const char *) declaration->href, uri) != 0)
        {
          link = &declaration->next;
          continue;
        }
      *link = declaration->next;
      xmlFreeNs (declaration);
    }
}

static bool
uses_in_attributes (xmlNodePtr root, const char *uri)
{
  for (xmlNodePtr node = root; node != NULL; node = next_element (node, root))
    for (xmlAttrPtr attribute = node->properties; attribute != NULL; attribute = attribute->next)
      if (attribute->ns != NULL && strcmp ((const char *) attribute->ns->href, uri) == 0)
        return true;
  return false;
}

char *
cop_domain_config_get_metadata (const CopDomainConfig *config, const char *uri)
{
  const CopDomainMetadata *item = find (config->metadata, uri);
  g_autoptr (xmlDoc) document = NULL;
  xmlNodePtr root;

  if (item == NULL)
    return NULL;
  document = cop_xml_read_document (item->xml, strlen (item->xml), COP_DOMAIN_XML_MAX, LABEL, NULL);
  if (document == NULL)
    return g_strdup (item->xml);
  root = xmlDocGetRootElement (document);
  if (uses_in_attributes (root, uri))
    return g_strdup (item->xml);

  for (xmlNodePtr node = root; node != NULL; node = next_element (node, root))
    if (node->ns != NULL && strcmp ((const char *) node->ns->href, uri) == 0)
      node->ns = NULL;
  for (xmlNodePtr node = root; node != NULL; node = next_element (node, root))
    drop_declaration (node, uri);
  return node_to_text (root);
}

/* Reads @xml and puts what is in no namespace into @uri. */
static xmlDocPtr
read_into_namespace (const char *uri, const char *prefix, const char *xml, GError **error)
{
  g_autoptr (xmlDoc) document =
    cop_xml_read_document (xml, strlen (xml), METADATA_MAX, LABEL, error);
  xmlNodePtr root;
  xmlNsPtr declaration;

  if (document == NULL)
    return NULL;
  root = xmlDocGetRootElement (document);
  if (root->ns != NULL)
    {
      if (strcmp ((const char *) root->ns->href, uri) == 0)
        return g_steal_pointer (&document);
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_CONFLICT,
                   _ ("metadata: the element is in a namespace other than '%s'"), uri);
      return NULL;
    }
  declaration = xmlNewNs (root, (const xmlChar *) uri, (const xmlChar *) prefix);
  if (declaration == NULL)
    {
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_CONFLICT,
                   _ ("metadata: the prefix '%s' has another meaning in the element"), prefix);
      return NULL;
    }
  for (xmlNodePtr node = root; node != NULL; node = next_element (node, root))
    if (node->ns == NULL)
      node->ns = declaration;
  return g_steal_pointer (&document);
}

bool
cop_domain_config_set_metadata (CopDomainConfig *config, const char *uri, const char *prefix,
                                const char *xml, GError **error)
{
  CopDomainMetadata *item = find (config->metadata, uri);
  g_autoptr (xmlDoc) document = NULL;

  if (xml == NULL)
    {
      if (item != NULL)
        {
          g_ptr_array_remove (config->metadata, item);
          item_free (item);
        }
      return true;
    }

  if (*uri == '\0' || !g_utf8_validate (uri, -1, NULL) ||
      (prefix != NULL && xmlValidateNCName ((const xmlChar *) prefix, 0) != 0))
    {
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_VALUE,
                   _ ("metadata: a namespace needs a URI, and a prefix that is a name"));
      return false;
    }
  document = read_into_namespace (uri, prefix, xml, error);
  if (document == NULL)
    return false;
  if (item == NULL)
    {
      item = g_new0 (CopDomainMetadata, 1);
      item->uri = g_strdup (uri);
      g_ptr_array_add (config->metadata, item);
    }
  g_free (item->xml);
  item->xml = node_to_text (xmlDocGetRootElement (document));
  return true;
}
