/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How long a machine process takes from being asked for to what its guest prints first, and to
 * its end. Usage: COPPICE_VM=build/tools/coppice-vm vm-start vm-guest.bin [ROUNDS]
 */
#include "driver/vm.h"
#include "xml/domain-config.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  STARTED, /* cop_vm_start() came back: there is a machine */
  RESUMED,
  PRINTED, /* the guest's first byte */
  DESTROYED,
  N_TIMES,
};

static const char *const names[] = { "started", "resumed", "printed", "destroyed" };

static int
compare (gconstpointer a, gconstpointer b)
{
  int64_t left = *(const int64_t *) a, right = *(const int64_t *) b;

  return left < right ? -1 : left > right;
}

static bool
run_once (const CopVmLaunch *launch, int64_t times[N_TIMES])
{
  int64_t begun = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;
  g_autoptr (CopVm) vm = cop_vm_start (launch, NULL, NULL, NULL, NULL, &error);

  times[STARTED] = g_get_monotonic_time () - begun;
  if (vm == NULL || !cop_vm_resume (vm, &error))
    {
      fprintf (stderr, "%s\n", error->message);
      return false;
    }
  times[RESUMED] = g_get_monotonic_time () - begun;
  while (COP_COUNTER (cop_vm_counters (vm)->console_written) == 0)
    g_usleep (50);
  times[PRINTED] = g_get_monotonic_time () - begun;
  cop_vm_destroy (vm, false);
  times[DESTROYED] = g_get_monotonic_time () - begun;
  return true;
}

int
main (int argc, char **argv)
{
  g_autofree char *kernel = argc > 1 ? g_canonicalize_filename (argv[1], NULL) : NULL;
  unsigned rounds = argc > 2 ? (unsigned) strtoul (argv[2], NULL, 10) : 100;
  g_autofree char *folder = g_dir_make_tmp ("vm-start-XXXXXX", NULL);
  g_autofree int64_t *times = g_new0 (int64_t, (gsize) N_TIMES * MAX (rounds, 1));
  g_autofree char *xml = g_strdup_printf (
    "<domain type='coppice'><name>bench</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>"
    "<os><type arch='riscv64' machine='virt'>hvm</type><kernel>%s</kernel></os>"
    "<devices><serial type='pty'/></devices></domain>",
    kernel);
  g_autoptr (GError) error = NULL;
  g_autoptr (CopDomainConfig) config =
    cop_domain_config_parse (xml, strlen (xml), NULL, COP_DOMAIN_PARSE_DEFAULT, NULL, &error);
  const CopVmLaunch launch = {
    .config = config,
    .id = 1,
    .run_dir = folder,
    .memory_fd = -1,
  };

  if (config == NULL || rounds == 0)
    {
      fprintf (stderr, "%s\n", error != NULL ? error->message : "no rounds");
      return 2;
    }
  for (unsigned i = 0; i < rounds; i++)
    {
      int64_t round[N_TIMES];

      if (!run_once (&launch, round))
        return 1;
      for (unsigned j = 0; j < N_TIMES; j++)
        times[(gsize) j * rounds + i] = round[j];
    }
  for (unsigned j = 0; j < N_TIMES; j++)
    {
      int64_t *column = times + (gsize) j * rounds;

      qsort (column, rounds, sizeof *column, compare);
      printf ("%-10s median %6.2f ms, best %6.2f ms, worst %6.2f ms\n", names[j],
              (double) column[rounds / 2] / 1000, (double) column[0] / 1000,
              (double) column[rounds - 1] / 1000);
    }
  return 0;
}
