/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cop_host_* on x86-64: an SSE2 instruction each, and what RISC-V sees otherwise. Included by
 * fpu-host.h alone; emitted code does the same, and uses the constants and out-of-line functions.
 *
 *   x86                                     RISC-V                    done here
 *   NaN operand's payload handed on         canonical NaN             test of the result
 *   inf * 0 + quiet NaN raises nothing      NV                        in the NaN's path of fma
 *   conversion out of range: 0x80...0       saturates                 test of the result
 *   no conversion to 32 or 64 bits unsigned                           next larger signed, or soft
 *   tininess after rounding, as RISC-V      UF                        nothing
 *   denormal-operand flag                   does not exist            ignored
 *
 * Instructions are volatile asm: the compiler neither drops nor folds them, and keeps their order
 * with those that read and write MXCSR.
 *
 *   MXCSR  15   14 13   12 .. 7   6    5   4   3   2   1   0
 *         FTZ    RC      masks   DAZ  PE  UE  OE  ZE  DE  IE
 *
 * Source: Intel 64 and IA-32 Architectures SDM vol. 1 §10.2.3, §11.5, §14.5
 */
#pragma once

#define COP_MXCSR_DEFAULT 0x1f80u       /* nearest-even, exceptions masked, none raised */
#define COP_MXCSR_FLAGS 0x3fu
#define COP_MXCSR_RC 0x6000u
#define COP_MXCSR_RC_SHIFT 13

/* RC of a mode from RNE to RUP, and the other way; two bits each, that of 0 lowest:
   nearest-even 0, down 1, up 2, to zero 3. */
#define COP_MXCSR_RC_OF(rm) ((0x9cu >> (2 * (rm))) & 3)
#define COP_MXCSR_RM_OF(rc) ((0x78u >> (2 * (rc))) & 3)

/* What this host has beyond SSE2; set before main(). */
typedef struct
{
  bool fma;
  bool f16c;
} CopHostCpu;

extern CopHostCpu cop_host_cpu;

static inline uint32_t
cop_host_mxcsr (void)
{
  uint32_t mxcsr;

  __asm__ volatile ("stmxcsr %0" : "=m" (mxcsr));
  return mxcsr;
}

static inline void
cop_host_set_mxcsr (uint32_t mxcsr)
{
  __asm__ volatile ("ldmxcsr %0" : : "m" (mxcsr));
}

/* Returns: the mode in force */
static inline CopRoundingMode
cop_host_rounding (void)
{
  return (CopRoundingMode) COP_MXCSR_RM_OF ((cop_host_mxcsr () & COP_MXCSR_RC)
                                            >> COP_MXCSR_RC_SHIFT);
}

/* Puts @rm, from RNE to RUP, in force, with no flag raised. */
static inline void
cop_host_reset (CopRoundingMode rm)
{
  cop_host_set_mxcsr (COP_MXCSR_DEFAULT | COP_MXCSR_RC_OF (rm) << COP_MXCSR_RC_SHIFT);
}

/* COP_FFLAG_* that are raised in MXCSR, and raising more. */
uint8_t cop_host_flags (void);
void cop_host_raise (uint8_t flags);

/*
 * The integer-only functions, with flags raised in MXCSR: for what the host has no instruction for.
 *   result cop_host_soft_NAME (operands..., rm)     rounding operations; DYN: the mode in force
 *   result cop_host_soft_NAME (a, b)                comparing operations
 */
#define ROUNDING(name, operands, result, type)                                                    \
  result cop_host_soft_##name (COP_FPU_PARAMETERS_##operands (type), CopRoundingMode rm);
#define COMPARE(name, operands, result, type)                                                     \
  result cop_host_soft_##name (COP_FPU_PARAMETERS_##operands (type));
COP_FPU_ROUNDING_TABLE (ROUNDING)
COP_FPU_TO_INTEGER_TABLE (ROUNDING)
COP_FPU_COMPARE_TABLE (COMPARE)
#undef ROUNDING
#undef COMPARE

/* The NaN that fma gives, with NV raised where x86 does not. */
uint32_t cop_host_f32_fma_nan (uint32_t a, uint32_t b);
uint64_t cop_host_f64_fma_nan (uint64_t a, uint64_t b);

/* Bits to the host's registers and back. */

static inline float
cop_host_f32_value (uint32_t bits)
{
  float value;

  __builtin_memcpy (&value, &bits, sizeof (value));
  return value;
}

static inline double
cop_host_f64_value (uint64_t bits)
{
  double value;

  __builtin_memcpy (&value, &bits, sizeof (value));
  return value;
}

static inline uint32_t
cop_host_f32_bits (float value)
{
  uint32_t bits;

  __builtin_memcpy (&bits, &value, sizeof (bits));
  return bits;
}

static inline uint64_t
cop_host_f64_bits (double value)
{
  uint64_t bits;

  __builtin_memcpy (&bits, &value, sizeof (bits));
  return bits;
}

static inline bool
cop_host_f32_is_nan (uint32_t bits)
{
  return __builtin_expect ((bits & INT32_MAX) > UINT32_C (0x7f800000), 0);
}

static inline bool
cop_host_f64_is_nan (uint64_t bits)
{
  return __builtin_expect ((bits & INT64_MAX) > UINT64_C (0x7ff0000000000000), 0);
}

/* What an operation left in a host register. Its NaNs are quiet: the test raises nothing. */

static inline uint32_t
cop_host_f32_result (float value)
{
  return __builtin_expect (value != value, 0) ? COP_F32_NAN : cop_host_f32_bits (value);
}

static inline uint64_t
cop_host_f64_result (double value)
{
  return __builtin_expect (value != value, 0) ? COP_F64_NAN : cop_host_f64_bits (value);
}

/* Arithmetic. */

#define COP_HOST_BINARY(format, bits, real, name, insn)                                           \
  static inline bits cop_host_##format##_##name (bits a, bits b)                                  \
  {                                                                                               \
    real value = cop_host_##format##_value (a);                                                   \
                                                                                                  \
    __asm__ volatile (insn " %1, %0" : "+x" (value) : "x" (cop_host_##format##_value (b)));       \
    return cop_host_##format##_result (value);                                                    \
  }

COP_HOST_BINARY (f32, uint32_t, float, add, "addss")
COP_HOST_BINARY (f32, uint32_t, float, sub, "subss")
COP_HOST_BINARY (f32, uint32_t, float, mul, "mulss")
COP_HOST_BINARY (f32, uint32_t, float, div, "divss")
COP_HOST_BINARY (f64, uint64_t, double, add, "addsd")
COP_HOST_BINARY (f64, uint64_t, double, sub, "subsd")
COP_HOST_BINARY (f64, uint64_t, double, mul, "mulsd")
COP_HOST_BINARY (f64, uint64_t, double, div, "divsd")

#undef COP_HOST_BINARY

static inline uint32_t
cop_host_f32_sqrt (uint32_t a)
{
  float value = cop_host_f32_value (a);

  __asm__ volatile ("sqrtss %0, %0" : "+x" (value));
  return cop_host_f32_result (value);
}

static inline uint64_t
cop_host_f64_sqrt (uint64_t a)
{
  double value = cop_host_f64_value (a);

  __asm__ volatile ("sqrtsd %0, %0" : "+x" (value));
  return cop_host_f64_result (value);
}

static inline uint32_t
cop_host_f32_fma (uint32_t a, uint32_t b, uint32_t c)
{
  float value = cop_host_f32_value (a);

  if (__builtin_expect (!cop_host_cpu.fma, 0))
    return cop_host_soft_f32_fma (a, b, c, COP_RM_DYN);
  __asm__ volatile ("vfmadd213ss %2, %1, %0"
                    : "+x" (value)
                    : "x" (cop_host_f32_value (b)), "x" (cop_host_f32_value (c)));
  if (__builtin_expect (value != value, 0))
    return cop_host_f32_fma_nan (a, b);
  return cop_host_f32_bits (value);
}

static inline uint64_t
cop_host_f64_fma (uint64_t a, uint64_t b, uint64_t c)
{
  double value = cop_host_f64_value (a);

  if (__builtin_expect (!cop_host_cpu.fma, 0))
    return cop_host_soft_f64_fma (a, b, c, COP_RM_DYN);
  __asm__ volatile ("vfmadd213sd %2, %1, %0"
                    : "+x" (value)
                    : "x" (cop_host_f64_value (b)), "x" (cop_host_f64_value (c)));
  if (__builtin_expect (value != value, 0))
    return cop_host_f64_fma_nan (a, b);
  return cop_host_f64_bits (value);
}

/* Between formats. */

static inline uint32_t
cop_host_f64_to_f32 (uint64_t a)
{
  float value = 0;

  __asm__ volatile ("cvtsd2ss %1, %0" : "+x" (value) : "x" (cop_host_f64_value (a)));
  return cop_host_f32_result (value);
}

static inline uint64_t
cop_host_f32_to_f64 (uint32_t a)
{
  double value = 0;

  __asm__ volatile ("cvtss2sd %1, %0" : "+x" (value) : "x" (cop_host_f32_value (a)));
  return cop_host_f64_result (value);
}

/* Through f32 it would be rounded twice. */
static inline uint16_t
cop_host_f64_to_f16 (uint64_t a)
{
  return cop_host_soft_f64_to_f16 (a, COP_RM_DYN);
}

/* The packed conversions work on four lanes: vmovd clears those that are not used. Bit 2 of the
   immediate operand says that MXCSR has the rounding mode. */
static inline uint16_t
cop_host_f32_to_f16 (uint32_t a)
{
  double lanes;
  uint32_t bits;

  if (__builtin_expect (!cop_host_cpu.f16c, 0) || cop_host_f32_is_nan (a))
    return cop_host_soft_f32_to_f16 (a, COP_RM_DYN);
  __asm__ volatile ("vmovd %2, %0\n\t"
                    "vcvtps2ph $4, %0, %0\n\t"
                    "vmovd %0, %1"
                    : "=&x" (lanes), "=r" (bits)
                    : "r" (a));
  return (uint16_t) bits;
}

uint32_t cop_host_soft_f16_to_f32 (uint16_t a);

static inline uint32_t
cop_host_f16_to_f32 (uint16_t a)
{
  double lanes;
  uint32_t bits;

  if (__builtin_expect (!cop_host_cpu.f16c, 0))
    return cop_host_soft_f16_to_f32 (a);
  __asm__ volatile ("vmovd %2, %0\n\t"
                    "vcvtph2ps %0, %0\n\t"
                    "vmovd %0, %1"
                    : "=&x" (lanes), "=r" (bits)
                    : "r" ((uint32_t) a));
  return cop_host_f32_is_nan (bits) ? COP_F32_NAN : bits;
}

static inline uint64_t
cop_host_f16_to_f64 (uint16_t a)
{
  return cop_host_f32_to_f64 (cop_host_f16_to_f32 (a));
}

/* To integers. Out of range, x86 raises NV alone and gives the least integer; what it gives for
   -2^31 and -2^63 themselves is right. Unsigned results come from the signed conversion where the
   operand, compared as bits, is positive and not above the limit; else by the soft function. */

#define COP_HOST_MAX_U32_f32 UINT32_C (0x4f7fffff)              /* largest below 2^32 */
#define COP_HOST_MAX_U32_f64 UINT64_C (0x41efffffffe00000)      /* 2^32 - 1 */
#define COP_HOST_MAX_I64_f32 UINT32_C (0x5effffff)              /* largest below 2^63 */
#define COP_HOST_MAX_I64_f64 UINT64_C (0x43dfffffffffffff)      /* largest below 2^63 */

#define COP_HOST_TO_INTEGER(format, bits, mode, insn, rm)                                         \
  static inline int32_t cop_host_##format##_to_i32##mode (bits a)                                 \
  {                                                                                               \
    bool upper = (a >> (8 * sizeof (a) - 1)) == 0;                                                \
    int32_t value;                                                                                \
                                                                                                  \
    __asm__ volatile (insn " %1, %0" : "=r" (value) : "x" (cop_host_##format##_value (a)));       \
    if (__builtin_expect (value == INT32_MIN, 0) && (upper || cop_host_##format##_is_nan (a)))    \
      return INT32_MAX;                                                                           \
    return value;                                                                                 \
  }                                                                                               \
                                                                                                  \
  static inline int64_t cop_host_##format##_to_i64##mode (bits a)                                 \
  {                                                                                               \
    bool upper = (a >> (8 * sizeof (a) - 1)) == 0;                                                \
    int64_t value;                                                                                \
                                                                                                  \
    __asm__ volatile (insn " %1, %0" : "=r" (value) : "x" (cop_host_##format##_value (a)));       \
    if (__builtin_expect (value == INT64_MIN, 0) && (upper || cop_host_##format##_is_nan (a)))    \
      return INT64_MAX;                                                                           \
    return value;                                                                                 \
  }                                                                                               \
                                                                                                  \
  static inline uint32_t cop_host_##format##_to_u32##mode (bits a)                                \
  {                                                                                               \
    int64_t value;                                                                                \
                                                                                                  \
    if (__builtin_expect (a > COP_HOST_MAX_U32_##format, 0))                                             \
      return cop_host_soft_##format##_to_u32 (a, rm);                                             \
    __asm__ volatile (insn " %1, %0" : "=r" (value) : "x" (cop_host_##format##_value (a)));       \
    return (uint32_t) value;                                                                      \
  }                                                                                               \
                                                                                                  \
  static inline uint64_t cop_host_##format##_to_u64##mode (bits a)                                \
  {                                                                                               \
    int64_t value;                                                                                \
                                                                                                  \
    if (__builtin_expect (a > COP_HOST_MAX_I64_##format, 0))                                             \
      return cop_host_soft_##format##_to_u64 (a, rm);                                             \
    __asm__ volatile (insn " %1, %0" : "=r" (value) : "x" (cop_host_##format##_value (a)));       \
    return (uint64_t) value;                                                                      \
  }

COP_HOST_TO_INTEGER (f32, uint32_t, , "cvtss2si", COP_RM_DYN)
COP_HOST_TO_INTEGER (f32, uint32_t, _rtz, "cvttss2si", COP_RM_RTZ)
COP_HOST_TO_INTEGER (f64, uint64_t, , "cvtsd2si", COP_RM_DYN)
COP_HOST_TO_INTEGER (f64, uint64_t, _rtz, "cvttsd2si", COP_RM_RTZ)

#undef COP_HOST_TO_INTEGER

/* From integers. 64 bits unsigned: halved with a sticky bit when the top bit is set, and doubled
   again, which is exact. */

#define COP_HOST_FROM_INTEGER(format, bits, real, insn)                                           \
  static inline bits cop_host_i64_to_##format (int64_t a)                                         \
  {                                                                                               \
    real value = 0;                                                                               \
                                                                                                  \
    __asm__ volatile (insn " %1, %0" : "+x" (value) : "r" (a));                                   \
    return cop_host_##format##_bits (value);                                                      \
  }                                                                                               \
                                                                                                  \
  static inline bits cop_host_i32_to_##format (int32_t a)                                         \
  {                                                                                               \
    return cop_host_i64_to_##format (a);                                                          \
  }                                                                                               \
                                                                                                  \
  static inline bits cop_host_u32_to_##format (uint32_t a)                                        \
  {                                                                                               \
    return cop_host_i64_to_##format (a);                                                          \
  }                                                                                               \
                                                                                                  \
  static inline bits cop_host_u64_to_##format (uint64_t a)                                        \
  {                                                                                               \
    bits half;                                                                                    \
                                                                                                  \
    if (a <= INT64_MAX)                                                                           \
      return cop_host_i64_to_##format ((int64_t) a);                                              \
    half = cop_host_i64_to_##format ((int64_t) (a >> 1 | (a & 1)));                               \
    return cop_host_##format##_add (half, half);                                                  \
  }

COP_HOST_FROM_INTEGER (f32, uint32_t, float, "cvtsi2ssq")
COP_HOST_FROM_INTEGER (f64, uint64_t, double, "cvtsi2sdq")

#undef COP_HOST_FROM_INTEGER

/* Comparisons: ucomis raises NV for signaling NaNs alone, comis for all, as feq and flt, fle do. */

#define COP_HOST_COMPARE(format, bits, real, suffix)                                              \
  static inline bool cop_host_##format##_eq (bits a, bits b)                                      \
  {                                                                                               \
    real x = cop_host_##format##_value (a), y = cop_host_##format##_value (b);                    \
    bool equal, is_ordered;                                                                       \
                                                                                                  \
    __asm__ volatile ("ucomis" suffix " %3, %2"                                                   \
                      : "=@cce" (equal), "=@ccnp" (is_ordered)                                    \
                      : "x" (x), "x" (y));                                                        \
    return equal && is_ordered;                                                                   \
  }                                                                                               \
                                                                                                  \
  static inline bool cop_host_##format##_lt (bits a, bits b)                                      \
  {                                                                                               \
    real x = cop_host_##format##_value (a), y = cop_host_##format##_value (b);                    \
    bool above;                                                                                   \
                                                                                                  \
    __asm__ volatile ("comis" suffix " %1, %2" : "=@cca" (above) : "x" (x), "x" (y));             \
    return above;                                                                                 \
  }                                                                                               \
                                                                                                  \
  static inline bool cop_host_##format##_le (bits a, bits b)                                      \
  {                                                                                               \
    real x = cop_host_##format##_value (a), y = cop_host_##format##_value (b);                    \
    bool above;                                                                                   \
                                                                                                  \
    __asm__ volatile ("comis" suffix " %1, %2" : "=@ccae" (above) : "x" (x), "x" (y));            \
    return above;                                                                                 \
  }

COP_HOST_COMPARE (f32, uint32_t, float, "s")
COP_HOST_COMPARE (f64, uint64_t, double, "d")

#undef COP_HOST_COMPARE

/* minss and maxss know neither -0 nor NaNs as RISC-V does: numbers are compared as integers, the
   lower bits of negative ones inverted. */

#define COP_HOST_MIN_MAX(format, bits, integer, name, compares)                                   \
  static inline bits cop_host_##format##_##name (bits a, bits b)                                  \
  {                                                                                               \
    const unsigned top = 8 * sizeof (a) - 1;                                                      \
                                                                                                  \
    if (cop_host_##format##_is_nan (a) || cop_host_##format##_is_nan (b))                         \
      return cop_host_soft_##format##_##name (a, b);                                              \
    return (integer) (a ^ ((bits) ((integer) a >> top) >> 1))                                     \
               compares (integer) (b ^ ((bits) ((integer) b >> top) >> 1))                        \
             ? a                                                                                  \
             : b;                                                                                 \
  }

COP_HOST_MIN_MAX (f32, uint32_t, int32_t, min, <)
COP_HOST_MIN_MAX (f32, uint32_t, int32_t, max, >)
COP_HOST_MIN_MAX (f64, uint64_t, int64_t, min, <)
COP_HOST_MIN_MAX (f64, uint64_t, int64_t, max, >)

#undef COP_HOST_MIN_MAX
