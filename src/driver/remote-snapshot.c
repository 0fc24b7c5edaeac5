/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Snapshots, as far as there are none: clients ask for their number before they undefine a domain.
 */
#include "driver/remote-domain.h"

/* What all of these calls begin with. */
static bool
check_domain (CopServerCall *call, const CopRemoteDomain *dom, GError **error)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, dom, error);

  return domain != NULL;
}

COP_REMOTE_HANDLES (domain_snapshot_num, DomainSnapshotNum)
{
  return check_domain (call, &args->dom, error);
}

COP_REMOTE_HANDLES (domain_snapshot_list_names, DomainSnapshotListNames)
{
  return check_domain (call, &args->dom, error);
}

COP_REMOTE_HANDLES (domain_list_all_snapshots, DomainListAllSnapshots)
{
  return check_domain (call, &args->dom, error);
}

COP_REMOTE_HANDLES (domain_has_current_snapshot, DomainHasCurrentSnapshot)
{
  return check_domain (call, &args->dom, error);
}

COP_REMOTE_HANDLES (domain_snapshot_current, DomainSnapshotCurrent)
{
  return check_domain (call, &args->dom, error) &&
         cop_driver_fail (error, COP_DRIVER_ERROR_NO_SNAPSHOT,
                          _ ("the domain does not have a current snapshot"));
}

COP_REMOTE_HANDLES (domain_snapshot_lookup_by_name, DomainSnapshotLookupByName)
{
  return check_domain (call, &args->dom, error) &&
         cop_driver_fail (error, COP_DRIVER_ERROR_NO_SNAPSHOT,
                          _ ("no domain snapshot with matching name '%s'"), args->name);
}

COP_REMOTE_HANDLES (domain_list_all_checkpoints, DomainListAllCheckpoints)
{
  return check_domain (call, &args->dom, error);
}

/* clang-format off */
const CopHandler cop_remote_snapshot_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_SNAPSHOT_NUM, DomainSnapshotNum, domain_snapshot_num),
  COP_REMOTE_HANDLER (DOMAIN_SNAPSHOT_LIST_NAMES, DomainSnapshotListNames, domain_snapshot_list_names),
  COP_REMOTE_HANDLER (DOMAIN_LIST_ALL_SNAPSHOTS, DomainListAllSnapshots, domain_list_all_snapshots),
  COP_REMOTE_HANDLER (DOMAIN_HAS_CURRENT_SNAPSHOT, DomainHasCurrentSnapshot, domain_has_current_snapshot),
  COP_REMOTE_HANDLER (DOMAIN_SNAPSHOT_CURRENT, DomainSnapshotCurrent, domain_snapshot_current),
  COP_REMOTE_HANDLER (DOMAIN_SNAPSHOT_LOOKUP_BY_NAME, DomainSnapshotLookupByName, domain_snapshot_lookup_by_name),
  COP_REMOTE_HANDLER (DOMAIN_LIST_ALL_CHECKPOINTS, DomainListAllCheckpoints, domain_list_all_checkpoints),
  { 0 },
};
/* clang-format on */
