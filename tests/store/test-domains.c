/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domains on disk: what is put there is found again, by this daemon and the next.
 */
#include "store/domains.h"

#include "test-store.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define UUID1 "11111111-2222-3333-4444-555555555555"
#define UUID2 "22222222-2222-3333-4444-555555555555"

typedef struct
{
  char *root, *config, *state, *run;
  CopDomainStore *store;
} Fixture;

static void
reopen (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&fixture->store, cop_domain_store_close);
  fixture->store = cop_domain_store_open (fixture->config, fixture->state, fixture->run, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  fixture->root = g_dir_make_tmp ("coppice-test-XXXXXX", NULL);
  fixture->config = g_build_filename (fixture->root, "config", NULL);
  fixture->state = g_build_filename (fixture->root, "state", NULL);
  fixture->run = g_build_filename (fixture->root, "run", NULL);
  reopen (fixture);
}

static void
tear_down (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_clear_pointer (&fixture->store, cop_domain_store_close);
  test_remove_tree (fixture->root);
  g_free (fixture->root);
  g_free (fixture->config);
  g_free (fixture->state);
  g_free (fixture->run);
}

static GPtrArray *
list (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *domains = cop_domain_store_list (fixture->store, &error);

  g_assert_no_error (error);
  return domains;
}

static void
put (Fixture *fixture, const char *uuid, const char *name, const char *xml)
{
  g_autoptr (GError) error = NULL;

  cop_domain_store_put (fixture->store, uuid, name, xml, &error);
  g_assert_no_error (error);
}

static void
test_definition (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  static const char *const names[] = { "web", "a--b", "--", "it's", "\303\244\n <x> & '\"",
                                       "-->", "%41" };

  g_test_summary ("a definition and its name, whatever is in it, survive a restart");
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GPtrArray) domains = NULL;
      g_autofree char *xml = NULL;
      const CopStoreDomain *domain;

      put (fixture, UUID1, names[i], "<domain>\n<!-- -->\n</domain>\n");
      reopen (fixture);
      domains = list (fixture);
      g_assert_cmpuint (domains->len, ==, 1);
      domain = domains->pdata[0];
      g_assert_cmpstr (domain->uuid, ==, UUID1);
      g_assert_cmpstr (domain->name, ==, names[i]);
      g_assert_false (domain->autostart);
      xml = cop_domain_store_read (fixture->store, UUID1, NULL);
      g_assert_cmpstr (xml, ==, "<domain>\n<!-- -->\n</domain>\n");
    }
}

static void
test_remove (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autoptr (GPtrArray) domains = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary (
    "what is removed is gone, with its autostart link; removing it again is no error");
  put (fixture, UUID1, "one", "<domain/>");
  put (fixture, UUID2, "two", "<domain/>");
  g_assert_true (cop_domain_store_set_autostart (fixture->store, UUID1, true, &error));
  for (int i = 0; i < 2; i++)
    g_assert_true (cop_domain_store_remove (fixture->store, UUID1, &error));
  put (fixture, UUID1, "one again", "<domain/>");
  reopen (fixture);
  domains = list (fixture);
  g_assert_cmpuint (domains->len, ==, 2);
  for (unsigned i = 0; i < 2; i++)
    g_assert_false (((CopStoreDomain *) domains->pdata[i])->autostart);
  g_assert_null (
    cop_domain_store_read (fixture->store, "33333333-2222-3333-4444-555555555555", &error));
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_MISSING);
}

static void
test_autostart (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_test_summary ("autostart is kept; setting it twice is no error");
  put (fixture, UUID1, "one", "<domain/>");
  for (int i = 0; i < 4; i++)
    {
      g_autoptr (GPtrArray) domains = NULL;

      g_assert_true (cop_domain_store_set_autostart (fixture->store, UUID1, i < 2, &error));
      reopen (fixture);
      domains = list (fixture);
      g_assert_cmpint (((CopStoreDomain *) domains->pdata[0])->autostart, ==, i < 2);
    }
}

static void
test_edited (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->config, "domains", UUID1 ".xml", NULL);
  g_autofree char *text = NULL, *xml = NULL, *by_hand = NULL;
  g_autoptr (GPtrArray) domains = NULL;

  g_test_summary ("a definition edited or written by hand is taken, its first line not believed");
  put (fixture, UUID1, "one", "<domain>one</domain>");
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  strstr (text, "one</domain>")[0] = 'O';
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  domains = list (fixture);
  g_assert_cmpuint (domains->len, ==, 1);
  g_assert_null (((CopStoreDomain *) domains->pdata[0])->name);
  xml = cop_domain_store_read (fixture->store, UUID1, NULL);
  g_assert_cmpstr (xml, ==, "<domain>One</domain>");
  g_assert_true (g_file_set_contents (path, "<domain/>", -1, NULL));
  by_hand = cop_domain_store_read (fixture->store, UUID1, NULL);
  g_assert_cmpstr (by_hand, ==, "<domain/>");
}

static void
test_running (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  CopStoreRunning running = {
    .uuid = UUID1,
    .id = 7,
    .name = (char *) "it's--",
    .token = (char *) "t'k",
    .state = 3,
    .reason = 1,
    .persistent = true,
    .started = G_GINT64_CONSTANT (1700000000123456),
    .job = (char *) "save",
    .xml = (char *) "<domain id='7'/>\n",
  };
  g_autofree char *path = g_build_filename (fixture->run, "domains", UUID2 ".xml", NULL);
  g_autofree char *aside = g_strconcat (path, ".damaged", NULL);
  g_autoptr (GPtrArray) found = NULL;
  g_autoptr (GError) error = NULL;
  const CopStoreRunning *again;

  g_test_summary ("the next daemon learns all of what ran; a damaged file costs one domain only");
  g_assert_true (cop_domain_store_put_running (fixture->store, &running, &error));
  g_assert_true (g_file_set_contents (path, "<!-- coppice:running id='1' -->\n", -1, NULL));
  reopen (fixture);
  found = cop_domain_store_list_running (fixture->store, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, 1);
  again = found->pdata[0];
  g_assert_cmpstr (again->uuid, ==, running.uuid);
  g_assert_cmpint (again->id, ==, running.id);
  g_assert_cmpstr (again->name, ==, running.name);
  g_assert_cmpstr (again->token, ==, running.token);
  g_assert_cmpuint (again->state, ==, running.state);
  g_assert_cmpuint (again->reason, ==, running.reason);
  g_assert_true (again->persistent);
  g_assert_cmpint (again->started, ==, running.started);
  g_assert_cmpstr (again->job, ==, running.job);
  g_assert_cmpstr (again->xml, ==, running.xml);
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
  g_assert_true (cop_domain_store_remove_running (fixture->store, UUID1, &error));
  g_clear_pointer (&found, g_ptr_array_unref);
  found = cop_domain_store_list_running (fixture->store, &error);
  g_assert_cmpuint (found->len, ==, 0);
}

static void
test_lock (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_test_summary ("two daemons never share folders");
  g_assert_null (cop_domain_store_open (fixture->config, fixture->state, fixture->run, &error));
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_BUSY);
}

static void
test_leftovers (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  static const struct
  {
    const char *path;
    bool stays;
  } files[] = {
    { "config/domains/." UUID1 ".xml.new", false },
    { "state/save/." UUID1 ".xml.memory.new", false },
    { "state/save/" UUID1 ".xml.memory", false },
    { "state/save/" UUID2 ".xml.memory", true },
    { "state/save/" UUID2 ".xml", true },
    { "config/domains/notes", true },
    { "config/autostart/" UUID2 ".xml", true },
  };
  g_autoptr (GError) error = NULL;

  g_test_summary ("what a crash left is removed at start, and nothing else");
  put (fixture, UUID2, "two", "<domain/>");
  g_assert_true (cop_domain_store_set_autostart (fixture->store, UUID2, true, &error));
  for (unsigned i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (fixture->root, files[i].path, NULL);

      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        g_assert_true (g_file_set_contents (path, "", -1, NULL));
    }
  reopen (fixture);
  for (unsigned i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (fixture->root, files[i].path, NULL);

      g_test_message ("%s", files[i].path);
      g_assert_cmpint (g_file_test (path, G_FILE_TEST_EXISTS), ==, files[i].stays);
    }
  g_assert_true (cop_domain_store_has_save (fixture->store, UUID2));
  g_assert_true (cop_domain_store_remove_save (fixture->store, UUID2, &error));
  g_assert_false (cop_domain_store_has_save (fixture->store, UUID2));
}

static void
test_read_only (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autofree char *folder = g_build_filename (fixture->config, "domains", NULL);
  g_autoptr (GPtrArray) domains = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("a home that cannot be written to can be read; errors name the file");
  put (fixture, UUID1, "one", "<domain/>");
  if (geteuid () == 0)
    {
      g_test_skip ("root writes where it likes");
      return;
    }
  g_assert_cmpint (g_chmod (folder, 0500), ==, 0);
  reopen (fixture);
  domains = list (fixture);
  g_assert_cmpuint (domains->len, ==, 1);
  g_assert_false (cop_domain_store_put (fixture->store, UUID2, "two", "<domain/>", &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_ACCES);
  g_assert_nonnull (strstr (error->message, UUID2));
  g_clear_error (&error);
  g_assert_false (cop_domain_store_remove (fixture->store, UUID1, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_ACCES);
  g_assert_cmpint (g_chmod (folder, 0700), ==, 0);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*func) (Fixture *, gconstpointer);
  } tests[] = {
    { "/store/domains/definition", test_definition },
    { "/store/domains/remove", test_remove },
    { "/store/domains/autostart", test_autostart },
    { "/store/domains/edited", test_edited },
    { "/store/domains/running", test_running },
    { "/store/domains/lock", test_lock },
    { "/store/domains/leftovers", test_leftovers },
    { "/store/domains/read-only", test_read_only },
  };

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].func, tear_down);
  return g_test_run ();
}
