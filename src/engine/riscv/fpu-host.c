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

/* Whose flags and mode the thread's FPU has now. Flags that are raised otherwise are the program's
   own, and no guest's. */
static _Thread_local const CopHart *entered; /* (nullable) */

void
cop_fpu_enter (CopHart *hart)
{
  entered = hart;
  cop_host_reset (mode_of_hart (hart));
}

void
cop_fpu_leave (CopHart *hart)
{
  if (entered != hart)
    return;
  hart->s.fcsr |= cop_host_flags ();
  cop_host_reset (COP_RM_RNE);
  entered = NULL;
}

void
cop_fpu_sync (CopHart *hart)
{
  uint8_t flags = cop_fpu_flags (hart);

  if (flags != (hart->s.fcsr & FFLAGS_MASK))
    cop_fpu_set_fcsr (hart, hart->s.fcsr | flags);
}

uint8_t
cop_fpu_flags (const CopHart *hart)
{
  return (hart->s.fcsr & FFLAGS_MASK) | (entered == hart ? cop_host_flags () : 0);
}

void
cop_fpu_set_fcsr (CopHart *hart, uint8_t fcsr)
{
  hart->s.fcsr = fcsr;
  if (entered == hart)
    cop_host_reset (mode_of_hart (hart));
}
