/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The test finisher.
 *
 *   31     16 15      0
 *   | code   | command |   0x3333 fail, 0x5555 pass, 0x7777 reset
 */
#include "engine/dev/finisher.h"
#include "engine/dev/platform.h"

#include <libfdt.h>

typedef struct
{
  CopDevice     parent;
  CopFinishFunc func;
  gpointer      data;
} Finisher;

static const struct
{
  uint16_t    command;
  CopFinish   finish;
  const char *node;             /* (nullable): the device tree's name for it, and its driver */
  const char *compatible;
} commands[] = {
  /* clang-format off */
  { 0x3333, COP_FINISH_FAIL },
  { 0x5555, COP_FINISH_PASS,  "poweroff", "syscon-poweroff" },
  { 0x7777, COP_FINISH_RESET, "reboot",   "syscon-reboot" },
  /* clang-format on */
};

static uint64_t
finisher_read (G_GNUC_UNUSED CopDevice *device, G_GNUC_UNUSED uint64_t offset,
               G_GNUC_UNUSED unsigned size)
{
  return 0;
}

static void
finisher_write (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size, uint64_t value)
{
  const Finisher *finisher = (const Finisher *) device;

  if (offset != 0)
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (commands); i++)
    if (commands[i].command == (value & 0xffff))
      finisher->func (finisher->data, commands[i].finish, value >> 16 & 0xffff);
}

/* The device's node, and beside /soc a node for each command that a syscon driver can give. */
static int
finisher_fdt (const CopDevice *device, void *fdt)
{
  int node = cop_device_fdt_node (device, fdt);
  int result;

  if (node < 0)
    return node;
  if ((result = fdt_setprop_u32 (fdt, node, "phandle", COP_PHANDLE_FINISHER)) != 0)
    return result;

  for (unsigned i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (commands[i].node == NULL)
        continue;
      node = fdt_add_subnode (fdt, 0, commands[i].node);
      if (node < 0)
        return node;
      if ((result = fdt_setprop_string (fdt, node, "compatible", commands[i].compatible)) != 0 ||
          (result = fdt_setprop_u32 (fdt, node, "regmap", COP_PHANDLE_FINISHER)) != 0 ||
          (result = fdt_setprop_u32 (fdt, node, "offset", 0)) != 0 ||
          (result = fdt_setprop_u32 (fdt, node, "value", commands[i].command)) != 0)
        return result;
    }
  return 0;
}

const CopDeviceType cop_finisher_type = {
  .name = "finisher",
  .fdt_name = "test",
  .compatible = "sifive,test1 sifive,test0 syscon",
  .instance_size = sizeof (Finisher),
  .mmio_size = 0x1000,
  .access_sizes = 2 | 4,
  .read = finisher_read,
  .write = finisher_write,
  .fdt = finisher_fdt,
};

CopDevice *
cop_finisher_new (const char *id, uint64_t gpa, CopFinishFunc func, gpointer data)
{
  Finisher *finisher = cop_device_new (&cop_finisher_type, id, NULL, NULL, gpa);

  finisher->func = func;
  finisher->data = data;
  return &finisher->parent;
}
