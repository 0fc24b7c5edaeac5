/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server for tests.
 */
#include "server-fixture.h"

#include "common/fd.h"
#include "driver/error.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Handlers ------------------------------------------------------------------------------------- */

static bool
get_state (G_GNUC_UNUSED CopServerCall *call, const CopRemoteDomainGetStateArgs *args,
           CopRemoteDomainGetStateRet *ret, G_GNUC_UNUSED GError **error)
{
  ret->state = 1;
  ret->reason = args->dom.uuid[0];
  return true;
}

/* Says whether it ran on the I/O thread; for a domain whose reason is not 0 it asks for another. */
static bool
is_active (CopServerCall *call, const CopRemoteDomainIsActiveArgs *args,
           CopRemoteDomainIsActiveRet *ret, G_GNUC_UNUSED GError **error)
{
  Fixture *f = cop_server_call_get_data (call);

  if (args->dom.uuid[0] != 0 && cop_server_call_later (call))
    return false;
  ret->active = g_thread_self () == f->thread;
  return true;
}

static bool
save (CopServerCall *call, G_GNUC_UNUSED const CopRemoteDomainSaveArgs *args,
      G_GNUC_UNUSED CopRemoteDomainSaveRet *ret, G_GNUC_UNUSED GError **error)
{
  Fixture *f = cop_server_call_get_data (call);

  g_mutex_lock (&f->lock);
  f->waiting++;
  f->most_waiting = MAX (f->most_waiting, f->waiting);
  g_cond_broadcast (&f->cond);
  while (!f->gate)
    g_cond_wait (&f->cond, &f->lock);
  f->waiting--;
  g_mutex_unlock (&f->lock);
  return true;
}

static gpointer
complete_later (gpointer data)
{
  CopServerCall *call = data;
  CopRemoteDomainGetXmlDescRet *ret = cop_server_call_get_ret (call);

  ret->xml = g_strdup ("<late/>");
  cop_server_call_complete (call, NULL);
  return NULL;
}

static bool
get_xml (CopServerCall *call, G_GNUC_UNUSED const CopRemoteDomainGetXmlDescArgs *args,
         G_GNUC_UNUSED CopRemoteDomainGetXmlDescRet *ret, G_GNUC_UNUSED GError **error)
{
  Fixture *f = cop_server_call_get_data (call);
  GThread *late = g_thread_new ("late", complete_later, cop_server_call_defer (call));

  g_mutex_lock (&f->lock);
  f->late = g_slist_prepend (f->late, late);
  g_mutex_unlock (&f->lock);
  return true;
}

/* Takes a descriptor and writes into it. */
static bool
take_fd (CopServerCall *call, G_GNUC_UNUSED const CopRemoteDomainOpenGraphicsArgs *args,
         G_GNUC_UNUSED CopRemoteDomainOpenGraphicsRet *ret, GError **error)
{
  cop_autofd int fd = cop_server_call_steal_fd (call, 0);

  if (fd >= 0 && write (fd, "got it", 6) == 6)
    return true;
  g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG, "no descriptor");
  return false;
}

/* Gives three descriptors, each with a letter to read. */
static bool
give_fds (CopServerCall *call, G_GNUC_UNUSED const CopRemoteDomainOpenGraphicsFdArgs *args,
          G_GNUC_UNUSED CopRemoteDomainOpenGraphicsFdRet *ret, G_GNUC_UNUSED GError **error)
{
  for (char letter = 'a'; letter <= 'c'; letter++)
    {
      int ends[2];

      g_assert_cmpint (pipe (ends), ==, 0);
      g_assert_cmpint (write (ends[1], &letter, 1), ==, 1);
      close (ends[1]);
      cop_server_call_add_fd (call, ends[0]);
    }
  return true;
}

static void
stream_closed (G_GNUC_UNUSED CopServerStream *stream, G_GNUC_UNUSED bool finished, gpointer data)
{
  Fixture *f = data;

  g_mutex_lock (&f->lock);
  f->streams_closed++;
  g_cond_broadcast (&f->cond);
  g_mutex_unlock (&f->lock);
}

static bool
open_console (CopServerCall *call, G_GNUC_UNUSED const CopRemoteDomainOpenConsoleArgs *args,
              G_GNUC_UNUSED CopRemoteDomainOpenConsoleRet *ret, GError **error)
{
  static const CopServerStreamHooks hooks = { .closed = stream_closed };
  Fixture *f = cop_server_call_get_data (call);
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  g_mutex_lock (&f->lock);
  cop_fd_clear (&f->stream_fd);
  f->stream_fd = ends[1];
  g_clear_pointer (&f->stream, cop_server_stream_unref);
  f->stream = cop_server_call_open_stream_fd (call, ends[0], &hooks, f, NULL, error);
  g_mutex_unlock (&f->lock);
  return f->stream != NULL;
}

static bool
screenshot (CopServerCall *call, const CopRemoteDomainScreenshotArgs *args,
            CopRemoteDomainScreenshotRet *ret, GError **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_strnfill (args->screen, 'p'), args->screen);

  ret->mime = g_strdup ("image/x-portable-pixmap");
  return cop_server_call_open_stream_bytes (call, bytes, error);
}

static bool
register_event (CopServerCall *call, const CopRemoteConnectDomainEventCallbackRegisterAnyArgs *args,
                CopRemoteConnectDomainEventCallbackRegisterAnyRet *ret, GError **error)
{
  g_autoptr (GBytes) object = args->dom != NULL ? g_bytes_new (args->dom->uuid, 16) : NULL;

  ret->callback_id =
    cop_server_call_register_event (call, COP_EVENT_DOMAIN, args->event_id, object, error);
  /* Told before the client can know the number: must not be sent to it. */
  fixture_emit (cop_server_call_get_data (call), 1, 99);
  return ret->callback_id >= 0;
}

static bool
deregister_event (CopServerCall *call,
                  const CopRemoteConnectDomainEventCallbackDeregisterAnyArgs *args,
                  G_GNUC_UNUSED CopRemoteConnectDomainEventCallbackDeregisterAnyRet *ret,
                  GError **error)
{
  return cop_server_conn_deregister_event (cop_server_call_get_conn (call), COP_EVENT_DOMAIN,
                                           args->callback_id, error);
}

static bool
connect_open (CopServerCall *call, const CopRemoteConnectOpenArgs *args,
              G_GNUC_UNUSED CopRemoteConnectOpenRet *ret, GError **error)
{
  if (cop_server_conn_open (cop_server_call_get_conn (call), (args->flags & 1) != 0))
    return true;
  g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INTERNAL, "twice");
  return false;
}

/* Asks for more than a packet holds. */
static bool
get_huge (G_GNUC_UNUSED CopServerCall *call,
          G_GNUC_UNUSED const CopRemoteConnectGetHostnameArgs *args,
          CopRemoteConnectGetHostnameRet *ret, G_GNUC_UNUSED GError **error)
{
  ret->hostname = g_strnfill (COP_XDR_STRING_MAX + 1, 'h');
  return true;
}

/* clang-format off */
static const CopHandler handlers[] = {
  COP_REMOTE_HANDLER (CONNECT_OPEN, ConnectOpen, connect_open),
  COP_REMOTE_HANDLER (CONNECT_GET_HOSTNAME, ConnectGetHostname, get_huge),
  COP_REMOTE_HANDLER (DOMAIN_GET_STATE, DomainGetState, get_state),
  COP_REMOTE_QUICK (DOMAIN_IS_ACTIVE, DomainIsActive, is_active),
  COP_REMOTE_HANDLER (DOMAIN_SAVE, DomainSave, save),
  COP_REMOTE_HANDLER (DOMAIN_GET_XML_DESC, DomainGetXmlDesc, get_xml),
  COP_REMOTE_HANDLER (DOMAIN_OPEN_GRAPHICS, DomainOpenGraphics, take_fd),
  COP_REMOTE_HANDLER (DOMAIN_OPEN_GRAPHICS_FD, DomainOpenGraphicsFd, give_fds),
  COP_REMOTE_HANDLER (DOMAIN_OPEN_CONSOLE, DomainOpenConsole, open_console),
  COP_REMOTE_HANDLER (DOMAIN_SCREENSHOT, DomainScreenshot, screenshot),
  COP_REMOTE_HANDLER (CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, ConnectDomainEventCallbackRegisterAny, register_event),
  COP_REMOTE_HANDLER (CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, ConnectDomainEventCallbackDeregisterAny, deregister_event),
  { 0 },
};
/* clang-format on */

/* Life ----------------------------------------------------------------------------------------- */

static void
count_opened (G_GNUC_UNUSED CopServerConn *conn, gpointer data)
{
  Fixture *f = data;

  g_mutex_lock (&f->lock);
  f->opened++;
  g_cond_broadcast (&f->cond);
  g_mutex_unlock (&f->lock);
}

static void
count_closed (G_GNUC_UNUSED CopServerConn *conn, gpointer data)
{
  Fixture *f = data;

  g_mutex_lock (&f->lock);
  f->closed++;
  g_cond_broadcast (&f->cond);
  g_mutex_unlock (&f->lock);
}

static gpointer
run (gpointer data)
{
  Fixture *f = data;

  g_main_context_push_thread_default (f->context);
  g_main_loop_run (f->loop);
  cop_server_stop (f->server);
  /* What was left to be done by the stop. */
  while (g_main_context_iteration (f->context, FALSE))
    ;
  g_main_context_pop_thread_default (f->context);
  return NULL;
}

Fixture *
fixture_new (void)
{
  static const CopServerHooks hooks = { .opened = count_opened, .closed = count_closed };
  Fixture *f = g_new0 (Fixture, 1);

  g_mutex_init (&f->lock);
  g_cond_init (&f->cond);
  f->stream_fd = -1;
  f->context = g_main_context_new ();
  f->loop = g_main_loop_new (f->context, FALSE);
  f->server = cop_server_new (f->context, f);
  cop_server_set_hooks (f->server, &hooks, f);
  cop_server_add_handlers (f->server, &cop_remote_program, handlers);
  f->thread = g_thread_new ("server", run, f);
  return f;
}

static gboolean
quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

void
fixture_free (Fixture *f)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  fixture_open_gate (f);
  /* Not before the loop runs: quitting one that does not is forgotten. */
  g_source_set_callback (source, quit, f->loop, NULL);
  g_source_attach (source, f->context);
  g_thread_join (f->thread);
  for (GSList *l = f->late; l != NULL; l = l->next)
    g_thread_join (l->data);
  g_slist_free (f->late);
  g_clear_pointer (&f->stream, cop_server_stream_unref);
  g_object_add_weak_pointer (G_OBJECT (f->server), (gpointer *) &f->server);
  g_object_unref (f->server);
  g_assert_null (f->server);
  g_main_loop_unref (f->loop);
  g_main_context_unref (f->context);
  cop_fd_clear (&f->stream_fd);
  g_mutex_clear (&f->lock);
  g_cond_clear (&f->cond);
  g_free (f);
}

typedef struct
{
  Fixture *f;
  int fd;
  CopServerSocketFlags flags;
  bool done;
} Connect;

static gboolean
add_connection (gpointer data)
{
  Connect *connect = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (CopServerConn) conn =
    cop_server_add_connection (connect->f->server, connect->fd, connect->flags, &error);

  g_assert_no_error (error);
  g_mutex_lock (&connect->f->lock);
  connect->done = true;
  g_cond_broadcast (&connect->f->cond);
  g_mutex_unlock (&connect->f->lock);
  return G_SOURCE_REMOVE;
}

int
fixture_connect (Fixture *f, CopServerSocketFlags flags)
{
  int ends[2];
  Connect connect = { .f = f, .flags = flags };

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  connect.fd = ends[0];
  g_main_context_invoke (f->context, add_connection, &connect);
  g_mutex_lock (&f->lock);
  while (!connect.done)
    g_cond_wait (&f->cond, &f->lock);
  g_mutex_unlock (&f->lock);
  return ends[1];
}

CopClient *
fixture_client (Fixture *f, CopServerSocketFlags flags)
{
  return cop_client_new_for_fd (fixture_connect (f, flags));
}

/* Waiting -------------------------------------------------------------------------------------- */

void
fixture_wait_waiting (Fixture *f, unsigned waiting)
{
  g_mutex_lock (&f->lock);
  while (f->waiting < waiting)
    g_cond_wait (&f->cond, &f->lock);
  g_mutex_unlock (&f->lock);
}

void
fixture_wait_closed (Fixture *f, unsigned closed)
{
  g_mutex_lock (&f->lock);
  while (f->closed < closed)
    g_cond_wait (&f->cond, &f->lock);
  g_mutex_unlock (&f->lock);
}

void
fixture_wait_streams_closed (Fixture *f, unsigned closed)
{
  g_mutex_lock (&f->lock);
  while (f->streams_closed < closed)
    g_cond_wait (&f->cond, &f->lock);
  g_mutex_unlock (&f->lock);
}

void
fixture_open_gate (Fixture *f)
{
  g_mutex_lock (&f->lock);
  f->gate = true;
  g_cond_broadcast (&f->cond);
  g_mutex_unlock (&f->lock);
}

/* Talking -------------------------------------------------------------------------------------- */

CopRemoteDomain
fixture_domain (uint8_t reason)
{
  return (CopRemoteDomain){ .name = (char *) "test", .uuid = { reason }, .id = -1 };
}

void
fixture_check_alive (CopClient *client, uint8_t reason)
{
  CopRemoteDomainGetStateArgs args = { .dom = fixture_domain (reason) };
  CopRemoteDomainGetStateRet ret;
  g_autoptr (GError) error = NULL;

  COP_REMOTE_CALL (client, DOMAIN_GET_STATE, &args, &ret, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ret.state, ==, 1);
  g_assert_cmpint (ret.reason, ==, reason);
}

void
fixture_emit (Fixture *f, uint8_t domain, int detail)
{
  CopRemoteDomainEventCallbackLifecycle event = { .dom = fixture_domain (domain),
                                                  .detail = detail };

  cop_server_emit (f->server, COP_EVENT_DOMAIN, 0, event.dom.uuid, 16, &cop_remote_program,
                   COP_REMOTE_DOMAIN_EVENT_CALLBACK_LIFECYCLE, &event);
}

GByteArray *
fixture_packet (const CopPacketHeader *header, const void *payload, size_t length)
{
  CopOutPacket *packet = cop_out_packet_new_data (header, payload, length);
  GByteArray *bytes = g_byte_array_ref (packet->bytes);

  cop_out_packet_free (packet);
  return bytes;
}

void
fixture_write (int fd, const void *data, size_t length)
{
  while (length > 0)
    {
      ssize_t n = send (fd, data, length, MSG_NOSIGNAL);

      /* The server may have thrown us out, which is for the test to see. */
      if (n <= 0)
        return;
      data = (const char *) data + n;
      length -= (size_t) n;
    }
}

bool
fixture_read (int fd, CopPacket *packet)
{
  CopPacketReader reader = { 0 };
  CopReadResult result;

  do
    result = cop_packet_reader_read (&reader, fd, COP_PACKET_MAX, true, NULL);
  while (result == COP_READ_AGAIN);
  if (result == COP_READ_PACKET)
    cop_packet_reader_take (&reader, packet);
  cop_packet_reader_clear (&reader);
  return result == COP_READ_PACKET;
}
