/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the guest knows of itself, by its agent: system, users, host name, file systems, disks,
 * network interfaces. And the addresses of interfaces, which for user networking the daemon knows
 * by itself.
 *
 * What an agent says is looked at member by member: what it leaves out is left out.
 */
#include "driver/domain-agent.h"
#include "driver/remote-domain.h"

#include <stdlib.h>
#include <string.h>

/* What a client may be told of at most, each. */
#define LIST_MAX 256

/* With the mutex free. Returns: (transfer full): a copy of what runs */
static CopDomainConfig *
copy_running (CopDomain *domain, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  return cop_domain_need_active (domain, error) ? cop_domain_config_copy (domain->running) : NULL;
}

/* The disk that an agent speaks of: by its serial number, else by the name that Linux gives it.
   Returns: (nullable) (transfer none): its target */
static const char *
find_target (const CopDomainConfig *config, const CopJson *disk)
{
  const char *serial = cop_json_string (cop_json_member (disk, "serial"));
  const char *device = cop_json_string (cop_json_member (disk, "dev"));

  for (guint i = 0; i < config->disks->len; i++)
    {
      const CopDomainDisk *ours = config->disks->pdata[i];
      g_autofree char *name = g_strdup_printf ("/dev/vd%c", 'a' + (int) i);

      if (serial != NULL && ours->serial != NULL
            ? strcmp (serial, ours->serial) == 0
            : device != NULL && g_str_has_prefix (device, name) &&
                strspn (device + strlen (name), "0123456789") == strlen (device + strlen (name)))
        return ours->target;
    }
  return NULL;
}

/* Host name ------------------------------------------------------------------------------------ */

/* libvirt's VIR_DOMAIN_GET_HOSTNAME_* */
enum
{
  HOSTNAME_LEASE = 1 << 0,
  HOSTNAME_AGENT = 1 << 1,
};

COP_REMOTE_HANDLES (domain_get_hostname, DomainGetHostname)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (CopJson) answer = NULL;
  const char *name;

  if (domain == NULL ||
      !cop_remote_check_flags (args->flags, HOSTNAME_LEASE | HOSTNAME_AGENT, error))
    return false;
  if (args->flags == HOSTNAME_LEASE)
    return cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                            _ ("there are no leases that would tell a host name; ask the guest's "
                               "agent, with --source agent"));
  answer = cop_domain_agent_call (domain, "guest-get-host-name", NULL, NULL, error);
  if (answer == NULL)
    return false;
  name = cop_json_string (cop_json_member (cop_json_member (answer, "return"), "host-name"));
  if (name == NULL)
    return cop_domain_agent_malformed ("guest-get-host-name", error);
  ret->hostname = g_strdup (name);
  return true;
}

/* File systems --------------------------------------------------------------------------------- */

COP_REMOTE_HANDLES (domain_get_fsinfo, DomainGetFsinfo)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (CopDomainConfig) config = NULL;
  g_autoptr (CopJson) answer = NULL;
  const CopJson *list;
  guint n;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  config = copy_running (domain, error);
  if (config == NULL)
    return false;
  answer = cop_domain_agent_call (domain, "guest-get-fsinfo", NULL, NULL, error);
  if (answer == NULL)
    return false;
  list = cop_json_member (answer, "return");
  n = MIN (cop_json_length (list), LIST_MAX);
  ret->info = g_new0 (CopRemoteFsInfo, MAX (n, 1));
  for (guint i = 0; i < n; i++)
    {
      const CopJson *item = cop_json_element (list, i);
      const CopJson *disks = cop_json_member (item, "disk");
      const char *mount = cop_json_string (cop_json_member (item, "mountpoint"));
      const char *name = cop_json_string (cop_json_member (item, "name"));
      const char *type = cop_json_string (cop_json_member (item, "type"));
      CopRemoteFsInfo *out = &ret->info[ret->n_info];

      if (mount == NULL || name == NULL || type == NULL)
        return cop_domain_agent_malformed ("guest-get-fsinfo", error);
      out->mountpoint = g_strdup (mount);
      out->name = g_strdup (name);
      out->fstype = g_strdup (type);
      out->dev_aliases = g_new0 (char *, MAX (MIN (cop_json_length (disks), LIST_MAX), 1));
      ret->n_info++;
      for (guint j = 0; j < MIN (cop_json_length (disks), LIST_MAX); j++)
        {
          const char *target = find_target (config, cop_json_element (disks, j));

          if (target != NULL)
            out->dev_aliases[out->n_dev_aliases++] = g_strdup (target);
        }
    }
  ret->ret = ret->n_info;
  return true;
}

/* All at once ---------------------------------------------------------------------------------- */

/* Appends a string member of @json, if it is there. */
static void
add_text (CopParams *params, const CopJson *json, const char *member, const char *field)
{
  const char *text = cop_json_string (cop_json_member (json, member));

  if (text != NULL)
    cop_params_add_string (params, field, text);
}

static void
add_item_text (CopParams *params, const CopJson *json, const char *member, const char *list,
               guint index, const char *field)
{
  g_autofree char *name = g_strdup_printf ("%s.%u.%s", list, index, field);

  add_text (params, json, member, name);
}

static void
add_item_number (CopParams *params, const CopJson *json, const char *member, const char *list,
                 guint index, const char *field)
{
  g_autofree char *name = g_strdup_printf ("%s.%u.%s", list, index, field);
  uint64_t value;

  if (cop_json_uint64 (cop_json_member (json, member), &value))
    cop_params_add_ullong (params, name, value);
}

/* Appends the number of elements of a list. Returns: it */
static guint
add_count (CopParams *params, const CopJson *list, const char *field)
{
  guint n = MIN (cop_json_length (list), LIST_MAX);

  cop_params_add_uint (params, field, n);
  return n;
}

static void
describe_users (const CopDomainConfig *config G_GNUC_UNUSED, const CopJson *list, CopParams *params)
{
  guint n = add_count (params, list, "user.count");

  for (guint i = 0; i < n; i++)
    {
      const CopJson *user = cop_json_element (list, i);
      const CopJson *time = cop_json_member (user, "login-time");
      g_autofree char *field = g_strdup_printf ("user.%u.login-time", i);

      add_item_text (params, user, "user", "user", i, "name");
      add_item_text (params, user, "domain", "user", i, "domain");
      /* A number of seconds with a fraction; libvirt has milliseconds. */
      if (time != NULL && time->type == COP_JSON_NUMBER)
        cop_params_add_ullong (
          params, field, (uint64_t) CLAMP (g_ascii_strtod (time->text, NULL) * 1000, 0, 9e18));
    }
}

static void
describe_os (const CopDomainConfig *config G_GNUC_UNUSED, const CopJson *os, CopParams *params)
{
  static const char *const members[] = {
    "id",         "name",           "pretty-name",    "version",
    "version-id", "kernel-release", "kernel-version", "machine",
    "variant",    "variant-id"
  };

  for (size_t i = 0; i < G_N_ELEMENTS (members); i++)
    {
      g_autofree char *field = g_strconcat ("os.", members[i], NULL);

      add_text (params, os, members[i], field);
    }
}

static void
describe_timezone (const CopDomainConfig *config G_GNUC_UNUSED, const CopJson *zone,
                   CopParams *params)
{
  int64_t offset;

  add_text (params, zone, "zone", "timezone.name");
  if (cop_json_int64 (cop_json_member (zone, "offset"), &offset))
    cop_params_add_int (params, "timezone.offset", (int32_t) CLAMP (offset, -86400, 86400));
}

static void
describe_hostname (const CopDomainConfig *config G_GNUC_UNUSED, const CopJson *host,
                   CopParams *params)
{
  add_text (params, host, "host-name", "hostname");
}

static void
describe_file_system (const CopDomainConfig *config, const CopJson *item, guint index,
                      CopParams *params)
{
  const CopJson *disks = cop_json_member (item, "disk");
  g_autofree char *count = g_strdup_printf ("fs.%u.disk.count", index);
  g_autofree char *list = g_strdup_printf ("fs.%u.disk", index);
  guint n;

  add_item_text (params, item, "name", "fs", index, "name");
  add_item_text (params, item, "mountpoint", "fs", index, "mountpoint");
  add_item_text (params, item, "type", "fs", index, "fstype");
  add_item_number (params, item, "total-bytes", "fs", index, "total-bytes");
  add_item_number (params, item, "used-bytes", "fs", index, "used-bytes");
  n = add_count (params, disks, count);
  for (guint i = 0; i < n; i++)
    {
      const CopJson *disk = cop_json_element (disks, i);
      const char *target = find_target (config, disk);
      g_autofree char *alias = g_strdup_printf ("%s.%u.alias", list, i);

      if (target != NULL)
        cop_params_add_string (params, alias, target);
      add_item_text (params, disk, "serial", list, i, "serial");
      add_item_text (params, disk, "dev", list, i, "device");
    }
}

static void
describe_file_systems (const CopDomainConfig *config, const CopJson *list, CopParams *params)
{
  guint n = add_count (params, list, "fs.count");

  for (guint i = 0; i < n; i++)
    describe_file_system (config, cop_json_element (list, i), i, params);
}

static void
describe_disks (const CopDomainConfig *config, const CopJson *list, CopParams *params)
{
  guint n = add_count (params, list, "disk.count");

  for (guint i = 0; i < n; i++)
    {
      const CopJson *disk = cop_json_element (list, i);
      const CopJson *address = cop_json_member (disk, "address");
      const CopJson *partition = cop_json_member (disk, "partition");
      const CopJson *dependencies = cop_json_member (disk, "dependencies");
      const char *target = find_target (config, address);
      g_autofree char *field = g_strdup_printf ("disk.%u.dependency.count", i);
      guint n_dependencies;

      add_item_text (params, disk, "name", "disk", i, "name");
      if (partition != NULL && partition->type == COP_JSON_BOOL)
        cop_params_add (params, COP_PARAM_BOOLEAN, "disk.%u.partition", i)->value.b =
          partition->truth;
      n_dependencies = MIN (cop_json_length (dependencies), LIST_MAX);
      if (n_dependencies > 0)
        cop_params_add_uint (params, field, n_dependencies);
      for (guint j = 0; j < n_dependencies; j++)
        {
          const char *name = cop_json_string (cop_json_element (dependencies, j));
          g_autofree char *of = g_strdup_printf ("disk.%u.dependency.%u.name", i, j);

          cop_params_add_string (params, of, name != NULL ? name : "");
        }
      if (target != NULL)
        {
          g_autofree char *alias = g_strdup_printf ("disk.%u.alias", i);

          cop_params_add_string (params, alias, target);
        }
      add_item_text (params, disk, "alias", "disk", i, "guest_alias");
      add_item_text (params, address, "serial", "disk", i, "serial");
      add_item_text (params, address, "dev", "disk", i, "device");
      add_item_text (params, address, "bus-type", "disk", i, "guest_bus");
    }
}

static void
describe_interfaces (const CopDomainConfig *config G_GNUC_UNUSED, const CopJson *list,
                     CopParams *params)
{
  guint n = add_count (params, list, "if.count");

  for (guint i = 0; i < n; i++)
    {
      const CopJson *interface = cop_json_element (list, i);
      const CopJson *addresses = cop_json_member (interface, "ip-addresses");
      g_autofree char *count = g_strdup_printf ("if.%u.addr.count", i);
      g_autofree char *of = g_strdup_printf ("if.%u.addr", i);
      guint n_addresses;

      add_item_text (params, interface, "name", "if", i, "name");
      add_item_text (params, interface, "hardware-address", "if", i, "hwaddr");
      n_addresses = add_count (params, addresses, count);
      for (guint j = 0; j < n_addresses; j++)
        {
          const CopJson *address = cop_json_element (addresses, j);
          g_autofree char *prefix = g_strdup_printf ("%s.%u.prefix", of, j);
          uint64_t bits;

          add_item_text (params, address, "ip-address-type", of, j, "type");
          add_item_text (params, address, "ip-address", of, j, "addr");
          if (cop_json_uint64 (cop_json_member (address, "prefix"), &bits))
            cop_params_add_uint (params, prefix, (uint32_t) MIN (bits, 128));
        }
    }
}

/* clang-format off */
/* By libvirt's bit of what is asked for. */
static const struct
{
  uint32_t    bit;
  const char *command;
  void      (*describe) (const CopDomainConfig *config, const CopJson *value, CopParams *params);
} groups[] = {
  { 1 << 0, "guest-get-users",              describe_users },
  { 1 << 1, "guest-get-osinfo",             describe_os },
  { 1 << 2, "guest-get-timezone",           describe_timezone },
  { 1 << 3, "guest-get-host-name",          describe_hostname },
  { 1 << 4, "guest-get-fsinfo",             describe_file_systems },
  { 1 << 5, "guest-get-disks",              describe_disks },
  { 1 << 6, "guest-network-get-interfaces", describe_interfaces },
};
/* clang-format on */

/* What the wire has room for. */
#define PARAMS_MAX 2048

COP_REMOTE_HANDLES (domain_get_guest_info, DomainGetGuestInfo)
{
  const uint32_t known = (1u << G_N_ELEMENTS (groups)) - 1;
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (CopDomainConfig) config = NULL;
  g_auto (CopParams) params = COP_PARAMS_INIT;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error) ||
      !cop_remote_check_flags (args->types, known, error))
    return false;
  config = copy_running (domain, error);
  if (config == NULL)
    return false;
  for (size_t i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      g_autoptr (CopJson) answer = NULL;
      bool missing = false;

      if (args->types != 0 && (args->types & groups[i].bit) == 0)
        continue;
      /* Who asks for all is told what there is. */
      answer = cop_domain_agent_call (domain, groups[i].command, NULL,
                                      args->types == 0 ? &missing : NULL, error);
      if (answer != NULL)
        groups[i].describe (config, cop_json_member (answer, "return"), &params);
      else if (!missing)
        return false;
    }
  if (params.n > PARAMS_MAX)
    return cop_driver_fail (error, COP_DRIVER_ERROR_RPC,
                            _ ("the guest says more than one reply holds; ask for some only"));
  cop_params_steal (&params, &ret->params, &ret->n_params);
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

/* libvirt's VIR_IP_ADDR_TYPE_* */
enum
{
  ADDRESS_IPV4,
  ADDRESS_IPV6,
};

static bool
addresses_by_agent (CopDomain *domain, CopRemoteDomainInterfaceAddressesRet *ret, GError **error)
{
  g_autoptr (CopJson) answer =
    cop_domain_agent_call (domain, "guest-network-get-interfaces", NULL, NULL, error);
  const CopJson *list = cop_json_member (answer, "return");
  guint n = MIN (cop_json_length (list), LIST_MAX);

  if (answer == NULL)
    return false;
  ret->ifaces = g_new0 (CopRemoteDomainInterface, MAX (n, 1));
  for (guint i = 0; i < n; i++)
    {
      const CopJson *item = cop_json_element (list, i);
      const CopJson *addresses = cop_json_member (item, "ip-addresses");
      const char *name = cop_json_string (cop_json_member (item, "name"));
      guint n_addresses = MIN (cop_json_length (addresses), LIST_MAX);
      CopRemoteDomainInterface *out = &ret->ifaces[ret->n_ifaces];

      if (name == NULL)
        return cop_domain_agent_malformed ("guest-network-get-interfaces", error);
      ret->n_ifaces++;
      out->name = g_strdup (name);
      out->hwaddr = g_strdup (cop_json_string (cop_json_member (item, "hardware-address")));
      out->addrs = g_new0 (CopRemoteInterfaceAddress, MAX (n_addresses, 1));
      for (guint j = 0; j < n_addresses; j++)
        {
          const CopJson *address = cop_json_element (addresses, j);
          const char *text = cop_json_string (cop_json_member (address, "ip-address"));
          const char *type = cop_json_string (cop_json_member (address, "ip-address-type"));
          uint64_t prefix = 0;

          if (text == NULL)
            return cop_domain_agent_malformed ("guest-network-get-interfaces", error);
          cop_json_uint64 (cop_json_member (address, "prefix"), &prefix);
          out->addrs[out->n_addrs++] = (CopRemoteInterfaceAddress){
            .type = g_strcmp0 (type, "ipv6") == 0 ? ADDRESS_IPV6 : ADDRESS_IPV4,
            .addr = g_strdup (text),
            .prefix = (uint32_t) MIN (prefix, 128),
          };
        }
    }
  return true;
}

/* Of a user network, or of the taps in the host's table of neighbours. */
static bool
addresses_by_host (CopDomain *domain, bool leases, CopRemoteDomainInterfaceAddressesRet *ret,
                   GError **error)
{
  g_autoptr (GMutexLocker) locker = NULL;
  g_autofree char *arp = NULL;
  const GPtrArray *interfaces;

  if (!leases && !g_file_get_contents ("/proc/net/arp", &arp, NULL, NULL))
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

      if (address == NULL || user != leases)
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

COP_REMOTE_HANDLES (domain_interface_addresses, DomainInterfaceAddresses)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  switch (args->source)
    {
    case SOURCE_LEASE:
    case SOURCE_ARP:
      return addresses_by_host (domain, args->source == SOURCE_LEASE, ret, error);
    case SOURCE_AGENT:
      return addresses_by_agent (domain, ret, error);
    default:
      return cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                              _ ("addresses are known from: lease, agent, arp"));
    }
}

/* clang-format off */
const CopHandler cop_remote_guest_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_GET_HOSTNAME, DomainGetHostname, domain_get_hostname),
  COP_REMOTE_HANDLER (DOMAIN_GET_FSINFO, DomainGetFsinfo, domain_get_fsinfo),
  COP_REMOTE_HANDLER (DOMAIN_GET_GUEST_INFO, DomainGetGuestInfo, domain_get_guest_info),
  COP_REMOTE_HANDLER (DOMAIN_INTERFACE_ADDRESSES, DomainInterfaceAddresses, domain_interface_addresses),
  { 0 },
};
/* clang-format on */
