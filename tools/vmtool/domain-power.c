/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Starting, stopping and pausing: start, shutdown, reboot, reset, destroy, suspend, resume.
 */
#include "vmtool/commands.h"
#include "vmtool/domain-console.h"
#include "vmtool/domain.h"
#include "vmtool/printer.h"

#include <glib/gi18n.h>

/* libvirt's bits of DOMAIN_CREATE_WITH_FLAGS. */
static const VmtFlagRow start_bits[] = {
  { "paused", 1 << 0 },
  { "autodestroy", 1 << 1 },
  { "bypass-cache", 1 << 2 },
  { "force-boot", 1 << 3 },
  { NULL },
};

/* Of DOMAIN_DESTROY_FLAGS. */
static const VmtFlagRow destroy_bits[] = {
  { "graceful", 1 << 0 },
  { "remove-logs", 1 << 1 },
  { NULL },
};

/* Of DOMAIN_SHUTDOWN_FLAGS and DOMAIN_REBOOT: bit 0 is the first mode. */
COP_NAMES (mode_names, 5, "acpi", "agent", "initctl", "signal", "paravirt");

/* ---- start ---- */

bool
vmt_start (VmtDomain *domain, uint32_t flags, GError **error)
{
  CopRemoteDomainCreateWithFlagsArgs args = { .dom = domain->dom, .flags = flags };
  CopRemoteDomainCreateWithFlagsRet ret;

  if (!VMT_DOMAIN_CALL (domain, DOMAIN_CREATE_WITH_FLAGS, &args, &ret, error))
    return false;
  domain->dom.id = ret.dom.id;
  COP_REMOTE_CLEAR (DOMAIN_CREATE_WITH_FLAGS, &ret);
  return true;
}

static bool
run_start (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };

  if (!vmt_domain_open (call, &domain, error) ||
      !vmt_start (&domain, vmt_call_bits (call, start_bits), error))
    return false;
  vmt_print_domain (vmt_call_printer (call), &domain.dom,
                    vmt_call_flag (call, "paused") ? N_ ("Domain '%s' is started, and paused.")
                                                   : N_ ("Domain '%s' is started."));
  return !vmt_call_flag (call, "console") || vmt_domain_console (&domain, NULL, 0, VMT_CONSOLE_ESCAPE, error);
}

static const VmtOption start_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_inactive),
  { "console", VMT_FLAG, N_ ("connect to the console once it runs") },
  { "paused", VMT_FLAG, N_ ("start it paused") },
  { "autodestroy", VMT_FLAG, N_ ("destroy it when vmtool ends; of use with --console or in the shell") },
  { "bypass-cache", VMT_FLAG, N_ ("read saved memory past the host's page cache") },
  { "force-boot", VMT_FLAG, N_ ("boot afresh, and drop the state of 'managedsave'") },
  { NULL },
};

static const VmtExample start_examples[] = {
  { "vmtool start debian --console", N_ ("Start a domain and see it boot") },
  { NULL },
};

const VmtCommand vmt_start_command = {
  "start", N_ ("Start a domain that is defined"), start_options, run_start, VMT_GROUP_DOMAIN,
  .details = N_ ("A domain that was saved by 'vmtool managedsave' goes on where it was."),
  .examples = start_examples, .connects = true,
};

/* ---- shutdown, reboot ---- */

static uint32_t
mode_flags (const VmtCall *call)
{
  return vmt_call_has (call, "mode") ? 1u << vmt_call_enum (call, "mode") : 0;
}

static bool
run_shutdown (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainShutdownFlagsArgs args = { .flags = mode_flags (call) };

  if (!vmt_domain_open (call, &domain, error))
    return false;
  args.dom = domain.dom;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_SHUTDOWN_FLAGS, &args, NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call), _ ("Domain '%s' is being shut down."),
                    domain.dom.name);
  return true;
}

static const VmtOption mode_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_active),
  { "mode", VMT_ENUM, N_ ("how the guest is asked"), .names = &mode_names },
  { NULL },
};

const VmtCommand vmt_shutdown = {
  "shutdown", N_ ("Ask a domain's guest to power off"), mode_options, run_shutdown,
  VMT_GROUP_DOMAIN,
  .details = N_ ("The guest may take its time or not listen at all; 'vmtool event --event "
                 "lifecycle --domain DOMAIN' waits for it, 'vmtool destroy' does not ask."),
  .connects = true,
};

static bool
run_reboot (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainRebootArgs args = { .flags = mode_flags (call) };

  if (!vmt_domain_open (call, &domain, error))
    return false;
  args.dom = domain.dom;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_REBOOT, &args, NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call), _ ("Domain '%s' is being rebooted."),
                    domain.dom.name);
  return true;
}

const VmtCommand vmt_reboot = {
  "reboot", N_ ("Ask a domain's guest to reboot"), mode_options, run_reboot, VMT_GROUP_DOMAIN,
  .connects = true,
};

/* ---- reset, destroy ---- */

static bool
run_reset (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainResetArgs args = { 0 };

  if (!vmt_domain_open (call, &domain, error))
    return false;
  args.dom = domain.dom;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_RESET, &args, NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call), _ ("Domain '%s' is reset."), domain.dom.name);
  return true;
}

static const VmtOption active_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_active),
  { NULL },
};

const VmtCommand vmt_reset = {
  "reset", N_ ("Reset a domain, as by its reset button"), active_options, run_reset,
  VMT_GROUP_DOMAIN, .connects = true,
};

static bool
run_destroy (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainDestroyFlagsArgs args = { .flags = vmt_call_bits (call, destroy_bits) };

  if (!vmt_domain_open (call, &domain, error))
    return false;
  args.dom = domain.dom;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_DESTROY_FLAGS, &args, NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call), _ ("Domain '%s' is destroyed."), domain.dom.name);
  return true;
}

static const VmtOption destroy_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_active),
  { "graceful", VMT_FLAG, N_ ("give its process time to end; fail rather than kill it") },
  { "remove-logs", VMT_FLAG, N_ ("remove its log, too") },
  { NULL },
};

const VmtCommand vmt_destroy = {
  "destroy", N_ ("Stop a domain at once, as by pulling the plug"), destroy_options, run_destroy,
  VMT_GROUP_DOMAIN,
  .details = N_ ("The definition stays; 'vmtool undefine' forgets it. What the guest has not "
                 "written to its disks is lost."),
  .connects = true,
};

/* ---- suspend, resume ---- */

static bool
run_suspend (VmtCall *call, GError **error)
{
  return vmt_domain_simple (call, COP_REMOTE_DOMAIN_SUSPEND, N_ ("Domain '%s' is paused."), error);
}

static const VmtOption running_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_running),
  { NULL },
};

const VmtCommand vmt_suspend = {
  "suspend", N_ ("Pause a domain"), running_options, run_suspend, VMT_GROUP_DOMAIN,
  .connects = true,
};

static bool
run_resume (VmtCall *call, GError **error)
{
  return vmt_domain_simple (call, COP_REMOTE_DOMAIN_RESUME, N_ ("Domain '%s' goes on."), error);
}

static const VmtOption paused_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_paused),
  { NULL },
};

const VmtCommand vmt_resume = {
  "resume", N_ ("Let a paused domain go on"), paused_options, run_resume, VMT_GROUP_DOMAIN,
  .connects = true,
};
