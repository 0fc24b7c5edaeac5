/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every combination of R, W, X and U of a page with the mode, SUM, MXR and the kind of access, also by
 * way of MPRV, against the rules as a function.
 *
 * Source: RISC-V Privileged Spec 20240411 §3.1.6.3, §10.3.1
 */
#include "guest.h"

static uint64_t root[512] __attribute__ ((aligned (4096)));
/* Begins with an ecall, so that a fetch comes back. */
static uint32_t page[PAGE / 4] __attribute__ ((aligned (4096))) = { 0x00000073 };

#define VA 0x3000000000ul

static bool
allowed (uint64_t flags, uint64_t priv, bool sum, bool mxr, Access access)
{
  if ((flags & PTE_U) != 0 ? priv == S && (!sum || access == FETCH) : priv == U)
    return false;
  switch (access)
    {
    case LOAD:
      return (flags & PTE_R) || (mxr && (flags & PTE_X));
    case STORE:
      return flags & PTE_W;
    default:
      return flags & PTE_X;
    }
}

/* A load or store in machine mode with the translation of @priv. Value: cause or ~0. */
static uint64_t
access_mprv (uint64_t priv, Access access)
{
  csr_clear (mstatus, MSTATUS_MPP);
  csr_set (mstatus, priv << 11);
  trap_clear ();
  if (access == LOAD)
    __asm__ volatile ("csrs mstatus, %1\n lbu t1, 0(%0)\n csrc mstatus, %1"
                      :
                      : "r"(VA + 64), "r"(MSTATUS_MPRV)
                      : "t1", "memory");
  else
    __asm__ volatile ("csrs mstatus, %1\n sb zero, 0(%0)\n csrc mstatus, %1"
                      :
                      : "r"(VA + 64), "r"(MSTATUS_MPRV)
                      : "memory");
  if (this_hart->count == 0)
    return ~0ul;
  CHECK_EQ (this_hart->tval, VA + 64);
  return this_hart->cause;
}

void
test (void)
{
  static const uint64_t page_fault[] = { LOAD_PAGE, STORE_PAGE, INSN_PAGE };
  uint64_t             *slot = pt_slot (root, SV39, VA, 0);

  pt_map_image (root, SV39);
  set_satp (make_satp (SV39, 0, root));
  for (uint64_t bits = 0; bits < 16; bits++)
    {
      uint64_t flags = bits << 1;

      if ((flags & (PTE_R | PTE_W | PTE_X)) == 0 || (flags & (PTE_R | PTE_W)) == PTE_W)
        continue;
      *slot = pte (page, flags | PTE_V | PTE_A | PTE_D);
      sfence_all ();
      /* The order of the loops has SUM and MXR change without a fence in between. */
      for (int view = 0; view < 8; view++)
        for (int access = LOAD; access <= FETCH; access++)
          {
            uint64_t priv = view & 1 ? S : U;
            bool     sum = view & 2, mxr = view & 4;
            bool     good = allowed (flags, priv, sum, mxr, access);

            csr_clear (mstatus, MSTATUS_SUM | MSTATUS_MXR);
            csr_set (mstatus, (sum ? MSTATUS_SUM : 0) | (mxr ? MSTATUS_MXR : 0));
            CHECK_EQ (probe (priv, access, access == FETCH ? VA : VA + 64),
                      good ? ECALL_U + priv : page_fault[access]);
            if (access != FETCH)
              CHECK_EQ (access_mprv (priv, access), good ? ~0ul : page_fault[access]);
          }
    }
  /* MPRV with MPP = M translates nothing. */
  csr_set (mstatus, MSTATUS_MPP | MSTATUS_MPRV);
  CHECK_EQ (*(volatile uint32_t *) page, 0x00000073);
  csr_clear (mstatus, MSTATUS_MPRV | MSTATUS_SUM | MSTATUS_MXR);
  csr_write (satp, 0);
}
