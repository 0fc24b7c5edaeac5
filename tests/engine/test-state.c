/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * State tables: reset, checks, access by row, comparison, and the machine's document.
 */
#include "engine/state.h"

#include <string.h>

COP_STATE_BEGIN
typedef struct
{
  uint32_t id;
  uint8_t  levels[3];
  bool     open;
} Inner;

typedef struct
{
  uint64_t wide;
  uint16_t half;
  bool     flag;
  uint8_t  masked;
  uint32_t kept;
  Inner    inner[2];
} Outer;
COP_STATE_END

static bool
check_inner (const void *state, GError **error)
{
  const Inner *inner = state;

  if (inner->open && inner->id == 0)
    {
      g_set_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE, "id: 0 is not for what is open");
      return false;
    }
  return true;
}

static const CopStateRow inner_rows[] = {
  COP_STATE (Inner, id, .reset = 7),
  COP_STATE_ARRAY (Inner, levels, .max = 15, .reset = 3),
  COP_STATE (Inner, open),
};
static const CopStateTable inner_table = { "inner", 1, COP_STATE_ROWS (Inner, inner_rows),
                                           check_inner };

static const CopStateRow outer_rows[] = {
  COP_STATE (Outer, wide, .reset = UINT64_MAX),
  COP_STATE_AS (Outer, half, "half-word", .reset = 0x1234),
  COP_STATE (Outer, flag, .reset = true),
  COP_STATE (Outer, masked, .mask = 0x81),
  COP_STATE (Outer, kept, .reset = 9, .survives_reset = true),
  COP_STATE_STRUCTS (Outer, inner, &inner_table),
};
static const CopStateTable outer_table = { "outer", 1, COP_STATE_ROWS (Outer, outer_rows) };

static void
test_reset (void)
{
  Outer outer;

  g_test_summary ("Reset sets every row's value, in arrays and nested tables too, but for survivors");
  memset (&outer, 0xa5, sizeof (outer));
  cop_state_init (&outer_table, &outer);
  g_assert_cmphex (outer.wide, ==, UINT64_MAX);
  g_assert_cmphex (outer.half, ==, 0x1234);
  g_assert_true (outer.flag);
  g_assert_cmpuint (outer.kept, ==, 9);
  for (unsigned i = 0; i < 2; i++)
    {
      g_assert_cmpuint (outer.inner[i].id, ==, 7);
      for (unsigned j = 0; j < 3; j++)
        g_assert_cmpuint (outer.inner[i].levels[j], ==, 3);
      g_assert_false (outer.inner[i].open);
    }

  outer.kept = 55;
  outer.inner[1].levels[2] = 0;
  cop_state_reset (&outer_table, &outer);
  g_assert_cmpuint (outer.kept, ==, 55);
  g_assert_cmpuint (outer.inner[1].levels[2], ==, 3);
}

static void
assert_refused (const Outer *outer, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (cop_state_check (&outer_table, outer, &error));
  g_assert_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_check (void)
{
  g_autoptr (GError) error = NULL;
  Outer good, bad;

  g_test_summary ("What no row allows is refused, and the message leads to it");
  cop_state_init (&outer_table, &good);
  g_assert_true (cop_state_check (&outer_table, &good, &error));
  g_assert_no_error (error);

  bad = good;
  bad.masked = 0x03;
  assert_refused (&bad, "masked: 0x3 has bits set outside 0x81");
  bad = good;
  *(uint8_t *) &bad.flag = 2;
  assert_refused (&bad, "flag: 0x2 is more than 0x1, the largest value allowed");
  bad = good;
  bad.inner[1].levels[2] = 16;
  assert_refused (&bad, "inner[1].levels[2]: 0x10 is more than 0xf, the largest value allowed");
  bad = good;
  bad.inner[0].open = true;
  bad.inner[0].id = 0;
  assert_refused (&bad, "inner[0].id: 0 is not for what is open");
}

static void
test_set (void)
{
  g_autoptr (GError) error = NULL;
  const CopStateRow *half = cop_state_table_find (&outer_table, "half-word");
  const CopStateRow *levels = cop_state_table_find (&inner_table, "levels");
  Outer outer;

  g_test_summary ("A value that does not fit changes nothing");
  g_assert_nonnull (half);
  g_assert_null (cop_state_table_find (&outer_table, "half"));
  cop_state_init (&outer_table, &outer);

  g_assert_true (cop_state_set (half, &outer, 0, 0xffff, &error));
  g_assert_cmphex (cop_state_get (half, &outer, 0), ==, 0xffff);
  g_assert_false (cop_state_set (half, &outer, 0, 0x10000, &error));
  g_assert_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE);
  g_assert_cmphex (outer.half, ==, 0xffff);
  g_clear_error (&error);

  g_assert_true (cop_state_set (levels, &outer.inner[1], 1, 15, &error));
  g_assert_cmpuint (outer.inner[1].levels[1], ==, 15);
  g_assert_false (cop_state_set (levels, &outer.inner[1], 1, 16, &error));
  g_assert_cmpuint (outer.inner[1].levels[1], ==, 15);
}

static void
test_diff (void)
{
  g_autoptr (GString) report = g_string_new (NULL);
  Outer a, b;

  cop_state_init (&outer_table, &a);
  b = a;
  g_assert_true (cop_state_diff (&outer_table, "dev0", &a, &b, report));
  g_assert_cmpstr (report->str, ==, "");

  b.half = 1;
  b.inner[1].levels[0] = 4;
  g_assert_false (cop_state_diff (&outer_table, "dev0", &a, &b, report));
  g_assert_cmpstr (report->str, ==,
                   "dev0.half-word: 0x1234 != 0x1\n"
                   "dev0.inner[1].levels[0]: 0x3 != 0x4\n");
}

static void
test_document (void)
{
  g_autoptr (CopMachineState) state = cop_machine_state_new ();
  CopStateSection *fresh, *copied;
  Outer outer = { .kept = 3 };

  fresh = cop_machine_state_add (state, "dev0", &outer_table, NULL);
  copied = cop_machine_state_add (state, "dev1", &outer_table, &outer);
  g_assert_cmpuint (((Outer *) fresh->data)->kept, ==, 9);
  outer.kept = 4;
  g_assert_cmpuint (((Outer *) copied->data)->kept, ==, 3);
  g_assert_true (cop_machine_state_find (state, "dev1") == copied);
  g_assert_null (cop_machine_state_find (state, "dev2"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/state/reset", test_reset);
  g_test_add_func ("/engine/state/check", test_check);
  g_test_add_func ("/engine/state/set", test_set);
  g_test_add_func ("/engine/state/diff", test_diff);
  g_test_add_func ("/engine/state/document", test_document);
  return g_test_run ();
}
