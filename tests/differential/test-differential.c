/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random user-level sequences from the instruction table on every engine and in qemu-riscv64: every
 * register, flag and byte of memory must come out the same.
 *
 *   test-differential [--print] [--seed N] [--count N] [--seconds N]
 *
 * Without options it takes a fixed part and then fresh seeds for some seconds. A failure prints the
 * seed of its case, the first step that differs with its operands, and what each made of it; --seed
 * with that number repeats it.
 */
#include "execute.h"
#include "generate.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 128               /* cases in one image: starting QEMU costs more than running them */
#define FIXED_BATCHES 4

static uint64_t option_seed;
static int64_t  option_count, option_seconds = 15;
static bool     has_seed, option_print;

static void
print_difference (const char *label, uint64_t before, uint64_t qemu, uint64_t ours)
{
  g_test_message ("  %-8s before %016" G_GINT64_MODIFIER "x  qemu %016" G_GINT64_MODIFIER
                  "x  here %016" G_GINT64_MODIFIER "x", label, before, qemu, ours);
}

static void
print_differences (const CaseData *before, const CaseData *qemu, const CaseData *ours)
{
  for (unsigned i = 0; i < 32; i++)
    if (qemu->x[i] != ours->x[i])
      print_difference (cop_x_names[i], before->x[i], qemu->x[i], ours->x[i]);
  for (unsigned i = 0; i < 32; i++)
    if (qemu->f[i] != ours->f[i])
      print_difference (cop_f_names[i], before->f[i], qemu->f[i], ours->f[i]);
  if (qemu->fcsr != ours->fcsr)
    print_difference ("fcsr", before->fcsr, qemu->fcsr, ours->fcsr);
  for (unsigned i = 0; i < BUFFER_SIZE; i += 8)
    if (memcmp (qemu->buffer + i, ours->buffer + i, 8) != 0)
      {
        g_autofree char *label = g_strdup_printf ("buf+%u", i);
        uint64_t values[3];

        memcpy (&values[0], before->buffer + i, 8);
        memcpy (&values[1], qemu->buffer + i, 8);
        memcpy (&values[2], ours->buffer + i, 8);
        print_difference (label, values[0], values[1], values[2]);
      }
}

static void
print_step (const Step *step)
{
  for (unsigned i = 0; i < step->n_insns; i++)
    {
      CopInsn          insn;
      g_autofree char *text = NULL;

      cop_insn_decode (step->insns[i], cop_isa_default (), &insn);
      text = cop_insn_disassemble (&insn, 0);
      g_test_message ("    %08x  %s", step->insns[i], text);
    }
}

/* The case as a listing: initial fcsr and each step, to be read beside the difference. */
static void
print_case (const Case *one, unsigned n_steps)
{
  g_test_message ("  fcsr %03" G_GINT64_MODIFIER "x at the start", one->start.fcsr);
  for (unsigned i = 0; i < n_steps; i++)
    {
      if (one->steps[i].jump == JUMP_NONE)
        g_test_message ("  step %u:", i);
      else
        g_test_message ("  step %u, may jump to %d:", i, one->steps[i].target);
      print_step (&one->steps[i]);
    }
}

/* Runs all beginnings of the case at once and reports the first that differs. */
static void
report_case (const CopEngineOps *engine, const Case *one, uint64_t seed)
{
  const Case *cases[MAX_STEPS];
  unsigned n_steps[MAX_STEPS];
  Program program;
  g_autofree uint8_t *qemu = NULL, *ours = NULL;

  g_test_message ("engine %s, case of seed %" G_GUINT64_FORMAT " (--seed %" G_GUINT64_FORMAT
                  " --count 1) differs from QEMU", engine->name, seed, seed);
  for (unsigned i = 0; i < one->n_steps; i++)
    {
      cases[i] = one;
      n_steps[i] = i + 1;
    }
  program_init (&program, cases, n_steps, one->n_steps);
  qemu = execute_qemu (&program, NULL);
  ours = execute_engine (&program, engine);
  for (unsigned i = 0; qemu != NULL && ours != NULL && i < one->n_steps; i++)
    {
      CaseData a = *program_case_data (qemu, i), b = *program_case_data (ours, i);

      if (memcmp (&a, &b, sizeof a) != 0)
        {
          print_case (one, i + 1);
          g_test_message ("step %u of %u is the first that differs:", i, one->n_steps);
          print_differences (i == 0 ? &one->start : program_case_data (qemu, i - 1), &a, &b);
          break;
        }
    }
  if (ours == NULL || qemu == NULL)
    print_case (one, one->n_steps);
  if (ours == NULL)
    g_test_message ("  it traps or does not end here");
  program_clear (&program);
}

/* QEMU did not come to the end of a batch: says of which case. */
static void
report_qemu (const Case *const *list, uint64_t seed, unsigned n, const GError *error)
{
  g_test_message ("QEMU does not run the batch of seed %" G_GUINT64_FORMAT ": %s", seed,
                  error->message);
  for (unsigned i = 0; i < n; i++)
    {
      g_autofree uint8_t *data = NULL;
      Program program;

      program_init (&program, &list[i], NULL, 1);
      data = execute_qemu (&program, NULL);
      program_clear (&program);
      if (data != NULL)
        continue;
      g_test_message ("the case of seed %" G_GUINT64_FORMAT ":", seed + i);
      print_case (list[i], list[i]->n_steps);
      break;
    }
  g_test_fail ();
}

static void
compare_batch (uint64_t seed, unsigned n)
{
  g_autofree Case *cases = g_new (Case, n);
  g_autofree const Case **list = g_new (const Case *, n);
  g_autofree uint8_t *qemu = NULL;
  g_autoptr (GError) error = NULL;
  Program program;

  for (unsigned i = 0; i < n; i++)
    {
      generate_case (&cases[i], seed + i);
      list[i] = &cases[i];
    }
  if (option_print)
    for (unsigned i = 0; i < n; i++)
      print_case (&cases[i], cases[i].n_steps);
  program_init (&program, list, NULL, n);
  qemu = execute_qemu (&program, &error);
  if (qemu == NULL)
    {
      report_qemu (list, seed, n, error);
      program_clear (&program);
      return;
    }
  for (const CopEngineOps *const *engine = cop_engines; *engine != NULL; engine++)
    {
      g_autofree uint8_t *ours = execute_engine (&program, *engine);

      for (unsigned i = 0; i < n; i++)
        if (ours == NULL ||
            memcmp (program_case_data (qemu, i), program_case_data (ours, i), sizeof (CaseData)) != 0)
          {
            g_autofree uint8_t *alone = NULL;
            Program single;

            /* When the batch did not end, each case alone shows which one does not. */
            program_init (&single, &list[i], NULL, 1);
            alone = ours == NULL ? execute_engine (&single, *engine) : NULL;
            program_clear (&single);
            if (ours == NULL && alone != NULL)
              continue;
            report_case (*engine, &cases[i], seed + i);
            g_test_fail ();
            program_clear (&program);
            return;
          }
      g_assert_nonnull (ours);
    }
  program_clear (&program);
}

static void
test_sequences (void)
{
  int64_t deadline = g_get_monotonic_time () + option_seconds * G_USEC_PER_SEC;
  uint64_t seed = (uint64_t) g_get_real_time () << 20;
  uint64_t done = 0;

  if (!execute_qemu_available ())
    {
      if (g_getenv ("COPPICE_CHECK") != NULL)
        g_test_fail_printf ("qemu-riscv64 is missing; install qemu-user");
      else
        g_test_skip ("qemu-riscv64 is missing");
      return;
    }
  if (has_seed)
    {
      int64_t left = option_count > 0 ? option_count : BATCH;

      for (seed = option_seed; left > 0 && !g_test_failed (); left -= BATCH, seed += BATCH)
        compare_batch (seed, (unsigned) MIN (left, BATCH));
      return;
    }
  for (unsigned i = 0; i < FIXED_BATCHES && !g_test_failed (); i++)
    compare_batch (i * BATCH, BATCH);
  g_test_message ("fresh seeds from %" G_GUINT64_FORMAT, seed);
  while (!g_test_failed () && (option_count > 0 ? done < (uint64_t) option_count
                                                : g_get_monotonic_time () < deadline))
    {
      compare_batch (seed + done, BATCH);
      done += BATCH;
    }
  g_test_message ("%" G_GUINT64_FORMAT " cases with fresh seeds", done);
}

/* Each row of the tables is in some sequence, or in the list of exclusions: not in both. */
static void
test_coverage (void)
{
  bool seen[COP_INSN_LAST] = { false };
  g_autofree bool *compressed = g_new0 (bool, cop_cinsn_count);
  g_autofree Case *one = g_new (Case, 1);

  for (uint64_t seed = 0; seed < 4000; seed++)
    {
      generate_case (one, seed);
      for (unsigned i = 0; i < one->n_steps; i++)
        for (unsigned k = 0; k < one->steps[i].n_insns; k++)
          {
            uint32_t bits = one->steps[i].insns[k];
            CopInsn  insn;

            cop_insn_decode (bits, cop_isa_default (), &insn);
            if (insn_size (bits) == 4 && insn.op != COP_INSN_ILLEGAL)
              seen[insn.op] = true;
            for (unsigned c = 0; insn_size (bits) == 2 && c < cop_cinsn_count; c++)
              if ((bits & cop_cinsn_table[c].mask) == cop_cinsn_table[c].match)
                {
                  compressed[c] = true;
                  break;
                }
          }
    }
  for (unsigned op = 0; op < COP_INSN_LAST; op++)
    {
      bool excluded = false;

      for (unsigned i = 0; i < n_exclusions; i++)
        excluded |= exclusions[i].op == op;
      if (seen[op] == excluded)
        g_test_fail_printf ("%s is %s", cop_insn_table[op].name,
                            seen[op] ? "excluded but generated" : "neither generated nor excluded");
    }
  for (unsigned c = 0; c < cop_cinsn_count; c++)
    if (!compressed[c] && cop_cinsn_table[c].op != COP_INSN_ebreak)
      g_test_fail_printf ("%s is never generated", cop_cinsn_table[c].name);
}

/* Takes our options out of @argv before GLib looks: its own --seed means something else. */
static void
take_options (int *argc, char **argv)
{
  int kept = 1;

  for (int i = 1; i < *argc; i++)
    {
      uint64_t number = i + 1 < *argc ? g_ascii_strtoull (argv[i + 1], NULL, 10) : 0;

      if (strcmp (argv[i], "--print") == 0)
        option_print = true;
      else if (strcmp (argv[i], "--seed") == 0)
        {
          option_seed = number;
          has_seed = true;
          i++;
        }
      else if (strcmp (argv[i], "--count") == 0)
        {
          option_count = (int64_t) number;
          i++;
        }
      else if (strcmp (argv[i], "--seconds") == 0)
        {
          option_seconds = (int64_t) number;
          i++;
        }
      else
        argv[kept++] = argv[i];
    }
  argv[kept] = NULL;
  *argc = kept;
}

int
main (int argc, char **argv)
{
  take_options (&argc, argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/differential/coverage", test_coverage);
  g_test_add_func ("/differential/sequences", test_sequences);
  return g_test_run ();
}
