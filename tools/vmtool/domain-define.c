/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Making and unmaking domains from XML: define, create, undefine, domrename.
 */
#include "vmtool/commands.h"
#include "vmtool/domain-console.h"
#include "vmtool/domain.h"
#include "vmtool/printer.h"

#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

/* libvirt's bits of DOMAIN_CREATE_XML and DOMAIN_CREATE_WITH_FLAGS; DOMAIN_DEFINE_XML_FLAGS. */
static const VmtFlagRow create_bits[] = {
  { "paused", 1 << 0 },
  { "autodestroy", 1 << 1 },
  { "validate", 1 << 4 },
  { NULL },
};
static const VmtFlagRow define_bits[] = {
  { "validate", 1 << 0 },
  { NULL },
};
static const VmtFlagRow undefine_bits[] = {
  { "managed-save", 1 << 0 },
  { "snapshots-metadata", 1 << 1 },
  { "nvram", 1 << 2 },
  { "keep-nvram", 1 << 3 },
  { "checkpoints-metadata", 1 << 4 },
  { NULL },
};

char *
vmt_read_document (const char *path, GError **error)
{
  g_autoptr (GIOChannel) input = NULL;
  g_autoptr (GError) failed = NULL;
  g_autofree char *text = NULL;
  gsize length;
  bool good;

  if (strcmp (path, "-") == 0)
    {
      input = g_io_channel_unix_new (STDIN_FILENO);
      g_io_channel_set_encoding (input, NULL, NULL);
      good = g_io_channel_read_to_end (input, &text, &length, &failed) == G_IO_STATUS_NORMAL;
    }
  else
    good = g_file_get_contents (path, &text, &length, &failed);
  if (!good)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED, _ ("'%s' cannot be read: %s"), path,
                   failed != NULL ? failed->message : _ ("it is empty"));
      return NULL;
    }
  if (strlen (text) != length || !g_utf8_validate (text, -1, NULL))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
                   _ ("'%s' is no XML in UTF-8; give a file that holds a <domain> document"), path);
      return NULL;
    }
  return g_steal_pointer (&text);
}

bool
vmt_define (CopClient *client, const char *xml, uint32_t flags, CopRemoteDomain *dom,
            GError **error)
{
  CopRemoteDomainDefineXmlFlagsArgs args = { .xml = (char *)xml, .flags = flags };
  CopRemoteDomainDefineXmlFlagsRet ret;

  if (!COP_REMOTE_CALL (client, DOMAIN_DEFINE_XML_FLAGS, &args, &ret, error))
    return false;
  *dom = ret.dom;
  ret.dom.name = NULL;
  COP_REMOTE_CLEAR (DOMAIN_DEFINE_XML_FLAGS, &ret);
  return true;
}

/* ---- define ---- */

static bool
run_define (VmtCall *call, GError **error)
{
  g_autofree char *xml = vmt_read_document (vmt_call_string (call, "file"), error);
  CopClient *client = xml != NULL ? vmt_connection_get (error) : NULL;
  g_auto (VmtDomain) domain = { .client = client };

  if (client == NULL ||
      !vmt_define (client, xml, vmt_call_bits (call, define_bits), &domain.dom, error))
    return false;
  vmt_print_domain (vmt_call_printer (call), &domain.dom, N_ ("Domain '%s' is defined."));
  return true;
}

static const VmtOption define_options[] = {
  { "file", VMT_PATH, N_ ("file with the domain's XML; '-' is standard input"), .required = true },
  { "validate", VMT_FLAG, N_ ("refuse elements that are unknown") },
  { NULL },
};

static const VmtExample define_examples[] = {
  { "vmtool define debian.xml", N_ ("Define a domain, or change one that has the same UUID") },
  { NULL },
};

const VmtCommand vmt_define_command = {
  "define", N_ ("Define a domain, without starting it"), define_options, run_define,
  VMT_GROUP_DOMAIN, .examples = define_examples, .connects = true,
};

/* ---- create ---- */

static bool
run_create (VmtCall *call, GError **error)
{
  g_autofree char *xml = vmt_read_document (vmt_call_string (call, "file"), error);
  CopRemoteDomainCreateXmlArgs args = { .xml_desc = xml,
                                        .flags = vmt_call_bits (call, create_bits) };
  CopClient *client = xml != NULL ? vmt_connection_get (error) : NULL;
  CopRemoteDomainCreateXmlRet ret;
  g_auto (VmtDomain) domain = { .client = client };

  if (client == NULL || !COP_REMOTE_CALL (client, DOMAIN_CREATE_XML, &args, &ret, error))
    return false;
  domain.dom = ret.dom;
  ret.dom.name = NULL;
  COP_REMOTE_CLEAR (DOMAIN_CREATE_XML, &ret);
  vmt_print_domain (vmt_call_printer (call), &domain.dom, N_ ("Domain '%s' is running."));
  return !vmt_call_flag (call, "console") || vmt_domain_console (&domain, NULL, 0, VMT_CONSOLE_ESCAPE, error);
}

static const VmtOption create_options[] = {
  { "file", VMT_PATH, N_ ("file with the domain's XML; '-' is standard input"), .required = true },
  { "console", VMT_FLAG, N_ ("connect to the console once it runs") },
  { "paused", VMT_FLAG, N_ ("start it paused") },
  { "autodestroy", VMT_FLAG, N_ ("destroy it when vmtool ends; of use with --console or in the shell") },
  { "validate", VMT_FLAG, N_ ("refuse elements that are unknown") },
  { NULL },
};

const VmtCommand vmt_create = {
  "create", N_ ("Start a domain that is gone when it stops"), create_options, run_create,
  VMT_GROUP_DOMAIN,
  .details = N_ ("The domain is transient: no definition of it is kept. 'vmtool define' keeps one, "
                 "also while the domain runs."),
  .connects = true,
};

/* ---- undefine ---- */

static bool
run_undefine (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainUndefineFlagsArgs args = { .flags = vmt_call_bits (call, undefine_bits) };

  if (!vmt_call_check_exclusive (call, (const char *[]){ "nvram", "keep-nvram", NULL }, error) ||
      !vmt_domain_open (call, &domain, error))
    return false;
  args.dom = domain.dom;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_UNDEFINE_FLAGS, &args, NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call), _ ("Domain '%s' is undefined."), domain.dom.name);
  return true;
}

static const VmtOption undefine_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "managed-save", VMT_FLAG, N_ ("remove the saved state of the domain, too") },
  { "snapshots-metadata", VMT_FLAG, N_ ("remove what is known of its snapshots, too") },
  { "checkpoints-metadata", VMT_FLAG, N_ ("remove what is known of its checkpoints, too") },
  { "nvram", VMT_FLAG, N_ ("remove its NVRAM file, too") },
  { "keep-nvram", VMT_FLAG, N_ ("keep its NVRAM file") },
  { NULL },
};

const VmtCommand vmt_undefine = {
  "undefine", N_ ("Forget a domain's definition"), undefine_options, run_undefine,
  VMT_GROUP_DOMAIN,
  .details = N_ ("Disks stay. A domain that runs goes on, and is gone when it stops."),
  .connects = true,
};

/* ---- domrename ---- */

static bool
run_domrename (VmtCall *call, GError **error)
{
  const char *name = vmt_call_string (call, "new-name");
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainRenameArgs args = { .new_name = (char *)name };

  if (!vmt_domain_open (call, &domain, error))
    return false;
  args.dom = domain.dom;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_RENAME, &args, NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call), _ ("Domain '%s' is now called '%s'."),
                    domain.dom.name, name);
  return true;
}

static const VmtOption domrename_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_inactive),
  { "new-name", VMT_STRING, N_ ("what it is called from now on"), "NAME", .required = true },
  { NULL },
};

const VmtCommand vmt_domrename = {
  "domrename", N_ ("Rename a domain that does not run"), domrename_options, run_domrename,
  VMT_GROUP_CONFIG, .connects = true,
};
