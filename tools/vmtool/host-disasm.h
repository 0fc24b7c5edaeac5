/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Host code as text: by capstone, or in hexadecimal where vmtool is built without it.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* Appends a line per instruction of @bytes, which executes at @address. */
void vmt_host_disassemble (const uint8_t *bytes, size_t size, uint64_t address, GString *text);
