/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The commands, each defined in the file of its name.
 */
#pragma once

#include "vmtool/vmtool.h"

extern const VmtCommand vmt_image;
extern const VmtCommand vmt_run;
extern const VmtCommand vmt_help;
extern const VmtCommand vmt_complete_words;
extern const VmtCommand vmt_man_page;

/* Returns: (transfer full): the names of all images, for options that take one */
char **vmt_complete_images (const char *prefix);
