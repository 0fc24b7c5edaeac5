/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Host code in hexadecimal.
 */
#include "vmtool/host-disasm.h"

void
vmt_host_disassemble (const uint8_t *bytes, size_t size, uint64_t address, GString *text)
{
  for (size_t i = 0; i < size; i++)
    {
      if (i % 16 == 0)
        g_string_append_printf (text, "  %012" G_GINT64_MODIFIER "x ", address + i);
      g_string_append_printf (text, " %02x%s", bytes[i], i % 16 == 15 || i == size - 1 ? "\n" : "");
    }
}
