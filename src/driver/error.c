/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver's errors, and the one mapping of GErrors to what libvirt's clients understand.
 */
#include "driver/error.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>

/* What a GError of ours carries besides code and message. */
typedef struct
{
  int errnum;
} CopDriverErrorPrivate;

static void
cop_driver_error_private_init (G_GNUC_UNUSED CopDriverErrorPrivate *priv)
{
}

static void
cop_driver_error_private_copy (const CopDriverErrorPrivate *from, CopDriverErrorPrivate *to)
{
  *to = *from;
}

static void
cop_driver_error_private_clear (G_GNUC_UNUSED CopDriverErrorPrivate *priv)
{
}

G_DEFINE_EXTENDED_ERROR (CopDriverError, cop_driver_error)

/* Numbers of libvirt's error "domains": the part that reports. */
enum
{
  AREA_NONE = 0,
  AREA_DOMAIN = 6,
  AREA_RPC = 7,
  AREA_REMOTE = 13,
  AREA_STORAGE = 18,
  AREA_NETWORK = 19,
  AREA_DOMAIN_CONFIG = 20,
  AREA_NODE_DEVICE = 22,
  AREA_INTERFACE = 26,
  AREA_SECRET = 30,
  AREA_NWFILTER = 33,
  AREA_SNAPSHOT = 35,
  AREA_STREAM = 38,
  AREA_POLKIT = 60,
  AREA_CHECKPOINT = 69,
};

typedef struct
{
  int32_t code;
  int32_t area;
  const char *phrase;
} ErrorRow;

/* clang-format off */
static const ErrorRow rows[] = {
  /* code                                     area                phrase in front of the message */
  { COP_DRIVER_ERROR_INTERNAL,                AREA_NONE,          N_ ("internal error") },
  { COP_DRIVER_ERROR_NO_MEMORY,               AREA_NONE,          N_ ("out of memory") },
  { COP_DRIVER_ERROR_NO_SUPPORT,              AREA_NONE,          N_ ("this function is not supported by the connection driver") },
  { COP_DRIVER_ERROR_NO_CONNECT,              AREA_NONE,          N_ ("no connection driver available") },
  { COP_DRIVER_ERROR_INVALID_CONN,            AREA_NONE,          N_ ("invalid connection pointer in") },
  { COP_DRIVER_ERROR_INVALID_DOMAIN,          AREA_DOMAIN,        N_ ("invalid domain pointer in") },
  { COP_DRIVER_ERROR_INVALID_ARG,             AREA_DOMAIN,        N_ ("invalid argument") },
  { COP_DRIVER_ERROR_OPERATION_FAILED,        AREA_DOMAIN,        N_ ("operation failed") },
  { COP_DRIVER_ERROR_NO_KERNEL,               AREA_DOMAIN_CONFIG, N_ ("missing kernel information") },
  { COP_DRIVER_ERROR_XML,                     AREA_DOMAIN_CONFIG, N_ ("XML error") },
  { COP_DRIVER_ERROR_DOM_EXIST,               AREA_DOMAIN,        N_ ("this domain exists already") },
  { COP_DRIVER_ERROR_OPERATION_DENIED,        AREA_NONE,          N_ ("operation forbidden") },
  { COP_DRIVER_ERROR_OPEN_FAILED,             AREA_NONE,          N_ ("failed to open file") },
  { COP_DRIVER_ERROR_SYSTEM,                  AREA_NONE,          NULL },
  { COP_DRIVER_ERROR_RPC,                     AREA_RPC,           NULL },
  { COP_DRIVER_ERROR_NO_DOMAIN,               AREA_DOMAIN,        N_ ("Domain not found") },
  { COP_DRIVER_ERROR_NO_NETWORK,              AREA_NETWORK,       N_ ("Network not found") },
  { COP_DRIVER_ERROR_INVALID_MAC,             AREA_DOMAIN_CONFIG, N_ ("invalid MAC address") },
  { COP_DRIVER_ERROR_AUTH_FAILED,             AREA_RPC,           N_ ("authentication failed") },
  { COP_DRIVER_ERROR_NO_STORAGE_POOL,         AREA_STORAGE,       N_ ("Storage pool not found") },
  { COP_DRIVER_ERROR_NO_STORAGE_VOL,          AREA_STORAGE,       N_ ("Storage volume not found") },
  { COP_DRIVER_ERROR_NO_NODE_DEVICE,          AREA_NODE_DEVICE,   N_ ("Node device not found") },
  { COP_DRIVER_ERROR_OPERATION_INVALID,       AREA_DOMAIN,        N_ ("Requested operation is not valid") },
  { COP_DRIVER_ERROR_NO_INTERFACE,            AREA_INTERFACE,     N_ ("Interface not found") },
  { COP_DRIVER_ERROR_NO_NWFILTER,             AREA_NWFILTER,      N_ ("Network filter not found") },
  { COP_DRIVER_ERROR_NO_SECRET,               AREA_SECRET,        N_ ("Secret not found") },
  { COP_DRIVER_ERROR_CONFIG_UNSUPPORTED,      AREA_DOMAIN_CONFIG, N_ ("unsupported configuration") },
  { COP_DRIVER_ERROR_OPERATION_TIMEOUT,       AREA_DOMAIN,        N_ ("Timed out during operation") },
  { COP_DRIVER_ERROR_NO_SNAPSHOT,             AREA_SNAPSHOT,      N_ ("Domain snapshot not found") },
  { COP_DRIVER_ERROR_INVALID_STREAM,          AREA_STREAM,        N_ ("invalid stream pointer in") },
  { COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,    AREA_DOMAIN,        N_ ("argument unsupported") },
  { COP_DRIVER_ERROR_SNAPSHOT_REVERT_RISKY,   AREA_SNAPSHOT,      N_ ("revert requires force") },
  { COP_DRIVER_ERROR_OPERATION_ABORTED,       AREA_DOMAIN,        N_ ("operation aborted") },
  { COP_DRIVER_ERROR_AUTH_CANCELLED,          AREA_POLKIT,        N_ ("authentication cancelled") },
  { COP_DRIVER_ERROR_NO_METADATA,             AREA_DOMAIN,        N_ ("metadata not found") },
  { COP_DRIVER_ERROR_MIGRATE_UNSAFE,          AREA_DOMAIN,        N_ ("Unsafe migration") },
  { COP_DRIVER_ERROR_OVERFLOW,                AREA_NONE,          N_ ("numerical overflow") },
  { COP_DRIVER_ERROR_BLOCK_COPY_ACTIVE,       AREA_DOMAIN,        N_ ("block copy still active") },
  { COP_DRIVER_ERROR_OPERATION_UNSUPPORTED,   AREA_DOMAIN,        N_ ("Operation not supported") },
  { COP_DRIVER_ERROR_AGENT_UNRESPONSIVE,      AREA_DOMAIN,        N_ ("Guest agent is not responding") },
  { COP_DRIVER_ERROR_RESOURCE_BUSY,           AREA_DOMAIN,        N_ ("resource busy") },
  { COP_DRIVER_ERROR_ACCESS_DENIED,           AREA_NONE,          N_ ("access denied") },
  { COP_DRIVER_ERROR_STORAGE_VOL_EXIST,       AREA_STORAGE,       N_ ("storage volume exists already") },
  { COP_DRIVER_ERROR_XML_INVALID_SCHEMA,      AREA_DOMAIN_CONFIG, N_ ("XML document failed to validate against schema") },
  { COP_DRIVER_ERROR_MIGRATE_FINISH_OK,       AREA_DOMAIN,        N_ ("migration successfully aborted") },
  { COP_DRIVER_ERROR_AUTH_UNAVAILABLE,        AREA_POLKIT,        N_ ("authentication unavailable") },
  { COP_DRIVER_ERROR_AGENT_UNSYNCED,          AREA_DOMAIN,        N_ ("guest agent replied with wrong id to guest-sync command") },
  { COP_DRIVER_ERROR_DEVICE_MISSING,          AREA_DOMAIN,        N_ ("device not found") },
  { COP_DRIVER_ERROR_NO_CHECKPOINT,           AREA_CHECKPOINT,    N_ ("Domain checkpoint not found") },
  { COP_DRIVER_ERROR_NO_BACKUP,               AREA_DOMAIN,        N_ ("Domain backup job id not found") },
  { COP_DRIVER_ERROR_NO_NETWORK_PORT,         AREA_NETWORK,       N_ ("network port not found") },
};
/* clang-format on */

/* Errors of other rooms. Their quarks go by name here: what links this need not link that room.
 * A code without a row maps to the code of the row with -1. */
typedef struct
{
  const char *quark;
  int code; /* of that domain, or -1: every other */
  int32_t driver_code;
} ForeignRow;

/* As in xml/error.h, store/error.h and driver/vm.h, which test-error.c compares. */
/* clang-format off */
static const ForeignRow foreign[] = {
  { "cop-xml-error-quark",   5,  COP_DRIVER_ERROR_CONFIG_UNSUPPORTED }, /* UNSUPPORTED */
  { "cop-xml-error-quark",   4,  COP_DRIVER_ERROR_CONFIG_UNSUPPORTED }, /* CONFLICT */
  { "cop-xml-error-quark",   6,  COP_DRIVER_ERROR_XML_INVALID_SCHEMA }, /* UNKNOWN */
  { "cop-xml-error-quark",   -1, COP_DRIVER_ERROR_XML },
  { "cop-store-error-quark", 0,  COP_DRIVER_ERROR_INVALID_ARG },        /* NAME */
  { "cop-store-error-quark", 3,  COP_DRIVER_ERROR_RESOURCE_BUSY },      /* BUSY */
  { "cop-store-error-quark", -1, COP_DRIVER_ERROR_OPERATION_FAILED },
  { "cop-vm-error-quark",    0,  COP_DRIVER_ERROR_CONFIG_UNSUPPORTED }, /* CONFIG */
  { "cop-vm-error-quark",    2,  COP_DRIVER_ERROR_OPERATION_INVALID },  /* STATE */
  { "cop-vm-error-quark",    4,  COP_DRIVER_ERROR_OPERATION_ABORTED },  /* CANCELLED */
  { "cop-vm-error-quark",    6,  COP_DRIVER_ERROR_OPERATION_UNSUPPORTED }, /* NOT_SUPPORTED */
  { "cop-vm-error-quark",    -1, COP_DRIVER_ERROR_OPERATION_FAILED },
  { "cop-machine-error-quark", 0, COP_DRIVER_ERROR_CONFIG_UNSUPPORTED }, /* CONFIG */
  { "cop-machine-error-quark", 1, COP_DRIVER_ERROR_CONFIG_UNSUPPORTED }, /* IMAGE */
  { "cop-machine-error-quark", 3, COP_DRIVER_ERROR_OPERATION_INVALID },  /* STATE */
  { "cop-machine-error-quark", -1, COP_DRIVER_ERROR_OPERATION_FAILED },
  { "cop-state-error-quark", -1, COP_DRIVER_ERROR_CONFIG_UNSUPPORTED },
  { "g-io-error-quark",      G_IO_ERROR_CANCELLED, COP_DRIVER_ERROR_OPERATION_ABORTED },
  { "g-io-error-quark",      G_IO_ERROR_TIMED_OUT, COP_DRIVER_ERROR_OPERATION_TIMEOUT },
  { "g-io-error-quark",      G_IO_ERROR_INVALID_ARGUMENT, COP_DRIVER_ERROR_INVALID_ARG },
  { "g-io-error-quark",      -1, COP_DRIVER_ERROR_SYSTEM },
  { "g-file-error-quark",    -1, COP_DRIVER_ERROR_SYSTEM },
};
/* clang-format on */

static int32_t
driver_code (const GError *error)
{
  const char *quark;

  if (error->domain == COP_DRIVER_ERROR)
    return error->code;

  quark = g_quark_to_string (error->domain);
  for (size_t i = 0; i < G_N_ELEMENTS (foreign); i++)
    if (g_strcmp0 (foreign[i].quark, quark) == 0 &&
        (foreign[i].code == error->code || foreign[i].code == -1))
      return foreign[i].driver_code;
  return COP_DRIVER_ERROR_INTERNAL;
}

CopWireError
cop_driver_error_to_wire (const GError *error)
{
  CopWireError wire = { .code = driver_code (error) };

  if (error->domain == COP_DRIVER_ERROR)
    wire.errnum = cop_driver_error_get_private (error)->errnum;
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    if (rows[i].code == wire.code)
      {
        wire.area = rows[i].area;
        wire.phrase = rows[i].phrase != NULL ? g_dgettext (GETTEXT_PACKAGE, rows[i].phrase) : NULL;
        break;
      }
  return wire;
}

void
cop_driver_error_set_errno (GError **error, int errnum, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  if (error == NULL)
    return;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_SYSTEM, "%s: %s", what,
               g_strerror (errnum));
  cop_driver_error_get_private (*error)->errnum = errnum;
}
