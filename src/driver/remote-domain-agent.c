/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What only the guest knows or can do, through its agent: time, file systems, vCPUs, shutdown. And
 * the addresses of interfaces, which for user networking the daemon knows by itself.
 */
#include "driver/domain-agent.h"
#include "driver/remote-domain.h"

#include "driver/wire/addons.h"

#include <string.h>

bool
cop_domain_agent_shutdown (CopDomain *domain, bool reboot, GError **error)
{
  /* Its success has no answer: the guest may be gone before. */
  g_autofree char *command =
    g_strdup_printf ("{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"%s\"}}",
                     reboot ? "reboot" : "powerdown");
  g_autoptr (GError) silent = NULL;

  if (!cop_domain_agent_run (domain, "{\"execute\":\"guest-ping\"}", NULL, error))
    return false;
  cop_domain_agent_ask (domain, command, 1, &silent);
  return true;
}

/* How many vCPUs the guest has on-line: how often its list says so. */
int
cop_domain_agent_count_vcpus (CopDomain *domain, GError **error)
{
  g_autofree char *answer =
    cop_domain_agent_ask (domain, "{\"execute\":\"guest-get-vcpus\"}", -1, error);
  int count = 0;

  if (answer == NULL)
    return -1;
  for (const char *at = answer; (at = strstr (at, "\"online\"")) != NULL; at++)
    {
      const char *value = at + strlen ("\"online\"");

      value += strspn (value, " :");
      count += g_str_has_prefix (value, "true");
    }
  return count;
}

COP_REMOTE_HANDLES (domain_get_time, DomainGetTime)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  gint64 ns;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error) ||
      !cop_domain_agent_run (domain, "{\"execute\":\"guest-get-time\"}", &ns, error))
    return false;
  ret->seconds = ns / G_GINT64_CONSTANT (1000000000);
  ret->nseconds = ns % G_GINT64_CONSTANT (1000000000);
  return true;
}

/* libvirt's VIR_DOMAIN_TIME_SYNC */
#define TIME_SYNC 1

COP_REMOTE_HANDLES (domain_set_time, DomainSetTime)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autofree char *command = NULL;
  gint64 ns;

  if (domain == NULL || !cop_remote_check_flags (args->flags, TIME_SYNC, error))
    return false;
  if (__builtin_mul_overflow (args->seconds, G_GINT64_CONSTANT (1000000000), &ns) ||
      __builtin_add_overflow (ns, (gint64) args->nseconds, &ns))
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("Time %" G_GINT64_FORMAT " is too big for guest agent"),
                            (gint64) args->seconds);
  /* Without a time the guest takes that of its clock, which is the host's. */
  if ((args->flags & TIME_SYNC) != 0)
    command = g_strdup ("{\"execute\":\"guest-set-time\"}");
  else
    command = g_strdup_printf (
      "{\"execute\":\"guest-set-time\",\"arguments\":{\"time\":%" G_GINT64_FORMAT "}}", ns);
  return cop_domain_agent_run (domain, command, NULL, error);
}

/* fsfreeze of some mount points needs their names quoted; of all it takes none. */
static char *
freeze_command (char *const *mounts, uint32_t n, GError **error)
{
  GString *command;

  if (n == 0)
    return g_strdup ("{\"execute\":\"guest-fsfreeze-freeze\"}");
  command = g_string_new ("{\"execute\":\"guest-fsfreeze-freeze-list\",\"arguments\":"
                          "{\"mountpoints\":[");
  for (uint32_t i = 0; i < n; i++)
    {
      for (const char *at = mounts[i]; *at != '\0'; at++)
        if (*at == '"' || *at == '\\' || (uint8_t) *at < 32)
          {
            cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("'%s' is no mount point"),
                             mounts[i]);
            g_string_free (command, true);
            return NULL;
          }
      g_string_append_printf (command, "%s\"%s\"", i > 0 ? "," : "", mounts[i]);
    }
  g_string_append (command, "]}}");
  return g_string_free (command, false);
}

COP_REMOTE_HANDLES (domain_fsfreeze, DomainFsfreeze)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autofree char *command = NULL;
  gint64 count;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  command = freeze_command (args->mountpoints, args->n_mountpoints, error);
  if (command == NULL || !cop_domain_agent_run (domain, command, &count, error))
    return false;
  ret->filesystems = CLAMP (count, 0, G_MAXINT);
  return true;
}

COP_REMOTE_HANDLES (domain_fsthaw, DomainFsthaw)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  gint64 count;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  if (args->n_mountpoints > 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                            _ ("all file systems are thawed at once; name none"));
  if (!cop_domain_agent_run (domain, "{\"execute\":\"guest-fsfreeze-thaw\"}", &count, error))
    return false;
  ret->filesystems = CLAMP (count, 0, G_MAXINT);
  return true;
}

COP_REMOTE_HANDLES (domain_fstrim, DomainFstrim)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autofree char *command = NULL;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  if (args->mount_point != NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                            _ ("Specifying mount point is not supported for now"));
  command = g_strdup_printf (
    "{\"execute\":\"guest-fstrim\",\"arguments\":{\"minimum\":%" G_GUINT64_FORMAT "}}",
    (guint64) args->minimum);
  return cop_domain_agent_run (domain, command, NULL, error);
}

COP_REMOTE_HANDLES (domain_agent_set_response_timeout, DomainAgentSetResponseTimeout)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  if (args->timeout < -2)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("guest agent timeout '%d' is less than the minimum '-2'"),
                            args->timeout);
  g_mutex_lock (&domain->lock);
  domain->agent_timeout = args->timeout;
  g_mutex_unlock (&domain->lock);
  return true;
}

/* Interface addresses ------------------------------------------------------------------------ */

/* libvirt's VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_* */
enum
{
  SOURCE_LEASE,
  SOURCE_AGENT,
  SOURCE_ARP,
};

/* The address that libslirp gives to the guest of a user network, which has no other. */
#define USER_ADDRESS "10.0.2.15"
#define USER_PREFIX 24

static char *
format_mac (const uint8_t mac[6])
{
  return g_strdup_printf ("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                          mac[5]);
}

/* The kernel's table of neighbours: "IP HW-type flags MAC mask device" */
static char *
address_of_mac (const char *arp, const char *mac)
{
  g_auto (GStrv) lines = g_strsplit (arp, "\n", -1);

  for (unsigned i = 1; lines[0] != NULL && lines[i] != NULL; i++)
    if (strstr (lines[i], mac) != NULL)
      return g_strndup (lines[i], strcspn (lines[i], " "));
  return NULL;
}

COP_REMOTE_HANDLES (domain_interface_addresses, DomainInterfaceAddresses)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (GMutexLocker) locker = NULL;
  g_autofree char *arp = NULL;
  const GPtrArray *interfaces;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  if (args->source != SOURCE_LEASE && args->source != SOURCE_ARP)
    return cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                            _ ("addresses are known from: lease, arp"));
  if (args->source == SOURCE_ARP && !g_file_get_contents ("/proc/net/arp", &arp, NULL, NULL))
    arp = g_strdup ("");
  locker = g_mutex_locker_new (&domain->lock);
  if (!cop_domain_need_active (domain, error))
    return false;
  interfaces = domain->running->interfaces;
  ret->ifaces = g_new0 (CopRemoteDomainInterface, MAX (interfaces->len, 1));
  for (guint i = 0; i < interfaces->len; i++)
    {
      const CopDomainInterface *interface = interfaces->pdata[i];
      bool user = interface->type == COP_INTERFACE_USER;
      g_autofree char *mac = format_mac (interface->mac);
      g_autofree char *address = user          ? g_strdup (USER_ADDRESS)
                                 : arp != NULL ? address_of_mac (arp, mac)
                                               : NULL;
      CopRemoteDomainInterface *out = &ret->ifaces[ret->n_ifaces];

      if (address == NULL || user != (args->source == SOURCE_LEASE))
        continue;
      out->name = g_strdup (interface->target != NULL ? interface->target : interface->alias);
      out->hwaddr = g_steal_pointer (&mac);
      out->n_addrs = 1;
      out->addrs = g_new0 (CopRemoteInterfaceAddress, 1);
      out->addrs[0].addr = g_steal_pointer (&address);
      out->addrs[0].prefix = user ? USER_PREFIX : 0;
      ret->n_ifaces++;
    }
  return true;
}

/* libvirt's program for QEMU ------------------------------------------------------------------- */

static bool
domain_agent_command (CopServerCall *call, const CopQemuDomainAgentCommandArgs *args,
                      CopQemuDomainAgentCommandRet *ret, GError **error)
{
  g_autoptr (CopDomain) domain = NULL;

  /* The program's table lets everybody call it; but it may do anything to the guest. */
  if (!cop_server_call_forbid_read_only (call, error) ||
      !cop_remote_check_flags (args->flags, 0, error))
    return false;
  domain = cop_driver_by_uuid (cop_remote_driver (call), args->dom.uuid, error);
  if (domain == NULL)
    return false;
  ret->result = cop_domain_agent_ask (domain, args->cmd, args->timeout, error);
  return ret->result != NULL;
}

/* clang-format off */
const CopHandler cop_remote_agent_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_GET_TIME, DomainGetTime, domain_get_time),
  COP_REMOTE_HANDLER (DOMAIN_SET_TIME, DomainSetTime, domain_set_time),
  COP_REMOTE_HANDLER (DOMAIN_FSFREEZE, DomainFsfreeze, domain_fsfreeze),
  COP_REMOTE_HANDLER (DOMAIN_FSTHAW, DomainFsthaw, domain_fsthaw),
  COP_REMOTE_HANDLER (DOMAIN_FSTRIM, DomainFstrim, domain_fstrim),
  COP_REMOTE_HANDLER (DOMAIN_AGENT_SET_RESPONSE_TIMEOUT, DomainAgentSetResponseTimeout, domain_agent_set_response_timeout),
  COP_REMOTE_HANDLER (DOMAIN_INTERFACE_ADDRESSES, DomainInterfaceAddresses, domain_interface_addresses),
  { 0 },
};

const CopHandler cop_remote_qemu_handlers[] = {
  COP_HANDLER (COP_QEMU_DOMAIN_AGENT_COMMAND, CopQemuDomainAgentCommand, domain_agent_command),
  { 0 },
};
/* clang-format on */
