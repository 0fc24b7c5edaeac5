/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Zicboz, Zicbom and Zicbop: what cbo.zero clears, who may use which, and how they fault.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 19; Privileged Spec 20240411 §3.1.18
 */
#include "guest.h"

#define BLOCK 64
#define VA 0x3000000000ul

static uint64_t root[512] __attribute__ ((aligned (4096)));
static uint8_t  area[PAGE] __attribute__ ((aligned (4096)));

__asm__ (".text\n"
         ".balign 4\n"
         "do_zero: cbo.zero (a0)\n  ecall\n"
         "do_clean: cbo.clean (a0)\n  ecall\n"
         "do_flush: cbo.flush (a0)\n  ecall\n"
         "do_inval: cbo.inval (a0)\n  ecall\n"
         "do_prefetch: prefetch.w 0(a0)\n  prefetch.r 0(a0)\n  prefetch.i 0(a0)\n  ecall\n");
extern const uint32_t do_zero[], do_clean[], do_flush[], do_inval[], do_prefetch[];

static void
test_zero (void)
{
  for (int offset = 0; offset < BLOCK; offset += 21)
    {
      for (unsigned i = 0; i < PAGE; i++)
        area[i] = 0xaa;
      /* Any address in the block. */
      __asm__ volatile ("cbo.zero (%0)" : : "r"(area + 2 * BLOCK + offset) : "memory");
      for (unsigned i = 0; i < PAGE; i++)
        CHECK_EQ (area[i], i / BLOCK == 2 ? 0 : 0xaa);
    }
  EXPECT_TRAP (STORE_ACCESS, 0x40, "cbo.zero (%[a])", [a] "r"(0x40ul));
}

static uint64_t
cause (uint64_t priv, const uint32_t *code, uint64_t address)
{
  uint64_t offset = priv == U && csr_read (satp) >> 60 != 0 ? USER_OFFSET : 0;

  enter (priv, (uintptr_t) code + offset, address, 0, 0);
  return this_hart->cause;
}

/* S needs the bit of menvcfg, U that and the bit of senvcfg. */
static void
test_enables (void)
{
  static const struct
  {
    const uint32_t *code;
    uint64_t        bits;
  } rows[] = {
    { do_zero, MENVCFG_CBZE },
    { do_clean, MENVCFG_CBCFE },
    { do_flush, MENVCFG_CBCFE },
    { do_inval, MENVCFG_CBIE },
  };

  for (int row = 0; row < 4; row++)
    for (int enables = 0; enables < 4; enables++)
      {
        csr_write (menvcfg, enables & 1 ? rows[row].bits : 0);
        csr_write (senvcfg, enables & 2 ? rows[row].bits : 0);
        CHECK_EQ (cause (S, rows[row].code, (uintptr_t) area), enables & 1 ? ECALL_S : ILLEGAL);
        CHECK_EQ (cause (U, rows[row].code, (uintptr_t) area), enables == 3 ? ECALL_U : ILLEGAL);
      }
  csr_write (menvcfg, MENVCFG_CBZE | MENVCFG_CBCFE | MENVCFG_CBIE);
  csr_write (senvcfg, MENVCFG_CBZE | MENVCFG_CBCFE | MENVCFG_CBIE);
  /* Prefetches need nothing and never fault. */
  CHECK_EQ (cause (U, do_prefetch, 0x40), ECALL_U);
}

/* Faults are those of stores; cleaning is content with a page that can be read. */
static void
test_faults (void)
{
  static const struct
  {
    uint64_t flags, zero, clean;
  } rows[] = {
    { PTE_RW, ECALL_S, ECALL_S },
    { PTE_V | PTE_R | PTE_A | PTE_D, STORE_PAGE, ECALL_S },
    { 0, STORE_PAGE, STORE_PAGE },
    { PTE_RW | PTE_U, STORE_PAGE, STORE_PAGE },
  };

  pt_map_image (root, SV39);
  set_satp (make_satp (SV39, 0, root));
  for (int i = 0; i < 4; i++)
    {
      *pt_slot (root, SV39, VA, 0) = pte (area, rows[i].flags);
      sfence_all ();
      CHECK_EQ (cause (S, do_zero, VA + 192), rows[i].zero);
      if (rows[i].zero == STORE_PAGE)
        CHECK_EQ (this_hart->tval, VA + 192);
      CHECK_EQ (cause (S, do_clean, VA + 192), rows[i].clean);
      CHECK_EQ (cause (S, do_flush, VA + 192), rows[i].clean);
    }
  csr_write (satp, 0);
}

void
test (void)
{
  test_zero ();
  test_enables ();
  test_faults ();
}
