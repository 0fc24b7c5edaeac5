/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sets of extensions as people and device trees write them.
 */
#include "engine/riscv/isa.h"

#include <gio/gio.h>
#include <string.h>

#define MODES (COP_ISA (S) | COP_ISA (U) | COP_ISA (SV39) | COP_ISA (SV48) | COP_ISA (SV57))
#define G                                                                                \
  (COP_ISA (I) | COP_ISA (M) | COP_ISA (A) | COP_ISA (F) | COP_ISA (D) | COP_ISA (ZICSR) | \
   COP_ISA (ZIFENCEI))

static const struct
{
  const char *text;
  CopIsa      without;          /* of the default; 0 with only set */
  CopIsa      only;             /* exactly these */
} good[] = {
  /* clang-format off */
  { "",                         0 },
  { "zba=on",                   0 },
  { "zba=off",                  COP_ISA (ZBA) },
  { "zba=off,zba=on",           0 },
  { "ZBA=off,sv57=off",         COP_ISA (ZBA) | COP_ISA (SV57) },
  { "d=off,f=off,zfhmin=off",   COP_ISA (D) | COP_ISA (F) | COP_ISA (ZFHMIN) },
  { "rv64g",                    0, G | MODES },
  { "rv64gc,zba=on",            0, G | MODES | COP_ISA (C) | COP_ISA (ZBA) },
  { "RV64imac_zicsr_zbb",       0, MODES | COP_ISA (I) | COP_ISA (M) | COP_ISA (A) | COP_ISA (C) | COP_ISA (ZICSR) | COP_ISA (ZBB) },
  /* clang-format on */
};

static const struct
{
  const char *text, *message;
} bad[] = {
  /* clang-format off */
  { "zba",            "'zba' says neither on nor off; write zba=on or zba=off" },
  { "zba=yes",        "'zba=yes' says neither" },
  { "zbaz=on",        "there is no extension 'zbaz'" },
  { "zba=on,",        "there is no extension ''" },
  { "zba=on,rv64gc",  "there is no extension 'rv64gc'" },
  { "rv64gq",         "there is no extension 'q'" },
  { "rv64gc_",        "there is no extension ''" },
  { "rv64gc_sv39",    "there is no extension 'sv39'" },
  { "rv64",           "'i' is the base" },
  { "i=off",          "'i' is the base" },
  { "f=off",          "extension 'd' needs 'f'; add f=on or d=off" },
  { "sv39=off",       "extension 'sv48' needs 'sv39'" },
  { "rv64imafd",      "extension 'f' needs 'zicsr'" },
  /* clang-format on */
};

static void
test_parse_good (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (good); i++)
    {
      CopIsa expected = good[i].only != 0 ? good[i].only : cop_isa_default () & ~good[i].without;
      g_autoptr (GError) error = NULL;
      CopIsa isa = 0;

      g_test_message ("%s", good[i].text);
      cop_isa_parse (good[i].text, &isa, &error);
      g_assert_no_error (error);
      g_assert_cmphex (isa, ==, expected);
    }
}

static void
test_parse_bad (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      CopIsa isa = 77;

      g_test_message ("%s", bad[i].text);
      g_assert_false (cop_isa_parse (bad[i].text, &isa, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, bad[i].message));
      g_assert_cmphex (isa, ==, 77);
    }
}

static void
test_string_reads_back (void)
{
  g_autofree char *text = cop_isa_string (cop_isa_default ());
  g_autofree char *small = cop_isa_string (COP_ISA (I) | COP_ISA (C) | COP_ISA (ZBA) | MODES);
  g_autoptr (GError) error = NULL;
  CopIsa isa = 0;

  g_test_summary ("what the device tree says of a hart selects the same hart");
  g_assert_cmpstr (small, ==, "rv64ic_zba");
  g_assert_true (g_str_has_prefix (text, "rv64imafdc_zicbom_"));
  cop_isa_parse (text, &isa, &error);
  g_assert_no_error (error);
  g_assert_cmphex (isa, ==, cop_isa_default ());
}

static void
test_table_is_consistent (void)
{
  g_test_summary ("the default needs nothing that it does not have, and names are unique");
  for (unsigned i = 0; i < COP_ISA_LAST; i++)
    {
      if (cop_isa_table[i].by_default)
        g_assert_cmphex (cop_isa_table[i].needs & ~cop_isa_default (), ==, 0);
      for (unsigned j = 0; j < i; j++)
        g_assert_cmpstr (cop_isa_table[i].name, !=, cop_isa_table[j].name);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/riscv/isa/parse-good", test_parse_good);
  g_test_add_func ("/engine/riscv/isa/parse-bad", test_parse_bad);
  g_test_add_func ("/engine/riscv/isa/string-reads-back", test_string_reads_back);
  g_test_add_func ("/engine/riscv/isa/table-is-consistent", test_table_is_consistent);
  return g_test_run ();
}
