/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The server: what it serves, where it listens, who is there, and its end.
 */
#include "driver/wire/server-private.h"

#include "common/fd.h"
#include "driver/error.h"

#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <signal.h>
#include <sys/socket.h>

/* Workers for plain calls. They exist while there is work; many wait for disks and guests. */
#define WORKERS_MAX 64
#define HI_WORKERS_MAX 5
/* How long accepting pauses when there is no room. */
#define ACCEPT_PAUSE_MS 200
#define TIMER_SECONDS 1

G_DEFINE_FINAL_TYPE (CopServer, cop_server, G_TYPE_OBJECT)

static void
run_call (gpointer call, G_GNUC_UNUSED gpointer data)
{
  cop_server_call_run (call);
}

static void
listener_free (gpointer data)
{
  CopServerListener *listener = data;

  cop_fd_clear (&listener->watch.fd);
  g_free (listener);
}

static void
program_clear (gpointer data)
{
  g_free ((gpointer) ((CopServerProgram *) data)->handlers);
}

static void
cop_server_finalize (GObject *object)
{
  CopServer *server = COP_SERVER (object);

  cop_poller_free (server->poller);
  g_array_unref (server->programs);
  g_ptr_array_unref (server->listeners);
  g_clear_pointer (&server->context, g_main_context_unref);
  g_mutex_clear (&server->lock);
  G_OBJECT_CLASS (cop_server_parent_class)->finalize (object);
}

static void
cop_server_class_init (CopServerClass *class)
{
  G_OBJECT_CLASS (class)->finalize = cop_server_finalize;
  /* Whoever writes to what the other side has closed is told by errno, not killed. */
  signal (SIGPIPE, SIG_IGN);
}

static void
cop_server_init (CopServer *server)
{
  g_mutex_init (&server->lock);
  g_queue_init (&server->conns);
  server->programs = g_array_new (FALSE, TRUE, sizeof (CopServerProgram));
  g_array_set_clear_func (server->programs, program_clear);
  server->listeners = g_ptr_array_new_with_free_func (listener_free);
  server->workers = g_thread_pool_new (run_call, server, WORKERS_MAX, FALSE, NULL);
  server->hi_workers = g_thread_pool_new (run_call, server, HI_WORKERS_MAX, FALSE, NULL);
}

CopServer *
cop_server_new (GMainContext *context, gpointer data)
{
  CopServer *server = g_object_new (COP_TYPE_SERVER, NULL);

  server->context = g_main_context_ref (context != NULL ? context : g_main_context_default ());
  server->poller = cop_poller_new (server->context);
  server->data = data;
  return server;
}

void
cop_server_set_hooks (CopServer *server, const CopServerHooks *hooks, gpointer data)
{
  server->hooks = hooks;
  server->hooks_data = data;
}

static CopServerProgram *
find_program (CopServer *server, uint32_t number)
{
  for (guint i = 0; i < server->programs->len; i++)
    {
      CopServerProgram *program = &g_array_index (server->programs, CopServerProgram, i);

      if (program->program->number == number)
        return program;
    }
  return NULL;
}

void
cop_server_add_handlers (CopServer *server, const CopProgram *program, const CopHandler *handlers)
{
  CopServerProgram *known = find_program (server, program->number);

  if (known == NULL)
    {
      CopServerProgram fresh = { .program = program };

      fresh.handlers = g_new0 (const CopHandler *, program->n_procedures);
      g_array_append_val (server->programs, fresh);
      known = find_program (server, program->number);
    }
  for (; handlers != NULL && handlers->func != NULL; handlers++)
    {
      g_return_if_fail (cop_program_find (program, handlers->procedure) != NULL);
      known->handlers[handlers->procedure] = handlers;
    }
}

const CopHandler *
cop_server_find (CopServer *server, const CopPacketHeader *header, const CopProgram **program,
                 const CopProcedure **procedure)
{
  CopServerProgram *known = find_program (server, header->program);

  *program = NULL;
  *procedure = NULL;
  if (known == NULL || header->version != known->program->version)
    return NULL;
  *program = known->program;
  *procedure = cop_program_find (known->program, header->procedure);
  return *procedure != NULL ? known->handlers[header->procedure] : NULL;
}

/* Connections ---------------------------------------------------------------------------------- */

/* Who is at the other end, as far as the kernel knows. */
static bool
find_peer (int fd, CopPeer *peer, bool *unix_socket)
{
  struct ucred cred;
  socklen_t length = sizeof cred;
  int domain = 0;
  socklen_t domain_length = sizeof domain;

  *peer = (CopPeer){ .uid = (uid_t) -1, .gid = (gid_t) -1 };
  *unix_socket =
    getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_length) == 0 && domain == AF_UNIX;
  if (!*unix_socket || getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) != 0)
    return false;
  *peer = (CopPeer){ cred.uid, cred.gid, cred.pid };
  return true;
}

static gboolean
timer_tick (gpointer data)
{
  CopServer *server = data;
  int64_t now = g_get_monotonic_time ();

  for (GList *l = server->conns.head, *next; l != NULL; l = next)
    {
      next = l->next;
      cop_server_conn_tick (l->data, now);
    }
  return G_SOURCE_CONTINUE;
}

static void
start_timer (CopServer *server)
{
  if (server->timer != NULL)
    return;
  server->timer = g_timeout_source_new_seconds (TIMER_SECONDS);
  g_source_set_callback (server->timer, timer_tick, server, NULL);
  g_source_attach (server->timer, server->context);
}

static void
stop_timer (GSource **timer)
{
  if (*timer == NULL)
    return;
  g_source_destroy (*timer);
  g_clear_pointer (timer, g_source_unref);
}

CopServerConn *
cop_server_add_connection (CopServer *server, int fd, CopServerSocketFlags flags, GError **error)
{
  cop_autofd int owned = fd;
  CopPeer peer;
  bool unix_socket;
  bool known = find_peer (fd, &peer, &unix_socket);
  CopServerConn *conn;

  if (server->stopped)
    {
      g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC,
                           _ ("the server is being stopped"));
      return NULL;
    }
  if ((flags & COP_SERVER_SOCKET_SAME_USER) != 0 &&
      (!known || (peer.uid != 0 && peer.uid != geteuid ())))
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_AUTH_FAILED,
                   _ ("user %d may not use this user's session"), (int) peer.uid);
      return NULL;
    }
  conn = cop_server_conn_new (server, cop_fd_steal (&owned), flags, &peer, unix_socket, error);
  if (conn == NULL)
    return NULL;

  g_mutex_lock (&server->lock);
  g_queue_push_tail_link (&server->conns, &conn->link);
  g_mutex_unlock (&server->lock);
  g_object_ref (conn); /* the list's */
  if (conn->stranger)
    server->n_strangers++;
  start_timer (server);
  if (server->hooks != NULL && server->hooks->opened != NULL)
    server->hooks->opened (conn, server->hooks_data);
  return conn;
}

void
cop_server_no_stranger (CopServerConn *conn)
{
  if (!conn->stranger)
    return;
  conn->stranger = false;
  conn->server->n_strangers--;
}

void
cop_server_remove_conn (CopServer *server, CopServerConn *conn)
{
  cop_server_no_stranger (conn);
  g_mutex_lock (&server->lock);
  g_queue_unlink (&server->conns, &conn->link);
  g_mutex_unlock (&server->lock);
  if (server->conns.length == 0)
    stop_timer (&server->timer);
  if (server->hooks != NULL && server->hooks->closed != NULL)
    server->hooks->closed (conn, server->hooks_data);
  g_object_unref (conn);
}

unsigned
cop_server_count_connections (CopServer *server)
{
  unsigned count;

  g_mutex_lock (&server->lock);
  count = server->conns.length;
  g_mutex_unlock (&server->lock);
  return count;
}

/* Keeps account of packets that have begun, and makes room by throwing out the slowest. */
void
cop_server_partial_changed (CopServer *server, CopServerConn *conn)
{
  /* Small ones cost nothing, and every packet is small at first. */
  size_t partial = conn->reader.have < COP_SERVER_STRANGER_PACKET ? 0 : conn->reader.allocated;
  CopServerConn *slowest = NULL;

  if (partial != 0 && conn->partial == 0)
    conn->partial_since = g_get_monotonic_time ();
  server->partial_bytes += partial - conn->partial;
  conn->partial = partial;
  if (server->partial_bytes <= COP_SERVER_PARTIAL_BYTES)
    return;

  for (GList *l = server->conns.head; l != NULL; l = l->next)
    {
      CopServerConn *other = l->data;

      if (other->partial != 0 && (slowest == NULL || other->partial_since < slowest->partial_since))
        slowest = other;
    }
  if (slowest != NULL)
    cop_server_conn_end (slowest, "too much memory is held by packets that have not ended");
}

/* Listening ------------------------------------------------------------------------------------ */

static void
watch_listeners (CopServer *server, bool accept)
{
  for (guint i = 0; i < server->listeners->len; i++)
    {
      CopServerListener *listener = g_ptr_array_index (server->listeners, i);

      cop_poller_modify (server->poller, &listener->watch, accept ? EPOLLIN : 0);
    }
}

static gboolean
accept_again (gpointer data)
{
  CopServer *server = data;

  stop_timer (&server->accept_timer);
  watch_listeners (server, true);
  return G_SOURCE_REMOVE;
}

static void
pause_accept (CopServer *server)
{
  if (server->accept_timer != NULL)
    return;
  watch_listeners (server, false);
  server->accept_timer = g_timeout_source_new (ACCEPT_PAUSE_MS);
  g_source_set_callback (server->accept_timer, accept_again, server, NULL);
  g_source_attach (server->accept_timer, server->context);
}

static void
warn_full (CopServer *server, int saved_errno)
{
  unsigned suppressed;

  if (cop_rate_limit_allow (&server->full_limit, g_get_monotonic_time (), &suppressed))
    g_warning ("no more clients are taken until others leave: %s; if these are all wanted, raise "
               "the limit of open files (LimitNOFILE= of the service)",
               g_strerror (saved_errno));
}

static void
listener_ready (CopWatch *watch, G_GNUC_UNUSED uint32_t events)
{
  CopServerListener *listener = (CopServerListener *) watch;
  CopServer *server = listener->server;
  g_autoptr (CopServerConn) conn = NULL;
  g_autoptr (GError) error = NULL;
  int fd;

  if (server->n_strangers >= COP_SERVER_STRANGERS_MAX)
    {
      pause_accept (server);
      return;
    }
  fd = accept4 (watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    {
      /* Out of descriptors or memory: the client waits in the backlog until somebody leaves. */
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        {
          warn_full (server, errno);
          pause_accept (server);
        }
      return;
    }
  conn = cop_server_add_connection (server, fd, listener->flags, &error);
  if (conn == NULL)
    g_info ("a client was refused: %s", error->message);
}

bool
cop_server_listen (CopServer *server, int fd, CopServerSocketFlags flags, GError **error)
{
  CopServerListener *listener = g_new0 (CopServerListener, 1);

  listener->watch = (CopWatch){ .fd = fd, .events = EPOLLIN, .ready = listener_ready };
  listener->server = server;
  listener->flags = flags;
  if (!g_unix_set_fd_nonblocking (fd, TRUE, error) ||
      cop_poller_add (server->poller, &listener->watch) != 0)
    {
      if (error != NULL && *error == NULL)
        cop_driver_error_set_errno (error, errno, _ ("cannot listen"));
      listener_free (listener);
      return false;
    }
  g_ptr_array_add (server->listeners, listener);
  return true;
}

void
cop_server_stop (CopServer *server)
{
  if (server->stopped)
    return;
  server->stopped = true;
  stop_timer (&server->accept_timer);
  for (guint i = 0; i < server->listeners->len; i++)
    cop_poller_remove (server->poller, g_ptr_array_index (server->listeners, i));
  g_ptr_array_set_size (server->listeners, 0);
  while (server->conns.head != NULL)
    cop_server_conn_end (server->conns.head->data, "the server stops");
  stop_timer (&server->timer);
  g_thread_pool_free (server->workers, FALSE, TRUE);
  g_thread_pool_free (server->hi_workers, FALSE, TRUE);
}
