/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pages that share a slot in the front of the TLB, as translated code finds them: behind, and from
 * then on in front, as they are behind.
 */
#include "common/units.h"
#include "engine/engine.h"
#include "engine/jit/engine.h"
#include "engine/riscv/mmu.h"

#define DRAM UINT64_C (0x80000000)
#define CODE (DRAM + 0x10000)
#define PAGE COP_PAGE_SIZE
/* Apart by as much: one slot in front, two behind. */
#define FRONT_ALIAS (PAGE << COP_TLB_FRONT_BITS)

/* a0 from, or to, where @reg points. */
#define LD(reg) (0x00003503u | (uint32_t) (reg) << 15)
#define SD(reg) (0x00a03023u | (uint32_t) (reg) << 15)
#define STAY 0x0000006fu /* jal zero, 0 */
#define STEP 1000 /* instructions, of which the last few are the interpreter's */
#define WARM 4

enum
{
  A0 = 10,
  A1,
  A2,
};

typedef struct
{
  CopEngineConfig config;
  CopRam *ram;
  CopHart *hart;
  CopEngine *engine;
} Side;

/* Two accesses, each apart from the other and in no loop. */
static void
side_init (Side *side, CopAccess access, uint64_t address)
{
  const uint32_t code[] = {
    access == COP_ACCESS_STORE ? SD (A1) : LD (A1),
    STAY,
    access == COP_ACCESS_STORE ? SD (A2) : LD (A2),
    STAY,
  };
  g_autoptr (GError) error = NULL;
  CopHartState state;

  *side = (Side){ 0 };
  side->ram = cop_ram_new (DRAM, 16 * COP_MIB, -1, NULL);
  side->hart = cop_hart_new (NULL, side->ram, 0, cop_isa_default ());
  side->engine = cop_jit_ops.create (NULL, side->ram, &side->config, &error);
  g_assert_no_error (error);
  cop_jit_ops.attach (side->engine, side->hart);
  cop_hart_unpark (side->hart);
  cop_ram_write (side->ram, CODE, code, sizeof code);
  cop_jit_ops.get_vcpu_state (side->engine, side->hart, &state);
  state.x[A0] = 7;
  state.x[A1] = address;
  state.x[A2] = address + FRONT_ALIAS;
  cop_jit_ops.set_vcpu_state (side->engine, side->hart, &state);
}

static void
side_clear (Side *side)
{
  cop_hart_park (side->hart);
  cop_jit_ops.detach (side->engine, side->hart);
  cop_jit_ops.destroy (side->engine);
  cop_hart_free (side->hart);
  cop_ram_free (side->ram);
}

/* Returns: what is in a0 behind access @n */
static uint64_t
run_access (Side *side, unsigned n)
{
  side->hart->s.pc = CODE + 8 * n;
  g_assert_cmpint (cop_jit_ops.run (side->engine, side->hart, side->hart->s.instret + STEP), ==,
                   COP_RUN_LIMIT);
  return side->hart->s.x[A0];
}

static uint64_t
misses (const Side *side)
{
  return side->hart->stats.tlb_misses[COP_ACCESS_LOAD] +
         side->hart->stats.tlb_misses[COP_ACCESS_STORE];
}

/* As emitted code asks. */
static bool
is_in_front (const Side *side, uint64_t address, CopAccess access)
{
  return address - cop_tlb_front (side->hart->tlb, address)->tag[access] < PAGE;
}

static bool
is_behind (const Side *side, uint64_t address, CopAccess access)
{
  return side->hart->tlb->entries[cop_tlb_slot (address)].tag[access] == (address & -PAGE);
}

static void
check_slot (CopAccess access, uint64_t address, bool is_edge)
{
  const uint64_t values[] = { 11, 12 };
  Side side;
  uint64_t filled;

  side_init (&side, access, address);
  for (unsigned i = 0; i < 2; i++)
    cop_ram_write (side.ram, address + i * FRONT_ALIAS, &values[i], sizeof values[i]);
  for (unsigned i = 0; i < 2 * WARM; i++)
    run_access (&side, i % 2);
  g_assert_false (is_in_front (&side, address, access));
  g_assert_true (is_in_front (&side, address + FRONT_ALIAS, access));

  filled = misses (&side);
  for (unsigned i = 0; i < 2; i++)
    {
      uint64_t here = address + i * FRONT_ALIAS;

      g_assert_cmpuint (run_access (&side, i), ==, access == COP_ACCESS_STORE ? 7 : values[i]);
      /* What is done where the slot is the first or the last, is not asked. */
      g_assert_true (is_edge || is_in_front (&side, here, access));
      for (unsigned any = 0; any < 3; any++)
        g_assert_true (!is_in_front (&side, here, any) || is_behind (&side, here, any));
    }
  g_assert_cmpuint (misses (&side), ==, filled);

  cop_mmu_flush_all (side.hart);
  for (unsigned i = 0; i < 2; i++)
    g_assert_false (is_in_front (&side, address + i * FRONT_ALIAS, access));
  side_clear (&side);
}

static void
test_front (void)
{
  g_test_summary ("translated code brings what it finds behind to the front");
  for (unsigned slot = 0; slot < COP_TLB_FRONT_SIZE; slot++)
    {
      bool is_edge = slot == 0 || slot == COP_TLB_FRONT_SIZE - 1;
      uint64_t address = DRAM + FRONT_ALIAS + slot * PAGE;

      /* Code that was just entered stands in the slot as well. */
      if (cop_tlb_front_slot (address) == cop_tlb_front_slot (CODE) ||
          (!is_edge && slot % 101 != 0))
        continue;
      check_slot (COP_ACCESS_LOAD, address, is_edge);
      check_slot (COP_ACCESS_STORE, address, is_edge);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/front", test_front);
  return g_test_run ();
}
