/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a domain is called and how it is: dominfo, domstate, domid, domuuid, domname.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/names.h"
#include "vmtool/printer.h"

#include "common/units.h"

#include <glib/gi18n.h>


/* ---- dominfo ---- */

typedef struct
{
  CopRemoteDomainGetInfoRet info;
  int autostart, persistent, saved;
} Info;

static bool
get_info (const VmtDomain *domain, Info *info, GError **error)
{
  CopRemoteDomainGetInfoArgs args = { domain->dom };
  CopRemoteDomainGetAutostartRet autostart;
  CopRemoteDomainIsPersistentRet persistent;
  CopRemoteDomainHasManagedSaveImageArgs saved_args = { .dom = domain->dom };
  CopRemoteDomainHasManagedSaveImageRet saved;

  if (!VMT_DOMAIN_CALL (domain, DOMAIN_GET_INFO, &args, &info->info, error) ||
      !VMT_DOMAIN_CALL (domain, DOMAIN_IS_PERSISTENT,
                        &(CopRemoteDomainIsPersistentArgs){ domain->dom }, &persistent, error) ||
      !VMT_DOMAIN_CALL (domain, DOMAIN_HAS_MANAGED_SAVE_IMAGE, &saved_args, &saved, error) ||
      !VMT_DOMAIN_CALL (domain, DOMAIN_GET_AUTOSTART,
                        &(CopRemoteDomainGetAutostartArgs){ domain->dom }, &autostart, error))
    return false;
  info->persistent = persistent.persistent;
  info->saved = saved.result;
  info->autostart = autostart.autostart;
  return true;
}

static const VmtColumn info_columns[] = {
  { "id", N_ ("Id"), VMT_SHOW_OPTIONAL },
  { "name", N_ ("Name"), VMT_SHOW_TEXT },
  { "uuid", N_ ("UUID"), VMT_SHOW_TEXT },
  { "os_type", N_ ("OS Type"), VMT_SHOW_TEXT },
  { "state", N_ ("State"), VMT_SHOW_TEXT },
  { "vcpus", N_ ("CPU(s)"), VMT_SHOW_NUMBER },
  { "cpu_time", N_ ("CPU time"), VMT_SHOW_TIME },
  { "max_memory", N_ ("Max memory"), VMT_SHOW_SIZE },
  { "memory", N_ ("Used memory"), VMT_SHOW_SIZE },
  { "persistent", N_ ("Persistent"), VMT_SHOW_BOOL },
  { "autostart", N_ ("Autostart"), VMT_SHOW_BOOL },
  { "managed_save", N_ ("Managed save"), VMT_SHOW_BOOL },
  { NULL },
};

static bool
run_dominfo (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  char uuid[VMT_UUID_SIZE];
  CopRemoteDomainGetOsTypeRet os;
  Info info;

  if (!vmt_domain_open (call, &domain, error) || !get_info (&domain, &info, error) ||
      !VMT_DOMAIN_CALL (&domain, DOMAIN_GET_OS_TYPE, &(CopRemoteDomainGetOsTypeArgs){ domain.dom },
                        &os, error))
    return false;

  cop_uuid_format (domain.dom.uuid, uuid);
  vmt_printer_record (vmt_call_printer (call), info_columns,
                      (VmtCell[]){
                        { .number = domain.dom.id },
                        { .text = domain.dom.name },
                        { .text = uuid },
                        { .text = os.type },
                        { .text = vmt_state_name (info.info.state) },
                        { .number = info.info.nr_virt_cpu },
                        { .number = (int64_t)info.info.cpu_time },
                        { .number = (int64_t)(info.info.max_mem * COP_KIB) },
                        { .number = (int64_t)(info.info.memory * COP_KIB) },
                        { .number = info.persistent },
                        { .number = info.autostart },
                        { .number = info.saved },
                      });
  COP_REMOTE_CLEAR (DOMAIN_GET_OS_TYPE, &os);
  return true;
}

static const VmtOption domain_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { NULL },
};

const VmtCommand vmt_dominfo = {
  "dominfo", N_ ("Show what a domain is and how it is"), domain_options, run_dominfo,
  VMT_GROUP_MONITOR, .connects = true,
};

/* ---- domstate ---- */

static bool
run_domstate (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  VmtPrinter *printer = vmt_call_printer (call);
  int state, reason;

  if (!vmt_domain_open (call, &domain, error) ||
      !vmt_domain_state (&domain, &state, &reason, error))
    return false;
  if (vmt_printer_is_json (printer))
    {
      vmt_printer_begin (printer, NULL);
      vmt_printer_text (printer, "state", vmt_state_name (state));
      vmt_printer_text (printer, "reason", vmt_reason_name (state, reason));
      vmt_printer_end (printer);
    }
  else if (vmt_call_flag (call, "reason"))
    vmt_printer_note (printer, "%s (%s)", vmt_state_name (state), vmt_reason_name (state, reason));
  else
    vmt_printer_note (printer, "%s", vmt_state_name (state));
  return true;
}

static const VmtOption state_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "reason", VMT_FLAG, N_ ("say why, too; always with --json") },
  { NULL },
};

const VmtCommand vmt_domstate = {
  "domstate", N_ ("Show a domain's state"), state_options, run_domstate, VMT_GROUP_MONITOR,
  .connects = true,
};

/* ---- domid, domuuid, domname ---- */

static bool
run_domid (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  VmtPrinter *printer = vmt_call_printer (call);

  if (!vmt_domain_open (call, &domain, error))
    return false;
  if (vmt_printer_is_json (printer))
    {
      vmt_printer_begin (printer, NULL);
      if (domain.dom.id >= 0)
        vmt_printer_number (printer, "id", domain.dom.id);
      else
        vmt_printer_text (printer, "id", NULL);
      vmt_printer_end (printer);
    }
  else if (domain.dom.id >= 0)
    vmt_printer_note (printer, "%d", domain.dom.id);
  else
    vmt_printer_note (printer, "-");
  return true;
}

const VmtCommand vmt_domid = {
  "domid", N_ ("Print a domain's id; '-' when it does not run"), domain_options, run_domid,
  VMT_GROUP_MONITOR, .connects = true,
};

static bool
run_domuuid (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  char uuid[VMT_UUID_SIZE];

  if (!vmt_domain_open (call, &domain, error))
    return false;
  cop_uuid_format (domain.dom.uuid, uuid);
  vmt_print_document (vmt_call_printer (call), "uuid", uuid);
  return true;
}

const VmtCommand vmt_domuuid = {
  "domuuid", N_ ("Print a domain's UUID"), domain_options, run_domuuid, VMT_GROUP_MONITOR,
  .connects = true,
};

static bool
run_domname (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };

  if (!vmt_domain_open (call, &domain, error))
    return false;
  vmt_print_document (vmt_call_printer (call), "name", domain.dom.name);
  return true;
}

const VmtCommand vmt_domname = {
  "domname", N_ ("Print a domain's name"), domain_options, run_domname, VMT_GROUP_MONITOR,
  .connects = true,
};
