/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Host code by capstone.
 */
#include "vmtool/host-disasm.h"

#include <capstone/capstone.h>

void
vmt_host_disassemble (const uint8_t *bytes, size_t size, uint64_t address, GString *text)
{
  csh handle;
  cs_insn *insn;

  if (cs_open (CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
    return;
  /* Code and the constants behind it are not told apart. */
  cs_option (handle, CS_OPT_SKIPDATA, CS_OPT_ON);
  insn = cs_malloc (handle);
  while (size > 0 && cs_disasm_iter (handle, &bytes, &size, &address, insn))
    g_string_append_printf (text, "  %012" G_GINT64_MODIFIER "x  %s %s\n",
                            (uint64_t) insn->address, insn->mnemonic, insn->op_str);
  cs_free (insn, 1);
  cs_close (&handle);
}
