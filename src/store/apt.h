/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Packages by way of apt, which knows mirrors, proxies, keys and checksums.
 *
 * apt runs with the system's configuration, so that proxies, credentials and dates are treated as
 * everywhere else, but with a root of its own: lists, packages and package states are below one
 * folder, and the system's are neither read nor changed.
 */
#pragma once

#include "store/error.h"

#include <stdbool.h>
#include <stdint.h>

/* @done: from 0 to 1 */
typedef void (*CopAptProgress) (double done, gpointer data);

typedef struct
{
  const char *folder; /* the private root, absolute; kept between runs */
  const char *mirror;
  const char *suite;
  const char *architecture;
  const char *keyring; /* (nullable): file of keys; NULL: those that apt trusts anyway */
} CopApt;

typedef struct
{
  char *name, *version; /* (owned) */
  char *architecture; /* (owned) */
  char *depends; /* (owned): Pre-Depends and Depends, as one list */
  uint64_t installed_size; /* bytes */
} CopPackage;

void cop_package_free (CopPackage *package);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopPackage, cop_package_free)

/**
 * cop_apt_mirrors:
 * Asks apt for the mirrors that its configuration names, whichever way it is written.
 *
 * Returns: (transfer full) (nullable): URLs of Debian archives, the likeliest first; perhaps none
 */
char **cop_apt_mirrors (GError **error);

/**
 * cop_apt_mirrors_parse:
 * @targets: lines of CREATED_BY, ORIGIN, LABEL, COMPONENT and REPO_URI, with tabs between
 *
 * Returns: (transfer full): as cop_apt_mirrors()
 */
char **cop_apt_mirrors_parse (const char *targets);

/**
 * cop_apt_update:
 * Sets the private root up and fetches the lists of packages, which apt verifies.
 *
 * Errors: %COP_STORE_ERROR_SOURCE with what apt said, or _TOOL
 */
bool cop_apt_update (const CopApt *apt, CopAptProgress progress, gpointer data, GError **error);

/* Returns: (transfer full) (nullable): the newest package called @name */
CopPackage *cop_apt_show (const CopApt *apt, const char *name, GError **error);

/* Returns: (transfer full) (nullable): the package that the text of `apt-cache show` describes */
CopPackage *cop_package_parse (const char *text);

/* Returns: (transfer full) (nullable): the first package of @package's dependencies whose name
   begins with @prefix */
char *cop_package_find_dependency (const CopPackage *package, const char *prefix);

/**
 * cop_apt_download:
 * @packages: ends with NULL
 *
 * Fetches the packages themselves, without what they depend on. A download that was interrupted
 * goes on where it was.
 */
bool cop_apt_download (const CopApt *apt, const CopPackage *const *packages,
                       CopAptProgress progress, gpointer data, GError **error);

/* Returns: (transfer full): where cop_apt_download() puts @package */
char *cop_apt_package_path (const CopApt *apt, const CopPackage *package);
