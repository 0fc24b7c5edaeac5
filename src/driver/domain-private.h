/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the driver's files share: the members of domain and driver.
 */
#pragma once

#include "driver/driver.h"
#include "driver/error.h"
#include "store/domains.h"

#include <glib/gi18n-lib.h>

struct _CopDomain
{
  GObject parent;
  CopDriver *driver; /* lives longer */
  uint8_t uuid[16];
  char uuid_text[37];

  GMutex store_lock; /* held while the definition changes on disk */
  GMutex status_lock; /* held while what the next daemon must know is written */

  GMutex lock; /* guards all below */
  char *name; /* (owned) */
  bool defined; /* there is a definition on disk */
  bool removed; /* not in the driver's tables any more */
  bool autostart;
  bool autodestroy;
  bool updated; /* the definition was changed since the start */
  CopDomainState state;
  CopDomainReason reason;
  int id; /* -1: not active */
  CopDomainConfig *config; /* (owned) (nullable): the definition; NULL: not read yet, or none */
  CopDomainConfig *running; /* (owned) (nullable): what runs */
  CopVm *vm; /* (owned) (nullable) */
  gint64 started; /* us since the epoch */
  gconstpointer owner; /* connection that it is to be destroyed with; not to be dereferenced */
  bool agent_busy; /* the guest's agent is asked something */
  GCond agent_free; /* agent_busy */
  int agent_timeout; /* seconds; libvirt's -2 block, -1 default, 0 no wait */
  bool restart_at_begin; /* it crashed while no daemon was there */
  bool rebooting; /* the guest was asked to power off, and is to begin anew when it does */

  CopJobKind job;
  GCond job_done;
  unsigned job_waiters;
  bool killing; /* by a stop that does not wait for the job */
  char *job_note; /* (owned) (nullable): for the next daemon, should this one be killed */
  GCancellable *cancellable; /* (owned) (nullable): of a job with progress */
  CopJobInfo progress, completed;
};

struct _CopDriver
{
  GObject parent;
  CopPaths *paths; /* (owned) */
  CopDomainStore *store; /* (owned) */
  GThreadPool *pool; /* (owned): what events of machines lead to */

  GMutex lock; /* guards all below; taken after a domain's store lock, before its mutex */
  GHashTable *by_uuid; /* (owned) (element-type uint8_t[16] CopDomain): owns the domains */
  GHashTable *by_name; /* (owned) (element-type utf8 CopDomain): of the same */
  int last_id;
  bool closing;

  CopDomainEventFunc event_func;
  gpointer event_data;
  void (*idle_func) (gpointer data);
  gpointer idle_data;
  int busy; /* (atomic): active domains and jobs */
};

/* Sets %COP_DRIVER_ERROR. Returns: false */
bool cop_driver_fail (GError **error, CopDriverErrorCode code, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

/* domain.c */
CopDomain *cop_domain_new (CopDriver *driver, const uint8_t uuid[16], const char *name);

static inline bool
cop_domain_is_active (const CopDomain *domain)
{
  return domain->id >= 0;
}

/* How many vCPUs a machine of @config has from the start: 0 in it means all. */
static inline unsigned
cop_domain_current_vcpus (const CopDomainConfig *config)
{
  return config->current_vcpus != 0 ? config->current_vcpus : config->vcpus;
}

/* With the mutex held. Errors: %COP_DRIVER_ERROR_OPERATION_INVALID */
bool cop_domain_need_active (CopDomain *domain, GError **error);

/* With the mutex held, which is given up while the definition is read, if that has not been done:
   so the domain may be another than before. NULL when there is none. */
CopDomainConfig *cop_domain_definition (CopDomain *domain, GError **error);

/* libvirt's VIR_DOMAIN_AFFECT_* */
enum
{
  COP_AFFECT_CURRENT = 0,
  COP_AFFECT_LIVE = 1 << 0,
  COP_AFFECT_CONFIG = 1 << 1,
};

/**
 * cop_domain_resolve_affect:
 * With the mutex held. Makes LIVE or CONFIG of CURRENT.
 *
 * Errors: %COP_DRIVER_ERROR_OPERATION_INVALID when it is not running, or transient
 */
bool cop_domain_resolve_affect (CopDomain *domain, unsigned *flags, GError **error);

/* With the mutex held: the configuration that a query with these flags is about. */
CopDomainConfig *cop_domain_pick_config (CopDomain *domain, unsigned flags, GError **error);

/* With the mutex held. */
void cop_domain_set_state (CopDomain *domain, CopDomainState state, CopDomainReason reason);

/* Writes what the next daemon must know; without the mutex, by the holder of the job. Failing is
   logged: the domain runs on. */
void cop_domain_save_status (CopDomain *domain, const char *job_note);

/* The same for changes to what runs that no job is needed for. */
void cop_domain_refresh_status (CopDomain *domain);

/* Tells the listener. What @what leaves open (uuid, name, id) is the domain's. */
void cop_domain_tell (CopDomain *domain, const CopDomainEvent *what);
void cop_domain_tell_lifecycle (CopDomain *domain, CopLifecycle event, int detail);
/* With the mutex held. */
void cop_domain_tell_locked (CopDomain *domain, const CopDomainEvent *what);

/* domain-channel.c */
/* The name that the guest's agent is known by. */
#define COP_AGENT_CHANNEL "org.qemu.guest_agent.0"

/* Fills in the sockets of channels that name none; config->id is known. */
void cop_domain_prepare_channels (CopDomain *domain, CopDomainConfig *config);
/* Removes those sockets, of a domain that runs no more. */
void cop_domain_remove_channels (const CopDomainConfig *config);
/* Removes those of domains that ended while no daemon was there. */
void cop_driver_remove_stray_channels (CopDriver *driver);
/* What the guest has done. */
void cop_domain_channel_changed (CopDomain *domain, unsigned channel, bool open);
void cop_domain_balloon_changed (CopDomain *domain, uint64_t given);
/* The connection to @vm was made again. */
void cop_domain_found_again (CopDomain *domain, CopVm *vm);
/* With the mutex held: shows in what runs what the guest has done before anybody listened. */
void cop_domain_refresh_from_counters (CopDomain *domain);

/* driver-recover.c */
bool cop_driver_recover (CopDriver *driver, GError **error);
/* Does what the last daemon's note for @domain asks for. */
void cop_domain_go_on (CopDomain *domain);

/* driver.c: with no lock held: takes the domain out of the tables if neither defined nor active. */
void cop_driver_forget_if_gone (CopDriver *driver, CopDomain *domain);
void cop_driver_change_busy (CopDriver *driver, int by);
int cop_driver_next_id (CopDriver *driver);
/**
 * cop_driver_find_or_add:
 * @config: its UUID and name are looked at
 *
 * Finds the domain, or adds one that nobody sees before it is defined or active.
 *
 * Errors: %COP_DRIVER_ERROR_OPERATION_FAILED: the UUID goes with another name, or the name with
 * another UUID.
 *
 * Returns: (transfer full)
 */
CopDomain *cop_driver_find_or_add (CopDriver *driver, const CopDomainConfig *config,
                                   GError **error);

/* driver-define.c */
typedef bool (*CopConfigFunc) (CopDomainConfig *config, gpointer data, GError **error);
/* Changes the definition durably: @func gets a copy, which replaces it when all went well. */
bool cop_domain_change_definition (CopDomain *domain, CopConfigFunc func, gpointer data,
                                   GError **error);
/* Parses a domain document of a client's; what had no effect is logged. */
CopDomainConfig *cop_driver_parse (const char *xml, unsigned flags, GError **error);

/* domain-start.c; all by the holder of a job */
CopVmActions cop_domain_actions (const CopDomainConfig *config);
/* Starts a machine of @config (transfer full), paused: a fresh one, or one that goes on. */
bool cop_domain_launch (CopDomain *domain, CopDomainConfig *config, int memory_fd,
                        const CopMachineState *state, GError **error);
/* Lets the launched machine run, unless @paused, and tells that it started with @detail. On failure
   there is no machine any more. */
bool cop_domain_let_run (CopDomain *domain, bool paused, CopDomainReason reason, int detail,
                         GError **error);
/* Ends the machine; the domain is inactive then, and gone if it is transient. */
void cop_domain_stop (CopDomain *domain, bool graceful, CopDomainReason reason, int detail);

/* domain-life.c */
void cop_domain_on_vm_event (CopVm *vm, const CopVmEvent *event, gpointer data);
/* Does in its own time what the end of @vm leads to. */
void cop_domain_queue_vm_event (CopDomain *domain, CopVm *vm, const CopVmEvent *event);
void cop_domain_queue_go_on (CopDomain *domain);
void cop_domain_work (gpointer data, gpointer driver);

/* domain-save.c: by the holder of a job */
/* @flags: of cop_domain_start() */
bool cop_domain_restore_managed (CopDomain *domain, unsigned flags, GError **error);

/* remote-domain-console.c: connects to a socket that a machine listens on. Returns: -1 on failure
 */
int cop_domain_connect_channel (const char *path, GError **error);
