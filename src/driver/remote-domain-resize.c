/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory and vCPUs of a domain: as far as a guest can follow. A machine has neither a memory
 * balloon nor harts that come and go, so a running one can only be asked to stay as it is;
 * definitions can be changed.
 */
#include "driver/remote-domain.h"

#include "common/checked.h"
#include "common/units.h"

/* libvirt's VIR_DOMAIN_MEM_MAXIMUM and VIR_DOMAIN_VCPU_MAXIMUM, _GUEST, _HOTPLUGGABLE */
enum
{
  MAXIMUM = 1 << 2,
  VCPU_GUEST = 1 << 3,
  VCPU_HOTPLUGGABLE = 1 << 4,
};

typedef struct
{
  uint64_t value; /* bytes, or vCPUs */
  bool maximum;
} Change;

static bool
apply_memory (CopDomainConfig *config, gpointer data, GError **error)
{
  const Change *change = data;

  if (change->maximum)
    {
      config->memory = change->value;
      config->current_memory = MIN (config->current_memory, config->memory);
      return true;
    }
  if (change->value > config->memory)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("cannot set memory higher than max memory"));
  config->current_memory = change->value;
  return true;
}

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
                            (unsigned) change->value, config->vcpus);
  config->current_vcpus = change->value;
  return true;
}

static bool
resize (CopDomain *domain, CopConfigFunc func, Change *change, unsigned affect, bool memory,
        GError **error)
{
  g_autoptr (CopDomainConfig) copy = NULL;
  bool ok, same = true;

  if (change->value == 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("argument must not be zero"));
  g_mutex_lock (&domain->lock);
  ok = cop_domain_resolve_affect (domain, &affect, error);
  if (ok && (affect & COP_AFFECT_LIVE) != 0)
    {
      copy = cop_domain_config_copy (domain->running);
      ok = func (copy, change, error);
      same = ok && cop_domain_config_equal (copy, domain->running);
    }
  g_mutex_unlock (&domain->lock);
  if (ok && !same)
    return cop_driver_fail (
      error, COP_DRIVER_ERROR_OPERATION_UNSUPPORTED,
      memory ? _ ("the machine has no memory balloon: its memory stays as it is while it runs; "
                  "change the definition with --config")
             : _ ("vcpus cannot come or go while the machine runs; change the definition with "
                  "--config"));
  return ok && ((affect & COP_AFFECT_CONFIG) == 0 ||
                cop_domain_change_definition (domain, func, change, error));
}

static bool
resize_memory (CopServerCall *call, const CopRemoteDomain *dom, uint64_t kib, unsigned flags,
               GError **error)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, dom, error);
  Change change = { .maximum = (flags & MAXIMUM) != 0 };

  if (domain == NULL ||
      !cop_remote_check_flags (flags, COP_AFFECT_LIVE | COP_AFFECT_CONFIG | MAXIMUM, error))
    return false;
  if (__builtin_mul_overflow (kib, (uint64_t) COP_KIB, &change.value))
    return cop_driver_fail (error, COP_DRIVER_ERROR_OVERFLOW,
                            _ ("%" G_GUINT64_FORMAT " KiB are too much"), (guint64) kib);
  return resize (domain, apply_memory, &change, flags & ~MAXIMUM, true, error);
}

COP_REMOTE_HANDLES (domain_set_memory, DomainSetMemory)
{
  return resize_memory (call, &args->dom, args->memory, COP_AFFECT_LIVE, error);
}

COP_REMOTE_HANDLES (domain_set_max_memory, DomainSetMaxMemory)
{
  return resize_memory (call, &args->dom, args->memory, MAXIMUM, error);
}

COP_REMOTE_HANDLES (domain_set_memory_flags, DomainSetMemoryFlags)
{
  return resize_memory (call, &args->dom, args->memory, args->flags, error);
}

static bool
resize_vcpus (CopServerCall *call, const CopRemoteDomain *dom, unsigned vcpus, unsigned flags,
              GError **error)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, dom, error);
  Change change = { .value = vcpus, .maximum = (flags & MAXIMUM) != 0 };

  if (domain == NULL || !cop_remote_check_flags (flags,
                                                 COP_AFFECT_LIVE | COP_AFFECT_CONFIG | MAXIMUM |
                                                   VCPU_GUEST | VCPU_HOTPLUGGABLE,
                                                 error))
    return false;
  if ((flags & (VCPU_GUEST | VCPU_HOTPLUGGABLE)) != 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_UNSUPPORTED,
                            _ ("vcpus cannot come or go while the machine runs; change the "
                               "definition with --config"));
  if (change.maximum && (flags & COP_AFFECT_LIVE) != 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("the maximum of vcpus is set with --config only"));
  return resize (domain, apply_vcpus, &change, flags & (COP_AFFECT_LIVE | COP_AFFECT_CONFIG), false,
                 error);
}

COP_REMOTE_HANDLES (domain_set_vcpus, DomainSetVcpus)
{
  return resize_vcpus (call, &args->dom, args->nvcpus, COP_AFFECT_LIVE, error);
}

COP_REMOTE_HANDLES (domain_set_vcpus_flags, DomainSetVcpusFlags)
{
  return resize_vcpus (call, &args->dom, args->nvcpus, args->flags, error);
}

/* clang-format off */
const CopHandler cop_remote_resize_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_SET_MEMORY, DomainSetMemory, domain_set_memory),
  COP_REMOTE_HANDLER (DOMAIN_SET_MAX_MEMORY, DomainSetMaxMemory, domain_set_max_memory),
  COP_REMOTE_HANDLER (DOMAIN_SET_MEMORY_FLAGS, DomainSetMemoryFlags, domain_set_memory_flags),
  COP_REMOTE_HANDLER (DOMAIN_SET_VCPUS, DomainSetVcpus, domain_set_vcpus),
  COP_REMOTE_HANDLER (DOMAIN_SET_VCPUS_FLAGS, DomainSetVcpusFlags, domain_set_vcpus_flags),
  { 0 },
};
/* clang-format on */
