/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the translator share: how far it is in a unit, a block and an instruction.
 */
#pragma once

#include "engine/jit/translate.h"

typedef struct
{
  CopIrUnit     *unit;
  const CopTranslateSource *source;
  int            watched;       /* what stands before this offset in the block is watched */
  CopIrBlock     block;

  CopInsn        insn;
  uint16_t       effects;
  int16_t        offset;        /* of insn from the page's start */
  uint8_t        number;        /* of insn in the block */

  CopIrRef       known[32];     /* a constant or IR_PC node, or IR_NONE */
  bool           sext32[32];
  CopIrRef       merge;         /* value of the statement before, to be merged into this one */
  uint8_t        merge_reg;
  bool           uses_spans;
  bool           dirty;         /* FS is known to be Dirty */
} CopTranslator;

/* Returns: (unowned): a new statement of t->insn, until the next is added */
CopIrStatement *cop_translator_add (CopTranslator *t, CopIrStatementKind kind, CopIrRef a,
                                    CopIrRef b, uint64_t imm);

/* Returns: (nullable): the last statement of t->block so far */
CopIrStatement *cop_translator_last (CopTranslator *t);

/* Adds the statements of t->insn. Returns: whether the block may go on behind it */
bool cop_translate_insn (CopTranslator *t);
