/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The interpreter: direct-threaded code over decoded blocks.
 *
 *   look up --> enter: pending? limit? --> op -> op -> branch -> op -> jump --> enter ...
 *                |                         |       '-- taken --> enter ...
 *                poll                      fault: whole state, trap, look up
 *
 * Between `enter` and the end of a block nothing is checked that could be checked once: instructions
 * are counted for the whole block beforehand and corrected when one faults or a branch is taken.
 */
#include "engine/interp/interp.h"

#include "engine/interp/words.h"
#include "engine/riscv/arith.h"
#include "engine/riscv/csr.h"

/* Goes to the next operation. Each operation has a jump of its own, which the host predicts apart. */
#define NEXT                                                                                     \
  do                                                                                             \
    {                                                                                            \
      op++;                                                                                      \
      goto *op->label;                                                                           \
    }                                                                                            \
  while (0)

/* Enters `block` at pc. */
#define ENTER                                                                                    \
  do                                                                                             \
    {                                                                                            \
      if (G_UNLIKELY (__atomic_load_n (&hart->pending, __ATOMIC_RELAXED) != 0))                  \
        goto poll;                                                                               \
      if (G_UNLIKELY (instret + block->n_insns > stop_at))                                       \
        goto near_stop;                                                                          \
      if (G_UNLIKELY (--block->heat < 0))                                                        \
        goto hot_block;                                                                          \
      instret += block->n_insns;                                                                 \
      op = block->ops;                                                                           \
      goto *op->label;                                                                           \
    }                                                                                            \
  while (0)

/* Goes on at pc, by way of the jump cache. */
#define LOOK_UP                                                                                  \
  do                                                                                             \
    {                                                                                            \
      const CopJump *jump_ = cop_jump_slot (cache, pc);                                          \
                                                                                                 \
      block = jump_->block;                                                                      \
      if (G_UNLIKELY (jump_->pc != pc || jump_->tag != hart->code_tag ||                         \
                      block->gpa == COP_BLOCK_DEAD))                                             \
        goto look_up_slow;                                                                       \
      ENTER;                                                                                     \
    }                                                                                            \
  while (0)

/* Leaves `block` by the link behind `op`; pc is there already. */
#define FOLLOW                                                                                   \
  do                                                                                             \
    {                                                                                            \
      CopBlock *next_ = op[1].link.to;                                                           \
                                                                                                 \
      if (G_UNLIKELY (next_ == NULL))                                                            \
        goto follow_slow;                                                                        \
      block = next_;                                                                             \
      ENTER;                                                                                     \
    }                                                                                            \
  while (0)

/* With @hart NULL, only hands out its labels by way of @hot. With @part not 0, runs one block of at most
   that many instructions. */
static CopInterpExit
execute (CopHart *hart, CopBlockCache *cache, uint64_t limit, unsigned part, CopRunResult *result,
         gpointer hot)
{
  static const void *const labels[COP_OP_LABELS] = {
#define INSN(name, ...)                                                                          \
  [COP_INSN_##name] = &&do_##name, [COP_OP_LAST + COP_INSN_##name] = &&chained_##name,
    INSN_TABLE (INSN)
#undef INSN
    [COP_OP_ILLEGAL] = &&do_illegal,
    [COP_OP_MAKE_DIRTY] = &&do_make_dirty,
    [COP_OP_GO_ON] = &&do_go_on,
    [COP_OP_BREAKPOINT] = &&do_breakpoint,
  };
  uint64_t *regs;
  uint64_t pc, instret, stop_at, target_mask;
  uint64_t last = 0;            /* what the last operation with a destination wrote there */
  CopBlock *block;
  const CopOp *op;
  const CopTlb *tlb;

  if (hart == NULL)
    {
      *(const void *const **) hot = labels;
      return COP_INTERP_RESULT;
    }
  regs = (uint64_t *) (void *) hart;
  target_mask = (hart->isa & COP_ISA (C)) ? 0 : 2;

  /* s is whole, and may have changed in any way. */
resync:
  pc = hart->s.pc;
  instret = hart->s.instret;
  tlb = hart->tlb;
  stop_at = MIN (limit, hart->instret_event);
  if (G_UNLIKELY (part != 0))
    goto run_part;

look_up:
  LOOK_UP;

look_up_slow:
  if (instret >= stop_at)
    goto poll;
  block = cop_block_cache_get (cache, pc);
  if (block == NULL)
    {
      hart->s.pc = pc;
      hart->s.instret = instret;
      if (instret >= stop_at || __atomic_load_n (&hart->pending, __ATOMIC_RELAXED) != 0)
        goto poll;
      cop_hart_take_trap (hart);
      goto resync;
    }
  ENTER;

  /* The link of op leads nowhere yet, or to another page, where it never will. */
follow_slow:
  if (instret >= stop_at)
    goto poll;
  {
    const CopJump *jump = cop_jump_slot (cache, pc);
    CopBlock *to = jump->block;

    if (jump->pc != pc || jump->tag != hart->code_tag || to->gpa == COP_BLOCK_DEAD)
      {
        uint64_t flushes = cache->n_flushes;

        to = cop_block_cache_get (cache, pc);
        if (to == NULL || cache->n_flushes != flushes)
          goto look_up;
      }
    if ((to->gpa ^ block->gpa) >> COP_PAGE_SHIFT == 0)
      cop_block_link (block, (CopBlockLink *) &op[1].link, to);
    block = to;
  }
  ENTER;

poll:
  hart->s.pc = pc;
  hart->s.instret = instret;
  if (instret >= limit)
    {
      *result = COP_RUN_LIMIT;
      return COP_INTERP_RESULT;
    }
  if (!cop_hart_poll (hart))
    {
      *result = COP_RUN_STOP;
      return COP_INTERP_RESULT;
    }
  goto resync;

  /* The block is longer than may be run. */
near_stop:
  if (instret >= stop_at)
    goto poll;
  block = cop_block_cache_get_short (cache, pc, stop_at - instret);
  if (block == NULL)
    {
      hart->s.pc = pc;
      hart->s.instret = instret;
      cop_hart_take_trap (hart);
      goto resync;
    }
  ENTER;

  /* Whatever comes after this block finds the limit reached. */
run_part:
  block = cop_block_cache_get_part (cache, pc, part);
  part = 0;
  limit = stop_at = 0;
  if (block == NULL)
    {
      cop_hart_take_trap (hart);
      goto resync;
    }
  instret += block->n_insns;
  op = block->ops;
  goto *op->label;

hot_block:
  hart->s.pc = pc;
  hart->s.instret = instret;
  *(CopBlock **) hot = block;
  return COP_INTERP_HOT;

fault:
  {
    const CopOpPlace *place = &cop_block_places (block)[op - block->ops];

    hart->s.pc = pc + 2 * place->halfwords;
    hart->s.instret = instret - block->n_insns + place->insns;
    cop_hart_take_trap (hart);
    goto resync;
  }

  /* SYSTEM ends its block. */
system:
  {
    const CopOpPlace *place = &cop_block_places (block)[op - block->ops];
    CopInsnOp insn = op->rs1 | (unsigned) op->rs2 << 8;

    hart->s.pc = pc + 2 * place->halfwords;
    hart->s.instret = instret - 1;
    switch (cop_system_execute (hart, insn, op->imm))
      {
      case COP_SYSTEM_DONE:
        goto resync;
      case COP_SYSTEM_TRAP:
        cop_hart_take_trap (hart);
        goto resync;
      case COP_SYSTEM_WAIT:
        *result = COP_RUN_WFI;
        return COP_INTERP_RESULT;
      }
  }

do_illegal:
  RAISE (COP_TRAP_ILLEGAL_INSN, (uint32_t) op->imm);

do_make_dirty:
  hart->s.mstatus |= COP_MSTATUS_FS;
  NEXT;

do_go_on:
  pc += block->n_bytes;
  FOLLOW;

do_breakpoint:
  if (cop_hart_meets_breakpoint (hart, pc, instret - block->n_insns))
    {
      hart->s.pc = pc;
      hart->s.instret = instret - block->n_insns;
      *result = COP_RUN_BREAKPOINT;
      return COP_INTERP_RESULT;
    }
  NEXT;

  /* Each row: its label, its meaning, and on to the next operation. */
#define RS1 (regs[op->rs1])
#define SEM(name)                                                                                \
  NEXT;                                                                                          \
  do_##name:
#include "engine/riscv/insn-sem.h"
#undef SEM
#undef RS1

#define RS1 last
#define SEM(name)                                                                                \
  NEXT;                                                                                          \
  chained_##name:
#include "engine/riscv/insn-sem.h"
#undef SEM
#undef RS1
  NEXT;
}

CopInterpExit
cop_interp_execute (CopHart *hart, CopBlockCache *cache, uint64_t limit, CopRunResult *result,
                    CopBlock **hot)
{
  return execute (hart, cache, limit, 0, result, hot);
}

CopRunResult
cop_interp_execute_part (CopHart *hart, CopBlockCache *cache, unsigned insns)
{
  CopRunResult result;

  execute (hart, cache, 0, insns, &result, NULL);
  return result;
}

const void *const *
cop_interp_labels (void)
{
  const void *const *labels;

  execute (NULL, NULL, 0, 0, NULL, &labels);
  return labels;
}
