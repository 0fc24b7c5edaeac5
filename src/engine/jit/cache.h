/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The code cache: translated units, found by physical address and mode, shared by all harts.
 *
 *   memory   | thunks | segment | segment | ... |    one memory, mapped twice: written, executed
 *   index    (gpa, mode) --> entry of a block, and its unit: index.h
 *   pages    gpa page --> units made from it, for invalidation
 *
 * A unit that is invalidated is closed: its blocks' entries bounce, jumps that were linked to them
 * lead to their stubs again, and no look-up finds it. Its memory is used again when its segment is
 * evicted, after every hart has left translated code and cleared its jump table.
 */
#pragma once

#include "engine/jit/backend.h"
#include "engine/jit/record.h"
#include "engine/jit/index.h"

typedef struct
{
  CopJitUnit *from, *to;        /* (unowned); to NULL: not linked */
  uint32_t    site, stub;       /* offsets in the code memory */
  uint64_t    gpa;              /* of the target; COP_JIT_NO_GPA: of a far jump, not known yet */
  uint32_t    far;              /* which of hart.fars says whether it leads there; 0: none */
  uint32_t    miss;             /* offset in the code memory: see CopJitLinkCode */
  uint32_t    n_misses;         /* times it was to lead elsewhere */
} CopJitLink;

#define COP_JIT_NO_GPA UINT64_MAX

/* A unit among those that were made from a page. */
typedef struct CopJitUse CopJitUse;
struct CopJitUse
{
  CopIrExtent  extent;
  CopJitUnit  *unit;            /* (unowned): whose this is */
  CopJitUse   *next;
};

struct CopJitUnit
{
  uint64_t     gpa;             /* of the page */
  uint32_t     mode;
  uint32_t     code, size;      /* offset in the code memory; bytes */
  unsigned     segment;
  bool         closed;
  bool         optimised;       /* its blocks are nobody else's */
  CopJitBlockCode *blocks;      /* (owned) */
  unsigned     n_blocks;
  uint32_t    *links;           /* (owned): numbers of its own jumps */
  unsigned     n_links;
  GArray      *incoming;        /* (element-type uint32_t) (nullable): links that lead here */
  CopJitUse    uses[COP_IR_EXTENTS];
  unsigned     n_uses;
};

/* An entry that leads elsewhere since its block was superseded. */
typedef struct
{
  const void *from, *to;
} CopJitMove;

/* What one thread lowers units with, outside of the cache's lock. */
typedef struct
{
  const CopJitBackendOps *ops;
  CopJitBackend *backend;       /* (owned) */
  CopJitCode     code;          /* of the unit lowered last */
  size_t         size;          /* bytes of it */
} CopJitLowerer;

#define COP_JIT_SEGMENTS 8
#define COP_JIT_PAGES 16384

typedef struct
{
  const CopJitBackendOps *ops;
  CopJitBackend *backend;       /* (owned): knows the thunks; lowers nothing */
  GMutex       lock;            /* guards all below, and code memory against other writers */
  uint8_t     *rw, *exec;       /* (owned): the two mappings */
  size_t       size;
  size_t       thunks;          /* bytes at the start */
  size_t       segment_size;
  unsigned     segment;         /* the one being filled */
  size_t       used;            /* of it */
  size_t       settled;         /* of it: pages that were let go of behind what is written */
  bool         evicting;
  GPtrArray   *units[COP_JIT_SEGMENTS]; /* (element-type CopJitUnit) (owned) */
  GArray      *links;           /* (element-type CopJitLink): by number */
  GArray      *free_links;      /* (element-type uint32_t): numbers to use again */
  uint32_t    *fars;            /* (owned): numbers of links, by those of hart.fars, from 1 */
  GArray      *free_fars;       /* (element-type uint32_t): those to use again */
  uint32_t     n_fars;          /* atomic: those that were ever used are below this */
  CopJitIndex  index;           /* looked into without the lock */
  CopJitUse   **pages;          /* (owned): by a hash of the page */
  uint32_t    *page_changes;    /* (owned) (element-type atomic): invalidations by page */
  uint32_t     changes;         /* atomic: of all pages */
  GArray      *moved;           /* (element-type CopJitMove): the last ones, or none since an eviction */
  uint32_t     n_moved;         /* atomic: there ever were */
  CopJitRecord *record;         /* (owned) (nullable): for people */
  uint64_t     n_units, n_blocks, n_insns, n_bytes, n_closed, n_evictions, n_linked;
  uint64_t     n_ranges_given_up;
  uint64_t     n_loops, n_loops_given_up;       /* without checks of memory: see strips.h */
  uint64_t     n_optimised, n_superseded;       /* units; blocks that others were made of */
  uint64_t     n_fars_linked, n_fars_given_up;
} CopJitCache;

/**
 * cop_jit_cache_new:
 * @size: bytes of host code at most; 0: the default
 *
 * Errors: %G_IO_ERROR when the memory cannot be had, or this host has no back end.
 */
CopJitCache *cop_jit_cache_new (size_t size, GError **error);
void cop_jit_cache_free (CopJitCache *cache);

/* How often code was invalidated until now: read before the bytes of a unit are. */
typedef struct
{
  uint64_t gpa[3];              /* of a unit's page, and those before and behind; 0: not known */
  uint32_t page[3];             /* of those, and of pages that share a slot with them */
  uint32_t all;                 /* of all pages */
} CopJitChanges;

CopJitChanges cop_jit_cache_changes (const CopJitCache *cache, uint64_t gpa,
                                     const uint64_t near_gpa[2]);

/* Returns: (nullable): entry of the translation at @gpa for @mode. No lock. */
static inline const void *
cop_jit_cache_find (const CopJitCache *cache, uint64_t gpa, uint32_t mode)
{
  return cop_jit_index_find (&cache->index, gpa, mode);
}

/* Whether what find() leads to is part of an optimised unit. The lock is held. */
bool cop_jit_cache_is_optimised (const CopJitCache *cache, uint64_t gpa, uint32_t mode);

/**
 * cop_jit_cache_keep:
 * @unit: an optimised one, not lowered yet
 *
 * When @unit would be what there is, for one unit has all of its blocks, that unit is optimised from
 * now on. The lock is held.
 *
 * Returns: whether it is
 */
bool cop_jit_cache_keep (CopJitCache *cache, const CopIrUnit *unit);

CopJitLowerer *cop_jit_lowerer_new (const CopJitCache *cache);
void cop_jit_lowerer_free (CopJitLowerer *lowerer);

/* Makes host code of @unit, which waits in @lowerer to be installed. Returns: whether it could, which
   it can for each that was translated plainly */
bool cop_jit_lower (CopJitLowerer *lowerer, const CopIrUnit *unit);

/* All of these take the lock, or say that the caller holds it. */

/**
 * cop_jit_cache_add:
 * Installs what @lowerer has made of @unit. Blocks that have a translation keep it, unless @unit is
 * optimised: then those that are not are closed, and whoever comes to them finds its own. The lock is
 * held.
 *
 * Returns: false when the current segment has no room: see cop_jit_cache_begin_eviction()
 */
bool cop_jit_cache_add (CopJitCache *cache, CopJitLowerer *lowerer, const CopIrUnit *unit);

/**
 * cop_jit_cache_moves:
 * @seen: (inout): what of n_moved the caller knew, and knows now
 *
 * Returns: (transfer full) (nullable): moves since; NULL when that is not known any more
 */
GArray *cop_jit_cache_moves (CopJitCache *cache, uint32_t *seen);

/* Lets jump number @number lead to its target's translation, if there is one by now. */
void cop_jit_cache_link (CopJitCache *cache, uint32_t number);

/**
 * cop_jit_cache_link_far:
 * @far: which of hart.fars a jump to another page looks into
 * @gpa: where it is to lead now
 *
 * Links the jump, if it is not known yet where it leads, or it is there. One that too often is to lead
 * elsewhere, as for a process that has something else on the page, goes by the jump table from now on.
 *
 * Returns: whether it leads there
 */
bool cop_jit_cache_link_far (CopJitCache *cache, uint32_t far, uint64_t gpa);

/* Appends the host code of the unit with a block at @gpa, if there is one, in hexadecimal. */
void cop_jit_cache_dump (CopJitCache *cache, uint64_t gpa, uint32_t mode, GString *text);

/**
 * cop_jit_cache_is_current:
 * @before: what cop_jit_cache_changes() said before the bytes of @unit were read
 *
 * That lines are watched is not enough: they may have been written, and watched again by a hart that
 * decoded the new bytes. The lock is held.
 *
 * Returns: whether nothing of @unit was invalidated since
 */
bool cop_jit_cache_is_current (const CopJitCache *cache, const CopIrUnit *unit,
                               const CopJitChanges *before);

/* Lets the instruction at @site of the code memory be a jump to @target. @is_loop: for statistics, as
   in CopHartJit.divert */
void cop_jit_cache_divert (CopJitCache *cache, const uint8_t *site, const uint8_t *target,
                           bool is_loop);

/* Closes units made from bytes of [gpa, gpa + length). */
void cop_jit_cache_invalidate (CopJitCache *cache, uint64_t gpa, uint64_t length);

/**
 * cop_jit_cache_begin_eviction:
 * Closes all units of the next segment. The caller then sees to it that each hart has left
 * translated code and cleared its jump table, and calls cop_jit_cache_end_eviction().
 *
 * Returns: false when another thread is at it
 */
bool cop_jit_cache_begin_eviction (CopJitCache *cache);
void cop_jit_cache_end_eviction (CopJitCache *cache);

/* Closes everything at once; no hart is in translated code. */
void cop_jit_cache_flush (CopJitCache *cache);
