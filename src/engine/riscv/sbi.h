/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The Supervisor Binary Interface, built in: what M-mode firmware would do for a kernel in S mode.
 *
 *   ecall in S mode --> cop_sbi_handles ()? --yes--> cop_sbi_call (): a7 extension, a6 function,
 *                                |                   a0-a5 arguments; a0 error, a1 value
 *                                no: ordinary trap
 *
 * Source: RISC-V SBI Specification 2.0
 */
#pragma once

#include "engine/riscv/hart.h"

/* The version that sbi_get_spec_version answers: major in bits 30-24. */
#define COP_SBI_SPEC_VERSION (UINT64_C (2) << 24)

/* Whether an ecall of this hart in S mode is a call to the built-in SBI: the machine was booted
   with COP_BOOT_SBI. */
bool cop_sbi_handles (const CopHart *hart);

/**
 * cop_sbi_call:
 * Serves the call in a7 and a6 on the hart's own thread, between instructions, with s whole and pc
 * still at the ecall; the caller has counted the ecall in s.instret. Leaves pc after the ecall, or
 * where the call sends the hart. Calls that stop or suspend the hart, and those that end the
 * machine, set COP_PENDING_STOP, so that run() returns before the next instruction.
 */
void cop_sbi_call (CopHart *hart);
