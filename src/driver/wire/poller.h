/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Many descriptors in one GMainContext at the price of one: an epoll instance behind a GSource. A
 * main loop of its own accord asks the kernel about each descriptor on every turn.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

typedef struct CopPoller CopPoller;
typedef struct CopWatch CopWatch;

struct CopWatch
{
  int fd;
  uint32_t events; /* EPOLLIN, EPOLLOUT */
  /* On the context's thread. May remove and free any watch, also this one. */
  void (*ready) (CopWatch *watch, uint32_t events);
};

CopPoller *cop_poller_new (GMainContext *context);
void cop_poller_free (CopPoller *poller);

/* Errors: EPERM for what cannot be waited for, such as a regular file. Returns: 0 or -1 with errno
 */
int cop_poller_add (CopPoller *poller, CopWatch *watch);

/* Any thread; guarded by whatever guards the watch. */
void cop_poller_modify (CopPoller *poller, CopWatch *watch, uint32_t events);

/* The same for a watch with EPOLLONESHOT, which each event switches off. */
void cop_poller_rearm (CopPoller *poller, CopWatch *watch, uint32_t events);

/* On the context's thread; @watch is not called any more. To be done before the descriptor closes.
 */
void cop_poller_remove (CopPoller *poller, CopWatch *watch);
