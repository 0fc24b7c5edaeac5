/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The host-target interface of bare-metal test programs: two words in memory, `tohost` and
 * `fromhost`, by which they print, and say how they ended.
 */
#pragma once

#include "engine/riscv/hart.h"

typedef struct CopHtif CopHtif;

/* Where requests go. On a hart's thread. */
typedef struct
{
  void (*exit) (gpointer data, uint32_t code);
  void (*write) (gpointer data, const uint8_t *bytes, size_t length);
} CopHtifOps;

/**
 * cop_htif_new:
 * @tohost, @fromhost: gpas of the words
 *
 * Returns: (nullable): NULL when one of them is not a whole word in RAM
 */
CopHtif *cop_htif_new (CopRam *ram, uint64_t tohost, uint64_t fromhost, const CopHtifOps *ops,
                       gpointer data);
void cop_htif_free (CopHtif *htif);

/* Puts the line of `tohost` on the watch for code: every store to it is reported. */
void cop_htif_watch (CopHtif *htif, CopHart *hart);

/* Whether a report of the watch may be about tohost: then every hart is to call cop_htif_poll(). */
bool cop_htif_concerns (const CopHtif *htif, uint64_t gpa, uint64_t length);

/* Serves what stands in tohost. On @hart's thread, outside run(). */
void cop_htif_poll (CopHtif *htif, CopHart *hart);
