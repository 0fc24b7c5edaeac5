/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a document did not say, filled in as libvirt fills it.
 */
#include "xml/domain-config.h"
#include "xml/domain-rows.h"

#include <glib/gi18n.h>
#include <string.h>
#include <sys/random.h>

static void
add_note (GPtrArray *notes, const char *note)
{
  if (notes != NULL)
    g_ptr_array_add (notes, g_strdup (note));
}

/* Every machine has one, unless it says that it has none. */
static void
set_balloon (CopDomainConfig *config)
{
  if (config->memballoons->len == 0)
    g_ptr_array_add (config->memballoons, cop_xml_new (&cop_memballoon_element));
}

static void
set_memory (CopDomainConfig *config, GPtrArray *notes)
{
  /* As libvirt: more than there is means all. */
  if (config->current_memory == 0 || config->current_memory > config->memory)
    config->current_memory = config->memory;
  else if (config->current_memory < config->memory && cop_domain_config_balloon (config) == NULL)
    add_note (notes,
              _ ("currentMemory has no effect without a memory balloon: the guest has all its "
                 "memory"));
  if (config->current_vcpus == config->vcpus)
    config->current_vcpus = 0;
}

static void
set_os (CopDomainConfig *config)
{
  bool ordered = false;

  for (guint i = 0; i < config->disks->len; i++)
    ordered |= ((CopDomainDisk *) config->disks->pdata[i])->boot_order != 0;
  if (config->os.boot == COP_DOMAIN_BOOT_UNSET && !ordered)
    config->os.boot = COP_DOMAIN_BOOT_HD;
  if (config->os.loader != NULL && config->os.loader_type == COP_DOMAIN_LOADER_UNSET)
    config->os.loader_type = COP_DOMAIN_LOADER_ROM;
}

static void
set_cpu (CopDomainCpu *cpu)
{
  if (cpu->mode == COP_CPU_MODE_UNSET && (cpu->model != NULL || cpu->features->len > 0))
    cpu->mode = COP_CPU_MODE_CUSTOM;
  if (cpu->mode == COP_CPU_MODE_CUSTOM && cpu->match == COP_CPU_MATCH_UNSET)
    cpu->match = COP_CPU_MATCH_EXACT;
  if (cpu->sockets != 0 && cpu->cores != 0 && cpu->threads != 0 && cpu->dies == 0)
    cpu->dies = 1;
  for (guint i = 0; i < cpu->features->len; i++)
    {
      CopCpuFeature *feature = cpu->features->pdata[i];

      if (feature->policy == COP_CPU_POLICY_UNSET)
        feature->policy = COP_CPU_POLICY_REQUIRE;
    }
}

static void
set_disk (CopDomainDisk *disk)
{
  if (disk->format == COP_DISK_FORMAT_UNSET)
    disk->format = COP_DISK_FORMAT_RAW;
  if (disk->bus == COP_DISK_BUS_UNSET)
    disk->bus = COP_DISK_BUS_VIRTIO;
}

static bool
mac_is_taken (const CopDomainConfig *config, const CopDomainInterface *whose)
{
  for (guint i = 0; i < config->interfaces->len; i++)
    {
      const CopDomainInterface *other = config->interfaces->pdata[i];

      if (other != whose && memcmp (other->mac, whose->mac, sizeof whose->mac) == 0)
        return true;
    }
  return false;
}

static void
set_interface (const CopDomainConfig *config, CopDomainInterface *interface)
{
  static const uint8_t none[6];

  if (memcmp (interface->mac, none, sizeof none) == 0)
    {
      memcpy (interface->mac, "\x52\x54\x00", 3);
      do
        while (getrandom (interface->mac + 3, 3, 0) != 3)
          ;
      while (config != NULL && mac_is_taken (config, interface));
    }
  if (interface->model == COP_INTERFACE_MODEL_UNSET)
    interface->model = COP_INTERFACE_MODEL_VIRTIO;
}

static void
set_source (CopDomainChardevSource *source)
{
  if (source->type == COP_CHARDEV_TCP && source->protocol == COP_CHARDEV_PROTOCOL_UNSET)
    source->protocol = COP_CHARDEV_PROTOCOL_RAW;
  /* A channel without a path gets one when the domain starts. */
  if (source->mode == COP_CHARDEV_MODE_UNSET && source->type == COP_CHARDEV_UNIX &&
      source->path != NULL)
    source->mode = COP_CHARDEV_MODE_BIND;
  if (source->mode == COP_CHARDEV_MODE_UNSET && source->type == COP_CHARDEV_TCP)
    source->mode = COP_CHARDEV_MODE_CONNECT;
}

static int
free_port (GPtrArray *list)
{
  int port = 0;

  for (guint i = 0; i < list->len; i++)
    if (((CopDomainChardev *) list->pdata[i])->port == port)
      {
        port++;
        i = (guint) -1;
      }
  return port;
}

static void
set_chardevs (GPtrArray *list, CopChardevTarget first, CopChardevTarget others)
{
  for (guint i = 0; i < list->len; i++)
    {
      CopDomainChardev *chardev = list->pdata[i];

      set_source (&chardev->source);
      if (chardev->target == COP_CHARDEV_TARGET_UNSET)
        chardev->target = i == 0 ? first : others;
      if (chardev->port < 0 && chardev->target != COP_CHARDEV_TARGET_UNSET && chardev->name == NULL)
        chardev->port = free_port (list);
      if (first == COP_CHARDEV_TARGET_SYSTEM_SERIAL && chardev->model == COP_SERIAL_MODEL_UNSET)
        chardev->model = COP_SERIAL_MODEL_16550A;
    }
}

/* What says the same of two devices that are one. */
static void
copy_source (CopDomainChardev *to, const CopDomainChardev *from)
{
  g_free (to->source.path);
  g_free (to->source.host);
  g_free (to->source.service);
  g_free (to->source.log);
  to->source = from->source;
  to->source.path = g_strdup (from->source.path);
  to->source.host = g_strdup (from->source.host);
  to->source.service = g_strdup (from->source.service);
  to->source.log = g_strdup (from->source.log);
}

void
cop_domain_config_sync_consoles (CopDomainConfig *config)
{
  for (guint i = 0; i < config->consoles->len; i++)
    {
      CopDomainChardev *console = config->consoles->pdata[i];

      if (console->target == COP_CHARDEV_TARGET_SERIAL && config->serials->len > 0)
        {
          const CopDomainChardev *serial = config->serials->pdata[0];

          copy_source (console, serial);
          g_free (console->alias);
          console->alias = g_strdup (serial->alias);
        }
      g_clear_pointer (&console->tty, g_free);
      if (console->source.type == COP_CHARDEV_PTY)
        console->tty = g_strdup (console->source.path);
    }
}

/* A first console on a serial port and the first serial port are one device; where the document
   has only one of them, the other is added. */
static void
pair_consoles (CopDomainConfig *config)
{
  CopDomainChardev *console = config->consoles->len > 0 ? config->consoles->pdata[0] : NULL;

  if (console == NULL && config->serials->len > 0)
    {
      console = cop_xml_new (&cop_console_element);
      console->target = COP_CHARDEV_TARGET_SERIAL;
      console->port = 0;
      g_ptr_array_add (config->consoles, console);
    }
  else if (console != NULL && console->target == COP_CHARDEV_TARGET_SERIAL &&
           config->serials->len == 0)
    {
      CopDomainChardev *serial = cop_xml_new (&cop_serial_element);

      copy_source (serial, console);
      serial->alias = g_strdup (console->alias);
      serial->target = COP_CHARDEV_TARGET_SYSTEM_SERIAL;
      serial->model = COP_SERIAL_MODEL_16550A;
      serial->port = 0;
      g_ptr_array_add (config->serials, serial);
    }
  cop_domain_config_sync_consoles (config);
}

static bool
needs_virtio_serial (const CopDomainConfig *config)
{
  bool needs = config->channels->len > 0;

  for (guint i = 0; i < config->consoles->len; i++)
    needs |= ((CopDomainChardev *) config->consoles->pdata[i])->target == COP_CHARDEV_TARGET_VIRTIO;
  return needs;
}

static void
set_controllers (CopDomainConfig *config)
{
  if (needs_virtio_serial (config) && config->controllers->len == 0)
    g_ptr_array_add (config->controllers, cop_xml_new (&cop_controller_element));
  for (guint i = 0; i < config->controllers->len; i++)
    {
      CopDomainController *controller = config->controllers->pdata[i];

      if (controller->index < 0)
        controller->index = 0;
    }
}

void
cop_domain_config_set_defaults (CopDomainConfig *config, GPtrArray *notes)
{
  if (cop_uuid_is_null (config->uuid))
    cop_uuid_generate (config->uuid);
  set_balloon (config);
  set_memory (config, notes);
  set_os (config);
  set_cpu (&config->cpu);
  if (config->on_poweroff == COP_DOMAIN_ACTION_UNSET)
    config->on_poweroff = COP_DOMAIN_ACTION_DESTROY;
  if (config->on_reboot == COP_DOMAIN_ACTION_UNSET)
    config->on_reboot = COP_DOMAIN_ACTION_RESTART;
  if (config->on_crash == COP_DOMAIN_ACTION_UNSET)
    config->on_crash = COP_DOMAIN_ACTION_DESTROY;

  for (guint i = 0; i < config->disks->len; i++)
    set_disk (config->disks->pdata[i]);
  for (guint i = 0; i < config->interfaces->len; i++)
    set_interface (config, config->interfaces->pdata[i]);
  set_chardevs (config->serials, COP_CHARDEV_TARGET_SYSTEM_SERIAL,
                COP_CHARDEV_TARGET_SYSTEM_SERIAL);
  set_chardevs (config->consoles, COP_CHARDEV_TARGET_SERIAL, COP_CHARDEV_TARGET_VIRTIO);
  set_chardevs (config->channels, COP_CHARDEV_TARGET_VIRTIO, COP_CHARDEV_TARGET_VIRTIO);
  pair_consoles (config);
  set_controllers (config);
  for (guint i = 0; i < config->rngs->len; i++)
    ((CopDomainRng *) config->rngs->pdata[i])->model = COP_RNG_MODEL_VIRTIO;
}

static void
set_alias (char **alias, const char *prefix, int number)
{
  if (*alias != NULL && !cop_alias_is_live (*alias))
    return;
  g_free (*alias);
  *alias = g_strdup_printf ("%s%d", prefix, number);
}

/* "vda" is 0, "vdb" 1, "vdaa" 26: the letters are digits from 1 on. */
static int
disk_number (const char *target)
{
  int number = 0;

  for (const char *letter = target + (g_str_has_prefix (target, "xvd") ? 3 : 2); *letter != '\0';
       letter++)
    number = number * 26 + (*letter - 'a' + 1);
  return number - 1;
}

void
cop_domain_config_assign_aliases (CopDomainConfig *config)
{
  for (guint i = 0; i < config->disks->len; i++)
    {
      CopDomainDisk *disk = config->disks->pdata[i];

      set_alias (&disk->alias, "virtio-disk", disk_number (disk->target));
    }
  for (guint i = 0; i < config->controllers->len; i++)
    {
      CopDomainController *controller = config->controllers->pdata[i];

      set_alias (&controller->alias, "virtio-serial", controller->index);
    }
  for (guint i = 0; i < config->interfaces->len; i++)
    set_alias (&((CopDomainInterface *) config->interfaces->pdata[i])->alias, "net", i);
  for (guint i = 0; i < config->serials->len; i++)
    set_alias (&((CopDomainChardev *) config->serials->pdata[i])->alias, "serial", i);
  for (guint i = 0; i < config->consoles->len; i++)
    set_alias (&((CopDomainChardev *) config->consoles->pdata[i])->alias, "console", i);
  for (guint i = 0; i < config->channels->len; i++)
    set_alias (&((CopDomainChardev *) config->channels->pdata[i])->alias, "channel", i);
  if (cop_domain_config_balloon (config) != NULL)
    set_alias (&cop_domain_config_balloon (config)->alias, "balloon", 0);
  for (guint i = 0; i < config->rngs->len; i++)
    set_alias (&((CopDomainRng *) config->rngs->pdata[i])->alias, "rng", i);
  cop_domain_config_sync_consoles (config);
}
