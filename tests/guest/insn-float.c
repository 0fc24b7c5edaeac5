/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * F, D and Zfhmin: rounding modes, flags, NaN boxing, conversions at their ends, and when the unit is
 * off. The differential test has the breadth; here are the rules that a specification reader
 * would look for.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 20, 21, 22
 */
#include "guest.h"

enum { NX = 1, UF = 2, OF = 4, DZ = 8, NV = 16 };

#define QNAN 0x7ff8000000000000ul
#define SNAN 0x7ff0000000000001ul
#define INF 0x7ff0000000000000ul
#define ONE 0x3ff0000000000000ul
#define BOX 0xffffffff00000000ul
#define QNAN32 (BOX | 0x7fc00000)
#define ONE32 (BOX | 0x3f800000)
#define INF32 (BOX | 0x7f800000)
#define SIGN (1ul << 63)

/* Two operands in ft0 and ft1, the result's bits from ft2; flags as raised. */
#define FF(insn, a, b, expected, flags)                                                            \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_, f_;                                                                             \
      __asm__ volatile ("fmv.d.x ft0, %2\n fmv.d.x ft1, %3\n csrw fflags, zero\n" insn             \
                        "\n fmv.x.d %0, ft2\n csrr %1, fflags"                                     \
                        : "=r"(d_), "=r"(f_)                                                       \
                        : "r"((uint64_t) (a)), "r"((uint64_t) (b))                                 \
                        : "ft0", "ft1", "ft2", "memory");                                          \
      CHECK_EQ (d_, expected);                                                                     \
      CHECK_EQ (f_, flags);                                                                        \
    }                                                                                              \
  while (0)
/* The same with an integer result in t0. */
#define FX(insn, a, b, expected, flags)                                                            \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_, f_;                                                                             \
      __asm__ volatile ("fmv.d.x ft0, %2\n fmv.d.x ft1, %3\n csrw fflags, zero\n" insn             \
                        "\n mv %0, t0\n csrr %1, fflags"                                           \
                        : "=r"(d_), "=&r"(f_)                                                      \
                        : "r"((uint64_t) (a)), "r"((uint64_t) (b))                                 \
                        : "ft0", "ft1", "t0", "memory");                                           \
      CHECK_EQ (d_, expected);                                                                     \
      CHECK_EQ (f_, flags);                                                                        \
    }                                                                                              \
  while (0)
/* An integer operand. */
#define XF(insn, a, expected, flags)                                                               \
  do                                                                                               \
    {                                                                                              \
      uint64_t d_, f_;                                                                             \
      __asm__ volatile ("mv t0, %2\n csrw fflags, zero\n" insn "\n fmv.x.d %0, ft2\n csrr %1, fflags" \
                        : "=r"(d_), "=r"(f_)                                                       \
                        : "r"((uint64_t) (a))                                                      \
                        : "ft2", "t0", "memory");                                                  \
      CHECK_EQ (d_, expected);                                                                     \
      CHECK_EQ (f_, flags);                                                                        \
    }                                                                                              \
  while (0)

static void
test_arithmetic (void)
{
  FF ("fadd.d ft2, ft0, ft1", ONE, 0x3ca0000000000000ul, ONE, NX);      /* half an ulp, to even */
  FF ("fadd.d ft2, ft0, ft1, rup", ONE, 0x3ca0000000000000ul, ONE + 1, NX);
  FF ("fadd.d ft2, ft0, ft1, rmm", ONE, 0x3ca0000000000000ul, ONE + 1, NX);
  FF ("fadd.d ft2, ft0, ft1, rdn", ONE, 0x3ca0000000000000ul, ONE, NX);
  FF ("fsub.d ft2, ft0, ft1", ONE, ONE, 0, 0);
  FF ("fsub.d ft2, ft0, ft1, rdn", ONE, ONE, SIGN, 0);
  FF ("fsub.d ft2, ft0, ft1", INF, INF, QNAN, NV);
  FF ("fmul.d ft2, ft0, ft1", INF, 0, QNAN, NV);
  FF ("fmul.d ft2, ft0, ft1", 0x7fe0000000000000ul, 0x4000000000000000ul, INF, OF | NX);
  FF ("fmul.d ft2, ft0, ft1, rtz", 0x7fe0000000000000ul, 0x4000000000000000ul, INF - 1, OF | NX);
  FF ("fmul.d ft2, ft0, ft1", 1, 0x3fe0000000000000ul, 0, UF | NX);
  /* Tiny after rounding: a result that rounds up to the smallest normal does not underflow. */
  FF ("fmul.d ft2, ft0, ft1", 0x000fffffffffffffull, 0x3ff0000000000001ul, 0x0010000000000000ul, NX);
  FF ("fdiv.d ft2, ft0, ft1", ONE, 0, INF, DZ);
  FF ("fdiv.d ft2, ft0, ft1", 0, 0, QNAN, NV);
  FF ("fsqrt.d ft2, ft0", SIGN, 0, SIGN, 0);
  FF ("fsqrt.d ft2, ft0", SIGN | ONE, 0, QNAN, NV);
  /* NaN payloads are not handed on. */
  FF ("fadd.d ft2, ft0, ft1", 0x7ff8000000001234ul, ONE, QNAN, 0);
  FF ("fadd.d ft2, ft0, ft1", SNAN, ONE, QNAN, NV);
  FF ("fadd.s ft2, ft0, ft1", ONE32, ONE32, BOX | 0x40000000, 0);
}

static void
test_fused (void)
{
  FF ("fmadd.d ft2, ft0, ft1, ft1", ONE, ONE, 0x4000000000000000ul, 0);
  FF ("fmsub.d ft2, ft0, ft1, ft1", ONE, ONE, 0, 0);
  FF ("fnmsub.d ft2, ft0, ft1, ft1", ONE, ONE, 0, 0);
  FF ("fnmadd.d ft2, ft0, ft1, ft1", ONE, ONE, 0xc000000000000000ul, 0);
  /* One rounding: (1 + e)(1 + e) - 1 keeps the square of e. */
  FF ("fmsub.d ft2, ft0, ft0, ft1", 0x3ff0000000000001ul, ONE, 0x3cc0000000000000ul, NX);
  /* Infinity times zero is invalid, also when a quiet NaN is added. */
  FF ("fmadd.d ft2, ft0, ft1, ft0", INF, 0, QNAN, NV);
}

static void
test_boxing (void)
{
  /* A single that is not boxed is the canonical NaN. */
  FF ("fadd.s ft2, ft0, ft1", 0x3f800000, ONE32, QNAN32, 0);
  FF ("fsgnj.s ft2, ft0, ft1", 0x3f800000, ONE32, QNAN32, 0);
  FF ("fsgnjn.s ft2, ft0, ft1", ONE32, ONE32, BOX | 0xbf800000, 0);
  FF ("fsgnjx.d ft2, ft0, ft1", SIGN | ONE, SIGN, ONE, 0);
  /* Moves and stores hand bits on as they are. */
  FX ("fmv.x.w t0, ft0", 0x1234567880000000ul, 0, 0xffffffff80000000ul, 0);
  XF ("fmv.w.x ft2, t0", 0x1234567880000000ul, BOX | 0x80000000, 0);
  FX ("fclass.s t0, ft0", 0x3f800000, 0, 1 << 9, 0);
}

static void
test_compare (void)
{
  FX ("feq.d t0, ft0, ft1", 0, SIGN, 1, 0);
  FX ("feq.d t0, ft0, ft1", QNAN, QNAN, 0, 0);
  FX ("feq.d t0, ft0, ft1", SNAN, ONE, 0, NV);
  FX ("flt.d t0, ft0, ft1", QNAN, ONE, 0, NV);
  FX ("fle.d t0, ft0, ft1", ONE, ONE, 1, 0);
  FF ("fmin.d ft2, ft0, ft1", 0, SIGN, SIGN, 0);
  FF ("fmax.d ft2, ft0, ft1", SIGN, 0, 0, 0);
  FF ("fmin.d ft2, ft0, ft1", QNAN, ONE, ONE, 0);
  FF ("fmax.d ft2, ft0, ft1", SNAN, ONE, ONE, NV);
  FF ("fmin.d ft2, ft0, ft1", QNAN, QNAN | 5, QNAN, 0);
}

static void
test_class (void)
{
  static const uint64_t values[10] = { SIGN | INF, SIGN | ONE, SIGN | 1, SIGN, 0, 1, ONE, INF, SNAN, QNAN };

  for (int i = 0; i < 10; i++)
    FX ("fclass.d t0, ft0", values[i], 0, 1ul << i, 0);
}

static void
test_conversions (void)
{
  FX ("fcvt.w.d t0, ft0", QNAN, 0, 0x7fffffff, NV);
  FX ("fcvt.w.d t0, ft0", SIGN | INF, 0, 0xffffffff80000000ul, NV);
  FX ("fcvt.wu.d t0, ft0", SIGN | ONE, 0, 0, NV);
  FX ("fcvt.wu.d t0, ft0", QNAN, 0, ~0ul, NV);
  FX ("fcvt.wu.d t0, ft0", 0x41effffffff00000ul, 0, ~0ul, NV);  /* 2^32 - 0.5 rounds to 2^32 */
  FX ("fcvt.wu.d t0, ft0, rtz", 0x41effffffff00000ul, 0, ~0ul, NX);
  FX ("fcvt.wu.d t0, ft0, rtz", 0xbfefffffffffffffull, 0, 0, NX); /* -0.99.. towards zero */
  FX ("fcvt.l.d t0, ft0", 0x43e0000000000000ul, 0, ~SIGN, NV);
  FX ("fcvt.l.d t0, ft0", 0xc3e0000000000000ul, 0, SIGN, 0);
  FX ("fcvt.lu.d t0, ft0", 0x43efffffffffffffull, 0, 0xfffffffffffff800ul, 0);
  FX ("fcvt.w.d t0, ft0, rmm", 0x4004000000000000ul, 0, 3, NX);         /* 2.5 */
  FX ("fcvt.w.d t0, ft0, rne", 0x4004000000000000ul, 0, 2, NX);
  XF ("fcvt.d.l ft2, t0", ~SIGN, 0x43e0000000000000ul, NX);
  XF ("fcvt.d.lu ft2, t0", ~0ul, 0x43f0000000000000ul, NX);
  XF ("fcvt.d.w ft2, t0", 0x1ffffffff, SIGN | ONE, 0);
  XF ("fcvt.d.wu ft2, t0", 0x1ffffffff, 0x41efffffffe00000ul, 0);
  XF ("fcvt.s.w ft2, t0", 0x7fffffff, BOX | 0x4f000000, NX);
  FF ("fcvt.s.d ft2, ft0", 0x7fefffffffffffffull, 0, INF32, OF | NX);
  FF ("fcvt.s.d ft2, ft0", SNAN, 0, QNAN32, NV);
  FF ("fcvt.d.s ft2, ft0", ONE32, 0, ONE, 0);
  FF ("fcvt.d.s ft2, ft0", BOX | 1, 0, 0x36a0000000000000ul, 0);
}

static void
test_half (void)
{
  static const uint16_t one = 0x3c00;
  static uint16_t       out;

  FF ("fcvt.s.h ft2, ft0", 0xffffffffffff3c00ul, 0, ONE32, 0);
  FF ("fcvt.s.h ft2, ft0", 0xffffffffffff0001ul, 0, BOX | 0x33800000, 0);
  FF ("fcvt.s.h ft2, ft0", 0x3c00, 0, QNAN32, 0);
  FF ("fcvt.h.s ft2, ft0", ONE32, 0, 0xffffffffffff3c00ul, 0);
  FF ("fcvt.h.s ft2, ft0", BOX | 0x477ff000, 0, 0xffffffffffff7c00ul, OF | NX);
  FF ("fcvt.h.d ft2, ft0, rtz", 0x40f0000000000000ul, 0, 0xffffffffffff7bfful, OF | NX);
  FF ("fcvt.d.h ft2, ft0", 0xffffffffffff7d00ul, 0, QNAN, NV);
  __asm__ volatile ("flh ft2, 0(%0)\n fsh ft2, 0(%1)" : : "r"(&one), "r"(&out) : "ft2", "memory");
  CHECK_EQ (out, one);
  FX ("fmv.x.h t0, ft0", 0x8000, 0, 0xffffffffffff8000ul, 0);
  XF ("fmv.h.x ft2, t0", 0x12343c00, 0xffffffffffff3c00ul, 0);
}

static void
test_modes (void)
{
  uint64_t frm;

  /* The dynamic mode counts. */
  csr_write (frm, 3);
  FF ("fadd.d ft2, ft0, ft1, dyn", ONE, 0x3ca0000000000000ul, ONE + 1, NX);
  /* Reserved modes make instructions illegal, statically and dynamically, but can be written. */
  csr_write (frm, 5);
  frm = csr_read (frm);
  CHECK_EQ (frm, 5);
  CHECK_EQ (TRY (".insn r 0x53, 7, 1, ft2, ft0, ft1", [a] "r"(0)), 1);
  CHECK_EQ (this_hart->cause, ILLEGAL);
  csr_write (frm, 0);
  CHECK_EQ (TRY (".insn r 0x53, 5, 1, ft2, ft0, ft1", [a] "r"(0)), 1);
  CHECK_EQ (this_hart->cause, ILLEGAL);
  /* fcsr is frm and fflags. */
  csr_write (fcsr, 0xffffffff);
  CHECK_EQ (csr_read (fcsr), 0xff);
  CHECK_EQ (csr_read (fflags), 0x1f);
  CHECK_EQ (csr_read (frm), 7);
  csr_write (fcsr, 0);
}

static void
test_status (void)
{
  /* Off: everything of the unit is illegal. */
  csr_clear (mstatus, MSTATUS_FS);
  CHECK_EQ (TRY ("fadd.d ft2, ft0, ft1", [a] "r"(0)), 1);
  CHECK_EQ (this_hart->cause, ILLEGAL);
  CHECK_EQ (TRY ("csrr t0, fcsr", [a] "r"(0)), 1);
  CHECK_EQ (TRY ("fld ft0, 0(sp)", [a] "r"(0)), 1);
  /* Clean becomes dirty by a write to a register, and SD says so. */
  csr_set (mstatus, 2ul << 13);
  CHECK_EQ (csr_read (mstatus) >> 63, 0);
  EXPECT_NO_TRAP ("fmv.d.x ft0, zero", [a] "r"(0));
  CHECK_EQ (csr_read (mstatus) >> 13 & 3, 3);
  CHECK_EQ (csr_read (mstatus) >> 63, 1);
  csr_clear (mstatus, 1ul << 13);
  csr_write (fflags, 1);
  CHECK_EQ (csr_read (mstatus) >> 13 & 3, 3);
}

void
test (void)
{
  test_arithmetic ();
  test_fused ();
  test_boxing ();
  test_compare ();
  test_class ();
  test_conversions ();
  test_half ();
  test_modes ();
  test_status ();
}
