/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The tables of libvirt's remote protocol. Its facts (numbers, structs, limits, access) are in
 * remote.def; tests/driver/wire/procedures.tsv holds them a second time, and a test compares.
 */
#include "driver/wire/remote.h"

#define PROTOCOL_ROWS "driver/wire/remote.def"
#define PROTOCOL_TYPE(x) CopRemote##x
#include "driver/wire/protocol-tables.h"

const CopProgram cop_remote_program = {
  .number = 0x20008086,
  .version = 1,
  .name = "remote",
  .procedures = protocol_procedures,
  .n_procedures = G_N_ELEMENTS (protocol_procedures),
  .phrases = true,
};
