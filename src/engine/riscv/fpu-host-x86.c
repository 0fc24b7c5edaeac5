/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Floating point on x86-64: what stays out of line of the hot path.
 */
#include "engine/riscv/fpu-host.h"

#include <cpuid.h>

CopHostCpu cop_host_cpu;

/* GCC and the kernel vouch for AVX state; F16C has no name in all compilers' lists. */
static __attribute__ ((constructor)) void
find_host_cpu (void)
{
  unsigned eax, ebx, ecx = 0, edx;

  __builtin_cpu_init ();
  __get_cpuid (1, &eax, &ebx, &ecx, &edx);
  cop_host_cpu.fma = __builtin_cpu_supports ("fma") != 0;
  cop_host_cpu.f16c = __builtin_cpu_supports ("avx") != 0 && (ecx & bit_F16C) != 0;
}

/* MXCSR has the flags in the opposite order, and the denormal-operand flag between them. */

uint8_t
cop_host_flags (void)
{
  uint32_t mxcsr = cop_host_mxcsr ();

  return (uint8_t) ((mxcsr & 0x01) << 4 | (mxcsr & 0x04) << 1 | (mxcsr & 0x08) >> 1 |
                    (mxcsr & 0x10) >> 3 | (mxcsr & 0x20) >> 5);
}

void
cop_host_raise (uint8_t flags)
{
  uint32_t mxcsr = (uint32_t) ((flags & COP_FFLAG_NV) >> 4 | (flags & COP_FFLAG_DZ) >> 1 |
                               (flags & COP_FFLAG_OF) << 1 | (flags & COP_FFLAG_UF) << 3 |
                               (flags & COP_FFLAG_NX) << 5);

  if (mxcsr != 0)
    cop_host_set_mxcsr (cop_host_mxcsr () | mxcsr);
}

/* An infinity times zero; NaNs among the operands have raised what they raise. */
#define FMA_NAN(format, bits, nan, infinity)                                                      \
  bits cop_host_##format##_fma_nan (bits a, bits b)                                               \
  {                                                                                               \
    /* Shifting out the sign bits. */                                                             \
    a <<= 1;                                                                                      \
    b <<= 1;                                                                                      \
    if ((a == 0 && b == (bits) ((infinity) << 1)) || (b == 0 && a == (bits) ((infinity) << 1)))   \
      cop_host_raise (COP_FFLAG_NV);                                                              \
    return nan;                                                                                   \
  }

FMA_NAN (f32, uint32_t, COP_F32_NAN, UINT32_C (0x7f800000))
FMA_NAN (f64, uint64_t, COP_F64_NAN, UINT64_C (0x7ff0000000000000))

#define SOFT_ROUNDING(name, operands, result, type)                                               \
  result cop_host_soft_##name (COP_FPU_PARAMETERS_##operands (type), CopRoundingMode rm)          \
  {                                                                                               \
    CopRoundingMode mode = rm == COP_RM_DYN ? cop_host_rounding () : rm;                          \
    uint8_t flags = 0;                                                                            \
    result value = cop_soft_##name (COP_FPU_ARGUMENTS_##operands, mode, &flags);                  \
                                                                                                  \
    cop_host_raise (flags);                                                                       \
    return value;                                                                                 \
  }
#define SOFT_COMPARE(name, operands, result, type)                                                \
  result cop_host_soft_##name (type a, type b)                                                    \
  {                                                                                               \
    uint8_t flags = 0;                                                                            \
    result value = cop_##name (a, b, &flags);                                                     \
                                                                                                  \
    cop_host_raise (flags);                                                                       \
    return value;                                                                                 \
  }

COP_FPU_ROUNDING_TABLE (SOFT_ROUNDING)
COP_FPU_TO_INTEGER_TABLE (SOFT_ROUNDING)
COP_FPU_COMPARE_TABLE (SOFT_COMPARE)

uint32_t
cop_host_soft_f16_to_f32 (uint16_t a)
{
  uint8_t flags = 0;
  uint32_t value = cop_soft_f16_to_f32 (a, &flags);

  cop_host_raise (flags);
  return value;
}

/* Any mode. */

/* Puts @rm in force. Returns: MXCSR as it was */
static inline uint32_t
switch_mode (CopRoundingMode rm)
{
  uint32_t mxcsr = cop_host_mxcsr ();
  uint32_t wanted = (mxcsr & ~COP_MXCSR_RC) | COP_MXCSR_RC_OF (rm) << COP_MXCSR_RC_SHIFT;

  if (wanted != mxcsr)
    cop_host_set_mxcsr (wanted);
  return mxcsr;
}

/* Puts the mode of @saved in force again, keeping all flags. */
static inline void
restore_mode (uint32_t saved)
{
  uint32_t mxcsr = cop_host_mxcsr ();

  if (((mxcsr ^ saved) & COP_MXCSR_RC) != 0)
    cop_host_set_mxcsr ((mxcsr & ~COP_MXCSR_RC) | (saved & COP_MXCSR_RC));
}

#define ANY_MODE_BODY(name, operands, result)                                                     \
  CopRoundingMode mode = cop_fpu_static_mode (hart, rm);                                          \
  uint32_t saved;                                                                                 \
  result value;                                                                                   \
                                                                                                  \
  if (mode == COP_RM_RMM)                                                                         \
    return cop_host_soft_##name (COP_FPU_ARGUMENTS_##operands, mode);                             \
  saved = switch_mode (mode);                                                                     \
  value = cop_host_##name (COP_FPU_ARGUMENTS_##operands);                                         \
  restore_mode (saved);                                                                           \
  return value;

#define ANY_MODE(name, operands, result, type)                                                    \
  result cop_fpu_##name (CopHart *hart, COP_FPU_PARAMETERS_##operands (type), CopRoundingMode rm) \
  {                                                                                               \
    ANY_MODE_BODY (name, operands, result)                                                        \
  }

/* Casts of C round towards zero: the mode that is nearly always asked for. */
#define ANY_MODE_TO_INTEGER(name, operands, result, type)                                         \
  result cop_fpu_##name (CopHart *hart, type a, CopRoundingMode rm)                               \
  {                                                                                               \
    if (rm == COP_RM_RTZ)                                                                         \
      return cop_host_##name##_rtz (a);                                                           \
    ANY_MODE_BODY (name, operands, result)                                                        \
  }

COP_FPU_ROUNDING_TABLE (ANY_MODE)
COP_FPU_TO_INTEGER_TABLE (ANY_MODE_TO_INTEGER)
