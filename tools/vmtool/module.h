/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The half of vmtool that is loaded when it is needed: see main.c.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

#define VMT_MODULE_FILE "vmtool-commands.so"
#define VMT_MODULE_SYMBOL "vmt_module"

/* What the module offers, as the symbol VMT_MODULE_SYMBOL. It comes from the same build, always. */
typedef struct
{
  const char *version;
  int (*main) (int argc, char **argv);
  void (*host_disassemble) (const uint8_t *bytes, size_t size, uint64_t address, GString *text);
} VmtModule;

/* Loads the module, once. Returns: (nullable): NULL when that is not possible; a message says why
 */
const VmtModule *vmt_module_load (void);
