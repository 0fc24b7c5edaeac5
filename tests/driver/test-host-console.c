/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sockets of consoles: one at a time has a path, however many ask for it at once.
 */
#include "driver/host-open.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>

#define ROUNDS 200
#define LISTENERS 4

typedef struct
{
  const char *path;
  int         ready;            /* (atomic) how many wait for the start */
  int         fds[LISTENERS];
  int         next;             /* (atomic) of them */
} Race;

/* Each begins when all are there. */
static gpointer
listen_at_once (gpointer data)
{
  Race *race = data;
  int own = g_atomic_int_add (&race->next, 1);
  g_autoptr (GError) error = NULL;

  g_atomic_int_inc (&race->ready);
  while (g_atomic_int_get (&race->ready) < LISTENERS)
    g_thread_yield ();
  race->fds[own] = cop_host_listen_unix ("console", race->path, &error);
  if (race->fds[own] < 0)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  return NULL;
}

static void
test_one_wins (void)
{
  g_autofree char *folder = g_dir_make_tmp ("cop-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "sock", NULL);

  g_test_summary ("Of those that find a stale socket at once one gets the path, and it listens");
  for (unsigned round = 0; round < ROUNDS; round++)
    {
      Race race = { .path = path };
      GThread *threads[LISTENERS];
      g_autoptr (GError) error = NULL;
      unsigned n = 0;
      int fd = -1, asked;

      for (unsigned i = 0; i < LISTENERS; i++)
        threads[i] = g_thread_new ("listener", listen_at_once, &race);
      for (unsigned i = 0; i < LISTENERS; i++)
        g_thread_join (threads[i]);
      for (unsigned i = 0; i < LISTENERS; i++)
        if (race.fds[i] >= 0)
          {
            n++;
            fd = race.fds[i];
          }
      g_assert_cmpuint (n, ==, 1);
      /* The others looked whether it lives. */
      while ((asked = accept (fd, NULL, NULL)) >= 0)
        close (asked);
      asked = cop_host_connect_unix ("console", path, &error);
      g_assert_no_error (error);
      close (asked);
      close (fd);
    }
  g_unlink (path);
  /* Nothing else was left there. */
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
test_in_the_way (void)
{
  g_autofree char *folder = g_dir_make_tmp ("cop-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "file", NULL);
  g_autofree char *below = g_build_filename (folder, "missing", "x", NULL);
  g_autoptr (GError) error = NULL;

  g_test_summary ("What is no socket stays; nothing is made where there is no folder");
  g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
  g_assert_cmpint (cop_host_listen_unix ("console", path, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_clear_error (&error);
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_REGULAR));
  g_assert_cmpint (cop_host_listen_unix ("console", below, &error), ==, -1);
  g_assert_nonnull (strstr (error->message, below));
  g_unlink (path);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/driver/host-console/one-wins", test_one_wins);
  g_test_add_func ("/driver/host-console/in-the-way", test_in_the_way);
  return g_test_run ();
}
