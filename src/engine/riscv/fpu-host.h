/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Floating point on the host's FPU: what engines use on the hot path.
 *
 * While a hart runs, the host's rounding mode is the guest's frm, and the host's sticky flags hold
 * what the guest raised since cop_fpu_enter(); s.fcsr alone is stale then. cop_fpu_leave() merges.
 * Where frm has no counterpart on the host (RMM, or reserved values) the host stays at
 * nearest-even and instructions must use the cop_fpu_* forms, which take any mode and are correct
 * always.
 */
#pragma once

#include "engine/riscv/fpu.h"
#include "engine/riscv/hart.h"

/* Puts frm and nothing raised into the host's FPU; on entry to run() and after slow paths. */
void cop_fpu_enter (CopHart *hart);

/* Merges the host's flags into s.fcsr and restores the host's default environment. When flags were
   raised, mstatus.FS becomes dirty. */
void cop_fpu_leave (CopHart *hart);
