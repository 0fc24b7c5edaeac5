/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The process is killed at every step on the way to disk; the disk is full at every write. What is
 * found afterwards is the old or the new, and nothing else.
 */
#include "store/domains.h"
#include "store/step.h"

#include "test-store.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define UUID "11111111-2222-3333-4444-555555555555"
#define OLD "<domain>old</domain>"
#define NEW "<domain>a newer one</domain>"

static char *root, *config, *state, *run;
static int steps_left;

static void
die_at_step (G_GNUC_UNUSED CopStoreStep step)
{
  if (steps_left-- == 0)
    kill (getpid (), SIGKILL);
}

static CopDomainStore *
open_store (void)
{
  g_autoptr (GError) error = NULL;
  CopDomainStore *store = cop_domain_store_open (config, state, run, &error);

  g_assert_no_error (error);
  return store;
}

/* Each operation, and what there is before and after it; NULL: nothing. */
typedef struct
{
  const char *name;
  bool (*run) (CopDomainStore *store, GError **error);
  const char *before, *after;
  bool autostart_before, autostart_after;
} Operation;

static bool
put_new (CopDomainStore *store, GError **error)
{
  return cop_domain_store_put (store, UUID, "new", NEW, error);
}

static bool
remove_it (CopDomainStore *store, GError **error)
{
  return cop_domain_store_remove (store, UUID, error);
}

static bool
autostart_on (CopDomainStore *store, GError **error)
{
  return cop_domain_store_set_autostart (store, UUID, true, error);
}

static bool
autostart_off (CopDomainStore *store, GError **error)
{
  return cop_domain_store_set_autostart (store, UUID, false, error);
}

static const Operation operations[] = {
  { "define", put_new, NULL, NEW, false, false },
  { "redefine", put_new, OLD, NEW, true, true },
  { "undefine", remove_it, OLD, NULL, false, false },
  { "undefine-autostarted", remove_it, OLD, NULL, true, false },
  { "autostart", autostart_on, OLD, OLD, false, true },
  { "no-autostart", autostart_off, OLD, OLD, true, false },
};

static void
prepare (const Operation *operation)
{
  g_autoptr (CopDomainStore) store = open_store ();

  g_assert_true (cop_domain_store_remove (store, UUID, NULL));
  if (operation->before != NULL)
    g_assert_true (cop_domain_store_put (store, UUID, "old", operation->before, NULL));
  if (operation->before != NULL)
    g_assert_true (cop_domain_store_set_autostart (store, UUID, operation->autostart_before, NULL));
}

/* Opens the store as the next daemon does: what is there must be wholly old or wholly new. */
static void
check (const Operation *operation, bool done)
{
  g_autoptr (CopDomainStore) store = open_store ();
  g_autoptr (GPtrArray) domains = cop_domain_store_list (store, NULL);
  g_autofree char *xml = cop_domain_store_read (store, UUID, NULL);
  g_autofree char *folder = g_build_filename (config, "domains", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  if (done)
    g_assert_cmpstr (xml, ==, operation->after);
  else
    g_assert_true (g_strcmp0 (xml, operation->before) == 0 ||
                   g_strcmp0 (xml, operation->after) == 0);
  g_assert_cmpuint (domains->len, ==, xml != NULL);
  if (xml != NULL)
    {
      const CopStoreDomain *domain = domains->pdata[0];

      g_assert_cmpstr (domain->name, ==, strcmp (xml, OLD) == 0 ? "old" : "new");
      if (operation->autostart_before == operation->autostart_after || done)
        g_assert_cmpint (domain->autostart, ==,
                         done ? operation->autostart_after : operation->autostart_before);
    }
  while ((name = g_dir_read_name (dir)) != NULL)
    g_assert_cmpstr (name, ==, UUID ".xml");
}

/* Returns: whether the child came to the end of @operation before it was killed at step @step */
static bool
run_to_step (const Operation *operation, int step)
{
  pid_t child = fork ();
  int status;

  if (child == 0)
    {
      CopDomainStore *store = open_store ();

      steps_left = step;
      cop_store_step_hook = die_at_step;
      _exit (operation->run (store, NULL) ? 0 : 1);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (WIFEXITED (status))
    {
      g_assert_cmpint (WEXITSTATUS (status), ==, 0);
      return true;
    }
  g_assert_cmpint (WTERMSIG (status), ==, SIGKILL);
  return false;
}

static void
test_kill (gconstpointer data)
{
  const Operation *operation = data;
  bool done;
  int step = 0;

  g_test_summary ("killed at any step, the old or the new is there, and no leftover");
  do
    {
      prepare (operation);
      done = run_to_step (operation, step++);
      check (operation, done);
    }
  while (!done);
  g_test_message ("%d steps", step - 1);
  g_assert_cmpint (step, >, 1);
}

/* A limit on the size of files stands for a full disk: both fail in write(), also for root. */
static void
test_full (void)
{
  const Operation *operation = &operations[1];

  g_test_summary ("a write that finds no room leaves the old definition and says what is wrong");
  for (rlim_t room = 0; room < 64; room += 16)
    {
      pid_t child;
      int status;

      prepare (operation);
      child = fork ();
      if (child == 0)
        {
          CopDomainStore *store = open_store ();
          const struct rlimit limit = { room, room };
          GError *error = NULL;

          signal (SIGXFSZ, SIG_IGN);
          setrlimit (RLIMIT_FSIZE, &limit);
          if (put_new (store, &error))
            _exit (1);
          _exit (strstr (error->message, UUID) != NULL ? 0 : 2);
        }
      g_assert_cmpint (waitpid (child, &status, 0), ==, child);
      g_assert_cmpint (status, ==, 0);
      {
        g_autoptr (CopDomainStore) store = open_store ();
        g_autofree char *xml = cop_domain_store_read (store, UUID, NULL);

        g_assert_cmpstr (xml, ==, OLD);
      }
    }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  root = g_dir_make_tmp ("coppice-test-XXXXXX", NULL);
  config = g_build_filename (root, "config", NULL);
  state = g_build_filename (root, "state", NULL);
  run = g_build_filename (root, "run", NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    {
      g_autofree char *path = g_strconcat ("/store/domains-fault/", operations[i].name, NULL);

      g_test_add_data_func (path, &operations[i], test_kill);
    }
  g_test_add_func ("/store/domains-fault/full", test_full);
  result = g_test_run ();
  test_remove_tree (root);
  g_free (root);
  g_free (config);
  g_free (state);
  g_free (run);
  return result;
}
