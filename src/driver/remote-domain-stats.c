/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What running domains use: processors, memory, disks, network; one by one, and all at once.
 * Figures are read from the page that a machine shares with the daemon, and from the kernel; the
 * machine is not asked.
 */
#include "driver/remote-domain.h"

#include "common/fd.h"
#include "common/units.h"
#include "xml/domain-device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* libvirt's VIR_TYPED_PARAM_STRING_OKAY */
#define STRING_OKAY 4

/* A running domain at one moment. */
typedef struct
{
  CopVm *vm; /* (owned) (nullable) */
  const CopCounters *counters; /* (nullable) */
  CopDomainConfig *config; /* (owned) */
  CopDomainState state;
  CopDomainReason reason;
} Sample;

static void
sample_clear (Sample *sample)
{
  g_clear_object (&sample->vm);
  g_clear_pointer (&sample->config, cop_domain_config_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Sample, sample_clear)

/* @must_run: a domain that does not run is an error */
static bool
take_sample (CopDomain *domain, bool must_run, Sample *sample, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);
  const CopDomainConfig *config;

  if (must_run && !cop_domain_need_active (domain, error))
    return false;
  config = cop_domain_pick_config (domain, COP_AFFECT_CURRENT, error);
  if (config == NULL)
    return false;
  sample->config = cop_domain_config_copy (config);
  sample->state = domain->state;
  sample->reason = domain->reason;
  if (domain->vm != NULL)
    {
      sample->vm = g_object_ref (domain->vm);
      sample->counters = cop_vm_counters (domain->vm);
    }
  return true;
}

/* Disks -------------------------------------------------------------------------------------- */

typedef struct
{
  uint64_t requests[3], bytes[3], time_ns[3], errors;
} DiskFigures;

static void
add_disk (const CopDiskCounters *disk, DiskFigures *figures)
{
  for (int kind = COP_DISK_READ; kind <= COP_DISK_FLUSH; kind++)
    {
      figures->requests[kind] += COP_COUNTER (disk->requests[kind]);
      figures->bytes[kind] += COP_COUNTER (disk->bytes[kind]);
      figures->time_ns[kind] += COP_COUNTER (disk->time_ns[kind]);
    }
  figures->errors += COP_COUNTER (disk->errors);
}

static bool
no_disk (const char *path, GError **error)
{
  return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("invalid path: %s"), path);
}

/* Of one disk, or, with an empty @path, of all together. */
static bool
disk_figures (const Sample *sample, const char *path, DiskFigures *figures, GError **error)
{
  guint index;

  *figures = (DiskFigures){ 0 };
  if (*path == '\0')
    {
      for (index = 0; index < MIN (sample->config->disks->len, COP_MAX_DISKS); index++)
        add_disk (&sample->counters->disks[index], figures);
      return true;
    }
  if (cop_domain_config_find_disk (sample->config, path, &index) == NULL || index >= COP_MAX_DISKS)
    return no_disk (path, error);
  add_disk (&sample->counters->disks[index], figures);
  return true;
}

COP_REMOTE_HANDLES (domain_block_stats, DomainBlockStats)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_auto (Sample) sample = { 0 };
  DiskFigures figures;

  if (domain == NULL || !take_sample (domain, true, &sample, error) ||
      !disk_figures (&sample, args->path, &figures, error))
    return false;
  ret->rd_req = figures.requests[COP_DISK_READ];
  ret->rd_bytes = figures.bytes[COP_DISK_READ];
  ret->wr_req = figures.requests[COP_DISK_WRITE];
  ret->wr_bytes = figures.bytes[COP_DISK_WRITE];
  ret->errs = figures.errors;
  return true;
}

COP_REMOTE_HANDLES (domain_block_stats_flags, DomainBlockStatsFlags)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_auto (Sample) sample = { 0 };
  g_auto (CopParams) params = COP_PARAMS_INIT;
  DiskFigures f;

  if (domain == NULL || !cop_remote_check_flags (args->flags, STRING_OKAY, error) ||
      !take_sample (domain, true, &sample, error) || !disk_figures (&sample, args->path, &f, error))
    return false;
  cop_params_add_llong (&params, "rd_bytes", f.bytes[COP_DISK_READ]);
  cop_params_add_llong (&params, "rd_operations", f.requests[COP_DISK_READ]);
  cop_params_add_llong (&params, "rd_total_times", f.time_ns[COP_DISK_READ]);
  cop_params_add_llong (&params, "wr_bytes", f.bytes[COP_DISK_WRITE]);
  cop_params_add_llong (&params, "wr_operations", f.requests[COP_DISK_WRITE]);
  cop_params_add_llong (&params, "wr_total_times", f.time_ns[COP_DISK_WRITE]);
  cop_params_add_llong (&params, "flush_operations", f.requests[COP_DISK_FLUSH]);
  cop_params_add_llong (&params, "flush_total_times", f.time_ns[COP_DISK_FLUSH]);
  cop_params_add_llong (&params, "errs", f.errors);
  cop_params_answer (&params, args->nparams, &ret->params, &ret->n_params, &ret->nparams);
  return true;
}

typedef struct
{
  uint64_t allocation, capacity, physical; /* bytes */
} DiskSize;

/* Raw images and devices: what the guest sees is what there is. */
static bool
disk_size (const char *path, DiskSize *size, GError **error)
{
  cop_autofd int fd = -1;
  struct stat info;

  if (stat (path, &info) < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot stat file '%s'"), path);
      return false;
    }
  size->capacity = size->physical = info.st_size;
  size->allocation = (uint64_t) info.st_blocks * 512;
  if (!S_ISBLK (info.st_mode))
    return true;
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || ioctl (fd, BLKGETSIZE64, &size->capacity) < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot tell the size of '%s'"), path);
      return false;
    }
  size->physical = size->allocation = size->capacity;
  return true;
}

COP_REMOTE_HANDLES (domain_get_block_info, DomainGetBlockInfo)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_auto (Sample) sample = { 0 };
  const CopDomainDisk *disk;
  DiskSize size;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error) ||
      !take_sample (domain, false, &sample, error))
    return false;
  disk = cop_domain_config_find_disk (sample.config, args->path, NULL);
  if (disk == NULL)
    return no_disk (args->path, error);
  if (!disk_size (disk->source, &size, error))
    return false;
  ret->allocation = size.allocation;
  ret->capacity = size.capacity;
  ret->physical = size.physical;
  return true;
}

/* A disk that failed stops nothing here: errors are counted, and the guest is told. */
COP_REMOTE_HANDLES (domain_get_disk_errors, DomainGetDiskErrors)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_auto (Sample) sample = { 0 };

  if (domain == NULL || !cop_remote_check_flags (args->flags, STRING_OKAY, error) ||
      !take_sample (domain, true, &sample, error))
    return false;
  if (args->maxerrors == 0)
    ret->nerrors = sample.config->disks->len; /* how many there may be */
  return true;
}

COP_REMOTE_HANDLES (domain_get_block_job_info, DomainGetBlockJobInfo)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_auto (Sample) sample = { 0 };

  if (domain == NULL || !cop_remote_check_flags (args->flags, 1, error) ||
      !take_sample (domain, true, &sample, error))
    return false;
  if (cop_domain_config_find_disk (sample.config, args->path, NULL) == NULL)
    return no_disk (args->path, error);
  return true; /* there are no block jobs yet, so none was found */
}

/* Network ------------------------------------------------------------------------------------ */

COP_REMOTE_HANDLES (domain_interface_stats, DomainInterfaceStats)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_auto (Sample) sample = { 0 };
  const CopNicCounters *nic;
  guint index;

  if (domain == NULL || !take_sample (domain, true, &sample, error))
    return false;
  if (cop_domain_config_find_interface (sample.config, args->device, &index) == NULL ||
      index >= COP_MAX_NICS)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("invalid path, '%s' is not a known interface"), args->device);
  nic = &sample.counters->nics[index];
  ret->rx_bytes = COP_COUNTER (nic->rx.bytes);
  ret->rx_packets = COP_COUNTER (nic->rx.packets);
  ret->rx_errs = COP_COUNTER (nic->rx.errors);
  ret->rx_drop = COP_COUNTER (nic->rx.drops);
  ret->tx_bytes = COP_COUNTER (nic->tx.bytes);
  ret->tx_packets = COP_COUNTER (nic->tx.packets);
  ret->tx_errs = COP_COUNTER (nic->tx.errors);
  ret->tx_drop = COP_COUNTER (nic->tx.drops);
  return true;
}

/* Processors ----------------------------------------------------------------------------------- */

/* Of the whole machine, or of a range of harts. */
static bool
fill_cpu_stats (const Sample *sample, const CopRemoteDomainGetCpuStatsArgs *args,
                CopRemoteDomainGetCpuStatsRet *ret, GError **error)
{
  g_auto (CopParams) params = COP_PARAMS_INIT;
  unsigned vcpus = cop_domain_current_vcpus (sample->config);
  CopVmTimes times = { 0 };

  if (args->start_cpu == -1)
    {
      cop_vm_times (sample->vm, &times);
      cop_params_add_ullong (&params, "cpu_time", times.total_ns);
      cop_params_add_ullong (&params, "user_time", times.user_ns);
      cop_params_add_ullong (&params, "system_time", times.system_ns);
      cop_params_answer (&params, args->nparams, &ret->params, &ret->n_params, &ret->nparams);
      return true;
    }
  /* With 0 CPUs a client asks for their number, with no parameters for theirs. */
  ret->nparams = args->ncpus == 0 ? (int32_t) vcpus : 1;
  if (args->ncpus == 0 || args->nparams == 0)
    return true;
  if (args->start_cpu < 0 || (unsigned) args->start_cpu >= vcpus)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("start_cpu %d larger than maximum of %u"), args->start_cpu,
                            vcpus - 1);
  for (unsigned i = 0; i < args->ncpus && args->start_cpu + i < vcpus && i < 128; i++)
    {
      cop_vm_hart_times (sample->vm, args->start_cpu + i, &times);
      cop_params_add_ullong (&params, "cpu_time", times.total_ns);
    }
  cop_params_steal (&params, &ret->params, &ret->n_params);
  return true;
}

COP_REMOTE_HANDLES (domain_get_cpu_stats, DomainGetCpuStats)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_auto (Sample) sample = { 0 };

  return domain != NULL && cop_remote_check_flags (args->flags, STRING_OKAY, error) &&
         take_sample (domain, true, &sample, error) && fill_cpu_stats (&sample, args, ret, error);
}

/* All at once -------------------------------------------------------------------------------- */

typedef void (*GroupFunc) (const Sample *sample, CopParams *params);

static void
group_state (const Sample *sample, CopParams *params)
{
  cop_params_add_int (params, "state.state", sample->state);
  cop_params_add_int (params, "state.reason", sample->reason);
}

static void
group_cpu (const Sample *sample, CopParams *params)
{
  CopVmTimes times;

  if (sample->vm == NULL || !cop_vm_times (sample->vm, &times))
    return;
  cop_params_add_ullong (params, "cpu.time", times.total_ns);
  cop_params_add_ullong (params, "cpu.user", times.user_ns);
  cop_params_add_ullong (params, "cpu.system", times.system_ns);
}

static void
group_balloon (const Sample *sample, CopParams *params)
{
  cop_remote_describe_memory (sample->config, sample->vm, params);
}

static void
group_vcpu (const Sample *sample, CopParams *params)
{
  cop_params_add_uint (params, "vcpu.current", cop_domain_current_vcpus (sample->config));
  cop_params_add_uint (params, "vcpu.maximum", sample->config->vcpus);
  for (unsigned i = 0;
       sample->vm != NULL && i < MIN (cop_domain_current_vcpus (sample->config), COP_MAX_HARTS);
       i++)
    {
      bool halted = COP_COUNTER (sample->counters->harts[i].halted) != 0;
      CopVmTimes times = { 0 };

      cop_vm_hart_times (sample->vm, i, &times);
      cop_params_add (params, COP_PARAM_INT, "vcpu.%u.state", i)->value.i = halted ? 2 : 1;
      cop_params_add (params, COP_PARAM_ULLONG, "vcpu.%u.time", i)->value.ul = times.total_ns;
      cop_params_add (params, COP_PARAM_ULLONG, "vcpu.%u.wait", i)->value.ul = times.wait_ns;
      cop_params_add (params, COP_PARAM_BOOLEAN, "vcpu.%u.halted", i)->value.b = halted;
    }
}

static void
group_interface (const Sample *sample, CopParams *params)
{
  guint n = MIN (sample->config->interfaces->len, COP_MAX_NICS);

  cop_params_add_uint (params, "net.count", n);
  for (guint i = 0; i < n; i++)
    {
      const CopDomainInterface *interface = sample->config->interfaces->pdata[i];
      const CopNicDirection *directions[2];
      static const char *const names[] = { "rx", "tx" };

      if (interface->target != NULL)
        cop_params_add (params, COP_PARAM_STRING, "net.%u.name", i)->value.s =
          g_strdup (interface->target);
      if (sample->counters == NULL)
        continue;
      directions[0] = &sample->counters->nics[i].rx;
      directions[1] = &sample->counters->nics[i].tx;
      for (unsigned d = 0; d < G_N_ELEMENTS (names); d++)
        {
          const struct
          {
            const char *name;
            uint64_t value;
          } rows[] = {
            { "bytes", COP_COUNTER (directions[d]->bytes) },
            { "pkts", COP_COUNTER (directions[d]->packets) },
            { "errs", COP_COUNTER (directions[d]->errors) },
            { "drop", COP_COUNTER (directions[d]->drops) },
          };

          for (unsigned r = 0; r < G_N_ELEMENTS (rows); r++)
            cop_params_add (params, COP_PARAM_ULLONG, "net.%u.%s.%s", i, names[d], rows[r].name)
              ->value.ul = rows[r].value;
        }
    }
}

static void
group_block (const Sample *sample, CopParams *params)
{
  static const char *const names[] = { "rd", "wr", "fl" };
  guint n = MIN (sample->config->disks->len, COP_MAX_DISKS);

  cop_params_add_uint (params, "block.count", n);
  for (guint i = 0; i < n; i++)
    {
      const CopDomainDisk *disk = sample->config->disks->pdata[i];
      DiskFigures f = { 0 };
      DiskSize size;

      cop_params_add (params, COP_PARAM_STRING, "block.%u.name", i)->value.s =
        g_strdup (disk->target);
      if (disk->source != NULL)
        cop_params_add (params, COP_PARAM_STRING, "block.%u.path", i)->value.s =
          g_strdup (disk->source);
      if (sample->counters != NULL)
        add_disk (&sample->counters->disks[i], &f);
      for (int kind = COP_DISK_READ; sample->counters != NULL && kind <= COP_DISK_FLUSH; kind++)
        {
          cop_params_add (params, COP_PARAM_ULLONG, "block.%u.%s.reqs", i, names[kind])->value.ul =
            f.requests[kind];
          if (kind != COP_DISK_FLUSH)
            cop_params_add (params, COP_PARAM_ULLONG, "block.%u.%s.bytes", i, names[kind])
              ->value.ul = f.bytes[kind];
          cop_params_add (params, COP_PARAM_ULLONG, "block.%u.%s.times", i, names[kind])->value.ul =
            f.time_ns[kind];
        }
      if (disk->source == NULL || !disk_size (disk->source, &size, NULL))
        continue;
      cop_params_add (params, COP_PARAM_ULLONG, "block.%u.allocation", i)->value.ul =
        size.allocation;
      cop_params_add (params, COP_PARAM_ULLONG, "block.%u.capacity", i)->value.ul = size.capacity;
      cop_params_add (params, COP_PARAM_ULLONG, "block.%u.physical", i)->value.ul = size.physical;
    }
}

/* There are none, which is something to say. */
static void
group_iothread (G_GNUC_UNUSED const Sample *sample, CopParams *params)
{
  cop_params_add_uint (params, "iothread.count", 0);
}

/* libvirt's VIR_DOMAIN_STATS_* */
static const struct
{
  unsigned bit;
  const char *name;
  GroupFunc func; /* NULL: there is no such thing here */
} groups[] = {
  { 1 << 0, "state", group_state },
  { 1 << 1, "cpu-total", group_cpu },
  { 1 << 2, "balloon", group_balloon },
  { 1 << 3, "vcpu", group_vcpu },
  { 1 << 4, "interface", group_interface },
  { 1 << 5, "block", group_block },
  { 1 << 6, "perf", NULL },
  { 1 << 7, "iothread", group_iothread },
  { 1 << 8, "memory", NULL },
  { 1 << 9, "dirtyrate", NULL },
  { 1 << 10, "vm", NULL },
};

/* libvirt's VIR_CONNECT_GET_ALL_DOMAINS_STATS_* beside the filters of a list */
#define STATS_NOWAIT (1u << 29)
#define STATS_BACKING (1u << 30)
#define STATS_ENFORCE (1u << 31)
#define STATS_FILTERS                                                                              \
  (COP_LIST_ACTIVE | COP_LIST_INACTIVE | COP_LIST_PERSISTENT | COP_LIST_TRANSIENT |                \
   COP_LIST_RUNNING | COP_LIST_PAUSED | COP_LIST_SHUTOFF | COP_LIST_OTHER)

static bool
check_groups (unsigned stats, bool enforce, GError **error)
{
  unsigned known = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      known |= groups[i].bit;
      if (enforce && (stats & groups[i].bit) != 0 && groups[i].func == NULL)
        return cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                                _ ("there are no statistics of group '%s'"), groups[i].name);
    }
  if ((stats & ~known) != 0 && enforce)
    return cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                            _ ("Stats types bits 0x%x are not supported by this daemon"),
                            stats & ~known);
  return true;
}

static bool
fill_stats (CopDomain *domain, unsigned stats, CopRemoteDomainStats *out)
{
  g_auto (Sample) sample = { 0 };
  g_auto (CopParams) params = COP_PARAMS_INIT;

  if (!take_sample (domain, false, &sample, NULL))
    return false;
  for (unsigned i = 0; i < G_N_ELEMENTS (groups); i++)
    if (groups[i].func != NULL && (stats == 0 || (stats & groups[i].bit) != 0))
      groups[i].func (&sample, &params);
  cop_remote_set_domain (&out->dom, domain);
  cop_params_steal (&params, &out->params, &out->n_params);
  return true;
}

/* The domains that a client named. */
static GPtrArray *
named_domains (CopServerCall *call, const CopRemoteConnectGetAllDomainStatsArgs *args)
{
  GPtrArray *domains = g_ptr_array_new_with_free_func (g_object_unref);

  for (uint32_t i = 0; i < args->n_doms; i++)
    {
      /* As libvirt does: what is gone meanwhile is left out. */
      CopDomain *domain = cop_remote_find (call, &args->doms[i], NULL);

      if (domain != NULL)
        g_ptr_array_add (domains, domain);
    }
  return domains;
}

COP_REMOTE_HANDLES (connect_get_all_domain_stats, ConnectGetAllDomainStats)
{
  g_autoptr (GPtrArray) domains = NULL;

  if (!cop_remote_check_flags (
        args->flags, STATS_FILTERS | STATS_NOWAIT | STATS_BACKING | STATS_ENFORCE, error) ||
      !check_groups (args->stats, (args->flags & STATS_ENFORCE) != 0, error))
    return false;
  if (args->n_doms > 0)
    domains = named_domains (call, args);
  else
    domains = cop_driver_list (cop_remote_driver (call), args->flags & STATS_FILTERS);
  ret->ret_stats = g_new0 (CopRemoteDomainStats, MIN (domains->len, 16384));
  for (guint i = 0; i < MIN (domains->len, 16384); i++)
    if (fill_stats (domains->pdata[i], args->stats, &ret->ret_stats[ret->n_ret_stats]))
      ret->n_ret_stats++;
  return true;
}

/* clang-format off */
const CopHandler cop_remote_stats_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_BLOCK_STATS, DomainBlockStats, domain_block_stats),
  COP_REMOTE_HANDLER (DOMAIN_BLOCK_STATS_FLAGS, DomainBlockStatsFlags, domain_block_stats_flags),
  COP_REMOTE_HANDLER (DOMAIN_GET_BLOCK_INFO, DomainGetBlockInfo, domain_get_block_info),
  COP_REMOTE_HANDLER (DOMAIN_GET_DISK_ERRORS, DomainGetDiskErrors, domain_get_disk_errors),
  COP_REMOTE_HANDLER (DOMAIN_GET_BLOCK_JOB_INFO, DomainGetBlockJobInfo, domain_get_block_job_info),
  COP_REMOTE_HANDLER (DOMAIN_INTERFACE_STATS, DomainInterfaceStats, domain_interface_stats),
  COP_REMOTE_HANDLER (DOMAIN_GET_CPU_STATS, DomainGetCpuStats, domain_get_cpu_stats),
  COP_REMOTE_HANDLER (CONNECT_GET_ALL_DOMAIN_STATS, ConnectGetAllDomainStats, connect_get_all_domain_stats),
  { 0 },
};
/* clang-format on */
