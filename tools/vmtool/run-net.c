/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * --net user[,forward=tcp:2222:22]... | tap,ifname=NAME | none
 */
#include "vmtool/run-private.h"
#include "vmtool/suboptions.h"

#include "common/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

COP_NAMES (net_kind_names, VMT_NET_LAST, "user", "tap", "none");

enum
{
  NET_FORWARD,
  NET_IFNAME,
  NET_MAC,
};

static const VmtSubOption net_options[] = {
  [NET_FORWARD] = { "forward", VMT_SUB_VALUE, "tcp:2222:22", .repeated = true },
  [NET_IFNAME] = { "ifname", VMT_SUB_VALUE, "NAME" },
  [NET_MAC] = { "mac", VMT_SUB_VALUE, "52:54:00:12:34:56" },
  { NULL },
};

static bool
parse_mac (const char *text, uint8_t mac[6], GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ":", 7);
  bool good = g_strv_length (parts) == 6;

  for (unsigned i = 0; good && i < 6; i++)
    {
      guint64 octet = 0;

      good =
        strlen (parts[i]) == 2 && g_ascii_string_to_unsigned (parts[i], 16, 0, 255, &octet, NULL);
      mac[i] = (uint8_t)octet;
    }
  /* The lowest bit of the first octet marks a group of stations. */
  if (good && (mac[0] & 1) == 0)
    return true;
  g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
               _ ("--net: mac '%s' is not the address of a station; write 52:54:00:12:34:56"),
               text);
  return false;
}

/* Locally administered. Behind libslirp nobody else sees it; on a bridge each tap needs its own,
   the same whenever the machine is run again. */
static void
make_mac (const char *ifname, unsigned index, uint8_t mac[6])
{
  g_autofree char *seed =
    ifname != NULL ? g_strdup_printf ("%s/%s", g_get_host_name (), ifname) : NULL;
  guint hash = seed != NULL ? g_str_hash (seed) : 0x123456 + index;

  memcpy (mac, (uint8_t[]){ 0x52, 0x54, 0, hash >> 16, hash >> 8, hash }, 6);
}

static bool
parse_port (const char *text, uint16_t *port)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT16, &number, NULL))
    return false;
  *port = (uint16_t)number;
  return true;
}

static bool
is_ipv4 (const char *text)
{
  struct in_addr address;

  return inet_pton (AF_INET, text, &address) == 1;
}

static void
free_forward (gpointer data)
{
  CopPortForward *forward = data;

  g_free (forward->host_address);
  g_free (forward->guest_address);
  g_free (forward);
}

/* PROTOCOL:[HOST-ADDRESS:]HOST-PORT:[GUEST-ADDRESS:]GUEST-PORT */
static CopPortForward *
parse_forward (const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ":", 6);
  unsigned n_parts = g_strv_length (parts);
  CopPortForward parsed = { 0 };
  const char *host_address = NULL, *guest_address = NULL;
  bool good = n_parts >= 3 && n_parts <= 5;

  if (good)
    {
      parsed.udp = strcmp (parts[0], "udp") == 0;
      good = parsed.udp || strcmp (parts[0], "tcp") == 0;
    }
  if (good)
    {
      unsigned host_port = n_parts >= 4 ? 2 : 1;

      host_address = n_parts >= 4 ? parts[1] : NULL;
      guest_address = n_parts == 5 ? parts[3] : NULL;
      good = parse_port (parts[host_port], &parsed.host_port) &&
             parse_port (parts[n_parts - 1], &parsed.guest_port) &&
             (host_address == NULL || is_ipv4 (host_address)) &&
             (guest_address == NULL || is_ipv4 (guest_address));
    }
  if (!good)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--net: forward '%s' is not tcp or udp with ports; write tcp:2222:22, or "
                      "tcp:0.0.0.0:2222:10.0.2.15:22"),
                   text);
      return NULL;
    }
  parsed.host_address = g_strdup (host_address);
  parsed.guest_address = g_strdup (guest_address);
  return g_memdup2 (&parsed, sizeof parsed);
}

static bool
parse_forwards (VmtNetOption *net, const VmtSubValues *values, GError **error)
{
  net->forwards = g_ptr_array_new_with_free_func (free_forward);
  for (const char *const *text = vmt_sub_list (values, NET_FORWARD); *text != NULL; text++)
    {
      CopPortForward *forward = parse_forward (*text, error);

      if (forward == NULL)
        return false;
      g_ptr_array_add (net->forwards, forward);
    }
  return true;
}

/* Refuses options that @kind has no use for. */
static bool
check_applies (const VmtSubValues *values, unsigned kind, GError **error)
{
  static const unsigned useful[] = {
    [VMT_NET_USER] = 1 << NET_FORWARD | 1 << NET_MAC,
    [VMT_NET_TAP] = 1 << NET_IFNAME | 1 << NET_MAC,
    [VMT_NET_NONE] = 0,
  };

  for (unsigned i = 0; net_options[i].name != NULL; i++)
    if (vmt_sub_value (values, i) != NULL && (useful[kind] & 1u << i) == 0)
      {
        g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--net: '%s' has no use for %s"),
                     values->head, net_options[i].name);
        return false;
      }
  if (kind == VMT_NET_TAP && vmt_sub_value (values, NET_IFNAME) == NULL)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--net: tap needs the name of an interface: tap,ifname=tap0"));
      return false;
    }
  return true;
}

void
vmt_net_option_clear (VmtNetOption *net)
{
  g_clear_pointer (&net->ifname, g_free);
  g_clear_pointer (&net->forwards, g_ptr_array_unref);
}

bool
vmt_net_option_parse (const char *text, VmtNetOption *net, GError **error)
{
  g_autoptr (VmtSubValues) values = vmt_sub_parse ("net", text, net_options, error);
  const char *mac;
  unsigned kind;

  if (values == NULL)
    return false;
  if (!cop_names_from_string (&net_kind_names, values->head, &kind))
    {
      g_autofree char *list = cop_names_list (&net_kind_names);

      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--net: '%s' is not one of %s"),
                   values->head, list);
      return false;
    }
  if (!check_applies (values, kind, error))
    return false;

  net->kind = (VmtNetKind)kind;
  net->ifname = g_strdup (vmt_sub_value (values, NET_IFNAME));
  mac = vmt_sub_value (values, NET_MAC);
  net->has_mac = mac != NULL;
  if (mac != NULL && !parse_mac (mac, net->mac, error))
    return false;
  return kind != VMT_NET_USER || parse_forwards (net, values, error);
}

bool
vmt_run_add_nic (CopMachineConfig *config, const char *text, GError **error)
{
  g_auto (VmtNetOption) net = { 0 };
  CopNicConfig *nic;

  if (!vmt_net_option_parse (text, &net, error))
    return false;
  if (net.kind == VMT_NET_NONE)
    return true;
  if (config->n_nics == COP_MAX_NICS)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--net: a machine has at most %d network interfaces"), COP_MAX_NICS);
      return false;
    }

  /* Counted at once: what is filled in is freed with the config, also after an error. */
  nic = &config->nics[config->n_nics];
  *nic = (CopNicConfig){ .fd = -1 };
  config->n_nics++;

  if (net.has_mac)
    memcpy (nic->mac, net.mac, sizeof nic->mac);
  else
    make_mac (net.ifname, config->n_nics - 1, nic->mac);
  if (net.kind == VMT_NET_USER)
    {
      nic->kind = COP_NET_USER;
      nic->forwards = g_steal_pointer (&net.forwards);
      return true;
    }
  nic->kind = COP_NET_TAP;
  nic->fd = cop_host_open_tap (net.ifname, NULL, error);
  return nic->fd >= 0;
}
