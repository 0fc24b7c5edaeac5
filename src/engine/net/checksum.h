/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Internet checksums, for frames whose driver left them to the device.
 */
#pragma once

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * cop_net_checksum:
 * @sum: what was summed before, unfolded
 *
 * Returns: @sum and the 16-bit words of @bytes, in network order, folded to 16 bits; not inverted
 */
uint16_t cop_net_checksum (const uint8_t *bytes, size_t length, uint32_t sum);

/**
 * cop_net_finish:
 * Does to @frame what @header leaves to the device, for a receiver that takes frames of any size:
 * a TCP segment that was to be cut up becomes one large segment with lengths and checksums of its
 * own.
 *
 * Returns: false when header and frame do not fit each other
 */
bool cop_net_finish (const struct virtio_net_hdr_v1 *header, uint8_t *frame, size_t length);
