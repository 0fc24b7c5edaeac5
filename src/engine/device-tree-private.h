/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writing device trees: a tree under edit and the first thing that went wrong with it, so that a
 * long list of properties reads as one.
 */
#pragma once

#include "engine/device-tree.h"

#include <libfdt.h>

typedef struct
{
  void *fdt;                    /* (owned): COP_DTB_ROOM bytes */
  int   error;                  /* 0, or the first of libfdt's negative errors */
} CopFdtEdit;

/* Adds a node, or finds the one there is. Returns: its offset; 0 after an error. */
int cop_fdt_node (CopFdtEdit *edit, int parent, const char *name);

void cop_fdt_u32 (CopFdtEdit *edit, int node, const char *name, uint32_t value);
void cop_fdt_u64 (CopFdtEdit *edit, int node, const char *name, uint64_t value);
void cop_fdt_string (CopFdtEdit *edit, int node, const char *name, const char *value);
void cop_fdt_bytes (CopFdtEdit *edit, int node, const char *name, const void *value, size_t size);

/* A property of @n cells of 32 bits. */
void cop_fdt_cells (CopFdtEdit *edit, int node, const char *name, const uint32_t *cells,
                    unsigned n);

/* Fills /chosen. */
void cop_fdt_chosen (CopFdtEdit *edit, const CopFdtChosen *chosen);

/* Packs the tree and lets go of *edit. Returns: (transfer full) (nullable): NULL after an error,
   which is set with @label and the way out */
GBytes *cop_fdt_finish (CopFdtEdit *edit, const char *label, GError **error);
