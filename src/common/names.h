/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names of the values of an enum: one table per enum serves the command line, XML, messages and
 * completion.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct
{
  const char *const *names;     /* indexed by value; NULL for a value without a name */
  unsigned           count;
} CopNames;

/**
 * COP_NAMES:
 * @table: identifier of the table to define
 * @last: number of values the enum has
 *
 * Defines a name table; does not compile unless there are exactly @last names.
 */
#define COP_NAMES(table, last, ...)                                                              \
  static const char *const table##_strings[] = { __VA_ARGS__ };                                  \
  _Static_assert (G_N_ELEMENTS (table##_strings) == (last), #table " names each value once");    \
  const CopNames table = { table##_strings, last }

/**
 * cop_names_to_string:
 * Returns: (transfer none) (nullable): the name of @value, or NULL when it has none
 */
const char *cop_names_to_string (const CopNames *names, unsigned value);

/**
 * cop_names_from_string:
 * @value: (out): the value named @name; set on success only
 *
 * Returns: whether @name is in the table; comparison is exact
 */
bool cop_names_from_string (const CopNames *names, const char *name, unsigned *value);

/**
 * cop_names_list:
 * Returns: (transfer full): all names in order, joined with ", ", for messages
 */
char *cop_names_list (const CopNames *names);
