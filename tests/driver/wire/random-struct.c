/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random values of any struct that has a table.
 */
#include "random-struct.h"

#include "driver/wire/addons.h"
#include "driver/wire/params.h"
#include "driver/wire/remote.h"

#include <string.h>

#define AT(value, type, offset) ((type *) (void *) ((char *) (value) + (offset)))

static uint64_t
random_64 (GRand *rand)
{
  return (uint64_t) g_rand_int (rand) << 32 | g_rand_int (rand);
}

static char *
random_string (GRand *rand, unsigned limit)
{
  unsigned length = (unsigned) g_rand_int_range (rand, 0, (gint32) limit);
  char *text = g_malloc (length + 1);

  for (unsigned i = 0; i < length; i++)
    text[i] = (char) g_rand_int_range (rand, 1, 256);
  text[length] = '\0';
  return text;
}

static void
random_bytes (CopBytes *bytes, unsigned max, GRand *rand)
{
  bytes->length = (uint32_t) g_rand_int_range (rand, 0, (gint32) MIN (max, 40) + 1);
  bytes->data = bytes->length > 0 ? g_malloc (bytes->length) : NULL;
  for (uint32_t i = 0; i < bytes->length; i++)
    bytes->data[i] = (uint8_t) g_rand_int (rand);
}

static void
random_param (CopTypedParam *param, GRand *rand)
{
  param->field = random_string (rand, COP_PARAM_FIELD_MAX + 1);
  param->type = (CopParamType) g_rand_int_range (rand, COP_PARAM_INT, COP_PARAM_LAST);
  if (param->type == COP_PARAM_STRING)
    param->value.s = random_string (rand, 50);
  else if (param->type == COP_PARAM_BOOLEAN)
    param->value.b = g_rand_boolean (rand);
  else if (param->type == COP_PARAM_DOUBLE)
    param->value.d = g_rand_double (rand);
  else
    param->value.ul = random_64 (rand);
}

static void
random_list (const CopXdrField *field, void *value, GRand *rand, unsigned depth)
{
  uint32_t n = (uint32_t) g_rand_int_range (rand, 0, (gint32) MIN (depth, field->max) + 1);
  const CopXdrType *type = field->kind == COP_XDR_ARRAY ? field->type () : NULL;
  size_t size = type != NULL                     ? type->size
                : field->kind == COP_XDR_PARAMS  ? sizeof (CopTypedParam)
                : field->kind == COP_XDR_STRINGS ? sizeof (char *)
                : field->kind == COP_XDR_UHYPERS ? 8
                                                 : 4;
  char *items = n > 0 ? g_malloc0_n (n, size) : NULL;

  *AT (value, uint32_t, field->count_offset) = n;
  *AT (value, char *, field->offset) = items;
  for (uint32_t i = 0; i < n; i++)
    {
      char *item = items + i * size;

      if (type != NULL)
        random_struct_fill (type, item, rand, depth / 2);
      else if (field->kind == COP_XDR_PARAMS)
        random_param ((CopTypedParam *) (void *) item, rand);
      else if (field->kind == COP_XDR_STRINGS)
        *(char **) (void *) item = random_string (rand, 30);
      else if (size == 8)
        *(uint64_t *) (void *) item = random_64 (rand);
      else
        *(uint32_t *) (void *) item = g_rand_int (rand);
    }
}

static void
random_field (const CopXdrField *field, void *value, GRand *rand, unsigned depth)
{
  switch (field->kind)
    {
    case COP_XDR_INT:
    case COP_XDR_UINT:
    case COP_XDR_NARROW:
      *AT (value, uint32_t, field->offset) = g_rand_int (rand);
      break;
    case COP_XDR_HYPER:
    case COP_XDR_UHYPER:
    case COP_XDR_DOUBLE:
      *AT (value, uint64_t, field->offset) = random_64 (rand);
      break;
    case COP_XDR_STRING:
      *AT (value, char *, field->offset) = random_string (rand, 60);
      break;
    case COP_XDR_OSTRING:
      if (g_rand_boolean (rand))
        *AT (value, char *, field->offset) = random_string (rand, 60);
      break;
    case COP_XDR_UUID:
      for (unsigned i = 0; i < 16; i++)
        AT (value, uint8_t, field->offset)[i] = (uint8_t) g_rand_int (rand);
      break;
    case COP_XDR_WIDE_FIXED:
      for (unsigned i = 0; i < field->max; i++)
        AT (value, uint8_t, field->offset)[i] = (uint8_t) g_rand_int (rand);
      break;
    case COP_XDR_OPAQUE:
    case COP_XDR_WIDE:
      random_bytes (AT (value, CopBytes, field->offset), field->max, rand);
      break;
    case COP_XDR_STRUCT:
      random_struct_fill (field->type (), AT (value, void, field->offset), rand, depth);
      break;
    case COP_XDR_OPTIONAL:
      if (!g_rand_boolean (rand))
        break;
      *AT (value, void *, field->offset) = g_malloc0 (field->type ()->size);
      random_struct_fill (field->type (), *AT (value, void *, field->offset), rand, depth);
      break;
    default:
      random_list (field, value, rand, depth);
      break;
    }
}

void
random_struct_fill (const CopXdrType *type, void *value, GRand *rand, unsigned depth)
{
  memset (value, 0, type->size);
  for (const CopXdrField *field = type->fields; field->kind != COP_XDR_END; field++)
    random_field (field, value, rand, depth);
}

void
random_struct_each (void (*func) (const CopXdrType *type, const char *name, gpointer data),
                    gpointer data)
{
  static const CopProgram *const programs[] = { &cop_remote_program, &cop_qemu_program,
                                                &cop_lxc_program };

  for (size_t p = 0; p < G_N_ELEMENTS (programs); p++)
    for (uint32_t n = 0; n < programs[p]->n_procedures; n++)
      {
        const CopProcedure *procedure = cop_program_find (programs[p], (int32_t) n);

        if (procedure == NULL)
          continue;
        if (procedure->args != NULL)
          func (procedure->args (), procedure->name, data);
        func (procedure->ret (), procedure->name, data);
      }
}
