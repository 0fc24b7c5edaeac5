/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A pull that is killed anywhere on its way leaves the image that was there or the new one, whole;
 * the next pull gets to its end, and nothing is left over.
 */
#include "store/image-private.h"
#include "store/image-pull.h"
#include "store/step.h"

#include "test-store.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder, *repository, *images, *mirror, *keyring;
static int places_left; /* until the process dies */

static void
run_program (const char *const *words)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **) words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);
}

static void
make_repository (const char *version)
{
  g_autofree char *script =
    g_test_build_filename (G_TEST_DIST, "store", "make-repository.sh", NULL);

  run_program ((const char *const[]){ script, repository, version, NULL });
}

static void
die_here (void)
{
  if (places_left-- == 0)
    kill (getpid (), SIGKILL);
}

static void
on_step (G_GNUC_UNUSED CopStoreStep step)
{
  die_here ();
}

/* Where each phase begins. */
static void
on_progress (CopImagePhase phase, G_GNUC_UNUSED double done, G_GNUC_UNUSED gpointer data)
{
  static int last = -1;

  if ((int) phase != last)
    die_here ();
  last = (int) phase;
}

static CopImage *
pull (CopImageProgress progress, GError **error)
{
  const CopImagePull request = { .distribution = "debian",
                                 .name = "debian",
                                 .suite = "try",
                                 .mirror = mirror,
                                 .keyring = keyring,
                                 .progress = progress };
  bool changed;

  return cop_image_pull (&request, &changed, error);
}

/* The process that dies, run as: PROGRAM --die-at PLACE MIRROR KEYRING. */
static int
pull_until_death (char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CopImage) image = NULL;

  places_left = atoi (words[0]);
  mirror = words[1];
  keyring = words[2];
  cop_store_step_hook = on_step;
  image = pull (on_progress, &error);
  return image != NULL ? 0 : 1;
}

/* Pulls in a process of its own, for GLib's threads do not survive a fork, that dies at place number
   @place. Returns: whether it did */
static bool
pull_and_die (int place)
{
  g_autofree char *number = g_strdup_printf ("%d", place);
  const char *const words[] = { "/proc/self/exe", "--die-at", number, mirror, keyring, NULL };
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **) words, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status,
                &error);
  g_assert_no_error (error);
  if (WIFSIGNALED (status))
    {
      g_assert_cmpint (WTERMSIG (status), ==, SIGKILL);
      return true;
    }
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  return false;
}

/* What is there is an image, and whole. */
static void
check_whole (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CopImage) image = cop_image_open ("debian", &error);

  g_assert_no_error (error);
  g_assert_true (g_str_equal (image->kernel_version, "6.1-1") ||
                 g_str_equal (image->kernel_version, "6.1-2"));
  g_assert_true (cop_image_verify (image, &error));
  g_assert_no_error (error);
}

static void
check_nothing_left_over (void)
{
  g_autofree char *path = g_build_filename (images, "debian", NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  unsigned n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  g_assert_cmpuint (n, ==, 3); /* manifest, kernel, initrd */
}

static void
test_killed (void)
{
  g_autofree char *before = g_build_filename (folder, "before", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (CopImage) first = NULL;
  bool died = true;

  g_test_summary ("A pull that is killed at any step leaves an image, and can be repeated");
  make_repository ("6.1-1");
  first = pull (NULL, &error);
  g_assert_no_error (error);
  make_repository ("6.1-2");
  run_program ((const char *const[]){ "cp", "-a", images, before, NULL });

  for (int place = 0; died; place++)
    {
      g_autoptr (CopImage) image = NULL;

      test_remove_tree (images);
      run_program ((const char *const[]){ "cp", "-a", before, images, NULL });
      died = pull_and_die (place);
      check_whole ();
      image = pull (NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (image->kernel_version, ==, "6.1-2");
      check_whole ();
      check_nothing_left_over ();
      if (!died)
        g_test_message ("%d places", place);
    }
}

int
main (int argc, char **argv)
{
  int status;

  if (argc == 5 && g_str_equal (argv[1], "--die-at"))
    return pull_until_death (argv + 2);
  g_test_init (&argc, &argv, NULL);
  if (!test_need_program ("apt-get") || !test_need_program ("dpkg-deb") ||
      !test_need_program ("gpg"))
    return g_test_run ();
  folder = test_folder_new ();
  repository = g_build_filename (folder, "repository", NULL);
  images = g_build_filename (folder, "images", NULL);
  keyring = g_build_filename (repository, "key.gpg", NULL);
  mirror = g_strdup_printf ("file:%s", repository);
  g_setenv ("COPPICE_IMAGES", images, TRUE);
  g_test_add_func ("/store/image-pull-fault/killed", test_killed);
  status = g_test_run ();
  test_remove_tree (folder);
  return status;
}
