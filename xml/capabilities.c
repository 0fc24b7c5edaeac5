/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What this build and this host can do, in libvirt's words. Values come from the name tables that
 * the parser of domain XML reads with, so that nothing is promised here that is refused there.
 */
#include "xml/capabilities.h"
#include "xml/domain-rows.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

#define GUEST_WORD_SIZE 64 /* bits, of riscv64 */

/* Domain types: ours, and the word that is read as ours. */
static const char *const domain_types[] = { "coppice", "qemu", NULL };

/* clang-format off */
typedef struct
{
  const char     *element;      /* of <devices> */
  const char     *name;         /* of the <enum>; NULL: there is no such device */
  const CopNames *values;
} DeviceRow;

/* Rows of one element stand together. */
static const DeviceRow devices[] = {
  { "disk",       "diskDevice",   &cop_disk_device_names },
  { "disk",       "bus",          &cop_disk_bus_names },
  { "graphics",   NULL },
  { "video",      NULL },
  { "hostdev",    NULL },
  { "rng",        "model",        &cop_rng_model_names },
  { "rng",        "backendModel", &cop_rng_backend_names },
  { "filesystem", NULL },
  { "tpm",        NULL },
  { "redirdev",   NULL },
  { "channel",    "type",         &cop_chardev_type_names },
};

static const struct
{
  const char *element;
  bool        supported;
} features[] = {
  { "gic",               false },
  { "vmcoreinfo",        false },
  { "genid",             true },
  { "backingStoreInput", false },
  { "backup",            false },
  { "sev",               false },
};
/* clang-format on */

static void
append_element (GString *out, unsigned depth, const char *name, const char *text)
{
  g_string_append_printf (out, "%*s<%s>", (int) (2 * depth), "", name);
  cop_xml_escape (out, text);
  g_string_append_printf (out, "</%s>\n", name);
}

static void
append_cells (GString *out, const CopHostInfo *host)
{
  g_string_append (out, "    <topology>\n      <cells num='1'>\n        <cell id='0'>\n");
  g_string_append_printf (out, "          <memory unit='KiB'>%" PRIu64 "</memory>\n",
                          host->memory >> 10);
  g_string_append_printf (out, "          <cpus num='%u'>\n", host->cpus);
  for (unsigned i = 0; i < host->cpus; i++)
    g_string_append_printf (out, "            <cpu id='%u'/>\n", i);
  g_string_append (out, "          </cpus>\n        </cell>\n      </cells>\n    </topology>\n");
}

static void
append_host (GString *out, const CopHostInfo *host)
{
  g_string_append (out, "  <host>\n");
  if (host->uuid != NULL)
    {
      char uuid[37];

      cop_uuid_format (host->uuid, uuid);
      append_element (out, 2, "uuid", uuid);
    }
  g_string_append (out, "    <cpu>\n");
  append_element (out, 3, "arch", host->arch);
  if (host->sockets != 0 && host->cores != 0 && host->threads != 0)
    g_string_append_printf (out,
                            "      <topology sockets='%u' dies='1' cores='%u' threads='%u'/>\n",
                            host->sockets, host->cores, host->threads);
  g_string_append (out, "    </cpu>\n    <power_management/>\n");
  append_cells (out, host);
  g_string_append (out, "  </host>\n");
}

static void
append_guest (GString *out, const char *arch, const CopHostInfo *host)
{
  g_string_append (out, "  <guest>\n");
  append_element (out, 2, "os_type", cop_domain_os_names.names[COP_DOMAIN_OS_HVM]);
  g_string_append_printf (out, "    <arch name='%s'>\n      <wordsize>%d</wordsize>\n", arch,
                          GUEST_WORD_SIZE);
  append_element (out, 3, "emulator", host->emulator);
  for (unsigned i = 0; i < cop_domain_machine_names.count; i++)
    g_string_append_printf (out, "      <machine maxCpus='%d'>%s</machine>\n", COP_MAX_HARTS,
                            cop_domain_machine_names.names[i]);
  for (unsigned i = 0; domain_types[i] != NULL; i++)
    g_string_append_printf (out, "      <domain type='%s'/>\n", domain_types[i]);
  g_string_append (out, "    </arch>\n    <features>\n      <cpuselection/>\n"
                        "      <deviceboot/>\n    </features>\n  </guest>\n");
}

char *
cop_capabilities_format (const CopHostInfo *host)
{
  GString *out = g_string_new ("<capabilities>\n");

  append_host (out, host);
  for (unsigned i = 0; i < cop_domain_arch_names.count; i++)
    append_guest (out, cop_domain_arch_names.names[i], host);
  g_string_append (out, "</capabilities>\n");
  return g_string_free (out, FALSE);
}

static void
append_enum (GString *out, unsigned depth, const char *name, const CopNames *values)
{
  g_string_append_printf (out, "%*s<enum name='%s'>\n", (int) (2 * depth), "", name);
  for (unsigned i = 0; i < values->count; i++)
    if (values->names[i] != NULL)
      append_element (out, depth + 1, "value", values->names[i]);
  g_string_append_printf (out, "%*s</enum>\n", (int) (2 * depth), "");
}

static void
append_os (GString *out)
{
  g_string_append (out, "  <os supported='yes'>\n    <enum name='firmware'/>\n"
                        "    <loader supported='yes'>\n");
  append_enum (out, 3, "type", &cop_domain_loader_names);
  append_enum (out, 3, "readonly", &cop_yes_no_names);
  g_string_append (out, "      <enum name='secure'>\n        <value>no</value>\n      </enum>\n"
                        "    </loader>\n  </os>\n");
}

static void
append_cpu (GString *out)
{
  g_string_append (out, "  <cpu>\n    <mode name='host-passthrough' supported='no'/>\n"
                        "    <mode name='maximum' supported='yes'/>\n"
                        "    <mode name='host-model' supported='no'/>\n"
                        "    <mode name='custom' supported='yes'>\n");
  for (const CopCpuModel *model = cop_cpu_models; model->name != NULL; model++)
    g_string_append_printf (out, "      <model usable='yes' vendor='unknown'>%s</model>\n",
                            model->name);
  g_string_append (out, "    </mode>\n  </cpu>\n");
}

static void
append_devices (GString *out)
{
  g_string_append (out, "  <devices>\n");
  for (unsigned i = 0; i < G_N_ELEMENTS (devices); i++)
    {
      const DeviceRow *row = &devices[i];

      if (row->name == NULL)
        {
          g_string_append_printf (out, "    <%s supported='no'/>\n", row->element);
          continue;
        }
      if (i == 0 || strcmp (row[-1].element, row->element) != 0)
        g_string_append_printf (out, "    <%s supported='yes'>\n", row->element);
      append_enum (out, 3, row->name, row->values);
      if (i + 1 == G_N_ELEMENTS (devices) || strcmp (row[1].element, row->element) != 0)
        g_string_append_printf (out, "    </%s>\n", row->element);
    }
  g_string_append (out, "  </devices>\n");
}

static bool
check_asked (const char *what, const char *asked, const CopNames *names, GError **error)
{
  g_autofree char *list = NULL;
  g_autofree char *quoted = NULL;
  unsigned value;

  if (asked == NULL || cop_names_from_string (names, asked, &value))
    return true;
  list = cop_names_list (names);
  quoted = cop_xml_quoted (asked);
  g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_UNSUPPORTED,
               _ ("%s '%s' is not supported; there is %s"), what, quoted, list);
  return false;
}

char *
cop_domain_capabilities_format (const CopHostInfo *host, const char *emulator, const char *arch,
                                const char *machine, const char *virttype, GError **error)
{
  const CopNames types = { domain_types, G_N_ELEMENTS (domain_types) - 1 };
  const char *const emulators[] = { host->emulator };
  const CopNames emulator_names = { emulators, 1 };
  GString *out;

  if (!check_asked (_ ("emulator"), emulator, &emulator_names, error) ||
      !check_asked (_ ("architecture"), arch, &cop_domain_arch_names, error) ||
      !check_asked (_ ("machine"), machine, &cop_domain_machine_names, error) ||
      !check_asked (_ ("domain type"), virttype, &types, error))
    return NULL;

  out = g_string_new ("<domainCapabilities>\n");
  append_element (out, 1, "path", host->emulator);
  append_element (out, 1, "domain", virttype != NULL ? virttype : domain_types[0]);
  append_element (out, 1, "machine", cop_domain_machine_names.names[COP_DOMAIN_MACHINE_VIRT]);
  append_element (out, 1, "arch", cop_domain_arch_names.names[COP_DOMAIN_ARCH_RISCV64]);
  g_string_append_printf (out, "  <vcpu max='%d'/>\n  <iothreads supported='no'/>\n",
                          COP_MAX_HARTS);
  append_os (out);
  append_cpu (out);
  append_devices (out);
  g_string_append (out, "  <features>\n");
  for (unsigned i = 0; i < G_N_ELEMENTS (features); i++)
    g_string_append_printf (out, "    <%s supported='%s'/>\n", features[i].element,
                            features[i].supported ? "yes" : "no");
  g_string_append (out, "  </features>\n</domainCapabilities>\n");
  return g_string_free (out, FALSE);
}
