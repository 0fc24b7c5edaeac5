/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guest memory in a file, and machines that begin with one: memory and state are equal, on every
 * engine, and the file is never written.
 */
#include "boot-files.h"
#include "common/fd.h"
#include "common/units.h"
#include "engine/dev/platform.h"
#include "engine/machine.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MEMORY (16 * COP_MIB)
#define COUNTER (COP_DRAM_GPA + 2 * COP_MIB + 24)

/* clang-format off */
/* Counts in t0 and in memory. */
static const uint32_t count_code[] = {
  0x00000317, /* auipc  t1, 0x0 */
  0x01830313, /* addi   t1, t1, 24 */
  0x00128293, /* addi   t0, t0, 1 */
  0x00533023, /* sd     t0, 0(t1) */
  0xff9ff06f, /* jal    zero, 80200008 */
  0x00000013, /* addi   zero, zero, 0 */
};
/* clang-format on */

static CopRam *
ram_new (void)
{
  g_autoptr (GError) error = NULL;
  CopRam *ram = cop_ram_new (COP_DRAM_GPA, MEMORY, -1, &error);

  g_assert_no_error (error);
  return ram;
}

static int
file_new (void)
{
  int fd = memfd_create ("memory", MFD_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static CopPageSet *
save_ram (CopRam *ram, int fd)
{
  g_autoptr (GError) error = NULL;
  CopPageSet *saved = cop_ram_save (ram, fd, NULL, NULL, &error);

  g_assert_no_error (error);
  return saved;
}

static void
test_sparse (void)
{
  g_autoptr (CopRam) ram = ram_new ();
  cop_autofd int fd = file_new ();
  g_autoptr (CopPageSet) saved = NULL;
  g_autofree char *pages = NULL;
  struct stat status;

  g_test_summary ("Only pages that are not zero cost room, each at its own offset");
  memset (cop_ram_span (ram, COP_DRAM_GPA + 0x3000, 1), 0xa5, 1);
  memset (cop_ram_span (ram, COP_DRAM_GPA + 0x4fff, 1), 0x5a, 1);
  memset (cop_ram_span (ram, COP_DRAM_GPA + 0x9000, 0x1000), 0, 0x1000);
  memset (cop_ram_span (ram, COP_DRAM_GPA + MEMORY - 1, 1), 0x77, 1);
  saved = save_ram (ram, fd);

  pages = cop_page_set_format (saved);
  g_assert_cmpstr (pages, ==, "3-4 fff");
  g_assert_cmpint (fstat (fd, &status), ==, 0);
  g_assert_cmpuint ((uint64_t) status.st_size, ==, MEMORY);
  g_assert_cmpuint ((uint64_t) status.st_blocks * 512, ==, 3 * COP_PAGE_SIZE);
}

static bool
refuse (G_GNUC_UNUSED gpointer data, uint64_t done, uint64_t total)
{
  g_assert_cmpuint (done, <=, total);
  return false;
}

static void
test_cancel (void)
{
  g_autoptr (CopRam) ram = ram_new ();
  cop_autofd int fd = file_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Saving ends when it is asked to");
  memset (cop_ram_span (ram, COP_DRAM_GPA, MEMORY), 1, MEMORY);
  g_assert_null (cop_ram_save (ram, fd, refuse, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_wrong_size (void)
{
  g_autoptr (CopRam) ram = ram_new ();
  static const int64_t sizes[] = { 0, MEMORY - 1, MEMORY + 1, MEMORY / 2 };

  g_test_summary ("A file that would end the guest in SIGBUS, or is another machine's, is refused");
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      cop_autofd int fd = file_new ();
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (ftruncate (fd, sizes[i]), ==, 0);
      g_assert_false (cop_ram_map_image (ram, fd, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
}

static void
test_private (void)
{
  g_autoptr (CopRam) ram = ram_new ();
  g_autoptr (CopRam) again = ram_new ();
  cop_autofd int fd = file_new ();
  cop_autofd int second = file_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (CopPageSet) saved = NULL;
  g_autoptr (CopPageSet) saved_again = NULL;
  g_autofree char *pages = NULL;
  uint8_t byte;

  g_test_summary ("What a restored memory changes stays out of the file, and is saved anew");
  *cop_ram_span (ram, COP_DRAM_GPA + 0x5000, 1) = 1;
  *cop_ram_span (ram, COP_DRAM_GPA + 0x6000, 1) = 2;
  saved = save_ram (ram, fd);
  cop_ram_map_image (again, fd, &error);
  g_assert_no_error (error);
  *cop_ram_span (again, COP_DRAM_GPA + 0x5000, 1) = 0;
  *cop_ram_span (again, COP_DRAM_GPA + 0x8000, 1) = 3;
  g_assert_cmpint (pread (fd, &byte, 1, 0x5000), ==, 1);
  g_assert_cmpint (byte, ==, 1);

  saved_again = save_ram (again, second);
  pages = cop_page_set_format (saved_again);
  g_assert_cmpstr (pages, ==, "6 8");

  g_assert_true (cop_ram_clear (again, NULL));
  g_assert_cmpint (*cop_ram_span (again, COP_DRAM_GPA + 0x6000, 1), ==, 0);
}

/* Whole machines */

static CopMachineConfig *
config_new (const char *engine)
{
  CopMachineConfig *config =
    test_config_new (COP_BOOT_SBI, test_image_new (0x200000, 0x1000, 0x1000));
  uint8_t *bytes = g_malloc0 (0x1000);
  gsize size;
  const uint8_t *image = g_bytes_get_data (config->kernel, &size);

  /* The header is jumped over by its own first instruction. */
  memcpy (bytes, image, MIN (size, 0x1000));
  g_clear_pointer (&config->kernel, g_bytes_unref);
  memset (bytes + 64, 0, 0x1000 - 64);
  memcpy (bytes + 64, count_code, sizeof count_code);
  ((uint32_t *) bytes)[0] = 0x0400006f; /* jal zero, 64 */
  config->kernel = g_bytes_new_take (bytes, 0x1000);
  config->engine = engine;
  config->memory = MEMORY;
  config->harts = 2;
  config->deterministic_seed = true;
  return config;
}

static CopMachine *
machine_new (CopMachineConfig *config)
{
  g_autoptr (GError) error = NULL;
  CopMachine *machine = cop_machine_new (config, NULL, NULL, &error);

  g_assert_no_error (error);
  return machine;
}

/* Runs @machine until its counter has passed @count, and pauses it. */
static uint64_t
run_past (CopMachine *machine, uint64_t count)
{
  const uint64_t *counter =
    (const uint64_t *) cop_ram_span (cop_machine_ram (machine), COUNTER + 64, 8);

  g_assert_true (cop_machine_resume (machine, NULL));
  while (__atomic_load_n (counter, __ATOMIC_RELAXED) <= count)
    g_usleep (500);
  g_assert_true (cop_machine_pause (machine, NULL));
  return __atomic_load_n (counter, __ATOMIC_RELAXED);
}

static void
assert_equal (CopMachine *a, CopMachine *b)
{
  g_autoptr (CopMachineState) left = cop_machine_save_state (a, NULL);
  g_autoptr (CopMachineState) right = cop_machine_save_state (b, NULL);
  g_autoptr (GString) report = g_string_new (NULL);

  g_assert_cmpint (memcmp (cop_ram_span (cop_machine_ram (a), COP_DRAM_GPA, MEMORY),
                           cop_ram_span (cop_machine_ram (b), COP_DRAM_GPA, MEMORY), MEMORY),
                   ==, 0);
  for (unsigned i = 0; i < left->sections->len; i++)
    {
      const CopStateSection *section = g_ptr_array_index (left->sections, i);

      cop_state_diff (section->table, section->id, section->data,
                      cop_machine_state_find (right, section->id)->data, report);
    }
  g_assert_cmpstr (report->str, ==, "");
}

static void
test_machine (gconstpointer data)
{
  const CopEngineOps *engine = data;
  g_autoptr (CopMachine) first = machine_new (config_new (engine->name));
  g_autoptr (CopMachine) second = NULL;
  CopMachineConfig *config = config_new (engine->name);
  g_autoptr (CopMachineState) state = NULL;
  g_autoptr (CopPageSet) pages = NULL;
  g_autoptr (GError) error = NULL;
  cop_autofd int fd = file_new ();
  uint64_t count;

  g_test_summary ("A machine that ran goes on in another, which can be reset as if nothing was");
  count = run_past (first, 1000);
  pages = cop_machine_save_memory (first, fd, NULL, NULL, &error);
  g_assert_no_error (error);
  state = cop_machine_save_state (first, &error);
  g_assert_no_error (error);

  config->image_fd = dup (fd);
  second = machine_new (config);
  cop_machine_load_state (second, state, &error);
  g_assert_no_error (error);
  assert_equal (first, second);
  g_assert_cmpuint (run_past (second, count), >, count);

  g_assert_true (cop_machine_reset (second, NULL));
  g_assert_cmpuint (*(uint64_t *) cop_ram_span (cop_machine_ram (second), COUNTER + 64, 8), <,
                    count);
  run_past (second, 10);
}

static void
test_running (void)
{
  g_autoptr (CopMachine) machine = machine_new (config_new (NULL));
  g_autoptr (GError) error = NULL;
  cop_autofd int fd = file_new ();

  g_test_summary ("The memory of a machine that runs is not saved");
  g_assert_true (cop_machine_resume (machine, NULL));
  g_assert_null (cop_machine_save_memory (machine, fd, NULL, NULL, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/ram-image/sparse", test_sparse);
  g_test_add_func ("/engine/ram-image/cancel", test_cancel);
  g_test_add_func ("/engine/ram-image/wrong-size", test_wrong_size);
  g_test_add_func ("/engine/ram-image/private", test_private);
  g_test_add_func ("/engine/ram-image/running", test_running);
  for (const CopEngineOps *const *engine = cop_engines; *engine != NULL; engine++)
    {
      g_autofree char *path = g_strdup_printf ("/engine/ram-image/machine/%s", (*engine)->name);

      g_test_add_data_func (path, *engine, test_machine);
    }
  return g_test_run ();
}
