/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JSON as others write it: read into a tree, bounded in depth and size. Source: RFC 8259
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define COP_JSON_ERROR (cop_json_error_quark ())
GQuark cop_json_error_quark (void);

/* The one code of COP_JSON_ERROR. */
#define COP_JSON_ERROR_INVALID 0

typedef enum
{
  COP_JSON_NULL,
  COP_JSON_BOOL,
  COP_JSON_NUMBER,
  COP_JSON_STRING,
  COP_JSON_ARRAY,
  COP_JSON_OBJECT,
} CopJsonType;

typedef struct CopJson CopJson;

struct CopJson
{
  CopJsonType type;
  bool truth; /* of BOOL */
  char *text; /* (owned) (nullable): of STRING; of NUMBER as it was written */
  GPtrArray *items; /* (owned) (nullable) (element-type CopJson): of ARRAY and OBJECT */
  GPtrArray *names; /* (owned) (nullable) (element-type utf8): of OBJECT, as the items */
};

/**
 * cop_json_parse:
 * @text: one value, with nothing but white space around it
 *
 * Errors: %COP_JSON_ERROR_INVALID: no JSON, deeper than 32, or of more than 65536 values; says
 * where
 */
CopJson *cop_json_parse (const char *text, gsize length, GError **error);
void cop_json_free (CopJson *json);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopJson, cop_json_free)

/* What follows takes NULL, and values of another type, for ones that say nothing. */

/* Returns: (transfer none) (nullable): the member called @name of an object */
const CopJson *cop_json_member (const CopJson *json, const char *name);

/* How many elements an array has; and one of them, @index less than that. */
guint cop_json_length (const CopJson *json);
const CopJson *cop_json_element (const CopJson *json, guint index);

/* Returns: (transfer none) (nullable): the text of a string */
const char *cop_json_string (const CopJson *json);

/* Each returns whether @json is such a number, within range; changes nothing otherwise. */
bool cop_json_int64 (const CopJson *json, int64_t *number);
bool cop_json_uint64 (const CopJson *json, uint64_t *number);

/* Appends @text as a string; what is no UTF-8 in it is replaced. */
void cop_json_append_string (GString *json, const char *text);
