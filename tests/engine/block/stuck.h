/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Storage that does not answer before it is told to, as of a server that went away. One per
 * process.
 */
#pragma once

#include "engine/block/block.h"

extern const CopBlockBackendOps test_stuck_ops;

/* From now on nothing is answered, or all is, with what was asked before in the order it came. */
void test_stuck_set (bool stuck);

/* Waits until @n requests wait for an answer. */
void test_stuck_wait (unsigned n);

/* Waits until somebody waits for an answer. */
void test_stuck_wait_for_reap (void);
