/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Instructions that change more than registers and memory. They end a block, so all engines hand
 * them to one function, with the whole state in its place.
 */
#pragma once

#include "engine/riscv/insn.h"
#include "engine/riscv/mmu.h"

typedef enum
{
  COP_SYSTEM_DONE,              /* pc and instret are past the instruction */
  COP_SYSTEM_TRAP,              /* an exception is raised, not yet taken; s is unchanged */
  COP_SYSTEM_WAIT,              /* a wfi, done: s.waiting is set and the hart is to sleep */
} CopSystemResult;

/**
 * cop_system_execute:
 * @op: a row whose meaning is SYSTEM
 * @bits: the instruction; compressed ones have no such rows
 *
 * s is whole: pc is at the instruction, instret counts those before it.
 *
 * Source: RISC-V Privileged Spec 20240411 §3.3, §10.2; Unprivileged Spec 20240411 ch. 5-7, 14, 19
 */
CopSystemResult cop_system_execute (CopHart *hart, CopInsnOp op, uint32_t bits);

/* cbo.zero of the 64 bytes around @gva. False with a fault raised. */
bool cop_system_cbo_zero (CopHart *hart, uint64_t gva, uint32_t bits);

/* What pause and a waiting wrs do to the host: lets other harts have the core. */
void cop_system_relax (CopHart *hart);

/* Whether a fence orders stores before later loads: the one order that x86 does not keep. */
static inline bool
cop_fence_is_full (uint32_t imm)
{
  return (imm & 0x50) != 0 && (imm & 0x0a) != 0;
}
