/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the makers of random programs share: registers and places with a purpose, and encoding.
 *
 *   region-code.c     random code
 *   region-world.c    what it runs in: handler, patch functions, page tables, data, state
 *   region-encode.c   instructions from their operands
 */
#pragma once

#include "region.h"

#include "engine/riscv/insn.h"

#define HANDLER 0x0000u /* of machine mode */
#define HANDLER_S 0x0800 /* of supervisor mode */
#define POINTERS 0x0600u /* what the pointer registers are set to after a trap */
#define RESTARTS 0x0700u /* offsets of four bytes each */
#define LENGTHS 0x4000u
#define N_RESTARTS 64
#define DATA_TABLE (REGION_TABLES + 0x1000) /* the leaves of the data */

/* In the patch page: functions of eight words, and words to write over them. */
#define SLOT_SIZE 32u
#define N_SLOTS 32u
#define WORDS 0x400u
#define N_WORDS 128u
#define BESIDE 0x600 /* data of 512 bytes on the page of the code */

/* Registers with a purpose; random code writes the others only. */
enum
{
  RA = 1,
  SP,
  GP,
  TP,
  T0,
  S0 = 8,
  S1,
  COUNTER = 21,
  HANDLER_PAGE = 22, /* physical: read in machine mode and without paging only */
  CODE_SIZE = 23,
  CODE_START = REGION_CODE_START,
  PATCH_PAGE = 25, /* where it is written; it is executed elsewhere */
  TABLE_PAGE = 26, /* page table of the data */
  WORK = 27,
  WORK2 = 28,
  RESTART = 29,
  TEMP = 30,
  TEMP2 = 31,
};

#define REGION_N_POINTERS 5
#define REGION_N_RESULTS 16

extern const uint8_t region_pointers[REGION_N_POINTERS];
extern const uint8_t region_results[REGION_N_RESULTS];

typedef struct
{
  unsigned rd, rs1, rs2, rs3, rm;
  int32_t imm;
} RegionFields;

uint32_t region_encode (CopInsnOp op, RegionFields f);

#define I(op, ...) region_encode (COP_INSN_##op, (RegionFields){ __VA_ARGS__ })

typedef struct
{
  Region *region;
  RegionRandom random;
  unsigned at; /* in the code */
  /* How often out of 64, besides plain arithmetic. */
  unsigned memory, fp, control, special, compressed;
  bool paged, supervisor, wild;
} RegionMaker;

static inline unsigned
below (RegionMaker *m, unsigned n)
{
  return region_below (&m->random, n);
}

static inline bool
one_in (RegionMaker *m, unsigned n)
{
  return region_one_in (&m->random, n);
}

#define PICK(m, array) ((array)[below (m, G_N_ELEMENTS (array))])

/* Any row that only computes, loads or stores. */
uint32_t region_random_row (RegionMaker *m, CopInsnOp op);

/* Such a row that has one of the effects @any_of, if that is not 0, and none of @none_of. */
CopInsnOp region_pick_op (RegionMaker *m, uint16_t any_of, uint16_t none_of);

/* The offset of a word of patch function @slot that may be written over. */
unsigned region_pick_patch (RegionRandom *random, unsigned slot);

/* Where in the code some instruction starts, within @reach of @from. */
unsigned region_pick_start (RegionMaker *m, unsigned from, unsigned reach);

/* Fills the code. */
void region_make_code (RegionMaker *m);

/* Makes all that the code of @m->region is to run in. */
void region_make_world (RegionMaker *m);
