/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Makes C types of a program's rows. Included once for each program, by its header, with
 *
 *   PROTOCOL_ROWS       the file with the rows
 *   PROTOCOL_TYPE(x)    the name of a type: CopRemote##x
 *   PROTOCOL_NUMBER(x)  the name of a procedure's number: COP_REMOTE_##x
 *
 * A file of rows has, in the order of their numbers,
 *
 *   RECORD (Domain, 'd', STRING (name) UUID (uuid) INT (id))
 *   PROC (14, DOMAIN_GET_XML_DESC, DomainGetXmlDesc, WRITE_IF (0x9), PLAIN,
 *         STRUCT (Domain, dom) UINT (flags), STRING (xml))
 *   EVENT (318, DOMAIN_EVENT_CALLBACK_LIFECYCLE, DomainEventCallbackLifecycle,
 *          INT (callback_id) STRUCT (Domain, dom) INT (event) INT (detail))
 *
 * and this makes of them the struct CopRemoteDomain, CopRemoteDomainGetXmlDescArgs,
 * CopRemoteDomainGetXmlDescRet and CopRemoteDomainEventCallbackLifecycle, with members of these
 * names, and the number COP_REMOTE_DOMAIN_GET_XML_DESC. A record stands before its first use.
 */
/* No #pragma once: each inclusion makes other types. */
#include "driver/wire/params.h"
#include "driver/wire/protocol.h"

/* clang-format off */
#define INT(name)               int32_t name;
#define UINT(name)              uint32_t name;
#define NARROW(name)            int32_t name;
#define HYPER(name)             int64_t name;
#define UHYPER(name)            uint64_t name;
#define DOUBLE(name)            double name;
#define STRING(name)            char *name;
#define OSTRING(name)           char *name;
#define UUID(name)              uint8_t name[16];
#define OPAQUE(name, max)       CopBytes name;
#define WIDE(name, max)         CopBytes name;
#define WIDE_FIXED(name, max)   char name[max];
#define STRUCT(T, name)         PROTOCOL_TYPE (T) name;
#define OPTIONAL(T, name)       PROTOCOL_TYPE (T) *name;
#define ARRAY(T, name, max)     uint32_t n_##name; PROTOCOL_TYPE (T) *name;
#define INTS(name, max)         uint32_t n_##name; int32_t *name;
#define UINTS(name, max)        uint32_t n_##name; uint32_t *name;
#define UHYPERS(name, max)      uint32_t n_##name; uint64_t *name;
#define STRINGS(name, max)      uint32_t n_##name; char **name;
#define PARAMS(name, max)       uint32_t n_##name; CopTypedParam *name;
#define NONE

#define RECORD(T, letter, fields)                                                                \
  typedef struct { fields } PROTOCOL_TYPE (T);
#define PROC(number, NAME, Name, access, flags, args, ret)                                       \
  typedef struct { args } PROTOCOL_TYPE (Name##Args);                                            \
  typedef struct { ret } PROTOCOL_TYPE (Name##Ret);
#define EVENT(number, NAME, Name, fields)                                                        \
  typedef struct { fields } PROTOCOL_TYPE (Name);
/* clang-format on */

#include PROTOCOL_ROWS

#undef RECORD
#undef PROC
#undef EVENT
#define RECORD(T, letter, fields)
#define PROC(number, NAME, Name, access, flags, args, ret) PROTOCOL_NUMBER (NAME) = number,
#define EVENT(number, NAME, Name, fields) PROTOCOL_NUMBER (NAME) = number,

enum
{
#include PROTOCOL_ROWS
};

#undef RECORD
#undef PROC
#undef EVENT
#undef INT
#undef UINT
#undef NARROW
#undef HYPER
#undef UHYPER
#undef DOUBLE
#undef STRING
#undef OSTRING
#undef UUID
#undef OPAQUE
#undef WIDE
#undef WIDE_FIXED
#undef STRUCT
#undef OPTIONAL
#undef ARRAY
#undef INTS
#undef UINTS
#undef UHYPERS
#undef STRINGS
#undef PARAMS
#undef NONE
#undef PROTOCOL_ROWS
