/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finding the domain that the user means, and what many commands ask of it.
 */
#include "vmtool/domain.h"
#include "vmtool/printer.h"
#include "vmtool/vmtool-private.h"

#include <glib/gi18n.h>
#include <stdlib.h>
#include <string.h>

/* ---- names of all ---- */

/* Returns: (transfer full) (nullable): names, ends with NULL */
static char **
list_names (CopClient *client, uint32_t flags, GError **error)
{
  CopRemoteConnectListAllDomainsArgs args = { .need_results = 1, .flags = flags };
  CopRemoteConnectListAllDomainsRet ret;
  char **names;

  if (!COP_REMOTE_CALL (client, CONNECT_LIST_ALL_DOMAINS, &args, &ret, error))
    return NULL;
  names = g_new0 (char *, ret.n_domains + 1);
  for (uint32_t i = 0; i < ret.n_domains; i++)
    names[i] = g_strdup (ret.domains[i].name);
  COP_REMOTE_CLEAR (CONNECT_LIST_ALL_DOMAINS, &ret);
  return names;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static char **
complete (uint32_t flags)
{
  CopClient *client = vmt_connection_peek ();
  char **names = client != NULL ? list_names (client, flags, NULL) : NULL;

  if (names != NULL)
    qsort (names, g_strv_length (names), sizeof *names, compare_names);
  return names;
}

/* clang-format off */
#define COMPLETER(name, flags)                                                                     \
  char **                                                                                          \
  vmt_complete_##name (const char *prefix G_GNUC_UNUSED)                                           \
  {                                                                                                \
    return complete (flags);                                                                       \
  }

COMPLETER (domains, 0)
COMPLETER (active, VMT_LIST_ACTIVE)
COMPLETER (inactive, VMT_LIST_INACTIVE)
COMPLETER (running, VMT_LIST_RUNNING)
COMPLETER (paused, VMT_LIST_PAUSED)
COMPLETER (saved, VMT_LIST_MANAGED_SAVE)
/* clang-format on */

/* ---- one ---- */

static void
take_dom (VmtDomain *domain, CopClient *client, const CopRemoteDomain *dom)
{
  domain->client = client;
  domain->dom = *dom;
  domain->dom.name = g_strdup (dom->name);
}

static bool
find_by_id (CopClient *client, const char *key, VmtDomain *domain, GError **error)
{
  CopRemoteDomainLookupByIdArgs args = { 0 };
  CopRemoteDomainLookupByIdRet ret;
  guint64 id;

  if (!g_ascii_string_to_unsigned (key, 10, 0, G_MAXINT32, &id, NULL))
    return false;
  args.id = (int32_t)id;
  if (!COP_REMOTE_CALL (client, DOMAIN_LOOKUP_BY_ID, &args, &ret, error))
    return false;
  take_dom (domain, client, &ret.dom);
  COP_REMOTE_CLEAR (DOMAIN_LOOKUP_BY_ID, &ret);
  return true;
}

static bool
find_by_uuid (CopClient *client, const char *key, VmtDomain *domain, GError **error)
{
  CopRemoteDomainLookupByUuidArgs args;
  CopRemoteDomainLookupByUuidRet ret;

  if (strlen (key) != VMT_UUID_SIZE - 1 || !cop_uuid_parse (key, args.uuid))
    return false;
  if (!COP_REMOTE_CALL (client, DOMAIN_LOOKUP_BY_UUID, &args, &ret, error))
    return false;
  take_dom (domain, client, &ret.dom);
  COP_REMOTE_CLEAR (DOMAIN_LOOKUP_BY_UUID, &ret);
  return true;
}

static bool
find_by_name (CopClient *client, const char *key, VmtDomain *domain, GError **error)
{
  CopRemoteDomainLookupByNameArgs args = { .name = (char *)key };
  CopRemoteDomainLookupByNameRet ret;

  if (!COP_REMOTE_CALL (client, DOMAIN_LOOKUP_BY_NAME, &args, &ret, error))
    return false;
  take_dom (domain, client, &ret.dom);
  COP_REMOTE_CLEAR (DOMAIN_LOOKUP_BY_NAME, &ret);
  return true;
}

static void
set_not_found (CopClient *client, const char *key, GError **error)
{
  g_auto (GStrv) names = list_names (client, 0, NULL);
  const char *nearest =
    names != NULL ? vmt_suggest (key, (const char *const *)names) : NULL;

  if (nearest != NULL)
    g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_DOMAIN,
                 _ ("domain '%s' not found; did you mean '%s'?"), key, nearest);
  else if (names != NULL && names[0] == NULL)
    g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_DOMAIN,
                 _ ("domain '%s' not found; there are no domains yet, 'vmtool new %s --image "
                    "debian' makes one"),
                 key, key);
  else
    g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_DOMAIN,
                 _ ("domain '%s' not found; 'vmtool list --all' shows what there is"), key);
}

bool
vmt_domain_find (CopClient *client, const char *key, VmtDomain *domain, GError **error)
{
  static bool (*const ways[]) (CopClient *, const char *, VmtDomain *, GError **) = {
    find_by_id,
    find_by_uuid,
    find_by_name,
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (GError) failed = NULL;

      if (ways[i](client, key, domain, &failed))
        return true;
      if (failed != NULL &&
          !g_error_matches (failed, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_DOMAIN))
        {
          g_propagate_error (error, g_steal_pointer (&failed));
          return false;
        }
    }
  set_not_found (client, key, error);
  return false;
}

bool
vmt_domain_open (const VmtCall *call, VmtDomain *domain, GError **error)
{
  CopClient *client = vmt_connection_get (error);

  return client != NULL &&
         vmt_domain_find (client, vmt_call_string (call, "domain"), domain, error);
}

void
vmt_domain_clear (VmtDomain *domain)
{
  g_clear_pointer (&domain->dom.name, g_free);
}

/* Prints @note, N_() with one %s that stands for @name. */
static void
print_note (VmtPrinter *printer, const char *note, const char *name)
{
  g_auto (GStrv) parts = g_strsplit (_ (note), "%s", 2);
  g_autofree char *text = g_strjoinv (name, parts);

  vmt_printer_note (printer, "%s", text);
}

bool
vmt_domain_simple (VmtCall *call, int32_t procedure, const char *note, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };

  /* All that are called this way have { dom } as arguments, as this one has. */
  if (!vmt_domain_open (call, &domain, error) ||
      !cop_client_call (domain.client, &cop_remote_program, procedure,
                        &(CopRemoteDomainSuspendArgs){ domain.dom }, NULL, error))
    return false;
  print_note (vmt_call_printer (call), note, domain.dom.name);
  return true;
}

bool
vmt_domain_state (const VmtDomain *domain, int *state, int *reason, GError **error)
{
  CopRemoteDomainGetStateArgs args = { .dom = domain->dom };
  CopRemoteDomainGetStateRet ret;

  if (!VMT_DOMAIN_CALL (domain, DOMAIN_GET_STATE, &args, &ret, error))
    return false;
  *state = ret.state;
  *reason = ret.reason;
  return true;
}

bool
vmt_domain_is_active (const VmtDomain *domain, bool *active, GError **error)
{
  CopRemoteDomainIsActiveArgs args = { domain->dom };
  CopRemoteDomainIsActiveRet ret;

  if (!VMT_DOMAIN_CALL (domain, DOMAIN_IS_ACTIVE, &args, &ret, error))
    return false;
  *active = ret.active != 0;
  return true;
}

char *
vmt_domain_xml (const VmtDomain *domain, uint32_t flags, GError **error)
{
  CopRemoteDomainGetXmlDescArgs args = { .dom = domain->dom, .flags = flags };
  CopRemoteDomainGetXmlDescRet ret;
  char *xml;

  if (!VMT_DOMAIN_CALL (domain, DOMAIN_GET_XML_DESC, &args, &ret, error))
    return NULL;
  xml = g_steal_pointer (&ret.xml);
  COP_REMOTE_CLEAR (DOMAIN_GET_XML_DESC, &ret);
  return xml;
}

CopDomainConfig *
vmt_domain_config (const VmtDomain *domain, uint32_t flags, GError **error)
{
  g_autofree char *xml = vmt_domain_xml (domain, flags, error);
  g_autofree char *label = NULL;

  if (xml == NULL)
    return NULL;
  label = g_strdup_printf (_ ("domain '%s'"), domain->dom.name);
  return cop_domain_config_parse (xml, strlen (xml), label, COP_DOMAIN_PARSE_LIVE, NULL, error);
}

/* ---- options ---- */

bool
vmt_affect_flags (const VmtCall *call, uint32_t *flags, GError **error)
{
  static const char *const either[2][3] = { { "current", "live" }, { "current", "config" } };
  static const VmtFlagRow rows[] = {
    { "live", VMT_AFFECT_LIVE },
    { "config", VMT_AFFECT_CONFIG },
    { NULL },
  };

  if (!vmt_call_check_exclusive (call, either[0], error) ||
      !vmt_call_check_exclusive (call, either[1], error))
    return false;
  *flags = vmt_call_bits (call, rows);
  return true;
}

/* ---- results ---- */

void
vmt_print_document (VmtPrinter *printer, const char *key, const char *text)
{
  if (vmt_printer_is_json (printer))
    {
      vmt_printer_begin (printer, NULL);
      vmt_printer_text (printer, key, text);
      vmt_printer_end (printer);
      return;
    }
  vmt_printer_plain (printer, text);
}

void
vmt_print_domain (VmtPrinter *printer, const CopRemoteDomain *dom, const char *note)
{
  char uuid[VMT_UUID_SIZE];

  print_note (printer, note, dom->name);
  if (!vmt_printer_is_json (printer))
    return;
  cop_uuid_format (dom->uuid, uuid);
  vmt_printer_begin (printer, NULL);
  vmt_printer_text (printer, "name", dom->name);
  vmt_printer_text (printer, "uuid", uuid);
  vmt_printer_end (printer);
}
