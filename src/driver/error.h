/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver's errors. Their codes are libvirt's own numbers, so that what a handler reports is
 * what a client tests for. On the wire a code goes with the number of the area it is about and
 * with a phrase in front of the message ("Domain not found: ..."), both from one table in error.c;
 * messages of ours therefore begin with what is special about the case:
 *
 *   g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_DOMAIN,
 *                _ ("no domain with matching name '%s'"), name);
 *
 * GErrors of other rooms (xml, store, GIO) are mapped in the same place and need no translation by
 * a handler, only a prefix that says what was being done, where that helps.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

#define COP_DRIVER_ERROR (cop_driver_error_quark ())

GQuark cop_driver_error_quark (void);

typedef enum
{
  COP_DRIVER_ERROR_INTERNAL = 1,
  COP_DRIVER_ERROR_NO_MEMORY = 2,
  COP_DRIVER_ERROR_NO_SUPPORT = 3, /* the call is not implemented here */
  COP_DRIVER_ERROR_NO_CONNECT = 5,
  COP_DRIVER_ERROR_INVALID_CONN = 6,
  COP_DRIVER_ERROR_INVALID_DOMAIN = 7,
  COP_DRIVER_ERROR_INVALID_ARG = 8,
  COP_DRIVER_ERROR_OPERATION_FAILED = 9, /* also: name or UUID in use */
  COP_DRIVER_ERROR_NO_KERNEL = 14,
  COP_DRIVER_ERROR_XML = 27, /* does not parse */
  COP_DRIVER_ERROR_DOM_EXIST = 28,
  COP_DRIVER_ERROR_OPERATION_DENIED = 29, /* read-only connection */
  COP_DRIVER_ERROR_OPEN_FAILED = 30,
  COP_DRIVER_ERROR_SYSTEM = 38, /* an errno */
  COP_DRIVER_ERROR_RPC = 39,
  COP_DRIVER_ERROR_NO_DOMAIN = 42,
  COP_DRIVER_ERROR_NO_NETWORK = 43,
  COP_DRIVER_ERROR_INVALID_MAC = 44,
  COP_DRIVER_ERROR_AUTH_FAILED = 45,
  COP_DRIVER_ERROR_NO_STORAGE_POOL = 49,
  COP_DRIVER_ERROR_NO_STORAGE_VOL = 50,
  COP_DRIVER_ERROR_NO_NODE_DEVICE = 53,
  COP_DRIVER_ERROR_OPERATION_INVALID = 55, /* not in this state */
  COP_DRIVER_ERROR_NO_INTERFACE = 57,
  COP_DRIVER_ERROR_NO_NWFILTER = 62,
  COP_DRIVER_ERROR_NO_SECRET = 66,
  COP_DRIVER_ERROR_CONFIG_UNSUPPORTED = 67, /* parses, but asks for what we do not do */
  COP_DRIVER_ERROR_OPERATION_TIMEOUT = 68,
  COP_DRIVER_ERROR_NO_SNAPSHOT = 72,
  COP_DRIVER_ERROR_INVALID_STREAM = 73,
  COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED = 74,
  COP_DRIVER_ERROR_SNAPSHOT_REVERT_RISKY = 77,
  COP_DRIVER_ERROR_OPERATION_ABORTED = 78,
  COP_DRIVER_ERROR_AUTH_CANCELLED = 79,
  COP_DRIVER_ERROR_NO_METADATA = 80,
  COP_DRIVER_ERROR_MIGRATE_UNSAFE = 81,
  COP_DRIVER_ERROR_OVERFLOW = 82,
  COP_DRIVER_ERROR_BLOCK_COPY_ACTIVE = 83,
  COP_DRIVER_ERROR_OPERATION_UNSUPPORTED = 84,
  COP_DRIVER_ERROR_AGENT_UNRESPONSIVE = 86,
  COP_DRIVER_ERROR_RESOURCE_BUSY = 87,
  COP_DRIVER_ERROR_ACCESS_DENIED = 88,
  COP_DRIVER_ERROR_STORAGE_VOL_EXIST = 90,
  COP_DRIVER_ERROR_XML_INVALID_SCHEMA = 92,
  COP_DRIVER_ERROR_MIGRATE_FINISH_OK = 93,
  COP_DRIVER_ERROR_AUTH_UNAVAILABLE = 94,
  COP_DRIVER_ERROR_AGENT_UNSYNCED = 97,
  COP_DRIVER_ERROR_DEVICE_MISSING = 99,
  COP_DRIVER_ERROR_NO_CHECKPOINT = 103,
  COP_DRIVER_ERROR_NO_BACKUP = 104,
  COP_DRIVER_ERROR_NO_NETWORK_PORT = 107,
} CopDriverErrorCode;

/* A GError as the wire carries it. */
typedef struct
{
  int32_t code; /* libvirt's */
  int32_t area; /* libvirt's "domain": which part reports it */
  int32_t errnum; /* of a system error; 0: not known */
  const char *phrase; /* (nullable): goes in front of the message, translated */
} CopWireError;

/**
 * cop_driver_error_to_wire:
 * @error: of any domain
 *
 * The one mapping of GErrors to libvirt's codes. Unknown ones are internal errors.
 */
CopWireError cop_driver_error_to_wire (const GError *error);

/**
 * cop_driver_error_set_errno:
 * @errnum: an errno
 * @format: what was being done, without the reason: "cannot open '%s'"
 *
 * Sets %COP_DRIVER_ERROR_SYSTEM with the reason appended to the message.
 */
void cop_driver_error_set_errno (GError **error, int errnum, const char *format, ...)
  G_GNUC_PRINTF (3, 4);
