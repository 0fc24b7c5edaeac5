/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domains looked up and listed.
 */
#include "driver/remote-domain.h"

#include <string.h>

/* What one reply may hold: libvirt's REMOTE_DOMAIN_LIST_MAX. */
#define LIST_MAX 16384

void
cop_remote_set_domain (CopRemoteDomain *out, CopDomain *domain)
{
  CopDomainRef ref;

  cop_domain_get_ref (domain, &ref);
  out->name = ref.name;
  out->id = ref.id;
  memcpy (out->uuid, ref.uuid, sizeof out->uuid);
}

COP_REMOTE_HANDLES (domain_lookup_by_id, DomainLookupById)
{
  g_autoptr (CopDomain) domain = cop_driver_by_id (cop_remote_driver (call), args->id, error);

  if (domain != NULL)
    cop_remote_set_domain (&ret->dom, domain);
  return domain != NULL;
}

COP_REMOTE_HANDLES (domain_lookup_by_name, DomainLookupByName)
{
  g_autoptr (CopDomain) domain = cop_driver_by_name (cop_remote_driver (call), args->name, error);

  if (domain != NULL)
    cop_remote_set_domain (&ret->dom, domain);
  return domain != NULL;
}

COP_REMOTE_HANDLES (domain_lookup_by_uuid, DomainLookupByUuid)
{
  g_autoptr (CopDomain) domain = cop_driver_by_uuid (cop_remote_driver (call), args->uuid, error);

  if (domain != NULL)
    cop_remote_set_domain (&ret->dom, domain);
  return domain != NULL;
}

COP_REMOTE_HANDLES (connect_list_all_domains, ConnectListAllDomains)
{
  g_autoptr (GPtrArray) domains = NULL;

  if (!cop_remote_check_flags (args->flags, COP_LIST_ALL, error))
    return false;
  domains = cop_driver_list (cop_remote_driver (call), args->flags);
  if (domains->len > LIST_MAX)
    return cop_driver_fail (error, COP_DRIVER_ERROR_RPC,
                            _ ("%u domains are more than one reply holds: %d; ask for some only"),
                            domains->len, LIST_MAX);
  ret->ret = domains->len;
  if (!args->need_results)
    return true;
  ret->n_domains = domains->len;
  ret->domains = g_new0 (CopRemoteDomain, domains->len);
  for (guint i = 0; i < domains->len; i++)
    cop_remote_set_domain (&ret->domains[i], domains->pdata[i]);
  return true;
}

COP_REMOTE_HANDLES (connect_num_of_domains, ConnectNumOfDomains)
{
  g_autoptr (GPtrArray) domains = cop_driver_list (cop_remote_driver (call), COP_LIST_ACTIVE);

  ret->num = domains->len;
  return true;
}

COP_REMOTE_HANDLES (connect_num_of_defined_domains, ConnectNumOfDefinedDomains)
{
  g_autoptr (GPtrArray) domains = cop_driver_list (cop_remote_driver (call), COP_LIST_INACTIVE);

  ret->num = domains->len;
  return true;
}

COP_REMOTE_HANDLES (connect_list_domains, ConnectListDomains)
{
  g_autoptr (GPtrArray) domains = cop_driver_list (cop_remote_driver (call), COP_LIST_ACTIVE);
  guint n = MIN (domains->len, (guint) CLAMP (args->maxids, 0, LIST_MAX));

  ret->ids = g_new0 (int32_t, n);
  for (guint i = 0; i < n; i++)
    {
      CopDomainRef ref;

      cop_domain_get_ref (domains->pdata[i], &ref);
      g_free (ref.name);
      if (ref.id >= 0)
        ret->ids[ret->n_ids++] = ref.id;
    }
  return true;
}

COP_REMOTE_HANDLES (connect_list_defined_domains, ConnectListDefinedDomains)
{
  g_autoptr (GPtrArray) domains = cop_driver_list (cop_remote_driver (call), COP_LIST_INACTIVE);
  guint n = MIN (domains->len, (guint) CLAMP (args->maxnames, 0, LIST_MAX));

  ret->names = g_new0 (char *, n);
  ret->n_names = n;
  for (guint i = 0; i < n; i++)
    {
      CopDomainRef ref;

      cop_domain_get_ref (domains->pdata[i], &ref);
      ret->names[i] = ref.name;
    }
  return true;
}

/* clang-format off */
const CopHandler cop_remote_domain_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_LOOKUP_BY_ID, DomainLookupById, domain_lookup_by_id),
  COP_REMOTE_QUICK (DOMAIN_LOOKUP_BY_NAME, DomainLookupByName, domain_lookup_by_name),
  COP_REMOTE_QUICK (DOMAIN_LOOKUP_BY_UUID, DomainLookupByUuid, domain_lookup_by_uuid),
  COP_REMOTE_HANDLER (CONNECT_LIST_ALL_DOMAINS, ConnectListAllDomains, connect_list_all_domains),
  COP_REMOTE_HANDLER (CONNECT_NUM_OF_DOMAINS, ConnectNumOfDomains, connect_num_of_domains),
  COP_REMOTE_HANDLER (CONNECT_NUM_OF_DEFINED_DOMAINS, ConnectNumOfDefinedDomains, connect_num_of_defined_domains),
  COP_REMOTE_HANDLER (CONNECT_LIST_DOMAINS, ConnectListDomains, connect_list_domains),
  COP_REMOTE_HANDLER (CONNECT_LIST_DEFINED_DOMAINS, ConnectListDefinedDomains, connect_list_defined_domains),
  { 0 },
};
/* clang-format on */
