/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Translation: every mode and page size, permissions, A and D, NAPOT, PBMT, and what is refused.
 */
#include "mmu-fixture.h"

#define MENVCFG_ADUE (UINT64_C (1) << 61)
#define MENVCFG_PBMTE (UINT64_C (1) << 62)

static const unsigned modes[] = { SV39, SV48, SV57 };

static void
test_page_sizes (void)
{
  g_test_summary ("every mode translates with leaves at every level, and refuses misaligned ones");
  for (unsigned m = 0; m < G_N_ELEMENTS (modes); m++)
    for (unsigned level = 0; level < modes[m] - SV39 + 3; level++)
      {
        unsigned order = 12 + 9 * level;
        uint64_t size = UINT64_C (1) << order;
        /* Where a page is larger than RAM's address, RAM lies inside the page. */
        uint64_t gva = (size & 0x3fffffffff) + (TEST_DATA & (size - 1)) + 0x128;
        CopTranslation found;
        uint64_t *entry;
        Mmu mmu;

        mmu_init (&mmu, modes[m]);
        *mmu_word (&mmu, TEST_DATA + 0x128) = 0x1234567890abcdef;
        entry = mmu_map_in (&mmu, mmu.root, gva, TEST_DATA & -size, level, PTE_RWX);
        g_assert_cmphex (mmu_read (&mmu, gva), ==, 0x1234567890abcdef);
        g_assert_true (cop_mmu_translate (mmu.hart, gva, COP_ACCESS_FETCH, &found));
        g_assert_cmphex (found.gpa, ==, TEST_DATA + 0x128);
        g_assert_cmpuint (found.order, ==, order);
        g_assert_false (found.global);

        if (level > 0)
          {
            *entry += UINT64_C (1) << (10 + 9 * level - 1);
            cop_mmu_sfence (mmu.hart, gva, 1, ALL);
            for (CopAccess access = COP_ACCESS_LOAD; access <= COP_ACCESS_FETCH; access++)
              g_assert_cmpint (mmu_access (&mmu, gva, access), ==, mmu_page_fault (access));
          }
        mmu_clear (&mmu);
      }
}

static void
test_canonical (void)
{
  for (unsigned m = 0; m < G_N_ELEMENTS (modes); m++)
    {
      unsigned top = 39 + 9 * m - 1;    /* the bit that those above must equal */
      uint64_t lowest = -(UINT64_C (1) << top);
      Mmu mmu;

      g_test_summary ("bits above the highest one translated must all equal it");
      mmu_init (&mmu, modes[m]);
      mmu_map (&mmu, lowest, TEST_DATA, PTE_RWX);
      mmu_map (&mmu, 0, TEST_DATA, PTE_RWX);
      g_assert_cmpint (mmu_access (&mmu, lowest, COP_ACCESS_LOAD), ==, COP_TRAP_NONE);
      for (CopAccess access = COP_ACCESS_LOAD; access <= COP_ACCESS_FETCH; access++)
        {
          g_assert_cmpint (mmu_access (&mmu, -lowest, access), ==, mmu_page_fault (access));
          g_assert_cmpint (mmu_access (&mmu, lowest - TEST_PAGE, access), ==,
                           mmu_page_fault (access));
          g_assert_cmpint (mmu_access (&mmu, UINT64_C (1) << 62, access), ==,
                           mmu_page_fault (access));
        }
      mmu_clear (&mmu);
    }
}

/* What a leaf with @flags lets through, for each access: one letter each where it does. */
typedef struct
{
  uint64_t    flags;
  uint64_t    status;           /* MXR, SUM */
  const char *user, *supervisor;
} PermissionRow;

#define SUM COP_MSTATUS_SUM
#define MXR COP_MSTATUS_MXR

/* clang-format off */
static const PermissionRow permission_rows[] = {
  { PTE_R,                         0,         "",    "r"   },
  { PTE_X,                         0,         "",    "x"   },
  { PTE_X,                         MXR,       "",    "rx"  },
  { PTE_R | PTE_W,                 0,         "",    "rw"  },
  { PTE_R | PTE_W | PTE_X,         0,         "",    "rwx" },
  { PTE_R | PTE_X,                 MXR,       "",    "rx"  },
  { PTE_W,                         0,         "",    ""    },       /* reserved */
  { PTE_W | PTE_X,                 MXR,       "",    ""    },       /* reserved */
  { PTE_U | PTE_R,                 0,         "r",   ""    },
  { PTE_U | PTE_R | PTE_W,         0,         "rw",  ""    },
  { PTE_U | PTE_R | PTE_W | PTE_X, 0,         "rwx", ""    },
  { PTE_U | PTE_R | PTE_W | PTE_X, SUM,       "rwx", "rw"  },
  { PTE_U | PTE_X,                 SUM,       "x",   ""    },
  { PTE_U | PTE_X,                 MXR,       "rx",  ""    },
  { PTE_U | PTE_X,                 SUM | MXR, "rx",  "r"   },
};
/* clang-format on */

static void
check_accesses (Mmu *mmu, uint64_t gva, const char *allowed)
{
  static const char letters[] = "rwx";

  for (CopAccess access = COP_ACCESS_LOAD; access <= COP_ACCESS_FETCH; access++)
    g_assert_cmpint (mmu_access (mmu, gva, access), ==,
                     strchr (allowed, letters[access]) != NULL ? COP_TRAP_NONE
                                                               : mmu_page_fault (access));
}

static void
test_permissions (void)
{
  Mmu mmu;

  g_test_summary ("R, W, X and U, with and without SUM and MXR, from both modes; twice, since the "
                  "second time may find what the first left behind");
  mmu_init (&mmu, SV39);
  for (unsigned i = 0; i < G_N_ELEMENTS (permission_rows); i++)
    {
      uint64_t gva = 0x10000000 + i * TEST_PAGE;

      mmu_map (&mmu, gva, TEST_DATA, permission_rows[i].flags | PTE_V | PTE_A | PTE_D);
    }
  for (unsigned again = 0; again < 2; again++)
    for (unsigned i = 0; i < G_N_ELEMENTS (permission_rows); i++)
      {
        const PermissionRow *row = &permission_rows[i];
        uint64_t gva = 0x10000000 + i * TEST_PAGE;

        mmu_set_status (&mmu, SUM | MXR, false);
        mmu_set_status (&mmu, row->status, true);
        mmu_set_priv (&mmu, COP_PRIV_S);
        check_accesses (&mmu, gva, row->supervisor);
        mmu_set_priv (&mmu, COP_PRIV_U);
        check_accesses (&mmu, gva, row->user);
      }

  g_assert_cmpint (mmu_access (&mmu, 0x20000000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_PAGE_FAULT);
  mmu_clear (&mmu);
}

static void
test_mprv (void)
{
  Mmu mmu;
  uint64_t gpa;

  g_test_summary ("MPRV gives machine mode's loads and stores the rights of MPP; fetches never");
  mmu_init (&mmu, SV39);
  *mmu_word (&mmu, TEST_DATA) = 42;
  mmu_map (&mmu, 0x10000000, TEST_DATA, PTE_USER);
  mmu_set_priv (&mmu, COP_PRIV_M);
  mmu_set_status (&mmu, COP_MSTATUS_MPP, false);
  mmu_set_status (&mmu, COP_MSTATUS_MPRV, true);
  g_assert_cmphex (mmu_read (&mmu, 0x10000000), ==, 42);
  g_assert_cmpint (mmu_fetch (&mmu, TEST_DATA, &gpa), ==, COP_TRAP_NONE);
  g_assert_cmphex (gpa, ==, TEST_DATA);
  mmu_set_status (&mmu, UINT64_C (1) << 11, true);      /* S */
  g_assert_cmpint (mmu_access (&mmu, 0x10000000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_PAGE_FAULT);
  mmu_set_status (&mmu, COP_MSTATUS_MPRV, false);
  g_assert_cmphex (mmu_read (&mmu, TEST_DATA), ==, 42);
  mmu_clear (&mmu);
}

static void
test_accessed_and_dirty (void)
{
  static const uint64_t none = PTE_V | PTE_R | PTE_W | PTE_X;
  Mmu mmu;
  uint64_t *entry;

  g_test_summary ("with ADUE, A and D are set by the access that needs them; else it faults");
  mmu_init (&mmu, SV39);
  mmu.hart->s.menvcfg |= MENVCFG_ADUE;
  entry = mmu_map (&mmu, 0x1000, TEST_DATA, none);
  g_assert_cmpint (mmu_access (&mmu, 0x1000, COP_ACCESS_LOAD), ==, COP_TRAP_NONE);
  g_assert_cmphex (*entry & (PTE_A | PTE_D), ==, PTE_A);
  g_assert_cmpint (mmu_access (&mmu, 0x1000, COP_ACCESS_STORE), ==, COP_TRAP_NONE);
  g_assert_cmphex (*entry & (PTE_A | PTE_D), ==, PTE_A | PTE_D);
  entry = mmu_map (&mmu, 0x2000, TEST_DATA, none);
  g_assert_cmpint (mmu_access (&mmu, 0x2000, COP_ACCESS_FETCH), ==, COP_TRAP_NONE);
  g_assert_cmphex (*entry & (PTE_A | PTE_D), ==, PTE_A);
  /* What is refused sets nothing. */
  entry = mmu_map (&mmu, 0x3000, TEST_DATA, PTE_V | PTE_R);
  g_assert_cmpint (mmu_access (&mmu, 0x3000, COP_ACCESS_STORE), ==, COP_TRAP_STORE_PAGE_FAULT);
  g_assert_cmphex (*entry & (PTE_A | PTE_D), ==, 0);

  mmu.hart->s.menvcfg &= ~MENVCFG_ADUE;
  cop_mmu_flush_all (mmu.hart);
  entry = mmu_map (&mmu, 0x4000, TEST_DATA, none);
  for (CopAccess access = COP_ACCESS_LOAD; access <= COP_ACCESS_FETCH; access++)
    g_assert_cmpint (mmu_access (&mmu, 0x4000, access), ==, mmu_page_fault (access));
  *entry |= PTE_A;
  g_assert_cmpint (mmu_access (&mmu, 0x4000, COP_ACCESS_LOAD), ==, COP_TRAP_NONE);
  g_assert_cmpint (mmu_access (&mmu, 0x4000, COP_ACCESS_STORE), ==, COP_TRAP_STORE_PAGE_FAULT);
  g_assert_cmphex (*entry & (PTE_A | PTE_D), ==, PTE_A);
  mmu_clear (&mmu);
}

static void
test_napot (void)
{
  static const uint64_t size = 0x10000;
  Mmu mmu;

  g_test_summary ("N makes 64 KiB of sixteen entries; other sizes and levels are refused");
  mmu_init (&mmu, SV39);
  for (uint64_t at = 0; at < size; at += TEST_PAGE)
    {
      mmu_map (&mmu, size + at, TEST_DATA + size / 2, PTE_RW | PTE_N);
      *mmu_word (&mmu, TEST_DATA + at) = at;
    }
  for (uint64_t at = 0; at < size; at += TEST_PAGE)
    g_assert_cmphex (mmu_read (&mmu, size + at), ==, at);

  mmu_map (&mmu, 0x40000, TEST_DATA + 0x4000, PTE_RW | PTE_N);
  g_assert_cmpint (mmu_access (&mmu, 0x40000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_PAGE_FAULT);
  mmu_map_in (&mmu, mmu.root, 0x40000000, TEST_DATA, 1, PTE_RW | PTE_N);
  g_assert_cmpint (mmu_access (&mmu, 0x40000000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_PAGE_FAULT);
  mmu.hart->isa &= ~COP_ISA (SVNAPOT);
  cop_mmu_flush_all (mmu.hart);
  g_assert_cmpint (mmu_access (&mmu, size, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_PAGE_FAULT);
  mmu_clear (&mmu);
}

static void
test_pbmt (void)
{
  Mmu mmu;

  g_test_summary ("memory types need PBMTE; type 3 is reserved");
  mmu_init (&mmu, SV39);
  mmu.hart->s.menvcfg |= MENVCFG_PBMTE;
  for (uint64_t type = 0; type < 4; type++)
    mmu_map (&mmu, type << 12, TEST_DATA, PTE_RW | type << PTE_PBMT_SHIFT);
  for (uint64_t type = 0; type < 4; type++)
    g_assert_cmpint (mmu_access (&mmu, type << 12, COP_ACCESS_LOAD), ==,
                     type < 3 ? COP_TRAP_NONE : COP_TRAP_LOAD_PAGE_FAULT);
  mmu.hart->s.menvcfg &= ~MENVCFG_PBMTE;
  cop_mmu_flush_all (mmu.hart);
  for (uint64_t type = 0; type < 4; type++)
    g_assert_cmpint (mmu_access (&mmu, type << 12, COP_ACCESS_LOAD), ==,
                     type == 0 ? COP_TRAP_NONE : COP_TRAP_LOAD_PAGE_FAULT);
  mmu_clear (&mmu);
}

static void
test_valid_at_once (void)
{
  static const CopAccess accesses[] = { COP_ACCESS_LOAD, COP_ACCESS_STORE, COP_ACCESS_FETCH };
  Mmu mmu;

  g_test_summary ("an entry that becomes valid is used without a fence, at every level");
  mmu_init (&mmu, SV39);
  for (unsigned level = 0; level < 3; level++)
    for (unsigned i = 0; i < G_N_ELEMENTS (accesses); i++)
      {
        uint64_t gva = (level + 1) << 30 | (uint64_t) i << 21;
        uint64_t *entry;

        mmu_map (&mmu, gva, TEST_DATA, PTE_RWX);
        entry = mmu_entry (&mmu, mmu.root, gva, level);
        *entry &= ~(uint64_t) PTE_V;
        cop_mmu_sfence (mmu.hart, 0, ALL, ALL);
        g_assert_cmpint (mmu_access (&mmu, gva, accesses[i]), ==, mmu_page_fault (accesses[i]));
        *entry |= PTE_V;
        g_assert_cmpint (mmu_access (&mmu, gva, accesses[i]), ==, COP_TRAP_NONE);
      }
  mmu_clear (&mmu);
}

static void
test_malformed (void)
{
  static const uint64_t reserved = UINT64_C (1) << 54;
  static const uint64_t pointer_bits[] = { PTE_A, PTE_D, PTE_U, reserved, PTE_N,
                                           UINT64_C (1) << PTE_PBMT_SHIFT };
  uint64_t *entry;
  Mmu mmu;

  g_test_summary ("entries with reserved bits, or that lead nowhere, are page faults");
  mmu_init (&mmu, SV39);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_RW | reserved);
  g_assert_cmpint (mmu_access (&mmu, 0x1000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_PAGE_FAULT);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_V);             /* a pointer where there is no level left */
  g_assert_cmpint (mmu_access (&mmu, 0x1000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_PAGE_FAULT);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_RW);
  for (unsigned i = 0; i < G_N_ELEMENTS (pointer_bits); i++)
    {
      entry = mmu_entry (&mmu, mmu.root, 0x1000, 1);
      *entry |= pointer_bits[i];
      cop_mmu_sfence (mmu.hart, 0, ALL, ALL);
      g_assert_cmpint (mmu_access (&mmu, 0x1000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_PAGE_FAULT);
      *entry &= ~pointer_bits[i];
      cop_mmu_sfence (mmu.hart, 0, ALL, ALL);
      g_assert_cmpint (mmu_access (&mmu, 0x1000, COP_ACCESS_LOAD), ==, COP_TRAP_NONE);
    }

  /* Tables and pages outside RAM are access faults. */
  mmu_map (&mmu, 0x2000, UINT64_C (1) << 50, PTE_RW);
  g_assert_cmpint (mmu_access (&mmu, 0x2000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_ACCESS_FAULT);
  g_assert_cmpint (mmu_access (&mmu, 0x2000, COP_ACCESS_STORE), ==, COP_TRAP_STORE_ACCESS_FAULT);
  mmu_map_in (&mmu, mmu.root, 0x80000000, TEST_RAM + TEST_SIZE, 1, PTE_V);
  g_assert_cmpint (mmu_access (&mmu, 0x80000000, COP_ACCESS_STORE), ==,
                   COP_TRAP_STORE_ACCESS_FAULT);
  mmu_switch (&mmu, (UINT64_C (1) << 56) - TEST_PAGE, 2);
  g_assert_cmpint (mmu_access (&mmu, 0x1000, COP_ACCESS_FETCH), ==, COP_TRAP_INSN_ACCESS_FAULT);
  mmu_clear (&mmu);
}

static void
test_across_pages (void)
{
  Mmu mmu;
  uint64_t value;

  g_test_summary ("an access across pages reads both; where one faults nothing is stored");
  mmu_init (&mmu, SV39);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_RW);
  mmu_map (&mmu, 0x2000, TEST_DATA + 0x8000, PTE_RW);
  g_assert_cmpint (mmu_store (&mmu, 0x1ffd, 0x8877665544332211), ==, COP_TRAP_NONE);
  g_assert_cmphex (mmu_read (&mmu, 0x1ffd), ==, 0x8877665544332211);
  g_assert_cmphex (*mmu_word (&mmu, TEST_DATA + 0x0ff8) >> 40, ==, 0x332211);
  g_assert_cmphex (*mmu_word (&mmu, TEST_DATA + 0x8000), ==, 0x8877665544);
  for (uint64_t gva = 0x1ff9; gva < 0x2000; gva++)
    {
      g_assert_cmpint (mmu_store (&mmu, gva, gva * 0x0101010101010101), ==, COP_TRAP_NONE);
      g_assert_cmphex (mmu_read (&mmu, gva), ==, gva * 0x0101010101010101);
    }

  /* 0x3000 is not mapped, nor is the page before 0x1000. */
  *mmu_word (&mmu, TEST_DATA + 0x8ff8) = 0x5555555555555555;
  g_assert_false (cop_mmu_store_slow (mmu.hart, 0x2ffc, 8, 0));
  g_assert_cmpint (mmu_cause (&mmu, false, 0x3000), ==, COP_TRAP_STORE_PAGE_FAULT);
  g_assert_cmphex (*mmu_word (&mmu, TEST_DATA + 0x8ff8), ==, 0x5555555555555555);
  g_assert_false (cop_mmu_load_slow (mmu.hart, 0x2ffc, 8, &value));
  g_assert_cmpint (mmu_cause (&mmu, false, 0x3000), ==, COP_TRAP_LOAD_PAGE_FAULT);
  g_assert_cmpint (mmu_store (&mmu, 0x0ffc, 0), ==, COP_TRAP_STORE_PAGE_FAULT);
  /* The end of the address space and its start are neighbours. */
  mmu_map (&mmu, -TEST_PAGE, TEST_DATA, PTE_RW);
  mmu_map (&mmu, 0, TEST_DATA + 0x8000, PTE_RW);
  g_assert_cmpint (mmu_store (&mmu, -UINT64_C (3), 0x1122334455667788), ==, COP_TRAP_NONE);
  g_assert_cmphex (mmu_read (&mmu, -UINT64_C (3)), ==, 0x1122334455667788);
  mmu_clear (&mmu);
}

static void
test_atomics (void)
{
  Mmu mmu;

  g_test_summary ("atomic accesses: aligned, to RAM, with the rights of a store, or a load for lr");
  mmu_init (&mmu, SV39);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_RW);
  mmu_map (&mmu, 0x2000, TEST_DATA, PTE_V | PTE_R | PTE_A);
  mmu_map (&mmu, 0x3000, 0x10000000, PTE_RW);           /* no RAM there */
  g_assert_true (cop_mmu_atomic_slow (mmu.hart, 0x1008, 8, COP_ACCESS_STORE) ==
                 mmu_word (&mmu, TEST_DATA + 8));
  g_assert_nonnull (cop_mmu_atomic_slow (mmu.hart, 0x2000, 4, COP_ACCESS_LOAD));
  g_assert_null (cop_mmu_atomic_slow (mmu.hart, 0x2000, 4, COP_ACCESS_STORE));
  g_assert_cmpint (mmu_cause (&mmu, false, 0x2000), ==, COP_TRAP_STORE_PAGE_FAULT);
  g_assert_null (cop_mmu_atomic_slow (mmu.hart, 0x1004, 8, COP_ACCESS_STORE));
  g_assert_cmpint (mmu_cause (&mmu, false, 0x1004), ==, COP_TRAP_STORE_MISALIGNED);
  g_assert_null (cop_mmu_atomic_slow (mmu.hart, 0x1002, 4, COP_ACCESS_LOAD));
  g_assert_cmpint (mmu_cause (&mmu, false, 0x1002), ==, COP_TRAP_LOAD_MISALIGNED);
  g_assert_null (cop_mmu_atomic_slow (mmu.hart, 0x3000, 4, COP_ACCESS_STORE));
  g_assert_cmpint (mmu_cause (&mmu, false, 0x3000), ==, COP_TRAP_STORE_ACCESS_FAULT);
  g_assert_null (cop_mmu_atomic_slow (mmu.hart, 0x3000, 4, COP_ACCESS_LOAD));
  g_assert_cmpint (mmu_cause (&mmu, false, 0x3000), ==, COP_TRAP_LOAD_ACCESS_FAULT);
  mmu_clear (&mmu);
}

/* Lets S and U modes at all but [gpa, gpa + length), a naturally aligned power of two from 4. */
static void
forbid (Mmu *mmu, uint64_t gpa, uint64_t length)
{
  CopHartState *s = &mmu->hart->s;

  s->pmpaddr[1] = s->pmpaddr[0];
  s->pmpcfg[1] = s->pmpcfg[0];
  s->pmpaddr[0] = length == 4 ? gpa >> 2 : gpa >> 2 | ((length >> 3) - 1);
  s->pmpcfg[0] = length == 4 ? 0x10 : 0x18;     /* NA4, NAPOT; no rights */
  cop_mmu_flush_all (mmu->hart);
  cop_hart_update_view (mmu->hart);
}

static void
test_divided_pages (void)
{
  Mmu mmu;
  uint64_t value;

  g_test_summary ("where PMP divides a page each access is checked whole, however often");
  mmu_init (&mmu, SV39);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_RW);
  mmu_map (&mmu, 0x2000, TEST_DATA + 0x1000, PTE_RW);
  forbid (&mmu, TEST_DATA + 0x1000, 8);
  for (unsigned again = 0; again < 2; again++)
    {
      g_assert_cmpint (mmu_access (&mmu, 0x2000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_ACCESS_FAULT);
      g_assert_cmpint (mmu_access (&mmu, 0x2004, COP_ACCESS_STORE), ==,
                       COP_TRAP_STORE_ACCESS_FAULT);
      g_assert_cmpint (mmu_access (&mmu, 0x2008, COP_ACCESS_STORE), ==, COP_TRAP_NONE);
      g_assert_cmpint (mmu_access (&mmu, 0x1ff8, COP_ACCESS_STORE), ==, COP_TRAP_NONE);
      g_assert_false (cop_mmu_store_slow (mmu.hart, 0x1ffc, 8, UINT64_MAX));
      g_assert_cmpint (mmu_cause (&mmu, false, 0x2000), ==, COP_TRAP_STORE_ACCESS_FAULT);
      g_assert_cmphex (*mmu_word (&mmu, TEST_DATA + 0xff8), ==, 0);
      g_assert_false (cop_mmu_load_slow (mmu.hart, 0x1ffe, 4, &value));
      g_assert_null (cop_mmu_atomic_slow (mmu.hart, 0x2000, 8, COP_ACCESS_LOAD));
      g_assert_null (cop_mmu_atomic_slow (mmu.hart, 0x2000, 8, COP_ACCESS_STORE));
      g_assert_nonnull (cop_mmu_atomic_slow (mmu.hart, 0x2008, 8, COP_ACCESS_LOAD));
    }
  mmu_clear (&mmu);

  /* Its first byte may be let through, and the end not, on either page. */
  mmu_init (&mmu, SV39);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_RW);
  mmu_map (&mmu, 0x2000, TEST_DATA + 0x1000, PTE_RW);
  forbid (&mmu, TEST_DATA + 0x1004, 4);
  g_assert_cmpint (mmu_access (&mmu, 0x2000, COP_ACCESS_LOAD), ==, COP_TRAP_LOAD_ACCESS_FAULT);
  g_assert_cmpint (mmu_access (&mmu, 0x2001, COP_ACCESS_STORE), ==, COP_TRAP_STORE_ACCESS_FAULT);
  g_assert_cmpint (mmu_access (&mmu, 0x1ffc, COP_ACCESS_STORE), ==, COP_TRAP_NONE);
  g_assert_null (cop_mmu_atomic_slow (mmu.hart, 0x2000, 8, COP_ACCESS_LOAD));
  g_assert_false (cop_mmu_store_slow (mmu.hart, 0x1fff, 8, UINT64_MAX));
  g_assert_cmpint (mmu_cause (&mmu, false, 0x2000), ==, COP_TRAP_STORE_ACCESS_FAULT);
  mmu_clear (&mmu);

  mmu_init (&mmu, SV39);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_RW);
  mmu_map (&mmu, 0x2000, TEST_DATA + 0x1000, PTE_RW);
  forbid (&mmu, TEST_DATA + 0xffc, 4);
  g_assert_cmpint (mmu_access (&mmu, 0x1ffa, COP_ACCESS_STORE), ==, COP_TRAP_STORE_ACCESS_FAULT);
  g_assert_cmphex (*mmu_word (&mmu, TEST_DATA + 0xff8), ==, 0);
  mmu_clear (&mmu);
}

static void
test_tables_under_pmp (void)
{
  Mmu mmu;

  g_test_summary ("walks are checked by PMP as a supervisor's accesses");
  mmu_init (&mmu, SV39);
  mmu_map (&mmu, 0x1000, TEST_DATA, PTE_RWX);
  forbid (&mmu, mmu.root + 2 * TEST_PAGE, TEST_PAGE);    /* the last-level table */
  for (CopAccess access = COP_ACCESS_LOAD; access <= COP_ACCESS_FETCH; access++)
    {
      static const CopTrapCause causes[] = { COP_TRAP_LOAD_ACCESS_FAULT,
                                             COP_TRAP_STORE_ACCESS_FAULT,
                                             COP_TRAP_INSN_ACCESS_FAULT };

      g_assert_cmpint (mmu_access (&mmu, 0x1000, access), ==, causes[access]);
    }
  mmu_clear (&mmu);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mmu/page-sizes", test_page_sizes);
  g_test_add_func ("/mmu/canonical", test_canonical);
  g_test_add_func ("/mmu/permissions", test_permissions);
  g_test_add_func ("/mmu/mprv", test_mprv);
  g_test_add_func ("/mmu/accessed-and-dirty", test_accessed_and_dirty);
  g_test_add_func ("/mmu/napot", test_napot);
  g_test_add_func ("/mmu/pbmt", test_pbmt);
  g_test_add_func ("/mmu/valid-at-once", test_valid_at_once);
  g_test_add_func ("/mmu/malformed", test_malformed);
  g_test_add_func ("/mmu/across-pages", test_across_pages);
  g_test_add_func ("/mmu/atomics", test_atomics);
  g_test_add_func ("/mmu/divided-pages", test_divided_pages);
  g_test_add_func ("/mmu/tables-under-pmp", test_tables_under_pmp);
  return g_test_run ();
}
