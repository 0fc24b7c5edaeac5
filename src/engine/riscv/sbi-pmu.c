/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SBI's performance monitoring: hands out the counters of the hart, and has some of its own.
 *
 *   counter   0 cycle   1 (time, not given out)   2 instret   3 to 31 hpmcounter3 to 31
 *             32 to 47 firmware counters
 *
 * What a counter of the hart counts, and whether it runs, is in mhpmevent and mcountinhibit alone.
 * Firmware counters count what the machine does in the place of firmware: see fw-events.h. They are
 * read by a call, and overflow without a word. There is no shared memory for snapshots of counters.
 *
 * Source: RISC-V SBI Specification 2.0 ch. 11
 */
#include "engine/riscv/fw-events.h"
#include "engine/riscv/hart-private.h"
#include "engine/riscv/sbi-private.h"

#define FIRST_FW 32
#define N_COUNTERS (FIRST_FW + COP_FW_COUNTERS)
#define CYCLE 0
#define TIME 1
#define INSTRET 2
#define FIRST_HPM 3

/* What the caller may not ask for: the time CSR is no counter. */
#define COUNTERS ((UINT64_C (1) << N_COUNTERS) - 1 - (UINT64_C (1) << TIME))

/* config_matching, start and stop. */
#define CONFIG_SKIP_MATCH (1u << 0)
#define CONFIG_CLEAR_VALUE (1u << 1)
#define CONFIG_AUTO_START (1u << 2)
#define START_SET_VALUE (1u << 0)
#define STOP_RESET (1u << 0)

#define EVENT_TYPE(index) (((index) >> 16) & 0xf)
#define EVENT_TYPE_RAW 2
#define EVENT_TYPE_FIRMWARE 15
#define EVENT_CODE(index) ((index) & 0xffff)

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
  if (base >= N_COUNTERS || (mask & ~(((UINT64_C (1) << N_COUNTERS) - 1) >> base)) != 0)
    return false;
  *counters = (mask << base) & COUNTERS;
  return *counters != 0;
}

static bool
is_running (const CopHart *hart, unsigned counter)
{
  if (counter >= FIRST_FW)
    return (hart->s.fw_running >> (counter - FIRST_FW)) & 1;
  if ((hart->s.mcountinhibit >> counter) & 1)
    return false;
  return counter < FIRST_HPM || (hart->s.mhpmevent[counter - FIRST_HPM] & EVENT_SELECTOR) != 0;
}

/* Between cop_hpm_stop() and cop_hpm_start(), where members hold plain values. */
static void
set_value (CopHart *hart, unsigned counter, uint64_t value)
{
  if (counter >= FIRST_FW)
    __atomic_store_n (&hart->s.fw_counter[counter - FIRST_FW], value, __ATOMIC_RELAXED);
  else if (counter == CYCLE)
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

  if (counter >= FIRST_FW)
    {
      uint64_t others = hart->s.fw_running & ~(bit >> FIRST_FW);

      __atomic_store_n (&hart->s.fw_running, others | (running ? bit >> FIRST_FW : 0),
                        __ATOMIC_RELAXED);
      return;
    }
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
  if (args[0] >= FIRST_FW)
    return COP_SBI_VALUE (UINT64_C (1) << 63);
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
  for (unsigned i = FIRST_HPM; i < FIRST_FW; i++)
    if (((counters >> i) & 1) && !is_running (hart, i))
      return (int)i;
  for (unsigned i = CYCLE; i <= INSTRET; i++)
    if (((counters >> i) & 1) && is_fixed_to (i, selector))
      return (int)i;
  return -1;
}

/* Returns: a firmware counter of the set that counts nothing now, or -1 */
static int
find_fw_counter (const CopHart *hart, uint64_t counters, uint64_t code)
{
  if (code >= COP_FW_EVENT_LAST)
    return -1;
  for (unsigned i = FIRST_FW; i < N_COUNTERS; i++)
    if (((counters >> i) & 1) && !is_running (hart, i))
      return (int)i;
  return -1;
}

/* Has a counter count from now on: an hpmcounter @selector, a firmware counter the event of @index. */
static void
configure (CopHart *hart, unsigned counter, uint32_t selector, uint64_t flags, uint64_t index)
{
  uint64_t event = selector;

  if (counter >= FIRST_FW)
    {
      __atomic_store_n (&hart->s.fw_event[counter - FIRST_FW], (uint16_t)(EVENT_CODE (index) + 1),
                        __ATOMIC_RELAXED);
      return;
    }
  if (counter < FIRST_HPM)
    return;
  for (size_t i = 0; i < G_N_ELEMENTS (filters); i++)
    if ((flags & filters[i].flag) && cop_hart_has (hart, COP_ISA (SSCOFPMF)))
      event |= filters[i].inhibit;
  hart->s.mhpmevent[counter - FIRST_HPM] = event;
  hart->s.mcountinhibit |= UINT64_C (1) << counter;
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
  else if (EVENT_TYPE (args[3]) == EVENT_TYPE_FIRMWARE)
    counter = find_fw_counter (hart, counters, EVENT_CODE (args[3]));
  else
    {
      selector = find_selector (args[3], args[4]);
      counter = selector == 0 ? -1 : find_counter (hart, counters, selector);
    }
  if (counter < 0)
    return COP_SBI_ERROR (COP_SBI_NOT_SUPPORTED);

  cop_hpm_stop (hart, hart->s.instret);
  if (!(flags & CONFIG_SKIP_MATCH))
    configure (hart, (unsigned)counter, selector, flags, args[3]);
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
      if ((args[2] & STOP_RESET) && counter >= FIRST_FW)
        hart->s.fw_event[counter - FIRST_FW] = 0;
      else if ((args[2] & STOP_RESET) && counter >= FIRST_HPM)
        hart->s.mhpmevent[counter - FIRST_HPM] = 0;
    }
  cop_hpm_start (hart, hart->s.instret);
  return result;
}

/* args: counter */
static CopSbiResult
counter_fw_read (CopHart *hart, const uint64_t args[6])
{
  if (args[0] < FIRST_FW || args[0] >= N_COUNTERS)
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);
  return COP_SBI_VALUE (__atomic_load_n (&hart->s.fw_counter[args[0] - FIRST_FW], __ATOMIC_RELAXED));
}

/* The upper half of what 32-bit harts read in two parts: on RV64 the other call has all of it. */
static CopSbiResult
counter_fw_read_hi (CopHart *hart, const uint64_t args[6])
{
  CopSbiResult result = counter_fw_read (hart, args);

  result.value = 0;
  return result;
}

static const CopSbiFunc pmu_functions[] = {
  num_counters, counter_get_info, counter_config_matching, counter_start,
  counter_stop, counter_fw_read,  counter_fw_read_hi,
};
const CopSbiExtension cop_sbi_pmu = COP_SBI_EXTENSION (0x504d55, "PMU", pmu_functions);

void
cop_fw_count_slow (CopHart *hart, CopFwEvent event)
{
  uint64_t running = __atomic_load_n (&hart->s.fw_running, __ATOMIC_RELAXED);

  for (; running != 0; running &= running - 1)
    {
      unsigned i = (unsigned)__builtin_ctzll (running);

      if (__atomic_load_n (&hart->s.fw_event[i], __ATOMIC_RELAXED) == event + 1)
        __atomic_fetch_add (&hart->s.fw_counter[i], 1, __ATOMIC_RELAXED);
    }
}

void
cop_fw_count_exception (CopHart *hart, CopTrapCause cause)
{
  /* clang-format off */
  static const struct { CopTrapCause cause; CopFwEvent event; } rows[] = {
    { COP_TRAP_LOAD_MISALIGNED,  COP_FW_MISALIGNED_LOAD },
    { COP_TRAP_STORE_MISALIGNED, COP_FW_MISALIGNED_STORE },
    { COP_TRAP_LOAD_ACCESS_FAULT,      COP_FW_ACCESS_LOAD },
    { COP_TRAP_STORE_ACCESS_FAULT,     COP_FW_ACCESS_STORE },
    { COP_TRAP_ILLEGAL_INSN,          COP_FW_ILLEGAL_INSN },
  };
  /* clang-format on */

  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    if (rows[i].cause == cause)
      cop_fw_count (hart, rows[i].event);
}
