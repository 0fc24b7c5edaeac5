/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Clients that mean harm, or are just broken: whatever one does, the others do not notice.
 */
#include "server-fixture.h"

#include "common/fd.h"
#include "driver/error.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define OPENED COP_SERVER_SOCKET_OPENED
#define CONNECTIONS 1000

static void
expect_end (int fd)
{
  char byte;

  g_assert_cmpint (recv (fd, &byte, 1, 0), <=, 0);
}

static void
test_lengths (void)
{
  static const uint32_t lengths[] = { 0, 4, 27, COP_PACKET_MAX + 1, 0x7fffffff, 0xffffffff };
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) other = fixture_client (f, OPENED);

  g_test_summary ("a length that cannot be ends the connection");
  for (size_t i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      cop_autofd int fd = fixture_connect (f, OPENED);
      uint32_t length = GUINT32_TO_BE (lengths[i]);

      fixture_write (fd, &length, 4);
      expect_end (fd);
    }
  fixture_wait_closed (f, G_N_ELEMENTS (lengths));
  fixture_check_alive (other, 1);
}

static void
test_claims (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) other = fixture_client (f, OPENED);
  uint32_t length = GUINT32_TO_BE (COP_PACKET_MAX);
  int fds[200];
  struct rusage before, after;

  g_test_summary ("many who claim the longest packet and send nothing take no memory for it");
  getrusage (RUSAGE_SELF, &before);
  for (size_t i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = fixture_connect (f, OPENED);
      fixture_write (fds[i], &length, 4);
    }
  fixture_check_alive (other, 1);
  getrusage (RUSAGE_SELF, &after);
  /* 200 of them would be 6 GiB; kibibytes. */
  g_assert_cmpint (after.ru_maxrss - before.ru_maxrss, <, 256 << 10);
  for (size_t i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  fixture_wait_closed (f, G_N_ELEMENTS (fds));
}

static void
test_budget (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) other = fixture_client (f, OPENED);
  uint32_t length = GUINT32_TO_BE (COP_PACKET_MAX);
  g_autofree char *block = g_malloc0 (20 << 20);
  int fds[20];

  g_test_summary (
    "packets that never end are thrown out, the oldest first, when they are too many");
  memcpy (block, &length, 4);
  for (size_t i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = fixture_connect (f, OPENED);
      fixture_write (fds[i], block, 20 << 20);
    }
  expect_end (fds[0]);
  fixture_check_alive (other, 1);
  for (size_t i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  fixture_wait_closed (f, G_N_ELEMENTS (fds));
}

static void
test_stall (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) other = fixture_client (f, OPENED);
  g_autoptr (GByteArray) call = fixture_packet (
    &(CopPacketHeader){ cop_remote_program.number, 1, COP_REMOTE_CONNECT_NUM_OF_DOMAINS }, NULL, 0);

  g_test_summary ("whoever stops in the middle of a packet waits alone");
  for (guint cut = 1; cut < call->len; cut++)
    {
      cop_autofd int fd = fixture_connect (f, OPENED);
      CopPacket packet;

      fixture_write (fd, call->data, cut);
      fixture_check_alive (other, (uint8_t) cut);
      fixture_write (fd, call->data + cut, call->len - cut);
      g_assert_true (fixture_read (fd, &packet));
      cop_packet_clear (&packet);
    }
}

static void
test_wrong_types (void)
{
  static const uint32_t types[] = { COP_PACKET_REPLY, COP_PACKET_REPLY_FDS, COP_PACKET_MESSAGE, 7,
                                    0xffffffff };
  g_autoptr (Fixture) f = fixture_new ();

  for (size_t i = 0; i < G_N_ELEMENTS (types); i++)
    {
      cop_autofd int fd = fixture_connect (f, OPENED);
      g_autoptr (GByteArray) bytes = fixture_packet (
        &(CopPacketHeader){ cop_remote_program.number, 1, 1, types[i] }, "\0\0\0\0", 4);

      fixture_write (fd, bytes->data, bytes->len);
      expect_end (fd);
    }
}

static void
test_missing_fds (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  cop_autofd int fd = fixture_connect (f, OPENED);
  cop_autofd int many = fixture_connect (f, OPENED);
  static const uint8_t one[] = { 0, 0, 0, 1 }, forty[] = { 0, 0, 0, 40 };
  g_autoptr (GByteArray) without = fixture_packet (
    &(CopPacketHeader){ cop_remote_program.number, 1, 1, COP_PACKET_CALL_FDS }, one, sizeof one);
  g_autoptr (GByteArray) too_many =
    fixture_packet (&(CopPacketHeader){ cop_remote_program.number, 1, 1, COP_PACKET_CALL_FDS },
                    forty, sizeof forty);

  g_test_summary ("descriptors that are promised have to come, and at most 32");
  fixture_write (fd, without->data, without->len);
  fixture_write (fd, "x", 1);
  expect_end (fd);
  fixture_write (many, too_many->data, too_many->len);
  expect_end (many);
}

/* A listening socket with no name in the file system. */
static int
listen_abstract (struct sockaddr_un *address, socklen_t *length)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  *length = sizeof *address;
  g_assert_cmpint (bind (fd, &(struct sockaddr){ AF_UNIX }, sizeof (sa_family_t)), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) address, length), ==, 0);
  g_assert_cmpint (listen (fd, SOMAXCONN), ==, 0);
  return fd;
}

static int
dial (const struct sockaddr_un *address, socklen_t length)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (connect (fd, (const struct sockaddr *) address, length), ==, 0);
  return fd;
}

static void
test_many (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  struct sockaddr_un address;
  socklen_t length;
  g_autofree int *fds = g_new (int, CONNECTIONS);
  struct rlimit limit;
  unsigned n = CONNECTIONS;

  g_test_summary ("a thousand connections, all of them in use");
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  limit.rlim_cur = limit.rlim_max;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  if (limit.rlim_cur < 2 * CONNECTIONS + 100)
    n = (unsigned) (limit.rlim_cur - 100) / 2;

  g_assert_true (cop_server_listen (f->server, listen_abstract (&address, &length),
                                    OPENED | COP_SERVER_SOCKET_SAME_USER, NULL));
  for (unsigned i = 0; i < n; i++)
    fds[i] = dial (&address, length);
  for (unsigned i = 0; i < n; i++)
    {
      g_autoptr (CopClient) client = cop_client_new_for_fd (fds[i]);

      fixture_check_alive (client, (uint8_t) i);
    }
  fixture_wait_closed (f, n);
  g_assert_cmpuint (cop_server_count_connections (f->server), ==, 0);
}

/* Replies that nobody reads. */
static void
test_flood (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  cop_autofd int fd = fixture_connect (f, OPENED);
  g_autoptr (CopClient) other = fixture_client (f, OPENED);
  g_autoptr (GByteArray) call = fixture_packet (
    &(CopPacketHeader){ cop_remote_program.number, 1, COP_REMOTE_CONNECT_NUM_OF_NETWORKS }, NULL,
    0);
  size_t sent = 0;

  g_test_summary ("whoever asks and asks and never listens is not read any more");
  for (int full = 0; full < 100;)
    {
      ssize_t n = send (fd, call->data, call->len, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n == (ssize_t) call->len)
        sent += call->len;
      else if (n >= 0)
        break; /* cut in the middle: no more can be said */
      else
        {
          fixture_check_alive (other, 1);
          full++;
        }
      g_assert_cmpuint (sent, <, 64 << 20);
    }
  fixture_check_alive (other, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/hostile/lengths", test_lengths);
  g_test_add_func ("/wire/hostile/claims", test_claims);
  g_test_add_func ("/wire/hostile/budget", test_budget);
  g_test_add_func ("/wire/hostile/stall", test_stall);
  g_test_add_func ("/wire/hostile/wrong-types", test_wrong_types);
  g_test_add_func ("/wire/hostile/missing-fds", test_missing_fds);
  g_test_add_func ("/wire/hostile/many", test_many);
  g_test_add_func ("/wire/hostile/flood", test_flood);
  return g_test_run ();
}
