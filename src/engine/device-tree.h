/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The device tree that the guest is handed: ours, or the user's with our additions.
 */
#pragma once

#include "engine/config.h"
#include "engine/dev/bus.h"

/* What /chosen says. */
typedef struct
{
  const char *append;           /* (unowned) (nullable): the kernel's command line */
  uint64_t    initrd_gpa, initrd_size; /* bytes; size 0: there is none */
  uint8_t     rng_seed[32];
  uint64_t    kaslr_seed;
} CopFdtChosen;

/**
 * cop_fdt_build:
 * Describes @config and the devices on @bus as QEMU's virt machine would.
 *
 * Errors: %COP_MACHINE_ERROR_CONFIG when it does not fit, such as for a huge command line.
 * Returns: (transfer full): the flattened tree
 */
GBytes *cop_fdt_build (const CopMachineConfig *config, const CopBus *bus,
                       const CopFdtChosen *chosen, GError **error);

/**
 * cop_fdt_adopt:
 * The user's tree, config->dtb, as it is, but for /chosen and the extent of memory.
 *
 * Errors: %COP_MACHINE_ERROR_IMAGE when it is no sound device tree.
 * Returns: (transfer full): the flattened tree
 */
GBytes *cop_fdt_adopt (const CopMachineConfig *config, const CopFdtChosen *chosen, GError **error);
