/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sizes in bytes, as people write them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define COP_KIB (UINT64_C (1) << 10)
#define COP_MIB (UINT64_C (1) << 20)
#define COP_GIB (UINT64_C (1) << 30)

/**
 * cop_size_parse:
 * @text: a decimal number with an optional suffix K, M, G or T (powers of 1024, case ignored,
 *   an `iB` after it allowed); without one, bytes
 * @bytes: (out): the size in bytes; set on success only
 *
 * Errors: %G_IO_ERROR_INVALID_ARGUMENT-like, from the GLib number parser domain; the message
 * names @text.
 *
 * Returns: whether @text is a size that fits 64 bits
 */
bool cop_size_parse (const char *text, uint64_t *bytes, GError **error);

/**
 * cop_size_format:
 * Returns: (transfer full): @bytes in the largest binary unit that divides it, such as "512 MiB"
 */
char *cop_size_format (uint64_t bytes);
