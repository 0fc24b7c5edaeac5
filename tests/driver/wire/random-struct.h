/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random values of any struct that has a table.
 */
#pragma once

#include "driver/wire/xdr.h"

/**
 * random_struct_fill:
 * @value: (out): a random value of @type, to be freed with cop_xdr_clear()
 * @depth: how long lists may be at most
 */
void random_struct_fill (const CopXdrType *type, void *value, GRand *rand, unsigned depth);

/* Calls @func with every struct of libvirt's three programs, and what it is called. */
void random_struct_each (void (*func) (const CopXdrType *type, const char *name, gpointer data),
                         gpointer data);
