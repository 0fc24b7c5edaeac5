/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Storage that does not answer before it is told to.
 *
 *   submit --> asked --(test_stuck_set (false))--> the system call --> done --> reap
 */
#include "stuck.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Of all disks: there is one in a test. */
static GMutex lock;
static GCond asked_more, done_more, reap_waits;
static CopBlockQueue asked, done; /* guarded by lock */
static GSList *never_taken;
static unsigned n_asked; /* guarded by lock */
static unsigned n_reaping; /* guarded by lock */
static bool is_stuck; /* guarded by lock */

struct CopBlockBackend
{
  int fd, event_fd; /* (unowned) */
};

static CopBlockBackend *the_backend; /* (unowned) */

/* The lock is held. */
static void
perform (CopBlockBackend *backend, CopBlockRequest *request)
{
  const CopBlockCall *call = &request->call;
  ssize_t got = 0;

  if (call->kind == COP_BLOCK_CALL_READV)
    got = preadv (backend->fd, call->iov, (int) call->n_iov, (off_t) call->offset);
  else if (call->kind == COP_BLOCK_CALL_WRITEV)
    got = pwritev (backend->fd, call->iov, (int) call->n_iov, (off_t) call->offset);
  request->result = got < 0 ? -errno : (int) got;
  cop_block_queue_add (&done, request);
  g_cond_broadcast (&done_more);
  eventfd_write (backend->event_fd, 1);
}

static CopBlockBackend *
stuck_open (int fd, int event_fd)
{
  the_backend = g_new0 (CopBlockBackend, 1);
  *the_backend = (CopBlockBackend){ fd, event_fd };
  /* Of a disk that did not wait for them. */
  if (done.first != NULL)
    never_taken = g_slist_prepend (never_taken, done.first);
  cop_block_queue_init (&asked);
  cop_block_queue_init (&done);
  n_asked = 0;
  return the_backend;
}

static void
stuck_close (CopBlockBackend *backend)
{
  g_assert_null (asked.first);
  the_backend = NULL;
  g_free (backend);
}

static void
stuck_submit (CopBlockBackend *backend, CopBlockRequest *request)
{
  g_mutex_lock (&lock);
  if (!is_stuck)
    perform (backend, request);
  else
    {
      cop_block_queue_add (&asked, request);
      n_asked++;
      g_cond_broadcast (&asked_more);
    }
  g_mutex_unlock (&lock);
}

static void
stuck_kick (CopBlockBackend *backend)
{
  (void) backend;
}

static CopBlockRequest *
stuck_reap (CopBlockBackend *backend, unsigned timeout_ms)
{
  int64_t until = g_get_monotonic_time () + timeout_ms * G_TIME_SPAN_MILLISECOND;
  bool waits = timeout_ms > 0;
  CopBlockRequest *request;

  (void) backend;
  g_mutex_lock (&lock);
  n_reaping += waits;
  g_cond_broadcast (&reap_waits);
  while ((request = cop_block_queue_take (&done)) == NULL && timeout_ms > 0)
    if (!g_cond_wait_until (&done_more, &lock, until))
      timeout_ms = 0;
  n_reaping -= waits;
  g_mutex_unlock (&lock);
  return request;
}

void
test_stuck_set (bool stuck)
{
  CopBlockRequest *request;

  g_mutex_lock (&lock);
  is_stuck = stuck;
  while (!stuck && (request = cop_block_queue_take (&asked)) != NULL)
    {
      n_asked--;
      perform (the_backend, request);
    }
  g_mutex_unlock (&lock);
}

void
test_stuck_wait (unsigned n)
{
  g_mutex_lock (&lock);
  while (n_asked < n)
    g_cond_wait (&asked_more, &lock);
  g_mutex_unlock (&lock);
}

void
test_stuck_wait_for_reap (void)
{
  g_mutex_lock (&lock);
  while (n_reaping == 0)
    g_cond_wait (&reap_waits, &lock);
  g_mutex_unlock (&lock);
}

const CopBlockBackendOps test_stuck_ops = {
  .name = "stuck",
  .open = stuck_open,
  .close = stuck_close,
  .submit = stuck_submit,
  .kick = stuck_kick,
  .reap = stuck_reap,
};
