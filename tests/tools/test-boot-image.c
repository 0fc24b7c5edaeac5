/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The image that vmtool image pull makes, booted to user space: its own self-test with every
 * engine, and how what it runs ends.
 */
#include "test-image.h"
#include "vmtool-process.h"

#include "engine/engine.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* Far above what a boot takes on the slowest host: a guest that hangs ends the test here. */
#define COMMON "--memory 512M --timeout 200 "

/* The image's folder, quoted for a command line; NULL after the test was skipped or failed. */
static char *
image_argument (void)
{
  g_autoptr (CopImage) image = test_image_open ();
  g_autofree char *folder = NULL;

  if (image == NULL)
    return NULL;
  folder = g_strconcat (image->folder, "/", NULL);
  return g_shell_quote (folder);
}

static void
test_selftest (gconstpointer data)
{
  const CopEngineOps *engine = data;
  g_autofree char *image = image_argument ();
  g_autofree char *disk = g_build_filename (g_get_tmp_dir (), "coppice-test-disk-XXXXXX", NULL);
  g_autofree char *arguments = NULL;
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;
  int fd, status;

  if (image == NULL)
    return;
  fd = g_mkstemp (disk);
  g_assert_cmpint (ftruncate (fd, 1 << 20), ==, 0);
  close (fd);
  arguments = g_strdup_printf ("run " COMMON "--image %s --engine %s --harts 2 --net user "
                               "--disk %s --append coppice.selftest",
                               image, engine->name, disk);
  status = test_vmtool (arguments, &out, &err);
  g_unlink (disk);

  g_test_message ("%s%s", out, err);
  g_assert_cmpint (status, ==, 0);
  g_assert_nonnull (strstr (out, "coppice: init started"));
  g_assert_nonnull (strstr (out, "PASS vda: 2048 sectors"));
  g_assert_nonnull (strstr (out, "PASS network: 10.0.2.15/24"));
  g_assert_nonnull (strstr (out, "coppice: selftest passed"));
  g_assert_null (strstr (out, "FAIL"));
}

/* With a shell, so that a process more than init runs. */
static void
test_verify (void)
{
  g_autofree char *image = image_argument ();
  g_autofree char *arguments = NULL;
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;
  int status;

  g_test_summary ("the kernel, init and a shell run the same under the JIT as interpreted");
  if (image == NULL)
    return;
  arguments = g_strdup_printf ("run " COMMON "--image %s --verify --append "
                               "'coppice.run=\"echo $((6 * 7))\"'",
                               image);
  status = test_vmtool (arguments, &out, &err);
  g_test_message ("%s%s", out, err);
  g_assert_cmpint (status, ==, 0);
  g_assert_nonnull (strstr (out, "\n42"));
}

static void
test_failure (void)
{
  g_autofree char *image = image_argument ();
  g_autofree char *arguments = NULL;
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;

  g_test_summary ("a command that fails in the guest is vmtool's failure");
  if (image == NULL)
    return;
  arguments = g_strdup_printf ("run " COMMON "--image %s --append 'coppice.hostname=moss "
                               "coppice.run=\"hostname; exit 9\"'",
                               image);
  g_assert_cmpint (test_vmtool (arguments, &out, &err), ==, 9);
  g_assert_nonnull (strstr (out, "\nmoss"));
}

static void
test_shell (void)
{
  g_autofree char *image = image_argument ();
  g_autofree char *arguments = NULL;
  g_autoptr (TestProcess) process = NULL;

  g_test_summary ("a person gets a shell with job control, and its end powers the machine off");
  if (image == NULL)
    return;
  arguments = g_strdup_printf ("run " COMMON "--image %s", image);
  process = test_process_start_on_terminal (arguments);
  test_process_expect (process, "root@coppice:~# ");
  /* Printed by the process that is to be interrupted: the terminal is its own by then. After an echo
     of the shell's, the Ctrl-C may come between its fork and that, and be taken by the shell. */
  test_process_send (process, "sh -c 'echo $((6 * 7)) $(tty); exec sleep 100000'\r");
  test_process_expect (process, "42 /dev/ttyS0");
  test_process_send (process, "\003");
  test_process_expect (process, "root@coppice:~# ");
  test_process_send (process, "exit\r");
  g_assert_cmpint (test_process_wait (process), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (const CopEngineOps *const *engine = cop_engines; *engine != NULL; engine++)
    {
      g_autofree char *path = g_strconcat ("/tools/boot-image/selftest/", (*engine)->name, NULL);

      g_test_add_data_func (path, *engine, test_selftest);
    }
  g_test_add_func ("/tools/boot-image/verify", test_verify);
  g_test_add_func ("/tools/boot-image/failure", test_failure);
  g_test_add_func ("/tools/boot-image/shell", test_shell);
  return g_test_run ();
}
