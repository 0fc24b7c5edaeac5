/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pages of guest memory as they were before a hart stored to them. A hart with a log notes each
 * page before its first store there; what empties the log takes the hart's write entries away too.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

#define COP_STORE_LOG_PAGE 4096

typedef struct
{
  uint8_t *hva; /* of the page's start */
  uint8_t before[COP_STORE_LOG_PAGE];
  uint8_t after[COP_STORE_LOG_PAGE]; /* for the log's owner */
} CopStoreLogPage;

typedef struct
{
  GPtrArray *pages; /* (element-type CopStoreLogPage) (owned) */
  unsigned n; /* in use; the others are kept for later */
} CopStoreLog;

CopStoreLog *cop_store_log_new (void);
void cop_store_log_free (CopStoreLog *log);

/* Keeps the page that @hva lies on, unless it is kept already. */
void cop_store_log_note (CopStoreLog *log, void *hva);

static inline CopStoreLogPage *
cop_store_log_page (const CopStoreLog *log, unsigned index)
{
  return (CopStoreLogPage *) g_ptr_array_index (log->pages, index);
}

/* Returns: (nullable): the page at @hva */
CopStoreLogPage *cop_store_log_find (const CopStoreLog *log, const uint8_t *hva);
