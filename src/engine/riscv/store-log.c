/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pages as they were before they were stored to.
 */
#include "engine/riscv/store-log.h"

#include <string.h>

CopStoreLog *
cop_store_log_new (void)
{
  CopStoreLog *log = g_new0 (CopStoreLog, 1);

  log->pages = g_ptr_array_new_with_free_func (g_free);
  return log;
}

void
cop_store_log_free (CopStoreLog *log)
{
  g_ptr_array_unref (log->pages);
  g_free (log);
}

CopStoreLogPage *
cop_store_log_find (const CopStoreLog *log, const uint8_t *hva)
{
  for (unsigned i = 0; i < log->n; i++)
    if (cop_store_log_page (log, i)->hva == hva)
      return cop_store_log_page (log, i);
  return NULL;
}

void
cop_store_log_note (CopStoreLog *log, void *hva)
{
  uint8_t *start = (uint8_t *) hva - ((uintptr_t) hva & (COP_STORE_LOG_PAGE - 1));
  CopStoreLogPage *page;

  if (cop_store_log_find (log, start) != NULL)
    return;
  if (log->n == log->pages->len)
    g_ptr_array_add (log->pages, g_new (CopStoreLogPage, 1));
  page = cop_store_log_page (log, log->n++);
  page->hva = start;
  memcpy (page->before, start, sizeof page->before);
}
