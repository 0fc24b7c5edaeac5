/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool: the command line of Coppice.
 *
 *   vmtool run ...     a machine in this process: a few milliseconds from here to its first
 * instruction vmtool ...         everything else, in a module with the libraries that it takes
 *
 * To load those (libxml2 with ICU, libarchive, capstone) takes as long as all the rest of a
 * machine's start, so the one program of both would be twice as slow.
 */
#include "vmtool/commands.h"
#include "vmtool/module.h"

#include <glib/gi18n.h>
#include <locale.h>
#include <string.h>

/* In the place of commands.c, which the module has. */
const VmtCommand *const vmt_commands[] = { &vmt_run, NULL };

int
main (int argc, char **argv)
{
  const VmtModule *module;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, COPPICE_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_prgname ("vmtool");
  if (argc > 1 && strcmp (argv[1], vmt_run.name) == 0)
    return vmt_main (argc, argv);
  module = vmt_module_load ();
  return module != NULL ? module->main (argc, argv) : VMT_EXIT_FAILED;
}
