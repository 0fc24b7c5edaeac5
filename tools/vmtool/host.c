/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The daemon and its host: capabilities, domcapabilities, nodeinfo, version, uri, hostname.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/printer.h"

#include "common/units.h"

#include <glib/gi18n.h>

/* ---- capabilities, domcapabilities ---- */

static bool
run_capabilities (VmtCall *call, GError **error)
{
  CopClient *client = vmt_connection_get (error);
  CopRemoteConnectGetCapabilitiesRet ret;

  if (client == NULL || !COP_REMOTE_CALL (client, CONNECT_GET_CAPABILITIES, NULL, &ret, error))
    return false;
  vmt_print_document (vmt_call_printer (call), "xml", ret.capabilities);
  COP_REMOTE_CLEAR (CONNECT_GET_CAPABILITIES, &ret);
  return true;
}

const VmtCommand vmt_capabilities = {
  "capabilities", N_ ("Print what the host can do, as XML"), NULL, run_capabilities,
  VMT_GROUP_HOST, .connects = true,
};

static bool
run_domcapabilities (VmtCall *call, GError **error)
{
  CopClient *client = vmt_connection_get (error);
  CopRemoteConnectGetDomainCapabilitiesRet ret;
  CopRemoteConnectGetDomainCapabilitiesArgs args = {
    .emulatorbin = (char *)vmt_call_string (call, "emulatorbin"),
    .arch = (char *)vmt_call_string (call, "arch"),
    .machine = (char *)vmt_call_string (call, "machine"),
    .virttype = (char *)vmt_call_string (call, "virttype"),
  };

  if (client == NULL ||
      !COP_REMOTE_CALL (client, CONNECT_GET_DOMAIN_CAPABILITIES, &args, &ret, error))
    return false;
  vmt_print_document (vmt_call_printer (call), "xml", ret.capabilities);
  COP_REMOTE_CLEAR (CONNECT_GET_DOMAIN_CAPABILITIES, &ret);
  return true;
}

static const VmtOption domcapabilities_options[] = {
  { "virttype", VMT_STRING, N_ ("type of domain: 'coppice'"), "TYPE", .positional = true },
  { "emulatorbin", VMT_PATH, N_ ("program that runs it"), .positional = true },
  { "arch", VMT_STRING, N_ ("architecture: 'riscv64'"), "ARCH", .positional = true },
  { "machine", VMT_STRING, N_ ("type of machine: 'virt'"), "MACHINE", .positional = true },
  { NULL },
};

const VmtCommand vmt_domcapabilities = {
  "domcapabilities", N_ ("Print what a domain can have, as XML"), domcapabilities_options,
  run_domcapabilities, VMT_GROUP_HOST, .connects = true,
};

/* ---- nodeinfo ---- */

static const VmtColumn node_columns[] = {
  { "model", N_ ("CPU model"), VMT_SHOW_TEXT },
  { "cpus", N_ ("CPU(s)"), VMT_SHOW_NUMBER },
  { "mhz", N_ ("CPU frequency (MHz)"), VMT_SHOW_NUMBER },
  { "sockets", N_ ("CPU socket(s)"), VMT_SHOW_NUMBER },
  { "cores", N_ ("Core(s) per socket"), VMT_SHOW_NUMBER },
  { "threads", N_ ("Thread(s) per core"), VMT_SHOW_NUMBER },
  { "nodes", N_ ("NUMA cell(s)"), VMT_SHOW_NUMBER },
  { "memory", N_ ("Memory size"), VMT_SHOW_SIZE },
  { NULL },
};

static bool
run_nodeinfo (VmtCall *call, GError **error)
{
  CopClient *client = vmt_connection_get (error);
  CopRemoteNodeGetInfoRet ret;
  g_autofree char *model = NULL;

  if (client == NULL || !COP_REMOTE_CALL (client, NODE_GET_INFO, NULL, &ret, error))
    return false;
  model = g_strndup (ret.model, sizeof ret.model);
  vmt_printer_record (vmt_call_printer (call), node_columns,
                      (VmtCell[]){
                        { .text = model },
                        { .number = ret.cpus },
                        { .number = ret.mhz },
                        { .number = ret.sockets },
                        { .number = ret.cores },
                        { .number = ret.threads },
                        { .number = ret.nodes },
                        { .number = (int64_t)(ret.memory * COP_KIB) },
                      });
  return true;
}

const VmtCommand vmt_nodeinfo = {
  "nodeinfo", N_ ("Show the host's processors and memory"), NULL, run_nodeinfo, VMT_GROUP_HOST,
  .connects = true,
};

/* ---- version ---- */

static const VmtColumn version_columns[] = {
  { "vmtool", N_ ("This program"), VMT_SHOW_TEXT },
  { "type", N_ ("Hypervisor"), VMT_SHOW_TEXT },
  { "hypervisor", N_ ("Running hypervisor"), VMT_SHOW_TEXT },
  { "daemon", N_ ("Protocol of libvirt"), VMT_SHOW_TEXT },
  { NULL },
};

/* libvirt's numbers of versions: millions, thousands, rest. */
static char *
format_version (uint64_t version)
{
  return g_strdup_printf ("%u.%u.%u", (unsigned)(version / 1000000),
                          (unsigned)(version / 1000 % 1000), (unsigned)(version % 1000));
}

static bool
run_version (VmtCall *call, GError **error)
{
  CopClient *client = vmt_connection_get (error);
  VmtPrinter *printer = vmt_call_printer (call);
  bool daemon = vmt_call_flag (call, "daemon") || vmt_printer_is_json (printer);
  CopRemoteConnectGetTypeRet type;
  CopRemoteConnectGetVersionRet version;
  CopRemoteConnectGetLibVersionRet lib;
  g_autofree char *hypervisor = NULL, *protocol = NULL;

  if (client == NULL || !COP_REMOTE_CALL (client, CONNECT_GET_VERSION, NULL, &version, error) ||
      !COP_REMOTE_CALL (client, CONNECT_GET_LIB_VERSION, NULL, &lib, error) ||
      !COP_REMOTE_CALL (client, CONNECT_GET_TYPE, NULL, &type, error))
    return false;
  hypervisor = format_version (version.hv_ver);
  protocol = daemon ? format_version (lib.lib_ver) : NULL;
  vmt_printer_record (printer, version_columns,
                      (VmtCell[]){
                        { .text = COPPICE_VERSION },
                        { .text = type.type },
                        { .text = hypervisor },
                        { .text = protocol },
                      });
  COP_REMOTE_CLEAR (CONNECT_GET_TYPE, &type);
  return true;
}

static const VmtOption version_options[] = {
  { "daemon", VMT_FLAG,
    N_ ("show which libvirt the daemon speaks like, too; always with --json") },
  { NULL },
};

const VmtCommand vmt_version = {
  "version", N_ ("Show versions of vmtool and of the daemon"), version_options, run_version,
  VMT_GROUP_HOST, .connects = true,
};

/* ---- uri, hostname ---- */

static bool
run_uri (VmtCall *call, GError **error)
{
  if (vmt_connection_get (error) == NULL)
    return false;
  vmt_print_document (vmt_call_printer (call), "uri", vmt_connection_uri ());
  return true;
}

const VmtCommand vmt_uri = {
  "uri", N_ ("Print the URI of the daemon"), NULL, run_uri, VMT_GROUP_HOST, .connects = true,
};

static bool
run_hostname (VmtCall *call, GError **error)
{
  CopClient *client = vmt_connection_get (error);
  CopRemoteConnectGetHostnameRet ret;

  if (client == NULL || !COP_REMOTE_CALL (client, CONNECT_GET_HOSTNAME, NULL, &ret, error))
    return false;
  vmt_print_document (vmt_call_printer (call), "hostname", ret.hostname);
  COP_REMOTE_CLEAR (CONNECT_GET_HOSTNAME, &ret);
  return true;
}

const VmtCommand vmt_hostname = {
  "hostname", N_ ("Print the name of the daemon's host"), NULL, run_hostname, VMT_GROUP_HOST,
  .connects = true,
};
