/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writing an initramfs: a cpio archive in the newc format, not compressed, since the guest would
 * have to undo that one instruction at a time.
 *
 * Owner, group and times are 0, so that the same contents give the same bytes.
 */
#pragma once

#include "store/error.h"

#include <stdbool.h>

typedef struct CopInitramfs CopInitramfs;

CopInitramfs *cop_initramfs_new (void);
void cop_initramfs_free (CopInitramfs *initramfs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopInitramfs, cop_initramfs_free)

/* Paths have no slash in front. A folder is added before what is in it. What goes wrong here is
   told by cop_initramfs_finish(). */
void cop_initramfs_add_folder (CopInitramfs *initramfs, const char *path);
void cop_initramfs_add_file (CopInitramfs *initramfs, const char *path, GBytes *bytes,
                             bool executable);
void cop_initramfs_add_link (CopInitramfs *initramfs, const char *path, const char *target);
void cop_initramfs_add_device (CopInitramfs *initramfs, const char *path, unsigned major_number,
                               unsigned minor_number);

/* Returns: (transfer full) (nullable): the archive; nothing can be added any more */
GBytes *cop_initramfs_finish (CopInitramfs *initramfs, GError **error);
