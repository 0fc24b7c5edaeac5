/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Virtual processors: setvcpus, vcpucount, vcpuinfo.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/names.h"
#include "vmtool/printer.h"

#include "engine/config.h"

#include <glib/gi18n.h>

/* libvirt's bits of DOMAIN_SET_VCPUS_FLAGS and DOMAIN_GET_VCPUS_FLAGS. */
enum
{
  VCPUS_LIVE = VMT_AFFECT_LIVE,
  VCPUS_CONFIG = VMT_AFFECT_CONFIG,
  VCPUS_MAXIMUM = 1 << 2,
  VCPUS_GUEST = 1 << 3,
};

/* ---- setvcpus ---- */

static bool
run_setvcpus (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainSetVcpusFlagsArgs args = { .nvcpus = (uint32_t)vmt_call_int (call, "count") };

  if (!vmt_affect_flags (call, &args.flags, error) || !vmt_domain_open (call, &domain, error))
    return false;
  if (vmt_call_flag (call, "maximum"))
    args.flags |= VCPUS_MAXIMUM;
  if (vmt_call_flag (call, "guest"))
    args.flags |= VCPUS_GUEST;
  args.dom = domain.dom;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_SET_VCPUS_FLAGS, &args, NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call),
                    vmt_call_flag (call, "maximum") ? _ ("Domain '%s' has %u vCPUs at most.")
                                                    : _ ("Domain '%s' has %u vCPUs."),
                    domain.dom.name, args.nvcpus);
  return true;
}

static const VmtOption setvcpus_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "count", VMT_INT, N_ ("how many"), .required = true, .min = 1, .max = COP_MAX_HARTS },
  { "maximum", VMT_FLAG, N_ ("how many there can be; together with --config") },
  { "guest", VMT_FLAG, N_ ("let the guest's agent do it") },
  VMT_OPTIONS_AFFECT,
  { NULL },
};

const VmtCommand vmt_setvcpus = {
  "setvcpus", N_ ("Change how many vCPUs a domain has"), setvcpus_options, run_setvcpus,
  VMT_GROUP_CONFIG, .connects = true,
};

/* ---- vcpucount ---- */

/* What there is to ask, in virsh's order and words. */
static const struct
{
  const char *key, *kind, *of;
  uint32_t flags;
} counts[] = {
  { "maximum_config", "maximum", "config", VCPUS_MAXIMUM | VCPUS_CONFIG },
  { "maximum_live", "maximum", "live", VCPUS_MAXIMUM | VCPUS_LIVE },
  { "current_config", "current", "config", VCPUS_CONFIG },
  { "current_live", "current", "live", VCPUS_LIVE },
};

static bool
get_count (const VmtDomain *domain, uint32_t flags, int *count, GError **error)
{
  CopRemoteDomainGetVcpusFlagsArgs args = { .dom = domain->dom, .flags = flags };
  CopRemoteDomainGetVcpusFlagsRet ret;

  if (!VMT_DOMAIN_CALL (domain, DOMAIN_GET_VCPUS_FLAGS, &args, &ret, error))
    return false;
  *count = ret.num;
  return true;
}

/* All four; one that does not apply, since the domain does not run or has no definition, is null in
   JSON. */
static bool
print_counts (VmtPrinter *printer, const VmtDomain *domain, GError **error)
{
  vmt_printer_begin (printer, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autoptr (GError) failed = NULL;
      int count;
      bool known = get_count (domain, counts[i].flags, &count, &failed);

      if (!known &&
          !g_error_matches (failed, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_INVALID) &&
          !g_error_matches (failed, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG))
        {
          vmt_printer_end (printer);
          g_propagate_error (error, g_steal_pointer (&failed));
          return false;
        }
      if (!vmt_printer_is_json (printer))
        {
          if (known)
            vmt_printer_note (printer, "%-12s %-12s %3d", counts[i].kind, counts[i].of, count);
        }
      else if (known)
        vmt_printer_number (printer, counts[i].key, count);
      else
        vmt_printer_text (printer, counts[i].key, NULL);
    }
  vmt_printer_end (printer);
  return true;
}

static bool
run_vcpucount (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  VmtPrinter *printer = vmt_call_printer (call);
  uint32_t flags;
  bool asked;
  int count;

  if (!vmt_call_check_exclusive (call, (const char *[]){ "maximum", "active", NULL }, error) ||
      !vmt_affect_flags (call, &flags, error) || !vmt_domain_open (call, &domain, error))
    return false;
  asked = flags != 0 || vmt_call_flag (call, "maximum") || vmt_call_flag (call, "active") ||
          vmt_call_flag (call, "guest") || vmt_call_flag (call, "current");
  if (!asked)
    return print_counts (printer, &domain, error);

  if (vmt_call_flag (call, "maximum"))
    flags |= VCPUS_MAXIMUM;
  if (vmt_call_flag (call, "guest"))
    flags |= VCPUS_GUEST;
  if (!get_count (&domain, flags, &count, error))
    return false;
  if (vmt_printer_is_json (printer))
    {
      vmt_printer_begin (printer, NULL);
      vmt_printer_number (printer, "count", count);
      vmt_printer_end (printer);
    }
  else
    vmt_printer_note (printer, "%d", count);
  return true;
}

static const VmtOption vcpucount_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "maximum", VMT_FLAG, N_ ("how many there can be") },
  { "active", VMT_FLAG, N_ ("how many there are") },
  { "guest", VMT_FLAG, N_ ("as the guest's agent says") },
  VMT_OPTIONS_AFFECT,
  { NULL },
};

const VmtCommand vmt_vcpucount = {
  "vcpucount", N_ ("Show how many vCPUs a domain has"), vcpucount_options, run_vcpucount,
  VMT_GROUP_MONITOR,
  .details = N_ ("Without an option all counts are shown; with one, a number alone."),
  .connects = true,
};

/* ---- vcpuinfo ---- */

static const VmtColumn info_columns[] = {
  { "vcpu", N_ ("VCPU"), VMT_SHOW_NUMBER },
  { "cpu", N_ ("CPU"), VMT_SHOW_OPTIONAL },
  { "state", N_ ("State"), VMT_SHOW_TEXT },
  { "cpu_time", N_ ("CPU time"), VMT_SHOW_TIME },
  { "affinity", N_ ("CPU Affinity"), VMT_SHOW_TEXT },
  { NULL },
};

/* "yy-y": a letter for each of the host's processors. */
static char *
format_affinity (const uint8_t *map, uint32_t length, unsigned n_cpus)
{
  GString *text = g_string_new (NULL);

  for (unsigned i = 0; i < n_cpus && i / 8 < length; i++)
    g_string_append_c (text, map[i / 8] & (1u << i % 8) ? 'y' : '-');
  return g_string_free (text, FALSE);
}

static bool
count_cpus (CopClient *client, unsigned *n_cpus, GError **error)
{
  CopRemoteNodeGetCpuMapArgs args = { 0 };
  CopRemoteNodeGetCpuMapRet ret;

  if (!COP_REMOTE_CALL (client, NODE_GET_CPU_MAP, &args, &ret, error))
    return false;
  *n_cpus = ret.ret > 0 ? (unsigned)ret.ret : 0;
  COP_REMOTE_CLEAR (NODE_GET_CPU_MAP, &ret);
  return true;
}

static void
print_vcpus (VmtPrinter *printer, const CopRemoteDomainGetVcpusRet *ret, unsigned map_size,
             unsigned n_cpus)
{
  vmt_printer_begin_array (printer, NULL);
  for (uint32_t i = 0; i < ret->n_info; i++)
    {
      const CopRemoteVcpuInfo *info = &ret->info[i];
      bool has_map = map_size > 0 && ret->cpumaps.length >= (i + 1) * map_size;
      g_autofree char *affinity =
        has_map ? format_affinity (ret->cpumaps.data + i * map_size, map_size, n_cpus) : NULL;

      vmt_printer_record (printer, info_columns,
                          (VmtCell[]){
                            { .number = info->number },
                            { .number = info->cpu },
                            { .text = vmt_vcpu_state_name (info->state) },
                            { .number = (int64_t)info->cpu_time },
                            { .text = affinity },
                          });
    }
  vmt_printer_end_array (printer);
}

static bool
run_vcpuinfo (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainGetVcpusArgs args = { .maxinfo = COP_MAX_HARTS };
  CopRemoteDomainGetVcpusRet ret;
  unsigned n_cpus;

  if (!vmt_domain_open (call, &domain, error) || !count_cpus (domain.client, &n_cpus, error))
    return false;
  args.dom = domain.dom;
  args.maplen = (int32_t)((n_cpus + 7) / 8);
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_GET_VCPUS, &args, &ret, error))
    return false;
  print_vcpus (vmt_call_printer (call), &ret, (unsigned)args.maplen, n_cpus);
  COP_REMOTE_CLEAR (DOMAIN_GET_VCPUS, &ret);
  return true;
}

static const VmtOption vcpuinfo_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_active),
  { NULL },
};

const VmtCommand vmt_vcpuinfo = {
  "vcpuinfo", N_ ("Show what each of a domain's vCPUs does"), vcpuinfo_options, run_vcpuinfo,
  VMT_GROUP_MONITOR, .connects = true,
};
