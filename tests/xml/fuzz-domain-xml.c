/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domain and device XML from a fuzzer: whatever the bytes are, reading them ends with a
 * configuration or a message; what is accepted is written, and read again as the same.
 *
 * With clang this is a libFuzzer target: fuzz-domain-xml tests/xml/domain. Without, and as a test,
 * it reads the golden documents, and damaged copies of them: fuzz-domain-xml FOLDER [ROUNDS].
 */
#include "xml/domain-device.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_domain (const char *text, size_t size, unsigned flags)
{
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (CopDomainConfig) config =
    cop_domain_config_parse (text, size, "fuzz", flags, notes, &error);
  g_autoptr (CopDomainConfig) again = NULL;
  g_autoptr (CopDomainConfig) copy = NULL;
  g_autofree char *written = NULL;
  g_autofree char *written_again = NULL;

  g_assert_true ((config == NULL) == (error != NULL));
  if (config == NULL)
    {
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return;
    }
  written = cop_domain_config_format (config, COP_DOMAIN_FORMAT_DEFAULT);
  again = cop_domain_config_parse (written, strlen (written), "again",
                                   COP_DOMAIN_PARSE_LIVE | COP_DOMAIN_PARSE_VALIDATE, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (cop_domain_config_equal (config, again));
  written_again = cop_domain_config_format (again, COP_DOMAIN_FORMAT_DEFAULT);
  g_assert_cmpstr (written, ==, written_again);

  copy = cop_domain_config_copy (config);
  cop_domain_config_assign_aliases (copy);
  cop_domain_config_clear_live (copy);
  g_assert_true (cop_domain_config_check_compatible (config, copy, NULL));
}

static void
check_device (const char *text, size_t size)
{
  g_autoptr (CopDomainDevice) device =
    cop_domain_device_parse (text, size, "fuzz", COP_DOMAIN_PARSE_LIVE, NULL, NULL);
  g_autoptr (CopDomainDevice) again = NULL;
  g_autofree char *written = NULL;
  g_autoptr (GError) error = NULL;

  if (device == NULL)
    return;
  written = cop_domain_device_format (device, COP_DOMAIN_FORMAT_DEFAULT);
  again = cop_domain_device_parse (written, strlen (written), "again", COP_DOMAIN_PARSE_LIVE, NULL,
                                   &error);
  g_assert_no_error (error);
}

static void
check_metadata (const char *text, size_t size)
{
  g_autoptr (CopDomainConfig) config = cop_domain_config_new ();
  g_autofree char *xml = g_strndup (text, size);
  g_autofree char *got = NULL;

  if (cop_domain_config_set_metadata (config, "urn:fuzz", "fuzz", xml, NULL))
    got = cop_domain_config_get_metadata (config, "urn:fuzz");
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;

  check_domain (text, size, COP_DOMAIN_PARSE_DEFAULT);
  check_domain (text, size, COP_DOMAIN_PARSE_LIVE);
  check_device (text, size);
  check_metadata (text, size);
  return 0;
}

#ifndef COP_LIBFUZZER
/* Damages a copy of @text: bytes changed, a piece cut out or doubled. */
static GBytes *
damage (const char *text, gsize length, GRand *random)
{
  GByteArray *bytes = g_byte_array_new ();
  unsigned changes = g_rand_int_range (random, 1, 6);

  g_byte_array_append (bytes, (const guint8 *) text, length);
  for (unsigned i = 0; i < changes && bytes->len > 2; i++)
    {
      guint at = g_rand_int_range (random, 0, bytes->len - 1);
      guint piece = g_rand_int_range (random, 1, MIN (bytes->len - at, 64) + 1);

      switch (g_rand_int_range (random, 0, 4))
        {
        case 0:
          bytes->data[at] = g_rand_int (random);
          break;
        case 1:
          bytes->data[at] = "<>&'\"=/ 0a"[g_rand_int_range (random, 0, 10)];
          break;
        case 2:
          g_byte_array_remove_range (bytes, at, MIN (piece, bytes->len - at));
          break;
        default:
          {
            g_autofree guint8 *copy = g_memdup2 (bytes->data + at, piece);

            g_byte_array_append (bytes, copy, piece);
          }
        }
    }
  return g_byte_array_free_to_bytes (bytes);
}

int
main (int argc, char **argv)
{
  unsigned rounds = argc > 2 ? atoi (argv[2]) : 20;
  g_autoptr (GRand) random = g_rand_new_with_seed (20);
  g_autoptr (GDir) folder = argc > 1 ? g_dir_open (argv[1], 0, NULL) : NULL;
  const char *name;
  unsigned files = 0;

  if (folder == NULL)
    {
      g_printerr ("usage: %s FOLDER [ROUNDS]\n", argv[0]);
      return 2;
    }
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (argv[1], name, NULL);
      g_autofree char *text = NULL;
      gsize length;

      if (!g_file_get_contents (path, &text, &length, NULL))
        continue;
      files++;
      LLVMFuzzerTestOneInput ((const uint8_t *) text, length);
      for (unsigned i = 0; i < rounds; i++)
        {
          g_autoptr (GBytes) bytes = damage (text, length, random);
          gsize size;
          const uint8_t *data = g_bytes_get_data (bytes, &size);

          LLVMFuzzerTestOneInput (data, size);
        }
    }
  g_print ("1..1\n%s 1 %u documents, each damaged %u times\n", files > 0 ? "ok" : "not ok", files,
           rounds);
  return files == 0;
}
#endif
