/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Streams, at the caller's end.
 */
#include "driver/wire/client-private.h"

#include "driver/error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Data that nobody has taken; above it the attached context reads no further. */
#define IN_BYTES_MAX (4 << 20)

CopClientStream *
cop_client_stream_ref (CopClientStream *stream)
{
  g_atomic_ref_count_inc (&stream->refs);
  return stream;
}

void
cop_client_stream_unref (CopClientStream *stream)
{
  CopClient *client = stream->client;

  if (!g_atomic_ref_count_dec (&stream->refs))
    return;
  g_mutex_lock (&client->lock);
  cop_client_stream_forget_locked (stream);
  g_mutex_unlock (&client->lock);
  g_clear_error (&stream->error);
  g_byte_array_unref (stream->in);
  g_free (stream);
  g_object_unref (client);
}

CopClientStream *
cop_client_stream_new_locked (CopClient *client, const CopPacketHeader *header)
{
  CopClientStream *stream = g_new0 (CopClientStream, 1);

  g_atomic_ref_count_init (&stream->refs);
  stream->client = g_object_ref (client);
  stream->header = *header;
  stream->header.type = COP_PACKET_STREAM;
  stream->in = g_byte_array_new ();
  stream->listed = true;
  client->streams = g_slist_prepend (client->streams, stream);
  return stream;
}

void
cop_client_stream_forget_locked (CopClientStream *stream)
{
  if (!stream->listed)
    return;
  stream->listed = false;
  stream->client->streams = g_slist_remove (stream->client->streams, stream);
}

static size_t
waiting_locked (const CopClientStream *stream)
{
  return stream->in->len - stream->taken;
}

bool
cop_client_stream_is_full_locked (CopClient *client)
{
  for (GSList *l = client->streams; l != NULL; l = l->next)
    if (waiting_locked (l->data) > IN_BYTES_MAX)
      return true;
  return false;
}

/* From the server ------------------------------------------------------------------------------ */

static CopClientStream *
find_locked (CopClient *client, const CopPacketHeader *header)
{
  for (GSList *l = client->streams; l != NULL; l = l->next)
    {
      CopClientStream *stream = l->data;

      if (stream->header.serial == header->serial && stream->header.program == header->program)
        return stream;
    }
  return NULL;
}

void
cop_client_stream_packet_locked (CopClient *client, CopPacket *packet)
{
  CopClientStream *stream = find_locked (client, &packet->header);

  if (stream != NULL && !stream->over)
    {
      switch (packet->header.status)
        {
        case COP_PACKET_CONTINUE:
          if (packet->payload_length == 0)
            stream->ended = true;
          else
            g_byte_array_append (stream->in, packet->payload, (guint) packet->payload_length);
          break;
        case COP_PACKET_OK:
          stream->over = true;
          break;
        default:
          cop_packet_get_error (packet, &stream->error);
          stream->over = true;
          break;
        }
      stream->notified = false;
    }
  cop_packet_clear (packet);
}

void
cop_client_stream_fail_locked (CopClient *client, const GError *failure)
{
  for (GSList *l = client->streams; l != NULL; l = l->next)
    {
      CopClientStream *stream = l->data;

      if (!stream->over)
        stream->error = g_error_copy (failure);
      stream->over = true;
      stream->notified = false;
    }
}

void
cop_client_stream_notify (CopClient *client)
{
  g_autoptr (GPtrArray) streams =
    g_ptr_array_new_with_free_func ((GDestroyNotify) cop_client_stream_unref);

  g_mutex_lock (&client->lock);
  for (GSList *l = client->streams; l != NULL; l = l->next)
    {
      CopClientStream *stream = l->data;

      if (stream->readable != NULL && !stream->notified &&
          (waiting_locked (stream) > 0 || stream->ended || stream->over))
        {
          stream->notified = true;
          g_ptr_array_add (streams, cop_client_stream_ref (stream));
        }
    }
  g_mutex_unlock (&client->lock);
  for (guint i = 0; i < streams->len; i++)
    {
      CopClientStream *stream = g_ptr_array_index (streams, i);

      stream->readable (stream, stream->data);
    }
}

void
cop_client_stream_set_notify (CopClientStream *stream,
                              void (*readable) (CopClientStream *stream, gpointer data),
                              gpointer data)
{
  g_mutex_lock (&stream->client->lock);
  stream->readable = readable;
  stream->data = data;
  stream->notified = false;
  cop_client_update_source_locked (stream->client);
  g_mutex_unlock (&stream->client->lock);
}

static bool
can_receive (gpointer data)
{
  CopClientStream *stream = data;

  return waiting_locked (stream) > 0 || stream->ended || stream->over;
}

bool
cop_client_stream_receive (CopClientStream *stream, void *buffer, size_t length, int64_t timeout_ms,
                           size_t *n_read, GError **error)
{
  CopClient *client = stream->client;
  int64_t deadline = timeout_ms < 0 ? -1 : g_get_monotonic_time () + timeout_ms * 1000;
  bool done;

  g_mutex_lock (&client->lock);
  done = cop_client_wait_locked (client, can_receive, stream, deadline, error);
  if (done && waiting_locked (stream) > 0)
    {
      *n_read = MIN (length, waiting_locked (stream));
      memcpy (buffer, stream->in->data + stream->taken, *n_read);
      stream->taken += *n_read;
      if (waiting_locked (stream) == 0)
        {
          g_byte_array_set_size (stream->in, 0);
          stream->taken = 0;
        }
      stream->notified = false;
      cop_client_update_source_locked (client);
    }
  else if (done && stream->error != NULL)
    {
      if (error != NULL)
        *error = g_error_copy (stream->error);
      done = false;
    }
  else if (done)
    *n_read = 0;
  g_mutex_unlock (&client->lock);
  return done;
}

/* To the server -------------------------------------------------------------------------------- */

static bool
send_status (CopClientStream *stream, CopPacketStatus status, const void *data, size_t length,
             GError **error)
{
  CopPacketHeader header = stream->header;

  header.status = status;
  return cop_client_send (stream->client, cop_out_packet_new_data (&header, data, length), error);
}

bool
cop_client_stream_send (CopClientStream *stream, const void *data, size_t length, GError **error)
{
  CopClient *client = stream->client;

  while (length > 0)
    {
      size_t part = MIN (length, COP_PACKET_STREAM_MAX);
      bool over;

      g_mutex_lock (&client->lock);
      over = stream->over;
      if (over && error != NULL)
        *error = stream->error != NULL
                   ? g_error_copy (stream->error)
                   : g_error_new_literal (COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_STREAM,
                                          _ ("the stream is over"));
      g_mutex_unlock (&client->lock);
      if (over || !send_status (stream, COP_PACKET_CONTINUE, data, part, error))
        return false;
      data = (const uint8_t *) data + part;
      length -= part;
    }
  return true;
}

static bool
is_over (gpointer data)
{
  return ((CopClientStream *) data)->over;
}

bool
cop_client_stream_finish (CopClientStream *stream, GError **error)
{
  CopClient *client = stream->client;
  bool done;

  g_mutex_lock (&client->lock);
  done = stream->over;
  g_mutex_unlock (&client->lock);
  if (!done && !send_status (stream, COP_PACKET_OK, NULL, 0, error))
    return false;

  g_mutex_lock (&client->lock);
  done = cop_client_wait_locked (client, is_over, stream, -1, error);
  if (done && stream->error != NULL)
    {
      if (error != NULL)
        *error = g_error_copy (stream->error);
      done = false;
    }
  g_mutex_unlock (&client->lock);
  return done;
}

void
cop_client_stream_abort (CopClientStream *stream)
{
  bool over;

  g_mutex_lock (&stream->client->lock);
  over = stream->over;
  stream->over = true;
  g_mutex_unlock (&stream->client->lock);
  if (!over)
    send_status (stream, COP_PACKET_ERROR, NULL, 0, NULL);
}
