/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The boot plan: every format is found and put where it belongs; what is cut off, absurd or in the
 * way is refused with a message that names the file.
 */
#include "boot-files.h"
#include "common/units.h"
#include "engine/dev/platform.h"
#include "engine/loader.h"
#include "engine/machine.h"

#include <string.h>

#define KERNEL (COP_DRAM_GPA + 2 * COP_MIB)

static const uint8_t some_code[64] = { 0x6f, 0x00, 0x00, 0x00, 1, 2, 3, 4 };

static GBytes *
plain_image (void)
{
  return test_image_new (0x200000, 0x10000, 0x4000);
}

static GBytes *
elf_at (uint64_t gpa, uint64_t size)
{
  const TestSegment segment = { gpa, some_code, sizeof some_code, size };

  return test_elf_new (gpa, 0, &segment, 1, NULL);
}

static GBytes *
plain_elf (void)
{
  return elf_at (COP_DRAM_GPA, 0x1000);
}

/* Files that boot. */

static GBytes *
image_gz (void)
{
  return test_gzip (plain_image ());
}

static GBytes *
image_zst (void)
{
  return test_zstd (plain_image ());
}

static GBytes *
zboot_gzip (void)
{
  return test_zboot_new ("gzip", test_gzip (plain_image ()));
}

static GBytes *
zboot_zstd (void)
{
  return test_zboot_new ("zstd22", test_zstd (plain_image ()));
}

static GBytes *
efi_stub_image (void)
{
  return test_poke (plain_image (), 0, 2, 0x5a4d);
}

/* With a PE header that has one section, up to the end of the file. */
static GBytes *
efi_stub_sections (void)
{
  GBytes *image = test_poke (efi_stub_image (), 60, 4, 64);

  image = test_poke (image, 64, 8, 0x1000000004550); /* PE, one section */
  image = test_poke (image, 64 + 20, 2, 16); /* bytes before the table */
  image = test_poke (image, 64 + 24 + 16 + 16, 4, 0x3000);
  return test_poke (image, 64 + 24 + 16 + 20, 4, 0x1000);
}

static GBytes *
old_image (void)
{
  return test_image_new (0x200000, 0, 0x4000);
}

static GBytes *
image_elsewhere (void)
{
  return test_image_new (0x400000, 0x10000, 0x4000);
}

static GBytes *
vmlinux (void)
{
  const TestSegment segments[] = {
    { 0x0, some_code, sizeof some_code, 0x1000 },
    { 0x2000, some_code, sizeof some_code, 0x1000 },
  };

  return test_elf_new (UINT64_C (0xffffffff80000000), UINT64_C (0xffffffff80000000), segments,
                       G_N_ELEMENTS (segments), NULL);
}

static GBytes *
elf_gz (void)
{
  return test_gzip (elf_at (KERNEL, 0x1000));
}

static GBytes *
kernel_elf (void)
{
  return elf_at (KERNEL, 0x1000);
}

static GBytes *
raw (void)
{
  return g_bytes_new (some_code, sizeof some_code);
}

static const struct
{
  const char *name;
  GBytes     *(*make) (void);
  CopBootKind boot;
  uint64_t    entry;
} good[] = {
  /* clang-format off */
  { "Image",           plain_image,     COP_BOOT_SBI,  KERNEL },
  { "Image.gz",        image_gz,        COP_BOOT_SBI,  KERNEL },
  { "Image.zst",       image_zst,       COP_BOOT_SBI,  KERNEL },
  { "zboot gzip",      zboot_gzip,      COP_BOOT_SBI,  KERNEL },
  { "zboot zstd",      zboot_zstd,      COP_BOOT_SBI,  KERNEL },
  { "EFI stub Image",  efi_stub_image,  COP_BOOT_SBI,  KERNEL },
  { "EFI stub with sections", efi_stub_sections, COP_BOOT_SBI, KERNEL },
  { "no image_size",   old_image,       COP_BOOT_SBI,  KERNEL },
  { "text_offset",     image_elsewhere, COP_BOOT_SBI,  COP_DRAM_GPA + 4 * COP_MIB },
  { "vmlinux",         vmlinux,         COP_BOOT_SBI,  KERNEL },
  { "vmlinux.gz",      elf_gz,          COP_BOOT_SBI,  KERNEL },
  { "ELF in place",    kernel_elf,      COP_BOOT_SBI,  KERNEL },
  { "raw",             raw,             COP_BOOT_SBI,  KERNEL },
  { "bare ELF",        plain_elf,       COP_BOOT_BARE, COP_DRAM_GPA },
  { "bare raw",        raw,             COP_BOOT_BARE, COP_DRAM_GPA },
  /* clang-format on */
};

static void
test_good (gconstpointer data)
{
  size_t row = GPOINTER_TO_SIZE (data);
  g_autoptr (GError) error = NULL;
  g_autoptr (CopMachineConfig) config = test_config_new (good[row].boot, good[row].make ());
  g_autoptr (CopBootPlan) plan = cop_boot_plan_new (config, &error);
  g_autoptr (CopRam) ram = NULL;
  g_autoptr (GBytes) dtb = g_bytes_new_static ("dtb", 3);

  g_assert_no_error (error);
  g_assert_cmphex (plan->entry, ==, good[row].entry);

  ram = cop_ram_new (COP_DRAM_GPA, config->memory, -1, &error);
  g_assert_no_error (error);
  g_assert_true (cop_boot_plan_load (plan, ram, dtb, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (cop_ram_span (ram, plan->dtb_gpa, 3), 3, "dtb", 3);
  /* Every file above begins with an instruction, or MZ. */
  g_assert_cmphex (*cop_ram_span (ram, plan->entry, 1), !=, 0);
}

static void
test_contents (void)
{
  g_autoptr (GBytes) image = plain_image ();
  size_t size = g_bytes_get_size (image);
  g_autoptr (GBytes) dtb = g_bytes_new_static ("dtb", 3);

  for (unsigned i = 1; i < 5; i++)
    {
      g_autoptr (CopMachineConfig) config = test_config_new (COP_BOOT_SBI, good[i].make ());
      g_autoptr (CopBootPlan) plan = cop_boot_plan_new (config, NULL);
      g_autoptr (CopRam) ram = cop_ram_new (COP_DRAM_GPA, config->memory, -1, NULL);

      g_test_message ("%s", good[i].name);
      g_assert_true (cop_boot_plan_load (plan, ram, dtb, NULL));
      g_assert_cmpmem (cop_ram_span (ram, KERNEL, size), size, g_bytes_get_data (image, NULL),
                       size);
    }
}

/* Files that do not. */

static GBytes *
empty (void)
{
  return g_bytes_new (NULL, 0);
}

static GBytes *
three_bytes (void)
{
  return g_bytes_new ("abc", 3);
}

static GBytes *
cut_gz (void)
{
  return test_truncate (image_gz (), 20);
}

static GBytes *
cut_gz_late (void)
{
  GBytes *bytes = image_gz ();

  return test_truncate (bytes, g_bytes_get_size (bytes) - 30);
}

static GBytes *
bent_gz (void)
{
  return test_poke (image_gz (), 40, 8, 0x0123456789abcdef);
}

static GBytes *
bomb_gz (void)
{
  return test_gzip (test_image_new (0x200000, 0x5000, 0x800000));
}

static GBytes *
gz_of_nothing_known (void)
{
  return test_gzip (g_bytes_new (some_code, sizeof some_code));
}

static GBytes *
image_too_large (void)
{
  return test_image_new (0x200000, 0x10000000, 0x4000);
}

static GBytes *
image_absurd_size (void)
{
  return test_image_new (0x200000, UINT64_MAX, 0x4000);
}

static GBytes *
image_absurd_offset (void)
{
  return test_image_new (UINT64_MAX - 5, 0x10000, 0x4000);
}

static GBytes *
image_size_too_small (void)
{
  return test_image_new (0x200000, 0x100, 0x4000);
}

static GBytes *
image_big_endian (void)
{
  return test_poke (plain_image (), 24, 8, 1);
}

static GBytes *
image_over_dtb (void)
{
  return test_image_new (0x200000, 61 * COP_MIB, 0x4000);
}

static GBytes *
xz (void)
{
  return g_bytes_new ("\xfd\x37zXZ\0 and more of it", 20);
}

static GBytes *
script (void)
{
  return g_bytes_new_static ("#!/bin/sh\necho\n", 15);
}

static GBytes *
x86_kernel (void)
{
  return test_poke (g_bytes_new_take (g_malloc0 (0x1000), 0x1000), 0x202, 4, 0x53726448);
}

static GBytes *
stub_cut (void)
{
  return test_truncate (efi_stub_sections (), 0x3fff);
}

static GBytes *
stub_cut_table (void)
{
  return test_truncate (efi_stub_sections (), 64 + 24 + 16 + 39);
}

static GBytes *
zboot_outside (void)
{
  return test_poke (zboot_gzip (), 12, 4, 0xffffffff);
}

static GBytes *
elf_cut_header (void)
{
  return test_truncate (plain_elf (), 40);
}

static GBytes *
elf_cut_segments (void)
{
  return test_truncate (plain_elf (), 70);
}

static GBytes *
elf_cut_contents (void)
{
  return test_truncate (plain_elf (), 130);
}

static GBytes *
elf_x86 (void)
{
  return test_poke (plain_elf (), 18, 2, 62);
}

static GBytes *
elf_32 (void)
{
  return test_poke (plain_elf (), 4, 1, 1);
}

static GBytes *
elf_object (void)
{
  return test_poke (plain_elf (), 16, 2, 1);
}

static GBytes *
elf_phoff_absurd (void)
{
  return test_poke (plain_elf (), 32, 8, UINT64_MAX - 8);
}

static GBytes *
elf_phnum_absurd (void)
{
  return test_poke (plain_elf (), 56, 2, 0xffff);
}

static GBytes *
elf_offset_absurd (void)
{
  return test_poke (plain_elf (), 64 + 8, 8, UINT64_MAX - 8);
}

static GBytes *
elf_filesz_above_memsz (void)
{
  return test_poke (plain_elf (), 64 + 40, 8, 8);
}

static GBytes *
elf_memsz_wraps (void)
{
  return test_poke (plain_elf (), 64 + 40, 8, UINT64_MAX);
}

static GBytes *
elf_outside (void)
{
  return elf_at (COP_DRAM_GPA + 64 * COP_MIB - 0x800, 0x1000);
}

static GBytes *
elf_below (void)
{
  return elf_at (0x10000, 0x1000);
}

static GBytes *
elf_entry_nowhere (void)
{
  return test_poke (plain_elf (), 24, 8, 0x12345678);
}

static GBytes *
elf_overlap (void)
{
  const TestSegment segments[] = {
    { COP_DRAM_GPA, some_code, sizeof some_code, 0x1000 },
    { COP_DRAM_GPA + 0xfff, some_code, sizeof some_code, 0x1000 },
  };

  return test_elf_new (COP_DRAM_GPA, 0, segments, G_N_ELEMENTS (segments), NULL);
}

static const struct
{
  const char *name;
  GBytes     *(*make) (void);
  CopBootKind boot;
  const char *message;          /* a part of it */
} bad[] = {
  /* clang-format off */
  { "empty",               empty,                  COP_BOOT_SBI,  "kernel: the file is empty" },
  { "three bytes",         three_bytes,            COP_BOOT_SBI,  "ends at offset 0x3" },
  { "cut gzip",            cut_gz,                 COP_BOOT_SBI,  "ends too early" },
  { "not for RISC-V",      x86_kernel,             COP_BOOT_SBI,  "this is an x86 kernel" },
  { "script",              script,                 COP_BOOT_SBI,  "this is a script" },
  { "xz",                  xz,                     COP_BOOT_SBI,  "compressed with xz; unpack it" },
  { "gzip of what",        gz_of_nothing_known,    COP_BOOT_SBI,  "no RISC-V Image or ELF" },
  { "image_size too big",  image_too_large,        COP_BOOT_SBI,  "more memory: --memory" },
  { "image_size absurd",   image_absurd_size,      COP_BOOT_SBI,  "outside the machine's RAM" },
  { "text_offset absurd",  image_absurd_offset,    COP_BOOT_SBI,  "outside the machine's RAM" },
  { "image_size too small", image_size_too_small,  COP_BOOT_SBI,  "at offset 0x10" },
  { "big-endian",          image_big_endian,       COP_BOOT_SBI,  "at offset 0x18" },
  { "no room for dtb",     image_over_dtb,         COP_BOOT_SBI,  "no room for the device tree" },
  { "EFI stub cut",        stub_cut,               COP_BOOT_SBI,  "ends at offset 0x3fff, but the kernel in it at 0x4000" },
  { "EFI stub cut table",  stub_cut_table,         COP_BOOT_SBI,  "ends at offset 0x8f, but the kernel in it at 0x90" },
  { "zboot outside",       zboot_outside,          COP_BOOT_SBI,  "lies past the end" },
  { "ELF cut header",      elf_cut_header,         COP_BOOT_BARE, "ends in its header" },
  { "ELF cut segments",    elf_cut_segments,       COP_BOOT_BARE, "program headers lie past" },
  { "ELF cut contents",    elf_cut_contents,       COP_BOOT_BARE, "segment 0 lies past the end" },
  { "ELF x86",             elf_x86,                COP_BOOT_BARE, "for machine 62" },
  { "ELF 32",              elf_32,                 COP_BOOT_BARE, "64-bit" },
  { "ELF object",          elf_object,             COP_BOOT_BARE, "no executable" },
  { "ELF phoff absurd",    elf_phoff_absurd,       COP_BOOT_BARE, "program headers lie past" },
  { "ELF phnum absurd",    elf_phnum_absurd,       COP_BOOT_BARE, "program headers lie past" },
  { "ELF offset absurd",   elf_offset_absurd,      COP_BOOT_BARE, "segment 0 lies past the end" },
  { "ELF filesz",          elf_filesz_above_memsz, COP_BOOT_BARE, "more bytes in the file" },
  { "ELF memsz wraps",     elf_memsz_wraps,        COP_BOOT_BARE, "wraps around" },
  { "ELF outside",         elf_outside,            COP_BOOT_BARE, "more memory: --memory" },
  { "ELF below",           elf_below,              COP_BOOT_BARE, "link it for an address in RAM" },
  { "ELF entry nowhere",   elf_entry_nowhere,      COP_BOOT_BARE, "is in no segment" },
  { "ELF overlap",         elf_overlap,            COP_BOOT_BARE, "overlap" },
  /* clang-format on */
};

static void
test_bad (gconstpointer data)
{
  size_t row = GPOINTER_TO_SIZE (data);
  g_autoptr (GError) error = NULL;
  g_autoptr (CopMachineConfig) config = test_config_new (bad[row].boot, bad[row].make ());
  g_autoptr (CopBootPlan) plan = cop_boot_plan_new (config, &error);

  g_assert_null (plan);
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, bad[row].message));
  g_assert_nonnull (strstr (error->message, "kernel: "));
}

/* What only unpacking shows is found when the plan is carried out. */
static void
test_bad_streams (void)
{
  GBytes *(*const makers[]) (void) = { cut_gz_late, bent_gz, bomb_gz };
  g_autoptr (GBytes) dtb = g_bytes_new_static ("dtb", 3);

  for (size_t i = 0; i < G_N_ELEMENTS (makers); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (CopMachineConfig) config = test_config_new (COP_BOOT_SBI, makers[i]());
      g_autoptr (CopBootPlan) plan = cop_boot_plan_new (config, &error);
      g_autoptr (CopRam) ram = cop_ram_new (COP_DRAM_GPA, config->memory, -1, NULL);

      if (plan != NULL)
        g_assert_false (cop_boot_plan_load (plan, ram, dtb, &error));
      g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE);
      g_assert_true (g_str_has_prefix (error->message, "kernel: "));
    }
}

static void
test_placement (void)
{
  static const struct
  {
    uint64_t memory, image_size, initrd_size, initrd_gpa, dtb_gpa;
  } rows[] = {
    /* clang-format off */
    /* The places QEMU's virt machine chooses. */
    { 512 * COP_MIB, 32 * COP_MIB, 16 * COP_MIB, KERNEL + 128 * COP_MIB, 0x9fe00000 },
    { 4 * COP_GIB,   32 * COP_MIB, 16 * COP_MIB, KERNEL + 128 * COP_MIB, 0xbfe00000 },
    { 64 * COP_MIB,  16 * COP_MIB, 8 * COP_MIB,  KERNEL + 32 * COP_MIB,  0x83e00000 },
    /* A kernel larger than the distance; an initrd that has to move down. */
    { 512 * COP_MIB, 200 * COP_MIB, 16 * COP_MIB, KERNEL + 200 * COP_MIB, 0x9fe00000 },
    { 64 * COP_MIB,  16 * COP_MIB, 40 * COP_MIB, 0x83e00000 - 40 * COP_MIB, 0x83e00000 },
    /* clang-format on */
  };

  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (CopMachineConfig) config
        = test_config_new (COP_BOOT_SBI, test_image_new (0x200000, rows[i].image_size, 0x100));
      g_autoptr (CopBootPlan) plan = NULL;
      g_autoptr (GError) error = NULL;

      config->memory = rows[i].memory;
      config->initrd = g_bytes_new_take (g_malloc0 (rows[i].initrd_size), rows[i].initrd_size);
      config->initrd_label = g_strdup ("initrd");
      plan = cop_boot_plan_new (config, &error);
      g_assert_no_error (error);
      g_assert_cmphex (plan->initrd_gpa, ==, rows[i].initrd_gpa);
      g_assert_cmphex (plan->dtb_gpa, ==, rows[i].dtb_gpa);
      g_assert_cmphex (plan->initrd_size, ==, rows[i].initrd_size);
    }
}

static void
test_initrd_too_large (void)
{
  const uint64_t sizes[] = { 60 * COP_MIB, 100 * COP_MIB };

  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (CopMachineConfig) config
        = test_config_new (COP_BOOT_SBI, test_image_new (0x200000, 16 * COP_MIB, 0x100));
      g_autoptr (GError) error = NULL;

      config->initrd = g_bytes_new_take (g_malloc0 (sizes[i]), sizes[i]);
      config->initrd_label = g_strdup ("initrd");
      g_assert_null (cop_boot_plan_new (config, &error));
      g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE);
      g_assert_true (g_str_has_prefix (error->message, "initrd: "));
      g_assert_nonnull (strstr (error->message, "--memory"));
    }
}

static void
test_firmware (void)
{
  g_autoptr (CopMachineConfig) config = test_config_new (COP_BOOT_FIRMWARE, plain_image ());
  g_autoptr (CopBootPlan) plan = NULL;
  g_autoptr (CopRam) ram = NULL;
  g_autoptr (GBytes) dtb = g_bytes_new_static ("dtb", 3);
  uint64_t vector[8];

  config->bios = raw ();
  config->bios_label = g_strdup ("bios");
  plan = cop_boot_plan_new (config, NULL);
  g_assert_nonnull (plan);
  g_assert_cmphex (plan->entry, ==, COP_DRAM_GPA);
  g_assert_cmphex (plan->kernel_entry, ==, KERNEL);

  ram = cop_ram_new (COP_DRAM_GPA, config->memory, -1, NULL);
  g_assert_true (cop_boot_plan_load (plan, ram, dtb, NULL));
  memcpy (vector, ram->rom.hva + 0x18, sizeof vector);
  g_assert_cmphex (vector[0], ==, COP_DRAM_GPA);
  g_assert_cmphex (vector[1], ==, plan->dtb_gpa);
  g_assert_cmphex (vector[2], ==, 0x4942534f);
  g_assert_cmphex (vector[4], ==, KERNEL);
}

static void
test_symbols (void)
{
  const TestSymbol symbols[] = {
    { "tohost", COP_DRAM_GPA + 0x40 },
    { "end_signature", COP_DRAM_GPA + 0x1000 },
    { "far_away", 0x10 },
    { NULL, 0 },
  };
  const TestSegment segment = { COP_DRAM_GPA, some_code, sizeof some_code, 0x1000 };
  GBytes *elf = test_elf_new (COP_DRAM_GPA, 0, &segment, 1, symbols);
  g_autoptr (CopMachineConfig) config = test_config_new (COP_BOOT_BARE, elf);
  g_autoptr (CopBootPlan) plan = cop_boot_plan_new (config, NULL);
  const uint64_t *gpa;

  g_assert_nonnull (plan);
  gpa = g_hash_table_lookup (plan->symbols, "tohost");
  g_assert_nonnull (gpa);
  g_assert_cmphex (*gpa, ==, COP_DRAM_GPA + 0x40);
  gpa = g_hash_table_lookup (plan->symbols, "end_signature");
  g_assert_nonnull (gpa);
  g_assert_cmphex (*gpa, ==, COP_DRAM_GPA + 0x1000);
  g_assert_null (g_hash_table_lookup (plan->symbols, "far_away"));
}

/* Whatever a bit or a cut makes of a good file: a plan or an error, never more. */
static void
test_mutations (void)
{
  g_autoptr (GRand) numbers = g_rand_new_with_seed (1);
  g_autoptr (GBytes) dtb = g_bytes_new_static ("dtb", 3);
  unsigned booted = 0;

  for (unsigned round = 0; round < 3000; round++)
    {
      size_t row = round % G_N_ELEMENTS (good);
      GBytes *kernel = good[row].make ();
      size_t size = g_bytes_get_size (kernel);
      g_autoptr (CopMachineConfig) config = NULL;
      g_autoptr (CopBootPlan) plan = NULL;

      for (int i = g_rand_int_range (numbers, 1, 4); i > 0; i--)
        kernel = test_poke (kernel, (size_t) g_rand_int_range (numbers, 0, (int) MIN (size, 300)), 1,
                            g_rand_int (numbers));
      if (g_rand_int_range (numbers, 0, 4) == 0)
        kernel = test_truncate (kernel, (size_t) g_rand_int_range (numbers, 0, (int) size));

      config = test_config_new (good[row].boot, kernel);
      config->memory = 8 * COP_MIB;
      plan = cop_boot_plan_new (config, NULL);
      if (plan != NULL)
        {
          g_autoptr (CopRam) ram = cop_ram_new (COP_DRAM_GPA, config->memory, -1, NULL);

          booted += cop_boot_plan_load (plan, ram, dtb, NULL);
        }
    }
  g_test_message ("%u of 3000 still boot", booted);
  g_assert_cmpuint (booted, >, 100);
  g_assert_cmpuint (booted, <, 2900);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *path = g_strdup_printf ("/engine/loader/good/%s", good[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_good);
    }
  for (size_t i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *path = g_strdup_printf ("/engine/loader/bad/%s", bad[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_bad);
    }
  g_test_add_func ("/engine/loader/contents", test_contents);
  g_test_add_func ("/engine/loader/bad-streams", test_bad_streams);
  g_test_add_func ("/engine/loader/placement", test_placement);
  g_test_add_func ("/engine/loader/initrd-too-large", test_initrd_too_large);
  g_test_add_func ("/engine/loader/firmware", test_firmware);
  g_test_add_func ("/engine/loader/symbols", test_symbols);
  g_test_add_func ("/engine/loader/mutations", test_mutations);
  return g_test_run ();
}
