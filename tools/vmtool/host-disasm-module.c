/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Host code as the module sees it: its disassembler's tables would take longer to load than a
 * machine to start.
 */
#include "vmtool/host-disasm.h"
#include "vmtool/module.h"

void
vmt_host_disassemble (const uint8_t *bytes, size_t size, uint64_t address, GString *text)
{
  const VmtModule *module = vmt_module_load ();

  if (module != NULL)
    module->host_disassemble (bytes, size, address, text);
}
