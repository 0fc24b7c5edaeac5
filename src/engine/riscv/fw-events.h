/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What SBI's firmware counters count: what the machine does in the place of firmware.
 *
 * Source: RISC-V SBI Specification 2.0 §11.3
 */
#pragma once

#include "engine/riscv/hart.h"
#include "engine/riscv/trap.h"

/* The codes of the specification. Those of hypervisors stay at 0: there is no H extension. */
typedef enum
{
  COP_FW_MISALIGNED_LOAD,
  COP_FW_MISALIGNED_STORE,
  COP_FW_ACCESS_LOAD,
  COP_FW_ACCESS_STORE,
  COP_FW_ILLEGAL_INSN,
  COP_FW_SET_TIMER,
  COP_FW_IPI_SENT,
  COP_FW_IPI_RECEIVED,
  COP_FW_FENCE_I_SENT,
  COP_FW_FENCE_I_RECEIVED,
  COP_FW_SFENCE_VMA_SENT,
  COP_FW_SFENCE_VMA_RECEIVED,
  COP_FW_SFENCE_VMA_ASID_SENT,
  COP_FW_SFENCE_VMA_ASID_RECEIVED,
  COP_FW_EVENT_LAST = 22,
} CopFwEvent;

void cop_fw_count_slow (CopHart *hart, CopFwEvent event);

/* Counts @event in every counter of @hart that counts it. On any thread. */
static inline void
cop_fw_count (CopHart *hart, CopFwEvent event)
{
  if (G_UNLIKELY (__atomic_load_n (&hart->s.fw_running, __ATOMIC_RELAXED) != 0))
    cop_fw_count_slow (hart, event);
}

/* Counts an exception, if firmware would have been told. */
void cop_fw_count_exception (CopHart *hart, CopTrapCause cause);
