/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Loops whose checks of memory can be made ahead of them.
 *
 * What each register is, by what the header has: the sum of one or two registers there and a constant,
 * or something else. That is followed along all ways through the loop, which without the ways back to its
 * header has no others.
 */
#include "engine/jit/strips.h"

#include <string.h>

/* What a strip is made of twice. */
#define MAX_BLOCKS 12
/* Accesses off one register that are further apart have each a page of their own. */
#define MAX_WIDTH 512
#define MAX_OFFSET (1 << 20)
#define MAX_SHIFT 4
#define MAX_ACCESSES 64

/* x[base] + (x[index] << shift) + offset, with registers as the header has them. Where the shift is 0,
   base is the lower one of two registers. */
typedef struct
{
  uint8_t base, index;          /* 0: none; base UNKNOWN: it is something else */
  uint8_t shift, unused;
  int32_t offset;
} Value;

#define UNKNOWN 0xff
static const Value unknown = { .base = UNKNOWN };

typedef struct
{
  Value x[32];
} Values;

typedef struct
{
  uint32_t statement;           /* of the unit */
  Value    at;
  unsigned size;
  bool     writes;
} Access;

typedef struct
{
  const CopGraph *graph;
  uint64_t blocks;
  unsigned header;
  unsigned order[MAX_BLOCKS], n_blocks; /* each behind what leads to it */
  Values   in[MAX_BLOCKS], out[MAX_BLOCKS];     /* by place in `order` */
  unsigned n_insns[MAX_BLOCKS]; /* of the shortest way from the header to the block's end */
  Access   accesses[MAX_ACCESSES];
  unsigned n_accesses;
} Finder;

static const CopIrStatement *
statement_at (const CopGraph *graph, unsigned i)
{
  return &g_array_index (graph->unit->statements, CopIrStatement, i);
}

/* --- whether it may be one ---------------------------------------------------------------------- */

/* Whether the tree does what a strip may: nothing that may drop a mapping. */
static bool
is_plain_tree (const CopIrUnit *unit, CopIrRef ref)
{
  CopIrRef access = ref != IR_NONE ? cop_ir_find_access (unit, ref) : IR_NONE;

  return access == IR_NONE || cop_ir_node (unit, access)->op == IR_LOAD;
}

static bool
is_plain_block (const CopGraph *graph, unsigned i)
{
  const CopIrBlock *block = cop_graph_block (graph, i);

  for (unsigned j = 0; j < block->n; j++)
    {
      const CopIrStatement *statement = statement_at (graph, block->first + j);

      switch ((CopIrStatementKind) statement->kind)
        {
        case IR_NOP:
        case IR_LATE:
        case IR_FENCE:
        case IR_MAKE_DIRTY:
          break;
        case IR_SETX:
        case IR_SETF:
        case IR_STORE:
        case IR_EFFECT:
        case IR_BRANCH:
        case IR_SET_FFLAGS:
          if (!is_plain_tree (graph->unit, statement->a) ||
              !is_plain_tree (graph->unit, statement->b))
            return false;
          break;
        case IR_JUMP:
          if (statement->reg != 0)
            return false;
          break;
        default:
          return false;
        }
    }
  return true;
}

static bool
is_innermost (const CopGraph *graph, unsigned loop)
{
  for (unsigned i = 0; i < graph->n_loops; i++)
    if (graph->loops[i].parent == (int) loop)
      return false;
  return true;
}

/* Whether all that the loop does may be done in a strip. */
static bool
is_plain_loop (const CopGraph *graph, uint64_t blocks)
{
  const CopIrBlock *first = cop_graph_block (graph, (unsigned) g_bit_nth_lsf (blocks, -1));
  int page = cop_ir_page_of (first->offset);
  unsigned n = 0;

  for (unsigned i = 0; i < graph->n; i++)
    if (blocks >> i & 1)
      {
        /* A way onto another page may have to ask C where that is. */
        if (++n > MAX_BLOCKS || cop_ir_page_of (cop_graph_block (graph, i)->offset) != page ||
            !is_plain_block (graph, i))
          return false;
      }
  return true;
}

/* --- ways through it ---------------------------------------------------------------------------- */

/* Puts the loop's blocks in order, for iterations that begin with @header. False: there are ways round
   that do not pass it. */
static bool
find_order (Finder *f, unsigned header)
{
  uint64_t done = 0;
  bool more = true;

  f->header = header;
  f->n_blocks = 0;
  while (more)
    {
      more = false;
      for (unsigned i = 0; i < f->graph->n; i++)
        {
          bool ready = (f->blocks & ~done) >> i & 1;

          for (unsigned j = 0; j < f->graph->n && ready && i != header; j++)
            ready = !((f->blocks & ~done) >> j & 1) || !(f->graph->successors[j] >> i & 1);
          if (!ready)
            continue;
          done |= UINT64_C (1) << i;
          f->order[f->n_blocks++] = i;
          more = true;
        }
    }
  return done == f->blocks;
}

/* The header is where control comes from elsewhere; where only the loop's own ways are known, any block
   will do that all of them pass. */
static bool
find_header (Finder *f)
{
  uint64_t entered = 0;

  for (unsigned i = 0; i < f->graph->n; i++)
    if (!(f->blocks >> i & 1))
      entered |= f->graph->successors[i] & f->blocks;
  for (unsigned i = 0; i < f->graph->n; i++)
    if ((entered >> i & 1) && find_order (f, i))
      return true;
  for (unsigned i = 0; i < f->graph->n; i++)
    if ((f->blocks >> i & 1) && find_order (f, i))
      return true;
  return false;
}

/* --- what registers hold ------------------------------------------------------------------------ */

static bool
is_equal (Value a, Value b)
{
  return memcmp (&a, &b, sizeof a) == 0;
}

static Value
value_of_constant (int64_t constant)
{
  return constant < -MAX_OFFSET || constant > MAX_OFFSET ? unknown
                                                         : (Value){ .offset = (int32_t) constant };
}

static Value
value_sum (Value a, Value b)
{
  Value sum = value_of_constant ((int64_t) a.offset + b.offset);

  if (a.base == UNKNOWN || b.base == UNKNOWN || sum.base == UNKNOWN)
    return unknown;
  /* Two registers at most, one of them as it is. */
  if ((a.base != 0 && b.base != 0 && (a.index != 0 || b.index != 0)) ||
      (a.index != 0 && b.index != 0))
    return unknown;
  sum.base = a.base != 0 ? a.base : b.base;
  sum.index = a.index != 0 ? a.index : b.index;
  sum.shift = a.index != 0 ? a.shift : b.shift;
  if (a.base != 0 && b.base != 0)
    {
      sum.base = MIN (a.base, b.base);
      sum.index = MAX (a.base, b.base);
    }
  return sum;
}

static Value
value_shifted (Value value, uint64_t shift)
{
  Value shifted;

  if (value.base == UNKNOWN || (value.base != 0 && value.index != 0) ||
      value.shift + shift > MAX_SHIFT)
    return unknown;
  shifted = value_of_constant ((int64_t) value.offset * (1 << shift));
  if (shifted.base == UNKNOWN || (value.base | value.index) == 0)
    return shifted;
  shifted.index = value.base | value.index;
  shifted.shift = value.shift + (uint8_t) shift;
  return shifted;
}

static Value
evaluate (const CopIrUnit *unit, const Values *values, CopIrRef ref)
{
  const CopIrNode *node = cop_ir_node (unit, ref);
  uint64_t shift;

  switch (node->op)
    {
    case IR_CONST:
      return value_of_constant ((int64_t) node->imm);
    case IR_GETX:
      return values->x[node->imm & 31];
    case IR_ADD:
      return value_sum (evaluate (unit, values, node->a), evaluate (unit, values, node->b));
    case IR_SLL:
      return cop_ir_is_const (unit, node->b, &shift) && shift > 0 && shift <= MAX_SHIFT
               ? value_shifted (evaluate (unit, values, node->a), shift)
               : unknown;
    default:
      return unknown;
    }
}

static void
note_access (Finder *f, const Values *values, uint32_t number)
{
  const CopIrStatement *statement = statement_at (f->graph, number);
  Access access = { .statement = number };
  CopIrRef gva;

  if (f->n_accesses == MAX_ACCESSES ||
      !cop_ir_find_plain_access (f->graph->unit, statement, &gva, &access.size, &access.writes))
    return;
  access.at = evaluate (f->graph->unit, values, gva);
  if (access.at.base != UNKNOWN && (access.at.base | access.at.index) != 0)
    f->accesses[f->n_accesses++] = access;
}

/* Registers are what all ways to the block agree on. */
static void
meet (Finder *f, unsigned place)
{
  bool any = false;

  f->n_insns[place] = place == 0 ? 0 : UINT_MAX;
  for (unsigned i = 0; i < place; i++)
    if (f->graph->successors[f->order[i]] >> f->order[place] & 1)
      {
        f->n_insns[place] = MIN (f->n_insns[place], f->n_insns[i]);
        if (!any)
          f->in[place] = f->out[i];
        for (unsigned reg = 0; reg < 32; reg++)
          if (!is_equal (f->in[place].x[reg], f->out[i].x[reg]))
            f->in[place].x[reg] = unknown;
        any = true;
      }
}

static void
follow_registers (Finder *f)
{
  f->n_accesses = 0;
  memset (f->in, 0, sizeof f->in);
  for (unsigned reg = 1; reg < 32; reg++)
    f->in[0].x[reg].base = (uint8_t) reg;
  for (unsigned i = 0; i < f->n_blocks; i++)
    {
      const CopIrBlock *block = cop_graph_block (f->graph, f->order[i]);
      Values values;

      meet (f, i);
      values = f->in[i];
      for (unsigned j = block->first; j < block->first + block->n; j++)
        {
          const CopIrStatement *statement = statement_at (f->graph, j);

          note_access (f, &values, j);
          if (statement->kind == IR_SETX)
            values.x[statement->reg] = evaluate (f->graph->unit, &values, statement->a);
        }
      f->out[i] = values;
      f->n_insns[i] += block->n_insns;
    }
}

/* Whether @reg is the same at the end of every way round. */
static bool
is_invariant (const Finder *f, unsigned reg)
{
  for (unsigned i = 0; i < f->n_blocks; i++)
    if ((f->graph->successors[f->order[i]] >> f->header & 1) &&
        !is_equal (f->out[i].x[reg], (Value){ .base = (uint8_t) reg }))
      return false;
  return true;
}

/* What is added to @reg on every way round: a constant, or a register that stays the same. */
static bool
find_step (const Finder *f, unsigned reg, Value *step)
{
  bool any = false;

  *step = (Value){ 0 };
  for (unsigned i = 0; reg != 0 && i < f->n_blocks; i++)
    if (f->graph->successors[f->order[i]] >> f->header & 1)
      {
        Value value = f->out[i].x[reg];

        if (value.base == UNKNOWN || value.shift != 0 || (value.base != reg && value.index != reg) ||
            (value.index != 0 && value.offset != 0))
          return false;
        value.base = value.base == reg ? value.index : value.base;
        value.index = 0;
        if ((any && !is_equal (value, *step)) ||
            (value.base != 0 && !is_invariant (f, value.base)))
          return false;
        *step = value;
        any = true;
      }
  return true;
}

/* How @pointer moves. False: in no way that a guard can tell. */
static bool
find_move (const Finder *f, Value at, CopStripPointer *pointer)
{
  Value base, index;

  *pointer = (CopStripPointer){ .base = at.base, .index = at.index, .shift = at.shift };
  if (!find_step (f, at.base, &base) || !find_step (f, at.index, &index))
    return false;
  if (base.base != 0 || index.base != 0)
    {
      /* The one moves by a register, the other does not move. */
      pointer->by = base.base | index.base;
      return at.shift == 0 && (is_equal (base, (Value){ 0 }) || is_equal (index, (Value){ 0 }));
    }
  pointer->step = base.offset + index.offset * (1 << at.shift);
  return ABS (pointer->step) <= COP_STRIP_MAX_STEP;
}

/* --- strips ------------------------------------------------------------------------------------- */

/* The pointer of @strip that the access belongs to; COP_STRIP_NONE: none, or there are too many. */
static uint8_t
find_pointer (const Finder *f, CopStrip *strip, const Access *access)
{
  int32_t low = access->at.offset, high = low + (int32_t) access->size;
  CopStripPointer *pointer;
  unsigned i;

  for (i = 0; i < strip->n_pointers; i++)
    {
      pointer = &strip->pointers[i];
      if (pointer->base == access->at.base && pointer->index == access->at.index &&
          pointer->shift == access->at.shift &&
          MAX (pointer->high, high) - MIN (pointer->low, low) <= MAX_WIDTH)
        break;
    }
  if (i == COP_STRIP_POINTERS)
    return COP_STRIP_NONE;
  pointer = &strip->pointers[i];
  if (i == strip->n_pointers)
    {
      if (!find_move (f, access->at, pointer))
        return COP_STRIP_NONE;
      pointer->low = low;
      pointer->high = high;
      strip->n_pointers++;
    }
  strip->n_accesses++;
  pointer->low = MIN (pointer->low, low);
  pointer->high = MAX (pointer->high, high);
  pointer->writes |= access->writes;
  return (uint8_t) i;
}

static void
find_strip (CopStrips *strips, Finder *f)
{
  CopStrip *strip = &strips->strips[strips->n];

  *strip = (CopStrip){ .blocks = f->blocks, .n_insns = UINT_MAX };
  if (!is_plain_loop (f->graph, f->blocks) || !find_header (f))
    return;
  follow_registers (f);
  strip->header = f->header;
  for (unsigned i = 0; i < f->n_blocks; i++)
    if (f->graph->successors[f->order[i]] >> f->header & 1)
      strip->n_insns = MIN (strip->n_insns, f->n_insns[i]);
  for (unsigned i = 0; i < f->n_accesses; i++)
    {
      const Access *access = &f->accesses[i];

      g_array_index (strips->accesses, uint8_t, access->statement) =
        find_pointer (f, strip, access);
    }
  if (strip->n_pointers == 0)
    return;
  for (unsigned i = 0; i < f->n_blocks; i++)
    strips->of_block[f->order[i]] = (uint8_t) strips->n;
  strips->n++;
}

void
cop_strips_none (CopStrips *strips)
{
  strips->n = 0;
  memset (strips->of_block, COP_STRIP_NONE, sizeof strips->of_block);
}

void
cop_strips_find (CopStrips *strips, const CopGraph *graph)
{
  Finder f = { .graph = graph };

  cop_strips_none (strips);
  g_array_set_size (strips->accesses, graph->unit->statements->len);
  if (graph->unit->statements->len > 0)
    memset (strips->accesses->data, COP_STRIP_NONE, strips->accesses->len);
  for (unsigned i = 0; i < graph->n_loops && strips->n < COP_STRIPS; i++)
    if (is_innermost (graph, i))
      {
        f.blocks = graph->loops[i].blocks;
        find_strip (strips, &f);
      }
}

bool
cop_strips_any (const CopIrUnit *unit)
{
  CopStrips strips;
  CopGraph graph;
  bool any;

  cop_strips_init (&strips);
  cop_graph_make (&graph, unit);
  cop_strips_find (&strips, &graph);
  any = strips.n > 0;
  cop_strips_clear (&strips);
  return any;
}

void
cop_strips_init (CopStrips *strips)
{
  strips->accesses = g_array_new (FALSE, FALSE, sizeof (uint8_t));
  cop_strips_none (strips);
}

void
cop_strips_clear (CopStrips *strips)
{
  g_array_unref (strips->accesses);
}
