/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * XML to state tables, in one pass over a pull parser: what the tables do not know ends the
 * reading at once, so that a hostile document costs no more than its size.
 *
 *   parse_document -> parse_section -> parse_members -> parse_values
 *                                        ^    |
 *                                        |    +------> parse_structs, for tables in tables
 *                                        +---------------+
 */
#include "xml/state-xml.h"

#include <libxml/xmlreader.h>
#include <string.h>

#define DOCUMENT "machinestate"
#define DOCUMENT_VERSION 1
#define QUOTED_MAX 40 /* bytes of outside text that a message repeats */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlTextReader, xmlFreeTextReader)

typedef enum
{
  NODE_FAILED,
  NODE_START,
  NODE_END,
  NODE_TEXT,
  NODE_EOF,
} Node;

typedef struct
{
  xmlTextReaderPtr reader; /* (unowned) */
  const char *label;
  bool end_due; /* the current element was <so/>: its end is the next node */
  char *complaint; /* (owned) (nullable): the first one of the library */
  int complaint_line;
} Parser;

/* Where in the document and in the tables the parser is, for messages. */
typedef struct
{
  const char *name; /* "section 'disk0'", "section 'disk0', queues[1]" */
  const CopStateTable *table;
  unsigned version; /* what the document says it was written with */
} Place;

static int
current_line (const Parser *parser)
{
  xmlNodePtr node = xmlTextReaderCurrentNode (parser->reader);
  int line = node != NULL ? (int)xmlGetLineNo (node) : -1;

  return line > 0 ? line : xmlTextReaderGetParserLineNumber (parser->reader);
}

static void fail_at (const Parser *parser, int line, GError **error, GQuark domain, int code,
                     const char *format, ...) G_GNUC_PRINTF (6, 7);

static void
fail_at (const Parser *parser, int line, GError **error, GQuark domain, int code,
         const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, domain, code, "%s:%d: %s", parser->label, line, message);
}

#define FAIL(parser, error, ...) fail_at ((parser), current_line (parser), (error), __VA_ARGS__)

/* Outside text as a message may repeat it: short, printable. */
static char *
quoted (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, strnlen (text, QUOTED_MAX + 1));
  g_autofree char *escaped = g_strescape (valid, NULL);

  if (strlen (escaped) > QUOTED_MAX)
    strcpy (escaped + QUOTED_MAX - 3, "...");
  return g_steal_pointer (&escaped);
}

#if LIBXML_VERSION >= 21200
typedef const xmlError *LibraryError;
#else
typedef xmlErrorPtr LibraryError;
#endif

static void
library_complains (void *data, LibraryError complaint)
{
  Parser *parser = data;

  if (parser->complaint != NULL || complaint->message == NULL)
    return;
  parser->complaint = g_strchomp (g_utf8_make_valid (complaint->message, -1));
  parser->complaint_line = complaint->line;
}

static Node
fail_not_xml (Parser *parser, GError **error)
{
  fail_at (parser, parser->complaint != NULL ? parser->complaint_line : current_line (parser),
           error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX, "not well-formed XML: %s",
           parser->complaint != NULL ? parser->complaint : "the document ends too early");
  return NODE_FAILED;
}

/* The next node that means something. Comments and white space between elements do not. */
static Node
next_node (Parser *parser, GError **error)
{
  if (parser->end_due)
    {
      parser->end_due = false;
      return NODE_END;
    }

  for (;;)
    {
      int more = xmlTextReaderRead (parser->reader);

      if (more < 0 || parser->complaint != NULL)
        return fail_not_xml (parser, error);
      if (more == 0)
        return NODE_EOF;

      switch (xmlTextReaderNodeType (parser->reader))
        {
        case XML_READER_TYPE_ELEMENT:
          parser->end_due = xmlTextReaderIsEmptyElement (parser->reader) == 1;
          return NODE_START;
        case XML_READER_TYPE_END_ELEMENT:
          return NODE_END;
        case XML_READER_TYPE_TEXT:
          return NODE_TEXT;
        case XML_READER_TYPE_COMMENT:
        case XML_READER_TYPE_WHITESPACE:
        case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
          break;
        case XML_READER_TYPE_DOCUMENT_TYPE:
          /* The library has read on by now, and does not know the line any more. */
          g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX,
                       "%s: a document type declaration is not allowed here", parser->label);
          return NODE_FAILED;
        default:
          FAIL (parser, error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX,
                "only elements, text and comments are allowed here");
          return NODE_FAILED;
        }
    }
}

static const char *
node_name (const Parser *parser)
{
  return (const char *)xmlTextReaderConstName (parser->reader);
}

/* The next node, where only child elements or the end can stand. */
static Node
next_child (Parser *parser, const char *inside, GError **error)
{
  Node node = next_node (parser, error);

  if (node == NODE_TEXT)
    {
      const char *all = (const char *)xmlTextReaderConstValue (parser->reader);
      g_autofree char *text = quoted (all + strspn (all, " \t\r\n"));

      FAIL (parser, error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX, "unexpected text '%s' in %s", text,
            inside);
      return NODE_FAILED;
    }
  if (node == NODE_EOF)
    return fail_not_xml (parser, error);
  return node;
}

/* Demands that the current element has exactly the attributes @names, and hands them out. */
static bool
take_attributes (Parser *parser, const char *const *names, char **values, GError **error)
{
  g_autofree char *element = quoted (node_name (parser));
  unsigned n_names = names != NULL ? g_strv_length ((char **)names) : 0;

  for (unsigned i = 0; i < n_names; i++)
    {
      xmlChar *value = xmlTextReaderGetAttribute (parser->reader, (const xmlChar *)names[i]);

      if (value == NULL)
        {
          FAIL (parser, error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX, "<%s> has no attribute '%s'",
                element, names[i]);
          return false;
        }
      values[i] = g_strdup ((const char *)value);
      xmlFree (value);
    }

  if (xmlTextReaderAttributeCount (parser->reader) == (int)n_names)
    return true;

  while (xmlTextReaderMoveToNextAttribute (parser->reader) == 1)
    if (n_names == 0 || !g_strv_contains (names, node_name (parser)))
      {
        g_autofree char *attribute = quoted (node_name (parser));

        xmlTextReaderMoveToElement (parser->reader);
        FAIL (parser, error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX,
              "<%s> has an unknown attribute '%s'", element, attribute);
        return false;
      }
  xmlTextReaderMoveToElement (parser->reader);
  return true;
}

/* A decimal or 0x number; bool rows take true and false instead. */
static bool
parse_value (const CopStateRow *row, const char *text, uint64_t *value)
{
  guint64 number;

  if (row->kind == COP_STATE_BOOL)
    {
      *value = strcmp (text, "true") == 0;
      return *value == 1 || strcmp (text, "false") == 0;
    }
  if (!g_ascii_string_to_unsigned (g_str_has_prefix (text, "0x") ? text + 2 : text,
                                   g_str_has_prefix (text, "0x") ? 16 : 10, 0, G_MAXUINT64, &number,
                                   NULL))
    return false;
  *value = number;
  return true;
}

/* Stores the words of @text as the elements of @row; @line is where the text begins. */
static bool
store_values (Parser *parser, const Place *place, const CopStateRow *row, char *text, int line,
              void *data, GError **error)
{
  uint32_t count = 0;

  for (char *word = text;;)
    {
      uint64_t value;
      gsize length;
      char after;

      for (; *word != '\0' && strchr (" \t\r\n", *word) != NULL; word++)
        line += *word == '\n';
      if (*word == '\0')
        break;
      length = strcspn (word, " \t\r\n");
      after = word[length];
      word[length] = '\0';

      if (count < row->count)
        {
          g_autoptr (GError) refused = NULL;

          if (!parse_value (row, word, &value))
            {
              g_autofree char *bad = quoted (word);
              g_autofree char *index =
                row->count > 1 ? g_strdup_printf ("[%u]", count) : g_strdup ("");

              fail_at (parser, line, error, COP_XML_ERROR, COP_XML_ERROR_VALUE,
                       "%s: %s%s is '%s', which is not %s", place->name, row->name, index, bad,
                       row->kind == COP_STATE_BOOL ? "'true' or 'false'" : "a 64-bit number");
              return false;
            }
          if (!cop_state_set (row, data, count, value, &refused))
            {
              fail_at (parser, line, error, refused->domain, refused->code, "%s: %s", place->name,
                       refused->message);
              return false;
            }
        }
      count++;
      word[length] = after;
      word += length;
    }

  if (count != row->count)
    {
      fail_at (parser, line, error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE,
               "%s: %s has %u values instead of %u", place->name, row->name, count, row->count);
      return false;
    }
  return true;
}

static bool
parse_values (Parser *parser, const Place *place, const CopStateRow *row, void *data,
              GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  int line = current_line (parser);
  Node node;

  if (!take_attributes (parser, NULL, NULL, error))
    return false;

  while ((node = next_node (parser, error)) == NODE_TEXT)
    g_string_append (text, (const char *)xmlTextReaderConstValue (parser->reader));

  switch (node)
    {
    case NODE_END:
      return store_values (parser, place, row, text->str, line, data, error);
    case NODE_START:
      {
        g_autofree char *name = quoted (node_name (parser));

        FAIL (parser, error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX,
              "%s: %s holds values, not elements such as <%s>", place->name, row->name, name);
        return false;
      }
    case NODE_EOF:
      fail_not_xml (parser, error);
      return false;
    default:
      return false;
    }
}

static bool parse_members (Parser *parser, const Place *place, void *data, GError **error);

static bool
parse_version (Parser *parser, const char *text, const char *of, unsigned *version, GError **error)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT16, &number, NULL))
    {
      g_autofree char *bad = quoted (text);

      FAIL (parser, error, COP_XML_ERROR, COP_XML_ERROR_VALUE,
            "%s: version is '%s', which is not a number from 1 to 65535", of, bad);
      return false;
    }
  *version = number;
  return true;
}

/* <queues version='1'> <item index='0'> members </item> ... </queues> */
static bool
parse_structs (Parser *parser, const Place *place, const CopStateRow *row, void *data,
               GError **error)
{
  static const char *const array_attributes[] = { "version", NULL };
  static const char *const item_attributes[] = { "index", NULL };
  g_autofree char *version = NULL;
  g_autofree char *array_name = g_strdup_printf ("%s, %s", place->name, row->name);
  Place inner = { .table = row->table };
  uint32_t count = 0;
  Node node;

  if (!take_attributes (parser, array_attributes, &version, error) ||
      !parse_version (parser, version, array_name, &inner.version, error))
    return false;

  while ((node = next_child (parser, array_name, error)) == NODE_START)
    {
      g_autofree char *index = NULL;
      g_autofree char *expected = g_strdup_printf ("%u", count);
      g_autofree char *name = g_strdup_printf ("%s[%u]", array_name, count);

      if (strcmp (node_name (parser), "item") != 0 || count >= row->count)
        {
          g_autofree char *element = quoted (node_name (parser));

          FAIL (parser, error, COP_STATE_ERROR, COP_STATE_ERROR_MISMATCH,
                "%s: unexpected <%s>; there are %u items", array_name, element, row->count);
          return false;
        }
      if (!take_attributes (parser, item_attributes, &index, error))
        return false;
      if (strcmp (index, expected) != 0)
        {
          g_autofree char *bad = quoted (index);

          FAIL (parser, error, COP_XML_ERROR, COP_XML_ERROR_VALUE,
                "%s: item index '%s' where %s is due", array_name, bad, expected);
          return false;
        }
      inner.name = name;
      if (!parse_members (parser, &inner, (uint8_t *)data + row->offset + (gsize)count * row->size,
                          error))
        return false;
      count++;
    }
  if (node == NODE_FAILED)
    return false;

  if (count != row->count)
    {
      FAIL (parser, error, COP_STATE_ERROR, COP_STATE_ERROR_MISMATCH, "%s: %u items instead of %u",
            array_name, count, row->count);
      return false;
    }
  return true;
}

/* Members up to the end of the element around them. */
static bool
parse_members (Parser *parser, const Place *place, void *data, GError **error)
{
  const CopStateTable *table = place->table;
  g_autofree bool *seen = g_new0 (bool, table->n_rows);
  Node node;

  while ((node = next_child (parser, place->name, error)) == NODE_START)
    {
      const CopStateRow *row = cop_state_table_find (table, node_name (parser));

      if (row == NULL)
        {
          g_autofree char *name = quoted (node_name (parser));

          if (place->version > table->version)
            FAIL (parser, error, COP_STATE_ERROR, COP_STATE_ERROR_UNKNOWN,
                  "%s: unknown member '%s'; the document is of version %u, this program knows "
                  "up to %u: use a newer one",
                  place->name, name, place->version, table->version);
          else
            FAIL (parser, error, COP_STATE_ERROR, COP_STATE_ERROR_UNKNOWN,
                  "%s: unknown member '%s'", place->name, name);
          return false;
        }
      if (seen[row - table->rows])
        {
          FAIL (parser, error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX, "%s: %s stands there twice",
                place->name, row->name);
          return false;
        }
      seen[row - table->rows] = true;
      if (row->kind == COP_STATE_STRUCT ? !parse_structs (parser, place, row, data, error)
                                        : !parse_values (parser, place, row, data, error))
        return false;
    }
  if (node == NODE_FAILED)
    return false;

  if (place->version > table->version)
    {
      FAIL (parser, error, COP_STATE_ERROR, COP_STATE_ERROR_UNKNOWN,
            "%s: of version %u, but this program knows up to %u: use a newer one", place->name,
            place->version, table->version);
      return false;
    }
  for (uint32_t i = 0; i < table->n_rows; i++)
    if (!seen[i] && table->rows[i].since <= place->version)
      {
        FAIL (parser, error, COP_STATE_ERROR, COP_STATE_ERROR_MISSING, "%s: %s is missing",
              place->name, table->rows[i].name);
        return false;
      }
  return true;
}

static bool
parse_section (Parser *parser, CopMachineState *state, GHashTable *seen, GError **error)
{
  static const char *const attributes[] = { "id", "type", "version", NULL };
  g_auto (GStrv) values = g_new0 (char *, G_N_ELEMENTS (attributes));
  g_autofree char *id = NULL;
  g_autofree char *type = NULL;
  g_autofree char *name = NULL;
  g_autoptr (GError) wrong = NULL;
  const CopStateSection *section;
  Place place;

  if (strcmp (node_name (parser), "section") != 0)
    {
      g_autofree char *element = quoted (node_name (parser));

      FAIL (parser, error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX, "unexpected <%s> in <" DOCUMENT ">",
            element);
      return false;
    }
  if (!take_attributes (parser, attributes, values, error))
    return false;

  id = quoted (values[0]);
  type = quoted (values[1]);
  name = g_strdup_printf ("section '%s'", id);
  section = cop_machine_state_find (state, values[0]);
  if (section == NULL)
    {
      FAIL (parser, error, COP_STATE_ERROR, COP_STATE_ERROR_MISMATCH,
            "%s: this machine has nothing of that name; start it with the devices and harts that "
            "the saved one had",
            name);
      return false;
    }
  if (strcmp (section->table->name, values[1]) != 0)
    {
      FAIL (parser, error, COP_STATE_ERROR, COP_STATE_ERROR_MISMATCH,
            "%s: of type '%s', but this machine's is of type '%s'", name, type,
            section->table->name);
      return false;
    }
  if (!g_hash_table_add (seen, (gpointer)section))
    {
      FAIL (parser, error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX, "%s stands there twice", name);
      return false;
    }

  place = (Place){ .name = name, .table = section->table };
  if (!parse_version (parser, values[2], name, &place.version, error) ||
      !parse_members (parser, &place, section->data, error))
    return false;

  if (!cop_state_check (section->table, section->data, &wrong))
    {
      FAIL (parser, error, wrong->domain, wrong->code, "%s: %s", name, wrong->message);
      return false;
    }
  return true;
}

static bool
parse_root (Parser *parser, GError **error)
{
  static const char *const attributes[] = { "version", NULL };
  g_autofree char *version = NULL;
  unsigned number;
  Node node = next_node (parser, error);

  if (node == NODE_FAILED)
    return false;
  if (node != NODE_START)
    {
      fail_not_xml (parser, error);
      return false;
    }
  if (strcmp (node_name (parser), DOCUMENT) != 0)
    {
      g_autofree char *name = quoted (node_name (parser));

      FAIL (parser, error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX,
            "this is a <%s> document, not a <" DOCUMENT ">", name);
      return false;
    }
  if (!take_attributes (parser, attributes, &version, error) ||
      !parse_version (parser, version, DOCUMENT, &number, error))
    return false;
  if (number > DOCUMENT_VERSION)
    {
      FAIL (parser, error, COP_STATE_ERROR, COP_STATE_ERROR_UNKNOWN,
            DOCUMENT " of version %u, but this program knows up to %d: use a newer one", number,
            DOCUMENT_VERSION);
      return false;
    }
  return true;
}

static bool
parse_document (Parser *parser, CopMachineState *state, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  Node node;

  if (!parse_root (parser, error))
    return false;

  while ((node = next_child (parser, "<" DOCUMENT ">", error)) == NODE_START)
    if (!parse_section (parser, state, seen, error))
      return false;
  if (node == NODE_FAILED)
    return false;

  for (guint i = 0; i < state->sections->len; i++)
    {
      const CopStateSection *section = state->sections->pdata[i];

      if (g_hash_table_contains (seen, section) || section->table->may_lack)
        continue;
      FAIL (parser, error, COP_STATE_ERROR, COP_STATE_ERROR_MISMATCH,
            "section '%s' is missing; start the machine with the devices and harts that the "
            "saved one had",
            section->id);
      return false;
    }

  /* The library complains itself about anything but comments after the end. */
  return next_node (parser, error) == NODE_EOF;
}

CopMachineState *
cop_xml_state_parse (const CopMachineState *expected, const char *text, gsize length,
                     const char *label, GError **error)
{
  g_autoptr (CopMachineState) state = NULL;
  g_autoptr (xmlTextReader) reader = NULL;
  Parser parser = { .label = label };
  bool good;

  if (length > COP_XML_STATE_MAX)
    {
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_TOO_LARGE,
                   "%s: %" G_GSIZE_FORMAT " bytes are too many for the state of a machine; the "
                   "limit is %u",
                   label, length, COP_XML_STATE_MAX);
      return NULL;
    }
  if (length == 0)
    {
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX, "%s: the file is empty", label);
      return NULL;
    }

  state = cop_machine_state_new ();
  for (guint i = 0; i < expected->sections->len; i++)
    {
      const CopStateSection *section = expected->sections->pdata[i];

      cop_machine_state_add (state, section->id, section->table, section->data);
    }

  reader = xmlReaderForMemory (text, (int)length, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOCDATA);
  if (reader == NULL)
    {
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX, "%s: cannot be read as XML", label);
      return NULL;
    }
  parser.reader = reader;
  xmlTextReaderSetStructuredErrorHandler (reader, library_complains, &parser);
  good = parse_document (&parser, state, error);
  g_free (parser.complaint);
  return good ? g_steal_pointer (&state) : NULL;
}
