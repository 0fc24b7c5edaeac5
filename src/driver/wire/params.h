/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Typed parameters: named values of seven types, libvirt's way to add to a call what nobody
 * thought of.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The longest name of a parameter, in bytes. */
#define COP_PARAM_FIELD_MAX 79

typedef enum
{
  COP_PARAM_INT = 1,
  COP_PARAM_UINT,
  COP_PARAM_LLONG,
  COP_PARAM_ULLONG,
  COP_PARAM_DOUBLE,
  COP_PARAM_BOOLEAN,
  COP_PARAM_STRING,
  COP_PARAM_LAST,
} CopParamType;

typedef struct
{
  char *field; /* (owned) */
  CopParamType type;
  union
  {
    int32_t i;
    uint32_t u;
    int64_t l;
    uint64_t ul;
    double d;
    bool b;
    char *s; /* (owned) */
  } value;
} CopTypedParam;

/* A list that grows. Start with { 0 }, and hand the items on with cop_params_steal(). */
typedef struct
{
  CopTypedParam *items;
  uint32_t n;
  uint32_t allocated;
} CopParams;

#define COP_PARAMS_INIT                                                                            \
  {                                                                                                \
    NULL, 0, 0                                                                                     \
  }

/* Each appends one parameter; @field is copied. */
void cop_params_add_int (CopParams *params, const char *field, int32_t value);
void cop_params_add_uint (CopParams *params, const char *field, uint32_t value);
void cop_params_add_llong (CopParams *params, const char *field, int64_t value);
void cop_params_add_ullong (CopParams *params, const char *field, uint64_t value);
void cop_params_add_double (CopParams *params, const char *field, double value);
void cop_params_add_boolean (CopParams *params, const char *field, bool value);
void cop_params_add_string (CopParams *params, const char *field, const char *value);

/**
 * cop_params_add:
 * @format: the name, as for printf(): "net.%u.rx.bytes"
 *
 * Appends a parameter without a value.
 *
 * Returns: (transfer none): the new item, until the next is added
 */
CopTypedParam *cop_params_add (CopParams *params, CopParamType type, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

/**
 * cop_params_steal:
 * @items: (out): as a PARAMS field's pointer
 * @n_items: (out): as a PARAMS field's count
 *
 * Hands the items over; @params is empty afterwards.
 */
void cop_params_steal (CopParams *params, CopTypedParam **items, uint32_t *n_items);

void cop_params_clear (CopParams *params);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CopParams, cop_params_clear)

/* What a call takes: a name and its type. A list of them ends with { NULL }. */
typedef struct
{
  const char *field;
  CopParamType type;
  bool repeated; /* the name may come more than once */
} CopParamRow;

/**
 * cop_params_check:
 * @rows: what is allowed
 *
 * Checks what a client sent: unknown names, wrong types and doubles are refused. An integer of
 * another type than asked for is accepted, and converted, if its value fits.
 *
 * Errors: %COP_DRIVER_ERROR_INVALID_ARG, naming the parameter and what is supported
 */
bool cop_params_check (CopTypedParam *items, uint32_t n_items, const CopParamRow *rows,
                       GError **error);

/**
 * cop_params_find:
 * Returns: (transfer none) (nullable): the first parameter named @field
 */
const CopTypedParam *cop_params_find (const CopTypedParam *items, uint32_t n_items,
                                      const char *field);

/**
 * cop_params_answer:
 * @params: all that there is; taken over
 * @wanted: the client's nparams: how many it has room for; 0 asks for the number only
 * @items: (out): at most @wanted of them
 * @n_items: (out): how many are in @items
 * @available: (out): how many there are
 *
 * The rule of every getter with an nparams.
 */
void cop_params_answer (CopParams *params, int32_t wanted, CopTypedParam **items, uint32_t *n_items,
                        int32_t *available);
