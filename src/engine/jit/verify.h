/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lockstep of translated code and interpreter, for finding what the JIT does wrong.
 *
 *   begin   keep s; no page has a write entry, so the first store to each is seen and the page kept
 *   ...     translated code runs n instructions
 *   end     put memory and a second hart back to where it began, interpret n instructions, compare
 *
 * The second hart has TLBs and decoded blocks of its own: it shares nothing with the first but
 * memory. What reached a device cannot be done twice and is not compared. Other threads that write
 * to guest memory at the same time may make a difference that is nobody's fault: one that is gone
 * when the stretch runs again, after such a write, is forgiven. One hart at a time.
 */
#pragma once

#include "engine/interp/block.h"
#include "engine/riscv/hart.h"

typedef struct CopJitVerify CopJitVerify;

/* Runs translated code from s.pc for at most @fuel instructions; leaves s whole at the place where
   the code left. Returns: whether an exception is raised there */
typedef bool (*CopJitVerifyRun) (gpointer data, CopHart *hart, uint64_t fuel);

/* Appends what is known of the code at @pc: intermediate form, host code. */
typedef void (*CopJitVerifyDescribe) (gpointer data, CopHart *hart, uint64_t pc, GString *report);

CopJitVerify *cop_jit_verify_new (CopHart *hart);
void cop_jit_verify_free (CopJitVerify *verify);

/**
 * cop_jit_verify_run:
 * Runs @hart by @run and compares.
 *
 * @faulted: (out): what @run returned
 *
 * Returns: (transfer full) (nullable): NULL when both agree; otherwise a report: both states, the
 *   difference, guest code, and what @describe adds
 */
char *cop_jit_verify_run (CopJitVerify *verify, CopHart *hart, uint64_t fuel, CopJitVerifyRun run,
                          CopJitVerifyDescribe describe, gpointer data, bool *faulted);

/* Code of [gpa, gpa + length) has changed. */
void cop_jit_verify_drop_code (CopJitVerify *verify, uint64_t gpa, uint64_t length);

/* Instructions that were compared, and those that could not be. */
void cop_jit_verify_stats (const CopJitVerify *verify, uint64_t *compared, uint64_t *skipped);
