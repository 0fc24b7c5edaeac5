/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Ranges of a view of memory that translated code went to last, each with the addend that leads
 * there: an access compares its address with one of them, which the host predicts, where a look-up
 * in the TLB would have to load the addend from a place that depends on the address.
 *
 *   address - start[n] < length[n]  -->  host address = address + addend[n]
 *
 * Code chooses n by where the address comes from, so that accesses off one pointer share a range. A
 * range is a page that the TLB let through, or for loads the wide range of the view: one stretch of
 * addresses with one addend, of large pages or of untranslated memory. All is forgotten when
 * anything is dropped from the view, and ranges for stores when any page loses its write entries.
 *
 * Where an access goes to another page each time, looking into a range costs more than it saves, and
 * what the host predicts wrongly also holds up what comes next. So each range has patience for some
 * fills; when it has lost that within few instructions, the access that filled it last gives ranges
 * up for good, and looks into the TLB.
 *
 * Emitted code reads and writes these: see src/engine/jit/x86/lower-mem.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define COP_TLB_RANGES 64

/* An access of up to so many bytes begins in `length`, `long_length` or `frame_length`. */
#define COP_TLB_RANGE_SHORT 8
#define COP_TLB_RANGE_LONG 64
#define COP_TLB_RANGE_FRAME 256

typedef struct
{
  uint64_t length[COP_TLB_RANGES];      /* less what an access may reach over; 0: no range */
  uint64_t long_length[COP_TLB_RANGES];
  uint64_t frame_length[COP_TLB_RANGES];
  uint64_t start[COP_TLB_RANGES];
  uint64_t addend[COP_TLB_RANGES];
  int64_t  patience[COP_TLB_RANGES];    /* fills until cop_tlb_lose_patience() is asked */
  uint64_t lost_at[COP_TLB_RANGES];     /* s.instret when it was asked last */
  bool     used;                /* one of them was filled since they were forgotten */
} CopTlbRanges;

typedef struct
{
  uint64_t length, long_length, frame_length, start, addend;
} CopTlbRange;

/* Fills between two askings, and the instructions that make them too many. */
#define COP_TLB_PATIENCE 16
#define COP_TLB_PATIENCE_INSNS (COP_TLB_PATIENCE * 512)

/* Returns: whether the access that fills range @n, with @instret retired, is to give it up */
static inline bool
cop_tlb_lose_patience (CopTlbRanges *ranges, unsigned n, uint64_t instret)
{
  bool lost = instret - ranges->lost_at[n] < COP_TLB_PATIENCE_INSNS;

  ranges->lost_at[n] = instret;
  ranges->patience[n] = COP_TLB_PATIENCE;
  return lost;
}

static inline void
cop_tlb_forget_ranges (CopTlbRanges *ranges)
{
  if (!ranges->used)
    return;
  ranges->used = false;
  memset (ranges->length, 0, sizeof ranges->length);
  memset (ranges->long_length, 0, sizeof ranges->long_length);
  memset (ranges->frame_length, 0, sizeof ranges->frame_length);
}
