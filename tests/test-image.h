/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The image that tests boot. ./check pulls it and names its folder in COPPICE_TEST_IMAGE; otherwise
 * the user's own image "debian" serves.
 */
#pragma once

#include "store/image.h"

/**
 * test_image_open:
 * Without an image the test is skipped, or under ./check fails: there nothing may be missing.
 *
 * Returns: (transfer full) (nullable): the image; NULL: return from the test
 */
static inline CopImage *
test_image_open (void)
{
  const char *folder = g_getenv ("COPPICE_TEST_IMAGE");
  g_autoptr (GError) error = NULL;
  CopImage *image = cop_image_open (folder != NULL ? folder : "debian", &error);

  if (image == NULL && g_getenv ("COPPICE_CHECK") != NULL)
    g_test_fail_printf ("no image to boot: %s", error->message);
  else if (image == NULL)
    g_test_skip_printf ("no image to boot: %s", error->message);
  return image;
}
