/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The schema says what the parser says, and docs/domain-xml.md is of today.
 *
 * Documents called span-NAME are wrong in what a schema cannot say: numbers of items, sizes in
 * units, and what spans members.
 */
#include "random-config.h"
#include "xml-golden.h"

#include <libxml/relaxng.h>
#include <string.h>

static xmlRelaxNGPtr schema;

static void
ignore (G_GNUC_UNUSED void *data, G_GNUC_UNUSED const char *format, ...)
{
}

static bool
schema_accepts (const char *text, gsize length)
{
  xmlDocPtr document =
    xmlReadMemory (text, length, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
  xmlRelaxNGValidCtxtPtr context;
  bool good;

  if (document == NULL)
    return false;
  context = xmlRelaxNGNewValidCtxt (schema);
  xmlRelaxNGSetValidErrors (context, ignore, ignore, NULL);
  good = xmlRelaxNGValidateDoc (context, document) == 0;
  xmlRelaxNGFreeValidCtxt (context);
  xmlFreeDoc (document);
  return good;
}

static bool
is_document (const XmlGolden *golden)
{
  g_autofree char *head = g_strndup (golden->text, MIN (golden->length, 200));

  return strstr (head, "<!DOCTYPE") == NULL;
}

static void
test_golden (gconstpointer data)
{
  const XmlGolden *golden = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (CopDomainConfig) config =
    cop_domain_config_parse (golden->text, golden->length, golden->label,
                             COP_DOMAIN_PARSE_VALIDATE | COP_DOMAIN_PARSE_LIVE, NULL, &error);

  if (!is_document (golden))
    return;
  if (g_str_has_prefix (golden->name, "span-"))
    return;
  if (schema_accepts (golden->text, golden->length) != (config != NULL))
    g_error ("%s: parser and schema do not agree; the parser says: %s", golden->name,
             error != NULL ? error->message : "good");
}

static void
test_random (void)
{
  g_test_summary ("The schema accepts whatever is written");
  for (unsigned i = 0; i < 200; i++)
    {
      g_autoptr (CopDomainConfig) config =
        i % 2 == 0 ? random_domain_config () : random_domain_config_valid ();
      g_autofree char *text = NULL;

      if (i % 4 == 1)
        cop_domain_config_set_defaults (config, NULL);
      text = cop_domain_config_format (config, COP_DOMAIN_FORMAT_DEFAULT);
      if (!schema_accepts (text, strlen (text)))
        g_error ("the schema refuses:\n%s", text);
    }
}

/* Changes one byte of markup at random: both sides have to agree on what comes of it, but for what
   a schema cannot say, which the parser says after rows and schema are content. */
static void
test_damaged (void)
{
  g_test_summary ("Parser and schema agree on documents with an element or attribute renamed");
  for (unsigned i = 0; i < 400; i++)
    {
      g_autoptr (CopDomainConfig) config = random_domain_config_valid ();
      g_autofree char *text = cop_domain_config_format (config, COP_DOMAIN_FORMAT_DEFAULT);
      gsize at = g_test_rand_int_range (0, strlen (text));
      g_autoptr (CopDomainConfig) read = NULL;
      g_autoptr (GError) error = NULL;
      bool accepted;

      while (!g_ascii_islower (text[at]))
        at = (at + 1) % strlen (text);
      text[at] = 'z';
      accepted = schema_accepts (text, strlen (text));
      read = cop_domain_config_parse (
        text, strlen (text), NULL, COP_DOMAIN_PARSE_VALIDATE | COP_DOMAIN_PARSE_LIVE, NULL, &error);
      if (accepted == (read != NULL) || (accepted && strstr (error->message, "XML: ") != NULL))
        continue;
      g_error ("schema: %d, parser: %s\n%s", accepted, error != NULL ? error->message : "good",
               text);
    }
}

static void
test_reference (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "../../docs/domain-xml.md", NULL);
  g_autofree char *page = cop_domain_reference ();
  g_autofree char *written = NULL;

  g_test_summary ("docs/domain-xml.md is what build/xml/cop-xml-docs reference writes");
  if (g_getenv ("COPPICE_WRITE_GOLDEN") != NULL)
    g_assert_true (g_file_set_contents (path, page, -1, NULL));
  g_assert_true (g_file_get_contents (path, &written, NULL, NULL));
  g_assert_cmpstr (page, ==, written);
}

int
main (int argc, char **argv)
{
  g_autofree char *text = cop_domain_schema ();
  xmlRelaxNGParserCtxtPtr context = xmlRelaxNGNewMemParserCtxt (text, strlen (text));
  int result;

  g_test_init (&argc, &argv, NULL);
  schema = xmlRelaxNGParse (context);
  g_assert_nonnull (schema);
  xmlRelaxNGFreeParserCtxt (context);
  xml_golden_add ("domain", test_golden);
  g_test_add_func ("/xml/domain-schema/random", test_random);
  g_test_add_func ("/xml/domain-schema/damaged", test_damaged);
  g_test_add_func ("/xml/domain-schema/reference", test_reference);
  result = g_test_run ();
  xmlRelaxNGFree (schema);
  xmlCleanupParser ();
  return result;
}
