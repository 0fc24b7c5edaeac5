/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The blocks of a unit as a graph, and its loops.
 *
 * A loop is a set of blocks that lead to one another without a call, which comes back by an entry of
 * its own. Loops within loops are found by leaving the ways to the outer loop's header out.
 */
#pragma once

#include "engine/jit/ir.h"

#define COP_GRAPH_BLOCKS 64
#define COP_GRAPH_LOOPS 64

typedef struct
{
  uint64_t blocks;              /* a bit each */
  unsigned depth;               /* 1: in no other loop */
  int      parent;              /* in loops; -1: none */
} CopLoop;

typedef struct
{
  const CopIrUnit *unit;
  unsigned n;
  uint64_t successors[COP_GRAPH_BLOCKS];
  uint8_t  depth[COP_GRAPH_BLOCKS];     /* of the innermost loop; 0: in none */
  int8_t   loop[COP_GRAPH_BLOCKS];      /* the innermost; -1: none */
  uint16_t uses[COP_GRAPH_BLOCKS][32];  /* x registers named */
  uint32_t writes[COP_GRAPH_BLOCKS];    /* x registers written */
  uint16_t f_uses[COP_GRAPH_BLOCKS][32];        /* f registers named */
  uint32_t f_writes[COP_GRAPH_BLOCKS];
  /* f registers that hold less than an f64 at times, and those that are not an f32 all the time. */
  uint32_t f_narrow[COP_GRAPH_BLOCKS], f_wide[COP_GRAPH_BLOCKS];
  CopLoop  loops[COP_GRAPH_LOOPS];      /* outer ones first */
  unsigned n_loops;
} CopGraph;

static inline const CopIrBlock *
cop_graph_block (const CopGraph *graph, unsigned i)
{
  return &g_array_index (graph->unit->blocks, CopIrBlock, i);
}

/* @graph: (out) */
void cop_graph_make (CopGraph *graph, const CopIrUnit *unit);
