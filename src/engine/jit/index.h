/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The index of translated code: physical address and mode to where a block is entered.
 *
 *   key = gpa | 1 | mode << 56     0: never used        one cache line per look-up, mostly
 *   code                           NULL: closed since
 *
 * Looked into by all harts without a lock, changed under the code cache's. A key is never taken out
 * of a table: what is closed loses its code, and gets it back when its bytes are translated anew, so
 * that code that is rewritten over and over takes no room. A table that is full is replaced by one
 * with what is alive; the old one stays until no hart can be looking into it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct CopJitUnit CopJitUnit;

typedef struct
{
  uint64_t    key;              /* atomic; set once */
  const void *code;             /* atomic */
} CopJitEntry;

typedef struct
{
  unsigned     bits;            /* log2 of the entries */
  unsigned     used;            /* entries with a key */
  CopJitUnit **units;           /* (owned): of each entry */
  CopJitEntry  entries[];
} CopJitTable;

typedef struct
{
  CopJitTable *table;           /* (owned): atomic */
  GPtrArray   *retired;         /* (element-type CopJitTable) (owned): since the last seal */
  GPtrArray   *sealed;          /* (element-type CopJitTable) (owned): before it */
} CopJitIndex;

void cop_jit_index_init (CopJitIndex *index);
void cop_jit_index_clear (CopJitIndex *index);

static inline uint64_t
cop_jit_index_key (uint64_t gpa, uint32_t mode)
{
  return gpa | 1 | (uint64_t) mode << 56;
}

static inline uint64_t
cop_jit_index_slot (const CopJitTable *table, uint64_t key)
{
  return key * UINT64_C (0x9e3779b97f4a7c15) >> (64 - table->bits);
}

/* Returns: (nullable): entry of the translation at @gpa for @mode. On any thread, without a lock. */
static inline const void *
cop_jit_index_find (const CopJitIndex *index, uint64_t gpa, uint32_t mode)
{
  const CopJitTable *table = __atomic_load_n (&index->table, __ATOMIC_ACQUIRE);
  uint64_t key = cop_jit_index_key (gpa, mode);

  for (uint64_t slot = cop_jit_index_slot (table, key);; slot++)
    {
      const CopJitEntry *entry = &table->entries[slot & ((1u << table->bits) - 1)];
      uint64_t found = __atomic_load_n (&entry->key, __ATOMIC_ACQUIRE);

      if (found == key)
        return __atomic_load_n (&entry->code, __ATOMIC_ACQUIRE);
      if (found == 0)
        return NULL;
    }
}

/* What follows is for the holder of the cache's lock. */

/* Lets @gpa and @mode lead to @code of @unit, whatever they led to before. */
void cop_jit_index_set (CopJitIndex *index, uint64_t gpa, uint32_t mode, const void *code,
                        CopJitUnit *unit);

/* Lets them lead nowhere, if it is @unit that they lead to. */
void cop_jit_index_unset (CopJitIndex *index, uint64_t gpa, uint32_t mode, const CopJitUnit *unit);

/* Returns: (nullable): the unit that find() leads to */
CopJitUnit *cop_jit_index_unit (const CopJitIndex *index, uint64_t gpa, uint32_t mode);

/* Frees old tables in two steps: seal(), then, when each hart has been outside of look-ups since,
   reap(). */
void cop_jit_index_seal (CopJitIndex *index);
void cop_jit_index_reap (CopJitIndex *index);
