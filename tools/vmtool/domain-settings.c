/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is noted about a domain: autostart, desc, metadata.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/editor.h"
#include "vmtool/printer.h"

#include <glib/gi18n.h>
#include <string.h>

/* libvirt's kinds of metadata. */
typedef enum
{
  METADATA_DESCRIPTION,
  METADATA_TITLE,
  METADATA_ELEMENT,
} MetadataKind;

/* ---- autostart ---- */

static bool
run_autostart (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  CopRemoteDomainSetAutostartArgs args = { .autostart = !vmt_call_flag (call, "disable") };

  if (!vmt_domain_open (call, &domain, error))
    return false;
  args.dom = domain.dom;
  if (!VMT_DOMAIN_CALL (&domain, DOMAIN_SET_AUTOSTART, &args, NULL, error))
    return false;
  vmt_printer_note (vmt_call_printer (call),
                    args.autostart ? _ ("Domain '%s' starts with the daemon.")
                                   : _ ("Domain '%s' does not start with the daemon."),
                    domain.dom.name);
  return true;
}

static const VmtOption autostart_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "disable", VMT_FLAG, N_ ("do not start it with the daemon") },
  { NULL },
};

const VmtCommand vmt_autostart = {
  "autostart", N_ ("Let a domain start with the daemon"), autostart_options, run_autostart,
  VMT_GROUP_CONFIG, .connects = true,
};

/* ---- reading and writing metadata ---- */

/* What is read or written, and how. */
typedef struct
{
  VmtDomain *domain;
  MetadataKind kind;
  uint32_t flags;
  const char *key, *uri; /* (nullable) */
} Metadata;

/* Returns: (transfer full) (nullable): "" when there is none and @none_is_empty */
static char *
get_metadata (const Metadata *metadata, bool none_is_empty, GError **error)
{
  CopRemoteDomainGetMetadataArgs args = { .dom = metadata->domain->dom,
                                          .type = (int32_t)metadata->kind,
                                          .uri = (char *)metadata->uri,
                                          .flags = metadata->flags };
  CopRemoteDomainGetMetadataRet ret;
  g_autoptr (GError) failed = NULL;
  char *text;

  if (!VMT_DOMAIN_CALL (metadata->domain, DOMAIN_GET_METADATA, &args, &ret, &failed))
    {
      if (none_is_empty &&
          g_error_matches (failed, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_METADATA))
        return g_strdup ("");
      g_propagate_error (error, g_steal_pointer (&failed));
      return NULL;
    }
  text = g_steal_pointer (&ret.metadata);
  COP_REMOTE_CLEAR (DOMAIN_GET_METADATA, &ret);
  return text;
}

/* @text: (nullable): NULL or "" removes it */
static bool
set_metadata (const Metadata *metadata, const char *text, GError **error)
{
  CopRemoteDomainSetMetadataArgs args = { .dom = metadata->domain->dom,
                                          .type = (int32_t)metadata->kind,
                                          .key = (char *)metadata->key,
                                          .uri = (char *)metadata->uri,
                                          .flags = metadata->flags };

  args.metadata = text != NULL && *text != '\0' ? (char *)text : NULL;
  return VMT_DOMAIN_CALL (metadata->domain, DOMAIN_SET_METADATA, &args, NULL, error);
}

/* Editors end a file with a line feed; a title has none. */
static bool
apply_edit (const char *text, gpointer data, GError **error)
{
  const Metadata *metadata = data;
  g_autofree char *stripped = g_strchomp (g_strdup (text));

  return set_metadata (metadata, stripped, error);
}

static bool
edit_metadata (VmtPrinter *printer, Metadata *metadata, const char *first, const char *suffix,
               GError **error)
{
  g_autofree char *before = first != NULL ? g_strdup (first) : get_metadata (metadata, true, error);
  VmtEdited edited;

  if (before == NULL)
    return false;
  edited = vmt_edit (before, suffix, apply_edit, metadata, error);
  if (edited == VMT_EDITED_FAILED)
    return false;
  vmt_printer_note (printer, edited == VMT_EDITED_APPLIED ? _ ("Domain '%s' is changed.")
                                                          : _ ("Domain '%s' is left as it was."),
                    metadata->domain->dom.name);
  return true;
}

/* ---- desc ---- */

static bool
show_desc (VmtPrinter *printer, const Metadata *metadata, GError **error)
{
  bool title = metadata->kind == METADATA_TITLE;
  g_autofree char *text = get_metadata (metadata, true, error);

  if (text == NULL)
    return false;
  if (vmt_printer_is_json (printer))
    {
      vmt_printer_begin (printer, NULL);
      vmt_printer_text (printer, title ? "title" : "description", *text != '\0' ? text : NULL);
      vmt_printer_end (printer);
    }
  else if (*text != '\0')
    vmt_printer_plain (printer, text);
  else
    vmt_printer_note (printer, title ? _ ("Domain '%s' has no title.")
                                     : _ ("Domain '%s' has no description."),
                      metadata->domain->dom.name);
  return true;
}

static bool
run_desc (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  VmtPrinter *printer = vmt_call_printer (call);
  const char *const *words = vmt_call_strings (call, "new-desc");
  g_autofree char *text = *words != NULL ? g_strjoinv (" ", (char **)words) : NULL;
  Metadata metadata = {
    .domain = &domain,
    .kind = vmt_call_flag (call, "title") ? METADATA_TITLE : METADATA_DESCRIPTION,
  };

  if (!vmt_affect_flags (call, &metadata.flags, error) || !vmt_domain_open (call, &domain, error))
    return false;
  if (vmt_call_flag (call, "edit"))
    return edit_metadata (printer, &metadata, text, ".txt", error);
  if (text == NULL)
    return show_desc (printer, &metadata, error);
  if (!set_metadata (&metadata, text, error))
    return false;
  vmt_printer_note (printer, metadata.kind == METADATA_TITLE
                               ? _ ("The title of domain '%s' is changed.")
                               : _ ("The description of domain '%s' is changed."),
                    domain.dom.name);
  return true;
}

static const VmtOption desc_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "new-desc", VMT_STRING, N_ ("what it is to say, in one word or several; \"\" removes it"),
    "TEXT", .positional = true, .repeated = true },
  { "title", VMT_FLAG, N_ ("the title, not the description") },
  { "edit", VMT_FLAG, N_ ("change it in an editor") },
  VMT_OPTIONS_AFFECT,
  { NULL },
};

static const VmtExample desc_examples[] = {
  { "vmtool desc debian --title Build machine", N_ ("Give a domain a title") },
  { NULL },
};

const VmtCommand vmt_desc = {
  "desc", N_ ("Show or change a domain's description or title"), desc_options, run_desc,
  VMT_GROUP_CONFIG, .examples = desc_examples, .connects = true,
};

/* ---- metadata ---- */

static bool
run_metadata (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };
  VmtPrinter *printer = vmt_call_printer (call);
  Metadata metadata = {
    .domain = &domain,
    .kind = METADATA_ELEMENT,
    .key = vmt_call_string (call, "key"),
    .uri = vmt_call_string (call, "uri"),
  };
  bool changes = vmt_call_has (call, "set") || vmt_call_flag (call, "edit");
  g_autofree char *text = NULL;

  if (!vmt_call_check_exclusive (call, (const char *[]){ "set", "edit", "remove", NULL }, error))
    return false;
  if (changes != (metadata.key != NULL))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   changes ? _ ("--set and --edit need --key, the prefix of the namespace in XML")
                           : _ ("--key goes with --set and --edit"));
      return false;
    }
  if (!vmt_affect_flags (call, &metadata.flags, error) || !vmt_domain_open (call, &domain, error))
    return false;

  if (vmt_call_flag (call, "edit"))
    return edit_metadata (printer, &metadata, NULL, ".xml", error);
  if (changes || vmt_call_flag (call, "remove"))
    {
      if (!set_metadata (&metadata, vmt_call_string (call, "set"), error))
        return false;
      vmt_printer_note (printer, changes ? _ ("The metadata of domain '%s' is changed.")
                                         : _ ("The metadata of domain '%s' is removed."),
                        domain.dom.name);
      return true;
    }
  text = get_metadata (&metadata, false, error);
  if (text == NULL)
    return false;
  vmt_print_document (printer, "xml", text);
  return true;
}

static const VmtOption metadata_options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_domains),
  { "uri", VMT_STRING, N_ ("namespace of the element"), "URI", .required = true },
  { "key", VMT_STRING, N_ ("prefix of the namespace in XML, with --set and --edit"), "PREFIX" },
  { "set", VMT_STRING, N_ ("the element that is to be there"), "XML" },
  { "edit", VMT_FLAG, N_ ("change it in an editor") },
  { "remove", VMT_FLAG, N_ ("remove it") },
  VMT_OPTIONS_AFFECT,
  { NULL },
};

static const VmtExample metadata_examples[] = {
  { "vmtool metadata debian https://example.org/1 --key app --set '<owner>me</owner>'",
    N_ ("Keep something of your own in a domain's XML") },
  { NULL },
};

const VmtCommand vmt_metadata = {
  "metadata", N_ ("Show or change an element of a domain's metadata"), metadata_options,
  run_metadata, VMT_GROUP_CONFIG, .examples = metadata_examples, .connects = true,
};
