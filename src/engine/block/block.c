/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From requests to system calls: what is left of a short transfer goes again, what the host cannot
 * do natively is done with what it can, and what fails is logged with the image's name.
 *
 *   READ          preadv,  again until all is there; end of file inside the image is an error
 *   WRITE         pwritev, again until all is gone
 *   FLUSH         fdatasync
 *   DISCARD       fallocate: punch a hole; where that is not possible nothing need be done
 *   WRITE_ZEROES  fallocate: punch a hole, or zero; where not possible: pwritev of zeroes
 */
#include "engine/block/block.h"

#include "common/fd.h"
#include "common/units.h"
#include "engine/iov.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* Up to this a transfer is tried on the submitting thread first. */
#define FOREGROUND_MAX (32 * COP_KIB)

/* How often a call that was interrupted or found no resources is made again. */
#define MAX_RETRIES 100

/* Whoever frees a disk has waited for its requests already, or has none. */
#define FREE_PATIENCE_MS 1000

/* A window of zeroes to write from: one page many times. */
#define ZERO_BYTES 16384
#define ZERO_SEGMENTS 64

static const uint8_t zeroes[ZERO_BYTES];
static struct iovec zero_iov[ZERO_SEGMENTS];

static const CopBlockBackendOps *const backends[] = { &cop_block_uring_ops,
                                                      &cop_block_threads_ops };

static const char *const op_names[] = {
  [COP_BLOCK_READ] = "read",
  [COP_BLOCK_WRITE] = "write",
  [COP_BLOCK_FLUSH] = "flush",
  [COP_BLOCK_DISCARD] = "discard",
  [COP_BLOCK_WRITE_ZEROES] = "write zeroes",
};

static bool
image_size (int fd, uint64_t *size, const char *label, GError **error)
{
  struct stat st;

  if (fstat (fd, &st) < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "disk %s: cannot look at it: %s", label, g_strerror (errno));
      return false;
    }
  if (S_ISREG (st.st_mode))
    {
      *size = st.st_size;
      return true;
    }
  if (S_ISBLK (st.st_mode) && ioctl (fd, BLKGETSIZE64, size) == 0)
    return true;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               "disk %s: neither a regular file nor a block device; give it a raw image", label);
  return false;
}

static gpointer
fill_zero_iov (gpointer data)
{
  (void)data;
  for (unsigned i = 0; i < ZERO_SEGMENTS; i++)
    zero_iov[i] = (struct iovec){ .iov_base = (void *)zeroes, .iov_len = ZERO_BYTES };
  return NULL;
}

CopBlock *
cop_block_new (int fd, bool readonly, const char *label, const CopBlockBackendOps *ops,
               GError **error)
{
  static GOnce once = G_ONCE_INIT;
  g_autofree CopBlock *block = g_new0 (CopBlock, 1);
  const CopBlockBackendOps *const *choices = ops != NULL ? &ops : backends;
  unsigned n_choices = ops != NULL ? 1 : G_N_ELEMENTS (backends);
  cop_autofd int event_fd = -1;

  g_once (&once, fill_zero_iov, NULL);
  if (!image_size (fd, &block->file_size, label, error))
    return NULL;

  event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  for (unsigned i = 0; event_fd >= 0 && i < n_choices && block->backend == NULL; i++)
    {
      block->ops = choices[i];
      block->backend = choices[i]->open (fd, event_fd);
    }
  if (block->backend == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                   ops == &cop_block_uring_ops
                     ? "disk %s: the host does not allow io_uring; use threads"
                     : "disk %s: the host has no descriptors or threads left; close some",
                   label);
      return NULL;
    }

  /* The guest sees whole sectors; the tail of the last one reads as zero. */
  block->size =
    (block->file_size + COP_BLOCK_SECTOR_SIZE - 1) & ~(uint64_t)(COP_BLOCK_SECTOR_SIZE - 1);
  block->fd = fd;
  block->event_fd = cop_fd_steal (&event_fd);
  block->readonly = readonly;
  cop_block_queue_init (&block->at_once);
  block->label = g_strdup (label);
  return g_steal_pointer (&block);
}

bool
cop_block_resize (CopBlock *block, uint64_t size, GError **error)
{
  struct stat status;
  uint64_t now;

  if (block->readonly || size % COP_BLOCK_SECTOR_SIZE != 0 || size == 0 || size > INT64_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   block->readonly ? "disk %s is read-only: it keeps its size"
                                   : "disk %s: its size has to be whole sectors of 512 bytes",
                   block->label);
      return false;
    }
  if (fstat (block->fd, &status) < 0 ||
      (S_ISREG (status.st_mode) && ftruncate (block->fd, (off_t) size) < 0))
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "disk %s cannot be resized: %s", block->label, g_strerror (errno));
      return false;
    }
  if (!image_size (block->fd, &now, block->label, error))
    return false;
  if (now != size)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "block device %s has %" G_GUINT64_FORMAT " bytes; resize it first, and then say "
                   "that size",
                   block->label, (guint64) now);
      return false;
    }
  block->size = block->file_size = size;
  return true;
}

/* Whether the call could be made without waiting; its result is in request->result then. */
static bool
call_at_once (CopBlock *block, CopBlockRequest *request)
{
  const CopBlockCall *call = &request->call;
  ssize_t got;

  if (call->background)
    return false;
  if (call->kind == COP_BLOCK_CALL_READV)
    got = preadv2 (block->fd, call->iov, call->n_iov, call->offset, RWF_NOWAIT);
  else if (call->kind == COP_BLOCK_CALL_WRITEV && !block->no_nowait_write)
    {
      got = pwritev2 (block->fd, call->iov, call->n_iov, call->offset, RWF_NOWAIT);
      if (got < 0 && errno == EOPNOTSUPP)
        block->no_nowait_write = true;
    }
  else
    return false;
  request->result = got;
  return got > 0;
}

/* Sends request->call on its way. */
static void
make_call (CopBlock *block, CopBlockRequest *request)
{
  if (call_at_once (block, request))
    cop_block_queue_add (&block->at_once, request);
  else
    block->ops->submit (block->backend, request);
}

/* Fills request->call with the next step of @request; the first, or after @finished bytes. */
static void
prepare (CopBlockRequest *request)
{
  CopBlockCall *call = &request->call;
  uint64_t left = request->length - request->finished;

  *call = (CopBlockCall){ .offset = request->offset + request->finished,
                          .length = left,
                          .background = true };
  switch (request->op)
    {
    case COP_BLOCK_READ:
    case COP_BLOCK_WRITE:
      call->kind = request->op == COP_BLOCK_READ ? COP_BLOCK_CALL_READV : COP_BLOCK_CALL_WRITEV;
      call->flags = request->durable ? RWF_DSYNC : 0;
      call->background = left > FOREGROUND_MAX || request->durable || request->retries > 0;
      call->iov = request->iov;
      call->n_iov = request->n_iov;
      if (request->finished > 0)
        {
          if (request->rest == NULL)
            request->rest = g_new (struct iovec, request->n_iov);
          call->n_iov =
            cop_iov_slice (request->iov, request->n_iov, request->finished, left, request->rest);
          call->iov = request->rest;
        }
      break;
    case COP_BLOCK_FLUSH:
      call->kind = COP_BLOCK_CALL_FDATASYNC;
      break;
    case COP_BLOCK_DISCARD:
      call->kind = COP_BLOCK_CALL_FALLOCATE;
      call->flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
      break;
    case COP_BLOCK_WRITE_ZEROES:
      call->kind = COP_BLOCK_CALL_FALLOCATE;
      call->flags =
        (request->unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE) | FALLOC_FL_KEEP_SIZE;
      break;
    }
}

/* The next step of writing zeroes where fallocate cannot. */
static void
prepare_zero_write (CopBlockRequest *request)
{
  uint64_t left = request->length - request->finished;
  uint64_t length = MIN (left, sizeof zeroes * ZERO_SEGMENTS);

  if (request->rest == NULL)
    request->rest = g_new (struct iovec, ZERO_SEGMENTS);
  request->call = (CopBlockCall){
    .kind = COP_BLOCK_CALL_WRITEV,
    .offset = request->offset + request->finished,
    .length = length,
    .iov = request->rest,
    .n_iov = cop_iov_slice (zero_iov, ZERO_SEGMENTS, 0, length, request->rest),
    .background = true,
  };
}

void
cop_block_submit (CopBlock *block, CopBlockRequest *request)
{
  request->block = block;
  request->finished = 0;
  request->retries = 0;
  request->rest = NULL;
  block->in_flight++;
  prepare (request);
  make_call (block, request);
}

void
cop_block_kick (CopBlock *block)
{
  block->ops->kick (block->backend);
}

static void
log_failure (CopBlock *block, const CopBlockRequest *request, int result)
{
  g_autofree char *tail = NULL;
  unsigned suppressed;

  if (!cop_rate_limit_allow (&block->log_limit, g_get_monotonic_time (), &suppressed))
    return;
  tail = cop_rate_limit_tail (suppressed);
  g_message ("disk %s: %s of %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT
             ": %s; the guest gets an I/O error%s",
             block->label, op_names[request->op], request->length, request->offset,
             result == -ENODATA ? "the image is shorter than it was" : g_strerror (-result), tail);
}

/* A read met the end of the file: right in the last sector of a file of odd size, otherwise
   somebody has truncated the image. */
static int
at_end_of_file (CopBlock *block, CopBlockRequest *request)
{
  static const uint8_t nothing[COP_BLOCK_SECTOR_SIZE];
  uint64_t left = request->length - request->finished;

  if (request->offset + request->finished < block->file_size)
    return -ENODATA;
  if (left >= COP_BLOCK_SECTOR_SIZE)
    return -ENODATA;
  cop_iov_write (request->iov, request->n_iov, request->finished, nothing, left);
  return 0;
}

static bool
not_supported (int result)
{
  return result == -EOPNOTSUPP || result == -ENOSYS || result == -ENOTTY || result == -EINVAL ||
         result == -ENODEV;
}

/* Looks at what the call brought. Returns: whether @request is finished; *result then is 0 or a
   negative errno; otherwise request->call is the next step. */
static bool
advance (CopBlock *block, CopBlockRequest *request, int *result)
{
  int got = request->result;

  *result = got < 0 ? got : 0;
  if (got == -EINTR || got == -EAGAIN || got == -ECANCELED)
    {
      /* The thread that submitted it went away, or the kernel was short of something. */
      if (request->retries++ >= MAX_RETRIES)
        {
          *result = -EIO;
          return true;
        }
      request->call.background = true;
      return false;
    }

  switch (request->call.kind)
    {
    case COP_BLOCK_CALL_READV:
    case COP_BLOCK_CALL_WRITEV:
      if (got < 0)
        return true;
      if (got == 0 && request->op == COP_BLOCK_READ)
        {
          *result = at_end_of_file (block, request);
          return true;
        }
      if (got == 0)
        {
          *result = -EIO;
          return true;
        }
      request->finished += MIN ((uint64_t)got, request->length - request->finished);
      if (request->finished == request->length)
        return true;
      if (request->op == COP_BLOCK_WRITE_ZEROES)
        prepare_zero_write (request);
      else
        prepare (request);
      return false;

    case COP_BLOCK_CALL_FALLOCATE:
      if (!not_supported (got))
        return true;
      if (request->op == COP_BLOCK_DISCARD)
        {
          *result = 0;
          return true;
        }
      prepare_zero_write (request);
      return false;

    case COP_BLOCK_CALL_FDATASYNC:
      break;
    }
  return true;
}

/* One finished call. */
static bool
finish_step (CopBlock *block, CopBlockRequest *request)
{
  int result;

  if (!advance (block, request, &result))
    {
      make_call (block, request);
      return false;
    }
  if (result < 0)
    log_failure (block, request, result);
  g_clear_pointer (&request->rest, g_free);
  block->in_flight--;
  request->done (request, result);
  return true;
}

/* Returns: (nullable): a request whose call is finished */
static CopBlockRequest *
take_finished (CopBlock *block, unsigned timeout_ms)
{
  CopBlockRequest *request = cop_block_queue_take (&block->at_once);

  return request != NULL ? request : block->ops->reap (block->backend, timeout_ms);
}

unsigned
cop_block_reap (CopBlock *block)
{
  CopBlockRequest *request;
  unsigned count = 0;

  while ((request = take_finished (block, 0)) != NULL)
    count += finish_step (block, request);
  cop_block_kick (block);
  return count;
}

bool
cop_block_drain (CopBlock *block, unsigned patience_ms)
{
  while (block->in_flight > 0)
    {
      CopBlockRequest *request;

      cop_block_kick (block);
      request = take_finished (block, patience_ms);
      if (request == NULL)
        return false;
      finish_step (block, request);
    }
  return true;
}

void
cop_block_warn_stuck (const CopBlock *block)
{
  g_warning ("disk %s: the host does not answer; given up: %u requests, of which those that write "
             "may still reach the image",
             block->label, block->in_flight);
}

bool
cop_block_free (CopBlock *block)
{
  /* Threads and the kernel may use these for as long as the process lives. */
  static GMutex lock;
  static GSList *left_behind;

  if (block == NULL)
    return true;
  if (!cop_block_drain (block, FREE_PATIENCE_MS))
    {
      cop_block_warn_stuck (block);
      g_mutex_lock (&lock);
      left_behind = g_slist_prepend (left_behind, block);
      g_mutex_unlock (&lock);
      return false;
    }
  block->ops->close (block->backend);
  close (block->event_fd);
  close (block->fd);
  g_free (block->label);
  g_free (block);
  return true;
}
