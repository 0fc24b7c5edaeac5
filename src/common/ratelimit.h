/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How often something outside may make us log: a few lines, then silence for a while.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define COP_RATE_LIMIT_BURST 5
#define COP_RATE_LIMIT_WINDOW_US (10 * INT64_C (1000000))

/* Zeroed to begin with. The owner's lock guards it. */
typedef struct
{
  int64_t  window_start;        /* monotonic, microseconds */
  unsigned in_window;           /* lines in the present window, also those refused */
} CopRateLimit;

/**
 * cop_rate_limit_allow:
 * @now_us: monotonic time in microseconds
 * @suppressed: (out): lines that were refused since the last one allowed
 *
 * Returns: whether one more line may be logged now
 */
static inline bool
cop_rate_limit_allow (CopRateLimit *limit, int64_t now_us, unsigned *suppressed)
{
  *suppressed = 0;
  if (limit->in_window == 0 || now_us - limit->window_start >= COP_RATE_LIMIT_WINDOW_US)
    {
      if (limit->in_window > COP_RATE_LIMIT_BURST)
        *suppressed = limit->in_window - COP_RATE_LIMIT_BURST;
      limit->window_start = now_us;
      limit->in_window = 0;
    }
  return limit->in_window++ < COP_RATE_LIMIT_BURST;
}

/* Returns: (transfer full): what to end an allowed line with: nothing, or how many were refused */
static inline char *
cop_rate_limit_tail (unsigned suppressed)
{
  return suppressed == 0 ? g_strdup ("")
                         : g_strdup_printf (" (%u more such messages were not shown)", suppressed);
}
