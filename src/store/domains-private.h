/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the store of domains share.
 */
#pragma once

#include "store/domains.h"
#include "store/journal.h"

/* What the first line of a definition says that it is. */
#define COP_DOMAIN_KIND "domain"

struct CopDomainStore
{
  char *config_dir, *state_dir, *run_dir; /* (owned) as opened; for messages */
  char *domains, *autostart, *save, *running; /* (owned): the folders */
  int lock;
  CopJournal *journal; /* (owned): what was done to definitions and is not synced */
};

/* Calls @func with every name NAME.xml of @folder whose NAME is a UUID; a missing folder is empty.
 */
typedef bool (*CopDomainFileFunc) (CopDomainStore *store, const char *uuid, gpointer data,
                                   GError **error);
bool cop_domain_store_each (CopDomainStore *store, const char *folder, CopDomainFileFunc func,
                            gpointer data, GError **error);

/* Returns: (transfer full): the file's text; NULL with %COP_STORE_ERROR_MISSING or %G_FILE_ERROR */
char *cop_domain_store_load (const char *folder, const char *uuid, GError **error);

/* Returns: (transfer full): "UUID.xml" */
char *cop_domain_store_file (const char *uuid);

/* domains-change.c: opens the journal, which brings definitions to where they were said to be. */
bool cop_domain_store_open_journal (CopDomainStore *store, GError **error);
