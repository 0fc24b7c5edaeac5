/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CSR access, returns from traps, fences of translation and code, waiting, cache blocks.
 */
#include "engine/riscv/system.h"

#include "engine/machine.h"
#include "engine/riscv/csr.h"

#include <sched.h>
#include <string.h>

#define CBO_BLOCK 64            /* bytes; Zic64b */

static CopSystemResult
done (CopHart *hart)
{
  hart->s.pc += 4;
  hart->s.instret++;
  return COP_SYSTEM_DONE;
}

static CopSystemResult
raise_trap (CopHart *hart, CopTrapCause cause, uint64_t tval)
{
  cop_hart_raise (hart, cause, tval);
  return COP_SYSTEM_TRAP;
}

/* For what reports an illegal instruction without its bits. */
static CopSystemResult
illegal (CopHart *hart, uint32_t bits)
{
  return raise_trap (hart, COP_TRAP_ILLEGAL_INSN, bits);
}

static CopSystemResult
csr (CopHart *hart, CopInsnOp op, uint32_t bits)
{
  unsigned number = bits >> 20;
  unsigned rd = (bits >> 7) & 31;
  unsigned rs1 = (bits >> 15) & 31;
  bool immediate = op == COP_INSN_csrrwi || op == COP_INSN_csrrsi || op == COP_INSN_csrrci;
  uint64_t source = immediate ? rs1 : hart->s.x[rs1];
  uint64_t old = 0;
  bool good;

  switch (op)
    {
    case COP_INSN_csrrw:
    case COP_INSN_csrrwi:
      good = (rd == 0 || cop_csr_read (hart, number, &old)) &&
             cop_csr_write (hart, number, source);
      break;
    case COP_INSN_csrrs:
    case COP_INSN_csrrsi:
      good = rs1 == 0 ? cop_csr_read (hart, number, &old)
                      : cop_csr_modify (hart, number, 0, source, &old);
      break;
    default:
      good = rs1 == 0 ? cop_csr_read (hart, number, &old)
                      : cop_csr_modify (hart, number, source, 0, &old);
    }
  if (!good)
    return illegal (hart, bits);
  if (rd != 0)
    hart->s.x[rd] = old;
  return done (hart);
}

static CopSystemResult
sfence_vma (CopHart *hart, uint32_t bits)
{
  unsigned rs1 = (bits >> 15) & 31, rs2 = (bits >> 20) & 31;

  if (!cop_csr_sfence_allowed (hart))
    return illegal (hart, bits);
  cop_mmu_sfence (hart, rs1 == 0 ? 0 : hart->s.x[rs1], rs1 == 0 ? UINT64_MAX : 1,
                  rs2 == 0 ? UINT64_MAX : hart->s.x[rs2] & 0xffff);
  return done (hart);
}

static CopSystemResult
wfi (CopHart *hart, uint32_t bits)
{
  if (!cop_csr_wfi_allowed (hart))
    return illegal (hart, bits);
  done (hart);
  if (cop_hart_irq_waiting (hart))
    return COP_SYSTEM_DONE;
  hart->s.waiting = true;
  return COP_SYSTEM_WAIT;
}

/* Waiting for a store to the reservation may end at any time: it lets others run, once. */
static CopSystemResult
wrs (CopHart *hart)
{
  if (hart->s.reservation_size != 0)
    cop_system_relax (hart);
  return done (hart);
}

/* clean, flush and inval: memory is coherent, so only the checks remain. A block that may be read
   or written may be managed; a fault is a store's. */
static CopSystemResult
cbo (CopHart *hart, CopCbo which, uint32_t bits)
{
  uint64_t gva = hart->s.x[(bits >> 15) & 31];
  CopTranslation found;

  if (!cop_csr_cbo_allowed (hart, which))
    return illegal (hart, bits);
  if (cop_mmu_translate (hart, gva, COP_ACCESS_LOAD, &found) ||
      cop_mmu_translate (hart, gva, COP_ACCESS_STORE, &found))
    return done (hart);
  return COP_SYSTEM_TRAP;
}

CopSystemResult
cop_system_execute (CopHart *hart, CopInsnOp op, uint32_t bits)
{
  switch (op)
    {
    case COP_INSN_csrrw:
    case COP_INSN_csrrs:
    case COP_INSN_csrrc:
    case COP_INSN_csrrwi:
    case COP_INSN_csrrsi:
    case COP_INSN_csrrci:
      return csr (hart, op, bits);
    case COP_INSN_ecall:
      return raise_trap (hart, COP_TRAP_ECALL_U + hart->s.priv, 0);
    case COP_INSN_sret:
      if (!cop_csr_sret (hart))
        return illegal (hart, bits);
      hart->s.instret++;
      return COP_SYSTEM_DONE;
    case COP_INSN_mret:
      if (!cop_csr_mret (hart))
        return illegal (hart, bits);
      hart->s.instret++;
      return COP_SYSTEM_DONE;
    case COP_INSN_wfi:
      return wfi (hart, bits);
    case COP_INSN_wrs_nto:
    case COP_INSN_wrs_sto:
      return wrs (hart);
    case COP_INSN_fence_i:
      cop_mmu_fence_i (hart);
      return done (hart);
    case COP_INSN_sfence_vma:
    case COP_INSN_sinval_vma:
      return sfence_vma (hart, bits);
    case COP_INSN_sfence_w_inval:
    case COP_INSN_sfence_inval_ir:
      /* sinval.vma is done at once, so there is nothing to order. */
      return hart->s.priv == COP_PRIV_U ? illegal (hart, bits) : done (hart);
    case COP_INSN_cbo_inval:
      return cbo (hart, COP_CBO_INVAL, bits);
    case COP_INSN_cbo_clean:
      return cbo (hart, COP_CBO_CLEAN, bits);
    case COP_INSN_cbo_flush:
      return cbo (hart, COP_CBO_FLUSH, bits);
    default:
      g_assert_not_reached ();
    }
}

bool
cop_system_cbo_zero (CopHart *hart, uint64_t gva, uint32_t bits)
{
  uint64_t block = gva & ~(uint64_t) (CBO_BLOCK - 1);
  void *hva = cop_tlb_lookup (hart->tlb, block, 8, COP_ACCESS_STORE);

  if (!cop_csr_cbo_allowed (hart, COP_CBO_ZERO))
    return cop_hart_raise (hart, COP_TRAP_ILLEGAL_INSN, bits);
  if (hva != NULL)
    {
      memset (hva, 0, CBO_BLOCK);
      return true;
    }
  for (unsigned i = 0; i < CBO_BLOCK; i += 8)
    if (!cop_mmu_store_slow (hart, block + i, 8, 0))
      return cop_hart_raise (hart, hart->trap_cause, gva);
  return true;
}

void
cop_system_relax (CopHart *hart)
{
  if (hart->machine != NULL && cop_machine_n_harts (hart->machine) > 1)
    sched_yield ();
}
