/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The thread that translates while harts go on.
 */
#include "engine/jit/background.h"

#include <pthread.h>
#include <signal.h>

/* Of each kind. A hart that comes to a full queue does its job itself, which is what slows down
   harts that make work faster than one thread can do it. */
#define QUEUE_LENGTH 64

typedef struct
{
  CopJitJob jobs[QUEUE_LENGTH]; /* a ring */
  unsigned first, n;
} Queue;

struct CopJitBackground
{
  CopJitWork work;
  gpointer data;
  GMutex lock;
  GCond pushed, idle;
  Queue queues[COP_JIT_JOB_LAST]; /* guarded by lock */
  GThread *thread; /* (owned) (nullable): guarded by lock */
  bool failed, working, closing; /* guarded by lock */
};

static CopJitJob *
job_at (Queue *queue, unsigned i)
{
  return &queue->jobs[(queue->first + i) % QUEUE_LENGTH];
}

/* The next job. False: there is none. The lock is held. */
static bool
take (CopJitBackground *background, CopJitJob *job)
{
  for (unsigned kind = 0; kind < COP_JIT_JOB_LAST; kind++)
    {
      Queue *queue = &background->queues[kind];

      if (queue->n == 0)
        continue;
      *job = *job_at (queue, 0);
      queue->first = (queue->first + 1) % QUEUE_LENGTH;
      queue->n--;
      return true;
    }
  return false;
}

static gpointer
run (gpointer data)
{
  CopJitBackground *background = data;
  CopJitJob job;
  sigset_t all;

  /* Signals are for the threads of the program. */
  sigfillset (&all);
  pthread_sigmask (SIG_BLOCK, &all, NULL);

  g_mutex_lock (&background->lock);
  while (!background->closing)
    {
      if (!take (background, &job))
        {
          g_cond_wait (&background->pushed, &background->lock);
          continue;
        }
      background->working = true;
      g_mutex_unlock (&background->lock);
      background->work (background->data, &job);
      g_mutex_lock (&background->lock);
      background->working = false;
      g_cond_broadcast (&background->idle);
    }
  g_mutex_unlock (&background->lock);
  return NULL;
}

CopJitBackground *
cop_jit_background_new (CopJitWork work, gpointer data)
{
  CopJitBackground *background = g_new0 (CopJitBackground, 1);

  background->work = work;
  background->data = data;
  g_mutex_init (&background->lock);
  g_cond_init (&background->pushed);
  g_cond_init (&background->idle);
  return background;
}

void
cop_jit_background_free (CopJitBackground *background)
{
  if (background == NULL)
    return;
  g_mutex_lock (&background->lock);
  background->closing = true;
  g_cond_signal (&background->pushed);
  g_mutex_unlock (&background->lock);
  if (background->thread != NULL)
    g_thread_join (background->thread);
  g_cond_clear (&background->pushed);
  g_cond_clear (&background->idle);
  g_mutex_clear (&background->lock);
  g_free (background);
}

/* Starts the thread. False when the host has no more of them. The lock is held. */
static bool
has_thread (CopJitBackground *background)
{
  if (background->thread == NULL && !background->failed)
    {
      background->thread = g_thread_try_new ("cop-translator", run, background, NULL);
      background->failed = background->thread == NULL;
    }
  return background->thread != NULL;
}

static bool
is_queued (Queue *queue, const CopJitJob *job)
{
  for (unsigned i = 0; i < queue->n; i++)
    if (job_at (queue, i)->gpa == job->gpa && job_at (queue, i)->mode == job->mode)
      return true;
  return false;
}

bool
cop_jit_background_push (CopJitBackground *background, const CopJitJob *job)
{
  Queue *queue = &background->queues[job->kind];
  bool queued;

  g_mutex_lock (&background->lock);
  queued = is_queued (queue, job);
  if (!queued && queue->n < QUEUE_LENGTH && has_thread (background))
    {
      *job_at (queue, queue->n) = *job;
      queue->n++;
      queued = true;
      g_cond_signal (&background->pushed);
    }
  g_mutex_unlock (&background->lock);
  return queued;
}

void
cop_jit_background_drain (CopJitBackground *background)
{
  g_mutex_lock (&background->lock);
  for (unsigned kind = 0; kind < COP_JIT_JOB_LAST; kind++)
    background->queues[kind].n = 0;
  while (background->working)
    g_cond_wait (&background->idle, &background->lock);
  g_mutex_unlock (&background->lock);
}
