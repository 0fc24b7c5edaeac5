/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * XPath by libxml2, without network, entities or its own messages.
 */
#include "vmtool/xpath.h"
#include "vmtool/vmtool.h"

#include <glib/gi18n.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <string.h>

/* clang-format off */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlDoc, xmlFreeDoc)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlXPathContext, xmlXPathFreeContext)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlXPathObject, xmlXPathFreeObject)
/* clang-format on */

static void
say_nothing (void *data G_GNUC_UNUSED, const char *message G_GNUC_UNUSED, ...)
{
}

static void
append_node (GString *text, xmlDoc *document, xmlNode *node)
{
  if (node->type == XML_ELEMENT_NODE)
    {
      xmlBuffer *buffer = xmlBufferCreate ();

      xmlNodeDump (buffer, document, node, 0, 1);
      g_string_append (text, (const char *)xmlBufferContent (buffer));
      xmlBufferFree (buffer);
    }
  else
    {
      xmlChar *content = xmlNodeGetContent (node);

      g_string_append (text, (const char *)content);
      xmlFree (content);
    }
  g_string_append_c (text, '\n');
}

static void
append_value (GString *text, xmlXPathObject *value)
{
  xmlChar *string = xmlXPathCastToString (value);

  g_string_append (text, (const char *)string);
  g_string_append_c (text, '\n');
  xmlFree (string);
}

char *
vmt_xpath (const char *xml, const char *expression, bool wrap, GError **error)
{
  g_autoptr (xmlDoc) document = NULL;
  g_autoptr (xmlXPathContext) context = NULL;
  g_autoptr (xmlXPathObject) found = NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  xmlSetGenericErrorFunc (NULL, say_nothing);
  document = xmlReadMemory (xml, (int)strlen (xml), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
  context = document != NULL ? xmlXPathNewContext (document) : NULL;
  if (context == NULL)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED, _ ("the daemon's answer is no XML"));
      return NULL;
    }
  found = xmlXPathEval ((const xmlChar *)expression, context);
  if (found == NULL)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--xpath: '%s' is no XPath expression"),
                   expression);
      return NULL;
    }

  if (found->type != XPATH_NODESET)
    append_value (text, found);
  else
    for (int i = 0; found->nodesetval != NULL && i < found->nodesetval->nodeNr; i++)
      append_node (text, document, found->nodesetval->nodeTab[i]);
  if (text->len == 0)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED, _ ("--xpath: nothing matches '%s'"),
                   expression);
      return NULL;
    }
  if (wrap)
    {
      g_string_prepend (text, "<nodes>\n");
      g_string_append (text, "</nodes>\n");
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}
