/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For hosts that no back end is for yet.
 */
#include "engine/jit/backend.h"

const CopJitBackendOps *
cop_jit_backend (void)
{
  return NULL;
}
