/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names of guest addresses: from an ELF file, or from a System.map or `nm` listing.
 *
 *   ffffffff80001000 T _start        address, kind, name
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct VmtSymbols VmtSymbols;

VmtSymbols *vmt_symbols_new (void);
void vmt_symbols_free (VmtSymbols *symbols);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmtSymbols, vmt_symbols_free)

/* Adds the symbols of @bytes, an ELF file or a listing. Returns: how many were added; 0 for what is
   neither */
unsigned vmt_symbols_add (VmtSymbols *symbols, GBytes *bytes);

unsigned vmt_symbols_count (const VmtSymbols *symbols);

/**
 * vmt_symbols_set_slide:
 * @gva: where the kernel's handle_exception is, as its stvec says; 0: not known yet
 *
 * A kernel that moved itself to a random address is elsewhere than its file says, by as much as this
 * symbol of Linux is.
 */
void vmt_symbols_set_slide (VmtSymbols *symbols, uint64_t gva);

/* Returns: false when there is no symbol @name; @gva: (out) */
bool vmt_symbols_find (VmtSymbols *symbols, const char *name, uint64_t *gva);

/* The symbol that @gva belongs to. Returns: (transfer none) (nullable); @offset: (out): from its
   start */
const char *vmt_symbols_name (VmtSymbols *symbols, uint64_t gva, uint64_t *offset);

/* Returns: (transfer full): "name+0x12", or "" when there is none */
char *vmt_symbols_format (VmtSymbols *symbols, uint64_t gva);
