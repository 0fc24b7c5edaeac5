/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domains on disk, as they ran: save, restore, managedsave, managedsave-remove.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/job.h"
#include "vmtool/printer.h"

#include <glib/gi18n.h>

/* libvirt's bits of DOMAIN_SAVE_FLAGS, DOMAIN_RESTORE_FLAGS and DOMAIN_MANAGED_SAVE. */
static const VmtFlagRow save_bits[] = {
  { "bypass-cache", 1 << 0 },
  { "running", 1 << 1 },
  { "paused", 1 << 2 },
  { NULL },
};

static const char *const either[] = { "running", "paused", NULL };

/* Returns: (transfer full): @path from the root: the daemon has a folder of its own */
static char *
absolute (const char *path)
{
  return g_canonicalize_filename (path, NULL);
}

/* Reads the file of --xml. */
static bool
read_xml (const VmtCall *call, char **xml, GError **error)
{
  const char *path = vmt_call_string (call, "xml");

  if (path == NULL)
    return true;
  *xml = vmt_read_document (path, error);
  return *xml != NULL;
}

/* ---- save ---- */

static bool
run_save (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  g_autofree char *path = absolute (vmt_call_string (call, "file"));
  g_autofree char *xml = NULL;
  CopRemoteDomainSaveFlagsArgs args = { .to = path, .flags = vmt_call_bits (call, save_bits) };

  if (!vmt_call_check_exclusive (call, either, error) || !read_xml (call, &xml, error) ||
      !vmt_domain_open (call, &domain, error))
    return false;
  args.dom = domain.dom;
  args.dxml = xml;
  if (!vmt_job_call (&domain, COP_REMOTE_DOMAIN_SAVE_FLAGS, &args,
                     vmt_call_flag (call, "verbose") ? _ ("Saving") : NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call), _ ("Domain '%s' is saved in '%s'."), domain.dom.name,
                    vmt_call_string (call, "file"));
  return true;
}

static const VmtOption save_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_active),
  { "file", VMT_PATH, N_ ("where to; the memory goes beside it, as FILE.memory"),
    .required = true },
  { "running", VMT_FLAG, N_ ("let it run when it is restored, even if it is paused now") },
  { "paused", VMT_FLAG, N_ ("leave it paused when it is restored") },
  { "xml", VMT_PATH, N_ ("file with changed XML to restore it with") },
  { "bypass-cache", VMT_FLAG, N_ ("write past the host's page cache") },
  { "verbose", VMT_FLAG, N_ ("show how far it is") },
  { NULL },
};

static const VmtExample save_examples[] = {
  { "vmtool save debian debian.save", N_ ("Put a running domain on disk") },
  { NULL },
};

const VmtCommand vmt_save = {
  "save", N_ ("Save a domain to a file and stop it"), save_options, run_save, VMT_GROUP_DOMAIN,
  .details = N_ ("'vmtool restore' lets it go on. Ctrl-C gives up; the domain goes on as if "
                 "nothing had been."),
  .examples = save_examples, .connects = true,
};

/* ---- restore ---- */

static bool
run_restore (VmtCall *call, GError **error)
{
  g_autofree char *path = absolute (vmt_call_string (call, "file"));
  g_autofree char *xml = NULL;
  CopRemoteDomainRestoreFlagsArgs args = { .from = path,
                                           .flags = vmt_call_bits (call, save_bits) };
  CopClient *client;

  if (!vmt_call_check_exclusive (call, either, error) || !read_xml (call, &xml, error))
    return false;
  client = vmt_connection_get (error);
  args.dxml = xml;
  if (client == NULL || !COP_REMOTE_CALL (client, DOMAIN_RESTORE_FLAGS, &args, NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call), _ ("The domain of '%s' is restored."),
                    vmt_call_string (call, "file"));
  return true;
}

static const VmtOption restore_options[] = {
  { "file", VMT_PATH, N_ ("what 'vmtool save' wrote"), .required = true },
  { "running", VMT_FLAG, N_ ("let it run") },
  { "paused", VMT_FLAG, N_ ("leave it paused") },
  { "xml", VMT_PATH, N_ ("file with changed XML to restore it with") },
  { "bypass-cache", VMT_FLAG, N_ ("read past the host's page cache") },
  { NULL },
};

const VmtCommand vmt_restore = {
  "restore", N_ ("Let a saved domain go on"), restore_options, run_restore, VMT_GROUP_DOMAIN,
  .connects = true,
};

/* ---- managedsave, managedsave-remove ---- */

static bool
run_managedsave (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainManagedSaveArgs args = { .flags = vmt_call_bits (call, save_bits) };

  if (!vmt_call_check_exclusive (call, either, error) || !vmt_domain_open (call, &domain, error))
    return false;
  args.dom = domain.dom;
  if (!vmt_job_call (&domain, COP_REMOTE_DOMAIN_MANAGED_SAVE, &args,
                     vmt_call_flag (call, "verbose") ? _ ("Saving") : NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call),
                    _ ("Domain '%s' is saved; 'vmtool start' lets it go on."), domain.dom.name);
  return true;
}

static const VmtOption managedsave_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_active),
  { "running", VMT_FLAG, N_ ("let it run at its next start, even if it is paused now") },
  { "paused", VMT_FLAG, N_ ("leave it paused at its next start") },
  { "bypass-cache", VMT_FLAG, N_ ("write past the host's page cache") },
  { "verbose", VMT_FLAG, N_ ("show how far it is") },
  { NULL },
};

const VmtCommand vmt_managedsave = {
  "managedsave", N_ ("Save a domain where its next start finds it, and stop it"),
  managedsave_options, run_managedsave, VMT_GROUP_DOMAIN, .connects = true,
};

static bool
run_managedsave_remove (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainHasManagedSaveImageArgs has = { 0 };
  CopRemoteDomainHasManagedSaveImageRet saved;
  CopRemoteDomainManagedSaveRemoveArgs args = { 0 };

  if (!vmt_domain_open (call, &domain, error))
    return false;
  has.dom = args.dom = domain.dom;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_HAS_MANAGED_SAVE_IMAGE, &has, &saved, error))
    return false;
  if (!saved.result)
    {
      vmt_printer_note (vmt_call_printer (call), _ ("Domain '%s' has no saved state."),
                        domain.dom.name);
      return true;
    }
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_MANAGED_SAVE_REMOVE, &args, NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call), _ ("The saved state of domain '%s' is removed."),
                    domain.dom.name);
  return true;
}

static const VmtOption remove_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_saved),
  { NULL },
};

const VmtCommand vmt_managedsave_remove = {
  "managedsave-remove", N_ ("Remove what 'managedsave' wrote"), remove_options,
  run_managedsave_remove, VMT_GROUP_DOMAIN, .connects = true,
};
