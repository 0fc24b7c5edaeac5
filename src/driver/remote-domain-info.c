/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What domains are and do: info, state, document, vCPUs. None of it waits for a guest or a job.
 */
#include "driver/remote-domain.h"

#include "common/units.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

COP_REMOTE_HANDLES (domain_get_info, DomainGetInfo)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (CopVm) vm = NULL;
  const CopDomainConfig *config;

  if (domain == NULL)
    return false;
  g_mutex_lock (&domain->lock);
  /* The definition may have to be read first. */
  if (domain->running == NULL && domain->config == NULL && cop_server_call_later (call))
    {
      g_mutex_unlock (&domain->lock);
      return false;
    }
  config = cop_domain_pick_config (domain, COP_AFFECT_CURRENT, error);
  if (config != NULL)
    {
      ret->state = domain->state;
      ret->max_mem = config->memory / COP_KIB;
      ret->memory = config->current_memory / COP_KIB;
      ret->nr_virt_cpu = cop_domain_current_vcpus (config);
      vm = domain->vm != NULL ? g_object_ref (domain->vm) : NULL;
    }
  g_mutex_unlock (&domain->lock);
  if (vm != NULL)
    ret->cpu_time = cop_vm_total_ns (vm);
  return config != NULL;
}

COP_REMOTE_HANDLES (domain_get_state, DomainGetState)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  g_mutex_lock (&domain->lock);
  ret->state = domain->state;
  ret->reason = domain->reason;
  g_mutex_unlock (&domain->lock);
  return true;
}

/* The control connection is always fine: nothing waits for the guest on it. A job may hold it. */
COP_REMOTE_HANDLES (domain_get_control_info, DomainGetControlInfo)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  bool ok;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  g_mutex_lock (&domain->lock);
  ok = cop_domain_need_active (domain, error);
  if (ok && domain->job != COP_JOB_NONE)
    {
      ret->state = 1; /* a background job */
      if (domain->progress.started != 0)
        ret->state_time = (g_get_monotonic_time () - domain->progress.started) / 1000;
    }
  g_mutex_unlock (&domain->lock);
  return ok;
}

COP_REMOTE_HANDLES (domain_get_xml_desc, DomainGetXmlDesc)
{
  const uint32_t known = COP_DOMAIN_FORMAT_SECURE | COP_DOMAIN_FORMAT_INACTIVE |
                         COP_DOMAIN_FORMAT_UPDATE_CPU | COP_DOMAIN_FORMAT_MIGRATABLE;
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  const CopDomainConfig *config;

  if (domain == NULL || !cop_remote_check_flags (args->flags, known, error))
    return false;
  g_mutex_lock (&domain->lock);
  if (domain->running != NULL &&
      ((args->flags & COP_DOMAIN_FORMAT_INACTIVE) == 0 || !domain->defined))
    config = domain->running;
  else
    config = cop_domain_definition (domain, error);
  if (config != NULL)
    ret->xml = cop_domain_config_format (config, args->flags);
  g_mutex_unlock (&domain->lock);
  return config != NULL;
}

COP_REMOTE_HANDLES (domain_get_os_type, DomainGetOsType)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL)
    return false;
  ret->type = g_strdup ("hvm"); /* there is no other: CopDomainOsType */
  return true;
}

COP_REMOTE_HANDLES (domain_get_max_memory, DomainGetMaxMemory)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  const CopDomainConfig *config;

  if (domain == NULL)
    return false;
  g_mutex_lock (&domain->lock);
  config = cop_domain_pick_config (domain, COP_AFFECT_CURRENT, error);
  if (config != NULL)
    ret->memory = config->memory / COP_KIB;
  g_mutex_unlock (&domain->lock);
  return config != NULL;
}

COP_REMOTE_HANDLES (domain_is_active, DomainIsActive)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL)
    return false;
  g_mutex_lock (&domain->lock);
  ret->active = cop_domain_is_active (domain);
  g_mutex_unlock (&domain->lock);
  return true;
}

COP_REMOTE_HANDLES (domain_is_persistent, DomainIsPersistent)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL)
    return false;
  g_mutex_lock (&domain->lock);
  ret->persistent = domain->defined;
  g_mutex_unlock (&domain->lock);
  return true;
}

COP_REMOTE_HANDLES (domain_is_updated, DomainIsUpdated)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL)
    return false;
  g_mutex_lock (&domain->lock);
  ret->updated = domain->updated;
  g_mutex_unlock (&domain->lock);
  return true;
}

/* There is no security model: an empty label, not enforced, is libvirt's way to say so. */
COP_REMOTE_HANDLES (domain_get_security_label, DomainGetSecurityLabel)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL)
    return false;
  ret->label.data = g_malloc0 (1);
  ret->label.length = 1;
  return true;
}

COP_REMOTE_HANDLES (domain_get_security_label_list, DomainGetSecurityLabelList)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL;
}

/* Nothing here taints a domain or is deprecated. */
COP_REMOTE_HANDLES (domain_get_messages, DomainGetMessages)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_remote_check_flags (args->flags, 3, error);
}

/* vCPUs -------------------------------------------------------------------------------------- */

/* libvirt's VIR_DOMAIN_VCPU_* beside COP_AFFECT_* */
enum
{
  VCPU_MAXIMUM = 1 << 2,
  VCPU_GUEST = 1 << 3,
};

static int
count_vcpus (CopDomain *domain, unsigned flags, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);
  const CopDomainConfig *config = cop_domain_pick_config (domain, flags, error);

  if (config == NULL)
    return -1;
  return (flags & VCPU_MAXIMUM) != 0 ? config->vcpus : cop_domain_current_vcpus (config);
}

COP_REMOTE_HANDLES (domain_get_max_vcpus, DomainGetMaxVcpus)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  ret->num = domain != NULL ? count_vcpus (domain, VCPU_MAXIMUM, error) : -1;
  return ret->num >= 0;
}

COP_REMOTE_HANDLES (domain_get_vcpus_flags, DomainGetVcpusFlags)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL ||
      !cop_remote_check_flags (
        args->flags, COP_AFFECT_LIVE | COP_AFFECT_CONFIG | VCPU_MAXIMUM | VCPU_GUEST, error))
    return false;
  if ((args->flags & VCPU_GUEST) != 0)
    ret->num = cop_domain_agent_count_vcpus (domain, error);
  else
    ret->num = count_vcpus (domain, args->flags, error);
  return ret->num >= 0;
}

/* The CPU of the host that a thread ran on last; -1: not known. Source: proc(5), stat field 39 */
static int
last_cpu (pid_t pid, uint64_t thread)
{
  g_autofree char *path =
    g_strdup_printf ("/proc/%d/task/%" G_GUINT64_FORMAT "/stat", (int) pid, (guint64) thread);
  g_autofree char *text = NULL;
  const char *at;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return -1;
  at = strrchr (text, ')');
  for (int field = 2; at != NULL && field < 39; field++)
    at = strchr (at + 1, ' ');
  return at != NULL ? atoi (at) : -1;
}

/* CPUs of the host that @thread may run on, as a bit map of @length bytes; 0: this daemon's. */
static void
fill_cpumap (pid_t thread, uint8_t *map, size_t length)
{
  cpu_set_t set;

  CPU_ZERO (&set);
  if (sched_getaffinity (thread, sizeof set, &set) < 0 &&
      sched_getaffinity (0, sizeof set, &set) < 0)
    return;
  for (size_t cpu = 0; cpu < length * 8 && cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET (cpu, &set))
      map[cpu / 8] |= 1u << (cpu % 8);
}

/* What the queries below need of a running domain. */
static bool
get_machine (CopDomain *domain, CopVm **vm, unsigned *vcpus, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  if (!cop_domain_need_active (domain, error))
    return false;
  *vm = g_object_ref (domain->vm);
  *vcpus = cop_domain_current_vcpus (domain->running);
  return true;
}

/* Whether @count maps of @length bytes are what a client may ask for, and fit a reply. */
static bool
check_maps (int count, int length, GError **error)
{
  if (count >= 0 && count <= 16384 && length >= 0 && length <= 2048 &&
      (int64_t) count * length <= 8388608)
    return true;
  return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                          _ ("%d maps of %d bytes are more than a reply holds"), count, length);
}

COP_REMOTE_HANDLES (domain_get_vcpus, DomainGetVcpus)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (CopVm) vm = NULL;
  const CopCounters *counters;
  unsigned vcpus;

  if (domain == NULL || !check_maps (args->maxinfo, args->maplen, error) ||
      !get_machine (domain, &vm, &vcpus, error))
    return false;
  counters = cop_vm_counters (vm);
  vcpus = MIN (vcpus, (unsigned) args->maxinfo);
  ret->n_info = vcpus;
  ret->info = g_new0 (CopRemoteVcpuInfo, vcpus);
  ret->cpumaps.length = vcpus * args->maplen;
  ret->cpumaps.data = g_malloc0 (ret->cpumaps.length + 1);
  for (unsigned i = 0; i < vcpus; i++)
    {
      uint64_t thread = COP_COUNTER (counters->harts[i].thread);
      CopVmTimes times = { 0 };

      cop_vm_hart_times (vm, i, &times);
      ret->info[i].number = i;
      ret->info[i].state = COP_COUNTER (counters->harts[i].halted) ? 2 : 1; /* blocked, running */
      ret->info[i].cpu_time = times.total_ns;
      ret->info[i].cpu = last_cpu (cop_vm_pid (vm), thread);
      fill_cpumap (thread, ret->cpumaps.data + i * args->maplen, args->maplen);
    }
  return true;
}

COP_REMOTE_HANDLES (domain_get_vcpu_pin_info, DomainGetVcpuPinInfo)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (CopVm) vm = NULL;
  unsigned vcpus = 0;
  const CopDomainConfig *config;

  if (domain == NULL || !check_maps (args->ncpumaps, args->maplen, error) ||
      !cop_remote_check_flags (args->flags, COP_AFFECT_LIVE | COP_AFFECT_CONFIG, error))
    return false;
  g_mutex_lock (&domain->lock);
  config = cop_domain_pick_config (domain, args->flags, error);
  if (config != NULL)
    vcpus = MIN (cop_domain_current_vcpus (config), (unsigned) args->ncpumaps);
  if (config != NULL && config == domain->running)
    vm = g_object_ref (domain->vm);
  g_mutex_unlock (&domain->lock);
  if (config == NULL)
    return false;
  ret->num = vcpus;
  ret->cpumaps.length = vcpus * args->maplen;
  ret->cpumaps.data = g_malloc0 (ret->cpumaps.length + 1);
  for (unsigned i = 0; i < vcpus; i++)
    fill_cpumap (vm != NULL ? COP_COUNTER (cop_vm_counters (vm)->harts[i].thread) : 0,
                 ret->cpumaps.data + i * args->maplen, args->maplen);
  return true;
}

COP_REMOTE_HANDLES (domain_get_emulator_pin_info, DomainGetEmulatorPinInfo)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (CopVm) vm = NULL;
  bool ok;

  if (domain == NULL || !check_maps (1, args->maplen, error) ||
      !cop_remote_check_flags (args->flags, COP_AFFECT_LIVE | COP_AFFECT_CONFIG, error))
    return false;
  g_mutex_lock (&domain->lock);
  ok = cop_domain_pick_config (domain, args->flags, error) != NULL;
  if (ok && domain->vm != NULL && (args->flags & COP_AFFECT_CONFIG) == 0)
    vm = g_object_ref (domain->vm);
  g_mutex_unlock (&domain->lock);
  if (!ok)
    return false;
  ret->ret = 1;
  ret->cpumaps.length = args->maplen;
  ret->cpumaps.data = g_malloc0 (args->maplen + 1);
  fill_cpumap (vm != NULL ? cop_vm_pid (vm) : 0, ret->cpumaps.data, args->maplen);
  return true;
}

/* Pinning ------------------------------------------------------------------------------------ */

/* Reads a client's bit map of CPUs. */
static bool
read_cpumap (const CopBytes *map, cpu_set_t *set, GError **error)
{
  CPU_ZERO (set);
  for (uint32_t cpu = 0; cpu < map->length * 8 && cpu < CPU_SETSIZE; cpu++)
    if (map->data[cpu / 8] & (1u << (cpu % 8)))
      CPU_SET (cpu, set);
  if (CPU_COUNT (set) > 0)
    return true;
  return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("Empty cpu list for pinning"));
}

/* Where a machine runs is not part of its definition: only one that runs is pinned. */
static bool
pin (CopDomain *domain, bool emulator, unsigned vcpu, const CopBytes *map, unsigned affect,
     GError **error)
{
  g_autoptr (CopVm) vm = NULL;
  unsigned vcpus;
  cpu_set_t set;
  pid_t thread;

  if (!cop_remote_check_flags (affect, COP_AFFECT_LIVE | COP_AFFECT_CONFIG, error) ||
      !read_cpumap (map, &set, error))
    return false;
  if ((affect & COP_AFFECT_CONFIG) != 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_CONFIG_UNSUPPORTED,
                            _ ("pinning is not kept in definitions; pin the running domain"));
  if (!get_machine (domain, &vm, &vcpus, error))
    return false;
  if (!emulator && vcpu >= vcpus)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("vcpu %u is out of range of the %u that there are"), vcpu, vcpus);
  thread =
    emulator ? cop_vm_pid (vm) : (pid_t) COP_COUNTER (cop_vm_counters (vm)->harts[vcpu].thread);
  if (thread <= 0 || sched_setaffinity (thread, sizeof set, &set) < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot pin thread %d"), (int) thread);
      return false;
    }
  return true;
}

COP_REMOTE_HANDLES (domain_pin_vcpu, DomainPinVcpu)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && pin (domain, false, args->vcpu, &args->cpumap, 0, error);
}

COP_REMOTE_HANDLES (domain_pin_vcpu_flags, DomainPinVcpuFlags)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && pin (domain, false, args->vcpu, &args->cpumap, args->flags, error);
}

COP_REMOTE_HANDLES (domain_pin_emulator, DomainPinEmulator)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && pin (domain, true, 0, &args->cpumap, args->flags, error);
}

/* clang-format off */
const CopHandler cop_remote_info_handlers[] = {
  COP_REMOTE_QUICK (DOMAIN_GET_INFO, DomainGetInfo, domain_get_info),
  COP_REMOTE_QUICK (DOMAIN_GET_STATE, DomainGetState, domain_get_state),
  COP_REMOTE_QUICK (DOMAIN_GET_CONTROL_INFO, DomainGetControlInfo, domain_get_control_info),
  COP_REMOTE_HANDLER (DOMAIN_GET_XML_DESC, DomainGetXmlDesc, domain_get_xml_desc),
  COP_REMOTE_QUICK (DOMAIN_GET_OS_TYPE, DomainGetOsType, domain_get_os_type),
  COP_REMOTE_HANDLER (DOMAIN_GET_MAX_MEMORY, DomainGetMaxMemory, domain_get_max_memory),
  COP_REMOTE_QUICK (DOMAIN_IS_ACTIVE, DomainIsActive, domain_is_active),
  COP_REMOTE_QUICK (DOMAIN_IS_PERSISTENT, DomainIsPersistent, domain_is_persistent),
  COP_REMOTE_QUICK (DOMAIN_IS_UPDATED, DomainIsUpdated, domain_is_updated),
  COP_REMOTE_HANDLER (DOMAIN_GET_SECURITY_LABEL, DomainGetSecurityLabel, domain_get_security_label),
  COP_REMOTE_HANDLER (DOMAIN_GET_SECURITY_LABEL_LIST, DomainGetSecurityLabelList, domain_get_security_label_list),
  COP_REMOTE_HANDLER (DOMAIN_GET_MESSAGES, DomainGetMessages, domain_get_messages),
  COP_REMOTE_HANDLER (DOMAIN_GET_MAX_VCPUS, DomainGetMaxVcpus, domain_get_max_vcpus),
  COP_REMOTE_HANDLER (DOMAIN_GET_VCPUS_FLAGS, DomainGetVcpusFlags, domain_get_vcpus_flags),
  COP_REMOTE_HANDLER (DOMAIN_GET_VCPUS, DomainGetVcpus, domain_get_vcpus),
  COP_REMOTE_HANDLER (DOMAIN_GET_VCPU_PIN_INFO, DomainGetVcpuPinInfo, domain_get_vcpu_pin_info),
  COP_REMOTE_HANDLER (DOMAIN_GET_EMULATOR_PIN_INFO, DomainGetEmulatorPinInfo, domain_get_emulator_pin_info),
  COP_REMOTE_HANDLER (DOMAIN_PIN_VCPU, DomainPinVcpu, domain_pin_vcpu),
  COP_REMOTE_HANDLER (DOMAIN_PIN_VCPU_FLAGS, DomainPinVcpuFlags, domain_pin_vcpu_flags),
  COP_REMOTE_HANDLER (DOMAIN_PIN_EMULATOR, DomainPinEmulator, domain_pin_emulator),
  { 0 },
};
/* clang-format on */
