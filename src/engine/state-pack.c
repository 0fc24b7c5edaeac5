/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A machine's state to bytes and back.
 */
#include "engine/state-pack.h"
#include "engine/clock.h"
#include "engine/dev/device-types.h"
#include "engine/riscv/hart.h"

#include <string.h>

#define MAGIC "COPS"
#define VERSION 1

/* Structs in structs: as deep as the tables are, which is two. */
#define DEPTH_MAX 4

static const uint8_t widths[] = {
  [COP_STATE_BOOL] = 1, [COP_STATE_U8] = 1,  [COP_STATE_U16] = 2,
  [COP_STATE_U32] = 4,  [COP_STATE_U64] = 8, [COP_STATE_STRUCT] = 0,
};

/* ---- writing ---- */

static void
put_number (GByteArray *out, uint64_t value, unsigned width)
{
  uint8_t bytes[8];

  for (unsigned i = 0; i < width; i++)
    bytes[i] = (uint8_t) (value >> (8 * i));
  g_byte_array_append (out, bytes, width);
}

static void
put_name (GByteArray *out, const char *name)
{
  size_t length = strlen (name);

  g_assert (length <= UINT8_MAX);
  put_number (out, length, 1);
  g_byte_array_append (out, (const guint8 *) name, (guint) length);
}

static void
put_rows (GByteArray *out, const CopStateTable *table, const uint8_t *data)
{
  put_number (out, table->version, 2);
  put_number (out, table->n_rows, 2);
  for (uint32_t i = 0; i < table->n_rows; i++)
    {
      const CopStateRow *row = &table->rows[i];

      put_name (out, row->name);
      put_number (out, row->kind, 1);
      put_number (out, row->count, 4);
      for (uint32_t j = 0; j < row->count; j++)
        if (row->kind == COP_STATE_STRUCT)
          put_rows (out, row->table, data + row->offset + (size_t) j * row->size);
        else
          put_number (out, cop_state_get (row, data, j), widths[row->kind]);
    }
}

GBytes *
cop_machine_state_pack (const CopMachineState *state)
{
  GByteArray *out = g_byte_array_new ();

  g_byte_array_append (out, (const guint8 *) MAGIC, 4);
  put_number (out, VERSION, 4);
  for (guint i = 0; i < state->sections->len; i++)
    {
      const CopStateSection *section = g_ptr_array_index (state->sections, i);

      put_name (out, section->id);
      put_name (out, section->table->name);
      put_rows (out, section->table, section->data);
    }
  return g_byte_array_free_to_bytes (out);
}

/* ---- reading ---- */

typedef struct
{
  const uint8_t *at, *end;
  const char *section; /* (nullable): being read */
} Reader;

static bool
fail (const Reader *reader, GError **error, CopStateError code, const char *what, const char *name)
{
  g_set_error (error, COP_STATE_ERROR, code, "%s%s%s%s%s; the two programs do not fit together",
               reader->section != NULL ? reader->section : "the packed state", ": ", what,
               name != NULL ? " " : "", name != NULL ? name : "");
  return false;
}

static bool
take_number (Reader *reader, unsigned width, uint64_t *value, GError **error)
{
  if (reader->end - reader->at < (ptrdiff_t) width)
    return fail (reader, error, COP_STATE_ERROR_MISSING, "the bytes end too early", NULL);
  *value = 0;
  for (unsigned i = 0; i < width; i++)
    *value |= (uint64_t) *reader->at++ << (8 * i);
  return true;
}

static bool
take_name (Reader *reader, char name[UINT8_MAX + 1], GError **error)
{
  uint64_t length;

  if (!take_number (reader, 1, &length, error))
    return false;
  if (length == 0 || (uint64_t) (reader->end - reader->at) < length ||
      memchr (reader->at, 0, length) != NULL)
    return fail (reader, error, COP_STATE_ERROR_UNKNOWN, "a name is damaged", NULL);
  memcpy (name, reader->at, length);
  name[length] = '\0';
  reader->at += length;
  return true;
}

static bool take_rows (Reader *reader, const CopStateTable *table, uint8_t *data, unsigned depth,
                       GError **error);

static bool
take_values (Reader *reader, const CopStateRow *row, uint8_t *data, unsigned depth, GError **error)
{
  for (uint32_t i = 0; i < row->count; i++)
    {
      uint64_t value;

      if (row->kind == COP_STATE_STRUCT)
        {
          if (!take_rows (reader, row->table, data + row->offset + (size_t) i * row->size,
                          depth + 1, error))
            return false;
        }
      else if (!take_number (reader, widths[row->kind], &value, error) ||
               !cop_state_set (row, data, i, value, error))
        {
          g_prefix_error (error, "%s: ", reader->section);
          return false;
        }
    }
  return true;
}

/* Whether every row is there but for those newer than version @version. */
static bool
check_complete (const Reader *reader, const CopStateTable *table, const bool *seen,
                uint64_t version, GError **error)
{
  for (uint32_t i = 0; i < table->n_rows; i++)
    if (!seen[i] && table->rows[i].since <= version)
      return fail (reader, error, COP_STATE_ERROR_MISSING, "there is no", table->rows[i].name);
  return true;
}

static bool
take_rows (Reader *reader, const CopStateTable *table, uint8_t *data, unsigned depth,
           GError **error)
{
  g_autofree bool *seen = g_new0 (bool, table->n_rows);
  uint64_t version, n_rows, kind, count;

  if (depth > DEPTH_MAX)
    return fail (reader, error, COP_STATE_ERROR_UNKNOWN, "structs lie too deep", NULL);
  if (!take_number (reader, 2, &version, error) || !take_number (reader, 2, &n_rows, error))
    return false;
  for (uint64_t i = 0; i < n_rows; i++)
    {
      char name[UINT8_MAX + 1];
      const CopStateRow *row;

      if (!take_name (reader, name, error) || !take_number (reader, 1, &kind, error) ||
          !take_number (reader, 4, &count, error))
        return false;
      row = cop_state_table_find (table, name);
      if (row == NULL || seen[row - table->rows])
        return fail (reader, error, COP_STATE_ERROR_UNKNOWN, "unknown or doubled member", name);
      if (kind != row->kind || count != row->count)
        return fail (reader, error, COP_STATE_ERROR_MISMATCH, "another shape has member", name);
      seen[row - table->rows] = true;
      if (!take_values (reader, row, data, depth, error))
        return false;
    }
  return check_complete (reader, table, seen, version, error);
}

/* Returns: (nullable): the table called @name of a hart, the clock or a device */
static const CopStateTable *
find_table (const char *name)
{
  if (strcmp (name, cop_hart_state_table.name) == 0)
    return &cop_hart_state_table;
  if (strcmp (name, cop_clock_state_table.name) == 0)
    return &cop_clock_state_table;
  for (unsigned i = 0; cop_device_types[i] != NULL; i++)
    if (cop_device_types[i]->state != NULL && strcmp (cop_device_types[i]->state->name, name) == 0)
      return cop_device_types[i]->state;
  return NULL;
}

static bool
take_section (Reader *reader, CopMachineState *state, bool any, GHashTable *seen, GError **error)
{
  char id[UINT8_MAX + 1], name[UINT8_MAX + 1];
  CopStateSection *section;
  const CopStateTable *table;

  reader->section = NULL;
  if (!take_name (reader, id, error) || !take_name (reader, name, error))
    return false;
  section = cop_machine_state_find (state, id);
  table = section != NULL ? section->table : any ? find_table (name) : NULL;
  if (table == NULL || strcmp (table->name, name) != 0 ||
      (section != NULL && !g_hash_table_add (seen, section)))
    return fail (reader, error, COP_STATE_ERROR_MISMATCH, "no or another device is", id);
  if (section == NULL)
    {
      section = cop_machine_state_add (state, id, table, NULL);
      g_hash_table_add (seen, section);
    }
  reader->section = id;
  if (!take_rows (reader, table, section->data, 0, error))
    return false;
  if (cop_state_check (table, section->data, error))
    return true;
  g_prefix_error (error, "%s: ", id);
  return false;
}

CopMachineState *
cop_machine_state_unpack (const CopMachineState *expected, GBytes *bytes, GError **error)
{
  g_autoptr (CopMachineState) state = cop_machine_state_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  gsize length;
  const uint8_t *start = g_bytes_get_data (bytes, &length);
  Reader reader = { start, start + length, NULL };
  uint64_t version;

  if (length < 8 || length > COP_STATE_PACK_MAX || memcmp (start, MAGIC, 4) != 0)
    {
      fail (&reader, error, COP_STATE_ERROR_UNKNOWN, "this is none", NULL);
      return NULL;
    }
  reader.at += 4;
  if (!take_number (&reader, 4, &version, error))
    return NULL;
  if (version > VERSION)
    {
      fail (&reader, error, COP_STATE_ERROR_UNKNOWN, "its version is newer", NULL);
      return NULL;
    }

  if (expected != NULL)
    for (guint i = 0; i < expected->sections->len; i++)
      {
        const CopStateSection *section = g_ptr_array_index (expected->sections, i);

        cop_machine_state_add (state, section->id, section->table, section->data);
      }
  while (reader.at < reader.end)
    if (!take_section (&reader, state, expected == NULL, seen, error))
      return NULL;
  for (guint i = 0; i < state->sections->len; i++)
    {
      const CopStateSection *section = g_ptr_array_index (state->sections, i);

      if (g_hash_table_contains (seen, section) || section->table->may_lack)
        continue;
      reader.section = NULL;
      fail (&reader, error, COP_STATE_ERROR_MISMATCH, "there is no section", section->id);
      return NULL;
    }
  return g_steal_pointer (&state);
}
