/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table of extensions, and how people and device trees write a set of them.
 */
#include "engine/riscv/isa.h"

#include <string.h>

const CopIsaRow cop_isa_table[COP_ISA_LAST] = {
#define EXT(id, text, string, on, needed) [COP_ISA_##id] = { text, string, on, needed },
  COP_ISA_TABLE (EXT)
#undef EXT
};

CopIsa
cop_isa_default (void)
{
  CopIsa isa = 0;

  for (unsigned i = 0; i < COP_ISA_LAST; i++)
    if (cop_isa_table[i].by_default)
      isa |= UINT64_C (1) << i;
  return isa;
}
