/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The host side of a serial line, with every kind of reader and writer at the other end. The I/O
 * thread is played by iterating its context until what is awaited holds.
 */
#include "engine/dev/chardev.h"
#include "common/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

typedef struct
{
  GMainContext *context;
  CopChardev   *chardev;
  GString      *received;
  size_t        room;           /* what can_receive says; received bytes come off it */
  unsigned      writable;       /* calls */
} Fixture;

static size_t
can_receive (gpointer data)
{
  return ((Fixture *) data)->room;
}

static void
receive (gpointer data, const uint8_t *bytes, size_t length)
{
  Fixture *f = data;

  g_assert_cmpuint (length, <=, f->room);
  f->room -= length;
  g_string_append_len (f->received, (const char *) bytes, (gssize) length);
}

static void
writable (gpointer data)
{
  ((Fixture *) data)->writable++;
}

static const CopChardevOps ops = { can_receive, receive, writable };

static void
set_up (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  f->context = g_main_context_new ();
  f->received = g_string_new (NULL);
  f->room = 1 << 20;
}

static void
tear_down (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  cop_chardev_free (f->chardev);
  g_main_context_unref (f->context);
  g_string_free (f->received, TRUE);
}

static void
start (Fixture *f, int in_fd, int out_fd, int listen_fd)
{
  CopConsoleConfig config = { in_fd, out_fd, listen_fd, .log_fd = -1 };

  f->chardev = cop_chardev_new (&config, f->context);
  g_assert_cmpint (config.in_fd & config.out_fd & config.listen_fd, ==, -1);
  cop_chardev_connect (f->chardev, &ops, f);
}

#define PUMP_UNTIL(condition)                                \
  while (!(condition))                                       \
  g_main_context_iteration (f->context, TRUE)

static size_t
put (Fixture *f, const char *text)
{
  return cop_chardev_write (f->chardev, (const uint8_t *) text, strlen (text));
}

/* What can be read from @fd now. */
static char *
take (int fd)
{
  char *text = g_malloc0 (256 * 1024);
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
  size_t length = 0;
  ssize_t part;

  while (length < 255 * 1024 && poll (&poll_fd, 1, 0) == 1 &&
         (part = read (fd, text + length, 4096)) > 0)
    length += (size_t) part;
  return text;
}

/* Reads @fd until @text has come, turning the context meanwhile. */
static void
expect (Fixture *f, int fd, const char *text)
{
  g_autoptr (GString) got = g_string_new (NULL);

  while (got->len < strlen (text))
    {
      g_autofree char *part = take (fd);

      g_string_append (got, part);
      if (got->len < strlen (text))
        g_main_context_iteration (f->context, part[0] == '\0');
    }
  g_assert_cmpstr (got->str, ==, text);
}

static void
make_pipe (int fds[2])
{
  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
}

static void
test_output (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  int fds[2];
  cop_autofd int reader = -1;
  g_autofree char *early = NULL;

  g_test_summary ("Bytes come out in order, and none is written by the writer itself");
  make_pipe (fds);
  reader = fds[0];
  start (f, -1, fds[1], -1);
  g_assert_cmpuint (put (f, "hello, "), ==, 7);
  g_assert_cmpuint (put (f, "world"), ==, 5);
  early = take (reader);
  g_assert_cmpstr (early, ==, "");
  expect (f, reader, "hello, world");
}

static void
test_flush (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  int fds[2];
  cop_autofd int reader = -1;
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;

  g_test_summary ("A flush, and the end, write out what is left");
  make_pipe (fds);
  reader = fds[0];
  start (f, -1, fds[1], -1);
  put (f, "one");
  g_assert_true (cop_chardev_flush (f->chardev, 0));
  first = take (reader);
  g_assert_cmpstr (first, ==, "one");

  put (f, "two");
  g_clear_pointer (&f->chardev, cop_chardev_free);
  second = take (reader);
  g_assert_cmpstr (second, ==, "two");
}

static void
test_slow_reader (Fixture *f, gconstpointer data)
{
  bool use_socket = GPOINTER_TO_INT (data);
  cop_autofd int reader = -1;
  size_t sent = 0, got = 0;
  const size_t total = 1 << 20;
  int fds[2];

  g_test_summary ("A slow reader holds the writer back and loses nothing");
  if (use_socket)
    g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  else
    make_pipe (fds);
  reader = fds[0];
  start (f, -1, fds[1], -1);

  while (got < total)
    {
      uint8_t bytes[1000];
      bool held_back = false;
      struct pollfd poll_fd = { .fd = reader, .events = POLLIN };

      while (sent < total && !held_back)
        {
          size_t length = MIN (sizeof (bytes), total - sent), taken;

          for (size_t i = 0; i < length; i++)
            bytes[i] = (sent + i) % 251;
          taken = cop_chardev_write (f->chardev, bytes, length);
          sent += taken;
          held_back = taken < length;
        }
      f->writable = 0;
      while (poll (&poll_fd, 1, 0) == 1)
        {
          ssize_t length = read (reader, bytes, sizeof (bytes));

          g_assert_cmpint (length, >, 0);
          for (ssize_t i = 0; i < length; i++)
            g_assert_cmpuint (bytes[i], ==, (got + (size_t) i) % 251);
          got += (size_t) length;
          g_main_context_iteration (f->context, FALSE);
        }
      if (held_back)
        PUMP_UNTIL (f->writable > 0);
      else
        g_main_context_iteration (f->context, FALSE);
    }
  g_assert_cmpuint (cop_chardev_dropped (f->chardev), ==, 0);
}

static void
test_stuck_reader (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  static uint8_t bytes[4096];
  int fds[2];
  cop_autofd int reader = -1;
  size_t taken = 0, part;
  g_autofree char *first = NULL;

  g_test_summary ("A reader that takes nothing is given up on, costs no more memory, and is served "
                  "again when it reads");
  memset (bytes, 'x', sizeof (bytes));
  make_pipe (fds);
  reader = fds[0];
  start (f, -1, fds[1], -1);

  do
    {
      part = cop_chardev_write (f->chardev, bytes, sizeof (bytes));
      taken += part;
      g_main_context_iteration (f->context, FALSE);
    }
  while (part == sizeof (bytes) && taken < 1 << 20);
  g_assert_cmpuint (taken, <, 1 << 20);
  f->writable = 0;
  while (cop_chardev_write (f->chardev, bytes, sizeof (bytes)) < sizeof (bytes))
    PUMP_UNTIL (f->writable > 0);
  for (unsigned i = 0; i < 100; i++)
    g_assert_cmpuint (cop_chardev_write (f->chardev, bytes, sizeof (bytes)), ==, sizeof (bytes));
  g_assert_cmpuint (cop_chardev_dropped (f->chardev), >=, 100 * sizeof (bytes));
  g_assert_false (cop_chardev_flush (f->chardev, 0));

  /* It wakes up, takes all there was, and gets what comes now. */
  for (;;)
    {
      g_autofree char *more = take (reader);

      if (more[0] == '\0' && cop_chardev_flush (f->chardev, 0))
        break;
      g_main_context_iteration (f->context, FALSE);
    }
  put (f, "back");
  expect (f, reader, "back");
}

static void
test_closed_reader (Fixture *f, gconstpointer data)
{
  bool use_socket = GPOINTER_TO_INT (data);
  int fds[2];

  g_test_summary ("A reader that is gone is no error, no signal, and no wait");
  if (use_socket)
    g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  else
    make_pipe (fds);
  start (f, -1, fds[1], -1);
  close (fds[0]);
  for (unsigned i = 0; i < 100000; i++)
    {
      g_assert_cmpuint (put (f, "nobody hears this"), ==, 17);
      if (i % 1000 == 0)
        g_main_context_iteration (f->context, i == 0);
    }
  g_assert_true (cop_chardev_flush (f->chardev, 1000));
}

static void
test_input (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  int fds[2];
  g_autofree char *text = g_strnfill (10000, 'k');

  g_test_summary ("Input waits outside until there is room, and all of it arrives");
  make_pipe (fds);
  for (unsigned i = 0; i < 10000; i++)
    text[i] = 'a' + i % 26;
  g_assert_cmpint (write (fds[1], text, 10000), ==, 10000);
  close (fds[1]);
  f->room = 0;
  start (f, fds[0], -1, -1);

  while (f->received->len < 10000)
    {
      size_t before = f->received->len;

      /* Nothing more than there was room for, however often the context turns. */
      for (unsigned i = 0; i < 3; i++)
        g_main_context_iteration (f->context, FALSE);
      g_assert_cmpuint (f->received->len, ==, before);
      f->room = 16;
      cop_chardev_accept_input (f->chardev);
      PUMP_UNTIL (f->received->len == MIN (before + 16, 10000));
    }
  g_assert_cmpstr (f->received->str, ==, text);
  f->room = 16;
  cop_chardev_accept_input (f->chardev);
  for (unsigned i = 0; i < 10; i++)
    g_main_context_iteration (f->context, FALSE);
  g_assert_false (g_main_context_pending (f->context)); /* the end of input wakes nobody for ever */
}

static int
connect_to (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof (address.sun_path));
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof (address)), ==, 0);
  return fd;
}

static void
test_listen (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_autofree char *folder = g_dir_make_tmp ("cop-chardev-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "socket", NULL);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_test_summary ("A listening socket serves one client after another; with none, output is gone");
  g_strlcpy (address.sun_path, path, sizeof (address.sun_path));
  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, sizeof (address)), ==, 0);
  g_assert_cmpint (listen (listener, 4), ==, 0);
  start (f, -1, -1, listener);
  g_assert_cmpuint (put (f, "to nobody"), ==, 9);

  for (unsigned i = 0; i < 3; i++)
    {
      int client = connect_to (path);

      g_string_truncate (f->received, 0);
      g_assert_cmpint (write (client, "ping", 4), ==, 4);
      PUMP_UNTIL (f->received->len == 4);
      put (f, "pong");
      expect (f, client, "pong");
      if (i == 1)
        put (f, "lost with its client");
      close (client);
    }
  unlink (path);
  rmdir (folder);
}

static void
test_shared_flags (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  int fds[2];
  cop_autofd int reader = -1, shared = -1;

  g_test_summary ("Whoever shares the descriptor with us does not find it non-blocking");
  make_pipe (fds);
  reader = fds[0];
  shared = fcntl (fds[1], F_DUPFD_CLOEXEC, 0);
  start (f, -1, fds[1], -1);
  g_assert_cmpint (fcntl (shared, F_GETFL) & O_NONBLOCK, ==, 0);
  g_clear_pointer (&f->chardev, cop_chardev_free);
  g_assert_cmpint (fcntl (shared, F_GETFL) & O_NONBLOCK, ==, 0);
}

static void
test_file (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  cop_autofd int file = memfd_create ("log", MFD_CLOEXEC);
  char text[16] = "";

  start (f, -1, fcntl (file, F_DUPFD_CLOEXEC, 0), -1);
  put (f, "logged");
  g_assert_true (cop_chardev_flush (f->chardev, 1000));
  g_assert_cmpint (pread (file, text, sizeof (text), 0), ==, 6);
  g_assert_cmpstr (text, ==, "logged");
}

static void
test_same_descriptor (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  int fds[2];
  cop_autofd int other = -1;

  g_test_summary ("One descriptor may be both directions, and is closed once");
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  other = fds[0];
  start (f, fds[1], fds[1], -1);
  put (f, "out");
  expect (f, other, "out");
  g_assert_cmpint (write (other, "in", 2), ==, 2);
  PUMP_UNTIL (f->received->len == 2);
  g_assert_cmpint (shutdown (other, SHUT_WR), ==, 0);
  put (f, "still out");
  expect (f, other, "still out");
}

static void
test_terminal (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  int terminal = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_autofree char *path = NULL;

  g_test_summary ("A terminal's other side may be closed and opened again, and wakes nobody between");
  g_assert_cmpint (grantpt (terminal), ==, 0);
  g_assert_cmpint (unlockpt (terminal), ==, 0);
  path = g_strdup (ptsname (terminal));
  start (f, terminal, terminal, -1);

  for (unsigned i = 1; i <= 2; i++)
    {
      int side = open (path, O_RDWR | O_NOCTTY | O_CLOEXEC);
      struct termios raw;

      g_assert_cmpint (tcgetattr (side, &raw), ==, 0);
      cfmakeraw (&raw);
      g_assert_cmpint (tcsetattr (side, TCSANOW, &raw), ==, 0);
      g_assert_cmpint (write (side, "key", 3), ==, 3);
      PUMP_UNTIL (f->received->len == 3 * i);
      put (f, "out");
      expect (f, side, "out");
      close (side);

      /* Once it has seen the end it leaves the descriptor alone for a while. */
      for (unsigned j = 0; j < 3; j++)
        g_main_context_iteration (f->context, FALSE);
      g_assert_false (g_main_context_pending (f->context));
    }
}

/* Writes from many threads while the I/O thread turns. */
static gpointer
write_some (gpointer data)
{
  Fixture *f = data;

  for (unsigned i = 0; i < 2000; i++)
    put (f, "0123456789");
  return NULL;
}

static void
test_threads (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  GThread *threads[3];
  int fds[2];
  cop_autofd int reader = -1;
  size_t got = 0;

  make_pipe (fds);
  reader = fds[0];
  start (f, -1, fds[1], -1);
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("writer", write_some, f);
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      g_main_context_iteration (f->context, FALSE);
      g_thread_join (threads[i]);
    }
  /* The ring holds them all, in whole writes. */
  while (got < 60000)
    {
      g_autofree char *part = take (reader);

      for (const char *c = part; *c != '\0'; c++, got++)
        g_assert_cmpint (*c, ==, '0' + (int) (got % 10));
      if (got < 60000)
        g_main_context_iteration (f->context, part[0] == '\0');
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function, data)                                                              \
  g_test_add ("/engine/dev/chardev/" name, Fixture, GINT_TO_POINTER (data), set_up, function,   \
              tear_down)
  TEST ("output", test_output, 0);
  TEST ("flush", test_flush, 0);
  TEST ("slow-reader/pipe", test_slow_reader, false);
  TEST ("slow-reader/socket", test_slow_reader, true);
  TEST ("stuck-reader", test_stuck_reader, 0);
  TEST ("closed-reader/pipe", test_closed_reader, false);
  TEST ("closed-reader/socket", test_closed_reader, true);
  TEST ("input", test_input, 0);
  TEST ("listen", test_listen, 0);
  TEST ("shared-flags", test_shared_flags, 0);
  TEST ("file", test_file, 0);
  TEST ("same-descriptor", test_same_descriptor, 0);
  TEST ("terminal", test_terminal, 0);
  TEST ("threads", test_threads, 0);
#undef TEST
  return g_test_run ();
}
