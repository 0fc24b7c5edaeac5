/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The pieces that both kinds of device tree are written with.
 */
#include "engine/device-tree-private.h"
#include "engine/loader.h"
#include "engine/machine.h"

#include <string.h>

int
cop_fdt_node (CopFdtEdit *edit, int parent, const char *name)
{
  int node;

  if (edit->error != 0)
    return 0;
  node = fdt_subnode_offset (edit->fdt, parent, name);
  if (node == -FDT_ERR_NOTFOUND)
    node = fdt_add_subnode (edit->fdt, parent, name);
  if (node >= 0)
    return node;
  edit->error = node;
  return 0;
}

void
cop_fdt_bytes (CopFdtEdit *edit, int node, const char *name, const void *value, size_t size)
{
  if (edit->error == 0)
    edit->error = size > COP_DTB_ROOM ? -FDT_ERR_NOSPACE
                                      : fdt_setprop (edit->fdt, node, name, value, (int)size);
}

void
cop_fdt_u32 (CopFdtEdit *edit, int node, const char *name, uint32_t value)
{
  cop_fdt_cells (edit, node, name, &value, 1);
}

void
cop_fdt_u64 (CopFdtEdit *edit, int node, const char *name, uint64_t value)
{
  const uint32_t cells[] = { value >> 32, (uint32_t)value };

  cop_fdt_cells (edit, node, name, cells, G_N_ELEMENTS (cells));
}

void
cop_fdt_string (CopFdtEdit *edit, int node, const char *name, const char *value)
{
  cop_fdt_bytes (edit, node, name, value, strlen (value) + 1);
}

void
cop_fdt_cells (CopFdtEdit *edit, int node, const char *name, const uint32_t *cells, unsigned n)
{
  g_autofree uint32_t *swapped = g_new (uint32_t, n);

  for (unsigned i = 0; i < n; i++)
    swapped[i] = GUINT32_TO_BE (cells[i]);
  cop_fdt_bytes (edit, node, name, swapped, n * sizeof *swapped);
}

void
cop_fdt_chosen (CopFdtEdit *edit, const CopFdtChosen *chosen)
{
  int node = cop_fdt_node (edit, 0, "chosen");

  if (chosen->append != NULL)
    cop_fdt_string (edit, node, "bootargs", chosen->append);
  if (chosen->initrd_size != 0)
    {
      cop_fdt_u64 (edit, node, "linux,initrd-start", chosen->initrd_gpa);
      cop_fdt_u64 (edit, node, "linux,initrd-end", chosen->initrd_gpa + chosen->initrd_size);
    }
  cop_fdt_bytes (edit, node, "rng-seed", chosen->rng_seed, sizeof chosen->rng_seed);
  cop_fdt_u64 (edit, node, "kaslr-seed", chosen->kaslr_seed);
}

GBytes *
cop_fdt_finish (CopFdtEdit *edit, const char *label, GError **error)
{
  g_autofree void *fdt = g_steal_pointer (&edit->fdt);

  if (edit->error == 0)
    edit->error = fdt_pack (fdt);
  if (edit->error == 0)
    return g_bytes_new (fdt, fdt_totalsize (fdt));

  g_set_error (error, COP_MACHINE_ERROR,
               edit->error == -FDT_ERR_NOSPACE ? COP_MACHINE_ERROR_CONFIG : COP_MACHINE_ERROR_IMAGE,
               "%s: %s%s", label, fdt_strerror (edit->error),
               edit->error == -FDT_ERR_NOSPACE
                 ? ": it does not fit into 2 MiB; shorten the kernel's command line"
                 : "");
  return NULL;
}
