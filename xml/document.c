/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading outside text as XML, as safely as it needs.
 */
#include "xml/document.h"

#include <glib/gi18n.h>
#include <stdbool.h>
#include <string.h>

/* In both the library takes time that grows with the square. */
#define MAX_ATTRIBUTES 500 /* of one element */
#define MAX_NAMESPACES 500 /* declarations in the document */

typedef struct
{
  char *complaint; /* (owned) (nullable): the first one of the library */
  int line;
  bool has_dtd;
} Reading;

#if LIBXML_VERSION >= 21200
typedef const xmlError *LibraryError;
#else
typedef xmlErrorPtr LibraryError;
#endif

static void
library_complains (void *data, LibraryError complaint)
{
  Reading *reading = ((xmlParserCtxtPtr) data)->_private;

  if (reading->complaint != NULL || complaint->message == NULL || complaint->level < XML_ERR_ERROR)
    return;
  reading->complaint = g_strchomp (g_utf8_make_valid (complaint->message, -1));
  reading->line = complaint->line;
}

static void
found_dtd (void *data, G_GNUC_UNUSED const xmlChar *name, G_GNUC_UNUSED const xmlChar *id,
           G_GNUC_UNUSED const xmlChar *system)
{
  xmlParserCtxtPtr context = data;

  ((Reading *) context->_private)->has_dtd = true;
  xmlStopParser (context);
}

/* Before the library sees it: @text does not go beyond what it reads in little time. */
static bool
check_counts (const char *text, gsize length, const char *label, GError **error)
{
  unsigned attributes = 0, namespaces = 0, line = 1;

  for (gsize i = 0; i + 1 < length; i++)
    {
      if (text[i] == '\n')
        line++;
      else if (text[i] == '<')
        attributes = 0;
      else if (text[i] == 'x' && length - i >= 5 && memcmp (text + i, "xmlns", 5) == 0)
        namespaces++;
      else if (text[i] == '=')
        {
          gsize next = i + 1;

          while (next + 1 < length && g_ascii_isspace (text[next]))
            next++;
          if (text[next] == '\'' || text[next] == '"')
            attributes++;
        }
      if (attributes > MAX_ATTRIBUTES || namespaces > MAX_NAMESPACES)
        {
          g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_TOO_LARGE,
                       attributes > MAX_ATTRIBUTES
                         ? _ ("%s:%u: more than %u attributes in one element")
                         : _ ("%s:%u: more than %u declarations of namespaces"),
                       label, line, attributes > MAX_ATTRIBUTES ? MAX_ATTRIBUTES : MAX_NAMESPACES);
          return false;
        }
    }
  return true;
}

static void
set_failure (const Reading *reading, xmlParserCtxtPtr context, const char *label, GError **error)
{
  int line = context->input != NULL ? context->input->line : 1;

  if (reading->has_dtd)
    g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX,
                 _ ("%s: a document type declaration is not allowed here"), label);
  else
    g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX, _ ("%s:%d: not well-formed XML: %s"),
                 label, reading->complaint != NULL ? reading->line : line,
                 reading->complaint != NULL ? reading->complaint : _ ("there is no element"));
}

xmlDocPtr
cop_xml_read_document (const char *text, gsize length, gsize max, const char *label, GError **error)
{
  g_autoptr (xmlDoc) document = NULL;
  Reading reading = { 0 };
  xmlParserCtxtPtr context;

  if (length > max)
    {
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_TOO_LARGE,
                   _ ("%s: %zu bytes are too many; the limit is %zu"), label, length, max);
      return NULL;
    }
  if (length == 0)
    {
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX, _ ("%s: the document is empty"),
                   label);
      return NULL;
    }
  if (!check_counts (text, length, label, error))
    return NULL;

  context = xmlNewParserCtxt ();
  if (context == NULL)
    g_error ("out of memory");
  context->_private = &reading;
  context->sax->serror = library_complains;
  context->sax->internalSubset = found_dtd;
  document = xmlCtxtReadMemory (context, text, (int) length, NULL, NULL,
                                XML_PARSE_NONET | XML_PARSE_BIG_LINES);
  if (document == NULL || reading.has_dtd || reading.complaint != NULL ||
      xmlDocGetRootElement (document) == NULL)
    {
      set_failure (&reading, context, label, error);
      g_clear_pointer (&document, xmlFreeDoc);
    }
  xmlFreeParserCtxt (context);
  g_free (reading.complaint);
  return g_steal_pointer (&document);
}
