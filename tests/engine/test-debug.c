/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Breakpoints and single steps, on every engine: a hart stops before the instruction, each time it
 * comes there, and nowhere else; a step is one instruction, or one trap.
 */
#include "boot-files.h"
#include "common/units.h"
#include "engine/dev/platform.h"
#include "engine/machine.h"

#include <string.h>

#define KERNEL (COP_DRAM_GPA + 2 * COP_MIB)

/* clang-format off */
static const uint32_t loop_code[] = {
  0x00128293, /* addi   t0, t0, 1 */
  0x00230313, /* addi   t1, t1, 2 */
  0x00338393, /* addi   t2, t2, 3 */
  0xff5ff06f, /* jal    zero, -12 */
};

/* An illegal instruction, whose handler goes behind it. */
static const uint32_t trap_code[] = {
  0x00000297, /* auipc  t0, 0 */
  0x01428293, /* addi   t0, t0, 20 */
  0x10529073, /* csrw   stvec, t0 */
  0x00000000, /* an illegal one */
  0x00000013, /* nop */
  0x14102373, /* csrr   t1, sepc        (stvec) */
  0x00430313, /* addi   t1, t1, 4 */
  0x14131073, /* csrw   sepc, t1 */
  0x10200073, /* sret */
};

/* Waits; then shuts the system down. */
static const uint32_t off_code[] = {
  0x00200293, /* addi   t0, zero, 2 */
  0x1042a073, /* csrrs  zero, sie, t0 */
  0x10500073, /* wfi */
  0x535258b7, /* lui    a7, 0x53525 */
  0x3548889b, /* addiw  a7, a7, 852 */
  0x00000813, /* addi   a6, zero, 0 */
  0x00000513, /* addi   a0, zero, 0 */
  0x00000593, /* addi   a1, zero, 0 */
  0x00000073, /* ecall */
};
/* clang-format on */

enum
{
  T0 = 5,
  T1 = 6,
  T2 = 7,
};

/* What the machine says of its stops. */
typedef struct
{
  GMutex lock;
  GCond changed;
  unsigned n; /* guarded by lock, as all below */
  unsigned hart;
  uint64_t gva;
} Stops;

static void
on_stopped (gpointer data, unsigned hart, uint64_t gva)
{
  Stops *stops = data;

  g_mutex_lock (&stops->lock);
  stops->n++;
  stops->hart = hart;
  stops->gva = gva;
  g_cond_signal (&stops->changed);
  g_mutex_unlock (&stops->lock);
}

/* Waits for stop number @n and until the machine is paused. */
static void
wait_for_stop (CopMachine *machine, Stops *stops, unsigned n)
{
  g_mutex_lock (&stops->lock);
  while (stops->n < n)
    g_cond_wait (&stops->changed, &stops->lock);
  g_assert_cmpuint (stops->n, ==, n);
  g_mutex_unlock (&stops->lock);
  g_assert_true (cop_machine_pause (machine, NULL));
  g_assert_cmpint (cop_machine_status (machine), ==, COP_MACHINE_PAUSED);
}

static CopMachine *
machine_new (const CopEngineOps *engine, CopBootKind boot, const uint32_t *code, size_t size,
             unsigned harts, Stops *stops)
{
  static const CopMachineEvents events = { .stopped = on_stopped };
  const TestSegment segment = { KERNEL, code, size, 0x10000 };
  CopMachineConfig *config = test_config_new (boot, test_elf_new (KERNEL, 0, &segment, 1, NULL));
  CopMachine *machine;
  GError *error = NULL;

  config->harts = harts;
  config->engine = engine->name;
  machine = cop_machine_new (config, stops != NULL ? &events : NULL, stops, &error);
  g_assert_no_error (error);
  return machine;
}

static void
resume (CopMachine *machine)
{
  GError *error = NULL;

  g_assert_true (cop_machine_resume (machine, &error));
  g_assert_no_error (error);
}

static void
set (CopMachine *machine, uint64_t gva)
{
  GError *error = NULL;

  g_assert_true (cop_machine_add_breakpoint (machine, gva, &error));
  g_assert_no_error (error);
}

static CopStep
step (CopMachine *machine, uint64_t n)
{
  GError *error = NULL;
  CopStep how;

  g_assert_true (cop_machine_step (machine, 0, n, &how, &error));
  g_assert_no_error (error);
  return how;
}

/* Lets hart 0 run for a while: what is hot gets translated. */
static void
let_run (CopMachine *machine)
{
  CopHart *hart = cop_machine_hart (machine, 0);
  uint64_t goal = hart->s.instret + 100000;

  while (hart->s.instret < goal)
    {
      resume (machine);
      g_thread_yield ();
      g_assert_true (cop_machine_pause (machine, NULL));
    }
}

static void
test_loop (gconstpointer data)
{
  Stops stops = { 0 };
  g_autoptr (CopMachine) machine =
    machine_new (data, COP_BOOT_SBI, loop_code, sizeof loop_code, 1, &stops);
  CopHart *hart = cop_machine_hart (machine, 0);

  g_test_summary ("A breakpoint in a loop stops each time around, cold or hot, until it is gone");
  for (unsigned offset = 0; offset < sizeof loop_code; offset += 4)
    {
      unsigned before = stops.n;

      set (machine, KERNEL + offset);
      for (unsigned i = 0; i < 100; i++)
        {
          uint64_t instret = hart->s.instret;

          resume (machine);
          wait_for_stop (machine, &stops, before + i + 1);
          g_assert_cmphex (stops.gva, ==, KERNEL + offset);
          g_assert_cmphex (hart->s.pc, ==, KERNEL + offset);
          g_assert_cmpuint (hart->s.instret % 4, ==, offset / 4);
          g_assert_cmpuint (hart->s.x[T0], ==, (hart->s.instret + 3) / 4);
          g_assert_cmpuint (hart->s.x[T1], ==, (hart->s.instret + 2) / 4 * 2);
          g_assert_cmpuint (hart->s.x[T2], ==, (hart->s.instret + 1) / 4 * 3);
          if (i > 0)
            g_assert_cmpuint (hart->s.instret, ==, instret + 4);
        }
      g_assert_true (cop_machine_remove_breakpoint (machine, KERNEL + offset, NULL));
      let_run (machine);
      g_assert_cmpuint (stops.n, ==, before + 100);
    }
}

static void
test_several (gconstpointer data)
{
  Stops stops = { 0 };
  g_autoptr (CopMachine) machine =
    machine_new (data, COP_BOOT_SBI, loop_code, sizeof loop_code, 1, &stops);

  g_test_summary ("Breakpoints next to each other are met one after the other; the same offset of "
                  "another page is not one");
  set (machine, KERNEL);
  set (machine, KERNEL + 8);
  set (machine, KERNEL + 12);
  set (machine, KERNEL + COP_PAGE_SIZE + 4);
  for (unsigned i = 0; i < 30; i++)
    {
      static const unsigned at[] = { 0, 8, 12 };

      resume (machine);
      wait_for_stop (machine, &stops, i + 1);
      g_assert_cmphex (stops.gva, ==, KERNEL + at[i % 3]);
    }
  /* A reset forgets none, and meets the first again though it was met just now. */
  g_assert_true (cop_machine_reset (machine, NULL));
  resume (machine);
  wait_for_stop (machine, &stops, 31);
  g_assert_cmphex (stops.gva, ==, KERNEL);
}

static void
test_harts (gconstpointer data)
{
  Stops stops = { 0 };
  g_autoptr (CopMachine) machine =
    machine_new (data, COP_BOOT_BARE, loop_code, sizeof loop_code, 4, &stops);

  g_test_summary ("Of harts that meet a breakpoint at once each gets its turn: none slips through");
  set (machine, KERNEL + 8);
  for (unsigned i = 0; i < 200; i++)
    {
      uint64_t ran = 0;

      resume (machine);
      wait_for_stop (machine, &stops, i + 1);
      g_assert_cmphex (cop_machine_hart (machine, stops.hart)->s.pc, ==, KERNEL + 8);
      for (unsigned j = 0; j < 4; j++)
        ran += cop_machine_hart (machine, j)->s.x[T2] / 3;
      /* Every run of the instruction was announced; harts may still stand before theirs. */
      g_assert_cmpuint (ran, <=, i);
      g_assert_cmpuint (ran + 4, >, i);
    }
}

static void
test_step (gconstpointer data)
{
  g_autoptr (CopMachine) machine =
    machine_new (data, COP_BOOT_SBI, loop_code, sizeof loop_code, 2, NULL);
  CopHart *hart = cop_machine_hart (machine, 0);

  g_test_summary ("A step is one instruction, before the first start and after it");
  for (unsigned round = 0; round < 2; round++)
    {
      uint64_t ticks = cop_hart_time (hart);

      for (unsigned i = 0; i < 50; i++)
        {
          uint64_t instret = hart->s.instret;

          g_assert_cmpint (step (machine, 1), ==, COP_STEP_DONE);
          g_assert_cmpuint (hart->s.instret, ==, instret + 1);
          g_assert_cmphex (hart->s.pc, ==, KERNEL + (instret + 1) % 4 * 4);
          g_assert_cmpuint (hart->s.x[T2], ==, (instret + 2) / 4 * 3);
        }
      g_assert_cmpint (step (machine, 1001), ==, COP_STEP_DONE);
      g_assert_cmpuint (cop_hart_time (hart), ==, ticks);
      let_run (machine);
    }
  set (machine, KERNEL + 4);
  g_assert_cmpint (step (machine, 100), ==, COP_STEP_BREAKPOINT);
  g_assert_cmphex (hart->s.pc, ==, KERNEL + 4);
  g_assert_cmpint (step (machine, 3), ==, COP_STEP_DONE);
  g_assert_cmphex (hart->s.pc, ==, KERNEL);
  g_assert_cmpint (step (machine, 2), ==, COP_STEP_BREAKPOINT);
}

static void
test_step_trap (gconstpointer data)
{
  Stops stops = { 0 };
  g_autoptr (CopMachine) machine =
    machine_new (data, COP_BOOT_SBI, trap_code, sizeof trap_code, 1, &stops);
  CopHart *hart = cop_machine_hart (machine, 0);

  g_test_summary ("An exception is a step that ends before the handler, and its first instruction "
                  "can have a breakpoint");
  g_assert_cmpint (step (machine, 3), ==, COP_STEP_DONE);
  g_assert_cmphex (hart->s.pc, ==, KERNEL + 12);
  g_assert_cmpint (step (machine, 1), ==, COP_STEP_DONE);
  g_assert_cmphex (hart->s.pc, ==, KERNEL + 20);
  g_assert_cmpuint (hart->s.instret, ==, 3);
  g_assert_cmphex (hart->s.sepc, ==, KERNEL + 12);
  g_assert_cmpint (step (machine, 4), ==, COP_STEP_DONE);
  g_assert_cmphex (hart->s.pc, ==, KERNEL + 16);

  g_assert_true (cop_machine_reset (machine, NULL));
  set (machine, KERNEL + 12);
  set (machine, KERNEL + 20);
  resume (machine);
  wait_for_stop (machine, &stops, 1);
  g_assert_cmphex (hart->s.pc, ==, KERNEL + 12);
  resume (machine);
  wait_for_stop (machine, &stops, 2);
  g_assert_cmphex (hart->s.pc, ==, KERNEL + 20);
  g_assert_cmpuint (hart->s.instret, ==, 3);
}

static void
test_step_ends (gconstpointer data)
{
  g_autoptr (CopMachine) machine =
    machine_new (data, COP_BOOT_SBI, off_code, sizeof off_code, 1, NULL);
  g_autoptr (GError) error = NULL;
  CopStep how;

  g_test_summary ("Steps end where the hart waits, and with the machine");
  g_assert_cmpint (step (machine, 5), ==, COP_STEP_WAITS);
  g_assert_cmphex (cop_machine_hart (machine, 0)->s.pc, ==, KERNEL + 12);
  cop_hart_set_irq (cop_machine_hart (machine, 0), COP_IRQ_SSI, true);
  g_assert_cmpint (step (machine, 100), ==, COP_STEP_ENDED);
  g_assert_cmpint (cop_machine_status (machine), ==, COP_MACHINE_ENDED);
  g_assert_cmpint (cop_machine_wait (machine).reason, ==, COP_END_POWEROFF);
  g_assert_false (cop_machine_step (machine, 0, 1, &how, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE);
}

static void
check_refused (CopMachine *machine, uint64_t gva)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (cop_machine_add_breakpoint (machine, gva, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE);
}

static void
test_refused (gconstpointer data)
{
  g_autoptr (CopMachine) machine =
    machine_new (data, COP_BOOT_SBI, loop_code, sizeof loop_code, 1, NULL);
  g_autoptr (GError) error = NULL;

  g_test_summary ("What cannot be a breakpoint is refused");
  check_refused (machine, KERNEL + 1);
  set (machine, KERNEL + 0x100);
  check_refused (machine, KERNEL + 0x100);
  for (unsigned i = 1; i < COP_MAX_BREAKPOINTS; i++)
    set (machine, KERNEL + 0x100 + 2 * i);
  check_refused (machine, KERNEL + 0x1000);
  g_assert_false (cop_machine_remove_breakpoint (machine, KERNEL, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE);
  resume (machine);
  check_refused (machine, KERNEL + 0x1000);
}

static const struct
{
  const char *name;
  GTestDataFunc function;
} tests[] = {
  { "loop", test_loop },           { "several", test_several },
  { "harts", test_harts },         { "step", test_step },
  { "step-trap", test_step_trap }, { "step-ends", test_step_ends },
  { "refused", test_refused },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (const CopEngineOps *const *engine = cop_engines; *engine != NULL; engine++)
    for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path =
          g_strdup_printf ("/engine/debug/%s/%s", tests[i].name, (*engine)->name);

        g_test_add_data_func (path, *engine, tests[i].function);
      }
  return g_test_run ();
}
