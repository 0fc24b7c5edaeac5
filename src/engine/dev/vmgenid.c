/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The VM generation ID: a read-only page that begins with it, and an interrupt when it changes.
 *
 * The binding has nothing with which a driver could lower the line again, and Linux's does not try:
 * the interrupt is a pulse, which the PLIC's gateway latches.
 *
 * Source: Linux Documentation/devicetree/bindings/rng/microsoft,vmgenid.yaml; Virtual Machine
 * Generation ID, Microsoft, 2012
 */
#include "engine/dev/vmgenid.h"

#include <string.h>

COP_STATE_BEGIN
typedef struct
{
  uint8_t generation_id[COP_VMGENID_SIZE];
} VmgenidState;
COP_STATE_END

typedef struct
{
  CopDevice    parent;
  VmgenidState s;
} Vmgenid;

static const CopStateRow vmgenid_rows[] = {
  /* A reset machine is still the same machine. */
  COP_STATE_ARRAY (VmgenidState, generation_id, .survives_reset = true),
};
static const CopStateTable vmgenid_state = { "vmgenid", 1,
                                             COP_STATE_ROWS (VmgenidState, vmgenid_rows) };

static uint64_t
vmgenid_read (CopDevice *device, uint64_t offset, unsigned size)
{
  const Vmgenid *vmgenid = (const Vmgenid *) device;
  uint64_t value = 0;

  for (unsigned i = 0; i < size && offset + i < COP_VMGENID_SIZE; i++)
    value |= (uint64_t) vmgenid->s.generation_id[offset + i] << (8 * i);
  return value;
}

static void
vmgenid_write (G_GNUC_UNUSED CopDevice *device, G_GNUC_UNUSED uint64_t offset,
               G_GNUC_UNUSED unsigned size, G_GNUC_UNUSED uint64_t value)
{
}

const CopDeviceType cop_vmgenid_type = {
  .name = "vmgenid",
  .fdt_name = "rng",
  .compatible = "microsoft,vmgenid",
  .instance_size = sizeof (Vmgenid),
  .mmio_size = 0x1000,
  .state = &vmgenid_state,
  .state_offset = offsetof (Vmgenid, s),
  .read = vmgenid_read,
  .write = vmgenid_write,
};

CopDevice *
cop_vmgenid_new (const char *id, uint64_t gpa, const uint8_t generation_id[COP_VMGENID_SIZE])
{
  Vmgenid *vmgenid = cop_device_new (&cop_vmgenid_type, id, NULL, NULL, gpa);

  memcpy (vmgenid->s.generation_id, generation_id, COP_VMGENID_SIZE);
  return &vmgenid->parent;
}

void
cop_vmgenid_set (CopDevice *device, const uint8_t generation_id[COP_VMGENID_SIZE])
{
  Vmgenid *vmgenid = (Vmgenid *) device;

  g_mutex_lock (&device->lock);
  memcpy (vmgenid->s.generation_id, generation_id, COP_VMGENID_SIZE);
  if (device->sink.set != NULL && device->irq != 0)
    {
      device->sink.set (device->sink.controller, device->irq, true);
      device->sink.set (device->sink.controller, device->irq, false);
    }
  g_mutex_unlock (&device->lock);
}
