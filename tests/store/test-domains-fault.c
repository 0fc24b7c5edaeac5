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

/* A definition and all that follows, until the journal is empty. */
static bool
put_and_settle (CopDomainStore *store, GError **error)
{
  return put_new (store, error) && cop_domain_store_settle (store, error);
}

static const Operation operations[] = {
  { "settle", put_and_settle, OLD, NEW, true, true },
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
  const Operation *operation = &operations[2];

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

/* Power failures ----------------------------------------------------------------------------- */

#define DOMAINS 24
#define CHANGES 60

/* What the test has been told to be durable. */
typedef struct
{
  char *text; /* (owned) (nullable) */
  bool autostart;
} Promise;

static char *
uuid_of (unsigned domain)
{
  return g_strdup_printf ("00000000-0000-0000-0000-%012u", domain);
}

static void
change_something (CopDomainStore *store, Promise *promises, unsigned serial)
{
  unsigned domain = g_random_int_range (0, DOMAINS);
  Promise *promise = &promises[domain];
  g_autofree char *uuid = uuid_of (domain);

  if (promise->text != NULL && g_random_int_range (0, 3) == 0)
    {
      g_assert_true (cop_domain_store_remove (store, uuid, NULL));
      g_clear_pointer (&promise->text, g_free);
      promise->autostart = false;
    }
  else if (promise->text != NULL && g_random_int_range (0, 3) == 0)
    {
      promise->autostart = !promise->autostart;
      g_assert_true (cop_domain_store_set_autostart (store, uuid, promise->autostart, NULL));
    }
  else
    {
      g_free (promise->text);
      promise->text = g_strdup_printf ("<domain>%u</domain>", serial);
      g_assert_true (cop_domain_store_put (store, uuid, "name", promise->text, NULL));
    }
}

static void
copy_file (const char *from, const char *to)
{
  g_autofree char *text = NULL, *target = g_file_read_link (from, NULL);
  gsize length;

  g_unlink (to);
  if (target != NULL)
    g_assert_cmpint (symlink (target, to), ==, 0);
  else if (g_file_get_contents (from, &text, &length, NULL))
    g_assert_true (g_file_set_contents (to, text, length, NULL));
}

static bool
same_files (const char *one, const char *other)
{
  g_autofree char *a = NULL, *b = NULL;

  return g_file_get_contents (one, &a, NULL, NULL) && g_file_get_contents (other, &b, NULL, NULL) &&
         strcmp (a, b) == 0;
}

/* Copies @from/@folder/UUID.xml of all domains to @to/@folder; or, of those that have changed,
   @some, and spoils others. */
static void
copy_files (const char *folder, const char *from, const char *to, bool some)
{
  g_autofree char *path = g_build_filename (to, folder, NULL);

  g_assert_cmpint (g_mkdir_with_parents (path, 0700), ==, 0);
  for (unsigned i = 0; i < DOMAINS; i++)
    {
      g_autofree char *uuid = uuid_of (i);
      g_autofree char *name = g_strconcat (uuid, ".xml", NULL);
      g_autofree char *source = g_build_filename (from, folder, name, NULL);
      g_autofree char *target = g_build_filename (path, name, NULL);

      if (some && same_files (source, target))
        continue;
      if (!some || g_random_boolean ())
        copy_file (source, target);
      /* A file whose name came to the disk and whose contents did not. */
      else if (g_file_test (target, G_FILE_TEST_IS_REGULAR) &&
               !g_file_test (target, G_FILE_TEST_IS_SYMLINK) && g_random_int_range (0, 3) == 0)
        g_assert_cmpint (truncate (target, 0), ==, 0);
    }
}

static void
check_promises (const Promise *promises)
{
  g_autoptr (CopDomainStore) store = open_store ();
  g_autoptr (GPtrArray) domains = cop_domain_store_list (store, NULL);
  unsigned promised = 0;

  for (unsigned i = 0; i < DOMAINS; i++)
    {
      g_autofree char *uuid = uuid_of (i);
      g_autofree char *xml = cop_domain_store_read (store, uuid, NULL);

      g_assert_cmpstr (xml, ==, promises[i].text);
      promised += promises[i].text != NULL;
      for (guint k = 0; k < domains->len; k++)
        {
          const CopStoreDomain *domain = domains->pdata[k];

          if (strcmp (domain->uuid, uuid) == 0)
            g_assert_cmpint (domain->autostart, ==, promises[i].autostart);
        }
    }
  g_assert_cmpuint (domains->len, ==, promised);
}

/* Returns: whether two journals are the same at their halves' starts: none was emptied between. */
static bool
same_epochs (const char *one, const char *other)
{
  g_autofree char *a = NULL, *b = NULL;
  gsize length = 0;

  return g_file_get_contents (one, &a, &length, NULL) &&
         g_file_get_contents (other, &b, &length, NULL) && memcmp (a, b, 32) == 0 &&
         memcmp (a + length / 2, b + length / 2, 32) == 0;
}

/* A process that is killed leaves its writes to the kernel; here some of those are lost as well.
   What was synced before is in @kept; the journal says what has changed since. */
static void
test_power_failure (void)
{
  g_autofree char *kept = g_build_filename (root, "kept", NULL);
  g_autofree char *journal = g_build_filename (config, "domains.journal", NULL);
  g_autofree char *journal_kept = g_build_filename (kept, "domains.journal", NULL);
  g_autofree char *settled = g_build_filename (kept, "settled.journal", NULL);
  Promise promises[DOMAINS] = { 0 };
  unsigned rounds = 0;

  g_test_summary ("what was said to be done is there, whichever unsynced files the disk has lost");
  for (unsigned round = 0; round < 8; round++)
    {
      CopDomainStore *store = open_store ();

      g_assert_true (cop_domain_store_put (store, UUID, "old", OLD, NULL));
      g_assert_true (cop_domain_store_remove (store, UUID, NULL));
      g_assert_true (cop_domain_store_settle (store, NULL));
      copy_files ("domains", config, kept, false);
      copy_file (journal, settled);
      copy_files ("autostart", config, kept, false);
      for (unsigned i = 0; i < CHANGES; i++)
        change_something (store, promises, round * CHANGES + i);
      copy_file (journal, journal_kept);
      cop_domain_store_close (store);
      /* On a host that stands still for a second the store syncs its files in the midst of it. */
      if (!same_epochs (settled, journal_kept))
        continue;
      rounds++;
      copy_file (journal_kept, journal);
      copy_files ("domains", kept, config, true);
      copy_files ("autostart", kept, config, true);
      check_promises (promises);
    }
  g_assert_cmpuint (rounds, >, 0);
  for (unsigned i = 0; i < DOMAINS; i++)
    {
      g_autofree char *uuid = uuid_of (i);
      g_autoptr (CopDomainStore) store = open_store ();

      g_assert_true (cop_domain_store_remove (store, uuid, NULL));
      g_free (promises[i].text);
    }
}

/* A journal of which a part is not what was written. */
static void
test_damaged_journal (void)
{
  g_autofree char *journal = g_build_filename (config, "domains.journal", NULL);
  g_autofree char *kept = g_build_filename (root, "journal", NULL);
  gsize length;

  g_test_summary ("a journal with flipped bytes does no harm to what is in the files");
  prepare (&operations[2]);
  {
    CopDomainStore *store = open_store ();

    g_assert_true (put_new (store, NULL));
    copy_file (journal, kept);
    cop_domain_store_close (store);
  }
  for (unsigned i = 0; i < 64; i++)
    {
      g_autofree char *text = NULL;

      g_test_expect_message ("coppice", G_LOG_LEVEL_WARNING, "*damaged*");
      g_assert_true (g_file_get_contents (kept, &text, &length, NULL));
      text[i % 2 == 0 ? 0 : length / 2] ^= 1;
      text[4096 + i] ^= 1;
      g_assert_true (
        g_file_set_contents (journal, text, i % 8 == 7 ? length / 2 + 100 : length, NULL));
      check (&operations[2], true);
      g_test_assert_expected_messages ();
    }
}

static gpointer
change_many (gpointer data)
{
  CopDomainStore *store = data;
  g_autofree char *uuid = g_uuid_string_random ();

  for (unsigned i = 0; i < 200; i++)
    {
      g_autofree char *xml = g_strdup_printf ("<domain>%u%*s</domain>", i, (int) (i * 40), "");

      g_assert_true (cop_domain_store_put (store, uuid, "name", xml, NULL));
      if (i % 3 == 0)
        g_assert_true (cop_domain_store_remove (store, uuid, NULL));
    }
  return NULL;
}

/* More than the journal holds, from several threads, while it is being emptied. */
static void
test_threads (void)
{
  g_autoptr (CopDomainStore) store = open_store ();
  g_autoptr (GPtrArray) after = NULL;
  GThread *threads[6];

  g_test_summary ("many threads change definitions at a time, and all changes hold");
  g_assert_true (cop_domain_store_remove (store, UUID, NULL));
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("change", change_many, store);
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  cop_domain_store_close (store);
  store = open_store ();
  after = cop_domain_store_list (store, NULL);
  g_assert_cmpuint (after->len, ==, G_N_ELEMENTS (threads));
  for (unsigned i = 0; i < after->len; i++)
    {
      const CopStoreDomain *domain = after->pdata[i];
      g_autofree char *xml = cop_domain_store_read (store, domain->uuid, NULL);

      g_assert_true (g_str_has_prefix (xml, "<domain>199 "));
      g_assert_true (cop_domain_store_remove (store, domain->uuid, NULL));
    }
}

/* A definition that the journal does not take. */
static void
test_long (void)
{
  g_autofree char *padding = g_strnfill (300000, 'x');
  g_autofree char *xml = g_strdup_printf ("<domain>%s</domain>", padding);

  g_test_summary ("a definition longer than the journal takes is kept as any other");
  for (unsigned i = 0; i < 2; i++)
    {
      CopDomainStore *store = open_store ();
      g_autofree char *read = NULL;

      g_assert_true (cop_domain_store_put (store, UUID, "old", OLD, NULL));
      g_assert_true (cop_domain_store_put (store, UUID, "long", xml, NULL));
      cop_domain_store_close (store);
      store = open_store ();
      read = cop_domain_store_read (store, UUID, NULL);
      g_assert_cmpstr (read, ==, xml);
      g_assert_true (cop_domain_store_remove (store, UUID, NULL));
      cop_domain_store_close (store);
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
  g_test_add_func ("/store/domains-fault/threads", test_threads);
  g_test_add_func ("/store/domains-fault/long", test_long);
  g_test_add_func ("/store/domains-fault/power-failure", test_power_failure);
  g_test_add_func ("/store/domains-fault/damaged-journal", test_damaged_journal);
  result = g_test_run ();
  test_remove_tree (root);
  g_free (root);
  g_free (config);
  g_free (state);
  g_free (run);
  return result;
}
