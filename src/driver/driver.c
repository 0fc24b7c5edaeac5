/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All domains of one daemon: the tables, who is in them, what is left after a restart.
 */
#include "driver/domain-private.h"

#include <string.h>

G_DEFINE_FINAL_TYPE (CopDriver, cop_driver, G_TYPE_OBJECT)

static guint
uuid_hash (gconstpointer key)
{
  guint hash;

  /* UUIDs are random enough, but clients may choose theirs. */
  const guint *words = key;

  hash = words[0] ^ (words[1] * 31) ^ (words[2] * 961) ^ (words[3] * 29791);
  return hash;
}

static gboolean
uuid_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, 16) == 0;
}

static void
cop_driver_init (CopDriver *driver)
{
  g_mutex_init (&driver->lock);
  driver->by_uuid = g_hash_table_new_full (uuid_hash, uuid_equal, NULL, g_object_unref);
  driver->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

static void
cop_driver_finalize (GObject *object)
{
  CopDriver *driver = COP_DRIVER (object);

  cop_driver_close (driver);
  g_hash_table_unref (driver->by_name);
  g_hash_table_unref (driver->by_uuid);
  g_clear_pointer (&driver->store, cop_domain_store_close);
  g_clear_pointer (&driver->paths, cop_paths_free);
  g_mutex_clear (&driver->lock);
  G_OBJECT_CLASS (cop_driver_parent_class)->finalize (object);
}

static void
cop_driver_class_init (CopDriverClass *class)
{
  G_OBJECT_CLASS (class)->finalize = cop_driver_finalize;
}

const CopPaths *
cop_driver_paths (CopDriver *driver)
{
  return driver->paths;
}

void
cop_driver_set_event_func (CopDriver *driver, CopDomainEventFunc func, gpointer data)
{
  driver->event_data = data;
  driver->event_func = func;
}

void
cop_driver_set_idle_func (CopDriver *driver, void (*func) (gpointer data), gpointer data)
{
  driver->idle_data = data;
  driver->idle_func = func;
}

void
cop_driver_change_busy (CopDriver *driver, int by)
{
  int before = g_atomic_int_add (&driver->busy, by);

  if ((before == 0 || before + by == 0) && driver->idle_func != NULL)
    driver->idle_func (driver->idle_data);
}

bool
cop_driver_is_idle (CopDriver *driver)
{
  return g_atomic_int_get (&driver->busy) == 0;
}

int
cop_driver_next_id (CopDriver *driver)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&driver->lock);

  return ++driver->last_id;
}

CopDomain *
cop_driver_find_or_add (CopDriver *driver, const CopDomainConfig *config, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&driver->lock);
  CopDomain *domain = g_hash_table_lookup (driver->by_uuid, config->uuid);
  CopDomain *other = g_hash_table_lookup (driver->by_name, config->name);

  if (driver->closing)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID, _ ("the daemon is leaving"));
      return NULL;
    }
  /* Names change with the driver's lock held, so they can be read with it. */
  if (domain != NULL && strcmp (domain->name, config->name) != 0)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_FAILED,
                       _ ("domain '%s' is already defined with uuid %s"), domain->name,
                       domain->uuid_text);
      return NULL;
    }
  if (other != domain)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_FAILED,
                       _ ("domain '%s' already exists with uuid %s"), config->name,
                       other->uuid_text);
      return NULL;
    }
  if (domain != NULL)
    return g_object_ref (domain);
  domain = cop_domain_new (driver, config->uuid, config->name);
  g_hash_table_insert (driver->by_uuid, domain->uuid, g_object_ref (domain));
  g_hash_table_insert (driver->by_name, g_strdup (domain->name), domain);
  return domain;
}

void
cop_driver_forget_if_gone (CopDriver *driver, CopDomain *domain)
{
  g_mutex_lock (&driver->lock);
  g_mutex_lock (&domain->lock);
  if (!domain->defined && !cop_domain_is_active (domain) && !domain->removed)
    {
      domain->removed = true;
      if (g_hash_table_lookup (driver->by_name, domain->name) == domain)
        g_hash_table_remove (driver->by_name, domain->name);
      g_hash_table_steal (driver->by_uuid, domain->uuid);
      g_mutex_unlock (&domain->lock);
      g_mutex_unlock (&driver->lock);
      g_object_unref (domain);
      return;
    }
  g_mutex_unlock (&domain->lock);
  g_mutex_unlock (&driver->lock);
}

/* Whether clients may see @domain: not while its first definition or machine is being made. */
static bool
is_visible (CopDomain *domain)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  return !domain->removed && (domain->defined || cop_domain_is_active (domain));
}

static CopDomain *
look_up (CopDriver *driver, GHashTable *table, gconstpointer key)
{
  CopDomain *domain;

  g_mutex_lock (&driver->lock);
  domain = g_hash_table_lookup (table, key);
  if (domain != NULL)
    g_object_ref (domain);
  g_mutex_unlock (&driver->lock);
  if (domain != NULL && !is_visible (domain))
    g_clear_object (&domain);
  return domain;
}

CopDomain *
cop_driver_by_uuid (CopDriver *driver, const uint8_t uuid[16], GError **error)
{
  CopDomain *domain = look_up (driver, driver->by_uuid, uuid);
  char text[37];

  if (domain != NULL)
    return domain;
  cop_uuid_format (uuid, text);
  cop_driver_fail (error, COP_DRIVER_ERROR_NO_DOMAIN, _ ("no domain with matching uuid '%s'"),
                   text);
  return NULL;
}

CopDomain *
cop_driver_by_name (CopDriver *driver, const char *name, GError **error)
{
  CopDomain *domain = look_up (driver, driver->by_name, name);

  if (domain == NULL)
    cop_driver_fail (error, COP_DRIVER_ERROR_NO_DOMAIN, _ ("no domain with matching name '%s'"),
                     name);
  return domain;
}

static GPtrArray *
all_domains (CopDriver *driver)
{
  GPtrArray *domains;
  GHashTableIter iter;
  gpointer domain;

  g_mutex_lock (&driver->lock);
  domains = g_ptr_array_new_full (g_hash_table_size (driver->by_uuid), g_object_unref);
  g_hash_table_iter_init (&iter, driver->by_uuid);
  while (g_hash_table_iter_next (&iter, NULL, &domain))
    g_ptr_array_add (domains, g_object_ref (domain));
  g_mutex_unlock (&driver->lock);
  return domains;
}

CopDomain *
cop_driver_by_id (CopDriver *driver, int id, GError **error)
{
  g_autoptr (GPtrArray) domains = all_domains (driver);

  for (guint i = 0; id >= 0 && i < domains->len; i++)
    {
      CopDomain *domain = domains->pdata[i];
      bool found;

      g_mutex_lock (&domain->lock);
      found = domain->id == id;
      g_mutex_unlock (&domain->lock);
      if (found)
        return g_object_ref (domain);
    }
  cop_driver_fail (error, COP_DRIVER_ERROR_NO_DOMAIN, _ ("no domain with matching id %d"), id);
  return NULL;
}

void
cop_domain_get_ref (CopDomain *domain, CopDomainRef *ref)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  memcpy (ref->uuid, domain->uuid, sizeof ref->uuid);
  ref->id = domain->id;
  ref->name = g_strdup (domain->name);
}

/* Whether @is or its opposite is asked for; neither or both: all are. */
static bool
matches (unsigned flags, unsigned yes, unsigned no, bool is)
{
  bool want_yes = (flags & yes) != 0, want_no = (flags & no) != 0;

  return want_yes == want_no || is == want_yes;
}

static bool
state_matches (unsigned flags, CopDomainState state)
{
  static const unsigned states[] = {
    [COP_DOMAIN_RUNNING] = COP_LIST_RUNNING,
    [COP_DOMAIN_PAUSED] = COP_LIST_PAUSED,
    [COP_DOMAIN_SHUTOFF] = COP_LIST_SHUTOFF,
  };
  unsigned bit =
    state < G_N_ELEMENTS (states) && states[state] != 0 ? states[state] : COP_LIST_OTHER;

  flags &= COP_LIST_RUNNING | COP_LIST_PAUSED | COP_LIST_SHUTOFF | COP_LIST_OTHER;
  return flags == 0 || (flags & bit) != 0;
}

static bool
list_matches (CopDomain *domain, unsigned flags)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);
  bool active = cop_domain_is_active (domain);

  return !domain->removed && (domain->defined || active) &&
         matches (flags, COP_LIST_ACTIVE, COP_LIST_INACTIVE, active) &&
         matches (flags, COP_LIST_PERSISTENT, COP_LIST_TRANSIENT, domain->defined) &&
         state_matches (flags, domain->state) &&
         matches (flags, COP_LIST_AUTOSTART, COP_LIST_NO_AUTOSTART, domain->autostart) &&
         matches (flags, COP_LIST_HAS_SNAPSHOT, COP_LIST_NO_SNAPSHOT, false) &&
         matches (flags, COP_LIST_HAS_CHECKPOINT, COP_LIST_NO_CHECKPOINT, false) &&
         ((flags & (COP_LIST_MANAGED_SAVE | COP_LIST_NO_MANAGED_SAVE)) == 0 ||
          matches (flags, COP_LIST_MANAGED_SAVE, COP_LIST_NO_MANAGED_SAVE,
                   cop_domain_store_has_save (domain->driver->store, domain->uuid_text)));
}

GPtrArray *
cop_driver_list (CopDriver *driver, unsigned flags)
{
  GPtrArray *domains = all_domains (driver);

  for (guint i = 0; i < domains->len;)
    if (list_matches (domains->pdata[i], flags))
      i++;
    else
      g_ptr_array_remove_index_fast (domains, i);
  return domains;
}

/* The document of a definition whose first line is not ours: written or edited by hand. */
static CopDomainConfig *
read_by_hand (CopDriver *driver, const char *uuid, GError **error)
{
  g_autofree char *xml = cop_domain_store_read (driver->store, uuid, error);
  g_autoptr (CopDomainConfig) config = NULL;
  char text[37];

  if (xml != NULL)
    config =
      cop_domain_config_parse (xml, strlen (xml), uuid, COP_DOMAIN_PARSE_DEFAULT, NULL, error);
  if (config == NULL)
    return NULL;
  cop_uuid_format (config->uuid, text);
  if (strcmp (text, uuid) != 0)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_XML, _ ("the document's uuid is %s"), text);
      return NULL;
    }
  return g_steal_pointer (&config);
}

static void
load_definition (CopDriver *driver, const CopStoreDomain *stored)
{
  CopDomainConfig known = { .name = stored->name };
  g_autoptr (CopDomainConfig) by_hand = NULL;
  g_autoptr (CopDomain) domain = NULL;
  g_autoptr (GError) error = NULL;

  if (stored->name == NULL)
    by_hand = read_by_hand (driver, stored->uuid, &error);
  if (cop_uuid_parse (stored->uuid, known.uuid) && (by_hand != NULL || stored->name != NULL))
    domain = cop_driver_find_or_add (driver, by_hand != NULL ? by_hand : &known, &error);
  if (domain == NULL)
    {
      g_warning ("the definition domains/%s.xml is left out: %s", stored->uuid,
                 error != NULL ? error->message : "no uuid");
      return;
    }
  domain->defined = true;
  domain->autostart = stored->autostart;
}

CopDriver *
cop_driver_new (const CopPaths *paths, GError **error)
{
  g_autoptr (CopDriver) driver = g_object_new (COP_TYPE_DRIVER, NULL);
  g_autoptr (GPtrArray) stored = NULL;

  driver->paths = cop_paths_copy (paths);
  driver->store =
    cop_domain_store_open (paths->config_dir, paths->state_dir, paths->run_dir, error);
  if (driver->store == NULL)
    return NULL;
  stored = cop_domain_store_list (driver->store, error);
  if (stored == NULL)
    return NULL;
  driver->pool = g_thread_pool_new (cop_domain_work, driver, -1, false, NULL);
  for (guint i = 0; i < stored->len; i++)
    load_definition (driver, stored->pdata[i]);
  if (!cop_driver_recover (driver, error))
    return NULL;
  return g_steal_pointer (&driver);
}

void
cop_driver_close (CopDriver *driver)
{
  g_autoptr (GPtrArray) domains = NULL;

  g_mutex_lock (&driver->lock);
  driver->closing = true;
  g_mutex_unlock (&driver->lock);
  domains = all_domains (driver);
  for (guint i = 0; i < domains->len; i++)
    {
      CopDomain *domain = domains->pdata[i];
      g_autoptr (CopVm) vm = NULL;

      g_mutex_lock (&domain->lock);
      vm = domain->vm != NULL ? g_object_ref (domain->vm) : NULL;
      g_mutex_unlock (&domain->lock);
      if (vm != NULL)
        cop_vm_detach (vm);
    }
  if (driver->pool != NULL)
    g_thread_pool_free (g_steal_pointer (&driver->pool), false, true);
}
