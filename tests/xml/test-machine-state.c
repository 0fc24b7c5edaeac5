/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The state of whole machines as XML: what a machine saves, a fresh one loads and saves again, and
 * documents of older versions load for ever.
 *
 * machine/N.xml is a document that some version of Coppice wrote of the machine made here. To add
 * one after a table's version was raised: COPPICE_WRITE_GOLDEN=FILE ./test-machine-state.
 */
#include "../tools/vmtool-process.h"

#include "engine/machine.h"
#include "xml/state-xml.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static CopMachine *
make_machine (const char *folder)
{
  g_autofree char *path = test_program_write (folder, &test_loop);
  CopMachineConfig *config = cop_machine_config_new ();
  g_autoptr (GError) error = NULL;
  CopMachine *machine;
  char *text;
  gsize length;

  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  config->kernel = g_bytes_new_take (text, length);
  config->kernel_label = g_strdup ("loop.elf");
  config->boot = COP_BOOT_BARE;
  config->memory = 16 << 20;
  config->harts = 2;
  config->deterministic_seed = true;
  config->has_virtio_console = true;
  config->balloon = true; /* 1.xml is older, and has none */
  config->disks[0] = (CopDiskConfig) {
    .fd = memfd_create ("disk", MFD_CLOEXEC), .label = g_strdup ("disk")
  };
  g_assert_cmpint (ftruncate (config->disks[0].fd, 1 << 20), ==, 0);
  config->n_disks = 1;
  machine = cop_machine_new (config, NULL, NULL, &error);
  g_assert_no_error (error);
  return machine;
}

static char *
save (CopMachine *machine)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CopMachineState) state = cop_machine_save_state (machine, &error);

  g_assert_no_error (error);
  return cop_xml_state_format (state);
}

static void
load (CopMachine *machine, const char *xml, const char *label)
{
  g_autoptr (CopMachineState) expected = cop_machine_state_template (machine);
  g_autoptr (GError) error = NULL;
  g_autoptr (CopMachineState) state
    = cop_xml_state_parse (expected, xml, strlen (xml), label, &error);

  g_assert_no_error (error);
  cop_machine_load_state (machine, state, &error);
  g_assert_no_error (error);
}

static void
test_save_load_save (gconstpointer data)
{
  g_autoptr (CopMachine) first = make_machine (data);
  g_autoptr (CopMachine) second = make_machine (data);
  g_autofree char *saved = NULL;
  g_autofree char *again = NULL;

  g_test_summary ("A machine that ran is saved, loaded into a fresh one, and saved the same");
  g_assert_true (cop_machine_resume (first, NULL));
  while (__atomic_load_n (&cop_machine_hart (first, 1)->s.instret, __ATOMIC_RELAXED) == 0)
    {
      g_usleep (1000);
      g_assert_true (cop_machine_pause (first, NULL));
      g_assert_true (cop_machine_resume (first, NULL));
    }
  g_assert_true (cop_machine_pause (first, NULL));
  saved = save (first);
  load (second, saved, "saved.xml");
  again = save (second);
  g_assert_cmpstr (saved, ==, again);
}

static void
test_golden (gconstpointer data)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "machine", NULL);
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  g_assert_nonnull (folder);
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      g_autoptr (CopMachine) machine = make_machine (data);
      g_autofree char *xml = NULL;

      g_assert_true (g_file_get_contents (file, &xml, NULL, NULL));
      load (machine, xml, name);
    }
}

int
main (int argc, char **argv)
{
  const char *golden = g_getenv ("COPPICE_WRITE_GOLDEN");
  g_autofree char *folder = g_dir_make_tmp ("test-machine-state-XXXXXX", NULL);
  g_autofree char *program = g_build_filename (folder, "loop.elf", NULL);
  int result;

  if (golden != NULL)
    {
      g_autoptr (CopMachine) machine = make_machine (folder);
      g_autofree char *xml = save (machine);

      return !g_file_set_contents (golden, xml, -1, NULL);
    }
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/xml/machine-state/save-load-save", folder, test_save_load_save);
  g_test_add_data_func ("/xml/machine-state/golden", folder, test_golden);
  result = g_test_run ();
  g_remove (program);
  g_rmdir (folder);
  return result;
}
