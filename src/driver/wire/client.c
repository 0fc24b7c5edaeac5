/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls.
 *
 * There is one socket and any number of threads that wait for something from it. Whoever waits
 * first reads, packet by packet, and gives each to whom it belongs; when its own has come, the
 * next one reads. When a context is attached and somebody runs it, that one reads for all.
 */
#include "driver/wire/client-private.h"

#include "common/fd.h"
#include "driver/error.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* How often a thread that leaves reading to the attached context looks whether that is still run.
 */
#define CONTEXT_CHECK_US (50 * 1000)
/* Events that wait for the attached context; a server that sends more is not read further. */
#define EVENTS_MAX 65536

typedef struct
{
  uint32_t program;
  uint32_t serial;
  bool done;
  CopPacket packet;
} Waiter;

typedef struct
{
  GSource source;
  CopClient *client; /* not owned: the client destroys the source */
} ClientSource;

G_DEFINE_FINAL_TYPE (CopClient, cop_client, G_TYPE_OBJECT)

static void
clear_packets (GQueue *packets)
{
  CopPacket *packet;

  while ((packet = g_queue_pop_head (packets)) != NULL)
    {
      cop_packet_clear (packet);
      g_free (packet);
    }
}

static void
cop_client_dispose (GObject *object)
{
  CopClient *client = COP_CLIENT (object);

  if (client->source != NULL)
    {
      g_source_destroy (client->source);
      g_clear_pointer (&client->source, g_source_unref);
    }
  if (client->destroy != NULL)
    {
      GDestroyNotify destroy = client->destroy;

      client->destroy = NULL;
      destroy (client->data);
    }
  G_OBJECT_CLASS (cop_client_parent_class)->dispose (object);
}

static void
cop_client_finalize (GObject *object)
{
  CopClient *client = COP_CLIENT (object);

  cop_fd_clear (&client->fd);
  cop_packet_reader_clear (&client->reader);
  clear_packets (&client->events);
  g_clear_error (&client->failure);
  g_clear_pointer (&client->context, g_main_context_unref);
  g_free (client->uri);
  g_mutex_clear (&client->lock);
  g_mutex_clear (&client->write_lock);
  g_cond_clear (&client->cond);
  G_OBJECT_CLASS (cop_client_parent_class)->finalize (object);
}

static void
cop_client_class_init (CopClientClass *class)
{
  G_OBJECT_CLASS (class)->dispose = cop_client_dispose;
  G_OBJECT_CLASS (class)->finalize = cop_client_finalize;
}

static void
cop_client_init (CopClient *client)
{
  g_mutex_init (&client->lock);
  g_mutex_init (&client->write_lock);
  g_cond_init (&client->cond);
  g_queue_init (&client->events);
  client->fd = -1;
}

CopClient *
cop_client_new_for_fd (int fd)
{
  CopClient *client = g_object_new (COP_TYPE_CLIENT, NULL);

  client->fd = fd;
  return client;
}

void
cop_client_set_uri (CopClient *client, const char *uri)
{
  client->uri = g_strdup (uri);
}

const char *
cop_client_get_uri (CopClient *client)
{
  return client->uri;
}

int
cop_client_get_fd (CopClient *client)
{
  return client->fd;
}

/* The end ---------------------------------------------------------------------------------------
 */

static void
fail_locked (CopClient *client, const char *message)
{
  if (client->failure != NULL)
    return;
  client->failure = g_error_new_literal (COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC, message);
  cop_client_stream_fail_locked (client, client->failure);
  /* The number stays ours, so that nobody reads another's socket. */
  shutdown (client->fd, SHUT_RDWR);
  g_cond_broadcast (&client->cond);
  cop_client_update_source_locked (client);
}

void
cop_client_close (CopClient *client)
{
  g_mutex_lock (&client->lock);
  fail_locked (client, _ ("the connection was closed"));
  g_mutex_unlock (&client->lock);
}

/* Reading -------------------------------------------------------------------------------------- */

static Waiter *
find_waiter (CopClient *client, const CopPacketHeader *header)
{
  for (GSList *l = client->waiters; l != NULL; l = l->next)
    {
      Waiter *waiter = l->data;

      if (waiter->serial == header->serial && waiter->program == header->program)
        return waiter;
    }
  return NULL;
}

/* Returns: whether a pong is to be sent */
static bool
deliver_locked (CopClient *client, CopPacket *packet)
{
  Waiter *waiter;

  if (packet->header.program == COP_KEEPALIVE_PROGRAM)
    {
      bool ping = packet->header.procedure == COP_KEEPALIVE_PING;

      cop_packet_clear (packet);
      return ping;
    }
  switch (packet->header.type)
    {
    case COP_PACKET_REPLY:
    case COP_PACKET_REPLY_FDS:
      waiter = find_waiter (client, &packet->header);
      if (waiter != NULL && !waiter->done)
        {
          waiter->packet = *packet;
          waiter->done = true;
          return false;
        }
      break; /* of a call that was given up */
    case COP_PACKET_STREAM:
      cop_client_stream_packet_locked (client, packet);
      return false;
    case COP_PACKET_MESSAGE:
      if (client->event != NULL)
        {
          g_queue_push_tail (&client->events, g_memdup2 (packet, sizeof *packet));
          return false;
        }
      break;
    default:
      break;
    }
  cop_packet_clear (packet);
  return false;
}

static void
send_pong (CopClient *client)
{
  CopPacketHeader header = { .program = COP_KEEPALIVE_PROGRAM,
                             .version = 1,
                             .procedure = COP_KEEPALIVE_PONG,
                             .type = COP_PACKET_MESSAGE };

  cop_client_send (client, cop_out_packet_new_data (&header, NULL, 0), NULL);
}

/* With `reading` ours and the lock held, which is let go meanwhile: reads at most one packet.
 * @timeout_ms: as of poll(). Returns: whether a packet came */
static bool
read_one (CopClient *client, int timeout_ms)
{
  g_autoptr (GError) error = NULL;
  CopReadResult result = COP_READ_AGAIN;
  CopPacket packet;
  bool pong = false;

  g_mutex_unlock (&client->lock);
  if (timeout_ms == 0 || poll (&(struct pollfd){ client->fd, POLLIN, 0 }, 1, timeout_ms) > 0)
    result = cop_packet_reader_read (&client->reader, client->fd, COP_PACKET_MAX, false, &error);
  g_mutex_lock (&client->lock);

  switch (result)
    {
    case COP_READ_PACKET:
      cop_packet_reader_take (&client->reader, &packet);
      pong = deliver_locked (client, &packet);
      break;
    case COP_READ_AGAIN:
      return false;
    case COP_READ_END:
      fail_locked (client, _ ("the connection was closed by the other side"));
      return false;
    case COP_READ_FAILED:
      fail_locked (client, error->message);
      return false;
    }
  if (pong)
    {
      g_mutex_unlock (&client->lock);
      send_pong (client);
      g_mutex_lock (&client->lock);
    }
  return true;
}

static int
milliseconds_until (int64_t deadline)
{
  int64_t left = deadline - g_get_monotonic_time ();

  return left <= 0 ? 0 : (int) MIN ((left + 999) / 1000, G_MAXINT);
}

bool
cop_client_wait_locked (CopClient *client, bool (*ready) (gpointer data), gpointer data,
                        int64_t deadline, GError **error)
{
  while (!ready (data))
    {
      bool mine;

      if (client->failure != NULL)
        {
          if (error != NULL)
            *error = g_error_copy (client->failure);
          return false;
        }
      if (deadline >= 0 && g_get_monotonic_time () >= deadline)
        {
          g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_TIMEOUT,
                               _ ("no answer came in time"));
          return false;
        }
      mine =
        !client->reading && (client->context == NULL || g_main_context_acquire (client->context));
      if (!mine)
        {
          int64_t check = g_get_monotonic_time () + CONTEXT_CHECK_US;

          g_cond_wait_until (&client->cond, &client->lock,
                             deadline >= 0 ? MIN (deadline, check) : check);
          continue;
        }
      client->reading = true;
      read_one (client, deadline >= 0 ? MAX (milliseconds_until (deadline), 1) : -1);
      client->reading = false;
      if (client->context != NULL)
        {
          g_main_context_release (client->context);
          cop_client_update_source_locked (client);
        }
      g_cond_broadcast (&client->cond);
    }
  return true;
}

/* Calling -------------------------------------------------------------------------------------- */

bool
cop_client_send (CopClient *client, CopOutPacket *packet, GError **error)
{
  int sent;

  g_mutex_lock (&client->write_lock);
  sent = cop_out_packet_send (packet, client->fd, true);
  if (sent < 0)
    g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC, _ ("cannot send data: %s"),
                 g_strerror (errno));
  g_mutex_unlock (&client->write_lock);
  cop_out_packet_free (packet);
  return sent > 0;
}

static bool
waiter_done (gpointer data)
{
  return ((Waiter *) data)->done;
}

static int *
duplicate_fds (const CopClientOptions *options, GError **error)
{
  int *fds = g_new (int, options->n_fds);

  for (unsigned i = 0; i < options->n_fds; i++)
    {
      fds[i] = fcntl (options->fds[i], F_DUPFD_CLOEXEC, 3);
      if (fds[i] >= 0)
        continue;
      cop_driver_error_set_errno (error, errno, _ ("cannot pass a descriptor"));
      while (i > 0)
        close (fds[--i]);
      g_free (fds);
      return NULL;
    }
  return fds;
}

/* Returns: (transfer full): the call as it is sent; @header gets its serial later */
static CopOutPacket *
make_call (const CopPacketHeader *header, const CopProcedure *procedure, const void *args,
           const CopClientOptions *options, GError **error)
{
  unsigned n_fds = options != NULL ? options->n_fds : 0;
  int *fds = NULL;

  if (n_fds > COP_PACKET_FDS_MAX)
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC,
                   _ ("a call takes %d descriptors at most"), COP_PACKET_FDS_MAX);
      return NULL;
    }
  if (n_fds > 0)
    {
      fds = duplicate_fds (options, error);
      if (fds == NULL)
        return NULL;
    }
  return cop_out_packet_new (header, args != NULL ? procedure->args () : NULL, args, fds, n_fds,
                             error);
}

static void
take_fds (CopPacket *packet, CopClientOptions *options)
{
  unsigned n = 0;

  if (options == NULL)
    return;
  while (n < packet->n_fds && n < options->n_ret_fds)
    {
      options->ret_fds[n] = cop_fd_steal (&packet->fds[n]);
      n++;
    }
  options->n_ret_fds = n;
}

static bool
take_reply (CopPacket *packet, const CopProcedure *procedure, void *ret, CopClientOptions *options,
            GError **error)
{
  const CopXdrType *type = procedure->ret ();
  g_autofree void *unwanted = ret == NULL ? g_malloc (MAX (type->size, 1)) : NULL;

  if (packet->header.status != COP_PACKET_OK)
    {
      cop_packet_get_error (packet, error);
      return false;
    }
  if (!cop_xdr_decode (type, packet->payload, packet->payload_length, ret != NULL ? ret : unwanted,
                       error))
    {
      g_prefix_error (error, _ ("cannot decode the answer to %s: "), procedure->name);
      return false;
    }
  if (ret == NULL)
    cop_xdr_clear (type, unwanted);
  take_fds (packet, options);
  return true;
}

bool
cop_client_call_full (CopClient *client, const CopProgram *program, int32_t number,
                      const void *args, void *ret, CopClientOptions *options, GError **error)
{
  const CopProcedure *procedure = cop_program_find (program, number);
  CopPacketHeader header = { .program = program->number,
                             .version = program->version,
                             .procedure = number };
  Waiter waiter = { .program = program->number };
  int64_t deadline = -1;
  CopOutPacket *packet;
  uint32_t serial;
  bool done;

  g_return_val_if_fail (procedure != NULL && procedure->args != NULL, false);
  if (options != NULL && options->n_fds > 0)
    header.type = COP_PACKET_CALL_FDS;
  if (options != NULL && options->timeout_ms > 0)
    deadline = g_get_monotonic_time () + options->timeout_ms * 1000;
  packet = make_call (&header, procedure, args, options, error);
  if (packet == NULL)
    return false;

  g_mutex_lock (&client->lock);
  waiter.serial = header.serial = client->next_serial++;
  client->waiters = g_slist_prepend (client->waiters, &waiter);
  if (options != NULL && options->stream != NULL)
    *options->stream = cop_client_stream_new_locked (client, &header);
  g_mutex_unlock (&client->lock);
  serial = GUINT32_TO_BE (header.serial);
  memcpy (packet->bytes->data + 20, &serial, 4);

  done = cop_client_send (client, packet, error);
  g_mutex_lock (&client->lock);
  if (!done && client->failure != NULL)
    {
      /* Why the connection has ended says more than that it has. */
      g_clear_error (error);
      if (error != NULL)
        *error = g_error_copy (client->failure);
    }
  if (done)
    done = cop_client_wait_locked (client, waiter_done, &waiter, deadline, error);
  client->waiters = g_slist_remove (client->waiters, &waiter);
  g_mutex_unlock (&client->lock);

  if (done)
    done = take_reply (&waiter.packet, procedure, ret, options, error);
  cop_packet_clear (&waiter.packet);
  if (!done && options != NULL && options->stream != NULL)
    {
      g_mutex_lock (&client->lock);
      cop_client_stream_forget_locked (*options->stream);
      g_mutex_unlock (&client->lock);
      g_clear_pointer (options->stream, cop_client_stream_unref);
    }
  return done;
}

bool
cop_client_call (CopClient *client, const CopProgram *program, int32_t procedure, const void *args,
                 void *ret, GError **error)
{
  return cop_client_call_full (client, program, procedure, args, ret, NULL, error);
}

void
cop_client_clear_ret (const CopProgram *program, int32_t procedure, void *ret)
{
  const CopProcedure *known = cop_program_find (program, procedure);

  if (known != NULL)
    cop_xdr_clear (known->ret (), ret);
}

/* In a main context ---------------------------------------------------------------------------- */

/* Has the context read, unless what was read before is not taken, or all is over. The descriptor
 * goes out of the poll altogether then: one that was closed by the other side is always ready, and
 * would keep the context from sources of less priority. */
static void
set_interest_locked (CopClient *client)
{
  bool wanted = client->failure == NULL && !cop_client_stream_is_full_locked (client) &&
                client->events.length <= EVENTS_MAX;

  if (client->source == NULL || g_source_is_destroyed (client->source) ||
      wanted == (client->fd_tag != NULL))
    return;
  if (wanted)
    client->fd_tag = g_source_add_unix_fd (client->source, client->fd, G_IO_IN);
  else
    g_source_remove_unix_fd (client->source, g_steal_pointer (&client->fd_tag));
}

void
cop_client_update_source_locked (CopClient *client)
{
  if (client->source == NULL)
    return;
  set_interest_locked (client);
  if (client->events.length > 0 || (client->failure != NULL && !client->told_closed) ||
      client->streams != NULL)
    g_source_set_ready_time (client->source, 0);
}

void
cop_client_detach (CopClient *client)
{
  g_autoptr (GSource) source = NULL;
  g_autoptr (GMainContext) context = NULL;
  GDestroyNotify destroy;
  gpointer data;

  g_mutex_lock (&client->lock);
  source = g_steal_pointer (&client->source);
  context = g_steal_pointer (&client->context);
  destroy = client->destroy;
  data = client->data;
  client->destroy = NULL;
  client->event = NULL;
  client->closed = NULL;
  client->data = NULL;
  clear_packets (&client->events);
  g_mutex_unlock (&client->lock);

  if (source != NULL)
    g_source_destroy (source);
  if (destroy != NULL)
    destroy (data);
}

static void
tell_event (CopClient *client, CopPacket *packet)
{
  const CopProcedure *procedure = client->program->number == packet->header.program
                                    ? cop_program_find (client->program, packet->header.procedure)
                                    : NULL;
  g_autoptr (GError) error = NULL;
  g_autofree void *event = NULL;

  if (client->event == NULL || procedure == NULL || (procedure->flags & COP_PROC_EVENT) == 0)
    return;
  event = g_malloc (MAX (procedure->ret ()->size, 1));
  if (cop_xdr_decode (procedure->ret (), packet->payload, packet->payload_length, event, &error))
    {
      client->event (client, client->program, packet->header.procedure, event, client->data);
      cop_xdr_clear (procedure->ret (), event);
    }
  else
    g_info ("an event %s cannot be decoded: %s", procedure->name, error->message);
}

static void
tell_all (CopClient *client)
{
  g_autoptr (GError) failure = NULL;
  CopPacket *packet;

  g_mutex_lock (&client->lock);
  while ((packet = g_queue_pop_head (&client->events)) != NULL)
    {
      g_mutex_unlock (&client->lock);
      tell_event (client, packet);
      cop_packet_clear (packet);
      g_free (packet);
      g_mutex_lock (&client->lock);
    }
  if (client->failure != NULL && !client->told_closed)
    {
      client->told_closed = true;
      failure = g_error_copy (client->failure);
    }
  g_mutex_unlock (&client->lock);
  cop_client_stream_notify (client);
  if (failure != NULL && client->closed != NULL)
    client->closed (client, failure, client->data);
}

static gboolean
source_dispatch (GSource *source, G_GNUC_UNUSED GSourceFunc func, G_GNUC_UNUSED gpointer data)
{
  g_autoptr (CopClient) client = g_object_ref (((ClientSource *) source)->client);

  g_source_set_ready_time (source, -1);
  g_mutex_lock (&client->lock);
  if (!client->reading && client->failure == NULL)
    {
      client->reading = true;
      while (client->failure == NULL && client->events.length <= EVENTS_MAX &&
             !cop_client_stream_is_full_locked (client) && read_one (client, 0))
        ;
      client->reading = false;
      g_cond_broadcast (&client->cond);
    }
  g_mutex_unlock (&client->lock);
  tell_all (client);
  g_mutex_lock (&client->lock);
  set_interest_locked (client);
  g_mutex_unlock (&client->lock);
  return G_SOURCE_CONTINUE;
}

void
cop_client_attach (CopClient *client, GMainContext *context, const CopProgram *program,
                   CopClientEventFunc event, CopClientClosedFunc closed, gpointer data,
                   GDestroyNotify destroy)
{
  static GSourceFuncs funcs = { .dispatch = source_dispatch };
  GSource *source = g_source_new (&funcs, sizeof (ClientSource));

  g_return_if_fail (client->source == NULL);
  ((ClientSource *) source)->client = client;
  g_source_set_static_name (source, "wire client");
  g_mutex_lock (&client->lock);
  client->context = g_main_context_ref (context != NULL ? context : g_main_context_default ());
  client->program = program;
  client->event = event;
  client->closed = closed;
  client->data = data;
  client->destroy = destroy;
  client->source = source;
  g_source_attach (source, client->context);
  cop_client_update_source_locked (client);
  g_mutex_unlock (&client->lock);
}
