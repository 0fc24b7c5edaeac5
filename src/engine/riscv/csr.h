/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Control and status registers: one table for access, names and the disassembler.
 */
#pragma once

#include "engine/riscv/hart.h"

/**
 * cop_csr_read:
 * cop_csr_write:
 * What csrrw and its kin do, with all checks of existence, privilege, counter enables, TVM and FS.
 * A write has all its effects: view, pending interrupts, counters.
 *
 * s.instret counts the instructions before the CSR instruction when called.
 *
 * Returns: false with an illegal-instruction exception raised (tval is set by the caller)
 */
bool cop_csr_read (CopHart *hart, unsigned number, uint64_t *value);
bool cop_csr_write (CopHart *hart, unsigned number, uint64_t value);

/**
 * cop_csr_modify:
 * csrrs and csrrc with a source that is not x0, in one step: (old & ~@clear) | @set is written.
 * Not the same as a read and a write for mip, where what hardware and other harts hold is not written
 * back.
 *
 * @value: (out): the old value; set on success only
 *
 * Returns: as cop_csr_write()
 */
bool cop_csr_modify (CopHart *hart, unsigned number, uint64_t clear, uint64_t set,
                     uint64_t *value);

/* Returns: (nullable) (transfer none): the name of CSR @number, whether this hart has it or not */
const char *cop_csr_name (unsigned number);

/* xRET: restore privilege and interrupt enables, jump to xepc. False: illegal instruction raised.
   s.instret counts the instructions before the xRET. */
bool cop_csr_sret (CopHart *hart);
bool cop_csr_mret (CopHart *hart);

/* Whether wfi may be executed now: mstatus.TW, and never in U mode beside S mode. */
static inline bool
cop_csr_wfi_allowed (const CopHart *hart)
{
  if (hart->s.priv == COP_PRIV_M)
    return true;
  if (hart->s.mstatus & COP_MSTATUS_TW)
    return false;
  return hart->s.priv == COP_PRIV_S || !(hart->isa & COP_ISA (S));
}

/* Whether sfence.vma and sinval.vma may be executed now: mstatus.TVM. */
static inline bool
cop_csr_sfence_allowed (const CopHart *hart)
{
  if (hart->s.priv == COP_PRIV_S)
    return !(hart->s.mstatus & COP_MSTATUS_TVM);
  return hart->s.priv == COP_PRIV_M;
}

/* What cop_csr_cbo_allowed() is asked about: the immediate of the instruction. */
typedef enum
{
  COP_CBO_INVAL = 0,
  COP_CBO_CLEAN = 1,
  COP_CBO_FLUSH = 2,
  COP_CBO_ZERO = 4,
} CopCbo;

/* Whether @cbo may be executed now, by menvcfg and senvcfg. cbo.inval is executed as cbo.flush
   whatever CBIE says, which the specification allows. */
bool cop_csr_cbo_allowed (const CopHart *hart, CopCbo cbo);

/* What mhpmevent can select. The MMU and the trap unit count the ones that are not instructions. */
typedef enum
{
  COP_HPM_EVENT_NONE,
  COP_HPM_EVENT_CYCLES,
  COP_HPM_EVENT_INSTRUCTIONS,
  COP_HPM_EVENT_DTLB_READ_MISS,
  COP_HPM_EVENT_DTLB_WRITE_MISS,
  COP_HPM_EVENT_ITLB_MISS,
  COP_HPM_EVENT_EXCEPTIONS,
  COP_HPM_EVENT_INTERRUPTS,
  COP_HPM_EVENT_LAST,
} CopHpmEvent;

/* What software writes to mhpmevent to select each event: QEMU's numbers, which its device tree
   makes known, and our own from 0x20001 on. */
extern const uint32_t cop_hpm_selectors[COP_HPM_EVENT_LAST];

/* Counts @event in every counter that selects it now. */
void cop_hpm_count_slow (CopHart *hart, CopHpmEvent event);

static inline void
cop_hpm_count (CopHart *hart, CopHpmEvent event)
{
  if (G_UNLIKELY (hart->hpm_used & (1u << event)))
    cop_hpm_count_slow (hart, event);
}

/* Recomputes what is derived from the counters: instret_event and the events in use. */
void cop_hpm_schedule (CopHart *hart);

/* Marks counters that overflowed by now and raises LCOFI; from cop_hart_poll(). */
void cop_hpm_check (CopHart *hart);
