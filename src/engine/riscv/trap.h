/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Trap causes. Source: RISC-V Privileged Spec 20240411 table 14 (mcause).
 */
#pragma once

#include <stdint.h>

typedef enum
{
  COP_TRAP_INSN_MISALIGNED = 0,
  COP_TRAP_INSN_ACCESS_FAULT = 1,
  COP_TRAP_ILLEGAL_INSN = 2,
  COP_TRAP_BREAKPOINT = 3,
  COP_TRAP_LOAD_MISALIGNED = 4,
  COP_TRAP_LOAD_ACCESS_FAULT = 5,
  COP_TRAP_STORE_MISALIGNED = 6,
  COP_TRAP_STORE_ACCESS_FAULT = 7,
  COP_TRAP_ECALL_U = 8,
  COP_TRAP_ECALL_S = 9,
  COP_TRAP_ECALL_M = 11,
  COP_TRAP_INSN_PAGE_FAULT = 12,
  COP_TRAP_LOAD_PAGE_FAULT = 13,
  COP_TRAP_STORE_PAGE_FAULT = 15,
  COP_TRAP_NONE = -1,
} CopTrapCause;

/* Interrupt numbers: bits of mip and mie, and mcause with its top bit set. */
typedef enum
{
  COP_IRQ_SSI = 1,
  COP_IRQ_MSI = 3,
  COP_IRQ_STI = 5,
  COP_IRQ_MTI = 7,
  COP_IRQ_SEI = 9,
  COP_IRQ_MEI = 11,
  COP_IRQ_LCOFI = 13,
} CopIrq;

#define COP_IRQ_BIT(irq) (UINT64_C (1) << (irq))
#define COP_CAUSE_INTERRUPT (UINT64_C (1) << 63)

typedef enum
{
  COP_PRIV_U = 0,
  COP_PRIV_S = 1,
  COP_PRIV_M = 3,
} CopPriv;

typedef enum
{
  COP_ACCESS_LOAD,
  COP_ACCESS_STORE,             /* AMOs too */
  COP_ACCESS_FETCH,
} CopAccess;
