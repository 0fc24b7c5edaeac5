/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The built-in SBI, called on the harts of a machine that does not run.
 *
 * Source: RISC-V SBI Specification 2.0
 */
#include "../boot-files.h"
#include "common/units.h"
#include "engine/dev/platform.h"
#include "engine/machine.h"
#include "engine/riscv/csr.h"
#include "engine/riscv/sbi-private.h"

#include <string.h>
#include <unistd.h>

#define KERNEL (COP_DRAM_GPA + 2 * COP_MIB)
#define ALL_HARTS UINT64_MAX

enum
{
  BASE = 0x10,
  TIME = 0x54494d45,
  IPI = 0x735049,
  RFENCE = 0x52464e43,
  HSM = 0x48534d,
  SRST = 0x53525354,
  PMU = 0x504d55,
  DBCN = 0x4442434e,
  SUSP = 0x53555350,
};

typedef struct
{
  CopMachine *machine;
  int         console[2];       /* what is printed can be read from the first */
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  CopMachineConfig *config
    = test_config_new (COP_BOOT_SBI, test_image_new (0x200000, 0x1000, 0x100));
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (pipe (fixture->console), ==, 0);
  config->harts = 4;
  config->isa = cop_isa_default () & ~(CopIsa) GPOINTER_TO_SIZE (data);
  config->console.out_fd = fixture->console[1];
  fixture->machine = cop_machine_new (config, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  (void) data;
  cop_machine_free (fixture->machine);
  close (fixture->console[0]);
}

static CopHart *
hart (Fixture *fixture, unsigned id)
{
  return cop_machine_hart (fixture->machine, id);
}

/* Returns: the error; *value is a1 */
static int64_t
call (CopHart *caller, uint64_t extension, uint64_t function, const uint64_t args[6],
      uint64_t *value)
{
  uint64_t pc = caller->s.pc;

  memcpy (caller->s.x + 10, args, 6 * sizeof *args);
  caller->s.x[16] = function;
  caller->s.x[17] = extension;
  cop_sbi_call (caller);
  g_assert_cmphex (caller->s.pc, ==, pc + 4);
  if (value != NULL)
    *value = caller->s.x[11];
  return (int64_t) caller->s.x[10];
}
#define CALL(caller, extension, function, value, ...) \
  call ((caller), (extension), (function), (const uint64_t[6]){ __VA_ARGS__ }, (value))

static void
test_base (Fixture *fixture, gconstpointer data)
{
  static const uint64_t extensions[] = { BASE, TIME, IPI, RFENCE, HSM, SRST, PMU, DBCN, SUSP };
  CopHart *caller = hart (fixture, 0);
  uint64_t value;

  (void) data;
  g_assert_true (cop_sbi_handles (caller));
  g_assert_cmpint (CALL (caller, BASE, 0, &value, 0), ==, COP_SBI_SUCCESS);
  g_assert_cmphex (value, ==, 2u << 24);
  for (size_t i = 0; i < G_N_ELEMENTS (extensions); i++)
    {
      g_assert_cmpint (CALL (caller, BASE, 3, &value, extensions[i]), ==, COP_SBI_SUCCESS);
      g_assert_cmpuint (value, ==, 1);
    }
  g_assert_cmpint (CALL (caller, BASE, 3, &value, 0x12345678), ==, COP_SBI_SUCCESS);
  g_assert_cmpuint (value, ==, 0);
  for (unsigned id = 4; id < 7; id++)
    {
      g_assert_cmpint (CALL (caller, BASE, id, &value, 0), ==, COP_SBI_SUCCESS);
      g_assert_cmpuint (value, ==, 0);
    }
}

/* Extensions and functions that there are not. */
static void
test_unknown (Fixture *fixture, gconstpointer data)
{
  static const uint64_t rows[][2] = {
    { 0x12345678, 0 }, { UINT64_MAX, 0 },   { BASE, 7 },   { BASE, UINT64_MAX }, { TIME, 1 },
    { IPI, 1 },        { RFENCE, 3 },       { RFENCE, 7 }, { HSM, 4 },           { SRST, 1 },
    { PMU, 7 },        { DBCN, 3 },         { SUSP, 1 },
  };

  (void) data;
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpint (CALL (hart (fixture, 0), rows[i][0], rows[i][1], NULL, 0), ==,
                     COP_SBI_NOT_SUPPORTED);
}

/* Also without Sstc, where the kernel has no other way to its timer. */
static void
test_timer (Fixture *fixture, gconstpointer data)
{
  CopHart *caller = hart (fixture, 0);

  (void) data;
  g_assert_cmpint (CALL (caller, TIME, 0, NULL, 0), ==, COP_SBI_SUCCESS);
  g_assert_cmphex (cop_hart_mip (caller) & COP_IRQ_BIT (COP_IRQ_STI), !=, 0);
  g_assert_cmpint (CALL (caller, TIME, 0, NULL, UINT64_MAX), ==, COP_SBI_SUCCESS);
  g_assert_cmphex (cop_hart_mip (caller) & COP_IRQ_BIT (COP_IRQ_STI), ==, 0);
  CALL (caller, 0, 0, NULL, 0);
  g_assert_cmphex (cop_hart_mip (caller) & COP_IRQ_BIT (COP_IRQ_STI), !=, 0);
}

static void
test_ipi (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    uint64_t mask, base;
    int64_t  error;
    unsigned harts;             /* mask of those that get one */
  } rows[] = {
    { 0x5, 0, 0, 0x5 },
    { 0x3, 2, 0, 0xc },
    { 0, 0, 0, 0 },
    { 0, ALL_HARTS, 0, 0xf },
    { 0x10, 0, COP_SBI_INVALID_PARAM, 0 },
    { 0x2, 3, COP_SBI_INVALID_PARAM, 0 },
    { 0x1, 4, COP_SBI_INVALID_PARAM, 0 },
    { 0x1, UINT64_MAX - 1, COP_SBI_INVALID_PARAM, 0 },
  };

  (void) data;
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      for (unsigned id = 0; id < 4; id++)
        cop_hart_set_irq (hart (fixture, id), COP_IRQ_SSI, false);
      g_assert_cmpint (CALL (hart (fixture, 0), IPI, 0, NULL, rows[i].mask, rows[i].base), ==,
                       rows[i].error);
      for (unsigned id = 0; id < 4; id++)
        g_assert_cmpuint (cop_hart_mip (hart (fixture, id)) >> COP_IRQ_SSI & 1, ==,
                          rows[i].harts >> id & 1);
    }
}

static void
test_rfence (Fixture *fixture, gconstpointer data)
{
  CopHart *caller = hart (fixture, 1);

  (void) data;
  for (unsigned function = 0; function < 3; function++)
    {
      unsigned before = hart (fixture, 3)->requests->len;

      g_assert_cmpint (
        CALL (caller, RFENCE, function, NULL, 0, ALL_HARTS, 0x1000, 0x2000, 7), ==, 0);
      g_assert_cmpuint (hart (fixture, 3)->requests->len, ==, before + 1);
      g_assert_cmpint (CALL (caller, RFENCE, function, NULL, 0x10, 0), ==, COP_SBI_INVALID_PARAM);
    }
  g_assert_cmpint (CALL (caller, RFENCE, 1, NULL, 0, ALL_HARTS, 0x1000, UINT64_MAX), ==, 0);
  g_assert_cmpint (CALL (caller, RFENCE, 1, NULL, 0, ALL_HARTS, 0x1000, UINT64_MAX - 1), ==,
                   COP_SBI_INVALID_ADDRESS);
}

static void
test_hsm (Fixture *fixture, gconstpointer data)
{
  CopHart *caller = hart (fixture, 0), *other = hart (fixture, 2);
  uint64_t status;

  (void) data;
  g_assert_cmpint (CALL (caller, HSM, 2, &status, 0), ==, 0);
  g_assert_cmpuint (status, ==, COP_HART_STARTED);
  g_assert_cmpint (CALL (caller, HSM, 2, &status, 2), ==, 0);
  g_assert_cmpuint (status, ==, COP_HART_STOPPED);
  g_assert_cmpint (CALL (caller, HSM, 2, &status, 4), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, HSM, 2, &status, UINT64_MAX), ==, COP_SBI_INVALID_PARAM);
  g_assert_false (cop_sbi_hart_ready (other));

  g_assert_cmpint (CALL (caller, HSM, 0, NULL, 4, KERNEL, 0), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, HSM, 0, NULL, 2, 0x1000, 0), ==, COP_SBI_INVALID_ADDRESS);
  g_assert_cmpint (CALL (caller, HSM, 0, NULL, 2, UINT64_MAX, 0), ==, COP_SBI_INVALID_ADDRESS);
  g_assert_cmpint (CALL (caller, HSM, 0, NULL, 0, KERNEL, 0), ==, COP_SBI_ALREADY_AVAILABLE);

  g_assert_cmpint (CALL (caller, HSM, 0, NULL, 2, KERNEL + 8, 77), ==, 0);
  g_assert_cmpint (CALL (caller, HSM, 2, &status, 2), ==, 0);
  g_assert_cmpuint (status, ==, COP_HART_START_PENDING);
  g_assert_cmpint (CALL (caller, HSM, 0, NULL, 2, KERNEL, 0), ==, COP_SBI_ALREADY_AVAILABLE);

  other->s.satp = UINT64_C (8) << 60;
  other->s.mstatus |= COP_MSTATUS_SIE;
  g_assert_true (cop_sbi_hart_ready (other));
  g_assert_cmphex (other->s.pc, ==, KERNEL + 8);
  g_assert_cmpuint (other->s.x[10], ==, 2);
  g_assert_cmpuint (other->s.x[11], ==, 77);
  g_assert_cmphex (other->s.satp, ==, 0);
  g_assert_cmphex (other->s.mstatus & COP_MSTATUS_SIE, ==, 0);
  g_assert_cmpuint (other->s.priv, ==, COP_PRIV_S);
  g_assert_cmpuint (other->s.hsm_status, ==, COP_HART_STARTED);

  g_assert_cmpint (CALL (other, HSM, 1, NULL, 0), ==, 0);
  g_assert_cmphex (other->pending & COP_PENDING_STOP, !=, 0);
  g_assert_false (cop_sbi_hart_ready (other));
  /* Interrupts do not wake what is stopped. */
  other->s.mie = COP_IRQ_BIT (COP_IRQ_SSI);
  cop_hart_set_irq (other, COP_IRQ_SSI, true);
  g_assert_false (cop_sbi_hart_ready (other));
  g_assert_false (cop_hart_irq_waiting (other));
}

static void
test_suspend (Fixture *fixture, gconstpointer data)
{
  CopHart *caller = hart (fixture, 0);
  uint64_t pc, status;

  (void) data;
  /* Retentive: goes on behind the call. */
  caller->s.mie = COP_IRQ_BIT (COP_IRQ_SSI);
  g_assert_cmpint (CALL (caller, HSM, 3, NULL, 0, 0, 0), ==, 0);
  pc = caller->s.pc;
  g_assert_false (cop_sbi_hart_ready (caller));
  g_assert_cmpint (CALL (hart (fixture, 1), HSM, 2, &status, 0), ==, 0);
  g_assert_cmpuint (status, ==, COP_HART_SUSPENDED);
  cop_hart_set_irq (caller, COP_IRQ_SSI, true);
  g_assert_true (cop_sbi_hart_ready (caller));
  g_assert_cmphex (caller->s.pc, ==, pc);
  g_assert_false (caller->s.waiting);
  g_assert_cmpuint (caller->s.hsm_status, ==, COP_HART_STARTED);

  /* Non-retentive: begins anew. */
  cop_hart_set_irq (caller, COP_IRQ_SSI, false);
  g_assert_cmpint (CALL (caller, HSM, 3, NULL, 0x80000000, KERNEL + 4, 5), ==, 0);
  g_assert_false (cop_sbi_hart_ready (caller));
  cop_hart_set_irq (caller, COP_IRQ_SSI, true);
  g_assert_true (cop_sbi_hart_ready (caller));
  g_assert_cmphex (caller->s.pc, ==, KERNEL + 4);
  g_assert_cmpuint (caller->s.x[11], ==, 5);

  g_assert_cmpint (CALL (caller, HSM, 3, NULL, 0x80000000, 4, 5), ==, COP_SBI_INVALID_ADDRESS);
  g_assert_cmpint (CALL (caller, HSM, 3, NULL, 1, 0, 0), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, HSM, 3, NULL, 0x10000000, 0, 0), ==, COP_SBI_NOT_SUPPORTED);
}

static void
test_system_suspend (Fixture *fixture, gconstpointer data)
{
  CopHart *caller = hart (fixture, 0);

  (void) data;
  g_assert_cmpint (CALL (caller, SUSP, 0, NULL, 1, KERNEL, 0), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, SUSP, 0, NULL, 0x80000000, KERNEL, 0), ==, COP_SBI_NOT_SUPPORTED);
  g_assert_cmpint (CALL (caller, SUSP, 0, NULL, 0, 0, 0), ==, COP_SBI_INVALID_ADDRESS);
  hart (fixture, 3)->s.hsm_status = COP_HART_STARTED;
  g_assert_cmpint (CALL (caller, SUSP, 0, NULL, 0, KERNEL, 0), ==, COP_SBI_DENIED);
  hart (fixture, 3)->s.hsm_status = COP_HART_STOPPED;
  g_assert_cmpint (CALL (caller, SUSP, 0, NULL, 0, KERNEL, 9), ==, 0);
  g_assert_false (cop_sbi_hart_ready (caller));
}

static void
test_srst (Fixture *fixture, gconstpointer data)
{
  CopHart *caller = hart (fixture, 0);

  (void) data;
  g_assert_cmpint (CALL (caller, SRST, 0, NULL, 3, 0), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, SRST, 0, NULL, 0, 2), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (cop_machine_status (fixture->machine), ==, COP_MACHINE_PAUSED);
  CALL (caller, SRST, 0, NULL, 0, 1);
  g_assert_cmpint (cop_machine_wait (fixture->machine).reason, ==, COP_END_FAILURE);
}

static void
test_console (Fixture *fixture, gconstpointer data)
{
  CopHart *caller = hart (fixture, 0);
  CopRam *ram = cop_machine_ram (fixture->machine);
  uint64_t value;
  char text[16] = "";

  (void) data;
  cop_ram_write (ram, KERNEL, "hello", 5);
  g_assert_cmpint (CALL (caller, DBCN, 0, &value, 5, KERNEL, 0), ==, 0);
  g_assert_cmpuint (value, ==, 5);
  g_assert_cmpint (CALL (caller, DBCN, 2, &value, '!'), ==, 0);
  CALL (caller, 1, 0, NULL, '?');

  g_assert_cmpint (CALL (caller, DBCN, 0, &value, 5, KERNEL, 1), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, DBCN, 0, &value, 5, 0, 0), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, DBCN, 0, &value, UINT64_MAX, KERNEL, 0), ==,
                   COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, DBCN, 1, &value, 5, 0, 0), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, DBCN, 1, &value, 5, KERNEL, 0), ==, 0);
  g_assert_cmpuint (value, ==, 0);
  g_assert_cmpint (CALL (caller, 2, 0, NULL, 0), ==, -1);

  /* Freeing flushes what was printed. */
  g_clear_pointer (&fixture->machine, cop_machine_free);
  g_assert_cmpint (read (fixture->console[0], text, sizeof text - 1), ==, 7);
  g_assert_cmpstr (text, ==, "hello!?");
}

static void
test_pmu (Fixture *fixture, gconstpointer data)
{
  CopHart *caller = hart (fixture, 0);
  uint64_t hpm = UINT64_C (0xfffffff8), value, counter;

  (void) data;
  g_assert_cmpint (CALL (caller, PMU, 0, &value, 0), ==, 0);
  g_assert_cmpuint (value, ==, 48);
  g_assert_cmpint (CALL (caller, PMU, 1, &value, 3), ==, 0);
  g_assert_cmphex (value, ==, 63 << 12 | 0xc03);
  g_assert_cmpint (CALL (caller, PMU, 1, &value, 1), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, PMU, 1, &value, 48), ==, COP_SBI_INVALID_PARAM);

  /* Instructions, in a programmable counter, from 100 on. */
  g_assert_cmpint (CALL (caller, PMU, 2, &counter, 0, hpm, 2, 2, 0), ==, 0);
  g_assert_cmpuint (counter, ==, 3);
  g_assert_cmpint (CALL (caller, PMU, 3, NULL, counter, 1, 1, 100), ==, 0);
  g_assert_cmpint (CALL (caller, PMU, 3, NULL, counter, 1, 0, 0), ==, COP_SBI_ALREADY_STARTED);
  caller->s.instret += 50;
  g_assert_true (cop_csr_read (caller, 0xc03, &value));
  g_assert_cmpuint (value, ==, 150);

  /* While it runs the next one is given out. */
  g_assert_cmpint (CALL (caller, PMU, 2, &counter, 0, hpm, 0, 0x10019, 0), ==, 0);
  g_assert_cmpuint (counter, ==, 4);
  g_assert_cmpint (CALL (caller, PMU, 4, NULL, 3, 1, 0), ==, 0);
  g_assert_cmpint (CALL (caller, PMU, 4, NULL, 3, 1, 1), ==, COP_SBI_ALREADY_STOPPED);
  caller->s.instret += 50;
  g_assert_true (cop_csr_read (caller, 0xc03, &value));
  g_assert_cmpuint (value, ==, 150);

  /* The fixed counter when only that is offered, and only for what it counts. */
  g_assert_cmpint (CALL (caller, PMU, 2, &counter, 0, 1, 0, 1, 0), ==, 0);
  g_assert_cmpuint (counter, ==, 0);
  g_assert_cmpint (CALL (caller, PMU, 2, &counter, 0, 1, 0, 2, 0), ==, COP_SBI_NOT_SUPPORTED);

  g_assert_cmpint (CALL (caller, PMU, 2, &counter, 0, hpm, 0, 0x20000, 0x20001), ==, 0);
  g_assert_cmpint (CALL (caller, PMU, 2, &counter, 0, hpm, 0, 0x10099, 0), ==,
                   COP_SBI_NOT_SUPPORTED);
  g_assert_cmpint (CALL (caller, PMU, 2, &counter, 48, 1, 0, 2, 0), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, PMU, 2, &counter, 47, 2, 0, 2, 0), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, PMU, 2, &counter, 32, 1, 0, 2, 0), ==, COP_SBI_NOT_SUPPORTED);
  g_assert_cmpint (CALL (caller, PMU, 3, NULL, 0, 0, 0, 0), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (caller, PMU, 5, NULL, 0), ==, COP_SBI_INVALID_PARAM);
}

/* Configures and starts a firmware counter of @caller. Returns: its number */
static uint64_t
start_fw_counter (CopHart *caller, uint64_t code)
{
  uint64_t counter;

  g_assert_cmpint (
    CALL (caller, PMU, 2, &counter, 0, (UINT64_C (1) << 48) - 1, 2 | 4, 0xf0000 | code, 0), ==, 0);
  return counter;
}

static uint64_t
fw_read (CopHart *caller, uint64_t counter)
{
  uint64_t value;

  g_assert_cmpint (CALL (caller, PMU, 6, &value, counter), ==, 0);
  g_assert_cmpuint (value, ==, 0);
  g_assert_cmpint (CALL (caller, PMU, 5, &value, counter), ==, 0);
  return value;
}

static void
test_firmware_counters (Fixture *fixture, gconstpointer data)
{
  /* clang-format off */
  static const struct
  {
    uint64_t code, extension, function, args[5];
    bool     other;             /* counted by hart 1 */
  } rows[] = {
    { 5,  TIME,   0, { UINT64_MAX }, false },
    { 6,  IPI,    0, { 2, 0 }, false },
    { 7,  IPI,    0, { 2, 0 }, true },
    { 8,  RFENCE, 0, { 2, 0 }, false },
    { 9,  RFENCE, 0, { 2, 0 }, true },
    { 10, RFENCE, 1, { 2, 0, 0, 0 }, false },
    { 11, RFENCE, 1, { 2, 0, 0, 0 }, true },
    { 12, RFENCE, 2, { 2, 0, 0, 0, 1 }, false },
    { 13, RFENCE, 2, { 2, 0, 0, 0, 1 }, true },
  };
  /* clang-format on */
  CopHart *caller = hart (fixture, 0), *other = hart (fixture, 1);
  uint64_t all = (UINT64_C (1) << 48) - 1, value, counter;

  (void) data;
  g_test_summary ("What is done in the place of firmware is counted on the hart that it concerns");
  g_assert_cmpint (CALL (caller, PMU, 1, &value, 32), ==, 0);
  g_assert_cmphex (value >> 63, ==, 1);
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      CopHart *counts = rows[i].other ? other : caller;

      counter = start_fw_counter (counts, rows[i].code);
      g_assert_cmpuint (counter, ==, 32);
      for (unsigned n = 0; n < 3; n++)
        g_assert_cmpint (
          call (caller, rows[i].extension, rows[i].function,
                (const uint64_t[6]){ rows[i].args[0], rows[i].args[1], rows[i].args[2],
                                     rows[i].args[3], rows[i].args[4] },
                NULL),
          ==, 0);
      g_assert_cmpuint (fw_read (counts, counter), ==, 3);
      /* Stopped it stands; with the flag the counter is free again. */
      g_assert_cmpint (CALL (counts, PMU, 4, NULL, counter, 1, 1), ==, 0);
      CALL (caller, rows[i].extension, rows[i].function, NULL, 2);
      g_assert_cmpuint (fw_read (counts, counter), ==, 3);
      g_assert_cmpuint (counts->s.fw_event[0], ==, 0);
    }

  /* An exception that firmware would have been told of. */
  counter = start_fw_counter (caller, 4);
  cop_hart_raise (caller, COP_TRAP_ILLEGAL_INSN, 0);
  cop_hart_take_trap (caller);
  g_assert_cmpuint (fw_read (caller, counter), ==, 1);
  g_assert_cmpint (CALL (caller, PMU, 3, NULL, counter, 1, 1, 100), ==, COP_SBI_ALREADY_STARTED);

  /* There are 16, and no event beyond the list. */
  for (unsigned i = 1; i < 16; i++)
    g_assert_cmpuint (start_fw_counter (caller, 6), ==, 32 + i);
  g_assert_cmpint (CALL (caller, PMU, 2, &counter, 0, all, 0, 0xf0006, 0), ==,
                   COP_SBI_NOT_SUPPORTED);
  g_assert_cmpint (CALL (other, PMU, 2, &counter, 0, all, 0, 0xf0016, 0), ==,
                   COP_SBI_NOT_SUPPORTED);
  g_assert_cmpint (CALL (other, PMU, 2, &counter, 0, all, 0, 0xfffff, 0), ==,
                   COP_SBI_NOT_SUPPORTED);
  g_assert_cmpint (CALL (other, PMU, 5, NULL, 48), ==, COP_SBI_INVALID_PARAM);
  g_assert_cmpint (CALL (other, PMU, 6, NULL, 31), ==, COP_SBI_INVALID_PARAM);
}

/* Whatever a guest calls with: an answer, and a machine that still is one. */
static void
test_random (Fixture *fixture, gconstpointer data)
{
  static const uint64_t extensions[] = { BASE, TIME, IPI, RFENCE, HSM, PMU, DBCN, SUSP, 0, 1, 2 };
  static const uint64_t values[] = {
    0, 1, 2, 4, 31, 32, 63, 64, 0x1000, 0x80000000, KERNEL, KERNEL + 1, UINT64_MAX, INT64_MAX,
    COP_DRAM_GPA + 64 * COP_MIB - 1,
  };
  g_autoptr (GRand) numbers = g_rand_new_with_seed (1);

  (void) data;
  for (unsigned i = 0; i < 20000; i++)
    {
      CopHart *caller = hart (fixture, (unsigned) g_rand_int_range (numbers, 0, 4));
      uint64_t args[6];

      for (unsigned j = 0; j < 6; j++)
        args[j] = values[g_rand_int_range (numbers, 0, G_N_ELEMENTS (values))];
      call (caller, extensions[g_rand_int_range (numbers, 0, G_N_ELEMENTS (extensions))],
            (uint64_t) g_rand_int_range (numbers, 0, 8), args, NULL);
      cop_sbi_hart_ready (caller);
    }
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void      (*run) (Fixture *fixture, gconstpointer data);
    CopIsa      without;
  } rows[] = {
    { "/riscv/sbi/base", test_base, 0 },
    { "/riscv/sbi/unknown", test_unknown, 0 },
    { "/riscv/sbi/timer", test_timer, 0 },
    { "/riscv/sbi/timer-without-sstc", test_timer, COP_ISA (SSTC) },
    { "/riscv/sbi/ipi", test_ipi, 0 },
    { "/riscv/sbi/rfence", test_rfence, 0 },
    { "/riscv/sbi/hsm", test_hsm, 0 },
    { "/riscv/sbi/suspend", test_suspend, 0 },
    { "/riscv/sbi/system-suspend", test_system_suspend, 0 },
    { "/riscv/sbi/srst", test_srst, 0 },
    { "/riscv/sbi/console", test_console, 0 },
    { "/riscv/sbi/pmu", test_pmu, 0 },
    { "/riscv/sbi/firmware-counters", test_firmware_counters, 0 },
    { "/riscv/sbi/random", test_random, 0 },
  };

  g_test_init (&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add (rows[i].path, Fixture, GSIZE_TO_POINTER (rows[i].without), set_up, rows[i].run,
                tear_down);
  return g_test_run ();
}
