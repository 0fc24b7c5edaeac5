/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Ways into blocks that rely on facts (jit/facts.h): what is not known is checked there.
 *
 *   mov ecx, [mstatus]; not ecx; test ecx, FS; jne stub      mstatus.FS is Dirty
 *   cmp dword [f + 4], -1; jne stub                          a boxed f32
 *   movsxd rcx, x; cmp rcx, x; jne stub                      a word
 *   stub:   leaves the block to the interpreter, which is right whatever holds
 */
#include "engine/jit/x86/lower-private.h"

bool
lower_lacks_facts (const CopJitBackend *b, unsigned to)
{
  return (b->facts.dirty[to] && !b->dirty) || (b->facts.boxed[to] & ~b->boxed) != 0 ||
         (b->facts.words[to] & ~b->words) != 0;
}

static void
check_facts (CopJitBackend *b, unsigned to)
{
  uint32_t boxed = b->facts.boxed[to] & ~b->boxed, words = b->facts.words[to] & ~b->words;
  uint32_t low = b->r.low;
  CopStub *stub;
  CopLabel label;

  if (!lower_lacks_facts (b, to))
    return;
  /* What is not known to be a word stands here whole. */
  b->r.low &= b->words;
  stub = lower_add_stub (b, STUB_NO_FACTS);
  b->r.low = low;
  label = stub->label;
  stub->detail = to;
  if (b->facts.dirty[to] && !b->dirty)
    {
      asm_rm (&b->a, 0x8b, false, RCX, HART_FIELD (s.mstatus));
      asm_rr (&b->a, 0xf7, false, (CopReg) 2, RCX);     /* not ecx */
      asm_rr (&b->a, 0xf7, false, (CopReg) 0, RCX);     /* test ecx, imm32 */
      emit32 (&b->a, COP_MSTATUS_FS);
      asm_jcc (&b->a, CC_NE, label);
    }
  for (unsigned i = 0; i < 32; i++)
    if (boxed & 1u << i)
      {
        asm_alu_mi (&b->a, ALU_CMP, false, lower_f_high (i), -1);
        asm_jcc (&b->a, CC_NE, label);
      }
  for (unsigned i = 1; i < 32; i++)
    if (words & 1u << i)
      {
        CopReg reg = home (b, i);

        if (reg != NO_REG)
          {
            sign_extend_32 (b, RCX, reg);
            asm_alu_rr (&b->a, ALU_CMP, true, RCX, reg);
          }
        else
          {
            asm_rm (&b->a, 0x63, true, RCX, x_mem (i));
            asm_alu_rm (&b->a, ALU_CMP, true, RCX, x_mem (i));
          }
        asm_jcc (&b->a, CC_NE, label);
      }
}

/* The high halves are in the hart once registers are where the block wants them. */
void
lower_enter_block (CopJitBackend *b, unsigned block)
{
  lower_move_to (b, lower_block_map (b, block));
  check_facts (b, block);
  lower_enter_loop (b, block);
}

void
lower_no_facts (CopJitBackend *b, const CopStub *stub)
{
  const CopIrBlock *block = &g_array_index (b->unit->blocks, CopIrBlock, stub->detail);

  asm_bind (&b->a, stub->label);
  if (stub->strip != NULL)
    lower_strip_leave (b, stub->strip);
  lower_call_to_standard (b, stub->map);
  asm_mov_ri (&b->a, RCX, block->offset);
  asm_alu_ri (&b->a, ALU_CMP, true, FUEL, block->n_insns);
  asm_jcc_to (&b->a, CC_L, b->exit_at);
  asm_alu_ri (&b->a, ALU_SUB, true, FUEL, block->n_insns);
  asm_mov_ri (&b->a, RCX, COP_JIT_PLACE (block->offset, block->n_insns));
  asm_jmp_to (&b->a, b->exit_block);
}
