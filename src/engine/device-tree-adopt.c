/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A device tree from the user: checked, then completed with what only this machine knows.
 */
#include "engine/dev/platform.h"
#include "engine/device-tree-private.h"
#include "engine/loader.h"
#include "engine/machine.h"

#include <string.h>

/* Returns: offset of the first node with device_type "memory" after @from, or libfdt's error */
static int
next_memory_node (const void *fdt, int from)
{
  return fdt_node_offset_by_prop_value (fdt, from, "device_type", "memory", sizeof "memory");
}

/* Appends @value as @cells cells of 32 bits, those above 64 bits zero. */
static unsigned
put_cells (uint32_t *at, int cells, uint64_t value)
{
  for (int i = 0; i < cells; i++)
    {
      int below = cells - 1 - i;

      at[i] = below > 1 ? 0 : (uint32_t)(value >> (32 * below));
    }
  return (unsigned)cells;
}

/* One memory node, which says what RAM this machine has. */
static void
set_memory (CopFdtEdit *edit, uint64_t size)
{
  int address_cells = fdt_address_cells (edit->fdt, 0);
  int size_cells = fdt_size_cells (edit->fdt, 0);
  uint32_t cells[2 * FDT_MAX_NCELLS];
  unsigned n;
  int node, other;

  if (edit->error != 0)
    return;
  if (address_cells < 0 || size_cells < 1)
    {
      edit->error = -FDT_ERR_BADNCELLS;
      return;
    }
  n = put_cells (cells, address_cells, COP_DRAM_GPA);
  n += put_cells (cells + n, size_cells, size);

  node = next_memory_node (edit->fdt, -1);
  if (node == -FDT_ERR_NOTFOUND)
    {
      node = cop_fdt_node (edit, 0, "memory@80000000");
      cop_fdt_string (edit, node, "device_type", "memory");
    }
  cop_fdt_cells (edit, node, "reg", cells, n);
  while (edit->error == 0 && (other = next_memory_node (edit->fdt, node)) >= 0)
    edit->error = fdt_del_node (edit->fdt, other);
}

GBytes *
cop_fdt_adopt (const CopMachineConfig *config, const CopFdtChosen *chosen, GError **error)
{
  const char *label = config->dtb_label;
  CopFdtEdit edit = { NULL, 0 };
  size_t size;
  const void *data = g_bytes_get_data (config->dtb, &size);
  int result;

  /* libfdt reads the header before it knows that there is one. */
  result = size < FDT_V17_SIZE ? -FDT_ERR_TRUNCATED : fdt_check_full (data, size);
  if (result != 0)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
                   "%s: this is no sound device tree: %s; make it with dtc, or leave --dtb out",
                   label, fdt_strerror (result));
      return NULL;
    }

  edit.fdt = g_malloc0 (COP_DTB_ROOM);
  edit.error = fdt_open_into (data, edit.fdt, COP_DTB_ROOM);
  set_memory (&edit, config->memory);
  cop_fdt_chosen (&edit, chosen);
  return cop_fdt_finish (&edit, label, error);
}
