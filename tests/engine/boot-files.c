/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small kernels made in memory.
 */
#include "boot-files.h"
#include "common/units.h"

#include <elf.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

GBytes *
test_poke (GBytes *bytes, size_t offset, unsigned size, uint64_t value)
{
  size_t length;
  uint8_t *data = g_bytes_unref_to_data (bytes, &length);

  g_assert_cmpuint (offset + size, <=, length);
  value = GUINT64_TO_LE (value);
  memcpy (data + offset, &value, size);
  return g_bytes_new_take (data, length);
}

GBytes *
test_truncate (GBytes *bytes, size_t size)
{
  GBytes *cut = g_bytes_new (g_bytes_get_data (bytes, NULL), size);

  g_assert_cmpuint (size, <=, g_bytes_get_size (bytes));
  g_bytes_unref (bytes);
  return cut;
}

GBytes *
test_image_new (uint64_t text_offset, uint64_t image_size, size_t file_size)
{
  uint8_t *data = g_malloc0 (file_size);
  GBytes *image;

  for (size_t i = 64; i < file_size; i++)
    data[i] = (uint8_t) (i * 7);
  image = g_bytes_new_take (data, file_size);
  image = test_poke (image, 0, 4, 0x0000006f); /* j . */
  image = test_poke (image, 8, 8, text_offset);
  image = test_poke (image, 16, 8, image_size);
  image = test_poke (image, 48, 8, 0x5643534952);
  return test_poke (image, 56, 4, 0x05435352);
}

GBytes *
test_elf_new (uint64_t entry, uint64_t virtual_offset, const TestSegment *segments,
              unsigned n_segments, const TestSymbol *symbols)
{
  g_autoptr (GByteArray) strings = g_byte_array_new ();
  g_autoptr (GArray) table = g_array_new (FALSE, TRUE, sizeof (Elf64_Sym));
  GByteArray *file = g_byte_array_new ();
  Elf64_Sym none = { 0 };
  Elf64_Ehdr header = {
    .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
    .e_type = ET_EXEC,
    .e_machine = EM_RISCV,
    .e_version = EV_CURRENT,
    .e_entry = entry,
    .e_phoff = sizeof header,
    .e_ehsize = sizeof header,
    .e_phentsize = sizeof (Elf64_Phdr),
    .e_phnum = (uint16_t) n_segments,
    .e_shentsize = sizeof (Elf64_Shdr),
    .e_shnum = 3,
  };
  Elf64_Shdr sections[3] = { { 0 } };
  uint64_t offset = sizeof header + n_segments * sizeof (Elf64_Phdr);

  g_byte_array_append (strings, (const guint8 *) "", 1);
  g_array_append_val (table, none);
  for (; symbols != NULL && symbols->name != NULL; symbols++)
    {
      Elf64_Sym symbol = { .st_name = strings->len,
                           .st_info = ELF64_ST_INFO (STB_GLOBAL, STT_NOTYPE),
                           .st_shndx = SHN_ABS,
                           .st_value = symbols->value };

      g_byte_array_append (strings, (const guint8 *) symbols->name, strlen (symbols->name) + 1);
      g_array_append_val (table, symbol);
    }

  g_byte_array_append (file, (const guint8 *) &header, sizeof header);
  for (unsigned i = 0; i < n_segments; i++)
    {
      Elf64_Phdr segment = { .p_type = PT_LOAD,
                             .p_flags = PF_R | PF_W | PF_X,
                             .p_offset = offset,
                             .p_vaddr = segments[i].gpa + virtual_offset,
                             .p_paddr = segments[i].gpa,
                             .p_filesz = segments[i].file_size,
                             .p_memsz = segments[i].memory_size,
                             .p_align = 1 };

      g_byte_array_append (file, (const guint8 *) &segment, sizeof segment);
      offset += segments[i].file_size;
    }
  for (unsigned i = 0; i < n_segments; i++)
    g_byte_array_append (file, segments[i].bytes, (guint) segments[i].file_size);

  sections[1] = (Elf64_Shdr){ .sh_type = SHT_SYMTAB,
                              .sh_offset = file->len,
                              .sh_size = table->len * sizeof (Elf64_Sym),
                              .sh_link = 2,
                              .sh_entsize = sizeof (Elf64_Sym) };
  g_byte_array_append (file, (const guint8 *) table->data,
                       (guint) (table->len * sizeof (Elf64_Sym)));
  sections[2]
    = (Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_offset = file->len, .sh_size = strings->len };
  g_byte_array_append (file, strings->data, strings->len);
  header.e_shoff = file->len;
  g_byte_array_append (file, (const guint8 *) sections, sizeof sections);
  memcpy (file->data, &header, sizeof header);
  return g_byte_array_free_to_bytes (file);
}

GBytes *
test_gzip (GBytes *bytes)
{
  z_stream zlib = { 0 };
  size_t size, room;
  uint8_t *packed;

  g_assert_cmpint (deflateInit2 (&zlib, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), ==,
                   Z_OK);
  zlib.next_in = (Bytef *) g_bytes_get_data (bytes, &size);
  zlib.avail_in = (uInt) size;
  room = deflateBound (&zlib, size);
  packed = g_malloc (room);
  zlib.next_out = packed;
  zlib.avail_out = (uInt) room;
  g_assert_cmpint (deflate (&zlib, Z_FINISH), ==, Z_STREAM_END);
  deflateEnd (&zlib);
  g_bytes_unref (bytes);
  return g_bytes_new_take (packed, zlib.total_out);
}

GBytes *
test_zstd (GBytes *bytes)
{
  size_t size;
  const void *data = g_bytes_get_data (bytes, &size);
  size_t room = ZSTD_compressBound (size);
  uint8_t *packed = g_malloc (room);
  size_t length = ZSTD_compress (packed, room, data, size, 3);

  g_assert_false (ZSTD_isError (length));
  g_bytes_unref (bytes);
  return g_bytes_new_take (packed, length);
}

GBytes *
test_zboot_new (const char *compression, GBytes *payload)
{
  GByteArray *file = g_byte_array_new ();
  uint8_t header[64] = { 'M', 'Z', 0, 0, 'z', 'i', 'm', 'g' };
  uint32_t offset = GUINT32_TO_LE (sizeof header);
  uint32_t size = GUINT32_TO_LE ((uint32_t) g_bytes_get_size (payload));

  memcpy (header + 8, &offset, sizeof offset);
  memcpy (header + 12, &size, sizeof size);
  memcpy (header + 24, compression, strlen (compression));
  g_byte_array_append (file, header, sizeof header);
  g_byte_array_append (file, g_bytes_get_data (payload, NULL), (guint) g_bytes_get_size (payload));
  g_byte_array_append (file, (const guint8 *) "tail", 4);
  g_bytes_unref (payload);
  return g_byte_array_free_to_bytes (file);
}

CopMachineConfig *
test_config_new (CopBootKind boot, GBytes *kernel)
{
  CopMachineConfig *config = cop_machine_config_new ();

  config->memory = 64 * COP_MIB;
  config->boot = boot;
  config->kernel = kernel;
  config->kernel_label = g_strdup ("kernel");
  config->deterministic_seed = true;
  return config;
}
