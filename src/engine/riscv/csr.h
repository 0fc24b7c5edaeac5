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

/* Returns: (nullable): the name of CSR @number, whether this hart has it or not */
const char *cop_csr_name (unsigned number);

/* xRET: restore privilege and interrupt enables, jump to xepc. False: illegal instruction. */
bool cop_csr_sret (CopHart *hart);
bool cop_csr_mret (CopHart *hart);

/* Whether cbo.inval (0: illegal; 1: as flush; 3: as inval), cbo.clean/flush and cbo.zero may be
   executed now. Source: Unprivileged Spec 20240411 ch. 19, xenvcfg. */
bool cop_csr_cbo_allowed (const CopHart *hart, unsigned cbo);

/* Counts hpm events whose source is the MMU or the trap unit; see COP_HPM_EVENT_*. */
void cop_hpm_count (CopHart *hart, unsigned event);

/* Recomputes instret_event from counters that are to raise LCOFI. */
void cop_hpm_schedule (CopHart *hart);

/* Raises LCOFI for counters that overflowed by now; from cop_hart_poll(). */
void cop_hpm_check (CopHart *hart);
