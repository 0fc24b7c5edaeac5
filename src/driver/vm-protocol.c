/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The tables of the private protocol.
 */
#include "driver/vm-protocol.h"

#define PROTOCOL_ROWS "driver/vm.def"
#define PROTOCOL_TYPE(x) CopVmRpc##x
#include "driver/wire/protocol-tables.h"

const CopProgram cop_vm_program = {
  .number = 0x434f5056,
  .version = 1,
  .name = "coppice-vm",
  .procedures = protocol_procedures,
  .n_procedures = G_N_ELEMENTS (protocol_procedures),
};
