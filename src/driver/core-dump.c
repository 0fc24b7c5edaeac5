/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What stands in a core file before the memory.
 */
#include "driver/core-dump.h"

#include "engine/dev/platform.h"
#include "xml/state-xml.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#define PAGE 4096

/* Notes that are not the system's; of a type that nobody takes for one of its. */
#define OWN_NAME "Coppice"
#define OWN_STATE 0x434f5001

/* struct elf_prstatus of riscv64, as far as a machine has it. */
typedef struct
{
  uint8_t before[32];
  uint32_t pid;
  uint8_t between[76];
  uint64_t regs[32]; /* pc, x1 ... x31 */
  uint8_t after[8];
} PrStatus;
_Static_assert(sizeof (PrStatus) == 376, "as the kernel has it");

static void
append_padded (GByteArray *out, const void *data, gsize length)
{
  static const guint8 zeroes[4];

  g_byte_array_append (out, data, (guint) length);
  g_byte_array_append (out, zeroes, (guint) (-length & 3));
}

static void
append_note (GByteArray *out, const char *name, uint32_t type, const void *desc, gsize length)
{
  const Elf64_Nhdr header = {
    .n_namesz = (uint32_t) strlen (name) + 1,
    .n_descsz = (uint32_t) length,
    .n_type = type,
  };

  g_byte_array_append (out, (const guint8 *) &header, sizeof header);
  append_padded (out, name, strlen (name) + 1);
  append_padded (out, desc, length);
}

static void
append_hart (GByteArray *out, const CopStateSection *section, unsigned number)
{
  const CopStateRow *x = cop_state_table_find (section->table, "x");
  const CopStateRow *pc = cop_state_table_find (section->table, "pc");
  PrStatus status = { .pid = number + 1 };

  status.regs[0] = cop_state_get (pc, section->data, 0);
  for (unsigned i = 1; i < 32; i++)
    status.regs[i] = cop_state_get (x, section->data, i);
  append_note (out, "CORE", NT_PRSTATUS, &status, sizeof status);
}

static GByteArray *
make_notes (const CopMachineState *state)
{
  g_autofree char *xml = cop_xml_state_format (state);
  GByteArray *notes = g_byte_array_new ();

  for (guint i = 0; i < state->sections->len; i++)
    {
      const CopStateSection *section = state->sections->pdata[i];
      unsigned number;
      char end;

      if (sscanf (section->id, "hart%u%c", &number, &end) == 1)
        append_hart (notes, section, number);
    }
  append_note (notes, OWN_NAME, OWN_STATE, xml, strlen (xml));
  return notes;
}

GBytes *
cop_core_dump_header (const CopMachineState *state, uint64_t memory)
{
  g_autoptr (GByteArray) notes = make_notes (state);
  const gsize notes_at = sizeof (Elf64_Ehdr) + 2 * sizeof (Elf64_Phdr);
  const gsize end = (notes_at + notes->len + PAGE - 1) / PAGE * PAGE;
  const Elf64_Ehdr header = {
    .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
    .e_type = ET_CORE,
    .e_machine = EM_RISCV,
    .e_version = EV_CURRENT,
    .e_phoff = sizeof header,
    .e_flags = EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE,
    .e_ehsize = sizeof header,
    .e_phentsize = sizeof (Elf64_Phdr),
    .e_phnum = 2,
  };
  const Elf64_Phdr segments[2] = {
    { .p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = notes->len, .p_align = 4 },
    {
      .p_type = PT_LOAD,
      .p_flags = PF_R | PF_W | PF_X,
      .p_offset = end,
      .p_vaddr = COP_DRAM_GPA,
      .p_paddr = COP_DRAM_GPA,
      .p_filesz = memory,
      .p_memsz = memory,
      .p_align = PAGE,
    },
  };
  GByteArray *out = g_byte_array_new ();
  const gsize before = notes_at + notes->len;

  g_byte_array_append (out, (const guint8 *) &header, sizeof header);
  g_byte_array_append (out, (const guint8 *) segments, sizeof segments);
  g_byte_array_append (out, notes->data, notes->len);
  g_byte_array_set_size (out, (guint) end);
  memset (out->data + before, 0, end - before);
  return g_byte_array_free_to_bytes (out);
}
