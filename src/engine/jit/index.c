/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The index of translated code.
 */
#include "engine/jit/index.h"

#define FIRST_BITS 13

static CopJitTable *
new_table (unsigned bits)
{
  CopJitTable *table = g_malloc0 (sizeof *table + (sizeof (CopJitEntry) << bits));

  table->bits = bits;
  table->units = g_new0 (CopJitUnit *, (size_t) 1 << bits);
  return table;
}

static void
free_table (gpointer data)
{
  CopJitTable *table = data;

  g_free (table->units);
  g_free (table);
}

void
cop_jit_index_init (CopJitIndex *index)
{
  index->table = new_table (FIRST_BITS);
  index->retired = g_ptr_array_new_with_free_func (free_table);
  index->sealed = g_ptr_array_new_with_free_func (free_table);
}

void
cop_jit_index_clear (CopJitIndex *index)
{
  g_clear_pointer (&index->table, free_table);
  g_clear_pointer (&index->retired, g_ptr_array_unref);
  g_clear_pointer (&index->sealed, g_ptr_array_unref);
}

/* Where @key stands in @table, or would. */
static unsigned
place_of (const CopJitTable *table, uint64_t key)
{
  unsigned mask = (1u << table->bits) - 1;
  unsigned slot = cop_jit_index_slot (table, key);

  while (table->entries[slot].key != key && table->entries[slot].key != 0)
    slot = (slot + 1) & mask;
  return slot;
}

static void
put (CopJitTable *table, uint64_t key, const void *code, CopJitUnit *unit)
{
  unsigned slot = place_of (table, key);
  CopJitEntry *entry = &table->entries[slot];

  table->units[slot] = unit;
  /* Whoever sees the key sees the code. */
  __atomic_store_n (&entry->code, code, __ATOMIC_RELEASE);
  if (entry->key == 0)
    {
      __atomic_store_n (&entry->key, key, __ATOMIC_RELEASE);
      table->used++;
    }
}

/* A table with room, of what is alive. */
static void
renew (CopJitIndex *index)
{
  CopJitTable *old = index->table, *fresh;
  unsigned alive = 0, bits = FIRST_BITS;

  for (unsigned i = 0; i < 1u << old->bits; i++)
    alive += old->entries[i].code != NULL;
  /* A third full at most, so that it lasts. */
  while (1u << bits < 3 * alive)
    bits++;
  fresh = new_table (bits);
  for (unsigned i = 0; i < 1u << old->bits; i++)
    if (old->entries[i].code != NULL)
      put (fresh, old->entries[i].key, old->entries[i].code, old->units[i]);
  __atomic_store_n (&index->table, fresh, __ATOMIC_RELEASE);
  g_ptr_array_add (index->retired, old);
}

void
cop_jit_index_set (CopJitIndex *index, uint64_t gpa, uint32_t mode, const void *code,
                   CopJitUnit *unit)
{
  if (index->table->used >= (1u << index->table->bits) / 3 * 2)
    renew (index);
  put (index->table, cop_jit_index_key (gpa, mode), code, unit);
}

void
cop_jit_index_unset (CopJitIndex *index, uint64_t gpa, uint32_t mode, const CopJitUnit *unit)
{
  CopJitTable *table = index->table;
  uint64_t key = cop_jit_index_key (gpa, mode);
  unsigned slot = place_of (table, key);

  if (table->entries[slot].key != key || table->units[slot] != unit)
    return;
  __atomic_store_n (&table->entries[slot].code, NULL, __ATOMIC_RELEASE);
  table->units[slot] = NULL;
}

CopJitUnit *
cop_jit_index_unit (const CopJitIndex *index, uint64_t gpa, uint32_t mode)
{
  const CopJitTable *table = index->table;

  return table->units[place_of (table, cop_jit_index_key (gpa, mode))];
}

void
cop_jit_index_seal (CopJitIndex *index)
{
  GPtrArray *retired = index->retired;

  if (index->sealed->len > 0)
    return;
  index->retired = index->sealed;
  index->sealed = retired;
}

void
cop_jit_index_reap (CopJitIndex *index)
{
  g_ptr_array_set_size (index->sealed, 0);
}
