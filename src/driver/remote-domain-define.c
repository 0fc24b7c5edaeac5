/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Definitions: define, undefine, rename, autostart, metadata.
 */
#include "driver/remote-domain.h"

static bool
define (CopServerCall *call, const char *xml, unsigned flags, CopRemoteDomain *out, GError **error)
{
  g_autoptr (CopDomain) domain = NULL;

  if (!cop_remote_check_flags (flags, COP_DEFINE_VALIDATE, error))
    return false;
  domain = cop_driver_define (cop_remote_driver (call), xml, flags, error);
  if (domain != NULL)
    cop_remote_set_domain (out, domain);
  return domain != NULL;
}

COP_REMOTE_HANDLES (domain_define_xml, DomainDefineXml)
{
  return define (call, args->xml, 0, &ret->dom, error);
}

COP_REMOTE_HANDLES (domain_define_xml_flags, DomainDefineXmlFlags)
{
  return define (call, args->xml, args->flags, &ret->dom, error);
}

COP_REMOTE_HANDLES (domain_undefine, DomainUndefine)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_domain_undefine (domain, 0, error);
}

COP_REMOTE_HANDLES (domain_undefine_flags, DomainUndefineFlags)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_remote_check_flags (args->flags, COP_UNDEFINE_ALL, error) &&
         cop_domain_undefine (domain, args->flags, error);
}

COP_REMOTE_HANDLES (domain_rename, DomainRename)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  if (args->new_name == NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("a new name is needed"));
  return cop_domain_rename (domain, args->new_name, error);
}

COP_REMOTE_HANDLES (domain_get_autostart, DomainGetAutostart)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL)
    return false;
  g_mutex_lock (&domain->lock);
  ret->autostart = domain->autostart;
  g_mutex_unlock (&domain->lock);
  return true;
}

COP_REMOTE_HANDLES (domain_set_autostart, DomainSetAutostart)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_domain_set_autostart (domain, args->autostart != 0, error);
}

COP_REMOTE_HANDLES (domain_set_metadata, DomainSetMetadata)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL &&
         cop_remote_check_flags (args->flags, COP_AFFECT_LIVE | COP_AFFECT_CONFIG, error) &&
         cop_domain_set_metadata (domain, (CopMetadataType) args->type, args->metadata, args->key,
                                  args->uri, args->flags, error);
}

COP_REMOTE_HANDLES (domain_get_metadata, DomainGetMetadata)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL ||
      !cop_remote_check_flags (args->flags, COP_AFFECT_LIVE | COP_AFFECT_CONFIG, error))
    return false;
  ret->metadata =
    cop_domain_get_metadata (domain, (CopMetadataType) args->type, args->uri, args->flags, error);
  return ret->metadata != NULL;
}

/* clang-format off */
const CopHandler cop_remote_define_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_DEFINE_XML, DomainDefineXml, domain_define_xml),
  COP_REMOTE_HANDLER (DOMAIN_DEFINE_XML_FLAGS, DomainDefineXmlFlags, domain_define_xml_flags),
  COP_REMOTE_HANDLER (DOMAIN_UNDEFINE, DomainUndefine, domain_undefine),
  COP_REMOTE_HANDLER (DOMAIN_UNDEFINE_FLAGS, DomainUndefineFlags, domain_undefine_flags),
  COP_REMOTE_HANDLER (DOMAIN_RENAME, DomainRename, domain_rename),
  COP_REMOTE_QUICK (DOMAIN_GET_AUTOSTART, DomainGetAutostart, domain_get_autostart),
  COP_REMOTE_HANDLER (DOMAIN_SET_AUTOSTART, DomainSetAutostart, domain_set_autostart),
  COP_REMOTE_HANDLER (DOMAIN_SET_METADATA, DomainSetMetadata, domain_set_metadata),
  COP_REMOTE_HANDLER (DOMAIN_GET_METADATA, DomainGetMetadata, domain_get_metadata),
  { 0 },
};
/* clang-format on */
