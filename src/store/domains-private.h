/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the store of domains share.
 */
#pragma once

#include "store/domains.h"

struct CopDomainStore
{
  char *config_dir, *state_dir, *run_dir; /* (owned) as opened; for messages */
  char *domains, *autostart, *save, *running; /* (owned): the folders */
  int lock;
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
