/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The guest's floating point environment: between s.fcsr and the host's FPU.
 */
#include "engine/riscv/fpu-host.h"

#define FFLAGS_MASK 0x1fu
#define FRM_SHIFT 5

static CopRoundingMode
mode_of_hart (const CopHart *hart)
{
  return cop_fpu_host_mode (hart->s.fcsr >> FRM_SHIFT);
}

static void
merge (CopHart *hart, uint8_t flags)
{
  if (flags == 0)
    return;
  hart->s.fcsr |= flags;
  hart->s.mstatus |= COP_MSTATUS_FS;
}

void
cop_fpu_enter (CopHart *hart)
{
  cop_host_reset (mode_of_hart (hart));
}

void
cop_fpu_leave (CopHart *hart)
{
  merge (hart, cop_host_flags ());
  cop_host_reset (COP_RM_RNE);
}

void
cop_fpu_sync (CopHart *hart)
{
  uint8_t flags = cop_host_flags ();

  if (flags == 0)
    return;
  merge (hart, flags);
  cop_host_reset (mode_of_hart (hart));
}

uint8_t
cop_fpu_flags (const CopHart *hart)
{
  return (hart->s.fcsr & FFLAGS_MASK) | cop_host_flags ();
}

void
cop_fpu_set_fcsr (CopHart *hart, uint8_t fcsr)
{
  hart->s.fcsr = fcsr;
  cop_host_reset (mode_of_hart (hart));
}
