/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Typed parameters: building, checking and finding them.
 */
#include "driver/wire/params.h"

#include "driver/error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

static const char *const type_names[COP_PARAM_LAST] = {
  [COP_PARAM_INT] = "int",       [COP_PARAM_UINT] = "uint",     [COP_PARAM_LLONG] = "llong",
  [COP_PARAM_ULLONG] = "ullong", [COP_PARAM_DOUBLE] = "double", [COP_PARAM_BOOLEAN] = "boolean",
  [COP_PARAM_STRING] = "string",
};

static CopTypedParam *
append (CopParams *params, CopParamType type, char *field)
{
  CopTypedParam *item;

  if (params->n == params->allocated)
    {
      params->allocated = MAX (8, params->allocated * 2);
      params->items = g_renew (CopTypedParam, params->items, params->allocated);
    }
  item = &params->items[params->n++];
  memset (item, 0, sizeof *item);
  item->type = type;
  item->field = field;
  return item;
}

void
cop_params_add_int (CopParams *params, const char *field, int32_t value)
{
  append (params, COP_PARAM_INT, g_strdup (field))->value.i = value;
}

void
cop_params_add_uint (CopParams *params, const char *field, uint32_t value)
{
  append (params, COP_PARAM_UINT, g_strdup (field))->value.u = value;
}

void
cop_params_add_llong (CopParams *params, const char *field, int64_t value)
{
  append (params, COP_PARAM_LLONG, g_strdup (field))->value.l = value;
}

void
cop_params_add_ullong (CopParams *params, const char *field, uint64_t value)
{
  append (params, COP_PARAM_ULLONG, g_strdup (field))->value.ul = value;
}

void
cop_params_add_double (CopParams *params, const char *field, double value)
{
  append (params, COP_PARAM_DOUBLE, g_strdup (field))->value.d = value;
}

void
cop_params_add_boolean (CopParams *params, const char *field, bool value)
{
  append (params, COP_PARAM_BOOLEAN, g_strdup (field))->value.b = value;
}

void
cop_params_add_string (CopParams *params, const char *field, const char *value)
{
  append (params, COP_PARAM_STRING, g_strdup (field))->value.s = g_strdup (value);
}

CopTypedParam *
cop_params_add (CopParams *params, CopParamType type, const char *format, ...)
{
  va_list args;
  char *field;

  va_start (args, format);
  field = g_strdup_vprintf (format, args);
  va_end (args);
  return append (params, type, field);
}

void
cop_params_steal (CopParams *params, CopTypedParam **items, uint32_t *n_items)
{
  *items = g_steal_pointer (&params->items);
  *n_items = params->n;
  params->n = params->allocated = 0;
}

static void
clear_item (CopTypedParam *item)
{
  g_free (item->field);
  if (item->type == COP_PARAM_STRING)
    g_free (item->value.s);
}

void
cop_params_clear (CopParams *params)
{
  for (uint32_t i = 0; i < params->n; i++)
    clear_item (&params->items[i]);
  g_clear_pointer (&params->items, g_free);
  params->n = params->allocated = 0;
}

/* Whether @item is an integer; @negative and @magnitude say which. */
static bool
integer_value (const CopTypedParam *item, bool *negative, uint64_t *magnitude)
{
  int64_t value;

  switch (item->type)
    {
    case COP_PARAM_INT:
      value = item->value.i;
      break;
    case COP_PARAM_LLONG:
      value = item->value.l;
      break;
    case COP_PARAM_UINT:
      *negative = false;
      *magnitude = item->value.u;
      return true;
    case COP_PARAM_ULLONG:
      *negative = false;
      *magnitude = item->value.ul;
      return true;
    default:
      return false;
    }
  *negative = value < 0;
  *magnitude = value < 0 ? -(uint64_t) value : (uint64_t) value;
  return true;
}

/* Makes @item one of @type if it is an integer that fits. */
static bool
convert (CopTypedParam *item, CopParamType type)
{
  bool negative;
  uint64_t magnitude;

  if (!integer_value (item, &negative, &magnitude))
    return false;

  switch (type)
    {
    case COP_PARAM_INT:
      if (magnitude > (uint64_t) INT32_MAX + negative)
        return false;
      item->value.i = (int32_t) (negative ? -magnitude : magnitude);
      break;
    case COP_PARAM_UINT:
      if (negative || magnitude > UINT32_MAX)
        return false;
      item->value.u = (uint32_t) magnitude;
      break;
    case COP_PARAM_LLONG:
      if (magnitude > (uint64_t) INT64_MAX + negative)
        return false;
      item->value.l = (int64_t) (negative ? -magnitude : magnitude);
      break;
    case COP_PARAM_ULLONG:
      if (negative)
        return false;
      item->value.ul = magnitude;
      break;
    default:
      return false;
    }
  item->type = type;
  return true;
}

static char *
list_rows (const CopParamRow *rows)
{
  GString *list = g_string_new (NULL);

  for (; rows->field != NULL; rows++)
    g_string_append_printf (list, "%s%s", list->len > 0 ? ", " : "", rows->field);
  return g_string_free (list, FALSE);
}

bool
cop_params_check (CopTypedParam *items, uint32_t n_items, const CopParamRow *rows, GError **error)
{
  for (uint32_t i = 0; i < n_items; i++)
    {
      const CopParamRow *row = rows;

      while (row->field != NULL && strcmp (row->field, items[i].field) != 0)
        row++;
      if (row->field == NULL)
        {
          g_autofree char *names = list_rows (rows);

          g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                       _ ("parameter '%s' is not supported; there are: %s"), items[i].field, names);
          return false;
        }
      if (items[i].type != row->type && !convert (&items[i], row->type))
        {
          g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                       _ ("parameter '%s' must be of type %s and fit it, not %s"), row->field,
                       type_names[row->type], type_names[items[i].type]);
          return false;
        }
      if (!row->repeated && cop_params_find (items, i, row->field) != NULL)
        {
          g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                       _ ("parameter '%s' was given twice"), row->field);
          return false;
        }
    }
  return true;
}

const CopTypedParam *
cop_params_find (const CopTypedParam *items, uint32_t n_items, const char *field)
{
  for (uint32_t i = 0; i < n_items; i++)
    if (strcmp (items[i].field, field) == 0)
      return &items[i];
  return NULL;
}

void
cop_params_answer (CopParams *params, int32_t wanted, CopTypedParam **items, uint32_t *n_items,
                   int32_t *available)
{
  uint32_t keep = wanted < 0 ? 0 : MIN ((uint32_t) wanted, params->n);

  *available = (int32_t) (wanted == 0 ? params->n : keep);
  for (uint32_t i = keep; i < params->n; i++)
    clear_item (&params->items[i]);
  params->n = keep;
  cop_params_steal (params, items, n_items);
  cop_params_clear (params);
}
