/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SBI's performance monitoring: hands out the counters of the hart.
 *
 *   counter   0 cycle   1 (time, not given out)   2 instret   3 to 31 hpmcounter3 to 31
 *
 * What a counter counts, and whether it runs, is in mhpmevent and mcountinhibit alone, so there is
 * no state beside the hart's. There are no firmware counters: what they would count, such as IPIs,
 * can be seen in the machine's statistics.
 *
 * Source: RISC-V SBI Specification 2.0 ch. 11
 */
#include "engine/riscv/hart-private.h"
#include "engine/riscv/sbi-private.h"

#define N_COUNTERS 32
#define CYCLE 0
#define TIME 1
#define INSTRET 2
#define FIRST_HPM 3

/* What the caller may not ask for: the time CSR is no counter. */
#define COUNTERS (UINT64_C (0xffffffff) & ~(UINT64_C (1) << TIME))

/* config_matching, start and stop. */
#define CONFIG_SKIP_MATCH (1u << 0)
#define CONFIG_CLEAR_VALUE (1u << 1)
#define CONFIG_AUTO_START (1u << 2)
#define START_SET_VALUE (1u << 0)
#define STOP_RESET (1u << 0)

#define EVENT_TYPE(index) (((index) >> 16) & 0xf)
#define EVENT_TYPE_RAW 2

/* mhpmevent. Source: RISC-V Privileged Spec 20240411 §18.1 (Sscofpmf) */
#define EVENT_OF (UINT64_C (1) << 63)
#define EVENT_SELECTOR UINT64_C (0xffffffff)

/* clang-format off */
/* Modes in which not to count, in flags and in mhpmevent. */
static const struct
{
  uint32_t flag;
  uint64_t inhibit;
} filters[] = {
  { 1u << 5, UINT64_C (1) << 60 },      /* U */
  { 1u << 6, UINT64_C (1) << 61 },      /* S */
  { 1u << 7, UINT64_C (1) << 62 },      /* M */
};
/* clang-format on */

/* The counters that a call names. Returns: whether there is one and all exist */
static bool
counter_set (uint64_t base, uint64_t mask, uint64_t *counters)
{
  if (base >= N_COUNTERS || (mask & ~(UINT64_C (0xffffffff) >> base)) != 0)
    return false;
  *counters = (mask << base) & COUNTERS;
  return *counters != 0;
}

static bool
is_running (const CopHart *hart, unsigned counter)
{
  if ((hart->s.mcountinhibit >> counter) & 1)
    return false;
  return counter < FIRST_HPM || (hart->s.mhpmevent[counter - FIRST_HPM] & EVENT_SELECTOR) != 0;
}

/* Between cop_hpm_stop() and cop_hpm_start(), where members hold plain values. */
static void
set_value (CopHart *hart, unsigned counter, uint64_t value)
{
  if (counter == CYCLE)
    hart->s.mcycle_base = value;
  else if (counter == INSTRET)
    hart->s.minstret_base = value;
  else
    hart->s.mhpmcounter[counter - FIRST_HPM] = value;
}

static void
set_running (CopHart *hart, unsigned counter, bool running)
{
  uint64_t bit = UINT64_C (1) << counter;

  if (!running)
    hart->s.mcountinhibit |= bit;
  else
    hart->s.mcountinhibit &= ~bit;
  if (running && counter >= FIRST_HPM)
    hart->s.mhpmevent[counter - FIRST_HPM] &= ~EVENT_OF;
}

static CopSbiResult
num_counters (CopHart *hart, const uint64_t args[6])
{
  (void)hart, (void)args;
  return COP_SBI_VALUE (N_COUNTERS);
}

static CopSbiResult
counter_get_info (CopHart *hart, const uint64_t args[6])
{
  enum
  {
    CSR_CYCLE = 0xc00,
    WIDTH = 63 << 12
  };

  (void)hart;
  if (args[0] >= N_COUNTERS || args[0] == TIME)
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);
  return COP_SBI_VALUE (WIDTH | (CSR_CYCLE + args[0]));
}

/* Returns: what mhpmevent selects the event with, or 0 when no counter counts it */
static uint32_t
find_selector (uint64_t index, uint64_t data)
{
  uint64_t wanted = EVENT_TYPE (index) == EVENT_TYPE_RAW ? data : index;

  for (unsigned i = COP_HPM_EVENT_NONE + 1; i < COP_HPM_EVENT_LAST; i++)
    if (cop_hpm_selectors[i] == wanted)
      return cop_hpm_selectors[i];
  return 0;
}

/* Whether the counter that counts one thing only counts that. */
static bool
is_fixed_to (unsigned counter, uint32_t selector)
{
  return (counter == CYCLE && selector == cop_hpm_selectors[COP_HPM_EVENT_CYCLES]) ||
         (counter == INSTRET && selector == cop_hpm_selectors[COP_HPM_EVENT_INSTRUCTIONS]);
}

/* Programmable counters first: only they raise an interrupt and leave modes out. Returns: a counter
   of the set, or -1 */
static int
find_counter (const CopHart *hart, uint64_t counters, uint32_t selector)
{
  for (unsigned i = FIRST_HPM; i < N_COUNTERS; i++)
    if (((counters >> i) & 1) && !is_running (hart, i))
      return (int)i;
  for (unsigned i = CYCLE; i <= INSTRET; i++)
    if (((counters >> i) & 1) && is_fixed_to (i, selector))
      return (int)i;
  return -1;
}

/* args: base, mask, flags, event index, event data */
static CopSbiResult
counter_config_matching (CopHart *hart, const uint64_t args[6])
{
  uint64_t flags = args[2], counters;
  uint32_t selector = 0;
  int counter;

  if (!counter_set (args[0], args[1], &counters))
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);
  if (flags & CONFIG_SKIP_MATCH)
    counter = __builtin_ctzll (counters);
  else
    {
      selector = find_selector (args[3], args[4]);
      counter = selector == 0 ? -1 : find_counter (hart, counters, selector);
    }
  if (counter < 0)
    return COP_SBI_ERROR (COP_SBI_NOT_SUPPORTED);

  cop_hpm_stop (hart, hart->s.instret);
  if (!(flags & CONFIG_SKIP_MATCH) && counter >= FIRST_HPM)
    {
      uint64_t event = selector;

      for (size_t i = 0; i < G_N_ELEMENTS (filters); i++)
        if ((flags & filters[i].flag) && cop_hart_has (hart, COP_ISA (SSCOFPMF)))
          event |= filters[i].inhibit;
      hart->s.mhpmevent[counter - FIRST_HPM] = event;
      hart->s.mcountinhibit |= UINT64_C (1) << counter;
    }
  if (flags & CONFIG_CLEAR_VALUE)
    set_value (hart, (unsigned)counter, 0);
  if (flags & CONFIG_AUTO_START)
    set_running (hart, (unsigned)counter, true);
  cop_hpm_start (hart, hart->s.instret);
  return COP_SBI_VALUE ((uint64_t)counter);
}

/* args: base, mask, flags, initial value */
static CopSbiResult
counter_start (CopHart *hart, const uint64_t args[6])
{
  CopSbiResult result = COP_SBI_OK;
  uint64_t counters;

  if (!counter_set (args[0], args[1], &counters) || (args[2] & ~(uint64_t)START_SET_VALUE) != 0)
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);

  cop_hpm_stop (hart, hart->s.instret);
  for (; counters != 0; counters &= counters - 1)
    {
      unsigned counter = (unsigned)__builtin_ctzll (counters);

      if (is_running (hart, counter))
        result.error = COP_SBI_ALREADY_STARTED;
      if (args[2] & START_SET_VALUE)
        set_value (hart, counter, args[3]);
      set_running (hart, counter, true);
    }
  cop_hpm_start (hart, hart->s.instret);
  return result;
}

/* args: base, mask, flags */
static CopSbiResult
counter_stop (CopHart *hart, const uint64_t args[6])
{
  CopSbiResult result = COP_SBI_OK;
  uint64_t counters;

  if (!counter_set (args[0], args[1], &counters) || (args[2] & ~(uint64_t)STOP_RESET) != 0)
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);

  cop_hpm_stop (hart, hart->s.instret);
  for (; counters != 0; counters &= counters - 1)
    {
      unsigned counter = (unsigned)__builtin_ctzll (counters);

      if (!is_running (hart, counter))
        result.error = COP_SBI_ALREADY_STOPPED;
      set_running (hart, counter, false);
      if ((args[2] & STOP_RESET) && counter >= FIRST_HPM)
        hart->s.mhpmevent[counter - FIRST_HPM] = 0;
    }
  cop_hpm_start (hart, hart->s.instret);
  return result;
}

/* No counter is a firmware counter. */
static CopSbiResult
counter_fw_read (CopHart *hart, const uint64_t args[6])
{
  (void)hart, (void)args;
  return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);
}

static const CopSbiFunc pmu_functions[] = {
  num_counters, counter_get_info, counter_config_matching, counter_start,
  counter_stop, counter_fw_read,  counter_fw_read,
};
const CopSbiExtension cop_sbi_pmu = COP_SBI_EXTENSION (0x504d55, "PMU", pmu_functions);
