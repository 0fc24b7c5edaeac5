/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names of images, for completion.
 */
#include "vmtool/commands.h"

#include "store/image.h"

char **
vmt_complete_images (const char *prefix G_GNUC_UNUSED)
{
  g_autoptr (GPtrArray) images = cop_image_list (NULL);
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  for (guint i = 0; images != NULL && i < images->len; i++)
    g_strv_builder_add (names, ((const CopImage *) images->pdata[i])->name);
  return g_strv_builder_end (names);
}
