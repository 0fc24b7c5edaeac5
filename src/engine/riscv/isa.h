/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a hart has: extensions and options, one table for --cpu, the device tree and the decoder.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define COP_ISA_TABLE(EXT)                                                                        \
  /*   id            name            in riscv,isa  on by default  needs                        */ \
  EXT (I,            "i",            true,         true,          0)                              \
  EXT (M,            "m",            true,         true,          0)                              \
  EXT (A,            "a",            true,         true,          0)                              \
  EXT (F,            "f",            true,         true,          COP_ISA (ZICSR))                \
  EXT (D,            "d",            true,         true,          COP_ISA (F))                    \
  EXT (C,            "c",            true,         true,          0)                              \
  EXT (ZICBOM,       "zicbom",       true,         true,          0)                              \
  EXT (ZICBOP,       "zicbop",       true,         true,          0)                              \
  EXT (ZICBOZ,       "zicboz",       true,         true,          0)                              \
  EXT (ZICNTR,       "zicntr",       true,         true,          COP_ISA (ZICSR))                \
  EXT (ZICOND,       "zicond",       true,         true,          0)                              \
  EXT (ZICSR,        "zicsr",        true,         true,          0)                              \
  EXT (ZIFENCEI,     "zifencei",     true,         true,          0)                              \
  EXT (ZIHINTPAUSE,  "zihintpause",  true,         true,          0)                              \
  EXT (ZIHPM,        "zihpm",        true,         true,          COP_ISA (ZICSR))                \
  EXT (ZAWRS,        "zawrs",        true,         true,          COP_ISA (A))                    \
  EXT (ZFHMIN,       "zfhmin",       true,         true,          COP_ISA (F))                    \
  EXT (ZBA,          "zba",          true,         true,          0)                              \
  EXT (ZBB,          "zbb",          true,         true,          0)                              \
  EXT (ZBC,          "zbc",          true,         true,          0)                              \
  EXT (ZBS,          "zbs",          true,         true,          0)                              \
  EXT (SSCOFPMF,     "sscofpmf",     true,         true,          COP_ISA (ZIHPM))                \
  EXT (SSTC,         "sstc",         true,         true,          COP_ISA (S))                    \
  EXT (SVADU,        "svadu",        true,         true,          COP_ISA (S))                    \
  EXT (SVINVAL,      "svinval",      true,         true,          COP_ISA (S))                    \
  EXT (SVNAPOT,      "svnapot",      true,         true,          COP_ISA (S))                    \
  EXT (SVPBMT,       "svpbmt",       true,         true,          COP_ISA (S))                    \
  EXT (SVVPTC,       "svvptc",       true,         true,          COP_ISA (S))                    \
  /* Not in riscv,isa: modes, and widths of the virtual address. */                               \
  EXT (S,            "s",            false,        true,          COP_ISA (U))                    \
  EXT (U,            "u",            false,        true,          0)                              \
  EXT (SV39,         "sv39",         false,        true,          COP_ISA (S))                    \
  EXT (SV48,         "sv48",         false,        true,          COP_ISA (SV39))                 \
  EXT (SV57,         "sv57",         false,        true,          COP_ISA (SV48))
/* clang-format on */

typedef enum
{
#define EXT(id, ...) COP_ISA_##id,
  COP_ISA_TABLE (EXT)
#undef EXT
  COP_ISA_LAST,
} CopIsaExtension;

#define COP_ISA(id) (UINT64_C (1) << COP_ISA_##id)

/* A set of extensions, a bit each. */
typedef uint64_t CopIsa;

typedef struct
{
  const char *name;
  bool        in_string;        /* stands in the device tree's riscv,isa */
  bool        by_default;
  CopIsa      needs;
} CopIsaRow;

extern const CopIsaRow cop_isa_table[COP_ISA_LAST];

/* All extensions that are on unless switched off. */
CopIsa cop_isa_default (void);

/**
 * cop_isa_parse:
 * @text: changes to the default, such as "zba=off,sv57=off", or "rv64gc,zba=on" starting from a
 *   base; see docs/cpu.md
 * @isa: (out): set on success only
 *
 * Errors name the extension and what is missing for it.
 */
bool cop_isa_parse (const char *text, CopIsa *isa, GError **error);

/* Returns: (transfer full): the device tree's riscv,isa, such as "rv64imafdc_zicbom_..." */
char *cop_isa_string (CopIsa isa);
