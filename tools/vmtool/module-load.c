/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finding and loading the module.
 */
#include "vmtool/module.h"

#include <dlfcn.h>
#include <glib/gi18n.h>
#include <stdbool.h>
#include <string.h>

/* Beside us, as built, or where it is installed. */
static void *
open_module (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self != NULL ? g_path_get_dirname (self) : g_strdup (".");
  g_autofree char *beside = g_build_filename (folder, VMT_MODULE_FILE, NULL);
  bool is_beside = g_file_test (beside, G_FILE_TEST_EXISTS);

  return dlopen (is_beside ? beside : COPPICE_LIBEXECDIR "/" VMT_MODULE_FILE, RTLD_LAZY);
}

const VmtModule *
vmt_module_load (void)
{
  static const VmtModule *module;
  void *handle;

  if (module != NULL)
    return module;
  handle = open_module ();
  module = handle != NULL ? dlsym (handle, VMT_MODULE_SYMBOL) : NULL;
  if (module != NULL && strcmp (module->version, COPPICE_VERSION) == 0)
    return module;
  g_printerr ("vmtool: ");
  if (module == NULL)
    g_printerr (_ ("a part of vmtool cannot be loaded: %s; install it again\n"), dlerror ());
  else
    g_printerr (_ ("a part of vmtool is of version %s, not %s; install it again\n"),
                module->version, COPPICE_VERSION);
  module = NULL;
  return NULL;
}
