/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * coppice-vm: holds one running machine. Started by virtcoppiced, which describes the machine over
 * a socket; see docs/processes.md.
 */
#include "driver/vm-process.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A line with the time, as in the daemon's log. */
static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields,
           gpointer data G_GNUC_UNUSED)
{
  char when[32] = "";
  struct timespec now;
  struct tm parts;

  if ((level & G_LOG_LEVEL_DEBUG) != 0)
    return G_LOG_WRITER_HANDLED;
  clock_gettime (CLOCK_REALTIME, &now);
  if (gmtime_r (&now.tv_sec, &parts) != NULL)
    strftime (when, sizeof when, "%Y-%m-%d %H:%M:%S", &parts);
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      fprintf (stderr, "%s.%03ld coppice-vm[%d]: %s\n", when, now.tv_nsec / 1000000,
               (int) getpid (), (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

/* Says which signal ends us, and where, with nothing but what a signal handler may use. */
static void
die_of (int number, siginfo_t *info, void *context G_GNUC_UNUSED)
{
  char text[96];
  int length = snprintf (text, sizeof text, "coppice-vm[%d]: ended by signal %d at address %p\n",
                         (int) getpid (), number, info->si_addr);

  if (write (STDERR_FILENO, text, (size_t) length) < 0)
    return;
}

static void
watch_crashes (void)
{
  static const int numbers[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
  /* Once: the signal comes again when the handler returns, and is deadly then. */
  const struct sigaction action = {
    .sa_sigaction = die_of,
    .sa_flags = SA_SIGINFO | (int) SA_RESETHAND,
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (numbers); i++)
    sigaction (numbers[i], &action, NULL);
}

int
main (int argc, char **argv)
{
  int type;
  socklen_t size = sizeof type;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, COPPICE_LOCALEDIR);
  textdomain (GETTEXT_PACKAGE);
  if (argc == 2 && strcmp (argv[1], "--version") == 0)
    {
      printf ("coppice-vm %s\n", COPPICE_VERSION);
      return 0;
    }
  if (argc != 1 || getsockopt (COP_VM_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
      type != SOCK_STREAM)
    {
      fprintf (stderr, "%s",
               _ ("coppice-vm: this program is started by virtcoppiced; 'vmtool start' or 'virsh "
                  "start' runs a domain, 'vmtool run' a machine of its own\n"));
      return 2;
    }

  fcntl (COP_VM_CONTROL_FD, F_SETFD, FD_CLOEXEC);
  g_log_set_writer_func (write_log, NULL, NULL);
  signal (SIGPIPE, SIG_IGN);
  signal (SIGINT, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  watch_crashes ();
  return cop_vm_process_run (COP_VM_CONTROL_FD);
}
