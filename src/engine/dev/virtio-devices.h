/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Constructors of the virtio devices, and their types.
 */
#pragma once

#include "engine/config.h"
#include "engine/dev/device.h"

extern const CopDeviceType cop_virtio_blk_type;
extern const CopDeviceType cop_virtio_rng_type;

/**
 * cop_virtio_blk_new:
 * @disk: its fd is taken over on success and -1 then; the rest is copied
 *
 * Errors: %G_IO_ERROR, naming the disk's label.
 */
CopDevice *cop_virtio_blk_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa,
                               CopDiskConfig *disk, GError **error);

CopDevice *cop_virtio_rng_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa);
