/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Devices on their own, finding and changing them, metadata, and what a change means.
 */
#include "xml/domain-device.h"

#include <string.h>

#define DOMAIN                                                                                     \
  "<domain type='coppice' id='1'><name>a</name>"                                                   \
  "<uuid>8b3e5a0c-1f4d-4c9e-9d3a-6f2b7c1e0d55</uuid>"                                              \
  "<memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>"                               \
  "<disk type='file'><source file='/a.img'/><target dev='vda'/></disk>"                            \
  "<disk type='block'><source dev='/dev/b'/><target dev='vdc'/><alias name='ua-b'/></disk>"        \
  "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>"                          \
  "<interface type='ethernet'><mac address='52:54:00:00:00:02'/><target dev='vnet4'/></interface>" \
  "<console type='pty'/><console type='null'/>"                                                    \
  "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"           \
  "<rng model='virtio'><backend model='random'/></rng>"                                            \
  "</devices></domain>"

static CopDomainConfig *
domain (void)
{
  g_autoptr (GError) error = NULL;
  CopDomainConfig *config =
    cop_domain_config_parse (DOMAIN, strlen (DOMAIN), NULL, COP_DOMAIN_PARSE_LIVE, NULL, &error);

  g_assert_no_error (error);
  cop_domain_config_assign_aliases (config);
  return config;
}

static CopDomainDevice *
device (const char *xml)
{
  g_autoptr (GError) error = NULL;
  CopDomainDevice *parsed =
    cop_domain_device_parse (xml, strlen (xml), NULL, COP_DOMAIN_PARSE_DEFAULT, NULL, &error);

  g_assert_no_error (error);
  return parsed;
}

static void
test_aliases (void)
{
  static const struct
  {
    const char *alias;
    CopDeviceKind kind;
    guint index;
  } rows[] = {
    { "virtio-disk0", COP_DEVICE_DISK, 0 },
    { "ua-b", COP_DEVICE_DISK, 1 },
    { "virtio-serial0", COP_DEVICE_CONTROLLER, 0 },
    { "net0", COP_DEVICE_INTERFACE, 0 },
    { "net1", COP_DEVICE_INTERFACE, 1 },
    { "serial0", COP_DEVICE_SERIAL, 0 },
    { "console1", COP_DEVICE_CONSOLE, 1 },
    { "channel0", COP_DEVICE_CHANNEL, 0 },
    { "rng0", COP_DEVICE_RNG, 0 },
  };
  g_autoptr (CopDomainConfig) config = domain ();
  CopDeviceKind kind;
  guint index;

  g_test_summary ("Devices have libvirt's aliases and are found by them");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_assert_nonnull (cop_domain_config_find_alias (config, rows[i].alias, &kind, &index));
      g_assert_cmpint (kind, ==, rows[i].kind);
      g_assert_cmpuint (index, ==, rows[i].index);
    }
  g_assert_null (cop_domain_config_find_alias (config, "virtio-disk1", NULL, NULL));
}

static void
test_find (void)
{
  g_autoptr (CopDomainConfig) config = domain ();
  CopDeviceKind kind;
  guint index;

  g_test_summary ("Disks, interfaces and consoles are found as virsh names them");
  g_assert_nonnull (cop_domain_config_find_disk (config, "vdc", &index));
  g_assert_cmpuint (index, ==, 1);
  g_assert_nonnull (cop_domain_config_find_disk (config, "/a.img", &index));
  g_assert_cmpuint (index, ==, 0);
  g_assert_null (cop_domain_config_find_disk (config, "vdb", NULL));
  g_assert_nonnull (cop_domain_config_find_interface (config, "vnet4", &index));
  g_assert_cmpuint (index, ==, 1);
  g_assert_nonnull (cop_domain_config_find_interface (config, "52:54:00:00:00:01", &index));
  g_assert_cmpuint (index, ==, 0);
  g_assert_true (cop_domain_config_find_chardev (config, NULL, &kind, &index) ==
                 config->consoles->pdata[0]);
  g_assert_true (cop_domain_config_find_chardev (config, "org.qemu.guest_agent.0", &kind, NULL) ==
                 config->channels->pdata[0]);
  g_assert_cmpint (kind, ==, COP_DEVICE_CHANNEL);
  g_assert_null (cop_domain_config_find_chardev (config, "console9", NULL, NULL));
}

static void
test_device_documents (void)
{
  static const struct
  {
    const char *in, *out;
  } rows[] = {
    { "<disk type='file' device='disk'><source file='/x'/><target dev='vdb'/></disk>",
      "<disk type='file' device='disk'>\n  <driver type='raw'/>\n  <source file='/x'/>\n"
      "  <target dev='vdb' bus='virtio'/>\n</disk>\n" },
    { "<interface type='bridge'><mac address='52:54:00:00:00:09'/><source bridge='br0'/>"
      "</interface>",
      "<interface type='bridge'>\n  <mac address='52:54:00:00:00:09'/>\n"
      "  <source bridge='br0'/>\n  <model type='virtio'/>\n</interface>\n" },
    { "<rng model='virtio'><backend model='builtin'/></rng>",
      "<rng model='virtio'>\n  <backend model='builtin'/>\n</rng>\n" },
    { "<channel type='null'><target name='x'/></channel>",
      "<channel type='null'>\n  <target type='virtio' name='x'/>\n</channel>\n" },
    { "<serial type='null'/>", "<serial type='null'>\n  <target type='system-serial' port='0'>\n"
                               "    <model name='16550a'/>\n  </target>\n</serial>\n" },
    { "<console type='null'><target type='virtio'/></console>",
      "<console type='null'>\n  <target type='virtio' port='0'/>\n</console>\n" },
    { "<controller type='virtio-serial'/>", "<controller type='virtio-serial' index='0'/>\n" },
  };

  g_test_summary ("A device alone is read and written like one in a domain");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (CopDomainDevice) parsed = device (rows[i].in);
      g_autofree char *text = cop_domain_device_format (parsed, COP_DOMAIN_FORMAT_DEFAULT);

      g_assert_cmpstr (text, ==, rows[i].out);
    }
}

static void
test_bad_devices (void)
{
  static const struct
  {
    const char *in, *message;
  } rows[] = {
    { "<disk type='file'><target dev='vdb'/></disk>", "device XML:1: source/@file is missing" },
    { "<graphics type='vnc'/>",
      "device XML:1: this is a <graphics> document; wanted is <disk>, "
      "<controller>, <interface>, <serial>, <console>, <channel>, <memballoon>, <rng>" },
    { "<serial type='file'/>", "device XML: devices/serial/source/@path: is missing" },
    { "disk", "device XML:1: not well-formed XML: Start tag expected, '<' not found" },
  };

  g_test_summary ("What is wrong with a device is said as with a domain");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (cop_domain_device_parse (rows[i].in, strlen (rows[i].in), NULL,
                                              COP_DOMAIN_PARSE_DEFAULT, NULL, &error));
      g_assert_cmpstr (error->message, ==, rows[i].message);
    }
}

static void
test_link_state (void)
{
  g_autoptr (CopDomainConfig) config = domain ();
  g_autoptr (CopDomainDevice) down =
    device ("<interface type='ethernet'><mac address='52:54:00:00:00:02'/>"
            "<link state='down'/></interface>");
  g_autoptr (GPtrArray) changes = NULL;
  g_autoptr (GError) error = NULL;
  const CopDomainInterface *interface;
  const CopDomainChange *change;

  g_test_summary ("The link of a running domain changes, and it keeps its tap and alias");
  g_assert_true (cop_domain_config_update_device (config, down, true, &changes, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (changes->len, ==, 1);
  change = changes->pdata[0];
  g_assert_cmpstr (change->path, ==, "interface/link/@state");
  g_assert_cmpstr (change->after, ==, "down");
  g_assert_cmpint (change->kind, ==, COP_CHANGE_LIVE);
  interface = config->interfaces->pdata[1];
  g_assert_cmpint (interface->link, ==, COP_LINK_DOWN);
  g_assert_cmpstr (interface->target, ==, "vnet4");
  g_assert_cmpstr (interface->alias, ==, "net1");
}

static void
test_refused_updates (void)
{
  static const struct
  {
    const char *xml;
    int code;
  } rows[] = {
    { "<disk type='file'><source file='/new.img'/><target dev='vda'/></disk>",
      COP_XML_ERROR_UNSUPPORTED },
    { "<disk type='file'><source file='/a.img'/><target dev='vdd'/></disk>",
      COP_XML_ERROR_MISSING },
    { "<interface type='user'><mac address='52:54:00:00:00:77'/></interface>",
      COP_XML_ERROR_MISSING },
  };
  g_autoptr (CopDomainConfig) config = domain ();
  g_autoptr (CopDomainConfig) before = cop_domain_config_copy (config);

  g_test_summary ("What a running machine cannot follow is refused and changes nothing");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (CopDomainDevice) changed = device (rows[i].xml);
      g_autoptr (GError) error = NULL;

      g_assert_false (cop_domain_config_update_device (config, changed, true, NULL, &error));
      g_assert_error (error, COP_XML_ERROR, rows[i].code);
      g_assert_true (cop_domain_config_equal (config, before));
    }
}

static void
test_update_definition (void)
{
  g_autoptr (CopDomainConfig) config = domain ();
  g_autoptr (CopDomainDevice) changed =
    device ("<disk type='file'><source file='/new.img'/><target dev='vda'/></disk>");

  g_test_summary ("In a definition the same change is made");
  g_assert_true (cop_domain_config_update_device (config, changed, false, NULL, NULL));
  g_assert_cmpstr (((CopDomainDisk *) config->disks->pdata[0])->source, ==, "/new.img");
}

static void
test_compatible (void)
{
  g_autoptr (CopDomainConfig) saved = domain ();
  g_autoptr (CopDomainConfig) wanted = cop_domain_config_copy (saved);
  CopDomainDisk *disk = wanted->disks->pdata[0];
  g_autoptr (GError) error = NULL;

  g_test_summary ("A saved machine may find files elsewhere, but no other hardware");
  g_free (disk->source);
  disk->source = g_strdup ("/moved.img");
  cop_domain_config_clear_live (wanted);
  g_assert_true (cop_domain_config_check_compatible (saved, wanted, &error));
  g_assert_no_error (error);

  disk->readonly = true;
  g_assert_false (cop_domain_config_check_compatible (saved, wanted, &error));
  g_assert_cmpstr (
    error->message, ==,
    "devices/disk[1]/readonly: the guest has nothing and would find it set; leave it as it was");
  g_clear_error (&error);
  disk->readonly = false;
  wanted->memory *= 2;
  g_assert_false (cop_domain_config_check_compatible (saved, wanted, &error));
  g_assert_cmpstr (error->message, ==,
                   "memory: the guest has '65536' and would find '131072'; leave it as it was");
}

static void
test_diff_lists (void)
{
  g_autoptr (CopDomainConfig) before = domain ();
  g_autoptr (CopDomainConfig) after = cop_domain_config_copy (before);
  g_autoptr (GPtrArray) changes = NULL;
  const CopDomainChange *change;
  CopDomainDevice gone = { .kind = COP_DEVICE_RNG };

  g_test_summary ("A device that is gone is one change");
  gone.rng = g_ptr_array_remove_index (after->rngs, 0);
  changes = cop_domain_config_diff (before, after);
  g_assert_cmpuint (changes->len, ==, 1);
  change = changes->pdata[0];
  g_assert_cmpstr (change->path, ==, "devices/rng[1]");
  g_assert_nonnull (change->before);
  g_assert_null (change->after);
  cop_domain_device_free (g_memdup2 (&gone, sizeof gone));
}

static void
test_console_paths (void)
{
  g_autoptr (CopDomainConfig) config = domain ();
  CopDomainChardev *serial = config->serials->pdata[0];
  const CopDomainChardev *console = config->consoles->pdata[0];
  g_autofree char *text = NULL;

  g_test_summary ("A serial port's pseudo terminal is its console's too");
  serial->source.path = g_strdup ("/dev/pts/9");
  cop_domain_config_sync_consoles (config);
  g_assert_cmpstr (console->tty, ==, "/dev/pts/9");
  g_assert_cmpstr (console->alias, ==, "serial0");
  text = cop_domain_config_format (config, COP_DOMAIN_FORMAT_DEFAULT);
  g_assert_nonnull (strstr (text, "<console type='pty' tty='/dev/pts/9'>"));
}

static void
test_metadata (void)
{
  static const char set[] = "<b q='1'><c/><z:d xmlns:z='urn:z'>\xc3\xa9</z:d></b>";
  g_autoptr (CopDomainConfig) config = domain ();
  g_autoptr (CopDomainConfig) again = NULL;
  g_autofree char *got = NULL;
  g_autofree char *text = NULL;
  g_autofree char *got_again = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("Metadata is given back as it was set, and survives the document");
  g_assert_null (cop_domain_config_get_metadata (config, "urn:x"));
  g_assert_true (cop_domain_config_set_metadata (config, "urn:x", "a", set, &error));
  g_assert_no_error (error);
  got = cop_domain_config_get_metadata (config, "urn:x");
  g_assert_cmpstr (got, ==, "<b q=\"1\"><c/><z:d xmlns:z=\"urn:z\">\xc3\xa9</z:d></b>");

  text = cop_domain_config_format (config, COP_DOMAIN_FORMAT_DEFAULT);
  g_assert_nonnull (strstr (text, "<a:b xmlns:a=\"urn:x\" q=\"1\"><a:c/><z:d xmlns:z=\"urn:z\">"));
  again = cop_domain_config_parse (text, strlen (text), NULL, COP_DOMAIN_PARSE_LIVE, NULL, NULL);
  got_again = cop_domain_config_get_metadata (again, "urn:x");
  g_assert_cmpstr (got_again, ==, got);

  g_assert_true (cop_domain_config_set_metadata (config, "urn:x", NULL, "<e/>", &error));
  g_assert_cmpuint (config->metadata->len, ==, 1);
  g_assert_true (cop_domain_config_set_metadata (config, "urn:y", "y", "<e/>", &error));
  g_assert_cmpuint (config->metadata->len, ==, 2);
  g_assert_true (cop_domain_config_set_metadata (config, "urn:x", NULL, NULL, &error));
  g_assert_cmpuint (config->metadata->len, ==, 1);
  g_assert_true (cop_domain_config_set_metadata (config, "urn:x", NULL, NULL, &error));
}

static void
test_bad_metadata (void)
{
  static const struct
  {
    const char *uri, *prefix, *xml;
  } rows[] = {
    { "urn:x", "a", "text" },
    { "urn:x", "a", "<b></c>" },
    { "urn:x", "a", "<b/><c/>" },
    { "urn:x", "a", "<o:b xmlns:o='urn:other'/>" },
    { "urn:x", "a b", "<b/>" },
    { "urn:x", "a", "<b xmlns:a='urn:other'/>" },
    { "", "a", "<b/>" },
    { "urn:x", "a", "" },
    { "urn:x", "a", "<!DOCTYPE b [<!ENTITY c 'd'>]><b>&c;</b>" },
  };
  g_autoptr (CopDomainConfig) config = domain ();

  g_test_summary ("What is not one element of the namespace is refused");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (
        cop_domain_config_set_metadata (config, rows[i].uri, rows[i].prefix, rows[i].xml, &error));
      g_assert_error (error, COP_XML_ERROR, error->code);
      g_assert_cmpuint (config->metadata->len, ==, 0);
    }
}

static void
test_cpu (void)
{
  static const struct
  {
    const char *xml;
    CopIsa has, lacks;
  } rows[] = {
    { "", COP_ISA (ZBA) | COP_ISA (SV57), 0 },
    { "<cpu mode='maximum'/>", COP_ISA (ZBA) | COP_ISA (SV57) | COP_ISA (SVADU), 0 },
    { "<cpu><model>rv64gc</model></cpu>", COP_ISA (D) | COP_ISA (SV57), COP_ISA (ZBA) },
    { "<cpu><model>rva22s64</model></cpu>", COP_ISA (ZBA) | COP_ISA (SV39), COP_ISA (SV48) },
    { "<cpu><feature policy='disable' name='zba'/></cpu>", COP_ISA (ZBB), COP_ISA (ZBA) },
    { "<cpu><model>rva20s64</model><feature policy='force' name='zba'/></cpu>", COP_ISA (ZBA),
      COP_ISA (ZBB) },
  };

  g_test_summary ("<cpu> becomes the extensions of a hart");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text =
        g_strdup_printf ("<domain type='coppice'><name>a</name><memory>65536</memory>"
                         "<os><type>hvm</type></os>%s</domain>",
                         rows[i].xml);
      g_autoptr (CopDomainConfig) config =
        cop_domain_config_parse (text, strlen (text), NULL, COP_DOMAIN_PARSE_DEFAULT, NULL, NULL);
      CopIsa isa;

      g_assert_true (cop_domain_cpu_isa (&config->cpu, &isa, NULL));
      g_assert_cmphex (isa & rows[i].has, ==, rows[i].has);
      g_assert_cmphex (isa & rows[i].lacks, ==, 0);
    }
  for (const CopCpuModel *model = cop_cpu_models; model->name != NULL; model++)
    {
      g_autoptr (CopDomainConfig) config = cop_domain_config_new ();
      CopIsa isa;

      config->cpu.model = g_strdup (model->name);
      g_assert_true (cop_domain_cpu_isa (&config->cpu, &isa, NULL));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/xml/domain-device/aliases", test_aliases);
  g_test_add_func ("/xml/domain-device/find", test_find);
  g_test_add_func ("/xml/domain-device/documents", test_device_documents);
  g_test_add_func ("/xml/domain-device/bad", test_bad_devices);
  g_test_add_func ("/xml/domain-device/link-state", test_link_state);
  g_test_add_func ("/xml/domain-device/refused", test_refused_updates);
  g_test_add_func ("/xml/domain-device/definition", test_update_definition);
  g_test_add_func ("/xml/domain-device/compatible", test_compatible);
  g_test_add_func ("/xml/domain-device/diff", test_diff_lists);
  g_test_add_func ("/xml/domain-device/console-paths", test_console_paths);
  g_test_add_func ("/xml/domain-device/metadata", test_metadata);
  g_test_add_func ("/xml/domain-device/bad-metadata", test_bad_metadata);
  g_test_add_func ("/xml/domain-device/cpu", test_cpu);
  return g_test_run ();
}
