/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The symbols of an ELF file, for the loader and for debuggers.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*CopElfSymbolFunc) (gpointer data, const char *name, uint64_t value, bool local);

/* Calls @func for every defined symbol of code, data or no type. Whatever bytes these are: tables that
   cannot be read have none. */
void cop_elf_each_symbol (const uint8_t *bytes, size_t size, CopElfSymbolFunc func, gpointer data);
