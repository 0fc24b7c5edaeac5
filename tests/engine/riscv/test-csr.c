/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CSRs: existence, privilege, what each field takes, and the effects of writes.
 */
#include "engine/riscv/csr.h"
#include "engine/riscv/fpu-host.h"
#include "hart-fixture.h"

#include <string.h>

#define MSTATUS 0x300
#define SSTATUS 0x100

static bool
try_read (CopHart *hart, unsigned number)
{
  uint64_t value = 0;

  return cop_csr_read (hart, number, &value);
}

static uint64_t
read_csr (CopHart *hart, unsigned number)
{
  uint64_t value = 0;

  g_assert_true (cop_csr_read (hart, number, &value));
  return value;
}

static void
write_csr (CopHart *hart, unsigned number, uint64_t value)
{
  g_assert_true (cop_csr_write (hart, number, value));
}

static void
test_privilege_follows_from_the_number (void)
{
  static const CopPriv modes[] = { COP_PRIV_U, COP_PRIV_S, COP_PRIV_M };
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;
  unsigned n_registers = 0;

  g_test_summary ("a lower mode never reaches a higher mode's register, nobody writes read-only ones");
  hart->s.mcounteren = hart->s.scounteren = UINT32_MAX;
  hart->s.menvcfg = UINT64_C (1) << 63;
  hart->s.mstatus = COP_MSTATUS_FS;
  for (unsigned number = 0; number < 4096; number++)
    {
      bool exists = cop_csr_name (number) != NULL;

      n_registers += exists;
      for (unsigned i = 0; i < G_N_ELEMENTS (modes); i++)
        {
          bool may_read = exists && (number >> 8 & 3) <= modes[i];
          uint64_t value = 0;

          hart->s.priv = modes[i];
          hart->trap_cause = COP_TRAP_NONE;
          g_assert_true (cop_csr_read (hart, number, &value) == may_read);
          g_assert_cmpint (hart->trap_cause, ==, may_read ? COP_TRAP_NONE : COP_TRAP_ILLEGAL_INSN);
          g_assert_true (cop_csr_write (hart, number, value) == (may_read && number >> 10 != 3));
        }
    }
  g_assert_cmpuint (n_registers, ==, 204);
  g_assert_null (cop_csr_name (4096));
  g_assert_cmpstr (cop_csr_name (0x3bf), ==, "pmpaddr15");
  g_assert_cmpstr (cop_csr_name (0x3c0), ==, "pmpaddr16");
  g_assert_cmpstr (cop_csr_name (0xb1f), ==, "mhpmcounter31");
  test_hart_free (&test);
}

/* What a register becomes when all ones, and when all zeros, are written to it in M mode. */
static const struct
{
  unsigned    number;
  uint64_t    ones, zeros;
} limits[] = {
  /* clang-format off */
  { 0x001, 0x1f,                          0 },
  { 0x002, 7,                             0 },
  { 0x003, 0xff,                          0 },
  /* MPP of 3, FS dirty and SD; UXL and SXL are constants. */
  { 0x300, UINT64_C (0x8000000a007e79aa), UINT64_C (0xa00000000) },
  { 0x100, UINT64_C (0x80000002000c6122), UINT64_C (0x200000000) },
  { 0x301, UINT64_C (0x800000000014112f), UINT64_C (0x800000000014112f) },
  { 0x302, 0xb3ff,                        0 },
  { 0x303, 0x2222,                        0 },
  { 0x304, 0x2aaa,                        0 },
  { 0x344, 0x2222,                        0 },
  { 0x305, UINT64_C (0xfffffffffffffffc), 0 },
  { 0x105, UINT64_C (0xfffffffffffffffc), 0 },
  { 0x306, 0xffffffff,                    0 },
  { 0x106, 0xffffffff,                    0 },
  { 0x30a, UINT64_C (0xe0000000000000f1), 0 },
  { 0x10a, 0xf1,                          0 },
  { 0x320, 0xfffffffd,                    0 },
  { 0x340, UINT64_MAX,                    0 },
  { 0x341, UINT64_MAX - 1,                0 },
  { 0x141, UINT64_MAX - 1,                0 },
  { 0x342, UINT64_MAX,                    0 },
  { 0x343, UINT64_MAX,                    0 },
  { 0x14d, UINT64_MAX,                    0 },
  /* MODE 15 is no mode: nothing is taken. */
  { 0x180, 0,                             0 },
  /* W without R, and the reserved bits, are dropped; locked at once. */
  { 0x3b0, UINT64_C (0x3fffffffffffff),   0 },
  { 0x3c0, 0,                             0 },
  { 0x3a4, 0,                             0 },
  { 0x323, UINT64_C (0xf000000000000000), 0 },
  { 0xb00, UINT64_MAX,                    0 },
  { 0xb03, UINT64_MAX,                    0 },
  { 0x7a0, 0,                             0 },
  { 0x7a1, 0,                             0 },
  { 0x7a4, 1,                             1 },
  /* clang-format on */
};

static void
test_limits (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  g_test_summary ("fields take what the specification allows, all else reads as it must");
  hart->s.mstatus = COP_MSTATUS_FS;
  for (unsigned i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      unsigned number = limits[i].number;

      g_test_message ("%s", cop_csr_name (number));
      write_csr (hart, number, UINT64_MAX);
      hart->s.instret++;
      g_assert_cmphex (read_csr (hart, number), ==, limits[i].ones);
      write_csr (hart, number, 0);
      hart->s.instret++;
      g_assert_cmphex (read_csr (hart, number), ==, limits[i].zeros);
      hart->s.mstatus |= COP_MSTATUS_FS;
    }
  test_hart_free (&test);
}

static void
test_small_hart (void)
{
  static const unsigned gone[] = { 0x001, 0x003, 0x100, 0x180, 0x302, 0x14d, 0xc00, 0xc03, 0x30a };
  TestHart test = test_hart_new (COP_ISA (I) | COP_ISA (ZICSR));
  CopHart *hart = test.hart;

  g_test_summary ("registers and fields of extensions that are off do not exist");
  for (unsigned i = 0; i < G_N_ELEMENTS (gone); i++)
    g_assert_false (try_read (hart, gone[i]));
  hart->s.mstatus = COP_MSTATUS_MPP;
  write_csr (hart, MSTATUS, ~COP_MSTATUS_MPP);
  g_assert_cmphex (read_csr (hart, MSTATUS), ==, 0x1888);
  g_assert_cmphex (read_csr (hart, 0x301), ==, UINT64_C (0x8000000000000100));
  write_csr (hart, 0x304, UINT64_MAX);
  g_assert_cmphex (read_csr (hart, 0x304), ==, 0x888);
  write_csr (hart, 0x341, UINT64_MAX);
  g_assert_cmphex (read_csr (hart, 0x341), ==, UINT64_MAX - 3);
  test_hart_free (&test);
}

static void
test_mstatus_mpp (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  for (uint64_t mpp = 0; mpp < 4; mpp++)
    {
      uint64_t before = hart->s.mstatus & COP_MSTATUS_MPP;

      write_csr (hart, MSTATUS, mpp << 11);
      g_assert_cmphex (read_csr (hart, MSTATUS) & COP_MSTATUS_MPP, ==,
                       mpp == 2 ? before : mpp << 11);
    }
  test_hart_free (&test);
}

static void
test_satp (void)
{
  TestHart test = test_hart_new (cop_isa_default () & ~COP_ISA (SV57));
  CopHart *hart = test.hart;
  uint64_t sv39 = UINT64_C (0x8abcd00000080000), sv48 = UINT64_C (0x9fff0fffffffffff);

  g_test_summary ("a mode that is not there leaves satp alone; TVM keeps S mode out");
  write_csr (hart, 0x180, sv39);
  g_assert_cmphex (read_csr (hart, 0x180), ==, sv39);
  for (uint64_t mode = 1; mode < 16; mode++)
    if (mode != 8 && mode != 9)
      {
        write_csr (hart, 0x180, mode << 60 | 0x1234);
        g_assert_cmphex (read_csr (hart, 0x180), ==, sv39);
      }
  hart->s.reservation_size = 8;
  write_csr (hart, 0x180, sv48);
  g_assert_cmphex (read_csr (hart, 0x180), ==, sv48);
  g_assert_cmpuint (hart->s.reservation_size, ==, 0);

  hart->s.priv = COP_PRIV_S;
  g_assert_true (try_read (hart, 0x180));
  g_assert_true (cop_csr_sfence_allowed (hart));
  hart->s.mstatus |= COP_MSTATUS_TVM;
  g_assert_false (try_read (hart, 0x180));
  g_assert_false (cop_csr_write (hart, 0x180, 0));
  g_assert_false (cop_csr_sfence_allowed (hart));
  hart->s.priv = COP_PRIV_M;
  g_assert_true (try_read (hart, 0x180));
  g_assert_true (cop_csr_sfence_allowed (hart));
  test_hart_free (&test);
}

static void
test_floating_point (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;
  uint64_t old = 0;

  g_test_summary ("fcsr is closed while FS is Off, and writing it makes FS dirty");
  g_assert_false (try_read (hart, 0x003));
  hart->s.mstatus = UINT64_C (1) << 13;
  cop_hart_update_view (hart);
  cop_fpu_enter (hart);
  g_assert_cmphex (read_csr (hart, 0x003), ==, 0);
  g_assert_cmphex (read_csr (hart, MSTATUS) & COP_MSTATUS_FS, ==, UINT64_C (1) << 13);
  write_csr (hart, 0x003, 0x7f);
  g_assert_cmphex (read_csr (hart, MSTATUS) & (COP_MSTATUS_FS | COP_MSTATUS_SD), ==,
                   COP_MSTATUS_FS | COP_MSTATUS_SD);
  g_assert_cmphex (hart->mode & COP_MODE_FRM_MASK, ==, 3);
  g_assert_cmphex (read_csr (hart, 0x001), ==, 0x1f);
  g_assert_true (cop_csr_modify (hart, 0x001, 0x10, 0, &old));
  g_assert_cmphex (old, ==, 0x1f);
  g_assert_cmphex (read_csr (hart, 0x003), ==, 0x6f);
  write_csr (hart, 0x002, 1);
  g_assert_cmphex (read_csr (hart, 0x003), ==, 0x2f);
  cop_fpu_leave (hart);
  test_hart_free (&test);
}

static void
test_counter_enable (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  g_test_summary ("each counter opens with its own bit, U mode needs both registers");
  for (unsigned i = 0; i < 32; i++)
    for (unsigned enables = 0; enables < 4; enables++)
      {
        hart->s.mcounteren = enables & 1 ? 1u << i : ~(1u << i);
        hart->s.scounteren = enables & 2 ? 1u << i : ~(1u << i);
        hart->s.priv = COP_PRIV_S;
        g_assert_true (try_read (hart, 0xc00 + i) == (enables & 1));
        hart->s.priv = COP_PRIV_U;
        g_assert_true (try_read (hart, 0xc00 + i) == (enables == 3));
        hart->s.priv = COP_PRIV_M;
        g_assert_true (try_read (hart, 0xc00 + i));
      }
  test_hart_free (&test);
}

static void
test_sstc (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  g_test_summary ("stimecmp needs STCE and TM in S mode, and takes STIP from software");
  hart->s.priv = COP_PRIV_S;
  g_assert_false (try_read (hart, 0x14d));
  hart->s.menvcfg = UINT64_C (1) << 63;
  g_assert_false (try_read (hart, 0x14d));
  hart->s.mcounteren = 2;
  g_assert_true (try_read (hart, 0x14d));
  hart->s.menvcfg = 0;
  g_assert_false (try_read (hart, 0x14d));

  hart->s.priv = COP_PRIV_M;
  write_csr (hart, 0x344, COP_IRQ_BIT (COP_IRQ_STI));
  g_assert_cmphex (read_csr (hart, 0x344), ==, COP_IRQ_BIT (COP_IRQ_STI));
  write_csr (hart, 0x30a, UINT64_C (1) << 63);
  g_assert_cmphex (read_csr (hart, 0x344), ==, 0);
  write_csr (hart, 0x344, COP_IRQ_BIT (COP_IRQ_STI));
  g_assert_cmphex (read_csr (hart, 0x344), ==, 0);
  cop_hart_set_irq (hart, COP_IRQ_STI, true);
  g_assert_cmphex (read_csr (hart, 0x344), ==, COP_IRQ_BIT (COP_IRQ_STI));
  test_hart_free (&test);
}

static void
test_delegated_views (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  g_test_summary ("sie and sip show and change delegated interrupts only");
  write_csr (hart, 0x304, 0x2aaa);
  write_csr (hart, 0x344, 0x2222);
  g_assert_cmphex (read_csr (hart, 0x104), ==, 0);
  g_assert_cmphex (read_csr (hart, 0x144), ==, 0);
  write_csr (hart, 0x303, COP_IRQ_BIT (COP_IRQ_SSI) | COP_IRQ_BIT (COP_IRQ_SEI));
  g_assert_cmphex (read_csr (hart, 0x104), ==, 0x202);
  g_assert_cmphex (read_csr (hart, 0x144), ==, 0x202);
  write_csr (hart, 0x104, 0);
  g_assert_cmphex (read_csr (hart, 0x304), ==, 0x28a8);
  /* SEIP is read-only in sip. */
  write_csr (hart, 0x144, 0);
  g_assert_cmphex (read_csr (hart, 0x344), ==, 0x2220);
  test_hart_free (&test);
}

static void
test_seip_is_not_written_back (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;
  uint64_t old = 0;

  g_test_summary ("csrrs of another bit of mip does not latch the interrupt controller's SEIP");
  cop_hart_set_irq (hart, COP_IRQ_SEI, true);
  g_assert_true (cop_csr_modify (hart, 0x344, 0, COP_IRQ_BIT (COP_IRQ_SSI), &old));
  g_assert_cmphex (old, ==, COP_IRQ_BIT (COP_IRQ_SEI));
  cop_hart_set_irq (hart, COP_IRQ_SEI, false);
  g_assert_cmphex (read_csr (hart, 0x344), ==, COP_IRQ_BIT (COP_IRQ_SSI));
  test_hart_free (&test);
}

#define ROUNDS 200000

/* Another hart that sends interrupts and takes them back, as nobody else does. */
static gpointer
send_interrupts (gpointer data)
{
  CopHart *hart = data;

  for (unsigned i = 0; i < ROUNDS; i++)
    {
      cop_hart_set_irq (hart, COP_IRQ_SSI, true);
      g_assert_true (cop_hart_mip (hart) & COP_IRQ_BIT (COP_IRQ_SSI));
      cop_hart_set_irq (hart, COP_IRQ_SSI, false);
    }
  return NULL;
}

static void
test_mip_keeps_what_comes_meanwhile (void)
{
  static const unsigned numbers[] = { 0x344, 0x144 };
  TestHart test = test_hart_new (cop_isa_default ());
  uint64_t overflow = COP_IRQ_BIT (COP_IRQ_LCOFI), old;

  g_test_summary ("csrrs and csrrc of one bit of mip lose no interrupt that another hart sends");
  write_csr (test.hart, 0x303, overflow | COP_IRQ_BIT (COP_IRQ_SSI));
  for (unsigned i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      GThread *sender = g_thread_new ("sender", send_interrupts, test.hart);

      for (unsigned j = 0; j < ROUNDS; j++)
        {
          g_assert_true (cop_csr_modify (test.hart, numbers[i], 0, overflow, &old));
          g_assert_false (old & overflow);
          g_assert_true (cop_csr_modify (test.hart, numbers[i], overflow, 0, &old));
          g_assert_true (old & overflow);
        }
      g_thread_join (sender);
    }
  test_hart_free (&test);
}

static void
test_cache_block_operations (void)
{
  /* clang-format off */
  static const struct { CopCbo cbo; uint64_t bits; } operations[] = {
    { COP_CBO_INVAL, 0x10 }, { COP_CBO_INVAL, 0x30 }, { COP_CBO_CLEAN, 0x40 },
    { COP_CBO_FLUSH, 0x40 }, { COP_CBO_ZERO, 0x80 },
  };
  /* clang-format on */
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    for (unsigned enables = 0; enables < 4; enables++)
      {
        hart->s.priv = COP_PRIV_M;
        write_csr (hart, 0x30a, enables & 1 ? operations[i].bits : 0xf0 & ~operations[i].bits);
        write_csr (hart, 0x10a, enables & 2 ? operations[i].bits : 0);
        if (operations[i].cbo == COP_CBO_INVAL && !(enables & 1))
          write_csr (hart, 0x30a, 0xc0);
        g_assert_true (cop_csr_cbo_allowed (hart, operations[i].cbo));
        hart->s.priv = COP_PRIV_S;
        g_assert_true (cop_csr_cbo_allowed (hart, operations[i].cbo) == (enables & 1));
        hart->s.priv = COP_PRIV_U;
        g_assert_true (cop_csr_cbo_allowed (hart, operations[i].cbo) == (enables == 3));
      }
  hart->s.priv = COP_PRIV_M;
  write_csr (hart, 0x30a, 0x10);
  write_csr (hart, 0x30a, 0x20);
  g_assert_cmphex (read_csr (hart, 0x30a), ==, 0x10);
  test_hart_free (&test);
}

static void
test_wfi (void)
{
  /* clang-format off */
  static const struct { CopPriv priv; bool tw, with_s, allowed; } cases[] = {
    { COP_PRIV_M, true,  true,  true  }, { COP_PRIV_M, false, true,  true  },
    { COP_PRIV_S, true,  true,  false }, { COP_PRIV_S, false, true,  true  },
    { COP_PRIV_U, true,  true,  false }, { COP_PRIV_U, false, true,  false },
    { COP_PRIV_U, true,  false, false }, { COP_PRIV_U, false, false, true  },
  };
  /* clang-format on */

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TestHart test = test_hart_new (cop_isa_default () & ~(cases[i].with_s ? 0 : COP_ISA (S)));

      test.hart->s.priv = cases[i].priv;
      test.hart->s.mstatus = cases[i].tw ? COP_MSTATUS_TW : 0;
      g_assert_true (cop_csr_wfi_allowed (test.hart) == cases[i].allowed);
      test_hart_free (&test);
    }
}

static void
test_state_stays_valid (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  g_test_summary ("whatever software writes to CSRs, the state can be saved and loaded");
  for (unsigned round = 0; round < 2000; round++)
    {
      g_autoptr (GError) error = NULL;

      hart->s.priv = COP_PRIV_M;
      for (unsigned i = 0; i < 20; i++)
        {
          uint64_t value = (uint64_t) g_test_rand_int () << 32 | (uint32_t) g_test_rand_int ();

          cop_csr_write (hart, g_test_rand_int_range (0, 4096), value);
          cop_csr_write (hart, 0x300, value);
        }
      cop_state_check (&cop_hart_state_table, &hart->s, &error);
      g_assert_no_error (error);
    }
  test_hart_free (&test);
}

/* A change to a valid state that must not be loaded. */
static const struct
{
  const char *member;
  uint64_t    value;
} bad_states[] = {
  { "mstatus", COP_MSTATUS_SD },
  { "mstatus", UINT64_C (2) << 11 },
  { "priv", 2 },
  { "priv", 4 },
  { "satp", UINT64_C (1) << 60 },
  { "satp", UINT64_C (11) << 60 },
  { "pc", 1 },
  { "mepc", 1 },
  { "stvec", 2 },
  { "mip", COP_IRQ_BIT (COP_IRQ_MTI) },
  { "reservation_size", 1 },
  { "hsm_status", 7 },
};

static void
test_bad_states (void)
{
  TestHart test = test_hart_new (cop_isa_default ());

  g_test_summary ("a document cannot put a hart into a state that software could not");
  for (unsigned i = 0; i < G_N_ELEMENTS (bad_states); i++)
    {
      const CopStateRow *row = cop_state_table_find (&cop_hart_state_table, bad_states[i].member);
      CopHartState state = test.hart->s;
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", bad_states[i].member);
      g_assert_nonnull (row);
      memcpy ((uint8_t *) &state + row->offset, &bad_states[i].value, row->size);
      g_assert_false (cop_state_check (&cop_hart_state_table, &state, &error));
      g_assert_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE);
      g_assert_nonnull (strstr (error->message, bad_states[i].member));
    }
  test_hart_free (&test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/riscv/csr/privilege", test_privilege_follows_from_the_number);
  g_test_add_func ("/engine/riscv/csr/limits", test_limits);
  g_test_add_func ("/engine/riscv/csr/small-hart", test_small_hart);
  g_test_add_func ("/engine/riscv/csr/mpp", test_mstatus_mpp);
  g_test_add_func ("/engine/riscv/csr/satp", test_satp);
  g_test_add_func ("/engine/riscv/csr/floating-point", test_floating_point);
  g_test_add_func ("/engine/riscv/csr/counter-enable", test_counter_enable);
  g_test_add_func ("/engine/riscv/csr/sstc", test_sstc);
  g_test_add_func ("/engine/riscv/csr/delegated-views", test_delegated_views);
  g_test_add_func ("/engine/riscv/csr/seip", test_seip_is_not_written_back);
  g_test_add_func ("/engine/riscv/csr/mip-meanwhile", test_mip_keeps_what_comes_meanwhile);
  g_test_add_func ("/engine/riscv/csr/cache-blocks", test_cache_block_operations);
  g_test_add_func ("/engine/riscv/csr/wfi", test_wfi);
  g_test_add_func ("/engine/riscv/csr/state-stays-valid", test_state_stays_valid);
  g_test_add_func ("/engine/riscv/csr/bad-states", test_bad_states);
  return g_test_run ();
}
