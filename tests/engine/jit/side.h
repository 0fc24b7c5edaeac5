/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A hart and its engine, without a machine around them: one side of a comparison.
 */
#pragma once

#include "engine/engine.h"
#include "engine/riscv/hart.h"

#define SIDE_DRAM UINT64_C (0x80000000)

typedef struct
{
  const CopEngineOps *ops;
  CopEngineConfig config;
  CopRam *ram;                  /* (owned): a MiB, at SIDE_DRAM */
  CopHart *hart;                /* (owned) */
  CopEngine *engine;            /* (owned) */
} Side;

void side_init (Side *side, const CopEngineOps *ops, CopEngineConfig config);
void side_clear (Side *side);

/* Runs @n instructions from @pc on; registers go on. */
void side_run (Side *side, uint64_t pc, uint64_t n);

/* What the engine counts under @name. */
uint64_t side_figure (Side *side, const char *name);

/* Fails when the states of the two harts are not the same. */
void side_check_same (Side *expected, Side *side);
