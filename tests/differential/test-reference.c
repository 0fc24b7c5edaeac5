/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Instructions that the differential test's oracle lacks or has wrong, against a reference written
 * here from the specification and from nothing else.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 10 (Zicond), §28.4 (Zbb)
 */
#include "execute.h"
#include "generate.h"

#define CASES 400

typedef struct
{
  CopInsnOp op;
  uint64_t (*reference) (uint64_t a, uint64_t b);
} Reference;

static uint64_t
czero_eqz (uint64_t a, uint64_t b)
{
  return b == 0 ? 0 : a;
}

static uint64_t
czero_nez (uint64_t a, uint64_t b)
{
  return b == 0 ? a : 0;
}

static uint64_t
ctzw (uint64_t a, uint64_t b)
{
  unsigned n = 0;

  (void) b;
  while (n < 32 && !(a >> n & 1))
    n++;
  return n;
}

static const Reference references[] = {
  { COP_INSN_czero_eqz, czero_eqz },
  { COP_INSN_czero_nez, czero_nez },
  { COP_INSN_ctzw, ctzw },
};

/* One instruction a case: a2 = op (a0, a1), and once more with the destination among the sources. */
static void
make_case (Case *one, CopInsnOp op, uint64_t *state)
{
  const CopInsnRow *row = &cop_insn_table[op];
  bool unary = row->operands == COP_OPERANDS_D_S;

  *one = (Case){ .n_steps = 2 };
  one->start.x[10] = random_integer (state);
  one->start.x[11] = random_integer (state);
  one->steps[0] = (Step){ .insns = { encode_r (row->match, 12, 10, unary ? 0 : 11) }, .n_insns = 1 };
  one->steps[1] = (Step){ .insns = { encode_r (row->match, 10, 10, unary ? 0 : 11) }, .n_insns = 1 };
}

static void
test_reference (gconstpointer data)
{
  const Reference *reference = data;
  g_autofree Case *cases = g_new (Case, CASES);
  const Case *list[CASES];
  uint64_t state = g_test_rand_int ();
  Program program;

  for (unsigned i = 0; i < CASES; i++)
    {
      make_case (&cases[i], reference->op, &state);
      list[i] = &cases[i];
    }
  program_init (&program, list, NULL, CASES);
  for (const CopEngineOps *const *engine = cop_engines; *engine != NULL; engine++)
    {
      g_autofree uint8_t *ours = execute_engine (&program, *engine);

      g_assert_nonnull (ours);
      for (unsigned i = 0; i < CASES; i++)
        {
          const CaseData *after = program_case_data (ours, i);
          uint64_t expected = reference->reference (cases[i].start.x[10], cases[i].start.x[11]);

          g_assert_cmphex (after->x[12], ==, expected);
          g_assert_cmphex (after->x[10], ==, expected);
          g_assert_cmphex (after->x[11], ==, cases[i].start.x[11]);
        }
    }
  program_clear (&program);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (references); i++)
    {
      g_autofree char *path = g_strdup_printf ("/reference/%s",
                                               cop_insn_table[references[i].op].name);

      g_test_add_data_func (path, &references[i], test_reference);
    }
  return g_test_run ();
}
