/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Figures of the daemon, through its socket: `wire-bench DAEMON [DOMAINS]` starts it in a folder of
 * its own and prints `name value unit` lines, as tests/bench/run takes them.
 */
#include "driver/wire/client.h"
#include "driver/wire/remote.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define ROUNDS 5000
#define LISTS 20

typedef struct
{
  const char *program;
  char *root, *uri;
  GPid pid;
  CopClient *client;
} Bench;

static void
die (const char *what, const GError *error)
{
  fprintf (stderr, "wire-bench: %s: %s\n", what, error != NULL ? error->message : "failed");
  exit (1);
}

/* Returns: seconds until the daemon answered */
static double
start (Bench *b)
{
  char *argv[] = { (char *) b->program, (char *) "--session", (char *) "--root", b->root, NULL };
  int64_t began = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  if (!g_spawn_async (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &b->pid, &error))
    die ("start", error);
  do
    {
      g_clear_error (&error);
      b->client = cop_client_open (b->uri, 0, &error);
      if (b->client == NULL)
        g_usleep (500);
    }
  while (b->client == NULL && g_get_monotonic_time () - began < 10 * G_USEC_PER_SEC);
  if (b->client == NULL)
    die ("open", error);
  return (double) (g_get_monotonic_time () - began) / 1e6;
}

static void
stop (Bench *b)
{
  g_clear_object (&b->client);
  kill (b->pid, SIGTERM);
  waitpid (b->pid, NULL, 0);
}

static double
resident_mib (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", (int) pid);
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents (path, &text, NULL, NULL) || (line = strstr (text, "VmRSS:")) == NULL)
    return -1;
  return g_ascii_strtod (line + 6, NULL) / 1024;
}

/* Processor time of the daemon so far; microseconds. */
static double
cpu_us (GPid pid)
{
  struct timespec now = { 0 };
  clockid_t clock;

  if (clock_getcpuclockid (pid, &clock) == 0)
    clock_gettime (clock, &now);
  return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}

static CopRemoteDomain
define (Bench *b, unsigned number)
{
  g_autofree char *xml = g_strdup_printf (
    "<domain type='coppice'><name>bench%u</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
    "<os><type arch='riscv64' machine='virt'>hvm</type><kernel>/dev/null</kernel></os></domain>",
    number);
  CopRemoteDomainDefineXmlArgs args = { .xml = xml };
  CopRemoteDomainDefineXmlRet ret;
  g_autoptr (GError) error = NULL;

  if (!COP_REMOTE_CALL (b->client, DOMAIN_DEFINE_XML, &args, &ret, &error))
    die ("define", error);
  return ret.dom;
}

static void
measure_round_trip (Bench *b, CopRemoteDomain *domain)
{
  CopRemoteDomainGetInfoArgs args = { .dom = *domain };
  CopRemoteDomainGetInfoRet ret;
  g_autoptr (GError) error = NULL;
  double cpu = cpu_us (b->pid);
  int64_t began = g_get_monotonic_time ();

  for (int i = 0; i < ROUNDS; i++)
    if (!COP_REMOTE_CALL (b->client, DOMAIN_GET_INFO, &args, &ret, &error))
      die ("info", error);
  printf ("rpc_domain_info %.1f us\n", (double) (g_get_monotonic_time () - began) / ROUNDS);
  printf ("rpc_domain_info_cpu %.1f us\n", (cpu_us (b->pid) - cpu) / ROUNDS);
}

/* The same without the driver: what the wire itself takes. */
static void
measure_wire (Bench *b)
{
  CopRemoteConnectGetTypeRet ret;
  g_autoptr (GError) error = NULL;
  int64_t began = g_get_monotonic_time ();

  for (int i = 0; i < ROUNDS; i++)
    {
      if (!COP_REMOTE_CALL (b->client, CONNECT_GET_TYPE, NULL, &ret, &error))
        die ("type", error);
      COP_REMOTE_CLEAR (CONNECT_GET_TYPE, &ret);
    }
  printf ("rpc_type %.1f us\n", (double) (g_get_monotonic_time () - began) / ROUNDS);
}

static void
measure_list (Bench *b, unsigned domains)
{
  CopRemoteConnectListAllDomainsArgs args = { .need_results = 1 };
  CopRemoteConnectListAllDomainsRet ret;
  g_autoptr (GError) error = NULL;
  int64_t began = g_get_monotonic_time ();

  for (int i = 0; i < LISTS; i++)
    {
      if (!COP_REMOTE_CALL (b->client, CONNECT_LIST_ALL_DOMAINS, &args, &ret, &error))
        die ("list", error);
      if (ret.n_domains != domains)
        die ("list", NULL);
      COP_REMOTE_CLEAR (CONNECT_LIST_ALL_DOMAINS, &ret);
    }
  printf ("rpc_list_%u %.2f ms\n", domains,
          (double) (g_get_monotonic_time () - began) / LISTS / 1000);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      remove_tree (inner);
    }
  g_remove (path);
}

int
main (int argc, char **argv)
{
  Bench b = { .program = argc > 1 ? argv[1] : NULL };
  unsigned domains = argc > 2 ? (unsigned) g_ascii_strtoull (argv[2], NULL, 10) : 1000;
  CopRemoteDomain first = { 0 };
  int64_t began;

  if (b.program == NULL)
    {
      fprintf (stderr, "usage: wire-bench DAEMON [DOMAINS]\n");
      return 2;
    }
  b.root = g_dir_make_tmp ("cop-bench-XXXXXX", NULL);
  b.uri = g_strdup_printf ("coppice:///session?socket=%s/run/virtcoppiced-sock", b.root);

  printf ("daemon_start_empty %.1f ms\n", start (&b) * 1e3);
  printf ("daemon_memory_empty %.1f MiB\n", resident_mib (b.pid));
  began = g_get_monotonic_time ();
  for (unsigned i = 0; i < domains; i++)
    {
      CopRemoteDomain domain = define (&b, i);

      if (i == 0)
        first = domain;
      else
        g_free (domain.name);
    }
  printf ("rpc_define %.2f ms\n",
          (double) (g_get_monotonic_time () - began) / MAX (domains, 1) / 1000);
  measure_wire (&b);
  measure_round_trip (&b, &first);
  measure_list (&b, domains);
  printf ("daemon_memory_%u %.1f MiB\n", domains, resident_mib (b.pid));
  stop (&b);
  printf ("daemon_start_%u %.1f ms\n", domains, start (&b) * 1e3);
  stop (&b);
  remove_tree (b.root);
  g_free (first.name);
  g_free (b.root);
  g_free (b.uri);
  return 0;
}
