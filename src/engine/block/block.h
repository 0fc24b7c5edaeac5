/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A disk image as the block device sees it: requests in, completions out, nothing that waits.
 *
 *   cop_block_submit ... cop_block_kick --> io_uring or threads --> event_fd --> cop_block_reap
 *   (a hart, or whoever has the lock)                              (I/O thread)   request->done
 *
 * Small transfers that the page cache can serve are done inside cop_block_submit(): to wake a thread
 * would take longer than to copy. So whoever kicks also reaps.
 *
 * The owner's lock guards a CopBlock and all requests of it; only the back end's own threads and
 * the kernel work without it.
 */
#pragma once

#include "common/ratelimit.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define COP_BLOCK_SECTOR_SIZE 512
#define COP_BLOCK_MAX_IN_FLIGHT 128

typedef struct CopBlock CopBlock;
typedef struct CopBlockRequest CopBlockRequest;
typedef struct CopBlockBackend CopBlockBackend;

typedef enum
{
  COP_BLOCK_READ,
  COP_BLOCK_WRITE,
  COP_BLOCK_FLUSH,
  COP_BLOCK_DISCARD,
  COP_BLOCK_WRITE_ZEROES,
} CopBlockOp;

/* What back ends know how to do; each is one system call. */
typedef enum
{
  COP_BLOCK_CALL_READV,
  COP_BLOCK_CALL_WRITEV,
  COP_BLOCK_CALL_FDATASYNC,
  COP_BLOCK_CALL_FALLOCATE,
} CopBlockCallKind;

typedef struct
{
  CopBlockCallKind    kind;
  const struct iovec *iov;
  unsigned            n_iov;
  uint64_t            offset, length;   /* bytes of the file */
  int                 flags;            /* RWF_* of WRITEV; mode of FALLOCATE */
  bool                background;       /* long, or sure to wait: straight to a kernel thread */
} CopBlockCall;

struct CopBlockRequest
{
  CopBlockOp     op;
  bool           unmap;         /* WRITE_ZEROES may give space back */
  bool           durable;       /* WRITE: on the medium before done */
  uint64_t       offset, length;        /* bytes; inside the image */
  struct iovec  *iov;           /* (unowned) of READ and WRITE: @length bytes */
  unsigned       n_iov;
  /* Called once by cop_block_reap(): 0, or a negative errno. May submit and free requests. */
  void         (*done) (CopBlockRequest *request, int result);
  gpointer       data;

  /* Private. */
  CopBlock        *block;
  CopBlockCall     call;        /* under way */
  uint64_t         finished;    /* bytes */
  unsigned         retries;
  int              result;      /* of the call */
  struct iovec    *rest;        /* (owned) (nullable): what a short transfer left */
  CopBlockRequest *next;        /* in a CopBlockQueue */
};

/* Requests in order. */
typedef struct
{
  CopBlockRequest *first, **last;
} CopBlockQueue;

static inline void
cop_block_queue_init (CopBlockQueue *queue)
{
  queue->first = NULL;
  queue->last = &queue->first;
}

static inline void
cop_block_queue_add (CopBlockQueue *queue, CopBlockRequest *request)
{
  request->next = NULL;
  *queue->last = request;
  queue->last = &request->next;
}

/* Returns: (nullable): the first one */
static inline CopBlockRequest *
cop_block_queue_take (CopBlockQueue *queue)
{
  CopBlockRequest *request = queue->first;

  if (request != NULL)
    {
      queue->first = request->next;
      if (queue->first == NULL)
        queue->last = &queue->first;
    }
  return request;
}

/* Rows: io_uring where the kernel allows it, otherwise threads. */
typedef struct CopBlockBackendOps
{
  const char *name;
  /* (nullable): NULL when the host does not allow it. @event_fd: to be written when completions
     wait and nobody is in reap(). */
  CopBlockBackend *(*open) (int fd, int event_fd);
  /* Waits for nothing; no call is under way. */
  void (*close)  (CopBlockBackend *backend);
  /* Queues request->call. At most COP_BLOCK_MAX_IN_FLIGHT are under way. */
  void (*submit) (CopBlockBackend *backend, CopBlockRequest *request);
  /* Makes sure that all that is queued goes its way. */
  void (*kick)   (CopBlockBackend *backend);
  /* Waits up to @timeout_ms for one. Returns: (nullable): a finished request, result set */
  CopBlockRequest *(*reap) (CopBlockBackend *backend, unsigned timeout_ms);
} CopBlockBackendOps;

extern const CopBlockBackendOps cop_block_uring_ops;
extern const CopBlockBackendOps cop_block_threads_ops;

struct CopBlock
{
  const CopBlockBackendOps *ops;
  CopBlockBackend          *backend;    /* (owned) */
  int                       fd, event_fd;       /* (owned) */
  char                     *label;      /* (owned) */
  uint64_t                  size;       /* bytes that can be addressed: whole sectors */
  uint64_t                  file_size;  /* bytes of the file when it was opened */
  bool                      readonly;
  unsigned                  in_flight;
  CopBlockQueue             at_once;    /* finished without the back end */
  bool                      no_nowait_write;    /* the file system cannot try */
  CopRateLimit              log_limit;
};

/**
 * cop_block_new:
 * @fd: (transfer full) on success: a regular file or block device
 * @label: for messages
 * @ops: (nullable): back end; NULL for the best the host allows
 *
 * Errors: %G_IO_ERROR, naming @label.
 */
CopBlock *cop_block_new (int fd, bool readonly, const char *label, const CopBlockBackendOps *ops,
                         GError **error);

/**
 * cop_block_free:
 * Waits for what is in flight, but not for storage that does not answer: a @block with requests that
 * never end stays behind, with a warning, and so must the memory that they reach into.
 *
 * Returns: whether all is gone
 */
bool cop_block_free (CopBlock *block);

/**
 * cop_block_resize:
 * @size: bytes, whole sectors
 *
 * Makes a file so long; of a block device, takes note of what its size is by now.
 *
 * Errors: %G_IO_ERROR, naming the label: read-only, no room, or a device of another size.
 */
bool cop_block_resize (CopBlock *block, uint64_t size, GError **error);

/**
 * cop_block_submit:
 * @request: lives until its done(); op, offset, length, iov, done and data are set
 *
 * Begins @request, with the next cop_block_kick() at the latest. The caller keeps in_flight at or
 * below COP_BLOCK_MAX_IN_FLIGHT.
 */
void cop_block_submit (CopBlock *block, CopBlockRequest *request);
void cop_block_kick (CopBlock *block);

/* Finishes requests that are complete. Returns: how many */
unsigned cop_block_reap (CopBlock *block);

/* Waits until nothing is in flight, or nothing has come back for @patience_ms. Returns: whether
   nothing is in flight */
bool cop_block_drain (CopBlock *block, unsigned patience_ms);

/* Says in the log that the storage does not answer, and what becomes of what is in flight. */
void cop_block_warn_stuck (const CopBlock *block);
