/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Decoding a block: from guest bytes to operations.
 *
 * A block that is kept has its lines watched, and its operations chained and linked; one that is
 * run once has neither, and ends at its first branch.
 */
#include "engine/interp/block-private.h"

#include "engine/riscv/fpu-host.h"
#include "engine/riscv/insn-decode.h"
#include "engine/riscv/mmu.h"

#include <string.h>

#define PAGE_MASK (~(COP_PAGE_SIZE - 1))

/* x and f registers are one array to an operation. */
#define F_BASE (offsetof (CopHartState, f) / sizeof (uint64_t))
G_STATIC_ASSERT (offsetof (CopHart, s.x) == 0);

typedef struct
{
  CopBlockCache *cache;
  CopBlock *block;
  CopOpPlace *places; /* of COP_BLOCK_MAX_OPS */
  unsigned halfwords;
  uint8_t branches[COP_BLOCK_MAX_BRANCHES]; /* indices of their operations */
  unsigned n_branches;
  uint8_t last_rd; /* what the operation before wrote; 0: nothing */
  unsigned watched; /* of the page, what stands before this offset */
  bool dirty; /* FS is known to be Dirty */
  bool divided; /* by PMP: what may be fetched depends on where on the page it is */
} Builder;

static CopOp *
add_op (Builder *builder, unsigned op)
{
  CopBlock *block = builder->block;
  CopOp *slot = &block->ops[block->n_ops];

  builder->places[block->n_ops++] = (CopOpPlace){ builder->halfwords, block->n_insns };
  *slot = (CopOp){ .label = builder->cache->labels[op] };
  return slot;
}

/* The place behind a jump or branch. */
static void
add_link (Builder *builder)
{
  CopBlock *block = builder->block;

  builder->places[block->n_ops] = (CopOpPlace){ builder->halfwords, block->n_insns };
  block->ops[block->n_ops++].link = (CopBlockLink){ NULL };
}

uint8_t cop_block_shapes[COP_INSN_LAST + 1];

static unsigned
shape_of_operands (CopOperands operands)
{
  switch (operands)
    {
    case COP_OPERANDS_FD_FS_FT_FR_M:
      return COP_SHAPE_FD | COP_SHAPE_FS1 | COP_SHAPE_FS2 | COP_SHAPE_FS3 | COP_SHAPE_WRITES_RD;
    case COP_OPERANDS_FD_FS_FT_M:
    case COP_OPERANDS_FD_FS_FT:
    case COP_OPERANDS_FD_FS_M:
    case COP_OPERANDS_FD_FS:
      return COP_SHAPE_FD | COP_SHAPE_FS1 | COP_SHAPE_FS2 | COP_SHAPE_WRITES_RD;
    case COP_OPERANDS_D_FS_FT:
    case COP_OPERANDS_D_FS_M:
    case COP_OPERANDS_D_FS:
      return COP_SHAPE_FS1 | COP_SHAPE_FS2 | COP_SHAPE_WRITES_RD;
    case COP_OPERANDS_FD_O:
    case COP_OPERANDS_FD_S_M:
    case COP_OPERANDS_FD_S:
      return COP_SHAPE_FD | COP_SHAPE_WRITES_RD;
    case COP_OPERANDS_FT_Q:
      return COP_SHAPE_FS2;
    case COP_OPERANDS_NONE:
    case COP_OPERANDS_T_Q:
    case COP_OPERANDS_S_T_P:
    case COP_OPERANDS_FENCE:
    case COP_OPERANDS_S_T:
    case COP_OPERANDS_S0:
    case COP_OPERANDS_PF:
      return 0;
    default:
      return COP_SHAPE_WRITES_RD;
    }
}

static bool
is_symmetric (CopInsnOp op)
{
  switch (op)
    {
    case COP_INSN_add:
    case COP_INSN_addw:
    case COP_INSN_and:
    case COP_INSN_or:
    case COP_INSN_xor:
    case COP_INSN_mul:
    case COP_INSN_mulw:
    case COP_INSN_beq:
    case COP_INSN_bne:
    case COP_INSN_fadd_s:
    case COP_INSN_fadd_d:
    case COP_INSN_fmul_s:
    case COP_INSN_fmul_d:
      return true;
    default:
      return false;
    }
}

__attribute__ ((constructor)) static void
fill_shapes (void)
{
  for (unsigned op = 0; op < COP_INSN_LAST; op++)
    {
      const CopInsnRow *row = &cop_insn_table[op];

      cop_block_shapes[op] = shape_of_operands (row->operands);
      if (is_symmetric (op))
        cop_block_shapes[op] |= COP_SHAPE_SYMMETRIC;
      if ((row->effects & ~(MEM_READ | MEM_WRITE | MAY_TRAP)) == 0 && op != COP_INSN_pause &&
          op != COP_INSN_cbo_zero)
        {
          cop_block_shapes[op] |= COP_SHAPE_PLAIN;
          /* block-once.c knows no others. */
          g_assert (cop_insn_immediates[row->operands] != COP_IMMEDIATE_J &&
                    cop_insn_immediates[row->operands] != COP_IMMEDIATE_B &&
                    cop_insn_immediates[row->operands] != COP_IMMEDIATE_CSR);
        }
      if (row->effects == PURE)
        cop_block_shapes[op] |= COP_SHAPE_PURE;
    }
}

static void
set_registers (CopOp *op, const CopInsn *insn, unsigned shape)
{
  if (shape & COP_SHAPE_FS3)
    op->imm = F_BASE + insn->rs3;
  op->rd = shape & COP_SHAPE_FD ? F_BASE + insn->rd : insn->rd == 0 ? COP_BLOCK_SINK : insn->rd;
  op->rs1 = shape & COP_SHAPE_FS1 ? F_BASE + insn->rs1 : insn->rs1;
  op->rs2 = shape & COP_SHAPE_FS2 ? F_BASE + insn->rs2 : insn->rs2;
}

/* Most operations use what the one before them wrote. Handed on in a host register it is there at
   once; through the hart it would come several cycles later. */
static void
chain_to_last (Builder *builder, CopOp *op, CopInsnOp insn, unsigned shape)
{
  if (builder->last_rd != 0)
    {
      if (op->rs2 == builder->last_rd && op->rs1 != op->rs2 && (shape & COP_SHAPE_SYMMETRIC))
        {
          op->rs2 = op->rs1;
          op->rs1 = builder->last_rd;
        }
      if (op->rs1 == builder->last_rd)
        op->label = builder->cache->labels[COP_OP_LAST + insn];
    }
  if (shape & COP_SHAPE_WRITES_RD)
    builder->last_rd = op->rd;
}

static bool
is_illegal_now (const CopInsn *insn, uint16_t effects, uint32_t mode)
{
  if (!(effects & FP))
    return false;
  if (mode & COP_MODE_FS_OFF)
    return true;
  return (effects & FP_RM) && insn->rm == COP_RM_DYN && (mode & COP_MODE_FRM_MASK) > COP_RM_RMM;
}

/* Once a block. Behind a load, which may trap and then has changed nothing. */
static void
make_dirty (Builder *builder, uint16_t effects)
{
  if (!(effects & FP_DIRTY) || builder->dirty)
    return;
  add_op (builder, COP_OP_MAKE_DIRTY);
  builder->dirty = true;
}

/* Adds one instruction. Returns whether it may be followed by the next. */
static bool
add_insn (Builder *builder, const CopInsn *insn)
{
  CopBlock *block = builder->block;
  uint16_t effects = insn->op == COP_INSN_ILLEGAL ? 0 : cop_insn_table[insn->op].effects;
  CopOperands operands = insn->op == COP_INSN_ILLEGAL ? 0 : cop_insn_table[insn->op].operands;
  int32_t here = builder->halfwords * 2;
  unsigned shape;
  CopOp *op;

  if (insn->op == COP_INSN_ILLEGAL || is_illegal_now (insn, effects, block->mode))
    {
      add_op (builder, COP_OP_ILLEGAL)->imm = insn->bits;
      block->n_insns++;
      builder->halfwords += insn->length / 2;
      return false;
    }

  if (!(effects & MEM_READ))
    make_dirty (builder, effects);
  if (effects == PURE && insn->rd == 0)
    {
      /* A hint, or a result nobody sees: counted, not executed. */
      block->n_insns++;
      builder->halfwords += insn->length / 2;
      if (insn->op == COP_INSN_pause)
        add_op (builder, COP_INSN_pause);
      return true;
    }

  op = add_op (builder, insn->op);
  op->imm = insn->imm;
  shape = cop_block_shapes[insn->op];
  set_registers (op, insn, shape);
  if (block->lasting)
    chain_to_last (builder, op, insn->op, shape);
  if (effects & FP_RM)
    op->rm =
      cop_fpu_is_native (block->mode & COP_MODE_FRM_MASK, insn->rm) ? COP_RM_NATIVE : insn->rm;
  if (operands == COP_OPERANDS_S_T_P || operands == COP_OPERANDS_D_A)
    {
      op->imm += here;
      if (operands == COP_OPERANDS_S_T_P)
        builder->branches[builder->n_branches++] = block->n_ops - 1;
      add_link (builder);
    }
  else if ((effects & IN_SYSTEM_C) || insn->op == COP_INSN_cbo_zero)
    op->imm = insn->bits;
  if (effects & IN_SYSTEM_C)
    {
      op->rs1 = insn->op & 0xff;
      op->rs2 = insn->op >> 8;
    }
  block->n_insns++;
  builder->halfwords += insn->length / 2;
  make_dirty (builder, effects);
  return !(effects & ENDS_BLOCK) || operands == COP_OPERANDS_S_T_P;
}

/* The second half of the instruction at @pc, from the next page when it stands there, or where PMP
   has to be asked for it. False with a fault raised. */
static bool
read_high (Builder *builder, uint64_t pc, bool next_page, uint16_t *high)
{
  CopHart *hart = builder->cache->hart;
  uint64_t gpa2;
  const uint8_t *rest = cop_mmu_fetch (hart, pc + 2, &gpa2);

  if (rest == NULL)
    return false;
  if (next_page)
    {
      if (builder->block->lasting)
        cop_mmu_watch_code (hart, gpa2, 2);
      builder->block->gpa2 = gpa2;
    }
  *high = cop_ram_code_at (rest);
  return true;
}

/* Watches the lines of the instruction at @at, before it is read. A block that is run once, now,
   needs none: nothing of it is left for the next fence.i. */
static void
watch (Builder *builder, unsigned at)
{
  const unsigned line = 1u << COP_CODE_LINE_SHIFT;
  uint64_t gpa = builder->block->gpa + at;
  unsigned offset = gpa & ~PAGE_MASK, end = MIN (offset + 4, COP_PAGE_SIZE);

  if (end <= builder->watched)
    return;
  cop_mmu_watch_code (builder->cache->hart, gpa, end - offset);
  builder->watched = (end + line - 1) & ~(line - 1);
}

/* Adds instructions from @at on that are no more than their operands, as nearly all are, while four
   bytes are left of the @left on the page, and no more than @max_insns. Returns whether there was
   another one: in *@other, with builder->halfwords where it is. */
static bool
add_plain (Builder *builder, const uint8_t *bytes, unsigned at, unsigned left, unsigned max_insns,
           CopInsn *other)
{
  CopBlock *const block = builder->block;
  const void *const *const labels = builder->cache->labels;
  const CopIsa isa = builder->cache->hart->isa;
  const bool lasting = block->lasting;
  unsigned n_ops, n_insns;
  bool more = true;

  if (!lasting)
    at = cop_block_add_once (builder->cache, block, bytes, at, left, max_insns);
  n_ops = block->n_ops;
  n_insns = block->n_insns;
  while (n_insns < max_insns && at + 4 <= left)
    {
      CopInsn insn;
      uint32_t bits;
      unsigned shape;
      CopOp *op;

      if (lasting)
        watch (builder, at);
      bits = cop_ram_code32_at (bytes + at);
      cop_insn_decode_fast (bits, isa, &insn);
      shape = cop_block_shapes[insn.op];
      more = shape & COP_SHAPE_PLAIN;
      if (!more)
        {
          *other = insn;
          break;
        }
      op = &block->ops[n_ops];
      builder->places[n_ops] = (CopOpPlace){ at / 2, n_insns };
      op->label = labels[insn.op];
      op->imm = insn.imm;
      op->rd = insn.rd == 0 ? COP_BLOCK_SINK : insn.rd;
      op->rs1 = insn.rs1;
      op->rs2 = insn.rs2;
      op->rm = 0;
      if (lasting)
        chain_to_last (builder, op, insn.op, shape);
      /* A hint, or a result nobody sees, is counted, not executed. */
      n_ops += insn.rd != 0 || !(shape & COP_SHAPE_PURE);
      n_insns++;
      at += insn.length;
    }
  block->n_ops = n_ops;
  block->n_insns = n_insns;
  builder->halfwords = at / 2;
  return !more;
}

/* The instruction at @at, when it takes more than a look: at the page's end, where PMP divides the
   page, or with breakpoints. Returns whether there is one to add; *@failed: a fault was raised. */
static bool
read_insn (Builder *builder, uint64_t pc, const uint8_t *bytes, unsigned at, unsigned left,
           CopInsn *insn, bool *failed)
{
  const CopHart *hart = builder->cache->hart;
  uint16_t low, high = 0;

  if (builder->block->lasting)
    watch (builder, at);
  low = cop_ram_code_at (bytes + at);
  /* An instruction across pages is a block of its own. */
  if ((low & 3) == 3 && left - at < 4 && at > 0)
    return false;
  if (G_UNLIKELY (cop_breakpoints_may_be_at (hart->breakpoints, pc + at)))
    {
      if (at > 0)
        return false;
      add_op (builder, COP_OP_BREAKPOINT);
    }
  if (left - at >= 4 && !builder->divided)
    high = cop_ram_code_at (bytes + at + 2);
  else if ((low & 3) == 3 && !read_high (builder, pc + at, left - at < 4, &high))
    {
      *failed = true;
      return false;
    }
  cop_insn_decode (low | (uint32_t) high << 16, hart->isa, insn);
  return true;
}

void
cop_block_start (CopBlockCache *cache, CopBlock *block, uint64_t gpa)
{
  *block = (CopBlock){
    .gpa = gpa,
    .mode = cache->hart->mode,
    .heat = block == cache->scratch ? INT32_MAX : cache->heat,
    .lasting = block != cache->scratch,
  };
}

static void
start (Builder *builder, CopBlockCache *cache, CopBlock *block, CopOpPlace *places, bool divided)
{
  builder->cache = cache;
  builder->block = block;
  builder->places = places;
  builder->halfwords = 0;
  builder->n_branches = 0;
  builder->last_rd = 0;
  builder->watched = 0;
  builder->dirty = false;
  builder->divided = divided;
}

/* Whether a block that lasts goes on behind a branch. It does where somebody has been: what a branch has
   always jumped over is a block of its own when it is come to, and leaves a trail. */
static bool
goes_behind_branch (const Builder *builder)
{
  CopTrail *trail = builder->cache->trail;

  return trail == NULL || !builder->block->lasting ||
         cop_trail_has (trail, builder->block->gpa + builder->halfwords * 2);
}

bool
cop_block_build (CopBlockCache *cache, CopBlock *block, uint64_t pc, uint64_t gpa,
                 const uint8_t *bytes, unsigned max_insns, bool divided)
{
  unsigned left = COP_PAGE_SIZE - (pc & ~PAGE_MASK);
  unsigned max_branches;
  bool one_by_one = divided || cache->hart->breakpoints != NULL;
  bool more = true, failed = false;
  CopOpPlace places[COP_BLOCK_MAX_OPS];
  Builder builder;
  CopInsn insn;

  cop_block_start (cache, block, gpa);
  start (&builder, cache, block, block->lasting ? places : cop_block_places (block), divided);
  max_branches = block->lasting ? COP_BLOCK_MAX_BRANCHES : 1;
  while (more && builder.n_branches < max_branches)
    {
      unsigned n_branches = builder.n_branches;

      if (one_by_one || !add_plain (&builder, bytes, builder.halfwords * 2, left, max_insns, &insn))
        {
          if (block->n_insns == max_insns || builder.halfwords * 2 >= left ||
              !read_insn (&builder, pc, bytes, builder.halfwords * 2, left, &insn, &failed))
            break;
        }
      more = add_insn (&builder, &insn);
      if (builder.n_branches > n_branches && !goes_behind_branch (&builder))
        break;
    }
  if (failed)
    return false;
  if (more)
    {
      add_op (&builder, COP_OP_GO_ON);
      add_link (&builder);
    }
  for (unsigned i = 0; i < builder.n_branches; i++)
    {
      unsigned branch = builder.branches[i];

      block->ops[branch].rm = block->n_insns - (builder.places[branch].insns + 1);
    }
  block->n_bytes = builder.halfwords * 2;
  if (block->lasting)
    memcpy (cop_block_places (block), places, block->n_ops * sizeof (CopOpPlace));
  return true;
}
