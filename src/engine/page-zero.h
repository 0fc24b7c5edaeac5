/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whether a page of memory is all zero.
 */
#pragma once

#include "engine/ram.h"

static inline bool
cop_page_is_zero (const uint8_t *page)
{
  const uint64_t *words = (const uint64_t *) (const void *) page;

  for (unsigned i = 0; i < COP_PAGE_SIZE / sizeof *words; i += 8)
    if ((words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] | words[i + 5] |
         words[i + 6] | words[i + 7]) != 0)
      return false;
  return true;
}
