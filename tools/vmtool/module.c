/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every command, as a module.
 */
#include "vmtool/module.h"
#include "vmtool/host-disasm.h"
#include "vmtool/vmtool.h"

extern const VmtModule vmt_module;

__attribute__ ((visibility ("default"))) const VmtModule vmt_module = {
  .version = COPPICE_VERSION,
  .main = vmt_main,
  .host_disassemble = vmt_host_disassemble,
};
