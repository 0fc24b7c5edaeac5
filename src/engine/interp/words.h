/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The words of insn-sem.h as the interpreter understands them: numbers. Only for interp.c, which
 * provides regs, op, block, pc, instret, tlb, hart and `last`, the macros RS1, FOLLOW and LOOK_UP, and
 * the labels `fault` and `system`.
 */
#pragma once

#include "engine/riscv/fpu-host.h"
#include "engine/riscv/system.h"

/* clang-format off */

#define VALUE             uint64_t
#define CONST(n)          ((uint64_t) (n))
#define RS2               (regs[op->rs2])
#define IMM               ((uint64_t) (int64_t) op->imm)
#define PC                (pc + 2 * cop_block_places (block)[op - block->ops].halfwords)
#define NEXT_PC           (pc + block->n_bytes)         /* jumps end their block */
#define SET_RD(value)     (regs[op->rd] = last = (value))

#define ADD(a, b)         ((a) + (b))
#define SUB(a, b)         ((a) - (b))
#define AND(a, b)         ((a) & (b))
#define ANDN(a, b)        ((a) & ~(b))
#define OR(a, b)          ((a) | (b))
#define XOR(a, b)         ((a) ^ (b))
#define NOT(a)            (~(a))
#define SLL(a, b)         ((a) << ((b) & 63))
#define SRL(a, b)         ((uint64_t) (a) >> ((b) & 63))
#define SRA(a, b)         ((uint64_t) ((int64_t) (a) >> ((b) & 63)))
#define EQ(a, b)          ((uint64_t) ((a) == (b)))
#define NE(a, b)          ((uint64_t) ((a) != (b)))
#define LT(a, b)          ((uint64_t) ((int64_t) (a) < (int64_t) (b)))
#define GE(a, b)          ((uint64_t) ((int64_t) (a) >= (int64_t) (b)))
#define LTU(a, b)         ((uint64_t) ((a) < (b)))
#define GEU(a, b)         ((uint64_t) ((a) >= (b)))
#define SELECT(c, a, b)   ((c) ? (a) : (b))
#define SEXT8(a)          ((uint64_t) (int8_t) (a))
#define SEXT16(a)         ((uint64_t) (int16_t) (a))
#define SEXT32(a)         ((uint64_t) (int32_t) (a))
#define ZEXT16(a)         ((uint64_t) (uint16_t) (a))
#define ZEXT32(a)         ((uint64_t) (uint32_t) (a))
#define MUL(a, b)         ((a) * (b))
#define MULH(a, b)        ((uint64_t) (((__int128) (int64_t) (a) * (int64_t) (b)) >> 64))
#define MULHU(a, b)       ((uint64_t) (((unsigned __int128) (a) * (b)) >> 64))
#define MULHSU(a, b)      ((uint64_t) (((__int128) (int64_t) (a) * (unsigned __int128) (b)) >> 64))
#define DIV(a, b)         cop_div (a, b)
#define DIVU(a, b)        cop_divu (a, b)
#define REM(a, b)         cop_rem (a, b)
#define REMU(a, b)        cop_remu (a, b)
#define DIV32(a, b)       cop_div32 (a, b)
#define DIVU32(a, b)      cop_divu32 (a, b)
#define REM32(a, b)       cop_rem32 (a, b)
#define REMU32(a, b)      cop_remu32 (a, b)
#define ROL(a, b)         cop_rol (a, b)
#define ROR(a, b)         cop_ror (a, b)
#define ROL32(a, b)       cop_rol32 (a, b)
#define ROR32(a, b)       cop_ror32 (a, b)
#define CLZ(a)            cop_clz (a)
#define CTZ(a)            cop_ctz (a)
#define POPCOUNT(a)       ((uint64_t) __builtin_popcountll (a))
#define BSWAP(a)          __builtin_bswap64 (a)
#define ORC_B(a)          cop_orc_b (a)
#define CLMUL(a, b)       cop_clmul (a, b)
#define CLMULH(a, b)      cop_clmulh (a, b)
#define CLMULR(a, b)      cop_clmulr (a, b)

#define TYPE_S8   int8_t
#define TYPE_U8   uint8_t
#define TYPE_S16  int16_t
#define TYPE_U16  uint16_t
#define TYPE_S32  int32_t
#define TYPE_U32  uint32_t
#define TYPE_U64  uint64_t

/* clang-format on */

#define LOAD(kind, address)                                                                      \
  ({                                                                                             \
    uint64_t gva_ = (address);                                                                   \
    uint64_t value_;                                                                             \
    const CopTlbEntry *entry_ = cop_tlb_front (tlb, gva_);                                       \
    if (cop_tlb_hits (entry_, gva_, sizeof (TYPE_##kind), COP_ACCESS_LOAD))                      \
      value_ = __atomic_load_n ((TYPE_##kind *) cop_tlb_hva (entry_, gva_), __ATOMIC_RELAXED);   \
    else                                                                                         \
      {                                                                                          \
        uint64_t wide_;                                                                          \
        if (!cop_mmu_load_slow (hart, gva_, sizeof (TYPE_##kind), &wide_))                       \
          goto fault;                                                                            \
        value_ = (TYPE_##kind) wide_;                                                            \
      }                                                                                          \
    value_;                                                                                      \
  })

#define STORE(bits, address, value)                                                              \
  do                                                                                             \
    {                                                                                            \
      uint64_t gva_ = (address);                                                                 \
      const CopTlbEntry *entry_ = cop_tlb_front (tlb, gva_);                                     \
      if (cop_tlb_hits (entry_, gva_, (bits) / 8, COP_ACCESS_STORE))                             \
        __atomic_store_n ((TYPE_U##bits *) cop_tlb_hva (entry_, gva_),                           \
                          (TYPE_U##bits) (value), __ATOMIC_RELAXED);                             \
      else if (!cop_mmu_store_slow (hart, gva_, (bits) / 8, (value)))                            \
        goto fault;                                                                              \
    }                                                                                            \
  while (0)

#define AMO(kind, bits, address, value)                                                          \
  ({                                                                                             \
    uint64_t gva_ = (address);                                                                   \
    uint64_t old_;                                                                               \
    void *hva_ = cop_tlb_lookup (tlb, gva_, (bits) / 8, COP_ACCESS_STORE);                       \
    if (G_LIKELY (hva_ != NULL))                                                                 \
      old_ = cop_amo##bits (hva_, (value), COP_AMO_##kind);                                      \
    else                                                                                         \
      {                                                                                          \
        hva_ = cop_mmu_atomic_slow (hart, gva_, (bits) / 8, COP_ACCESS_STORE);                   \
        if (G_UNLIKELY (hva_ == NULL))                                                           \
          goto fault;                                                                            \
        old_ = cop_amo##bits (hva_, (value), COP_AMO_##kind);                                    \
        cop_mmu_atomic_done (hart, hva_, (bits) / 8);                                            \
      }                                                                                          \
    old_;                                                                                        \
  })

#define LR(bits, address)                                                                        \
  ({                                                                                             \
    uint64_t gva_ = (address);                                                                   \
    void *hva_ = cop_tlb_lookup (tlb, gva_, (bits) / 8, COP_ACCESS_LOAD);                        \
    if (G_UNLIKELY (hva_ == NULL))                                                               \
      hva_ = cop_mmu_atomic_slow (hart, gva_, (bits) / 8, COP_ACCESS_LOAD);                      \
    if (G_UNLIKELY (hva_ == NULL))                                                               \
      goto fault;                                                                                \
    cop_lr##bits (hart, gva_, hva_);                                                             \
  })

#define SC(bits, address, value)                                                                 \
  ({                                                                                             \
    uint64_t gva_ = (address);                                                                   \
    uint64_t failed_;                                                                            \
    void *hva_ = cop_tlb_lookup (tlb, gva_, (bits) / 8, COP_ACCESS_STORE);                       \
    if (G_LIKELY (hva_ != NULL))                                                                 \
      failed_ = cop_sc##bits (hart, gva_, hva_, (value));                                        \
    else                                                                                         \
      {                                                                                          \
        hva_ = cop_mmu_atomic_slow (hart, gva_, (bits) / 8, COP_ACCESS_STORE);                   \
        if (G_UNLIKELY (hva_ == NULL))                                                           \
          goto fault;                                                                            \
        failed_ = cop_sc##bits (hart, gva_, hva_, (value));                                      \
        cop_mmu_atomic_done (hart, hva_, (bits) / 8);                                            \
      }                                                                                          \
    failed_;                                                                                     \
  })

/* A branch that is not taken stays in its block: the operation behind its link is next. */
#define BRANCH_IF(condition)                                                                     \
  do                                                                                             \
    {                                                                                            \
      if (condition)                                                                             \
        {                                                                                        \
          pc += IMM;                                                                             \
          instret -= op->rm;                                                                     \
          FOLLOW;                                                                                \
        }                                                                                        \
      op++;                                                                                      \
    }                                                                                            \
  while (0)
#define JUMP                                                                                     \
  do                                                                                             \
    {                                                                                            \
      pc += IMM;                                                                                 \
      FOLLOW;                                                                                    \
    }                                                                                            \
  while (0)
/* Without C a target must be a multiple of 4; the fault is the jump's own. */
#define CHECK_TARGET(target)                                                                     \
  do                                                                                             \
    {                                                                                            \
      if (G_UNLIKELY ((target) & target_mask))                                                   \
        RAISE (COP_TRAP_INSN_MISALIGNED, (target));                                              \
    }                                                                                            \
  while (0)
#define JUMP_REG(target)                                                                         \
  do                                                                                             \
    {                                                                                            \
      pc = (target);                                                                             \
      LOOK_UP;                                                                                   \
    }                                                                                            \
  while (0)
#define RAISE(cause, tval)                                                                       \
  do                                                                                             \
    {                                                                                            \
      cop_hart_raise (hart, (cause), (tval));                                                    \
      goto fault;                                                                                \
    }                                                                                            \
  while (0)

#define SYSTEM goto system
#define PAUSE cop_system_relax (hart)
#define PREFETCH ((void) 0)
#define FENCE                                                                                    \
  do                                                                                             \
    {                                                                                            \
      if (cop_fence_is_full (op->imm))                                                           \
        __atomic_thread_fence (__ATOMIC_SEQ_CST);                                                \
      else                                                                                       \
        __atomic_thread_fence (__ATOMIC_ACQ_REL);                                                \
    }                                                                                            \
  while (0)
#define CBO_ZERO(address)                                                                        \
  do                                                                                             \
    {                                                                                            \
      if (!cop_system_cbo_zero (hart, (address), op->imm))                                       \
        goto fault;                                                                              \
    }                                                                                            \
  while (0)

/* --- floating point ------------------------------------------------------------------------ */

/* clang-format off */

#define FS1_BITS          RS1
#define FS2_BITS          RS2
#define FS1_D             RS1
#define FS2_D             RS2
#define FS3_D             (regs[op->imm])
#define FS1_S             cop_unbox_f32 (FS1_D)
#define FS2_S             cop_unbox_f32 (FS2_D)
#define FS3_S             cop_unbox_f32 (FS3_D)
#define FS1_H             cop_unbox_f16 (FS1_D)
#define SET_FD_D(value)   SET_RD (value)
#define SET_FD_S(value)   SET_RD ((uint64_t) (uint32_t) (value) | UINT64_C (0xffffffff00000000))
#define SET_FD_H(value)   SET_RD ((uint64_t) (uint16_t) (value) | UINT64_C (0xffffffffffff0000))

#define NATIVE            G_LIKELY (op->rm == COP_RM_NATIVE)
#define ROUNDED1(name, a)       (NATIVE ? cop_host_##name (a) : cop_fpu_##name (hart, a, op->rm))
#define ROUNDED2(name, a, b)    (NATIVE ? cop_host_##name (a, b) : cop_fpu_##name (hart, a, b, op->rm))
#define ROUNDED3(name, a, b, c) (NATIVE ? cop_host_##name (a, b, c) : cop_fpu_##name (hart, a, b, c, op->rm))
/* C's casts round towards zero: by far the most common mode here. */
#define TO_INTEGER(name, a)                                                                      \
  (NATIVE ? cop_host_##name (a)                                                                  \
          : op->rm == COP_RM_RTZ ? cop_host_##name##_rtz (a) : cop_fpu_##name (hart, a, op->rm))

#define F32_NEG(a)        ((uint32_t) (a) ^ UINT32_C (0x80000000))
#define F32_ADD(a, b)     ROUNDED2 (f32_add, a, b)
#define F32_SUB(a, b)     ROUNDED2 (f32_sub, a, b)
#define F32_MUL(a, b)     ROUNDED2 (f32_mul, a, b)
#define F32_DIV(a, b)     ROUNDED2 (f32_div, a, b)
#define F32_SQRT(a)       ROUNDED1 (f32_sqrt, a)
#define F32_FMA(a, b, c)  ROUNDED3 (f32_fma, a, b, c)
#define F32_MIN(a, b)     cop_host_f32_min (a, b)
#define F32_MAX(a, b)     cop_host_f32_max (a, b)
#define F32_EQ(a, b)      cop_host_f32_eq (a, b)
#define F32_LT(a, b)      cop_host_f32_lt (a, b)
#define F32_LE(a, b)      cop_host_f32_le (a, b)
#define F32_CLASS(a)      cop_f32_class (a)
#define F32_TO_I32(a)     TO_INTEGER (f32_to_i32, a)
#define F32_TO_U32(a)     TO_INTEGER (f32_to_u32, a)
#define F32_TO_I64(a)     ((uint64_t) TO_INTEGER (f32_to_i64, a))
#define F32_TO_U64(a)     TO_INTEGER (f32_to_u64, a)
#define F32_TO_F64(a)     cop_host_f32_to_f64 (a)
#define F32_TO_F16(a)     ROUNDED1 (f32_to_f16, a)
#define I32_TO_F32(a)     ROUNDED1 (i32_to_f32, (int32_t) (a))
#define U32_TO_F32(a)     ROUNDED1 (u32_to_f32, (uint32_t) (a))
#define I64_TO_F32(a)     ROUNDED1 (i64_to_f32, (int64_t) (a))
#define U64_TO_F32(a)     ROUNDED1 (u64_to_f32, (a))
#define F64_NEG(a)        ((a) ^ UINT64_C (0x8000000000000000))
#define F64_ADD(a, b)     ROUNDED2 (f64_add, a, b)
#define F64_SUB(a, b)     ROUNDED2 (f64_sub, a, b)
#define F64_MUL(a, b)     ROUNDED2 (f64_mul, a, b)
#define F64_DIV(a, b)     ROUNDED2 (f64_div, a, b)
#define F64_SQRT(a)       ROUNDED1 (f64_sqrt, a)
#define F64_FMA(a, b, c)  ROUNDED3 (f64_fma, a, b, c)
#define F64_MIN(a, b)     cop_host_f64_min (a, b)
#define F64_MAX(a, b)     cop_host_f64_max (a, b)
#define F64_EQ(a, b)      cop_host_f64_eq (a, b)
#define F64_LT(a, b)      cop_host_f64_lt (a, b)
#define F64_LE(a, b)      cop_host_f64_le (a, b)
#define F64_CLASS(a)      cop_f64_class (a)
#define F64_TO_I32(a)     TO_INTEGER (f64_to_i32, a)
#define F64_TO_U32(a)     TO_INTEGER (f64_to_u32, a)
#define F64_TO_I64(a)     ((uint64_t) TO_INTEGER (f64_to_i64, a))
#define F64_TO_U64(a)     TO_INTEGER (f64_to_u64, a)
#define F64_TO_F32(a)     ROUNDED1 (f64_to_f32, a)
#define F64_TO_F16(a)     ROUNDED1 (f64_to_f16, a)
#define I32_TO_F64(a)     ROUNDED1 (i32_to_f64, (int32_t) (a))
#define U32_TO_F64(a)     ROUNDED1 (u32_to_f64, (uint32_t) (a))
#define I64_TO_F64(a)     ROUNDED1 (i64_to_f64, (int64_t) (a))
#define U64_TO_F64(a)     ROUNDED1 (u64_to_f64, (a))
#define F16_TO_F32(a)     cop_host_f16_to_f32 (a)
#define F16_TO_F64(a)     cop_host_f16_to_f64 (a)

/* clang-format on */
