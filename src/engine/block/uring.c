/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Block back end on io_uring.
 *
 * What is in the background goes straight to a kernel thread, so that no hart copies for long;
 * small transfers that missed the page cache need no thread while they wait. Completions write the
 * event descriptor.
 *
 * A thread that ends takes its requests with it (ECANCELED); block.c submits them again.
 */
#include "engine/block/block.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>

/* How soon to submit again what the kernel did not take. */
#define RETRY_MS 10

struct CopBlockBackend
{
  struct io_uring ring;
  int             fd, event_fd; /* (unowned) */
  unsigned        unsubmitted;
};

static CopBlockBackend *
uring_open (int fd, int event_fd)
{
  g_autofree CopBlockBackend *backend = g_new0 (CopBlockBackend, 1);
  struct io_uring_params params = { .flags = IORING_SETUP_CLAMP };

  if (io_uring_queue_init_params (COP_BLOCK_MAX_IN_FLIGHT, &backend->ring, &params) < 0)
    return NULL;
  /* Without NODROP a full completion queue would lose requests; all kernels with the calls used
     here have it. */
  if ((params.features & IORING_FEAT_NODROP) == 0 || params.sq_entries < COP_BLOCK_MAX_IN_FLIGHT ||
      io_uring_register_eventfd (&backend->ring, event_fd) < 0)
    {
      io_uring_queue_exit (&backend->ring);
      return NULL;
    }
  backend->fd = fd;
  backend->event_fd = event_fd;
  return g_steal_pointer (&backend);
}

static void
uring_close (CopBlockBackend *backend)
{
  io_uring_queue_exit (&backend->ring);
  g_free (backend);
}

static void
uring_submit (CopBlockBackend *backend, CopBlockRequest *request)
{
  const CopBlockCall *call = &request->call;
  struct io_uring_sqe *sqe = io_uring_get_sqe (&backend->ring);

  /* There are as many entries as requests may be in flight. */
  g_assert (sqe != NULL);
  switch (call->kind)
    {
    case COP_BLOCK_CALL_READV:
      io_uring_prep_readv2 (sqe, backend->fd, call->iov, call->n_iov, call->offset, call->flags);
      break;
    case COP_BLOCK_CALL_WRITEV:
      io_uring_prep_writev2 (sqe, backend->fd, call->iov, call->n_iov, call->offset, call->flags);
      break;
    case COP_BLOCK_CALL_FDATASYNC:
      io_uring_prep_fsync (sqe, backend->fd, IORING_FSYNC_DATASYNC);
      break;
    case COP_BLOCK_CALL_FALLOCATE:
      io_uring_prep_fallocate (sqe, backend->fd, call->flags, call->offset, call->length);
      break;
    }
  if (call->background)
    sqe->flags |= IOSQE_ASYNC;
  io_uring_sqe_set_data (sqe, request);
  backend->unsubmitted++;
}

static void
uring_kick (CopBlockBackend *backend)
{
  while (backend->unsubmitted > 0)
    {
      int submitted = io_uring_submit (&backend->ring);

      if (submitted == -EINTR)
        continue;
      if (submitted <= 0)
        {
          /* The kernel is short of memory for now: the I/O thread tries again. */
          eventfd_write (backend->event_fd, 1);
          return;
        }
      backend->unsubmitted -= MIN ((unsigned)submitted, backend->unsubmitted);
    }
}

static CopBlockRequest *
uring_reap (CopBlockBackend *backend, unsigned timeout_ms)
{
  int64_t until = timeout_ms > 0 ? g_get_monotonic_time () / 1000 + timeout_ms : 0;
  struct io_uring_cqe *cqe;
  CopBlockRequest *request;

  while (io_uring_peek_cqe (&backend->ring, &cqe) != 0)
    {
      int64_t left_ms = timeout_ms > 0 ? until - g_get_monotonic_time () / 1000 : 0;
      struct pollfd ring = { .fd = backend->ring.ring_fd, .events = POLLIN };

      uring_kick (backend);
      if (left_ms <= 0)
        return NULL;
      /* The kernel may have been short of memory for what is still to be submitted. */
      poll (&ring, 1, (int) (backend->unsubmitted > 0 ? MIN (left_ms, RETRY_MS) : left_ms));
    }
  request = io_uring_cqe_get_data (cqe);
  request->result = cqe->res;
  io_uring_cqe_seen (&backend->ring, cqe);
  return request;
}

const CopBlockBackendOps cop_block_uring_ops = {
  .name = "io_uring",
  .open = uring_open,
  .close = uring_close,
  .submit = uring_submit,
  .kick = uring_kick,
  .reap = uring_reap,
};
