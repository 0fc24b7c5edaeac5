/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Steps on the way to disk. Each has a name, so that the fault suite can end the process between
 * any two of them and then look at what is there.
 */
#pragma once

#include <glib.h>

typedef enum
{
  COP_STORE_STEP_CREATED, /* the file beside is there, empty */
  COP_STORE_STEP_HALF_WRITTEN,
  COP_STORE_STEP_WRITTEN,
  COP_STORE_STEP_SYNCED,
  COP_STORE_STEP_RENAMED, /* the commit of a write */
  COP_STORE_STEP_FOLDER_SYNCED,
  COP_STORE_STEP_UNLINKED, /* the commit of a removal */
  COP_STORE_STEP_LINK_REMOVED,
  COP_STORE_STEP_LINKED, /* autostart */
  COP_STORE_STEP_MEMORY_RENAMED,
  COP_STORE_STEP_MEMORY_UNLINKED,
  COP_STORE_STEP_JOURNAL_WRITTEN,
  COP_STORE_STEP_JOURNAL_SYNCED, /* the commit of what goes through the journal */
  COP_STORE_STEP_JOURNAL_EMPTIED, /* what it said is in the files for good */
  COP_STORE_STEP_IMAGE_FILE, /* kernel or initrd of an image is there, named by no manifest yet */
  COP_STORE_STEP_IMAGE_FILES_SYNCED,
  COP_STORE_STEP_IMAGE_MANIFEST, /* the commit of an image */
  COP_STORE_STEP_IMAGE_SYNCED,
  COP_STORE_STEP_IMAGE_LEFTOVER, /* one file of the image before is gone */
  COP_STORE_STEP_LAST
} CopStoreStep;

/* Called at each step; NULL but in tests. */
extern void (*cop_store_step_hook) (CopStoreStep step);

static inline void
cop_store_step (CopStoreStep step)
{
  if (G_UNLIKELY (cop_store_step_hook != NULL))
    cop_store_step_hook (step);
}
