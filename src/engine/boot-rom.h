/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The boot ROM: what a hart executes first when real firmware is booted.
 */
#pragma once

#include "engine/ram.h"

/* Where harts start. */
#define COP_BOOT_ROM_ENTRY UINT64_C (0x1000)

/**
 * cop_boot_rom_write:
 * @entry: gpa of the firmware
 * @dtb: gpa of the device tree
 * @next: gpa that the firmware shall go on to, in S mode; 0: none
 *
 * Writes the reset vector and the record for OpenSBI's fw_dynamic.
 */
void cop_boot_rom_write (CopRam *ram, uint64_t entry, uint64_t dtb, uint64_t next);
