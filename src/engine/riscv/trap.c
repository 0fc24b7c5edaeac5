/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Exceptions, interrupts and the way back from them.
 *
 *   exception  --> medeleg bit, and raised in S or U? --> S: sepc scause stval, SPP SPIE SIE, stvec
 *   interrupt  --> mideleg bit?                       --> M: mepc mcause mtval, MPP MPIE MIE, mtvec
 *
 * Source: RISC-V Privileged Spec 20240411 §3.1.6.1, §3.1.8, §3.1.9, §3.3.2
 */
#include "engine/riscv/fw-events.h"
#include "engine/riscv/hart-private.h"
#include "engine/riscv/mmu.h"
#include "engine/riscv/sbi.h"

void
cop_hart_set_priv (CopHart *hart, CopPriv priv)
{
  if (G_LIKELY (!hart->hpm_by_mode))
    {
      hart->s.priv = priv;
      return;
    }
  cop_hpm_stop (hart, hart->s.instret);
  hart->s.priv = priv;
  cop_hpm_start (hart, hart->s.instret);
}

/* Where a trap with @cause goes, given xtvec: vectored mode spreads interrupts. */
static uint64_t
vector (uint64_t xtvec, uint64_t cause)
{
  uint64_t base = xtvec & ~UINT64_C (3);

  if ((xtvec & 1) && (cause & COP_CAUSE_INTERRUPT))
    base += 4 * (cause & ~COP_CAUSE_INTERRUPT);
  return base;
}

static void
enter_supervisor (CopHart *hart, uint64_t cause, uint64_t tval)
{
  CopHartState *s = &hart->s;
  uint64_t status = s->mstatus & ~(COP_MSTATUS_SPP | COP_MSTATUS_SPIE | COP_MSTATUS_SIE);

  if (s->mstatus & COP_MSTATUS_SIE)
    status |= COP_MSTATUS_SPIE;
  if (s->priv == COP_PRIV_S)
    status |= COP_MSTATUS_SPP;
  s->mstatus = status;
  s->sepc = s->pc;
  s->scause = cause;
  s->stval = tval;
  s->pc = vector (s->stvec, cause);
  cop_hart_set_priv (hart, COP_PRIV_S);
}

static void
enter_machine (CopHart *hart, uint64_t cause, uint64_t tval)
{
  CopHartState *s = &hart->s;
  uint64_t status = s->mstatus & ~(COP_MSTATUS_MPP | COP_MSTATUS_MPIE | COP_MSTATUS_MIE);

  if (s->mstatus & COP_MSTATUS_MIE)
    status |= COP_MSTATUS_MPIE;
  s->mstatus = status | (uint64_t) s->priv << COP_MSTATUS_MPP_SHIFT;
  s->mepc = s->pc;
  s->mcause = cause;
  s->mtval = tval;
  s->pc = vector (s->mtvec, cause);
  cop_hart_set_priv (hart, COP_PRIV_M);
}

void
cop_hart_take_trap (CopHart *hart)
{
  CopTrapCause cause = hart->trap_cause;

  if (G_UNLIKELY (hart->trap_stops))
    {
      cop_hart_kick (hart, COP_PENDING_STOP);
      return;
    }
  if (cause == COP_TRAP_ECALL_S && cop_sbi_handles (hart))
    {
      hart->s.instret++;
      cop_sbi_call (hart);
      return;
    }

  hart->stats.traps++;
  cop_hpm_count (hart, COP_HPM_EVENT_EXCEPTIONS);
  if (G_UNLIKELY (hart->s.fw_running != 0))
    cop_fw_count_exception (hart, cause);
  if (hart->s.priv != COP_PRIV_M && (hart->s.medeleg >> cause & 1))
    enter_supervisor (hart, cause, hart->trap_tval);
  else
    enter_machine (hart, cause, hart->trap_tval);
  cop_hart_update_view (hart);
}

/* The interrupts that may be taken now: those for a higher mode always, those for this mode if its
   xIE is set, those for a lower mode never. */
static uint64_t
deliverable (const CopHart *hart)
{
  const CopHartState *s = &hart->s;
  uint64_t pending = cop_hart_mip (hart) & s->mie;
  uint64_t machine, supervisor;

  if (G_LIKELY (pending == 0))
    return 0;

  machine = pending & ~s->mideleg;
  if (machine != 0 && (s->priv != COP_PRIV_M || (s->mstatus & COP_MSTATUS_MIE)))
    return machine;

  supervisor = pending & s->mideleg;
  if (s->priv == COP_PRIV_U || (s->priv == COP_PRIV_S && (s->mstatus & COP_MSTATUS_SIE)))
    return supervisor;
  return 0;
}

static void
take_interrupt (CopHart *hart, uint64_t candidates)
{
  static const CopIrq by_priority[] = {
    COP_IRQ_MEI, COP_IRQ_MSI, COP_IRQ_MTI, COP_IRQ_SEI, COP_IRQ_SSI, COP_IRQ_STI, COP_IRQ_LCOFI,
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (by_priority); i++)
    {
      CopIrq irq = by_priority[i];

      if (!(candidates & COP_IRQ_BIT (irq)))
        continue;

      hart->stats.interrupts++;
      cop_hpm_count (hart, COP_HPM_EVENT_INTERRUPTS);
      if (hart->s.mideleg & COP_IRQ_BIT (irq))
        enter_supervisor (hart, COP_CAUSE_INTERRUPT | irq, 0);
      else
        enter_machine (hart, COP_CAUSE_INTERRUPT | irq, 0);
      cop_hart_update_view (hart);
      return;
    }
}

bool
cop_hart_poll (CopHart *hart)
{
  uint32_t pending = __atomic_load_n (&hart->pending, __ATOMIC_ACQUIRE);

  if (pending & COP_PENDING_REQUEST)
    cop_hart_answer_requests (hart);
  if (__atomic_load_n (&hart->pending, __ATOMIC_ACQUIRE) & COP_PENDING_FENCE_I)
    {
      cop_hart_clear_pending (hart, COP_PENDING_FENCE_I);
      cop_mmu_fence_i (hart);
    }

  /* Before a stop too: a saved state owes no overflow. */
  if (hart->s.instret >= hart->instret_event)
    cop_hpm_check (hart);

  if (pending & COP_PENDING_STOP)
    return false;

  /* Cleared before looking: a line that rises after the look sets it again. */
  cop_hart_clear_pending (hart, COP_PENDING_IRQ | COP_PENDING_COUNTER);
  take_interrupt (hart, deliverable (hart));
  return true;
}

bool
cop_hart_irq_waiting (const CopHart *hart)
{
  return (cop_hart_mip (hart) & hart->s.mie) != 0;
}

void
cop_hart_update_irq (CopHart *hart)
{
  /* Never cleared here: cop_hart_poll() does, and one look too many costs little. */
  if (deliverable (hart) != 0 &&
      !(__atomic_load_n (&hart->pending, __ATOMIC_RELAXED) & COP_PENDING_IRQ))
    __atomic_fetch_or (&hart->pending, COP_PENDING_IRQ, __ATOMIC_SEQ_CST);
}

/* The common half of xRET: back to @priv at @pc. */
static bool
return_to (CopHart *hart, CopPriv priv, uint64_t pc)
{
  CopHartState *s = &hart->s;

  if (priv != COP_PRIV_M)
    s->mstatus &= ~COP_MSTATUS_MPRV;
  s->pc = pc & ~(cop_hart_has (hart, COP_ISA (C)) ? UINT64_C (1) : UINT64_C (3));
  /* A context switch must not let one context's lr serve another's sc. */
  s->reservation_size = 0;
  if (s->priv != priv)
    {
      /* The xRET itself retires in the old mode. */
      s->instret++;
      cop_hart_set_priv (hart, priv);
      s->instret--;
    }
  cop_hart_update_view (hart);
  cop_hart_update_irq (hart);
  return true;
}

bool
cop_csr_sret (CopHart *hart)
{
  CopHartState *s = &hart->s;
  uint64_t status = s->mstatus;

  if (!cop_hart_has (hart, COP_ISA (S)) || s->priv == COP_PRIV_U ||
      (s->priv == COP_PRIV_S && (status & COP_MSTATUS_TSR)))
    return cop_hart_raise (hart, COP_TRAP_ILLEGAL_INSN, 0);

  s->mstatus &= ~(COP_MSTATUS_SIE | COP_MSTATUS_SPP);
  s->mstatus |= COP_MSTATUS_SPIE;
  if (status & COP_MSTATUS_SPIE)
    s->mstatus |= COP_MSTATUS_SIE;
  return return_to (hart, (status & COP_MSTATUS_SPP) ? COP_PRIV_S : COP_PRIV_U, s->sepc);
}

bool
cop_csr_mret (CopHart *hart)
{
  CopHartState *s = &hart->s;
  uint64_t status = s->mstatus;

  if (s->priv != COP_PRIV_M)
    return cop_hart_raise (hart, COP_TRAP_ILLEGAL_INSN, 0);

  s->mstatus &= ~(COP_MSTATUS_MIE | COP_MSTATUS_MPP);
  s->mstatus |= COP_MSTATUS_MPIE;
  if (status & COP_MSTATUS_MPIE)
    s->mstatus |= COP_MSTATUS_MIE;
  /* MPP becomes the least privileged mode there is. */
  if (!cop_hart_has (hart, COP_ISA (U)))
    s->mstatus |= COP_MSTATUS_MPP;
  return return_to (hart, (status & COP_MSTATUS_MPP) >> COP_MSTATUS_MPP_SHIFT, s->mepc);
}
