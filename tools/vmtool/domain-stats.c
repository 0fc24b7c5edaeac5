/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool domstats: all that is counted, of many domains in one call.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/printer.h"

#include <glib/gi18n.h>
#include <inttypes.h>

/* libvirt's bits of CONNECT_GET_ALL_DOMAIN_STATS: groups, and flags. */
static const VmtFlagRow groups[] = {
  /* clang-format off */
  { "state",     1 << 0 },
  { "cpu-total", 1 << 1 },
  { "balloon",   1 << 2 },
  { "vcpu",      1 << 3 },
  { "interface", 1 << 4 },
  { "block",     1 << 5 },
  { "perf",      1 << 6 },
  { "iothread",  1 << 7 },
  { "memory",    1 << 8 },
  { "dirtyrate", 1 << 9 },
  { "vm",        1 << 10 },
  { NULL },
  /* clang-format on */
};

static const VmtFlagRow flags[] = {
  /* clang-format off */
  { "list-active",     VMT_LIST_ACTIVE },
  { "list-inactive",   VMT_LIST_INACTIVE },
  { "list-persistent", VMT_LIST_PERSISTENT },
  { "list-transient",  VMT_LIST_TRANSIENT },
  { "list-running",    VMT_LIST_RUNNING },
  { "list-paused",     VMT_LIST_PAUSED },
  { "list-shutoff",    VMT_LIST_SHUTOFF },
  { "list-other",      VMT_LIST_OTHER },
  { "nowait",          1u << 29 },
  { "backing",         1u << 30 },
  { "enforce",         1u << 31 },
  { NULL },
  /* clang-format on */
};

#define LIST_MASK 0xffffu

static void
print_param (VmtPrinter *printer, const CopTypedParam *param)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  switch (param->type)
    {
    case COP_PARAM_INT:
      g_snprintf (text, sizeof text, "%" PRId32, param->value.i);
      break;
    case COP_PARAM_UINT:
      g_snprintf (text, sizeof text, "%" PRIu32, param->value.u);
      break;
    case COP_PARAM_LLONG:
      g_snprintf (text, sizeof text, "%" PRId64, param->value.l);
      break;
    case COP_PARAM_ULLONG:
      g_snprintf (text, sizeof text, "%" PRIu64, param->value.ul);
      break;
    case COP_PARAM_DOUBLE:
      g_ascii_formatd (text, sizeof text, "%f", param->value.d);
      break;
    case COP_PARAM_BOOLEAN:
      g_strlcpy (text, param->value.b ? "yes" : "no", sizeof text);
      break;
    case COP_PARAM_STRING:
    case COP_PARAM_LAST:
      vmt_printer_note (printer, "  %s=%s", param->field,
                        param->value.s != NULL ? param->value.s : "");
      return;
    }
  vmt_printer_note (printer, "  %s=%s", param->field, text);
}

static void
print_param_json (VmtPrinter *printer, const CopTypedParam *param)
{
  switch (param->type)
    {
    case COP_PARAM_INT:
      vmt_printer_number (printer, param->field, param->value.i);
      break;
    case COP_PARAM_UINT:
      vmt_printer_number (printer, param->field, param->value.u);
      break;
    case COP_PARAM_LLONG:
      vmt_printer_number (printer, param->field, param->value.l);
      break;
    case COP_PARAM_ULLONG:
      vmt_printer_unsigned (printer, param->field, param->value.ul);
      break;
    case COP_PARAM_DOUBLE:
      vmt_printer_real (printer, param->field, param->value.d);
      break;
    case COP_PARAM_BOOLEAN:
      vmt_printer_bool (printer, param->field, param->value.b);
      break;
    case COP_PARAM_STRING:
    case COP_PARAM_LAST:
      vmt_printer_text (printer, param->field, param->value.s);
      break;
    }
}

void
vmt_print_params (VmtPrinter *printer, const CopTypedParam *params, uint32_t n)
{
  bool json = vmt_printer_is_json (printer);

  for (uint32_t i = 0; i < n; i++)
    if (json)
      print_param_json (printer, &params[i]);
    else
      print_param (printer, &params[i]);
}

static void
print_stats (VmtPrinter *printer, const CopRemoteDomainStats *stats, bool first)
{
  char uuid[VMT_UUID_SIZE];

  if (!vmt_printer_is_json (printer))
    {
      vmt_printer_note (printer, "%sDomain: '%s'", first ? "" : "\n", stats->dom.name);
      vmt_print_params (printer, stats->params, stats->n_params);
      return;
    }
  cop_uuid_format (stats->dom.uuid, uuid);
  vmt_printer_begin (printer, NULL);
  vmt_printer_text (printer, "name", stats->dom.name);
  vmt_printer_text (printer, "uuid", uuid);
  vmt_printer_begin (printer, "stats");
  vmt_print_params (printer, stats->params, stats->n_params);
  vmt_printer_end (printer);
  vmt_printer_end (printer);
}

static void
clear_dom (gpointer data)
{
  g_free (((CopRemoteDomain *)data)->name);
}

/* Returns: (transfer full) (element-type CopRemoteDomain): those that were named */
static GArray *
find_domains (CopClient *client, const char *const *names, GError **error)
{
  g_autoptr (GArray) doms = g_array_new (FALSE, TRUE, sizeof (CopRemoteDomain));

  g_array_set_clear_func (doms, clear_dom);
  for (; *names != NULL; names++)
    {
      VmtDomain domain = { 0 };

      if (!vmt_domain_find (client, *names, &domain, error))
        return NULL;
      g_array_append_val (doms, domain.dom);
    }
  return g_steal_pointer (&doms);
}

static bool
run (VmtCall *call, GError **error)
{
  const char *const *names = vmt_call_strings (call, "domain");
  CopRemoteConnectGetAllDomainStatsArgs args = { .stats = vmt_call_bits (call, groups),
                                                 .flags = vmt_call_bits (call, flags) };
  CopRemoteConnectGetAllDomainStatsRet ret;
  VmtPrinter *printer = vmt_call_printer (call);
  CopClient *client;
  g_autoptr (GArray) doms = NULL;

  if (*names != NULL && (args.flags & LIST_MASK) != 0)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("domains are named, so that --list options have no use"));
      return false;
    }
  client = vmt_connection_get (error);
  doms = client != NULL ? find_domains (client, names, error) : NULL;
  if (doms == NULL)
    return false;
  args.doms = (CopRemoteDomain *)(void *)doms->data;
  args.n_doms = doms->len;
  if (!COP_REMOTE_CALL (client, CONNECT_GET_ALL_DOMAIN_STATS, &args, &ret, error))
    return false;

  vmt_printer_begin_array (printer, NULL);
  for (uint32_t i = 0; i < ret.n_ret_stats; i++)
    print_stats (printer, &ret.ret_stats[i], i == 0);
  vmt_printer_end_array (printer);
  COP_REMOTE_CLEAR (CONNECT_GET_ALL_DOMAIN_STATS, &ret);
  return true;
}

static const VmtOption options[] = {
  /* clang-format off */
  { "domain",          VMT_STRING, N_ ("name, id or UUID of a domain; all, if there is none"), "DOMAIN", .positional = true, .repeated = true, .complete = vmt_complete_domains },
  { "state",           VMT_FLAG, N_ ("state and reason") },
  { "cpu-total",       VMT_FLAG, N_ ("time of processors") },
  { "balloon",         VMT_FLAG, N_ ("memory, as the guest says") },
  { "vcpu",            VMT_FLAG, N_ ("each vCPU") },
  { "interface",       VMT_FLAG, N_ ("network interfaces") },
  { "block",           VMT_FLAG, N_ ("disks") },
  { "perf",            VMT_FLAG, N_ ("events of the host's processor") },
  { "iothread",        VMT_FLAG, N_ ("threads for disks") },
  { "memory",          VMT_FLAG, N_ ("memory bandwidth") },
  { "dirtyrate",       VMT_FLAG, N_ ("how fast memory is written to") },
  { "vm",              VMT_FLAG, N_ ("what only Coppice counts") },
  { "list-active",     VMT_FLAG, N_ ("of those that run") },
  { "list-inactive",   VMT_FLAG, N_ ("of those that do not") },
  { "list-persistent", VMT_FLAG, N_ ("of those with a definition") },
  { "list-transient",  VMT_FLAG, N_ ("of those without") },
  { "list-running",    VMT_FLAG, N_ ("of those that are running") },
  { "list-paused",     VMT_FLAG, N_ ("of those that are paused") },
  { "list-shutoff",    VMT_FLAG, N_ ("of those that are shut off") },
  { "list-other",      VMT_FLAG, N_ ("of those in other states") },
  { "enforce",         VMT_FLAG, N_ ("fail where something asked for is not counted") },
  { "backing",         VMT_FLAG, N_ ("with the files that a disk is based on") },
  { "nowait",          VMT_FLAG, N_ ("only what is there without waiting") },
  { NULL },
  /* clang-format on */
};

static const VmtExample examples[] = {
  { "vmtool domstats debian --cpu-total --block", N_ ("What has it computed, read and written?") },
  { NULL },
};

const VmtCommand vmt_domstats = {
  "domstats", N_ ("Show statistics of domains"), options, run, VMT_GROUP_MONITOR,
  .details = N_ ("Names and units are libvirt's: times in nanoseconds, memory in KiB, traffic in "
                 "bytes. With no group named, all that are counted are shown."),
  .examples = examples, .connects = true,
};
