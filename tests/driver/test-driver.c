/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domains without machines: definitions, names, lists, jobs, events, and what the next driver
 * finds.
 */
#include "driver/driver.h"
#include "driver/error.h"
#include "store/error.h"

#include "../store/test-store.h"

#include <string.h>

#define UUID1 "11111111-2222-3333-4444-555555555555"
#define UUID2 "22222222-2222-3333-4444-555555555555"

typedef struct
{
  char *root;
  CopPaths *paths;
  CopDriver *driver;
  GString *events;
} Fixture;

/* On any thread, but in these tests on ours. */
static void
on_event (const CopDomainEvent *event, gpointer data)
{
  Fixture *fixture = data;

  g_string_append_printf (fixture->events, "%s:%d:%d:%d ", event->name, event->kind, event->event,
                          event->detail);
}

static void
reopen (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  if (fixture->driver != NULL)
    cop_driver_close (fixture->driver);
  g_clear_object (&fixture->driver);
  fixture->driver = cop_driver_new (fixture->paths, &error);
  g_assert_no_error (error);
  cop_driver_set_event_func (fixture->driver, on_event, fixture);
}

static void
set_up (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  fixture->root = test_folder_new ();
  fixture->paths = cop_paths_new (false, fixture->root, NULL, NULL);
  fixture->events = g_string_new (NULL);
  reopen (fixture);
}

static void
tear_down (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  cop_driver_close (fixture->driver);
  g_clear_object (&fixture->driver);
  cop_paths_free (fixture->paths);
  test_remove_tree (fixture->root);
  g_string_free (fixture->events, true);
  g_free (fixture->root);
}

/* Defines @name with @uuid (NULL: any). Returns: (transfer full) (nullable) */
static CopDomain *
define (Fixture *fixture, const char *name, const char *uuid, GError **error)
{
  g_autofree char *xml = g_strdup_printf (
    "<domain type='coppice'><name>%s</name>%s%s%s<memory unit='MiB'>32</memory><os>"
    "<type arch='riscv64' machine='virt'>hvm</type><kernel>/k</kernel></os></domain>",
    name, uuid != NULL ? "<uuid>" : "", uuid != NULL ? uuid : "", uuid != NULL ? "</uuid>" : "");

  return cop_driver_define (fixture->driver, xml, 0, error);
}

static void
test_define (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autoptr (CopDomain) domain = define (fixture, "one", UUID1, NULL);
  g_autoptr (CopDomain) again = define (fixture, "one", UUID1, NULL);
  g_autoptr (CopDomain) other = NULL;
  g_autoptr (CopDomain) found = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary (
    "a UUID has one name and a name one UUID; both find the same domain after a restart");
  g_assert_nonnull (domain);
  g_assert_true (again == domain);
  g_assert_null (define (fixture, "two", UUID1, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_FAILED);
  g_clear_error (&error);
  g_assert_null (define (fixture, "one", UUID2, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_FAILED);
  g_clear_error (&error);
  g_assert_cmpstr (fixture->events->str, ==, "one:0:0:0 one:0:0:1 ");
  g_clear_object (&domain);
  g_clear_object (&again);
  reopen (fixture);
  found = cop_driver_by_name (fixture->driver, "one", NULL);
  g_assert_nonnull (found);
  g_assert_null (cop_driver_by_name (fixture->driver, "two", &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_DOMAIN);
  other = define (fixture, "two", UUID2, NULL);
  g_assert_nonnull (other);
}

static void
test_undefine (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autoptr (CopDomain) domain = define (fixture, "one", UUID1, NULL);
  g_autoptr (CopDomain) again = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("what is undefined is gone, for handles too; its name is free");
  g_assert_true (cop_domain_undefine (domain, 0, NULL));
  g_assert_null (cop_driver_by_name (fixture->driver, "one", NULL));
  g_assert_false (cop_domain_start (domain, 0, NULL, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_DOMAIN);
  g_clear_error (&error);
  g_assert_false (cop_domain_undefine (domain, 0, &error));
  again = define (fixture, "one", UUID2, NULL);
  g_assert_nonnull (again);
}

static void
test_rename (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autoptr (CopDomain) domain = define (fixture, "one", UUID1, NULL);
  g_autoptr (CopDomain) other = define (fixture, "two", UUID2, NULL);
  g_autoptr (CopDomain) found = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("a rename takes a free name only, frees the old one, and is kept");
  g_string_truncate (fixture->events, 0);
  g_assert_false (cop_domain_rename (domain, "two", &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_FAILED);
  g_clear_error (&error);
  g_assert_false (cop_domain_rename (domain, "a/b", &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG);
  g_assert_true (cop_domain_rename (domain, "three", NULL));
  g_assert_cmpstr (fixture->events->str, ==, "one:0:1:1 three:0:0:2 ");
  g_assert_null (cop_driver_by_name (fixture->driver, "one", NULL));
  g_clear_object (&domain);
  g_clear_object (&other);
  reopen (fixture);
  found = cop_driver_by_name (fixture->driver, "three", NULL);
  g_assert_nonnull (found);
}

static void
test_list (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autoptr (CopDomain) one = define (fixture, "one", UUID1, NULL);
  g_autoptr (CopDomain) two = define (fixture, "two", UUID2, NULL);
  static const struct
  {
    unsigned flags, count;
  } rows[] = {
    { 0, 2 },
    { COP_LIST_ACTIVE, 0 },
    { COP_LIST_INACTIVE, 2 },
    { COP_LIST_ACTIVE | COP_LIST_INACTIVE, 2 },
    { COP_LIST_TRANSIENT, 0 },
    { COP_LIST_AUTOSTART, 1 },
    { COP_LIST_AUTOSTART | COP_LIST_INACTIVE, 1 },
    { COP_LIST_NO_AUTOSTART | COP_LIST_ACTIVE, 0 },
    { COP_LIST_SHUTOFF | COP_LIST_PAUSED, 2 },
    { COP_LIST_RUNNING | COP_LIST_OTHER, 0 },
    { COP_LIST_MANAGED_SAVE, 0 },
    { COP_LIST_NO_MANAGED_SAVE | COP_LIST_NO_SNAPSHOT, 2 },
    { COP_LIST_HAS_SNAPSHOT, 0 },
  };

  g_test_summary ("bits of a group are alternatives, groups are combined");
  g_assert_true (cop_domain_set_autostart (one, true, NULL));
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GPtrArray) domains = cop_driver_list (fixture->driver, rows[i].flags);

      g_test_message ("flags 0x%x", rows[i].flags);
      g_assert_cmpuint (domains->len, ==, rows[i].count);
    }
}

static void
test_metadata (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autoptr (CopDomain) domain = define (fixture, "one", UUID1, NULL);
  g_autoptr (CopDomain) found = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("title, description and elements are kept; live ones need a running domain");
  g_assert_null (cop_domain_get_metadata (domain, COP_METADATA_TITLE, NULL, 0, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_METADATA);
  g_clear_error (&error);
  g_assert_true (cop_domain_set_metadata (domain, COP_METADATA_TITLE, "t", NULL, NULL, 0, NULL));
  g_assert_false (cop_domain_set_metadata (domain, COP_METADATA_TITLE, "t", NULL, NULL, 1, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_INVALID);
  g_clear_error (&error);
  g_assert_false (
    cop_domain_set_metadata (domain, COP_METADATA_ELEMENT, "<a/>", "x", NULL, 0, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG);
  g_clear_object (&domain);
  reopen (fixture);
  found = cop_driver_by_name (fixture->driver, "one", NULL);
  text = cop_domain_get_metadata (found, COP_METADATA_TITLE, NULL, 0, NULL);
  g_assert_cmpstr (text, ==, "t");
}

typedef struct
{
  CopDomain *domain;
  int *holders; /* (atomic) */
  bool overlapped;
} Worker;

static gpointer
hold_jobs (gpointer data)
{
  Worker *worker = data;

  for (int i = 0; i < 200; i++)
    {
      g_assert_true (cop_domain_begin_job (worker->domain, COP_JOB_MODIFY, NULL));
      if (g_atomic_int_add (worker->holders, 1) != 0)
        worker->overlapped = true;
      g_thread_yield ();
      g_atomic_int_add (worker->holders, -1);
      cop_domain_end_job (worker->domain);
    }
  return NULL;
}

static void
test_jobs (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autoptr (CopDomain) one = define (fixture, "one", UUID1, NULL);
  g_autoptr (CopDomain) two = define (fixture, "two", UUID2, NULL);
  g_autoptr (GError) error = NULL;
  GThread *threads[4];
  Worker workers[4];
  int holders = 0;

  g_test_summary ("one job holds a domain at a time; no domain waits for another's");
  g_assert_true (cop_domain_begin_job (two, COP_JOB_MODIFY, NULL));
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      workers[i] = (Worker){ one, &holders, false };
      threads[i] = g_thread_new ("worker", hold_jobs, &workers[i]);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      g_thread_join (threads[i]);
      g_assert_false (workers[i].overlapped);
    }
  g_assert_false (cop_driver_is_idle (fixture->driver));
  cop_domain_end_job (two);
  g_assert_true (cop_driver_is_idle (fixture->driver));
  g_assert_false (cop_domain_abort_job (one, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_INVALID);
}

static void
test_job_information (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autoptr (CopDomain) domain = define (fixture, "one", UUID1, NULL);
  CopJobInfo info;

  g_test_summary ("a job with progress is seen while it runs, and once it has ended");
  g_assert_cmpint (cop_domain_job_info (domain, false).type, ==, COP_JOB_TYPE_NONE);
  g_assert_true (cop_domain_begin_job (domain, COP_JOB_SAVE, NULL));
  cop_domain_set_job_progress (domain, 10, 100);
  info = cop_domain_job_info (domain, false);
  g_assert_cmpint (info.type, ==, COP_JOB_TYPE_BOUNDED);
  g_assert_cmpuint (info.done, ==, 10);
  cop_domain_set_job_result (domain, COP_JOB_TYPE_CANCELLED);
  g_string_truncate (fixture->events, 0);
  cop_domain_end_job (domain);
  g_assert_cmpint (cop_domain_job_info (domain, false).type, ==, COP_JOB_TYPE_NONE);
  g_assert_cmpint (cop_domain_job_info (domain, true).type, ==, COP_JOB_TYPE_CANCELLED);
  g_assert_cmpstr (fixture->events->str, ==, "one:21:0:0 ");
}

static void
test_one_daemon (Fixture *fixture, G_GNUC_UNUSED gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_test_summary ("a second driver does not get the same folders");
  g_assert_null (cop_driver_new (fixture->paths, &error));
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_BUSY);
}

static void
test_paths (void)
{
  g_autoptr (CopPaths) system = cop_paths_new (true, NULL, NULL, NULL);
  g_autoptr (CopPaths) root = cop_paths_new (false, "/r", "/s", NULL);
  g_autofree char *deep = g_strnfill (90, 'x');
  g_autofree char *path = g_strconcat ("/", deep, NULL);
  g_autoptr (GError) error = NULL;

  g_test_summary (
    "clients find the sockets where libvirt's library looks; too long a path is refused");
  g_assert_cmpstr (system->socket, ==, "/run/libvirt/virtcoppiced-sock");
  g_assert_cmpstr (system->socket_ro, ==, "/run/libvirt/virtcoppiced-sock-ro");
  g_assert_cmpstr (root->config_dir, ==, "/r/config");
  g_assert_cmpstr (root->socket, ==, "/s");
  g_assert_null (cop_paths_new (false, path, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*func) (Fixture *, gconstpointer);
  } tests[] = {
    { "/driver/define", test_define },
    { "/driver/undefine", test_undefine },
    { "/driver/rename", test_rename },
    { "/driver/list", test_list },
    { "/driver/metadata", test_metadata },
    { "/driver/jobs", test_jobs },
    { "/driver/job-information", test_job_information },
    { "/driver/one-daemon", test_one_daemon },
  };

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].func, tear_down);
  g_test_add_func ("/driver/paths", test_paths);
  return g_test_run ();
}
