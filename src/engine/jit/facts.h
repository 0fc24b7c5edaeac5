/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What blocks of loops may rely on where they begin.
 *
 * A fact that holds at the end of every block of the loop that leads to a block holds at its start, if
 * it did when the loop was entered: ways in from outside the loop check that, and leave a block for
 * which it does not hold to the interpreter. So only such facts are told that hold in programs that do
 * not mix f32 and f64 in one register, and once floating point has been used.
 */
#pragma once

#include "engine/jit/loops.h"

typedef struct
{
  bool     dirty[COP_GRAPH_BLOCKS];     /* mstatus.FS is Dirty */
  uint32_t boxed[COP_GRAPH_BLOCKS];     /* f registers that hold a boxed f32, and are read as such */
  uint32_t words[COP_GRAPH_BLOCKS];     /* x registers that are words: see words.h */
  /* Those of which nothing but the low half is needed next, in the loop: where the block begins, and
     where it ends. No facts. */
  uint32_t low[COP_GRAPH_BLOCKS], low_at_end[COP_GRAPH_BLOCKS];
} CopFacts;

/* @facts: (out) */
void cop_facts_find (CopFacts *facts, const CopGraph *graph);
