/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domain XML: what documents become, what is wrong with others, and that what is written is read
 * as the same. Documents called live-NAME keep what is live, those called strict-NAME are read
 * under strict validation.
 */
#include "random-config.h"
#include "xml-golden.h"

#include "xml/domain-device.h"

#include <string.h>

static unsigned
parse_flags (const XmlGolden *golden)
{
  return g_str_has_prefix (golden->name, "live-")     ? COP_DOMAIN_PARSE_LIVE
         : g_str_has_prefix (golden->name, "strict-") ? COP_DOMAIN_PARSE_VALIDATE
                                                      : COP_DOMAIN_PARSE_DEFAULT;
}

static char *
lines (GPtrArray *notes)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < notes->len; i++)
    g_string_append_printf (text, "%s\n", (char *) notes->pdata[i]);
  return g_string_free (text, FALSE);
}

static void
assert_stable (const CopDomainConfig *config, unsigned flags)
{
  g_autofree char *text = cop_domain_config_format (config, COP_DOMAIN_FORMAT_DEFAULT);
  g_autoptr (GError) error = NULL;
  g_autoptr (CopDomainConfig) again =
    cop_domain_config_parse (text, strlen (text), "again", flags, NULL, &error);
  g_autofree char *text_again = NULL;

  g_assert_no_error (error);
  text_again = cop_domain_config_format (again, COP_DOMAIN_FORMAT_DEFAULT);
  g_assert_cmpstr (text, ==, text_again);
  g_assert_true (cop_domain_config_equal (config, again));
}

static void
test_golden (gconstpointer data)
{
  const XmlGolden *golden = data;
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (CopDomainConfig) config = cop_domain_config_parse (
    golden->text, golden->length, golden->label, parse_flags (golden), notes, &error);
  g_autofree char *noted = notes->len > 0 ? lines (notes) : NULL;
  g_autofree char *out = NULL;
  g_autofree char *message = NULL;

  if (config == NULL)
    {
      g_assert_error (error, COP_XML_ERROR, error->code);
      message = g_strdup_printf ("%s\n", error->message);
      xml_golden_compare (golden, "err", message);
      return;
    }
  g_assert_no_error (error);
  xml_golden_compare (golden, "err", NULL);
  xml_golden_compare (golden, "notes", noted);
  out = cop_domain_config_format (config, COP_DOMAIN_FORMAT_DEFAULT);
  xml_golden_compare (golden, "out.xml", out);
  assert_stable (config, parse_flags (golden) & COP_DOMAIN_PARSE_LIVE);
}

static void
test_random (void)
{
  g_test_summary ("What is written of any configuration is read as the same one");
  for (unsigned i = 0; i < 500; i++)
    {
      g_autoptr (CopDomainConfig) config = random_domain_config ();
      g_autoptr (CopDomainConfig) copy = cop_domain_config_copy (config);
      g_autofree char *text = cop_domain_config_format (config, COP_DOMAIN_FORMAT_DEFAULT);
      g_autoptr (GError) error = NULL;
      g_autoptr (CopDomainConfig) again = random_domain_read (text, &error);
      g_autofree char *text_again = NULL;

      g_assert_no_error (error);
      g_assert_true (cop_domain_config_equal (config, copy));
      text_again = cop_domain_config_format (again, COP_DOMAIN_FORMAT_DEFAULT);
      g_assert_cmpstr (text, ==, text_again);
      g_assert_true (cop_domain_config_equal (config, again));
    }
}

static void
test_random_defaults (void)
{
  g_test_summary ("Filling in defaults makes a good configuration, and twice is as once");
  for (unsigned i = 0; i < 500; i++)
    {
      g_autoptr (CopDomainConfig) config = random_domain_config_valid ();
      g_autoptr (CopDomainConfig) once = NULL;
      g_autoptr (GError) error = NULL;

      cop_domain_config_set_defaults (config, NULL);
      once = cop_domain_config_copy (config);
      cop_domain_config_set_defaults (config, NULL);
      g_assert_true (cop_domain_config_equal (config, once));
      cop_domain_config_validate (config, &error);
      g_assert_no_error (error);
      assert_stable (config, COP_DOMAIN_PARSE_LIVE);
    }
}

static void
test_equal_sees_all (void)
{
  g_test_summary ("Two random configurations differ, and diff says where");
  for (unsigned i = 0; i < 200; i++)
    {
      g_autoptr (CopDomainConfig) one = random_domain_config ();
      g_autoptr (CopDomainConfig) other = random_domain_config ();
      g_autoptr (GPtrArray) none = cop_domain_config_diff (one, one);
      g_autoptr (GPtrArray) some = cop_domain_config_diff (one, other);

      g_assert_cmpuint (none->len, ==, 0);
      g_assert_cmpuint (some->len, >, 0);
      g_assert_false (cop_domain_config_equal (one, other));
    }
}

static char *
repeat (const char *head, const char *middle, unsigned times, const char *tail)
{
  GString *text = g_string_new (head);

  for (unsigned i = 0; i < times; i++)
    g_string_append (text, middle);
  g_string_append (text, tail);
  return g_string_free (text, FALSE);
}

static void
assert_refused (const char *text, gsize length, int code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CopDomainConfig) config =
    cop_domain_config_parse (text, length, NULL, COP_DOMAIN_PARSE_DEFAULT, NULL, &error);

  g_assert_null (config);
  g_assert_error (error, COP_XML_ERROR, code);
}

static void
test_bounds (void)
{
  g_autofree char *large = repeat ("<domain>", "<a/>", COP_DOMAIN_XML_MAX / 4, "</domain>");
  g_autofree char *deep = repeat ("", "<domain>", 300, "");
  g_autofree char *wide = repeat ("<domain ", "a='b' ", 1000, "/>");
  g_autofree char *spaces = repeat ("<domain>", "<a xmlns:a='urn:a'/>", 1000, "</domain>");
  static const char with_nul[] = "<domain>\0</domain>";

  g_test_summary ("Size, depth and what libxml2 is slow at are bounded");
  assert_refused (large, strlen (large), COP_XML_ERROR_TOO_LARGE);
  assert_refused (deep, strlen (deep), COP_XML_ERROR_SYNTAX);
  assert_refused (wide, strlen (wide), COP_XML_ERROR_TOO_LARGE);
  assert_refused (spaces, strlen (spaces), COP_XML_ERROR_TOO_LARGE);
  assert_refused (with_nul, sizeof with_nul - 1, COP_XML_ERROR_SYNTAX);
  assert_refused ("", 0, COP_XML_ERROR_SYNTAX);
  assert_refused ("\xff\xfe<", 3, COP_XML_ERROR_SYNTAX);
}

static void
test_much (void)
{
  static const char head[] = "<domain type='coppice'><name>a</name><memory>65536</memory><os>"
                             "<type>hvm</type></os><devices><interface type='ethernet'>";
  static const char tail[] = "</interface></devices></domain>";
  g_autofree char *junk = repeat (head, "<a/>", 120000, "");
  g_autofree char *text = repeat (junk, "<portForward/>", 30000, tail);
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (CopDomainConfig) config =
    cop_domain_config_parse (text, strlen (text), NULL, COP_DOMAIN_PARSE_DEFAULT, notes, &error);

  g_test_summary ("What is dropped costs no more than its size, and is not told for ever");
  g_assert_no_error (error);
  g_assert_cmpuint (notes->len, >, 10);
  g_assert_cmpuint (notes->len, <=, 100);
}

static void
test_no_entities (void)
{
  static const char *const documents[] = {
    "<!DOCTYPE domain><domain/>",
    "<!DOCTYPE domain [<!ENTITY a 'b'>]><domain>&a;</domain>",
    "<!DOCTYPE domain SYSTEM 'file:///etc/passwd'><domain/>",
    "<!DOCTYPE domain [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><domain><name>&a;</name></domain>",
    "<domain><name>&a;</name></domain>",
  };

  g_test_summary ("There is no DTD, no entity, and no other file is read");
  for (unsigned i = 0; i < G_N_ELEMENTS (documents); i++)
    assert_refused (documents[i], strlen (documents[i]), COP_XML_ERROR_SYNTAX);
}

static void
test_validate_program (void)
{
  g_autoptr (CopDomainConfig) config = cop_domain_config_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A configuration that a program made is checked like a document");
  config->name = g_strdup ("a/b");
  config->memory = 64 << 20;
  cop_domain_config_set_defaults (config, NULL);
  g_assert_false (cop_domain_config_validate (config, &error));
  g_assert_cmpstr (error->message, ==, "name: 'a/b' cannot stand here; an example is 'web'");
  g_clear_error (&error);

  g_free (config->name);
  config->name = g_strdup ("a\x01");
  g_assert_false (cop_domain_config_validate (config, NULL));

  g_free (config->name);
  config->name = g_strdup ("a");
  cop_domain_config_validate (config, &error);
  g_assert_no_error (error);

  config->vcpus = 100000;
  g_assert_false (cop_domain_config_validate (config, NULL));
}

static void
test_live (void)
{
  static const char text[] =
    "<domain type='coppice' id='3'><name>a</name><memory>65536</memory>"
    "<os><type>hvm</type></os><devices>"
    "<interface type='ethernet'><target dev='vnet0'/><alias name='net0'/></interface>"
    "<interface type='ethernet'><target dev='mine'/><alias name='ua-net'/></interface>"
    "<console type='pty' tty='/dev/pts/1'><source path='/dev/pts/1'/></console>"
    "</devices></domain>";
  g_autoptr (CopDomainConfig) live =
    cop_domain_config_parse (text, strlen (text), NULL, COP_DOMAIN_PARSE_LIVE, NULL, NULL);
  g_autoptr (CopDomainConfig) defined =
    cop_domain_config_parse (text, strlen (text), NULL, COP_DOMAIN_PARSE_DEFAULT, NULL, NULL);
  g_autoptr (CopDomainConfig) cleared = cop_domain_config_copy (live);
  g_autofree char *live_inactive = cop_domain_config_format (live, COP_DOMAIN_FORMAT_INACTIVE);
  g_autofree char *cleared_text = NULL;
  const CopDomainInterface *first, *second;

  g_test_summary ("What is of a running domain stays out of its definition");
  g_assert_cmpuint (live->id, ==, 3);
  g_assert_cmpuint (defined->id, ==, 0);
  first = live->interfaces->pdata[0];
  g_assert_cmpstr (first->target, ==, "vnet0");
  g_assert_cmpstr (((CopDomainChardev *) live->consoles->pdata[0])->tty, ==, "/dev/pts/1");
  g_assert_cmpstr (((CopDomainChardev *) live->serials->pdata[0])->source.path, ==, "/dev/pts/1");

  first = defined->interfaces->pdata[0];
  second = defined->interfaces->pdata[1];
  g_assert_null (first->target);
  g_assert_null (first->alias);
  g_assert_cmpstr (second->target, ==, "mine");
  g_assert_cmpstr (second->alias, ==, "ua-net");

  cop_domain_config_clear_live (cleared);
  g_assert_null (((CopDomainChardev *) cleared->consoles->pdata[0])->tty);
  cleared_text = cop_domain_config_format (cleared, COP_DOMAIN_FORMAT_DEFAULT);
  g_assert_cmpstr (cleared_text, ==, live_inactive);
}

static void
test_generated (void)
{
  static const char text[] = "<domain type='coppice'><name>a</name><genid/>"
                             "<memory>65536</memory><os><type>hvm</type></os>"
                             "<devices><interface type='user'/></devices></domain>";
  g_autoptr (CopDomainConfig) one =
    cop_domain_config_parse (text, strlen (text), NULL, COP_DOMAIN_PARSE_DEFAULT, NULL, NULL);
  g_autoptr (CopDomainConfig) other =
    cop_domain_config_parse (text, strlen (text), NULL, COP_DOMAIN_PARSE_DEFAULT, NULL, NULL);
  const CopDomainInterface *interface = one->interfaces->pdata[0];

  g_test_summary ("UUID, generation ID and MAC address are chosen, each time anew");
  g_assert_false (cop_uuid_is_null (one->uuid));
  g_assert_false (cop_uuid_is_null (one->genid));
  g_assert_cmpmem (interface->mac, 3, "\x52\x54\x00", 3);
  g_assert_cmpint (memcmp (one->uuid, other->uuid, 16), !=, 0);
  g_assert_cmpint (memcmp (one->genid, other->genid, 16), !=, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  xml_golden_add ("domain", test_golden);
  g_test_add_func ("/xml/domain-config/random", test_random);
  g_test_add_func ("/xml/domain-config/random-defaults", test_random_defaults);
  g_test_add_func ("/xml/domain-config/equal", test_equal_sees_all);
  g_test_add_func ("/xml/domain-config/bounds", test_bounds);
  g_test_add_func ("/xml/domain-config/much", test_much);
  g_test_add_func ("/xml/domain-config/no-entities", test_no_entities);
  g_test_add_func ("/xml/domain-config/validate", test_validate_program);
  g_test_add_func ("/xml/domain-config/live", test_live);
  g_test_add_func ("/xml/domain-config/generated", test_generated);
  return g_test_run ();
}
