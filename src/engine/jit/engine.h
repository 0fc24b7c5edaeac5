/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The engine that interprets what is cold and translates what is warm. The `jit` engine is the same
 * with nothing cold.
 */
#pragma once

#include "engine/engine.h"

extern const CopEngineOps cop_jit_ops;
extern const CopEngineOps cop_hybrid_ops;
