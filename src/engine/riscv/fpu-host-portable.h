/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cop_host_* where the host's FPU is not known: the integer-only functions, with a rounding mode
 * and sticky flags of the thread in place of the host's. Included by fpu-host.h alone.
 */
#pragma once

typedef struct
{
  CopRoundingMode rm;           /* RNE to RUP */
  uint8_t         flags;
} CopHostFpu;

extern _Thread_local CopHostFpu cop_host_fpu;

static inline CopRoundingMode
cop_host_rounding (void)
{
  return cop_host_fpu.rm;
}

static inline void
cop_host_reset (CopRoundingMode rm)
{
  cop_host_fpu = (CopHostFpu) { .rm = rm };
}

static inline uint8_t
cop_host_flags (void)
{
  return cop_host_fpu.flags;
}

static inline void
cop_host_raise (uint8_t flags)
{
  cop_host_fpu.flags |= flags;
}

#define ROUNDING(name, operands, result, type)                                                    \
  static inline result cop_host_##name (COP_FPU_PARAMETERS_##operands (type))                     \
  {                                                                                               \
    return cop_soft_##name (COP_FPU_ARGUMENTS_##operands, cop_host_fpu.rm, &cop_host_fpu.flags);  \
  }
#define TO_INTEGER(name, operands, result, type)                                                  \
  ROUNDING (name, operands, result, type)                                                         \
  static inline result cop_host_##name##_rtz (type a)                                             \
  {                                                                                               \
    return cop_soft_##name (a, COP_RM_RTZ, &cop_host_fpu.flags);                                  \
  }
#define WIDENING(name, operands, result, type)                                                    \
  static inline result cop_host_##name (type a)                                                   \
  {                                                                                               \
    return cop_soft_##name (a, &cop_host_fpu.flags);                                              \
  }
#define COMPARE(name, operands, result, type)                                                     \
  static inline result cop_host_##name (type a, type b)                                           \
  {                                                                                               \
    return cop_##name (a, b, &cop_host_fpu.flags);                                                \
  }

COP_FPU_ROUNDING_TABLE (ROUNDING)
COP_FPU_TO_INTEGER_TABLE (TO_INTEGER)
COP_FPU_WIDENING_TABLE (WIDENING)
COP_FPU_COMPARE_TABLE (COMPARE)

#undef ROUNDING
#undef TO_INTEGER
#undef WIDENING
#undef COMPARE
