/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The memory balloon: the guest gives pages back to the host when asked to, and says how it uses
 * those it has.
 */
#pragma once

#include "engine/counters.h"
#include "engine/dev/device.h"

extern const CopDeviceType cop_virtio_balloon_type;

/* Told how many bytes the guest has given back by now; with the device's lock held: must not call
   back into the device. While that changes, a few times a second. */
typedef void (*CopBalloonFunc) (gpointer data, uint64_t bytes);

/* @counters: (nullable): where statistics go */
CopDevice *cop_virtio_balloon_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa,
                                   CopCounters *counters, CopBalloonFunc func, gpointer data);

/* Asks the guest to give back @bytes of its memory in all. Whether it follows is its own affair. On
   any thread. */
void cop_virtio_balloon_set_target (CopDevice *device, uint64_t bytes);

/* Asks for statistics each @seconds, 0: no more. On any thread. */
void cop_virtio_balloon_set_period (CopDevice *device, unsigned seconds);
