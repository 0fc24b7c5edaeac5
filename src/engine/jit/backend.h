/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a host back end gives the JIT: thunks to get in and out of translated code, and a lowering of
 * units. x86/ is the first; another host joins by exporting a table of these.
 */
#pragma once

#include "engine/jit/ir.h"
#include "engine/riscv/hart.h"

/* Why translated code returned, in the low byte; see each for the rest. */
typedef enum
{
  COP_JIT_EXIT_PC,              /* jit.exit_pc is where to go on */
  COP_JIT_EXIT_LINK,            /* the same, by a jump that may be linked: jit.exit_info its number */
  COP_JIT_EXIT_FAULT,           /* an exception is raised at jit.exit_info's place */
  COP_JIT_EXIT_SYSTEM,          /* jit.exit_bits is a SYSTEM instruction there, see jit.system() */
  COP_JIT_EXIT_INTERPRET,       /* the instruction there is the interpreter's */
  COP_JIT_EXIT_BLOCK,           /* the rest of the block from there is the interpreter's */
} CopJitExit;

/* A place in a block: offset from the page, and how many instructions of the block are not done. */
#define COP_JIT_PLACE(offset, left) ((uint16_t) (offset) | (uint32_t) (left) << 16)
#define COP_JIT_PLACE_OFFSET(place) ((int16_t) (uint16_t) (place))
#define COP_JIT_PLACE_LEFT(place) ((place) >> 16)

/* What lowering says of each block. Offsets are from the start of the unit's code. */
typedef struct
{
  int16_t  offset;              /* of the guest block, on the unit's own page */
  uint32_t entry;               /* eight-byte aligned */
  uint32_t bounce;              /* leaves with COP_JIT_EXIT_PC at the block's start */
} CopJitBlockCode;

/* A jump to a block that is not in the unit. On the page it comes from or the unit's own, the unit says
   where it leads. To other pages, it leads to what was there when it was first gone; code looks into
   hart.fars whether that is so. */
typedef struct
{
  int16_t  offset;              /* of the block it leads to, in the unit's window */
  uint32_t site;                /* of the jump's displacement */
  uint32_t stub;                /* where the jump leads while it is not linked */
  uint32_t number_at;           /* of the link's number, in the stub */
  bool     is_far;              /* to another page: offset says nothing */
  uint32_t key_at, page_at;     /* of operands that are to be members of one of hart.fars */
  uint32_t far_at;              /* of its number */
  uint32_t miss_at;             /* of the displacement of the jump for when the hart's says otherwise */
} CopJitLinkCode;

typedef struct
{
  GArray *blocks;               /* (element-type CopJitBlockCode) */
  GArray *links;                /* (element-type CopJitLinkCode) */
  unsigned n_strips;            /* loops that there is a version of without checks */
} CopJitCode;

typedef struct CopJitBackend CopJitBackend;

/* A back end holds the unit it is lowering: each thread that lowers has its own. */
typedef struct
{
  const char *name;
  /* Writes the thunks to @place, which executes at @exec; returns their size, or 0: no room. */
  size_t        (*write_thunks) (CopJitBackend *backend, uint8_t *place, const uint8_t *exec,
                                 size_t room);
  /* @like: (nullable): another back end that knows where the thunks are; nobody uses it now. */
  CopJitBackend *(*create)  (const CopJitBackend *like);
  void          (*destroy) (CopJitBackend *backend);
  /* Lowers @unit into the back end's buffer; returns the size of the code, or 0: a tree is too large.
     It can do any unit that was translated plainly. */
  size_t        (*lower)   (CopJitBackend *backend, const CopIrUnit *unit, CopJitCode *code);
  /* Moves what was lowered to @place. */
  void          (*install) (CopJitBackend *backend, uint8_t *place, const uint8_t *exec);
  /* Enters translated code; s is whole before and after but for pc and instret. */
  CopJitExit    (*enter)   (CopJitBackend *backend, CopHart *hart, const void *code);
  /* Lets the jump to another page at @unit's @link use number @far of hart.fars. Before it runs. */
  void          (*set_far) (uint8_t *unit, const CopJitLinkCode *link, uint32_t far);
  /* Lets it be one that always goes by the jump table, while other threads may run through it. */
  void          (*give_far_up) (CopJitBackend *backend, uint8_t *miss, const uint8_t *miss_exec);
  /* Changes where a jump leads, while other threads may run through it. */
  void          (*set_link) (uint8_t *site, const uint8_t *site_exec, const void *target);
  /* Makes the instruction at @site, which has five bytes or more and can be written over, a jump, or
     one of five bytes that does nothing if that would lead behind it; likewise. */
  void          (*set_jump) (uint8_t *site, const uint8_t *site_exec, const void *target);
  /* Makes a block's entry lead to its bounce, likewise. */
  void          (*close_entry) (uint8_t *entry, const uint8_t *entry_exec, const void *bounce);
} CopJitBackendOps;

/* Returns: NULL on hosts without one */
const CopJitBackendOps *cop_jit_backend (void);
