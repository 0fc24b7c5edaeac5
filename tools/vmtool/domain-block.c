/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Disks: domblklist, domblkinfo, domblkstat.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/printer.h"
#include "vmtool/vmtool-private.h"

#include "xml/domain-rows.h"

#include <glib/gi18n.h>
#include <string.h>

/* ---- domblklist ---- */

static const VmtColumn list_columns[] = {
  { "target", N_ ("Target"), VMT_SHOW_TEXT },
  { "source", N_ ("Source"), VMT_SHOW_TEXT },
  { NULL },
};

static const VmtColumn detail_columns[] = {
  { "type", N_ ("Type"), VMT_SHOW_TEXT },
  { "device", N_ ("Device"), VMT_SHOW_TEXT },
  { "target", N_ ("Target"), VMT_SHOW_TEXT },
  { "source", N_ ("Source"), VMT_SHOW_TEXT },
  { NULL },
};

static bool
run_domblklist (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  VmtPrinter *printer = vmt_call_printer (call);
  bool details = vmt_call_flag (call, "details") || vmt_printer_is_json (printer);
  g_autoptr (CopDomainConfig) config = NULL;

  if (!vmt_domain_open (call, &domain, error))
    return false;
  config = vmt_domain_config (
    &domain, vmt_call_flag (call, "inactive") ? COP_DOMAIN_FORMAT_INACTIVE : 0, error);
  if (config == NULL)
    return false;

  vmt_printer_table (printer, details ? detail_columns : list_columns);
  for (guint i = 0; i < config->disks->len; i++)
    {
      const CopDomainDisk *disk = config->disks->pdata[i];
      VmtCell cells[] = {
        { .text = cop_names_to_string (&cop_disk_type_names, disk->type) },
        { .text = cop_names_to_string (&cop_disk_device_names, disk->device) },
        { .text = disk->target },
        { .text = disk->source },
      };

      vmt_printer_row (printer, details ? cells : cells + 2);
    }
  vmt_printer_table_end (printer);
  return true;
}

static const VmtOption domblklist_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  VMT_OPTION_INACTIVE,
  { "details", VMT_FLAG, N_ ("show type and device, too; always with --json") },
  { NULL },
};

const VmtCommand vmt_domblklist = {
  "domblklist", N_ ("List a domain's disks"), domblklist_options, run_domblklist,
  VMT_GROUP_MONITOR, .connects = true,
};

/* ---- the disk that is meant ---- */

/* Returns: (transfer full): --device, or the only disk there is */
static char *
find_device (const VmtCall *call, const VmtDomain *domain, GError **error)
{
  const char *device = vmt_call_string (call, "device");
  g_autoptr (CopDomainConfig) config = NULL;

  if (device != NULL)
    return g_strdup (device);
  config = vmt_domain_config (domain, 0, error);
  if (config == NULL)
    return NULL;
  if (config->disks->len == 1)
    return g_strdup (((const CopDomainDisk *)config->disks->pdata[0])->target);
  if (config->disks->len == 0)
    g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED, _ ("domain '%s' has no disk"),
                 domain->dom.name);
  else
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("domain '%s' has %u disks; say which one is meant, as 'vmtool domblklist %s' "
                    "lists them"),
                 domain->dom.name, config->disks->len, domain->dom.name);
  return NULL;
}

static const VmtOption device_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "device", VMT_STRING, N_ ("target or source of the disk; not needed if there is one only"),
    "DISK", .positional = true },
  { NULL },
};

/* ---- domblkinfo ---- */

static const VmtColumn info_columns[] = {
  { "capacity", N_ ("Capacity"), VMT_SHOW_SIZE },
  { "allocation", N_ ("Allocation"), VMT_SHOW_SIZE },
  { "physical", N_ ("Physical"), VMT_SHOW_SIZE },
  { NULL },
};

static bool
run_domblkinfo (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainGetBlockInfoArgs args = { 0 };
  CopRemoteDomainGetBlockInfoRet ret;
  g_autofree char *device = NULL;

  if (!vmt_domain_open (call, &domain, error))
    return false;
  args.dom = domain.dom;
  args.path = device = find_device (call, &domain, error);
  if (device == NULL || !VMT_DOMAIN_CALL (&domain, DOMAIN_GET_BLOCK_INFO, &args, &ret, error))
    return false;
  vmt_printer_record (vmt_call_printer (call), info_columns,
                      (VmtCell[]){
                        { .number = (int64_t)ret.capacity },
                        { .number = (int64_t)ret.allocation },
                        { .number = (int64_t)ret.physical },
                      });
  return true;
}

const VmtCommand vmt_domblkinfo = {
  "domblkinfo", N_ ("Show the size of a domain's disk"), device_options, run_domblkinfo,
  VMT_GROUP_MONITOR, .connects = true,
};

/* ---- domblkstat ---- */

/* libvirt's parameters, virsh's short names for them, and ours for people. */
static const struct
{
  const char *field, *name, *title;
} stat_rows[] = {
  { "rd_operations", "rd_req", N_ ("number of read operations") },
  { "rd_bytes", "rd_bytes", N_ ("number of bytes read") },
  { "wr_operations", "wr_req", N_ ("number of write operations") },
  { "wr_bytes", "wr_bytes", N_ ("number of bytes written") },
  { "errs", "errs", N_ ("error count") },
  { "flush_operations", "flush_operations", N_ ("number of flush operations") },
  { "rd_total_times", "rd_total_times", N_ ("total duration of reads (ns)") },
  { "wr_total_times", "wr_total_times", N_ ("total duration of writes (ns)") },
  { "flush_total_times", "flush_total_times", N_ ("total duration of flushes (ns)") },
};

static int64_t
param_number (const CopTypedParam *param)
{
  if (param->type == COP_PARAM_INT)
    return param->value.i;
  return param->type == COP_PARAM_UINT ? (int64_t)param->value.u : param->value.l;
}

static void
print_blkstat (VmtCall *call, const char *device, const CopTypedParam *params, uint32_t n_params)
{
  VmtPrinter *printer = vmt_call_printer (call);
  bool human = vmt_call_flag (call, "human");

  vmt_printer_begin (printer, NULL);
  if (vmt_printer_is_json (printer))
    vmt_printer_text (printer, "device", device);
  else if (human)
    vmt_printer_note (printer, _ ("Device: %s"), device);
  for (unsigned i = 0; i < G_N_ELEMENTS (stat_rows); i++)
    {
      const CopTypedParam *param = cop_params_find (params, n_params, stat_rows[i].field);

      if (param == NULL)
        continue;
      if (vmt_printer_is_json (printer))
        vmt_printer_number (printer, stat_rows[i].field, param_number (param));
      else if (human)
        vmt_printer_note (printer, " %-31s %" G_GINT64_FORMAT, _ (stat_rows[i].title),
                          param_number (param));
      else
        vmt_printer_note (printer, "%s %s %" G_GINT64_FORMAT, device, stat_rows[i].name,
                          param_number (param));
    }
  vmt_printer_end (printer);
}

static bool
run_domblkstat (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainBlockStatsFlagsArgs args = { 0 };
  CopRemoteDomainBlockStatsFlagsRet ret;
  g_autofree char *device = NULL;

  if (!vmt_domain_open (call, &domain, error))
    return false;
  args.dom = domain.dom;
  args.path = device = find_device (call, &domain, error);
  args.nparams = G_N_ELEMENTS (stat_rows);
  if (device == NULL || !VMT_DOMAIN_CALL (&domain, DOMAIN_BLOCK_STATS_FLAGS, &args, &ret, error))
    return false;
  print_blkstat (call, device, ret.params, ret.n_params);
  COP_REMOTE_CLEAR (DOMAIN_BLOCK_STATS_FLAGS, &ret);
  return true;
}

static const VmtOption domblkstat_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_active),
  { "device", VMT_STRING, N_ ("target or source of the disk; not needed if there is one only"),
    "DISK", .positional = true },
  { "human", VMT_FLAG, N_ ("print a more human readable output") },
  { NULL },
};

const VmtCommand vmt_domblkstat = {
  "domblkstat", N_ ("Show what a domain's disk has read and written"), domblkstat_options,
  run_domblkstat, VMT_GROUP_MONITOR, .connects = true,
};
