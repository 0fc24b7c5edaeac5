/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the ranges beside the TLB may remember: nothing that a fence names, and no permission to write
 * that a page has lost. The tests do what emitted code does: they take a page into a range when the
 * TLB lets it through, and go by the range alone from then on.
 */
#include "mmu-fixture.h"

#define GVA UINT64_C (0x10000000)
#define RANGE 7

static void
fill (CopTlb *tlb, CopTlbRanges *ranges, uint64_t gva, CopAccess access)
{
  const uint8_t *hva = cop_tlb_lookup (tlb, gva, 8, access);

  g_assert_nonnull (hva);
  ranges->start[RANGE] = gva & ~(TEST_PAGE - 1);
  ranges->length[RANGE] = TEST_PAGE - (COP_TLB_RANGE_SHORT - 1);
  ranges->long_length[RANGE] = TEST_PAGE - (COP_TLB_RANGE_LONG - 1);
  ranges->frame_length[RANGE] = TEST_PAGE - (COP_TLB_RANGE_FRAME - 1);
  ranges->addend[RANGE] = (uint64_t) (uintptr_t) hva - gva;
  ranges->used = true;
}

static bool
holds (const CopTlbRanges *ranges, uint64_t gva)
{
  return gva - ranges->start[RANGE] < ranges->length[RANGE] ||
         gva - ranges->start[RANGE] < ranges->long_length[RANGE] ||
         gva - ranges->start[RANGE] < ranges->frame_length[RANGE];
}

static void
fill_both (Mmu *mmu)
{
  g_assert_cmpint (mmu_store (mmu, GVA, 1), ==, COP_TRAP_NONE);
  fill (mmu->hart->tlb, &mmu->hart->tlb->loads, GVA, COP_ACCESS_LOAD);
  fill (mmu->hart->tlb, &mmu->hart->tlb->stores, GVA, COP_ACCESS_STORE);
}

static void
test_fences (void)
{
  static const struct
  {
    uint64_t gva, length, asid;
  } fences[] = {
    { 0, ALL, ALL }, { 0, ALL, 1 }, { GVA, 1, ALL }, { GVA, 1, 1 }, { GVA - TEST_PAGE, 0x2000, ALL },
  };
  Mmu mmu;

  g_test_summary ("each form of sfence.vma that names a page takes it out of ranges");
  mmu_init (&mmu, SV39);
  mmu_map (&mmu, GVA, TEST_DATA, PTE_RW | PTE_U);
  mmu_set_priv (&mmu, COP_PRIV_U);
  for (unsigned i = 0; i < G_N_ELEMENTS (fences); i++)
    {
      fill_both (&mmu);
      cop_mmu_sfence (mmu.hart, fences[i].gva, fences[i].length, fences[i].asid);
      g_assert_false (holds (&mmu.hart->tlb->loads, GVA));
      g_assert_false (holds (&mmu.hart->tlb->stores, GVA));
    }
  mmu_clear (&mmu);
}

static void
test_revoke (void)
{
  CopTlb *tlb;
  Mmu mmu;

  g_test_summary ("a page that gets code is in no range for stores, though the TLB forgot it before");
  mmu_init (&mmu, SV39);
  mmu_map (&mmu, GVA, TEST_DATA, PTE_RW);
  tlb = mmu.hart->tlb;
  fill_both (&mmu);
  /* As when another page takes the slot. */
  for (unsigned i = 0; i < G_N_ELEMENTS (tlb->entries[0].tag); i++)
    {
      tlb->entries[cop_tlb_slot (GVA)].tag[i] = COP_TLB_NO_TAG;
      tlb->front[cop_tlb_front_slot (GVA)].tag[i] =
        cop_tlb_front_no_tag (cop_tlb_front_slot (GVA));
    }
  memset (mmu.hart->writers, 0, sizeof mmu.hart->writers);
  cop_mmu_watch_code (mmu.hart, TEST_DATA, 4);
  g_assert_true (holds (&tlb->loads, GVA));
  g_assert_false (holds (&tlb->stores, GVA));
  cop_mmu_unwatch_code (mmu.ram, TEST_DATA, 4);
  mmu_clear (&mmu);
}

static void
test_wide (void)
{
  const uint64_t size = TEST_PAGE << 9;
  uint64_t base = 4 * size, first, *entry;
  const CopTlbRange *wide;
  Mmu mmu;

  g_test_summary ("loads may go to all of a large page, as far as there is memory, until a fence");
  mmu_init (&mmu, SV39);
  entry = mmu_map_in (&mmu, mmu.root, base, TEST_DATA & -size, 1, PTE_RW);
  first = base + (TEST_DATA & (size - 1));
  mmu_read (&mmu, first);
  wide = &mmu.hart->tlb->wide;
  g_assert_cmphex (wide->start, >=, base);
  g_assert_cmphex (wide->start + wide->length + COP_TLB_RANGE_SHORT - 1, <=, base + size);
  g_assert_cmphex (first - wide->start, <, wide->length);
  g_assert_cmphex (wide->start + wide->addend, >=, (uint64_t) (uintptr_t) mmu.ram->dram.hva);
  g_assert_cmphex (first + wide->addend, ==, (uint64_t) (uintptr_t) mmu_word (&mmu, TEST_DATA));
  *entry = 0;
  cop_mmu_sfence (mmu.hart, base + size - 1, 1, ALL);
  g_assert_cmphex (wide->length, ==, 0);
  mmu_clear (&mmu);
}

static void
test_widen (void)
{
  static const uint8_t memory[4096];
  CopTlb *tlb = g_new0 (CopTlb, 1);

  g_test_summary ("what touches the wide range makes it wider, what lies elsewhere takes its place");
  cop_tlb_widen (tlb, 0x10000, 1024, memory + 1024);
  cop_tlb_widen (tlb, 0x10400, 1024, memory + 2048);
  g_assert_cmphex (tlb->wide.start, ==, 0x10000);
  g_assert_cmphex (tlb->wide.length, ==, 2048 - 7);
  cop_tlb_widen (tlb, 0xfc00, 1024, memory);
  g_assert_cmphex (tlb->wide.start, ==, 0xfc00);
  g_assert_cmphex (tlb->wide.length, ==, 3072 - 7);
  /* The next addresses, but other memory. */
  cop_tlb_widen (tlb, 0x10800, 1024, memory);
  g_assert_cmphex (tlb->wide.start, ==, 0x10800);
  g_assert_cmphex (tlb->wide.length, ==, 1024 - 7);
  g_free (tlb);
}

static void
test_patience (void)
{
  g_autofree CopTlbRanges *ranges = g_new0 (CopTlbRanges, 1);
  uint64_t now = 10 * COP_TLB_PATIENCE_INSNS;

  g_test_summary ("a range that is filled seldom is kept, one that is filled all the time given up");
  g_assert_false (cop_tlb_lose_patience (ranges, RANGE, now));
  g_assert_cmpint (ranges->patience[RANGE], ==, COP_TLB_PATIENCE);
  now += COP_TLB_PATIENCE_INSNS;
  g_assert_false (cop_tlb_lose_patience (ranges, RANGE, now));
  now += COP_TLB_PATIENCE_INSNS - 1;
  g_assert_true (cop_tlb_lose_patience (ranges, RANGE, now));
  g_assert_false (cop_tlb_lose_patience (ranges, RANGE + 1, now));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tlb-ranges/fences", test_fences);
  g_test_add_func ("/tlb-ranges/revoke", test_revoke);
  g_test_add_func ("/tlb-ranges/wide", test_wide);
  g_test_add_func ("/tlb-ranges/widen", test_widen);
  g_test_add_func ("/tlb-ranges/patience", test_patience);
  return g_test_run ();
}
