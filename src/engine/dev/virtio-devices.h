/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Constructors of the virtio devices, and their types.
 */
#pragma once

#include "engine/config.h"
#include "engine/dev/device.h"

extern const CopDeviceType cop_virtio_blk_type;
extern const CopDeviceType cop_virtio_console_type;
extern const CopDeviceType cop_virtio_net_type;
extern const CopDeviceType cop_virtio_rng_type;

/**
 * cop_virtio_blk_new:
 * @disk: its fd is taken over on success and -1 then; the rest is copied
 *
 * Errors: %G_IO_ERROR, naming the disk's label.
 */
CopDevice *cop_virtio_blk_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa,
                               CopDiskConfig *disk, GError **error);

/* Gives the disk another size and tells the driver: see cop_block_resize(). On any thread. */
bool cop_virtio_blk_resize (CopDevice *device, uint64_t size, GError **error);

CopDevice *cop_virtio_rng_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa);

/**
 * cop_virtio_net_new:
 * @nic: its descriptor, if it has one, is taken over on success and -1 then
 *
 * Errors: %G_IO_ERROR, naming the port that cannot be forwarded, or the descriptor.
 */
CopDevice *cop_virtio_net_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa,
                               CopNicConfig *nic, GError **error);

/* Plugs in the cable or pulls it. On any thread. */
void cop_virtio_net_set_link (CopDevice *device, bool up);

/**
 * cop_virtio_console_new:
 * @console: its descriptors are taken over and become -1
 */
CopDevice *cop_virtio_console_new (const char *id, CopRam *ram, GMainContext *context,
                                   uint64_t gpa, CopConsoleConfig *console);

/* The driver may ask for the size of the terminal: says that it is @columns by @rows now. On any
   thread. */
void cop_virtio_console_resize (CopDevice *device, uint16_t columns, uint16_t rows);
