/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The two small programs beside libvirt's remote one, for what is special to QEMU (guest agent
 * commands, structs CopQemu...) and to LXC (CopLxc...). Their tables are in addons-qemu.c and
 * addons-lxc.c.
 */
#pragma once

#include "driver/wire/protocol.h"

#define PROTOCOL_ROWS "driver/wire/qemu.def"
#define PROTOCOL_TYPE(x) CopQemu##x
#define PROTOCOL_NUMBER(x) COP_QEMU_##x
#include "driver/wire/protocol-types.h"
#undef PROTOCOL_TYPE
#undef PROTOCOL_NUMBER

#define PROTOCOL_ROWS "driver/wire/lxc.def"
#define PROTOCOL_TYPE(x) CopLxc##x
#define PROTOCOL_NUMBER(x) COP_LXC_##x
#include "driver/wire/protocol-types.h"
#undef PROTOCOL_TYPE
#undef PROTOCOL_NUMBER

extern const CopProgram cop_qemu_program;
extern const CopProgram cop_lxc_program;
