/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Operations of RISC-V that C has no operator for, or defines otherwise. For engines; the JIT calls
 * those that its host lacks.
 *
 * Source: RISC-V Unprivileged Spec 20240411 §13.2 (division), ch. 28 (bit manipulation), ch. 14
 */
#pragma once

#include "engine/riscv/hart.h"

#include <stdint.h>

static inline uint64_t
cop_div (uint64_t a, uint64_t b)
{
  if (b == 0)
    return UINT64_MAX;
  if (b == UINT64_MAX)
    return -a;                  /* also the overflow of the smallest number */
  return (uint64_t) ((int64_t) a / (int64_t) b);
}

static inline uint64_t
cop_divu (uint64_t a, uint64_t b)
{
  return b == 0 ? UINT64_MAX : a / b;
}

static inline uint64_t
cop_rem (uint64_t a, uint64_t b)
{
  if (b == 0)
    return a;
  return b == UINT64_MAX ? 0 : (uint64_t) ((int64_t) a % (int64_t) b);
}

static inline uint64_t
cop_remu (uint64_t a, uint64_t b)
{
  return b == 0 ? a : a % b;
}

static inline uint64_t
cop_div32 (uint64_t a, uint64_t b)
{
  uint32_t divisor = b;

  if (divisor == 0)
    return UINT64_MAX;
  if (divisor == UINT32_MAX)
    return (uint64_t) (int32_t) -(uint32_t) a;
  return (uint64_t) (int64_t) ((int32_t) a / (int32_t) divisor);
}

static inline uint64_t
cop_divu32 (uint64_t a, uint64_t b)
{
  uint32_t divisor = b;

  return divisor == 0 ? UINT64_MAX : (uint64_t) (int32_t) ((uint32_t) a / divisor);
}

static inline uint64_t
cop_rem32 (uint64_t a, uint64_t b)
{
  uint32_t divisor = b;

  if (divisor == 0)
    return (uint64_t) (int32_t) a;
  return divisor == UINT32_MAX ? 0 : (uint64_t) (int64_t) ((int32_t) a % (int32_t) divisor);
}

static inline uint64_t
cop_remu32 (uint64_t a, uint64_t b)
{
  uint32_t divisor = b;

  return (uint64_t) (int32_t) (divisor == 0 ? (uint32_t) a : (uint32_t) a % divisor);
}

static inline uint64_t
cop_rol (uint64_t a, uint64_t b)
{
  return a << (b & 63) | a >> (-b & 63);
}

static inline uint64_t
cop_ror (uint64_t a, uint64_t b)
{
  return a >> (b & 63) | a << (-b & 63);
}

static inline uint32_t
cop_rol32 (uint32_t a, uint64_t b)
{
  return a << (b & 31) | a >> (-b & 31);
}

static inline uint32_t
cop_ror32 (uint32_t a, uint64_t b)
{
  return a >> (b & 31) | a << (-b & 31);
}

static inline uint64_t
cop_clz (uint64_t a)
{
  return a == 0 ? 64 : (uint64_t) __builtin_clzll (a);
}

static inline uint64_t
cop_ctz (uint64_t a)
{
  return a == 0 ? 64 : (uint64_t) __builtin_ctzll (a);
}

/* 0xff where a byte is not 0. */
static inline uint64_t
cop_orc_b (uint64_t a)
{
  a |= (a & UINT64_C (0xf0f0f0f0f0f0f0f0)) >> 4;
  a |= (a & UINT64_C (0x0c0c0c0c0c0c0c0c)) >> 2;
  a |= (a & UINT64_C (0x0202020202020202)) >> 1;
  return (a & UINT64_C (0x0101010101010101)) * 0xff;
}

/* The low and high half of the carry-less product, and its bits 63 to 126. */
static inline uint64_t
cop_clmul (uint64_t a, uint64_t b)
{
  uint64_t product = 0;

  for (unsigned i = 0; i < 64; i++)
    product ^= (b >> i & 1) != 0 ? a << i : 0;
  return product;
}

static inline uint64_t
cop_clmulh (uint64_t a, uint64_t b)
{
  uint64_t product = 0;

  for (unsigned i = 1; i < 64; i++)
    product ^= (b >> i & 1) != 0 ? a >> (64 - i) : 0;
  return product;
}

static inline uint64_t
cop_clmulr (uint64_t a, uint64_t b)
{
  return cop_clmulh (a, b) << 1 | cop_clmul (a, b) >> 63;
}

static inline uint32_t
cop_unbox_f32 (uint64_t bits)
{
  return bits >> 32 == UINT32_MAX ? (uint32_t) bits : UINT32_C (0x7fc00000);
}

static inline uint16_t
cop_unbox_f16 (uint64_t bits)
{
  return bits >> 16 == UINT64_C (0xffffffffffff) ? (uint16_t) bits : UINT16_C (0x7e00);
}

/* --- atomics ----------------------------------------------------------------------------------- */

typedef enum
{
  COP_AMO_SWAP,
  COP_AMO_ADD,
  COP_AMO_XOR,
  COP_AMO_AND,
  COP_AMO_OR,
  COP_AMO_MIN,
  COP_AMO_MAX,
  COP_AMO_MINU,
  COP_AMO_MAXU,
} CopAmo;

/* Each is sequentially consistent, whatever aq and rl say: on x86 that costs nothing more. The old
   value comes back sign-extended; lr and sc keep the reservation by address and value. */
#define COP_DEFINE_ATOMICS(bits)                                                                 \
  static inline uint64_t cop_amo##bits (void *hva, uint64_t value64, CopAmo kind)                \
  {                                                                                              \
    uint##bits##_t *to = (uint##bits##_t *) hva;                                                 \
    uint##bits##_t value = (uint##bits##_t) value64;                                             \
    uint##bits##_t old, wanted;                                                                  \
                                                                                                 \
    switch (kind)                                                                                \
      {                                                                                          \
      case COP_AMO_SWAP:                                                                         \
        return (uint64_t) (int##bits##_t) __atomic_exchange_n (to, value, __ATOMIC_SEQ_CST);     \
      case COP_AMO_ADD:                                                                          \
        return (uint64_t) (int##bits##_t) __atomic_fetch_add (to, value, __ATOMIC_SEQ_CST);      \
      case COP_AMO_XOR:                                                                          \
        return (uint64_t) (int##bits##_t) __atomic_fetch_xor (to, value, __ATOMIC_SEQ_CST);      \
      case COP_AMO_AND:                                                                          \
        return (uint64_t) (int##bits##_t) __atomic_fetch_and (to, value, __ATOMIC_SEQ_CST);      \
      case COP_AMO_OR:                                                                           \
        return (uint64_t) (int##bits##_t) __atomic_fetch_or (to, value, __ATOMIC_SEQ_CST);       \
      default:                                                                                   \
        break;                                                                                   \
      }                                                                                          \
    old = __atomic_load_n (to, __ATOMIC_RELAXED);                                                \
    do                                                                                           \
      switch (kind)                                                                              \
        {                                                                                        \
        case COP_AMO_MIN:                                                                        \
          wanted = (int##bits##_t) old < (int##bits##_t) value ? old : value;                    \
          break;                                                                                 \
        case COP_AMO_MAX:                                                                        \
          wanted = (int##bits##_t) old > (int##bits##_t) value ? old : value;                    \
          break;                                                                                 \
        case COP_AMO_MINU:                                                                       \
          wanted = old < value ? old : value;                                                    \
          break;                                                                                 \
        default:                                                                                 \
          wanted = old > value ? old : value;                                                    \
        }                                                                                        \
    while (!__atomic_compare_exchange_n (to, &old, wanted, true, __ATOMIC_SEQ_CST,               \
                                         __ATOMIC_SEQ_CST));                                     \
    return (uint64_t) (int##bits##_t) old;                                                       \
  }                                                                                              \
                                                                                                 \
  static inline uint64_t cop_lr##bits (CopHart *hart, uint64_t gva, void *hva)                   \
  {                                                                                              \
    uint##bits##_t value = __atomic_load_n ((uint##bits##_t *) hva, __ATOMIC_SEQ_CST);           \
                                                                                                 \
    hart->s.reservation = gva;                                                                   \
    hart->s.reservation_value = value;                                                           \
    hart->s.reservation_size = bits / 8;                                                         \
    return (uint64_t) (int##bits##_t) value;                                                     \
  }                                                                                              \
                                                                                                 \
  static inline uint64_t cop_sc##bits (CopHart *hart, uint64_t gva, void *hva, uint64_t value)   \
  {                                                                                              \
    uint##bits##_t expected = (uint##bits##_t) hart->s.reservation_value;                        \
    bool held = hart->s.reservation_size == bits / 8 && hart->s.reservation == gva;              \
                                                                                                 \
    hart->s.reservation_size = 0;                                                                \
    return !(held && __atomic_compare_exchange_n ((uint##bits##_t *) hva, &expected,             \
                                                  (uint##bits##_t) value, false,                 \
                                                  __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));          \
  }

COP_DEFINE_ATOMICS (32)
COP_DEFINE_ATOMICS (64)
