/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Single devices of a configuration: their own documents, finding them, and changing them.
 */
#include "xml/domain-device.h"
#include "xml/domain-rows.h"

#include <glib/gi18n.h>
#include <stddef.h>
#include <string.h>

#define LABEL "device XML"

/* clang-format off */
/* Where a kind's list is in the configuration, and the alias in the device. */
static const struct
{
  gsize list, alias;
} kinds[COP_DEVICE_LAST] = {
  [COP_DEVICE_DISK]       = { offsetof (CopDomainConfig, disks),
                              offsetof (CopDomainDisk, alias) },
  [COP_DEVICE_CONTROLLER] = { offsetof (CopDomainConfig, controllers),
                              offsetof (CopDomainController, alias) },
  [COP_DEVICE_INTERFACE]  = { offsetof (CopDomainConfig, interfaces),
                              offsetof (CopDomainInterface, alias) },
  [COP_DEVICE_SERIAL]     = { offsetof (CopDomainConfig, serials),
                              offsetof (CopDomainChardev, alias) },
  [COP_DEVICE_CONSOLE]    = { offsetof (CopDomainConfig, consoles),
                              offsetof (CopDomainChardev, alias) },
  [COP_DEVICE_CHANNEL]    = { offsetof (CopDomainConfig, channels),
                              offsetof (CopDomainChardev, alias) },
  [COP_DEVICE_MEMBALLOON] = { offsetof (CopDomainConfig, memballoons),
                              offsetof (CopDomainMemballoon, alias) },
  [COP_DEVICE_RNG]        = { offsetof (CopDomainConfig, rngs),
                              offsetof (CopDomainRng, alias) },
};
/* clang-format on */

GPtrArray *
cop_domain_config_devices (const CopDomainConfig *config, CopDeviceKind kind)
{
  return *(GPtrArray *const *) (const void *) ((const uint8_t *) config + kinds[kind].list);
}

gpointer
cop_domain_config_add_device (CopDomainConfig *config, CopDeviceKind kind)
{
  gpointer device = cop_xml_new (cop_device_elements[kind]);

  g_ptr_array_add (cop_domain_config_devices (config, kind), device);
  return device;
}

const char *
cop_domain_device_alias (CopDeviceKind kind, gconstpointer device)
{
  return *(char *const *) (const void *) ((const uint8_t *) device + kinds[kind].alias);
}

void
cop_domain_device_free (CopDomainDevice *device)
{
  if (device == NULL)
    return;
  cop_xml_free (cop_device_elements[device->kind], device->any);
  g_free (device);
}

static CopDeviceKind
kind_of (const CopXmlElement *element)
{
  unsigned kind = 0;

  while (cop_device_elements[kind] != element)
    kind++;
  return kind;
}

/* A domain with nothing but @device; what a device does not say is filled in as in a domain. */
static CopDomainConfig *
domain_of (gpointer device, CopDeviceKind kind)
{
  CopDomainConfig *config = cop_domain_config_new ();

  config->name = g_strdup ("device");
  config->memory = UINT64_C (1) << 30;
  g_ptr_array_add (cop_domain_config_devices (config, kind), device);
  return config;
}

CopDomainDevice *
cop_domain_device_parse (const char *text, gsize length, const char *label, unsigned flags,
                         GPtrArray *notes, GError **error)
{
  unsigned element_flags = ((flags & COP_DOMAIN_PARSE_LIVE) != 0 ? COP_XML_PARSE_LIVE : 0) |
                           ((flags & COP_DOMAIN_PARSE_VALIDATE) != 0 ? COP_XML_PARSE_STRICT : 0);
  const CopXmlElement *element;
  g_autoptr (CopDomainConfig) config = NULL;
  CopDomainDevice *device;
  gpointer data;

  if (label == NULL)
    label = LABEL;
  data =
    cop_xml_parse (cop_device_elements, text, length, label, element_flags, notes, &element, error);
  if (data == NULL)
    return NULL;

  device = g_new0 (CopDomainDevice, 1);
  device->kind = kind_of (element);
  device->any = data;
  config = domain_of (data, device->kind);
  cop_domain_config_set_defaults (config, NULL);
  if (!cop_domain_config_validate (config, error))
    {
      g_prefix_error (error, "%s: ", label);
      g_free (device);
      return NULL;
    }
  g_ptr_array_set_size (cop_domain_config_devices (config, device->kind), 0);
  return device;
}

char *
cop_domain_device_format (const CopDomainDevice *device, unsigned flags)
{
  GString *out = g_string_new (NULL);

  cop_xml_format (cop_device_elements[device->kind], device->any,
                  (flags & COP_DOMAIN_FORMAT_INACTIVE) != 0, 0, out);
  return g_string_free (out, FALSE);
}

/* Whether @device, of the configuration, is what @wanted describes. */
static bool
matches (CopDeviceKind kind, gconstpointer device, gconstpointer wanted)
{
  const char *alias = cop_domain_device_alias (kind, wanted);

  if (alias != NULL && g_strcmp0 (alias, cop_domain_device_alias (kind, device)) == 0)
    return true;

  switch (kind)
    {
    case COP_DEVICE_DISK:
      return strcmp (((const CopDomainDisk *) device)->target,
                     ((const CopDomainDisk *) wanted)->target) == 0;
    case COP_DEVICE_INTERFACE:
      return memcmp (((const CopDomainInterface *) device)->mac,
                     ((const CopDomainInterface *) wanted)->mac, 6) == 0;
    case COP_DEVICE_CONTROLLER:
      return ((const CopDomainController *) device)->type ==
               ((const CopDomainController *) wanted)->type &&
             ((const CopDomainController *) device)->index ==
               ((const CopDomainController *) wanted)->index;
    case COP_DEVICE_SERIAL:
    case COP_DEVICE_CONSOLE:
      return ((const CopDomainChardev *) device)->target ==
               ((const CopDomainChardev *) wanted)->target &&
             ((const CopDomainChardev *) device)->port == ((const CopDomainChardev *) wanted)->port;
    case COP_DEVICE_CHANNEL:
      return g_strcmp0 (((const CopDomainChardev *) device)->name,
                        ((const CopDomainChardev *) wanted)->name) == 0;
    case COP_DEVICE_MEMBALLOON:
    case COP_DEVICE_RNG:
      return true;
    case COP_DEVICE_LAST:
      break;
    }
  return false;
}

gpointer
cop_domain_config_find_device (const CopDomainConfig *config, const CopDomainDevice *device,
                               guint *index, GError **error)
{
  GPtrArray *list = cop_domain_config_devices (config, device->kind);

  for (guint i = 0; i < list->len; i++)
    if (matches (device->kind, list->pdata[i], device->any))
      {
        if (index != NULL)
          *index = i;
        return list->pdata[i];
      }
  g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_MISSING, _ ("the domain has no such %s"),
               cop_names_to_string (&cop_device_kind_names, device->kind));
  return NULL;
}

CopDomainDisk *
cop_domain_config_find_disk (const CopDomainConfig *config, const char *name, guint *index)
{
  for (guint i = 0; i < config->disks->len; i++)
    {
      CopDomainDisk *disk = config->disks->pdata[i];

      if (strcmp (disk->target, name) != 0 && strcmp (disk->source, name) != 0)
        continue;
      if (index != NULL)
        *index = i;
      return disk;
    }
  return NULL;
}

static bool
is_mac (const char *text, const uint8_t mac[6])
{
  char own[18];

  g_snprintf (own, sizeof own, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
              mac[4], mac[5]);
  return g_ascii_strcasecmp (text, own) == 0;
}

CopDomainInterface *
cop_domain_config_find_interface (const CopDomainConfig *config, const char *name, guint *index)
{
  for (guint i = 0; i < config->interfaces->len; i++)
    {
      CopDomainInterface *interface = config->interfaces->pdata[i];

      if (g_strcmp0 (interface->target, name) != 0 && !is_mac (name, interface->mac))
        continue;
      if (index != NULL)
        *index = i;
      return interface;
    }
  return NULL;
}

CopDomainChardev *
cop_domain_config_find_chardev (const CopDomainConfig *config, const char *alias,
                                CopDeviceKind *kind, guint *index)
{
  static const CopDeviceKind order[] = { COP_DEVICE_CONSOLE, COP_DEVICE_SERIAL,
                                         COP_DEVICE_CHANNEL };

  for (unsigned i = 0; i < G_N_ELEMENTS (order); i++)
    {
      GPtrArray *list = cop_domain_config_devices (config, order[i]);

      for (guint item = 0; item < list->len; item++)
        {
          CopDomainChardev *chardev = list->pdata[item];

          if (alias == NULL
                ? order[i] == COP_DEVICE_CHANNEL
                : g_strcmp0 (chardev->alias, alias) != 0 && g_strcmp0 (chardev->name, alias) != 0)
            continue;
          if (kind != NULL)
            *kind = order[i];
          if (index != NULL)
            *index = item;
          return chardev;
        }
    }
  return NULL;
}

gpointer
cop_domain_config_find_alias (const CopDomainConfig *config, const char *alias, CopDeviceKind *kind,
                              guint *index)
{
  for (unsigned i = 0; i < COP_DEVICE_LAST; i++)
    {
      GPtrArray *list = cop_domain_config_devices (config, i);

      for (guint item = 0; item < list->len; item++)
        if (g_strcmp0 (cop_domain_device_alias (i, list->pdata[item]), alias) == 0)
          {
            if (kind != NULL)
              *kind = i;
            if (index != NULL)
              *index = item;
            return list->pdata[item];
          }
    }
  return NULL;
}

bool
cop_domain_config_update_device (CopDomainConfig *config, const CopDomainDevice *device, bool live,
                                 GPtrArray **changes, GError **error)
{
  const CopXmlElement *element = cop_device_elements[device->kind];
  GPtrArray *list = cop_domain_config_devices (config, device->kind);
  g_autoptr (GPtrArray) differences = NULL;
  g_autoptr (CopDomainConfig) trial = NULL;
  gpointer old, new;
  guint index;

  old = cop_domain_config_find_device (config, device, &index, error);
  if (old == NULL)
    return false;

  differences = cop_domain_device_diff (device->kind, old, device->any);
  for (guint i = 0; live && i < differences->len; i++)
    {
      const CopDomainChange *change = differences->pdata[i];

      if (change->kind != COP_CHANGE_LIVE)
        {
          g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_UNSUPPORTED,
                       _ ("%s cannot change while the domain runs (from '%s' to '%s'); change it "
                          "in the definition, for the next start"),
                       change->path, change->before != NULL ? change->before : "",
                       change->after != NULL ? change->after : "");
          return false;
        }
    }

  trial = cop_domain_config_copy (config);
  new = cop_xml_copy (element, device->any);
  cop_xml_free (element, cop_domain_config_devices (trial, device->kind)->pdata[index]);
  cop_domain_config_devices (trial, device->kind)->pdata[index] = new;
  if (!cop_domain_config_validate (trial, error))
    return false;

  new = cop_xml_copy (element, device->any);
  if (live)
    cop_xml_copy_live (element, new, old);
  cop_xml_free (element, old);
  list->pdata[index] = new;
  cop_domain_config_sync_consoles (config);
  if (changes != NULL)
    *changes = g_steal_pointer (&differences);
  return true;
}
