/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The life of domains: create, start, suspend, resume, reboot, shutdown, destroy.
 */
#include "driver/remote-domain.h"

/* libvirt's VIR_DOMAIN_SHUTDOWN_*, and the same of reboot: ways to reach the guest. */
enum
{
  BY_ACPI = 1 << 0, /* a power button: here it is a key of the device tree's */
  BY_AGENT = 1 << 1,
};

#define START_FLAGS                                                                                \
  (COP_START_PAUSED | COP_START_AUTODESTROY | COP_START_BYPASS_CACHE | COP_START_FORCE_BOOT)

COP_REMOTE_HANDLES (domain_create_xml, DomainCreateXml)
{
  g_autoptr (CopDomain) domain = NULL;

  if (!cop_remote_check_flags (args->flags, START_FLAGS | COP_START_VALIDATE, error))
    return false;
  domain = cop_driver_create (cop_remote_driver (call), args->xml_desc, args->flags,
                              cop_server_call_get_conn (call), error);
  if (domain != NULL)
    cop_remote_set_domain (&ret->dom, domain);
  return domain != NULL;
}

COP_REMOTE_HANDLES (domain_create, DomainCreate)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_domain_start (domain, 0, NULL, error);
}

COP_REMOTE_HANDLES (domain_create_with_flags, DomainCreateWithFlags)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL || !cop_remote_check_flags (args->flags, START_FLAGS, error) ||
      !cop_domain_start (domain, args->flags, cop_server_call_get_conn (call), error))
    return false;
  cop_remote_set_domain (&ret->dom, domain);
  return true;
}

COP_REMOTE_HANDLES (domain_destroy, DomainDestroy)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_domain_destroy (domain, false, error);
}

COP_REMOTE_HANDLES (domain_destroy_flags, DomainDestroyFlags)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_remote_check_flags (args->flags, 1, error) &&
         cop_domain_destroy (domain, (args->flags & 1) != 0, error);
}

COP_REMOTE_HANDLES (domain_shutdown, DomainShutdown)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_domain_shutdown (domain, 0, error);
}

/* Calls @ask by the first way of @flags that works: agent, then button. */
static bool
ask_guest (CopDomain *domain, unsigned flags, bool reboot, GError **error)
{
  g_autoptr (GError) why = NULL;

  if (!cop_remote_check_flags (flags, BY_ACPI | BY_AGENT, error))
    return false;
  if ((flags & BY_AGENT) != 0)
    {
      if (cop_domain_agent_shutdown (domain, reboot, &why))
        return true;
      if ((flags & BY_ACPI) == 0)
        {
          g_propagate_error (error, g_steal_pointer (&why));
          return false;
        }
    }
  return reboot ? cop_domain_reboot (domain, flags, error)
                : cop_domain_shutdown (domain, flags, error);
}

COP_REMOTE_HANDLES (domain_shutdown_flags, DomainShutdownFlags)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && ask_guest (domain, args->flags, false, error);
}

COP_REMOTE_HANDLES (domain_reboot, DomainReboot)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && ask_guest (domain, args->flags, true, error);
}

COP_REMOTE_HANDLES (domain_reset, DomainReset)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_remote_check_flags (args->flags, 0, error) &&
         cop_domain_reset (domain, error);
}

COP_REMOTE_HANDLES (domain_suspend, DomainSuspend)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_domain_suspend (domain, error);
}

COP_REMOTE_HANDLES (domain_resume, DomainResume)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_domain_resume (domain, error);
}

typedef struct
{
  unsigned type, action;
} LifecycleChange;

/* libvirt's numbers of actions; what the machine does not know how to do is not among ours. */
static bool
apply_lifecycle (CopDomainConfig *config, gpointer data, GError **error)
{
  static const CopDomainAction actions[] = { COP_DOMAIN_ACTION_DESTROY, COP_DOMAIN_ACTION_RESTART,
                                             COP_DOMAIN_ACTION_UNSET, COP_DOMAIN_ACTION_PRESERVE };
  CopDomainAction *members[] = { &config->on_poweroff, &config->on_reboot, &config->on_crash };
  const LifecycleChange *change = data;

  if (change->type >= G_N_ELEMENTS (members))
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("unknown lifecycle type %u"),
                            change->type);
  if (change->action >= G_N_ELEMENTS (actions) ||
      actions[change->action] == COP_DOMAIN_ACTION_UNSET)
    return cop_driver_fail (error, COP_DRIVER_ERROR_CONFIG_UNSUPPORTED,
                            _ ("lifecycle action %u is not supported; there are: destroy, restart, "
                               "preserve"),
                            change->action);
  *members[change->type] = actions[change->action];
  return true;
}

COP_REMOTE_HANDLES (domain_set_lifecycle_action, DomainSetLifecycleAction)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  LifecycleChange change = { args->type, args->action };
  unsigned affect = args->flags;
  CopVmActions actions = { 0 };
  g_autoptr (CopVm) vm = NULL;
  bool ok;

  if (domain == NULL ||
      !cop_remote_check_flags (affect, COP_AFFECT_LIVE | COP_AFFECT_CONFIG, error))
    return false;
  g_mutex_lock (&domain->lock);
  ok = cop_domain_resolve_affect (domain, &affect, error) &&
       ((affect & COP_AFFECT_LIVE) == 0 || apply_lifecycle (domain->running, &change, error));
  if (ok && (affect & COP_AFFECT_LIVE) != 0)
    {
      actions = cop_domain_actions (domain->running);
      vm = g_object_ref (domain->vm);
    }
  g_mutex_unlock (&domain->lock);
  if (vm != NULL)
    {
      cop_domain_refresh_status (domain);
      ok = cop_vm_set_actions (vm, &actions, error);
    }
  return ok && ((affect & COP_AFFECT_CONFIG) == 0 ||
                cop_domain_change_definition (domain, apply_lifecycle, &change, error));
}

/* clang-format off */
const CopHandler cop_remote_life_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_CREATE_XML, DomainCreateXml, domain_create_xml),
  COP_REMOTE_HANDLER (DOMAIN_CREATE, DomainCreate, domain_create),
  COP_REMOTE_HANDLER (DOMAIN_CREATE_WITH_FLAGS, DomainCreateWithFlags, domain_create_with_flags),
  COP_REMOTE_HANDLER (DOMAIN_DESTROY, DomainDestroy, domain_destroy),
  COP_REMOTE_HANDLER (DOMAIN_DESTROY_FLAGS, DomainDestroyFlags, domain_destroy_flags),
  COP_REMOTE_HANDLER (DOMAIN_SHUTDOWN, DomainShutdown, domain_shutdown),
  COP_REMOTE_HANDLER (DOMAIN_SHUTDOWN_FLAGS, DomainShutdownFlags, domain_shutdown_flags),
  COP_REMOTE_HANDLER (DOMAIN_REBOOT, DomainReboot, domain_reboot),
  COP_REMOTE_HANDLER (DOMAIN_RESET, DomainReset, domain_reset),
  COP_REMOTE_HANDLER (DOMAIN_SUSPEND, DomainSuspend, domain_suspend),
  COP_REMOTE_HANDLER (DOMAIN_RESUME, DomainResume, domain_resume),
  COP_REMOTE_HANDLER (DOMAIN_SET_LIFECYCLE_ACTION, DomainSetLifecycleAction, domain_set_lifecycle_action),
  { 0 },
};
/* clang-format on */
