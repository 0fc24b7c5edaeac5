/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The document of a saved machine: see saved-machine.h.
 */
#include "xml/saved-machine.h"

#include <libxml/parser.h>
#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlDoc, xmlFreeDoc)

void
cop_saved_machine_free (CopSavedMachine *saved)
{
  if (saved == NULL)
    return;
  g_free (saved->memory);
  g_free (saved->checksum);
  g_free (saved->pages);
  g_free (saved->domain);
  g_free (saved->state);
  g_free (saved);
}

/* Appends a document as a child: without what stands before its root. */
static void
append_child (GString *out, const char *document)
{
  const char *root = document;

  while (g_str_has_prefix (root, "<?") || g_str_has_prefix (root, "<!--"))
    {
      root = strchr (root, '\n');
      root = root != NULL ? root + 1 : "";
    }
  /* As it is, not indented: text in it may span lines. */
  g_string_append (out, root);
  if (out->len > 0 && out->str[out->len - 1] != '\n')
    g_string_append_c (out, '\n');
}

char *
cop_saved_machine_format (const CopSavedMachine *saved)
{
  GString *out = g_string_sized_new (strlen (saved->domain) + strlen (saved->state) + 512);
  g_autofree char *memory = g_markup_escape_text (saved->memory, -1);
  g_autofree char *checksum = g_markup_escape_text (saved->checksum, -1);

  g_string_append_printf (out,
                          "<savedmachine version='1'>\n"
                          "<running>%s</running>\n"
                          "<memory file='%s' size='%" G_GUINT64_FORMAT "' checksum='%s'>\n"
                          "<pages>%s</pages>\n"
                          "</memory>\n",
                          saved->running ? "true" : "false", memory, (guint64) saved->memory_size,
                          checksum, saved->pages);
  append_child (out, saved->domain);
  append_child (out, saved->state);
  g_string_append (out, "</savedmachine>\n");
  return g_string_free (out, false);
}

static xmlNode *
child_of (xmlNode *parent, const char *name)
{
  for (xmlNode *node = parent->children; node != NULL; node = node->next)
    if (node->type == XML_ELEMENT_NODE && strcmp ((const char *) node->name, name) == 0)
      return node;
  return NULL;
}

static char *
take (xmlChar *text)
{
  char *copy = g_strdup ((const char *) text);

  xmlFree (text);
  return copy;
}

static char *
attribute_of (xmlNode *node, const char *name)
{
  return take (xmlGetProp (node, (const xmlChar *) name));
}

static char *
document_of (xmlDoc *doc, xmlNode *node)
{
  xmlBuffer *buffer = xmlBufferCreate ();
  char *text = NULL;

  if (xmlNodeDump (buffer, doc, node, 0, 0) >= 0)
    text = g_strdup ((const char *) xmlBufferContent (buffer));
  xmlBufferFree (buffer);
  return text;
}

static bool
fail (GError **error, CopXmlError code, const char *label, const char *what)
{
  g_set_error (error, COP_XML_ERROR, code, "%s: %s", label, what);
  return false;
}

static bool
read_members (xmlDoc *doc, xmlNode *root, const char *label, CopSavedMachine *saved, GError **error)
{
  xmlNode *running = child_of (root, "running"), *memory = child_of (root, "memory");
  xmlNode *domain = child_of (root, "domain"), *state = child_of (root, "machinestate");
  xmlNode *pages = memory != NULL ? child_of (memory, "pages") : NULL;
  g_autofree char *version = attribute_of (root, "version"), *text = NULL, *size = NULL;
  guint64 bytes;

  if (g_strcmp0 (version, "1") != 0)
    return fail (error, COP_XML_ERROR_UNSUPPORTED, label,
                 "version of the saved machine is not 1; a newer coppice reads it");
  if (running == NULL || memory == NULL || pages == NULL || domain == NULL || state == NULL)
    return fail (error, COP_XML_ERROR_MISSING, label,
                 "one of running, memory/pages, domain and machinestate is missing");
  text = take (xmlNodeGetContent (running));
  saved->running = g_strcmp0 (text, "true") == 0;
  if (!saved->running && g_strcmp0 (text, "false") != 0)
    return fail (error, COP_XML_ERROR_VALUE, label, "running is neither true nor false");
  saved->memory = attribute_of (memory, "file");
  saved->checksum = attribute_of (memory, "checksum");
  size = attribute_of (memory, "size");
  if (saved->memory == NULL || saved->checksum == NULL || size == NULL ||
      !g_ascii_string_to_unsigned (size, 10, 1, G_MAXINT64, &bytes, NULL))
    return fail (error, COP_XML_ERROR_VALUE, label,
                 "memory needs file, checksum, and its size in bytes");
  /* It must not lead out of the folder. */
  if (*saved->memory == '\0' || strchr (saved->memory, '/') != NULL)
    return fail (error, COP_XML_ERROR_VALUE, label, "memory/@file is not a name in this folder");
  saved->memory_size = bytes;
  saved->pages = take (xmlNodeGetContent (pages));
  saved->domain = document_of (doc, domain);
  saved->state = document_of (doc, state);
  if (saved->domain == NULL || saved->state == NULL)
    return fail (error, COP_XML_ERROR_SYNTAX, label, "domain or machinestate cannot be read");
  return true;
}

CopSavedMachine *
cop_saved_machine_parse (const char *text, gsize length, const char *label, GError **error)
{
  g_autoptr (CopSavedMachine) saved = g_new0 (CopSavedMachine, 1);
  g_autoptr (xmlDoc) doc = NULL;
  xmlNode *root;

  if (length > COP_SAVED_MACHINE_MAX)
    {
      fail (error, COP_XML_ERROR_TOO_LARGE, label, "too large for the document of a saved machine");
      return NULL;
    }
  doc =
    xmlReadMemory (text, length, label, NULL,
                   XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
  root = doc != NULL ? xmlDocGetRootElement (doc) : NULL;
  if (root == NULL || doc->intSubset != NULL ||
      strcmp ((const char *) root->name, "savedmachine") != 0)
    {
      fail (error, COP_XML_ERROR_SYNTAX, label, "not the document of a saved machine");
      return NULL;
    }
  if (!read_members (doc, root, label, saved, error))
    return NULL;
  return g_steal_pointer (&saved);
}
