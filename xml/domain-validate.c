/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What spans members of a configuration. Single members are checked by their rows.
 */
#include "xml/domain-device.h"
#include "xml/domain-rows.h"

#include <glib/gi18n.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool fail (GError **error, int code, const char *format, ...) G_GNUC_PRINTF (3, 4);

static bool
fail (GError **error, int code, const char *format, ...)
{
  va_list arguments;
  g_autofree char *message = NULL;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, COP_XML_ERROR, code, message);
  return false;
}

/* Adds @key to @seen; fails if it is there. */
static bool
take (GHashTable *seen, const char *key, const char *path, GError **error)
{
  if (g_hash_table_add (seen, g_strdup (key)))
    return true;
  return fail (error, COP_XML_ERROR_CONFLICT, _ ("%s: '%s' is used twice"), path, key);
}

static GHashTable *
new_set (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

static bool
check_identity (const CopDomainConfig *config, GError **error)
{
  if (strspn (config->name, " ") == strlen (config->name) || strcmp (config->name, ".") == 0 ||
      strcmp (config->name, "..") == 0)
    return fail (error, COP_XML_ERROR_VALUE, _ ("name: '%s' cannot be the name of a domain"),
                 config->name);
  if (cop_uuid_is_null (config->uuid))
    return fail (error, COP_XML_ERROR_MISSING, _ ("uuid: is missing"));
  if (config->current_vcpus > config->vcpus)
    return fail (error, COP_XML_ERROR_CONFLICT,
                 _ ("vcpu/@current: %u is more than the maximum of %u"), config->current_vcpus,
                 config->vcpus);
  if (config->current_memory > config->memory)
    return fail (error, COP_XML_ERROR_CONFLICT, _ ("currentMemory: is more than memory"));
  return true;
}

static bool
check_os (const CopDomainOs *os, GError **error)
{
  /* clang-format off */
  const struct { const char *name, *value, *needs; } rows[] = {
    { "initrd",  os->initrd,  os->kernel },
    { "cmdline", os->cmdline, os->kernel },
  };
  /* clang-format on */

  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    if (rows[i].value != NULL && rows[i].needs == NULL)
      return fail (error, COP_XML_ERROR_CONFLICT,
                   _ ("os/%s: is for a kernel that is started directly; add <kernel>"),
                   rows[i].name);
  return true;
}

static bool
check_cpu (const CopDomainConfig *config, GError **error)
{
  const CopDomainCpu *cpu = &config->cpu;
  g_autoptr (GHashTable) features = new_set ();
  CopIsa isa;

  if (cpu->mode == COP_CPU_MODE_MAXIMUM && cpu->model != NULL)
    return fail (error, COP_XML_ERROR_CONFLICT,
                 _ ("cpu/model: '%s' does not go with mode 'maximum'; use mode 'custom'"),
                 cpu->model);
  for (guint i = 0; i < cpu->features->len; i++)
    if (!take (features, ((CopCpuFeature *) cpu->features->pdata[i])->name, "cpu/feature/@name",
               error))
      return false;
  if (cpu->sockets != 0 || cpu->dies != 0 || cpu->cores != 0 || cpu->threads != 0)
    {
      if (cpu->sockets == 0 || cpu->cores == 0 || cpu->threads == 0)
        return fail (error, COP_XML_ERROR_MISSING,
                     _ ("cpu/topology: sockets, cores and threads must all be there"));
      /* None is above COP_MAX_HARTS. */
      if (cpu->sockets * cpu->cores * cpu->threads != config->vcpus)
        return fail (error, COP_XML_ERROR_CONFLICT,
                     _ ("cpu/topology: %u sockets of %u cores with %u threads are not %u vcpus"),
                     cpu->sockets, cpu->cores, cpu->threads, config->vcpus);
    }
  return cop_domain_cpu_isa (cpu, &isa, error);
}

static bool
check_disks (const CopDomainConfig *config, GError **error)
{
  g_autoptr (GHashTable) targets = new_set ();
  g_autoptr (GHashTable) orders = new_set ();

  for (guint i = 0; i < config->disks->len; i++)
    {
      const CopDomainDisk *disk = config->disks->pdata[i];
      g_autofree char *order = g_strdup_printf ("%u", disk->boot_order);

      if (!take (targets, disk->target, "devices/disk/target/@dev", error))
        return false;
      if (disk->boot_order == 0)
        continue;
      if (!take (orders, order, "devices/disk/boot/@order", error))
        return false;
      if (config->os.boot != COP_DOMAIN_BOOT_UNSET)
        return fail (error, COP_XML_ERROR_CONFLICT,
                     _ ("devices/disk/boot: does not go with os/boot; use one of them"));
    }
  return true;
}

static bool
check_forwards (const CopDomainInterface *interface, GError **error)
{
  for (guint i = 0; i < interface->forwards->len; i++)
    {
      const CopDomainPortForward *forward = interface->forwards->pdata[i];

      if (forward->address != NULL && !g_hostname_is_ip_address (forward->address))
        return fail (error, COP_XML_ERROR_VALUE,
                     _ ("portForward/@address: '%s' is not an IPv4 address"), forward->address);
      for (guint j = 0; j < forward->ranges->len; j++)
        {
          const CopDomainPortRange *range = forward->ranges->pdata[j];
          unsigned end = range->end != 0 ? range->end : range->start;
          unsigned to = range->to != 0 ? range->to : range->start;

          if (end < range->start || to + (end - range->start) > 65535)
            return fail (error, COP_XML_ERROR_VALUE,
                         _ ("portForward/range: ports %u to %u, to %u, are no range"), range->start,
                         end, to);
          if (end - range->start >= 1024)
            return fail (error, COP_XML_ERROR_UNSUPPORTED,
                         _ ("portForward/range: %u ports are too many; at most 1024"),
                         end - range->start + 1);
        }
    }
  return true;
}

static bool
check_interfaces (const CopDomainConfig *config, GError **error)
{
  g_autoptr (GHashTable) macs = new_set ();
  g_autoptr (GHashTable) taps = new_set ();

  for (guint i = 0; i < config->interfaces->len; i++)
    {
      const CopDomainInterface *interface = config->interfaces->pdata[i];
      g_autofree char *mac = g_strdup_printf (
        "%02x:%02x:%02x:%02x:%02x:%02x", interface->mac[0], interface->mac[1], interface->mac[2],
        interface->mac[3], interface->mac[4], interface->mac[5]);

      if (!take (macs, mac, "devices/interface/mac/@address", error) ||
          (interface->target != NULL && interface->type != COP_INTERFACE_USER &&
           !take (taps, interface->target, "devices/interface/target/@dev", error)) ||
          !check_forwards (interface, error))
        return false;
      if (interface->managed == COP_TRISTATE_NO && interface->target == NULL)
        return fail (error, COP_XML_ERROR_MISSING,
                     _ ("devices/interface/target/@dev: is missing: managed='no' needs the name "
                        "of the tap"));
    }
  return true;
}

static bool
check_source (const CopDomainChardev *chardev, CopDeviceKind kind, GError **error)
{
  const CopDomainChardevSource *source = &chardev->source;
  const char *element = cop_names_to_string (&cop_device_kind_names, kind);

  if (source->type == COP_CHARDEV_FILE && source->path == NULL)
    return fail (error, COP_XML_ERROR_MISSING, _ ("devices/%s/source/@path: is missing"), element);
  /* The driver chooses one for a channel that is listened on. */
  if (source->type == COP_CHARDEV_UNIX && source->path == NULL &&
      (kind != COP_DEVICE_CHANNEL || source->mode == COP_CHARDEV_MODE_CONNECT))
    return fail (error, COP_XML_ERROR_MISSING, _ ("devices/%s/source/@path: is missing"), element);
  if (source->type == COP_CHARDEV_TCP &&
      (atoi (source->service) < 1 || atoi (source->service) > 65535))
    return fail (error, COP_XML_ERROR_VALUE,
                 _ ("devices/%s/source/@service: '%s' is not a port from 1 to 65535"), element,
                 source->service);
  return true;
}

static bool
check_chardevs (const CopDomainConfig *config, CopDeviceKind kind, GError **error)
{
  GPtrArray *list = cop_domain_config_devices (config, kind);
  const char *element = cop_names_to_string (&cop_device_kind_names, kind);
  g_autofree char *ports_path = g_strdup_printf ("devices/%s/target/@port", element);
  g_autoptr (GHashTable) ports = new_set ();
  g_autoptr (GHashTable) names = new_set ();

  for (guint i = 0; i < list->len; i++)
    {
      const CopDomainChardev *chardev = list->pdata[i];
      g_autofree char *port = g_strdup_printf ("%d", chardev->port);

      if (!check_source (chardev, kind, error))
        return false;
      if (kind == COP_DEVICE_CHANNEL)
        {
          if (!take (names, chardev->name, "devices/channel/target/@name", error))
            return false;
        }
      else if (!take (ports, port, ports_path, error))
        return false;
      if (kind == COP_DEVICE_SERIAL && chardev->port != 0)
        return fail (error, COP_XML_ERROR_UNSUPPORTED,
                     _ ("devices/serial/target/@port: there is port 0 only"));
      if (chardev->target == COP_CHARDEV_TARGET_SERIAL && (i > 0 || chardev->port != 0))
        return fail (error, COP_XML_ERROR_UNSUPPORTED,
                     _ ("devices/console: the first one, on port 0, can be the serial port; use "
                        "target type 'virtio' for others"));
    }
  return true;
}

/* One device has one virtio console, beside which there is the serial port's. */
static bool
check_consoles (const CopDomainConfig *config, GError **error)
{
  unsigned virtio = 0;

  for (guint i = 0; i < config->consoles->len; i++)
    virtio +=
      ((CopDomainChardev *) config->consoles->pdata[i])->target == COP_CHARDEV_TARGET_VIRTIO;
  if (virtio > 1)
    return fail (error, COP_XML_ERROR_UNSUPPORTED,
                 _ ("devices/console: there can be one with target type 'virtio'"));
  return true;
}

/* Names of devices are unique, but for a console that is a serial port. */
static bool
check_aliases (const CopDomainConfig *config, GError **error)
{
  g_autoptr (GHashTable) aliases = new_set ();

  for (unsigned kind = 0; kind < COP_DEVICE_LAST; kind++)
    {
      GPtrArray *list = cop_domain_config_devices (config, kind);

      for (guint i = 0; i < list->len; i++)
        {
          const char *alias = cop_domain_device_alias (kind, list->pdata[i]);

          if (alias == NULL ||
              (kind == COP_DEVICE_CONSOLE &&
               ((CopDomainChardev *) list->pdata[i])->target == COP_CHARDEV_TARGET_SERIAL))
            continue;
          if (!take (aliases, alias, "devices/*/alias/@name", error))
            return false;
        }
    }
  return true;
}

static bool
check_engine (const CopDomainConfig *config, GError **error)
{
  g_autoptr (GString) known = g_string_new (NULL);

  if (config->engine == NULL || cop_engine_find (config->engine) != NULL)
    return true;
  for (const CopEngineOps *const *engine = cop_engines; *engine != NULL; engine++)
    g_string_append_printf (known, "%s%s", known->len > 0 ? ", " : "", (*engine)->name);
  return fail (error, COP_XML_ERROR_UNSUPPORTED,
               _ ("coppice:engine/@name: there is no '%s' on this host; use one of: %s"),
               config->engine, known->str);
}

bool
cop_domain_config_validate (const CopDomainConfig *config, GError **error)
{
  return cop_xml_check (&cop_domain_element, config, "", error) && check_identity (config, error) &&
         check_os (&config->os, error) && check_cpu (config, error) &&
         check_disks (config, error) && check_interfaces (config, error) &&
         check_chardevs (config, COP_DEVICE_SERIAL, error) &&
         check_chardevs (config, COP_DEVICE_CONSOLE, error) &&
         check_chardevs (config, COP_DEVICE_CHANNEL, error) && check_consoles (config, error) &&
         check_aliases (config, error) && check_engine (config, error);
}
