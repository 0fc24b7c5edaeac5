/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Block back end on threads of our own, for hosts that do not allow io_uring.
 *
 *   submit --> todo --> worker: the system call --> done --> reap
 *
 * Threads start when there is work for them, up to a few.
 */
#include "engine/block/block.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_THREADS 8

struct CopBlockBackend
{
  int       fd, event_fd;       /* (unowned) */
  GMutex    lock;
  GCond     todo_added;         /* for workers */
  GCond     done_added;         /* for a reap that waits */
  CopBlockQueue todo, done;         /* guarded by lock */
  unsigned  idle;               /* threads that wait; guarded by lock */
  bool      closing;            /* guarded by lock */
  GThread  *threads[MAX_THREADS];
  unsigned  n_threads;
};

/* Returns: bytes, or a negative errno */
static int
perform (int fd, const CopBlockCall *call)
{
  ssize_t got = -1;

  switch (call->kind)
    {
    case COP_BLOCK_CALL_READV:
      got = preadv2 (fd, call->iov, call->n_iov, call->offset, call->flags);
      break;
    case COP_BLOCK_CALL_WRITEV:
      got = pwritev2 (fd, call->iov, call->n_iov, call->offset, call->flags);
      break;
    case COP_BLOCK_CALL_FDATASYNC:
      got = fdatasync (fd);
      break;
    case COP_BLOCK_CALL_FALLOCATE:
      got = fallocate (fd, call->flags, call->offset, call->length);
      break;
    }
  return got < 0 ? -errno : (int)MIN (got, INT_MAX);
}

/* The lock is held. */
static void
add_done (CopBlockBackend *backend, CopBlockRequest *request)
{
  bool first = backend->done.first == NULL;

  cop_block_queue_add (&backend->done, request);
  g_cond_signal (&backend->done_added);
  if (first)
    eventfd_write (backend->event_fd, 1);
}

static gpointer
work (gpointer data)
{
  CopBlockBackend *backend = data;
  sigset_t all;

  /* Signals are for the threads of the program. This includes SIGXFSZ: to reach the limit of file
     sizes is an error for the guest. */
  sigfillset (&all);
  pthread_sigmask (SIG_BLOCK, &all, NULL);

  g_mutex_lock (&backend->lock);
  for (;;)
    {
      CopBlockRequest *request = cop_block_queue_take (&backend->todo);

      if (request == NULL)
        {
          if (backend->closing)
            break;
          backend->idle++;
          g_cond_wait (&backend->todo_added, &backend->lock);
          backend->idle--;
          continue;
        }

      g_mutex_unlock (&backend->lock);
      request->result = perform (backend->fd, &request->call);
      g_mutex_lock (&backend->lock);
      add_done (backend, request);
    }
  g_mutex_unlock (&backend->lock);
  return NULL;
}

/* One more worker, or false when the host has no more threads. */
static bool
start_thread (CopBlockBackend *backend)
{
  GThread *thread = g_thread_try_new ("disk", work, backend, NULL);

  if (thread == NULL)
    return false;
  backend->threads[backend->n_threads++] = thread;
  return true;
}

static CopBlockBackend *
threads_open (int fd, int event_fd)
{
  CopBlockBackend *backend = g_new0 (CopBlockBackend, 1);

  backend->fd = fd;
  backend->event_fd = event_fd;
  g_mutex_init (&backend->lock);
  g_cond_init (&backend->todo_added);
  g_cond_init (&backend->done_added);
  cop_block_queue_init (&backend->todo);
  cop_block_queue_init (&backend->done);
  return backend;
}

static void
threads_close (CopBlockBackend *backend)
{
  g_mutex_lock (&backend->lock);
  backend->closing = true;
  g_cond_broadcast (&backend->todo_added);
  g_mutex_unlock (&backend->lock);
  for (unsigned i = 0; i < backend->n_threads; i++)
    g_thread_join (backend->threads[i]);
  g_cond_clear (&backend->done_added);
  g_cond_clear (&backend->todo_added);
  g_mutex_clear (&backend->lock);
  g_free (backend);
}

static void
threads_submit (CopBlockBackend *backend, CopBlockRequest *request)
{
  g_mutex_lock (&backend->lock);
  if (backend->idle == 0 && backend->n_threads < MAX_THREADS && !start_thread (backend) &&
      backend->n_threads == 0)
    {
      /* Nobody would ever do it. */
      request->result = -ENOMEM;
      add_done (backend, request);
    }
  else
    {
      cop_block_queue_add (&backend->todo, request);
      g_cond_signal (&backend->todo_added);
    }
  g_mutex_unlock (&backend->lock);
}

static void
threads_kick (CopBlockBackend *backend)
{
  (void)backend; /* submit() has told the workers already */
}

static CopBlockRequest *
threads_reap (CopBlockBackend *backend, unsigned timeout_ms)
{
  int64_t until =
    timeout_ms > 0 ? g_get_monotonic_time () + timeout_ms * G_TIME_SPAN_MILLISECOND : 0;
  CopBlockRequest *request;

  g_mutex_lock (&backend->lock);
  while ((request = cop_block_queue_take (&backend->done)) == NULL && timeout_ms > 0)
    if (!g_cond_wait_until (&backend->done_added, &backend->lock, until))
      timeout_ms = 0;
  g_mutex_unlock (&backend->lock);
  return request;
}

const CopBlockBackendOps cop_block_threads_ops = {
  .name = "threads",
  .open = threads_open,
  .close = threads_close,
  .submit = threads_submit,
  .kick = threads_kick,
  .reap = threads_reap,
};
