/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a machine boots, and where it goes. Files are checked once and become a plan; the plan is
 * carried out at the start and again at each reset.
 *
 *   0x80000000   firmware (COP_BOOT_FIRMWARE), or nothing
 *   0x80200000   kernel: Image, or ELF where it says
 *   + min (RAM / 2, 128 MiB)   initrd
 *   end of RAM, at most 0xc0000000, less 2 MiB   device tree
 *
 * which is where QEMU's virt machine puts them.
 */
#pragma once

#include "engine/config.h"
#include "engine/ram.h"
#include "engine/unpack.h"

/* The device tree has this much room; a larger one is refused. */
#define COP_DTB_ROOM (UINT64_C (2) << 20)

/* One run of bytes in memory. */
typedef struct
{
  uint64_t    gpa;
  uint64_t    size;             /* bytes of memory that belong to it; zero after the contents */
  GBytes     *bytes;            /* (owned): the contents, maybe packed */
  CopPacking  packing;
  char       *label;            /* (owned): for messages */
} CopBootPart;

typedef struct
{
  GPtrArray  *parts;            /* (element-type CopBootPart) (owned) */
  uint64_t    entry;            /* where the first hart starts */
  uint64_t    kernel_entry;     /* where firmware shall go; 0: there is no kernel */
  uint64_t    initrd_gpa, initrd_size; /* size 0: there is none */
  uint64_t    dtb_gpa;
  GHashTable *symbols;          /* name to uint64_t gpa (owned); empty without an ELF */
} CopBootPlan;

/**
 * cop_boot_plan_new:
 * Checks every file of @config and decides where it goes.
 *
 * Errors: %COP_MACHINE_ERROR_IMAGE: not a kernel, cut off, of another architecture, outside RAM or
 * overlapping, with label, offset and the way out; %COP_MACHINE_ERROR_CONFIG: a file is missing
 * that the kind of boot needs.
 */
CopBootPlan *cop_boot_plan_new (const CopMachineConfig *config, GError **error);
void cop_boot_plan_free (CopBootPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopBootPlan, cop_boot_plan_free)

/**
 * cop_boot_plan_load:
 * @dtb: the device tree to put at plan->dtb_gpa
 *
 * Copies and unpacks everything into @ram, which reads as zero before, and writes the boot ROM.
 *
 * Errors: %COP_MACHINE_ERROR_IMAGE when compressed data proves damaged or too large.
 */
bool cop_boot_plan_load (const CopBootPlan *plan, CopRam *ram, GBytes *dtb, GError **error);

/**
 * cop_boot_files_check:
 * Asks whether the files of @config, which may be mapped, can still be read to their ends: before
 * they are loaded again. A read behind the end would end the process.
 *
 * Errors: %COP_MACHINE_ERROR_IMAGE, naming the file.
 */
bool cop_boot_files_check (const CopMachineConfig *config, GError **error);
