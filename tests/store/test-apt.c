/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which mirrors apt's configuration names, and what it says of packages.
 */
#include "store/apt.h"
#include "store/image-private.h"

#include "test-store.h"

static const struct
{
  const char *targets;
  const char *mirrors; /* joined with spaces */
} target_lists[] = {
  /* clang-format off */
  { "", "" },
  { "Packages\tDebian\tDebian\tmain\thttp://a/\n", "http://a/" },
  /* once each, and only the main archive */
  { "Packages\tDebian\tDebian-Security\tmain\thttp://s/\n"
    "Packages\tDebian\tDebian\tcontrib\thttp://c/\n"
    "Translations\tDebian\tDebian\tmain\thttp://t/\n"
    "Packages\tUbuntu\tUbuntu\tmain\thttp://u/\n"
    "Packages\tDebian\tDebian\tmain\thttp://a/\n"
    "Packages\tDebian\tDebian\tmain\thttp://a/\n", "http://a/" },
  /* without lists apt leaves the words as they are; what is known comes first */
  { "Packages\t$(ORIGIN)\t$(LABEL)\tmain\thttp://x/debian-security/\n"
    "Packages\t$(ORIGIN)\t$(LABEL)\tmain\thttp://x/debian/\n"
    "Packages\tDebian\tDebian\tmain\thttp://a/\n",
    "http://a/ http://x/debian/ http://x/debian-security/" },
  /* what is known to be another archive is not unknown when it is listed again */
  { "Packages\tUbuntu\tUbuntu\tmain\thttp://u/\n"
    "Packages\t$(ORIGIN)\t$(LABEL)\tmain\thttp://u/\n"
    "Packages\t$(ORIGIN)\t$(LABEL)\tmain\thttp://x/\n", "http://x/" },
  { "nonsense\nPackages\t\n\t\t\t\t\t\t\t\n", "" },
  /* clang-format on */
};

static void
test_targets (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (target_lists); i++)
    {
      g_auto (GStrv) mirrors = cop_apt_mirrors_parse (target_lists[i].targets);
      g_autofree char *joined = g_strjoinv (" ", mirrors);

      g_assert_cmpstr (joined, ==, target_lists[i].mirrors);
    }
}

static const struct
{
  const char *sample; /* folder in apt/, in the place of /etc/apt */
  const char *mirrors;
} samples[] = {
  { "deb822", "https://one.example.org/debian/ https://two.example.org/debian/ "
              "https://security.example.org/debian-security/" },
  { "one-line", "http://[2001:db8::1]:3142/debian/" },
  { "mirror-file", "mirror+file:/etc/apt/mirrors/debian.list/" },
  { "other", "" },
};

static void
test_samples (void)
{
  g_autofree char *folder = test_folder_new ();
  g_autofree char *config = g_build_filename (folder, "apt.conf", NULL);

  g_test_summary ("every way in which sources are written leads to the same mirrors");
  if (!test_need_program ("apt-get"))
    return;
  for (size_t i = 0; i < G_N_ELEMENTS (samples); i++)
    {
      g_autofree char *etc =
        g_test_build_filename (G_TEST_DIST, "store", "apt", samples[i].sample, NULL);
      g_autofree char *text = g_strdup_printf (
        "Dir::Etc \"%s\";\nDir::State \"%s\";\nDir::Cache \"%s\";\n", etc, folder, folder);
      g_autoptr (GError) error = NULL;
      g_auto (GStrv) mirrors = NULL;
      g_autofree char *joined = NULL;

      g_file_set_contents (config, text, -1, &error);
      g_assert_no_error (error);
      g_setenv ("APT_CONFIG", config, TRUE);
      mirrors = cop_apt_mirrors (&error);
      g_unsetenv ("APT_CONFIG");
      g_assert_no_error (error);
      joined = g_strjoinv (" ", mirrors);
      g_assert_cmpstr (joined, ==, samples[i].mirrors);
    }
  cop_folder_remove (folder, NULL);
}

static void
test_package (void)
{
  g_autoptr (CopPackage) package =
    cop_package_parse ("Package: linux-image-riscv64\n"
                       "Version: 1:6.12.107-1\n"
                       "Architecture: riscv64\n"
                       "Installed-Size: 13\n"
                       "Pre-Depends: linux-base (>= 4.12~)\n"
                       "Depends: kmod | other,\n linux-image-6.12:riscv64 (= 6.12.107-1)\n"
                       "Description: text\n\n"
                       "Package: second\n");
  const CopApt apt = { .folder = "/x" };
  g_autofree char *path = cop_apt_package_path (&apt, package);
  g_autofree char *kernel = cop_package_find_dependency (package, "linux-image-");
  g_autofree char *kmod = cop_package_find_dependency (package, "kmod");

  g_assert_cmpstr (package->name, ==, "linux-image-riscv64");
  g_assert_cmpuint (package->installed_size, ==, 13 * 1024);
  g_assert_cmpstr (path, ==, "/x/archives/linux-image-riscv64_1%3a6.12.107-1_riscv64.deb");
  g_assert_cmpstr (kernel, ==, "linux-image-6.12");
  g_assert_cmpstr (kmod, ==, "kmod");
  g_assert_null (cop_package_find_dependency (package, "other"));
  g_assert_null (cop_package_parse (""));
  g_assert_null (cop_package_parse ("Package: a\n\nVersion: 1\n"));
}

static void
test_words (void)
{
  static const char *const mirrors[] = { "", "http://a/ main\nURIs: http://b", "-o", "a;b",
                                         "a\"b" };

  g_test_summary ("a mirror's name cannot add a line to apt's files");
  for (size_t i = 0; i < G_N_ELEMENTS (mirrors); i++)
    {
      const CopApt apt = {
        .folder = "/nonexistent", .mirror = mirrors[i], .suite = "s", .architecture = "riscv64"
      };
      g_autoptr (GError) error = NULL;

      g_assert_false (cop_apt_update (&apt, NULL, NULL, &error));
      g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_SOURCE);
      g_assert_true (g_str_has_prefix (error->message, "mirror '"));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/apt/targets", test_targets);
  g_test_add_func ("/store/apt/samples", test_samples);
  g_test_add_func ("/store/apt/package", test_package);
  g_test_add_func ("/store/apt/words", test_words);
  return g_test_run ();
}
