/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From guest bytes to the intermediate form: finds the blocks of a unit, reads and watches their
 * instructions, and gives accesses off one register a common span. What an instruction means is in
 * translate-insn.c.
 */
#include "engine/jit/translate-private.h"

#include "engine/jit/forward.h"
#include "engine/riscv/mmu.h"

#define OFFSET_MASK (COP_PAGE_SIZE - 1)

/* --- spans ------------------------------------------------------------------------------------ */

#define SPAN_BYTES 1024

/* Gives accesses of the block off one value of one register a common span. */
static void
find_spans (CopTranslator *t)
{
  CopIrUnit *unit = t->unit;
  int current[32];

  for (unsigned i = 0; i < 32; i++)
    current[i] = -1;
  for (unsigned i = 0; i < t->block.n; i++)
    {
      CopIrStatement *statement =
        &g_array_index (unit->statements, CopIrStatement, t->block.first + i);
      CopIrRef gva;
      unsigned size, base;
      int64_t offset;
      bool writes;

      if (!statement->is_last && cop_ir_find_plain_access (unit, statement, &gva, &size, &writes) &&
          cop_ir_split_address (unit, gva, &base, &offset) && offset >= -2048 && offset < 2048)
        {
          CopIrSpan *span = current[base] < 0
                              ? NULL
                              : &g_array_index (unit->spans, CopIrSpan, current[base]);
          int64_t end = offset + size;

          if (span == NULL ||
              MAX (span->high, end) - MIN (span->low, offset) > SPAN_BYTES)
            {
              CopIrSpan fresh = { .base = base, .low = offset, .high = end };

              g_array_append_val (unit->spans, fresh);
              current[base] = unit->spans->len - 1;
              span = &g_array_index (unit->spans, CopIrSpan, current[base]);
            }
          span->low = MIN (span->low, offset);
          span->high = MAX (span->high, end);
          span->writes |= writes;
          span->n_accesses++;
          statement->span = current[base];
        }
      if (statement->kind == IR_SETX)
        current[statement->reg] = -1;
    }

  /* A span of one access is that access. */
  for (unsigned i = 0; i < t->block.n; i++)
    {
      CopIrStatement *statement =
        &g_array_index (unit->statements, CopIrStatement, t->block.first + i);

      if (statement->span != IR_NO_SPAN &&
          g_array_index (unit->spans, CopIrSpan, statement->span).n_accesses < 2)
        statement->span = IR_NO_SPAN;
    }
}

/* --- blocks and units -------------------------------------------------------------------------- */

typedef struct
{
  int16_t  offsets[COP_UNIT_MAX_BLOCKS];
  unsigned n;
  int16_t  calls[COP_UNIT_MAX_BLOCKS];          /* what is called, for when there is nothing else */
  unsigned n_calls;
  uint64_t starts[COP_IR_WINDOW / 2 / 64];      /* a bit per halfword: some block starts there */
  uint64_t gpa;                                 /* of the page */
  const CopTranslateSource *source;
} WorkList;

static unsigned
start_bit (int offset)
{
  return (unsigned) (offset - COP_IR_FIRST) / 2;
}

static bool
is_start (const WorkList *list, int offset)
{
  unsigned bit = start_bit (offset);

  return list->starts[bit / 64] >> bit % 64 & 1;
}

/* Where the page of an offset in the window starts in the host's memory. (nullable): not known */
static const uint8_t *
page_at (const CopTranslateSource *source, int offset)
{
  int page = cop_ir_page_of (offset);

  if (page == 0)
    return source->page;
  return source->near[page > 0].gpa != 0 ? source->near[page > 0].page : NULL;
}

static void
add_work (WorkList *list, int64_t offset)
{
  const CopTranslateSource *source = list->source;

  /* What may reach behind the window is left out. */
  if (offset < COP_IR_FIRST || offset >= COP_IR_END - 2 || (offset & 1) ||
      list->n == COP_UNIT_MAX_BLOCKS || page_at (source, (int) offset) == NULL ||
      is_start (list, (int) offset))
    return;
  if (list->n > 0 && cop_ir_page_of (offset) == 0 &&
      (source->is_translated == NULL ||
       source->is_translated (source->data, list->gpa + (uint64_t) offset)))
    return;
  list->starts[start_bit ((int) offset) / 64] |= UINT64_C (1) << start_bit ((int) offset) % 64;
  list->offsets[list->n++] = (int16_t) offset;
}

/* The same, if somebody has been there. */
static void
add_if_trodden (WorkList *list, int64_t offset)
{
  const CopTranslateSource *source = list->source;

  if (source->trail == NULL || cop_ir_page_of (offset) != 0 ||
      cop_trail_has (source->trail, list->gpa + (uint64_t) offset))
    add_work (list, offset);
}

/* The second half of the instruction at the page's end. False: it cannot be had now. */
static bool
read_next_page (CopTranslator *t, uint16_t *high)
{
  const CopTranslateSource *source = t->source;
  uint64_t gpa;
  const uint8_t *bytes = source->next_page (source->data, t->unit->gva + COP_PAGE_SIZE, &gpa);

  if (bytes == NULL)
    return false;
  source->watch (source->data, gpa, sizeof *high);
  *high = cop_ram_code_at (bytes);
  t->unit->next_gpa = gpa;
  cop_translator_add (t, IR_CHECK_NEXT_PAGE, IR_NONE, IR_NONE, (uint64_t) (uintptr_t) bytes);
  return true;
}

/* Watches the lines that begin in [t->watched, offset + 4), on one page. */
static void
watch (CopTranslator *t, int offset)
{
  const int line = 1 << COP_CODE_LINE_SHIFT;
  int end = MIN (offset + 4, (cop_ir_page_of (offset) + 1) * (int) COP_PAGE_SIZE);

  if (end <= t->watched)
    return;
  t->source->watch (t->source->data, cop_ir_gpa (t->unit, offset), (uint64_t) (end - offset));
  t->watched = (end + line - 1) & -line;
}

/* The second half of an instruction, on the page behind that of its first half. False: it cannot be
   had now. */
static bool
read_high (CopTranslator *t, int offset, uint16_t *high)
{
  if (cop_ir_page_of (offset) == 1)
    return read_next_page (t, high);
  watch (t, offset);
  *high = cop_ram_code_at (page_at (t->source, offset));
  return true;
}

/* The instruction at @offset; false when it is left to the interpreter. */
static bool
read_insn (CopTranslator *t, int offset)
{
  const uint8_t *page = page_at (t->source, offset);
  unsigned at = (unsigned) offset & OFFSET_MASK;
  uint16_t low, high = 0;

  watch (t, offset);
  low = cop_ram_code_at (page + at);
  if ((low & 3) == 3)
    {
      if (at + 4 <= COP_PAGE_SIZE)
        high = cop_ram_code_at (page + at + 2);
      else if (!read_high (t, offset + 2, &high))
        return false;
    }
  cop_insn_decode (low | (uint32_t) high << 16, t->source->isa, &t->insn);
  return true;
}

/* Whether a block may go on at @offset, on whose page it started. */
static bool
may_go_on (const WorkList *list, int start, int offset)
{
  return cop_ir_page_of (offset) == cop_ir_page_of (start) && offset < COP_IR_END - 2 &&
         !is_start (list, offset);
}

static void
translate_block (CopTranslator *t, WorkList *list, int start)
{
  int offset = start;
  bool more = true;

  t->block = (CopIrBlock){ .first = t->unit->statements->len, .offset = (int16_t) start };
  for (unsigned i = 0; i < 32; i++)
    {
      t->known[i] = IR_NONE;
      t->sext32[i] = false;
    }
  t->merge = IR_NONE;
  t->dirty = false;
  t->watched = COP_IR_FIRST;
  while (more && t->block.n_insns < COP_UNIT_BLOCK_INSNS &&
         (offset == start || may_go_on (list, start, offset)))
    {
      t->offset = (int16_t) offset;
      t->number = t->block.n_insns;
      if (!read_insn (t, offset))
        {
          cop_translator_add (t, IR_INTERPRET, IR_NONE, IR_NONE, 0);
          t->block.n_insns++;
          offset += 2;
          more = false;
          break;
        }
      if (G_UNLIKELY (cop_breakpoints_may_be_at (t->source->breakpoints, (uint64_t) offset)))
        {
          cop_translator_add (t, IR_INTERPRET, IR_NONE, IR_NONE, 0);
          more = false;
        }
      else
        more = cop_translate_insn (t);
      t->block.n_insns++;
      offset += t->insn.length;
    }
  t->block.end = (int16_t) offset;
  t->block.n = t->unit->statements->len - t->block.first;
  t->block.falls_through = more;
  if (!t->source->plain)
    cop_forward_values (t->unit, &t->block);
  if (t->uses_spans)
    find_spans (t);
  g_array_append_val (t->unit->blocks, t->block);
}

/* Where control may go on behind a block. */
static void
add_successors (CopTranslator *t, WorkList *list)
{
  const CopIrStatement *last = cop_translator_last (t);
  int64_t target = last != NULL ? (int64_t) last->imm : 0;
  bool is_near = cop_ir_page_of (t->block.offset) != 0;

  if (last != NULL && (last->kind == IR_BRANCH || (last->kind == IR_JUMP && last->reg == 0)))
    add_if_trodden (list, target);
  else if (last != NULL && last->kind == IR_JUMP && cop_ir_page_of (target) == 0)
    {
      /* Loops of what is hot come first, whole. */
      if (!t->source->optimised)
        add_if_trodden (list, target);
      else if (list->n_calls < G_N_ELEMENTS (list->calls))
        list->calls[list->n_calls++] = (int16_t) target;
    }
  if (last != NULL &&
      (last->kind == IR_BRANCH ||
       /* what is behind these is entered from elsewhere */
       (!is_near && (last->kind == IR_SYSTEM || last->kind == IR_INTERPRET)) ||
       /* what a call returns to */
       ((last->kind == IR_JUMP || last->kind == IR_JUMP_REG) && last->reg != 0)))
    add_if_trodden (list, t->block.end);
  else if (t->block.falls_through)
    add_work (list, t->block.end);
}

/* --- what it is made from ----------------------------------------------------------------------- */

static void
watch_for_hart (gpointer data, uint64_t gpa, uint64_t length)
{
  cop_mmu_watch_code (data, gpa, length);
}

static const uint8_t *
next_page_of_hart (gpointer data, uint64_t gva, uint64_t *gpa)
{
  CopHart *hart = data;
  const uint8_t *bytes = cop_mmu_fetch (hart, gva, gpa);

  /* Where PMP divides the page, more must be checked than where it lies. */
  if (bytes == NULL || cop_tlb_lookup (hart->fetch_tlb, gva, 1, COP_ACCESS_FETCH) == NULL)
    return NULL;
  return bytes;
}

CopTranslateSource
cop_translate_source_of_hart (CopHart *hart, uint64_t pc, uint64_t gpa, const uint8_t *bytes)
{
  return (CopTranslateSource){
    .isa = hart->isa,
    .mode = hart->mode,
    .breakpoints = hart->breakpoints,
    .pc = pc,
    .gpa = gpa,
    .page = bytes - (gpa & OFFSET_MASK),
    .watch = watch_for_hart,
    .next_page = next_page_of_hart,
    .data = hart,
  };
}

void
cop_translate_unit (CopIrUnit *unit, const CopTranslateSource *source)
{
  CopTranslator t = {
    .unit = unit, .source = source, .uses_spans = !(source->mode & COP_MODE_APART)
  };
  WorkList list = { .source = source };
  unsigned n_insns = 0;

  cop_ir_unit_clear (unit);
  unit->gva = source->pc & ~(uint64_t) OFFSET_MASK;
  unit->gpa = list.gpa = source->gpa & ~(uint64_t) OFFSET_MASK;
  unit->near_gpa[0] = source->near[0].gpa;
  unit->near_gpa[1] = source->near[1].gpa;
  unit->next_gpa = 0;
  unit->mode = source->mode;
  unit->optimised = source->optimised;
  add_work (&list, source->gpa & OFFSET_MASK);
  for (unsigned i = 0; i < list.n && n_insns < COP_UNIT_MAX_INSNS; i++)
    {
      translate_block (&t, &list, list.offsets[i]);
      n_insns += t.block.n_insns;
      add_successors (&t, &list);
      while (i + 1 == list.n && list.n_calls > 0)
        add_work (&list, list.calls[--list.n_calls]);
    }
}
