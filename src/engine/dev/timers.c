/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deadlines of guest time. Locks are taken in the order timers, slot, hart (in the line's sink).
 */
#include "engine/dev/timers.h"

typedef struct
{
  GMutex   lock;
  uint64_t deadline;            /* ticks; guarded by lock */
  bool     level;               /* of the line; guarded by lock */
} Slot;

struct CopTimers
{
  CopClock    *clock;           /* (unowned) */
  CopHartLines lines;
  unsigned     harts;
  Slot        *slots;           /* (owned): harts * COP_TIMER_LAST */

  GThread     *thread;
  GMutex       lock;            /* held by the thread but for its sleep */
  GCond        changed;
  uint64_t     wake;            /* atomic, written under lock: ticks at which the thread looks
                                   again; COP_CLOCK_NEVER while it is looking */
  bool         quit;            /* guarded by lock */
};

static const CopIrq kind_irqs[COP_TIMER_LAST] = {
  [COP_TIMER_MACHINE] = COP_IRQ_MTI,
  [COP_TIMER_SUPERVISOR] = COP_IRQ_STI,
};

static bool
is_due (const Slot *slot, uint64_t now)
{
  return now >= slot->deadline && slot->deadline != COP_CLOCK_NEVER;
}

static void
drive (CopTimers *timers, unsigned index, bool level)
{
  timers->slots[index].level = level;
  timers->lines.set (timers->lines.data, index / COP_TIMER_LAST, kind_irqs[index % COP_TIMER_LAST],
                     level);
}

/* Sets the slot's line to what its deadline says now. The slot's lock is held. */
static void
update_line (CopTimers *timers, unsigned index)
{
  const Slot *slot = &timers->slots[index];
  bool level = is_due (slot, cop_clock_ticks (timers->clock));

  if (level != slot->level)
    drive (timers, index, level);
}

/* Brings all lines up to date. Returns: the next deadline. The lock is held. */
static uint64_t
look (CopTimers *timers)
{
  uint64_t next = COP_CLOCK_NEVER;

  /* From here on whoever arms comes to the lock, and waits for the sleep. So a deadline that is
     set behind our back in a slot we have passed is compared with the new wake-up. */
  __atomic_store_n (&timers->wake, COP_CLOCK_NEVER, __ATOMIC_SEQ_CST);

  for (unsigned i = 0; i < timers->harts * COP_TIMER_LAST; i++)
    {
      Slot *slot = &timers->slots[i];

      g_mutex_lock (&slot->lock);
      update_line (timers, i);
      if (!slot->level)
        next = MIN (next, slot->deadline);
      g_mutex_unlock (&slot->lock);
    }
  return next;
}

/* On g_get_monotonic_time()'s scale, never early. */
static int64_t
deadline_us (uint64_t deadline_ns)
{
  return (int64_t)MIN (deadline_ns / 1000 + 1, G_MAXINT64);
}

static gpointer
timer_thread (gpointer data)
{
  CopTimers *timers = data;

  g_mutex_lock (&timers->lock);
  while (!timers->quit)
    {
      uint64_t next = look (timers);
      uint64_t deadline_ns;

      __atomic_store_n (&timers->wake, next, __ATOMIC_SEQ_CST);
      deadline_ns = cop_clock_deadline_ns (timers->clock, next);
      if (next == COP_CLOCK_NEVER || deadline_ns == COP_CLOCK_NEVER)
        g_cond_wait (&timers->changed, &timers->lock);
      else
        g_cond_wait_until (&timers->changed, &timers->lock, deadline_us (deadline_ns));
    }
  g_mutex_unlock (&timers->lock);
  return NULL;
}

CopTimers *
cop_timers_new (CopClock *clock, unsigned harts, const CopHartLines *lines)
{
  CopTimers *timers = g_new0 (CopTimers, 1);

  timers->clock = clock;
  timers->lines = *lines;
  timers->harts = harts;
  timers->wake = COP_CLOCK_NEVER;
  timers->slots = g_new0 (Slot, harts * COP_TIMER_LAST);
  for (unsigned i = 0; i < harts * COP_TIMER_LAST; i++)
    {
      g_mutex_init (&timers->slots[i].lock);
      timers->slots[i].deadline = COP_CLOCK_NEVER;
    }
  g_mutex_init (&timers->lock);
  g_cond_init (&timers->changed);
  timers->thread = g_thread_new ("timers", timer_thread, timers);
  return timers;
}

void
cop_timers_free (CopTimers *timers)
{
  if (timers == NULL)
    return;

  g_mutex_lock (&timers->lock);
  timers->quit = true;
  g_cond_signal (&timers->changed);
  g_mutex_unlock (&timers->lock);
  g_thread_join (timers->thread);

  for (unsigned i = 0; i < timers->harts * COP_TIMER_LAST; i++)
    g_mutex_clear (&timers->slots[i].lock);
  g_free (timers->slots);
  g_mutex_clear (&timers->lock);
  g_cond_clear (&timers->changed);
  g_free (timers);
}

uint64_t
cop_timers_time (const CopTimers *timers)
{
  return cop_clock_ticks (timers->clock);
}

void
cop_timers_arm (CopTimers *timers, unsigned hart, CopTimerKind kind, uint64_t deadline_ticks)
{
  unsigned index = hart * COP_TIMER_LAST + kind;
  Slot *slot = &timers->slots[index];
  bool due;

  g_mutex_lock (&slot->lock);
  slot->deadline = deadline_ticks;
  update_line (timers, index);
  due = slot->level;
  g_mutex_unlock (&slot->lock);

  if (due || deadline_ticks >= __atomic_load_n (&timers->wake, __ATOMIC_SEQ_CST))
    return;

  g_mutex_lock (&timers->lock);
  if (deadline_ticks < timers->wake)
    {
      __atomic_store_n (&timers->wake, deadline_ticks, __ATOMIC_SEQ_CST);
      g_cond_signal (&timers->changed);
    }
  g_mutex_unlock (&timers->lock);
}

bool
cop_timers_is_armed (CopTimers *timers, unsigned hart, CopTimerKind kind)
{
  Slot *slot = &timers->slots[hart * COP_TIMER_LAST + kind];
  bool armed;

  g_mutex_lock (&slot->lock);
  armed = slot->deadline != COP_CLOCK_NEVER;
  g_mutex_unlock (&slot->lock);
  return armed;
}

void
cop_timers_stop (CopTimers *timers)
{
  /* The thread is asleep while we hold the lock: it cannot raise a line by a time it read before.
   */
  g_mutex_lock (&timers->lock);
  cop_clock_stop (timers->clock);
  g_cond_signal (&timers->changed);
  g_mutex_unlock (&timers->lock);
}

void
cop_timers_start (CopTimers *timers)
{
  g_mutex_lock (&timers->lock);
  cop_clock_start (timers->clock);
  g_cond_signal (&timers->changed);
  g_mutex_unlock (&timers->lock);
}

void
cop_timers_set_time (CopTimers *timers, uint64_t ticks)
{
  g_mutex_lock (&timers->lock);
  cop_clock_set (timers->clock, ticks);
  __atomic_store_n (&timers->wake, look (timers), __ATOMIC_SEQ_CST);
  g_cond_signal (&timers->changed);
  g_mutex_unlock (&timers->lock);
}

void
cop_timers_replay (CopTimers *timers)
{
  for (unsigned i = 0; i < timers->harts * COP_TIMER_LAST; i++)
    {
      Slot *slot = &timers->slots[i];

      g_mutex_lock (&slot->lock);
      drive (timers, i, is_due (slot, cop_clock_ticks (timers->clock)));
      g_mutex_unlock (&slot->lock);
    }
}
