/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The signature of a conformance test: what riscv-arch-test compares.
 */
#include "vmtool/run-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

/* Of memory that a signature may have: far more than any test's, and no surprise to the disk. */
#define SIGNATURE_MAX (UINT64_C (64) << 20)

static bool
find_bounds (CopMachine *machine, const char *path, unsigned granularity, uint64_t *begin,
             uint64_t *end, GError **error)
{
  const char *missing = NULL;

  if (!cop_machine_symbol (machine, "begin_signature", begin))
    missing = "begin_signature";
  else if (!cop_machine_symbol (machine, "end_signature", end))
    missing = "end_signature";
  if (missing != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   _ ("signature '%s': the kernel has no symbol '%s'; link it as the test suite "
                      "says, and do not strip it"),
                   path, missing);
      return false;
    }
  if (*end < *begin || (*end - *begin) % granularity != 0 || *end - *begin > SIGNATURE_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   _ ("signature '%s': from 0x%" PRIx64 " to 0x%" PRIx64
                      " is no whole number of %u-byte lines"),
                   path, *begin, *end, granularity);
      return false;
    }
  return true;
}

bool
vmt_run_write_signature (CopMachine *machine, const char *path, unsigned granularity,
                         GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree uint8_t *bytes = NULL;
  g_autoptr (GError) failed = NULL;
  uint64_t begin = 0, end = 0;

  if (!find_bounds (machine, path, granularity, &begin, &end, error))
    return false;
  bytes = g_malloc (end - begin + 1);
  if (!cop_ram_read (cop_machine_ram (machine), begin, bytes, end - begin))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   _ ("signature '%s': 0x%" PRIx64 " to 0x%" PRIx64 " is not all in memory"), path,
                   begin, end);
      return false;
    }

  for (uint64_t line = 0; line < end - begin; line += granularity)
    {
      for (unsigned i = granularity; i > 0; i--)
        g_string_append_printf (text, "%02x", bytes[line + i - 1]);
      g_string_append_c (text, '\n');
    }
  if (g_file_set_contents (path, text->str, (gssize)text->len, &failed))
    return true;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("signature '%s' cannot be written: %s"),
               path, failed->message);
  return false;
}
