/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Typed parameters: what a setter takes, and how a getter answers.
 */
#include "driver/wire/params.h"

#include "driver/error.h"

static const CopParamRow rows[] = {
  { "cpu_shares", COP_PARAM_ULLONG },
  { "vcpu_quota", COP_PARAM_LLONG },
  { "small", COP_PARAM_INT },
  { "disk", COP_PARAM_STRING, .repeated = true },
  { NULL },
};

static void
refuse (CopParams *params, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (cop_params_check (params->items, params->n, rows, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG);
  g_assert_nonnull (g_strrstr (error->message, text));
  cop_params_clear (params);
}

static void
test_check (void)
{
  g_auto (CopParams) params = COP_PARAMS_INIT;
  g_autoptr (GError) error = NULL;

  g_test_summary ("unknown names, wrong types, values that do not fit and doubles are refused");
  cop_params_add_int (&params, "nonsense", 1);
  refuse (&params, "cpu_shares, vcpu_quota, small, disk");
  cop_params_add_string (&params, "cpu_shares", "1");
  refuse (&params, "ullong");
  cop_params_add_int (&params, "cpu_shares", -1);
  refuse (&params, "cpu_shares");
  cop_params_add_llong (&params, "small", INT64_C (0x80000000));
  refuse (&params, "small");
  cop_params_add_int (&params, "small", 1);
  cop_params_add_int (&params, "small", 2);
  refuse (&params, "twice");

  cop_params_add_int (&params, "cpu_shares", 7);
  cop_params_add_llong (&params, "small", INT32_MIN);
  cop_params_add_string (&params, "disk", "vda");
  cop_params_add_string (&params, "disk", "vdb");
  g_assert_true (cop_params_check (params.items, params.n, rows, &error));
  g_assert_no_error (error);
  g_assert_cmpint (params.items[0].type, ==, COP_PARAM_ULLONG);
  g_assert_cmpuint (params.items[0].value.ul, ==, 7);
  g_assert_cmpint (params.items[1].value.i, ==, INT32_MIN);
}

static void
test_answer (void)
{
  static const struct
  {
    int wanted;
    uint32_t n;
    int available;
  } cases[] = { { 0, 0, 3 }, { 2, 2, 2 }, { 3, 3, 3 }, { 100, 3, 3 }, { -1, 0, 0 } };

  g_test_summary ("a getter first tells how many there are, then as many as there is room for");
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      CopParams params = COP_PARAMS_INIT;
      CopTypedParam *items = NULL;
      uint32_t n = 99;
      int32_t available = 99;

      cop_params_add_int (&params, "a", 1);
      cop_params_add_string (&params, "b", "text");
      cop_params_add (&params, COP_PARAM_STRING, "net.%u.name", 3)->value.s = g_strdup ("x");
      cop_params_answer (&params, cases[i].wanted, &items, &n, &available);
      g_assert_cmpuint (n, ==, cases[i].n);
      g_assert_cmpint (available, ==, cases[i].available);
      params = (CopParams){ items, n, n };
      if (n == 3)
        g_assert_nonnull (cop_params_find (items, n, "net.3.name"));
      cop_params_clear (&params);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/params/check", test_check);
  g_test_add_func ("/wire/params/answer", test_answer);
  return g_test_run ();
}
