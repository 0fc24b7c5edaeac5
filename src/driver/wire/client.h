/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The calling side of the wire: vmtool and the app towards virtcoppiced, virtcoppiced towards
 * coppice-vm.
 *
 *   g_autoptr (CopClient) client = cop_client_open ("coppice:///session", 0, error);
 *   CopRemoteDomainLookupByNameArgs args = { (char *) "debian" };
 *   CopRemoteDomainLookupByNameRet ret;
 *
 *   if (!cop_client_call (client, &cop_remote_program, COP_REMOTE_DOMAIN_LOOKUP_BY_NAME, &args,
 *                         &ret, error))
 *     return false;
 *   ...
 *   cop_client_clear_ret (&cop_remote_program, COP_REMOTE_DOMAIN_LOOKUP_BY_NAME, &ret);
 *
 * Calls may be made on any threads at the same time. No thread of its own: whoever waits for a
 * reply reads for all; when nobody waits, events are read by cop_client_attach()'s context.
 */
#pragma once

#include "driver/wire/protocol.h"

#include <gio/gio.h>

#define COP_TYPE_CLIENT (cop_client_get_type ())
G_DECLARE_FINAL_TYPE (CopClient, cop_client, COP, CLIENT, GObject)

typedef struct CopClientStream CopClientStream;

typedef enum
{
  COP_CLIENT_READ_ONLY = 1 << 0,
  COP_CLIENT_NO_AUTOSTART = 1 << 1, /* do not start a session daemon that is not there */
} CopClientFlags;

/**
 * cop_client_open:
 * @uri: (nullable): "coppice:///session", "coppice:///system", "coppice+ssh://host/session",
 *   "...?socket=PATH"; NULL: COPPICE_DEFAULT_URI, else the user's own session
 *
 * Connects, authenticates, and opens the connection (CONNECT_OPEN). For the local session a daemon
 * is started if none runs.
 *
 * Errors: %COP_DRIVER_ERROR_NO_CONNECT, naming socket and way out; what the daemon answers
 */
CopClient *cop_client_open (const char *uri, CopClientFlags flags, GError **error);

/**
 * cop_client_new_for_fd:
 * @fd: (transfer full): a connected socket; nothing is sent before the first call
 */
CopClient *cop_client_new_for_fd (int fd);

/* The URI that was opened, as the daemon knows it; (nullable) for cop_client_new_for_fd(). */
const char *cop_client_get_uri (CopClient *client);

/* The socket. Not to be read or written; for SO_PEERCRED. -1 when closed. */
int cop_client_get_fd (CopClient *client);

/* Ends the connection; calls that wait fail with %COP_DRIVER_ERROR_RPC. Any thread. */
void cop_client_close (CopClient *client);

/* Descriptors that go with a call, and a time limit. Zeroed: none. */
typedef struct
{
  const int *fds; /* sent with the call; stay the caller's */
  unsigned n_fds;
  int *ret_fds; /* (out): room for those that come with the reply, now ours */
  unsigned n_ret_fds; /* room; then how many came. Others are closed. */
  int64_t timeout_ms; /* 0: none */
  CopClientStream **stream; /* (out): of procedures that open one */
} CopClientOptions;

/**
 * cop_client_call:
 * @args: (nullable): the procedure's argument struct; NULL when it has none
 * @ret: (nullable) (out caller-allocates): its result struct, to be freed with
 *   cop_client_clear_ret(); set on success only
 *
 * Errors: what the server answers, as %COP_DRIVER_ERROR with its code and message;
 * %COP_DRIVER_ERROR_RPC when the connection fails
 */
bool cop_client_call (CopClient *client, const CopProgram *program, int32_t procedure,
                      const void *args, void *ret, GError **error);
bool cop_client_call_full (CopClient *client, const CopProgram *program, int32_t procedure,
                           const void *args, void *ret, CopClientOptions *options, GError **error);
void cop_client_clear_ret (const CopProgram *program, int32_t procedure, void *ret);

/* Each for libvirt's program, by name: COP_REMOTE_CALL (client, DOMAIN_GET_STATE, &args, &ret,
 * error) */
#define COP_REMOTE_CALL(client, NAME, args, ret, error)                                            \
  cop_client_call (client, &cop_remote_program, COP_REMOTE_##NAME, args, ret, error)
#define COP_REMOTE_CLEAR(NAME, ret)                                                                \
  cop_client_clear_ret (&cop_remote_program, COP_REMOTE_##NAME, ret)

/**
 * CopClientEventFunc:
 * @event: the struct of the event, freed afterwards
 *
 * Told on the attached context's thread.
 */
typedef void (*CopClientEventFunc) (CopClient *client, const CopProgram *program, int32_t procedure,
                                    const void *event, gpointer data);

/* Told once, on the attached context's thread, when the connection has ended. */
typedef void (*CopClientClosedFunc) (CopClient *client, const GError *reason, gpointer data);

/**
 * cop_client_attach:
 * @context: (nullable): NULL: the default one
 * @program: whose events are meant
 * @event: (nullable): told of events
 * @closed: (nullable): told of the end
 *
 * Reads events, and the connection's end, in @context. Calls may still be made anywhere, also in
 * these functions.
 */
void cop_client_attach (CopClient *client, GMainContext *context, const CopProgram *program,
                        CopClientEventFunc event, CopClientClosedFunc closed, gpointer data,
                        GDestroyNotify destroy);

/* Ends what cop_client_attach() began, on the context's thread, so that another may attach: events
   that were not told yet are dropped. */
void cop_client_detach (CopClient *client);

/* Streams: opened by cop_client_call_full() with options.stream ----------------------------------
 */

/**
 * cop_client_stream_send:
 * Waits until all is handed to the socket.
 *
 * Errors: what the server said when it ended the stream
 */
bool cop_client_stream_send (CopClientStream *stream, const void *data, size_t length,
                             GError **error);

/**
 * cop_client_stream_receive:
 * @timeout_ms: -1: wait; 0: take what is there
 * @n_read: (out): 0 at the end of data
 *
 * Errors: what the server said when it ended the stream; %COP_DRIVER_ERROR_OPERATION_TIMEOUT when
 * nothing came in time
 */
bool cop_client_stream_receive (CopClientStream *stream, void *buffer, size_t length,
                                int64_t timeout_ms, size_t *n_read, GError **error);

/**
 * cop_client_stream_set_notify:
 * @readable: told on the attached context's thread when cop_client_stream_receive() with timeout 0
 *   has something to say
 */
void cop_client_stream_set_notify (CopClientStream *stream,
                                   void (*readable) (CopClientStream *stream, gpointer data),
                                   gpointer data);

/* Says that no more comes from us, and waits for the confirmation. */
bool cop_client_stream_finish (CopClientStream *stream, GError **error);
/* Gives up; waits for nothing. */
void cop_client_stream_abort (CopClientStream *stream);

CopClientStream *cop_client_stream_ref (CopClientStream *stream);
void cop_client_stream_unref (CopClientStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopClientStream, cop_client_stream_unref)
