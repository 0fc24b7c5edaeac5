/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An epoll instance as a source of a main loop.
 */
#include "driver/wire/poller.h"

#include <errno.h>
#include <glib-unix.h>
#include <unistd.h>

/* As many as are attended to before the main loop's other sources have their turn. */
#define BATCH 64

struct CopPoller
{
  GSource source;
  int epoll_fd;
  struct epoll_event batch[BATCH]; /* of the turn that is under way */
  int n_batch;
};

static gboolean
dispatch (GSource *source, G_GNUC_UNUSED GSourceFunc func, G_GNUC_UNUSED gpointer data)
{
  CopPoller *poller = (CopPoller *) source;

  poller->n_batch = epoll_wait (poller->epoll_fd, poller->batch, BATCH, 0);
  for (int i = 0; i < poller->n_batch; i++)
    {
      CopWatch *watch = poller->batch[i].data.ptr;

      if (watch != NULL)
        watch->ready (watch, poller->batch[i].events);
    }
  poller->n_batch = 0;
  return G_SOURCE_CONTINUE;
}

static void
finalize (GSource *source)
{
  close (((CopPoller *) source)->epoll_fd);
}

CopPoller *
cop_poller_new (GMainContext *context)
{
  static GSourceFuncs funcs = { .dispatch = dispatch, .finalize = finalize };
  GSource *source = g_source_new (&funcs, sizeof (CopPoller));
  CopPoller *poller = (CopPoller *) source;

  poller->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (poller->epoll_fd < 0)
    g_error ("epoll_create1: %s", g_strerror (errno));
  g_source_add_unix_fd (source, poller->epoll_fd, G_IO_IN);
  g_source_set_static_name (source, "wire");
  g_source_attach (source, context);
  return poller;
}

void
cop_poller_free (CopPoller *poller)
{
  g_source_destroy (&poller->source);
  g_source_unref (&poller->source);
}

int
cop_poller_add (CopPoller *poller, CopWatch *watch)
{
  struct epoll_event event = { .events = watch->events, .data.ptr = watch };

  return epoll_ctl (poller->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event);
}

void
cop_poller_rearm (CopPoller *poller, CopWatch *watch, uint32_t events)
{
  struct epoll_event event = { .events = events, .data.ptr = watch };

  watch->events = events;
  epoll_ctl (poller->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void
cop_poller_modify (CopPoller *poller, CopWatch *watch, uint32_t events)
{
  if (watch->events != events)
    cop_poller_rearm (poller, watch, events);
}

void
cop_poller_remove (CopPoller *poller, CopWatch *watch)
{
  epoll_ctl (poller->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
  for (int i = 0; i < poller->n_batch; i++)
    if (poller->batch[i].data.ptr == watch)
      poller->batch[i].data.ptr = NULL;
}
