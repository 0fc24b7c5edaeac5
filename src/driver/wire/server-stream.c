/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Streams: bytes between a client and a descriptor, or from memory to a client.
 *
 *   descriptor --read--> one packet on its way at a time --> client      end of file: empty packet
 *   descriptor <--write-- a bounded queue <----------------- client      full: its socket waits
 *
 * The descriptor is read and written on the I/O thread. It is watched for one event at a time
 * (EPOLLONESHOT), so that one at its end, which would be reported for ever, costs nothing.
 */
#include "driver/wire/server-private.h"

#include "common/fd.h"
#include "driver/error.h"

#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/stat.h>

#define READ_SIZE 65536
/* From the client, not yet written to the descriptor. */
#define IN_BYTES_MAX (1 << 20)

struct CopServerStream
{
  gatomicrefcount refs;
  CopWatch watch;
  CopServerConn *conn; /* (owned) */
  CopPacketHeader header; /* of our packets, but for the status */
  const CopServerStreamHooks *hooks;
  gpointer data;
  GDestroyNotify destroy;
  GBytes *bytes; /* (owned) (nullable): sent instead of a descriptor's */
  size_t bytes_sent;

  /* guarded by conn->lock */
  bool begun, over, told;
  bool in_flight; /* a packet of ours waits for the socket */
  bool ended; /* end of data was sent, or nothing more will be */
  bool finishing; /* the client is done: confirm when all is written */
  GError *aborted; /* (owned) (nullable): before it began */
  GByteArray *in; /* from the client */
  size_t in_written;
};

static CopServerStream *
stream_of_watch (CopWatch *watch)
{
  return (CopServerStream *) (void *) ((char *) watch - offsetof (CopServerStream, watch));
}

CopServerStream *
cop_server_stream_ref (CopServerStream *stream)
{
  g_atomic_ref_count_inc (&stream->refs);
  return stream;
}

void
cop_server_stream_unref (CopServerStream *stream)
{
  if (!g_atomic_ref_count_dec (&stream->refs))
    return;
  if (stream->destroy != NULL)
    stream->destroy (stream->data);
  cop_fd_clear (&stream->watch.fd);
  g_clear_pointer (&stream->bytes, g_bytes_unref);
  g_clear_error (&stream->aborted);
  g_byte_array_unref (stream->in);
  g_object_unref (stream->conn);
  g_free (stream);
}

static size_t
waiting_locked (const CopServerStream *stream)
{
  return stream->in->len - stream->in_written;
}

/* The end ------------------------------------------------------------------------------------- */

/* On the I/O thread: nothing more is sent or taken. */
static void
stream_end (CopServerStream *stream, bool finished)
{
  CopServerConn *conn = stream->conn;
  bool tell, listed;

  g_mutex_lock (&conn->lock);
  tell = !stream->told;
  stream->told = stream->over = true;
  if (stream->begun && waiting_locked (stream) > IN_BYTES_MAX)
    conn->n_full_streams--;
  g_byte_array_set_size (stream->in, 0);
  stream->in_written = 0;
  listed = g_ptr_array_find (conn->streams, stream, NULL);
  if (listed)
    cop_server_stream_ref (stream);
  g_ptr_array_remove_fast (conn->streams, stream);
  cop_server_conn_update_locked (conn);
  g_mutex_unlock (&conn->lock);

  if (tell && stream->watch.fd >= 0)
    {
      if (stream->begun)
        cop_poller_remove (conn->server->poller, &stream->watch);
      cop_fd_clear (&stream->watch.fd);
    }
  if (tell && stream->hooks != NULL && stream->hooks->closed != NULL)
    stream->hooks->closed (stream, finished, stream->data);
  if (listed)
    cop_server_stream_unref (stream);
}

static gboolean
end_in_context (gpointer stream)
{
  stream_end (stream, false);
  return G_SOURCE_REMOVE;
}

static void
invoke (CopServerStream *stream, GSourceFunc func)
{
  /* Never at once, even on the I/O thread: the caller may hold locks. */
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, cop_server_stream_ref (stream),
                         (GDestroyNotify) cop_server_stream_unref);
  g_source_attach (source, stream->conn->server->context);
}

void
cop_server_stream_conn_ended (CopServerStream *stream)
{
  stream_end (stream, false);
}

void
cop_server_stream_drop (CopServerStream *stream)
{
  invoke (stream, end_in_context);
}

/* To the client -------------------------------------------------------------------------------- */

static void
send_status_locked (CopServerStream *stream, CopPacketStatus status)
{
  CopPacketHeader header = stream->header;

  header.status = status;
  cop_server_conn_send_locked (stream->conn, cop_out_packet_new_data (&header, NULL, 0));
}

static void
send_data_locked (CopServerStream *stream, const void *data, size_t length)
{
  CopPacketHeader header = stream->header;
  CopOutPacket *packet;

  header.status = COP_PACKET_CONTINUE;
  packet = cop_out_packet_new_data (&header, data, length);
  packet->stream = cop_server_stream_ref (stream);
  stream->in_flight = true;
  cop_server_conn_send_locked (stream->conn, packet);
}

static void
send_end_locked (CopServerStream *stream)
{
  if (stream->ended)
    return;
  stream->ended = true;
  send_status_locked (stream, COP_PACKET_CONTINUE);
}

/* Watches for what can be done next. */
static void
rearm_locked (CopServerStream *stream)
{
  uint32_t events = (!stream->in_flight && !stream->ended ? EPOLLIN : 0) |
                    (waiting_locked (stream) > 0 ? EPOLLOUT : 0);

  if (stream->begun && !stream->over && stream->watch.fd >= 0 && events != 0)
    cop_poller_rearm (stream->conn->server->poller, &stream->watch, events | EPOLLONESHOT);
}

static gboolean
send_bytes (gpointer data)
{
  CopServerStream *stream = data;
  size_t size;
  const uint8_t *bytes = g_bytes_get_data (stream->bytes, &size);
  size_t length = MIN (size - stream->bytes_sent, COP_PACKET_STREAM_MAX);

  g_mutex_lock (&stream->conn->lock);
  if (!stream->over && length > 0)
    {
      size_t at = stream->bytes_sent;

      stream->bytes_sent += length;
      send_data_locked (stream, bytes + at, length);
    }
  else if (!stream->over)
    send_end_locked (stream);
  g_mutex_unlock (&stream->conn->lock);
  return G_SOURCE_REMOVE;
}

void
cop_server_stream_sent_locked (CopServerStream *stream)
{
  stream->in_flight = false;
  if (stream->bytes != NULL && !stream->over && !stream->ended)
    invoke (stream, send_bytes);
  else
    rearm_locked (stream);
}

static void
send_abort_locked (CopServerStream *stream, const GError *error)
{
  cop_server_conn_send_locked (stream->conn,
                               cop_out_packet_new_error (&stream->header, error, true));
  stream->over = true;
  invoke (stream, end_in_context);
}

/* With the descriptor ------------------------------------------------------------------------- */

static void
read_fd_locked (CopServerStream *stream)
{
  uint8_t buffer[READ_SIZE];
  ssize_t n;

  if (stream->in_flight || stream->ended)
    return;
  n = read (stream->watch.fd, buffer, sizeof buffer);
  if (n > 0)
    send_data_locked (stream, buffer, (size_t) n);
  /* EIO is how a terminal says that nobody has it open on the other side. */
  else if (n == 0 || (errno != EAGAIN && errno != EINTR))
    send_end_locked (stream);
}

static void
write_fd_locked (CopServerStream *stream)
{
  bool was_full = waiting_locked (stream) > IN_BYTES_MAX;

  while (waiting_locked (stream) > 0)
    {
      ssize_t n =
        write (stream->watch.fd, stream->in->data + stream->in_written, waiting_locked (stream));

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == EAGAIN)
        break;
      /* Nobody reads it any more: what comes is for nobody. */
      stream->in_written = n < 0 ? stream->in->len : stream->in_written + (size_t) n;
    }
  if (was_full && waiting_locked (stream) <= IN_BYTES_MAX)
    {
      stream->conn->n_full_streams--;
      cop_server_conn_update_locked (stream->conn);
    }
  if (waiting_locked (stream) == 0)
    {
      g_byte_array_set_size (stream->in, 0);
      stream->in_written = 0;
    }
}

/* Confirms a finish when all is written. Returns: whether the stream is to be ended */
static bool
confirm_locked (CopServerStream *stream)
{
  if (stream->over || !stream->finishing || waiting_locked (stream) > 0)
    return false;
  send_status_locked (stream, COP_PACKET_OK);
  stream->over = true;
  return true;
}

static void
stream_ready (CopWatch *watch, uint32_t events)
{
  g_autoptr (CopServerStream) stream = cop_server_stream_ref (stream_of_watch (watch));
  bool end = false;

  g_mutex_lock (&stream->conn->lock);
  if (!stream->over)
    {
      if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
        write_fd_locked (stream);
      if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
        read_fd_locked (stream);
      end = confirm_locked (stream);
      rearm_locked (stream);
    }
  g_mutex_unlock (&stream->conn->lock);
  if (end)
    stream_end (stream, true);
}

/* From the client ----------------------------------------------------------------------------- */

static CopServerStream *
find_locked (CopServerConn *conn, const CopPacketHeader *header)
{
  for (guint i = 0; i < conn->streams->len; i++)
    {
      CopServerStream *stream = g_ptr_array_index (conn->streams, i);

      if (stream->header.serial == header->serial && stream->header.program == header->program)
        return stream;
    }
  return NULL;
}

static void
take_data_locked (CopServerStream *stream, const CopPacket *packet)
{
  bool was_full = waiting_locked (stream) > IN_BYTES_MAX;

  if (stream->watch.fd < 0 || stream->finishing)
    return;
  g_byte_array_append (stream->in, packet->payload, (guint) packet->payload_length);
  if (!was_full && waiting_locked (stream) > IN_BYTES_MAX)
    {
      stream->conn->n_full_streams++;
      cop_server_conn_update_locked (stream->conn);
    }
  write_fd_locked (stream);
  rearm_locked (stream);
}

/* Returns: whether the stream is to be ended */
static bool
take_packet_locked (CopServerStream *stream, const CopPacket *packet)
{
  g_autoptr (GError) error = NULL;

  if (packet->header.type == COP_PACKET_STREAM_HOLE)
    {
      g_set_error_literal (&error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_UNSUPPORTED,
                           _ ("this stream has no holes"));
      send_abort_locked (stream, error);
      return false;
    }
  switch (packet->header.status)
    {
    case COP_PACKET_CONTINUE:
      take_data_locked (stream, packet);
      return false;
    case COP_PACKET_OK:
      stream->finishing = true;
      return confirm_locked (stream);
    default:
      send_status_locked (stream, COP_PACKET_OK);
      stream->over = true;
      return true;
    }
}

void
cop_server_stream_packet (CopServerConn *conn, CopPacket *packet)
{
  g_autoptr (CopServerStream) stream = NULL;
  bool end = false, finished = false;

  g_mutex_lock (&conn->lock);
  stream = find_locked (conn, &packet->header);
  if (stream != NULL)
    cop_server_stream_ref (stream);
  /* What comes for a stream that is over was on its way when it ended. */
  if (stream != NULL && !stream->over)
    {
      end = take_packet_locked (stream, packet);
      finished = stream->finishing;
    }
  g_mutex_unlock (&conn->lock);
  cop_packet_clear (packet);
  if (end)
    stream_end (stream, finished);
}

/* What handlers do ---------------------------------------------------------------------------- */

static CopServerStream *
stream_new (CopServerCall *call, int fd, const CopServerStreamHooks *hooks, gpointer data,
            GDestroyNotify destroy, GError **error)
{
  CopServerStream *stream;
  unsigned n_streams;

  g_mutex_lock (&call->conn->lock);
  n_streams = call->conn->streams->len;
  g_mutex_unlock (&call->conn->lock);
  if (call->stream != NULL || n_streams >= COP_SERVER_STREAMS_MAX)
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_FAILED,
                   _ ("a connection may have %d streams at a time"), COP_SERVER_STREAMS_MAX);
      return NULL;
    }

  stream = g_new0 (CopServerStream, 1);
  g_atomic_ref_count_init (&stream->refs);
  stream->conn = g_object_ref (call->conn);
  stream->header = call->packet.header;
  stream->header.type = COP_PACKET_STREAM;
  stream->watch = (CopWatch){ .fd = fd, .ready = stream_ready };
  stream->hooks = hooks;
  stream->data = data;
  stream->destroy = destroy;
  stream->in = g_byte_array_new ();
  call->stream = stream;
  return stream;
}

CopServerStream *
cop_server_call_open_stream_fd (CopServerCall *call, int fd, const CopServerStreamHooks *hooks,
                                gpointer data, GDestroyNotify destroy, GError **error)
{
  cop_autofd int owned = fd;
  CopServerStream *stream;
  struct stat info;

  if (fstat (fd, &info) != 0 || S_ISREG (info.st_mode) || S_ISDIR (info.st_mode))
    {
      g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INTERNAL,
                           _ ("a file cannot be a stream"));
      return NULL;
    }
  if (!g_unix_set_fd_nonblocking (fd, TRUE, error))
    return NULL;
  stream = stream_new (call, fd, hooks, data, destroy, error);
  if (stream == NULL)
    return NULL;
  cop_fd_steal (&owned);
  return cop_server_stream_ref (stream);
}

bool
cop_server_call_open_stream_bytes (CopServerCall *call, GBytes *bytes, GError **error)
{
  CopServerStream *stream = stream_new (call, -1, NULL, NULL, NULL, error);

  if (stream == NULL)
    return false;
  stream->bytes = g_bytes_ref (bytes);
  return true;
}

void
cop_server_stream_begin_locked (CopServerStream *stream)
{
  g_autoptr (GError) error = g_steal_pointer (&stream->aborted);

  stream->begun = true;
  g_ptr_array_add (stream->conn->streams, cop_server_stream_ref (stream));
  if (error == NULL && stream->watch.fd >= 0)
    {
      stream->watch.events = EPOLLIN | EPOLLONESHOT;
      if (cop_poller_add (stream->conn->server->poller, &stream->watch) != 0)
        cop_driver_error_set_errno (&error, errno, _ ("cannot attend to a stream"));
    }
  if (error != NULL)
    send_abort_locked (stream, error);
  else if (stream->bytes != NULL)
    invoke (stream, send_bytes);
}

void
cop_server_stream_abort (CopServerStream *stream, GError *failure)
{
  g_autoptr (GError) error = failure;

  g_mutex_lock (&stream->conn->lock);
  if (!stream->begun && stream->aborted == NULL)
    stream->aborted = g_steal_pointer (&error);
  else if (stream->begun && !stream->over)
    send_abort_locked (stream, error);
  g_mutex_unlock (&stream->conn->lock);
}
