/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Decoded blocks: what the interpreter runs.
 *
 *   CopBlock | header | CopOp CopOp link CopOp ... | CopOpPlace ... |
 *                         label, imm, registers        where it stands in the guest
 *
 * A block is a run of instructions on one guest page that is entered at its start only and may be
 * left at each of its branches. It is found by physical address and mode, so all address spaces
 * share it, and it knows no virtual address. Each hart has blocks of its own: nothing here is
 * shared between threads.
 */
#pragma once

#include "engine/interp/trail.h"
#include "engine/riscv/hart.h"
#include "engine/riscv/insn.h"

#define COP_BLOCK_MAX_INSNS 64
/* Code behind more branches than this is seldom reached from the block's start. */
#define COP_BLOCK_MAX_BRANCHES 4

/* FS may have to be made dirty; branches have links, and what ends a block has one too. */
#define COP_BLOCK_MAX_OPS (COP_BLOCK_MAX_INSNS + COP_BLOCK_MAX_BRANCHES + 4)

/* Operations besides those of the instruction table. */
enum
{
  COP_OP_ILLEGAL = COP_INSN_LAST,       /* imm: the bits */
  COP_OP_MAKE_DIRTY,                    /* mstatus.FS becomes Dirty; counts as no instruction */
  COP_OP_GO_ON,                         /* end of a block without a jump; counts as none */
  COP_OP_BREAKPOINT,                    /* the first of its block; counts as none */
  COP_OP_LAST,
};

/* rm of an operation that rounds as the host does now. */
#define COP_RM_NATIVE 8

/* Each operation has two labels: the second, COP_OP_LAST further on, takes what the operation before
   wrote for its rs1. */
#define COP_OP_LABELS (2 * COP_OP_LAST)

typedef struct CopBlock CopBlock;

/* Where a jump or branch leads, when that is a block on the same page. It stands behind the
   operation, as if it were one. */
typedef struct CopBlockLink CopBlockLink;
struct CopBlockLink
{
  CopBlock     *to;             /* (nullable) */
  CopBlockLink *incoming_next;  /* the next link that leads to the same block */
};

typedef union
{
  struct
  {
    const void *label;          /* what executes it: an address inside the interpreter */
    union
    {
      struct
      {
        int32_t imm;            /* of branches and jal: from the block's start; of SYSTEM: the bits,
                                   with the CopInsnOp in rs1 and rs2 */
        uint8_t rd, rs1, rs2;   /* indices from CopHart.s.x: f registers follow, then the rest */
        uint8_t rm;             /* COP_RM_NATIVE, or what cop_fpu_* take; of branches: how many
                                   instructions of the block stand behind it */
      };
      uint64_t  operands;       /* all of these, written at once by what decodes in a hurry */
    };
  };
  CopBlockLink link;
} CopOp;

typedef struct
{
  uint8_t halfwords;            /* from the block's start */
  uint8_t insns;                /* before it in the block */
} CopOpPlace;

struct CopBlock
{
  uint64_t      gpa;            /* COP_BLOCK_DEAD: the code has changed since */
  uint64_t      gpa2;           /* of the second half of an instruction across pages; 0: none */
  CopBlockLink *incoming;       /* the links that lead here */
  CopBlock     *bucket_next;    /* by gpa and mode */
  CopBlock     *page_next;      /* by page */
  CopBlock     *crossing_next;  /* by page of gpa2, when there is one */
  uint32_t      mode;
  int32_t       heat;           /* runs left until somebody wants to know */
  uint16_t      n_bytes;
  uint8_t       n_insns;
  uint8_t       n_ops;
  uint8_t       part;           /* instructions it was cut to; 0: a block that links may lead to */
  bool          lasting;        /* not the scratch block: it may have links */
  uint8_t       n_asked;        /* times it ran out of heat, and was left to the interpreter */
  CopOp         ops[];
};

#define COP_BLOCK_DEAD UINT64_MAX

/* Behind the operations; of a block that does not last, where they were written first, behind the room
   that there is for operations. */
static inline CopOpPlace *
cop_block_places (CopBlock *block)
{
  return (CopOpPlace *) &block->ops[block->lasting ? block->n_ops : COP_BLOCK_MAX_OPS];
}

#define COP_JUMP_BITS 14

/* Where a pc leads, under a code_tag. */
typedef struct
{
  uint64_t  pc, tag;
  CopBlock *block;
} CopJump;

#define COP_PART_BITS 10

#define COP_BLOCK_BUCKETS 65536
#define COP_BLOCK_PAGES 4096
#define COP_BLOCK_CROSSING 1024

/* Places that were asked for once are remembered by a hash of so many bits, two of each. */
#define COP_BLOCK_SEEN_BITS 14

/* A hart's blocks. */
typedef struct
{
  CopHart           *hart;      /* (unowned) */
  const void *const *labels;    /* (unowned): COP_OP_LABELS of them */
  CopJump            jumps[1u << COP_JUMP_BITS];
  CopJump            parts[1u << COP_PART_BITS];        /* the same for cop_block_cache_get_part() */
  CopBlock          *buckets[COP_BLOCK_BUCKETS];
  CopBlock          *pages[COP_BLOCK_PAGES];
  CopBlock          *crossing[COP_BLOCK_CROSSING];
  CopBlock          *scratch;   /* (owned): a block to be run once */
  uint16_t           seen[1u << COP_BLOCK_SEEN_BITS][2]; /* tags, the later one first; 0: never */
  int32_t            heat;      /* of a new block */
  /* (nullable): whether there is better code at a gpa: then nothing is decoded, and the block that is
     handed out has no heat */
  bool             (*has_better) (CopHart *hart, uint64_t gpa);
  CopTrail          *trail;     /* (unowned) (nullable): to note where blocks begin */
  uint8_t           *arena;     /* (owned) */
  size_t             arena_used;
  uint64_t           n_built, n_dropped, n_flushes;
} CopBlockCache;

CopBlockCache *cop_block_cache_new (CopHart *hart, const void *const *labels);
void cop_block_cache_free (CopBlockCache *cache);

/* Forgets all blocks. */
void cop_block_cache_flush (CopBlockCache *cache);

/* Drops blocks with bytes in [gpa, gpa + length). */
void cop_block_cache_drop (CopBlockCache *cache, uint64_t gpa, uint64_t length);

/**
 * cop_block_cache_get:
 * @pc: where the hart is to go on; s.pc need not be set
 *
 * Returns: (transfer none) (nullable): the block there, decoded if need be; NULL with a fault raised.
 *   Valid until the next call.
 */
CopBlock *cop_block_cache_get (CopBlockCache *cache, uint64_t pc);

/* A block of at most @max_insns instructions, to be run once and not to be linked. */
CopBlock *cop_block_cache_get_short (CopBlockCache *cache, uint64_t pc, unsigned max_insns);

/* The same, kept: for places that one gets to again and again. Its heat never runs out. */
CopBlock *cop_block_cache_get_part (CopBlockCache *cache, uint64_t pc, unsigned max_insns);

/* Lets @link of @from lead to @to, when both are on one page and last. */
void cop_block_link (CopBlock *from, CopBlockLink *link, CopBlock *to);

/**
 * cop_block_code_changed:
 * @harts: (element-type CopHart): those of one engine
 * @running: (nullable): the one this thread runs: it drops its blocks at once, the others when they
 *   answer
 * @gpa, @length: (inout): the bytes that changed; widened to whole lines
 *
 * Takes the lines off the watch first: a hart that decodes them anew watches them anew, and whatever
 * was decoded before is dropped.
 */
void cop_block_code_changed (CopRam *ram, GPtrArray *harts, CopHart *running, uint64_t *gpa,
                             uint64_t *length);

static inline CopJump *
cop_jump_slot (CopBlockCache *cache, uint64_t pc)
{
  return &cache->jumps[((pc >> 1) ^ (pc >> (1 + COP_JUMP_BITS))) & ((1u << COP_JUMP_BITS) - 1)];
}
