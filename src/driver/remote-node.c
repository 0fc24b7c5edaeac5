/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The host: what it is and how it is used.
 */
#include "driver/remote.h"

#include "common/units.h"
#include "driver/error.h"
#include "engine/riscv/hart.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Cells of which one call tells, as the table of procedures says. */
#define CELLS_MAX 1024

static bool
connect_get_max_vcpus (G_GNUC_UNUSED CopServerCall *call,
                       const CopRemoteConnectGetMaxVcpusArgs *args,
                       CopRemoteConnectGetMaxVcpusRet *ret, GError **error)
{
  if (args->type != NULL && g_ascii_strcasecmp (args->type, "coppice") != 0 &&
      g_ascii_strcasecmp (args->type, "qemu") != 0)
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                   _ ("unknown type '%s'; there is: coppice"), args->type);
      return false;
    }
  ret->max_vcpus = COP_MAX_HARTS;
  return true;
}

static bool
connect_get_sysinfo (G_GNUC_UNUSED CopServerCall *call, const CopRemoteConnectGetSysinfoArgs *args,
                     CopRemoteConnectGetSysinfoRet *ret, GError **error)
{
  if (!cop_remote_check_flags (args->flags, 0, error))
    return false;
  ret->sysinfo = cop_host_sysinfo ();
  return true;
}

static bool
node_get_info (CopServerCall *call, G_GNUC_UNUSED const CopRemoteNodeGetInfoArgs *args,
               CopRemoteNodeGetInfoRet *ret, G_GNUC_UNUSED GError **error)
{
  const CopHost *host = &cop_remote_of_call (call)->host;

  g_strlcpy (ret->model, host->arch, sizeof ret->model);
  ret->memory = host->memory / COP_KIB;
  ret->cpus = (int32_t) host->cpus;
  ret->mhz = (int32_t) host->mhz;
  ret->nodes = (int32_t) host->nodes;
  ret->sockets = (int32_t) host->sockets;
  ret->cores = (int32_t) host->cores;
  ret->threads = (int32_t) host->threads;
  return true;
}

static bool
node_get_cpu_map (CopServerCall *call, const CopRemoteNodeGetCpuMapArgs *args,
                  CopRemoteNodeGetCpuMapRet *ret, GError **error)
{
  const CopHost *host = &cop_remote_of_call (call)->host;
  unsigned length, n_online, wanted = (host->cpus_present + 7) / 8;
  g_autofree uint8_t *map = NULL;

  if (!cop_remote_check_flags (args->flags, 0, error))
    return false;
  map = cop_host_online_cpus (&length, &n_online);
  if (args->need_map)
    {
      ret->cpumap.data = g_malloc0 (wanted);
      ret->cpumap.length = wanted;
      memcpy (ret->cpumap.data, map, MIN (length, wanted));
    }
  ret->online = args->need_online ? n_online : 0;
  ret->ret = (int32_t) host->cpus_present;
  return true;
}

static bool
node_get_free_memory (G_GNUC_UNUSED CopServerCall *call,
                      G_GNUC_UNUSED const CopRemoteNodeGetFreeMemoryArgs *args,
                      CopRemoteNodeGetFreeMemoryRet *ret, GError **error)
{
  CopHostMemory memory;

  if (!cop_host_memory (-1, &memory, error))
    return false;
  ret->free_mem = memory.free;
  return true;
}

static bool
node_get_cells_free_memory (CopServerCall *call, const CopRemoteNodeGetCellsFreeMemoryArgs *args,
                            CopRemoteNodeGetCellsFreeMemoryRet *ret, GError **error)
{
  int nodes = (int) cop_remote_of_call (call)->host.nodes;
  int last;

  if (args->start_cell < 0 || args->start_cell >= nodes || args->maxcells < 1)
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                   _ ("cell %d is out of range (0-%d)"), args->start_cell, nodes - 1);
      return false;
    }
  last = MIN (nodes, args->start_cell + MIN (args->maxcells, CELLS_MAX));
  ret->cells = g_new0 (uint64_t, (gsize) (last - args->start_cell));
  for (int node = args->start_cell; node < last; node++)
    {
      CopHostMemory memory;

      if (!cop_host_memory (node, &memory, error))
        return false;
      ret->cells[ret->n_cells++] = memory.free;
    }
  return true;
}

/* Answers a getter of named numbers: how many there are, or as many as the client has room for. */
static void
answer_stats (const CopRemoteNodeStat *stats, uint32_t n_stats, int32_t wanted,
              CopRemoteNodeStat **params, uint32_t *n_params, int32_t *nparams)
{
  uint32_t n = wanted < 0 ? 0 : MIN ((uint32_t) wanted, n_stats);

  *nparams = (int32_t) (wanted == 0 ? n_stats : n);
  *params = g_new0 (CopRemoteNodeStat, n);
  *n_params = n;
  for (uint32_t i = 0; i < n; i++)
    {
      (*params)[i].field = g_strdup (stats[i].field);
      (*params)[i].value = stats[i].value;
    }
}

static bool
node_get_cpu_stats (G_GNUC_UNUSED CopServerCall *call, const CopRemoteNodeGetCpuStatsArgs *args,
                    CopRemoteNodeGetCpuStatsRet *ret, GError **error)
{
  CopHostCpuTimes times;

  if (!cop_remote_check_flags (args->flags, 0, error) ||
      !cop_host_cpu_times (args->cpu_num, &times, error))
    return false;
  answer_stats (
    (const CopRemoteNodeStat[]){
      { (char *) "kernel", times.kernel },
      { (char *) "user", times.user },
      { (char *) "idle", times.idle },
      { (char *) "iowait", times.iowait },
      { (char *) "intr", times.intr },
    },
    5, args->nparams, &ret->params, &ret->n_params, &ret->nparams);
  return true;
}

static bool
node_get_memory_stats (G_GNUC_UNUSED CopServerCall *call,
                       const CopRemoteNodeGetMemoryStatsArgs *args,
                       CopRemoteNodeGetMemoryStatsRet *ret, GError **error)
{
  CopHostMemory memory;

  if (!cop_remote_check_flags (args->flags, 0, error) ||
      !cop_host_memory (args->cell_num, &memory, error))
    return false;
  /* Of a single cell, the kernel tells no more than two. */
  answer_stats (
    (const CopRemoteNodeStat[]){
      { (char *) "total", memory.total / COP_KIB },
      { (char *) "free", memory.free / COP_KIB },
      { (char *) "buffers", memory.buffers / COP_KIB },
      { (char *) "cached", memory.cached / COP_KIB },
    },
    args->cell_num < 0 ? 4 : 2, args->nparams, &ret->params, &ret->n_params, &ret->nparams);
  return true;
}

/* There is no security driver: libvirt says so by empty names. */
static bool
node_get_security_model (G_GNUC_UNUSED CopServerCall *call,
                         G_GNUC_UNUSED const CopRemoteNodeGetSecurityModelArgs *args,
                         G_GNUC_UNUSED CopRemoteNodeGetSecurityModelRet *ret,
                         G_GNUC_UNUSED GError **error)
{
  return true;
}

/* clang-format off */
const CopHandler cop_remote_node_handlers[] = {
  COP_REMOTE_HANDLER (CONNECT_GET_MAX_VCPUS, ConnectGetMaxVcpus, connect_get_max_vcpus),
  COP_REMOTE_HANDLER (CONNECT_GET_SYSINFO, ConnectGetSysinfo, connect_get_sysinfo),
  COP_REMOTE_HANDLER (NODE_GET_INFO, NodeGetInfo, node_get_info),
  COP_REMOTE_HANDLER (NODE_GET_CPU_MAP, NodeGetCpuMap, node_get_cpu_map),
  COP_REMOTE_HANDLER (NODE_GET_FREE_MEMORY, NodeGetFreeMemory, node_get_free_memory),
  COP_REMOTE_HANDLER (NODE_GET_CELLS_FREE_MEMORY, NodeGetCellsFreeMemory, node_get_cells_free_memory),
  COP_REMOTE_HANDLER (NODE_GET_CPU_STATS, NodeGetCpuStats, node_get_cpu_stats),
  COP_REMOTE_HANDLER (NODE_GET_MEMORY_STATS, NodeGetMemoryStats, node_get_memory_stats),
  COP_REMOTE_HANDLER (NODE_GET_SECURITY_MODEL, NodeGetSecurityModel, node_get_security_model),
  { 0 },
};
/* clang-format on */
