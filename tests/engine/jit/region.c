/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random guest programs for comparing engines.
 */
#include "region-private.h"

#include <string.h>

uint64_t
region_random (RegionRandom *random)
{
  uint64_t z = random->state += UINT64_C (0x9e3779b97f4a7c15);

  z = (z ^ z >> 30) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C (0x94d049bb133111eb);
  return z ^ z >> 31;
}

void
region_make (Region *region, uint64_t seed)
{
  static const uint8_t mixes[][5] = {
    /* memory, fp, control, special, compressed */
    { 14, 10, 8, 4, 10 }, { 30, 2, 8, 4, 8 },   { 8, 34, 6, 2, 4 }, { 4, 2, 24, 6, 10 },
    { 2, 0, 6, 1, 6 },    { 12, 4, 10, 24, 4 }, { 0, 0, 2, 0, 0 },  { 6, 50, 2, 2, 0 },
  };
  RegionMaker m = { .region = region, .random = { seed * 2 + 1 } };
  const uint8_t *mix = PICK (&m, mixes);

  memset (region, 0, sizeof *region);
  region->seed = seed;
  region->isa = cop_isa_default ();
  if (one_in (&m, 10))
    region->isa &= ~(PICK (&m, ((const CopIsa[]){ COP_ISA (ZBB), COP_ISA (ZFHMIN), COP_ISA (ZBA),
                                                  COP_ISA (ZICBOZ), COP_ISA (SVADU) })));
  m.memory = mix[0];
  m.fp = mix[1];
  m.control = mix[2];
  m.special = mix[3];
  m.compressed = mix[4];
  m.paged = !one_in (&m, 3);
  m.supervisor = m.paged && !one_in (&m, 3);
  m.wild = one_in (&m, 2);

  region_make_code (&m);
  region_make_world (&m);
}

char *
region_listing (const Region *region)
{
  GString *text = g_string_new (NULL);

  for (unsigned at = 0; at + 4 <= REGION_CODE_SIZE;)
    {
      uint64_t pc = region->start.x[CODE_START] + at;
      g_autofree char *line = NULL;
      uint32_t bits;
      CopInsn insn;

      memcpy (&bits, region->low + REGION_CODE + at, sizeof bits);
      cop_insn_decode (bits, region->isa, &insn);
      line = cop_insn_disassemble (&insn, pc);
      g_string_append_printf (text, "%" G_GINT64_MODIFIER "x: %08x %s\n", pc, bits, line);
      at += insn.length;
    }
  return g_string_free (text, FALSE);
}
