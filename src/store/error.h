/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What can go wrong on disk, in codes that a caller can act on.
 */
#pragma once

#include <glib.h>

#define COP_STORE_ERROR (cop_store_error_quark ())
GQuark cop_store_error_quark (void);

typedef enum
{
  COP_STORE_ERROR_NAME, /* not a name an object may have */
  COP_STORE_ERROR_MISSING, /* no such object */
  COP_STORE_ERROR_CORRUPT, /* what is there is not what was written */
  COP_STORE_ERROR_BUSY, /* another process changes it */
  COP_STORE_ERROR_SOURCE, /* where it comes from does not have it, or cannot be reached */
  COP_STORE_ERROR_TOOL, /* a program that is needed is missing or failed */
} CopStoreError;
