/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guest time: host monotonic time plus an offset, or a frozen value.
 */
#include "engine/clock.h"
#include "common/checked.h"

#include <time.h>

static const CopStateRow clock_rows[] = {
  /* The greatest number stands for a clock that runs. */
  COP_STATE (CopClockState, ticks, .max = COP_CLOCK_NEVER - 1),
};
const CopStateTable cop_clock_state_table = { "clock", 1,
                                              COP_STATE_ROWS (CopClockState, clock_rows) };

uint64_t
cop_clock_host_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (uint64_t) now.tv_sec * G_GUINT64_CONSTANT (1000000000) + (uint64_t) now.tv_nsec;
}

static uint64_t
host_ticks (void)
{
  return cop_clock_host_ns () / COP_CLOCK_NS_PER_TICK;
}

void
cop_clock_init (CopClock *clock)
{
  clock->offset = 0;
  clock->stopped_at = 0;
}

void
cop_clock_start (CopClock *clock)
{
  uint64_t ticks = __atomic_load_n (&clock->stopped_at, __ATOMIC_ACQUIRE);

  if (ticks == COP_CLOCK_NEVER)
    return;
  __atomic_store_n (&clock->offset, (int64_t) (ticks - host_ticks ()), __ATOMIC_RELAXED);
  __atomic_store_n (&clock->stopped_at, COP_CLOCK_NEVER, __ATOMIC_RELEASE);
}

void
cop_clock_stop (CopClock *clock)
{
  uint64_t ticks = cop_clock_ticks (clock);

  __atomic_store_n (&clock->stopped_at, MIN (ticks, COP_CLOCK_NEVER - 1), __ATOMIC_RELEASE);
}

void
cop_clock_set (CopClock *clock, uint64_t ticks)
{
  if (__atomic_load_n (&clock->stopped_at, __ATOMIC_ACQUIRE) == COP_CLOCK_NEVER)
    __atomic_store_n (&clock->offset, (int64_t) (ticks - host_ticks ()), __ATOMIC_RELAXED);
  else
    __atomic_store_n (&clock->stopped_at, MIN (ticks, COP_CLOCK_NEVER - 1), __ATOMIC_RELEASE);
}

uint64_t
cop_clock_ticks (const CopClock *clock)
{
  uint64_t stopped_at = __atomic_load_n (&clock->stopped_at, __ATOMIC_ACQUIRE);

  if (stopped_at != COP_CLOCK_NEVER)
    return stopped_at;
  return host_ticks () + (uint64_t) __atomic_load_n (&clock->offset, __ATOMIC_RELAXED);
}

uint64_t
cop_clock_deadline_ns (const CopClock *clock, uint64_t ticks)
{
  uint64_t now = cop_clock_host_ns ();
  uint64_t guest, ns, deadline;

  if (__atomic_load_n (&clock->stopped_at, __ATOMIC_ACQUIRE) != COP_CLOCK_NEVER)
    return COP_CLOCK_NEVER;

  guest = now / COP_CLOCK_NS_PER_TICK +
          (uint64_t) __atomic_load_n (&clock->offset, __ATOMIC_RELAXED);
  if (ticks <= guest)
    return now;
  /* To the start of the tick, so that a sleeper does not wake just before it. */
  if (!cop_checked_mul (ticks - guest, COP_CLOCK_NS_PER_TICK, &ns) ||
      !cop_checked_add (now - now % COP_CLOCK_NS_PER_TICK, ns, &deadline))
    return COP_CLOCK_NEVER;
  return deadline;
}
