/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ELF files: segments into memory, symbols into a table.
 *
 *   | header | program headers --> segments (offset, paddr, filesz, memsz)
 *            | section headers --> .symtab --> entries (name, value)
 *                                     link --> .strtab
 *
 * Every offset, count and size comes from the file and is checked against its length before use.
 *
 * Source: System V ABI (gABI 4.1) ch. 4 and 5, RISC-V ELF psABI 1.0
 */
#include "common/checked.h"
#include "engine/dev/platform.h"
#include "engine/elf-symbols.h"
#include "engine/loader-private.h"

#include <elf.h>

#define MAX_SEGMENTS 64
#define MAX_SECTIONS 4096
#define MAX_SYMBOLS (1u << 20)

/* A file being read. */
typedef struct
{
  const CopBootFile *file;
  const uint8_t     *data;
  size_t             size;
  Elf64_Ehdr         header;
  Elf64_Phdr         segments[MAX_SEGMENTS]; /* PT_LOAD with memory only, by address */
  unsigned           n_segments;
  uint64_t           shift;     /* gpa = paddr + shift */
} Elf;

static bool unusable (const Elf *elf, uint64_t offset, GError **error, const char *format, ...)
  G_GNUC_PRINTF (4, 5);

static bool
unusable (const Elf *elf, uint64_t offset, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
               "%s: at offset 0x%" G_GINT64_MODIFIER "x: %s", elf->file->label, offset, what);
  return false;
}

bool
cop_elf_detect (const uint8_t *data, size_t size)
{
  return size >= SELFMAG && memcmp (data, ELFMAG, SELFMAG) == 0;
}

static bool
read_header (Elf *elf, GError **error)
{
  Elf64_Ehdr *header = &elf->header;

  if (elf->size < sizeof *header)
    return unusable (elf, elf->size, error, "the ELF file ends in its header; get the file anew");
  memcpy (header, elf->data, sizeof *header);

  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
    return unusable (elf, EI_CLASS, error, "not a 64-bit little-endian ELF file; harts are RV64");
  if (header->e_machine != EM_RISCV)
    return unusable (elf, offsetof (Elf64_Ehdr, e_machine), error,
                     "the ELF file is for machine %u, not for RISC-V (%u); "
                     "give a kernel built for riscv64",
                     header->e_machine, EM_RISCV);
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
    return unusable (elf, offsetof (Elf64_Ehdr, e_type), error,
                     "the ELF file is no executable (type %u); link it first", header->e_type);
  if (header->e_phentsize != sizeof (Elf64_Phdr) || header->e_phnum == 0)
    return unusable (elf, offsetof (Elf64_Ehdr, e_phentsize), error,
                     "the ELF file has no usable program headers (%u of %u bytes); link it first",
                     header->e_phnum, header->e_phentsize);
  if (!cop_range_within (header->e_phoff, (uint64_t)header->e_phnum * sizeof (Elf64_Phdr),
                         elf->size))
    return unusable (elf, header->e_phoff, error,
                     "the program headers lie past the end of the file (%zu bytes); "
                     "get the file anew",
                     elf->size);
  return true;
}

static int
compare_segments (const void *a, const void *b)
{
  const Elf64_Phdr *first = a, *second = b;

  return first->p_paddr < second->p_paddr ? -1 : first->p_paddr > second->p_paddr;
}

static bool
read_segments (Elf *elf, GError **error)
{
  for (unsigned i = 0; i < elf->header.e_phnum; i++)
    {
      uint64_t at = elf->header.e_phoff + i * sizeof (Elf64_Phdr);
      Elf64_Phdr segment;
      uint64_t end;

      memcpy (&segment, elf->data + at, sizeof segment);
      if (segment.p_type != PT_LOAD || segment.p_memsz == 0)
        continue;
      if (elf->n_segments == MAX_SEGMENTS)
        return unusable (elf, at, error, "more than %u segments", MAX_SEGMENTS);
      if (segment.p_filesz > segment.p_memsz)
        return unusable (elf, at, error, "segment %u has more bytes in the file than in memory", i);
      if (!cop_range_within (segment.p_offset, segment.p_filesz, elf->size))
        return unusable (elf, at, error,
                         "segment %u lies past the end of the file (%zu bytes); get the file anew",
                         i, elf->size);
      if (!cop_checked_add (segment.p_paddr, segment.p_memsz, &end))
        return unusable (elf, at, error, "segment %u wraps around the address space", i);
      elf->segments[elf->n_segments++] = segment;
    }
  if (elf->n_segments == 0)
    return unusable (elf, elf->header.e_phoff, error, "the ELF file has nothing to load");
  qsort (elf->segments, elf->n_segments, sizeof *elf->segments, compare_segments);
  return true;
}

/* Linux's vmlinux is linked at virtual addresses with physical ones that start at 0: it goes
   wherever the kernel goes. What names addresses in DRAM stays there. */
static void
choose_shift (Elf *elf, bool relocate)
{
  const Elf64_Phdr *first = &elf->segments[0];

  elf->shift = 0;
  if (relocate && first->p_paddr < COP_DRAM_GPA)
    elf->shift = elf->file->base - first->p_paddr;
}

/* Returns: whether @address, virtual or physical, is in a segment; then *gpa is where that is */
static bool
to_gpa (const Elf *elf, uint64_t address, uint64_t *gpa)
{
  for (unsigned i = 0; i < elf->n_segments; i++)
    if (address - elf->segments[i].p_vaddr < elf->segments[i].p_memsz)
      {
        *gpa = address - elf->segments[i].p_vaddr + elf->segments[i].p_paddr + elf->shift;
        return true;
      }
  for (unsigned i = 0; i < elf->n_segments; i++)
    if (address - elf->segments[i].p_paddr < elf->segments[i].p_memsz)
      {
        *gpa = address + elf->shift;
        return true;
      }
  return false;
}

static void
read_table (const uint8_t *data, size_t size, const Elf64_Shdr *table, const Elf64_Shdr *strings,
            CopElfSymbolFunc func, gpointer user_data)
{
  uint64_t count = MIN (table->sh_size / sizeof (Elf64_Sym), MAX_SYMBOLS);

  /* The last byte must end the last name. */
  if (strings->sh_type != SHT_STRTAB || strings->sh_size == 0 ||
      !cop_range_within (strings->sh_offset, strings->sh_size, size) ||
      data[strings->sh_offset + strings->sh_size - 1] != '\0')
    return;
  for (uint64_t i = 0; i < count; i++)
    {
      Elf64_Sym symbol;

      memcpy (&symbol, data + table->sh_offset + i * sizeof symbol, sizeof symbol);
      if (symbol.st_name != 0 && symbol.st_name < strings->sh_size &&
          symbol.st_shndx != SHN_UNDEF && ELF64_ST_TYPE (symbol.st_info) <= STT_FUNC)
        func (user_data, (const char *) data + strings->sh_offset + symbol.st_name,
              symbol.st_value, ELF64_ST_BIND (symbol.st_info) == STB_LOCAL);
    }
}

void
cop_elf_each_symbol (const uint8_t *data, size_t size, CopElfSymbolFunc func, gpointer user_data)
{
  Elf64_Ehdr header;
  g_autofree Elf64_Shdr *sections = NULL;

  if (size < sizeof header || !cop_elf_detect (data, size))
    return;
  memcpy (&header, data, sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof (Elf64_Shdr) ||
      header.e_shnum == 0 || header.e_shnum > MAX_SECTIONS ||
      !cop_range_within (header.e_shoff, (uint64_t) header.e_shnum * sizeof (Elf64_Shdr), size))
    return;
  sections = g_memdup2 (data + header.e_shoff, header.e_shnum * sizeof (Elf64_Shdr));

  for (unsigned i = 0; i < header.e_shnum; i++)
    if (sections[i].sh_type == SHT_SYMTAB && sections[i].sh_link < header.e_shnum &&
        cop_range_within (sections[i].sh_offset, sections[i].sh_size, size))
      read_table (data, size, &sections[i], &sections[sections[i].sh_link], func, user_data);
}

typedef struct
{
  const Elf  *elf;
  GHashTable *symbols;          /* (unowned) */
} SymbolReader;

static void
keep_symbol (gpointer data, const char *name, uint64_t value, bool local)
{
  const SymbolReader *reader = data;
  uint64_t gpa;

  if (local)
    return;
  /* A label may stand right behind the last byte, as end_signature does. */
  if (!to_gpa (reader->elf, value, &gpa))
    {
      if (value == 0 || !to_gpa (reader->elf, value - 1, &gpa))
        return;
      gpa++;
    }
  g_hash_table_insert (reader->symbols, g_strdup (name), g_memdup2 (&gpa, sizeof gpa));
}

/* Symbols are a convenience for tests and debuggers: a file whose tables are unusable has none. */
static void
read_symbols (const Elf *elf, GHashTable *symbols)
{
  SymbolReader reader = { elf, symbols };

  cop_elf_each_symbol (elf->data, elf->size, keep_symbol, &reader);
}

bool
cop_elf_load (CopBootPlan *plan, const CopBootFile *file, bool relocate, uint64_t *entry,
              GError **error)
{
  g_autofree Elf *elf = g_new0 (Elf, 1);

  elf->file = file;
  elf->data = g_bytes_get_data (file->bytes, &elf->size);
  if (!read_header (elf, error) || !read_segments (elf, error))
    return false;
  choose_shift (elf, relocate);

  for (unsigned i = 0; i < elf->n_segments; i++)
    {
      const Elf64_Phdr *segment = &elf->segments[i];
      g_autofree char *label
        = g_strdup_printf ("%s: segment at offset 0x%" G_GINT64_MODIFIER "x", file->label,
                           (uint64_t) segment->p_offset);
      g_autoptr (GBytes) bytes
        = g_bytes_new_from_bytes (file->bytes, segment->p_offset, segment->p_filesz);
      CopBootFile part = *file;

      part.label = label;
      if (!cop_boot_plan_add (plan, &part, segment->p_paddr + elf->shift, segment->p_memsz, bytes,
                              COP_PACKING_NONE, error))
        return false;
    }
  if (!to_gpa (elf, elf->header.e_entry, entry))
    return unusable (elf, offsetof (Elf64_Ehdr, e_entry), error,
                     "the entry point 0x%" G_GINT64_MODIFIER "x is in no segment",
                     (uint64_t)elf->header.e_entry);
  read_symbols (elf, plan->symbols);
  return true;
}
