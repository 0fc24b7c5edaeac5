/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What this build and this host can do.
 */
#include "driver/remote.h"

#include "driver/error.h"
#include "xml/capabilities.h"

#include <glib/gi18n-lib.h>
#include <string.h>

static CopHostInfo
host_info (CopServerCall *call)
{
  const CopRemote *remote = cop_remote_of_call (call);

  return (CopHostInfo){
    .uuid = remote->host.uuid,
    .arch = remote->host.arch,
    .emulator = remote->emulator,
    .memory = remote->host.memory,
    .cpus = remote->host.cpus,
    .sockets = remote->host.sockets * remote->host.nodes,
    .cores = remote->host.cores,
    .threads = remote->host.threads,
  };
}

static bool
connect_get_capabilities (CopServerCall *call,
                          G_GNUC_UNUSED const CopRemoteConnectGetCapabilitiesArgs *args,
                          CopRemoteConnectGetCapabilitiesRet *ret, G_GNUC_UNUSED GError **error)
{
  CopHostInfo info = host_info (call);

  ret->capabilities = cop_capabilities_format (&info);
  return true;
}

static bool
connect_get_domain_capabilities (CopServerCall *call,
                                 const CopRemoteConnectGetDomainCapabilitiesArgs *args,
                                 CopRemoteConnectGetDomainCapabilitiesRet *ret, GError **error)
{
  CopHostInfo info = host_info (call);

  if (!cop_remote_check_flags (args->flags, 0, error))
    return false;
  ret->capabilities = cop_domain_capabilities_format (&info, args->emulatorbin, args->arch,
                                                      args->machine, args->virttype, error);
  return ret->capabilities != NULL;
}

static bool
connect_get_cpu_model_names (G_GNUC_UNUSED CopServerCall *call,
                             const CopRemoteConnectGetCpuModelNamesArgs *args,
                             CopRemoteConnectGetCpuModelNamesRet *ret, GError **error)
{
  unsigned n = 0;

  if (!cop_remote_check_flags (args->flags, 0, error))
    return false;
  if (strcmp (args->arch, "riscv64") != 0)
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                   _ ("cannot find the architecture '%s'; guests are riscv64"), args->arch);
      return false;
    }
  while (cop_cpu_models[n].name != NULL)
    n++;
  ret->ret = (int32_t) n;
  if (!args->need_results)
    return true;
  ret->models = g_new0 (char *, n);
  ret->n_models = n;
  for (unsigned i = 0; i < n; i++)
    ret->models[i] = g_strdup (cop_cpu_models[i].name);
  return true;
}

/* clang-format off */
const CopHandler cop_remote_capabilities_handlers[] = {
  COP_REMOTE_HANDLER (CONNECT_GET_CAPABILITIES, ConnectGetCapabilities, connect_get_capabilities),
  COP_REMOTE_HANDLER (CONNECT_GET_DOMAIN_CAPABILITIES, ConnectGetDomainCapabilities, connect_get_domain_capabilities),
  COP_REMOTE_HANDLER (CONNECT_GET_CPU_MODEL_NAMES, ConnectGetCpuModelNames, connect_get_cpu_model_names),
  { 0 },
};
/* clang-format on */
