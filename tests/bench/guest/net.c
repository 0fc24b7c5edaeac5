/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench net PORT [INTERFACE]: TCP throughput to and from a server of the driver's on the host's
 * loopback, which user-mode networking shows as 10.0.2.2. The server reads one byte: 'u' and it
 * reads until the end, 'd' and it writes until we close.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECONDS 2.0
#define CHUNK (128 * 1024)

static bool
configure (const char *interface)
{
  struct ifreq        request = { 0 };
  struct sockaddr_in *address = (struct sockaddr_in *) &request.ifr_addr;
  int                 fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool                ok;

  strncpy (request.ifr_name, interface, IFNAMSIZ - 1);
  address->sin_family = AF_INET;
  inet_pton (AF_INET, "10.0.2.15", &address->sin_addr);
  ok = fd >= 0 && ioctl (fd, SIOCSIFADDR, &request) == 0;
  inet_pton (AF_INET, "255.255.255.0", &address->sin_addr);
  ok = ok && ioctl (fd, SIOCSIFNETMASK, &request) == 0;
  ok = ok && ioctl (fd, SIOCGIFFLAGS, &request) == 0;
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  ok = ok && ioctl (fd, SIOCSIFFLAGS, &request) == 0;
  close (fd);
  return ok;
}

static int
connect_host (int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port) };

  inet_pton (AF_INET, "10.0.2.2", &address.sin_addr);
  for (int attempt = 0; attempt < 20; attempt++)
    {
      int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

      if (fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof (address)) == 0)
        return fd;
      close (fd);
      usleep (200000);
    }
  return -1;
}

static bool
stream (int port, char direction, const char *name)
{
  static char buffer[CHUNK];
  int         fd = connect_host (port);
  double      start, seconds;
  uint64_t    moved = 0;
  ssize_t     n;

  if (fd < 0 || write (fd, &direction, 1) != 1)
    return false;
  start = bench_now ();
  do
    {
      n = direction == 'u' ? write (fd, buffer, CHUNK) : read (fd, buffer, CHUNK);
      if (n <= 0)
        return false;
      moved += n;
      seconds = bench_now () - start;
    }
  while (seconds < SECONDS);
  if (direction == 'u')
    {
      /* What is still under way counts once the server has seen the end and answered. */
      shutdown (fd, SHUT_WR);
      if (read (fd, buffer, 1) != 1)
        return false;
      seconds = bench_now () - start;
    }
  close (fd);
  bench_print (name, moved / seconds / 1e6, "MB/s");
  return true;
}

int
bench_net (int argc, char **argv)
{
  int port = argc > 0 ? atoi (argv[0]) : 0;

  if (!configure (argc > 1 ? argv[1] : "eth0") || !stream (port, 'u', "net_up") ||
      !stream (port, 'd', "net_down"))
    {
      printf ("# the network cannot be measured: %m\n");
      return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}
