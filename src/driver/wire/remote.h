/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libvirt's remote protocol: structs CopRemote... and numbers COP_REMOTE_... of its 443 procedures,
 * made from remote.def.
 */
#pragma once

#include "driver/wire/protocol.h"

#define PROTOCOL_ROWS "driver/wire/remote.def"
#define PROTOCOL_TYPE(x) CopRemote##x
#define PROTOCOL_NUMBER(x) COP_REMOTE_##x
#include "driver/wire/protocol-types.h"
#undef PROTOCOL_TYPE
#undef PROTOCOL_NUMBER

extern const CopProgram cop_remote_program;

/* Numbers of CONNECT_SUPPORTS_FEATURE. */
enum
{
  COP_FEATURE_REMOTE = 2,
  COP_FEATURE_MIGRATION_P2P = 4,
  COP_FEATURE_MIGRATION_V3 = 6,
  COP_FEATURE_MIGRATE_CHANGE_PROTECTION = 7,
  COP_FEATURE_FD_PASSING = 8,
  COP_FEATURE_TYPED_PARAM_STRING = 9,
  COP_FEATURE_KEEPALIVE = 10,
  COP_FEATURE_XML_MIGRATABLE = 11,
  COP_FEATURE_MIGRATION_OFFLINE = 12,
  COP_FEATURE_MIGRATION_PARAMS = 13,
  COP_FEATURE_EVENT_CALLBACK = 14,
  COP_FEATURE_CLOSE_CALLBACK = 15,
  COP_FEATURE_NETWORK_UPDATE_ORDER = 16,
};
