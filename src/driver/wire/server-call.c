/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a packet to a handler and back.
 */
#include "driver/wire/server-private.h"

#include "common/fd.h"
#include "common/log.h"
#include "driver/error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Structs within a call's allocation begin at multiples of this. */
#define ALIGNMENT 16

static size_t
aligned (size_t size)
{
  return (size + ALIGNMENT - 1) & ~(size_t) (ALIGNMENT - 1);
}

static int
sort_of (const CopServerCall *call)
{
  return (call->procedure->flags & COP_PROC_HI) != 0 ? 1 : 0;
}

static CopServerCall *
call_new (CopServerConn *conn, const CopProgram *program, const CopProcedure *procedure,
          const CopHandler *handler, CopPacket *packet)
{
  const CopXdrType *args = procedure->args (), *ret = procedure->ret ();
  size_t head = aligned (sizeof (CopServerCall));
  CopServerCall *call = g_malloc0 (head + aligned (args->size) + aligned (ret->size));

  g_atomic_ref_count_init (&call->refs);
  call->conn = g_object_ref (conn);
  call->program = program;
  call->procedure = procedure;
  call->handler = handler;
  call->packet = *packet;
  call->args = (char *) call + head;
  call->ret = (char *) call->args + aligned (args->size);
  return call;
}

void
cop_server_call_unref (CopServerCall *call)
{
  if (!g_atomic_ref_count_dec (&call->refs))
    return;
  cop_xdr_clear (call->procedure->args (), call->args);
  cop_xdr_clear (call->procedure->ret (), call->ret);
  cop_packet_clear (&call->packet);
  for (unsigned i = 0; i < call->n_out_fds; i++)
    cop_fd_clear (&call->out_fds[i]);
  if (call->stream != NULL)
    {
      cop_server_stream_drop (call->stream);
      cop_server_stream_unref (call->stream);
    }
  g_object_unref (call->conn);
  g_free (call);
}

/* Answers -------------------------------------------------------------------------------------- */

static CopPacketHeader
reply_header (const CopPacketHeader *header)
{
  CopPacketHeader reply = *header;

  reply.type = COP_PACKET_REPLY;
  reply.status = COP_PACKET_OK;
  return reply;
}

void
cop_server_reply_error (CopServerConn *conn, const CopPacketHeader *header, GError *error,
                        bool phrases)
{
  CopPacketHeader reply = reply_header (header);

  COP_LOG_DEBUG_OFTEN ("call %d: %s", header->procedure, error->message);
  cop_server_conn_send (conn, cop_out_packet_new_error (&reply, error, phrases));
  g_error_free (error);
}

/* Returns: (transfer full): the answer; descriptors of @call go into it */
static CopOutPacket *
make_reply (CopServerCall *call, GError **error)
{
  CopPacketHeader reply = reply_header (&call->packet.header);
  unsigned n_fds = call->n_out_fds;

  if (n_fds > 0)
    reply.type = COP_PACKET_REPLY_FDS;
  call->n_out_fds = 0;
  return cop_out_packet_new (&reply, call->procedure->ret (), call->ret,
                             n_fds > 0 ? g_memdup2 (call->out_fds, n_fds * sizeof (int)) : NULL,
                             n_fds, error);
}

/* Sends the answer, and lets the next call begin. */
static void
finish (CopServerCall *call, GError *failure)
{
  CopServerConn *conn = call->conn;
  g_autoptr (GError) error = failure;
  g_autoptr (CopOutPacket) reply = NULL;

  if (error == NULL)
    reply = make_reply (call, &error);
  if (reply == NULL)
    {
      CopPacketHeader header = reply_header (&call->packet.header);

      COP_LOG_DEBUG_OFTEN ("%s: %s", call->procedure->name, error->message);
      reply = cop_out_packet_new_error (&header, error, call->program->phrases);
    }

  g_mutex_lock (&conn->lock);
  cop_server_conn_send_locked (conn, g_steal_pointer (&reply));
  /* In the same breath, so that nothing of this number is sent before its reply. */
  if (call->registration != 0 && error == NULL)
    cop_server_event_activate_locked (conn, call->registration);
  else if (call->registration != 0)
    cop_server_event_drop_locked (conn, call->registration);
  if (call->stream != NULL && error == NULL && !conn->closed)
    {
      cop_server_stream_begin_locked (call->stream);
      g_clear_pointer (&call->stream, cop_server_stream_unref);
    }
  conn->n_calls[sort_of (call)]--;
  cop_server_call_next_locked (conn);
  cop_server_conn_update_locked (conn);
  g_mutex_unlock (&conn->lock);
}

CopServerCall *
cop_server_call_defer (CopServerCall *call)
{
  call->deferred = true;
  g_atomic_ref_count_inc (&call->refs);
  return call;
}

void
cop_server_call_complete (CopServerCall *call, GError *error)
{
  finish (call, error);
  cop_server_call_unref (call);
}

/* Running -------------------------------------------------------------------------------------- */

/* The flags of a call, where the table says that some of them are changes. */
static uint32_t
flags_of (const CopServerCall *call)
{
  const CopXdrField *fallback = NULL;

  for (const CopXdrField *f = call->procedure->args ()->fields; f->kind != COP_XDR_END; f++)
    {
      if (strcmp (f->name, "source") == 0)
        fallback = f;
      else if (strcmp (f->name, "flags") == 0 && fallback == NULL)
        fallback = f;
    }
  return fallback != NULL ? *(uint32_t *) (void *) ((char *) call->args + fallback->offset) : 0;
}

static void
set_read_only_error (const CopServerCall *call, GError **error)
{
  g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_DENIED,
               _ ("read only access prevents %s"), call->procedure->name);
}

/* Whether this client may make this call now. Whoever changes something must have been let in,
 * which is looked at before the arguments are. */
static bool
check_access (const CopServerCall *call, GError **error)
{
  CopServerConn *conn = call->conn;
  CopProcFlags flags = call->procedure->flags;
  bool authenticated, open, read_only;

  g_mutex_lock (&conn->lock);
  authenticated = conn->authenticated;
  open = conn->open;
  read_only = conn->read_only;
  g_mutex_unlock (&conn->lock);

  if (!authenticated && (flags & COP_PROC_ANYBODY) == 0)
    {
      g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC,
                           _ ("authentication required"));
      return false;
    }
  if (!open && (flags & (COP_PROC_ANYBODY | COP_PROC_UNOPENED)) == 0)
    {
      g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INTERNAL,
                           _ ("the connection is not open"));
      return false;
    }
  if (read_only && call->procedure->access == COP_PROC_ACCESS_WRITE)
    {
      set_read_only_error (call, error);
      return false;
    }
  return true;
}

static bool
run (CopServerCall *call, GError **error)
{
  const CopXdrType *args = call->procedure->args ();

  if (!check_access (call, error))
    return false;
  if (call->handler == NULL)
    {
      g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_SUPPORT,
                           call->procedure->name);
      return false;
    }
  /* Not again when it comes to a worker from the I/O thread. */
  if (call->packet.payload != NULL &&
      !cop_xdr_decode (args, call->packet.payload, call->packet.payload_length, call->args, error))
    {
      g_prefix_error (error, _ ("cannot decode the arguments of %s: "), call->procedure->name);
      return false;
    }
  g_clear_pointer (&call->packet.data, g_free);
  call->packet.payload = NULL;
  if ((flags_of (call) & call->procedure->write_flags) != 0 &&
      !cop_server_call_forbid_read_only (call, error))
    return false;
  return call->handler->func (call, call->args, call->ret, error);
}

static void
hand_to_worker (CopServerCall *call)
{
  CopServer *server = call->conn->server;

  g_thread_pool_push (sort_of (call) == 1 ? server->hi_workers : server->workers, call, NULL);
}

bool
cop_server_call_later (CopServerCall *call)
{
  call->later = call->quick;
  return call->quick;
}

void
cop_server_call_run (CopServerCall *call)
{
  GError *error = NULL;
  bool ok = run (call, &error);

  if (call->later && !ok && error == NULL)
    {
      call->later = call->quick = false;
      hand_to_worker (call);
      return;
    }
  if (ok)
    {
      if (!call->deferred)
        finish (call, NULL);
    }
  else
    {
      if (error == NULL)
        g_set_error (&error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INTERNAL,
                     "%s failed without saying why", call->procedure->name);
      finish (call, error);
    }
  cop_server_call_unref (call);
}

/* Whether one more call of @sort may run. */
static bool
may_begin_locked (CopServerConn *conn, int sort)
{
  return !conn->closed && conn->n_calls[sort] < COP_SERVER_CALLS_MAX &&
         conn->out_bytes < COP_SERVER_OUT_BYTES;
}

void
cop_server_call_next_locked (CopServerConn *conn)
{
  for (int sort = 0; sort < 2; sort++)
    while (may_begin_locked (conn, sort) && conn->pending[sort].length > 0)
      {
        CopServerCall *call = g_queue_pop_head (&conn->pending[sort]);

        conn->pending_bytes -= call->packet.payload_length;
        conn->n_calls[sort]++;
        hand_to_worker (call);
      }
}

void
cop_server_call_begin (CopServerConn *conn, CopPacket *packet)
{
  const CopProgram *program;
  const CopProcedure *procedure;
  const CopHandler *handler = cop_server_find (conn->server, &packet->header, &program, &procedure);
  CopServerCall *call;
  bool quick;
  int sort;

  if (procedure == NULL || (procedure->flags & COP_PROC_EVENT) != 0)
    {
      GError *error = NULL;

      /* A client turns the second into "not supported" by the first words, so they stay as they
       * are in every language. */
      if (program == NULL)
        g_set_error (&error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC,
                     _ ("there is no program 0x%x of version %u"), packet->header.program,
                     packet->header.version);
      else
        g_set_error (&error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC, "unknown procedure: %d",
                     packet->header.procedure);
      cop_server_reply_error (conn, &packet->header, error, false);
      cop_packet_clear (packet);
      return;
    }

  call = call_new (conn, program, procedure, handler, packet);
  sort = sort_of (call);
  g_mutex_lock (&conn->lock);
  if (conn->closed)
    {
      g_mutex_unlock (&conn->lock);
      cop_server_call_unref (call);
      return;
    }
  quick = handler != NULL && handler->quick && may_begin_locked (conn, sort) &&
          conn->pending[sort].length == 0;
  call->quick = quick;
  if (quick)
    conn->n_calls[sort]++;
  else
    {
      g_queue_push_tail (&conn->pending[sort], call);
      conn->pending_bytes += call->packet.payload_length;
      cop_server_call_next_locked (conn);
    }
  g_mutex_unlock (&conn->lock);
  if (quick)
    cop_server_call_run (call);
}

/* What handlers ask ---------------------------------------------------------------------------- */

gpointer
cop_server_call_get_data (CopServerCall *call)
{
  return call->conn->server->data;
}

CopServerConn *
cop_server_call_get_conn (CopServerCall *call)
{
  return call->conn;
}

CopServer *
cop_server_call_get_server (CopServerCall *call)
{
  return call->conn->server;
}

void *
cop_server_call_get_ret (CopServerCall *call)
{
  return call->ret;
}

unsigned
cop_server_call_count_fds (CopServerCall *call)
{
  return call->packet.n_fds;
}

int
cop_server_call_steal_fd (CopServerCall *call, unsigned index)
{
  return index < call->packet.n_fds ? cop_fd_steal (&call->packet.fds[index]) : -1;
}

void
cop_server_call_add_fd (CopServerCall *call, int fd)
{
  if (call->n_out_fds < COP_PACKET_FDS_MAX)
    call->out_fds[call->n_out_fds++] = fd;
  else
    close (fd);
}

bool
cop_server_call_forbid_read_only (CopServerCall *call, GError **error)
{
  if (!cop_server_conn_is_read_only (call->conn))
    return true;
  set_read_only_error (call, error);
  return false;
}
