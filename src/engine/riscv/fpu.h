/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Floating point, exact in results and flags.
 *
 *   cop_soft_*   integer arithmetic only: any host, any rounding mode; the reference
 *   cop_host_*   (fpu-host.h) the host's FPU, for the rounding mode that is in force on it
 *
 * Values travel as their bits in uint64_t (f64), uint32_t (f32) and uint16_t (f16); NaN-boxing is
 * the instruction semantics' business. Every NaN result is the canonical one.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 21, 22, 28; IEEE 754-2019
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum
{
  COP_RM_RNE = 0,
  COP_RM_RTZ = 1,
  COP_RM_RDN = 2,
  COP_RM_RUP = 3,
  COP_RM_RMM = 4,
  COP_RM_DYN = 7,
} CopRoundingMode;

enum
{
  COP_FFLAG_NX = 1,
  COP_FFLAG_UF = 2,
  COP_FFLAG_OF = 4,
  COP_FFLAG_DZ = 8,
  COP_FFLAG_NV = 16,
};

#define COP_F16_NAN UINT16_C (0x7e00)
#define COP_F32_NAN UINT32_C (0x7fc00000)
#define COP_F64_NAN UINT64_C (0x7ff8000000000000)

/* Each ORs what it raises into *flags. @rm is one of the five static modes. */
uint32_t cop_soft_f32_add (uint32_t a, uint32_t b, CopRoundingMode rm, uint8_t *flags);
uint32_t cop_soft_f32_sub (uint32_t a, uint32_t b, CopRoundingMode rm, uint8_t *flags);
uint32_t cop_soft_f32_mul (uint32_t a, uint32_t b, CopRoundingMode rm, uint8_t *flags);
uint32_t cop_soft_f32_div (uint32_t a, uint32_t b, CopRoundingMode rm, uint8_t *flags);
uint32_t cop_soft_f32_sqrt (uint32_t a, CopRoundingMode rm, uint8_t *flags);
/* a * b + c, rounded once */
uint32_t cop_soft_f32_fma (uint32_t a, uint32_t b, uint32_t c, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_f64_add (uint64_t a, uint64_t b, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_f64_sub (uint64_t a, uint64_t b, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_f64_mul (uint64_t a, uint64_t b, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_f64_div (uint64_t a, uint64_t b, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_f64_sqrt (uint64_t a, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_f64_fma (uint64_t a, uint64_t b, uint64_t c, CopRoundingMode rm, uint8_t *flags);

/* fmin, fmax: -0 below +0, one NaN gives the other operand, signaling raises NV. */
uint32_t cop_f32_min (uint32_t a, uint32_t b, uint8_t *flags);
uint32_t cop_f32_max (uint32_t a, uint32_t b, uint8_t *flags);
uint64_t cop_f64_min (uint64_t a, uint64_t b, uint8_t *flags);
uint64_t cop_f64_max (uint64_t a, uint64_t b, uint8_t *flags);

/* feq is quiet, flt and fle signal. */
bool cop_f32_eq (uint32_t a, uint32_t b, uint8_t *flags);
bool cop_f32_lt (uint32_t a, uint32_t b, uint8_t *flags);
bool cop_f32_le (uint32_t a, uint32_t b, uint8_t *flags);
bool cop_f64_eq (uint64_t a, uint64_t b, uint8_t *flags);
bool cop_f64_lt (uint64_t a, uint64_t b, uint8_t *flags);
bool cop_f64_le (uint64_t a, uint64_t b, uint8_t *flags);

/* fclass: one of ten bits */
uint64_t cop_f32_class (uint32_t a);
uint64_t cop_f64_class (uint64_t a);

/* Between formats. */
uint32_t cop_soft_f64_to_f32 (uint64_t a, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_f32_to_f64 (uint32_t a, uint8_t *flags);
uint16_t cop_soft_f64_to_f16 (uint64_t a, CopRoundingMode rm, uint8_t *flags);
uint16_t cop_soft_f32_to_f16 (uint32_t a, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_f16_to_f64 (uint16_t a, uint8_t *flags);
uint32_t cop_soft_f16_to_f32 (uint16_t a, uint8_t *flags);

/* To integers, saturating as fcvt.{w,wu,l,lu} do; 32-bit results are not extended. */
int32_t  cop_soft_f32_to_i32 (uint32_t a, CopRoundingMode rm, uint8_t *flags);
uint32_t cop_soft_f32_to_u32 (uint32_t a, CopRoundingMode rm, uint8_t *flags);
int64_t  cop_soft_f32_to_i64 (uint32_t a, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_f32_to_u64 (uint32_t a, CopRoundingMode rm, uint8_t *flags);
int32_t  cop_soft_f64_to_i32 (uint64_t a, CopRoundingMode rm, uint8_t *flags);
uint32_t cop_soft_f64_to_u32 (uint64_t a, CopRoundingMode rm, uint8_t *flags);
int64_t  cop_soft_f64_to_i64 (uint64_t a, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_f64_to_u64 (uint64_t a, CopRoundingMode rm, uint8_t *flags);

/* From integers. */
uint32_t cop_soft_i32_to_f32 (int32_t a, CopRoundingMode rm, uint8_t *flags);
uint32_t cop_soft_u32_to_f32 (uint32_t a, CopRoundingMode rm, uint8_t *flags);
uint32_t cop_soft_i64_to_f32 (int64_t a, CopRoundingMode rm, uint8_t *flags);
uint32_t cop_soft_u64_to_f32 (uint64_t a, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_i32_to_f64 (int32_t a, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_u32_to_f64 (uint32_t a, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_i64_to_f64 (int64_t a, CopRoundingMode rm, uint8_t *flags);
uint64_t cop_soft_u64_to_f64 (uint64_t a, CopRoundingMode rm, uint8_t *flags);
