/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The cache of decoded blocks: look-up, decoding, links, and dropping what was overwritten.
 *
 *   pc, code_tag --> jumps (direct) --miss--> fetch view --> gpa, mode --> buckets --miss--> decode
 *
 * Blocks are carved from an arena and never freed one by one: a dropped block stays readable, marked
 * dead, until the arena is full and all are forgotten.
 */
#include "engine/interp/block.h"

#include "engine/engine.h"
#include "engine/riscv/fpu-host.h"
#include "engine/riscv/mmu.h"

#include <string.h>
#include <sys/mman.h>

#define ARENA_SIZE (8u << 20)
/* FS may have to be made dirty; branches have links, and what ends a block has one too. */
#define MAX_OPS (COP_BLOCK_MAX_INSNS + COP_BLOCK_MAX_BRANCHES + 4)
#define MAX_BLOCK_SIZE (sizeof (CopBlock) + MAX_OPS * (sizeof (CopOp) + sizeof (CopOpPlace)))
#define PAGE_MASK (~(COP_PAGE_SIZE - 1))

/* x and f registers, and the sink, are one array to an operation. */
#define F_BASE (offsetof (CopHartState, f) / sizeof (uint64_t))
#define SINK (offsetof (CopHart, sink) / sizeof (uint64_t))
G_STATIC_ASSERT (offsetof (CopHart, s.x) == 0);
G_STATIC_ASSERT (SINK < 256);

CopBlockCache *
cop_block_cache_new (CopHart *hart, const void *const *labels)
{
  CopBlockCache *cache = g_new0 (CopBlockCache, 1);

  cache->hart = hart;
  cache->labels = labels;
  cache->heat = INT32_MAX;
  cache->scratch = g_malloc0 (MAX_BLOCK_SIZE);
  cache->arena = mmap (NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (cache->arena == MAP_FAILED)
    g_error ("no address space for decoded blocks");
  return cache;
}

void
cop_block_cache_free (CopBlockCache *cache)
{
  munmap (cache->arena, ARENA_SIZE);
  g_free (cache->scratch);
  g_free (cache);
}

void
cop_block_cache_flush (CopBlockCache *cache)
{
  memset (cache->jumps, 0, sizeof cache->jumps);
  memset (cache->buckets, 0, sizeof cache->buckets);
  memset (cache->pages, 0, sizeof cache->pages);
  memset (cache->crossing, 0, sizeof cache->crossing);
  cache->arena_used = 0;
  cache->n_flushes++;
}

static CopBlock **
bucket_of (CopBlockCache *cache, uint64_t gpa, uint32_t mode)
{
  uint64_t mixed = gpa >> 1 ^ gpa >> 15 ^ (uint64_t) mode << 7;

  return &cache->buckets[mixed % COP_BLOCK_BUCKETS];
}

static CopBlock **
page_of (CopBlockCache *cache, uint64_t gpa)
{
  uint64_t page = gpa >> COP_PAGE_SHIFT;

  return &cache->pages[(page ^ page >> 12) % COP_BLOCK_PAGES];
}

/* Blocks whose last instruction reaches into the page of @gpa2. */
static CopBlock **
crossing_of (CopBlockCache *cache, uint64_t gpa2)
{
  return &cache->crossing[(gpa2 >> COP_PAGE_SHIFT) % COP_BLOCK_CROSSING];
}

/* --- links and dropping ------------------------------------------------------------------------ */

void
cop_block_link (CopBlock *from, CopBlockLink *link, CopBlock *to)
{
  if (!from->lasting || !to->lasting || from->gpa == COP_BLOCK_DEAD || to->gpa2 != 0 ||
      (from->gpa ^ to->gpa) >> COP_PAGE_SHIFT != 0)
    return;
  link->to = to;
  link->incoming_next = to->incoming;
  to->incoming = link;
}

static void
remove_from_list (CopBlock **place, CopBlock *block, size_t next_offset)
{
  while (*place != block)
    place = (CopBlock **) (void *) ((uint8_t *) *place + next_offset);
  *place = *(CopBlock **) (void *) ((uint8_t *) block + next_offset);
}

/* Takes @block out of everything. Its own links stay: it may be running, and they hold until what they
   lead to is dropped. */
static void
kill_block (CopBlockCache *cache, CopBlock *block)
{
  for (CopBlockLink *link = block->incoming; link != NULL; link = link->incoming_next)
    link->to = NULL;
  block->incoming = NULL;
  remove_from_list (bucket_of (cache, block->gpa, block->mode), block,
                    offsetof (CopBlock, bucket_next));
  remove_from_list (page_of (cache, block->gpa), block, offsetof (CopBlock, page_next));
  if (block->gpa2 != 0)
    remove_from_list (crossing_of (cache, block->gpa2), block, offsetof (CopBlock, crossing_next));
  block->gpa = COP_BLOCK_DEAD;
  cache->n_dropped++;
}

static void
drop_on_page (CopBlockCache *cache, uint64_t gpa, uint64_t length)
{
  CopBlock *next;

  for (CopBlock *block = *page_of (cache, gpa); block != NULL; block = next)
    {
      next = block->page_next;
      if (block->gpa < gpa + length && gpa < block->gpa + block->n_bytes)
        kill_block (cache, block);
    }
  /* A block that begins on the page before may end in an instruction that reaches into this one. */
  if ((gpa & ~PAGE_MASK) >= 2)
    return;
  for (CopBlock *block = *crossing_of (cache, gpa); block != NULL; block = next)
    {
      next = block->crossing_next;
      if (block->gpa2 < gpa + length && gpa < block->gpa2 + 2)
        kill_block (cache, block);
    }
}

void
cop_block_cache_drop (CopBlockCache *cache, uint64_t gpa, uint64_t length)
{
  if (length / COP_PAGE_SIZE > COP_BLOCK_PAGES)
    {
      cop_block_cache_flush (cache);
      return;
    }
  for (uint64_t at = gpa; at < gpa + length; at = (at & PAGE_MASK) + COP_PAGE_SIZE)
    drop_on_page (cache, at, MIN (gpa + length, (at & PAGE_MASK) + COP_PAGE_SIZE) - at);
}

/* --- decoding ---------------------------------------------------------------------------------- */

typedef struct
{
  CopBlockCache *cache;
  CopBlock      *block;
  CopOpPlace     places[MAX_OPS];
  unsigned       halfwords;
  uint8_t        branches[COP_BLOCK_MAX_BRANCHES];      /* indices of their operations */
  unsigned       n_branches;
  uint8_t        last_rd;       /* what the operation before wrote; 0: nothing */
  bool           dirty;         /* FS is known to be Dirty */
  bool           divided;       /* by PMP: what may be fetched depends on where on the page it is */
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

/* f operands are numbered behind the x registers. */
static void
set_registers (CopOp *op, const CopInsn *insn, CopOperands operands)
{
  bool fd = false, fs1 = false, fs2 = false;

  switch (operands)
    {
    case COP_OPERANDS_FD_FS_FT_FR_M:
      op->imm = F_BASE + insn->rs3;
      G_GNUC_FALLTHROUGH;
    case COP_OPERANDS_FD_FS_FT_M:
    case COP_OPERANDS_FD_FS_FT:
    case COP_OPERANDS_FD_FS_M:
    case COP_OPERANDS_FD_FS:
      fd = fs1 = fs2 = true;
      break;
    case COP_OPERANDS_D_FS_FT:
    case COP_OPERANDS_D_FS_M:
    case COP_OPERANDS_D_FS:
      fs1 = fs2 = true;
      break;
    case COP_OPERANDS_FD_O:
    case COP_OPERANDS_FD_S_M:
    case COP_OPERANDS_FD_S:
      fd = true;
      break;
    case COP_OPERANDS_FT_Q:
      fs2 = true;
      break;
    default:
      break;
    }
  op->rd = fd ? F_BASE + insn->rd : insn->rd == 0 ? SINK : insn->rd;
  op->rs1 = fs1 ? F_BASE + insn->rs1 : insn->rs1;
  op->rs2 = fs2 ? F_BASE + insn->rs2 : insn->rs2;
}

static bool
writes_rd (CopOperands operands)
{
  switch (operands)
    {
    case COP_OPERANDS_NONE:
    case COP_OPERANDS_T_Q:
    case COP_OPERANDS_FT_Q:
    case COP_OPERANDS_S_T_P:
    case COP_OPERANDS_FENCE:
    case COP_OPERANDS_S_T:
    case COP_OPERANDS_S0:
    case COP_OPERANDS_PF:
      return false;
    default:
      return true;
    }
}

/* Whether rs1 and rs2 may change places. */
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

/* Most operations use what the one before them wrote. Handed on in a host register it is there at
   once; through the hart it would come several cycles later. */
static void
chain_to_last (Builder *builder, CopOp *op, const CopInsn *insn)
{
  if (builder->last_rd != 0)
    {
      if (op->rs2 == builder->last_rd && op->rs1 != op->rs2 && is_symmetric (insn->op))
        {
          op->rs2 = op->rs1;
          op->rs1 = builder->last_rd;
        }
      if (op->rs1 == builder->last_rd)
        op->label = builder->cache->labels[COP_OP_LAST + insn->op];
    }
  if (writes_rd (cop_insn_table[insn->op].operands))
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
  set_registers (op, insn, operands);
  chain_to_last (builder, op, insn);
  if (effects & FP_RM)
    op->rm = cop_fpu_is_native (block->mode & COP_MODE_FRM_MASK, insn->rm) ? COP_RM_NATIVE
                                                                            : insn->rm;
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

/* Reads the instruction at @pc, which may reach into the next page. False with a fault raised. */
static bool
read_insn (Builder *builder, uint64_t pc, const uint8_t *bytes, unsigned left, uint32_t *bits)
{
  CopHart *hart = builder->cache->hart;
  uint16_t low, high = 0;
  uint64_t gpa2;

  memcpy (&low, bytes, sizeof low);
  if ((low & 3) == 3)
    {
      const uint8_t *rest = bytes + 2;

      if (left < 4 || builder->divided)
        {
          rest = cop_mmu_fetch (hart, pc + 2, &gpa2);
          if (rest == NULL)
            return false;
        }
      if (left < 4)
        {
          cop_mmu_watch_code (hart, gpa2, 2);
          builder->block->gpa2 = gpa2;
        }
      memcpy (&high, rest, sizeof high);
    }
  *bits = low | (uint32_t) high << 16;
  return true;
}

/* Watches the lines of the instruction at @at before it is read. */
static void
watch (Builder *builder, unsigned at)
{
  uint64_t gpa = builder->block->gpa + at;

  if (at == 0 || ((gpa + 3) >> COP_CODE_LINE_SHIFT) != ((gpa - 1) >> COP_CODE_LINE_SHIFT))
    cop_mmu_watch_code (builder->cache->hart, gpa,
                        MIN (4, COP_PAGE_SIZE - (gpa & ~PAGE_MASK)));
}

/* Decodes at @pc into builder->block. False with a fault raised. */
static bool
build (Builder *builder, uint64_t pc, const uint8_t *bytes, unsigned max_insns)
{
  CopBlock *block = builder->block;
  unsigned left = COP_PAGE_SIZE - (pc & ~PAGE_MASK);
  unsigned at = 0;
  bool more = true;

  while (more && block->n_insns < max_insns && at < left &&
         builder->n_branches < COP_BLOCK_MAX_BRANCHES)
    {
      CopInsn insn;
      uint32_t bits;
      uint16_t low;

      memcpy (&low, bytes + at, sizeof low);
      /* An instruction across pages is a block of its own. */
      if ((low & 3) == 3 && left - at < 4 && at > 0)
        break;
      if (G_UNLIKELY (cop_breakpoints_may_be_at (builder->cache->hart->breakpoints, pc + at)))
        {
          if (at > 0)
            break;
          add_op (builder, COP_OP_BREAKPOINT);
        }
      watch (builder, at);
      if (!read_insn (builder, pc + at, bytes + at, left - at, &bits))
        return false;
      cop_insn_decode (bits, builder->cache->hart->isa, &insn);
      more = add_insn (builder, &insn);
      at += insn.length;
    }
  if (more)
    {
      add_op (builder, COP_OP_GO_ON);
      add_link (builder);
    }
  for (unsigned i = 0; i < builder->n_branches; i++)
    {
      unsigned branch = builder->branches[i];

      block->ops[branch].rm = block->n_insns - (builder->places[branch].insns + 1);
    }
  block->n_bytes = at;
  memcpy (cop_block_places (block), builder->places, block->n_ops * sizeof (CopOpPlace));
  return true;
}

static void
start (Builder *builder, CopBlockCache *cache, CopBlock *block, uint64_t gpa, bool divided)
{
  uint32_t mode = cache->hart->mode;

  builder->cache = cache;
  builder->block = block;
  builder->halfwords = 0;
  builder->n_branches = 0;
  builder->last_rd = 0;
  builder->dirty = false;
  builder->divided = divided;
  memset (block, 0, sizeof *block);
  block->gpa = gpa;
  block->mode = mode;
  block->heat = block == cache->scratch ? INT32_MAX : cache->heat;
}

CopBlock *
cop_block_cache_get_short (CopBlockCache *cache, uint64_t pc, unsigned max_insns)
{
  uint64_t gpa;
  const uint8_t *bytes = cop_mmu_fetch (cache->hart, pc, &gpa);
  bool divided;
  Builder builder;

  if (bytes == NULL)
    return NULL;
  /* Where PMP divides the page, each instruction is checked on its own. */
  divided = cop_tlb_lookup (cache->hart->fetch_tlb, pc, 1, COP_ACCESS_FETCH) == NULL;
  max_insns = divided ? 1 : MIN (max_insns, COP_BLOCK_MAX_INSNS);
  start (&builder, cache, cache->scratch, gpa, divided);
  return build (&builder, pc, bytes, max_insns) ? cache->scratch : NULL;
}

/* The block at @gpa, in the bucket or built there. @part: as in CopBlock. */
static CopBlock *
find_or_build (CopBlockCache *cache, uint64_t pc, uint64_t gpa, const uint8_t *bytes,
               unsigned part)
{
  CopBlock **bucket = bucket_of (cache, gpa, cache->hart->mode);
  CopBlock *block;
  Builder builder;

  for (block = *bucket; block != NULL; block = block->bucket_next)
    if (block->gpa == gpa && block->mode == cache->hart->mode && block->part == part)
      {
        uint64_t gpa2;

        if (block->gpa2 == 0)
          return block;
        if (cop_mmu_fetch (cache->hart, pc + 2, &gpa2) == NULL)
          return NULL;
        if (gpa2 == block->gpa2)
          return block;
      }

  if (cache->arena_used + MAX_BLOCK_SIZE > ARENA_SIZE)
    {
      cop_block_cache_flush (cache);
      bucket = bucket_of (cache, gpa, cache->hart->mode);
    }
  block = (CopBlock *) (void *) (cache->arena + cache->arena_used);
  start (&builder, cache, block, gpa, false);
  if (!build (&builder, pc, bytes, part == 0 ? COP_BLOCK_MAX_INSNS : part))
    return NULL;

  cache->arena_used += sizeof *block + block->n_ops * (sizeof (CopOp) + sizeof (CopOpPlace));
  cache->arena_used = (cache->arena_used + 15) & ~(size_t) 15;
  cache->n_built++;
  block->lasting = true;
  block->part = part;
  if (part != 0)
    block->heat = INT32_MAX;
  else if (cache->has_better != NULL && cache->has_better (cache->hart, gpa))
    block->heat = 0;
  block->bucket_next = *bucket;
  *bucket = block;
  block->page_next = *page_of (cache, gpa);
  *page_of (cache, gpa) = block;
  if (block->gpa2 != 0)
    {
      block->crossing_next = *crossing_of (cache, block->gpa2);
      *crossing_of (cache, block->gpa2) = block;
    }
  return block;
}

CopBlock *
cop_block_cache_get (CopBlockCache *cache, uint64_t pc)
{
  CopHart *hart = cache->hart;
  uint64_t gpa;
  const uint8_t *bytes = cop_mmu_fetch (hart, pc, &gpa);
  CopBlock *block;
  CopJump *jump;

  if (bytes == NULL)
    return NULL;
  if (cop_tlb_lookup (hart->fetch_tlb, pc, 1, COP_ACCESS_FETCH) == NULL)
    return cop_block_cache_get_short (cache, pc, 1);

  /* Both pages of an instruction across pages are noted as executed by now: when either is mapped
     otherwise, code_tag changes. */
  block = find_or_build (cache, pc, gpa, bytes, 0);
  if (block != NULL)
    {
      jump = cop_jump_slot (cache, pc);
      *jump = (CopJump){ pc, hart->code_tag, block };
    }
  return block;
}

CopBlock *
cop_block_cache_get_part (CopBlockCache *cache, uint64_t pc, unsigned max_insns)
{
  uint64_t gpa;
  const uint8_t *bytes = cop_mmu_fetch (cache->hart, pc, &gpa);

  if (bytes == NULL)
    return NULL;
  if (cop_tlb_lookup (cache->hart->fetch_tlb, pc, 1, COP_ACCESS_FETCH) == NULL)
    return cop_block_cache_get_short (cache, pc, 1);
  return find_or_build (cache, pc, gpa, bytes, MIN (max_insns, COP_BLOCK_MAX_INSNS));
}

void
cop_block_code_changed (CopRam *ram, GPtrArray *harts, CopHart *running, uint64_t *gpa,
                        uint64_t *length)
{
  uint64_t line = UINT64_C (1) << COP_CODE_LINE_SHIFT;
  uint64_t start = *gpa & ~(line - 1), end = (*gpa + *length + line - 1) & ~(line - 1);
  CopRequest request = { .kind = COP_REQUEST_DROP_CODE, .address = start, .length = end - start };
  uint64_t readers = 0;

  for (uint64_t at = start; at < end; at = (at & PAGE_MASK) + COP_PAGE_SIZE)
    readers |= cop_mmu_unwatch_code (ram, at, MIN (end, (at & PAGE_MASK) + COP_PAGE_SIZE) - at);
  for (unsigned i = 0; i < harts->len; i++)
    {
      CopHart *hart = g_ptr_array_index (harts, i);

      if (hart == running)
        hart->engine->ops->drop_code (hart->engine, hart, start, end - start);
      else if (readers >> hart->id & 1)
        cop_hart_request (hart, &request);
    }
  *gpa = start;
  *length = end - start;
}
