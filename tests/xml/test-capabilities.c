/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Capabilities: what they say, and that libvirt's own schemas accept them where those are
 * installed.
 */
#include "xml/capabilities.h"

#include <libxml/relaxng.h>
#include <string.h>

#define SCHEMAS "/usr/share/libvirt/schemas"

static const uint8_t uuid[16] = { 0x8b, 0x3e, 0x5a, 0x0c };
static const CopHostInfo host = {
  .uuid = uuid,
  .arch = "aarch64",
  .emulator = "/usr/lib/a&b/coppice-vm",
  .memory = UINT64_C (8) << 30,
  .cpus = 2,
  .sockets = 1,
  .cores = 2,
  .threads = 1,
};

static void
compare (const char *name, const char *actual)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "capabilities", name, NULL);
  g_autofree char *expected = NULL;

  if (g_getenv ("COPPICE_WRITE_GOLDEN") != NULL)
    g_assert_true (g_file_set_contents (path, actual, -1, NULL));
  g_assert_true (g_file_get_contents (path, &expected, NULL, NULL));
  g_assert_cmpstr (actual, ==, expected);
}

/* libvirt's schemas name the hypervisors that libvirt has, so ours goes by another name there. */
static void
assert_schema (const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (SCHEMAS, name, NULL);
  g_auto (GStrv) parts = g_strsplit (text, "coppice'", -1);
  g_autofree char *renamed = g_strjoinv ("test'", parts);
  xmlRelaxNGParserCtxtPtr parser;
  xmlRelaxNGValidCtxtPtr context;
  xmlRelaxNGPtr schema;
  xmlDocPtr document;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_test_skip ("libvirt's schemas are not installed");
      return;
    }
  parser = xmlRelaxNGNewParserCtxt (path);
  schema = xmlRelaxNGParse (parser);
  g_assert_nonnull (schema);
  context = xmlRelaxNGNewValidCtxt (schema);
  document = xmlReadMemory (renamed, strlen (renamed), NULL, NULL, XML_PARSE_NONET);
  g_assert_cmpint (xmlRelaxNGValidateDoc (context, document), ==, 0);
  xmlFreeDoc (document);
  xmlRelaxNGFreeValidCtxt (context);
  xmlRelaxNGFree (schema);
  xmlRelaxNGFreeParserCtxt (parser);
}

static void
test_host (void)
{
  g_autofree char *text = cop_capabilities_format (&host);

  compare ("host.xml", text);
  assert_schema ("capability.rng", text);
}

static void
test_domain (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = cop_domain_capabilities_format (&host, NULL, NULL, NULL, NULL, &error);
  g_autofree char *same =
    cop_domain_capabilities_format (&host, host.emulator, "riscv64", "virt", "coppice", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, same);
  compare ("domain.xml", text);
  assert_schema ("domaincaps.rng", text);
}

static void
test_others (void)
{
  static const struct
  {
    const char *emulator, *arch, *machine, *type, *message;
  } rows[] = {
    { .emulator = "/usr/bin/qemu",
      .message = "emulator '/usr/bin/qemu' is not supported; there is /usr/lib/a&b/coppice-vm" },
    { .arch = "x86_64", .message = "architecture 'x86_64' is not supported; there is riscv64" },
    { .machine = "pc", .message = "machine 'pc' is not supported; there is virt" },
    { .type = "kvm", .message = "domain type 'kvm' is not supported; there is coppice, qemu" },
  };

  g_test_summary ("What there is not is an error that says what there is");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (cop_domain_capabilities_format (&host, rows[i].emulator, rows[i].arch,
                                                     rows[i].machine, rows[i].type, &error));
      g_assert_error (error, COP_XML_ERROR, COP_XML_ERROR_UNSUPPORTED);
      g_assert_cmpstr (error->message, ==, rows[i].message);
    }
}

/* What is promised must be possible: each CPU model is put into a domain and read. */
static void
test_honest (void)
{
  g_autofree char *text = cop_domain_capabilities_format (&host, NULL, NULL, NULL, NULL, NULL);
  unsigned models = 0;

  g_test_summary ("Every CPU model that is offered can be had");
  for (const CopCpuModel *model = cop_cpu_models; model->name != NULL; model++)
    {
      g_autofree char *wanted =
        g_strdup_printf ("<model usable='yes' vendor='unknown'>%s</model>", model->name);
      g_autofree char *domain =
        g_strdup_printf ("<domain type='coppice'><name>a</name><memory>65536</memory><os>"
                         "<type>hvm</type></os><cpu><model>%s</model></cpu></domain>",
                         model->name);
      g_autoptr (CopDomainConfig) config = cop_domain_config_parse (
        domain, strlen (domain), NULL, COP_DOMAIN_PARSE_VALIDATE, NULL, NULL);

      g_assert_nonnull (strstr (text, wanted));
      g_assert_nonnull (config);
      models++;
    }
  g_assert_cmpuint (models, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/xml/capabilities/host", test_host);
  g_test_add_func ("/xml/capabilities/domain", test_domain);
  g_test_add_func ("/xml/capabilities/others", test_others);
  g_test_add_func ("/xml/capabilities/honest", test_honest);
  return g_test_run ();
}
