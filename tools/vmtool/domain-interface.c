/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Network interfaces: domiflist, domifstat, domif-getlink, domif-setlink.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/printer.h"

#include "xml/domain-device.h"
#include "xml/domain-rows.h"

#include <glib/gi18n.h>

#define MAC_SIZE 18

static void
format_mac (const uint8_t mac[6], char text[MAC_SIZE])
{
  g_snprintf (text, MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
              mac[4], mac[5]);
}

/* ---- domiflist ---- */

static const VmtColumn list_columns[] = {
  { "interface", N_ ("Interface"), VMT_SHOW_TEXT },
  { "type", N_ ("Type"), VMT_SHOW_TEXT },
  { "source", N_ ("Source"), VMT_SHOW_TEXT },
  { "model", N_ ("Model"), VMT_SHOW_TEXT },
  { "mac", N_ ("MAC"), VMT_SHOW_TEXT },
  { "link", N_ ("Link"), VMT_SHOW_TEXT },
  { NULL },
};

static const char *
link_name (const CopDomainInterface *interface)
{
  return interface->link == COP_LINK_DOWN ? "down" : "up";
}

static bool
run_domiflist (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  VmtPrinter *printer = vmt_call_printer (call);
  g_autoptr (CopDomainConfig) config = NULL;

  if (!vmt_domain_open (call, &domain, error))
    return false;
  config = vmt_domain_config (
    &domain, vmt_call_flag (call, "inactive") ? COP_DOMAIN_FORMAT_INACTIVE : 0, error);
  if (config == NULL)
    return false;

  vmt_printer_table (printer, list_columns);
  for (guint i = 0; i < config->interfaces->len; i++)
    {
      const CopDomainInterface *interface = config->interfaces->pdata[i];
      char mac[MAC_SIZE];

      format_mac (interface->mac, mac);
      vmt_printer_row (
        printer, (VmtCell[]){
                   { .text = interface->target },
                   { .text = cop_names_to_string (&cop_interface_type_names, interface->type) },
                   { .text = interface->bridge },
                   { .text = interface->model == COP_INTERFACE_MODEL_VIRTIO ? "virtio" : NULL },
                   { .text = mac },
                   { .text = link_name (interface) },
                 });
    }
  vmt_printer_table_end (printer);
  return true;
}

static const VmtOption domiflist_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  VMT_OPTION_INACTIVE,
  { NULL },
};

const VmtCommand vmt_domiflist = {
  "domiflist", N_ ("List a domain's network interfaces"), domiflist_options, run_domiflist,
  VMT_GROUP_MONITOR, .connects = true,
};

/* ---- the interface that is meant ---- */

/* Returns: (transfer none): of @config: what --interface names, or the only one there is */
static CopDomainInterface *
find_interface (const VmtCall *call, const VmtDomain *domain, const CopDomainConfig *config,
                GError **error)
{
  const char *name = vmt_call_string (call, "interface");
  CopDomainInterface *found = NULL;

  if (name != NULL)
    found = cop_domain_config_find_interface (config, name, NULL);
  else if (config->interfaces->len == 1)
    found = config->interfaces->pdata[0];
  if (found != NULL)
    return found;

  if (name != NULL)
    g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
                 _ ("domain '%s' has no interface '%s'; 'vmtool domiflist %s' lists them"),
                 domain->dom.name, name, domain->dom.name);
  else if (config->interfaces->len == 0)
    g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED, _ ("domain '%s' has no network interface"),
                 domain->dom.name);
  else
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("domain '%s' has %u interfaces; say which one is meant, as 'vmtool domiflist "
                    "%s' lists them"),
                 domain->dom.name, config->interfaces->len, domain->dom.name);
  return NULL;
}

/* ---- domifstat ---- */

static const VmtColumn stat_columns[] = {
  { "interface", N_ ("Interface"), VMT_SHOW_TEXT },
  { "rx_bytes", "rx_bytes", VMT_SHOW_OPTIONAL },
  { "rx_packets", "rx_packets", VMT_SHOW_OPTIONAL },
  { "rx_errs", "rx_errs", VMT_SHOW_OPTIONAL },
  { "rx_drop", "rx_drop", VMT_SHOW_OPTIONAL },
  { "tx_bytes", "tx_bytes", VMT_SHOW_OPTIONAL },
  { "tx_packets", "tx_packets", VMT_SHOW_OPTIONAL },
  { "tx_errs", "tx_errs", VMT_SHOW_OPTIONAL },
  { "tx_drop", "tx_drop", VMT_SHOW_OPTIONAL },
  { NULL },
};

static void
print_ifstat (VmtPrinter *printer, const char *name, const CopRemoteDomainInterfaceStatsRet *stats)
{
  const VmtCell cells[] = {
    { .text = name },
    { .number = stats->rx_bytes },
    { .number = stats->rx_packets },
    { .number = stats->rx_errs },
    { .number = stats->rx_drop },
    { .number = stats->tx_bytes },
    { .number = stats->tx_packets },
    { .number = stats->tx_errs },
    { .number = stats->tx_drop },
  };

  if (vmt_printer_is_json (printer))
    {
      vmt_printer_record (printer, stat_columns, cells);
      return;
    }
  for (unsigned i = 1; i < G_N_ELEMENTS (cells); i++)
    if (cells[i].number >= 0)
      vmt_printer_note (printer, "%s %s %" G_GINT64_FORMAT, name, stat_columns[i].key,
                        cells[i].number);
}

static bool
run_domifstat (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainInterfaceStatsArgs args = { 0 };
  CopRemoteDomainInterfaceStatsRet ret;
  g_autoptr (CopDomainConfig) config = NULL;
  const CopDomainInterface *interface;
  char mac[MAC_SIZE];

  if (!vmt_domain_open (call, &domain, error))
    return false;
  config = vmt_domain_config (&domain, 0, error);
  interface = config != NULL ? find_interface (call, &domain, config, error) : NULL;
  if (interface == NULL)
    return false;
  format_mac (interface->mac, mac);
  args.dom = domain.dom;
  args.device = interface->target != NULL ? interface->target : mac;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_INTERFACE_STATS, &args, &ret, error))
    return false;
  print_ifstat (vmt_call_printer (call), args.device, &ret);
  return true;
}

static const VmtOption interface_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_active),
  { "interface", VMT_STRING,
    N_ ("name or MAC address of the interface; not needed if there is one only"), "INTERFACE",
    .positional = true },
  { NULL },
};

const VmtCommand vmt_domifstat = {
  "domifstat", N_ ("Show what a domain's interface has received and sent"), interface_options,
  run_domifstat, VMT_GROUP_MONITOR, .connects = true,
};

/* ---- domif-getlink, domif-setlink ---- */

static bool
run_getlink (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  VmtPrinter *printer = vmt_call_printer (call);
  g_autoptr (CopDomainConfig) config = NULL;
  const CopDomainInterface *interface;
  char mac[MAC_SIZE];

  if (!vmt_domain_open (call, &domain, error))
    return false;
  config = vmt_domain_config (
    &domain, vmt_call_flag (call, "config") ? COP_DOMAIN_FORMAT_INACTIVE : 0, error);
  interface = config != NULL ? find_interface (call, &domain, config, error) : NULL;
  if (interface == NULL)
    return false;
  format_mac (interface->mac, mac);
  if (vmt_printer_is_json (printer))
    {
      vmt_printer_begin (printer, NULL);
      vmt_printer_text (printer, "mac", mac);
      vmt_printer_text (printer, "link", link_name (interface));
      vmt_printer_end (printer);
    }
  else
    vmt_printer_note (printer, "%s %s", interface->target != NULL ? interface->target : mac,
                      link_name (interface));
  return true;
}

static const VmtOption getlink_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "interface", VMT_STRING,
    N_ ("name or MAC address of the interface; not needed if there is one only"), "INTERFACE",
    .positional = true },
  { "config", VMT_FLAG, N_ ("as the domain is defined, not as it runs") },
  { NULL },
};

const VmtCommand vmt_domif_getlink = {
  "domif-getlink", N_ ("Show whether a domain's interface has a link"), getlink_options,
  run_getlink, VMT_GROUP_MONITOR, .connects = true,
};

COP_NAMES (link_state_names, 2, "up", "down");

static bool
run_setlink (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  VmtPrinter *printer = vmt_call_printer (call);
  bool config_only = vmt_call_flag (call, "config");
  CopRemoteDomainUpdateDeviceFlagsArgs args = { 0 };
  CopDomainDevice device = { .kind = COP_DEVICE_INTERFACE };
  g_autoptr (CopDomainConfig) config = NULL;
  g_autofree char *xml = NULL;
  bool active;

  if (!vmt_domain_open (call, &domain, error) || !vmt_domain_is_active (&domain, &active, error))
    return false;
  config_only = config_only || !active;
  config = vmt_domain_config (&domain, config_only ? COP_DOMAIN_FORMAT_INACTIVE : 0, error);
  device.interface = config != NULL ? find_interface (call, &domain, config, error) : NULL;
  if (device.interface == NULL)
    return false;
  device.interface->link =
    vmt_call_enum (call, "state") == 0 ? COP_LINK_UP : COP_LINK_DOWN;
  xml = cop_domain_device_format (&device, config_only ? COP_DOMAIN_FORMAT_INACTIVE : 0);
  if (vmt_call_flag (call, "print-xml"))
    {
      vmt_print_document (printer, "xml", xml);
      return true;
    }

  args.dom = domain.dom;
  args.xml = xml;
  args.flags = config_only ? VMT_AFFECT_CONFIG : VMT_AFFECT_LIVE;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_UPDATE_DEVICE_FLAGS, &args, NULL, error))
    return false;
  vmt_printer_note (printer, _ ("The interface's link is %s."), link_name (device.interface));
  return true;
}

static const VmtOption setlink_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "interface", VMT_STRING, N_ ("name or MAC address of the interface"), "INTERFACE",
    .required = true },
  { "state", VMT_ENUM, N_ ("what it is to be"), "STATE", .required = true,
    .names = &link_state_names },
  { "config", VMT_FLAG, N_ ("for the next start, not as it runs") },
  { "print-xml", VMT_FLAG, N_ ("print the XML of the change, and do nothing") },
  { NULL },
};

static const VmtExample setlink_examples[] = {
  { "vmtool domif-setlink debian 52:54:00:12:34:56 down", N_ ("Pull a network cable") },
  { NULL },
};

const VmtCommand vmt_domif_setlink = {
  "domif-setlink", N_ ("Plug in or pull an interface's cable"), setlink_options, run_setlink,
  VMT_GROUP_CONFIG, .examples = setlink_examples, .connects = true,
};
