/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Walks over state tables: reset, checks, access by row, comparison; and the machine's document.
 */
#include "engine/state.h"

#include <inttypes.h>
#include <string.h>

/* clang-format off */
G_DEFINE_QUARK (cop-state-error-quark, cop_state_error)
/* clang-format on */

/* Scalars, indexed by CopStateKind. */
static const struct
{
  uint8_t  size;                /* bytes */
  uint64_t max;
} scalar_kinds[] = {
  /* clang-format off */
  [COP_STATE_BOOL] = { sizeof (bool),     1 },
  [COP_STATE_U8]   = { sizeof (uint8_t),  UINT8_MAX },
  [COP_STATE_U16]  = { sizeof (uint16_t), UINT16_MAX },
  [COP_STATE_U32]  = { sizeof (uint32_t), UINT32_MAX },
  [COP_STATE_U64]  = { sizeof (uint64_t), UINT64_MAX },
  /* clang-format on */
};

static size_t
element_offset (const CopStateRow *row, uint32_t index)
{
  return row->offset + (size_t)index * row->size;
}

/* "name", or "name[index]" of an array's element. (transfer full) */
static char *
element_name (const CopStateRow *row, uint32_t index)
{
  return row->count == 1 ? g_strdup (row->name) : g_strdup_printf ("%s[%u]", row->name, index);
}

uint64_t
cop_state_get (const CopStateRow *row, const void *data, uint32_t index)
{
  const uint8_t *from = (const uint8_t *)data + element_offset (row, index);

  g_return_val_if_fail (row->kind != COP_STATE_STRUCT && index < row->count, 0);

  /* A bool is read as the byte it is, so that one that a stray write damaged can be reported. */
  switch (row->size)
    {
    case 1:
      return *from;
    case 2:
      return *(const uint16_t *)(const void *)from;
    case 4:
      return *(const uint32_t *)(const void *)from;
    default:
      return *(const uint64_t *)(const void *)from;
    }
}

static void
put (const CopStateRow *row, void *data, uint32_t index, uint64_t value)
{
  void *to = (uint8_t *)data + element_offset (row, index);

  switch (row->size)
    {
    case 1:
      *(uint8_t *)to = value;
      break;
    case 2:
      *(uint16_t *)to = value;
      break;
    case 4:
      *(uint32_t *)to = value;
      break;
    default:
      *(uint64_t *)to = value;
      break;
    }
}

static bool
check_value (const CopStateRow *row, uint32_t index, uint64_t value, GError **error)
{
  uint64_t max = row->max != 0 ? row->max : scalar_kinds[row->kind].max;
  g_autofree char *name = NULL;

  if (value <= max && (row->mask == 0 || (value & ~row->mask) == 0))
    return true;

  name = element_name (row, index);
  if (value > max)
    g_set_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE,
                 "%s: 0x%" PRIx64 " is more than 0x%" PRIx64 ", the largest value allowed", name,
                 value, max);
  else
    g_set_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE,
                 "%s: 0x%" PRIx64 " has bits set outside 0x%" PRIx64, name, value, row->mask);
  return false;
}

bool
cop_state_set (const CopStateRow *row, void *data, uint32_t index, uint64_t value, GError **error)
{
  g_return_val_if_fail (row->kind != COP_STATE_STRUCT && index < row->count, false);

  if (!check_value (row, index, value, error))
    return false;
  put (row, data, index, value);
  return true;
}

static void
set_reset_values (const CopStateTable *table, void *data, bool all)
{
  for (uint32_t i = 0; i < table->n_rows; i++)
    {
      const CopStateRow *row = &table->rows[i];

      if (row->survives_reset && !all)
        continue;
      for (uint32_t j = 0; j < row->count; j++)
        if (row->kind == COP_STATE_STRUCT)
          set_reset_values (row->table, (uint8_t *)data + element_offset (row, j), all);
        else
          put (row, data, j, row->reset);
    }
}

void
cop_state_reset (const CopStateTable *table, void *data)
{
  set_reset_values (table, data, false);
}

void
cop_state_init (const CopStateTable *table, void *data)
{
  set_reset_values (table, data, true);
}

bool
cop_state_check (const CopStateTable *table, const void *data, GError **error)
{
  for (uint32_t i = 0; i < table->n_rows; i++)
    {
      const CopStateRow *row = &table->rows[i];

      for (uint32_t j = 0; j < row->count; j++)
        {
          if (row->kind != COP_STATE_STRUCT)
            {
              if (!check_value (row, j, cop_state_get (row, data, j), error))
                return false;
            }
          else if (!cop_state_check (row->table, (const uint8_t *)data + element_offset (row, j),
                                     error))
            {
              g_autofree char *name = element_name (row, j);

              g_prefix_error (error, "%s.", name);
              return false;
            }
        }
    }
  return table->check == NULL || table->check (data, error);
}

const CopStateRow *
cop_state_table_find (const CopStateTable *table, const char *name)
{
  for (uint32_t i = 0; i < table->n_rows; i++)
    if (strcmp (table->rows[i].name, name) == 0)
      return &table->rows[i];
  return NULL;
}

bool
cop_state_diff (const CopStateTable *table, const char *id, const void *a, const void *b,
                GString *report)
{
  bool equal = true;

  for (uint32_t i = 0; i < table->n_rows; i++)
    {
      const CopStateRow *row = &table->rows[i];
      size_t length = (size_t)row->size * row->count;

      if (memcmp ((const uint8_t *)a + row->offset, (const uint8_t *)b + row->offset, length) == 0)
        continue;

      for (uint32_t j = 0; j < row->count; j++)
        {
          size_t offset = element_offset (row, j);
          const uint8_t *in_a = (const uint8_t *)a + offset;
          const uint8_t *in_b = (const uint8_t *)b + offset;
          g_autofree char *name = NULL;
          g_autofree char *path = NULL;

          if (memcmp (in_a, in_b, row->size) == 0)
            continue;

          equal = false;
          name = element_name (row, j);
          path = g_strdup_printf ("%s.%s", id, name);
          if (row->kind == COP_STATE_STRUCT)
            cop_state_diff (row->table, path, in_a, in_b, report);
          else
            g_string_append_printf (report, "%s: 0x%" PRIx64 " != 0x%" PRIx64 "\n", path,
                                    cop_state_get (row, a, j), cop_state_get (row, b, j));
        }
    }
  return equal;
}

static void
section_free (gpointer data)
{
  CopStateSection *section = data;

  g_free (section->id);
  g_free (section->data);
  g_free (section);
}

CopMachineState *
cop_machine_state_new (void)
{
  CopMachineState *state = g_new0 (CopMachineState, 1);

  state->sections = g_ptr_array_new_with_free_func (section_free);
  return state;
}

void
cop_machine_state_free (CopMachineState *state)
{
  if (state == NULL)
    return;
  g_ptr_array_unref (state->sections);
  g_free (state);
}

CopStateSection *
cop_machine_state_add (CopMachineState *state, const char *id, const CopStateTable *table,
                       const void *data)
{
  CopStateSection *section = g_new0 (CopStateSection, 1);

  section->id = g_strdup (id);
  section->table = table;
  section->data = g_malloc0 (table->size);
  if (data != NULL)
    memcpy (section->data, data, table->size);
  else
    cop_state_init (table, section->data);
  g_ptr_array_add (state->sections, section);
  return section;
}

CopStateSection *
cop_machine_state_find (const CopMachineState *state, const char *id)
{
  for (unsigned i = 0; i < state->sections->len; i++)
    {
      CopStateSection *section = state->sections->pdata[i];

      if (strcmp (section->id, id) == 0)
        return section;
    }
  return NULL;
}
