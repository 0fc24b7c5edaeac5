/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The door to the execution engines. Interpreter, JIT and hybrid each export one ops table; all
 * share the hart state, so an engine may be changed between any two instructions.
 */
#pragma once

#include "engine/riscv/hart.h"

typedef enum
{
  COP_RUN_LIMIT,                /* s.instret reached the limit */
  COP_RUN_STOP,                 /* COP_PENDING_STOP */
  COP_RUN_WFI,                  /* the hart waits: s.waiting is set, pc is after the wfi */
  COP_RUN_BREAKPOINT,           /* at a debugger's breakpoint, before the instruction */
  COP_RUN_DIFFERENT,            /* CopEngineConfig.verify found a difference */
} CopRunResult;

typedef struct CopIrUnit CopIrUnit;

/* What a hart's thread is at, as it says itself in CopHart.tier: for sampler.h. */
typedef enum
{
  COP_TIER_OTHER,               /* devices, SBI, going to sleep */
  COP_TIER_INTERPRETER,         /* and what it calls; dispatch */
  COP_TIER_TRANSLATOR,
  COP_TIER_HELPER,              /* what translated code calls: TLB misses, floating point in C */
  COP_TIER_CODE,                /* translated code itself: told by the host's pc */
  COP_TIER_LAST,
} CopTier;

/* Bytes of host code that are counted together. */
#define COP_SAMPLE_SHIFT 6

/* A piece of translated code, for people to look at. */
typedef struct
{
  uint64_t       gpa, gva;      /* where it begins; gva when it was made: others may map it too */
  uint32_t       mode;          /* COP_MODE_* */
  uint32_t       n_blocks, n_insns, n_accesses; /* of guest code; loads, stores and atomics */
  bool           optimised;     /* made of what was found to be hot */
  uint64_t       samples;       /* times it was found running, with CopEngineConfig.sample */
  const uint8_t *exec;          /* where it executes, or did, for @size bytes */
  size_t         size;
  /* With CopEngineConfig.keep_code: (nullable): */
  const char    *guest, *ir;    /* lines of text */
  const uint8_t *bytes;         /* the code as it was made */
} CopCodeUnit;

typedef void (*CopCodeUnitFunc) (gpointer data, const CopCodeUnit *unit);

typedef struct
{
  uint64_t jit_cache_size;      /* bytes of host code at most; 0: the default */
  /* Translated code runs in lockstep with the interpreter. At the first difference @differs is told
     and the hart stops for good. One hart only. */
  bool     verify;
  void   (*differs) (gpointer data, const char *report);
  gpointer differs_data;
  /* (nullable): for tests: may spoil what was translated, before it is lowered; on any
     thread. */
  void   (*translated) (CopIrUnit *unit);
  bool     background;          /* a thread of its own may translate while harts go on */
  /* Times that a block must be found running before what is around it is translated once more; 0:
     the default. */
  uint32_t hot_samples;
  bool     sample;              /* look now and then where time goes: see sampler.h */
  bool     keep_code;           /* keep what each translation was made of */
  /* (nullable): told of each translation, on any thread, one at a time */
  CopCodeUnitFunc installed;
  gpointer installed_data;
} CopEngineConfig;

/* One figure of an engine's or hart's statistics. */
typedef void (*CopStatsFunc) (gpointer data, const char *name, uint64_t value);

typedef struct
{
  const char *name;

  /* An engine for all harts of one machine. */
  CopEngine *(*create)  (CopMachine *machine, CopRam *ram, const CopEngineConfig *config,
                         GError **error);
  void       (*destroy) (CopEngine *engine);

  /* Per hart, on any thread, before its first and after its last run(). */
  void       (*attach)  (CopEngine *engine, CopHart *hart);
  void       (*detach)  (CopEngine *engine, CopHart *hart);

  /* Runs on the calling thread, taking traps and interrupts, until s.instret has reached @limit
     exactly or something else ends it. s is whole when it returns. */
  CopRunResult (*run)   (CopEngine *engine, CopHart *hart, uint64_t limit);

  /* Between runs: the state as values. */
  void       (*get_vcpu_state) (CopEngine *engine, CopHart *hart, CopHartState *state);
  void       (*set_vcpu_state) (CopEngine *engine, CopHart *hart, const CopHartState *state);

  /* The bytes of [gpa, gpa + length) changed: code made of them must not be entered again once
     each hart has passed its next fence.i. On any thread. */
  void       (*invalidate) (CopEngine *engine, uint64_t gpa, uint64_t length);

  /* Forgets all code. No hart is in run(). */
  void       (*flush)   (CopEngine *engine);

  /* Part of a hart's answer to COP_REQUEST_DROP_CODE: on its own thread. */
  void       (*drop_code) (CopEngine *engine, CopHart *hart, uint64_t gpa, uint64_t length);

  void       (*stats)   (CopEngine *engine, CopStatsFunc func, gpointer data);

  /* (nullable): calls @func for each piece of code that was translated, while no hart is in run().
     There are none unless the config asks for something of the kind. */
  void       (*each_unit) (CopEngine *engine, CopCodeUnitFunc func, gpointer data);
} CopEngineOps;

struct CopEngine
{
  const CopEngineOps *ops;
  CopMachine         *machine;  /* (unowned) (nullable) in tests of the engine alone */
  CopRam             *ram;      /* (unowned) */
  /* Of translators, for sampler.h: where code executes, and a count per piece of it. */
  const uint8_t      *code;     /* (unowned) (nullable) */
  size_t              code_size;
  uint32_t           *samples;  /* (unowned) (nullable) */
};

extern const CopEngineOps cop_interp_ops;

/* NULL-terminated, best first. */
extern const CopEngineOps *const cop_engines[];

/* Returns: (nullable): the engine called @name; NULL for @name means the default */
const CopEngineOps *cop_engine_find (const char *name);
