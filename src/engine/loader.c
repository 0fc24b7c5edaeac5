/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The boot plan: which file goes where, nothing over anything else, and carrying that out.
 */
#include "common/checked.h"
#include "common/units.h"
#include "engine/boot-rom.h"
#include "engine/dev/platform.h"
#include "engine/loader-private.h"

#include <errno.h>
#include <sys/mman.h>

/* Devices of 32-bit reach may want to see the device tree and initrd. */
#define DTB_CEILING UINT64_C (0xc0000000)
#define INITRD_DISTANCE (128 * COP_MIB)

static void
boot_part_free (gpointer data)
{
  CopBootPart *part = data;

  g_bytes_unref (part->bytes);
  g_free (part->label);
  g_free (part);
}

void
cop_boot_plan_free (CopBootPlan *plan)
{
  if (plan == NULL)
    return;
  g_ptr_array_unref (plan->parts);
  g_hash_table_unref (plan->symbols);
  g_free (plan);
}

/* Returns: (nullable): what lies in [gpa, gpa + size) already */
static const CopBootPart *
find_overlap (const CopBootPlan *plan, uint64_t gpa, uint64_t size)
{
  for (unsigned i = 0; i < plan->parts->len; i++)
    {
      const CopBootPart *part = g_ptr_array_index (plan->parts, i);

      if (gpa < part->gpa + part->size && part->gpa < gpa + size)
        return part;
    }
  return NULL;
}

bool
cop_boot_plan_add (CopBootPlan *plan, const CopBootFile *file, uint64_t gpa, uint64_t size,
                   GBytes *bytes, CopPacking packing, GError **error)
{
  const CopBootPart *other;
  CopBootPart *part;

  if (gpa < COP_DRAM_GPA || !cop_range_within (gpa - COP_DRAM_GPA, size, file->dram_size))
    {
      g_autofree char *memory = cop_size_format (file->dram_size);

      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
                   "%s: 0x%" G_GINT64_MODIFIER "x bytes at 0x%" G_GINT64_MODIFIER
                   "x are outside the machine's RAM, which is %s at 0x%" G_GINT64_MODIFIER "x; %s",
                   file->label, size, gpa, memory, COP_DRAM_GPA,
                   gpa < COP_DRAM_GPA ? "link it for an address in RAM"
                                      : "give the machine more memory: --memory");
      return false;
    }
  other = find_overlap (plan, gpa, size);
  if (other != NULL)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
                   "%s: 0x%" G_GINT64_MODIFIER "x bytes at 0x%" G_GINT64_MODIFIER
                   "x overlap %s, which has 0x%" G_GINT64_MODIFIER
                   "x bytes at 0x%" G_GINT64_MODIFIER
                   "x; give the machine more memory (--memory), or link one of them elsewhere",
                   file->label, size, gpa, other->label, other->size, other->gpa);
      return false;
    }

  part = g_new0 (CopBootPart, 1);
  part->gpa = gpa;
  part->size = size;
  part->bytes = g_bytes_ref (bytes);
  part->packing = packing;
  part->label = g_strdup (file->label);
  g_ptr_array_add (plan->parts, part);
  return true;
}

/* Any file that holds code: ELF, packed ELF, Image or raw. */
static bool
add_code (CopBootPlan *plan, const CopBootFile *file, bool relocate, uint64_t *entry,
          GError **error)
{
  g_autoptr (GBytes) unpacked = NULL;
  CopBootFile elf = *file;
  size_t size;
  const uint8_t *data = g_bytes_get_data (file->bytes, &size);

  if (size == 0)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
                   "%s: the file is empty; get the file anew", file->label);
      return false;
    }
  if (cop_elf_detect (data, size))
    return cop_elf_load (plan, file, relocate, entry, error);

  if (!cop_image_unpack_elf (file, &unpacked, error))
    return false;
  if (unpacked == NULL)
    return cop_image_load (plan, file, entry, error);
  elf.bytes = unpacked;
  return cop_elf_load (plan, &elf, relocate, entry, error);
}

/* The device tree goes below the end of RAM, where the kernel's early mappings reach it. */
static bool
place_dtb (CopBootPlan *plan, const CopMachineConfig *config, GError **error)
{
  uint64_t end = MIN (COP_DRAM_GPA + config->memory, DTB_CEILING);
  const CopBootPart *other;

  plan->dtb_gpa = (end - COP_DTB_ROOM) & ~(COP_DTB_ROOM - 1);
  other = find_overlap (plan, plan->dtb_gpa, COP_DTB_ROOM);
  if (other != NULL)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
                   "%s: 0x%" G_GINT64_MODIFIER "x bytes at 0x%" G_GINT64_MODIFIER
                   "x leave no room for the device tree at 0x%" G_GINT64_MODIFIER
                   "x; give the machine more memory: --memory",
                   other->label, other->size, other->gpa, plan->dtb_gpa);
      return false;
    }
  return true;
}

static bool
place_initrd (CopBootPlan *plan, const CopMachineConfig *config, GError **error)
{
  CopBootFile file = { config->initrd, config->initrd_label, 0, config->memory };
  uint64_t size = g_bytes_get_size (config->initrd);
  uint64_t gpa = COP_DRAM_GPA + COP_KERNEL_OFFSET + MIN (config->memory / 2, INITRD_DISTANCE);

  if (size == 0)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
                   "%s: the file is empty; leave --initrd out, or get the file anew",
                   config->initrd_label);
      return false;
    }

  /* Past a kernel that is larger than the distance; else right below the device tree. */
  for (unsigned i = 0; i < plan->parts->len; i++)
    {
      const CopBootPart *part = g_ptr_array_index (plan->parts, i);

      gpa = MAX (gpa, part->gpa + part->size);
    }
  gpa = (gpa + COP_PAGE_SIZE - 1) & ~(COP_PAGE_SIZE - 1);
  if (gpa < plan->dtb_gpa + COP_DTB_ROOM && size > plan->dtb_gpa - MIN (gpa, plan->dtb_gpa))
    {
      if (size > plan->dtb_gpa - COP_DRAM_GPA)
        {
          g_autofree char *memory = cop_size_format (config->memory);

          g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
                       "%s: its %" G_GUINT64_FORMAT " bytes do not fit into the machine's RAM of "
                       "%s; give the machine more memory: --memory",
                       config->initrd_label, size, memory);
          return false;
        }
      gpa = (plan->dtb_gpa - size) & ~(COP_PAGE_SIZE - 1);
    }
  if (!cop_boot_plan_add (plan, &file, gpa, size, config->initrd, COP_PACKING_NONE, error))
    return false;
  plan->initrd_gpa = gpa;
  plan->initrd_size = size;
  return true;
}

/* Says which file a kind of boot lacks. */
static bool
check_files (const CopMachineConfig *config, GError **error)
{
  const char *missing = NULL;

  if (config->boot == COP_BOOT_FIRMWARE && config->bios == NULL)
    missing = "a firmware file is needed: --bios FILE";
  else if (config->boot != COP_BOOT_FIRMWARE && config->kernel == NULL)
    missing = "a kernel is needed: --kernel FILE, or firmware that needs none: --bios FILE";
  else if (config->boot != COP_BOOT_FIRMWARE && config->bios != NULL)
    missing = "firmware was given, but this kind of boot does not run any";
  else if (config->initrd != NULL && config->kernel == NULL)
    missing = "an initrd needs a kernel: --kernel FILE";

  if (missing != NULL)
    g_set_error_literal (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG, missing);
  return missing == NULL;
}

CopBootPlan *
cop_boot_plan_new (const CopMachineConfig *config, GError **error)
{
  g_autoptr (CopBootPlan) plan = g_new0 (CopBootPlan, 1);
  bool bare = config->boot == COP_BOOT_BARE;

  plan->parts = g_ptr_array_new_with_free_func (boot_part_free);
  plan->symbols = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  if (!check_files (config, error))
    return NULL;
  if (config->bios != NULL)
    {
      CopBootFile bios = { config->bios, config->bios_label, COP_DRAM_GPA, config->memory };

      if (!add_code (plan, &bios, false, &plan->entry, error))
        return NULL;
      /* A kernel's symbols are the ones to ask for. */
      g_hash_table_remove_all (plan->symbols);
    }
  if (config->kernel != NULL)
    {
      CopBootFile kernel = { config->kernel, config->kernel_label,
                             COP_DRAM_GPA + (bare ? 0 : COP_KERNEL_OFFSET), config->memory };

      if (!add_code (plan, &kernel, !bare, &plan->kernel_entry, error))
        return NULL;
      if (config->bios == NULL)
        plan->entry = plan->kernel_entry;
    }
  if (!place_dtb (plan, config, error) ||
      (config->initrd != NULL && !place_initrd (plan, config, error)))
    return NULL;
  return g_steal_pointer (&plan);
}

static bool
load_part (const CopBootPart *part, CopRam *ram, GError **error)
{
  g_autoptr (CopUnpack) unpack = cop_unpack_new (part->bytes, part->packing, part->label);
  uint8_t *hva = cop_ram_span (ram, part->gpa, part->size);
  uint8_t more;
  size_t got;

  if (hva == NULL)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
                   "%s: 0x%" G_GINT64_MODIFIER "x is outside the machine's RAM; "
                   "give the machine more memory: --memory",
                   part->label, part->gpa);
      return false;
    }
  cop_ram_will_fill (ram, part->gpa, part->size);
  if (!cop_unpack_read (unpack, hva, part->size, &got, error))
    return false;
  if (got > 0)
    cop_ram_written (ram, part->gpa, got);
  if (got < part->size)
    return true;

  if (!cop_unpack_read (unpack, &more, sizeof more, &got, error))
    return false;
  if (got > 0)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
                   "%s: it unpacks to more than the 0x%" G_GINT64_MODIFIER
                   "x bytes that its header names; get the file anew",
                   part->label, part->size);
      return false;
    }
  return true;
}

bool
cop_boot_plan_load (const CopBootPlan *plan, CopRam *ram, GBytes *dtb, GError **error)
{
  size_t dtb_size;
  const void *dtb_data = g_bytes_get_data (dtb, &dtb_size);

  for (unsigned i = 0; i < plan->parts->len; i++)
    if (!load_part (g_ptr_array_index (plan->parts, i), ram, error))
      return false;

  if (dtb_size > COP_DTB_ROOM || !cop_ram_write (ram, plan->dtb_gpa, dtb_data, dtb_size))
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
                   "the device tree has %zu bytes, more than the 0x%" G_GINT64_MODIFIER
                   "x there is room for; give a smaller one",
                   dtb_size, COP_DTB_ROOM);
      return false;
    }
  cop_boot_rom_write (ram, plan->entry, plan->dtb_gpa, plan->kernel_entry);
  return true;
}

/* Whether every page can be read: not those of a mapped file behind its end, which has come nearer.
   Hosts that cannot say (Linux before 5.14) are believed to be able. */
static bool
is_readable (GBytes *bytes)
{
  size_t length;
  uintptr_t start = (uintptr_t) g_bytes_get_data (bytes, &length);
  uintptr_t first = start & ~(uintptr_t) (COP_PAGE_SIZE - 1);

  return madvise ((void *) first, start + length - first, MADV_POPULATE_READ) == 0 ||
         errno != EFAULT;
}

bool
cop_boot_files_check (const CopMachineConfig *config, GError **error)
{
  const struct
  {
    GBytes *bytes;
    const char *label;
  } files[] = {
    { config->bios, config->bios_label },
    { config->kernel, config->kernel_label },
    { config->initrd, config->initrd_label },
    { config->dtb, config->dtb_label },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (files); i++)
    if (files[i].bytes != NULL && !is_readable (files[i].bytes))
      {
        g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
                     "%s: the file was made shorter while the machine used it; start the machine "
                     "anew with a whole one",
                     files[i].label);
        return false;
      }
  return true;
}
