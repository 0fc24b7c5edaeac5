/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lockstep of translated code and interpreter.
 */
#include "engine/jit/verify.h"

#include "engine/engine.h"
#include "engine/interp/interp.h"
#include "engine/riscv/fpu-host.h"
#include "engine/riscv/insn.h"
#include "engine/riscv/mmu.h"
#include "engine/riscv/store-log.h"

#include <string.h>

/* How often a stretch that differs is run again before that is believed. */
#define RETRIES 3

struct CopJitVerify
{
  CopHart *hart; /* (unowned): what is verified */
  CopHart *second; /* (owned) */
  CopBlockCache *blocks; /* (owned): of the second hart */
  CopHartState before, after;
  bool faulted;
  CopTrapCause cause;
  uint64_t tval;
  uint64_t flushes; /* of hart, that second has had too */
  uint64_t compared, skipped; /* instructions */
};

CopJitVerify *
cop_jit_verify_new (CopHart *hart)
{
  CopJitVerify *verify = g_new0 (CopJitVerify, 1);

  verify->hart = hart;
  verify->second = cop_hart_new (NULL, hart->ram, hart->id, hart->isa);
  verify->second->clock = hart->clock;
  verify->second->instret_event = UINT64_MAX;
  verify->second->trap_stops = true;
  verify->second->store_log = cop_store_log_new ();
  verify->blocks = cop_block_cache_new (verify->second, cop_interp_labels ());
  verify->flushes = UINT64_MAX;
  hart->store_log = cop_store_log_new ();
  cop_mmu_flush_all (hart);
  cop_hart_update_view (hart);
  return verify;
}

void
cop_jit_verify_free (CopJitVerify *verify)
{
  g_clear_pointer (&verify->hart->store_log, cop_store_log_free);
  g_clear_pointer (&verify->second->store_log, cop_store_log_free);
  cop_block_cache_free (verify->blocks);
  cop_hart_free (verify->second);
  g_free (verify);
}

/* From now on the first store to each page is noted again. */
static void
empty_log (CopHart *hart)
{
  for (unsigned i = 0; i < hart->store_log->n; i++)
    cop_tlb_revoke_write (hart, cop_store_log_page (hart->store_log, i)->hva);
  hart->store_log->n = 0;
}

/* Makes @page what it was; words that did not change are not touched, for others may write them. */
static void
restore_page (const CopStoreLogPage *page)
{
  uint64_t *words = (uint64_t *) (void *) page->hva;

  for (unsigned i = 0; i < COP_STORE_LOG_PAGE / sizeof *words; i++)
    {
      uint64_t before, now = __atomic_load_n (&words[i], __ATOMIC_RELAXED);

      memcpy (&before, page->before + i * sizeof before, sizeof before);
      if (now != before)
        __atomic_store_n (&words[i], before, __ATOMIC_RELAXED);
    }
}

static void
restore_memory (const CopStoreLog *log)
{
  for (unsigned i = 0; i < log->n; i++)
    restore_page (cop_store_log_page (log, i));
}

/* --- the two passes ----------------------------------------------------------------------------
 */

/* Translated code, from the state in `before`. */
static void
run_first (CopJitVerify *verify, CopHart *hart, uint64_t fuel, CopJitVerifyRun run, gpointer data)
{
  verify->faulted = run (data, hart, fuel);
  cop_fpu_sync (hart);
  verify->after = hart->s;
  verify->cause = hart->trap_cause;
  verify->tval = hart->trap_tval;
  for (unsigned i = 0; i < hart->store_log->n; i++)
    {
      CopStoreLogPage *page = cop_store_log_page (hart->store_log, i);

      memcpy (page->after, page->hva, sizeof page->after);
      cop_tlb_revoke_write (hart, page->hva);
    }
}

/* The interpreter, to the same count of instructions and, if there is one, to the exception. */
static void
run_second (CopJitVerify *verify, CopHart *hart)
{
  CopHart *second = verify->second;
  CopRunResult result = COP_RUN_STOP;
  CopBlock *hot;

  if (verify->flushes != hart->stats.tlb_flushes)
    {
      cop_mmu_flush_all (second);
      verify->flushes = hart->stats.tlb_flushes;
    }
  second->s = verify->before;
  cop_hart_update_view (second);
  cop_hart_clear_pending (second, UINT32_MAX);
  cop_fpu_leave (hart);
  cop_fpu_enter (second);
  while (cop_interp_execute (second, verify->blocks, verify->after.instret, &result, &hot) ==
         COP_INTERP_HOT)
    hot->heat = INT32_MAX;
  cop_fpu_sync (second);
  /* TLB misses may be counted, and are each hart's own. */
  memcpy (second->s.mhpmcounter, verify->after.mhpmcounter, sizeof second->s.mhpmcounter);
}

static bool
same_memory (const CopStoreLog *first, const CopStoreLog *second)
{
  for (unsigned i = 0; i < first->n; i++)
    {
      const CopStoreLogPage *page = cop_store_log_page (first, i);

      if (memcmp (page->after, page->hva, sizeof page->after) != 0)
        return false;
    }
  for (unsigned i = 0; i < second->n; i++)
    {
      const CopStoreLogPage *page = cop_store_log_page (second, i);

      if (cop_store_log_find (first, page->hva) == NULL &&
          memcmp (page->before, page->hva, sizeof page->before) != 0)
        return false;
    }
  return true;
}

/* Whether the second hart raises what the first raised, where it did. */
static bool
same_exception (CopJitVerify *verify)
{
  CopHart *second = verify->second;
  CopRunResult result;
  CopBlock *hot;

  second->trap_cause = COP_TRAP_NONE;
  while (cop_interp_execute (second, verify->blocks, verify->after.instret + 1, &result, &hot) ==
         COP_INTERP_HOT)
    hot->heat = INT32_MAX;
  return second->s.instret == verify->after.instret && second->trap_cause == verify->cause &&
         second->trap_tval == verify->tval;
}

/* Both passes from `before`; memory is as it was then. Returns whether they agree. */
static bool
compare (CopJitVerify *verify, CopHart *hart, uint64_t fuel, CopJitVerifyRun run, gpointer data)
{
  uint64_t mmio = hart->stats.mmio;
  bool same;

  empty_log (hart);
  run_first (verify, hart, fuel, run, data);
  if (hart->stats.mmio != mmio)
    {
      verify->skipped += verify->after.instret - verify->before.instret;
      return true;
    }
  restore_memory (hart->store_log);
  run_second (verify, hart);
  same = memcmp (&verify->second->s, &verify->after, sizeof verify->after) == 0 &&
         same_memory (hart->store_log, verify->second->store_log) &&
         (!verify->faulted || same_exception (verify));
  cop_fpu_leave (verify->second);
  cop_fpu_enter (hart);
  verify->compared += verify->after.instret - verify->before.instret;
  return same;
}

/* --- a difference ------------------------------------------------------------------------------
 */

/* Back to the beginning, for another try. */
static void
rewind_to_start (CopJitVerify *verify, CopHart *hart)
{
  restore_memory (verify->second->store_log);
  restore_memory (hart->store_log);
  empty_log (verify->second);
  cop_fpu_leave (hart);
  hart->s = verify->before;
  cop_hart_update_view (hart);
  cop_fpu_enter (hart);
}

/* The least fuel with which both still differ: more than that only adds to the damage. */
static uint64_t
least_fuel (CopJitVerify *verify, CopHart *hart, uint64_t fuel, CopJitVerifyRun run, gpointer data)
{
  uint64_t good = 0, bad = fuel;

  while (bad - good > 1)
    {
      uint64_t middle = good + (bad - good) / 2;

      rewind_to_start (verify, hart);
      if (compare (verify, hart, middle, run, data))
        good = middle;
      else
        bad = middle;
    }
  return bad;
}

static void
append_code (CopHart *hart, uint64_t pc, unsigned n, GString *report)
{
  g_string_append (report, "\nguest code:\n");
  for (unsigned i = 0; i < n; i++)
    {
      g_autofree char *line = NULL;
      const uint8_t *bytes;
      uint16_t low, high = 0;
      uint64_t gpa;
      CopInsn insn;

      bytes = cop_mmu_fetch (hart, pc, &gpa);
      if (bytes == NULL)
        return;
      memcpy (&low, bytes, sizeof low);
      if ((low & 3) == 3)
        {
          bytes = cop_mmu_fetch (hart, pc + 2, &gpa);
          if (bytes == NULL)
            return;
          memcpy (&high, bytes, sizeof high);
        }
      cop_insn_decode (low | (uint32_t) high << 16, hart->isa, &insn);
      line = cop_insn_disassemble (&insn, pc);
      g_string_append_printf (report, "  %016" G_GINT64_MODIFIER "x  %s\n", pc, line);
      pc += insn.length;
    }
}

static void
append_state (const char *title, const CopHartState *s, GString *report)
{
  g_string_append_printf (report,
                          "\n%s: pc 0x%" G_GINT64_MODIFIER "x, instret %" G_GUINT64_FORMAT
                          ", priv %u, fcsr 0x%02x\n",
                          title, s->pc, s->instret, s->priv, s->fcsr);
  for (unsigned i = 1; i < 32; i++)
    g_string_append_printf (report, "  %-4s %016" G_GINT64_MODIFIER "x%s", cop_x_names[i], s->x[i],
                            i % 4 == 0 || i == 31 ? "\n" : "");
  for (unsigned i = 0; i < 32; i++)
    g_string_append_printf (report, "  %-4s %016" G_GINT64_MODIFIER "x%s", cop_f_names[i], s->f[i],
                            i % 4 == 3 ? "\n" : "");
}

static void
append_memory (const CopRam *ram, const CopStoreLogPage *page, const uint8_t *first,
               GString *report)
{
  for (unsigned i = 0; i < COP_STORE_LOG_PAGE; i += 8)
    {
      uint64_t left, right, before;

      memcpy (&left, first + i, sizeof left);
      memcpy (&right, page->hva + i, sizeof right);
      memcpy (&before, page->before + i, sizeof before);
      if (left != right)
        g_string_append_printf (
          report,
          "memory at gpa 0x%" G_GINT64_MODIFIER "x: jit 0x%016" G_GINT64_MODIFIER
          "x, interp 0x%016" G_GINT64_MODIFIER "x, before 0x%016" G_GINT64_MODIFIER "x\n",
          ram->dram.gpa + (uint64_t) (page->hva - ram->dram.hva) + i, left, right, before);
    }
}

static void
append_difference (CopJitVerify *verify, CopHart *hart, GString *report)
{
  const CopStoreLog *first = hart->store_log, *second = verify->second->store_log;

  g_string_append (report, "difference, jit then interp:\n");
  cop_state_diff (&cop_hart_state_table, "hart", &verify->after, &verify->second->s, report);
  for (unsigned i = 0; i < first->n; i++)
    {
      const CopStoreLogPage *page = cop_store_log_page (first, i);

      append_memory (hart->ram, page, page->after, report);
    }
  for (unsigned i = 0; i < second->n; i++)
    {
      const CopStoreLogPage *page = cop_store_log_page (second, i);

      if (cop_store_log_find (first, page->hva) == NULL)
        append_memory (hart->ram, page, page->before, report);
    }
  if (verify->faulted)
    g_string_append_printf (report,
                            "exception: jit %d of 0x%" G_GINT64_MODIFIER
                            "x; interp, after %" G_GUINT64_FORMAT
                            " instructions, %d of 0x%" G_GINT64_MODIFIER "x\n",
                            (int) verify->cause, verify->tval, verify->second->s.instret,
                            (int) verify->second->trap_cause, verify->second->trap_tval);
}

/* What went wrong in the last stretch, which differs: its last block is to blame. */
static char *
explain (CopJitVerify *verify, CopHart *hart, uint64_t fuel, CopJitVerifyRun run,
         CopJitVerifyDescribe describe, gpointer data)
{
  GString *report = g_string_new ("translated code differs from the interpreter\n");
  CopHartState start = verify->before, bad;
  uint64_t least;

  append_difference (verify, hart, report);
  least = least_fuel (verify, hart, fuel, run, data);
  rewind_to_start (verify, hart);
  if (compare (verify, hart, least, run, data))
    {
      /* It came once; the whole stretch is all there is to show. */
      g_string_append (report, "it did not come again when the stretch was run in parts\n");
      append_state ("before", &start, report);
      append_code (hart, start.pc, 32, report);
      describe (data, hart, start.pc, report);
      return g_string_free (report, FALSE);
    }
  g_string_append (report, "\nat the first block that differs:\n");
  append_difference (verify, hart, report);
  bad = verify->after;
  append_state ("jit", &bad, report);
  append_state ("interp", &verify->second->s, report);
  rewind_to_start (verify, hart);
  if (least > 1)
    compare (verify, hart, least - 1, run, data);
  append_state ("before the block", &hart->s, report);
  append_code (hart, hart->s.pc, MIN (bad.instret - hart->s.instret + 1, 64), report);
  describe (data, hart, hart->s.pc, report);
  return g_string_free (report, FALSE);
}

char *
cop_jit_verify_run (CopJitVerify *verify, CopHart *hart, uint64_t fuel, CopJitVerifyRun run,
                    CopJitVerifyDescribe describe, gpointer data, bool *faulted)
{
  uint64_t written = cop_ram_written_by_others (hart->ram);
  char *report = NULL;
  bool same;

  cop_fpu_sync (hart);
  verify->before = hart->s;
  same = compare (verify, hart, fuel, run, data);
  for (unsigned i = 0; !same && i < RETRIES; i++)
    {
      g_usleep (1000);
      if (cop_ram_written_by_others (hart->ram) == written)
        break;
      rewind_to_start (verify, hart);
      same = compare (verify, hart, fuel, run, data);
    }
  if (!same)
    report = explain (verify, hart, fuel, run, describe, data);
  *faulted = verify->faulted;
  empty_log (verify->second);
  return report;
}

void
cop_jit_verify_drop_code (CopJitVerify *verify, uint64_t gpa, uint64_t length)
{
  cop_block_cache_drop (verify->blocks, gpa, length);
}

void
cop_jit_verify_stats (const CopJitVerify *verify, uint64_t *compared, uint64_t *skipped)
{
  *compared = verify->compared;
  *skipped = verify->skipped;
}
