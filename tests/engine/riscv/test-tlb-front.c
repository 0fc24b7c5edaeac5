/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The front of the TLB: that emitted code's comparison, gva - tag, never takes an empty slot for a
 * page, and that the front has nothing that the entries behind do not have.
 */
#include "mmu-fixture.h"

/* Apart by as much: one slot in front, two behind. */
#define FRONT_ALIAS (TEST_PAGE << COP_TLB_FRONT_BITS)
#define GVA UINT64_C (0x10000000)

static bool
is_in_front (Mmu *mmu, uint64_t gva, CopAccess access)
{
  const CopTlbEntry *entry = cop_tlb_front (mmu->hart->tlb, gva);

  /* What emitted code asks. */
  g_assert_cmpint (gva - entry->tag[access] < TEST_PAGE, ==,
                   cop_tlb_lookup (mmu->hart->tlb, gva, 1, access) != NULL);
  return gva - entry->tag[access] < TEST_PAGE;
}

static bool
is_behind (Mmu *mmu, uint64_t gva, CopAccess access)
{
  const CopTlb *tlb = mmu->hart->tlb;

  return tlb->entries[cop_tlb_slot (gva)].tag[access] == (gva & -TEST_PAGE);
}

static void
test_empty (void)
{
  Mmu mmu;

  g_test_summary ("no address of a slot seems to be on the page of an empty one");
  mmu_init (&mmu, SV39);
  for (unsigned slot = 0; slot < COP_TLB_FRONT_SIZE; slot++)
    for (unsigned i = 0; i < 4; i++)
      {
        uint64_t top = i & 1 ? -FRONT_ALIAS : 0;
        uint64_t gva = top + slot * TEST_PAGE + (i & 2 ? TEST_PAGE - 1 : 0);

        g_assert_cmpuint (cop_tlb_front_slot (gva), ==, slot);
        g_assert_false (is_in_front (&mmu, gva, COP_ACCESS_LOAD));
        g_assert_cmphex (gva - cop_tlb_front_no_tag (slot), >=, TEST_PAGE);
      }
  mmu_clear (&mmu);
}

static void
test_aliases (void)
{
  Mmu mmu;

  g_test_summary ("pages that share a slot in front are all found behind, and brought to the front");
  mmu_init (&mmu, SV39);
  for (unsigned i = 0; i < 8; i++)
    mmu_map (&mmu, GVA + i * FRONT_ALIAS, TEST_DATA + i * TEST_PAGE, PTE_RW);
  for (unsigned i = 0; i < 8; i++)
    g_assert_cmpint (mmu_store (&mmu, GVA + i * FRONT_ALIAS, i), ==, COP_TRAP_NONE);
  for (unsigned i = 0; i < 8; i++)
    {
      uint64_t gva = GVA + i * FRONT_ALIAS, misses = mmu.hart->stats.tlb_misses[COP_ACCESS_LOAD];

      g_assert_true (is_behind (&mmu, gva, COP_ACCESS_LOAD));
      g_assert_cmpint (is_in_front (&mmu, gva, COP_ACCESS_LOAD), ==, i == 7);
      g_assert_cmphex (mmu_read (&mmu, gva), ==, i);
      g_assert_cmpuint (mmu.hart->stats.tlb_misses[COP_ACCESS_LOAD], ==, misses);
      g_assert_true (is_in_front (&mmu, gva, COP_ACCESS_STORE));
      mmu_store (&mmu, GVA + 7 * FRONT_ALIAS, 7);
    }
  mmu_clear (&mmu);
}

static void
test_evicted (void)
{
  /* One slot behind, two in front. */
  const uint64_t other = GVA ^ TEST_PAGE << COP_TLB_BITS ^ TEST_PAGE;
  Mmu mmu;

  g_test_summary ("what loses its place behind is not in front any more");
  mmu_init (&mmu, SV39);
  mmu_map (&mmu, GVA, TEST_DATA, PTE_RW);
  mmu_map (&mmu, other, TEST_DATA + TEST_PAGE, PTE_RW);
  g_assert_cmpuint (cop_tlb_slot (GVA), ==, cop_tlb_slot (other));
  g_assert_cmpuint (cop_tlb_front_slot (GVA), !=, cop_tlb_front_slot (other));
  g_assert_cmpint (mmu_store (&mmu, GVA, 1), ==, COP_TRAP_NONE);
  g_assert_true (is_in_front (&mmu, GVA, COP_ACCESS_STORE));
  mmu_read (&mmu, other);
  g_assert_false (is_in_front (&mmu, GVA, COP_ACCESS_LOAD));
  g_assert_false (is_in_front (&mmu, GVA, COP_ACCESS_STORE));
  mmu_clear (&mmu);
}

static void
test_dropped (void)
{
  Mmu mmu;

  g_test_summary ("fences and lost write entries reach the front");
  mmu_init (&mmu, SV39);
  mmu_map (&mmu, GVA, TEST_DATA, PTE_RW);
  mmu_map (&mmu, 0, TEST_DATA + TEST_PAGE, PTE_RW);
  for (unsigned i = 0; i < 2; i++)
    {
      uint64_t gva = i * GVA;

      g_assert_cmpint (mmu_store (&mmu, gva, 1), ==, COP_TRAP_NONE);
      cop_mmu_watch_code (mmu.hart, i == 0 ? TEST_DATA + TEST_PAGE : TEST_DATA, 4);
      g_assert_true (is_in_front (&mmu, gva, COP_ACCESS_LOAD));
      g_assert_false (is_in_front (&mmu, gva, COP_ACCESS_STORE));
      cop_mmu_sfence (mmu.hart, gva, 1, ALL);
      g_assert_false (is_in_front (&mmu, gva, COP_ACCESS_LOAD));
      mmu_read (&mmu, gva);
      g_assert_true (is_in_front (&mmu, gva, COP_ACCESS_LOAD));
      cop_mmu_sfence (mmu.hart, 0, ALL, 1);
      g_assert_false (is_in_front (&mmu, gva, COP_ACCESS_LOAD));
    }
  mmu_clear (&mmu);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tlb-front/empty", test_empty);
  g_test_add_func ("/tlb-front/aliases", test_aliases);
  g_test_add_func ("/tlb-front/evicted", test_evicted);
  g_test_add_func ("/tlb-front/dropped", test_dropped);
  return g_test_run ();
}
