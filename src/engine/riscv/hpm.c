/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counters: Zicntr, Zihpm, Sscofpmf.
 *
 * A cycle is an instruction, so that counters do not depend on the host. Nothing is added up per
 * instruction: a counter that counts them holds its value less s.instret, and only one that stands
 * still, or counts something else, holds its plain value.
 *
 *                 cop_hpm_stop ()                     cop_hpm_start ()
 *   value - instret  ----------->  value, rules change  ----------->  value - instret
 *
 * What a counter counts follows from mhpmevent, mcountinhibit and the privilege mode, all in s, so
 * which form a member has is known to whoever reads the state.
 *
 * Source: RISC-V Privileged Spec 20240411 §3.1.10 to §3.1.12, ch. 18 (Sscofpmf)
 */
#include "engine/riscv/hart-private.h"

#define EVENT_OF (UINT64_C (1) << 63)
#define EVENT_MINH (UINT64_C (1) << 62)
#define EVENT_SINH (UINT64_C (1) << 61)
#define EVENT_UINH (UINT64_C (1) << 60)
#define EVENT_INHIBIT (EVENT_MINH | EVENT_SINH | EVENT_UINH)
#define EVENT_SELECTOR UINT64_C (0xffffffff)

#define CYCLE 0
#define INSTRET 2
#define FIRST_HPM 3

/* clang-format off */
const uint32_t cop_hpm_selectors[COP_HPM_EVENT_LAST] = {
  [COP_HPM_EVENT_NONE]            = 0,
  [COP_HPM_EVENT_CYCLES]          = 0x00001,
  [COP_HPM_EVENT_INSTRUCTIONS]    = 0x00002,
  [COP_HPM_EVENT_DTLB_READ_MISS]  = 0x10019,
  [COP_HPM_EVENT_DTLB_WRITE_MISS] = 0x1001b,
  [COP_HPM_EVENT_ITLB_MISS]       = 0x10021,
  [COP_HPM_EVENT_EXCEPTIONS]      = 0x20001,
  [COP_HPM_EVENT_INTERRUPTS]      = 0x20002,
};
/* clang-format on */

static CopHpmEvent
selected (uint64_t mhpmevent)
{
  for (unsigned i = 0; i < COP_HPM_EVENT_LAST; i++)
    if (cop_hpm_selectors[i] == (mhpmevent & EVENT_SELECTOR))
      return i;
  return COP_HPM_EVENT_NONE;
}

static bool
inhibited (const CopHartState *s, unsigned counter)
{
  return s->mcountinhibit >> counter & 1;
}

/* Whether hpm counter @i counts in the present mode. */
static bool
counts (const CopHartState *s, unsigned i)
{
  static const uint64_t stops[] = {
    [COP_PRIV_U] = EVENT_UINH,
    [COP_PRIV_S] = EVENT_SINH,
    [COP_PRIV_M] = EVENT_MINH,
  };

  return !inhibited (s, i + FIRST_HPM) && !(s->mhpmevent[i] & stops[s->priv]);
}

static bool
is_by_instret (uint64_t mhpmevent)
{
  CopHpmEvent event = selected (mhpmevent);

  return event == COP_HPM_EVENT_CYCLES || event == COP_HPM_EVENT_INSTRUCTIONS;
}

static bool
runs_on_instret (const CopHartState *s, unsigned i)
{
  return is_by_instret (s->mhpmevent[i]) && counts (s, i);
}

/* Adds @instret to every counter that runs on it. */
static void
shift (CopHartState *s, uint64_t instret)
{
  if (!inhibited (s, CYCLE))
    s->mcycle_base += instret;
  if (!inhibited (s, INSTRET))
    s->minstret_base += instret;
  for (unsigned i = 0; i < COP_HPM_COUNTERS; i++)
    if (runs_on_instret (s, i))
      s->mhpmcounter[i] += instret;
}

static void
overflow (CopHart *hart, unsigned i)
{
  /* While OF is set, further overflows are silent. */
  if (!cop_hart_has (hart, COP_ISA (SSCOFPMF)) || (hart->s.mhpmevent[i] & EVENT_OF))
    return;
  hart->s.mhpmevent[i] |= EVENT_OF;
  __atomic_fetch_or (&hart->s.mip, COP_IRQ_BIT (COP_IRQ_LCOFI), __ATOMIC_SEQ_CST);
  cop_hart_update_irq (hart);
}

static void
find_overflows (CopHart *hart, uint64_t instret)
{
  for (unsigned i = 0; i < COP_HPM_COUNTERS; i++)
    if (hart->hpm_wraps_at[i] <= instret)
      {
        hart->hpm_wraps_at[i] = UINT64_MAX;
        overflow (hart, i);
      }
}

/* @instret: what counters that run have been counted up to */
static void
schedule (CopHart *hart, uint64_t instret)
{
  const CopHartState *s = &hart->s;

  hart->instret_event = UINT64_MAX;
  hart->hpm_used = 0;
  hart->hpm_by_mode = false;
  for (unsigned i = 0; i < COP_HPM_COUNTERS; i++)
    {
      hart->hpm_wraps_at[i] = UINT64_MAX;
      if (s->mhpmevent[i] == 0)
        continue;
      if (!is_by_instret (s->mhpmevent[i]))
        {
          hart->hpm_used |= 1u << selected (s->mhpmevent[i]);
          continue;
        }
      hart->hpm_by_mode |= (s->mhpmevent[i] & EVENT_INHIBIT) != 0;
      /* The counter is zero again when instret is the negative of its member; far-off wraps, and
         those that nobody is told of, are left alone. */
      if (runs_on_instret (s, i) && cop_hart_has (hart, COP_ISA (SSCOFPMF)) &&
          !(s->mhpmevent[i] & EVENT_OF) && -s->mhpmcounter[i] > instret)
        hart->hpm_wraps_at[i] = -s->mhpmcounter[i];
      hart->instret_event = MIN (hart->instret_event, hart->hpm_wraps_at[i]);
    }
  hart->hpm_used &= ~(1u << COP_HPM_EVENT_NONE);
}

void
cop_hpm_schedule (CopHart *hart)
{
  schedule (hart, hart->s.instret);
}

void
cop_hpm_check (CopHart *hart)
{
  find_overflows (hart, hart->s.instret);
  cop_hpm_schedule (hart);
}

void
cop_hpm_stop (CopHart *hart, uint64_t instret)
{
  find_overflows (hart, instret);
  shift (&hart->s, instret);
}

void
cop_hpm_start (CopHart *hart, uint64_t instret)
{
  shift (&hart->s, -instret);
  schedule (hart, instret);
}

void
cop_hpm_count_slow (CopHart *hart, CopHpmEvent event)
{
  CopHartState *s = &hart->s;

  for (unsigned i = 0; i < COP_HPM_COUNTERS; i++)
    if (selected (s->mhpmevent[i]) == event && counts (s, i) && ++s->mhpmcounter[i] == 0)
      overflow (hart, i);
}

static uint64_t *
member (CopHartState *s, unsigned counter)
{
  switch (counter)
    {
    case CYCLE:
      return &s->mcycle_base;
    case INSTRET:
      return &s->minstret_base;
    default:
      return &s->mhpmcounter[counter - FIRST_HPM];
    }
}

uint64_t
cop_hpm_read (const CopHart *hart, unsigned counter)
{
  const CopHartState *s = &hart->s;
  bool runs = counter < FIRST_HPM ? !inhibited (s, counter)
                                  : runs_on_instret (s, counter - FIRST_HPM);

  return *member ((CopHartState *) s, counter) + (runs ? s->instret : 0);
}

/* The three below are CSR writes: the instruction that does it counts by the old rules, and what is
   written takes effect after it. */

void
cop_hpm_write (CopHart *hart, unsigned counter, uint64_t value)
{
  cop_hpm_stop (hart, hart->s.instret + 1);
  *member (&hart->s, counter) = value;
  cop_hpm_start (hart, hart->s.instret + 1);
}

void
cop_hpm_write_event (CopHart *hart, unsigned counter, uint64_t value)
{
  uint64_t event = 0;

  if (selected (value) != COP_HPM_EVENT_NONE)
    event |= value & EVENT_SELECTOR;
  if (cop_hart_has (hart, COP_ISA (SSCOFPMF)))
    event |= value & (EVENT_OF | EVENT_INHIBIT);
  cop_hpm_stop (hart, hart->s.instret + 1);
  hart->s.mhpmevent[counter - FIRST_HPM] = event;
  cop_hpm_start (hart, hart->s.instret + 1);
}

void
cop_hpm_write_inhibit (CopHart *hart, uint64_t value)
{
  cop_hpm_stop (hart, hart->s.instret + 1);
  hart->s.mcountinhibit = value & ~UINT64_C (2) & UINT32_MAX;
  cop_hpm_start (hart, hart->s.instret + 1);
}
