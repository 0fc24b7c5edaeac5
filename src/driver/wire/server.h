/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The serving side of the wire: sockets, connections, calls, events, streams.
 *
 *   I/O thread (a GMainContext)                    worker threads
 *   accept, read packets, ping, time out           decode, check access, HANDLER, encode, send
 *        |                                              ^
 *        +---- calls: at most 5 at a time a client -----+     `hi` procedures have their own
 *
 * A server knows nothing of domains. Programs are added with the handlers that exist for them;
 * every other procedure of the program answers "not supported". virtcoppiced serves libvirt's
 * programs, coppice-vm its private one, with the same code.
 *
 *   static bool
 *   domain_get_state (CopServerCall *call, const CopRemoteDomainGetStateArgs *args,
 *                     CopRemoteDomainGetStateRet *ret, GError **error);
 *
 *   static const CopHandler handlers[] = {
 *     COP_REMOTE_HANDLER (DOMAIN_GET_STATE, DomainGetState, domain_get_state),
 *     { 0 },
 *   };
 *
 * A handler fills @ret, zeroed before, with memory of its own (g_malloc): it is freed after
 * sending, also when the handler fails. @args belongs to the call.
 */
#pragma once

#include "driver/wire/protocol.h"

#include <gio/gio.h>

typedef struct CopServerCall CopServerCall;
typedef struct CopServerStream CopServerStream;

#define COP_TYPE_SERVER (cop_server_get_type ())
G_DECLARE_FINAL_TYPE (CopServer, cop_server, COP, SERVER, GObject)

#define COP_TYPE_SERVER_CONN (cop_server_conn_get_type ())
G_DECLARE_FINAL_TYPE (CopServerConn, cop_server_conn, COP, SERVER_CONN, GObject)

/* Handlers ----------------------------------------------------------------------------------- */

typedef bool (*CopHandlerFunc) (CopServerCall *call, const void *args, void *ret, GError **error);

typedef struct
{
  int32_t procedure;
  CopHandlerFunc func; /* NULL closes a list */
  bool quick; /* only reads members: it is run by the I/O thread, without a change of thread; what
                 would take it longer it leaves to a worker: cop_server_call_later() */
} CopHandler;

/* A row of a list of handlers; does not compile unless @func takes the procedure's own structs. */
#define COP_HANDLER(number, type, func, ...)                                                       \
  {                                                                                                \
    number,                                                                                        \
      (CopHandlerFunc) (1 ? (func)                                                                 \
                          : (bool (*) (CopServerCall *, const type##Args *, type##Ret *,           \
                                       GError **)) NULL),                                          \
      __VA_ARGS__                                                                                  \
  }
#define COP_REMOTE_HANDLER(NAME, Name, func) COP_HANDLER (COP_REMOTE_##NAME, CopRemote##Name, func)
#define COP_REMOTE_QUICK(NAME, Name, func)                                                         \
  COP_HANDLER (COP_REMOTE_##NAME, CopRemote##Name, func, .quick = true)

/* Server ------------------------------------------------------------------------------------- */

typedef enum
{
  COP_SERVER_SOCKET_READ_ONLY = 1 << 0, /* connections can change nothing */
  COP_SERVER_SOCKET_SAME_USER = 1 << 1, /* only our own user, and root, may come in */
  COP_SERVER_SOCKET_POLKIT = 1 << 2, /* others than root ask polkit first */
  COP_SERVER_SOCKET_OPENED = 1 << 3, /* needs no CONNECT_OPEN: private programs */
} CopServerSocketFlags;

/* Told on the I/O thread; must not block. */
typedef struct
{
  void (*opened) (CopServerConn *conn, gpointer data);
  /* The client is gone: its streams are ended, its registrations dropped. Calls of it may still
   * run. Release what it held: domains to be destroyed with it, migration jobs. */
  void (*closed) (CopServerConn *conn, gpointer data);
} CopServerHooks;

/**
 * cop_server_new:
 * @context: (nullable): where the sockets are attended to; NULL: the default one. Whoever iterates
 * it must not block, or pings go unanswered.
 * @data: for handlers: cop_server_call_get_data(); the driver
 */
CopServer *cop_server_new (GMainContext *context, gpointer data);

/* Both may be NULL. To be set before the first connection. */
void cop_server_set_hooks (CopServer *server, const CopServerHooks *hooks, gpointer data);

/**
 * cop_server_add_handlers:
 * @program: made known to the server by this; may be given several times with other handlers
 * @handlers: (nullable): closed by { 0 }; not copied
 *
 * To be called before the first connection.
 */
void cop_server_add_handlers (CopServer *server, const CopProgram *program,
                              const CopHandler *handlers);

/**
 * cop_server_listen:
 * @fd: (transfer full): a listening UNIX socket
 */
bool cop_server_listen (CopServer *server, int fd, CopServerSocketFlags flags, GError **error);

/**
 * cop_server_add_connection:
 * @fd: (transfer full): a connected socket, such as one end of a socketpair()
 *
 * Returns: (transfer full) (nullable): the connection
 */
CopServerConn *cop_server_add_connection (CopServer *server, int fd, CopServerSocketFlags flags,
                                          GError **error);

/* How many clients there are now. */
unsigned cop_server_count_connections (CopServer *server);

/**
 * cop_server_stop:
 *
 * Closes sockets and connections, and waits until no handler runs any more. To be called on the
 * I/O thread, outside of handlers.
 */
void cop_server_stop (CopServer *server);

/* Calls ---------------------------------------------------------------------------------------- */

/* What cop_server_new() was given. */
gpointer cop_server_call_get_data (CopServerCall *call);

/* (transfer none) */
CopServerConn *cop_server_call_get_conn (CopServerCall *call);
CopServer *cop_server_call_get_server (CopServerCall *call);

/* Descriptors that came with the call. Those not stolen are closed with it. */
unsigned cop_server_call_count_fds (CopServerCall *call);
int cop_server_call_steal_fd (CopServerCall *call, unsigned index);

/* @fd: (transfer full): sent with the reply; at most 32 */
void cop_server_call_add_fd (CopServerCall *call, int fd);

/**
 * cop_server_call_later:
 *
 * For quick handlers: whether they run on the I/O thread and shall not go on with what may wait.
 * The handler returns false at once then, without an error, and is called again by a worker.
 */
bool cop_server_call_later (CopServerCall *call);

/**
 * cop_server_call_defer:
 *
 * Makes the handler's return not the end of the call: the worker is free, and whoever waits for
 * something else ends it with cop_server_call_complete(). @args, @ret and the connection stay valid
 * until then. After it the handler returns true.
 *
 * Returns: (transfer full): @call
 */
CopServerCall *cop_server_call_defer (CopServerCall *call);

/* The struct that the handler was given as @ret. */
void *cop_server_call_get_ret (CopServerCall *call);

/**
 * cop_server_call_complete:
 * @call: (transfer full): as deferred, on any thread
 * @error: (transfer full) (nullable): why it failed; NULL: send @ret
 */
void cop_server_call_complete (CopServerCall *call, GError *error);

/**
 * cop_server_call_forbid_read_only:
 * For what only the arguments tell to be a change: fails on read-only connections.
 */
bool cop_server_call_forbid_read_only (CopServerCall *call, GError **error);

/* Connections ---------------------------------------------------------------------------------- */

typedef struct
{
  uid_t uid;
  gid_t gid;
  pid_t pid; /* 0: not known */
} CopPeer;

bool cop_server_conn_is_read_only (CopServerConn *conn);
CopPeer cop_server_conn_get_peer (CopServerConn *conn);
/* Whether descriptors can be passed: the transport is a UNIX socket. */
bool cop_server_conn_can_pass_fds (CopServerConn *conn);
/* Ends the connection; any thread. */
void cop_server_conn_close (CopServerConn *conn);

/* For the handlers of authentication and of opening: */
CopServerSocketFlags cop_server_conn_get_flags (CopServerConn *conn);
bool cop_server_conn_is_authenticated (CopServerConn *conn);
void cop_server_conn_set_authenticated (CopServerConn *conn);
/* Returns: false when it is open already */
bool cop_server_conn_open (CopServerConn *conn, bool read_only);
/* What CONNECT_CLOSE does: registrations are dropped, nothing but opening is possible.
 * Returns: whether it was open */
bool cop_server_conn_close_object (CopServerConn *conn);
/* From now on the client is pinged when it is silent. */
void cop_server_conn_enable_keepalive (CopServerConn *conn);

/* Events ----------------------------------------------------------------------------------------
 * Clients register for an event of a kind, for one object or all; each registration has a number
 * that is unique on its connection, and every event is sent once for each that matches. The first
 * member of an event's struct is the callback_id, which is filled in on the way. */

typedef enum
{
  COP_EVENT_DOMAIN,
  COP_EVENT_NETWORK,
  COP_EVENT_STORAGE_POOL,
  COP_EVENT_NODE_DEVICE,
  COP_EVENT_SECRET,
  COP_EVENT_MONITOR,
} CopEventClass;

/**
 * cop_server_call_register_event:
 * @event_id: of libvirt's, within the class
 * @object: (nullable): the object's UUID (16 bytes), or its name; NULL: all
 *
 * In force as soon as the call's reply is on its way, so that the client knows the number before
 * the first event with it.
 *
 * Returns: the callback id, or -1 and %COP_DRIVER_ERROR_INVALID_ARG when there are too many
 */
int32_t cop_server_call_register_event (CopServerCall *call, CopEventClass class, int32_t event_id,
                                        GBytes *object, GError **error);
bool cop_server_conn_deregister_event (CopServerConn *conn, CopEventClass class,
                                       int32_t callback_id, GError **error);

/**
 * cop_server_emit:
 * @object: (array length=object_length): what the event is about, as registered
 * @program: with @procedure, the message; see @event
 * @event: its struct
 *
 * Sends an event to all who registered for it; on any thread, never blocks. A client that does not
 * read loses its connection when too many are waiting.
 */
void cop_server_emit (CopServer *server, CopEventClass class, int32_t event_id, const void *object,
                      size_t object_length, const CopProgram *program, int32_t procedure,
                      const void *event);

/* The same to every connection, registered or not: private programs. */
void cop_server_broadcast (CopServer *server, const CopProgram *program, int32_t procedure,
                           const void *event);

/* Streams ---------------------------------------------------------------------------------------
 */

/* All may be NULL; told on the I/O thread and must not block. */
typedef struct
{
  /* The client confirmed its last byte (finish) or gave up (abort); or the connection is gone, or
   * cop_server_stream_abort() was called. Told once; the stream is over. */
  void (*closed) (CopServerStream *stream, bool finished, gpointer data);
} CopServerStreamHooks;

/**
 * cop_server_call_open_stream_fd:
 * @call: of a procedure with a stream
 * @fd: (transfer full): a socket, pipe or terminal; bytes run between it and the client both ways,
 *   as far as it can be read and written, a bounded number of them at a time. Its end of file is
 *   the stream's end of data.
 *
 * The stream begins after the call's reply, and not at all if the call fails.
 *
 * Returns: (transfer full) (nullable): the stream, if only to abort it
 */
CopServerStream *cop_server_call_open_stream_fd (CopServerCall *call, int fd,
                                                 const CopServerStreamHooks *hooks, gpointer data,
                                                 GDestroyNotify destroy, GError **error);

/**
 * cop_server_call_open_stream_bytes:
 * Sends @bytes and then the end of data: a screenshot.
 */
bool cop_server_call_open_stream_bytes (CopServerCall *call, GBytes *bytes, GError **error);

/**
 * cop_server_stream_abort:
 * @error: (transfer full): sent to the client
 *
 * Ends the stream, on any thread; does nothing when it is over.
 */
void cop_server_stream_abort (CopServerStream *stream, GError *error);

CopServerStream *cop_server_stream_ref (CopServerStream *stream);
void cop_server_stream_unref (CopServerStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopServerStream, cop_server_stream_unref)
