/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The tables of the add-on program for QEMU; see addons.h.
 */
#include "driver/wire/addons.h"

#define PROTOCOL_ROWS "driver/wire/qemu.def"
#define PROTOCOL_TYPE(x) CopQemu##x
#include "driver/wire/protocol-tables.h"

const CopProgram cop_qemu_program = {
  .number = 0x20008087,
  .version = 1,
  .name = "qemu",
  .procedures = protocol_procedures,
  .n_procedures = G_N_ELEMENTS (protocol_procedures),
  .phrases = true,
};
