/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every command of vmtool. A command is a file and a line here.
 */
#include "vmtool/commands.h"

/* clang-format off */
const VmtCommand *const vmt_commands[] = {
  &vmt_list, &vmt_new, &vmt_define_command, &vmt_create, &vmt_start_command, &vmt_shutdown,
  &vmt_reboot, &vmt_reset, &vmt_destroy, &vmt_suspend, &vmt_resume, &vmt_save, &vmt_restore,
  &vmt_managedsave, &vmt_managedsave_remove, &vmt_console, &vmt_undefine, &vmt_dumpxml,
  &vmt_edit_command, &vmt_domrename, &vmt_autostart, &vmt_desc, &vmt_metadata, &vmt_setmem,
  &vmt_setmaxmem, &vmt_setvcpus, &vmt_domif_setlink, &vmt_top, &vmt_event, &vmt_dominfo,
  &vmt_domstate, &vmt_domid, &vmt_domuuid, &vmt_domname, &vmt_domstats, &vmt_domblklist,
  &vmt_domblkinfo, &vmt_domblkstat, &vmt_domiflist, &vmt_domifstat, &vmt_domif_getlink,
  &vmt_dommemstat, &vmt_vcpucount, &vmt_vcpuinfo, &vmt_capabilities, &vmt_domcapabilities,
  &vmt_nodeinfo, &vmt_version, &vmt_uri, &vmt_hostname,
  &vmt_run, &vmt_jit_dump, &vmt_image, &vmt_shell, &vmt_help, &vmt_complete_words, &vmt_man_page, NULL,
};
/* clang-format on */
