/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Loops whose checks of memory can be made ahead of them.
 *
 * In each iteration of such a loop, the accesses off a base register go to the same place from where
 * that register was when the iteration began, and from one iteration to the next the register moves by
 * what is the same each time. So what page the first iteration finds says how many iterations stay on it: a strip, in
 * which these accesses need no check.
 */
#pragma once

#include "engine/jit/loops.h"

#define COP_STRIP_POINTERS 6

/* What accesses of a strip start from: x[base] + (x[index] << shift). */
typedef struct
{
  uint8_t  base, index;         /* x registers; 0: none */
  uint8_t  shift;
  uint8_t  by;                  /* x register that has its step, which may be anything; 0: */
  int32_t  step;                /* bytes that it moves by in an iteration */
  int32_t  low, high;           /* what an iteration accesses, from where it is at the header */
  bool     writes;
} CopStripPointer;

#define COP_STRIP_MAX_STEP 512  /* in longer ones, it is on another page soon */

typedef struct
{
  uint64_t blocks;              /* a bit each */
  unsigned header;              /* the block that iterations begin with */
  unsigned n_insns;             /* of the shortest way round */
  CopStripPointer pointers[COP_STRIP_POINTERS];
  unsigned n_pointers;
  unsigned n_accesses;          /* that need no check */
} CopStrip;

#define COP_STRIPS 16
#define COP_STRIP_NONE 0xff

typedef struct
{
  CopStrip strips[COP_STRIPS];
  unsigned n;
  uint8_t  of_block[COP_GRAPH_BLOCKS];  /* its strip, or COP_STRIP_NONE */
  GArray  *accesses;            /* (element-type uint8_t): by statement of the unit: its pointer in its
                                   block's strip, or COP_STRIP_NONE */
} CopStrips;

void cop_strips_init (CopStrips *strips);
void cop_strips_clear (CopStrips *strips);

/* @strips: (out): those of the unit */
void cop_strips_find (CopStrips *strips, const CopGraph *graph);

/* Whether there are any in @unit. */
bool cop_strips_any (const CopIrUnit *unit);

/* Says that there are none. */
void cop_strips_none (CopStrips *strips);
