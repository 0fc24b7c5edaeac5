/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cop-xml-docs schema|reference: writes what is made of the rows of domain XML to standard output.
 */
#include "xml/domain-config.h"

#include <stdio.h>
#include <string.h>

int
main (int argc, char **argv)
{
  g_autofree char *text = NULL;

  if (argc == 2 && strcmp (argv[1], "schema") == 0)
    text = cop_domain_schema ();
  else if (argc == 2 && strcmp (argv[1], "reference") == 0)
    text = cop_domain_reference ();
  else
    {
      fprintf (stderr, "usage: %s schema|reference\n", argv[0]);
      return 2;
    }
  return fputs (text, stdout) < 0 || fflush (stdout) != 0;
}
