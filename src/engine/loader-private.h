/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the loader share.
 */
#pragma once

#include "engine/loader.h"
#include "engine/machine.h"

#include <string.h>

#define COP_KERNEL_OFFSET (UINT64_C (2) << 20) /* of a kernel in DRAM, past the firmware */

/* A file on its way into the plan. */
typedef struct
{
  GBytes     *bytes;            /* (unowned) */
  const char *label;
  uint64_t    base;             /* gpa for files that do not say where they belong */
  uint64_t    dram_size;        /* bytes of DRAM at COP_DRAM_GPA */
} CopBootFile;

/* Little-endian numbers at any alignment. */
static inline uint64_t
cop_le64 (const uint8_t *at)
{
  uint64_t value;

  memcpy (&value, at, sizeof value);
  return GUINT64_FROM_LE (value);
}

static inline uint32_t
cop_le32 (const uint8_t *at)
{
  uint32_t value;

  memcpy (&value, at, sizeof value);
  return GUINT32_FROM_LE (value);
}

static inline uint16_t
cop_le16 (const uint8_t *at)
{
  uint16_t value;

  memcpy (&value, at, sizeof value);
  return GUINT16_FROM_LE (value);
}

/**
 * cop_boot_plan_add:
 * Adds @bytes at @gpa, where they take @size bytes of memory.
 *
 * Errors: when that is not all in DRAM, or overlaps what is there already
 */
bool cop_boot_plan_add (CopBootPlan *plan, const CopBootFile *file, uint64_t gpa, uint64_t size,
                        GBytes *bytes, CopPacking packing, GError **error);

bool cop_elf_detect (const uint8_t *data, size_t size);

/**
 * cop_elf_load:
 * @relocate: put it at file->base when its addresses are not in DRAM, as Linux's are not
 * @entry: (out)
 *
 * Adds the segments and, to plan->symbols, the symbols of an ELF.
 */
bool cop_elf_load (CopBootPlan *plan, const CopBootFile *file, bool relocate, uint64_t *entry,
                   GError **error);

/**
 * cop_image_load:
 * @entry: (out)
 *
 * Adds a kernel in Linux's Image format, packed or not, or a raw binary.
 */
bool cop_image_load (CopBootPlan *plan, const CopBootFile *file, uint64_t *entry, GError **error);

/* Whether @bytes are a compressed ELF; then *elf is its contents, unpacked (transfer full). */
bool cop_image_unpack_elf (const CopBootFile *file, GBytes **elf, GError **error);
