/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A domain's XML: dumpxml, edit.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/editor.h"
#include "vmtool/printer.h"
#include "vmtool/xpath.h"

#include <glib/gi18n.h>
#include <string.h>

static const VmtFlagRow xml_bits[] = {
  { "security-info", COP_DOMAIN_FORMAT_SECURE },
  { "inactive", COP_DOMAIN_FORMAT_INACTIVE },
  { "update-cpu", COP_DOMAIN_FORMAT_UPDATE_CPU },
  { "migratable", COP_DOMAIN_FORMAT_MIGRATABLE },
  { NULL },
};

static bool
run_dumpxml (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  const char *xpath = vmt_call_string (call, "xpath");
  g_autofree char *xml = NULL;

  if (xpath == NULL && vmt_call_flag (call, "wrap"))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--wrap goes with --xpath"));
      return false;
    }
  if (!vmt_domain_open (call, &domain, error))
    return false;
  xml = vmt_domain_xml (&domain, vmt_call_bits (call, xml_bits), error);
  if (xml != NULL && xpath != NULL)
    {
      char *found = vmt_xpath (xml, xpath, vmt_call_flag (call, "wrap"), error);

      g_free (xml);
      xml = found;
    }
  if (xml == NULL)
    return false;
  vmt_print_document (vmt_call_printer (call), "xml", xml);
  return true;
}

static const VmtOption dumpxml_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  VMT_OPTION_INACTIVE,
  { "security-info", VMT_FLAG, N_ ("with passwords and the like") },
  { "update-cpu", VMT_FLAG, N_ ("with the CPU as the host has it") },
  { "migratable", VMT_FLAG, N_ ("as another host can read it") },
  { "xpath", VMT_STRING, N_ ("print only what this expression finds"), "EXPRESSION" },
  { "wrap", VMT_FLAG, N_ ("put what --xpath finds into one element") },
  { NULL },
};

static const VmtExample dumpxml_examples[] = {
  { "vmtool dumpxml debian --inactive > debian.xml", N_ ("Keep a domain's definition in a file") },
  { "vmtool dumpxml debian --xpath //interface/mac/@address",
    N_ ("What addresses do its interfaces have?") },
  { NULL },
};

const VmtCommand vmt_dumpxml = {
  "dumpxml", N_ ("Print a domain's XML"), dumpxml_options, run_dumpxml, VMT_GROUP_CONFIG,
  .examples = dumpxml_examples, .connects = true,
};

/* ---- edit ---- */

typedef struct
{
  VmtDomain *domain;
  uint32_t flags;
  const char *before;
} Edit;

#define EDIT_FLAGS (COP_DOMAIN_FORMAT_INACTIVE | COP_DOMAIN_FORMAT_SECURE)

/* libvirt's bit of DOMAIN_DEFINE_XML_FLAGS. */
#define DEFINE_VALIDATE (1 << 0)

static bool
apply_edit (const char *text, gpointer data, GError **error)
{
  Edit *edit = data;
  g_autofree char *now = vmt_domain_xml (edit->domain, EDIT_FLAGS, error);
  g_auto (VmtDomain) defined = { .client = edit->domain->client };

  if (now == NULL)
    return false;
  if (strcmp (now, edit->before) != 0)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
                   _ ("domain '%s' was changed by somebody else in the meantime; edit it again"),
                   edit->domain->dom.name);
      return false;
    }
  return vmt_define (edit->domain->client, text, edit->flags, &defined.dom, error);
}

static bool
run_edit (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  g_autofree char *xml = NULL;
  Edit edit = { &domain, vmt_call_flag (call, "skip-validate") ? 0 : DEFINE_VALIDATE, NULL };
  VmtEdited edited;

  if (!vmt_domain_open (call, &domain, error))
    return false;
  edit.before = xml = vmt_domain_xml (&domain, EDIT_FLAGS, error);
  if (xml == NULL)
    return false;
  edited = vmt_edit (xml, ".xml", apply_edit, &edit, error);
  if (edited == VMT_EDITED_FAILED)
    return false;
  vmt_printer_note (vmt_call_printer (call),
                    edited == VMT_EDITED_APPLIED ? _ ("Domain '%s' is changed.")
                                                 : _ ("Domain '%s' is left as it was."),
                    domain.dom.name);
  return true;
}

static const VmtOption edit_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "skip-validate", VMT_FLAG, N_ ("accept elements that are unknown, and drop them") },
  { NULL },
};

const VmtCommand vmt_edit_command = {
  "edit", N_ ("Change a domain's XML in an editor"), edit_options, run_edit, VMT_GROUP_CONFIG,
  .details = N_ ("The editor is $VISUAL or $EDITOR, else 'sensible-editor' or 'vi'. A mistake is "
                 "shown, and the text can be corrected. A domain that runs has the change from its "
                 "next start on."),
  .connects = true,
};
