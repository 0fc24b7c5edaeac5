/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The tables of the add-on program for LXC; see addons.h.
 */
#include "driver/wire/addons.h"

#define PROTOCOL_ROWS "driver/wire/lxc.def"
#define PROTOCOL_TYPE(x) CopLxc##x
#include "driver/wire/protocol-tables.h"

const CopProgram cop_lxc_program = {
  .number = 0x00068000,
  .version = 1,
  .name = "lxc",
  .procedures = protocol_procedures,
  .n_procedures = G_N_ELEMENTS (protocol_procedures),
  .phrases = true,
};
