/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The thread that translates while harts go on.
 *
 *   harts --push--> queue of each kind --> one thread: work (job) --> the code cache, under its
 * lock
 *
 * A job is a key, not a pointer: a place in guest memory and a mode. By the time it is done the
 * code there may have changed, or may be translated already; whoever does it looks again. Nobody is
 * told when it is done: what was made is found where translated code is found anyway.
 */
#pragma once

#include "engine/riscv/isa.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* In the order they are done: a job waits while there is one of a kind before its own. */
typedef enum
{
  COP_JIT_JOB_TRANSLATE, /* code that has become warm: its hart interprets it meanwhile */
  COP_JIT_JOB_OPTIMISE,  /* code that has become hot: what there is of it runs meanwhile */
  COP_JIT_JOB_LAST,
} CopJitJobKind;

typedef struct
{
  CopJitJobKind kind;
  CopIsa isa; /* of the hart that asks */
  uint32_t mode; /* COP_MODE_* */
  uint64_t gpa; /* where a block begins */
  uint64_t gva; /* the same, when the job was made: for people */
  uint64_t near_gpa[2]; /* of the pages before and behind in the hart's view; 0: unknown */
} CopJitJob;

/* Does one job; on the background thread. It may wait for harts to answer requests: no hart ever
   waits for a job. */
typedef void (*CopJitWork) (gpointer data, const CopJitJob *job);

typedef struct CopJitBackground CopJitBackground;

/* The thread itself begins with the first job. */
CopJitBackground *cop_jit_background_new (CopJitWork work, gpointer data);

/* Waits for the job in work; forgets the others. */
void cop_jit_background_free (CopJitBackground *background);

/**
 * cop_jit_background_push:
 * Queues a copy of @job, unless the same place and mode is queued for the same kind; on any thread.
 * Takes a lock that nobody holds for long.
 *
 * Returns: false when there is no thread, or the queue is full: do it here, or ask again later
 */
bool cop_jit_background_push (CopJitBackground *background, const CopJitJob *job);

/**
 * cop_jit_background_drain:
 * Forgets what is queued and waits until the job in work is done. Harts must be parked, or answer
 * requests meanwhile. For who changes guest memory, breakpoints or the code cache as a whole.
 */
void cop_jit_background_drain (CopJitBackground *background);
