/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory of a domain: how much it has, and what the guest does with it. A running guest is asked to
 * give memory back, or to take it again, by way of its memory balloon; whether it follows shows in
 * what it has then. More than it was given at its start it cannot have.
 */
#include "driver/remote-domain.h"

#include "common/units.h"

#include <inttypes.h>
#include <linux/virtio_balloon.h>

/* libvirt's VIR_DOMAIN_MEM_MAXIMUM */
#define MAXIMUM (1 << 2)

typedef struct
{
  uint64_t value; /* bytes */
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

/* With the mutex held. Returns: (transfer full): the machine to ask */
static CopVm *
machine_to_ask (CopDomain *domain, const Change *change, GError **error)
{
  g_autoptr (CopDomainConfig) copy = NULL;

  if (change->maximum)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                       _ ("cannot resize the maximum memory on an active domain; change the "
                          "definition with --config"));
      return NULL;
    }
  if (cop_domain_config_balloon (domain->running) == NULL)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                       _ ("Unable to change memory of active domain without the balloon device: it "
                          "was started with <memballoon model='none'/>"));
      return NULL;
    }
  copy = cop_domain_config_copy (domain->running);
  return apply_memory (copy, (gpointer) change, error) ? g_object_ref (domain->vm) : NULL;
}

/* By the holder of the job. */
static bool
change_memory (CopDomain *domain, Change *change, unsigned affect, GError **error)
{
  g_autoptr (CopVm) vm = NULL;
  bool ok;

  g_mutex_lock (&domain->lock);
  ok = cop_domain_resolve_affect (domain, &affect, error);
  if (ok && (affect & COP_AFFECT_LIVE) != 0)
    {
      vm = machine_to_ask (domain, change, error);
      ok = vm != NULL;
    }
  g_mutex_unlock (&domain->lock);
  return ok &&
         ((affect & COP_AFFECT_CONFIG) == 0 ||
          cop_domain_change_definition (domain, apply_memory, change, error)) &&
         (vm == NULL || cop_vm_set_balloon (vm, change->value, error));
}

static bool
set_memory (CopServerCall *call, const CopRemoteDomain *dom, uint64_t kib, unsigned flags,
            GError **error)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, dom, error);
  Change change = { .maximum = (flags & MAXIMUM) != 0 };
  bool ok;

  if (domain == NULL ||
      !cop_remote_check_flags (flags, COP_AFFECT_LIVE | COP_AFFECT_CONFIG | MAXIMUM, error))
    return false;
  if (__builtin_mul_overflow (kib, (uint64_t) COP_KIB, &change.value))
    return cop_driver_fail (error, COP_DRIVER_ERROR_OVERFLOW,
                            _ ("%" PRIu64 " KiB are too much"), (guint64) kib);
  if (kib == 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("argument must not be zero"));
  if (!cop_domain_begin_job (domain, COP_JOB_MODIFY, error))
    return false;
  ok = change_memory (domain, &change, flags & ~MAXIMUM, error);
  cop_domain_end_job (domain);
  return ok;
}

COP_REMOTE_HANDLES (domain_set_memory, DomainSetMemory)
{
  return set_memory (call, &args->dom, args->memory, COP_AFFECT_LIVE, error);
}

COP_REMOTE_HANDLES (domain_set_max_memory, DomainSetMaxMemory)
{
  return set_memory (call, &args->dom, args->memory, MAXIMUM, error);
}

COP_REMOTE_HANDLES (domain_set_memory_flags, DomainSetMemoryFlags)
{
  return set_memory (call, &args->dom, args->memory, args->flags, error);
}

/* Statistics ----------------------------------------------------------------------------------- */

/* libvirt's VIR_DOMAIN_MEMORY_STAT_* that no guest tells */
enum
{
  STAT_ACTUAL = 6,
  STAT_RSS = 7,
  STAT_LAST_UPDATE = 9,
};

/* clang-format off */
/* What a guest tells: by the tag of its balloon, libvirt's number and name, and the unit. */
static const struct
{
  int         number;
  const char *name;
  uint64_t    unit;
} figures[COP_BALLOON_STATS] = {
  [VIRTIO_BALLOON_S_SWAP_IN]        = {  0, "balloon.swap_in",        COP_KIB },
  [VIRTIO_BALLOON_S_SWAP_OUT]       = {  1, "balloon.swap_out",       COP_KIB },
  [VIRTIO_BALLOON_S_MAJFLT]         = {  2, "balloon.major_fault",    1 },
  [VIRTIO_BALLOON_S_MINFLT]         = {  3, "balloon.minor_fault",    1 },
  [VIRTIO_BALLOON_S_MEMFREE]        = {  4, "balloon.unused",         COP_KIB },
  [VIRTIO_BALLOON_S_MEMTOT]         = {  5, "balloon.available",      COP_KIB },
  [VIRTIO_BALLOON_S_AVAIL]          = {  8, "balloon.usable",         COP_KIB },
  [VIRTIO_BALLOON_S_CACHES]         = { 10, "balloon.disk_caches",    COP_KIB },
  [VIRTIO_BALLOON_S_HTLB_PGALLOC]   = { 11, "balloon.hugetlb_pgalloc", 1 },
  [VIRTIO_BALLOON_S_HTLB_PGFAIL]    = { 12, "balloon.hugetlb_pgfail", 1 },
};
/* clang-format on */

/* Whether the guest has told figure @tag, and what, in libvirt's unit. */
static bool
read_figure (const CopCounters *counters, unsigned tag, uint64_t *value)
{
  if ((COP_COUNTER (counters->balloon_known) >> tag & 1) == 0)
    return false;
  *value = COP_COUNTER (counters->balloon_stats[tag]) / figures[tag].unit;
  return true;
}

void
cop_remote_describe_memory (const CopDomainConfig *config, CopVm *vm, CopParams *params)
{
  const CopCounters *counters = vm != NULL ? cop_vm_counters (vm) : NULL;
  uint64_t value;

  cop_params_add_ullong (params, "balloon.current", config->current_memory / COP_KIB);
  cop_params_add_ullong (params, "balloon.maximum", config->memory / COP_KIB);
  if (counters == NULL)
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (figures); i++)
    if (read_figure (counters, i, &value))
      cop_params_add_ullong (params, figures[i].name, value);
  value = COP_COUNTER (counters->balloon_updated);
  if (value != 0)
    cop_params_add_ullong (params, "balloon.last-update", value);
  cop_params_add_ullong (params, "balloon.rss", cop_vm_resident (vm) / COP_KIB);
}

static unsigned
fill_stats (uint64_t current_memory, CopVm *vm, CopRemoteMemoryStat *stats)
{
  const CopCounters *counters = cop_vm_counters (vm);
  uint64_t updated = COP_COUNTER (counters->balloon_updated);
  unsigned n = 0;

  stats[n++] = (CopRemoteMemoryStat){ STAT_ACTUAL, current_memory / COP_KIB };
  for (unsigned i = 0; i < G_N_ELEMENTS (figures); i++)
    if (read_figure (counters, i, &stats[n].val))
      stats[n++].tag = figures[i].number;
  if (updated != 0)
    stats[n++] = (CopRemoteMemoryStat){ STAT_LAST_UPDATE, updated };
  stats[n++] = (CopRemoteMemoryStat){ STAT_RSS, cop_vm_resident (vm) / COP_KIB };
  return n;
}

COP_REMOTE_HANDLES (domain_memory_stats, DomainMemoryStats)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (CopVm) vm = NULL;
  CopRemoteMemoryStat stats[COP_BALLOON_STATS + 3];
  uint64_t current = 0;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  g_mutex_lock (&domain->lock);
  if (cop_domain_need_active (domain, error))
    {
      vm = g_object_ref (domain->vm);
      current = domain->running->current_memory;
    }
  g_mutex_unlock (&domain->lock);
  if (vm == NULL)
    return false;
  ret->n_stats = MIN (args->max_stats, fill_stats (current, vm, stats));
  ret->stats = g_memdup2 (stats, ret->n_stats * sizeof stats[0]);
  return true;
}

static bool
apply_period (CopDomainConfig *config, gpointer data, GError **error)
{
  CopDomainMemballoon *balloon = cop_domain_config_balloon (config);

  if (balloon == NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                            _ ("No memory balloon device configured, can not set the collection "
                               "period"));
  balloon->period = *(const unsigned *) data;
  return true;
}

/* By the holder of the job. */
static bool
change_period (CopDomain *domain, unsigned period, unsigned affect, GError **error)
{
  g_autoptr (CopVm) vm = NULL;
  bool ok;

  g_mutex_lock (&domain->lock);
  ok = cop_domain_resolve_affect (domain, &affect, error) &&
       ((affect & COP_AFFECT_LIVE) == 0 || apply_period (domain->running, &period, error));
  if (ok && (affect & COP_AFFECT_LIVE) != 0)
    vm = g_object_ref (domain->vm);
  g_mutex_unlock (&domain->lock);
  if (vm != NULL)
    {
      cop_domain_refresh_status (domain);
      ok = cop_vm_set_balloon_period (vm, period, error);
    }
  return ok && ((affect & COP_AFFECT_CONFIG) == 0 ||
                cop_domain_change_definition (domain, apply_period, &period, error));
}

COP_REMOTE_HANDLES (domain_set_memory_stats_period, DomainSetMemoryStatsPeriod)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  bool ok;

  if (domain == NULL ||
      !cop_remote_check_flags (args->flags, COP_AFFECT_LIVE | COP_AFFECT_CONFIG, error))
    return false;
  if (args->period < 0 || args->period > COP_MEMBALLOON_PERIOD_MAX)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("period %d: must be from 0 to %d seconds"), args->period,
                            COP_MEMBALLOON_PERIOD_MAX);
  if (!cop_domain_begin_job (domain, COP_JOB_MODIFY, error))
    return false;
  ok = change_period (domain, (unsigned) args->period, args->flags, error);
  cop_domain_end_job (domain);
  return ok;
}

/* clang-format off */
const CopHandler cop_remote_memory_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_SET_MEMORY, DomainSetMemory, domain_set_memory),
  COP_REMOTE_HANDLER (DOMAIN_SET_MAX_MEMORY, DomainSetMaxMemory, domain_set_max_memory),
  COP_REMOTE_HANDLER (DOMAIN_SET_MEMORY_FLAGS, DomainSetMemoryFlags, domain_set_memory_flags),
  COP_REMOTE_HANDLER (DOMAIN_MEMORY_STATS, DomainMemoryStats, domain_memory_stats),
  COP_REMOTE_HANDLER (DOMAIN_SET_MEMORY_STATS_PERIOD, DomainSetMemoryStatsPeriod, domain_set_memory_stats_period),
  { 0 },
};
/* clang-format on */
