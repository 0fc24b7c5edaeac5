/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is remembered of translations for people: profiles, dumps, perf. There is none unless one of
 * them is wanted.
 *
 *   code memory   | unit | unit |   | unit | ...
 *   samples       counts of CopSampler, one per 64 bytes
 *   owner         which unit these 64 bytes belong to now
 */
#pragma once

#include "engine/engine.h"
#include "engine/jit/ir.h"

typedef struct CopJitRecord CopJitRecord;

/**
 * cop_jit_record_new:
 * @exec: where code executes, @size bytes
 *
 * Returns: (nullable): NULL when @config wants nothing of the kind
 */
CopJitRecord *cop_jit_record_new (const CopEngineConfig *config, CopRam *ram, CopIsa isa,
                                  const uint8_t *exec, size_t size);
void cop_jit_record_free (CopJitRecord *record);

/* The counters for CopEngine.samples. */
uint32_t *cop_jit_record_samples (CopJitRecord *record);

/* @ir was installed as @size bytes at @offset of the code memory, to be read at @bytes. One thread at
   a time. */
void cop_jit_record_add (CopJitRecord *record, const CopIrUnit *ir, size_t offset,
                         const uint8_t *bytes, size_t size);

/* Calls @func for each unit there ever was, in the order of their making. */
void cop_jit_record_each (CopJitRecord *record, CopCodeUnitFunc func, gpointer data);
