/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the server share.
 *
 *   server.c         programs, listening sockets, the list of connections, timers, the end
 *   server-conn.c    a connection: packets in and out, its limits, its end
 *   server-call.c    a packet becomes a call, a handler's answer a packet
 *   server-event.c   registrations and events
 *   server-stream.c  streams
 */
#pragma once

#include "common/ratelimit.h"
#include "driver/wire/packet.h"
#include "driver/wire/poller.h"
#include "driver/wire/server.h"

/* Limits. A client is kept from taking more than its share, not from working. */

/* Calls of one client that run at the same time, for each of the two sorts of workers. */
#define COP_SERVER_CALLS_MAX 5
/* Calls that wait for one of those to end; then nothing more is read from that client. */
#define COP_SERVER_PENDING_MAX 32
#define COP_SERVER_PENDING_BYTES (4 << 20)
/* Bytes waiting for a slow reader: above the first none of its calls is begun, above the second an
 * event ends the connection. */
#define COP_SERVER_OUT_BYTES (1 << 20)
#define COP_SERVER_OUT_BYTES_MAX (16 << 20)
/* Before a client is authenticated: the longest packet, and how many such clients there may be. */
#define COP_SERVER_STRANGER_PACKET 65536
#define COP_SERVER_STRANGERS_MAX 20
#define COP_SERVER_STRANGER_US (60 * G_USEC_PER_SEC)
/* Of packets that have begun and not ended, over all clients: above it, the one that has kept its
 * packet longest is thrown out. */
#define COP_SERVER_PARTIAL_BYTES (256 << 20)
/* A packet that has begun is over in this time, or its client is thrown out. */
#define COP_SERVER_PARTIAL_US (300 * G_USEC_PER_SEC)
#define COP_SERVER_REGISTRATIONS_MAX 1024
#define COP_SERVER_STREAMS_MAX 64

/* Silence after which a client that can answer is pinged, and pings without an answer. */
#define COP_KEEPALIVE_INTERVAL_US (5 * G_USEC_PER_SEC)
#define COP_KEEPALIVE_COUNT 5

typedef struct
{
  const CopProgram *program;
  const CopHandler **handlers; /* (owned): indexed by procedure; rows are their givers' */
} CopServerProgram;

typedef struct
{
  CopWatch watch;
  CopServer *server;
  CopServerSocketFlags flags;
} CopServerListener;

struct _CopServer
{
  GObject parent;

  GMainContext *context;
  CopPoller *poller;
  gpointer data;
  const CopServerHooks *hooks;
  gpointer hooks_data;
  GArray *programs; /* of CopServerProgram; unchanged once there are connections */
  GThreadPool *workers, *hi_workers;
  GPtrArray *listeners; /* of CopServerListener */
  GSource *timer; /* runs while there are connections */
  GSource *accept_timer; /* accepting pauses: out of descriptors, or of room */
  CopRateLimit full_limit; /* I/O thread: of what is said about that */
  bool stopped;

  GMutex lock;
  GQueue conns; /* guarded by lock; changed on the I/O thread only */
  unsigned n_strangers; /* I/O thread */
  size_t partial_bytes; /* I/O thread */
};

typedef struct
{
  CopEventClass class;
  int32_t event_id;
  int32_t callback_id;
  bool active; /* its callback id is on the way to the client */
  GBytes *object; /* (owned) (nullable): all */
} CopRegistration;

struct _CopServerConn
{
  GObject parent;

  CopWatch watch; /* first after the parent: see conn_of_watch() */
  CopServer *server; /* (owned) */
  CopServerSocketFlags flags;
  CopPeer peer;
  bool unix_socket;
  GList link; /* in server->conns */

  /* I/O thread */
  CopPacketReader reader;
  size_t partial; /* of server->partial_bytes */
  int64_t partial_since; /* monotonic */
  int64_t opened_at;
  int64_t heard_at; /* the last packet; monotonic */
  unsigned pings; /* without an answer */
  bool stranger; /* counted in n_strangers */

  /* guarded by lock */
  GMutex lock;
  bool closed;
  bool authenticated, open, read_only, keepalive;
  GQueue out; /* of CopOutPacket */
  size_t out_bytes;
  unsigned n_calls[2]; /* that run: plain, hi */
  GQueue pending[2]; /* of CopServerCall */
  size_t pending_bytes;
  GArray *registrations; /* of CopRegistration */
  int32_t last_callback_id;
  GPtrArray *streams; /* of CopServerStream, each with a reference */
  unsigned n_full_streams; /* whose data from the client waits */
};

struct CopServerCall
{
  gatomicrefcount refs;
  CopServerConn *conn; /* (owned) */
  const CopProgram *program;
  const CopProcedure *procedure;
  const CopHandler *handler; /* (nullable) */
  CopPacket packet;
  void *args, *ret; /* within the same allocation */
  int out_fds[COP_PACKET_FDS_MAX];
  unsigned n_out_fds;
  int32_t registration; /* the callback id to put in force with the reply, or 0 */
  CopServerStream *stream; /* (owned) (nullable): to begin with the reply */
  bool deferred;
  bool quick; /* it runs on the I/O thread */
  bool later; /* it wants a worker */
};

/* server.c */
/* Returns: (nullable): the handler; NULL: there is none, and @procedure may be NULL as well */
const CopHandler *cop_server_find (CopServer *server, const CopPacketHeader *header,
                                   const CopProgram **program, const CopProcedure **procedure);
void cop_server_remove_conn (CopServer *server, CopServerConn *conn);
void cop_server_no_stranger (CopServerConn *conn);
void cop_server_partial_changed (CopServer *server, CopServerConn *conn);

/* server-conn.c */
CopServerConn *cop_server_conn_new (CopServer *server, int fd, CopServerSocketFlags flags,
                                    const CopPeer *peer, bool unix_socket, GError **error);
/* On the I/O thread. @why: (nullable): for the log */
void cop_server_conn_end (CopServerConn *conn, const char *why);
/* With conn->lock held. Takes @packet over, also when the connection is closed. */
void cop_server_conn_send_locked (CopServerConn *conn, CopOutPacket *packet);
void cop_server_conn_send (CopServerConn *conn, CopOutPacket *packet);
/* With conn->lock held: which events the socket is watched for. */
void cop_server_conn_update_locked (CopServerConn *conn);
void cop_server_conn_tick (CopServerConn *conn, int64_t now);

/* server-call.c */
/* On the I/O thread; takes @packet's memory over. */
void cop_server_call_begin (CopServerConn *conn, CopPacket *packet);
void cop_server_call_run (CopServerCall *call);
/* With conn->lock held: starts calls that were waiting, as far as there is room. */
void cop_server_call_next_locked (CopServerConn *conn);
void cop_server_call_unref (CopServerCall *call);
/* Answers @header with @error (transfer full). */
void cop_server_reply_error (CopServerConn *conn, const CopPacketHeader *header, GError *error,
                             bool phrases);

/* server-event.c */
void cop_server_event_activate_locked (CopServerConn *conn, int32_t callback_id);
void cop_server_event_drop_locked (CopServerConn *conn, int32_t callback_id);

/* server-stream.c */
/* With conn->lock held: the reply is on its way. */
void cop_server_stream_begin_locked (CopServerStream *stream);
/* The call failed, or its connection is gone. */
void cop_server_stream_drop (CopServerStream *stream);
/* On the I/O thread. */
void cop_server_stream_packet (CopServerConn *conn, CopPacket *packet);
/* With conn->lock held; the packet of this stream is out. */
void cop_server_stream_sent_locked (CopServerStream *stream);
/* On the I/O thread: the connection is gone. */
void cop_server_stream_conn_ended (CopServerStream *stream);
