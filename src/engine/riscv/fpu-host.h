/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Floating point on the host's FPU: what engines use on the hot path.
 *
 * While a hart runs, the host's rounding mode is the guest's frm, and the host's sticky flags hold
 * what the guest raised since cop_fpu_enter(); s.fcsr alone is stale then. cop_fpu_leave() merges.
 * Where frm has no counterpart on the host (RMM, or reserved values) the host stays at
 * nearest-even and instructions must use the cop_fpu_* forms, which take any mode and are correct
 * always.
 *
 *   instruction's rm    frm in s.fcsr    use
 *   DYN                 RNE to RUP       cop_host_f64_add (a, b)
 *   DYN                 RMM              cop_fpu_f64_add (hart, a, b, COP_RM_RMM)
 *   equals frm          RNE to RUP       cop_host_f64_add (a, b)
 *   another             any              cop_fpu_f64_add (hart, a, b, rm)
 *   RTZ, to an integer  any              cop_host_f64_to_i32_rtz (a)
 *   none, or exact      any              cop_host_f64_min (a, b), cop_host_f32_to_f64 (a)
 *
 * cop_fpu_is_native() tells the first column from the second. Reserved modes are illegal
 * instructions, and not the business of this file. The frm bits of s.fcsr are never stale.
 *
 * fmsub, fnmsub and fnmadd are cop_*_fma() with the signs of operands flipped; canonical results
 * make that right for NaNs too.
 *
 * Values are bits as in fpu.h. The tables below are the operations; what there is of them for each
 * row stands above the table. On x86-64 cop_host_* are SSE2 instructions (fpu-host-x86.h),
 * elsewhere cop_soft_* with mode and flags in a variable of the thread (fpu-host-portable.h).
 */
#pragma once

#include "engine/riscv/fpu.h"
#include "engine/riscv/hart.h"

/* clang-format off */

/*
 * Operations that round:
 *   result cop_soft_NAME (operands..., rm, &flags)
 *   result cop_host_NAME (operands...)               in the mode that is in force
 *   result cop_fpu_NAME (hart, operands..., rm)      in any of the five modes, or DYN
 */
#define COP_FPU_ROUNDING_TABLE(OP)                                                                \
  /*  name          operands  result     of type  */                                              \
  OP (f32_add,      2,        uint32_t,  uint32_t)                                                \
  OP (f32_sub,      2,        uint32_t,  uint32_t)                                                \
  OP (f32_mul,      2,        uint32_t,  uint32_t)                                                \
  OP (f32_div,      2,        uint32_t,  uint32_t)                                                \
  OP (f32_sqrt,     1,        uint32_t,  uint32_t)                                                \
  OP (f32_fma,      3,        uint32_t,  uint32_t)                                                \
  OP (f64_add,      2,        uint64_t,  uint64_t)                                                \
  OP (f64_sub,      2,        uint64_t,  uint64_t)                                                \
  OP (f64_mul,      2,        uint64_t,  uint64_t)                                                \
  OP (f64_div,      2,        uint64_t,  uint64_t)                                                \
  OP (f64_sqrt,     1,        uint64_t,  uint64_t)                                                \
  OP (f64_fma,      3,        uint64_t,  uint64_t)                                                \
  OP (f64_to_f32,   1,        uint32_t,  uint64_t)                                                \
  OP (f64_to_f16,   1,        uint16_t,  uint64_t)                                                \
  OP (f32_to_f16,   1,        uint16_t,  uint32_t)                                                \
  OP (i32_to_f32,   1,        uint32_t,  int32_t)                                                 \
  OP (u32_to_f32,   1,        uint32_t,  uint32_t)                                                \
  OP (i64_to_f32,   1,        uint32_t,  int64_t)                                                 \
  OP (u64_to_f32,   1,        uint32_t,  uint64_t)                                                \
  OP (i32_to_f64,   1,        uint64_t,  int32_t)                                                 \
  OP (u32_to_f64,   1,        uint64_t,  uint32_t)                                                \
  OP (i64_to_f64,   1,        uint64_t,  int64_t)                                                 \
  OP (u64_to_f64,   1,        uint64_t,  uint64_t)

/* As above, and cop_host_NAME_rtz (a), which rounds towards zero whatever is in force. */
#define COP_FPU_TO_INTEGER_TABLE(OP)                                                              \
  OP (f32_to_i32,   1,        int32_t,   uint32_t)                                                \
  OP (f32_to_u32,   1,        uint32_t,  uint32_t)                                                \
  OP (f32_to_i64,   1,        int64_t,   uint32_t)                                                \
  OP (f32_to_u64,   1,        uint64_t,  uint32_t)                                                \
  OP (f64_to_i32,   1,        int32_t,   uint64_t)                                                \
  OP (f64_to_u32,   1,        uint32_t,  uint64_t)                                                \
  OP (f64_to_i64,   1,        int64_t,   uint64_t)                                                \
  OP (f64_to_u64,   1,        uint64_t,  uint64_t)

/* Widening is exact: cop_soft_NAME (a, &flags), cop_host_NAME (a). */
#define COP_FPU_WIDENING_TABLE(OP)                                                                \
  OP (f32_to_f64,   1,        uint64_t,  uint32_t)                                                \
  OP (f16_to_f64,   1,        uint64_t,  uint16_t)                                                \
  OP (f16_to_f32,   1,        uint32_t,  uint16_t)

/* Nothing is rounded: cop_NAME (a, b, &flags), cop_host_NAME (a, b). */
#define COP_FPU_COMPARE_TABLE(OP)                                                                 \
  OP (f32_min,      2,        uint32_t,  uint32_t)                                                \
  OP (f32_max,      2,        uint32_t,  uint32_t)                                                \
  OP (f32_eq,       2,        bool,      uint32_t)                                                \
  OP (f32_lt,       2,        bool,      uint32_t)                                                \
  OP (f32_le,       2,        bool,      uint32_t)                                                \
  OP (f64_min,      2,        uint64_t,  uint64_t)                                                \
  OP (f64_max,      2,        uint64_t,  uint64_t)                                                \
  OP (f64_eq,       2,        bool,      uint64_t)                                                \
  OP (f64_lt,       2,        bool,      uint64_t)                                                \
  OP (f64_le,       2,        bool,      uint64_t)

/* The operands of a row, by their number. */
#define COP_FPU_PARAMETERS_1(type) type a
#define COP_FPU_PARAMETERS_2(type) type a, type b
#define COP_FPU_PARAMETERS_3(type) type a, type b, type c
#define COP_FPU_ARGUMENTS_1 a
#define COP_FPU_ARGUMENTS_2 a, b
#define COP_FPU_ARGUMENTS_3 a, b, c

/* clang-format on */

/**
 * cop_fpu_enter:
 * Puts frm and nothing raised into the FPU of the calling thread; on entry to run(), and after
 * cop_fpu_leave() for a slow path. Flags that the host held are lost.
 */
void cop_fpu_enter (CopHart *hart);

/**
 * cop_fpu_leave:
 * Merges the host's flags into s.fcsr and restores the host's default environment. Does nothing on
 * a thread that has not entered with @hart. mstatus.FS stays: instructions that may raise a flag
 * have made it dirty (FP_DIRTY in insn-table.h), which does not depend on when flags are merged.
 */
void cop_fpu_leave (CopHart *hart);

/*
 * The three below may be called while @hart runs, on its thread, and while it does not run.
 */

/* Makes s.fcsr true; a hart that runs goes on in the same mode. */
void cop_fpu_sync (CopHart *hart);

/* Returns: fflags, changing nothing */
uint8_t cop_fpu_flags (const CopHart *hart);

/* Sets frm and fflags; when the hart runs, also what is in force. */
void cop_fpu_set_fcsr (CopHart *hart, uint8_t fcsr);

/* The mode the host is in while frm is @frm. */
static inline CopRoundingMode
cop_fpu_host_mode (unsigned frm)
{
  return frm < COP_RM_RMM ? (CopRoundingMode) frm : COP_RM_RNE;
}

/* Whether cop_host_* round as an instruction with @rm asks, on a hart that runs with @frm. */
static inline bool
cop_fpu_is_native (unsigned frm, unsigned rm)
{
  return rm == COP_RM_DYN ? frm < COP_RM_RMM : rm == cop_fpu_host_mode (frm);
}

/* The mode that @rm stands for; a reserved one, which callers refuse, counts as nearest-even. */
static inline CopRoundingMode
cop_fpu_static_mode (const CopHart *hart, CopRoundingMode rm)
{
  CopRoundingMode mode = rm == COP_RM_DYN ? (CopRoundingMode) (hart->s.fcsr >> 5) : rm;

  return mode <= COP_RM_RMM ? mode : COP_RM_RNE;
}

#define DECLARE(name, operands, result, type)                                                     \
  result cop_fpu_##name (CopHart *hart, COP_FPU_PARAMETERS_##operands (type), CopRoundingMode rm);
COP_FPU_ROUNDING_TABLE (DECLARE)
COP_FPU_TO_INTEGER_TABLE (DECLARE)
#undef DECLARE

#if defined (__x86_64__) && !defined (COP_FPU_PORTABLE)
#include "engine/riscv/fpu-host-x86.h"
#else
#include "engine/riscv/fpu-host-portable.h"
#endif
