/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The boot ROM, with the register contents that firmware finds on QEMU's virt machine:
 * a0 hart id, a1 device tree, a2 the fw_dynamic record.
 *
 *   0x1000  code               0x1018  firmware's entry
 *                              0x1020  address of the device tree
 *                              0x1028  fw_dynamic record: magic, version, next address, next mode,
 *                                      options, boot hart
 *
 * Source: OpenSBI docs/firmware/fw_dynamic.md, include/sbi/fw_dynamic.h
 */
#include "engine/boot-rom.h"
#include "engine/riscv/trap.h"

#include <string.h>

#define FW_DYNAMIC_MAGIC UINT64_C (0x4942534f) /* "OSBI" */
#define FW_DYNAMIC_VERSION 2

static const uint32_t code[] = {
  0x00000297, /* auipc t0, 0         */
  0x02828613, /* addi  a2, t0, 0x28  */
  0xf1402573, /* csrr  a0, mhartid   */
  0x0202b583, /* ld    a1, 0x20(t0)  */
  0x0182b283, /* ld    t0, 0x18(t0)  */
  0x00028067, /* jr    t0            */
};

void
cop_boot_rom_write (CopRam *ram, uint64_t entry, uint64_t dtb, uint64_t next)
{
  const uint64_t data[] = {
    entry, dtb, FW_DYNAMIC_MAGIC, FW_DYNAMIC_VERSION, next, COP_PRIV_S, 0, 0,
  };
  uint8_t *at = ram->rom.hva;

  for (size_t i = 0; i < G_N_ELEMENTS (code); i++, at += sizeof *code)
    {
      uint32_t word = GUINT32_TO_LE (code[i]);

      memcpy (at, &word, sizeof word);
    }
  for (size_t i = 0; i < G_N_ELEMENTS (data); i++, at += sizeof *data)
    {
      uint64_t word = GUINT64_TO_LE (data[i]);

      memcpy (at, &word, sizeof word);
    }
}
