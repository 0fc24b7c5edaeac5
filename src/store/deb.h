/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading files out of Debian packages and compressed files.
 */
#pragma once

#include "store/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether a file is wanted; @path has no "./" in front. */
typedef bool (*CopDebWant) (const char *path);
typedef void (*CopDebProgress) (uint64_t bytes, gpointer data);

/**
 * cop_deb_read:
 * @path: a .deb file
 * @progress: (nullable): called with the number of unpacked bytes so far
 *
 * Reads the wanted regular files; nothing is written to disk.
 *
 * Errors: %COP_STORE_ERROR_TOOL, _CORRUPT
 *
 * Returns: (transfer full) (element-type utf8 GBytes) (nullable): contents by path
 */
GHashTable *cop_deb_read (const char *path, CopDebWant want, CopDebProgress progress, gpointer data,
                          GError **error);

/**
 * cop_decompress:
 * @bytes: something that gzip, xz, zstd or none of them compressed
 * @limit: most bytes that may come out
 * @label: for messages
 *
 * Returns: (transfer full) (nullable): the contents
 */
GBytes *cop_decompress (GBytes *bytes, uint64_t limit, const char *label, GError **error);
