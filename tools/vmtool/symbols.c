/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names of guest addresses.
 */
#include "vmtool/symbols.h"

#include "engine/elf-symbols.h"

#include <string.h>

/* A name farther from its address than this is not its name. */
#define REACH (UINT64_C (1) << 20)
#define MAX_SYMBOLS (1u << 21)
/* A kernel moves by multiples of this: a large page. */
#define SLIDE_UNIT (UINT64_C (1) << 21)

typedef struct
{
  uint64_t value;
  const char *name; /* (unowned): of the chunk */
} Symbol;

struct VmtSymbols
{
  GStringChunk *names; /* (owned) */
  GArray *by_value; /* (element-type Symbol) (owned) */
  GHashTable *by_name; /* (element-type utf8 uint64_t*) (owned) */
  bool sorted;
  uint64_t slide; /* what is added to values; guarded by lock, as `sorted` and the order are */
  GMutex lock;
};

VmtSymbols *
vmt_symbols_new (void)
{
  VmtSymbols *symbols = g_new0 (VmtSymbols, 1);

  g_mutex_init (&symbols->lock);
  symbols->names = g_string_chunk_new (1 << 16);
  symbols->by_value = g_array_new (FALSE, FALSE, sizeof (Symbol));
  symbols->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  return symbols;
}

void
vmt_symbols_free (VmtSymbols *symbols)
{
  if (symbols == NULL)
    return;
  g_mutex_clear (&symbols->lock);
  g_hash_table_unref (symbols->by_name);
  g_array_unref (symbols->by_value);
  g_string_chunk_free (symbols->names);
  g_free (symbols);
}

/* Marks of the assembler, which are no names of anything. */
static bool
is_mark (const char *name)
{
  return name[0] == '$' || g_str_has_prefix (name, ".L") || name[0] == '\0';
}

static void
add_symbol (gpointer data, const char *name, uint64_t value, bool local)
{
  VmtSymbols *symbols = data;
  Symbol symbol;

  if (is_mark (name) || symbols->by_value->len >= MAX_SYMBOLS)
    return;
  symbol = (Symbol){ value, g_string_chunk_insert (symbols->names, name) };
  g_array_append_val (symbols->by_value, symbol);
  symbols->sorted = false;
  /* Of several with one name, a global one is meant. */
  if (!local || !g_hash_table_contains (symbols->by_name, name))
    g_hash_table_insert (symbols->by_name, (gpointer) symbol.name,
                         g_memdup2 (&value, sizeof value));
}

/* One line of a listing; others are passed over. */
static void
add_line (VmtSymbols *symbols, const char *line, size_t length)
{
  g_autofree char *text = g_strndup (line, length);
  char *end, *name;
  uint64_t value = g_ascii_strtoull (text, &end, 16);

  if (end == text || end[0] != ' ' || end[1] == '\0' || end[2] != ' ')
    return;
  name = end + 3;
  name[strcspn (name, " \t\r")] = '\0';
  add_symbol (symbols, name, value, g_ascii_islower (end[1]));
}

static void
add_listing (VmtSymbols *symbols, const char *text, size_t size)
{
  while (size > 0)
    {
      const char *newline = memchr (text, '\n', size);
      size_t length = newline != NULL ? (size_t) (newline - text) : size;

      /* What has longer lines is no listing. */
      if (length < 1024)
        add_line (symbols, text, length);
      length += newline != NULL;
      text += length;
      size -= length;
    }
}

unsigned
vmt_symbols_add (VmtSymbols *symbols, GBytes *bytes)
{
  unsigned before = symbols->by_value->len;
  size_t size;
  const uint8_t *data = g_bytes_get_data (bytes, &size);

  if (size >= 4 && memcmp (data, "\177ELF", 4) == 0)
    cop_elf_each_symbol (data, size, add_symbol, symbols);
  else if (memchr (data, '\0', MIN (size, 4096)) == NULL)
    add_listing (symbols, (const char *) data, size);
  return symbols->by_value->len - before;
}

unsigned
vmt_symbols_count (const VmtSymbols *symbols)
{
  return symbols->by_value->len;
}

void
vmt_symbols_set_slide (VmtSymbols *symbols, uint64_t gva)
{
  const uint64_t *at = g_hash_table_lookup (symbols->by_name, "handle_exception");

  /* Early in a boot stvec is something else's. */
  if (at == NULL || gva == 0 || (gva - *at) % SLIDE_UNIT != 0)
    return;
  g_mutex_lock (&symbols->lock);
  symbols->slide = gva - *at;
  g_mutex_unlock (&symbols->lock);
}

bool
vmt_symbols_find (VmtSymbols *symbols, const char *name, uint64_t *gva)
{
  const uint64_t *value = g_hash_table_lookup (symbols->by_name, name);

  if (value != NULL)
    *gva = *value + symbols->slide;
  return value != NULL;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const Symbol *left = a, *right = b;

  return left->value < right->value ? -1 : left->value > right->value;
}

static const char *
name_of (VmtSymbols *symbols, uint64_t gva, uint64_t *offset)
{
  uint64_t value = gva - symbols->slide;
  unsigned first = 0, last = symbols->by_value->len;
  const Symbol *symbol;

  if (!symbols->sorted)
    g_array_sort (symbols->by_value, compare);
  symbols->sorted = true;
  /* The first one above it. */
  while (first < last)
    {
      unsigned middle = first + (last - first) / 2;

      if (g_array_index (symbols->by_value, Symbol, middle).value <= value)
        first = middle + 1;
      else
        last = middle;
    }
  if (first == 0)
    return NULL;
  symbol = &g_array_index (symbols->by_value, Symbol, first - 1);
  if (value - symbol->value >= REACH)
    return NULL;
  *offset = value - symbol->value;
  return symbol->name;
}

const char *
vmt_symbols_name (VmtSymbols *symbols, uint64_t gva, uint64_t *offset)
{
  const char *name;

  g_mutex_lock (&symbols->lock);
  name = name_of (symbols, gva, offset);
  g_mutex_unlock (&symbols->lock);
  return name;
}

char *
vmt_symbols_format (VmtSymbols *symbols, uint64_t gva)
{
  uint64_t offset;
  const char *name = vmt_symbols_name (symbols, gva, &offset);

  if (name == NULL)
    return g_strdup ("");
  if (offset == 0)
    return g_strdup (name);
  return g_strdup_printf ("%s+0x%" G_GINT64_MODIFIER "x", name, offset);
}
