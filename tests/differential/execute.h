/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Executors of a program: each of our engines, and QEMU's user-mode emulation as the independent one.
 */
#pragma once

#include "program.h"

#include "engine/engine.h"

/* Runs @program on one of our engines. Returns: (transfer full): its data area afterwards; NULL when
   it did not come to its end */
uint8_t *execute_engine (const Program *program, const CopEngineOps *engine);

/* Whether a qemu-riscv64 that knows Zfhmin is here. */
bool execute_qemu_available (void);

/**
 * execute_qemu:
 * Returns: (transfer full): the data area afterwards
 *
 * Errors: %G_SPAWN_ERROR, %G_FILE_ERROR, or %G_IO_ERROR_FAILED when it ended otherwise than it should
 */
uint8_t *execute_qemu (const Program *program, GError **error);
