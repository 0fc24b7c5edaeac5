/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Walks in Sv39, Sv48 and Sv57: pages of every size, canonical addresses, malformed entries, faults
 * of the walk itself.
 *
 * Source: RISC-V Privileged Spec 20240411 §10.3.2, §10.4, §10.5, §10.6
 */
#include "guest.h"

static uint64_t roots[3][512] __attribute__ ((aligned (4096)));
static uint8_t  page[PAGE] __attribute__ ((aligned (4096)));

/* What a load from @va in S finds; the probe's byte lands in a0. */
static uint64_t
load (uint64_t va)
{
  CHECK_EQ (probe (S, LOAD, va), ECALL_S);
  return this_hart->x[10];
}

/* Each level: a page whose target is where the image is, so that its contents are known. */
static void
test_levels (int mode, uint64_t *root)
{
  int levels = mode - SV39 + 3;

  for (int level = 0; level < levels; level++)
    {
      uint64_t size = 1ul << (12 + 9 * level);
      uint64_t va = 64ul << (12 + 9 * (levels - 1));    /* the 64th entry of the root */
      uint64_t pa = (uintptr_t) page & ~(size - 1);
      uint64_t offset = (uintptr_t) page - pa;

      va += (uint64_t) level << (12 + 9 * (levels - 1));
      page[5] = 0x40 + level;
      *pt_slot (root, mode, va, level) = pte ((void *) pa, PTE_RWX);
      sfence_all ();
      CHECK_EQ (load (va + offset + 5), 0x40 + level);
      /* The next page of that size is not mapped, except where the table has another. */
      if (level < levels - 1)
        CHECK_EQ (probe (S, LOAD, va + size), LOAD_PAGE);
      CHECK_EQ (probe (S, STORE, va + offset + 6), ECALL_S);
      CHECK_EQ (page[6], 0x5a);
      page[6] = 0;
      /* A large page that is not aligned to its size. */
      if (level > 0)
        {
          *pt_slot (root, mode, va, level) = pte ((void *) (pa + size / 512), PTE_RWX);
          sfence_all ();
          CHECK_EQ (probe (S, LOAD, va), LOAD_PAGE);
          CHECK_EQ (probe (S, STORE, va), STORE_PAGE);
          CHECK_EQ (probe (S, FETCH, va), INSN_PAGE);
        }
    }
}

static void
test_canonical (int mode, uint64_t *root)
{
  int      bits = 39 + 9 * (mode - SV39);
  uint64_t top = -(1ul << (bits - 1));

  /* The upper half: the root's entry 256. */
  page[0] = 0x77;
  *pt_slot (root, mode, top, 0) = pte (page, PTE_RWX);
  sfence_all ();
  CHECK_EQ (load (top), 0x77);
  /* The same low bits without the sign extension. */
  CHECK_EQ (probe (S, LOAD, top & ((1ul << bits) - 1)), LOAD_PAGE);
  CHECK_EQ (probe (S, STORE, top & ((1ul << bits) - 1)), STORE_PAGE);
  CHECK_EQ (probe (S, FETCH, top & ((1ul << bits) - 1)), INSN_PAGE);
  CHECK_EQ (probe (S, LOAD, top ^ 1ul << 63), LOAD_PAGE);
}

static void
test_malformed (int mode, uint64_t *root)
{
  static const struct
  {
    uint64_t flags;
    bool     good;
  } rows[] = {
    { PTE_RWX, true },
    { PTE_RWX & ~PTE_V, false },
    { PTE_V | PTE_W | PTE_A | PTE_D, false },                   /* W without R */
    { PTE_V | PTE_W | PTE_X | PTE_A | PTE_D, false },
    { PTE_RWX | 1ul << 54, false },                             /* reserved bits */
    { PTE_RWX | 1ul << 60, false },
    { PTE_RWX | PTE_PBMT (1), false },                          /* PBMTE is off */
    { PTE_RWX | 3ul << 8, true },                               /* RSW is software's */
    { PTE_V, false },                                           /* a pointer at the last level */
  };
  uint64_t va = 5ul << 30;

  csr_clear (menvcfg, MENVCFG_PBMTE);
  page[0] = 0x66;
  for (unsigned i = 0; i < sizeof (rows) / sizeof (rows[0]); i++)
    {
      *pt_slot (root, mode, va, 0) = pte (page, rows[i].flags);
      sfence_all ();
      CHECK_EQ (probe (S, LOAD, va), rows[i].good ? ECALL_S : LOAD_PAGE);
      CHECK_EQ (probe (S, STORE, va + 9), rows[i].good ? ECALL_S : STORE_PAGE);
    }
  /* Pointers must not have A, D or U. */
  for (int bit = 0; bit < 3; bit++)
    {
      static const uint64_t bits[] = { PTE_A, PTE_D, PTE_U };
      uint64_t             *pointer = pt_slot (root, mode, va, 1);

      *pt_slot (root, mode, va, 0) = pte (page, PTE_RWX);
      *pointer |= bits[bit];
      sfence_all ();
      CHECK_EQ (probe (S, LOAD, va), LOAD_PAGE);
      *pointer &= ~bits[bit];
      sfence_all ();
      CHECK_EQ (probe (S, LOAD, va), ECALL_S);
    }
  /* A page outside memory. */
  *pt_slot (root, mode, va, 0) = pte (NULL, PTE_RWX);
  sfence_all ();
  CHECK_EQ (probe (S, LOAD, va + 0x50), LOAD_ACCESS);
  CHECK_EQ (probe (S, STORE, va + 0x50), STORE_ACCESS);
}

void
test (void)
{
  for (int mode = SV39; mode <= SV57; mode++)
    {
      uint64_t *root = roots[mode - SV39];

      csr_write (satp, make_satp (mode, 0, root));
      /* A mode that the hart lacks is not taken. */
      CHECK_EQ (csr_read (satp) >> 60, mode);
      pt_map_image (root, mode);
      set_satp (make_satp (mode, 0, root));
      test_levels (mode, root);
      test_canonical (mode, root);
      test_malformed (mode, root);
    }
  csr_write (satp, 0);
}
