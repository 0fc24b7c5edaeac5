/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * XDR, the encoding of everything on the wire. A struct is described by a table of fields, made
 * from the same row that defines the C struct (see protocol-types.h):
 *
 *   field       C                              on the wire                  letter in signatures
 *   INT         int32_t                        4 bytes                      i
 *   UINT        uint32_t                       4 bytes                      u
 *   NARROW      int32_t                        4 bytes (a char or short)    z
 *   HYPER       int64_t                        8 bytes                      h
 *   UHYPER      uint64_t                       8 bytes                      H
 *   DOUBLE      double                         8 bytes, IEEE                f
 *   STRING      char *                         length, bytes, padding       s
 *   OSTRING     char *, or NULL                0, or 1 and a string         S
 *   UUID        uint8_t[16]                    16 bytes                     U
 *   OPAQUE      CopBytes                       length, bytes, padding       y*N
 *   WIDE        CopBytes                       count, 4 bytes for each      z*N
 *   WIDE_FIXED  char[N]                        4 bytes for each             z[N]
 *   STRUCT      the struct                     its fields                   a letter, or {...}
 *   OPTIONAL    pointer, or NULL               0, or 1 and the struct       ?
 *   ARRAY       n_NAME and NAME, a pointer     count, the structs           *N
 *   INTS, UINTS, UHYPERS, STRINGS              count, the items             i*N u*N H*N s*N
 *   PARAMS      n_NAME and CopTypedParam *     count, typed parameters      t*N
 *
 * All is big-endian and padded to four bytes. Memory in a decoded struct belongs to the struct and
 * comes from g_malloc; cop_xdr_clear() releases it. The same holds for structs that others fill.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest string and, with a packet's own limit, all that bounds what a peer makes us allocate. */
#define COP_XDR_STRING_MAX 4194304

typedef enum
{
  COP_XDR_END, /* closes a table of fields */
  COP_XDR_INT,
  COP_XDR_UINT,
  COP_XDR_NARROW,
  COP_XDR_HYPER,
  COP_XDR_UHYPER,
  COP_XDR_DOUBLE,
  COP_XDR_STRING,
  COP_XDR_OSTRING,
  COP_XDR_UUID,
  COP_XDR_OPAQUE,
  COP_XDR_WIDE,
  COP_XDR_WIDE_FIXED,
  COP_XDR_STRUCT,
  COP_XDR_OPTIONAL,
  COP_XDR_ARRAY,
  COP_XDR_INTS,
  COP_XDR_UINTS,
  COP_XDR_UHYPERS,
  COP_XDR_STRINGS,
  COP_XDR_PARAMS,
} CopXdrKind;

/* Bytes of a length that only the sender knows. */
typedef struct
{
  uint8_t *data; /* (owned) (nullable) */
  uint32_t length;
} CopBytes;

typedef struct CopXdrType CopXdrType;

/* Types are reached through functions, because a row of a table can take a function's address but
 * not that of a table further down. */
typedef const CopXdrType *(*CopXdrTypeFunc) (void);

typedef struct
{
  const char *name;
  CopXdrKind kind;
  uint32_t max; /* items or bytes, where the kind has a limit */
  uint16_t offset; /* in the struct */
  uint16_t count_offset; /* of n_NAME, for arrays */
  CopXdrTypeFunc type; /* of STRUCT, OPTIONAL and ARRAY */
} CopXdrField;

struct CopXdrType
{
  size_t size; /* of the C struct; bytes */
  char letter; /* in signatures, or 0: written out in braces */
  const CopXdrField *fields; /* closed by COP_XDR_END */
};

/**
 * cop_xdr_encode:
 * @type: what @value points to
 * @value: (nullable): the struct; may be NULL only if @type has no fields
 * @out: where the bytes are appended
 * @limit: how long @out may become; bytes
 *
 * A NULL string where the field is not optional is sent as an empty one. Lists longer than the
 * other side takes, and strings above %COP_XDR_STRING_MAX, are an error: the peer would refuse
 * the whole packet.
 *
 * Errors: %COP_DRIVER_ERROR_RPC, naming the field; @out keeps its old length then.
 */
bool cop_xdr_encode (const CopXdrType *type, const void *value, GByteArray *out, size_t limit,
                     GError **error);

/**
 * cop_xdr_decode:
 * @type: what @value points to
 * @data: (array length=length): one struct, with nothing behind it
 * @value: (out caller-allocates): zeroed or uninitialised; set on success only
 *
 * Allocates no more than a small multiple of @length.
 *
 * Errors: %COP_DRIVER_ERROR_RPC, naming the field that is cut short, too long or has a byte 0 in a
 * string.
 */
bool cop_xdr_decode (const CopXdrType *type, const uint8_t *data, size_t length, void *value,
                     GError **error);

/**
 * cop_xdr_clear:
 * @value: (nullable): a struct of @type
 *
 * Frees what the struct owns and zeroes it.
 */
void cop_xdr_clear (const CopXdrType *type, void *value);

/**
 * cop_xdr_copy:
 * @to: (out caller-allocates): a deep copy of @from
 */
void cop_xdr_copy (const CopXdrType *type, const void *from, void *to);

/**
 * cop_xdr_signature:
 * Returns: (transfer full): the fields as the tables of procedures write them: "dom:d flags:u",
 *   or "-" for none. Names are those of the C struct.
 */
char *cop_xdr_signature (const CopXdrType *type);
