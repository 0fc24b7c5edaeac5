/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Translated code for people.
 */
#include "vmtool/run-code.h"
#include "vmtool/host-disasm.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static int
by_samples (gconstpointer a, gconstpointer b)
{
  const CopCodeUnit *left = a, *right = b;

  if (left->samples != right->samples)
    return left->samples < right->samples ? 1 : -1;
  return left->gva < right->gva ? -1 : left->gva > right->gva;
}

static void
collect (gpointer data, const CopCodeUnit *unit)
{
  g_array_append_val (data, *unit);
}

static void
print_unit (FILE *out, const CopCodeUnit *unit, unsigned number, uint64_t samples,
            VmtSymbols *symbols)
{
  g_autofree char *name = vmt_symbols_format (symbols, unit->gva);
  g_autoptr (GString) host = g_string_new (NULL);

  fprintf (out, VMT_DUMP_UNIT "%u: 0x%016" PRIx64 "%s%s, gpa 0x%" PRIx64 ", mode 0x%x%s\n", number,
           unit->gva, *name != '\0' ? " " : "", name, unit->gpa, unit->mode,
           unit->optimised ? ", optimised" : "");
  fprintf (out,
           "  %u blocks, %u instructions, %zu bytes of host code at %p; %" PRIu64
           " samples, %.2f %%\n",
           unit->n_blocks, unit->n_insns, unit->size, (const void *) unit->exec, unit->samples,
           samples > 0 ? 100.0 * (double) unit->samples / (double) samples : 0);
  if (unit->bytes == NULL)
    {
      fputs ("  (too much code to keep it all)\n\n", out);
      return;
    }
  vmt_host_disassemble (unit->bytes, unit->size, (uintptr_t) unit->exec, host);
  fprintf (out, "guest code:\n%sintermediate form:\n%shost code:\n%s\n", unit->guest, unit->ir,
           host->str);
}

bool
vmt_code_dump (CopMachine *machine, VmtSymbols *symbols, const char *path, GError **error)
{
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (CopCodeUnit));
  FILE *out = fopen (path, "we");
  uint64_t samples = 0;
  bool good;

  if (out == NULL)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "jit-dump '%s': %s", path,
                   g_strerror (errno));
      return false;
    }
  cop_machine_each_unit (machine, collect, units);
  g_array_sort (units, by_samples);
  for (guint i = 0; i < units->len; i++)
    samples += g_array_index (units, CopCodeUnit, i).samples;
  for (guint i = 0; i < units->len; i++)
    print_unit (out, &g_array_index (units, CopCodeUnit, i), i + 1, samples, symbols);
  good = ferror (out) == 0;
  good = fclose (out) == 0 && good;
  if (!good)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                 _ ("jit-dump '%s' cannot be written: %s"), path, g_strerror (errno));
  return good;
}

FILE *
vmt_perf_map_open (GError **error)
{
  g_autofree char *path = g_strdup_printf ("/tmp/perf-%d.map", (int) getpid ());
  int fd;

  /* In a folder that all may write to: nobody else's file, nor where a link leads. */
  unlink (path);
  fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "perf-map '%s': %s", path,
                   g_strerror (errno));
      return NULL;
    }
  return fdopen (fd, "w");
}

void
vmt_perf_map_add (FILE *map, VmtSymbols *symbols, const CopCodeUnit *unit)
{
  g_autofree char *name = vmt_symbols_format (symbols, unit->gva);

  if (*name != '\0')
    fprintf (map, "%" PRIxPTR " %zx guest:%s\n", (uintptr_t) unit->exec, unit->size, name);
  else
    fprintf (map, "%" PRIxPTR " %zx guest:0x%" PRIx64 "\n", (uintptr_t) unit->exec, unit->size,
             unit->gva);
  fflush (map);
}
