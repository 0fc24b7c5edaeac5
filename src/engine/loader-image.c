/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Linux's Image format, as it is, compressed, or inside an EFI zboot file; and raw binaries.
 *
 *   0   code, or "MZ" of the EFI stub    16  image_size: memory, past the end of the file
 *   8   text_offset                      24  flags: bit 0 big-endian
 *   48  "RISCV\0\0\0"                    56  "RSC\x05"
 *   60  offset of the EFI stub's PE header, whose sections say how long the file is
 *
 *   zboot: 0 "MZ\0\0"  4 "zimg"  8 payload offset  12 payload size  24 name of the compression
 *
 * Source: Linux Documentation/arch/riscv/boot-image-header.rst, drivers/firmware/efi/libstub;
 *   Microsoft PE Format, "COFF File Header" and "Section Table"
 */
#include "common/checked.h"
#include "engine/dev/platform.h"
#include "engine/loader-private.h"

#define HEADER_SIZE 64
#define ZBOOT_HEADER_SIZE 64
#define PE_HEADER_SIZE 24
#define PE_SECTION_SIZE 40
#define MAX_UNPACKED_ELF (UINT64_C (1) << 30)

typedef struct
{
  uint64_t text_offset, image_size, flags;
} Header;

/* What people hand to a RISC-V machine by mistake. */
/* clang-format off */
static const struct
{
  uint16_t       offset;
  uint8_t         length;
  uint8_t         magic[8];
  const char *what;
} foreign[] = {
  { 0x202, 4, { 'H', 'd', 'r', 'S' },                     "an x86 kernel" },
  { 56,    4, { 'A', 'R', 'M', 0x64 },                    "an arm64 kernel" },
  { 0x24,  4, { 0x18, 0x28, 0x6f, 0x01 },                 "a 32-bit ARM kernel" },
  { 0,     4, { 0x27, 0x05, 0x19, 0x56 },                 "a U-Boot image with a header" },
  { 0,     4, { 0xd0, 0x0d, 0xfe, 0xed },                 "a device tree or FIT image" },
  { 0,     4, { 'Q', 'F', 'I', 0xfb },                    "a qcow2 disk image" },
  { 0,     8, { '!', '<', 'a', 'r', 'c', 'h', '>', '\n' }, "an archive or Debian package" },
  { 0,     6, { '0', '7', '0', '7', '0', '1' },           "an initramfs" },
  { 0,     2, { '#', '!' },                               "a script" },
};
/* clang-format on */

static bool
read_header (const uint8_t *data, size_t size, Header *header)
{
  if (size < HEADER_SIZE || memcmp (data + 48, "RISCV\0\0\0", 8) != 0 ||
      memcmp (data + 56, "RSC\x05", 4) != 0)
    return false;
  header->text_offset = cop_le64 (data + 8);
  header->image_size = cop_le64 (data + 16);
  header->flags = cop_le64 (data + 24);
  return true;
}

static bool refuse (const CopBootFile *file, GError **error, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

static bool
refuse (const CopBootFile *file, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE, "%s: %s", file->label, what);
  return false;
}

/* An image that was cut short runs into zeroes somewhere later, and nobody knows why; one with an
   EFI stub says where its last byte is. */
static bool
check_length (const CopBootFile *file, GError **error)
{
  size_t size;
  const uint8_t *data = g_bytes_get_data (file->bytes, &size);
  uint64_t pe = size >= HEADER_SIZE ? cop_le32 (data + 60) : 0;
  uint64_t table;
  unsigned n_sections;

  if (size < HEADER_SIZE || memcmp (data, "MZ", 2) != 0 ||
      !cop_range_within (pe, PE_HEADER_SIZE, size) || memcmp (data + pe, "PE\0\0", 4) != 0)
    return true;
  n_sections = cop_le16 (data + pe + 6);
  table = pe + PE_HEADER_SIZE + cop_le16 (data + pe + 20);
  for (unsigned i = 0; i < n_sections; i++)
    {
      uint64_t at = table + (uint64_t) i * PE_SECTION_SIZE;
      uint64_t end = at + PE_SECTION_SIZE;

      if (end <= size)
        end = (uint64_t) cop_le32 (data + at + 16) + cop_le32 (data + at + 20);
      if (end > size)
        return refuse (
          file, error,
          "the file ends at offset 0x%zx, but the kernel in it at 0x%" G_GINT64_MODIFIER
          "x or later; get the file anew",
          size, end);
    }
  return true;
}

/* The compressed kernel inside a zboot file; NULL without an error when it is no such file. */
static GBytes *
zboot_payload (const CopBootFile *file, GError **error)
{
  size_t size;
  const uint8_t *data = g_bytes_get_data (file->bytes, &size);
  uint64_t offset, length;

  if (size < ZBOOT_HEADER_SIZE || memcmp (data, "MZ", 2) != 0 || memcmp (data + 4, "zimg", 4) != 0)
    return NULL;
  offset = cop_le32 (data + 8);
  length = cop_le32 (data + 12);
  if (offset < ZBOOT_HEADER_SIZE || !cop_range_within (offset, length, size))
    {
      refuse (file, error,
              "at offset 0x8: the compressed kernel of this EFI zboot file (0x%" G_GINT64_MODIFIER
              "x bytes at 0x%" G_GINT64_MODIFIER "x) lies past the end of the file (%zu bytes); "
              "get the file anew",
              length, offset, size);
      return NULL;
    }
  return g_bytes_new_from_bytes (file->bytes, offset, length);
}

/* The bytes that hold the kernel and how they are packed. */
static GBytes *
find_kernel (const CopBootFile *file, CopPacking *packing, GError **error)
{
  g_autoptr (GError) zboot_error = NULL;
  g_autoptr (GBytes) bytes = zboot_payload (file, &zboot_error);
  const char *name = NULL;
  const uint8_t *data;
  size_t size;

  if (zboot_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&zboot_error));
      return NULL;
    }
  if (bytes == NULL)
    bytes = g_bytes_ref (file->bytes);

  data = g_bytes_get_data (bytes, &size);
  *packing = cop_packing_detect (data, size, &name);
  if (*packing == COP_PACKING_UNSUPPORTED)
    {
      refuse (file, error, "it is compressed with %s; unpack it first, or use gzip or zstd", name);
      return NULL;
    }
  return g_steal_pointer (&bytes);
}

bool
cop_image_unpack_elf (const CopBootFile *file, GBytes **elf, GError **error)
{
  g_autoptr (GByteArray) contents = NULL;
  g_autoptr (CopUnpack) unpack = NULL;
  g_autoptr (GBytes) bytes = NULL;
  uint8_t chunk[4096];
  CopPacking packing;
  size_t got;

  *elf = NULL;
  bytes = find_kernel (file, &packing, error);
  if (bytes == NULL)
    return false;
  if (packing == COP_PACKING_NONE)
    return true;

  unpack = cop_unpack_new (bytes, packing, file->label);
  if (!cop_unpack_read (unpack, chunk, sizeof chunk, &got, error))
    return false;
  if (!cop_elf_detect (chunk, got))
    return true;

  contents = g_byte_array_new ();
  while (got > 0)
    {
      if (contents->len + got > MIN (MAX_UNPACKED_ELF, 2 * file->dram_size))
        return refuse (file, error,
                       "the ELF file inside is larger than twice the machine's RAM; "
                       "give the machine more memory (--memory), or strip it");
      g_byte_array_append (contents, chunk, got);
      if (!cop_unpack_read (unpack, chunk, sizeof chunk, &got, error))
        return false;
    }
  *elf = g_byte_array_free_to_bytes (g_steal_pointer (&contents));
  return true;
}

static bool
load_raw (CopBootPlan *plan, const CopBootFile *file, uint64_t *entry, GError **error)
{
  size_t size;
  const uint8_t *data = g_bytes_get_data (file->bytes, &size);

  for (size_t i = 0; i < G_N_ELEMENTS (foreign); i++)
    if (cop_range_within (foreign[i].offset, foreign[i].length, size) &&
        memcmp (data + foreign[i].offset, foreign[i].magic, foreign[i].length) == 0)
      return refuse (file, error,
                     "this is %s, not a RISC-V kernel; give an Image, Image.gz or ELF file built "
                     "for riscv64",
                     foreign[i].what);
  if (size < 4)
    return refuse (file, error,
                   "the file ends at offset 0x%zx, in its first instruction; "
                   "get the file anew",
                   size);

  *entry = file->base;
  return cop_boot_plan_add (plan, file, file->base, size, file->bytes, COP_PACKING_NONE, error);
}

bool
cop_image_load (CopBootPlan *plan, const CopBootFile *file, uint64_t *entry, GError **error)
{
  g_autoptr (CopUnpack) unpack = NULL;
  g_autoptr (GBytes) bytes = NULL;
  uint8_t start[HEADER_SIZE];
  CopPacking packing;
  Header header;
  uint64_t gpa, size;
  size_t got;

  bytes = find_kernel (file, &packing, error);
  if (bytes == NULL)
    return false;
  unpack = cop_unpack_new (bytes, packing, file->label);
  if (!cop_unpack_read (unpack, start, sizeof start, &got, error))
    return false;
  if (!read_header (start, got, &header))
    {
      if (packing == COP_PACKING_NONE)
        return load_raw (plan, file, entry, error);
      return refuse (file, error,
                     "what is compressed in it is no RISC-V Image or ELF file; "
                     "give a kernel built for riscv64");
    }

  if (packing == COP_PACKING_NONE && !check_length (file, error))
    return false;
  if (header.flags & 1)
    return refuse (file, error, "at offset 0x18: the kernel is big-endian, harts are not");

  /* The image may lie at any multiple of 2 MiB plus text_offset: at the first that leaves room for
     firmware. */
  gpa = file->base;
  if (header.text_offset > COP_KERNEL_OFFSET &&
      !cop_checked_add (COP_DRAM_GPA, header.text_offset, &gpa))
    gpa = UINT64_MAX;
  else if (header.text_offset < COP_KERNEL_OFFSET)
    gpa = file->base + header.text_offset;

  size = packing == COP_PACKING_NONE ? g_bytes_get_size (bytes) : HEADER_SIZE;
  /* Headers older than image_size leave it 0. */
  if (header.image_size != 0)
    {
      if (header.image_size < size)
        return refuse (file, error,
                       "at offset 0x10: the header says 0x%" G_GINT64_MODIFIER
                       "x bytes, but the file has more; get the file anew",
                       header.image_size);
      size = header.image_size;
    }
  *entry = gpa;
  return cop_boot_plan_add (plan, file, gpa, size, bytes, packing, error);
}
