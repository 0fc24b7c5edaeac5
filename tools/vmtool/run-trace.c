/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The instruction trace. Harts step one instruction at a time and are compared before and after.
 */
#include "vmtool/run-trace.h"
#include "vmtool/run-insn.h"
#include "vmtool/run-private.h"

#include "engine/riscv/insn.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHANGES_COLUMN 64 /* where register values begin */

/* What a hart was before its step. */
typedef struct
{
  CopHartState s;
  uint64_t traps; /* and interrupts, so far */
  uint32_t bits;
  unsigned length; /* of the instruction; 0: it cannot be fetched */
} Before;

struct VmtTrace
{
  FILE *out; /* (owned) */
  char *path; /* (owned): for messages */
  Before *before; /* (owned): by hart; each is its hart's thread's */
};

VmtTrace *
vmt_trace_new (const char *path, GError **error)
{
  /* Buffered: a write for each line would take longer than all the rest. */
  FILE *out = path != NULL ? fopen (path, "we") : fdopen (dup (STDERR_FILENO), "w");
  VmtTrace *trace;

  if (out == NULL)
    {
      cop_host_set_file_error (error, _ ("trace"), path != NULL ? path : "stderr", errno);
      return NULL;
    }
  trace = g_new0 (VmtTrace, 1);
  trace->out = out;
  trace->path = g_strdup (path != NULL ? path : "stderr");
  return trace;
}

static void
before_step (gpointer data, CopHart *hart)
{
  VmtTrace *trace = data;
  Before *before = &trace->before[hart->id];

  before->s = hart->s;
  before->traps = hart->stats.traps + hart->stats.interrupts;
  before->length = vmt_insn_read (hart, hart->s.pc, &before->bits);
}

static char
mode_letter (unsigned priv)
{
  static const char letters[] = { [COP_PRIV_U] = 'U', [COP_PRIV_S] = 'S', [COP_PRIV_M] = 'M' };

  return priv < sizeof letters && letters[priv] != '\0' ? letters[priv] : '?';
}

/* "2 000000008000f00c S 00050593  mv      a1, a0", without a line feed */
static void
append_insn (GString *line, const CopHart *hart, uint64_t pc, unsigned priv, unsigned length,
             uint32_t bits)
{
  g_autofree char *text =
    length > 0 ? vmt_insn_format (hart, pc, bits) : g_strdup (_ ("nothing to fetch"));

  g_string_append_printf (line, "%u %016" PRIx64 " %c %s", hart->id, pc, mode_letter (priv), text);
}

static void
append_changes (GString *line, gsize column, const CopHartState *before, const CopHartState *s)
{
  for (unsigned i = 0; i < 64; i++)
    {
      bool is_x = i < 32;
      uint64_t was = is_x ? before->x[i] : before->f[i - 32];
      uint64_t is = is_x ? s->x[i] : s->f[i - 32];

      if (was == is)
        continue;
      while (line->len < column)
        g_string_append_c (line, ' ');
      g_string_append_printf (line, "  %s=%016" PRIx64, is_x ? cop_x_names[i] : cop_f_names[i - 32],
                              is);
    }
}

/* Where the handler that @s is in began. Source: RISC-V Privileged Spec 20240411 §3.1.7 */
static uint64_t
handler_of (const CopHartState *s, uint64_t *cause)
{
  uint64_t tvec = s->priv == COP_PRIV_M ? s->mtvec : s->stvec;
  bool vectored;

  *cause = s->priv == COP_PRIV_M ? s->mcause : s->scause;
  vectored = (tvec & 3) == 1 && (*cause & COP_CAUSE_INTERRUPT) != 0;
  return (tvec & ~UINT64_C (3)) + (vectored ? 4 * (*cause & ~COP_CAUSE_INTERRUPT) : 0);
}

/* Ends the line of what trapped and begins that of the handler's first instruction. */
static void
append_trap (GString *line, CopHart *hart)
{
  uint64_t cause, pc = handler_of (&hart->s, &cause);
  uint32_t bits = 0;
  unsigned length = vmt_insn_read (hart, pc, &bits);

  if ((cause & COP_CAUSE_INTERRUPT) != 0)
    g_string_append_printf (line, "  -> interrupt %" PRIu64 "\n", cause & ~COP_CAUSE_INTERRUPT);
  else
    g_string_append_printf (line, "  -> exception %" PRIu64 "\n", cause);
  append_insn (line, hart, pc, hart->s.priv, length, bits);
}

static void
after_step (gpointer data, CopHart *hart)
{
  VmtTrace *trace = data;
  const Before *before = &trace->before[hart->id];
  g_autoptr (GString) line = NULL;

  /* Asked to stop before it did anything. */
  if (hart->s.pc == before->s.pc && hart->s.instret == before->s.instret)
    return;

  line = g_string_sized_new (160);
  append_insn (line, hart, before->s.pc, before->s.priv, before->length, before->bits);
  if (hart->stats.traps + hart->stats.interrupts != before->traps)
    append_trap (line, hart);
  append_changes (
    line,
    (gsize)(strrchr (line->str, '\n') != NULL ? strrchr (line->str, '\n') + 1 - line->str : 0) +
      CHANGES_COLUMN,
    &before->s, &hart->s);
  g_string_append_c (line, '\n');
  /* One call of stdio is one line: harts do not mix theirs. Errors are looked at in the end. */
  fwrite (line->str, 1, line->len, trace->out);
}

void
vmt_trace_attach (VmtTrace *trace, CopMachine *machine)
{
  static const CopTrace hooks = { before_step, after_step };

  trace->before = g_new0 (Before, cop_machine_n_harts (machine));
  cop_machine_set_trace (machine, &hooks, trace);
}

bool
vmt_trace_close (VmtTrace *trace, GError **error)
{
  bool failed = ferror (trace->out) != 0;
  int code = EIO;

  if (fclose (trace->out) != 0)
    {
      failed = true;
      code = errno;
    }
  if (failed)
    cop_host_set_file_error (error, _ ("trace"), trace->path, code);
  g_free (trace->before);
  g_free (trace->path);
  g_free (trace);
  return !failed;
}
