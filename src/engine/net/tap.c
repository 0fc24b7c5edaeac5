/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Network over a tap, or any descriptor that carries one frame per read and write. A tap opened
 * with IFF_VNET_HDR takes and gives large segments and open checksums as the driver likes.
 */
#include "engine/net/checksum.h"
#include "engine/net/net.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

/* Frames read before other sources get their turn. */
#define BURST 64

typedef struct
{
  CopNet         net;
  int            fd;            /* (owned) */
  bool           vnet_hdr;      /* frames carry the header */
  GMainContext  *context;       /* (unowned) */
  GSource       *source;        /* (owned) (nullable): while the guest has room */
  size_t         waiting;       /* bytes of a frame that the guest had no room for */
  struct virtio_net_hdr_v1 header;
  uint8_t        frame[COP_NET_MAX_FRAME];
} TapNet;

/* clang-format off */
static const struct { unsigned feature; unsigned offload; } offloads[] = {
  { VIRTIO_NET_F_GUEST_CSUM, TUN_F_CSUM },
  { VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4 },
  { VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6 },
  { VIRTIO_NET_F_GUEST_ECN,  TUN_F_TSO_ECN },
};
/* clang-format on */

#define VNET_HDR_FEATURES                                                                          \
  (UINT64_C (1) << VIRTIO_NET_F_CSUM | UINT64_C (1) << VIRTIO_NET_F_HOST_TSO4 |                    \
   UINT64_C (1) << VIRTIO_NET_F_HOST_TSO6 | UINT64_C (1) << VIRTIO_NET_F_HOST_ECN |                \
   UINT64_C (1) << VIRTIO_NET_F_GUEST_CSUM | UINT64_C (1) << VIRTIO_NET_F_GUEST_TSO4 |             \
   UINT64_C (1) << VIRTIO_NET_F_GUEST_TSO6 | UINT64_C (1) << VIRTIO_NET_F_GUEST_ECN)

/* Reads the next frame. Returns: whether there was one */
static bool
read_frame (TapNet *tap)
{
  struct iovec iov[2] = {
    { .iov_base = &tap->header, .iov_len = sizeof tap->header },
    { .iov_base = tap->frame, .iov_len = sizeof tap->frame },
  };
  size_t header = tap->vnet_hdr ? sizeof tap->header : 0;
  ssize_t got;

  memset (&tap->header, 0, sizeof tap->header);
  do
    got = readv (tap->fd, tap->vnet_hdr ? iov : iov + 1, tap->vnet_hdr ? 2 : 1);
  while (got < 0 && errno == EINTR);
  if (got <= (ssize_t)header)
    return false;
  tap->waiting = got - header;
  return true;
}

static gboolean on_readable (int fd, GIOCondition condition, gpointer data);

/* Listens to the tap, or not. */
static void
listen_to (TapNet *tap, bool on)
{
  if (on == (tap->source != NULL))
    return;
  if (on)
    {
      tap->source = g_unix_fd_source_new (tap->fd, G_IO_IN);
      g_source_set_callback (tap->source, G_SOURCE_FUNC (on_readable), tap, NULL);
      g_source_set_static_name (tap->source, "tap");
      g_source_attach (tap->source, tap->context);
    }
  else
    {
      g_source_destroy (tap->source);
      g_clear_pointer (&tap->source, g_source_unref);
    }
}

/* Hands over what waits and what can be read. */
static void
pump (TapNet *tap)
{
  for (unsigned i = 0; i < BURST && (tap->waiting > 0 || read_frame (tap)); i++)
    {
      if (!tap->net.receive (tap->net.data, &tap->header, tap->frame, tap->waiting))
        {
          listen_to (tap, false);
          return;
        }
      tap->waiting = 0;
    }
  listen_to (tap, true);
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
  TapNet *tap = data;

  (void)fd;
  if ((condition & (G_IO_HUP | G_IO_ERR | G_IO_NVAL)) != 0 && (condition & G_IO_IN) == 0)
    {
      g_message ("network: the tap is gone; the guest's link stays silent");
      g_clear_pointer (&tap->source, g_source_unref);
      return G_SOURCE_REMOVE;
    }
  pump (tap);
  return G_SOURCE_CONTINUE;
}

static void
tap_ready (CopNet *net)
{
  pump ((TapNet *)net);
}

/* A frame that the tap has no room for is lost, as on a wire. */
static void
tap_send (CopNet *net, const struct virtio_net_hdr_v1 *header, uint8_t *frame, size_t length)
{
  TapNet *tap = (TapNet *)net;
  struct iovec iov[2] = {
    { .iov_base = (void *)header, .iov_len = sizeof *header },
    { .iov_base = frame, .iov_len = length },
  };
  ssize_t sent;

  if (!tap->vnet_hdr && !cop_net_finish (header, frame, length))
    return;
  do
    sent = writev (tap->fd, tap->vnet_hdr ? iov : iov + 1, tap->vnet_hdr ? 2 : 1);
  while (sent < 0 && errno == EINTR);
}

static void
tap_set_features (CopNet *net, uint64_t features)
{
  TapNet *tap = (TapNet *)net;
  unsigned wanted = 0;

  if (!tap->vnet_hdr)
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (offloads); i++)
    if ((features >> offloads[i].feature & 1) != 0)
      wanted |= offloads[i].offload;
  ioctl (tap->fd, TUNSETOFFLOAD, wanted);
}

static void
tap_free (CopNet *net)
{
  TapNet *tap = (TapNet *)net;

  listen_to (tap, false);
  close (tap->fd);
  g_free (tap);
}

static const CopNetOps tap_ops = {
  .name = "tap",
  .send = tap_send,
  .ready = tap_ready,
  .set_features = tap_set_features,
  .free = tap_free,
};

/* Whether frames on @fd carry our header, and the kernel knows its size and byte order. */
static bool
has_vnet_hdr (int fd)
{
  struct ifreq interface = { 0 };
  int size = sizeof (struct virtio_net_hdr_v1), little_endian = 1;

  return ioctl (fd, TUNGETIFF, &interface) == 0 && (interface.ifr_flags & IFF_VNET_HDR) != 0 &&
         ioctl (fd, TUNSETVNETHDRSZ, &size) == 0 && ioctl (fd, TUNSETVNETLE, &little_endian) == 0;
}

CopNet *
cop_net_tap_new (CopNicConfig *nic, GMainContext *context, GError **error)
{
  int flags = fcntl (nic->fd, F_GETFL);
  TapNet *tap;

  if (flags < 0 || fcntl (nic->fd, F_SETFL, flags | O_NONBLOCK) < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "network: descriptor %d is not open: %s; pass that of a tap", nic->fd,
                   g_strerror (errno));
      return NULL;
    }
  tap = g_new0 (TapNet, 1);
  tap->net.ops = &tap_ops;
  tap->fd = cop_fd_steal (&nic->fd);
  tap->context = context;
  tap->vnet_hdr = has_vnet_hdr (tap->fd);
  tap->net.features = tap->vnet_hdr ? VNET_HDR_FEATURES : UINT64_C (1) << VIRTIO_NET_F_CSUM;
  return &tap->net;
}
