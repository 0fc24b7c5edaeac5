/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deadlines of guest time: for each hart mtimecmp and stimecmp.
 *
 *   cop_timers_arm ()  --> slot of (hart, kind) --> due already? raise the line now
 *                                               --> earlier than the wake-up? move the wake-up
 *   timer thread       --> sleeps until the wake-up, raises what is due, finds the next one
 *
 * A line is high exactly while time >= deadline. Arming later than the wake-up, which is what a
 * busy kernel does thousands of times a second, makes no system call: the thread wakes for nothing
 * then, at most once per wake-up, and goes back to sleep.
 *
 * Who arms: mtimer.c for mtimecmp; the CSR code for stimecmp, with COP_CLOCK_NEVER while menvcfg.STCE is
 * clear, at each write of either, and once per hart after a load or reset.
 */
#pragma once

#include "engine/clock.h"
#include "engine/dev/hart-lines.h"

typedef enum
{
  COP_TIMER_MACHINE,            /* mtimecmp drives MTIP */
  COP_TIMER_SUPERVISOR,         /* stimecmp drives STIP */
  COP_TIMER_LAST,
} CopTimerKind;

typedef struct CopTimers CopTimers;

/**
 * cop_timers_new:
 * @clock: (unowned): what the deadlines are of; once given away, it is started, stopped and set
 *   through the functions below, or the lines would not know
 * @harts: number of harts
 * @lines: where MTIP and STIP go
 *
 * No deadline is set.
 */
CopTimers *cop_timers_new (CopClock *clock, unsigned harts, const CopHartLines *lines);
void cop_timers_free (CopTimers *timers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopTimers, cop_timers_free)

/* Guest time in ticks. */
uint64_t cop_timers_time (const CopTimers *timers);

/**
 * cop_timers_arm:
 * @deadline_ticks: guest time; COP_CLOCK_NEVER: never
 *
 * Replaces the deadline and sets the line as it says, before it returns. On any thread.
 */
void cop_timers_arm (CopTimers *timers, unsigned hart, CopTimerKind kind, uint64_t deadline_ticks);

/* Whether a deadline is set: the line may rise by itself. */
bool cop_timers_is_armed (CopTimers *timers, unsigned hart, CopTimerKind kind);

/* Stops guest time: no line rises from now on. */
void cop_timers_stop (CopTimers *timers);

/* Lets guest time run on. */
void cop_timers_start (CopTimers *timers);

/* Sets the time, running or not, and all lines to match. */
void cop_timers_set_time (CopTimers *timers, uint64_t ticks);

/* Drives every line to what its deadline says, whatever was driven before: after a load or reset. */
void cop_timers_replay (CopTimers *timers);
