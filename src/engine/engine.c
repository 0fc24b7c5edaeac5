/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The list of engines.
 */
#include "engine/engine.h"

#include "engine/jit/backend.h"
#include "engine/jit/engine.h"

#include <string.h>

const CopEngineOps *const cop_engines[] = {
  &cop_hybrid_ops,
  &cop_jit_ops,
  &cop_interp_ops,
  NULL,
};

const CopEngineOps *
cop_engine_find (const char *name)
{
  if (name == NULL)
    return cop_jit_backend () != NULL ? &cop_hybrid_ops : &cop_interp_ops;
  for (const CopEngineOps *const *engine = cop_engines; *engine != NULL; engine++)
    if (strcmp ((*engine)->name, name) == 0)
      return *engine;
  return NULL;
}
