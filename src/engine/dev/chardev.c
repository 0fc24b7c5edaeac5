/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The host side of a serial line.
 *
 * One GSource on the I/O thread's context serves it: its ready time is that of the next flush or of
 * giving up on a stuck reader, and descriptors are added to it only while there is something to
 * wait for (a hung-up descriptor would otherwise wake the thread without end).
 *
 *   in    watched while connected, open, and the device has room; a socket is otherwise watched for
 *         its hanging up
 *   out   watched while the ring holds bytes that it did not take
 *   listen  watched while there is no client
 */
#include "engine/dev/chardev.h"
#include "common/fd.h"
#include "engine/counters.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define RING_SIZE (64u * 1024)
#define FLUSH_DELAY_US 1000
#define STALL_US (500 * 1000)
/* How often a terminal whose other side is closed is tried again. */
#define REOPEN_US (250 * 1000)
/* What a pipe that polls writable takes without blocking. */
#define CHUNK 4096u
/* At the end: for a reader to take what is in the ring, and what is in the terminal. */
#define LINGER_MS 1000
/* How often to look whether it has. */
#define LOOK_UP_MS 2
/* Bytes of the log written at once. */
#define LOG_SIZE 16384u

struct CopChardev
{
  GMutex               lock;    /* guards what follows, but for what is the I/O thread's alone */
  GMainContext        *context; /* (owned) */
  GSource             *source;  /* (owned) */
  const CopChardevOps *ops;     /* (nullable) until connected */
  gpointer             data;

  int                  in_fd, out_fd, listen_fd; /* (owned); in_fd may equal out_fd; -1: closed */
  bool                 out_is_socket;
  int                  restore_flags; /* of out_fd, to set again when it is closed; -1: none */
  gpointer in_tag, hup_tag, out_tag, listen_tag; /* NULL: not watched */

  bool                 input_paused; /* atomic: the device has no room */
  bool                 writer_waits; /* a write was not taken whole */
  bool reads; /* there was a descriptor to read from at first */
  bool told_open; /* what ops->opened was told last */
  bool                 dropping;     /* the reader is given up on */
  int64_t              flush_at;     /* monotonic us; -1: no flush is due */
  int64_t              stalled_at;   /* when the reader is given up on; -1: it reads */
  int64_t              retry_in_at;  /* when in_fd is watched again; -1: not */
  uint64_t             dropped;      /* bytes */

  int                  log_fd;       /* (owned): -1: none, or it failed */
  GByteArray          *log;          /* (owned) (nullable): not yet written to log_fd */
  CopCounters         *counters;     /* (unowned) (nullable) */

  unsigned             ring_head, ring_len;
  uint8_t              ring[RING_SIZE];
};

typedef struct
{
  GSource     parent;
  CopChardev *chardev;
} ChardevSource;

/* Descriptors */

static void
unwatch (CopChardev *chardev, gpointer *tag)
{
  if (*tag != NULL)
    g_source_remove_unix_fd (chardev->source, *tag);
  *tag = NULL;
}

static void
watch (CopChardev *chardev, gpointer *tag, int fd, GIOCondition condition)
{
  if (*tag == NULL && fd >= 0)
    *tag = g_source_add_unix_fd (chardev->source, fd, condition);
}

static void
watch_in (CopChardev *chardev)
{
  unwatch (chardev, &chardev->hup_tag);
  if (chardev->ops != NULL && !chardev->input_paused && chardev->retry_in_at < 0)
    watch (chardev, &chardev->in_tag, chardev->in_fd, G_IO_IN);
}

/* Makes writes to @fd return at once. Descriptors of terminals and pipes are often shared with other
   programs, which would not expect to find theirs non-blocking: those are opened anew. */
static int
make_nonblocking (CopChardev *chardev, int fd)
{
  struct stat status;
  int flags;

  if (fstat (fd, &status) < 0)
    return fd;
  chardev->out_is_socket = S_ISSOCK (status.st_mode);
  if (chardev->out_is_socket || S_ISREG (status.st_mode))
    return fd;

  if (fd != chardev->in_fd)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
      int own = open (path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

      if (own >= 0)
        {
          close (fd);
          return own;
        }
    }
  flags = fcntl (fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0 && fcntl (fd, F_SETFL, flags | O_NONBLOCK) == 0)
    chardev->restore_flags = flags;
  return fd;
}

static void
close_in (CopChardev *chardev)
{
  unwatch (chardev, &chardev->in_tag);
  unwatch (chardev, &chardev->hup_tag);
  chardev->retry_in_at = -1;
  if (chardev->in_fd != chardev->out_fd)
    cop_fd_clear (&chardev->in_fd);
  chardev->in_fd = -1;
}

static void
close_out (CopChardev *chardev)
{
  unwatch (chardev, &chardev->out_tag);
  chardev->ring_len = 0;
  chardev->dropping = false;
  chardev->stalled_at = chardev->flush_at = -1;
  if (chardev->restore_flags >= 0 && chardev->out_fd >= 0)
    fcntl (chardev->out_fd, F_SETFL, chardev->restore_flags);
  chardev->restore_flags = -1;
  if (chardev->out_fd != chardev->in_fd)
    cop_fd_clear (&chardev->out_fd);
  chardev->out_fd = -1;
}

static void
drop_client (CopChardev *chardev)
{
  close_out (chardev);
  close_in (chardev);
  watch (chardev, &chardev->listen_tag, chardev->listen_fd, G_IO_IN);
}

static void
accept_client (CopChardev *chardev)
{
  int fd = accept4 (chardev->listen_fd, NULL, NULL, SOCK_CLOEXEC);

  if (fd < 0)
    return; /* it is gone again, or another process took it */
  unwatch (chardev, &chardev->listen_tag);
  chardev->in_fd = chardev->out_fd = fd;
  chardev->out_is_socket = true;
  watch_in (chardev);
}

/* The lock is held. */
static bool
is_open (const CopChardev *chardev)
{
  return chardev->in_fd >= 0 || (chardev->listen_fd < 0 && !chardev->reads);
}

bool
cop_chardev_is_open (CopChardev *chardev)
{
  bool open;

  g_mutex_lock (&chardev->lock);
  open = is_open (chardev);
  g_mutex_unlock (&chardev->lock);
  return open;
}

/* Output */

/* Writes what is held of the log. The lock is held. */
static void
flush_log (CopChardev *chardev)
{
  size_t done = 0;

  if (chardev->log_fd < 0 || chardev->log->len == 0)
    return;
  while (done < chardev->log->len)
    {
      ssize_t written = write (chardev->log_fd, chardev->log->data + done, chardev->log->len - done);

      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        {
          g_warning ("cannot write the console's log: %s; it ends here", g_strerror (errno));
          cop_fd_clear (&chardev->log_fd);
          break;
        }
      done += (size_t)written;
    }
  g_byte_array_set_size (chardev->log, 0);
}

/* Keeps a copy of what the device wrote, whether or not somebody listens. The lock is held. */
static void
copy_output (CopChardev *chardev, const uint8_t *bytes, size_t length)
{
  CopCounters *counters = chardev->counters;

  if (counters != NULL)
    {
      uint64_t at = counters->console_written;

      for (size_t i = length > COP_COUNTERS_CONSOLE ? length - COP_COUNTERS_CONSOLE : 0; i < length;
           i++)
        counters->console[(at + i) % COP_COUNTERS_CONSOLE] = bytes[i];
      __atomic_store_n (&counters->console_written, at + length, __ATOMIC_RELEASE);
    }
  if (chardev->log_fd < 0)
    return;
  g_byte_array_append (chardev->log, bytes, (guint)length);
  if (chardev->log->len >= LOG_SIZE)
    flush_log (chardev);
  else if (chardev->flush_at < 0)
    chardev->flush_at = g_get_monotonic_time () + FLUSH_DELAY_US;
}

/* write() without SIGPIPE, for descriptors that are no sockets. */
static ssize_t
write_quietly (int fd, const void *bytes, size_t length)
{
  const struct timespec at_once = { 0 };
  sigset_t pipe_signal, old, pending;
  bool was_pending;
  ssize_t written;
  int saved;

  sigemptyset (&pipe_signal);
  sigaddset (&pipe_signal, SIGPIPE);
  sigpending (&pending);
  was_pending = sigismember (&pending, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &pipe_signal, &old);
  written = write (fd, bytes, length);
  saved = errno;
  if (written < 0 && saved == EPIPE && !was_pending)
    sigtimedwait (&pipe_signal, NULL, &at_once);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  errno = saved;
  return written;
}

typedef enum
{
  DRAINED,                      /* the ring is empty */
  WOULD_BLOCK,
  CLOSED,                       /* nobody will ever read it */
} DrainResult;

/* Writes from the ring what the reader takes now. The lock is held. */
static DrainResult
drain (CopChardev *chardev)
{
  while (chardev->ring_len > 0)
    {
      const uint8_t *from = chardev->ring + chardev->ring_head;
      size_t length = MIN (chardev->ring_len, RING_SIZE - chardev->ring_head);
      ssize_t written;

      length = MIN (length, CHUNK);
      do
        written = chardev->out_is_socket
                    ? send (chardev->out_fd, from, length, MSG_DONTWAIT | MSG_NOSIGNAL)
                    : write_quietly (chardev->out_fd, from, length);
      while (written < 0 && errno == EINTR);

      if (written < 0)
        {
          if (errno == EAGAIN || errno == EWOULDBLOCK)
            return WOULD_BLOCK;
          if (errno != EPIPE && errno != ECONNRESET && errno != EIO)
            g_warning ("cannot write console output: %s; it is dropped from here on",
                       g_strerror (errno));
          return CLOSED;
        }
      chardev->ring_head = (chardev->ring_head + (unsigned) written) % RING_SIZE;
      chardev->ring_len -= (unsigned) written;
      chardev->dropping = false;
      chardev->stalled_at = -1;
    }
  return DRAINED;
}

static void
update_ready_time (CopChardev *chardev)
{
  int64_t ready = G_MAXINT64;

  if (chardev->flush_at >= 0)
    ready = MIN (ready, chardev->flush_at);
  if (chardev->stalled_at >= 0)
    ready = MIN (ready, chardev->stalled_at);
  if (chardev->retry_in_at >= 0)
    ready = MIN (ready, chardev->retry_in_at);
  if (ready == G_MAXINT64)
    ready = -1;
  if (g_source_get_ready_time (chardev->source) != ready)
    g_source_set_ready_time (chardev->source, ready);
}

/* Drains, and sees to it that the rest is drained later. The lock is held. */
static void
flush_some (CopChardev *chardev)
{
  chardev->flush_at = -1;
  flush_log (chardev);
  if (chardev->out_fd < 0)
    return;

  switch (drain (chardev))
    {
    case DRAINED:
      unwatch (chardev, &chardev->out_tag);
      break;
    case WOULD_BLOCK:
      watch (chardev, &chardev->out_tag, chardev->out_fd, G_IO_OUT);
      break;
    case CLOSED:
      if (chardev->listen_fd >= 0)
        drop_client (chardev);
      else
        close_out (chardev);
      break;
    }
}

size_t
cop_chardev_write (CopChardev *chardev, const uint8_t *bytes, size_t length)
{
  size_t taken = 0;

  g_mutex_lock (&chardev->lock);
  if (chardev->out_fd < 0)
    taken = length;             /* a wire with nobody at the other end */
  else
    {
      while (taken < length && chardev->ring_len < RING_SIZE)
        {
          unsigned tail = (chardev->ring_head + chardev->ring_len) % RING_SIZE;
          size_t room = MIN (RING_SIZE - tail, RING_SIZE - chardev->ring_len);
          size_t part = MIN (room, length - taken);

          memcpy (chardev->ring + tail, bytes + taken, part);
          chardev->ring_len += part;
          taken += part;
        }
      if (taken < length && chardev->dropping)
        {
          chardev->dropped += length - taken;
          taken = length;
        }

      /* While out is watched the flush comes by itself. */
      if (chardev->flush_at < 0 && chardev->out_tag == NULL && chardev->ring_len > 0)
        chardev->flush_at = g_get_monotonic_time () + FLUSH_DELAY_US;
      if (chardev->flush_at > 0 && chardev->ring_len > RING_SIZE / 2)
        chardev->flush_at = 0;
      if (taken < length)
        {
          chardev->writer_waits = true;
          if (chardev->stalled_at < 0)
            chardev->stalled_at = g_get_monotonic_time () + STALL_US;
        }
    }
  copy_output (chardev, bytes, taken);
  update_ready_time (chardev);
  g_mutex_unlock (&chardev->lock);
  return taken;
}

bool
cop_chardev_flush (CopChardev *chardev, unsigned timeout_ms)
{
  int64_t deadline = g_get_monotonic_time () + (int64_t) timeout_ms * 1000;
  bool done;

  g_mutex_lock (&chardev->lock);
  flush_log (chardev);
  while (chardev->out_fd >= 0 && drain (chardev) == WOULD_BLOCK)
    {
      struct pollfd poll_fd = { .fd = chardev->out_fd, .events = POLLOUT };
      int64_t left_us = deadline - g_get_monotonic_time ();

      if (left_us <= 0)
        break;
      /* With the lock held: writers wait with us, for as long as the caller said. */
      poll (&poll_fd, 1, (int) (left_us / 1000 + 1));
    }
  done = chardev->ring_len == 0;
  g_mutex_unlock (&chardev->lock);
  return done;
}

uint64_t
cop_chardev_dropped (CopChardev *chardev)
{
  uint64_t dropped;

  g_mutex_lock (&chardev->lock);
  dropped = chardev->dropped;
  g_mutex_unlock (&chardev->lock);
  return dropped;
}

/* Input; on the I/O thread */

static void
input_ended (CopChardev *chardev, bool hung_up)
{
  g_mutex_lock (&chardev->lock);
  if (chardev->listen_fd >= 0)
    drop_client (chardev);
  else if (hung_up)
    {
      unwatch (chardev, &chardev->in_tag);
      chardev->retry_in_at = g_get_monotonic_time () + REOPEN_US;
    }
  else
    close_in (chardev);
  g_mutex_unlock (&chardev->lock);
}

static void
read_input (CopChardev *chardev)
{
  uint8_t bytes[512];
  size_t room;
  ssize_t length;

  room = chardev->ops->can_receive (chardev->data);
  if (room == 0)
    {
      g_mutex_lock (&chardev->lock);
      __atomic_store_n (&chardev->input_paused, true, __ATOMIC_SEQ_CST);
      unwatch (chardev, &chardev->in_tag);
      if (chardev->out_is_socket && chardev->in_fd == chardev->out_fd)
        watch (chardev, &chardev->hup_tag, chardev->in_fd, G_IO_HUP);
      g_mutex_unlock (&chardev->lock);
      /* Room that came before input_paused was set went unheard. */
      if (chardev->ops->can_receive (chardev->data) > 0)
        cop_chardev_accept_input (chardev);
      return;
    }

  do
    length = read (chardev->in_fd, bytes, MIN (room, sizeof (bytes)));
  while (length < 0 && errno == EINTR);

  if (length > 0)
    chardev->ops->receive (chardev->data, bytes, (size_t) length);
  else if (length == 0 || errno != EAGAIN)
    /* A pty's other side may be opened again. */
    input_ended (chardev, length < 0 && errno == EIO);
}

/* The other side has gone while the device has no room: to be known at once, for the next client's
   sake, unless something it said is still to be read. */
static void
input_hung_up (CopChardev *chardev)
{
  uint8_t byte;
  bool ended;

  g_mutex_lock (&chardev->lock);
  unwatch (chardev, &chardev->hup_tag);
  ended = recv (chardev->in_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  g_mutex_unlock (&chardev->lock);
  if (ended)
    input_ended (chardev, false);
}

void
cop_chardev_accept_input (CopChardev *chardev)
{
  if (!__atomic_load_n (&chardev->input_paused, __ATOMIC_SEQ_CST))
    return;
  g_mutex_lock (&chardev->lock);
  __atomic_store_n (&chardev->input_paused, false, __ATOMIC_SEQ_CST);
  watch_in (chardev);
  g_mutex_unlock (&chardev->lock);
}

/* Tells the device who has come or gone since it was told last. */
static void
tell_opened (CopChardev *chardev)
{
  bool open, changed;

  g_mutex_lock (&chardev->lock);
  open = is_open (chardev);
  changed = open != chardev->told_open;
  chardev->told_open = open;
  g_mutex_unlock (&chardev->lock);
  if (changed && chardev->ops->opened != NULL)
    chardev->ops->opened (chardev->data, open);
}

/* The source */

static gboolean
dispatch (GSource *source, G_GNUC_UNUSED GSourceFunc callback, G_GNUC_UNUSED gpointer user_data)
{
  CopChardev *chardev = ((ChardevSource *) source)->chardev;
  int64_t now = g_source_get_time (source);
  bool writable, has_input, hung_up;

  g_mutex_lock (&chardev->lock);
  if (chardev->listen_tag != NULL && g_source_query_unix_fd (source, chardev->listen_tag) != 0)
    accept_client (chardev);

  if (chardev->stalled_at >= 0 && chardev->stalled_at <= now)
    {
      chardev->stalled_at = -1;
      chardev->dropping = true;
    }
  if (chardev->retry_in_at >= 0 && chardev->retry_in_at <= now)
    {
      chardev->retry_in_at = -1;
      watch_in (chardev);
    }
  if ((chardev->flush_at >= 0 && chardev->flush_at <= now) ||
      (chardev->out_tag != NULL && g_source_query_unix_fd (source, chardev->out_tag) != 0))
    flush_some (chardev);

  writable = chardev->writer_waits &&
             (chardev->ring_len < RING_SIZE || chardev->dropping || chardev->out_fd < 0);
  if (writable)
    chardev->writer_waits = false;
  /* Asked last: a client that is dropped above takes its input with it. */
  has_input = chardev->in_tag != NULL && g_source_query_unix_fd (source, chardev->in_tag) != 0;
  hung_up = chardev->hup_tag != NULL && g_source_query_unix_fd (source, chardev->hup_tag) != 0;
  g_mutex_unlock (&chardev->lock);

  if (hung_up)
    input_hung_up (chardev);
  if (writable)
    chardev->ops->writable (chardev->data);
  if (has_input)
    read_input (chardev);

  tell_opened (chardev);

  g_mutex_lock (&chardev->lock);
  update_ready_time (chardev);
  g_mutex_unlock (&chardev->lock);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = { .dispatch = dispatch };

CopChardev *
cop_chardev_new (CopConsoleConfig *config, GMainContext *context)
{
  CopChardev *chardev = g_new0 (CopChardev, 1);

  g_mutex_init (&chardev->lock);
  chardev->context = context != NULL ? g_main_context_ref (context) : NULL;
  chardev->flush_at = chardev->stalled_at = chardev->retry_in_at = -1;
  chardev->restore_flags = -1;

  chardev->in_fd = config->in_fd;
  chardev->out_fd = config->out_fd;
  chardev->listen_fd = config->listen_fd;
  chardev->log_fd = config->log_fd;
  chardev->counters = config->counters;
  if (chardev->log_fd >= 0)
    chardev->log = g_byte_array_sized_new (LOG_SIZE);
  chardev->reads = chardev->in_fd >= 0;
  config->in_fd = config->out_fd = config->listen_fd = config->log_fd = -1;
  if (chardev->out_fd >= 0)
    chardev->out_fd = make_nonblocking (chardev, chardev->out_fd);

  chardev->source = g_source_new (&source_funcs, sizeof (ChardevSource));
  ((ChardevSource *) chardev->source)->chardev = chardev;
  g_source_set_static_name (chardev->source, "chardev");
  return chardev;
}

/* Bytes that were written to the pseudo-terminal @fd and nobody has read; 0 when nobody has it
 * open. */
static int
unread_of_terminal (int fd)
{
  struct pollfd poll_fd = { .fd = fd };
  cop_autofd int peer = -1;
  int unread = 0;

  if (poll (&poll_fd, 1, 0) < 0 || (poll_fd.revents & POLLHUP) != 0)
    return 0;
  peer = ioctl (fd, TIOCGPTPEER, O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  return peer >= 0 && ioctl (peer, FIONREAD, &unread) == 0 ? unread : 0;
}

/* A pseudo-terminal forgets what was not read when our side of it is closed: its reader gets a
   moment to read it. Twice nothing, since bytes are for a moment in neither of the kernel's two
   buffers. */
static void
linger (CopChardev *chardev)
{
  int64_t until = g_get_monotonic_time () + LINGER_MS * G_TIME_SPAN_MILLISECOND;
  unsigned n_empty = 0;

  if (chardev->out_fd < 0 || chardev->out_is_socket || isatty (chardev->out_fd) != 1)
    return;
  while (n_empty < 2 && g_get_monotonic_time () < until)
    {
      n_empty = unread_of_terminal (chardev->out_fd) > 0 ? 0 : n_empty + 1;
      g_usleep (LOOK_UP_MS * G_TIME_SPAN_MILLISECOND);
    }
}

void
cop_chardev_free (CopChardev *chardev)
{
  if (chardev == NULL)
    return;

  cop_chardev_flush (chardev, LINGER_MS);
  linger (chardev);
  g_source_destroy (chardev->source);
  g_source_unref (chardev->source);
  chardev->in_tag = chardev->hup_tag = chardev->out_tag = chardev->listen_tag = NULL;
  close_out (chardev);
  close_in (chardev);
  cop_fd_clear (&chardev->listen_fd);
  cop_fd_clear (&chardev->log_fd);
  g_clear_pointer (&chardev->log, g_byte_array_unref);
  g_clear_pointer (&chardev->context, g_main_context_unref);
  g_mutex_clear (&chardev->lock);
  g_free (chardev);
}

void
cop_chardev_connect (CopChardev *chardev, const CopChardevOps *ops, gpointer data)
{
  g_mutex_lock (&chardev->lock);
  chardev->ops = ops;
  chardev->data = data;
  chardev->told_open = is_open (chardev);
  g_source_attach (chardev->source, chardev->context);
  if (chardev->listen_fd >= 0)
    watch (chardev, &chardev->listen_tag, chardev->listen_fd, G_IO_IN);
  watch_in (chardev);
  g_mutex_unlock (&chardev->lock);
}
