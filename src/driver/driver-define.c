/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Definitions: define, undefine, rename, autostart, metadata. None of them needs a job but rename,
 * so that none waits for a guest; each is on disk when it returns.
 */
#include "driver/domain-private.h"

#include "xml/domain-device.h"

#include <string.h>

CopDomainConfig *
cop_driver_parse (const char *xml, unsigned flags, GError **error)
{
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  CopDomainConfig *config = cop_domain_config_parse (xml, strlen (xml), NULL, flags, notes, error);

  for (guint i = 0; config != NULL && i < notes->len; i++)
    g_message ("domain '%s': %s", config->name, (const char *) notes->pdata[i]);
  return config;
}

/* Writes @config as the definition; the store lock is held. */
static bool
write_definition (CopDomain *domain, const CopDomainConfig *config, GError **error)
{
  g_autofree char *xml =
    cop_domain_config_format (config, COP_DOMAIN_FORMAT_INACTIVE | COP_DOMAIN_FORMAT_SECURE);

  return cop_domain_store_put (domain->driver->store, domain->uuid_text, config->name, xml, error);
}

/* Takes @config; the store lock is held. Returns: whether there was no definition before */
static bool
swap_definition (CopDomain *domain, CopDomainConfig *config)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);
  bool added = !domain->defined;

  g_clear_pointer (&domain->config, cop_domain_config_free);
  domain->config = config;
  domain->defined = true;
  domain->updated = cop_domain_is_active (domain);
  return added;
}

CopDomain *
cop_driver_define (CopDriver *driver, const char *xml, unsigned flags, GError **error)
{
  g_autoptr (CopDomainConfig) config = cop_driver_parse (
    xml, (flags & COP_DEFINE_VALIDATE) != 0 ? COP_DOMAIN_PARSE_VALIDATE : 0, error);
  g_autoptr (CopDomain) domain = NULL;

  if (config == NULL)
    return NULL;
  /* An undefine may take the domain away between our finding and our locking it: look again. */
  while (true)
    {
      bool added, removed;

      g_clear_object (&domain);
      domain = cop_driver_find_or_add (driver, config, error);
      if (domain == NULL)
        return NULL;
      g_mutex_lock (&domain->store_lock);
      g_mutex_lock (&domain->lock);
      removed = domain->removed;
      g_mutex_unlock (&domain->lock);
      if (removed)
        {
          g_mutex_unlock (&domain->store_lock);
          continue;
        }
      if (!write_definition (domain, config, error))
        {
          g_mutex_unlock (&domain->store_lock);
          cop_driver_forget_if_gone (driver, domain);
          return NULL;
        }
      added = swap_definition (domain, g_steal_pointer (&config));
      g_mutex_unlock (&domain->store_lock);
      cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_DEFINED, added ? 0 : 1);
      return g_steal_pointer (&domain);
    }
}

bool
cop_domain_change_definition (CopDomain *domain, CopConfigFunc func, gpointer data, GError **error)
{
  g_autoptr (CopDomainConfig) config = NULL;
  bool ok;

  g_mutex_lock (&domain->store_lock);
  g_mutex_lock (&domain->lock);
  if (cop_domain_definition (domain, error) != NULL)
    config = cop_domain_config_copy (domain->config);
  g_mutex_unlock (&domain->lock);
  ok = config != NULL && func (config, data, error) && cop_domain_config_validate (config, error) &&
       write_definition (domain, config, error);
  if (ok)
    swap_definition (domain, g_steal_pointer (&config));
  g_mutex_unlock (&domain->store_lock);
  return ok;
}

/* With the store lock held. */
static bool
check_undefine (CopDomain *domain, unsigned flags, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  if (!domain->defined)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                            _ ("cannot undefine transient domain"));
  if ((flags & COP_UNDEFINE_MANAGED_SAVE) == 0 && cop_domain_has_managed_save (domain))
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                            _ ("Refusing to undefine while domain managed save image exists"));
  return true;
}

bool
cop_domain_undefine (CopDomain *domain, unsigned flags, GError **error)
{
  CopDomainStore *store = domain->driver->store;
  bool ok;

  g_mutex_lock (&domain->store_lock);
  ok = check_undefine (domain, flags, error) &&
       cop_domain_store_remove_save (store, domain->uuid_text, error) &&
       cop_domain_store_remove (store, domain->uuid_text, error);
  if (ok)
    {
      g_mutex_lock (&domain->lock);
      domain->defined = false;
      domain->autostart = false;
      domain->updated = false;
      g_clear_pointer (&domain->config, cop_domain_config_free);
      g_mutex_unlock (&domain->lock);
    }
  g_mutex_unlock (&domain->store_lock);
  if (!ok)
    return false;
  cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_UNDEFINED, 0);
  cop_driver_forget_if_gone (domain->driver, domain);
  return true;
}

/* Takes the new name in the table, so that nobody else does. */
static bool
reserve_name (CopDomain *domain, const char *name, GError **error)
{
  CopDriver *driver = domain->driver;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&driver->lock);
  CopDomain *other = g_hash_table_lookup (driver->by_name, name);

  if (other == domain)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                            _ ("Can't rename domain to itself"));
  if (other != NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_FAILED,
                            _ ("domain '%s' already exists with uuid %s"), name, other->uuid_text);
  g_hash_table_insert (driver->by_name, g_strdup (name), domain);
  return true;
}

static bool
set_name (CopDomainConfig *config, gpointer name, G_GNUC_UNUSED GError **error)
{
  g_free (config->name);
  config->name = g_strdup (name);
  return true;
}

static bool
check_rename (CopDomain *domain, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  if (!domain->defined)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                            _ ("cannot rename a transient domain"));
  if (cop_domain_is_active (domain))
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                            _ ("cannot rename active domain"));
  if (cop_domain_has_managed_save (domain))
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                            _ ("cannot rename a domain with a managed save image; remove it, or "
                               "start the domain first"));
  return true;
}

static bool
rename_with_job (CopDomain *domain, const char *name, GError **error)
{
  CopDriver *driver = domain->driver;
  CopDomainEvent event = { .kind = COP_DOMAIN_EVENT_LIFECYCLE,
                           .event = COP_LIFECYCLE_UNDEFINED,
                           .detail = 1 };
  g_autofree char *old = NULL;

  if (!check_rename (domain, error) || !reserve_name (domain, name, error))
    return false;
  if (!cop_domain_change_definition (domain, set_name, (gpointer) name, error))
    {
      g_mutex_lock (&driver->lock);
      g_hash_table_remove (driver->by_name, name);
      g_mutex_unlock (&driver->lock);
      return false;
    }
  g_mutex_lock (&driver->lock);
  g_mutex_lock (&domain->lock);
  old = domain->name;
  domain->name = g_strdup (name);
  g_hash_table_remove (driver->by_name, old);
  g_mutex_unlock (&domain->lock);
  g_mutex_unlock (&driver->lock);
  event.name = old;
  cop_domain_tell (domain, &event);
  cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_DEFINED, 2);
  return true;
}

bool
cop_domain_rename (CopDomain *domain, const char *name, GError **error)
{
  bool ok;

  if (strcmp (name, "") == 0 || strchr (name, '/') != NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("'%s' cannot be a domain's name: it is empty or has a '/'"), name);
  if (!cop_domain_begin_job (domain, COP_JOB_MODIFY, error))
    return false;
  ok = rename_with_job (domain, name, error);
  cop_domain_end_job (domain);
  return ok;
}

bool
cop_domain_set_autostart (CopDomain *domain, bool autostart, GError **error)
{
  bool ok, defined, same;

  g_mutex_lock (&domain->store_lock);
  g_mutex_lock (&domain->lock);
  defined = domain->defined;
  same = domain->autostart == autostart;
  g_mutex_unlock (&domain->lock);
  if (!defined)
    ok = cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                          _ ("cannot set autostart for transient domain"));
  else
    ok = same || cop_domain_store_set_autostart (domain->driver->store, domain->uuid_text,
                                                 autostart, error);
  if (ok)
    {
      g_mutex_lock (&domain->lock);
      domain->autostart = autostart;
      g_mutex_unlock (&domain->lock);
    }
  g_mutex_unlock (&domain->store_lock);
  return ok;
}

typedef struct
{
  CopMetadataType type;
  const char *text, *prefix, *uri;
} MetadataChange;

static bool
apply_metadata (CopDomainConfig *config, gpointer data, GError **error)
{
  const MetadataChange *change = data;
  const char *text = change->text != NULL && *change->text != '\0' ? change->text : NULL;

  switch (change->type)
    {
    case COP_METADATA_DESCRIPTION:
      g_free (config->description);
      config->description = g_strdup (text);
      return true;

    case COP_METADATA_TITLE:
      if (text != NULL && strchr (text, '\n') != NULL)
        return cop_driver_fail (error, COP_DRIVER_ERROR_XML,
                                _ ("Domain title can't contain newlines"));
      g_free (config->title);
      config->title = g_strdup (text);
      return true;

    case COP_METADATA_ELEMENT:
      return cop_domain_config_set_metadata (config, change->uri, change->prefix, text, error);
    }
  return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("unknown metadata type %d"),
                          change->type);
}

static bool
check_metadata (const MetadataChange *change, GError **error)
{
  if (change->type > COP_METADATA_ELEMENT)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("unknown metadata type %d"),
                            change->type);
  if (change->type == COP_METADATA_ELEMENT && change->uri == NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("an element of metadata needs the uri of its namespace"));
  return true;
}

bool
cop_domain_set_metadata (CopDomain *domain, CopMetadataType type, const char *text,
                         const char *prefix, const char *uri, unsigned affect, GError **error)
{
  MetadataChange change = { type, text, prefix, uri };
  const CopDomainEvent event = { .kind = COP_DOMAIN_EVENT_METADATA_CHANGE,
                                 .event = type,
                                 .text = uri };
  bool ok;

  if (!check_metadata (&change, error))
    return false;
  g_mutex_lock (&domain->lock);
  ok = cop_domain_resolve_affect (domain, &affect, error) &&
       ((affect & COP_AFFECT_LIVE) == 0 || apply_metadata (domain->running, &change, error));
  g_mutex_unlock (&domain->lock);
  if (!ok)
    return false;
  if ((affect & COP_AFFECT_LIVE) != 0)
    cop_domain_refresh_status (domain);
  if ((affect & COP_AFFECT_CONFIG) != 0 &&
      !cop_domain_change_definition (domain, apply_metadata, &change, error))
    return false;
  cop_domain_tell (domain, &event);
  return true;
}

char *
cop_domain_get_metadata (CopDomain *domain, CopMetadataType type, const char *uri, unsigned affect,
                         GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);
  const MetadataChange what = { type, NULL, NULL, uri };
  const CopDomainConfig *config;
  g_autofree char *text = NULL;

  if (!check_metadata (&what, error))
    return NULL;
  config = cop_domain_pick_config (domain, affect, error);
  if (config == NULL)
    return NULL;
  if (type == COP_METADATA_DESCRIPTION)
    text = g_strdup (config->description);
  else if (type == COP_METADATA_TITLE)
    text = g_strdup (config->title);
  else
    text = cop_domain_config_get_metadata (config, uri);
  if (text == NULL)
    cop_driver_fail (error, COP_DRIVER_ERROR_NO_METADATA,
                     _ ("Requested metadata element is not present"));
  return g_steal_pointer (&text);
}
