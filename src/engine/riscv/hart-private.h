/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files that make up the hart share: hart.c, trap.c, request.c, csr*.c, hpm.c, pmp.c.
 */
#pragma once

#include "engine/riscv/csr.h"
#include "engine/riscv/hart.h"

/* The bits of mstatus that are stored; UXL, SXL and SD are made when it is read. */
#define COP_MSTATUS_STORED                                                                     \
  (COP_MSTATUS_SIE | COP_MSTATUS_MIE | COP_MSTATUS_SPIE | COP_MSTATUS_MPIE | COP_MSTATUS_SPP | \
   COP_MSTATUS_MPP | COP_MSTATUS_FS | COP_MSTATUS_MPRV | COP_MSTATUS_SUM | COP_MSTATUS_MXR |   \
   COP_MSTATUS_TVM | COP_MSTATUS_TW | COP_MSTATUS_TSR)

#define COP_MSTATUS_MPP_SHIFT 11
#define COP_MSTATUS_SPP_SHIFT 8

/* The interrupts there are, by the mode they belong to. */
#define COP_IRQS_S (COP_IRQ_BIT (COP_IRQ_SSI) | COP_IRQ_BIT (COP_IRQ_STI) | COP_IRQ_BIT (COP_IRQ_SEI))
#define COP_IRQS_M (COP_IRQ_BIT (COP_IRQ_MSI) | COP_IRQ_BIT (COP_IRQ_MTI) | COP_IRQ_BIT (COP_IRQ_MEI))

/* The exceptions of medeleg: all but ecall from M mode, which no lower mode can cause. */
#define COP_MEDELEG_BITS UINT64_C (0xb3ff)

/* menvcfg and senvcfg. Source: RISC-V Privileged Spec 20240411 §3.1.18, §10.1.10 */
#define COP_ENVCFG_FIOM (UINT64_C (1) << 0)
#define COP_ENVCFG_CBIE (UINT64_C (3) << 4)
#define COP_ENVCFG_CBCFE (UINT64_C (1) << 6)
#define COP_ENVCFG_CBZE (UINT64_C (1) << 7)
#define COP_ENVCFG_ADUE (UINT64_C (1) << 61)
#define COP_ENVCFG_PBMTE (UINT64_C (1) << 62)
#define COP_ENVCFG_STCE (UINT64_C (1) << 63)

static inline bool
cop_hart_has (const CopHart *hart, CopIsa extensions)
{
  return (hart->isa & extensions) == extensions;
}

/* Bits of what the hart has: WARL masks that depend on the extensions. */
uint64_t cop_hart_menvcfg_bits (const CopHart *hart);
uint64_t cop_hart_irq_bits (const CopHart *hart);

/* Hands stimecmp to the timer that drives STIP. */
void cop_hart_arm_timer (CopHart *hart);

/* Changes privilege, counters with mode filters and the view included. s.instret counts the
   instructions that ran in the old mode. */
void cop_hart_set_priv (CopHart *hart, CopPriv priv);

/**
 * cop_hpm_stop:
 * cop_hpm_start:
 * Bracket every change to what counters count, their inhibit bits, the privilege mode and the
 * counters themselves: in between, all members of s that hold counters hold their plain values.
 * @instret: instructions retired under the old, and before the new, rules
 */
void cop_hpm_stop (CopHart *hart, uint64_t instret);
void cop_hpm_start (CopHart *hart, uint64_t instret);

/* Counters as software reads them: number 0 (cycle), 2 (instret), 3 to 31 (hpm). */
uint64_t cop_hpm_read (const CopHart *hart, unsigned counter);
void cop_hpm_write (CopHart *hart, unsigned counter, uint64_t value);

/* Writes of mhpmevent and mcountinhibit. */
void cop_hpm_write_event (CopHart *hart, unsigned counter, uint64_t value);
void cop_hpm_write_inhibit (CopHart *hart, uint64_t value);

/* pmpcfg and pmpaddr; entries beyond the last read as zero. */
uint64_t cop_pmp_read_cfg (CopHart *hart, unsigned number);
void cop_pmp_write_cfg (CopHart *hart, unsigned number, uint64_t value);
uint64_t cop_pmp_read_addr (CopHart *hart, unsigned number);
void cop_pmp_write_addr (CopHart *hart, unsigned number, uint64_t value);

/* Lets every access pass, as firmware sets PMP up for a supervisor. */
void cop_pmp_open (CopHart *hart);
