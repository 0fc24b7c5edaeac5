/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The physical address space outside RAM: devices sorted by address, found by halving.
 */
#include "engine/dev/bus.h"
#include "common/checked.h"

static void
free_device (gpointer device)
{
  cop_device_free (device);
}

void
cop_bus_init (CopBus *bus)
{
  bus->devices = g_ptr_array_new_with_free_func (free_device);
}

void
cop_bus_clear (CopBus *bus)
{
  g_clear_pointer (&bus->devices, g_ptr_array_unref);
}

/* Index of the first device that begins after @gpa. */
static unsigned
upper_bound (const CopBus *bus, uint64_t gpa)
{
  unsigned low = 0, high = bus->devices->len;

  while (low < high)
    {
      unsigned middle = low + (high - low) / 2;
      const CopDevice *device = bus->devices->pdata[middle];

      if (device->gpa <= gpa)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

void
cop_bus_add (CopBus *bus, CopDevice *device)
{
  unsigned position = upper_bound (bus, device->gpa);

  if (position > 0)
    {
      const CopDevice *before = bus->devices->pdata[position - 1];

      g_assert (before->gpa + before->type->mmio_size <= device->gpa);
    }
  if (position < bus->devices->len)
    {
      const CopDevice *after = bus->devices->pdata[position];

      g_assert (device->gpa + device->type->mmio_size <= after->gpa);
    }
  g_ptr_array_insert (bus->devices, position, device);
}

CopDevice *
cop_bus_find (const CopBus *bus, uint64_t gpa)
{
  unsigned position = upper_bound (bus, gpa);
  CopDevice *device;

  if (position == 0)
    return NULL;
  device = bus->devices->pdata[position - 1];
  return gpa - device->gpa < device->type->mmio_size ? device : NULL;
}

/* The device that takes an access of @size bytes at @gpa, or NULL. */
static CopDevice *
find_for_access (const CopBus *bus, uint64_t gpa, unsigned size)
{
  CopDevice *device = cop_bus_find (bus, gpa);

  if (device == NULL || gpa % size != 0 ||
      !cop_range_within (gpa - device->gpa, size, device->type->mmio_size) ||
      (device->type->access_sizes != 0 && (device->type->access_sizes & size) == 0))
    return NULL;
  return device;
}

bool
cop_bus_read (const CopBus *bus, uint64_t gpa, unsigned size, uint64_t *value)
{
  CopDevice *device = find_for_access (bus, gpa, size);

  if (device == NULL)
    return false;
  g_mutex_lock (&device->lock);
  *value = device->type->read (device, gpa - device->gpa, size);
  cop_device_update_irq (device);
  g_mutex_unlock (&device->lock);
  return true;
}

bool
cop_bus_write (const CopBus *bus, uint64_t gpa, unsigned size, uint64_t value)
{
  CopDevice *device = find_for_access (bus, gpa, size);

  if (device == NULL)
    return false;
  g_mutex_lock (&device->lock);
  /* Engines differ in what they have above the bytes that are stored. */
  device->type->write (device, gpa - device->gpa, size, value & UINT64_MAX >> (64 - 8 * size));
  cop_device_update_irq (device);
  g_mutex_unlock (&device->lock);
  return true;
}
