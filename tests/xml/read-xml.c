/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * read-xml domain|device: reads a document from standard input and writes it as it was understood;
 * what was dropped goes to standard error. Exits 1 with the message when it is refused.
 */
#include "xml/domain-device.h"

#include <stdio.h>
#include <string.h>

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *written = NULL;
  char buffer[4096];
  gsize got;

  while ((got = fread (buffer, 1, sizeof buffer, stdin)) > 0)
    g_string_append_len (text, buffer, got);

  if (argc == 2 && strcmp (argv[1], "domain") == 0)
    {
      g_autoptr (CopDomainConfig) config = cop_domain_config_parse (
        text->str, text->len, NULL, COP_DOMAIN_PARSE_DEFAULT, notes, &error);

      if (config != NULL)
        written = cop_domain_config_format (config, COP_DOMAIN_FORMAT_DEFAULT);
    }
  else if (argc == 2 && strcmp (argv[1], "device") == 0)
    {
      g_autoptr (CopDomainDevice) device = cop_domain_device_parse (
        text->str, text->len, NULL, COP_DOMAIN_PARSE_DEFAULT, notes, &error);

      if (device != NULL)
        written = cop_domain_device_format (device, COP_DOMAIN_FORMAT_DEFAULT);
    }
  else
    {
      fprintf (stderr, "usage: %s domain|device\n", argv[0]);
      return 2;
    }

  if (error != NULL)
    {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }
  for (guint i = 0; i < notes->len; i++)
    fprintf (stderr, "%s\n", (char *) notes->pdata[i]);
  return fputs (written, stdout) < 0 || fflush (stdout) != 0;
}
