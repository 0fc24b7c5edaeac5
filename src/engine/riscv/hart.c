/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The life of a hart, and its state as a table.
 *
 * Only what software wrote is state. Bits that are constants of the hart (UXL, SXL), summaries (SD)
 * or levels that a device drives (MEIP, and STIP under Sstc) are made when they are read.
 */
#include "engine/dev/timers.h"
#include "engine/riscv/fw-events.h"
#include "engine/riscv/hart-private.h"
#include "engine/riscv/mmu.h"
#include "engine/riscv/sbi.h"

static bool
fail (GError **error, const char *member, uint64_t value, const char *rule)
{
  g_set_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE,
               "%s is 0x%" G_GINT64_MODIFIER "x, but %s", member, value, rule);
  return false;
}

static bool
check_state (const void *data, GError **error)
{
  const CopHartState *s = data;

  if (s->x[0] != 0)
    return fail (error, "x[0]", s->x[0], "the zero register holds nothing else");
  if (s->priv == 2)
    return fail (error, "priv", s->priv, "a privilege mode is 0, 1 or 3");
  if ((s->mstatus & COP_MSTATUS_MPP) == UINT64_C (2) << COP_MSTATUS_MPP_SHIFT)
    return fail (error, "mstatus", s->mstatus, "its MPP is no privilege mode");
  if (s->reservation_size != 0 && s->reservation_size != 4 && s->reservation_size != 8)
    return fail (error, "reservation_size", s->reservation_size, "it must be 0, 4 or 8");
  if (s->reservation_size != 0 && s->reservation % s->reservation_size != 0)
    return fail (error, "reservation", s->reservation, "it must be aligned to its size");
  if (s->satp >> 60 != 0 && (s->satp >> 60 < 8 || s->satp >> 60 > 10))
    return fail (error, "satp", s->satp, "its MODE is neither Bare nor Sv39, Sv48 or Sv57");
  if (s->pc & 1)
    return fail (error, "pc", s->pc, "instructions lie at even addresses");
  for (unsigned i = 0; i < G_N_ELEMENTS (s->reserved); i++)
    if (s->reserved[i] != 0)
      return fail (error, "reserved", s->reserved[i], "it must be 0");
  return true;
}

static const CopStateRow hart_rows[] = {
  COP_STATE_ARRAY (CopHartState, x),
  COP_STATE_ARRAY (CopHartState, f),
  COP_STATE (CopHartState, pc),
  COP_STATE (CopHartState, instret),
  COP_STATE (CopHartState, mstatus, .mask = COP_MSTATUS_STORED),
  COP_STATE (CopHartState, medeleg, .mask = COP_MEDELEG_BITS),
  COP_STATE (CopHartState, mideleg, .mask = 0x2222),
  COP_STATE (CopHartState, mie, .mask = 0x2aaa),
  COP_STATE (CopHartState, mtvec, .mask = ~UINT64_C (2)),
  COP_STATE (CopHartState, mscratch),
  COP_STATE (CopHartState, mepc, .mask = ~UINT64_C (1)),
  COP_STATE (CopHartState, mcause),
  COP_STATE (CopHartState, mtval),
  COP_STATE (CopHartState, mip, .mask = 0x2222),
  COP_STATE (CopHartState, menvcfg, .mask = UINT64_C (0xe0000000000000f1)),
  COP_STATE (CopHartState, mcountinhibit, .mask = 0xfffffffd),
  COP_STATE (CopHartState, mcycle_base),
  COP_STATE (CopHartState, minstret_base),
  COP_STATE_ARRAY (CopHartState, mhpmcounter),
  COP_STATE_ARRAY (CopHartState, mhpmevent, .mask = UINT64_C (0xf0000000ffffffff)),
  COP_STATE_ARRAY (CopHartState, pmpaddr, .max = (UINT64_C (1) << 54) - 1),
  COP_STATE (CopHartState, stvec, .mask = ~UINT64_C (2)),
  COP_STATE (CopHartState, sscratch),
  COP_STATE (CopHartState, sepc, .mask = ~UINT64_C (1)),
  COP_STATE (CopHartState, scause),
  COP_STATE (CopHartState, stval),
  COP_STATE (CopHartState, satp),
  COP_STATE (CopHartState, senvcfg, .mask = 0xf1),
  /* No timer interrupt before software asks for one. */
  COP_STATE (CopHartState, stimecmp, .reset = UINT64_MAX),
  COP_STATE (CopHartState, reservation),
  COP_STATE (CopHartState, reservation_value),
  COP_STATE (CopHartState, hsm_start_gpa),
  COP_STATE (CopHartState, hsm_opaque),
  COP_STATE_ARRAY (CopHartState, fw_counter, .since = 2),
  COP_STATE (CopHartState, fw_running, .mask = (1u << COP_FW_COUNTERS) - 1, .since = 2),
  COP_STATE_ARRAY (CopHartState, fw_event, .max = COP_FW_EVENT_LAST, .since = 2),
  COP_STATE (CopHartState, mcounteren),
  COP_STATE (CopHartState, scounteren),
  COP_STATE_ARRAY (CopHartState, pmpcfg, .mask = 0x9f),
  COP_STATE (CopHartState, fcsr),
  COP_STATE (CopHartState, priv, .reset = COP_PRIV_M, .max = COP_PRIV_M),
  COP_STATE (CopHartState, reservation_size, .max = 8),
  COP_STATE (CopHartState, hsm_status, .reset = COP_HART_STARTED, .max = COP_HART_RESUME_PENDING),
  COP_STATE (CopHartState, waiting),
  COP_STATE_ARRAY (CopHartState, reserved),
};

const CopStateTable cop_hart_state_table = { "hart", 2, COP_STATE_ROWS (CopHartState, hart_rows),
                                             check_state };

uint64_t
cop_hart_menvcfg_bits (const CopHart *hart)
{
  uint64_t bits = 0;

  if (cop_hart_has (hart, COP_ISA (U)))
    bits |= COP_ENVCFG_FIOM;
  if (cop_hart_has (hart, COP_ISA (ZICBOM)))
    bits |= COP_ENVCFG_CBIE | COP_ENVCFG_CBCFE;
  if (cop_hart_has (hart, COP_ISA (ZICBOZ)))
    bits |= COP_ENVCFG_CBZE;
  if (cop_hart_has (hart, COP_ISA (SVADU)))
    bits |= COP_ENVCFG_ADUE;
  if (cop_hart_has (hart, COP_ISA (SVPBMT)))
    bits |= COP_ENVCFG_PBMTE;
  if (cop_hart_has (hart, COP_ISA (SSTC)))
    bits |= COP_ENVCFG_STCE;
  return bits;
}

uint64_t
cop_hart_irq_bits (const CopHart *hart)
{
  uint64_t bits = COP_IRQS_M;

  if (cop_hart_has (hart, COP_ISA (S)))
    bits |= COP_IRQS_S;
  if (cop_hart_has (hart, COP_ISA (SSCOFPMF)))
    bits |= COP_IRQ_BIT (COP_IRQ_LCOFI);
  return bits;
}

CopHart *
cop_hart_new (CopMachine *machine, CopRam *ram, unsigned id, CopIsa isa)
{
  CopHart *hart = g_new0 (CopHart, 1);

  hart->machine = machine;
  hart->ram = ram;
  hart->id = id;
  hart->isa = isa;
  hart->parked = true;
  hart->requests = g_array_new (FALSE, FALSE, sizeof (CopRequest));
  hart->answering = g_array_new (FALSE, FALSE, sizeof (CopRequest));
  g_mutex_init (&hart->lock);
  g_cond_init (&hart->wake);
  cop_state_init (&cop_hart_state_table, &hart->s);
  cop_hart_state_changed (hart);
  return hart;
}

void
cop_hart_free (CopHart *hart)
{
  cop_mmu_free (hart);
  g_array_unref (hart->requests);
  g_array_unref (hart->answering);
  g_mutex_clear (&hart->lock);
  g_cond_clear (&hart->wake);
  g_free (hart);
}

/* What machine-mode firmware does before it enters a supervisor. */
static void
open_to_supervisor (CopHart *hart)
{
  hart->s.medeleg = COP_MEDELEG_BITS;
  hart->s.mideleg = cop_hart_irq_bits (hart) & ~COP_IRQS_M;
  hart->s.mcounteren = UINT32_MAX;
  hart->s.menvcfg = cop_hart_menvcfg_bits (hart) & ~COP_ENVCFG_FIOM;
  cop_pmp_open (hart);
}

void
cop_hart_reset (CopHart *hart, uint64_t pc, CopPriv priv, uint64_t a1)
{
  cop_state_reset (&cop_hart_state_table, &hart->s);
  hart->s.pc = pc;
  hart->s.priv = priv;
  hart->s.x[10] = hart->id;
  hart->s.x[11] = a1;
  if (priv != COP_PRIV_M)
    open_to_supervisor (hart);
  cop_hart_state_changed (hart);
}

void
cop_hart_state_changed (CopHart *hart)
{
  uint8_t reservation_size = hart->s.reservation_size;

  hart->breakpoint_passed_at = UINT64_MAX;
  /* Whoever flushes otherwise may lose the reservation; here it is part of the new state. */
  cop_mmu_flush_all (hart);
  hart->s.reservation_size = reservation_size;
  cop_hpm_schedule (hart);
  cop_hart_arm_timer (hart);
  cop_hart_update_view (hart);
  cop_hart_update_irq (hart);
}

void
cop_hart_arm_timer (CopHart *hart)
{
  bool enabled = (hart->s.menvcfg & COP_ENVCFG_STCE) || cop_sbi_handles (hart);

  if (hart->timers != NULL)
    cop_timers_arm (hart->timers, hart->id, COP_TIMER_SUPERVISOR,
                    enabled ? hart->s.stimecmp : COP_CLOCK_NEVER);
}

void
cop_hart_set_stimecmp (CopHart *hart, uint64_t ticks)
{
  hart->s.stimecmp = ticks;
  cop_hart_arm_timer (hart);
}

uint64_t
cop_hart_time (const CopHart *hart)
{
  return hart->clock == NULL ? 0 : cop_clock_ticks (hart->clock);
}

bool
cop_hart_meets_breakpoint (CopHart *hart, uint64_t pc, uint64_t instret)
{
  if (hart->breakpoints == NULL || !cop_breakpoints_contain (hart->breakpoints, pc) ||
      (hart->breakpoint_passed == pc && hart->breakpoint_passed_at == instret))
    return false;
  hart->breakpoint_passed = pc;
  hart->breakpoint_passed_at = instret;
  return true;
}
