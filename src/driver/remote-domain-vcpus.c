/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How many vCPUs a domain has. The harts of a machine are there from its start: a running guest can
 * only take some of them off-line itself, when its agent is asked to; definitions can be changed.
 */
#include "driver/domain-agent.h"
#include "driver/remote-domain.h"

#include <stdlib.h>

/* libvirt's VIR_DOMAIN_VCPU_MAXIMUM, _GUEST, _HOTPLUGGABLE */
enum
{
  MAXIMUM = 1 << 2,
  GUEST = 1 << 3,
  HOTPLUGGABLE = 1 << 4,
};

typedef struct
{
  unsigned value;
  bool maximum;
} Change;

static bool
apply_vcpus (CopDomainConfig *config, gpointer data, GError **error)
{
  const Change *change = data;

  if (change->maximum)
    {
      unsigned current = cop_domain_current_vcpus (config);

      config->vcpus = change->value;
      config->current_vcpus = MIN (current, config->vcpus);
      return true;
    }
  if (change->value > config->vcpus)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("requested vcpus is greater than max allowable vcpus for the "
                               "domain: %u > %u"),
                            change->value, config->vcpus);
  config->current_vcpus = change->value;
  return true;
}

static bool
refuse_live (GError **error)
{
  return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_UNSUPPORTED,
                          _ ("vcpus cannot come or go while the machine runs; change the "
                             "definition with --config, or let the guest's agent take them "
                             "off-line with --guest"));
}

static bool
change_vcpus (CopDomain *domain, Change *change, unsigned affect, GError **error)
{
  g_autoptr (CopDomainConfig) copy = NULL;
  bool ok, same = true;

  g_mutex_lock (&domain->lock);
  ok = cop_domain_resolve_affect (domain, &affect, error);
  if (ok && (affect & COP_AFFECT_LIVE) != 0)
    {
      copy = cop_domain_config_copy (domain->running);
      ok = apply_vcpus (copy, change, error);
      same = ok && cop_domain_current_vcpus (copy) == cop_domain_current_vcpus (domain->running);
    }
  g_mutex_unlock (&domain->lock);
  if (ok && !same)
    return refuse_live (error);
  return ok && ((affect & COP_AFFECT_CONFIG) == 0 ||
                cop_domain_change_definition (domain, apply_vcpus, change, error));
}

static bool
set_vcpus (CopServerCall *call, const CopRemoteDomain *dom, unsigned vcpus, unsigned flags,
           GError **error)
{
  const unsigned affect = COP_AFFECT_LIVE | COP_AFFECT_CONFIG;
  g_autoptr (CopDomain) domain = cop_remote_find (call, dom, error);
  Change change = { .value = vcpus, .maximum = (flags & MAXIMUM) != 0 };

  if (domain == NULL ||
      !cop_remote_check_flags (flags, affect | MAXIMUM | GUEST | HOTPLUGGABLE, error))
    return false;
  if (vcpus == 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("argument must not be zero"));
  if ((flags & GUEST) != 0)
    {
      if ((flags & (MAXIMUM | COP_AFFECT_CONFIG)) != 0)
        return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                                _ ("the guest's agent changes the running domain only, and not the "
                                   "maximum"));
      return cop_domain_agent_set_vcpus (domain, vcpus, error);
    }
  if ((flags & HOTPLUGGABLE) != 0)
    return refuse_live (error);
  if (change.maximum && (flags & COP_AFFECT_LIVE) != 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("the maximum of vcpus is set with --config only"));
  return change_vcpus (domain, &change, flags & affect, error);
}

COP_REMOTE_HANDLES (domain_set_vcpus, DomainSetVcpus)
{
  return set_vcpus (call, &args->dom, args->nvcpus, COP_AFFECT_LIVE, error);
}

COP_REMOTE_HANDLES (domain_set_vcpus_flags, DomainSetVcpusFlags)
{
  return set_vcpus (call, &args->dom, args->nvcpus, args->flags, error);
}

/* One by one: libvirt's way to choose which of them there are. */
COP_REMOTE_HANDLES (domain_set_vcpu, DomainSetVcpu)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL &&
         cop_remote_check_flags (args->flags, COP_AFFECT_LIVE | COP_AFFECT_CONFIG, error) &&
         cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_UNSUPPORTED,
                          _ ("vcpus cannot be chosen one by one; say how many with setvcpus"));
}

/* clang-format off */
const CopHandler cop_remote_vcpus_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_SET_VCPUS, DomainSetVcpus, domain_set_vcpus),
  COP_REMOTE_HANDLER (DOMAIN_SET_VCPUS_FLAGS, DomainSetVcpusFlags, domain_set_vcpus_flags),
  COP_REMOTE_HANDLER (DOMAIN_SET_VCPU, DomainSetVcpu, domain_set_vcpu),
  { 0 },
};
/* clang-format on */
