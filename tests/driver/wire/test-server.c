/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Server and client library over socketpairs: calls, access, events, streams, descriptors.
 */
#include "server-fixture.h"

#include "common/fd.h"
#include "driver/error.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPENED COP_SERVER_SOCKET_OPENED

/* Calls ---------------------------------------------------------------------------------------- */

static void
test_call (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  CopRemoteDomainGetXmlDescArgs args = { .dom = fixture_domain (1) };
  CopRemoteDomainGetXmlDescRet ret;
  g_autoptr (GError) error = NULL;

  fixture_check_alive (client, 7);
  /* One whose handler returns before the answer is there. */
  COP_REMOTE_CALL (client, DOMAIN_GET_XML_DESC, &args, &ret, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ret.xml, ==, "<late/>");
  COP_REMOTE_CLEAR (DOMAIN_GET_XML_DESC, &ret);
}

static void
test_quick (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);

  g_test_summary ("what only reads members is answered by the I/O thread, and may leave it");
  for (uint8_t i = 0; i < 200; i++)
    {
      CopRemoteDomainIsActiveArgs args = { .dom = fixture_domain (i % 3) };
      CopRemoteDomainIsActiveRet ret;
      g_autoptr (GError) error = NULL;

      COP_REMOTE_CALL (client, DOMAIN_IS_ACTIVE, &args, &ret, &error);
      g_assert_no_error (error);
      g_assert_cmpint (ret.active, ==, i % 3 == 0);
    }
}

static gpointer
save_thread (gpointer client)
{
  CopRemoteDomainSaveArgs args = { .dom = fixture_domain (1), .to = (char *) "" };
  g_autoptr (GError) error = NULL;

  COP_REMOTE_CALL (client, DOMAIN_SAVE, &args, NULL, &error);
  g_assert_no_error (error);
  return NULL;
}

static void
test_out_of_order (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  GThread *slow[20];

  g_test_summary ("a slow call holds up no other, and of one client five run at a time");
  for (size_t i = 0; i < G_N_ELEMENTS (slow); i++)
    slow[i] = g_thread_new ("slow", save_thread, client);
  fixture_wait_waiting (f, 5);
  for (uint8_t i = 0; i < 100; i++)
    fixture_check_alive (client, i);
  g_assert_cmpuint (f->most_waiting, ==, 5);
  {
    /* Another client has five of its own. */
    g_autoptr (CopClient) other = fixture_client (f, OPENED);
    GThread *thread = g_thread_new ("slow", save_thread, other);

    fixture_wait_waiting (f, 6);
    fixture_open_gate (f);
    g_thread_join (thread);
  }
  for (size_t i = 0; i < G_N_ELEMENTS (slow); i++)
    g_thread_join (slow[i]);
}

static gpointer
many_calls (gpointer client)
{
  for (int i = 0; i < 500; i++)
    fixture_check_alive (client, (uint8_t) g_random_int ());
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  GThread *threads[8];

  g_test_summary ("any number of threads share one connection, and each gets its own answers");
  for (size_t i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("caller", many_calls, client);
  for (size_t i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

static void
test_timeout (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  CopRemoteDomainSaveArgs args = { .dom = fixture_domain (1), .to = (char *) "" };
  CopClientOptions options = { .timeout_ms = 1 };
  g_autoptr (GError) error = NULL;

  g_test_summary ("a call that was given up leaves the connection usable");
  g_assert_false (cop_client_call_full (client, &cop_remote_program, COP_REMOTE_DOMAIN_SAVE, &args,
                                        NULL, &options, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_TIMEOUT);
  fixture_open_gate (f);
  fixture_check_alive (client, 3);
}

static gpointer
interrupted (gpointer client)
{
  CopRemoteDomainSaveArgs args = { .dom = fixture_domain (1), .to = (char *) "" };
  g_autoptr (GError) error = NULL;

  g_assert_false (COP_REMOTE_CALL (client, DOMAIN_SAVE, &args, NULL, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC);
  return NULL;
}

static void
test_close (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  GThread *thread = g_thread_new ("caller", interrupted, client);

  g_test_summary ("closing wakes whoever waits, and the server goes on with what it does");
  fixture_wait_waiting (f, 1);
  cop_client_close (client);
  g_thread_join (thread);
  fixture_wait_closed (f, 1);
}

/* What is refused -------------------------------------------------------------------------------
 */

static void
refuse (int fd, const CopPacketHeader *header, const void *payload, size_t length, int code,
        const char *text)
{
  g_autoptr (GByteArray) bytes = fixture_packet (header, payload, length);
  g_autoptr (GError) error = NULL;
  CopPacket packet;

  fixture_write (fd, bytes->data, bytes->len);
  g_assert_true (fixture_read (fd, &packet));
  g_assert_cmpuint (packet.header.type, ==, COP_PACKET_REPLY);
  g_assert_cmpuint (packet.header.status, ==, COP_PACKET_ERROR);
  g_assert_cmpuint (packet.header.program, ==, header->program);
  g_assert_cmpuint (packet.header.version, ==, header->version);
  g_assert_cmpint (packet.header.procedure, ==, header->procedure);
  g_assert_cmpuint (packet.header.serial, ==, header->serial);
  cop_packet_get_error (&packet, &error);
  g_assert_error (error, COP_DRIVER_ERROR, code);
  g_assert_nonnull (strstr (error->message, text));
  cop_packet_clear (&packet);
}

static void
test_refused (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  cop_autofd int fd = fixture_connect (f, OPENED);
  const uint32_t remote = cop_remote_program.number;

  g_test_summary ("what cannot be answered is refused in words, and the connection stays");
  refuse (fd, &(CopPacketHeader){ 12345, 1, 1, .serial = 1 }, NULL, 0, COP_DRIVER_ERROR_RPC,
          "program");
  refuse (fd, &(CopPacketHeader){ remote, 2, 1, .serial = 2 }, NULL, 0, COP_DRIVER_ERROR_RPC,
          "version 2");
  refuse (fd, &(CopPacketHeader){ remote, 1, 9999, .serial = 3 }, NULL, 0, COP_DRIVER_ERROR_RPC,
          "unknown procedure");
  refuse (fd, &(CopPacketHeader){ remote, 1, -1, .serial = 3 }, NULL, 0, COP_DRIVER_ERROR_RPC,
          "unknown procedure");
  /* An event is nothing to call. */
  refuse (fd,
          &(CopPacketHeader){ remote, 1, COP_REMOTE_DOMAIN_EVENT_CALLBACK_LIFECYCLE, .serial = 4 },
          NULL, 0, COP_DRIVER_ERROR_RPC, "unknown procedure");
  refuse (fd, &(CopPacketHeader){ remote, 1, COP_REMOTE_CONNECT_NUM_OF_NETWORKS, .serial = 5 },
          NULL, 0, COP_DRIVER_ERROR_NO_SUPPORT, "CONNECT_NUM_OF_NETWORKS");
  refuse (fd, &(CopPacketHeader){ remote, 1, COP_REMOTE_DOMAIN_GET_STATE, .serial = 6 }, "junk", 4,
          COP_DRIVER_ERROR_RPC, "DOMAIN_GET_STATE");
  refuse (fd, &(CopPacketHeader){ remote, 1, COP_REMOTE_CONNECT_GET_HOSTNAME, .serial = 7 }, NULL,
          0, COP_DRIVER_ERROR_RPC, "hostname");
}

static void
test_access (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, 0);
  g_autoptr (CopClient) stranger = fixture_client (f, COP_SERVER_SOCKET_POLKIT);
  CopRemoteConnectOpenArgs open = { .flags = 7 };
  CopRemoteDomainGetStateArgs state = { .dom = fixture_domain (1) };
  CopRemoteDomainGetXmlDescArgs xml = { .dom = fixture_domain (1), .flags = 1 };
  CopRemoteDomainSaveArgs change = { .dom = fixture_domain (1), .to = (char *) "" };
  CopRemoteDomainGetXmlDescRet ret;
  g_autoptr (GError) error = NULL;

  g_test_summary ("nothing before opening, no change and no secret on read-only connections");
  g_assert_false (COP_REMOTE_CALL (client, DOMAIN_GET_STATE, &state, NULL, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INTERNAL);
  g_clear_error (&error);
  g_assert_true (COP_REMOTE_CALL (client, CONNECT_OPEN, &open, NULL, NULL));
  g_assert_false (COP_REMOTE_CALL (client, CONNECT_OPEN, &open, NULL, NULL));
  fixture_check_alive (client, 1);

  g_assert_false (COP_REMOTE_CALL (client, DOMAIN_SAVE, &change, NULL, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_DENIED);
  g_assert_cmpstr (error->message, ==,
                   "operation forbidden: read only access prevents DOMAIN_SAVE");
  g_clear_error (&error);
  g_assert_false (COP_REMOTE_CALL (client, DOMAIN_GET_XML_DESC, &xml, NULL, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_DENIED);
  g_clear_error (&error);
  xml.flags = 2;
  g_assert_true (COP_REMOTE_CALL (client, DOMAIN_GET_XML_DESC, &xml, &ret, NULL));
  COP_REMOTE_CLEAR (DOMAIN_GET_XML_DESC, &ret);

  /* As root we are let in at once; any other user has to ask polkit first. */
  if (geteuid () != 0)
    {
      g_assert_false (COP_REMOTE_CALL (stranger, CONNECT_OPEN, &open, NULL, &error));
      g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC);
      g_assert_nonnull (strstr (error->message, "authentication required"));
    }
  else
    g_assert_true (COP_REMOTE_CALL (stranger, CONNECT_OPEN, &open, NULL, NULL));
}

/* Every procedure that changes something, from the table: none may slip through. */
static void
test_read_only_all (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED | COP_SERVER_SOCKET_READ_ONLY);
  unsigned n = 0;

  for (uint32_t i = 0; i < cop_remote_program.n_procedures; i++)
    {
      const CopProcedure *procedure = cop_program_find (&cop_remote_program, (int32_t) i);
      g_autofree void *args = NULL;
      g_autoptr (GError) error = NULL;

      if (procedure == NULL || procedure->access != COP_PROC_ACCESS_WRITE)
        continue;
      args = g_malloc0 (MAX (procedure->args ()->size, 1));
      g_assert_false (
        cop_client_call (client, &cop_remote_program, (int32_t) i, args, NULL, &error));
      g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_DENIED);
      n++;
    }
  g_assert_cmpuint (n, >, 150);
}

static void
test_keepalive (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  cop_autofd int fd = fixture_connect (f, OPENED);
  g_autoptr (GByteArray) ping = fixture_packet (
    &(CopPacketHeader){ COP_KEEPALIVE_PROGRAM, 1, COP_KEEPALIVE_PING, COP_PACKET_MESSAGE }, NULL,
    0);
  CopRemoteDomainSaveArgs args = { .dom = fixture_domain (1), .to = (char *) "" };
  g_autoptr (GByteArray) payload = g_byte_array_new ();
  CopPacket packet;

  g_test_summary ("pings are answered however many calls run or wait");
  cop_xdr_encode (cop_program_find (&cop_remote_program, COP_REMOTE_DOMAIN_SAVE)->args (), &args,
                  payload, COP_PACKET_MAX, NULL);
  for (uint32_t i = 0; i < 20; i++)
    {
      g_autoptr (GByteArray) call = fixture_packet (
        &(CopPacketHeader){ cop_remote_program.number, 1, COP_REMOTE_DOMAIN_SAVE, .serial = i },
        payload->data, payload->len);

      fixture_write (fd, call->data, call->len);
    }
  fixture_wait_waiting (f, 5);
  fixture_write (fd, ping->data, ping->len);
  g_assert_true (fixture_read (fd, &packet));
  g_assert_cmphex (packet.header.program, ==, COP_KEEPALIVE_PROGRAM);
  g_assert_cmpint (packet.header.procedure, ==, COP_KEEPALIVE_PONG);
  g_assert_cmpuint (packet.header.type, ==, COP_PACKET_MESSAGE);
  g_assert_cmpuint (packet.header.serial, ==, 0);
  cop_packet_clear (&packet);
}

/* Descriptors ---------------------------------------------------------------------------------- */

static void
test_fds (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  CopRemoteDomainOpenGraphicsArgs in = { .dom = fixture_domain (1) };
  CopRemoteDomainOpenGraphicsFdArgs out = { .dom = fixture_domain (1) };
  CopRemoteDomainGetStateArgs state = { .dom = fixture_domain (1) };
  int ends[2], got[2] = { -1, -1 };
  char text[8] = "";
  CopClientOptions give = { .fds = &ends[1], .n_fds = 1 };
  CopClientOptions take = { .ret_fds = got, .n_ret_fds = 2 };
  g_autoptr (GError) error = NULL;

  g_test_summary ("descriptors go both ways; those that nobody wants are closed");
  g_assert_cmpint (pipe (ends), ==, 0);
  cop_client_call_full (client, &cop_remote_program, COP_REMOTE_DOMAIN_OPEN_GRAPHICS, &in, NULL,
                        &give, &error);
  g_assert_no_error (error);
  /* To a call that takes none. */
  g_assert_true (cop_client_call_full (client, &cop_remote_program, COP_REMOTE_DOMAIN_GET_STATE,
                                       &state, NULL, &give, NULL));
  close (ends[1]);
  g_assert_cmpint (read (ends[0], text, sizeof text), ==, 6);
  g_assert_cmpstr (text, ==, "got it");
  g_assert_cmpint (read (ends[0], text, sizeof text), ==, 0);
  close (ends[0]);

  cop_client_call_full (client, &cop_remote_program, COP_REMOTE_DOMAIN_OPEN_GRAPHICS_FD, &out, NULL,
                        &take, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (take.n_ret_fds, ==, 2);
  for (int i = 0; i < 2; i++)
    {
      g_assert_cmpint (read (got[i], text, 1), ==, 1);
      g_assert_cmpint (text[0], ==, 'a' + i);
      close (got[i]);
    }
  fixture_check_alive (client, 9);
}

/* Events --------------------------------------------------------------------------------------- */

typedef struct
{
  GMainLoop *loop;
  GString *seen;
  unsigned n;
  unsigned wanted;
  bool closed;
} Listener;

static void
event_seen (G_GNUC_UNUSED CopClient *client, G_GNUC_UNUSED const CopProgram *program,
            int32_t procedure, const void *data, gpointer user)
{
  const CopRemoteDomainEventCallbackLifecycle *event = data;
  Listener *listener = user;

  g_assert_cmpint (procedure, ==, COP_REMOTE_DOMAIN_EVENT_CALLBACK_LIFECYCLE);
  g_string_append_printf (listener->seen, "%d:%d:%d ", event->callback_id, event->dom.uuid[0],
                          event->detail);
  if (++listener->n == listener->wanted)
    g_main_loop_quit (listener->loop);
}

static void
connection_closed (G_GNUC_UNUSED CopClient *client, const GError *reason, gpointer user)
{
  Listener *listener = user;

  g_assert_nonnull (reason);
  listener->closed = true;
  g_main_loop_quit (listener->loop);
}

static int32_t
register_for (CopClient *client, CopRemoteDomain *domain)
{
  CopRemoteConnectDomainEventCallbackRegisterAnyArgs args = { .dom = domain };
  CopRemoteConnectDomainEventCallbackRegisterAnyRet ret;
  g_autoptr (GError) error = NULL;

  COP_REMOTE_CALL (client, CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, &args, &ret, &error);
  g_assert_no_error (error);
  return ret.callback_id;
}

static void
test_events (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  g_autoptr (GMainContext) context = g_main_context_new ();
  Listener listener = { .loop = g_main_loop_new (context, FALSE),
                        .seen = g_string_new (NULL),
                        .wanted = 4 };
  CopRemoteDomain second = fixture_domain (2);
  CopRemoteConnectDomainEventCallbackDeregisterAnyArgs gone;

  g_test_summary ("each registration gets the events it asked for, none before its number");
  cop_client_attach (client, context, &cop_remote_program, event_seen, connection_closed, &listener,
                     NULL);
  g_assert_cmpint (register_for (client, NULL), ==, 1);
  g_assert_cmpint (register_for (client, &second), ==, 2);
  fixture_emit (f, 1, 5);
  fixture_emit (f, 2, 6);
  g_main_loop_run (listener.loop);
  /* The second registering told the first: 99. */
  g_assert_cmpstr (listener.seen->str, ==, "1:1:99 1:1:5 1:2:6 2:2:6 ");

  gone.callback_id = 1;
  g_assert_true (
    COP_REMOTE_CALL (client, CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, &gone, NULL, NULL));
  g_assert_false (
    COP_REMOTE_CALL (client, CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, &gone, NULL, NULL));
  fixture_emit (f, 1, 7);
  fixture_emit (f, 2, 8);
  listener.wanted = 5;
  g_main_loop_run (listener.loop);
  g_assert_true (g_str_has_suffix (listener.seen->str, "2:2:8 "));

  cop_client_close (client);
  g_main_loop_run (listener.loop);
  g_assert_true (listener.closed);
  fixture_wait_closed (f, 1);
  /* A socket that is at its end is always ready: nothing may be called for it again and again. */
  for (int i = 0; i < 10 && g_main_context_iteration (context, FALSE); i++)
    g_assert_cmpint (i, <, 5);
  g_string_free (listener.seen, TRUE);
  g_main_loop_unref (listener.loop);
}

/* When the other side has gone, others in the same context have their turn. */
static void
test_hang_up (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  Listener listener = { .loop = g_main_loop_new (context, FALSE), .seen = g_string_new (NULL) };
  g_autoptr (CopClient) client = NULL;
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  client = cop_client_new_for_fd (ends[0]);
  cop_client_attach (client, context, &cop_remote_program, event_seen, connection_closed, &listener,
                     NULL);
  close (ends[1]);
  g_main_loop_run (listener.loop);
  g_assert_true (listener.closed);
  for (int i = 0; i < 3; i++)
    g_main_context_iteration (context, FALSE);
  g_assert_false (g_main_context_pending (context));
  g_string_free (listener.seen, TRUE);
  g_main_loop_unref (listener.loop);
}

static void
test_deaf (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  cop_autofd int fd = fixture_connect (f, OPENED);
  g_autoptr (CopClient) other = fixture_client (f, OPENED);
  static const uint8_t all[] = { 0, 0, 0, 0, 0, 0, 0, 0 };
  g_autoptr (GByteArray) call =
    fixture_packet (&(CopPacketHeader){ cop_remote_program.number, 1,
                                        COP_REMOTE_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY },
                    all, sizeof all);
  CopPacket packet;
  unsigned closed = 0;

  g_test_summary ("who registers for events and does not read them loses the connection");
  fixture_write (fd, call->data, call->len);
  g_assert_true (fixture_read (fd, &packet));
  cop_packet_clear (&packet);
  while (closed == 0)
    {
      fixture_emit (f, 1, 1);
      g_mutex_lock (&f->lock);
      closed = f->closed;
      g_mutex_unlock (&f->lock);
    }
  fixture_check_alive (other, 5);
}

/* Streams -------------------------------------------------------------------------------------- */

static CopClientStream *
open_stream (CopClient *client)
{
  CopRemoteDomainOpenConsoleArgs args = { .dom = fixture_domain (1) };
  CopClientStream *stream = NULL;
  CopClientOptions options = { .stream = &stream };
  g_autoptr (GError) error = NULL;

  cop_client_call_full (client, &cop_remote_program, COP_REMOTE_DOMAIN_OPEN_CONSOLE, &args, NULL,
                        &options, &error);
  g_assert_no_error (error);
  return stream;
}

static void
receive (CopClientStream *stream, const char *wanted)
{
  g_autoptr (GError) error = NULL;
  char text[64] = "";
  size_t n = 0;

  cop_client_stream_receive (stream, text, sizeof text - 1, -1, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, strlen (wanted));
  g_assert_cmpstr (text, ==, wanted);
}

static void
test_stream (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  g_autoptr (CopClientStream) stream = open_stream (client);
  g_autoptr (GError) error = NULL;
  char text[8] = "";

  g_test_summary ("bytes go both ways, and a finish is confirmed when all is written");
  g_assert_cmpint (write (f->stream_fd, "hello", 5), ==, 5);
  receive (stream, "hello");
  g_assert_true (cop_client_stream_send (stream, "abc", 3, NULL));
  g_assert_cmpint (read (f->stream_fd, text, sizeof text), ==, 3);
  g_assert_cmpstr (text, ==, "abc");
  shutdown (f->stream_fd, SHUT_WR);
  receive (stream, "");
  g_assert_true (cop_client_stream_send (stream, "last", 4, NULL));
  cop_client_stream_finish (stream, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read (f->stream_fd, text, sizeof text), ==, 4);
  fixture_wait_streams_closed (f, 1);
  fixture_check_alive (client, 1);
}

static void
test_stream_abort (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  g_autoptr (CopClientStream) first = open_stream (client);
  g_autoptr (CopClientStream) second = NULL;
  g_autoptr (GError) error = NULL;
  char byte;
  size_t n;

  g_test_summary ("either side may give up, and the other is told");
  cop_client_stream_abort (first);
  fixture_wait_streams_closed (f, 1);
  g_assert_cmpint (read (f->stream_fd, &byte, 1), ==, 0);

  second = open_stream (client);
  cop_server_stream_abort (
    f->stream,
    g_error_new_literal (COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_FAILED, "taken by another"));
  g_assert_false (cop_client_stream_receive (second, &byte, 1, -1, &n, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_FAILED);
  g_assert_false (cop_client_stream_finish (second, NULL));
  fixture_wait_streams_closed (f, 2);
  fixture_check_alive (client, 1);
}

/* More than all buffers between the two ends hold. */
#define MUCH (24 << 20)

static gpointer
write_much (gpointer data)
{
  g_autofree char *block = g_strnfill (65536, 'x');
  int fd = GPOINTER_TO_INT (data);

  for (size_t done = 0; done < MUCH; done += 65536)
    fixture_write (fd, block, 65536);
  shutdown (fd, SHUT_WR);
  return NULL;
}

static void
test_stream_much (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  g_autoptr (CopClientStream) stream = open_stream (client);
  GThread *writer = g_thread_new ("writer", write_much, GINT_TO_POINTER (f->stream_fd));
  g_autofree char *block = g_malloc (100000);
  size_t total = 0, n;

  g_test_summary ("a fast source waits for a slow reader; calls go on meanwhile");
  do
    {
      g_assert_true (cop_client_stream_receive (stream, block, 100000, -1, &n, NULL));
      total += n;
      if ((total & 0xf0000) == 0)
        fixture_check_alive (client, 2);
    }
  while (n > 0);
  g_assert_cmpuint (total, ==, MUCH);
  g_thread_join (writer);
  g_assert_true (cop_client_stream_finish (stream, NULL));
}

static gpointer
send_much (gpointer stream)
{
  g_autofree char *block = g_strnfill (65536, 'y');

  for (size_t done = 0; done < MUCH; done += 65536)
    g_assert_true (cop_client_stream_send (stream, block, 65536, NULL));
  return NULL;
}

static void
test_stream_upload (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  g_autoptr (CopClient) other = fixture_client (f, OPENED);
  g_autoptr (CopClientStream) stream = open_stream (client);
  GThread *sender = g_thread_new ("sender", send_much, stream);
  g_autofree char *block = g_malloc (65536);
  size_t total = 0;

  g_test_summary ("what the far end does not take holds up its own client only");
  while (total < MUCH)
    {
      ssize_t n = read (f->stream_fd, block, 65536);

      g_assert_cmpint (n, >, 0);
      total += (size_t) n;
      if ((total & 0xf0000) == 0)
        fixture_check_alive (other, 2);
    }
  g_thread_join (sender);
  g_assert_true (cop_client_stream_finish (stream, NULL));
  fixture_wait_streams_closed (f, 1);
}

static void
test_stream_vanish (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) other = fixture_client (f, OPENED);
  char byte;

  g_test_summary ("a client that vanishes in a stream leaves nothing behind");
  for (unsigned i = 1; i <= 20; i++)
    {
      CopClient *client = fixture_client (f, OPENED);
      CopClientStream *stream = open_stream (client);

      fixture_write (f->stream_fd, "data", 4);
      cop_client_close (client);
      cop_client_stream_unref (stream);
      g_object_unref (client);
      fixture_wait_streams_closed (f, i);
      g_assert_cmpint (recv (f->stream_fd, &byte, 1, 0), <=, 0);
    }
  fixture_check_alive (other, 1);
}

static void
test_stream_bytes (void)
{
  static const uint32_t sizes[] = { 0, 1, COP_PACKET_STREAM_MAX, 3 * COP_PACKET_STREAM_MAX + 1 };
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);

  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      CopRemoteDomainScreenshotArgs args = { .dom = fixture_domain (1), .screen = sizes[i] };
      CopRemoteDomainScreenshotRet ret;
      g_autoptr (CopClientStream) stream = NULL;
      CopClientOptions options = { .stream = &stream };
      size_t total = 0, n;
      char block[5000];

      g_assert_true (cop_client_call_full (
        client, &cop_remote_program, COP_REMOTE_DOMAIN_SCREENSHOT, &args, &ret, &options, NULL));
      COP_REMOTE_CLEAR (DOMAIN_SCREENSHOT, &ret);
      do
        {
          g_assert_true (cop_client_stream_receive (stream, block, sizeof block, -1, &n, NULL));
          total += n;
        }
      while (n > 0);
      g_assert_cmpuint (total, ==, sizes[i]);
      g_assert_true (cop_client_stream_finish (stream, NULL));
    }
}

static void
test_many_streams (void)
{
  g_autoptr (Fixture) f = fixture_new ();
  g_autoptr (CopClient) client = fixture_client (f, OPENED);
  g_autoptr (GPtrArray) streams =
    g_ptr_array_new_with_free_func ((GDestroyNotify) cop_client_stream_unref);
  CopRemoteDomainOpenConsoleArgs args = { .dom = fixture_domain (1) };
  CopClientStream *stream = NULL;
  CopClientOptions options = { .stream = &stream };
  g_autoptr (GError) error = NULL;

  g_test_summary ("streams of one client are counted");
  for (int i = 0; i < 64; i++)
    g_ptr_array_add (streams, open_stream (client));
  g_assert_false (cop_client_call_full (client, &cop_remote_program, COP_REMOTE_DOMAIN_OPEN_CONSOLE,
                                        &args, NULL, &options, &error));
  g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_FAILED);
  cop_client_stream_abort (g_ptr_array_index (streams, 0));
  fixture_check_alive (client, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/server/call", test_call);
  g_test_add_func ("/wire/server/quick", test_quick);
  g_test_add_func ("/wire/server/out-of-order", test_out_of_order);
  g_test_add_func ("/wire/server/threads", test_threads);
  g_test_add_func ("/wire/server/timeout", test_timeout);
  g_test_add_func ("/wire/server/close", test_close);
  g_test_add_func ("/wire/server/refused", test_refused);
  g_test_add_func ("/wire/server/access", test_access);
  g_test_add_func ("/wire/server/read-only-all", test_read_only_all);
  g_test_add_func ("/wire/server/keepalive", test_keepalive);
  g_test_add_func ("/wire/server/fds", test_fds);
  g_test_add_func ("/wire/server/events", test_events);
  g_test_add_func ("/wire/server/hang-up", test_hang_up);
  g_test_add_func ("/wire/server/deaf", test_deaf);
  g_test_add_func ("/wire/server/stream", test_stream);
  g_test_add_func ("/wire/server/stream-abort", test_stream_abort);
  g_test_add_func ("/wire/server/stream-much", test_stream_much);
  g_test_add_func ("/wire/server/stream-upload", test_stream_upload);
  g_test_add_func ("/wire/server/stream-vanish", test_stream_vanish);
  g_test_add_func ("/wire/server/stream-bytes", test_stream_bytes);
  g_test_add_func ("/wire/server/many-streams", test_many_streams);
  return g_test_run ();
}
