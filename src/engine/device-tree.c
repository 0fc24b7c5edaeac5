/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The machine's own device tree.
 *
 *   /  cpus      cpu@0 .. with interrupt-controller; cpu-map
 *      memory@80000000
 *      chosen    bootargs, initrd, seeds, stdout-path
 *      pmu       which events firmware may count where
 *      soc       one node per device on the bus, written by the device
 *
 * libfdt puts a new node before its siblings, so lists are written from their end.
 *
 * Source: Devicetree Specification 0.4; Linux Documentation/devicetree/bindings/riscv
 */
#include "engine/dev/platform.h"
#include "engine/device-tree-private.h"
#include "engine/loader.h"
#include "engine/machine.h"
#include "engine/riscv/csr.h"

#include <string.h>

#define CACHE_BLOCK 64 /* bytes: Zic64b */

/* What the counters of a hart are to SBI. Source: SBI 2.0 §11.1 */
#define COUNTER_CYCLE (1u << 0)
#define COUNTER_INSTRET (1u << 2)
#define COUNTERS_HPM 0xfffffff8u

/* clang-format off */
/* First and last SBI event, and the counters that can count them. */
static const uint32_t pmu_events[] = {
  0x00001, 0x00001, COUNTERS_HPM | COUNTER_CYCLE,       /* cycles */
  0x00002, 0x00002, COUNTERS_HPM | COUNTER_INSTRET,     /* instructions */
  0x10019, 0x10019, COUNTERS_HPM,                       /* DTLB read misses */
  0x1001b, 0x1001b, COUNTERS_HPM,                       /* DTLB write misses */
  0x10021, 0x10021, COUNTERS_HPM,                       /* ITLB misses */
};

/* The widest virtual addresses first. */
static const struct
{
  CopIsa           isa;
  const char *mmu_type;
} mmu_types[] = {
  { COP_ISA (SV57), "riscv,sv57" },
  { COP_ISA (SV48), "riscv,sv48" },
  { COP_ISA (SV39), "riscv,sv39" },
  { 0,              "riscv,none" },
};

static const struct
{
  CopIsa           isa;
  const char *property;
} block_sizes[] = {
  { COP_ISA (ZICBOM), "riscv,cbom-block-size" },
  { COP_ISA (ZICBOP), "riscv,cbop-block-size" },
  { COP_ISA (ZICBOZ), "riscv,cboz-block-size" },
};
/* clang-format on */

/* riscv,isa-extensions: a list of strings, one after the other with their ends. */
static void
add_isa_extensions (CopFdtEdit *edit, int node, CopIsa isa)
{
  g_autoptr (GByteArray) list = g_byte_array_new ();

  for (unsigned i = 0; i < COP_ISA_LAST; i++)
    if (cop_isa_table[i].in_string && (isa & (UINT64_C (1) << i)))
      g_byte_array_append (list, (const guint8 *)cop_isa_table[i].name,
                           strlen (cop_isa_table[i].name) + 1);
  cop_fdt_bytes (edit, node, "riscv,isa-extensions", list->data, list->len);
}

static void
add_cpu (CopFdtEdit *edit, int cpus, unsigned hart, CopIsa isa)
{
  g_autofree char *name = g_strdup_printf ("cpu@%x", hart);
  g_autofree char *isa_string = cop_isa_string (isa);
  int node = cop_fdt_node (edit, cpus, name);
  unsigned mmu = 0;
  int controller;

  while (mmu_types[mmu].isa != 0 && !(isa & mmu_types[mmu].isa))
    mmu++;

  cop_fdt_u32 (edit, node, "phandle", COP_PHANDLE_CPU (hart));
  cop_fdt_string (edit, node, "device_type", "cpu");
  cop_fdt_u32 (edit, node, "reg", hart);
  cop_fdt_string (edit, node, "status", "okay");
  cop_fdt_string (edit, node, "compatible", "riscv");
  cop_fdt_string (edit, node, "riscv,isa", isa_string);
  cop_fdt_string (edit, node, "riscv,isa-base", "rv64i");
  add_isa_extensions (edit, node, isa);
  cop_fdt_string (edit, node, "mmu-type", mmu_types[mmu].mmu_type);
  for (unsigned i = 0; i < G_N_ELEMENTS (block_sizes); i++)
    if (isa & block_sizes[i].isa)
      cop_fdt_u32 (edit, node, block_sizes[i].property, CACHE_BLOCK);

  controller = cop_fdt_node (edit, node, "interrupt-controller");
  cop_fdt_u32 (edit, controller, "#interrupt-cells", 1);
  cop_fdt_bytes (edit, controller, "interrupt-controller", NULL, 0);
  cop_fdt_string (edit, controller, "compatible", "riscv,cpu-intc");
  cop_fdt_u32 (edit, controller, "phandle", COP_PHANDLE_INTC (hart));
}

static void
add_cpus (CopFdtEdit *edit, const CopMachineConfig *config)
{
  int cpus = cop_fdt_node (edit, 0, "cpus");
  int map, cluster;

  cop_fdt_u32 (edit, cpus, "#address-cells", 1);
  cop_fdt_u32 (edit, cpus, "#size-cells", 0);
  cop_fdt_u32 (edit, cpus, "timebase-frequency", COP_CLOCK_HZ);

  map = cop_fdt_node (edit, cpus, "cpu-map");
  cluster = cop_fdt_node (edit, map, "cluster0");
  for (unsigned i = config->harts; i-- > 0;)
    {
      g_autofree char *name = g_strdup_printf ("core%u", i);

      cop_fdt_u32 (edit, cop_fdt_node (edit, cluster, name), "cpu", COP_PHANDLE_CPU (i));
    }
  for (unsigned i = config->harts; i-- > 0;)
    add_cpu (edit, cpus, i, config->isa);
}

static void
add_memory (CopFdtEdit *edit, uint64_t size)
{
  const uint32_t reg[] = { COP_DRAM_GPA >> 32, (uint32_t)COP_DRAM_GPA, size >> 32, (uint32_t)size };
  int node = cop_fdt_node (edit, 0, "memory@80000000");

  cop_fdt_string (edit, node, "device_type", "memory");
  cop_fdt_cells (edit, node, "reg", reg, G_N_ELEMENTS (reg));
}

static void
add_pmu (CopFdtEdit *edit)
{
  int node = cop_fdt_node (edit, 0, "pmu");

  cop_fdt_string (edit, node, "compatible", "riscv,pmu");
  cop_fdt_cells (edit, node, "riscv,event-to-mhpmcounters", pmu_events, G_N_ELEMENTS (pmu_events));
}

static void
add_devices (CopFdtEdit *edit, const CopBus *bus)
{
  int soc = cop_fdt_node (edit, 0, "soc");

  cop_fdt_u32 (edit, soc, "#address-cells", 2);
  cop_fdt_u32 (edit, soc, "#size-cells", 2);
  cop_fdt_string (edit, soc, "compatible", "simple-bus");
  cop_fdt_bytes (edit, soc, "ranges", NULL, 0);
  for (unsigned i = bus->devices->len; i-- > 0 && edit->error == 0;)
    edit->error = cop_device_fdt (g_ptr_array_index (bus->devices, i), edit->fdt);
}

GBytes *
cop_fdt_build (const CopMachineConfig *config, const CopBus *bus, const CopFdtChosen *chosen,
               GError **error)
{
  g_autofree char *stdout_path =
    g_strdup_printf ("/soc/serial@%" G_GINT64_MODIFIER "x", COP_UART_GPA);
  CopFdtEdit edit = { g_malloc0 (COP_DTB_ROOM), 0 };

  edit.error = fdt_create_empty_tree (edit.fdt, COP_DTB_ROOM);
  cop_fdt_u32 (&edit, 0, "#address-cells", 2);
  cop_fdt_u32 (&edit, 0, "#size-cells", 2);
  cop_fdt_string (&edit, 0, "compatible", "riscv-virtio");
  cop_fdt_string (&edit, 0, "model", "riscv-virtio,coppice");

  add_devices (&edit, bus);
  add_pmu (&edit);
  cop_fdt_chosen (&edit, chosen);
  cop_fdt_string (&edit, cop_fdt_node (&edit, 0, "chosen"), "stdout-path", stdout_path);
  add_memory (&edit, config->memory);
  add_cpus (&edit, config);
  return cop_fdt_finish (&edit, "the machine's device tree", error);
}
