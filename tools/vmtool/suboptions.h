/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Values of options that have options of their own.
 *
 *   --disk root.img,readonly,serial=AB12
 *          |        |        `- option with a value
 *          |        `- flag
 *          `- head; a comma in any of them is typed twice
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum
{
  VMT_SUB_FLAG,                 /* NAME, or NAME=on and NAME=off */
  VMT_SUB_VALUE,                /* NAME=VALUE */
} VmtSubKind;

typedef struct
{
  const char *name;             /* NULL ends the table */
  VmtSubKind  kind;
  const char *value;            /* what messages call the value */
  bool        repeated;
} VmtSubOption;

typedef struct
{
  char      *head;              /* (owned) */
  GPtrArray *lists;             /* (owned) (element-type GPtrArray of utf8): by table row; each ends
                                   with NULL */
} VmtSubValues;

/**
 * vmt_sub_parse:
 * @option: the option's name without dashes, for messages
 * @text: as typed
 * @table: what may follow the head, ends with a row without name
 *
 * Errors: %VMT_ERROR_USAGE, naming the part that is wrong and what comes close.
 */
VmtSubValues *vmt_sub_parse (const char *option, const char *text, const VmtSubOption *table,
                             GError **error);
void vmt_sub_values_free (VmtSubValues *values);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmtSubValues, vmt_sub_values_free)

/* Returns: (nullable): the value of row @index, the last one given; "on" or "off" of a flag */
const char *vmt_sub_value (const VmtSubValues *values, unsigned index);
bool vmt_sub_flag (const VmtSubValues *values, unsigned index);
/* Returns: all values of row @index; ends with NULL */
const char *const *vmt_sub_list (const VmtSubValues *values, unsigned index);
