/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Instructions out of guest memory, as text.
 */
#include "vmtool/run-insn.h"

#include "engine/riscv/insn.h"
#include "engine/riscv/mmu.h"

#include <string.h>

/* Source: RISC-V Privileged Spec 20240411 §10.1.10 */
#define MENVCFG_ADUE (UINT64_C (1) << 61)

static bool
read_half (CopHart *hart, uint64_t pc, uint32_t *half)
{
  uint16_t bits;
  uint64_t gpa;
  const uint8_t *bytes = cop_mmu_fetch (hart, pc, &gpa);

  if (bytes == NULL)
    return false;
  memcpy (&bits, bytes, sizeof bits);
  *half = GUINT16_FROM_LE (bits);
  return true;
}

unsigned
vmt_insn_read (CopHart *hart, uint64_t pc, uint32_t *bits)
{
  uint64_t menvcfg = hart->s.menvcfg;
  uint32_t low, high = 0;
  bool good;

  /* A walk on our behalf must not set a page's A bit. */
  hart->s.menvcfg &= ~MENVCFG_ADUE;
  good = (pc & 1) == 0 && read_half (hart, pc, &low);
  if (good && (low & 3) == 3)
    good = read_half (hart, pc + 2, &high);
  hart->s.menvcfg = menvcfg;
  if (!good)
    return 0;
  *bits = low | high << 16;
  return (low & 3) == 3 ? 4 : 2;
}

char *
vmt_insn_format (const CopHart *hart, uint64_t pc, uint32_t bits)
{
  g_autofree char *text = NULL;
  CopInsn insn;
  unsigned length = cop_insn_decode (bits, hart->isa, &insn);

  text = cop_insn_disassemble (&insn, pc);
  return length == 2 ? g_strdup_printf ("    %04x  %s", bits & 0xffff, text)
                     : g_strdup_printf ("%08x  %s", bits, text);
}
