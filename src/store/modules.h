/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kernel modules: which ones a set of drivers needs, and in what order they load.
 */
#pragma once

#include "store/error.h"

#include <stdbool.h>

typedef struct
{
  char *name; /* (owned): as lsmod says it, with underscores */
  GBytes *object; /* (owned): the .ko file, not compressed */
  char **depends; /* (owned): names of modules */
  char **aliases; /* (owned): patterns it answers to */
} CopModule;

void cop_module_free (CopModule *module);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopModule, cop_module_free)

/**
 * cop_module_parse:
 * @path: of the file, for its name and for messages; may end in .xz and the like
 * @bytes: the file
 *
 * Unpacks the file and reads its .modinfo section.
 *
 * Errors: %COP_STORE_ERROR_CORRUPT
 *
 * Returns: (transfer full) (nullable): the module
 */
CopModule *cop_module_parse (const char *path, GBytes *bytes, GError **error);

/**
 * cop_modules_resolve:
 * @files: (element-type utf8 GBytes): a kernel package's files by path; modules and
 *   modules.builtin are looked at
 * @wanted: names of modules, with underscores; ends with NULL
 *
 * Errors: %COP_STORE_ERROR_CORRUPT for a module that is neither there nor built in, or that needs
 * itself
 *
 * Returns: (transfer full) (element-type CopModule) (nullable): the wanted modules that are not
 *   built in and all they need, each after what it needs
 */
GPtrArray *cop_modules_resolve (GHashTable *files, const char *const *wanted, GError **error);

/* Returns: (transfer full): the file modules.dep for modprobe; modules are NAME.ko beside it */
char *cop_modules_format_dep (const GPtrArray *modules);
/* Returns: (transfer full): the file modules.alias for modprobe */
char *cop_modules_format_alias (const GPtrArray *modules);
