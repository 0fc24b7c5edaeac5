/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory: dommemstat, setmem, setmaxmem.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/printer.h"

#include "common/units.h"

#include <glib/gi18n.h>

/* ---- dommemstat ---- */

/* By libvirt's tag. */
static const char *const memory_tags[] = {
  "swap_in", "swap_out", "major_fault", "minor_fault", "unused", "available",
  "actual",  "rss",      "usable",      "last_update", "disk_caches",
};

#define STATS_MAX 32

static bool
set_period (const VmtCall *call, VmtDomain *domain, GError **error)
{
  CopRemoteDomainSetMemoryStatsPeriodArgs args = { .dom = domain->dom };

  args.period = (int32_t)vmt_call_int (call, "period");
  return vmt_affect_flags (call, &args.flags, error) &&
         VMT_DOMAIN_CALL (domain, DOMAIN_SET_MEMORY_STATS_PERIOD, &args, NULL, error);
}

static bool
run_dommemstat (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  VmtPrinter *printer = vmt_call_printer (call);
  CopRemoteDomainMemoryStatsArgs args = { .max_stats = STATS_MAX };
  CopRemoteDomainMemoryStatsRet ret;

  if (!vmt_domain_open (call, &domain, error))
    return false;
  if (vmt_call_has (call, "period"))
    return set_period (call, &domain, error);
  args.dom = domain.dom;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_MEMORY_STATS, &args, &ret, error))
    return false;
  vmt_printer_begin (printer, NULL);
  for (uint32_t i = 0; i < ret.n_stats; i++)
    {
      int tag = ret.stats[i].tag;
      int64_t value = (int64_t)ret.stats[i].val;

      if (tag < 0 || (unsigned)tag >= G_N_ELEMENTS (memory_tags))
        continue;
      if (vmt_printer_is_json (printer))
        vmt_printer_number (printer, memory_tags[tag], value);
      else
        vmt_printer_note (printer, "%s %" G_GINT64_FORMAT, memory_tags[tag], value);
    }
  vmt_printer_end (printer);
  COP_REMOTE_CLEAR (DOMAIN_MEMORY_STATS, &ret);
  return true;
}

static const VmtOption dommemstat_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_active),
  { "period", VMT_INT, N_ ("set how often the guest is asked, instead of showing anything"),
    "SECONDS", .max = G_MAXINT32 },
  VMT_OPTIONS_AFFECT,
  { NULL },
};

const VmtCommand vmt_dommemstat = {
  "dommemstat", N_ ("Show how a domain uses its memory"), dommemstat_options, run_dommemstat,
  VMT_GROUP_MONITOR,
  .details = N_ ("Names are libvirt's; sizes are in KiB."), .connects = true,
};

/* ---- setmem, setmaxmem ---- */

/* libvirt's bit of DOMAIN_SET_MEMORY_FLAGS. */
#define MEMORY_MAXIMUM (1 << 2)

static bool
set_memory (VmtCall *call, uint32_t bits, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  uint64_t size = vmt_call_size (call, "size");
  CopRemoteDomainSetMemoryFlagsArgs args = { .memory = size / COP_KIB };
  g_autofree char *text = cop_size_format (size);

  if (!vmt_affect_flags (call, &args.flags, error) || !vmt_domain_open (call, &domain, error))
    return false;
  args.flags |= bits;
  args.dom = domain.dom;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_SET_MEMORY_FLAGS, &args, NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call),
                    bits != 0 ? _ ("Domain '%s' has %s of memory at most.")
                              : _ ("Domain '%s' is to have %s of memory."),
                    domain.dom.name, text);
  return true;
}

static bool
run_setmem (VmtCall *call, GError **error)
{
  return set_memory (call, 0, error);
}

static bool
run_setmaxmem (VmtCall *call, GError **error)
{
  return set_memory (call, MEMORY_MAXIMUM, error);
}

static const VmtOption setmem_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "size", VMT_SIZE, N_ ("how much, such as 512M; a number alone counts KiB, as in virsh"),
    .required = true, .min = COP_KIB, .max = 1024 * COP_GIB, .unit = COP_KIB },
  VMT_OPTIONS_AFFECT,
  { NULL },
};

const VmtCommand vmt_setmem = {
  "setmem", N_ ("Change how much memory a domain has"), setmem_options, run_setmem,
  VMT_GROUP_CONFIG, .connects = true,
};

const VmtCommand vmt_setmaxmem = {
  "setmaxmem", N_ ("Change how much memory a domain may have"), setmem_options, run_setmaxmem,
  VMT_GROUP_CONFIG, .connects = true,
};
