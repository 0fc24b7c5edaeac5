/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool run on a terminal: raw while it runs, given back whatever happens, and the monitor behind
 * the escape key.
 */
#include "vmtool-process.h"

#include <glib/gstdio.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static char *folder;            /* of the tests' files; the current directory */

#define ECHO_GUEST "run --bios none --memory 16M --kernel echo.elf "
#define HINT "vmtool: the escape key is Ctrl-]"
#define PROMPT "(coppice) "

/* The line editor's mode is much the same, but it leaves Ctrl-S and Ctrl-Q to the terminal. */
static bool
is_raw (const TestProcess *process)
{
  struct termios how;

  g_assert_cmpint (tcgetattr (process->slave, &how), ==, 0);
  return (how.c_lflag & (ICANON | ECHO | ISIG)) == 0 && (how.c_iflag & IXON) == 0;
}

static struct termios
settings_of (const TestProcess *process)
{
  struct termios how;

  g_assert_cmpint (tcgetattr (process->slave, &how), ==, 0);
  return how;
}

static void
assert_same_settings (const struct termios *a, const struct termios *b)
{
  g_assert_cmphex (a->c_iflag, ==, b->c_iflag);
  g_assert_cmphex (a->c_oflag, ==, b->c_oflag);
  g_assert_cmphex (a->c_cflag, ==, b->c_cflag);
  g_assert_cmphex (a->c_lflag, ==, b->c_lflag);
  g_assert_cmpmem (a->c_cc, sizeof a->c_cc, b->c_cc, sizeof b->c_cc);
}

static void
wait_for_mode (TestProcess *process, bool raw)
{
  while (is_raw (process) != raw)
    g_usleep (1000);
}

/* A guest that echoes, with the terminal raw. */
static TestProcess *
start_echo (const char *more, struct termios *found)
{
  g_autofree char *arguments = g_strconcat (ECHO_GUEST, more, NULL);
  TestProcess *process = test_process_start_on_terminal (arguments);

  /* Nobody else has changed it yet: what a fresh terminal is like. */
  if (found != NULL)
    {
      int master, slave;

      g_assert_cmpint (openpty (&master, &slave, NULL, NULL, NULL), ==, 0);
      g_assert_cmpint (tcgetattr (slave, found), ==, 0);
      close (master);
      close (slave);
    }
  test_process_expect (process, HINT);
  wait_for_mode (process, true);
  test_process_send (process, "hello");
  test_process_expect (process, "hello");
  return process;
}

/* Waits for the end while the terminal can still be looked at. */
static int
wait_with_terminal (TestProcess *process)
{
  siginfo_t info;
  struct pollfd fd = { process->out, POLLIN, 0 };

  /* What is written meanwhile must have room. */
  while (info.si_pid = 0,
         waitid (P_PID, (id_t) process->pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
           info.si_pid == 0)
    if (poll (&fd, 1, 5) > 0)
      {
        char bytes[1024];
        ssize_t length = read (process->out, bytes, sizeof bytes);

        if (length > 0)
          g_string_append_len (process->text, bytes, length);
      }
  return 0;
}

static void
test_raw (void)
{
  g_autoptr (TestProcess) process = start_echo ("", NULL);

  g_test_summary ("Every key is the guest's: Ctrl-C, Ctrl-Z, Ctrl-S, Enter");
  g_assert_true (is_raw (process));
  test_process_send (process, "\x03\x1a\x13\x11\x1c\rz");
  test_process_expect (process, "\x03\x1a\x13\x11\x1c\rz");
  test_process_send (process, "q");
  g_assert_cmpint (test_process_wait (process), ==, 0);
}

static void
test_restored (gconstpointer data)
{
  int number = GPOINTER_TO_INT (data);
  struct termios found, left;
  g_autoptr (TestProcess) process = start_echo ("", &found);
  int status;

  g_assert_true (is_raw (process));
  if (number == 0)
    test_process_send (process, "q");
  else
    g_assert_cmpint (kill (process->pid, number), ==, 0);
  wait_with_terminal (process);
  left = settings_of (process);
  assert_same_settings (&left, &found);

  status = test_process_wait (process);
  if (number == 0)
    g_assert_cmpint (status, ==, 0);
  else
    {
      g_assert_true (WIFSIGNALED (status));
      g_assert_cmpint (WTERMSIG (status), ==, number);
    }
}

static void
test_stop_and_continue (void)
{
  struct termios found, stopped;
  g_autoptr (TestProcess) process = start_echo ("", &found);
  int status;

  g_test_summary ("Stopped by a shell's kill -TSTP or -STOP, the terminal is the shell's; then raw "
                  "again");
  /* The test is no shell: its child's group is an orphan, which SIGTSTP does not stop. */
  kill (process->pid, SIGTSTP);
  test_process_expect (process, "\033[?2004l");
  test_process_send (process, "still there");
  test_process_expect (process, "still there");
  wait_for_mode (process, true);

  kill (process->pid, SIGSTOP);
  g_assert_cmpint (waitpid (process->pid, &status, WUNTRACED), ==, process->pid);
  g_assert_true (WIFSTOPPED (status));
  g_assert_cmpint (tcsetattr (process->slave, TCSANOW, &found), ==, 0);
  stopped = settings_of (process);
  assert_same_settings (&stopped, &found);
  kill (process->pid, SIGCONT);
  wait_for_mode (process, true);
  test_process_send (process, "q");
  g_assert_cmpint (test_process_wait (process), ==, 0);
}

static void
test_signal_in_monitor (void)
{
  struct termios found, left;
  g_autoptr (TestProcess) process = start_echo ("", &found);
  int status;

  g_test_summary ("The line editor changes the terminal by itself; that is undone as well");
  test_process_send (process, "\x1d");
  test_process_expect (process, PROMPT);
  kill (process->pid, SIGTERM);
  wait_with_terminal (process);
  left = settings_of (process);
  assert_same_settings (&left, &found);
  status = test_process_wait (process);
  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGTERM);
}

/* ---- the monitor ---- */

static void
ask (TestProcess *process, const char *command, const char *answer)
{
  g_autofree char *line = g_strconcat (command, "\r", NULL);

  test_process_send (process, line);
  test_process_expect (process, answer);
  test_process_expect (process, PROMPT);
}

static void
test_monitor (void)
{
  g_autoptr (TestProcess) process = start_echo ("--disk disk", NULL);
  g_autofree char *xml = NULL;

  g_test_summary ("The monitor's commands, by name, by their beginnings, and mistyped");
  test_process_send (process, "\x1d");
  test_process_expect (process, "'help' lists commands; an empty line leads back to the guest");
  test_process_expect (process, PROMPT);

  ask (process, "help", "Any clear beginning of a name will do.");
  ask (process, "status", "the machine is running");
  ask (process, "pause", "the machine is paused");
  ask (process, "status", "the machine is paused");
  ask (process, "reg", "s0   0000000010000000");
  ask (process, "registers 0 all", "hsm_status");
  ask (process, "registers 1", "there is no hart 1; there are 1, from 0");
  ask (process, "registers 0 some", "'some' is unknown here; there is 'all'");
  ask (process, "dis 0x80000000 2", " 0000000080000004  00544283  lbu     t0, 5(s0)");
  ask (process, "dis 0x1001 1", "nothing can be fetched from 0x1001");
  ask (process, "dis pc", "'pc' is not a number, and no symbols are known; give some with --symbols");
  ask (process, "stats", "hart0.instructions");
  ask (process, "save state.xml", "the state is in 'state.xml'");
  ask (process, "save missing/state.xml",
       "the state is not saved: state 'missing/state.xml': no such file; check the path");
  ask (process, "save /", "the state is not saved: state '/': this is a folder; name a file in it");
  ask (process, "save", "an argument is missing; see 'help'");
  ask (process, "re", "'re' can be resume, reset, registers");
  ask (process, "pausse", "unknown command 'pausse'; did you mean 'pause'?");
  ask (process, "xyzzy", "unknown command 'xyzzy'; 'help' lists what there is");
  ask (process, "pause now", "'pause' takes no arguments");
  ask (process, "save 'x", "a quotation mark has no end");
  ask (process, "pa\t", "");
  ask (process, "step 5", "> 000000008000000");
  ask (process, "step 1 1", "there is no hart 1; there are 1, from 0");
  ask (process, "step 20000000", "20000000 steps are too many; at most 10000000");
  ask (process, "break", "there are no breakpoints");
  ask (process, "delete 1", "there is no breakpoint 1; 'break' lists them");
  ask (process, "break 0x80000001", "no instruction can be at the odd address 0x80000001");

  g_assert_true (g_file_get_contents ("state.xml", &xml, NULL, NULL));
  g_assert_true (g_str_has_prefix (xml, "<machinestate version='1'>\n"));
  g_assert_nonnull (strstr (xml, "<section id='hart0' type='hart'"));

  test_process_send (process, "resume\r");
  test_process_expect (process, "resume");
  wait_for_mode (process, true);
  test_process_send (process, "back");
  test_process_expect (process, "back");

  test_process_send (process, "\x1d");
  test_process_expect (process, PROMPT);
  test_process_send (process, "reset\r");
  test_process_expect (process, "reset");
  wait_for_mode (process, true);
  test_process_send (process, "again");
  test_process_expect (process, "again");

  /* One that is paused stays so, and it is said why no answer comes. */
  test_process_send (process, "\x1d");
  test_process_expect (process, PROMPT);
  ask (process, "pause", "the machine is paused");
  test_process_send (process, "reset\r");
  test_process_expect (process, "the machine is paused; 'resume' lets it go on");
  wait_for_mode (process, true);

  test_process_send (process, "\x1d");
  test_process_expect (process, PROMPT);
  test_process_send (process, "quit\r");
  g_assert_cmpint (test_process_wait (process), ==, 0);
}

static void
test_breakpoints (gconstpointer data)
{
  g_autofree char *arguments
    = g_strdup_printf ("%s--engine %s --monitor --symbols map", ECHO_GUEST, (const char *)data);
  g_autoptr (TestProcess) process = NULL;

  g_test_summary ("A breakpoint brings the monitor to the front, before the first instruction too");
  g_assert_true (g_file_set_contents ("map", "0000000080000010 T got_key\n", -1, NULL));
  process = test_process_start_on_terminal (arguments);
  test_process_expect (process, PROMPT);
  ask (process, "status", "the machine is paused");
  ask (process, "break nothing", "there is no symbol 'nothing'");
  ask (process, "step", "> 0000000080000004  00544283  lbu     t0, 5(s0)");
  /* where a key is read */
  ask (process, "break got_key", "breakpoint 1 at 0x80000010 got_key");
  ask (process, "break 0x80000024", "breakpoint 2 at 0x80000024");
  test_process_send (process, "continue\r");
  test_process_expect (process, "continue");
  wait_for_mode (process, true);
  test_process_send (process, "x");
  test_process_expect (process, "breakpoint 1, hart 0\r\n> 0000000080000010");
  test_process_expect (process, PROMPT);
  ask (process, "break", "breakpoint 2 at 0x80000024");
  ask (process, "step", "> 0000000080000014");
  ask (process, "delete 1", "");
  test_process_send (process, "continue\r");
  test_process_expect (process, "x");
  wait_for_mode (process, true);
  test_process_send (process, "q");
  test_process_expect (process, "breakpoint 2, hart 0\r\n> 0000000080000024");
  test_process_expect (process, PROMPT);
  ask (process, "delete all", "");
  ask (process, "step 3", "> 0000000080000030");
  test_process_send (process, "step 2\r");
  test_process_expect (process, "the machine ended");
  g_assert_cmpint (test_process_wait (process), ==, 0);
}

static void
test_leaving (void)
{
  g_autoptr (TestProcess) process = start_echo ("", NULL);

  g_test_summary ("An empty line, Ctrl-D and the key itself lead back; keys typed ahead are kept");
  test_process_send (process, "\x1d");
  test_process_expect (process, PROMPT);
  test_process_send (process, "\r");
  wait_for_mode (process, true);
  test_process_send (process, "one");
  test_process_expect (process, "one");

  test_process_send (process, "\x1d");
  test_process_expect (process, PROMPT);
  test_process_send (process, "\x04");
  wait_for_mode (process, true);
  test_process_send (process, "two");
  test_process_expect (process, "two");

  /* Ctrl-C clears the line, and ends nothing. */
  test_process_send (process, "\x1d");
  test_process_expect (process, PROMPT);
  test_process_send (process, "quit\x03status\r");
  test_process_expect (process, "the machine is running");
  test_process_expect (process, PROMPT);
  test_process_send (process, "\rthree");
  test_process_expect (process, "three");
  wait_for_mode (process, true);

  test_process_send (process, "a\x1d\x1d" "b");
  test_process_expect (process, "\x1d" "b");
  test_process_send (process, "q");
  g_assert_cmpint (test_process_wait (process), ==, 0);
}

static void
test_other_key (void)
{
  g_autoptr (TestProcess) process
    = test_process_start_on_terminal (ECHO_GUEST "--escape ctrl-a");

  test_process_expect (process, "vmtool: the escape key is Ctrl-A");
  wait_for_mode (process, true);
  test_process_send (process, "x\x1dy");
  test_process_expect (process, "x\x1dy");
  test_process_send (process, "\x01");
  test_process_expect (process, PROMPT);
  test_process_send (process, "poweroff\r");
  g_assert_cmpint (test_process_wait (process), ==, 0);
}

static void
test_no_key (void)
{
  g_autoptr (TestProcess) process = test_process_start_on_terminal (ECHO_GUEST "--escape none");

  wait_for_mode (process, true);
  test_process_send (process, "x\x1dy");
  test_process_expect (process, "x\x1dy");
  test_process_send (process, "q");
  g_assert_cmpint (test_process_wait (process), ==, 0);
}

static void
test_hang_up (void)
{
  g_autoptr (TestProcess) process = start_echo ("", NULL);
  int status;

  g_test_summary ("A terminal window that is closed ends the machine");
  close (process->slave);
  close (process->out);
  process->slave = process->in = process->out = -1;
  status = test_process_wait (process);
  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGHUP);
}

/* Returns: (transfer full): where the console is */
static char *
read_pty_path (TestProcess *process)
{
  static const char before[] = "vmtool: the console is at ";
  char byte;

  g_string_truncate (process->error_text, 0);
  do
    {
      g_assert_cmpint (read (process->err, &byte, 1), ==, 1);
      g_string_append_c (process->error_text, byte);
    }
  while (byte != '\n');
  g_assert_true (g_str_has_prefix (process->error_text->str, before));
  return g_strchomp (g_strdup (process->error_text->str + strlen (before)));
}

static void
test_pty_console (void)
{
  g_autoptr (TestProcess) process = test_process_start (ECHO_GUEST "--console pty");
  g_autofree char *path = read_pty_path (process);
  char bytes[8] = "";
  size_t got = 0;
  int fd;

  g_test_summary ("The console is where vmtool says");
  fd = g_open (path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, "hello", 5), ==, 5);
  while (got < 5)
    {
      ssize_t length = read (fd, bytes + got, 5 - got);

      g_assert_cmpint (length, >, 0);
      got += (size_t) length;
    }
  g_assert_cmpstr (bytes, ==, "hello");
  g_assert_cmpint (write (fd, "q", 1), ==, 1);
  g_assert_cmpint (test_process_wait (process), ==, 0);
  close (fd);
}

/* Reads @fd until its other side is closed. */
static char *
read_all (int fd)
{
  GString *text = g_string_new (NULL);
  char bytes[4096];
  ssize_t length;

  while ((length = read (fd, bytes, sizeof bytes)) > 0)
    g_string_append_len (text, bytes, length);
  return g_string_free (text, FALSE);
}

static void
test_pty_at_the_end (void)
{
  g_autoptr (TestProcess) process = test_process_start (ECHO_GUEST "--console pty");
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *path = read_pty_path (process);
  g_autofree char *got = NULL;
  int fd = g_open (path, O_RDWR | O_NOCTTY | O_CLOEXEC);

  g_test_summary (
    "What the guest wrote before it powered off is there for who reads a little later");
  g_assert_cmpint (fd, >=, 0);
  while (text->len < 3000)
    g_string_append_printf (text, "line %zu\n", text->len);
  g_assert_cmpint (write (fd, text->str, text->len), ==, (ssize_t) text->len);
  g_assert_cmpint (write (fd, "q", 1), ==, 1);
  /* The machine has long ended when this is over. */
  g_usleep (300 * 1000);
  got = read_all (fd);
  g_assert_cmpstr (got, ==, text->str);
  g_assert_cmpint (test_process_wait (process), ==, 0);
  close (fd);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    int         number;
  } ends[] = {
    { "poweroff", 0 },      { "SIGTERM", SIGTERM }, { "SIGINT", SIGINT },   { "SIGHUP", SIGHUP },
    { "SIGQUIT", SIGQUIT }, { "SIGSEGV", SIGSEGV }, { "SIGABRT", SIGABRT }, { "SIGBUS", SIGBUS },
    { "SIGUSR1", SIGUSR1 }, { "SIGALRM", SIGALRM },
  };
  g_autofree char *blank = g_malloc0 (1 << 16);
  int result;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("test-terminal-XXXXXX", NULL);
  g_assert_cmpint (g_chdir (folder), ==, 0);
  g_free (test_program_write (folder, &test_echo));
  g_assert_true (g_file_set_contents ("disk", blank, 1 << 16, NULL));

  for (unsigned i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_autofree char *path = g_strdup_printf ("/tools/terminal/restored/%s", ends[i].name);

      g_test_add_data_func (path, GINT_TO_POINTER (ends[i].number), test_restored);
    }
  g_test_add_func ("/tools/terminal/raw", test_raw);
  g_test_add_func ("/tools/terminal/stop-and-continue", test_stop_and_continue);
  g_test_add_func ("/tools/terminal/signal-in-monitor", test_signal_in_monitor);
  g_test_add_func ("/tools/terminal/monitor", test_monitor);
  g_test_add_data_func ("/tools/terminal/breakpoints/interp", "interp", test_breakpoints);
  g_test_add_data_func ("/tools/terminal/breakpoints/jit", "jit", test_breakpoints);
  g_test_add_data_func ("/tools/terminal/breakpoints/hybrid", "hybrid", test_breakpoints);
  g_test_add_func ("/tools/terminal/leaving", test_leaving);
  g_test_add_func ("/tools/terminal/other-key", test_other_key);
  g_test_add_func ("/tools/terminal/no-key", test_no_key);
  g_test_add_func ("/tools/terminal/hang-up", test_hang_up);
  g_test_add_func ("/tools/terminal/pty-console", test_pty_console);
  g_test_add_func ("/tools/terminal/pty-at-the-end", test_pty_at_the_end);
  result = g_test_run ();

  g_remove ("echo.elf");
  g_remove ("disk");
  g_remove ("state.xml");
  g_chdir ("/");
  g_rmdir (folder);
  g_free (folder);
  return result;
}
