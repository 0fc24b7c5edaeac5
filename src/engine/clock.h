/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guest time: `time`, mtime and stimecmp count ticks of 10 MHz that run while the machine runs.
 *
 *   host monotonic  ----|=======|------|==========|--->
 *   guest ticks         0 ..... t      t ........ u      (stands still while paused)
 *
 * A clock may be read on any thread; it is started, stopped and set by the machine alone.
 */
#pragma once

#include "engine/state.h"

#include <stdbool.h>
#include <stdint.h>

#define COP_CLOCK_HZ UINT64_C (10000000)
#define COP_CLOCK_NS_PER_TICK UINT64_C (100)

/* A deadline that never comes. */
#define COP_CLOCK_NEVER UINT64_MAX

COP_STATE_BEGIN
typedef struct
{
  uint64_t ticks;               /* guest time */
} CopClockState;
COP_STATE_END

extern const CopStateTable cop_clock_state_table;

typedef struct
{
  int64_t  offset;              /* atomic: ticks to add to the host's; while running */
  uint64_t stopped_at;          /* atomic: ticks, while stopped; COP_CLOCK_NEVER: running */
} CopClock;

/* A stopped clock at 0. */
void cop_clock_init (CopClock *clock);
void cop_clock_start (CopClock *clock);
void cop_clock_stop (CopClock *clock);

/* Sets guest time to @ticks, running or not. */
void cop_clock_set (CopClock *clock, uint64_t ticks);

/* Guest time in ticks. */
uint64_t cop_clock_ticks (const CopClock *clock);

/* Now, in ns of the host's CLOCK_MONOTONIC. */
uint64_t cop_clock_host_ns (void);

/**
 * cop_clock_deadline_ns:
 * Returns: the CLOCK_MONOTONIC time in ns at which guest time reaches @ticks, if the clock keeps
 *   running; past times count as now or earlier. COP_CLOCK_NEVER when @ticks lies out of reach or
 *   the clock stands still.
 */
uint64_t cop_clock_deadline_ns (const CopClock *clock, uint64_t ticks);
