/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A domain: its members, its state, its configurations. See domain.h; jobs are in domain-job.c.
 */
#include "driver/domain-private.h"

#include <string.h>

G_DEFINE_FINAL_TYPE (CopDomain, cop_domain, G_TYPE_OBJECT)

bool
cop_driver_fail (GError **error, CopDriverErrorCode code, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, COP_DRIVER_ERROR, code, message);
  return false;
}

static void
cop_domain_init (CopDomain *domain)
{
  g_mutex_init (&domain->store_lock);
  g_cond_init (&domain->agent_free);
  g_mutex_init (&domain->status_lock);
  g_mutex_init (&domain->lock);
  g_cond_init (&domain->job_done);
  domain->id = -1;
  domain->state = COP_DOMAIN_SHUTOFF;
  domain->agent_timeout = -2;
}

static void
cop_domain_finalize (GObject *object)
{
  CopDomain *domain = COP_DOMAIN (object);

  g_clear_object (&domain->vm);
  g_clear_object (&domain->cancellable);
  g_clear_pointer (&domain->config, cop_domain_config_free);
  g_clear_pointer (&domain->running, cop_domain_config_free);
  g_free (domain->name);
  g_free (domain->job_note);
  g_cond_clear (&domain->job_done);
  g_mutex_clear (&domain->lock);
  g_mutex_clear (&domain->status_lock);
  g_cond_clear (&domain->agent_free);
  g_mutex_clear (&domain->store_lock);
  G_OBJECT_CLASS (cop_domain_parent_class)->finalize (object);
}

static void
cop_domain_class_init (CopDomainClass *class)
{
  G_OBJECT_CLASS (class)->finalize = cop_domain_finalize;
}

CopDomain *
cop_domain_new (CopDriver *driver, const uint8_t uuid[16], const char *name)
{
  CopDomain *domain = g_object_new (COP_TYPE_DOMAIN, NULL);

  domain->driver = driver;
  memcpy (domain->uuid, uuid, sizeof domain->uuid);
  cop_uuid_format (uuid, domain->uuid_text);
  domain->name = g_strdup (name);
  return domain;
}

bool
cop_domain_need_active (CopDomain *domain, GError **error)
{
  if (cop_domain_is_active (domain))
    return true;
  return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID, _ ("domain is not running"));
}

static CopDomainConfig *
read_definition (CopDomain *domain, GError **error)
{
  g_autofree char *xml = cop_domain_store_read (domain->driver->store, domain->uuid_text, error);

  if (xml == NULL)
    return NULL;
  return cop_domain_config_parse (xml, strlen (xml), domain->uuid_text, COP_DOMAIN_PARSE_DEFAULT,
                                  NULL, error);
}

CopDomainConfig *
cop_domain_definition (CopDomain *domain, GError **error)
{
  g_autoptr (CopDomainConfig) config = NULL;
  g_autoptr (GError) failure = NULL;

  if (domain->config != NULL)
    return domain->config;
  if (!domain->defined)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                       _ ("transient domains do not have any persistent config"));
      return NULL;
    }
  g_mutex_unlock (&domain->lock);
  config = read_definition (domain, &failure);
  g_mutex_lock (&domain->lock);
  /* Somebody has defined or undefined it meanwhile. */
  if (domain->config != NULL || !domain->defined)
    return cop_domain_definition (domain, error);
  if (config == NULL)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&failure),
                                  _ ("the definition of domain '%s' cannot be used: "),
                                  domain->name);
      return NULL;
    }
  if (memcmp (config->uuid, domain->uuid, sizeof domain->uuid) != 0 ||
      strcmp (config->name, domain->name) != 0)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_INTERNAL,
                       _ ("the definition of domain '%s' on disk names another domain, '%s'; "
                          "define it again"),
                       domain->name, config->name);
      return NULL;
    }
  return domain->config = g_steal_pointer (&config);
}

bool
cop_domain_resolve_affect (CopDomain *domain, unsigned *flags, GError **error)
{
  if ((*flags & (COP_AFFECT_LIVE | COP_AFFECT_CONFIG)) == 0)
    *flags |= cop_domain_is_active (domain) ? COP_AFFECT_LIVE : COP_AFFECT_CONFIG;
  if ((*flags & COP_AFFECT_LIVE) != 0 && !cop_domain_need_active (domain, error))
    return false;
  if ((*flags & COP_AFFECT_CONFIG) != 0 && !domain->defined)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                            _ ("transient domains do not have any persistent config"));
  return true;
}

CopDomainConfig *
cop_domain_pick_config (CopDomain *domain, unsigned flags, GError **error)
{
  if (!cop_domain_resolve_affect (domain, &flags, error))
    return NULL;
  return (flags & COP_AFFECT_LIVE) != 0 ? domain->running : cop_domain_definition (domain, error);
}

void
cop_domain_set_state (CopDomain *domain, CopDomainState state, CopDomainReason reason)
{
  domain->state = state;
  domain->reason = reason;
}

void
cop_domain_save_status (CopDomain *domain, const char *job_note)
{
  g_autoptr (CopStoreRunning) running = g_new0 (CopStoreRunning, 1);
  g_autoptr (GError) error = NULL;

  g_autoptr (GMutexLocker) status = g_mutex_locker_new (&domain->status_lock);

  g_mutex_lock (&domain->lock);
  g_free (domain->job_note);
  domain->job_note = g_strdup (job_note);
  if (domain->vm == NULL || domain->running == NULL)
    {
      g_mutex_unlock (&domain->lock);
      return;
    }
  memcpy (running->uuid, domain->uuid_text, sizeof running->uuid);
  running->id = domain->id;
  running->name = g_strdup (domain->name);
  running->token = g_strdup (cop_vm_token (domain->vm));
  running->state = domain->state;
  running->reason = domain->reason;
  running->persistent = domain->defined;
  running->autodestroy = domain->autodestroy;
  running->started = domain->started;
  running->job = g_strdup (job_note);
  running->xml = cop_domain_config_format (domain->running, COP_DOMAIN_FORMAT_SECURE);
  g_mutex_unlock (&domain->lock);
  if (!cop_domain_store_put_running (domain->driver->store, running, &error))
    g_warning ("domain '%s' will not be found again after a restart of the daemon: %s",
               running->name, error->message);
}

void
cop_domain_refresh_status (CopDomain *domain)
{
  g_autofree char *note = NULL;

  g_mutex_lock (&domain->lock);
  note = g_strdup (domain->job_note);
  g_mutex_unlock (&domain->lock);
  cop_domain_save_status (domain, note);
}

void
cop_domain_tell_locked (CopDomain *domain, const CopDomainEvent *what)
{
  CopDriver *driver = domain->driver;
  CopDomainEvent event = *what;

  event.uuid = domain->uuid;
  if (event.name == NULL)
    event.name = domain->name;
  if (event.id == 0)
    event.id = domain->id;
  if (driver->event_func != NULL)
    driver->event_func (&event, driver->event_data);
}

void
cop_domain_tell (CopDomain *domain, const CopDomainEvent *what)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  cop_domain_tell_locked (domain, what);
}

void
cop_domain_tell_lifecycle (CopDomain *domain, CopLifecycle event, int detail)
{
  const CopDomainEvent what = { .kind = COP_DOMAIN_EVENT_LIFECYCLE,
                                .event = event,
                                .detail = detail };

  cop_domain_tell (domain, &what);
}
