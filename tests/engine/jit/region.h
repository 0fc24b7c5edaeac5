/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random guest programs that behave: whatever they do, they do the same on every engine.
 *
 *   DRAM + 0x000000  handlers: go on behind what faulted, or at some restart point
 *          0x004000  length of the instruction at each byte of the code, 0 between instructions
 *          0x010000  code, four pages
 *          0x020000  patch page: little functions that are written over while the program runs
 *          0x030000  page tables
 *          0x200000  data, 64 pages
 *
 *   va     + 0 MiB     all below the data in small pages, not writable; executed here
 *            2 MiB     the data in small pages, with all kinds of permissions; some are the device
 *            4 MiB     the data again, as one large page
 *            1022 MiB  all below the data again, as one large page; patches and tables are written
 * here
 *
 * What the architecture leaves open must not happen, for there engines may differ: code and page
 * tables are only written by sequences that end in the fence they need, and only handler, code and
 * patches are executed, from where their instructions start. Random code may not get elsewhere by
 * chance either: its pointers cannot move as far as what must not be written, or jumps as what must
 * not be executed. region-judge.h tells whether a program keeps to that.
 */
#pragma once

#include "engine/riscv/hart.h"

#define REGION_DRAM UINT64_C (0x80000000)
#define REGION_RAM_SIZE (UINT64_C (4) << 20)
#define REGION_CODE 0x10000u
#define REGION_CODE_SIZE 0x4000u
#define REGION_PATCH 0x20000u
#define REGION_TABLES 0x30000u
#define REGION_TABLES_SIZE 0x6000u
#define REGION_LOW_SIZE 0x40000u /* all before the data that is not zero is below */
#define REGION_CODE_START 24u /* the register that holds its address */
#define REGION_DATA 0x200000u
#define REGION_DATA_SIZE 0x40000u
#define REGION_NAPOT 48u /* page of the data that 16 are mapped as one from */
#define REGION_DEVICE UINT64_C (0x10000000) /* a page of registers */

/* Numbers of a sequence that a seed names. */
typedef struct
{
  uint64_t state;
} RegionRandom;

uint64_t region_random (RegionRandom *random);

/* In [0, @n). */
static inline unsigned
region_below (RegionRandom *random, unsigned n)
{
  return (unsigned) ((region_random (random) >> 32) % n);
}

static inline bool
region_one_in (RegionRandom *random, unsigned n)
{
  return region_below (random, n) == 0;
}

typedef struct
{
  uint64_t seed;
  CopIsa isa;
  CopHartState start;
  uint8_t low[REGION_LOW_SIZE];
  uint8_t data[REGION_DATA_SIZE];
} Region;

/* Makes the program that @seed names. */
void region_make (Region *region, uint64_t seed);

/* A harmless instruction to write over the word at an offset in the patch page. */
uint32_t region_patch (RegionRandom *random, unsigned *offset);

/* Returns: (transfer full): the code, disassembled */
char *region_listing (const Region *region);
