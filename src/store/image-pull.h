/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Making an image from a distribution's packages.
 *
 *   apt's sources --> a mirror --> apt, in a root of its own --> kernel and busybox packages
 *                                                                     |
 *            manifest, kernel, initrd <-- initramfs <-- modules, busybox, guest/
 */
#pragma once

#include "store/image.h"

typedef enum
{
  COP_IMAGE_PHASE_LISTS, /* fetching the lists of packages */
  COP_IMAGE_PHASE_PACKAGES, /* fetching the packages */
  COP_IMAGE_PHASE_UNPACK,
  COP_IMAGE_PHASE_WRITE,
  COP_IMAGE_PHASE_LAST,
} CopImagePhase;

/* @done: how much of the phase, from 0 to 1. */
typedef void (*CopImageProgress) (CopImagePhase phase, double done, gpointer data);

typedef struct
{
  const char *distribution; /* "debian" */
  const char *name; /* of the image to make */
  const char *suite;
  const char *mirror; /* (nullable): NULL: what apt's configuration names */
  const char *keyring; /* (nullable): NULL: the distribution's */
  bool if_missing; /* leave an image that this program made as it is */
  CopImageProgress progress; /* (nullable) */
  gpointer data; /* for progress */
} CopImagePull;

/* The distributions that can be pulled; ends with NULL. */
extern const char *const cop_image_distributions[];

/**
 * cop_image_pull:
 * @changed: (out): whether a new image was made; without one the old one was up to date
 *
 * Fetches the packages, builds the image and commits it. Packages that arrive are kept until the
 * image is made, so that a pull which is interrupted goes on where it was.
 *
 * Errors: %COP_STORE_ERROR_NAME, _BUSY, _SOURCE with what apt said, _TOOL, _CORRUPT
 *
 * Returns: (transfer full) (nullable): the image
 */
CopImage *cop_image_pull (const CopImagePull *pull, bool *changed, GError **error);
