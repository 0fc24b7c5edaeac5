/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Events: who wants which, and sending them.
 */
#include "driver/wire/server-private.h"

#include "driver/error.h"

#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/socket.h>

static CopRegistration *
find_locked (CopServerConn *conn, int32_t callback_id, guint *index)
{
  for (guint i = 0; i < conn->registrations->len; i++)
    {
      CopRegistration *registration = &g_array_index (conn->registrations, CopRegistration, i);

      if (registration->callback_id == callback_id)
        {
          *index = i;
          return registration;
        }
    }
  return NULL;
}

int32_t
cop_server_call_register_event (CopServerCall *call, CopEventClass class, int32_t event_id,
                                GBytes *object, GError **error)
{
  CopServerConn *conn = call->conn;
  CopRegistration registration = { .class = class, .event_id = event_id };
  guint index;

  g_mutex_lock (&conn->lock);
  if (conn->closed || conn->registrations->len >= COP_SERVER_REGISTRATIONS_MAX ||
      call->registration != 0)
    {
      g_mutex_unlock (&conn->lock);
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                   _ ("a connection may have %d event registrations"),
                   COP_SERVER_REGISTRATIONS_MAX);
      return -1;
    }
  do
    conn->last_callback_id = conn->last_callback_id == INT32_MAX ? 1 : conn->last_callback_id + 1;
  while (find_locked (conn, conn->last_callback_id, &index) != NULL);
  registration.callback_id = conn->last_callback_id;
  registration.object = object != NULL ? g_bytes_ref (object) : NULL;
  g_array_append_val (conn->registrations, registration);
  call->registration = registration.callback_id;
  g_mutex_unlock (&conn->lock);
  return registration.callback_id;
}

void
cop_server_event_activate_locked (CopServerConn *conn, int32_t callback_id)
{
  guint index;
  CopRegistration *registration = find_locked (conn, callback_id, &index);

  if (registration != NULL)
    registration->active = true;
}

void
cop_server_event_drop_locked (CopServerConn *conn, int32_t callback_id)
{
  guint index;

  if (find_locked (conn, callback_id, &index) != NULL)
    g_array_remove_index_fast (conn->registrations, index);
}

bool
cop_server_conn_deregister_event (CopServerConn *conn, CopEventClass class, int32_t callback_id,
                                  GError **error)
{
  CopRegistration *registration;
  guint index;
  bool found;

  g_mutex_lock (&conn->lock);
  registration = find_locked (conn, callback_id, &index);
  found = registration != NULL && registration->class == class;
  if (found)
    g_array_remove_index_fast (conn->registrations, index);
  g_mutex_unlock (&conn->lock);
  if (!found)
    g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                 _ ("no event is registered with the callback ID %d"), callback_id);
  return found;
}

/* Sending -------------------------------------------------------------------------------------- */

/* An event, encoded when the first who wants it is found. */
typedef struct
{
  const CopProgram *program;
  int32_t procedure;
  const void *event;
  CopOutPacket *encoded; /* (owned) (nullable) */
  bool failed;
} Message;

static bool
encode (Message *message)
{
  const CopProcedure *procedure = cop_program_find (message->program, message->procedure);
  CopPacketHeader header = { .program = message->program->number,
                             .version = message->program->version,
                             .procedure = message->procedure,
                             .type = COP_PACKET_MESSAGE };
  g_autoptr (GError) error = NULL;

  if (message->encoded != NULL || message->failed)
    return !message->failed;
  message->encoded =
    cop_out_packet_new (&header, procedure->ret (), message->event, NULL, 0, &error);
  if (message->encoded == NULL)
    {
      message->failed = true;
      g_info ("an event %s is not sent: %s", procedure->name, error->message);
    }
  return !message->failed;
}

static void
send_locked (CopServerConn *conn, Message *message, int32_t callback_id)
{
  CopPacketHeader header = { 0 };
  CopOutPacket *packet;
  uint32_t id = GUINT32_TO_BE ((uint32_t) callback_id);

  if (conn->closed || !encode (message))
    return;
  if (conn->out_bytes > COP_SERVER_OUT_BYTES_MAX)
    {
      g_info ("user %d, process %d does not read its events, and loses its connection",
              (int) conn->peer.uid, (int) conn->peer.pid);
      shutdown (conn->watch.fd, SHUT_RDWR);
      return;
    }
  packet = cop_out_packet_new_data (&header, NULL, 0);
  g_byte_array_set_size (packet->bytes, 0);
  g_byte_array_append (packet->bytes, message->encoded->bytes->data, message->encoded->bytes->len);
  if (callback_id != 0)
    memcpy (packet->bytes->data + COP_PACKET_HEADER, &id, 4);
  cop_server_conn_send_locked (conn, packet);
}

static bool
wants (const CopRegistration *registration, CopEventClass class, int32_t event_id,
       const void *object, size_t length)
{
  return registration->active && registration->class == class &&
         registration->event_id == event_id &&
         (registration->object == NULL ||
          (g_bytes_get_size (registration->object) == length &&
           memcmp (g_bytes_get_data (registration->object, NULL), object, length) == 0));
}

void
cop_server_emit (CopServer *server, CopEventClass class, int32_t event_id, const void *object,
                 size_t object_length, const CopProgram *program, int32_t procedure,
                 const void *event)
{
  Message message = { program, procedure, event };

  g_mutex_lock (&server->lock);
  for (GList *l = server->conns.head; l != NULL; l = l->next)
    {
      CopServerConn *conn = l->data;

      g_mutex_lock (&conn->lock);
      for (guint i = 0; i < conn->registrations->len; i++)
        {
          const CopRegistration *r = &g_array_index (conn->registrations, CopRegistration, i);

          if (wants (r, class, event_id, object, object_length))
            send_locked (conn, &message, r->callback_id);
        }
      g_mutex_unlock (&conn->lock);
    }
  g_mutex_unlock (&server->lock);
  g_clear_pointer (&message.encoded, cop_out_packet_free);
}

void
cop_server_broadcast (CopServer *server, const CopProgram *program, int32_t procedure,
                      const void *event)
{
  Message message = { program, procedure, event };

  g_mutex_lock (&server->lock);
  for (GList *l = server->conns.head; l != NULL; l = l->next)
    {
      CopServerConn *conn = l->data;

      g_mutex_lock (&conn->lock);
      send_locked (conn, &message, 0);
      g_mutex_unlock (&conn->lock);
    }
  g_mutex_unlock (&server->lock);
  g_clear_pointer (&message.encoded, cop_out_packet_free);
}
