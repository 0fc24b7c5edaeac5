/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The device tree: what Linux and OpenSBI look for is there, and a tree from outside is checked
 * and completed.
 */
#include "boot-files.h"
#include "common/units.h"
#include "engine/dev/platform.h"
#include "engine/device-tree.h"
#include "engine/machine.h"

#include <libfdt.h>
#include <string.h>

static const CopFdtChosen some_chosen = {
  .append = "console=ttyS0 quiet",
  .initrd_gpa = UINT64_C (0x188200000),
  .initrd_size = 0x1234,
  .rng_seed = { 1, 2, 3 },
  .kaslr_seed = 0x1122334455667788,
};

static GBytes *
machine_dtb (unsigned harts, uint64_t memory, CopIsa isa)
{
  CopMachineConfig *config = test_config_new (COP_BOOT_SBI, test_image_new (0x200000, 0, 0x100));
  g_autoptr (CopMachine) machine = NULL;
  g_autoptr (GError) error = NULL;

  config->harts = harts;
  config->memory = memory;
  config->isa = isa;
  config->append = g_strdup ("a command line");
  machine = cop_machine_new (config, NULL, NULL, &error);
  g_assert_no_error (error);
  return cop_machine_dtb (machine);
}

static const char *
string_at (const void *fdt, const char *path, const char *name)
{
  int node = fdt_path_offset (fdt, path), length;
  const char *value;

  g_assert_cmpint (node, >=, 0);
  value = fdt_getprop (fdt, node, name, &length);
  g_assert_nonnull (value);
  g_assert_cmpint (value[length - 1], ==, '\0');
  return value;
}

static uint64_t
number_at (const void *fdt, const char *path, const char *name, unsigned cell, unsigned cells)
{
  int node = fdt_path_offset (fdt, path), length;
  const fdt32_t *value;
  uint64_t number = 0;

  g_assert_cmpint (node, >=, 0);
  value = fdt_getprop (fdt, node, name, &length);
  g_assert_nonnull (value);
  g_assert_cmpint (length, >=, (int) (4 * (cell + cells)));
  for (unsigned i = 0; i < cells; i++)
    number = number << 32 | fdt32_to_cpu (value[cell + i]);
  return number;
}

static void
test_harts (void)
{
  g_autoptr (GBytes) dtb = machine_dtb (3, 64 * COP_MIB, cop_isa_default ());
  const void *fdt = g_bytes_get_data (dtb, NULL);
  int cpus = fdt_path_offset (fdt, "/cpus"), node;
  unsigned hart = 0;

  g_assert_cmpint (fdt_check_full (fdt, g_bytes_get_size (dtb)), ==, 0);
  g_assert_cmpuint (number_at (fdt, "/cpus", "timebase-frequency", 0, 1), ==, 10000000);
  fdt_for_each_subnode (node, fdt, cpus)
  {
    g_autofree char *name = g_strdup_printf ("cpu@%u", hart);

    if (!g_str_has_prefix (fdt_get_name (fdt, node, NULL), "cpu@"))
      continue;
    /* In ascending order: Linux numbers its CPUs so. */
    g_assert_cmpstr (fdt_get_name (fdt, node, NULL), ==, name);
    hart++;
  }
  g_assert_cmpuint (hart, ==, 3);

  g_assert_true (g_str_has_prefix (string_at (fdt, "/cpus/cpu@2", "riscv,isa"), "rv64imafdc"));
  g_assert_cmpstr (string_at (fdt, "/cpus/cpu@2", "riscv,isa-base"), ==, "rv64i");
  g_assert_cmpstr (string_at (fdt, "/cpus/cpu@2", "mmu-type"), ==, "riscv,sv57");
  g_assert_cmpuint (number_at (fdt, "/cpus/cpu@2", "riscv,cboz-block-size", 0, 1), ==, 64);
  g_assert_cmpuint (number_at (fdt, "/cpus/cpu@2/interrupt-controller", "phandle", 0, 1), ==,
                    COP_PHANDLE_INTC (2));
}

static void
test_isa_shows (void)
{
  CopIsa isa = cop_isa_default () & ~(COP_ISA (SV57) | COP_ISA (SV48) | COP_ISA (ZICBOZ));
  g_autoptr (GBytes) dtb = machine_dtb (1, 64 * COP_MIB, isa);
  const void *fdt = g_bytes_get_data (dtb, NULL);
  int node = fdt_path_offset (fdt, "/cpus/cpu@0");

  g_assert_cmpstr (string_at (fdt, "/cpus/cpu@0", "mmu-type"), ==, "riscv,sv39");
  g_assert_null (fdt_getprop (fdt, node, "riscv,cboz-block-size", NULL));
  g_assert_cmpint (fdt_stringlist_search (fdt, node, "riscv,isa-extensions", "zicboz"), <, 0);
  g_assert_cmpint (fdt_stringlist_search (fdt, node, "riscv,isa-extensions", "zba"), >=, 0);
}

static void
test_memory_and_chosen (void)
{
  g_autoptr (GBytes) dtb = machine_dtb (1, 5 * COP_GIB, cop_isa_default ());
  const void *fdt = g_bytes_get_data (dtb, NULL);

  g_assert_cmphex (number_at (fdt, "/memory@80000000", "reg", 0, 2), ==, COP_DRAM_GPA);
  g_assert_cmphex (number_at (fdt, "/memory@80000000", "reg", 2, 2), ==, 5 * COP_GIB);
  g_assert_cmpstr (string_at (fdt, "/chosen", "bootargs"), ==, "a command line");
  g_assert_cmpint (fdt_path_offset (fdt, string_at (fdt, "/chosen", "stdout-path")), >=, 0);
}

/* Each device has a node of its own, at its address, that its driver knows. */
static void
test_devices (void)
{
  static const struct
  {
    const char *path, *compatible;
  } rows[] = {
    { "/soc/serial@10000000", "ns16550a" },
    { "/soc/plic@c000000", "sifive,plic-1.0.0" },
    { "/soc/clint@2000000", "sifive,clint0" },
    { "/soc/rtc@101000", "google,goldfish-rtc" },
    { "/soc/test@100000", "sifive,test1" },
    { "/poweroff", "syscon-poweroff" },
    { "/reboot", "syscon-reboot" },
    { "/pmu", "riscv,pmu" },
  };
  g_autoptr (GBytes) dtb = machine_dtb (2, 64 * COP_MIB, cop_isa_default ());
  const void *fdt = g_bytes_get_data (dtb, NULL);

  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_test_message ("%s", rows[i].path);
      g_assert_cmpstr (string_at (fdt, rows[i].path, "compatible"), ==, rows[i].compatible);
    }
  /* Both contexts of both harts. */
  g_assert_cmpuint (number_at (fdt, "/soc/plic@c000000", "interrupts-extended", 7, 1), ==, 9);
}

/* A tree such as users bring along. */
static GBytes *
foreign_tree (bool with_memory)
{
  uint8_t *fdt = g_malloc0 (4096);
  int node;

  g_assert_cmpint (fdt_create_empty_tree (fdt, 4096), ==, 0);
  fdt_setprop_u32 (fdt, 0, "#address-cells", 2);
  fdt_setprop_u32 (fdt, 0, "#size-cells", 1);
  fdt_setprop_string (fdt, 0, "model", "mine");
  for (unsigned i = 0; with_memory && i < 2; i++)
    {
      node = fdt_add_subnode (fdt, 0, i == 0 ? "memory@1" : "memory@0");
      fdt_setprop_string (fdt, node, "device_type", "memory");
    }
  fdt_pack (fdt);
  return g_bytes_new_take (fdt, fdt_totalsize (fdt));
}

static void
test_adopt (gconstpointer data)
{
  g_autoptr (CopMachineConfig) config = test_config_new (COP_BOOT_SBI, NULL);
  g_autoptr (GBytes) dtb = NULL;
  g_autoptr (GError) error = NULL;
  const char *memory = GPOINTER_TO_INT (data) ? "/memory@0" : "/memory@80000000";
  const void *fdt;

  config->dtb = foreign_tree (GPOINTER_TO_INT (data));
  config->dtb_label = g_strdup ("mine.dtb");
  dtb = cop_fdt_adopt (config, &some_chosen, &error);
  g_assert_no_error (error);
  fdt = g_bytes_get_data (dtb, NULL);
  g_assert_cmpstr (string_at (fdt, "/", "model"), ==, "mine");
  g_assert_cmpstr (string_at (fdt, "/chosen", "bootargs"), ==, some_chosen.append);
  g_assert_cmphex (number_at (fdt, "/chosen", "linux,initrd-end", 0, 2), ==,
                   some_chosen.initrd_gpa + some_chosen.initrd_size);
  /* Two cells of address, one of size. */
  g_assert_cmphex (number_at (fdt, memory, "reg", 0, 2), ==, COP_DRAM_GPA);
  g_assert_cmphex (number_at (fdt, memory, "reg", 2, 1), ==, 64 * COP_MIB);
  g_assert_cmpint (fdt_path_offset (fdt, "/memory@1"), <, 0);
}

/* Cut, bent or unrelated: an error that names the file, or a tree; never more. */
static void
test_adopt_bad (void)
{
  g_autoptr (GRand) numbers = g_rand_new_with_seed (1);
  unsigned refused = 0;

  for (unsigned round = 0; round < 2000; round++)
    {
      g_autoptr (CopMachineConfig) config = test_config_new (COP_BOOT_SBI, NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) dtb = NULL;
      GBytes *tree = foreign_tree (true);
      size_t size = g_bytes_get_size (tree);

      if (round < 64)
        tree = test_truncate (tree, round);
      else
        tree = test_poke (tree, (size_t) g_rand_int_range (numbers, 0, (int) size), 1,
                          g_rand_int (numbers));
      config->dtb = tree;
      config->dtb_label = g_strdup ("mine.dtb");
      dtb = cop_fdt_adopt (config, &some_chosen, &error);
      g_assert_true ((dtb == NULL) == (error != NULL));
      if (error != NULL)
        {
          g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE);
          g_assert_true (g_str_has_prefix (error->message, "mine.dtb: "));
          refused++;
        }
    }
  g_assert_cmpuint (refused, >, 64);
}

static void
test_huge_command_line (void)
{
  CopMachineConfig *config = test_config_new (COP_BOOT_SBI, test_image_new (0x200000, 0, 0x100));
  g_autoptr (CopMachine) machine = NULL;
  g_autoptr (GError) error = NULL;

  config->append = g_strnfill (3 * COP_MIB, 'x');
  machine = cop_machine_new (config, NULL, NULL, &error);
  g_assert_null (machine);
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG);
  g_assert_nonnull (strstr (error->message, "shorten"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/device-tree/harts", test_harts);
  g_test_add_func ("/engine/device-tree/isa-shows", test_isa_shows);
  g_test_add_func ("/engine/device-tree/memory-and-chosen", test_memory_and_chosen);
  g_test_add_func ("/engine/device-tree/devices", test_devices);
  g_test_add_data_func ("/engine/device-tree/adopt", GINT_TO_POINTER (true), test_adopt);
  g_test_add_data_func ("/engine/device-tree/adopt-without-memory", GINT_TO_POINTER (false),
                        test_adopt);
  g_test_add_func ("/engine/device-tree/adopt-bad", test_adopt_bad);
  g_test_add_func ("/engine/device-tree/huge-command-line", test_huge_command_line);
  return g_test_run ();
}
