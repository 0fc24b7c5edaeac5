/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Remembering translations for people.
 */
#include "engine/jit/record.h"

#include "common/units.h"

#include <string.h>

/* Texts and code are kept up to here; of later units only figures. */
#define MAX_KEPT (512 * COP_MIB)

typedef struct
{
  CopCodeUnit unit;             /* with samples up to when its memory was used again */
  char    *guest, *ir;          /* (owned) (nullable) */
  uint8_t *bytes;               /* (owned) (nullable) */
} Entry;

struct CopJitRecord
{
  CopEngineConfig config;
  CopRam        *ram;           /* (unowned) */
  CopIsa         isa;
  const uint8_t *exec;
  size_t         n_pieces;
  uint32_t      *samples;       /* (owned): atomic */
  uint32_t      *owner;         /* (owned): index of the entry + 1 */
  GPtrArray     *entries;       /* (element-type Entry) (owned) */
  uint64_t       kept;          /* bytes */
};

static void
free_entry (gpointer data)
{
  Entry *entry = data;

  g_free (entry->guest);
  g_free (entry->ir);
  g_free (entry->bytes);
  g_free (entry);
}

CopJitRecord *
cop_jit_record_new (const CopEngineConfig *config, CopRam *ram, CopIsa isa, const uint8_t *exec,
                    size_t size)
{
  CopJitRecord *record;

  if (!config->sample && !config->keep_code && config->installed == NULL)
    return NULL;
  record = g_new0 (CopJitRecord, 1);
  record->config = *config;
  record->ram = ram;
  record->isa = isa;
  record->exec = exec;
  record->n_pieces = size >> COP_SAMPLE_SHIFT;
  record->samples = g_new0 (uint32_t, record->n_pieces);
  record->owner = g_new0 (uint32_t, record->n_pieces);
  record->entries = g_ptr_array_new_with_free_func (free_entry);
  return record;
}

void
cop_jit_record_free (CopJitRecord *record)
{
  if (record == NULL)
    return;
  g_ptr_array_unref (record->entries);
  g_free (record->samples);
  g_free (record->owner);
  g_free (record);
}

uint32_t *
cop_jit_record_samples (CopJitRecord *record)
{
  return record->samples;
}

/* Loads, stores and atomics of @ir. */
static uint32_t
count_accesses (const CopIrUnit *ir)
{
  uint32_t n = 0;

  for (unsigned i = 0; i < ir->statements->len; i++)
    n += g_array_index (ir->statements, CopIrStatement, i).kind == IR_STORE;
  for (unsigned i = 0; i < ir->nodes->len; i++)
    switch (cop_ir_node (ir, (CopIrRef) i)->op)
      {
      case IR_LOAD:
      case IR_AMO:
      case IR_LR:
      case IR_SC:
        n++;
        break;
      default:
        break;
      }
  return n;
}

static void
append_block (const CopJitRecord *record, const CopIrUnit *ir, const CopIrBlock *block,
              GString *text)
{
  unsigned at = (unsigned) block->offset & (COP_PAGE_SIZE - 1);
  unsigned end = at + (unsigned) (block->end - block->offset);
  uint64_t gva = ir->gva + (uint64_t) block->offset - at;
  const uint8_t *page =
    cop_ram_span (record->ram, cop_ir_gpa (ir, block->offset) - at, COP_PAGE_SIZE);

  if (page == NULL)
    return;
  g_string_append_printf (text, "block at %c0x%03x:\n", block->offset < 0 ? '-' : '+',
                          (unsigned) ABS (block->offset));
  while (at + 2 <= MIN (end, COP_PAGE_SIZE))
    {
      g_autofree char *line = NULL;
      uint16_t low, high = 0;
      CopInsn insn;

      memcpy (&low, page + at, sizeof low);
      if ((low & 3) == 3 && at + 4 > COP_PAGE_SIZE)
        {
          g_string_append (text, "  (an instruction that reaches into the next page)\n");
          break;
        }
      if ((low & 3) == 3)
        memcpy (&high, page + at + 2, sizeof high);
      cop_insn_decode (low | (uint32_t) high << 16, record->isa, &insn);
      line = cop_insn_disassemble (&insn, gva + at);
      g_string_append_printf (text, "  %016" G_GINT64_MODIFIER "x  %s\n", gva + at, line);
      at += insn.length;
    }
}

static void
keep_code (CopJitRecord *record, Entry *entry, const CopIrUnit *ir, const uint8_t *bytes,
           size_t size)
{
  GString *text;

  if (record->kept > MAX_KEPT)
    return;
  text = g_string_new (NULL);
  for (unsigned i = 0; i < ir->blocks->len; i++)
    append_block (record, ir, &g_array_index (ir->blocks, CopIrBlock, i), text);
  record->kept += text->len + size;
  entry->guest = g_string_free (text, FALSE);
  entry->ir = cop_ir_dump (ir);
  entry->bytes = g_memdup2 (bytes, size);
  record->kept += strlen (entry->ir);
}

/* The samples of these pieces go to the units that they were of. */
static void
settle (CopJitRecord *record, size_t first, size_t n)
{
  for (size_t i = first; i < first + n; i++)
    {
      uint32_t count = __atomic_exchange_n (&record->samples[i], 0, __ATOMIC_RELAXED);
      Entry *entry;

      if (record->owner[i] == 0)
        continue;
      entry = g_ptr_array_index (record->entries, record->owner[i] - 1);
      entry->unit.samples += count;
    }
}

void
cop_jit_record_add (CopJitRecord *record, const CopIrUnit *ir, size_t offset,
                    const uint8_t *bytes, size_t size)
{
  Entry *entry = g_new0 (Entry, 1);
  size_t first = offset >> COP_SAMPLE_SHIFT;
  size_t n = ((size - 1) >> COP_SAMPLE_SHIFT) + 1;
  const CopIrBlock *start = &g_array_index (ir->blocks, CopIrBlock, 0);

  n = MIN (n, record->n_pieces - first);
  settle (record, first, n);
  g_ptr_array_add (record->entries, entry);
  for (size_t i = first; i < first + n; i++)
    record->owner[i] = record->entries->len;

  entry->unit = (CopCodeUnit){
    .gpa = ir->gpa + (uint64_t) start->offset,
    .gva = ir->gva + (uint64_t) start->offset,
    .mode = ir->mode,
    .optimised = ir->optimised,
    .n_blocks = ir->blocks->len,
    .n_accesses = count_accesses (ir),
    .exec = record->exec + offset,
    .size = size,
  };
  for (unsigned i = 0; i < ir->blocks->len; i++)
    entry->unit.n_insns += g_array_index (ir->blocks, CopIrBlock, i).n_insns;
  if (record->config.keep_code)
    keep_code (record, entry, ir, bytes, size);
  entry->unit.guest = entry->guest;
  entry->unit.ir = entry->ir;
  entry->unit.bytes = entry->bytes;
  if (record->config.installed != NULL)
    record->config.installed (record->config.installed_data, &entry->unit);
}

void
cop_jit_record_each (CopJitRecord *record, CopCodeUnitFunc func, gpointer data)
{
  settle (record, 0, record->n_pieces);
  for (unsigned i = 0; i < record->entries->len; i++)
    func (data, &((const Entry *) g_ptr_array_index (record->entries, i))->unit);
}
