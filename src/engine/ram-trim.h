/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Giving back memory that a guest has only zeroed.
 *
 *   hart: may write a page --> note it --> when it has gone on to 64 others: all zero? --> the
 * host's
 *
 * A kernel that comes up clears tables for the largest machine it could run on: of Debian's, 32 MiB
 * are never used again. A page that is all zero reads the same when the host takes it back, and its
 * address stays, so TLB entries of it are as good as before. Only a write at that very moment would
 * be lost: it is done on the thread of the only one who can write, for as long as there is only
 * one.
 */
#pragma once

#include "engine/ram.h"

/* @writer: (nullable): the hart that alone can write DRAM from now on; NULL: there are others, such
   as a second hart, or a device that has been given a queue. On the thread of the writer, or while
   it is parked. */
void cop_ram_set_sole_writer (CopRam *ram, gconstpointer writer);

/* Notes that the page at @gpa was made writable for the sole writer, on its thread. */
void cop_ram_trim_note (CopRam *ram, uint64_t gpa);
