/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domains on disk. Documents are text to this file; who wrote them knows what they mean.
 *
 *   CONFIG/domains/UUID.xml      definition; the first line is a comment with name and checksum
 *   CONFIG/autostart/UUID.xml    symbolic link to it: started with the daemon
 *   STATE/save/UUID.xml          a managed save, and UUID.xml.memory beside it
 *   RUN/domains/UUID.xml         a running domain, with what the next daemon must know of it
 *   RUN/daemon.lock              held while a daemon uses these folders
 *
 * A change is written beside (".NAME.new"), synced, renamed, and its folder synced: after a crash
 * at any moment the old or the new is there. What was left beside is removed at the next start. RUN
 * lives in memory and goes with the host; it is renamed into place, but not synced.
 *
 * Threads: all functions may be called on any thread; two for the same domain not at a time.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/error.h"

typedef struct CopDomainStore CopDomainStore;

/* One domain as it is found at start. */
typedef struct
{
  char uuid[37];
  char *name; /* (owned) (nullable): NULL when the first line does not say: the
                 document was written or changed by hand, and has to be read */
  bool autostart;
  bool managed_save;
} CopStoreDomain;

/* What the next daemon has to know of a running domain, beside its document. */
typedef struct
{
  char uuid[37];
  int id;
  char *name; /* (owned) */
  char *token; /* (owned): tells the process from any other */
  unsigned state, reason; /* libvirt's numbers */
  bool autodestroy; /* lives as long as a connection, and none outlives a daemon */
  bool persistent; /* there is a definition as well */
  int64_t started; /* us since the epoch */
  char *job; /* (owned) (nullable): name of what was under way */
  char *xml; /* (owned): the live document */
} CopStoreRunning;
void cop_store_running_free (CopStoreRunning *running);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopStoreRunning, cop_store_running_free)

/**
 * cop_domain_store_open:
 *
 * Makes folders that are missing, takes the lock, removes leftovers.
 *
 * Errors: %COP_STORE_ERROR_BUSY when another daemon has the folders; %G_FILE_ERROR
 */
CopDomainStore *cop_domain_store_open (const char *config_dir, const char *state_dir,
                                       const char *run_dir, GError **error);
void cop_domain_store_close (CopDomainStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopDomainStore, cop_domain_store_close)

/* All definitions, by their first lines. Returns: (transfer full) (element-type CopStoreDomain) */
GPtrArray *cop_domain_store_list (CopDomainStore *store, GError **error);

/* All that ran. A damaged file is logged, moved aside and left out.
   Returns: (transfer full) (element-type CopStoreRunning) */
GPtrArray *cop_domain_store_list_running (CopDomainStore *store, GError **error);

/**
 * cop_domain_store_read:
 * Returns: (transfer full): the document of the definition, without the first line
 * Errors: %COP_STORE_ERROR_MISSING. A wrong checksum is no error: people edit files; it is logged.
 */
char *cop_domain_store_read (CopDomainStore *store, const char *uuid, GError **error);

/* Writes a definition, durably; replaces the one that is there. */
bool cop_domain_store_put (CopDomainStore *store, const char *uuid, const char *name,
                           const char *xml, GError **error);

/* Removes a definition and its autostart link, durably. That there is none is no error. */
bool cop_domain_store_remove (CopDomainStore *store, const char *uuid, GError **error);

bool cop_domain_store_set_autostart (CopDomainStore *store, const char *uuid, bool autostart,
                                     GError **error);

/* Syncs the files of all changes. They are durable before, by the journal CONFIG/domains.journal,
   which this empties; it happens by itself after a second's rest. */
bool cop_domain_store_settle (CopDomainStore *store, GError **error);

bool cop_domain_store_put_running (CopDomainStore *store, const CopStoreRunning *running,
                                   GError **error);
bool cop_domain_store_remove_running (CopDomainStore *store, const char *uuid, GError **error);

/* Returns: (transfer full): where the managed save of @uuid is or would be */
char *cop_domain_store_save_path (CopDomainStore *store, const char *uuid);
bool cop_domain_store_has_save (CopDomainStore *store, const char *uuid);
bool cop_domain_store_remove_save (CopDomainStore *store, const char *uuid, GError **error);
