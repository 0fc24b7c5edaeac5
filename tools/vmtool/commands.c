/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every command of vmtool. A command is a file and a line here.
 */
#include "vmtool/commands.h"

const VmtCommand *const vmt_commands[] = {
  &vmt_run, &vmt_image, &vmt_help, &vmt_complete_words, &vmt_man_page, NULL,
};
