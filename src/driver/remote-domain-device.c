/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Devices: attached, detached and changed. Devices of the machine are on no bus that can be
 * plugged, so a running domain follows only in what its hardware can: the cable of a network
 * interface.
 */
#include "driver/remote-domain.h"

#include "xml/domain-device.h"

#include <string.h>

/* libvirt's VIR_DOMAIN_DEVICE_MODIFY_FORCE */
#define FORCE (1 << 2)
#define AFFECT (COP_AFFECT_LIVE | COP_AFFECT_CONFIG)

typedef struct
{
  const char *xml, *alias;
  CopDomainDevice *device; /* (owned) (nullable) */
} Change;

static void
change_clear (Change *change)
{
  g_clear_pointer (&change->device, cop_domain_device_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Change, change_clear)

static bool
parse_device (Change *change, GError **error)
{
  cop_domain_device_free (g_steal_pointer (&change->device));
  change->device =
    cop_domain_device_parse (change->xml, strlen (change->xml), NULL, 0, NULL, error);
  return change->device != NULL;
}

static bool
attach_to_config (CopDomainConfig *config, gpointer data, GError **error)
{
  Change *change = data;

  if (!parse_device (change, error))
    return false;
  g_ptr_array_add (cop_domain_config_devices (config, change->device->kind),
                   g_steal_pointer (&change->device->any));
  cop_domain_config_set_defaults (config, NULL);
  return true;
}

static bool
remove_device (CopDomainConfig *config, CopDeviceKind kind, guint index)
{
  g_ptr_array_remove_index (cop_domain_config_devices (config, kind), index);
  return true;
}

static bool
detach_from_config (CopDomainConfig *config, gpointer data, GError **error)
{
  g_autoptr (GError) missing = NULL;
  Change *change = data;
  guint index;

  if (!parse_device (change, error))
    return false;
  if (cop_domain_config_find_device (config, change->device, &index, &missing) == NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_DEVICE_MISSING, "%s", missing->message);
  return remove_device (config, change->device->kind, index);
}

/* A definition has only the aliases that a user gave; those of ours are made as at a start. */
static bool
detach_alias_from_config (CopDomainConfig *config, gpointer data, GError **error)
{
  const Change *change = data;
  g_autoptr (CopDomainConfig) named = cop_domain_config_copy (config);
  CopDeviceKind kind;
  guint index;

  cop_domain_config_assign_aliases (named);
  if (cop_domain_config_find_alias (named, change->alias, &kind, &index) == NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_DEVICE_MISSING,
                            _ ("no device found with alias %s"), change->alias);
  return remove_device (config, kind, index);
}

static bool
update_in_config (CopDomainConfig *config, gpointer data, GError **error)
{
  Change *change = data;

  return parse_device (change, error) &&
         cop_domain_config_update_device (config, change->device, false, NULL, error);
}

static bool
refuse_live (const char *what, GError **error)
{
  return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_UNSUPPORTED,
                          _ ("the machine has no bus on which devices can be %s while it runs; "
                             "change the definition with --config"),
                          what);
}

static bool
change_config (CopServerCall *call, const CopRemoteDomain *dom, Change *change, unsigned affect,
               CopConfigFunc func, const char *what, GError **error)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, dom, error);
  bool ok;

  if (domain == NULL || !cop_remote_check_flags (affect, AFFECT | FORCE, error))
    return false;
  affect &= AFFECT;
  g_mutex_lock (&domain->lock);
  ok = cop_domain_resolve_affect (domain, &affect, error);
  g_mutex_unlock (&domain->lock);
  if (!ok)
    return false;
  if ((affect & COP_AFFECT_LIVE) != 0)
    return refuse_live (what, error);
  return cop_domain_change_definition (domain, func, change, error);
}

COP_REMOTE_HANDLES (domain_attach_device, DomainAttachDevice)
{
  g_auto (Change) change = { .xml = args->xml };

  return change_config (call, &args->dom, &change, COP_AFFECT_LIVE, attach_to_config,
                        _ ("attached"), error);
}

COP_REMOTE_HANDLES (domain_attach_device_flags, DomainAttachDeviceFlags)
{
  g_auto (Change) change = { .xml = args->xml };

  return change_config (call, &args->dom, &change, args->flags, attach_to_config, _ ("attached"),
                        error);
}

COP_REMOTE_HANDLES (domain_detach_device, DomainDetachDevice)
{
  g_auto (Change) change = { .xml = args->xml };

  return change_config (call, &args->dom, &change, COP_AFFECT_LIVE, detach_from_config,
                        _ ("detached"), error);
}

COP_REMOTE_HANDLES (domain_detach_device_flags, DomainDetachDeviceFlags)
{
  g_auto (Change) change = { .xml = args->xml };

  return change_config (call, &args->dom, &change, args->flags, detach_from_config, _ ("detached"),
                        error);
}

COP_REMOTE_HANDLES (domain_detach_device_alias, DomainDetachDeviceAlias)
{
  g_auto (Change) change = { .alias = args->alias };

  return change_config (call, &args->dom, &change, args->flags, detach_alias_from_config,
                        _ ("detached"), error);
}

/* What a running machine has to do about an update that its document has already taken. */
static bool
plug_cable (CopDomain *domain, CopVm *vm, const CopDomainDevice *device, GError **error)
{
  bool up = false;
  guint nic = 0;

  if (device->kind == COP_DEVICE_MEMBALLOON &&
      device->memballoon->model != COP_MEMBALLOON_MODEL_NONE)
    return cop_vm_set_balloon_period (vm, device->memballoon->period, error);
  if (device->kind != COP_DEVICE_INTERFACE)
    return true;
  g_mutex_lock (&domain->lock);
  if (domain->running != NULL &&
      cop_domain_config_find_device (domain->running, device, &nic, NULL) != NULL)
    {
      const CopDomainInterface *interface = domain->running->interfaces->pdata[nic];

      up = interface->link != COP_LINK_DOWN;
    }
  g_mutex_unlock (&domain->lock);
  return cop_vm_set_link (vm, nic, up, error);
}

/* By the holder of the job. */
static bool
update_live (CopDomain *domain, Change *change, GError **error)
{
  g_autoptr (CopDomainConfig) before = NULL;
  g_autoptr (CopVm) vm = NULL;
  bool ok;

  if (!parse_device (change, error))
    return false;
  g_mutex_lock (&domain->lock);
  ok = cop_domain_need_active (domain, error);
  if (ok)
    {
      before = cop_domain_config_copy (domain->running);
      vm = g_object_ref (domain->vm);
      ok = cop_domain_config_update_device (domain->running, change->device, true, NULL, error);
    }
  g_mutex_unlock (&domain->lock);
  if (!ok)
    return false;
  if (!plug_cable (domain, vm, change->device, error))
    {
      g_mutex_lock (&domain->lock);
      if (domain->running != NULL)
        {
          cop_domain_config_free (domain->running);
          domain->running = g_steal_pointer (&before);
        }
      g_mutex_unlock (&domain->lock);
      return false;
    }
  cop_domain_refresh_status (domain);
  return true;
}

COP_REMOTE_HANDLES (domain_update_device_flags, DomainUpdateDeviceFlags)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_auto (Change) change = { .xml = args->xml };
  unsigned affect = args->flags & AFFECT;
  bool ok;

  if (domain == NULL || !cop_remote_check_flags (args->flags, AFFECT | FORCE, error) ||
      !cop_domain_begin_job (domain, COP_JOB_MODIFY, error))
    return false;
  g_mutex_lock (&domain->lock);
  ok = cop_domain_resolve_affect (domain, &affect, error);
  g_mutex_unlock (&domain->lock);
  ok = ok && ((affect & COP_AFFECT_LIVE) == 0 || update_live (domain, &change, error)) &&
       ((affect & COP_AFFECT_CONFIG) == 0 ||
        cop_domain_change_definition (domain, update_in_config, &change, error));
  cop_domain_end_job (domain);
  return ok;
}

/* clang-format off */
const CopHandler cop_remote_device_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_ATTACH_DEVICE, DomainAttachDevice, domain_attach_device),
  COP_REMOTE_HANDLER (DOMAIN_ATTACH_DEVICE_FLAGS, DomainAttachDeviceFlags, domain_attach_device_flags),
  COP_REMOTE_HANDLER (DOMAIN_DETACH_DEVICE, DomainDetachDevice, domain_detach_device),
  COP_REMOTE_HANDLER (DOMAIN_DETACH_DEVICE_FLAGS, DomainDetachDeviceFlags, domain_detach_device_flags),
  COP_REMOTE_HANDLER (DOMAIN_DETACH_DEVICE_ALIAS, DomainDetachDeviceAlias, domain_detach_device_alias),
  COP_REMOTE_HANDLER (DOMAIN_UPDATE_DEVICE_FLAGS, DomainUpdateDeviceFlags, domain_update_device_flags),
  { 0 },
};
/* clang-format on */
