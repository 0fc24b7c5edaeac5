/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between the files that make images.
 */
#pragma once

#include "store/image.h"

#define COP_IMAGE_MANIFEST "manifest"

/**
 * cop_image_manifest_parse:
 * @text: a manifest
 * @label: its path, for messages
 * @folder: absolute path of the image's folder
 *
 * Errors: %COP_STORE_ERROR_CORRUPT; the message names group and key
 *
 * Returns: (transfer full) (nullable): the image
 */
CopImage *cop_image_manifest_parse (const char *text, gsize length, const char *label,
                                    const char *folder, GError **error);

/* Returns: (transfer full): the manifest of @image */
char *cop_image_manifest_format (const CopImage *image);

/**
 * cop_images_lock:
 * Waits for nobody: another process that changes images is %COP_STORE_ERROR_BUSY.
 *
 * Returns: a descriptor whose closing gives the lock back; -1 on failure
 */
int cop_images_lock (const char *images_folder, GError **error);

/* Removes what the manifest does not name; under cop_images_lock(). */
void cop_image_remove_leftovers (const CopImage *image);

/**
 * cop_image_commit:
 * @image: name, folder and everything that describes it; its kernel and initrd are filled in
 * @kernel: bytes of the kernel
 * @initrd: bytes of the initramfs
 *
 * Writes both files and then the manifest, each synced before the next; removes what no manifest
 * names. The lock is held.
 */
bool cop_image_commit (CopImage *image, GBytes *kernel, GBytes *initrd, GError **error);

/* Removes a folder and all below it; follows no symbolic link. Nothing there is no error. */
bool cop_folder_remove (const char *path, GError **error);
