/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The x86-64 back end's inside.
 *
 *   rbp            the hart, plus 128, so that all x registers are within a byte's reach
 *   r15            fuel: instructions left before the code must return
 *   rax rcx rdx    scratch
 *   the other ten  guest registers: the standard ones between units, see lower-regs.c
 *   rsp            calls that have not returned: see lower-jumps.c
 *   gs             the view of loads and stores: a CopTlb, where the host has wrgsbase
 *
 * Between any two statements all guest state is in its place, as the map of the moment says.
 */
#pragma once

#include "engine/jit/backend.h"
#include "engine/jit/strips.h"
#include "engine/jit/words.h"
#include "engine/jit/x86/asm.h"

#include <stddef.h>

#define HART_BIAS 128
#define FUEL R15
#define HART RBP
#define MAX_SPANS COP_JIT_SPANS /* later spans are checked one by one */

/* Of a set of host registers. */
#define BIT(reg) (1u << (reg))

/* A field of the hart as an operand. */
#define HART_FIELD(member) mem (HART, (int32_t) offsetof (CopHart, member) - HART_BIAS)

/* What the `call` thunk calls: rax and rdx in, rax out. */
typedef uint64_t (*CopJitCallee) (uint64_t a, uint64_t b);

/* f registers of which a copy stands in an xmm register, within a block. The hart has every value
   too, so that a copy may be forgotten at any time. */
typedef enum
{
  F_COPY_NONE,
  F_COPY_64,                    /* all bits */
  F_COPY_32,                    /* the f32 in it, which is boxed properly */
} CopFCopyKind;

typedef struct
{
  uint8_t reg[16];              /* by xmm register: the f register */
  uint8_t kind[16];             /* CopFCopyKind */
} CopFCopies;

/* Where registers are. f registers have places in loops only, and only those that hold f64, or f32,
   all the time. */
typedef struct
{
  uint8_t  host[32];            /* by x register: its host register; NO_REG: in the hart alone */
  uint8_t  guest[16];           /* by host register: the x register; 0: none */
  uint32_t dirty;               /* x registers that the hart may have another value of */
  uint32_t low;                 /* x registers of which the host register has the low half; its sign
                                   extension is the value */
  uint8_t  fhost[32];           /* by f register: its xmm register; NO_REG: in the hart */
  uint8_t  fguest[16];          /* by xmm register: the f register; NO_REG: none */
  uint32_t fdirty;
  uint32_t fsingle;             /* f registers of which the xmm register has the low half, an f32; the
                                   hart's high half is right all along */
} CopRegMap;

/* A map that blocks or stubs have. */
typedef struct
{
  CopRegMap map;
  CopLabel  to_standard, from_standard; /* subroutines; LABEL_UNBOUND: not asked for */
} CopNotedMap;

#define STANDARD_MAP 0
#define COP_JIT_UNIT_BLOCKS COP_GRAPH_BLOCKS
#define NO_BLOCK 0xff

/* Out-of-line code of the block being lowered. */
typedef struct
{
  uint8_t  kind;                /* in lower.c */
  uint8_t  range;               /* that the access looks into */
  uint32_t site;                /* where the jump is written that gives it up; 0: nowhere */
  bool     in_loop;
  bool     ranged;              /* the access looks into a range before the TLB */
  uint16_t map;                 /* in force where the stub is left for */
  const CopIrBlock *block;      /* that it is of */
  CopLabel label, back;
  CopLabel found;               /* where to go on with the addend in rcx, the access still to do */
  CopReg   address, value;
  int32_t  offset;              /* of the access from the address in the register */
  uint32_t place;               /* COP_JIT_PLACE */
  uint32_t detail;
  bool     to_xmm;              /* of a load: value is an xmm register */
  uint64_t imm;
  uint32_t copies;              /* what a call clobbers: index of CopFCopies, or NO_COPIES */
  const CopStrip *strip;        /* (nullable): that the code was of when the stub was added */
  bool     dirty;               /* of edges: what is known */
  uint32_t boxed, words;
  uint32_t block_first, statement;      /* in the unit's: of its block, and the one that it is of */
} CopStub;

#define NO_COPIES UINT32_MAX

typedef struct
{
  bool bmi1, bmi2, lzcnt, popcnt, avx, fma, avx512f;
  bool fsgsbase;                /* and the kernel lets us: there are ranges */
  bool lookups;                 /* in line, for memory: all hosts have them, tests do without */
  bool strips;                  /* loops may do without checks */
} CopHostFeatures;

/* Where the addend of a span is. */
typedef enum
{
  SPAN_UNCHECKED,
  SPAN_IN_RCX,                  /* there alone: see addend_at */
  SPAN_IN_FRAME,
} CopSpanState;

/* What lowering knows of a strip. */
typedef struct
{
  uint32_t  taken;              /* host registers that have addends */
  CopReg    addends[COP_STRIP_POINTERS];        /* NO_REG: in hart.jit.strip */
  CopLabel  entry;              /* where all ways to the header lead but its own */
  CopLabel  guard;
} CopStripCode;

struct CopJitBackend
{
  CopAsm           a;
  CopHostFeatures  host;

  /* Thunks, at their executable addresses. */
  const void      *enter, *exit_at, *exit_link, *exit_fault, *exit_system, *exit_interpret,
    *exit_block;
  /* With the guest's pc in rax: a return to another place than expected; what the jump table does
     not have, to go there or, with its code in rcx, back. */
  const void      *return_missed, *find_and_jump, *find_code;
  /* The same by a jump to another page: see there. */
  const void      *jump_far, *jump_by_table;
  const void      *load[7];     /* by CopIrLoad */
  const void      *store[4];    /* by log2 of the size */
  const void      *fill_loads, *fill_stores;    /* ranges */
  const void      *find[2][4];  /* a page in the TLB: for loads, stores; by log2 of the size */
  const void      *rest;        /* the rest of the block without shared checks */
  const void      *give_up;     /* a loop: see lower-strips.c */
  const void      *span, *atomic_load, *atomic_store, *call, *fp, *cbo_zero, *relax, *check_page;

  /* Of the unit in work. */
  const CopIrUnit *unit;
  CopJitCode      *code;
  bool             is_crowded;  /* scratch registers ran out: the code is no good */
  GArray          *stubs;       /* (element-type CopStub) */
  uint8_t          block_index[COP_IR_WINDOW / 2];      /* by halfwords of the window: in the unit; or
                                                           NO_BLOCK */
  CopLabel         block_labels[COP_JIT_UNIT_BLOCKS];
  uint16_t         block_maps[COP_JIT_UNIT_BLOCKS];
  GArray          *maps;        /* (element-type CopNotedMap) */
  CopRegMap        r;           /* where registers are now */
  CopGraph         graph;
  const CopIrBlock *block;
  bool             in_loop;     /* the block is */
  const CopIrStatement *statement;
  uint8_t          spans[MAX_SPANS];    /* CopSpanState */
  uint32_t         addend_at;   /* rcx has the addend of a span while the code is no longer than this */
  unsigned         addend_slot; /* which one */
  uint16_t         first_span;  /* of the block */
  uint16_t         set_at[32];  /* x registers set in the block: by which statement, from 1 */
  CopFacts         facts;
  CopStrips        strips;
  CopStripCode     strip_code[COP_STRIPS];
  CopLabel         strip_labels[COP_JIT_UNIT_BLOCKS];   /* of blocks without checks */
  const CopStrip  *strip;       /* (nullable): that the code in work is of */
  bool             dirty;       /* mstatus.FS is known to be Dirty */
  uint32_t         boxed;       /* f registers known to hold a boxed f32, a bit each */
  uint32_t         words;       /* x registers known to be words: all in r.low are */
  GArray          *wants;       /* (element-type uint32_t): cop_words_wants() of the block */
  CopFCopies       f;
  unsigned         next_copy;
  GArray          *copies;      /* (element-type CopFCopies): as stubs found them */
};

/* The standard home of each guest register: a host register, or NO_REG when it lives in the hart. */
extern const uint8_t cop_x86_home[32];

/* Of a span, for C: bytes; something in it is stored to; the first access is a store. */
#define SPAN_LENGTH 0xffffu
#define SPAN_WRITES (1u << 16)
#define SPAN_STORES_FIRST (1u << 17)

/* Where guest register @reg is now. */
static inline CopReg
home (const CopJitBackend *b, unsigned reg)
{
  return b->r.host[reg];
}

static inline CopMem
x_mem (unsigned reg)
{
  return mem (HART, (int32_t) (8 * reg) - HART_BIAS);
}

static inline CopMem
f_mem (unsigned reg)
{
  return mem (HART, (int32_t) (offsetof (CopHart, s.f) + 8 * reg) - HART_BIAS);
}

/* The half that says whether the low one is an f32. */
static inline CopMem
lower_f_high (unsigned reg)
{
  CopMem high = f_mem (reg);

  high.disp += 4;
  return high;
}

static inline const CopIrNode *
node_of (const CopJitBackend *b, CopIrRef ref)
{
  return cop_ir_node (b->unit, ref);
}

/* The register that @ref is read from as it is, or NO_REG. */
static inline CopReg
in_register (const CopJitBackend *b, CopIrRef ref)
{
  const CopIrNode *node = node_of (b, ref);

  return node->op == IR_GETX ? home (b, node->imm & 31) : NO_REG;
}

/* Whether @ref is a register that stands in the hart alone, and where. */
static inline bool
in_memory (const CopJitBackend *b, CopIrRef ref, CopMem *m)
{
  const CopIrNode *node = node_of (b, ref);

  if (node->op != IR_GETX || home (b, node->imm & 31) != NO_REG)
    return false;
  *m = x_mem (node->imm & 31);
  return true;
}

/* Whether nothing but the low half of x register @reg stands in its place. */
static inline bool
is_low (const CopJitBackend *b, unsigned reg)
{
  return b->r.low & 1u << reg;
}

/* @dst = the sign extension of the low half of @reg. */
static inline void
sign_extend_32 (CopJitBackend *b, CopReg dst, CopReg reg)
{
  asm_rr (&b->a, 0x63, true, dst, reg);
}

/* lower.c */
uint32_t lower_place (const CopJitBackend *b);
CopStub *lower_add_stub (CopJitBackend *b, uint8_t kind);
/* Out of line, before C that may trap: sets registers that are late (IR_LATE) at the stub's statement.
   rax and rdx are kept. */
void lower_late_sets (CopJitBackend *b, const CopStub *stub);

/* lower-regs.c */
/* Chooses the map that each block of the unit begins with. */
void lower_choose_maps (CopJitBackend *b, const CopGraph *graph);
uint32_t lower_note_map (CopJitBackend *b);
bool lower_is_standard (const CopJitBackend *b);
/* Extends those of @regs of which the low half stands in a register. Flags stay. */
void lower_extend (CopJitBackend *b, uint32_t regs);
/* Moves registers to where a noted map has them. Flags and scratch registers stay. */
bool lower_needs_moves (const CopJitBackend *b, uint32_t map);
void lower_move_to (CopJitBackend *b, uint32_t map);
/* The same out of line, for stubs: from a noted map to the standard one, and back. */
void lower_call_to_standard (CopJitBackend *b, uint32_t map);
void lower_call_from_standard (CopJitBackend *b, uint32_t map);
void lower_map_subroutines (CopJitBackend *b);
/* Around calls of C from anywhere: f registers in xmm registers are kept. */
void lower_save_all_f (CopJitBackend *b);
void lower_load_all_f (CopJitBackend *b);

/* lower-ranges.c */
/* Whether accesses to @gva by the statement in work are likely to find their page in a range. */
bool lower_uses_range (const CopJitBackend *b, CopIrRef gva);
/* The range for accesses to @gva by the statement in work. */
unsigned lower_choose_range (const CopJitBackend *b, CopIrRef gva);
/* rcx = addend for @size bytes at @offset from @base, if they are within the range; else to @miss.
   Returns: where the jump may be written that gives the range up; 0: nowhere */
uint32_t lower_look_into_range (CopJitBackend *b, CopReg base, int32_t offset, unsigned size,
                                CopAccess access, unsigned range, CopLabel miss);
/* Out of line: looks into the part of the TLB behind the front, and on to stub->found with the addend;
   goes on here when it is not there. Clobbers rdx. @natural: as below. */
void lower_look_behind (CopJitBackend *b, const CopStub *stub, unsigned size, CopAccess access,
                        bool natural);
/* Out of line: takes the page from the TLB, and on to stub->found with the same; goes on here when it
   is not there. Clobbers rdx. @natural: the access must be aligned to its size, or is left to C. */
void lower_fill_range (CopJitBackend *b, const CopStub *stub, unsigned size, CopAccess access,
                       bool natural);
/* The thunks behind that: see there. */
void cop_x86_write_fill (CopAsm *a, CopAccess access);
void cop_x86_write_find (CopAsm *a, CopAccess access, unsigned size);

/* lower-strips.c */
/* Finds the strips of the unit, and prepares for them. */
void lower_find_strips (CopJitBackend *b);
/* On the way to a block: if that leads into a loop, its guard is asked. */
void lower_enter_loop (CopJitBackend *b, unsigned block);
bool lower_enters_loop (CopJitBackend *b, unsigned block);
/* Where the block is entered from the code in work, and the map that it begins with there. */
CopLabel lower_block_label (const CopJitBackend *b, unsigned block);
uint32_t lower_block_map (CopJitBackend *b, unsigned block);
/* The strip that @block is the header of. Returns: (nullable) */
const CopStrip *lower_headed_strip (const CopJitBackend *b, unsigned block);
/* Whether the way to @block leads out of the strip in work. @block: or NO_BLOCK */
bool lower_leaves_strip (const CopJitBackend *b, unsigned block);
/* Before the block that is the header: the way to the guard. */
void lower_strip_entry (CopJitBackend *b, const CopStrip *strip);
/* Goes to the strip's header, or on to the block that is. */
void lower_strip_guard (CopJitBackend *b, const CopStrip *strip);
/* On ways out of the strip: gives the fuel back. Clobbers flags. */
void lower_strip_leave (CopJitBackend *b, const CopStrip *strip);
/* Whether the access of the statement in work to @gva needs no check; @place: (out): where it goes.
   Clobbers rax and rcx. */
bool lower_strip_access (CopJitBackend *b, CopIrRef gva, CopMem *place);
void lower_strip_stub (CopJitBackend *b, const CopStub *stub);
/* Called by code: lets the loop at @site go on behind the jump there, of @length bytes. */
void cop_x86_give_up_loop (CopHart *hart, const uint8_t *site, uint64_t length);

/* lower-facts.c */
/* Whether block @to relies on what is not known here. */
bool lower_lacks_facts (const CopJitBackend *b, unsigned to);
/* Makes all ready for what stands behind the label of a block of the unit. Clobbers rcx. */
void lower_enter_block (CopJitBackend *b, unsigned block);
void lower_no_facts (CopJitBackend *b, const CopStub *stub);

/* lower-jumps.c */
/* Where the number of the block at an offset in the unit's window stands; NO_BLOCK: there is none. */
static inline uint8_t *
lower_index_of (CopJitBackend *b, int64_t offset)
{
  return &b->block_index[(offset - COP_IR_FIRST) / 2];
}

/* Goes to an offset from the page's start, on this page or another. */
void lower_go_to (CopJitBackend *b, int64_t offset);
/* Prepares for the block at @offset of the unit, which comes next in the code. */
void lower_fall_to (CopJitBackend *b, int64_t offset);
/* Before the condition of a branch: extends what a block of the loop wants whole, so that the way there
   needs no code of its own. */
void lower_prepare_branch (CopJitBackend *b, int64_t offset);
/* Goes there under a condition. */
void lower_branch_to (CopJitBackend *b, CopCond cc, int64_t offset);
/* Statements that end blocks. Return whether control comes back: to behind the block. */
bool lower_jump (CopJitBackend *b, const CopIrStatement *statement);
bool lower_jump_reg (CopJitBackend *b, const CopIrStatement *statement);
void lower_jump_stub (CopJitBackend *b, const CopStub *stub);
/* The thunk behind returns: see there. */
void cop_x86_write_return_missed (CopJitBackend *b, CopLabel miss);
void cop_x86_write_jump_far (CopJitBackend *b, CopLabel differs);
void cop_x86_write_jump_by_table (CopJitBackend *b, CopLabel miss);
void cop_x86_set_far (uint8_t *unit, const CopJitLinkCode *link, uint32_t far);

/* lower-int.c: evaluates integer trees. @dst is a scratch register or the home of the register that
   the statement sets; all scratch registers but those in @keep (a bit each) may be clobbered. */
void lower_value (CopJitBackend *b, CopIrRef ref, CopReg dst, uint32_t keep);
/* The host's operation for @ir. Returns: false when no single one computes it */
bool lower_find_alu (CopIrOp ir, CopAlu *op);
/* Sets flags for a comparison node or a truth value; returns the condition under which it is true. */
CopCond lower_condition (CopJitBackend *b, CopIrRef ref);
/* The register a value stands in already, or evaluated into @scratch. */
CopReg lower_to_some_reg (CopJitBackend *b, CopIrRef ref, CopReg scratch, uint32_t keep);
/* A scratch register that is neither @not nor in @keep. When there is none, the code is no good. */
CopReg lower_pick_scratch (CopJitBackend *b, CopReg not, uint32_t keep);
/* Whether @ref is a constant that instructions can have in them. */
bool lower_is_imm32 (const CopJitBackend *b, CopIrRef ref, int32_t *value);
/* Evaluates @left into @dst so that @right can still be read. Returns: the register to work in, which
   the caller moves to @dst at the end */
CopReg lower_begin_binary (CopJitBackend *b, CopIrRef left, CopIrRef right, CopReg dst,
                           uint32_t keep);

/* The same for the low half; the upper one is anything. */
void lower_low_half (CopJitBackend *b, CopIrRef ref, CopReg dst, uint32_t keep);
/* Whether @ref is known to be a word now. */
bool lower_is_word (const CopJitBackend *b, CopIrRef ref);

/* lower-muldiv.c: what lower_value() does for products, quotients and remainders */
void lower_muldiv (CopJitBackend *b, const CopIrNode *node, CopReg dst, uint32_t keep);
/* @dst = a * b of @node. @w false: 32 bits, the rest zero. */
void lower_multiply (CopJitBackend *b, bool w, const CopIrNode *node, CopReg dst, uint32_t keep);
/* Quotient and remainder of the same by one host division. Returns: false when the statements are not
   these: nothing has been done */
bool lower_divisions (CopJitBackend *b, const CopIrStatement *first, const CopIrStatement *second);

/* lower-bits.c: what lower_value() does for shifts and operations on bits */
void lower_bits (CopJitBackend *b, const CopIrNode *node, CopReg dst, uint32_t keep);
/* The low half of SLL32, SRL32 or SRA32. */
void lower_shift_low (CopJitBackend *b, const CopIrNode *node, CopReg dst, uint32_t keep);

/* lower-mem.c */
/* Operands in the view that gs names. */
static inline CopMem
lower_view_field (CopReg index, size_t offset)
{
  return mem_gs (index, (int32_t) offset);
}

/* rcx = addend for @size bytes at @offset from @base, all on one page that is in front; else to @miss.
   Clobbers rdx. */
void lower_look_up (CopJitBackend *b, CopReg base, int32_t offset, unsigned size, CopAccess access,
                    CopLabel miss);
/* rcx = address of the slot of @gva in the front of the table that @table points to. */
void lower_find_entry (CopJitBackend *b, CopReg gva, CopMem table);
void lower_load (CopJitBackend *b, const CopIrNode *node, CopReg dst);
/* Says that what was emitted since @before, the size of the code then, left rcx alone. */
void lower_keep_addend (CopJitBackend *b, uint32_t before);
/* The same for 64 or 32 bits into an xmm register. */
void lower_load_f (CopJitBackend *b, const CopIrNode *node, CopReg xmm);
void lower_store (CopJitBackend *b, const CopIrStatement *statement);
void lower_amo (CopJitBackend *b, const CopIrNode *node, CopReg dst);
void lower_lr (CopJitBackend *b, const CopIrNode *node, CopReg dst);
void lower_sc (CopJitBackend *b, const CopIrNode *node, CopReg dst);
void lower_memory_stub (CopJitBackend *b, const CopStub *stub);

/* lower-fp.c */
void lower_setf (CopJitBackend *b, const CopIrStatement *statement);
void lower_fp_to_int (CopJitBackend *b, CopIrRef ref, CopReg dst);
void lower_get_fflags (CopJitBackend *b, CopReg dst);
void lower_set_fflags (CopJitBackend *b, CopIrRef value);
/* dst = the low half of f register @reg, zero-extended */
void lower_f_word (CopJitBackend *b, unsigned reg, CopReg dst);
void lower_fp_stub (CopJitBackend *b, const CopStub *stub);
/* An xmm register that has the low @bits of f register @reg now; NO_REG: none. */
CopReg lower_find_f (const CopJitBackend *b, unsigned reg, unsigned bits);
/* Copies of f registers around calls of C, which clobbers xmm registers. */
void lower_forget_copies (CopJitBackend *b);
uint32_t lower_note_copies (CopJitBackend *b);
void lower_restore_copies (CopJitBackend *b, uint32_t copies);

/* Kinds of stubs. */
enum
{
  STUB_BUDGET,
  STUB_ENTRY,
  STUB_EDGE,
  STUB_LINK,
  STUB_FAR,
  STUB_MISS,
  STUB_PAGE,
  STUB_NEAR,
  STUB_RETURN,
  STUB_INTERPRET,
  STUB_NO_FACTS,
  STUB_LOAD,
  STUB_STORE,
  STUB_SPAN,
  STUB_ATOMIC,
  STUB_UNBOX,
  STUB_NAN32,
  STUB_NAN64,
  STUB_CONVERT,
  STUB_STRIP_END,
  STUB_STRIP_MISS,
  STUB_STRIP_LOST,
};

/* thunks.c */
size_t cop_x86_write_thunks (CopJitBackend *b, uint8_t *place, const uint8_t *exec, size_t room);
