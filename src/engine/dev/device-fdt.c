/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Devices in the device tree.
 */
#include "engine/dev/device.h"
#include "engine/dev/platform.h"

#include <libfdt.h>

/* Adds the strings of @words, which have spaces between them, as one list property. */
static int
add_words (void *fdt, int node, const char *property, const char *words)
{
  g_auto (GStrv) strings = g_strsplit (words, " ", -1);
  int result = 0;

  for (unsigned i = 0; strings[i] != NULL && result == 0; i++)
    result = fdt_appendprop_string (fdt, node, property, strings[i]);
  return result;
}

int
cop_device_fdt_node (const CopDevice *device, void *fdt)
{
  const CopDeviceType *type = device->type;
  const char *base = type->fdt_name != NULL ? type->fdt_name : type->name;
  g_autofree char *name = g_strdup_printf ("%s@%" G_GINT64_MODIFIER "x", base, device->gpa);
  int soc = fdt_path_offset (fdt, "/soc");
  int node, result;

  if (soc < 0)
    return soc;
  node = fdt_add_subnode (fdt, soc, name);
  if (node < 0)
    return node;

  /* Two cells each for address and size, as /soc says. */
  if ((result = add_words (fdt, node, "compatible", type->compatible)) != 0 ||
      (result = fdt_appendprop_u64 (fdt, node, "reg", device->gpa)) != 0 ||
      (result = fdt_appendprop_u64 (fdt, node, "reg", type->mmio_size)) != 0)
    return result;

  if (device->irq != 0 &&
      ((result = fdt_setprop_u32 (fdt, node, "interrupt-parent", COP_PHANDLE_PLIC)) != 0 ||
       (result = fdt_setprop_u32 (fdt, node, "interrupts", device->irq)) != 0))
    return result;
  return node;
}

int
cop_device_fdt (const CopDevice *device, void *fdt)
{
  int result;

  if (device->type->fdt != NULL)
    return device->type->fdt (device, fdt);
  result = cop_device_fdt_node (device, fdt);
  return result < 0 ? result : 0;
}

int
cop_device_fdt_hart_lines (void *fdt, int node, unsigned harts, const CopIrq *irqs,
                           unsigned n_irqs)
{
  int result = 0;

  for (unsigned i = 0; i < harts && result == 0; i++)
    for (unsigned j = 0; j < n_irqs && result == 0; j++)
      {
        result = fdt_appendprop_u32 (fdt, node, "interrupts-extended", COP_PHANDLE_INTC (i));
        if (result == 0)
          result = fdt_appendprop_u32 (fdt, node, "interrupts-extended", irqs[j]);
      }
  return result;
}
