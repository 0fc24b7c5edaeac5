/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The VM generation ID: 16 bytes that change whenever a machine is not what it was a moment ago: a
 * clone, or one taken back to a snapshot. Guests reseed their random numbers then.
 */
#pragma once

#include "engine/dev/device.h"

#define COP_VMGENID_SIZE 16

extern const CopDeviceType cop_vmgenid_type;

CopDevice *cop_vmgenid_new (const char *id, uint64_t gpa,
                            const uint8_t generation_id[COP_VMGENID_SIZE]);

/**
 * cop_vmgenid_set:
 * Changes the ID and tells the guest. On any thread; on a paused machine after its state was loaded,
 * as the interrupt would be lost with the PLIC's state otherwise.
 */
void cop_vmgenid_set (CopDevice *vmgenid, const uint8_t generation_id[COP_VMGENID_SIZE]);
