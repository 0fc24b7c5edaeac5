/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Physical memory protection, against a reference that goes byte by byte.
 */
#include "engine/riscv/csr.h"
#include "engine/riscv/mmu.h"
#include "hart-fixture.h"

#define PMPCFG0 0x3a0
#define PMPADDR0 0x3b0

enum
{
  R = 1,
  W = 2,
  X = 4,
  TOR = 0x08,
  NA4 = 0x10,
  NAPOT = 0x18,
  L = 0x80,
};

/* Whether entry @i covers the byte at @gpa, straight from the specification's table 18. */
static bool
covers (const CopHartState *s, unsigned i, uint64_t gpa)
{
  uint64_t word = gpa >> 2;
  unsigned ones = 0;

  switch (s->pmpcfg[i] & NAPOT)
    {
    case TOR:
      return word < s->pmpaddr[i] && word >= (i == 0 ? 0 : s->pmpaddr[i - 1]);
    case NA4:
      return word == s->pmpaddr[i];
    case NAPOT:
      while (ones < 54 && (s->pmpaddr[i] >> ones & 1))
        ones++;
      return word >> (ones + 1) == s->pmpaddr[i] >> (ones + 1);
    default:
      return false;
    }
}

/* The entry that decides about the byte at @gpa, or COP_PMP_ENTRIES. */
static unsigned
deciding (const CopHartState *s, uint64_t gpa)
{
  unsigned i = 0;

  while (i < COP_PMP_ENTRIES && !covers (s, i, gpa))
    i++;
  return i;
}

static bool
reference (const CopHartState *s, uint64_t gpa, uint64_t length, CopAccess access, CopPriv priv)
{
  static const uint8_t needs[] = {
    [COP_ACCESS_LOAD] = R, [COP_ACCESS_STORE] = W, [COP_ACCESS_FETCH] = X,
  };
  unsigned first = COP_PMP_ENTRIES;

  /* The lowest entry that matches any byte decides, and must match every byte. */
  for (uint64_t i = 0; i < length; i++)
    first = MIN (first, deciding (s, gpa + i));
  if (first == COP_PMP_ENTRIES)
    return priv == COP_PRIV_M;
  for (uint64_t i = 0; i < length; i++)
    if (!covers (s, first, gpa + i))
      return false;
  return (priv == COP_PRIV_M && !(s->pmpcfg[first] & L)) || (s->pmpcfg[first] & needs[access]);
}

/* Entries in and around two pages, so that they meet and overlap. */
static void
randomize (CopHartState *s)
{
  for (unsigned i = 0; i < COP_PMP_ENTRIES; i++)
    {
      unsigned ones = g_test_rand_int_range (0, 12);
      uint64_t addr = (TEST_RAM_GPA >> 2) + g_test_rand_int_range (0, 3 * 1024);

      if (g_test_rand_int_range (0, 40) == 0)
        ones = 54;
      s->pmpaddr[i] = (addr | ((UINT64_C (1) << ones) - 1)) & ((UINT64_C (1) << 54) - 1);
      s->pmpcfg[i] = g_test_rand_int_range (0, 3) == 0 ? g_test_rand_int () & 0x9f : 0;
      if (!(s->pmpcfg[i] & R))
        s->pmpcfg[i] &= ~W;
    }
}

static void
test_random (void)
{
  static const CopPriv modes[] = { COP_PRIV_U, COP_PRIV_S, COP_PRIV_M };
  TestHart test = test_hart_new (cop_isa_default ());

  for (unsigned round = 0; round < 400; round++)
    {
      randomize (&test.hart->s);
      for (unsigned i = 0; i < 100; i++)
        {
          uint64_t gpa = TEST_RAM_GPA + g_test_rand_int_range (0, 3 * 4096 - 8);
          uint64_t length = UINT64_C (1) << g_test_rand_int_range (0, 4);
          CopAccess access = g_test_rand_int_range (0, 3);
          CopPriv priv = modes[g_test_rand_int_range (0, 3)];

          g_assert_true (cop_pmp_allows (test.hart, gpa, length, access, priv, NULL) ==
                         reference (&test.hart->s, gpa, length, access, priv));
        }
    }
  test_hart_free (&test);
}

static void
test_uniform (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  unsigned n_uniform = 0;

  g_test_summary ("a page that is said to be uniform answers the same for each of its words");
  for (unsigned round = 0; round < 300; round++)
    {
      CopAccess access = g_test_rand_int_range (0, 3);
      CopPriv priv = g_test_rand_bit () ? COP_PRIV_U : COP_PRIV_M;
      uint64_t page = TEST_RAM_GPA + COP_PAGE_SIZE * g_test_rand_int_range (0, 3);
      uint64_t gpa = page + 4 * g_test_rand_int_range (0, 1024);
      bool uniform = false;
      bool allowed;

      randomize (&test.hart->s);
      allowed = cop_pmp_allows (test.hart, gpa, 4, access, priv, &uniform);
      n_uniform += uniform;
      if (uniform)
        for (uint64_t word = page; word < page + COP_PAGE_SIZE; word += 4)
          g_assert_true (reference (&test.hart->s, word, 4, access, priv) == allowed);
    }
  g_assert_cmpuint (n_uniform, >, 0);
  test_hart_free (&test);
}

static void
test_off (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  bool uniform = false;

  g_test_summary ("with no entry on, only machine mode has memory");
  g_assert_true (cop_pmp_allows (test.hart, 0, 8, COP_ACCESS_FETCH, COP_PRIV_M, &uniform));
  g_assert_true (uniform);
  g_assert_false (cop_pmp_allows (test.hart, 0, 8, COP_ACCESS_LOAD, COP_PRIV_S, NULL));
  cop_hart_reset (test.hart, TEST_RAM_GPA, COP_PRIV_S, 0);
  g_assert_true (cop_pmp_allows (test.hart, 0, 8, COP_ACCESS_LOAD, COP_PRIV_U, &uniform));
  g_assert_true (uniform);
  g_assert_true (cop_pmp_allows (test.hart, (UINT64_C (1) << 56) - 8, 8, COP_ACCESS_STORE,
                                 COP_PRIV_S, NULL));
  g_assert_false (cop_pmp_allows (test.hart, UINT64_C (1) << 57, 8, COP_ACCESS_LOAD, COP_PRIV_S,
                                  NULL));
  test_hart_free (&test);
}

static uint64_t
read_csr (CopHart *hart, unsigned number)
{
  uint64_t value = 0;

  g_assert_true (cop_csr_read (hart, number, &value));
  return value;
}

static void
test_registers (void)
{
  TestHart test = test_hart_new (cop_isa_default ());
  CopHart *hart = test.hart;

  g_test_summary ("locked entries stay, and lock the address below a TOR range");
  g_assert_true (cop_csr_write (hart, PMPADDR0 + 2, 0x1000));
  g_assert_true (cop_csr_write (hart, PMPADDR0 + 3, 0x2000));
  /* Entry 3: locked TOR; entry 1: W without R; reserved bits of entry 0. */
  g_assert_true (cop_csr_write (hart, PMPCFG0, UINT64_C (0x89007a60) | 0x0200));
  g_assert_cmphex (read_csr (hart, PMPCFG0), ==, 0x89001800);
  g_assert_true (cop_csr_write (hart, PMPADDR0 + 2, 1));
  g_assert_true (cop_csr_write (hart, PMPADDR0 + 3, 1));
  g_assert_cmphex (read_csr (hart, PMPADDR0 + 2), ==, 0x1000);
  g_assert_cmphex (read_csr (hart, PMPADDR0 + 3), ==, 0x2000);
  g_assert_true (cop_csr_write (hart, PMPCFG0, 0));
  g_assert_cmphex (read_csr (hart, PMPCFG0), ==, 0x89000000);
  g_assert_true (cop_csr_write (hart, PMPADDR0 + 1, UINT64_MAX));
  g_assert_cmphex (read_csr (hart, PMPADDR0 + 1), ==, (UINT64_C (1) << 54) - 1);

  /* RV64 has no odd pmpcfg; entries from 16 on read as zero. */
  g_assert_false (cop_csr_write (hart, PMPCFG0 + 1, 0));
  g_assert_true (cop_csr_write (hart, PMPCFG0 + 2, UINT64_C (0x1f) << 56));
  g_assert_cmphex (hart->s.pmpcfg[15], ==, 0x1f);
  g_assert_true (cop_csr_write (hart, PMPADDR0 + 63, UINT64_MAX));
  g_assert_cmphex (read_csr (hart, PMPADDR0 + 63), ==, 0);
  test_hart_free (&test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/riscv/pmp/random", test_random);
  g_test_add_func ("/engine/riscv/pmp/uniform", test_uniform);
  g_test_add_func ("/engine/riscv/pmp/off", test_off);
  g_test_add_func ("/engine/riscv/pmp/registers", test_registers);
  return g_test_run ();
}
