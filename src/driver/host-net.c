/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Taps and bridges.
 */
#include "driver/host-open.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int
cop_host_open_tap (const char *name, char **real, GError **error)
{
  cop_autofd int fd = -1;
  struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };

  if (strlen (name) >= IFNAMSIZ)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
                   _ ("tap interface '%s': the name is too long; it can have %d bytes"), name,
                   IFNAMSIZ - 1);
      return -1;
    }
  fd = open ("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    {
      cop_host_set_file_error (error, _ ("tap device"), "/dev/net/tun", errno);
      return -1;
    }
  strcpy (request.ifr_name, name);
  if (ioctl (fd, TUNSETIFF, &request) < 0)
    {
      int code = errno;

      if (code == EPERM)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                     _ ("tap interface '%s': permission denied; 'ip tuntap add %s mode tap user "
                        "$USER' as root makes one for you"),
                     name, name);
      else if (code == EBUSY)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                     _ ("tap interface '%s': another machine uses it; end that one or make another "
                        "interface"),
                     name);
      else
        cop_host_set_file_error (error, _ ("tap interface"), name, code);
      return -1;
    }
  if (real != NULL)
    *real = g_strdup (request.ifr_name);
  return cop_fd_steal (&fd);
}

static bool
set_net_error (GError **error, const char *what, const char *name)
{
  int code = errno;

  if (code == EPERM)
    g_set_error (
      error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
      _ ("%s '%s': only root may change it; use an interface of type 'user', or one that "
         "root has made ready"),
      what, name);
  else
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s '%s': %s", what, name,
                 g_strerror (code));
  return false;
}

bool
cop_host_plug_tap (const char *name, const char *bridge, GError **error)
{
  cop_autofd int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = { 0 };

  if (fd < 0 || strlen (name) >= IFNAMSIZ || (bridge != NULL && strlen (bridge) >= IFNAMSIZ))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _ ("interface '%s': it cannot be reached by that name"), name);
      return false;
    }
  if (bridge != NULL)
    {
      strcpy (request.ifr_name, bridge);
      request.ifr_ifindex = (int) if_nametoindex (name);
      if (ioctl (fd, SIOCBRADDIF, &request) < 0)
        return set_net_error (error, _ ("bridge"), bridge);
    }
  memset (&request, 0, sizeof request);
  strcpy (request.ifr_name, name);
  if (ioctl (fd, SIOCGIFFLAGS, &request) < 0)
    return set_net_error (error, _ ("tap interface"), name);
  if ((request.ifr_flags & IFF_UP) != 0)
    return true;
  request.ifr_flags |= IFF_UP;
  if (ioctl (fd, SIOCSIFFLAGS, &request) < 0)
    return set_net_error (error, _ ("tap interface"), name);
  return true;
}
