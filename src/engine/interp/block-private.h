/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the cache of decoded blocks and what decodes them share.
 */
#pragma once

#include "engine/interp/block.h"

/* FS may have to be made dirty; branches have links, and what ends a block has one too. */
#define COP_BLOCK_MAX_OPS (COP_BLOCK_MAX_INSNS + COP_BLOCK_MAX_BRANCHES + 4)
#define COP_BLOCK_MAX_SIZE                                                                         \
  (sizeof (CopBlock) + COP_BLOCK_MAX_OPS * (sizeof (CopOp) + sizeof (CopOpPlace)))

/* Sets up a header, without operations. */
void cop_block_start (CopBlockCache *cache, CopBlock *block, uint64_t gpa);

/**
 * cop_block_build:
 * @block: (out): with room for COP_BLOCK_MAX_SIZE; cache->scratch for one that is run once
 * @pc: virtual address of @gpa, where @bytes are, up to the page's end
 * @divided: PMP divides the page: what may be fetched depends on where on it that is
 *
 * Returns: false with a fault raised
 */
bool cop_block_build (CopBlockCache *cache, CopBlock *block, uint64_t pc, uint64_t gpa,
                      const uint8_t *bytes, unsigned max_insns, bool divided);
