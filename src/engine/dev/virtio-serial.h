/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtio console with several ports, which the driver knows by their names: channels between a
 * program in the guest and one on the host.
 */
#pragma once

#include "engine/config.h"
#include "engine/dev/device.h"

extern const CopDeviceType cop_virtio_serial_type;

/* Told when the guest opens channel @channel, or closes it; with the device's lock held: must not
   call back into the device. */
typedef void (*CopChannelFunc) (gpointer data, unsigned channel, bool open);

/**
 * cop_virtio_serial_new:
 * @channels: at most COP_MAX_CHANNELS; their descriptors are taken over and become -1
 */
CopDevice *cop_virtio_serial_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa,
                                  CopChannelConfig *channels, unsigned n_channels,
                                  CopChannelFunc func, gpointer data);
