/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool: the command line of Coppice.
 */
#include "vmtool/vmtool.h"

#include <glib/gi18n.h>
#include <locale.h>

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, COPPICE_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_prgname ("vmtool");
  return vmt_main (argc, argv);
}
