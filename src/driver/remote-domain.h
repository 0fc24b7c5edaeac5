/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the handlers of domains share.
 */
#pragma once

#include "driver/domain-private.h"
#include "driver/remote.h"

/* Begins the definition of the handler NAME of procedure Name. */
#define COP_REMOTE_HANDLES(name, Name)                                                             \
  static bool name (G_GNUC_UNUSED CopServerCall *call,                                             \
                    G_GNUC_UNUSED const CopRemote##Name##Args *args,                               \
                    G_GNUC_UNUSED CopRemote##Name##Ret *ret, G_GNUC_UNUSED GError **error)

static inline CopDriver *
cop_remote_driver (CopServerCall *call)
{
  return cop_server_call_get_data (call);
}

/* By UUID: name and id in a client's handle may be old. Returns: (transfer full) */
static inline CopDomain *
cop_remote_find (CopServerCall *call, const CopRemoteDomain *dom, GError **error)
{
  return cop_driver_by_uuid (cop_remote_driver (call), dom->uuid, error);
}

/* Fills a client's handle. */
void cop_remote_set_domain (CopRemoteDomain *out, CopDomain *domain);

/* remote-domain-memory.c: appends libvirt's "balloon." figures. @vm: (nullable) */
void cop_remote_describe_memory (const CopDomainConfig *config, CopVm *vm, CopParams *params);

/* What handlers of other files ask the guest's agent for: remote-domain-agent.c, and of vCPUs
   remote-domain-guest-vcpus.c */
bool cop_domain_agent_shutdown (CopDomain *domain, bool reboot, GError **error);
int cop_domain_agent_count_vcpus (CopDomain *domain, GError **error);
bool cop_domain_agent_set_vcpus (CopDomain *domain, unsigned vcpus, GError **error);

/* Each closed by { 0 } */
extern const CopHandler cop_remote_agent_handlers[];
extern const CopHandler cop_remote_console_handlers[];
extern const CopHandler cop_remote_define_handlers[];
extern const CopHandler cop_remote_device_handlers[];
extern const CopHandler cop_remote_domain_handlers[];
extern const CopHandler cop_remote_event_handlers[];
extern const CopHandler cop_remote_guest_handlers[];
extern const CopHandler cop_remote_guest_vcpus_handlers[];
extern const CopHandler cop_remote_hardware_handlers[];
extern const CopHandler cop_remote_info_handlers[];
extern const CopHandler cop_remote_life_handlers[];
extern const CopHandler cop_remote_memory_handlers[];
extern const CopHandler cop_remote_save_handlers[];
extern const CopHandler cop_remote_snapshot_handlers[];
extern const CopHandler cop_remote_stats_handlers[];
extern const CopHandler cop_remote_tune_handlers[];
extern const CopHandler cop_remote_storage_handlers[];
extern const CopHandler cop_remote_vcpus_handlers[];
extern const CopHandler cop_remote_qemu_handlers[];
