/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * User-mode network: libslirp ends the guest's connections in this process and makes its own, so
 * that no privilege is needed.
 *
 *   10.0.2.0/24   .2 the host   .3 name server   .15 the guest, by DHCP
 *   fec0::/64     ::2           ::3
 *
 * Throughput comes from large frames: the guest hands over TCP segments of up to 64 KiB uncut and
 * without checksums, and is told an MTU that lets libslirp send it large ones.
 *
 * Everything here runs on the I/O thread.
 */
#include "engine/net/checksum.h"
#include "engine/net/net.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <slirp/libslirp.h>
#include <string.h>

/* The largest that libslirp takes, nearly: it scales no TCP window, so that one segment fills it.
   Measured with an interpreted guest that receives: 9000 bytes 78 MB/s, 32768 97, 65520 111. */
#define MTU 65520

/* Frames that wait for the guest to have room. libslirp keeps to TCP's windows; a guest that takes
   nothing loses the rest. */
#define BACKLOG_MAX_BYTES (4u << 20)

typedef struct
{
  CopNet     net;
  Slirp     *slirp;             /* (owned) */
  GSource   *source;            /* (owned): its sockets */
  GPtrArray *polls;             /* (owned) (element-type GPollFD) of source; slots are used again */
  unsigned   n_polls;           /* used in this round */
  bool       sent;              /* since the last round: libslirp has things to follow up */
  int64_t    deadline;          /* monotonic, microseconds: libslirp's own timers */
  GQueue     backlog;           /* (element-type GBytes) (owned) */
  size_t     backlog_bytes;
  GMainContext *context;        /* (unowned) */
} SlirpNet;

typedef struct
{
  GSource  parent;
  SlirpNet *net;
} SlirpSource;

/* A timer of libslirp's: a source that only its ready time makes ready. */
typedef struct
{
  GSource      parent;
  SlirpTimerCb func;
  void        *data;
} SlirpTimer;

static bool
deliver (SlirpNet *slirp_net, const uint8_t *frame, size_t length)
{
  static const struct virtio_net_hdr_v1 header = {
    .flags = VIRTIO_NET_HDR_F_DATA_VALID, /* libslirp made it just now */
  };

  return slirp_net->net.receive (slirp_net->net.data, &header, frame, length);
}

static ssize_t
send_packet (const void *frame, size_t length, void *opaque)
{
  SlirpNet *slirp_net = opaque;

  if (g_queue_is_empty (&slirp_net->backlog) && deliver (slirp_net, frame, length))
    return length;
  if (slirp_net->backlog_bytes + length <= BACKLOG_MAX_BYTES)
    {
      g_queue_push_tail (&slirp_net->backlog, g_bytes_new (frame, length));
      slirp_net->backlog_bytes += length;
    }
  return length;
}

static void
slirp_net_ready (CopNet *net)
{
  SlirpNet *slirp_net = (SlirpNet *)net;
  GBytes *frame;

  while ((frame = g_queue_peek_head (&slirp_net->backlog)) != NULL)
    {
      size_t length;
      const uint8_t *bytes = g_bytes_get_data (frame, &length);

      if (!deliver (slirp_net, bytes, length))
        return;
      g_queue_pop_head (&slirp_net->backlog);
      slirp_net->backlog_bytes -= length;
      g_bytes_unref (frame);
    }
}

static void
slirp_net_send (CopNet *net, const struct virtio_net_hdr_v1 *header, uint8_t *frame, size_t length)
{
  SlirpNet *slirp_net = (SlirpNet *)net;

  if (!cop_net_finish (header, frame, length))
    return;
  slirp_net->sent = true;
  slirp_input (slirp_net->slirp, frame, length);
}

static void
guest_error (const char *message, void *opaque)
{
  (void)opaque;
  g_debug ("user network: %s", message);
}

static int64_t
clock_get_ns (void *opaque)
{
  (void)opaque;
  return g_get_monotonic_time () * 1000;
}

static gboolean
timer_dispatch (GSource *source, GSourceFunc func, gpointer data)
{
  SlirpTimer *timer = (SlirpTimer *)source;

  (void)func;
  (void)data;
  g_source_set_ready_time (source, -1);
  timer->func (timer->data);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_funcs = { .dispatch = timer_dispatch };

static void *
timer_new (SlirpTimerCb func, void *data, void *opaque)
{
  SlirpNet *slirp_net = opaque;
  SlirpTimer *timer = (SlirpTimer *)g_source_new (&timer_funcs, sizeof *timer);

  timer->func = func;
  timer->data = data;
  g_source_attach (&timer->parent, slirp_net->context);
  return timer;
}

static void
timer_free (void *timer, void *opaque)
{
  (void)opaque;
  g_source_destroy (timer);
  g_source_unref (timer);
}

/* @expire_ms: on clock_get_ns()'s clock */
static void
timer_mod (void *timer, int64_t expire_ms, void *opaque)
{
  (void)opaque;
  g_source_set_ready_time (timer, expire_ms * 1000);
}

static void
ignore_poll_fd (int fd, void *opaque)
{
  (void)fd;
  (void)opaque;
}

static void
ignore_notify (void *opaque)
{
  (void)opaque; /* everything happens on the I/O thread, which looks anyway */
}

static const SlirpCb callbacks = {
  .send_packet = send_packet,
  .guest_error = guest_error,
  .clock_get_ns = clock_get_ns,
  .timer_new = timer_new,
  .timer_free = timer_free,
  .timer_mod = timer_mod,
  .register_poll_fd = ignore_poll_fd,
  .unregister_poll_fd = ignore_poll_fd,
  .notify = ignore_notify,
};

/* clang-format off */
static const struct { int slirp; unsigned poll; } poll_bits[] = {
  { SLIRP_POLL_IN,  G_IO_IN },
  { SLIRP_POLL_OUT, G_IO_OUT },
  { SLIRP_POLL_PRI, G_IO_PRI },
  { SLIRP_POLL_ERR, G_IO_ERR },
  { SLIRP_POLL_HUP, G_IO_HUP },
};
/* clang-format on */

/* The next slot of this round gets @fd. Returns: its index, for get_revents() */
static int
add_poll (int fd, int events, void *opaque)
{
  SlirpNet *slirp_net = opaque;
  GPollFD *poll;

  if (slirp_net->n_polls == slirp_net->polls->len)
    {
      poll = g_new0 (GPollFD, 1);
      poll->fd = -1;
      g_ptr_array_add (slirp_net->polls, poll);
    }
  poll = slirp_net->polls->pdata[slirp_net->n_polls];
  if (poll->fd != fd)
    {
      if (poll->fd >= 0)
        g_source_remove_poll (slirp_net->source, poll);
      poll->fd = fd;
      g_source_add_poll (slirp_net->source, poll);
    }
  poll->events = poll->revents = 0;
  for (unsigned i = 0; i < G_N_ELEMENTS (poll_bits); i++)
    if ((events & poll_bits[i].slirp) != 0)
      poll->events |= poll_bits[i].poll;
  return slirp_net->n_polls++;
}

static int
get_revents (int index, void *opaque)
{
  SlirpNet *slirp_net = opaque;
  const GPollFD *poll = slirp_net->polls->pdata[index];
  int events = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (poll_bits); i++)
    if ((poll->revents & poll_bits[i].poll) != 0)
      events |= poll_bits[i].slirp;
  return events;
}

static gboolean
source_prepare (GSource *source, int *timeout_ms)
{
  SlirpNet *slirp_net = ((SlirpSource *)source)->net;
  uint32_t timeout = G_MAXINT;

  slirp_net->n_polls = 0;
  slirp_pollfds_fill (slirp_net->slirp, &timeout, add_poll, slirp_net);
  for (unsigned i = slirp_net->n_polls; i < slirp_net->polls->len; i++)
    {
      GPollFD *poll = slirp_net->polls->pdata[i];

      if (poll->fd >= 0)
        g_source_remove_poll (source, poll);
      poll->fd = -1;
    }
  *timeout_ms = timeout >= G_MAXINT ? -1 : (int)timeout;
  /* A ready time would wake the context whenever it changes, that is now. */
  slirp_net->deadline =
    *timeout_ms < 0 ? G_MAXINT64 : g_get_monotonic_time () + *timeout_ms * INT64_C (1000);
  return slirp_net->sent;
}

static gboolean
source_check (GSource *source)
{
  SlirpNet *slirp_net = ((SlirpSource *)source)->net;

  for (unsigned i = 0; i < slirp_net->n_polls; i++)
    if (((GPollFD *)slirp_net->polls->pdata[i])->revents != 0)
      return TRUE;
  return slirp_net->sent || g_source_get_time (source) >= slirp_net->deadline;
}

static gboolean
source_dispatch (GSource *source, GSourceFunc func, gpointer data)
{
  SlirpNet *slirp_net = ((SlirpSource *)source)->net;

  (void)func;
  (void)data;
  slirp_net->sent = false;
  slirp_pollfds_poll (slirp_net->slirp, 0, get_revents, slirp_net);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = { .prepare = source_prepare,
                                     .check = source_check,
                                     .dispatch = source_dispatch };

static void
free_bytes (gpointer bytes)
{
  g_bytes_unref (bytes);
}

static void
slirp_net_free (CopNet *net)
{
  SlirpNet *slirp_net = (SlirpNet *)net;

  if (slirp_net->source != NULL)
    {
      g_source_destroy (slirp_net->source);
      g_source_unref (slirp_net->source);
    }
  if (slirp_net->slirp != NULL)
    slirp_cleanup (slirp_net->slirp);
  g_queue_clear_full (&slirp_net->backlog, free_bytes);
  g_ptr_array_unref (slirp_net->polls);
  g_free (slirp_net);
}

static const CopNetOps slirp_ops = {
  .name = "user",
  .send = slirp_net_send,
  .ready = slirp_net_ready,
  .free = slirp_net_free,
};

/* The address @text, or @otherwise when it is NULL. */
static bool
parse_address (const char *text, const char *otherwise, struct in_addr *address, GError **error)
{
  if (text == NULL)
    text = otherwise;
  if (inet_pton (AF_INET, text, address) == 1)
    return true;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "port forward: '%s' is not an IPv4 address; write it as 127.0.0.1", text);
  return false;
}

static bool
add_forward (Slirp *slirp, const CopPortForward *forward, GError **error)
{
  struct in_addr host, guest;

  if (!parse_address (forward->host_address, "127.0.0.1", &host, error) ||
      !parse_address (forward->guest_address, "10.0.2.15", &guest, error))
    return false;
  if (slirp_add_hostfwd (slirp, forward->udp, host, forward->host_port, guest,
                         forward->guest_port) == 0)
    return true;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
               "port forward: cannot listen on %s port %u: %s; choose another port",
               forward->udp ? "udp" : "tcp", forward->host_port, g_strerror (errno));
  return false;
}

CopNet *
cop_net_slirp_new (CopNicConfig *nic, GMainContext *context, GError **error)
{
  SlirpConfig config = {
    .version = 4,
    .in_enabled = true,
    .in6_enabled = true,
    .vprefix_len = 64,
    .if_mtu = MTU,
    .if_mru = MTU,
  };
  SlirpNet *slirp_net = g_new0 (SlirpNet, 1);

  inet_pton (AF_INET, "10.0.2.0", &config.vnetwork);
  inet_pton (AF_INET, "255.255.255.0", &config.vnetmask);
  inet_pton (AF_INET, "10.0.2.2", &config.vhost);
  inet_pton (AF_INET, "10.0.2.15", &config.vdhcp_start);
  inet_pton (AF_INET, "10.0.2.3", &config.vnameserver);
  inet_pton (AF_INET6, "fec0::", &config.vprefix_addr6);
  inet_pton (AF_INET6, "fec0::2", &config.vhost6);
  inet_pton (AF_INET6, "fec0::3", &config.vnameserver6);

  slirp_net->net.ops = &slirp_ops;
  slirp_net->net.mtu = MTU;
  slirp_net->net.features =
    UINT64_C (1) << VIRTIO_NET_F_CSUM | UINT64_C (1) << VIRTIO_NET_F_GUEST_CSUM |
    UINT64_C (1) << VIRTIO_NET_F_HOST_TSO4 | UINT64_C (1) << VIRTIO_NET_F_HOST_TSO6 |
    UINT64_C (1) << VIRTIO_NET_F_HOST_ECN | UINT64_C (1) << VIRTIO_NET_F_MTU;
  slirp_net->context = context;
  slirp_net->polls = g_ptr_array_new_with_free_func (g_free);
  g_queue_init (&slirp_net->backlog);

  slirp_net->slirp = slirp_new (&config, &callbacks, slirp_net);
  for (unsigned i = 0; nic->forwards != NULL && i < nic->forwards->len; i++)
    if (!add_forward (slirp_net->slirp, nic->forwards->pdata[i], error))
      {
        slirp_net_free (&slirp_net->net);
        return NULL;
      }

  slirp_net->source = g_source_new (&source_funcs, sizeof (SlirpSource));
  ((SlirpSource *)slirp_net->source)->net = slirp_net;
  g_source_set_static_name (slirp_net->source, "user network");
  g_source_attach (slirp_net->source, context);
  return &slirp_net->net;
}
