/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whether the architecture says what a random program does.
 */
#include "region-judge.h"

#include "engine/engine.h"
#include "engine/riscv/insn.h"

#include <string.h>

#define PTE_HARDWARE UINT64_C (0xc0) /* A and D: set by walks too */

struct RegionJudge
{
  const Region *region;
  CopRam *ram;
  CopHart *hart;
  uint8_t *low; /* (owned): as fetches may still see it */
  uint64_t *tables; /* (owned): as walks may still see them */
  bool unfenced; /* there is a change to them that walks may or may not see */
  uint64_t *executed; /* (unowned): of each CopInsnOp */
};

static uint8_t *
low_of (const RegionJudge *judge)
{
  return cop_ram_span (judge->ram, REGION_DRAM, REGION_LOW_SIZE);
}

RegionJudge *
region_judge_new (const Region *region, CopRam *ram, CopHart *hart, uint64_t *executed)
{
  RegionJudge *judge = g_new0 (RegionJudge, 1);

  judge->region = region;
  judge->ram = ram;
  judge->hart = hart;
  judge->executed = executed;
  judge->low = g_memdup2 (low_of (judge), REGION_LOW_SIZE);
  judge->tables = g_memdup2 (low_of (judge) + REGION_TABLES, REGION_TABLES_SIZE);
  return judge;
}

void
region_judge_free (RegionJudge *judge)
{
  g_free (judge->low);
  g_free (judge->tables);
  g_free (judge);
}

/* Where in `low` an instruction at @pc stands; false where none can be executed. */
static bool
find_code (const RegionJudge *judge, uint64_t pc, unsigned priv, unsigned *offset)
{
  bool paged = priv != COP_PRIV_M && judge->region->start.satp != 0;
  uint64_t start = paged ? judge->region->start.x[REGION_CODE_START] - REGION_CODE : REGION_DRAM;

  *offset = (unsigned) (pc - start);
  return pc - start <= REGION_LOW_SIZE - 4;
}

/* Notes what walks set in the tables, and whether the program changed more than that. */
static void
look_at_tables (RegionJudge *judge)
{
  const uint64_t *now = (const uint64_t *) (const void *) (low_of (judge) + REGION_TABLES);

  judge->unfenced = false;
  if (memcmp (judge->tables, now, REGION_TABLES_SIZE) == 0)
    return;
  for (unsigned i = 0; i < REGION_TABLES_SIZE / sizeof *now; i++)
    {
      judge->tables[i] |= now[i] & PTE_HARDWARE;
      judge->unfenced |= judge->tables[i] != now[i];
    }
}

static char *
accuse (const RegionJudge *judge, uint64_t pc, const CopInsn *insn, const char *what)
{
  g_autofree char *text = cop_insn_disassemble (insn, pc);

  return g_strdup_printf ("seed %" G_GUINT64_FORMAT ", instruction %" G_GUINT64_FORMAT
                          ": %" G_GINT64_MODIFIER "x: %s: %s",
                          judge->region->seed, judge->hart->s.instret, pc, text, what);
}

/* What is undefined about executing @insn at @pc next. */
static char *
judge_insn (const RegionJudge *judge, uint64_t pc, unsigned offset, const CopInsn *insn)
{
  uint16_t effects = insn->op == COP_INSN_ILLEGAL ? 0 : cop_insn_table[insn->op].effects;

  if (memcmp (judge->low + offset, low_of (judge) + offset, insn->length) != 0)
    return accuse (judge, pc, insn, "was written without a fence.i since");
  if (judge->unfenced && judge->hart->s.priv != COP_PRIV_M && (effects & (MEM_READ | MEM_WRITE)) &&
      insn->op != COP_INSN_sfence_vma && insn->op != COP_INSN_sinval_vma)
    return accuse (judge, pc, insn, "page tables were written without an sfence.vma since");
  return NULL;
}

/* What an instruction that was executed leaves to see. */
static void
note_executed (RegionJudge *judge, const CopInsn *insn)
{
  if (insn->op == COP_INSN_fence_i)
    memcpy (judge->low, low_of (judge), REGION_LOW_SIZE);
  else if (insn->op == COP_INSN_sfence_vma || insn->op == COP_INSN_sinval_vma)
    {
      memcpy (judge->tables, low_of (judge) + REGION_TABLES, REGION_TABLES_SIZE);
      judge->unfenced = false;
    }
  else if (insn->op != COP_INSN_ILLEGAL && (cop_insn_table[insn->op].effects & MEM_WRITE))
    look_at_tables (judge);
}

char *
region_judge_run (RegionJudge *judge, uint64_t limit)
{
  CopHart *hart = judge->hart;
  const uint64_t handlers[] = { judge->region->start.mtvec, judge->region->start.stvec };

  while (hart->s.instret < limit)
    {
      uint64_t pc = hart->s.pc, before = hart->s.instret;
      unsigned offset;
      bool runs = find_code (judge, pc, hart->s.priv, &offset);
      uint32_t bits = 0;
      CopInsn insn;

      memcpy (&bits, low_of (judge) + (runs ? offset : 0), sizeof bits);
      cop_insn_decode (bits, judge->region->isa, &insn);
      if (runs && !cop_hart_irq_waiting (hart))
        {
          char *bad = judge_insn (judge, pc, offset, &insn);

          if (bad != NULL)
            return bad;
          if (insn.op != COP_INSN_ILLEGAL)
            judge->executed[insn.op]++;
        }
      if (hart->engine->ops->run (hart->engine, hart, before + 1) == COP_RUN_WFI)
        hart->s.waiting = false;
      /* A trap was taken instead, and the handler's first instruction executed. */
      if ((hart->s.pc == handlers[0] + 4 && pc != handlers[0]) ||
          (hart->s.pc == handlers[1] + 4 && pc != handlers[1]))
        continue;
      if (runs)
        note_executed (judge, &insn);
    }
  return NULL;
}
