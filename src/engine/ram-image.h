/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guest memory as a file: byte N of DRAM at offset N, a hole where pages are zero.
 *
 *   file   | pages | hole ......... | pages | hole |   as long as DRAM
 *
 * Saving writes the pages that were ever touched and are not zero. Restoring maps the file
 * privately: nothing is read before the guest reads it, and the file is never written.
 */
#pragma once

#include "engine/page-set.h"
#include "engine/ram.h"

/* Told how many bytes of @total are behind. Returns: whether to go on */
typedef bool (*CopRamProgress) (gpointer data, uint64_t done, uint64_t total);

/**
 * cop_ram_save:
 * @fd: an empty regular file, open for writing; not taken over
 * @progress: (nullable)
 *
 * Nobody writes to DRAM meanwhile. Does not sync.
 *
 * Errors: %G_IO_ERROR; %G_IO_ERROR_CANCELLED when @progress said so.
 *
 * Returns: (transfer full): the pages that the file holds; a few of them may be zero
 */
CopPageSet *cop_ram_save (CopRam *ram, int fd, CopRamProgress progress, gpointer data,
                          GError **error);

/**
 * cop_ram_dump:
 * @fd: a regular file, open for writing, with nothing from @offset on; not taken over
 * @offset: whole pages
 *
 * The same from byte @offset of the file on, as pages are when their turn comes: DRAM may be
 * written to meanwhile.
 */
bool cop_ram_dump (CopRam *ram, int fd, uint64_t offset, CopRamProgress progress, gpointer data,
                   GError **error);

/**
 * cop_ram_map_image:
 * @fd: a file as cop_ram_save() makes; not taken over, and not needed any more afterwards
 *
 * Replaces the contents of DRAM, which no hart or device uses yet, by the file's.
 *
 * Errors: %G_IO_ERROR when the file has not the size of DRAM, cannot be mapped, or DRAM is shared.
 */
bool cop_ram_map_image (CopRam *ram, int fd, GError **error);
