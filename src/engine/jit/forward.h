/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Values that only serve to make others.
 */
#pragma once

#include "engine/jit/ir.h"

/**
 * cop_forward_values:
 * Moves values of @block that are used once into what uses them, and drops those that nobody uses,
 * where their register is set anew before anything could see it: a trap, a jump, a device. Trees stay
 * as small as lowering wants them.
 */
void cop_forward_values (CopIrUnit *unit, const CopIrBlock *block);

/* Whether lowering does with @ref in the scratch registers it has: cheap operations, and shifts and
   rotations by constants. */
bool cop_ir_is_cheap (const CopIrUnit *unit, CopIrRef ref);

/* Registers that it takes to work a cheap tree out, as Sethi and Ullman count them; what is an operand
   of an instruction as it stands takes none. */
unsigned cop_ir_count_scratch (const CopIrUnit *unit, CopIrRef ref);
