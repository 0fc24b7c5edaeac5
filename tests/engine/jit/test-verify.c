/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The lockstep of JIT and interpreter finds translations that are wrong: each row spoils what was
 * translated in one way, and the machine must end with a report that shows it.
 */
#include "../boot-files.h"
#include "common/units.h"
#include "engine/dev/platform.h"
#include "engine/jit/ir.h"
#include "engine/machine.h"

#include <string.h>

#define KERNEL (COP_DRAM_GPA + 2 * COP_MIB)

/* clang-format off */
/* Counts in t0 and in memory, takes a page fault each time around. */
static const uint32_t code[] = {
  0x00000317, /* auipc  t1, 0x0 */
  0x40030313, /* addi   t1, t1, 1024 */
  0x01c30393, /* addi   t2, t1, 28 */
  0xfe838393, /* addi   t2, t2, -24 */
  0x00000e17, /* auipc  t3, 0x0 */
  0x010e0e13, /* addi   t3, t3, 16 */
  0x105e1073, /* csrw   stvec, t3 */
  0x00000013, /* nop */
  0x00128293, /* addi   t0, t0, 1       (stvec) */
  0x00533023, /* sd     t0, 0(t1) */
  0x00628e33, /* add    t3, t0, t1 */
  0xff003503, /* ld     a0, -16(zero) */
  0x00000013, /* nop */
};
/* clang-format on */

static char *difference; /* (owned) (nullable) */

static void
keep_report (gpointer data, const char *report)
{
  (void) data;
  g_free (difference);
  difference = g_strdup (report);
}

/* Adds one more to t0. */
static void
spoil_register (CopIrUnit *unit)
{

  for (unsigned i = 0; i < unit->nodes->len; i++)
    {
      CopIrNode *node = cop_ir_node (unit, (CopIrRef) i);

      if (node->op == IR_CONST && node->imm == 1)
        node->imm = 2;
    }
}

/* Stores half of what is to be stored: seen when the upper half is not 0. */
static void
spoil_store (CopIrUnit *unit)
{
  for (unsigned i = 0; i < unit->statements->len; i++)
    {
      CopIrStatement *statement = &g_array_index (unit->statements, CopIrStatement, i);

      if (statement->kind == IR_STORE && statement->imm == 64)
        statement->imm = 8;
    }
}

/* Loads from elsewhere: the same exception with another address. */
static void
spoil_fault (CopIrUnit *unit)
{
  for (unsigned i = 0; i < unit->nodes->len; i++)
    {
      CopIrNode *node = cop_ir_node (unit, (CopIrRef) i);

      if (node->op == IR_LOAD)
        node->a = cop_ir_const (unit, UINT64_MAX - 7);
    }
}

static const struct
{
  const char *name;
  void (*spoil) (CopIrUnit *unit); /* NULL: nothing is wrong */
  const char *shows; /* words of the report */
  bool near; /* what is stored lies in a line with code, so that the translation is closed */
} rows[] = {
  { "right", NULL, NULL },
  { "register", spoil_register, "t0" },
  { "store", spoil_store, "memory at gpa 0x" },
  { "fault", spoil_fault, "exception: jit" },
  { "closed", spoil_register, "t0", true },
};

static CopMachine *
machine_new (const char *engine, unsigned row)
{
  static const CopMachineEvents events = { .differs = keep_report };
  uint32_t words[G_N_ELEMENTS (code)];
  const TestSegment segment = { KERNEL, words, sizeof words, 0x10000 };
  CopMachineConfig *config =
    test_config_new (COP_BOOT_SBI, NULL);
  CopMachine *machine;
  GError *error = NULL;

  memcpy (words, code, sizeof words);
  if (rows[row].near)
    words[1] = 0x04030313; /* addi t1, t1, 64 */
  config->kernel = test_elf_new (KERNEL, 0, &segment, 1, NULL);
  config->engine = engine;
  config->engine_config.verify = true;
  config->engine_config.translated = rows[row].spoil;
  machine = cop_machine_new (config, &events, NULL, &error);
  g_assert_no_error (error);
  return machine;
}

static void
test_row (const char *engine, unsigned row)
{
  g_autoptr (CopMachine) machine = machine_new (engine, row);

  g_clear_pointer (&difference, g_free);
  cop_machine_set_max_instructions (machine, 20000);
  g_assert_true (cop_machine_resume (machine, NULL));
  if (rows[row].spoil == NULL)
    {
      g_assert_cmpint (cop_machine_wait (machine).reason, ==, COP_END_INSTRUCTIONS);
      g_assert_null (difference);
      return;
    }
  g_assert_cmpint (cop_machine_wait (machine).reason, ==, COP_END_DIFFERENT);
  g_assert_nonnull (difference);
  g_test_message ("%s", difference);
  g_assert_nonnull (strstr (difference, rows[row].shows));
  g_assert_nonnull (strstr (difference, "guest code:"));
  g_assert_nonnull (strstr (difference, "intermediate form:"));
  if (!rows[row].near)
    g_assert_nonnull (strstr (difference, "host code"));
}

static void
test_spoiled (gconstpointer data)
{
  g_test_summary ("Wrong translations are found, and shown");
  test_row ("jit", GPOINTER_TO_UINT (data));
  test_row ("hybrid", GPOINTER_TO_UINT (data));
}

static void
test_harts (void)
{
  CopMachineConfig *config = test_config_new (COP_BOOT_SBI, test_image_new (0, 0, 64));
  g_autoptr (GError) error = NULL;

  g_test_summary ("Other harts would change memory in between, so there must be none");
  config->harts = 2;
  config->engine_config.verify = true;
  g_assert_null (cop_machine_new (config, NULL, NULL, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/jit/verify/%s", rows[i].name);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_spoiled);
    }
  g_test_add_func ("/jit/verify/harts", test_harts);
  return g_test_run ();
}
