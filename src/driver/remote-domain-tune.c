/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Schedulers and limits. Machines are processes of the host's own scheduler and have no limits that
 * the daemon sets: getters say so in libvirt's words, setters refuse.
 */
#include "driver/remote-domain.h"

#include "xml/domain-device.h"

#define STRING_OKAY 4
#define GET_FLAGS (COP_AFFECT_LIVE | COP_AFFECT_CONFIG | STRING_OKAY)
/* libvirt's VIR_DOMAIN_MEMORY_PARAM_UNLIMITED, in KiB */
#define UNLIMITED G_GUINT64_CONSTANT (9007199254740991)

static const char *const memory_limits[] = { "hard_limit", "soft_limit", "swap_hard_limit" };
static const char *const throttles[] = {
  "total_bytes_sec",     "read_bytes_sec",     "write_bytes_sec",     "total_iops_sec",
  "read_iops_sec",       "write_iops_sec",     "total_bytes_sec_max", "read_bytes_sec_max",
  "write_bytes_sec_max", "total_iops_sec_max", "read_iops_sec_max",   "write_iops_sec_max",
};
static const char *const bandwidths[] = {
  "inbound.average",  "inbound.peak",  "inbound.burst",  "inbound.floor",
  "outbound.average", "outbound.peak", "outbound.burst",
};

/* Fills in a list of names with one value. */
static void
same_value (CopParams *params, const char *const *names, gsize n, uint64_t value, bool small)
{
  for (gsize i = 0; i < n; i++)
    if (small)
      cop_params_add_uint (params, names[i], value);
    else
      cop_params_add_ullong (params, names[i], value);
}

/* What every query begins with. Returns: (transfer full) (nullable): the domain */
static CopDomain *
begin_get (CopServerCall *call, const CopRemoteDomain *dom, unsigned flags, GError **error)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, dom, error);
  bool ok;

  if (domain == NULL || !cop_remote_check_flags (flags, GET_FLAGS, error))
    return NULL;
  g_mutex_lock (&domain->lock);
  ok = cop_domain_pick_config (domain, flags, error) != NULL;
  g_mutex_unlock (&domain->lock);
  return ok ? g_steal_pointer (&domain) : NULL;
}

static bool
refuse (CopServerCall *call, const CopRemoteDomain *dom, const char *what, GError **error)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, dom, error);

  return domain != NULL &&
         cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_UNSUPPORTED,
                          _ ("%s cannot be set: a machine is a process of the host's own "
                             "scheduler; use the service manager's limits"),
                          what);
}

/* The weight that the kernel gives to a process of ordinary priority: all machines have it. */
#define CPU_SHARES 1024

static void
answer_scheduler (CopTypedParam **items, uint32_t *n_items)
{
  g_auto (CopParams) params = COP_PARAMS_INIT;

  cop_params_add_ullong (&params, "cpu_shares", CPU_SHARES);
  cop_params_steal (&params, items, n_items);
}

/* Scheduler ---------------------------------------------------------------------------------- */

COP_REMOTE_HANDLES (domain_get_scheduler_type, DomainGetSchedulerType)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL)
    return false;
  ret->type = g_strdup ("posix");
  ret->nparams = 1;
  return true;
}

COP_REMOTE_HANDLES (domain_get_scheduler_parameters, DomainGetSchedulerParameters)
{
  g_autoptr (CopDomain) domain = begin_get (call, &args->dom, 0, error);

  if (domain != NULL && args->nparams > 0)
    answer_scheduler (&ret->params, &ret->n_params);
  return domain != NULL;
}

COP_REMOTE_HANDLES (domain_get_scheduler_parameters_flags, DomainGetSchedulerParametersFlags)
{
  g_autoptr (CopDomain) domain = begin_get (call, &args->dom, args->flags, error);

  if (domain != NULL && args->nparams > 0)
    answer_scheduler (&ret->params, &ret->n_params);
  return domain != NULL;
}

COP_REMOTE_HANDLES (domain_set_scheduler_parameters, DomainSetSchedulerParameters)
{
  return refuse (call, &args->dom, _ ("scheduler parameters"), error);
}

COP_REMOTE_HANDLES (domain_set_scheduler_parameters_flags, DomainSetSchedulerParametersFlags)
{
  return refuse (call, &args->dom, _ ("scheduler parameters"), error);
}

/* Limits ------------------------------------------------------------------------------------- */

COP_REMOTE_HANDLES (domain_get_memory_parameters, DomainGetMemoryParameters)
{
  g_autoptr (CopDomain) domain = begin_get (call, &args->dom, args->flags, error);
  g_auto (CopParams) params = COP_PARAMS_INIT;

  if (domain == NULL)
    return false;
  same_value (&params, memory_limits, G_N_ELEMENTS (memory_limits), UNLIMITED, false);
  cop_params_answer (&params, args->nparams, &ret->params, &ret->n_params, &ret->nparams);
  return true;
}

COP_REMOTE_HANDLES (domain_set_memory_parameters, DomainSetMemoryParameters)
{
  return refuse (call, &args->dom, _ ("memory limits"), error);
}

COP_REMOTE_HANDLES (domain_get_blkio_parameters, DomainGetBlkioParameters)
{
  g_autoptr (CopDomain) domain = begin_get (call, &args->dom, args->flags, error);

  return domain != NULL;
}

COP_REMOTE_HANDLES (domain_set_blkio_parameters, DomainSetBlkioParameters)
{
  return refuse (call, &args->dom, _ ("block I/O weights"), error);
}

COP_REMOTE_HANDLES (domain_get_block_io_tune, DomainGetBlockIoTune)
{
  g_autoptr (CopDomain) domain = begin_get (call, &args->dom, args->flags, error);
  g_auto (CopParams) params = COP_PARAMS_INIT;
  bool found = true;

  if (domain == NULL)
    return false;
  g_mutex_lock (&domain->lock);
  if (args->disk != NULL)
    {
      CopDomainConfig *config = cop_domain_pick_config (domain, args->flags, error);

      found = config != NULL && cop_domain_config_find_disk (config, args->disk, NULL) != NULL;
      if (config != NULL && !found)
        cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                         _ ("disk '%s' was not found in the domain config"), args->disk);
    }
  g_mutex_unlock (&domain->lock);
  if (!found)
    return false;
  same_value (&params, throttles, G_N_ELEMENTS (throttles), 0, false);
  cop_params_answer (&params, args->nparams, &ret->params, &ret->n_params, &ret->nparams);
  return true;
}

COP_REMOTE_HANDLES (domain_set_block_io_tune, DomainSetBlockIoTune)
{
  return refuse (call, &args->dom, _ ("limits of a disk"), error);
}

COP_REMOTE_HANDLES (domain_get_interface_parameters, DomainGetInterfaceParameters)
{
  g_autoptr (CopDomain) domain = begin_get (call, &args->dom, args->flags, error);
  g_auto (CopParams) params = COP_PARAMS_INIT;
  CopDomainConfig *config;
  bool found;

  if (domain == NULL)
    return false;
  g_mutex_lock (&domain->lock);
  config = cop_domain_pick_config (domain, args->flags, error);
  found = config != NULL && cop_domain_config_find_interface (config, args->device, NULL) != NULL;
  if (config != NULL && !found)
    cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("can't find interface '%s'"),
                     args->device);
  g_mutex_unlock (&domain->lock);
  if (!found)
    return false;
  same_value (&params, bandwidths, G_N_ELEMENTS (bandwidths), 0, true);
  cop_params_answer (&params, args->nparams, &ret->params, &ret->n_params, &ret->nparams);
  return true;
}

COP_REMOTE_HANDLES (domain_set_interface_parameters, DomainSetInterfaceParameters)
{
  return refuse (call, &args->dom, _ ("bandwidth of an interface"), error);
}

/* Disks have no threads of their own. */
COP_REMOTE_HANDLES (domain_get_iothread_info, DomainGetIothreadInfo)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  bool ok;

  if (domain == NULL ||
      !cop_remote_check_flags (args->flags, COP_AFFECT_LIVE | COP_AFFECT_CONFIG, error))
    return false;
  g_mutex_lock (&domain->lock);
  ok = cop_domain_pick_config (domain, args->flags, error) != NULL;
  g_mutex_unlock (&domain->lock);
  return ok;
}

/* clang-format off */
const CopHandler cop_remote_tune_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_GET_IOTHREAD_INFO, DomainGetIothreadInfo, domain_get_iothread_info),
  COP_REMOTE_HANDLER (DOMAIN_GET_SCHEDULER_TYPE, DomainGetSchedulerType, domain_get_scheduler_type),
  COP_REMOTE_HANDLER (DOMAIN_GET_SCHEDULER_PARAMETERS, DomainGetSchedulerParameters, domain_get_scheduler_parameters),
  COP_REMOTE_HANDLER (DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS, DomainGetSchedulerParametersFlags, domain_get_scheduler_parameters_flags),
  COP_REMOTE_HANDLER (DOMAIN_SET_SCHEDULER_PARAMETERS, DomainSetSchedulerParameters, domain_set_scheduler_parameters),
  COP_REMOTE_HANDLER (DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS, DomainSetSchedulerParametersFlags, domain_set_scheduler_parameters_flags),
  COP_REMOTE_HANDLER (DOMAIN_GET_MEMORY_PARAMETERS, DomainGetMemoryParameters, domain_get_memory_parameters),
  COP_REMOTE_HANDLER (DOMAIN_SET_MEMORY_PARAMETERS, DomainSetMemoryParameters, domain_set_memory_parameters),
  COP_REMOTE_HANDLER (DOMAIN_GET_BLKIO_PARAMETERS, DomainGetBlkioParameters, domain_get_blkio_parameters),
  COP_REMOTE_HANDLER (DOMAIN_SET_BLKIO_PARAMETERS, DomainSetBlkioParameters, domain_set_blkio_parameters),
  COP_REMOTE_HANDLER (DOMAIN_GET_BLOCK_IO_TUNE, DomainGetBlockIoTune, domain_get_block_io_tune),
  COP_REMOTE_HANDLER (DOMAIN_SET_BLOCK_IO_TUNE, DomainSetBlockIoTune, domain_set_block_io_tune),
  COP_REMOTE_HANDLER (DOMAIN_GET_INTERFACE_PARAMETERS, DomainGetInterfaceParameters, domain_get_interface_parameters),
  COP_REMOTE_HANDLER (DOMAIN_SET_INTERFACE_PARAMETERS, DomainSetInterfaceParameters, domain_set_interface_parameters),
  { 0 },
};
/* clang-format on */
