/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images: a kernel and an initramfs that a machine boots from, kept in the user's cache.
 *
 *   ~/.cache/coppice/images/      or $COPPICE_IMAGES
 *     .lock                       held by whoever changes images
 *     debian/
 *       manifest                  names the two files, with their checksums
 *       kernel-6.12.107-5c1f9a3e  never changed once the manifest names it
 *       initrd-0b44d7c2
 *
 * Renaming a manifest into place is the commit: files that no manifest names are leftovers, and go
 * with the next change.
 */
#pragma once

#include "store/error.h"

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct
{
  char *file; /* (owned): name inside the image's folder */
  char *sha256; /* (owned): 64 hexadecimal digits */
  uint64_t size; /* bytes */
} CopImageFile;

typedef struct
{
  char *name; /* (owned) */
  char *folder; /* (owned): absolute path */
  char *suite; /* (owned): "trixie" */
  char *source; /* (owned): URL it came from */
  char *cmdline; /* (owned): what the kernel is told by default */
  char *recipe; /* (owned): checksum of all that vmtool itself put in */
  char *kernel_version; /* (owned): of the package */
  char *busybox_version; /* (owned): of the package */
  CopImageFile kernel, initrd;
} CopImage;

void cop_image_free (CopImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopImage, cop_image_free)

/* Returns: (transfer full): the folder of all images; it need not exist */
char *cop_images_folder (void);

/* Whether @name can be an image's: letters, digits, '.', '_' and '-', not first '.' or '-'. */
bool cop_image_name_check (const char *name, GError **error);

/**
 * cop_image_open:
 * @name: an image's name; or, with a slash in it, the path of an image's folder
 *
 * Reads the manifest and sees that both files are there with the sizes it says; does not read
 * them.
 *
 * Errors: %COP_STORE_ERROR_NAME, _MISSING (the message says how to pull it), _CORRUPT
 *
 * Returns: (transfer full) (nullable): the image
 */
CopImage *cop_image_open (const char *name, GError **error);

/* Returns: (transfer full): the absolute path of one of the image's files */
char *cop_image_path (const CopImage *image, const CopImageFile *file);

/* Returns: (transfer full) (element-type CopImage) (nullable): all images, by name; one that cannot
   be opened is left out, with a warning */
GPtrArray *cop_image_list (GError **error);

/* Reads both files and compares them with the manifest's checksums. */
bool cop_image_verify (const CopImage *image, GError **error);

/* Deletes the image, whatever state it is in. Machines that run from it are not disturbed. */
bool cop_image_remove (const char *name, GError **error);
