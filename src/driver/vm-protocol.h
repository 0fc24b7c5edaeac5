/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The private protocol of coppice-vm: structs CopVmRpc... and numbers COP_VM_RPC_..., made from
 * vm.def.
 */
#pragma once

#include "driver/wire/protocol.h"

#define PROTOCOL_ROWS "driver/vm.def"
#define PROTOCOL_TYPE(x) CopVmRpc##x
#define PROTOCOL_NUMBER(x) COP_VM_RPC_##x
#include "driver/wire/protocol-types.h"
#undef PROTOCOL_TYPE
#undef PROTOCOL_NUMBER

extern const CopProgram cop_vm_program;

/* Raised when an older peer would misunderstand what is said. */
#define COP_VM_PROTOCOL 1

/* The descriptor that a new process finds its end of the first connection at. */
#define COP_VM_CONTROL_FD 3
