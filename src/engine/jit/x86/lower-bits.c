/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Shifts and operations on bits to x86-64: rotations, counts, swaps of bytes, carry-less products.
 * What the host lacks is done in C.
 */
#include "engine/jit/x86/lower-private.h"

#include "engine/riscv/arith.h"

static void
shift (CopJitBackend *b, CopShift op, bool w, const CopIrNode *node, CopReg dst, uint32_t keep)
{
  /* shlx, sarx, shrx by prefix */
  static const uint8_t vex_pp[] = { [SHIFT_SHL] = 1, [SHIFT_SAR] = 2, [SHIFT_SHR] = 3 };
  bool rotates = op == SHIFT_ROL || op == SHIFT_ROR;
  int32_t amount;

  if (lower_is_imm32 (b, node->b, &amount))
    {
      amount &= w ? 63 : 31;
      if (w && !rotates && op == SHIFT_SHL && amount <= 3 && in_register (b, node->a) != NO_REG &&
          in_register (b, node->a) != dst)
        {
          if (amount == 1)
            asm_lea (&b->a, true, dst,
                     mem_index (in_register (b, node->a), in_register (b, node->a), 0, 0));
          else
            {
              asm_mov_rr (&b->a, true, dst, in_register (b, node->a));
              asm_shift_ri (&b->a, op, true, dst, amount);
            }
          return;
        }
      if (rotates && b->host.bmi2 && amount != 0)
        {
          CopReg value = lower_to_some_reg (b, node->a, dst, keep);
          unsigned width = w ? 64 : 32;

          /* rorx */
          asm_vex (&b->a, 3, 3, 0xf0, w, dst, RAX, value);
          emit8 (&b->a, op == SHIFT_ROR ? (unsigned) amount : width - (unsigned) amount);
          return;
        }
      lower_value (b, node->a, dst, keep);
      if (amount != 0)
        asm_shift_ri (&b->a, op, w, dst, amount);
      else if (!w)
        asm_rr (&b->a, 0x8b, false, dst, dst);
      return;
    }

  if (b->host.bmi2 && !rotates)
    {
      CopReg value = in_register (b, node->a), count;

      if (value == NO_REG)
        {
          value = lower_pick_scratch (b, NO_REG, keep);
          lower_value (b, node->a, value, keep);
        }
      count = lower_to_some_reg (b, node->b, lower_pick_scratch (b, value, keep), keep | BIT (value));
      asm_vex (&b->a, vex_pp[op], 2, 0xf7, w, dst, count, value);
      return;
    }

  /* By cl. The value is worked on in rax or rdx. */
  {
    CopReg work = keep & BIT (RAX) ? RDX : RAX;

    if (keep & (BIT (RCX) | BIT (work)))
      b->is_crowded = true;
    lower_value (b, node->a, work, keep);
    lower_value (b, node->b, RCX, keep | BIT (work));
    asm_rr (&b->a, 0xd3, w, (CopReg) op, work);
    asm_mov_rr (&b->a, true, dst, work);
  }
}

/* --- what the host may lack -------------------------------------------------------------------- */

static uint64_t
call_popcount (uint64_t a, uint64_t unused)
{
  (void) unused;
  return (uint64_t) __builtin_popcountll (a);
}

static uint64_t
call_clz (uint64_t a, uint64_t unused)
{
  (void) unused;
  return cop_clz (a);
}

static uint64_t
call_ctz (uint64_t a, uint64_t unused)
{
  (void) unused;
  return cop_ctz (a);
}

static uint64_t
call_orc_b (uint64_t a, uint64_t unused)
{
  (void) unused;
  return cop_orc_b (a);
}

static uint64_t
call_clmul (uint64_t a, uint64_t b)
{
  return cop_clmul (a, b);
}

static uint64_t
call_clmulh (uint64_t a, uint64_t b)
{
  return cop_clmulh (a, b);
}

static uint64_t
call_clmulr (uint64_t a, uint64_t b)
{
  return cop_clmulr (a, b);
}

static void
call_c (CopJitBackend *b, CopJitCallee callee, const CopIrNode *node, CopReg dst)
{
  lower_value (b, node->a, RAX, 0);
  if (node->b != IR_NONE)
    lower_value (b, node->b, RDX, BIT (RAX));
  asm_mov_ri (&b->a, RCX, (uint64_t) (uintptr_t) callee);
  lower_save_all_f (b);
  asm_call_to (&b->a, b->call);
  lower_load_all_f (b);
  lower_forget_copies (b);
  asm_mov_rr (&b->a, true, dst, RAX);
}

/* f3 0f ...: popcnt, lzcnt, tzcnt. */
static void
count_bits (CopJitBackend *b, bool native, uint8_t opcode, CopJitCallee callee, const CopIrNode *node,
            CopReg dst, uint32_t keep)
{
  CopReg reg;

  if (!native)
    {
      call_c (b, callee, node, dst);
      return;
    }
  reg = lower_to_some_reg (b, node->a, lower_pick_scratch (b, NO_REG, keep), keep);
  asm_rr (&b->a, 0xf3000f00u | opcode, true, dst, reg);
}

void
lower_shift_low (CopJitBackend *b, const CopIrNode *node, CopReg dst, uint32_t keep)
{
  static const CopShift shifts[] = {
    [IR_SLL32 - IR_SLL32] = SHIFT_SHL,
    [IR_SRL32 - IR_SLL32] = SHIFT_SHR,
    [IR_SRA32 - IR_SLL32] = SHIFT_SAR,
  };

  shift (b, shifts[node->op - IR_SLL32], false, node, dst, keep);
}

void
lower_bits (CopJitBackend *b, const CopIrNode *node, CopReg dst, uint32_t keep)
{
  switch ((CopIrOp) node->op)
    {
    case IR_SLL:
      shift (b, SHIFT_SHL, true, node, dst, keep);
      break;
    case IR_SRL:
      shift (b, SHIFT_SHR, true, node, dst, keep);
      break;
    case IR_SRA:
      shift (b, SHIFT_SAR, true, node, dst, keep);
      break;
    case IR_SLL32:
      shift (b, SHIFT_SHL, false, node, dst, keep);
      sign_extend_32 (b, dst, dst);
      break;
    case IR_SRL32:
      {
        int32_t amount;

        shift (b, SHIFT_SHR, false, node, dst, keep);
        /* Zeros that come in at the top are the sign. */
        if (!lower_is_imm32 (b, node->b, &amount) || (amount & 31) == 0)
          sign_extend_32 (b, dst, dst);
      }
      break;
    case IR_SRA32:
      shift (b, SHIFT_SAR, false, node, dst, keep);
      sign_extend_32 (b, dst, dst);
      break;
    case IR_ROL:
      shift (b, SHIFT_ROL, true, node, dst, keep);
      break;
    case IR_ROR:
      shift (b, SHIFT_ROR, true, node, dst, keep);
      break;
    case IR_ROL32:
      shift (b, SHIFT_ROL, false, node, dst, keep);
      break;
    case IR_ROR32:
      shift (b, SHIFT_ROR, false, node, dst, keep);
      break;
    case IR_CLZ:
      count_bits (b, b->host.lzcnt, 0xbd, call_clz, node, dst, keep);
      break;
    case IR_CTZ:
      count_bits (b, b->host.bmi1, 0xbc, call_ctz, node, dst, keep);
      break;
    case IR_POPCOUNT:
      count_bits (b, b->host.popcnt, 0xb8, call_popcount, node, dst, keep);
      break;
    case IR_BSWAP:
      lower_value (b, node->a, dst, keep);
      emit8 (&b->a, 0x48 | (dst >> 3));
      emit8 (&b->a, 0x0f);
      emit8 (&b->a, 0xc8 + (dst & 7));
      break;
    case IR_ORC_B:
      call_c (b, call_orc_b, node, dst);
      break;
    case IR_CLMUL:
      call_c (b, call_clmul, node, dst);
      break;
    case IR_CLMULH:
      call_c (b, call_clmulh, node, dst);
      break;
    case IR_CLMULR:
      call_c (b, call_clmulr, node, dst);
      break;
    default:
      g_assert_not_reached ();
    }
}
