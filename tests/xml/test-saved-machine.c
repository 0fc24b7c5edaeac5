/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The document of a saved machine: what is written is read again, and nothing else is taken.
 */
#include "xml/saved-machine.h"

#include <string.h>

#define BODY                                                                                       \
  "<running>true</running><memory file='m' size='4096' checksum='c'><pages>0</pages></memory>"     \
  "<domain>d</domain><machinestate>s</machinestate>"

static void
test_round_trip (void)
{
  CopSavedMachine saved = {
    .running = true,
    .memory = (char *) "it's & <m>.memory",
    .memory_size = 1ull << 40,
    .checksum = (char *) "xxh3-64:0123456789abcdef",
    .pages = (char *) "0-1ff 400",
    .domain = (char *) "<domain type=\"coppice\">\n  <name>a &amp; b</name>\n</domain>\n",
    .state = (char *) "<machinestate version=\"1\"/>\n",
  };
  g_autofree char *text = cop_saved_machine_format (&saved);
  g_autoptr (GError) error = NULL;
  g_autoptr (CopSavedMachine) again = cop_saved_machine_parse (text, strlen (text), "x", &error);

  g_test_summary ("all members survive, the documents inside byte for byte");
  g_assert_no_error (error);
  g_assert_true (again->running);
  g_assert_cmpstr (again->memory, ==, saved.memory);
  g_assert_cmpuint (again->memory_size, ==, saved.memory_size);
  g_assert_cmpstr (again->checksum, ==, saved.checksum);
  g_assert_cmpstr (again->pages, ==, saved.pages);
  g_assert_true (g_str_has_prefix (saved.domain, again->domain));
  g_assert_true (g_str_has_prefix (saved.state, again->state));
}

static void
test_refused (void)
{
  static const struct
  {
    const char *text;
    CopXmlError code;
  } rows[] = {
    { "", COP_XML_ERROR_SYNTAX },
    { "<domain/>", COP_XML_ERROR_SYNTAX },
    { "<savedmachine version='1'>", COP_XML_ERROR_SYNTAX },
    { "<!DOCTYPE savedmachine><savedmachine version='1'>" BODY "</savedmachine>",
      COP_XML_ERROR_SYNTAX },
    { "<!DOCTYPE savedmachine [<!ENTITY a 'b'>]><savedmachine version='1'>&a;</savedmachine>",
      COP_XML_ERROR_SYNTAX },
    { "<savedmachine>" BODY "</savedmachine>", COP_XML_ERROR_UNSUPPORTED },
    { "<savedmachine version='2'>" BODY "</savedmachine>", COP_XML_ERROR_UNSUPPORTED },
    { "<savedmachine version='1'/>", COP_XML_ERROR_MISSING },
    { "<savedmachine version='1'><running>maybe</running><memory file='m' size='1' checksum='c'>"
      "<pages/></memory><domain/><machinestate/></savedmachine>",
      COP_XML_ERROR_VALUE },
    { "<savedmachine version='1'><running>true</running><memory file='../m' size='1' checksum='c'>"
      "<pages/></memory><domain/><machinestate/></savedmachine>",
      COP_XML_ERROR_VALUE },
    { "<savedmachine version='1'><running>true</running><memory file='m' size='-1' checksum='c'>"
      "<pages/></memory><domain/><machinestate/></savedmachine>",
      COP_XML_ERROR_VALUE },
  };

  g_test_summary ("cut, foreign, newer and hostile documents are refused, each for its reason");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", rows[i].text);
      g_assert_null (
        cop_saved_machine_parse (rows[i].text, strlen (rows[i].text), "file", &error));
      g_assert_error (error, COP_XML_ERROR, (int) rows[i].code);
      g_assert_true (g_str_has_prefix (error->message, "file: "));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/xml/saved-machine/round-trip", test_round_trip);
  g_test_add_func ("/xml/saved-machine/refused", test_refused);
  return g_test_run ();
}
