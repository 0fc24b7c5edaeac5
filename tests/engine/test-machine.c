/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The life of a machine: it can be paused, reset, ended and freed at any moment, whatever its harts
 * are about, and its state leaves and enters whole. Runs under the thread sanitizer too.
 */
#include "boot-files.h"
#include "common/units.h"
#include "engine/dev/platform.h"
#include "engine/machine.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define KERNEL (COP_DRAM_GPA + 2 * COP_MIB)

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

/* Shuts the system down. */
static const uint32_t off_code[] = {
  0x535258b7, /* lui    a7, 0x53525 */
  0x3548889b, /* addiw  a7, a7, 852 */
  0x00000813, /* addi   a6, zero, 0 */
  0x00000513, /* addi   a0, zero, 0 */
  0x00000593, /* addi   a1, zero, 0 */
  0x00000073, /* ecall */
};

/* Reboots; fails if it finds that it ran before. */
static const uint32_t reboot_code[] = {
  0x00000297, /* auipc  t0, 0x0 */
  0x04828293, /* addi   t0, t0, 72 */
  0x0002a303, /* lw     t1, 0(t0) */
  0x02031263, /* bne    t1, zero, 80200030 */
  0x00100313, /* addi   t1, zero, 1 */
  0x0062a023, /* sw     t1, 0(t0) */
  0x535258b7, /* lui    a7, 0x53525 */
  0x3548889b, /* addiw  a7, a7, 852 */
  0x00000813, /* addi   a6, zero, 0 */
  0x00100513, /* addi   a0, zero, 1 */
  0x00000593, /* addi   a1, zero, 0 */
  0x00000073, /* ecall */
  0x535258b7, /* lui    a7, 0x53525 */
  0x3548889b, /* addiw  a7, a7, 852 */
  0x00000813, /* addi   a6, zero, 0 */
  0x00000513, /* addi   a0, zero, 0 */
  0x00100593, /* addi   a1, zero, 1 */
  0x00000073, /* ecall */
};

/* Every hart sends IPIs to all harts and sleeps between. */
static const uint32_t sleepy_code[] = {
  0x02051663, /* bne    a0, zero, 8020002c */
  0x00100413, /* addi   s0, zero, 1 */
  0x004858b7, /* lui    a7, 0x485 */
  0x34d8889b, /* addiw  a7, a7, 845 */
  0x00000813, /* addi   a6, zero, 0 */
  0x00040513, /* addi   a0, s0, 0 */
  0x00000597, /* auipc  a1, 0x0 */
  0x01458593, /* addi   a1, a1, 20 */
  0x00000073, /* ecall */
  0x00140413, /* addi   s0, s0, 1 */
  0xfe0500e3, /* beq    a0, zero, 80200008 */
  0x00200293, /* addi   t0, zero, 2 */
  0x1042a073, /* csrrs  zero, sie, t0 */
  0x007358b7, /* lui    a7, 0x735 */
  0x0498889b, /* addiw  a7, a7, 73 */
  0x00000813, /* addi   a6, zero, 0 */
  0x00000513, /* addi   a0, zero, 0 */
  0xfff00593, /* addi   a1, zero, -1 */
  0x00000073, /* ecall */
  0x10500073, /* wfi */
  0x1442b073, /* csrrc  zero, sip, t0 */
  0xfe1ff06f, /* jal    zero, 80200034 */
};

/* Every hart asks all harts for sfence.vma and fence.i, for ever. */
static const uint32_t storm_code[] = {
  0x02051663, /* bne    a0, zero, 8020002c */
  0x00100413, /* addi   s0, zero, 1 */
  0x004858b7, /* lui    a7, 0x485 */
  0x34d8889b, /* addiw  a7, a7, 845 */
  0x00000813, /* addi   a6, zero, 0 */
  0x00040513, /* addi   a0, s0, 0 */
  0x00000597, /* auipc  a1, 0x0 */
  0x01458593, /* addi   a1, a1, 20 */
  0x00000073, /* ecall */
  0x00140413, /* addi   s0, s0, 1 */
  0xfe0500e3, /* beq    a0, zero, 80200008 */
  0x524658b7, /* lui    a7, 0x52465 */
  0xe438889b, /* addiw  a7, a7, -445 */
  0x00100813, /* addi   a6, zero, 1 */
  0x00000513, /* addi   a0, zero, 0 */
  0xfff00593, /* addi   a1, zero, -1 */
  0x00000613, /* addi   a2, zero, 0 */
  0xfff00693, /* addi   a3, zero, -1 */
  0x00000073, /* ecall */
  0x00000813, /* addi   a6, zero, 0 */
  0x00000073, /* ecall */
  0xfd9ff06f, /* jal    zero, 8020002c */
};
/* Waits with interrupts disabled. */
static const uint32_t wait_code[] = {
  0x10500073, /* wfi */
  0xffdff06f, /* jal    zero, 80200000 */
};

/* Waits for a device that the PLIC lets nothing pass from, and for a timer that is not set. */
static const uint32_t wait_plic_code[] = {
  0x22000293, /* addi   t0, zero, 0x220 */
  0x1042a073, /* csrrs  zero, sie, t0 */
  0x10500073, /* wfi */
  0xffdff06f, /* jal    zero, -4 */
};

/* Lets source 10 pass to hart 0 in S mode, and waits for it. */
static const uint32_t wait_device_code[] = {
  0x20000293, /* addi   t0, zero, 0x200 */
  0x1042a073, /* csrrs  zero, sie, t0 */
  0x0c002337, /* lui    t1, 0xc002 */
  0x40000293, /* addi   t0, zero, 0x400 */
  0x08532023, /* sw     t0, 0x80(t1) */
  0x10500073, /* wfi */
  0xffdff06f, /* jal    zero, -4 */
};

/* Waits for a timer, for a very long time. */
static const uint32_t wait_timer_code[] = {
  0x02000293, /* addi   t0, zero, 0x20 */
  0x1042a073, /* csrrs  zero, sie, t0 */
  0xffe00313, /* addi   t1, zero, -2 */
  0x14d31073, /* csrrw  zero, stimecmp, t1 */
  0x10500073, /* wfi */
  0xffdff06f, /* jal    zero, -4 */
};

/* Starts hart 1 at its own entry; each waits for an IPI that none sends. */
static const uint32_t wait_ipi_code[] = {
  0x02051463, /* bne    a0, zero, +40 */
  0x004858b7, /* lui    a7, 0x485 */
  0x34d8889b, /* addiw  a7, a7, 845 */
  0x00000813, /* addi   a6, zero, 0 */
  0x00100513, /* addi   a0, zero, 1 */
  0x00000597, /* auipc  a1, 0x0 */
  0xfec58593, /* addi   a1, a1, -20 */
  0x00000073, /* ecall */
  0x00000013, /* nop */
  0x00000013, /* nop */
  0x00200293, /* addi   t0, zero, 2 */
  0x1042a073, /* csrrs  zero, sie, t0 */
  0x10500073, /* wfi */
  0xffdff06f, /* jal    zero, -4 */
};

/* Stops the only hart that runs. */
static const uint32_t stop_code[] = {
  0x004858b7, /* lui    a7, 0x485 */
  0x34d8889b, /* addiw  a7, a7, 845 */
  0x00100813, /* addi   a6, zero, 1 */
  0x00000073, /* ecall */
};
/* clang-format on */

typedef struct
{
  GMutex   lock;
  GCond    changed;
  unsigned n_ended, n_reset;    /* guarded by lock */
  CopEnd   end;
} Events;

static void
on_ended (gpointer data, CopEnd end)
{
  Events *events = data;

  g_mutex_lock (&events->lock);
  events->n_ended++;
  events->end = end;
  g_cond_broadcast (&events->changed);
  g_mutex_unlock (&events->lock);
}

static void
on_reset (gpointer data)
{
  Events *events = data;

  g_mutex_lock (&events->lock);
  events->n_reset++;
  g_cond_broadcast (&events->changed);
  g_mutex_unlock (&events->lock);
}

static const CopMachineEvents event_functions = { on_ended, on_reset };

static void
wait_for_resets (Events *events, unsigned n)
{
  g_mutex_lock (&events->lock);
  while (events->n_reset < n)
    g_cond_wait (&events->changed, &events->lock);
  g_mutex_unlock (&events->lock);
}

static CopMachine *
machine_new (const uint32_t *code, size_t n_words, unsigned harts, Events *events)
{
  const TestSegment segment = { KERNEL, code, n_words * 4, 0x10000 };
  CopMachineConfig *config
    = test_config_new (COP_BOOT_SBI, test_elf_new (KERNEL, 0, &segment, 1, NULL));
  CopMachine *machine;
  GError *error = NULL;

  config->harts = harts;
  machine = cop_machine_new (config, events == NULL ? NULL : &event_functions, events, &error);
  g_assert_no_error (error);
  return machine;
}
#define MACHINE(code, harts, events) machine_new ((code), G_N_ELEMENTS (code), (harts), (events))

static void
resume (CopMachine *machine)
{
  GError *error = NULL;

  g_assert_true (cop_machine_resume (machine, &error));
  g_assert_no_error (error);
}

static void
pause_machine (CopMachine *machine)
{
  GError *error = NULL;

  g_assert_true (cop_machine_pause (machine, &error));
  g_assert_no_error (error);
}

/* Lets the machine run until each of its first @harts has retired @more instructions. */
static void
let_run (CopMachine *machine, unsigned harts, uint64_t more)
{
  for (unsigned i = 0; i < harts; i++)
    {
      const uint64_t *instret = &cop_machine_hart (machine, i)->s.instret;
      uint64_t goal;

      pause_machine (machine);
      goal = *instret + more;
      do
        {
          resume (machine);
          g_thread_yield ();
          pause_machine (machine);
        }
      while (*instret < goal);
      resume (machine);
    }
}

static void
test_power_off (void)
{
  Events events = { 0 };
  g_autoptr (CopMachine) machine = MACHINE (off_code, 4, &events);
  g_autoptr (GError) error = NULL;
  CopEnd end;

  g_assert_cmpint (cop_machine_status (machine), ==, COP_MACHINE_PAUSED);
  resume (machine);
  end = cop_machine_wait (machine);
  g_assert_cmpint (end.reason, ==, COP_END_POWEROFF);
  g_assert_cmpint (cop_machine_status (machine), ==, COP_MACHINE_ENDED);

  g_assert_false (cop_machine_resume (machine, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE);
  g_clear_error (&error);
  g_assert_false (cop_machine_pause (machine, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE);
  g_clear_error (&error);
  g_assert_false (cop_machine_reset (machine, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE);

  g_clear_pointer (&machine, cop_machine_free);
  g_assert_cmpuint (events.n_ended, ==, 1);
  g_assert_cmpint (events.end.reason, ==, COP_END_POWEROFF);
}

static void
test_never_started (void)
{
  Events events = { 0 };
  CopMachine *machine = MACHINE (off_code, 2, NULL);

  cop_machine_free (machine);

  machine = MACHINE (off_code, 2, &events);
  pause_machine (machine);
  g_assert_true (cop_machine_reset (machine, NULL));
  g_assert_cmpint (cop_machine_status (machine), ==, COP_MACHINE_PAUSED);
  cop_machine_power_off (machine);
  g_assert_cmpint (cop_machine_wait (machine).reason, ==, COP_END_POWEROFF);
  g_assert_cmpuint (events.n_ended, ==, 1);
  cop_machine_free (machine);
}

/* Harts that wait for each other, or sleep, or spin. */
static const struct
{
  const char     *name;
  const uint32_t *code;
  size_t          n_words;
  unsigned        harts;        /* of three, that it starts */
} programs[] = {
  { "storm", storm_code, G_N_ELEMENTS (storm_code), 3 },
  { "sleepy", sleepy_code, G_N_ELEMENTS (sleepy_code), 3 },
  { "count", count_code, G_N_ELEMENTS (count_code), 1 },
};

static void
test_pause (gconstpointer data)
{
  size_t row = GPOINTER_TO_SIZE (data);
  g_autoptr (CopMachine) machine
    = machine_new (programs[row].code, programs[row].n_words, 4, NULL);
  CopHart *hart = cop_machine_hart (machine, 0);

  resume (machine);
  for (unsigned i = 0; i < 100; i++)
    {
      uint64_t instret, ticks;

      pause_machine (machine);
      g_assert_cmpint (cop_machine_status (machine), ==, COP_MACHINE_PAUSED);
      instret = hart->s.instret;
      ticks = cop_hart_time (hart);
      pause_machine (machine);
      g_assert_cmpuint (hart->s.instret, ==, instret);
      g_assert_cmpuint (cop_hart_time (hart), ==, ticks);
      resume (machine);
      g_assert_cmpint (cop_machine_status (machine), ==, COP_MACHINE_RUNNING);
    }
}

static void
test_reset (gconstpointer data)
{
  size_t row = GPOINTER_TO_SIZE (data);
  g_autoptr (CopMachine) machine
    = machine_new (programs[row].code, programs[row].n_words, 4, NULL);
  uint8_t *word = cop_ram_span (cop_machine_ram (machine), KERNEL + 0x8000, 8);
  GError *error = NULL;

  resume (machine);
  for (unsigned i = 0; i < 20; i++)
    {
      *word = 1;
      if (i % 3 == 0)
        pause_machine (machine);
      g_assert_true (cop_machine_reset (machine, &error));
      g_assert_no_error (error);
      g_assert_cmpint (cop_machine_status (machine), ==,
                       i % 3 == 0 ? COP_MACHINE_PAUSED : COP_MACHINE_RUNNING);
      g_assert_cmpuint (*word, ==, 0);
      if (i % 3 == 0)
        {
          CopHart *last = cop_machine_hart (machine, 3);

          g_assert_cmpuint (cop_machine_hart (machine, 0)->s.instret, ==, 0);
          g_assert_cmphex (cop_machine_hart (machine, 0)->s.pc, ==, KERNEL);
          g_assert_cmpint (last->s.hsm_status, ==, COP_HART_STOPPED);
        }
      resume (machine);
    }
}

static const struct
{
  const char     *name;
  const uint32_t *code;
  size_t          n_words;
  bool            halts;
} waits[] = {
  { "disabled", wait_code, G_N_ELEMENTS (wait_code), true },
  { "unconnected", wait_plic_code, G_N_ELEMENTS (wait_plic_code), true },
  { "ipi", wait_ipi_code, G_N_ELEMENTS (wait_ipi_code), true },
  { "stopped", stop_code, G_N_ELEMENTS (stop_code), true },
  { "device", wait_device_code, G_N_ELEMENTS (wait_device_code), false },
  { "timer", wait_timer_code, G_N_ELEMENTS (wait_timer_code), false },
};

/* A machine that can do nothing more ends, and one that a device or a timer may wake does not. */
static void
test_halted (gconstpointer data)
{
  size_t row = GPOINTER_TO_SIZE (data);
  g_autoptr (CopMachine) machine = machine_new (waits[row].code, waits[row].n_words, 3, NULL);
  CopHart *hart = cop_machine_hart (machine, 0);

  resume (machine);
  if (waits[row].halts)
    {
      g_assert_cmpint (cop_machine_wait (machine).reason, ==, COP_END_HALTED);
      return;
    }
  for (unsigned i = 0; i < 20; i++)
    {
      pause_machine (machine);
      if (!hart->s.waiting)
        i = 0;
      resume (machine);
      g_thread_yield ();
    }
  g_assert_cmpint (cop_machine_status (machine), ==, COP_MACHINE_RUNNING);
}

/* A reset that a hart asks for; the program fails if its memory was not made fresh. */
static void
test_guest_reset (void)
{
  Events events = { 0 };
  g_autoptr (CopMachine) machine = MACHINE (reboot_code, 2, &events);

  resume (machine);
  wait_for_resets (&events, 20);
  pause_machine (machine);
  g_assert_cmpuint (events.n_ended, ==, 0);
}

/* An image that is damaged by the time of a reset: the machine ends and says why. */
static void
test_reset_fails (void)
{
  g_autoptr (GBytes) packed = test_gzip (test_image_new (0x200000, 0x10000, 0x8000));
  size_t size = g_bytes_get_size (packed);
  g_autofree uint8_t *data = g_memdup2 (g_bytes_get_data (packed, NULL), size);
  g_autoptr (CopMachine) machine = NULL;
  g_autoptr (GError) error = NULL;

  machine = cop_machine_new (test_config_new (COP_BOOT_SBI, g_bytes_new_static (data, size)), NULL,
                             NULL, &error);
  g_assert_no_error (error);
  resume (machine);
  memset (data + size / 2, 0xff, size - size / 2);
  g_assert_false (cop_machine_reset (machine, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE);
  g_assert_cmpint (cop_machine_wait (machine).reason, ==, COP_END_FAILURE);
}

/* A mapped file that is shorter by the time of a reset: the same, and no signal. */
static void
test_reset_truncated (void)
{
  g_autoptr (GBytes) image = test_image_new (0x200000, 0x10000, 0x8000);
  g_autofree char *path = NULL;
  g_autoptr (GMappedFile) file = NULL;
  g_autoptr (CopMachine) machine = NULL;
  g_autoptr (GError) error = NULL;
  int fd = g_file_open_tmp ("test-machine-XXXXXX", &path, &error);
  size_t size;
  const void *data = g_bytes_get_data (image, &size);

  g_assert_no_error (error);
  g_assert_cmpint (write (fd, data, size), ==, (ssize_t) size);
  file = g_mapped_file_new_from_fd (fd, FALSE, &error);
  g_assert_no_error (error);
  machine = cop_machine_new (test_config_new (COP_BOOT_SBI, g_mapped_file_get_bytes (file)), NULL,
                             NULL, &error);
  g_assert_no_error (error);
  g_assert_true (cop_machine_reset (machine, &error));
  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, 0x1000), ==, 0);
  g_assert_false (cop_machine_reset (machine, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE);
  g_assert_cmpint (cop_machine_wait (machine).reason, ==, COP_END_FAILURE);
  g_unlink (path);
  close (fd);
}

/* Ended and freed at any moment of its start and run. */
static void
test_free_any_time (void)
{
  for (unsigned i = 0; i < 60; i++)
    {
      size_t row = i % G_N_ELEMENTS (programs);
      CopMachine *machine = machine_new (programs[row].code, programs[row].n_words, 3, NULL);

      if (i % 4 != 3)
        resume (machine);
      for (unsigned spin = 0; spin < i * 1000; spin++)
        __asm__ volatile ("");
      if (i % 2 == 0)
        cop_machine_power_off (machine);
      cop_machine_free (machine);
    }
}

/* Several threads want different things at once. */
typedef struct
{
  CopMachine *machine;
  unsigned    kind;
} Meddler;

static gpointer
meddle (gpointer data)
{
  Meddler *meddler = data;

  for (unsigned i = 0; i < 30; i++)
    switch (meddler->kind)
      {
      case 0:
        cop_machine_pause (meddler->machine, NULL);
        break;
      case 1:
        cop_machine_resume (meddler->machine, NULL);
        break;
      default:
        cop_machine_reset (meddler->machine, NULL);
        break;
      }
  return NULL;
}

static void
test_meddlers (void)
{
  g_autoptr (CopMachine) machine = MACHINE (storm_code, 3, NULL);
  Meddler meddlers[3];
  GThread *threads[3];

  resume (machine);
  for (unsigned i = 0; i < 3; i++)
    {
      meddlers[i] = (Meddler){ machine, i };
      threads[i] = g_thread_new ("meddler", meddle, &meddlers[i]);
    }
  for (unsigned i = 0; i < 3; i++)
    g_thread_join (threads[i]);
  resume (machine);
  cop_machine_power_off (machine);
  g_assert_cmpint (cop_machine_wait (machine).reason, ==, COP_END_POWEROFF);
}

static void
test_max_instructions (void)
{
  for (unsigned harts = 1; harts <= 3; harts += 2)
    {
      g_autoptr (CopMachine) machine = MACHINE (storm_code, harts, NULL);
      uint64_t sum = 0;

      cop_machine_set_max_instructions (machine, 50001);
      resume (machine);
      g_assert_cmpint (cop_machine_wait (machine).reason, ==, COP_END_INSTRUCTIONS);
      for (unsigned i = 0; i < harts; i++)
        sum += cop_machine_hart (machine, i)->s.instret;
      if (harts == 1)
        g_assert_cmpuint (sum, ==, 50001);
      else
        g_assert_cmpuint (sum, <=, 50001);
    }
}

static void
assert_equal_states (const CopMachineState *a, const CopMachineState *b)
{
  g_autoptr (GString) report = g_string_new (NULL);

  g_assert_cmpuint (a->sections->len, ==, b->sections->len);
  for (unsigned i = 0; i < a->sections->len; i++)
    {
      const CopStateSection *first = g_ptr_array_index (a->sections, i);
      const CopStateSection *second = g_ptr_array_index (b->sections, i);

      g_assert_cmpstr (first->id, ==, second->id);
      cop_state_diff (first->table, first->id, first->data, second->data, report);
    }
  g_assert_cmpstr (report->str, ==, "");
}

/* What is saved and loaded elsewhere goes on there to the same end. */
static void
test_state (gconstpointer data)
{
  size_t row = GPOINTER_TO_SIZE (data);
  g_autoptr (CopMachine) first = machine_new (programs[row].code, programs[row].n_words, 3, NULL);
  g_autoptr (CopMachine) second
    = machine_new (programs[row].code, programs[row].n_words, 3, NULL);
  g_autoptr (CopMachineState) state = NULL, again = NULL;
  CopRam *from = cop_machine_ram (first), *to = cop_machine_ram (second);
  GError *error = NULL;

  resume (first);
  g_assert_null (cop_machine_save_state (first, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_STATE);
  g_clear_error (&error);
  let_run (first, programs[row].harts, 1000);
  pause_machine (first);

  state = cop_machine_save_state (first, &error);
  g_assert_no_error (error);
  g_assert_true (cop_machine_load_state (second, state, &error));
  g_assert_no_error (error);
  again = cop_machine_save_state (second, &error);
  assert_equal_states (state, again);

  memcpy (to->dram.hva, from->dram.hva, from->dram.size);
  let_run (second, programs[row].harts, 1000);
}

static void
test_bad_state (void)
{
  g_autoptr (CopMachine) machine = MACHINE (count_code, 2, NULL);
  g_autoptr (CopMachine) other = MACHINE (count_code, 3, NULL);
  g_autoptr (CopMachineState) before = cop_machine_save_state (machine, NULL);
  g_autoptr (CopMachineState) bent = cop_machine_save_state (machine, NULL);
  g_autoptr (CopMachineState) larger = cop_machine_save_state (other, NULL);
  g_autoptr (CopMachineState) after = NULL;
  CopHartState *hart = cop_machine_state_find (bent, "hart1")->data;
  g_autoptr (GError) error = NULL;

  /* The first hart has a good new value, the second a bad one: neither may be taken. */
  ((CopHartState *) cop_machine_state_find (bent, "hart0")->data)->x[5] = 99;
  hart->priv = 2;
  g_assert_false (cop_machine_load_state (machine, bent, &error));
  g_assert_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE);
  g_assert_true (g_str_has_prefix (error->message, "hart1: "));
  g_clear_error (&error);

  g_assert_false (cop_machine_load_state (machine, larger, &error));
  g_assert_error (error, COP_STATE_ERROR, COP_STATE_ERROR_MISMATCH);
  g_clear_error (&error);
  g_assert_false (cop_machine_load_state (other, before, &error));
  g_assert_error (error, COP_STATE_ERROR, COP_STATE_ERROR_MISMATCH);

  after = cop_machine_save_state (machine, NULL);
  assert_equal_states (before, after);
}

static void
test_template (void)
{
  g_autoptr (CopMachine) machine = MACHINE (count_code, 2, NULL);
  g_autoptr (CopMachineState) state = cop_machine_save_state (machine, NULL);
  g_autoptr (CopMachineState) empty = cop_machine_state_template (machine);

  g_assert_cmpuint (empty->sections->len, ==, state->sections->len);
  for (unsigned i = 0; i < empty->sections->len; i++)
    {
      const CopStateSection *a = g_ptr_array_index (empty->sections, i);
      const CopStateSection *b = g_ptr_array_index (state->sections, i);

      g_assert_cmpstr (a->id, ==, b->id);
      g_assert_true (a->table == b->table);
    }
}

static void
test_bad_config (void)
{
  static const struct
  {
    uint64_t    memory;
    unsigned    harts;
    const char *engine, *message;
  } rows[] = {
    { 64 * COP_MIB, 0, NULL, "1 to 64 harts" },
    { 64 * COP_MIB, 65, NULL, "1 to 64 harts" },
    { 0, 1, NULL, "--memory" },
    { 64 * COP_MIB + 1, 1, NULL, "--memory" },
    { UINT64_MAX & ~(COP_PAGE_SIZE - 1), 1, NULL, "--memory" },
    { 64 * COP_MIB, 1, "warp", "no engine 'warp'" },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      CopMachineConfig *config
        = test_config_new (COP_BOOT_SBI, test_image_new (0x200000, 0x1000, 0x100));
      g_autoptr (GError) error = NULL;

      config->memory = rows[i].memory;
      config->harts = rows[i].harts;
      config->engine = rows[i].engine;
      g_assert_null (cop_machine_new (config, NULL, NULL, &error));
      g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG);
      g_assert_nonnull (strstr (error->message, rows[i].message));
    }
}

static void
add_rows (const char *prefix, GTestDataFunc func)
{
  for (size_t i = 0; i < G_N_ELEMENTS (programs); i++)
    {
      g_autofree char *path = g_strdup_printf ("/engine/machine/%s/%s", prefix, programs[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), func);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/machine/power-off", test_power_off);
  g_test_add_func ("/engine/machine/never-started", test_never_started);
  add_rows ("pause", test_pause);
  add_rows ("reset", test_reset);
  add_rows ("state", test_state);
  g_test_add_func ("/engine/machine/guest-reset", test_guest_reset);
  g_test_add_func ("/engine/machine/reset-fails", test_reset_fails);
  g_test_add_func ("/engine/machine/reset-truncated", test_reset_truncated);
  g_test_add_func ("/engine/machine/free-any-time", test_free_any_time);
  g_test_add_func ("/engine/machine/meddlers", test_meddlers);
  g_test_add_func ("/engine/machine/max-instructions", test_max_instructions);
  g_test_add_func ("/engine/machine/bad-state", test_bad_state);
  g_test_add_func ("/engine/machine/template", test_template);
  g_test_add_func ("/engine/machine/bad-config", test_bad_config);
  for (size_t i = 0; i < G_N_ELEMENTS (waits); i++)
    {
      g_autofree char *path = g_strconcat ("/engine/machine/halted/", waits[i].name, NULL);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_halted);
    }
  return g_test_run ();
}
