/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All domains of one daemon: see docs/driver.md. Created by virtcoppiced before it listens. Domains
 * are looked up by UUID; names and ids are for people. Every function may be called on any thread.
 */
#pragma once

#include "driver/domain-event.h"
#include "driver/domain.h"
#include "driver/paths.h"

#define COP_TYPE_DRIVER (cop_driver_get_type ())
G_DECLARE_FINAL_TYPE (CopDriver, cop_driver, COP, DRIVER, GObject)

/**
 * cop_driver_new:
 * @paths: copied
 *
 * Takes the store, reads the names of all definitions, finds running machines again. Documents are
 * read when they are first needed.
 *
 * Errors: %COP_STORE_ERROR_BUSY when another daemon has these folders
 */
CopDriver *cop_driver_new (const CopPaths *paths, GError **error);

/* Both are to be set before anything else happens. The second is called, on any thread, whenever
   cop_driver_is_idle() may have changed. */
void cop_driver_set_event_func (CopDriver *driver, CopDomainEventFunc func, gpointer data);
void cop_driver_set_idle_func (CopDriver *driver, void (*func) (gpointer data), gpointer data);

/* Does what happened while no daemon was there, and starts the domains that are marked for it, each
   in its own time. Call once, when listening. */
void cop_driver_begin (CopDriver *driver);

/* Lets go of all machines, which run on. To be called when no call is under way any more. */
void cop_driver_close (CopDriver *driver);

/* Whether the daemon may leave: no domain is active and nothing is under way. */
bool cop_driver_is_idle (CopDriver *driver);

const CopPaths *cop_driver_paths (CopDriver *driver);

/* Destroys the domains that were to live only as long as @connection, which is gone: in their own
   time. */
void cop_driver_connection_closed (CopDriver *driver, gconstpointer connection);

/* Each returns (transfer full): NULL with %COP_DRIVER_ERROR_NO_DOMAIN */
CopDomain *cop_driver_by_uuid (CopDriver *driver, const uint8_t uuid[16], GError **error);
CopDomain *cop_driver_by_name (CopDriver *driver, const char *name, GError **error);
CopDomain *cop_driver_by_id (CopDriver *driver, int id, GError **error);

/* libvirt's VIR_CONNECT_LIST_DOMAINS_* */
enum
{
  COP_LIST_ACTIVE = 1 << 0,
  COP_LIST_INACTIVE = 1 << 1,
  COP_LIST_PERSISTENT = 1 << 2,
  COP_LIST_TRANSIENT = 1 << 3,
  COP_LIST_RUNNING = 1 << 4,
  COP_LIST_PAUSED = 1 << 5,
  COP_LIST_SHUTOFF = 1 << 6,
  COP_LIST_OTHER = 1 << 7,
  COP_LIST_MANAGED_SAVE = 1 << 8,
  COP_LIST_NO_MANAGED_SAVE = 1 << 9,
  COP_LIST_AUTOSTART = 1 << 10,
  COP_LIST_NO_AUTOSTART = 1 << 11,
  COP_LIST_HAS_SNAPSHOT = 1 << 12,
  COP_LIST_NO_SNAPSHOT = 1 << 13,
  COP_LIST_HAS_CHECKPOINT = 1 << 14,
  COP_LIST_NO_CHECKPOINT = 1 << 15,
  COP_LIST_ALL = (1 << 16) - 1,
};

/* What a client's handle says, taken at one moment. */
typedef struct
{
  uint8_t uuid[16];
  int id; /* -1: not active */
  char *name; /* (owned) */
} CopDomainRef;

void cop_domain_get_ref (CopDomain *domain, CopDomainRef *ref);

/**
 * cop_driver_list:
 * @flags: bits of one group are alternatives, groups are combined with "and"
 *
 * Returns: (transfer full) (element-type CopDomain): in no order
 */
GPtrArray *cop_driver_list (CopDriver *driver, unsigned flags);

/* Definitions ---------------------------------------------------------------------------------- */

/* flags of cop_driver_define(), as libvirt's VIR_DOMAIN_DEFINE_* */
enum
{
  COP_DEFINE_VALIDATE = 1 << 0,
};

/* Defines a domain, or changes a definition, durably. A running domain runs on as it is.
   Returns: (transfer full) */
CopDomain *cop_driver_define (CopDriver *driver, const char *xml, unsigned flags, GError **error);

/* VIR_DOMAIN_UNDEFINE_* */
enum
{
  COP_UNDEFINE_MANAGED_SAVE = 1 << 0,
  COP_UNDEFINE_SNAPSHOTS = 1 << 1,
  COP_UNDEFINE_NVRAM = 1 << 2,
  COP_UNDEFINE_KEEP_NVRAM = 1 << 3,
  COP_UNDEFINE_CHECKPOINTS = 1 << 4,
  COP_UNDEFINE_TPM = 1 << 5,
  COP_UNDEFINE_KEEP_TPM = 1 << 6,
  COP_UNDEFINE_ALL = (1 << 7) - 1,
};
bool cop_domain_undefine (CopDomain *domain, unsigned flags, GError **error);
bool cop_domain_rename (CopDomain *domain, const char *name, GError **error);
bool cop_domain_set_autostart (CopDomain *domain, bool autostart, GError **error);

/* VIR_DOMAIN_METADATA_* */
typedef enum
{
  COP_METADATA_DESCRIPTION,
  COP_METADATA_TITLE,
  COP_METADATA_ELEMENT,
} CopMetadataType;
bool cop_domain_set_metadata (CopDomain *domain, CopMetadataType type, const char *text,
                              const char *prefix, const char *uri, unsigned affect, GError **error);
/* Returns: (transfer full) */
char *cop_domain_get_metadata (CopDomain *domain, CopMetadataType type, const char *uri,
                               unsigned affect, GError **error);

/* Life ----------------------------------------------------------------------------------------- */

/* VIR_DOMAIN_START_*, also of create */
enum
{
  COP_START_PAUSED = 1 << 0,
  COP_START_AUTODESTROY = 1 << 1,
  COP_START_BYPASS_CACHE = 1 << 2,
  COP_START_FORCE_BOOT = 1 << 3,
  COP_START_VALIDATE = 1 << 4,
};

/* @owner: (nullable): the connection, for AUTODESTROY */
bool cop_domain_start (CopDomain *domain, unsigned flags, gconstpointer owner, GError **error);
/* Returns: (transfer full) */
CopDomain *cop_driver_create (CopDriver *driver, const char *xml, unsigned flags,
                              gconstpointer owner, GError **error);
bool cop_domain_suspend (CopDomain *domain, GError **error);
bool cop_domain_resume (CopDomain *domain, GError **error);
bool cop_domain_reset (CopDomain *domain, GError **error);
/* Asks the guest to end, or to begin anew, by a power button or its agent. */
bool cop_domain_shutdown (CopDomain *domain, unsigned flags, GError **error);
bool cop_domain_reboot (CopDomain *domain, unsigned flags, GError **error);
/* @graceful: what disks hold is written out first */
bool cop_domain_destroy (CopDomain *domain, bool graceful, GError **error);

/* VIR_DUMP_* */
enum
{
  COP_DUMP_CRASH = 1 << 0,
  COP_DUMP_LIVE = 1 << 1,
  COP_DUMP_BYPASS_CACHE = 1 << 2,
  COP_DUMP_RESET = 1 << 3,
  COP_DUMP_MEMORY_ONLY = 1 << 4, /* as always */
};

/* Writes an ELF core file of the machine: see core-dump.h. */
bool cop_domain_core_dump (CopDomain *domain, const char *path, unsigned flags, GError **error);

/* Saved machines ------------------------------------------------------------------------------- */

/* VIR_DOMAIN_SAVE_* */
enum
{
  COP_SAVE_BYPASS_CACHE = 1 << 0,
  COP_SAVE_RUNNING = 1 << 1,
  COP_SAVE_PAUSED = 1 << 2,
};

/* @xml: (nullable): the configuration to go on with; the guest must not see a difference */
bool cop_domain_save (CopDomain *domain, const char *path, const char *xml, unsigned flags,
                      GError **error);
bool cop_domain_managed_save (CopDomain *domain, unsigned flags, GError **error);
bool cop_domain_has_managed_save (CopDomain *domain);
bool cop_domain_remove_managed_save (CopDomain *domain, GError **error);
bool cop_driver_restore (CopDriver *driver, const char *path, const char *xml, unsigned flags,
                         GError **error);
/* Returns: (transfer full): the configuration in a saved machine's document */
char *cop_saved_get_xml (const char *path, GError **error);
bool cop_saved_define_xml (const char *path, const char *xml, unsigned flags, GError **error);
/* The path of the managed save. Errors: %COP_DRIVER_ERROR_OPERATION_INVALID when there is none */
char *cop_domain_managed_save_path (CopDomain *domain, GError **error);
