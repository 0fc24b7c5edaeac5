/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Makes the codec's tables of a program's rows. Included once for each program, by a .c file, after
 * its header and with PROTOCOL_ROWS defined again; see protocol-types.h. Defines
 *
 *   static const CopProcedure protocol_procedures[];
 *
 * and for each struct a function PROTOCOL_TYPE (T_xdr) that returns its CopXdrType. Inside such a
 * function the struct is called Self, which is how a field's row knows its offset.
 */
/* No #pragma once: one file may hold several programs' tables only if it includes this for each,
 * with another name for protocol_procedures. */
#include <stddef.h>

/* clang-format off */
#define FIELD_ROW(KIND, member, ...)                                                             \
  { .name = #member, .kind = COP_XDR_##KIND, .offset = offsetof (Self, member), __VA_ARGS__ },
#define FIELD_LIST(KIND, member, limit, ...)                                                     \
  FIELD_ROW (KIND, member, .max = limit, .count_offset = offsetof (Self, n_##member), __VA_ARGS__)

#define INT(member)               FIELD_ROW (INT, member)
#define UINT(member)              FIELD_ROW (UINT, member)
#define NARROW(member)            FIELD_ROW (NARROW, member)
#define HYPER(member)             FIELD_ROW (HYPER, member)
#define UHYPER(member)            FIELD_ROW (UHYPER, member)
#define DOUBLE(member)            FIELD_ROW (DOUBLE, member)
#define STRING(member)            FIELD_ROW (STRING, member)
#define OSTRING(member)           FIELD_ROW (OSTRING, member)
#define UUID(member)              FIELD_ROW (UUID, member)
#define OPAQUE(member, limit)     FIELD_ROW (OPAQUE, member, .max = limit)
#define WIDE(member, limit)       FIELD_ROW (WIDE, member, .max = limit)
#define WIDE_FIXED(member, limit) FIELD_ROW (WIDE_FIXED, member, .max = limit)
#define STRUCT(T, member)         FIELD_ROW (STRUCT, member, .type = PROTOCOL_TYPE (T##_xdr))
#define OPTIONAL(T, member)       FIELD_ROW (OPTIONAL, member, .type = PROTOCOL_TYPE (T##_xdr))
#define ARRAY(T, member, limit)   FIELD_LIST (ARRAY, member, limit, .type = PROTOCOL_TYPE (T##_xdr))
#define INTS(member, limit)       FIELD_LIST (INTS, member, limit)
#define UINTS(member, limit)      FIELD_LIST (UINTS, member, limit)
#define UHYPERS(member, limit)    FIELD_LIST (UHYPERS, member, limit)
#define STRINGS(member, limit)    FIELD_LIST (STRINGS, member, limit)
#define PARAMS(member, limit)     FIELD_LIST (PARAMS, member, limit)
#define NONE

#define TYPE_OF(T, sign, ...)                                                                    \
  static const CopXdrType *                                                                      \
  PROTOCOL_TYPE (T##_xdr) (void)                                                                 \
  {                                                                                              \
    typedef PROTOCOL_TYPE (T) Self;                                                              \
    static const CopXdrField fields[] = { __VA_ARGS__ { .kind = COP_XDR_END } };                 \
    static const CopXdrType type = { sizeof (Self), sign, fields };                              \
    return &type;                                                                                \
  }

#define RECORD(T, letter, rows) TYPE_OF (T, letter, rows)
#define PROC(number, NAME, Name, access, flags, args, ret)                                       \
  TYPE_OF (Name##Args, 0, args)                                                                  \
  TYPE_OF (Name##Ret, 0, ret)
#define EVENT(number, NAME, Name, rows) TYPE_OF (Name, 0, rows)
#include PROTOCOL_ROWS
#undef RECORD
#undef PROC
#undef EVENT

#define READ                    .access = COP_PROC_ACCESS_READ
#define WRITE                   .access = COP_PROC_ACCESS_WRITE
#define WRITE_IF(bits)          .access = COP_PROC_ACCESS_READ, .write_flags = bits
#define PLAIN                   COP_PROC_PLAIN
#define HI                      COP_PROC_HI
#define STREAM_DOWN             COP_PROC_STREAM_DOWN
#define STREAM_UP               COP_PROC_STREAM_UP
#define FDS_IN                  COP_PROC_FDS_IN
#define FDS_OUT                 COP_PROC_FDS_OUT
#define ANYBODY                 COP_PROC_ANYBODY
#define UNOPENED                COP_PROC_UNOPENED

#define RECORD(T, letter, rows)
#define PROC(number, NAME, Name, may, bits, in, out)                                             \
  [number] = { .name = #NAME, .args = PROTOCOL_TYPE (Name##Args_xdr),                            \
               .ret = PROTOCOL_TYPE (Name##Ret_xdr), may, .flags = bits },
#define EVENT(number, NAME, Name, rows)                                                          \
  [number] = { .name = #NAME, .ret = PROTOCOL_TYPE (Name##_xdr), .flags = COP_PROC_EVENT },
/* clang-format on */

static const CopProcedure protocol_procedures[] = {
#include PROTOCOL_ROWS
};

#undef RECORD
#undef PROC
#undef EVENT
#undef READ
#undef WRITE
#undef WRITE_IF
#undef PLAIN
#undef HI
#undef STREAM_DOWN
#undef STREAM_UP
#undef FDS_IN
#undef FDS_OUT
#undef ANYBODY
#undef UNOPENED
#undef FIELD_ROW
#undef FIELD_LIST
#undef TYPE_OF
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
