/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pulling an image from a repository that the test makes.
 */
#include "store/image-private.h"
#include "store/image-pull.h"

#include "test-store.h"

#include <string.h>

typedef struct
{
  char *folder; /* of everything */
  char *repository, *keyring, *mirror;
} Fixture;

static void
run_script (const char *repository, const char *version)
{
  g_autofree char *script =
    g_test_build_filename (G_TEST_DIST, "store", "make-repository.sh", NULL);
  char *words[] = { script, (char *) repository, (char *) version, NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *complaint = NULL;
  int status;

  g_spawn_sync (NULL, words, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &complaint, &status, &error);
  g_assert_no_error (error);
  g_test_message ("%s", complaint);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);
}

static bool
set_up (Fixture *fixture)
{
  g_autofree char *images = NULL;

  if (!test_need_program ("apt-get") || !test_need_program ("dpkg-deb") ||
      !test_need_program ("gpg"))
    return false;
  fixture->folder = test_folder_new ();
  fixture->repository = g_build_filename (fixture->folder, "repository", NULL);
  fixture->keyring = g_build_filename (fixture->repository, "key.gpg", NULL);
  fixture->mirror = g_strdup_printf ("file:%s", fixture->repository);
  images = g_build_filename (fixture->folder, "images", NULL);
  g_setenv ("COPPICE_IMAGES", images, TRUE);
  run_script (fixture->repository, "6.1-1");
  return true;
}

static void
tear_down (Fixture *fixture)
{
  cop_folder_remove (fixture->folder, NULL);
  g_free (fixture->folder);
  g_free (fixture->repository);
  g_free (fixture->keyring);
  g_free (fixture->mirror);
}

static CopImage *
pull (const Fixture *fixture, bool *changed, GError **error)
{
  const CopImagePull request = { .distribution = "debian",
                                 .name = "debian",
                                 .suite = "try",
                                 .mirror = fixture->mirror,
                                 .keyring = fixture->keyring };

  return cop_image_pull (&request, changed, error);
}

static void
test_pull (void)
{
  Fixture fixture;
  g_autoptr (GError) error = NULL;
  g_autoptr (CopImage) image = NULL;
  g_autoptr (CopImage) again = NULL;
  g_autoptr (CopImage) newer = NULL;
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;
  bool changed;

  if (!set_up (&fixture))
    return;
  image = pull (&fixture, &changed, &error);
  g_assert_no_error (error);
  g_assert_true (changed);
  g_assert_cmpstr (image->kernel_version, ==, "6.1-1");
  g_assert_true (cop_image_verify (image, &error));
  path = cop_image_path (image, &image->kernel);
  g_file_get_contents (path, &text, NULL, NULL);
  g_assert_cmpstr (text, ==, "a kernel, version 6.1-1");

  again = pull (&fixture, &changed, &error);
  g_assert_no_error (error);
  g_assert_false (changed);

  run_script (fixture.repository, "6.1-2");
  newer = pull (&fixture, &changed, &error);
  g_assert_no_error (error);
  g_assert_true (changed);
  g_assert_cmpstr (newer->kernel_version, ==, "6.1-2");
  tear_down (&fixture);
}

/* Replaces one byte in the middle of the file. */
static void
damage (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *text = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  text[length / 2] ^= 1;
  g_assert_true (g_file_set_contents (path, text, length, NULL));
}

static void
check_refused (const Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  bool changed;

  g_assert_null (pull (fixture, &changed, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_SOURCE);
  g_assert_nonnull (strstr (error->message, fixture->mirror));
  g_clear_error (&error);
  g_assert_null (cop_image_open ("debian", &error));
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_MISSING);
}

static void
test_damaged_package (void)
{
  Fixture fixture;

  g_test_summary ("a package that is not what the signed lists say is refused");
  if (!set_up (&fixture))
    return;
  damage (fixture.repository, "pool/busybox-static_6.1-1_riscv64.deb");
  check_refused (&fixture);
  tear_down (&fixture);
}

static void
test_damaged_lists (void)
{
  Fixture fixture;

  if (!set_up (&fixture))
    return;
  damage (fixture.repository, "dists/try/main/binary-riscv64/Packages");
  check_refused (&fixture);
  tear_down (&fixture);
}

static void
test_wrong_key (void)
{
  Fixture fixture;
  g_autofree char *other = NULL;

  g_test_summary ("lists that another key signed are refused");
  if (!set_up (&fixture))
    return;
  other = g_build_filename (fixture.folder, "other", NULL);
  run_script (other, "6.1-1");
  g_free (fixture.keyring);
  fixture.keyring = g_build_filename (other, "key.gpg", NULL);
  check_refused (&fixture);
  tear_down (&fixture);
}

static void
test_absent_packages (void)
{
  Fixture fixture;
  g_autofree char *lists = NULL;

  if (!set_up (&fixture))
    return;
  lists = g_build_filename (fixture.repository, "dists", NULL);
  cop_folder_remove (lists, NULL);
  check_refused (&fixture);
  tear_down (&fixture);
}

static void
test_names (void)
{
  static const struct
  {
    const char *distribution, *name, *suite;
  } wrong[] = {
    { "plan9", "debian", "try" },
    { "debian", "../debian", "try" },
    { "debian", "debian", "../try" },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      const CopImagePull request = { .distribution = wrong[i].distribution,
                                     .name = wrong[i].name,
                                     .suite = wrong[i].suite,
                                     .mirror = "file:/nonexistent" };
      g_autoptr (GError) error = NULL;
      bool changed;

      g_assert_null (cop_image_pull (&request, &changed, &error));
      g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_NAME);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/image-pull/pull", test_pull);
  g_test_add_func ("/store/image-pull/damaged-package", test_damaged_package);
  g_test_add_func ("/store/image-pull/damaged-lists", test_damaged_lists);
  g_test_add_func ("/store/image-pull/wrong-key", test_wrong_key);
  g_test_add_func ("/store/image-pull/absent-packages", test_absent_packages);
  g_test_add_func ("/store/image-pull/names", test_names);
  return g_test_run ();
}
