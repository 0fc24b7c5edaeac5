/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the software TLB may remember: fences, address spaces, views, and the watch on code.
 *
 * Every fence is tested by changing an entry under a translation that was used. Whether the old one
 * is still used before the fence is nobody's business; after it, it must not be.
 */
#include "mmu-fixture.h"

/* The first word of each page of data is its own address. */
static void
number_data (Mmu *mmu, unsigned n_pages)
{
  for (unsigned i = 0; i < n_pages; i++)
    *mmu_word (mmu, TEST_DATA + i * TEST_PAGE) = TEST_DATA + i * TEST_PAGE;
}

static void
init (Mmu *mmu)
{
  mmu_init (mmu, SV39);
  number_data (mmu, 1024);
}

typedef struct
{
  uint64_t first, length;       /* of the fence; ALL */
  uint64_t asid;                /* ALL; the tested page is in address space 1 */
  bool     global;              /* whether the page is */
} FenceRow;

#define AT UINT64_C (0x7ffff000)
#define TOP (-TEST_PAGE)

/* clang-format off */
static const FenceRow fence_rows[] = {
  { 0,                    ALL,                  ALL, false },
  { 0,                    ALL,                  ALL, true  },
  { 0,                    ALL,                  1,   false },
  { AT,                   1,                    ALL, false },
  { AT,                   1,                    ALL, true  },
  { AT + 0xfff,           1,                    ALL, false },
  { AT,                   1,                    1,   false },
  { AT - 1,               2,                    ALL, false },
  { AT - 63 * TEST_PAGE,  64 * TEST_PAGE,       ALL, false },
  { AT - 63 * TEST_PAGE,  64 * TEST_PAGE,       1,   false },
  { AT - 64 * TEST_PAGE,  65 * TEST_PAGE,       ALL, true  },
  { AT - 0x40000000,      0x40000000 + 1,       ALL, false },
  { 0,                    AT + 1,               ALL, false },
};
/* clang-format on */

/* Uses @gva of @row's kind, changes it, fences, and looks at what is used then. */
static void
check_fence (const FenceRow *row, uint64_t gva, uint64_t shift, CopPriv priv)
{
  uint64_t flags = PTE_RWX | (row->global ? PTE_G : 0) | (priv == COP_PRIV_U ? PTE_U : 0);
  uint64_t *entry, gpa;
  Mmu mmu;

  init (&mmu);
  entry = mmu_map (&mmu, gva, TEST_DATA, flags);
  mmu_set_priv (&mmu, priv);
  g_assert_cmphex (mmu_read (&mmu, gva), ==, TEST_DATA);
  g_assert_cmpint (mmu_fetch (&mmu, gva, &gpa), ==, COP_TRAP_NONE);
  *entry = (TEST_DATA + TEST_PAGE) >> 2 | flags;
  cop_mmu_sfence (mmu.hart, row->length == ALL ? 0 : row->first + shift, row->length, row->asid);
  g_assert_cmphex (mmu_read (&mmu, gva), ==, TEST_DATA + TEST_PAGE);
  g_assert_cmpint (mmu_store (&mmu, gva + 8, 1), ==, COP_TRAP_NONE);
  g_assert_cmphex (*mmu_word (&mmu, TEST_DATA + TEST_PAGE + 8), ==, 1);
  g_assert_cmpint (mmu_fetch (&mmu, gva, &gpa), ==, COP_TRAP_NONE);
  g_assert_cmphex (gpa, ==, TEST_DATA + TEST_PAGE);
  *entry = 0;
  cop_mmu_sfence (mmu.hart, row->length == ALL ? 0 : row->first + shift, row->length, row->asid);
  for (CopAccess access = COP_ACCESS_LOAD; access <= COP_ACCESS_FETCH; access++)
    g_assert_cmpint (mmu_access (&mmu, gva, access), ==, mmu_page_fault (access));
  mmu_clear (&mmu);
}

static void
test_fences (void)
{
  g_test_summary ("every form of sfence.vma drops what it names, up to the end of the addresses");
  for (unsigned i = 0; i < G_N_ELEMENTS (fence_rows); i++)
    for (unsigned user = 0; user < 2; user++)
      {
        check_fence (&fence_rows[i], AT, 0, user ? COP_PRIV_U : COP_PRIV_S);
        if (fence_rows[i].first > AT / 2)
          check_fence (&fence_rows[i], TOP, TOP - AT, user ? COP_PRIV_U : COP_PRIV_S);
      }
}

static void
test_large_pages (void)
{
  static const struct
  {
    unsigned level;
    bool high; /* in the upper half of the addresses */
  } rows[] = { { 1, false }, { 2, false }, { 1, true }, { 2, true } };

  g_test_summary ("a fence of any address in a large page drops all that is known of it");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      uint64_t size = TEST_PAGE << 9 * rows[i].level;
      uint64_t base = rows[i].high ? -(4 * size) : 4 * size, offset = TEST_DATA & (size - 1);
      uint64_t *entry;
      Mmu mmu;

      init (&mmu);
      entry = mmu_map_in (&mmu, mmu.root, base, TEST_DATA & -size, rows[i].level, PTE_RWX);
      for (unsigned page = 0; page < 8; page++)
        g_assert_cmphex (mmu_read (&mmu, base + offset + page * TEST_PAGE), ==,
                         TEST_DATA + page * TEST_PAGE);
      *entry &= ~(uint64_t) PTE_V;
      cop_mmu_sfence (mmu.hart, base + size - 1, 1, ALL);
      for (unsigned page = 0; page < 8; page++)
        g_assert_cmpint (mmu_access (&mmu, base + offset + page * TEST_PAGE, COP_ACCESS_LOAD), ==,
                         COP_TRAP_LOAD_PAGE_FAULT);
      mmu_clear (&mmu);
    }
}

static void
test_napot_fence (void)
{
  Mmu mmu;

  g_test_summary ("a fence of one address in a NAPOT page drops all of it");
  init (&mmu);
  for (unsigned page = 0; page < 16; page++)
    mmu_map (&mmu, 0x10000 + page * TEST_PAGE, TEST_DATA + 0x8000, PTE_RW | PTE_N);
  for (unsigned page = 0; page < 16; page++)
    g_assert_cmphex (mmu_read (&mmu, 0x10000 + page * TEST_PAGE), ==, TEST_DATA + page * TEST_PAGE);
  for (unsigned page = 0; page < 16; page++)
    mmu_map (&mmu, 0x10000 + page * TEST_PAGE, TEST_DATA + 0x18000, PTE_RW | PTE_N);
  cop_mmu_sfence (mmu.hart, 0x1f123, 1, 1);
  for (unsigned page = 0; page < 16; page++)
    g_assert_cmphex (mmu_read (&mmu, 0x10000 + page * TEST_PAGE), ==,
                     TEST_DATA + 0x10000 + page * TEST_PAGE);
  mmu_clear (&mmu);
}

static void
test_pointers_to_tables (void)
{
  static const uint64_t gva = UINT64_C (0x400000000);     /* where a table's reach begins */
  static const unsigned spans[] = { 2, 5, 12 };          /* tables */
  uint64_t *pointer;
  Mmu mmu;

  g_test_summary ("a changed pointer to a table is seen after a fence that names one page below it");
  for (unsigned length = 1; length <= TEST_PAGE; length += TEST_PAGE - 1)
    for (unsigned level = 1; level <= 2; level++)
      {
        init (&mmu);
        mmu_map (&mmu, gva, TEST_DATA, PTE_RW);
        g_assert_cmphex (mmu_read (&mmu, gva), ==, TEST_DATA);
        pointer = mmu_entry (&mmu, mmu.root, gva, level);
        *pointer = 0;
        mmu_map (&mmu, gva, TEST_DATA + TEST_PAGE, PTE_RW);
        /* Of the longer one only the last byte lies on the page. */
        cop_mmu_sfence (mmu.hart, length == 1 ? gva : gva + 1 - length, length, ALL);
        g_assert_cmphex (mmu_read (&mmu, gva), ==, TEST_DATA + TEST_PAGE);
        mmu_clear (&mmu);
      }

  for (unsigned n = 0; n < G_N_ELEMENTS (spans); n++)
    {
      init (&mmu);
      for (unsigned i = 0; i < spans[n]; i++)
        {
          uint64_t at = gva + i * (TEST_PAGE << 9);

          mmu_map (&mmu, at, TEST_DATA, PTE_RW);
          g_assert_cmphex (mmu_read (&mmu, at), ==, TEST_DATA);
          *mmu_entry (&mmu, mmu.root, at, 1) = 0;
          mmu_map (&mmu, at, TEST_DATA + TEST_PAGE, PTE_RW);
        }
      cop_mmu_sfence (mmu.hart, gva, (spans[n] - 1) * (TEST_PAGE << 9) + 1, ALL);
      for (unsigned i = 0; i < spans[n]; i++)
        g_assert_cmphex (mmu_read (&mmu, gva + i * (TEST_PAGE << 9)), ==, TEST_DATA + TEST_PAGE);
      mmu_clear (&mmu);
    }
}

static void
test_other_spaces (void)
{
  Mmu mmu;
  uint64_t roots[COP_TLB_SPACES + 4];

  g_test_summary ("address spaces keep apart, more of them than have tables, in all three views");
  init (&mmu);
  for (unsigned i = 0; i < G_N_ELEMENTS (roots); i++)
    {
      roots[i] = mmu_new_table (&mmu);
      mmu_map_in (&mmu, roots[i], 0x1000, TEST_DATA + 2 * i * TEST_PAGE, 0, PTE_USER);
      mmu_map_in (&mmu, roots[i], 0x2000, TEST_DATA + (2 * i + 1) * TEST_PAGE, 0, PTE_RWX);
    }
  for (unsigned round = 0; round < 3; round++)
    for (unsigned step = 0; step < 2 * G_N_ELEMENTS (roots); step++)
      {
        unsigned i = step * 5 % G_N_ELEMENTS (roots);

        /* Address spaces 4 and up share an ASID, which their software would fence: their roots tell
           them apart even so. */
        mmu_switch (&mmu, roots[i], MIN (i, 4));
        mmu_set_priv (&mmu, COP_PRIV_U);
        g_assert_cmphex (mmu_read (&mmu, 0x1000), ==, TEST_DATA + 2 * i * TEST_PAGE);
        g_assert_cmpint (mmu_access (&mmu, 0x2000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_PAGE_FAULT);
        mmu_set_priv (&mmu, COP_PRIV_S);
        g_assert_cmphex (mmu_read (&mmu, 0x2000), ==, TEST_DATA + (2 * i + 1) * TEST_PAGE);
        g_assert_cmpint (mmu_access (&mmu, 0x1000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_PAGE_FAULT);
        mmu_set_status (&mmu, COP_MSTATUS_SUM, true);
        g_assert_cmphex (mmu_read (&mmu, 0x1000), ==, TEST_DATA + 2 * i * TEST_PAGE);
        mmu_set_status (&mmu, COP_MSTATUS_SUM, false);
      }

  /* Bare again: addresses are physical. */
  mmu.hart->s.satp = 0;
  cop_hart_update_view (mmu.hart);
  g_assert_cmphex (mmu_read (&mmu, TEST_DATA), ==, TEST_DATA);
  g_assert_cmpint (mmu_access (&mmu, 0x20000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_ACCESS_FAULT);
  mmu_clear (&mmu);
}

static void
test_fence_of_other_space (void)
{
  Mmu mmu;
  uint64_t other, *entry;

  g_test_summary ("a fence of an address space that is not current works when it is again");
  init (&mmu);
  other = mmu_new_table (&mmu);
  entry = mmu_map (&mmu, 0x1000, TEST_DATA, PTE_USER);
  mmu_set_priv (&mmu, COP_PRIV_U);
  g_assert_cmphex (mmu_read (&mmu, 0x1000), ==, TEST_DATA);
  mmu_switch (&mmu, other, 2);
  *entry = (TEST_DATA + TEST_PAGE) >> 2 | PTE_USER;
  cop_mmu_sfence (mmu.hart, 0x1000, 1, 1);
  mmu_switch (&mmu, mmu.root, 1);
  g_assert_cmphex (mmu_read (&mmu, 0x1000), ==, TEST_DATA + TEST_PAGE);
  mmu_switch (&mmu, other, 2);
  *entry = TEST_DATA >> 2 | PTE_USER;
  cop_mmu_sfence (mmu.hart, 0, ALL, ALL);
  mmu_switch (&mmu, mmu.root, 1);
  g_assert_cmphex (mmu_read (&mmu, 0x1000), ==, TEST_DATA);
  mmu_clear (&mmu);
}

static void
test_code_tag (void)
{
  static const uint64_t text = UINT64_C (0x40000000), far_away = UINT64_C (0x123456000);
  uint64_t tag, gpa;
  Mmu mmu;

  g_test_summary ("cached places of code stay good until a fence that may name them, and no longer");
  init (&mmu);
  mmu_map_in (&mmu, mmu.root, text, TEST_DATA & -(TEST_PAGE << 9), 1, PTE_RWX);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_RWX);
  mmu_map (&mmu, far_away, TEST_DATA, PTE_RWX);

  tag = mmu.hart->code_tag;
  g_assert_cmpint (mmu_fetch (&mmu, 0x1000, &gpa), ==, COP_TRAP_NONE);
  cop_mmu_sfence (mmu.hart, far_away, 1, ALL);
  g_assert_cmphex (mmu.hart->code_tag, ==, tag);
  /* A page of data in the slot of a page with code. */
  g_assert_cmpuint (cop_tlb_slot (0x1000), ==, cop_tlb_slot (TEST_PAGE << COP_TLB_BITS));
  cop_mmu_sfence (mmu.hart, TEST_PAGE << COP_TLB_BITS, 1, ALL);
  g_assert_cmphex (mmu.hart->code_tag, ==, tag);
  cop_mmu_sfence (mmu.hart, 0x1000, 1, ALL);
  g_assert_cmphex (mmu.hart->code_tag, !=, tag);

  g_assert_cmpint (mmu_fetch (&mmu, text, &gpa), ==, COP_TRAP_NONE);
  /* Another page in the slot of the executed one: it was executed all the same. */
  mmu_map (&mmu, text + (TEST_PAGE << 2 * COP_TLB_BITS), TEST_DATA, PTE_RWX);
  g_assert_cmpuint (cop_tlb_slot (text), ==, cop_tlb_slot (text + (TEST_PAGE << 2 * COP_TLB_BITS)));
  g_assert_cmphex (mmu_read (&mmu, text + (TEST_PAGE << 2 * COP_TLB_BITS)), ==, TEST_DATA);
  tag = mmu.hart->code_tag;
  cop_mmu_sfence (mmu.hart, text + 123 * TEST_PAGE, 1, ALL);
  g_assert_cmphex (mmu.hart->code_tag, !=, tag);

  /* Another view, and another state of FS or frm, is another tag; back again it is the old one. */
  tag = mmu.hart->code_tag;
  mmu_set_priv (&mmu, COP_PRIV_U);
  g_assert_cmphex (mmu.hart->code_tag, !=, tag);
  mmu_set_priv (&mmu, COP_PRIV_S);
  g_assert_cmphex (mmu.hart->code_tag, ==, tag);
  mmu_set_status (&mmu, COP_MSTATUS_FS, true);
  g_assert_cmphex (mmu.hart->code_tag, !=, tag);
  mmu_clear (&mmu);
}

static GHashTable *tags_of_epochs;
static unsigned n_times_over;

static void
note_epochs_over (CopHart *hart)
{
  (void) hart;
  n_times_over++;
  g_hash_table_remove_all (tags_of_epochs);
}

/* Whoever noted the epoch for what was there before would take it for what is there now. */
static void
check_epoch (const CopHart *hart)
{
  gpointer epoch = GSIZE_TO_POINTER (hart->code_epoch), tag;

  g_assert_cmphex (hart->code_epoch >> COP_EPOCH_BITS, ==, COP_EPOCH_MARK >> COP_EPOCH_BITS);
  g_assert_cmphex ((hart->code_epoch ^ COP_EPOCH_MARK) >> COP_EPOCH_MODE_BITS, !=, 0);
  if (g_hash_table_lookup_extended (tags_of_epochs, epoch, NULL, &tag))
    g_assert_cmphex (GPOINTER_TO_SIZE (tag), ==, hart->code_tag);
  g_hash_table_insert (tags_of_epochs, epoch, GSIZE_TO_POINTER (hart->code_tag));
}

static void
test_epochs (void)
{
  uint64_t gpa, tag;
  Mmu mmu;

  g_test_summary ("an epoch names one tag only, until it is said that epochs are over");
  init (&mmu);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_RWX);
  mmu_map (&mmu, 0x2000, TEST_DATA, PTE_USER);
  tags_of_epochs = g_hash_table_new (NULL, NULL);
  n_times_over = 0;
  mmu.hart->epochs_over = note_epochs_over;
  for (unsigned i = 0; i < 3u << (COP_EPOCH_BITS - COP_EPOCH_MODE_BITS); i++)
    {
      g_assert_cmpint (mmu_fetch (&mmu, 0x1000, &gpa), ==, COP_TRAP_NONE);
      check_epoch (mmu.hart);
      tag = mmu.hart->code_tag;
      cop_mmu_sfence (mmu.hart, 0x1000, 1, ALL);
      g_assert_cmphex (mmu.hart->code_tag, !=, tag);
      check_epoch (mmu.hart);
      /* A view that keeps its epoch, while the other's go round. */
      mmu_set_priv (&mmu, COP_PRIV_U);
      check_epoch (mmu.hart);
      mmu_set_status (&mmu, COP_MSTATUS_FS, i & 1);
      check_epoch (mmu.hart);
      mmu_set_priv (&mmu, COP_PRIV_S);
    }
  g_assert_cmpuint (n_times_over, >=, 2);
  g_clear_pointer (&tags_of_epochs, g_hash_table_unref);
  mmu_clear (&mmu);
}

static void
test_huge_code (void)
{
  uint64_t tag, gpa;
  Mmu mmu;

  g_test_summary ("code in a page of 1 GiB is told from what lies beside the page");
  init (&mmu);
  mmu_map_in (&mmu, mmu.root, UINT64_C (0x80000000), TEST_RAM, 2, PTE_RWX);
  g_assert_cmpint (mmu_fetch (&mmu, TEST_DATA, &gpa), ==, COP_TRAP_NONE);
  tag = mmu.hart->code_tag;
  cop_mmu_sfence (mmu.hart, UINT64_C (0x7ffff000), 1, ALL);
  cop_mmu_sfence (mmu.hart, UINT64_C (0xc0000000), 1, ALL);
  g_assert_cmphex (mmu.hart->code_tag, ==, tag);
  cop_mmu_sfence (mmu.hart, UINT64_C (0xbffff000), 1, ALL);
  g_assert_cmphex (mmu.hart->code_tag, !=, tag);
  mmu_clear (&mmu);
}

/* --- the watch on code -------------------------------------------------------------------------- */

typedef struct
{
  unsigned count;
  uint64_t gpa, length;         /* of the last one */
} Written;

static void
note_written (gpointer data, uint64_t gpa, uint64_t length)
{
  Written *written = data;

  *written = (Written){ written->count + 1, gpa, length };
}

static void
watch_writes (Mmu *mmu, Written *written)
{
  *written = (Written){ 0 };
  mmu->ram->code_written = note_written;
  mmu->ram->code_written_data = written;
}

static bool
may_write_unasked (Mmu *mmu, uint64_t gva)
{
  return cop_tlb_lookup (mmu->hart->tlb, gva, 8, COP_ACCESS_STORE) != NULL;
}

static void
test_code_is_watched (void)
{
  Written written;
  Mmu mmu;

  g_test_summary ("stores to lines with code are reported through every view; others are not");
  init (&mmu);
  watch_writes (&mmu, &written);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_USER);
  mmu_map (&mmu, 0x2000, TEST_DATA, PTE_RW);
  mmu_set_status (&mmu, COP_MSTATUS_SUM, true);
  g_assert_cmpint (mmu_store (&mmu, 0x1100, 1), ==, COP_TRAP_NONE);
  mmu_set_status (&mmu, COP_MSTATUS_SUM, false);
  g_assert_cmpint (mmu_store (&mmu, 0x2100, 1), ==, COP_TRAP_NONE);
  mmu_set_priv (&mmu, COP_PRIV_U);
  g_assert_cmpint (mmu_store (&mmu, 0x1100, 1), ==, COP_TRAP_NONE);
  g_assert_true (may_write_unasked (&mmu, 0x1100));

  cop_mmu_watch_code (mmu.hart, TEST_DATA + 0x100, 4);
  g_assert_false (may_write_unasked (&mmu, 0x1100));
  mmu_set_priv (&mmu, COP_PRIV_S);
  g_assert_false (may_write_unasked (&mmu, 0x2100));
  mmu_set_status (&mmu, COP_MSTATUS_SUM, true);
  g_assert_false (may_write_unasked (&mmu, 0x1100));

  g_assert_cmpint (mmu_store (&mmu, 0x2138, 2), ==, COP_TRAP_NONE);
  g_assert_cmpuint (written.count, ==, 1);
  g_assert_cmphex (written.gpa, ==, TEST_DATA + 0x138);
  g_assert_cmpuint (written.length, ==, 8);
  g_assert_cmpint (mmu_store (&mmu, 0x2140, 2), ==, COP_TRAP_NONE);
  g_assert_cmpint (mmu_store (&mmu, 0x20f8, 2), ==, COP_TRAP_NONE);
  g_assert_cmpuint (written.count, ==, 1);
  g_assert_false (may_write_unasked (&mmu, 0x2140));
  /* Across lines and into the one that is watched. */
  g_assert_cmpint (mmu_store (&mmu, 0x20fc, 2), ==, COP_TRAP_NONE);
  g_assert_cmpuint (written.count, ==, 2);
  g_assert_true (cop_ram_write (mmu.ram, TEST_DATA, "x", 1));
  g_assert_cmpuint (written.count, ==, 2);

  cop_mmu_unwatch_code (mmu.ram, TEST_DATA + 0x100, 4);
  g_assert_cmpint (mmu_store (&mmu, 0x2138, 2), ==, COP_TRAP_NONE);
  g_assert_cmpuint (written.count, ==, 2);
  g_assert_true (may_write_unasked (&mmu, 0x2138));
  mmu_clear (&mmu);
}

static void
test_code_across_pages (void)
{
  Written written;
  Mmu mmu;

  g_test_summary ("a store across pages is reported for each that has code");
  init (&mmu);
  watch_writes (&mmu, &written);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_RW);
  mmu_map (&mmu, 0x2000, TEST_DATA + 0x8000, PTE_RW);
  cop_mmu_watch_code (mmu.hart, TEST_DATA + 0xfc0, 64);
  cop_mmu_watch_code (mmu.hart, TEST_DATA + 0x8000, 2);
  g_assert_cmpint (mmu_store (&mmu, 0x1ffd, 0), ==, COP_TRAP_NONE);
  g_assert_cmpuint (written.count, ==, 2);
  g_assert_cmphex (written.gpa, ==, TEST_DATA + 0x8000);
  g_assert_cmpuint (written.length, ==, 5);
  mmu_clear (&mmu);
}

static void
test_many_writers (void)
{
  Written written;
  Mmu mmu;

  g_test_summary ("whatever pages share a note of their writers, each loses its own entries only");
  init (&mmu);
  watch_writes (&mmu, &written);
  /* Pages 4096 apart share it or nearly so; each is mapped twice. */
  for (unsigned i = 0; i < 3; i++)
    for (unsigned j = 0; j < 5; j++)
      {
        uint64_t gpa = TEST_DATA + i * (TEST_PAGE << 12) + j * TEST_PAGE;
        uint64_t gva = UINT64_C (0x10000000) + (i * 5 + j) * TEST_PAGE;

        mmu_map (&mmu, gva, gpa, PTE_RW);
        mmu_map (&mmu, gva + 0x100000, gpa, PTE_RW);
      }
  for (unsigned round = 0; round < 3; round++)
    {
      for (unsigned i = 0; i < 15; i++)
        {
          g_assert_cmpint (mmu_store (&mmu, 0x10000000 + i * TEST_PAGE, 1), ==, COP_TRAP_NONE);
          g_assert_cmpint (mmu_store (&mmu, 0x10100000 + i * TEST_PAGE, 1), ==, COP_TRAP_NONE);
        }
      for (unsigned i = 0; i < 15; i++)
        {
          uint64_t gpa = TEST_DATA + i / 5 * (TEST_PAGE << 12) + i % 5 * TEST_PAGE;

          cop_mmu_watch_code (mmu.hart, gpa, 4);
          for (unsigned j = 0; j < 15; j++)
            {
              g_assert_cmpint (may_write_unasked (&mmu, 0x10000000 + j * TEST_PAGE), ==, j > i);
              g_assert_cmpint (may_write_unasked (&mmu, 0x10100000 + j * TEST_PAGE), ==, j > i);
            }
        }
      g_assert_cmpuint (written.count, ==, 0);
      for (unsigned i = 0; i < 15; i++)
        cop_mmu_unwatch_code (mmu.ram,
                              TEST_DATA + i / 5 * (TEST_PAGE << 12) + i % 5 * TEST_PAGE, 4);
    }
  mmu_clear (&mmu);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tlb/fences", test_fences);
  g_test_add_func ("/tlb/large-pages", test_large_pages);
  g_test_add_func ("/tlb/napot", test_napot_fence);
  g_test_add_func ("/tlb/pointers-to-tables", test_pointers_to_tables);
  g_test_add_func ("/tlb/other-spaces", test_other_spaces);
  g_test_add_func ("/tlb/fence-of-other-space", test_fence_of_other_space);
  g_test_add_func ("/tlb/code-tag", test_code_tag);
  g_test_add_func ("/tlb/epochs", test_epochs);
  g_test_add_func ("/tlb/huge-code", test_huge_code);
  g_test_add_func ("/tlb/code-is-watched", test_code_is_watched);
  g_test_add_func ("/tlb/code-across-pages", test_code_across_pages);
  g_test_add_func ("/tlb/many-writers", test_many_writers);
  return g_test_run ();
}
