/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Consoles and channels of running domains, as streams. The machine holds one end of a
 * pseudo-terminal or listens on a socket; the daemon opens the other for as long as a client looks.
 */
#include "driver/remote-domain.h"

#include "common/fd.h"
#include "xml/domain-device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

/* libvirt's VIR_DOMAIN_CONSOLE_* and VIR_DOMAIN_CHANNEL_FORCE */
enum
{
  CONSOLE_FORCE = 1 << 0,
  CONSOLE_SAFE = 1 << 1,
};

/* Who looks at a device now: one client, as bytes of two would mix. */
typedef struct
{
  char *key; /* (owned): UUID and alias */
  CopServerStream *stream; /* (owned) (nullable): NULL: about to be opened */
} User;

static GMutex users_lock;
static GHashTable *users; /* (element-type utf8 User): guarded by users_lock */

static void
user_free (gpointer data)
{
  User *user = data;

  g_clear_pointer (&user->stream, cop_server_stream_unref);
  g_free (user->key);
  g_free (user);
}

static void
stream_closed (CopServerStream *stream, G_GNUC_UNUSED bool finished, gpointer key)
{
  User *user;

  g_mutex_lock (&users_lock);
  user = g_hash_table_lookup (users, key);
  /* Another client may have taken it over meanwhile. */
  if (user != NULL && (user->stream == stream || user->stream == NULL))
    g_hash_table_remove (users, key);
  g_mutex_unlock (&users_lock);
}

/* Takes the device for a new stream. */
static bool
take_device (const char *key, bool force, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&users_lock);
  User *user;

  if (users == NULL)
    users = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, user_free);
  user = g_hash_table_lookup (users, key);
  if (user != NULL && !force)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_FAILED,
                            _ ("Active console session exists for this domain"));
  if (user != NULL && user->stream != NULL)
    cop_server_stream_abort (
      user->stream, g_error_new_literal (COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_ABORTED,
                                         _ ("another client has taken the console")));
  user = g_new0 (User, 1);
  user->key = g_strdup (key);
  g_hash_table_replace (users, user->key, user);
  return true;
}

static void
release_device (const char *key)
{
  g_mutex_lock (&users_lock);
  g_hash_table_remove (users, key);
  g_mutex_unlock (&users_lock);
}

static int
open_terminal (const char *path, GError **error)
{
  cop_autofd int fd = open (path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  struct termios mode;

  if (fd < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot open '%s'"), path);
      return -1;
    }
  /* The client's terminal edits and echoes; this one must pass bytes on as they are. */
  if (tcgetattr (fd, &mode) == 0)
    {
      cfmakeraw (&mode);
      tcsetattr (fd, TCSANOW, &mode);
    }
  return cop_fd_steal (&fd);
}

int
cop_domain_connect_channel (const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  cop_autofd int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (g_strlcpy (address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_FAILED, _ ("path '%s' is too long"), path);
      return -1;
    }
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot connect to '%s'"), path);
      return -1;
    }
  return cop_fd_steal (&fd);
}

/* What a client wants to look at; copied, as the domain may end at any moment. */
typedef struct
{
  CopChardevType type;
  bool listens;
  char *path; /* (owned) (nullable) */
  char *key; /* (owned): UUID and alias */
} Device;

static void
device_clear (Device *device)
{
  g_free (device->path);
  g_free (device->key);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Device, device_clear)

static bool
find_device (CopDomain *domain, const char *name, bool channel, Device *device, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);
  const CopDomainChardev *found = NULL;
  CopDeviceKind kind = COP_DEVICE_CONSOLE;

  if (!cop_domain_need_active (domain, error))
    return false;
  if (channel && name == NULL && domain->running->channels->len > 0)
    {
      found = domain->running->channels->pdata[0];
      kind = COP_DEVICE_CHANNEL;
    }
  else if (!channel || name != NULL)
    found = cop_domain_config_find_chardev (domain->running, name, &kind, NULL);
  if (found == NULL || (kind == COP_DEVICE_CHANNEL) != channel)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INTERNAL,
                            channel ? _ ("cannot find channel %s")
                                    : _ ("cannot find console device '%s'"),
                            name != NULL ? name : _ ("default"));
  if (found->source.type != COP_CHARDEV_PTY && found->source.type != COP_CHARDEV_UNIX)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INTERNAL,
                            channel ? _ ("channel %s is not using a UNIX socket")
                                    : _ ("character device %s is not using a PTY"),
                            found->alias);
  device->type = found->source.type;
  device->listens = found->source.mode != COP_CHARDEV_MODE_CONNECT;
  device->path = g_strdup (found->source.path != NULL ? found->source.path : found->tty);
  device->key = g_strdup_printf ("%s %s", domain->uuid_text, found->alias);
  return true;
}

static int
open_device (const Device *device, GError **error)
{
  if (device->path == NULL || (device->type == COP_CHARDEV_UNIX && !device->listens))
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_UNSUPPORTED,
                       _ ("the device is connected to a socket of another program"));
      return -1;
    }
  return device->type == COP_CHARDEV_PTY ? open_terminal (device->path, error)
                                         : cop_domain_connect_channel (device->path, error);
}

static bool
open_stream (CopServerCall *call, const CopRemoteDomain *dom, const char *name, bool channel,
             bool force, GError **error)
{
  static const CopServerStreamHooks hooks = { .closed = stream_closed };
  g_autoptr (CopDomain) domain = cop_remote_find (call, dom, error);
  g_auto (Device) device = { 0 };
  g_autoptr (CopServerStream) stream = NULL;
  User *user;
  int fd;

  if (domain == NULL || !find_device (domain, name, channel, &device, error) ||
      !take_device (device.key, force, error))
    return false;
  fd = open_device (&device, error);
  if (fd >= 0)
    stream =
      cop_server_call_open_stream_fd (call, fd, &hooks, g_strdup (device.key), g_free, error);
  if (stream == NULL)
    {
      release_device (device.key);
      return false;
    }
  g_mutex_lock (&users_lock);
  user = g_hash_table_lookup (users, device.key);
  if (user != NULL && user->stream == NULL)
    user->stream = cop_server_stream_ref (stream);
  g_mutex_unlock (&users_lock);
  return true;
}

/* "Safe" asks that nobody else can be on the device, which is always so. */
COP_REMOTE_HANDLES (domain_open_console, DomainOpenConsole)
{
  return cop_remote_check_flags (args->flags, CONSOLE_FORCE | CONSOLE_SAFE, error) &&
         open_stream (call, &args->dom, args->dev_name, false, (args->flags & CONSOLE_FORCE) != 0,
                      error);
}

COP_REMOTE_HANDLES (domain_open_channel, DomainOpenChannel)
{
  return cop_remote_check_flags (args->flags, CONSOLE_FORCE, error) &&
         open_stream (call, &args->dom, args->name, true, (args->flags & CONSOLE_FORCE) != 0,
                      error);
}

/* clang-format off */
const CopHandler cop_remote_console_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_OPEN_CONSOLE, DomainOpenConsole, domain_open_console),
  COP_REMOTE_HANDLER (DOMAIN_OPEN_CHANNEL, DomainOpenChannel, domain_open_channel),
  { 0 },
};
/* clang-format on */
