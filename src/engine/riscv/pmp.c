/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Physical memory protection: 16 entries, a granularity of 4 bytes.
 *
 *   pmpcfg    L . . A A X W R      A: off, TOR, NA4, NAPOT
 *   pmpaddr   gpa >> 2
 *
 * The first entry that matches any byte of an access decides; it must match all of them. Where no
 * entry matches, machine mode may and others may not.
 *
 * Source: RISC-V Privileged Spec 20240411 §3.7
 */
#include "engine/riscv/hart-private.h"
#include "engine/riscv/mmu.h"

#include <string.h>

#define CFG_R 0x01u
#define CFG_W 0x02u
#define CFG_X 0x04u
#define CFG_A 0x18u
#define CFG_L 0x80u

#define A_OFF 0x00u
#define A_TOR 0x08u
#define A_NA4 0x10u
#define A_NAPOT 0x18u

/* With all of ADDR_MASK: everything, for everybody. */
#define OPEN_CFG (A_NAPOT | CFG_R | CFG_W | CFG_X)

#define PHYSICAL_BITS 56        /* of addresses; beyond, entries are looked at one by one */
#define ADDR_MASK ((UINT64_C (1) << 54) - 1)
#define PMPCFG0 0x3a0u
#define PMPADDR0 0x3b0u
#define CFGS_PER_REGISTER 8

/* What an entry covers: [first, last], in bytes; nothing when first is above last. */
typedef struct
{
  uint64_t first, last;
} Range;

static Range
entry_range (const CopHartState *s, unsigned i)
{
  const Range nothing = { 1, 0 };
  uint64_t addr = s->pmpaddr[i];
  uint64_t below, ones;

  switch (s->pmpcfg[i] & CFG_A)
    {
    case A_TOR:
      below = i == 0 ? 0 : s->pmpaddr[i - 1];
      return below < addr ? (Range){ below << 2, (addr << 2) - 1 } : nothing;
    case A_NA4:
      return (Range){ addr << 2, (addr << 2) + 3 };
    case A_NAPOT:
      /* The trailing ones, and the zero above them, are what the range may vary in. */
      ones = addr ^ (addr + 1);
      return (Range){ (addr & ~ones) << 2, ((addr | ones) << 2) + 3 };
    default:
      return nothing;
    }
}

static bool
any_entry_on (const CopHartState *s)
{
  uint64_t words[COP_PMP_ENTRIES / 8];

  memcpy (words, s->pmpcfg, sizeof (words));
  return ((words[0] | words[1]) & UINT64_C (0x1818181818181818)) != 0;
}

static bool
entry_allows (uint8_t cfg, CopAccess access, CopPriv priv)
{
  static const uint8_t needed[] = {
    [COP_ACCESS_LOAD] = CFG_R,
    [COP_ACCESS_STORE] = CFG_W,
    [COP_ACCESS_FETCH] = CFG_X,
  };

  return (priv == COP_PRIV_M && !(cfg & CFG_L)) || (cfg & needed[access]);
}

bool
cop_pmp_allows (const CopHart *hart, uint64_t gpa, uint64_t length, CopAccess access, CopPriv priv,
                bool *uniform)
{
  const CopHartState *s = &hart->s;
  uint64_t last = gpa + length - 1;
  uint64_t page = gpa & ~(COP_PAGE_SIZE - 1);
  uint64_t page_last = page + COP_PAGE_SIZE - 1;
  bool whole_page = true;

  if (uniform != NULL)
    *uniform = true;
  /* Most machines: the first entry lets everything through. Asked at each step of each walk. */
  if (G_LIKELY (s->pmpcfg[0] == OPEN_CFG && s->pmpaddr[0] == ADDR_MASK &&
                MAX (last, page_last) >> PHYSICAL_BITS == 0))
    return true;
  if (!any_entry_on (s))
    return priv == COP_PRIV_M;

  for (unsigned i = 0; i < COP_PMP_ENTRIES; i++)
    {
      Range range = entry_range (s, i);

      if (range.first > range.last || range.last < page || range.first > MAX (page_last, last))
        continue;
      if (range.first > page || range.last < page_last)
        whole_page = false;
      if (range.last < gpa || range.first > last)
        continue;

      if (uniform != NULL)
        *uniform = whole_page;
      return range.first <= gpa && range.last >= last && entry_allows (s->pmpcfg[i], access, priv);
    }

  if (uniform != NULL)
    *uniform = whole_page;
  return priv == COP_PRIV_M;
}

static bool
is_locked (const CopHartState *s, unsigned i)
{
  return s->pmpcfg[i] & CFG_L;
}

uint64_t
cop_pmp_read_cfg (CopHart *hart, unsigned number)
{
  unsigned first = (number - PMPCFG0) / 2 * CFGS_PER_REGISTER;
  uint64_t value = 0;

  for (unsigned i = 0; i < CFGS_PER_REGISTER; i++)
    value |= (uint64_t) hart->s.pmpcfg[first + i] << 8 * i;
  return value;
}

static void
changed (CopHart *hart)
{
  cop_mmu_flush_all (hart);
  cop_hart_update_view (hart);
}

void
cop_pmp_write_cfg (CopHart *hart, unsigned number, uint64_t value)
{
  unsigned first = (number - PMPCFG0) / 2 * CFGS_PER_REGISTER;
  bool any = false;

  for (unsigned i = 0; i < CFGS_PER_REGISTER; i++)
    {
      uint8_t cfg = (value >> 8 * i) & (CFG_L | CFG_A | CFG_X | CFG_W | CFG_R);

      /* W without R is reserved: it becomes neither. */
      if (!(cfg & CFG_R))
        cfg &= ~CFG_W;
      if (is_locked (&hart->s, first + i) || hart->s.pmpcfg[first + i] == cfg)
        continue;
      hart->s.pmpcfg[first + i] = cfg;
      any = true;
    }
  if (any)
    changed (hart);
}

uint64_t
cop_pmp_read_addr (CopHart *hart, unsigned number)
{
  return hart->s.pmpaddr[number - PMPADDR0];
}

void
cop_pmp_write_addr (CopHart *hart, unsigned number, uint64_t value)
{
  CopHartState *s = &hart->s;
  unsigned i = number - PMPADDR0;

  /* A locked TOR entry locks its lower bound too. */
  if (is_locked (s, i) ||
      (i + 1 < COP_PMP_ENTRIES && is_locked (s, i + 1) && (s->pmpcfg[i + 1] & CFG_A) == A_TOR))
    return;
  if (s->pmpaddr[i] == (value & ADDR_MASK))
    return;
  s->pmpaddr[i] = value & ADDR_MASK;
  changed (hart);
}

void
cop_pmp_open (CopHart *hart)
{
  hart->s.pmpaddr[0] = ADDR_MASK;
  hart->s.pmpcfg[0] = OPEN_CFG;
}
