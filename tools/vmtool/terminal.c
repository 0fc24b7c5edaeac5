/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Raw mode, and the handlers that end it. Everything a handler touches is set before the handler
 * is installed, is of an atomic type, or is only passed to async-signal-safe functions.
 */
#include "terminal.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

typedef enum
{
  ON_SIGNAL_ASK, /* the program is asked to end; the second time it ends */
  ON_SIGNAL_DIE,
  ON_SIGNAL_STOP,
  ON_SIGNAL_CONTINUE,
} OnSignal;

typedef struct
{
  int number;
  OnSignal action;
  const char *last_words; /* (nullable): said before the process dies of it */
} SignalRow;

/* Every signal whose default action would leave the terminal raw, but SIGKILL and SIGSTOP. */
static const SignalRow signal_rows[] = {
  /* clang-format off */
  { SIGTERM,   ON_SIGNAL_ASK },
  { SIGINT,    ON_SIGNAL_ASK },
  { SIGHUP,    ON_SIGNAL_ASK },
  { SIGQUIT,   ON_SIGNAL_DIE },
  { SIGILL,    ON_SIGNAL_DIE },
  { SIGTRAP,   ON_SIGNAL_DIE },
  { SIGABRT,   ON_SIGNAL_DIE },
  { SIGFPE,    ON_SIGNAL_DIE },
  { SIGSEGV,   ON_SIGNAL_DIE },
  { SIGBUS,    ON_SIGNAL_DIE, "vmtool: a file in use shrank, or its disk is full or failing\n" },
  { SIGSYS,    ON_SIGNAL_DIE },
  { SIGXCPU,   ON_SIGNAL_DIE },
  { SIGALRM,   ON_SIGNAL_DIE },
  { SIGVTALRM, ON_SIGNAL_DIE },
  { SIGPROF,   ON_SIGNAL_DIE },
  { SIGUSR1,   ON_SIGNAL_DIE },
  { SIGUSR2,   ON_SIGNAL_DIE },
  { SIGIO,     ON_SIGNAL_DIE },
  { SIGTSTP,   ON_SIGNAL_STOP },
  { SIGCONT,   ON_SIGNAL_CONTINUE },
  /* clang-format on */
};

static struct
{
  int fd; /* of the terminal; -1: none */
  int signal_fd;
  struct termios found, raw, lent;
  gint mode; /* atomic: VmtTerminalMode that the program asked for last */
  gint changed; /* atomic: the terminal may not be as it was found */
  gint ended_by; /* atomic: signal number */
} terminal = { .fd = -1, .signal_fd = -1 };

/* What a guest's programs may have left behind: colours, a hidden cursor, lines that do not wrap,
   bracketed paste. */
static const char undo_guest[] = "\033[0m\033[?25h\033[?7h\033[?2004l";

/* From handlers and from the program. SIGTTOU is held back: in the background it would stop the
   process half way through giving the terminal back. */
static void
set_terminal (const struct termios *how)
{
  sigset_t ttou, before;
  int saved = errno;

  sigemptyset (&ttou);
  sigaddset (&ttou, SIGTTOU);
  pthread_sigmask (SIG_BLOCK, &ttou, &before);
  while (tcsetattr (terminal.fd, TCSANOW, how) < 0 && errno == EINTR)
    ;
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  errno = saved;
}

/* A message that cannot be written cannot be helped. */
static void
say (int fd, const char *text)
{
  ssize_t written = write (fd, text, strlen (text));

  (void)written;
}

static void
give_back (void)
{
  if (!g_atomic_int_compare_and_exchange (&terminal.changed, 1, 0))
    return;
  /* A terminal that takes no output now must not hold up the rest. */
  if (poll (&(struct pollfd){ terminal.fd, POLLOUT, 0 }, 1, 0) == 1)
    say (terminal.fd, undo_guest);
  set_terminal (&terminal.found);
}

/* Sets the terminal for @mode, unless others use it: we are in the background. */
static void
take (VmtTerminalMode mode, const struct termios *how)
{
  if (terminal.fd < 0 || mode == VMT_TERMINAL_FOUND || tcgetpgrp (terminal.fd) != getpgrp ())
    return;
  g_atomic_int_set (&terminal.changed, 1);
  set_terminal (how);
}

static void
install (int number, void (*handler) (int))
{
  struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK };

  /* A handler that raises its own signal wants it to act at once. */
  if (number == SIGTSTP)
    action.sa_flags |= SA_NODEFER;
  sigemptyset (&action.sa_mask);
  sigaction (number, &action, NULL);
}

_Noreturn void
vmt_terminal_die (int number)
{
  sigset_t set;

  give_back ();
  signal (number, SIG_DFL);
  sigemptyset (&set);
  sigaddset (&set, number);
  pthread_sigmask (SIG_UNBLOCK, &set, NULL);
  raise (number);
  _exit (128 + number);
}

static void
handle (int number)
{
  static const uint64_t one = 1;
  struct termios before;
  int saved = errno;
  bool stopped;

  for (unsigned i = 0; i < G_N_ELEMENTS (signal_rows); i++)
    {
      const SignalRow *row = &signal_rows[i];

      if (row->number != number)
        continue;
      switch (row->action)
        {
        case ON_SIGNAL_ASK:
          if (!g_atomic_int_compare_and_exchange (&terminal.ended_by, 0, number))
            vmt_terminal_die (number);
          if (write (terminal.signal_fd, &one, sizeof one) < 0)
            vmt_terminal_die (number);
          break;
        case ON_SIGNAL_DIE:
          give_back ();
          if (row->last_words != NULL)
            say (STDERR_FILENO, row->last_words);
          vmt_terminal_die (number);
        case ON_SIGNAL_STOP:
          /* raise() returns when SIGCONT came, or at once in an orphaned process group. */
          stopped = terminal.fd < 0 || tcgetattr (terminal.fd, &before) == 0;
          give_back ();
          signal (SIGTSTP, SIG_DFL);
          raise (SIGTSTP);
          install (SIGTSTP, handle);
          if (stopped)
            take (g_atomic_int_get (&terminal.mode), &before);
          break;
        case ON_SIGNAL_CONTINUE:
          /* After SIGSTOP, which nobody sees coming; what a library had set it sets again. */
          if (g_atomic_int_get (&terminal.mode) == VMT_TERMINAL_RAW)
            take (VMT_TERMINAL_RAW, &terminal.raw);
          break;
        }
    }
  errno = saved;
}

void
vmt_terminal_open (int fd)
{
  terminal.signal_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (terminal.signal_fd < 0)
    g_error ("eventfd: %s", g_strerror (errno)); /* out of descriptors at the very start */

  if (fd >= 0 && tcgetattr (fd, &terminal.found) == 0)
    {
      terminal.raw = terminal.found;
      cfmakeraw (&terminal.raw);
      /* Line feeds of our own messages still return the carriage; so do a guest's, which sends
         both already. */
      terminal.raw.c_oflag |= OPOST | ONLCR;
      /* Also between two lines of an editor: no key may be lost to the line discipline, and Ctrl-C
         must not end the machine. */
      terminal.lent = terminal.found;
      terminal.lent.c_lflag &= ~(tcflag_t) (ICANON | ECHO | ISIG | IEXTEN);
      terminal.lent.c_cc[VMIN] = 1;
      terminal.lent.c_cc[VTIME] = 0;
      terminal.fd = fd;
      atexit (give_back);
    }

  for (unsigned i = 0; i < G_N_ELEMENTS (signal_rows); i++)
    {
      struct sigaction present;

      /* Ignored ones stay so, and what another has taken (a sanitizer) is its own. */
      if (sigaction (signal_rows[i].number, NULL, &present) == 0 &&
          (present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == SIG_DFL)
        install (signal_rows[i].number, handle);
    }
  /* A reader of the guest's output that has gone is an error of write(). */
  signal (SIGPIPE, SIG_IGN);
  /* So is a disk image that may not grow: the guest sees an I/O error. */
  signal (SIGXFSZ, SIG_IGN);
}

void
vmt_terminal_listen (void)
{
  if (terminal.signal_fd < 0)
    vmt_terminal_open (isatty (STDIN_FILENO) ? STDIN_FILENO : -1);
}

void
vmt_terminal_forget_signal (void)
{
  uint64_t count;

  if (g_atomic_int_get (&terminal.ended_by) != 0 &&
      read (terminal.signal_fd, &count, sizeof count) < 0)
    g_debug ("eventfd: nothing to read");
  g_atomic_int_set (&terminal.ended_by, 0);
}

void
vmt_terminal_set_mode (VmtTerminalMode mode)
{
  g_atomic_int_set (&terminal.mode, mode);
  if (mode == VMT_TERMINAL_FOUND)
    give_back ();
  else
    take (mode, mode == VMT_TERMINAL_RAW ? &terminal.raw : &terminal.lent);
}

int
vmt_terminal_signal_fd (void)
{
  return terminal.signal_fd;
}

int
vmt_terminal_signal (void)
{
  return g_atomic_int_get (&terminal.ended_by);
}
