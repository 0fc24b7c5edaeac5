/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A client's connection: packets in and out, and what it may take.
 *
 * Reading happens on the I/O thread only. Whoever has a packet to send tries at once, under the
 * connection's lock; what the socket does not take waits in `out` for the I/O thread. So a reply
 * costs no change of thread, and packets keep their order.
 */
#include "driver/wire/server-private.h"

#include "common/fd.h"
#include "common/log.h"
#include "driver/error.h"

#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/socket.h>

/* Packets read from one client before others have their turn. */
#define PACKETS_PER_TURN 8

G_DEFINE_FINAL_TYPE (CopServerConn, cop_server_conn, G_TYPE_OBJECT)

static void
registration_clear (gpointer data)
{
  CopRegistration *registration = data;

  g_clear_pointer (&registration->object, g_bytes_unref);
}

static void
cop_server_conn_finalize (GObject *object)
{
  CopServerConn *conn = COP_SERVER_CONN (object);

  cop_fd_clear (&conn->watch.fd);
  cop_packet_reader_clear (&conn->reader);
  g_array_unref (conn->registrations);
  g_ptr_array_unref (conn->streams);
  g_mutex_clear (&conn->lock);
  g_object_unref (conn->server);
  G_OBJECT_CLASS (cop_server_conn_parent_class)->finalize (object);
}

static void
cop_server_conn_class_init (CopServerConnClass *class)
{
  G_OBJECT_CLASS (class)->finalize = cop_server_conn_finalize;
}

static void
cop_server_conn_init (CopServerConn *conn)
{
  g_mutex_init (&conn->lock);
  g_queue_init (&conn->out);
  g_queue_init (&conn->pending[0]);
  g_queue_init (&conn->pending[1]);
  conn->watch.fd = -1;
  conn->link.data = conn;
  conn->registrations = g_array_new (FALSE, TRUE, sizeof (CopRegistration));
  g_array_set_clear_func (conn->registrations, registration_clear);
  conn->streams = g_ptr_array_new_with_free_func ((GDestroyNotify) cop_server_stream_unref);
}

static CopServerConn *
conn_of_watch (CopWatch *watch)
{
  return (CopServerConn *) (void *) ((char *) watch - offsetof (CopServerConn, watch));
}

/* Sending -------------------------------------------------------------------------------------- */

static void
packet_free_locked (CopOutPacket *packet)
{
  CopServerStream *stream = g_steal_pointer (&packet->stream);

  cop_out_packet_free (packet);
  if (stream != NULL)
    {
      cop_server_stream_sent_locked (stream);
      cop_server_stream_unref (stream);
    }
}

void
cop_server_conn_send_locked (CopServerConn *conn, CopOutPacket *packet)
{
  int sent = 0;

  if (conn->closed)
    {
      g_clear_pointer (&packet->stream, cop_server_stream_unref);
      cop_out_packet_free (packet);
      return;
    }
  if (conn->out.length == 0)
    sent = cop_out_packet_send (packet, conn->watch.fd, false);
  if (sent > 0)
    {
      packet_free_locked (packet);
      return;
    }
  if (sent < 0)
    /* The I/O thread sees this as the end of the connection. */
    shutdown (conn->watch.fd, SHUT_RDWR);
  g_queue_push_tail (&conn->out, packet);
  conn->out_bytes += packet->bytes->len;
  cop_server_conn_update_locked (conn);
}

void
cop_server_conn_send (CopServerConn *conn, CopOutPacket *packet)
{
  g_mutex_lock (&conn->lock);
  cop_server_conn_send_locked (conn, packet);
  g_mutex_unlock (&conn->lock);
}

/* Returns: false when the connection has failed */
static bool
flush (CopServerConn *conn)
{
  CopOutPacket *packet;
  int sent = 1;

  g_mutex_lock (&conn->lock);
  while (sent > 0 && (packet = g_queue_peek_head (&conn->out)) != NULL)
    {
      size_t length = packet->bytes->len;

      sent = cop_out_packet_send (packet, conn->watch.fd, false);
      if (sent > 0)
        {
          g_queue_pop_head (&conn->out);
          conn->out_bytes -= length;
          packet_free_locked (packet);
        }
    }
  if (sent >= 0)
    {
      cop_server_call_next_locked (conn);
      cop_server_conn_update_locked (conn);
    }
  g_mutex_unlock (&conn->lock);
  return sent >= 0;
}

/* Receiving ------------------------------------------------------------------------------------ */

/* Whether more calls may be taken in. */
static bool
may_read_locked (CopServerConn *conn)
{
  return conn->pending[0].length + conn->pending[1].length < COP_SERVER_PENDING_MAX &&
         conn->pending_bytes < COP_SERVER_PENDING_BYTES &&
         conn->out_bytes < COP_SERVER_OUT_BYTES_MAX && conn->n_full_streams == 0;
}

void
cop_server_conn_update_locked (CopServerConn *conn)
{
  if (!conn->closed)
    cop_poller_modify (conn->server->poller, &conn->watch,
                       (may_read_locked (conn) ? EPOLLIN : 0) |
                         (conn->out.length > 0 ? EPOLLOUT : 0));
}

static void
keepalive_packet (CopServerConn *conn, int32_t procedure)
{
  CopPacketHeader header = { .program = COP_KEEPALIVE_PROGRAM,
                             .version = 1,
                             .procedure = procedure,
                             .type = COP_PACKET_MESSAGE };

  cop_server_conn_send (conn, cop_out_packet_new_data (&header, NULL, 0));
}

/* Returns: false when the packet is one that no client sends */
static bool
handle_packet (CopServerConn *conn, CopPacket *packet)
{
  if (packet->header.program == COP_KEEPALIVE_PROGRAM)
    {
      bool ping = packet->header.procedure == COP_KEEPALIVE_PING;
      bool known = packet->header.version == 1 && packet->header.type == COP_PACKET_MESSAGE;

      cop_packet_clear (packet);
      if (known && ping)
        keepalive_packet (conn, COP_KEEPALIVE_PONG);
      return known;
    }
  switch (packet->header.type)
    {
    case COP_PACKET_CALL:
    case COP_PACKET_CALL_FDS:
      cop_server_call_begin (conn, packet);
      return true;
    case COP_PACKET_STREAM:
    case COP_PACKET_STREAM_HOLE:
      cop_server_stream_packet (conn, packet);
      return true;
    default:
      cop_packet_clear (packet);
      return false;
    }
}

static void
read_packets (CopServerConn *conn)
{
  for (int i = 0; i < PACKETS_PER_TURN; i++)
    {
      g_autoptr (GError) error = NULL;
      uint32_t limit = conn->stranger ? COP_SERVER_STRANGER_PACKET : COP_PACKET_MAX;
      CopPacket packet;
      bool more;

      switch (cop_packet_reader_read (&conn->reader, conn->watch.fd, limit, false, &error))
        {
        case COP_READ_AGAIN:
          cop_server_partial_changed (conn->server, conn);
          return;
        case COP_READ_END:
          cop_server_conn_end (conn, NULL);
          return;
        case COP_READ_FAILED:
          cop_server_conn_end (conn, error->message);
          return;
        case COP_READ_PACKET:
          break;
        }
      conn->heard_at = g_get_monotonic_time ();
      conn->pings = 0;
      cop_packet_reader_take (&conn->reader, &packet);
      cop_server_partial_changed (conn->server, conn);
      if (!handle_packet (conn, &packet))
        {
          cop_server_conn_end (conn, "the client sent a packet that only a server sends");
          return;
        }
      g_mutex_lock (&conn->lock);
      more = !conn->closed && may_read_locked (conn);
      cop_server_conn_update_locked (conn);
      g_mutex_unlock (&conn->lock);
      if (!more)
        return;
    }
}

static void
conn_ready (CopWatch *watch, uint32_t events)
{
  g_autoptr (CopServerConn) conn = g_object_ref (conn_of_watch (watch));

  if ((events & EPOLLOUT) != 0 && !flush (conn))
    {
      cop_server_conn_end (conn, "the client does not take data any more");
      return;
    }
  if ((events & EPOLLIN) != 0)
    read_packets (conn);
  else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
    cop_server_conn_end (conn, NULL);
}

/* Life ----------------------------------------------------------------------------------------- */

CopServerConn *
cop_server_conn_new (CopServer *server, int fd, CopServerSocketFlags flags, const CopPeer *peer,
                     bool unix_socket, GError **error)
{
  g_autoptr (CopServerConn) conn = g_object_new (COP_TYPE_SERVER_CONN, NULL);

  conn->server = g_object_ref (server);
  conn->flags = flags;
  conn->peer = *peer;
  conn->unix_socket = unix_socket;
  conn->read_only = (flags & COP_SERVER_SOCKET_READ_ONLY) != 0;
  conn->open = (flags & COP_SERVER_SOCKET_OPENED) != 0;
  conn->authenticated = (flags & COP_SERVER_SOCKET_POLKIT) == 0 || peer->uid == 0;
  conn->stranger = !conn->authenticated;
  conn->opened_at = conn->heard_at = g_get_monotonic_time ();
  conn->watch = (CopWatch){ .fd = fd, .events = EPOLLIN, .ready = conn_ready };
  if (!g_unix_set_fd_nonblocking (fd, TRUE, error))
    return NULL;
  if (cop_poller_add (server->poller, &conn->watch) != 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot attend to a connection"));
      return NULL;
    }
  return g_steal_pointer (&conn);
}

void
cop_server_conn_end (CopServerConn *conn, const char *why)
{
  g_autoptr (CopServerConn) self = g_object_ref (conn);
  g_autoptr (GPtrArray) streams = NULL;
  GQueue calls[2], out;
  CopServerCall *call;
  CopOutPacket *packet;

  g_mutex_lock (&conn->lock);
  if (conn->closed)
    {
      g_mutex_unlock (&conn->lock);
      return;
    }
  cop_poller_remove (conn->server->poller, &conn->watch);
  conn->closed = true;
  close (cop_fd_steal (&conn->watch.fd));
  out = conn->out;
  g_queue_init (&conn->out);
  memcpy (calls, conn->pending, sizeof calls);
  g_queue_init (&conn->pending[0]);
  g_queue_init (&conn->pending[1]);
  streams = g_steal_pointer (&conn->streams);
  conn->streams = g_ptr_array_new ();
  g_array_set_size (conn->registrations, 0);
  g_mutex_unlock (&conn->lock);

  COP_LOG_DEBUG_OFTEN ("client of user %d, process %d has left%s%s", (int) conn->peer.uid,
                       (int) conn->peer.pid, why != NULL ? ": " : "", why != NULL ? why : "");
  while ((packet = g_queue_pop_head (&out)) != NULL)
    {
      g_clear_pointer (&packet->stream, cop_server_stream_unref);
      cop_out_packet_free (packet);
    }
  for (int i = 0; i < 2; i++)
    while ((call = g_queue_pop_head (&calls[i])) != NULL)
      cop_server_call_unref (call);
  for (guint i = 0; i < streams->len; i++)
    cop_server_stream_conn_ended (g_ptr_array_index (streams, i));

  conn->server->partial_bytes -= conn->partial;
  conn->partial = 0;
  cop_packet_reader_clear (&conn->reader);
  cop_server_remove_conn (conn->server, conn);
}

void
cop_server_conn_tick (CopServerConn *conn, int64_t now)
{
  bool keepalive;

  if (conn->stranger && now - conn->opened_at > COP_SERVER_STRANGER_US)
    {
      cop_server_conn_end (conn, "it did not authenticate in time");
      return;
    }
  if (conn->partial != 0 && now - conn->partial_since > COP_SERVER_PARTIAL_US)
    {
      cop_server_conn_end (conn, "it did not end its packet in time");
      return;
    }
  g_mutex_lock (&conn->lock);
  keepalive = conn->keepalive;
  g_mutex_unlock (&conn->lock);
  if (!keepalive || now - conn->heard_at < (conn->pings + 1) * COP_KEEPALIVE_INTERVAL_US)
    return;
  if (conn->pings >= COP_KEEPALIVE_COUNT)
    {
      cop_server_conn_end (conn, "it does not answer pings");
      return;
    }
  conn->pings++;
  keepalive_packet (conn, COP_KEEPALIVE_PING);
}

void
cop_server_conn_close (CopServerConn *conn)
{
  g_mutex_lock (&conn->lock);
  if (!conn->closed)
    shutdown (conn->watch.fd, SHUT_RDWR);
  g_mutex_unlock (&conn->lock);
}

/* What handlers ask ---------------------------------------------------------------------------- */

bool
cop_server_conn_is_read_only (CopServerConn *conn)
{
  bool read_only;

  g_mutex_lock (&conn->lock);
  read_only = conn->read_only;
  g_mutex_unlock (&conn->lock);
  return read_only;
}

CopPeer
cop_server_conn_get_peer (CopServerConn *conn)
{
  return conn->peer;
}

CopServerSocketFlags
cop_server_conn_get_flags (CopServerConn *conn)
{
  return conn->flags;
}

bool
cop_server_conn_can_pass_fds (CopServerConn *conn)
{
  return conn->unix_socket;
}

bool
cop_server_conn_is_authenticated (CopServerConn *conn)
{
  bool authenticated;

  g_mutex_lock (&conn->lock);
  authenticated = conn->authenticated;
  g_mutex_unlock (&conn->lock);
  return authenticated;
}

static gboolean
no_stranger (gpointer data)
{
  cop_server_no_stranger (data);
  return G_SOURCE_REMOVE;
}

void
cop_server_conn_set_authenticated (CopServerConn *conn)
{
  g_mutex_lock (&conn->lock);
  conn->authenticated = true;
  g_mutex_unlock (&conn->lock);
  g_main_context_invoke_full (conn->server->context, G_PRIORITY_DEFAULT, no_stranger,
                              g_object_ref (conn), g_object_unref);
}

bool
cop_server_conn_open (CopServerConn *conn, bool read_only)
{
  bool first;

  g_mutex_lock (&conn->lock);
  first = !conn->open;
  conn->open = true;
  conn->read_only |= first && read_only;
  g_mutex_unlock (&conn->lock);
  return first;
}

bool
cop_server_conn_close_object (CopServerConn *conn)
{
  bool was;

  g_mutex_lock (&conn->lock);
  was = conn->open;
  conn->open = false;
  g_array_set_size (conn->registrations, 0);
  g_mutex_unlock (&conn->lock);
  return was;
}

void
cop_server_conn_enable_keepalive (CopServerConn *conn)
{
  g_mutex_lock (&conn->lock);
  conn->keepalive = true;
  g_mutex_unlock (&conn->lock);
}
