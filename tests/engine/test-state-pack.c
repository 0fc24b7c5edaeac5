/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * State as bytes: what a machine packs is what it unpacks; damage is an error, never a crash.
 */
#include "boot-files.h"
#include "common/units.h"
#include "engine/dev/platform.h"
#include "engine/machine.h"
#include "engine/state-pack.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static CopMachineConfig *
config_new (void)
{
  CopMachineConfig *config =
    test_config_new (COP_BOOT_SBI, test_image_new (0x200000, 0x1000, 0x1000));

  config->harts = 3;
  config->has_virtio_console = true;
  for (unsigned i = 0; i < 2; i++)
    {
      config->disks[i] = (CopDiskConfig){
        .fd = memfd_create ("disk", MFD_CLOEXEC),
        .label = g_strdup ("disk"),
      };
      g_assert_cmpint (ftruncate (config->disks[i].fd, 1 << 20), ==, 0);
    }
  config->n_disks = 2;
  config->n_nics = 1;
  return config;
}

static CopMachine *
machine_new (void)
{
  g_autoptr (GError) error = NULL;
  CopMachine *machine = cop_machine_new (config_new (), NULL, NULL, &error);

  g_assert_no_error (error);
  return machine;
}

static void
assert_equal (const CopMachineState *left, const CopMachineState *right)
{
  g_autoptr (GString) report = g_string_new (NULL);

  g_assert_cmpuint (left->sections->len, ==, right->sections->len);
  for (unsigned i = 0; i < left->sections->len; i++)
    {
      const CopStateSection *a = g_ptr_array_index (left->sections, i);
      const CopStateSection *b = g_ptr_array_index (right->sections, i);

      g_assert_cmpstr (a->id, ==, b->id);
      g_assert_true (a->table == b->table);
      cop_state_diff (a->table, a->id, a->data, b->data, report);
    }
  g_assert_cmpstr (report->str, ==, "");
}

static void
test_round_trip (void)
{
  g_autoptr (CopMachine) machine = machine_new ();
  g_autoptr (CopMachineState) state = cop_machine_save_state (machine, NULL);
  g_autoptr (CopMachineState) expected = cop_machine_state_template (machine);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("Bytes carry a whole machine, with or without a machine to compare with");
  for (unsigned i = 0; i < 31; i++)
    ((CopHartState *) cop_machine_state_find (state, "hart1")->data)->x[i + 1] = i * 0x123456789abc;
  bytes = cop_machine_state_pack (state);
  for (unsigned i = 0; i < 2; i++)
    {
      g_autoptr (CopMachineState) again =
        cop_machine_state_unpack (i == 0 ? expected : NULL, bytes, &error);

      g_assert_no_error (error);
      assert_equal (state, again);
    }
}

static void
test_template (void)
{
  g_autoptr (CopMachine) machine = machine_new ();
  g_autoptr (CopMachineConfig) config = config_new ();
  g_autoptr (CopMachineState) built = cop_machine_state_template (machine);
  g_autoptr (CopMachineState) said = cop_machine_config_state_template (config);

  g_test_summary ("What a machine would have is known without building it");
  assert_equal (built, said);
}

static void
test_damage (void)
{
  g_autoptr (CopMachine) machine = machine_new ();
  g_autoptr (CopMachineState) state = cop_machine_save_state (machine, NULL);
  g_autoptr (GBytes) bytes = cop_machine_state_pack (state);
  gsize length;
  const uint8_t *data = g_bytes_get_data (bytes, &length);

  g_test_summary ("Cut off anywhere it is refused; with a byte changed it is refused or harmless");
  for (gsize i = 0; i < length; i += 1 + length / 500)
    {
      g_autoptr (GBytes) cut = g_bytes_new (data, i);
      g_autoptr (GError) error = NULL;

      g_assert_null (cop_machine_state_unpack (state, cut, &error));
      g_assert_nonnull (error);
    }
  for (unsigned i = 0; i < 2000; i++)
    {
      uint8_t *copy = g_memdup2 (data, length);
      g_autoptr (GBytes) damaged = g_bytes_new_take (copy, length);
      g_autoptr (CopMachineState) read = NULL;
      g_autoptr (GError) error = NULL;

      copy[g_test_rand_int_range (0, (int) length)] ^= (uint8_t) g_test_rand_int_range (1, 256);
      read = cop_machine_state_unpack (i % 2 == 0 ? state : NULL, damaged, &error);
      g_assert_true ((read == NULL) == (error != NULL));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/state-pack/round-trip", test_round_trip);
  g_test_add_func ("/engine/state-pack/template", test_template);
  g_test_add_func ("/engine/state-pack/damage", test_damage);
  return g_test_run ();
}
