/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a machine counts, in memory that another process may map and read without asking: one page
 * or more, only plain 64-bit words, written with relaxed atomics by whoever does the thing counted.
 *
 * The layout is what the daemon and a machine process of another version share: members are only
 * added, at the end of their struct's spare room.
 */
#pragma once

#include "engine/config.h"

#define COP_COUNTERS_VERSION 1

/* Kinds of statistics that a guest's memory balloon may know. */
#define COP_BALLOON_STATS 10

/* The latest output of the first console: byte N of all that was written is at N % size. */
#define COP_COUNTERS_CONSOLE 16384

struct CopDiskCounters
{
  uint64_t requests[3]; /* completed: reads, writes, flushes */
  uint64_t bytes[3]; /* moved: the last is always 0 */
  uint64_t time_ns[3]; /* from request to completion, added up */
  uint64_t errors;
  uint64_t spare[6];
};

enum
{
  COP_DISK_READ,
  COP_DISK_WRITE,
  COP_DISK_FLUSH,
};

typedef struct
{
  uint64_t bytes, packets, errors, drops;
} CopNicDirection;

struct CopNicCounters
{
  CopNicDirection rx, tx; /* as the guest sees it */
  uint64_t link_down; /* 1: the cable is out */
  uint64_t spare[7];
};

typedef struct
{
  uint64_t thread; /* kernel's id of the hart's thread; 0: not started */
  uint64_t instructions; /* retired; brought up to date when the hart rests, and each second */
  uint64_t halted; /* 1: waits for an interrupt, or not started by the guest */
  uint64_t halted_ns; /* time spent so, added up */
  uint64_t spare[4];
} CopHartCounters;

struct CopCounters
{
  uint64_t version; /* COP_COUNTERS_VERSION */
  uint64_t resets; /* how often the guest began anew */
  uint64_t save_done, save_total; /* bytes: of the memory that is being saved */
  uint64_t channels; /* bit N: the guest has channel N open */
  uint64_t balloon; /* bytes that the guest has given back */
  uint64_t balloon_known; /* bit N: balloon_stats[N] is known */
  uint64_t balloon_updated; /* when they were told: seconds since the epoch; 0: never */
  uint64_t balloon_stats[COP_BALLOON_STATS]; /* by tag: VIRTIO 1.2 §5.5.6.4 */
  uint64_t spare[46];
  CopHartCounters harts[COP_MAX_HARTS];
  CopDiskCounters disks[COP_MAX_DISKS];
  CopNicCounters nics[COP_MAX_NICS];
  uint64_t console_written; /* bytes, ever */
  uint8_t console[COP_COUNTERS_CONSOLE];
};

#define COP_COUNT(counter, n) __atomic_fetch_add (&(counter), (uint64_t) (n), __ATOMIC_RELAXED)
#define COP_COUNTER(counter) __atomic_load_n (&(counter), __ATOMIC_RELAXED)
