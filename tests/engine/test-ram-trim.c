/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory that a guest only zeroes does not stay the host's to keep, and no guest can tell.
 */
#include "common/units.h"
#include "engine/ram-trim.h"
#include "engine/riscv/mmu.h"

#include <sys/mman.h>

#define RAM UINT64_C (0x80000000)
#define PAGES 1024

typedef struct
{
  CopRam *ram;
  CopHart *hart;
} World;

static void
world_init (World *world, bool alone)
{
  g_autoptr (GError) error = NULL;

  world->ram = cop_ram_new (RAM, 16 * COP_MIB, -1, &error);
  g_assert_no_error (error);
  world->hart = cop_hart_new (NULL, world->ram, 0, cop_isa_default ());
  cop_hart_reset (world->hart, RAM, COP_PRIV_M, 0);
  cop_ram_set_sole_writer (world->ram, alone ? world->hart : NULL);
}

static void
world_clear (World *world)
{
  cop_hart_free (world->hart);
  cop_ram_free (world->ram);
}

static void
store (World *world, uint64_t gpa, uint64_t value)
{
  uint64_t *hva = cop_tlb_lookup (world->hart->tlb, gpa, 8, COP_ACCESS_STORE);

  if (hva != NULL)
    *hva = value;
  else
    g_assert_true (cop_mmu_store_slow (world->hart, gpa, 8, value));
}

static uint64_t
load (World *world, uint64_t gpa)
{
  uint64_t value;

  g_assert_true (cop_mmu_load_slow (world->hart, gpa, 8, &value));
  return value;
}

/* How many of the first PAGES pages take memory. */
static unsigned
n_resident (World *world)
{
  unsigned char resident[PAGES];
  unsigned n = 0;

  g_assert_cmpint (mincore (cop_ram_span (world->ram, RAM, 1), PAGES * COP_PAGE_SIZE, resident), ==,
                   0);
  for (unsigned i = 0; i < PAGES; i++)
    n += resident[i] & 1;
  return n;
}

/* As memset() would. */
static void
fill (World *world, unsigned first, unsigned n, uint64_t value)
{
  for (uint64_t at = 0; at < n * COP_PAGE_SIZE; at += 8)
    store (world, RAM + first * COP_PAGE_SIZE + at, value);
}

static void
test_zeroed (void)
{
  World world;

  g_test_summary ("Of a range that was zeroed, little more than the last pages stays resident");
  world_init (&world, true);
  fill (&world, 0, PAGES, 0);
  g_assert_cmpuint (n_resident (&world), <=, 128);
  for (unsigned i = 0; i < PAGES; i++)
    g_assert_cmphex (load (&world, RAM + i * COP_PAGE_SIZE + 8), ==, 0);
  world_clear (&world);
}

static void
test_used (void)
{
  World world;

  g_test_summary ("What was written stays, also in the midst of zeroes");
  world_init (&world, true);
  fill (&world, 0, PAGES / 2, 0x5a);
  for (unsigned i = PAGES / 2; i < PAGES; i++)
    {
      fill (&world, i, 1, 0);
      if (i % 3 == 0)
        store (&world, RAM + i * COP_PAGE_SIZE + 4088, i);
    }
  fill (&world, PAGES, 256, 0x5a);
  for (unsigned i = 0; i < PAGES / 2; i++)
    g_assert_cmphex (load (&world, RAM + i * COP_PAGE_SIZE + 8 * (i % 512)), ==, 0x5a);
  for (unsigned i = PAGES / 2; i < PAGES; i++)
    g_assert_cmphex (load (&world, RAM + i * COP_PAGE_SIZE + 4088), ==, i % 3 == 0 ? i : 0);
  world_clear (&world);
}

static void
test_old_entries (void)
{
  uint64_t *hva;
  World world;

  g_test_summary ("A TLB entry from before a page was given back leads to it still");
  world_init (&world, true);
  store (&world, RAM, 0);
  hva = cop_tlb_lookup (world.hart->tlb, RAM, 8, COP_ACCESS_STORE);
  g_assert_nonnull (hva);
  fill (&world, 0, 256, 0);
  *hva = 0x1234;
  fill (&world, 256, 256, 0);
  g_assert_cmphex (load (&world, RAM), ==, 0x1234);
  world_clear (&world);
}

static void
test_others (void)
{
  World world;

  g_test_summary (
    "With others that may write nothing is given back, nor what a loader asked large pages for");
  world_init (&world, false);
  fill (&world, 0, PAGES, 0);
  g_assert_cmpuint (n_resident (&world), ==, PAGES);
  world_clear (&world);

  world_init (&world, true);
  cop_ram_set_sole_writer (world.ram, NULL);
  fill (&world, 0, PAGES, 0);
  g_assert_cmpuint (n_resident (&world), ==, PAGES);
  world_clear (&world);

  world_init (&world, true);
  cop_ram_will_fill (world.ram, RAM, PAGES * COP_PAGE_SIZE);
  fill (&world, 0, PAGES, 0);
  g_assert_cmpuint (n_resident (&world), ==, PAGES);
  world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ram-trim/zeroed", test_zeroed);
  g_test_add_func ("/ram-trim/used", test_used);
  g_test_add_func ("/ram-trim/old-entries", test_old_entries);
  g_test_add_func ("/ram-trim/others", test_others);
  return g_test_run ();
}
