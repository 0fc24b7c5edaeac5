/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The physical address space outside RAM: which device answers which address.
 */
#pragma once

#include "engine/dev/device.h"

typedef struct CopBus CopBus;

struct CopBus
{
  GPtrArray *devices;           /* (element-type CopDevice) (owned), sorted by gpa */
};

void cop_bus_init (CopBus *bus);
void cop_bus_clear (CopBus *bus);

/* Adds @device (transfer full) at its gpa. Overlap is our own mistake and asserts. */
void cop_bus_add (CopBus *bus, CopDevice *device);

/* Returns: (nullable): the device that answers at @gpa */
CopDevice *cop_bus_find (const CopBus *bus, uint64_t gpa);

/**
 * cop_bus_read:
 * cop_bus_write:
 * @size: 1, 2, 4 or 8 bytes
 *
 * Takes the device's lock, calls it, and hands on its interrupt level. On any thread.
 *
 * Returns: false when nothing answers there or not with that size or alignment: an access fault
 */
bool cop_bus_read (const CopBus *bus, uint64_t gpa, unsigned size, uint64_t *value);
bool cop_bus_write (const CopBus *bus, uint64_t gpa, unsigned size, uint64_t value);
