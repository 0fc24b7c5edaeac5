/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The power button: a virtio input device with one key. A virtio-mmio device beyond the eight of
 * QEMU's map, so that the button takes none of their places.
 */
#pragma once

#include "engine/dev/device.h"

extern const CopDeviceType cop_power_button_type;

CopDevice *cop_power_button_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa);

/* Presses the button and lets go of it. A guest that has no driver yet hears of it later. On any
   thread. */
void cop_power_button_press (CopDevice *device);
