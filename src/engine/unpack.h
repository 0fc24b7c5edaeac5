/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compressed boot files, read as a stream: straight into guest memory, never twice in the host's.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum
{
  COP_PACKING_NONE,
  COP_PACKING_GZIP,
  COP_PACKING_ZSTD,
  COP_PACKING_UNSUPPORTED, /* a format we know by its first bytes only */
} CopPacking;

/**
 * cop_packing_detect:
 * @name: (out) (optional) (transfer none) (nullable): what the format is called; set when the
 *   result is not %COP_PACKING_NONE
 *
 * Returns: the format that @data begins with
 */
CopPacking cop_packing_detect (const uint8_t *data, size_t size, const char **name);

typedef struct CopUnpack CopUnpack;

/**
 * cop_unpack_new:
 * @packing: anything but %COP_PACKING_UNSUPPORTED; with %COP_PACKING_NONE, @bytes as they are
 * @label: for messages
 */
CopUnpack *cop_unpack_new (GBytes *bytes, CopPacking packing, const char *label);
void cop_unpack_free (CopUnpack *unpack);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopUnpack, cop_unpack_free)

/**
 * cop_unpack_read:
 * @got: (out): bytes stored at @to; less than @size only at the end of the data
 *
 * Errors: %COP_MACHINE_ERROR_IMAGE when the stream is damaged or cut off, with the offset in the
 * compressed data.
 */
bool cop_unpack_read (CopUnpack *unpack, void *to, size_t size, size_t *got, GError **error);
