/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A hart with a little RAM and no machine around it.
 */
#pragma once

#include "engine/riscv/hart.h"

#define TEST_RAM_GPA UINT64_C (0x80000000)
#define TEST_RAM_SIZE (UINT64_C (16) * COP_PAGE_SIZE)

typedef struct
{
  CopRam  *ram;
  CopHart *hart;
} TestHart;

/* In M mode at the start of RAM, parked, on the calling thread. */
static inline TestHart
test_hart_new (CopIsa isa)
{
  g_autoptr (GError) error = NULL;
  TestHart test;

  test.ram = cop_ram_new (TEST_RAM_GPA, TEST_RAM_SIZE, -1, &error);
  g_assert_no_error (error);
  test.hart = cop_hart_new (NULL, test.ram, 0, isa);
  cop_hart_reset (test.hart, TEST_RAM_GPA, COP_PRIV_M, 0);
  return test;
}

static inline void
test_hart_free (TestHart *test)
{
  cop_hart_free (test->hart);
  cop_ram_free (test->ram);
}
