/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sizes as people write them.
 */
#include "common/units.h"

static const struct
{
  const char *text;
  bool        good;
  uint64_t    bytes;
} sizes[] = {
  /* clang-format off */
  { "0",                     true,  0 },
  { "512",                   true,  512 },
  { "2K",                    true,  2048 },
  { "2k",                    true,  2048 },
  { "512M",                  true,  512 * COP_MIB },
  { "4GiB",                  true,  4 * COP_GIB },
  { "16777215T",             true,  UINT64_C (16777215) << 40 },
  { "16777216T",             false, 0 },
  { "18446744073709551615",  true,  UINT64_MAX },
  { "18446744073709551616",  false, 0 },
  { "",                      false, 0 },
  { "M",                     false, 0 },
  { "-1",                    false, 0 },
  { "1.5G",                  false, 0 },
  { "1GB",                   false, 0 },
  { "1X",                    false, 0 },
  /* clang-format on */
};

static void
test_parse (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GError) error = NULL;
      uint64_t bytes = 77;

      g_test_message ("%s", sizes[i].text);
      g_assert_true (cop_size_parse (sizes[i].text, &bytes, &error) == sizes[i].good);
      g_assert_cmpuint (bytes, ==, sizes[i].good ? sizes[i].bytes : 77);
      g_assert_true ((error == NULL) == sizes[i].good);
    }
}

static void
test_format (void)
{
  g_autofree char *mebibytes = cop_size_format (512 * COP_MIB);
  g_autofree char *odd = cop_size_format (COP_GIB + 1);

  g_assert_cmpstr (mebibytes, ==, "512 MiB");
  g_assert_cmpstr (odd, ==, "1073741825 bytes");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/common/units/parse", test_parse);
  g_test_add_func ("/common/units/format", test_format);
  return g_test_run ();
}
