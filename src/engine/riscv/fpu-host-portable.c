/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Floating point where the host's FPU is not known: integers, in any mode.
 */
#include "engine/riscv/fpu-host.h"

_Thread_local CopHostFpu cop_host_fpu;

#define ANY_MODE(name, operands, result, type)                                                    \
  result cop_fpu_##name (CopHart *hart, COP_FPU_PARAMETERS_##operands (type), CopRoundingMode rm) \
  {                                                                                               \
    return cop_soft_##name (COP_FPU_ARGUMENTS_##operands, cop_fpu_static_mode (hart, rm),         \
                            &cop_host_fpu.flags);                                                 \
  }

COP_FPU_ROUNDING_TABLE (ANY_MODE)
COP_FPU_TO_INTEGER_TABLE (ANY_MODE)
